/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "oracle-native.h"

/* ---- the guest's memory ---- */

static bool
guest_fault(EmuTcgState *tcg, uint64_t address, bool write, bool present)
{
    X86State *s = (X86State *)tcg;

    s->exception = X86_EXC_PF;
    s->has_error_code = 1;
    s->error_code = 4 | (write ? 2 : 0) | (present ? 1 : 0);
    s->exception_cr2 = address;
    return false;
}

static bool
guest_check(EmuTcgState *tcg, uint64_t address, unsigned size, bool write)
{
    for (uint64_t a = address; a - address < size; a = (a | 0xfff) + 1) {
        if (a >= ARENA && a < ARENA + ARENA_SIZE) {
            continue;
        }
        if (a >= CODE && a < CODE + CODE_SIZE) {
            if (write) {
                return guest_fault(tcg, a, write, true);
            }
            continue;
        }
        return guest_fault(tcg, a, write, false);
    }
    return true;
}

bool
emu_tcg_read(EmuTcgState *s, uint64_t vaddr, void *dst, unsigned size, unsigned mmu_mode)
{
    if (!guest_check(s, vaddr, size, false)) {
        return false;
    }
    memcpy(dst, (void *)(uintptr_t)vaddr, size);
    return true;
}

bool
emu_tcg_write(EmuTcgState *s, uint64_t vaddr, const void *src, unsigned size, unsigned mmu_mode)
{
    if (!guest_check(s, vaddr, size, true)) {
        return false;
    }
    memcpy((void *)(uintptr_t)vaddr, src, size);
    return true;
}

unsigned
emu_tcg_fetch(EmuTcgState *s, uint64_t vaddr, void *dst, unsigned size)
{
    return emu_tcg_read(s, vaddr, dst, size, 0) ? size : 0;
}

void *
emu_tcg_host_pointer(EmuTcgState *s, uint64_t vaddr, unsigned size, EmuTcgAccess access,
                     unsigned mmu_mode, bool *fault)
{
    *fault = !guest_check(s, vaddr, size, access == EMU_TCG_WRITE);
    if (*fault || (vaddr & 0xfff) + size > 0x1000) {
        return NULL;
    }
    return (void *)(uintptr_t)vaddr;
}

uint64_t
emu_tcg_phys_load(EmuTcgState *s, uint64_t phys, unsigned size)
{
    return 0;
}

bool
emu_tcg_phys_cas(EmuTcgState *s, uint64_t phys, uint64_t expected, uint64_t desired, unsigned size)
{
    return true;
}

uint64_t
emu_tcg_port_in(EmuTcgState *s, uint32_t port, unsigned size)
{
    return 0;
}

void
emu_tcg_port_out(EmuTcgState *s, uint32_t port, uint64_t value, unsigned size)
{
}

/* ---- native execution ---- */

static const void *trap_resume; /* of the interpreter's own exceptions */
static uint32_t *trap_mxcsr;

void
emu_tcg_set_fp_trap(const void *resume, uint32_t *mxcsr)
{
    trap_resume = resume;
    trap_mxcsr = mxcsr;
}

struct OracleEntry oracle_entry __attribute__((used));

void oracle_back(void);

__asm__(".text\n"
        ".globl oracle_run\n"
        "oracle_run:\n"
        "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
        "  sub $8, %rsp\n"
        "  lea oracle_entry(%rip), %r15\n"
        "  mov %rsp, 160(%r15)\n"
        "  fxrstor64 192(%r15)\n"
        "  cmpl $0, 168(%r15)\n  je 1f\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "  vinsertf128 $1, (704 + 16 * \\n)(%r15), %ymm\\n, %ymm\\n\n"
        ".endr\n"
        "1:\n"
        "  mov 152(%r15), %eax\n  mov %eax, %ds\n  mov %eax, %es\n"
        /* an IRET frame: SS, RSP, RFLAGS, CS, RIP */
        "  mov %ss, %eax\n  push %rax\n"
        "  pushq 32(%r15)\n"
        "  pushq 128(%r15)\n"
        "  pushq 144(%r15)\n"
        "  pushq 136(%r15)\n"
        "  mov 0(%r15), %rax\n  mov 8(%r15), %rcx\n  mov 16(%r15), %rdx\n  mov 24(%r15), %rbx\n"
        "  mov 40(%r15), %rbp\n  mov 48(%r15), %rsi\n  mov 56(%r15), %rdi\n"
        "  mov 64(%r15), %r8\n  mov 72(%r15), %r9\n  mov 80(%r15), %r10\n  mov 88(%r15), %r11\n"
        "  mov 96(%r15), %r12\n  mov 104(%r15), %r13\n  mov 112(%r15), %r14\n"
        "  mov 120(%r15), %r15\n"
        "  iretq\n"
        ".globl oracle_back\n"
        "oracle_back:\n"
        "  fninit\n"
        "  cld\n"
        "  mov $0, %eax\n  mov %eax, %ds\n  mov %eax, %es\n"
        "  add $8, %rsp\n"
        "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"
        "  ret\n");

