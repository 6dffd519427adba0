/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Objects of the composition tree: properties by name, children, lines, CPUs. */

#include <emu/script/registry.h>

G_BEGIN_DECLS

/* ---- any object ------------------------------------------------------------------------------ */
EMU_AVAILABLE_IN_1_0 char *emu_script_object_get_path(EmuObject *self);
EMU_AVAILABLE_IN_1_0 const char *emu_script_object_get_type_name(EmuObject *self);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_object_is_type(EmuObject *self, const char *type_name);
EMU_AVAILABLE_IN_1_0 GVariant *emu_script_object_get_value(EmuObject *self, const char *name, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_object_set_value(EmuObject *self, const char *name, GVariant *value, GError **error);
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_script_object_list_values(EmuObject *self);
EMU_AVAILABLE_IN_1_0 EmuObject *emu_script_object_get_parent_object(EmuObject *self);
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_script_object_list_children(EmuObject *self);
EMU_AVAILABLE_IN_1_0 EmuObject *emu_script_object_lookup(EmuObject *self, const char *path, GError **error);

/* ---- devices --------------------------------------------------------------------------------- */
EMU_AVAILABLE_IN_1_0 const char *emu_script_device_get_label(EmuDevice *self);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_device_is_realized(EmuDevice *self);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_device_reset(EmuDevice *self, GError **error);
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_script_device_list_lines(EmuDevice *self);
EMU_AVAILABLE_IN_1_0 EmuLine *emu_script_device_get_line(EmuDevice *self, const char *name, guint index, gboolean output, GError **error);
EMU_AVAILABLE_IN_1_0 EmuScriptMachine *emu_script_device_get_machine(EmuDevice *self);
EMU_AVAILABLE_IN_1_0 char **emu_script_device_list_registers(EmuDevice *self);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_device_get_register(EmuDevice *self, const char *name, guint64 *value, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_device_set_register(EmuDevice *self, const char *name, guint64 value, GError **error);
EMU_AVAILABLE_IN_1_0 char *emu_script_device_describe_registers(EmuDevice *self);

/* ---- lines ----------------------------------------------------------------------------------- */
EMU_AVAILABLE_IN_1_0 void emu_script_line_set(EmuLine *self, gint level);
EMU_AVAILABLE_IN_1_0 void emu_script_line_pulse(EmuLine *self);
EMU_AVAILABLE_IN_1_0 gint emu_script_line_get(EmuLine *self);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_line_is_output(EmuLine *self);
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_script_line_list_peers(EmuLine *self);
EMU_AVAILABLE_IN_1_0 void emu_script_line_connect_to(EmuLine *self, EmuLine *input);

/* ---- CPUs ------------------------------------------------------------------------------------ */
EMU_AVAILABLE_IN_1_0 guint emu_script_cpu_get_index(EmuCpu *self);
EMU_AVAILABLE_IN_1_0 guint64 emu_script_cpu_get_pc(EmuCpu *self);
EMU_AVAILABLE_IN_1_0 char *emu_script_cpu_describe(EmuCpu *self, GError **error);
EMU_AVAILABLE_IN_1_0 guint8 *emu_script_cpu_read(EmuCpu *self, guint64 address, gsize size, gsize *n_data, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_cpu_write(EmuCpu *self, guint64 address, const guint8 *data, gsize n_data, GError **error);
EMU_AVAILABLE_IN_1_0 char **emu_script_cpu_disassemble(EmuCpu *self, guint64 address, guint count, GError **error);
EMU_AVAILABLE_IN_1_0 char **emu_script_cpu_list_registers(EmuCpu *self, const char *group);
EMU_AVAILABLE_IN_1_0 guint emu_script_cpu_get_register_size(EmuCpu *self, const char *name, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_cpu_get_register(EmuCpu *self, const char *name, guint64 *value, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_cpu_set_register(EmuCpu *self, const char *name, guint64 value, GError **error);
EMU_AVAILABLE_IN_1_0 guint8 *emu_script_cpu_get_register_bytes(EmuCpu *self, const char *name, gsize *n_data, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_cpu_set_register_bytes(EmuCpu *self, const char *name, const guint8 *data, gsize n_data, GError **error);
EMU_AVAILABLE_IN_1_0 EmuScriptStop *emu_script_cpu_step(EmuCpu *self, guint64 count, GCancellable *cancellable, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_script_cpu_step_async(EmuCpu *self, guint64 count, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
EMU_AVAILABLE_IN_1_0 EmuScriptStop *emu_script_cpu_step_finish(EmuCpu *self, GAsyncResult *result, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_cpu_set_tracing(EmuCpu *self, gboolean on, GError **error);
EMU_AVAILABLE_IN_1_0 guint8 *emu_script_cpu_take_trace(EmuCpu *self, gsize *n_data, GError **error);

G_END_DECLS
