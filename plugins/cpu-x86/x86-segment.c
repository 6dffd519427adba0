/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Segments: access checks, loads of segment registers, far transfers without a change of task
 * (SDM 3A chapters 3, 5.8, 5.9; APM 2 chapter 4).
 */

#include "x86-cet.h"
#include "x86-interp.h"
#include "x86-virt.h"

#define TYPE(attr) (((attr) >> 8) & 15)
#define DPL(attr) (((attr) >> X86_DESC_DPL_SHIFT) & 3)

void
x86_set_seg(X86State *s, unsigned seg, uint16_t selector, uint64_t base, uint32_t limit,
            uint32_t attr)
{
    s->seg[seg].selector = selector;
    s->seg[seg].limit = limit;
    s->seg[seg].attr = attr;
    *x86_seg_base(s, seg) = base;
}

void
x86_set_seg_real(X86State *s, unsigned seg, uint16_t selector)
{
    /* Limit and rights stay as they were: "unreal mode" rests on it. */
    s->seg[seg].selector = selector;
    s->seg[seg].attr &= ~X86_DESC_NULL;
    *x86_seg_base(s, seg) = (uint32_t)selector << 4;
}

void
x86_set_seg_vm86(X86State *s, unsigned seg, uint16_t selector)
{
    x86_set_seg(s, seg, selector, (uint32_t)selector << 4, 0xffff,
                X86_DESC_P | X86_DESC_DPL | X86_DESC_S | X86_DESC_W | X86_DESC_A |
                    (seg == X86_CS ? X86_DESC_CODE : 0));
}

static void G_NORETURN
seg_fault(X86State *s, unsigned seg)
{
    x86_raise(s, seg == X86_SS ? X86_EXC_SS : X86_EXC_GP, 0);
}

void
x86_raise_noncanonical(X86State *s, unsigned seg)
{
    seg_fault(s, seg);
}

void
x86_seg_check(X86State *s, unsigned seg, uint64_t offset, unsigned size, EmuTcgAccess access)
{
    const X86Segment *d = &s->seg[seg];
    uint64_t last = offset + size - 1;

    if (x86_protected(s)) {
        if ((d->attr & X86_DESC_NULL) || !(d->attr & X86_DESC_P)) {
            seg_fault(s, seg);
        }
        if (d->attr & X86_DESC_CODE) {
            if (access == EMU_TCG_WRITE ||
                (access == EMU_TCG_READ && !(d->attr & X86_DESC_R))) {
                seg_fault(s, seg);
            }
        } else if (access == EMU_TCG_WRITE && !(d->attr & X86_DESC_W)) {
            seg_fault(s, seg);
        }
        if ((d->attr & (X86_DESC_CODE | X86_DESC_E)) == X86_DESC_E) {
            uint64_t top = (d->attr & X86_DESC_B) ? 0xffffffffu : 0xffffu;

            if (offset <= d->limit || last > top) {
                seg_fault(s, seg);
            }
            return;
        }
    }
    /* The lax real mode lets 32-bit addresses beyond the segment through, but nothing run over its end. */
    if (last > d->limit && !(offset > d->limit && s->lax_real_mode && !(s->cr0 & X86_CR0_PE) && seg != X86_CS)) {
        seg_fault(s, seg);
    }
}

uint32_t
x86_desc_base(const uint32_t desc[2])
{
    return desc[0] >> 16 | (desc[1] & 0xff) << 16 | (desc[1] & 0xff000000u);
}

uint32_t
x86_desc_limit(const uint32_t desc[2])
{
    uint32_t limit = (desc[0] & 0xffff) | (desc[1] & 0xf0000);

    return (desc[1] & X86_DESC_G) ? limit << 12 | 0xfff : limit;
}

void
x86_set_seg_desc(X86State *s, unsigned seg, uint16_t selector, const uint32_t desc[2])
{
    x86_set_seg(s, seg, selector, x86_desc_base(desc), x86_desc_limit(desc),
                desc[1] & X86_DESC_ATTR);
}

static bool
descriptor_address(X86State *s, uint16_t selector, unsigned size, uint64_t *linear)
{
    uint64_t base = s->gdtr.base;
    uint32_t limit = s->gdtr.limit, offset = selector & ~7u;

    *linear = 0;
    if (selector & 4) {
        if (s->seg[X86_LDTR].attr & X86_DESC_NULL || !(s->seg[X86_LDTR].selector & ~3u)) {
            return false;
        }
        base = *x86_seg_base(s, X86_LDTR);
        limit = s->seg[X86_LDTR].limit;
    }
    *linear = base + offset;
    return offset + size - 1 <= limit;
}

bool
x86_read_descriptor(X86State *s, uint16_t selector, uint32_t desc[2])
{
    uint64_t linear, v;

    if (!descriptor_address(s, selector, 8, &linear)) {
        return false;
    }
    v = x86_load_linear(s, linear, 8, x86_system_mmu_mode(s));
    desc[0] = (uint32_t)v;
    desc[1] = (uint32_t)(v >> 32);
    return true;
}

void
x86_mark_accessed(X86State *s, uint16_t selector, uint32_t desc[2])
{
    uint64_t linear;
    bool fault;
    uint8_t *p;

    if (desc[1] & X86_DESC_A) {
        return;
    }
    descriptor_address(s, selector, 8, &linear);
    p = emu_tcg_host_pointer(&s->tcg, linear + 5, 1, EMU_TCG_WRITE, x86_system_mmu_mode(s), &fault);
    if (p) {
        __atomic_fetch_or(p, 1, __ATOMIC_SEQ_CST);
    } else {
        if (fault) {
            x86_raise_recorded_now(s);
        }
        x86_store_linear(s, linear + 5, (desc[1] >> 8 & 0xff) | 1, 1, x86_system_mmu_mode(s));
    }
    desc[1] |= X86_DESC_A;
}

