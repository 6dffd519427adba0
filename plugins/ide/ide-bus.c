/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One channel: the command and control block registers that two drives share (ATA/ATAPI-6, chapter 7). */

#include "ide.h"

#include <string.h>

static IdeDrive *
selected(IdeBus *bus)
{
    return bus->drives[bus->unit];
}

/* A drive alone on its channel answers for the absent one with zero status; an empty channel floats high, pulled down on D7. */
static uint8_t
ide_bus_status(IdeBus *bus)
{
    IdeDrive *s = selected(bus);

    if (!bus->drives[0] && !bus->drives[1]) {
        return 0x7f;
    }
    return s ? s->status : 0;
}

/*
 * "Interrupt pending" is a state of each drive; what the host sees of it on INTRQ is that of the selected drive, while nIEN
 * is 0 (ATA/ATAPI-6, 5.2.9). So clearing nIEN, or selecting the drive, delivers what was held back.
 */
bool
ide_bus_is_requesting(const IdeBus *bus)
{
    const IdeDrive *s = bus->drives[bus->unit];

    return s && s->interrupt_pending && !(bus->control & IDE_CONTROL_NIEN);
}

void
ide_bus_update_irq(IdeBus *bus, bool was_requesting)
{
    bool requesting = ide_bus_is_requesting(bus);

    if (requesting && !was_requesting && bus->dma) {
        bus->dma->interrupt(bus->dma_opaque);
    }
    emu_line_set(bus->irq, requesting);
}

static void
ide_bus_lower_irq(IdeBus *bus)
{
    IdeDrive *s = selected(bus);

    if (s) {
        s->interrupt_pending = false;
    }
    emu_line_set(bus->irq, 0);
}

uint8_t
ide_bus_read(IdeBus *bus, unsigned reg)
{
    IdeDrive *s = selected(bus);
    bool hob = bus->control & IDE_CONTROL_HOB;

    if (reg == 7) {
        uint8_t status = ide_bus_status(bus);

        ide_bus_lower_irq(bus);
        return status;
    }
    if (!bus->drives[0] && !bus->drives[1]) {
        return 0xff;
    }
    if (!s) {
        return reg == 6 ? 0xa0 | bus->unit << 4 : 0;
    }
    switch (reg) {
    case 1:
        return hob ? s->hob_feature : s->error;
    case 2:
        return hob ? s->hob_nsector : s->nsector;
    case 3:
        return hob ? s->hob_sector : s->sector;
    case 4:
        return hob ? s->hob_lcyl : s->lcyl;
    case 5:
        return hob ? s->hob_hcyl : s->hcyl;
    case 6:
        return s->select;
    default:
        return 0xff;
    }
}

uint8_t
ide_bus_read_alternate(IdeBus *bus)
{
    return ide_bus_status(bus);
}

static void
ide_drive_write_register(IdeDrive *s, unsigned reg, uint8_t value)
{
    switch (reg) {
    case 1:
        s->hob_feature = s->feature;
        s->feature = value;
        break;
    case 2:
        s->hob_nsector = s->nsector;
        s->nsector = value;
        break;
    case 3:
        s->hob_sector = s->sector;
        s->sector = value;
        break;
    case 4:
        s->hob_lcyl = s->lcyl;
        s->lcyl = value;
        break;
    case 5:
        s->hob_hcyl = s->hcyl;
        s->hcyl = value;
        break;
    case 6:
        s->select = value | 0xa0;
        break;
    default:
        break;
    }
}

void
ide_bus_write(IdeBus *bus, unsigned reg, uint8_t value)
{
    IdeDrive *s = selected(bus);

    bus->control &= ~IDE_CONTROL_HOB;
    if (reg == 7) {
        /* A busy drive takes DEVICE RESET alone; EXECUTE DEVICE DIAGNOSTIC goes to both. */
        if (!s && value == IDE_CMD_DIAGNOSE) {
            s = bus->drives[!bus->unit]; /* also when the absent one is selected */
        }
        if (!s || ((s->status & (IDE_STATUS_BSY | IDE_STATUS_DRQ)) && value != 0x08)) {
            return;
        }
        ide_bus_lower_irq(bus);
        ide_drive_execute(s, value);
        return;
    }
    if (s && (s->status & IDE_STATUS_BSY)) {
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (bus->drives[i]) {
            ide_drive_write_register(bus->drives[i], reg, value);
        }
    }
    if (reg == 6) {
        bool was_requesting = ide_bus_is_requesting(bus);

        bus->unit = (value & IDE_DEVICE_UNIT) ? 1 : 0;
        ide_bus_update_irq(bus, was_requesting);
    }
}

