/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Guest memory and ports. */

#include <emu/script/types.h>

G_BEGIN_DECLS

#define EMU_SCRIPT_TYPE_MEMORY (emu_script_memory_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuScriptMemory, emu_script_memory, EMU_SCRIPT, MEMORY, GObject)
EMU_AVAILABLE_IN_1_0 const char *emu_script_memory_get_name(EmuScriptMemory *self);
EMU_AVAILABLE_IN_1_0 const guint8 *emu_script_memory_read(EmuScriptMemory *self, guint64 address, gsize size, gsize *n_data, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_memory_write(EmuScriptMemory *self, guint64 address, const guint8 *data, gsize n_data, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_memory_load(EmuScriptMemory *self, guint64 address, guint size, gboolean big_endian, guint64 *value, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_memory_store(EmuScriptMemory *self, guint64 address, guint size, gboolean big_endian, guint64 value, GError **error);
EMU_AVAILABLE_IN_1_0 gint64 emu_script_memory_find(EmuScriptMemory *self, guint64 address, guint64 size, const guint8 *pattern, gsize n_pattern, GError **error);
EMU_AVAILABLE_IN_1_0 char *emu_script_memory_describe(EmuScriptMemory *self, GError **error);

G_END_DECLS
