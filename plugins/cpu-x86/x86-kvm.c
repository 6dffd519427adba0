/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The x86 CPU under KVM: registers both ways, CPUID, interrupts (Linux, Documentation/virt/kvm/api.rst).
 *
 * The local APIC is ours; KVM's vCPU has none. So interrupts are injected one by one, and CR8 is kept in step through kvm_run.
 */

#include "x86-kvm.h"

#include "x86-cpu.h"
#include "x86-interp.h"

#include <emu/log.h>

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#define X86_KVM_TSS 0xfeffd000u          /* three pages that the guest never sees, below the firmware */
#define X86_KVM_IDENTITY_MAP 0xfeffc000u /* one page */
#define X86_KVM_MAX_CPUID 100

typedef struct {
    struct kvm_vcpu_events events; /* what was being delivered when the registers came out */
    bool events_valid;
} X86KvmArch;

static bool
x86_kvm_fail(GError **error, const char *what)
{
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "kvm: %s: %s", what, g_strerror(errno));
    return false;
}

/* ---- set-up -------------------------------------------------------------------------------------------------- */

static bool
x86_kvm_init_vm(int kvm_fd G_GNUC_UNUSED, int vm_fd, GError **error)
{
    uint64_t identity = X86_KVM_IDENTITY_MAP;

    if (ioctl(vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) != 0) {
        return x86_kvm_fail(error, "KVM_SET_IDENTITY_MAP_ADDR");
    }
    if (ioctl(vm_fd, KVM_SET_TSS_ADDR, (unsigned long)X86_KVM_TSS) != 0) {
        return x86_kvm_fail(error, "KVM_SET_TSS_ADDR");
    }
    return true;
}

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

static bool
x86_kvm_init_vcpu(EmuTcgState *tcg, gpointer arch G_GNUC_UNUSED, int kvm_fd, int vcpu_fd, GError **error)
{
    X86State *s = (X86State *)tcg;
    g_autofree X86KvmCpuid *supported = g_new0(X86KvmCpuid, 1);
    g_autofree X86KvmCpuid *list = g_new0(X86KvmCpuid, 1);

    supported->header.nent = X86_KVM_MAX_CPUID;
    if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, supported) != 0) {
        return x86_kvm_fail(error, "KVM_GET_SUPPORTED_CPUID");
    }
    x86_kvm_filter(s, supported);
    x86_kvm_build_cpuid(s, list);
    if (ioctl(vcpu_fd, KVM_SET_CPUID2, list) != 0) {
        return x86_kvm_fail(error, "KVM_SET_CPUID2");
    }
    return true;
}

/* ---- registers -------------------------------------------------------------------------------------------------- */

/* MSRs and where the state keeps them. */
static const struct {
    uint32_t index;
    gsize offset;
    uint16_t feature;
} x86_kvm_msrs[] = {
    {0x174, offsetof(X86State, sysenter_cs), X86_FEAT_NONE},
    {0x175, offsetof(X86State, sysenter_esp), X86_FEAT_NONE},
    {0x176, offsetof(X86State, sysenter_eip), X86_FEAT_NONE},
    {0x1a0, offsetof(X86State, misc_enable), X86_FEAT_NONE},
    {0x277, offsetof(X86State, pat), X86_FEAT_NONE},
    {0xc0000081u, offsetof(X86State, star), X86_FEAT_SYSCALL},
    {0xc0000082u, offsetof(X86State, lstar), X86_FEAT_LM},
    {0xc0000083u, offsetof(X86State, cstar), X86_FEAT_LM},
    {0xc0000084u, offsetof(X86State, sfmask), X86_FEAT_SYSCALL},
    {0xc0000102u, offsetof(X86State, kernel_gs_base), X86_FEAT_LM},
    {0xc0000103u, offsetof(X86State, tsc_aux), X86_FEAT_RDTSCP},
};

/* struct kvm_msrs with room for one. */
typedef struct {
    struct {
        uint32_t nmsrs, pad;
    } header;
    struct kvm_msr_entry entry;
} X86KvmMsr;

