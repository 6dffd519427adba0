/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The human monitor's command line: finding the command, reading its arguments, sessions. */

#include "monitor/hmp-private.h"

#include "emu-config.h"

#include <string.h>

#define PROMPT "(qemu) "
/* What one command may print: a listing of much memory ends here and says so. */
#define OUTPUT_MAX (2u << 20)

void
hmp_printf(EmuHmp *hmp, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    g_string_append_vprintf(hmp->out, format, ap);
    va_end(ap);
}

void
hmp_report(EmuHmp *hmp, GError *error)
{
    if (error) {
        hmp_printf(hmp, "Error: %s\n", error->message);
        g_error_free(error);
    }
}

EmuQmpCall
hmp_call(EmuHmp *hmp)
{
    return (EmuQmpCall){.monitors = hmp->monitors, .machine = hmp->machine, .monitor = hmp->monitor};
}

EmuCpu *
hmp_cpu(EmuHmp *hmp)
{
    EmuCpu *cpu = hmp->machine ? emu_machine_get_cpu(hmp->machine, hmp->cpu_index) : NULL;

    if (!cpu && hmp->machine && emu_machine_get_n_cpus(hmp->machine)) {
        hmp->cpu_index = 0;
        cpu = emu_machine_get_cpu(hmp->machine, 0);
    }
    if (!cpu) {
        hmp_printf(hmp, "No CPU available\n");
    }
    return cpu;
}

/* ---- finding the command ------------------------------------------------------------------------------- */

static bool
name_matches(const char *names, const char *word, gsize len)
{
    while (*names) {
        gsize n = strcspn(names, "|");
        if (n == len && strncmp(names, word, len) == 0) {
            return true;
        }
        names += n + (names[n] == '|');
    }
    return false;
}

static const EmuHmpCommand *
find_command(const EmuHmpCommand *table, const char *word, gsize len)
{
    for (; table->name; table++) {
        if (name_matches(table->name, word, len)) {
            return table;
        }
    }
    return NULL;
}

static void
help_one(EmuHmp *hmp, const EmuHmpCommand *command, const char *prefix)
{
    hmp_printf(hmp, "%s%s %s -- %s\n", prefix, command->name, command->params ? command->params : "", command->help);
}

void
emu_hmp_help(EmuHmp *hmp, const EmuHmpCommand *table, const char *prefix, const char *name)
{
    if (!name) {
        for (; table->name; table++) {
            help_one(hmp, table, prefix);
        }
        return;
    }
    for (; table->name; table++) {
        gsize len = strcspn(name, " ");

        if (name_matches(table->name, name, len)) {
            const char *rest = name + len + strspn(name + len, " ");

            if (table->sub) {
                g_autofree char *inner = g_strdup_printf("%s%.*s ", prefix, (int)strcspn(table->name, "|"), table->name);

                emu_hmp_help(hmp, table->sub, inner, *rest ? rest : NULL);
            } else {
                help_one(hmp, table, prefix);
            }
            return;
        }
    }
    hmp_printf(hmp, "unknown command: '%s%s'\n", prefix, name);
}

/* ---- arguments ---------------------------------------------------------------------------------------------- */

static const char *
skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t') {
        p++;
    }
    return p;
}

/* A word, or text in double quotes with \n, \r, \\, \', \" in it. */
static char *
read_word(const char **text, GError **error)
{
    const char *p = skip_blanks(*text);
    g_autoptr(GString) out = g_string_new(NULL);

    if (*p != '"') {
        gsize len = strcspn(p, " \t");
        *text = p + len;
        return g_strndup(p, len);
    }
    for (p++; *p != '"'; p++) {
        if (!*p) {
            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "unterminated string");
            return NULL;
        }
        if (*p == '\\') {
            static const char escapes[] = "nr\\'\"", meanings[] = "\n\r\\'\"";
            const char *found = p[1] ? strchr(escapes, p[1]) : NULL;

            if (!found) {
                g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "unsupported escape code: '\\%c'", p[1]);
                return NULL;
            }
            g_string_append_c(out, meanings[found - escapes]);
            p++;
        } else {
            g_string_append_c(out, *p);
        }
    }
    *text = p + 1;
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* "/16384hx": count, then any of format and size letters. */
static bool
read_format(EmuHmp *hmp, const char **text, EmuHmpValue *value, GError **error)
{
    const char *p = skip_blanks(*text);

    value->count = 1;
    value->format = 0;
    value->size = 0;
    if (*p == '/') {
        p++;
        if (g_ascii_isdigit(*p)) {
            guint64 count = g_ascii_strtoull(p, (char **)&p, 10);
            value->count = MIN(count, G_MAXINT32);
        }
        for (; *p && *p != ' ' && *p != '\t'; p++) {
            switch (*p) {
            case 'o':
            case 'd':
            case 'u':
            case 'x':
            case 'i':
            case 'c':
                value->format = *p;
                break;
            case 'b':
                value->size = 1;
                break;
            case 'h':
                value->size = 2;
                break;
            case 'w':
                value->size = 4;
                break;
            case 'g':
            case 'L':
                value->size = 8;
                break;
            default:
                g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "invalid char in format: '%c'", *p);
                return false;
            }
        }
    }
    if (!value->format) {
        value->format = hmp->format;
    }
    if (!value->size) {
        value->size = value->format == 'i' ? 1 : value->format == 'c' ? 1 : hmp->format_size;
    }
    if (value->format != 'i') {
        hmp->format_size = value->size;
    }
    hmp->format = value->format;
    value->present = true;
    *text = p;
    return true;
}

