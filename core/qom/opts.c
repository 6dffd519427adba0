/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qom/opts.h"

#include <emu/object.h>
#include <string.h>

struct _EmuOpts {
    GArray *list; /* EmuOpt */
};

static void
opt_clear(gpointer data)
{
    EmuOpt *opt = data;

    g_free(opt->key);
    g_free(opt->value);
}

EmuOpts *
emu_opts_new(void)
{
    EmuOpts *self = g_new0(EmuOpts, 1);

    self->list = g_array_new(FALSE, FALSE, sizeof(EmuOpt));
    g_array_set_clear_func(self->list, opt_clear);
    return self;
}

void
emu_opts_free(EmuOpts *self)
{
    if (self) {
        g_array_unref(self->list);
        g_free(self);
    }
}

EmuOpts *
emu_opts_copy(const EmuOpts *self)
{
    EmuOpts *copy = emu_opts_new();

    for (guint i = 0; i < self->list->len; i++) {
        const EmuOpt *opt = emu_opts_get_nth(self, i);

        emu_opts_add(copy, opt->key, opt->value);
    }
    return copy;
}

guint
emu_opts_get_n(const EmuOpts *self)
{
    return self->list->len;
}

const EmuOpt *
emu_opts_get_nth(const EmuOpts *self, guint n)
{
    return &g_array_index(self->list, EmuOpt, n);
}

void
emu_opts_add(EmuOpts *self, const char *key, const char *value)
{
    EmuOpt opt = {g_strdup(key), g_strdup(value)};

    g_array_append_val(self->list, opt);
}

void
emu_opts_remove(EmuOpts *self, const char *key)
{
    for (guint i = self->list->len; i-- > 0;) {
        if (strcmp(g_array_index(self->list, EmuOpt, i).key, key) == 0) {
            g_array_remove_index(self->list, i);
        }
    }
}

void
emu_opts_set(EmuOpts *self, const char *key, const char *value)
{
    emu_opts_remove(self, key);
    emu_opts_add(self, key, value);
}

const char *
emu_opts_get(const EmuOpts *self, const char *key)
{
    for (guint i = self->list->len; i-- > 0;) {
        if (strcmp(g_array_index(self->list, EmuOpt, i).key, key) == 0) {
            return g_array_index(self->list, EmuOpt, i).value;
        }
    }
    return NULL;
}

const char *
emu_opts_get_id(const EmuOpts *self)
{
    return emu_opts_get(self, "id");
}

static bool
is_listed(const char *const *keys, const char *key)
{
    return keys && g_strv_contains(keys, key);
}

bool
emu_opts_check(const EmuOpts *self, const char *const *keys, GError **error)
{
    for (guint i = 0; i < self->list->len; i++) {
        const char *key = g_array_index(self->list, EmuOpt, i).key;

        if (!is_listed(keys, key)) {
            g_autofree char *all = g_strjoinv(", ", (char **)keys);

            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_PROPERTY, "Invalid parameter '%s', expected %s%s", key,
                        keys[0] && keys[1] ? "one of " : "", all);
            return false;
        }
    }
    return true;
}

/* The next part up to a comma that stands alone; ",," is one comma of the text. Moves *text behind it. (transfer full) */
static char *
take_part(const char **text)
{
    GString *part = g_string_new(NULL);
    const char *p = *text;

    for (; *p; p++) {
        if (*p == ',') {
            if (p[1] != ',') {
                break;
            }
            p++;
        }
        g_string_append_c(part, *p);
    }
    *text = *p ? p + 1 : p;
    return g_string_free(part, FALSE);
}

bool
emu_id_is_well_formed(const char *id)
{
    if (!g_ascii_isalpha(*id)) {
        return false;
    }
    for (const char *p = id; *p; p++) {
        if (!g_ascii_isalnum(*p) && !strchr("-._", *p)) {
            return false;
        }
    }
    return true;
}

EmuOpts *
emu_opts_parse(const char *text, const char *implied, const char *const *keys, GError **error)
{
    g_autoptr(EmuOpts) self = emu_opts_new();
    bool first = true;

    while (*text) {
        g_autofree char *part = take_part(&text);
        char *equals = strchr(part, '=');

        if (equals) {
            *equals = 0;
            emu_opts_add(self, part, equals + 1);
        } else if (first && implied) {
            emu_opts_add(self, implied, part);
        } else if (strncmp(part, "no", 2) == 0 && !is_listed(keys, part) && is_listed(keys, part + 2)) {
            emu_opts_add(self, part + 2, "off");
        } else if (*part) {
            emu_opts_add(self, part, "on");
        }
        first = false;
    }
    if (emu_opts_get_id(self) && !emu_id_is_well_formed(emu_opts_get_id(self))) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "Parameter 'id' is '%s', expected an identifier: letters, digits, '-', '.', '_', starting with a letter",
                    emu_opts_get_id(self));
        return NULL;
    }
    if (keys && !emu_opts_check(self, keys, error)) {
        return NULL;
    }
    return g_steal_pointer(&self);
}

char *
emu_opts_to_text(const EmuOpts *self)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < self->list->len; i++) {
        const EmuOpt *opt = emu_opts_get_nth(self, i);

        g_string_append_printf(text, "%s%s=", i ? "," : "", opt->key);
        for (const char *p = opt->value; *p; p++) {
            if (*p == ',') {
                g_string_append_c(text, ',');
            }
            g_string_append_c(text, *p);
        }
    }
    return g_string_free(text, FALSE);
}

/* ---- values ------------------------------------------------------------------------------------ */

static bool
refuse(const char *key, const char *value, const char *expected, GError **error)
{
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "Parameter '%s' is '%s', expected %s", key, value, expected);
    return false;
}

bool
emu_opts_get_bool(const EmuOpts *self, const char *key, bool *value, GError **error)
{
    const char *text = emu_opts_get(self, key);

    return !text || emu_parse_bool(text, value) || refuse(key, text, "'on' or 'off'", error);
}

bool
emu_opts_get_uint(const EmuOpts *self, const char *key, uint64_t min, uint64_t max, uint64_t *value, GError **error)
{
    const char *text = emu_opts_get(self, key);
    uint64_t parsed;
    g_autofree char *range = NULL;

    if (!text) {
        return true;
    }
    if (emu_parse_uint(text, &parsed) && parsed >= min && parsed <= max) {
        *value = parsed;
        return true;
    }
    range = g_strdup_printf("a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, min, max);
    return refuse(key, text, range, error);
}

bool
emu_opts_get_size(const EmuOpts *self, const char *key, char default_suffix, uint64_t *value, GError **error)
{
    const char *text = emu_opts_get(self, key);

    return !text || emu_parse_size(text, default_suffix, value) ||
           refuse(key, text, "a size: a number with an optional suffix k, M, G, T, P or E", error);
}

bool
emu_opts_get_enum(const EmuOpts *self, const char *key, const char *const *names, int *index, GError **error)
{
    const char *text = emu_opts_get(self, key);
    g_autofree char *all = NULL;

    if (!text) {
        return true;
    }
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            *index = i;
            return true;
        }
    }
    all = g_strjoinv(", ", (char **)names);
    return refuse(key, text, all, error);
}

bool
emu_opts_is_help(const char *text)
{
    gsize len = strcspn(text, ",");

    return (len == 4 && strncmp(text, "help", 4) == 0) || (len == 1 && *text == '?');
}
