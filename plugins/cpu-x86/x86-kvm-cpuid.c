/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* CPUID under KVM: what is offered, what each leaf says. */

#include "x86-kvm.h"

#include <emu/log.h>

#include <errno.h>
#include <asm/kvm_para.h>
#include <asm/prctl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define X86_KVM_MAX_CPUID 256

/* struct kvm_cpuid2 with room for its entries (a flexible array cannot stand inside another structure). */
typedef struct {
    struct {
        uint32_t nent, padding;
    } header;
    struct kvm_cpuid_entry2 entries[X86_KVM_MAX_CPUID];
} X86KvmCpuid;

G_STATIC_ASSERT(offsetof(X86KvmCpuid, entries) == offsetof(struct kvm_cpuid2, entries));

static const struct kvm_cpuid_entry2 *
x86_kvm_find_cpuid(const X86KvmCpuid *list, uint32_t function, uint32_t index)
{
    for (uint32_t i = 0; i < list->header.nent; i++) {
        if (list->entries[i].function == function && list->entries[i].index == index) {
            return &list->entries[i];
        }
    }
    return NULL;
}

/* Which word of a leaf is which feature word. */
static const struct {
    uint32_t function, index;
    unsigned reg; /* 0 eax ... 3 edx */
    unsigned word;
} x86_kvm_feature_leaves[] = {
    {1, 0, 3, X86_CPUID_1_EDX},
    {1, 0, 2, X86_CPUID_1_ECX},
    {7, 0, 1, X86_CPUID_7_EBX},
    {7, 0, 2, X86_CPUID_7_ECX},
    {7, 0, 3, X86_CPUID_7_EDX},
    {7, 1, 0, X86_CPUID_7_1_EAX},
    {6, 0, 0, X86_CPUID_6_EAX},
    {0xd, 1, 0, X86_CPUID_D_1_EAX},
    {0x80000007u, 0, 3, X86_CPUID_80000007_EDX},
    {0x80000008u, 0, 1, X86_CPUID_80000008_EBX},
    {0x80000001u, 0, 3, X86_CPUID_80000001_EDX},
    {0x80000001u, 0, 2, X86_CPUID_80000001_ECX},
    {0x8000000au, 0, 3, X86_CPUID_8000000A_EDX},
    {7, 1, 3, X86_CPUID_7_1_EDX},
    {7, 2, 3, X86_CPUID_7_2_EDX},
    {0x14, 0, 2, X86_CPUID_14_ECX},
    {0x24, 0, 1, X86_CPUID_24_EBX},
    {0x80000007u, 0, 1, X86_CPUID_80000007_EBX},
    {0x80000021u, 0, 0, X86_CPUID_80000021_EAX},
    {0x80000022u, 0, 0, X86_CPUID_80000022_EAX},
    {0xc0000001u, 0, 3, X86_CPUID_C0000001_EDX},
    {KVM_CPUID_FEATURES, 0, 0, X86_CPUID_KVM_EAX},
    {KVM_CPUID_FEATURES, 0, 3, X86_CPUID_KVM_EDX},
};

/* And which MSR. */
static const struct {
    uint32_t index;
    unsigned low, high; /* words; X86_N_FEATURE_WORDS: none */
} x86_kvm_feature_msrs[] = {
    {0x10a, X86_ARCH_CAPABILITIES, X86_ARCH_CAPABILITIES_HIGH},
    {0xcf, X86_CORE_CAPABILITY, X86_N_FEATURE_WORDS},
};

static uint32_t
x86_kvm_cpuid_register(const struct kvm_cpuid_entry2 *e, unsigned reg)
{
    const uint32_t values[4] = {e->eax, e->ebx, e->ecx, e->edx};

    return values[reg];
}

static bool
x86_kvm_get_supported(const EmuKvmVm *vm, X86KvmCpuid *supported, GError **error)
{
    memset(supported, 0, sizeof(*supported));
    supported->header.nent = X86_KVM_MAX_CPUID;
    if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, supported) != 0) {
        return x86_kvm_fail(error, "KVM_GET_SUPPORTED_CPUID");
    }
    return true;
}

/* Features of leaf 40000001H that are on unless asked otherwise. */
#define KVM_FEATURES_WANTED \
    (1u << KVM_FEATURE_CLOCKSOURCE | 1u << KVM_FEATURE_NOP_IO_DELAY | 1u << KVM_FEATURE_CLOCKSOURCE2 | 1u << KVM_FEATURE_ASYNC_PF | \
     1u << KVM_FEATURE_STEAL_TIME | 1u << KVM_FEATURE_PV_EOI | 1u << KVM_FEATURE_CLOCKSOURCE_STABLE_BIT)
