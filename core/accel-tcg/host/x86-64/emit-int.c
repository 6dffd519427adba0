/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Integer ops without memory operand. */

#include "x64-private.h"

static inline bool
loc_needs_rex(X64Loc loc, unsigned size)
{
    return loc.kind == X64_LOC_REG && loc.reg < X64_AH &&
           (loc.reg >= 8 || (size == 1 && loc.reg >= 4));
}

static inline bool
loc_high(X64Loc loc)
{
    return loc.kind == X64_LOC_REG && loc.reg >= X64_AH;
}

static X64Loc
reg_loc(unsigned reg)
{
    return (X64Loc){.kind = X64_LOC_REG, .reg = reg};
}

/* An immediate as the operation's width sees it. */
static inline int64_t
imm_trunc(int64_t v, unsigned size)
{
    return size == 1 ? (int8_t)v : size == 2 ? (int16_t)v : size == 4 ? (int32_t)v : v;
}

/* Makes a source usable beside register or memory operand @other: in a register, or an immediate of at
 * most 32 bits; memory only when @mem_ok. */
static X64Loc
source(X64Emit *e, EmuTcgArg arg, unsigned size, bool mem_ok, bool rex_beside)
{
    X64Loc loc = x64_loc(e, arg);

    if (loc.kind == X64_LOC_IMM) {
        loc.imm = imm_trunc(loc.imm, size);
        if (loc.imm == (int32_t)loc.imm) {
            return loc;
        }
    } else if (loc.kind == X64_LOC_MEM ? mem_ok : !(loc_high(loc) && rex_beside)) {
        return loc;
    }

    unsigned reg = x64_scratch(e);

    x64_load_arg(e, reg, arg, size);
    return reg_loc(reg);
}

/* alu d, s: not both in memory, no high byte beside REX. */
void
x64_alu_loc(X64Emit *e, unsigned alu, unsigned size, X64Loc d, X64Loc s)
{
    if (s.kind == X64_LOC_IMM) {
        x64_alu_imm(&e->a, alu, size, x64_loc_rm(d), s.imm);
    } else if (d.kind == X64_LOC_REG) {
        x64_alu_load(&e->a, alu, size, d.reg, x64_loc_rm(s));
    } else {
        x64_alu_store(&e->a, alu, size, x64_loc_rm(d), s.reg);
    }
}

static unsigned
alu_of(unsigned opcode)
{
    switch (opcode) {
    case EMU_TCG_OP_ADD:
        return X64_ADD;
    case EMU_TCG_OP_ADC:
        return X64_ADC;
    case EMU_TCG_OP_SUB:
        return X64_SUB;
    case EMU_TCG_OP_SBB:
        return X64_SBB;
    case EMU_TCG_OP_AND:
        return X64_AND;
    case EMU_TCG_OP_OR:
        return X64_OR;
    case EMU_TCG_OP_XOR:
        return X64_XOR;
    default:
        return X64_CMP;
    }
}

/*
 * FLAGS around an op that changes EFLAGS: its own definition, or a side effect.
 * Call before emission; flags_after() behind it.
 */
static void
flags_around(X64Emit *e, const TcgOp *op)
{
    unsigned live = op->live;
    unsigned kept = (op->fdef & EMU_TCG_FLAGS_ALL) == EMU_TCG_FLAGS_ALL
                        ? 0
                        : live & ~(unsigned)op->fdef;

    if (op->fdef == 0) {
        if (op->fuse != 0) {
            x64_flags_to_host(e);
        }
        /* Saving keeps EFLAGS. */
        x64_flags_before_clobber(e, live);
        return;
    }
    if (op->fuse != 0) {
        /* Shifts that may keep everything, ADC, SBB. */
        if (op->fuse != EMU_TCG_FLAGS_ALL || live != 0) {
            x64_flags_to_host(e);
        }
    } else if ((kept & EMU_TCG_FLAGS_ALL) != 0 || (kept & TCG_LIVE_VISIBLE)) {
        x64_flags_to_host(e);
    }
}

static void
flags_after(X64Emit *e, const TcgOp *op)
{
    if (op->fdef != 0) {
        bool full = (op->fdef & EMU_TCG_FLAGS_ALL) == EMU_TCG_FLAGS_ALL && op->fuse == 0;

        x64_flags_defined(e, full, x64_recipe_possible(e, op) ? (int)e->op : -1);
    }
}

