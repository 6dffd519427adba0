/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* AMD-V: what a guest's VMCB intercepts (APM 2, 15.7 to 15.14), asked through x86-virt.h. */

#include "x86-svm.h"

/* Exit information that only CPUs with decode assists give. */
static uint64_t
assist(const X86State *s, uint64_t info)
{
    return x86_has_feature(s, X86_FEAT_DECODEASSISTS) ? info : 0;
}

G_NORETURN static void
leave(X86State *s, unsigned code, uint64_t info1, uint64_t info2)
{
    x86_svm_record_exit(s, code, info1, info2);
    s->svm.next_rip = s->interp->next_rip;
    x86_unwind(s, X86_UNWIND_EXCEPTION);
}

static void
check(X86State *s, unsigned code, uint64_t info1)
{
    if (x86_svm_intercepts(s, code)) {
        leave(s, code, info1, 0);
    }
}

/* SLDT, STR, SGDT, SIDT and SMSW, unless UMIP forbids them. */
static void
check_store(X86State *s, unsigned code)
{
    if (!(s->cr4 & X86_CR4_UMIP) || s->cpl == 0) {
        check(s, code, 0);
    }
}

#define MOV_CR_INFO(s, gpr) assist(s, UINT64_C(1) << 63 | (gpr))

static void
check_cr_write(X86State *s, const X86Insn *insn)
{
    unsigned n = insn->op[0].reg;
    uint64_t info = MOV_CR_INFO(s, insn->op[1].reg);

    check(s, SVM_EXIT_CR_WRITE + n, info);
    if (n == 0 && ((x86_read_operand(s, insn, 1) ^ s->cr0) & ~(uint64_t)(X86_CR0_TS | X86_CR0_MP))) {
        check(s, SVM_EXIT_CR0_SEL_WRITE, info);
    }
}

static void
check_dr(X86State *s, unsigned code, unsigned n, unsigned gpr)
{
    if ((n == 4 || n == 5) && (s->cr4 & X86_CR4_DE)) {
        return; /* undefined */
    }
    check(s, code + n, assist(s, gpr));
}

/* Two bits for each MSR, reads first; three ranges of 8192.  Others are always intercepted. */
static void
check_msr(X86State *s, bool write)
{
    uint32_t index = (uint32_t)X86_LOW(s, X86_RCX), bit = (index & 0x1fff) * 2 + write;
    uint64_t at;

    if (!x86_svm_intercepts(s, SVM_EXIT_MSR)) {
        return;
    }
    switch (index & ~0x1fffu) {
    case 0:
        at = 0;
        break;
    case 0xc0000000u:
        at = 0x800;
        break;
    case 0xc0010000u:
        at = 0x1000;
        break;
    default:
        leave(s, SVM_EXIT_MSR, write, 0);
    }
    if (emu_tcg_phys_load(&s->tcg, s->svm.msrpm + at + bit / 8, 1) >> (bit & 7) & 1) {
        leave(s, SVM_EXIT_MSR, write, 0);
    }
}

static void
check_io(X86State *s, const X86Insn *insn)
{
    bool in = insn->row->op == X86_OP_in || insn->row->op == X86_OP_ins;
    bool string = insn->row->op == X86_OP_ins || insn->row->op == X86_OP_outs;
    bool rep = string && (insn->prefixes & (X86_PFX_F2 | X86_PFX_F3));
    const X86Operand *value = &insn->op[in ? 0 : 1], *where = &insn->op[in ? 1 : 0];
    uint32_t port = where->kind == X86_OPND_IMM ? (uint8_t)insn->imm : (uint16_t)X86_LOW(s, X86_RDX), bits;
    unsigned size = value->size, segment = in ? X86_ES : insn->segment;
    uint64_t info;

    if (rep && !(X86_LOW(s, X86_RCX) & x86_size_mask(insn->addrsize))) {
        return;
    }
    x86_check_io(s, port, size);
    if (!x86_svm_intercepts(s, SVM_EXIT_IOIO)) {
        return;
    }
    /* One bit each, up to three of them behind port 0xffff. */
    bits = (uint32_t)(emu_tcg_phys_load(&s->tcg, s->svm.iopm + port / 8, 1) |
                      emu_tcg_phys_load(&s->tcg, s->svm.iopm + port / 8 + 1, 1) << 8);
    if (!(bits >> (port & 7) & ((1u << size) - 1))) {
        return;
    }
    info = (uint64_t)port << 16 | (uint64_t)insn->addrsize << 6 | size << 4 | rep << 3 | string << 2 | in;
    if (string) {
        info |= assist(s, segment << 10);
    }
    leave(s, SVM_EXIT_IOIO, info, s->interp->next_rip);
}

