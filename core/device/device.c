/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Devices: life cycle, place in the composition tree, lines, global properties.
 *
 *   emu_device_new       instance with default and -global values
 *   (properties)         any time before realize
 *   emu_device_realize   bus slot, place in the tree, the class' realize, hotplug handler; in this order, and
 *                        undone in the reverse order when a step fails
 *   emu_device_unrealize buses below, then the same backwards; the last reference is the caller's, if any
 */

#include "device/device-private.h"

#include <emu/log.h>
#include <string.h>

typedef struct {
    char *name; /* NULL: unnamed */
    bool output;
    unsigned n;
    EmuLine **lines; /* children of the device */
} LineGroup;

typedef struct {
    char *id;
    EmuBus *bus;         /* it holds us, not we it */
    EmuMachine *machine; /* weak */
    EmuDevice *maker;    /* weak: in whose realize it was realized; NULL: a board's or the user's */
    GPtrArray *buses;    /* borrowed: children */
    GPtrArray *groups;   /* LineGroup, in order of addition */
    bool realized, realizing, user_created, hotplugged, replacing;
    EmuHotplugHandler *hotplug_handler; /* when there is no bus that has one */
} EmuDevicePrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(EmuDevice, emu_device, EMU_TYPE_OBJECT)
G_DEFINE_INTERFACE(EmuHotplugHandler, emu_hotplug_handler, EMU_TYPE_OBJECT)

static inline EmuDevicePrivate *
priv(EmuDevice *self)
{
    return emu_device_get_instance_private(self);
}

static void
emu_hotplug_handler_default_init(EmuHotplugHandlerInterface *iface G_GNUC_UNUSED)
{
}

static void
line_group_free(gpointer data)
{
    LineGroup *group = data;

    g_free(group->name);
    g_free(group->lines);
    g_free(group);
}

static void
emu_device_init(EmuDevice *self)
{
    priv(self)->buses = g_ptr_array_new();
    priv(self)->groups = g_ptr_array_new_with_free_func(line_group_free);
}

static void
emu_device_dispose(GObject *object)
{
    EmuDevice *self = EMU_DEVICE(object);

    if (priv(self)->realized) {
        emu_device_unrealize(self);
    }
    g_clear_weak_pointer(&priv(self)->machine);
    g_clear_weak_pointer(&priv(self)->maker);
    G_OBJECT_CLASS(emu_device_parent_class)->dispose(object);
}

static void
emu_device_finalize(GObject *object)
{
    EmuDevicePrivate *p = priv(EMU_DEVICE(object));

    g_ptr_array_unref(p->buses);
    g_ptr_array_unref(p->groups);
    g_free(p->id);
    G_OBJECT_CLASS(emu_device_parent_class)->finalize(object);
}

static bool
emu_device_check_set(EmuObject *object, GParamSpec *pspec, GError **error)
{
    EmuDevice *self = EMU_DEVICE(object);

    if (priv(self)->realized) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_READ_ONLY,
                    "property '%s' of device '%s' (type '%s') cannot be set after it was realized", g_param_spec_get_nick(pspec),
                    emu_device_get_label(self), emu_object_get_type_name(self));
        return false;
    }
    return !EMU_OBJECT_CLASS(emu_device_parent_class)->check_set ||
           EMU_OBJECT_CLASS(emu_device_parent_class)->check_set(object, pspec, error);
}

/* Unparenting a device that works takes it out of the machine. */
static void
emu_device_unparent(EmuObject *object)
{
    EmuDevice *self = EMU_DEVICE(object);

    if (priv(self)->realized) {
        emu_device_unrealize(self);
    }
    if (EMU_OBJECT_CLASS(emu_device_parent_class)->unparent) {
        EMU_OBJECT_CLASS(emu_device_parent_class)->unparent(object);
    }
}

static void
emu_device_class_init(EmuDeviceClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = emu_device_dispose;
    G_OBJECT_CLASS(klass)->finalize = emu_device_finalize;
    EMU_OBJECT_CLASS(klass)->check_set = emu_device_check_set;
    EMU_OBJECT_CLASS(klass)->unparent = emu_device_unparent;
    klass->user_creatable = true;
}

static void
device_register(void)
{
    emu_type_register_gtype("device", EMU_TYPE_DEVICE);
    emu_type_register_gtype("hotplug-handler", EMU_TYPE_HOTPLUG_HANDLER);
}
type_init(device_register)

