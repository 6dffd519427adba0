/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of core/script share.
 *
 * Each machine of a script has a thread of its own, which serves the machine's main context; the script's thread asks it
 * to do things (script_machine_call) or takes the big lock itself for what any thread may do (script_machine_enter).
 * Callbacks to the script run on the context that was the thread's default when the machine was made: while a script
 * waits in run(), that is, or in its own main loop.
 *
 *   machine.c   life, thread, calls         run.c      start, stop, waiting, triggers
 *   monitor.c   QMP, HMP, events            console.c  character devices that the script holds the other end of
 *   memory.c object.c cpu.c registry.c      error.c    core errors as EmuScriptError
 */

#include <emu/script/script.h>

#include "system/machine-private.h"
#include "system/startup.h"

G_BEGIN_DECLS

/* BUILT: the board is there, devices may still be added that cannot be plugged into a running machine. */
typedef enum { SCRIPT_CONFIG, SCRIPT_BUILT, SCRIPT_READY, SCRIPT_FAILED, SCRIPT_CLOSED } ScriptPhase;

typedef struct _ScriptStream ScriptStream;

struct _EmuScriptMachine {
    GObject parent_instance;
    GThread *user_thread;
    GMainContext *user_context;

    GPtrArray *argv;     /* char *: "-M", "pc", ... for get_argv() */
    EmuStartup *startup; /* machine thread, once there is one */
    GThread *thread;
    GMainContext *context;
    GMainLoop *loop;
    EmuMachine *machine; /* core's; changes under the big lock on the machine thread; borrowed from startup */

    GMutex lock; /* of what follows; a leaf under the big lock */
    GCond cond;
    ScriptPhase phase;
    EmuRunState run_state;
    gint exit_status;
    bool ended;              /* for good: quit */
    EmuScriptStop *next_stop; /* what stops it now */
    EmuScriptStop *last_stop;
    guint64 n_stops;
    GQueue events;           /* char *: JSON */
    GPtrArray *event_triggers; /* borrowed: armed ones */
    GHashTable *streams;     /* label -> ScriptStream */
    GPtrArray *timers;       /* EmuScriptTimer, borrowed; big lock */
    gpointer current_run;    /* run.c; big lock */
    GPtrArray *points;       /* EmuScriptTrigger that are armed for good, owned */
};

/* ---- errors ---------------------------------------------------------------------------------------- */

#define script_set_error(error, code, ...) g_set_error(error, EMU_SCRIPT_ERROR, EMU_SCRIPT_ERROR_##code, __VA_ARGS__)
/* Takes @core; the message gets "PATH.PROPERTY: " in front, as far as they are not NULL. Returns false. */
bool script_error_take(GError **error, GError *core, const char *path, const char *property);

/* ---- the machine's thread ---------------------------------------------------------------------------- */

typedef bool (*ScriptFunc)(EmuScriptMachine *self, gpointer data, GError **error);
/* Runs @fn on the machine's thread, with the big lock held once there is a machine, and waits. */
bool script_machine_call(EmuScriptMachine *self, ScriptFunc fn, gpointer data, GError **error);
/* The machine with its big lock held, NULL and @error when there is none (any more). *locked says what leave() undoes. */
EmuMachine *script_machine_enter(EmuScriptMachine *self, bool *locked, GError **error);
void script_machine_leave(EmuMachine *machine, bool locked);
bool script_machine_check(EmuScriptMachine *self, GError **error);
/* Builds the board if that has not been done; an error when it cannot be done any more. */
bool script_machine_assemble(EmuScriptMachine *self, GError **error);
/* @fn on the script's context, soon. Any thread, any lock. @fn runs without locks. */
void script_machine_notify(EmuScriptMachine *self, void (*fn)(EmuScriptMachine *self, gpointer data), gpointer data, GDestroyNotify destroy);
/* Waits until @done (called with self->lock held) or the time is up (0: never) or cancelled; callbacks run meanwhile. */
bool script_machine_wait(EmuScriptMachine *self, bool (*done)(EmuScriptMachine *self, gpointer data), gpointer data, gint64 timeout_ms,
                         GCancellable *cancellable, GError **error);
