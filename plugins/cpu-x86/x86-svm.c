/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * AMD-V: VMRUN, #VMEXIT and the instructions around them (APM 2, chapter 15).
 *
 * A guest's VMCB may hold anything.  What VMRUN does not refuse is made into a state that the rest of the CPU knows: bits
 * that are not there are dropped, EFER.LMA follows from LME and PG, CPL from the mode.  What #VMEXIT goes back to is kept in
 * the CPU, not at VM_HSAVE_PA.  VMCBs are not cached: clean bits have nothing to ask for.
 */

#include "x86-svm.h"

#define VM_CR_R_INIT (1u << 1)
#define VM_CR_LOCK (1u << 3)
#define VM_CR_SVMDIS (1u << 4)
#define VM_CR_KNOWN 0x1fu

#define IOPM_SIZE 0x2001u
#define MSRPM_SIZE 0x2000u

static uint64_t
vmcb_get(X86State *s, unsigned offset, unsigned size)
{
    return emu_tcg_phys_load(&s->tcg, s->svm.vmcb + offset, size);
}

static void
vmcb_put(X86State *s, unsigned offset, uint64_t value, unsigned size)
{
    emu_tcg_phys_store(&s->tcg, s->svm.vmcb + offset, value, size);
}

/* ---- segments: rights in 12 bits, the two parts of the descriptor's moved together ------------------------------------ */

static void
vmcb_put_segment(X86State *s, unsigned offset, unsigned seg)
{
    const X86Segment *d = &s->seg[seg];

    vmcb_put(s, offset, d->selector | (d->attr >> 8 & 0xff) << 16 | (uint64_t)(d->attr >> 20 & 15) << 24 | (uint64_t)d->limit << 32, 8);
    vmcb_put(s, offset + 8, *x86_seg_base(s, seg), 8);
}

/* Bases beyond the width of linear addresses are sign-extended. */
static uint64_t
canonical_base(const X86State *s, uint64_t base)
{
    unsigned shift = x86_has_feature(s, X86_FEAT_LA57) ? 7 : 16;

    return (uint64_t)((int64_t)(base << shift) >> shift);
}

static void
vmcb_get_segment(X86State *s, unsigned offset, unsigned seg)
{
    uint64_t v = vmcb_get(s, offset, 8);
    uint32_t attr = ((uint32_t)(v >> 16) & 0xff) << 8 | ((uint32_t)(v >> 24) & 15) << 20;

    if (!(attr & X86_DESC_P) && seg != X86_CS) {
        attr |= X86_DESC_NULL;
    }
    x86_set_seg(s, seg, (uint16_t)v, canonical_base(s, vmcb_get(s, offset + 8, 8)), (uint32_t)(v >> 32), attr);
}

static void
vmcb_put_table(X86State *s, unsigned offset, const X86TableReg *t)
{
    vmcb_put(s, offset + 4, t->limit, 4);
    vmcb_put(s, offset + 8, t->base, 8);
}

static void
vmcb_get_table(X86State *s, unsigned offset, X86TableReg *t)
{
    t->limit = (uint32_t)vmcb_get(s, offset + 4, 4) & 0xffff;
    t->base = canonical_base(s, vmcb_get(s, offset + 8, 8));
}

/* ---- last branch ------------------------------------------------------------------------------------------------- */

static void
vmcb_put_branches(X86State *s)
{
    vmcb_put(s, VMCB_DEBUGCTL, s->debugctl, 8);
    vmcb_put(s, VMCB_BR_FROM, s->br_from, 8);
    vmcb_put(s, VMCB_BR_TO, s->br_to, 8);
    vmcb_put(s, VMCB_EXC_FROM, s->exc_from, 8);
    vmcb_put(s, VMCB_EXC_TO, s->exc_to, 8);
}

static void
vmcb_get_branches(X86State *s)
{
    s->debugctl = vmcb_get(s, VMCB_DEBUGCTL, 8) & (X86_DEBUGCTL_LBR | X86_DEBUGCTL_BTF);
    s->br_from = vmcb_get(s, VMCB_BR_FROM, 8);
    s->br_to = vmcb_get(s, VMCB_BR_TO, 8);
    s->exc_from = vmcb_get(s, VMCB_EXC_FROM, 8);
    s->exc_to = vmcb_get(s, VMCB_EXC_TO, 8);
}

static bool
lbr_virtualized(const X86State *s)
{
    return (s->svm.virt_ext & SVM_EXT_LBRV) && x86_has_feature(s, X86_FEAT_LBRV);
}

