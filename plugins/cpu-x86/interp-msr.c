/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* MSRs, CPUID, time-stamp counter, random numbers. */

#include <time.h>

#include "x86-cet.h"
#include "x86-interp.h"
#include "x86-virt.h"

enum {
    MSR_TSC = 0x10,
    MSR_APIC_BASE = 0x1b,
    MSR_FEATURE_CONTROL = 0x3a,
    MSR_TSC_ADJUST = 0x3b,
    MSR_BIOS_SIGN_ID = 0x8b,
    MSR_MTRRCAP = 0xfe,
    MSR_TSX_CTRL = 0x122,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_ESP = 0x175,
    MSR_SYSENTER_EIP = 0x176,
    MSR_MCG_CAP = 0x179,
    MSR_MCG_STATUS = 0x17a,
    MSR_MCG_CTL = 0x17b,
    MSR_MISC_ENABLE = 0x1a0,
    MSR_DEBUGCTL = 0x1d9,
    MSR_LAST_BRANCH_FROM = 0x1db,
    MSR_LAST_BRANCH_TO = 0x1dc,
    MSR_LAST_INT_FROM = 0x1dd,
    MSR_LAST_INT_TO = 0x1de,
    MSR_MTRR_PHYSBASE0 = 0x200,
    MSR_MTRR_FIX64K = 0x250,
    MSR_MTRR_FIX16K0 = 0x258,
    MSR_MTRR_FIX16K1 = 0x259,
    MSR_MTRR_FIX4K0 = 0x268,
    MSR_PAT = 0x277,
    MSR_MTRR_DEF_TYPE = 0x2ff,
    MSR_MC0_CTL = 0x400,
    MSR_U_CET = 0x6a0,
    MSR_S_CET = 0x6a2,
    MSR_PL0_SSP = 0x6a4,
    MSR_PL3_SSP = 0x6a7,
    MSR_INTERRUPT_SSP_TABLE = 0x6a8,
    MSR_PKRS = 0x6e1,
    MSR_XSS = 0xda0,
    MSR_EFER = 0xc0000080u,
    MSR_STAR = 0xc0000081u,
    MSR_LSTAR = 0xc0000082u,
    MSR_CSTAR = 0xc0000083u,
    MSR_SFMASK = 0xc0000084u,
    MSR_FS_BASE = 0xc0000100u,
    MSR_GS_BASE = 0xc0000101u,
    MSR_KERNEL_GS_BASE = 0xc0000102u,
    MSR_TSC_AUX = 0xc0000103u,
};

#define FEATURE_CONTROL_LOCKED (1u << 0)
#define FEATURE_CONTROL_VMXON (1u << 2)

#define N_MC_BANKS 10u

uint64_t
x86_read_tsc(X86State *s)
{
    struct timespec ts;
    uint64_t base;

    if (s->hooks && s->hooks->read_tsc) {
        base = s->hooks->read_tsc(s);
    } else {
        clock_gettime(CLOCK_MONOTONIC, &ts);
        base = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
    }
    return base + s->tsc_offset;
}

/* As the code that runs sees it. */
static uint64_t
read_own_tsc(X86State *s)
{
    uint64_t tsc = x86_read_tsc(s);

    return G_UNLIKELY(s->virt != NULL) ? s->virt->get_tsc(s, tsc) : tsc;
}

static void
set_tsc_adjust(X86State *s, uint64_t v)
{
    s->tsc_offset += v - s->tsc_adjust;
    s->tsc_adjust = v;
    if (s->hooks && s->hooks->tsc_changed) {
        s->hooks->tsc_changed(s);
    }
}

