/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Floppy drives and media: the geometry follows from the image's size. */

#include "fdc.h"

#include <string.h>

/* The usual formats, 2.88M to 160K, and those that squeeze more onto a disk. */
static const FloppyGeometry geometries[] = {
    /* 3.5" ED, 1 Mbit/s */
    {5760, 80, 2, 36, 3},
    {6240, 80, 2, 39, 3},
    {6400, 80, 2, 40, 3},
    {7040, 80, 2, 44, 3},
    {7680, 80, 2, 48, 3},
    /* 3.5" HD, 500 kbit/s */
    {2880, 80, 2, 18, 0},
    {3200, 80, 2, 20, 0},
    {3360, 80, 2, 21, 0},
    {3444, 82, 2, 21, 0},
    {3486, 83, 2, 21, 0},
    {3520, 80, 2, 22, 0},
    {3680, 80, 2, 23, 0},
    {3840, 80, 2, 24, 0},
    /* 5.25" HD, 500 kbit/s */
    {2400, 80, 2, 15, 0},
    {2952, 82, 2, 18, 0},
    {2988, 83, 2, 18, 0},
    /* 3.5" DD, 250 kbit/s */
    {1440, 80, 2, 9, 2},
    {1600, 80, 2, 10, 2},
    {1640, 82, 2, 10, 2},
    {1660, 83, 2, 10, 2},
    {1760, 80, 2, 11, 2},
    {2080, 80, 2, 13, 2},
    {2240, 80, 2, 14, 2},
    /* 5.25" DD in its own drive, 250 kbit/s */
    {720, 40, 2, 9, 2},
    {820, 41, 2, 10, 2},
    {840, 42, 2, 10, 2},
    {640, 40, 2, 8, 2},
    {360, 40, 1, 9, 2},
    {320, 40, 1, 8, 2},
};

static const FloppyGeometry *
floppy_find_geometry(uint32_t sectors)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(geometries); i++) {
        if (geometries[i].sectors == sectors) {
            return &geometries[i];
        }
    }
    return NULL;
}

/* An image of another size is what fits on a disk of 1.44M or 2.88M: the rest of the disk is missing, or that of the image out of reach. */
void
floppy_drive_medium(FloppyDrive *d)
{
    uint64_t length = d->blk && emu_block_backend_has_medium(d->blk) ? emu_block_backend_get_length(d->blk) : 0;
    uint64_t sectors = (length + FDC_SECTOR - 1) / FDC_SECTOR;
    const FloppyGeometry *geometry = floppy_find_geometry((uint32_t)MIN(sectors, UINT32_MAX));

    memset(d->deleted, 0, sizeof(d->deleted));
    d->geometry = (FloppyGeometry){0};
    if (sectors) {
        d->geometry = geometry ? *geometry : *floppy_find_geometry(sectors <= 2880 ? 2880 : 5760);
    }
}

/* Step pulses; the first one with a disk in the drive ends what the disk change line has to say. */
void
floppy_drive_step(FloppyDrive *d, int tracks)
{
    d->track = CLAMP(d->track + tracks, 0, FLOPPY_LAST_TRACK);
    if (tracks && d->geometry.sectors) {
        d->changed = false;
    }
}

bool
floppy_drive_is_protected(const FloppyDrive *d)
{
    return d->blk && emu_block_backend_is_read_only(d->blk);
}

bool
floppy_drive_is_deleted(const FloppyDrive *d, uint32_t sector)
{
    return d->deleted[sector / 8] >> (sector % 8) & 1;
}

void
floppy_drive_set_deleted(FloppyDrive *d, uint32_t sector, bool deleted)
{
    uint8_t bit = 1 << (sector % 8);

    d->deleted[sector / 8] = deleted ? d->deleted[sector / 8] | bit : d->deleted[sector / 8] & ~bit;
}

static void
floppy_change_media_cb(gpointer opaque, bool loaded G_GNUC_UNUSED)
{
    FloppyDrive *d = opaque;

    d->changed = true;
    floppy_drive_medium(d);
}

static const EmuBlockDeviceOps floppy_block_ops = {.change_media = floppy_change_media_cb};

