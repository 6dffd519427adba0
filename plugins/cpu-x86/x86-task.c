/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Task switch through a TSS, 16 and 32 bits (SDM 3A 7.3). */

#include "x86-cet.h"
#include "x86-interp.h"
#include "x86-virt.h"

#define TYPE(attr) (((attr) >> 8) & 15)
#define DPL(attr) (((attr) >> X86_DESC_DPL_SHIFT) & 3)

typedef struct {
    uint32_t cr3, eip, eflags, gpr[8];
    uint16_t seg[6], ldt;
    bool debug; /* T: trap before the first instruction */
} Task;

static void
set_busy(X86State *s, uint16_t selector, bool busy)
{
    uint64_t at = s->gdtr.base + (selector & ~7u) + 5;
    unsigned mode = x86_system_mmu_mode(s);
    uint64_t type = x86_load_linear(s, at, 1, mode);

    x86_store_linear(s, at, busy ? type | 2 : type & ~UINT64_C(2), 1, mode);
}

static void
load_task_segment(X86State *s, unsigned seg, uint16_t sel)
{
    uint32_t desc[2], error = sel & ~3u;
    unsigned rpl = sel & 3u, dpl;

    if (error == 0) {
        if (seg == X86_CS || seg == X86_SS) {
            x86_raise(s, X86_EXC_TS, 0);
        }
        x86_set_seg(s, seg, sel, 0, 0, X86_DESC_NULL);
        return;
    }
    if (!x86_read_descriptor(s, sel, desc) || !(desc[1] & X86_DESC_S)) {
        x86_raise(s, X86_EXC_TS, error);
    }
    dpl = DPL(desc[1]);
    if (seg == X86_CS) {
        if (!(desc[1] & X86_DESC_CODE) ||
            ((desc[1] & X86_DESC_C) ? dpl > rpl : dpl != rpl)) {
            x86_raise(s, X86_EXC_TS, error);
        }
    } else if (seg == X86_SS) {
        if ((desc[1] & X86_DESC_CODE) || !(desc[1] & X86_DESC_W) || dpl != s->cpl ||
            rpl != s->cpl) {
            x86_raise(s, X86_EXC_TS, error);
        }
    } else {
        if ((desc[1] & (X86_DESC_CODE | X86_DESC_R)) == X86_DESC_CODE) {
            x86_raise(s, X86_EXC_TS, error);
        }
        if ((desc[1] & (X86_DESC_CODE | X86_DESC_C)) != (X86_DESC_CODE | X86_DESC_C) &&
            (dpl < s->cpl || dpl < rpl)) {
            x86_raise(s, X86_EXC_TS, error);
        }
    }
    if (!(desc[1] & X86_DESC_P)) {
        x86_raise(s, seg == X86_SS ? X86_EXC_SS : X86_EXC_NP, error);
    }
    x86_mark_accessed(s, sel, desc);
    x86_set_seg_desc(s, seg, sel, desc);
}

