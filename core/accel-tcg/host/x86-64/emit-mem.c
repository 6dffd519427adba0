/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Memory accesses.  D is a scratch register, mostly r10.
 *
 * Straight path, address = base + disp:          any other address, in a scratch register EA:
 *     lea  D, [base + disp]                          mov  D, EA
 *     sub  D, [slot.base]                            sub  D, [slot.base]
 *     cmp  D, 4096 - size                            cmp  D, 4096 - size
 *     ja   stub                                      ja   stub
 *     mov  D, [slot.delta]                           mov  D, [slot.delta]
 *   back:                                          back:
 *     op   [base + D + disp]                         op   [EA + D]
 * An access that keeps missing its slot picks one by address (TcgHot.hashed), with another scratch register T:
 *     lea  D, [base + disp]
 *     mov  T, D
 *     shr  D, 12 - 5; and D, entries * 32
 *     sub  T, [D + hashed.base]
 *     cmp  T, 4096 - size
 *     ja   stub
 *     mov  D, [D + hashed.delta]
 * Base, index and displacement together take a cycle more than two of them (Zen 5), and this is on the way to the data: with a third
 * register at hand it holds the table's address.
 * Stub:
 *     FLAGS by recipe, where the image is stale; address -> r10; description -> state
 *     call miss thunk        (r10 = delta; or the instruction is interpreted and does not return)
 *     jmp  back
 *
 * Groups: the delta does not depend on the address, only on the page.  So a check that covers the bytes of
 * later accesses off the same base register (moved by constants only: push, pop, locals, fields) serves
 * them all, as long as D is not needed for something else.  An instruction between check and use cannot be
 * entered from outside: the side table marks it. Where a group's check crosses a page, an ungrouped block goes on from the
 * check's instruction; when there is none, or the check fails otherwise, the group is interpreted to its end.
 *
 * A group of 32-bit addresses cannot use base and delta: the base may wrap between two of them. Its register has the host address of
 * the first byte; behind the check there is one "add D, EA" more, and an access is [D + distance].
 */

#include "x64-private.h"

/* Prediction slots: by base register; then by kind of address. */
enum {
    SLOT_FS_GS = 16, /* two: by parity of the segment global */
    SLOT_ABSOLUTE = 18,
    SLOT_TEMP = 19,
    SLOT_PCREL = 20, /* four, by page */
    SLOT_SEGMENT = 24,
    SLOT_INDEX = 25,
};

G_STATIC_ASSERT(SLOT_INDEX < TCG_SLOT_HASHED);

static unsigned
mem_slot(const X64Emit *e, const EmuTcgAddr *addr)
{
    if (addr->segment != EMU_TCG_NO_ARG && TCG_ARG_KIND(addr->segment) == EMU_TCG_ARG_GLOBAL && addr->linear32) {
        /* 16- and 32-bit code, which has no registers 8 to 15: any access may have a segment. */
        return TCG_ARG_KIND(addr->base) == EMU_TCG_ARG_GLOBAL
                   ? e->h->fe->globals[TCG_GLOBAL_INDEX(addr->base)].same_isa & 7
                   : 8 + (TCG_GLOBAL_INDEX(addr->segment) & 7);
    }
    if (addr->segment != EMU_TCG_NO_ARG && TCG_ARG_KIND(addr->segment) == EMU_TCG_ARG_GLOBAL) {
        return SLOT_FS_GS + (TCG_GLOBAL_INDEX(addr->segment) & 1);
    }
    if (TCG_ARG_KIND(addr->base) == EMU_TCG_ARG_GLOBAL) {
        unsigned n = e->h->fe->globals[TCG_GLOBAL_INDEX(addr->base)].same_isa;

        return n < 16 ? n : SLOT_SEGMENT;
    }
    if (TCG_ARG_KIND(addr->base) == EMU_TCG_ARG_TEMP) {
        return SLOT_TEMP;
    }
    if (addr->index != EMU_TCG_NO_ARG) {
        return SLOT_INDEX;
    }
    return addr->pcrel ? SLOT_PCREL + ((uint64_t)addr->disp >> TCG_PAGE_BITS & 3) : SLOT_ABSOLUTE;
}

