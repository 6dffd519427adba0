/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The run loop of one vCPU. */

#include "tcg-private.h"

#include "translate.h"

#define INTERP_BUDGET 4096

/* ---- the loop ------------------------------------------------------------------------------------------ */

static bool
vcpu_is_halted(EmuTcgVcpu *v)
{
    EmuCpuClass *klass = EMU_CPU_GET_CLASS(v->cpu);

    return v->shutdown || (klass->is_halted != NULL && klass->is_halted(v->cpu));
}

/* Sleeps until a kick. */
static void
vcpu_wait(EmuTcgVcpu *v)
{
    pthread_mutex_lock(&v->halt_lock);
    while (!__atomic_load_n(&v->state->exit_request, __ATOMIC_SEQ_CST)) {
        pthread_cond_wait(&v->halt_cond, &v->halt_lock);
    }
    pthread_mutex_unlock(&v->halt_lock);
}

/*
 * Delivery writes a frame, which may fill the TLB: not while another vCPU in an exclusive section looks through it. The big lock comes
 * second, as in a device access: whoever has it must not wait for the end of such a section.
 */
static EmuTcgExit
vcpu_deliver(EmuTcgVcpu *v)
{
    EmuTcgExit reason = EMU_TCG_EXIT_NONE;

    tcg_vcpu_enter(v);
    emu_machine_lock(v->machine->machine);
    if (v->fe->interrupt_wanted(v->state)) {
        reason = v->fe->deliver_interrupt(v->state);
    }
    emu_machine_unlock(v->machine->machine);
    tcg_vcpu_leave(v);
    return reason;
}

/*
 * Runs guest code until something wants this thread: returns with exit_request taken back after
 * each kick, so that the caller looks at its own requests and calls again.
 */
void
tcg_vcpu_run(EmuTcgVcpu *v)
{
    EmuTcgState *s = v->state;
    bool kicked = false;

    for (;;) {
        EmuTcgExit reason = EMU_TCG_EXIT_NONE;

        if (__atomic_exchange_n(&s->exit_request, 0, __ATOMIC_SEQ_CST)) {
            kicked = true;
        }
        if (__atomic_exchange_n(&v->flush_pending, 0, __ATOMIC_SEQ_CST)) {
            tcg_vcpu_enter(v);
            tcg_flush_requested(v);
            tcg_vcpu_leave(v);
        }
        if (!v->shutdown && v->fe->interrupt_wanted(s)) {
            reason = vcpu_deliver(v);
        } else if (kicked) {
            return;
        } else if (vcpu_is_halted(v)) {
            if (tcg_debug_halted(v)) {
                return;
            }
            /* Work that came between the two looks is an interrupt: it is taken before any instruction behind the HLT. */
            if (v->shutdown || !v->fe->has_work(s)) {
                vcpu_wait(v);
            }
            continue;
        } else {
            tcg_vcpu_enter(v);
            if (G_UNLIKELY(tcg_debug_wants_interp(v))) {
                reason = tcg_debug_execute(v);
            } else if (v->machine->mode == TCG_MODE_JIT) {
                reason = tcg_execute(v);
            } else {
                unsigned executed;

                reason = v->fe->interp(s, INTERP_BUDGET, &executed);
                v->n_interp += executed;
            }
            tcg_vcpu_leave(v);
        }

        switch (reason) {
        case EMU_TCG_EXIT_NONE:
        case EMU_TCG_EXIT_HALT:
        case EMU_TCG_EXIT_MODE:
            break;
        case EMU_TCG_EXIT_DEBUG:
            return;
        case EMU_TCG_EXIT_YIELD:
            if (v->machine->vcpus->len > 1) {
                sched_yield();
            }
            break;
        case EMU_TCG_EXIT_SHUTDOWN:
            v->shutdown = true;
            emu_machine_request_reset(v->machine->machine, EMU_SHUTDOWN_CAUSE_GUEST_RESET);
            break;
        }
    }
}
