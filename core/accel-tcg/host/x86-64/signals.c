/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Faults of translated code (SIGSEGV, SIGBUS, SIGFPE): the instruction's stub takes over.
 *
 * While translated code runs, rsp is the state of the vCPU; a fault anywhere else goes to whoever had
 * the signal before us.
 */

#include "x64-private.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#define ALT_STACK_SIZE (64u * 1024)

static uintptr_t (*signal_resolve)(EmuTcgState *s, uintptr_t pc, bool *eflags);
static struct sigaction signal_old[3];
static __thread EmuTcgState *signal_state;
static __thread void *signal_stack;
static __thread const void *fp_trap_resume;
static __thread uint32_t *fp_trap_mxcsr;

static struct sigaction *
signal_old_of(int sig)
{
    return &signal_old[sig == SIGSEGV ? 0 : sig == SIGBUS ? 1 : 2];
}

static void
signal_handler(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    greg_t *regs = uc->uc_mcontext.gregs;

    if (sig == SIGFPE && fp_trap_resume != NULL) {
        *fp_trap_mxcsr = uc->uc_mcontext.fpregs->mxcsr;
        regs[REG_RIP] = (greg_t)(uintptr_t)fp_trap_resume;
        fp_trap_resume = NULL;
        return;
    }
    if (signal_state != NULL && signal_resolve != NULL && (uintptr_t)regs[REG_RSP] == (uintptr_t)signal_state) {
        bool eflags = false;
        uintptr_t target = signal_resolve(signal_state, (uintptr_t)regs[REG_RIP], &eflags);

        if (target != 0) {
            if (eflags) {
                uint8_t *image = (uint8_t *)signal_state + X64_ST_IMAGE;

                image[0] = regs[REG_EFL] >> 11 & 1;
                image[1] = (regs[REG_EFL] & 0xd5) | 2;
            }
            regs[REG_RIP] = (greg_t)target;
            return;
        }
    }

    struct sigaction *old = signal_old_of(sig);

    if ((old->sa_flags & SA_SIGINFO) && old->sa_sigaction != NULL) {
        old->sa_sigaction(sig, info, context);
    } else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
        old->sa_handler(sig);
    } else {
        /* Returning repeats the fault under the default action. */
        signal(sig, SIG_DFL);
    }
}

void
tcg_host_install_signals(uintptr_t (*resolve)(EmuTcgState *s, uintptr_t pc, bool *eflags))
{
    static gsize done;

    if (resolve != NULL) {
        signal_resolve = resolve;
    }
    if (g_once_init_enter(&done)) {
        struct sigaction sa = {.sa_sigaction = signal_handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};

        sigemptyset(&sa.sa_mask);
        sigaction(SIGSEGV, &sa, &signal_old[0]);
        sigaction(SIGBUS, &sa, &signal_old[1]);
        sigaction(SIGFPE, &sa, &signal_old[2]);
        g_once_init_leave(&done, 1);
    }
}

void
emu_tcg_set_fp_trap(const void *resume, uint32_t *mxcsr)
{
    if (resume != NULL) {
        tcg_host_install_signals(NULL);
    }
    fp_trap_mxcsr = mxcsr;
    fp_trap_resume = resume;
}

void
tcg_host_thread_init(EmuTcgState *s)
{
    if (signal_stack == NULL) {
        signal_stack = mmap(NULL, ALT_STACK_SIZE, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (signal_stack == MAP_FAILED) {
            g_error("cannot allocate a signal stack");
        }

        stack_t ss = {.ss_sp = signal_stack, .ss_size = ALT_STACK_SIZE};

        sigaltstack(&ss, NULL);
    }
    signal_state = s;
}

void
tcg_host_thread_finish(void)
{
    if (signal_stack != NULL) {
        stack_t ss = {.ss_flags = SS_DISABLE};

        sigaltstack(&ss, NULL);
        munmap(signal_stack, ALT_STACK_SIZE);
        signal_stack = NULL;
    }
    signal_state = NULL;
}
