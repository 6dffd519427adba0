/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Breakpoints, watchpoints and steps.
 *
 * Without any of them nothing here runs. A breakpoint is a place where no block begins: blocks end before it, so that all
 * ways to it lead through the dispatcher, which looks here. A page with a watchpoint is I/O for the TLB: every access takes
 * the interpreter's way through the address space. Steps and traces are the interpreter's.
 */

#include "tcg-private.h"

#include "translate.h"

#include <string.h>

#define TRACE_MAX (64u << 20) /* instructions kept of a trace that nobody fetches */

bool
tcg_debug_stops(EmuTcgVcpu *v, uint64_t pc)
{
    EmuCpuDebug *debug = v->debug;
    EmuDebugHit hit = {.kind = EMU_DEBUG_BREAKPOINT, .pc = pc};

    if (emu_debug_next_breakpoint(tcg_debug(v), pc) != pc || (debug->skip && debug->skip_pc == pc)) {
        return false;
    }
    debug->skip = true;
    debug->skip_pc = pc;
    emu_cpu_debug_hit(v->cpu, &hit);
    return true;
}

bool
tcg_debug_wants_interp(const EmuTcgVcpu *v)
{
    return v->debug->steps || v->debug->trace || (tcg_debug(v)->n_breakpoints && v->machine->mode == TCG_MODE_INTERP);
}

/* One step fewer; true when they are done. */
static bool
debug_count_step(EmuTcgVcpu *v)
{
    EmuDebugHit hit = {.kind = EMU_DEBUG_STEP, .pc = v->fe->get_pc(v->state)};

    if (v->debug->steps == 0 || --v->debug->steps > 0) {
        return false;
    }
    emu_cpu_debug_hit(v->cpu, &hit);
    return true;
}

bool
tcg_debug_halted(EmuTcgVcpu *v)
{
    /* An instruction that waits counts as all steps that are left. */
    if (v->debug->steps) {
        v->debug->steps = 1;
    }
    return debug_count_step(v);
}

EmuTcgExit
tcg_debug_execute(EmuTcgVcpu *v)
{
    EmuTcgState *s = v->state;

    while (!__atomic_load_n(&s->exit_request, __ATOMIC_RELAXED)) {
        uint64_t pc = v->fe->get_pc(s);
        unsigned executed = 0;
        EmuTcgExit reason;

        if (tcg_debug(v)->n_breakpoints && tcg_debug_stops(v, pc)) {
            return EMU_TCG_EXIT_DEBUG;
        }
        v->debug->skip = v->debug->skip && v->debug->skip_pc != pc;
        if (v->debug->trace && v->debug->trace->len < TRACE_MAX) {
            g_array_append_val(v->debug->trace, pc);
        }
        reason = v->fe->interp(s, 1, &executed);
        v->n_interp++;
        if (executed && debug_count_step(v)) {
            return EMU_TCG_EXIT_DEBUG;
        }
        if (reason != EMU_TCG_EXIT_NONE && reason != EMU_TCG_EXIT_MODE) {
            return reason;
        }
        if (v->fe->interrupt_wanted(s)) {
            return EMU_TCG_EXIT_NONE;
        }
    }
    return EMU_TCG_EXIT_NONE;
}

void
tcg_debug_access(EmuTcgVcpu *v, uint64_t vaddr, unsigned size, bool write, const void *data)
{
    EmuDebugHit hit = {.kind = EMU_DEBUG_WATCHPOINT, .addr = vaddr, .size = size, .write = write};

    if (emu_debug_is_watched(tcg_debug(v), vaddr, vaddr + (size - 1), 1u << (write ? EMU_TCG_WRITE : EMU_TCG_READ))) {
        hit.pc = v->fe->get_pc(v->state);
        memcpy(&hit.value, data, MIN(size, sizeof(hit.value)));
        emu_cpu_debug_hit(v->cpu, &hit);
    }
}

void
tcg_debug_changed(TcgMachine *m)
{
    tcg_translator_drop(m);
    for (unsigned i = 0; i < m->vcpus->len; i++) {
        EmuTcgVcpu *v = g_ptr_array_index(m->vcpus, i);

        emu_tcg_flush_all(v->state);
    }
}