/* ---- global properties ------------------------------------------------------------------------------ */

static __thread GPtrArray *device_globals;

EmuGlobalProperty *
emu_global_property_new(const char *driver, const char *property, const char *value)
{
    EmuGlobalProperty *self = g_new0(EmuGlobalProperty, 1);

    self->driver = g_strdup(driver);
    self->property = g_strdup(property);
    self->value = g_strdup(value);
    return self;
}

void
emu_global_property_free(EmuGlobalProperty *self)
{
    if (self) {
        g_free(self->driver);
        g_free(self->property);
        g_free(self->value);
        g_free(self);
    }
}

void
emu_device_use_globals(GPtrArray *globals)
{
    device_globals = globals;
}

static bool
device_apply_globals(EmuDevice *self, GType type, GError **error)
{
    const char *name = emu_type_name(type);

    if (type == EMU_TYPE_OBJECT || !name) {
        return true;
    }
    if (!device_apply_globals(self, g_type_parent(type), error)) {
        return false;
    }
    for (unsigned i = 0; i < device_globals->len; i++) {
        EmuGlobalProperty *global = g_ptr_array_index(device_globals, i);

        if (strcmp(global->driver, name) != 0) {
            continue;
        }
        global->used = true;
        if (!emu_object_set_from_string(self, global->property, global->value, error)) {
            g_prefix_error(error, "global %s.%s: ", global->driver, global->property);
            return false;
        }
    }
    return true;
}

/* ---- life cycle --------------------------------------------------------------------------------------- */

/**
 * emu_device_new:
 *
 * Returns: (transfer full): a device with its default values, the defaults of the thread's -global list applied.
 */
EmuDevice *
emu_device_new(const char *type_name, GError **error)
{
    GType type = emu_type_lookup(type_name, error);
    EmuDevice *self;

    if (type == G_TYPE_INVALID) {
        return NULL;
    }
    if (!g_type_is_a(type, EMU_TYPE_DEVICE)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE, "'%s' is not a device type", type_name);
        return NULL;
    }
    self = emu_object_new(type_name, error);
    if (self && device_globals && !device_apply_globals(self, G_OBJECT_TYPE(self), error)) {
        g_clear_object(&self);
    }
    return self;
}

static bool
device_find_place(EmuDevice *self, GError **error)
{
    EmuDevicePrivate *p = priv(self);
    const char *where = p->id ? "peripheral" : p->user_created ? "peripheral-anon" : "unattached";
    EmuObject *container;

    if (emu_object_get_parent(self) || !p->machine) {
        return true;
    }
    container = emu_object_get_container(p->machine, where);
    if (p->id && emu_object_get_child(container, p->id)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_DUPLICATE, "duplicate id '%s' for device '%s'", p->id,
                    emu_object_get_type_name(self));
        return false;
    }
    return emu_object_add_child(container, p->id ? p->id : "device[*]", self, error);
}

static EmuBus *
device_choose_bus(EmuDevice *self, EmuBus *bus, GError **error)
{
    EmuDeviceClass *klass = EMU_DEVICE_GET_CLASS(self);

    if (!bus && klass->bus_type && priv(self)->machine && !strcmp(klass->bus_type, "System")) {
        return emu_machine_get_sysbus(priv(self)->machine);
    }
    if (!bus && klass->bus_type) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "device '%s' needs a bus of type %s", emu_device_get_label(self),
                    klass->bus_type);
    } else if (bus && !klass->bus_type) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "device '%s' does not plug into a bus, and not into '%s'",
                    emu_device_get_label(self), emu_bus_get_name(bus));
        return NULL;
    } else if (bus && !emu_object_is_a(bus, klass->bus_type)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "device '%s' needs a bus of type %s, '%s' is a %s",
                    emu_device_get_label(self), klass->bus_type, emu_bus_get_name(bus), emu_object_get_type_name(bus));
        return NULL;
    }
    return bus;
}

