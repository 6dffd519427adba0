/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * VMX: into a guest and out of it (SDM volume 3, 26.3 to 26.8 and chapter 27).
 *
 * Everything lies in the VMCS: what a guest is made of, what it goes back to, what an exit says.  Every crossing flushes the TLB.
 */

#include "x86-vmx.h"

/* ---- segments -------------------------------------------------------------------------------------------------------------- */

/* Rights: the descriptor's second word, bits 8 to 23, without the limit. */
static void
load_segment(X86State *s, unsigned seg)
{
    uint32_t rights = (uint32_t)x86_vmx_get(s, VMX_GUEST_RIGHTS + 2 * seg);
    uint32_t attr = rights << 8 & X86_DESC_ATTR;

    if ((rights & VMX_UNUSABLE) && seg != X86_CS) {
        attr |= X86_DESC_NULL;
    }
    x86_set_seg(s, seg, (uint16_t)x86_vmx_get(s, VMX_GUEST_SELECTOR + 2 * seg), x86_vmx_get(s, VMX_GUEST_BASE + 2 * seg),
                (uint32_t)x86_vmx_get(s, VMX_GUEST_LIMIT + 2 * seg), attr);
}

static void
save_segment(X86State *s, unsigned seg)
{
    const X86Segment *d = &s->seg[seg];

    x86_vmx_put(s, VMX_GUEST_SELECTOR + 2 * seg, d->selector);
    x86_vmx_put(s, VMX_GUEST_LIMIT + 2 * seg, d->limit);
    x86_vmx_put(s, VMX_GUEST_RIGHTS + 2 * seg, (d->attr >> 8 & 0xf0ff) | (d->attr & X86_DESC_NULL ? VMX_UNUSABLE : 0));
    x86_vmx_put(s, VMX_GUEST_BASE + 2 * seg, *x86_seg_base(s, seg));
}

/* ---- lists of MSRs (24.7.2, 24.8.2) -------------------------------------------------------------------------------------------- */

/* As many as IA32_VMX_MISC recommends; what software loses by more is undefined. */
#define MSR_LIST_MAX 512u

enum {
    MSR_MICROCODE_TRIGGER = 0x79,
    MSR_MICROCODE_REVISION = 0x8b,
    MSR_SMM_MONITOR = 0x9b,
    MSR_SMBASE = 0x9e,
    MSR_X2APIC_FIRST = 0x800,
    MSR_X2APIC_LAST = 0x8ff,
    MSR_FS_BASE = 0xc0000100u,
    MSR_GS_BASE = 0xc0000101u,
};

static bool
msr_can_be_listed(const X86State *s, uint32_t index, bool load)
{
    if (index >= MSR_X2APIC_FIRST && index <= MSR_X2APIC_LAST) {
        return !(s->apic_base & 1u << 10);
    }
    switch (index) {
    case MSR_MICROCODE_TRIGGER:
    case MSR_MICROCODE_REVISION:
    case MSR_FS_BASE:
    case MSR_GS_BASE:
        return !load;
    case MSR_SMM_MONITOR:
    case MSR_SMBASE:
        return false;
    default:
        return true;
    }
}

/* 0, or the number of the entry that failed, from 1 on. */
static uint32_t
walk_msr_list(X86State *s, unsigned count_field, unsigned address_field, bool load)
{
    uint32_t count = (uint32_t)x86_vmx_get(s, count_field);
    uint64_t at = x86_vmx_get(s, address_field), value;

    for (uint32_t i = 0; i < count; i++, at += 16) {
        uint64_t head = i < MSR_LIST_MAX ? emu_tcg_phys_load(&s->tcg, at, 8) : UINT64_MAX;
        uint32_t index = (uint32_t)head;

        if (head >> 32 || !msr_can_be_listed(s, index, load)) {
            return i + 1;
        }
        if (load) {
            if (!x86_write_msr(s, index, emu_tcg_phys_load(&s->tcg, at + 8, 8))) {
                return i + 1;
            }
        } else {
            if (!x86_read_msr(s, index, &value)) {
                return i + 1;
            }
            emu_tcg_phys_store(&s->tcg, at + 8, value, 8);
        }
    }
    return 0;
}

