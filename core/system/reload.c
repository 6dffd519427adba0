/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * plugin-reload: another version of a plugin's code under a running guest.
 *
 *   open the new file beside the old code        refused? nothing has happened
 *   stop the vCPUs, save the state of all devices
 *   take out the devices that run the old code, and what is plugged into their buses
 *   make them again from the new code: same place, same slot, same properties, same wires
 *   load the state of all devices                does not fit? everything backwards, and the reason
 *   go on
 *
 * What can be made again: devices that the user added. A board may hold pointers to its own parts.
 */

#include "system/machine-private.h"

#include "device/device-private.h"
#include "plugin/plugin-private.h"

#include <emu/block.h>
#include <emu/cpu.h>
#include <emu/log.h>
#include <emu/pci.h>
#include <emu/reload.h>
#include <string.h>

typedef struct {
    char *line; /* name in the device */
    EmuLine *peer;
} Wire;

typedef struct {
    char *name;
    GBytes *bytes;
} Contents;

/* A device that is made again, while it does not exist. */
typedef struct {
    EmuDevice *dev; /* NULL in between */
    char *type_name, *id, *name;
    EmuObject *parent;
    char *bus_path; /* not a pointer: the bus may be made again too; NULL: none */
    bool user_created;
    GPtrArray *properties; /* name, value, name, value ... of those that were not at their default */
    GPtrArray *wires;      /* Wire, to lines of devices that stay */
    GPtrArray *contents;   /* of RAM regions */
} Replaced;

typedef struct {
    EmuMachine *machine;
    EmuTypeModule *old;
    GPtrArray *replaced; /* Replaced: a bus's owner before the devices on it */
    GByteArray *state;
} Reload;

static void
wire_free(gpointer data)
{
    Wire *w = data;

    g_object_unref(w->peer);
    g_free(w->line);
    g_free(w);
}

static void
contents_free(gpointer data)
{
    Contents *c = data;

    g_bytes_unref(c->bytes);
    g_free(c->name);
    g_free(c);
}

static void
replaced_free(gpointer data)
{
    Replaced *r = data;

    g_clear_object(&r->dev);
    g_clear_object(&r->parent);
    g_free(r->type_name);
    g_free(r->id);
    g_free(r->name);
    g_free(r->bus_path);
    g_ptr_array_unref(r->properties);
    g_ptr_array_unref(r->wires);
    g_ptr_array_unref(r->contents);
    g_free(r);
}

static Replaced *
reload_find(Reload *self, gpointer dev)
{
    for (guint i = 0; i < self->replaced->len; i++) {
        Replaced *r = g_ptr_array_index(self->replaced, i);

        if (r->dev == dev) {
            return r;
        }
    }
    return NULL;
}

/* The device to be replaced that @object is, or is part of. */
static Replaced *
reload_find_above(Reload *self, EmuObject *object)
{
    for (; object; object = emu_object_get_parent(object)) {
        Replaced *r = reload_find(self, object);

        if (r) {
            return r;
        }
    }
    return NULL;
}

/* ---- who is concerned -------------------------------------------------------------------------------------- */

static void reload_collect_bus(Reload *self, EmuBus *bus);

static void
reload_collect_device(Reload *self, EmuDevice *dev)
{
    GPtrArray *buses = emu_device_get_buses(dev);
    Replaced *r;

    if (!reload_find(self, dev)) {
        r = g_new0(Replaced, 1);
        r->dev = g_object_ref(dev);
        r->properties = g_ptr_array_new_with_free_func(g_free);
        r->wires = g_ptr_array_new_with_free_func(wire_free);
        r->contents = g_ptr_array_new_with_free_func(contents_free);
        g_ptr_array_add(self->replaced, r);
    }
    for (guint i = 0; i < buses->len; i++) {
        reload_collect_bus(self, g_ptr_array_index(buses, i));
    }
}

static void
reload_collect_bus(Reload *self, EmuBus *bus)
{
    GPtrArray *devices = emu_bus_get_devices(bus);

    for (guint i = 0; i < devices->len; i++) {
        reload_collect_device(self, g_ptr_array_index(devices, i));
    }
}

/* Depth first along buses, so that owners of buses come before what is plugged into them. */
static void
reload_walk_bus(Reload *self, EmuBus *bus)
{
    GPtrArray *devices = emu_bus_get_devices(bus);

    for (guint i = 0; i < devices->len; i++) {
        EmuDevice *dev = g_ptr_array_index(devices, i);
        GPtrArray *buses = emu_device_get_buses(dev);

        if (emu_type_module_count_levels(self->old, G_OBJECT_TYPE(dev))) {
            reload_collect_device(self, dev);
        }
        for (guint j = 0; j < buses->len; j++) {
            reload_walk_bus(self, g_ptr_array_index(buses, j));
        }
    }
}

