/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The x86 CPU under KVM: registers both ways, interrupts (Linux, Documentation/virt/kvm/api.rst).
 *
 * Where the local APIC is ours and KVM's vCPU has none, interrupts are injected one by one, and CR8 is kept in step through
 * kvm_run. Where it is the kernel's, what is injected here is only what a split machine's 8259s ask for.
 *
 * When the registers come out, what KVM was about to deliver is delivered in them: the state is whole then, and can go on under another
 * accelerator. What other threads may change in the kernel meanwhile (requests in the local APIC, NMIs) goes back only where it was
 * changed here.
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

bool
x86_kvm_fail(GError **error, const char *what)
{
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "kvm: %s: %s", what, g_strerror(errno));
    return false;
}

/* ---- set-up -------------------------------------------------------------------------------------------------- */

static bool
x86_kvm_init_vm(const EmuKvmVm *vm, GError **error)
{
    uint64_t identity = X86_KVM_IDENTITY_MAP;

    if (ioctl(vm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) != 0) {
        return x86_kvm_fail(error, "KVM_SET_IDENTITY_MAP_ADDR");
    }
    if (ioctl(vm->vm_fd, KVM_SET_TSS_ADDR, (unsigned long)X86_KVM_TSS) != 0) {
        return x86_kvm_fail(error, "KVM_SET_TSS_ADDR");
    }
    x86_kvm_ask_for_components(vm);
    return true;
}

static bool
x86_kvm_init_vcpu(EmuTcgState *tcg, gpointer opaque, const EmuKvmVm *vm, int vcpu_fd, GError **error)
{
    X86State *s = (X86State *)tcg;
    X86KvmArch *arch = opaque;

    arch->vm = vm;
    arch->fd = vcpu_fd;
    if (!x86_kvm_find_components(vm, arch, error) || !x86_kvm_set_cpuid(s, vm, vcpu_fd, error)) {
        return false;
    }
    if (vm->local_apics) {
        x86_kvm_apic_attach(s, arch);
    }
    return true;
}

/* ---- registers -------------------------------------------------------------------------------------------------- */

/* MSRs and where the state keeps them. */
static const struct {
    uint32_t index, n; /* so many in a row */
    gsize offset;
    uint16_t feature;
    bool quiet; /* changes only when the guest changes it: goes in with a whole new state alone */
} x86_kvm_msrs[] = {
    {0x174, 1, offsetof(X86State, sysenter_cs), X86_FEAT_SEP, false},
    {0x175, 1, offsetof(X86State, sysenter_esp), X86_FEAT_SEP, false},
    {0x176, 1, offsetof(X86State, sysenter_eip), X86_FEAT_SEP, false},
    {0x1a0, 1, offsetof(X86State, misc_enable), X86_FEAT_NONE, true},
    {0x277, 1, offsetof(X86State, pat), X86_FEAT_PAT, false},
    {0xc0000081u, 1, offsetof(X86State, star), X86_FEAT_SYSCALL, false},
    {0xc0000082u, 1, offsetof(X86State, lstar), X86_FEAT_LM, false},
    {0xc0000083u, 1, offsetof(X86State, cstar), X86_FEAT_LM, false},
    {0xc0000084u, 1, offsetof(X86State, sfmask), X86_FEAT_SYSCALL, false},
    {0xc0000102u, 1, offsetof(X86State, kernel_gs_base), X86_FEAT_LM, false},
    {0xc0000103u, 1, offsetof(X86State, tsc_aux), X86_FEAT_RDTSCP, false},
    {0x200, 16, offsetof(X86State, mtrr_var), X86_FEAT_MTRR, true},
    {0x250, 1, offsetof(X86State, mtrr_fixed), X86_FEAT_MTRR, true},
    {0x258, 2, offsetof(X86State, mtrr_fixed) + 8, X86_FEAT_MTRR, true},
    {0x268, 8, offsetof(X86State, mtrr_fixed) + 24, X86_FEAT_MTRR, true},
    {0x2ff, 1, offsetof(X86State, mtrr_def_type), X86_FEAT_MTRR, true},
    {0xc0000104u, 1, offsetof(X86State, svm.tsc_ratio), X86_FEAT_TSC_SCALE, true},
    {0x122, 1, offsetof(X86State, tsx_ctrl), X86_FEAT_TSX_CTRL, false},
    {0x1c4, 2, offsetof(X86State, xfd), X86_FEAT_XFD, false},
    {0xd90, 1, offsetof(X86State, bndcfgs), X86_FEAT_MPX, false},
    {0xda0, 1, offsetof(X86State, xss), X86_FEAT_XSAVES, false},
    {0x6a0, 1, offsetof(X86State, u_cet), X86_FEAT_CET_SS, false},
    {0x6a0, 1, offsetof(X86State, u_cet), X86_FEAT_CET_IBT, false},
    {0x6a2, 1, offsetof(X86State, s_cet), X86_FEAT_CET_SS, false},
    {0x6a2, 1, offsetof(X86State, s_cet), X86_FEAT_CET_IBT, false},
    {0x6a4, 3, offsetof(X86State, pl_ssp), X86_FEAT_CET_SS, false},
    {0x6a7, 1, offsetof(X86State, pl3_ssp), X86_FEAT_CET_SS, false},
    {0x6a8, 1, offsetof(X86State, interrupt_ssp_table), X86_FEAT_CET_SS, false},
    {0xc0010114u, 1, offsetof(X86State, svm.vm_cr), X86_FEAT_SVM, true},
    {0xc0010117u, 1, offsetof(X86State, svm.hsave_pa), X86_FEAT_SVM, true},
};