/* These work on a local APIC that is the kernel's. */
#define KVM_FEATURES_OF_APIC \
    (1u << KVM_FEATURE_PV_EOI | 1u << KVM_FEATURE_PV_UNHALT | 1u << KVM_FEATURE_ASYNC_PF | 1u << KVM_FEATURE_ASYNC_PF_INT)

uint32_t
x86_kvm_default_features(const EmuKvmVm *vm)
{
    return vm->local_apics ? KVM_FEATURES_WANTED : KVM_FEATURES_WANTED & ~KVM_FEATURES_OF_APIC;
}

/* Row @i of the table, as this KVM has it. */
static uint32_t
x86_kvm_offered(const EmuKvmVm *vm, const X86KvmCpuid *supported, gsize i)
{
    const struct kvm_cpuid_entry2 *e =
        x86_kvm_find_cpuid(supported, x86_kvm_feature_leaves[i].function, x86_kvm_feature_leaves[i].index);
    uint32_t offered = e ? x86_kvm_cpuid_register(e, x86_kvm_feature_leaves[i].reg) : 0;

    switch (x86_kvm_feature_leaves[i].word) {
    case X86_CPUID_1_EDX:
        return offered | 1u << 9 | 1u << 28; /* a local APIC is there in any case; HTT follows from the topology */
    case X86_CPUID_1_ECX:
        offered |= 1u << 31; /* hypervisor */
        /* Kept by the local APIC behind MSRs that KVM does not pass to ours. */
        return vm->local_apics ? offered | 1u << 21 : offered & ~(1u << 21 | 1u << 24);
    case X86_CPUID_80000001_ECX:
        return offered | 1u << 1; /* CMP_LEGACY follows from the topology */
    case X86_CPUID_6_EAX:
        return offered | 1u << 2; /* ARAT: the timer never stops */
    case X86_CPUID_KVM_EAX:
        return vm->local_apics ? offered : offered & ~KVM_FEATURES_OF_APIC;
    case X86_CPUID_KVM_EDX:
        return 1u << KVM_HINTS_REALTIME; /* the user's word that vCPUs are never preempted */
    default:
        return offered;
    }
}

/* 0 when KVM does not tell. */
static uint64_t
x86_kvm_get_feature_msr(const EmuKvmVm *vm, uint32_t index)
{
    struct {
        struct kvm_msrs header;
        struct kvm_msr_entry entry;
    } msrs = {.header = {.nmsrs = 1}, .entry = {.index = index}};

    return ioctl(vm->kvm_fd, KVM_GET_MSRS, &msrs) == 1 ? msrs.entry.data : 0;
}

/* ---- components of XSAVE --------------------------------------------------------------------------------------- */

#define XSAVE_TILE_DATA 18

void
x86_kvm_ask_for_components(const EmuKvmVm *vm)
{
    uint64_t components = 0;
    struct kvm_device_attr attr = {.attr = KVM_X86_XCOMP_GUEST_SUPP, .addr = (uintptr_t)&components};

    /* What is refused does not show among the components either. */
    if (ioctl(vm->kvm_fd, KVM_GET_DEVICE_ATTR, &attr) == 0 && (components >> XSAVE_TILE_DATA & 1)) {
        syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_GUEST_PERM, XSAVE_TILE_DATA);
    }
}

/* What KVM says of a component that is as we know it, or NULL. */
static const struct kvm_cpuid_entry2 *
x86_kvm_find_component(const X86KvmCpuid *supported, const X86XsaveComponent *c)
{
    const struct kvm_cpuid_entry2 *all = x86_kvm_find_cpuid(supported, 0xd, c->supervisor), *e = x86_kvm_find_cpuid(supported, 0xd, c->bit);
    uint32_t mask = !all ? 0 : c->supervisor ? all->ecx : all->eax;

    return (mask >> c->bit & 1) && e && e->eax == c->size ? e : NULL;
}

bool
x86_kvm_find_components(const EmuKvmVm *vm, X86KvmArch *arch, GError **error)
{
    g_autofree X86KvmCpuid *supported = g_new0(X86KvmCpuid, 1);
    int size = ioctl(vm->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);

    if (!x86_kvm_get_supported(vm, supported, error)) {
        return false;
    }
    arch->get_xsave = size > (int)sizeof(struct kvm_xsave) ? KVM_GET_XSAVE2 : KVM_GET_XSAVE;
    arch->xsave_size = MAX(size, (int)sizeof(struct kvm_xsave));
    for (unsigned i = 0; i < X86_N_XSAVE_COMPONENTS; i++) {
        const X86XsaveComponent *c = &x86_xsave_components[i];
        const struct kvm_cpuid_entry2 *e = c->supervisor ? NULL : x86_kvm_find_component(supported, c);

        arch->xsave_at[i] = e && e->ebx <= arch->xsave_size - c->size ? e->ebx : 0;
    }
    return true;
}

