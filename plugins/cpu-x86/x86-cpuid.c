/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * CPUID: which features a model has, which of them the translator offers, and what each leaf says
 * (SDM 2A "CPUID", APM 3 appendix E).
 */

#include "x86-cpu.h"
#include "x86-vmx.h"

#include <emu/log.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

const char *const x86_feature_names[X86_N_FEATURE_WORDS][32] = {
#define X86_FEATURE_NAMES(word, ...) [word] = {__VA_ARGS__},
#include "x86-features.inc"
#undef X86_FEATURE_NAMES
};

/* How messages name a word, and how far CPUID must reach for it: the limit of leaf 0, or of 80000000H or C0000000H. */
static const struct {
    const char *name;
    uint32_t reach;
} x86_feature_words[X86_N_FEATURE_WORDS] = {
    [X86_CPUID_1_EDX] = {"CPUID.01H:EDX", 1},
    [X86_CPUID_1_ECX] = {"CPUID.01H:ECX", 1},
    [X86_CPUID_7_EBX] = {"CPUID.07H:EBX", 7},
    [X86_CPUID_7_ECX] = {"CPUID.07H:ECX", 7},
    [X86_CPUID_7_EDX] = {"CPUID.07H:EDX", 7},
    [X86_CPUID_7_1_EAX] = {"CPUID.07H:EAX", 7},
    [X86_CPUID_80000001_EDX] = {"CPUID.80000001H:EDX", 0x80000001},
    [X86_CPUID_80000001_ECX] = {"CPUID.80000001H:ECX", 0x80000001},
    [X86_CPUID_80000007_EDX] = {"CPUID.80000007H:EDX", 0x80000007},
    [X86_CPUID_80000008_EBX] = {"CPUID.80000008H:EBX", 0x80000008},
    [X86_CPUID_D_1_EAX] = {"CPUID.0DH:EAX", 0xd},
    [X86_CPUID_6_EAX] = {"CPUID.06H:EAX", 6},
    [X86_CPUID_8000000A_EDX] = {"CPUID.8000000AH:EDX", 0x8000000a},
    [X86_CPUID_7_1_EDX] = {"CPUID.07H:EDX", 7},
    [X86_CPUID_7_2_EDX] = {"CPUID.07H:EDX", 7},
    [X86_CPUID_14_ECX] = {"CPUID.14H:ECX", 0x14},
    [X86_CPUID_24_EBX] = {"CPUID.24H:EBX", 0x24},
    [X86_CPUID_80000007_EBX] = {"CPUID.80000007H:EBX", 0x80000007},
    [X86_CPUID_80000021_EAX] = {"CPUID.80000021H:EAX", 0x80000021},
    [X86_CPUID_80000022_EAX] = {"CPUID.80000022H:EAX", 0x80000022},
    [X86_CPUID_C0000001_EDX] = {"CPUID.C0000001H:EDX", 0xc0000001},
    [X86_ARCH_CAPABILITIES] = {"MSR(10AH)", 7},
    [X86_ARCH_CAPABILITIES_HIGH] = {"MSR(10AH), upper half", 7},
    [X86_CORE_CAPABILITY] = {"MSR(CFH)", 7},
    [X86_CPUID_KVM_EAX] = {"CPUID.40000001H:EAX", 0},
    [X86_CPUID_KVM_EDX] = {"CPUID.40000001H:EDX", 0},
    [X86_MSR_VMX_PIN] = {"MSR(481H)", 1},
    [X86_MSR_VMX_PROC] = {"MSR(482H)", 1},
    [X86_MSR_VMX_PROC2] = {"MSR(48BH)", 1},
    [X86_MSR_VMX_EXIT] = {"MSR(483H)", 1},
    [X86_MSR_VMX_ENTRY] = {"MSR(484H)", 1},
    [X86_MSR_VMX_MISC] = {"MSR(485H)", 1},
    [X86_MSR_VMX_EPT] = {"MSR(48CH)", 1},
    [X86_MSR_VMX_VPID] = {"MSR(48CH), upper half", 1},
    [X86_MSR_VMX_BASIC] = {"MSR(480H), upper half", 1},
};

#define F(name) (1u << (X86_FEAT_##name & 31))

#define F_ACPI (1u << 22)
#define F_SS (1u << 27)
#define F_HTT (1u << 28)
#define F_MMXEXT (1u << 22)
#define F_CMP_LEGACY (1u << 1)
#define F_OSPKE (1u << 4)
#define F_ARAT (1u << 2)
#define F_AVX10 (1u << 19)
#define F_INTEL_PT (1u << 25)
/* IA32_ARCH_CAPABILITIES: what software need not guard against here, and that there is IA32_TSX_CTRL. Not IBRS_ALL, which is about another MSR. */
#define ARCH_CAPABILITIES (1u << 0 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | F(TSX_CTRL) | 1u << 8 | 7u << 13 | 1u << 20 | 1u << 24 | 3u << 26)

