/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All vCPUs of a machine together. Main thread, big lock held, if nothing else is said. */

#include "cpu/cpu-private.h"
#include "system/machine-private.h"

static EmuCpu *
nth_cpu(EmuMachinePrivate *priv, guint i)
{
    return g_ptr_array_index(priv->cpus, i);
}

static bool
all_stopped(EmuMachinePrivate *priv)
{
    for (guint i = 0; i < priv->cpus->len; i++) {
        if (nth_cpu(priv, i) && !emu_cpu_is_stopped(nth_cpu(priv, i))) {
            return false;
        }
    }
    return true;
}

/* Returns when every vCPU is parked. The big lock is given up meanwhile: vCPUs may need it to get where they can stop. */
void
emu_machine_pause_vcpus(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    g_assert(!emu_cpu_get_current());
    priv->vcpus_running = false;
    for (guint i = 0; i < priv->cpus->len; i++) {
        if (nth_cpu(priv, i)) {
            emu_cpu_request_stop(nth_cpu(priv, i));
        }
    }
    while (!all_stopped(priv)) {
        emu_big_lock_wait(&priv->lock, &priv->pause_cond);
    }
}

void
emu_machine_resume_vcpus(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    priv->vcpus_running = true;
    for (guint i = 0; i < priv->cpus->len; i++) {
        if (nth_cpu(priv, i)) {
            emu_cpu_resume(nth_cpu(priv, i));
        }
    }
}

/* No vCPU runs another guest instruction after those it is in, until the requests are carried out. Any thread. */
void
emu_machine_hold_vcpus(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    __atomic_store_n(&priv->held, true, __ATOMIC_SEQ_CST);
    for (guint i = 0; i < priv->cpus->len; i++) {
        if (nth_cpu(priv, i)) {
            emu_cpu_kick(nth_cpu(priv, i));
        }
    }
}

void
emu_machine_release_vcpus(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    if (__atomic_load_n(&priv->requests, __ATOMIC_SEQ_CST) != 0 || !__atomic_exchange_n(&priv->held, false, __ATOMIC_SEQ_CST)) {
        return;
    }
    for (guint i = 0; i < priv->cpus->len; i++) {
        if (nth_cpu(priv, i)) {
            emu_cpu_kick(nth_cpu(priv, i));
        }
    }
}

void
emu_machine_teardown_cpus(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    for (guint i = priv->cpus->len; i-- > 0;) {
        g_autoptr(EmuCpu) cpu = nth_cpu(priv, i) ? g_object_ref(nth_cpu(priv, i)) : NULL;

        if (cpu) {
            emu_device_unrealize(EMU_DEVICE(cpu));
            emu_cpu_take_down(cpu);
        }
    }
}
