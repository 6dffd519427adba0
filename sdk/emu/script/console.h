/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The script's end of a serial line, or of whatever else has a character device. */

#include <emu/script/types.h>

G_BEGIN_DECLS

#define EMU_SCRIPT_TYPE_CONSOLE (emu_script_console_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuScriptConsole, emu_script_console, EMU_SCRIPT, CONSOLE, GObject)
EMU_AVAILABLE_IN_1_0 const char *emu_script_console_get_id(EmuScriptConsole *self);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_console_send(EmuScriptConsole *self, const guint8 *data, gsize n_data, GError **error);
EMU_AVAILABLE_IN_1_0 char *emu_script_console_get_text(EmuScriptConsole *self);
EMU_AVAILABLE_IN_1_0 guint8 *emu_script_console_read(EmuScriptConsole *self, gsize *n_data);
EMU_AVAILABLE_IN_1_0 char **emu_script_console_expect(EmuScriptConsole *self, const char *pattern, gint64 timeout_ms, GCancellable *cancellable, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_script_console_expect_async(EmuScriptConsole *self, const char *pattern, gint64 timeout_ms, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
EMU_AVAILABLE_IN_1_0 char **emu_script_console_expect_finish(EmuScriptConsole *self, GAsyncResult *result, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_console_link(EmuScriptConsole *self, EmuScriptConsole *other, GError **error);

G_END_DECLS
