/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * PCI slots that come and go while the guest runs.
 *
 * The handler of PCI buses' plugging: a device that comes or shall go sets its slot's bit and pulses output "event", which the
 * board makes a general purpose event of. The tables' methods read the bits, notify the slots, and when the guest lets go of
 * one they write its bit to the eject register; then the slot's devices are taken away.
 *
 *   0x00 slots with a new device, cleared by reading   0x04 slots that shall be given up
 *   0x08 eject, written                                0x0c slots that can be emptied
 *   0x10 number of the bus that the others are about
 *
 * Buses get their numbers when the machine is complete: the root, then those behind bridges in the order in which they are found, bus
 * by bus.
 */

#include "acpi-hotplug.h"

#include <emu/log.h>
#include <emu/machine.h>
#include <emu/pci.h>

#define PCIHP_SIZE 0x14
#define PCIHP_UP 0x00
#define PCIHP_DOWN 0x04
#define PCIHP_EJECT 0x08
#define PCIHP_REMOVABLE 0x0c
#define PCIHP_SELECT 0x10

#define PCIHP_N_BUSES 256
#define PCIHP_BUS_NUMBER "acpi-pcihp-bsel" /* data of a bus: its number and one; the board's tables go by it */

typedef struct {
    EmuSysbusDevice parent_instance;

    uint16_t port;
    bool root, bridges;
    EmuObject *bus; /* link */
    EmuBus *buses[PCIHP_N_BUSES]; /* by number */
    unsigned n_buses;

    EmuMemoryRegion *region;
    EmuLine *event;
    EmuBh *eject_bh;
    gulong done_handler;
    bool done; /* the machine is complete: what comes now is news to the guest */

    uint32_t up[PCIHP_N_BUSES], down[PCIHP_N_BUSES];
    uint32_t ejected[PCIHP_N_BUSES]; /* slots whose devices go as soon as the main loop gets to it */
    uint32_t select;
} AcpiPcihp;

EMU_TRACE_DEFINE(acpi_pcihp_read)
EMU_TRACE_DEFINE(acpi_pcihp_write)

static unsigned
pcihp_slot(EmuDevice *dev)
{
    return emu_pci_device_get_devfn((EmuPciDevice *)dev) >> 3;
}

/* Only what the user put in comes out. */
static bool
pcihp_is_removable(EmuDevice *dev)
{
    g_autofree char *path = emu_object_get_canonical_path(dev);

    return EMU_DEVICE_GET_CLASS(dev)->hotpluggable && path && g_str_has_prefix(path, "/machine/peripheral");
}

static uint32_t
pcihp_get_removable(AcpiPcihp *self, unsigned number)
{
    GPtrArray *devices = emu_bus_get_devices(self->buses[number]);
    uint32_t removable = UINT32_MAX;

    for (guint i = 0; i < devices->len; i++) {
        if (!pcihp_is_removable(devices->pdata[i])) {
            removable &= ~(1u << pcihp_slot(devices->pdata[i]));
        }
    }
    return removable;
}

/* The number of the bus that @dev is on; false: it has none. */
static bool
pcihp_get_number(EmuBus *bus, unsigned *number)
{
    *number = GPOINTER_TO_UINT(g_object_get_data(G_OBJECT(bus), PCIHP_BUS_NUMBER)) - 1;
    return *number < PCIHP_N_BUSES;
}

static void
pcihp_empty(AcpiPcihp *self, unsigned number)
{
    uint32_t slots = self->ejected[number] & pcihp_get_removable(self, number);
    g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_object_unref);
    GPtrArray *devices = emu_bus_get_devices(self->buses[number]);

    self->ejected[number] = 0;
    for (guint i = 0; i < devices->len; i++) {
        if (slots >> pcihp_slot(devices->pdata[i]) & 1) {
            g_ptr_array_add(gone, g_object_ref(devices->pdata[i]));
        }
    }
    for (guint i = 0; i < gone->len; i++) {
        emu_device_unrealize(gone->pdata[i]);
    }
    self->down[number] &= ~slots;
    self->up[number] &= ~slots;
}

static void
pcihp_eject_cb(gpointer opaque)
{
    AcpiPcihp *self = opaque;

    for (unsigned i = 0; i < self->n_buses; i++) {
        if (self->ejected[i]) {
            pcihp_empty(self, i);
        }
    }
}

static void
pcihp_eject(AcpiPcihp *self, unsigned number, uint32_t slots)
{
    self->ejected[number] |= slots;
    if (self->ejected[number]) {
        emu_bh_schedule(self->eject_bh);
    }
}

/* ---- registers ----------------------------------------------------------------------------------- */

