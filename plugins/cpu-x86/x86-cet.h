/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Control-flow enforcement: shadow stacks and indirect branch tracking (SDM 1, chapter 17).
 *
 * Off, nothing here is called but behind a test of CR4.CET or of the mode key. X86_MODE_SHSTK and X86_MODE_IBT say which of the two is on at
 * this privilege level: near calls and returns are then the interpreter's; indirect branches look whether it is an ENDBRANCH where they lead.
 * X86_MODE_TRACKER says that the next instruction is looked at.
 */

#include "x86-interp.h"

enum { X86_CP_NEAR_RET = 1, X86_CP_FAR_RET, X86_CP_ENDBRANCH, X86_CP_RSTORSSP, X86_CP_SETSSBSY };

#define X86_CET_SH_STK_EN (1u << 0)
#define X86_CET_WR_SHSTK_EN (1u << 1)
#define X86_CET_ENDBR_EN (1u << 2)
#define X86_CET_LEG_IW_EN (1u << 3)
#define X86_CET_NO_TRACK_EN (1u << 4)
#define X86_CET_SUPPRESS_DIS (1u << 5)
#define X86_CET_SUPPRESS (1u << 10)
#define X86_CET_TRACKER (1u << 11) /* waits for an ENDBRANCH */
#define X86_CET_BITMAP (~UINT64_C(0xfff))

static inline bool
x86_cet_on(const X86State *s)
{
    return G_UNLIKELY(s->cr4 & X86_CR4_CET) && (s->cr0 & X86_CR0_PE);
}

static inline uint64_t
x86_cet_settings(const X86State *s, unsigned cpl)
{
    return cpl == 3 ? s->u_cet : s->s_cet;
}

/* At some level: what goes from one to another is the interpreter's. */
static inline bool
x86_cet_anywhere(const X86State *s)
{
    return x86_cet_on(s) && ((s->u_cet | s->s_cet) & (X86_CET_SH_STK_EN | X86_CET_ENDBR_EN));
}

/* At a level that code may be about to come to; VM86 has neither. */
static inline bool
x86_cet_has_shadow(const X86State *s, unsigned cpl)
{
    return x86_cet_on(s) && (x86_cet_settings(s, cpl) & X86_CET_SH_STK_EN);
}

static inline bool
x86_cet_has_tracking(const X86State *s, unsigned cpl)
{
    return x86_cet_on(s) && (x86_cet_settings(s, cpl) & X86_CET_ENDBR_EN);
}

/* The bits of the mode key. */
uint64_t x86_cet_mode(const X86State *s);
/* Before an instruction while X86_MODE_TRACKER is set. */
void x86_cet_look(X86State *s, const X86Insn *insn);

/* The near transfers, under either bit of the mode key: a call with all that it stores, the shadow side of a return, a jump's tracking. */
void x86_cet_call(X86State *s, const X86Insn *insn, uint64_t ret, bool indirect);
void x86_cet_ret(X86State *s, uint64_t target, unsigned size);
void x86_cet_jump(X86State *s, const X86Insn *insn);
bool x86_cet_has_notrack(const X86Insn *insn);

/* Far transfers, called where nothing has been changed yet and every other fault is over. @code64: what they lead to. */
void x86_cet_check_target(X86State *s, bool code64);
/* A frame of CS, linear address and SSP behind the shadow stack at @ssp, at this level. */
void x86_cet_push_frame(X86State *s, uint64_t ssp, uint64_t lip);
/* Into an inner level (@ssp: its shadow stack), or on another shadow stack of this one. */
void x86_cet_enter(X86State *s, unsigned cpl, uint64_t ssp, bool code64, uint64_t lip);
void x86_cet_return(X86State *s, uint16_t cs, uint64_t lip, unsigned cpl, bool code64, bool iret);
void x86_cet_return_vm86(X86State *s);
/* SYSCALL and SYSENTER; SYSRET and SYSEXIT. */
void x86_cet_fast_call(X86State *s);
void x86_cet_fast_return(X86State *s, bool code64);
/* A task switch (@how: X86_SWITCH_*): what the old task leaves behind, before anything changes; the new one's code segment is loaded. */
typedef struct {
    bool shadow;
    uint64_t cs, lip, ssp; /* pushed for the new task; of IRET: popped, to be compared with it */
} X86CetTask;
void x86_cet_leave_task(X86State *s, X86CetTask *t, int how);
void x86_cet_enter_task(X86State *s, const X86CetTask *t, int how, uint16_t selector, uint64_t tss, uint32_t limit);
/* After a far transfer: its target must be an ENDBRANCH. */
void x86_cet_wait(X86State *s);
/* The shadow stack for an interrupt with IST @ist in its gate. */
uint64_t x86_cet_interrupt_stack(X86State *s, unsigned ist);

/* Values that IA32_U_CET, IA32_S_CET and the shadow-stack pointers can have. */
bool x86_cet_settings_valid(const X86State *s, uint64_t v);
bool x86_cet_ssp_valid(const X86State *s, uint64_t v);
