/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What VM entry checks before it loads anything (SDM volume 3, 26.2 and 26.3): the controls, the state that exits go back to, the
 * guest's state.  Later parts of the CPU rest on it.
 */

#include "x86-vmx.h"

/* ---- controls (26.2.1) ---------------------------------------------------------------------------------------------------- */

static bool
group_is_valid(const X86State *s, X86VmxGroup group, uint32_t value)
{
    X86VmxAllowed a = x86_vmx_allowed(s, group);

    return (value & a.must) == a.must && !(value & ~a.may);
}

static bool
page_is_valid(const X86State *s, unsigned field)
{
    return x86_vmx_is_page(s, x86_vmx_get(s, field));
}

static bool
execution_controls_are_valid(X86State *s)
{
    uint32_t pin = (uint32_t)x86_vmx_get(s, VMX_PIN_CONTROLS), proc = (uint32_t)x86_vmx_get(s, VMX_PROC_CONTROLS);
    uint32_t proc2 = x86_vmx_get_proc2(s);

    if (!group_is_valid(s, X86_VMX_PIN, pin) || !group_is_valid(s, X86_VMX_PROC, proc) || !group_is_valid(s, X86_VMX_PROC2, proc2) ||
        x86_vmx_get(s, VMX_CR3_TARGET_COUNT) > VMX_MISC_CR3_TARGETS) {
        return false;
    }
    if ((proc & VMX_PROC_IO_BITMAPS) && !(page_is_valid(s, VMX_IO_BITMAP_A) && page_is_valid(s, VMX_IO_BITMAP_B))) {
        return false;
    }
    if ((proc & VMX_PROC_MSR_BITMAPS) && !page_is_valid(s, VMX_MSR_BITMAP)) {
        return false;
    }
    if (proc & VMX_PROC_TPR_SHADOW) {
        uint64_t page = x86_vmx_get(s, VMX_VIRTUAL_APIC), threshold = x86_vmx_get(s, VMX_TPR_THRESHOLD);

        if (!x86_vmx_is_page(s, page) || threshold > 15 || threshold > emu_tcg_phys_load(&s->tcg, page + 0x80, 1) >> 4) {
            return false;
        }
    }
    if (!(pin & VMX_PIN_NMI) && (pin & VMX_PIN_VIRTUAL_NMI)) {
        return false;
    }
    if (!(pin & VMX_PIN_VIRTUAL_NMI) && (proc & VMX_PROC_NMI_WINDOW)) {
        return false;
    }
    if ((proc2 & VMX_PROC2_VPID) && x86_vmx_get(s, VMX_VPID) == 0) {
        return false;
    }
    if (proc2 & VMX_PROC2_EPT) {
        if (!x86_vmx_eptp_is_valid(s, x86_vmx_get(s, VMX_EPTP))) {
            return false;
        }
    } else if (proc2 & (VMX_PROC2_UNRESTRICTED | VMX_PROC2_PML | VMX_PROC2_MBEC)) {
        return false;
    }
    if ((proc2 & VMX_PROC2_PML) && !page_is_valid(s, VMX_PML_ADDRESS)) {
        return false;
    }
    return !(proc2 & VMX_PROC2_SHADOW_VMCS) || (page_is_valid(s, VMX_VMREAD_BITMAP) && page_is_valid(s, VMX_VMWRITE_BITMAP));
}

/* A list of MSRs: 16 bytes each. */
static bool
msr_area_is_valid(const X86State *s, unsigned count_field, unsigned address_field)
{
    uint64_t count = x86_vmx_get(s, count_field), address = x86_vmx_get(s, address_field);

    return count == 0 || (!(address & 15) && !(address & ~s->phys_mask) && !((address + count * 16 - 1) & ~s->phys_mask));
}

static bool
exit_controls_are_valid(X86State *s)
{
    uint32_t control = (uint32_t)x86_vmx_get(s, VMX_EXIT_CONTROLS);

    return group_is_valid(s, X86_VMX_EXIT, control) && (x86_vmx_pin(s, VMX_PIN_TIMER) || !(control & VMX_EXIT_SAVE_TIMER)) &&
           msr_area_is_valid(s, VMX_EXIT_MSR_STORE_COUNT, VMX_EXIT_MSR_STORE) &&
           msr_area_is_valid(s, VMX_EXIT_MSR_LOAD_COUNT, VMX_EXIT_MSR_LOAD);
}

