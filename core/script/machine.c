/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* EmuScriptMachine: its life, its thread, and calls between that and the script's. */

#include "script/script-private.h"

#include "monitor/qmp-private.h"
#include "qom/qom-private.h"
#include <emu/log.h>
#include <string.h>

#define SCRIPT_KEY "emu-script-machine"

/**
 * EmuScriptMachine:
 *
 * A machine of a script: made from a board's name or a command line, given options and devices, then realized. It has a
 * thread of its own; any number of machines live in one process. Virtual time stands and no CPU runs until run() or start().
 * Close it when done: that ends its threads and frees its memory.
 */
G_DEFINE_FINAL_TYPE(EmuScriptMachine, emu_script_machine, G_TYPE_OBJECT)

static __thread EmuScriptMachine *thread_machine;

EmuScriptMachine *
script_machine_of_thread(void)
{
    return thread_machine;
}

EmuScriptMachine *
script_machine_of(EmuMachine *machine)
{
    GWeakRef *ref = machine ? g_object_get_data(G_OBJECT(machine), SCRIPT_KEY) : NULL;

    return ref ? g_weak_ref_get(ref) : NULL;
}

static void
weak_ref_free(gpointer data)
{
    g_weak_ref_clear(data);
    g_free(data);
}

/* ---- calls ----------------------------------------------------------------------------------------- */

static bool
phase_error(ScriptPhase phase, GError **error)
{
    switch (phase) {
    case SCRIPT_CONFIG:
        script_set_error(error, WRONG_STATE, "/machine: not realized yet");
        break;
    case SCRIPT_FAILED:
        script_set_error(error, WRONG_STATE, "/machine: could not be realized");
        break;
    case SCRIPT_CLOSED:
        script_set_error(error, CLOSED, "/machine: closed");
        break;
    case SCRIPT_BUILT:
    case SCRIPT_READY:
        return true;
    }
    return false;
}

/* Whether it can run. */
bool
script_machine_check(EmuScriptMachine *self, GError **error)
{
    ScriptPhase phase;

    g_mutex_lock(&self->lock);
    phase = self->phase == SCRIPT_BUILT ? SCRIPT_CONFIG : self->phase;
    g_mutex_unlock(&self->lock);
    return phase_error(phase, error);
}

EmuMachine *
script_machine_enter(EmuScriptMachine *self, bool *locked, GError **error)
{
    EmuMachine *machine = NULL;
    ScriptPhase phase;

    *locked = false;
    g_mutex_lock(&self->lock);
    phase = self->phase;
    if (phase == SCRIPT_READY || phase == SCRIPT_BUILT) {
        machine = g_object_ref(self->machine);
    }
    g_mutex_unlock(&self->lock);
    if (!machine) {
        phase_error(phase, error);
        return NULL;
    }
    if (!emu_machine_lock_held(machine)) {
        emu_machine_lock(machine);
        *locked = true;
        /* It may have been closed while we waited. */
        if (!self->machine) {
            emu_machine_unlock(machine);
            g_object_unref(machine);
            phase_error(SCRIPT_CLOSED, error);
            return NULL;
        }
    }
    return machine;
}

void
script_machine_leave(EmuMachine *machine, bool locked)
{
    if (locked) {
        emu_machine_unlock(machine);
    }
    g_object_unref(machine);
}

typedef struct {
    EmuScriptMachine *self;
    ScriptFunc fn;
    gpointer data;
    GError *error;
    bool ok, done;
    GMutex lock;
    GCond cond;
} Call;

static bool
call_run(EmuScriptMachine *self, ScriptFunc fn, gpointer data, GError **error)
{
    EmuMachine *machine = self->machine ? g_object_ref(self->machine) : NULL;
    bool take = machine && !emu_machine_lock_held(machine);
    bool ok;

    if (take) {
        emu_machine_lock(machine);
    }
    ok = fn(self, data, error);
    if (take) {
        emu_machine_unlock(machine);
    }
    g_clear_object(&machine);
    return ok;
}

static gboolean
call_cb(gpointer data)
{
    Call *call = data;

    call->ok = call_run(call->self, call->fn, call->data, &call->error);
    g_mutex_lock(&call->lock);
    call->done = true;
    g_cond_signal(&call->cond);
    g_mutex_unlock(&call->lock);
    return G_SOURCE_REMOVE;
}

