/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What makes a guest leave (SDM volume 3, chapter 25), asked through x86-virt.h, and what the exit says about it (27.2): qualification,
 * length and information of the instruction.
 */

#include "x86-vmx.h"

/* ---- instruction information (27.2.5) --------------------------------------------------------------------------------------- */

static uint32_t
address_size_info(const X86Insn *insn)
{
    return (insn->addrsize == 8 ? 2u : insn->addrsize == 4 ? 1u : 0u) << 7;
}

uint32_t
x86_vmx_operand_info(const X86Insn *insn, unsigned reg2)
{
    uint32_t info = reg2 << 28;

    if (insn->mod == 3) {
        return info | 1u << 10 | (uint32_t)insn->rm << 3;
    }
    info |= insn->scale | address_size_info(insn) | (uint32_t)insn->segment << 15;
    info |= insn->index < 16 ? (uint32_t)insn->index << 18 : 1u << 22;
    return info | (insn->base < 16 ? (uint32_t)insn->base << 23 : 1u << 27);
}

uint64_t
x86_vmx_displacement(X86State *s, const X86Insn *insn)
{
    if (insn->mod == 3) {
        return 0;
    }
    return (uint64_t)insn->disp + (insn->base == X86_BASE_RIP ? s->rip + insn->length : 0);
}

static uint64_t
linear_address(X86State *s, unsigned segment, uint64_t offset)
{
    if (s->code_size != 64) {
        return (uint32_t)(offset + *x86_seg_base(s, segment));
    }
    return segment < X86_FS ? offset : offset + *x86_seg_base(s, segment);
}

/* ---- instructions (25.1) -------------------------------------------------------------------------------------------------------- */

void
x86_vmx_leave(X86State *s, uint32_t reason, uint64_t qualification, uint32_t info)
{
    x86_vmx_record_exit(s, reason, qualification);
    s->vmx.exit_info = info;
    s->vmx.exit_length = (uint32_t)(s->interp->next_rip - s->rip);
    x86_unwind(s, X86_UNWIND_EXCEPTION);
}

static void
check(X86State *s, uint32_t control, uint32_t reason)
{
    if (x86_vmx_proc(s, control)) {
        x86_vmx_leave(s, reason, 0, 0);
    }
}

static void
check2(X86State *s, uint32_t control, uint32_t reason, uint32_t info)
{
    if (x86_vmx_proc2(s, control)) {
        x86_vmx_leave(s, reason, 0, info);
    }
}

