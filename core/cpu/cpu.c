/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * EmuCpu: one thread per vCPU.
 *
 * The thread starts in the CPU's realize and sleeps until the machine runs. Its loop, under the big lock:
 *
 *     work queued for it -> run it
 *     asked to park      -> say so, sleep
 *     all are parked     -> take what the others sent it last, say so, sleep
 *     nothing to run     -> sleep (machine stopped, or CPU halted with no interrupt to take)
 *     else               -> drop the lock, accel->run() until something is wanted, take the lock
 *
 * Sleeping is on the CPU's own condition with its own mutex, so that a kick needs no big lock: an interrupt that comes
 * between the look and the sleep leaves its mark in "kicked".
 */

#include "cpu/cpu-private.h"

#include "cpu/vcpus.h"
#include "memory/memory-private.h"

#include <emu/log.h>
#include <emu/tcg.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct {
    void (*fn)(EmuCpu *cpu, gpointer data);
    gpointer data;
    bool *done; /* set under the big lock; NULL: nobody waits */
} CpuWork;

typedef struct {
    EmuMachine *machine; /* while it is part of one; so is @vcpus */
    EmuVcpus *vcpus;
    unsigned index;
    gpointer state, accel_data;
    EmuTcgState *own_state; /* of a CPU without accelerator */
    EmuCpuDebug debug;
    EmuAddressSpace *memory_as;

    GThread *thread;
    gint64 thread_id;
    GQueue work; /* CpuWork; under @lock */

    GMutex lock; /* of kicked, work */
    GCond cond;
    bool kicked;

    /* Under the big lock. @stop: to park; @parked: runs no more; @settle: the others are parked too; @stopped: its state is whole. */
    bool stop, parked, settle, stopped, quit;
} EmuCpuPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(EmuCpu, emu_cpu, EMU_TYPE_DEVICE)

static __thread EmuCpu *current_cpu;

static EmuCpuPrivate *
cpu_priv(EmuCpu *self)
{
    return emu_cpu_get_instance_private(self);
}

/* ---- accessors --------------------------------------------------------------------------------- */

unsigned
emu_cpu_get_index(EmuCpu *self)
{
    return cpu_priv(self)->index;
}

void
emu_cpu_set_index(EmuCpu *self, unsigned index)
{
    cpu_priv(self)->index = index;
}

gpointer
emu_cpu_get_state(EmuCpu *self)
{
    return cpu_priv(self)->state;
}

void
emu_cpu_set_state(EmuCpu *self, gpointer state)
{
    cpu_priv(self)->state = state;
}

gpointer
emu_cpu_get_accel_data(EmuCpu *self)
{
    return cpu_priv(self)->accel_data;
}

void
emu_cpu_set_accel_data(EmuCpu *self, gpointer data)
{
    cpu_priv(self)->accel_data = data;
}

gint64
emu_cpu_get_thread_id(EmuCpu *self)
{
    return __atomic_load_n(&cpu_priv(self)->thread_id, __ATOMIC_RELAXED);
}

EmuCpuDebug *
emu_cpu_get_debug(EmuCpu *self)
{
    return &cpu_priv(self)->debug;
}

EmuAddressSpace *
emu_cpu_get_memory_as(EmuCpu *self)
{
    EmuCpuPrivate *priv = cpu_priv(self);
    EmuMachine *machine = emu_device_get_machine(EMU_DEVICE(self));

    return priv->memory_as ? priv->memory_as : machine ? emu_machine_get_memory_as(machine) : NULL;
}

void
emu_cpu_set_memory_as(EmuCpu *self, EmuAddressSpace *as)
{
    EmuMachine *machine = emu_device_get_machine(EMU_DEVICE(self));

    /* Devices expect the big lock, whoever's view of memory leads to them. */
    if (as && machine) {
        emu_address_space_copy_lock(as, emu_machine_get_memory_as(machine));
    }
    if (as && cpu_priv(self)->memory_as) {
        emu_address_space_move_tap(cpu_priv(self)->memory_as, as);
    }
    cpu_priv(self)->memory_as = as;
}