/* What the interpreter and the translator carry out. */
#define X86_SUPPORTED_WORDS \
    [X86_CPUID_1_EDX] = F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) | F(MCE) | F(CX8) | F(APIC) | F(SEP) | \
                        F(MTRR) | F(PGE) | F(MCA) | F(CMOV) | F(PAT) | F(PSE36) | F(CLFLUSH) | F(MMX) | F(FXSR) | \
                        F(SSE) | F(SSE2) | F_ACPI | F_SS, \
    [X86_CPUID_1_ECX] = F(XSAVE) | F(AVX) | F(FMA) | F(F16C) | \
                        F(SSE3) | F(PCLMULQDQ) | F(MONITOR) | F(VMX) | F(SSSE3) | F(CX16) | F(SSE41) | F(SSE42) | F(MOVBE) | \
                        F(POPCNT) | F(AES) | F(RDRAND) | F(HYPERVISOR) | F(PCID) | F(X2APIC) | \
                        F(TSC_DEADLINE), \
    [X86_CPUID_7_EBX] = F(BMI1) | F(BMI2) | F(ADX) | F(AVX2) | \
                        F(FSGSBASE) | F(TSC_ADJUST) | F(INVPCID) | F(SMEP) | F(ERMS) | F(RDSEED) | F(SMAP) | F(CLFLUSHOPT) | \
                        F(CLWB) | F(SHA) | F(HLE) | F(RTM), \
    [X86_CPUID_7_1_EAX] = F(AVX_VNNI), \
    [X86_CPUID_D_1_EAX] = F(XSAVEOPT) | F(XSAVEC) | F(XGETBV1) | F(XSAVES), \
    [X86_CPUID_7_ECX] = F(GFNI) | F(VAES) | F(VPCLMULQDQ) | F(MOVDIRI) | F(MOVDIR64B) | \
                        F(RDPID) | F(UMIP) | F(PKU) | F(LA57) | F(PKS) | F(CET_SS), \
    [X86_CPUID_80000001_EDX] = F(SYSCALL) | F(NX) | F_MMXEXT | F(FXSR_OPT) | F(PDPE1GB) | F(RDTSCP) | \
                               F(LM), \
    [X86_CPUID_80000001_ECX] = F(LAHF_LM) | F(SVM) | F(CR8_LEGACY) | F(ABM) | F(PREFETCHW) | F(SSE4A), \
    [X86_CPUID_80000008_EBX] = F(CLZERO) | F(WBNOINVD), \
    [X86_CPUID_6_EAX] = F_ARAT, \
    [X86_CPUID_8000000A_EDX] = F(NPT) | F(LBRV) | F(SVM_LOCK) | F(NRIP_SAVE) | F(TSC_SCALE) | F(VMCB_CLEAN) | F(FLUSHBYASID) | \
                               F(DECODEASSISTS) | F(PAUSE_FILTER) | F(PFTHRESHOLD) | F(V_VMSAVE_VMLOAD) | F(VGIF) | \
                               F(VNMI) | F(SVME_ADDR_CHK), \
    [X86_CPUID_7_EDX] = F(CET_IBT) | F(ARCH_CAPABILITIES) | F(CORE_CAPABILITY), \
    [X86_ARCH_CAPABILITIES] = ARCH_CAPABILITIES, \
    [X86_ARCH_CAPABILITIES_HIGH] = 1u << 30, \
    [X86_MSR_VMX_PIN] = VMX_PIN_OFFERED, \
    [X86_MSR_VMX_PROC] = VMX_PROC_OFFERED, \
    [X86_MSR_VMX_PROC2] = VMX_PROC2_OFFERED, \
    [X86_MSR_VMX_EXIT] = VMX_EXIT_OFFERED, \
    [X86_MSR_VMX_ENTRY] = VMX_ENTRY_OFFERED, \
    [X86_MSR_VMX_MISC] = VMX_MISC_OFFERED, \
    [X86_MSR_VMX_EPT] = VMX_EPT_OFFERED, \
    [X86_MSR_VMX_VPID] = VMX_VPID_OFFERED, \
    [X86_MSR_VMX_BASIC] = VMX_BASIC_OFFERED
static const uint32_t x86_supported[X86_N_FEATURE_WORDS] = {X86_SUPPORTED_WORDS};

/* What of it the host's CPU itself executes: offered only where it does. */
static const uint32_t x86_from_host[X86_N_FEATURE_WORDS] = {
    [X86_CPUID_1_ECX] = F(SSE3) | F(PCLMULQDQ) | F(SSSE3) | F(FMA) | F(SSE41) | F(SSE42) | F(AES) | F(AVX) | F(F16C),
    [X86_CPUID_7_EBX] = F(AVX2) | F(SHA),
    [X86_CPUID_7_ECX] = F(GFNI) | F(VAES) | F(VPCLMULQDQ),
    [X86_CPUID_7_1_EAX] = F(AVX_VNNI),
    [X86_CPUID_80000001_ECX] = F(SSE4A),
};

static uint32_t
x86_offered(unsigned word)
{
    return x86_supported[word] & (~x86_from_host[word] | x86_host_features()[word]);
}

/* Extensions of AVX-512. */
#define AVX512_EBX (1u << 17 | 1u << 21 | 7u << 26 | 3u << 30)
#define AVX512_ECX (1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14)
#define AVX512_EDX (3u << 2 | 1u << 8 | 1u << 23)
#define AVX512_BF16 (1u << 5)

