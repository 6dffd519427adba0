/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * System instructions: control and debug registers, descriptor tables, segment register moves, fast
 * system calls, I/O, and what else the operating system uses.  MSRs and CPUID are in interp-msr.c.
 */

#include "x86-cet.h"
#include "x86-interp.h"
#include "x86-virt.h"

#define TYPE(attr) (((attr) >> 8) & 15)
#define DPL(attr) (((attr) >> X86_DESC_DPL_SHIFT) & 3)

static void
set_shadow(X86State *s, unsigned kind)
{
    s->shadow = (uint8_t)kind;
    s->interp->shadow_set = true;
}

/* Interrupt flag, halting. */

void
x86_exec_cli(X86State *s, const X86Insn *insn)
{
    (void)insn;
    if (!(s->tcg.mode_key & X86_MODE_IOPL)) {
        if (!x86_virtual_interrupts(s)) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        s->eflags &= ~X86_VIF;
        return;
    }
    s->eflags &= ~X86_IF;
}

void
x86_exec_sti(X86State *s, const X86Insn *insn)
{
    (void)insn;
    if (!(s->tcg.mode_key & X86_MODE_IOPL)) {
        /* An interrupt that waits for VIF is the monitor's to deliver. */
        if (!x86_virtual_interrupts(s) || (s->eflags & X86_VIP)) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        s->eflags |= X86_VIF;
        return;
    }
    if (!(s->eflags & X86_IF)) {
        s->eflags |= X86_IF;
        set_shadow(s, X86_SHADOW_STI);
    }
}

void
x86_exec_hlt(X86State *s, const X86Insn *insn)
{
    (void)insn;
    s->halted = 1;
    s->interp->stop = EMU_TCG_EXIT_HALT;
}

void
x86_exec_pause(X86State *s, const X86Insn *insn)
{
    (void)insn;
    s->interp->stop = EMU_TCG_EXIT_YIELD;
}

/* MONITOR and MWAIT: ECX asks for extensions. */
static void
check_monitor(X86State *s, uint32_t extensions)
{
    if (s->cpl != 0) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if ((uint32_t)X86_LOW(s, X86_RCX) & ~extensions) {
        x86_raise(s, X86_EXC_GP, 0);
    }
}

void
x86_exec_monitor(X86State *s, const X86Insn *insn)
{
    check_monitor(s, 0);
    s->monitor_addr = x86_linear(s, insn->segment,
                                 X86_LOW(s, X86_RAX) & x86_size_mask(insn->addrsize), 1,
                                 EMU_TCG_READ);
}

void
x86_exec_mwait(X86State *s, const X86Insn *insn)
{
    /* Any reason may end MWAIT: it ends at once, after letting others run. */
    (void)insn;
    check_monitor(s, 1); /* interrupts break it, masked or not */
    s->interp->stop = EMU_TCG_EXIT_YIELD;
}

/* Port I/O. */

/* DR7.R/W = 2 with CR4.DE: a trap behind the instruction; a fault in between forgets it. */
static void
meet_io_breakpoints(X86State *s, uint32_t port, unsigned size)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned ctl = s->dr[7] >> (16 + 4 * i) & 15, len = ctl >> 2, n = len == 2 ? 8 : len + 1;
        uint64_t at = s->dr[i] & ~(uint64_t)(n - 1);

        if ((s->dr[7] >> (2 * i) & 3) && (ctl & 3) == 2 && port < at + n && at < port + size) {
            s->interp->dr6_hit |= 1u << i;
        }
    }
}

