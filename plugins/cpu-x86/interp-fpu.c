/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * x87 and SSE state: environment and control instructions whose memory image depends on the guest's
 * mode, FXSAVE.  Arithmetic is in interp-template.c, XSAVE in interp-xsave.c.
 */

#include "x86-interp.h"
#include "x86-virt.h"

#define FSW_ES 0x80u
#define FSW_B 0x8000u

static void
wait_pending(X86State *s)
{
    if (!(s->fx.fsw & FSW_ES)) {
        return;
    }
    if (s->cr0 & X86_CR0_NE) {
        x86_raise_plain(s, X86_EXC_MF);
    }
    if (!s->ignne) {
        if (s->virt) {
            s->virt->ferr(s);
        }
        /* FERR#: the instruction waits until the board's interrupt has been taken. */
        if (s->hooks && s->hooks->ferr) {
            s->hooks->ferr(s);
        }
        x86_unwind(s, X86_UNWIND_RESTART);
    }
}

/* What must hold before an x87, MMX or SSE instruction (SDM 3A 13.1 to 13.3). */
void
x86_fpu_check(X86State *s, uint32_t attr)
{
    if (attr & X86_A_AVX) {
        if (!(s->cr4 & X86_CR4_OSXSAVE) || (s->xcr0 & 6) != 6) {
            x86_raise_plain(s, X86_EXC_UD);
        }
        if (s->cr0 & X86_CR0_TS) {
            x86_raise_plain(s, X86_EXC_NM);
        }
    }
    if (attr & X86_A_SSE) {
        if ((s->cr0 & X86_CR0_EM) || !(s->cr4 & X86_CR4_OSFXSR)) {
            x86_raise_plain(s, X86_EXC_UD);
        }
        if (s->cr0 & X86_CR0_TS) {
            x86_raise_plain(s, X86_EXC_NM);
        }
    }
    if (attr & X86_A_MMX) {
        if (s->cr0 & X86_CR0_EM) {
            x86_raise_plain(s, X86_EXC_UD);
        }
        if (s->cr0 & X86_CR0_TS) {
            x86_raise_plain(s, X86_EXC_NM);
        }
        wait_pending(s);
    }
    if (attr & X86_A_X87) {
        if (s->cr0 & (X86_CR0_EM | X86_CR0_TS)) {
            x86_raise_plain(s, X86_EXC_NM);
        }
        if (!(attr & X86_A_NOWAIT)) {
            wait_pending(s);
        }
    }
}

void
x86_exec_fwait(X86State *s, const X86Insn *insn)
{
    (void)insn;
    if ((s->cr0 & (X86_CR0_MP | X86_CR0_TS)) == (X86_CR0_MP | X86_CR0_TS)) {
        x86_raise_plain(s, X86_EXC_NM);
    }
    wait_pending(s);
}

/* ES and B follow from the flags and the mask. */
void
x86_update_fsw(X86State *s)
{
    if (s->fx.fsw & ~s->fx.fcw & 0x3f) {
        s->fx.fsw |= FSW_ES | FSW_B;
    } else {
        s->fx.fsw &= (uint16_t) ~(FSW_ES | FSW_B);
    }
}

static unsigned
top(X86State *s)
{
    return s->fx.fsw >> 11 & 7;
}

/* The image lists registers from ST(0): a new TOP moves them about. */
static void
set_fsw(X86State *s, uint16_t fsw)
{
    uint8_t regs[8][16];
    unsigned shift = ((fsw >> 11) - top(s)) & 7;

    if (shift) {
        for (unsigned i = 0; i < 8; i++) {
            memcpy(regs[i], s->fx.st[(i + shift) & 7], 16);
        }
        memcpy(s->fx.st, regs, sizeof(regs));
    }
    s->fx.fsw = fsw;
}

void
x86_fpu_init(X86State *s)
{
    set_fsw(s, 0);
    s->fx.fcw = 0x37f;
    s->fx.ftw = 0;
    s->fx.fop = 0;
    s->fx.fip = 0;
    s->fx.fdp = 0;
}

static uint16_t
full_tag_word(X86State *s)
{
    uint16_t tags = 0;

    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *st = s->fx.st[(i - top(s)) & 7];
        unsigned tag = 3;

        if (s->fx.ftw >> i & 1) {
            uint64_t man;
            uint16_t exp;

            memcpy(&man, st, 8);
            memcpy(&exp, st + 8, 2);
            exp &= 0x7fff;
            tag = exp == 0 && man == 0 ? 1 : exp == 0 || exp == 0x7fff || !(man >> 63) ? 2 : 0;
        }
        tags |= (uint16_t)(tag << (2 * i));
    }
    return tags;
}

