/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The monitors of a machine; the tables of QMP. Main thread, big lock held. */

#include "monitor/json.h"
#include "monitor/qmp-types.h"

#include <emu/chardev.h>

G_BEGIN_DECLS

/* ---- generated tables ------------------------------------------------------------------------------- */
typedef struct {
    const char *name;
    /* {} or the result; NULL and @error. @arguments: as unpacked by @args; @object: as they came. */
    JsonNode *(*call)(EmuQmpCall *call, gpointer arguments, JsonObject *object, GError **error);
    const EmuQmpType *args; /* NULL: takes none, or is raw */
    bool raw;               /* checks its arguments itself */
    bool allow_oob;
} EmuQmpCommand;
extern const EmuQmpCommand emu_qmp_commands[];
extern const unsigned emu_qmp_n_commands;
extern const char *const emu_qmp_event_names[];
extern const char emu_qmp_schema_json[];

const EmuQmpCommand *emu_qmp_command_find(const char *name);
/* Unpacks, checks, calls. @arguments may be NULL. (transfer full) */
JsonNode *emu_qmp_dispatch(const EmuQmpCommand *command, EmuQmpCall *call, JsonObject *arguments, GError **error);

/* A JSON value as the text of a property. (transfer full) */
char *emu_qmp_property_text(JsonNode *node);
JsonNode *emu_qmp_property_node(const char *type, const char *text);
/* A property's value in the JSON type that fits. (transfer full) */
JsonNode *emu_qmp_property_value(gpointer object, const char *name, GError **error);

/* ---- the machine's monitors ---------------------------------------------------------------------------- */
typedef enum { EMU_MONITOR_READLINE, EMU_MONITOR_CONTROL } EmuMonitorMode;

EmuMonitors *emu_machine_get_monitors(EmuMachine *machine); /* made on first use */
void emu_machine_close_monitors(EmuMachine *machine);
EmuMachine *emu_monitors_get_machine(EmuMonitors *self);
/* A new monitor on @chardev. */
EmuMonitor *emu_monitors_add(EmuMonitors *self, EmuChardev *chardev, EmuMonitorMode mode, bool pretty, GError **error);
void emu_monitors_remove(EmuMonitors *self, EmuMonitor *monitor);
/* Takes @data, which may be NULL. */
void emu_monitors_send_event(EmuMonitors *self, const char *name, JsonNode *data, bool throttle);
/* Events also as a GObject-free hook, for tests and other front ends. */
typedef void (*EmuMonitorEventFunc)(gpointer opaque, JsonNode *event);
void emu_monitors_set_event_func(EmuMonitors *self, EmuMonitorEventFunc fn, gpointer opaque);

/* What @object and all below it tell about @topic (info.h). */
void emu_info_describe(EmuObject *object, const char *topic, GString *out);

/* ---- one monitor --------------------------------------------------------------------------------------- */
typedef struct _EmuHmpSession EmuHmpSession;
typedef struct _EmuQmpSession EmuQmpSession;

void emu_monitor_write(EmuMonitor *self, const char *text, gsize len);

/* qmp-session.c: the protocol; knows no chardev. */
typedef void (*EmuSessionWriteFunc)(gpointer opaque, const char *text, gsize len);
EmuQmpSession *emu_qmp_session_new(EmuMonitors *monitors, EmuMonitor *monitor, bool pretty, EmuSessionWriteFunc write, gpointer opaque);
void emu_qmp_session_free(EmuQmpSession *self);
void emu_qmp_session_open(EmuQmpSession *self);  /* greets; negotiation begins anew */
void emu_qmp_session_close(EmuQmpSession *self);
void emu_qmp_session_feed(EmuQmpSession *self, const char *data, gsize len);
void emu_qmp_session_event(EmuQmpSession *self, JsonNode *event);
/* For qmp_capabilities. */
bool emu_qmp_session_negotiate(EmuQmpSession *self, bool oob, GError **error);

/* readline.c: line editing; knows no commands. */
typedef struct _EmuReadline EmuReadline;
typedef struct {
    void (*write)(gpointer opaque, const char *text, gsize len);
    void (*line)(gpointer opaque, const char *line);
    /* What may stand in place of the last word of @text: (transfer full) (element-type utf8), and how much of the end
     * of @text they replace. */
    GPtrArray *(*complete)(gpointer opaque, const char *text, gsize *replaces);
} EmuReadlineOps;
EmuReadline *emu_readline_new(const EmuReadlineOps *ops, gpointer opaque, const char *prompt);
void emu_readline_free(EmuReadline *self);
void emu_readline_start(EmuReadline *self); /* shows the prompt */
void emu_readline_feed(EmuReadline *self, const char *data, gsize len);

G_END_DECLS
