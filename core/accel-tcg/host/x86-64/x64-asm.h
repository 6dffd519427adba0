/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An x86-64 assembler as small as the emitter needs it.  Encodings: APM volume 3, chapter 1. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    X64_RAX, X64_RCX, X64_RDX, X64_RBX, X64_RSP, X64_RBP, X64_RSI, X64_RDI,
    X64_R8, X64_R9, X64_R10, X64_R11, X64_R12, X64_R13, X64_R14, X64_R15,
    /* ah, ch, dh, bh: only in byte operations that need no REX prefix */
    X64_AH = 20, X64_CH, X64_DH, X64_BH,
    X64_NONE = 0xff,
};

/* A register or a memory operand. */
typedef struct {
    uint8_t reg;   /* X64_NONE: memory */
    uint8_t base;  /* X64_NONE: absolute is not supported */
    uint8_t index; /* X64_NONE: none */
    uint8_t scale;
    int32_t disp;
} X64Rm;

typedef struct {
    uint8_t *p, *end;
    ptrdiff_t exec_delta; /* address where it runs - address where it is written */
    bool overflow;
} X64Asm;

static inline X64Rm
x64_reg(unsigned reg)
{
    return (X64Rm){.reg = reg, .base = X64_NONE, .index = X64_NONE};
}

static inline X64Rm
x64_mem(unsigned base, int32_t disp)
{
    return (X64Rm){.reg = X64_NONE, .base = base, .index = X64_NONE, .disp = disp};
}

static inline X64Rm
x64_mem_index(unsigned base, unsigned index, unsigned scale, int32_t disp)
{
    return (X64Rm){.reg = X64_NONE, .base = base, .index = index, .scale = scale, .disp = disp};
}

static inline void
x64_byte(X64Asm *a, unsigned byte)
{
    *a->p++ = byte;
}

static inline void
x64_u32(X64Asm *a, uint32_t v)
{
    memcpy(a->p, &v, 4);
    a->p += 4;
}

static inline void
x64_u64(X64Asm *a, uint64_t v)
{
    memcpy(a->p, &v, 8);
    a->p += 8;
}

/* Checked once per op: one op never emits more than this. */
#define X64_MARGIN 512

static inline bool
x64_has_room(X64Asm *a)
{
    if (a->end - a->p < X64_MARGIN) {
        a->overflow = true;
        return false;
    }
    return true;
}

enum { X64_BYTE_REG = 1, X64_BYTE_RM = 2 };

/*
 * [66] [REX] opcode modrm.  @opcode: 1 to 3 bytes, most significant first.  @size: operand size in
 * bytes.  @bytes: which operands are byte registers (spl ... dil need a REX prefix). Inlined, because most callers know
 * most of these: a tenth of translation time.
 */
static inline __attribute__((always_inline)) void
x64_op_bytes(X64Asm *a, unsigned size, unsigned opcode, unsigned reg, X64Rm rm, unsigned bytes)
{
    uint8_t *p = a->p; /* kept in a register: a byte stored through it could be a->p for all the compiler knows */
    unsigned rex = size == 8 ? 0x48 : 0, r = reg, b = rm.reg;

    if (size == 2) {
        *p++ = 0x66;
    }
    if ((bytes & X64_BYTE_REG) && r - 4 < 4) {
        rex |= 0x40;
    }
    if (r >= X64_AH) {
        r -= 16;
    } else if (r >= 8) {
        rex |= 0x44;
    }
    if (b != X64_NONE) {
        if ((bytes & X64_BYTE_RM) && b - 4 < 4) {
            rex |= 0x40;
        }
        if (b >= X64_AH) {
            b -= 16;
        } else if (b >= 8) {
            rex |= 0x41;
        }
    } else {
        rex |= rm.base >= 8 ? 0x41 : 0;
        rex |= rm.index != X64_NONE && rm.index >= 8 ? 0x42 : 0;
    }
    if (rex != 0) {
        *p++ = (uint8_t)rex;
    }
    if (opcode > 0xff) {
        if (opcode > 0xffff) {
            *p++ = (uint8_t)(opcode >> 16);
        }
        *p++ = (uint8_t)(opcode >> 8);
    }
    *p++ = (uint8_t)opcode;

    r = (r & 7) << 3;
    if (rm.reg != X64_NONE) {
        *p++ = (uint8_t)(0xc0 | r | (b & 7));
        a->p = p;
        return;
    }

    bool short_disp = rm.disp == (int8_t)rm.disp;
    unsigned mod = rm.disp == 0 && (rm.base & 7) != 5 ? 0 : short_disp ? 0x40 : 0x80;

    if (rm.index != X64_NONE || (rm.base & 7) == 4) {
        unsigned index = rm.index != X64_NONE ? rm.index & 7u : 4u;

        *p++ = (uint8_t)(mod | r | 4);
        *p++ = (uint8_t)((unsigned)rm.scale << 6 | index << 3 | (rm.base & 7));
    } else {
        *p++ = (uint8_t)(mod | r | (rm.base & 7));
    }
    /* All four bytes are written in any case; there is room (X64_MARGIN), and what follows overwrites them. */
    memcpy(p, &rm.disp, 4);
    a->p = p + (mod == 0 ? 0 : mod == 0x40 ? 1 : 4);
}