static void
check_pause(X86State *s)
{
    X86Svm *v = &s->svm;

    if (!x86_svm_intercepts(s, SVM_EXIT_PAUSE)) {
        return;
    }
    if (v->pause_threshold) {
        uint64_t now = s->hooks && s->hooks->read_tsc ? s->hooks->read_tsc(s) : 0;

        if (now - v->pause_tsc > v->pause_threshold) {
            v->pause_left = v->pause_filter;
        }
        v->pause_tsc = now;
    }
    if (v->pause_left == 0) {
        leave(s, SVM_EXIT_PAUSE, 0, 0);
    }
    v->pause_left--;
}

static uint64_t
invlpg_address(X86State *s, const X86Insn *insn)
{
    uint64_t la = x86_ea(s, insn);

    if (s->code_size != 64) {
        return (uint32_t)(la + *x86_seg_base(s, insn->segment));
    }
    return insn->segment < X86_FS ? la : la + *x86_seg_base(s, insn->segment);
}

/* Flags instructions and INT n in VM86 whose IOPL forbids them, and which therefore fault first. */
static bool
vm86_forbids(const X86State *s)
{
    return (s->eflags & X86_VM) && x86_iopl(s) != 3 && !(s->cr4 & X86_CR4_VME);
}

static void
svm_instruction(X86State *s, const X86Insn *insn)
{
    switch (insn->row->op) {
    case X86_OP_mov_from_cr:
        check(s, SVM_EXIT_CR_READ + insn->op[1].reg, MOV_CR_INFO(s, insn->op[0].reg));
        break;
    case X86_OP_mov_to_cr:
        check_cr_write(s, insn);
        break;
    case X86_OP_smsw:
        check_store(s, SVM_EXIT_CR_READ);
        break;
    case X86_OP_lmsw:
        check(s, SVM_EXIT_CR_WRITE, 0);
        check(s, SVM_EXIT_CR0_SEL_WRITE, 0); /* whatever it changes */
        break;
    case X86_OP_clts:
        check(s, SVM_EXIT_CR_WRITE, 0);
        break;
    case X86_OP_mov_from_dr:
        check_dr(s, SVM_EXIT_DR_READ, insn->op[1].reg, insn->op[0].reg);
        break;
    case X86_OP_mov_to_dr:
        check_dr(s, SVM_EXIT_DR_WRITE, insn->op[0].reg, insn->op[1].reg);
        break;
    case X86_OP_sidt:
        check_store(s, SVM_EXIT_IDTR_READ);
        break;
    case X86_OP_sgdt:
        check_store(s, SVM_EXIT_GDTR_READ);
        break;
    case X86_OP_sldt:
        check_store(s, SVM_EXIT_LDTR_READ);
        break;
    case X86_OP_str:
        check_store(s, SVM_EXIT_TR_READ);
        break;
    case X86_OP_lidt:
        check(s, SVM_EXIT_IDTR_WRITE, 0);
        break;
    case X86_OP_lgdt:
        check(s, SVM_EXIT_GDTR_WRITE, 0);
        break;
    case X86_OP_lldt:
        check(s, SVM_EXIT_LDTR_WRITE, 0);
        break;
    case X86_OP_ltr:
        check(s, SVM_EXIT_TR_WRITE, 0);
        break;
    case X86_OP_rdtsc:
    case X86_OP_rdtscp:
        if (!(s->cr4 & X86_CR4_TSD) || s->cpl == 0) {
            check(s, insn->row->op == X86_OP_rdtsc ? SVM_EXIT_RDTSC : SVM_EXIT_RDTSCP, 0);
        }
        break;
    case X86_OP_rdpmc:
        if ((s->cr4 & X86_CR4_PCE) || s->cpl == 0) {
            check(s, SVM_EXIT_RDPMC, 0);
        }
        break;
    case X86_OP_pushf:
    case X86_OP_popf:
    case X86_OP_iret:
        if (!vm86_forbids(s)) {
            check(s, insn->row->op == X86_OP_pushf  ? SVM_EXIT_PUSHF
                     : insn->row->op == X86_OP_popf ? SVM_EXIT_POPF
                                                    : SVM_EXIT_IRET,
                  0);
        }
        break;
    case X86_OP_int:
        if (!vm86_forbids(s)) {
            check(s, SVM_EXIT_SWINT, assist(s, insn->imm & 0xff));
        }
        break;
    case X86_OP_int3:
        check(s, SVM_EXIT_EXCEPTION + X86_EXC_BP, 0);
        break;
    case X86_OP_into:
        if (s->cc & X86_OF) {
            check(s, SVM_EXIT_EXCEPTION + X86_EXC_OF, 0);
        }
        break;
    case X86_OP_int1:
        check(s, SVM_EXIT_ICEBP, 0);
        check(s, SVM_EXIT_EXCEPTION + X86_EXC_DB, 0);
        break;
    case X86_OP_cpuid:
        check(s, SVM_EXIT_CPUID, 0);
        break;
    case X86_OP_rsm:
        check(s, SVM_EXIT_RSM, 0);
        break;
    case X86_OP_invd:
        check(s, SVM_EXIT_INVD, 0);
        break;
    case X86_OP_wbinvd:
        check(s, SVM_EXIT_WBINVD, 0);
        break;
    case X86_OP_pause:
        check_pause(s);
        break;
    case X86_OP_hlt:
        check(s, SVM_EXIT_HLT, 0);
        break;
    case X86_OP_invlpg:
        check(s, SVM_EXIT_INVLPG, assist(s, invlpg_address(s, insn)));
        break;
    case X86_OP_invpcid:
        check(s, SVM_EXIT_INVPCID, 0);
        break;
    case X86_OP_in:
    case X86_OP_out:
    case X86_OP_ins:
    case X86_OP_outs:
        check_io(s, insn);
        break;
    case X86_OP_rdmsr:
    case X86_OP_wrmsr:
        check_msr(s, insn->row->op == X86_OP_wrmsr);
        break;
    case X86_OP_monitor:
        check(s, SVM_EXIT_MONITOR, 0);
        break;
    case X86_OP_mwait: /* a monitor is never armed for long: it counts as triggered */
        check(s, SVM_EXIT_MWAIT, 0);
        break;
    case X86_OP_xsetbv:
        if (s->cr4 & X86_CR4_OSXSAVE) {
            check(s, SVM_EXIT_XSETBV, 0);
        }
        break;
    case X86_OP_vmcall:
        if (insn->reg == 3) {
            check(s, SVM_EXIT_VMMCALL, 0);
        }
        x86_raise_plain(s, X86_EXC_UD); /* the hypervisor that answers is not this guest's */
    }
}

