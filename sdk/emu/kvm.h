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

/* What the host's kernel has of the interrupt controllers (kernel-irqchip: off, split, on). */
typedef struct {
    int kvm_fd, vm_fd;
    bool local_apics; /* split and on */
    bool chips;       /* on: 8259 pair and I/O APIC; the 8254 is made by its device */
} EmuKvmVm;
/* The machine's VM; NULL when another accelerator runs it. For the in-kernel forms of chips, which talk to their other half by ioctls. */
EMU_AVAILABLE_IN_1_0 const EmuKvmVm *emu_kvm_get_vm(EmuMachine *machine);

/*
 * Global interrupt numbers. 0..23: the I/O APIC's pins with the 8259's inputs beside them, as the kernel's 8254 and those who
 * look for a pin's end of interrupt see them. Device models drive 8259 inputs and I/O APIC pins apart, because the board's wiring
 * does; so each has a number of its own behind these. Numbers from EMU_KVM_GSI_FREE on are given out for messages.
 */
enum { EMU_KVM_GSI_PINS = 0, EMU_KVM_N_PINS = 24, EMU_KVM_GSI_PIC = 24, EMU_KVM_GSI_IOAPIC = 40, EMU_KVM_GSI_FREE = 64 };
/* Drives an input of an in-kernel chip. Any thread. */
EMU_AVAILABLE_IN_1_0 void emu_kvm_set_gsi(EmuMachine *machine, unsigned gsi, int level);
/* An interrupt message into the kernel's local APICs. Any thread. */
EMU_AVAILABLE_IN_1_0 void emu_kvm_send_message(EmuMachine *machine, uint64_t address, uint32_t data);
/* Under split: what I/O APIC pin 0..23 would send, so that the local APICs know whose end of interrupt to tell. Big lock held. */
EMU_AVAILABLE_IN_1_0 void emu_kvm_set_pin_message(EmuMachine *machine, unsigned pin, bool masked, uint64_t address, uint32_t data);

/* The VM's clock, which paravirtual clocks show, in ns. It stands while the machine does. Setting: the machine stands. */
EMU_AVAILABLE_IN_1_0 uint64_t emu_kvm_get_clock(EmuMachine *machine);
EMU_AVAILABLE_IN_1_0 void emu_kvm_set_clock(EmuMachine *machine, uint64_t ns);

#define EMU_KVM_MAX_STOPS 4
typedef struct {
    uint64_t addr;
    unsigned size; /* 0: before the instruction there; else behind an access to so many bytes: 1, 2, 4 or 8, aligned */
    bool reads;    /* not only writes */
} EmuKvmStop;

typedef struct _EmuKvmFrontend {
    uint32_t struct_size;
    const EmuTcgFrontend *tcg;
    uint8_t halt_insn;  /* the one-byte instruction that halts */
    uint32_t arch_size; /* bytes of the plugin's own per vCPU, zeroed, kept by the core; passed as @arch */

    /* Before the first vCPU. */
    bool (*init_vm)(const EmuKvmVm *vm, GError **error);
    /* Identity of a vCPU: CPUID and the like. @vm stays. */
    bool (*init_vcpu)(EmuTcgState *s, gpointer arch, const EmuKvmVm *vm, int vcpu_fd, GError **error);
    /* The whole architectural state into KVM, and back. On the vCPU's thread, or with the vCPU parked. */
    bool (*put)(EmuTcgState *s, gpointer arch, int vcpu_fd, GError **error);
    bool (*get)(EmuTcgState *s, gpointer arch, int vcpu_fd, GError **error);
    /* Right before KVM_RUN, state in KVM: hands a pending interrupt over, or asks for a window. Takes the big lock where needed. */
    void (*before_run)(EmuTcgState *s, gpointer arch, int vcpu_fd, struct kvm_run *run);
    /* Right after: what kvm_run itself carries (task priority). */
    void (*after_run)(EmuTcgState *s, gpointer arch, struct kvm_run *run);
    /* A request is pending that is carried out on the state, which is to come out of KVM for it: INIT, start-up, SMI. */
    bool (*needs_state)(EmuTcgState *s, gpointer arch);
    /* KVM_EXIT_HLT, state in KVM: marks the CPU halted. */
    void (*set_halted)(EmuTcgState *s, struct kvm_run *run);
    /* The vCPU was kicked and does not run for a while, state in KVM. */
    void (*paused)(EmuTcgState *s, gpointer arch);
    /* A halted CPU, state in KVM: true when there is an interrupt for it; it is halted no more. */
    bool (*wake)(EmuTcgState *s);
    /* KVM_EXIT_IOAPIC_EOI. Takes the big lock. */
    void (*end_of_interrupt)(EmuTcgState *s, uint8_t vector);
    /* A debugger's stops: at most EMU_KVM_MAX_STOPS places, and after each instruction. Optional, with describe_stop. */
    bool (*set_debug)(EmuTcgState *s, int vcpu_fd, const EmuKvmStop *stops, unsigned n, bool single_step);
    /* KVM_EXIT_DEBUG: where, which of the stops (a bit each), and whether an instruction is over. */
    uint64_t (*describe_stop)(struct kvm_run *run, uint32_t *stops, bool *stepped);
    /* KVM_EXIT_X86_RDMSR, _WRMSR and other exits of the architecture's own; false: not known. State in KVM. Optional. */
    bool (*handle_exit)(EmuTcgState *s, gpointer arch, int vcpu_fd, struct kvm_run *run);
    /* During an exit for a port or a device's memory, state in KVM: the address of the instruction, or of the next one. Optional. */
    uint64_t (*read_pc)(EmuTcgState *s, int vcpu_fd, struct kvm_run *run);
    /* Do stops with a size work on this host? Where a KVM without hardware executes the guest in software they do not. Optional: yes. */
    bool (*sees_accesses)(void);
    /* May the instruction there, @n bytes are known, touch memory other than as code? Optional: yes. */
    bool (*may_access)(EmuTcgState *s, const uint8_t *code, unsigned n);
    /* The vCPU's time-stamp counter; and moving it by so much, before put, when the machine goes on after it stood. Optional, together. */
    bool (*read_counter)(int vcpu_fd, uint64_t *value);
    void (*move_counter)(EmuTcgState *s, gpointer arch, int vcpu_fd, int64_t by);
    /* Are these bytes one instruction that accesses a port? For debuggers. Optional. */
    bool (*is_port_access)(const uint8_t *code, unsigned n);
    /* The state accepts an interrupt now. Optional, with is_private. */
    bool (*takes_interrupts)(EmuTcgState *s);
    /* Does what begins so (@n bytes, the longest instruction) keep to registers and memory (and @ports)? */
    bool (*is_private)(const uint8_t *code, unsigned n, bool ports);
    /* At most @max instructions in the reference interpreter, which ends before one that reaches a chip in the kernel; when KVM @declined the
     * first one, that is executed in any case. On the vCPU's thread, state out of KVM. */
    EmuTcgExit (*interpret)(EmuTcgState *s, gpointer arch, unsigned max, bool declined, unsigned *executed);
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
