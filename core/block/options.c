/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Options of nodes and drives: flat keys with dots, from "key=value,..." or JSON. */

#include "block/block-private.h"

#include <string.h>

struct _EmuBlockOptions {
    GHashTable *table; /* char * -> char * */
};

G_DEFINE_QUARK(emu-block-error-quark, emu_block_error)

EmuBlockOptions *
emu_block_options_new(void)
{
    EmuBlockOptions *options = g_new0(EmuBlockOptions, 1);

    options->table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return options;
}

void
emu_block_options_free(EmuBlockOptions *options)
{
    if (options) {
        g_hash_table_unref(options->table);
        g_free(options);
    }
}

void
emu_block_options_set(EmuBlockOptions *options, const char *key, const char *value)
{
    g_hash_table_replace(options->table, g_strdup(key), g_strdup(value));
}

const char *
emu_block_options_peek(EmuBlockOptions *options, const char *key)
{
    return g_hash_table_lookup(options->table, key);
}

static void
options_set_once(EmuBlockOptions *options, const char *key, char *value)
{
    g_hash_table_replace(options->table, g_strdup(key), value);
}

EmuBlockOptions *
emu_block_options_parse(const char *text, const char *implied_key, GError **error)
{
    g_autoptr(EmuBlockOptions) options = emu_block_options_new();
    const char *p = text;
    bool first = true;

    while (*p) {
        const char *key_end = p + strcspn(p, "=,");
        g_autofree char *key = NULL;
        GString *value = g_string_new(NULL);
        bool has_value = *key_end == '=';

        if (!has_value && first && implied_key) {
            key = g_strdup(implied_key);
            has_value = true;
        } else {
            key = g_strndup(p, key_end - p);
            p = has_value ? key_end + 1 : key_end;
        }
        if (!*key) {
            g_string_free(value, TRUE);
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "option without a name in '%s'", text);
            return NULL;
        }
        if (has_value) {
            for (; *p && (*p != ',' || p[1] == ','); p++) {
                p += *p == ',';
                g_string_append_c(value, *p);
            }
        } else {
            g_string_append(value, "on");
        }
        if (*p == ',') {
            p++;
        }
        options_set_once(options, key, g_string_free(value, FALSE));
        first = false;
    }
    return g_steal_pointer(&options);
}

static void options_flatten(EmuBlockOptions *options, const char *prefix, JsonNode *node);

static void
options_flatten_member(EmuBlockOptions *options, const char *prefix, const char *name, JsonNode *node)
{
    g_autofree char *key = *prefix ? g_strdup_printf("%s.%s", prefix, name) : g_strdup(name);

    options_flatten(options, key, node);
}

static void
options_flatten(EmuBlockOptions *options, const char *prefix, JsonNode *node)
{
    switch (json_node_get_node_type(node)) {
    case JSON_NODE_OBJECT: {
        JsonObjectIter iter;
        const char *name;
        JsonNode *member;

        json_object_iter_init(&iter, json_node_get_object(node));
        while (json_object_iter_next(&iter, &name, &member)) {
            options_flatten_member(options, prefix, name, member);
        }
        break;
    }
    case JSON_NODE_ARRAY: {
        JsonArray *array = json_node_get_array(node);

        for (guint i = 0; i < json_array_get_length(array); i++) {
            g_autofree char *name = g_strdup_printf("%u", i);
            options_flatten_member(options, prefix, name, json_array_get_element(array, i));
        }
        break;
    }
    case JSON_NODE_NULL:
        /* "backing": null means none; an empty reference says the same. */
        emu_block_options_set(options, prefix, "");
        break;
    case JSON_NODE_VALUE:
        switch (json_node_get_value_type(node)) {
        case G_TYPE_BOOLEAN:
            emu_block_options_set(options, prefix, json_node_get_boolean(node) ? "on" : "off");
            break;
        case G_TYPE_STRING:
            emu_block_options_set(options, prefix, json_node_get_string(node));
            break;
        case G_TYPE_INT64:
            options_set_once(options, prefix, g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node)));
            break;
        default:
            options_set_once(options, prefix, g_strdup_printf("%g", json_node_get_double(node)));
            break;
        }
        break;
    }
}

