/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The seam between the CPU and its virtualization extension.
 *
 * While a guest of the guest's own runs, X86State.virt is the extension that runs it; else it is NULL, and nothing here is
 * called. Each event that an extension may intercept asks it before anything happens. To leave the guest, the extension
 * records how and sets X86State.exception to X86_EXC_VIRT: that unwinds like an exception, out of translated code, a page
 * walk or the delivery of another event alike, and x86_deliver() calls cross() then. Entering a guest goes the same way.
 *
 * Translated code never asks: X86_MODE_GUEST is part of the mode key, and what is lifted under it leaves everything that
 * x86_virt_may_intercept() names to the interpreter.
 */

#include "x86-insn.h"

/* Signals from outside, in the order in which they are looked at. */
typedef enum {
    X86_SIGNAL_INIT,
    X86_SIGNAL_SMI,
    X86_SIGNAL_NMI,
    X86_SIGNAL_INTR,
    X86_SIGNAL_SIPI, /* to a guest that waits for it */
} X86Signal;

/* Kinds of event, numbered as both AMD and Intel number them. */
typedef enum {
    X86_EVENT_INTR = 0,
    X86_EVENT_NMI = 2,
    X86_EVENT_EXCEPTION = 3,
    X86_EVENT_SOFTWARE = 4, /* INT n */
    X86_EVENT_INT1 = 5,
} X86EventType;

typedef struct {
    X86EventType type;
    uint8_t vector;
    bool is_software; /* the gate's DPL counts */
    bool has_error;
    uint32_t error;
    uint64_t return_rip;
} X86Event;

/* An access to a physical address of the guest's. */
typedef struct {
    uint64_t gpa;
    EmuTcgAccess access;
    bool walk;       /* to an entry of the guest's page tables */
    bool sets_bits;  /* and it is to get an accessed or dirty flag */
    bool record;     /* a fault is recorded, accessed and dirty bits are set */
    bool is_user;    /* the guest's tables give the page to user code */
    bool has_linear; /* it comes from a linear address */
    uint64_t linear;
} X86SecondLevelAccess;

/* What the second level of paging says to it. */
typedef struct {
    uint64_t phys;
    uint64_t page_size;
    uint32_t prot; /* EMU_TCG_PROT_* */
} X86SecondLevel;

/* Places between instructions where a guest may be left without a signal. */
typedef enum {
    X86_BOUNDARY_FIRST, /* before NMIs */
    X86_BOUNDARY_INTR,  /* before INTR */
} X86Boundary;

/* What became of a crossing. */
typedef enum {
    X86_CROSSED,
    X86_CROSSED_WITH_EVENT,     /* which is to be delivered on the other side */
    X86_CROSSED_WITH_EXCEPTION, /* X86State.exception came up behind it, X86_EXC_VIRT perhaps */
    X86_CROSSED_TO_SHUTDOWN,
} X86Crossing;

struct _X86Virt {
    /* Before @insn, which is allowed at this privilege: returns to have it executed. What the instruction itself would fault
     * on before an intercept is looked at, is left to it. */
    void (*instruction)(X86State *s, const X86Insn *insn);
    /* Before an exception is delivered: true when it leaves the guest instead; that is recorded. */
    bool (*exception)(X86State *s, int vector, bool has_error, uint32_t error);
    /* The same for what comes from outside; for a shutdown. */
    bool (*signal)(X86State *s, X86Signal signal);
    bool (*shutdown)(X86State *s);
    /* Before a task switch (@how: X86_SWITCH_*), and before FERR#. */
    void (*task_switch)(X86State *s, uint16_t selector, int how, bool has_error, uint32_t error);
    void (*ferr)(X86State *s);
    /* An event begins to be delivered; NULL: it has been. */
    void (*delivering)(X86State *s, const X86Event *event);
    /* Would @signal be looked at now, though the guest's own flags may block it? */
    bool (*signal_wanted)(X86State *s, X86Signal signal);
    /* Optional, both. A virtual interrupt or NMI can be taken; takes it: false when it left the guest. */
    bool (*virtual_wanted)(X86State *s);
    bool (*take_virtual)(X86State *s, X86EventType *type, uint8_t *vector);
    /* IRET is over: true when the NMIs that it lets in again are the guest's virtual ones. */
    bool (*nmi_done)(X86State *s);
    /* CR8 when it is the guest's own; false: it is the machine's. */
    bool (*get_tpr)(X86State *s, uint8_t *cr8);
    bool (*set_tpr)(X86State *s, uint8_t cr8);
    /* Whether there is a second level of paging; its translation. False: a fault, recorded when that was asked for. */
    bool (*has_second_level)(X86State *s);
    /* Optional: what the TLB knows a guest's translations by. Without it each crossing has to flush everything. */
    void (*tlb_context)(X86State *s, EmuTcgContext *context);
    bool (*second_level)(X86State *s, const X86SecondLevelAccess *access, X86SecondLevel *out);
    /* With it, the four entries at CR3 in PAE mode are registers, as they are without; else read at each walk. */
    bool keeps_pdptes;
    /* The time-stamp counter as the guest reads it. */
    uint64_t (*get_tsc)(X86State *s, uint64_t tsc);
    /* Optional: CR0 and CR4 as the guest reads them; what the register gets when the guest writes @value. */
    uint64_t (*read_cr)(X86State *s, unsigned n, uint64_t value);
    uint64_t (*write_cr)(X86State *s, unsigned n, uint64_t value);
    /* Optional: is the guest left at this boundary?  Recorded when @take. */
    bool (*boundary)(X86State *s, X86Boundary where, bool take);
    /* Optional: a debug trap is due; true when the guest is left before it is delivered. */
    bool (*hold_debug)(X86State *s);
};

/* Carries out what was recorded. */
X86Crossing x86_virt_cross(X86State *s, X86Event *event);
/* After RESET and INIT. */
void x86_virt_reset(X86State *s);
void x86_virt_init(X86State *s);
/* SMM is no part of a guest: it is set aside at SMI and taken up again by RSM. */
void x86_virt_enter_smm(X86State *s);
void x86_virt_leave_smm(X86State *s);
/* Registers are those of the other side: what else follows from that. */
void x86_virt_crossed(X86State *s);

static inline bool
x86_virt_may_intercept(unsigned op)
{
    switch (op) {
    case X86_OP_pushf:
    case X86_OP_popf:
    case X86_OP_iret:
    case X86_OP_rdtsc:
    case X86_OP_mov_from_cr:
        return true;
    default: /* nothing else that there is a rule for */
        return false;
    }
}

static inline bool
x86_virt_second_level(X86State *s)
{
    return G_UNLIKELY(s->virt != NULL) && s->virt->has_second_level(s);
}

static inline void
x86_virt_delivering(X86State *s, const X86Event *event)
{
    if (G_UNLIKELY(s->virt != NULL)) {
        s->virt->delivering(s, event);
    }
}

/* IRET is over. */
static inline void
x86_virt_nmi_done(X86State *s)
{
    if (G_LIKELY(s->virt == NULL) || !s->virt->nmi_done(s)) {
        s->nmi_blocked = 0;
    }
}

/* Something that held requests back may have gone. */
static inline void
x86_virt_look_again(X86State *s)
{
    if (__atomic_load_n(&s->interrupt_request, __ATOMIC_SEQ_CST)) {
        __atomic_store_n(&s->tcg.exit_request, 1, __ATOMIC_SEQ_CST);
    }
}
