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
 * What can be made again: devices that the user added, and parts of a board that says so (EmuMachineClass.can_replace): it keeps
 * pointers to them, which follow. Links from other devices are set anew when they may be set at any time; otherwise the device
 * with the link is made again as well. What a device makes itself comes with it.
 */

#include "system/reload-private.h"

#include "device/device-private.h"
#include "memory/memory-private.h"
#include "qom/qom-private.h"

#include <emu/pci.h>
#include <emu/reload.h>
#include <string.h>

void
reload_wire_free(gpointer data)
{
    Wire *w = data;

    g_object_unref(w->peer);
    g_free(w->line);
    g_free(w);
}

void
reload_contents_free(gpointer data)
{
    Contents *c = data;

    g_bytes_unref(c->bytes);
    g_free(c->name);
    g_free(c);
}

static void
pointer_free(gpointer data)
{
    Pointer *p = data;

    g_clear_object(&p->object);
    g_free(p->property);
    g_free(p->path);
    g_free(p->type_name);
    g_free(p);
}

void
reload_mapping_clear(gpointer data)
{
    g_object_unref(((Mapping *)data)->container);
}

void
reload_replaced_free(gpointer data)
{
    Replaced *r = data;

    g_clear_object(&r->dev);
    g_clear_object(&r->parent);
    g_free(r->type_name);
    g_free(r->id);
    g_free(r->name);
    g_free(r->bus_path);
    g_free(r->path);
    g_ptr_array_unref(r->properties);
    g_ptr_array_unref(r->wires);
    g_ptr_array_unref(r->contents);
    g_hash_table_unref(r->levels);
    g_array_unref(r->mappings);
    g_free(r);
}

Replaced *
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
Replaced *
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

        g_hash_table_insert(r->levels, g_strdup(emu_object_get_name(line)), GINT_TO_POINTER(emu_line_get(line)));
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

/* Where a board, or whoever else, has put the regions of a system bus device. */
static void
note_mappings(Reload *self, Replaced *r)
{
    EmuMemoryRegion *region;

    for (unsigned i = 0; EMU_IS_SYSBUS_DEVICE(r->dev) && (region = emu_sysbus_get_mmio(EMU_SYSBUS_DEVICE(r->dev), i)); i++) {
        if (region->container && !reload_find_above(self, EMU_OBJECT(region->container))) {
            Mapping m = {i, g_object_ref(region->container), region->addr, region->priority};

            g_array_append_val(r->mappings, m);
        }
    }
}

static void
note_tracked(Reload *self)
{
    GPtrArray *tracked = emu_machine_priv(self->machine)->tracked;

    for (guint i = 0; i < tracked->len; i++) {
        EmuObject **where = g_ptr_array_index(tracked, i);

        if (*where && reload_find_above(self, *where)) {
            Pointer *p = g_new0(Pointer, 1);

            p->where = where;
            p->path = emu_object_get_canonical_path(*where);
            p->type_name = g_strdup(emu_object_get_type_name(*where));
            g_ptr_array_add(self->pointers, p);
        }
    }
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
        r->tree_index = emu_object_get_position(EMU_OBJECT(r->dev));
        r->path = emu_object_get_canonical_path(r->dev);
        if (bus) {
            g_ptr_array_find(emu_bus_get_devices(bus), r->dev, &r->bus_index);
        }
        note_properties(r);
        note_wires(self, r);
        note_mappings(self, r);
        emu_object_foreach_child(r->dev, note_contents, r);
    }
    note_tracked(self);
}

static void
pointers_clear(Reload *self)
{
    for (guint i = 0; i < self->pointers->len; i++) {
        Pointer *p = g_ptr_array_index(self->pointers, i);

        if (p->where) {
            *p->where = NULL;
        } else {
            emu_object_set_link(p->object, p->property, NULL, NULL);
        }
        p->set = false;
    }
}

