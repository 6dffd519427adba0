/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* CPUID under KVM: what is offered, what each leaf says. */

#include "x86-kvm.h"

#include <emu/log.h>

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

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
    {0x80000001u, 0, 3, X86_CPUID_80000001_EDX},
    {0x80000001u, 0, 2, X86_CPUID_80000001_ECX},
};

static uint32_t
x86_kvm_cpuid_register(const struct kvm_cpuid_entry2 *e, unsigned reg)
{
    const uint32_t values[4] = {e->eax, e->ebx, e->ecx, e->edx};

    return values[reg];
}

/* Takes the features away that this KVM does not offer, with a message for each. */
static void
x86_kvm_filter(X86State *s, const X86KvmCpuid *supported)
{
    X86Cpu *cpu = s->owner;

    for (gsize i = 0; i < G_N_ELEMENTS(x86_kvm_feature_leaves); i++) {
        unsigned word = x86_kvm_feature_leaves[i].word;
        const struct kvm_cpuid_entry2 *e =
            x86_kvm_find_cpuid(supported, x86_kvm_feature_leaves[i].function, x86_kvm_feature_leaves[i].index);
        uint32_t offered = e ? x86_kvm_cpuid_register(e, x86_kvm_feature_leaves[i].reg) : 0;
        uint32_t missing;

        /* Ours: the local APIC. */
        if (word == X86_CPUID_1_EDX) {
            offered |= 1u << 9;
        }
        if (word == X86_CPUID_1_ECX) {
            offered |= 1u << 31; /* hypervisor */
        }
        missing = cpu->features[word] & ~offered;
        if (missing && cpu->check && s->cpu_index == 0) {
            for (unsigned bit = 0; bit < 32; bit++) {
                if (missing & (1u << bit)) {
                    const char *name = x86_feature_names[word][bit];

                    emu_warn_report("kvm: the host does not offer CPU feature %s (CPUID 0x%x bit %u)", name ? name : "without a name",
                                    x86_kvm_feature_leaves[i].function, bit);
                }
            }
        }
        cpu->features[word] &= offered;
        s->features[word] = cpu->features[word];
    }
}

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
    for (uint32_t leaf = 0; leaf <= MIN(top[0], 0x1f); leaf++) {
        unsigned subleaves = leaf == 4 || leaf == 0xb || leaf == 0x1f ? 4 : leaf == 7 ? 2 : leaf == 0xd ? 10 : 0;

        for (unsigned i = 0; i < MAX(subleaves, 1); i++) {
            x86_kvm_add_leaf(s, list, leaf, i, subleaves != 0);
        }
    }
    x86_cpuid(s, 0x80000000u, 0, top);
    for (uint32_t leaf = 0x80000000u; leaf <= MIN(top[0], 0x80000021u); leaf++) {
        if (leaf == 0x8000001du) {
            for (unsigned i = 0; i < 4; i++) {
                x86_kvm_add_leaf(s, list, leaf, i, true);
            }
        } else {
            x86_kvm_add_leaf(s, list, leaf, 0, false);
        }
    }
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
    g_autofree X86KvmCpuid *list = g_new0(X86KvmCpuid, 1);

    supported->header.nent = X86_KVM_MAX_CPUID;
    if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, supported) != 0) {
        return x86_kvm_fail(error, "KVM_GET_SUPPORTED_CPUID");
    }
    x86_kvm_filter(s, supported);
    x86_kvm_build_cpuid(s, list);
    if (ioctl(vcpu_fd, KVM_SET_CPUID2, list) != 0) {
        return x86_kvm_fail(error, "KVM_SET_CPUID2");
    }
    return true;
}
