/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Memory modules that come and go while the guest runs.
 *
 * The handler of the machine's memory devices: one that comes or shall go sets its bit and pulses output "event", which the board makes
 * a general purpose event of. The tables' methods select a slot and read and write what belongs to it:
 *
 *   0x00 address, 0x08 length (64 bits each), 0x10 NUMA node of what is in the slot, read
 *   0x14 status, read: 0 there, 1 has come, 2 shall go; control, written: bits 1, 2 clear these, 3 ejects
 *   0x00 selector, 0x04 event and 0x08 status of an _OST, written
 */

#include "acpi-hotplug.h"

#include <emu/device.h>
#include <emu/log.h>
#include <emu/memory-device.h>

#define MEMHP_SIZE 0x18
#define MEMHP_SELECT 0x00
#define MEMHP_OST_EVENT 0x04
#define MEMHP_OST_STATUS 0x08
#define MEMHP_STATUS 0x14

#define MEMHP_THERE 0x01
#define MEMHP_COMING 0x02
#define MEMHP_GOING 0x04
#define MEMHP_EJECT 0x08

#define MEMHP_MAX 256

typedef struct {
    EmuSysbusDevice parent_instance;

    uint16_t port;

    EmuMemoryRegion *region;
    EmuLine *event;
    EmuBh *eject_bh;
    gulong done_handler;
    bool done; /* the machine is complete: what comes now is news to the guest */
    unsigned n;

    uint32_t select;
    uint8_t state[MEMHP_MAX]; /* MEMHP_COMING, GOING, and EJECT: goes as soon as the main loop gets to it */
    uint32_t ost_event[MEMHP_MAX];
} AcpiMemhp;

EMU_TRACE_DEFINE(acpi_memhp_read)
EMU_TRACE_DEFINE(acpi_memhp_write)

static EmuMachine *
memhp_get_machine(AcpiMemhp *self)
{
    return emu_device_get_machine((EmuDevice *)self);
}

static EmuDevice *
memhp_find(AcpiMemhp *self, unsigned slot)
{
    EmuMemoryDevice *found = emu_machine_find_memory_device(memhp_get_machine(self), (int)slot);

    return found ? EMU_DEVICE(found) : NULL;
}

/* In the main loop: a vCPU that ejects may be about to run what lies there. */
static void
memhp_eject_cb(gpointer opaque)
{
    AcpiMemhp *self = opaque;

    for (unsigned i = 0; i < self->n; i++) {
        if (self->state[i] & MEMHP_EJECT) {
            EmuDevice *dev = memhp_find(self, i);

            self->state[i] = 0;
            if (dev) {
                emu_device_unrealize(dev);
            }
        }
    }
}

/* ---- registers ----------------------------------------------------------------------------------- */

static uint8_t
memhp_read_byte(AcpiMemhp *self, uint64_t offset)
{
    EmuDevice *dev = self->select < self->n && !(self->state[self->select] & MEMHP_EJECT) ? memhp_find(self, self->select) : NULL;
    EmuMemoryDeviceInfo info = {.slot = -1};

    if (!dev) {
        return 0;
    }
    EMU_MEMORY_DEVICE_GET_IFACE(dev)->get_info(EMU_MEMORY_DEVICE(dev), &info);
    switch (offset & ~UINT64_C(7)) {
    case 0x00:
        return (uint8_t)(info.address >> 8 * offset);
    case 0x08:
        return (uint8_t)(emu_memory_device_get_size(EMU_MEMORY_DEVICE(dev)) >> 8 * (offset - 0x08));
    default:
        break;
    }
    if (offset < MEMHP_STATUS) {
        return (uint8_t)(info.node >> 8 * (offset - 0x10));
    }
    return offset == MEMHP_STATUS ? MEMHP_THERE | (self->state[self->select] & (MEMHP_COMING | MEMHP_GOING)) : 0;
}

static uint64_t
memhp_read(gpointer opaque, uint64_t offset, unsigned size)
{
    AcpiMemhp *self = opaque;
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)memhp_read_byte(self, offset + i) << (8 * i);
    }
    EMU_TRACE(acpi_memhp_read, "slot %u, 0x%02x is 0x%x", self->select, (unsigned)offset, (unsigned)value);
    return value;
}

static void
memhp_write_control(AcpiMemhp *self, uint8_t value)
{
    uint8_t *state = &self->state[self->select];

    *state &= (uint8_t) ~(value & (MEMHP_COMING | MEMHP_GOING));
    if (!(value & MEMHP_EJECT)) {
        return;
    }
    if (memhp_find(self, self->select)) {
        *state |= MEMHP_EJECT;
        emu_bh_schedule(self->eject_bh);
    } else {
        emu_guest_error("acpi-memhp: slot %u is empty and cannot be ejected", self->select);
    }
}

static void
memhp_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    AcpiMemhp *self = opaque;

    EMU_TRACE(acpi_memhp_write, "slot %u, 0x%02x := 0x%x", self->select, (unsigned)offset, (unsigned)value);
    if (offset == MEMHP_SELECT && size == 4) {
        self->select = (uint32_t)value;
    } else if (self->select >= self->n) {
        return;
    } else if (offset == MEMHP_STATUS && size == 1) {
        memhp_write_control(self, (uint8_t)value);
    } else if (offset == MEMHP_OST_EVENT && size == 4) {
        self->ost_event[self->select] = (uint32_t)value;
    } else if (offset == MEMHP_OST_STATUS && size == 4) {
        emu_machine_report_ost(memhp_get_machine(self), EMU_ACPI_SLOT_DIMM, self->select, memhp_find(self, self->select),
                               self->ost_event[self->select], (uint32_t)value);
    }
}