G_STATIC_ASSERT(offsetof(X86KvmMsr, entry) == offsetof(struct kvm_msrs, entries));

static void
x86_kvm_put_msrs(X86State *s, int fd)
{
    for (gsize i = 0; i < G_N_ELEMENTS(x86_kvm_msrs); i++) {
        X86KvmMsr m = {.header.nmsrs = 1, .entry.index = x86_kvm_msrs[i].index};

        if (!x86_has_feature(s, x86_kvm_msrs[i].feature)) {
            continue;
        }
        memcpy(&m.entry.data, (char *)s + x86_kvm_msrs[i].offset, 8);
        if (ioctl(fd, KVM_SET_MSRS, &m) != 1) {
            emu_unimp("kvm: MSR 0x%x does not take 0x%llx", m.entry.index, (unsigned long long)m.entry.data);
        }
    }
}

static void
x86_kvm_get_msrs(X86State *s, int fd)
{
    for (gsize i = 0; i < G_N_ELEMENTS(x86_kvm_msrs); i++) {
        X86KvmMsr m = {.header.nmsrs = 1, .entry.index = x86_kvm_msrs[i].index};

        if (x86_has_feature(s, x86_kvm_msrs[i].feature) && ioctl(fd, KVM_GET_MSRS, &m) == 1) {
            memcpy((char *)s + x86_kvm_msrs[i].offset, &m.entry.data, 8);
        }
    }
}

static void
x86_kvm_put_segment(X86State *s, unsigned n, struct kvm_segment *out)
{
    const X86Segment *d = &s->seg[n];
    bool vm86 = s->eflags & X86_VM;

    *out = (struct kvm_segment){
        .base = *x86_seg_base(s, n),
        .limit = d->limit,
        .selector = d->selector,
        .type = d->attr >> 8 & 15,
        .present = !!(d->attr & X86_DESC_P),
        .dpl = d->attr >> X86_DESC_DPL_SHIFT & 3,
        .db = !!(d->attr & X86_DESC_B),
        .s = !!(d->attr & X86_DESC_S),
        .l = !!(d->attr & X86_DESC_L),
        .g = !!(d->attr & X86_DESC_G),
        .avl = !!(d->attr & X86_DESC_AVL),
        .unusable = !(d->attr & X86_DESC_P) || (d->attr & X86_DESC_NULL),
    };
    if (vm86 && n <= X86_GS) {
        out->type = 3;
        out->present = 1;
        out->dpl = 3;
        out->s = 1;
        out->unusable = 0;
    }
    if (out->unusable && n <= X86_GS && n != X86_CS) {
        out->present = 0;
    }
}

static void
x86_kvm_get_segment(X86State *s, unsigned n, const struct kvm_segment *in)
{
    X86Segment *d = &s->seg[n];

    *x86_seg_base(s, n) = in->base;
    d->limit = in->limit;
    d->selector = in->selector;
    d->attr = (uint32_t)(in->type & 15) << 8 | (in->s ? X86_DESC_S : 0) | (uint32_t)(in->dpl & 3) << X86_DESC_DPL_SHIFT |
              (in->present && !in->unusable ? X86_DESC_P : 0) | (in->avl ? X86_DESC_AVL : 0) | (in->l ? X86_DESC_L : 0) |
              (in->db ? X86_DESC_B : 0) | (in->g ? X86_DESC_G : 0);
    if (in->unusable) {
        d->attr = X86_DESC_NULL;
    }
}

static void
x86_kvm_regs_to_kvm(X86State *s, struct kvm_regs *r)
{
    *r = (struct kvm_regs){
        .rax = *x86_gpr(s, 0),  .rcx = *x86_gpr(s, 1),  .rdx = *x86_gpr(s, 2),  .rbx = *x86_gpr(s, 3),
        .rsp = *x86_gpr(s, 4),  .rbp = *x86_gpr(s, 5),  .rsi = *x86_gpr(s, 6),  .rdi = *x86_gpr(s, 7),
        .r8 = *x86_gpr(s, 8),   .r9 = *x86_gpr(s, 9),   .r10 = *x86_gpr(s, 10), .r11 = *x86_gpr(s, 11),
        .r12 = *x86_gpr(s, 12), .r13 = *x86_gpr(s, 13), .r14 = *x86_gpr(s, 14), .r15 = *x86_gpr(s, 15),
        .rip = s->rip,          .rflags = x86_get_eflags(s),
    };
}

