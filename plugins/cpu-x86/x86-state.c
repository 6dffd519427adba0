/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Globals table, mode key, reset. */

#include "x86-cet.h"
#include "x86-interp.h"
#include "x86-virt.h"

#include <emu/tcg-ir.h>

#define GPR(n, num, field)                                                                         \
    {.name = n, .type = EMU_TCG_I64, .bank = 0, .same_isa = (num),                                 \
     .offset = offsetof(X86State, field)}
#define XMM(num)                                                                                   \
    {.name = "xmm" #num, .type = EMU_TCG_V128, .bank = 1, .same_isa = (num),                       \
     .offset = offsetof(X86State, fx.xmm) + 16 * (num)}

/* Index = register number for the first sixteen, 16 + n for xmm n. */
const EmuTcgGlobal x86_globals[] = {
    GPR("rax", 0, gpr_low[0]),
    GPR("rcx", 1, gpr_low[1]),
    GPR("rdx", 2, gpr_low[2]),
    GPR("rbx", 3, gpr_low[3]),
    GPR("rsp", 4, gpr_low[4]),
    GPR("rbp", 5, gpr_low[5]),
    GPR("rsi", 6, gpr_low[6]),
    GPR("rdi", 7, gpr_low[7]),
    GPR("r8", 8, gpr_hot[0]),
    GPR("r9", 9, gpr_hot[1]),
    GPR("r10", 10, gpr_hot[2]),
    GPR("r11", 11, gpr_hot[3]),
    GPR("r12", 12, gpr_high[0]),
    GPR("r13", 13, gpr_high[1]),
    GPR("r14", 14, gpr_high[2]),
    GPR("r15", 15, gpr_high[3]),
    XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7),
    XMM(8), XMM(9), XMM(10), XMM(11), XMM(12), XMM(13), XMM(14), XMM(15),
    {.name = "flags", .type = EMU_TCG_FLAGS, .bank = 3, .same_isa = 0xff,
     .offset = offsetof(X86State, cc)},
    {.name = "eflags", .type = EMU_TCG_I32, .bank = 4, .same_isa = 0xff,
     .offset = offsetof(X86State, eflags)},
    {.name = "rip", .type = EMU_TCG_I64, .bank = 4, .same_isa = 0xff,
     .offset = offsetof(X86State, rip)},
    {.name = "es_base", .type = EMU_TCG_I64, .bank = 4, .same_isa = 0xff,
     .offset = offsetof(X86State, seg_base[X86_ES ^ 4])},
    {.name = "cs_base", .type = EMU_TCG_I64, .bank = 4, .same_isa = 0xff,
     .offset = offsetof(X86State, seg_base[X86_CS ^ 4])},
    {.name = "ss_base", .type = EMU_TCG_I64, .bank = 4, .same_isa = 0xff,
     .offset = offsetof(X86State, seg_base[X86_SS ^ 4])},
    {.name = "ds_base", .type = EMU_TCG_I64, .bank = 4, .same_isa = 0xff,
     .offset = offsetof(X86State, seg_base[X86_DS ^ 4])},
    {.name = "fs_base", .type = EMU_TCG_I64, .bank = 4, .same_isa = 0xff,
     .offset = offsetof(X86State, seg_base[X86_FS ^ 4])},
    {.name = "gs_base", .type = EMU_TCG_I64, .bank = 4, .same_isa = 0xff,
     .offset = offsetof(X86State, seg_base[X86_GS ^ 4])},
    {.name = "mxcsr", .type = EMU_TCG_I32, .bank = 4, .same_isa = 0xff,
     .offset = offsetof(X86State, fx.mxcsr)},
#define SELECTOR(n, num)                                                                           \
    {.name = n, .type = EMU_TCG_I16, .bank = 4, .same_isa = 0xff,                                  \
     .offset = offsetof(X86State, seg[num].selector)}
    SELECTOR("es", X86_ES), SELECTOR("cs", X86_CS), SELECTOR("ss", X86_SS),
    SELECTOR("ds", X86_DS), SELECTOR("fs", X86_FS), SELECTOR("gs", X86_GS),
