/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Saved state of the CPU: all of X86State that is architectural, and the local APIC. */

#include "x86-cpu.h"
#include "x86-interp.h"
#include "x86-svm.h"
#include "x86-vmx.h"

static const EmuVMField segment_fields[] = {
    EMU_VM_U32(X86Segment, limit),
    EMU_VM_U32(X86Segment, attr),
    EMU_VM_U16(X86Segment, selector),
    EMU_VM_END,
};
static const EmuVMState segment_vmstate = {
    .name = "segment",
    .version = 1,
    .minimum_version = 1,
    .fields = segment_fields,
};

static const EmuVMField table_fields[] = {
    EMU_VM_U64(X86TableReg, base),
    EMU_VM_U32(X86TableReg, limit),
    EMU_VM_END,
};
static const EmuVMState table_vmstate = {
    .name = "table-register",
    .version = 1,
    .minimum_version = 1,
    .fields = table_fields,
};

static bool
state_post_load(gpointer opaque, unsigned version, GError **error)
{
    X86State *s = opaque;

    if (s->cpl > 3 || s->shadow > 3 || s->halted > 1 || s->nmi_blocked > 1 || s->in_smm > 1 || s->wait_sipi > 1 || s->smm_nmi_blocked > 1 ||
        s->dr6_pending > 15 || s->exception < -1 || s->exception > X86_EXC_VIRT || s->interrupt_request > 0xff || s->sipi_vector > 0xff) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "cpu: saved state has a field out of range (cpl %u, exception %d, requests 0x%x)", s->cpl,
                    s->exception, s->interrupt_request);
        return false;
    }
    x86_virt_reset(s); /* what a subsection says comes later */
    x86_reset_extended(s);
    s->tsx_ctrl = 0;
    s->eflags = (s->eflags & ~X86_CC) | 2;
    s->cc &= X86_CC;
    s->fx.mxcsr &= 0xffff;
    s->fx.mxcsr_mask = 0xffff;
    s->fx.fcw = (uint16_t)((s->fx.fcw & 0x1f3f) | 0x40);
    x86_update_fsw(s);
    return true;
}

static const EmuVMField state_fields[] = {
    EMU_VM_U64_ARRAY(X86State, gpr_hot),
    EMU_VM_U64(X86State, rip),
    EMU_VM_U32(X86State, cc),
    EMU_VM_U32(X86State, eflags),
    EMU_VM_U64_ARRAY(X86State, seg_base),
    EMU_VM_U64_ARRAY(X86State, gpr_low),
    EMU_VM_U64_ARRAY(X86State, gpr_high),
    EMU_VM_U8(X86State, cpl),
    EMU_VM_U8(X86State, shadow),
    EMU_VM_U8(X86State, halted),
    EMU_VM_U8(X86State, nmi_blocked),
    EMU_VM_U8(X86State, in_smm),
    EMU_VM_U8(X86State, wait_sipi),
    EMU_VM_U32(X86State, interrupt_request),
    EMU_VM_U32(X86State, sipi_vector),
    EMU_VM_STRUCT_ARRAY(X86State, seg, &segment_vmstate),
    EMU_VM_STRUCT(X86State, gdtr, &table_vmstate),
    EMU_VM_STRUCT(X86State, idtr, &table_vmstate),
    EMU_VM_U64(X86State, cr0),
    EMU_VM_U64(X86State, cr2),
    EMU_VM_U64(X86State, cr3),
    EMU_VM_U64(X86State, cr4),
    EMU_VM_U64(X86State, cr8),
    EMU_VM_U64(X86State, efer),
    EMU_VM_U64(X86State, xcr0),
    EMU_VM_U64_ARRAY(X86State, dr),
    EMU_VM_U64(X86State, a20_mask),
    EMU_VM_U64_ARRAY(X86State, pdpte),
    EMU_VM_U32(X86State, exception),
    EMU_VM_U32(X86State, error_code),
    EMU_VM_U8(X86State, has_error_code),
    EMU_VM_U8(X86State, exception_is_soft),
    EMU_VM_U64(X86State, exception_cr2),
    EMU_VM_U64(X86State, star),
    EMU_VM_U64(X86State, lstar),
    EMU_VM_U64(X86State, cstar),
    EMU_VM_U64(X86State, sfmask),
    EMU_VM_U64(X86State, kernel_gs_base),
    EMU_VM_U64(X86State, tsc_aux),
    EMU_VM_U64(X86State, sysenter_cs),
    EMU_VM_U64(X86State, sysenter_esp),
    EMU_VM_U64(X86State, sysenter_eip),
    EMU_VM_U64(X86State, apic_base),
    EMU_VM_U64(X86State, pat),
    EMU_VM_U64(X86State, misc_enable),
    EMU_VM_U64(X86State, tsc_offset),
    EMU_VM_U64(X86State, tsc_adjust),
    EMU_VM_U64(X86State, smbase),
    EMU_VM_U64(X86State, mtrr_def_type),
    EMU_VM_U64_ARRAY(X86State, mtrr_fixed),
    EMU_VM_U64_ARRAY(X86State, mtrr_var),
    EMU_VM_U64(X86State, mcg_status),
    EMU_VM_U64(X86State, mcg_ctl),
    EMU_VM_U64_ARRAY(X86State, mc_banks),
    EMU_VM_U64(X86State, debugctl),
    EMU_VM_U64(X86State, feature_control),
    EMU_VM_U64(X86State, xss),
    EMU_VM_U64(X86State, monitor_addr),
    EMU_VM_U32(X86State, ignne),
    EMU_VM_U8(X86State, smm_nmi_blocked),
    EMU_VM_U8(X86State, dr6_pending),
    EMU_VM_U64(X86State, pkrs),
    EMU_VM_BUFFER(X86State, xsave),
    EMU_VM_END,
};
static const EmuVMState state_vmstate = {
    .name = "x86-state",
    .version = 1,
    .minimum_version = 1,
    .fields = state_fields,
    .post_load = state_post_load,
};