bool
script_machine_call(EmuScriptMachine *self, ScriptFunc fn, gpointer data, GError **error)
{
    Call call = {.self = self, .fn = fn, .data = data};
    GSource *source;

    if (thread_machine == self) {
        return call_run(self, fn, data, error);
    }
    if (!script_machine_may_wait(self, error)) {
        return false;
    }
    g_mutex_init(&call.lock);
    g_cond_init(&call.cond);
    source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, call_cb, &call, NULL);
    g_source_attach(source, self->context);
    g_mutex_lock(&call.lock);
    while (!call.done) {
        g_cond_wait(&call.cond, &call.lock);
    }
    g_mutex_unlock(&call.lock);
    g_source_unref(source);
    g_mutex_clear(&call.lock);
    g_cond_clear(&call.cond);
    if (call.error) {
        g_propagate_error(error, call.error);
    }
    return call.ok;
}

/* ---- to the script ------------------------------------------------------------------------------------ */

/* Weak: what nobody has fetched yet keeps no machine alive. */
typedef struct {
    GWeakRef machine;
    void (*fn)(EmuScriptMachine *self, gpointer data);
    gpointer data;
    GDestroyNotify destroy;
} Notice;

static gboolean
notice_cb(gpointer data)
{
    Notice *notice = data;
    g_autoptr(EmuScriptMachine) self = g_weak_ref_get(&notice->machine);

    if (self) {
        notice->fn(self, notice->data);
    }
    return G_SOURCE_REMOVE;
}

static void
notice_free(gpointer data)
{
    Notice *notice = data;

    if (notice->destroy) {
        notice->destroy(notice->data);
    }
    g_weak_ref_clear(&notice->machine);
    g_free(notice);
}

void
script_machine_notify(EmuScriptMachine *self, void (*fn)(EmuScriptMachine *self, gpointer data), gpointer data, GDestroyNotify destroy)
{
    Notice *notice = g_new0(Notice, 1);
    GSource *source = g_idle_source_new();

    g_weak_ref_init(&notice->machine, self);
    notice->fn = fn;
    notice->data = data;
    notice->destroy = destroy;
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, notice_cb, notice, notice_free);
    g_source_attach(source, self->user_context);
    g_source_unref(source);
}

bool
script_machine_may_wait(EmuScriptMachine *self, GError **error)
{
    bool inside;

    g_mutex_lock(&self->lock);
    inside = thread_machine == self || (self->machine && emu_machine_lock_held(self->machine));
    g_mutex_unlock(&self->lock);
    if (inside) {
        script_set_error(error, WRONG_THREAD, "/machine: waiting for the machine is not possible from within a device's function");
    }
    return !inside;
}

void
script_machine_wake(EmuScriptMachine *self)
{
    g_cond_broadcast(&self->cond);
    g_main_context_wakeup(self->user_context);
}

static void
cancelled_cb(GCancellable *cancellable G_GNUC_UNUSED, gpointer data)
{
    EmuScriptMachine *self = data;

    g_mutex_lock(&self->lock);
    script_machine_wake(self);
    g_mutex_unlock(&self->lock);
}

static gboolean
timeout_cb(gpointer data G_GNUC_UNUSED)
{
    return G_SOURCE_REMOVE;
}

bool
script_machine_wait(EmuScriptMachine *self, bool (*done)(EmuScriptMachine *self, gpointer data), gpointer data, gint64 timeout_ms,
                    GCancellable *cancellable, GError **error)
{
    gint64 end = timeout_ms > 0 ? g_get_monotonic_time() + timeout_ms * 1000 : 0;
    gulong handler = cancellable ? g_cancellable_connect(cancellable, G_CALLBACK(cancelled_cb), self, NULL) : 0;
    bool mine = g_thread_self() == self->user_thread && g_main_context_acquire(self->user_context);
    GSource *timer = NULL;
    bool ok = false;

    if (mine && end) {
        timer = g_timeout_source_new((guint)MIN(timeout_ms, G_MAXINT));
        g_source_set_callback(timer, timeout_cb, NULL, NULL);
        g_source_attach(timer, self->user_context);
    }
    g_mutex_lock(&self->lock);
    for (;;) {
        ok = done(self, data);
        if (ok) {
            break;
        }
        if (self->phase == SCRIPT_CLOSED) {
            phase_error(SCRIPT_CLOSED, error);
            break;
        }
        if (g_cancellable_is_cancelled(cancellable)) {
            script_set_error(error, CANCELLED, "/machine: cancelled");
            break;
        }
        if (end && g_get_monotonic_time() >= end) {
            script_set_error(error, TIMEOUT, "/machine: nothing came within %" G_GINT64_FORMAT " ms", timeout_ms);
            break;
        }
        if (mine) {
            g_mutex_unlock(&self->lock);
            g_main_context_iteration(self->user_context, TRUE);
            g_mutex_lock(&self->lock);
        } else if (end) {
            g_cond_wait_until(&self->cond, &self->lock, end);
        } else {
            g_cond_wait(&self->cond, &self->lock);
        }
    }
    g_mutex_unlock(&self->lock);
    if (timer) {
        g_source_destroy(timer);
        g_source_unref(timer);
    }
    if (mine) {
        /* What was to be told before that is told before this returns, however late this thread has been. */
        g_main_context_iteration(self->user_context, FALSE);
        g_main_context_release(self->user_context);
    }
    if (handler) {
        g_cancellable_disconnect(cancellable, handler);
    }
    return ok;
}