/* A full-width register with @arg's value, for an address. */
static unsigned
addr_reg(X64Emit *e, EmuTcgArg arg)
{
    return x64_use(e, arg, 8);
}

static X64Stub *stub_new(X64Emit *e);

/* The last of @size bytes at offset @ea lies within the limit, or the instruction is interpreted. */
static void
addr_check_limit(X64Emit *e, const EmuTcgAddr *addr, unsigned ea, unsigned spare, unsigned size)
{
    X64Asm *a = &e->a;
    X64Stub *s = stub_new(e);

    x64_mov_load(a, 4, spare, x64_loc_rm(x64_loc(e, addr->limit)));
    x64_alu_load(a, X64_SUB, 8, spare, x64_reg(ea));
    x64_alu_imm(a, X64_CMP, 8, x64_reg(spare), (int32_t)size - 1);
    s->interp = true;
    s->desc = TCG_DESC(0, 0, 0, 0, e->insn);
    s->jump = x64_jcc_forward(a, 12); /* jl */
}

/*
 * Computes an address into a new scratch register, or returns (simple) base register and disp. @size: of the access; 0: none is
 * made.
 */
static unsigned
addr_compute(X64Emit *e, const EmuTcgAddr *addr, unsigned size, unsigned spare, int32_t *disp_out)
{
    X64Asm *a = &e->a;
    bool disp32 = addr->disp == (int32_t)addr->disp;
    bool has_seg = addr->segment != EMU_TCG_NO_ARG;
    unsigned ea;

    *disp_out = 0;
    if (addr->base == EMU_TCG_NO_ARG && addr->index == EMU_TCG_NO_ARG) {
        uint64_t value = addr->wrap == 16   ? (uint16_t)addr->disp
                         : addr->wrap == 32 ? (uint32_t)addr->disp
                                            : (uint64_t)addr->disp;

        if (has_seg && !addr->linear32 && (int64_t)value == (int32_t)value) {
            *disp_out = (int32_t)value;
            return addr_reg(e, addr->segment);
        }
        ea = x64_scratch(e);
        x64_mov_imm(a, ea, value);
    } else if (addr->wrap == 64 && !has_seg && addr->index == EMU_TCG_NO_ARG && disp32) {
        *disp_out = (int32_t)addr->disp;
        return addr_reg(e, addr->base);
    } else {
        unsigned base = X64_NONE, index = X64_NONE;
        unsigned width = addr->wrap == 64 ? 8 : 4;

        if (addr->index != EMU_TCG_NO_ARG) {
            X64Loc loc = x64_loc(e, addr->index);

            index = loc.kind == X64_LOC_REG ? loc.reg : X64_NONE;
            if (index == X64_NONE) {
                /* The delta's register is free until the check. */
                index = spare;
                x64_load_arg(e, index, addr->index, 8);
            }
        }
        if (addr->base != EMU_TCG_NO_ARG) {
            base = addr_reg(e, addr->base);
        }
        /* A temp that lives on is not to be overwritten: only a scratch of ours is reused. */
        ea = base >= X64_R9 && base <= X64_R11 && TCG_ARG_KIND(addr->base) == EMU_TCG_ARG_GLOBAL
                 ? base
                 : x64_scratch(e);
        if (base == X64_NONE) {
            /* index * scale + disp without a base: shift, so that disp stays short. */
            x64_mov_rr(a, width, ea, index);
            if (addr->scale != 0) {
                x64_group(a, width, 0xc1, 4, x64_reg(ea));
                x64_byte(a, addr->scale);
            }
            if (addr->disp != 0 && disp32) {
                x64_alu_imm(a, X64_ADD, width, x64_reg(ea), addr->disp);
            }
        } else if (index == X64_NONE) {
            x64_lea(a, width, ea, x64_mem(base, disp32 ? (int32_t)addr->disp : 0));
        } else {
            x64_lea(a, width, ea,
                    x64_mem_index(base, index, addr->scale, disp32 ? (int32_t)addr->disp : 0));
        }
        if (!disp32) {
            x64_mov_imm(a, spare, addr->disp);
            x64_alu_load(a, X64_ADD, width, ea, x64_reg(spare));
        }
        if (addr->wrap == 16) {
            x64_movzx(a, 2, ea, x64_reg(ea));
        }
    }
    if (addr->limit != EMU_TCG_NO_ARG && size != 0) {
        addr_check_limit(e, addr, ea, spare, size);
    }
    if (has_seg) {
        X64Loc seg = x64_loc(e, addr->segment);

        if (seg.kind == X64_LOC_IMM) {
            x64_mov_imm(a, spare, seg.imm);
            x64_alu_load(a, X64_ADD, addr->linear32 ? 4 : 8, ea, x64_reg(spare));
        } else {
            x64_alu_load(a, X64_ADD, addr->linear32 ? 4 : 8, ea, x64_loc_rm(seg));
        }
    }
    return ea;
}

