/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands about types, objects, properties and devices. */

#include "monitor/qmp-private.h"
#include "qmp-generated.h"

#include "device/device-private.h"
#include "system/startup.h"

#include <emu/reload.h>
#include <string.h>

/* ---- values ----------------------------------------------------------------------------------------- */

char *
emu_qmp_property_text(JsonNode *node)
{
    GString *text;

    if (JSON_NODE_HOLDS_VALUE(node)) {
        switch (json_node_get_value_type(node)) {
        case G_TYPE_STRING:
            return json_node_dup_string(node);
        case G_TYPE_BOOLEAN:
            return g_strdup(json_node_get_boolean(node) ? "on" : "off");
        default:
            break;
        }
    } else if (JSON_NODE_HOLDS_NULL(node)) {
        return g_strdup("");
    }
    text = g_string_new(NULL);
    emu_json_write(text, node, false);
    return g_string_free(text, FALSE);
}

/* @text, of a property of QMP type @type. */
JsonNode *
emu_qmp_property_node(const char *type, const char *text)
{
    JsonNode *node = json_node_new(JSON_NODE_VALUE);
    bool on;
    int64_t i;
    uint64_t u;

    if (g_str_equal(type, "bool") && emu_parse_bool(text, &on)) {
        json_node_set_boolean(node, on);
    } else if ((g_str_has_prefix(type, "uint") || g_str_equal(type, "size")) && emu_parse_uint(text, &u)) {
        if (u > INT64_MAX) {
            json_node_set_double(node, u);
        } else {
            json_node_set_int(node, u);
        }
    } else if (g_str_equal(type, "size") && emu_parse_size(text, 'B', &u)) {
        json_node_set_int(node, u);
    } else if (g_str_has_prefix(type, "int") && emu_parse_int(text, &i)) {
        json_node_set_int(node, i);
    } else if (g_str_equal(type, "number")) {
        json_node_set_double(node, g_ascii_strtod(text, NULL));
    } else if (g_str_has_prefix(type, "struct") || g_str_equal(type, "list")) {
        JsonNode *parsed = emu_json_parse(text, strlen(text), NULL);

        if (parsed) {
            json_node_unref(node);
            return parsed;
        }
        json_node_set_string(node, text);
    } else {
        json_node_set_string(node, text);
    }
    return node;
}

JsonNode *
emu_qmp_property_value(gpointer object, const char *name, GError **error)
{
    g_autofree char *type = NULL, *text = NULL;
    EmuObject *child = emu_object_get_child(object, name);
    JsonNode *node;

    if (child) {
        node = json_node_new(JSON_NODE_VALUE);
        text = emu_object_get_canonical_path(child);
        json_node_set_string(node, text);
        return node;
    }
    if (!emu_object_has_property(object, name)) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Property '%s.%s' not found", emu_object_get_type_name(object), name);
        return NULL;
    }
    type = emu_object_property_type_text(object, name);
    text = emu_object_get_as_string(object, name, error);
    return text ? emu_qmp_property_node(type ? type : "string", text) : NULL;
}

/* ---- objects -------------------------------------------------------------------------------------------- */

static EmuObject *
resolve(EmuQmpCall *call, const char *path, GError **error)
{
    bool ambiguous = false;
    EmuObject *object = emu_object_resolve_path(emu_machine_get_root(call->machine), path, &ambiguous);

    if (!object) {
        if (ambiguous) {
            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Path '%s' is ambiguous", path);
        } else {
            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", path);
        }
    }
    return object;
}

static GPtrArray *
property_list(GPtrArray *properties, bool defaults)
{
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; i < properties->len; i++) {
        const EmuPropertyInfo *p = properties->pdata[i];
        QmpObjectPropertyInfo *info = qmp_ObjectPropertyInfo_new();

        info->name = g_strdup(p->name);
        info->type = g_strdup(p->type);
        if (defaults) {
            info->description = g_strdup(p->description);
            info->default_value = p->default_value ? emu_qmp_property_node(p->type, p->default_value) : NULL;
        }
        g_ptr_array_add(list, info);
    }
    return list;
}

