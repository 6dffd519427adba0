/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Raising and delivering exceptions and interrupts: what combines to a double fault, what ends in
 * shutdown (SDM 3A 6.15), which requests are taken when.
 */

#include "x86-interp.h"
#include "x86-virt.h"

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
    case X86_EXC_CP:
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

/*
 * Runs x86_interrupt() with a handler of its own; false when it faulted: the fault is recorded. What has begun cannot be left to an
 * accelerator.
 */
static bool
try_event(X86State *s, const X86Event *event)
{
    jmp_buf here, *outer = s->interp->unwind;
    volatile uint8_t elsewhere = s->elsewhere;
    bool done = false;

    s->elsewhere = 0;
    s->interp->unwind = &here;
    if (_setjmp(here) == 0) {
        if (s->hooks && s->hooks->log_interrupt) {
            s->hooks->log_interrupt(s, event->vector, event->is_software, event->has_error, event->error);
        }
        x86_virt_delivering(s, event);
        x86_interrupt(s, event->vector, event->is_software, event->has_error, event->error, event->return_rip);
        x86_virt_delivering(s, NULL);
        s->interp->unwind = outer;
        done = true;
    } else {
        s->interp->unwind = outer;
        switch (s->exception) {
        case X86_EXC_TS:
        case X86_EXC_NP:
        case X86_EXC_SS:
        case X86_EXC_GP:
            s->error_code |= event->is_software ? 0 : 1; /* EXT: met while delivering an event */
            break;
        }
    }
    s->elsewhere = elsewhere;
    return done;
}

static bool
try_interrupt(X86State *s, X86EventType type, unsigned vector)
{
    X86Event event = {.type = type, .vector = (uint8_t)vector, .return_rip = s->rip};

    return try_event(s, &event);
}

/* What @vector becomes when it comes up while @first is being delivered: itself, #DF, or -1 for a shutdown. */
static int
combine(int first, int vector)
{
    unsigned a = exception_class(first), b = exception_class(vector);

    if (a == 3 && b != 0) {
        return -1;
    }
    return (a == 1 && b == 1) || (a == 2 && b != 0) ? X86_EXC_DF : vector;
}

/* What an exception does before it is delivered. */
static void
prepare_exception(X86State *s, int vector)
{
    if (vector == X86_EXC_DB) {
        s->dr[7] &= ~(uint64_t)X86_DR7_GD;
        s->debugctl &= ~(uint64_t)X86_DEBUGCTL_BTF;
    }
    if (is_fault(vector)) {
        s->eflags |= X86_RF;
    }
}

/* Into a guest, or out of one. When the event that comes with that faults, *@first is its vector. */
static X86Crossing
cross(X86State *s, int *first)
{
    X86Event event;
    X86Crossing crossing;

    s->exception = -1;
    *first = -1;
    crossing = x86_virt_cross(s, &event);
    if (crossing != X86_CROSSED_WITH_EVENT) {
        return crossing;
    }
    if (event.type == X86_EVENT_EXCEPTION) {
        *first = event.vector;
    }
    if (!try_event(s, &event)) {
        return X86_CROSSED_WITH_EXCEPTION;
    }
    after_delivery(s);
    return X86_CROSSED;
}

