/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rules of the stack and of branches (x86-lift.h). */

#include "x86-cet.h"
#include "x86-lift.h"

/* ---- stack --------------------------------------------------------------------------------------------------------- */

static bool
lift_push_value(X86Lift *l, EmuTcgArg value, unsigned size)
{
    EmuTcgMem mem;

    if (!x86_lift_stack(l, -(int)size, size, EMU_TCG_PROT_WRITE, &mem)) {
        return false;
    }
    emu_tcg_ir_store(l->ir, x86_lift_type(size), value, &mem);
    x86_lift_add_sp(l, -(int)size);
    return true;
}

static bool
stack_is_plain(X86Lift *l)
{
    EmuTcgMem mem;

    return x86_lift_stack(l, 0, 1, EMU_TCG_PROT_READ, &mem);
}

bool
x86_lift_push(X86Lift *l, const X86Insn *insn)
{
    EmuTcgArg value;

    return stack_is_plain(l) && x86_lift_read(l, insn, 0, &value) && lift_push_value(l, value, insn->opsize);
}

bool
x86_lift_pop(X86Lift *l, const X86Insn *insn)
{
    EmuTcgArg value;
    EmuTcgMem mem, to;
    unsigned size = insn->opsize;

    if (!x86_lift_stack(l, 0, size, EMU_TCG_PROT_READ, &mem)) {
        return false;
    }
    if (insn->op[0].kind == X86_OPND_MEM) {
        /* An address based on rsp is computed with rsp already moved. */
        if (insn->base == X86_RSP || !x86_lift_mem(l, insn, size, EMU_TCG_PROT_WRITE, &to)) {
            return false;
        }
        value = emu_tcg_ir_temp(l->ir);
        emu_tcg_ir_load(l->ir, x86_lift_type(size), value, &mem);
        emu_tcg_ir_store(l->ir, x86_lift_type(size), value, &to);
        x86_lift_add_sp(l, size);
        return true;
    }
    if (insn->op[0].reg != X86_RSP) {
        emu_tcg_ir_load(l->ir, x86_lift_type(size), x86_lift_gpr(l, insn->op[0].reg, size), &mem);
        x86_lift_add_sp(l, size);
        return true;
    }
    value = emu_tcg_ir_temp(l->ir);
    emu_tcg_ir_load(l->ir, x86_lift_type(size), value, &mem);
    x86_lift_add_sp(l, size);
    emu_tcg_ir_mov(l->ir, x86_lift_type(size), x86_lift_gpr(l, insn->op[0].reg, size), value);
    return true;
}

bool
x86_lift_pushf(X86Lift *l, const X86Insn *insn)
{
    EmuTcgArg cc, all, masked, wide;

    if ((l->mode & X86_MODE_VM86) || !stack_is_plain(l)) {
        return false;
    }
    cc = emu_tcg_ir_temp(l->ir);
    all = emu_tcg_ir_temp(l->ir);
    masked = emu_tcg_ir_temp(l->ir);
    emu_tcg_ir_getf(l->ir, cc);
    emu_tcg_ir_op_flags(l->ir, EMU_TCG_OP_OR, EMU_TCG_I32, all, cc,
                        emu_tcg_ir_global(l->ir, X86_GLOBAL_EFLAGS, EMU_TCG_PART_FULL), EMU_TCG_FLAGS_NONE);
    emu_tcg_ir_op_flags(l->ir, EMU_TCG_OP_AND, EMU_TCG_I32, masked, all,
                        emu_tcg_ir_const(l->ir, (int32_t) ~(X86_RF | X86_VM)), EMU_TCG_FLAGS_NONE);
    if (insn->opsize == 8) {
        wide = emu_tcg_ir_temp(l->ir);
        emu_tcg_ir_extend(l->ir, false, EMU_TCG_I64, wide, masked, EMU_TCG_I32);
        return lift_push_value(l, wide, 8);
    }
    return lift_push_value(l, masked, insn->opsize);
}

bool
x86_lift_leave(X86Lift *l, const X86Insn *insn)
{
    unsigned size = insn->opsize, width = x86_lift_stack_width(l);
    EmuTcgMem mem;
    EmuTcgArg value;
    EmuTcgAddr above = {.disp = size, .wrap = width == 8 ? 64 : 32};

    if (!x86_lift_stack(l, 0, size, EMU_TCG_PROT_READ, &mem)) {
        return false;
    }
    mem.addr.base = above.base = emu_tcg_ir_global(l->ir, X86_RBP, EMU_TCG_PART_FULL);
    value = emu_tcg_ir_temp(l->ir);
    emu_tcg_ir_load(l->ir, x86_lift_type(size), value, &mem);
    emu_tcg_ir_lea(l->ir, x86_lift_type(width), x86_lift_gpr(l, X86_RSP, width), &above);
    emu_tcg_ir_mov(l->ir, x86_lift_type(size), x86_lift_gpr(l, X86_RBP, size), value);
    return true;
}