/* MSRs of paravirtual interfaces and where X86Cpu.pv_msrs keeps them; in the order in which they go in. */
static const struct {
    uint32_t index, n;
    int hv; /* X86HvFeature that has it, -1: KVM's own, -2: all of Hyper-V */
} x86_kvm_pv_msrs[] = {
    {0x4b564d00, 5, -1}, /* wall clock, system time, asynchronous faults, stolen time, EOI */
    {0x4b564d06, 1, -1}, /* vector of asynchronous faults */
    {0x11, 2, -1},       /* the two clocks' older numbers */
    {0x40000000, 2, -2}, /* guest's name, hypercall page */
    {0x40000021, 1, X86_HV_TIME},
    {0x40000073, 1, X86_HV_VAPIC},
    {0x40000080, 1, X86_HV_SYNIC},
    {0x40000082, 2, X86_HV_SYNIC},
    {0x40000090, 16, X86_HV_SYNIC},
    {0x400000b0, 8, X86_HV_STIMER},
};

#define MSR_TSC 0x10
#define MSR_TSC_DEADLINE 0x6e0
#define X86_KVM_MAX_MSRS 128

/* struct kvm_msrs with room, and where each value belongs. */
typedef struct {
    struct {
        uint32_t nmsrs, pad;
    } header;
    struct kvm_msr_entry entries[X86_KVM_MAX_MSRS];
    uint64_t *places[X86_KVM_MAX_MSRS];
} X86KvmMsrs;

G_STATIC_ASSERT(offsetof(X86KvmMsrs, entries) == offsetof(struct kvm_msrs, entries));

static void
x86_kvm_list_msr(X86KvmArch *arch, X86KvmMsrs *m, uint32_t index, uint64_t *place)
{
    for (unsigned i = 0; i < arch->n_refused; i++) {
        if (arch->refused[i] == index) {
            return;
        }
    }
    if (m->header.nmsrs < X86_KVM_MAX_MSRS) {
        m->entries[m->header.nmsrs] = (struct kvm_msr_entry){.index = index, .data = *place};
        m->places[m->header.nmsrs++] = place;
    }
}

static bool
x86_kvm_has_pv_msrs(const X86Cpu *cpu, int hv)
{
    if (hv >= 0) {
        return cpu->hv[hv];
    }
    return hv == -1 ? cpu->kvm : cpu->hv[X86_HV_RELAXED] || cpu->hv[X86_HV_VAPIC] || cpu->hv[X86_HV_TIME] || cpu->hv[X86_HV_SYNIC] ||
                                     cpu->hv[X86_HV_VPINDEX];
}

static void
x86_kvm_list_msrs(X86State *s, X86KvmArch *arch, X86KvmMsrs *m, bool all)
{
    X86Cpu *cpu = s->owner;
    uint64_t *place = cpu->pv_msrs;

    m->header.nmsrs = 0;
    m->header.pad = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(x86_kvm_msrs); i++) {
        for (uint32_t n = 0; n < x86_kvm_msrs[i].n && x86_has_feature(s, x86_kvm_msrs[i].feature) && (all || !x86_kvm_msrs[i].quiet); n++) {
            x86_kvm_list_msr(arch, m, x86_kvm_msrs[i].index + n, (uint64_t *)((char *)s + x86_kvm_msrs[i].offset) + n);
        }
    }
    if (all) {
        x86_kvm_list_msr(arch, m, MSR_TSC, &arch->tsc);
        if (x86_has_feature(s, X86_FEAT_TSC_DEADLINE) && arch->vm->local_apics) {
            x86_kvm_list_msr(arch, m, MSR_TSC_DEADLINE, &cpu->apic.deadline);
        }
    }
    for (gsize i = 0; all && i < G_N_ELEMENTS(x86_kvm_pv_msrs); i++) {
        for (uint32_t n = 0; n < x86_kvm_pv_msrs[i].n; n++, place++) {
            if (x86_kvm_has_pv_msrs(cpu, x86_kvm_pv_msrs[i].hv)) {
                x86_kvm_list_msr(arch, m, x86_kvm_pv_msrs[i].index + n, place);
            }
        }
    }
}

