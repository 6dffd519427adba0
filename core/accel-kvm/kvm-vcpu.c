/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The run loop of one vCPU under KVM.
 *
 * Registers are in one of two places: KVM's, or the state that the CPU plugin shares with TCG (in_kvm tells). Exits for
 * I/O leave them in KVM. They come out for whatever looks at or changes them: a stop, HLT, INIT, and an instruction that
 * the host's KVM cannot emulate, which the reference interpreter then executes.
 */

#include "kvm-private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* After an instruction that KVM cannot emulate more of the kind tend to follow. */
#define INTERPRET_BURST 32

/* The vCPU that this thread runs. */
static __thread KvmVcpu *kvm_running;

/* Ends KVM_RUN; one that comes right before it makes it leave at once. */
static void
kvm_kick_signal_cb(int number G_GNUC_UNUSED, siginfo_t *info, void *context G_GNUC_UNUSED)
{
    if (kvm_running) {
        if (info->si_code == SI_TIMER) {
            __atomic_store_n(&kvm_running->window.look, true, __ATOMIC_SEQ_CST);
        }
        __atomic_store_n(&kvm_running->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    }
}

static void
kvm_install_kick_signal(void)
{
    struct sigaction action = {.sa_sigaction = kvm_kick_signal_cb, .sa_flags = SA_SIGINFO | SA_RESTART};

    sigaction(SIGUSR1, &action, NULL);
}

/* A vCPU of the kernel's for CPU @index: one that was unplugged, or a new one. */
static int
kvm_vcpu_get_fd(KvmAccel *self, unsigned index, bool *reused)
{
    int fd = self->parked && index < self->parked->len ? g_array_index(self->parked, int, index) : -1;

    *reused = fd >= 0;
    if (*reused) {
        g_array_index(self->parked, int, index) = -1;
        return fd;
    }
    return ioctl(self->vm.vm_fd, KVM_CREATE_VCPU, (unsigned long)index);
}

static void
kvm_vcpu_park(KvmAccel *self, unsigned index, int fd)
{
    int none = -1;

    if (!self->parked) {
        self->parked = g_array_new(false, false, sizeof(int));
    }
    while (self->parked->len <= index) {
        g_array_append_val(self->parked, none);
    }
    g_array_index(self->parked, int, index) = fd;
}

void
kvm_vcpu_close_parked(KvmAccel *self)
{
    for (guint i = 0; self->parked && i < self->parked->len; i++) {
        if (g_array_index(self->parked, int, i) >= 0) {
            close(g_array_index(self->parked, int, i));
        }
    }
    g_clear_pointer(&self->parked, g_array_unref);
}

bool
kvm_vcpu_create(KvmAccel *self, EmuCpu *cpu, GError **error)
{
    EmuCpuClass *klass = EMU_CPU_GET_CLASS(cpu);
    const EmuKvmFrontend *fe = klass->kvm;
    g_autofree KvmVcpu *v = g_new0(KvmVcpu, 1);
    bool reused = false;

    if (!fe) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "%s: this CPU type does not run under KVM",
                    emu_object_get_type_name(cpu));
        return false;
    }
    if (!self->frontend) {
        if (fe->init_vm && !fe->init_vm(&self->vm, error)) {
            return false;
        }
        self->frontend = fe;
    }
    v->fd = kvm_vcpu_get_fd(self, emu_cpu_get_index(cpu), &reused);
    if (v->fd < 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "kvm: vCPU %u could not be made: %s", emu_cpu_get_index(cpu),
                    g_strerror(errno));
        return false;
    }
    v->run = mmap(NULL, self->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
    if (v->run == MAP_FAILED) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "kvm: vCPU %u's run area could not be mapped: %s",
                    emu_cpu_get_index(cpu), g_strerror(errno));
        close(v->fd);
        return false;
    }
    if (!reused && !kvm_dirty_ring_add(self, v->fd, error)) {
        munmap(v->run, self->run_size);
        close(v->fd);
        return false;
    }
    if (self->n_vcpus == 0) {
        int page = ioctl(self->vm.kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);

        self->has_coalesced = page > 0 && (page + 1) * 4096 <= self->run_size;
        self->has_coalesced_ports = ioctl(self->vm.kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_PIO) > 0;
        self->ring = self->has_coalesced ? (gpointer)((char *)v->run + page * 4096) : NULL;
    }
    /* Before the thread is there to be kicked. */
    kvm_install_kick_signal();
    v->accel = self;
    v->cpu = cpu;
    v->debug = emu_cpu_get_debug(cpu);
    v->window.wait = 1;
    v->arch = g_malloc0(MAX(fe->arch_size, 1));
    v->state = emu_tcg_service_add(self->service, fe->tcg, cpu);
    emu_cpu_set_state(cpu, v->state);
    if (klass->attach_state) {
        klass->attach_state(cpu, v->state);
    }
    if (!fe->init_vcpu(v->state, v->arch, &self->vm, v->fd, error)) {
        if (klass->attach_state) {
            klass->attach_state(cpu, NULL);
        }
        emu_cpu_set_state(cpu, NULL);
        emu_tcg_service_remove(self->service, v->state);
        munmap(v->run, self->run_size);
        close(v->fd);
        g_free(v->arch);
        return false;
    }
    emu_cpu_set_accel_data(cpu, g_steal_pointer(&v));
    return true;
}