/* Leaf DH: components that the CPU has, in the host's places. What depends on XCR0 and IA32_XSS is KVM's to say. */
static void
x86_kvm_add_xsave_leaves(X86State *s, X86KvmCpuid *list, const X86KvmCpuid *supported)
{
    uint64_t there = x86_xcr0_supported(s) | x86_xss_supported(s);
    uint32_t at, size = X86_XSAVE_YMM_HIGH, masks[2] = {3, 0};

    for (at = 0; at < list->header.nent && list->entries[at].function != 0xd; at++) {
    }
    if (at + 1 >= list->header.nent || !x86_has_feature(s, X86_FEAT_XSAVE)) {
        return;
    }
    for (unsigned i = 0; i < X86_N_XSAVE_COMPONENTS; i++) {
        const X86XsaveComponent *c = &x86_xsave_components[i];
        const struct kvm_cpuid_entry2 *e = x86_kvm_find_component(supported, c);

        if (!e || !(there >> c->bit & 1) || list->header.nent == X86_KVM_MAX_CPUID) {
            continue;
        }
        list->entries[list->header.nent++] = *e;
        masks[c->supervisor] |= 1u << c->bit;
        size = c->supervisor ? size : MAX(size, e->ebx + e->eax);
    }
    list->entries[at].eax = masks[0];
    list->entries[at].ebx = list->entries[at].ecx = size;
    list->entries[at + 1].ecx = masks[1];
}

/*
 * Features with registers that are not carried between KVM and the CPU's state (x86-kvm.c): FRED, APX.
 */
static const uint32_t x86_kvm_not_carried[X86_N_FEATURE_WORDS] = {
    [X86_CPUID_7_1_EAX] = 1u << 17,
    [X86_CPUID_7_1_EDX] = 1u << 21,
};

/* Features that need a component. */
static const struct {
    uint8_t component;
    uint16_t word;
    uint32_t bits;
} x86_kvm_users_of_components[] = {
    {2, X86_CPUID_1_ECX, 1u << 12 | 1u << 28 | 1u << 29},
    {2, X86_CPUID_7_EBX, 1u << 5},
    {3, X86_CPUID_7_EBX, 1u << 14},
    {5, X86_CPUID_7_EBX, 1u << 16 | 1u << 17 | 1u << 21 | 7u << 26 | 3u << 30},
    {5, X86_CPUID_7_ECX, 1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14},
    {5, X86_CPUID_7_EDX, 3u << 2 | 1u << 8 | 1u << 23},
    {5, X86_CPUID_7_1_EAX, 1u << 5},
    {5, X86_CPUID_7_1_EDX, 1u << 19},
    {5, X86_CPUID_24_EBX, UINT32_MAX},
    {9, X86_CPUID_7_ECX, 1u << 3},
    {11, X86_CPUID_7_ECX, 1u << 7},
    {11, X86_CPUID_7_EDX, 1u << 20},
    {12, X86_CPUID_7_ECX, 1u << 7},
    {18, X86_CPUID_7_EDX, 1u << 22 | 3u << 24},
    {18, X86_CPUID_7_1_EAX, 1u << 21},
    {18, X86_CPUID_7_1_EDX, 1u << 8},
    {18, X86_CPUID_D_1_EAX, 1u << 4},
};

static void
x86_kvm_remove_users(const X86KvmCpuid *supported, uint32_t offered[X86_N_FEATURE_WORDS])
{
    for (gsize i = 0; i < G_N_ELEMENTS(x86_kvm_users_of_components); i++) {
        for (unsigned j = 0; j < X86_N_XSAVE_COMPONENTS; j++) {
            const X86XsaveComponent *c = &x86_xsave_components[j];

            if (c->bit == x86_kvm_users_of_components[i].component && !x86_kvm_find_component(supported, c)) {
                offered[x86_kvm_users_of_components[i].word] &= ~x86_kvm_users_of_components[i].bits;
            }
        }
    }
}