/* ---- AMD-V ----------------------------------------------------------------------------------------------- */

static const EmuVMField svm_host_fields[] = {
    EMU_VM_STRUCT_ARRAY(X86SvmHost, seg, &segment_vmstate),
    EMU_VM_U64_ARRAY(X86SvmHost, base),
    EMU_VM_STRUCT(X86SvmHost, gdtr, &table_vmstate),
    EMU_VM_STRUCT(X86SvmHost, idtr, &table_vmstate),
    EMU_VM_U64(X86SvmHost, efer),
    EMU_VM_U64(X86SvmHost, cr0),
    EMU_VM_U64(X86SvmHost, cr3),
    EMU_VM_U64(X86SvmHost, cr4),
    EMU_VM_U64(X86SvmHost, rflags),
    EMU_VM_U64(X86SvmHost, rip),
    EMU_VM_U64(X86SvmHost, rsp),
    EMU_VM_U64(X86SvmHost, rax),
    EMU_VM_U64(X86SvmHost, pat),
    EMU_VM_U64(X86SvmHost, debugctl),
    EMU_VM_U64(X86SvmHost, br_from),
    EMU_VM_U64(X86SvmHost, br_to),
    EMU_VM_U64(X86SvmHost, exc_from),
    EMU_VM_U64(X86SvmHost, exc_to),
    EMU_VM_END,
};
static const EmuVMState svm_host_vmstate = {
    .name = "svm-host",
    .version = 1,
    .minimum_version = 1,
    .fields = svm_host_fields,
};

static const EmuVMField svm_fields[] = {
    EMU_VM_U64(X86Svm, vm_cr),
    EMU_VM_U64(X86Svm, hsave_pa),
    EMU_VM_U8(X86Svm, gif),
    EMU_VM_U8(X86Svm, guest),
    EMU_VM_U8(X86Svm, gif_in_smm),
    EMU_VM_U64(X86Svm, vmcb),
    EMU_VM_U32_ARRAY(X86Svm, intercept),
    EMU_VM_U32(X86Svm, asid),
    EMU_VM_U32(X86Svm, int_ctl),
    EMU_VM_U32(X86Svm, int_vector),
    EMU_VM_U64(X86Svm, iopm),
    EMU_VM_U64(X86Svm, msrpm),
    EMU_VM_U64(X86Svm, tsc_offset),
    EMU_VM_U64(X86Svm, nested_control),
    EMU_VM_U64(X86Svm, nested_cr3),
    EMU_VM_U64(X86Svm, virt_ext),
    EMU_VM_U32(X86Svm, pause_left),
    EMU_VM_U32(X86Svm, pause_filter),
    EMU_VM_U32(X86Svm, pause_threshold),
    EMU_VM_U64(X86Svm, pause_tsc),
    EMU_VM_STRUCT(X86Svm, host, &svm_host_vmstate),
    {.name = "tsc_ratio", .kind = EMU_VM_KIND_U64, .offset = offsetof(X86Svm, tsc_ratio), .size = 8, .num = 1, .since = 2},
    EMU_VM_END,
};
static const EmuVMState svm_vmstate = {
    .name = "svm",
    .version = 2,
    .minimum_version = 1,
    .fields = svm_fields,
};