/* Everything below and beside the class' own realize, backwards. */
static void
device_withdraw(EmuDevice *self, bool detach)
{
    EmuDevicePrivate *p = priv(self);
    EmuBus *bus = p->bus;

    while (p->buses->len) {
        EmuBus *child = g_ptr_array_index(p->buses, p->buses->len - 1);
        GPtrArray *devices = emu_bus_get_devices(child);

        while (devices->len) {
            EmuDevice *dev = g_object_ref(g_ptr_array_index(devices, devices->len - 1));

            emu_device_unrealize(dev);
            emu_bus_remove_device(child, dev);
            g_object_unref(dev);
        }
        g_object_ref(child);
        emu_bus_detach_owner(child);
        emu_object_unparent(child);
        g_object_unref(child);
    }
    if (bus) {
        if (detach && EMU_BUS_GET_CLASS(bus)->detach) {
            EMU_BUS_GET_CLASS(bus)->detach(bus, self);
        }
        p->bus = NULL;
        emu_bus_remove_device(bus, self);
    }
    if (emu_object_get_parent(self)) {
        emu_object_unparent(self);
    }
}

void
emu_device_set_hotplug_handler(EmuDevice *self, gpointer handler)
{
    priv(self)->hotplug_handler = handler;
}

static EmuHotplugHandler *
device_get_hotplug_handler(EmuDevice *self)
{
    EmuDevicePrivate *p = priv(self);

    return p->bus ? emu_bus_get_hotplug_handler(p->bus) : p->hotplug_handler;
}

static bool
device_realize_on_bus(EmuDevice *self, GError **error)
{
    EmuDevicePrivate *p = priv(self);
    EmuDeviceClass *klass = EMU_DEVICE_GET_CLASS(self);
    EmuBusClass *bus_class = p->bus ? EMU_BUS_GET_CLASS(p->bus) : NULL;
    EmuHotplugHandler *handler = p->replacing ? NULL : device_get_hotplug_handler(self);
    EmuHotplugHandlerInterface *iface = handler ? EMU_HOTPLUG_HANDLER_GET_IFACE(handler) : NULL;

    if (iface && iface->pre_plug && !iface->pre_plug(handler, self, error)) {
        return false;
    }
    if (klass->realize && !klass->realize(self, error)) {
        return false;
    }
    p->realized = true;
    if (bus_class && bus_class->plugged) {
        bus_class->plugged(p->bus, self);
    }
    if (iface && iface->plug && !iface->plug(handler, self, error)) {
        if (bus_class && bus_class->unplugged) {
            bus_class->unplugged(p->bus, self);
        }
        p->realized = false;
        if (klass->unrealize) {
            klass->unrealize(self);
        }
        return false;
    }
    return true;
}

static __thread EmuDevice *device_realizing; /* the innermost */

bool
emu_device_realize(EmuDevice *self, EmuMachine *machine, EmuBus *bus, GError **error)
{
    EmuDevicePrivate *p = priv(self);
    g_autoptr(EmuDevice) ref G_GNUC_UNUSED = self; /* the caller's */
    g_autoptr(GError) local = NULL;
    EmuDevice *outer = device_realizing;
    bool attached = false, ok;

    g_return_val_if_fail(!p->realized && !p->realizing, false);

    if (!machine && bus && emu_bus_get_owner(bus)) {
        machine = emu_device_get_machine(emu_bus_get_owner(bus));
    }
    g_set_weak_pointer(&p->machine, machine);
    if (p->user_created && !EMU_DEVICE_GET_CLASS(self)->user_creatable) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "device type '%s' is part of a board and cannot be added by the user",
                    emu_object_get_type_name(self));
        return false;
    }
    bus = device_choose_bus(self, bus, &local);
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    if (!device_find_place(self, error)) {
        return false;
    }
    p->realizing = true;
    if (bus) {
        if (!emu_bus_add_device(bus, self, error)) {
            goto fail;
        }
        p->bus = bus;
        attached = true;
        if (EMU_BUS_GET_CLASS(bus)->attach && !EMU_BUS_GET_CLASS(bus)->attach(bus, self, error)) {
            attached = false;
            goto fail;
        }
    }
    g_set_weak_pointer(&p->maker, outer);
    device_realizing = self;
    ok = device_realize_on_bus(self, error);
    device_realizing = outer;
    if (!ok) {
        goto fail;
    }
    p->realizing = false;
    return true;

fail:
    p->realizing = false;
    device_withdraw(self, attached);
    return false;
}

/**
 * emu_device_unrealize:
 *
 * Takes the device and all below it out of the machine. Bus and tree drop their references: without one of its
 * own the caller must not touch the device any more. Does nothing when it is not realized.
 */