/* ---- VMRUN --------------------------------------------------------------------------------------------------------- */

static uint64_t
effective_lma(uint64_t efer, uint64_t cr0)
{
    return (efer & X86_EFER_LME) && (cr0 & X86_CR0_PG) ? efer | X86_EFER_LMA : efer & ~(uint64_t)X86_EFER_LMA;
}

static bool
event_is_valid(uint64_t event, bool code64)
{
    unsigned vector = event & 0xff;

    if (!(event & SVM_EVENT_VALID)) {
        return true;
    }
    switch (event >> SVM_EVENT_TYPE_SHIFT & 7) {
    case X86_EVENT_INTR:
    case X86_EVENT_NMI:
    case X86_EVENT_SOFTWARE:
        return true;
    case X86_EVENT_EXCEPTION:
        return vector != X86_EXC_NMI && vector < 32 && !(code64 && (vector == X86_EXC_OF || vector == X86_EXC_BR));
    default:
        return false;
    }
}

/* PAE without nested paging: what VMRUN would load must be what a move to CR3 would. */
static bool
pdptes_are_valid(X86State *s, uint64_t cr3)
{
    uint64_t kept[4];
    bool valid;

    memcpy(kept, s->pdpte, sizeof(kept));
    valid = x86_load_pdptes(s, cr3);
    memcpy(s->pdpte, kept, sizeof(kept));
    return valid;
}

/* The control area, up to what a guest is refused for. */
static bool
load_control(X86State *s)
{
    X86Svm *v = &s->svm;

    for (unsigned i = 0; i < G_N_ELEMENTS(v->intercept); i++) {
        v->intercept[i] = (uint32_t)vmcb_get(s, VMCB_INTERCEPTS + 4 * i, 4);
    }
    v->pause_threshold = x86_has_feature(s, X86_FEAT_PFTHRESHOLD) ? (uint32_t)vmcb_get(s, VMCB_PAUSE_THRESHOLD, 2) : 0;
    v->pause_filter = x86_has_feature(s, X86_FEAT_PAUSE_FILTER) ? (uint32_t)vmcb_get(s, VMCB_PAUSE_FILTER, 2) : 0;
    v->pause_left = v->pause_filter;
    v->pause_tsc = 0;
    v->iopm = vmcb_get(s, VMCB_IOPM, 8) & ~UINT64_C(0xfff);
    v->msrpm = vmcb_get(s, VMCB_MSRPM, 8) & ~UINT64_C(0xfff);
    v->tsc_offset = vmcb_get(s, VMCB_TSC_OFFSET, 8);
    v->asid = (uint32_t)vmcb_get(s, VMCB_ASID, 4);
    v->int_ctl = (uint32_t)vmcb_get(s, VMCB_INT_CTL, 4);
    v->int_vector = (uint32_t)vmcb_get(s, VMCB_INT_VECTOR, 4) & 0xff;
    v->nested_control = x86_has_feature(s, X86_FEAT_NPT) ? vmcb_get(s, VMCB_NESTED_CONTROL, 8) & SVM_NESTED_PAGING : 0;
    v->nested_cr3 = vmcb_get(s, VMCB_NESTED_CR3, 8);
    v->virt_ext = vmcb_get(s, VMCB_VIRT_EXT, 8);
    if (!x86_has_feature(s, X86_FEAT_VGIF)) {
        v->int_ctl &= ~(SVM_INT_V_GIF | SVM_INT_V_GIF_ENABLE);
    }
    if (!x86_has_feature(s, X86_FEAT_VNMI)) {
        v->int_ctl &= ~SVM_INT_V_NMI_ENABLE;
    }
    if ((v->int_ctl & SVM_INT_V_NMI_ENABLE) && !x86_svm_intercepts(s, SVM_EXIT_NMI)) {
        return false;
    }
    if (!x86_svm_intercepts(s, SVM_EXIT_VMRUN) || v->asid == 0 || v->iopm + IOPM_SIZE > s->phys_mask ||
        v->msrpm + MSRPM_SIZE > s->phys_mask || v->iopm > s->phys_mask || v->msrpm > s->phys_mask) {
        return false;
    }
    return !v->nested_control || ((s->cr0 & X86_CR0_PG) && !(v->nested_cr3 & ~s->phys_mask) && x86_pat_is_valid(vmcb_get(s, VMCB_G_PAT, 8)));
}