static void
x86_kvm_regs_from_kvm(X86State *s, const struct kvm_regs *r)
{
    const uint64_t values[16] = {r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi,
                                 r->r8,  r->r9,  r->r10, r->r11, r->r12, r->r13, r->r14, r->r15};

    for (unsigned i = 0; i < 16; i++) {
        *x86_gpr(s, i) = values[i];
    }
    s->rip = r->rip;
    x86_set_eflags(s, (uint32_t)r->rflags);
}

static void
x86_kvm_sregs_to_kvm(X86State *s, struct kvm_sregs *r)
{
    memset(r, 0, sizeof(*r));
    x86_kvm_put_segment(s, X86_CS, &r->cs);
    x86_kvm_put_segment(s, X86_DS, &r->ds);
    x86_kvm_put_segment(s, X86_ES, &r->es);
    x86_kvm_put_segment(s, X86_FS, &r->fs);
    x86_kvm_put_segment(s, X86_GS, &r->gs);
    x86_kvm_put_segment(s, X86_SS, &r->ss);
    x86_kvm_put_segment(s, X86_TR, &r->tr);
    x86_kvm_put_segment(s, X86_LDTR, &r->ldt);
    r->gdt.base = s->gdtr.base;
    r->gdt.limit = s->gdtr.limit;
    r->idt.base = s->idtr.base;
    r->idt.limit = s->idtr.limit;
    r->cr0 = s->cr0;
    r->cr2 = s->cr2;
    r->cr3 = s->cr3;
    r->cr4 = s->cr4;
    r->cr8 = s->hooks->get_tpr(s);
    r->efer = s->efer;
    r->apic_base = s->apic_base;
}

static void
x86_kvm_sregs_from_kvm(X86State *s, const struct kvm_sregs *r)
{
    x86_kvm_get_segment(s, X86_CS, &r->cs);
    x86_kvm_get_segment(s, X86_DS, &r->ds);
    x86_kvm_get_segment(s, X86_ES, &r->es);
    x86_kvm_get_segment(s, X86_FS, &r->fs);
    x86_kvm_get_segment(s, X86_GS, &r->gs);
    x86_kvm_get_segment(s, X86_SS, &r->ss);
    x86_kvm_get_segment(s, X86_TR, &r->tr);
    x86_kvm_get_segment(s, X86_LDTR, &r->ldt);
    s->gdtr.base = r->gdt.base;
    s->gdtr.limit = r->gdt.limit;
    s->idtr.base = r->idt.base;
    s->idtr.limit = r->idt.limit;
    s->cr0 = r->cr0;
    s->cr2 = r->cr2;
    s->cr3 = r->cr3;
    s->cr4 = r->cr4;
    s->efer = r->efer;
    s->cpl = s->cr0 & X86_CR0_PE ? (s->eflags & X86_VM ? 3 : r->ss.dpl) : 0;
}

/* x87, SSE and AVX through the XSAVE area in standard format; @direction 1: to KVM. */
static bool
x86_kvm_put_fpu(X86State *s, int fd, GError **error)
{
    struct kvm_xsave x;
    bool avx = x86_has_feature(s, X86_FEAT_AVX);
    uint64_t components = avx ? 7 : 3;

    memset(&x, 0, sizeof(x));
    memcpy(x.region, s->xsave, avx ? X86_XSAVE_OPMASK : 512);
    memset((uint8_t *)x.region + 512, 0, 64);
    memcpy((uint8_t *)x.region + 512, &components, 8);
    if (ioctl(fd, KVM_SET_XSAVE, &x) != 0) {
        return x86_kvm_fail(error, "KVM_SET_XSAVE");
    }
    return true;
}