static void
reload_take_down(Reload *self)
{
    pointers_clear(self);
    for (guint i = self->replaced->len; i > 0; i--) {
        Replaced *r = g_ptr_array_index(self->replaced, i - 1);

        if (r->dev) {
            emu_device_set_replacing(r->dev, true);
            if (!r->inner) {
                emu_device_unrealize(r->dev);
            }
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

/* Those whose target is there by now. */
static bool
pointers_set(Reload *self, GError **error)
{
    for (guint i = 0; i < self->pointers->len; i++) {
        Pointer *p = g_ptr_array_index(self->pointers, i);
        EmuObject *target = p->set ? NULL : emu_object_resolve_path(emu_machine_get_root(self->machine), p->path, NULL);

        if (!target) {
            continue;
        }
        if (!p->where && !emu_object_set_link(p->object, p->property, target, error)) {
            return false;
        }
        if (p->where && !emu_object_is_a(target, p->type_name)) {
            g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_REFUSED, "%s is of type %s now, the board expects %s", p->path,
                        emu_object_get_type_name(target), p->type_name);
            return false;
        }
        if (p->where) {
            *p->where = target;
        }
        p->set = true;
    }
    return true;
}

static void
map_again(Replaced *r)
{
    for (guint i = 0; i < r->mappings->len; i++) {
        const Mapping *m = &g_array_index(r->mappings, Mapping, i);
        EmuMemoryRegion *region = emu_sysbus_get_mmio(EMU_SYSBUS_DEVICE(r->dev), m->index);

        if (region && !emu_memory_region_get_container(region)) {
            emu_memory_region_add_subregion(m->container, m->addr, region, m->priority);
        }
    }
}

/* Its maker has made it. */
static bool
find_again(Reload *self, Replaced *r, GError **error)
{
    EmuObject *found = emu_object_resolve_path(emu_machine_get_root(self->machine), r->path, NULL);

    if (!found || !EMU_IS_DEVICE(found) || strcmp(emu_object_get_type_name(found), r->type_name) != 0) {
        g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_REFUSED, "there is no %s of type %s any more", r->path, r->type_name);
        return false;
    }
    r->dev = g_object_ref(EMU_DEVICE(found));
    for (guint i = 0; i < r->properties->len; i += 2) {
        const char *name = g_ptr_array_index(r->properties, i);

        if (emu_object_property_is_runtime(r->dev, name) &&
            !emu_object_set_from_string(r->dev, name, g_ptr_array_index(r->properties, i + 1), error)) {
            return false;
        }
    }
    return true;
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
    map_again(r);
    return true;
}

static bool
reload_make(Reload *self, Replaced *r, GError **error)
{
    EmuMachineClass *board = EMU_MACHINE_GET_CLASS(self->machine);

    if (!(r->inner ? find_again(self, r, error) : make_again(self, r, error)) || !pointers_set(self, error)) {
        return false;
    }
    if (!r->inner && !r->user_created && board->part_replaced && !board->part_replaced(self->machine, r->dev, error)) {
        return false;
    }
    if (!r->inner) {
        emu_device_reset(r->dev);
    }
    put_contents(r);
    return make_wires(r, error);
}

static int
compare_bus_index(gconstpointer a, gconstpointer b)
{
    guint first = (*(const Replaced *const *)a)->bus_index, second = (*(const Replaced *const *)b)->bus_index;

    return (first > second) - (first < second);
}

static int
compare_tree_index(gconstpointer a, gconstpointer b)
{
    guint first = (*(const Replaced *const *)a)->tree_index, second = (*(const Replaced *const *)b)->tree_index;

    return (first > second) - (first < second);
}

/* Listings, resets and searches go by the order in which devices came. */
static void
reload_put_into_place(Reload *self)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_copy(self->replaced, NULL, NULL);

    g_ptr_array_set_free_func(sorted, NULL);
    g_ptr_array_sort(sorted, compare_bus_index);
    for (guint i = 0; i < sorted->len; i++) {
        Replaced *r = g_ptr_array_index(sorted, i);

        if (emu_device_get_bus(r->dev)) {
            emu_bus_move_device(emu_device_get_bus(r->dev), r->dev, r->bus_index);
        }
    }
    g_ptr_array_sort(sorted, compare_tree_index);
    for (guint i = 0; i < sorted->len; i++) {
        Replaced *r = g_ptr_array_index(sorted, i);

        emu_object_set_position(EMU_OBJECT(r->dev), r->tree_index);
    }
}