static uint64_t
pcihp_read(gpointer opaque, uint64_t offset, unsigned size G_GNUC_UNUSED)
{
    AcpiPcihp *self = opaque;
    unsigned number = self->select;
    bool known = number < self->n_buses;
    uint32_t value = 0;

    switch (offset) {
    case PCIHP_UP:
        if (known) {
            value = self->up[number];
            self->up[number] = 0;
        }
        break;
    case PCIHP_DOWN:
        value = known ? self->down[number] : 0;
        break;
    case PCIHP_REMOVABLE:
        value = known ? pcihp_get_removable(self, number) : 0;
        break;
    case PCIHP_SELECT:
        value = self->select;
        break;
    default:
        break;
    }
    EMU_TRACE(acpi_pcihp_read, "bus %u 0x%02x is 0x%08x", number, (unsigned)offset, value);
    return value;
}

static void
pcihp_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    AcpiPcihp *self = opaque;

    EMU_TRACE(acpi_pcihp_write, "bus %u 0x%02x := 0x%08x", self->select, (unsigned)offset, (uint32_t)value);
    switch (offset) {
    case PCIHP_EJECT:
        if (self->select < self->n_buses) {
            pcihp_eject(self, self->select, (uint32_t)value);
        }
        break;
    case PCIHP_SELECT:
        self->select = (uint32_t)value;
        break;
    default:
        emu_guest_error("acpi-pcihp: write 0x%x to read-only register 0x%x", (unsigned)value, (unsigned)offset);
        break;
    }
}

static const EmuMemoryRegionOps pcihp_ops = {
    .read = pcihp_read,
    .write = pcihp_write,
    .valid_min = 4,
    .valid_max = 4,
    .impl_min = 4,
    .impl_max = 4,
};

/* ---- plugging -------------------------------------------------------------------------------------- */

static bool
pcihp_plug(EmuHotplugHandler *handler, EmuDevice *dev, GError **error G_GNUC_UNUSED)
{
    AcpiPcihp *self = (AcpiPcihp *)handler;
    unsigned number;

    if (self->done && pcihp_get_number(emu_device_get_bus(dev), &number)) {
        self->up[number] |= 1u << pcihp_slot(dev);
        emu_line_pulse(self->event);
    }
    return true;
}

static bool
pcihp_unplug_request(EmuHotplugHandler *handler, EmuDevice *dev, GError **error)
{
    AcpiPcihp *self = (AcpiPcihp *)handler;
    unsigned number;

    if (!pcihp_get_number(emu_device_get_bus(dev), &number) || !(pcihp_get_removable(self, number) >> pcihp_slot(dev) & 1)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "device '%s' cannot be unplugged: its slot %u has parts of the board",
                    emu_device_get_label(dev), pcihp_slot(dev));
        return false;
    }
    self->down[number] |= 1u << pcihp_slot(dev);
    emu_line_pulse(self->event);
    return true;
}

static void
pcihp_handler_init(gpointer iface, gpointer data G_GNUC_UNUSED)
{
    EmuHotplugHandlerInterface *handler = iface;

    handler->plug = pcihp_plug;
    handler->unplug_request = pcihp_unplug_request;
}

/* ---- life -------------------------------------------------------------------------------------------- */

static void
pcihp_take(AcpiPcihp *self, EmuBus *bus)
{
    if (self->n_buses == PCIHP_N_BUSES) {
        return;
    }
    self->buses[self->n_buses++] = g_object_ref(bus);
    g_object_set_data(G_OBJECT(bus), PCIHP_BUS_NUMBER, GUINT_TO_POINTER(self->n_buses));
    emu_bus_set_hotplug_handler(bus, self);
}

/* A port can say that its slot stays as it is. */
static bool
pcihp_is_fixed(EmuDevice *bridge)
{
    g_autofree char *text = emu_object_has_property(bridge, "hotplug") ? emu_object_get_as_string(bridge, "hotplug", NULL) : NULL;

    return g_strcmp0(text, "off") == 0;
}

static void
pcihp_take_bridges(AcpiPcihp *self, EmuBus *bus)
{
    GPtrArray *devices = emu_bus_get_devices(bus);

    for (guint i = 0; i < devices->len; i++) {
        GPtrArray *buses = emu_device_get_buses(devices->pdata[i]);

        for (guint k = 0; k < buses->len; k++) {
            if (EMU_IS_PCI_BUS(buses->pdata[k])) {
                if (!pcihp_is_fixed(devices->pdata[i])) {
                    pcihp_take(self, buses->pdata[k]);
                }
                pcihp_take_bridges(self, buses->pdata[k]);
            }
        }
    }
}

