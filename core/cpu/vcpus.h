/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the vCPUs of one machine share with each other and with the main thread. The machine owns one of these and gives
 * it out by emu_machine_get_vcpus().
 */

#include "cpu/debug.h"

#include <emu/cpu.h>

G_BEGIN_DECLS

/* The big lock: a mutex that knows its holder, and condition variables that go with it. */
typedef struct {
    GMutex mutex;
    GThread *holder; /* written by the holder alone; others compare it with themselves */
} EmuBigLock;

void emu_big_lock_init(EmuBigLock *self);
void emu_big_lock_clear(EmuBigLock *self);
void emu_big_lock_take(EmuBigLock *self);
void emu_big_lock_release(EmuBigLock *self);
bool emu_big_lock_is_mine(EmuBigLock *self);
void emu_big_lock_wait(EmuBigLock *self, GCond *cond); /* holds the lock before and after */

typedef struct {
    EmuBigLock lock;
    GPtrArray *cpus; /* EmuCpu by index, owned; holes are NULL, the last is none */
    bool running;     /* threads may run guest code; under the lock */
    bool held;        /* a request waits: no vCPU enters guest code; atomic */
    GCond pause_cond; /* a vCPU has parked, or settled */
    GCond work_cond;  /* a piece of work on a vCPU has run */
    EmuDebug debug;
    EmuCpu *only;     /* the one that steps; NULL: all run. Changed while all are parked */
} EmuVcpus;

/* core/system */
EmuVcpus *emu_machine_get_vcpus(EmuMachine *machine);

void emu_vcpus_init(EmuVcpus *self);
void emu_vcpus_clear(EmuVcpus *self);

/* Main thread, lock held, if nothing else is said. */
EmuCpu *emu_vcpus_get(EmuVcpus *self, unsigned index);
void emu_vcpus_add(EmuVcpus *self, EmuCpu *cpu, unsigned index);
void emu_vcpus_remove(EmuVcpus *self, EmuCpu *cpu);
/* Returns when every vCPU is stopped. The lock is given up meanwhile: vCPUs may need it to get where they can stop. */
void emu_vcpus_pause(EmuVcpus *self);
void emu_vcpus_resume(EmuVcpus *self);
/* No vCPU runs another guest instruction after those it is in, until released. Any thread. */
void emu_vcpus_hold(EmuVcpus *self);
void emu_vcpus_release(EmuVcpus *self);
void emu_vcpus_tear_down(EmuVcpus *self);

G_END_DECLS