static bool
svm_state_post_load(gpointer opaque, unsigned version, GError **error)
{
    X86State *s = opaque;
    X86Svm *v = &s->svm;

    if (v->gif > 1 || v->guest > 1 || v->gif_in_smm > 1 || ((v->vmcb | v->iopm | v->msrpm) & 0xfff) || v->int_vector > 0xff ||
        v->tsc_ratio >> 40 ||
        (v->guest && !x86_has_feature(s, X86_FEAT_SVM))) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "cpu: saved state of SVM has a field out of range (GIF %u, guest %u, VMCB 0x%" G_GINT64_MODIFIER "x)", v->gif,
                    v->guest, v->vmcb);
        return false;
    }
    if (!s->in_smm) {
        uint8_t gif = v->gif_in_smm;

        /* A guest is taken up again the way RSM does it. */
        v->gif_in_smm = v->gif;
        x86_svm_leave_smm(s);
        v->gif_in_smm = gif;
    }
    return true;
}

static const EmuVMField svm_state_fields[] = {
    EMU_VM_STRUCT(X86State, svm, &svm_vmstate),
    EMU_VM_U64(X86State, br_from),
    EMU_VM_U64(X86State, br_to),
    EMU_VM_U64(X86State, exc_from),
    EMU_VM_U64(X86State, exc_to),
    EMU_VM_END,
};
static const EmuVMState svm_state_vmstate = {
    .name = "x86-svm-state",
    .version = 1,
    .minimum_version = 1,
    .fields = svm_state_fields,
    .post_load = svm_state_post_load,
};

static bool
svm_needed(gpointer opaque)
{
    const X86State *s = ((X86Cpu *)opaque)->state;

    return s->svm.guest || !s->svm.gif || s->svm.vm_cr || s->svm.hsave_pa || s->svm.tsc_ratio != UINT64_C(1) << 32 || (s->br_from | s->br_to | s->exc_from | s->exc_to);
}

static const EmuVMField svm_cpu_fields[] = {
    EMU_VM_POINTER(X86Cpu, state, &svm_state_vmstate),
    EMU_VM_END,
};
static const EmuVMState svm_cpu_vmstate = {
    .name = "x86-cpu/svm",
    .version = 1,
    .minimum_version = 1,
    .fields = svm_cpu_fields,
    .needed = svm_needed,
};

/* ---- AMX and MPX: only KVM has them ------------------------------------------------------------------------------ */

static const EmuVMField amx_state_fields[] = {
    EMU_VM_BUFFER(X86State, tiles),
    EMU_VM_U64(X86State, xfd),
    EMU_VM_U64(X86State, xfd_err),
    EMU_VM_END,
};
static const EmuVMState amx_state_vmstate = {
    .name = "x86-amx-state",
    .version = 1,
    .minimum_version = 1,
    .fields = amx_state_fields,
};

static bool
amx_needed(gpointer opaque)
{
    const X86State *s = ((X86Cpu *)opaque)->state;

    for (gsize i = 0; i < sizeof(s->tiles); i++) {
        if (s->tiles[i]) {
            return true;
        }
    }
    return s->xfd || s->xfd_err;
}

static const EmuVMField amx_cpu_fields[] = {
    EMU_VM_POINTER(X86Cpu, state, &amx_state_vmstate),
    EMU_VM_END,
};
static const EmuVMState amx_cpu_vmstate = {
    .name = "x86-cpu/amx",
    .version = 1,
    .minimum_version = 1,
    .fields = amx_cpu_fields,
    .needed = amx_needed,
};

static const EmuVMField mpx_state_fields[] = {
    EMU_VM_U64(X86State, bndcfgs),
    EMU_VM_END,
};
static const EmuVMState mpx_state_vmstate = {
    .name = "x86-mpx-state",
    .version = 1,
    .minimum_version = 1,
    .fields = mpx_state_fields,
};

