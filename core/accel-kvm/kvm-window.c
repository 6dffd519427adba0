/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Interrupts for guests that the host executes by emulation (option find-windows).
 *
 * The module kvm_pvm, which gives KVM to virtual machines without hardware help, emulates the guest's kernel mode in batches of some
 * thousand instructions, and looks for interrupts only between them. Firmware that waits by "sti; nop; pause; cli" is then
 * interrupted when a batch happens to end just there: a few times a second. Requests of low priority starve, and drivers run
 * into their time limits: SeaBIOS cannot read a floppy.
 *
 * So a vCPU that is found with interrupts disabled goes on in the reference interpreter for some hundred instructions, until it is ready for an
 * interrupt; then it enters KVM, which looks before anything else. What the interpreter had better leave to the kernel ends a search.
 * (Single steps would find the place too, but kvm_pvm leaves their marks behind: a trap flag on the stack, a second halt after one.)
 */

#include "kvm-private.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WINDOW_PERIOD_MS 2
#define WINDOW_INSNS 500
#define WINDOW_MAX_WAIT 20 /* periods between searches when nothing is found again and again */
#define LONGEST_INSN 15

static gboolean
kvm_window_look_cb(gpointer data)
{
    KvmAccel *self = data;

    for (unsigned i = 0; i < emu_machine_get_n_cpus(self->machine); i++) {
        EmuCpu *cpu = emu_machine_get_cpu(self->machine, i);
        KvmVcpu *v = cpu ? emu_cpu_get_accel_data(cpu) : NULL;
        gint64 thread = cpu ? emu_cpu_get_thread_id(cpu) : 0;

        if (v && thread > 0 && __atomic_load_n(&v->inside, __ATOMIC_SEQ_CST) && ++v->window.waited >= v->window.wait) {
            v->window.waited = 0;
            __atomic_store_n(&v->window.look, true, __ATOMIC_SEQ_CST);
            syscall(SYS_tgkill, getpid(), (int)thread, SIGUSR1);
        }
    }
    return G_SOURCE_CONTINUE;
}

/* The reference interpreter executes the next instruction as well as the kernel does. */
static bool
kvm_window_may_interpret(KvmVcpu *v)
{
    const EmuKvmFrontend *fe = v->accel->frontend;
    uint8_t code[LONGEST_INSN];

    return emu_cpu_read_debug(v->cpu, fe->tcg->get_pc(v->state), code, sizeof(code)) &&
           fe->is_private(code, sizeof(code), !v->accel->vm.chips);
}

/* A CPU that waits to be started is halted too. */
static bool
kvm_window_is_ready(KvmVcpu *v)
{
    return EMU_CPU_GET_CLASS(v->cpu)->is_halted(v->cpu) || v->accel->frontend->takes_interrupts(v->state);
}

EmuTcgExit
kvm_window_search(KvmVcpu *v)
{
    const EmuKvmFrontend *fe = v->accel->frontend;
    EmuTcgExit reason = EMU_TCG_EXIT_NONE;
    bool ready;

    kvm_vcpu_fetch(v);
    ready = kvm_window_is_ready(v);
    for (unsigned i = 0; i < WINDOW_INSNS && !ready && reason == EMU_TCG_EXIT_NONE && kvm_window_may_interpret(v); i++) {
        unsigned executed = 0;

        reason = fe->tcg->interp(v->state, 1, &executed);
        v->counts.interpreted += executed;
        ready = kvm_window_is_ready(v);
    }
    v->window.wait = ready ? 1 : MIN(v->window.wait * 2, WINDOW_MAX_WAIT);
    return reason;
}

/* It halts or waits to be started inside KVM: there is nothing to find. */
static bool
kvm_window_waits_inside(KvmVcpu *v)
{
    struct kvm_mp_state mp;

    return v->accel->vm.local_apics && (ioctl(v->fd, KVM_GET_MP_STATE, &mp) != 0 || mp.mp_state != KVM_MP_STATE_RUNNABLE);
}

/* After an exit, registers in KVM. */
bool
kvm_window_is_due(KvmVcpu *v)
{
    if (G_LIKELY(!__atomic_load_n(&v->window.look, __ATOMIC_RELAXED))) {
        return false;
    }
    __atomic_store_n(&v->window.look, false, __ATOMIC_SEQ_CST);
    /* Breakpoints are the kernel's to see. */
    return !v->run->if_flag && !v->n_stops && !v->stepping && !v->debug->steps && !v->debug->trace &&
           v->accel->frontend->takes_interrupts && !kvm_window_waits_inside(v);
}

void
kvm_window_init(KvmAccel *self)
{
    GSource *source;

    if (self->find_windows == KVM_AUTO) {
        self->find_windows = g_file_test("/sys/module/kvm_pvm", G_FILE_TEST_IS_DIR) ? KVM_ON : KVM_OFF;
    }
    if (self->find_windows == KVM_ON) {
        source = g_timeout_source_new(WINDOW_PERIOD_MS);
        g_source_set_callback(source, kvm_window_look_cb, self, NULL);
        self->window_timer = g_source_attach(source, emu_context_get_main_context(emu_machine_get_context(self->machine)));
        g_source_unref(source);
    }
}

void
kvm_window_finish(KvmAccel *self)
{
    GSource *source = self->window_timer ? g_main_context_find_source_by_id(
                                               emu_context_get_main_context(emu_machine_get_context(self->machine)), self->window_timer)
                                         : NULL;

    if (source) {
        g_source_destroy(source);
    }
    self->window_timer = 0;
}