/* KVM stopped at number @done: leaves it out from now on. */
static void
x86_kvm_refuse_msr(X86KvmArch *arch, const X86KvmMsrs *m, int done)
{
    emu_unimp("kvm: MSR 0x%x does not take 0x%llx", m->entries[done].index, (unsigned long long)m->entries[done].data);
    if (arch->n_refused < G_N_ELEMENTS(arch->refused)) {
        arch->refused[arch->n_refused++] = m->entries[done].index;
    }
}

static void
x86_kvm_move_msrs(X86State *s, X86KvmArch *arch, unsigned long request, X86KvmMsrs *m, bool all)
{
    int done;

    do {
        x86_kvm_list_msrs(s, arch, m, all);
        done = ioctl(arch->fd, request, m);
        if (done >= 0 && done < (int)m->header.nmsrs) {
            x86_kvm_refuse_msr(arch, m, done);
        }
    } while (done >= 0 && done < (int)m->header.nmsrs && arch->n_refused < G_N_ELEMENTS(arch->refused));
}

/* In what the guest gave, the counter goes on from where it was; between, KVM's runs. */
static void
x86_kvm_put_msrs(X86State *s, X86KvmArch *arch, bool replaced)
{
    g_autofree X86KvmMsrs *m = g_new(X86KvmMsrs, 1);

    if (replaced) {
        arch->tsc = s->hooks->read_tsc(s) + s->tsc_offset;
    }
    x86_kvm_move_msrs(s, arch, KVM_SET_MSRS, m, replaced);
}