static X64Stub *
stub_new(X64Emit *e)
{
    static X64Stub dummy;

    if (e->n_stubs == TCG_HOST_MAX_STUBS - X64_MAX_BLOCK_OPS) {
        e->failed = true;
        return &dummy;
    }

    X64Stub *s = &e->stubs[e->n_stubs++];

    *s = (X64Stub){
        .insn = e->insn,
        .recipe = !e->f_image && e->f_recipe >= 0 && x64_live_in(e) != 0 ? e->f_recipe : -1,
    };
    return s;
}

/* ---- groups --------------------------------------------------------------------------------------------- */

#define GROUP_SPAN 256

/* An address of a form that groups: one register, as wide as addresses are, and a displacement. */
static bool
group_form(const EmuTcgAddr *addr)
{
    return TCG_ARG_KIND(addr->base) == EMU_TCG_ARG_GLOBAL &&
           TCG_GLOBAL_PART(addr->base) == EMU_TCG_PART_FULL && addr->index == EMU_TCG_NO_ARG &&
           addr->segment == EMU_TCG_NO_ARG && addr->wrap != 16 && addr->disp >= -0x10000000 &&
           addr->disp <= 0x10000000;
}

static const EmuTcgMem *
op_mem(const EmuTcgIr *ir, const TcgOp *op)
{
    if (op->op == EMU_TCG_OP_LOAD || op->op == EMU_TCG_OP_STORE) {
        return &ir->mems[op->x];
    }
    if (op->op == EMU_TCG_OP_TEMPLATE && ir->templates[op->x].has_mem) {
        return &ir->templates[op->x].mem;
    }
    return NULL;
}

/* What the op does to a base: kept (true, with what it adds), or lost. @wraps: only its lower 32 bits matter. */
static bool
base_after(const EmuTcgIr *ir, const TcgOp *op, EmuTcgArg base, bool wraps, int64_t *add)
{
    unsigned index = TCG_GLOBAL_INDEX(base);

    *add = 0;
    switch (op->op) {
    case EMU_TCG_OP_INTERP:
    case EMU_TCG_OP_CALL:
        return false;
    case EMU_TCG_OP_TEMPLATE: {
        const EmuTcgTemplate *t = &ir->templates[op->x];

        for (unsigned i = 0; i < t->n_regs; i++) {
            if ((t->roles[i] & EMU_TCG_ROLE_WRITE) && TCG_GLOBAL_INDEX(t->regs[i]) == index) {
                return false;
            }
        }
        return true;
    }
    default:
        break;
    }
    if (op->op == EMU_TCG_OP_BRNZ || TCG_ARG_KIND(op->dst) != EMU_TCG_ARG_GLOBAL ||
        TCG_GLOBAL_INDEX(op->dst) != index) {
        return true;
    }
    if (wraps ? op->type != EMU_TCG_I32 || TCG_GLOBAL_PART(op->dst) == EMU_TCG_PART_HIGH8 : op->dst != base || op->type != EMU_TCG_I64) {
        return false;
    }
    if (op->op == EMU_TCG_OP_LEA) {
        const EmuTcgAddr *addr = &ir->mems[op->x].addr;

        *add = addr->disp;
        return addr->base == base && group_form(addr) && (wraps || addr->wrap == 64);
    }
    if ((op->op == EMU_TCG_OP_ADD || op->op == EMU_TCG_OP_SUB) && op->a == op->dst &&
        tcg_arg_is_const(op->b)) {
        int64_t v = tcg_arg_value(ir, op->b);

        *add = op->op == EMU_TCG_OP_ADD ? v : -v;
        return v >= -0x10000000 && v <= 0x10000000;
    }
    return false;
}

