/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The state of all devices of a machine.
 *
 *   stream  := "EMUDEVS1"  u32 n  section*n
 *   section := u16 len  path  u32 len  block           path: canonical; block: see vmstate.c
 *
 * Both sides walk the composition tree; a stream fits a machine with the same devices at the same places.
 */

#include "device/device-private.h"

#include <string.h>

#define STREAM_MAGIC "EMUDEVS1"

static bool
tree_collect(EmuObject *object, gpointer data)
{
    if (EMU_IS_DEVICE(object) && emu_device_is_realized(EMU_DEVICE(object)) && EMU_DEVICE_GET_CLASS(object)->vmstate) {
        g_ptr_array_add(data, object);
    }
    emu_object_foreach_child(object, tree_collect, data);
    return false;
}

static void
put_le(GByteArray *out, uint32_t value, unsigned size)
{
    uint32_t le = GUINT32_TO_LE(value);

    g_byte_array_append(out, (const uint8_t *)&le, size);
}

bool
emu_device_tree_save(gpointer root, GByteArray *out, GError **error)
{
    g_autoptr(GPtrArray) devices = g_ptr_array_new();

    tree_collect(EMU_OBJECT(root), devices);
    g_byte_array_append(out, (const uint8_t *)STREAM_MAGIC, strlen(STREAM_MAGIC));
    put_le(out, devices->len, 4);
    for (unsigned i = 0; i < devices->len; i++) {
        EmuDevice *dev = g_ptr_array_index(devices, i);
        g_autofree char *path = emu_object_get_canonical_path(dev);
        guint length_at;
        uint32_t length;

        put_le(out, (uint32_t)strlen(path), 2);
        g_byte_array_append(out, (const uint8_t *)path, (guint)strlen(path));
        length_at = out->len;
        put_le(out, 0, 4);
        if (!emu_vmstate_save(EMU_DEVICE_GET_CLASS(dev)->vmstate, dev, out, error)) {
            g_prefix_error(error, "%s: ", path);
            return false;
        }
        length = GUINT32_TO_LE(out->len - length_at - 4);
        memcpy(out->data + length_at, &length, 4);
    }
    return true;
}

static bool
get_le(const uint8_t *data, gsize len, gsize *pos, unsigned size, uint32_t *value)
{
    *value = 0;
    if (len - *pos < size) {
        return false;
    }
    memcpy(value, data + *pos, size);
    *value = GUINT32_FROM_LE(*value);
    *pos += size;
    return true;
}

static bool
bad_stream(GError **error, const char *what)
{
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "device state %s", what);
    return false;
}

bool
emu_device_tree_load(gpointer root, const uint8_t *data, gsize len, GError **error)
{
    g_autoptr(GPtrArray) devices = g_ptr_array_new();
    g_autoptr(GHashTable) missing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    gsize pos = strlen(STREAM_MAGIC);
    uint32_t n, path_len, block_len;
    GHashTableIter iter;
    gpointer first;

    tree_collect(EMU_OBJECT(root), devices);
    for (unsigned i = 0; i < devices->len; i++) {
        EmuDevice *dev = g_ptr_array_index(devices, i);

        g_hash_table_insert(missing, emu_object_get_canonical_path(dev), dev);
    }
    if (len < pos || memcmp(data, STREAM_MAGIC, pos) != 0) {
        return bad_stream(error, "does not begin with " STREAM_MAGIC);
    }
    if (!get_le(data, len, &pos, 4, &n)) {
        return bad_stream(error, "ends early");
    }
    for (uint32_t i = 0; i < n; i++) {
        g_autofree char *path = NULL, *shown = NULL;
        EmuDevice *dev;
        gsize end;

        if (!get_le(data, len, &pos, 2, &path_len) || len - pos < path_len) {
            return bad_stream(error, "ends early");
        }
        path = g_strndup((const char *)data + pos, path_len);
        shown = g_strescape(path, NULL);
        pos += path_len;
        if (!get_le(data, len, &pos, 4, &block_len) || len - pos < block_len) {
            return bad_stream(error, "ends early");
        }
        end = pos + block_len;
        dev = g_hash_table_lookup(missing, path);
        if (!dev) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "state of '%s': there is no such device in this machine", shown);
            return false;
        }
        g_hash_table_remove(missing, path);
        if (!emu_vmstate_load(EMU_DEVICE_GET_CLASS(dev)->vmstate, dev, data, end, &pos, error)) {
            g_prefix_error(error, "%s: ", shown);
            return false;
        }
        if (pos != end) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "state of '%s' is %u bytes too long", shown,
                        (unsigned)(end - pos));
            return false;
        }
    }
    if (pos != len) {
        return bad_stream(error, "is followed by something else");
    }
    g_hash_table_iter_init(&iter, missing);
    if (g_hash_table_iter_next(&iter, &first, NULL)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "state of '%s' is missing", (const char *)first);
        return false;
    }
    return true;
}
