/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Character devices from text: "-chardev socket,id=x,path=/tmp/x" and "-serial unix:/tmp/x,server=on". */

#include "char/char-private.h"

#include <string.h>

/* Names of the command line that are no type names. */
static const struct {
    const char *alias, *backend;
} aliases[] = {
    {"memory", "ringbuf"},
    {"tty", "serial"},
    {"vc", "null"}, /* no display back end shows consoles yet */
};

static const char *
resolve_alias(const char *backend)
{
    for (guint i = 0; i < G_N_ELEMENTS(aliases); i++) {
        if (strcmp(aliases[i].alias, backend) == 0) {
            return aliases[i].backend;
        }
    }
    return backend;
}

static EmuObject *
chardevs_of(EmuMachine *machine)
{
    return emu_object_get_container(emu_machine_get_root(machine), "/chardevs");
}

EmuChardev *
emu_chardev_find(gpointer owner, const char *id)
{
    EmuObject *found = emu_object_get_child(chardevs_of(owner), id);

    return found && EMU_IS_CHARDEV(found) ? EMU_CHARDEV(found) : NULL;
}

/* Keys that are not properties of the back end, and keys whose names differ. */
static bool
chardev_apply(EmuChardev *chardev, const char *backend, const EmuOpts *opts, GError **error)
{
    static const char *const own[] = {"backend", "id", "mux", "logfile", "logappend", NULL};
    static const char *const vc[] = {"width", "height", "cols", "rows", NULL};

    for (guint i = 0; i < emu_opts_get_n(opts); i++) {
        const EmuOpt *opt = emu_opts_get_nth(opts, i);

        if (g_strv_contains(own, opt->key) || (strcmp(backend, "vc") == 0 && g_strv_contains(vc, opt->key))) {
            continue;
        }
        /* Short forms "nowait", "nodelay": a flag with "no" in front. */
        if (strcmp(opt->key, "nowait") == 0 && strcmp(opt->value, "on") == 0) {
            if (!emu_object_set_from_string(chardev, "wait", "off", error)) {
                return false;
            }
            continue;
        }
        if (!emu_object_has_property(chardev, opt->key)) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_PROPERTY, "Invalid parameter '%s' for chardev backend %s", opt->key, backend);
            return false;
        }
        if (!emu_object_set_from_string(chardev, opt->key, opt->value, error)) {
            return false;
        }
    }
    return true;
}

/* Makes, opens and names one chardev. (transfer none) */
static EmuChardev *
chardev_make(EmuMachine *machine, const char *id, const EmuOpts *opts, GError **error)
{
    const char *backend = emu_opts_get(opts, "backend");
    g_autofree char *type_name = g_strconcat("chardev-", resolve_alias(backend), NULL);
    g_autoptr(GError) why = NULL;
    GType type = emu_type_lookup(type_name, &why);
    g_autoptr(EmuChardev) chardev = NULL;

    if (why && !g_error_matches(why, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE)) {
        g_propagate_prefixed_error(error, g_steal_pointer(&why), "char driver '%s': ", backend);
        return NULL;
    }
    if (type == G_TYPE_INVALID || !g_type_is_a(type, EMU_TYPE_CHARDEV) || G_TYPE_IS_ABSTRACT(type)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE, "'%s' is not a valid char driver, expected one of those that -chardev help lists",
                    backend);
        return NULL;
    }
    if (emu_object_get_child(chardevs_of(machine), id)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_DUPLICATE, "Chardev with id '%s' already exists", id);
        return NULL;
    }
    chardev = emu_object_new(type_name, error);
    if (!chardev) {
        return NULL;
    }
    emu_object_set_lookup_root(chardev, emu_machine_get_root(machine));
    emu_chardev_set_label(chardev, id);
    emu_char_mux_set_machine(chardev, machine);
    if (!chardev_apply(chardev, backend, opts, error) || !emu_chardev_open(chardev, emu_machine_get_context(machine), error)) {
        return NULL;
    }
    if (!emu_object_add_child(chardevs_of(machine), id, chardev, error)) {
        return NULL;
    }
    return chardev;
}

EmuChardev *
emu_chardev_new_from_opts(EmuMachine *machine, const EmuOpts *opts, GError **error)
{
    const char *backend = emu_opts_get(opts, "backend"), *id = emu_opts_get_id(opts);
    g_autofree char *base_id = NULL;
    g_autoptr(EmuOpts) mux_opts = NULL;
    EmuChardev *chardev;
    bool mux = false;

    if (!backend) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "chardev: \"backend\" is missing, expected BACKEND,id=ID");
        return NULL;
    }
    if (!id) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "chardev: no id specified, expected id=");
        return NULL;
    }
    if (!emu_opts_get_bool(opts, "mux", &mux, error)) {
        return NULL;
    }
    if (!mux) {
        return chardev_make(machine, id, opts, error);
    }
    base_id = g_strconcat(id, "-base", NULL);
    if (!chardev_make(machine, base_id, opts, error)) {
        return NULL;
    }
    mux_opts = emu_opts_new();
    emu_opts_add(mux_opts, "backend", "mux");
    {
        g_autofree char *path = g_strconcat("/chardevs/", base_id, NULL);

        emu_opts_add(mux_opts, "chardev", path);
    }
    chardev = chardev_make(machine, id, mux_opts, error);
    if (!chardev) {
        emu_object_unparent(emu_chardev_find(machine, base_id));
    }
    return chardev;
}