void
ide_bus_write_control(IdeBus *bus, uint8_t value)
{
    bool was_reset = bus->control & IDE_CONTROL_SRST;
    bool is_reset = value & IDE_CONTROL_SRST, was_requesting = ide_bus_is_requesting(bus);

    for (unsigned i = 0; i < 2; i++) {
        IdeDrive *s = bus->drives[i];

        if (!s) {
            continue;
        }
        if (is_reset && !was_reset) {
            ide_drive_cancel(s);
            s->status = IDE_STATUS_BSY | IDE_STATUS_DSC;
            s->error = 1;
            s->interrupt_pending = false;
        } else if (!is_reset && was_reset) {
            s->select &= 0xe0;
            ide_drive_set_signature(s);
            s->status = s->is_cd ? 0 : IDE_STATUS_DRDY | IDE_STATUS_DSC;
        }
    }
    if (is_reset && !was_reset) {
        bus->unit = 0;
    }
    bus->control = value;
    ide_bus_update_irq(bus, was_requesting);
}

uint32_t
ide_bus_read_data(IdeBus *bus, unsigned size)
{
    IdeDrive *s = selected(bus);
    uint32_t value = 0;

    if (!s || !(s->status & IDE_STATUS_DRQ) || s->data_pos >= s->data_end || s->phase == IDE_PHASE_WRITE_DONE ||
        s->phase == IDE_PHASE_PACKET || s->phase == IDE_PHASE_ATAPI_SINK) {
        return 0;
    }
    size = MIN(size, s->data_end - s->data_pos); /* a wide access at an odd end */
    memcpy(&value, s->buffer + s->data_pos, size);
    s->data_pos += size;
    if (s->data_pos >= s->data_end) {
        ide_drive_phase_done(s);
    }
    return GUINT32_FROM_LE(value);
}

void
ide_bus_write_data(IdeBus *bus, uint32_t value, unsigned size)
{
    IdeDrive *s = selected(bus);

    if (!s || !(s->status & IDE_STATUS_DRQ) || s->data_pos >= s->data_end ||
        (s->phase != IDE_PHASE_WRITE_DONE && s->phase != IDE_PHASE_PACKET && s->phase != IDE_PHASE_ATAPI_SINK)) {
        return;
    }
    value = GUINT32_TO_LE(value);
    size = MIN(size, s->data_end - s->data_pos);
    memcpy(s->buffer + s->data_pos, &value, size);
    s->data_pos += size;
    if (s->data_pos >= s->data_end) {
        ide_drive_phase_done(s);
    }
}

void
ide_bus_reset(IdeBus *bus)
{
    bus->unit = 0;
    bus->control = 0;
    for (unsigned i = 0; i < 2; i++) {
        if (bus->drives[i]) {
            ide_drive_reset(bus->drives[i]);
        }
    }
    ide_bus_lower_irq(bus);
}

/* ---- ports --------------------------------------------------------------------------------------- */

static uint64_t
ide_command_read_cb(gpointer opaque, uint64_t offset, unsigned size)
{
    return offset == 0 ? ide_bus_read_data(opaque, size) : ide_bus_read(opaque, offset);
}

static void
ide_command_write_cb(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    if (offset == 0) {
        ide_bus_write_data(opaque, value, size);
    } else {
        ide_bus_write(opaque, offset, value);
    }
}

/* The data register takes 16 and 32 bits at offset 0; the others are bytes. */
static const EmuMemoryRegionOps ide_data_ops = {
    .read = ide_command_read_cb,
    .write = ide_command_write_cb,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 4,
};

