/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Devices, buses, lines, reset in phases, saved state. */

#include <emu/mainloop.h>
#include <emu/memory.h>
#include <emu/object.h>
#include <emu/vmstate.h>

G_BEGIN_DECLS

typedef struct _EmuMachine EmuMachine;

/* ---- lines ----------------------------------------------------------------------------------- */

/* One end of a wire: interrupt request, gate, reset. An output drives the inputs it is connected to; an input with
 * several outputs follows whichever was driven last (buses with shared requests do their own wired OR). */
#define EMU_TYPE_LINE (emu_line_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuLine, emu_line, EMU, LINE, EmuObject)

/* Runs on the thread that drives the line, with the big lock held. */
typedef void (*EmuLineFunc)(gpointer opaque, unsigned index, int level);

/* Drives an output (or an input directly): runs the handlers of all connected inputs before it returns. */
EMU_AVAILABLE_IN_1_0 void emu_line_set(EmuLine *line, int level); /* accepts NULL */
EMU_AVAILABLE_IN_1_0 void emu_line_pulse(EmuLine *line);
EMU_AVAILABLE_IN_1_0 int emu_line_get(EmuLine *line); /* level last driven */
EMU_AVAILABLE_IN_1_0 void emu_line_connect(EmuLine *out, EmuLine *in); /* several on either side; a level that is high already is not passed on: reset drives lines anew */
EMU_AVAILABLE_IN_1_0 void emu_line_disconnect(EmuLine *out, EmuLine *in);
EMU_AVAILABLE_IN_1_0 bool emu_line_is_output(EmuLine *line); /* an input otherwise */
/* (transfer container) (element-type EmuLine): what it is connected to, on the other side */
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_line_list_peers(EmuLine *line);
/* A free-standing line for board code and tests. @owner NULL: (transfer full), the caller's; else it becomes a child of
 * @owner and the pointer is borrowed. @name NULL: "unnamed-gpio-in" / "-out". */
EMU_AVAILABLE_IN_1_0 EmuLine *emu_line_new_in(gpointer owner, const char *name, EmuLineFunc fn, gpointer opaque, unsigned index);
EMU_AVAILABLE_IN_1_0 EmuLine *emu_line_new_out(gpointer owner, const char *name);

/* ---- buses ----------------------------------------------------------------------------------- */

typedef struct _EmuDevice EmuDevice;

#define EMU_TYPE_BUS (emu_bus_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE(EmuBus, emu_bus, EMU, BUS, EmuObject)
struct _EmuBusClass {
    EmuObjectClass parent_class;
    /* May @dev be plugged here? Optional. */
    bool (*check)(EmuBus *self, EmuDevice *dev, GError **error);
    void (*plugged)(EmuBus *self, EmuDevice *dev);   /* after realize; optional */
    void (*unplugged)(EmuBus *self, EmuDevice *dev); /* before unrealize; optional */
    void (*reset)(EmuBus *self); /* optional: state of the bus itself */
    /* Address of a device on this bus for info qtree ("04.0"); optional. (transfer full) */
    char *(*get_address)(EmuBus *self, EmuDevice *dev);
    unsigned max_devices; /* 0: no limit */
    /* A device comes (its properties are set; before its realize) and goes (after unrealize, and after a realize
     * that failed): the bus gives it an address and takes back what it gave. Optional. */
    bool (*attach)(EmuBus *self, EmuDevice *dev, GError **error);
    void (*detach)(EmuBus *self, EmuDevice *dev);
    /* The bus's part of a device's state, before the device's own reset_enter. Optional. */
    void (*reset_device)(EmuBus *self, EmuDevice *dev);
    EMU_RESERVED_SLOTS(5);
};
/* @owner: the device that provides the bus (its composition parent), or NULL for the machine's sysbus. Name NULL: "TYPE.N". */
EMU_AVAILABLE_IN_1_0 EmuBus *emu_bus_new(const char *type_name, EmuDevice *owner, const char *name);
EMU_AVAILABLE_IN_1_0 EmuDevice *emu_bus_get_owner(EmuBus *self); /* NULL: the machine's sysbus */
EMU_AVAILABLE_IN_1_0 const char *emu_bus_get_name(EmuBus *self);
/* (transfer none) (element-type EmuDevice) in order of plugging */
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_bus_get_devices(EmuBus *self);
EMU_AVAILABLE_IN_1_0 void emu_bus_set_hotplug_handler(EmuBus *self, gpointer handler);

