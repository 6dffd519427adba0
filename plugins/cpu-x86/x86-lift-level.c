/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * SYSCALL, SYSRET and IRET between 64-bit kernel and user code, for general registers only. They do what operating systems do and leave
 * the rest, all that faults or traps among it, to the interpreter, with nothing changed. The block behind is found by s->rip.
 */

#include "x86-cet.h"
#include "x86-interp.h"
#include "x86-lift.h"

#define PAGE 4096u

static inline void
set_segment(X86State *s, unsigned seg, uint16_t selector, uint64_t base, uint32_t limit, uint32_t attr)
{
    s->seg[seg].selector = selector;
    s->seg[seg].limit = limit;
    s->seg[seg].attr = attr;
    *x86_seg_base(s, seg) = base;
}

/* x86_update_mode(), for what a change of CPL and EFLAGS makes of the mode of 64-bit code. */
static inline void
enter_level(X86State *s, unsigned cpl)
{
    uint64_t key = s->tcg.mode_key & ~(UINT64_C(3) << X86_MODE_CPL_SHIFT | X86_MODE_IOPL | UINT64_C(7) << X86_MODE_MMU_SHIFT);
    unsigned mmu = cpl == 3                                           ? X86_MMU_USER
                   : (s->cr4 & X86_CR4_SMAP) && !(s->eflags & X86_AC) ? X86_MMU_KERNEL_SMAP
                                                                      : X86_MMU_KERNEL;

    s->cpl = (uint8_t)cpl;
    s->tcg.mmu_mode = mmu;
    s->tcg.mode_key = key | (uint64_t)cpl << X86_MODE_CPL_SHIFT | (uint64_t)mmu << X86_MODE_MMU_SHIFT |
                      (cpl <= x86_iopl(s) ? X86_MODE_IOPL : 0);
}

/* A request that EFLAGS or a blocked NMI held back is looked at before the next block. */
static inline uint64_t
done(X86State *s, bool unblocked)
{
    if (((s->eflags & X86_IF) || unblocked) && __atomic_load_n(&s->interrupt_request, __ATOMIC_SEQ_CST)) {
        __atomic_store_n(&s->tcg.exit_request, 1, __ATOMIC_SEQ_CST);
    }
    return EMU_TCG_HELPER_GO_ON;
}

uint64_t
x86_fast_syscall(EmuTcgState *tcg, uint64_t next, uint64_t b G_GNUC_UNUSED, uint64_t c G_GNUC_UNUSED)
{
    X86State *s = (X86State *)tcg;
    uint16_t selector = (uint16_t)(s->star >> 32) & 0xfffc;
    uint32_t flags = x86_get_eflags(s);

    if (!(s->efer & X86_EFER_SCE) || x86_cet_anywhere(s)) {
        return EMU_TCG_HELPER_INTERP;
    }
    X86_LOW(s, X86_RCX) = next;
    *x86_gpr(s, X86_R11) = flags & ~X86_RF;
    x86_set_eflags(s, flags & ~((uint32_t)s->sfmask | X86_RF));
    set_segment(s, X86_CS, selector, 0, 0xffffffffu, X86_FLAT_CS(0, X86_DESC_L));
    set_segment(s, X86_SS, (uint16_t)(selector + 8), 0, 0xffffffffu, X86_FLAT_SS(0));
    s->rip = s->lstar;
    enter_level(s, 0);
    return done(s, false);
}

uint64_t
x86_fast_sysret(EmuTcgState *tcg, uint64_t a G_GNUC_UNUSED, uint64_t b G_GNUC_UNUSED, uint64_t c G_GNUC_UNUSED)
{
    X86State *s = (X86State *)tcg;
    uint16_t selector = (uint16_t)(s->star >> 48);
    uint64_t rcx = X86_LOW(s, X86_RCX), r11 = *x86_gpr(s, X86_R11);

    if (!(s->efer & X86_EFER_SCE) || x86_cet_anywhere(s) || !x86_canonical(s, rcx) || (r11 & (X86_TF | X86_AC))) {
        return EMU_TCG_HELPER_INTERP;
    }
    set_segment(s, X86_CS, (uint16_t)((selector + 16) | 3), 0, 0xffffffffu, X86_FLAT_CS(3, X86_DESC_L));
    set_segment(s, X86_SS, (uint16_t)((selector + 8) | 3), 0, 0xffffffffu, X86_FLAT_SS(3));
    x86_set_eflags(s, (uint32_t)r11 & 0x3c7fd7);
    s->rip = rcx;
    enter_level(s, 3);
    return done(s, false);
}

