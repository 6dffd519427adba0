/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands about the protocol itself. */

#include "monitor/hmp-private.h"
#include "qmp-generated.h"

#include "emu-config.h"
#include "system/startup.h"

#include <string.h>

/* The version of QEMU whose protocol, options and machine names we follow; clients choose what to use by it. */
#define QEMU_MAJOR 7
#define QEMU_MINOR 2
#define QEMU_MICRO 22

bool
qmp_qmp_capabilities(EmuQmpCall *call, const Qmp_qmp_capabilities_args *args, GError **error)
{
    EmuQmpSession *session = call->session;
    bool oob = args->enable && args->enable->len > 0; /* it is the only one, and unknown names were refused */

    if (!session) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "there is nothing to negotiate here");
        return false;
    }
    return emu_qmp_session_negotiate(session, oob, error);
}

QmpVersionInfo *
qmp_query_version(EmuQmpCall *call G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    QmpVersionInfo *info = qmp_VersionInfo_new();

    info->qemu = qmp_VersionTriple_new();
    info->qemu->major = QEMU_MAJOR;
    info->qemu->minor = QEMU_MINOR;
    info->qemu->micro = QEMU_MICRO;
    info->package = g_strdup("emu " EMU_VERSION);
    return info;
}

GPtrArray *
qmp_query_commands(EmuQmpCall *call G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    GPtrArray *list = g_ptr_array_new();

    for (unsigned i = 0; i < emu_qmp_n_commands; i++) {
        QmpCommandInfo *info = qmp_CommandInfo_new();

        info->name = g_strdup(emu_qmp_commands[i].name);
        g_ptr_array_add(list, info);
    }
    return list;
}

JsonNode *
qmp_query_qmp_schema(EmuQmpCall *call G_GNUC_UNUSED, GError **error)
{
    return emu_json_parse(emu_qmp_schema_json, strlen(emu_qmp_schema_json), error);
}

char *
qmp_human_monitor_command(EmuQmpCall *call, const Qmp_human_monitor_command_args *args, GError **error)
{
    EmuHmp hmp = {.monitors = call->monitors, .machine = call->machine, .monitor = call->monitor, .format = 'x', .format_size = 4};
    GString *out;

    if (args->has_cpu_index) {
        if (args->cpu_index < 0 || args->cpu_index > G_MAXINT || !emu_machine_get_cpu(call->machine, args->cpu_index)) {
            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Parameter 'cpu-index' expects a CPU number");
            return NULL;
        }
        hmp.cpu_index = args->cpu_index;
    }
    out = g_string_new(NULL);
    hmp.out = out;
    emu_hmp_run(&hmp, args->command_line);
    /* HMP ends its lines as terminals want them; this text is for programs, and QEMU's has both characters. */
    g_string_replace(out, "\n", "\r\n", 0);
    return g_string_free(out, FALSE);
}

/* The parameters are in the option's text form: "[file=FILE][,format=FORMAT]..." */
static void
add_parameters(GPtrArray *list, const char *text)
{
    const char *p = text;

    while (p && *p) {
        gsize len = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

        if (len && p[len] == '=') {
            QmpCommandLineParameterInfo *info = qmp_CommandLineParameterInfo_new();
            bool is_bool = g_str_has_prefix(p + len, "=on|off");

            info->name = g_strndup(p, len);
            info->type = is_bool ? QMP_COMMAND_LINE_PARAMETER_TYPE_BOOLEAN : QMP_COMMAND_LINE_PARAMETER_TYPE_STRING;
            g_ptr_array_add(list, info);
        }
        p += len + (p[len] != 0);
    }
}

GPtrArray *
qmp_query_command_line_options(EmuQmpCall *call G_GNUC_UNUSED, const Qmp_query_command_line_options_args *args, GError **error)
{
    GPtrArray *list = g_ptr_array_new();
    g_autoptr(GPtrArray) options = emu_options_list();

    for (guint i = 0; i < options->len; i++) {
        const EmuOption *option = options->pdata[i];
        QmpCommandLineOptionInfo *info;

        if (!option->help || !option->arg || (args->option && !g_str_equal(args->option, option->name))) {
            continue;
        }
        info = qmp_CommandLineOptionInfo_new();
        info->option = g_strdup(option->name);
        info->parameters = g_ptr_array_new();
        add_parameters(info->parameters, option->arg);
        g_ptr_array_add(list, info);
    }
    if (args->option && list->len == 0) {
        g_ptr_array_unref(list);
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "invalid option name: %s", args->option);
        return NULL;
    }
    return list;
}