/* ---- configuration --------------------------------------------------------------------------------------- */

static gpointer
machine_thread(gpointer data)
{
    EmuScriptMachine *self = data;
    g_autoptr(GMainContext) context = g_main_context_ref(self->context);
    g_autoptr(GMainLoop) loop = g_main_loop_ref(self->loop);

    thread_machine = self;
    g_main_context_push_thread_default(context);
    g_main_loop_run(loop);
    g_main_context_pop_thread_default(context);
    return NULL;
}

static EmuScriptMachine *
machine_create(void)
{
    emu_module_run_core();
    return g_object_new(EMU_SCRIPT_TYPE_MACHINE, NULL);
}

/**
 * emu_script_machine_new: (constructor)
 * @board: a board's name or alias: "pc", "none"
 * @error: return location
 *
 * A machine of that board without further options.
 *
 * Returns: (transfer full): a machine to configure
 */
EmuScriptMachine *
emu_script_machine_new(const char *board, GError **error)
{
    g_autoptr(EmuScriptMachine) self = machine_create();
    GError *core = NULL;
    g_autofree char *type = emu_machine_find_type(board, &core);

    if (!type) {
        script_error_take(error, core, NULL, NULL);
        return NULL;
    }
    if (!emu_script_machine_add_option(self, "M", board, error)) {
        return NULL;
    }
    return g_steal_pointer(&self);
}

/**
 * emu_script_machine_new_from_argv: (constructor)
 * @argv: (array zero-terminated=1): options as on the command line of emu, without the program's name
 * @error: return location
 *
 * A machine described by a command line. Serial lines that the command line says nothing about end at the script:
 * "serial0" is the first one's console.
 *
 * Returns: (transfer full): a machine to configure further, or to realize
 */
EmuScriptMachine *
emu_script_machine_new_from_argv(const char *const *argv, GError **error)
{
    g_autoptr(EmuScriptMachine) self = machine_create();
    guint n = g_strv_length((char **)argv);
    g_autofree char **words = g_new0(char *, n + 2);
    GError *core = NULL;

    words[0] = (char *)"emu";
    for (guint i = 0; i < n; i++) {
        words[i + 1] = (char *)argv[i];
        g_ptr_array_add(self->argv, g_strdup(argv[i]));
    }
    if (!emu_options_parse(self->startup, (int)n + 1, words, &core)) {
        script_error_take(error, core, NULL, NULL);
        return NULL;
    }
    return g_steal_pointer(&self);
}

/**
 * emu_script_machine_add_option:
 * @self: a machine that is not realized
 * @name: an option's name, without "-"
 * @value: (nullable): its argument, %NULL for an option that takes none
 * @error: return location
 *
 * As if the option stood at the end of the command line.
 *
 * Returns: whether there is such an option
 */
gboolean
emu_script_machine_add_option(EmuScriptMachine *self, const char *name, const char *value, GError **error)
{
    GError *core = NULL;

    g_mutex_lock(&self->lock);
    if (self->phase != SCRIPT_CONFIG || self->thread) {
        g_mutex_unlock(&self->lock);
        script_set_error(error, WRONG_STATE, "/machine.%s: options can be given before the machine is realized", name);
        return FALSE;
    }
    g_mutex_unlock(&self->lock);
    if (!emu_options_add(self->startup, name, value, &core)) {
        return script_error_take(error, core, "/machine", name);
    }
    if (((EmuOptionUse *)g_ptr_array_index(self->startup->uses, self->startup->uses->len - 1))->option->arg && !value) {
        g_ptr_array_remove_index(self->startup->uses, self->startup->uses->len - 1);
        script_set_error(error, BAD_VALUE, "/machine.%s: requires an argument", name);
        return FALSE;
    }
    g_ptr_array_add(self->argv, g_strconcat("-", name, NULL));
    if (value) {
        g_ptr_array_add(self->argv, g_strdup(value));
    }
    return TRUE;
}

