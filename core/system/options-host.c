/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Options about the program and its host side: logging, help, plugins, character devices, displays, devices, objects. */

#include "system/startup.h"

#include "char/char-private.h"
#include "emu-config.h"
#include "system/machine-private.h"

#include <emu/log.h>
#include <emu/plugin.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- early ------------------------------------------------------------------------------------- */

static bool
option_help(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    emu_options_print_help();
    return emu_startup_finish(startup);
}

static bool
option_version(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    printf("emu version %s (SDK %d.%d)\n", EMU_VERSION, EMU_SDK_MAJOR, EMU_SDK_MINOR);
    return emu_startup_finish(startup);
}

/* Trace points are in the plugins' code, so the plugins are opened. */
static bool
print_trace_points(EmuStartup *startup)
{
    g_autoptr(GPtrArray) plugins = emu_plugin_list();
    g_autofree char *text = NULL;

    for (guint i = 0; i < plugins->len; i++) {
        const EmuPluginInfo *info = g_ptr_array_index(plugins, i);
        g_autoptr(GError) error = NULL;

        if (!emu_plugin_open(info->name, &error)) {
            emu_warn_report("%s", error->message);
        }
    }
    text = emu_log_trace_help();
    fputs(text, stdout);
    return emu_startup_finish(startup);
}

static bool
option_log_items(EmuStartup *startup, const char *arg, GError **error)
{
    if (strcmp(arg, "trace:help") == 0) {
        return print_trace_points(startup);
    }
    if (emu_opts_is_help(arg)) {
        g_autofree char *text = emu_log_help();

        fputs(text, stdout);
        return emu_startup_finish(startup);
    }
    return emu_log_set_items(arg, error);
}

static bool
option_log_file(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_log_set_file(arg, error);
}

static bool
option_trace(EmuStartup *startup, const char *arg, GError **error)
{
    static const char *const keys[] = {"enable", "events", "file", NULL};
    g_autoptr(EmuOpts) opts = NULL;

    if (emu_opts_is_help(arg)) {
        return print_trace_points(startup);
    }
    opts = emu_opts_parse(arg, "enable", keys, error);
    if (!opts) {
        return false;
    }
    if (emu_opts_get(opts, "enable")) {
        emu_trace_enable(emu_opts_get(opts, "enable"));
    }
    if (emu_opts_get(opts, "events")) {
        g_autofree char *text = NULL;
        g_auto(GStrv) lines = NULL;

        if (!g_file_get_contents(emu_opts_get(opts, "events"), &text, NULL, error)) {
            return false;
        }
        lines = g_strsplit(text, "\n", -1);
        for (char **line = lines; *line; line++) {
            g_strstrip(*line);
            if (**line && **line != '#') {
                emu_trace_enable(*line);
            }
        }
    }
    return !emu_opts_get(opts, "file") || emu_log_set_file(emu_opts_get(opts, "file"), error);
}

static bool
option_msg(EmuStartup *startup, const char *arg, GError **error)
{
    static const char *const keys[] = {"timestamp", "guest-name", NULL};
    g_autoptr(EmuOpts) opts = emu_opts_parse(arg, NULL, keys, error);
    bool timestamp = false;

    if (!opts || !emu_opts_get_bool(opts, "timestamp", &timestamp, error)) {
        return false;
    }
    emu_log_set_timestamps(timestamp);
    return true;
}

static bool
option_plugin_dir(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_plugin_add_dir(arg, error);
}

static bool
option_plugin_rescan(EmuStartup *startup G_GNUC_UNUSED, const char *arg G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    emu_plugin_rescan();
    return true;
}

static bool
option_plugin_list(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error)
{
    g_autoptr(GPtrArray) plugins = emu_plugin_list(), refusals = emu_plugin_list_refusals();

    for (guint i = 0; i < plugins->len; i++) {
        const EmuPluginInfo *info = g_ptr_array_index(plugins, i);

        printf("%-20s %-10s %s\n%-20s %-10s %s\n", info->name, info->version, info->description, "", "", info->path);
    }
    for (guint i = 0; i < refusals->len; i++) {
        const EmuPluginRefusal *refusal = g_ptr_array_index(refusals, i);

        printf("refused: %s %s\n", refusal->path, refusal->reason);
    }
    return emu_startup_finish(startup);
}

static bool
option_nodefaults(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    startup->nodefaults = true;
    return true;
}

static bool
option_no_user_config(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    startup->no_user_config = true;
    return true;
}

static bool
option_readconfig(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_startup_read_config(startup, arg, error);
}

/* ---- collected ------------------------------------------------------------------------------------ */

static bool
option_nographic(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    startup->nographic = true;
    return true;
}