/* ---- the preemption timer (25.5.1) ------------------------------------------------------------------------------------------------ */

static void
stop_timer(X86State *s)
{
    if (s->vmx.timer_on && s->hooks && s->hooks->set_guest_timer) {
        s->hooks->set_guest_timer(s, 0);
    }
    s->vmx.timer_on = 0;
}

static void
arm_timer(X86State *s)
{
    if (!s->vmx.timer_on) {
        return;
    }
    if ((int64_t)(x86_read_tsc(s) - s->vmx.timer_end) >= 0 || !s->hooks || !s->hooks->set_guest_timer) {
        x86_vmx_request(s);
    } else {
        s->hooks->set_guest_timer(s, s->vmx.timer_end);
    }
}

/* It counts when bit 5 of the time-stamp counter changes. */
static void
start_timer(X86State *s)
{
    s->vmx.timer_on = x86_vmx_pin(s, VMX_PIN_TIMER);
    s->vmx.timer_end = ((x86_read_tsc(s) >> VMX_MISC_TIMER_SHIFT) + x86_vmx_get(s, VMX_PREEMPTION_TIMER)) << VMX_MISC_TIMER_SHIFT;
    arm_timer(s);
}

static uint64_t
timer_left(X86State *s)
{
    uint64_t now = x86_read_tsc(s) >> VMX_MISC_TIMER_SHIFT, end = s->vmx.timer_end >> VMX_MISC_TIMER_SHIFT;

    return end > now ? end - now : 0;
}

/* ---- out of a guest (27.3 to 27.6) -------------------------------------------------------------------------------------------------- */

void
x86_vmx_record_exit(X86State *s, uint32_t reason, uint64_t qualification)
{
    X86Vmx *v = &s->vmx;

    v->crossing = true;
    v->entering = v->is_fault = v->is_nmi = false;
    v->reason = reason;
    v->qualification = qualification;
    v->exit_event = v->exit_event_error = v->exit_length = v->exit_info = 0;
    v->linear = v->physical = 0;
    s->exception = X86_EXC_VIRT;
    s->has_error_code = 0;
    s->exception_is_soft = 0;
}

/* Interruptibility, activity, pending debug exceptions (27.3.4). */
static void
save_no_registers(X86State *s)
{
    bool steps = s->shadow && (s->eflags & X86_TF) && !(s->debugctl & X86_DEBUGCTL_BTF);
    uint64_t pending = s->vmx.debug_held | s->dr6_pending;

    x86_vmx_put(s, VMX_GUEST_ACTIVITY, s->wait_sipi ? VMX_WAIT_SIPI : s->halted ? VMX_HALTED : VMX_ACTIVE);
    x86_vmx_put(s, VMX_GUEST_INTERRUPTIBILITY,
                (s->shadow == X86_SHADOW_STI ? VMX_BLOCKED_BY_STI : s->shadow ? VMX_BLOCKED_BY_MOV_SS : 0) |
                    (s->nmi_blocked ? VMX_BLOCKED_BY_NMI : 0));
    x86_vmx_put(s, VMX_GUEST_PENDING_DEBUG, pending | (pending & 15 ? 1u << 12 : 0) | (steps ? X86_DR6_BS : 0));
}