void
emu_device_unrealize(EmuDevice *self)
{
    EmuDevicePrivate *p = priv(self);
    g_autoptr(EmuDevice) ref = NULL;

    if (!p->realized) {
        return;
    }
    ref = g_object_ref(self);
    p->realized = false;
    for (unsigned i = p->buses->len; i > 0; i--) {
        GPtrArray *devices = emu_bus_get_devices(g_ptr_array_index(p->buses, i - 1));

        while (devices->len) {
            unsigned before = devices->len;

            emu_device_unrealize(g_ptr_array_index(devices, before - 1));
            if (devices->len == before) {
                break; /* one that was never realized: device_withdraw removes it */
            }
        }
    }
    if (p->bus && EMU_BUS_GET_CLASS(p->bus)->unplugged) {
        EMU_BUS_GET_CLASS(p->bus)->unplugged(p->bus, self);
    }
    if (EMU_DEVICE_GET_CLASS(self)->unrealize) {
        EMU_DEVICE_GET_CLASS(self)->unrealize(self);
    }
    device_withdraw(self, true);
}

bool
emu_device_request_unplug(EmuDevice *self, GError **error)
{
    EmuHotplugHandler *handler = device_get_hotplug_handler(self);
    EmuHotplugHandlerInterface *iface = handler ? EMU_HOTPLUG_HANDLER_GET_IFACE(handler) : NULL;

    if (!EMU_DEVICE_GET_CLASS(self)->hotpluggable) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "device '%s' does not support hotplugging",
                    emu_device_get_label(self));
        return false;
    }
    if (iface && iface->unplug_request) {
        return iface->unplug_request(handler, self, error);
    }
    if (iface && iface->unplug && !iface->unplug(handler, self, error)) {
        return false;
    }
    emu_device_unrealize(self);
    return true;
}

/* ---- questions ------------------------------------------------------------------------------------ */

bool
emu_device_is_realized(EmuDevice *dev)
{
    return priv(dev)->realized;
}

const char *
emu_device_get_id(EmuDevice *dev)
{
    return priv(dev)->id;
}

void
emu_device_set_id(EmuDevice *dev, const char *id)
{
    g_return_if_fail(!priv(dev)->realized);
    g_free(priv(dev)->id);
    priv(dev)->id = g_strdup(id);
}

void
emu_device_set_user_created(EmuDevice *dev, bool user_created)
{
    priv(dev)->user_created = user_created;
}

void
emu_device_set_hotplugged(EmuDevice *self, bool hotplugged)
{
    priv(self)->hotplugged = hotplugged;
}

bool
emu_device_is_hotplugged(EmuDevice *self)
{
    return priv(self)->hotplugged;
}

EmuDevice *
emu_device_get_maker(EmuDevice *self)
{
    return priv(self)->maker;
}

bool
emu_device_is_user_created(EmuDevice *self)
{
    return priv(self)->user_created;
}

void
emu_device_set_replacing(EmuDevice *self, bool replacing)
{
    priv(self)->replacing = replacing;
}

bool
emu_device_is_replacing(EmuDevice *self)
{
    return priv(self)->replacing;
}

const char *
emu_device_get_label(EmuDevice *dev)
{
    const char *name = priv(dev)->id ? priv(dev)->id : emu_object_get_name(dev);

    /* "device[3]" says nothing to anybody. */
    return name && !g_str_has_prefix(name, "device[") ? name : emu_object_get_type_name(dev);
}

EmuBus *
emu_device_get_bus(EmuDevice *dev)
{
    return priv(dev)->bus;
}

EmuMachine *
emu_device_get_machine(EmuDevice *dev)
{
    return priv(dev)->machine;
}

GPtrArray *
emu_device_get_buses(EmuDevice *dev)
{
    return priv(dev)->buses;
}

EmuBus *
emu_device_get_child_bus(EmuDevice *dev, const char *name)
{
    for (unsigned i = 0; i < priv(dev)->buses->len; i++) {
        EmuBus *bus = g_ptr_array_index(priv(dev)->buses, i);

        if (!strcmp(emu_bus_get_name(bus), name)) {
            return bus;
        }
    }
    return NULL;
}

void
emu_device_add_bus(EmuDevice *self, EmuBus *bus)
{
    g_ptr_array_add(priv(self)->buses, bus);
}