static void
set_full_tag_word(X86State *s, uint16_t tags)
{
    s->fx.ftw = 0;
    for (unsigned i = 0; i < 8; i++) {
        if ((tags >> (2 * i) & 3) != 3) {
            s->fx.ftw |= (uint8_t)(1u << i);
        }
    }
}

/* The environment in the four layouts of SDM 1 figures 8-9 to 8-12. */
static unsigned
pack_environment(X86State *s, const X86Insn *insn, uint8_t *buf)
{
    uint32_t fip = (uint32_t)s->fx.fip, fdp = (uint32_t)s->fx.fdp;
    bool prot = x86_protected(s);

    if (insn->opsize == 2) {
        uint16_t w[7] = {s->fx.fcw, s->fx.fsw, full_tag_word(s)};

        w[3] = (uint16_t)fip;
        w[5] = (uint16_t)fdp;
        if (!prot) {
            w[4] = (uint16_t)((fip >> 4 & 0xf000) | (s->fx.fop & 0x7ff));
            w[6] = (uint16_t)(fdp >> 4 & 0xf000);
        }
        memcpy(buf, w, 14);
        return 14;
    } else {
        uint32_t d[7] = {s->fx.fcw | 0xffff0000u, s->fx.fsw | 0xffff0000u,
                         full_tag_word(s) | 0xffff0000u};

        if (prot) {
            d[3] = fip;
            d[4] = (uint32_t)(s->fx.fop & 0x7ff) << 16;
            d[5] = fdp;
            d[6] = 0xffff0000u;
        } else {
            d[3] = (fip & 0xffff) | 0xffff0000u;
            d[4] = (fip >> 4 & 0x0ffff000) | (s->fx.fop & 0x7ff);
            d[5] = (fdp & 0xffff) | 0xffff0000u;
            d[6] = fdp >> 4 & 0x0ffff000;
        }
        memcpy(buf, d, 28);
        return 28;
    }
}

static unsigned
unpack_environment(X86State *s, const X86Insn *insn, const uint8_t *buf)
{
    bool prot = x86_protected(s);

    if (insn->opsize == 2) {
        uint16_t w[7];

        memcpy(w, buf, 14);
        s->fx.fcw = w[0];
        set_fsw(s, w[1]);
        set_full_tag_word(s, w[2]);
        s->fx.fip = w[3];
        s->fx.fdp = w[5];
        if (!prot) {
            s->fx.fip |= (uint64_t)(w[4] & 0xf000) << 4;
            s->fx.fop = w[4] & 0x7ff;
            s->fx.fdp |= (uint64_t)(w[6] & 0xf000) << 4;
        }
    } else {
        uint32_t d[7];

        memcpy(d, buf, 28);
        s->fx.fcw = (uint16_t)d[0];
        set_fsw(s, (uint16_t)d[1]);
        set_full_tag_word(s, (uint16_t)d[2]);
        if (prot) {
            s->fx.fip = d[3];
            s->fx.fop = d[4] >> 16 & 0x7ff;
            s->fx.fdp = d[5];
        } else {
            s->fx.fip = (d[3] & 0xffff) | (uint64_t)(d[4] & 0x0ffff000) << 4;
            s->fx.fop = d[4] & 0x7ff;
            s->fx.fdp = (d[5] & 0xffff) | (uint64_t)(d[6] & 0x0ffff000) << 4;
        }
    }
    s->fx.fcw = (uint16_t)((s->fx.fcw & 0x1f3f) | 0x40);
    x86_update_fsw(s);
    return insn->opsize == 2 ? 14 : 28;
}

static void
read_block(X86State *s, const X86Insn *insn, void *dst, unsigned size)
{
    uint64_t linear = x86_operand_linear(s, insn, size, EMU_TCG_READ);

    for (unsigned i = 0; i < size; i += 64) {
        if (!emu_tcg_read(&s->tcg, linear + i, (char *)dst + i, MIN(size - i, 64),
                          s->tcg.mmu_mode)) {
            x86_raise_recorded_now(s);
        }
    }
}