void
kvm_vcpu_destroy(KvmAccel *self, EmuCpu *cpu)
{
    KvmVcpu *v = emu_cpu_get_accel_data(cpu);

    if (!v) {
        return;
    }
    if (EMU_CPU_GET_CLASS(cpu)->attach_state) {
        EMU_CPU_GET_CLASS(cpu)->attach_state(cpu, NULL);
    }
    kvm_window_end(v);
    emu_cpu_set_accel_data(cpu, NULL);
    emu_cpu_set_state(cpu, NULL);
    emu_tcg_service_remove(self->service, v->state);
    if ((char *)self->ring >= (char *)v->run && (char *)self->ring < (char *)v->run + self->run_size) {
        self->ring = NULL;
    }
    munmap(v->run, self->run_size);
    kvm_vcpu_park(self, emu_cpu_get_index(cpu), v->fd);
    g_free(v->arch);
    g_free(v);
}

/* Ends the machine's run with a report; the monitor goes on answering. */
static void
kvm_vcpu_fail(KvmVcpu *v, const char *what)
{
    emu_error_report("kvm: CPU %u: %s", emu_cpu_get_index(v->cpu), what);
    v->failed = true;
    emu_machine_request_stop(v->accel->machine, EMU_RUN_STATE_INTERNAL_ERROR);
}

/* ---- exits ---------------------------------------------------------------------------------------------- */

static void
kvm_exit_io(KvmVcpu *v)
{
    struct kvm_run *run = v->run;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;

    for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
        if (run->io.direction == KVM_EXIT_IO_OUT) {
            uint32_t value = 0;

            memcpy(&value, data, run->io.size);
            emu_tcg_port_out(v->state, run->io.port, GUINT32_FROM_LE(value), run->io.size);
        } else {
            uint32_t value = GUINT32_TO_LE((uint32_t)emu_tcg_port_in(v->state, run->io.port, run->io.size));

            memcpy(data, &value, run->io.size);
        }
    }
}

static void
kvm_exit_mmio(KvmVcpu *v)
{
    struct kvm_run *run = v->run;
    EmuAddressSpace *as = emu_cpu_get_memory_as(v->cpu);
    uint64_t addr = run->mmio.phys_addr;
    unsigned len = run->mmio.len;
    EmuMemResult result;

    if (len != 1 && len != 2 && len != 4 && len != 8) {
        if (run->mmio.is_write) {
            emu_address_space_write(as, addr, run->mmio.data, MIN(len, 8), EMU_MEM_ATTRS_NONE);
        } else {
            emu_address_space_read(as, addr, run->mmio.data, MIN(len, 8), EMU_MEM_ATTRS_NONE);
        }
    } else if (run->mmio.is_write) {
        uint64_t value = 0;

        memcpy(&value, run->mmio.data, len);
        emu_address_space_store(as, addr, GUINT64_FROM_LE(value), len, EMU_MEM_ATTRS_NONE, &result);
    } else {
        uint64_t value = GUINT64_TO_LE(emu_address_space_load(as, addr, len, EMU_MEM_ATTRS_NONE, &result));

        memcpy(run->mmio.data, &value, len);
    }
}

