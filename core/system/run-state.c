/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Run states and requests. Any thread may ask for a reset, a shutdown and so on; a bottom half of the main loop carries
 * it out, with the vCPUs parked where that is needed.
 */

#include "system/machine-private.h"
#include <emu/log.h>

static const char *const run_state_names[] = {
    [EMU_RUN_STATE_PRELAUNCH] = "prelaunch",
    [EMU_RUN_STATE_RUNNING] = "running",
    [EMU_RUN_STATE_PAUSED] = "paused",
    [EMU_RUN_STATE_SHUTDOWN] = "shutdown",
    [EMU_RUN_STATE_SUSPENDED] = "suspended",
    [EMU_RUN_STATE_GUEST_PANICKED] = "guest-panicked",
    [EMU_RUN_STATE_INTERNAL_ERROR] = "internal-error",
    [EMU_RUN_STATE_IO_ERROR] = "io-error",
    [EMU_RUN_STATE_DEBUG] = "debug",
    [EMU_RUN_STATE_WATCHDOG] = "watchdog",
    [EMU_RUN_STATE_INMIGRATE] = "inmigrate",
    [EMU_RUN_STATE_POSTMIGRATE] = "postmigrate",
    [EMU_RUN_STATE_SAVE_VM] = "save-vm",
    [EMU_RUN_STATE_RESTORE_VM] = "restore-vm",
    [EMU_RUN_STATE_FINISH_MIGRATE] = "finish-migrate",
    [EMU_RUN_STATE_COLO] = "colo",
};

const char *
emu_run_state_name(EmuRunState state)
{
    g_return_val_if_fail((guint)state < G_N_ELEMENTS(run_state_names), NULL);
    return run_state_names[state];
}

EmuRunState
emu_machine_get_run_state(EmuMachine *self)
{
    return __atomic_load_n(&emu_machine_priv(self)->run_state, __ATOMIC_RELAXED);
}

void
emu_machine_set_run_state(EmuMachine *self, EmuRunState state)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    if (priv->run_state != state) {
        __atomic_store_n(&priv->run_state, state, __ATOMIC_RELAXED);
        g_signal_emit_by_name(self, "run-state-changed", (int)state);
    }
}

/* States that a "cont" cannot leave without a reset first. */
static bool
run_state_needs_reset(EmuRunState state)
{
    return state == EMU_RUN_STATE_SHUTDOWN || state == EMU_RUN_STATE_INTERNAL_ERROR || state == EMU_RUN_STATE_GUEST_PANICKED;
}

/**
 * emu_machine_needs_reset:
 * @self: a machine
 *
 * Returns: true when the guest ended (powered off, panicked, failed) and only a reset brings it back
 */
bool
emu_machine_needs_reset(EmuMachine *self)
{
    return run_state_needs_reset(emu_machine_get_run_state(self));
}

/**
 * emu_machine_start:
 * @self: a machine
 *
 * Lets the clock and the vCPUs run. Main thread, big lock held. A no-op when the machine runs already.
 */
void
emu_machine_start(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    if (priv->run_state == EMU_RUN_STATE_RUNNING || priv->exiting) {
        return;
    }
    if (priv->suspended) {
        /* The guest sleeps: its clock runs, its CPUs do not. */
        emu_machine_set_run_state(self, EMU_RUN_STATE_SUSPENDED);
        emu_clocks_set_running(priv->clocks, true);
        return;
    }
    emu_machine_set_run_state(self, EMU_RUN_STATE_RUNNING);
    emu_clocks_set_running(priv->clocks, true);
    emu_vcpus_resume(&priv->vcpus);
}

/**
 * emu_machine_stop:
 * @self: a machine
 * @state: why
 *
 * Parks all vCPUs, stops the virtual clock. Main thread, big lock held (given up while waiting for the vCPUs).
 */
