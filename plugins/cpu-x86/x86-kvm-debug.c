/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Debuggers' stops under KVM: the processor's debug registers, and which instructions touch memory where these do not help. */

#include "x86-kvm.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

/* DR7 (SDM 3B 17.2.4) */
#define DR7_GLOBAL(i) (2u << 2 * (i))
#define DR7_GE (1u << 9)
#define DR7_RESERVED_ONE (1u << 10)
#define DR7_WRITE(i) (1u << (16 + 4 * (i)))
#define DR7_ACCESS(i) (3u << (16 + 4 * (i)))
#define DR7_LENGTH_SHIFT(i) (18 + 4 * (i))

/* The processor's own breakpoints serve the debugger; the guest's wait meanwhile. */
bool
x86_kvm_set_debug(EmuTcgState *tcg G_GNUC_UNUSED, int fd, const EmuKvmStop *stops, unsigned n, bool single_step)
{
    /* Lengths 1, 2, 4 and 8 as DR7 says them. */
    static const uint8_t lengths[9] = {[1] = 0, [2] = 1, [4] = 3, [8] = 2};
    struct kvm_guest_debug debug = {0};

    if (n > EMU_KVM_MAX_STOPS) {
        return false;
    }
    if (n || single_step) {
        debug.control = KVM_GUESTDBG_ENABLE | (single_step ? KVM_GUESTDBG_SINGLESTEP : 0) | (n ? KVM_GUESTDBG_USE_HW_BP : 0);
        debug.arch.debugreg[7] = DR7_GE | DR7_RESERVED_ONE;
    }
    for (unsigned i = 0; i < n; i++) {
        debug.arch.debugreg[i] = stops[i].addr;
        debug.arch.debugreg[7] |= DR7_GLOBAL(i);
        if (stops[i].size) {
            debug.arch.debugreg[7] |= (stops[i].reads ? DR7_ACCESS(i) : DR7_WRITE(i)) |
                                      (uint32_t)lengths[MIN(stops[i].size, 8)] << DR7_LENGTH_SHIFT(i);
        }
    }
    return ioctl(fd, KVM_SET_GUEST_DEBUG, &debug) == 0;
}

#define DR6_SINGLE_STEP (1u << 14)

uint64_t
x86_kvm_describe_stop(struct kvm_run *run, uint32_t *stops, bool *stepped)
{
    *stops = (uint32_t)run->debug.arch.dr6 & 15;
    *stepped = run->debug.arch.dr6 & DR6_SINGLE_STEP;
    return run->debug.arch.pc;
}

/* A host without VMX and SVM has a KVM that executes the guest's kernel in software, which does not look at data breakpoints. */
bool
x86_kvm_sees_accesses(void)
{
#if defined(__x86_64__) || defined(__i386__)
    unsigned a, b, c, d;

    return (__get_cpuid(1, &a, &b, &c, &d) && (c & 1u << 5)) || (__get_cpuid(0x80000001, &a, &b, &c, &d) && (c & 1u << 2));
#else
    return false;
#endif
}

static bool
read_code(EmuTcgState *tcg, int fd, uint64_t address, uint8_t *byte)
{
    struct kvm_translation translation = {.linear_address = address};

    return ioctl(fd, KVM_TRANSLATE, &translation) == 0 && translation.valid &&
           emu_address_space_read(emu_cpu_get_memory_as(EMU_CPU(((X86State *)tcg)->owner)), translation.physical_address, byte, 1,
                                  EMU_MEM_ATTRS_NONE) == EMU_MEM_OK;
}

/* KVM's emulator is behind the instruction when it leaves for a write; of OUT it can be told how long it was. */
uint64_t
x86_kvm_read_pc(EmuTcgState *tcg, int fd, struct kvm_run *run)
{
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    uint8_t byte;
    uint64_t pc;

    if (ioctl(fd, KVM_GET_REGS, &regs) != 0 || ioctl(fd, KVM_GET_SREGS, &sregs) != 0) {
        return 0;
    }
    pc = sregs.cs.l ? regs.rip : (uint32_t)(sregs.cs.base + regs.rip);
    if (run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_OUT && !x86_kvm_sees_accesses()) {
        if (read_code(tcg, fd, pc - 2, &byte) && (byte & 0xfe) == 0xe6 && read_code(tcg, fd, pc - 1, &byte) && byte == run->io.port) {
            pc -= 2;
        } else if (read_code(tcg, fd, pc - 1, &byte) && (byte & 0xfe) == 0xee) {
            pc -= 1;
        }
    }
    return pc;
}