static inline void
x64_op(X64Asm *a, unsigned size, unsigned opcode, unsigned reg, X64Rm rm)
{
    x64_op_bytes(a, size, opcode, reg, rm, size == 1 ? X64_BYTE_REG | X64_BYTE_RM : 0);
}

/* An opcode whose reg field is a digit of the opcode. */
static inline void
x64_group(X64Asm *a, unsigned size, unsigned opcode, unsigned digit, X64Rm rm)
{
    x64_op_bytes(a, size, opcode, digit, rm, size == 1 ? X64_BYTE_RM : 0);
}

/* mov reg, rm */
static inline void
x64_mov_load(X64Asm *a, unsigned size, unsigned reg, X64Rm rm)
{
    x64_op(a, size, size == 1 ? 0x8a : 0x8b, reg, rm);
}

/* mov rm, reg */
static inline void
x64_mov_store(X64Asm *a, unsigned size, X64Rm rm, unsigned reg)
{
    x64_op(a, size, size == 1 ? 0x88 : 0x89, reg, rm);
}

static inline void
x64_mov_rr(X64Asm *a, unsigned size, unsigned dst, unsigned src)
{
    if (dst != src || size == 4) {
        x64_mov_load(a, size, dst, x64_reg(src));
    }
}

/* Leaves EFLAGS alone. */
static inline void
x64_mov_imm(X64Asm *a, unsigned reg, uint64_t value)
{
    if (value <= UINT32_MAX) {
        if (reg >= 8) {
            x64_byte(a, 0x41);
        }
        x64_byte(a, 0xb8 + (reg & 7));
        x64_u32(a, (uint32_t)value);
    } else if ((int64_t)value == (int32_t)value) {
        x64_op(a, 8, 0xc7, 0, x64_reg(reg));
        x64_u32(a, (uint32_t)value);
    } else {
        x64_byte(a, reg >= 8 ? 0x49 : 0x48);
        x64_byte(a, 0xb8 + (reg & 7));
        x64_u64(a, value);
    }
}

static inline void
x64_imm(X64Asm *a, unsigned size, int64_t imm)
{
    if (size == 1) {
        x64_byte(a, imm & 0xff);
    } else if (size == 2) {
        x64_byte(a, imm & 0xff);
        x64_byte(a, imm >> 8 & 0xff);
    } else {
        x64_u32(a, (uint32_t)imm);
    }
}

/* mov rm, imm (sign-extended 32 bits for size 8) */
static inline void
x64_mov_store_imm(X64Asm *a, unsigned size, X64Rm rm, int64_t imm)
{
    x64_group(a, size, size == 1 ? 0xc6 : 0xc7, 0, rm);
    x64_imm(a, size, imm);
}

enum { X64_ADD, X64_OR, X64_ADC, X64_SBB, X64_AND, X64_SUB, X64_XOR, X64_CMP };

static inline void
x64_alu_load(X64Asm *a, unsigned alu, unsigned size, unsigned reg, X64Rm rm)
{
    x64_op(a, size, alu << 3 | (size == 1 ? 2 : 3), reg, rm);
}

static inline void
x64_alu_store(X64Asm *a, unsigned alu, unsigned size, X64Rm rm, unsigned reg)
{
    x64_op(a, size, alu << 3 | (size == 1 ? 0 : 1), reg, rm);
}