/* A feature that is off takes those with it that cannot be used without it. */
static const struct {
    uint16_t from;
    uint16_t word;
    uint32_t bits;
} x86_dependencies[] = {
    {X86_FEAT_XSAVE, X86_CPUID_1_ECX, F(AVX)},
    {X86_FEAT_XSAVE, X86_CPUID_D_1_EAX, UINT32_MAX},
    {X86_FEAT_AVX, X86_CPUID_1_ECX, F(FMA) | F(F16C)},
    {X86_FEAT_XSAVE, X86_CPUID_7_EBX, F(MPX)},
    {X86_FEAT_XSAVE, X86_CPUID_7_EDX, F(AMX_TILE)},
    {X86_FEAT_AVX, X86_CPUID_7_EBX, F(AVX2) | F(AVX512F)},
    {X86_FEAT_AVX512F, X86_CPUID_7_EBX, AVX512_EBX},
    {X86_FEAT_AVX512F, X86_CPUID_7_ECX, AVX512_ECX},
    {X86_FEAT_AVX512F, X86_CPUID_7_EDX, AVX512_EDX},
    {X86_FEAT_AVX512F, X86_CPUID_7_1_EAX, AVX512_BF16},
    {X86_FEAT_AMX_TILE, X86_CPUID_7_EDX, 1u << 22 | 1u << 25},
    {X86_FEAT_AVX, X86_CPUID_7_ECX, F(VAES) | F(VPCLMULQDQ)},
    {X86_FEAT_AVX2, X86_CPUID_7_1_EAX, F(AVX_VNNI)},
    {X86_FEAT_SVM, X86_CPUID_8000000A_EDX, UINT32_MAX},
    {X86_FEAT_VMX, X86_MSR_VMX_PIN, UINT32_MAX},
    {X86_FEAT_VMX, X86_MSR_VMX_PROC, UINT32_MAX},
    {X86_FEAT_VMX, X86_MSR_VMX_PROC2, UINT32_MAX},
    {X86_FEAT_VMX, X86_MSR_VMX_EXIT, UINT32_MAX},
    {X86_FEAT_VMX, X86_MSR_VMX_ENTRY, UINT32_MAX},
    {X86_FEAT_VMX, X86_MSR_VMX_MISC, UINT32_MAX},
    {X86_FEAT_VMX, X86_MSR_VMX_EPT, UINT32_MAX},
    {X86_FEAT_VMX, X86_MSR_VMX_VPID, UINT32_MAX},
    {X86_FEAT_VMX, X86_MSR_VMX_BASIC, UINT32_MAX},
    {X86_FEAT_PAUSE_FILTER, X86_CPUID_8000000A_EDX, F(PFTHRESHOLD)},
    {X86_FEAT_ARCH_CAPABILITIES, X86_ARCH_CAPABILITIES, UINT32_MAX},
    {X86_FEAT_ARCH_CAPABILITIES, X86_ARCH_CAPABILITIES_HIGH, UINT32_MAX},
    {X86_FEAT_CORE_CAPABILITY, X86_CORE_CAPABILITY, UINT32_MAX},
};

static void
x86_cpuid_drop_dependent(uint32_t *features, const uint32_t *asked)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(x86_dependencies); i++) {
        uint16_t from = x86_dependencies[i].from;

        if (!(features[from >> 5] >> (from & 31) & 1)) {
            features[x86_dependencies[i].word] &= ~x86_dependencies[i].bits | asked[x86_dependencies[i].word];
        }
    }
}

/* Second names of features. */
const X86FeatureAlias x86_feature_aliases[] = {
    {"sse3", X86_FEAT_SSE3},   {"pclmuldq", X86_FEAT_PCLMULQDQ}, {"xd", X86_FEAT_NX},
    {"i64", X86_FEAT_LM},      {"ffxsr", X86_FEAT_FXSR_OPT},     {"sha", X86_FEAT_SHA},
    {"shstk", X86_FEAT_CET_SS}, {"ibt", X86_FEAT_CET_IBT},
    {NULL, X86_FEAT_NONE},
};


static bool
x86_cpuid_is_amd(const X86Cpu *cpu)
{
    return memcmp(cpu->vendor_text, "AuthenticAMD", 12) == 0 || memcmp(cpu->vendor_text, "HygonGenuine", 12) == 0;
}

/* ---- resolving -------------------------------------------------------------------------------------- */

static void
x86_cpuid_topology(X86Cpu *cpu)
{
    EmuSmp smp = emu_machine_get_smp(x86_cpu_get_machine(cpu));

    cpu->threads = MAX(smp.threads, 1);
    cpu->dies = MAX(smp.dies, 1);
    cpu->cores = MAX(smp.cores, 1) * cpu->dies;
    cpu->smt_bits = emu_x86_topology_get_bits(cpu->threads);
    cpu->die_core_bits = emu_x86_topology_get_bits(MAX(smp.cores, 1));
    cpu->core_bits = cpu->die_core_bits + emu_x86_topology_get_bits(cpu->dies);
    unsigned place = emu_cpu_get_index((EmuCpu *)cpu);

    cpu->thread_id = (int32_t)(place % MAX(smp.threads, 1));
    place /= MAX(smp.threads, 1);
    cpu->core_id = (int32_t)(place % MAX(smp.cores, 1));
    place /= MAX(smp.cores, 1);
    cpu->die_id = (int32_t)(place % MAX(smp.dies, 1));
    cpu->socket_id = (int32_t)(place / MAX(smp.dies, 1));
    if (cpu->apic_id == UINT32_MAX) {
        cpu->apic_id = emu_x86_topology_get_apic_id(smp, emu_cpu_get_index((EmuCpu *)cpu));
    }
}