static bool
vector_has_error(const X86State *s, unsigned vector)
{
    if (vector == X86_EXC_CP) {
        return x86_has_feature(s, X86_FEAT_CET_SS) || x86_has_feature(s, X86_FEAT_CET_IBT);
    }
    return vector == X86_EXC_DF || (vector >= X86_EXC_TS && vector <= X86_EXC_PF) || vector == X86_EXC_AC;
}

static bool
entry_event_is_valid(X86State *s)
{
    uint32_t event = (uint32_t)x86_vmx_get(s, VMX_ENTRY_EVENT), vector = event & 0xff, length = (uint32_t)x86_vmx_get(s, VMX_ENTRY_LENGTH);
    bool has_error = event & VMX_EVENT_HAS_ERROR, protected_mode = x86_vmx_get(s, VMX_GUEST_CR0) & X86_CR0_PE, may;
    unsigned type = event >> VMX_EVENT_TYPE_SHIFT & 7;

    if (!(event & VMX_EVENT_VALID)) {
        return true;
    }
    if ((event & 0x7ffff000u) || type == 1 || (type == X86_EVENT_NMI && vector != X86_EXC_NMI) ||
        (type == X86_EVENT_EXCEPTION && vector > 31) || (type == VMX_EVENT_OTHER && vector != 0)) {
        return false;
    }
    may = type == X86_EVENT_EXCEPTION && vector_has_error(s, vector) && (protected_mode || !x86_vmx_proc2(s, VMX_PROC2_UNRESTRICTED));
    if (has_error != may || (has_error && x86_vmx_get(s, VMX_ENTRY_EVENT_ERROR) >> 16)) {
        return false;
    }
    if (type == X86_EVENT_SOFTWARE || type == X86_EVENT_INT1 || type == VMX_EVENT_SOFT_EXCEPTION) {
        return length <= 15 && (length != 0 || (x86_vmx_misc(s) & VMX_MISC_LENGTH_0));
    }
    return true;
}

static bool
entry_controls_are_valid(X86State *s)
{
    return group_is_valid(s, X86_VMX_ENTRY, (uint32_t)x86_vmx_get(s, VMX_ENTRY_CONTROLS)) && entry_event_is_valid(s) &&
           msr_area_is_valid(s, VMX_ENTRY_MSR_LOAD_COUNT, VMX_ENTRY_MSR_LOAD);
}

/* ---- the host's state (26.2.2 to 26.2.4) --------------------------------------------------------------------------------------- */

static bool
is_canonical(const X86State *s, unsigned field)
{
    return x86_canonical_base(s, x86_vmx_get(s, field));
}

/* EFER as an entry or exit loads it: nothing reserved, and both bits of long mode as the controls have it. */
static bool
efer_is_valid(const X86State *s, uint64_t efer, bool is_long, bool paging)
{
    const uint64_t known = X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE; /* those of Intel's processors */
    bool lma = efer & X86_EFER_LMA, lme = efer & X86_EFER_LME;

    return !(efer & ~(known & x86_efer_allowed(s))) && lma == is_long && (!paging || lme == lma);
}

/* Shadow stacks go with pages that a supervisor cannot write either. */
static bool
cet_without_wp(uint64_t cr0, uint64_t cr4)
{
    return (cr4 & X86_CR4_CET) && !(cr0 & X86_CR0_WP);
}