bool
emu_cpu_is_self(EmuCpu *self)
{
    return current_cpu == self;
}

EmuCpu *
emu_cpu_get_current(void)
{
    return current_cpu;
}

/* ---- kicks and work ------------------------------------------------------------------------------ */

/* Wakes the thread whether it sleeps here or runs in the accelerator. */
void
emu_cpu_kick(EmuCpu *self)
{
    EmuCpuPrivate *priv = cpu_priv(self);
    EmuAccel *accel = priv->machine ? emu_machine_get_accel(priv->machine) : NULL;

    g_mutex_lock(&priv->lock);
    priv->kicked = true;
    g_cond_signal(&priv->cond);
    g_mutex_unlock(&priv->lock);
    if (accel && EMU_ACCEL_GET_CLASS(accel)->kick) {
        EMU_ACCEL_GET_CLASS(accel)->kick(accel, self);
    }
}

static void
cpu_queue_work(EmuCpu *self, void (*fn)(EmuCpu *cpu, gpointer data), gpointer data, bool *done)
{
    EmuCpuPrivate *priv = cpu_priv(self);
    CpuWork *work = g_new(CpuWork, 1);

    *work = (CpuWork){fn, data, done};
    g_mutex_lock(&priv->lock);
    g_queue_push_tail(&priv->work, work);
    g_mutex_unlock(&priv->lock);
    emu_cpu_kick(self);
}

/**
 * emu_cpu_run_on:
 * @self: a CPU
 * @fn: what to run on its thread
 * @data: for @fn
 *
 * Runs @fn on the vCPU's thread with the big lock held, and waits for it. The caller holds the big lock, which is given up
 * while waiting. On the vCPU's own thread, and on a CPU without a thread, @fn is simply called.
 */
void
emu_cpu_run_on(EmuCpu *self, void (*fn)(EmuCpu *self, gpointer data), gpointer data)
{
    EmuCpuPrivate *priv = cpu_priv(self);
    bool done = false;

    if (emu_cpu_is_self(self) || !priv->thread) {
        fn(self, data);
        return;
    }
    cpu_queue_work(self, fn, data, &done);
    while (!done) {
        emu_big_lock_wait(&priv->vcpus->lock, &priv->vcpus->work_cond);
    }
}

/**
 * emu_cpu_run_on_async:
 * @self: a CPU
 *
 * As emu_cpu_run_on(), without waiting. Any thread. A CPU without a thread runs nothing.
 */
void
emu_cpu_run_on_async(EmuCpu *self, void (*fn)(EmuCpu *self, gpointer data), gpointer data)
{
    cpu_queue_work(self, fn, data, NULL);
}

static void
cpu_synchronize(EmuCpu *self)
{
    EmuAccel *accel = emu_machine_get_accel(cpu_priv(self)->machine);

    if (EMU_ACCEL_GET_CLASS(accel)->synchronize) {
        EMU_ACCEL_GET_CLASS(accel)->synchronize(accel, self);
    }
}

/* On the vCPU's thread, big lock held. */
static void
cpu_run_work(EmuCpu *self)
{
    EmuCpuPrivate *priv = cpu_priv(self);

    for (;;) {
        CpuWork *work;

        g_mutex_lock(&priv->lock);
        work = g_queue_pop_head(&priv->work);
        g_mutex_unlock(&priv->lock);
        if (!work) {
            return;
        }
        cpu_synchronize(self);
        work->fn(self, work->data);
        if (work->done) {
            *work->done = true;
            g_cond_broadcast(&priv->vcpus->work_cond);
        }
        g_free(work);
    }
}

/* ---- the thread ------------------------------------------------------------------------------------ */

bool
emu_cpu_waits(EmuCpu *self)
{
    EmuCpuClass *klass = EMU_CPU_GET_CLASS(self);

    return klass->is_halted && klass->is_halted(self) &&
           !(klass->tcg && klass->tcg->has_work && klass->tcg->has_work(cpu_priv(self)->state));
}