static bool
mpx_needed(gpointer opaque)
{
    return ((X86Cpu *)opaque)->state->bndcfgs != 0;
}

static const EmuVMField mpx_cpu_fields[] = {
    EMU_VM_POINTER(X86Cpu, state, &mpx_state_vmstate),
    EMU_VM_END,
};
static const EmuVMState mpx_cpu_vmstate = {
    .name = "x86-cpu/mpx",
    .version = 1,
    .minimum_version = 1,
    .fields = mpx_cpu_fields,
    .needed = mpx_needed,
};

static const EmuVMField tsx_state_fields[] = {
    EMU_VM_U64(X86State, tsx_ctrl),
    EMU_VM_END,
};
static const EmuVMState tsx_state_vmstate = {
    .name = "x86-tsx-state",
    .version = 1,
    .minimum_version = 1,
    .fields = tsx_state_fields,
};

static bool
tsx_needed(gpointer opaque)
{
    return ((X86Cpu *)opaque)->state->tsx_ctrl != 0;
}

static const EmuVMField tsx_cpu_fields[] = {
    EMU_VM_POINTER(X86Cpu, state, &tsx_state_vmstate),
    EMU_VM_END,
};
static const EmuVMState tsx_cpu_vmstate = {
    .name = "x86-cpu/tsx",
    .version = 1,
    .minimum_version = 1,
    .fields = tsx_cpu_fields,
    .needed = tsx_needed,
};

/* ---- control-flow enforcement ------------------------------------------------------------------------------------ */

static const EmuVMField cet_state_fields[] = {
    EMU_VM_U64(X86State, u_cet),
    EMU_VM_U64(X86State, s_cet),
    EMU_VM_U64(X86State, ssp),
    EMU_VM_U64_ARRAY(X86State, pl_ssp),
    EMU_VM_U64(X86State, pl3_ssp),
    EMU_VM_U64(X86State, interrupt_ssp_table),
    EMU_VM_U64(X86State, svm.host.s_cet),
    EMU_VM_U64(X86State, svm.host.ssp),
    EMU_VM_U64(X86State, svm.host.interrupt_ssp_table),
    EMU_VM_END,
};
static const EmuVMState cet_state_vmstate = {
    .name = "x86-cet-state",
    .version = 1,
    .minimum_version = 1,
    .fields = cet_state_fields,
};

static bool
cet_needed(gpointer opaque)
{
    const X86State *s = ((X86Cpu *)opaque)->state;

    return s->svm.host.s_cet | s->svm.host.ssp | s->svm.host.interrupt_ssp_table | s->u_cet | s->s_cet | s->ssp | s->pl_ssp[0] | s->pl_ssp[1] | s->pl_ssp[2] | s->pl3_ssp | s->interrupt_ssp_table;
}

static const EmuVMField cet_cpu_fields[] = {
    EMU_VM_POINTER(X86Cpu, state, &cet_state_vmstate),
    EMU_VM_END,
};
static const EmuVMState cet_cpu_vmstate = {
    .name = "x86-cpu/cet",
    .version = 1,
    .minimum_version = 1,
    .fields = cet_cpu_fields,
    .needed = cet_needed,
};

/* ---- VMX ------------------------------------------------------------------------------------------------- */

static const EmuVMField vmx_fields[] = {
    EMU_VM_U8(X86Vmx, on),
    EMU_VM_U8(X86Vmx, guest),
    EMU_VM_U8(X86Vmx, init_held),
    EMU_VM_U8(X86Vmx, timer_on),
    EMU_VM_U8(X86Vmx, step_done),
    EMU_VM_U8(X86Vmx, tpr_below),
    EMU_VM_U64(X86Vmx, vmxon),
    EMU_VM_U64(X86Vmx, current),
    EMU_VM_U64(X86Vmx, timer_end),
    EMU_VM_U32(X86Vmx, event),
    EMU_VM_U32(X86Vmx, event_error),
    EMU_VM_U32(X86Vmx, event_length),
    EMU_VM_U64(X86Vmx, pause_first),
    EMU_VM_U64(X86Vmx, pause_last),
    EMU_VM_BUFFER(X86Vmx, vmcs),
    EMU_VM_END,
};
static const EmuVMState vmx_vmstate = {
    .name = "vmx",
    .version = 1,
    .minimum_version = 1,
    .fields = vmx_fields,
};