/**
 * emu_script_machine_get_argv:
 * @self: a machine
 *
 * The command line that makes this machine.
 *
 * Returns: (transfer full) (array zero-terminated=1): its words, without the program's name
 */
char **
emu_script_machine_get_argv(EmuScriptMachine *self)
{
    char **argv = g_new0(char *, self->argv->len + 1);

    for (guint i = 0; i < self->argv->len; i++) {
        argv[i] = g_strdup(g_ptr_array_index(self->argv, i));
    }
    return argv;
}

static bool
assemble_on_thread(EmuScriptMachine *self, gpointer data G_GNUC_UNUSED, GError **error)
{
    EmuStartup *startup = self->startup;
    GWeakRef *ref;

    if (!emu_startup_prepare(startup, error)) {
        return false;
    }
    if (startup->machine) {
        ref = g_new0(GWeakRef, 1);
        g_weak_ref_init(ref, self);
        g_object_set_data_full(G_OBJECT(startup->machine), SCRIPT_KEY, ref, weak_ref_free);
        /* A guest that powers off leaves a machine to look at. */
        emu_machine_priv(startup->machine)->shutdown_action = EMU_ACTION_PAUSE;
    }
    if (startup->machine && !emu_startup_build(startup, error)) {
        return false;
    }
    if (startup->done) {
        script_set_error(error, BAD_VALUE, "/machine: an option that only prints something makes no machine");
        return false;
    }
    emu_machine_lock(startup->machine);
    g_mutex_lock(&self->lock);
    self->machine = startup->machine;
    self->phase = SCRIPT_BUILT;
    g_mutex_unlock(&self->lock);
    script_run_watch(self);
    script_event_watch(self);
    script_debug_watch(self);
    emu_machine_unlock(startup->machine);
    return true;
}

static bool
realize_on_thread(EmuScriptMachine *self, gpointer data G_GNUC_UNUSED, GError **error)
{
    bool ok;

    emu_machine_unlock(self->machine);
    ok = emu_startup_complete(self->startup, error);
    emu_machine_lock(self->machine);
    if (ok) {
        g_mutex_lock(&self->lock);
        self->phase = SCRIPT_READY;
        self->run_state = emu_machine_get_run_state(self->machine);
        g_mutex_unlock(&self->lock);
    }
    return ok;
}

static bool
take_down_on_thread(EmuScriptMachine *self, gpointer data G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    EmuMachine *machine = self->machine;

    /* Called with the lock held when there is a machine: whoever waits for it finds it gone. */
    if (machine) {
        script_event_unwatch(self);
        script_debug_unwatch(self);
        script_run_unwatch(self);
        script_timers_drop(self);
        for (guint i = 0; i < self->points->len; i++) {
            script_trigger_disarm(g_ptr_array_index(self->points, i));
        }
        g_mutex_lock(&self->lock);
        g_ptr_array_set_size(self->points, 0);
        g_mutex_unlock(&self->lock);
        g_signal_handlers_disconnect_by_data(machine, self);
    }
    g_mutex_lock(&self->lock);
    self->phase = self->phase == SCRIPT_FAILED ? SCRIPT_FAILED : SCRIPT_CLOSED;
    self->machine = NULL;
    script_machine_wake(self);
    g_mutex_unlock(&self->lock);
    return true;
}

static bool
destroy_on_thread(EmuScriptMachine *self, gpointer data G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    emu_startup_take_down(self->startup);
    return true;
}

/* Ends the machine and its thread. */
static void
machine_take_down(EmuScriptMachine *self)
{
    g_autoptr(GThread) thread = NULL;

    g_mutex_lock(&self->lock);
    thread = g_steal_pointer(&self->thread);
    g_mutex_unlock(&self->lock);
    if (!thread) {
        return;
    }
    script_machine_call(self, take_down_on_thread, NULL, NULL);
    script_machine_call(self, destroy_on_thread, NULL, NULL);
    g_main_loop_quit(self->loop);
    if (thread_machine != self) {
        g_thread_join(g_steal_pointer(&thread));
    }
}

