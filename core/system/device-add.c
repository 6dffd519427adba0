/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What -device, -object and -global do; device_add and object-add of the monitor are the same. */

#include "system/startup.h"

#include "device/device-private.h"
#include "system/machine-private.h"

#include <emu/log.h>
#include <emu/memory-device.h>
#include <json-glib/json-glib.h>
#include <string.h>

/* Adds the members of a JSON object as options; nested ones as "outer.inner". */
static bool
add_json_members(EmuOpts *opts, const char *prefix, JsonObject *object, GError **error)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    json_object_iter_init(&iter, object);
    while (json_object_iter_next(&iter, &name, &node)) {
        g_autofree char *key = *prefix ? g_strconcat(prefix, ".", name, NULL) : g_strdup(name);
        g_autofree char *text = NULL;

        if (JSON_NODE_HOLDS_OBJECT(node)) {
            if (!add_json_members(opts, key, json_node_get_object(node), error)) {
                return false;
            }
            continue;
        }
        if (JSON_NODE_HOLDS_NULL(node)) {
            continue;
        }
        if (!JSON_NODE_HOLDS_VALUE(node)) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "Parameter '%s' is a list, expected a value", key);
            return false;
        }
        switch (json_node_get_value_type(node)) {
        case G_TYPE_BOOLEAN:
            text = g_strdup(json_node_get_boolean(node) ? "on" : "off");
            break;
        case G_TYPE_INT64:
            text = g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node));
            break;
        case G_TYPE_STRING:
            text = g_strdup(json_node_get_string(node));
            break;
        default:
            text = g_strdup_printf("%.17g", json_node_get_double(node));
        }
        emu_opts_add(opts, key, text);
    }
    return true;
}

EmuOpts *
emu_opts_parse_any(const char *text, const char *implied, GError **error)
{
    g_autoptr(JsonParser) parser = NULL;
    g_autoptr(EmuOpts) opts = NULL;
    JsonNode *root;

    if (*text != '{') {
        return emu_opts_parse(text, implied, NULL, error);
    }
    parser = json_parser_new();
    if (!json_parser_load_from_data(parser, text, -1, error)) {
        return NULL;
    }
    root = json_parser_get_root(parser);
    if (!root || !JSON_NODE_HOLDS_OBJECT(root)) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "expected a JSON object");
        return NULL;
    }
    opts = emu_opts_new();
    return add_json_members(opts, "", json_node_get_object(root), error) ? g_steal_pointer(&opts) : NULL;
}

static bool
set_properties(gpointer object, const EmuOpts *opts, const char *const *skip, GError **error)
{
    for (guint i = 0; i < emu_opts_get_n(opts); i++) {
        const EmuOpt *opt = emu_opts_get_nth(opts, i);

        if (!g_strv_contains(skip, opt->key) && !emu_object_set_from_string(object, opt->key, opt->value, error)) {
            return false;
        }
    }
    return true;
}

