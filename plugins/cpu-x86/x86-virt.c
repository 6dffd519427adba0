/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the two virtualization extensions share: at most one of them has a guest, and each sets its own aside in SMM. */

#include "x86-svm.h"
#include "x86-vmx.h"

X86Crossing
x86_virt_cross(X86State *s, X86Event *event)
{
    return s->vmx.crossing ? x86_vmx_cross(s, event) : x86_svm_cross(s, event);
}

void
x86_virt_init(X86State *s)
{
    s->virt = NULL;
    x86_svm_init_signal(s);
    x86_vmx_init_signal(s);
}

void
x86_virt_reset(X86State *s)
{
    memset(&s->svm, 0, sizeof(s->svm));
    s->svm.tsc_ratio = UINT64_C(1) << SVM_TSC_RATIO_SHIFT;
    memset(&s->vmx, 0, sizeof(s->vmx));
    s->vmx.current = UINT64_MAX;
    x86_virt_init(s);
}

void
x86_virt_enter_smm(X86State *s)
{
    s->virt = NULL;
    x86_svm_enter_smm(s);
    x86_vmx_enter_smm(s);
    __atomic_fetch_and(&s->interrupt_request, ~X86_REQ_VIRTUAL, __ATOMIC_SEQ_CST);
}

void
x86_virt_leave_smm(X86State *s)
{
    x86_svm_leave_smm(s);
    x86_vmx_leave_smm(s);
}

void
x86_virt_crossed(X86State *s)
{
    s->interp->next_rip = s->rip;
    s->dr6_pending = 0;
    x86_update_mode(s);
    x86_switch_context(s);
    x86_virt_look_again(s);
}
