/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "x86-lift.h"

EmuTcgType
x86_lift_type(unsigned size)
{
    switch (size) {
    case 1:
        return EMU_TCG_I8;
    case 2:
        return EMU_TCG_I16;
    case 4:
        return EMU_TCG_I32;
    default:
        return EMU_TCG_I64;
    }
}

EmuTcgArg
x86_lift_gpr(X86Lift *l, unsigned reg, unsigned size)
{
    if (reg & 0x10) {
        return emu_tcg_ir_global(l->ir, reg & 3, EMU_TCG_PART_HIGH8);
    }
    switch (size) {
    case 1:
        return emu_tcg_ir_global(l->ir, reg, EMU_TCG_PART_LOW8);
    case 2:
        return emu_tcg_ir_global(l->ir, reg, EMU_TCG_PART_LOW16);
    case 4:
        return emu_tcg_ir_global(l->ir, reg, EMU_TCG_PART_LOW32);
    default:
        return emu_tcg_ir_global(l->ir, reg, EMU_TCG_PART_FULL);
    }
}

/*
 * Adds the segment: in 64-bit code FS and GS have a base; elsewhere any may, and the sum wraps at 4G again. False: its rights are
 * the interpreter's to check.
 */
static bool
x86_lift_segment(X86Lift *l, unsigned segment, EmuTcgAddr *a)
{
    if (x86_lift_is_64(l) ? segment != X86_FS && segment != X86_GS : (l->mode & X86_MODE_FLAT(segment)) != 0) {
        return true;
    }
    a->segment = emu_tcg_ir_global(l->ir, X86_GLOBAL_SEG_BASE + segment, EMU_TCG_PART_FULL);
    if (x86_lift_is_64(l)) {
        return true;
    }
    a->linear32 = true;
    if (!(l->mode & X86_MODE_NOLIMIT(segment))) {
        a->limit = emu_tcg_ir_global(l->ir, X86_GLOBAL_LIMIT + segment, EMU_TCG_PART_FULL);
        return (l->mode & X86_MODE_LIMITED(segment)) != 0;
    }
    return true;
}

/* The effective address without its segment, as LEA computes it. */
static void
x86_lift_offset(X86Lift *l, const X86Insn *insn, EmuTcgAddr *a)
{
    *a = (EmuTcgAddr){.wrap = insn->addrsize * 8, .disp = insn->disp, .scale = insn->scale};
    if (insn->base == X86_BASE_RIP) {
        a->pcrel = true;
        a->disp = (int64_t)(l->next + (uint64_t)insn->disp);
    } else if (insn->base != X86_NO_REG) {
        a->base = emu_tcg_ir_global(l->ir, insn->base, EMU_TCG_PART_FULL);
    }
    if (insn->index != X86_NO_REG) {
        a->index = emu_tcg_ir_global(l->ir, insn->index, EMU_TCG_PART_FULL);
    }
}

bool
x86_lift_address(X86Lift *l, const X86Insn *insn, EmuTcgAddr *out)
{
    x86_lift_offset(l, insn, out);
    return x86_lift_segment(l, insn->segment, out);
}

bool
x86_lift_mem(X86Lift *l, const X86Insn *insn, unsigned size, unsigned access, EmuTcgMem *out)
{
    EmuTcgAddr addr;

    if (!size || !x86_lift_address(l, insn, &addr)) {
        return false;
    }
    /* Code segments are never written to in protected mode. */
    if ((access & EMU_TCG_PROT_WRITE) && insn->segment == X86_CS && (l->mode & X86_MODE_PE) && !(l->mode & X86_MODE_VM86) &&
        !x86_lift_is_64(l)) {
        return false;
    }
    *out = (EmuTcgMem){.addr = addr, .size = size, .access = access, .mmu_mode = EMU_TCG_MMU_CURRENT};
    return true;
}

bool
x86_lift_string_mem(X86Lift *l, unsigned reg, unsigned segment, unsigned addrsize, unsigned size, EmuTcgMem *out)
{
    *out = (EmuTcgMem){
        .addr = {.base = emu_tcg_ir_global(l->ir, reg, EMU_TCG_PART_FULL), .wrap = (uint8_t)(addrsize * 8)},
        .size = size,
        .access = EMU_TCG_PROT_READ,
        .mmu_mode = EMU_TCG_MMU_CURRENT,
    };
    return x86_lift_segment(l, segment, &out->addr);
}

unsigned
x86_lift_stack_width(const X86Lift *l)
{
    return 2u << (l->mode >> X86_MODE_STACK_SHIFT & 3);
}

bool
x86_lift_stack(X86Lift *l, int disp, unsigned size, unsigned access, EmuTcgMem *out)
{
    *out = (EmuTcgMem){
        .addr = {.base = emu_tcg_ir_global(l->ir, X86_RSP, EMU_TCG_PART_FULL),
                 .disp = disp,
                 .wrap = (uint8_t)(x86_lift_stack_width(l) * 8)},
        .size = size,
        .access = access,
        .mmu_mode = EMU_TCG_MMU_CURRENT,
    };
    return x86_lift_segment(l, X86_SS, &out->addr);
}

void
x86_lift_add_sp(X86Lift *l, int n)
{
    unsigned width = x86_lift_stack_width(l);
    /* A word of the sum is the same when it wraps at 32 bits, which the host does for nothing. */
    EmuTcgAddr a = {.base = emu_tcg_ir_global(l->ir, X86_RSP, EMU_TCG_PART_FULL), .disp = n, .wrap = width == 8 ? 64 : 32};

    emu_tcg_ir_lea(l->ir, x86_lift_type(width), x86_lift_gpr(l, X86_RSP, width), &a);
}

