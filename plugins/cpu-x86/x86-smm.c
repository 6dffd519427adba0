/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * System management mode: SMI# saves the CPU's state at SMBASE + 0xfe00 and starts at SMBASE + 0x8000 in
 * something like real mode without limits; RSM goes back (SDM 3C chapter 31, APM 2 chapter 10).
 *
 * The layout is AMD's 64-bit one (revision 0x20064) on CPUs with long mode and the 32-bit one (0x20000)
 * on others; firmware tells them apart by the revision.  Interrupted HLTs are not restarted: execution goes on
 * behind them.
 */

#include "x86-interp.h"
#include "x86-virt.h"

#define SMM_REVISION_OFFSET 0x7efc
#define SMM_REVISION_64 0x00020064u
#define SMM_REVISION_32 0x00020000u
#define SMM_REVISION_RELOCATE 0x00020000u /* SMBASE may be changed */
#define SMM_ENTRY 0x8000

/* ---- access to the save area --------------------------------------------------------------------------- */

static void
smm_put(X86State *s, unsigned offset, uint64_t value, unsigned size)
{
    emu_tcg_phys_store(&s->tcg, (uint32_t)(s->smbase + 0x8000 + offset), value, size);
}

static uint64_t
smm_get(X86State *s, unsigned offset, unsigned size)
{
    return emu_tcg_phys_load(&s->tcg, (uint32_t)(s->smbase + 0x8000 + offset), size);
}

/* Access rights as the save area has them: descriptor bits 8-15 and 20-23 moved together. */
static uint16_t
smm_pack_attr(uint32_t attr)
{
    return (uint16_t)(attr >> 8 & 0xf0ff);
}

static uint32_t
smm_unpack_attr(uint16_t attr)
{
    return (uint32_t)attr << 8 & X86_DESC_ATTR;
}

/* ---- 64-bit layout ------------------------------------------------------------------------------------- */

/* Eight descriptors of 16 bytes: ES CS SS DS FS GS GDT LDT IDT TR, from 0x7e00 on. */
enum { SMM64_SEG = 0x7e00, SMM64_GDT = 0x7e60, SMM64_LDT = 0x7e70, SMM64_IDT = 0x7e80, SMM64_TR = 0x7e90 };

static void
smm64_put_segment(X86State *s, unsigned offset, unsigned seg)
{
    const X86Segment *d = &s->seg[seg];

    smm_put(s, offset, d->selector, 2);
    smm_put(s, offset + 2, smm_pack_attr(d->attr), 2);
    smm_put(s, offset + 4, d->limit, 4);
    smm_put(s, offset + 8, *x86_seg_base(s, seg), 8);
}

static void
smm64_get_segment(X86State *s, unsigned offset, unsigned seg)
{
    x86_set_seg(s, seg, (uint16_t)smm_get(s, offset, 2), smm_get(s, offset + 8, 8), (uint32_t)smm_get(s, offset + 4, 4),
                smm_unpack_attr((uint16_t)smm_get(s, offset + 2, 2)));
}

static void
smm64_save(X86State *s)
{
    for (unsigned i = X86_ES; i <= X86_GS; i++) {
        smm64_put_segment(s, SMM64_SEG + 16 * i, i);
    }
    smm64_put_segment(s, SMM64_LDT, X86_LDTR);
    smm64_put_segment(s, SMM64_TR, X86_TR);
    smm_put(s, SMM64_GDT + 4, s->gdtr.limit, 4);
    smm_put(s, SMM64_GDT + 8, s->gdtr.base, 8);
    smm_put(s, SMM64_IDT + 4, s->idtr.limit, 4);
    smm_put(s, SMM64_IDT + 8, s->idtr.base, 8);
    smm_put(s, 0x7ed0, s->efer, 8);
    for (unsigned i = 0; i < 16; i++) {
        smm_put(s, 0x7ff8 - 8 * i, *x86_gpr(s, i), 8);
    }
    smm_put(s, 0x7f78, s->rip, 8);
    smm_put(s, 0x7f70, x86_get_eflags(s), 8);
    smm_put(s, 0x7f68, s->dr[6], 8);
    smm_put(s, 0x7f60, s->dr[7], 8);
    smm_put(s, 0x7f58, s->cr0, 8);
    smm_put(s, 0x7f50, s->cr3, 8);
    smm_put(s, 0x7f48, s->cr4, 8);
    smm_put(s, SMM_REVISION_OFFSET, SMM_REVISION_64, 4);
    smm_put(s, 0x7f00, s->smbase, 4);
}