void
emu_machine_stop(EmuMachine *self, EmuRunState state)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    if (priv->run_state == EMU_RUN_STATE_RUNNING || priv->run_state == EMU_RUN_STATE_SUSPENDED) {
        emu_vcpus_pause(&priv->vcpus);
        emu_clocks_set_running(priv->clocks, false);
    }
    emu_machine_set_run_state(self, state);
}

static bool
cause_is_guest(EmuShutdownCause cause)
{
    return cause >= EMU_SHUTDOWN_CAUSE_GUEST_SHUTDOWN;
}

static void
machine_request(EmuMachine *self, EmuRequest request)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    __atomic_fetch_or(&priv->requests, (int)request, __ATOMIC_SEQ_CST);
    emu_bh_schedule(priv->request_bh);
}

/**
 * emu_machine_request_reset:
 * @self: a machine
 * @cause: who asks
 *
 * The machine is reset soon; under -no-reboot a guest's request ends it instead. Any thread. The calling vCPU runs no further
 * guest instruction than the one that asked.
 */
void
emu_machine_request_reset(EmuMachine *self, EmuShutdownCause cause)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    if (priv->reboot_action == EMU_ACTION_SHUTDOWN && cause != EMU_SHUTDOWN_CAUSE_SUBSYSTEM_RESET &&
        cause != EMU_SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET) {
        emu_machine_request_shutdown(self, cause);
        return;
    }
    __atomic_store_n(&priv->reset_cause, (int)cause, __ATOMIC_SEQ_CST);
    machine_request(self, EMU_REQUEST_RESET);
    emu_vcpus_hold(&emu_machine_priv(self)->vcpus);
}

void
emu_machine_request_shutdown(EmuMachine *self, EmuShutdownCause cause)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    __atomic_store_n(&priv->shutdown_cause, (int)cause, __ATOMIC_SEQ_CST);
    machine_request(self, EMU_REQUEST_SHUTDOWN);
    emu_vcpus_hold(&emu_machine_priv(self)->vcpus);
}

/**
 * emu_machine_request_exit:
 * @self: a machine
 * @status: what emu_machine_run() returns: the process' exit status
 *
 * Ends the machine whatever -no-shutdown says. Any thread.
 */
void
emu_machine_request_exit(EmuMachine *self, int status)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    __atomic_store_n(&priv->exit_status, status, __ATOMIC_SEQ_CST);
    __atomic_store_n(&priv->force_exit, true, __ATOMIC_SEQ_CST);
    emu_machine_request_shutdown(self, EMU_SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
}

void
emu_machine_request_powerdown(EmuMachine *self)
{
    machine_request(self, EMU_REQUEST_POWERDOWN);
}

void
emu_machine_request_suspend(EmuMachine *self)
{
    machine_request(self, EMU_REQUEST_SUSPEND);
    emu_vcpus_hold(&emu_machine_priv(self)->vcpus);
}

/**
 * emu_machine_request_suspend_disk:
 * @self: a machine
 *
 * The guest has written itself to its disk and sleeps in S4: the machine ends. Any thread.
 */
void
emu_machine_request_suspend_disk(EmuMachine *self)
{
    machine_request(self, EMU_REQUEST_SUSPEND_DISK);
    emu_machine_request_shutdown(self, EMU_SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
}

void
emu_machine_request_wakeup(EmuMachine *self)
{
    __atomic_store_n(&emu_machine_priv(self)->wakeup_reason, EMU_WAKEUP_USER, __ATOMIC_SEQ_CST);
    machine_request(self, EMU_REQUEST_WAKEUP);
}

/**
 * emu_machine_request_wakeup_by:
 * @self: a machine
 * @reason: what ends the sleep
 *
 * Like emu_machine_request_wakeup() for a device. Nothing happens unless the machine sleeps and the board's power
 * management has allowed @reason by emu_machine_allow_wakeup(). Big lock held.
 */
void
emu_machine_request_wakeup_by(EmuMachine *self, EmuWakeupReason reason)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    g_return_if_fail((guint)reason <= EMU_WAKEUP_TIMER);
    if (priv->suspended && (reason == EMU_WAKEUP_USER || priv->wakeup_allowed >> reason & 1)) {
        __atomic_store_n(&priv->wakeup_reason, (int)reason, __ATOMIC_SEQ_CST);
        machine_request(self, EMU_REQUEST_WAKEUP);
    }
}