static uint32_t
x86_host_phys_bits(void)
{
#if defined(__x86_64__)
    uint32_t a, b, c, d;

    if (__get_cpuid(0x80000008, &a, &b, &c, &d) && (a & 0xff) >= 36 && (a & 0xff) <= 52) {
        return a & 0xff;
    }
#endif
    return 40;
}

/* What the translator does not offer of the features that are asked for. */
static void
x86_cpuid_find_missing(const X86Cpu *cpu, uint32_t missing[X86_N_FEATURE_WORDS])
{
    for (unsigned word = 0; word < X86_N_FEATURE_WORDS; word++) {
        uint32_t allowed = x86_offered(word);

        if (word == X86_CPUID_80000001_EDX) {
            allowed |= X86_AMD_ALIASES;
        } else if (word == X86_CPUID_1_EDX) {
            allowed |= F_HTT; /* follows from the topology, asked for or not */
        } else if (word == X86_CPUID_80000001_ECX) {
            allowed |= F_CMP_LEGACY;
        }
        missing[word] = cpu->features[word] & ~allowed;
    }
}

/**
 * x86_cpuid_filter:
 * @missing: what @whose does not offer of the CPU's features
 *
 * Takes it away, with a message each (check), or refuses (enforce). x-force-features leaves all where it is.
 */
bool
x86_cpuid_filter(X86Cpu *cpu, const uint32_t missing[X86_N_FEATURE_WORDS], const char *whose, GError **error)
{
    /* One report per machine is enough: the first CPU speaks. */
    bool speak = (cpu->check || cpu->enforce) && emu_cpu_get_index((EmuCpu *)cpu) == 0;
    unsigned n = 0;

    for (unsigned word = 0; word < X86_N_FEATURE_WORDS; word++) {
        if (!cpu->force_features) {
            cpu->features[word] &= ~missing[word];
        }
        for (unsigned bit = 0; bit < 32; bit++) {
            if (!(missing[word] >> bit & 1)) {
                continue;
            }
            n++;
            if (speak) {
                const char *name = x86_feature_names[word][bit];
                emu_warn_report("%s doesn't support requested feature: %s%s%s [bit %u]", whose, x86_feature_words[word].name,
                                name ? "." : "", name ? name : "", bit);
            }
        }
    }
    if (n && cpu->enforce) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "%s doesn't support %u requested features and enforce is on", whose, n);
        return false;
    }
    return true;
}

static bool
x86_cpuid_phys_bits(X86Cpu *cpu, GError **error)
{
    bool lm = cpu->features[X86_CPUID_80000001_EDX] & F(LM);

    if (cpu->host_phys_bits && lm) {
        cpu->phys_bits = x86_host_phys_bits();
        if (cpu->host_phys_bits_limit) {
            cpu->phys_bits = MIN(cpu->phys_bits, cpu->host_phys_bits_limit);
        }
    }
    if (cpu->phys_bits == 0) {
        cpu->phys_bits = lm ? 40 : cpu->features[X86_CPUID_1_EDX] & F(PSE36) ? 36 : 32;
    }
    if (cpu->phys_bits < 32 || (!lm && cpu->phys_bits > 36)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "phys-bits is %u, expected 32 to %u",
                    cpu->phys_bits, lm ? 52 : 36);
        return false;
    }
    if (cpu->guest_phys_bits && (cpu->guest_phys_bits < 32 || cpu->guest_phys_bits > cpu->phys_bits)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "guest-phys-bits is %u, expected 32 to phys-bits, %u",
                    cpu->guest_phys_bits, cpu->phys_bits);
        return false;
    }
    return true;
}

/* Vendor, numbers and brand string: the properties', or else the model's. */
static bool
x86_cpuid_identity(X86Cpu *cpu, const X86Model *model, const char *vendor, GError **error)
{
    cpu->family = cpu->family == UINT32_MAX ? model->family : cpu->family;
    cpu->model = cpu->model == UINT32_MAX ? model->model : cpu->model;
    cpu->stepping = cpu->stepping == UINT32_MAX ? model->stepping : cpu->stepping;
    if (!cpu->vendor || !*cpu->vendor) {
        g_free(cpu->vendor);
        cpu->vendor = g_strdup(vendor);
    }
    if (*cpu->vendor && strlen(cpu->vendor) != sizeof(cpu->vendor_text)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "property 'vendor' is '%s', expected exactly 12 characters", cpu->vendor);
        return false;
    }
    memset(cpu->vendor_text, 0, sizeof(cpu->vendor_text));
    memcpy(cpu->vendor_text, cpu->vendor, strlen(cpu->vendor));
    if (!cpu->model_id) {
        cpu->model_id = g_strdup(model->model_id);
    }
    memset(cpu->model_text, 0, sizeof(cpu->model_text));
    memcpy(cpu->model_text, cpu->model_id, MIN(strlen(cpu->model_id), sizeof(cpu->model_text)));

    if (cpu->family > 0xff + 15 || cpu->model > 0xff || cpu->stepping > 15) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "family %u, model %u, stepping %u: expected at most 270, 255 and 15", cpu->family, cpu->model,
                    cpu->stepping);
        return false;
    }
    uint32_t base_family = MIN(cpu->family, 15);
    cpu->signature = (cpu->family - base_family) << 20 | (cpu->model >> 4) << 16 | base_family << 8 |
                     (cpu->model & 15) << 4 | cpu->stepping;
    return true;
}