static void
x86_kvm_get_msrs(X86State *s, X86KvmArch *arch)
{
    g_autofree X86KvmMsrs *m = g_new(X86KvmMsrs, 1);

    x86_kvm_move_msrs(s, arch, KVM_GET_MSRS, m, true);
    for (uint32_t i = 0; i < m->header.nmsrs; i++) {
        *m->places[i] = m->entries[i].data;
    }
    s->tsc_offset = arch->tsc - s->hooks->read_tsc(s);
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

/* x87, SSE and all other components that this CPU has, through KVM's image of the standard format. */
static bool
x86_kvm_put_components(X86State *s, const X86KvmArch *arch, GError **error)
{
    g_autofree uint8_t *image = g_malloc0(arch->xsave_size);
    uint64_t there = x86_xcr0_supported(s), in_use = 3;

    memcpy(image, s->xsave, X86_XSAVE_LEGACY);
    for (unsigned i = 0; i < X86_N_XSAVE_COMPONENTS; i++) {
        const X86XsaveComponent *c = &x86_xsave_components[i];

        if (arch->xsave_at[i] && (there >> c->bit & 1) && !x86_xsave_is_initial(s, c)) {
            memcpy(image + arch->xsave_at[i], (const uint8_t *)s + c->place, c->size);
            in_use |= UINT64_C(1) << c->bit;
        }
    }
    memcpy(image + X86_XSAVE_LEGACY, &in_use, sizeof(in_use));
    if (ioctl(arch->fd, KVM_SET_XSAVE, image) != 0) {
        return x86_kvm_fail(error, "KVM_SET_XSAVE");
    }
    return true;
}

static bool
x86_kvm_get_components(X86State *s, const X86KvmArch *arch, GError **error)
{
    g_autofree uint8_t *image = g_malloc0(arch->xsave_size);

    if (ioctl(arch->fd, arch->get_xsave, image) != 0) {
        return x86_kvm_fail(error, arch->get_xsave == KVM_GET_XSAVE ? "KVM_GET_XSAVE" : "KVM_GET_XSAVE2");
    }
    memcpy(s->xsave, image, X86_XSAVE_LEGACY);
    for (unsigned i = 0; i < X86_N_XSAVE_COMPONENTS; i++) {
        const X86XsaveComponent *c = &x86_xsave_components[i];

        if (arch->xsave_at[i]) {
            memcpy((uint8_t *)s + c->place, image + arch->xsave_at[i], c->size);
        }
    }
    return true;
}

/* The shadow-stack pointer is no MSR: KVM numbers it among its own registers (api.rst, KVM_SET_ONE_REG). */
static bool
x86_kvm_move_ssp(X86State *s, const X86KvmArch *arch, unsigned long request, GError **error)
{
    struct kvm_one_reg reg = {.id = UINT64_C(0x2030000300000000), .addr = (uintptr_t)&s->ssp};

    if (x86_has_feature(s, X86_FEAT_CET_SS) && ioctl(arch->fd, request, &reg) != 0) {
        return x86_kvm_fail(error, "shadow-stack pointer");
    }
    return true;
}

/* Halted or waiting for its start: only where it is not what KVM said last. */
static bool
x86_kvm_put_mp_state(X86State *s, X86KvmArch *arch, GError **error)
{
    struct kvm_mp_state mp = {
        .mp_state = s->wait_sipi ? KVM_MP_STATE_UNINITIALIZED : s->halted ? KVM_MP_STATE_HALTED : KVM_MP_STATE_RUNNABLE,
    };

    if (!arch->vm->local_apics || mp.mp_state == arch->mp_state) {
        return true;
    }
    if (ioctl(arch->fd, KVM_SET_MP_STATE, &mp) != 0) {
        return x86_kvm_fail(error, "KVM_SET_MP_STATE");
    }
    arch->mp_state = mp.mp_state;
    return true;
}

static bool
x86_kvm_get_mp_state(X86State *s, X86KvmArch *arch, GError **error)
{
    struct kvm_mp_state mp;

    if (!arch->vm->local_apics) {
        return true;
    }
    if (ioctl(arch->fd, KVM_GET_MP_STATE, &mp) != 0) {
        return x86_kvm_fail(error, "KVM_GET_MP_STATE");
    }
    arch->mp_state = mp.mp_state;
    s->wait_sipi = mp.mp_state == KVM_MP_STATE_UNINITIALIZED || mp.mp_state == KVM_MP_STATE_INIT_RECEIVED;
    s->halted = s->wait_sipi || mp.mp_state == KVM_MP_STATE_HALTED;
    return true;
}

static bool
x86_kvm_put_events(X86State *s, X86KvmArch *arch, bool replaced, GError **error)
{
    struct kvm_vcpu_events events = {
        .flags = KVM_VCPUEVENT_VALID_SHADOW,
        .interrupt.shadow = s->shadow,
        .nmi.masked = s->nmi_blocked,
    };

    if (replaced) {
        /* None is pending there: the request word has it. */
        events.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING;
    }
    if (ioctl(arch->fd, KVM_SET_VCPU_EVENTS, &events) != 0) {
        return x86_kvm_fail(error, "KVM_SET_VCPU_EVENTS");
    }
    return true;
}

/* ---- time --------------------------------------------------------------------------------------------------------- */

static bool
x86_kvm_one_msr(int vcpu_fd, unsigned long request, uint32_t index, uint64_t *value)
{
    struct {
        uint32_t nmsrs, pad;
        struct kvm_msr_entry entry;
    } m = {.nmsrs = 1, .entry = {.index = index, .data = *value}};
    bool done = ioctl(vcpu_fd, request, &m) == 1;

    *value = m.entry.data;
    return done;
}

static bool
x86_kvm_read_counter(int vcpu_fd, uint64_t *value)
{
    *value = 0;
    return x86_kvm_one_msr(vcpu_fd, KVM_GET_MSRS, MSR_TSC, value);
}

/* Through the offset where KVM shows it: exact, and the same for all. */
static void
x86_kvm_move_counter(EmuTcgState *tcg G_GNUC_UNUSED, gpointer opaque, int vcpu_fd, int64_t by)
{
    X86KvmArch *arch = opaque;
    uint64_t value = 0;
    struct kvm_device_attr attr = {.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&value};

    arch->stood = true;
    if (ioctl(vcpu_fd, KVM_GET_DEVICE_ATTR, &attr) == 0) {
        value += (uint64_t)by;
        if (ioctl(vcpu_fd, KVM_SET_DEVICE_ATTR, &attr) == 0) {
            return;
        }
    }
    if (x86_kvm_read_counter(vcpu_fd, &value)) {
        value += (uint64_t)by;
        x86_kvm_one_msr(vcpu_fd, KVM_SET_MSRS, MSR_TSC, &value);
    }
}

/* Behind the counter and the local APIC's mode. */
static void
x86_kvm_restart_deadline(X86State *s, X86KvmArch *arch)
{
    uint64_t deadline = x86_apic_get_deadline(&((X86Cpu *)s->owner)->apic);

    if (arch->stood && arch->vm->local_apics && deadline) {
        x86_kvm_one_msr(arch->fd, KVM_SET_MSRS, MSR_TSC_DEADLINE, &deadline);
    }
    arch->stood = false;
}

static bool
x86_kvm_put(EmuTcgState *tcg, gpointer opaque, int fd, GError **error)
{
    X86State *s = (X86State *)tcg;
    X86KvmArch *arch = opaque;
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_debugregs debug = {.dr6 = s->dr[6], .dr7 = s->dr[7]};
    bool replaced = ((X86Cpu *)s->owner)->apic.changed == X86_APIC_REPLACED;

    if (s->svm.guest || !s->svm.gif) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "kvm: CPU %u %s, which KVM cannot take over", s->cpu_index,
                    s->svm.guest ? "runs a guest of its own" : "has interrupts held by CLGI");
        return false;
    }
    if (s->vmx.on) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "kvm: CPU %u is in VMX operation, which KVM cannot take over",
                    s->cpu_index);
        return false;
    }
    if ((s->efer & X86_EFER_SVME) && !x86_has_feature(s, X86_FEAT_SVM)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "kvm: CPU %u has SVM enabled, which this KVM does not offer",
                    s->cpu_index);
        return false;
    }
    x86_kvm_regs_to_kvm(s, &regs);
    x86_kvm_sregs_to_kvm(s, &sregs);
    memcpy(debug.db, s->dr, sizeof(debug.db));
    if (ioctl(fd, KVM_SET_SREGS, &sregs) != 0) {
        return x86_kvm_fail(error, "KVM_SET_SREGS");
    }
    if (ioctl(fd, KVM_SET_REGS, &regs) != 0) {
        return x86_kvm_fail(error, "KVM_SET_REGS");
    }
    if (!x86_kvm_put_components(s, arch, error)) {
        return false;
    }
    if (x86_has_feature(s, X86_FEAT_XSAVE)) {
        struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0] = {.xcr = 0, .value = s->xcr0 ? s->xcr0 : 1}};

        if (s->xcr0 & ~x86_xcr0_supported(s)) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                        "kvm: CPU %u has XCR0 0x%" G_GINT64_MODIFIER "x, which enables more than this CPU has", s->cpu_index, s->xcr0);
            return false;
        }
        if (ioctl(fd, KVM_SET_XCRS, &xcrs) != 0) {
            return x86_kvm_fail(error, "KVM_SET_XCRS");
        }
    }
    if (replaced && s->cpu_index == 0 && ((X86Cpu *)s->owner)->pv_clock) {
        emu_kvm_set_clock(x86_cpu_get_machine(s->owner), ((X86Cpu *)s->owner)->pv_clock);
    }
    if (arch->stood) {
        x86_kvm_apic_restart_timer(s, arch);
    }
    /* The APIC's mode before its deadline. */
    if (!x86_kvm_apic_put(s, arch, error) || !x86_kvm_put_mp_state(s, arch, error) || !x86_kvm_put_events(s, arch, replaced, error)) {
        return false;
    }
    x86_kvm_put_msrs(s, arch, replaced);
    if (!x86_kvm_move_ssp(s, arch, KVM_SET_ONE_REG, error)) {
        return false;
    }
    x86_kvm_restart_deadline(s, arch);
    if (ioctl(fd, KVM_SET_DEBUGREGS, &debug) != 0) {
        return x86_kvm_fail(error, "KVM_SET_DEBUGREGS");
    }
    arch->fresh = true;
    return true;
}