/**
 * emu_machine_allow_wakeup:
 * @self: a machine
 * @reason: a device that may end the sleep
 * @allow: whether it may
 *
 * For power management: what its enable register says of @reason. Big lock held.
 */
void
emu_machine_allow_wakeup(EmuMachine *self, EmuWakeupReason reason, bool allow)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    g_return_if_fail((guint)reason <= EMU_WAKEUP_TIMER);
    priv->wakeup_allowed = (priv->wakeup_allowed & ~(1u << reason)) | (uint32_t)allow << reason;
}

/**
 * emu_machine_get_wakeup_reason:
 * @self: a machine
 *
 * Returns: who asked for the wake up that the signal "wakeup" announces
 */
EmuWakeupReason
emu_machine_get_wakeup_reason(EmuMachine *self)
{
    return (EmuWakeupReason)__atomic_load_n(&emu_machine_priv(self)->wakeup_reason, __ATOMIC_SEQ_CST);
}

/**
 * emu_machine_request_stop:
 * @self: a machine
 * @state: the run state to take
 *
 * Stops the machine from a thread that is not the main one (a vCPU that meets a breakpoint, a failed write).
 */
void
emu_machine_request_stop(EmuMachine *self, EmuRunState state)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    __atomic_store_n(&priv->stop_state, (int)state, __ATOMIC_SEQ_CST);
    machine_request(self, EMU_REQUEST_STOP);
    emu_vcpus_hold(&emu_machine_priv(self)->vcpus);
}

/**
 * emu_machine_request_watchdog:
 * @self: a machine
 *
 * A watchdog expired: the main loop does what was asked for (-action watchdog=, -watchdog-action). Any thread.
 */
void
emu_machine_request_watchdog(EmuMachine *self)
{
    machine_request(self, EMU_REQUEST_WATCHDOG);
}

/**
 * emu_machine_request_guest_event:
 * @self: a machine
 * @event: what the guest reported
 *
 * Any thread. The calling vCPU runs no further guest instruction before the main loop has dealt with it.
 */
void
emu_machine_request_guest_event(EmuMachine *self, EmuGuestEvent event)
{
    machine_request(self, (EmuRequest)(EMU_REQUEST_PANICKED << event));
    emu_vcpus_hold(&emu_machine_priv(self)->vcpus);
}

static void
machine_do_watchdog(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    g_signal_emit_by_name(self, "watchdog", (int)priv->watchdog_action);
    switch (priv->watchdog_action) {
    case EMU_WATCHDOG_RESET:
        emu_machine_request_reset(self, EMU_SHUTDOWN_CAUSE_GUEST_RESET);
        break;
    case EMU_WATCHDOG_SHUTDOWN:
        emu_machine_request_powerdown(self);
        break;
    case EMU_WATCHDOG_POWEROFF:
        emu_machine_request_exit(self, 0);
        break;
    case EMU_WATCHDOG_PAUSE:
        emu_machine_request_stop(self, EMU_RUN_STATE_WATCHDOG);
        break;
    case EMU_WATCHDOG_DEBUG:
        emu_warn_report("watchdog: timer fired");
        break;
    case EMU_WATCHDOG_INJECT_NMI:
        if (EMU_MACHINE_GET_CLASS(self)->nmi) {
            EMU_MACHINE_GET_CLASS(self)->nmi(self);
        }
        break;
    case EMU_WATCHDOG_NONE:
        break;
    }
}

