/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Records of accesses and levels. */

#include <emu/script/trigger.h>

G_BEGIN_DECLS

#define EMU_SCRIPT_TYPE_TAP (emu_script_tap_get_type())
#define EMU_SCRIPT_TAP(o) (G_TYPE_CHECK_INSTANCE_CAST((o), EMU_SCRIPT_TYPE_TAP, EmuScriptTap))
#define EMU_SCRIPT_IS_TAP(o) (G_TYPE_CHECK_INSTANCE_TYPE((o), EMU_SCRIPT_TYPE_TAP))
typedef struct _EmuScriptTap EmuScriptTap;
typedef struct _EmuScriptTapClass EmuScriptTapClass;
EMU_AVAILABLE_IN_1_0 GType emu_script_tap_get_type(void);
EMU_AVAILABLE_IN_1_0 EmuScriptTap *emu_script_tap_new(EmuScriptMachine *machine, const char *space, guint64 address, guint64 size, const char *access, gboolean stops, GError **error);
EMU_AVAILABLE_IN_1_0 EmuScriptTap *emu_script_tap_new_line(EmuScriptMachine *machine, EmuLine *line, gboolean stops, GError **error);
EMU_AVAILABLE_IN_1_0 guint8 *emu_script_tap_take(EmuScriptTap *self, gsize *n_data);
EMU_AVAILABLE_IN_1_0 guint64 emu_script_tap_get_lost(EmuScriptTap *self);

G_END_DECLS
