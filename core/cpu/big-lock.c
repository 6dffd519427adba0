/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The big lock of a machine. Device models, the main loop's handlers and all that changes the machine run under it; guest
 * code does not. It is not recursive; code that may run either way asks emu_machine_lock_held().
 */

#include "cpu/vcpus.h"

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
bool
emu_big_lock_is_mine(EmuBigLock *self)
{
    return __atomic_load_n(&self->holder, __ATOMIC_RELAXED) == g_thread_self();
}

static void
big_lock_set_holder(EmuBigLock *self, GThread *thread)
{
    __atomic_store_n(&self->holder, thread, __ATOMIC_RELAXED);
}

void
emu_big_lock_take(EmuBigLock *self)
{
    g_assert(!emu_big_lock_is_mine(self));
    g_mutex_lock(&self->mutex);
    big_lock_set_holder(self, g_thread_self());
}

void
emu_big_lock_release(EmuBigLock *self)
{
    g_assert(emu_big_lock_is_mine(self));
    big_lock_set_holder(self, NULL);
    g_mutex_unlock(&self->mutex);
}

void
emu_big_lock_wait(EmuBigLock *self, GCond *cond)
{
    g_assert(emu_big_lock_is_mine(self));
    big_lock_set_holder(self, NULL);
    g_cond_wait(cond, &self->mutex);
    big_lock_set_holder(self, g_thread_self());
}
