/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Control-flow enforcement. A shadow stack lies in pages that only its own accesses can write (x86-mmu.c: MMU modes of their own). A
 * supervisor's begins with a token, its own address, whose bit 0 says that a CPU is on it.
 */

#include "x86-cet.h"

#define TOKEN_BUSY 1u

static bool
code_is_64(const X86State *s)
{
    return s->code_size == 64;
}

static bool
above_4g(uint64_t ssp)
{
    return ssp >> 32;
}

/* Bits above the width of linear addresses are the sign's. */
static uint64_t
adjust(const X86State *s, uint64_t ssp)
{
    return x86_long(s) ? (uint64_t)((int64_t)(ssp << s->va_shift) >> s->va_shift) : ssp;
}

static uint64_t *
settings(X86State *s)
{
    return s->cpl == 3 ? &s->u_cet : &s->s_cet;
}

static bool
is_active(const X86State *s, uint64_t what)
{
    return x86_cet_on(s) && !(s->eflags & X86_VM) && (x86_cet_settings(s, s->cpl) & what);
}

/* ---- accesses --------------------------------------------------------------------------------------------------- */

static unsigned
mmu_mode(unsigned cpl)
{
    return cpl == 3 ? X86_MMU_SHADOW_USER : X86_MMU_SHADOW;
}

static uint64_t
load(X86State *s, uint64_t at, unsigned size, unsigned cpl)
{
    return x86_load_linear(s, at, size, mmu_mode(cpl));
}

static void
store(X86State *s, uint64_t at, uint64_t v, unsigned size, unsigned cpl)
{
    x86_store_linear(s, at, v, size, mmu_mode(cpl));
}