static void
save_guest(X86State *s)
{
    uint32_t exit = (uint32_t)x86_vmx_get(s, VMX_EXIT_CONTROLS), entry = (uint32_t)x86_vmx_get(s, VMX_ENTRY_CONTROLS);

    x86_vmx_put(s, VMX_GUEST_CR0, s->cr0);
    x86_vmx_put(s, VMX_GUEST_CR3, s->cr3);
    x86_vmx_put(s, VMX_GUEST_CR4, s->cr4);
    for (unsigned i = 0; i < X86_N_SEGS; i++) {
        save_segment(s, i);
    }
    x86_vmx_put(s, VMX_GUEST_GDTR_BASE, s->gdtr.base);
    x86_vmx_put(s, VMX_GUEST_GDTR_LIMIT, s->gdtr.limit);
    x86_vmx_put(s, VMX_GUEST_IDTR_BASE, s->idtr.base);
    x86_vmx_put(s, VMX_GUEST_IDTR_LIMIT, s->idtr.limit);
    x86_vmx_put(s, VMX_GUEST_RSP, X86_LOW(s, X86_RSP));
    x86_vmx_put(s, VMX_GUEST_RIP, s->rip);
    x86_vmx_put(s, VMX_GUEST_RFLAGS, x86_get_eflags(s) | (s->vmx.is_fault ? X86_RF : 0));
    x86_vmx_put(s, VMX_GUEST_SYSENTER_CS, s->sysenter_cs);
    x86_vmx_put(s, VMX_GUEST_SYSENTER_ESP, s->sysenter_esp);
    x86_vmx_put(s, VMX_GUEST_SYSENTER_EIP, s->sysenter_eip);
    x86_vmx_put(s, VMX_GUEST_SMBASE, s->smbase);
    if (exit & VMX_EXIT_SAVE_DEBUG) {
        x86_vmx_put(s, VMX_GUEST_DR7, s->dr[7]);
        x86_vmx_put(s, VMX_GUEST_DEBUGCTL, s->debugctl);
    }
    if (exit & VMX_EXIT_SAVE_PAT) {
        x86_vmx_put(s, VMX_GUEST_PAT, s->pat);
    }
    if (exit & VMX_EXIT_SAVE_EFER) {
        x86_vmx_put(s, VMX_GUEST_EFER, s->efer);
    }
    if (x86_vmx_misc(s) & VMX_MISC_STORE_LMA) {
        x86_vmx_put(s, VMX_ENTRY_CONTROLS, (entry & ~VMX_ENTRY_GUEST_64) | (x86_long(s) ? VMX_ENTRY_GUEST_64 : 0));
    }
    for (unsigned i = 0; i < 4 && x86_vmx_has_ept(s); i++) {
        x86_vmx_put(s, VMX_GUEST_PDPTE + 2 * i, s->pdpte[i]);
    }
    if (exit & VMX_EXIT_SAVE_TIMER) {
        x86_vmx_put(s, VMX_PREEMPTION_TIMER, s->vmx.reason == VMX_REASON_TIMER ? 0 : timer_left(s));
    }
    save_no_registers(s);
}

static void
save_exit(X86State *s)
{
    X86Vmx *v = &s->vmx;

    x86_vmx_put(s, VMX_EXIT_REASON, v->reason);
    x86_vmx_put(s, VMX_EXIT_QUALIFICATION, v->qualification);
    x86_vmx_put(s, VMX_EXIT_EVENT, v->exit_event);
    x86_vmx_put(s, VMX_EXIT_EVENT_ERROR, v->exit_event_error);
    x86_vmx_put(s, VMX_IDT_EVENT, v->event);
    x86_vmx_put(s, VMX_IDT_EVENT_ERROR, v->event_error);
    x86_vmx_put(s, VMX_EXIT_LENGTH, v->event_length ? v->event_length : v->exit_length);
    x86_vmx_put(s, VMX_EXIT_INFO, v->exit_info);
    x86_vmx_put(s, VMX_GUEST_LINEAR_ADDRESS, v->linear);
    x86_vmx_put(s, VMX_GUEST_PHYSICAL_ADDRESS, v->physical);
    x86_vmx_put(s, VMX_ENTRY_EVENT, x86_vmx_get(s, VMX_ENTRY_EVENT) & ~(uint64_t)VMX_EVENT_VALID);
}

static void
load_host_segment(X86State *s, unsigned seg, unsigned index, uint64_t base, uint32_t size)
{
    uint16_t selector = (uint16_t)x86_vmx_get(s, VMX_HOST_SELECTOR + 2 * index);

    if (seg == X86_CS) {
        x86_set_seg(s, seg, selector, base, 0xffffffffu, X86_FLAT_CS(0, size));
    } else {
        x86_set_seg(s, seg, selector, base, 0xffffffffu, X86_FLAT_SS(0) | (selector ? 0 : X86_DESC_NULL));
    }
}

