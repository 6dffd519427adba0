/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A port of a PCI Express root complex, with a slot whose device comes and goes (base specification 3.0, 6.7 and 7.8).
 *
 * The slot has an attention button, indicators and a power controller. A device that comes shows by Presence Detect Changed and the
 * button; the link is active while the device is there and has power. Who wants it out presses the button; the guest lets go of it, turns off
 * power and its indicator, and then it is taken away.
 *
 * All this is there too when the board's tables are in charge of the slot: firmware leaves windows open for what the capability says
 * may come, and the guest's kernel is told by the tables (_OSC) to leave the rest alone.
 *
 *   capability + 0x12 link status    + 0x14 slot capabilities    + 0x18 slot control    + 0x1a slot status
 */

#include "pci-bridge.h"

#include <emu/log.h>
#include <emu/machine.h>

#define PORT_PIN 0x3d

#define PORT_CAPABILITIES 0x02
#define PORT_CAPABILITIES_SLOT 0x0100 /* slot implemented */
#define PORT_LINK_CAP 0x0c
#define PORT_LINK_CAP_DLLLARC 0x00100000 /* data link layer link active is reported */
#define PORT_LINK_STATUS 0x12
#define PORT_LINK_STATUS_DLLLA 0x2000
#define PORT_SLOT_CAP 0x14
#define PORT_SLOT_CAP_ABP 0x01 /* attention button, power controller, attention and power indicators */
#define PORT_SLOT_CAP_PCP 0x02
#define PORT_SLOT_CAP_AIP 0x08
#define PORT_SLOT_CAP_PIP 0x10
#define PORT_SLOT_CAP_HPS 0x20 /* devices may go without notice */
#define PORT_SLOT_CAP_HPC 0x40
#define PORT_SLOT_CAP_NUMBER(n) ((uint32_t)(n) << 19)
#define PORT_N_SLOTS 0x2000
#define PORT_SLOT_CONTROL 0x18
#define PORT_SLOT_CONTROL_EVENTS 0x001f /* enable bits, where those of the status are */
#define PORT_SLOT_CONTROL_HPIE 0x0020
#define PORT_SLOT_CONTROL_AIC_OFF 0x00c0
#define PORT_SLOT_CONTROL_PIC 0x0300
#define PORT_SLOT_CONTROL_PIC_ON 0x0100
#define PORT_SLOT_CONTROL_PIC_BLINK 0x0200
#define PORT_SLOT_CONTROL_PIC_OFF 0x0300
#define PORT_SLOT_CONTROL_PCC 0x0400 /* power off */
#define PORT_SLOT_CONTROL_DLLSCE 0x1000
#define PORT_SLOT_CONTROL_WMASK 0x17ff
#define PORT_SLOT_STATUS 0x1a
#define PORT_SLOT_STATUS_ABP 0x0001
#define PORT_SLOT_STATUS_PDC 0x0008
#define PORT_SLOT_STATUS_CC 0x0010
#define PORT_SLOT_STATUS_PDS 0x0040
#define PORT_SLOT_STATUS_DLLSC 0x0100
#define PORT_SLOT_STATUS_W1C 0x011f

typedef struct {
    PciBridge parent;

    uint8_t chassis, port; /* properties */
    uint16_t slot;
    bool hotplug;

    uint8_t cap;
    EmuBh *eject_bh;
    bool line; /* an event that the guest wants to hear of is there */

    bool pending; /* the device shall go */
    bool ejected; /* it goes as soon as the main loop gets to it */
} RootPort;

EMU_TRACE_DEFINE(pcie_slot)

static uint16_t
root_port_get(RootPort *self, unsigned at)
{
    const uint8_t *p = emu_pci_device_get_config((EmuPciDevice *)self) + self->cap + at;

    return (uint16_t)(p[0] | p[1] << 8);
}

