/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The calls that take long, without waiting: each runs the waiting one on a thread of GLib's and reports to the main context
 * that was the default of the calling thread.
 */

#include "script/script-private.h"

typedef struct {
    GPtrArray *triggers;
    gint64 timeout_ms;
    char *text, *more;
    char **words;
} Arguments;

static void
arguments_free(gpointer data)
{
    Arguments *args = data;

    g_clear_pointer(&args->triggers, g_ptr_array_unref);
    g_free(args->text);
    g_free(args->more);
    g_strfreev(args->words);
    g_free(args);
}

static void
begin(gpointer self, Arguments *args, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data, gpointer tag,
      GTaskThreadFunc fn)
{
    g_autoptr(GTask) task = g_task_new(self, cancellable, callback, user_data);

    g_task_set_source_tag(task, tag);
    g_task_set_check_cancellable(task, FALSE);
    g_task_set_task_data(task, args, arguments_free);
    g_task_run_in_thread(task, fn);
}

static gpointer
end_pointer(gpointer self, GAsyncResult *result, gpointer tag, GError **error)
{
    g_return_val_if_fail(g_task_is_valid(result, self) && g_async_result_is_tagged(result, tag), NULL);
    return g_task_propagate_pointer(G_TASK(result), error);
}

static void
strv_free(gpointer data)
{
    g_strfreev(data);
}

static void
finish(GTask *task, gpointer value, GDestroyNotify destroy, GError *error)
{
    if (error) {
        g_task_return_error(task, error);
    } else {
        g_task_return_pointer(task, value, destroy);
    }
}

/* ---- realize -------------------------------------------------------------------------------------------- */

static void
realize_thread(GTask *task, gpointer source, gpointer data G_GNUC_UNUSED, GCancellable *cancellable)
{
    GError *error = NULL;
    bool ok = emu_script_machine_realize(source, cancellable, &error);

    finish(task, GINT_TO_POINTER(ok), NULL, error);
}

/**
 * emu_script_machine_realize_async:
 * @self: a machine
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called when it is done
 * @user_data: (closure): for @callback
 *
 * As realize(), without waiting.
 */
void
emu_script_machine_realize_async(EmuScriptMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
    begin(self, g_new0(Arguments, 1), cancellable, callback, user_data, emu_script_machine_realize_async, realize_thread);
}

/**
 * emu_script_machine_realize_finish:
 * @self: a machine
 * @result: what the callback got
 * @error: return location
 *
 * How realize_async() ended.
 *
 * Returns: whether the machine is there
 */
gboolean
emu_script_machine_realize_finish(EmuScriptMachine *self, GAsyncResult *result, GError **error)
{
    return end_pointer(self, result, emu_script_machine_realize_async, error) != NULL;
}

/* ---- run -------------------------------------------------------------------------------------------------- */

static void
run_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    Arguments *args = data;
    GError *error = NULL;
    EmuScriptStop *stop = emu_script_machine_run(source, (EmuScriptTrigger **)args->triggers->pdata, args->triggers->len, args->timeout_ms,
                                                 cancellable, &error);

    finish(task, stop, g_object_unref, error);
}

/**
 * emu_script_machine_run_async:
 * @self: a machine
 * @until: (array length=n_until) (nullable): what else stops it
 * @n_until: how many
 * @timeout_ms: the host's time that it may take; 0: any
 * @cancellable: (nullable): stops the machine
 * @callback: (scope async): called when it has stopped
 * @user_data: (closure): for @callback
 *
 * As run(), without waiting.
 */
void
emu_script_machine_run_async(EmuScriptMachine *self, EmuScriptTrigger **until, gsize n_until, gint64 timeout_ms, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
    Arguments *args = g_new0(Arguments, 1);

    args->triggers = g_ptr_array_new_with_free_func(g_object_unref);
    for (gsize i = 0; i < n_until; i++) {
        g_ptr_array_add(args->triggers, g_object_ref(until[i]));
    }
    args->timeout_ms = timeout_ms;
    begin(self, args, cancellable, callback, user_data, emu_script_machine_run_async, run_thread);
}

/**
 * emu_script_machine_run_finish:
 * @self: a machine
 * @result: what the callback got
 * @error: return location
 *
 * How run_async() ended.
 *
 * Returns: (transfer full): why the machine stopped
 */
EmuScriptStop *
emu_script_machine_run_finish(EmuScriptMachine *self, GAsyncResult *result, GError **error)
{
    return end_pointer(self, result, emu_script_machine_run_async, error);
}

/* ---- expect ------------------------------------------------------------------------------------------------- */

static void
expect_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    Arguments *args = data;
    GError *error = NULL;
    char **groups = emu_script_console_expect(source, args->text, args->timeout_ms, cancellable, &error);

    finish(task, groups, strv_free, error);
}

/**
 * emu_script_console_expect_async:
 * @self: a console
 * @pattern: a regular expression
 * @timeout_ms: host time to wait for; 0: any
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called when it is done
 * @user_data: (closure): for @callback
 *
 * As expect(), without waiting.
 */
