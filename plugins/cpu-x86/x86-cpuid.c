/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * CPUID: which features a model has, which of them the translator offers, and what each leaf says
 * (SDM 2A "CPUID", APM 3 appendix E).
 */

#include "x86-cpu.h"
#include "x86-insn.h"

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

/* How messages name a word. */
static const struct {
    uint32_t leaf;
    const char *reg;
} x86_feature_words[X86_N_FEATURE_WORDS] = {
    [X86_CPUID_1_EDX] = {0x01, "EDX"},
    [X86_CPUID_1_ECX] = {0x01, "ECX"},
    [X86_CPUID_7_EBX] = {0x07, "EBX"},
    [X86_CPUID_7_ECX] = {0x07, "ECX"},
    [X86_CPUID_7_EDX] = {0x07, "EDX"},
    [X86_CPUID_7_1_EAX] = {0x07, "EAX"},
    [X86_CPUID_80000001_EDX] = {0x80000001, "EDX"},
    [X86_CPUID_80000001_ECX] = {0x80000001, "ECX"},
    [X86_CPUID_80000007_EDX] = {0x80000007, "EDX"},
    [X86_CPUID_80000008_EBX] = {0x80000008, "EBX"},
    [X86_CPUID_D_1_EAX] = {0x0d, "EAX"},
    [X86_CPUID_6_EAX] = {0x06, "EAX"},
    [X86_CPUID_8000000A_EDX] = {0x8000000a, "EDX"},
};

#define F(name) (1u << (X86_FEAT_##name & 31))

#define F_ACPI (1u << 22)
#define F_SS (1u << 27)
#define F_HTT (1u << 28)
#define F_MMXEXT (1u << 22)
#define F_CMP_LEGACY (1u << 1)
#define F_OSPKE (1u << 4)
#define F_ARAT (1u << 2)

/* What the interpreter and the translator carry out. */
#define X86_SUPPORTED_WORDS \
    [X86_CPUID_1_EDX] = F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) | F(MCE) | F(CX8) | F(APIC) | F(SEP) | \
                        F(MTRR) | F(PGE) | F(MCA) | F(CMOV) | F(PAT) | F(PSE36) | F(CLFLUSH) | F(MMX) | F(FXSR) | \
                        F(SSE) | F(SSE2) | F_ACPI | F_SS, \
    [X86_CPUID_1_ECX] = F(XSAVE) | F(AVX) | F(FMA) | F(F16C) | \
                        F(SSE3) | F(PCLMULQDQ) | F(MONITOR) | F(SSSE3) | F(CX16) | F(SSE41) | F(SSE42) | F(MOVBE) | \
                        F(POPCNT) | F(AES) | F(RDRAND) | F(HYPERVISOR) | F(PCID) | F(X2APIC) | \
                        F(TSC_DEADLINE), \
    [X86_CPUID_7_EBX] = F(BMI1) | F(BMI2) | F(ADX) | F(AVX2) | \
                        F(FSGSBASE) | F(TSC_ADJUST) | F(INVPCID) | F(SMEP) | F(ERMS) | F(RDSEED) | F(SMAP) | F(CLFLUSHOPT) | \
                        F(CLWB) | F(SHA), \
    [X86_CPUID_7_1_EAX] = F(AVX_VNNI), \
    [X86_CPUID_D_1_EAX] = F(XSAVEOPT) | F(XSAVEC) | F(XGETBV1) | F(XSAVES), \
    [X86_CPUID_7_ECX] = F(GFNI) | F(VAES) | F(VPCLMULQDQ) | F(MOVDIRI) | F(MOVDIR64B) | \
                        F(RDPID) | F(UMIP) | F(PKU) | F(LA57) | F(PKS), \
    [X86_CPUID_80000001_EDX] = F(SYSCALL) | F(NX) | F_MMXEXT | F(FXSR_OPT) | F(PDPE1GB) | F(RDTSCP) | \
                               F(LM), \
    [X86_CPUID_80000001_ECX] = F(LAHF_LM) | F(SVM) | F(CR8_LEGACY) | F(ABM) | F(PREFETCHW) | F(SSE4A), \
    [X86_CPUID_80000008_EBX] = F(CLZERO) | F(WBNOINVD), \
    [X86_CPUID_6_EAX] = F_ARAT, \
    [X86_CPUID_8000000A_EDX] = F(NPT) | F(LBRV) | F(SVM_LOCK) | F(NRIP_SAVE) | F(VMCB_CLEAN) | F(FLUSHBYASID) | \
                               F(DECODEASSISTS) | F(PAUSE_FILTER) | F(PFTHRESHOLD) | F(V_VMSAVE_VMLOAD) | F(VGIF) | \
                               F(SVME_ADDR_CHK)
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