/* Locked: the eight bytes at @at, which is aligned, become @desired if they are @expected. */
static bool
replace(X86State *s, uint64_t at, uint64_t expected, uint64_t desired, unsigned cpl)
{
    bool fault;
    uint64_t *p = emu_tcg_host_pointer(&s->tcg, at, 8, EMU_TCG_WRITE, mmu_mode(cpl), &fault);

    if (p) {
        return __atomic_compare_exchange_n(p, &expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    if (fault) {
        x86_raise_recorded_now(s);
    }
    if (load(s, at, 8, cpl) != expected) {
        return false;
    }
    store(s, at, desired, 8, cpl);
    return true;
}

static void
push8(X86State *s, uint64_t *ssp, uint64_t v, unsigned cpl)
{
    store(s, *ssp - 8, v, 8, cpl);
    *ssp -= 8;
}

/* ---- near transfers --------------------------------------------------------------------------------------------------- */

uint64_t
x86_cet_mode(const X86State *s)
{
    uint64_t own = x86_cet_settings(s, s->cpl), key = 0;

    if (is_active(s, X86_CET_SH_STK_EN)) {
        key |= X86_MODE_SHSTK;
    }
    if (is_active(s, X86_CET_ENDBR_EN)) {
        key |= X86_MODE_IBT | (own & (X86_CET_TRACKER | X86_CET_SUPPRESS) ? X86_MODE_TRACKER : 0);
    }
    return key;
}

static void
show_tracker(X86State *s)
{
    s->tcg.mode_key = (s->tcg.mode_key & ~(X86_MODE_SHSTK | X86_MODE_IBT | X86_MODE_TRACKER)) | x86_cet_mode(s);
}

/* 3E counts when no other segment prefix follows it. */
bool
x86_cet_has_notrack(const X86Insn *insn)
{
    bool found = false;

    for (unsigned i = 0; i < insn->opcode_pos; i++) {
        switch (insn->bytes[i]) {
        case 0x3e:
            found = true;
            break;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x64:
        case 0x65:
            found = false;
            break;
        }
    }
    return found;
}

void
x86_cet_jump(X86State *s, const X86Insn *insn)
{
    uint64_t *v = settings(s);

    if (!is_active(s, X86_CET_ENDBR_EN) || (*v & X86_CET_SUPPRESS) || ((*v & X86_CET_NO_TRACK_EN) && x86_cet_has_notrack(insn))) {
        return;
    }
    *v |= X86_CET_TRACKER;
    show_tracker(s);
}

void
x86_cet_call(X86State *s, const X86Insn *insn, uint64_t ret, bool indirect)
{
    uint64_t sp = (X86_LOW(s, X86_RSP) - insn->opsize) & x86_stack_mask(s);

    x86_store(s, X86_SS, sp, ret, insn->opsize);
    /* A call of what follows is how code finds out where it is. */
    if (is_active(s, X86_CET_SH_STK_EN) && (indirect || insn->imm != 0)) {
        unsigned size = insn->opsize == 8 ? 8 : 4;

        store(s, s->ssp - size, ret & x86_size_mask(insn->opsize), size, s->cpl);
        s->ssp -= size;
    }
    x86_set_sp(s, sp);
    if (indirect) {
        x86_cet_jump(s, insn);
    }
}

void
x86_cet_ret(X86State *s, uint64_t target, unsigned size)
{
    unsigned n = size == 8 ? 8 : 4;

    if (is_active(s, X86_CET_SH_STK_EN)) {
        if (load(s, s->ssp, n, s->cpl) != target) {
            x86_raise(s, X86_EXC_CP, X86_CP_NEAR_RET);
        }
        s->ssp += n;
    }
}

/* ---- ENDBRANCH ---------------------------------------------------------------------------------------------------------- */

static bool
is_endbranch(const X86State *s, const X86Insn *insn)
{
    return insn->row->map == X86_MAP_0F && insn->opcode == 0x1e && (insn->prefixes & X86_PFX_F3) && insn->modrm == (code_is_64(s) ? 0xfa : 0xfb);
}

/* Code from before ENDBRANCH: a bit for each page of it. */
static bool
is_legacy_page(X86State *s, uint64_t v)
{
    uint64_t pc = x86_get_pc(&s->tcg), index = pc >> 12;

    if (!(v & X86_CET_LEG_IW_EN)) {
        return false;
    }
    index &= (code_is_64(s) ? ~UINT64_C(0) >> s->va_shift : 0xffffffffu) >> 12;
    return x86_load_linear(s, (v & X86_CET_BITMAP) + index / 8, 1, s->tcg.mmu_mode) >> (index & 7) & 1;
}

void
x86_cet_look(X86State *s, const X86Insn *insn)
{
    uint64_t *v = settings(s);

    if (is_endbranch(s, insn)) {
        *v &= ~(uint64_t)(X86_CET_TRACKER | X86_CET_SUPPRESS);
    } else if (!(*v & X86_CET_TRACKER)) {
        return; /* suppressed until an ENDBRANCH */
    } else if (is_legacy_page(s, *v)) {
        *v &= ~(uint64_t)X86_CET_TRACKER;
        if (!(*v & X86_CET_SUPPRESS_DIS)) {
            *v |= X86_CET_SUPPRESS;
        }
    } else {
        x86_raise(s, X86_EXC_CP, X86_CP_ENDBRANCH);
    }
    show_tracker(s);
}

void
x86_cet_wait(X86State *s)
{
    uint64_t *v = settings(s);

    if (is_active(s, X86_CET_ENDBR_EN)) {
        *v = (*v & ~(uint64_t)X86_CET_SUPPRESS) | X86_CET_TRACKER;
    }
    show_tracker(s);
}

/* ---- far transfers ------------------------------------------------------------------------------------------------------- */

void
x86_cet_check_target(X86State *s, bool code64)
{
    if (is_active(s, X86_CET_SH_STK_EN) && !code64 && above_4g(s->ssp)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
}

void
x86_cet_push_frame(X86State *s, uint64_t ssp, uint64_t lip)
{
    uint64_t old = s->ssp;

    if (!is_active(s, X86_CET_SH_STK_EN)) {
        return;
    }
    store(s, ssp - 4, 0, 4, s->cpl);
    ssp &= ~UINT64_C(7);
    push8(s, &ssp, s->seg[X86_CS].selector, s->cpl);
    push8(s, &ssp, lip, s->cpl);
    push8(s, &ssp, old, s->cpl);
    s->ssp = ssp;
}

/* A supervisor's shadow stack that no CPU is on, with room behind its token. */
static bool
is_usable(uint64_t ssp, bool code64)
{
    return !(ssp & 7) && (ssp & ~UINT64_C(31)) == ((ssp - 24) & ~UINT64_C(31)) && (code64 || !above_4g(ssp));
}

uint64_t
x86_cet_interrupt_stack(X86State *s, unsigned ist)
{
    return x86_load_linear(s, s->interrupt_ssp_table + 8 * ist, 8, x86_system_mmu_mode(s));
}

void
x86_cet_enter(X86State *s, unsigned cpl, uint64_t ssp, bool code64, uint64_t lip)
{
    bool was_active = is_active(s, X86_CET_SH_STK_EN), inner = cpl != s->cpl || (s->eflags & X86_VM);
    uint64_t old = s->ssp;

    if (x86_cet_has_shadow(s, cpl)) {
        if (!is_usable(ssp, code64) || !replace(s, ssp, ssp, ssp | TOKEN_BUSY, cpl)) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        if (!inner) {
            x86_cet_push_frame(s, ssp, lip);
            return;
        }
        if (s->cpl != 3) {
            push8(s, &ssp, s->seg[X86_CS].selector, cpl);
            push8(s, &ssp, lip, cpl);
            push8(s, &ssp, old, cpl);
        }
        s->ssp = ssp;
    }
    if (was_active && s->cpl == 3) {
        s->pl3_ssp = adjust(s, old);
    }
}

static void
release(X86State *s, uint64_t ssp, unsigned cpl)
{
    replace(s, ssp, ssp | TOKEN_BUSY, ssp, cpl);
}

/* CS, linear address and SSP as the transfer pushed them that this one returns from. */
static uint64_t
pop_frame(X86State *s, uint64_t *ssp, uint16_t cs, uint64_t lip)
{
    uint64_t old_cs = load(s, *ssp + 16, 8, s->cpl), old_lip = load(s, *ssp + 8, 8, s->cpl), previous = load(s, *ssp, 8, s->cpl);

    *ssp += 24;
    if (old_cs != cs || old_lip != lip || (previous & 3)) {
        x86_raise(s, X86_EXC_CP, X86_CP_FAR_RET);
    }
    return previous;
}

void
x86_cet_return(X86State *s, uint16_t cs, uint64_t lip, unsigned cpl, bool code64, bool iret)
{
    bool was_active = is_active(s, X86_CET_SH_STK_EN), outer = cpl != s->cpl;
    bool will_be = outer ? x86_cet_has_shadow(s, cpl) : was_active;
    uint64_t own = s->ssp, next = s->ssp;

    if (was_active && (own & 7)) {
        x86_raise(s, X86_EXC_CP, X86_CP_FAR_RET);
    }
    if (outer && cpl == 3) {
        next = s->pl3_ssp;
    } else if (was_active) {
        next = pop_frame(s, &own, cs, lip);
    }
    if (will_be && (code64 ? !x86_canonical(s, next) : above_4g(next))) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    /* Back to another stack of the same level when the gate had one of its own. */
    if (was_active && (outer || (iret && x86_long(s) && next != own))) {
        release(s, own, s->cpl);
    }
    if (will_be) {
        s->ssp = next;
    }
}

void
x86_cet_return_vm86(X86State *s)
{
    if (s->u_cet & (X86_CET_SH_STK_EN | X86_CET_ENDBR_EN)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    if (is_active(s, X86_CET_SH_STK_EN)) {
        if (s->ssp & 7) {
            x86_raise(s, X86_EXC_CP, X86_CP_FAR_RET);
        }
        release(s, s->ssp, s->cpl);
    }
}

void
x86_cet_fast_call(X86State *s)
{
    if (is_active(s, X86_CET_SH_STK_EN)) {
        s->pl3_ssp = adjust(s, s->ssp);
    }
    if (x86_cet_has_shadow(s, 0)) {
        s->ssp = 0;
    }
    if (x86_cet_has_tracking(s, 0)) {
        s->s_cet = (s->s_cet & ~(uint64_t)X86_CET_SUPPRESS) | X86_CET_TRACKER;
    }
}

void
x86_cet_fast_return(X86State *s, bool code64)
{
    if (x86_cet_has_shadow(s, 3)) {
        if (code64 ? !x86_canonical(s, s->pl3_ssp) : above_4g(s->pl3_ssp)) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        s->ssp = s->pl3_ssp;
    }
}

/* The TSS of a task with a shadow stack has its place; IRET goes back to where the task was left (SDM 3A 8.2.1, 8.3). */
#define TSS_SSP 104

void
x86_cet_leave_task(X86State *s, X86CetTask *t, int how)
{
    *t = (X86CetTask){
        .shadow = is_active(s, X86_CET_SH_STK_EN),
        .cs = s->seg[X86_CS].selector,
        .lip = (uint32_t)(*x86_seg_base(s, X86_CS) + s->interp->next_rip),
        .ssp = s->ssp,
    };
    if (t->shadow && how == X86_SWITCH_IRET) {
        uint64_t own = s->ssp;

        if (own & 7) {
            x86_raise(s, X86_EXC_CP, X86_CP_FAR_RET);
        }
        t->cs = load(s, own + 16, 8, s->cpl);
        t->lip = load(s, own + 8, 8, s->cpl);
        t->ssp = load(s, own, 8, s->cpl);
        release(s, own + 24, s->cpl);
    }
}

void
x86_cet_enter_task(X86State *s, const X86CetTask *t, int how, uint16_t selector, uint64_t tss, uint32_t limit)
{
    uint64_t ssp;

    if (!is_active(s, X86_CET_SH_STK_EN)) {
        return;
    }
    if (how == X86_SWITCH_IRET) {
        if (t->shadow && (t->cs != s->seg[X86_CS].selector || t->lip != (uint32_t)(*x86_seg_base(s, X86_CS) + s->interp->next_rip) || (t->ssp & 3))) {
            x86_raise(s, X86_EXC_CP, X86_CP_FAR_RET);
        }
        if (t->shadow && above_4g(t->ssp)) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        s->ssp = t->shadow ? t->ssp : s->ssp;
        return;
    }
    if (limit < TSS_SSP + 3) {
        x86_raise(s, X86_EXC_TS, selector & ~3u);
    }
    ssp = x86_load_linear(s, tss + TSS_SSP, 4, x86_system_mmu_mode(s));
    if (!is_usable(ssp, false) || !replace(s, ssp, ssp, ssp | TOKEN_BUSY, s->cpl)) {
        x86_raise(s, X86_EXC_TS, selector & ~3u);
    }
    if (how != X86_SWITCH_JMP && t->shadow) {
        push8(s, &ssp, t->cs, s->cpl);
        push8(s, &ssp, t->lip, s->cpl);
        push8(s, &ssp, t->ssp, s->cpl);
    }
    s->ssp = ssp;
}

/* ---- values ---------------------------------------------------------------------------------------------------------------- */

bool
x86_cet_settings_valid(const X86State *s, uint64_t v)
{
    uint64_t allowed = 0;

    if (x86_has_feature(s, X86_FEAT_CET_SS)) {
        allowed |= X86_CET_SH_STK_EN | X86_CET_WR_SHSTK_EN;
    }
    if (x86_has_feature(s, X86_FEAT_CET_IBT)) {
        allowed |= X86_CET_ENDBR_EN | X86_CET_LEG_IW_EN | X86_CET_NO_TRACK_EN | X86_CET_SUPPRESS_DIS | X86_CET_SUPPRESS | X86_CET_TRACKER |
                   X86_CET_BITMAP;
    }
    return !(v & ~allowed) && (v & (X86_CET_SUPPRESS | X86_CET_TRACKER)) != (X86_CET_SUPPRESS | X86_CET_TRACKER) &&
           x86_canonical_base(s, v & X86_CET_BITMAP);
}

bool
x86_cet_ssp_valid(const X86State *s, uint64_t v)
{
    return !(v & 3) && x86_canonical_base(s, v);
}

/* ---- instructions ------------------------------------------------------------------------------------------------------------ */

static void
need(X86State *s, uint64_t what)
{
    if (!is_active(s, what)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
}

static void
need_aligned(X86State *s, uint64_t at, unsigned size)
{
    if (at & (size - 1)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
}

void
x86_exec_incssp(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[0].size, n;

    need(s, X86_CET_SH_STK_EN);
    n = x86_read_operand(s, insn, 0) & 0xff;
    load(s, s->ssp, size, s->cpl);
    if (n > 0) {
        load(s, s->ssp + size * (n - 1), size, s->cpl);
    }
    s->ssp += size * n;
    if (!code_is_64(s)) {
        s->ssp = (uint32_t)s->ssp;
    }
}

void
x86_exec_rdssp(X86State *s, const X86Insn *insn)
{
    if (is_active(s, X86_CET_SH_STK_EN)) {
        x86_write_operand(s, insn, 0, s->ssp);
    }
}

void
x86_exec_saveprevssp(X86State *s, const X86Insn *insn)
{
    uint64_t ssp = s->ssp, token, old;

    (void)insn;
    need(s, X86_CET_SH_STK_EN);
    need_aligned(s, ssp, 8);
    token = load(s, ssp, 8, s->cpl);
    ssp += 8;
    if (s->cc & X86_CF) {
        /* RSTORSSP found a hole of four bytes. */
        if (code_is_64(s) || load(s, ssp, 4, s->cpl) != 0) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        ssp += 4;
    }
    if (!(token & 2) || (!code_is_64(s) && above_4g(token))) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    old = token & ~UINT64_C(3);
    store(s, old - 4, 0, 4, s->cpl);
    store(s, (old & ~UINT64_C(7)) - 8, old | code_is_64(s), 8, s->cpl);
    s->ssp = ssp;
}

void
x86_exec_rstorssp(X86State *s, const X86Insn *insn)
{
    uint64_t at, token;
    bool valid;

    need(s, X86_CET_SH_STK_EN);
    at = x86_operand_linear(s, insn, 8, EMU_TCG_WRITE);
    need_aligned(s, at, 8);
    do {
        token = load(s, at, 8, s->cpl);
        valid = (token & 3) == code_is_64(s) && (code_is_64(s) || !above_4g(token)) &&
                (((token & ~UINT64_C(1)) - 8) & ~UINT64_C(7)) == at;
        /* An invalid token is written back as it is: the page must be writable for it. */
    } while (!replace(s, at, token, valid ? s->ssp | code_is_64(s) | 2 : token, s->cpl));
    if (!valid) {
        x86_raise(s, X86_EXC_CP, X86_CP_RSTORSSP);
    }
    s->ssp = at;
    s->cc = token & 4 ? X86_CF : 0;
}

static void
write_shadow(X86State *s, const X86Insn *insn, unsigned cpl)
{
    uint64_t at = x86_operand_linear(s, insn, insn->op[0].size, EMU_TCG_WRITE);

    need_aligned(s, at, insn->op[0].size);
    store(s, at, x86_read_operand(s, insn, 1), insn->op[0].size, cpl);
}

void
x86_exec_wrss(X86State *s, const X86Insn *insn)
{
    need(s, X86_CET_SH_STK_EN);
    need(s, X86_CET_WR_SHSTK_EN);
    write_shadow(s, insn, s->cpl);
}

void
x86_exec_wruss(X86State *s, const X86Insn *insn)
{
    if (!x86_cet_on(s) || (s->eflags & X86_VM)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if (s->cpl != 0) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    write_shadow(s, insn, 3);
}

void
x86_exec_setssbsy(X86State *s, const X86Insn *insn)
{
    uint64_t at = s->pl_ssp[0];

    (void)insn;
    if (!x86_cet_on(s) || (s->eflags & X86_VM) || !(s->s_cet & X86_CET_SH_STK_EN)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if (s->cpl != 0) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    need_aligned(s, at, 8);
    if (!replace(s, at, at, at | TOKEN_BUSY, 0)) {
        x86_raise(s, X86_EXC_CP, X86_CP_SETSSBSY);
    }
    s->ssp = at;
}

void
x86_exec_clrssbsy(X86State *s, const X86Insn *insn)
{
    uint64_t at;

    if (!x86_cet_on(s) || (s->eflags & X86_VM) || !(s->s_cet & X86_CET_SH_STK_EN)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if (s->cpl != 0) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    at = x86_operand_linear(s, insn, 8, EMU_TCG_WRITE);
    need_aligned(s, at, 8);
    s->cc = replace(s, at, at | TOKEN_BUSY, at, 0) ? 0 : X86_CF;
    s->ssp = 0;
}