void
x64_groups_after(X64Emit *e, const TcgOp *op)
{
    for (unsigned i = 0; i < 3; i++) {
        X64Group *g = &e->group[i];
        int64_t add;

        if (e->groups >> i & 1) {
            if (!base_after(e->ir, op, g->base, g->wraps, &add)) {
                e->groups &= ~(1u << i);
            }
            g->k += add;
        }
    }
}

/* The range that a check at the current op should cover; true when it serves another access too. */
static bool
group_look_ahead(X64Emit *e, const EmuTcgMem *mem, X64Group *g)
{
    const EmuTcgIr *ir = e->ir;
    int64_t k = 0;
    unsigned members = 1;

    *g = (X64Group){
        .base = mem->addr.base,
        .lo = mem->addr.disp,
        .hi = mem->addr.disp + MAX(mem->size, 1u),
        .write = (mem->access & EMU_TCG_PROT_WRITE) != 0,
        .wraps = mem->addr.wrap == 32,
        .mode = mem->mmu_mode,
        .start = e->insn,
    };
    if (e->job->ungrouped || g->hi - g->lo > GROUP_SPAN) {
        return false;
    }
    for (unsigned i = e->op; i < ir->n_ops; i++) {
        const TcgOp *op = &ir->ops[i];
        const EmuTcgMem *m = i == e->op ? NULL : op_mem(ir, op);
        int64_t add;

        if (m != NULL && m->addr.base == g->base && group_form(&m->addr) && m->mmu_mode == g->mode &&
            (m->addr.wrap == 32) == g->wraps) {
            int64_t lo = MIN(g->lo, m->addr.disp + k);
            int64_t hi = MAX(g->hi, m->addr.disp + k + MAX(m->size, 1u));

            if (hi - lo <= GROUP_SPAN) {
                g->lo = lo;
                g->hi = hi;
                g->write = g->write || (m->access & EMU_TCG_PROT_WRITE);
                members++;
            }
        }
        if (!base_after(ir, op, g->base, g->wraps, &add)) {
            break;
        }
        k += add;
    }
    return members > 1;
}

/* An earlier check that covers the access: the register with the delta, or X64_NONE. */
static unsigned
group_find(X64Emit *e, const EmuTcgMem *mem)
{
    bool is_write = (mem->access & EMU_TCG_PROT_WRITE) != 0;

    if (e->groups == 0 || !group_form(&mem->addr)) {
        return X64_NONE;
    }
    for (unsigned i = 0; i < 3; i++) {
        X64Group *g = &e->group[i];
        int64_t at = mem->addr.disp + g->k;

        if (!(e->groups >> i & 1) || g->base != mem->addr.base || g->mode != mem->mmu_mode || g->wraps != (mem->addr.wrap == 32)) {
            continue;
        }
        if (at >= g->lo && at + (int64_t)MAX(mem->size, 1u) <= g->hi && (g->write || !is_write)) {
            for (unsigned n = g->start + 1u; n <= e->insn; n++) {
                e->out->inside[n] = true;
            }
            e->locked |= 1u << i;
            return X64_R9 + i;
        }
        /* A new check for the same base takes its place. */
        e->groups &= ~(1u << i);
    }
    return X64_NONE;
}

int32_t
x64_register_slot(const X64Emit *e, unsigned mmu_mode, unsigned n)
{
    return e->h->hot_offset + (int32_t)offsetof(TcgHot, predict) +
           (int32_t)((mmu_mode & (EMU_TCG_MMU_MODES - 1)) * TCG_PREDICT_SLOTS + n) * (int32_t)sizeof(TcgPredict);
}