static void
load_host(X86State *s)
{
    uint32_t exit = (uint32_t)x86_vmx_get(s, VMX_EXIT_CONTROLS);
    bool is_long = exit & VMX_EXIT_HOST_64;
    const uint64_t kept = X86_CR0_ET | X86_CR0_CD | X86_CR0_NW;

    s->cr0 = (s->cr0 & kept) | (x86_vmx_get(s, VMX_HOST_CR0) & 0x8005002fu);
    s->cr3 = x86_vmx_get(s, VMX_HOST_CR3);
    s->cr4 = x86_vmx_get(s, VMX_HOST_CR4);
    s->dr[7] = 0x400;
    s->debugctl = 0;
    s->sysenter_cs = x86_vmx_get(s, VMX_HOST_SYSENTER_CS);
    s->sysenter_esp = x86_vmx_get(s, VMX_HOST_SYSENTER_ESP);
    s->sysenter_eip = x86_vmx_get(s, VMX_HOST_SYSENTER_EIP);
    if (exit & VMX_EXIT_LOAD_EFER) {
        s->efer = x86_vmx_get(s, VMX_HOST_EFER);
    }
    s->efer &= ~(uint64_t)(X86_EFER_LMA | X86_EFER_LME);
    s->efer |= is_long ? X86_EFER_LMA | X86_EFER_LME : 0;
    if (exit & VMX_EXIT_LOAD_PAT) {
        s->pat = x86_vmx_get(s, VMX_HOST_PAT);
    }
    for (unsigned i = X86_ES; i <= X86_DS; i++) {
        load_host_segment(s, i, i, 0, is_long ? X86_DESC_L : X86_DESC_B);
    }
    load_host_segment(s, X86_FS, X86_FS, x86_vmx_get(s, VMX_HOST_FS_BASE), 0);
    load_host_segment(s, X86_GS, X86_GS, x86_vmx_get(s, VMX_HOST_GS_BASE), 0);
    x86_set_seg(s, X86_TR, (uint16_t)x86_vmx_get(s, VMX_HOST_SELECTOR + 2 * 6), x86_vmx_get(s, VMX_HOST_TR_BASE), 0x67, X86_DESC_P | 11u << 8);
    x86_set_seg(s, X86_LDTR, 0, 0, 0, X86_DESC_NULL);
    s->gdtr = (X86TableReg){.base = x86_vmx_get(s, VMX_HOST_GDTR_BASE), .limit = 0xffff};
    s->idtr = (X86TableReg){.base = x86_vmx_get(s, VMX_HOST_IDTR_BASE), .limit = 0xffff};
    x86_set_eflags(s, 2);
    s->rip = x86_vmx_get(s, VMX_HOST_RIP);
    X86_LOW(s, X86_RSP) = x86_vmx_get(s, VMX_HOST_RSP);
    s->cpl = 0;
    s->shadow = 0;
    s->halted = 0;
    s->wait_sipi = 0;
}

/* VMX abort (27.7): nothing is left to go back to. */
static X86Crossing
abort_vmx(X86State *s, uint32_t code)
{
    memcpy(s->vmx.vmcs + VMX_REGION_ABORT, &code, sizeof(code));
    emu_tcg_phys_store(&s->tcg, s->vmx.current + VMX_REGION_ABORT, code, sizeof(code));
    x86_update_mode(s);
    return X86_CROSSED_TO_SHUTDOWN;
}

enum { ABORT_STORE_MSR = 1, ABORT_HOST_PDPTE = 2, ABORT_LOAD_MSR = 4 };

static void
forget_guest(X86State *s)
{
    stop_timer(s);
    s->virt = NULL;
    s->vmx.guest = s->vmx.watched = s->vmx.step_done = s->vmx.tpr_below = 0;
    s->vmx.debug_held = 0;
    s->vmx.event = s->vmx.event_error = s->vmx.event_length = 0;
    __atomic_fetch_and(&s->interrupt_request, ~X86_REQ_VIRTUAL, __ATOMIC_SEQ_CST);
}