/* ---- control --------------------------------------------------------------------------------------------------------- */

/* The linear target of a relative branch; false when it is beyond the limit of CS, or may not be canonical. */
static bool
branch_target(const X86Lift *l, const X86Insn *insn, uint64_t *out)
{
    uint32_t target;

    if (x86_lift_is_64(l)) {
        *out = l->next + insn->imm;
        /* Where 57 bits are canonical, some go the slow way for nothing. */
        return insn->opsize == 8 && (uint64_t)((int64_t)(*out << 16) >> 16) == *out;
    }
    target = (uint32_t)(l->next - l->cs_base + insn->imm);
    if (insn->opsize == 2) {
        target &= 0xffff;
    }
    *out = (uint32_t)(l->cs_base + target);
    return target <= l->cs_limit;
}

/* Whether any target of an indirect branch is within the limit of CS. */
static bool
any_target_ok(const X86Lift *l, const X86Insn *insn)
{
    return x86_lift_is_64(l) ? insn->opsize == 8 : insn->opsize == 2 || l->cs_limit == 0xffffffffu;
}

/* What CALL pushes. */
static EmuTcgArg
return_address(X86Lift *l)
{
    return l->cs_base ? emu_tcg_ir_const(l->ir, (int64_t)(l->next - l->cs_base)) : emu_tcg_ir_pcrel(l->ir, l->next);
}

bool
x86_lift_jmp(X86Lift *l, const X86Insn *insn)
{
    uint64_t to;

    if (!branch_target(l, insn, &to)) {
        return false;
    }
    if (l->ends_shadow) {
        /* An indirect jump looks at requests, wherever it leads. */
        x86_lift_end_shadow(l);
        emu_tcg_ir_jump_ind(l->ir, emu_tcg_ir_pcrel(l->ir, to), EMU_TCG_JUMP_PLAIN);
    } else {
        emu_tcg_ir_jump(l->ir, to);
    }
    l->ended = true;
    return true;
}

bool
x86_lift_jcc(X86Lift *l, const X86Insn *insn)
{
    uint64_t to;

    if (!branch_target(l, insn, &to)) {
        return false;
    }
    emu_tcg_ir_branch(l->ir, (EmuTcgCond)(insn->opcode & 15), to, l->next);
    l->ended = true;
    return true;
}

bool
x86_lift_jcxz(X86Lift *l, const X86Insn *insn)
{
    uint64_t to;

    if (!branch_target(l, insn, &to)) {
        return false;
    }
    emu_tcg_ir_brnz(l->ir, x86_lift_type(insn->addrsize), x86_lift_gpr(l, X86_RCX, insn->addrsize), l->next, to);
    l->ended = true;
    return true;
}

bool
x86_lift_loop(X86Lift *l, const X86Insn *insn)
{
    EmuTcgArg count = x86_lift_gpr(l, X86_RCX, insn->addrsize);
    EmuTcgType type = x86_lift_type(insn->addrsize);
    uint64_t to;

    if (!branch_target(l, insn, &to)) {
        return false;
    }
    emu_tcg_ir_op_flags(l->ir, EMU_TCG_OP_DEC, type, count, count, EMU_TCG_NO_ARG, EMU_TCG_FLAGS_NONE);
    emu_tcg_ir_brnz(l->ir, type, count, to, l->next);
    l->ended = true;
    return true;
}

bool
x86_lift_call(X86Lift *l, const X86Insn *insn)
{
    uint64_t to;

    if (!branch_target(l, insn, &to) || !stack_is_plain(l)) {
        return false;
    }
    lift_push_value(l, return_address(l), insn->opsize);
    emu_tcg_ir_jump(l->ir, to);
    l->ended = true;
    return true;
}

/* The linear target of an indirect branch to offset @target of @size bytes. */
static EmuTcgArg
lift_wide_target(X86Lift *l, EmuTcgArg target, unsigned size)
{
    EmuTcgArg wide, linear;

    if (x86_lift_is_64(l)) {
        return target;
    }
    wide = emu_tcg_ir_temp(l->ir);
    if (!l->cs_base) {
        emu_tcg_ir_extend(l->ir, false, EMU_TCG_I64, wide, target, x86_lift_type(size));
        return wide;
    }
    if (size == 2) {
        EmuTcgArg offset = emu_tcg_ir_temp(l->ir);

        emu_tcg_ir_extend(l->ir, false, EMU_TCG_I32, offset, target, EMU_TCG_I16);
        target = offset;
    }
    linear = emu_tcg_ir_temp(l->ir);
    emu_tcg_ir_op_flags(l->ir, EMU_TCG_OP_ADD, EMU_TCG_I32, linear, target, emu_tcg_ir_const(l->ir, l->cs_base), EMU_TCG_FLAGS_NONE);
    emu_tcg_ir_extend(l->ir, false, EMU_TCG_I64, wide, linear, EMU_TCG_I32);
    return wide;
}

