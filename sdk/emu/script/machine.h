/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A machine: configured, built, run, asked, closed. */

#include <emu/script/console.h>
#include <emu/script/memory.h>
#include <emu/script/object.h>
#include <emu/script/trigger.h>

G_BEGIN_DECLS

#define EMU_SCRIPT_TYPE_MACHINE (emu_script_machine_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuScriptMachine, emu_script_machine, EMU_SCRIPT, MACHINE, GObject)

/* ---- configuration --------------------------------------------------------------------------- */
EMU_AVAILABLE_IN_1_0 EmuScriptMachine *emu_script_machine_new(const char *board, GError **error);
EMU_AVAILABLE_IN_1_0 EmuScriptMachine *emu_script_machine_new_from_argv(const char *const *argv, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_machine_add_option(EmuScriptMachine *self, const char *name, const char *value, GError **error);
EMU_AVAILABLE_IN_1_0 char **emu_script_machine_get_argv(EmuScriptMachine *self);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_machine_realize(EmuScriptMachine *self, GCancellable *cancellable, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_script_machine_realize_async(EmuScriptMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_machine_realize_finish(EmuScriptMachine *self, GAsyncResult *result, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_machine_is_realized(EmuScriptMachine *self);
EMU_AVAILABLE_IN_1_0 void emu_script_machine_close(EmuScriptMachine *self);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_machine_is_closed(EmuScriptMachine *self);

/* ---- running --------------------------------------------------------------------------------- */
EMU_AVAILABLE_IN_1_0 gboolean emu_script_machine_start(EmuScriptMachine *self, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_machine_pause(EmuScriptMachine *self, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_machine_reset(EmuScriptMachine *self, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_machine_powerdown(EmuScriptMachine *self, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_machine_is_running(EmuScriptMachine *self);
EMU_AVAILABLE_IN_1_0 const char *emu_script_machine_get_state(EmuScriptMachine *self);
EMU_AVAILABLE_IN_1_0 gint emu_script_machine_get_exit_status(EmuScriptMachine *self);
EMU_AVAILABLE_IN_1_0 EmuScriptStop *emu_script_machine_get_last_stop(EmuScriptMachine *self);
EMU_AVAILABLE_IN_1_0 EmuScriptStop *emu_script_machine_run(EmuScriptMachine *self, EmuScriptTrigger **until, gsize n_until, gint64 timeout_ms, GCancellable *cancellable, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_script_machine_run_async(EmuScriptMachine *self, EmuScriptTrigger **until, gsize n_until, gint64 timeout_ms, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
EMU_AVAILABLE_IN_1_0 EmuScriptStop *emu_script_machine_run_finish(EmuScriptMachine *self, GAsyncResult *result, GError **error);

/* ---- parts ----------------------------------------------------------------------------------- */
EMU_AVAILABLE_IN_1_0 guint emu_script_machine_get_n_cpus(EmuScriptMachine *self);
EMU_AVAILABLE_IN_1_0 EmuCpu *emu_script_machine_get_cpu(EmuScriptMachine *self, guint index, GError **error);
EMU_AVAILABLE_IN_1_0 EmuScriptMemory *emu_script_machine_get_memory(EmuScriptMachine *self);
EMU_AVAILABLE_IN_1_0 EmuScriptMemory *emu_script_machine_get_io(EmuScriptMachine *self);
EMU_AVAILABLE_IN_1_0 EmuObject *emu_script_machine_lookup(EmuScriptMachine *self, const char *path, GError **error);
EMU_AVAILABLE_IN_1_0 EmuScriptConsole *emu_script_machine_get_console(EmuScriptMachine *self, const char *id, GError **error);
EMU_AVAILABLE_IN_1_0 char **emu_script_machine_list_consoles(EmuScriptMachine *self);
EMU_AVAILABLE_IN_1_0 EmuDevice *emu_script_machine_add_device(EmuScriptMachine *self, const char *type, GVariant *properties, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_machine_remove_device(EmuScriptMachine *self, EmuDevice *device, GError **error);

/* ---- time ------------------------------------------------------------------------------------ */
EMU_AVAILABLE_IN_1_0 gint64 emu_script_machine_get_virtual_ns(EmuScriptMachine *self);

/* ---- monitors -------------------------------------------------------------------------------- */
EMU_AVAILABLE_IN_1_0 char *emu_script_machine_qmp(EmuScriptMachine *self, const char *command, const char *arguments, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_script_machine_qmp_async(EmuScriptMachine *self, const char *command, const char *arguments, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
EMU_AVAILABLE_IN_1_0 char *emu_script_machine_qmp_finish(EmuScriptMachine *self, GAsyncResult *result, GError **error);
EMU_AVAILABLE_IN_1_0 char *emu_script_machine_hmp(EmuScriptMachine *self, const char *command_line, GError **error);
EMU_AVAILABLE_IN_1_0 char *emu_script_machine_next_event(EmuScriptMachine *self, const char *const *names, gint64 timeout_ms, GCancellable *cancellable, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_script_machine_next_event_async(EmuScriptMachine *self, const char *const *names, gint64 timeout_ms, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
EMU_AVAILABLE_IN_1_0 char *emu_script_machine_next_event_finish(EmuScriptMachine *self, GAsyncResult *result, GError **error);

G_END_DECLS