static bool
host_is_valid(X86State *s)
{
    uint32_t exit = (uint32_t)x86_vmx_get(s, VMX_EXIT_CONTROLS);
    uint64_t cr4 = x86_vmx_get(s, VMX_HOST_CR4), rip = x86_vmx_get(s, VMX_HOST_RIP);
    bool host64 = exit & VMX_EXIT_HOST_64, guest64 = x86_vmx_get(s, VMX_ENTRY_CONTROLS) & VMX_ENTRY_GUEST_64;
    unsigned va_shift = cr4 & X86_CR4_LA57 ? 7 : 16;
    static const uint16_t canonical[] = {VMX_HOST_SYSENTER_ESP, VMX_HOST_SYSENTER_EIP, VMX_HOST_FS_BASE,  VMX_HOST_GS_BASE,
                                         VMX_HOST_GDTR_BASE,    VMX_HOST_IDTR_BASE,    VMX_HOST_TR_BASE};

    if (x86_vmx_cr0_wrong(s, x86_vmx_get(s, VMX_HOST_CR0), false) || x86_vmx_cr4_wrong(s, cr4) ||
        cet_without_wp(x86_vmx_get(s, VMX_HOST_CR0), cr4) || (x86_vmx_get(s, VMX_HOST_CR3) & ~s->phys_mask)) {
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(canonical); i++) {
        if (!is_canonical(s, canonical[i])) {
            return false;
        }
    }
    if ((exit & VMX_EXIT_LOAD_PAT) && !x86_pat_is_valid(x86_vmx_get(s, VMX_HOST_PAT))) {
        return false;
    }
    if ((exit & VMX_EXIT_LOAD_EFER) && !efer_is_valid(s, x86_vmx_get(s, VMX_HOST_EFER), host64, true)) {
        return false;
    }
    for (unsigned i = 0; i < 7; i++) {
        if (x86_vmx_get(s, VMX_HOST_SELECTOR + 2 * i) & 7) {
            return false;
        }
    }
    if (x86_vmx_get(s, VMX_HOST_SELECTOR + 2 * X86_CS) == 0 || x86_vmx_get(s, VMX_HOST_SELECTOR + 2 * 6) == 0 ||
        (!host64 && x86_vmx_get(s, VMX_HOST_SELECTOR + 2 * X86_SS) == 0)) {
        return false;
    }
    if (host64 != x86_long(s) || (guest64 && !host64)) {
        return false;
    }
    if (!host64) {
        return !(cr4 & X86_CR4_PCIDE) && !(rip >> 32);
    }
    return (cr4 & X86_CR4_PAE) && (uint64_t)((int64_t)(rip << va_shift) >> va_shift) == rip;
}

unsigned
x86_vmx_check_controls(X86State *s)
{
    if (!execution_controls_are_valid(s) || !exit_controls_are_valid(s) || !entry_controls_are_valid(s)) {
        return VMX_ERROR_CONTROLS;
    }
    return host_is_valid(s) ? 0 : VMX_ERROR_HOST_STATE;
}

/* ---- the guest's registers (26.3.1) ------------------------------------------------------------------------------------------------ */

static bool
guest_is_long(const X86State *s)
{
    return x86_vmx_get(s, VMX_ENTRY_CONTROLS) & VMX_ENTRY_GUEST_64;
}

static bool
guest_control_registers_are_valid(X86State *s)
{
    uint64_t cr0 = x86_vmx_get(s, VMX_GUEST_CR0), cr4 = x86_vmx_get(s, VMX_GUEST_CR4);
    uint32_t entry = (uint32_t)x86_vmx_get(s, VMX_ENTRY_CONTROLS);
    bool is_long = guest_is_long(s);

    if (x86_vmx_cr0_wrong(s, cr0, x86_vmx_proc2(s, VMX_PROC2_UNRESTRICTED)) || ((cr0 & X86_CR0_PG) && !(cr0 & X86_CR0_PE)) ||
        x86_vmx_cr4_wrong(s, cr4) || cet_without_wp(cr0, cr4) || (x86_vmx_get(s, VMX_GUEST_CR3) & ~s->phys_mask)) {
        return false;
    }
    if (is_long ? !(cr0 & X86_CR0_PG) || !(cr4 & X86_CR4_PAE) : (cr4 & X86_CR4_PCIDE) != 0) {
        return false;
    }
    if ((entry & VMX_ENTRY_LOAD_DEBUG) && ((x86_vmx_get(s, VMX_GUEST_DEBUGCTL) & ~x86_debugctl_allowed(s)) || x86_vmx_get(s, VMX_GUEST_DR7) >> 32)) {
        return false;
    }
    if ((entry & VMX_ENTRY_LOAD_PAT) && !x86_pat_is_valid(x86_vmx_get(s, VMX_GUEST_PAT))) {
        return false;
    }
    if ((entry & VMX_ENTRY_LOAD_EFER) && !efer_is_valid(s, x86_vmx_get(s, VMX_GUEST_EFER), is_long, cr0 & X86_CR0_PG)) {
        return false;
    }
    return is_canonical(s, VMX_GUEST_SYSENTER_ESP) && is_canonical(s, VMX_GUEST_SYSENTER_EIP);
}

/* ---- segments (26.3.1.2) -------------------------------------------------------------------------------------------------------------- */

typedef struct {
    uint16_t selector;
    uint32_t limit, rights;
    uint64_t base;
} Segment;

