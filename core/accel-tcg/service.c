/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The reference interpreter for an accelerator that is not TCG: memory access and kicks, no translator. */

#include "tcg-private.h"

#include <emu/kvm.h>

struct _EmuTcgService {
    TcgMachine m;
};

/**
 * emu_tcg_service_new:
 * @machine: the machine whose CPUs will use it
 *
 * Returns: (transfer full)
 */
EmuTcgService *
emu_tcg_service_new(EmuMachine *machine)
{
    EmuTcgService *self = g_new0(EmuTcgService, 1);

    self->m.machine = machine;
    self->m.debug = emu_machine_get_debug(machine);
    self->m.io = emu_machine_get_io_as(machine);
    self->m.mode = TCG_MODE_INTERP;
    self->m.vcpus = g_ptr_array_new();
    pthread_mutex_init(&self->m.lock, NULL);
    pthread_cond_init(&self->m.cond, NULL);
    tcg_machine_register(&self->m);
    return self;
}

void
emu_tcg_service_free(EmuTcgService *self)
{
    tcg_machine_unregister(&self->m);
    g_ptr_array_unref(self->m.vcpus);
    pthread_cond_destroy(&self->m.cond);
    pthread_mutex_destroy(&self->m.lock);
    g_free(self);
}

EmuTcgState *
emu_tcg_service_add(EmuTcgService *self, const EmuTcgFrontend *fe, EmuCpu *cpu)
{
    EmuTcgState *s = emu_tcg_state_new(fe, cpu);
    EmuTcgVcpu *v = s->vcpu;

    v->machine = &self->m;
    v->cpu = cpu;
    v->debug = emu_cpu_get_debug(cpu);
    v->as = emu_cpu_get_memory_as(cpu);
    v->index = emu_cpu_get_index(cpu);
    pthread_mutex_lock(&self->m.lock);
    g_ptr_array_add(self->m.vcpus, v);
    pthread_mutex_unlock(&self->m.lock);
    return s;
}

void
emu_tcg_service_remove(EmuTcgService *self, EmuTcgState *s)
{
    pthread_mutex_lock(&self->m.lock);
    g_ptr_array_remove(self->m.vcpus, s->vcpu);
    pthread_mutex_unlock(&self->m.lock);
    emu_tcg_state_free(s);
}

void
emu_tcg_service_kick(EmuTcgState *s)
{
    tcg_vcpu_kick(s->vcpu);
}

void
emu_tcg_service_wait(EmuTcgState *s)
{
    EmuTcgVcpu *v = s->vcpu;

    pthread_mutex_lock(&v->halt_lock);
    while (!__atomic_load_n(&s->exit_request, __ATOMIC_SEQ_CST)) {
        pthread_cond_wait(&v->halt_cond, &v->halt_lock);
    }
    pthread_mutex_unlock(&v->halt_lock);
}