#define CONTROL(n, field)                                                                          \
    {.name = n, .type = EMU_TCG_I64, .bank = 4, .same_isa = 0xff,                                  \
     .offset = offsetof(X86State, field)}
    CONTROL("kernel_gs_base", kernel_gs_base), CONTROL("cr0", cr0), CONTROL("cr2", cr2),
    CONTROL("cr3", cr3), CONTROL("cr4", cr4),
    {.name = "shadow", .type = EMU_TCG_I8, .bank = 4, .same_isa = 0xff,
     .offset = offsetof(X86State, shadow)},
    {.name = "mode_low", .type = EMU_TCG_I32, .bank = 4, .same_isa = 0xff,
     .offset = offsetof(X86State, tcg.mode_key) + (G_BYTE_ORDER == G_BIG_ENDIAN ? 4 : 0)},
#define LIMIT(n, num)                                                                              \
    {.name = n, .type = EMU_TCG_I32, .bank = 4, .same_isa = 0xff, .offset = offsetof(X86State, seg[num].limit)}
    LIMIT("es_limit", X86_ES), LIMIT("cs_limit", X86_CS), LIMIT("ss_limit", X86_SS),
    LIMIT("ds_limit", X86_DS), LIMIT("fs_limit", X86_FS), LIMIT("gs_limit", X86_GS),
    CONTROL("under_call", under_call),
};
const unsigned x86_n_globals = G_N_ELEMENTS(x86_globals);

/* What the lifter may leave out of checks on data segment @seg. */
static uint64_t
mode_segment_bits(X86State *s, unsigned seg)
{
    const X86Segment *d = &s->seg[seg];
    uint64_t bits = 0;
    bool rights = true;

    if (x86_protected(s)) {
        uint32_t need = X86_DESC_P | X86_DESC_S | X86_DESC_W;

        /* data, writable, expand up; or code that can be read */
        rights = !(d->attr & X86_DESC_NULL) && (d->attr & need) == need &&
                 (seg == X86_CS ? (d->attr & X86_DESC_CODE) != 0
                                : !(d->attr & (X86_DESC_CODE | X86_DESC_E)));
    }
    if (rights && d->limit == 0xffffffffu) {
        bits = X86_MODE_NOLIMIT(seg);
        if (*x86_seg_base(s, seg) == 0) {
            bits |= X86_MODE_FLAT(seg);
        }
    } else if (rights) {
        bits = X86_MODE_LIMITED(seg);
    }
    return bits;
}

void
x86_update_mode(X86State *s)
{
    uint64_t key = 0;
    bool pe = s->cr0 & X86_CR0_PE, vm = s->eflags & X86_VM;
    unsigned code = 16, stack = 16, mmu;

    if (x86_long(s) && (s->seg[X86_CS].attr & X86_DESC_L)) {
        code = stack = 64;
        /* FS and GS always have a base, so that loading one does not change the key. */
        key |= X86_MODE_CODE64 | X86_MODE_CODE64 << X86_MODE_STACK_SHIFT;
        for (unsigned i = X86_ES; i <= X86_GS; i++) {
            key |= X86_MODE_NOLIMIT(i);
            if (i < X86_FS) {
                key |= X86_MODE_FLAT(i);
            }
        }
    } else {
        if (!vm && (s->seg[X86_CS].attr & X86_DESC_B)) {
            code = 32;
            key |= X86_MODE_CODE32;
        }
        if (!vm && (s->seg[X86_SS].attr & X86_DESC_B)) {
            stack = 32;
            key |= X86_MODE_CODE32 << X86_MODE_STACK_SHIFT;
        }
        for (unsigned i = X86_ES; i <= X86_GS; i++) {
            key |= mode_segment_bits(s, i);
        }
        if ((s->seg[X86_CS].limit == 0xffff || (key & X86_MODE_NOLIMIT(X86_CS))) && !(key & X86_MODE_FLAT(X86_CS)) && (*x86_seg_base(s, X86_CS) & ~(X86_MODE_CS_BASE_MASK << 4)) == 0) {
            key |= X86_MODE_CS_BASED | *x86_seg_base(s, X86_CS) >> 4 << X86_MODE_CS_BASE_SHIFT;
        }
    }
    s->va_shift = (s->cr4 & X86_CR4_LA57) ? 7 : 16;
    s->code_size = (uint8_t)code;
    s->stack_size = (uint8_t)stack;

    key |= (uint64_t)(s->cpl & 3) << X86_MODE_CPL_SHIFT;
    if (pe) {
        key |= X86_MODE_PE;
    }
    if (s->cr0 & X86_CR0_PG) {
        key |= X86_MODE_PG;
    }
    if (s->cr4 & X86_CR4_PAE) {
        key |= X86_MODE_PAE;
    }
    if (x86_long(s)) {
        key |= X86_MODE_LMA;
    }
    if (vm) {
        key |= X86_MODE_VM86;
    }
    if (!pe || s->cpl <= x86_iopl(s)) {
        key |= X86_MODE_IOPL;
    }
    if ((s->cr4 & X86_CR4_OSXSAVE) && (s->xcr0 & 6) == 6 && !(s->cr0 & X86_CR0_TS) && x86_has_feature(s, X86_FEAT_AVX)) {
        key |= X86_MODE_AVX;
    }
    if (!(s->cr0 & (X86_CR0_EM | X86_CR0_TS))) {
        key |= X86_MODE_X87;
        if (s->cr4 & X86_CR4_OSFXSR) {
            key |= X86_MODE_SSE;
        }
    }
    if (s->cpl == 3 && (s->cr0 & X86_CR0_AM) && (s->eflags & X86_AC)) {
        key |= X86_MODE_AC;
    }
    if (s->eflags & X86_TF) {
        key |= X86_MODE_TF;
    }
    if (s->eflags & X86_RF) {
        key |= X86_MODE_RF;
    }
    if (s->dr[7] & 0xff) {
        key |= X86_MODE_DR;
    }
    if (s->shadow) {
        key |= X86_MODE_SHADOW;
    }
    if (s->debugctl & X86_DEBUGCTL_LBR) {
        key |= X86_MODE_LBR;
    }
    if (s->virt) {
        key |= X86_MODE_GUEST;
        if (s->vmx.watched) {
            key |= X86_MODE_DR;
        }
    }
    if (x86_cet_on(s)) {
        key |= x86_cet_mode(s);
    }
    if (s->cpl == 3) {
        mmu = X86_MMU_USER;
    } else if ((s->cr4 & X86_CR4_SMAP) && !(s->eflags & X86_AC)) {
        mmu = X86_MMU_KERNEL_SMAP;
    } else {
        mmu = X86_MMU_KERNEL;
    }
    key |= (uint64_t)mmu << X86_MODE_MMU_SHIFT;
    if (s->a20_mask != ~UINT64_C(0)) {
        key |= X86_MODE_A20_OFF;
    }
    s->tcg.mmu_mode = mmu;
    s->tcg.mode_key = key;
}