/* Devices on no bus. */
static bool
reload_walk_tree(EmuObject *object, gpointer data)
{
    Reload *self = data;

    if (EMU_IS_DEVICE(object) && !emu_device_get_bus(EMU_DEVICE(object)) && emu_device_is_realized(EMU_DEVICE(object)) &&
        emu_type_module_count_levels(self->old, G_OBJECT_TYPE(object))) {
        reload_collect_device(self, EMU_DEVICE(object));
    }
    emu_object_foreach_child(object, reload_walk_tree, data);
    return false;
}

typedef struct {
    Reload *reload;
    guint levels; /* instances that will be gone */
    char *reason;
} Check;

static bool
check_object(EmuObject *object, gpointer data)
{
    Check *check = data;
    bool inside = reload_find_above(check->reload, object) != NULL;
    guint levels = emu_type_module_count_levels(check->reload->old, G_OBJECT_TYPE(object));
    g_autofree char *path = emu_object_get_canonical_path(object);

    if (levels && inside) {
        check->levels += levels;
    } else if (levels) {
        check->reason = g_strdup_printf("%s of type %s is not a device, and cannot be made again", path, emu_object_get_type_name(object));
    }
    if (!inside && !check->reason) {
        g_autoptr(GPtrArray) infos = emu_object_list_properties(object);

        for (guint i = 0; i < infos->len && !check->reason; i++) {
            const EmuPropertyInfo *info = g_ptr_array_index(infos, i);
            EmuObject *target = g_str_has_prefix(info->type, "link<") ? emu_object_get_link(object, info->name) : NULL;
            Replaced *r = target ? reload_find_above(check->reload, target) : NULL;

            if (r) {
                check->reason = g_strdup_printf("property '%s' of %s leads to device '%s'", info->name, path, emu_device_get_label(r->dev));
            }
        }
    }
    return check->reason || emu_object_foreach_child(object, check_object, data);
}

static bool
reload_check(Reload *self, GError **error)
{
    Check check = {.reload = self};

    for (guint i = 0; i < self->replaced->len && !check.reason; i++) {
        EmuDevice *dev = ((Replaced *)g_ptr_array_index(self->replaced, i))->dev;

        if (EMU_IS_CPU(dev)) {
            check.reason = g_strdup_printf("'%s' is a CPU", emu_device_get_label(dev));
        } else if (!emu_device_is_user_created(dev)) {
            check.reason = g_strdup_printf("device '%s' of type %s was made by the board, which may hold on to it", emu_device_get_label(dev),
                                           emu_object_get_type_name(dev));
        }
    }
    if (!check.reason) {
        check_object(emu_machine_get_root(self->machine), &check);
    }
    if (!check.reason && check.levels != emu_type_module_count_alive(self->old)) {
        check.reason = g_strdup("objects of it are alive outside of this machine");
    }
    if (check.reason) {
        g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_BUSY, "%s", check.reason);
        g_free(check.reason);
        return false;
    }
    return true;
}

/* ---- taking down --------------------------------------------------------------------------------------------- */

static void
note_properties(Replaced *r)
{
    g_autoptr(GPtrArray) infos = emu_object_list_properties(r->dev);

    for (guint i = 0; i < infos->len; i++) {
        const EmuPropertyInfo *info = g_ptr_array_index(infos, i);
        g_autofree char *value = NULL;

        if (!info->readable || !info->writable || g_str_has_prefix(info->type, "child<")) {
            continue;
        }
        value = emu_object_get_as_string(r->dev, info->name, NULL);
        if (value && g_strcmp0(value, info->default_value) != 0 && (*value || info->default_value)) {
            g_ptr_array_add(r->properties, g_strdup(info->name));
            g_ptr_array_add(r->properties, g_steal_pointer(&value));
        }
    }
    if (EMU_IS_PCI_DEVICE(r->dev)) {
        uint8_t devfn = emu_pci_device_get_devfn(EMU_PCI_DEVICE(r->dev));

        g_ptr_array_add(r->properties, g_strdup("addr"));
        g_ptr_array_add(r->properties, g_strdup_printf("%02x.%x", devfn >> 3, devfn & 7u));
    }
}

static void
note_wires(Reload *self, Replaced *r)
{
    g_autoptr(GPtrArray) lines = emu_device_list_lines(r->dev);

    for (guint i = 0; i < lines->len; i++) {
        EmuLine *line = g_ptr_array_index(lines, i);
        g_autoptr(GPtrArray) peers = emu_line_list_peers(line);

        for (guint j = 0; j < peers->len; j++) {
            EmuLine *peer = g_ptr_array_index(peers, j);
            Wire *w;

            if (!reload_find_above(self, EMU_OBJECT(peer))) {
                w = g_new0(Wire, 1);
                w->line = g_strdup(emu_object_get_name(line));
                w->peer = g_object_ref(peer);
                g_ptr_array_add(r->wires, w);
            }
        }
    }
}

