/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* QMP, HMP and events without a connection. */

#include "script/script-private.h"

#include "monitor/hmp-private.h"
#include "monitor/json.h"
#include "monitor/qmp-private.h"
#include <string.h>

#define EVENTS_MAX 1000

/* ---- events -------------------------------------------------------------------------------------------- */

typedef struct {
    EmuScriptTrigger parent_instance;
    char *name;
} EventTrigger;
typedef EmuScriptTriggerClass EventTriggerClass;

#define event_trigger_get_type script_event_trigger_get_type
G_DEFINE_TYPE(EventTrigger, event_trigger, EMU_SCRIPT_TYPE_TRIGGER)

static bool
event_trigger_arm(EmuScriptTrigger *self, EmuScriptMachine *machine, GError **error G_GNUC_UNUSED)
{
    g_ptr_array_add(machine->event_triggers, self);
    return true;
}

static void
event_trigger_disarm(EmuScriptTrigger *self, EmuScriptMachine *machine)
{
    g_ptr_array_remove(machine->event_triggers, self);
}

static void
event_trigger_finalize(GObject *object)
{
    g_free(((EventTrigger *)object)->name);
    G_OBJECT_CLASS(event_trigger_parent_class)->finalize(object);
}

static void
event_trigger_class_init(EventTriggerClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = event_trigger_finalize;
    klass->arm = event_trigger_arm;
    klass->disarm = event_trigger_disarm;
}

static void
event_trigger_init(EventTrigger *self G_GNUC_UNUSED)
{
}

/**
 * emu_script_trigger_new_event: (constructor)
 * @machine: a machine
 * @name: name of a QMP event, "RESET"
 * @error: return location
 *
 * Stops the machine when it sends that event.
 *
 * Returns: (transfer full): for run()
 */
EmuScriptTrigger *
emu_script_trigger_new_event(EmuScriptMachine *machine, const char *name, GError **error)
{
    EmuScriptTrigger *self;

    for (unsigned i = 0; emu_qmp_event_names[i]; i++) {
        if (strcmp(emu_qmp_event_names[i], name) == 0) {
            self = script_trigger_new(event_trigger_get_type(), machine, EMU_SCRIPT_STOP_REASON_EVENT, g_strdup_printf("event %s", name));
            ((EventTrigger *)self)->name = g_strdup(name);
            return self;
        }
    }
    script_set_error(error, NOT_FOUND, "/machine.event: there is no event %s", name);
    return NULL;
}

static char *
event_name(const char *json)
{
    g_autoptr(JsonNode) node = emu_json_parse(json, strlen(json), NULL);

    return node && JSON_NODE_HOLDS_OBJECT(node) ? g_strdup(json_object_get_string_member(json_node_get_object(node), "event")) : g_strdup("");
}

static void
event_emit(EmuScriptMachine *self, gpointer data)
{
    g_autofree char *name = event_name(data);

    g_signal_emit_by_name(self, "event", name, data);
}

static void
event_cb(gpointer opaque, JsonNode *event)
{
    EmuScriptMachine *self = opaque;
    const char *name = json_object_get_string_member(json_node_get_object(event), "event");
    GString *text = g_string_new(NULL);
    static guint signal_id;

    emu_json_write(text, event, false);
    if (!signal_id) {
        signal_id = g_signal_lookup("event", EMU_SCRIPT_TYPE_MACHINE);
    }
    if (g_signal_has_handler_pending(self, signal_id, 0, FALSE)) {
        script_machine_notify(self, event_emit, g_strdup(text->str), g_free);
    }
    g_mutex_lock(&self->lock);
    if (self->events.length >= EVENTS_MAX) {
        g_free(g_queue_pop_head(&self->events));
    }
    g_queue_push_tail(&self->events, g_string_free(text, FALSE));
    script_machine_wake(self);
    g_mutex_unlock(&self->lock);
    for (guint i = 0; i < self->event_triggers->len; i++) {
        EventTrigger *trigger = g_ptr_array_index(self->event_triggers, i);

        if (strcmp(trigger->name, name) == 0) {
            script_trigger_fire(&trigger->parent_instance, -1, 0);
        }
    }
}

void
script_event_watch(EmuScriptMachine *self)
{
    emu_monitors_set_event_func(emu_machine_get_monitors(self->machine), event_cb, self);
}

void
script_event_unwatch(EmuScriptMachine *self)
{
    emu_monitors_set_event_func(emu_machine_get_monitors(self->machine), NULL, NULL);
}

typedef struct {
    const char *const *names;
    char *found;
} NextEvent;