static bool
svm_exception(X86State *s, int vector, bool has_error, uint32_t error)
{
    if (vector < 0 || vector > 31 || !x86_svm_intercepts(s, SVM_EXIT_EXCEPTION + (unsigned)vector)) {
        return false;
    }
    x86_svm_record_exit(s, SVM_EXIT_EXCEPTION + (unsigned)vector, has_error ? error : 0,
                        vector == X86_EXC_PF ? s->exception_cr2 : 0);
    return true;
}

static const uint8_t signal_codes[] = {
    [X86_SIGNAL_INIT] = SVM_EXIT_INIT,
    [X86_SIGNAL_SMI] = SVM_EXIT_SMI,
    [X86_SIGNAL_NMI] = SVM_EXIT_NMI,
    [X86_SIGNAL_INTR] = SVM_EXIT_INTR,
};

static bool
svm_signal(X86State *s, X86Signal signal)
{
    if (signal == X86_SIGNAL_SIPI || !x86_svm_intercepts(s, signal_codes[signal])) {
        return false;
    }
    x86_svm_record_exit(s, signal_codes[signal], 0, 0);
    return true;
}

/* With V_INTR_MASKING the host's IF is what holds interrupts; a shadow in the guest does not keep it from being left. */
static bool
svm_signal_wanted(X86State *s, X86Signal signal)
{
    bool intercepted = x86_svm_intercepts(s, signal_codes[signal]), flag;

    switch (signal) {
    case X86_SIGNAL_NMI:
        return !s->nmi_blocked && (intercepted || !s->shadow);
    case X86_SIGNAL_INTR:
        flag = s->svm.int_ctl & SVM_INT_V_MASKING ? s->svm.host.rflags & X86_IF : s->eflags & X86_IF;
        return flag && (intercepted || !s->shadow);
    default:
        return true;
    }
}

