/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands about character devices. */

#include "monitor/qmp-private.h"
#include "qmp-generated.h"

#include "char/char-private.h"

#include <string.h>

static bool
add_chardev_cb(EmuObject *child, gpointer data)
{
    if (EMU_IS_CHARDEV(child)) {
        QmpChardevInfo *info = qmp_ChardevInfo_new();
        const char *filename = emu_chardev_get_filename(EMU_CHARDEV(child));

        info->label = g_strdup(emu_object_get_name(child));
        info->filename = g_strdup(filename ? filename : "");
        info->frontend_open = emu_chardev_is_open(EMU_CHARDEV(child));
        g_ptr_array_add(data, info);
    }
    return false;
}

GPtrArray *
qmp_query_chardev(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    GPtrArray *list = g_ptr_array_new();

    emu_object_foreach_child(emu_object_get_container(emu_machine_get_root(call->machine), "/chardevs"), add_chardev_cb, list);
    return list;
}

GPtrArray *
qmp_query_chardev_backends(EmuQmpCall *call G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    g_autoptr(GPtrArray) names = emu_type_list("chardev", false);
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        QmpChardevBackendInfo *info = qmp_ChardevBackendInfo_new();

        info->name = g_strdup(g_str_has_prefix(name, "chardev-") ? name + strlen("chardev-") : name);
        g_ptr_array_add(list, info);
    }
    return list;
}

GPtrArray *
qmp_query_fdsets(EmuQmpCall *call G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    return g_ptr_array_new();
}

/* ---- making and removing ------------------------------------------------------------------------------------ */

/*
 * {"type": "socket", "data": {"addr": {"type": "unix", "data": {"path": P}}, "server": true}} in the words of -chardev: members
 * of addr and its data become options of their own, "file" of files and pipes is "path" there.
 */
static bool
add_data(EmuOpts *opts, const char *type, JsonObject *data, GError **error)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    json_object_iter_init_ordered(&iter, data);
    while (json_object_iter_next_ordered(&iter, &name, &node)) {
        g_autofree char *text = NULL;
        const char *key = name;

        if (JSON_NODE_HOLDS_OBJECT(node)) {
            if (!add_data(opts, type, json_node_get_object(node), error)) {
                return false;
            }
            continue;
        }
        if (!JSON_NODE_HOLDS_VALUE(node)) {
            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Invalid parameter type for 'backend.data.%s', expected: string", name);
            return false;
        }
        text = emu_qmp_property_text(node);
        if (g_str_equal(name, "type")) {
            continue; /* of an address: its members tell as well */
        }
        if (g_str_equal(name, "out") || g_str_equal(name, "device")) {
            key = "path";
        } else if (g_str_equal(name, "str")) {
            key = "fd";
        }
        emu_opts_set(opts, key, text);
    }
    return true;
}

QmpChardevReturn *
qmp_chardev_add(EmuQmpCall *call, JsonObject *args, GError **error)
{
    JsonNode *id = json_object_get_member(args, "id"), *backend = json_object_get_member(args, "backend"), *type, *data;
    g_autoptr(EmuOpts) opts = emu_opts_new();
    QmpChardevReturn *result;
    EmuChardev *chardev;
    const char *filename;

    if (!id || !JSON_NODE_HOLDS_VALUE(id) || json_node_get_value_type(id) != G_TYPE_STRING || !backend || !JSON_NODE_HOLDS_OBJECT(backend)) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Parameter '%s' is missing", id ? "backend" : "id");
        return NULL;
    }
    type = json_object_get_member(json_node_get_object(backend), "type");
    data = json_object_get_member(json_node_get_object(backend), "data");
    if (!type || !JSON_NODE_HOLDS_VALUE(type) || json_node_get_value_type(type) != G_TYPE_STRING) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Parameter 'backend.type' is missing");
        return NULL;
    }
    if (emu_object_get_child(emu_object_get_container(emu_machine_get_root(call->machine), "/chardevs"), json_node_get_string(id))) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Chardev with id '%s' already exists", json_node_get_string(id));
        return NULL;
    }
    emu_opts_set(opts, "backend", json_node_get_string(type));
    emu_opts_set(opts, "id", json_node_get_string(id));
    if (data && JSON_NODE_HOLDS_OBJECT(data) && !add_data(opts, json_node_get_string(type), json_node_get_object(data), error)) {
        return NULL;
    }
    chardev = emu_chardev_new_from_opts(call->machine, opts, error);
    if (!chardev) {
        return NULL;
    }
    result = qmp_ChardevReturn_new();
    filename = emu_chardev_get_filename(chardev);
    if (filename && g_str_has_prefix(filename, "pty:")) {
        result->pty = g_strdup(filename + strlen("pty:"));
    }
    return result;
}

static EmuChardev *
find_chardev(EmuQmpCall *call, const char *id, GError **error)
{
    EmuChardev *chardev = emu_chardev_find(call->machine, id);

    if (!chardev) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Chardev '%s' not found", id);
    }
    return chardev;
}

bool
qmp_chardev_remove(EmuQmpCall *call, const Qmp_chardev_remove_args *args, GError **error)
{
    EmuChardev *chardev = find_chardev(call, args->id, error);

    if (!chardev) {
        return false;
    }
    if (emu_chardev_get_frontends(chardev)->len) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Chardev '%s' is busy", args->id);
        return false;
    }
    emu_object_unparent(chardev);
    return true;
}

static EmuChardev *
find_ringbuf(EmuQmpCall *call, const char *id, GError **error)
{
    EmuChardev *chardev = emu_chardev_find(call->machine, id);

    if (!chardev) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Device '%s' not found", id);
        return NULL;
    }
    /* Reading nothing tells whether it is one. */
    g_autoptr(GBytes) none = emu_chardev_ringbuf_read(chardev, 0, error);
    return none ? chardev : NULL;
}

bool
qmp_ringbuf_write(EmuQmpCall *call, const Qmp_ringbuf_write_args *args, GError **error)
{
    EmuChardev *chardev = find_ringbuf(call, args->device, error);
    g_autofree guchar *decoded = NULL;
    gsize len = strlen(args->data);

    if (!chardev) {
        return false;
    }
    if (args->has_format && args->format == QMP_DATA_FORMAT_BASE64) {
        decoded = g_base64_decode(args->data, &len);
    }
    emu_chardev_write(chardev, decoded ? decoded : (const uint8_t *)args->data, len);
    return true;
}

char *
qmp_ringbuf_read(EmuQmpCall *call, const Qmp_ringbuf_read_args *args, GError **error)
{
    EmuChardev *chardev = find_ringbuf(call, args->device, error);
    g_autoptr(GBytes) bytes = NULL;
    gconstpointer data;
    gsize len;

    if (!chardev) {
        return NULL;
    }
    if (args->size <= 0) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "size must be greater than zero");
        return NULL;
    }
    bytes = emu_chardev_ringbuf_read(chardev, args->size, error);
    if (!bytes) {
        return NULL;
    }
    data = g_bytes_get_data(bytes, &len);
    if (args->has_format && args->format == QMP_DATA_FORMAT_BASE64) {
        return g_base64_encode(data, len);
    }
    return g_utf8_make_valid(data ? data : "", len);
}