/* Loads SS, DS, ES, FS or GS; the caller calls x86_update_mode(). */
void
x86_load_seg(X86State *s, unsigned seg, uint16_t selector)
{
    uint32_t desc[2], error = selector & ~3u;
    unsigned rpl = selector & 3, dpl;

    if (!(s->cr0 & X86_CR0_PE)) {
        x86_set_seg_real(s, seg, selector);
        return;
    }
    if (s->eflags & X86_VM) {
        x86_set_seg_vm86(s, seg, selector);
        return;
    }
    if (error == 0) {
        if (seg == X86_SS && !(s->code_size == 64 && s->cpl != 3 && rpl == s->cpl)) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        if (seg == X86_SS) {
            x86_set_seg(s, seg, selector, 0, 0xffffffffu,
                        X86_DESC_NULL | X86_DESC_P | X86_DESC_S | X86_DESC_W | X86_DESC_B |
                            (uint32_t)s->cpl << X86_DESC_DPL_SHIFT);
        } else {
            x86_set_seg(s, seg, selector, 0, 0, X86_DESC_NULL);
        }
        return;
    }
    if (!x86_read_descriptor(s, selector, desc)) {
        x86_raise(s, X86_EXC_GP, error);
    }
    dpl = DPL(desc[1]);
    if (!(desc[1] & X86_DESC_S)) {
        x86_raise(s, X86_EXC_GP, error);
    }
    if (seg == X86_SS) {
        if (rpl != s->cpl || (desc[1] & X86_DESC_CODE) || !(desc[1] & X86_DESC_W) ||
            dpl != s->cpl) {
            x86_raise(s, X86_EXC_GP, error);
        }
        if (!(desc[1] & X86_DESC_P)) {
            x86_raise(s, X86_EXC_SS, error);
        }
    } else {
        if ((desc[1] & (X86_DESC_CODE | X86_DESC_R)) == X86_DESC_CODE) {
            x86_raise(s, X86_EXC_GP, error);
        }
        if ((desc[1] & (X86_DESC_CODE | X86_DESC_C)) != (X86_DESC_CODE | X86_DESC_C) &&
            (rpl > dpl || s->cpl > dpl)) {
            x86_raise(s, X86_EXC_GP, error);
        }
        if (!(desc[1] & X86_DESC_P)) {
            x86_raise(s, X86_EXC_NP, error);
        }
    }
    x86_mark_accessed(s, selector, desc);
    x86_set_seg_desc(s, seg, selector, desc);
}