/* The host goes on, after an exit or an entry that failed. */
static X86Crossing
go_back(X86State *s)
{
    uint32_t failed;

    load_host(s);
    if (!x86_long(s) && (s->cr4 & X86_CR4_PAE) && !x86_load_pdptes(s, s->cr3)) {
        return abort_vmx(s, ABORT_HOST_PDPTE);
    }
    failed = walk_msr_list(s, VMX_EXIT_MSR_LOAD_COUNT, VMX_EXIT_MSR_LOAD, true);
    x86_flush_all(s);
    x86_virt_crossed(s);
    return failed ? abort_vmx(s, ABORT_LOAD_MSR) : X86_CROSSED;
}

static X86Crossing
leave(X86State *s)
{
    X86Vmx *v = &s->vmx;

    save_guest(s);
    save_exit(s);
    forget_guest(s); /* the time that is stored has no guest's offset */
    if (v->is_nmi) {
        s->nmi_blocked = 1;
    } else if (x86_vmx_pin(s, VMX_PIN_VIRTUAL_NMI)) {
        s->nmi_blocked = 0; /* what was blocked were virtual ones */
    }
    if (walk_msr_list(s, VMX_EXIT_MSR_STORE_COUNT, VMX_EXIT_MSR_STORE, false)) {
        return abort_vmx(s, ABORT_STORE_MSR);
    }
    return go_back(s);
}

/* ---- into a guest (26.3.2 to 26.7) ------------------------------------------------------------------------------------------------------- */

void
x86_vmx_begin_entry(X86State *s)
{
    x86_vmx_record_exit(s, 0, 0);
    s->vmx.entering = true;
}

static X86Crossing
fail_entry(X86State *s, uint32_t reason, uint64_t qualification)
{
    x86_vmx_put(s, VMX_EXIT_REASON, reason | VMX_REASON_ENTRY_FAILED);
    x86_vmx_put(s, VMX_EXIT_QUALIFICATION, qualification);
    return go_back(s);
}

static void
load_guest_efer(X86State *s)
{
    uint32_t entry = (uint32_t)x86_vmx_get(s, VMX_ENTRY_CONTROLS);
    uint64_t lma = entry & VMX_ENTRY_GUEST_64 ? X86_EFER_LMA : 0;

    if (entry & VMX_ENTRY_LOAD_EFER) {
        s->efer = x86_vmx_get(s, VMX_GUEST_EFER);
        return;
    }
    s->efer = (s->efer & ~(uint64_t)X86_EFER_LMA) | lma;
    if (s->cr0 & X86_CR0_PG) {
        s->efer = (s->efer & ~(uint64_t)X86_EFER_LME) | (lma ? X86_EFER_LME : 0);
    }
}