/* Out of KVM at once: the next one that comes there is another. */
static bool
x86_kvm_take_nmi(int fd, const struct kvm_vcpu_events *events, GError **error)
{
    struct kvm_vcpu_events rest = *events;

    rest.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
    rest.nmi.injected = rest.nmi.pending = 0;
    if (ioctl(fd, KVM_SET_VCPU_EVENTS, &rest) != 0) {
        return x86_kvm_fail(error, "KVM_SET_VCPU_EVENTS");
    }
    return true;
}

/* Into the state: what KVM would have delivered at its next entry. */
static void
x86_kvm_take_events(X86State *s, const struct kvm_vcpu_events *events)
{
    s->shadow = events->interrupt.shadow & (X86_SHADOW_STI | X86_SHADOW_SS);
    s->nmi_blocked = events->nmi.masked;
    s->exception = -1;
    if (events->nmi.injected || events->nmi.pending) {
        __atomic_fetch_or(&s->interrupt_request, X86_REQ_NMI, __ATOMIC_SEQ_CST);
    }
    if (events->nmi.injected) {
        s->nmi_blocked = 0; /* its delivery, which is still to come, blocks the next one */
    }
    if (events->exception.injected) {
        /* INT3 and INTO are carried out anew: they are software's. */
        if (events->exception.nr != X86_EXC_BP && events->exception.nr != X86_EXC_OF) {
            s->exception = events->exception.nr;
            s->has_error_code = events->exception.has_error_code;
            s->error_code = events->exception.error_code;
            s->exception_is_soft = 0;
            s->exception_cr2 = s->cr2;
            x86_deliver(s);
        }
    } else if (events->interrupt.injected && !events->interrupt.soft) {
        x86_deliver_vector(s, events->interrupt.nr);
    }
}