/* ---- registers ------------------------------------------------------------------------------------------- */

/* With or without the big lock. */
static void
kvm_do_late_writes(KvmVcpu *v)
{
    EmuMachine *machine = v->accel->machine;
    bool held = emu_machine_lock_held(machine);

    if (kvm_has_late_writes(v->accel)) {
        if (!held) {
            emu_machine_lock(machine);
        }
        kvm_drain(v->accel);
        if (!held) {
            emu_machine_unlock(machine);
        }
    }
}

/*
 * An access that a device has answered ends inside KVM, with an entry that leaves at once; it may ask for a further piece,
 * or put one into the ring: the write of an instruction that reads, changes and writes.
 */
static void
kvm_complete_access(KvmVcpu *v)
{
    int result;

    if (!v->io_pending) {
        return;
    }
    v->run->immediate_exit = 1;
    while ((result = ioctl(v->fd, KVM_RUN, 0)) == 0) {
        kvm_do_late_writes(v);
        if (v->run->exit_reason == KVM_EXIT_IO) {
            kvm_exit_io(v);
        } else if (v->run->exit_reason == KVM_EXIT_MMIO) {
            kvm_exit_mmio(v);
        } else {
            break;
        }
    }
    result = result == 0 ? 0 : errno;
    kvm_do_late_writes(v);
    if (result != EINTR && result != EAGAIN) {
        g_autofree char *text = result == 0 ? kvm_describe_exit(v->run) : g_strdup(g_strerror(result));

        emu_unimp("kvm: CPU %u: an access could not be completed: %s", emu_cpu_get_index(v->cpu), text);
    }
    v->run->immediate_exit = 0;
    v->io_pending = false;
}

void
kvm_vcpu_fetch(KvmVcpu *v)
{
    g_autoptr(GError) error = NULL;

    if (!v->in_kvm) {
        return;
    }
    kvm_complete_access(v);
    v->in_kvm = false;
    /* The guest may have changed its page tables since the state was here last. */
    emu_tcg_flush_all(v->state);
    if (!v->accel->frontend->get(v->state, v->arch, v->fd, &error)) {
        kvm_vcpu_fail(v, error->message);
    }
}

void
kvm_vcpu_store(KvmVcpu *v)
{
    g_autoptr(GError) error = NULL;

    if (v->in_kvm) {
        return;
    }
    if (!v->accel->frontend->put(v->state, v->arch, v->fd, &error)) {
        kvm_vcpu_fail(v, error->message);
        return;
    }
    v->in_kvm = true;
    v->at_pc = true;
    v->pc = v->accel->frontend->tcg->get_pc(v->state);
}

/* ---- more exits ------------------------------------------------------------------------------------------ */

/* The guest is in a state that only a reset ends: a triple fault. */
void
kvm_vcpu_shutdown(KvmVcpu *v)
{
    v->shutdown = true;
    emu_machine_request_reset(v->accel->machine, EMU_SHUTDOWN_CAUSE_GUEST_RESET);
}

/* What KVM declines is executed by the reference interpreter. */
static void
kvm_exit_internal_error(KvmVcpu *v)
{
    unsigned executed = 0;
    EmuTcgExit reason;
    g_autofree char *text = kvm_describe_exit(v->run);

    if (v->run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION) {
        kvm_vcpu_fetch(v);
        kvm_vcpu_fail(v, text);
        return;
    }
    emu_unimp("kvm: CPU %u: %s; interpreted", emu_cpu_get_index(v->cpu), text);
    kvm_vcpu_fetch(v);
    reason = v->accel->frontend->interpret(v->state, v->arch, INTERPRET_BURST, true, &executed);
    v->counts.interpreted += executed;
    if (reason == EMU_TCG_EXIT_SHUTDOWN) {
        kvm_vcpu_shutdown(v);
    }
}