static void
load_guest(X86State *s)
{
    uint32_t entry = (uint32_t)x86_vmx_get(s, VMX_ENTRY_CONTROLS), blocked = (uint32_t)x86_vmx_get(s, VMX_GUEST_INTERRUPTIBILITY);
    uint32_t activity = (uint32_t)x86_vmx_get(s, VMX_GUEST_ACTIVITY);
    const uint64_t kept = X86_CR0_ET | X86_CR0_CD | X86_CR0_NW;

    s->cr0 = (s->cr0 & kept) | (x86_vmx_get(s, VMX_GUEST_CR0) & 0x8005002fu);
    s->cr3 = x86_vmx_get(s, VMX_GUEST_CR3);
    s->cr4 = x86_vmx_get(s, VMX_GUEST_CR4);
    if (entry & VMX_ENTRY_LOAD_DEBUG) {
        s->dr[7] = (x86_vmx_get(s, VMX_GUEST_DR7) & 0xffff27ffu) | 0x400u;
        s->debugctl = x86_vmx_get(s, VMX_GUEST_DEBUGCTL);
    }
    s->sysenter_cs = x86_vmx_get(s, VMX_GUEST_SYSENTER_CS);
    s->sysenter_esp = x86_vmx_get(s, VMX_GUEST_SYSENTER_ESP);
    s->sysenter_eip = x86_vmx_get(s, VMX_GUEST_SYSENTER_EIP);
    load_guest_efer(s);
    if (entry & VMX_ENTRY_LOAD_PAT) {
        s->pat = x86_vmx_get(s, VMX_GUEST_PAT);
    }
    for (unsigned i = 0; i < X86_N_SEGS; i++) {
        load_segment(s, i);
    }
    s->gdtr = (X86TableReg){.base = x86_vmx_get(s, VMX_GUEST_GDTR_BASE), .limit = (uint32_t)x86_vmx_get(s, VMX_GUEST_GDTR_LIMIT)};
    s->idtr = (X86TableReg){.base = x86_vmx_get(s, VMX_GUEST_IDTR_BASE), .limit = (uint32_t)x86_vmx_get(s, VMX_GUEST_IDTR_LIMIT)};
    X86_LOW(s, X86_RSP) = x86_vmx_get(s, VMX_GUEST_RSP);
    s->rip = x86_vmx_get(s, VMX_GUEST_RIP);
    x86_set_eflags(s, (uint32_t)x86_vmx_get(s, VMX_GUEST_RFLAGS));
    s->cpl = s->eflags & X86_VM ? 3 : (s->seg[X86_SS].attr & X86_DESC_DPL) >> X86_DESC_DPL_SHIFT;
    s->shadow = blocked & VMX_BLOCKED_BY_MOV_SS ? X86_SHADOW_SS : blocked & VMX_BLOCKED_BY_STI ? X86_SHADOW_STI : 0;
    s->nmi_blocked = (blocked & VMX_BLOCKED_BY_NMI) != 0;
    s->wait_sipi = activity == VMX_WAIT_SIPI;
    s->halted = activity != VMX_ACTIVE;
    if (!x86_long(s) && (s->cr0 & X86_CR0_PG) && (s->cr4 & X86_CR4_PAE)) {
        if (x86_vmx_has_ept(s)) {
            for (unsigned i = 0; i < 4; i++) {
                s->pdpte[i] = x86_vmx_get(s, VMX_GUEST_PDPTE + 2 * i);
            }
        } else {
            x86_load_pdptes(s, s->cr3);
        }
    }
}

/* A guest runs, from here or from where SMM or a saved state interrupted it. */
static void
resume_guest(X86State *s)
{
    s->virt = &x86_vmx;
    s->vmx.watched = x86_vmx_proc(s, VMX_PROC_MTF);
    if (x86_vmx_proc(s, VMX_PROC_INTR_WINDOW | VMX_PROC_NMI_WINDOW) || s->vmx.tpr_below || s->vmx.step_done) {
        x86_vmx_request(s);
    }
    arm_timer(s);
}

/* The event that comes with the entry (26.6). */
static X86Crossing
inject(X86State *s, uint32_t info, X86Event *event)
{
    unsigned type = info >> VMX_EVENT_TYPE_SHIFT & 7;

    if (type == VMX_EVENT_OTHER) {
        s->vmx.step_done = 1;
        x86_vmx_request(s);
        return X86_CROSSED;
    }
    *event = (X86Event){
        .type = type == VMX_EVENT_SOFT_EXCEPTION ? X86_EVENT_EXCEPTION : (X86EventType)type,
        .vector = (uint8_t)info,
        .is_software = type == X86_EVENT_SOFTWARE || type == VMX_EVENT_SOFT_EXCEPTION,
        .has_error = info & VMX_EVENT_HAS_ERROR,
        .error = (uint32_t)x86_vmx_get(s, VMX_ENTRY_EVENT_ERROR),
        .return_rip = s->rip,
    };
    if (event->is_software || type == X86_EVENT_INT1) {
        event->return_rip += x86_vmx_get(s, VMX_ENTRY_LENGTH);
        if (s->code_size != 64) {
            event->return_rip = (uint32_t)event->return_rip;
        }
    }
    if (type == X86_EVENT_NMI && (x86_vmx_pin(s, VMX_PIN_VIRTUAL_NMI) || !x86_vmx_pin(s, VMX_PIN_NMI))) {
        s->nmi_blocked = 1;
    }
    return X86_CROSSED_WITH_EVENT;
}