/* The state field behind a plain MSR, or NULL. */
static uint64_t *
plain_msr(X86State *s, uint32_t index)
{
    if (index >= MSR_MTRR_PHYSBASE0 && index < MSR_MTRR_PHYSBASE0 + 16) {
        return &s->mtrr_var[index - MSR_MTRR_PHYSBASE0];
    }
    if (index >= MSR_MTRR_FIX4K0 && index < MSR_MTRR_FIX4K0 + 8) {
        return &s->mtrr_fixed[3 + index - MSR_MTRR_FIX4K0];
    }
    if (index >= MSR_MC0_CTL && index < MSR_MC0_CTL + 4 * N_MC_BANKS) {
        return &s->mc_banks[index - MSR_MC0_CTL];
    }
    switch (index) {
    case MSR_FEATURE_CONTROL:
        return &s->feature_control;
    case MSR_SYSENTER_CS:
        return &s->sysenter_cs;
    case MSR_SYSENTER_ESP:
        return &s->sysenter_esp;
    case MSR_SYSENTER_EIP:
        return &s->sysenter_eip;
    case MSR_MCG_STATUS:
        return &s->mcg_status;
    case MSR_MCG_CTL:
        return &s->mcg_ctl;
    case MSR_MISC_ENABLE:
        return &s->misc_enable;
    case MSR_DEBUGCTL:
        return &s->debugctl;
    case MSR_LAST_BRANCH_FROM:
        return &s->br_from;
    case MSR_LAST_BRANCH_TO:
        return &s->br_to;
    case MSR_LAST_INT_FROM:
        return &s->exc_from;
    case MSR_LAST_INT_TO:
        return &s->exc_to;
    case MSR_MTRR_FIX64K:
        return &s->mtrr_fixed[0];
    case MSR_MTRR_FIX16K0:
        return &s->mtrr_fixed[1];
    case MSR_MTRR_FIX16K1:
        return &s->mtrr_fixed[2];
    case MSR_PAT:
        return &s->pat;
    case MSR_MTRR_DEF_TYPE:
        return &s->mtrr_def_type;
    case MSR_STAR:
        return &s->star;
    case MSR_SFMASK:
        return &s->sfmask;
    case MSR_TSC_AUX:
        return &s->tsc_aux;
    case MSR_LSTAR:
        return &s->lstar;
    case MSR_CSTAR:
        return &s->cstar;
    case MSR_KERNEL_GS_BASE:
        return &s->kernel_gs_base;
    case MSR_FS_BASE:
        return x86_seg_base(s, X86_FS);
    case MSR_GS_BASE:
        return x86_seg_base(s, X86_GS);
    case MSR_XSS:
        return &s->xss;
    case MSR_PKRS:
        return &s->pkrs;
    case MSR_TSX_CTRL:
        return &s->tsx_ctrl;
    case MSR_U_CET:
        return &s->u_cet;
    case MSR_S_CET:
        return &s->s_cet;
    case MSR_PL0_SSP ... MSR_PL0_SSP + 2:
        return &s->pl_ssp[index - MSR_PL0_SSP];
    case MSR_PL3_SSP:
        return &s->pl3_ssp;
    case MSR_INTERRUPT_SSP_TABLE:
        return &s->interrupt_ssp_table;
    }
    return NULL;
}

/*
 * MSRs that exist on the CPUs whose family numbers the models carry, but hold nothing here: they read
 * as 0 and ignore writes.  Operating systems read them without a fault handler.
 */