static bool
next_event_found(EmuScriptMachine *self, gpointer data)
{
    NextEvent *next = data;
    char *json;

    while (!next->found && (json = g_queue_pop_head(&self->events))) {
        g_autofree char *name = event_name(json);

        if (!next->names || !next->names[0] || g_strv_contains(next->names, name)) {
            next->found = json;
        } else {
            g_free(json);
        }
    }
    return next->found;
}

/**
 * emu_script_machine_next_event:
 * @self: a machine
 * @names: (array zero-terminated=1) (nullable): names of events that are wanted; others are dropped. None: all
 * @timeout_ms: host time to wait for; 0: any
 * @cancellable: (nullable): to give up
 * @error: return location
 *
 * The next event, those of the past included that nobody has fetched (the last thousand).
 *
 * Returns: (transfer full): the event as JSON
 */
char *
emu_script_machine_next_event(EmuScriptMachine *self, const char *const *names, gint64 timeout_ms, GCancellable *cancellable, GError **error)
{
    NextEvent next = {.names = names};

    if (!script_machine_check(self, error) || !script_machine_may_wait(self, error) || !script_machine_wait(self, next_event_found, &next, timeout_ms, cancellable, error)) {
        return NULL;
    }
    return next.found;
}

/* ---- commands -------------------------------------------------------------------------------------------- */

char *
script_qmp(EmuScriptMachine *self, const char *command, const char *arguments, GError **error)
{
    EmuMonitors *monitors = emu_machine_get_monitors(self->machine);
    EmuQmpCall call = {.monitors = monitors, .machine = self->machine};
    const EmuQmpCommand *row = emu_qmp_command_find(command);
    g_autoptr(JsonNode) args = NULL;
    g_autoptr(JsonNode) answer = NULL;
    GError *core = NULL;
    GString *text;

    if (!row) {
        script_set_error(error, QMP, "/machine.%s: there is no such QMP command", command);
        return NULL;
    }
    if (arguments && arguments[0]) {
        args = emu_json_parse(arguments, strlen(arguments), &core);
        if (!args || !JSON_NODE_HOLDS_OBJECT(args)) {
            g_clear_error(&core);
            script_set_error(error, BAD_VALUE, "/machine.%s: the arguments are no JSON object", command);
            return NULL;
        }
    }
    answer = emu_qmp_dispatch(row, &call, args ? json_node_get_object(args) : NULL, &core);
    if (!answer) {
        script_set_error(error, QMP, "/machine.%s: %s", command, core ? core->message : "failed");
        g_clear_error(&core);
        return NULL;
    }
    text = g_string_new(NULL);
    emu_json_write(text, answer, false);
    return g_string_free(text, FALSE);
}

typedef struct {
    const char *command, *arguments;
    char *answer;
} Command;

static bool
qmp_on_thread(EmuScriptMachine *self, gpointer data, GError **error)
{
    Command *command = data;

    if (!self->machine) {
        return script_machine_check(self, error);
    }
    command->answer = script_qmp(self, command->command, command->arguments, error);
    return command->answer;
}

/**
 * emu_script_machine_qmp:
 * @self: a machine
 * @command: name of a QMP command
 * @arguments: (nullable): its arguments, a JSON object
 * @error: return location
 *
 * Carries out a QMP command.
 *
 * Returns: (transfer full): what it returns, as JSON
 */
char *
emu_script_machine_qmp(EmuScriptMachine *self, const char *command, const char *arguments, GError **error)
{
    Command call = {command, arguments, NULL};

    return script_machine_check(self, error) && script_machine_call(self, qmp_on_thread, &call, error) ? call.answer : NULL;
}

static bool
hmp_on_thread(EmuScriptMachine *self, gpointer data, GError **error)
{
    Command *command = data;
    EmuHmp hmp = {.machine = self->machine, .format = 'x', .format_size = 4};

    if (!self->machine) {
        return script_machine_check(self, error);
    }
    hmp.monitors = emu_machine_get_monitors(self->machine);
    hmp.out = g_string_new(NULL);
    emu_hmp_run(&hmp, command->command);
    command->answer = g_string_free(hmp.out, FALSE);
    return true;
}

/**
 * emu_script_machine_hmp:
 * @self: a machine
 * @command_line: a line for the human monitor: "info mtree"
 * @error: return location
 *
 * Carries out a line of the human monitor.
 *
 * Returns: (transfer full): what it prints
 */
char *
emu_script_machine_hmp(EmuScriptMachine *self, const char *command_line, GError **error)
{
    Command call = {command_line, NULL, NULL};

    return script_machine_check(self, error) && script_machine_call(self, hmp_on_thread, &call, error) ? call.answer : NULL;
}