void
x86_set_pkru(X86State *s, uint32_t value)
{
    if (x86_get_pkru(s) != value) {
        memcpy(s->xsave + X86_XSAVE_PKRU, &value, sizeof(value));
        if (s->cr4 & X86_CR4_PKE) {
            x86_flush_all(s);
        }
    }
}

static void
reset_registers(X86State *s)
{
    memset(s->gpr_hot, 0, sizeof(s->gpr_hot));
    memset(s->gpr_low, 0, sizeof(s->gpr_low));
    memset(s->gpr_high, 0, sizeof(s->gpr_high));
    if (s->hooks && s->hooks->cpuid) {
        uint32_t r[4];

        s->hooks->cpuid(s, 1, 0, r);
        X86_LOW(s, X86_RDX) = r[0]; /* family, model, stepping */
    }
    s->rip = 0xfff0;
    x86_set_eflags(s, 2);
    s->cr0 = X86_CR0_ET | X86_CR0_CD | X86_CR0_NW;
    s->cr2 = s->cr3 = s->cr4 = s->cr8 = 0;
    s->efer = 0;
    for (unsigned i = 0; i < 4; i++) {
        s->dr[i] = 0;
        s->pdpte[i] = 0;
    }
    s->dr[6] = 0xffff0ff0u;
    s->dr[7] = 0x400;
    for (unsigned i = X86_ES; i <= X86_GS; i++) {
        x86_set_seg(s, i, 0, 0, 0xffff,
                    X86_DESC_P | X86_DESC_S | X86_DESC_W | X86_DESC_A |
                        (i == X86_CS ? X86_DESC_CODE : 0));
    }
    x86_set_seg(s, X86_CS, 0xf000, 0xffff0000u, 0xffff,
                X86_DESC_P | X86_DESC_S | X86_DESC_R | X86_DESC_A | X86_DESC_CODE);
    x86_set_seg(s, X86_LDTR, 0, 0, 0xffff, X86_DESC_P | (2u << 8));
    x86_set_seg(s, X86_TR, 0, 0, 0xffff, X86_DESC_P | (11u << 8));
    s->gdtr.base = s->idtr.base = 0;
    s->gdtr.limit = s->idtr.limit = 0xffff;
    s->cpl = 0;
    s->shadow = 0;
    s->halted = 0;
    s->nmi_blocked = 0;
    s->in_smm = 0;
    s->wait_sipi = 0;
    s->exception = -1;
    s->exception_is_soft = 0;
    s->u_cet = s->s_cet = s->ssp = s->interrupt_ssp_table = 0;
    s->pl3_ssp = s->pl_ssp[0] = s->pl_ssp[1] = s->pl_ssp[2] = 0;
    s->debugctl = 0;
    s->dr6_pending = 0;
}

