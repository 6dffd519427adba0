/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which devices a reload of a plugin makes again, whether they can be, and in what order. */

#include "system/reload-private.h"

#include "device/device-private.h"
#include "qom/qom-private.h"
#include <emu/cpu.h>

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
        r->wires = g_ptr_array_new_with_free_func(reload_wire_free);
        r->contents = g_ptr_array_new_with_free_func(reload_contents_free);
        r->levels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        r->mappings = g_array_new(FALSE, FALSE, sizeof(Mapping));
        g_array_set_clear_func(r->mappings, reload_mapping_clear);
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
void
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
bool
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
    bool grown;   /* a device has joined because it links to others */
    char *reason;
} Check;

/* An object that stays links to something that does not. */
static void
check_link(Check *check, EmuObject *object, const char *property, EmuObject *target)
{
    if (emu_object_property_is_runtime(object, property)) {
        Pointer *p = g_new0(Pointer, 1);

        p->object = g_object_ref(object);
        p->property = g_strdup(property);
        p->path = emu_object_get_canonical_path(target);
        g_ptr_array_add(check->reload->pointers, p);
    } else if (EMU_IS_DEVICE(object) && !EMU_IS_CPU(object) && emu_device_is_realized(EMU_DEVICE(object))) {
        reload_collect_device(check->reload, EMU_DEVICE(object));
        check->grown = true;
    } else {
        g_autofree char *path = emu_object_get_canonical_path(object);

        check->reason = g_strdup_printf("property '%s' of %s leads to device '%s'", property, path,
                                        emu_device_get_label(reload_find_above(check->reload, target)->dev));
    }
}

static bool
check_object(EmuObject *object, gpointer data)
{
    Check *check = data;
    bool inside = reload_find_above(check->reload, object) != NULL;
    guint levels = emu_type_module_count_levels(check->reload->old, G_OBJECT_TYPE(object));

    if (levels && inside) {
        check->levels += levels;
    } else if (levels) {
        g_autofree char *path = emu_object_get_canonical_path(object);

        check->reason = g_strdup_printf("%s of type %s is not a device, and cannot be made again", path, emu_object_get_type_name(object));
    }
    if (!inside && !check->reason) {
        g_autoptr(GPtrArray) infos = emu_object_list_properties(object);

        for (guint i = 0; i < infos->len && !check->reason && !check->grown; i++) {
            const EmuPropertyInfo *info = g_ptr_array_index(infos, i);
            EmuObject *target = g_str_has_prefix(info->type, "link<") ? emu_object_get_link(object, info->name) : NULL;

            if (target && reload_find_above(check->reload, target)) {
                check_link(check, object, info->name, target);
            }
        }
    }
    return check->reason || check->grown || emu_object_foreach_child(object, check_object, data);
}

/* May this device be made again, by us or by the one that made it? NULL: yes. (transfer full) */
static char *
check_device(Reload *self, Replaced *r)
{
    EmuMachineClass *board = EMU_MACHINE_GET_CLASS(self->machine);
    const char *label = emu_device_get_label(r->dev), *type = emu_object_get_type_name(r->dev);
    EmuDevice *maker = emu_device_get_maker(r->dev);
    g_autoptr(GError) error = NULL;

    if (EMU_IS_CPU(r->dev)) {
        return g_strdup_printf("'%s' is a CPU", label);
    }
    if (maker && emu_device_is_realized(maker)) {
        Replaced *outer = reload_find(self, maker);

        r->inner = outer && reload_find_above(self, emu_object_get_parent(r->dev)) == outer;
        return r->inner ? NULL
                        : g_strdup_printf("device '%s' of type %s was made by device '%s', which may hold on to it", label, type,
                                          emu_device_get_label(maker));
    }
    if (emu_device_is_user_created(r->dev)) {
        return NULL;
    }
    if (!board->can_replace) {
        return g_strdup_printf("device '%s' of type %s was made by the board, which may hold on to it", label, type);
    }
    return board->can_replace(self->machine, r->dev, &error)
               ? NULL
               : g_strdup_printf("device '%s' of type %s was made by the board, which needs this very one: %s", label, type,
                                 error ? error->message : "it does not say why");
}

bool
reload_check(Reload *self, GError **error)
{
    Check check = {.reload = self};

    /* Until nobody joins any more. */
    do {
        check.levels = 0;
        check.grown = false;
        g_ptr_array_set_size(self->pointers, 0);
        for (guint i = 0; i < self->replaced->len && !check.reason; i++) {
            check.reason = check_device(self, g_ptr_array_index(self->replaced, i));
        }
        if (!check.reason) {
            check_object(emu_machine_get_root(self->machine), &check);
        }
    } while (check.grown && !check.reason);
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

/* Does @r need @other to be there? */
static bool
reload_needs(Replaced *r, Replaced *other)
{
    EmuBus *bus = emu_device_get_bus(r->dev);
    g_autoptr(GPtrArray) infos = NULL;

    if (r == other) {
        return false;
    }
    for (EmuObject *o = EMU_OBJECT(r->dev); o; o = emu_object_get_parent(o)) {
        if (o == EMU_OBJECT(other->dev)) {
            return true;
        }
    }
    for (EmuObject *o = (EmuObject *)bus; o; o = emu_object_get_parent(o)) {
        if (o == EMU_OBJECT(other->dev)) {
            return true;
        }
    }
    infos = emu_object_list_properties(r->dev);
    for (guint i = 0; i < infos->len; i++) {
        const EmuPropertyInfo *info = g_ptr_array_index(infos, i);
        EmuObject *target = g_str_has_prefix(info->type, "link<") ? emu_object_get_link(r->dev, info->name) : NULL;

        for (; target; target = emu_object_get_parent(target)) {
            if (target == EMU_OBJECT(other->dev)) {
                return true;
            }
        }
    }
    return false;
}

static bool
reload_waits(GPtrArray *todo, guint index)
{
    for (guint i = 0; i < todo->len; i++) {
        if (reload_needs(g_ptr_array_index(todo, index), g_ptr_array_index(todo, i))) {
            return true;
        }
    }
    return false;
}

/* Owners of buses before what is plugged in, targets of links before those who link to them; else as they were. */
bool
reload_order(Reload *self, GError **error)
{
    GPtrArray *todo = g_steal_pointer(&self->replaced);
    bool ok = true;

    self->replaced = g_ptr_array_new_with_free_func(reload_replaced_free);
    g_ptr_array_set_free_func(todo, NULL);
    while (todo->len) {
        guint next = 0;

        while (next < todo->len && reload_waits(todo, next)) {
            next++;
        }
        if (next == todo->len && ok) {
            g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_BUSY, "device '%s' and others link to each other in a circle",
                        emu_device_get_label(((Replaced *)g_ptr_array_index(todo, 0))->dev));
            ok = false;
        }
        g_ptr_array_add(self->replaced, g_ptr_array_steal_index(todo, ok ? next : 0));
    }
    g_ptr_array_unref(todo);
    return ok;
}
