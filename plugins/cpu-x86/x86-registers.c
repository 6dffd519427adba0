/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Registers by number and name, for debuggers and scripts. */

#include "x86-registers.h"

#include "x86-cpu.h"
#include "x86-interp.h"

#include <string.h>

enum {
    X86_REG_RIP = 16,
    X86_REG_EFLAGS,
    X86_REG_ES,
    X86_REG_FS_BASE = X86_REG_ES + 6,
    X86_REG_GS_BASE,
    X86_REG_KERNEL_GS_BASE,
    X86_REG_CR0,
    X86_REG_CR2,
    X86_REG_CR3,
    X86_REG_CR4,
    X86_REG_CR8,
    X86_REG_EFER,
    X86_REG_GDT_BASE,
    X86_REG_GDT_LIMIT,
    X86_REG_IDT_BASE,
    X86_REG_IDT_LIMIT,
    X86_REG_DR0,
    X86_REG_CPL = X86_REG_DR0 + 8,
    X86_REG_MXCSR,
    X86_REG_FCW,
    X86_REG_FSW,
    X86_REG_ST0,
    X86_REG_XMM0 = X86_REG_ST0 + 8,
    X86_REG_YMM0 = X86_REG_XMM0 + 16,
    X86_REG_N = X86_REG_YMM0 + 16,
};

const EmuCpuRegister x86_registers[] = {
    {"rax", "general", 8},    {"rcx", "general", 8},    {"rdx", "general", 8},     {"rbx", "general", 8},
    {"rsp", "general", 8},    {"rbp", "general", 8},    {"rsi", "general", 8},     {"rdi", "general", 8},
    {"r8", "general", 8},     {"r9", "general", 8},     {"r10", "general", 8},     {"r11", "general", 8},
    {"r12", "general", 8},    {"r13", "general", 8},    {"r14", "general", 8},     {"r15", "general", 8},
    {"rip", "general", 8},    {"eflags", "general", 4}, {"es", "segment", 2},      {"cs", "segment", 2},
    {"ss", "segment", 2},     {"ds", "segment", 2},     {"fs", "segment", 2},      {"gs", "segment", 2},
    {"fs_base", "segment", 8}, {"gs_base", "segment", 8}, {"kernel_gs_base", "segment", 8},
    {"cr0", "control", 8},    {"cr2", "control", 8},    {"cr3", "control", 8},     {"cr4", "control", 8},
    {"cr8", "control", 8},    {"efer", "control", 8},   {"gdt_base", "control", 8}, {"gdt_limit", "control", 4},
    {"idt_base", "control", 8}, {"idt_limit", "control", 4},
    {"dr0", "control", 8},    {"dr1", "control", 8},    {"dr2", "control", 8},     {"dr3", "control", 8},
    {"dr4", "control", 8},    {"dr5", "control", 8},    {"dr6", "control", 8},     {"dr7", "control", 8},
    {"cpl", "control", 1},    {"mxcsr", "float", 4},    {"fcw", "float", 2},       {"fsw", "float", 2},
    {"st0", "float", 10},     {"st1", "float", 10},     {"st2", "float", 10},      {"st3", "float", 10},
    {"st4", "float", 10},     {"st5", "float", 10},     {"st6", "float", 10},      {"st7", "float", 10},
    {"xmm0", "vector", 16},   {"xmm1", "vector", 16},   {"xmm2", "vector", 16},    {"xmm3", "vector", 16},
    {"xmm4", "vector", 16},   {"xmm5", "vector", 16},   {"xmm6", "vector", 16},    {"xmm7", "vector", 16},
    {"xmm8", "vector", 16},   {"xmm9", "vector", 16},   {"xmm10", "vector", 16},   {"xmm11", "vector", 16},
    {"xmm12", "vector", 16},  {"xmm13", "vector", 16},  {"xmm14", "vector", 16},   {"xmm15", "vector", 16},
    {"ymm0", "vector", 32},   {"ymm1", "vector", 32},   {"ymm2", "vector", 32},    {"ymm3", "vector", 32},
    {"ymm4", "vector", 32},   {"ymm5", "vector", 32},   {"ymm6", "vector", 32},    {"ymm7", "vector", 32},
    {"ymm8", "vector", 32},   {"ymm9", "vector", 32},   {"ymm10", "vector", 32},   {"ymm11", "vector", 32},
    {"ymm12", "vector", 32},  {"ymm13", "vector", 32},  {"ymm14", "vector", 32},   {"ymm15", "vector", 32},
};
const gsize x86_n_registers = G_N_ELEMENTS(x86_registers);

G_STATIC_ASSERT(G_N_ELEMENTS(x86_registers) == X86_REG_N);