/* The guest's registers (APM 2, 15.5.1). */
static bool
state_is_valid(X86State *s)
{
    uint64_t efer = vmcb_get(s, VMCB_EFER, 8), cr0 = vmcb_get(s, VMCB_CR0, 8), cr3 = vmcb_get(s, VMCB_CR3, 8);
    uint64_t cr4 = vmcb_get(s, VMCB_CR4, 8), dr6 = vmcb_get(s, VMCB_DR6, 8), dr7 = vmcb_get(s, VMCB_DR7, 8);
    uint32_t cs = (uint32_t)vmcb_get(s, VMCB_SEGMENTS + 16 * X86_CS + 2, 2);
    bool cs_l = cs >> 9 & 1, cs_d = cs >> 10 & 1, want_long = (efer & X86_EFER_LME) && (cr0 & X86_CR0_PG);

    if (!(efer & X86_EFER_SVME) || (efer & ~x86_efer_allowed(s)) || cr0 >> 32 || (!(cr0 & X86_CR0_CD) && (cr0 & X86_CR0_NW)) ||
        (cr3 & ~s->phys_mask) || (cr4 & ~x86_cr4_allowed(s)) || ((cr4 & X86_CR4_CET) && !(cr0 & X86_CR0_WP)) || dr6 >> 32 || dr7 >> 32) {
        return false;
    }
    if (want_long && (!(cr4 & X86_CR4_PAE) || !(cr0 & X86_CR0_PE) || (cs_l && cs_d))) {
        return false;
    }
    if (!want_long && (cr4 & X86_CR4_PCIDE)) {
        return false;
    }
    if (!event_is_valid(vmcb_get(s, VMCB_EVENT_INJECTION, 8), want_long && cs_l)) {
        return false;
    }
    return want_long || !(cr0 & X86_CR0_PG) || !(cr4 & X86_CR4_PAE) || s->svm.nested_control || pdptes_are_valid(s, cr3);
}

static void
save_host(X86State *s)
{
    X86SvmHost *h = &s->svm.host;

    for (unsigned i = X86_ES; i <= X86_DS; i++) {
        h->seg[i] = s->seg[i];
        h->base[i] = *x86_seg_base(s, i);
    }
    h->gdtr = s->gdtr;
    h->idtr = s->idtr;
    h->efer = s->efer;
    h->cr0 = s->cr0;
    h->cr3 = s->cr3;
    h->cr4 = s->cr4;
    h->rflags = x86_get_eflags(s);
    h->rip = s->interp->next_rip;
    h->rsp = X86_LOW(s, X86_RSP);
    h->rax = X86_LOW(s, X86_RAX);
    h->pat = s->pat;
    h->debugctl = s->debugctl;
    h->br_from = s->br_from;
    h->br_to = s->br_to;
    h->exc_from = s->exc_from;
    h->exc_to = s->exc_to;
    h->s_cet = s->s_cet;
    h->ssp = s->ssp;
    h->interrupt_ssp_table = s->interrupt_ssp_table;
}

/* The mode is another. */
static void
crossed(X86State *s)
{
    s->halted = 0;
    x86_virt_crossed(s);
}

static bool
has_cet(const X86State *s)
{
    return x86_has_feature(s, X86_FEAT_CET_SS) || x86_has_feature(s, X86_FEAT_CET_IBT);
}

