/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Where FLAGS are, between definition and use:
 *   f_host     in EFLAGS
 *   f_image    in the state's image (X64_ST_IMAGE)
 *   f_recipe   nowhere, but op f_recipe computes them again from registers that are unchanged since
 * None of them: nobody can see them.  Several may hold at a time.
 *
 * A recipe serves the out-of-line paths: they compute FLAGS there, and the straight path never does.
 */

#include "x64-private.h"

/* What is needed of FLAGS before the current op. */
unsigned
x64_live_in(const X64Emit *e)
{
    return e->op == 0 ? EMU_TCG_FLAGS_ALL | TCG_LIVE_VISIBLE : e->ir->ops[e->op - 1].live;
}

/* EFLAGS -> image.  EFLAGS are kept. */
void
x64_flags_save(X64Asm *a, unsigned scratch)
{
    x64_mov_rr(a, 8, scratch, X64_RAX);
    x64_byte(a, 0x9f); /* lahf */
    x64_group(a, 1, 0x0f90, 0, x64_reg(X64_RAX)); /* seto al */
    x64_mov_store(a, 2, x64_mem(X64_RSP, X64_ST_IMAGE), X64_RAX);
    x64_mov_rr(a, 8, X64_RAX, scratch);
}

/* image -> EFLAGS, without a scratch register. */
static void
flags_restore(X64Emit *e)
{
    X64Asm *a = &e->a;
    X64Rm slot = x64_mem(X64_RSP, e->h->hot_offset + (int32_t)offsetof(TcgHot, spill) +
                                      X64_SPILL_RAX * 8);

    x64_mov_store(a, 8, slot, X64_RAX);
    x64_mov_load(a, 2, X64_RAX, x64_mem(X64_RSP, X64_ST_IMAGE));
    x64_alu_imm(a, X64_ADD, 1, x64_reg(X64_RAX), 0x7f); /* OF = O */
    x64_byte(a, 0x9e);                                  /* sahf */
    x64_mov_load(a, 8, X64_RAX, slot);
}

static void
flags_save(X64Emit *e)
{
    unsigned scratch = x64_scratch_free(e);

    if (scratch != X64_NONE) {
        x64_flags_save(&e->a, scratch);
        e->f_image = true;
        return;
    }

    X64Rm slot = x64_mem(X64_RSP, e->h->hot_offset + (int32_t)offsetof(TcgHot, spill) +
                                      X64_SPILL_RAX * 8);

    x64_mov_store(&e->a, 8, slot, X64_RAX);
    x64_byte(&e->a, 0x9f);
    x64_group(&e->a, 1, 0x0f90, 0, x64_reg(X64_RAX));
    x64_mov_store(&e->a, 2, x64_mem(X64_RSP, X64_ST_IMAGE), X64_RAX);
    x64_mov_load(&e->a, 8, X64_RAX, slot);
    e->f_image = true;
}

void
x64_flags_to_host(X64Emit *e)
{
    if (e->f_host) {
        return;
    }
    if (e->f_image) {
        flags_restore(e);
    } else if (e->f_recipe >= 0) {
        x64_recipe(e, e->f_recipe, x64_scratch_free(e));
    } else {
        /* The backward pass says that nobody needs them: any value will do. */
        return;
    }
    e->f_host = true;
}

void
x64_flags_to_image(X64Emit *e)
{
    if (!e->f_image) {
        x64_flags_to_host(e);
        if (e->f_host) {
            flags_save(e);
        } else {
            e->f_image = true;
        }
    }
}

/*
 * The code that follows changes EFLAGS, while @needed of FLAGS (parts and TCG_LIVE_VISIBLE) must stay
 * reachable.
 */
void
x64_flags_before_clobber(X64Emit *e, unsigned needed)
{
    if (!e->f_image) {
        if (needed & EMU_TCG_FLAGS_ALL) {
            if (e->f_host || e->f_recipe >= 0) {
                x64_flags_to_image(e);
            }
        } else if ((needed & TCG_LIVE_VISIBLE) && e->f_recipe < 0 && e->f_host) {
            flags_save(e);
        }
    }
    e->f_host = false;
}

/* The op just emitted left its FLAGS in EFLAGS. */
void
x64_flags_defined(X64Emit *e, bool full, int recipe)
{
    e->f_host = true;
    e->f_image = false;
    e->f_recipe = full ? recipe : -1;
}

/*
 * The op writes global @dst: a recipe that reads it ends here.  @needed_after: what of the old FLAGS is
 * needed behind the op.
 */
void
x64_flags_write(X64Emit *e, EmuTcgArg dst, unsigned needed_after)
{
    if (e->f_recipe >= 0 && x64_recipe_reads(e, e->f_recipe, dst)) {
        if (!e->f_image && !e->f_host && needed_after != 0) {
            x64_flags_to_image(e);
        }
        e->f_recipe = -1;
    }
}

/* ---- recipes ------------------------------------------------------------------------------------------- */

static bool
recipe_operand(const X64Emit *e, EmuTcgArg arg)
{
    if (TCG_ARG_KIND(arg) == EMU_TCG_ARG_GLOBAL) {
        return TCG_GLOBAL_PART(arg) != EMU_TCG_PART_HIGH8;
    }
    if (tcg_arg_is_const(arg)) {
        int64_t v = tcg_arg_value(e->ir, arg);

        return v == (int32_t)v;
    }
    return false;
}