EmuChardev *
emu_chardev_new_from_text(gpointer owner, const char *text, GError **error)
{
    g_autoptr(EmuOpts) opts = emu_opts_parse(text, "backend", NULL, error);

    return opts ? emu_chardev_new_from_opts(owner, opts, error) : NULL;
}

/* ---- the syntax of -serial ------------------------------------------------------------------------- */

/* "HOST:PORT" with HOST possibly in brackets; what follows the first comma is options. */
static bool
parse_host_port(EmuOpts *opts, const char *text, GError **error)
{
    g_autofree char *address = g_strndup(text, strcspn(text, ","));
    char *colon = strrchr(address, ':');
    char *host = address;

    if (!colon || !colon[1]) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "'%s' is no address, expected HOST:PORT", address);
        return false;
    }
    *colon = 0;
    if (*host == '[' && host[strlen(host) - 1] == ']') {
        host[strlen(host) - 1] = 0;
        host++;
    }
    emu_opts_add(opts, "host", host);
    emu_opts_add(opts, "port", colon + 1);
    return true;
}

static bool
append_rest(EmuOpts *opts, const char *text, GError **error)
{
    const char *comma = strchr(text, ',');
    g_autoptr(EmuOpts) rest = comma ? emu_opts_parse(comma + 1, NULL, NULL, error) : emu_opts_new();

    if (!rest) {
        return false;
    }
    for (guint i = 0; i < emu_opts_get_n(rest); i++) {
        const EmuOpt *opt = emu_opts_get_nth(rest, i);

        emu_opts_add(opts, opt->key, opt->value);
    }
    return true;
}

EmuOpts *
emu_chardev_parse_compat(const char *label, const char *text, bool permit_mux, GError **error)
{
    static const struct {
        const char *prefix, *backend, *key;
    } simple[] = {{"file:", "file", "path"}, {"pipe:", "pipe", "path"}, {"/dev/", "serial", NULL}};
    static const char *const words[] = {"null", "pty", "stdio", "ringbuf", "script", "vc", NULL};
    g_autoptr(EmuOpts) opts = emu_opts_new();
    const char *rest;

    emu_opts_add(opts, "id", label);
    if (g_str_has_prefix(text, "mon:")) {
        if (!permit_mux) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "mon: isn't supported in this context");
            return NULL;
        }
        text += strlen("mon:");
        emu_opts_add(opts, "mux", "on");
        if (strcmp(text, "stdio") == 0) {
            /* Ctrl-C is the guest's: Ctrl-A x ends the program. */
            emu_opts_add(opts, "signal", "off");
        }
    }
    if (g_strv_contains(words, text)) {
        emu_opts_add(opts, "backend", text);
        return g_steal_pointer(&opts);
    }
    if (g_str_has_prefix(text, "vc:")) {
        emu_opts_add(opts, "backend", "vc");
        return g_steal_pointer(&opts);
    }
    for (guint i = 0; i < G_N_ELEMENTS(simple); i++) {
        if (g_str_has_prefix(text, simple[i].prefix)) {
            emu_opts_add(opts, "backend", simple[i].backend);
            emu_opts_add(opts, "path", simple[i].key ? text + strlen(simple[i].prefix) : text);
            return g_steal_pointer(&opts);
        }
    }
    if (g_str_has_prefix(text, "unix:")) {
        g_autofree char *path = NULL;

        rest = text + strlen("unix:");
        path = g_strndup(rest, strcspn(rest, ","));
        emu_opts_add(opts, "backend", "socket");
        emu_opts_add(opts, "path", path);
        return append_rest(opts, rest, error) ? g_steal_pointer(&opts) : NULL;
    }
    if (g_str_has_prefix(text, "tcp:") || g_str_has_prefix(text, "telnet:")) {
        rest = strchr(text, ':') + 1;
        emu_opts_add(opts, "backend", "socket");
        if (g_str_has_prefix(text, "telnet:")) {
            emu_opts_add(opts, "telnet", "on");
        }
        return parse_host_port(opts, rest, error) && append_rest(opts, rest, error) ? g_steal_pointer(&opts) : NULL;
    }
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                "'%s' is not a valid char driver, expected none, null, stdio, mon:..., file:PATH, pipe:PATH, pty, unix:PATH, tcp:HOST:PORT, telnet:HOST:PORT, vc or chardev:ID",
                text);
    return NULL;
}

EmuChardev *
emu_chardev_new_from_compat(gpointer owner, const char *label, const char *text, bool permit_mux, GError **error)
{
    g_autoptr(EmuOpts) opts = NULL;

    if (strcmp(text, "none") == 0) {
        return NULL;
    }
    if (g_str_has_prefix(text, "chardev:")) {
        EmuChardev *chardev = emu_chardev_find(owner, text + strlen("chardev:"));

        if (!chardev) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "chardev \"%s\" not found", text + strlen("chardev:"));
        }
        return chardev;
    }
    opts = emu_chardev_parse_compat(label, text, permit_mux, error);
    return opts ? emu_chardev_new_from_opts(owner, opts, error) : NULL;
}

char *
emu_chardev_help(void)
{
    GString *text = g_string_new("Available chardev backend types:\n");
    g_autoptr(GPtrArray) names = emu_type_list("chardev", false);

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);

        g_string_append_printf(text, "  %s\n", g_str_has_prefix(name, "chardev-") ? name + strlen("chardev-") : name);
    }
    for (guint i = 0; i < G_N_ELEMENTS(aliases); i++) {
        g_string_append_printf(text, "  %s (same as %s)\n", aliases[i].alias, aliases[i].backend);
    }
    return g_string_free(text, FALSE);
}