static bool
x86_kvm_get_fpu(X86State *s, int fd, GError **error)
{
    struct kvm_xsave x;

    if (ioctl(fd, KVM_GET_XSAVE, &x) != 0) {
        return x86_kvm_fail(error, "KVM_GET_XSAVE");
    }
    memcpy(s->xsave, x.region, 512);
    memcpy(s->xsave + X86_XSAVE_YMM_HIGH, (uint8_t *)x.region + X86_XSAVE_YMM_HIGH, X86_XSAVE_OPMASK - X86_XSAVE_YMM_HIGH);
    return true;
}

static bool
x86_kvm_put(EmuTcgState *tcg, gpointer opaque, int fd, GError **error)
{
    X86State *s = (X86State *)tcg;
    X86KvmArch *arch = opaque;
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_vcpu_events events = {0};
    struct kvm_debugregs debug = {.dr6 = s->dr[6], .dr7 = s->dr[7]};

    x86_kvm_regs_to_kvm(s, &regs);
    x86_kvm_sregs_to_kvm(s, &sregs);
    memcpy(debug.db, s->dr, sizeof(debug.db));
    if (ioctl(fd, KVM_SET_SREGS, &sregs) != 0) {
        return x86_kvm_fail(error, "KVM_SET_SREGS");
    }
    if (ioctl(fd, KVM_SET_REGS, &regs) != 0) {
        return x86_kvm_fail(error, "KVM_SET_REGS");
    }
    if (!x86_kvm_put_fpu(s, fd, error)) {
        return false;
    }
    if (x86_has_feature(s, X86_FEAT_XSAVE)) {
        struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0] = {.xcr = 0, .value = s->xcr0 ? s->xcr0 : 1}};

        if (ioctl(fd, KVM_SET_XCRS, &xcrs) != 0) {
            return x86_kvm_fail(error, "KVM_SET_XCRS");
        }
    }
    x86_kvm_put_msrs(s, fd);
    if (arch->events_valid) {
        /* Nothing has run since the registers came out but, perhaps, a look: the delivery goes on. */
        events = arch->events;
    }
    events.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
    events.interrupt.shadow = s->shadow;
    events.nmi.masked = s->nmi_blocked;
    if (ioctl(fd, KVM_SET_VCPU_EVENTS, &events) != 0) {
        return x86_kvm_fail(error, "KVM_SET_VCPU_EVENTS");
    }
    if (ioctl(fd, KVM_SET_DEBUGREGS, &debug) != 0) {
        return x86_kvm_fail(error, "KVM_SET_DEBUGREGS");
    }
    arch->events_valid = false;
    return true;
}

static bool
x86_kvm_get(EmuTcgState *tcg, gpointer opaque, int fd, GError **error)
{
    X86State *s = (X86State *)tcg;
    X86KvmArch *arch = opaque;
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_debugregs debug;

    if (ioctl(fd, KVM_GET_REGS, &regs) != 0) {
        return x86_kvm_fail(error, "KVM_GET_REGS");
    }
    if (ioctl(fd, KVM_GET_SREGS, &sregs) != 0) {
        return x86_kvm_fail(error, "KVM_GET_SREGS");
    }
    if (ioctl(fd, KVM_GET_VCPU_EVENTS, &arch->events) != 0) {
        return x86_kvm_fail(error, "KVM_GET_VCPU_EVENTS");
    }
    if (ioctl(fd, KVM_GET_DEBUGREGS, &debug) != 0) {
        return x86_kvm_fail(error, "KVM_GET_DEBUGREGS");
    }
    if (!x86_kvm_get_fpu(s, fd, error)) {
        return false;
    }
    if (x86_has_feature(s, X86_FEAT_XSAVE)) {
        struct kvm_xcrs xcrs;

        if (ioctl(fd, KVM_GET_XCRS, &xcrs) == 0 && xcrs.nr_xcrs > 0) {
            s->xcr0 = xcrs.xcrs[0].value;
        }
    }
    x86_kvm_regs_from_kvm(s, &regs);
    x86_kvm_sregs_from_kvm(s, &sregs);
    x86_kvm_get_msrs(s, fd);
    memcpy(s->dr, debug.db, sizeof(debug.db));
    s->dr[6] = debug.dr6;
    s->dr[7] = debug.dr7;
    s->shadow = arch->events.interrupt.shadow & (X86_SHADOW_STI | X86_SHADOW_SS);
    s->nmi_blocked = arch->events.nmi.masked;
    s->exception = -1;
    arch->events_valid = arch->events.interrupt.injected || arch->events.exception.injected || arch->events.nmi.injected;
    if ((s->cr0 & X86_CR0_PG) && (s->cr4 & X86_CR4_PAE) && !(s->efer & X86_EFER_LMA)) {
        x86_load_pdptes(s, s->cr3);
    }
    x86_update_mode(s);
    return true;
}