/* Before flags_around(): a recipe that ends here may need EFLAGS. */
static void
write_dst(X64Emit *e, const TcgOp *op)
{
    if (op->fuse != 0 && (op->fuse != EMU_TCG_FLAGS_ALL || op->live != 0)) {
        x64_flags_to_host(e);
    }

    unsigned after = op->fdef == EMU_TCG_FLAGS_ALL && op->fuse == 0 ? 0 : op->live;

    x64_flags_write(e, op->dst, after);
}

static bool
commutes(unsigned opcode)
{
    return opcode != EMU_TCG_OP_SUB && opcode != EMU_TCG_OP_SBB;
}

/* d = a + b or a - constant that leaves FLAGS alone: lea. */
static bool
emit_lea_add(X64Emit *e, const TcgOp *op, unsigned size)
{
    if (op->fdef != 0 && op->live != 0) {
        return false;
    }
    if (size < 4 || (op->op != EMU_TCG_OP_ADD && op->op != EMU_TCG_OP_SUB) ||
        tcg_arg_is_const(op->a)) {
        return false;
    }

    bool constant = tcg_arg_is_const(op->b);
    int64_t imm = constant ? tcg_arg_value(e->ir, op->b) : 0;

    if (op->op == EMU_TCG_OP_SUB) {
        imm = -imm;
    }
    if ((constant && imm != (int32_t)imm) || (!constant && op->op == EMU_TCG_OP_SUB)) {
        return false;
    }
    write_dst(e, op);

    unsigned a = x64_use(e, op->a, size);
    X64Rm rm = constant ? x64_mem(a, (int32_t)imm)
                        : x64_mem_index(a, x64_use(e, op->b, size), 0, 0);
    unsigned d = x64_def(e, op->dst, size);

    x64_lea(&e->a, size, d, rm);
    x64_def_done(e, op->dst, size, d);
    return true;
}

static void
emit_alu(X64Emit *e, const TcgOp *op)
{
    unsigned size = tcg_type_bytes[op->type];
    unsigned alu = alu_of(op->op);
    EmuTcgArg a = op->a, b = op->b;

    if (emit_lea_add(e, op, size)) {
        return;
    }
    write_dst(e, op);
    flags_around(e, op);
    if (op->dst != a && op->dst == b && commutes(op->op)) {
        a = op->b;
        b = op->a;
    }

    X64Loc d = x64_loc(e, op->dst);
    bool in_place = op->dst == a && TCG_ARG_KIND(a) == EMU_TCG_ARG_GLOBAL &&
                    !(d.kind == X64_LOC_MEM && x64_clears_upper(e, op->dst, size));

    if (in_place) {
        X64Loc s = source(e, b, size, d.kind == X64_LOC_REG && !loc_high(d), loc_high(d) || loc_needs_rex(d, size));

        if (!(loc_high(d) && loc_needs_rex(s, size)) && !(loc_high(s) && loc_needs_rex(d, size))) {
            x64_alu_loc(e, alu, size, d, s);
            flags_after(e, op);
            return;
        }
    }

    /* Through a register: the destination's own unless b needs it. */
    X64Loc s = source(e, b, size, true, true);
    bool d_free = d.kind == X64_LOC_REG && !loc_high(d) &&
                  TCG_ARG_KIND(op->dst) == EMU_TCG_ARG_GLOBAL && size >= 4 &&
                  !(s.kind == X64_LOC_REG && s.reg == d.reg);
    unsigned r = d_free ? d.reg
                 : TCG_ARG_KIND(op->dst) == EMU_TCG_ARG_TEMP && op->dst != a
                     ? x64_def(e, op->dst, size)
                     : x64_scratch(e);

    x64_load_arg(e, r, a, size);
    x64_alu_loc(e, alu, size, reg_loc(r), s);
    flags_after(e, op);
    x64_def_done(e, op->dst, size, r);
}

