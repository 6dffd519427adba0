/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One rule per operation (x86-lift.h). Rules emit portable ops where that is natural. Read-modify-write of memory, and
 * instructions that are more than a few ops, are native templates: one access, one commit, atomic when locked.
 */

#include "x86-lift.h"

#define READ EMU_TCG_ROLE_READ
#define WRITE EMU_TCG_ROLE_WRITE
#define BOTH (EMU_TCG_ROLE_READ | EMU_TCG_ROLE_WRITE)

static bool
has_mem(const X86Insn *insn)
{
    return x86_insn_mem_operand(insn) >= 0;
}

/* ---- arithmetic and logic -------------------------------------------------------------------------------- */

static bool
lift_binary(X86Lift *l, const X86Insn *insn, EmuTcgOpcode op)
{
    EmuTcgArg dst, src;

    if (insn->op[0].kind == X86_OPND_MEM) {
        return x86_lift_template(l, insn, NULL, 0, 0);
    }
    if (!x86_lift_read(l, insn, 1, &src)) {
        return false;
    }
    dst = x86_lift_gpr(l, insn->op[0].reg, insn->op[0].size);
    emu_tcg_ir_op(l->ir, op, x86_lift_type(insn->op[0].size), dst, dst, src);
    return true;
}

#define BINARY(name, OP)                                                                           \
    static bool lift_##name(X86Lift *l, const X86Insn *insn)                                       \
    {                                                                                              \
        return lift_binary(l, insn, EMU_TCG_OP_##OP);                                              \
    }
BINARY(add, ADD)
BINARY(adc, ADC)
BINARY(sub, SUB)
BINARY(sbb, SBB)
BINARY(and, AND)
BINARY(or, OR)

static bool
lift_xor(X86Lift *l, const X86Insn *insn)
{
    return lift_binary(l, insn, EMU_TCG_OP_XOR);
}

/* CMP and TEST: the result goes nowhere. */
static bool
lift_compare(X86Lift *l, const X86Insn *insn, EmuTcgOpcode op)
{
    EmuTcgArg a, b;

    if (!x86_lift_read(l, insn, 0, &a) || !x86_lift_read(l, insn, 1, &b)) {
        return false;
    }
    emu_tcg_ir_op(l->ir, op, x86_lift_type(insn->op[0].size), EMU_TCG_NO_ARG, a, b);
    return true;
}

static bool
lift_cmp(X86Lift *l, const X86Insn *insn)
{
    return lift_compare(l, insn, EMU_TCG_OP_CMP);
}

static bool
lift_test(X86Lift *l, const X86Insn *insn)
{
    return lift_compare(l, insn, EMU_TCG_OP_TEST);
}

static bool
lift_unary(X86Lift *l, const X86Insn *insn, EmuTcgOpcode op)
{
    EmuTcgArg dst;

    if (insn->op[0].kind == X86_OPND_MEM) {
        return x86_lift_template(l, insn, NULL, 0, 0);
    }
    dst = x86_lift_gpr(l, insn->op[0].reg, insn->op[0].size);
    emu_tcg_ir_op(l->ir, op, x86_lift_type(insn->op[0].size), dst, dst, EMU_TCG_NO_ARG);
    return true;
}

static bool
lift_inc(X86Lift *l, const X86Insn *insn)
{
    return lift_unary(l, insn, EMU_TCG_OP_INC);
}

static bool
lift_dec(X86Lift *l, const X86Insn *insn)
{
    return lift_unary(l, insn, EMU_TCG_OP_DEC);
}

static bool
lift_neg(X86Lift *l, const X86Insn *insn)
{
    return lift_unary(l, insn, EMU_TCG_OP_NEG);
}

static bool
lift_not(X86Lift *l, const X86Insn *insn)
{
    return lift_unary(l, insn, EMU_TCG_OP_NOT);
}

static bool
lift_bswap(X86Lift *l, const X86Insn *insn)
{
    return insn->opsize != 2 && lift_unary(l, insn, EMU_TCG_OP_BSWAP);
}

/* Shifts as templates. The table's flag sets hold for a count that is not 0; CL may be, and then keeps FLAGS. */
static bool
lift_shift_template(X86Lift *l, const X86Insn *insn)
{
    const X86Operand *count = &insn->op[insn->n_operands - 1];
    unsigned mask = insn->op[0].size == 8 ? 63 : 31;

    if (count->kind != X86_OPND_IMM) {
        return x86_lift_template_flags(l, insn, NULL, 0, 0, EMU_TCG_FLAGS_ALL, EMU_TCG_FLAGS_ALL);
    }
    if ((insn->imm & mask) == 0) {
        return false;
    }
    return x86_lift_template(l, insn, NULL, 0, 0);
}

/* Shifts and rotates. A count of 0 does nothing but, with 32 bits, clear the upper half. */
static bool
lift_shift(X86Lift *l, const X86Insn *insn, EmuTcgOpcode op)
{
    EmuTcgArg dst, count;

    if (insn->op[0].kind == X86_OPND_MEM) {
        return lift_shift_template(l, insn);
    }
    if (!x86_lift_read(l, insn, 1, &count)) {
        return false;
    }
    dst = x86_lift_gpr(l, insn->op[0].reg, insn->op[0].size);
    emu_tcg_ir_op(l->ir, op, x86_lift_type(insn->op[0].size), dst, dst, count);
    return true;
}

#define SHIFT(name, OP)                                                                            \
    static bool lift_##name(X86Lift *l, const X86Insn *insn)                                       \
    {                                                                                              \
        return lift_shift(l, insn, EMU_TCG_OP_##OP);                                               \
    }
SHIFT(shl, SHL)
SHIFT(shr, SHR)
SHIFT(sar, SAR)
SHIFT(rol, ROL)
SHIFT(ror, ROR)

static bool
lift_plain_template(X86Lift *l, const X86Insn *insn)
{
    return x86_lift_template(l, insn, NULL, 0, 0);
}

/*
 * BT, BTS, BTR and BTC of memory with the bit's number in a register: the bit may lie anywhere around the operand. A single
 * vCPU's LOCK is left out, as in templates.
 */
static bool
lift_bit_memory(X86Lift *l, const X86Insn *insn)
{
    unsigned size = insn->op[1].size, log2 = size == 4 ? 2 : 3, op = insn->row->op;
    bool writes = op != X86_OP_bt;
    EmuTcgType type = x86_lift_type(size);
    EmuTcgArg number = x86_lift_gpr(l, insn->op[1].reg, size), wide = number, word, bit, value, carry, mask;
    EmuTcgMem mem;

    if (!x86_lift_is_64(l) || insn->addrsize != 8 || size == 2 || ((insn->prefixes & X86_PFX_LOCK) && emu_tcg_parallel(&l->s->tcg)) ||
        !x86_lift_mem(l, insn, size, writes ? EMU_TCG_PROT_READ | EMU_TCG_PROT_WRITE : EMU_TCG_PROT_READ, &mem)) {
        return false;
    }
    if (mem.addr.index != EMU_TCG_NO_ARG || mem.addr.base == EMU_TCG_NO_ARG) {
        EmuTcgAddr whole = mem.addr;

        whole.segment = EMU_TCG_NO_ARG;
        mem.addr = (EmuTcgAddr){.base = emu_tcg_ir_temp(l->ir), .segment = mem.addr.segment, .wrap = 64};
        emu_tcg_ir_lea(l->ir, EMU_TCG_I64, mem.addr.base, &whole);
    }
    if (size < 8) {
        wide = emu_tcg_ir_temp(l->ir);
        emu_tcg_ir_extend(l->ir, true, EMU_TCG_I64, wide, number, type);
    }
    word = emu_tcg_ir_temp(l->ir);
    bit = emu_tcg_ir_temp(l->ir);
    value = emu_tcg_ir_temp(l->ir);
    carry = emu_tcg_ir_temp(l->ir);
    emu_tcg_ir_op_flags(l->ir, EMU_TCG_OP_SAR, EMU_TCG_I64, word, wide, emu_tcg_ir_const(l->ir, log2 + 3), EMU_TCG_FLAGS_NONE);
    if (!writes) {
        mem.addr.index = word;
        mem.addr.scale = (uint8_t)log2;
    } else {
        /* Accessed twice: the sum is made once. */
        EmuTcgAddr sum = mem.addr;

        sum.segment = EMU_TCG_NO_ARG;
        sum.index = word;
        sum.scale = (uint8_t)log2;
        mem.addr = (EmuTcgAddr){.base = emu_tcg_ir_temp(l->ir), .segment = mem.addr.segment, .wrap = 64};
        emu_tcg_ir_lea(l->ir, EMU_TCG_I64, mem.addr.base, &sum);
    }
    emu_tcg_ir_load(l->ir, type, value, &mem);
    if (writes) {
        EmuTcgArg one = emu_tcg_ir_temp(l->ir), changed = emu_tcg_ir_temp(l->ir);

        mask = emu_tcg_ir_temp(l->ir);
        emu_tcg_ir_mov(l->ir, type, one, emu_tcg_ir_const(l->ir, 1));
        emu_tcg_ir_op_flags(l->ir, EMU_TCG_OP_SHL, type, mask, one, number, EMU_TCG_FLAGS_NONE);
        if (op == X86_OP_btr) {
            EmuTcgArg others = emu_tcg_ir_temp(l->ir);

            emu_tcg_ir_op(l->ir, EMU_TCG_OP_NOT, type, others, mask, EMU_TCG_NO_ARG);
            mask = others;
        }
        emu_tcg_ir_op_flags(l->ir, op == X86_OP_btr ? EMU_TCG_OP_AND : op == X86_OP_bts ? EMU_TCG_OP_OR : EMU_TCG_OP_XOR, type, changed,
                            value, mask, EMU_TCG_FLAGS_NONE);
        emu_tcg_ir_store(l->ir, type, changed, &mem);
    }
    /* Shifts take the count modulo the width, as these do. */
    emu_tcg_ir_op_flags(l->ir, EMU_TCG_OP_SHR, type, carry, value, number, EMU_TCG_FLAGS_NONE);
    emu_tcg_ir_op_flags(l->ir, EMU_TCG_OP_AND, EMU_TCG_I32, bit, carry, emu_tcg_ir_const(l->ir, EMU_TCG_FLAG_C), EMU_TCG_FLAGS_NONE);
    emu_tcg_ir_setf(l->ir, bit, EMU_TCG_FLAG_C);
    return true;
}

/* BT and relatives. */
static bool
lift_bit(X86Lift *l, const X86Insn *insn)
{
    if (has_mem(insn) && insn->op[1].kind == X86_OPND_GPR) {
        return lift_bit_memory(l, insn);
    }
    return x86_lift_template(l, insn, NULL, 0, 0);
}

static bool
lift_mul(X86Lift *l, const X86Insn *insn)
{
    static const X86Implicit wide[] = {{X86_RAX, BOTH}, {X86_RDX, BOTH}};

    return x86_lift_template(l, insn, wide, insn->op[0].size == 1 ? 1 : 2, 0);
}

static bool
lift_div(X86Lift *l, const X86Insn *insn)
{
    static const X86Implicit wide[] = {{X86_RAX, BOTH}, {X86_RDX, BOTH}};

    return x86_lift_template(l, insn, wide, insn->op[0].size == 1 ? 1 : 2, EMU_TCG_TEMPLATE_DIVIDE);
}

static bool
lift_imul2(X86Lift *l, const X86Insn *insn)
{
    return lift_binary(l, insn, EMU_TCG_OP_MUL);
}

static bool
lift_imul3(X86Lift *l, const X86Insn *insn)
{
    EmuTcgArg src;

    if (!x86_lift_read(l, insn, 1, &src)) {
        return false;
    }
    emu_tcg_ir_op(l->ir, EMU_TCG_OP_MUL, x86_lift_type(insn->op[0].size),
                  x86_lift_gpr(l, insn->op[0].reg, insn->op[0].size), src, emu_tcg_ir_const(l->ir, (int64_t)insn->imm));
    return true;
}

static bool
lift_cmpxchg(X86Lift *l, const X86Insn *insn)
{
    static const X86Implicit implicit[] = {{X86_RAX, BOTH}};

    return x86_lift_template(l, insn, implicit, 1, 0);
}

static bool
lift_cmpxchg8b(X86Lift *l, const X86Insn *insn)
{
    static const X86Implicit implicit[] = {{X86_RAX, BOTH}, {X86_RDX, BOTH}, {X86_RBX, READ}, {X86_RCX, READ}};

    /* The 16-byte form wants alignment, and a feature of its own: left to the interpreter when that is missing. */
    if (insn->opsize == 8 && !x86_has_feature(l->s, X86_FEAT_CX16)) {
        return false;
    }
    return x86_lift_template(l, insn, implicit, 4, 0);
}

/* ---- moves ---------------------------------------------------------------------------------------------------- */

static bool
lift_mov(X86Lift *l, const X86Insn *insn)
{
    EmuTcgArg dst, src;
    EmuTcgMem mem;
    EmuTcgType type = x86_lift_type(insn->op[0].size);

    if (insn->op[1].kind == X86_OPND_MEM) {
        if (!x86_lift_mem(l, insn, insn->op[1].size, EMU_TCG_PROT_READ, &mem)) {
            return false;
        }
        emu_tcg_ir_load(l->ir, type, x86_lift_gpr(l, insn->op[0].reg, insn->op[0].size), &mem);
        return true;
    }
    if (insn->op[0].kind == X86_OPND_MEM) {
        if (!x86_lift_mem(l, insn, insn->op[0].size, EMU_TCG_PROT_WRITE, &mem) || !x86_lift_read(l, insn, 1, &src)) {
            return false;
        }
        emu_tcg_ir_store(l->ir, type, src, &mem);
        return true;
    }
    if (insn->op[0].kind != X86_OPND_GPR || !x86_lift_read(l, insn, 1, &src)) {
        return false;
    }
    dst = x86_lift_gpr(l, insn->op[0].reg, insn->op[0].size);
    emu_tcg_ir_mov(l->ir, type, dst, src);
    return true;
}

static bool
lift_extend(X86Lift *l, const X86Insn *insn, bool is_signed)
{
    EmuTcgType type = x86_lift_type(insn->op[0].size), from = x86_lift_type(insn->op[1].size);
    EmuTcgArg src;

    if (!x86_lift_read(l, insn, 1, &src)) {
        return false;
    }
    if (type == from) {
        emu_tcg_ir_mov(l->ir, type, x86_lift_gpr(l, insn->op[0].reg, insn->op[0].size), src);
    } else {
        emu_tcg_ir_extend(l->ir, is_signed, type, x86_lift_gpr(l, insn->op[0].reg, insn->op[0].size), src, from);
    }
    return true;
}

static bool
lift_movzx(X86Lift *l, const X86Insn *insn)
{
    return lift_extend(l, insn, false);
}

static bool
lift_movsx(X86Lift *l, const X86Insn *insn)
{
    return lift_extend(l, insn, true);
}

/* MOVSXD without REX.W reads and writes the operand size: a plain move. */
static bool
lift_movsxd(X86Lift *l, const X86Insn *insn)
{
    return insn->op[0].size >= insn->op[1].size && lift_extend(l, insn, true);
}

static bool
lift_lea(X86Lift *l, const X86Insn *insn)
{
    EmuTcgAddr a = {.wrap = insn->addrsize * 8, .disp = insn->disp, .scale = insn->scale};

    if (insn->base == X86_BASE_RIP) {
        a.pcrel = true;
        a.disp = (int64_t)(l->next + (uint64_t)insn->disp);
    } else if (insn->base != X86_NO_REG) {
        a.base = emu_tcg_ir_global(l->ir, insn->base, EMU_TCG_PART_FULL);
    }
    if (insn->index != X86_NO_REG) {
        a.index = emu_tcg_ir_global(l->ir, insn->index, EMU_TCG_PART_FULL);
    }
    emu_tcg_ir_lea(l->ir, x86_lift_type(insn->op[0].size), x86_lift_gpr(l, insn->op[0].reg, insn->op[0].size), &a);
    return true;
}

static bool
lift_xchg(X86Lift *l, const X86Insn *insn)
{
    EmuTcgType type = x86_lift_type(insn->op[0].size);
    EmuTcgArg a, b, t;

    if (has_mem(insn)) {
        return x86_lift_template(l, insn, NULL, 0, 0);
    }
    a = x86_lift_gpr(l, insn->op[0].reg, insn->op[0].size);
    b = x86_lift_gpr(l, insn->op[1].reg, insn->op[1].size);
    t = emu_tcg_ir_temp(l->ir);
    emu_tcg_ir_mov(l->ir, type, t, a);
    emu_tcg_ir_mov(l->ir, type, a, b);
    emu_tcg_ir_mov(l->ir, type, b, t);
    return true;
}

static bool
lift_cmov(X86Lift *l, const X86Insn *insn)
{
    EmuTcgArg src, dst = x86_lift_gpr(l, insn->op[0].reg, insn->op[0].size);

    if (!x86_lift_read(l, insn, 1, &src)) {
        return false;
    }
    emu_tcg_ir_select(l->ir, x86_lift_type(insn->op[0].size), dst, (EmuTcgCond)(insn->opcode & 15), src, dst);
    return true;
}

static bool
lift_setcc(X86Lift *l, const X86Insn *insn)
{
    EmuTcgArg dst;
    EmuTcgMem mem;

    if (!x86_lift_begin_write(l, insn, 0, &dst, &mem)) {
        return false;
    }
    emu_tcg_ir_set(l->ir, EMU_TCG_I8, dst, (EmuTcgCond)(insn->opcode & 15));
    x86_lift_commit(l, insn, 0, dst, &mem);
    return true;
}

/* CBW, CWDE, CDQE. */
static bool
lift_cbw(X86Lift *l, const X86Insn *insn)
{
    unsigned to = insn->opsize;

    emu_tcg_ir_extend(l->ir, true, x86_lift_type(to), x86_lift_gpr(l, X86_RAX, to), x86_lift_gpr(l, X86_RAX, to / 2),
                      x86_lift_type(to / 2));
    return true;
}

/* CWD, CDQ, CQO. */
static bool
lift_cwd(X86Lift *l, const X86Insn *insn)
{
    unsigned size = insn->opsize;

    emu_tcg_ir_op_flags(l->ir, EMU_TCG_OP_SAR, x86_lift_type(size), x86_lift_gpr(l, X86_RDX, size),
                        x86_lift_gpr(l, X86_RAX, size), emu_tcg_ir_const(l->ir, size * 8 - 1), EMU_TCG_FLAGS_NONE);
    return true;
}

static bool
lift_nop(X86Lift *l G_GNUC_UNUSED, const X86Insn *insn G_GNUC_UNUSED)
{
    return true;
}

/* ---- flags ------------------------------------------------------------------------------------------------------- */

static bool
lift_clc(X86Lift *l, const X86Insn *insn G_GNUC_UNUSED)
{
    emu_tcg_ir_setf(l->ir, emu_tcg_ir_const(l->ir, 0), EMU_TCG_FLAG_C);
    return true;
}

static bool
lift_stc(X86Lift *l, const X86Insn *insn G_GNUC_UNUSED)
{
    emu_tcg_ir_setf(l->ir, emu_tcg_ir_const(l->ir, EMU_TCG_FLAG_C), EMU_TCG_FLAG_C);
    return true;
}

static bool
lift_eflags_bit(X86Lift *l, uint32_t bit, bool set)
{
    EmuTcgArg eflags = emu_tcg_ir_global(l->ir, X86_GLOBAL_EFLAGS, EMU_TCG_PART_FULL);

    emu_tcg_ir_op_flags(l->ir, set ? EMU_TCG_OP_OR : EMU_TCG_OP_AND, EMU_TCG_I32, eflags, eflags,
                        emu_tcg_ir_const(l->ir, set ? (int32_t)bit : (int32_t)~bit), EMU_TCG_FLAGS_NONE);
    return true;
}

static bool
lift_cld(X86Lift *l, const X86Insn *insn G_GNUC_UNUSED)
{
    return lift_eflags_bit(l, X86_DF, false);
}

static bool
lift_std(X86Lift *l, const X86Insn *insn G_GNUC_UNUSED)
{
    return lift_eflags_bit(l, X86_DF, true);
}

static bool
lift_cli(X86Lift *l, const X86Insn *insn G_GNUC_UNUSED)
{
    if (!(l->mode & X86_MODE_IOPL) || (l->mode & X86_MODE_VM86)) {
        return false;
    }
    return lift_eflags_bit(l, X86_IF, false);
}

static bool
lift_lahf(X86Lift *l, const X86Insn *insn G_GNUC_UNUSED)
{
    EmuTcgArg flags, ah;

    if (x86_lift_is_64(l) && !x86_has_feature(l->s, X86_FEAT_LAHF_LM)) {
        return false;
    }
    flags = emu_tcg_ir_temp(l->ir);
    ah = emu_tcg_ir_temp(l->ir);
    emu_tcg_ir_getf(l->ir, flags);
    emu_tcg_ir_op_flags(l->ir, EMU_TCG_OP_OR, EMU_TCG_I32, ah, flags, emu_tcg_ir_const(l->ir, 2), EMU_TCG_FLAGS_NONE);
    emu_tcg_ir_mov(l->ir, EMU_TCG_I8, emu_tcg_ir_global(l->ir, X86_RAX, EMU_TCG_PART_HIGH8), ah);
    return true;
}

static bool
lift_sahf(X86Lift *l, const X86Insn *insn G_GNUC_UNUSED)
{
    EmuTcgArg flags;

    if (x86_lift_is_64(l) && !x86_has_feature(l->s, X86_FEAT_LAHF_LM)) {
        return false;
    }
    flags = emu_tcg_ir_temp(l->ir);
    emu_tcg_ir_extend(l->ir, false, EMU_TCG_I32, flags, emu_tcg_ir_global(l->ir, X86_RAX, EMU_TCG_PART_HIGH8), EMU_TCG_I8);
    emu_tcg_ir_setf(l->ir, flags, EMU_TCG_FLAGS_ALL & ~EMU_TCG_FLAG_O);
    return true;
}

/* ---- SIMD and x87 -------------------------------------------------------------------------------------------------------- */

static bool
lift_native(X86Lift *l, const X86Insn *insn)
{
    const X86Row *row = insn->row;
    X86Implicit implicit[3];
    unsigned n = 0, faults = 0;

    /* VZEROUPPER, VZEROALL: the host's know sixteen registers, a guest outside 64-bit code eight. */
    if (row->map == X86_MAP_VEX_0F && row->opcode == 0x77 && insn->mode != X86_MODE_CODE64) {
        return false;
    }
    if (row->attr & X86_A_RAX) {
        implicit[n++] = (X86Implicit){X86_RAX, READ};
        implicit[n++] = (X86Implicit){X86_RDX, READ};
    }
    if (row->attr & X86_A_RCX) {
        implicit[n++] = (X86Implicit){X86_RCX, WRITE};
    }
    if (row->attr & (X86_A_SSE | X86_A_AVX)) {
        faults |= EMU_TCG_TEMPLATE_VECTOR;
    }
    if (row->attr & X86_A_FP) {
        faults |= EMU_TCG_TEMPLATE_SIMD_FP;
    }
    if (row->attr & (X86_A_X87 | X86_A_MMX)) {
        faults |= EMU_TCG_TEMPLATE_X87;
    }
    return x86_lift_template(l, insn, implicit, n, faults);
}

/*
 * Control and status words; they know no pending exception that they would have to report, but FLDCW. LDMXCSR is not
 * among them: a host may accept bits that the guest must not (misaligned exception mask).
 */
static bool
lift_control_word(X86Lift *l, const X86Insn *insn)
{
    return x86_lift_template(l, insn, NULL, 0,
                             insn->row->attr & (X86_A_SSE | X86_A_AVX) ? EMU_TCG_TEMPLATE_VECTOR : EMU_TCG_TEMPLATE_X87);
}

static bool
lift_fwait(X86Lift *l, const X86Insn *insn)
{
    return (l->mode & X86_MODE_X87) && lift_control_word(l, insn);
}

static bool
lift_mulx(X86Lift *l, const X86Insn *insn)
{
    static const X86Implicit rdx[] = {{X86_RDX, READ}};

    return x86_lift_template(l, insn, rdx, 1, 0);
}

const X86LiftRule x86_lift_rules[X86_N_OPS] = {
    [X86_OP_template] = lift_native,
    [X86_OP_add] = lift_add,
    [X86_OP_or] = lift_or,
    [X86_OP_adc] = lift_adc,
    [X86_OP_sbb] = lift_sbb,
    [X86_OP_and] = lift_and,
    [X86_OP_sub] = lift_sub,
    [X86_OP_xor] = lift_xor,
    [X86_OP_cmp] = lift_cmp,
    [X86_OP_test] = lift_test,
    [X86_OP_inc] = lift_inc,
    [X86_OP_dec] = lift_dec,
    [X86_OP_neg] = lift_neg,
    [X86_OP_not] = lift_not,
    [X86_OP_mov] = lift_mov,
    [X86_OP_movzx] = lift_movzx,
    [X86_OP_movsx] = lift_movsx,
    [X86_OP_movsxd] = lift_movsxd,
    [X86_OP_movbe] = lift_plain_template,
    [X86_OP_lea] = lift_lea,
    [X86_OP_xchg] = lift_xchg,
    [X86_OP_xadd] = lift_plain_template,
    [X86_OP_cmpxchg] = lift_cmpxchg,
    [X86_OP_cmpxchg8b] = lift_cmpxchg8b,
    [X86_OP_mul] = lift_mul,
    [X86_OP_imul1] = lift_mul,
    [X86_OP_imul2] = lift_imul2,
    [X86_OP_imul3] = lift_imul3,
    [X86_OP_div] = lift_div,
    [X86_OP_idiv] = lift_div,
    [X86_OP_cbw] = lift_cbw,
    [X86_OP_cwd] = lift_cwd,
    [X86_OP_bswap] = lift_bswap,
    [X86_OP_nop] = lift_nop,
    [X86_OP_cmov] = lift_cmov,
    [X86_OP_setcc] = lift_setcc,
    [X86_OP_clc] = lift_clc,
    [X86_OP_stc] = lift_stc,
    [X86_OP_cld] = lift_cld,
    [X86_OP_std] = lift_std,
    [X86_OP_cli] = lift_cli,
    [X86_OP_push] = x86_lift_push,
    [X86_OP_pop] = x86_lift_pop,
    [X86_OP_pushf] = x86_lift_pushf,
    [X86_OP_leave] = x86_lift_leave,
    [X86_OP_rol] = lift_rol,
    [X86_OP_ror] = lift_ror,
    [X86_OP_rcl] = lift_shift_template,
    [X86_OP_rcr] = lift_shift_template,
    [X86_OP_shl] = lift_shl,
    [X86_OP_shr] = lift_shr,
    [X86_OP_sar] = lift_sar,
    [X86_OP_shld] = lift_shift_template,
    [X86_OP_shrd] = lift_shift_template,
    [X86_OP_bt] = lift_bit,
    [X86_OP_bts] = lift_bit,
    [X86_OP_btr] = lift_bit,
    [X86_OP_btc] = lift_bit,
    [X86_OP_bsf] = lift_plain_template,
    [X86_OP_bsr] = lift_plain_template,
    [X86_OP_tzcnt] = lift_plain_template,
    [X86_OP_lzcnt] = lift_plain_template,
    [X86_OP_popcnt] = lift_plain_template,
    [X86_OP_andn] = lift_plain_template,
    [X86_OP_bextr] = lift_plain_template,
    [X86_OP_blsi] = lift_plain_template,
    [X86_OP_blsmsk] = lift_plain_template,
    [X86_OP_blsr] = lift_plain_template,
    [X86_OP_bzhi] = lift_plain_template,
    [X86_OP_mulx] = lift_mulx,
    [X86_OP_pdep] = lift_plain_template,
    [X86_OP_pext] = lift_plain_template,
    [X86_OP_rorx] = lift_plain_template,
    [X86_OP_shlx] = lift_plain_template,
    [X86_OP_shrx] = lift_plain_template,
    [X86_OP_sarx] = lift_plain_template,
    [X86_OP_adcx] = lift_plain_template,
    [X86_OP_adox] = lift_plain_template,
    [X86_OP_jmp] = x86_lift_jmp,
    [X86_OP_jcc] = x86_lift_jcc,
    [X86_OP_jmp_ind] = x86_lift_jmp_ind,
    [X86_OP_call] = x86_lift_call,
    [X86_OP_call_ind] = x86_lift_call_ind,
    [X86_OP_ret] = x86_lift_ret,
    [X86_OP_loop] = x86_lift_loop,
    [X86_OP_jcxz] = x86_lift_jcxz,
    [X86_OP_fence] = lift_plain_template,
    [X86_OP_lahf] = lift_lahf,
    [X86_OP_sahf] = lift_sahf,
    [X86_OP_mov_seg_from] = x86_lift_mov_seg_from,
    [X86_OP_swapgs] = x86_lift_swapgs,
    [X86_OP_mov_from_cr] = x86_lift_mov_from_cr,
    [X86_OP_sti] = x86_lift_sti,
    [X86_OP_movs] = x86_lift_string,
    [X86_OP_stos] = x86_lift_string,
    [X86_OP_lods] = x86_lift_string_step,
    [X86_OP_scas] = x86_lift_string_step,
    [X86_OP_cmps] = x86_lift_string_step,
    [X86_OP_vgather] = x86_lift_gather,
    [X86_OP_popf] = x86_lift_popf,
    [X86_OP_iret] = x86_lift_iret,
    [X86_OP_syscall] = x86_lift_syscall,
    [X86_OP_sysret] = x86_lift_sysret,
    [X86_OP_rdtsc] = x86_lift_rdtsc,
    [X86_OP_fwait] = lift_fwait,
    [X86_OP_fnstcw] = lift_control_word,
    [X86_OP_fldcw] = lift_control_word,
    [X86_OP_fnstsw] = lift_control_word,
    [X86_OP_fnstsw_ax] = lift_control_word,
    [X86_OP_fnclex] = lift_control_word,
    [X86_OP_fninit] = lift_control_word,
    [X86_OP_stmxcsr] = lift_control_word,
};
