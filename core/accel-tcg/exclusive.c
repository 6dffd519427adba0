/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Kicks and exclusive sections.
 *
 * A vCPU is "running" (tcg_vcpu_enter ... tcg_vcpu_leave) while it interprets or executes translated
 * code.  An exclusive section begins when no other vCPU of the machine is running and keeps them
 * from entering.  The big lock is never taken with TcgMachine.lock held.
 */

#include "tcg-private.h"

/**
 * emu_tcg_parallel:
 * @s: a vCPU
 *
 * Returns: true when the machine has more vCPUs than this one
 */
bool
emu_tcg_parallel(EmuTcgState *s)
{
    return s->vcpu->machine->vcpus->len > 1;
}

void
tcg_vcpu_kick(EmuTcgVcpu *v)
{
    __atomic_store_n(&v->state->exit_request, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&v->halt_lock);
    pthread_cond_broadcast(&v->halt_cond);
    pthread_mutex_unlock(&v->halt_lock);
}

/* ---- exclusive sections ----------------------------------------------------------------------------- */

void
tcg_vcpu_enter(EmuTcgVcpu *v)
{
    TcgMachine *m = v->machine;

    __atomic_store_n(&v->running, 1, __ATOMIC_SEQ_CST);
    while (G_UNLIKELY(__atomic_load_n(&m->exclusive, __ATOMIC_SEQ_CST))) {
        __atomic_store_n(&v->running, 0, __ATOMIC_SEQ_CST);
        pthread_mutex_lock(&m->lock);
        pthread_cond_broadcast(&m->cond);
        while (m->exclusive) {
            pthread_cond_wait(&m->cond, &m->lock);
        }
        pthread_mutex_unlock(&m->lock);
        __atomic_store_n(&v->running, 1, __ATOMIC_SEQ_CST);
    }
}

void
tcg_vcpu_leave(EmuTcgVcpu *v)
{
    TcgMachine *m = v->machine;

    __atomic_store_n(&v->running, 0, __ATOMIC_SEQ_CST);
    if (G_UNLIKELY(__atomic_load_n(&m->exclusive, __ATOMIC_SEQ_CST))) {
        pthread_mutex_lock(&m->lock);
        pthread_cond_broadcast(&m->cond);
        pthread_mutex_unlock(&m->lock);
    }
}

/* On @v's thread, @v running; returns with @m->lock held. */
void
tcg_exclusive_begin(EmuTcgVcpu *v)
{
    TcgMachine *m = v->machine;

    tcg_vcpu_leave(v);
    pthread_mutex_lock(&m->lock);
    while (m->exclusive) {
        pthread_cond_wait(&m->cond, &m->lock);
    }
    __atomic_store_n(&m->exclusive, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < m->vcpus->len; i++) {
        EmuTcgVcpu *other = g_ptr_array_index(m->vcpus, i);

        if (other == v) {
            continue;
        }
        while (__atomic_load_n(&other->running, __ATOMIC_SEQ_CST)) {
            __atomic_store_n(&other->state->exit_request, 1, __ATOMIC_SEQ_CST);
            pthread_cond_wait(&m->cond, &m->lock);
        }
    }
}

void
tcg_exclusive_end(EmuTcgVcpu *v)
{
    TcgMachine *m = v->machine;

    __atomic_store_n(&m->exclusive, 0, __ATOMIC_SEQ_CST);
    pthread_cond_broadcast(&m->cond);
    pthread_mutex_unlock(&m->lock);
    tcg_vcpu_enter(v);
}

/**
 * emu_tcg_exclusive:
 * @s: a CPU's state, on its thread, called from the interpreter or a helper
 * @fn: what to do; must not take the big lock
 * @opaque: for @fn
 *
 * Runs @fn while every other vCPU of the machine is stopped between two instructions.
 */
void
emu_tcg_exclusive(EmuTcgState *s, void (*fn)(EmuTcgState *s, void *opaque), void *opaque)
{
    EmuTcgVcpu *v = tcg_vcpu(s);

    if (v->machine->vcpus->len == 1) {
        fn(s, opaque);
        return;
    }
    tcg_exclusive_begin(v);
    fn(s, opaque);
    tcg_exclusive_end(v);
}