enum { GUEST_ACTION_PAUSE, GUEST_ACTION_POWEROFF, GUEST_ACTION_RUN }; /* QMP's GuestPanicAction */

static void
machine_do_panic(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    if (priv->panic_action == EMU_ACTION_NONE) {
        g_signal_emit_by_name(self, "guest-event", (int)EMU_GUEST_EVENT_PANICKED, GUEST_ACTION_RUN);
        return;
    }
    if (priv->panic_action == EMU_ACTION_PAUSE ||
        (priv->panic_action == EMU_ACTION_SHUTDOWN && priv->shutdown_action == EMU_ACTION_PAUSE)) {
        g_signal_emit_by_name(self, "guest-event", (int)EMU_GUEST_EVENT_PANICKED, GUEST_ACTION_PAUSE);
        emu_machine_stop(self, EMU_RUN_STATE_GUEST_PANICKED);
        return;
    }
    g_signal_emit_by_name(self, "guest-event", (int)EMU_GUEST_EVENT_PANICKED, GUEST_ACTION_POWEROFF);
    emu_machine_stop(self, EMU_RUN_STATE_GUEST_PANICKED);
    if (priv->panic_action == EMU_ACTION_EXIT_FAILURE) {
        __atomic_store_n(&priv->exit_status, 1, __ATOMIC_SEQ_CST);
    }
    emu_machine_request_shutdown(self, EMU_SHUTDOWN_CAUSE_GUEST_PANIC);
}

static void
machine_do_guest_events(EmuMachine *self, int requests)
{
    if (requests & EMU_REQUEST_CRASH_LOADED) {
        g_signal_emit_by_name(self, "guest-event", (int)EMU_GUEST_EVENT_CRASH_LOADED, GUEST_ACTION_RUN);
    }
    if (requests & EMU_REQUEST_GUEST_SHUTDOWN) {
        g_signal_emit_by_name(self, "guest-event", (int)EMU_GUEST_EVENT_SHUTDOWN, GUEST_ACTION_POWEROFF);
        emu_machine_request_shutdown(self, EMU_SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    }
    if (requests & EMU_REQUEST_PANICKED) {
        machine_do_panic(self);
    }
}

bool
emu_machine_is_ending(EmuMachine *self)
{
    return emu_machine_priv(self)->exiting;
}

static void
machine_end(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    if (priv->loop) {
        g_main_loop_quit(priv->loop);
    }
}

static void
machine_do_shutdown(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);
    EmuShutdownCause cause = (EmuShutdownCause)__atomic_exchange_n(&priv->shutdown_cause, 0, __ATOMIC_SEQ_CST);
    bool quit = cause == EMU_SHUTDOWN_CAUSE_HOST_QMP_QUIT || cause == EMU_SHUTDOWN_CAUSE_HOST_SIGNAL || priv->force_exit;

    bool ends = quit || priv->shutdown_action != EMU_ACTION_PAUSE;

    /* Listeners can tell a stop from the end. */
    priv->exiting = ends;
    g_signal_emit_by_name(self, "shutdown", cause_is_guest(cause), (int)cause);
    emu_machine_stop(self, EMU_RUN_STATE_SHUTDOWN);
    if (ends) {
        machine_end(self);
    }
}

