/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* CPUs that are written in a script: a class derived from Emu.Cpu, made known by an Emu.CpuType. */

#include <emu/script/types.h>

G_BEGIN_DECLS

/**
 * EmuScriptCpuRunFunc:
 * @cpu: the CPU
 * @budget: how many instructions at most
 * @user_data: (closure): what was given with it
 *
 * Executes instructions, on the CPU's thread, until the CPU halts or the budget is used up.
 *
 * Returns: how many it has executed; below 0 when it failed and has said so
 */
typedef gint (*EmuScriptCpuRunFunc)(EmuCpu *cpu, guint budget, gpointer user_data);
/**
 * EmuScriptCpuFunc:
 * @cpu: the CPU
 * @user_data: (closure): what was given with it
 *
 * Something that happens to a CPU: its reset, an interrupt.
 */
typedef void (*EmuScriptCpuFunc)(EmuCpu *cpu, gpointer user_data);
/**
 * EmuScriptCpuDisassembleFunc:
 * @cpu: the CPU
 * @address: of an instruction
 * @code: its bytes, and some behind it
 * @user_data: (closure): what was given with it
 *
 * Says what an instruction is.
 *
 * Returns: (nullable) (transfer full): its length and text: "4 add r1, r2"
 */
typedef char *(*EmuScriptCpuDisassembleFunc)(EmuCpu *cpu, guint64 address, GBytes *code, gpointer user_data);

#define EMU_SCRIPT_TYPE_CPU_TYPE (emu_script_cpu_type_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuScriptCpuType, emu_script_cpu_type, EMU_SCRIPT, CPU_TYPE, GObject)
EMU_AVAILABLE_IN_1_0 EmuScriptCpuType *emu_script_cpu_type_new(GType type, const char *name, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_script_cpu_type_set_description(EmuScriptCpuType *self, const char *text);
EMU_AVAILABLE_IN_1_0 void emu_script_cpu_type_set_irqs(EmuScriptCpuType *self, guint number);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_cpu_type_add_register(EmuScriptCpuType *self, const char *name, guint size, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_script_cpu_type_set_run(EmuScriptCpuType *self, EmuScriptCpuRunFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 void emu_script_cpu_type_set_reset(EmuScriptCpuType *self, EmuScriptCpuFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 void emu_script_cpu_type_set_interrupt(EmuScriptCpuType *self, EmuScriptCpuFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 void emu_script_cpu_type_set_disassemble(EmuScriptCpuType *self, EmuScriptCpuDisassembleFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_cpu_type_register(EmuScriptCpuType *self, GError **error);

/* ---- for the CPU itself, on its thread ------------------------------------------------------------------ */
EMU_AVAILABLE_IN_1_0 guint64 emu_script_cpu_get_words(EmuCpu *self);
EMU_AVAILABLE_IN_1_0 guint64 emu_script_cpu_load(EmuCpu *self, guint64 address, guint size);
EMU_AVAILABLE_IN_1_0 void emu_script_cpu_store(EmuCpu *self, guint64 address, guint size, guint64 value);
EMU_AVAILABLE_IN_1_0 void emu_script_cpu_report_exception(EmuCpu *self, const char *text);

G_END_DECLS