GPtrArray *
qmp_qom_list(EmuQmpCall *call, const Qmp_qom_list_args *args, GError **error)
{
    EmuObject *object = resolve(call, args->path, error);
    g_autoptr(GPtrArray) properties = object ? emu_object_list_properties(object) : NULL;

    return properties ? property_list(properties, false) : NULL;
}

JsonNode *
qmp_qom_get(EmuQmpCall *call, const Qmp_qom_get_args *args, GError **error)
{
    EmuObject *object = resolve(call, args->path, error);

    return object ? emu_qmp_property_value(object, args->property, error) : NULL;
}

bool
qmp_qom_set(EmuQmpCall *call, const Qmp_qom_set_args *args, GError **error)
{
    EmuObject *object = resolve(call, args->path, error);
    g_autofree char *text = object ? emu_qmp_property_text(args->value) : NULL;

    if (!object) {
        return false;
    }
    if (!emu_object_has_property(object, args->property)) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Property '%s.%s' not found", emu_object_get_type_name(object), args->property);
        return false;
    }
    return emu_object_set_from_string(object, args->property, text, error);
}

GPtrArray *
qmp_qom_list_get(EmuQmpCall *call, const Qmp_qom_list_get_args *args, GError **error)
{
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; i < args->paths->len; i++) {
        EmuObject *object = resolve(call, args->paths->pdata[i], error);
        g_autoptr(GPtrArray) properties = object ? emu_object_list_properties(object) : NULL;
        QmpObjectPropertiesValues *item;

        if (!object) {
            for (guint j = 0; j < list->len; j++) {
                emu_qmp_free(&qmp_type_ObjectPropertiesValues, list->pdata[j]);
            }
            g_ptr_array_unref(list);
            return NULL;
        }
        item = qmp_ObjectPropertiesValues_new();
        item->properties = g_ptr_array_new();
        for (guint j = 0; j < properties->len; j++) {
            const EmuPropertyInfo *p = properties->pdata[j];
            QmpObjectPropertyValue *value = qmp_ObjectPropertyValue_new();

            value->name = g_strdup(p->name);
            value->type = g_strdup(p->type);
            value->value = p->readable ? emu_qmp_property_value(object, p->name, NULL) : NULL;
            g_ptr_array_add(item->properties, value);
        }
        g_ptr_array_add(list, item);
    }
    return list;
}

/* ---- types --------------------------------------------------------------------------------------------------- */

GPtrArray *
qmp_qom_list_types(EmuQmpCall *call G_GNUC_UNUSED, const Qmp_qom_list_types_args *args, GError **error G_GNUC_UNUSED)
{
    bool include_abstract = !args->has_abstract || args->abstract;
    g_autoptr(GPtrArray) names = args->implements && !emu_type_exists(args->implements) ? g_ptr_array_new() : emu_type_list(args->implements ? args->implements : "object", include_abstract);
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; i < names->len; i++) {
        QmpObjectTypeInfo *info = qmp_ObjectTypeInfo_new();
        GType type;

        info->name = g_strdup(names->pdata[i]);
        /* Asked for one family only: its types are loaded anyway, and their parents known. */
        type = args->implements ? emu_type_lookup(names->pdata[i], NULL) : G_TYPE_INVALID;
        if (type != G_TYPE_INVALID && type != G_TYPE_NONE) {
            const char *parent = g_type_parent(type) ? emu_type_name(g_type_parent(type)) : NULL;

            info->has_abstract = info->abstract = G_TYPE_IS_ABSTRACT(type);
            info->parent = g_strdup(parent);
        }
        g_ptr_array_add(list, info);
    }
    return list;
}

GPtrArray *
qmp_qom_list_properties(EmuQmpCall *call G_GNUC_UNUSED, const Qmp_qom_list_properties_args *args, GError **error)
{
    g_autoptr(GPtrArray) properties = NULL;

    if (!emu_type_exists(args->typename)) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_DEVICE_NOT_FOUND, "Class '%s' not found", args->typename);
        return NULL;
    }
    properties = emu_type_list_properties(args->typename, error);
    return properties ? property_list(properties, true) : NULL;
}

