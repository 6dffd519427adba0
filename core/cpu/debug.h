/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Breakpoints, watchpoints and single steps: what debuggers and scripts ask for, and what accelerators look at.
 *
 * The lists are the machine's and change while its vCPUs are parked, so that an accelerator reads them without a lock. It
 * reports what a vCPU meets with emu_cpu_debug_hit(), between two instructions, and returns from run().
 */

#include <emu/cpu.h>

G_BEGIN_DECLS

typedef enum { EMU_DEBUG_BREAKPOINT, EMU_DEBUG_WATCHPOINT, EMU_DEBUG_STEP } EmuDebugKind;

typedef struct {
    EmuDebugKind kind;
    uint64_t pc;
    /* Watchpoints: */
    uint64_t addr, value;
    unsigned size;
    bool write;
} EmuDebugHit;

typedef struct {
    uint64_t first, last; /* virtual addresses */
    unsigned access;      /* bits 1 << EMU_TCG_READ, 1 << EMU_TCG_WRITE */
} EmuDebugRange;

typedef struct _EmuDebug {
    unsigned n_breakpoints, n_watchpoints;
    uint64_t *breakpoints; /* sorted; may hold one twice */
    EmuDebugRange *watchpoints;
    /* Any vCPU's thread, no lock held. */
    void (*hit)(gpointer opaque, EmuCpu *cpu, const EmuDebugHit *hit);
    gpointer opaque;
} EmuDebug;

/* One vCPU's part; its thread's, or anybody's while it is parked. */
typedef struct _EmuCpuDebug {
    uint64_t steps;    /* instructions until EMU_DEBUG_STEP; 0: not stepping */
    GArray *trace;     /* of uint64_t: pc of each instruction; NULL: no trace */
    uint64_t skip_pc;  /* the breakpoint here has been reported: not again before its instruction was executed */
    bool skip;
} EmuCpuDebug;

EmuDebug *emu_machine_get_debug(EmuMachine *machine);
EmuCpuDebug *emu_cpu_get_debug(EmuCpu *cpu);

/* Main thread, big lock held. False and @error when the accelerator has no such thing. */
bool emu_debug_add_breakpoint(EmuMachine *machine, uint64_t pc, GError **error);
void emu_debug_remove_breakpoint(EmuMachine *machine, uint64_t pc);
bool emu_debug_add_watchpoint(EmuMachine *machine, uint64_t addr, uint64_t size, unsigned access, GError **error);
void emu_debug_remove_watchpoint(EmuMachine *machine, uint64_t addr, uint64_t size, unsigned access);

/* The vCPU's thread. */
void emu_cpu_debug_hit(EmuCpu *cpu, const EmuDebugHit *hit);

/* The first breakpoint at or behind @pc; UINT64_MAX: none. */
uint64_t emu_debug_next_breakpoint(const EmuDebug *self, uint64_t pc);
bool emu_debug_is_watched(const EmuDebug *self, uint64_t first, uint64_t last, unsigned access);

G_END_DECLS
