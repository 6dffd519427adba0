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

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WINDOW_INSNS 500
#define WINDOW_WAIT 5      /* ms between looks at a vCPU that takes interrupts */
#define WINDOW_MAX_WAIT 20 /* ms between searches when nothing is found again and again */
#define LONGEST_INSN 15

/* In so much of the thread's own time it gets the signal: a vCPU that halts, or a busy host, makes no difference. */
static void
kvm_window_arm(KvmVcpu *v, unsigned ms)
{
    struct itimerspec when = {.it_value = {.tv_nsec = ms * 1000000L}};

    timer_settime(v->window.timer, 0, &when, NULL);
}

/*
 * The kernel's 8254 keeps account of the ticks that the guest missed, and gives one at each end of interrupt until it has them all. Where
 * windows are rare, no request of lower priority comes through before that.
 */
static void
kvm_window_forget_ticks(KvmAccel *self)
{
    struct kvm_reinject_control control = {.pit_reinject = 0};

    if (self->vm.chips && ioctl(self->vm.vm_fd, KVM_REINJECT_CONTROL, &control) != 0 && errno != ENXIO) {
        emu_unimp("kvm: missed ticks will be made up for: %s", g_strerror(errno));
    }
}

void
kvm_window_begin(KvmVcpu *v)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};

    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    if (v->accel->find_windows == KVM_ON && !v->window.has_timer && v->accel->frontend->takes_interrupts &&
        timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &v->window.timer) == 0) {
        v->window.has_timer = true;
        kvm_window_forget_ticks(v->accel);
        kvm_window_arm(v, v->window.wait);
    }
}

void
kvm_window_end(KvmVcpu *v)
{
    if (v->window.has_timer) {
        timer_delete(v->window.timer);
        v->window.has_timer = false;
    }
}

/* The reference interpreter executes the next instruction as well as the kernel does. */
static bool
kvm_window_may_interpret(KvmVcpu *v)
{
    const EmuKvmFrontend *fe = v->accel->frontend;
    uint8_t code[LONGEST_INSN];
    bool there;

    emu_machine_lock(v->accel->machine);
    there = emu_cpu_read_debug(v->cpu, fe->tcg->get_pc(v->state), code, sizeof(code));
    emu_machine_unlock(v->accel->machine);
    return there && fe->is_private(code, sizeof(code), !v->accel->vm.chips);
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
    bool ready, goes_on = true;

    kvm_vcpu_fetch(v);
    ready = kvm_window_is_ready(v);
    for (unsigned i = 0; i < WINDOW_INSNS && !ready && goes_on && reason == EMU_TCG_EXIT_NONE && kvm_window_may_interpret(v); i++) {
        unsigned executed = 0;

        reason = fe->interpret(v->state, v->arch, 1, false, &executed);
        goes_on = executed != 0;
        v->counts.interpreted += executed;
        ready = kvm_window_is_ready(v);
    }
    v->window.wait = ready ? 1 : MIN(v->window.wait * 2, WINDOW_MAX_WAIT);
    kvm_window_arm(v, v->window.wait);
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
    if (!v->run->if_flag && !v->n_stops && !v->stepping && !v->watching && !v->debug->steps && !v->debug->trace && !kvm_window_waits_inside(v)) {
        return true;
    }
    kvm_window_arm(v, WINDOW_WAIT);
    return false;
}

void
kvm_window_init(KvmAccel *self)
{
    if (self->find_windows == KVM_AUTO) {
        self->find_windows = g_file_test("/sys/module/kvm_pvm", G_FILE_TEST_IS_DIR) ? KVM_ON : KVM_OFF;
    }
}