static void
root_port_set(RootPort *self, unsigned at, uint16_t value)
{
    uint8_t *p = emu_pci_device_get_config((EmuPciDevice *)self) + self->cap + at;

    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

/* ---- slot ------------------------------------------------------------------------------------------------ */

static bool
root_port_is_occupied(RootPort *self)
{
    return emu_bus_get_devices(EMU_BUS(self->parent.bus))->len > 0;
}

/* 6.7.3.4: one message when the first event comes that is enabled, or a level as long as there is one. */
static void
root_port_update_irq(RootPort *self)
{
    EmuPciDevice *dev = (EmuPciDevice *)self;
    uint16_t control = root_port_get(self, PORT_SLOT_CONTROL), status = root_port_get(self, PORT_SLOT_STATUS);
    bool line = control & PORT_SLOT_CONTROL_HPIE &&
                (status & control & PORT_SLOT_CONTROL_EVENTS || (status & PORT_SLOT_STATUS_DLLSC && control & PORT_SLOT_CONTROL_DLLSCE));

    if (line && !self->line && emu_pci_msi_enabled(dev)) {
        emu_pci_msi_notify(dev, 0);
    }
    emu_pci_device_set_irq(dev, line && !emu_pci_msi_enabled(dev));
    self->line = line;
}

static void
root_port_add_events(RootPort *self, uint16_t events)
{
    EMU_TRACE(pcie_slot, "%u events 0x%03x control 0x%04x", self->slot, events, root_port_get(self, PORT_SLOT_CONTROL));
    root_port_set(self, PORT_SLOT_STATUS, root_port_get(self, PORT_SLOT_STATUS) | events);
    root_port_update_irq(self);
}

/* Presence and link as they are now; returns what changed. */
static uint16_t
root_port_look(RootPort *self)
{
    uint16_t status = root_port_get(self, PORT_SLOT_STATUS), link = root_port_get(self, PORT_LINK_STATUS), events = 0;
    bool there = root_port_is_occupied(self), active = there && !(root_port_get(self, PORT_SLOT_CONTROL) & PORT_SLOT_CONTROL_PCC);

    if (there != !!(status & PORT_SLOT_STATUS_PDS)) {
        root_port_set(self, PORT_SLOT_STATUS, status ^ PORT_SLOT_STATUS_PDS);
        events |= PORT_SLOT_STATUS_PDC;
    }
    if (active != !!(link & PORT_LINK_STATUS_DLLLA)) {
        root_port_set(self, PORT_LINK_STATUS, link ^ PORT_LINK_STATUS_DLLLA);
        events |= PORT_SLOT_STATUS_DLLSC;
    }
    return events;
}

/* Only what the user put in comes out. */
static bool
root_port_is_removable(EmuDevice *dev)
{
    g_autofree char *path = emu_object_get_canonical_path(dev);

    return EMU_DEVICE_GET_CLASS(dev)->hotpluggable && path && g_str_has_prefix(path, "/machine/peripheral");
}

static void
root_port_eject_cb(gpointer opaque)
{
    RootPort *self = opaque;
    g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_object_unref);
    GPtrArray *devices = emu_bus_get_devices(EMU_BUS(self->parent.bus));

    if (!self->ejected) {
        return;
    }
    self->ejected = self->pending = false;
    for (guint i = 0; i < devices->len; i++) {
        if (root_port_is_removable(devices->pdata[i])) {
            g_ptr_array_add(gone, g_object_ref(devices->pdata[i]));
        }
    }
    for (guint i = 0; i < gone->len; i++) {
        emu_device_unrealize(gone->pdata[i]);
    }
    root_port_add_events(self, root_port_look(self));
}

static void
root_port_eject(RootPort *self)
{
    self->ejected = true;
    emu_bh_schedule(self->eject_bh);
}

static bool
root_port_is_off(uint16_t control)
{
    return control & PORT_SLOT_CONTROL_PCC && (control & PORT_SLOT_CONTROL_PIC) == PORT_SLOT_CONTROL_PIC_OFF;
}

static void
root_port_write_config(EmuPciDevice *dev, uint32_t addr, uint32_t value, unsigned size)
{
    RootPort *self = (RootPort *)dev;
    uint16_t before = root_port_get(self, PORT_SLOT_CONTROL);

    pci_bridge_write_config(dev, addr, value, size);
    if (self->hotplug && addr < (uint32_t)self->cap + PORT_SLOT_STATUS && addr + size > (uint32_t)self->cap + PORT_SLOT_CONTROL) {
        uint16_t control = root_port_get(self, PORT_SLOT_CONTROL);

        if (root_port_is_off(control) && !root_port_is_off(before) && root_port_is_occupied(self)) {
            root_port_eject(self);
        }
        root_port_add_events(self, root_port_look(self) | PORT_SLOT_STATUS_CC);
    }
    root_port_update_irq(self);
}