/* Every word, as this KVM has it and we can take it. */
static void
x86_kvm_offer(const EmuKvmVm *vm, const X86KvmCpuid *supported, uint32_t offered[X86_N_FEATURE_WORDS])
{
    memset(offered, 0, X86_N_FEATURE_WORDS * sizeof(*offered));
    for (gsize i = 0; i < G_N_ELEMENTS(x86_kvm_feature_leaves); i++) {
        offered[x86_kvm_feature_leaves[i].word] = x86_kvm_offered(vm, supported, i);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(x86_kvm_feature_msrs); i++) {
        uint64_t value = x86_kvm_get_feature_msr(vm, x86_kvm_feature_msrs[i].index);

        offered[x86_kvm_feature_msrs[i].low] = (uint32_t)value;
        if (x86_kvm_feature_msrs[i].high < X86_N_FEATURE_WORDS) {
            offered[x86_kvm_feature_msrs[i].high] = (uint32_t)(value >> 32);
        }
    }
    for (unsigned word = 0; word < X86_N_FEATURE_WORDS; word++) {
        offered[word] &= ~x86_kvm_not_carried[word];
    }
    x86_kvm_remove_users(supported, offered);
}

static void
x86_kvm_subtract(const X86Cpu *cpu, const EmuKvmVm *vm, const X86KvmCpuid *supported, uint32_t missing[X86_N_FEATURE_WORDS])
{
    uint32_t offered[X86_N_FEATURE_WORDS];

    x86_kvm_offer(vm, supported, offered);
    for (unsigned word = 0; word < X86_N_FEATURE_WORDS; word++) {
        missing[word] = cpu->features[word] & ~offered[word];
    }
    missing[X86_CPUID_80000001_EDX] &= ~X86_AMD_ALIASES; /* follow from leaf 1 */
}

bool
x86_kvm_find_missing(const X86Cpu *cpu, const EmuKvmVm *vm, uint32_t missing[X86_N_FEATURE_WORDS], GError **error)
{
    g_autofree X86KvmCpuid *supported = g_new0(X86KvmCpuid, 1);

    if (!x86_kvm_get_supported(vm, supported, error)) {
        return false;
    }
    x86_kvm_subtract(cpu, vm, supported, missing);
    return true;
}

/* ---- the host's own model ------------------------------------------------------------------------------------------ */

static void
x86_kvm_copy_text(char *text, const struct kvm_cpuid_entry2 *e)
{
    const uint32_t words[4] = {e->eax, e->ebx, e->ecx, e->edx};

    memcpy(text, words, sizeof(words));
}

static bool
x86_kvm_copy_vendor(X86HostTexts *texts, const X86KvmCpuid *supported, GError **error)
{
    const struct kvm_cpuid_entry2 *basic = x86_kvm_find_cpuid(supported, 0, 0);

    if (!basic) {
        errno = ENODATA;
        return x86_kvm_fail(error, "KVM_GET_SUPPORTED_CPUID");
    }
    *texts = (X86HostTexts){0};
    memcpy(texts->vendor, &basic->ebx, 4);
    memcpy(texts->vendor + 4, &basic->edx, 4);
    memcpy(texts->vendor + 8, &basic->ecx, 4);
    return true;
}

bool
x86_kvm_get_host_vendor(const EmuKvmVm *vm, X86HostTexts *texts, GError **error)
{
    g_autofree X86KvmCpuid *supported = g_new0(X86KvmCpuid, 1);

    return x86_kvm_get_supported(vm, supported, error) && x86_kvm_copy_vendor(texts, supported, error);
}

/**
 * x86_kvm_get_host_model:
 * @model: filled in; its texts are in @texts
 * @migratable: without what another host could not take over
 *
 * What this KVM offers as a model of its own.
 */
bool
x86_kvm_get_host_model(const EmuKvmVm *vm, X86Model *model, X86HostTexts *texts, bool migratable, GError **error)
{
    g_autofree X86KvmCpuid *supported = g_new0(X86KvmCpuid, 1);
    const struct kvm_cpuid_entry2 *basic, *signature, *extended;

    if (!x86_kvm_get_supported(vm, supported, error) || !x86_kvm_copy_vendor(texts, supported, error)) {
        return false;
    }
    basic = x86_kvm_find_cpuid(supported, 0, 0);
    signature = x86_kvm_find_cpuid(supported, 1, 0);
    extended = x86_kvm_find_cpuid(supported, 0x80000000u, 0);
    if (!signature) {
        errno = ENODATA;
        return x86_kvm_fail(error, "KVM_GET_SUPPORTED_CPUID");
    }
    for (unsigned i = 0; i < 3; i++) {
        const struct kvm_cpuid_entry2 *e = x86_kvm_find_cpuid(supported, 0x80000002u + i, 0);

        if (e) {
            x86_kvm_copy_text(texts->id + 16 * i, e);
        }
    }
    *model = (X86Model){
        .name = "host",
        .vendor = texts->vendor,
        .family = (signature->eax >> 8 & 15) + ((signature->eax >> 8 & 15) == 15 ? signature->eax >> 20 & 0xff : 0),
        .model = (signature->eax >> 4 & 15) | (signature->eax >> 12 & 0xf0),
        .stepping = signature->eax & 15,
        .level = basic->eax,
        .xlevel = extended ? extended->eax : 0,
        .model_id = texts->id,
    };
    x86_kvm_offer(vm, supported, model->features);
    model->features[X86_CPUID_KVM_EDX] = 0; /* a promise of the user's */
    if (migratable) {
        model->features[X86_CPUID_80000007_EDX] &= ~(1u << 8); /* invtsc */
    }
    return true;
}

