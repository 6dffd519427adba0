/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands that look at or change whether the machine runs. */

#include "monitor/qmp-private.h"
#include "qmp-generated.h"

#include "system/machine-private.h"

QmpStatusInfo *
qmp_query_status(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    EmuRunState state = emu_machine_get_run_state(call->machine);
    QmpStatusInfo *info = qmp_StatusInfo_new();
    int value = emu_qmp_enum_from_name(&qmp_type_RunState, emu_run_state_name(state));

    info->running = state == EMU_RUN_STATE_RUNNING;
    info->status = value >= 0 ? (QmpRunState)value : QMP_RUN_STATE_INTERNAL_ERROR;
    return info;
}

bool
qmp_stop(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    if (emu_machine_get_run_state(call->machine) == EMU_RUN_STATE_RUNNING) {
        emu_machine_stop(call->machine, EMU_RUN_STATE_PAUSED);
    }
    return true;
}

bool
qmp_cont(EmuQmpCall *call, GError **error)
{
    if (emu_machine_needs_reset(call->machine)) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Resetting the Virtual Machine is required");
        return false;
    }
    emu_machine_start(call->machine);
    return true;
}

bool
qmp_system_reset(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    emu_machine_request_reset(call->machine, EMU_SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    return true;
}

bool
qmp_system_powerdown(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    emu_machine_request_powerdown(call->machine);
    return true;
}

bool
qmp_system_wakeup(EmuQmpCall *call, GError **error)
{
    if (emu_machine_get_run_state(call->machine) != EMU_RUN_STATE_SUSPENDED) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Unable to wake up: guest is not in suspended state");
        return false;
    }
    emu_machine_request_wakeup(call->machine);
    return true;
}

bool
qmp_quit(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    emu_machine_priv(call->machine)->shutdown_action = EMU_ACTION_SHUTDOWN;
    emu_machine_request_shutdown(call->machine, EMU_SHUTDOWN_CAUSE_HOST_QMP_QUIT);
    return true;
}

bool
qmp_inject_nmi(EmuQmpCall *call, GError **error)
{
    EmuMachineClass *klass = EMU_MACHINE_GET_CLASS(call->machine);

    if (!klass->nmi) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "machine does not provide NMIs");
        return false;
    }
    klass->nmi(call->machine);
    return true;
}

bool
qmp_set_action(EmuQmpCall *call, const Qmp_set_action_args *args, GError **error G_GNUC_UNUSED)
{
    static const EmuAction panic_actions[] = {EMU_ACTION_PAUSE, EMU_ACTION_SHUTDOWN, EMU_ACTION_EXIT_FAILURE, EMU_ACTION_NONE};
    EmuMachinePrivate *priv = emu_machine_priv(call->machine);

    if (args->has_watchdog) {
        priv->watchdog_action = (EmuWatchdogAction)args->watchdog;
    }
    if (args->has_reboot) {
        priv->reboot_action = args->reboot == QMP_REBOOT_ACTION_SHUTDOWN ? EMU_ACTION_SHUTDOWN : EMU_ACTION_RESET;
    }
    if (args->has_shutdown) {
        priv->shutdown_action = args->shutdown == QMP_SHUTDOWN_ACTION_PAUSE ? EMU_ACTION_PAUSE : EMU_ACTION_SHUTDOWN;
    }
    if (args->has_panic) {
        priv->panic_action = panic_actions[args->panic];
    }
    return true;
}

bool
qmp_watchdog_set_action(EmuQmpCall *call, const Qmp_watchdog_set_action_args *args, GError **error G_GNUC_UNUSED)
{
    emu_machine_priv(call->machine)->watchdog_action = (EmuWatchdogAction)args->action;
    return true;
}

bool
qmp_migrate_pause(EmuQmpCall *call G_GNUC_UNUSED, GError **error)
{
    g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "migrate-pause is currently only supported during postcopy-active or postcopy-recover state");
    return false;
}

bool
qmp_yank(EmuQmpCall *call G_GNUC_UNUSED, const Qmp_yank_args *args, GError **error)
{
    if (args->instances->len) {
        QmpYankInstance *instance = args->instances->pdata[0];
        const char *name = instance->type == QMP_YANK_INSTANCE_TYPE_BLOCK_NODE ? instance->u.block_node->node_name
                           : instance->type == QMP_YANK_INSTANCE_TYPE_CHARDEV  ? instance->u.chardev->id
                                                                               : "migration";

        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_DEVICE_NOT_FOUND, "Instance '%s' not found", name);
        return false;
    }
    return true;
}

GPtrArray *
qmp_query_yank(EmuQmpCall *call G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    return g_ptr_array_new();
}