/* What an accelerator's CPUs have or lack whatever their model, unless asked otherwise. */
static void
x86_cpuid_accel_defaults(uint32_t features[X86_N_FEATURE_WORDS], const EmuKvmVm *vm, bool vmx)
{
    if (!vm) {
        if (!vmx) { /* what runs guests in VM86 mode wants it */
            features[X86_CPUID_1_EDX] &= ~F(VME);
        }
        /* With vmx a model has all of it that there is. */
        for (unsigned word = X86_MSR_VMX_PIN; word <= X86_MSR_VMX_BASIC; word++) {
            features[word] = x86_offered(word);
        }
        return;
    }
    features[X86_CPUID_1_EDX] &= ~F_ACPI;
    features[X86_CPUID_1_ECX] &= ~F(MONITOR);
    features[X86_CPUID_80000001_ECX] &= ~F(SVM);
    features[X86_CPUID_KVM_EAX] |= x86_kvm_default_features(vm);
    if (vm->local_apics) {
        features[X86_CPUID_1_ECX] |= F(X2APIC);
    }
}

/* A feature whose leaf is out of reach raises the limit, so that asking for it suffices; a limit that was set stays. */
static void
x86_cpuid_limits(X86Cpu *cpu, const X86Model *model)
{
    uint32_t limits[3] = {
        cpu->min_level == UINT32_MAX ? model->level : cpu->min_level,
        cpu->min_xlevel == UINT32_MAX ? model->xlevel : cpu->min_xlevel,
        cpu->min_xlevel2,
    };
    const uint32_t *f = cpu->features;
    uint32_t func7 = f[X86_CPUID_7_2_EDX] ? 2 : f[X86_CPUID_7_1_EAX] | f[X86_CPUID_7_1_EDX] ? 1 : 0;

    for (unsigned word = 0; word < X86_N_FEATURE_WORDS; word++) {
        uint32_t reach = x86_feature_words[word].reach;

        if (f[word] && (cpu->full_cpuid_auto_level || word == X86_CPUID_7_EBX)) {
            uint32_t *limit = &limits[reach >= 0xc0000000u ? 2 : reach >= 0x80000000u ? 1 : 0];

            *limit = MAX(*limit, reach);
        }
    }
    if (cpu->full_cpuid_auto_level) {
        if (f[X86_CPUID_1_ECX] & F(XSAVE)) {
            limits[0] = MAX(limits[0], 0xd);
        }
        if ((f[X86_CPUID_7_EBX] & F_INTEL_PT) && cpu->intel_pt_auto_level) {
            limits[0] = MAX(limits[0], 0x14);
        }
        if (f[X86_CPUID_7_1_EDX] & F_AVX10) {
            limits[0] = MAX(limits[0], 0x24);
        }
        if (f[X86_CPUID_80000001_ECX] & F(SVM)) {
            limits[1] = MAX(limits[1], 0x8000000au);
        }
    }
    if (cpu->leaf_1f || (cpu->dies > 1 && !x86_cpuid_is_amd(cpu))) {
        limits[0] = MAX(limits[0], 0x1f);
    }
    cpu->min_level = limits[0];
    cpu->min_xlevel = limits[1];
    cpu->min_xlevel2 = limits[2];
    cpu->level = cpu->level == UINT32_MAX ? limits[0] : cpu->level;
    cpu->xlevel = cpu->xlevel == UINT32_MAX ? limits[1] : cpu->xlevel;
    cpu->xlevel2 = cpu->xlevel2 == UINT32_MAX ? limits[2] : cpu->xlevel2;
    cpu->level_func7 = cpu->level_func7 == UINT32_MAX ? func7 : cpu->level_func7;
}

/* Model and properties together, before it is known what can be offered. */
static bool
x86_cpuid_combine(X86Cpu *cpu, const EmuKvmVm *vm, GError **error)
{
    const X86CpuClass *cc = (X86CpuClass *)G_OBJECT_GET_CLASS(cpu);
    const X86Model *model = &cc->model;
    uint32_t own[X86_N_FEATURE_WORDS], asked[X86_N_FEATURE_WORDS];
    const char *vendor = model->vendor;

    if (!cc->has_model) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_ABSTRACT, "%s is not a CPU model",
                    emu_object_get_type_name(cpu));
        return false;
    }
    if (vm && cc->follows_host) {
        if (!x86_kvm_get_host_model(vm, &cpu->host_model, &cpu->host_texts, cpu->migratable, error)) {
            return false;
        }
        model = &cpu->host_model;
        vendor = model->vendor;
    } else if (cc->follows_host && !*model->vendor) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "CPU model 'host' requires KVM");
        return false;
    } else if (vm && *vendor) {
        if (!x86_kvm_get_host_vendor(vm, &cpu->host_texts, error)) {
            return false;
        }
        vendor = cpu->host_texts.vendor; /* instructions that differ between vendors are the host's */
    }
    if (!x86_cpuid_identity(cpu, model, vendor, error)) {
        return false;
    }
    memcpy(own, model->features, sizeof(own));
    if (!cc->follows_host && *model->vendor) {
        x86_cpuid_accel_defaults(own, vm, cpu->feature_on[X86_CPUID_1_ECX] & F(VMX));
    }
    for (unsigned word = 0; word < X86_N_FEATURE_WORDS; word++) {
        asked[word] = cpu->feature_on[word] & ~cpu->feature_off[word];
        cpu->features[word] = (own[word] | cpu->feature_on[word]) & ~cpu->feature_off[word];
    }
    x86_cpuid_drop_dependent(cpu->features, asked);
    cpu->features[X86_CPUID_KVM_EAX] &= ~(1u << 3); /* a second set of MSRs for the one clock */
    cpu->features[X86_CPUID_KVM_EAX] |= (cpu->features[X86_CPUID_KVM_EAX] & 1) << 3;
    cpu->caches = cpu->legacy_cache ? NULL : model->caches;
    cpu->leaf_1f |= model->leaf_1f != 0;
    if (cpu->avx10_version == 0) {
        cpu->avx10_version = model->avx10_version;
    }
    x86_cpuid_limits(cpu, model);
    return true;
}