/* A descriptor of the GDT whose @mask bits are @want; false when it is not at hand. */
static inline bool
descriptor(X86State *s, unsigned selector, uint32_t mask, uint32_t want, uint32_t desc[2])
{
    uint64_t at = s->gdtr.base + (selector & ~7u);
    const volatile uint32_t *p;

    if ((selector & 4) || (selector & ~7u) + 7 > s->gdtr.limit || (at & (PAGE - 1)) > PAGE - 8) {
        return false;
    }
    p = emu_tcg_fast_pointer(&s->tcg, at, EMU_TCG_READ);
    if (!p) {
        return false;
    }
    desc[0] = p[0];
    desc[1] = p[1];
    return (desc[1] & mask) == want;
}

static inline void
set_segment_desc(X86State *s, unsigned seg, unsigned selector, const uint32_t desc[2])
{
    uint32_t limit = (desc[0] & 0xffff) | (desc[1] & 0xf0000);

    set_segment(s, seg, (uint16_t)selector, desc[0] >> 16 | (desc[1] & 0xff) << 16 | (desc[1] & 0xff000000u),
                (desc[1] & X86_DESC_G) ? limit << 12 | 0xfff : limit, desc[1] & X86_DESC_ATTR);
}

/* IRETQ at CPL 0, to CPL 0 or 3. */
uint64_t
x86_fast_iret(EmuTcgState *tcg, uint64_t a G_GNUC_UNUSED, uint64_t b G_GNUC_UNUSED, uint64_t c G_GNUC_UNUSED)
{
    static const uint8_t data[] = {X86_ES, X86_DS, X86_FS, X86_GS};
    const uint32_t rare = X86_TF | X86_RF | X86_NT | X86_VM | X86_AC | X86_VIF | X86_VIP;
    const uint32_t take = X86_CC | X86_TF | X86_DF | X86_NT | X86_RF | X86_AC | X86_ID | X86_IF | X86_IOPL | X86_VIF | X86_VIP;
    X86State *s = (X86State *)tcg;
    uint64_t sp = X86_LOW(s, X86_RSP), frame[5];
    const volatile uint64_t *p;
    uint32_t cs_desc[2], ss_desc[2] = {0, 0}, dpl, flags;
    unsigned cs, ss, rpl;
    bool null, was_blocked = s->nmi_blocked;

    if ((sp & (PAGE - 1)) > PAGE - sizeof(frame) || (p = emu_tcg_fast_pointer(tcg, sp, EMU_TCG_READ)) == NULL) {
        return EMU_TCG_HELPER_INTERP;
    }
    for (unsigned i = 0; i < 5; i++) {
        frame[i] = p[i];
    }
    cs = (uint16_t)frame[1];
    flags = (uint32_t)frame[2];
    ss = (uint16_t)frame[4];
    rpl = cs & 3;
    dpl = rpl << X86_DESC_DPL_SHIFT;
    null = !(ss & ~3u);
    if (x86_cet_anywhere(s) || (flags & rare) || (s->eflags & (X86_NT | X86_TF)) || !x86_canonical(s, frame[0]) || (rpl != 0 && rpl != 3) || !(cs & ~3u) ||
        (ss & 3) != rpl ||
        !descriptor(s, cs, X86_DESC_P | X86_DESC_S | X86_DESC_CODE | X86_DESC_C | X86_DESC_L | X86_DESC_B | X86_DESC_A | X86_DESC_DPL,
                    X86_DESC_P | X86_DESC_S | X86_DESC_CODE | X86_DESC_L | X86_DESC_A | dpl, cs_desc) ||
        (null ? rpl == 3
              : !descriptor(s, ss, X86_DESC_P | X86_DESC_S | X86_DESC_CODE | X86_DESC_W | X86_DESC_A | X86_DESC_DPL,
                            X86_DESC_P | X86_DESC_S | X86_DESC_W | X86_DESC_A | dpl, ss_desc))) {
        return EMU_TCG_HELPER_INTERP;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(data) && rpl == 3; i++) {
        uint32_t attr = s->seg[data[i]].attr;

        /* One that user code may not keep. */
        if (!(attr & X86_DESC_NULL) && (attr & X86_DESC_DPL) != X86_DESC_DPL && (attr & (X86_DESC_CODE | X86_DESC_C)) != (X86_DESC_CODE | X86_DESC_C)) {
            return EMU_TCG_HELPER_INTERP;
        }
    }
    x86_set_eflags(s, (x86_get_eflags(s) & ~take) | (flags & take));
    set_segment_desc(s, X86_CS, cs, cs_desc);
    if (null) {
        set_segment(s, X86_SS, (uint16_t)ss, 0, 0xffffffffu, X86_DESC_NULL | X86_DESC_P | X86_DESC_S | X86_DESC_W | X86_DESC_B | dpl);
    } else {
        set_segment_desc(s, X86_SS, ss, ss_desc);
    }
    X86_LOW(s, X86_RSP) = frame[3];
    s->rip = frame[0];
    s->nmi_blocked = 0;
    enter_level(s, rpl);
    return done(s, was_blocked);
}
