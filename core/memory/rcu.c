/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "memory/memory-private.h"

#include <pthread.h>

__thread bool emu_rcu_registered;

static pthread_key_t rcu_exit_key;

/* A thread that ends without saying so must not hold up grace periods. */
static void
rcu_thread_exit(void *unused G_GNUC_UNUSED)
{
    emu_rcu_unregister_thread();
}

static void __attribute__((constructor))
rcu_make_exit_key(void)
{
    pthread_key_create(&rcu_exit_key, rcu_thread_exit);
}

/**
 * emu_rcu_register_thread:
 *
 * Makes the calling thread known to RCU. A thread that only uses the memory API need not: its first
 * access does it. Does nothing when called again.
 */
void
emu_rcu_register_thread(void)
{
    if (!emu_rcu_registered) {
        emu_rcu_registered = true;
        pthread_setspecific(rcu_exit_key, &emu_rcu_registered);
        rcu_register_thread();
    }
}

void
emu_rcu_unregister_thread(void)
{
    if (emu_rcu_registered) {
        emu_rcu_registered = false;
        rcu_unregister_thread();
    }
}

/**
 * emu_rcu_read_lock:
 *
 * What emu_address_space_find() returns stays valid up to the matching unlock. Nests. A section may
 * wait for a big lock, but should not sleep for long: memory of old views is kept meanwhile.
 */
void
emu_rcu_read_lock(void)
{
    emu_rcu_enter();
}

void
emu_rcu_read_unlock(void)
{
    emu_rcu_leave();
}

void
emu_rcu_barrier(void)
{
    rcu_barrier();
}