static bool
note_contents(EmuObject *child, gpointer data)
{
    Replaced *r = data;

    if (EMU_IS_MEMORY_REGION(child) && emu_memory_region_is_ram(EMU_MEMORY_REGION(child))) {
        EmuMemoryRegion *region = EMU_MEMORY_REGION(child);
        Contents *c = g_new0(Contents, 1);

        c->name = g_strdup(emu_object_get_name(child));
        c->bytes = g_bytes_new(emu_memory_region_get_ram_pointer(region), emu_memory_region_get_size(region));
        g_ptr_array_add(r->contents, c);
    }
    return false;
}

static void
reload_note(Reload *self)
{
    for (guint i = 0; i < self->replaced->len; i++) {
        Replaced *r = g_ptr_array_index(self->replaced, i);
        EmuBus *bus = emu_device_get_bus(r->dev);

        r->type_name = g_strdup(emu_object_get_type_name(r->dev));
        r->id = g_strdup(emu_device_get_id(r->dev));
        r->name = g_strdup(emu_object_get_name(r->dev));
        r->parent = g_object_ref(emu_object_get_parent(r->dev));
        r->bus_path = bus ? emu_object_get_canonical_path(bus) : NULL;
        r->user_created = emu_device_is_user_created(r->dev);
        note_properties(r);
        note_wires(self, r);
        emu_object_foreach_child(r->dev, note_contents, r);
    }
}

static void
reload_take_down(Reload *self)
{
    for (guint i = self->replaced->len; i > 0; i--) {
        Replaced *r = g_ptr_array_index(self->replaced, i - 1);

        if (r->dev) {
            emu_device_set_replacing(r->dev, true);
            emu_device_unrealize(r->dev);
            g_clear_object(&r->dev);
        }
    }
}

/* ---- building up ----------------------------------------------------------------------------------------------- */

static bool
make_wires(Replaced *r, GError **error)
{
    for (guint i = 0; i < r->wires->len; i++) {
        Wire *w = g_ptr_array_index(r->wires, i);
        EmuObject *line = emu_object_get_child(r->dev, w->line);
        g_autoptr(GPtrArray) peers = line && EMU_IS_LINE(line) ? emu_line_list_peers(EMU_LINE(line)) : NULL;

        if (!peers || emu_line_is_output(EMU_LINE(line)) == emu_line_is_output(w->peer)) {
            g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_REFUSED, "device '%s' has no line '%s' any more, which is connected",
                        emu_device_get_label(r->dev), w->line);
            return false;
        }
        if (g_ptr_array_find(peers, w->peer, NULL)) {
            continue;
        }
        if (emu_line_is_output(EMU_LINE(line))) {
            emu_line_connect(EMU_LINE(line), w->peer);
        } else {
            emu_line_connect(w->peer, EMU_LINE(line));
        }
    }
    return true;
}

static void
put_contents(Replaced *r)
{
    for (guint i = 0; i < r->contents->len; i++) {
        Contents *c = g_ptr_array_index(r->contents, i);
        EmuObject *child = emu_object_get_child(r->dev, c->name);
        gsize size;
        gconstpointer bytes = g_bytes_get_data(c->bytes, &size);

        if (child && EMU_IS_MEMORY_REGION(child) && emu_memory_region_is_ram(EMU_MEMORY_REGION(child)) &&
            emu_memory_region_get_size(EMU_MEMORY_REGION(child)) == size) {
            memcpy(emu_memory_region_get_ram_pointer(EMU_MEMORY_REGION(child)), bytes, size);
            emu_memory_region_set_dirty(EMU_MEMORY_REGION(child), 0, size);
        }
    }
}

static bool
make_again(Reload *self, Replaced *r, GError **error)
{
    EmuObject *bus = r->bus_path ? emu_object_resolve_path(emu_machine_get_root(self->machine), r->bus_path, NULL) : NULL;
    g_autoptr(EmuDevice) dev = NULL;

    if (r->bus_path && (!bus || !EMU_IS_BUS(bus))) {
        g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_REFUSED, "there is no bus %s any more", r->bus_path);
        return false;
    }
    dev = emu_device_new(r->type_name, error);
    if (!dev) {
        return false;
    }
    emu_device_set_replacing(dev, true);
    emu_device_set_user_created(dev, r->user_created);
    if (r->id) {
        emu_device_set_id(dev, r->id);
    }
    emu_object_set_lookup_root(dev, emu_machine_get_root(self->machine));
    for (guint i = 0; i < r->properties->len; i += 2) {
        if (!emu_object_set_from_string(dev, g_ptr_array_index(r->properties, i), g_ptr_array_index(r->properties, i + 1), error)) {
            return false;
        }
    }
    if (!emu_object_add_child(r->parent, r->name, dev, error) ||
        !emu_device_realize(g_object_ref(dev), self->machine, (EmuBus *)bus, error)) {
        if (emu_object_get_parent(dev)) {
            emu_object_unparent(dev);
        }
        return false;
    }
    r->dev = g_steal_pointer(&dev);
    emu_device_reset(r->dev);
    put_contents(r);
    return make_wires(r, error);
}

