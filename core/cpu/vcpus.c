/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All vCPUs of a machine together. */

#include "cpu/vcpus.h"

#include "cpu/cpu-private.h"

static void
cpu_unref0(gpointer cpu)
{
    g_clear_object(&cpu);
}

void
emu_vcpus_init(EmuVcpus *self)
{
    emu_big_lock_init(&self->lock);
    g_cond_init(&self->pause_cond);
    g_cond_init(&self->work_cond);
    self->cpus = g_ptr_array_new_with_free_func(cpu_unref0);
}

void
emu_vcpus_clear(EmuVcpus *self)
{
    g_ptr_array_unref(self->cpus);
    g_free(self->debug.breakpoints);
    g_free(self->debug.watchpoints);
    g_cond_clear(&self->pause_cond);
    g_cond_clear(&self->work_cond);
    emu_big_lock_clear(&self->lock);
}

EmuCpu *
emu_vcpus_get(EmuVcpus *self, unsigned index)
{
    return index < self->cpus->len ? g_ptr_array_index(self->cpus, index) : NULL;
}

void
emu_vcpus_add(EmuVcpus *self, EmuCpu *cpu, unsigned index)
{
    if (index >= self->cpus->len) {
        g_ptr_array_set_size(self->cpus, (gint)index + 1);
    }
    g_return_if_fail(!g_ptr_array_index(self->cpus, index));
    g_ptr_array_index(self->cpus, index) = g_object_ref(cpu);
}

void
emu_vcpus_remove(EmuVcpus *self, EmuCpu *cpu)
{
    guint index;

    if (g_ptr_array_find(self->cpus, cpu, &index)) {
        g_ptr_array_index(self->cpus, index) = NULL;
        for (index = self->cpus->len; index > 0 && !g_ptr_array_index(self->cpus, index - 1);) {
            index--;
        }
        g_ptr_array_set_size(self->cpus, (gint)index);
        g_object_unref(cpu);
    }
}

static void
vcpus_foreach(EmuVcpus *self, void (*fn)(EmuCpu *cpu))
{
    for (unsigned i = 0; i < self->cpus->len; i++) {
        if (emu_vcpus_get(self, i)) {
            fn(emu_vcpus_get(self, i));
        }
    }
}

/* Until @is_there says so of each. */
static void
vcpus_wait(EmuVcpus *self, bool (*is_there)(EmuCpu *cpu))
{
    for (unsigned i = 0; i < self->cpus->len; i++) {
        while (emu_vcpus_get(self, i) && !is_there(emu_vcpus_get(self, i))) {
            emu_big_lock_wait(&self->lock, &self->pause_cond);
        }
    }
}

void
emu_vcpus_pause(EmuVcpus *self)
{
    g_assert(!emu_cpu_get_current());
    self->running = false;
    vcpus_foreach(self, emu_cpu_request_stop);
    vcpus_wait(self, emu_cpu_is_parked);
    vcpus_foreach(self, emu_cpu_settle);
    vcpus_wait(self, emu_cpu_is_stopped);
}

void
emu_vcpus_resume(EmuVcpus *self)
{
    self->running = true;
    vcpus_foreach(self, emu_cpu_before_resume);
    vcpus_foreach(self, emu_cpu_resume);
}

void
emu_vcpus_hold(EmuVcpus *self)
{
    __atomic_store_n(&self->held, true, __ATOMIC_SEQ_CST);
    vcpus_foreach(self, emu_cpu_kick);
}

void
emu_vcpus_release(EmuVcpus *self)
{
    if (__atomic_exchange_n(&self->held, false, __ATOMIC_SEQ_CST)) {
        vcpus_foreach(self, emu_cpu_kick);
    }
}

void
emu_vcpus_tear_down(EmuVcpus *self)
{
    for (unsigned i = self->cpus->len; i-- > 0;) {
        g_autoptr(EmuCpu) cpu = emu_vcpus_get(self, i) ? g_object_ref(emu_vcpus_get(self, i)) : NULL;

        if (cpu) {
            emu_device_unrealize(EMU_DEVICE(cpu));
            emu_cpu_take_down(cpu);
        }
    }
}