static void
load_guest(X86State *s)
{
    X86Svm *v = &s->svm;
    uint32_t flags = (uint32_t)vmcb_get(s, VMCB_RFLAGS, 8) & 0x3f7fd7;

    for (unsigned i = X86_ES; i <= X86_DS; i++) {
        vmcb_get_segment(s, VMCB_SEGMENTS + 16 * i, i);
    }
    vmcb_get_table(s, VMCB_GDTR, &s->gdtr);
    vmcb_get_table(s, VMCB_IDTR, &s->idtr);
    s->cr0 = (vmcb_get(s, VMCB_CR0, 8) & 0xe005003fu) | X86_CR0_ET;
    s->efer = effective_lma(vmcb_get(s, VMCB_EFER, 8), s->cr0);
    s->cr3 = vmcb_get(s, VMCB_CR3, 8);
    s->cr4 = vmcb_get(s, VMCB_CR4, 8);
    s->cr2 = vmcb_get(s, VMCB_CR2, 8);
    s->dr[6] = (vmcb_get(s, VMCB_DR6, 8) & 0xe00f) | 0xffff0ff0u;
    s->dr[7] = (vmcb_get(s, VMCB_DR7, 8) & 0xffff27ffu) | 0x400u;
    if ((flags & X86_VM) && (x86_long(s) || !(s->cr0 & X86_CR0_PE))) {
        flags &= ~X86_VM;
    }
    x86_set_eflags(s, flags);
    s->cpl = !(s->cr0 & X86_CR0_PE) ? 0 : flags & X86_VM ? 3 : (uint8_t)(vmcb_get(s, VMCB_CPL, 1) & 3);
    s->rip = vmcb_get(s, VMCB_RIP, 8);
    X86_LOW(s, X86_RSP) = vmcb_get(s, VMCB_RSP, 8);
    X86_LOW(s, X86_RAX) = vmcb_get(s, VMCB_RAX, 8);
    s->shadow = vmcb_get(s, VMCB_INT_STATE, 4) & 1 ? X86_SHADOW_STI : 0;
    if (v->nested_control) {
        s->pat = vmcb_get(s, VMCB_G_PAT, 8);
    }
    if (lbr_virtualized(s)) {
        vmcb_get_branches(s);
    }
    if (has_cet(s)) {
        s->s_cet = vmcb_get(s, VMCB_S_CET, 8);
        s->ssp = vmcb_get(s, VMCB_SSP, 8);
        s->interrupt_ssp_table = vmcb_get(s, VMCB_ISST_ADDR, 8);
    }
    v->guest = 1;
    v->gif = 1;
    v->event = v->event_error = 0;
    s->virt = &x86_svm;
    if (!x86_long(s) && (s->cr0 & X86_CR0_PG) && (s->cr4 & X86_CR4_PAE)) {
        x86_load_pdptes(s, s->cr3);
    }
    if (x86_svm_virtual_pending(s)) {
        __atomic_fetch_or(&s->interrupt_request, X86_REQ_VIRTUAL, __ATOMIC_SEQ_CST);
    }
}

/* TLB_CONTROL (APM 2, 15.16.2), before the guest is there. */
static void
flush_as_told(X86State *s)
{
    switch (vmcb_get(s, VMCB_TLB_CONTROL, 1)) {
    case 0:
        break;
    case SVM_TLB_FLUSH_ASID:
    case SVM_TLB_FLUSH_ASID_LOCAL:
        emu_tcg_flush_space(&s->tcg, s->svm.asid);
        break;
    default:
        x86_flush_all(s);
    }
}

static X86Crossing
enter(X86State *s, X86Event *event)
{
    uint64_t injected = vmcb_get(s, VMCB_EVENT_INJECTION, 8);
    bool soft;

    flush_as_told(s);
    load_guest(s);
    crossed(s);
    if (!(injected & SVM_EVENT_VALID)) {
        return X86_CROSSED;
    }
    vmcb_put(s, VMCB_EVENT_INJECTION, injected & ~(uint64_t)SVM_EVENT_VALID, 4);
    event->type = (X86EventType)(injected >> SVM_EVENT_TYPE_SHIFT & 7);
    event->vector = event->type == X86_EVENT_NMI ? X86_EXC_NMI : (uint8_t)injected;
    if (event->type == X86_EVENT_NMI) {
        s->svm.int_ctl |= SVM_INT_V_NMI_MASK; /* as if it had been a virtual one */
    }
    event->is_software = event->type == X86_EVENT_SOFTWARE;
    event->has_error = event->type == X86_EVENT_EXCEPTION && (injected & SVM_EVENT_HAS_ERROR) && (s->cr0 & X86_CR0_PE);
    event->error = (uint32_t)(injected >> 32);
    /* What the guest executed itself returns behind the instruction. */
    soft = event->is_software || (event->type == X86_EVENT_EXCEPTION && (event->vector == X86_EXC_BP || event->vector == X86_EXC_OF));
    event->return_rip = soft && x86_has_feature(s, X86_FEAT_NRIP_SAVE) ? vmcb_get(s, VMCB_NEXT_RIP, 8) : s->rip;
    return X86_CROSSED_WITH_EVENT;
}

/* ---- #VMEXIT --------------------------------------------------------------------------------------------------------- */

void
x86_svm_record_exit(X86State *s, uint64_t code, uint64_t info1, uint64_t info2)
{
    s->svm.entering = false;
    s->svm.exit_code = code;
    s->svm.exit_info1 = info1;
    s->svm.exit_info2 = info2;
    s->svm.next_rip = 0;
    s->exception = X86_EXC_VIRT;
    s->has_error_code = 0;
    s->exception_is_soft = 0;
}