/* Where a register is that lies in the state as it is; NULL: it does not. */
static void *
register_place(X86State *s, unsigned index)
{
    if (index < 16) {
        return x86_gpr(s, index);
    }
    if (index >= X86_REG_DR0 && index < X86_REG_DR0 + 8) {
        return &s->dr[index - X86_REG_DR0];
    }
    if (index >= X86_REG_ST0 && index < X86_REG_ST0 + 8) {
        return s->fx.st[index - X86_REG_ST0];
    }
    if (index >= X86_REG_XMM0 && index < X86_REG_XMM0 + 16) {
        return s->fx.xmm[index - X86_REG_XMM0];
    }
    switch (index) {
    case X86_REG_RIP:
        return &s->rip;
    case X86_REG_FS_BASE:
        return x86_seg_base(s, X86_FS);
    case X86_REG_GS_BASE:
        return x86_seg_base(s, X86_GS);
    case X86_REG_KERNEL_GS_BASE:
        return &s->kernel_gs_base;
    case X86_REG_CR0:
        return &s->cr0;
    case X86_REG_CR2:
        return &s->cr2;
    case X86_REG_CR3:
        return &s->cr3;
    case X86_REG_CR4:
        return &s->cr4;
    case X86_REG_CR8:
        return &s->cr8;
    case X86_REG_EFER:
        return &s->efer;
    case X86_REG_GDT_BASE:
        return &s->gdtr.base;
    case X86_REG_GDT_LIMIT:
        return &s->gdtr.limit;
    case X86_REG_IDT_BASE:
        return &s->idtr.base;
    case X86_REG_IDT_LIMIT:
        return &s->idtr.limit;
    case X86_REG_CPL:
        return &s->cpl;
    case X86_REG_MXCSR:
        return &s->fx.mxcsr;
    case X86_REG_FCW:
        return &s->fx.fcw;
    case X86_REG_FSW:
        return &s->fx.fsw;
    default:
        return index >= X86_REG_ES && index < X86_REG_ES + 6 ? &s->seg[index - X86_REG_ES].selector : NULL;
    }
}

void
x86_read_register(EmuCpu *base, unsigned index, void *buf)
{
    X86State *s = ((X86Cpu *)base)->state;
    void *place = register_place(s, index);

    if (place) {
        memcpy(buf, place, x86_registers[index].size);
    } else if (index == X86_REG_EFLAGS) {
        uint32_t value = x86_get_eflags(s);

        memcpy(buf, &value, sizeof(value));
    } else {
        memcpy(buf, s->fx.xmm[index - X86_REG_YMM0], 16);
        memcpy((uint8_t *)buf + 16, x86_ymm_high(s, index - X86_REG_YMM0), 16);
    }
}

/* What cannot be had by a store: modes with conditions between registers. Whoever wants those loads a saved state. */
static bool
register_is_fixed(const X86State *s, unsigned index)
{
    switch (index) {
    case X86_REG_CR0:
    case X86_REG_CR4:
    case X86_REG_EFER:
    case X86_REG_CPL:
    case X86_REG_CR8:
        return true;
    default:
        return index >= X86_REG_ES && index < X86_REG_ES + 6 && (s->cr0 & X86_CR0_PE) && !(s->eflags & X86_VM);
    }
}

bool
x86_write_register(EmuCpu *base, unsigned index, const void *buf)
{
    X86State *s = ((X86Cpu *)base)->state;
    void *place = register_place(s, index);

    if (register_is_fixed(s, index)) {
        return false;
    }
    if (index == X86_REG_MXCSR) {
        uint32_t value;

        memcpy(&value, buf, sizeof(value));
        if (value & ~s->fx.mxcsr_mask) {
            return false; /* no instruction could have put it there, and the host's does not take it */
        }
    }
    if (place) {
        memcpy(place, buf, x86_registers[index].size);
    } else if (index == X86_REG_EFLAGS) {
        uint32_t value;

        memcpy(&value, buf, sizeof(value));
        if ((value ^ x86_get_eflags(s)) & X86_VM) {
            return false;
        }
        x86_set_eflags(s, value);
    } else {
        memcpy(s->fx.xmm[index - X86_REG_YMM0], buf, 16);
        memcpy(x86_ymm_high(s, index - X86_REG_YMM0), (const uint8_t *)buf + 16, 16);
    }
    if (index >= X86_REG_ES && index < X86_REG_ES + 6) {
        *x86_seg_base(s, index - X86_REG_ES) = (uint64_t)s->seg[index - X86_REG_ES].selector << 4;
    }
    if (index == X86_REG_RIP) {
        s->halted = 0;
    }
    if (index == X86_REG_FCW || index == X86_REG_FSW) {
        s->fx.fcw = (uint16_t)((s->fx.fcw & 0x1f3f) | 0x40);
        x86_update_fsw(s);
    }
    if (index == X86_REG_CR3) {
        x86_flush_all(s);
    }
    x86_update_mode(s);
    return true;
}