static void
write_block(X86State *s, const X86Insn *insn, const void *src, unsigned size)
{
    uint64_t linear = x86_operand_linear(s, insn, size, EMU_TCG_WRITE);
    bool fault;

    if ((linear & 0xfff) + size > 0x1000) {
        /* both pages are checked before the first byte is written */
        emu_tcg_host_pointer(&s->tcg, (linear | 0xfff) + 1, 1, EMU_TCG_WRITE, s->tcg.mmu_mode,
                             &fault);
        if (fault) {
            emu_tcg_host_pointer(&s->tcg, linear, 1, EMU_TCG_WRITE, s->tcg.mmu_mode, &fault);
            x86_raise_recorded_now(s);
        }
    }
    for (unsigned i = 0; i < size; i += 64) {
        if (!emu_tcg_write(&s->tcg, linear + i, (const char *)src + i, MIN(size - i, 64),
                           s->tcg.mmu_mode)) {
            x86_raise_recorded_now(s);
        }
    }
}

void
x86_exec_fnstenv(X86State *s, const X86Insn *insn)
{
    uint8_t buf[28];
    unsigned n;

    x86_fpu_check(s, insn->row->attr);
    n = pack_environment(s, insn, buf);
    write_block(s, insn, buf, n);
    s->fx.fcw |= 0x3f;
    x86_update_fsw(s);
}

void
x86_exec_fldenv(X86State *s, const X86Insn *insn)
{
    uint8_t buf[28];

    x86_fpu_check(s, insn->row->attr);
    read_block(s, insn, buf, insn->op[0].size);
    unpack_environment(s, insn, buf);
}

void
x86_exec_fnsave(X86State *s, const X86Insn *insn)
{
    uint8_t buf[108];
    unsigned n;

    x86_fpu_check(s, insn->row->attr);
    n = pack_environment(s, insn, buf);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(buf + n + 10 * i, s->fx.st[i], 10);
    }
    write_block(s, insn, buf, n + 80);
    x86_fpu_init(s);
}

void
x86_exec_frstor(X86State *s, const X86Insn *insn)
{
    uint8_t buf[108];
    unsigned n;

    x86_fpu_check(s, insn->row->attr);
    read_block(s, insn, buf, insn->op[0].size);
    n = unpack_environment(s, insn, buf);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(s->fx.st[i], buf + n + 10 * i, 10);
    }
}

void
x86_exec_fnstsw_ax(X86State *s, const X86Insn *insn)
{
    x86_fpu_check(s, insn->row->attr);
    x86_set_gpr(s, X86_RAX, s->fx.fsw, 2);
}

void
x86_exec_fnstsw(X86State *s, const X86Insn *insn)
{
    x86_fpu_check(s, insn->row->attr);
    x86_write_operand(s, insn, 0, s->fx.fsw);
}

void
x86_exec_fnstcw(X86State *s, const X86Insn *insn)
{
    x86_fpu_check(s, insn->row->attr);
    x86_write_operand(s, insn, 0, s->fx.fcw);
}

void
x86_exec_fldcw(X86State *s, const X86Insn *insn)
{
    x86_fpu_check(s, insn->row->attr);
    s->fx.fcw = (uint16_t)((x86_read_operand(s, insn, 0) & 0x1f3f) | 0x40);
    x86_update_fsw(s);
}

void
x86_exec_fnclex(X86State *s, const X86Insn *insn)
{
    x86_fpu_check(s, insn->row->attr);
    s->fx.fsw &= 0x7f00;
}

void
x86_exec_fninit(X86State *s, const X86Insn *insn)
{
    x86_fpu_check(s, insn->row->attr);
    x86_fpu_init(s);
}

/* MXCSR */

void
x86_exec_ldmxcsr(X86State *s, const X86Insn *insn)
{
    uint32_t v;

    x86_fpu_check(s, insn->row->attr);
    v = (uint32_t)x86_read_operand(s, insn, 0);
    if (v & ~0xffffu) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    s->fx.mxcsr = v;
}

void
x86_exec_stmxcsr(X86State *s, const X86Insn *insn)
{
    x86_fpu_check(s, insn->row->attr);
    x86_write_operand(s, insn, 0, s->fx.mxcsr);
}

/* FXSAVE */

