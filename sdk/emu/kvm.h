/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Accel tier: what a CPU plugin does for core/accel-kvm. The state is the one that its TCG front end uses, so that a machine can be
 * saved under one accelerator and go on under the other, and so that the reference interpreter can execute what the
 * host's KVM cannot.
 */

#include <emu/cpu.h>
#include <emu/tcg.h>

G_BEGIN_DECLS

struct kvm_run;

typedef struct _EmuKvmFrontend {
    uint32_t struct_size;
    const EmuTcgFrontend *tcg;
    uint32_t arch_size; /* bytes of the plugin's own per vCPU, zeroed, kept by the core; passed as @arch */

    /* Before the first vCPU. */
    bool (*init_vm)(int kvm_fd, int vm_fd, GError **error);
    /* Identity of a vCPU: CPUID and the like. */
    bool (*init_vcpu)(EmuTcgState *s, gpointer arch, int kvm_fd, int vcpu_fd, GError **error);
    /* The whole architectural state into KVM, and back. On the vCPU's thread. */
    bool (*put)(EmuTcgState *s, gpointer arch, int vcpu_fd, GError **error);
    bool (*get)(EmuTcgState *s, gpointer arch, int vcpu_fd, GError **error);
    /* Right before KVM_RUN, state in KVM: hands a pending interrupt over, or asks for a window. Takes the big lock where needed. */
    void (*before_run)(EmuTcgState *s, gpointer arch, int vcpu_fd, struct kvm_run *run);
    /* Right after: what kvm_run itself carries (task priority). */
    void (*after_run)(EmuTcgState *s, gpointer arch, struct kvm_run *run);
    /* True when a request is pending that needs the state out of KVM: INIT, start-up, SMI. */
    bool (*needs_state)(EmuTcgState *s);
    /* KVM_EXIT_HLT: marks the CPU halted. State is out of KVM. */
    void (*set_halted)(EmuTcgState *s);
} EmuKvmFrontend;

/* For the accelerator: a state that the reference interpreter can run on, without translator. */
typedef struct _EmuTcgService EmuTcgService; /* one per machine */
EMU_AVAILABLE_IN_1_0 EmuTcgService *emu_tcg_service_new(EmuMachine *machine);
EMU_AVAILABLE_IN_1_0 void emu_tcg_service_free(EmuTcgService *self);
EMU_AVAILABLE_IN_1_0 EmuTcgState *emu_tcg_service_add(EmuTcgService *self, const EmuTcgFrontend *fe, EmuCpu *cpu);
EMU_AVAILABLE_IN_1_0 void emu_tcg_service_remove(EmuTcgService *self, EmuTcgState *s);
/* Sets exit_request and wakes a sleeper. Any thread. */
EMU_AVAILABLE_IN_1_0 void emu_tcg_service_kick(EmuTcgState *s);
/* Sleeps until a kick. */
EMU_AVAILABLE_IN_1_0 void emu_tcg_service_wait(EmuTcgState *s);

G_END_DECLS
