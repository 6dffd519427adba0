/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "monitor/json.h"

#include <math.h>

static void
write_string(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (const char *p = text; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        switch (c) {
        case '"':
            g_string_append(out, "\\\"");
            break;
        case '\\':
            g_string_append(out, "\\\\");
            break;
        case '\b':
            g_string_append(out, "\\b");
            break;
        case '\f':
            g_string_append(out, "\\f");
            break;
        case '\n':
            g_string_append(out, "\\n");
            break;
        case '\r':
            g_string_append(out, "\\r");
            break;
        case '\t':
            g_string_append(out, "\\t");
            break;
        default:
            if (c >= 0x20 && c < 0x7f) {
                g_string_append_c(out, c);
            } else if (c > 0xffff) {
                g_string_append_printf(out, "\\u%04X\\u%04X", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
            } else {
                g_string_append_printf(out, "\\u%04X", c);
            }
            break;
        }
    }
    g_string_append_c(out, '"');
}

static void
new_line(GString *out, bool pretty, unsigned depth)
{
    if (pretty) {
        g_string_append_printf(out, "\n%*s", 4 * depth, "");
    }
}

static void
write_separator(GString *out, bool first, bool pretty, unsigned depth)
{
    if (!first) {
        g_string_append(out, pretty ? "," : ", ");
    }
    new_line(out, pretty, depth);
}

static void
write_number(GString *out, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    /* What an unsigned integer beyond int64_t became on its way through json-glib. */
    if (value == floor(value) && value >= 9223372036854775808.0 && value <= 18446744073709551616.0) {
        g_string_append_printf(out, "%" G_GUINT64_FORMAT, value >= 18446744073709551615.0 ? G_MAXUINT64 : (guint64)value);
    } else {
        g_string_append(out, g_ascii_formatd(text, sizeof(text), "%.17g", value));
    }
}

static void
write_node(GString *out, JsonNode *node, bool pretty, unsigned depth)
{
    switch (json_node_get_node_type(node)) {
    case JSON_NODE_NULL:
        g_string_append(out, "null");
        break;
    case JSON_NODE_OBJECT: {
        JsonObjectIter iter;
        const char *name;
        JsonNode *member;
        bool first = true;

        g_string_append_c(out, '{');
        json_object_iter_init_ordered(&iter, json_node_get_object(node));
        while (json_object_iter_next_ordered(&iter, &name, &member)) {
            write_separator(out, first, pretty, depth + 1);
            write_string(out, name);
            g_string_append(out, ": ");
            write_node(out, member, pretty, depth + 1);
            first = false;
        }
        if (!first) {
            new_line(out, pretty, depth);
        }
        g_string_append_c(out, '}');
        break;
    }
    case JSON_NODE_ARRAY: {
        JsonArray *array = json_node_get_array(node);
        guint n = json_array_get_length(array);

        g_string_append_c(out, '[');
        for (guint i = 0; i < n; i++) {
            write_separator(out, i == 0, pretty, depth + 1);
            write_node(out, json_array_get_element(array, i), pretty, depth + 1);
        }
        if (n) {
            new_line(out, pretty, depth);
        }
        g_string_append_c(out, ']');
        break;
    }
    case JSON_NODE_VALUE:
        switch (json_node_get_value_type(node)) {
        case G_TYPE_BOOLEAN:
            g_string_append(out, json_node_get_boolean(node) ? "true" : "false");
            break;
        case G_TYPE_STRING: {
            g_autofree char *valid = g_utf8_make_valid(json_node_get_string(node), -1);
            write_string(out, valid);
            break;
        }
        case G_TYPE_INT64:
            g_string_append_printf(out, "%" G_GINT64_FORMAT, json_node_get_int(node));
            break;
        default:
            write_number(out, json_node_get_double(node));
            break;
        }
        break;
    }
}

void
emu_json_write(GString *out, JsonNode *node, bool pretty)
{
    write_node(out, node, pretty, 0);
}