/*
 * Until the last vCPU has parked, others may send interrupts to this one. What an accelerator keeps of them beside the registers joins these
 * when they go there once more and come back.
 */
static void
cpu_settle(EmuCpu *self)
{
    EmuAccel *accel = emu_machine_get_accel(cpu_priv(self)->machine);

    if (EMU_ACCEL_GET_CLASS(accel)->before_resume) {
        EMU_ACCEL_GET_CLASS(accel)->before_resume(accel, self);
    }
    cpu_synchronize(self);
}

static bool
cpu_may_run(EmuCpu *self)
{
    EmuCpuPrivate *priv = cpu_priv(self);
    EmuVcpus *vcpus = priv->vcpus;

    if (priv->stop || priv->stopped || !vcpus->running || (vcpus->only && vcpus->only != self) || __atomic_load_n(&vcpus->held, __ATOMIC_SEQ_CST)) {
        return false;
    }
    if (emu_cpu_waits(self)) {
        EmuAccel *accel = emu_machine_get_accel(priv->machine);

        return EMU_ACCEL_GET_CLASS(accel)->waits_inside && EMU_ACCEL_GET_CLASS(accel)->waits_inside(accel, self);
    }
    return true;
}

/* Big lock held before and after, not while asleep. */
static void
cpu_sleep(EmuCpu *self)
{
    EmuCpuPrivate *priv = cpu_priv(self);

    emu_machine_unlock(priv->machine);
    g_mutex_lock(&priv->lock);
    while (!priv->kicked) {
        g_cond_wait(&priv->cond, &priv->lock);
    }
    priv->kicked = false;
    g_mutex_unlock(&priv->lock);
    emu_machine_lock(priv->machine);
}

static gpointer
cpu_thread(gpointer data)
{
    EmuCpu *self = data;
    EmuCpuPrivate *priv = cpu_priv(self);
    EmuAccel *accel = emu_machine_get_accel(priv->machine);
    EmuAccelClass *accel_class = EMU_ACCEL_GET_CLASS(accel);

    current_cpu = self;
    emu_rcu_register_thread();
    __atomic_store_n(&priv->thread_id, (gint64)syscall(SYS_gettid), __ATOMIC_RELAXED);

    emu_machine_lock(priv->machine);
    while (!priv->quit) {
        cpu_run_work(self);
        if (priv->stop && !priv->parked) {
            cpu_synchronize(self);
            priv->parked = true;
            g_cond_broadcast(&priv->vcpus->pause_cond);
        }
        if (priv->settle) {
            cpu_settle(self);
            priv->settle = false;
            priv->stopped = true;
            g_cond_broadcast(&priv->vcpus->pause_cond);
        }
        if (cpu_may_run(self)) {
            emu_machine_unlock(priv->machine);
            accel_class->run(accel, self);
            emu_machine_lock(priv->machine);
        } else if (!priv->quit) {
            cpu_sleep(self);
        }
    }
    emu_machine_unlock(priv->machine);
    emu_rcu_unregister_thread();
    return NULL;
}

/**
 * emu_cpu_bring_up:
 * @self: a CPU whose realize has come to its end
 *
 * Gives the CPU its accelerator's part and its thread, parked. Does nothing when it has them. Big lock held.
 */
