/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* CPUs, for scripts. */

#include "script/script-private.h"

#include "cpu/cpu-private.h"
#include <inttypes.h>
#include <string.h>

typedef struct {
    guint64 address;
    guint8 *data;
    gsize size;
    bool write, ok;
    char *text;
} CpuCall;

void
script_cpu_do(EmuCpu *cpu, void (*fn)(EmuCpu *cpu, gpointer data), gpointer data)
{
    if (emu_cpu_is_stopped(cpu)) {
        fn(cpu, data);
    } else {
        emu_cpu_run_on(cpu, fn, data);
    }
}

/* Runs @fn with the CPU in a state that can be looked at. False and @error when its machine is gone. */
static bool
cpu_call(EmuCpu *self, void (*fn)(EmuCpu *cpu, gpointer data), gpointer data, GError **error)
{
    ScriptScope scope = script_object_enter(self);
    bool ok = scope.machine && emu_cpu_get_state(self);

    if (ok) {
        script_cpu_do(self, fn, data);
    } else {
        script_set_error(error, CLOSED, "/machine.cpu: its machine is closed, or runs no CPU");
    }
    script_scope_leave(&scope);
    return ok;
}

/**
 * emu_script_cpu_get_index:
 * @self: a CPU
 *
 * Its number.
 *
 * Returns: from 0
 */
guint
emu_script_cpu_get_index(EmuCpu *self)
{
    return emu_cpu_get_index(self);
}

static void
cpu_pc_cb(EmuCpu *cpu, gpointer data)
{
    *(guint64 *)data = EMU_CPU_GET_CLASS(cpu)->get_pc ? EMU_CPU_GET_CLASS(cpu)->get_pc(cpu) : 0;
}

/**
 * emu_script_cpu_get_pc:
 * @self: a CPU
 *
 * Where it is.
 *
 * Returns: linear address of the next instruction; 0 when its machine is gone
 */
guint64
emu_script_cpu_get_pc(EmuCpu *self)
{
    guint64 pc = 0;

    cpu_call(self, cpu_pc_cb, &pc, NULL);
    return pc;
}

static void
cpu_describe_cb(EmuCpu *cpu, gpointer data)
{
    EmuCpuClass *klass = EMU_CPU_GET_CLASS(cpu);

    ((CpuCall *)data)->text = klass->describe_registers ? klass->describe_registers(cpu) : g_strdup("");
}

/**
 * emu_script_cpu_describe:
 * @self: a CPU
 * @error: return location
 *
 * All registers as text, as "info registers" prints them.
 *
 * Returns: (transfer full): the text
 */
char *
emu_script_cpu_describe(EmuCpu *self, GError **error)
{
    CpuCall call = {0};

    return cpu_call(self, cpu_describe_cb, &call, error) ? call.text : NULL;
}

static void
cpu_memory_cb(EmuCpu *cpu, gpointer data)
{
    CpuCall *call = data;

    call->ok = call->write ? emu_cpu_write_debug(cpu, call->address, call->data, call->size)
                           : emu_cpu_read_debug(cpu, call->address, call->data, call->size);
}

/**
 * emu_script_cpu_read:
 * @self: a CPU
 * @address: a virtual address
 * @size: how many bytes
 * @n_data: (out): as many
 * @error: return location
 *
 * Reads memory as the CPU sees it now, page tables included, without side effects.
 *
 * Returns: (array length=n_data) (element-type guint8) (transfer full): the bytes
 */
guint8 *
emu_script_cpu_read(EmuCpu *self, guint64 address, gsize size, gsize *n_data, GError **error)
{
    CpuCall call = {.address = address, .size = size};

    *n_data = 0;
    call.data = size > (1u << 30) ? NULL : g_try_malloc(size ? size : 1);
    if (!call.data) {
        script_set_error(error, BAD_VALUE, "/machine.cpu: %zu bytes at once are too many", size);
        return NULL;
    }
    if (!cpu_call(self, cpu_memory_cb, &call, error)) {
        g_free(call.data);
        return NULL;
    }
    if (!call.ok) {
        g_free(call.data);
        script_set_error(error, BAD_ADDRESS, "/machine.cpu: virtual address 0x%" PRIx64 " is not mapped", address);
        return NULL;
    }
    *n_data = size;
    return call.data;
}

/**
 * emu_script_cpu_write:
 * @self: a CPU
 * @address: a virtual address
 * @data: (array length=n_data) (element-type guint8): bytes
 * @n_data: how many
 * @error: return location
 *
 * Writes memory as the CPU sees it now; page protection does not count.
 *
 * Returns: whether all of it is mapped
 */
gboolean
emu_script_cpu_write(EmuCpu *self, guint64 address, const guint8 *data, gsize n_data, GError **error)
{
    CpuCall call = {.address = address, .size = n_data, .data = (guint8 *)data, .write = true};

    if (!cpu_call(self, cpu_memory_cb, &call, error)) {
        return FALSE;
    }
    if (!call.ok) {
        script_set_error(error, BAD_ADDRESS, "/machine.cpu: virtual address 0x%" PRIx64 " is not mapped", address);
    }
    return call.ok;
}

typedef struct {
    guint64 address;
    guint count;
    GPtrArray *lines;
} Disassemble;

static void
cpu_disassemble_cb(EmuCpu *cpu, gpointer data)
{
    Disassemble *dis = data;
    EmuCpuClass *klass = EMU_CPU_GET_CLASS(cpu);
    guint64 at = dis->address;

    while (klass->disas && dis->count-- > 0) {
        uint8_t code[16];
        unsigned avail = sizeof(code), length;
        char text[128];

        while (avail && !emu_cpu_read_debug(cpu, at, code, avail)) {
            avail--;
        }
        if (!avail) {
            break;
        }
        length = klass->disas(cpu, at, code, avail, text, sizeof(text));
        g_ptr_array_add(dis->lines, g_strdup_printf("0x%" PRIx64 ": %s", at, text));
        at += length ? length : 1;
    }
}

/**
 * emu_script_cpu_disassemble:
 * @self: a CPU
 * @address: a virtual address
 * @count: how many instructions
 * @error: return location
 *
 * What is there as instructions, in the CPU's mode of now.
 *
 * Returns: (transfer full) (array zero-terminated=1): "0x7c00: cli" each; fewer where memory ends
 */
char **
emu_script_cpu_disassemble(EmuCpu *self, guint64 address, guint count, GError **error)
{
    Disassemble dis = {address, MIN(count, 100000), g_ptr_array_new_with_free_func(g_free)};

    if (!cpu_call(self, cpu_disassemble_cb, &dis, error)) {
        g_ptr_array_unref(dis.lines);
        return NULL;
    }
    g_ptr_array_set_free_func(dis.lines, NULL);
    g_ptr_array_add(dis.lines, NULL);
    return (char **)g_ptr_array_free(dis.lines, FALSE);
}