/* False and @error on the machine's own threads, which would wait for themselves. */
bool script_machine_may_wait(EmuScriptMachine *self, GError **error);
void script_machine_wake(EmuScriptMachine *self); /* self->lock held */
EmuScriptMachine *script_machine_of_thread(void);
/* The script's machine that a core machine belongs to. (transfer full) (nullable) */
EmuScriptMachine *script_machine_of(EmuMachine *machine);

/* ---- objects of the tree ------------------------------------------------------------------------------- */

/* The object's machine with its lock held as above; NULL without @error for an object that has none. */
typedef struct {
    EmuScriptMachine *script;
    EmuMachine *machine;
    bool locked;
} ScriptScope;
ScriptScope script_object_enter(gpointer object);
/* Remembers whose it is: of everything that goes out to scripts. Returns @object, with a reference. */
gpointer script_object_adopt(gpointer object, EmuScriptMachine *machine);
void script_scope_leave(ScriptScope *scope);
/* Runs @fn where the CPU's state can be looked at and changed: here while it is parked, else on its own thread. Lock held. */
void script_cpu_do(EmuCpu *cpu, void (*fn)(EmuCpu *cpu, gpointer data), gpointer data);
/* For messages: the path, or the type's name. (transfer full) */
char *script_object_name(gpointer object);

/* ---- running --------------------------------------------------------------------------------------------- */

void script_run_unwatch(EmuScriptMachine *self); /* before the machine goes */
void script_timers_drop(EmuScriptMachine *self);
bool script_run_watch(EmuScriptMachine *self); /* after the machine is made */
EmuScriptStop *script_stop_new(EmuScriptStopReason reason, EmuScriptTrigger *trigger, gint cpu, guint64 pc, const char *message);
/* Stops the machine if it runs, for the reason of @stop (transfer full) unless another came first. Any thread. */
void script_machine_stop_for(EmuScriptMachine *self, EmuScriptStop *stop);

struct _EmuScriptTrigger {
    GObject parent_instance;
    EmuScriptMachine *machine; /* weak pointer */
    EmuScriptStopReason reason;
    guint64 hits;
    bool armed, enabled;
    char *text;
};
typedef struct {
    GObjectClass parent_class;
    /* Machine thread, big lock held. */
    bool (*arm)(EmuScriptTrigger *self, EmuScriptMachine *machine, GError **error);
    void (*disarm)(EmuScriptTrigger *self, EmuScriptMachine *machine);
} EmuScriptTriggerClass;
EmuScriptTrigger *script_trigger_new(GType type, EmuScriptMachine *machine, EmuScriptStopReason reason, char *text);
void script_trigger_fire(EmuScriptTrigger *self, gint cpu, guint64 pc);
/* Arms a trigger for good: takes it, gives it back. */
EmuScriptTrigger *script_trigger_place(EmuScriptMachine *machine, EmuScriptTrigger *trigger, GError **error);
void script_debug_watch(EmuScriptMachine *self);
void script_debug_unwatch(EmuScriptMachine *self);
bool script_trigger_arm(EmuScriptTrigger *self, GError **error);
void script_trigger_disarm(EmuScriptTrigger *self);

/* ---- console.c, monitor.c --------------------------------------------------------------------------------- */

void script_stream_unref(gpointer stream);
void script_event_watch(EmuScriptMachine *self);
void script_event_unwatch(EmuScriptMachine *self);
GType script_event_trigger_get_type(void);
GType script_text_trigger_get_type(void);
/* QMP from C: JSON texts. Machine thread. */
char *script_qmp(EmuScriptMachine *self, const char *command, const char *arguments, GError **error);

char *script_text_from_value(GVariant *value, const char *name, GError **error);
GPtrArray *script_properties_new(GPtrArray *infos); /* of EmuPropertyInfo */
EmuScriptMemory *script_memory_new(EmuScriptMachine *machine, bool io);

G_END_DECLS