static inline void
x64_alu_imm(X64Asm *a, unsigned alu, unsigned size, X64Rm rm, int64_t imm)
{
    if (size == 1) {
        x64_group(a, 1, 0x80, alu, rm);
        x64_byte(a, imm & 0xff);
    } else if (imm >= -128 && imm < 128) {
        x64_group(a, size, 0x83, alu, rm);
        x64_byte(a, imm & 0xff);
    } else {
        x64_group(a, size, 0x81, alu, rm);
        x64_imm(a, size, imm);
    }
}

static inline void
x64_lea(X64Asm *a, unsigned size, unsigned reg, X64Rm rm)
{
    x64_op(a, size, 0x8d, reg, rm);
}

static inline void
x64_movzx(X64Asm *a, unsigned from, unsigned reg, X64Rm rm)
{
    x64_op_bytes(a, 4, from == 1 ? 0x0fb6 : 0x0fb7, reg, rm, from == 1 ? X64_BYTE_RM : 0);
}

static inline void
x64_movsx(X64Asm *a, unsigned to, unsigned from, unsigned reg, X64Rm rm)
{
    if (from == 4) {
        x64_op(a, to, 0x63, reg, rm);
    } else {
        x64_op_bytes(a, to, from == 1 ? 0x0fbe : 0x0fbf, reg, rm, from == 1 ? X64_BYTE_RM : 0);
    }
}

static inline void
x64_push(X64Asm *a, unsigned reg)
{
    if (reg >= 8) {
        x64_byte(a, 0x41);
    }
    x64_byte(a, 0x50 + (reg & 7));
}

static inline void
x64_pop(X64Asm *a, unsigned reg)
{
    if (reg >= 8) {
        x64_byte(a, 0x41);
    }
    x64_byte(a, 0x58 + (reg & 7));
}

/* jmp, call or jcc with a 32-bit displacement to an address in executable memory. */
static inline void
x64_rel32(X64Asm *a, const void *target)
{
    x64_u32(a, (uint32_t)((intptr_t)target - ((intptr_t)a->p + 4 + a->exec_delta)));
}

static inline void
x64_jmp(X64Asm *a, const void *target)
{
    x64_byte(a, 0xe9);
    x64_rel32(a, target);
}

static inline void
x64_call(X64Asm *a, const void *target)
{
    x64_byte(a, 0xe8);
    x64_rel32(a, target);
}

static inline void
x64_jcc(X64Asm *a, unsigned cc, const void *target)
{
    x64_byte(a, 0x0f);
    x64_byte(a, 0x80 + cc);
    x64_rel32(a, target);
}

/* A forward jump to be bound later: returns where its displacement is. */
static inline uint8_t *
x64_jcc_forward(X64Asm *a, unsigned cc)
{
    x64_byte(a, 0x0f);
    x64_byte(a, 0x80 + cc);
    x64_u32(a, 0);
    return a->p - 4;
}

static inline uint8_t *
x64_jmp_forward(X64Asm *a)
{
    x64_byte(a, 0xe9);
    x64_u32(a, 0);
    return a->p - 4;
}

static inline void
x64_bind(X64Asm *a, uint8_t *field)
{
    int32_t rel = (int32_t)(a->p - (field + 4));

    memcpy(field, &rel, 4);
}

static inline void
x64_jmp_back(X64Asm *a, const uint8_t *label)
{
    ptrdiff_t near = label - (a->p + 2);

    if (near >= -128) {
        x64_byte(a, 0xeb);
        x64_byte(a, (unsigned)near & 0xff);
    } else {
        x64_byte(a, 0xe9);
        x64_u32(a, (uint32_t)(label - (a->p + 4)));
    }
}

/* Until (p + ahead) is a multiple of four. */
static inline void
x64_align4(X64Asm *a, unsigned ahead)
{
    unsigned n = -((uintptr_t)a->p + ahead) & 3;

    switch (n) {
    case 1:
        x64_byte(a, 0x90);
        break;
    case 2:
        x64_byte(a, 0x66);
        x64_byte(a, 0x90);
        break;
    case 3:
        x64_byte(a, 0x0f);
        x64_byte(a, 0x1f);
        x64_byte(a, 0x00);
        break;
    default:
        break;
    }
}