static void
smm64_restore(X86State *s)
{
    s->efer = smm_get(s, 0x7ed0, 8) & x86_efer_allowed(s);
    for (unsigned i = 0; i < 16; i++) {
        *x86_gpr(s, i) = smm_get(s, 0x7ff8 - 8 * i, 8);
    }
    s->interp->next_rip = smm_get(s, 0x7f78, 8);
    x86_set_eflags(s, (uint32_t)smm_get(s, 0x7f70, 4));
    s->dr[6] = (uint32_t)smm_get(s, 0x7f68, 4);
    s->dr[7] = (uint32_t)smm_get(s, 0x7f60, 4);
    s->cr0 = (uint32_t)smm_get(s, 0x7f58, 4) | X86_CR0_ET;
    s->cr3 = smm_get(s, 0x7f50, 8) & s->phys_mask;
    s->cr4 = (uint32_t)smm_get(s, 0x7f48, 4);
    for (unsigned i = X86_ES; i <= X86_GS; i++) {
        smm64_get_segment(s, SMM64_SEG + 16 * i, i);
    }
    smm64_get_segment(s, SMM64_LDT, X86_LDTR);
    smm64_get_segment(s, SMM64_TR, X86_TR);
    s->gdtr.limit = (uint32_t)smm_get(s, SMM64_GDT + 4, 4) & 0xffff;
    s->gdtr.base = smm_get(s, SMM64_GDT + 8, 8);
    s->idtr.limit = (uint32_t)smm_get(s, SMM64_IDT + 4, 4) & 0xffff;
    s->idtr.base = smm_get(s, SMM64_IDT + 8, 8);
    if (smm_get(s, SMM_REVISION_OFFSET, 4) & SMM_REVISION_RELOCATE) {
        s->smbase = (uint32_t)smm_get(s, 0x7f00, 4);
    }
}

/* ---- 32-bit layout ------------------------------------------------------------------------------------- */

/* Descriptor of a segment: rights, limit, base at 12-byte steps; selectors apart. */
static unsigned
smm32_descriptor(unsigned seg)
{
    switch (seg) {
    case X86_LDTR:
        return 0x7f78;
    case X86_TR:
        return 0x7f5c;
    default:
        return seg < X86_DS ? 0x7f84 + 12 * seg : 0x7f2c + 12 * (seg - X86_DS);
    }
}

static unsigned
smm32_selector(unsigned seg)
{
    return seg == X86_LDTR ? 0x7fc0 : seg == X86_TR ? 0x7fc4 : 0x7fa8 + 4 * seg;
}

static void
smm32_save(X86State *s)
{
    for (unsigned i = X86_ES; i < X86_N_SEGS; i++) {
        unsigned offset = smm32_descriptor(i);

        smm_put(s, smm32_selector(i), s->seg[i].selector, 4);
        smm_put(s, offset, smm_pack_attr(s->seg[i].attr), 4);
        smm_put(s, offset + 4, s->seg[i].limit, 4);
        smm_put(s, offset + 8, (uint32_t)*x86_seg_base(s, i), 4);
    }
    for (unsigned i = 0; i < 8; i++) {
        smm_put(s, 0x7fd0 + 4 * i, (uint32_t)*x86_gpr(s, i), 4);
    }
    smm_put(s, 0x7ffc, s->cr0, 4);
    smm_put(s, 0x7ff8, s->cr3, 4);
    smm_put(s, 0x7ff4, x86_get_eflags(s), 4);
    smm_put(s, 0x7ff0, s->rip, 4);
    smm_put(s, 0x7fcc, s->dr[6], 4);
    smm_put(s, 0x7fc8, s->dr[7], 4);
    smm_put(s, 0x7f74, s->gdtr.base, 4);
    smm_put(s, 0x7f70, s->gdtr.limit, 4);
    smm_put(s, 0x7f58, s->idtr.base, 4);
    smm_put(s, 0x7f54, s->idtr.limit, 4);
    smm_put(s, 0x7f14, s->cr4, 4);
    smm_put(s, SMM_REVISION_OFFSET, SMM_REVISION_32, 4);
    smm_put(s, 0x7ef8, s->smbase, 4);
}

