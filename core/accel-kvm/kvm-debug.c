/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Breakpoints, watchpoints and steps (core/cpu/debug.h) by KVM's guest debugging: the processor's four places where it stops. More than these,
 * traces and steps stop after each instruction, and are looked at here.
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
    v->n_stops = 0;
    v->too_many = false;
    for (unsigned i = 0; i < debug->n_watchpoints; i++) {
        const EmuDebugRange *range = &debug->watchpoints[i];

        if (v->n_stops == EMU_KVM_MAX_STOPS || !debug_is_place_for_processor(range)) {
            emu_warn_report("kvm: a watchpoint at 0x%" G_GINT64_MODIFIER "x has no effect: KVM has %u of 1, 2, 4 or 8 aligned bytes", range->first,
                            EMU_KVM_MAX_STOPS);
            continue;
        }
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
        }
    }
}

void
kvm_debug_before_run(KvmVcpu *v)
{
    bool over = v->debug->skip && v->at_pc && v->pc == v->debug->skip_pc;
    bool step = v->debug->steps || v->debug->trace || v->too_many || over;

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

/*
 * KVM goes on behind a halt that it stepped over. An instruction that waits counts as all steps that are left. The one before may have been a
 * port access, whose end KVM does not always report as a step.
 */
static void
debug_catch_halt(KvmVcpu *v, uint64_t before)
{
    uint8_t code = 0;

    if (v->pc <= before || v->pc > before + 2 * LONGEST_INSN) {
        return;
    }
    emu_machine_lock(v->accel->machine);
    kvm_vcpu_fetch(v);
    if (emu_cpu_read_debug(v->cpu, v->pc - 1, &code, 1) && code == v->accel->frontend->halt_insn) {
        v->accel->frontend->set_halted(v->state, v->run);
        v->debug->steps = MIN(v->debug->steps, 1);
    }
    emu_machine_unlock(v->accel->machine);
}

void
kvm_debug_exit(KvmVcpu *v)
{
    const EmuDebug *debug = emu_machine_get_debug(v->accel->machine);
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
    if (stepped && v->debug->steps && --v->debug->steps == 0) {
        EmuDebugHit hit = {.kind = EMU_DEBUG_STEP, .pc = v->pc};

        debug_report(v, &hit);
    }
    if (emu_debug_next_breakpoint(debug, v->pc) == v->pc && !(v->debug->skip && v->debug->skip_pc == v->pc)) {
        EmuDebugHit hit = {.kind = EMU_DEBUG_BREAKPOINT, .pc = v->pc};

        v->debug->skip = true;
        v->debug->skip_pc = v->pc;
        debug_report(v, &hit);
    }
}