static void
kvm_exit_system_event(KvmVcpu *v)
{
    EmuMachine *machine = v->accel->machine;
    g_autofree char *text = NULL;

    switch (v->run->system_event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
        emu_machine_request_shutdown(machine, EMU_SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
        break;
    case KVM_SYSTEM_EVENT_RESET:
        emu_machine_request_reset(machine, EMU_SHUTDOWN_CAUSE_GUEST_RESET);
        break;
    case KVM_SYSTEM_EVENT_CRASH:
        kvm_vcpu_fetch(v);
        emu_error_report("kvm: CPU %u: the guest says that it crashed", emu_cpu_get_index(v->cpu));
        emu_machine_request_stop(machine, EMU_RUN_STATE_GUEST_PANICKED);
        break;
    default:
        text = kvm_describe_exit(v->run);
        kvm_vcpu_fetch(v);
        kvm_vcpu_fail(v, text);
        break;
    }
}

static void
kvm_handle_exit(KvmVcpu *v)
{
    struct kvm_run *run = v->run;

    if (run->exit_reason == KVM_EXIT_IO) {
        v->counts.ports++;
        v->port_access = true;
        kvm_exit_io(v);
        v->io_pending = true;
        return;
    }
    if (run->exit_reason == KVM_EXIT_MMIO) {
        v->counts.mmio++;
        kvm_exit_mmio(v);
        v->io_pending = true;
        return;
    }
    v->counts.others++;
    switch (run->exit_reason) {
    case KVM_EXIT_HLT:
        v->accel->frontend->set_halted(v->state, run);
        break;
    case KVM_EXIT_INTR:
    case KVM_EXIT_IRQ_WINDOW_OPEN:
    case KVM_EXIT_SET_TPR:
        break;
    case KVM_EXIT_DEBUG:
        kvm_debug_exit(v);
        break;
    case KVM_EXIT_DIRTY_RING_FULL:
        emu_machine_lock(v->accel->machine);
        kvm_dirty_ring_collect(v->accel);
        emu_machine_unlock(v->accel->machine);
        break;
    case KVM_EXIT_IOAPIC_EOI:
        v->accel->frontend->end_of_interrupt(v->state, run->eoi.vector);
        break;
    case KVM_EXIT_SHUTDOWN:
        kvm_vcpu_fetch(v);
        kvm_vcpu_shutdown(v);
        break;
    case KVM_EXIT_SYSTEM_EVENT:
        kvm_exit_system_event(v);
        break;
    case KVM_EXIT_INTERNAL_ERROR:
        kvm_exit_internal_error(v);
        break;
    default: {
        g_autofree char *text = NULL;

        if (v->accel->frontend->handle_exit && v->accel->frontend->handle_exit(v->state, v->arch, v->fd, run)) {
            break;
        }
        text = kvm_describe_exit(run);
        kvm_vcpu_fetch(v);
        kvm_vcpu_fail(v, text);
        break;
    }
    }
}

/* ---- the loop -------------------------------------------------------------------------------------------- */

static void
kvm_vcpu_enter(KvmVcpu *v)
{
    const EmuKvmFrontend *fe = v->accel->frontend;
    int result;

    if (G_UNLIKELY(v->n_stops || v->stepping || v->watching || v->debug->steps || v->debug->trace || v->debug->skip)) {
        kvm_debug_before_run(v);
    }
    fe->before_run(v->state, v->arch, v->fd, v->run);
    /* A kick from here on sends the signal, which ends KVM_RUN; one before it is seen in this word, and KVM_RUN leaves at once. */
    __atomic_store_n(&v->inside, true, __ATOMIC_SEQ_CST);
    __atomic_store_n(&v->run->immediate_exit,
                     (uint8_t)(__atomic_load_n(&v->state->exit_request, __ATOMIC_SEQ_CST) != 0 ||
                               __atomic_load_n(&v->window.look, __ATOMIC_SEQ_CST)),
                     __ATOMIC_SEQ_CST);
    result = ioctl(v->fd, KVM_RUN, 0);
    __atomic_store_n(&v->inside, false, __ATOMIC_RELAXED);
    if (result != 0 && errno != EINTR && errno != EAGAIN) {
        g_autofree char *text = g_strdup_printf("KVM_RUN failed: %s", g_strerror(errno));

        kvm_vcpu_fetch(v);
        kvm_vcpu_fail(v, text);
        return;
    }
    v->io_pending = false;
    fe->after_run(v->state, v->arch, v->run);
    kvm_do_late_writes(v);
    if (result == 0) {
        kvm_handle_exit(v);
    }
    if (v->in_kvm && kvm_window_is_due(v) && kvm_window_search(v) == EMU_TCG_EXIT_SHUTDOWN) {
        kvm_vcpu_shutdown(v);
    }
}

/* Carries out what is done on the state itself; false when there is nothing of the kind. */
static bool
kvm_vcpu_deliver(KvmVcpu *v)
{
    const EmuKvmFrontend *fe = v->accel->frontend;
    EmuTcgState *s = v->state;
    EmuTcgExit reason = EMU_TCG_EXIT_NONE;

    if (v->shutdown) {
        return false;
    }
    if (fe->needs_state(s, v->arch) || (v->watching && !v->accel->vm.local_apics)) {
        kvm_vcpu_fetch(v);
    } else if (v->in_kvm || v->accel->vm.local_apics) {
        /* KVM delivers. */
        return false;
    }
    if (!fe->tcg->interrupt_wanted(s)) {
        return false;
    }
    emu_machine_lock(v->accel->machine);
    if (fe->tcg->interrupt_wanted(s)) {
        reason = fe->tcg->deliver_interrupt(s);
    }
    emu_machine_unlock(v->accel->machine);
    if (reason == EMU_TCG_EXIT_SHUTDOWN) {
        kvm_vcpu_shutdown(v);
    }
    return true;
}

/* True when the CPU halts and nothing wakes it. With local APICs in the kernel, halted CPUs wait there. */
static bool
kvm_vcpu_sleeps(KvmVcpu *v)
{
    if (v->shutdown || v->failed) {
        return true;
    }
    return !v->accel->vm.local_apics && EMU_CPU_GET_CLASS(v->cpu)->is_halted(v->cpu) && !v->accel->frontend->wake(v->state);
}

/* Until something wants this thread: returns with exit_request taken back. */
void
kvm_vcpu_run(KvmVcpu *v)
{
    EmuTcgState *s = v->state;
    bool kicked = false;

    kvm_running = v;
    kvm_window_begin(v);
    for (;;) {
        if (__atomic_exchange_n(&s->exit_request, 0, __ATOMIC_SEQ_CST)) {
            kicked = true;
        }
        if (kvm_vcpu_deliver(v)) {
            continue;
        }
        if (kicked) {
            if (v->in_kvm) {
                v->accel->frontend->paused(s, v->arch);
            }
            return;
        }
        if (kvm_vcpu_sleeps(v)) {
            emu_tcg_service_wait(s);
            continue;
        }
        if (G_LIKELY(!v->watching) || !kvm_debug_interpret(v)) {
            kvm_vcpu_store(v);
            if (v->in_kvm) {
                kvm_vcpu_enter(v);
            }
        }
        if (v->hit) {
            v->hit = false;
            return;
        }
    }
}

void
kvm_vcpu_kick(KvmVcpu *v)
{
    gint64 thread = emu_cpu_get_thread_id(v->cpu);

    emu_tcg_service_kick(v->state);
    __atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    if (thread > 0 && __atomic_load_n(&v->inside, __ATOMIC_SEQ_CST) && !emu_cpu_is_self(v->cpu)) {
        syscall(SYS_tgkill, getpid(), (int)thread, SIGUSR1);
    }
}

void
kvm_vcpu_reset(KvmVcpu *v)
{
    v->shutdown = false;
    v->failed = false;
    v->in_kvm = false;
    v->io_pending = false;
    emu_tcg_flush_all(v->state);
}