static void
machine_fail(EmuScriptMachine *self)
{
    g_mutex_lock(&self->lock);
    self->phase = SCRIPT_FAILED;
    g_mutex_unlock(&self->lock);
    machine_take_down(self);
}

bool
script_machine_assemble(EmuScriptMachine *self, GError **error)
{
    GError *core = NULL;
    ScriptPhase phase;
    bool first;

    g_mutex_lock(&self->lock);
    phase = self->phase;
    first = phase == SCRIPT_CONFIG && !self->thread;
    if (first) {
        self->context = g_main_context_new();
        self->loop = g_main_loop_new(self->context, FALSE);
        self->thread = g_thread_new("machine", machine_thread, self);
    }
    g_mutex_unlock(&self->lock);
    if (!first) {
        return phase_error(phase, error);
    }
    if (!script_machine_call(self, assemble_on_thread, NULL, &core)) {
        machine_fail(self);
        return script_error_take(error, core, NULL, NULL);
    }
    return true;
}

/**
 * emu_script_machine_realize:
 * @self: a machine with its options
 * @cancellable: (nullable): not looked at once it has begun
 * @error: return location
 *
 * Builds the machine: RAM, CPUs, board, devices; it is reset and does not run yet.
 *
 * Returns: whether it is there; after a failure it can only be closed
 */
gboolean
emu_script_machine_realize(EmuScriptMachine *self, GCancellable *cancellable, GError **error)
{
    GError *core = NULL;

    if (g_cancellable_is_cancelled(cancellable)) {
        script_set_error(error, CANCELLED, "/machine: cancelled");
        return FALSE;
    }
    if (script_machine_check(self, NULL)) {
        script_set_error(error, WRONG_STATE, "/machine: realized already");
        return FALSE;
    }
    if (!script_machine_assemble(self, error)) {
        return FALSE;
    }
    if (!script_machine_call(self, realize_on_thread, NULL, &core)) {
        machine_fail(self);
        return script_error_take(error, core, NULL, NULL);
    }
    return TRUE;
}

/**
 * emu_script_machine_is_realized:
 * @self: a machine
 *
 * Whether it was realized and is not closed.
 *
 * Returns: true when it can run
 */
gboolean
emu_script_machine_is_realized(EmuScriptMachine *self)
{
    return script_machine_check(self, NULL);
}

/**
 * emu_script_machine_is_closed:
 * @self: a machine
 *
 * Whether close() was called.
 *
 * Returns: true when it was
 */
gboolean
emu_script_machine_is_closed(EmuScriptMachine *self)
{
    bool closed;

    g_mutex_lock(&self->lock);
    closed = self->phase == SCRIPT_CLOSED;
    g_mutex_unlock(&self->lock);
    return closed;
}

/**
 * emu_script_machine_close:
 * @self: a machine
 *
 * Ends the machine, its CPUs and its thread. What scripts still hold of it answers with an error from now on. Closing twice
 * does nothing. Not from within a device's function.
 */
void
emu_script_machine_close(EmuScriptMachine *self)
{
    bool held;

    g_mutex_lock(&self->lock);
    held = self->machine && emu_machine_lock_held(self->machine);
    g_mutex_unlock(&self->lock);
    g_return_if_fail(!held);
    machine_take_down(self);
    g_mutex_lock(&self->lock);
    self->phase = SCRIPT_CLOSED;
    script_machine_wake(self);
    g_mutex_unlock(&self->lock);
}

/* ---- parts -------------------------------------------------------------------------------------------------- */

/**
 * emu_script_machine_get_n_cpus:
 * @self: a machine
 *
 * How many CPUs it has.
 *
 * Returns: 0 when it is not realized
 */
guint
emu_script_machine_get_n_cpus(EmuScriptMachine *self)
{
    bool locked;
    EmuMachine *machine = script_machine_enter(self, &locked, NULL);
    guint n = machine ? emu_machine_get_n_cpus(machine) : 0;

    if (machine) {
        script_machine_leave(machine, locked);
    }
    return n;
}

/**
 * emu_script_machine_get_cpu:
 * @self: a machine
 * @index: from 0
 * @error: return location
 *
 * One of its CPUs.
 *
 * Returns: (transfer full): the CPU
 */