/* Properties that are known, and cannot be what they say here. */
static bool
x86_cpuid_refuse(const X86Cpu *cpu, const EmuKvmVm *vm, GError **error)
{
    const X86Model *model = &((X86CpuClass *)G_OBJECT_GET_CLASS(cpu))->model;
    const struct {
        bool asked;
        const char *why;
    } refusals[] = {
        {cpu->lmce, "lmce: machine checks of one CPU alone are not modelled"},
        {cpu->fill_mtrr_mask, "fill-mtrr-mask: masks of variable MTRRs are kept as the guest wrote them"},
        {cpu->pmu && !vm, "pmu: the translator has no performance counters, expected -accel kvm"},
        {!cpu->legacy_cache && !model->caches && !cpu->host_cache_info, "legacy-cache=off: the model has no caches of its own"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++) {
        if (refusals[i].asked) {
            g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, refusals[i].why);
            return false;
        }
    }
    return true;
}

/**
 * x86_cpuid_expand:
 * @missing: (out): what cannot be offered of @cpu's features
 *
 * Identity, limits and features of a CPU that is not realized, as they would be on @machine.
 */
bool
x86_cpuid_expand(X86Cpu *cpu, EmuMachine *machine, uint32_t missing[X86_N_FEATURE_WORDS], GError **error)
{
    const EmuKvmVm *vm = emu_kvm_get_vm(machine);

    cpu->dies = 1;
    if (!x86_cpuid_combine(cpu, vm, error)) {
        return false;
    }
    if (vm) {
        return x86_kvm_find_missing(cpu, vm, missing, error);
    }
    x86_cpuid_find_missing(cpu, missing);
    return true;
}

bool
x86_cpuid_resolve(X86Cpu *cpu, GError **error)
{
    const EmuKvmVm *vm = emu_kvm_get_vm(x86_cpu_get_machine(cpu));
    uint32_t missing[X86_N_FEATURE_WORDS];

    x86_cpuid_topology(cpu);
    if (!x86_cpuid_combine(cpu, vm, error) || !x86_cpuid_refuse(cpu, vm, error)) {
        return false;
    }
    /* KVM has features of its own, and looks at them when it makes the vCPU. */
    if (!vm) {
        x86_cpuid_find_missing(cpu, missing);
        if (!x86_cpuid_filter(cpu, missing, "TCG", error)) {
            return false;
        }
    }
    uint32_t *ext = &cpu->features[X86_CPUID_80000001_EDX];
    *ext &= ~X86_AMD_ALIASES;
    if (x86_cpuid_is_amd(cpu)) {
        *ext |= cpu->features[X86_CPUID_1_EDX] & X86_AMD_ALIASES;
    }
    if (!x86_cpuid_phys_bits(cpu, error)) {
        return false;
    }
    cpu->has_apic = cpu->features[X86_CPUID_1_EDX] & F(APIC);
    cpu->ucode_rev_asked = cpu->ucode_rev != 0;
    if (!cpu->ucode_rev_asked) {
        cpu->ucode_rev = x86_cpuid_is_amd(cpu) ? 0x01000065 : UINT64_C(1) << 32;
    }
    /* 255 addresses all of them; wider IDs need x2APIC. */
    if (cpu->apic_id > 254) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "CPU %u: apic-id is %u, expected at most 254", emu_cpu_get_index((EmuCpu *)cpu), cpu->apic_id);
        return false;
    }
    return true;
}

/* ---- max, host, base --------------------------------------------------------------------------------------------------- */

static void
x86_cpu_max_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    X86CpuClass *cc = klass;

    cc->model = (X86Model){
        .name = "max",
        .vendor = "AuthenticAMD",
        .family = 15,
        .model = 107,
        .stepping = 1,
        .level = 0xd,
        .xlevel = 0x8000000a,
        .model_id = "emu virtual CPU, all features",
    };
    for (unsigned word = 0; word < X86_N_FEATURE_WORDS; word++) {
        cc->model.features[word] = x86_offered(word);
    }
    /* Transactions that always abort are for who asks for them. */
    cc->model.features[X86_CPUID_7_EBX] &= ~(F(HLE) | F(RTM));
    cc->model.features[X86_ARCH_CAPABILITIES] &= ~F(TSX_CTRL);
    cc->model.features[X86_CPUID_1_ECX] &= ~F(VMX); /* its processor has AMD's: only when asked for */
    /* Hypervisors take it that a processor with these has IA32_SPEC_CTRL, and use returns that do not match the shadow stack where there is none. */
    cc->model.features[X86_CPUID_7_ECX] &= ~F(CET_SS);
    cc->model.features[X86_CPUID_7_EDX] &= ~F(CET_IBT);
    cc->has_model = cc->follows_host = true;
    x86_cpu_model_class_init(klass);
    x86_cpu_host_class_init(klass);
}

