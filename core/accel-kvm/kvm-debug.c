/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Breakpoints, watchpoints and steps (core/cpu/debug.h) by KVM's guest debugging: the processor's four places where it stops. More than these,
 * traces and steps stop after each instruction, and are looked at here.
 *
 * A watchpoint that the processor cannot have, or would not see, goes another way: KVM executes one instruction at a time, and
 * those that may touch memory are executed by the reference interpreter, which knows what it touches. With local APICs in the
 * kernel interrupts are KVM's business all the same: it delivers one before an instruction that it executes itself, and
 * a step ends behind the handler, which nobody has watched then.
 */

#include "kvm-private.h"

#include <string.h>

#define LONGEST_INSN 15
#define TRACE_MAX (64u << 20) /* instructions kept of a trace that nobody fetches */

static bool
debug_is_place_for_processor(const EmuDebugRange *range)
{
    uint64_t size = range->last - range->first + 1;

    return (size == 1 || size == 2 || size == 4 || size == 8) && !(range->first & (size - 1));
}

/* What the lists ask for, as far as the processor can. */
static void
debug_fill(KvmVcpu *v, const EmuDebug *debug)
{
    const EmuKvmFrontend *fe = v->accel->frontend;

    v->n_stops = 0;
    v->too_many = false;
    v->watching = debug->n_watchpoints > EMU_KVM_MAX_STOPS || (debug->n_watchpoints && fe->sees_accesses && !fe->sees_accesses());
    for (unsigned i = 0; i < debug->n_watchpoints; i++) {
        v->watching |= !debug_is_place_for_processor(&debug->watchpoints[i]);
    }
    for (unsigned i = 0; !v->watching && i < debug->n_watchpoints; i++) {
        const EmuDebugRange *range = &debug->watchpoints[i];

        v->stops[v->n_stops++] = (EmuKvmStop){
            .addr = range->first,
            .size = (unsigned)(range->last - range->first + 1),
            .reads = range->access & 1u << EMU_TCG_READ,
        };
    }
    for (unsigned i = 0; i < debug->n_breakpoints; i++) {
        if (i && debug->breakpoints[i] == debug->breakpoints[i - 1]) {
            continue;
        }
        if (v->n_stops == EMU_KVM_MAX_STOPS) {
            v->too_many = true;
            break;
        }
        v->stops[v->n_stops++] = (EmuKvmStop){.addr = debug->breakpoints[i]};
    }
}

static void
debug_apply(KvmVcpu *v, bool step, bool without_stops)
{
    if (!v->accel->frontend->set_debug(v->state, v->fd, v->stops, without_stops ? 0 : v->n_stops, step)) {
        emu_unimp("kvm: CPU %u: guest debugging was refused", emu_cpu_get_index(v->cpu));
    }
    v->stepping = step;
}

void
kvm_debug_changed(KvmAccel *self)
{
    const EmuDebug *debug = emu_machine_get_debug(self->machine);

    for (unsigned i = 0; i < emu_machine_get_n_cpus(self->machine); i++) {
        EmuCpu *cpu = emu_machine_get_cpu(self->machine, i);
        KvmVcpu *v = cpu ? emu_cpu_get_accel_data(cpu) : NULL;

        if (v) {
            debug_fill(v, debug);
            debug_apply(v, v->stepping, false);
            emu_tcg_flush_all(v->state); /* pages that are watched now are I/O to the interpreter */
        }
    }
}

void
kvm_debug_before_run(KvmVcpu *v)
{
    bool over = v->debug->skip && v->at_pc && v->pc == v->debug->skip_pc;
    bool step = v->debug->steps || v->debug->trace || v->too_many || v->watching || over;

    if (v->at_pc && v->debug->trace && v->debug->trace->len < TRACE_MAX) {
        g_array_append_val(v->debug->trace, v->pc);
    }
    if (v->at_pc && !over) {
        v->debug->skip = false;
    }
    if (step != v->stepping || over != v->stepping_over) {
        debug_apply(v, step, over);
        v->stepping_over = over;
    }
    v->at_pc = false;
}

static void
debug_report(KvmVcpu *v, const EmuDebugHit *hit)
{
    v->hit = true;
    emu_cpu_debug_hit(v->cpu, hit);
}

static void
debug_report_access(KvmVcpu *v, const EmuKvmStop *stop)
{
    EmuDebugHit hit = {.kind = EMU_DEBUG_WATCHPOINT, .pc = v->pc, .addr = stop->addr, .size = stop->size, .write = !stop->reads};

    emu_machine_lock(v->accel->machine);
    kvm_vcpu_fetch(v);
    emu_cpu_read_debug(v->cpu, stop->addr, &hit.value, stop->size);
    emu_machine_unlock(v->accel->machine);
    debug_report(v, &hit);
}