/*
 * FLAGS before an access: parts that are used behind the check, or by the op itself, go to the image;
 * parts that only an exception can see stay a recipe.
 */
X64Rm
x64_mem_prepare(X64Emit *e, const EmuTcgMem *mem)
{
    X64Asm *a = &e->a;
    const TcgHost *h = e->h;
    unsigned slot = mem_slot(e, &mem->addr);
    bool is_write = (mem->access & EMU_TCG_PROT_WRITE) != 0;
    unsigned size = MAX(mem->size, 1u);
    int32_t predict = x64_register_slot(e, mem->mmu_mode, slot);
    int32_t disp, low;
    X64Group group;
    unsigned delta = group_find(e, mem);
    bool shared = false, one_register = group_form(&mem->addr);

    if (delta != X64_NONE) {
        if (e->ir->ops[e->op].op == EMU_TCG_OP_TEMPLATE) {
            x64_fault_stub(e); /* alignment */
        }
        if (mem->addr.wrap == 32) {
            const X64Group *g = &e->group[delta - X64_R9];

            return x64_mem(delta, (int32_t)(mem->addr.disp + g->k - g->lo));
        }
        return x64_mem_index(addr_compute(e, &mem->addr, size, X64_NONE, &disp), delta, 0,
                             (int32_t)mem->addr.disp);
    }

    x64_flags_before_clobber(e, x64_live_in(e));
    delta = x64_delta_reg(e);

    EmuTcgAddr addr = mem->addr;

    if (one_register) {
        shared = group_look_ahead(e, mem, &group);
        if (shared && group.wraps) {
            addr.disp = group.lo;
        }
    }

    unsigned base = addr_compute(e, &addr, size, delta, &disp);

    low = disp;
    if (shared || (one_register && !group.wraps)) {
        low = group.wraps ? 0 : (int32_t)group.lo;
        size = (unsigned)(group.hi - group.lo);
        is_write = group.write;
    }

    unsigned checked = delta;
    X64Rm base_rm, delta_rm;

    base_rm = x64_mem(X64_RSP, predict + (int32_t)(is_write ? offsetof(TcgPredict, write_base) : offsetof(TcgPredict, read_base)));
    delta_rm = x64_mem(X64_RSP, predict + (int32_t)offsetof(TcgPredict, delta));
    if ((e->job->hashed >> e->insn & 1) && x64_scratch_left(e)) {
        int32_t hashed = h->hot_offset + (int32_t)offsetof(TcgHot, hashed) +
                         (int32_t)((mem->mmu_mode & (EMU_TCG_MMU_MODES - 1)) * TCG_HASHED_SIZE * sizeof(TcgPredict));

        unsigned table = X64_RSP;

        slot = TCG_SLOT_HASHED;
        checked = x64_scratch(e);
        if (x64_scratch_free(e) != X64_NONE) {
            table = x64_scratch_free(e);
            hashed += (int32_t)offsetof(TcgPredict, delta);
            x64_lea(a, 8, table, x64_mem(X64_RSP, hashed));
            hashed = -(int32_t)offsetof(TcgPredict, delta);
        }
        base_rm = x64_mem_index(table, delta, 0, base_rm.disp - predict + hashed);
        delta_rm = x64_mem_index(table, delta, 0, delta_rm.disp - predict + hashed);
    }

    X64Stub *s = stub_new(e);

    s->base = base;
    s->delta = delta;
    s->disp = low;
    s->desc = TCG_DESC(slot, mem->mmu_mode, is_write ? EMU_TCG_WRITE : EMU_TCG_READ, size, e->insn) |
              (shared ? TCG_DESC_SHARED : 0);

    if (low != 0) {
        x64_lea(a, 8, delta, x64_mem(base, low));
    } else {
        x64_mov_rr(a, 8, delta, base);
    }
    if (checked != delta) {
        x64_mov_rr(a, 8, checked, delta);
        x64_group(a, 4, 0xc1, 5, x64_reg(delta)); /* shr: upper bits of the address do not count */
        x64_byte(a, TCG_PAGE_BITS - 5);
        x64_alu_imm(a, X64_AND, 4, x64_reg(delta), (TCG_HASHED_SIZE - 1) << 5);
    }
    x64_alu_load(a, X64_SUB, 8, checked, base_rm);
    x64_alu_imm(a, X64_CMP, 8, x64_reg(checked),
                e->job->force_slow || size > TCG_PAGE_SIZE ? -1 : (int64_t)(TCG_PAGE_SIZE - size));
    s->jump = x64_jcc_forward(a, e->job->force_slow ? 6 : 7); /* jbe : ja */
    x64_mov_load(a, 8, delta, delta_rm);
    s->back = a->p;
    if (checked != delta) {
        x64_unlock(e, checked);
    }
    if (shared) {
        e->group[delta - X64_R9] = group;
        e->groups |= 1u << (delta - X64_R9);
    }
    if (shared && group.wraps) {
        x64_alu_load(a, X64_ADD, 8, delta, x64_reg(base));
        x64_unlock(e, base);
        return x64_mem(delta, (int32_t)(mem->addr.disp - group.lo));
    }
    return x64_mem_index(base, delta, 0, disp);
}