static void
pcihp_machine_done_cb(EmuMachine *machine G_GNUC_UNUSED, gpointer opaque)
{
    AcpiPcihp *self = opaque;

    if (self->bridges) {
        pcihp_take_bridges(self, EMU_BUS(self->bus));
    }
    self->done = true;
}

static bool
pcihp_realize(EmuDevice *dev, GError **error)
{
    AcpiPcihp *self = (AcpiPcihp *)dev;
    EmuMachine *machine = emu_device_get_machine(dev);

    if (!self->bus) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "acpi-pcihp: bus is not set, expected a PCI bus");
        return false;
    }
    self->region = emu_memory_region_new_io(self, "acpi-pci-hotplug", PCIHP_SIZE, &pcihp_ops, self);
    emu_memory_region_add_subregion(emu_machine_get_system_io(machine), self->port, self->region, 0);
    emu_device_add_lines_out(dev, "event", 1, &self->event);
    self->eject_bh = emu_bh_new(emu_machine_get_context(machine), pcihp_eject_cb, self);
    self->done_handler = g_signal_connect(machine, "machine-done", G_CALLBACK(pcihp_machine_done_cb), self);
    if (self->root) {
        pcihp_take(self, EMU_BUS(self->bus));
    }
    return true;
}

static void
pcihp_unrealize(EmuDevice *dev)
{
    AcpiPcihp *self = (AcpiPcihp *)dev;

    for (unsigned i = 0; i < self->n_buses; i++) {
        emu_bus_set_hotplug_handler(self->buses[i], NULL);
        g_object_set_data(G_OBJECT(self->buses[i]), PCIHP_BUS_NUMBER, NULL);
        g_object_unref(self->buses[i]);
    }
    self->n_buses = 0;
    g_signal_handler_disconnect(emu_device_get_machine(dev), self->done_handler);
    g_clear_pointer(&self->eject_bh, emu_bh_free);
    emu_memory_region_del_subregion(emu_machine_get_system_io(emu_device_get_machine(dev)), self->region);
}

/* A guest that starts anew holds nothing: what it was asked for goes now. */
static void
pcihp_reset_enter(EmuDevice *dev)
{
    AcpiPcihp *self = (AcpiPcihp *)dev;

    for (unsigned i = 0; i < self->n_buses; i++) {
        pcihp_eject(self, i, self->down[i]);
        self->up[i] = self->down[i] = 0;
    }
    self->select = 0;
}

static bool
pcihp_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    AcpiPcihp *self = opaque;

    for (unsigned i = 0; i < self->n_buses; i++) {
        pcihp_eject(self, i, 0);
    }
    return true;
}

static const EmuVMField pcihp_fields[] = {
    EMU_VM_U32_ARRAY(AcpiPcihp, up), EMU_VM_U32_ARRAY(AcpiPcihp, down), EMU_VM_U32_ARRAY(AcpiPcihp, ejected),
    EMU_VM_U32(AcpiPcihp, select), EMU_VM_END,
};

static const EmuVMState pcihp_vmstate = {
    .name = "acpi-pcihp",
    .version = 1,
    .minimum_version = 1,
    .fields = pcihp_fields,
    .post_load = pcihp_post_load,
};

static const EmuProperty pcihp_properties[] = {
    EMU_PROP_UINT16("port", AcpiPcihp, port, 0xae00, "first I/O port"),
    EMU_PROP_LINK("bus", AcpiPcihp, bus, "PCI", "the root bus"),
    EMU_PROP_BOOL("root", AcpiPcihp, root, true, "the root bus's slots are among them"),
    EMU_PROP_BOOL("bridges", AcpiPcihp, bridges, false, "those behind bridges are"),
};

static void
pcihp_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;

    device->realize = pcihp_realize;
    device->unrealize = pcihp_unrealize;
    device->reset_enter = pcihp_reset_enter;
    device->vmstate = &pcihp_vmstate;
    device->category = "bridge";
    device->user_creatable = false;
    emu_object_class_add_properties(klass, pcihp_properties, G_N_ELEMENTS(pcihp_properties));
}

static const EmuInterfaceImpl pcihp_interfaces[] = {{"hotplug-handler", pcihp_handler_init}, {NULL, NULL}};

const EmuTypeInfo acpi_pcihp_type_info = {
    .name = "acpi-pcihp",
    .parent = "sysbus-device",
    .instance_size = sizeof(AcpiPcihp),
    .class_init = pcihp_class_init,
    .interfaces = pcihp_interfaces,
    .description = "ACPI PCI hot-plug registers",
};