static Segment
get_segment(const X86State *s, unsigned seg)
{
    return (Segment){
        .selector = (uint16_t)x86_vmx_get(s, VMX_GUEST_SELECTOR + 2 * seg),
        .limit = (uint32_t)x86_vmx_get(s, VMX_GUEST_LIMIT + 2 * seg),
        .rights = (uint32_t)x86_vmx_get(s, VMX_GUEST_RIGHTS + 2 * seg),
        .base = x86_vmx_get(s, VMX_GUEST_BASE + 2 * seg),
    };
}

#define RIGHTS_TYPE(r) ((r) & 15)
#define RIGHTS_S (1u << 4)
#define RIGHTS_DPL(r) ((r) >> 5 & 3)
#define RIGHTS_P (1u << 7)
#define RIGHTS_L (1u << 13)
#define RIGHTS_DB (1u << 14)
#define RIGHTS_G (1u << 15)
#define RIGHTS_RESERVED 0xfffe0f00u

/* Present, nothing reserved, and a limit that the granularity can tell. */
static bool
rights_are_valid(const Segment *d, bool is_system)
{
    bool pages = d->rights & RIGHTS_G;

    return (d->rights & RIGHTS_P) && !(d->rights & RIGHTS_RESERVED) && !(d->rights & RIGHTS_S) == is_system &&
           !((d->limit & 0xfff) != 0xfff && pages) && !(d->limit >> 20 && !pages);
}

static bool
vm86_segments_are_valid(const X86State *s)
{
    for (unsigned i = X86_ES; i <= X86_GS; i++) {
        Segment d = get_segment(s, i);

        if (d.base != (uint64_t)d.selector << 4 || d.limit != 0xffff || d.rights != 0xf3) {
            return false;
        }
    }
    return true;
}

static bool
code_segment_is_valid(const X86State *s, const Segment *cs, const Segment *ss, bool unrestricted)
{
    unsigned dpl = RIGHTS_DPL(cs->rights), ss_dpl = RIGHTS_DPL(ss->rights);

    if (cs->base >> 32 || !rights_are_valid(cs, false) || (guest_is_long(s) && (cs->rights & RIGHTS_L) && (cs->rights & RIGHTS_DB))) {
        return false;
    }
    switch (RIGHTS_TYPE(cs->rights)) {
    case 3:
        return unrestricted && dpl == 0;
    case 9:
    case 11:
        return dpl == ss_dpl;
    case 13:
    case 15:
        return dpl <= ss_dpl;
    default:
        return false;
    }
}

static bool
stack_segment_is_valid(const X86State *s, const Segment *cs, const Segment *ss, bool unrestricted)
{
    unsigned dpl = RIGHTS_DPL(ss->rights), type = RIGHTS_TYPE(ss->rights);

    if (!unrestricted && ((ss->selector & 3) != (cs->selector & 3) || dpl != (ss->selector & 3u))) {
        return false;
    }
    if (dpl != 0 && (RIGHTS_TYPE(cs->rights) == 3 || !(x86_vmx_get(s, VMX_GUEST_CR0) & X86_CR0_PE))) {
        return false;
    }
    return (ss->rights & VMX_UNUSABLE) || ((type == 3 || type == 7) && !(ss->base >> 32) && rights_are_valid(ss, false));
}

static bool
data_segment_is_valid(const X86State *s, unsigned seg, bool unrestricted)
{
    Segment d = get_segment(s, seg);
    unsigned type = RIGHTS_TYPE(d.rights);

    if (seg >= X86_FS && !x86_canonical_base(s, d.base)) {
        return false;
    }
    if (d.rights & VMX_UNUSABLE) {
        return true;
    }
    return (type & 1) && (!(type & 8) || (type & 2)) && rights_are_valid(&d, false) && (seg >= X86_FS || !(d.base >> 32)) &&
           (unrestricted || type > 11 || RIGHTS_DPL(d.rights) >= (d.selector & 3u));
}

static bool
system_segments_are_valid(const X86State *s)
{
    Segment tr = get_segment(s, X86_TR), ldtr = get_segment(s, X86_LDTR);
    unsigned type = RIGHTS_TYPE(tr.rights);

    if ((tr.selector & 4) || !x86_canonical_base(s, tr.base) || (tr.rights & VMX_UNUSABLE) || !rights_are_valid(&tr, true) ||
        (type != 11 && (type != 3 || guest_is_long(s)))) {
        return false;
    }
    return (ldtr.rights & VMX_UNUSABLE) ||
           (!(ldtr.selector & 4) && x86_canonical_base(s, ldtr.base) && rights_are_valid(&ldtr, true) && RIGHTS_TYPE(ldtr.rights) == 2);
}