static bool
vmx_state_post_load(gpointer opaque, unsigned version, GError **error)
{
    X86State *s = opaque;
    X86Vmx *v = &s->vmx;

    if (v->on > 1 || v->guest > v->on || v->init_held > 1 || v->timer_on > v->guest || v->step_done > v->guest || v->tpr_below > v->guest ||
        (v->guest && v->current == UINT64_MAX) || (v->current != UINT64_MAX && (v->current & 0xfff)) ||
        (v->on && !x86_has_feature(s, X86_FEAT_VMX))) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "cpu: saved state of VMX has a field out of range (operation %u, guest %u, VMCS 0x%" G_GINT64_MODIFIER "x)", v->on,
                    v->guest, v->current);
        return false;
    }
    if (!s->in_smm) {
        x86_vmx_resume(s);
    }
    return true;
}

static const EmuVMField vmx_state_fields[] = {
    EMU_VM_STRUCT(X86State, vmx, &vmx_vmstate),
    EMU_VM_END,
};
static const EmuVMState vmx_state_vmstate = {
    .name = "x86-vmx-state",
    .version = 1,
    .minimum_version = 1,
    .fields = vmx_state_fields,
    .post_load = vmx_state_post_load,
};

static bool
vmx_needed(gpointer opaque)
{
    const X86State *s = ((X86Cpu *)opaque)->state;

    return s->vmx.on || s->vmx.init_held;
}

static const EmuVMField vmx_cpu_fields[] = {
    EMU_VM_POINTER(X86Cpu, state, &vmx_state_vmstate),
    EMU_VM_END,
};
static const EmuVMState vmx_cpu_vmstate = {
    .name = "x86-cpu/vmx",
    .version = 1,
    .minimum_version = 1,
    .fields = vmx_cpu_fields,
    .needed = vmx_needed,
};

static bool
cpu_post_load(gpointer opaque, unsigned version, GError **error)
{
    X86Cpu *cpu = opaque;
    const X86XsaveComponent *foreign = x86_xsave_find_foreign(cpu->state);

    if (foreign) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "CPU %u: the saved state has %s in use, which this CPU does not have",
                    cpu->state->cpu_index, foreign->name);
        return false;
    }

    x86_cpu_show_smram(cpu, cpu->state->in_smm);
    x86_update_mode(cpu->state);
    x86_flush_all(cpu->state);
    if (cpu->has_apic) {
        x86_apic_update_mapping(&cpu->apic);
        x86_apic_loaded(&cpu->apic);
    }
    return true;
}

/* What only KVM serves: the guest's side of paravirtual interfaces. A machine that never ran under KVM has none of it. */
static bool
pv_needed(gpointer opaque)
{
    const X86Cpu *cpu = opaque;

    for (unsigned i = 0; i < X86_N_PV_MSRS; i++) {
        if (cpu->pv_msrs[i]) {
            return true;
        }
    }
    return false;
}

static const EmuVMField pv_fields[] = {
    EMU_VM_U64_ARRAY(X86Cpu, pv_msrs),
    EMU_VM_U64(X86Cpu, pv_clock),
    EMU_VM_END,
};
static const EmuVMState pv_vmstate = {
    .name = "x86-cpu/paravirtual",
    .version = 1,
    .minimum_version = 1,
    .fields = pv_fields,
    .needed = pv_needed,
};
static const EmuVMState *const cpu_subsections[] = {&pv_vmstate, &svm_cpu_vmstate, &amx_cpu_vmstate, &mpx_cpu_vmstate, &tsx_cpu_vmstate, &cet_cpu_vmstate, &vmx_cpu_vmstate, NULL};

static const EmuVMField cpu_fields[] = {
    EMU_VM_POINTER(X86Cpu, state, &state_vmstate),
    EMU_VM_STRUCT(X86Cpu, apic, &x86_apic_vmstate),
    EMU_VM_END,
};
const EmuVMState x86_cpu_vmstate = {
    .name = "x86-cpu",
    .version = 1,
    .minimum_version = 1,
    .fields = cpu_fields,
    .subsections = cpu_subsections,
    .post_load = cpu_post_load,
};
