/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reading JSON. The stream finds where a value ends by counting brackets outside of strings; the parser then
 * checks every byte of it. Whatever comes, an error is reported once and reading goes on behind it.
 */

#include "monitor/json.h"

#include "monitor/qmp-types.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- a complete text ------------------------------------------------------------------------------- */

typedef struct {
    const char *p, *end;
    unsigned depth;
    GError **error;
} Parser;

static JsonNode *parse_value(Parser *self);

static gpointer
fail(Parser *self, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gpointer
fail(Parser *self, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, format);
    text = g_strdup_vprintf(format, ap);
    va_end(ap);
    g_set_error(self->error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "JSON parse error, %s", text);
    return NULL;
}

static void
skip_space(Parser *self)
{
    while (self->p < self->end && strchr(" \t\r\n", *self->p) && *self->p) {
        self->p++;
    }
}

static bool
parse_hex4(Parser *self, gunichar *out)
{
    gunichar c = 0;

    if (self->end - self->p < 4) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(self->p[i]);
        if (digit < 0) {
            return false;
        }
        c = c << 4 | digit;
    }
    self->p += 4;
    *out = c;
    return true;
}

/* Behind "\u". */
static bool
parse_unicode_escape(Parser *self, GString *out)
{
    gunichar c, low;

    if (!parse_hex4(self, &c)) {
        return false;
    }
    if (c >= 0xd800 && c < 0xdc00) {
        if (self->end - self->p < 6 || self->p[0] != '\\' || self->p[1] != 'u') {
            return false;
        }
        self->p += 2;
        if (!parse_hex4(self, &low) || low < 0xdc00 || low > 0xdfff) {
            return false;
        }
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xdc00 && c < 0xe000) {
        return false;
    }
    if (c == 0) {
        return false; /* strings end at NUL everywhere behind this */
    }
    g_string_append_unichar(out, c);
    return true;
}