static void
put_levels(Replaced *r)
{
    g_autoptr(GPtrArray) lines = emu_device_list_lines(r->dev);

    for (guint i = 0; i < lines->len; i++) {
        gpointer level;

        if (g_hash_table_lookup_extended(r->levels, emu_object_get_name(g_ptr_array_index(lines, i)), NULL, &level)) {
            emu_line_put_level(g_ptr_array_index(lines, i), GPOINTER_TO_INT(level));
        }
    }
}

static bool
reload_build(Reload *self, GError **error)
{
    emu_device_use_globals(emu_machine_priv(self->machine)->globals);
    for (guint i = 0; i < self->replaced->len; i++) {
        Replaced *r = g_ptr_array_index(self->replaced, i);

        if (!reload_make(self, r, error)) {
            g_prefix_error(error, "%s: ", r->id ? r->id : r->type_name);
            return false;
        }
    }
    for (guint i = 0; i < self->pointers->len; i++) {
        const Pointer *p = g_ptr_array_index(self->pointers, i);

        if (!p->set) {
            g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_REFUSED, "there is no %s any more, which is needed elsewhere", p->path);
            return false;
        }
    }
    reload_put_into_place(self);
    if (!emu_device_tree_load(self->machine, self->state->data, self->state->len, error)) {
        return false;
    }
    for (guint i = 0; i < self->replaced->len; i++) {
        Replaced *r = g_ptr_array_index(self->replaced, i);

        put_levels(r);
        emu_device_set_replacing(r->dev, false);
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

static bool
count_cb(EmuObject *object, gpointer data)
{
    struct {
        const char *plugin;
        unsigned n;
    } *count = data;

    count->n += EMU_IS_DEVICE(object) && g_strcmp0(emu_plugin_of_type(emu_object_get_type_name(object)), count->plugin) == 0;
    emu_object_foreach_child(object, count_cb, data);
    return false;
}

/* A script's classes take other functions; its devices stay as they are. */
static bool
reload_script(EmuMachine *self, const char *name, EmuReloadResult *out, GError **error)
{
    struct {
        const char *plugin;
        unsigned n;
    } count = {name, 0};
    gint64 start = g_get_monotonic_time();
    EmuVcpus *vcpus = emu_machine_get_vcpus(self);
    bool running = vcpus->running, ok;

    emu_vcpus_pause(vcpus);
    ok = emu_plugin_reload_script(name, error);
    if (running) {
        emu_vcpus_resume(vcpus);
    }
    if (!ok) {
        g_prefix_error(error, "plugin '%s' is not reloaded: ", name);
    } else if (out) {
        emu_object_foreach_child(EMU_OBJECT(self), count_cb, &count);
        *out = (EmuReloadResult){.devices = count.n};
        out->pause_us = out->total_us = (uint64_t)(g_get_monotonic_time() - start);
    }
    return ok;
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

    if (emu_plugin_is_script(name)) {
        return reload_script(self, name, out, error);
    }
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
    reload.replaced = g_ptr_array_new_with_free_func(reload_replaced_free);
    reload.pointers = g_ptr_array_new_with_free_func(pointer_free);
    reload.state = g_byte_array_new();
    reload_walk_bus(&reload, emu_machine_get_sysbus(self));
    reload_walk_tree(EMU_OBJECT(self), &reload);
    if (reload_check(&reload, error) && reload_order(&reload, error)) {
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
    g_ptr_array_unref(reload.pointers);
    g_ptr_array_unref(reload.replaced);
    g_byte_array_unref(reload.state);
    return ok;
}