static bool
cpu_bring_up(EmuCpu *self, GError **error)
{
    EmuCpuPrivate *priv = cpu_priv(self);
    EmuMachine *machine = emu_device_get_machine(EMU_DEVICE(self));
    EmuAccel *accel = machine ? emu_machine_get_accel(machine) : NULL;
    g_autofree char *name = NULL;

    priv->machine = machine;
    priv->vcpus = machine ? emu_machine_get_vcpus(machine) : NULL;
    if (!accel) {
        /* A device test: the CPU is there and does not run. */
        if (machine) {
            EmuCpuClass *klass = EMU_CPU_GET_CLASS(self);

            if (klass->tcg && klass->attach_state) {
                priv->state = priv->own_state = emu_tcg_state_new(klass->tcg, self);
                klass->attach_state(self, priv->state);
            }
            emu_vcpus_add(priv->vcpus, self, priv->index);
        }
        return true;
    }
    if (EMU_ACCEL_GET_CLASS(accel)->create_vcpu && !EMU_ACCEL_GET_CLASS(accel)->create_vcpu(accel, self, error)) {
        priv->machine = NULL;
        return false;
    }
    priv->stopped = true;
    priv->quit = false;
    name = g_strdup_printf("CPU %u/%s", priv->index, EMU_ACCEL_GET_CLASS(accel)->name ? EMU_ACCEL_GET_CLASS(accel)->name : "?");
    for (char *p = strchr(name, '/'); *p; p++) {
        *p = g_ascii_toupper(*p);
    }
    if (EMU_ACCEL_GET_CLASS(accel)->run) {
        priv->thread = g_thread_try_new(name, cpu_thread, self, error);
        if (!priv->thread) {
            if (EMU_ACCEL_GET_CLASS(accel)->destroy_vcpu) {
                EMU_ACCEL_GET_CLASS(accel)->destroy_vcpu(accel, self);
            }
            priv->machine = NULL;
            return false;
        }
    }
    emu_vcpus_add(priv->vcpus, self, priv->index);
    if (priv->vcpus->running) {
        priv->stopped = false;
        emu_cpu_kick(self);
    }
    return true;
}

/* Ends the thread. Big lock held, given up while waiting. */
void
emu_cpu_take_down(EmuCpu *self)
{
    EmuCpuPrivate *priv = cpu_priv(self);
    EmuMachine *machine = priv->machine;
    EmuAccel *accel = machine ? emu_machine_get_accel(machine) : NULL;

    if (!machine) {
        return;
    }
    if (priv->thread) {
        GThread *thread = g_steal_pointer(&priv->thread);

        priv->quit = true;
        emu_cpu_kick(self);
        emu_machine_unlock(machine);
        g_thread_join(thread);
        emu_machine_lock(machine);
        __atomic_store_n(&priv->thread_id, -1, __ATOMIC_RELAXED);
    }
    if (accel && EMU_ACCEL_GET_CLASS(accel)->destroy_vcpu) {
        EMU_ACCEL_GET_CLASS(accel)->destroy_vcpu(accel, self);
    }
    if (priv->own_state) {
        EMU_CPU_GET_CLASS(self)->attach_state(self, NULL);
        priv->state = NULL;
        g_clear_pointer(&priv->own_state, emu_tcg_state_free);
    }
    priv->machine = NULL;
    emu_vcpus_remove(priv->vcpus, self);
}

void
emu_cpu_request_stop(EmuCpu *self)
{
    EmuCpuPrivate *priv = cpu_priv(self);

    if (priv->thread && !priv->stopped) {
        priv->stop = true;
        emu_cpu_kick(self);
    }
}

bool
emu_cpu_is_parked(EmuCpu *self)
{
    EmuCpuPrivate *priv = cpu_priv(self);

    return !priv->thread || priv->parked || priv->stopped;
}

void
emu_cpu_settle(EmuCpu *self)
{
    EmuCpuPrivate *priv = cpu_priv(self);

    if (!priv->thread || priv->stopped) {
        return;
    }
    if (EMU_ACCEL_GET_CLASS(emu_machine_get_accel(priv->machine))->synchronize) {
        priv->settle = true;
        emu_cpu_kick(self);
    } else {
        priv->stopped = true;
    }
}

bool
emu_cpu_is_stopped(EmuCpu *self)
{
    EmuCpuPrivate *priv = cpu_priv(self);

    return !priv->thread || priv->stopped;
}

