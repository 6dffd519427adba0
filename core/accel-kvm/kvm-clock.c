/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The VM's clock and the CPUs' time-stamp counters. KVM's go on with the host's; a machine that stands must not see time pass, so they are read
 * when the machine stops and put back when it goes on; the counters all by the same amount, so that they stay in step. Guests are told that they did not
 * run, lest their watchdogs bark.
 */

#include "kvm-private.h"

#include <errno.h>
#include <sys/ioctl.h>

static KvmVcpu *
kvm_clock_get_vcpu(KvmAccel *self, unsigned index)
{
    EmuCpu *cpu = emu_machine_get_cpu(self->machine, index);

    return cpu ? emu_cpu_get_accel_data(cpu) : NULL;
}

static bool
kvm_clock_read_counter(KvmAccel *self, uint64_t *value)
{
    KvmVcpu *first = kvm_clock_get_vcpu(self, 0);

    return first && self->frontend->read_counter && self->frontend->read_counter(first->fd, value);
}

static void
kvm_clock_move_counters(KvmAccel *self)
{
    uint64_t now;

    if (!self->has_counter || !kvm_clock_read_counter(self, &now)) {
        return;
    }
    for (unsigned i = 0; i < emu_machine_get_n_cpus(self->machine); i++) {
        KvmVcpu *v = kvm_clock_get_vcpu(self, i);

        if (v) {
            self->frontend->move_counter(v->state, v->arch, v->fd, (int64_t)(self->counter - now));
        }
    }
}

static void
kvm_clock_run_state_cb(EmuMachine *machine, int run_state, gpointer data)
{
    KvmAccel *self = data;
    bool running = run_state == EMU_RUN_STATE_RUNNING;

    if (running == self->clock_runs) {
        return;
    }
    if (!running) {
        self->clock = emu_kvm_get_clock(machine);
        self->has_counter = kvm_clock_read_counter(self, &self->counter);
        self->clock_runs = false;
        return;
    }
    self->clock_runs = true;
    kvm_clock_move_counters(self);
    if (self->clock) {
        struct kvm_clock_data clock = {.clock = self->clock};

        if (ioctl(self->vm.vm_fd, KVM_SET_CLOCK, &clock) != 0) {
            emu_unimp("kvm: the clock cannot be set: %s", g_strerror(errno));
        }
        for (unsigned i = 0; i < emu_machine_get_n_cpus(machine); i++) {
            KvmVcpu *v = kvm_clock_get_vcpu(self, i);

            if (v) {
                ioctl(v->fd, KVM_KVMCLOCK_CTRL, 0); /* EINVAL: this guest has no such clock */
            }
        }
    }
}

uint64_t
emu_kvm_get_clock(EmuMachine *machine)
{
    const EmuKvmVm *vm = emu_kvm_get_vm(machine);
    KvmAccel *self = vm ? KVM_ACCEL(emu_machine_get_accel(machine)) : NULL;
    struct kvm_clock_data clock;

    if (!self) {
        return 0;
    }
    if (!self->clock_runs && self->clock) {
        return self->clock;
    }
    return ioctl(vm->vm_fd, KVM_GET_CLOCK, &clock) == 0 ? clock.clock : 0;
}

void
emu_kvm_set_clock(EmuMachine *machine, uint64_t ns)
{
    const EmuKvmVm *vm = emu_kvm_get_vm(machine);
    struct kvm_clock_data clock = {.clock = ns};

    if (vm) {
        KVM_ACCEL(emu_machine_get_accel(machine))->clock = ns;
        if (ioctl(vm->vm_fd, KVM_SET_CLOCK, &clock) != 0) {
            emu_unimp("kvm: the clock cannot be set: %s", g_strerror(errno));
        }
    }
}

void
kvm_clock_init(KvmAccel *self)
{
    self->clock_handler = g_signal_connect(self->machine, "run-state-changed", G_CALLBACK(kvm_clock_run_state_cb), self);
}

void
kvm_clock_finish(KvmAccel *self)
{
    if (self->clock_handler) {
        g_signal_handler_disconnect(self->machine, self->clock_handler);
        self->clock_handler = 0;
    }
}