/* A ModRM byte that names memory. */
static bool
modrm_is_memory(const uint8_t *code, const uint8_t *end)
{
    return code >= end || *code >> 6 != 3;
}

static bool
may_access_0f(const uint8_t *code, const uint8_t *end)
{
    uint8_t op = code < end ? *code++ : 0;

    switch (op) {
    case 0x05: /* SYSCALL */
    case 0x06: /* CLTS */
    case 0x07: /* SYSRET */
    case 0x08:
    case 0x09: /* INVD, WBINVD */
    case 0x0b: /* UD2 */
    case 0x18 ... 0x1f: /* hints */
    case 0x20 ... 0x23: /* MOV CR, DR */
    case 0x30 ... 0x33: /* MSRs, counters */
    case 0x80 ... 0x8f: /* Jcc */
    case 0xa2:          /* CPUID */
    case 0xc8 ... 0xcf: /* BSWAP */
        return false;
    case 0x40 ... 0x4f: /* CMOVcc */
    case 0x90 ... 0x9f: /* SETcc */
    case 0xa3 ... 0xa5:
    case 0xab ... 0xad:
    case 0xaf ... 0xb1:
    case 0xb3:
    case 0xb6 ... 0xb8:
    case 0xba ... 0xbf:
    case 0xc0:
    case 0xc1:
        return modrm_is_memory(code, end);
    default:
        return true;
    }
}

/*
 * Of an instruction that is not known here it is said that it may: the interpreter executes it then, which is right in any
 * case. Ports and what else other chips in the kernel take part in must not.
 */
bool
x86_kvm_may_access(EmuTcgState *s, const uint8_t *code, unsigned n)
{
    const uint8_t *end = code + n;
    uint8_t op;

    while (code < end && (*code == 0x26 || *code == 0x2e || *code == 0x36 || *code == 0x3e || (*code >= 0x64 && *code <= 0x67) ||
                          *code == 0xf2 || *code == 0xf3)) {
        code++;
    }
    if (code < end && (*code & 0xf0) == 0x40) {
        if ((s->mode_key & X86_MODE_CODE_MASK) != X86_MODE_CODE64) {
            return false; /* INC, DEC */
        }
        code++;
    }
    if (code >= end) {
        return true;
    }
    op = *code++;
    if (op == 0x0f) {
        return may_access_0f(code, end);
    }
    if (op < 0x40) {
        return (op & 7) > 5 || ((op & 7) < 4 && modrm_is_memory(code, end));
    }
    switch (op) {
    case 0x70 ... 0x7f: /* Jcc */
    case 0x8d:          /* LEA */
    case 0x90 ... 0x99: /* XCHG, CBW, CWD */
    case 0x9e:
    case 0x9f: /* SAHF, LAHF */
    case 0xa8:
    case 0xa9:          /* TEST */
    case 0xb0 ... 0xbf: /* MOV */
    case 0xd4 ... 0xd6:
    case 0xe0 ... 0xe7: /* LOOP, IN, OUT */
    case 0xe9:
    case 0xeb:          /* JMP */
    case 0xec ... 0xef: /* IN, OUT */
    case 0xf4:
    case 0xf5:
    case 0xf8 ... 0xfd: /* flags */
        return false;
    case 0x63:
    case 0x69:
    case 0x6b:
    case 0x80 ... 0x8b:
    case 0x8c:
    case 0xc0:
    case 0xc1:
    case 0xc6:
    case 0xc7:
    case 0xd0 ... 0xd3:
    case 0xf6:
    case 0xf7:
    case 0xfe:
        return modrm_is_memory(code, end);
    case 0xff:
        return modrm_is_memory(code, end) || ((*code >> 3 & 7) > 1 && (*code >> 3 & 7) != 4);
    default:
        return true;
    }
}