EmuTcgExit
x86_deliver(X86State *s)
{
    bool crossed = false;
    int first = -1;

    for (;;) {
        int vector = s->exception;
        X86Event event = {.type = X86_EVENT_EXCEPTION, .has_error = s->has_error_code, .error = s->error_code};

        if (vector != X86_EXC_VIRT && s->virt && s->virt->exception(s, vector, event.has_error, event.error)) {
            vector = X86_EXC_VIRT;
        }
        if (vector == X86_EXC_PF) {
            s->cr2 = s->exception_cr2; /* also of one that makes a double fault (SDM 3A 6.15, #PF) */
        }
        if (vector != X86_EXC_VIRT && first >= 0) {
            int combined = combine(first, vector);

            if (combined < 0) {
                s->exception = -1;
                if (!s->virt || !s->virt->shutdown(s)) {
                    return EMU_TCG_EXIT_SHUTDOWN;
                }
                vector = X86_EXC_VIRT;
            } else if (combined != vector) {
                vector = combined;
                event.error = 0;
                event.has_error = true;
                if (s->virt && s->virt->exception(s, vector, true, 0)) {
                    vector = X86_EXC_VIRT;
                }
            }
        }
        if (vector == X86_EXC_VIRT) {
            crossed = true;
            switch (cross(s, &first)) {
            case X86_CROSSED_TO_SHUTDOWN:
                return EMU_TCG_EXIT_SHUTDOWN;
            case X86_CROSSED:
                if (!task_trap(s)) {
                    return EMU_TCG_EXIT_MODE;
                }
                first = -1;
                break;
            default:
                break;
            }
            continue;
        }
        s->exception = -1;
        prepare_exception(s, vector);
        event.vector = (uint8_t)vector;
        event.has_error = event.has_error && (s->cr0 & X86_CR0_PE);
        event.return_rip = s->rip;
        if (try_event(s, &event)) {
            after_delivery(s);
            if (!task_trap(s)) {
                return crossed ? EMU_TCG_EXIT_MODE : EMU_TCG_EXIT_NONE;
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
    if (!try_interrupt(s, X86_EVENT_INTR, vector)) {
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

static bool
nmi_wanted(X86State *s)
{
    return s->virt ? s->virt->signal_wanted(s, X86_SIGNAL_NMI) : !s->nmi_blocked && !s->shadow;
}

static bool
intr_wanted(X86State *s)
{
    return s->virt ? s->virt->signal_wanted(s, X86_SIGNAL_INTR) : (s->eflags & X86_IF) && !s->shadow;
}

/* SMM holds INIT back, and so does VMX operation but for a guest that runs. */
static bool
init_blocked(const X86State *s)
{
    return s->in_smm || (s->vmx.on && (!s->vmx.guest || s->wait_sipi));
}

static bool
leaves_at(X86State *s, uint32_t req, X86Boundary where, bool take)
{
    return (req & X86_REQ_VIRTUAL) && s->virt && s->virt->boundary && s->virt->boundary(s, where, take);
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
        return req & (X86_REQ_SIPI | (init_blocked(s) ? 0 : X86_REQ_INIT));
    }
    if (!s->svm.gif) {
        return false;
    }
    /* Both wait for RSM. */
    if ((req & X86_REQ_SMI) && !s->in_smm) {
        return true;
    }
    if ((req & X86_REQ_INIT) && !init_blocked(s)) {
        return true;
    }
    if (leaves_at(s, req, X86_BOUNDARY_FIRST, false) || ((req & X86_REQ_NMI) && nmi_wanted(s))) {
        return true;
    }
    if (leaves_at(s, req, X86_BOUNDARY_INTR, false) || ((req & X86_REQ_HARD) && intr_wanted(s))) {
        return true;
    }
    return (req & X86_REQ_VIRTUAL) && s->virt && s->virt->virtual_wanted && s->virt->virtual_wanted(s);
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

/* Whether a guest is left for it; the signal stays pending then. */
static bool
leaves_guest(X86State *s, X86Signal signal)
{
    return s->virt && s->virt->signal(s, signal);
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
    X86EventType type = X86_EVENT_INTR;
    bool blocks_nmi = false;
    unsigned vector;

    if ((req & X86_REQ_INIT) && !init_blocked(s) && leaves_guest(s, X86_SIGNAL_INIT)) {
        return x86_deliver(s);
    }
    if ((req & X86_REQ_INIT) && !init_blocked(s) && !s->wait_sipi && x86_svm_redirects_init(s)) {
        clear_request(s, X86_REQ_INIT);
        s->exception = X86_EXC_SX;
        s->error_code = 1;
        s->has_error_code = 1;
        s->exception_is_soft = 0;
        return x86_deliver(s);
    }
    if ((req & X86_REQ_INIT) && !init_blocked(s)) {
        bool bsp = s->apic_base & 0x100;

        /* A SIPI that follows on its heels stays pending. */
        clear_request(s, X86_REQ_INIT);
        if (s->vmx.init_held && s->hooks && s->hooks->init_taken) {
            s->hooks->init_taken(s);
        }
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
            if (leaves_guest(s, X86_SIGNAL_SIPI)) {
                return x86_deliver(s);
            }
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
        if (leaves_guest(s, X86_SIGNAL_SMI)) {
            return x86_deliver(s);
        }
        clear_request(s, X86_REQ_SMI);
        x86_smm_enter(s);
        return EMU_TCG_EXIT_MODE;
    }
    if (leaves_at(s, req, X86_BOUNDARY_FIRST, true)) {
        return x86_deliver(s);
    }
    if ((req & X86_REQ_NMI) && nmi_wanted(s)) {
        if (leaves_guest(s, X86_SIGNAL_NMI)) {
            return x86_deliver(s);
        }
        clear_request(s, req & X86_REQ_NMI_AGAIN ? X86_REQ_NMI_AGAIN : X86_REQ_NMI);
        vector = X86_EXC_NMI;
        type = X86_EVENT_NMI;
        blocks_nmi = true;
    } else if (leaves_at(s, req, X86_BOUNDARY_INTR, true)) {
        return x86_deliver(s);
    } else if ((req & X86_REQ_HARD) && intr_wanted(s)) {
        int v = -1;

        if (leaves_guest(s, X86_SIGNAL_INTR)) {
            return x86_deliver(s);
        }
        if (s->hooks && s->hooks->acknowledge) {
            v = s->hooks->acknowledge(s);
        } else {
            clear_request(s, X86_REQ_HARD);
        }
        if (v < 0) {
            return EMU_TCG_EXIT_NONE;
        }
        vector = (unsigned)v;
    } else if ((req & X86_REQ_VIRTUAL) && s->virt && s->virt->virtual_wanted && s->virt->virtual_wanted(s)) {
        uint8_t v;

        if (!s->virt->take_virtual(s, &type, &v)) {
            return x86_deliver(s);
        }
        vector = v;
    } else {
        return EMU_TCG_EXIT_NONE;
    }
    if (!try_interrupt(s, type, vector)) {
        return x86_deliver(s);
    }
    if (blocks_nmi) {
        s->nmi_blocked = 1;
    }
    after_delivery(s);
    return task_trap(s) ? x86_deliver(s) : EMU_TCG_EXIT_MODE;
}