void
x86_reset_extended(X86State *s)
{
    memset(s->tiles, 0, sizeof(s->tiles));
    s->xfd = s->xfd_err = s->bndcfgs = 0;
    s->u_cet = s->s_cet = s->ssp = s->interrupt_ssp_table = 0;
    s->pl3_ssp = s->pl_ssp[0] = s->pl_ssp[1] = s->pl_ssp[2] = 0;
}

void
x86_reset(X86State *s)
{
    reset_registers(s);
    memset(s->xsave, 0, sizeof(s->xsave));
    x86_reset_extended(s);
    s->fx.fcw = 0x37f; /* as FNINIT leaves it, which firmware of a PC executes, and SeaBIOS does not */
    s->fx.mxcsr = 0x1f80;
    s->fx.mxcsr_mask = 0xffff;
    s->xcr0 = 1;
    s->xss = 0;
    s->pkrs = 0;
    s->star = s->lstar = s->cstar = s->sfmask = s->kernel_gs_base = s->tsc_aux = 0;
    s->sysenter_cs = s->sysenter_esp = s->sysenter_eip = 0;
    s->pat = UINT64_C(0x0007040600070406);
    s->misc_enable = 1;
    s->smbase = 0x30000;
    s->mtrr_def_type = 0;
    memset(s->mtrr_fixed, 0, sizeof(s->mtrr_fixed));
    memset(s->mtrr_var, 0, sizeof(s->mtrr_var));
    memset(s->mc_banks, 0, sizeof(s->mc_banks));
    s->mcg_status = 0;
    s->mcg_ctl = ~UINT64_C(0);
    s->feature_control = x86_has_feature(s, X86_FEAT_VMX) ? 0 : 1; /* locked where there is nothing to enable */
    s->tsc_offset = s->tsc_adjust = 0;
    s->tsx_ctrl = 0;
    s->ignne = 0;
    s->br_from = s->br_to = s->exc_from = s->exc_to = 0;
    x86_virt_reset(s);
    if (s->phys_mask == 0) {
        s->phys_mask = (UINT64_C(1) << 40) - 1;
    }
    s->a20_mask = ~UINT64_C(0);
    __atomic_store_n(&s->interrupt_request, 0, __ATOMIC_SEQ_CST);
    x86_update_mode(s);
    x86_flush_all(s);
}

void
x86_init(X86State *s)
{
    uint64_t cache_bits = s->cr0 & (X86_CR0_CD | X86_CR0_NW);

    reset_registers(s);
    x86_virt_init(s);
    s->cr0 = X86_CR0_ET | cache_bits;
    s->tsc_aux = 0;
    x86_update_mode(s);
    x86_flush_all(s);
}

void
x86_sipi(X86State *s, uint8_t vector)
{
    x86_set_seg(s, X86_CS, (uint16_t)(vector << 8), (uint64_t)vector << 12, 0xffff,
                X86_DESC_P | X86_DESC_S | X86_DESC_R | X86_DESC_A | X86_DESC_CODE);
    s->rip = 0;
    s->halted = 0;
    s->wait_sipi = 0;
    x86_update_mode(s);
}

void
x86_set_a20(X86State *s, bool enabled)
{
    uint64_t mask = enabled ? ~UINT64_C(0) : ~(UINT64_C(1) << 20);

    if (mask != s->a20_mask) {
        s->a20_mask = mask;
        x86_update_mode(s);
        x86_flush_all(s);
    }
}

uint64_t
x86_get_pc(EmuTcgState *tcg)
{
    X86State *s = (X86State *)tcg;

    if (s->code_size == 64) {
        return s->rip;
    }
    return (uint32_t)(s->rip + *x86_seg_base(s, X86_CS));
}

void
x86_set_pc(EmuTcgState *tcg, uint64_t pc)
{
    X86State *s = (X86State *)tcg;

    if (s->code_size == 64) {
        s->rip = pc;
    } else {
        s->rip = (uint32_t)(pc - *x86_seg_base(s, X86_CS));
    }
}