static bool
svm_shutdown(X86State *s)
{
    if (!x86_svm_intercepts(s, SVM_EXIT_SHUTDOWN)) {
        return false;
    }
    x86_svm_record_exit(s, SVM_EXIT_SHUTDOWN, 0, 0);
    return true;
}

static void
svm_task_switch(X86State *s, uint16_t selector, int how, bool has_error, uint32_t error)
{
    uint64_t info = has_error ? error | UINT64_C(1) << 44 : 0;

    if (!x86_svm_intercepts(s, SVM_EXIT_TASK_SWITCH)) {
        return;
    }
    info |= (uint64_t)(how == X86_SWITCH_IRET) << 36 | (uint64_t)(how == X86_SWITCH_JMP) << 38;
    info |= (uint64_t)((s->eflags & X86_RF) != 0) << 48;
    leave(s, SVM_EXIT_TASK_SWITCH, selector, info);
}

static void
svm_ferr(X86State *s)
{
    check(s, SVM_EXIT_FERR_FREEZE, 0);
}

static void
svm_delivering(X86State *s, const X86Event *event)
{
    s->svm.event = s->svm.event_error = 0;
    if (event) {
        X86EventType type = event->type == X86_EVENT_INT1 ? X86_EVENT_EXCEPTION : event->type;

        s->svm.event = SVM_EVENT_VALID | (uint32_t)type << SVM_EVENT_TYPE_SHIFT | event->vector;
        if (event->has_error) {
            s->svm.event |= SVM_EVENT_HAS_ERROR;
            s->svm.event_error = event->error;
        }
    }
}

/* A virtual NMI, which its own mask does not hold back. */
static bool
nmi_deliverable(const X86State *s)
{
    const uint32_t bits = SVM_INT_V_NMI_ENABLE | SVM_INT_V_NMI | SVM_INT_V_NMI_MASK;

    return (s->svm.int_ctl & bits) == (SVM_INT_V_NMI_ENABLE | SVM_INT_V_NMI);
}