static inline bool
same_global(EmuTcgArg a, EmuTcgArg b)
{
    return TCG_ARG_KIND(a) == EMU_TCG_ARG_GLOBAL && TCG_ARG_KIND(b) == EMU_TCG_ARG_GLOBAL &&
           TCG_GLOBAL_INDEX(a) == TCG_GLOBAL_INDEX(b);
}

/*
 * CMP and TEST: again.  AND, OR, XOR: test the result with itself.  ADD and SUB in place: undo, redo.
 */
bool
x64_recipe_possible(const X64Emit *e, const TcgOp *op)
{
    switch (op->op) {
    case EMU_TCG_OP_CMP:
    case EMU_TCG_OP_TEST:
        return recipe_operand(e, op->a) && recipe_operand(e, op->b) && !tcg_arg_is_const(op->a);
    case EMU_TCG_OP_AND:
    case EMU_TCG_OP_OR:
    case EMU_TCG_OP_XOR:
        return TCG_ARG_KIND(op->dst) == EMU_TCG_ARG_GLOBAL && recipe_operand(e, op->dst);
    case EMU_TCG_OP_ADD:
    case EMU_TCG_OP_SUB:
        return TCG_ARG_KIND(op->dst) == EMU_TCG_ARG_GLOBAL && op->dst == op->a &&
               recipe_operand(e, op->dst) && recipe_operand(e, op->b) &&
               !same_global(op->dst, op->b);
    default:
        return false;
    }
}

bool
x64_recipe_reads(const X64Emit *e, int index, EmuTcgArg global)
{
    const TcgOp *op = &e->ir->ops[index];

    switch (op->op) {
    case EMU_TCG_OP_CMP:
    case EMU_TCG_OP_TEST:
        return same_global(op->a, global) || same_global(op->b, global);
    case EMU_TCG_OP_AND:
    case EMU_TCG_OP_OR:
    case EMU_TCG_OP_XOR:
        return same_global(op->dst, global);
    default:
        return same_global(op->dst, global) || same_global(op->b, global);
    }
}

/* @scratch is for two operands in the state. */
static X64Loc
recipe_load(X64Emit *e, unsigned size, X64Loc loc, unsigned scratch)
{
    if (scratch == X64_NONE) {
        e->failed = true;
        scratch = X64_R10;
    }
    x64_mov_load(&e->a, size, scratch, x64_loc_rm(loc));
    return (X64Loc){.kind = X64_LOC_REG, .reg = scratch};
}

static void
recipe_alu(X64Emit *e, unsigned alu, unsigned size, EmuTcgArg a, EmuTcgArg b, unsigned scratch)
{
    X64Loc x = x64_loc(e, a), y = x64_loc(e, b);

    if (x.kind == X64_LOC_MEM && y.kind == X64_LOC_MEM) {
        y = recipe_load(e, size, y, scratch);
    }
    if (y.kind == X64_LOC_IMM) {
        int64_t imm = size == 1 ? (int8_t)y.imm : size == 2 ? (int16_t)y.imm : (int32_t)y.imm;

        x64_alu_imm(&e->a, alu, size, x64_loc_rm(x), imm);
    } else if (y.kind == X64_LOC_MEM) {
        x64_alu_load(&e->a, alu, size, x.reg, x64_loc_rm(y));
    } else {
        x64_alu_store(&e->a, alu, size, x64_loc_rm(x), y.reg);
    }
}

void
x64_recipe(X64Emit *e, int index, unsigned scratch)
{
    const TcgOp *op = &e->ir->ops[index];
    unsigned size = tcg_type_bytes[op->type];
    X64Asm *a = &e->a;

    switch (op->op) {
    case EMU_TCG_OP_CMP:
        recipe_alu(e, X64_CMP, size, op->a, op->b, scratch);
        break;
    case EMU_TCG_OP_ADD:
        recipe_alu(e, X64_SUB, size, op->dst, op->b, scratch);
        recipe_alu(e, X64_ADD, size, op->dst, op->b, scratch);
        break;
    case EMU_TCG_OP_SUB:
        recipe_alu(e, X64_ADD, size, op->dst, op->b, scratch);
        recipe_alu(e, X64_SUB, size, op->dst, op->b, scratch);
        break;
    default: {
        EmuTcgArg first = op->op == EMU_TCG_OP_TEST ? op->a : op->dst;
        EmuTcgArg second = op->op == EMU_TCG_OP_TEST ? op->b : op->dst;
        X64Loc x = x64_loc(e, first), y = x64_loc(e, second);

        if (y.kind == X64_LOC_IMM) {
            x64_group(a, size, size == 1 ? 0xf6 : 0xf7, 0, x64_loc_rm(x));
            x64_imm(a, size, y.imm);
        } else {
            if (y.kind == X64_LOC_MEM) {
                if (x.kind == X64_LOC_MEM) {
                    y = recipe_load(e, size, y, scratch);
                } else {
                    X64Loc t = x;

                    x = y;
                    y = t;
                }
            }
            x64_op(a, size, size == 1 ? 0x84 : 0x85, y.reg, x64_loc_rm(x));
        }
        break;
    }
    }
}