bool
x86_lift_read(X86Lift *l, const X86Insn *insn, unsigned n, EmuTcgArg *out)
{
    const X86Operand *o = &insn->op[n];
    EmuTcgMem mem;

    switch (o->kind) {
    case X86_OPND_GPR:
        *out = x86_lift_gpr(l, o->reg, o->size);
        return true;
    case X86_OPND_IMM:
        *out = emu_tcg_ir_const(l->ir, (int64_t)insn->imm);
        return true;
    case X86_OPND_MEM:
        if (!x86_lift_mem(l, insn, o->size, EMU_TCG_PROT_READ, &mem) || o->size > 8) {
            return false;
        }
        *out = emu_tcg_ir_temp(l->ir);
        emu_tcg_ir_load(l->ir, x86_lift_type(o->size), *out, &mem);
        return true;
    default:
        return false;
    }
}

bool
x86_lift_begin_write(X86Lift *l, const X86Insn *insn, unsigned n, EmuTcgArg *out, EmuTcgMem *mem)
{
    const X86Operand *o = &insn->op[n];

    if (o->kind == X86_OPND_GPR) {
        *out = x86_lift_gpr(l, o->reg, o->size);
        return true;
    }
    if (o->kind != X86_OPND_MEM || o->size > 8 || !x86_lift_mem(l, insn, o->size, EMU_TCG_PROT_WRITE, mem)) {
        return false;
    }
    *out = emu_tcg_ir_temp(l->ir);
    return true;
}

void
x86_lift_commit(X86Lift *l, const X86Insn *insn, unsigned n, EmuTcgArg value, const EmuTcgMem *mem)
{
    if (insn->op[n].kind == X86_OPND_MEM) {
        emu_tcg_ir_store(l->ir, x86_lift_type(insn->op[n].size), value, mem);
    }
}

static bool
x86_template_add_reg(EmuTcgTemplate *t, X86Lift *l, unsigned reg, unsigned role)
{
    EmuTcgArg arg = emu_tcg_ir_global(l->ir, reg, EMU_TCG_PART_FULL);

    for (unsigned i = 0; i < t->n_regs; i++) {
        if (t->regs[i] == arg) {
            t->roles[i] |= role;
            return true;
        }
    }
    if (t->n_regs == EMU_TCG_TEMPLATE_REGS) {
        return false;
    }
    t->regs[t->n_regs] = arg;
    t->roles[t->n_regs++] = role;
    return true;
}

bool
x86_lift_template(X86Lift *l, const X86Insn *insn, const X86Implicit *implicit, unsigned n_implicit, unsigned faults)
{
    return x86_lift_template_flags(l, insn, implicit, n_implicit, faults, insn->row->flags_read,
                                   insn->row->flags_written | insn->row->flags_undefined);
}

bool
x86_lift_template_flags(X86Lift *l, const X86Insn *insn, const X86Implicit *implicit, unsigned n_implicit,
                        unsigned faults, unsigned flags_used, unsigned flags_defined)
{
    const X86Row *row = insn->row;
    X86Insn plain;
    EmuTcgTemplate t = {
        .insn = insn,
        .insn_size = sizeof(*insn),
        .faults = faults,
        .flags_used = (uint16_t)flags_used,
        .flags_defined = (uint16_t)flags_defined,
    };

    for (unsigned i = 0; i < insn->n_operands; i++) {
        const X86Operand *o = &insn->op[i];

        if (o->kind == X86_OPND_GPR) {
            unsigned role = (o->rw & X86_RW_READ ? EMU_TCG_ROLE_READ : 0) | (o->rw & X86_RW_WRITE ? EMU_TCG_ROLE_WRITE : 0);

            /* A byte or word written into a register keeps the rest of it. */
            if ((role & EMU_TCG_ROLE_WRITE) && o->size < 4) {
                role |= EMU_TCG_ROLE_READ;
            }
            if (!x86_template_add_reg(&t, l, o->reg & 0x10 ? o->reg & 3 : o->reg, role)) {
                return false;
            }
        } else if (o->kind == X86_OPND_MEM) {
            unsigned access = (o->rw & X86_RW_READ ? EMU_TCG_PROT_READ : 0) | (o->rw & X86_RW_WRITE ? EMU_TCG_PROT_WRITE : 0);

            if (t.has_mem || !x86_lift_mem(l, insn, o->size, access, &t.mem)) {
                return false;
            }
            t.has_mem = true;
            t.mem.locked = (insn->prefixes & X86_PFX_LOCK) || row->op == X86_OP_xchg;
            if (o->size >= 16 && !(row->attr & X86_A_UNALIGNED) && (row->attr & (X86_A_SSE | X86_A_AVX))) {
                t.mem.align = o->size == 32 ? 5 : 4;
            }
        } else if (o->kind == X86_OPND_SEG || o->kind == X86_OPND_CR || o->kind == X86_OPND_DR || o->kind == X86_OPND_STRING ||
                   o->kind == X86_OPND_FAR || o->kind == X86_OPND_REL) {
            return false;
        }
    }
    for (unsigned i = 0; i < n_implicit; i++) {
        if (!x86_template_add_reg(&t, l, implicit[i].reg, implicit[i].role)) {
            return false;
        }
    }
    /*
     * A single vCPU's read-modify-write is one instruction, which nothing of the guest comes in between of. What software
     * uses as a fence (LOCK ADD or OR of 0) stays one: device threads are on the other side.
     */
    if ((insn->prefixes & X86_PFX_LOCK) && !(insn->op[1].kind == X86_OPND_IMM && insn->imm == 0) && !emu_tcg_parallel(&l->s->tcg)) {
        plain = *insn;
        plain.prefixes &= (uint8_t)~X86_PFX_LOCK;
        t.insn = &plain;
        t.mem.locked = false;
    }
    emu_tcg_ir_template(l->ir, &t);
    return true;
}