EmuCpu *
emu_script_machine_get_cpu(EmuScriptMachine *self, guint index, GError **error)
{
    bool locked;
    EmuMachine *machine = script_machine_enter(self, &locked, error);
    EmuCpu *cpu;

    if (!machine) {
        return NULL;
    }
    cpu = emu_machine_get_cpu(machine, index);
    if (cpu) {
        script_object_adopt(cpu, self);
    } else {
        script_set_error(error, NOT_FOUND, "/machine.cpu: there is no CPU %u, expected 0 to %d", index, (int)emu_machine_get_n_cpus(machine) - 1);
    }
    script_machine_leave(machine, locked);
    return cpu;
}

/**
 * emu_script_machine_get_memory:
 * @self: a machine
 *
 * Physical memory as the board sees it, devices included.
 *
 * Returns: (transfer full): the address space
 */
EmuScriptMemory *
emu_script_machine_get_memory(EmuScriptMachine *self)
{
    return script_memory_new(self, false);
}

/**
 * emu_script_machine_get_io:
 * @self: a machine
 *
 * The I/O ports.
 *
 * Returns: (transfer full): the address space
 */
EmuScriptMemory *
emu_script_machine_get_io(EmuScriptMachine *self)
{
    return script_memory_new(self, true);
}

/**
 * emu_script_machine_lookup:
 * @self: a machine
 * @path: "/machine/peripheral/net0", or an unambiguous end of it, "net0"
 * @error: return location
 *
 * An object of the composition tree; the paths are those of QMP.
 *
 * Returns: (transfer full): the object
 */
EmuObject *
emu_script_machine_lookup(EmuScriptMachine *self, const char *path, GError **error)
{
    bool locked, ambiguous = false;
    EmuMachine *machine = script_machine_enter(self, &locked, error);
    EmuObject *object;

    if (!machine) {
        return NULL;
    }
    object = emu_object_resolve_path(emu_machine_get_root(machine), path, &ambiguous);
    if (object) {
        script_object_adopt(object, self);
    } else if (ambiguous) {
        script_set_error(error, NOT_FOUND, "/machine.%s: more than one object is called so", path);
    } else {
        script_set_error(error, NOT_FOUND, "%s%s: there is no such object", path[0] == '/' ? "" : "/machine.", path);
    }
    script_machine_leave(machine, locked);
    return object;
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

static void
emu_script_machine_dispose(GObject *object)
{
    EmuScriptMachine *self = EMU_SCRIPT_MACHINE(object);

    machine_take_down(self);
    G_OBJECT_CLASS(emu_script_machine_parent_class)->dispose(object);
}

static void
emu_script_machine_finalize(GObject *object)
{
    EmuScriptMachine *self = EMU_SCRIPT_MACHINE(object);

    g_clear_pointer(&self->startup, emu_startup_free);
    g_clear_pointer(&self->loop, g_main_loop_unref);
    g_clear_pointer(&self->context, g_main_context_unref);
    g_main_context_unref(self->user_context);
    g_ptr_array_unref(self->argv);
    g_ptr_array_unref(self->event_triggers);
    g_ptr_array_unref(self->points);
    g_ptr_array_unref(self->timers);
    g_hash_table_unref(self->streams);
    g_queue_clear_full(&self->events, g_free);
    g_clear_object(&self->next_stop);
    g_clear_object(&self->last_stop);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->cond);
    G_OBJECT_CLASS(emu_script_machine_parent_class)->finalize(object);
}

static void
emu_script_machine_init(EmuScriptMachine *self)
{
    g_mutex_init(&self->lock);
    g_cond_init(&self->cond);
    self->user_thread = g_thread_self();
    self->user_context = g_main_context_ref_thread_default();
    self->argv = g_ptr_array_new_with_free_func(g_free);
    self->event_triggers = g_ptr_array_new();
    self->timers = g_ptr_array_new();
    self->points = g_ptr_array_new_with_free_func(g_object_unref);
    self->streams = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, script_stream_unref);
    self->startup = emu_startup_new();
    self->startup->embedded = true;
}

static void
emu_script_machine_class_init(EmuScriptMachineClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);

    object_class->dispose = emu_script_machine_dispose;
    object_class->finalize = emu_script_machine_finalize;
    /**
     * EmuScriptMachine::event:
     * @self: the machine
     * @name: the event's name, "STOP"
     * @json: the whole event as JSON
     *
     * An event of QMP, on the script's context.
     */
    g_signal_new("event", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
}