void
x64_fault_stub(X64Emit *e)
{
    X64Stub *s = stub_new(e);

    s->interp = true;
    s->eflags = e->f_host && !e->f_image;
    s->recipe = s->eflags ? -1 : s->recipe;
    s->desc = TCG_DESC(0, 0, 0, 0, e->insn);
}

void
x64_emit_stubs(X64Emit *e)
{
    X64Asm *a = &e->a;

    for (unsigned i = 0; i < e->n_stubs; i++) {
        const X64Stub *s = &e->stubs[i];

        if (!x64_has_room(a)) {
            return;
        }
        e->out->stubs[i].offset = a->p - e->job->write;
        e->out->stubs[i].insn = s->insn | (s->eflags ? TCG_HOST_STUB_EFLAGS : 0);
        if (s->jump != NULL) {
            x64_bind(a, s->jump);
        }
        if (s->recipe >= 0) {
            unsigned scratch = s->interp ? X64_R10 : s->delta;

            x64_recipe(e, s->recipe, scratch);
            x64_flags_save(a, scratch);
        }
        x64_mov_store_imm(a, 4, x64_mem(X64_RSP, X64_ST_DESC), (int32_t)s->desc);
        if (s->interp) {
            x64_call(a, e->h->t_interp[e->ir->insns[s->insn].integer]);
            continue;
        }
        if (s->disp != 0) {
            x64_lea(a, 8, s->delta, x64_mem(s->base, s->disp));
        } else {
            x64_mov_rr(a, 8, s->delta, s->base);
        }
        /* The thunk works on r10 and keeps all else. */
        if (s->delta != X64_R10) {
            x64_op(a, 8, 0x87, s->delta, x64_reg(X64_R10));
        }
        x64_call(a, e->h->t_miss[e->ir->insns[s->insn].integer]);
        if (s->delta != X64_R10) {
            x64_op(a, 8, 0x87, s->delta, x64_reg(X64_R10));
        }
        x64_jmp_back(a, s->back);
    }
    e->out->n_stubs = e->n_stubs;
}

/* The operand's register that is a group's, which stays. */
static unsigned
group_reg(const X64Emit *e, X64Rm rm)
{
    unsigned reg = rm.index != X64_NONE ? rm.index : rm.base;

    return reg >= X64_R9 && reg <= X64_R11 && (e->groups >> (reg - X64_R9) & 1) ? reg : X64_NONE;
}