/* A feature that is off takes those with it that cannot be used without it. */
static const struct {
    uint16_t from;
    uint16_t word;
    uint32_t bits;
} x86_dependencies[] = {
    {X86_FEAT_XSAVE, X86_CPUID_1_ECX, F(AVX)},
    {X86_FEAT_XSAVE, X86_CPUID_D_1_EAX, UINT32_MAX},
    {X86_FEAT_AVX, X86_CPUID_1_ECX, F(FMA) | F(F16C)},
    {X86_FEAT_AVX, X86_CPUID_7_EBX, F(AVX2)},
    {X86_FEAT_AVX, X86_CPUID_7_ECX, F(VAES) | F(VPCLMULQDQ)},
    {X86_FEAT_AVX2, X86_CPUID_7_1_EAX, F(AVX_VNNI)},
    {X86_FEAT_SVM, X86_CPUID_8000000A_EDX, UINT32_MAX},
    {X86_FEAT_PAUSE_FILTER, X86_CPUID_8000000A_EDX, F(PFTHRESHOLD)},
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

static const X86Model x86_model_max = {
    .name = "max",
    .vendor = "AuthenticAMD",
    .family = 15,
    .model = 107,
    .stepping = 1,
    .level = 0xd,
    .xlevel = 0x8000000a,
    .model_id = "emu virtual CPU, all features",
    .features = {X86_SUPPORTED_WORDS},
};

const EmuTypeInfo x86_cpu_max_type_info = {
    .name = "max-x86_64-cpu",
    .parent = X86_TYPE_CPU_NAME,
    .class_init = x86_cpu_model_class_init,
    .class_data = &x86_model_max,
    .description = "every feature that can be offered",
};

static const X86Model x86_model_host = {.name = "host"};

const EmuTypeInfo x86_cpu_host_type_info = {
    .name = "host-x86_64-cpu",
    .parent = X86_TYPE_CPU_NAME,
    .class_init = x86_cpu_model_class_init,
    .class_data = &x86_model_host,
    .description = "what the host has (KVM only)",
};

/* Bits of 80000001H:EDX that AMD processors repeat from 1:EDX. */
#define X86_AMD_ALIASES 0x0183f3ffu

/* Second names of features. */
const X86FeatureAlias x86_feature_aliases[] = {
    {"sse3", X86_FEAT_SSE3},   {"pclmuldq", X86_FEAT_PCLMULQDQ}, {"xd", X86_FEAT_NX},
    {"i64", X86_FEAT_LM},      {"ffxsr", X86_FEAT_FXSR_OPT},     {"sha", X86_FEAT_SHA},
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

static bool
x86_cpuid_filter(X86Cpu *cpu, const uint32_t *asked, GError **error)
{
    /* One report per machine is enough: the first CPU speaks. */
    bool speak = cpu->check && emu_cpu_get_index((EmuCpu *)cpu) == 0;
    unsigned missing = 0;

    for (unsigned word = 0; word < X86_N_FEATURE_WORDS; word++) {
        uint32_t allowed = x86_offered(word);
        if (word == X86_CPUID_80000001_EDX) {
            allowed |= X86_AMD_ALIASES;
        } else if (word == X86_CPUID_1_EDX) {
            allowed |= F_HTT; /* follows from the topology, asked for or not */
        } else if (word == X86_CPUID_80000001_ECX) {
            allowed |= F_CMP_LEGACY;
        }
        uint32_t left_out = cpu->features[word] & ~allowed;
        cpu->features[word] &= allowed;
        for (unsigned bit = 0; bit < 32; bit++) {
            if (!(left_out >> bit & 1)) {
                continue;
            }
            missing++;
            if (speak || cpu->enforce) {
                const char *name = x86_feature_names[word][bit];
                emu_warn_report("TCG doesn't support requested feature: CPUID.%02XH:%s%s%s [bit %u]",
                                x86_feature_words[word].leaf, x86_feature_words[word].reg, name ? "." : "",
                                name ? name : "", bit);
            }
        }
    }
    if (missing && cpu->enforce) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                    "TCG doesn't support %u requested features and enforce is on", missing);
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
    }
    if (cpu->phys_bits == 0) {
        cpu->phys_bits = lm ? 40 : cpu->features[X86_CPUID_1_EDX] & F(PSE36) ? 36 : 32;
    }
    if (cpu->phys_bits < 32 || (!lm && cpu->phys_bits > 36)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "phys-bits is %u, expected 32 to %u",
                    cpu->phys_bits, lm ? 52 : 36);
        return false;
    }
    return true;
}