static void
emit_cmp(X64Emit *e, const TcgOp *op)
{
    unsigned size = tcg_type_bytes[op->type];

    if (op->live == 0) {
        return; /* nobody looks */
    }

    X64Loc x = x64_loc(e, op->a);
    bool rex = loc_needs_rex(x, size);

    if (x.kind == X64_LOC_IMM) {
        unsigned r = x64_scratch(e);

        x64_load_arg(e, r, op->a, size);
        x = reg_loc(r);
        rex = true;
    }

    X64Loc y = source(e, op->b, size, x.kind == X64_LOC_REG && !loc_high(x), rex || loc_high(x));

    if (loc_high(x) && loc_needs_rex(y, size)) {
        unsigned r = x64_scratch(e);

        x64_load_arg(e, r, op->a, size);
        x = reg_loc(r);
    }
    if (op->op == EMU_TCG_OP_CMP) {
        x64_alu_loc(e, X64_CMP, size, x, y);
    } else if (y.kind == X64_LOC_IMM) {
        x64_group(&e->a, size, size == 1 ? 0xf6 : 0xf7, 0, x64_loc_rm(x));
        x64_imm(&e->a, size, y.imm);
    } else if (y.kind == X64_LOC_MEM) {
        x64_op(&e->a, size, size == 1 ? 0x84 : 0x85, x.reg, x64_loc_rm(y));
    } else {
        x64_op(&e->a, size, size == 1 ? 0x84 : 0x85, y.reg, x64_loc_rm(x));
    }
    flags_after(e, op);
}

/* INC DEC NEG NOT BSWAP: opcode group F6/F7, FE/FF. */
static void
emit_unary(X64Emit *e, const TcgOp *op)
{
    unsigned size = tcg_type_bytes[op->type];
    bool in_place = op->dst == op->a && TCG_ARG_KIND(op->a) == EMU_TCG_ARG_GLOBAL;

    /* Without FLAGS: inc and dec are lea. */
    if ((op->op == EMU_TCG_OP_INC || op->op == EMU_TCG_OP_DEC) && size >= 4 &&
        (op->fdef == 0 || !(op->live & (op->fdef | TCG_LIVE_VISIBLE)))) {
        write_dst(e, op);

        unsigned a = x64_use(e, op->a, size);
        unsigned d = x64_def(e, op->dst, size);

        x64_lea(&e->a, size, d, x64_mem(a, op->op == EMU_TCG_OP_INC ? 1 : -1));
        x64_def_done(e, op->dst, size, d);
        return;
    }
    write_dst(e, op);
    if (op->op != EMU_TCG_OP_NOT && op->op != EMU_TCG_OP_BSWAP) {
        flags_around(e, op);
    }

    X64Loc d = x64_loc(e, op->dst);
    unsigned reg = X64_NONE;
    X64Rm rm;

    if (in_place && op->op != EMU_TCG_OP_BSWAP && !(d.kind == X64_LOC_MEM && x64_clears_upper(e, op->dst, size))) {
        rm = x64_loc_rm(d);
    } else {
        if (in_place && d.kind == X64_LOC_REG && !loc_high(d)) {
            reg = d.reg;
        } else {
            reg = x64_scratch(e);
            x64_load_arg(e, reg, op->a, size);
        }
        rm = x64_reg(reg);
    }
    switch (op->op) {
    case EMU_TCG_OP_INC:
        x64_group(&e->a, size, size == 1 ? 0xfe : 0xff, 0, rm);
        break;
    case EMU_TCG_OP_DEC:
        x64_group(&e->a, size, size == 1 ? 0xfe : 0xff, 1, rm);
        break;
    case EMU_TCG_OP_NEG:
        x64_group(&e->a, size, size == 1 ? 0xf6 : 0xf7, 3, rm);
        break;
    case EMU_TCG_OP_NOT:
        x64_group(&e->a, size, size == 1 ? 0xf6 : 0xf7, 2, rm);
        break;
    default:
        x64_byte(&e->a, (size == 8 ? 0x48u : 0x40u) | (reg >= 8 ? 1u : 0u));
        x64_byte(&e->a, 0x0f);
        x64_byte(&e->a, 0xc8 + (reg & 7));
        break;
    }
    if (op->op != EMU_TCG_OP_NOT && op->op != EMU_TCG_OP_BSWAP) {
        flags_after(e, op);
    }
    if (reg != X64_NONE) {
        x64_def_done(e, op->dst, size, reg);
    }
}