/* ---- plugging ---------------------------------------------------------------------------------------------- */

/*
 * Whoever puts a card in presses the button: guests may listen to nothing else. Function 0 comes last, and the others with it. What
 * is there before the guest is no news: the reset forgets the events.
 */
static bool
root_port_plug(EmuHotplugHandler *handler, EmuDevice *dev, GError **error G_GNUC_UNUSED)
{
    RootPort *self = (RootPort *)handler;

    if ((emu_pci_device_get_devfn((EmuPciDevice *)dev) & 7) == 0) {
        root_port_add_events(self, root_port_look(self) | PORT_SLOT_STATUS_ABP);
    }
    return true;
}

static bool
root_port_unplug_request(EmuHotplugHandler *handler, EmuDevice *dev, GError **error)
{
    RootPort *self = (RootPort *)handler;
    uint16_t control = root_port_get(self, PORT_SLOT_CONTROL);

    if (!root_port_is_removable(dev)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "device '%s' cannot be unplugged: it is part of the board",
                    emu_device_get_label(dev));
        return false;
    }
    if ((control & PORT_SLOT_CONTROL_PIC) == PORT_SLOT_CONTROL_PIC_BLINK) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                    "device '%s' cannot be unplugged now: the guest is busy with its slot (the power indicator blinks)", emu_device_get_label(dev));
        return false;
    }
    self->pending = true;
    if (root_port_is_off(control)) {
        root_port_eject(self);
    } else {
        root_port_add_events(self, PORT_SLOT_STATUS_ABP);
    }
    return true;
}

static void
root_port_handler_init(gpointer iface, gpointer data G_GNUC_UNUSED)
{
    EmuHotplugHandlerInterface *handler = iface;

    handler->plug = root_port_plug;
    handler->unplug_request = root_port_unplug_request;
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

static void
root_port_make_slot(RootPort *self)
{
    EmuPciDevice *dev = (EmuPciDevice *)self;
    uint8_t *wmask = emu_pci_device_get_wmask(dev) + self->cap, *w1cmask = emu_pci_device_get_w1cmask(dev) + self->cap;
    uint32_t slot = PORT_SLOT_CAP_ABP | PORT_SLOT_CAP_PCP | PORT_SLOT_CAP_AIP | PORT_SLOT_CAP_PIP | PORT_SLOT_CAP_HPS | PORT_SLOT_CAP_HPC |
                    PORT_SLOT_CAP_NUMBER(self->slot);

    root_port_set(self, PORT_CAPABILITIES, root_port_get(self, PORT_CAPABILITIES) | PORT_CAPABILITIES_SLOT);
    root_port_set(self, PORT_LINK_CAP + 2, root_port_get(self, PORT_LINK_CAP + 2) | PORT_LINK_CAP_DLLLARC >> 16);
    root_port_set(self, PORT_SLOT_CAP, (uint16_t)slot);
    root_port_set(self, PORT_SLOT_CAP + 2, (uint16_t)(slot >> 16));
    wmask[PORT_SLOT_CONTROL] = PORT_SLOT_CONTROL_WMASK & 0xff;
    wmask[PORT_SLOT_CONTROL + 1] = PORT_SLOT_CONTROL_WMASK >> 8;
    w1cmask[PORT_SLOT_STATUS] = PORT_SLOT_STATUS_W1C & 0xff;
    w1cmask[PORT_SLOT_STATUS + 1] = PORT_SLOT_STATUS_W1C >> 8;
    self->eject_bh = emu_bh_new(emu_machine_get_context(emu_device_get_machine((EmuDevice *)self)), root_port_eject_cb, self);
    emu_bus_set_hotplug_handler(EMU_BUS(self->parent.bus), self);
}

static bool
root_port_realize(EmuPciDevice *dev, GError **error)
{
    RootPort *self = (RootPort *)dev;

    if (!emu_pci_bus_is_express(emu_pci_device_get_bus(dev))) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "pcie-root-port: bus '%s' is conventional PCI, expected a PCI Express one",
                    emu_bus_get_name(EMU_BUS(emu_pci_device_get_bus(dev))));
        return false;
    }
    if (self->slot >= PORT_N_SLOTS) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "pcie-root-port: slot is %u, expected 0 to %u", self->slot, PORT_N_SLOTS - 1);
        return false;
    }
    emu_pci_device_get_config(dev)[PORT_PIN] = 1;
    self->cap = emu_pcie_init(dev, 0, EMU_PCIE_TYPE_ROOT_PORT, self->port);
    if (!self->cap) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "pcie-root-port: no room for the PCI Express capability");
        return false;
    }
    if (!emu_pci_msi_init(dev, 0, 1, error) || !pci_bridge_realize(dev, error)) {
        return false;
    }
    if (self->hotplug) {
        root_port_make_slot(self);
    }
    return true;
}