/* @user_created also says that only what users may create is allowed. */
static EmuDevice *
add_device(EmuMachine *machine, const EmuOpts *opts, bool user_created, GError **error)
{
    static const char *const skip[] = {"driver", "id", "bus", NULL};
    const char *driver = emu_opts_get(opts, "driver"), *id = emu_opts_get_id(opts), *bus_name = emu_opts_get(opts, "bus");
    g_autoptr(EmuDevice) dev = NULL;
    EmuDeviceClass *klass;
    EmuBus *bus = NULL;
    bool is_cpu;
    GType type;

    if (!driver) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "Parameter 'driver' is missing, expected the name of a device type (-device help)");
        return NULL;
    }
    type = emu_type_lookup(driver, error);
    if (type == G_TYPE_INVALID) {
        g_clear_error(error);
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE, "'%s' is not a valid device model name (-device help lists them)", driver);
        return NULL;
    }
    if (!g_type_is_a(type, EMU_TYPE_DEVICE) || G_TYPE_IS_ABSTRACT(type)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE, "Parameter 'driver' expects a non-abstract device type, '%s' is %s", driver,
                    g_type_is_a(type, EMU_TYPE_DEVICE) ? "abstract" : "none");
        return NULL;
    }
    emu_device_use_globals(emu_machine_priv(machine)->globals);
    dev = emu_device_new(driver, error);
    if (!dev) {
        return NULL;
    }
    klass = EMU_DEVICE_GET_CLASS(dev);
    if (user_created && !klass->user_creatable) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "Parameter 'driver' expects a pluggable device type, '%s' is part of a board", driver);
        return NULL;
    }
    if (bus_name || klass->bus_type) {
        bus = emu_bus_find(machine, bus_name, klass->bus_type, error);
        if (!bus) {
            return NULL;
        }
    }
    emu_device_set_user_created(dev, user_created);
    emu_device_set_hotplugged(dev, emu_machine_priv(machine)->finished);
    if (id) {
        emu_device_set_id(dev, id);
    }
    emu_object_set_lookup_root(dev, emu_machine_get_root(machine));
    /* A test may add one to any machine, as a board does. */
    is_cpu = EMU_IS_CPU(dev) && (user_created || emu_machine_priv(machine)->cpu_hotplug_handler);
    if (is_cpu && !emu_machine_prepare_cpu(machine, EMU_CPU(dev), opts, error)) {
        return NULL;
    }
    if (EMU_IS_MEMORY_DEVICE(dev)) {
        if (!emu_machine_priv(machine)->memory_hotplug_handler) {
            g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                                emu_machine_get_ram_slots(machine) ? "memory hotplug is not enabled: missing acpi device or acpi disabled"
                                                                   : "no slots where allocated, please specify the 'slots' option");
            return NULL;
        }
        emu_device_set_hotplug_handler(dev, emu_machine_priv(machine)->memory_hotplug_handler);
    }
    if (!set_properties(dev, opts, skip, error)) {
        return NULL;
    }
    if (is_cpu) {
        return emu_machine_plug_cpu(machine, dev, error);
    }
    if (!emu_device_realize(g_object_ref(dev), machine, bus, error)) {
        return NULL;
    }
    /* Plugged into a machine that is up, it gets the power-on reset that it missed. */
    if (emu_machine_priv(machine)->built) {
        emu_device_reset(dev);
    }
    return dev;
}

/**
 * emu_machine_add_device:
 * @machine: a built machine
 * @opts: "driver", and optionally "id", "bus" and properties
 *
 * Big lock held.
 *
 * Returns: (transfer none) (nullable): the device, realized
 */
EmuDevice *
emu_machine_add_device(EmuMachine *machine, const EmuOpts *opts, GError **error)
{
    return add_device(machine, opts, true, error);
}

/* For tests: parts of boards too. */
EmuDevice *
emu_machine_add_any_device(EmuMachine *machine, const EmuOpts *opts, GError **error)
{
    return add_device(machine, opts, false, error);
}

/**
 * emu_machine_add_object:
 * @machine: a machine
 * @opts: "qom-type", "id" and properties
 *
 * Returns: (transfer none) (nullable): the object, at /objects/ID
 */
EmuObject *
emu_machine_add_object(EmuMachine *machine, const EmuOpts *opts, GError **error)
{
    static const char *const skip[] = {"qom-type", "id", NULL};
    const char *type_name = emu_opts_get(opts, "qom-type"), *id = emu_opts_get_id(opts);
    EmuObject *objects = emu_object_get_container(emu_machine_get_root(machine), "/objects");
    g_autoptr(EmuObject) object = NULL;
    GType type;

    if (!type_name || !id) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "Parameter '%s' is missing", type_name ? "id" : "qom-type");
        return NULL;
    }
    type = emu_type_lookup(type_name, NULL);
    if (type == G_TYPE_INVALID || !g_type_is_a(type, EMU_TYPE_USER_CREATABLE) || G_TYPE_IS_ABSTRACT(type)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE,
                    "Parameter 'qom-type' does not accept value '%s', expected one of those that -object help lists", type_name);
        return NULL;
    }
    if (emu_object_get_child(objects, id)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_DUPLICATE, "attempt to add duplicate property '%s' to object (type 'container')", id);
        return NULL;
    }
    object = emu_object_new(type_name, error);
    if (!object) {
        return NULL;
    }
    emu_object_set_lookup_root(object, emu_machine_get_root(machine));
    if (!set_properties(object, opts, skip, error) || !emu_object_add_child(objects, id, object, error)) {
        return NULL;
    }
    if (!emu_user_creatable_complete(object, error)) {
        emu_object_unparent(object);
        return NULL;
    }
    return object;
}

bool
emu_machine_add_global(EmuMachine *machine, const char *driver, const char *property, const char *value, GError **error)
{
    if (!emu_type_exists(driver)) {
        /* As the field's tools do it: a setting for a device that is not there harms nobody. */
        emu_warn_report("-global %s.%s=%s: no such device type", driver, property, value);
        return true;
    }
    g_ptr_array_add(emu_machine_priv(machine)->globals, emu_global_property_new(driver, property, value));
    return true;
}
