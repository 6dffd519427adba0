/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What VMX can do here, and how its MSRs say so (SDM volume 3, appendix A): feature words of the model, each bit a control that
 * may be 1, cut down to what is carried out and to what the rest of CPUID has.
 */

#include "x86-vmx.h"

enum {
    MSR_VMX_BASIC = 0x480,
    MSR_VMX_PIN = 0x481,
    MSR_VMX_PROC = 0x482,
    MSR_VMX_EXIT = 0x483,
    MSR_VMX_ENTRY = 0x484,
    MSR_VMX_MISC = 0x485,
    MSR_VMX_CR0_FIXED0 = 0x486,
    MSR_VMX_CR0_FIXED1 = 0x487,
    MSR_VMX_CR4_FIXED0 = 0x488,
    MSR_VMX_CR4_FIXED1 = 0x489,
    MSR_VMX_ENUM = 0x48a,
    MSR_VMX_PROC2 = 0x48b,
    MSR_VMX_EPT_VPID = 0x48c,
    MSR_VMX_TRUE_PIN = 0x48d,
    MSR_VMX_TRUE_PROC = 0x48e,
    MSR_VMX_TRUE_EXIT = 0x48f,
    MSR_VMX_TRUE_ENTRY = 0x490,
};

/* Reserved bits that are 1 (appendix A.2 to A.5), and those of them that the "true" MSRs set free. */
static const struct {
    uint16_t word;
    uint32_t default1, freed, offered;
} groups[X86_VMX_N_GROUPS] = {
    [X86_VMX_PIN] = {X86_MSR_VMX_PIN, 0x16, 0, VMX_PIN_OFFERED},
    [X86_VMX_PROC] = {X86_MSR_VMX_PROC, 0x0401e172, VMX_PROC_CR3_LOAD | VMX_PROC_CR3_STORE, VMX_PROC_OFFERED},
    [X86_VMX_PROC2] = {X86_MSR_VMX_PROC2, 0, 0, VMX_PROC2_OFFERED},
    [X86_VMX_EXIT] = {X86_MSR_VMX_EXIT, 0x36dff, VMX_EXIT_SAVE_DEBUG, VMX_EXIT_OFFERED},
    [X86_VMX_ENTRY] = {X86_MSR_VMX_ENTRY, 0x11ff, VMX_ENTRY_LOAD_DEBUG, VMX_ENTRY_OFFERED},
};

/* Controls that are there only with a feature of CPUID's. */
static const struct {
    uint16_t group, feature;
    uint32_t control;
} needs[] = {
    {X86_VMX_PROC2, X86_FEAT_RDTSCP, VMX_PROC2_RDTSCP},
    {X86_VMX_PROC2, X86_FEAT_RDRAND, VMX_PROC2_RDRAND},
    {X86_VMX_PROC2, X86_FEAT_RDSEED, VMX_PROC2_RDSEED},
    {X86_VMX_PROC2, X86_FEAT_INVPCID, VMX_PROC2_INVPCID},
    {X86_VMX_PROC2, X86_FEAT_XSAVES, VMX_PROC2_XSAVES},
    {X86_VMX_EXIT, X86_FEAT_LM, VMX_EXIT_HOST_64},
    {X86_VMX_ENTRY, X86_FEAT_LM, VMX_ENTRY_GUEST_64},
};

X86VmxAllowed
x86_vmx_allowed(const X86State *s, X86VmxGroup group)
{
    uint32_t offered = groups[group].offered & s->features[groups[group].word];
    uint32_t must = (groups[group].default1 & ~groups[group].freed) | (groups[group].freed & ~offered);

    for (unsigned i = 0; i < G_N_ELEMENTS(needs); i++) {
        if (needs[i].group == group && !x86_has_feature(s, needs[i].feature)) {
            offered &= ~needs[i].control;
        }
    }
    if (group == X86_VMX_PROC2) {
        if (!(s->features[X86_MSR_VMX_PROC] & VMX_PROC_SECONDARY)) {
            offered = 0;
        }
        if (!(offered & VMX_PROC2_EPT)) {
            offered &= ~(VMX_PROC2_UNRESTRICTED | VMX_PROC2_PML | VMX_PROC2_MBEC);
        }
        if (!(x86_vmx_ept_vpid(s) & VMX_EPT_AD)) {
            offered &= ~VMX_PROC2_PML;
        }
        if (!(x86_vmx_misc(s) & VMX_MISC_WRITE_ALL)) {
            offered &= ~VMX_PROC2_SHADOW_VMCS;
        }
    }
    return (X86VmxAllowed){must, must | offered};
}

uint32_t
x86_vmx_misc(const X86State *s)
{
    return VMX_MISC_TIMER_SHIFT | VMX_MISC_CR3_TARGETS << 16 | (VMX_MISC_OFFERED & s->features[X86_MSR_VMX_MISC]);
}

