/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Buses: what devices plug into. */

#include "device/device-private.h"

#include <string.h>

typedef struct {
    EmuDevice *owner; /* borrowed: the bus is its child */
    char *name;
    GPtrArray *devices; /* owned references, in order of plugging */
    EmuHotplugHandler *handler; /* weak pointer */
} EmuBusPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(EmuBus, emu_bus, EMU_TYPE_OBJECT)

static inline EmuBusPrivate *
priv(EmuBus *self)
{
    return emu_bus_get_instance_private(self);
}

static void
emu_bus_init(EmuBus *self)
{
    priv(self)->devices = g_ptr_array_new();
}

static void
emu_bus_dispose(GObject *object)
{
    EmuBus *self = EMU_BUS(object);

    /* Its devices have nowhere to be. */
    while (priv(self)->devices->len) {
        EmuDevice *dev = g_ptr_array_index(priv(self)->devices, priv(self)->devices->len - 1);

        g_object_ref(dev);
        emu_device_unrealize(dev);
        emu_bus_remove_device(self, dev);
        g_object_unref(dev);
    }
    emu_bus_detach_owner(self);
    g_clear_weak_pointer(&priv(self)->handler);
    G_OBJECT_CLASS(emu_bus_parent_class)->dispose(object);
}

/* Somebody may hold a bus longer than its device lives. */
static void
emu_bus_unparent(EmuObject *object)
{
    emu_bus_detach_owner(EMU_BUS(object));
    if (EMU_OBJECT_CLASS(emu_bus_parent_class)->unparent) {
        EMU_OBJECT_CLASS(emu_bus_parent_class)->unparent(object);
    }
}

static void
emu_bus_finalize(GObject *object)
{
    EmuBusPrivate *p = priv(EMU_BUS(object));

    g_ptr_array_unref(p->devices);
    g_free(p->name);
    G_OBJECT_CLASS(emu_bus_parent_class)->finalize(object);
}

static void
emu_bus_class_init(EmuBusClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = emu_bus_dispose;
    G_OBJECT_CLASS(klass)->finalize = emu_bus_finalize;
    EMU_OBJECT_CLASS(klass)->unparent = emu_bus_unparent;
}

/* "pci.0": the first number that no sibling has. */
static char *
bus_default_name(const char *type_name, EmuDevice *owner)
{
    g_autofree char *stem = g_ascii_strdown(owner && emu_device_get_id(owner) ? emu_device_get_id(owner) : type_name, -1);
    EmuMachine *machine = owner ? emu_device_get_machine(owner) : NULL;

    for (unsigned n = 0;; n++) {
        char *name = g_strdup_printf("%s.%u", stem, n);

        if ((!machine || !emu_bus_find(machine, name, NULL, NULL)) && !(owner && emu_device_get_child_bus(owner, name))) {
            return name;
        }
        g_free(name);
    }
}

/**
 * emu_bus_new:
 * @type_name: QOM name of a bus type that is registered
 * @owner: (nullable): becomes the composition parent; the pointer returned is borrowed then
 *
 * Returns: (transfer none) with an owner, (transfer full) without.
 */
EmuBus *
emu_bus_new(const char *type_name, EmuDevice *owner, const char *name)
{
    g_autoptr(GError) error = NULL;
    EmuBus *self = emu_object_new(type_name, &error);

    if (!self) {
        g_critical("%s", error->message);
        return NULL;
    }
    priv(self)->name = name ? g_strdup(name) : bus_default_name(type_name, owner);
    if (owner) {
        priv(self)->owner = owner;
        if (!emu_object_add_child(owner, priv(self)->name, self, &error)) {
            g_critical("%s", error->message);
        }
        emu_device_add_bus(owner, self);
        g_object_unref(self);
    }
    return self;
}

void
emu_bus_detach_owner(EmuBus *self)
{
    if (priv(self)->owner) {
        emu_device_remove_bus(priv(self)->owner, self);
        priv(self)->owner = NULL;
    }
}

EmuDevice *
emu_bus_get_owner(EmuBus *self)
{
    return priv(self)->owner;
}

const char *
emu_bus_get_name(EmuBus *self)
{
    return priv(self)->name;
}

GPtrArray *
emu_bus_get_devices(EmuBus *self)
{
    return priv(self)->devices;
}

/* @handler: (nullable): implements EmuHotplugHandler; not kept alive. */
void
emu_bus_set_hotplug_handler(EmuBus *self, gpointer handler)
{
    g_set_weak_pointer(&priv(self)->handler, handler);
}

