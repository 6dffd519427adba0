/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Jumps, calls, returns, software interrupts. */

#include "x86-cet.h"
#include "x86-interp.h"
#include "x86-virt.h"

void
x86_branch_to(X86State *s, uint64_t target, unsigned opsize)
{
    if (s->code_size == 64) {
        if (!x86_canonical(s, target)) {
            x86_raise(s, X86_EXC_GP, 0);
        }
    } else {
        target &= opsize == 2 ? 0xffff : 0xffffffffu;
        if (target > s->seg[X86_CS].limit) {
            x86_raise(s, X86_EXC_GP, 0);
        }
    }
    s->interp->next_rip = target;
}

void
x86_exec_jmp(X86State *s, const X86Insn *insn)
{
    x86_branch_to(s, s->interp->next_rip + insn->imm, insn->opsize);
}

void
x86_exec_jcc(X86State *s, const X86Insn *insn)
{
    if (x86_condition(s->cc, insn->opcode & 15)) {
        x86_branch_to(s, s->interp->next_rip + insn->imm, insn->opsize);
    }
}

void
x86_exec_jmp_ind(X86State *s, const X86Insn *insn)
{
    x86_branch_to(s, x86_read_operand(s, insn, 0), insn->opsize);
    if (G_UNLIKELY(s->tcg.mode_key & X86_MODE_IBT)) {
        x86_cet_jump(s, insn);
    }
}

static void
near_call(X86State *s, const X86Insn *insn, uint64_t target, bool indirect)
{
    uint64_t ret = s->interp->next_rip;

    x86_branch_to(s, target, insn->opsize);
    if (G_UNLIKELY(s->tcg.mode_key & (X86_MODE_SHSTK | X86_MODE_IBT))) {
        x86_cet_call(s, insn, ret, indirect);
    } else {
        x86_push(s, ret, insn->opsize);
    }
}

void
x86_exec_call(X86State *s, const X86Insn *insn)
{
    near_call(s, insn, s->interp->next_rip + insn->imm, false);
}

void
x86_exec_call_ind(X86State *s, const X86Insn *insn)
{
    near_call(s, insn, x86_read_operand(s, insn, 0), true);
}

void
x86_exec_ret(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->opsize;
    uint64_t target = x86_stack_peek(s, 0, size);

    x86_branch_to(s, target, size);
    if (G_UNLIKELY(s->tcg.mode_key & X86_MODE_SHSTK)) {
        x86_cet_ret(s, target, size);
    }
    x86_drop(s, size + (insn->n_operands ? (uint16_t)insn->imm : 0));
}

static uint64_t
counter(X86State *s, const X86Insn *insn)
{
    return X86_LOW(s, X86_RCX) & x86_size_mask(insn->addrsize);
}

static void
loop_if(X86State *s, const X86Insn *insn, bool condition)
{
    uint64_t c = (counter(s, insn) - 1) & x86_size_mask(insn->addrsize);

    if (c != 0 && condition) {
        x86_branch_to(s, s->interp->next_rip + insn->imm, insn->opsize);
    }
    x86_set_gpr(s, X86_RCX, c, insn->addrsize);
}

void
x86_exec_loop(X86State *s, const X86Insn *insn)
{
    loop_if(s, insn, true);
}

void
x86_exec_loope(X86State *s, const X86Insn *insn)
{
    loop_if(s, insn, s->cc & X86_ZF);
}

void
x86_exec_loopne(X86State *s, const X86Insn *insn)
{
    loop_if(s, insn, !(s->cc & X86_ZF));
}

void
x86_exec_jcxz(X86State *s, const X86Insn *insn)
{
    if (counter(s, insn) == 0) {
        x86_branch_to(s, s->interp->next_rip + insn->imm, insn->opsize);
    }
}

/* The far pointer operand: in the instruction or in memory. */
static uint16_t
far_pointer(X86State *s, const X86Insn *insn, uint64_t *offset)
{
    uint64_t ea;

    if (insn->op[0].kind == X86_OPND_FAR) {
        *offset = insn->imm;
        return insn->imm2;
    }
    ea = x86_ea(s, insn);
    *offset = x86_load(s, insn->segment, ea, insn->opsize);
    ea = (ea + insn->opsize) & x86_size_mask(insn->addrsize);
    return (uint16_t)x86_load(s, insn->segment, ea, 2);
}

void
x86_exec_jmp_far(X86State *s, const X86Insn *insn)
{
    uint64_t offset;
    uint16_t sel = far_pointer(s, insn, &offset);

    x86_far_jump(s, insn, sel, offset);
}

void
x86_exec_call_far(X86State *s, const X86Insn *insn)
{
    uint64_t offset;
    uint16_t sel = far_pointer(s, insn, &offset);

    x86_far_call(s, insn, sel, offset);
}

void
x86_exec_ret_far(X86State *s, const X86Insn *insn)
{
    x86_far_ret(s, insn->opsize, insn->n_operands ? (uint16_t)insn->imm : 0);
}

void
x86_exec_iret(X86State *s, const X86Insn *insn)
{
    x86_iret(s, insn->opsize);
}

/* INT n is an event of its own; INT3 and INTO are exceptions. */
static void
software_interrupt(X86State *s, unsigned vector, X86EventType type)
{
    X86Event event = {.type = type, .vector = (uint8_t)vector, .is_software = true, .return_rip = s->interp->next_rip};

    if (s->hooks && s->hooks->log_interrupt) {
        s->hooks->log_interrupt(s, vector, true, false, 0);
    }
    s->interp->step = X86_STEP_NONE;
    x86_virt_delivering(s, &event);
    x86_interrupt(s, vector, true, false, 0, s->interp->next_rip);
    x86_virt_delivering(s, NULL);
}

void
x86_exec_int(X86State *s, const X86Insn *insn)
{
    if (s->eflags & X86_VM) {
        if ((s->cr4 & X86_CR4_VME) && x86_interrupt_redirected(s, (unsigned)insn->imm)) {
            s->interp->step = X86_STEP_NONE;
            return;
        }
        if (x86_iopl(s) != 3) {
            x86_raise(s, X86_EXC_GP, 0);
        }
    }
    software_interrupt(s, (unsigned)insn->imm, X86_EVENT_SOFTWARE);
}

void
x86_exec_int3(X86State *s, const X86Insn *insn)
{
    (void)insn;
    software_interrupt(s, X86_EXC_BP, X86_EVENT_EXCEPTION);
}

void
x86_exec_into(X86State *s, const X86Insn *insn)
{
    (void)insn;
    if (s->cc & X86_OF) {
        software_interrupt(s, X86_EXC_OF, X86_EVENT_EXCEPTION);
    }
}

void
x86_exec_int1(X86State *s, const X86Insn *insn)
{
    X86Event event = {.type = X86_EVENT_INT1, .vector = X86_EXC_DB, .return_rip = s->interp->next_rip};

    (void)insn;
    if (s->dr6_pending) {
        s->dr[6] = (s->dr[6] & ~UINT64_C(0xf)) | s->dr6_pending;
        s->dr6_pending = 0;
    }
    s->interp->step = X86_STEP_NONE;
    x86_virt_delivering(s, &event);
    x86_interrupt(s, X86_EXC_DB, false, false, 0, s->interp->next_rip);
    x86_virt_delivering(s, NULL);
}

void
x86_exec_ud(X86State *s, const X86Insn *insn)
{
    (void)insn;
    x86_raise_plain(s, X86_EXC_UD);
}