/* Reads one argument; *text moves behind it. */
static bool
read_argument(EmuHmp *hmp, const char *name, const char *spec, const char **text, EmuHmpValue *value, GError **error)
{
    static const char *const expected[] = {['s'] = "string", ['F'] = "filename", ['S'] = "string", ['i'] = "number", ['l'] = "number", ['b'] = "on or off"};
    bool optional = strchr(spec, '?') != NULL;
    const char *p = skip_blanks(*text);

    value->kind = *spec;
    if (*spec == '-') {
        if (p[0] == '-' && p[1] == spec[1] && (p[2] == 0 || p[2] == ' ')) {
            value->present = true;
            *text = p + 2;
        }
        return true;
    }
    if (*spec == '/') {
        return read_format(hmp, text, value, error);
    }
    if (!*p) {
        if (!optional && (*spec == 'i' || *spec == 'l')) {
            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "unexpected end of expression");
        } else if (!optional) {
            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "%s: %s expected", name, expected[(unsigned char)*spec]);
        }
        return optional;
    }
    value->present = true;
    switch (*spec) {
    case 'S':
        value->text = g_strdup(p);
        *text = p + strlen(p);
        return true;
    case 's':
    case 'F':
        value->text = read_word(text, error);
        return value->text != NULL;
    case 'b': {
        g_autofree char *word = read_word(text, error);

        if (!word) {
            return false;
        }
        if (g_strcmp0(word, "on") != 0 && g_strcmp0(word, "off") != 0) {
            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Expected 'on' or 'off'");
            return false;
        }
        value->number = word[1] == 'n';
        return true;
    }
    default:
        if (!emu_hmp_expression(hmp, text, &value->number, error)) {
            return false;
        }
        if (*spec == 'i' && (value->number < INT32_MIN || value->number > UINT32_MAX)) {
            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "integer is for 32-bit values");
            return false;
        }
        return true;
    }
}

static void
run_command(EmuHmp *hmp, const EmuHmpCommand *command, const char *text, const char *full_name)
{
    EmuHmpValue values[EMU_HMP_MAX_ARGS] = {0};
    g_auto(GStrv) specs = g_strsplit(command->args ? command->args : "", ",", -1);
    g_autoptr(GError) error = NULL;
    unsigned n = 0;

    for (; specs[n] && n < EMU_HMP_MAX_ARGS; n++) {
        if (!read_argument(hmp, command->name, specs[n], &text, &values[n], &error)) {
            break;
        }
    }
    if (!error) {
        text = skip_blanks(text);
        if (*text) {
            g_set_error(&error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "%s: extraneous characters at the end of line", command->name);
        }
    }
    if (error) {
        hmp_printf(hmp, "%s\nTry \"help %s\" for more information\n", error->message, full_name);
    } else {
        command->run(hmp, values);
    }
    for (unsigned i = 0; i < EMU_HMP_MAX_ARGS; i++) {
        g_free(values[i].text);
    }
}

static void
run_in_table(EmuHmp *hmp, const EmuHmpCommand *table, const char *prefix, const char *line)
{
    const char *p = skip_blanks(line);
    /* "xp/4x" needs no blank. */
    gsize len = strcspn(p, " \t/");
    const EmuHmpCommand *command;
    g_autofree char *name = g_strdup_printf("%s%.*s", prefix, (int)len, p);

    if (!*p) {
        return;
    }
    command = find_command(table, p, len);
    if (!command) {
        hmp_printf(hmp, "unknown command: '%s'\n", name);
        return;
    }
    p += len;
    if (command->sub && *skip_blanks(p)) {
        g_autofree char *inner = g_strdup_printf("%s ", name);

        run_in_table(hmp, command->sub, inner, p);
        return;
    }
    run_command(hmp, command, p, name);
}

void
emu_hmp_run(EmuHmp *hmp, const char *line)
{
    run_in_table(hmp, emu_hmp_commands, "", line);
    if (hmp->out->len > OUTPUT_MAX) {
        g_string_truncate(hmp->out, OUTPUT_MAX);
        g_string_append(hmp->out, "\n(output cut)\n");
    }
}