void
emu_script_console_expect_async(EmuScriptConsole *self, const char *pattern, gint64 timeout_ms, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data)
{
    Arguments *args = g_new0(Arguments, 1);

    args->text = g_strdup(pattern);
    args->timeout_ms = timeout_ms;
    begin(self, args, cancellable, callback, user_data, emu_script_console_expect_async, expect_thread);
}

/**
 * emu_script_console_expect_finish:
 * @self: a console
 * @result: what the callback got
 * @error: return location
 *
 * How expect_async() ended.
 *
 * Returns: (transfer full) (array zero-terminated=1): the match, and its groups
 */
char **
emu_script_console_expect_finish(EmuScriptConsole *self, GAsyncResult *result, GError **error)
{
    return end_pointer(self, result, emu_script_console_expect_async, error);
}

/* ---- QMP ------------------------------------------------------------------------------------------------------ */

static void
qmp_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable G_GNUC_UNUSED)
{
    Arguments *args = data;
    GError *error = NULL;
    char *answer = emu_script_machine_qmp(source, args->text, args->more, &error);

    finish(task, answer, g_free, error);
}

/**
 * emu_script_machine_qmp_async:
 * @self: a machine
 * @command: name of a QMP command
 * @arguments: (nullable): its arguments, a JSON object
 * @cancellable: (nullable): not looked at: commands are carried out whole
 * @callback: (scope async): called when it is done
 * @user_data: (closure): for @callback
 *
 * As qmp(), without waiting.
 */
void
emu_script_machine_qmp_async(EmuScriptMachine *self, const char *command, const char *arguments, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
    Arguments *args = g_new0(Arguments, 1);

    args->text = g_strdup(command);
    args->more = g_strdup(arguments);
    begin(self, args, cancellable, callback, user_data, emu_script_machine_qmp_async, qmp_thread);
}

/**
 * emu_script_machine_qmp_finish:
 * @self: a machine
 * @result: what the callback got
 * @error: return location
 *
 * How qmp_async() ended.
 *
 * Returns: (transfer full): what the command returns, as JSON
 */
char *
emu_script_machine_qmp_finish(EmuScriptMachine *self, GAsyncResult *result, GError **error)
{
    return end_pointer(self, result, emu_script_machine_qmp_async, error);
}

/* ---- events --------------------------------------------------------------------------------------------------- */

static void
next_event_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    Arguments *args = data;
    GError *error = NULL;
    char *event = emu_script_machine_next_event(source, (const char *const *)args->words, args->timeout_ms, cancellable, &error);

    finish(task, event, g_free, error);
}

/**
 * emu_script_machine_next_event_async:
 * @self: a machine
 * @names: (array zero-terminated=1) (nullable): names of events that are wanted
 * @timeout_ms: host time to wait for; 0: any
 * @cancellable: (nullable): to give up
 * @callback: (scope async): called when it is done
 * @user_data: (closure): for @callback
 *
 * As next_event(), without waiting.
 */
void
emu_script_machine_next_event_async(EmuScriptMachine *self, const char *const *names, gint64 timeout_ms, GCancellable *cancellable,
                                    GAsyncReadyCallback callback, gpointer user_data)
{
    Arguments *args = g_new0(Arguments, 1);

    args->words = g_strdupv((char **)names);
    args->timeout_ms = timeout_ms;
    begin(self, args, cancellable, callback, user_data, emu_script_machine_next_event_async, next_event_thread);
}

/**
 * emu_script_machine_next_event_finish:
 * @self: a machine
 * @result: what the callback got
 * @error: return location
 *
 * How next_event_async() ended.
 *
 * Returns: (transfer full): the event as JSON
 */
char *
emu_script_machine_next_event_finish(EmuScriptMachine *self, GAsyncResult *result, GError **error)
{
    return end_pointer(self, result, emu_script_machine_next_event_async, error);
}

/* ---- steps ---------------------------------------------------------------------------------------------------- */

static void
step_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    GError *error = NULL;
    EmuScriptStop *stop = emu_script_cpu_step(source, (guint64)((Arguments *)data)->timeout_ms, cancellable, &error);

    finish(task, stop, g_object_unref, error);
}

/**
 * emu_script_cpu_step_async:
 * @self: a CPU of a machine that stands
 * @count: how many instructions
 * @cancellable: (nullable): to stop earlier
 * @callback: (scope async): called when it is done
 * @user_data: (closure): for @callback
 *
 * As step(), without waiting.
 */
void
emu_script_cpu_step_async(EmuCpu *self, guint64 count, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
    Arguments *args = g_new0(Arguments, 1);

    args->timeout_ms = (gint64)count;
    begin(self, args, cancellable, callback, user_data, emu_script_cpu_step_async, step_thread);
}

/**
 * emu_script_cpu_step_finish:
 * @self: a CPU
 * @result: what the callback got
 * @error: return location
 *
 * How step_async() ended.
 *
 * Returns: (transfer full): why it stopped
 */
EmuScriptStop *
emu_script_cpu_step_finish(EmuCpu *self, GAsyncResult *result, GError **error)
{
    return end_pointer(self, result, emu_script_cpu_step_async, error);
}
