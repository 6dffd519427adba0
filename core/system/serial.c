/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Serial and parallel ports, debug consoles and monitors: what the user asked for, or what there is by default. */

#include "system/startup.h"

#include <stdio.h>
#include <string.h>

static EmuMonitorFactory monitor_factory;

void
emu_startup_set_monitor_factory(EmuMonitorFactory factory)
{
    monitor_factory = factory;
}

static bool
make_monitor(EmuStartup *startup, EmuChardev *chardev, bool control, bool pretty, GError **error)
{
    return !monitor_factory || monitor_factory(startup->machine, chardev, control, pretty, error);
}

/* Without a display the terminal is all there is; otherwise consoles of the display, which are null until one exists. */
static void
choose_defaults(EmuStartup *startup)
{
    bool no_serial = startup->serials->len == 0, no_monitor = !startup->has_monitor_option;

    if (startup->nodefaults) {
        return;
    }
    if (startup->embedded) {
        if (no_serial) {
            g_ptr_array_add(startup->serials, g_strdup("script"));
        }
        if (startup->parallels->len == 0) {
            g_ptr_array_add(startup->parallels, g_strdup("null"));
        }
    } else if (startup->nographic) {
        if (no_serial && no_monitor) {
            g_ptr_array_add(startup->serials, g_strdup("mon:stdio"));
        } else if (no_serial) {
            g_ptr_array_add(startup->serials, g_strdup("stdio"));
        } else if (no_monitor) {
            bool stdio_taken = false;

            for (guint i = 0; i < startup->serials->len; i++) {
                stdio_taken |= strstr(g_ptr_array_index(startup->serials, i), "stdio") != NULL;
            }
            if (!stdio_taken) {
                g_ptr_array_add(startup->monitors, g_strdup("stdio"));
            }
        }
        if (startup->parallels->len == 0) {
            g_ptr_array_add(startup->parallels, g_strdup("null"));
        }
    } else {
        if (no_serial) {
            g_ptr_array_add(startup->serials, g_strdup("vc"));
        }
        if (startup->parallels->len == 0) {
            g_ptr_array_add(startup->parallels, g_strdup("vc"));
        }
    }
}

static bool
open_ports(EmuStartup *startup, GPtrArray *texts, const char *option, void (*add)(EmuMachine *machine, EmuChardev *chardev), GError **error)
{
    for (guint i = 0; i < texts->len; i++) {
        const char *text = g_ptr_array_index(texts, i);
        g_autofree char *label = g_strdup_printf("%s%u", option, i);
        g_autoptr(GError) failure = NULL;
        EmuChardev *chardev = emu_chardev_new_from_compat(startup->machine, label, text, true, &failure);

        if (!chardev && failure) {
            g_propagate_prefixed_error(error, g_steal_pointer(&failure), "-%s %s: could not connect %s device to character backend: ", option, text, option);
            return false;
        }
        add(startup->machine, chardev);
        if (chardev && g_str_has_prefix(text, "mon:")) {
            EmuMonitorRequest *request = g_new0(EmuMonitorRequest, 1);

            request->chardev = g_strdup(label);
            request->mode = g_strdup("readline");
            g_ptr_array_add(startup->monitor_requests, request);
        }
    }
    return true;
}

bool
emu_startup_open_serials(EmuStartup *startup, GError **error)
{
    choose_defaults(startup);
    return open_ports(startup, startup->serials, "serial", emu_machine_add_serial, error) &&
           open_ports(startup, startup->parallels, "parallel", emu_machine_add_parallel, error);
}

static bool
open_monitor_list(EmuStartup *startup, GPtrArray *texts, bool control, GError **error)
{
    static const char *const options[] = {"monitor", "qmp"};

    for (guint i = 0; i < texts->len; i++) {
        const char *text = g_ptr_array_index(texts, i);
        bool pretty = g_str_has_prefix(text, "pretty:");
        g_autofree char *label = g_strdup_printf("compat_monitor%u", i + (control ? startup->monitors->len : 0));
        g_autoptr(GError) failure = NULL;
        EmuChardev *chardev;

        text += pretty ? strlen("pretty:") : 0;
        chardev = emu_chardev_new_from_compat(startup->machine, label, text, true, &failure);
        if ((!chardev && failure) || (chardev && !make_monitor(startup, chardev, control, pretty, &failure))) {
            g_propagate_prefixed_error(error, g_steal_pointer(&failure), "-%s %s: ", options[control], text);
            return false;
        }
    }
    return true;
}

bool
emu_startup_open_monitors(EmuStartup *startup, GError **error)
{
    for (guint i = 0; i < startup->monitor_requests->len; i++) {
        EmuMonitorRequest *request = g_ptr_array_index(startup->monitor_requests, i);
        EmuChardev *chardev = emu_chardev_find(startup->machine, request->chardev);

        if (!chardev) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "-mon chardev=%s: chardev \"%s\" not found", request->chardev, request->chardev);
            return false;
        }
        if (!make_monitor(startup, chardev, strcmp(request->mode, "control") == 0, request->pretty, error)) {
            g_prefix_error(error, "-mon chardev=%s: ", request->chardev);
            return false;
        }
    }
    return open_monitor_list(startup, startup->monitors, false, error) && open_monitor_list(startup, startup->qmps, true, error);
}

/* -debugcon DEV: a debug console on a chardev of its own. */
bool
emu_startup_add_debugcons(EmuStartup *startup, GError **error)
{
    for (guint i = 0; i < startup->debugcons->len; i++) {
        const char *text = g_ptr_array_index(startup->debugcons, i);
        g_autofree char *label = g_strdup_printf("debugcon%u", i);
        g_autoptr(EmuOpts) opts = emu_opts_new();

        if (!emu_chardev_new_from_compat(startup->machine, label, text, true, error)) {
            if (error && *error) {
                g_prefix_error(error, "-debugcon %s: ", text);
                return false;
            }
            continue;
        }
        emu_opts_add(opts, "driver", "isa-debugcon");
        emu_opts_add(opts, "chardev", label);
        if (!emu_machine_add_device(startup->machine, opts, error)) {
            g_prefix_error(error, "-debugcon %s: ", text);
            return false;
        }
    }
    return true;
}