/* Decode assist: the instruction whose data access faulted. */
static void
save_insn_bytes(X86State *s, uint64_t code, uint64_t info1)
{
    uint64_t words[2] = {0, 0};
    uint8_t bytes[16] = {0};
    bool data = !(info1 & 16) && (code == SVM_EXIT_NPF || code == SVM_EXIT_EXCEPTION + X86_EXC_PF);

    if (!x86_has_feature(s, X86_FEAT_DECODEASSISTS)) {
        return;
    }
    if (data && !(s->svm.event & SVM_EVENT_VALID)) {
        bytes[0] = (uint8_t)emu_tcg_fetch(&s->tcg, x86_get_pc(&s->tcg), bytes + 1, 15);
        s->exception = -1; /* that there were fewer is no fault */
    }
    memcpy(words, bytes, sizeof(words));
    vmcb_put(s, VMCB_INSN_BYTES, words[0], 8);
    vmcb_put(s, VMCB_INSN_BYTES + 8, words[1], 8);
}

static void
save_guest(X86State *s)
{
    X86Svm *v = &s->svm;
    uint32_t live = SVM_INT_V_TPR | SVM_INT_V_IRQ | SVM_INT_V_GIF;

    if (v->int_ctl & SVM_INT_V_NMI_ENABLE) {
        live |= SVM_INT_V_NMI | SVM_INT_V_NMI_MASK;
    }

    for (unsigned i = X86_ES; i <= X86_DS; i++) {
        vmcb_put_segment(s, VMCB_SEGMENTS + 16 * i, i);
    }
    vmcb_put_table(s, VMCB_GDTR, &s->gdtr);
    vmcb_put_table(s, VMCB_IDTR, &s->idtr);
    vmcb_put(s, VMCB_EFER, s->efer, 8);
    vmcb_put(s, VMCB_CR0, s->cr0, 8);
    vmcb_put(s, VMCB_CR2, s->cr2, 8);
    vmcb_put(s, VMCB_CR3, s->cr3, 8);
    vmcb_put(s, VMCB_CR4, s->cr4, 8);
    vmcb_put(s, VMCB_DR6, s->dr[6], 8);
    vmcb_put(s, VMCB_DR7, s->dr[7], 8);
    vmcb_put(s, VMCB_RFLAGS, x86_get_eflags(s), 8);
    vmcb_put(s, VMCB_RIP, s->rip, 8);
    vmcb_put(s, VMCB_RSP, X86_LOW(s, X86_RSP), 8);
    vmcb_put(s, VMCB_RAX, X86_LOW(s, X86_RAX), 8);
    vmcb_put(s, VMCB_CPL, s->cpl, 1);
    vmcb_put(s, VMCB_INT_STATE, s->shadow != 0, 4);
    vmcb_put(s, VMCB_INT_CTL, (vmcb_get(s, VMCB_INT_CTL, 4) & ~live) | (v->int_ctl & live), 4);
    if (v->nested_control) {
        vmcb_put(s, VMCB_G_PAT, s->pat, 8);
    }
    if (lbr_virtualized(s)) {
        vmcb_put_branches(s);
    }
    if (has_cet(s)) {
        vmcb_put(s, VMCB_S_CET, s->s_cet, 8);
        vmcb_put(s, VMCB_SSP, s->ssp, 8);
        vmcb_put(s, VMCB_ISST_ADDR, s->interrupt_ssp_table, 8);
    }
}

static void
load_host(X86State *s)
{
    const X86SvmHost *h = &s->svm.host;

    for (unsigned i = X86_ES; i <= X86_DS; i++) {
        s->seg[i] = h->seg[i];
        *x86_seg_base(s, i) = h->base[i];
    }
    s->gdtr = h->gdtr;
    s->idtr = h->idtr;
    s->efer = h->efer;
    s->cr0 = h->cr0 | X86_CR0_PE;
    s->cr3 = h->cr3;
    s->cr4 = h->cr4;
    x86_set_eflags(s, (uint32_t)h->rflags & ~(X86_VM | X86_RF));
    s->rip = h->rip;
    X86_LOW(s, X86_RSP) = h->rsp;
    X86_LOW(s, X86_RAX) = h->rax;
    s->dr[7] = 0x400;
    s->cpl = 0;
    s->shadow = 0;
    if (s->svm.nested_control) {
        s->pat = h->pat;
    }
    if (lbr_virtualized(s)) {
        s->debugctl = h->debugctl;
        s->br_from = h->br_from;
        s->br_to = h->br_to;
        s->exc_from = h->exc_from;
        s->exc_to = h->exc_to;
    }
    if (has_cet(s)) {
        s->s_cet = h->s_cet;
        s->ssp = h->ssp;
        s->interrupt_ssp_table = h->interrupt_ssp_table;
    }
}