Cpu native;
uint8_t current_bytes[16];
uint8_t *code_view;
volatile sig_atomic_t native_running;

static void
on_signal(int sig, siginfo_t *info, void *context)
{
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};
    ucontext_t *uc = context;
    greg_t *g = uc->uc_mcontext.gregs;

    if (!native_running && sig == SIGFPE && trap_resume) {
        *trap_mxcsr = uc->uc_mcontext.fpregs->mxcsr;
        g[REG_RIP] = (greg_t)(uintptr_t)trap_resume;
        trap_resume = NULL;
        return;
    }
    if (!native_running) {
        /* a defect of the interpreter or of this test: name the instruction */
        fprintf(stderr, "signal %d at %p, code", sig, (void *)(uintptr_t)g[REG_RIP]);
        for (unsigned i = 0; i < 15; i++) {
            fprintf(stderr, " %02x", current_bytes[i]);
        }
        fprintf(stderr, "\n");
        signal(sig, SIG_DFL);
        return;
    }
    for (unsigned i = 0; i < 16; i++) {
        native.gpr[i] = (uint64_t)g[order[i]];
    }
    native.rip = (uint64_t)g[REG_RIP];
    native.eflags = (uint32_t)g[REG_EFL];
    memcpy(&native.fx, uc->uc_mcontext.fpregs, 512);
    if (oracle_entry.has_avx) {
        const uint8_t *image = (const uint8_t *)uc->uc_mcontext.fpregs;

        memset(native.high, 0, sizeof(native.high));
        if (image[512] & 4) {
            memcpy(native.high, image + X86_XSAVE_YMM_HIGH, 256);
        }
    }
    native.vector = (int)g[REG_TRAPNO];
    native.error = (uint32_t)g[REG_ERR];
    native.cr2 = (uint64_t)g[REG_CR2];

    g[REG_RIP] = (greg_t)(uintptr_t)oracle_back;
    g[REG_RSP] = (greg_t)oracle_entry.host_rsp;
    g[REG_EFL] = 0x202;
    /* CS 0x33, SS 0x2b: 64-bit user code */
    g[REG_CSGSFS] = (greg_t)(((uint64_t)g[REG_CSGSFS] & UINT64_C(0x0000ffffffff0000)) | 0x33 |
                             UINT64_C(0x002b000000000000));
    ((X86Fxsave *)uc->uc_mcontext.fpregs)->mxcsr = 0x1f80;
    native_running = 0;
}

void
native_run(const Cpu *in, const Mode *mode)
{
    memcpy(oracle_entry.gpr, in->gpr, sizeof(in->gpr));
    oracle_entry.eflags = in->eflags;
    oracle_entry.rip = in->rip - mode->cs_base;
    oracle_entry.cs = mode->cs;
    oracle_entry.ds = mode->ds;
    oracle_entry.fx = in->fx;
    oracle_entry.fx.mxcsr_mask = 0;
    memcpy(oracle_entry.high, in->high, 256);
    native_running = 1;
    oracle_run();
    native.rip += mode->cs_base;
    if (native.vector == 3) {
        native.vector = -1;
        native.rip--;
    }
}

void
native_setup(void)
{
    static char stack[65536];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static const int signals[] = {SIGSEGV, SIGILL, SIGTRAP, SIGFPE, SIGBUS};
    void *p;
    int fd;

    p = mmap((void *)ARENA, ARENA_SIZE, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    g_assert_true(p == (void *)ARENA);
    /* Two views of the code: the guest's cannot be written. */
    fd = memfd_create("code", MFD_CLOEXEC);
    g_assert_cmpint(ftruncate(fd, CODE_SIZE), ==, 0);
    p = mmap((void *)CODE, CODE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, fd,
             0);
    g_assert_true(p == (void *)CODE);
    code_view = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(code_view != MAP_FAILED);
    memset(code_view, 0xcc, CODE_SIZE);

    sigaltstack(&ss, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++) {
        sigaction(signals[i], &sa, NULL);
    }
}