static bool
x86_kvm_get(EmuTcgState *tcg, gpointer opaque, int fd, GError **error)
{
    X86State *s = (X86State *)tcg;
    X86KvmArch *arch = opaque;
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_debugregs debug;
    struct kvm_vcpu_events events;

    /* First: KVM carries an INIT or a start-up message out when it is asked for this. */
    if (!x86_kvm_get_mp_state(s, arch, error)) {
        return false;
    }
    if (ioctl(fd, KVM_GET_REGS, &regs) != 0) {
        return x86_kvm_fail(error, "KVM_GET_REGS");
    }
    if (ioctl(fd, KVM_GET_SREGS, &sregs) != 0) {
        return x86_kvm_fail(error, "KVM_GET_SREGS");
    }
    if (ioctl(fd, KVM_GET_VCPU_EVENTS, &events) != 0) {
        return x86_kvm_fail(error, "KVM_GET_VCPU_EVENTS");
    }
    if ((events.nmi.injected || events.nmi.pending) && !x86_kvm_take_nmi(fd, &events, error)) {
        return false;
    }
    if (ioctl(fd, KVM_GET_DEBUGREGS, &debug) != 0) {
        return x86_kvm_fail(error, "KVM_GET_DEBUGREGS");
    }
    if (!x86_kvm_get_components(s, arch, error) || !x86_kvm_move_ssp(s, arch, KVM_GET_ONE_REG, error)) {
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
    x86_kvm_get_msrs(s, arch);
    if (s->cpu_index == 0) {
        ((X86Cpu *)s->owner)->pv_clock = emu_kvm_get_clock(x86_cpu_get_machine(s->owner));
    }
    memcpy(s->dr, debug.db, sizeof(debug.db));
    s->dr[6] = debug.dr6;
    s->dr[7] = debug.dr7;
    if (!x86_kvm_apic_get(s, arch, sregs.apic_base, error)) {
        return false;
    }
    if ((s->cr0 & X86_CR0_PG) && (s->cr4 & X86_CR4_PAE) && !(s->efer & X86_EFER_LMA)) {
        x86_load_pdptes(s, s->cr3);
    }
    x86_update_mode(s);
    x86_kvm_take_events(s, &events);
    return true;
}

/* ---- interrupts --------------------------------------------------------------------------------------------------- */

/*
 * KVM_INTERRUPT gives an in-kernel local APIC a vector that nobody can see until the guest has it: one that is saved at that moment would be
 * lost. So it goes where a vector is that the guest has accepted.
 */
static bool
x86_kvm_inject_beside_apic(X86KvmArch *arch, uint8_t vector)
{
    struct kvm_vcpu_events events;
    struct kvm_mp_state mp;

    if (ioctl(arch->fd, KVM_GET_MP_STATE, &mp) != 0 || ioctl(arch->fd, KVM_GET_VCPU_EVENTS, &events) != 0) {
        return false;
    }
    if (mp.mp_state == KVM_MP_STATE_HALTED) {
        mp.mp_state = KVM_MP_STATE_RUNNABLE;
        if (ioctl(arch->fd, KVM_SET_MP_STATE, &mp) != 0) {
            return false;
        }
    }
    events.flags = 0;
    events.interrupt.injected = 1;
    events.interrupt.nr = vector;
    events.interrupt.soft = 0;
    return ioctl(arch->fd, KVM_SET_VCPU_EVENTS, &events) == 0;
}

/* The vector that the 8259s or our own local APIC have to give, at a moment when the guest takes it. */
static void
x86_kvm_inject(X86State *s, X86KvmArch *arch, struct kvm_run *run)
{
    EmuMachine *machine = x86_cpu_get_machine(s->owner);
    int vector;

    emu_machine_lock(machine);
    vector = s->hooks->acknowledge(s);
    emu_machine_unlock(machine);
    if (vector >= 0) {
        struct kvm_interrupt interrupt = {.irq = vector};
        bool done = arch->vm->local_apics ? x86_kvm_inject_beside_apic(arch, (uint8_t)vector)
                                          : ioctl(arch->fd, KVM_INTERRUPT, &interrupt) == 0;

        if (!done) {
            emu_unimp("kvm: interrupt %d was not taken: %s", vector, g_strerror(errno));
        }
        run->ready_for_interrupt_injection = 0;
        arch->fresh = false;
    }
}

/* Does the guest take an interrupt now? The run area tells, once it has run with these registers. */
static bool
x86_kvm_is_ready(X86State *s, const X86KvmArch *arch, const struct kvm_run *run)
{
    if (!arch->fresh) {
        return run->ready_for_interrupt_injection && run->if_flag;
    }
    return (s->eflags & X86_IF) && !s->shadow && x86_apic_accepts_extint(&((X86Cpu *)s->owner)->apic);
}

static void
x86_kvm_before_run(EmuTcgState *tcg, gpointer opaque, int fd, struct kvm_run *run)
{
    X86State *s = (X86State *)tcg;
    X86KvmArch *arch = opaque;
    uint32_t requests = __atomic_load_n(&s->interrupt_request, __ATOMIC_ACQUIRE);

    arch->timer_left = 0;
    if (requests & X86_REQ_NMI) {
        __atomic_fetch_and(&s->interrupt_request, ~(X86_REQ_NMI | X86_REQ_NMI_AGAIN), __ATOMIC_SEQ_CST);
        ioctl(fd, KVM_NMI, 0);
        if (requests & X86_REQ_NMI_AGAIN) {
            ioctl(fd, KVM_NMI, 0);
        }
    }
    if ((requests & X86_REQ_HARD) && x86_kvm_is_ready(s, arch, run)) {
        x86_kvm_inject(s, arch, run);
        requests = __atomic_load_n(&s->interrupt_request, __ATOMIC_ACQUIRE);
    }
    run->request_interrupt_window = (requests & X86_REQ_HARD) != 0;
    if (!arch->vm->local_apics) {
        run->cr8 = s->hooks->get_tpr(s);
    }
}

static void
x86_kvm_after_run(EmuTcgState *tcg, gpointer opaque, struct kvm_run *run)
{
    X86State *s = (X86State *)tcg;
    X86KvmArch *arch = opaque;

    arch->fresh = false;
    if (!arch->vm->local_apics && run->cr8 != s->hooks->get_tpr(s)) {
        s->hooks->set_tpr(s, run->cr8);
    }
}

static bool
x86_kvm_needs_state(EmuTcgState *tcg, gpointer opaque)
{
    X86State *s = (X86State *)tcg;
    X86KvmArch *arch = opaque;
    uint32_t requests = __atomic_load_n(&s->interrupt_request, __ATOMIC_ACQUIRE);

    /* The NMI that wakes a halted CPU: whether it may is not known outside. */
    return (requests & (X86_REQ_INIT | X86_REQ_SIPI | X86_REQ_SMI)) ||
           (!arch->vm->local_apics && s->halted && (requests & X86_REQ_NMI));
}

static void
x86_kvm_set_halted(EmuTcgState *tcg, struct kvm_run *run)
{
    X86State *s = (X86State *)tcg;

    /* So much of the state is needed to see what wakes it. */
    s->halted = 1;
    s->shadow = 0;
    s->eflags = run->if_flag ? s->eflags | X86_IF : s->eflags & ~X86_IF;
}

static void
x86_kvm_paused(EmuTcgState *tcg G_GNUC_UNUSED, gpointer opaque)
{
    x86_kvm_apic_note_timer(opaque);
}

static bool
x86_kvm_wake(EmuTcgState *tcg)
{
    X86State *s = (X86State *)tcg;

    if (!x86_interrupt_wanted(tcg)) {
        return false;
    }
    s->halted = 0;
    return true;
}

static void
x86_kvm_end_of_interrupt(EmuTcgState *tcg, uint8_t vector)
{
    X86Cpu *cpu = ((X86State *)tcg)->owner;
    EmuMachine *machine = x86_cpu_get_machine(cpu);

    emu_machine_lock(machine);
    x86_apic_broadcast_eoi(&cpu->apic, vector);
    emu_machine_unlock(machine);
}

/* What KVM passes on for a Windows guest: nothing is behind it here. */
static bool
x86_kvm_handle_exit(EmuTcgState *tcg G_GNUC_UNUSED, gpointer opaque G_GNUC_UNUSED, int fd G_GNUC_UNUSED, struct kvm_run *run)
{
    enum { HV_STATUS_INVALID_HYPERCALL_CODE = 2 };

    switch (run->exit_reason) {
    case KVM_EXIT_HYPERV:
        if (run->hyperv.type == KVM_EXIT_HYPERV_HCALL) {
            run->hyperv.u.hcall.result = HV_STATUS_INVALID_HYPERCALL_CODE;
        }
        return true;
    case KVM_EXIT_X86_RDMSR:
    case KVM_EXIT_X86_WRMSR:
        run->msr.error = 1; /* #GP */
        return true;
    case KVM_EXIT_X86_BUS_LOCK:
    case KVM_EXIT_NMI:
    case KVM_EXIT_TPR_ACCESS:
        return true;
    default:
        return false;
    }
}

/* Where the opcode is. What is REX in 64-bit mode is an instruction of its own in others; the one behind it is looked at in its place. */
static unsigned
x86_kvm_skip_prefixes(const uint8_t *code, unsigned n)
{
    unsigned i = 0;

    while (i < n && (code[i] == 0x66 || code[i] == 0x67 || code[i] == 0xf0 || code[i] == 0xf2 || code[i] == 0xf3 || code[i] == 0x26 ||
                     code[i] == 0x2e || code[i] == 0x36 || code[i] == 0x3e || code[i] == 0x64 || code[i] == 0x65 ||
                     (code[i] & 0xf0) == 0x40)) {
        i++;
    }
    return i;
}

/* IN and OUT with a number, or with DX; INS, OUTS. */
static bool
x86_kvm_is_port_opcode(uint8_t opcode)
{
    return (opcode & 0xf4) == 0xe4 || (opcode & 0xfc) == 0x6c;
}

static bool
x86_kvm_is_port_access(const uint8_t *code, unsigned n)
{
    unsigned i = x86_kvm_skip_prefixes(code, n);

    return i < n && x86_kvm_is_port_opcode(code[i]) && n == i + ((code[i] & 0xfc) == 0xe4 ? 2 : 1);
}

static bool
x86_kvm_is_private(const uint8_t *code, unsigned n, bool ports)
{
    unsigned i = x86_kvm_skip_prefixes(code, n);

    if (i + 1 >= n) {
        return false;
    }
    if (code[i] != 0x0f) {
        return ports || !x86_kvm_is_port_opcode(code[i]);
    }
    switch (code[i + 1]) {
    case 0x00: /* SLDT, LTR and the like */
    case 0x01: /* LGDT, SMSW and the like */
    case 0x05 ... 0x09: /* SYSCALL, CLTS, SYSRET, INVD, WBINVD */
    case 0x20 ... 0x23: /* MOV with CRx and DRx */
    case 0x30 ... 0x37: /* WRMSR to GETSEC */
    case 0xa2: /* CPUID */
    case 0xaa: /* RSM */
    case 0xae: /* XSAVE and the like */
    case 0xc7: /* XSAVES, RDRAND */
        return false;
    default:
        return true;
    }
}

/*
 * What a kernel's local APIC knows can be replaced, not changed: a message that came in between would be lost. So the interpreter keeps
 * away from it, but for an instruction that KVM declines.
 */
static EmuTcgExit
x86_kvm_interpret(EmuTcgState *tcg, gpointer opaque, unsigned max, bool declined, unsigned *executed)
{
    X86State *s = (X86State *)tcg;
    X86KvmArch *arch = opaque;
    EmuTcgExit reason = EMU_TCG_EXIT_NONE;
    unsigned first = 0, others = 0;

    if (declined) {
        reason = x86_interp(tcg, 1, &first);
    }
    if (reason == EMU_TCG_EXIT_NONE && first < max && (first || !declined)) {
        s->elsewhere = (arch->vm->local_apics ? X86_ELSEWHERE_APIC : 0) | (arch->vm->chips ? X86_ELSEWHERE_CHIPS : 0);
        reason = x86_interp(tcg, max - first, &others);
        s->elsewhere = 0;
    }
    *executed = first + others;
    return reason;
}

static bool
x86_kvm_takes_interrupts(EmuTcgState *tcg)
{
    X86State *s = (X86State *)tcg;

    return (s->eflags & X86_IF) && !s->shadow;
}

const EmuKvmFrontend x86_kvm_frontend = {
    .struct_size = sizeof(EmuKvmFrontend),
    .tcg = &x86_frontend,
    .halt_insn = 0xf4,
    .arch_size = sizeof(X86KvmArch),
    .init_vm = x86_kvm_init_vm,
    .init_vcpu = x86_kvm_init_vcpu,
    .put = x86_kvm_put,
    .get = x86_kvm_get,
    .before_run = x86_kvm_before_run,
    .after_run = x86_kvm_after_run,
    .needs_state = x86_kvm_needs_state,
    .set_halted = x86_kvm_set_halted,
    .paused = x86_kvm_paused,
    .wake = x86_kvm_wake,
    .end_of_interrupt = x86_kvm_end_of_interrupt,
    .set_debug = x86_kvm_set_debug,
    .describe_stop = x86_kvm_describe_stop,
    .handle_exit = x86_kvm_handle_exit,
    .read_pc = x86_kvm_read_pc,
    .sees_accesses = x86_kvm_sees_accesses,
    .may_access = x86_kvm_may_access,
    .read_counter = x86_kvm_read_counter,
    .move_counter = x86_kvm_move_counter,
    .is_port_access = x86_kvm_is_port_access,
    .takes_interrupts = x86_kvm_takes_interrupts,
    .is_private = x86_kvm_is_private,
    .interpret = x86_kvm_interpret,
};