static bool
option_display(EmuStartup *startup, const char *arg, GError **error)
{
    g_autoptr(EmuOpts) opts = NULL;
    g_autofree char *type_name = NULL;
    const char *type;

    if (emu_opts_is_help(arg)) {
        g_autoptr(GPtrArray) names = emu_type_list("display", false);

        printf("Available display backend types:\nnone\n");
        for (guint i = 0; i < names->len; i++) {
            const char *name = g_ptr_array_index(names, i);

            printf("%s\n", g_str_has_prefix(name, "display-") ? name + strlen("display-") : name);
        }
        return emu_startup_finish(startup);
    }
    opts = emu_opts_parse(arg, "type", NULL, error);
    if (!opts) {
        return false;
    }
    type = emu_opts_get(opts, "type");
    type_name = g_strconcat("display-", type ? type : "", NULL);
    if (g_strcmp0(type, "none") != 0 && !emu_type_exists(type_name)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE, "Parameter 'type' does not accept value '%s', expected none or a display plugin (-display help)",
                    type ? type : "");
        return false;
    }
    g_free(startup->display);
    startup->display = g_strdup(arg);
    return true;
}

static bool
collect(GPtrArray *list, const char *arg)
{
    g_ptr_array_add(list, g_strdup(arg));
    return true;
}

static bool
option_serial(EmuStartup *startup, const char *arg, GError **error)
{
    return collect(startup->serials, arg);
}

static bool
option_parallel(EmuStartup *startup, const char *arg, GError **error)
{
    return collect(startup->parallels, arg);
}

static bool
option_debugcon(EmuStartup *startup, const char *arg, GError **error)
{
    return collect(startup->debugcons, arg);
}

static bool
option_monitor(EmuStartup *startup, const char *arg, GError **error)
{
    startup->has_monitor_option = true;
    return strcmp(arg, "none") == 0 || collect(startup->monitors, arg);
}

static bool
option_qmp(EmuStartup *startup, const char *arg, GError **error)
{
    startup->has_monitor_option = true;
    return collect(startup->qmps, arg);
}

static bool
option_qmp_pretty(EmuStartup *startup, const char *arg, GError **error)
{
    g_autofree char *text = g_strconcat("pretty:", arg, NULL);

    startup->has_monitor_option = true;
    return collect(startup->qmps, text);
}

static bool
option_mon(EmuStartup *startup, const char *arg, GError **error)
{
    static const char *const keys[] = {"chardev", "mode", "pretty", "id", "default", NULL};
    static const char *const modes[] = {"readline", "control", NULL};
    g_autoptr(EmuOpts) opts = emu_opts_parse(arg, "chardev", keys, error);
    EmuMonitorRequest *request;
    int mode = 0;
    bool pretty = false;

    if (!opts || !emu_opts_get_enum(opts, "mode", modes, &mode, error) || !emu_opts_get_bool(opts, "pretty", &pretty, error)) {
        return false;
    }
    if (!emu_opts_get(opts, "chardev")) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "Parameter 'chardev' is missing, expected the id of a -chardev");
        return false;
    }
    request = g_new0(EmuMonitorRequest, 1);
    request->chardev = g_strdup(emu_opts_get(opts, "chardev"));
    request->mode = g_strdup(modes[mode]);
    request->pretty = pretty;
    g_ptr_array_add(startup->monitor_requests, request);
    startup->has_monitor_option = true;
    return true;
}

static bool
option_paused(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    startup->paused = true;
    return true;
}

static bool
option_daemonize(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    startup->daemonize = true;
    return true;
}

static bool
option_pidfile(EmuStartup *startup, const char *arg, GError **error G_GNUC_UNUSED)
{
    g_free(startup->pidfile);
    startup->pidfile = g_strdup(arg);
    return true;
}

/* ---- the machine ------------------------------------------------------------------------------------- */

static bool
option_no_reboot(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    emu_machine_priv(startup->machine)->reboot_action = EMU_ACTION_SHUTDOWN;
    return true;
}

static bool
option_no_shutdown(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    emu_machine_priv(startup->machine)->shutdown_action = EMU_ACTION_PAUSE;
    return true;
}