static uint64_t
ide_register_read_cb(gpointer opaque, uint64_t offset, unsigned size G_GNUC_UNUSED)
{
    return ide_bus_read(opaque, offset + 1);
}

static void
ide_register_write_cb(gpointer opaque, uint64_t offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    ide_bus_write(opaque, offset + 1, value);
}

static const EmuMemoryRegionOps ide_register_ops = {
    .read = ide_register_read_cb,
    .write = ide_register_write_cb,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 1,
    .valid_unaligned = true,
};

static uint64_t
ide_control_read_cb(gpointer opaque, uint64_t offset G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    return ide_bus_read_alternate(opaque);
}

static void
ide_control_write_cb(gpointer opaque, uint64_t offset G_GNUC_UNUSED, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    ide_bus_write_control(opaque, value);
}

static const EmuMemoryRegionOps ide_control_ops = {
    .read = ide_control_read_cb,
    .write = ide_control_write_cb,
    .valid_min = 1,
    .valid_max = 1,
};

bool
ide_bus_map(IdeBus *bus, EmuDevice *controller, EmuMemoryRegion *io, uint16_t command_port, uint16_t control_port)
{
    /* The data register overlays its neighbours for wide accesses, as on the ISA bus. */
    EmuMemoryRegion *data = emu_memory_region_new_io(controller, "ide-data[*]", 4, &ide_data_ops, bus);
    EmuMemoryRegion *registers = emu_memory_region_new_io(controller, "ide-registers[*]", 7, &ide_register_ops, bus);
    EmuMemoryRegion *control = emu_memory_region_new_io(controller, "ide-control[*]", 1, &ide_control_ops, bus);

    emu_memory_region_add_subregion(io, command_port, data, 1);
    emu_memory_region_add_subregion(io, command_port + 1, registers, 0);
    emu_memory_region_add_subregion(io, control_port, control, 0);
    return true;
}

/* ---- the bus as an object ------------------------------------------------------------------------- */

static bool
ide_bus_check(EmuBus *self, EmuDevice *dev, GError **error)
{
    IdeBus *bus = (IdeBus *)self;
    IdeDrive *s = (IdeDrive *)dev;

    if (s->unit_property != UINT32_MAX && s->unit_property > (bus->sata ? 0 : 1)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: unit is %u, expected %s",
                    emu_object_get_type_name(dev), s->unit_property, bus->sata ? "0, the one drive of a SATA port" : "0 or 1");
        return false;
    }
    if (s->unit_property == UINT32_MAX ? bus->drives[0] && (bus->drives[1] || bus->sata) : bus->drives[s->unit_property] != NULL) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_DUPLICATE, "%s: unit %d of bus '%s' is in use",
                    emu_object_get_type_name(dev), s->unit_property == UINT32_MAX ? 0 : (int)s->unit_property,
                    emu_bus_get_name(self));
        return false;
    }
    return true;
}

static char *
ide_bus_get_address(EmuBus *self G_GNUC_UNUSED, EmuDevice *dev)
{
    return g_strdup_printf("%u", ((IdeDrive *)dev)->unit);
}

static void
ide_bus_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuBusClass *bus = klass;

    bus->check = ide_bus_check;
    bus->get_address = ide_bus_get_address;
    bus->max_devices = 2;
}

const EmuTypeInfo ide_bus_info = {
    .name = "IDE",
    .parent = "bus",
    .instance_size = sizeof(IdeBus),
    .class_init = ide_bus_class_init,
    .description = "ATA channel",
};

IdeBus *
ide_bus_new(EmuDevice *controller, unsigned channel, EmuLine *irq, const IdeDmaOps *dma, gpointer dma_opaque)
{
    const char *id = emu_device_get_id(controller);
    g_autofree char *name = g_strdup_printf("%s.%u", id ? id : "ide", channel);
    IdeBus *bus = (IdeBus *)emu_bus_new("IDE", controller, name);

    bus->channel = channel;
    bus->irq = irq;
    bus->dma = dma;
    bus->dma_opaque = dma_opaque;
    return bus;
}