bool
x86_cpuid_resolve(X86Cpu *cpu, GError **error)
{
    const X86Model *model = ((X86CpuClass *)G_OBJECT_GET_CLASS(cpu))->model;
    const EmuKvmVm *vm = emu_kvm_get_vm(x86_cpu_get_machine(cpu));

    if (!model) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_ABSTRACT, "%s is not a CPU model",
                    emu_object_get_type_name(cpu));
        return false;
    }
    if (vm && (model == &x86_model_host || model == &x86_model_max)) {
        if (!x86_kvm_get_host_model(vm, &cpu->host_model, &cpu->host_texts, error)) {
            return false;
        }
        model = &cpu->host_model;
    } else if (model == &x86_model_host) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "CPU model 'host' requires KVM");
        return false;
    }
    cpu->family = cpu->family == UINT32_MAX ? model->family : cpu->family;
    cpu->model = cpu->model == UINT32_MAX ? model->model : cpu->model;
    cpu->stepping = cpu->stepping == UINT32_MAX ? model->stepping : cpu->stepping;
    cpu->level = cpu->level == UINT32_MAX ? model->level : cpu->level;
    cpu->xlevel = cpu->xlevel == UINT32_MAX ? model->xlevel : cpu->xlevel;

    const char *vendor = cpu->vendor && *cpu->vendor ? cpu->vendor : model->vendor;
    if (strlen(vendor) != sizeof(cpu->vendor_text)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "property 'vendor' is '%s', expected exactly 12 characters", vendor);
        return false;
    }
    memcpy(cpu->vendor_text, vendor, sizeof(cpu->vendor_text));
    const char *id = cpu->model_id ? cpu->model_id : model->model_id;
    memset(cpu->model_text, 0, sizeof(cpu->model_text));
    memcpy(cpu->model_text, id, MIN(strlen(id), sizeof(cpu->model_text)));

    if (cpu->family > 0xff + 15 || cpu->model > 0xff || cpu->stepping > 15) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "family %u, model %u, stepping %u: expected at most 270, 255 and 15", cpu->family, cpu->model,
                    cpu->stepping);
        return false;
    }
    uint32_t base_family = MIN(cpu->family, 15);
    cpu->signature = (cpu->family - base_family) << 20 | (cpu->model >> 4) << 16 | base_family << 8 |
                     (cpu->model & 15) << 4 | cpu->stepping;

    uint32_t asked[X86_N_FEATURE_WORDS];
    for (unsigned word = 0; word < X86_N_FEATURE_WORDS; word++) {
        uint32_t own = model == &x86_model_max ? x86_offered(word) : model->features[word];

        asked[word] = cpu->feature_on[word] & ~cpu->feature_off[word];
        cpu->features[word] = (own | cpu->feature_on[word]) & ~cpu->feature_off[word];
    }
    x86_cpuid_drop_dependent(cpu->features, asked);
    /* KVM has features of its own, and looks at them when it makes the vCPU. */
    if (!vm && !x86_cpuid_filter(cpu, asked, error)) {
        return false;
    }
    uint32_t *ext = &cpu->features[X86_CPUID_80000001_EDX];
    *ext &= ~X86_AMD_ALIASES;
    if (x86_cpuid_is_amd(cpu)) {
        *ext |= cpu->features[X86_CPUID_1_EDX] & X86_AMD_ALIASES;
    }
    /* A feature whose leaf is out of reach raises the limit, so that asking for it suffices. */
    if (cpu->features[X86_CPUID_7_EBX] | cpu->features[X86_CPUID_7_ECX] | cpu->features[X86_CPUID_7_EDX] |
        cpu->features[X86_CPUID_7_1_EAX]) {
        cpu->level = MAX(cpu->level, 7);
    }
    if (cpu->features[X86_CPUID_1_ECX] & F(XSAVE)) {
        cpu->level = MAX(cpu->level, 0xd);
    }
    if (cpu->features[X86_CPUID_6_EAX]) {
        cpu->level = MAX(cpu->level, 6);
    }
    if (cpu->features[X86_CPUID_80000001_EDX] | cpu->features[X86_CPUID_80000001_ECX]) {
        cpu->xlevel = MAX(cpu->xlevel, 0x80000001u);
    }
    if (cpu->features[X86_CPUID_80000001_ECX] & F(SVM)) {
        cpu->xlevel = MAX(cpu->xlevel, 0x8000000au);
    }
    if (!x86_cpuid_phys_bits(cpu, error)) {
        return false;
    }
    cpu->has_apic = cpu->features[X86_CPUID_1_EDX] & F(APIC);
    x86_cpuid_topology(cpu);
    if (cpu->dies > 1 && !x86_cpuid_is_amd(cpu)) {
        cpu->level = MAX(cpu->level, 0x1f);
    }
    /* 255 addresses all of them; wider IDs need x2APIC. */
    if (cpu->apic_id > 254) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "CPU %u: apic-id is %u, expected at most 254", emu_cpu_get_index((EmuCpu *)cpu), cpu->apic_id);
        return false;
    }
    return true;
}

