/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Raising and delivering exceptions and interrupts: what combines to a double fault, what ends in
 * shutdown (SDM 3A 6.15), which requests are taken when.
 */

#include "x86-interp.h"

void
x86_unwind(X86State *s, int why)
{
    _longjmp(*s->interp->unwind, why);
}

void
x86_raise(X86State *s, int vector, uint32_t error_code)
{
    s->exception = vector;
    s->has_error_code = 1;
    s->exception_is_soft = 0;
    s->error_code = error_code;
    x86_unwind(s, X86_UNWIND_EXCEPTION);
}

void
x86_raise_plain(X86State *s, int vector)
{
    s->exception = vector;
    s->has_error_code = 0;
    s->exception_is_soft = 0;
    s->error_code = 0;
    x86_unwind(s, X86_UNWIND_EXCEPTION);
}

/* Classes of SDM 3A table 6-4. */
static unsigned
exception_class(int vector)
{
    switch (vector) {
    case X86_EXC_DE:
    case X86_EXC_TS:
    case X86_EXC_NP:
    case X86_EXC_SS:
    case X86_EXC_GP:
        return 1; /* contributory */
    case X86_EXC_PF:
        return 2;
    case X86_EXC_DF:
        return 3;
    default:
        return 0; /* benign */
    }
}

static bool
is_fault(int vector)
{
    switch (vector) {
    case X86_EXC_DB: /* its RF is the debugger's business */
    case X86_EXC_NMI:
    case X86_EXC_BP:
    case X86_EXC_OF:
    case X86_EXC_DF:
    case X86_EXC_MC:
        return false;
    default:
        return true;
    }
}

static void
after_delivery(X86State *s)
{
    s->rip = s->interp->next_rip;
    s->halted = 0;
    s->shadow = 0;
    x86_update_mode(s);
}

/* A task whose T bit is set traps before its first instruction, here when a task gate led to it. */
static bool
task_trap(X86State *s)
{
    if (!(s->interp->dr6_hit & X86_DR6_BT)) {
        return false;
    }
    s->interp->dr6_hit = 0;
    x86_set_dr6(s, X86_DR6_BT);
    s->exception = X86_EXC_DB;
    s->has_error_code = 0;
    s->exception_is_soft = 0;
    return true;
}

/* Runs x86_interrupt() with a handler of its own; false when it faulted: the fault is recorded. */
static bool
try_interrupt(X86State *s, unsigned vector, bool has_error, uint32_t error)
{
    jmp_buf here, *outer = s->interp->unwind;
    bool done = false;

    s->interp->unwind = &here;
    if (_setjmp(here) == 0) {
        if (s->hooks && s->hooks->log_interrupt) {
            s->hooks->log_interrupt(s, vector, false, has_error, error);
        }
        x86_interrupt(s, vector, false, has_error, error, s->rip);
        s->interp->unwind = outer;
        done = true;
    } else {
        s->interp->unwind = outer;
        switch (s->exception) {
        case X86_EXC_TS:
        case X86_EXC_NP:
        case X86_EXC_SS:
        case X86_EXC_GP:
            s->error_code |= 1; /* EXT: met while delivering an event */
            break;
        }
    }
    return done;
}

EmuTcgExit
x86_deliver(X86State *s)
{
    int first = -1;

    for (;;) {
        int vector = s->exception;
        uint32_t error = s->error_code;
        bool has_error = s->has_error_code;

        if (vector == X86_EXC_PF) {
            s->cr2 = s->exception_cr2; /* also of one that makes a double fault (SDM 3A 6.15, #PF) */
        }
        if (first >= 0) {
            unsigned a = exception_class(first), b = exception_class(vector);

            if (a == 3 && b != 0) {
                s->exception = -1;
                return EMU_TCG_EXIT_SHUTDOWN;
            }
            if ((a == 1 && b == 1) || (a == 2 && b != 0)) {
                vector = X86_EXC_DF;
                error = 0;
                has_error = true;
            }
        }
        s->exception = -1;
        if (vector == X86_EXC_DB) {
            s->dr[7] &= ~(uint64_t)X86_DR7_GD;
            s->debugctl &= ~(uint64_t)X86_DEBUGCTL_BTF;
        }
        if (is_fault(vector)) {
            s->eflags |= X86_RF;
        }
        if (try_interrupt(s, (unsigned)vector, has_error && (s->cr0 & X86_CR0_PE), error)) {
            after_delivery(s);
            if (!task_trap(s)) {
                return EMU_TCG_EXIT_NONE;
            }
            first = -1;
            continue;
        }
        first = vector;
    }
}