static bool
guest_segments_are_valid(X86State *s)
{
    static const uint8_t data[] = {X86_ES, X86_DS, X86_FS, X86_GS};
    bool unrestricted = x86_vmx_proc2(s, VMX_PROC2_UNRESTRICTED);
    Segment cs = get_segment(s, X86_CS), ss = get_segment(s, X86_SS);

    if (!system_segments_are_valid(s)) {
        return false;
    }
    if (x86_vmx_get(s, VMX_GUEST_RFLAGS) & X86_VM) {
        return vm86_segments_are_valid(s);
    }
    if (!code_segment_is_valid(s, &cs, &ss, unrestricted) || !stack_segment_is_valid(s, &cs, &ss, unrestricted)) {
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(data); i++) {
        if (!data_segment_is_valid(s, data[i], unrestricted)) {
            return false;
        }
    }
    return true;
}

/* ---- tables, RIP, RFLAGS (26.3.1.3, 26.3.1.4) -------------------------------------------------------------------------------------------- */

static bool
guest_pointers_are_valid(X86State *s)
{
    uint64_t rip = x86_vmx_get(s, VMX_GUEST_RIP), flags = x86_vmx_get(s, VMX_GUEST_RFLAGS);
    uint32_t event = (uint32_t)x86_vmx_get(s, VMX_ENTRY_EVENT);
    bool code64 = guest_is_long(s) && (get_segment(s, X86_CS).rights & RIGHTS_L);
    unsigned width = x86_has_feature(s, X86_FEAT_LA57) ? 57 : 48;

    if (!is_canonical(s, VMX_GUEST_GDTR_BASE) || !is_canonical(s, VMX_GUEST_IDTR_BASE) || x86_vmx_get(s, VMX_GUEST_GDTR_LIMIT) >> 16 ||
        x86_vmx_get(s, VMX_GUEST_IDTR_LIMIT) >> 16) {
        return false;
    }
    /* (the bits beyond the width must be alike, the highest of the others need not be) */
    if (code64 ? (uint64_t)((int64_t)rip >> width) + 1 > 1 : rip >> 32) {
        return false;
    }
    if ((flags & ~UINT64_C(0x3f7fd7)) || !(flags & 2) ||
        ((flags & X86_VM) && (guest_is_long(s) || !(x86_vmx_get(s, VMX_GUEST_CR0) & X86_CR0_PE)))) {
        return false;
    }
    return !(event & VMX_EVENT_VALID) || (event >> VMX_EVENT_TYPE_SHIFT & 7) != X86_EVENT_INTR || (flags & X86_IF);
}

/* ---- what is no register (26.3.1.5) ----------------------------------------------------------------------------------------------------------- */

static bool
activity_is_valid(X86State *s)
{
    uint32_t activity = (uint32_t)x86_vmx_get(s, VMX_GUEST_ACTIVITY), event = (uint32_t)x86_vmx_get(s, VMX_ENTRY_EVENT);
    unsigned type = event >> VMX_EVENT_TYPE_SHIFT & 7, vector = event & 0xff;

    if (activity > VMX_WAIT_SIPI || (activity != VMX_ACTIVE && !(x86_vmx_misc(s) >> (5 + activity) & 1))) {
        return false;
    }
    if (activity == VMX_ACTIVE) {
        return true;
    }
    if (x86_vmx_get(s, VMX_GUEST_INTERRUPTIBILITY) & (VMX_BLOCKED_BY_STI | VMX_BLOCKED_BY_MOV_SS)) {
        return false;
    }
    if (activity == VMX_HALTED) {
        if (RIGHTS_DPL(get_segment(s, X86_SS).rights) != 0) {
            return false;
        }
        return !(event & VMX_EVENT_VALID) || type == X86_EVENT_INTR || type == X86_EVENT_NMI || type == VMX_EVENT_OTHER ||
               (type == X86_EVENT_EXCEPTION && (vector == X86_EXC_DB || vector == X86_EXC_MC));
    }
    return !(event & VMX_EVENT_VALID);
}