EmuBlockOptions *
emu_block_options_from_json(JsonObject *object)
{
    EmuBlockOptions *options = emu_block_options_new();
    g_autoptr(JsonNode) node = json_node_alloc();

    json_node_init_object(node, object);
    options_flatten(options, "", node);
    return options;
}

EmuBlockOptions *
emu_block_options_parse_json(const char *text, GError **error)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonNode *root;

    if (!json_parser_load_from_data(parser, text, -1, error)) {
        g_prefix_error(error, "this is not JSON: ");
        return NULL;
    }
    root = json_parser_get_root(parser);
    if (!root || !JSON_NODE_HOLDS_OBJECT(root)) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "expected a JSON object");
        return NULL;
    }
    return emu_block_options_from_json(json_node_get_object(root));
}

EmuBlockOptions *
emu_block_options_take_prefix(EmuBlockOptions *options, const char *prefix)
{
    EmuBlockOptions *out = emu_block_options_new();
    GHashTableIter iter;
    gpointer key, value;
    gsize len = strlen(prefix);

    g_hash_table_iter_init(&iter, options->table);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const char *k = key;

        if (strncmp(k, prefix, len) == 0 && k[len] == '.') {
            emu_block_options_set(out, k + len + 1, value);
            g_hash_table_iter_remove(&iter);
        }
    }
    return out;
}

const char *
emu_block_options_left(EmuBlockOptions *options)
{
    GHashTableIter iter;
    gpointer key, best = NULL;

    /* The first in alphabetical order, so that messages do not depend on hashing. */
    g_hash_table_iter_init(&iter, options->table);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (!best || strcmp(key, best) < 0) {
            best = key;
        }
    }
    return best;
}

char *
emu_block_options_take(EmuBlockOptions *options, const char *key)
{
    gpointer stolen_key = NULL, value = NULL;

    if (g_hash_table_steal_extended(options->table, key, &stolen_key, &value)) {
        g_free(stolen_key);
        return value;
    }
    return NULL;
}

bool
emu_block_options_take_bool(EmuBlockOptions *options, const char *key, bool *value, GError **error)
{
    g_autofree char *text = emu_block_options_take(options, key);

    if (!text) {
        return true;
    }
    if (g_str_equal(text, "on") || g_str_equal(text, "true") || g_str_equal(text, "yes")) {
        *value = true;
    } else if (g_str_equal(text, "off") || g_str_equal(text, "false") || g_str_equal(text, "no")) {
        *value = false;
    } else {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Parameter '%s' expects 'on' or 'off', not '%s'", key, text);
        return false;
    }
    return true;
}

bool
emu_block_parse_size(const char *text, uint64_t *value)
{
    static const char suffixes[] = "BKMGTPE";
    char *end = NULL;
    const char *suffix;
    guint64 n;
    unsigned shift = 0;

    if (!g_ascii_isdigit(*text)) {
        return false;
    }
    n = g_ascii_strtoull(text, &end, g_str_has_prefix(text, "0x") ? 16 : 10);
    if (*end) {
        suffix = strchr(suffixes, g_ascii_toupper(*end));
        if (!suffix || end[1]) {
            return false;
        }
        shift = 10 * (suffix - suffixes);
    }
    if (n == G_MAXUINT64 || (shift && n >> (64 - shift))) {
        return false;
    }
    *value = n << shift;
    return true;
}

bool
emu_block_options_take_size(EmuBlockOptions *options, const char *key, uint64_t *value, GError **error)
{
    g_autofree char *text = emu_block_options_take(options, key);

    if (text && !emu_block_parse_size(text, value)) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED,
                    "Parameter '%s' expects a size (a number with an optional suffix K, M, G or T), not '%s'", key, text);
        return false;
    }
    return true;
}

bool
emu_block_options_take_enum(EmuBlockOptions *options, const char *key, const char *const *names, int *index, GError **error)
{
    g_autofree char *text = emu_block_options_take(options, key);
    g_autofree char *all = NULL;

    if (!text) {
        return true;
    }
    for (int i = 0; names[i]; i++) {
        if (g_str_equal(text, names[i])) {
            *index = i;
            return true;
        }
    }
    all = g_strjoinv(", ", (char **)names);
    g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Parameter '%s' does not accept value '%s' (expected one of: %s)", key, text, all);
    return false;
}
