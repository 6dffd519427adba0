/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Running a machine until something happens, and the things that can happen. */

#include "script/script-private.h"

#include <emu/log.h>

/* ---- why it stopped ---------------------------------------------------------------------------------- */

struct _EmuScriptStop {
    GObject parent_instance;
    EmuScriptStopReason reason;
    EmuScriptTrigger *trigger;
    gint cpu;
    guint64 pc;
    char *message;
};

/**
 * EmuScriptStop:
 *
 * Why a machine stopped, and where.
 */
G_DEFINE_FINAL_TYPE(EmuScriptStop, emu_script_stop, G_TYPE_OBJECT)

static const char *const reason_names[] = {"paused", "breakpoint", "watchpoint", "step", "text", "time", "event", "tap",
                                           "line", "timeout", "shutdown", "panic", "exception", "error", "halted"};

EmuScriptStop *
script_stop_new(EmuScriptStopReason reason, EmuScriptTrigger *trigger, gint cpu, guint64 pc, const char *message)
{
    EmuScriptStop *self = g_object_new(EMU_SCRIPT_TYPE_STOP, NULL);

    self->reason = reason;
    self->trigger = trigger ? g_object_ref(trigger) : NULL;
    self->cpu = cpu;
    self->pc = pc;
    self->message = g_strdup(message);
    return self;
}

static void
emu_script_stop_finalize(GObject *object)
{
    EmuScriptStop *self = EMU_SCRIPT_STOP(object);

    g_clear_object(&self->trigger);
    g_free(self->message);
    G_OBJECT_CLASS(emu_script_stop_parent_class)->finalize(object);
}

static void
emu_script_stop_class_init(EmuScriptStopClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_script_stop_finalize;
}

static void
emu_script_stop_init(EmuScriptStop *self G_GNUC_UNUSED)
{
}

/**
 * emu_script_stop_get_reason:
 * @self: a stop
 *
 * The kind of the stop.
 *
 * Returns: the reason
 */
EmuScriptStopReason
emu_script_stop_get_reason(EmuScriptStop *self)
{
    return self->reason;
}

/**
 * emu_script_stop_get_reason_name:
 * @self: a stop
 *
 * The kind of the stop as a word: "breakpoint".
 *
 * Returns: the word
 */
const char *
emu_script_stop_get_reason_name(EmuScriptStop *self)
{
    return reason_names[self->reason];
}

/**
 * emu_script_stop_get_trigger:
 * @self: a stop
 *
 * What stopped the machine, when it was something that the script had set.
 *
 * Returns: (transfer none) (nullable): the trigger
 */
EmuScriptTrigger *
emu_script_stop_get_trigger(EmuScriptStop *self)
{
    return self->trigger;
}

/**
 * emu_script_stop_get_cpu:
 * @self: a stop
 *
 * The CPU that met it.
 *
 * Returns: its index; -1: none did
 */
gint
emu_script_stop_get_cpu(EmuScriptStop *self)
{
    return self->cpu;
}

/**
 * emu_script_stop_get_pc:
 * @self: a stop
 *
 * Where that CPU was.
 *
 * Returns: address of the instruction; 0 without a CPU
 */
guint64
emu_script_stop_get_pc(EmuScriptStop *self)
{
    return self->pc;
}

/**
 * emu_script_stop_get_message:
 * @self: a stop
 *
 * More about it: the text of an exception.
 *
 * Returns: (transfer none) (nullable): the text
 */
const char *
emu_script_stop_get_message(EmuScriptStop *self)
{
    return self->message;
}

/* ---- the machine's state as the script sees it ---------------------------------------------------------- */

static bool
state_is_running(EmuRunState state)
{
    return state == EMU_RUN_STATE_RUNNING || state == EMU_RUN_STATE_SUSPENDED;
}

static EmuScriptStopReason
reason_of_state(EmuRunState state)
{
    switch (state) {
    case EMU_RUN_STATE_SHUTDOWN:
        return EMU_SCRIPT_STOP_REASON_SHUTDOWN;
    case EMU_RUN_STATE_GUEST_PANICKED:
        return EMU_SCRIPT_STOP_REASON_PANIC;
    case EMU_RUN_STATE_INTERNAL_ERROR:
    case EMU_RUN_STATE_IO_ERROR:
        return EMU_SCRIPT_STOP_REASON_ERROR;
    default:
        return EMU_SCRIPT_STOP_REASON_PAUSED;
    }
}