static bool
interruptibility_is_valid(X86State *s)
{
    uint32_t blocked = (uint32_t)x86_vmx_get(s, VMX_GUEST_INTERRUPTIBILITY), event = (uint32_t)x86_vmx_get(s, VMX_ENTRY_EVENT);
    unsigned type = event >> VMX_EVENT_TYPE_SHIFT & 7, both = VMX_BLOCKED_BY_STI | VMX_BLOCKED_BY_MOV_SS;

    if ((blocked & ~(both | VMX_BLOCKED_BY_NMI)) || (blocked & both) == both ||
        ((blocked & VMX_BLOCKED_BY_STI) && !(x86_vmx_get(s, VMX_GUEST_RFLAGS) & X86_IF))) {
        return false;
    }
    if (!(event & VMX_EVENT_VALID)) {
        return true;
    }
    if (type == X86_EVENT_INTR) {
        return !(blocked & both);
    }
    if (type == X86_EVENT_NMI) {
        return !(blocked & VMX_BLOCKED_BY_MOV_SS) && !((blocked & VMX_BLOCKED_BY_NMI) && x86_vmx_pin(s, VMX_PIN_VIRTUAL_NMI));
    }
    return true;
}

static bool
pending_debug_is_valid(X86State *s)
{
    uint64_t pending = x86_vmx_get(s, VMX_GUEST_PENDING_DEBUG), flags = x86_vmx_get(s, VMX_GUEST_RFLAGS);
    uint64_t debugctl = x86_vmx_get(s, VMX_ENTRY_CONTROLS) & VMX_ENTRY_LOAD_DEBUG ? x86_vmx_get(s, VMX_GUEST_DEBUGCTL) : s->debugctl;
    bool steps = (flags & X86_TF) && !(debugctl & X86_DEBUGCTL_BTF);

    if (pending & ~(uint64_t)(0xf | 1u << 12 | X86_DR6_BS)) {
        return false;
    }
    if ((x86_vmx_get(s, VMX_GUEST_INTERRUPTIBILITY) & (VMX_BLOCKED_BY_STI | VMX_BLOCKED_BY_MOV_SS)) ||
        x86_vmx_get(s, VMX_GUEST_ACTIVITY) == VMX_HALTED) {
        return !(pending & X86_DR6_BS) == !steps;
    }
    return true;
}

static bool
link_pointer_is_valid(X86State *s)
{
    uint64_t link = x86_vmx_get(s, VMX_LINK_POINTER);
    uint32_t want = VMX_REVISION | (x86_vmx_proc2(s, VMX_PROC2_SHADOW_VMCS) ? VMX_SHADOW_INDICATOR : 0);

    return link == UINT64_MAX ||
           (x86_vmx_is_page(s, link) && link != s->vmx.current && (uint32_t)emu_tcg_phys_load(&s->tcg, link, 4) == want);
}

/* PAE's four entries (26.3.1.6): fields where there is EPT, else what a move to CR3 would load. */
static bool
guest_pdptes_are_valid(X86State *s)
{
    uint64_t cr0 = x86_vmx_get(s, VMX_GUEST_CR0), cr4 = x86_vmx_get(s, VMX_GUEST_CR4), kept[4];
    bool valid;

    if (!(cr0 & X86_CR0_PG) || !(cr4 & X86_CR4_PAE) || guest_is_long(s)) {
        return true;
    }
    if (x86_vmx_has_ept(s)) {
        for (unsigned i = 0; i < 4; i++) {
            if (!x86_pdpte_is_valid(s, x86_vmx_get(s, VMX_GUEST_PDPTE + 2 * i))) {
                return false;
            }
        }
        return true;
    }
    memcpy(kept, s->pdpte, sizeof(kept));
    valid = x86_load_pdptes(s, x86_vmx_get(s, VMX_GUEST_CR3));
    memcpy(s->pdpte, kept, sizeof(kept));
    return valid;
}

bool
x86_vmx_check_guest(X86State *s, uint64_t *qualification)
{
    enum { BAD_PDPTE = 2, BAD_LINK = 4 };

    *qualification = 0;
    if (!guest_control_registers_are_valid(s) || !guest_segments_are_valid(s) || !guest_pointers_are_valid(s) || !activity_is_valid(s) ||
        !interruptibility_is_valid(s) || !pending_debug_is_valid(s)) {
        return false;
    }
    if (!link_pointer_is_valid(s)) {
        *qualification = BAD_LINK;
        return false;
    }
    if (!guest_pdptes_are_valid(s)) {
        *qualification = BAD_PDPTE;
        return false;
    }
    return true;
}