static void
check_fx_operand(X86State *s, const X86Insn *insn, unsigned align, EmuTcgAccess access)
{
    uint64_t linear;
    bool fault;

    if (s->cr0 & (X86_CR0_EM | X86_CR0_TS)) {
        x86_raise_plain(s, X86_EXC_NM);
    }
    linear = x86_operand_linear(s, insn, 512, EMU_TCG_READ);
    if (linear & (align - 1)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    /* All 512 bytes must be accessible, though fewer are touched. */
    emu_tcg_host_pointer(&s->tcg, linear + 511, 1, access, s->tcg.mmu_mode, &fault);
    if (fault) {
        x86_raise_recorded_now(s);
    }
}

/* FFXSR: at CPL 0 in 64-bit code the XMM registers are left out. */
static bool
fast_fxsr(X86State *s)
{
    return (s->efer & X86_EFER_FFXSR) && s->cpl == 0 && s->code_size == 64;
}

unsigned
x86_fx_xmm_count(X86State *s)
{
    return s->code_size == 64 ? 16 : 8;
}

void
x86_fx_pack(X86State *s, const X86Insn *insn, X86Fxsave *f)
{
    memcpy(f, &s->fx, 160);
    f->mxcsr_mask = 0xffff;
    if (!(insn->rex & 8)) {
        /* selectors are reported as 0 (CPUID 7.0:EBX bit 13) */
        f->fip = (uint32_t)f->fip;
        f->fdp = (uint32_t)f->fdp;
    }
}

void
x86_exec_fxsave(X86State *s, const X86Insn *insn)
{
    X86Fxsave f;
    unsigned n = 160;

    check_fx_operand(s, insn, 16, EMU_TCG_WRITE);
    x86_fx_pack(s, insn, &f);
    if (!fast_fxsr(s)) {
        n += 16 * x86_fx_xmm_count(s);
        memcpy(f.xmm, s->fx.xmm, 16 * x86_fx_xmm_count(s));
    }
    write_block(s, insn, &f, n);
}

void
x86_fx_unpack_x87(X86State *s, const X86Fxsave *f)
{
    s->fx.fcw = (uint16_t)((f->fcw & 0x1f3f) | 0x40);
    s->fx.fsw = f->fsw;
    s->fx.ftw = f->ftw;
    s->fx.fop = f->fop & 0x7ff;
    s->fx.fip = f->fip;
    s->fx.fdp = f->fdp;
    for (unsigned i = 0; i < 8; i++) {
        memcpy(s->fx.st[i], f->st[i], 10);
    }
    x86_update_fsw(s);
}

void
x86_exec_fxrstor(X86State *s, const X86Insn *insn)
{
    X86Fxsave f;

    check_fx_operand(s, insn, 16, EMU_TCG_READ);
    read_block(s, insn, &f, 416);
    if (f.mxcsr & ~0xffffu) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    x86_fx_unpack_x87(s, &f);
    if (s->cr4 & X86_CR4_OSFXSR) {
        s->fx.mxcsr = f.mxcsr;
        if (!fast_fxsr(s)) {
            memcpy(s->fx.xmm, f.xmm, 16 * x86_fx_xmm_count(s));
        }
    }
}

/* What every MMX instruction does to the x87 state: TOP = 0, all registers valid. */
void
x86_mmx_enter(X86State *s)
{
    set_fsw(s, s->fx.fsw & (uint16_t)~0x3800u);
    s->fx.ftw = 0xff;
}

/* MASKMOVQ, MASKMOVDQU: bytes whose mask has its top bit set go to DS:rDI. */
void
x86_exec_maskmov(X86State *s, const X86Insn *insn)
{
    bool mmx = insn->op[0].kind == X86_OPND_MMX;
    unsigned n = mmx ? 8 : 16;
    const uint8_t *data, *mask;
    uint64_t ea = X86_LOW(s, X86_RDI) & x86_size_mask(insn->addrsize);
    bool any = false;

    x86_fpu_check(s, insn->row->attr);
    if (mmx) {
        /* register n lies at physical position n: ST(n - TOP) */
        data = s->fx.st[(insn->op[0].reg - top(s)) & 7];
        mask = s->fx.st[(insn->op[1].reg - top(s)) & 7];
    } else {
        data = s->fx.xmm[insn->op[0].reg];
        mask = s->fx.xmm[insn->op[1].reg];
    }
    for (unsigned i = 0; i < n; i++) {
        any |= mask[i] >> 7;
    }
    if (any) {
        x86_linear(s, insn->segment, ea, n, EMU_TCG_WRITE);
    }
    for (unsigned i = 0; i < n; i++) {
        if (mask[i] & 0x80) {
            x86_store(s, insn->segment, (ea + i) & x86_size_mask(insn->addrsize), data[i], 1);
        }
    }
    if (mmx) {
        x86_mmx_enter(s);
    }
}