static void
run_state_changed_cb(EmuMachine *machine, int state, gpointer data)
{
    EmuScriptMachine *self = data;
    EmuMachinePrivate *priv = emu_machine_priv(machine);

    g_mutex_lock(&self->lock);
    if (state_is_running(self->run_state) && !state_is_running((EmuRunState)state)) {
        EmuScriptStopReason reason = reason_of_state((EmuRunState)state);

        /* The guest's own end counts more than what else was asked for. */
        if (!self->next_stop || reason != EMU_SCRIPT_STOP_REASON_PAUSED) {
            g_clear_object(&self->next_stop);
            self->next_stop = script_stop_new(reason, NULL, -1, 0, NULL);
        }
        g_set_object(&self->last_stop, self->next_stop);
        g_clear_object(&self->next_stop);
        self->n_stops++;
    } else if (state_is_running((EmuRunState)state) && !state_is_running(self->run_state)) {
        g_clear_object(&self->next_stop);
    }
    self->run_state = (EmuRunState)state;
    self->ended = priv->exiting;
    self->exit_status = __atomic_load_n(&priv->exit_status, __ATOMIC_SEQ_CST);
    script_machine_wake(self);
    g_mutex_unlock(&self->lock);
}

bool
script_run_watch(EmuScriptMachine *self)
{
    self->run_state = emu_machine_get_run_state(self->machine);
    g_signal_connect(self->machine, "run-state-changed", G_CALLBACK(run_state_changed_cb), self);
    return true;
}

void
script_machine_stop_for(EmuScriptMachine *self, EmuScriptStop *stop)
{
    EmuMachine *machine = NULL;

    g_mutex_lock(&self->lock);
    if (self->machine && state_is_running(self->run_state)) {
        machine = g_object_ref(self->machine);
        if (!self->next_stop) {
            self->next_stop = g_object_ref(stop);
        }
    }
    g_mutex_unlock(&self->lock);
    if (machine) {
        emu_machine_request_stop(machine, EMU_RUN_STATE_DEBUG);
        g_object_unref(machine);
    }
    g_object_unref(stop);
}

/**
 * emu_script_machine_is_running:
 * @self: a machine
 *
 * Whether its CPUs run, or wait for a wake up.
 *
 * Returns: true when they do
 */
gboolean
emu_script_machine_is_running(EmuScriptMachine *self)
{
    bool running;

    g_mutex_lock(&self->lock);
    running = self->phase == SCRIPT_READY && state_is_running(self->run_state);
    g_mutex_unlock(&self->lock);
    return running;
}

/**
 * emu_script_machine_get_state:
 * @self: a machine
 *
 * Its run state, by QMP's word.
 *
 * Returns: "running", "paused"; "unrealized", "failed" and "closed" where QMP has no word
 */
const char *
emu_script_machine_get_state(EmuScriptMachine *self)
{
    const char *name;

    g_mutex_lock(&self->lock);
    name = self->phase == SCRIPT_READY    ? emu_run_state_name(self->run_state)
           : self->phase == SCRIPT_CONFIG ? "unrealized"
           : self->phase == SCRIPT_FAILED ? "failed"
                                          : "closed";
    g_mutex_unlock(&self->lock);
    return name;
}

/**
 * emu_script_machine_get_exit_status:
 * @self: a machine
 *
 * What the program's exit status would be: a guest can choose it (isa-debug-exit).
 *
 * Returns: the status
 */
gint
emu_script_machine_get_exit_status(EmuScriptMachine *self)
{
    gint status;

    g_mutex_lock(&self->lock);
    status = self->exit_status;
    g_mutex_unlock(&self->lock);
    return status;
}

/**
 * emu_script_machine_get_last_stop:
 * @self: a machine
 *
 * Why it stopped last.
 *
 * Returns: (transfer full) (nullable): %NULL when it never ran
 */
EmuScriptStop *
emu_script_machine_get_last_stop(EmuScriptMachine *self)
{
    EmuScriptStop *stop;

    g_mutex_lock(&self->lock);
    stop = self->last_stop ? g_object_ref(self->last_stop) : NULL;
    g_mutex_unlock(&self->lock);
    return stop;
}