static void
root_port_unrealize(EmuPciDevice *dev)
{
    RootPort *self = (RootPort *)dev;

    if (self->hotplug) {
        emu_bus_set_hotplug_handler(EMU_BUS(self->parent.bus), NULL);
        g_clear_pointer(&self->eject_bh, emu_bh_free);
    }
    pci_bridge_unrealize(dev);
}

/* A guest that starts anew holds nothing: what it was asked for goes now. */
static void
root_port_reset_enter(EmuDevice *device)
{
    RootPort *self = (RootPort *)device;
    bool there = root_port_is_occupied(self) && !self->pending;

    pci_bridge_reset_enter(device);
    if (!self->hotplug) {
        return;
    }
    if (self->pending) {
        root_port_eject(self);
    }
    root_port_set(self, PORT_SLOT_CONTROL,
                  PORT_SLOT_CONTROL_AIC_OFF | (there ? PORT_SLOT_CONTROL_PIC_ON : PORT_SLOT_CONTROL_PIC_OFF | PORT_SLOT_CONTROL_PCC));
    root_port_look(self);
    root_port_set(self, PORT_SLOT_STATUS, root_port_get(self, PORT_SLOT_STATUS) & PORT_SLOT_STATUS_PDS);
    self->line = false;
}

static void
root_port_reset_hold(EmuDevice *device)
{
    emu_pci_device_set_irq((EmuPciDevice *)device, 0);
}

static bool
root_port_post_load(gpointer opaque, unsigned version, GError **error)
{
    RootPort *self = opaque;

    if (self->ejected && self->hotplug) {
        root_port_eject(self);
    }
    return pci_bridge_post_load(opaque, version, error);
}

static const EmuVMField root_port_fields[] = {
    EMU_VM_PCI_DEVICE(RootPort, parent.parent), EMU_VM_BOOL(RootPort, line), EMU_VM_BOOL(RootPort, pending),
    EMU_VM_BOOL(RootPort, ejected), EMU_VM_END,
};

static const EmuVMState root_port_vmstate = {
    .name = "pcie-root-port",
    .version = 1,
    .minimum_version = 1,
    .fields = root_port_fields,
    .post_load = root_port_post_load,
};

static const EmuProperty root_port_properties[] = {
    EMU_PROP_UINT8("chassis", RootPort, chassis, 0, "number of the chassis; kept"),
    EMU_PROP_UINT16("slot", RootPort, slot, 0, "number of the slot"),
    EMU_PROP_UINT8("port", RootPort, port, 0, "number of the link"),
    EMU_PROP_BOOL("hotplug", RootPort, hotplug, true, "devices come and go while the guest runs"),
};

static void
root_port_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;
    EmuPciDeviceClass *pci = klass;

    device->user_creatable = true;
    device->reset_enter = root_port_reset_enter;
    device->reset_hold = root_port_reset_hold;
    device->vmstate = &root_port_vmstate;
    pci->realize = root_port_realize;
    pci->unrealize = root_port_unrealize;
    pci->write_config = root_port_write_config;
    pci->device_id = 0x000c;
    pci->is_express = true;
    emu_object_class_add_properties(klass, root_port_properties, G_N_ELEMENTS(root_port_properties));
}

static const EmuInterfaceImpl root_port_interfaces[] = {{"hotplug-handler", root_port_handler_init}, {NULL, NULL}};

const EmuTypeInfo pcie_root_port_type_info = {
    .name = "pcie-root-port",
    .parent = "base-pci-bridge",
    .instance_size = sizeof(RootPort),
    .class_init = root_port_class_init,
    .interfaces = root_port_interfaces,
    .description = "PCI Express root port",
};