EmuTcgExit
x86_deliver_vector(X86State *s, unsigned vector)
{
    if (!try_interrupt(s, vector, false, 0)) {
        return x86_deliver(s);
    }
    after_delivery(s);
    return task_trap(s) ? x86_deliver(s) : EMU_TCG_EXIT_MODE;
}

EmuTcgExit
x86_raise_recorded(EmuTcgState *tcg)
{
    return x86_deliver((X86State *)tcg);
}

bool
x86_interrupt_wanted(EmuTcgState *tcg)
{
    X86State *s = (X86State *)tcg;
    uint32_t req = __atomic_load_n(&s->interrupt_request, __ATOMIC_ACQUIRE);

    if (req == 0) {
        return false;
    }
    if (s->wait_sipi) {
        return req & (X86_REQ_SIPI | X86_REQ_INIT);
    }
    /* Both wait for RSM. */
    if ((req & (X86_REQ_INIT | X86_REQ_SMI)) && !s->in_smm) {
        return true;
    }
    if ((req & X86_REQ_NMI) && !s->nmi_blocked && !s->shadow) {
        return true;
    }
    return (req & X86_REQ_HARD) && (s->eflags & X86_IF) && !s->shadow;
}

bool
x86_has_work(EmuTcgState *tcg)
{
    X86State *s = (X86State *)tcg;

    return !s->halted || x86_interrupt_wanted(tcg);
}

static void
clear_request(X86State *s, uint32_t bit)
{
    __atomic_fetch_and(&s->interrupt_request, ~bit, __ATOMIC_SEQ_CST);
}

/*
 * X86_REQ_HARD mirrors the output of the LAPIC or the 8259: the system half raises and lowers it,
 * acknowledge() included.  The other requests are events and cleared here.
 */
EmuTcgExit
x86_deliver_interrupt(EmuTcgState *tcg)
{
    X86State *s = (X86State *)tcg;
    uint32_t req = __atomic_load_n(&s->interrupt_request, __ATOMIC_ACQUIRE);
    unsigned vector;

    if ((req & X86_REQ_INIT) && !s->in_smm) {
        bool bsp = s->apic_base & 0x100;

        /* A SIPI that follows on its heels stays pending. */
        clear_request(s, X86_REQ_INIT);
        x86_init(s);
        if (!bsp) {
            s->wait_sipi = 1;
            s->halted = 1;
            return EMU_TCG_EXIT_HALT;
        }
        return EMU_TCG_EXIT_MODE;
    }
    if (s->wait_sipi) {
        if (req & X86_REQ_SIPI) {
            clear_request(s, X86_REQ_SIPI);
            x86_sipi(s, (uint8_t)s->sipi_vector);
            return EMU_TCG_EXIT_MODE;
        }
        return EMU_TCG_EXIT_HALT;
    }
    if (req & X86_REQ_SIPI) {
        clear_request(s, X86_REQ_SIPI); /* ignored unless waiting */
    }
    if ((req & X86_REQ_SMI) && !s->in_smm) {
        clear_request(s, X86_REQ_SMI);
        x86_smm_enter(s);
        return EMU_TCG_EXIT_MODE;
    }
    if ((req & X86_REQ_NMI) && !s->nmi_blocked && !s->shadow) {
        clear_request(s, req & X86_REQ_NMI_AGAIN ? X86_REQ_NMI_AGAIN : X86_REQ_NMI);
        vector = X86_EXC_NMI;
    } else if ((req & X86_REQ_HARD) && (s->eflags & X86_IF) && !s->shadow) {
        int v = -1;

        if (s->hooks && s->hooks->acknowledge) {
            v = s->hooks->acknowledge(s);
        } else {
            clear_request(s, X86_REQ_HARD);
        }
        if (v < 0) {
            return EMU_TCG_EXIT_NONE;
        }
        vector = (unsigned)v;
    } else {
        return EMU_TCG_EXIT_NONE;
    }
    if (!try_interrupt(s, vector, false, 0)) {
        return x86_deliver(s);
    }
    if (vector == X86_EXC_NMI) {
        s->nmi_blocked = 1;
    }
    after_delivery(s);
    return task_trap(s) ? x86_deliver(s) : EMU_TCG_EXIT_MODE;
}