static void
x86_cpu_host_model_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    X86CpuClass *cc = klass;

    cc->model = (X86Model){.name = "host", .vendor = "", .model_id = ""};
    cc->has_model = cc->follows_host = true;
    x86_cpu_model_class_init(klass);
    x86_cpu_host_class_init(klass);
}

static void
x86_cpu_base_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    X86CpuClass *cc = klass;

    cc->model = (X86Model){.name = "base", .vendor = "", .model_id = ""};
    cc->has_model = true;
    x86_cpu_model_class_init(klass);
}

static const EmuTypeInfo x86_special_models[] = {
    {.name = "max-x86_64-cpu", .parent = X86_TYPE_CPU_NAME, .instance_init = x86_cpu_model_init, .class_init = x86_cpu_max_class_init,
     .description = "every feature that can be offered"},
    {.name = "host-x86_64-cpu", .parent = X86_TYPE_CPU_NAME, .instance_init = x86_cpu_model_init,
     .class_init = x86_cpu_host_model_class_init, .description = "what the host has (KVM only)"},
    {.name = "base-x86_64-cpu", .parent = X86_TYPE_CPU_NAME, .instance_init = x86_cpu_model_init, .class_init = x86_cpu_base_class_init,
     .description = "no feature at all"},
};

void
x86_special_models_register(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(x86_special_models); i++) {
        type_register_static(&x86_special_models[i]);
    }
}

/* ---- leaves ------------------------------------------------------------------------------------------- */

/* Leaf 0xb with a level for the die; SDM volume 2, CPUID. */
static void
x86_cpuid_extended_topology(const X86Cpu *cpu, uint32_t subleaf, uint32_t out[4])
{
    const uint32_t per_die = cpu->cores / cpu->dies * cpu->threads;
    const struct {
        uint32_t shift, logical, type;
    } levels[] = {
        {cpu->smt_bits, cpu->threads, 1},
        {cpu->smt_bits + cpu->die_core_bits, per_die, 2},
        {cpu->smt_bits + cpu->core_bits, cpu->cores * cpu->threads, 5},
    };

    unsigned n = cpu->dies == 1 ? 2 : 3; /* without dies to tell apart, as leaf 0xb */

    if (cpu->dies == 1 && !cpu->leaf_1f) {
        return;
    }
    out[2] = subleaf & 0xff;
    out[3] = cpu->apic_id;
    if (subleaf < n) {
        out[0] = levels[subleaf].shift;
        out[1] = levels[subleaf].logical & 0xffff;
        out[2] |= levels[subleaf].type << 8;
    }
}

static void
x86_cpuid_basic(const X86Cpu *cpu, X86State *s, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    uint32_t logical = cpu->cores * cpu->threads;

    switch (leaf) {
    case 0x0:
        out[0] = cpu->level;
        memcpy(&out[1], cpu->vendor_text, 4);
        memcpy(&out[3], cpu->vendor_text + 4, 4);
        memcpy(&out[2], cpu->vendor_text + 8, 4);
        break;
    case 0x1:
        out[0] = cpu->signature;
        out[1] = cpu->apic_id << 24 | 8u << 8; /* CLFLUSH: 64 bytes */
        out[2] = cpu->features[X86_CPUID_1_ECX];
        if (s->cr4 & X86_CR4_OSXSAVE) {
            out[2] |= F(OSXSAVE);
        }
        out[3] = cpu->features[X86_CPUID_1_EDX];
        if (!(s->apic_base & 1u << 11)) {
            out[3] &= ~F(APIC); /* switched off in IA32_APIC_BASE */
        }
        if (logical > 1) {
            out[1] |= MIN(logical, 255) << 16;
            out[3] |= F_HTT;
        }
        break;
    case 0x2: /* reserved on AMD processors */
    case 0x4:
        if (memcmp(cpu->vendor_text, "AuthenticAMD", 12) != 0 || !cpu->vendor_cpuid_only) {
            x86_cache_cpuid(cpu, leaf, subleaf, out);
        }
        break;
    case 0x5:
        out[2] = 3; /* interrupts break MWAIT even when masked */
        break;
    case 0x6:
        out[0] = cpu->features[X86_CPUID_6_EAX];
        break;
    case 0x7:
        if (subleaf == 0) {
            out[1] = cpu->features[X86_CPUID_7_EBX];
            if (s->tsx_ctrl & X86_TSX_CTRL_CPUID_CLEAR) {
                out[1] &= ~(F(HLE) | F(RTM));
            }
            out[2] = cpu->features[X86_CPUID_7_ECX];
            if (s->cr4 & X86_CR4_PKE) {
                out[2] |= F_OSPKE;
            }
            out[0] = cpu->level_func7;
            out[3] = cpu->features[X86_CPUID_7_EDX];
        } else if (subleaf > cpu->level_func7) {
            break;
        } else if (subleaf == 1) {
            out[0] = cpu->features[X86_CPUID_7_1_EAX];
            out[3] = cpu->features[X86_CPUID_7_1_EDX];
        } else if (subleaf == 2) {
            out[3] = cpu->features[X86_CPUID_7_2_EDX];
        }
        break;
    case 0xd:
        x86_xsave_cpuid(s, subleaf, out);
        break;
    case 0xb:
        if (!cpu->leaf_b) {
            break;
        }
        out[2] = subleaf & 0xff;
        out[3] = cpu->apic_id;
        if (subleaf == 0) {
            out[0] = cpu->smt_bits;
            out[1] = cpu->threads & 0xffff;
            out[2] |= 1 << 8;
        } else if (subleaf == 1) {
            out[0] = cpu->smt_bits + cpu->core_bits;
            out[1] = logical & 0xffff;
            out[2] |= 2 << 8;
        }
        break;
    case 0x1f:
        x86_cpuid_extended_topology(cpu, subleaf, out);
        break;
    case 0x24:
        if ((cpu->features[X86_CPUID_7_1_EDX] & F_AVX10) && subleaf == 0) {
            out[1] = cpu->features[X86_CPUID_24_EBX] | cpu->avx10_version;
        }
        break;
    default:
        break;
    }
}

