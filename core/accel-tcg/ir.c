/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The builder functions of <emu/tcg-ir.h>. */

#include "ir-private.h"

#include <string.h>

const TcgOpInfo tcg_op_info[EMU_TCG_N_OPS] = {
#define IR_OP_INFO(NAME, text, sig, fdef, fuse, attr)                                              \
    [EMU_TCG_OP_##NAME] = {#text, sig, fdef, fuse, attr},
    EMU_TCG_OPS(IR_OP_INFO)
#undef IR_OP_INFO
};

const uint8_t tcg_type_bytes[EMU_TCG_N_TYPES] = {
    [EMU_TCG_I8] = 1,    [EMU_TCG_I16] = 2,   [EMU_TCG_I32] = 4,    [EMU_TCG_I64] = 8,
    [EMU_TCG_I128] = 16, [EMU_TCG_F32] = 4,   [EMU_TCG_F64] = 8,    [EMU_TCG_F80] = 10,
    [EMU_TCG_V128] = 16, [EMU_TCG_V256] = 32, [EMU_TCG_V512] = 64,  [EMU_TCG_FLAGS] = 4,
};

EmuTcgIr *
tcg_ir_new(void)
{
    return g_new(EmuTcgIr, 1);
}

void
tcg_ir_begin(EmuTcgIr *ir, const EmuTcgFrontend *fe, uint64_t pc, uint64_t mode_key,
             uint32_t mmu_mode, unsigned max_insns)
{
    memset(ir, 0, offsetof(EmuTcgIr, ops));
    ir->fe = fe;
    ir->pc = pc;
    ir->mode_key = mode_key;
    ir->mmu_mode = mmu_mode;
    ir->max_insns = MIN(max_insns, TCG_IR_MAX_INSNS);
}

/**
 * emu_tcg_cond_flags:
 * @cond: a condition
 *
 * Returns: the FLAGS parts that it reads
 */
unsigned
emu_tcg_cond_flags(EmuTcgCond cond)
{
    static const uint16_t parts[8] = {
        EMU_TCG_FLAG_O,
        EMU_TCG_FLAG_C,
        EMU_TCG_FLAG_Z,
        EMU_TCG_FLAG_C | EMU_TCG_FLAG_Z,
        EMU_TCG_FLAG_S,
        EMU_TCG_FLAG_P,
        EMU_TCG_FLAG_S | EMU_TCG_FLAG_O,
        EMU_TCG_FLAG_Z | EMU_TCG_FLAG_S | EMU_TCG_FLAG_O,
    };
    return parts[cond >> 1 & 7];
}

uint64_t
emu_tcg_ir_block_pc(const EmuTcgIr *ir)
{
    return ir->pc;
}

uint64_t
emu_tcg_ir_mode_key(const EmuTcgIr *ir)
{
    return ir->mode_key;
}

/* ---- operands ------------------------------------------------------------------------------------ */

EmuTcgArg
emu_tcg_ir_global(EmuTcgIr *ir, unsigned index, EmuTcgPart part)
{
    g_assert(index < ir->fe->n_globals);
    return TCG_ARG_MAKE(EMU_TCG_ARG_GLOBAL, (unsigned)part << 10 | index);
}

EmuTcgArg
emu_tcg_ir_temp(EmuTcgIr *ir)
{
    if (ir->n_temps == TCG_IR_MAX_TEMPS) {
        ir->overflow = true;
        return TCG_ARG_MAKE(EMU_TCG_ARG_TEMP, 0);
    }
    return TCG_ARG_MAKE(EMU_TCG_ARG_TEMP, ir->n_temps++);
}

static unsigned
ir_pool(EmuTcgIr *ir, int64_t value)
{
    if (ir->n_consts == TCG_IR_MAX_CONSTS) {
        ir->overflow = true;
        return 0;
    }
    ir->consts[ir->n_consts] = value;
    return ir->n_consts++;
}

EmuTcgArg
emu_tcg_ir_const(EmuTcgIr *ir, int64_t value)
{
    if (value >= -4096 && value < 4096) {
        return TCG_ARG_MAKE(EMU_TCG_ARG_IMM, (unsigned)value & 0x1fff);
    }
    return TCG_ARG_MAKE(EMU_TCG_ARG_CONST, ir_pool(ir, value));
}

EmuTcgArg
emu_tcg_ir_pcrel(EmuTcgIr *ir, uint64_t value)
{
    return TCG_ARG_MAKE(EMU_TCG_ARG_PCREL, ir_pool(ir, (int64_t)value));
}

/* ---- ops --------------------------------------------------------------------------------------------- */

static TcgOp *
ir_add(EmuTcgIr *ir, EmuTcgOpcode opcode, EmuTcgType type)
{
    if (ir->n_ops == TCG_IR_MAX_OPS || ir->ended) {
        ir->overflow = true;
        ir->n_ops = MIN(ir->n_ops, TCG_IR_MAX_OPS - 1);
        return &ir->ops[ir->n_ops];
    }

    TcgOp *op = &ir->ops[ir->n_ops++];

    *op = (TcgOp){
        .op = opcode,
        .type = type,
        .fdef = tcg_op_info[opcode].fdef,
        .fuse = tcg_op_info[opcode].fuse,
    };
    ir->ended = (tcg_op_info[opcode].attr & EMU_TCG_ATTR_END) != 0;
    return op;
}

bool
emu_tcg_ir_insn(EmuTcgIr *ir, uint64_t pc, unsigned length)
{
    if (ir->n_insns == ir->max_insns || ir->n_ops + TCG_IR_INSN_OPS > TCG_IR_MAX_OPS ||
        ir->n_consts + TCG_IR_INSN_OPS > TCG_IR_MAX_CONSTS ||
        ir->n_mems + 8 > TCG_IR_MAX_MEMS || ir->n_templates + 4 > TCG_IR_MAX_TEMPLATES ||
        ir->n_calls + 4 > TCG_IR_MAX_HELPERS || ir->n_temps + 24 > TCG_IR_MAX_TEMPS ||
        ir->blob_used + 1024 > TCG_IR_BLOB_SIZE) {
        return false;
    }

    TcgInsn *insn = &ir->insns[ir->n_insns++];

    insn->pc = pc;
    insn->length = length;
    insn->first_op = ir->n_ops;
    insn->integer = false;

    TcgOp *op = ir_add(ir, EMU_TCG_OP_INSN, EMU_TCG_TYPE_NONE);

    op->a = (uint16_t)(pc - ir->pc);
    op->x = length;
    return true;
}

void
emu_tcg_ir_insn_integer(EmuTcgIr *ir)
{
    ir->insns[ir->n_insns - 1].integer = true;
}

void
emu_tcg_ir_op_flags(EmuTcgIr *ir, EmuTcgOpcode opcode, EmuTcgType type, EmuTcgArg dst, EmuTcgArg a,
                    EmuTcgArg b, unsigned flags)
{
    TcgOp *op = ir_add(ir, opcode, type);

    op->dst = dst;
    op->a = a;
    op->b = b;
    op->fdef = flags;
    if (flags == 0 && opcode >= EMU_TCG_OP_SHL && opcode <= EMU_TCG_OP_ROR) {
        op->fuse = 0;
    }
    /* A shift by a known count that is not zero keeps nothing. */
    if (opcode >= EMU_TCG_OP_SHL && opcode <= EMU_TCG_OP_ROR && tcg_arg_is_const(b)) {
        unsigned count = tcg_arg_value(ir, b) & (type == EMU_TCG_I64 ? 63 : 31);

        op->fuse = 0;
        if (count == 0) {
            op->fdef = 0;
        }
    }
}

void
emu_tcg_ir_op(EmuTcgIr *ir, EmuTcgOpcode opcode, EmuTcgType type, EmuTcgArg dst, EmuTcgArg a,
              EmuTcgArg b)
{
    emu_tcg_ir_op_flags(ir, opcode, type, dst, a, b, tcg_op_info[opcode].fdef);
}

void
emu_tcg_ir_extend(EmuTcgIr *ir, bool is_signed, EmuTcgType type, EmuTcgArg dst, EmuTcgArg a,
                  EmuTcgType source_type)
{
    TcgOp *op = ir_add(ir, is_signed ? EMU_TCG_OP_SEXT : EMU_TCG_OP_ZEXT, type);

    op->dst = dst;
    op->a = a;
    op->x = source_type;
}

static unsigned
ir_mem(EmuTcgIr *ir, const EmuTcgMem *mem)
{
    if (ir->n_mems == TCG_IR_MAX_MEMS) {
        ir->overflow = true;
        return 0;
    }

    EmuTcgMem *m = &ir->mems[ir->n_mems];

    *m = *mem;
    if (m->mmu_mode == EMU_TCG_MMU_CURRENT) {
        m->mmu_mode = ir->mmu_mode;
    }
    return ir->n_mems++;
}

void
emu_tcg_ir_lea(EmuTcgIr *ir, EmuTcgType type, EmuTcgArg dst, const EmuTcgAddr *addr)
{
    EmuTcgMem mem = {.addr = *addr};
    TcgOp *op = ir_add(ir, EMU_TCG_OP_LEA, type);

    op->dst = dst;
    op->x = ir_mem(ir, &mem);
}

void
emu_tcg_ir_select(EmuTcgIr *ir, EmuTcgType type, EmuTcgArg dst, EmuTcgCond cond, EmuTcgArg a,
                  EmuTcgArg b)
{
    TcgOp *op = ir_add(ir, EMU_TCG_OP_SELECT, type);

    op->dst = dst;
    op->a = a;
    op->b = b;
    op->x = cond;
    op->fuse = emu_tcg_cond_flags(cond);
}

void
emu_tcg_ir_set(EmuTcgIr *ir, EmuTcgType type, EmuTcgArg dst, EmuTcgCond cond)
{
    TcgOp *op = ir_add(ir, EMU_TCG_OP_SET, type);

    op->dst = dst;
    op->x = cond;
    op->fuse = emu_tcg_cond_flags(cond);
}

void
emu_tcg_ir_getf(EmuTcgIr *ir, EmuTcgArg dst)
{
    ir_add(ir, EMU_TCG_OP_GETF, EMU_TCG_I32)->dst = dst;
}

void
emu_tcg_ir_setf(EmuTcgIr *ir, EmuTcgArg a, unsigned parts)
{
    TcgOp *op = ir_add(ir, EMU_TCG_OP_SETF, EMU_TCG_I32);

    op->a = a;
    op->x = parts;
    op->fdef = parts;
    op->fuse = EMU_TCG_FLAGS_ALL & ~parts;
}

void
emu_tcg_ir_load(EmuTcgIr *ir, EmuTcgType type, EmuTcgArg dst, const EmuTcgMem *mem)
{
    TcgOp *op = ir_add(ir, EMU_TCG_OP_LOAD, type);

    op->dst = dst;
    op->x = ir_mem(ir, mem);
    ir->mems[op->x].access = EMU_TCG_PROT_READ;
    ir->mems[op->x].size = tcg_type_bytes[type];
}

void
emu_tcg_ir_store(EmuTcgIr *ir, EmuTcgType type, EmuTcgArg value, const EmuTcgMem *mem)
{
    TcgOp *op = ir_add(ir, EMU_TCG_OP_STORE, type);

    op->a = value;
    op->x = ir_mem(ir, mem);
    ir->mems[op->x].access = EMU_TCG_PROT_WRITE;
    ir->mems[op->x].size = tcg_type_bytes[type];
}

void
emu_tcg_ir_template(EmuTcgIr *ir, const EmuTcgTemplate *t)
{
    unsigned size = (t->insn_size + 15u) & ~15u;

    if (ir->n_templates == TCG_IR_MAX_TEMPLATES || ir->blob_used + size > TCG_IR_BLOB_SIZE) {
        ir->overflow = true;
        return;
    }

    TcgOp *op = ir_add(ir, EMU_TCG_OP_TEMPLATE, EMU_TCG_TYPE_NONE);
    EmuTcgTemplate *copy = &ir->templates[ir->n_templates];

    *copy = *t;
    copy->insn = memcpy(ir->blob + ir->blob_used, t->insn, t->insn_size);
    if (copy->has_mem && copy->mem.mmu_mode == EMU_TCG_MMU_CURRENT) {
        copy->mem.mmu_mode = ir->mmu_mode;
    }
    ir->blob_used += size;
    op->x = ir->n_templates++;
    op->fdef = t->flags_defined;
    op->fuse = t->flags_used;
}

void
emu_tcg_ir_call(EmuTcgIr *ir, const EmuTcgHelper *helper, EmuTcgArg dst, EmuTcgArg a, EmuTcgArg b,
                EmuTcgArg c)
{
    if (ir->n_calls == TCG_IR_MAX_HELPERS) {
        ir->overflow = true;
        return;
    }

    TcgOp *op = ir_add(ir, EMU_TCG_OP_CALL, EMU_TCG_I64);

    op->dst = dst;
    op->a = a;
    op->b = b;
    op->x = ir->n_calls;
    op->fuse = helper->flags & EMU_TCG_HELPER_READS_FLAGS ? EMU_TCG_FLAGS_ALL : 0;
    op->fdef = helper->flags & EMU_TCG_HELPER_WRITES_FLAGS ? EMU_TCG_FLAGS_ALL : 0;
    ir->calls[ir->n_calls++] = (TcgCall){helper, c};
}

void
emu_tcg_ir_interp_one(EmuTcgIr *ir)
{
    TcgOp *op = ir_add(ir, EMU_TCG_OP_INTERP, EMU_TCG_TYPE_NONE);

    op->fuse = EMU_TCG_FLAGS_ALL;
    op->fdef = EMU_TCG_FLAGS_ALL;
}

/* ---- ends ------------------------------------------------------------------------------------------------ */

void
emu_tcg_ir_jump(EmuTcgIr *ir, uint64_t target)
{
    EmuTcgArg arg = emu_tcg_ir_pcrel(ir, target);

    ir_add(ir, EMU_TCG_OP_JUMP, EMU_TCG_I64)->a = arg;
}

void
emu_tcg_ir_branch(EmuTcgIr *ir, EmuTcgCond cond, uint64_t taken, uint64_t not_taken)
{
    EmuTcgArg a = emu_tcg_ir_pcrel(ir, taken), b = emu_tcg_ir_pcrel(ir, not_taken);
    TcgOp *op = ir_add(ir, EMU_TCG_OP_BRANCH, EMU_TCG_I64);

    op->a = a;
    op->b = b;
    op->x = cond;
    op->fuse = emu_tcg_cond_flags(cond);
}

void
emu_tcg_ir_brnz(EmuTcgIr *ir, EmuTcgType type, EmuTcgArg value, uint64_t taken, uint64_t not_taken)
{
    EmuTcgArg a = emu_tcg_ir_pcrel(ir, taken), b = emu_tcg_ir_pcrel(ir, not_taken);
    TcgOp *op = ir_add(ir, EMU_TCG_OP_BRNZ, type);

    op->dst = value;
    op->a = a;
    op->b = b;
}

void
emu_tcg_ir_jump_ind(EmuTcgIr *ir, EmuTcgArg target, EmuTcgJumpHint hint)
{
    TcgOp *op = ir_add(ir, EMU_TCG_OP_JUMP_IND, EMU_TCG_I64);

    op->a = target;
    op->x = hint;
}

void
emu_tcg_ir_exit(EmuTcgIr *ir, uint64_t pc, EmuTcgExit reason)
{
    EmuTcgArg a = emu_tcg_ir_pcrel(ir, pc);
    TcgOp *op = ir_add(ir, EMU_TCG_OP_EXIT, EMU_TCG_I64);

    op->a = a;
    op->x = reason;
}

void
emu_tcg_ir_exit_interp(EmuTcgIr *ir)
{
    ir_add(ir, EMU_TCG_OP_EXIT_INTERP, EMU_TCG_TYPE_NONE)->fuse = EMU_TCG_FLAGS_ALL;
}