static bool
floppy_realize(EmuDevice *dev, GError **error)
{
    FloppyDrive *d = (FloppyDrive *)dev;
    EmuMachine *machine = emu_device_get_machine(dev);

    d->fdc = ((FdcBus *)emu_device_get_bus(dev))->fdc;
    d->unit = d->unit_property != UINT32_MAX ? d->unit_property : d->fdc->drives[0] ? 1 : 0;
    if (d->drive_id) {
        d->blk = emu_machine_find_block_backend(machine, d->drive_id);
        if (!d->blk) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "floppy: there is no drive '%s'", d->drive_id);
            return false;
        }
        if (!emu_block_backend_attach(d->blk, dev, &floppy_block_ops, d, error)) {
            d->blk = NULL;
            return false;
        }
    }
    d->changed = true;
    floppy_drive_medium(d);
    d->fdc->drives[d->unit] = d;
    if (d->bootindex >= 0) {
        g_autofree char *suffix = g_strdup_printf("fdc@%04x/floppy@%u", d->fdc->iobase, d->unit);

        emu_machine_add_boot_device(machine, d->bootindex, dev, suffix);
    }
    return true;
}

static void
floppy_unrealize(EmuDevice *dev)
{
    FloppyDrive *d = (FloppyDrive *)dev;

    fdc_transfer_cancel(d->fdc);
    d->fdc->drives[d->unit] = NULL;
    if (d->blk) {
        emu_block_backend_detach(d->blk);
        d->blk = NULL;
    }
}

static void
floppy_reset_enter(EmuDevice *dev)
{
    ((FloppyDrive *)dev)->track = 0;
}

static void
floppy_init(gpointer self)
{
    FloppyDrive *d = self;

    d->bootindex = -1;
    d->unit_property = UINT32_MAX;
}

static const EmuProperty floppy_properties[] = {
    EMU_PROP_STRING("drive", FloppyDrive, drive_id, NULL, "id of the block back end; none: an empty drive"),
    EMU_PROP_UINT32("unit", FloppyDrive, unit_property, UINT32_MAX, "0 is A:, 1 is B:; default: the first free one"),
    EMU_PROP_INT32("bootindex", FloppyDrive, bootindex, -1, "place in the boot order, -1: none"),
};

static bool
floppy_post_load(gpointer self, unsigned version, GError **error)
{
    FloppyDrive *d = self;

    if (version < 2) {
        d->fdc->pcn[d->unit] = d->track; /* was one number */
        d->track = MIN(d->track, FLOPPY_LAST_TRACK);
    }
    if (d->track > FLOPPY_LAST_TRACK) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "floppy: saved track is %u, expected 0 to %d", d->track, FLOPPY_LAST_TRACK);
        return false;
    }
    return true;
}

static const EmuVMField floppy_fields[] = {
    EMU_VM_U8(FloppyDrive, track),
    EMU_VM_BOOL(FloppyDrive, changed),
    {.name = "deleted", .kind = EMU_VM_KIND_BUFFER, .offset = offsetof(FloppyDrive, deleted), .size = sizeof(((FloppyDrive *)0)->deleted), .num = 1, .since = 2},
    EMU_VM_END,
};

static const EmuVMState floppy_vmstate = {
    .name = "floppy",
    .version = 2,
    .minimum_version = 1,
    .fields = floppy_fields,
    .post_load = floppy_post_load,
};

static void
floppy_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;

    device->realize = floppy_realize;
    device->unrealize = floppy_unrealize;
    device->reset_enter = floppy_reset_enter;
    device->vmstate = &floppy_vmstate;
    device->bus_type = "floppy-bus";
    device->category = "storage";
    emu_object_class_add_properties(klass, floppy_properties, G_N_ELEMENTS(floppy_properties));
}

const EmuTypeInfo floppy_info = {
    .name = "floppy",
    .parent = "device",
    .instance_size = sizeof(FloppyDrive),
    .instance_init = floppy_init,
    .class_init = floppy_class_init,
    .description = "floppy disk drive",
};

static bool
floppy_bus_check(EmuBus *self, EmuDevice *dev, GError **error)
{
    Fdc *fdc = ((FdcBus *)self)->fdc;
    FloppyDrive *d = (FloppyDrive *)dev;

    if (d->unit_property != UINT32_MAX && d->unit_property >= FDC_DRIVES) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "floppy: unit is %u, expected 0 or 1", d->unit_property);
        return false;
    }
    if (d->unit_property == UINT32_MAX ? fdc->drives[0] && fdc->drives[1] : fdc->drives[d->unit_property] != NULL) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_DUPLICATE, "floppy: the unit asked for is in use, expected a free one of two");
        return false;
    }
    return true;
}

static void
floppy_bus_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuBusClass *bus = klass;

    bus->check = floppy_bus_check;
    bus->max_devices = FDC_DRIVES;
}

const EmuTypeInfo floppy_bus_info = {
    .name = "floppy-bus",
    .parent = "bus",
    .instance_size = sizeof(FdcBus),
    .class_init = floppy_bus_class_init,
    .description = "floppy drive cable",
};
