/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Memory accesses.
 *
 * Straight path, address = base + disp:          any other address, in r9 or r11:
 *     lea  r10, [base + disp]                        mov  r10, ea
 *     sub  r10, [slot.base]                          sub  r10, [slot.base]
 *     cmp  r10, 4096 - size                          cmp  r10, 4096 - size
 *     ja   stub                                      ja   stub
 *     mov  r10, [slot.delta]                         mov  r10, [slot.delta]
 *   back:                                          back:
 *     op   [base + r10 + disp]                       op   [ea + r10]
 * Stub:
 *     FLAGS by recipe, where the image is stale; address -> r10; description -> state
 *     call miss thunk        (r10 = delta; or the instruction is interpreted and does not return)
 *     jmp  back
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

G_STATIC_ASSERT(SLOT_INDEX < TCG_PREDICT_SLOTS);

static unsigned
mem_slot(const X64Emit *e, const EmuTcgAddr *addr)
{
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

/* Computes an address into a new scratch register, or returns (simple) base register and disp. */
static unsigned
addr_compute(X64Emit *e, const EmuTcgAddr *addr, int32_t *disp_out)
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
                /* r10 is free until the check. */
                index = X64_R10;
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
            x64_mov_imm(a, X64_R10, addr->disp);
            x64_alu_load(a, X64_ADD, width, ea, x64_reg(X64_R10));
        }
        if (addr->wrap == 16) {
            x64_movzx(a, 2, ea, x64_reg(ea));
        }
    }
    if (has_seg) {
        X64Loc seg = x64_loc(e, addr->segment);

        if (seg.kind == X64_LOC_IMM) {
            x64_mov_imm(a, X64_R10, seg.imm);
            x64_alu_load(a, X64_ADD, addr->linear32 ? 4 : 8, ea, x64_reg(X64_R10));
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

    if (e->n_stubs == TCG_HOST_MAX_STUBS) {
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
    int32_t predict = h->hot_offset + (int32_t)offsetof(TcgHot, predict) +
                      (int32_t)((mem->mmu_mode & (EMU_TCG_MMU_MODES - 1)) * TCG_PREDICT_SLOTS +
                                slot) *
                          (int32_t)sizeof(TcgPredict);
    int32_t disp;

    x64_flags_before_clobber(e, x64_live_in(e));
    if (!x64_scratch_is(e, X64_R10)) {
        e->failed = true;
    }

    unsigned base = addr_compute(e, &mem->addr, &disp);
    X64Stub *s = stub_new(e);

    s->simple = true;
    s->base = base;
    s->disp = disp;
    s->desc = TCG_DESC(slot, mem->mmu_mode, is_write ? EMU_TCG_WRITE : EMU_TCG_READ, size, e->insn);

    if (disp != 0) {
        x64_lea(a, 8, X64_R10, x64_mem(base, disp));
    } else {
        x64_mov_rr(a, 8, X64_R10, base);
    }
    x64_alu_load(a, X64_SUB, 8, X64_R10,
                 x64_mem(X64_RSP, predict + (int32_t)(is_write ? offsetof(TcgPredict, write_base)
                                                               : offsetof(TcgPredict, read_base))));
    x64_alu_imm(a, X64_CMP, 8, x64_reg(X64_R10),
                e->job->force_slow || size > TCG_PAGE_SIZE ? -1 : (int64_t)(TCG_PAGE_SIZE - size));
    s->jump = x64_jcc_forward(a, e->job->force_slow ? 6 : 7); /* jbe : ja */
    x64_mov_load(a, 8, X64_R10,
                 x64_mem(X64_RSP, predict + (int32_t)offsetof(TcgPredict, delta)));
    s->back = a->p;
    return x64_mem_index(base, X64_R10, 0, disp);
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
            x64_recipe(e, s->recipe, X64_R10);
            x64_flags_save(a, X64_R10);
        }
        x64_mov_store_imm(a, 4, x64_mem(X64_RSP, X64_ST_DESC), (int32_t)s->desc);
        if (s->interp) {
            x64_call(a, e->h->t_interp);
            continue;
        }
        if (s->disp != 0) {
            x64_lea(a, 8, X64_R10, x64_mem(s->base, s->disp));
        } else {
            x64_mov_rr(a, 8, X64_R10, s->base);
        }
        x64_call(a, e->h->t_miss);
        x64_jmp_back(a, s->back);
    }
    e->out->n_stubs = e->n_stubs;
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
        x64_release_dying(e, X64_NONE, X64_NONE, false);
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
    /* The address is not needed behind the load: r10 may take the value. */
    r = X64_R10;
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

    x64_release_dying(e, rm.base, v.reg, true);
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

        x64_flags_before_clobber(e, op->live);
        x64_scratch_is(e, X64_R10);
        ea = addr_compute(e, addr, &disp);
        if (disp != 0) {
            x64_lea(a, 8, X64_R10, x64_mem(ea, disp));
            ea = X64_R10;
        }
        if (size == 4) {
            x64_mov_rr(a, 4, X64_R10, ea);
            ea = X64_R10;
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