/* An instruction that the guest has only with a control. */
static void
check_enabled(X86State *s, uint32_t control)
{
    if (!x86_vmx_proc2(s, control)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
}

enum { CR_TO = 0, CR_FROM = 1, CR_CLTS = 2, CR_LMSW = 3 };
#define CR_QUALIFICATION(n, access, gpr) ((n) | (access) << 4 | (uint64_t)(gpr) << 8)

static bool
is_cr3_target(X86State *s, uint64_t value)
{
    uint64_t n = MIN(x86_vmx_get(s, VMX_CR3_TARGET_COUNT), VMX_MISC_CR3_TARGETS);

    for (unsigned i = 0; i < n; i++) {
        if (x86_vmx_get(s, VMX_CR3_TARGET + 2 * i) == value) {
            return true;
        }
    }
    return false;
}

static void
check_mov_to_cr(X86State *s, const X86Insn *insn)
{
    unsigned n = insn->op[0].reg;
    uint64_t value = x86_read_operand(s, insn, 1), q = CR_QUALIFICATION(n, CR_TO, insn->op[1].reg);
    bool leaves = false;

    switch (n) {
    case 0:
        leaves = (value ^ x86_vmx_get(s, VMX_CR0_SHADOW)) & x86_vmx_get(s, VMX_CR0_MASK);
        break;
    case 3:
        leaves = x86_vmx_proc(s, VMX_PROC_CR3_LOAD) && !is_cr3_target(s, value);
        break;
    case 4:
        leaves = (value ^ x86_vmx_get(s, VMX_CR4_SHADOW)) & x86_vmx_get(s, VMX_CR4_MASK);
        break;
    case 8:
        leaves = x86_vmx_proc(s, VMX_PROC_CR8_LOAD);
        break;
    }
    if (leaves) {
        x86_vmx_leave(s, VMX_REASON_CR, q, 0);
    }
}

static void
check_mov_from_cr(X86State *s, const X86Insn *insn)
{
    unsigned n = insn->op[1].reg;

    if ((n == 3 && x86_vmx_proc(s, VMX_PROC_CR3_STORE)) || (n == 8 && x86_vmx_proc(s, VMX_PROC_CR8_STORE))) {
        x86_vmx_leave(s, VMX_REASON_CR, CR_QUALIFICATION(n, CR_FROM, insn->op[0].reg), 0);
    }
}

/* LMSW cannot clear PE: of that, only setting it counts. */
static void
check_lmsw(X86State *s, const X86Insn *insn)
{
    uint64_t value = x86_read_operand(s, insn, 0) & 0xffff, mask = x86_vmx_get(s, VMX_CR0_MASK), shadow = x86_vmx_get(s, VMX_CR0_SHADOW);
    bool memory = insn->mod != 3;

    if (((value ^ shadow) & mask & 14) || (value & ~shadow & mask & X86_CR0_PE)) {
        x86_vmx_record_exit(s, VMX_REASON_CR, CR_QUALIFICATION(0, CR_LMSW, 0) | (uint64_t)memory << 6 | value << 16);
        s->vmx.linear = memory ? linear_address(s, insn->segment, x86_ea(s, insn)) : 0;
        s->vmx.exit_length = insn->length;
        x86_unwind(s, X86_UNWIND_EXCEPTION);
    }
}

static void
check_clts(X86State *s)
{
    if (x86_vmx_get(s, VMX_CR0_MASK) & x86_vmx_get(s, VMX_CR0_SHADOW) & X86_CR0_TS) {
        x86_vmx_leave(s, VMX_REASON_CR, CR_QUALIFICATION(0, CR_CLTS, 0), 0);
    }
}

static void
check_mov_dr(X86State *s, unsigned n, bool from, unsigned gpr)
{
    if ((n == 4 || n == 5) && (s->cr4 & X86_CR4_DE)) {
        return; /* undefined */
    }
    if (x86_vmx_proc(s, VMX_PROC_MOV_DR)) {
        x86_vmx_leave(s, VMX_REASON_MOV_DR, n | (uint64_t)from << 4 | (uint64_t)gpr << 8, 0);
    }
}

static void
check_io(X86State *s, const X86Insn *insn)
{
    bool in = insn->row->op == X86_OP_in || insn->row->op == X86_OP_ins;
    bool string = insn->row->op == X86_OP_ins || insn->row->op == X86_OP_outs;
    bool rep = string && (insn->prefixes & (X86_PFX_F2 | X86_PFX_F3));
    const X86Operand *value = &insn->op[in ? 0 : 1], *where = &insn->op[in ? 1 : 0];
    bool immediate = where->kind == X86_OPND_IMM;
    uint32_t port = immediate ? (uint8_t)insn->imm : (uint16_t)X86_LOW(s, X86_RDX);
    unsigned size = value->size, segment = in ? X86_ES : insn->segment;
    uint64_t mask = x86_size_mask(insn->addrsize);
    bool leaves = x86_vmx_proc(s, VMX_PROC_IO);

    if (rep && !(X86_LOW(s, X86_RCX) & mask)) {
        return;
    }
    x86_check_io(s, port, size);
    if (x86_vmx_proc(s, VMX_PROC_IO_BITMAPS)) {
        leaves = port + size > 0x10000;
        for (uint32_t p = port; p < port + size && !leaves; p++) {
            uint64_t bitmap = x86_vmx_get(s, p & 0x8000 ? VMX_IO_BITMAP_B : VMX_IO_BITMAP_A);

            leaves = emu_tcg_phys_load(&s->tcg, bitmap + (p & 0x7fff) / 8, 1) >> (p & 7) & 1;
        }
    }
    if (!leaves) {
        return;
    }
    x86_vmx_record_exit(s, VMX_REASON_IO,
                        (uint64_t)port << 16 | (uint64_t)immediate << 6 | (uint64_t)rep << 5 | (uint64_t)string << 4 | (uint64_t)in << 3 | (size - 1));
    if (string) {
        s->vmx.linear = linear_address(s, segment, X86_LOW(s, in ? X86_RDI : X86_RSI) & mask);
        if (x86_vmx_basic_high(s) & VMX_BASIC_INS_OUTS) {
            s->vmx.exit_info = address_size_info(insn) | segment << 15;
        }
    }
    s->vmx.exit_length = insn->length;
    x86_unwind(s, X86_UNWIND_EXCEPTION);
}

/* A bit for each MSR in two ranges of 8192, reads before writes; others always. */
static void
check_msr(X86State *s, bool write)
{
    uint32_t index = (uint32_t)X86_LOW(s, X86_RCX), bit = index & 0x1fff;
    uint64_t at = x86_vmx_get(s, VMX_MSR_BITMAP) + (write ? 2048 : 0) + (index & 0x80000000u ? 1024 : 0) + bit / 8;

    if (!x86_vmx_proc(s, VMX_PROC_MSR_BITMAPS) || (index & ~0xc0001fffu) || ((index >> 30) != 0 && (index >> 30) != 3) ||
        (emu_tcg_phys_load(&s->tcg, at, 1) >> (bit & 7) & 1)) {
        x86_vmx_leave(s, write ? VMX_REASON_WRMSR : VMX_REASON_RDMSR, 0, 0);
    }
}

/* PAUSE in a loop (25.1.3): not further apart than the gap, for longer than the window. */
static void
check_pause(X86State *s)
{
    X86Vmx *v = &s->vmx;
    uint64_t now;

    check(s, VMX_PROC_PAUSE, VMX_REASON_PAUSE);
    if (s->cpl != 0 || !x86_vmx_proc2(s, VMX_PROC2_PLE)) {
        return;
    }
    now = x86_read_tsc(s);
    if (v->pause_first == 0 || now - v->pause_last > x86_vmx_get(s, VMX_PLE_GAP)) {
        v->pause_first = now;
    }
    v->pause_last = now;
    if (now - v->pause_first > x86_vmx_get(s, VMX_PLE_WINDOW)) {
        v->pause_first = 0;
        x86_vmx_leave(s, VMX_REASON_PAUSE, 0, 0);
    }
}

/* SGDT, SIDT, LGDT, LIDT; SLDT, STR, LLDT, LTR. */
static void
check_table(X86State *s, const X86Insn *insn, uint32_t reason, unsigned identity)
{
    bool store = identity < 2;

    if (store && (s->cr4 & X86_CR4_UMIP) && s->cpl != 0) {
        return; /* faults */
    }
    if (x86_vmx_proc2(s, VMX_PROC2_TABLES)) {
        uint32_t size = reason == VMX_REASON_GDTR_IDTR && insn->opsize != 2 ? 1u << 11 : 0;

        x86_vmx_leave(s, reason, x86_vmx_displacement(s, insn), x86_vmx_operand_info(insn, 0) | size | identity << 28);
    }
}

static void
check_random(X86State *s, const X86Insn *insn)
{
    bool seed = insn->reg == 7;
    uint32_t size = insn->opsize == 8 ? 2 : insn->opsize == 4 ? 1 : 0;

    check2(s, seed ? VMX_PROC2_RDSEED : VMX_PROC2_RDRAND, seed ? VMX_REASON_RDSEED : VMX_REASON_RDRAND, (uint32_t)insn->rm << 3 | size << 11);
}

static void
check_xsaves(X86State *s, const X86Insn *insn)
{
    uint64_t mask = (uint32_t)X86_LOW(s, X86_RAX) | X86_LOW(s, X86_RDX) << 32;

    check_enabled(s, VMX_PROC2_XSAVES);
    if ((s->cr4 & X86_CR4_OSXSAVE) && !(s->cr0 & X86_CR0_TS) && (mask & s->xss & x86_vmx_get(s, VMX_XSS_EXIT_BITMAP))) {
        x86_vmx_leave(s, insn->row->op == X86_OP_xsaves ? VMX_REASON_XSAVES : VMX_REASON_XRSTORS, x86_vmx_displacement(s, insn),
                      x86_vmx_operand_info(insn, 0));
    }
}

static bool
bitmap_has(X86State *s, unsigned vector)
{
    return x86_vmx_get(s, VMX_EXCEPTION_BITMAP) >> vector & 1;
}

/* INT3, INTO, INT1, which raise exceptions of kinds of their own. */
static void
check_software_exception(X86State *s, const X86Insn *insn, unsigned vector, unsigned type)
{
    if (!bitmap_has(s, vector)) {
        return;
    }
    x86_vmx_record_exit(s, VMX_REASON_EXCEPTION, 0);
    s->vmx.exit_event = VMX_EVENT_VALID | type << VMX_EVENT_TYPE_SHIFT | vector;
    s->vmx.exit_length = insn->length;
    x86_unwind(s, X86_UNWIND_EXCEPTION);
}

void
x86_vmx_request(X86State *s)
{
    __atomic_fetch_or(&s->interrupt_request, X86_REQ_VIRTUAL, __ATOMIC_SEQ_CST);
}

static bool
timer_is_over(X86State *s)
{
    return s->vmx.timer_on && !s->wait_sipi && (int64_t)(x86_read_tsc(s) - s->vmx.timer_end) >= 0;
}

static void
vmx_instruction(X86State *s, const X86Insn *insn)
{
    if (x86_vmx_proc(s, VMX_PROC_MTF)) {
        s->vmx.step_done = 1;
        x86_vmx_request(s);
    }
    switch (insn->row->op) {
    case X86_OP_mov_to_cr:
        check_mov_to_cr(s, insn);
        break;
    case X86_OP_mov_from_cr:
        check_mov_from_cr(s, insn);
        break;
    case X86_OP_lmsw:
        check_lmsw(s, insn);
        break;
    case X86_OP_clts:
        check_clts(s);
        break;
    case X86_OP_mov_from_dr:
        check_mov_dr(s, insn->op[1].reg, true, insn->op[0].reg);
        break;
    case X86_OP_mov_to_dr:
        check_mov_dr(s, insn->op[0].reg, false, insn->op[1].reg);
        break;
    case X86_OP_sgdt:
        check_table(s, insn, VMX_REASON_GDTR_IDTR, 0);
        break;
    case X86_OP_sidt:
        check_table(s, insn, VMX_REASON_GDTR_IDTR, 1);
        break;
    case X86_OP_lgdt:
        check_table(s, insn, VMX_REASON_GDTR_IDTR, 2);
        break;
    case X86_OP_lidt:
        check_table(s, insn, VMX_REASON_GDTR_IDTR, 3);
        break;
    case X86_OP_sldt:
        check_table(s, insn, VMX_REASON_LDTR_TR, 0);
        break;
    case X86_OP_str:
        check_table(s, insn, VMX_REASON_LDTR_TR, 1);
        break;
    case X86_OP_lldt:
        check_table(s, insn, VMX_REASON_LDTR_TR, 2);
        break;
    case X86_OP_ltr:
        check_table(s, insn, VMX_REASON_LDTR_TR, 3);
        break;
    case X86_OP_rdtsc:
    case X86_OP_rdtscp:
        if (insn->row->op == X86_OP_rdtscp) {
            check_enabled(s, VMX_PROC2_RDTSCP);
        }
        if (!(s->cr4 & X86_CR4_TSD) || s->cpl == 0) {
            check(s, VMX_PROC_RDTSC, insn->row->op == X86_OP_rdtsc ? VMX_REASON_RDTSC : VMX_REASON_RDTSCP);
        }
        if (timer_is_over(s)) {
            x86_vmx_request(s); /* the guest is about to see that it is late */
        }
        break;
    case X86_OP_rdpid:
        check_enabled(s, VMX_PROC2_RDTSCP);
        break;
    case X86_OP_rdpmc:
        if ((s->cr4 & X86_CR4_PCE) || s->cpl == 0) {
            check(s, VMX_PROC_RDPMC, VMX_REASON_RDPMC);
        }
        break;
    case X86_OP_int3:
        check_software_exception(s, insn, X86_EXC_BP, VMX_EVENT_SOFT_EXCEPTION);
        break;
    case X86_OP_into:
        if (s->cc & X86_OF) {
            check_software_exception(s, insn, X86_EXC_OF, VMX_EVENT_SOFT_EXCEPTION);
        }
        break;
    case X86_OP_int1:
        check_software_exception(s, insn, X86_EXC_DB, X86_EVENT_INT1);
        break;
    case X86_OP_cpuid:
        x86_vmx_leave(s, VMX_REASON_CPUID, 0, 0);
    case X86_OP_invd:
        x86_vmx_leave(s, VMX_REASON_INVD, 0, 0);
    case X86_OP_wbinvd:
        check2(s, VMX_PROC2_WBINVD, VMX_REASON_WBINVD, 0);
        break;
    case X86_OP_pause:
        check_pause(s);
        break;
    case X86_OP_hlt:
        check(s, VMX_PROC_HLT, VMX_REASON_HLT);
        break;
    case X86_OP_invlpg:
        if (x86_vmx_proc(s, VMX_PROC_INVLPG)) {
            x86_vmx_leave(s, VMX_REASON_INVLPG, linear_address(s, insn->segment, x86_ea(s, insn)), 0);
        }
        break;
    case X86_OP_invpcid:
        check_enabled(s, VMX_PROC2_INVPCID);
        if (x86_vmx_proc(s, VMX_PROC_INVLPG)) {
            x86_vmx_leave(s, VMX_REASON_INVPCID, x86_vmx_displacement(s, insn), x86_vmx_operand_info(insn, insn->reg));
        }
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
        if (s->cpl == 0) {
            check(s, VMX_PROC_MONITOR, VMX_REASON_MONITOR);
        }
        break;
    case X86_OP_mwait: /* a monitor is never armed for long */
        if (s->cpl == 0) {
            check(s, VMX_PROC_MWAIT, VMX_REASON_MWAIT);
        }
        break;
    case X86_OP_rdrand:
        check_random(s, insn);
        break;
    case X86_OP_xsaves:
    case X86_OP_xrstors:
        check_xsaves(s, insn);
        break;
    case X86_OP_xsetbv:
        if (s->cr4 & X86_CR4_OSXSAVE) {
            x86_vmx_leave(s, VMX_REASON_XSETBV, 0, 0);
        }
        break;
    case X86_OP_vmcall:
        if (insn->reg == 3) {
            x86_raise_plain(s, X86_EXC_UD); /* the hypervisor that answers is not this guest's */
        }
        break;
    }
}

/* ---- events (25.2) --------------------------------------------------------------------------------------------------------------------- */

static bool
is_fault(int vector)
{
    return vector != X86_EXC_DB && vector != X86_EXC_DF && vector != X86_EXC_MC;
}

/* Double and triple faults that leave a guest do not count as met during the delivery of the event they began with (27.2.4). */
static void
forget_event(X86State *s)
{
    s->vmx.event = s->vmx.event_error = s->vmx.event_length = 0;
}

static bool
vmx_exception(X86State *s, int vector, bool has_error, uint32_t error)
{
    bool leaves;
    uint64_t q = 0;

    if (vector < 0 || vector > 31) {
        return false;
    }
    leaves = bitmap_has(s, (unsigned)vector);
    if (vector == X86_EXC_PF) {
        bool match = (error & x86_vmx_get(s, VMX_PF_MASK)) == x86_vmx_get(s, VMX_PF_MATCH);

        leaves = leaves == match;
        q = s->exception_cr2;
    }
    if (!leaves) {
        return false;
    }
    if (vector == X86_EXC_DF) {
        forget_event(s);
    }
    if (vector == X86_EXC_DB) {
        q = s->interp->debug_causes;
        s->dr[6] = s->interp->dr6_before; /* the exit tells the causes, DR6 does not */
    }
    has_error = has_error && (s->cr0 & X86_CR0_PE);
    x86_vmx_record_exit(s, VMX_REASON_EXCEPTION, q);
    s->vmx.exit_event = VMX_EVENT_VALID | X86_EVENT_EXCEPTION << VMX_EVENT_TYPE_SHIFT | (has_error ? VMX_EVENT_HAS_ERROR : 0) | (uint32_t)vector;
    s->vmx.exit_event_error = has_error ? error : 0;
    s->vmx.is_fault = is_fault(vector);
    return true;
}

static void
clear_request(X86State *s, uint32_t bits)
{
    __atomic_fetch_and(&s->interrupt_request, ~bits, __ATOMIC_SEQ_CST);
}

static bool
leave_for_intr(X86State *s)
{
    int vector = -1;

    if (!x86_vmx_pin(s, VMX_PIN_INTR)) {
        return false;
    }
    if (x86_vmx_get(s, VMX_EXIT_CONTROLS) & VMX_EXIT_ACK_INTR) {
        if (s->hooks && s->hooks->acknowledge) {
            vector = s->hooks->acknowledge(s);
        } else {
            clear_request(s, X86_REQ_HARD);
        }
        if (vector < 0) {
            return false; /* it has gone */
        }
    }
    x86_vmx_record_exit(s, VMX_REASON_INTR, 0);
    s->vmx.exit_event = vector < 0 ? 0 : VMX_EVENT_VALID | (uint32_t)vector;
    return true;
}

static bool
vmx_signal(X86State *s, X86Signal signal)
{
    uint32_t req = __atomic_load_n(&s->interrupt_request, __ATOMIC_ACQUIRE);

    switch (signal) {
    case X86_SIGNAL_INIT:
        clear_request(s, X86_REQ_INIT);
        s->vmx.init_held = 0;
        x86_vmx_record_exit(s, VMX_REASON_INIT, 0);
        return true;
    case X86_SIGNAL_SIPI:
        clear_request(s, X86_REQ_SIPI);
        x86_vmx_record_exit(s, VMX_REASON_SIPI, s->sipi_vector & 0xff);
        return true;
    case X86_SIGNAL_NMI:
        if (!x86_vmx_pin(s, VMX_PIN_NMI)) {
            return false;
        }
        clear_request(s, req & X86_REQ_NMI_AGAIN ? X86_REQ_NMI_AGAIN : X86_REQ_NMI);
        x86_vmx_record_exit(s, VMX_REASON_EXCEPTION, 0);
        s->vmx.exit_event = VMX_EVENT_VALID | X86_EVENT_NMI << VMX_EVENT_TYPE_SHIFT | X86_EXC_NMI;
        s->vmx.is_nmi = true;
        return true;
    case X86_SIGNAL_INTR:
        return leave_for_intr(s);
    default:
        return false;
    }
}

static bool
vmx_signal_wanted(X86State *s, X86Signal signal)
{
    switch (signal) {
    case X86_SIGNAL_NMI: /* virtual blocking does not hold back those that are not virtual */
        return !s->shadow && (x86_vmx_pin(s, VMX_PIN_VIRTUAL_NMI) || !s->nmi_blocked);
    case X86_SIGNAL_INTR:
        return !s->shadow && (x86_vmx_pin(s, VMX_PIN_INTR) || (s->eflags & X86_IF));
    default:
        return true;
    }
}

/* With NMI exiting alone, IRET has no part in what blocks NMIs (25.3). */
static bool
vmx_nmi_done(X86State *s)
{
    return x86_vmx_pin(s, VMX_PIN_NMI) && !x86_vmx_pin(s, VMX_PIN_VIRTUAL_NMI);
}

static bool
vmx_shutdown(X86State *s)
{
    forget_event(s);
    x86_vmx_record_exit(s, VMX_REASON_TRIPLE_FAULT, 0);
    return true;
}

static void
vmx_task_switch(X86State *s, uint16_t selector, int how, bool has_error, uint32_t error)
{
    static const uint8_t sources[] = {[X86_SWITCH_CALL] = 0, [X86_SWITCH_IRET] = 1, [X86_SWITCH_JMP] = 2, [X86_SWITCH_GATE] = 3};

    (void)has_error;
    (void)error;
    x86_vmx_leave(s, VMX_REASON_TASK_SWITCH, selector | (uint64_t)sources[how] << 30, 0);
}

static void
vmx_ferr(X86State *s)
{
    (void)s;
}

static void
vmx_delivering(X86State *s, const X86Event *event)
{
    X86Vmx *v = &s->vmx;

    forget_event(s);
    if (event) {
        unsigned type = event->type == X86_EVENT_EXCEPTION && event->is_software ? VMX_EVENT_SOFT_EXCEPTION : event->type;

        v->event = VMX_EVENT_VALID | type << VMX_EVENT_TYPE_SHIFT | event->vector;
        if (event->has_error) {
            v->event |= VMX_EVENT_HAS_ERROR;
            v->event_error = event->error;
        }
        if (type == X86_EVENT_SOFTWARE || type == X86_EVENT_INT1 || type == VMX_EVENT_SOFT_EXCEPTION) {
            v->event_length = (uint32_t)(event->return_rip - s->rip) & 15;
        }
        if (x86_vmx_proc(s, VMX_PROC_MTF)) {
            v->step_done = 1;
            x86_vmx_request(s);
        }
    }
}

/* ---- between instructions (25.5.1, 25.5.2, 25.2) ----------------------------------------------------------------------------------------- */

static uint32_t
boundary_reason(X86State *s, X86Boundary where)
{
    if (where == X86_BOUNDARY_INTR) {
        return x86_vmx_proc(s, VMX_PROC_INTR_WINDOW) && (s->eflags & X86_IF) && !s->shadow ? VMX_REASON_INTR_WINDOW : 0;
    }
    if (s->vmx.tpr_below) {
        return VMX_REASON_TPR_THRESHOLD;
    }
    if (s->vmx.step_done) {
        return VMX_REASON_MTF;
    }
    if (timer_is_over(s)) {
        return VMX_REASON_TIMER;
    }
    if (x86_vmx_proc(s, VMX_PROC_NMI_WINDOW) && !s->nmi_blocked && s->shadow != X86_SHADOW_SS) {
        return VMX_REASON_NMI_WINDOW;
    }
    return 0;
}

static bool
vmx_boundary(X86State *s, X86Boundary where, bool take)
{
    uint32_t reason = boundary_reason(s, where);

    if (reason != 0 && take) {
        x86_vmx_record_exit(s, reason, 0);
    }
    return reason != 0;
}

/* Trap-like exits come before debug traps of the same instruction, which stay pending. */
static bool
vmx_hold_debug(X86State *s)
{
    if (!s->vmx.step_done && !s->vmx.tpr_below) {
        return false;
    }
    s->vmx.debug_held = s->interp->debug_causes;
    s->dr[6] = s->interp->dr6_before;
    return true;
}

/* ---- registers that the guest does not have for itself ----------------------------------------------------------------------------------------- */

#define VIRTUAL_TPR 0x80u

static bool
vmx_get_tpr(X86State *s, uint8_t *cr8)
{
    if (!x86_vmx_proc(s, VMX_PROC_TPR_SHADOW)) {
        return false;
    }
    *cr8 = (uint8_t)(emu_tcg_phys_load(&s->tcg, x86_vmx_get(s, VMX_VIRTUAL_APIC) + VIRTUAL_TPR, 1) >> 4);
    return true;
}

static bool
vmx_set_tpr(X86State *s, uint8_t cr8)
{
    if (!x86_vmx_proc(s, VMX_PROC_TPR_SHADOW)) {
        return false;
    }
    emu_tcg_phys_store(&s->tcg, x86_vmx_get(s, VMX_VIRTUAL_APIC) + VIRTUAL_TPR, (uint32_t)(cr8 & 15) << 4, 4);
    if ((cr8 & 15) < (x86_vmx_get(s, VMX_TPR_THRESHOLD) & 15)) {
        s->vmx.tpr_below = 1;
        x86_vmx_request(s);
    }
    return true;
}

static uint64_t
vmx_get_tsc(X86State *s, uint64_t tsc)
{
    if (!x86_vmx_proc(s, VMX_PROC_TSC_OFFSET)) {
        return tsc;
    }
    if (x86_vmx_proc2(s, VMX_PROC2_TSC_SCALING)) {
        tsc = (uint64_t)((unsigned __int128)tsc * x86_vmx_get(s, VMX_TSC_MULTIPLIER) >> 48);
    }
    return tsc + x86_vmx_get(s, VMX_TSC_OFFSET);
}

static uint64_t
vmx_read_cr(X86State *s, unsigned n, uint64_t value)
{
    uint64_t mask = x86_vmx_get(s, n == 0 ? VMX_CR0_MASK : VMX_CR4_MASK);

    return (value & ~mask) | (x86_vmx_get(s, n == 0 ? VMX_CR0_SHADOW : VMX_CR4_SHADOW) & mask);
}

static uint64_t
vmx_write_cr(X86State *s, unsigned n, uint64_t value)
{
    uint64_t mask = x86_vmx_get(s, n == 0 ? VMX_CR0_MASK : VMX_CR4_MASK);

    return (value & ~mask) | ((n == 0 ? s->cr0 : s->cr4) & mask);
}

const X86Virt x86_vmx = {
    .instruction = vmx_instruction,
    .exception = vmx_exception,
    .signal = vmx_signal,
    .shutdown = vmx_shutdown,
    .task_switch = vmx_task_switch,
    .ferr = vmx_ferr,
    .delivering = vmx_delivering,
    .signal_wanted = vmx_signal_wanted,
    .nmi_done = vmx_nmi_done,
    .get_tpr = vmx_get_tpr,
    .set_tpr = vmx_set_tpr,
    .has_second_level = x86_vmx_has_ept,
    .second_level = x86_vmx_second_level,
    .keeps_pdptes = true,
    .get_tsc = vmx_get_tsc,
    .read_cr = vmx_read_cr,
    .write_cr = vmx_write_cr,
    .boundary = vmx_boundary,
    .hold_debug = vmx_hold_debug,
};
