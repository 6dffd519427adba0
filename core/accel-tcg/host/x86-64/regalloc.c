/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where globals and temps are.  Globals never move; temps get r11 or r9, or a spill slot. */

#include "x64-private.h"

void
x64_temps_begin(X64Emit *e)
{
    for (unsigned i = 0; i < 3; i++) {
        e->reg_temp[i] = -1;
    }
    memset(e->temp_reg, 0, e->ir->n_temps);
    e->groups = 0;
    e->locked = 0;
}

static int32_t
temp_spill(const X64Emit *e, unsigned temp)
{
    return e->h->hot_offset + (int32_t)offsetof(TcgHot, spill) +
           (int32_t)(temp % X64_MAX_TEMP_SPILLS) * 8;
}

static void
temp_evict(X64Emit *e, unsigned reg)
{
    int temp = e->reg_temp[reg - X64_R9];

    if (temp >= 0) {
        x64_mov_store(&e->a, 8, x64_mem(X64_RSP, temp_spill(e, temp)), reg);
        e->temp_reg[temp] = 0;
        e->reg_temp[reg - X64_R9] = -1;
    }
}

static inline unsigned
scratch_bit(unsigned reg)
{
    return 1u << (reg - X64_R9);
}

bool
x64_scratch_is(X64Emit *e, unsigned reg)
{
    if (e->locked & scratch_bit(reg)) {
        return false;
    }
    temp_evict(e, reg);
    e->groups &= ~scratch_bit(reg);
    e->locked |= scratch_bit(reg);
    return true;
}

/* Free first; then one that holds a delta; then one with a temp. */
static unsigned
scratch_pick(X64Emit *e, const uint8_t *order, unsigned n)
{
    for (unsigned pass = 0; pass < 3; pass++) {
        for (unsigned i = 0; i < n; i++) {
            unsigned reg = order[i];

            if ((e->locked & scratch_bit(reg)) || (pass < 2 && e->reg_temp[reg - X64_R9] >= 0) ||
                (pass < 1 && (e->groups & scratch_bit(reg)))) {
                continue;
            }
            x64_scratch_is(e, reg);
            return reg;
        }
    }
    return X64_NONE;
}

unsigned
x64_scratch(X64Emit *e)
{
    static const uint8_t order[3] = {X64_R9, X64_R11, X64_R10};
    unsigned reg = scratch_pick(e, order, 3);

    if (reg == X64_NONE) {
        /* No op needs four: the block is given up, and its first instruction interpreted. */
        e->failed = true;
        return X64_R11;
    }
    return reg;
}

bool
x64_scratch_left(const X64Emit *e)
{
    return (e->locked & 7) != 7;
}

unsigned
x64_scratch_free(const X64Emit *e)
{
    for (unsigned reg = X64_R9; reg <= X64_R11; reg++) {
        if (!((e->locked | e->groups) & scratch_bit(reg)) && e->reg_temp[reg - X64_R9] < 0) {
            return reg;
        }
    }
    return X64_NONE;
}

unsigned
x64_delta_reg(X64Emit *e)
{
    static const uint8_t order[3] = {X64_R10, X64_R11, X64_R9};
    unsigned reg = scratch_pick(e, order, 3);

    if (reg == X64_NONE) {
        e->failed = true;
        return X64_R10;
    }
    return reg;
}

void
x64_unlock(X64Emit *e, unsigned reg)
{
    if (reg >= X64_R9 && reg <= X64_R11) {
        e->locked &= ~scratch_bit(reg);
    }
}

X64Loc
x64_loc(X64Emit *e, EmuTcgArg arg)
{
    X64Loc loc = {.kind = X64_LOC_IMM, .reg = X64_NONE};

    switch (TCG_ARG_KIND(arg)) {
    case EMU_TCG_ARG_GLOBAL: {
        unsigned index = TCG_GLOBAL_INDEX(arg);
        bool high = TCG_GLOBAL_PART(arg) == EMU_TCG_PART_HIGH8;
        int pin = index < X64_MAX_GLOBALS ? e->h->pin[index] : -1;

        if (pin >= 0 && (!high || pin <= X64_RBX)) {
            loc.kind = X64_LOC_REG;
            loc.reg = high ? pin + X64_AH : pin;
        } else if (pin >= 0) {
            e->failed = true; /* no such register in any ISA that pins */
        } else {
            loc.kind = X64_LOC_MEM;
            loc.disp = (int32_t)e->h->fe->globals[index].offset + high;
        }
        break;
    }
    case EMU_TCG_ARG_TEMP: {
        unsigned temp = TCG_ARG_INDEX(arg);

        if (e->temp_reg[temp] != 0) {
            loc.kind = X64_LOC_REG;
            loc.reg = e->temp_reg[temp];
            e->locked |= scratch_bit(loc.reg);
        } else {
            loc.kind = X64_LOC_MEM;
            loc.disp = temp_spill(e, temp);
        }
        break;
    }
    default:
        loc.imm = tcg_arg_value(e->ir, arg);
        break;
    }
    return loc;
}