/* The halt alone, or behind a port access, whose end KVM does not always report as a step. */
static bool
debug_ends_in_halt(const EmuKvmFrontend *fe, const uint8_t *code, uint64_t n, bool port_access)
{
    return code[n - 1] == fe->halt_insn && (n == 1 || (port_access && fe->is_port_access && fe->is_port_access(code, (unsigned)n - 1)));
}

/* KVM goes on behind a halt that it stepped over. An instruction that waits counts as all steps that are left. */
static void
debug_catch_halt(KvmVcpu *v, uint64_t before)
{
    uint8_t code[1 + LONGEST_INSN];
    uint64_t n = v->pc - before;

    if (n == 0 || n > (v->port_access ? sizeof(code) : 1)) {
        return;
    }
    emu_machine_lock(v->accel->machine);
    kvm_vcpu_fetch(v);
    if (emu_cpu_read_debug(v->cpu, before, code, n) && debug_ends_in_halt(v->accel->frontend, code, n, v->port_access)) {
        v->accel->frontend->set_halted(v->state, v->run);
        v->debug->steps = MIN(v->debug->steps, 1);
    }
    emu_machine_unlock(v->accel->machine);
}

uint64_t
kvm_debug_get_access_pc(KvmVcpu *v)
{
    const EmuKvmFrontend *fe = v->accel->frontend;

    return v->in_kvm && fe->read_pc ? fe->read_pc(v->state, v->fd, v->run) : fe->tcg->get_pc(v->state);
}

/* The bytes of the next instruction, as far as they are mapped. */
static unsigned
debug_read_code(KvmVcpu *v, uint64_t pc, uint8_t *code)
{
    unsigned first = MIN(LONGEST_INSN, 0x1000 - (pc & 0xfff));
    unsigned n = 0;

    emu_machine_lock(v->accel->machine);
    if (emu_cpu_read_debug(v->cpu, pc, code, first)) {
        n = first;
        if (first < LONGEST_INSN && emu_cpu_read_debug(v->cpu, pc + first, code + first, LONGEST_INSN - first)) {
            n = LONGEST_INSN;
        }
    }
    emu_machine_unlock(v->accel->machine);
    return n;
}

static bool
debug_report_breakpoint(KvmVcpu *v, uint64_t pc)
{
    EmuDebugHit hit = {.kind = EMU_DEBUG_BREAKPOINT, .pc = pc};

    if (emu_debug_next_breakpoint(emu_machine_get_debug(v->accel->machine), pc) != pc || (v->debug->skip && v->debug->skip_pc == pc)) {
        return false;
    }
    v->debug->skip = true;
    v->debug->skip_pc = pc;
    debug_report(v, &hit);
    return true;
}

bool
kvm_debug_interpret(KvmVcpu *v)
{
    const EmuKvmFrontend *fe = v->accel->frontend;
    uint8_t code[LONGEST_INSN];
    unsigned n, executed = 0;
    uint64_t pc;
    EmuTcgExit reason;

    if (EMU_CPU_GET_CLASS(v->cpu)->is_halted(v->cpu)) {
        return false;
    }
    kvm_vcpu_fetch(v);
    pc = fe->tcg->get_pc(v->state);
    n = debug_read_code(v, pc, code);
    if (!n || (fe->may_access && !fe->may_access(v->state, code, n))) {
        return false;
    }
    if (debug_report_breakpoint(v, pc)) {
        return true;
    }
    reason = fe->interpret(v->state, v->arch, 1, false, &executed);
    if (reason != EMU_TCG_EXIT_SHUTDOWN && !executed) {
        return false;
    }
    v->debug->skip = v->debug->skip && v->debug->skip_pc != pc;
    if (v->debug->trace && v->debug->trace->len < TRACE_MAX) {
        g_array_append_val(v->debug->trace, pc);
    }
    if (reason == EMU_TCG_EXIT_SHUTDOWN) {
        kvm_vcpu_shutdown(v);
    } else if (v->debug->steps && --v->debug->steps == 0) {
        EmuDebugHit hit = {.kind = EMU_DEBUG_STEP, .pc = fe->tcg->get_pc(v->state)};

        debug_report(v, &hit);
    }
    return true;
}

void
kvm_debug_exit(KvmVcpu *v)
{
    uint64_t before = v->pc;
    uint32_t stops;
    bool stepped;

    v->pc = v->accel->frontend->describe_stop(v->run, &stops, &stepped);
    v->at_pc = true;
    for (unsigned i = 0; i < v->n_stops; i++) {
        if ((stops & 1u << i) && v->stops[i].size) {
            debug_report_access(v, &v->stops[i]);
        }
    }
    if (stepped) {
        debug_catch_halt(v, before);
    }
    v->port_access = false;
    if (stepped && v->debug->steps && --v->debug->steps == 0) {
        EmuDebugHit hit = {.kind = EMU_DEBUG_STEP, .pc = v->pc};

        debug_report(v, &hit);
    }
    debug_report_breakpoint(v, v->pc);
}