/* ---- devices --------------------------------------------------------------------------------- */

#define EMU_TYPE_DEVICE (emu_device_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE(EmuDevice, emu_device, EMU, DEVICE, EmuObject)

struct _EmuDeviceClass {
    EmuObjectClass parent_class;
    /* Property values are set; make regions, lines, timers. On failure nothing stays behind. Optional. */
    bool (*realize)(EmuDevice *self, GError **error);
    void (*unrealize)(EmuDevice *self);
    /* Reset in three phases over the whole tree: enter (own state; no effect on others),
     * hold (drive lines), exit (start acting). All optional. */
    void (*reset_enter)(EmuDevice *self);
    void (*reset_hold)(EmuDevice *self);
    void (*reset_exit)(EmuDevice *self);
    const EmuVMState *vmstate; /* every device with guest-visible state has one */
    const char *bus_type;      /* QOM name of the bus it plugs into; NULL: none */
    const char *category;      /* "input", "storage", "network", "display", "misc", "bridge", "cpu" ... */
    const char *model_name;    /* for info listings; optional */
    bool user_creatable;       /* -device may create it (default true; base classes and board parts: false) */
    bool hotpluggable;
    gconstpointer registers; /* set by emu_device_class_add_registers() */
    /* What a tool gives a device of this type to try it (emu-lint, fuzzers): "addr=0x1000,data=1,data-len=4"; "NAME=@TYPE" is a device of that
     * type, the board's or made for it. For types that do not come up without; a chardev and a drive they get in any case. */
    const char *try_with;
    EMU_RESERVED_SLOTS(10);
};

/* new + set properties + realize are separate steps; a device that is never realized is simply unreffed. */
EMU_AVAILABLE_IN_1_0 EmuDevice *emu_device_new(const char *type_name, GError **error);
/*
 * Plugs @dev into @bus (NULL: bus-less / sysbus of @machine), gives it a place in the composition tree
 * when it has none ("/machine/unattached/device[N]"), and realizes it. The bus or tree takes its own
 * reference; the caller's is dropped also on failure (floating is not used: transfer full in).
 */