static bool
reload_build(Reload *self, GError **error)
{
    emu_device_use_globals(emu_machine_priv(self->machine)->globals);
    for (guint i = 0; i < self->replaced->len; i++) {
        Replaced *r = g_ptr_array_index(self->replaced, i);

        if (!make_again(self, r, error)) {
            g_prefix_error(error, "%s: ", r->id ? r->id : r->type_name);
            return false;
        }
    }
    if (!emu_device_tree_load(self->machine, self->state->data, self->state->len, error)) {
        return false;
    }
    for (guint i = 0; i < self->replaced->len; i++) {
        emu_device_set_replacing(((Replaced *)g_ptr_array_index(self->replaced, i))->dev, false);
    }
    return true;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

/* The new code is in place, or the old is back; false with @error when neither works. */
static bool
reload_exchange(Reload *self, EmuPluginSwap *swap, bool *exchanged, GError **error)
{
    g_autoptr(GError) first = NULL, second = NULL;

    reload_note(self);
    reload_take_down(self);
    *exchanged = reload_build(self, &first);
    if (*exchanged) {
        emu_plugin_swap_commit(swap);
        return true;
    }
    reload_take_down(self);
    emu_plugin_swap_abort(swap);
    if (reload_build(self, &second)) {
        g_propagate_error(error, g_steal_pointer(&first));
        return true;
    }
    g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_REFUSED, "%s; and the old code cannot be put back: %s", first->message,
                second->message);
    return false;
}

/**
 * emu_machine_reload_plugin:
 * @self: a built machine
 * @name: an open plugin, whose file was replaced
 * @out: (out) (optional): what was done
 *
 * Replaces the code of a plugin under its devices. Main thread, big lock held.
 *
 * Returns: false when the old code goes on, with the reason. A machine whose devices could be made from neither is stopped in
 * state internal-error.
 *
 * Since: 1.0
 */
bool
emu_machine_reload_plugin(EmuMachine *self, const char *name, EmuReloadResult *out, GError **error)
{
    Reload reload = {.machine = self};
    gint64 start = g_get_monotonic_time(), paused;
    bool running = emu_machine_get_run_state(self) == EMU_RUN_STATE_RUNNING, exchanged = false, whole = true;
    EmuPluginSwap *swap = NULL;
    bool ok = false;

    if (!emu_plugin_get_module(name, &reload.old)) {
        g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_NOT_FOUND, "there is no plugin '%s'", name);
        return false;
    }
    if (!reload.old) {
        /* Nobody uses it: whoever does next gets the new file. */
        emu_plugin_scan();
        if (out) {
            *out = (EmuReloadResult){0};
        }
        return true;
    }
    reload.replaced = g_ptr_array_new_with_free_func(replaced_free);
    reload.state = g_byte_array_new();
    reload_walk_bus(&reload, emu_machine_get_sysbus(self));
    reload_walk_tree(EMU_OBJECT(self), &reload);
    if (reload_check(&reload, error)) {
        swap = emu_plugin_swap_begin(name, error);
    }
    paused = g_get_monotonic_time();
    if (swap) {
        if (running) {
            emu_machine_stop(self, EMU_RUN_STATE_PAUSED);
        }
        if (emu_device_tree_save(self, reload.state, error)) {
            whole = reload_exchange(&reload, swap, &exchanged, error);
            ok = exchanged;
        } else {
            emu_plugin_swap_abort(swap);
        }
        if (!whole) {
            emu_machine_stop(self, EMU_RUN_STATE_INTERNAL_ERROR);
        } else if (running) {
            emu_machine_start(self);
        }
    }
    if (ok && out) {
        out->devices = reload.replaced->len;
        out->pause_us = (uint64_t)(g_get_monotonic_time() - paused);
        out->total_us = (uint64_t)(g_get_monotonic_time() - start);
    }
    if (!ok) {
        g_prefix_error(error, "plugin '%s' is not reloaded: ", name);
    }
    g_ptr_array_unref(reload.replaced);
    g_byte_array_unref(reload.state);
    return ok;
}
