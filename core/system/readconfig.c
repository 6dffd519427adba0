/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * -readconfig: groups of options in a file,
 *
 *     [device "net0"]
 *       driver = "e1000"
 *       addr = "0x3"
 *
 * each of which becomes one option, "-device id=net0,driver=e1000,addr=0x3".
 */

#include "system/startup.h"

#include <stdio.h>
#include <string.h>

/* Groups whose option has another name. */
static const struct {
    const char *group, *option;
} renamed[] = {
    {"memory", "m"},
    {"smp-opts", "smp"},
    {"boot-opts", "boot"},
};

static const char *
option_of_group(const char *group)
{
    for (guint i = 0; i < G_N_ELEMENTS(renamed); i++) {
        if (strcmp(renamed[i].group, group) == 0) {
            return renamed[i].option;
        }
    }
    return group;
}

static bool
flush_group(EmuStartup *startup, const char *group, EmuOpts *opts, int line, GError **error)
{
    g_autofree char *text = NULL;

    if (!group) {
        return true;
    }
    text = emu_opts_to_text(opts);
    if (!emu_options_add(startup, option_of_group(group), text, NULL)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_PROPERTY, "line %d: there is no option group '%s'", line, group);
        return false;
    }
    return true;
}

bool
emu_startup_read_config(EmuStartup *startup, const char *path, GError **error)
{
    g_autofree char *contents = NULL, *group = NULL;
    g_autoptr(EmuOpts) opts = emu_opts_new();
    g_auto(GStrv) lines = NULL;
    int group_line = 0;

    if (!g_file_get_contents(path, &contents, NULL, error)) {
        return false;
    }
    lines = g_strsplit(contents, "\n", -1);
    for (int i = 0; lines[i]; i++) {
        char *line = g_strstrip(lines[i]);
        char name[64], value[1024], id[64];
        int used = 0;

        if (*line == 0 || *line == '#') {
            continue;
        }
        id[0] = 0;
        if ((sscanf(line, "[%63[^] \"] \"%63[^\"]\"]%n", name, id, &used) == 2 && used > 0 && line[used] == 0) ||
            (id[0] = 0, used = 0, sscanf(line, "[%63[^] \"]]%n", name, &used) == 1 && used > 0 && line[used] == 0)) {
            if (!flush_group(startup, group, opts, group_line, error)) {
                return false;
            }
            g_free(group);
            group = g_strdup(name);
            group_line = i + 1;
            emu_opts_free(opts);
            opts = emu_opts_new();
            if (id[0]) {
                emu_opts_add(opts, "id", id);
            }
            continue;
        }
        value[0] = 0;
        if (group && ((sscanf(line, "%63[^ =] = \"%1023[^\"]\"%n", name, value, &used) == 2 && line[used] == 0) ||
                      (used = 0, sscanf(line, "%63[^ =] = \"\"%n", name, &used) == 1 && used > 0 && line[used] == 0))) {
            emu_opts_add(opts, name, value);
            continue;
        }
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "line %d: parse error, expected [GROUP], [GROUP \"ID\"] or KEY = \"VALUE\"", i + 1);
        return false;
    }
    return flush_group(startup, group, opts, group_line, error);
}