/* ---- sessions --------------------------------------------------------------------------------------------------- */

struct _EmuHmpSession {
    EmuHmp hmp;
    EmuReadline *readline;
    EmuSessionWriteFunc write;
    gpointer opaque;
    bool open, greeted;
};

static void
session_write_cb(gpointer opaque, const char *text, gsize len)
{
    EmuHmpSession *self = opaque;

    self->write(self->opaque, text, len);
}

/* Lines end with both characters on the wire. */
static void
session_write_lines(EmuHmpSession *self, GString *text)
{
    g_autoptr(GString) out = g_string_sized_new(text->len + 64);

    for (gsize i = 0; i < text->len; i++) {
        if (text->str[i] == '\n') {
            g_string_append_c(out, '\r');
        }
        g_string_append_c(out, text->str[i]);
    }
    self->write(self->opaque, out->str, out->len);
}

static void
session_line_cb(gpointer opaque, const char *line)
{
    EmuHmpSession *self = opaque;
    GString *out = g_string_new(NULL);

    self->hmp.out = out;
    emu_hmp_run(&self->hmp, line);
    self->hmp.out = NULL;
    session_write_lines(self, out);
    g_string_free(out, TRUE);
    emu_readline_start(self->readline);
}

static void
complete_names(const EmuHmpCommand *table, const char *prefix, GPtrArray *words)
{
    for (; table->name; table++) {
        g_auto(GStrv) names = g_strsplit(table->name, "|", -1);

        for (char **name = names; *name; name++) {
            if (g_str_has_prefix(*name, prefix)) {
                g_ptr_array_add(words, g_strdup(*name));
            }
        }
    }
}

static GPtrArray *
session_complete_cb(gpointer opaque, const char *text, gsize *replaces)
{
    EmuHmpSession *self = opaque;
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    const EmuHmpCommand *table = emu_hmp_commands, *command = NULL;
    const char *p = skip_blanks(text), *last;
    unsigned index = 0;

    for (;;) {
        gsize len = strcspn(p, " \t");

        last = p;
        if (!p[len]) {
            break;
        }
        if (table) {
            command = find_command(table, p, len);
            table = command ? command->sub : NULL;
            if (!command) {
                return words;
            }
            /* help takes a command's name. */
            if (command->name && g_str_has_prefix(command->name, "help")) {
                table = emu_hmp_commands;
            }
        } else {
            index++;
        }
        p = skip_blanks(p + len);
    }
    *replaces = strlen(last);
    if (table) {
        complete_names(table, last, words);
    } else if (command && command->complete) {
        GString *scratch = g_string_new(NULL);

        self->hmp.out = scratch;
        command->complete(&self->hmp, index, last, words);
        self->hmp.out = NULL;
        g_string_free(scratch, TRUE);
    }
    return words;
}

EmuHmpSession *
emu_hmp_session_new(EmuMonitors *monitors, EmuMonitor *monitor, EmuSessionWriteFunc write, gpointer opaque)
{
    static const EmuReadlineOps ops = {session_write_cb, session_line_cb, session_complete_cb};
    EmuHmpSession *self = g_new0(EmuHmpSession, 1);

    self->hmp = (EmuHmp){.monitors = monitors, .machine = monitors ? emu_monitors_get_machine(monitors) : NULL, .monitor = monitor, .format = 'x', .format_size = 4};
    self->write = write;
    self->opaque = opaque;
    self->readline = emu_readline_new(&ops, self, PROMPT);
    return self;
}

void
emu_hmp_session_free(EmuHmpSession *self)
{
    if (self) {
        emu_readline_free(self->readline);
        g_free(self);
    }
}

static void
session_greet(EmuHmpSession *self)
{
    static const char banner[] = "emu " EMU_VERSION " monitor - type 'help' for more information\r\n";

    self->greeted = true;
    self->write(self->opaque, banner, strlen(banner));
    emu_readline_start(self->readline);
}

void
emu_hmp_session_open(EmuHmpSession *self)
{
    self->open = true;
    if (!self->greeted) {
        session_greet(self);
    }
}

void
emu_hmp_session_close(EmuHmpSession *self)
{
    self->open = false;
    self->greeted = false;
}

void
emu_hmp_session_focus(EmuHmpSession *self, bool focus)
{
    if (focus && self->greeted) {
        self->write(self->opaque, "\r\n", 2);
        emu_readline_start(self->readline);
    } else if (focus) {
        session_greet(self);
    }
}

void
emu_hmp_session_feed(EmuHmpSession *self, const char *data, gsize len)
{
    emu_readline_feed(self->readline, data, len);
}