/* ---- leaves of the hypervisor ---------------------------------------------------------------------------------------- */

#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_KVM_BEHIND_HYPERV 0x40000100u
#define LEAF_FREQUENCIES 0x40000010u /* VMware's: TSC and APIC, kHz */
#define APIC_BUS_KHZ 1000000u

static void
x86_kvm_add_raw(X86KvmCpuid *list, uint32_t function, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    if (list->header.nent < X86_KVM_MAX_CPUID) {
        list->entries[list->header.nent++] =
            (struct kvm_cpuid_entry2){.function = function, .eax = a, .ebx = b, .ecx = c, .edx = d};
    }
}

static void
x86_kvm_add_signature(X86KvmCpuid *list, uint32_t function, uint32_t top, const char *text)
{
    char padded[12] = {0};
    uint32_t words[3];

    memcpy(padded, text, MIN(strlen(text), sizeof(padded)));
    memcpy(words, padded, sizeof(words));
    x86_kvm_add_raw(list, function, top, words[0], words[1], words[2]);
}

static void
x86_kvm_add_kvm_leaves(X86Cpu *cpu, int vcpu_fd, X86KvmCpuid *list, uint32_t base)
{
    int khz = ioctl(vcpu_fd, KVM_GET_TSC_KHZ, NULL);
    /* Where the counter's frequency never changes. */
    bool frequencies = cpu->vmware_cpuid_freq && base == LEAF_HYPERVISOR && khz > 0 && (cpu->features[X86_CPUID_80000007_EDX] & 1u << 8);

    x86_kvm_add_signature(list, base, frequencies ? LEAF_FREQUENCIES : base | 1, KVM_SIGNATURE);
    x86_kvm_add_raw(list, base | 1, cpu->features[X86_CPUID_KVM_EAX], 0, 0, cpu->features[X86_CPUID_KVM_EDX]);
    if (frequencies) {
        x86_kvm_add_raw(list, LEAF_FREQUENCIES, (uint32_t)khz, APIC_BUS_KHZ, 0, 0);
    }
}

/*
 * Hyper-V enlightenments (Hypervisor Top Level Functional Specification, chapter 2): where each one shows, and what it needs.
 * Register numbers: 0 eax ... 3 edx.
 */
static const struct {
    X86HvFeature feature;
    const char *name;
    struct {
        uint32_t leaf;
        uint8_t reg;
        uint32_t bits;
    } shows[2];
} x86_hv_features[] = {
    {X86_HV_RELAXED, "hv-relaxed", {{0x40000004u, 0, 1u << 5}}},
    {X86_HV_VAPIC, "hv-vapic", {{0x40000003u, 0, 1u << 4}, {0x40000004u, 0, 1u << 3}}},
    {X86_HV_TIME, "hv-time", {{0x40000003u, 0, 1u << 1 | 1u << 9}}},
    {X86_HV_CRASH, "hv-crash", {{0x40000003u, 3, 1u << 10}}},
    {X86_HV_RESET, "hv-reset", {{0x40000003u, 0, 1u << 7}}},
    {X86_HV_VPINDEX, "hv-vpindex", {{0x40000003u, 0, 1u << 6}}},
    {X86_HV_RUNTIME, "hv-runtime", {{0x40000003u, 0, 1u << 0}}},
    {X86_HV_SYNIC, "hv-synic", {{0x40000003u, 0, 1u << 2}}},
    {X86_HV_STIMER, "hv-stimer", {{0x40000003u, 0, 1u << 3}}},
    {X86_HV_STIMER_DIRECT, "hv-stimer-direct", {{0x40000003u, 3, 1u << 19}}},
    {X86_HV_FREQUENCIES, "hv-frequencies", {{0x40000003u, 0, 1u << 11}, {0x40000003u, 3, 1u << 8}}},
    {X86_HV_REENLIGHTENMENT, "hv-reenlightenment", {{0x40000003u, 0, 1u << 13}}},
    {X86_HV_TLBFLUSH, "hv-tlbflush", {{0x40000004u, 0, 1u << 2 | 1u << 11}}},
    {X86_HV_IPI, "hv-ipi", {{0x40000004u, 0, 1u << 10 | 1u << 11}}},
};