static void
emit_shift(X64Emit *e, const TcgOp *op)
{
    static const uint8_t ext[] = {4, 5, 7, 0, 1}; /* SHL SHR SAR ROL ROR */
    unsigned size = tcg_type_bytes[op->type];
    unsigned group = ext[op->op - EMU_TCG_OP_SHL];
    bool constant = tcg_arg_is_const(op->b);
    X64Loc count = x64_loc(e, op->b);
    bool in_cl = !constant && count.kind == X64_LOC_REG && count.reg == X64_RCX;

    if (constant && op->fdef == 0 && (tcg_arg_value(e->ir, op->b) & (size == 8 ? 63 : 31)) == 0) {
        /* Nothing but the clearing of the upper half. */
        unsigned r = x64_scratch(e);

        write_dst(e, op);
        x64_load_arg(e, r, op->a, size);
        x64_def_done(e, op->dst, size, r);
        return;
    }
    write_dst(e, op);
    flags_around(e, op);

    X64Loc d = x64_loc(e, op->dst);
    bool in_place = op->dst == op->a && TCG_ARG_KIND(op->a) == EMU_TCG_ARG_GLOBAL &&
                    !(d.kind == X64_LOC_MEM && x64_clears_upper(e, op->dst, size));
    unsigned saved = X64_NONE, reg = X64_NONE;
    X64Rm rm;

    if (in_place && (constant || in_cl || !(d.kind == X64_LOC_REG && (d.reg == X64_RCX || d.reg == X64_CH)))) {
        rm = x64_loc_rm(d);
    } else {
        reg = x64_scratch(e);
        x64_load_arg(e, reg, op->a, size);
        rm = x64_reg(reg);
    }
    if (!constant && !in_cl) {
        saved = x64_scratch(e);
        x64_mov_rr(&e->a, 8, saved, X64_RCX);
        x64_load_arg(e, X64_RCX, op->b, 1);
    }
    if (constant) {
        x64_group(&e->a, size, size == 1 ? 0xc0 : 0xc1, group, rm);
        x64_byte(&e->a, tcg_arg_value(e->ir, op->b) & 0xff);
    } else {
        x64_group(&e->a, size, size == 1 ? 0xd2 : 0xd3, group, rm);
    }
    if (saved != X64_NONE) {
        x64_mov_rr(&e->a, 8, X64_RCX, saved);
    }
    if (op->fdef != 0) {
        x64_flags_defined(e, false, -1);
    }
    if (reg != X64_NONE) {
        x64_def_done(e, op->dst, size, reg);
    }
}

static void
emit_mul(X64Emit *e, const TcgOp *op)
{
    unsigned size = tcg_type_bytes[op->type];
    EmuTcgArg a = op->a, b = op->b;

    write_dst(e, op);
    flags_around(e, op);
    if (tcg_arg_is_const(a)) {
        a = op->b;
        b = op->a;
    }

    X64Loc y = source(e, b, size, true, true);
    unsigned d;

    if (y.kind == X64_LOC_IMM) {
        unsigned x = x64_use(e, a, size);

        d = x64_def(e, op->dst, size);
        if (y.imm >= -128 && y.imm < 128) {
            x64_op(&e->a, size, 0x6b, d, x64_reg(x));
            x64_byte(&e->a, y.imm & 0xff);
        } else {
            x64_op(&e->a, size, 0x69, d, x64_reg(x));
            x64_imm(&e->a, size, y.imm);
        }
    } else {
        X64Loc dl = x64_loc(e, op->dst);
        bool direct = op->dst == a && TCG_ARG_KIND(a) == EMU_TCG_ARG_GLOBAL &&
                      dl.kind == X64_LOC_REG;

        d = direct ? dl.reg : x64_scratch(e);
        if (!direct) {
            x64_load_arg(e, d, a, size);
        }
        x64_op(&e->a, size, 0x0faf, d, x64_loc_rm(y));
    }
    flags_after(e, op);
    x64_def_done(e, op->dst, size, d);
}