static char *
parse_string(Parser *self)
{
    static const char escapes[] = "\"\\/'bfnrt", meanings[] = "\"\\/'\b\f\n\r\t";
    g_autoptr(GString) out = g_string_new(NULL);
    char quote = *self->p++;

    for (;;) {
        const char *found;
        uint8_t c;

        if (self->p >= self->end) {
            return fail(self, "unterminated string");
        }
        c = *self->p++;
        if (c == (uint8_t)quote) {
            break;
        }
        if (c < 0x20) {
            return fail(self, "control character 0x%02x in string", c);
        }
        if (c != '\\') {
            g_string_append_c(out, c);
            continue;
        }
        if (self->p >= self->end) {
            return fail(self, "unterminated string");
        }
        c = *self->p++;
        found = c ? strchr(escapes, c) : NULL;
        if (found) {
            g_string_append_c(out, meanings[found - escapes]);
        } else if (c != 'u' || !parse_unicode_escape(self, out)) {
            return fail(self, "invalid escape sequence in string");
        }
    }
    if (!g_utf8_validate(out->str, out->len, NULL)) {
        return fail(self, "invalid UTF-8 sequence in string");
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static JsonNode *
parse_number(Parser *self)
{
    const char *start = self->p, *p = start;
    JsonNode *node;
    bool is_int = true;
    char text[64];
    gint64 value;
    gsize len;

    p += *p == '-';
    if (p < self->end && *p == '0') {
        p++;
    } else {
        while (p < self->end && g_ascii_isdigit(*p)) {
            p++;
        }
    }
    if (p == start || !g_ascii_isdigit(p[-1])) {
        return fail(self, "invalid number");
    }
    if (p < self->end && *p == '.') {
        is_int = false;
        p++;
        if (p >= self->end || !g_ascii_isdigit(*p)) {
            return fail(self, "invalid number");
        }
        while (p < self->end && g_ascii_isdigit(*p)) {
            p++;
        }
    }
    if (p < self->end && (*p == 'e' || *p == 'E')) {
        is_int = false;
        p++;
        p += p < self->end && (*p == '+' || *p == '-');
        if (p >= self->end || !g_ascii_isdigit(*p)) {
            return fail(self, "invalid number");
        }
        while (p < self->end && g_ascii_isdigit(*p)) {
            p++;
        }
    }
    len = p - start;
    if (len >= sizeof(text) || (p < self->end && (g_ascii_isalnum(*p) || *p == '.' || *p == '_'))) {
        return fail(self, "invalid number");
    }
    memcpy(text, start, len);
    text[len] = 0;
    self->p = p;
    node = json_node_new(JSON_NODE_VALUE);
    errno = 0;
    value = is_int ? g_ascii_strtoll(text, NULL, 10) : 0;
    if (is_int && errno == 0) {
        json_node_set_int(node, value);
    } else {
        json_node_set_double(node, g_ascii_strtod(text, NULL));
    }
    return node;
}

static JsonNode *
parse_keyword(Parser *self)
{
    const char *start = self->p;
    g_autofree char *word = NULL;
    JsonNode *node;

    while (self->p < self->end && g_ascii_isalpha(*self->p)) {
        self->p++;
    }
    word = g_strndup(start, self->p - start);
    if (g_str_equal(word, "null")) {
        return json_node_new(JSON_NODE_NULL);
    }
    if (!g_str_equal(word, "true") && !g_str_equal(word, "false")) {
        return fail(self, "invalid keyword '%s'", word);
    }
    node = json_node_new(JSON_NODE_VALUE);
    json_node_set_boolean(node, *word == 't');
    return node;
}

static JsonNode *
parse_object(Parser *self)
{
    g_autoptr(JsonObject) object = json_object_new();
    JsonNode *node;

    self->p++;
    skip_space(self);
    if (self->p < self->end && *self->p == '}') {
        self->p++;
    } else {
        for (;;) {
            g_autofree char *key = NULL;
            JsonNode *value;

            skip_space(self);
            if (self->p >= self->end || (*self->p != '"' && *self->p != '\'')) {
                return fail(self, "key is not a string in object");
            }
            key = parse_string(self);
            if (!key) {
                return NULL;
            }
            skip_space(self);
            if (self->p >= self->end || *self->p != ':') {
                return fail(self, "missing : in object pair");
            }
            self->p++;
            value = parse_value(self);
            if (!value) {
                return NULL;
            }
            if (json_object_has_member(object, key)) {
                json_node_unref(value);
                return fail(self, "duplicate key");
            }
            json_object_set_member(object, key, value);
            skip_space(self);
            if (self->p < self->end && *self->p == '}') {
                self->p++;
                break;
            }
            if (self->p >= self->end || *self->p != ',') {
                return fail(self, "expected separator in dict");
            }
            self->p++;
        }
    }
    node = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(node, g_steal_pointer(&object));
    return node;
}

static JsonNode *
parse_array(Parser *self)
{
    g_autoptr(JsonArray) array = json_array_new();
    JsonNode *node;

    self->p++;
    skip_space(self);
    if (self->p < self->end && *self->p == ']') {
        self->p++;
    } else {
        for (;;) {
            JsonNode *value = parse_value(self);

            if (!value) {
                return NULL;
            }
            json_array_add_element(array, value);
            skip_space(self);
            if (self->p < self->end && *self->p == ']') {
                self->p++;
                break;
            }
            if (self->p >= self->end || *self->p != ',') {
                return fail(self, "expected separator in list");
            }
            self->p++;
        }
    }
    node = json_node_new(JSON_NODE_ARRAY);
    json_node_take_array(node, g_steal_pointer(&array));
    return node;
}

static JsonNode *
parse_value(Parser *self)
{
    JsonNode *node = NULL;

    skip_space(self);
    if (self->p >= self->end) {
        return fail(self, "premature EOI");
    }
    if (++self->depth > EMU_JSON_MAX_DEPTH) {
        g_set_error(self->error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "JSON nesting depth limit exceeded");
        return NULL;
    }
    switch (*self->p) {
    case '{':
        node = parse_object(self);
        break;
    case '[':
        node = parse_array(self);
        break;
    case '"':
    case '\'': {
        g_autofree char *text = parse_string(self);

        if (text) {
            node = json_node_new(JSON_NODE_VALUE);
            json_node_set_string(node, text);
        }
        break;
    }
    default:
        if (*self->p == '-' || g_ascii_isdigit(*self->p)) {
            node = parse_number(self);
        } else if (g_ascii_isalpha(*self->p)) {
            node = parse_keyword(self);
        } else {
            fail(self, "expecting value");
        }
        break;
    }
    self->depth--;
    return node;
}

JsonNode *
emu_json_parse(const char *text, gsize len, GError **error)
{
    Parser parser = {text, text + len, 0, error};
    JsonNode *node = parse_value(&parser);

    skip_space(&parser);
    if (node && parser.p < parser.end) {
        json_node_unref(node);
        return fail(&parser, "stray '%c'", g_ascii_isprint(*parser.p) ? *parser.p : '?');
    }
    return node;
}

/* ---- the stream ---------------------------------------------------------------------------------------- */

typedef enum {
    MODE_VALUE,   /* collecting, or between values */
    MODE_BALANCE, /* dropping what belongs to a value that is too big or too deep */
    MODE_LINE,    /* dropping up to the end of the line */
} StreamMode;

struct _EmuJsonStream {
    EmuJsonStreamFunc fn;
    gpointer opaque;
    GString *text;
    StreamMode mode;
    gsize depth;
    char quote; /* inside a string: its quote */
    bool escape;
    bool bare; /* a number or word outside of all brackets */
};

EmuJsonStream *
emu_json_stream_new(EmuJsonStreamFunc fn, gpointer opaque)
{
    EmuJsonStream *self = g_new0(EmuJsonStream, 1);

    self->fn = fn;
    self->opaque = opaque;
    self->text = g_string_new(NULL);
    return self;
}

void
emu_json_stream_free(EmuJsonStream *self)
{
    if (self) {
        g_string_free(self->text, TRUE);
        g_free(self);
    }
}

void
emu_json_stream_reset(EmuJsonStream *self)
{
    /* A long value leaves no long buffer behind. */
    if (self->text->allocated_len > 65536) {
        g_string_free(self->text, TRUE);
        self->text = g_string_new(NULL);
    }
    g_string_truncate(self->text, 0);
    self->mode = MODE_VALUE;
    self->depth = 0;
    self->quote = 0;
    self->escape = false;
    self->bare = false;
}

static void
stream_error(EmuJsonStream *self, const char *message)
{
    g_autoptr(GError) error = g_error_new_literal(EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, message);

    g_string_truncate(self->text, 0);
    self->fn(self->opaque, NULL, error);
}

static void
stream_value(EmuJsonStream *self)
{
    g_autoptr(GError) error = NULL;
    JsonNode *node = emu_json_parse(self->text->str, self->text->len, &error);

    emu_json_stream_reset(self);
    self->fn(self->opaque, node, error);
}

static void
stream_string_byte(EmuJsonStream *self, char c)
{
    if (self->escape) {
        self->escape = false;
    } else if (c == '\\') {
        self->escape = true;
    } else if (c == self->quote) {
        self->quote = 0;
        if (self->depth == 0 && self->mode == MODE_VALUE) {
            stream_value(self);
        }
        return;
    }
    /* A string cannot go on in the next line: what comes behind a lost quote is readable again. */
    if ((uint8_t)c < 0x20) {
        StreamMode mode = self->mode;

        emu_json_stream_reset(self);
        self->mode = c == '\n' ? MODE_VALUE : MODE_LINE;
        if (mode == MODE_VALUE) {
            stream_error(self, "JSON parse error, control character in string");
        }
    }
}

static void
stream_byte(EmuJsonStream *self, char c)
{
    if (self->mode == MODE_LINE) {
        self->mode = c == '\n' ? MODE_VALUE : MODE_LINE;
        return;
    }
    if (self->bare && !(g_ascii_isalnum(c) || strchr("+-._", c))) {
        stream_value(self);
    }
    if (self->mode == MODE_VALUE && (self->text->len || !strchr(" \t\r\n", c) || !c)) {
        g_string_append_c(self->text, c);
        if (self->text->len > EMU_JSON_MAX_BYTES) {
            self->mode = self->depth ? MODE_BALANCE : MODE_LINE;
            self->bare = false;
            stream_error(self, "JSON token size limit exceeded");
            if (self->mode == MODE_LINE) {
                self->quote = 0;
                return;
            }
        }
    }
    if (self->quote) {
        stream_string_byte(self, c);
        return;
    }
    switch (c) {
    case '"':
    case '\'':
        self->quote = c;
        break;
    case '{':
    case '[':
        if (++self->depth > EMU_JSON_MAX_DEPTH && self->mode == MODE_VALUE) {
            self->mode = MODE_BALANCE;
            stream_error(self, "JSON nesting depth limit exceeded");
        }
        break;
    case '}':
    case ']':
        if (self->depth == 0) {
            emu_json_stream_reset(self);
            stream_error(self, c == '}' ? "JSON parse error, stray '}'" : "JSON parse error, stray ']'");
        } else if (--self->depth == 0) {
            if (self->mode == MODE_VALUE) {
                stream_value(self);
            } else {
                emu_json_stream_reset(self);
            }
        }
        break;
    default:
        if (self->depth == 0 && self->mode == MODE_VALUE && self->text->len && !self->bare) {
            if (g_ascii_isalnum(c) || c == '-') {
                self->bare = true;
            } else {
                g_autofree char *message = g_strdup_printf("JSON parse error, stray '%c'", g_ascii_isprint(c) ? c : '?');
                /* One message for a line of garbage. */
                emu_json_stream_reset(self);
                self->mode = MODE_LINE;
                stream_error(self, message);
            }
        }
        break;
    }
}

void
emu_json_stream_feed(EmuJsonStream *self, const char *data, gsize len)
{
    for (gsize i = 0; i < len; i++) {
        stream_byte(self, data[i]);
    }
}
