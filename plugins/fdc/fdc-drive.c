/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Floppy drives and media: the geometry follows from the image's size. */

#include "fdc.h"

static const FloppyGeometry geometries[] = {
    {2880, 80, 2, 18, 0, 4}, /* 1.44M */
    {5760, 80, 2, 36, 3, 5}, /* 2.88M */
    {2400, 80, 2, 15, 0, 2}, /* 1.2M */
    {1440, 80, 2, 9, 2, 3},  /* 720K */
    {720, 40, 2, 9, 2, 1},   /* 360K */
    {640, 40, 2, 8, 2, 1},   {360, 40, 1, 9, 2, 1},   {320, 40, 1, 8, 2, 1},   {3200, 80, 2, 20, 0, 4},
    {3360, 80, 2, 21, 0, 4}, {3444, 82, 2, 21, 0, 4}, {3486, 83, 2, 21, 0, 4}, {3520, 80, 2, 22, 0, 4},
    {3680, 80, 2, 23, 0, 4}, {3840, 80, 2, 24, 0, 4}, {1600, 80, 2, 10, 2, 3}, {1640, 82, 2, 10, 2, 3},
};

void
floppy_drive_medium(FloppyDrive *d)
{
    uint64_t sectors = d->blk && emu_block_backend_has_medium(d->blk)
                           ? (emu_block_backend_get_length(d->blk) + FDC_SECTOR - 1) / FDC_SECTOR
                           : 0;

    d->geometry = (FloppyGeometry){0};
    if (!sectors) {
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(geometries); i++) {
        if (geometries[i].sectors == sectors) {
            d->geometry = geometries[i];
            return;
        }
    }
    /* An image of another size is a 1.44M disk, the rest of which is missing or out of reach. */
    d->geometry = geometries[0];
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

static const EmuVMField floppy_fields[] = {
    EMU_VM_U8(FloppyDrive, track),
    EMU_VM_BOOL(FloppyDrive, changed),
    EMU_VM_END,
};

static const EmuVMState floppy_vmstate = {.name = "floppy", .version = 1, .minimum_version = 1, .fields = floppy_fields};

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