static bool
option_action(EmuStartup *startup, const char *arg, GError **error)
{
    static const char *const keys[] = {"reboot", "shutdown", "panic", "watchdog", NULL};
    static const char *const reboot[] = {"reset", "shutdown", NULL};
    static const char *const shutdown[] = {"poweroff", "pause", NULL};
    static const char *const panic[] = {"pause", "shutdown", "exit-failure", "none", NULL};
    static const char *const watchdog[] = {"reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi", NULL};
    static const EmuAction panic_actions[] = {EMU_ACTION_PAUSE, EMU_ACTION_SHUTDOWN, EMU_ACTION_EXIT_FAILURE, EMU_ACTION_NONE};
    EmuMachinePrivate *priv = emu_machine_priv(startup->machine);
    g_autoptr(EmuOpts) opts = emu_opts_parse(arg, NULL, keys, error);
    int r = priv->reboot_action == EMU_ACTION_SHUTDOWN, s = priv->shutdown_action == EMU_ACTION_PAUSE, p = -1, w = priv->watchdog_action;

    if (!opts || !emu_opts_get_enum(opts, "reboot", reboot, &r, error) || !emu_opts_get_enum(opts, "shutdown", shutdown, &s, error) ||
        !emu_opts_get_enum(opts, "panic", panic, &p, error) || !emu_opts_get_enum(opts, "watchdog", watchdog, &w, error)) {
        return false;
    }
    priv->reboot_action = r ? EMU_ACTION_SHUTDOWN : EMU_ACTION_RESET;
    priv->shutdown_action = s ? EMU_ACTION_PAUSE : EMU_ACTION_SHUTDOWN;
    priv->panic_action = p < 0 ? priv->panic_action : panic_actions[p];
    priv->watchdog_action = (EmuWatchdogAction)w;
    return true;
}

static bool
option_watchdog_action(EmuStartup *startup, const char *arg, GError **error)
{
    g_autofree char *text = g_strconcat("watchdog=", arg, NULL);

    return option_action(startup, text, error);
}

/* Options that answer "help" before there is a machine have two rows: the second, "NAME+", does the work. */

static bool
option_chardev_help(EmuStartup *startup, const char *arg, GError **error)
{
    if (emu_opts_is_help(arg)) {
        g_autofree char *text = emu_chardev_help();

        fputs(text, stdout);
        return emu_startup_finish(startup);
    }
    return emu_options_add(startup, "chardev+", arg, error);
}

static bool
option_chardev(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_chardev_new_from_text(startup->machine, arg, error) != NULL;
}

static bool
option_object_help(EmuStartup *startup, const char *arg, GError **error)
{
    if (emu_opts_is_help(arg)) {
        emu_help_objects(NULL, NULL);
        return emu_startup_finish(startup);
    }
    if (g_str_has_suffix(arg, ",help") || g_str_has_suffix(arg, ",?")) {
        g_autofree char *type = g_strndup(arg, strcspn(arg, ","));

        return emu_help_objects(type, error) && emu_startup_finish(startup);
    }
    return emu_options_add(startup, "object+", arg, error);
}

static bool
option_object(EmuStartup *startup, const char *arg, GError **error)
{
    g_autoptr(EmuOpts) opts = emu_opts_parse_any(arg, "qom-type", error);

    return opts && emu_machine_add_object(startup->machine, opts, error) != NULL;
}

static bool
option_device_help(EmuStartup *startup, const char *arg, GError **error)
{
    if (emu_opts_is_help(arg)) {
        emu_help_devices(NULL, NULL);
        return emu_startup_finish(startup);
    }
    if (g_str_has_suffix(arg, ",help") || g_str_has_suffix(arg, ",?")) {
        g_autofree char *driver = g_strndup(arg, strcspn(arg, ","));

        return emu_help_devices(driver, error) && emu_startup_finish(startup);
    }
    return emu_options_add(startup, "device+", arg, error);
}

static bool
option_device(EmuStartup *startup, const char *arg, GError **error)
{
    g_autoptr(EmuOpts) opts = emu_opts_parse_any(arg, "driver", error);

    return opts && emu_machine_add_device(startup->machine, opts, error) != NULL;
}

/* No network device exists yet: what asks for none is granted. */
static bool
option_nic(EmuStartup *startup, const char *arg, GError **error)
{
    if (strcmp(arg, "none") != 0 && strcmp(arg, "type=none") != 0) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE, "no network back end of that name, expected none");
        return false;
    }
    return true;
}

static bool
option_sandbox(EmuStartup *startup, const char *arg, GError **error)
{
    if (strncmp(arg, "off", 3) != 0 && strncmp(arg, "enable=off", 10) != 0) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "no sandbox in this build, expected off");
        return false;
    }
    return true;
}

static bool
option_accepted(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    return true;
}

