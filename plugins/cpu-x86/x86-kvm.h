/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* x86-kvm.c: registers and interrupts; x86-kvm-apic.c: a local APIC in the kernel; x86-kvm-cpuid.c: CPUID; x86-kvm-debug.c: debuggers' stops. */

#include "x86-cpu.h"

#include <emu/kvm.h>

/* Per vCPU. */
typedef struct {
    const EmuKvmVm *vm;
    int fd;
    uint32_t mp_state;     /* KVM_MP_STATE_* that KVM has */
    uint64_t tsc;          /* as KVM has it, or is to have it */
    uint32_t refused[32];  /* MSRs that this KVM does not have */
    unsigned n_refused;
    bool fresh;            /* it has not run since the registers went in */
    uint32_t timer_left;   /* count of the local APIC's timer when the vCPU came to rest; 0: it stood */
    bool stood;            /* the machine did, since the registers came out */
    unsigned long get_xsave; /* KVM_GET_XSAVE or KVM_GET_XSAVE2 */
    uint32_t xsave_size;     /* bytes that it has */
    uint32_t xsave_at[X86_N_XSAVE_COMPONENTS]; /* the host's place of each component; 0: KVM does not have it */
} X86KvmArch;

extern const EmuKvmFrontend x86_kvm_frontend;

/* Fails with errno's words. */
bool x86_kvm_fail(GError **error, const char *what);

/* What this process may give its guests that it has to ask for; before the first vCPU. */
void x86_kvm_ask_for_components(const EmuKvmVm *vm);
/* How KVM's image of the XSAVE components is laid out. */
bool x86_kvm_find_components(const EmuKvmVm *vm, X86KvmArch *arch, GError **error);
bool x86_kvm_set_cpuid(X86State *s, const EmuKvmVm *vm, int vcpu_fd, GError **error);

/* From now on the local APIC's state is the kernel's; the X86Apic has a copy while the registers are out of KVM. */
void x86_kvm_apic_attach(X86State *s, X86KvmArch *arch);
bool x86_kvm_apic_get(X86State *s, X86KvmArch *arch, uint64_t apic_base, GError **error);
/* An interrupt of the timer that comes after this is seen by x86_kvm_apic_get(): the kernel keeps it to itself until the next run. */
void x86_kvm_apic_note_timer(X86KvmArch *arch);
/* Before x86_kvm_apic_put(), when the machine goes on after it stood. */
void x86_kvm_apic_restart_timer(X86State *s, const X86KvmArch *arch);
bool x86_kvm_apic_put(X86State *s, X86KvmArch *arch, GError **error);

bool x86_kvm_set_debug(EmuTcgState *tcg, int fd, const EmuKvmStop *stops, unsigned n, bool single_step);
uint64_t x86_kvm_describe_stop(struct kvm_run *run, uint32_t *stops, bool *stepped);
uint64_t x86_kvm_read_pc(EmuTcgState *tcg, int vcpu_fd, struct kvm_run *run);
bool x86_kvm_sees_accesses(void);
bool x86_kvm_may_access(EmuTcgState *s, const uint8_t *code, unsigned n);