/* Debug exceptions that were pending (26.7.3): those that MOV SS holds back wait behind the next instruction. */
static X86Crossing
take_pending_debug(X86State *s)
{
    uint64_t pending = x86_vmx_get(s, VMX_GUEST_PENDING_DEBUG);
    uint32_t causes = pending & (0xf | X86_DR6_BS);

    if (!(pending & (1u << 12 | X86_DR6_BS))) {
        return X86_CROSSED;
    }
    if (s->shadow == X86_SHADOW_SS) {
        s->dr6_pending = causes & 0xf;
        return X86_CROSSED;
    }
    x86_set_dr6(s, causes);
    s->exception = X86_EXC_DB;
    s->has_error_code = 0;
    s->exception_is_soft = 0;
    return X86_CROSSED_WITH_EXCEPTION;
}

static X86Crossing
enter(X86State *s, X86Event *event)
{
    uint32_t info = (uint32_t)x86_vmx_get(s, VMX_ENTRY_EVENT), failed, launched = 1;
    X86Crossing crossing;
    uint64_t qualification;

    if (!x86_vmx_check_guest(s, &qualification)) {
        return fail_entry(s, VMX_REASON_BAD_GUEST, qualification);
    }
    load_guest(s);
    failed = walk_msr_list(s, VMX_ENTRY_MSR_LOAD_COUNT, VMX_ENTRY_MSR_LOAD, true);
    if (failed) {
        return fail_entry(s, VMX_REASON_BAD_MSR, failed);
    }
    memcpy(s->vmx.vmcs + VMX_REGION_LAUNCHED, &launched, sizeof(launched));
    s->vmx.guest = 1;
    s->vmx.step_done = s->vmx.tpr_below = 0;
    s->vmx.event = s->vmx.event_error = s->vmx.event_length = 0;
    s->vmx.pause_first = s->vmx.pause_last = 0;
    start_timer(s);
    resume_guest(s);
    x86_flush_all(s);
    x86_virt_crossed(s);
    crossing = info & VMX_EVENT_VALID ? inject(s, info, event) : take_pending_debug(s);
    if (s->halted && crossing == X86_CROSSED) {
        __atomic_store_n(&s->tcg.exit_request, 1, __ATOMIC_SEQ_CST); /* nothing is executed */
    }
    return crossing;
}

X86Crossing
x86_vmx_cross(X86State *s, X86Event *event)
{
    bool entering = s->vmx.entering;

    s->vmx.crossing = s->vmx.entering = false;
    return entering ? enter(s, event) : leave(s);
}

/* ---- the rest of the CPU --------------------------------------------------------------------------------------------------------------- */

void
x86_vmx_init_signal(X86State *s)
{
    forget_guest(s);
    s->vmx.on = s->vmx.init_held = 0;
    s->vmx.current = UINT64_MAX;
    s->vmx.crossing = false;
}

/* SMM under VMX operation is as it always was (31.14): the guest, if one ran, is set aside. */
void
x86_vmx_enter_smm(X86State *s)
{
    s->vmx.watched = 0;
}

void
x86_vmx_resume(X86State *s)
{
    if (s->vmx.guest) {
        resume_guest(s);
    }
}

void
x86_vmx_leave_smm(X86State *s)
{
    if (!s->vmx.on) {
        return;
    }
    x86_vmx_resume(s);
    /* RSM forces the bits that VMX operation fixes. */
    s->cr4 |= X86_CR4_VMXE;
    s->cr0 |= X86_CR0_NE;
    if (!s->virt || !x86_vmx_proc2(s, VMX_PROC2_UNRESTRICTED)) {
        s->cr0 |= X86_CR0_PE | X86_CR0_PG;
    }
}