/* ---- verbs ------------------------------------------------------------------------------------------------ */

static bool
start_on_thread(EmuScriptMachine *self, gpointer data G_GNUC_UNUSED, GError **error)
{
    if (!self->machine) {
        return script_machine_check(self, error);
    }
    if (emu_machine_needs_reset(self->machine) || emu_machine_is_ending(self->machine)) {
        script_set_error(error, WRONG_STATE, "/machine: the guest has ended (%s), reset it first",
                         emu_run_state_name(emu_machine_get_run_state(self->machine)));
        return false;
    }
    emu_machine_start(self->machine);
    return true;
}

/**
 * emu_script_machine_start:
 * @self: a machine
 * @error: return location
 *
 * Lets it run, and returns at once.
 *
 * Returns: whether it runs
 */
gboolean
emu_script_machine_start(EmuScriptMachine *self, GError **error)
{
    return script_machine_check(self, error) && script_machine_call(self, start_on_thread, NULL, error);
}

static bool
pause_on_thread(EmuScriptMachine *self, gpointer data, GError **error)
{
    if (!self->machine) {
        return script_machine_check(self, error);
    }
    if (state_is_running(emu_machine_get_run_state(self->machine))) {
        if (data) {
            g_mutex_lock(&self->lock);
            if (!self->next_stop) {
                self->next_stop = g_object_ref(data);
            }
            g_mutex_unlock(&self->lock);
        }
        emu_machine_stop(self->machine, EMU_RUN_STATE_PAUSED);
    }
    return true;
}

/**
 * emu_script_machine_pause:
 * @self: a machine
 * @error: return location
 *
 * Stops all its CPUs and its virtual time. From within a device's function: soon, before the next instruction.
 *
 * Returns: whether it stands
 */
gboolean
emu_script_machine_pause(EmuScriptMachine *self, GError **error)
{
    bool held;

    if (!script_machine_check(self, error)) {
        return FALSE;
    }
    g_mutex_lock(&self->lock);
    held = self->machine && emu_machine_lock_held(self->machine) && script_machine_of_thread() != self;
    g_mutex_unlock(&self->lock);
    if (held) {
        script_machine_stop_for(self, script_stop_new(EMU_SCRIPT_STOP_REASON_PAUSED, NULL, -1, 0, NULL));
        return TRUE;
    }
    return script_machine_call(self, pause_on_thread, NULL, error);
}