/* Nothing of EPT and VPID where there is no control for them. */
uint64_t
x86_vmx_ept_vpid(const X86State *s)
{
    uint32_t word = s->features[X86_MSR_VMX_PROC] & VMX_PROC_SECONDARY ? s->features[X86_MSR_VMX_PROC2] : 0;
    uint32_t ept = word & VMX_PROC2_EPT ? VMX_EPT_OFFERED & s->features[X86_MSR_VMX_EPT] : 0;
    uint32_t vpid = word & VMX_PROC2_VPID ? VMX_VPID_OFFERED & s->features[X86_MSR_VMX_VPID] : 0;

    return ept | (uint64_t)vpid << 32;
}

uint32_t
x86_vmx_basic_high(const X86State *s)
{
    enum { REGION_SIZE = 4096, WRITE_BACK = 6 << 18 };

    return REGION_SIZE | WRITE_BACK | (VMX_BASIC_OFFERED & s->features[X86_MSR_VMX_BASIC]);
}

/* What a processor without unrestricted guests demands of CR0, and of CR4. */
#define CR0_FIXED (X86_CR0_PE | X86_CR0_NE | X86_CR0_PG)
#define CR4_FIXED X86_CR4_VMXE

uint64_t
x86_vmx_cr0_wrong(const X86State *s, uint64_t value, bool unrestricted)
{
    uint64_t fixed = unrestricted ? X86_CR0_NE : CR0_FIXED;

    (void)s;
    return (~value & fixed) | (value & ~(uint64_t)UINT32_MAX);
}

uint64_t
x86_vmx_cr4_wrong(const X86State *s, uint64_t value)
{
    return (~value & CR4_FIXED) | (value & ~x86_cr4_allowed(s));
}

static uint64_t
group_msr(const X86State *s, X86VmxGroup group, bool is_true)
{
    X86VmxAllowed a = x86_vmx_allowed(s, group);
    uint32_t must = a.must | (is_true ? 0 : groups[group].default1);

    return must | (uint64_t)a.may << 32;
}

static uint64_t
capability(const X86State *s, uint32_t index)
{
    enum { HIGHEST_INDEX = VMX_TSC_MULTIPLIER & 0x3fe };

    switch (index) {
    case MSR_VMX_BASIC:
        return VMX_REVISION | (uint64_t)x86_vmx_basic_high(s) << 32;
    case MSR_VMX_PIN:
    case MSR_VMX_TRUE_PIN:
        return group_msr(s, X86_VMX_PIN, index == MSR_VMX_TRUE_PIN);
    case MSR_VMX_PROC:
    case MSR_VMX_TRUE_PROC:
        return group_msr(s, X86_VMX_PROC, index == MSR_VMX_TRUE_PROC);
    case MSR_VMX_EXIT:
    case MSR_VMX_TRUE_EXIT:
        return group_msr(s, X86_VMX_EXIT, index == MSR_VMX_TRUE_EXIT);
    case MSR_VMX_ENTRY:
    case MSR_VMX_TRUE_ENTRY:
        return group_msr(s, X86_VMX_ENTRY, index == MSR_VMX_TRUE_ENTRY);
    case MSR_VMX_PROC2:
        return group_msr(s, X86_VMX_PROC2, true);
    case MSR_VMX_MISC:
        return x86_vmx_misc(s);
    case MSR_VMX_CR0_FIXED0:
        return CR0_FIXED;
    case MSR_VMX_CR0_FIXED1:
        return UINT32_MAX;
    case MSR_VMX_CR4_FIXED0:
        return CR4_FIXED;
    case MSR_VMX_CR4_FIXED1:
        return x86_cr4_allowed(s);
    case MSR_VMX_ENUM:
        return HIGHEST_INDEX;
    default:
        return x86_vmx_ept_vpid(s);
    }
}

X86MsrResult
x86_vmx_rdmsr(X86State *s, uint32_t index, uint64_t *value)
{
    if (!x86_has_feature(s, X86_FEAT_VMX) || index < MSR_VMX_BASIC || index > MSR_VMX_TRUE_ENTRY) {
        return X86_MSR_NOT_MINE;
    }
    if (index >= MSR_VMX_TRUE_PIN && !(x86_vmx_basic_high(s) & VMX_BASIC_TRUE)) {
        return X86_MSR_FAULT;
    }
    if (index == MSR_VMX_PROC2 && !(x86_vmx_allowed(s, X86_VMX_PROC).may & VMX_PROC_SECONDARY)) {
        return X86_MSR_FAULT;
    }
    if (index == MSR_VMX_EPT_VPID && !(x86_vmx_allowed(s, X86_VMX_PROC2).may & (VMX_PROC2_EPT | VMX_PROC2_VPID))) {
        return X86_MSR_FAULT;
    }
    *value = capability(s, index);
    return X86_MSR_DONE;
}