/* Carries requests out, big lock held. The order matters: an end beats all else, a reset beats a sleep. */
static void
machine_requests_cb(gpointer opaque)
{
    EmuMachine *self = opaque;
    EmuMachinePrivate *priv = emu_machine_priv(self);
    int requests = __atomic_exchange_n(&priv->requests, 0, __ATOMIC_SEQ_CST);
    bool was_running = priv->run_state == EMU_RUN_STATE_RUNNING;

    if (priv->exiting) {
        return;
    }
    if (requests & EMU_REQUEST_WATCHDOG) {
        machine_do_watchdog(self);
    }
    machine_do_guest_events(self, requests);
    was_running = was_running && priv->run_state == EMU_RUN_STATE_RUNNING;
    if (requests & EMU_REQUEST_STOP) {
        emu_machine_stop(self, (EmuRunState)__atomic_load_n(&priv->stop_state, __ATOMIC_SEQ_CST));
        was_running = false;
    }
    if (requests & EMU_REQUEST_SUSPEND) {
        emu_vcpus_pause(&priv->vcpus);
        priv->suspended = true;
        was_running = false;
        g_signal_emit_by_name(self, "suspend");
        emu_machine_set_run_state(self, EMU_RUN_STATE_SUSPENDED);
    }
    if (requests & EMU_REQUEST_SUSPEND_DISK) {
        g_signal_emit_by_name(self, "suspend-disk");
    }
    if (requests & EMU_REQUEST_SHUTDOWN) {
        machine_do_shutdown(self);
        if (priv->exiting) {
            return;
        }
        was_running = false;
    }
    if (requests & EMU_REQUEST_RESET) {
        EmuRunState before = priv->run_state;

        emu_vcpus_pause(&priv->vcpus);
        emu_machine_reset(self, (EmuShutdownCause)__atomic_exchange_n(&priv->reset_cause, 0, __ATOMIC_SEQ_CST));
        if (before == EMU_RUN_STATE_SUSPENDED) {
            priv->suspended = false;
            emu_machine_set_run_state(self, EMU_RUN_STATE_RUNNING);
            was_running = true;
        } else if (run_state_needs_reset(before)) {
            emu_machine_set_run_state(self, EMU_RUN_STATE_PRELAUNCH);
        }
    }
    if ((requests & EMU_REQUEST_WAKEUP) && priv->suspended) {
        priv->suspended = false;
        emu_machine_reset(self, EMU_SHUTDOWN_CAUSE_NONE);
        g_signal_emit_by_name(self, "wakeup");
        emu_machine_set_run_state(self, EMU_RUN_STATE_RUNNING);
        was_running = true;
    }
    if (requests & EMU_REQUEST_POWERDOWN) {
        g_signal_emit_by_name(self, "powerdown");
        if (EMU_MACHINE_GET_CLASS(self)->powerdown) {
            EMU_MACHINE_GET_CLASS(self)->powerdown(self);
        }
    }
    if (__atomic_load_n(&priv->requests, __ATOMIC_SEQ_CST) == 0) {
        emu_vcpus_release(&priv->vcpus);
    }
    if (was_running && priv->run_state == EMU_RUN_STATE_RUNNING) {
        emu_vcpus_resume(&priv->vcpus);
    }
}

void
emu_machine_run_state_init(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    priv->panic_action = EMU_ACTION_SHUTDOWN;
    priv->request_bh = emu_bh_new(priv->context, machine_requests_cb, self);
}

/**
 * emu_machine_reset:
 * @self: a machine
 * @cause: why; EMU_SHUTDOWN_CAUSE_NONE for the reset of a start-up or a wake up, which nobody is told of
 *
 * Resets all devices in three phases, then the board. Main thread, vCPUs parked, big lock held.
 */
void
emu_machine_reset(EmuMachine *self, EmuShutdownCause cause)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);
    EmuMachineClass *klass = EMU_MACHINE_GET_CLASS(self);

    emu_machine_reset_devices(self);
    if (klass->reset) {
        klass->reset(self);
    }
    for (unsigned i = 0; i < priv->vcpus.cpus->len; i++) {
        EmuCpu *cpu = emu_vcpus_get(&priv->vcpus, i);

        if (cpu && priv->accel && EMU_ACCEL_GET_CLASS(priv->accel)->reset_vcpu) {
            EMU_ACCEL_GET_CLASS(priv->accel)->reset_vcpu(priv->accel, cpu);
        }
    }
    if (cause != EMU_SHUTDOWN_CAUSE_NONE) {
        g_signal_emit_by_name(self, "reset", cause_is_guest(cause), (int)cause);
    }
}