void
x86_task_switch(X86State *s, uint16_t selector, const uint32_t desc[2], int how, bool has_error,
                uint32_t error)
{
    unsigned mode = x86_system_mmu_mode(s), new_type = TYPE(desc[1]);
    bool new32 = new_type & 8, old32 = TYPE(s->seg[X86_TR].attr) & 8;
    uint32_t limit = x86_desc_limit(desc), old_flags = x86_get_eflags(s), new_desc[2], ldt[2];
    uint64_t base = x86_desc_base(desc), old = *x86_seg_base(s, X86_TR);
    uint16_t old_selector = s->seg[X86_TR].selector;
    X86CetTask left;
    Task t;

    if (s->seg[X86_TR].limit < (old32 ? 0x5fu : 0x29u)) {
        x86_raise(s, X86_EXC_TS, old_selector & ~3u); /* no room for what is saved */
    }
    if (limit < (new32 ? 0x67u : 0x2bu)) {
        x86_raise(s, X86_EXC_TS, selector & ~3u);
    }
    if (s->virt) {
        s->virt->task_switch(s, selector, how, has_error, error);
    }
    memset(&t, 0, sizeof(t));
    if (new32) {
        t.cr3 = (uint32_t)x86_load_linear(s, base + 0x1c, 4, mode);
        t.eip = (uint32_t)x86_load_linear(s, base + 0x20, 4, mode);
        t.eflags = (uint32_t)x86_load_linear(s, base + 0x24, 4, mode);
        for (unsigned i = 0; i < 8; i++) {
            t.gpr[i] = (uint32_t)x86_load_linear(s, base + 0x28 + 4 * i, 4, mode);
        }
        for (unsigned i = 0; i < 6; i++) {
            t.seg[i] = (uint16_t)x86_load_linear(s, base + 0x48 + 4 * i, 2, mode);
        }
        t.ldt = (uint16_t)x86_load_linear(s, base + 0x60, 2, mode);
        t.debug = x86_load_linear(s, base + 0x64, 1, mode) & 1;
    } else {
        t.eip = (uint32_t)x86_load_linear(s, base + 0x0e, 2, mode);
        t.eflags = (uint32_t)x86_load_linear(s, base + 0x10, 2, mode);
        for (unsigned i = 0; i < 8; i++) {
            t.gpr[i] = (uint32_t)x86_load_linear(s, base + 0x12 + 2 * i, 2, mode) | 0xffff0000u;
        }
        for (unsigned i = 0; i < 4; i++) {
            t.seg[i] = (uint16_t)x86_load_linear(s, base + 0x22 + 2 * i, 2, mode);
        }
        t.ldt = (uint16_t)x86_load_linear(s, base + 0x2a, 2, mode);
    }

    if (x86_cet_on(s)) {
        x86_cet_leave_task(s, &left, how);
    }

    /* Save the outgoing task. */
    if (how == X86_SWITCH_IRET) {
        old_flags &= ~X86_NT;
    }
    if (old32) {
        x86_store_linear(s, old + 0x20, s->interp->next_rip, 4, mode);
        x86_store_linear(s, old + 0x24, old_flags, 4, mode);
        for (unsigned i = 0; i < 8; i++) {
            x86_store_linear(s, old + 0x28 + 4 * i, *x86_gpr(s, i), 4, mode);
        }
        for (unsigned i = 0; i < 6; i++) {
            x86_store_linear(s, old + 0x48 + 4 * i, s->seg[i].selector, 2, mode);
        }
    } else {
        x86_store_linear(s, old + 0x0e, s->interp->next_rip, 2, mode);
        x86_store_linear(s, old + 0x10, old_flags, 2, mode);
        for (unsigned i = 0; i < 8; i++) {
            x86_store_linear(s, old + 0x12 + 2 * i, *x86_gpr(s, i), 2, mode);
        }
        for (unsigned i = 0; i < 4; i++) {
            x86_store_linear(s, old + 0x22 + 2 * i, s->seg[i].selector, 2, mode);
        }
    }
    if (how == X86_SWITCH_JMP || how == X86_SWITCH_IRET) {
        set_busy(s, old_selector, false);
    }
    if (how == X86_SWITCH_CALL || how == X86_SWITCH_GATE) {
        x86_store_linear(s, base, old_selector, 2, mode);
        t.eflags |= X86_NT;
    }
    if (how != X86_SWITCH_IRET) {
        set_busy(s, selector, true);
    }

    /* The switch is committed: faults from here on belong to the new task. */
    new_desc[0] = desc[0];
    new_desc[1] = desc[1] | (2u << 8);
    x86_set_seg_desc(s, X86_TR, selector, new_desc);
    s->cr0 |= X86_CR0_TS;
    if (new32 && (s->cr0 & X86_CR0_PG)) {
        x86_write_cr3(s, t.cr3);
    }
    s->rip = t.eip;
    s->interp->next_rip = t.eip;
    for (unsigned i = 0; i < 8; i++) {
        x86_set_gpr(s, i, t.gpr[i], 4);
    }
    x86_set_eflags(s, t.eflags & 0x3f7fd7);
    s->dr[7] &= ~UINT64_C(0x155); /* local breakpoints */
    for (unsigned i = 0; i < 6; i++) {
        x86_set_seg(s, i, t.seg[i], 0, 0, X86_DESC_NULL);
    }
    x86_set_seg(s, X86_LDTR, t.ldt, 0, 0, X86_DESC_NULL);
    if (s->eflags & X86_VM) {
        s->cpl = 3;
        for (unsigned i = 0; i < 6; i++) {
            x86_set_seg_vm86(s, i, t.seg[i]);
        }
    } else {
        s->cpl = t.seg[X86_CS] & 3;
    }
    x86_update_mode(s);
    if (t.ldt & ~3u) {
        if ((t.ldt & 4) || !x86_read_descriptor(s, t.ldt, ldt) || (ldt[1] & X86_DESC_S) ||
            TYPE(ldt[1]) != 2 || !(ldt[1] & X86_DESC_P)) {
            x86_raise(s, X86_EXC_TS, t.ldt & ~3u);
        }
        x86_set_seg_desc(s, X86_LDTR, t.ldt, ldt);
    }
    if (!(s->eflags & X86_VM)) {
        static const uint8_t order[] = {X86_CS, X86_SS, X86_ES, X86_DS, X86_FS, X86_GS};

        for (unsigned i = 0; i < 6; i++) {
            load_task_segment(s, order[i], t.seg[order[i]]);
        }
    }
    x86_update_mode(s);
    if (x86_cet_on(s)) {
        x86_cet_enter_task(s, &left, how, selector, base, new32 ? limit : 0);
        if (how != X86_SWITCH_IRET) {
            x86_cet_wait(s);
        }
    }
    if (t.debug) {
        s->interp->dr6_hit |= X86_DR6_BT;
    }
    if (has_error) {
        x86_push(s, error, new32 ? 4 : 2);
    }
    if (t.eip > s->seg[X86_CS].limit) {
        x86_raise(s, X86_EXC_GP, 0);
    }
}