static const EmuOption options[] = {
    {"help", NULL, EMU_PHASE_EARLY, option_help, "prints this list"},
    {"h", NULL, EMU_PHASE_EARLY, option_help, NULL},
    {"version", NULL, EMU_PHASE_EARLY, option_version, "prints the version"},
    {"d", "ITEM[,ITEM]", EMU_PHASE_EARLY, option_log_items, "logs what is named ('help' lists the items)"},
    {"D", "FILE", EMU_PHASE_EARLY, option_log_file, "the log goes to FILE"},
    {"trace", "[enable=]PATTERN[,events=FILE][,file=FILE]", EMU_PHASE_EARLY, option_trace, "switches trace points on"},
    {"msg", "timestamp=on|off", EMU_PHASE_EARLY, option_msg, "time stamps on messages"},
    {"plugin-dir", "FOLDER", EMU_PHASE_EARLY, option_plugin_dir, "looks for plugins in FOLDER (repeatable)"},
    {"plugin-rescan", NULL, EMU_PHASE_EARLY, option_plugin_rescan, "reads all plugin files again, whatever the cache says"},
    {"plugin-list", NULL, EMU_PHASE_HELP, option_plugin_list, "lists plugins, and why some were refused"},
    {"readconfig", "FILE", EMU_PHASE_EARLY, option_readconfig, "reads options from FILE"},
    {"nodefaults", NULL, EMU_PHASE_EARLY, option_nodefaults, "no devices but those that are asked for"},
    {"no-user-config", NULL, EMU_PHASE_EARLY, option_no_user_config, "reads no configuration of the user's"},
    {"nographic", NULL, EMU_PHASE_CONFIG, option_nographic, "no display; serial port and monitor share the terminal"},
    {"display", "none", EMU_PHASE_CONFIG, option_display, "the display"},
    {"serial", "DEV", EMU_PHASE_CONFIG, option_serial, "connects the next serial port"},
    {"parallel", "DEV", EMU_PHASE_CONFIG, option_parallel, "connects the next parallel port"},
    {"debugcon", "DEV", EMU_PHASE_CONFIG, option_debugcon, "connects a debug console at port 0xe9"},
    {"monitor", "DEV", EMU_PHASE_CONFIG, option_monitor, "connects a monitor"},
    {"qmp", "DEV", EMU_PHASE_CONFIG, option_qmp, "connects a monitor that speaks QMP"},
    {"qmp-pretty", "DEV", EMU_PHASE_CONFIG, option_qmp_pretty, "the same, with indented output"},
    {"mon", "[chardev=]ID[,mode=readline|control][,pretty=on|off]", EMU_PHASE_CONFIG, option_mon, "a monitor on a -chardev"},
    {"S", NULL, EMU_PHASE_CONFIG, option_paused, "does not start the CPUs"},
    {"daemonize", NULL, EMU_PHASE_CONFIG, option_daemonize, "goes to the background when the machine is ready"},
    {"pidfile", "FILE", EMU_PHASE_CONFIG, option_pidfile, "writes the process id to FILE"},
    {"no-reboot", NULL, EMU_PHASE_MACHINE, option_no_reboot, "ends instead of rebooting"},
    {"no-shutdown", NULL, EMU_PHASE_MACHINE, option_no_shutdown, "stops instead of ending when the guest powers off"},
    {"action", "reboot=reset|shutdown,shutdown=poweroff|pause,panic=pause|shutdown|exit-failure|none,watchdog=ACTION", EMU_PHASE_MACHINE, option_action,
     "what to do on guest events"},
    {"watchdog-action", "reset|shutdown|poweroff|inject-nmi|pause|debug|none", EMU_PHASE_MACHINE, option_watchdog_action, "what to do when a watchdog expires"},
    {"chardev", "BACKEND,id=ID[,PROPERTY=VALUE]", EMU_PHASE_HELP, option_chardev_help, "a character back end ('help' lists them)"},
    {"chardev+", "", EMU_PHASE_CHARDEV, option_chardev, NULL},
    {"object", "TYPE,id=ID[,PROPERTY=VALUE]", EMU_PHASE_HELP, option_object_help, "an object ('help' lists the types)"},
    {"object+", "", EMU_PHASE_OBJECT, option_object, NULL},
    {"device", "DRIVER[,PROPERTY=VALUE]", EMU_PHASE_HELP, option_device_help, "a device ('help' lists them, 'DRIVER,help' its properties)"},
    {"device+", "", EMU_PHASE_DEVICE, option_device, NULL},
    {"nic", "none", EMU_PHASE_CONFIG, option_nic, "no default network device"},
    {"net", "none", EMU_PHASE_CONFIG, option_nic, NULL},
    {"sandbox", "off", EMU_PHASE_CONFIG, option_sandbox, NULL},
    {"overcommit", "mem-lock=off", EMU_PHASE_CONFIG, option_accepted, NULL},
    {"no-fd-bootchk", NULL, EMU_PHASE_CONFIG, option_accepted, NULL},
    {NULL},
};

static void
options_host_register(void)
{
    emu_option_register(options);
}
opts_init(options_host_register)
