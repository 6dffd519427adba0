/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The instructions of VMX (SDM volume 3, chapter 30) up to VM entry itself: into and out of VMX operation, the current VMCS and its
 * fields, INVEPT and INVVPID.
 *
 * Every VM entry and exit empties the TLB, so that EPTPs and VPIDs have nothing left to tell apart: both of these check their
 * operands and flush.
 */

#include "x86-vmx.h"

#define FEATURE_CONTROL_VMXON (1u << 0 | 1u << 2)

/* ---- results (30.2) ------------------------------------------------------------------------------------------------------- */

static void
succeed(X86State *s)
{
    s->cc = 0;
}

static void
fail_invalid(X86State *s)
{
    s->cc = X86_CF;
}

static void
fail(X86State *s, unsigned error)
{
    if (s->vmx.current == UINT64_MAX) {
        fail_invalid(s);
        return;
    }
    s->cc = X86_ZF;
    x86_vmx_put(s, VMX_INSTRUCTION_ERROR, error);
}

/* ---- what they all ask first -------------------------------------------------------------------------------------------------- */

static bool
mode_is_right(const X86State *s)
{
    return x86_protected(s) && !(x86_long(s) && s->code_size != 64);
}

/* A guest is left, with the operand described; @reg2: a register operand beside it. */
static void
check_vmx(X86State *s, const X86Insn *insn, uint32_t reason, unsigned reg2)
{
    if (!s->vmx.on || s->in_smm || !mode_is_right(s)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if (s->virt == &x86_vmx) {
        if (insn->mod == 3 && insn->row->op != X86_OP_vmread && insn->row->op != X86_OP_vmwrite) {
            x86_vmx_leave(s, reason, 0, 0); /* no operand */
        }
        x86_vmx_leave(s, reason, x86_vmx_displacement(s, insn), x86_vmx_operand_info(insn, reg2));
    }
    if (s->cpl != 0) {
        x86_raise(s, X86_EXC_GP, 0);
    }
}

bool
x86_vmx_allows_cr(X86State *s, unsigned n, uint64_t value)
{
    if (!s->vmx.on) {
        return n == 0 || !s->in_smm || !(value & X86_CR4_VMXE);
    }
    if (s->in_smm) {
        return n == 0 || !(value & X86_CR4_VMXE);
    }
    return !(n == 0 ? x86_vmx_cr0_wrong(s, value, s->virt && x86_vmx_proc2(s, VMX_PROC2_UNRESTRICTED)) : x86_vmx_cr4_wrong(s, value));
}

/* ---- VMX operation -------------------------------------------------------------------------------------------------------------- */

void
x86_exec_vmxon(X86State *s, const X86Insn *insn)
{
    uint64_t at;

    if (s->vmx.on) {
        check_vmx(s, insn, VMX_REASON_VMXON, 0);
        fail(s, VMX_ERROR_VMXON_IN_ROOT);
        return;
    }
    if (!mode_is_right(s) || !(s->cr4 & X86_CR4_VMXE)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if (s->cpl != 0 || x86_vmx_cr0_wrong(s, s->cr0, false) || x86_vmx_cr4_wrong(s, s->cr4) || s->a20_mask != ~UINT64_C(0) ||
        (s->feature_control & FEATURE_CONTROL_VMXON) != FEATURE_CONTROL_VMXON || (s->efer & X86_EFER_SVME)) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    at = x86_read_operand(s, insn, 0);
    if (!x86_vmx_is_page(s, at) || (uint32_t)emu_tcg_phys_load(&s->tcg, at, 4) != VMX_REVISION) {
        fail_invalid(s);
        return;
    }
    s->vmx.vmxon = at;
    s->vmx.current = UINT64_MAX;
    s->vmx.on = 1;
    succeed(s);
}

/* The current VMCS goes back to its memory. */
static void
put_back(X86State *s)
{
    uint64_t v;

    if (s->vmx.current == UINT64_MAX) {
        return;
    }
    for (unsigned i = 0; i < X86_VMCS_SIZE; i += 8) {
        memcpy(&v, s->vmx.vmcs + i, 8);
        emu_tcg_phys_store(&s->tcg, s->vmx.current + i, v, 8);
    }
    s->vmx.current = UINT64_MAX;
}

void
x86_exec_vmxoff(X86State *s, const X86Insn *insn)
{
    check_vmx(s, insn, VMX_REASON_VMXOFF, 0);
    put_back(s);
    s->vmx.on = 0;
    succeed(s);
    x86_virt_look_again(s); /* INIT is no longer blocked */
}

void
x86_vmx_vmcall(X86State *s)
{
    if (s->virt) {
        x86_vmx_leave(s, VMX_REASON_VMCALL, 0, 0);
    }
    if (!mode_is_right(s)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if (s->cpl != 0) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    fail(s, VMX_ERROR_VMCALL_IN_ROOT); /* there is no SMM monitor */
}

/* ---- the current VMCS -------------------------------------------------------------------------------------------------------------- */

void
x86_exec_vmclear(X86State *s, const X86Insn *insn)
{
    uint32_t clear = 0;
    uint64_t at;

    check_vmx(s, insn, VMX_REASON_VMCLEAR, 0);
    at = x86_read_operand(s, insn, 0);
    if (!x86_vmx_is_page(s, at)) {
        fail(s, VMX_ERROR_VMCLEAR_ADDRESS);
    } else if (at == s->vmx.vmxon) {
        fail(s, VMX_ERROR_VMCLEAR_VMXON);
    } else {
        if (at == s->vmx.current) {
            memcpy(s->vmx.vmcs + VMX_REGION_LAUNCHED, &clear, sizeof(clear));
            put_back(s);
        } else {
            emu_tcg_phys_store(&s->tcg, at + VMX_REGION_LAUNCHED, clear, sizeof(clear));
        }
        succeed(s);
    }
}

void
x86_exec_vmptrld(X86State *s, const X86Insn *insn)
{
    uint32_t revision, shadow = x86_vmx_allowed(s, X86_VMX_PROC2).may & VMX_PROC2_SHADOW_VMCS ? VMX_SHADOW_INDICATOR : 0;
    uint64_t at, v;

    check_vmx(s, insn, VMX_REASON_VMPTRLD, 0);
    at = x86_read_operand(s, insn, 0);
    if (!x86_vmx_is_page(s, at)) {
        fail(s, VMX_ERROR_VMPTRLD_ADDRESS);
        return;
    }
    if (at == s->vmx.vmxon) {
        fail(s, VMX_ERROR_VMPTRLD_VMXON);
        return;
    }
    revision = (uint32_t)emu_tcg_phys_load(&s->tcg, at, 4);
    if ((revision & ~shadow) != VMX_REVISION) {
        fail(s, VMX_ERROR_VMPTRLD_REVISION);
        return;
    }
    if (at != s->vmx.current) {
        put_back(s);
        for (unsigned i = 0; i < X86_VMCS_SIZE; i += 8) {
            v = emu_tcg_phys_load(&s->tcg, at + i, 8);
            memcpy(s->vmx.vmcs + i, &v, 8);
        }
        s->vmx.current = at;
    }
    succeed(s);
}

void
x86_exec_vmptrst(X86State *s, const X86Insn *insn)
{
    check_vmx(s, insn, VMX_REASON_VMPTRST, 0);
    x86_write_operand(s, insn, 0, s->vmx.current);
    succeed(s);
}

/* ---- fields (appendix B) ------------------------------------------------------------------------------------------------------------ */

/* Indices that exist, by width and type: controls, read-only, guest, host. */
static const uint32_t field_indices[4][4] = {
    {0x00000001, 0, 0x000002ff, 0x0000007f},
    {0x025823ff, 0x00000001, 0x000001ef, 0x00000003},
    {0x0003ffff, 0x000000ff, 0x00bfffff, 0x00000001},
    {0x000000ff, 0x0000003f, 0x000fffff, 0x00000fff},
};

bool
x86_vmx_field_exists(const X86State *s, uint64_t field)
{
    (void)s;
    if (field >> 15 || (field >> 1 & 0x1ff) > 31 || (field & (1u << 12)) || ((field & VMX_FIELD_HIGH) && (field >> 13 & 3) != 1)) {
        return false;
    }
    return field_indices[field >> 13 & 3][field >> 10 & 3] >> (field >> 1 & 31) & 1;
}

static bool
field_is_read_only(uint64_t field)
{
    return (field >> 10 & 3) == 1;
}

/* A VMREAD or VMWRITE of a guest's that its shadow VMCS serves (24.10 "VMCS shadowing"). */
static bool
is_shadowed(X86State *s, uint64_t field, bool write)
{
    uint64_t bitmap;

    if (s->virt != &x86_vmx || !x86_vmx_proc2(s, VMX_PROC2_SHADOW_VMCS) || field >> 15) {
        return false;
    }
    bitmap = x86_vmx_get(s, write ? VMX_VMWRITE_BITMAP : VMX_VMREAD_BITMAP);
    return !(emu_tcg_phys_load(&s->tcg, bitmap + field / 8, 1) >> (field & 7) & 1);
}

/* What both check before a field is accessed.  False: the instruction is over.  @shadow: the VMCS in memory that is meant, or
 * all ones for the current one. */
static bool
begin_access(X86State *s, const X86Insn *insn, uint32_t reason, uint64_t field, uint64_t *shadow)
{
    bool write = reason == VMX_REASON_VMWRITE;
    unsigned error = 0;

    *shadow = UINT64_MAX;
    if (s->vmx.on && !s->in_smm && mode_is_right(s) && is_shadowed(s, field, write)) {
        if (s->cpl != 0) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        *shadow = x86_vmx_get(s, VMX_LINK_POINTER);
        if (*shadow == UINT64_MAX) {
            fail_invalid(s);
            return false;
        }
    } else {
        check_vmx(s, insn, reason, insn->reg);
        if (s->vmx.current == UINT64_MAX) {
            fail_invalid(s);
            return false;
        }
    }
    if (!x86_vmx_field_exists(s, field)) {
        error = VMX_ERROR_FIELD;
    } else if (write && field_is_read_only(field) && !(x86_vmx_misc(s) & VMX_MISC_WRITE_ALL)) {
        error = VMX_ERROR_READ_ONLY;
    }
    if (error == 0) {
        return true;
    }
    fail(s, error);
    return false;
}

static uint64_t
encoding_operand(X86State *s, const X86Insn *insn)
{
    return x86_get_gpr(s, insn->reg, s->code_size == 64 ? 8 : 4);
}

void
x86_exec_vmread(X86State *s, const X86Insn *insn)
{
    uint64_t field = encoding_operand(s, insn), shadow, v;

    if (!begin_access(s, insn, VMX_REASON_VMREAD, field, &shadow)) {
        return;
    }
    if (shadow == UINT64_MAX) {
        v = x86_vmx_get(s, (unsigned)field);
    } else {
        v = emu_tcg_phys_load(&s->tcg, shadow + x86_vmx_field_offset((unsigned)field), x86_vmx_field_size((unsigned)field));
    }
    x86_write_operand(s, insn, 0, field & VMX_FIELD_HIGH ? v >> 32 : v);
    succeed(s);
}

void
x86_exec_vmwrite(X86State *s, const X86Insn *insn)
{
    uint64_t field = encoding_operand(s, insn), shadow, v;
    unsigned offset, size;

    if (!begin_access(s, insn, VMX_REASON_VMWRITE, field, &shadow)) {
        return;
    }
    v = x86_read_operand(s, insn, 1);
    offset = x86_vmx_field_offset((unsigned)field);
    size = x86_vmx_field_size((unsigned)field);
    if (field & VMX_FIELD_HIGH) {
        offset += 4;
        size = 4;
    }
    if (shadow == UINT64_MAX) {
        x86_put_bytes(s->vmx.vmcs + offset, v, size);
    } else {
        emu_tcg_phys_store(&s->tcg, shadow + offset, v & x86_size_mask(size), size);
    }
    succeed(s);
}

/* ---- VM entry, as far as it is an instruction (26.1, 26.2) ------------------------------------------------------------------------ */

static void
enter(X86State *s, const X86Insn *insn, bool launch)
{
    uint32_t launched, revision;
    unsigned error;

    check_vmx(s, insn, launch ? VMX_REASON_VMLAUNCH : VMX_REASON_VMRESUME, 0);
    memcpy(&revision, s->vmx.vmcs, sizeof(revision));
    if (s->vmx.current == UINT64_MAX || (revision & VMX_SHADOW_INDICATOR)) {
        fail_invalid(s);
        return;
    }
    if (s->shadow == X86_SHADOW_SS) {
        fail(s, VMX_ERROR_MOV_SS);
        return;
    }
    memcpy(&launched, s->vmx.vmcs + VMX_REGION_LAUNCHED, sizeof(launched));
    if (launch != !launched) {
        fail(s, launch ? VMX_ERROR_VMLAUNCH_NOT_CLEAR : VMX_ERROR_VMRESUME_NOT_LAUNCHED);
        return;
    }
    error = x86_vmx_check_controls(s);
    if (error) {
        fail(s, error);
        return;
    }
    s->cc = 0;
    x86_vmx_begin_entry(s);
    x86_unwind(s, X86_UNWIND_EXCEPTION);
}

void
x86_exec_vmlaunch(X86State *s, const X86Insn *insn)
{
    enter(s, insn, true);
}

void
x86_exec_vmresume(X86State *s, const X86Insn *insn)
{
    enter(s, insn, false);
}

/* ---- TLB ---------------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t type, low, high;
} Invalidation;

static Invalidation
invalidation_operands(X86State *s, const X86Insn *insn)
{
    Invalidation v = {.type = encoding_operand(s, insn)};
    uint64_t ea = x86_ea(s, insn);

    v.low = x86_load(s, insn->segment, ea, 8);
    v.high = x86_load(s, insn->segment, (ea + 8) & x86_size_mask(insn->addrsize), 8);
    return v;
}

static void
finish_invalidation(X86State *s, bool valid)
{
    if (!valid) {
        fail(s, VMX_ERROR_INVALIDATE);
        return;
    }
    x86_flush_all(s);
    succeed(s);
}

void
x86_exec_invept(X86State *s, const X86Insn *insn)
{
    enum { SINGLE = 1, ALL = 2 };
    uint32_t can = (uint32_t)x86_vmx_ept_vpid(s);
    Invalidation v;

    if (!(x86_vmx_allowed(s, X86_VMX_PROC2).may & VMX_PROC2_EPT) || !(can & VMX_EPT_INVEPT)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    check_vmx(s, insn, VMX_REASON_INVEPT, insn->reg);
    v = invalidation_operands(s, insn);
    finish_invalidation(s, (v.type == SINGLE && (can & VMX_EPT_INVEPT_SINGLE) && x86_vmx_eptp_is_valid(s, v.low)) ||
                               (v.type == ALL && (can & VMX_EPT_INVEPT_ALL)));
}

void
x86_exec_invvpid(X86State *s, const X86Insn *insn)
{
    enum { ADDRESS = 0, ALL = 2 };
    uint32_t can = (uint32_t)(x86_vmx_ept_vpid(s) >> 32);
    Invalidation v;

    if (!(x86_vmx_allowed(s, X86_VMX_PROC2).may & VMX_PROC2_VPID) || !(can & VMX_VPID_INVVPID)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    check_vmx(s, insn, VMX_REASON_INVVPID, insn->reg);
    v = invalidation_operands(s, insn);
    finish_invalidation(s, v.type <= 3 && (can >> (8 + v.type) & 1) && !(v.low >> 16) && (v.type == ALL || v.low != 0) &&
                               (v.type != ADDRESS || x86_canonical(s, v.high)));
}