void
x64_emit_load(X64Emit *e, const TcgOp *op)
{
    unsigned size = tcg_type_bytes[op->type];
    X64Rm rm;
    X64Loc d;
    unsigned r;

    /* While there are scratch registers. */
    x64_flags_write(e, op->dst, op->live | TCG_LIVE_VISIBLE);
    rm = x64_mem_prepare(e, &e->ir->mems[op->x]);
    if (TCG_ARG_KIND(op->dst) == EMU_TCG_ARG_TEMP) {
        /* The load reads its address before it writes. */
        x64_release_dying(e, X64_NONE, X64_NONE, group_reg(e, rm));
        r = x64_def(e, op->dst, size);
        if (size < 4) {
            x64_movzx(&e->a, size, r, rm);
        } else {
            x64_mov_load(&e->a, size, r, rm);
        }
        x64_def_done(e, op->dst, size, r);
        return;
    }

    d = x64_loc(e, op->dst);
    if (d.kind == X64_LOC_REG && d.reg < X64_AH) {
        x64_mov_load(&e->a, size, d.reg, rm);
        return;
    }
    /* The address is not needed behind the load: its registers may take the value. */
    x64_release_dying(e, X64_NONE, X64_NONE, group_reg(e, rm));
    r = x64_scratch(e);
    if (size < 4) {
        x64_movzx(&e->a, size, r, rm);
    } else {
        x64_mov_load(&e->a, size, r, rm);
    }
    x64_def_done(e, op->dst, size, r);
}

void
x64_emit_store(X64Emit *e, const TcgOp *op)
{
    unsigned size = tcg_type_bytes[op->type];
    X64Loc v = x64_loc(e, op->a);
    X64Rm rm = x64_mem_prepare(e, &e->ir->mems[op->x]);

    x64_release_dying(e, rm.base, v.reg, rm.index);
    if (v.kind == X64_LOC_IMM) {
        int64_t imm = size == 1 ? (int8_t)v.imm
                      : size == 2 ? (int16_t)v.imm
                      : size == 4 ? (int32_t)v.imm
                                  : v.imm;

        if (imm == (int32_t)imm) {
            x64_mov_store_imm(&e->a, size, rm, imm);
            return;
        }
    } else if (v.kind == X64_LOC_REG && v.reg < X64_AH) {
        x64_mov_store(&e->a, size, rm, v.reg);
        return;
    }

    unsigned r = x64_scratch(e);

    x64_load_arg(e, r, op->a, size);
    x64_mov_store(&e->a, size, rm, r);
}

void
x64_emit_lea(X64Emit *e, const TcgOp *op)
{
    const EmuTcgAddr *addr = &e->ir->mems[op->x].addr;
    unsigned size = tcg_type_bytes[op->type];
    bool disp32 = addr->disp == (int32_t)addr->disp;
    X64Asm *a = &e->a;

    x64_flags_write(e, op->dst, op->live);
    if (addr->segment != EMU_TCG_NO_ARG || !disp32 || addr->wrap == 16 ||
        (addr->base == EMU_TCG_NO_ARG && addr->index != EMU_TCG_NO_ARG && addr->scale != 0)) {
        /* The general way changes EFLAGS. */
        int32_t disp;
        unsigned ea;

        unsigned spare;

        x64_flags_before_clobber(e, op->live);
        spare = x64_scratch(e);
        ea = addr_compute(e, addr, 0, spare, &disp);
        if (disp != 0) {
            x64_lea(a, 8, spare, x64_mem(ea, disp));
            ea = spare;
        }
        if (size == 4) {
            x64_mov_rr(a, 4, spare, ea);
            ea = spare;
        }
        x64_def_done(e, op->dst, size, ea);
        return;
    }

    unsigned width = addr->wrap == 32 ? 4 : MAX(size, 4u);
    unsigned base = addr->base != EMU_TCG_NO_ARG ? x64_use(e, addr->base, 8) : X64_NONE;
    unsigned index = addr->index != EMU_TCG_NO_ARG ? x64_use(e, addr->index, 8) : X64_NONE;
    unsigned d = size >= 4 ? x64_def(e, op->dst, size) : x64_scratch(e);

    if (base == X64_NONE && index == X64_NONE) {
        x64_mov_imm(a, d, width == 4 ? (uint32_t)addr->disp : (uint64_t)addr->disp);
    } else if (base == X64_NONE) {
        x64_lea(a, width, d, x64_mem(index, (int32_t)addr->disp));
    } else if (index == X64_NONE) {
        x64_lea(a, width, d, x64_mem(base, (int32_t)addr->disp));
    } else {
        x64_lea(a, width, d, x64_mem_index(base, index, addr->scale, (int32_t)addr->disp));
    }
    x64_def_done(e, op->dst, size, d);
}