void
x86_check_io(X86State *s, uint32_t port, unsigned size)
{
    uint64_t tss = *x86_seg_base(s, X86_TR);
    const X86Segment *tr = &s->seg[X86_TR];
    unsigned mode = x86_system_mmu_mode(s), base, bits;

    if (G_UNLIKELY(s->tcg.mode_key & X86_MODE_DR) && (s->cr4 & X86_CR4_DE)) {
        meet_io_breakpoints(s, port, size);
    }
    if (!(s->cr0 & X86_CR0_PE) || (!(s->eflags & X86_VM) && s->cpl <= x86_iopl(s))) {
        return;
    }
    if (!(TYPE(tr->attr) & 8) || tr->limit < 103) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    base = (unsigned)x86_load_linear(s, tss + 102, 2, mode);
    if (base + port / 8 + 1 > tr->limit) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    bits = (unsigned)x86_load_linear(s, tss + base + port / 8, 2, mode);
    if (bits >> (port & 7) & ((1u << size) - 1)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
}

static uint32_t
port_operand(X86State *s, const X86Insn *insn, unsigned n)
{
    if (insn->op[n].kind == X86_OPND_IMM) {
        return (uint8_t)insn->imm;
    }
    return (uint16_t)X86_LOW(s, X86_RDX);
}

void
x86_exec_in(X86State *s, const X86Insn *insn)
{
    uint32_t port = port_operand(s, insn, 1);
    unsigned size = insn->op[0].size;

    x86_leave_to(s, X86_ELSEWHERE_CHIPS);
    x86_check_io(s, port, size);
    x86_write_operand(s, insn, 0, emu_tcg_port_in(&s->tcg, port, size));
}

void
x86_exec_out(X86State *s, const X86Insn *insn)
{
    uint32_t port = port_operand(s, insn, 0);
    unsigned size = insn->op[1].size;

    x86_leave_to(s, X86_ELSEWHERE_CHIPS);
    x86_check_io(s, port, size);
    emu_tcg_port_out(&s->tcg, port, x86_get_gpr(s, X86_RAX, size), size);
}

/* Segment registers. */

void
x86_exec_mov_seg_to(X86State *s, const X86Insn *insn)
{
    unsigned seg = insn->op[0].reg;

    x86_load_seg(s, seg, (uint16_t)x86_read_operand(s, insn, 1));
    if (seg == X86_SS) {
        set_shadow(s, X86_SHADOW_SS);
    }
    x86_update_mode(s);
}

void
x86_exec_mov_seg_from(X86State *s, const X86Insn *insn)
{
    x86_write_operand(s, insn, 0, s->seg[insn->op[1].reg].selector);
}

static void
load_far_pointer(X86State *s, const X86Insn *insn, unsigned seg)
{
    uint64_t ea = x86_ea(s, insn), offset = x86_load(s, insn->segment, ea, insn->opsize);
    uint16_t sel;

    ea = (ea + insn->opsize) & x86_size_mask(insn->addrsize);
    sel = (uint16_t)x86_load(s, insn->segment, ea, 2);
    x86_load_seg(s, seg, sel);
    x86_write_operand(s, insn, 0, offset);
    x86_update_mode(s);
}

void
x86_exec_les(X86State *s, const X86Insn *insn)
{
    load_far_pointer(s, insn, X86_ES);
}

void
x86_exec_lds(X86State *s, const X86Insn *insn)
{
    load_far_pointer(s, insn, X86_DS);
}

void
x86_exec_lss(X86State *s, const X86Insn *insn)
{
    load_far_pointer(s, insn, X86_SS);
}

void
x86_exec_lfs(X86State *s, const X86Insn *insn)
{
    load_far_pointer(s, insn, X86_FS);
}

void
x86_exec_lgs(X86State *s, const X86Insn *insn)
{
    load_far_pointer(s, insn, X86_GS);
}

static void
check_fsgsbase(X86State *s)
{
    if (!(s->cr4 & X86_CR4_FSGSBASE)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
}

void
x86_exec_rdfsbase(X86State *s, const X86Insn *insn)
{
    check_fsgsbase(s);
    x86_write_operand(s, insn, 0, *x86_seg_base(s, X86_FS));
}

void
x86_exec_rdgsbase(X86State *s, const X86Insn *insn)
{
    check_fsgsbase(s);
    x86_write_operand(s, insn, 0, *x86_seg_base(s, X86_GS));
}

static void
write_base(X86State *s, const X86Insn *insn, unsigned seg)
{
    uint64_t v = x86_read_operand(s, insn, 0);

    check_fsgsbase(s);
    if (!x86_canonical_base(s, v)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    *x86_seg_base(s, seg) = v;
    x86_update_mode(s);
}

void
x86_exec_wrfsbase(X86State *s, const X86Insn *insn)
{
    write_base(s, insn, X86_FS);
}

void
x86_exec_wrgsbase(X86State *s, const X86Insn *insn)
{
    write_base(s, insn, X86_GS);
}

void
x86_exec_swapgs(X86State *s, const X86Insn *insn)
{
    uint64_t t = *x86_seg_base(s, X86_GS);

    (void)insn;
    *x86_seg_base(s, X86_GS) = s->kernel_gs_base;
    s->kernel_gs_base = t;
    x86_update_mode(s);
}

/* Control registers. */

bool
x86_pdpte_is_valid(const X86State *s, uint64_t entry)
{
    uint64_t reserved = (~s->phys_mask & UINT64_C(0x000ffffffffff000)) | UINT64_C(0xfff0000000000000) | 0x1e6;

    return !(entry & 1) || !(entry & reserved);
}

bool
x86_load_pdptes(X86State *s, uint64_t cr3)
{
    uint64_t e[4], table = cr3 & 0xffffffe0u;

    if (x86_virt_second_level(s)) {
        X86SecondLevelAccess access = {.gpa = table, .access = EMU_TCG_WRITE, .walk = true, .record = true};
        X86SecondLevel t;

        if (!s->virt->keeps_pdptes) {
            return true; /* a walk reads and checks them like its other levels */
        }
        if (!s->virt->second_level(s, &access, &t)) {
            x86_unwind(s, X86_UNWIND_EXCEPTION);
        }
        table = t.phys;
    }
    for (unsigned i = 0; i < 4; i++) {
        e[i] = emu_tcg_phys_load(&s->tcg, (table + 8 * i) & s->a20_mask, 8);
        if (!x86_pdpte_is_valid(s, e[i])) {
            return false;
        }
    }
    memcpy(s->pdpte, e, sizeof(e));
    return true;
}

static bool
pae_paging(X86State *s, uint64_t cr0, uint64_t cr4)
{
    return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) && !x86_long(s);
}

void
x86_write_cr0(X86State *s, uint64_t v)
{
    uint64_t changed, allowed = X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET |
                                X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD |
                                X86_CR0_PG;

    if (v >> 32 || ((v & X86_CR0_PG) && !(v & X86_CR0_PE)) ||
        ((v & X86_CR0_NW) && !(v & X86_CR0_CD)) || (!(v & X86_CR0_WP) && (s->cr4 & X86_CR4_CET)) ||
        !x86_vmx_allows_cr(s, 0, v)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    v = (v & allowed) | X86_CR0_ET;
    changed = v ^ s->cr0;
    if (changed & X86_CR0_PG) {
        if (v & X86_CR0_PG) {
            if (s->efer & X86_EFER_LME) {
                if (!(s->cr4 & X86_CR4_PAE) || (s->seg[X86_CS].attr & X86_DESC_L)) {
                    x86_raise(s, X86_EXC_GP, 0);
                }
                s->efer |= X86_EFER_LMA;
            } else if ((s->cr4 & X86_CR4_PAE) && !x86_load_pdptes(s, s->cr3)) {
                x86_raise(s, X86_EXC_GP, 0);
            }
        } else {
            if (s->code_size == 64 || (s->cr4 & X86_CR4_PCIDE)) {
                x86_raise(s, X86_EXC_GP, 0);
            }
            s->efer &= ~(uint64_t)X86_EFER_LMA;
        }
    } else if ((changed & (X86_CR0_CD | X86_CR0_NW)) && pae_paging(s, v, s->cr4) &&
               !x86_load_pdptes(s, s->cr3)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    s->cr0 = v;
    if (changed & (X86_CR0_PG | X86_CR0_PE | X86_CR0_WP)) {
        x86_flush_all(s);
    }
    x86_update_mode(s);
}

void
x86_write_cr3(X86State *s, uint64_t v)
{
    bool keep = false;

    if (x86_long(s)) {
        if (s->cr4 & X86_CR4_PCIDE) {
            keep = v >> 63;
            v &= ~(UINT64_C(1) << 63);
        }
        if (v & ~s->phys_mask) {
            x86_raise(s, X86_EXC_GP, 0);
        }
    } else {
        v = (uint32_t)v;
        if (pae_paging(s, s->cr0, s->cr4) && !x86_load_pdptes(s, v)) {
            x86_raise(s, X86_EXC_GP, 0);
        }
    }
    s->cr3 = v;
    if (!keep) {
        x86_flush_context(s, s->cr4 & X86_CR4_PCIDE ? v & 0xfff : 0);
    }
    x86_switch_context(s);
}

uint64_t
x86_cr4_allowed(const X86State *s)
{
    static const struct {
        uint16_t feature;
        uint32_t bits;
    } rules[] = {
        {X86_FEAT_VME, X86_CR4_VME | X86_CR4_PVI},
        {X86_FEAT_TSC, X86_CR4_TSD},
        {X86_FEAT_DE, X86_CR4_DE},
        {X86_FEAT_PSE, X86_CR4_PSE},
        {X86_FEAT_PAE, X86_CR4_PAE},
        {X86_FEAT_MCE, X86_CR4_MCE},
        {X86_FEAT_PGE, X86_CR4_PGE},
        {X86_FEAT_FXSR, X86_CR4_OSFXSR},
        {X86_FEAT_SSE, X86_CR4_OSXMMEXCPT},
        {X86_FEAT_UMIP, X86_CR4_UMIP},
        {X86_FEAT_FSGSBASE, X86_CR4_FSGSBASE},
        {X86_FEAT_PCID, X86_CR4_PCIDE},
        {X86_FEAT_XSAVE, X86_CR4_OSXSAVE},
        {X86_FEAT_SMEP, X86_CR4_SMEP},
        {X86_FEAT_SMAP, X86_CR4_SMAP},
        {X86_FEAT_LA57, X86_CR4_LA57},
        {X86_FEAT_VMX, X86_CR4_VMXE},
        {X86_FEAT_PKU, X86_CR4_PKE},
        {X86_FEAT_PKS, X86_CR4_PKS},
        {X86_FEAT_CET_SS, X86_CR4_CET},
        {X86_FEAT_CET_IBT, X86_CR4_CET},
    };
    uint64_t bits = X86_CR4_PCE;

    for (unsigned i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (x86_has_feature(s, rules[i].feature)) {
            bits |= rules[i].bits;
        }
    }
    return bits;
}

void
x86_write_cr4(X86State *s, uint64_t v)
{
    uint64_t changed = v ^ s->cr4;

    if ((v & ~x86_cr4_allowed(s)) || ((changed & (X86_CR4_PAE | X86_CR4_LA57)) && x86_long(s)) || !x86_vmx_allows_cr(s, 4, v)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    if ((v & X86_CR4_CET) && !(s->cr0 & X86_CR0_WP)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    if ((changed & v & X86_CR4_PCIDE) && (!x86_long(s) || (s->cr3 & 0xfff))) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    if ((changed & (X86_CR4_PAE | X86_CR4_PSE | X86_CR4_PGE | X86_CR4_SMEP)) &&
        pae_paging(s, s->cr0, v) && !x86_load_pdptes(s, s->cr3)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    s->cr4 = v;
    if (changed & (X86_CR4_PAE | X86_CR4_PSE | X86_CR4_PGE | X86_CR4_SMEP | X86_CR4_SMAP |
                   X86_CR4_PCIDE | X86_CR4_PKE | X86_CR4_PKS)) {
        x86_flush_all(s);
    }
    x86_update_mode(s);
}

/* As a guest is to see it. */
static uint64_t
read_cr(X86State *s, unsigned n)
{
    uint64_t v = n == 0 ? s->cr0 : s->cr4;

    return s->virt && s->virt->read_cr ? s->virt->read_cr(s, n, v) : v;
}

/* What the register gets when a guest writes @v. */
static uint64_t
written_cr(X86State *s, unsigned n, uint64_t v)
{
    return s->virt && s->virt->write_cr ? s->virt->write_cr(s, n, v) : v;
}

void
x86_exec_mov_from_cr(X86State *s, const X86Insn *insn)
{
    uint64_t v = 0;

    switch (insn->op[1].reg) {
    case 0:
        v = read_cr(s, 0);
        break;
    case 2:
        v = s->cr2;
        break;
    case 3:
        v = s->cr3;
        break;
    case 4:
        v = read_cr(s, 4);
        break;
    case 8: {
        uint8_t tpr;

        if (s->virt && s->virt->get_tpr(s, &tpr)) {
            v = tpr;
        } else {
            v = s->hooks && s->hooks->get_tpr ? s->hooks->get_tpr(s) : s->cr8;
        }
        break;
    }
    }
    x86_write_operand(s, insn, 0, v);
}

void
x86_exec_mov_to_cr(X86State *s, const X86Insn *insn)
{
    uint64_t v = x86_read_operand(s, insn, 1);

    switch (insn->op[0].reg) {
    case 0:
        x86_write_cr0(s, written_cr(s, 0, v));
        break;
    case 2:
        s->cr2 = v;
        break;
    case 3:
        x86_write_cr3(s, v);
        break;
    case 4:
        x86_write_cr4(s, written_cr(s, 4, v));
        break;
    case 8:
        if (v & ~UINT64_C(15)) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        if (s->virt && s->virt->set_tpr(s, (uint8_t)v)) {
            break;
        }
        s->cr8 = v;
        if (s->hooks && s->hooks->set_tpr) {
            s->hooks->set_tpr(s, (uint8_t)v);
        }
        break;
    }
}

void
x86_exec_clts(X86State *s, const X86Insn *insn)
{
    (void)insn;
    s->cr0 = written_cr(s, 0, s->cr0 & ~(uint64_t)X86_CR0_TS);
    x86_update_mode(s);
}

static void
check_umip(X86State *s)
{
    if ((s->cr4 & X86_CR4_UMIP) && s->cpl != 0) {
        x86_raise(s, X86_EXC_GP, 0);
    }
}

void
x86_exec_smsw(X86State *s, const X86Insn *insn)
{
    check_umip(s);
    x86_write_operand(s, insn, 0, read_cr(s, 0));
}

void
x86_exec_lmsw(X86State *s, const X86Insn *insn)
{
    uint64_t v = x86_read_operand(s, insn, 0) & 15;

    /* PE can be set but not cleared. */
    x86_write_cr0(s, written_cr(s, 0, (s->cr0 & ~UINT64_C(14)) | v));
}

static unsigned
debug_register(X86State *s, unsigned n)
{
    if (n == 4 || n == 5) {
        if (s->cr4 & X86_CR4_DE) {
            x86_raise_plain(s, X86_EXC_UD);
        }
        n += 2;
    }
    if (s->dr[7] & X86_DR7_GD) {
        x86_set_dr6(s, X86_DR6_BD);
        x86_raise_plain(s, X86_EXC_DB);
    }
    return n;
}

void
x86_exec_mov_from_dr(X86State *s, const X86Insn *insn)
{
    x86_write_operand(s, insn, 0, s->dr[debug_register(s, insn->op[1].reg)]);
}

void
x86_exec_mov_to_dr(X86State *s, const X86Insn *insn)
{
    unsigned n = debug_register(s, insn->op[0].reg);
    uint64_t v = x86_read_operand(s, insn, 1);

    if (n >= 6) {
        if (v >> 32) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        v = n == 6 ? (v & 0xe00f) | 0xffff0ff0u : (v & 0xffff27ffu) | 0x400u;
    }
    s->dr[n] = v;
    x86_update_mode(s);
}

/* Descriptor tables. */

static void
store_table(X86State *s, const X86Insn *insn, const X86TableReg *t)
{
    uint64_t ea = x86_ea(s, insn), mask = x86_size_mask(insn->addrsize);
    unsigned base_size = s->code_size == 64 ? 8 : 4;

    check_umip(s);
    x86_store(s, insn->segment, ea, t->limit, 2);
    x86_store(s, insn->segment, (ea + 2) & mask, t->base, base_size);
}

static void
load_table(X86State *s, const X86Insn *insn, X86TableReg *t)
{
    uint64_t ea = x86_ea(s, insn), mask = x86_size_mask(insn->addrsize), base;
    unsigned base_size = s->code_size == 64 ? 8 : 4;
    uint32_t limit;

    limit = (uint32_t)x86_load(s, insn->segment, ea, 2);
    base = x86_load(s, insn->segment, (ea + 2) & mask, base_size);
    if (s->code_size == 64) {
        if (!x86_canonical_base(s, base)) {
            x86_raise(s, X86_EXC_GP, 0);
        }
    } else if (insn->opsize == 2) {
        base &= 0xffffff;
    }
    t->limit = limit;
    t->base = base;
}

void
x86_exec_sgdt(X86State *s, const X86Insn *insn)
{
    store_table(s, insn, &s->gdtr);
}

void
x86_exec_sidt(X86State *s, const X86Insn *insn)
{
    store_table(s, insn, &s->idtr);
}

void
x86_exec_lgdt(X86State *s, const X86Insn *insn)
{
    load_table(s, insn, &s->gdtr);
}

void
x86_exec_lidt(X86State *s, const X86Insn *insn)
{
    load_table(s, insn, &s->idtr);
}

void
x86_exec_sldt(X86State *s, const X86Insn *insn)
{
    check_umip(s);
    x86_write_operand(s, insn, 0, s->seg[X86_LDTR].selector);
}

void
x86_exec_str(X86State *s, const X86Insn *insn)
{
    check_umip(s);
    x86_write_operand(s, insn, 0, s->seg[X86_TR].selector);
}

/* Reads the upper half of a 16-byte system descriptor in long mode: base bits 63-32. */
static uint64_t
system_base(X86State *s, uint16_t sel, const uint32_t desc[2])
{
    uint64_t base = x86_desc_base(desc), high;

    if (!x86_long(s)) {
        return base;
    }
    if ((sel & ~7u) + 15 > s->gdtr.limit) {
        x86_raise(s, X86_EXC_GP, sel & ~3u);
    }
    high = x86_load_linear(s, s->gdtr.base + (sel & ~7u) + 8, 8, x86_system_mmu_mode(s));
    base |= high << 32;
    if (!x86_canonical_base(s, base)) {
        x86_raise(s, X86_EXC_GP, sel & ~3u);
    }
    return base;
}

void
x86_exec_lldt(X86State *s, const X86Insn *insn)
{
    uint16_t sel = (uint16_t)x86_read_operand(s, insn, 0);
    uint32_t desc[2];
    uint64_t base;

    if (!(sel & ~3u)) {
        x86_set_seg(s, X86_LDTR, sel, 0, 0, X86_DESC_NULL);
        return;
    }
    if ((sel & 4) || !x86_read_descriptor(s, sel, desc) || (desc[1] & X86_DESC_S) ||
        TYPE(desc[1]) != 2) {
        x86_raise(s, X86_EXC_GP, sel & ~3u);
    }
    if (!(desc[1] & X86_DESC_P)) {
        x86_raise(s, X86_EXC_NP, sel & ~3u);
    }
    base = system_base(s, sel, desc);
    x86_set_seg(s, X86_LDTR, sel, base, x86_desc_limit(desc), desc[1] & X86_DESC_ATTR);
}

void
x86_exec_ltr(X86State *s, const X86Insn *insn)
{
    uint16_t sel = (uint16_t)x86_read_operand(s, insn, 0);
    uint32_t desc[2];
    uint64_t base;
    unsigned type;

    if (!(sel & ~3u)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    if ((sel & 4) || !x86_read_descriptor(s, sel, desc)) {
        x86_raise(s, X86_EXC_GP, sel & ~3u);
    }
    type = TYPE(desc[1]);
    if ((desc[1] & X86_DESC_S) || !(type == 9 || (type == 1 && !x86_long(s)))) {
        x86_raise(s, X86_EXC_GP, sel & ~3u);
    }
    if (!(desc[1] & X86_DESC_P)) {
        x86_raise(s, X86_EXC_NP, sel & ~3u);
    }
    base = system_base(s, sel, desc);
    desc[1] |= 2u << 8; /* busy */
    x86_store_linear(s, s->gdtr.base + (sel & ~7u) + 4, desc[1], 4, x86_system_mmu_mode(s));
    x86_set_seg(s, X86_TR, sel, base, x86_desc_limit(desc), desc[1] & X86_DESC_ATTR);
}

/* LAR, LSL, VERR, VERW: what the selector would give. */

static bool
probe(X86State *s, uint16_t sel, uint32_t desc[2])
{
    return (sel & ~3u) && x86_read_descriptor(s, sel, desc);
}

static bool
probe_privilege(X86State *s, uint16_t sel, const uint32_t desc[2])
{
    unsigned dpl = DPL(desc[1]);
    bool conforming = (desc[1] & (X86_DESC_S | X86_DESC_CODE | X86_DESC_C)) ==
                      (X86_DESC_S | X86_DESC_CODE | X86_DESC_C);

    return conforming || (dpl >= s->cpl && dpl >= (sel & 3u));
}

static void
set_zf(X86State *s, bool on)
{
    s->cc = on ? s->cc | X86_ZF : s->cc & ~X86_ZF;
}

void
x86_exec_lar(X86State *s, const X86Insn *insn)
{
    uint16_t sel = (uint16_t)x86_read_operand(s, insn, 1);
    uint32_t legacy = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 9 | 1u << 11 |
                      1u << 12, lng = 1u << 2 | 1u << 9 | 1u << 11 | 1u << 12, desc[2];
    bool ok = probe(s, sel, desc) && probe_privilege(s, sel, desc);

    if (ok && !(desc[1] & X86_DESC_S)) {
        ok = (x86_long(s) ? lng : legacy) >> TYPE(desc[1]) & 1;
    }
    if (ok) {
        x86_write_operand(s, insn, 0, desc[1] & 0x00ffff00u);
    }
    set_zf(s, ok);
}

void
x86_exec_lsl(X86State *s, const X86Insn *insn)
{
    uint16_t sel = (uint16_t)x86_read_operand(s, insn, 1);
    uint32_t legacy = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 9 | 1u << 11,
             lng = 1u << 2 | 1u << 9 | 1u << 11, desc[2];
    bool ok = probe(s, sel, desc) && probe_privilege(s, sel, desc);

    if (ok && !(desc[1] & X86_DESC_S)) {
        ok = (x86_long(s) ? lng : legacy) >> TYPE(desc[1]) & 1;
    }
    if (ok) {
        x86_write_operand(s, insn, 0, x86_desc_limit(desc));
    }
    set_zf(s, ok);
}

void
x86_exec_verr(X86State *s, const X86Insn *insn)
{
    uint16_t sel = (uint16_t)x86_read_operand(s, insn, 0);
    uint32_t desc[2];

    set_zf(s, probe(s, sel, desc) && (desc[1] & X86_DESC_S) && probe_privilege(s, sel, desc) &&
                  (desc[1] & (X86_DESC_CODE | X86_DESC_R)) != X86_DESC_CODE);
}

void
x86_exec_verw(X86State *s, const X86Insn *insn)
{
    uint16_t sel = (uint16_t)x86_read_operand(s, insn, 0);
    uint32_t desc[2];

    set_zf(s, probe(s, sel, desc) && probe_privilege(s, sel, desc) &&
                  (desc[1] & (X86_DESC_S | X86_DESC_CODE | X86_DESC_W)) ==
                      (X86_DESC_S | X86_DESC_W));
}

/* TLB and caches. */

void
x86_exec_invlpg(X86State *s, const X86Insn *insn)
{
    uint64_t la = x86_ea(s, insn) + (s->code_size == 64 && insn->segment < X86_FS
                                         ? 0
                                         : *x86_seg_base(s, insn->segment));

    if (s->code_size != 64) {
        la = (uint32_t)la;
    }
    x86_flush_page(s, la);
}

void
x86_exec_invpcid(X86State *s, const X86Insn *insn)
{
    uint64_t type = x86_read_operand(s, insn, 0), ea = x86_ea(s, insn), pcid, address;

    pcid = x86_load(s, insn->segment, ea, 8);
    address = x86_load(s, insn->segment, (ea + 8) & x86_size_mask(insn->addrsize), 8);
    if (type > 3 || (type < 2 && (pcid >> 12 || (pcid && !(s->cr4 & X86_CR4_PCIDE)))) || (type == 0 && !x86_canonical_base(s, address))) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    switch (type) {
    case 0:
        x86_flush_context_page(s, (uint32_t)pcid, address);
        break;
    case 1:
        x86_flush_context(s, (uint32_t)pcid);
        break;
    default:
        x86_flush_space(s); /* type 3 leaves global pages, which may go as well */
    }
}

void
x86_exec_invd(X86State *s, const X86Insn *insn)
{
    (void)s;
    (void)insn;
}

void
x86_exec_wbinvd(X86State *s, const X86Insn *insn)
{
    (void)s;
    (void)insn;
}

void
x86_exec_clflush(X86State *s, const X86Insn *insn)
{
    /* Checked like a byte load. */
    x86_load(s, insn->segment, x86_ea(s, insn), 1);
}

/* A line of 64 bytes is written in one go. */
static void
write_line(X86State *s, unsigned seg, uint64_t offset, const uint8_t line[64])
{
    uint64_t linear = x86_linear(s, seg, offset, 64, EMU_TCG_WRITE);

    if (!emu_tcg_write(&s->tcg, linear, line, 64, s->tcg.mmu_mode)) {
        x86_raise_recorded_now(s);
    }
}

void
x86_exec_clzero(X86State *s, const X86Insn *insn)
{
    static const uint8_t zero[64];

    write_line(s, insn->segment, x86_get_gpr(s, X86_RAX, insn->addrsize) & ~UINT64_C(63), zero);
}

void
x86_exec_movdir64b(X86State *s, const X86Insn *insn)
{
    uint64_t to = x86_get_gpr(s, insn->reg, insn->addrsize);
    uint8_t line[64];

    if (!emu_tcg_read(&s->tcg, x86_operand_linear(s, insn, 64, EMU_TCG_READ), line, 64, s->tcg.mmu_mode)) {
        x86_raise_recorded_now(s);
    }
    if ((to + (s->code_size == 64 ? 0 : *x86_seg_base(s, X86_ES))) & 63) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    write_line(s, X86_ES, to, line);
}

void
x86_exec_fence(X86State *s, const X86Insn *insn)
{
    (void)s;
    (void)insn;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void
x86_exec_clac(X86State *s, const X86Insn *insn)
{
    (void)insn;
    if (s->cpl != 0) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    s->eflags &= ~X86_AC;
    x86_update_mode(s);
}

void
x86_exec_stac(X86State *s, const X86Insn *insn)
{
    (void)insn;
    if (s->cpl != 0) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    s->eflags |= X86_AC;
    x86_update_mode(s);
}

static void
check_pkru(X86State *s)
{
    if (!(s->cr4 & X86_CR4_PKE)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if ((uint32_t)X86_LOW(s, X86_RCX) != 0) {
        x86_raise(s, X86_EXC_GP, 0);
    }
}

void
x86_exec_rdpkru(X86State *s, const X86Insn *insn)
{
    (void)insn;
    check_pkru(s);
    X86_LOW(s, X86_RAX) = x86_get_pkru(s);
    X86_LOW(s, X86_RDX) = 0;
}

void
x86_exec_wrpkru(X86State *s, const X86Insn *insn)
{
    (void)insn;
    check_pkru(s);
    if ((uint32_t)X86_LOW(s, X86_RDX) != 0) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    x86_set_pkru(s, (uint32_t)X86_LOW(s, X86_RAX));
}

/* Fast system calls. */

static void
flat_cs(X86State *s, uint16_t sel, unsigned cpl, bool code64)
{
    x86_set_seg(s, X86_CS, sel, 0, 0xffffffffu, X86_FLAT_CS(cpl, code64 ? X86_DESC_L : X86_DESC_B));
    s->cpl = (uint8_t)cpl;
}

static void
flat_ss(X86State *s, uint16_t sel, unsigned cpl)
{
    x86_set_seg(s, X86_SS, sel, 0, 0xffffffffu, X86_FLAT_SS(cpl));
}

void
x86_exec_syscall(X86State *s, const X86Insn *insn)
{
    uint16_t sel = (uint16_t)(s->star >> 32) & 0xfffc;

    (void)insn;
    if (!(s->efer & X86_EFER_SCE) || !x86_protected(s)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    s->interp->step = X86_STEP_AFTER;
    x86_cet_fast_call(s);
    if (x86_long(s)) {
        uint64_t target = s->code_size == 64 ? s->lstar : s->cstar;

        X86_LOW(s, X86_RCX) = s->interp->next_rip;
        *x86_gpr(s, X86_R11) = x86_get_eflags(s) & ~X86_RF;
        x86_set_eflags(s, x86_get_eflags(s) & ~((uint32_t)s->sfmask | X86_RF));
        flat_cs(s, sel, 0, true);
        s->interp->next_rip = target;
    } else {
        X86_LOW(s, X86_RCX) = (uint32_t)s->interp->next_rip;
        s->eflags &= ~(X86_VM | X86_IF | X86_RF);
        flat_cs(s, sel, 0, false);
        s->interp->next_rip = (uint32_t)s->star;
    }
    flat_ss(s, (uint16_t)(sel + 8), 0);
    x86_update_mode(s);
}

void
x86_exec_sysret(X86State *s, const X86Insn *insn)
{
    uint16_t sel = (uint16_t)(s->star >> 48);

    if (!(s->efer & X86_EFER_SCE)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if (!x86_protected(s) || s->cpl != 0) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    s->interp->step = X86_STEP_AFTER;
    if (x86_long(s)) {
        uint64_t rcx = X86_LOW(s, X86_RCX);

        if (insn->opsize == 8) {
            if (!x86_canonical(s, rcx)) {
                x86_raise(s, X86_EXC_GP, 0);
            }
            x86_cet_fast_return(s, true);
            flat_cs(s, (uint16_t)((sel + 16) | 3), 3, true);
            s->interp->next_rip = rcx;
        } else {
            x86_cet_fast_return(s, false);
            flat_cs(s, sel | 3, 3, false);
            s->interp->next_rip = (uint32_t)rcx;
        }
        x86_set_eflags(s, (uint32_t)*x86_gpr(s, X86_R11) & 0x3c7fd7);
    } else {
        x86_cet_fast_return(s, false);
        flat_cs(s, sel | 3, 3, false);
        s->interp->next_rip = (uint32_t)X86_LOW(s, X86_RCX);
        s->eflags |= X86_IF;
    }
    flat_ss(s, (uint16_t)((sel + 8) | 3), 3);
    x86_update_mode(s);
}

void
x86_exec_sysenter(X86State *s, const X86Insn *insn)
{
    uint16_t sel = (uint16_t)s->sysenter_cs & 0xfffc;

    (void)insn;
    if (!(s->cr0 & X86_CR0_PE) || sel == 0) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    x86_cet_fast_call(s);
    s->eflags &= ~(X86_VM | X86_IF);
    flat_cs(s, sel, 0, x86_long(s));
    flat_ss(s, (uint16_t)(sel + 8), 0);
    if (x86_long(s)) {
        X86_LOW(s, X86_RSP) = s->sysenter_esp;
        s->interp->next_rip = s->sysenter_eip;
    } else {
        X86_LOW(s, X86_RSP) = (uint32_t)s->sysenter_esp;
        s->interp->next_rip = (uint32_t)s->sysenter_eip;
    }
    x86_update_mode(s);
}

void
x86_exec_sysexit(X86State *s, const X86Insn *insn)
{
    uint16_t sel = (uint16_t)s->sysenter_cs & 0xfffc;
    bool code64 = insn->opsize == 8;
    uint64_t rip = X86_LOW(s, X86_RDX), rsp = X86_LOW(s, X86_RCX);

    if (!(s->cr0 & X86_CR0_PE) || sel == 0 ||
        (code64 && (!x86_canonical(s, rip) || !x86_canonical(s, rsp)))) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    x86_cet_fast_return(s, code64);
    sel = (uint16_t)(sel + (code64 ? 32 : 16));
    flat_cs(s, sel | 3, 3, code64);
    flat_ss(s, (uint16_t)((sel + 8) | 3), 3);
    X86_LOW(s, X86_RSP) = code64 ? rsp : (uint32_t)rsp;
    s->interp->next_rip = code64 ? rip : (uint32_t)rip;
    x86_update_mode(s);
}

/*
 * Where CPUID says that there is a hypervisor, a call reaches it.  Ours knows what KVM's documented interface calls SEND_IPI
 * (bitmap of APIC IDs in rbx and rcx, lowest ID in rdx, ICR in rsi; the number sent comes back) and answers others with
 * KVM's ENOSYS, those from user mode with EPERM.
 */
void
x86_exec_vmcall(X86State *s, const X86Insn *insn)
{
    enum { SEND_IPI = 10 };
    int64_t result = -1000;

    if (s->vmx.on && !s->in_smm && insn->reg == 0) {
        x86_vmx_vmcall(s);
        return;
    }
    if (!x86_has_feature(s, X86_FEAT_HYPERVISOR) || !x86_protected(s)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if (s->cpl != 0) {
        result = -1;
    } else if (X86_LOW(s, X86_RAX) == SEND_IPI && s->hooks && s->hooks->send_ipis) {
        result = s->hooks->send_ipis(s, X86_LOW(s, X86_RBX), X86_LOW(s, X86_RCX), (uint32_t)X86_LOW(s, X86_RDX),
                                     (uint32_t)X86_LOW(s, X86_RSI));
    }
    x86_set_gpr(s, X86_RAX, (uint64_t)result, s->code_size == 64 ? 8 : 4);
}

void
x86_exec_rsm(X86State *s, const X86Insn *insn)
{
    (void)insn;
    if (!s->in_smm) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if (!x86_smm_leave(s)) {
        s->interp->stop = EMU_TCG_EXIT_SHUTDOWN;
    }
}

/*
 * Transactions, of a processor on which each one aborts at its beginning: no transaction runs when one of these instructions is met.
 * The status in EAX is 0: no bit says that another attempt would be of use (SDM 1, 16.3.5). XACQUIRE and XRELEASE are prefixes that mean nothing.
 */

void
x86_exec_xbegin(X86State *s, const X86Insn *insn)
{
    uint64_t target = s->interp->next_rip + insn->imm;

    /* The displacement may have 16 bits in 64-bit code, the address has not. */
    x86_branch_to(s, target, insn->opsize);
    x86_set_gpr(s, X86_RAX, 0, 4);
}

void
x86_exec_xabort(X86State *s, const X86Insn *insn)
{
    (void)s;
    (void)insn;
}

void
x86_exec_xend(X86State *s, const X86Insn *insn)
{
    (void)insn;
    x86_raise(s, X86_EXC_GP, 0);
}

void
x86_exec_xtest(X86State *s, const X86Insn *insn)
{
    (void)insn;
    if (!x86_has_feature(s, X86_FEAT_RTM) && !x86_has_feature(s, X86_FEAT_HLE)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    s->cc = X86_ZF;
}