static bool
inert_msr(uint32_t index)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x17, 0x17},             /* PLATFORM_ID */
        {0x2a, 0x2c},             /* EBL_CR_POWERON and bus frequency */
        {0x34, 0x34},             /* SMI_COUNT */
        {0xc1, 0xc4},             /* performance counters */
        {0xcd, 0xce},             /* FSB_FREQ, PLATFORM_INFO */
        {0x119, 0x119},           /* BBL_CR_CTL */
        {0x11e, 0x11e},           /* BBL_CR_CTL3 */
        {0x140, 0x140},           /* MISC_FEATURES_ENABLES */
        {0x186, 0x189},           /* performance event select */
        {0x198, 0x19d},           /* P-state status, clock modulation, thermal */
        {0x1c9, 0x1c9},           /* last branch record stack */
        {0x606, 0x606},           /* RAPL_POWER_UNIT */
        {0xc0010000u, 0xc0010007u}, /* K7 performance counters */
        {0xc0010010u, 0xc0010010u}, /* SYSCFG */
        {0xc0010015u, 0xc001001du}, /* HWCR, IORRs, TOP_MEM, TOP_MEM2 */
        {0xc001001fu, 0xc001001fu}, /* NB_CFG */
        {0xc0010055u, 0xc0010055u}, /* interrupt pending message */
        {0xc0010058u, 0xc0010058u}, /* MMIO configuration base */
        {0xc0010111u, 0xc0010117u}, /* SMM base and mask, VM_CR, VM_HSAVE_PA */
        {0xc0010140u, 0xc0010141u}, /* OS visible work-arounds */
        {0xc0011020u, 0xc001102du}, /* LS_CFG ... DE_CFG */
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(ranges); i++) {
        if (index >= ranges[i].first && index <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

static bool
msr_exists(X86State *s, uint32_t index)
{
    switch (index) {
    case MSR_LSTAR:
    case MSR_CSTAR:
    case MSR_SFMASK:
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
        return x86_has_feature(s, X86_FEAT_LM);
    case MSR_TSC_AUX:
        return x86_has_feature(s, X86_FEAT_RDTSCP) || x86_has_feature(s, X86_FEAT_RDPID);
    case MSR_PKRS:
        return x86_has_feature(s, X86_FEAT_PKS);
    case MSR_XSS:
        return (s->features[X86_CPUID_D_1_EAX] & 8) != 0;
    case MSR_TSX_CTRL:
        return x86_has_feature(s, X86_FEAT_TSX_CTRL);
    case MSR_U_CET:
    case MSR_S_CET:
        return x86_has_feature(s, X86_FEAT_CET_SS) || x86_has_feature(s, X86_FEAT_CET_IBT);
    case MSR_PL0_SSP ... MSR_PL3_SSP:
        return x86_has_feature(s, X86_FEAT_CET_SS);
    case MSR_INTERRUPT_SSP_TABLE:
        return x86_has_feature(s, X86_FEAT_CET_SS) && x86_has_feature(s, X86_FEAT_LM);
    }
    return true;
}

bool
x86_read_msr(X86State *s, uint32_t index, uint64_t *value)
{
    uint64_t v = 0, *p = plain_msr(s, index);
    X86MsrResult r = s->hooks && s->hooks->rdmsr ? s->hooks->rdmsr(s, index, &v) : X86_MSR_NOT_MINE;

    if (r == X86_MSR_NOT_MINE) {
        r = x86_svm_rdmsr(s, index, &v);
    }
    if (r == X86_MSR_NOT_MINE) {
        r = x86_vmx_rdmsr(s, index, &v);
    }
    if (r != X86_MSR_NOT_MINE) {
        if (r == X86_MSR_FAULT) {
            return false;
        }
    } else if (p && msr_exists(s, index)) {
        v = *p;
    } else {
        switch (index) {
        case MSR_TSC:
            v = read_own_tsc(s);
            break;
        case MSR_TSC_ADJUST:
            v = s->tsc_adjust;
            break;
        case MSR_APIC_BASE:
            v = s->apic_base;
            break;
        case MSR_BIOS_SIGN_ID:
            v = UINT64_C(1) << 32;
            break;
        case MSR_MTRRCAP:
            v = 8 | 1u << 8 | 1u << 10;
            break;
        case MSR_MCG_CAP:
            v = N_MC_BANKS | 1u << 8;
            break;
        case MSR_EFER:
            v = s->efer;
            break;
        default:
            if (!inert_msr(index)) {
                return false;
            }
        }
    }
    *value = v;
    return true;
}

void
x86_exec_rdmsr(X86State *s, const X86Insn *insn)
{
    uint64_t v;

    (void)insn;
    x86_leave_to(s, X86_ELSEWHERE_APIC);
    if (!x86_read_msr(s, (uint32_t)X86_LOW(s, X86_RCX), &v)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    X86_LOW(s, X86_RAX) = (uint32_t)v;
    X86_LOW(s, X86_RDX) = v >> 32;
}

uint64_t
x86_efer_allowed(const X86State *s)
{
    uint64_t allowed = 0;

    if (x86_has_feature(s, X86_FEAT_SYSCALL)) {
        allowed |= X86_EFER_SCE;
    }
    if (x86_has_feature(s, X86_FEAT_LM)) {
        allowed |= X86_EFER_LME | X86_EFER_LMA;
    }
    if (x86_has_feature(s, X86_FEAT_NX)) {
        allowed |= X86_EFER_NXE;
    }
    if (x86_has_feature(s, X86_FEAT_FXSR_OPT)) {
        allowed |= X86_EFER_FFXSR;
    }
    if (x86_has_feature(s, X86_FEAT_SVM) && !s->vmx.on) {
        allowed |= X86_EFER_SVME; /* one extension at a time */
    }
    return allowed;
}

static bool
write_efer(X86State *s, uint64_t v)
{
    uint64_t changed = v ^ s->efer;

    if ((v & ~x86_efer_allowed(s)) || ((changed & v & X86_EFER_SVME) && x86_svm_disabled(s)) || ((changed & X86_EFER_LME) && (s->cr0 & X86_CR0_PG))) {
        return false;
    }
    s->efer = (v & ~(uint64_t)X86_EFER_LMA) | (s->efer & X86_EFER_LMA);
    if (changed & X86_EFER_NXE) {
        x86_flush_all(s);
    }
    return true;
}

/* AMD: LBR, BTF, pins. Intel: also trace messages, branch trace stores and what freezes. */
uint64_t
x86_debugctl_allowed(const X86State *s)
{
    return s->intel ? 0xdfff : 0x3f;
}

static bool
is_mtrr_type(unsigned type)
{
    return type < 7 && type != 2 && type != 3;
}

bool
x86_pat_is_valid(uint64_t pat)
{
    for (unsigned i = 0; i < 8; i++) {
        unsigned type = pat >> (8 * i) & 0xff;

        if (type > 7 || type == 2 || type == 3) {
            return false;
        }
    }
    return true;
}

/* Reserved bits and types of MTRRs (SDM 3A 12.11.2). */
static bool
mtrr_value_valid(X86State *s, uint32_t index, uint64_t v)
{
    if (index == MSR_MTRR_DEF_TYPE) {
        return is_mtrr_type(v & 0xff) && !(v & ~UINT64_C(0xcff));
    }
    if (index >= MSR_MTRR_PHYSBASE0 && index < MSR_MTRR_PHYSBASE0 + 16) {
        return !(v & ~s->phys_mask) && ((index & 1) ? !(v & 0x7ff) : is_mtrr_type(v & 0xff) && !(v & 0xf00));
    }
    for (unsigned i = 0; i < 8; i++) {
        if (!is_mtrr_type(v >> (8 * i) & 0xff)) {
            return false;
        }
    }
    return true;
}

bool
x86_write_msr(X86State *s, uint32_t index, uint64_t v)
{
    uint64_t *p = plain_msr(s, index);
    X86MsrResult r;

    switch (index) {
    case MSR_MTRR_PHYSBASE0 ... MSR_MTRR_PHYSBASE0 + 15:
    case MSR_MTRR_FIX64K:
    case MSR_MTRR_FIX16K0:
    case MSR_MTRR_FIX16K1:
    case MSR_MTRR_FIX4K0 ... MSR_MTRR_FIX4K0 + 7:
    case MSR_MTRR_DEF_TYPE:
        if (!mtrr_value_valid(s, index, v)) {
            return false;
        }
        break;
    case MSR_FEATURE_CONTROL:
        /* Locked; or, where it has a function, more than VMX outside of SMX is asked for. */
        if ((s->feature_control & FEATURE_CONTROL_LOCKED) ||
            (x86_has_feature(s, X86_FEAT_VMX) && (v & ~(uint64_t)(FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMXON)))) {
            return false;
        }
        break;
    case MSR_U_CET:
    case MSR_S_CET:
        if (!x86_cet_settings_valid(s, v)) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        break;
    case MSR_PL0_SSP ... MSR_PL3_SSP:
        if (!x86_cet_ssp_valid(s, v)) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        break;
    case MSR_PKRS:
        if (v >> 32) {
            return false;
        }
        break;
    case MSR_DEBUGCTL:
        if (v & ~x86_debugctl_allowed(s)) {
            return false;
        }
        break;
    case MSR_TSX_CTRL:
        if (v & ~(uint64_t)(X86_TSX_CTRL_RTM_DISABLE | X86_TSX_CTRL_CPUID_CLEAR)) {
            return false;
        }
        break;
    case MSR_XSS:
        if (v & ~x86_xss_supported(s)) {
            return false;
        }
        break;
    case MSR_MC0_CTL ... MSR_MC0_CTL + 4 * N_MC_BANKS - 1:
        /* STATUS: can only be cleared. CTL: all events or none (SDM vol. 3, 17.3.2.1); Linux leaves out bit 0 or 10 where
         * an erratum of the processor asks for it, and AMD's take that. */
        if (((index & 3) == 0 && v != 0 && (v | 1 | 1 << 10) != ~UINT64_C(0)) || ((index & 3) == 1 && v != 0)) {
            return false;
        }
        break;
    case MSR_LSTAR:
    case MSR_CSTAR:
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
    case MSR_SYSENTER_ESP:
    case MSR_SYSENTER_EIP:
    case MSR_INTERRUPT_SSP_TABLE:
        if (!x86_canonical_base(s, v)) {
            return false;
        }
        break;
    case MSR_SFMASK:
    case MSR_TSC_AUX:
        v = (uint32_t)v;
        break;
    case MSR_PAT:
        if (!x86_pat_is_valid(v)) {
            return false;
        }
        break;
    }
    r = s->hooks && s->hooks->wrmsr ? s->hooks->wrmsr(s, index, v) : X86_MSR_NOT_MINE;
    if (r == X86_MSR_NOT_MINE) {
        r = x86_svm_wrmsr(s, index, v);
    }
    if (r != X86_MSR_NOT_MINE) {
        if (r == X86_MSR_FAULT) {
            return false;
        }
    } else if (p && msr_exists(s, index)) {
        *p = v;
    } else {
        switch (index) {
        case MSR_TSC:
            set_tsc_adjust(s, s->tsc_adjust + v - x86_read_tsc(s));
            break;
        case MSR_TSC_ADJUST:
            set_tsc_adjust(s, v);
            break;
        case MSR_APIC_BASE:
            s->apic_base = v;
            break;
        case MSR_BIOS_SIGN_ID:
        case 0x79: /* microcode update trigger */
            break;
        case MSR_EFER:
            if (!write_efer(s, v)) {
                return false;
            }
            break;
        default:
            if (!inert_msr(index)) {
                return false;
            }
        }
    }
    if (index == MSR_PKRS && (s->cr4 & X86_CR4_PKS)) {
        x86_flush_all(s);
    }
    x86_update_mode(s);
    return true;
}

void
x86_exec_wrmsr(X86State *s, const X86Insn *insn)
{
    (void)insn;
    x86_leave_to(s, X86_ELSEWHERE_APIC);
    if (!x86_write_msr(s, (uint32_t)X86_LOW(s, X86_RCX), (uint32_t)X86_LOW(s, X86_RAX) | X86_LOW(s, X86_RDX) << 32)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
}

static void
check_tsc(X86State *s)
{
    if ((s->cr4 & X86_CR4_TSD) && s->cpl != 0) {
        x86_raise(s, X86_EXC_GP, 0);
    }
}

void
x86_exec_rdtsc(X86State *s, const X86Insn *insn)
{
    uint64_t v;

    (void)insn;
    check_tsc(s);
    v = read_own_tsc(s);
    X86_LOW(s, X86_RAX) = (uint32_t)v;
    X86_LOW(s, X86_RDX) = v >> 32;
}

void
x86_exec_rdtscp(X86State *s, const X86Insn *insn)
{
    x86_exec_rdtsc(s, insn);
    X86_LOW(s, X86_RCX) = (uint32_t)s->tsc_aux;
}

void
x86_exec_rdpid(X86State *s, const X86Insn *insn)
{
    x86_set_gpr(s, insn->op[0].reg, (uint32_t)s->tsc_aux, 8);
}

void
x86_exec_rdpmc(X86State *s, const X86Insn *insn)
{
    /* The four that every processor of AMD's has do not count, and Intel's say in CPUID that there are none. */
    (void)insn;
    if (s->intel || (uint32_t)X86_LOW(s, X86_RCX) > 3 || (!(s->cr4 & X86_CR4_PCE) && s->cpl != 0)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    X86_LOW(s, X86_RAX) = X86_LOW(s, X86_RDX) = 0;
}

void
x86_exec_rdrand(X86State *s, const X86Insn *insn)
{
    uint64_t v = (uint64_t)g_random_int() << 32 | g_random_int();

    x86_write_operand(s, insn, 0, v);
    s->cc = X86_CF;
}

/* Used when the system half gives no model: the feature words under a neutral name. */
void
x86_cpuid_default(X86State *s, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    const uint32_t *f = s->features;

    memset(out, 0, 4 * sizeof(uint32_t));
    switch (leaf) {
    case 0:
        out[0] = 7;
        memcpy(&out[1], "Auth", 4);
        memcpy(&out[3], "enti", 4);
        memcpy(&out[2], "cAMD", 4);
        break;
    case 1:
        out[0] = 0xf61;
        out[1] = s->apic_id << 24 | 8 << 8;
        out[2] = f[X86_CPUID_1_ECX];
        out[3] = f[X86_CPUID_1_EDX];
        break;
    case 7:
        if (subleaf == 0) {
            out[1] = f[X86_CPUID_7_EBX];
            out[2] = f[X86_CPUID_7_ECX];
            out[3] = f[X86_CPUID_7_EDX];
        }
        break;
    case 0x80000000u:
        out[0] = 0x80000008u;
        break;
    case 0x80000001u:
        out[2] = f[X86_CPUID_80000001_ECX];
        out[3] = f[X86_CPUID_80000001_EDX];
        break;
    case 0x80000008u:
        out[0] = (48u << 8) | (uint32_t)__builtin_popcountll(s->phys_mask);
        break;
    }
}

void
x86_exec_cpuid(X86State *s, const X86Insn *insn)
{
    uint32_t r[4], leaf = (uint32_t)X86_LOW(s, X86_RAX), sub = (uint32_t)X86_LOW(s, X86_RCX);

    (void)insn;
    if (s->hooks && s->hooks->cpuid) {
        s->hooks->cpuid(s, leaf, sub, r);
    } else {
        x86_cpuid_default(s, leaf, sub, r);
    }
    X86_LOW(s, X86_RAX) = r[0];
    X86_LOW(s, X86_RBX) = r[1];
    X86_LOW(s, X86_RCX) = r[2];
    X86_LOW(s, X86_RDX) = r[3];
}