/* The guest is given up, whatever becomes of its state. */
static void
forget_guest(X86State *s)
{
    s->virt = NULL;
    s->svm.guest = 0;
    s->svm.event = s->svm.event_error = 0;
    __atomic_fetch_and(&s->interrupt_request, ~X86_REQ_VIRTUAL, __ATOMIC_SEQ_CST);
}

/* When the host single-steps, VMRUN is over now. */
static X86Crossing
leave(X86State *s, X86Event *event)
{
    X86Svm *v = &s->svm;
    uint64_t code = v->exit_code, info1 = v->exit_info1, info2 = v->exit_info2, next_rip = v->next_rip;

    save_insn_bytes(s, code, info1);
    if ((v->event & SVM_EVENT_VALID) && (v->event >> SVM_EVENT_TYPE_SHIFT & 7) == X86_EVENT_NMI) {
        v->int_ctl &= ~SVM_INT_V_NMI_MASK; /* its handler was not reached */
    }
    save_guest(s);
    vmcb_put(s, VMCB_EXIT_CODE, code, 8);
    vmcb_put(s, VMCB_EXIT_INFO1, info1, 8);
    vmcb_put(s, VMCB_EXIT_INFO2, info2, 8);
    vmcb_put(s, VMCB_EXIT_INT_INFO, v->event | (uint64_t)v->event_error << 32, 8);
    if (x86_has_feature(s, X86_FEAT_NRIP_SAVE)) {
        vmcb_put(s, VMCB_NEXT_RIP, next_rip, 8);
    }
    load_host(s);
    forget_guest(s);
    v->gif = 0;
    if (!x86_long(s) && (s->cr0 & X86_CR0_PG) && (s->cr4 & X86_CR4_PAE)) {
        x86_load_pdptes(s, s->cr3);
    }
    crossed(s);
    if (!(s->eflags & X86_TF)) {
        return X86_CROSSED;
    }
    x86_set_dr6(s, X86_DR6_BS);
    *event = (X86Event){.type = X86_EVENT_EXCEPTION, .vector = X86_EXC_DB, .return_rip = s->rip};
    return X86_CROSSED_WITH_EVENT;
}

X86Crossing
x86_svm_cross(X86State *s, X86Event *event)
{
    bool entering = s->svm.entering;

    s->svm.entering = false;
    return entering ? enter(s, event) : leave(s, event);
}

void
x86_svm_init_signal(X86State *s)
{
    forget_guest(s);
    s->svm.gif = 1;
    s->svm.entering = false;
}

void
x86_svm_enter_smm(X86State *s)
{
    s->svm.gif_in_smm = s->svm.gif;
    s->svm.gif = 1;
}

void
x86_svm_leave_smm(X86State *s)
{
    s->svm.gif = s->svm.gif_in_smm;
    if (s->svm.guest) {
        s->virt = &x86_svm;
        if (x86_svm_virtual_pending(s)) {
            __atomic_fetch_or(&s->interrupt_request, X86_REQ_VIRTUAL, __ATOMIC_SEQ_CST);
        }
    }
}

/* ---- instructions ---------------------------------------------------------------------------------------------------------- */