static void
emit_mov(X64Emit *e, const TcgOp *op)
{
    unsigned size = tcg_type_bytes[op->type];

    x64_flags_write(e, op->dst, op->live);

    X64Loc d = x64_loc(e, op->dst), s = x64_loc(e, op->a);

    if (TCG_ARG_KIND(op->dst) == EMU_TCG_ARG_TEMP) {
        unsigned r = x64_def(e, op->dst, size);

        x64_load_arg(e, r, op->a, size);
        x64_def_done(e, op->dst, size, r);
        return;
    }
    if (s.kind == X64_LOC_IMM) {
        int64_t imm = size == 8 ? s.imm : imm_trunc(s.imm, size);

        if (d.kind == X64_LOC_REG && size >= 4) {
            x64_mov_imm(&e->a, d.reg, size == 4 ? (uint32_t)imm : (uint64_t)imm);
        } else if (d.kind == X64_LOC_REG) {
            x64_mov_store_imm(&e->a, size, x64_loc_rm(d), imm);
        } else if (x64_clears_upper(e, op->dst, size)) {
            if (imm >= 0) {
                x64_mov_store_imm(&e->a, 8, x64_loc_rm(d), imm);
            } else {
                unsigned r = x64_scratch(e);

                x64_mov_imm(&e->a, r, (uint32_t)imm);
                x64_mov_store(&e->a, 8, x64_loc_rm(d), r);
            }
        } else if (imm == (int32_t)imm) {
            x64_mov_store_imm(&e->a, size, x64_loc_rm(d), imm);
        } else {
            unsigned r = x64_scratch(e);

            x64_mov_imm(&e->a, r, imm);
            x64_mov_store(&e->a, 8, x64_loc_rm(d), r);
        }
        return;
    }
    if (d.kind == X64_LOC_REG && !(loc_high(d) && loc_needs_rex(s, size)) &&
        !(loc_high(s) && loc_needs_rex(d, size))) {
        if (!(s.kind == X64_LOC_REG && s.reg == d.reg && size != 4)) {
            x64_mov_load(&e->a, size, d.reg, x64_loc_rm(s));
        }
        return;
    }
    if (d.kind == X64_LOC_MEM && s.kind == X64_LOC_REG && !x64_clears_upper(e, op->dst, size)) {
        x64_mov_store(&e->a, size, x64_loc_rm(d), s.reg);
        return;
    }

    unsigned r = x64_scratch(e);

    x64_load_arg(e, r, op->a, size);
    x64_def_done(e, op->dst, size, r);
}

static void
emit_extend(X64Emit *e, const TcgOp *op)
{
    unsigned size = tcg_type_bytes[op->type];
    unsigned from = tcg_type_bytes[op->x];

    x64_flags_write(e, op->dst, op->live);

    X64Loc s = x64_loc(e, op->a);
    unsigned d;

    if (s.kind == X64_LOC_IMM || loc_high(s)) {
        unsigned r = x64_scratch(e);

        x64_load_arg(e, r, op->a, from);
        s = reg_loc(r);
    }
    d = size >= 4 ? x64_def(e, op->dst, size) : x64_scratch(e);
    if (op->op == EMU_TCG_OP_SEXT) {
        if (from == size) {
            x64_mov_load(&e->a, size, d, x64_loc_rm(s));
        } else {
            x64_movsx(&e->a, size, from, d, x64_loc_rm(s));
        }
    } else if (from >= 4) {
        x64_mov_load(&e->a, from, d, x64_loc_rm(s));
    } else {
        x64_movzx(&e->a, from, d, x64_loc_rm(s));
    }
    x64_def_done(e, op->dst, size, d);
}

static void
emit_select(X64Emit *e, const TcgOp *op)
{
    unsigned size = tcg_type_bytes[op->type];
    unsigned width = MAX(size, 4u);

    x64_flags_to_host(e);
    x64_flags_write(e, op->dst, op->live);

    X64Loc d = x64_loc(e, op->dst);

    if (op->dst == op->b && d.kind == X64_LOC_REG && !loc_high(d) && size >= 2 &&
        TCG_ARG_KIND(op->dst) == EMU_TCG_ARG_GLOBAL) {
        X64Loc s = x64_loc(e, op->a);

        if (s.kind == X64_LOC_IMM || loc_high(s)) {
            s = reg_loc(x64_use(e, op->a, size));
        }
        x64_op(&e->a, size, 0x0f40 + op->x, d.reg, x64_loc_rm(s));
        return;
    }

    unsigned a = x64_use(e, op->a, size);
    unsigned r = x64_scratch(e);

    x64_load_arg(e, r, op->b, size);
    x64_op(&e->a, width, 0x0f40 + op->x, r, x64_reg(a));
    x64_def_done(e, op->dst, size, r);
}

static void
emit_set(X64Emit *e, const TcgOp *op)
{
    unsigned size = tcg_type_bytes[op->type];

    x64_flags_to_host(e);
    x64_flags_write(e, op->dst, op->live);

    X64Loc d = x64_loc(e, op->dst);

    if (size == 1 && TCG_ARG_KIND(op->dst) == EMU_TCG_ARG_GLOBAL) {
        x64_op_bytes(&e->a, 1, 0x0f90 + op->x, 0, x64_loc_rm(d), X64_BYTE_RM);
        return;
    }

    unsigned r = x64_def(e, op->dst, size);

    if (r < X64_R9 || r > X64_R11) {
        r = x64_scratch(e);
    }
    x64_op_bytes(&e->a, 1, 0x0f90 + op->x, 0, x64_reg(r), X64_BYTE_RM);
    x64_movzx(&e->a, 1, r, x64_reg(r));
    x64_def_done(e, op->dst, size, r);
}