void
emu_device_remove_bus(EmuDevice *self, EmuBus *bus)
{
    g_ptr_array_remove(priv(self)->buses, bus);
}

EmuClock *
emu_device_get_clock(EmuDevice *dev, EmuClockType type)
{
    g_return_val_if_fail(priv(dev)->machine, NULL);
    return emu_machine_get_clock(priv(dev)->machine, type);
}

EmuContext *
emu_device_get_context(EmuDevice *dev)
{
    g_return_val_if_fail(priv(dev)->machine, NULL);
    return emu_machine_get_context(priv(dev)->machine);
}


EmuDevice *
emu_device_find(EmuMachine *machine, const char *id_or_path, GError **error)
{
    EmuObject *found = id_or_path[0] == '/' ? emu_object_resolve_path(emu_machine_get_root(machine), id_or_path, NULL)
                                            : emu_object_get_child(emu_object_get_container(machine, "peripheral"), id_or_path);

    if (!found || !EMU_IS_DEVICE(found)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "device '%s' not found", id_or_path);
        return NULL;
    }
    return EMU_DEVICE(found);
}

/* ---- lines ------------------------------------------------------------------------------------------ */

static LineGroup *
device_find_group(EmuDevice *dev, const char *name, bool output)
{
    for (unsigned i = 0; i < priv(dev)->groups->len; i++) {
        LineGroup *group = g_ptr_array_index(priv(dev)->groups, i);

        if (group->output == output && !g_strcmp0(group->name, name)) {
            return group;
        }
    }
    return NULL;
}

/* Adding to a group that exists makes it longer; the new lines' indices go on. */
static LineGroup *
device_add_lines(EmuDevice *dev, const char *name, unsigned n, bool output, EmuLineFunc fn)
{
    LineGroup *group = device_find_group(dev, name, output);

    if (!group) {
        group = g_new0(LineGroup, 1);
        group->name = g_strdup(name);
        group->output = output;
        g_ptr_array_add(priv(dev)->groups, group);
    }
    group->lines = g_renew(EmuLine *, group->lines, group->n + n);
    for (unsigned i = 0; i < n; i++) {
        unsigned index = group->n++;
        g_autofree char *child =
            g_strdup_printf("%s[%u]", name ? name : output ? "unnamed-gpio-out" : "unnamed-gpio-in", index);

        group->lines[index] = emu_line_new_child(dev, child, output, fn, dev, index);
    }
    return group;
}

void
emu_device_add_lines_in(EmuDevice *dev, const char *name, unsigned n, EmuLineFunc fn)
{
    device_add_lines(dev, name, n, false, fn);
}

void
emu_device_add_lines_out(EmuDevice *dev, const char *name, unsigned n, EmuLine **lines)
{
    LineGroup *group = device_add_lines(dev, name, n, true, NULL);

    if (lines) {
        memcpy(lines, group->lines + group->n - n, n * sizeof(*lines));
    }
}

static EmuLine *
device_get_line(EmuDevice *dev, const char *name, unsigned index, bool output)
{
    LineGroup *group = device_find_group(dev, name, output);

    return group && index < group->n ? group->lines[index] : NULL;
}

/* (nullable): NULL when there is no such line. */
EmuLine *
emu_device_get_line_in(EmuDevice *dev, const char *name, unsigned index)
{
    return device_get_line(dev, name, index, false);
}

EmuLine *
emu_device_get_line_out(EmuDevice *dev, const char *name, unsigned index)
{
    return device_get_line(dev, name, index, true);
}

GPtrArray *
emu_device_list_lines(EmuDevice *dev)
{
    GPtrArray *lines = g_ptr_array_new();

    for (unsigned i = 0; i < priv(dev)->groups->len; i++) {
        LineGroup *group = g_ptr_array_index(priv(dev)->groups, i);

        for (unsigned j = 0; j < group->n; j++) {
            g_ptr_array_add(lines, group->lines[j]);
        }
    }
    return lines;
}

void
emu_device_connect_out(EmuDevice *dev, const char *name, unsigned index, EmuLine *in)
{
    EmuLine *out = emu_device_get_line_out(dev, name, index);

    if (!out) {
        g_critical("%s has no output '%s' %u", emu_device_get_label(dev), name ? name : "(unnamed)", index);
        return;
    }
    emu_line_connect(out, in);
}