static void
smm32_restore(X86State *s)
{
    s->efer = 0;
    for (unsigned i = 0; i < 8; i++) {
        *x86_gpr(s, i) = smm_get(s, 0x7fd0 + 4 * i, 4);
    }
    s->cr0 = (uint32_t)smm_get(s, 0x7ffc, 4) | X86_CR0_ET;
    s->cr3 = (uint32_t)smm_get(s, 0x7ff8, 4);
    s->cr4 = (uint32_t)smm_get(s, 0x7f14, 4);
    x86_set_eflags(s, (uint32_t)smm_get(s, 0x7ff4, 4));
    s->interp->next_rip = smm_get(s, 0x7ff0, 4);
    s->dr[6] = (uint32_t)smm_get(s, 0x7fcc, 4);
    s->dr[7] = (uint32_t)smm_get(s, 0x7fc8, 4);
    for (unsigned i = X86_ES; i < X86_N_SEGS; i++) {
        unsigned offset = smm32_descriptor(i);

        x86_set_seg(s, i, (uint16_t)smm_get(s, smm32_selector(i), 4), smm_get(s, offset + 8, 4),
                    (uint32_t)smm_get(s, offset + 4, 4), smm_unpack_attr((uint16_t)smm_get(s, offset, 4)));
    }
    s->gdtr.base = smm_get(s, 0x7f74, 4);
    s->gdtr.limit = (uint32_t)smm_get(s, 0x7f70, 4) & 0xffff;
    s->idtr.base = smm_get(s, 0x7f58, 4);
    s->idtr.limit = (uint32_t)smm_get(s, 0x7f54, 4) & 0xffff;
    if (smm_get(s, SMM_REVISION_OFFSET, 4) & SMM_REVISION_RELOCATE) {
        s->smbase = (uint32_t)smm_get(s, 0x7ef8, 4);
    }
}

/* ---- enter and leave --------------------------------------------------------------------------------------- */

static void
smm_show_memory(X86State *s, bool in_smm)
{
    if (s->hooks && s->hooks->set_smm) {
        s->hooks->set_smm(s, in_smm);
    }
    x86_flush_all(s);
}

void
x86_smm_enter(X86State *s)
{
    uint32_t data = X86_DESC_P | X86_DESC_S | X86_DESC_W | X86_DESC_A | X86_DESC_G;

    s->in_smm = 1;
    s->smm_nmi_blocked = s->nmi_blocked;
    s->nmi_blocked = 1;
    smm_show_memory(s, true);
    if (x86_has_feature(s, X86_FEAT_LM)) {
        smm64_save(s);
    } else {
        smm32_save(s);
    }
    x86_virt_enter_smm(s);
    s->efer = 0;
    x86_set_eflags(s, 2);
    s->rip = SMM_ENTRY;
    s->cr0 &= ~(uint64_t)(X86_CR0_PE | X86_CR0_EM | X86_CR0_TS | X86_CR0_PG);
    s->cr4 = 0;
    s->dr[7] = 0x400;
    s->cpl = 0;
    s->shadow = 0;
    s->halted = 0;
    for (unsigned i = X86_ES; i <= X86_GS; i++) {
        x86_set_seg(s, i, i == X86_CS ? (uint16_t)(s->smbase >> 4) : 0, i == X86_CS ? s->smbase : 0, 0xffffffffu, data);
    }
    x86_update_mode(s);
}

/* False: what lies in the save area is no state that a CPU can have; shutdown. */
static bool
smm_state_is_valid(const X86State *s)
{
    bool pe = s->cr0 & X86_CR0_PE, pg = s->cr0 & X86_CR0_PG;

    /* (a guest of the guest's own may have paging in real mode) */
    if ((pg && !pe && !s->svm.guest) || ((s->cr0 & X86_CR0_NW) && !(s->cr0 & X86_CR0_CD))) {
        return false;
    }
    if (s->efer & X86_EFER_LMA) {
        return pg && (s->efer & X86_EFER_LME) && (s->cr4 & X86_CR4_PAE);
    }
    return !(pg && s->efer & X86_EFER_LME);
}

bool
x86_smm_leave(X86State *s)
{
    if (x86_has_feature(s, X86_FEAT_LM)) {
        smm64_restore(s);
    } else {
        smm32_restore(s);
    }
    s->in_smm = 0;
    x86_virt_leave_smm(s);
    s->nmi_blocked = s->smm_nmi_blocked;
    smm_show_memory(s, false);
    if (!smm_state_is_valid(s)) {
        s->cr0 &= ~(uint64_t)(X86_CR0_PE | X86_CR0_PG);
        s->efer = 0;
        x86_update_mode(s);
        return false;
    }
    if (s->eflags & X86_VM) {
        s->cpl = 3;
    } else {
        s->cpl = s->cr0 & X86_CR0_PE ? (s->seg[X86_SS].attr & X86_DESC_DPL) >> X86_DESC_DPL_SHIFT : 0;
    }
    bool pae = (s->cr0 & X86_CR0_PG) && (s->cr4 & X86_CR4_PAE) && !(s->efer & X86_EFER_LMA);
    x86_update_mode(s);
    return !pae || x86_load_pdptes(s, s->cr3);
}