/* Reads are of bytes, so that any width goes; each register is written in its own. */
static const EmuMemoryRegionOps memhp_ops = {
    .read = memhp_read,
    .write = memhp_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 4,
};

/* ---- plugging -------------------------------------------------------------------------------------- */

static unsigned
memhp_get_slot(EmuDevice *dev)
{
    EmuMemoryDeviceInfo info = {.slot = -1};

    EMU_MEMORY_DEVICE_GET_IFACE(dev)->get_info(EMU_MEMORY_DEVICE(dev), &info);
    return (unsigned)info.slot;
}

static bool
memhp_pre_plug(EmuHotplugHandler *handler, EmuDevice *dev, GError **error)
{
    return emu_machine_place_memory_device(memhp_get_machine((AcpiMemhp *)handler), EMU_MEMORY_DEVICE(dev), error);
}

static void
memhp_tell(AcpiMemhp *self, EmuDevice *dev, uint8_t news)
{
    unsigned slot = memhp_get_slot(dev);

    if (slot < self->n) {
        self->state[slot] |= news;
        emu_line_pulse(self->event);
    }
}

static bool
memhp_plug(EmuHotplugHandler *handler, EmuDevice *dev, GError **error G_GNUC_UNUSED)
{
    AcpiMemhp *self = (AcpiMemhp *)handler;

    if (self->done) {
        memhp_tell(self, dev, MEMHP_COMING);
    }
    return true;
}

static bool
memhp_unplug_request(EmuHotplugHandler *handler, EmuDevice *dev, GError **error G_GNUC_UNUSED)
{
    memhp_tell((AcpiMemhp *)handler, dev, MEMHP_GOING);
    return true;
}

static void
memhp_handler_init(gpointer iface, gpointer data G_GNUC_UNUSED)
{
    EmuHotplugHandlerInterface *handler = iface;

    handler->pre_plug = memhp_pre_plug;
    handler->plug = memhp_plug;
    handler->unplug_request = memhp_unplug_request;
}

/* ---- life -------------------------------------------------------------------------------------------- */

static void
memhp_machine_done_cb(EmuMachine *machine G_GNUC_UNUSED, gpointer opaque)
{
    ((AcpiMemhp *)opaque)->done = true;
}

static bool
memhp_realize(EmuDevice *dev, GError **error G_GNUC_UNUSED)
{
    AcpiMemhp *self = (AcpiMemhp *)dev;
    EmuMachine *machine = emu_device_get_machine(dev);

    self->n = MIN(emu_machine_get_ram_slots(machine), MEMHP_MAX);
    self->region = emu_memory_region_new_io(self, "acpi-mem-hotplug", MEMHP_SIZE, &memhp_ops, self);
    emu_memory_region_add_subregion(emu_machine_get_system_io(machine), self->port, self->region, 0);
    emu_device_add_lines_out(dev, "event", 1, &self->event);
    self->eject_bh = emu_bh_new(emu_machine_get_context(machine), memhp_eject_cb, self);
    self->done_handler = g_signal_connect(machine, "machine-done", G_CALLBACK(memhp_machine_done_cb), self);
    emu_machine_set_memory_hotplug_handler(machine, self);
    return true;
}

static void
memhp_unrealize(EmuDevice *dev)
{
    AcpiMemhp *self = (AcpiMemhp *)dev;
    EmuMachine *machine = emu_device_get_machine(dev);

    emu_machine_set_memory_hotplug_handler(machine, NULL);
    g_signal_handler_disconnect(machine, self->done_handler);
    g_clear_pointer(&self->eject_bh, emu_bh_free);
    emu_memory_region_del_subregion(emu_machine_get_system_io(machine), self->region);
}

/* A guest that starts anew uses nothing yet: what it was asked for goes now. */
static void
memhp_reset_enter(EmuDevice *dev)
{
    AcpiMemhp *self = (AcpiMemhp *)dev;

    for (unsigned i = 0; i < self->n; i++) {
        if (self->state[i] & MEMHP_GOING) {
            self->state[i] = MEMHP_EJECT;
            emu_bh_schedule(self->eject_bh);
        } else {
            self->state[i] &= MEMHP_EJECT;
        }
        self->ost_event[i] = 0;
    }
    self->select = 0;
}

static bool
memhp_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    emu_bh_schedule(((AcpiMemhp *)opaque)->eject_bh);
    return true;
}

static const EmuVMField memhp_fields[] = {
    EMU_VM_U32(AcpiMemhp, select),
    EMU_VM_BUFFER(AcpiMemhp, state),
    EMU_VM_U32_ARRAY(AcpiMemhp, ost_event),
    EMU_VM_END,
};

static const EmuVMState memhp_vmstate = {
    .name = "acpi-memhp",
    .version = 1,
    .minimum_version = 1,
    .fields = memhp_fields,
    .post_load = memhp_post_load,
};

static const EmuProperty memhp_properties[] = {
    EMU_PROP_UINT16("port", AcpiMemhp, port, 0x0a00, "first I/O port"),
};

static void
memhp_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;

    device->realize = memhp_realize;
    device->unrealize = memhp_unrealize;
    device->reset_enter = memhp_reset_enter;
    device->vmstate = &memhp_vmstate;
    device->category = "bridge";
    device->user_creatable = false;
    emu_object_class_add_properties(klass, memhp_properties, G_N_ELEMENTS(memhp_properties));
}

static const EmuInterfaceImpl memhp_interfaces[] = {{"hotplug-handler", memhp_handler_init}, {NULL, NULL}};

const EmuTypeInfo acpi_memhp_type_info = {
    .name = "acpi-memhp",
    .parent = "sysbus-device",
    .instance_size = sizeof(AcpiMemhp),
    .class_init = memhp_class_init,
    .interfaces = memhp_interfaces,
    .description = "ACPI memory hot-plug registers",
};