/*
 * A tracked branch: when an ENDBRANCH is where it leads, the tracker would have come and gone. Else it waits, which is another mode.
 */
static uint64_t
helper_track(EmuTcgState *tcg, uint64_t target, uint64_t b G_GNUC_UNUSED, uint64_t c G_GNUC_UNUSED)
{
    static const uint8_t endbr64[4] = {0xf3, 0x0f, 0x1e, 0xfa};
    X86State *s = (X86State *)tcg;
    const uint8_t *p = (target & 0xfff) > 0x1000 - sizeof(endbr64) ? NULL : emu_tcg_fast_pointer(tcg, target, EMU_TCG_FETCH);

    if (!(p && memcmp(p, endbr64, sizeof(endbr64)) == 0) && x86_canonical(s, target)) {
        x86_cet_wait(s);
    }
    return 0;
}

/* False: it is the interpreter's. */
static bool
tracking_ok(const X86Lift *l, const X86Insn *insn)
{
    return !(l->mode & X86_MODE_IBT) || (x86_lift_is_64(l) && !x86_cet_has_notrack(insn) && !l->ends_shadow);
}

/* The last of an indirect branch. */
static void
lift_branch_to(X86Lift *l, EmuTcgArg target, EmuTcgJumpHint kind)
{
    static const EmuTcgHelper track = {.name = "track", .fn = helper_track, .flags = EMU_TCG_HELPER_NO_FP};

    if (l->mode & X86_MODE_IBT) {
        emu_tcg_ir_call(l->ir, &track, EMU_TCG_NO_ARG, target, EMU_TCG_NO_ARG, EMU_TCG_NO_ARG);
        kind = EMU_TCG_JUMP_MODE;
    }
    emu_tcg_ir_jump_ind(l->ir, target, kind);
    l->ended = true;
}

bool
x86_lift_jmp_ind(X86Lift *l, const X86Insn *insn)
{
    EmuTcgArg target;

    if (!any_target_ok(l, insn) || !tracking_ok(l, insn) || !x86_lift_read(l, insn, 0, &target)) {
        return false;
    }
    target = lift_wide_target(l, target, insn->opsize);
    x86_lift_end_shadow(l);
    lift_branch_to(l, target, EMU_TCG_JUMP_PLAIN);
    return true;
}

bool
x86_lift_call_ind(X86Lift *l, const X86Insn *insn)
{
    EmuTcgArg target, copy;
    EmuTcgMem below;
    bool keep;

    if (!any_target_ok(l, insn) || !tracking_ok(l, insn) || !stack_is_plain(l) || !x86_lift_read(l, insn, 0, &target)) {
        return false;
    }
    /* CALL rsp goes to where rsp was. */
    if (insn->op[0].kind == X86_OPND_GPR) {
        copy = emu_tcg_ir_temp(l->ir);
        emu_tcg_ir_mov(l->ir, x86_lift_type(insn->opsize), copy, target);
        target = copy;
    }
    target = lift_wide_target(l, target, insn->opsize);
    keep = x86_lift_is_64(l) && insn->opsize == 8 && x86_lift_stack(l, -8, 8, EMU_TCG_PROT_READ, &below);
    if (keep) {
        copy = emu_tcg_ir_temp(l->ir);
        emu_tcg_ir_load(l->ir, EMU_TCG_I64, copy, &below);
    }
    lift_push_value(l, return_address(l), insn->opsize);
    if (keep) {
        /* For x86_refuse_branch(): an address that is not canonical is known as such behind the store only. */
        emu_tcg_ir_mov(l->ir, EMU_TCG_I64, x86_lift_global(l, X86_GLOBAL_UNDER_CALL), copy);
    }
    lift_branch_to(l, target, EMU_TCG_JUMP_CALL);
    return true;
}

bool
x86_lift_ret(X86Lift *l, const X86Insn *insn)
{
    unsigned size = insn->opsize;
    EmuTcgArg target;
    EmuTcgMem mem;

    if (!any_target_ok(l, insn) || !x86_lift_stack(l, 0, size, EMU_TCG_PROT_READ, &mem)) {
        return false;
    }
    target = emu_tcg_ir_temp(l->ir);
    emu_tcg_ir_load(l->ir, x86_lift_type(size), target, &mem);
    x86_lift_add_sp(l, (int)size + (insn->n_operands ? (int)(insn->imm & 0xffff) : 0));
    target = lift_wide_target(l, target, size);
    x86_lift_end_shadow(l);
    emu_tcg_ir_jump_ind(l->ir, target, EMU_TCG_JUMP_RETURN);
    l->ended = true;
    return true;
}
