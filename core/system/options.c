/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command line: tables of options, the check of the whole line, phases. */

#include "system/startup.h"

#include "system/machine-private.h"

#include <stdio.h>
#include <string.h>

/* Rows of all tables; filled by opts_init() functions on one thread, read afterwards. */
static GPtrArray *option_tables;

void
emu_option_register(const EmuOption *table)
{
    if (!option_tables) {
        option_tables = g_ptr_array_new();
    }
    g_ptr_array_add(option_tables, (gpointer)table);
}

GPtrArray *
emu_options_list(void)
{
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; option_tables && i < option_tables->len; i++) {
        for (const EmuOption *o = g_ptr_array_index(option_tables, i); o->name; o++) {
            g_ptr_array_add(list, (gpointer)o);
        }
    }
    return list;
}

static const EmuOption *
find_option(const char *name)
{
    for (guint i = 0; option_tables && i < option_tables->len; i++) {
        for (const EmuOption *o = g_ptr_array_index(option_tables, i); o->name; o++) {
            if (strcmp(o->name, name) == 0) {
                return o;
            }
        }
    }
    return NULL;
}

static void
option_use_free(gpointer data)
{
    EmuOptionUse *use = data;

    g_free(use->name);
    g_free(use->arg);
    g_free(use);
}

static void
monitor_request_free(gpointer data)
{
    EmuMonitorRequest *request = data;

    g_free(request->chardev);
    g_free(request->mode);
    g_free(request);
}

EmuStartup *
emu_startup_new(void)
{
    EmuStartup *startup = g_new0(EmuStartup, 1);

    startup->uses = g_ptr_array_new_with_free_func(option_use_free);
    startup->machine_opts = emu_opts_new();
    startup->accels = g_ptr_array_new_with_free_func(g_free);
    startup->serials = g_ptr_array_new_with_free_func(g_free);
    startup->parallels = g_ptr_array_new_with_free_func(g_free);
    startup->debugcons = g_ptr_array_new_with_free_func(g_free);
    startup->monitors = g_ptr_array_new_with_free_func(g_free);
    startup->qmps = g_ptr_array_new_with_free_func(g_free);
    startup->monitor_requests = g_ptr_array_new_with_free_func(monitor_request_free);
    return startup;
}

void
emu_startup_free(EmuStartup *startup)
{
    if (!startup) {
        return;
    }
    g_ptr_array_unref(startup->uses);
    emu_opts_free(startup->machine_opts);
    g_ptr_array_unref(startup->accels);
    g_ptr_array_unref(startup->serials);
    g_ptr_array_unref(startup->parallels);
    g_ptr_array_unref(startup->debugcons);
    g_ptr_array_unref(startup->monitors);
    g_ptr_array_unref(startup->qmps);
    g_ptr_array_unref(startup->monitor_requests);
    g_free(startup->cpu);
    g_free(startup->memory);
    g_free(startup->smp);
    g_free(startup->display);
    g_free(startup->pidfile);
    g_free(startup->name);
    g_free(startup);
}

/* One more use of an option, as if it stood at the end of the command line. */
bool
emu_options_add(EmuStartup *startup, const char *name, const char *arg, GError **error)
{
    const EmuOption *option = find_option(name);
    EmuOptionUse *use;

    if (!option) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_PROPERTY, "-%s: invalid option (-help lists them)", name);
        return false;
    }
    use = g_new0(EmuOptionUse, 1);
    use->option = option;
    use->name = g_strndup(name, strcspn(name, "+"));
    use->arg = g_strdup(arg);
    g_ptr_array_add(startup->uses, use);
    return true;
}

bool
emu_options_parse(EmuStartup *startup, int argc, char **argv, GError **error)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *name = word, *arg = NULL;
        const EmuOption *option;

        /* A bare word is the first hard disk. */
        if (word[0] != '-' || word[1] == 0) {
            if (!emu_options_add(startup, "hda", word, error)) {
                return false;
            }
            continue;
        }
        name += strncmp(word, "--", 2) == 0 ? 2 : 1;
        option = find_option(name);
        if (!option) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_PROPERTY, "%s: invalid option (-help lists them)", word);
            return false;
        }
        if (option->arg) {
            if (i + 1 >= argc) {
                g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: requires an argument: %s", word, option->arg);
                return false;
            }
            arg = argv[++i];
        }
        emu_options_add(startup, name, arg, NULL);
    }
    return true;
}

bool
emu_options_run_phase(EmuStartup *startup, EmuPhase phase, GError **error)
{
    for (guint i = 0; i < startup->uses->len && !startup->done; i++) {
        EmuOptionUse *use = g_ptr_array_index(startup->uses, i);
        g_autoptr(GError) failure = NULL;

        if (use->option->phase != phase || !use->option->handle) {
            continue;
        }
        if (!use->option->handle(startup, use->arg, &failure)) {
            g_propagate_prefixed_error(error, g_steal_pointer(&failure), "-%s%s%s: ", use->name, use->arg ? " " : "", use->arg ? use->arg : "");
            return false;
        }
    }
    return true;
}

static int
compare_options(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const EmuOption *const *)a)->name, (*(const EmuOption *const *)b)->name);
}

void
emu_options_print_help(void)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();

    for (guint i = 0; option_tables && i < option_tables->len; i++) {
        for (const EmuOption *o = g_ptr_array_index(option_tables, i); o->name; o++) {
            if (o->help) {
                g_ptr_array_add(rows, (gpointer)o);
            }
        }
    }
    g_ptr_array_sort(rows, compare_options);
    printf("usage: emu [options] [disk_image]\n\n'disk_image' is a raw hard disk image for IDE hard disk 0\n\n");
    for (guint i = 0; i < rows->len; i++) {
        const EmuOption *o = g_ptr_array_index(rows, i);
        g_autofree char *head = g_strdup_printf("-%s %s", o->name, o->arg ? o->arg : "");

        if (strlen(head) > 23) {
            printf("%s\n%24s%s\n", head, "", o->help);
        } else {
            printf("%-24s%s\n", head, o->help);
        }
    }
    printf("\nDuring emulation, the following keys are useful in -nographic mode:\n"
           "ctrl-a h        print a help message\nctrl-a x        end the emulator\nctrl-a c        switch between console and monitor\n");
}
