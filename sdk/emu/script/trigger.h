/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a machine stops for. */

#include <emu/script/types.h>

G_BEGIN_DECLS

#define EMU_SCRIPT_TYPE_TRIGGER (emu_script_trigger_get_type())
#define EMU_SCRIPT_TRIGGER(o) (G_TYPE_CHECK_INSTANCE_CAST((o), EMU_SCRIPT_TYPE_TRIGGER, EmuScriptTrigger))
#define EMU_SCRIPT_IS_TRIGGER(o) (G_TYPE_CHECK_INSTANCE_TYPE((o), EMU_SCRIPT_TYPE_TRIGGER))
EMU_AVAILABLE_IN_1_0 GType emu_script_trigger_get_type(void);
EMU_AVAILABLE_IN_1_0 guint64 emu_script_trigger_get_hits(EmuScriptTrigger *self);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_trigger_get_enabled(EmuScriptTrigger *self);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_trigger_set_enabled(EmuScriptTrigger *self, gboolean enabled, GError **error);
EMU_AVAILABLE_IN_1_0 char *emu_script_trigger_describe(EmuScriptTrigger *self);
EMU_AVAILABLE_IN_1_0 void emu_script_trigger_remove(EmuScriptTrigger *self);

EMU_AVAILABLE_IN_1_0 EmuScriptTrigger *emu_script_trigger_new_breakpoint(EmuScriptMachine *machine, guint64 address, gint cpu, GError **error);
EMU_AVAILABLE_IN_1_0 EmuScriptTrigger *emu_script_trigger_new_watchpoint(EmuScriptMachine *machine, guint64 address, guint64 size, const char *access, gint cpu, GError **error);
EMU_AVAILABLE_IN_1_0 guint64 emu_script_trigger_get_address(EmuScriptTrigger *self);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_trigger_get_hit(EmuScriptTrigger *self, guint64 *pc, guint64 *address, guint64 *value, guint *size, gboolean *write);
EMU_AVAILABLE_IN_1_0 EmuScriptTrigger *emu_script_trigger_new_text(EmuScriptMachine *machine, const char *console, const char *pattern, GError **error);
EMU_AVAILABLE_IN_1_0 EmuScriptTrigger *emu_script_trigger_new_time(EmuScriptMachine *machine, gint64 delay_ns, GError **error);
EMU_AVAILABLE_IN_1_0 EmuScriptTrigger *emu_script_trigger_new_event(EmuScriptMachine *machine, const char *name, GError **error);

G_END_DECLS
