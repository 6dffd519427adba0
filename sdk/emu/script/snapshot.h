/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* States of a machine in memory, its screen, and timers. */

#include <emu/script/machine.h>

G_BEGIN_DECLS

#define EMU_SCRIPT_TYPE_SNAPSHOT (emu_script_snapshot_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuScriptSnapshot, emu_script_snapshot, EMU_SCRIPT, SNAPSHOT, GObject)
EMU_AVAILABLE_IN_1_0 EmuScriptSnapshot *emu_script_snapshot_new(EmuScriptMachine *machine, const char *name, EmuScriptSnapshot *like, GCancellable *cancellable, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_snapshot_restore(EmuScriptSnapshot *self, GCancellable *cancellable, GError **error);
EMU_AVAILABLE_IN_1_0 const char *emu_script_snapshot_get_name(EmuScriptSnapshot *self);
EMU_AVAILABLE_IN_1_0 gint64 emu_script_snapshot_get_virtual_ns(EmuScriptSnapshot *self);
EMU_AVAILABLE_IN_1_0 guint64 emu_script_snapshot_get_size(EmuScriptSnapshot *self);
EMU_AVAILABLE_IN_1_0 guint8 *emu_script_snapshot_get_devices(EmuScriptSnapshot *self, gsize *n_data);

#define EMU_SCRIPT_TYPE_SCREEN (emu_script_screen_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuScriptScreen, emu_script_screen, EMU_SCRIPT, SCREEN, GObject)
EMU_AVAILABLE_IN_1_0 EmuScriptScreen *emu_script_screen_new(EmuScriptMachine *machine, guint index, GError **error);
EMU_AVAILABLE_IN_1_0 guint8 *emu_script_screen_get_pixels(EmuScriptScreen *self, guint *width, guint *height, gsize *n_data, GError **error);
EMU_AVAILABLE_IN_1_0 char *emu_script_screen_get_text(EmuScriptScreen *self, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_screen_save_png(EmuScriptScreen *self, const char *path, GError **error);

#define EMU_SCRIPT_TYPE_TIMER (emu_script_timer_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuScriptTimer, emu_script_timer, EMU_SCRIPT, TIMER, GObject)
/**
 * EmuScriptTimerFunc:
 * @timer: the timer
 * @user_data: (closure): what was given with it
 *
 * Called when virtual time has come to the timer's, on the machine's thread with its lock held: before the guest sees a later
 * time. It may set the timer again.
 */
typedef void (*EmuScriptTimerFunc)(EmuScriptTimer *timer, gpointer user_data);
EMU_AVAILABLE_IN_1_0 EmuScriptTimer *emu_script_timer_new(EmuScriptMachine *machine, EmuScriptTimerFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_timer_set(EmuScriptTimer *self, gint64 delay_ns, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_script_timer_cancel(EmuScriptTimer *self);
EMU_AVAILABLE_IN_1_0 gint64 emu_script_timer_get_expires_ns(EmuScriptTimer *self);

G_END_DECLS