/* ---- interrupts --------------------------------------------------------------------------------------------------- */

static void
x86_kvm_before_run(EmuTcgState *tcg, gpointer opaque G_GNUC_UNUSED, int fd, struct kvm_run *run)
{
    X86State *s = (X86State *)tcg;
    X86Cpu *cpu = s->owner;
    uint32_t requests = __atomic_load_n(&s->interrupt_request, __ATOMIC_ACQUIRE);

    if (requests & X86_REQ_NMI) {
        __atomic_fetch_and(&s->interrupt_request, ~X86_REQ_NMI, __ATOMIC_SEQ_CST);
        ioctl(fd, KVM_NMI, 0);
    }
    if ((requests & X86_REQ_HARD) && run->ready_for_interrupt_injection && run->if_flag) {
        EmuMachine *machine = x86_cpu_get_machine(cpu);
        int vector;

        emu_machine_lock(machine);
        vector = s->hooks->acknowledge(s);
        emu_machine_unlock(machine);
        if (vector >= 0) {
            struct kvm_interrupt interrupt = {.irq = vector};

            if (ioctl(fd, KVM_INTERRUPT, &interrupt) != 0) {
                emu_unimp("kvm: interrupt %d was not taken: %s", vector, g_strerror(errno));
            }
            run->ready_for_interrupt_injection = 0;
        }
        requests = __atomic_load_n(&s->interrupt_request, __ATOMIC_ACQUIRE);
    }
    run->request_interrupt_window = (requests & X86_REQ_HARD) != 0;
    run->cr8 = s->hooks->get_tpr(s);
}

static void
x86_kvm_after_run(EmuTcgState *tcg, gpointer opaque G_GNUC_UNUSED, struct kvm_run *run)
{
    X86State *s = (X86State *)tcg;

    if (run->cr8 != s->hooks->get_tpr(s)) {
        s->hooks->set_tpr(s, run->cr8);
    }
}

static bool
x86_kvm_needs_state(EmuTcgState *tcg)
{
    X86State *s = (X86State *)tcg;

    return (__atomic_load_n(&s->interrupt_request, __ATOMIC_ACQUIRE) & (X86_REQ_INIT | X86_REQ_SIPI | X86_REQ_SMI)) != 0;
}

static void
x86_kvm_set_halted(EmuTcgState *tcg)
{
    ((X86State *)tcg)->halted = 1;
}

const EmuKvmFrontend x86_kvm_frontend = {
    .struct_size = sizeof(EmuKvmFrontend),
    .tcg = &x86_frontend,
    .arch_size = sizeof(X86KvmArch),
    .init_vm = x86_kvm_init_vm,
    .init_vcpu = x86_kvm_init_vcpu,
    .put = x86_kvm_put,
    .get = x86_kvm_get,
    .before_run = x86_kvm_before_run,
    .after_run = x86_kvm_after_run,
    .needs_state = x86_kvm_needs_state,
    .set_halted = x86_kvm_set_halted,
};