#define HV_LEAF_TOP 0x40000005u
#define HV_INTERFACE 0x31237648u /* "Hv#1" */
#define HV_HYPERCALL_AVAILABLE (1u << 5)
#define HV_MAX_VIRTUAL_PROCESSORS UINT32_MAX
#define HV_MAX_LOGICAL_PROCESSORS 0x40u
/* What says Windows Server 2012 R2. */
#define HV_VERSION_BUILD 0x1bbcu
#define HV_VERSION 0x00060001u

static bool
x86_kvm_get_hv_supported(const EmuKvmVm *vm, int vcpu_fd, X86KvmCpuid *supported)
{
    memset(supported, 0, sizeof(*supported));
    supported->header.nent = X86_KVM_MAX_CPUID;
    if (ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV) <= 0 || ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_CPUID) <= 0) {
        return false;
    }
    return ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_SYS_HYPERV_CPUID) > 0
               ? ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_HV_CPUID, supported) == 0
               : ioctl(vcpu_fd, KVM_GET_SUPPORTED_HV_CPUID, supported) == 0;
}

/* Takes those away that this KVM does not have, with a message each. */
static bool
x86_kvm_filter_hv(X86Cpu *cpu, const EmuKvmVm *vm, const X86KvmCpuid *supported, GError **error)
{
    bool first = emu_cpu_get_index((EmuCpu *)cpu) == 0;
    unsigned n = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(x86_hv_features); i++) {
        X86HvFeature feature = x86_hv_features[i].feature;
        bool there = (feature != X86_HV_VAPIC && feature != X86_HV_SYNIC) || vm->local_apics;

        if (!cpu->hv[feature]) {
            continue;
        }
        for (unsigned j = 0; j < 2 && x86_hv_features[i].shows[j].leaf; j++) {
            const struct kvm_cpuid_entry2 *e = x86_kvm_find_cpuid(supported, x86_hv_features[i].shows[j].leaf, 0);

            there = there && e &&
                    !(x86_hv_features[i].shows[j].bits & ~x86_kvm_cpuid_register(e, x86_hv_features[i].shows[j].reg));
        }
        if (!there) {
            n++;
            cpu->hv[feature] = false;
            if (first && (cpu->check || cpu->enforce)) {
                emu_warn_report("host doesn't support requested Hyper-V enlightenment %s", x86_hv_features[i].name);
            }
        }
    }
    if (cpu->hv_spinlocks != UINT32_MAX && !x86_kvm_find_cpuid(supported, 0x40000004u, 0)) {
        n++;
        cpu->hv_spinlocks = UINT32_MAX;
        if (first && (cpu->check || cpu->enforce)) {
            emu_warn_report("host doesn't support requested Hyper-V enlightenment hv-spinlocks");
        }
    }
    if (n && cpu->enforce) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "host doesn't support %u requested Hyper-V enlightenments and enforce is on",
                    n);
        return false;
    }
    return true;
}

static bool
x86_kvm_wants_hv(const X86Cpu *cpu)
{
    for (unsigned i = 0; i < X86_N_HV_FEATURES; i++) {
        if (cpu->hv[i]) {
            return true;
        }
    }
    return cpu->hv_spinlocks != UINT32_MAX;
}

static bool
x86_kvm_add_hv_leaves(X86Cpu *cpu, int vcpu_fd, X86KvmCpuid *list, GError **error)
{
    uint32_t leaves[2][4] = {{HV_HYPERCALL_AVAILABLE, 0, 0, 0}, {0, cpu->hv_spinlocks, 0, 0}};
    struct kvm_enable_cap synic = {.cap = KVM_CAP_HYPERV_SYNIC2};

    for (gsize i = 0; i < G_N_ELEMENTS(x86_hv_features); i++) {
        for (unsigned j = 0; cpu->hv[x86_hv_features[i].feature] && j < 2; j++) {
            if (x86_hv_features[i].shows[j].leaf) {
                leaves[x86_hv_features[i].shows[j].leaf - 0x40000003u][x86_hv_features[i].shows[j].reg] |= x86_hv_features[i].shows[j].bits;
            }
        }
    }
    x86_kvm_add_signature(list, LEAF_HYPERVISOR, HV_LEAF_TOP, cpu->hv_vendor_id && *cpu->hv_vendor_id ? cpu->hv_vendor_id : "Microsoft Hv");
    x86_kvm_add_raw(list, LEAF_HYPERVISOR + 1, HV_INTERFACE, 0, 0, 0);
    x86_kvm_add_raw(list, LEAF_HYPERVISOR + 2, HV_VERSION_BUILD, HV_VERSION, 0, 0);
    x86_kvm_add_raw(list, LEAF_HYPERVISOR + 3, leaves[0][0], leaves[0][1], leaves[0][2], leaves[0][3]);
    x86_kvm_add_raw(list, LEAF_HYPERVISOR + 4, leaves[1][0], leaves[1][1], leaves[1][2], leaves[1][3]);
    x86_kvm_add_raw(list, LEAF_HYPERVISOR + 5, HV_MAX_VIRTUAL_PROCESSORS, HV_MAX_LOGICAL_PROCESSORS, 0, 0);
    if (cpu->hv[X86_HV_SYNIC] && ioctl(vcpu_fd, KVM_ENABLE_CAP, &synic) != 0) {
        return x86_kvm_fail(error, "hv-synic");
    }
    return true;
}