/* All of them, before the first one runs: it may at once send the others interrupts. */
void
emu_cpu_before_resume(EmuCpu *self)
{
    EmuCpuPrivate *priv = cpu_priv(self);
    EmuAccel *accel = priv->machine ? emu_machine_get_accel(priv->machine) : NULL;

    if (priv->thread && priv->stopped && EMU_ACCEL_GET_CLASS(accel)->before_resume) {
        EMU_ACCEL_GET_CLASS(accel)->before_resume(accel, self);
    }
}

void
emu_cpu_resume(EmuCpu *self)
{
    EmuCpuPrivate *priv = cpu_priv(self);

    priv->stop = priv->parked = priv->stopped = false;
    emu_cpu_kick(self);
}

/* ---- virtual memory for debuggers -------------------------------------------------------------------- */

#define DEBUG_PAGE_SIZE UINT64_C(4096)

static bool
cpu_access_debug(EmuCpu *self, uint64_t vaddr, uint8_t *buf, gsize len, bool write)
{
    EmuCpuClass *klass = EMU_CPU_GET_CLASS(self);
    EmuAddressSpace *as = emu_cpu_get_memory_as(self);
    EmuMemAttrs attrs = {.debug = 1};

    while (len > 0) {
        gsize here = MIN(len, (gsize)(DEBUG_PAGE_SIZE - vaddr % DEBUG_PAGE_SIZE));
        uint64_t phys = vaddr;
        EmuMemResult result;

        if (klass->translate_debug && !klass->translate_debug(self, vaddr, &phys)) {
            return false;
        }
        if (write) {
            result = emu_address_space_write_rom(as, phys, buf, here);
        } else {
            result = emu_address_space_read(as, phys, buf, here, attrs);
        }
        if (result != EMU_MEM_OK) {
            return false;
        }
        vaddr += here;
        buf += here;
        len -= here;
    }
    return true;
}

void
emu_cpu_set_start(EmuCpu *self, uint64_t address)
{
    if (EMU_CPU_GET_CLASS(self)->set_start && emu_cpu_get_state(self)) {
        EMU_CPU_GET_CLASS(self)->set_start(self, address);
    }
}

bool
emu_cpu_read_debug(EmuCpu *self, uint64_t vaddr, void *buf, gsize len)
{
    return cpu_access_debug(self, vaddr, buf, len, false);
}

bool
emu_cpu_write_debug(EmuCpu *self, uint64_t vaddr, const void *buf, gsize len)
{
    return cpu_access_debug(self, vaddr, (uint8_t *)buf, len, true);
}

/* ---- class ------------------------------------------------------------------------------------------- */

static bool
emu_cpu_realize(EmuDevice *dev, GError **error)
{
    return cpu_bring_up(EMU_CPU(dev), error);
}

static void
emu_cpu_unrealize(EmuDevice *dev)
{
    emu_cpu_take_down(EMU_CPU(dev));
}

static void
emu_cpu_init(EmuCpu *self)
{
    EmuCpuPrivate *priv = cpu_priv(self);

    g_mutex_init(&priv->lock);
    g_cond_init(&priv->cond);
    g_queue_init(&priv->work);
    priv->thread_id = -1;
    priv->stopped = true;
}

static void
emu_cpu_finalize(GObject *object)
{
    EmuCpuPrivate *priv = cpu_priv(EMU_CPU(object));

    g_queue_clear_full(&priv->work, g_free);
    g_cond_clear(&priv->cond);
    g_mutex_clear(&priv->lock);
    G_OBJECT_CLASS(emu_cpu_parent_class)->finalize(object);
}

static void
emu_cpu_class_init(EmuCpuClass *klass)
{
    EmuDeviceClass *device_class = EMU_DEVICE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = emu_cpu_finalize;
    /* A model's realize does its own work first and chains up last. */
    device_class->realize = emu_cpu_realize;
    device_class->unrealize = emu_cpu_unrealize;
    device_class->category = "cpu";
    device_class->user_creatable = false;
}

static void
cpu_register_types(void)
{
    emu_type_register_gtype("cpu", EMU_TYPE_CPU);
}
type_init(cpu_register_types)