/* Checks a target offset against a code segment that is about to be loaded. */
static void
check_target(X86State *s, const uint32_t desc[2], uint64_t rip)
{
    if (x86_long(s) && (desc[1] & X86_DESC_L)) {
        if (!x86_canonical(s, rip)) {
            x86_raise(s, X86_EXC_GP, 0);
        }
    } else if (rip > x86_desc_limit(desc)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
}

static void
commit_cs(X86State *s, uint16_t selector, uint32_t desc[2], unsigned cpl, uint64_t rip)
{
    x86_mark_accessed(s, (uint16_t)selector, desc);
    x86_set_seg_desc(s, X86_CS, (uint16_t)((selector & ~3u) | cpl), desc);
    s->cpl = (uint8_t)cpl;
    s->interp->next_rip = rip;
    x86_update_mode(s);
}

static void
real_far(X86State *s, uint16_t selector, uint64_t offset)
{
    if (offset > s->seg[X86_CS].limit) {
        x86_raise(s, X86_EXC_GP, 0);
    }
}

static void
real_commit_cs(X86State *s, uint16_t selector, uint64_t offset)
{
    if (s->eflags & X86_VM) {
        x86_set_seg_vm86(s, X86_CS, selector);
    } else {
        x86_set_seg_real(s, X86_CS, selector);
    }
    s->interp->next_rip = offset;
    x86_update_mode(s);
}

static void
read_code_descriptor(X86State *s, uint16_t selector, uint32_t desc[2])
{
    if (!(selector & ~3u)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    if (!x86_read_descriptor(s, selector, desc)) {
        x86_raise(s, X86_EXC_GP, selector & ~3u);
    }
}

/* Direct transfer to a code segment at the same privilege level: all checks but the offset. */
static void
check_direct(X86State *s, uint16_t selector, const uint32_t desc[2])
{
    uint32_t error = selector & ~3u;
    unsigned dpl = DPL(desc[1]);

    if (desc[1] & X86_DESC_C) {
        if (dpl > s->cpl) {
            x86_raise(s, X86_EXC_GP, error);
        }
    } else if ((selector & 3u) > s->cpl || dpl != s->cpl) {
        x86_raise(s, X86_EXC_GP, error);
    }
    if (!(desc[1] & X86_DESC_P)) {
        x86_raise(s, X86_EXC_NP, error);
    }
    if (x86_long(s) && (desc[1] & (X86_DESC_L | X86_DESC_B)) == (X86_DESC_L | X86_DESC_B)) {
        x86_raise(s, X86_EXC_GP, error);
    }
}

static bool
is_code(const uint32_t desc[2])
{
    return (desc[1] & (X86_DESC_S | X86_DESC_CODE)) == (X86_DESC_S | X86_DESC_CODE);
}

typedef struct {
    uint16_t selector;
    uint64_t offset;
    unsigned size; /* of a slot: 2, 4, 8 */
    unsigned params;
} CallGate;

/* Reads and checks a call gate and its target; leaves the target's descriptor in @desc. */
static void
read_call_gate(X86State *s, uint16_t selector, uint32_t desc[2], CallGate *gate)
{
    uint32_t error = selector & ~3u;
    unsigned dpl = DPL(desc[1]), type = TYPE(desc[1]);

    if (dpl < s->cpl || dpl < (selector & 3u)) {
        x86_raise(s, X86_EXC_GP, error);
    }
    gate->selector = (uint16_t)(desc[0] >> 16);
    gate->offset = (desc[0] & 0xffff) | (desc[1] & 0xffff0000u);
    gate->params = desc[1] & 31;
    gate->size = type == 4 ? 2 : 4;
    if (gate->size == 2) {
        gate->offset &= 0xffff;
    }
    if (x86_long(s)) {
        uint64_t linear, high;

        if (!descriptor_address(s, selector, 16, &linear)) {
            x86_raise(s, X86_EXC_GP, error);
        }
        high = x86_load_linear(s, linear + 8, 8, x86_system_mmu_mode(s));
        if (high >> 32 & 0x1f00) {
            x86_raise(s, X86_EXC_GP, error);
        }
        gate->offset |= high << 32;
        gate->size = 8;
        gate->params = 0;
    }
    if (!(desc[1] & X86_DESC_P)) {
        x86_raise(s, X86_EXC_NP, error);
    }
    read_code_descriptor(s, gate->selector, desc);
    error = gate->selector & ~3u;
    if (!is_code(desc) || DPL(desc[1]) > s->cpl) {
        x86_raise(s, X86_EXC_GP, error);
    }
    if (x86_long(s) && (desc[1] & (X86_DESC_L | X86_DESC_B)) != X86_DESC_L) {
        x86_raise(s, X86_EXC_GP, error);
    }
    if (!(desc[1] & X86_DESC_P)) {
        x86_raise(s, X86_EXC_NP, error);
    }
}

static bool
system_type_is_call_gate(X86State *s, const uint32_t desc[2])
{
    unsigned type = TYPE(desc[1]);

    return !(desc[1] & X86_DESC_S) && (type == 12 || (type == 4 && !x86_long(s)));
}

/* JMP or CALL to a TSS or task gate; true when it was one. */
static bool
far_task(X86State *s, uint16_t selector, uint32_t desc[2], int how)
{
    unsigned type = TYPE(desc[1]), dpl = DPL(desc[1]);
    uint32_t error = selector & ~3u;

    if ((desc[1] & X86_DESC_S) || x86_long(s) || (type != 1 && type != 9 && type != 5)) {
        return false;
    }
    if (dpl < s->cpl || dpl < (selector & 3u)) {
        x86_raise(s, X86_EXC_GP, error);
    }
    if (!(desc[1] & X86_DESC_P)) {
        x86_raise(s, X86_EXC_NP, error);
    }
    if (type == 5) {
        selector = (uint16_t)(desc[0] >> 16);
        error = selector & ~3u;
        if ((selector & 4) || !x86_read_descriptor(s, selector, desc)) {
            x86_raise(s, X86_EXC_GP, error);
        }
        type = TYPE(desc[1]);
        if ((desc[1] & X86_DESC_S) || (type != 1 && type != 9)) {
            x86_raise(s, X86_EXC_GP, error);
        }
        if (!(desc[1] & X86_DESC_P)) {
            x86_raise(s, X86_EXC_NP, error);
        }
    }
    x86_task_switch(s, selector, desc, how, false, 0);
    return true;
}

static bool
leads_to_64(const X86State *s, const uint32_t desc[2])
{
    return x86_long(s) && (desc[1] & X86_DESC_L);
}

/* The linear address of an instruction in the segment that is left. */
static uint64_t
linear_address(X86State *s, uint64_t rip)
{
    return s->code_size == 64 ? rip : (uint32_t)(*x86_seg_base(s, X86_CS) + rip);
}

static void
jump_cs(X86State *s, uint16_t selector, uint32_t desc[2], uint64_t rip)
{
    if (x86_cet_on(s)) {
        x86_cet_check_target(s, leads_to_64(s, desc));
    }
    commit_cs(s, selector, desc, s->cpl, rip);
    if (x86_cet_on(s)) {
        x86_cet_wait(s);
    }
}

void
x86_far_jump(X86State *s, const X86Insn *insn, uint16_t selector, uint64_t offset)
{
    uint32_t desc[2];
    CallGate gate;

    offset &= x86_size_mask(insn->opsize);
    if (!x86_protected(s)) {
        real_far(s, selector, offset);
        real_commit_cs(s, selector, offset);
        return;
    }
    read_code_descriptor(s, selector, desc);
    if (is_code(desc)) {
        check_direct(s, selector, desc);
        check_target(s, desc, offset);
        jump_cs(s, selector, desc, offset);
        return;
    }
    if (system_type_is_call_gate(s, desc)) {
        read_call_gate(s, selector, desc, &gate);
        if (!(desc[1] & X86_DESC_C) && DPL(desc[1]) != s->cpl) {
            x86_raise(s, X86_EXC_GP, gate.selector & ~3u);
        }
        check_target(s, desc, gate.offset);
        jump_cs(s, gate.selector, desc, gate.offset);
        return;
    }
    if (!far_task(s, selector, desc, X86_SWITCH_JMP)) {
        x86_raise(s, X86_EXC_GP, selector & ~3u);
    }
}

/* A frame being pushed to a stack that is not the current one yet. */
typedef struct {
    uint64_t sp, mask, base;
    uint32_t desc[2];
    uint16_t selector;
    unsigned mmu_mode;
    bool flat; /* 64-bit */
} Frame;

static void
frame_push(X86State *s, Frame *f, uint64_t v, unsigned size)
{
    uint64_t offset = (f->sp - size) & f->mask, linear = offset;

    if (f->flat) {
        if (!x86_canonical(s, offset)) {
            x86_raise(s, X86_EXC_SS, 0);
        }
    } else {
        uint32_t limit = x86_desc_limit(f->desc);
        bool down = f->desc[1] & X86_DESC_E;

        if (down ? offset <= limit : offset + size - 1 > limit) {
            x86_raise(s, X86_EXC_SS, f->selector & ~3u);
        }
        linear = (uint32_t)(offset + f->base);
    }
    x86_store_linear(s, linear, v, size, f->mmu_mode);
    f->sp = (f->sp & ~f->mask) | offset;
}

/* The stack of privilege level @cpl out of the TSS; checks of SDM 3A 6.12.1 and CALL. */
static void
inner_stack(X86State *s, unsigned cpl, Frame *f)
{
    unsigned type = TYPE(s->seg[X86_TR].attr), offset, mode = x86_system_mmu_mode(s);
    uint32_t error = s->seg[X86_TR].selector & ~3u;
    uint64_t tss = *x86_seg_base(s, X86_TR);

    memset(f, 0, sizeof(*f));
    f->mmu_mode = mode;
    if (x86_long(s)) {
        offset = 4 + 8 * cpl;
        if (offset + 7 > s->seg[X86_TR].limit) {
            x86_raise(s, X86_EXC_TS, error);
        }
        f->sp = x86_load_linear(s, tss + offset, 8, mode);
        f->selector = (uint16_t)cpl;
        f->mask = ~UINT64_C(0);
        f->flat = true;
        return;
    }
    if (type & 8) {
        offset = 4 + 8 * cpl;
        if (offset + 5 > s->seg[X86_TR].limit) {
            x86_raise(s, X86_EXC_TS, error);
        }
        f->sp = x86_load_linear(s, tss + offset, 4, mode);
        f->selector = (uint16_t)x86_load_linear(s, tss + offset + 4, 2, mode);
    } else {
        offset = 2 + 4 * cpl;
        if (offset + 3 > s->seg[X86_TR].limit) {
            x86_raise(s, X86_EXC_TS, error);
        }
        f->sp = x86_load_linear(s, tss + offset, 2, mode);
        f->selector = (uint16_t)x86_load_linear(s, tss + offset + 2, 2, mode);
    }
    error = f->selector & ~3u;
    if (error == 0 || !x86_read_descriptor(s, f->selector, f->desc) || (f->selector & 3u) != cpl ||
        DPL(f->desc[1]) != cpl ||
        (f->desc[1] & (X86_DESC_S | X86_DESC_CODE | X86_DESC_W)) != (X86_DESC_S | X86_DESC_W)) {
        x86_raise(s, X86_EXC_TS, error);
    }
    if (!(f->desc[1] & X86_DESC_P)) {
        x86_raise(s, X86_EXC_SS, error);
    }
    f->base = x86_desc_base(f->desc);
    f->mask = (f->desc[1] & X86_DESC_B) ? 0xffffffffu : 0xffffu;
}

static void
commit_frame(X86State *s, Frame *f)
{
    if (f->flat) {
        x86_set_seg(s, X86_SS, f->selector, 0, 0xffffffffu,
                    X86_DESC_NULL | X86_DESC_P | X86_DESC_S | X86_DESC_W | X86_DESC_B |
                        (uint32_t)(f->selector & 3) << X86_DESC_DPL_SHIFT);
        X86_LOW(s, X86_RSP) = f->sp;
        return;
    }
    x86_mark_accessed(s, f->selector, f->desc);
    x86_set_seg_desc(s, X86_SS, f->selector, f->desc);
    if (f->mask == 0xffff) {
        X86_LOW(s, X86_RSP) = (X86_LOW(s, X86_RSP) & ~UINT64_C(0xffff)) | (f->sp & 0xffff);
    } else {
        X86_LOW(s, X86_RSP) = (uint32_t)f->sp;
    }
}

void
x86_far_call(X86State *s, const X86Insn *insn, uint16_t selector, uint64_t offset)
{
    uint64_t ret = s->interp->next_rip, mask = x86_stack_mask(s), sp = X86_LOW(s, X86_RSP);
    unsigned size = insn->opsize;
    uint32_t desc[2];
    CallGate gate;

    offset &= x86_size_mask(size);
    if (!x86_protected(s)) {
        real_far(s, selector, offset);
    } else {
        read_code_descriptor(s, selector, desc);
        if (is_code(desc)) {
            check_direct(s, selector, desc);
            check_target(s, desc, offset);
        } else if (system_type_is_call_gate(s, desc)) {
            unsigned dpl;

            read_call_gate(s, selector, desc, &gate);
            dpl = DPL(desc[1]);
            selector = gate.selector;
            offset = gate.offset;
            size = gate.size;
            check_target(s, desc, offset);
            if (!(desc[1] & X86_DESC_C) && dpl < s->cpl) {
                uint16_t old_cs = s->seg[X86_CS].selector;
                uint64_t params[31];
                Frame f;

                inner_stack(s, dpl, &f);
                for (unsigned i = 0; i < gate.params; i++) {
                    params[i] = x86_stack_peek(s, i * size, size);
                }
                frame_push(s, &f, s->seg[X86_SS].selector, size);
                frame_push(s, &f, sp, size);
                for (unsigned i = gate.params; i-- > 0;) {
                    frame_push(s, &f, params[i], size);
                }
                frame_push(s, &f, old_cs, size);
                frame_push(s, &f, ret, size);
                if (x86_cet_on(s)) {
                    x86_cet_enter(s, dpl, s->pl_ssp[dpl], leads_to_64(s, desc), linear_address(s, ret));
                }
                commit_frame(s, &f);
                commit_cs(s, selector, desc, dpl, offset);
                if (x86_cet_on(s)) {
                    x86_cet_wait(s);
                }
                return;
            }
        } else {
            if (!far_task(s, selector, desc, X86_SWITCH_CALL)) {
                x86_raise(s, X86_EXC_GP, selector & ~3u);
            }
            return;
        }
    }
    x86_store(s, X86_SS, (sp - size) & mask, s->seg[X86_CS].selector, size);
    x86_store(s, X86_SS, (sp - 2 * size) & mask, ret, size);
    if (!x86_protected(s)) {
        x86_set_sp(s, sp - 2 * size);
        real_commit_cs(s, selector, offset);
        return;
    }
    if (x86_cet_on(s)) {
        x86_cet_check_target(s, leads_to_64(s, desc));
        x86_cet_push_frame(s, s->ssp, linear_address(s, ret));
    }
    x86_set_sp(s, sp - 2 * size);
    commit_cs(s, selector, desc, s->cpl, offset);
    if (x86_cet_on(s)) {
        x86_cet_wait(s);
    }
}

/* After a return to an outer level, segments that it may not use are made null. */
static void
drop_inner_segments(X86State *s)
{
    static const uint8_t segs[] = {X86_ES, X86_DS, X86_FS, X86_GS};

    for (unsigned i = 0; i < G_N_ELEMENTS(segs); i++) {
        X86Segment *d = &s->seg[segs[i]];

        if (!(d->attr & X86_DESC_NULL) && DPL(d->attr) < s->cpl &&
            (d->attr & (X86_DESC_CODE | X86_DESC_C)) != (X86_DESC_CODE | X86_DESC_C)) {
            uint64_t base = *x86_seg_base(s, segs[i]);

            /* In 64-bit code the base of FS and GS survives (MSR view). */
            x86_set_seg(s, segs[i], 0, x86_long(s) ? base : 0, 0, X86_DESC_NULL);
        }
    }
}

/*
 * The common part of RETF and IRET in protected mode: CS (and SS on an outer return) from the stack
 * at sp + *@delta.  @with_stack: SS:rSP follow even for a return to the same level (64-bit IRET).
 */
static void
protected_return(X86State *s, unsigned size, unsigned delta, unsigned pop, bool iret,
                 uint32_t *eflags)
{
    uint64_t rip = x86_stack_peek(s, 0, size), new_sp = 0, mask = x86_stack_mask(s);
    uint16_t cs = (uint16_t)x86_stack_peek(s, size, size), ss = 0;
    uint32_t desc[2], ss_desc[2] = {0, 0}, error = cs & ~3u;
    unsigned rpl = cs & 3u, dpl, old_cpl = s->cpl;
    bool outer, with_stack, ss_null = false;

    (void)mask;
    read_code_descriptor(s, cs, desc);
    dpl = DPL(desc[1]);
    if (!is_code(desc) || rpl < s->cpl) {
        x86_raise(s, X86_EXC_GP, error);
    }
    if ((desc[1] & X86_DESC_C) ? dpl > rpl : dpl != rpl) {
        x86_raise(s, X86_EXC_GP, error);
    }
    if (!(desc[1] & X86_DESC_P)) {
        x86_raise(s, X86_EXC_NP, error);
    }
    if (x86_long(s) && (desc[1] & (X86_DESC_L | X86_DESC_B)) == (X86_DESC_L | X86_DESC_B)) {
        x86_raise(s, X86_EXC_GP, error);
    }
    check_target(s, desc, rip);
    outer = rpl > s->cpl;
    with_stack = outer || (iret && s->code_size == 64);
    if (with_stack) {
        unsigned at = delta + pop;

        new_sp = x86_stack_peek(s, at, size);
        ss = (uint16_t)x86_stack_peek(s, at + size, size);
        error = ss & ~3u;
        if (error == 0) {
            /* null SS: only to 64-bit code of CPL 0 to 2 */
            if (!(x86_long(s) && (desc[1] & X86_DESC_L) && rpl != 3 && (ss & 3u) == rpl)) {
                x86_raise(s, X86_EXC_GP, 0);
            }
            ss_null = true;
        } else {
            if (!x86_read_descriptor(s, ss, ss_desc) || (ss & 3u) != rpl ||
                DPL(ss_desc[1]) != rpl ||
                (ss_desc[1] & (X86_DESC_S | X86_DESC_CODE | X86_DESC_W)) !=
                    (X86_DESC_S | X86_DESC_W)) {
                x86_raise(s, X86_EXC_GP, error);
            }
            if (!(ss_desc[1] & X86_DESC_P)) {
                x86_raise(s, X86_EXC_SS, error);
            }
            x86_mark_accessed(s, ss, ss_desc);
        }
    }
    x86_mark_accessed(s, cs, desc);
    if (x86_cet_on(s)) {
        bool code64 = leads_to_64(s, desc);

        x86_cet_return(s, cs, code64 ? rip : (uint32_t)(x86_desc_base(desc) + rip), rpl, code64, iret);
    }

    if (eflags) {
        uint32_t take = X86_CC | X86_TF | X86_DF | X86_NT | X86_RF | X86_AC | X86_ID, flags = *eflags;

        /* RF lasts for one instruction, which is interpreted; with no breakpoint armed it would make no difference there. */
        if (!(s->dr[7] & 0xff)) {
            flags &= ~X86_RF;
        }
        if (old_cpl <= x86_iopl(s)) {
            take |= X86_IF;
        }
        if (old_cpl == 0) {
            take |= X86_IOPL | X86_VIF | X86_VIP;
        }
        if (size == 2) {
            take &= 0xffff;
        }
        x86_set_eflags(s, (x86_get_eflags(s) & ~take) | (flags & take));
    }
    if (!with_stack) {
        x86_drop(s, delta + pop);
    }
    commit_cs(s, cs, desc, rpl, rip);
    if (with_stack) {
        if (ss_null) {
            x86_set_seg(s, X86_SS, ss, 0, 0xffffffffu,
                        X86_DESC_NULL | X86_DESC_P | X86_DESC_S | X86_DESC_W | X86_DESC_B |
                            rpl << X86_DESC_DPL_SHIFT);
        } else {
            x86_set_seg_desc(s, X86_SS, ss, ss_desc);
        }
        if (outer) {
            drop_inner_segments(s);
        }
        x86_update_mode(s);
        if (!iret) {
            new_sp += pop;
        }
        if (s->stack_size == 64) {
            X86_LOW(s, X86_RSP) = new_sp;
        } else if (s->stack_size == 32) {
            X86_LOW(s, X86_RSP) = (uint32_t)new_sp;
        } else {
            x86_set_sp(s, new_sp);
        }
    }
}

void
x86_far_ret(X86State *s, unsigned opsize, unsigned pop)
{
    if (!x86_protected(s)) {
        uint64_t rip = x86_stack_peek(s, 0, opsize);
        uint16_t cs = (uint16_t)x86_stack_peek(s, opsize, opsize);

        real_far(s, cs, rip);
        x86_drop(s, 2 * opsize + pop);
        real_commit_cs(s, cs, rip);
        return;
    }
    protected_return(s, opsize, 2 * opsize, pop, false, NULL);
}

static void
iret_real(X86State *s, unsigned size)
{
    uint64_t rip = x86_stack_peek(s, 0, size);
    uint16_t cs = (uint16_t)x86_stack_peek(s, size, size);
    uint32_t flags = (uint32_t)x86_stack_peek(s, 2 * size, size), take;

    real_far(s, cs, rip);
    take = X86_CC | X86_TF | X86_IF | X86_DF | X86_NT | X86_RF | X86_AC | X86_ID;
    if (!(s->eflags & X86_VM)) {
        take |= X86_IOPL;
    }
    if (size == 2) {
        take &= 0xffff;
    }
    x86_drop(s, 3 * size);
    x86_set_eflags(s, (x86_get_eflags(s) & ~take) | (flags & take));
    real_commit_cs(s, cs, rip);
}

uint16_t
x86_virtual_flags(const X86State *s)
{
    return (uint16_t)((x86_get_eflags(s) & ~X86_IF) | X86_IOPL | (s->eflags & X86_VIF ? X86_IF : 0));
}

void
x86_set_virtual_flags(X86State *s, uint16_t flags)
{
    uint32_t take = X86_CC | X86_DF | X86_NT | X86_VIF, v = flags & ~X86_VIF;

    if ((flags & X86_TF) || ((flags & X86_IF) && (s->eflags & X86_VIP))) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    if (flags & X86_IF) {
        v |= X86_VIF;
    }
    x86_set_eflags(s, (x86_get_eflags(s) & ~take) | (v & take));
    x86_update_mode(s);
}

static void
iret_virtual(X86State *s)
{
    uint64_t rip = x86_stack_peek(s, 0, 2);
    uint16_t cs = (uint16_t)x86_stack_peek(s, 2, 2), flags = (uint16_t)x86_stack_peek(s, 4, 2);

    real_far(s, cs, rip);
    x86_set_virtual_flags(s, flags);
    x86_drop(s, 6);
    real_commit_cs(s, cs, rip);
}

/*
 * The interrupt redirection bitmap: 32 bytes below the I/O permission bitmap; a 0 sends the interrupt through the vector
 * table at linear address 0 without leaving VM86 (SDM 3B 21.3.3, methods 5 and 6).
 */
bool
x86_interrupt_redirected(X86State *s, unsigned vector)
{
    const X86Segment *tr = &s->seg[X86_TR];
    unsigned system = x86_system_mmu_mode(s), map, user = X86_MMU_USER;
    uint64_t tss = *x86_seg_base(s, X86_TR), sp = X86_LOW(s, X86_RSP);
    uint32_t entry, clear = X86_TF;
    uint16_t flags;

    if (!(TYPE(tr->attr) & 8) || tr->limit < 103) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    map = (unsigned)x86_load_linear(s, tss + 102, 2, system);
    if (map < 32 || map > tr->limit) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    if (x86_load_linear(s, tss + map - 32 + vector / 8, 1, system) >> (vector & 7) & 1) {
        return false;
    }
    entry = (uint32_t)x86_load_linear(s, vector * 4, 4, user);
    if (x86_iopl(s) == 3) {
        flags = (uint16_t)x86_get_eflags(s);
        clear |= X86_IF;
    } else {
        flags = x86_virtual_flags(s);
        clear |= X86_VIF;
    }
    x86_store(s, X86_SS, (sp - 2) & 0xffff, flags, 2);
    x86_store(s, X86_SS, (sp - 4) & 0xffff, s->seg[X86_CS].selector, 2);
    x86_store(s, X86_SS, (sp - 6) & 0xffff, s->interp->next_rip & 0xffff, 2);
    x86_set_sp(s, sp - 6);
    s->eflags &= ~clear;
    real_commit_cs(s, (uint16_t)(entry >> 16), entry & 0xffff);
    return true;
}

static void
iret_to_vm86(X86State *s, uint32_t flags)
{
    static const uint8_t order[] = {X86_SS, X86_ES, X86_DS, X86_FS, X86_GS};
    uint64_t rip = x86_stack_peek(s, 0, 4) & 0xffff, esp = x86_stack_peek(s, 12, 4);
    uint16_t cs = (uint16_t)x86_stack_peek(s, 4, 4), sel[5];

    for (unsigned i = 0; i < 5; i++) {
        sel[i] = (uint16_t)x86_stack_peek(s, 16 + 4 * i, 4);
    }
    if (x86_cet_on(s)) {
        x86_cet_return_vm86(s);
    }
    x86_set_eflags(s, flags & (X86_CC | X86_TF | X86_IF | X86_DF | X86_IOPL | X86_NT | X86_RF |
                               X86_VM | X86_AC | X86_VIF | X86_VIP | X86_ID));
    x86_set_seg_vm86(s, X86_CS, cs);
    for (unsigned i = 0; i < 5; i++) {
        x86_set_seg_vm86(s, order[i], sel[i]);
    }
    s->cpl = 3;
    X86_LOW(s, X86_RSP) = (uint32_t)esp;
    s->interp->next_rip = rip;
    x86_update_mode(s);
}

void
x86_iret(X86State *s, unsigned opsize)
{
    uint32_t flags, desc[2];

    if (!(s->cr0 & X86_CR0_PE)) {
        iret_real(s, opsize);
    } else if (s->eflags & X86_VM) {
        if (x86_iopl(s) == 3) {
            iret_real(s, opsize);
        } else if ((s->cr4 & X86_CR4_VME) && opsize == 2) {
            iret_virtual(s);
        } else {
            x86_raise(s, X86_EXC_GP, 0);
        }
    } else if (s->eflags & X86_NT) {
        uint16_t link;

        if (x86_long(s)) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        link = (uint16_t)x86_load_linear(s, *x86_seg_base(s, X86_TR), 2, x86_system_mmu_mode(s));
        if ((link & 4) || !x86_read_descriptor(s, link, desc) || (desc[1] & X86_DESC_S) ||
            (TYPE(desc[1]) & 7) != 3) {
            x86_raise(s, X86_EXC_TS, link & ~3u);
        }
        if (!(desc[1] & X86_DESC_P)) {
            x86_raise(s, X86_EXC_NP, link & ~3u);
        }
        x86_task_switch(s, link, desc, X86_SWITCH_IRET, false, 0);
    } else {
        /* In the order in which the frame lies: the first fault counts. */
        x86_stack_peek(s, 0, opsize);
        x86_stack_peek(s, opsize, opsize);
        flags = (uint32_t)x86_stack_peek(s, 2 * opsize, opsize);
        if ((flags & X86_VM) && opsize == 4 && s->cpl == 0 && !x86_long(s)) {
            iret_to_vm86(s, flags);
        } else {
            protected_return(s, opsize, 3 * opsize, 0, true, &flags);
        }
    }
    x86_virt_nmi_done(s);
}

/* Delivery of interrupts in protected and long mode pushes through the same frames. */
static void
gate_fault(X86State *s, int vector, uint32_t error)
{
    x86_raise(s, vector, error);
}

static void
interrupt_real(X86State *s, unsigned vector, uint64_t ret)
{
    uint64_t mask = x86_stack_mask(s), sp = X86_LOW(s, X86_RSP);
    uint32_t entry;

    if (vector * 4 + 3 > s->idtr.limit) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    entry = (uint32_t)x86_load_linear(s, s->idtr.base + vector * 4, 4, s->tcg.mmu_mode);
    x86_store(s, X86_SS, (sp - 2) & mask, x86_get_eflags(s) & 0xffff, 2);
    x86_store(s, X86_SS, (sp - 4) & mask, s->seg[X86_CS].selector, 2);
    x86_store(s, X86_SS, (sp - 6) & mask, ret & 0xffff, 2);
    x86_set_sp(s, sp - 6);
    s->eflags &= ~(X86_IF | X86_TF | X86_AC | X86_RF);
    x86_set_seg_real(s, X86_CS, (uint16_t)(entry >> 16));
    s->interp->next_rip = entry & 0xffff;
    x86_update_mode(s);
}

void
x86_interrupt(X86State *s, unsigned vector, bool software, bool has_error, uint32_t error,
              uint64_t ret)
{
    uint32_t ext = software ? 0 : 1, gate_error = vector * 8 + 2 + ext, flags, clear;
    unsigned entry = x86_long(s) ? 16 : 8, type, dpl, size, ist = 0, mode = x86_system_mmu_mode(s);
    uint32_t gate[2], desc[2];
    uint64_t v, offset, linear;
    uint16_t selector;
    bool inner, vm = s->eflags & X86_VM;
    Frame f;

    if (!(s->cr0 & X86_CR0_PE)) {
        interrupt_real(s, vector, ret);
        return;
    }
    if (vector * entry + entry - 1 > s->idtr.limit) {
        gate_fault(s, X86_EXC_GP, gate_error);
    }
    linear = s->idtr.base + vector * entry;
    v = x86_load_linear(s, linear, 8, mode);
    gate[0] = (uint32_t)v;
    gate[1] = (uint32_t)(v >> 32);
    type = TYPE(gate[1]) | (gate[1] & X86_DESC_S ? 16 : 0);
    if (x86_long(s) ? (type != 14 && type != 15)
                    : (type != 5 && type != 6 && type != 7 && type != 14 && type != 15)) {
        gate_fault(s, X86_EXC_GP, gate_error);
    }
    if (software && DPL(gate[1]) < s->cpl) {
        gate_fault(s, X86_EXC_GP, gate_error);
    }
    if (!(gate[1] & X86_DESC_P)) {
        gate_fault(s, X86_EXC_NP, gate_error);
    }
    selector = (uint16_t)(gate[0] >> 16);
    if (type == 5) {
        uint32_t tss_error = (selector & ~3u) + ext;

        if ((selector & 4) || !x86_read_descriptor(s, selector, desc) || (desc[1] & X86_DESC_S) ||
            (TYPE(desc[1]) != 1 && TYPE(desc[1]) != 9)) {
            gate_fault(s, X86_EXC_GP, tss_error);
        }
        if (!(desc[1] & X86_DESC_P)) {
            gate_fault(s, X86_EXC_NP, tss_error);
        }
        s->interp->next_rip = ret;
        x86_task_switch(s, selector, desc, X86_SWITCH_GATE, has_error, error);
        return;
    }
    offset = (gate[0] & 0xffff) | (gate[1] & 0xffff0000u);
    size = type >= 14 ? 4 : 2;
    if (x86_long(s)) {
        offset |= x86_load_linear(s, linear + 8, 4, mode) << 32;
        ist = gate[1] & 7;
        size = 8;
    } else if (size == 2) {
        offset &= 0xffff;
    }
    if (!(selector & ~3u)) {
        gate_fault(s, X86_EXC_GP, ext);
    }
    if (!x86_read_descriptor(s, selector, desc) || !is_code(desc) || DPL(desc[1]) > s->cpl) {
        gate_fault(s, X86_EXC_GP, (selector & ~3u) + ext);
    }
    if (!(desc[1] & X86_DESC_P)) {
        gate_fault(s, X86_EXC_NP, (selector & ~3u) + ext);
    }
    if (x86_long(s) && (desc[1] & (X86_DESC_L | X86_DESC_B)) != X86_DESC_L) {
        gate_fault(s, X86_EXC_GP, (selector & ~3u) + ext);
    }
    dpl = DPL(desc[1]);
    inner = !(desc[1] & X86_DESC_C) && dpl < s->cpl;
    if (vm && !(inner && dpl == 0)) {
        gate_fault(s, X86_EXC_GP, (selector & ~3u) + ext);
    }
    if (!inner) {
        dpl = s->cpl;
    }

    if (x86_long(s)) {
        memset(&f, 0, sizeof(f));
        f.flat = true;
        f.mask = ~UINT64_C(0);
        f.selector = (uint16_t)dpl;
        f.mmu_mode = dpl == 3 ? X86_MMU_USER : mode;
        if (ist) {
            unsigned at = 0x1c + 8 * ist;

            if (at + 7 > s->seg[X86_TR].limit) {
                gate_fault(s, X86_EXC_TS, (s->seg[X86_TR].selector & ~3u) + ext);
            }
            f.sp = x86_load_linear(s, *x86_seg_base(s, X86_TR) + at, 8, mode);
        } else if (inner) {
            inner_stack(s, dpl, &f);
        } else {
            f.sp = X86_LOW(s, X86_RSP);
        }
        if (!x86_canonical(s, offset)) {
            gate_fault(s, X86_EXC_GP, ext);
        }
        if (!x86_canonical(s, f.sp)) {
            gate_fault(s, X86_EXC_SS, ext);
        }
        f.sp &= ~UINT64_C(15);
    } else if (inner) {
        inner_stack(s, dpl, &f);
    } else {
        memset(&f, 0, sizeof(f));
        f.sp = X86_LOW(s, X86_RSP);
        f.mask = x86_stack_mask(s);
        f.base = *x86_seg_base(s, X86_SS);
        f.mmu_mode = dpl == 3 ? X86_MMU_USER : s->tcg.mmu_mode;
        f.flat = false;
        f.desc[0] = s->seg[X86_SS].limit & 0xffff;
        f.desc[1] = (s->seg[X86_SS].attr & X86_DESC_ATTR & ~X86_DESC_G);
        if (s->seg[X86_SS].limit > 0xfffff) {
            f.desc[0] = s->seg[X86_SS].limit >> 12 & 0xffff;
            f.desc[1] |= (s->seg[X86_SS].limit >> 12 & 0xf0000) | X86_DESC_G;
        } else {
            f.desc[1] |= s->seg[X86_SS].limit & 0xf0000;
        }
    }
    if (!x86_long(s) && offset > x86_desc_limit(desc)) {
        gate_fault(s, X86_EXC_GP, ext);
    }
    flags = x86_get_eflags(s);
    if (vm) {
        frame_push(s, &f, s->seg[X86_GS].selector, size);
        frame_push(s, &f, s->seg[X86_FS].selector, size);
        frame_push(s, &f, s->seg[X86_DS].selector, size);
        frame_push(s, &f, s->seg[X86_ES].selector, size);
    }
    if (inner || x86_long(s)) {
        frame_push(s, &f, s->seg[X86_SS].selector, size);
        frame_push(s, &f, X86_LOW(s, X86_RSP), size);
    }
    frame_push(s, &f, flags, size);
    frame_push(s, &f, s->seg[X86_CS].selector, size);
    frame_push(s, &f, ret, size);
    if (has_error) {
        frame_push(s, &f, error, size);
    }

    if (x86_cet_on(s)) {
        bool shadow = x86_cet_has_shadow(s, dpl);

        if (inner || ist) {
            x86_cet_enter(s, dpl, !shadow ? 0 : ist ? x86_cet_interrupt_stack(s, ist) : s->pl_ssp[dpl], leads_to_64(s, desc),
                          linear_address(s, ret));
        } else {
            x86_cet_push_frame(s, s->ssp, linear_address(s, ret));
        }
    }

    /* Nothing faults from here on (accessed bits apart, which are in mapped tables). */
    if (inner && !x86_long(s)) {
        commit_frame(s, &f);
    } else if (x86_long(s)) {
        if (inner) {
            commit_frame(s, &f);
        }
        X86_LOW(s, X86_RSP) = f.sp;
    } else {
        x86_set_sp(s, f.sp);
    }
    if (vm) {
        static const uint8_t segs[] = {X86_ES, X86_DS, X86_FS, X86_GS};

        for (unsigned i = 0; i < 4; i++) {
            x86_set_seg(s, segs[i], 0, 0, 0, X86_DESC_NULL);
        }
    }
    clear = X86_TF | X86_NT | X86_VM | X86_RF;
    if (!(type & 1)) {
        clear |= X86_IF;
    }
    s->eflags &= ~clear;
    commit_cs(s, selector, desc, dpl, offset);
    if (x86_cet_on(s)) {
        x86_cet_wait(s);
    }
}