static bool
reset_on_thread(EmuScriptMachine *self, gpointer data G_GNUC_UNUSED, GError **error)
{
    EmuMachine *machine = self->machine;
    bool running;

    if (!machine) {
        return script_machine_check(self, error);
    }
    if (emu_machine_is_ending(machine)) {
        script_set_error(error, WRONG_STATE, "/machine: ended for good");
        return false;
    }
    running = emu_machine_get_run_state(machine) == EMU_RUN_STATE_RUNNING;
    if (running) {
        emu_vcpus_pause(&emu_machine_priv(machine)->vcpus);
    }
    emu_machine_reset(machine, EMU_SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    if (running) {
        emu_vcpus_resume(&emu_machine_priv(machine)->vcpus);
    } else {
        emu_machine_set_run_state(machine, EMU_RUN_STATE_PRELAUNCH);
    }
    return true;
}

/**
 * emu_script_machine_reset:
 * @self: a machine
 * @error: return location
 *
 * Presses the reset button. A machine that runs goes on running, one that stands stays so.
 *
 * Returns: whether it could
 */
gboolean
emu_script_machine_reset(EmuScriptMachine *self, GError **error)
{
    return script_machine_check(self, error) && script_machine_call(self, reset_on_thread, NULL, error);
}

static bool
powerdown_on_thread(EmuScriptMachine *self, gpointer data G_GNUC_UNUSED, GError **error)
{
    if (!self->machine) {
        return script_machine_check(self, error);
    }
    emu_machine_request_powerdown(self->machine);
    return true;
}

/**
 * emu_script_machine_powerdown:
 * @self: a machine
 * @error: return location
 *
 * Presses the power button; what follows is up to the guest.
 *
 * Returns: whether it could
 */
gboolean
emu_script_machine_powerdown(EmuScriptMachine *self, GError **error)
{
    return script_machine_check(self, error) && script_machine_call(self, powerdown_on_thread, NULL, error);
}

/* ---- run --------------------------------------------------------------------------------------------------- */

typedef struct {
    EmuScriptTrigger **until;
    gsize n_until, n_armed;
    guint64 n_stops;
} Run;

static void
run_disarm(Run *run)
{
    while (run->n_armed) {
        EmuScriptTrigger *trigger = run->until[--run->n_armed];

        if (trigger) {
            script_trigger_disarm(trigger);
        }
    }
}

static bool
run_begin_on_thread(EmuScriptMachine *self, gpointer data, GError **error)
{
    Run *run = data;

    if (!self->machine) {
        return script_machine_check(self, error);
    }
    if (self->current_run) {
        script_set_error(error, WRONG_STATE, "/machine: somebody else waits in run() already");
        return false;
    }
    g_mutex_lock(&self->lock);
    run->n_stops = self->n_stops;
    g_mutex_unlock(&self->lock);
    for (; run->n_armed < run->n_until; run->n_armed++) {
        EmuScriptTrigger *trigger = run->until[run->n_armed];

        if (trigger->machine != self) {
            script_set_error(error, BAD_VALUE, "/machine.until: the trigger is another machine's, or was removed");
            run_disarm(run);
            return false;
        }
        if (trigger->armed) {
            /* A breakpoint is armed for good. */
            run->until[run->n_armed] = NULL;
        } else if (!script_trigger_arm(trigger, error)) {
            run_disarm(run);
            return false;
        }
    }
    if (!start_on_thread(self, NULL, error)) {
        run_disarm(run);
        return false;
    }
    self->current_run = run;
    return true;
}

static bool
run_end_on_thread(EmuScriptMachine *self, gpointer data, GError **error G_GNUC_UNUSED)
{
    run_disarm(data);
    self->current_run = NULL;
    return true;
}

void
script_run_unwatch(EmuScriptMachine *self)
{
    if (self->current_run) {
        run_disarm(self->current_run);
        self->current_run = NULL;
    }
}

static bool
run_is_over(EmuScriptMachine *self, gpointer data)
{
    return self->n_stops != ((Run *)data)->n_stops;
}

/**
 * emu_script_machine_run:
 * @self: a machine
 * @until: (array length=n_until) (nullable): what else stops it, besides breakpoints and the guest's own end
 * @n_until: how many
 * @timeout_ms: the host's time that it may take; 0: any
 * @cancellable: (nullable): stops the machine, too
 * @error: return location
 *
 * Lets the machine run until it stops. Callbacks are called meanwhile.
 *
 * Returns: (transfer full): why it stopped; a timeout is a reason, not an error
 */
EmuScriptStop *
emu_script_machine_run(EmuScriptMachine *self, EmuScriptTrigger **until, gsize n_until, gint64 timeout_ms, GCancellable *cancellable,
                       GError **error)
{
    g_autofree EmuScriptTrigger **triggers = g_new0(EmuScriptTrigger *, n_until + 1);
    Run run = {.until = triggers, .n_until = n_until};
    GError *failure = NULL;
    EmuScriptStop *stop = NULL;
    bool ok;

    if (!script_machine_check(self, error)) {
        return NULL;
    }
    if (!script_machine_may_wait(self, error)) {
        return NULL;
    }
    for (gsize i = 0; i < n_until; i++) {
        triggers[i] = until[i];
    }
    if (!script_machine_call(self, run_begin_on_thread, &run, error)) {
        return NULL;
    }
    ok = script_machine_wait(self, run_is_over, &run, timeout_ms, cancellable, &failure);
    if (!ok && !g_error_matches(failure, EMU_SCRIPT_ERROR, EMU_SCRIPT_ERROR_CLOSED)) {
        g_autoptr(EmuScriptStop) timeout = script_stop_new(EMU_SCRIPT_STOP_REASON_TIMEOUT, NULL, -1, 0, NULL);

        script_machine_call(self, pause_on_thread, timeout, NULL);
        if (g_error_matches(failure, EMU_SCRIPT_ERROR, EMU_SCRIPT_ERROR_TIMEOUT)) {
            g_clear_error(&failure);
            ok = true;
        }
    }
    if (script_machine_check(self, NULL)) {
        script_machine_call(self, run_end_on_thread, &run, NULL);
    }
    if (ok) {
        stop = emu_script_machine_get_last_stop(self);
    } else {
        g_propagate_error(error, failure);
    }
    return stop;
}

/* ---- triggers ------------------------------------------------------------------------------------------------- */

/**
 * EmuScriptTrigger:
 *
 * Something that stops a machine. Breakpoints, watchpoints and taps are looked at whenever the machine runs; texts, times,
 * events and lines while run() waits for them.
 */
G_DEFINE_TYPE(EmuScriptTrigger, emu_script_trigger, G_TYPE_OBJECT)

EmuScriptTrigger *
script_trigger_new(GType type, EmuScriptMachine *machine, EmuScriptStopReason reason, char *text)
{
    EmuScriptTrigger *self = g_object_new(type, NULL);

    self->machine = machine;
    g_object_add_weak_pointer(G_OBJECT(machine), (gpointer *)&self->machine);
    self->reason = reason;
    self->text = text;
    return self;
}

void
script_trigger_fire(EmuScriptTrigger *self, gint cpu, guint64 pc)
{
    self->hits++;
    if (self->machine && self->enabled) {
        script_machine_stop_for(self->machine, script_stop_new(self->reason, self, cpu, pc, NULL));
    }
}

bool
script_trigger_arm(EmuScriptTrigger *self, GError **error)
{
    EmuScriptTriggerClass *klass = G_TYPE_INSTANCE_GET_CLASS(self, EMU_SCRIPT_TYPE_TRIGGER, EmuScriptTriggerClass);

    self->armed = klass->arm && klass->arm(self, self->machine, error);
    return self->armed;
}

void
script_trigger_disarm(EmuScriptTrigger *self)
{
    EmuScriptTriggerClass *klass = G_TYPE_INSTANCE_GET_CLASS(self, EMU_SCRIPT_TYPE_TRIGGER, EmuScriptTriggerClass);

    if (self->armed && self->machine) {
        klass->disarm(self, self->machine);
    }
    self->armed = false;
}

static void
emu_script_trigger_finalize(GObject *object)
{
    EmuScriptTrigger *self = (EmuScriptTrigger *)object;

    if (self->machine) {
        g_object_remove_weak_pointer(G_OBJECT(self->machine), (gpointer *)&self->machine);
    }
    g_free(self->text);
    G_OBJECT_CLASS(emu_script_trigger_parent_class)->finalize(object);
}

static void
emu_script_trigger_class_init(EmuScriptTriggerClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_script_trigger_finalize;
}

static void
emu_script_trigger_init(EmuScriptTrigger *self)
{
    self->enabled = true;
}

/**
 * emu_script_trigger_get_hits:
 * @self: a trigger
 *
 * How often it was met.
 *
 * Returns: a count from 0
 */
guint64
emu_script_trigger_get_hits(EmuScriptTrigger *self)
{
    return self->hits;
}

/**
 * emu_script_trigger_get_enabled:
 * @self: a trigger
 *
 * Whether it stops the machine.
 *
 * Returns: true when it does
 */
gboolean
emu_script_trigger_get_enabled(EmuScriptTrigger *self)
{
    return self->enabled;
}

/**
 * emu_script_trigger_set_enabled:
 * @self: a trigger
 * @enabled: whether it is to stop the machine
 * @error: return location
 *
 * A disabled trigger is still counted.
 *
 * Returns: whether its machine is there
 */
gboolean
emu_script_trigger_set_enabled(EmuScriptTrigger *self, gboolean enabled, GError **error)
{
    if (!self->machine) {
        script_set_error(error, CLOSED, "/machine: closed");
        return FALSE;
    }
    self->enabled = enabled;
    return TRUE;
}

/**
 * emu_script_trigger_describe:
 * @self: a trigger
 *
 * What it waits for, in words.
 *
 * Returns: (transfer full): "breakpoint at 0x7c00"
 */
char *
emu_script_trigger_describe(EmuScriptTrigger *self)
{
    return g_strdup(self->text);
}

static bool
remove_on_thread(EmuScriptMachine *self, gpointer data, GError **error G_GNUC_UNUSED)
{
    script_trigger_disarm(data);
    g_mutex_lock(&self->lock);
    g_ptr_array_remove(self->points, data);
    g_mutex_unlock(&self->lock);
    return true;
}

/**
 * emu_script_trigger_remove:
 * @self: a trigger
 *
 * Takes it away. Twice does nothing.
 */
void
emu_script_trigger_remove(EmuScriptTrigger *self)
{
    g_autoptr(GObject) guard G_GNUC_UNUSED = g_object_ref(G_OBJECT(self));
    EmuScriptMachine *machine = self->machine;

    if (machine) {
        if (self->armed && script_machine_check(machine, NULL)) {
            script_machine_call(machine, remove_on_thread, self, NULL);
        }
        g_object_remove_weak_pointer(G_OBJECT(machine), (gpointer *)&self->machine);
        self->machine = NULL;
    }
}

/* ---- virtual time ------------------------------------------------------------------------------------------------ */

typedef struct {
    EmuScriptTrigger parent_instance;
    gint64 delay_ns;
    EmuTimer *timer;
} TimeTrigger;
typedef EmuScriptTriggerClass TimeTriggerClass;

static GType time_trigger_get_type(void);
G_DEFINE_TYPE(TimeTrigger, time_trigger, EMU_SCRIPT_TYPE_TRIGGER)

static void
time_trigger_cb(gpointer opaque)
{
    script_trigger_fire(opaque, -1, 0);
}

static bool
time_trigger_arm(EmuScriptTrigger *trigger, EmuScriptMachine *machine, GError **error G_GNUC_UNUSED)
{
    TimeTrigger *self = (TimeTrigger *)trigger;
    EmuClock *clock = emu_machine_get_clock(machine->machine, EMU_CLOCK_VIRTUAL);

    self->timer = emu_timer_new(clock, time_trigger_cb, self);
    emu_timer_set(self->timer, emu_clock_get_ns(clock) + self->delay_ns);
    return true;
}

static void
time_trigger_disarm(EmuScriptTrigger *trigger, EmuScriptMachine *machine G_GNUC_UNUSED)
{
    emu_timer_free(g_steal_pointer(&((TimeTrigger *)trigger)->timer));
}

static void
time_trigger_class_init(TimeTriggerClass *klass)
{
    klass->arm = time_trigger_arm;
    klass->disarm = time_trigger_disarm;
}

static void
time_trigger_init(TimeTrigger *self G_GNUC_UNUSED)
{
}

/**
 * emu_script_trigger_new_time: (constructor)
 * @machine: a machine
 * @delay_ns: nanoseconds of virtual time from the moment that run() begins
 * @error: return location
 *
 * Stops when so much virtual time has passed.
 *
 * Returns: (transfer full): for run()
 */
EmuScriptTrigger *
emu_script_trigger_new_time(EmuScriptMachine *machine, gint64 delay_ns, GError **error)
{
    EmuScriptTrigger *self;

    if (delay_ns < 0) {
        script_set_error(error, BAD_VALUE, "/machine.delay_ns: is %" G_GINT64_FORMAT ", expected 0 or more", delay_ns);
        return NULL;
    }
    self = script_trigger_new(time_trigger_get_type(), machine, EMU_SCRIPT_STOP_REASON_TIME,
                              g_strdup_printf("%" G_GINT64_FORMAT " ns of virtual time", delay_ns));
    ((TimeTrigger *)self)->delay_ns = delay_ns;
    return self;
}

/**
 * emu_script_machine_get_virtual_ns:
 * @self: a machine
 *
 * Virtual time: nanoseconds that the machine has run.
 *
 * Returns: the time; 0 when the machine is not realized
 */
gint64
emu_script_machine_get_virtual_ns(EmuScriptMachine *self)
{
    bool locked;
    EmuMachine *machine = script_machine_enter(self, &locked, NULL);
    gint64 now = 0;

    if (machine) {
        now = emu_clock_get_ns(emu_machine_get_clock(machine, EMU_CLOCK_VIRTUAL));
        script_machine_leave(machine, locked);
    }
    return now;
}