/* ---- leaves ------------------------------------------------------------------------------------------- */

typedef struct {
    uint8_t type; /* 1 data, 2 instruction, 3 unified */
    uint8_t level;
    uint32_t ways, sets;
    uint32_t flags; /* leaf 4 EDX: 1 WBINVD not shared, 2 inclusive, 4 complex indexing */
} X86Cache;

/* 32 + 32 KiB, 4 MiB, 16 MiB; 64-byte lines. */
static const X86Cache x86_caches[4] = {
    {1, 1, 8, 64, 1},
    {2, 1, 8, 64, 1},
    {3, 2, 16, 4096, 1},
    {3, 3, 16, 16384, 2 | 4},
};

/* Zen: 32 + 64 KiB, 512 KiB, 8 MiB. */
static const X86Cache x86_caches_zen[4] = {
    {1, 1, 8, 64, 1},
    {2, 1, 4, 256, 1},
    {3, 2, 8, 1024, 0},
    {3, 3, 16, 8192, 2 | 4},
};

static bool
x86_cpuid_is_zen(const X86Cpu *cpu)
{
    return x86_cpuid_is_amd(cpu) && cpu->family >= 23;
}

static void
x86_cpuid_cache(const X86Cache *caches, const X86Cpu *cpu, uint32_t subleaf, uint32_t out[4], bool amd)
{
    if (subleaf >= 4) {
        return;
    }
    const X86Cache *c = &caches[subleaf];
    uint32_t sharing = c->level == 3 ? 1u << (cpu->smt_bits + cpu->die_core_bits) : c->level == 2 || amd ? cpu->threads : 1;

    out[0] = c->type | (uint32_t)c->level << 5 | 1u << 8 | (sharing - 1) << 14;
    if (!amd) {
        out[0] |= MIN((1u << cpu->core_bits) - 1, 63) << 26; /* addressable core IDs in the package */
    }
    out[1] = 63 | (c->ways - 1) << 22;
    out[2] = c->sets - 1;
    out[3] = c->flags;
}

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

    if (cpu->dies == 1) {
        return;
    }
    out[2] = subleaf & 0xff;
    out[3] = cpu->apic_id;
    if (subleaf < G_N_ELEMENTS(levels)) {
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
    case 0x2: /* 16 MiB L3; 32 KiB L1D, 32 KiB L1I, 2 MiB L2; reserved on AMD processors */
        if (!x86_cpuid_is_amd(cpu)) {
            out[0] = 1;
            out[2] = 0x4d;
            out[3] = 0x2c307d;
        }
        break;
    case 0x4:
        if (!x86_cpuid_is_amd(cpu)) {
            x86_cpuid_cache(x86_caches, cpu, subleaf, out, false);
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
            out[2] = cpu->features[X86_CPUID_7_ECX];
            if (s->cr4 & X86_CR4_PKE) {
                out[2] |= F_OSPKE;
            }
            out[0] = cpu->features[X86_CPUID_7_1_EAX] ? 1 : 0;
            out[3] = cpu->features[X86_CPUID_7_EDX];
        } else if (subleaf == 1) {
            out[0] = cpu->features[X86_CPUID_7_1_EAX];
        }
        break;
    case 0xd:
        x86_xsave_cpuid(s, subleaf, out);
        break;
    case 0xb:
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
    case 0x80000005: /* 64 + 64 KiB L1 (Zen: 32 + 64), 255-entry TLBs */
        out[0] = out[1] = 0x01ff01ff;
        out[2] = out[3] = 64u << 24 | 2u << 16 | 1u << 8 | 64;
        if (x86_cpuid_is_zen(cpu)) {
            out[2] = 32u << 24 | 8u << 16 | 1u << 8 | 64;
            out[3] = 64u << 24 | 4u << 16 | 1u << 8 | 64;
        }
        break;
    case 0x80000006: /* 512 KiB L2, 16 MiB L3 (Zen: 8), 512-entry 4-way TLBs */
        out[1] = 4u << 28 | 512u << 16 | 4u << 12 | 512;
        out[2] = 512u << 16 | (x86_cpuid_is_zen(cpu) ? 6u : 8u) << 12 | 1u << 8 | 64;
        out[3] = (x86_cpuid_is_zen(cpu) ? 16u : 32u) << 18 | 8u << 12 | 1u << 8 | 64;
        break;
    case 0x80000007:
        out[3] = cpu->features[X86_CPUID_80000007_EDX];
        break;
    case 0x80000008:
        if (cpu->features[X86_CPUID_80000001_EDX] & F(LM)) {
            out[0] = (cpu->features[X86_CPUID_7_ECX] & F(LA57) ? 57u : 48u) << 8;
        }
        out[0] |= cpu->phys_bits;
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
    case 0x8000001d:
        x86_cpuid_cache(x86_cpuid_is_zen(cpu) ? x86_caches_zen : x86_caches, cpu, subleaf, out, true);
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

void
x86_cpuid(X86State *s, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    const X86Cpu *cpu = s->owner;

    out[0] = out[1] = out[2] = out[3] = 0;
    if (leaf >= 0x80000000u && leaf <= cpu->xlevel) {
        x86_cpuid_extended(cpu, leaf, subleaf, out);
    } else if (leaf == 0x40000000 && cpu->features[X86_CPUID_1_ECX] & F(HYPERVISOR)) {
        out[0] = 0x40000001;
        memcpy(&out[1], "TCGTCGTCGTCG", 12); /* guests know this signature and expect no interface behind it */
    } else if (leaf == 0x40000001) {
        return;
    } else {
        /* Out of range: the data of the highest basic leaf (SDM 2A). */
        x86_cpuid_basic(cpu, s, MIN(leaf, cpu->level), subleaf, out);
    }
}