EMU_AVAILABLE_IN_1_0 bool emu_device_realize(EmuDevice *dev, EmuMachine *machine, EmuBus *bus, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_device_unrealize(EmuDevice *dev);
/* Asks for a hot-pluggable device to go: at once, or when its bus's hotplug handler and the guest have agreed. Big lock held. */
EMU_AVAILABLE_IN_1_0 bool emu_device_request_unplug(EmuDevice *self, GError **error);
EMU_AVAILABLE_IN_1_0 bool emu_device_is_realized(EmuDevice *dev);
EMU_AVAILABLE_IN_1_0 const char *emu_device_get_id(EmuDevice *dev); /* the user's id=, may be NULL */
EMU_AVAILABLE_IN_1_0 void emu_device_set_id(EmuDevice *dev, const char *id); /* before realize */
/* Made by the user (-device, device_add): found under "/machine/peripheral/ID" or "/machine/peripheral-anon", and its
 * class must be user_creatable. Before realize. */
EMU_AVAILABLE_IN_1_0 void emu_device_set_user_created(EmuDevice *dev, bool user_created);
/* For messages: id, or the name in its parent, or the type. */
EMU_AVAILABLE_IN_1_0 const char *emu_device_get_label(EmuDevice *dev);
EMU_AVAILABLE_IN_1_0 EmuBus *emu_device_get_bus(EmuDevice *dev);
EMU_AVAILABLE_IN_1_0 EmuMachine *emu_device_get_machine(EmuDevice *dev);
/* (transfer none) (element-type EmuBus) buses it provides */
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_device_get_buses(EmuDevice *dev);
EMU_AVAILABLE_IN_1_0 EmuBus *emu_device_get_child_bus(EmuDevice *dev, const char *name);
/* Resets this device and everything below it, all three phases. */
EMU_AVAILABLE_IN_1_0 void emu_device_reset(EmuDevice *dev);
EMU_AVAILABLE_IN_1_0 void emu_bus_reset(EmuBus *bus);

/* Shortcuts to the machine's clocks and main context. */
EMU_AVAILABLE_IN_1_0 EmuClock *emu_device_get_clock(EmuDevice *dev, EmuClockType type);
EMU_AVAILABLE_IN_1_0 EmuContext *emu_device_get_context(EmuDevice *dev);

/* Lines of a device. name NULL: the unnamed group. Made in instance_init or realize. */
EMU_AVAILABLE_IN_1_0 void emu_device_add_lines_in(EmuDevice *dev, const char *name, unsigned n, EmuLineFunc fn);
/* Outputs: *lines receives n borrowed pointers. */
EMU_AVAILABLE_IN_1_0 void emu_device_add_lines_out(EmuDevice *dev, const char *name, unsigned n, EmuLine **lines);
EMU_AVAILABLE_IN_1_0 EmuLine *emu_device_get_line_in(EmuDevice *dev, const char *name, unsigned index);
EMU_AVAILABLE_IN_1_0 EmuLine *emu_device_get_line_out(EmuDevice *dev, const char *name, unsigned index);
/* All lines, inputs and outputs, in order of addition. (transfer container) (element-type EmuLine) */
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_device_list_lines(EmuDevice *dev);
EMU_AVAILABLE_IN_1_0 void emu_device_connect_out(EmuDevice *dev, const char *name, unsigned index, EmuLine *in);

/* ---- sysbus: devices with fixed wiring made by the board ---------------------------------------- */

#define EMU_TYPE_SYSBUS_DEVICE (emu_sysbus_device_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE(EmuSysbusDevice, emu_sysbus_device, EMU, SYSBUS_DEVICE, EmuDevice)
struct _EmuSysbusDeviceClass {
    EmuDeviceClass parent_class;
    EMU_RESERVED_SLOTS(4);
};
EMU_AVAILABLE_IN_1_0 void emu_sysbus_add_mmio(EmuSysbusDevice *dev, EmuMemoryRegion *region); /* in realize: the next index; a reference is kept */
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_sysbus_get_mmio(EmuSysbusDevice *dev, unsigned index); /* (transfer none); NULL beyond the last */
/* Maps region @index into the machine's memory at @addr; again: moves it. Taken out at unrealize. */
EMU_AVAILABLE_IN_1_0 void emu_sysbus_map(EmuSysbusDevice *dev, unsigned index, uint64_t addr, int priority);

/* ---- hotplug hooks ------------------------------------------------------------------------------ */

#define EMU_TYPE_HOTPLUG_HANDLER (emu_hotplug_handler_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE(EmuHotplugHandler, emu_hotplug_handler, EMU, HOTPLUG_HANDLER, EmuObject)
struct _EmuHotplugHandlerInterface {
    GTypeInterface parent_iface;
    bool (*pre_plug)(EmuHotplugHandler *self, EmuDevice *dev, GError **error);
    bool (*plug)(EmuHotplugHandler *self, EmuDevice *dev, GError **error);
    bool (*unplug_request)(EmuHotplugHandler *self, EmuDevice *dev, GError **error);
    bool (*unplug)(EmuHotplugHandler *self, EmuDevice *dev, GError **error);
    EMU_RESERVED_SLOTS(4);
};

G_END_DECLS