/* A 32-bit result clears the upper half of a 64-bit register that lives in the state. */
bool
x64_clears_upper(const X64Emit *e, EmuTcgArg dst, unsigned size)
{
    return size == 4 && TCG_ARG_KIND(dst) == EMU_TCG_ARG_GLOBAL &&
           e->h->fe->globals[TCG_GLOBAL_INDEX(dst)].type == EMU_TCG_I64;
}

X64Rm
x64_loc_rm(X64Loc loc)
{
    return loc.kind == X64_LOC_REG ? x64_reg(loc.reg) : x64_mem(X64_RSP, loc.disp);
}

/* Loads a value; bytes and words are zero-extended. */
void
x64_load_arg(X64Emit *e, unsigned reg, EmuTcgArg arg, unsigned size)
{
    X64Loc loc = x64_loc(e, arg);

    if (loc.kind == X64_LOC_IMM) {
        x64_mov_imm(&e->a, reg, size == 8 ? (uint64_t)loc.imm : (uint32_t)loc.imm);
    } else if (loc.kind == X64_LOC_REG && loc.reg >= X64_AH) {
        /* A high byte and r9-r11 do not meet in one instruction. */
        x64_mov_store(&e->a, 1, x64_mem(X64_RSP, X64_ST_BYTE), loc.reg);
        x64_movzx(&e->a, 1, reg, x64_mem(X64_RSP, X64_ST_BYTE));
    } else if (size < 4) {
        x64_movzx(&e->a, size, reg, x64_loc_rm(loc));
    } else {
        x64_mov_load(&e->a, size, reg, x64_loc_rm(loc));
    }
}

unsigned
x64_use(X64Emit *e, EmuTcgArg arg, unsigned size)
{
    X64Loc loc = x64_loc(e, arg);

    if (loc.kind == X64_LOC_REG && loc.reg < X64_AH) {
        return loc.reg;
    }

    unsigned reg = x64_scratch(e);

    x64_load_arg(e, reg, arg, size);
    return reg;
}

unsigned
x64_def(X64Emit *e, EmuTcgArg dst, unsigned size)
{
    if (TCG_ARG_KIND(dst) == EMU_TCG_ARG_TEMP) {
        unsigned temp = TCG_ARG_INDEX(dst);

        /* r10 belongs to address checks. */
        static const uint8_t order[2] = {X64_R11, X64_R9};
        unsigned reg = scratch_pick(e, order, 2);

        if (reg != X64_NONE) {
            e->reg_temp[reg - X64_R9] = temp;
            e->temp_reg[temp] = reg;
            return reg;
        }
        /* Both are operands of this op: into a scratch, then to the spill slot. */
        return x64_scratch(e);
    }

    X64Loc loc = x64_loc(e, dst);

    if (loc.kind == X64_LOC_REG && loc.reg < X64_AH) {
        return loc.reg;
    }
    return x64_scratch(e);
}

void
x64_def_done(X64Emit *e, EmuTcgArg dst, unsigned size, unsigned reg)
{
    if (TCG_ARG_KIND(dst) == EMU_TCG_ARG_TEMP) {
        unsigned temp = TCG_ARG_INDEX(dst);

        if ((unsigned)e->temp_reg[temp] != reg) {
            x64_mov_store(&e->a, 8, x64_mem(X64_RSP, temp_spill(e, temp)), reg);
        }
        return;
    }

    X64Loc loc = x64_loc(e, dst);

    if (loc.kind == X64_LOC_MEM) {
        x64_mov_store(&e->a, x64_clears_upper(e, dst, size) ? 8 : size, x64_mem(X64_RSP, loc.disp),
                      reg);
    } else if (loc.reg >= X64_AH) {
        x64_mov_store(&e->a, 1, x64_mem(X64_RSP, X64_ST_BYTE), reg);
        x64_mov_load(&e->a, 1, loc.reg, x64_mem(X64_RSP, X64_ST_BYTE));
    } else if (loc.reg != reg) {
        x64_mov_rr(&e->a, size, loc.reg, reg);
    }
}

/*
 * Gives back the registers that this op has locked and does not need any more, but three: temps that die
 * here, and scratches.
 */
void
x64_release_dying(X64Emit *e, unsigned keep1, unsigned keep2, unsigned keep3)
{
    for (unsigned reg = X64_R9; reg <= X64_R11; reg++) {
        int temp = e->reg_temp[reg - X64_R9];

        if (reg == keep1 || reg == keep2 || reg == keep3) {
            continue;
        }

        if (temp >= 0 && e->ir->temp_last[temp] <= e->op) {
            e->temp_reg[temp] = 0;
            e->reg_temp[reg - X64_R9] = -1;
            temp = -1;
        }
        if (temp < 0) {
            e->locked &= ~scratch_bit(reg);
        }
    }
}

void
x64_temps_die(X64Emit *e)
{
    for (unsigned i = 0; i < 3; i++) {
        int temp = e->reg_temp[i];

        if (temp >= 0 && e->ir->temp_last[temp] <= e->op) {
            e->temp_reg[temp] = 0;
            e->reg_temp[i] = -1;
        }
    }
}
