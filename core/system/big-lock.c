/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The big lock of a machine. Device models, the main loop's handlers and all that changes the machine run under it; guest
 * code does not. It is not recursive; code that may run either way asks emu_machine_lock_held().
 */

#include "system/machine-private.h"

void
emu_big_lock_init(EmuBigLock *self)
{
    g_mutex_init(&self->mutex);
    self->holder = NULL;
}

void
emu_big_lock_clear(EmuBigLock *self)
{
    g_mutex_clear(&self->mutex);
}

/* Only the holder itself can find its own thread here, so a relaxed load is enough. */
static bool
big_lock_is_mine(EmuBigLock *self)
{
    return __atomic_load_n(&self->holder, __ATOMIC_RELAXED) == g_thread_self();
}

static void
big_lock_set_holder(EmuBigLock *self, GThread *thread)
{
    __atomic_store_n(&self->holder, thread, __ATOMIC_RELAXED);
}

void
emu_big_lock_wait(EmuBigLock *self, GCond *cond)
{
    g_assert(big_lock_is_mine(self));
    big_lock_set_holder(self, NULL);
    g_cond_wait(cond, &self->mutex);
    big_lock_set_holder(self, g_thread_self());
}

/**
 * emu_machine_lock:
 * @self: a machine
 *
 * Takes the big lock. It must not be held by this thread already.
 */
void
emu_machine_lock(EmuMachine *self)
{
    EmuBigLock *lock = emu_machine_get_big_lock(self);

    g_assert(!big_lock_is_mine(lock));
    g_mutex_lock(&lock->mutex);
    big_lock_set_holder(lock, g_thread_self());
}

void
emu_machine_unlock(EmuMachine *self)
{
    EmuBigLock *lock = emu_machine_get_big_lock(self);

    g_assert(big_lock_is_mine(lock));
    big_lock_set_holder(lock, NULL);
    g_mutex_unlock(&lock->mutex);
}

bool
emu_machine_lock_held(EmuMachine *self)
{
    return big_lock_is_mine(emu_machine_get_big_lock(self));
}