GPtrArray *
qmp_device_list_properties(EmuQmpCall *call G_GNUC_UNUSED, const Qmp_device_list_properties_args *args, GError **error)
{
    g_autoptr(GPtrArray) properties = NULL;
    GType type;

    if (!emu_type_exists(args->typename)) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", args->typename);
        return NULL;
    }
    type = emu_type_lookup(args->typename, error);
    if (type == G_TYPE_INVALID) {
        return NULL;
    }
    if (!g_type_is_a(type, EMU_TYPE_DEVICE)) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Parameter 'typename' expects a device name");
        return NULL;
    }
    properties = emu_device_type_list_properties(args->typename, error);
    return properties ? property_list(properties, true) : NULL;
}

/* ---- making and removing ------------------------------------------------------------------------------------------ */

static EmuOpts *
opts_from_json(JsonObject *object, GError **error)
{
    g_autoptr(JsonNode) node = json_node_alloc();
    g_autoptr(GString) text = g_string_new(NULL);

    json_node_init_object(node, object);
    emu_json_write(text, node, false);
    return emu_opts_parse_any(text->str, NULL, error);
}

bool
qmp_device_add(EmuQmpCall *call, JsonObject *args, GError **error)
{
    g_autoptr(EmuOpts) opts = opts_from_json(args, error);
    const char *driver = opts ? emu_opts_get(opts, "driver") : NULL;
    GType type;

    if (!opts) {
        return false;
    }
    if (!driver) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Parameter 'driver' is missing");
        return false;
    }
    type = emu_type_lookup(driver, NULL);
    if (type != G_TYPE_INVALID && g_type_is_a(type, EMU_TYPE_DEVICE)) {
        EmuDeviceClass *klass = g_type_class_ref(type);
        bool hotpluggable = klass->hotpluggable;

        g_type_class_unref(klass);
        if (!hotpluggable) {
            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Device '%s' can not be hotplugged on this machine", driver);
            return false;
        }
    }
    return emu_machine_add_device(call->machine, opts, error) != NULL;
}

bool
qmp_device_del(EmuQmpCall *call, const Qmp_device_del_args *args, GError **error)
{
    EmuDevice *device = emu_device_find(call->machine, args->id, NULL);

    if (!device) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", args->id);
        return false;
    }
    return emu_device_request_unplug(device, error);
}

QmpPluginReloadInfo *
qmp_plugin_reload(EmuQmpCall *call, const Qmp_plugin_reload_args *args, GError **error)
{
    QmpPluginReloadInfo *info;
    EmuReloadResult result;

    if (!emu_machine_reload_plugin(call->machine, args->name, &result, error)) {
        return NULL;
    }
    info = qmp_PluginReloadInfo_new();
    info->devices = result.devices;
    info->pause_us = (int64_t)result.pause_us;
    info->total_us = (int64_t)result.total_us;
    return info;
}

bool
qmp_object_add(EmuQmpCall *call, JsonObject *args, GError **error)
{
    g_autoptr(EmuOpts) opts = opts_from_json(args, error);

    if (!opts) {
        return false;
    }
    if (!emu_opts_get(opts, "qom-type") || !emu_opts_get(opts, "id")) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Parameter '%s' is missing", emu_opts_get(opts, "qom-type") ? "id" : "qom-type");
        return false;
    }
    return emu_machine_add_object(call->machine, opts, error) != NULL;
}

bool
qmp_object_del(EmuQmpCall *call, const Qmp_object_del_args *args, GError **error)
{
    EmuObject *container = emu_object_get_container(emu_machine_get_root(call->machine), "/objects");
    EmuObject *object = emu_object_get_child(container, args->id);

    if (!object) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "object '%s' not found", args->id);
        return false;
    }
    if (EMU_IS_USER_CREATABLE(object) && EMU_USER_CREATABLE_GET_IFACE(object)->can_be_deleted &&
        !EMU_USER_CREATABLE_GET_IFACE(object)->can_be_deleted(EMU_USER_CREATABLE(object))) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "object '%s' is in use, can not be deleted", args->id);
        return false;
    }
    emu_object_unparent(object);
    return true;
}