/* What all of them need; then the guest's hypervisor is asked. */
static void
check_svm(X86State *s, unsigned code)
{
    if (!(s->efer & X86_EFER_SVME) || !x86_protected(s)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if (s->cpl != 0) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    if (s->virt && x86_svm_intercepts(s, code)) {
        x86_svm_record_exit(s, code, 0, 0);
        s->svm.next_rip = s->interp->next_rip;
        x86_unwind(s, X86_UNWIND_EXCEPTION);
    }
}

/* rAX as wide as addresses are: a page of memory. */
static uint64_t
vmcb_operand(X86State *s, const X86Insn *insn)
{
    uint64_t at = X86_LOW(s, X86_RAX) & x86_size_mask(insn->addrsize);

    if ((at & 0xfff) || (at & ~s->phys_mask)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    return at;
}

void
x86_exec_vmrun(X86State *s, const X86Insn *insn)
{
    uint64_t at;

    check_svm(s, SVM_EXIT_VMRUN);
    at = vmcb_operand(s, insn);
    if (s->svm.guest) {
        x86_raise_plain(s, X86_EXC_UD); /* in SMM, with a guest set aside: there is room for one */
    }
    s->svm.vmcb = at;
    if (!load_control(s) || !state_is_valid(s)) {
        vmcb_put(s, VMCB_EXIT_CODE, SVM_EXIT_INVALID, 8);
        vmcb_put(s, VMCB_EXIT_INFO1, 0, 8);
        vmcb_put(s, VMCB_EXIT_INFO2, 0, 8);
        vmcb_put(s, VMCB_EXIT_INT_INFO, 0, 8);
        s->svm.gif = 0;
        s->dr[7] = 0x400;
        x86_update_mode(s);
        return;
    }
    save_host(s);
    s->svm.entering = true;
    s->exception = X86_EXC_VIRT;
    s->has_error_code = 0;
    s->exception_is_soft = 0;
    x86_unwind(s, X86_UNWIND_EXCEPTION);
}

/*
 * The VMCB of VMLOAD and VMSAVE: at a physical address; where these are virtualized, at one of the guest's. @access tells
 * what is done there.
 */
static uint64_t
vmload_operand(X86State *s, const X86Insn *insn, EmuTcgAccess access)
{
    uint64_t at = vmcb_operand(s, insn);
    X86SecondLevel t;

    if (s->virt && (s->svm.virt_ext & SVM_EXT_V_VMLOAD) && x86_has_feature(s, X86_FEAT_V_VMSAVE_VMLOAD) && s->virt->has_second_level(s)) {
        X86SecondLevelAccess what = {.gpa = at, .access = access, .record = true};

        if (!s->virt->second_level(s, &what, &t)) {
            x86_unwind(s, X86_UNWIND_EXCEPTION);
        }
        return t.phys;
    }
    return at;
}

/* MSRs in the order in which the VMCB has them from STAR on. */
static uint64_t *
vmload_msr(X86State *s, unsigned i)
{
    uint64_t *const msr[] = {&s->star,           &s->lstar,       &s->cstar,        &s->sfmask,
                             &s->kernel_gs_base, &s->sysenter_cs, &s->sysenter_esp, &s->sysenter_eip};

    return i < G_N_ELEMENTS(msr) ? msr[i] : NULL;
}

static const struct {
    uint16_t offset;
    uint8_t seg;
} vmload_segments[] = {
    {VMCB_SEGMENTS + 16 * X86_FS, X86_FS},
    {VMCB_SEGMENTS + 16 * X86_GS, X86_GS},
    {VMCB_LDTR, X86_LDTR},
    {VMCB_TR, X86_TR},
};

void
x86_exec_vmload(X86State *s, const X86Insn *insn)
{
    uint64_t at, running = s->svm.vmcb, *msr;

    check_svm(s, SVM_EXIT_VMLOAD);
    at = vmload_operand(s, insn, EMU_TCG_READ);
    s->svm.vmcb = at;
    for (unsigned i = 0; i < G_N_ELEMENTS(vmload_segments); i++) {
        vmcb_get_segment(s, vmload_segments[i].offset, vmload_segments[i].seg);
    }
    for (unsigned i = 0; (msr = vmload_msr(s, i)) != NULL; i++) {
        *msr = vmcb_get(s, VMCB_STAR + 8 * i, 8);
    }
    s->svm.vmcb = running;
    s->lstar = canonical_base(s, s->lstar);
    s->cstar = canonical_base(s, s->cstar);
    s->kernel_gs_base = canonical_base(s, s->kernel_gs_base);
    s->sysenter_esp = canonical_base(s, s->sysenter_esp);
    s->sysenter_eip = canonical_base(s, s->sysenter_eip);
    s->sfmask = (uint32_t)s->sfmask;
    x86_update_mode(s);
}

void
x86_exec_vmsave(X86State *s, const X86Insn *insn)
{
    uint64_t at, running = s->svm.vmcb, *msr;

    check_svm(s, SVM_EXIT_VMSAVE);
    at = vmload_operand(s, insn, EMU_TCG_WRITE);
    s->svm.vmcb = at;
    for (unsigned i = 0; i < G_N_ELEMENTS(vmload_segments); i++) {
        vmcb_put_segment(s, vmload_segments[i].offset, vmload_segments[i].seg);
    }
    for (unsigned i = 0; (msr = vmload_msr(s, i)) != NULL; i++) {
        vmcb_put(s, VMCB_STAR + 8 * i, *msr, 8);
    }
    s->svm.vmcb = running;
}

/* A guest with a virtual GIF has no hold on the other one. */
static bool
virtual_gif(const X86State *s)
{
    return s->virt && (s->svm.int_ctl & SVM_INT_V_GIF_ENABLE);
}

void
x86_exec_stgi(X86State *s, const X86Insn *insn)
{
    (void)insn;
    check_svm(s, SVM_EXIT_STGI);
    if (virtual_gif(s)) {
        s->svm.int_ctl |= SVM_INT_V_GIF;
    } else {
        s->svm.gif = 1;
    }
    x86_virt_look_again(s);
}

void
x86_exec_clgi(X86State *s, const X86Insn *insn)
{
    (void)insn;
    check_svm(s, SVM_EXIT_CLGI);
    if (virtual_gif(s)) {
        s->svm.int_ctl &= ~SVM_INT_V_GIF;
    } else {
        s->svm.gif = 0;
    }
}

void
x86_exec_invlpga(X86State *s, const X86Insn *insn)
{
    uint32_t asid = (uint32_t)X86_LOW(s, X86_RCX);

    check_svm(s, SVM_EXIT_INVLPGA);
    if (asid == (s->virt ? s->svm.asid : 0)) {
        x86_flush_page(s, X86_LOW(s, X86_RAX) & x86_size_mask(insn->addrsize));
    } else {
        emu_tcg_flush_space(&s->tcg, asid); /* all of it */
    }
}

/* ---- MSRs --------------------------------------------------------------------------------------------------------------------- */

enum { MSR_TSC_RATIO = 0xc0000104u, MSR_VM_CR = 0xc0010114u, MSR_VM_HSAVE_PA = 0xc0010117u };

X86MsrResult
x86_svm_rdmsr(X86State *s, uint32_t index, uint64_t *value)
{
    if (!x86_has_feature(s, X86_FEAT_SVM)) {
        return X86_MSR_NOT_MINE;
    }
    switch (index) {
    case MSR_TSC_RATIO:
        if (!x86_has_feature(s, X86_FEAT_TSC_SCALE)) {
            return X86_MSR_NOT_MINE;
        }
        *value = s->svm.tsc_ratio;
        return X86_MSR_DONE;
    case MSR_VM_CR:
        *value = s->svm.vm_cr;
        return X86_MSR_DONE;
    case MSR_VM_HSAVE_PA:
        *value = s->svm.hsave_pa;
        return X86_MSR_DONE;
    default:
        return X86_MSR_NOT_MINE;
    }
}

X86MsrResult
x86_svm_wrmsr(X86State *s, uint32_t index, uint64_t value)
{
    X86Svm *v = &s->svm;
    uint64_t locked = 0;

    if (!x86_has_feature(s, X86_FEAT_SVM)) {
        return X86_MSR_NOT_MINE;
    }
    switch (index) {
    case MSR_TSC_RATIO:
        if (!x86_has_feature(s, X86_FEAT_TSC_SCALE)) {
            return X86_MSR_NOT_MINE;
        }
        if (value & ~SVM_TSC_RATIO_KNOWN) {
            return X86_MSR_FAULT;
        }
        v->tsc_ratio = value;
        return X86_MSR_DONE;
    case MSR_VM_CR:
        /* SVM cannot be disabled while it is enabled; LOCK, where there is one, holds itself and SVMDIS. */
        if ((value & ~(uint64_t)VM_CR_KNOWN) || ((value & VM_CR_SVMDIS) && (s->efer & X86_EFER_SVME))) {
            return X86_MSR_FAULT;
        }
        if (!x86_has_feature(s, X86_FEAT_SVM_LOCK)) {
            value &= ~(uint64_t)VM_CR_LOCK;
        } else if (v->vm_cr & VM_CR_LOCK) {
            locked = VM_CR_LOCK | VM_CR_SVMDIS;
        }
        v->vm_cr = (value & ~locked) | (v->vm_cr & locked);
        return X86_MSR_DONE;
    case MSR_VM_HSAVE_PA:
        if ((value & 0xfff) || (value & ~s->phys_mask)) {
            return X86_MSR_FAULT;
        }
        v->hsave_pa = value;
        return X86_MSR_DONE;
    default:
        return X86_MSR_NOT_MINE;
    }
}

bool
x86_svm_disabled(const X86State *s)
{
    return s->svm.vm_cr & VM_CR_SVMDIS;
}

bool
x86_svm_redirects_init(const X86State *s)
{
    return s->svm.vm_cr & VM_CR_R_INIT;
}