static bool
x86_kvm_add_hypervisor(X86State *s, const EmuKvmVm *vm, int vcpu_fd, X86KvmCpuid *list, GError **error)
{
    X86Cpu *cpu = s->owner;
    uint32_t base = LEAF_HYPERVISOR;

    if (x86_kvm_wants_hv(cpu)) {
        g_autofree X86KvmCpuid *hv = g_new0(X86KvmCpuid, 1);

        if (!x86_kvm_get_hv_supported(vm, vcpu_fd, hv)) {
            hv->header.nent = 0;
        }
        if (!x86_kvm_filter_hv(cpu, vm, hv, error)) {
            return false;
        }
    }
    if (!(cpu->features[X86_CPUID_1_ECX] & 1u << 31)) {
        return true; /* -hypervisor: the guest is not to know */
    }
    if (x86_kvm_wants_hv(cpu)) {
        if (!x86_kvm_add_hv_leaves(cpu, vcpu_fd, list, error)) {
            return false;
        }
        base = LEAF_KVM_BEHIND_HYPERV;
    }
    if (cpu->kvm) {
        x86_kvm_add_kvm_leaves(cpu, vcpu_fd, list, base);
    }
    return true;
}

/* ---- all leaves ------------------------------------------------------------------------------------------------------ */

static void
x86_kvm_add_leaf(X86State *s, X86KvmCpuid *list, uint32_t function, uint32_t index, bool indexed)
{
    struct kvm_cpuid_entry2 *e;
    uint32_t out[4];

    if (list->header.nent == X86_KVM_MAX_CPUID) {
        return;
    }
    x86_cpuid(s, function, index, out);
    e = &list->entries[list->header.nent++];
    *e = (struct kvm_cpuid_entry2){
        .function = function,
        .index = index,
        .flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
        .eax = out[0],
        .ebx = out[1],
        .ecx = out[2],
        .edx = out[3],
    };
}

/* Fills the list with every leaf that the model has. */
static void
x86_kvm_build_cpuid(X86State *s, X86KvmCpuid *list)
{
    uint32_t top[4];

    x86_cpuid(s, 0, 0, top);
    for (uint32_t leaf = 0; leaf <= MIN(top[0], 0x24); leaf++) {
        unsigned subleaves = leaf == 4 || leaf == 0xb || leaf == 0x1f ? 4 : leaf == 7 ? 3 : leaf == 0xd ? 2 : 0;

        for (unsigned i = 0; i < MAX(subleaves, 1); i++) {
            x86_kvm_add_leaf(s, list, leaf, i, subleaves != 0);
        }
    }
    x86_cpuid(s, 0x80000000u, 0, top);
    for (uint32_t leaf = 0x80000000u; leaf <= MIN(top[0], 0x80000022u); leaf++) {
        if (leaf == 0x8000001du) {
            for (unsigned i = 0; i < 4; i++) {
                x86_kvm_add_leaf(s, list, leaf, i, true);
            }
        } else {
            x86_kvm_add_leaf(s, list, leaf, 0, false);
        }
    }
    if (((X86Cpu *)s->owner)->xlevel2 >= 0xc0000000u) {
        x86_kvm_add_leaf(s, list, 0xc0000000u, 0, false);
        x86_kvm_add_leaf(s, list, 0xc0000001u, 0, false);
    }
}