EmuHotplugHandler *
emu_bus_get_hotplug_handler(EmuBus *self)
{
    return priv(self)->handler;
}

bool
emu_bus_add_device(EmuBus *self, EmuDevice *dev, GError **error)
{
    EmuBusClass *klass = EMU_BUS_GET_CLASS(self);
    GPtrArray *devices = priv(self)->devices;

    if (klass->max_devices && devices->len >= klass->max_devices) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "bus '%s' has no room for '%s', it takes %u device%s",
                    priv(self)->name, emu_device_get_label(dev), klass->max_devices, klass->max_devices == 1 ? "" : "s");
        return false;
    }
    if (klass->check && !klass->check(self, dev, error)) {
        return false;
    }
    g_ptr_array_add(devices, g_object_ref(dev));
    return true;
}

void
emu_bus_remove_device(EmuBus *self, EmuDevice *dev)
{
    if (g_ptr_array_remove(priv(self)->devices, dev)) {
        g_object_unref(dev);
    }
}

void
emu_bus_move_device(EmuBus *self, EmuDevice *dev, unsigned index)
{
    GPtrArray *devices = priv(self)->devices;

    if (g_ptr_array_remove(devices, dev)) {
        g_ptr_array_insert(devices, (gint)MIN(index, devices->len), dev);
    }
}

/* ---- finding ---------------------------------------------------------------------------------------- */

typedef struct {
    const char *name, *type;
    EmuBus *found;
    unsigned depth; /* of what was found without a name */
    GString *names; /* of the buses that have the type */
    bool full;
} BusSearch;

/* How many buses lie between it and the machine. */
static unsigned
bus_get_depth(EmuBus *bus)
{
    unsigned depth = 0;

    for (EmuDevice *owner = priv(bus)->owner; owner; owner = emu_device_get_bus(owner) ? priv(emu_device_get_bus(owner))->owner : NULL) {
        depth++;
    }
    return depth;
}

static bool
bus_search_visit(EmuObject *object, gpointer data)
{
    BusSearch *search = data;

    if (EMU_IS_BUS(object)) {
        EmuBus *bus = EMU_BUS(object);
        unsigned max = EMU_BUS_GET_CLASS(bus)->max_devices;
        bool fits = !search->type || emu_object_is_a(bus, search->type);

        if (search->name) {
            if (!strcmp(priv(bus)->name, search->name)) {
                search->found = bus;
                return true;
            }
        } else if (fits) {
            /* The board's before those behind bridges, wherever these stand in the tree. */
            if (max && priv(bus)->devices->len >= max) {
                search->full = true;
            } else if (!search->found || bus_get_depth(bus) < search->depth) {
                search->found = bus;
                search->depth = bus_get_depth(bus);
            }
        }
        if (fits && search->names) {
            g_string_append_printf(search->names, "%s'%s'", search->names->len ? ", " : "", priv(bus)->name);
        }
    }
    return emu_object_foreach_child(object, bus_search_visit, data);
}

EmuBus *
emu_bus_find(EmuMachine *machine, const char *name, const char *bus_type, GError **error)
{
    g_autoptr(GString) names = error ? g_string_new(NULL) : NULL;
    BusSearch search = {.name = name, .type = bus_type, .names = names};
    EmuBus *sysbus = emu_machine_get_sysbus(machine);

    if (name && name[0] == '/') {
        EmuObject *at = emu_object_resolve_path(emu_machine_get_root(machine), name, NULL);

        search.found = at && EMU_IS_BUS(at) ? EMU_BUS(at) : NULL;
    } else {
        /* The system bus is nobody's child in some machines. */
        if (!sysbus || !bus_search_visit(EMU_OBJECT(sysbus), &search)) {
            bus_search_visit(EMU_OBJECT(machine), &search);
        }
    }
    if (search.found && name && bus_type && !emu_object_is_a(search.found, bus_type)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "bus '%s' is of type %s, expected %s", name,
                    emu_object_get_type_name(search.found), bus_type);
        return NULL;
    }
    if (!search.found) {
        if (name) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "bus '%s' not found%s%s", name,
                        names && names->len ? ", there is " : "", names ? names->str : "");
        } else {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "no bus of type %s %s", bus_type ? bus_type : "any",
                        search.full ? "has room for another device" : "in this machine");
        }
    }
    return search.found;
}

static void
bus_register(void)
{
    emu_type_register_gtype("bus", EMU_TYPE_BUS);
    emu_type_register_gtype("line", EMU_TYPE_LINE);
}
type_init(bus_register)