static void
x86_cpuid_extended(const X86Cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    uint32_t logical = cpu->cores * cpu->threads;

    switch (leaf) {
    case 0x80000000:
        out[0] = cpu->xlevel;
        memcpy(&out[1], cpu->vendor_text, 4);
        memcpy(&out[3], cpu->vendor_text + 4, 4);
        memcpy(&out[2], cpu->vendor_text + 8, 4);
        break;
    case 0x80000001:
        out[0] = cpu->signature;
        out[2] = cpu->features[X86_CPUID_80000001_ECX];
        out[3] = cpu->features[X86_CPUID_80000001_EDX];
        /* Linux takes CMP_LEGACY on an Intel processor for "no hyper-threading at all". */
        if (logical > 1 && memcmp(cpu->vendor_text, "GenuineIntel", 12) != 0) {
            out[2] |= F_CMP_LEGACY;
        }
        break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004:
        memcpy(out, cpu->model_text + (leaf - 0x80000002) * 16, 16);
        break;
    case 0x80000005:
    case 0x80000006:
    case 0x8000001d:
        x86_cache_cpuid(cpu, leaf, subleaf, out);
        break;
    case 0x80000007:
        out[1] = cpu->features[X86_CPUID_80000007_EBX];
        out[3] = cpu->features[X86_CPUID_80000007_EDX];
        break;
    case 0x80000008:
        if (cpu->features[X86_CPUID_80000001_EDX] & F(LM)) {
            out[0] = (cpu->features[X86_CPUID_7_ECX] & F(LA57) ? 57u : 48u) << 8;
        }
        out[0] |= cpu->phys_bits | cpu->guest_phys_bits << 16;
        out[1] = cpu->features[X86_CPUID_80000008_EBX];
        if (logical > 1) {
            out[2] = (cpu->smt_bits + cpu->core_bits) << 12 | (MIN(logical, 256) - 1);
        }
        break;
    case 0x8000000a: /* revision 1, 16 ASIDs */
        if (cpu->features[X86_CPUID_80000001_ECX] & F(SVM)) {
            out[0] = 1;
            out[1] = 16;
            out[3] = cpu->features[X86_CPUID_8000000A_EDX];
        }
        break;
    case 0x80000021:
        out[0] = cpu->features[X86_CPUID_80000021_EAX];
        break;
    case 0x80000022:
        out[0] = cpu->features[X86_CPUID_80000022_EAX];
        break;
    case 0x8000001e:
        out[0] = cpu->apic_id;
        out[1] = (cpu->threads - 1) << 8 | (cpu->apic_id >> cpu->smt_bits & ((1u << cpu->core_bits) - 1));
        out[2] = cpu->apic_id >> (cpu->smt_bits + cpu->core_bits);
        break;
    default:
        break;
    }
}

/* The hypervisor's leaves under the translator; false: there are none. */
static bool
x86_cpuid_hypervisor(const X86Cpu *cpu, uint32_t leaf, uint32_t out[4])
{
    if (!cpu->tcg_cpuid || (leaf != 0x40000000 && leaf != 0x40000001)) {
        return false;
    }
    if (leaf == 0x40000000 && (cpu->features[X86_CPUID_1_ECX] & F(HYPERVISOR))) {
        out[0] = 0x40000001;
        memcpy(&out[1], "TCGTCGTCGTCG", 12); /* guests know this signature and expect no interface behind it */
    }
    return true;
}

void
x86_cpuid(X86State *s, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    const X86Cpu *cpu = s->owner;

    out[0] = out[1] = out[2] = out[3] = 0;
    if (leaf >= 0x80000000u && leaf <= cpu->xlevel) {
        x86_cpuid_extended(cpu, leaf, subleaf, out);
    } else if (leaf >= 0xc0000000u && leaf <= cpu->xlevel2) {
        if (leaf == 0xc0000000u) {
            out[0] = cpu->xlevel2;
        } else if (leaf == 0xc0000001u) {
            out[3] = cpu->features[X86_CPUID_C0000001_EDX];
        }
    } else if (!x86_cpuid_hypervisor(cpu, leaf, out)) {
        /* Out of range: the data of the highest basic leaf (SDM 2A). */
        x86_cpuid_basic(cpu, s, MIN(leaf, cpu->level), subleaf, out);
    }
}