/* Tiles are the host's. */
static void
x86_kvm_add_tiles(const X86State *s, X86KvmCpuid *list, const X86KvmCpuid *supported)
{
    uint32_t n = 0;

    if (!x86_has_feature(s, X86_FEAT_AMX_TILE)) {
        return;
    }
    for (uint32_t i = 0; i < list->header.nent; i++) {
        if (list->entries[i].function != 0x1d && list->entries[i].function != 0x1e) {
            list->entries[n++] = list->entries[i];
        }
    }
    list->header.nent = n;
    for (uint32_t i = 0; i < supported->header.nent && list->header.nent < X86_KVM_MAX_CPUID; i++) {
        if (supported->entries[i].function == 0x1d || supported->entries[i].function == 0x1e) {
            list->entries[list->header.nent++] = supported->entries[i];
        }
    }
}

/* Performance counters are KVM's to describe. */
static void
x86_kvm_add_pmu(const X86Cpu *cpu, X86KvmCpuid *list, const X86KvmCpuid *supported)
{
    const struct kvm_cpuid_entry2 *counters = x86_kvm_find_cpuid(supported, 0xa, 0);

    for (uint32_t i = 0; cpu->pmu && counters && i < list->header.nent; i++) {
        if (list->entries[i].function == 0xa) {
            list->entries[i] = *counters;
        }
    }
}

static bool
x86_kvm_set_identity_msr(int vcpu_fd, uint32_t index, uint64_t value)
{
    struct {
        struct kvm_msrs header;
        struct kvm_msr_entry entry;
    } msrs = {.header = {.nmsrs = 1}, .entry = {.index = index, .data = value}};

    return ioctl(vcpu_fd, KVM_SET_MSRS, &msrs) == 1;
}

/* MSRs that say what a CPU is, as CPUID does. @again: what CPUID says of them has changed. */
static bool
x86_kvm_set_identity(X86Cpu *cpu, int vcpu_fd, bool *again, GError **error)
{
    const uint32_t word = X86_FEAT_ARCH_CAPABILITIES >> 5, bit = 1u << (X86_FEAT_ARCH_CAPABILITIES & 31);
    uint32_t *f = cpu->features;
    uint64_t capabilities = (uint64_t)f[X86_ARCH_CAPABILITIES_HIGH] << 32 | f[X86_ARCH_CAPABILITIES];

    if (!x86_kvm_set_identity_msr(vcpu_fd, 0x8b, cpu->ucode_rev) && cpu->ucode_rev_asked) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "kvm: ucode-rev cannot be set on this host");
        return false;
    }
    /* Some KVMs name the MSR among their features, and do not take it. */
    if ((f[word] & bit) && !x86_kvm_set_identity_msr(vcpu_fd, 0x10a, capabilities)) {
        if (cpu->feature_on[word] & bit) {
            g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "kvm: arch-capabilities cannot be set on this host");
            return false;
        }
        f[word] &= ~bit;
        f[X86_ARCH_CAPABILITIES] = f[X86_ARCH_CAPABILITIES_HIGH] = 0;
        *again = true;
    }
    return true;
}

/* The list for KVM out of the features that are left. */
static bool
x86_kvm_submit_cpuid(X86State *s, const EmuKvmVm *vm, int vcpu_fd, const X86KvmCpuid *supported, GError **error)
{
    g_autofree X86KvmCpuid *list = g_new0(X86KvmCpuid, 1);
    X86Cpu *cpu = s->owner;

    memcpy(s->features, cpu->features, sizeof(s->features));
    x86_kvm_build_cpuid(s, list);
    x86_kvm_add_xsave_leaves(s, list, supported);
    x86_kvm_add_tiles(s, list, supported);
    x86_kvm_add_pmu(cpu, list, supported);
    if (!x86_kvm_add_hypervisor(s, vm, vcpu_fd, list, error)) {
        return false;
    }
    return ioctl(vcpu_fd, KVM_SET_CPUID2, list) == 0 || x86_kvm_fail(error, "KVM_SET_CPUID2");
}

/**
 * x86_kvm_set_cpuid:
 *
 * Takes from the CPU what this KVM does not offer, and tells KVM what is left.
 */
bool
x86_kvm_set_cpuid(X86State *s, const EmuKvmVm *vm, int vcpu_fd, GError **error)
{
    g_autofree X86KvmCpuid *supported = g_new0(X86KvmCpuid, 1);
    uint32_t missing[X86_N_FEATURE_WORDS];
    X86Cpu *cpu = s->owner;
    bool again = false;

    if (!x86_kvm_get_supported(vm, supported, error)) {
        return false;
    }
    x86_kvm_subtract(cpu, vm, supported, missing);
    return x86_cpuid_filter(cpu, missing, "host", error) && x86_kvm_submit_cpuid(s, vm, vcpu_fd, supported, error) &&
           x86_kvm_set_identity(cpu, vcpu_fd, &again, error) && (!again || x86_kvm_submit_cpuid(s, vm, vcpu_fd, supported, error));
}