static bool
svm_virtual_wanted(X86State *s)
{
    uint32_t ctl = s->svm.int_ctl;

    if (s->shadow || ((ctl & SVM_INT_V_GIF_ENABLE) && !(ctl & SVM_INT_V_GIF))) {
        return false;
    }
    return nmi_deliverable(s) || ((ctl & SVM_INT_V_IRQ) && (s->eflags & X86_IF) &&
                                  ((ctl & SVM_INT_V_IGN_TPR) || (ctl >> SVM_INT_V_PRIO_SHIFT & 15) > (ctl & 15)));
}

static void
no_longer_pending(X86State *s)
{
    if (!x86_svm_virtual_pending(s)) {
        __atomic_fetch_and(&s->interrupt_request, ~X86_REQ_VIRTUAL, __ATOMIC_SEQ_CST);
    }
}

static bool
svm_take_virtual(X86State *s, X86EventType *type, uint8_t *vector)
{
    if (nmi_deliverable(s)) {
        s->svm.int_ctl = (s->svm.int_ctl & ~SVM_INT_V_NMI) | SVM_INT_V_NMI_MASK;
        *type = X86_EVENT_NMI;
        *vector = X86_EXC_NMI;
        no_longer_pending(s);
        return true;
    }
    if (x86_svm_intercepts(s, SVM_EXIT_VINTR)) {
        x86_svm_record_exit(s, SVM_EXIT_VINTR, 0, 0);
        return false;
    }
    s->svm.int_ctl &= ~SVM_INT_V_IRQ;
    *type = X86_EVENT_INTR;
    *vector = (uint8_t)s->svm.int_vector;
    no_longer_pending(s);
    return true;
}

static bool
svm_nmi_done(X86State *s)
{
    if (!(s->svm.int_ctl & SVM_INT_V_NMI_ENABLE)) {
        return false;
    }
    s->svm.int_ctl &= ~SVM_INT_V_NMI_MASK;
    x86_virt_look_again(s);
    return true;
}

static bool
svm_get_tpr(X86State *s, uint8_t *cr8)
{
    *cr8 = s->svm.int_ctl & 15;
    return s->svm.int_ctl & SVM_INT_V_MASKING;
}

static bool
svm_set_tpr(X86State *s, uint8_t cr8)
{
    if (!(s->svm.int_ctl & SVM_INT_V_MASKING)) {
        return false;
    }
    s->svm.int_ctl = (s->svm.int_ctl & ~SVM_INT_V_TPR) | (cr8 & 15);
    x86_virt_look_again(s);
    return true;
}

static uint64_t
svm_get_tsc(X86State *s, uint64_t tsc)
{
    return (uint64_t)((unsigned __int128)tsc * s->svm.tsc_ratio >> SVM_TSC_RATIO_SHIFT) + s->svm.tsc_offset;
}

static bool
svm_has_second_level(X86State *s)
{
    return s->svm.nested_control & SVM_NESTED_PAGING;
}

/* ASIDs begin at 1; 0 is the host. Without nested paging a guest's tables are all that there is. (What else the host's paging mode makes of
 * nested tables does not change without a flush of everything.) */
static void
svm_tlb_context(X86State *s, EmuTcgContext *context)
{
    context->space = s->svm.asid;
    context->depends[1] = svm_has_second_level(s) ? ~s->svm.nested_cr3 : 0;
}

const X86Virt x86_svm = {
    .instruction = svm_instruction,
    .exception = svm_exception,
    .signal = svm_signal,
    .shutdown = svm_shutdown,
    .task_switch = svm_task_switch,
    .ferr = svm_ferr,
    .delivering = svm_delivering,
    .signal_wanted = svm_signal_wanted,
    .virtual_wanted = svm_virtual_wanted,
    .take_virtual = svm_take_virtual,
    .nmi_done = svm_nmi_done,
    .get_tpr = svm_get_tpr,
    .set_tpr = svm_set_tpr,
    .has_second_level = svm_has_second_level,
    .second_level = x86_svm_second_level,
    .get_tsc = svm_get_tsc,
    .tlb_context = svm_tlb_context,
};