static void
emit_getf(X64Emit *e, const TcgOp *op)
{
    x64_flags_to_image(e);
    e->f_host = false;
    x64_flags_write(e, op->dst, op->live);

    unsigned r = x64_scratch(e), t = x64_scratch(e);

    x64_movzx(&e->a, 1, r, x64_mem(X64_RSP, X64_ST_IMAGE + 1));
    x64_alu_imm(&e->a, X64_AND, 4, x64_reg(r), 0xd5);
    x64_movzx(&e->a, 1, t, x64_mem(X64_RSP, X64_ST_IMAGE));
    x64_group(&e->a, 4, 0xc1, 4, x64_reg(t)); /* shl t, 11 */
    x64_byte(&e->a, 11);
    x64_alu_load(&e->a, X64_OR, 4, r, x64_reg(t));
    x64_def_done(e, op->dst, 4, r);
}

static void
emit_setf(X64Emit *e, const TcgOp *op)
{
    unsigned parts = op->x;

    if (parts != EMU_TCG_FLAGS_ALL) {
        x64_flags_to_image(e);
    }
    e->f_host = false;
    e->f_recipe = -1;
    e->f_image = true;

    unsigned v = x64_scratch(e), t = x64_scratch(e);
    unsigned low = parts & 0xd5;

    x64_load_arg(e, v, op->a, 4);
    if (parts & EMU_TCG_FLAG_O) {
        x64_mov_rr(&e->a, 4, t, v);
        x64_group(&e->a, 4, 0xc1, 5, x64_reg(t)); /* shr t, 11 */
        x64_byte(&e->a, 11);
        x64_alu_imm(&e->a, X64_AND, 4, x64_reg(t), 1);
        x64_mov_store(&e->a, 1, x64_mem(X64_RSP, X64_ST_IMAGE), t);
    }
    if (low != 0) {
        x64_alu_imm(&e->a, X64_AND, 4, x64_reg(v), low);
        if (low != 0xd5) {
            x64_movzx(&e->a, 1, t, x64_mem(X64_RSP, X64_ST_IMAGE + 1));
            x64_alu_imm(&e->a, X64_AND, 4, x64_reg(t), 0xd5 & ~low);
            x64_alu_load(&e->a, X64_OR, 4, v, x64_reg(t));
        }
        x64_mov_store(&e->a, 1, x64_mem(X64_RSP, X64_ST_IMAGE + 1), v);
    }
}

bool
x64_emit_int(X64Emit *e, const TcgOp *op)
{
    switch (op->op) {
    case EMU_TCG_OP_MOV:
        emit_mov(e, op);
        return true;
    case EMU_TCG_OP_ZEXT:
    case EMU_TCG_OP_SEXT:
        emit_extend(e, op);
        return true;
    case EMU_TCG_OP_SELECT:
        emit_select(e, op);
        return true;
    case EMU_TCG_OP_SET:
        emit_set(e, op);
        return true;
    case EMU_TCG_OP_BSWAP:
    case EMU_TCG_OP_NOT:
    case EMU_TCG_OP_INC:
    case EMU_TCG_OP_DEC:
    case EMU_TCG_OP_NEG:
        emit_unary(e, op);
        return true;
    case EMU_TCG_OP_ADD:
    case EMU_TCG_OP_ADC:
    case EMU_TCG_OP_SUB:
    case EMU_TCG_OP_SBB:
    case EMU_TCG_OP_AND:
    case EMU_TCG_OP_OR:
    case EMU_TCG_OP_XOR:
        emit_alu(e, op);
        return true;
    case EMU_TCG_OP_CMP:
    case EMU_TCG_OP_TEST:
        emit_cmp(e, op);
        return true;
    case EMU_TCG_OP_MUL:
        emit_mul(e, op);
        return true;
    case EMU_TCG_OP_SHL:
    case EMU_TCG_OP_SHR:
    case EMU_TCG_OP_SAR:
    case EMU_TCG_OP_ROL:
    case EMU_TCG_OP_ROR:
        emit_shift(e, op);
        return true;
    case EMU_TCG_OP_GETF:
        emit_getf(e, op);
        return true;
    case EMU_TCG_OP_SETF:
        emit_setf(e, op);
        return true;
    default:
        return false;
    }
}
