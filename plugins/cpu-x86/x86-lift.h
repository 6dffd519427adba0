/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Lifting x86 instructions to the translator's IR.
 *
 * x86-lift.c walks a block, x86-lift-operand.c turns operands into IR arguments and addresses, x86-lift-ops.c has a rule
 * per operation. An instruction without a rule is executed by the reference interpreter from within the block; one that
 * changes pc or mode that way ends the block. So a rule is never needed for correctness, only for speed.
 */

#include "x86-insn.h"

#include <emu/tcg-ir.h>

typedef struct {
    X86State *s;
    EmuTcgIr *ir;
    uint64_t mode;
    uint32_t cs_base, cs_limit; /* outside 64-bit code */
    uint64_t pc;   /* of the instruction, linear */
    uint64_t next; /* of the one behind it */
    bool ended;    /* the block's last op is out */
    bool shadow;   /* STI: the next instruction is the block's last */
    bool ends_shadow; /* this one is it */
    const uint8_t *after; /* what is behind the instruction: bytes in this page, none when the block is full */
    unsigned n_after;
    unsigned looked_at; /* how many of them the block depends on, though it does not execute them */
} X86Lift;

/* A rule emits the instruction and returns true, or declines with nothing emitted. */
typedef bool (*X86LiftRule)(X86Lift *l, const X86Insn *insn);
extern const X86LiftRule x86_lift_rules[X86_N_OPS];

static inline bool
x86_lift_is_64(const X86Lift *l)
{
    return (l->mode >> X86_MODE_CODE_SHIFT & X86_MODE_CODE_MASK) == X86_MODE_CODE64;
}

/* ---- x86-lift-operand.c ---- */
EmuTcgType x86_lift_type(unsigned size);
/* The register as it is named by an operand of @size bytes; @reg 0x10 + n: ah ... bh. */
EmuTcgArg x86_lift_gpr(X86Lift *l, unsigned reg, unsigned size);
/* The address of the memory operand; false when its segment needs checks that only the interpreter makes. */
bool x86_lift_address(X86Lift *l, const X86Insn *insn, EmuTcgAddr *out);
bool x86_lift_mem(X86Lift *l, const X86Insn *insn, unsigned size, unsigned access, EmuTcgMem *out);
/* [@reg] of a string instruction in @segment, @addrsize bytes wide. */
bool x86_lift_string_mem(X86Lift *l, unsigned reg, unsigned segment, unsigned addrsize, unsigned size, EmuTcgMem *out);
/* [rsp + disp] in the stack's width; false when SS needs checks that only the interpreter makes. */
bool x86_lift_stack(X86Lift *l, int disp, unsigned size, unsigned access, EmuTcgMem *out);
unsigned x86_lift_stack_width(const X86Lift *l); /* bytes of the stack pointer */
/* rsp += n, flags untouched. */
void x86_lift_add_sp(X86Lift *l, int n);
/* Reads operand @n: registers in place, immediates as constants, memory loaded to a temp. False: decline. */
bool x86_lift_read(X86Lift *l, const X86Insn *insn, unsigned n, EmuTcgArg *out);
/* Where operand @n is written to: a register in place, or a temp that x86_lift_commit() stores. */
bool x86_lift_begin_write(X86Lift *l, const X86Insn *insn, unsigned n, EmuTcgArg *out, EmuTcgMem *mem);
void x86_lift_commit(X86Lift *l, const X86Insn *insn, unsigned n, EmuTcgArg value, const EmuTcgMem *mem);
/* The whole instruction as a native template: explicit operands by their roles, plus implicit registers. */
typedef struct {
    uint8_t reg, role;
} X86Implicit;
bool x86_lift_template(X86Lift *l, const X86Insn *insn, const X86Implicit *implicit, unsigned n_implicit, unsigned faults);
/* With other sets of FLAGS than the table's. */
bool x86_lift_template_flags(X86Lift *l, const X86Insn *insn, const X86Implicit *implicit, unsigned n_implicit,
                             unsigned faults, unsigned flags_used, unsigned flags_defined);

static inline EmuTcgArg
x86_lift_global(X86Lift *l, unsigned index)
{
    return emu_tcg_ir_global(l->ir, index, EMU_TCG_PART_FULL);
}

/* Indices in x86_globals beyond the registers (0 ... 15) and vectors (16 ... 31). */
enum {
    X86_GLOBAL_FLAGS = 32,
    X86_GLOBAL_EFLAGS,
    X86_GLOBAL_RIP,
    X86_GLOBAL_SEG_BASE, /* ES ... GS */
    X86_GLOBAL_MXCSR = X86_GLOBAL_SEG_BASE + 6,
    X86_GLOBAL_SELECTOR, /* ES ... GS */
    X86_GLOBAL_KERNEL_GS = X86_GLOBAL_SELECTOR + 6,
    X86_GLOBAL_CR0,
    X86_GLOBAL_CR2,
    X86_GLOBAL_CR3,
    X86_GLOBAL_CR4,
    X86_GLOBAL_SHADOW,
    X86_GLOBAL_MODE_LOW, /* the lower half of the mode key */
    X86_GLOBAL_LIMIT,    /* ES ... GS */
    X86_GLOBAL_UNDER_CALL = X86_GLOBAL_LIMIT + 6,
};

unsigned x86_lift(EmuTcgState *s, EmuTcgIr *ir, uint64_t pc, const uint8_t *code, unsigned avail, uint64_t mode_key,
                  unsigned max_insns);
bool x86_straddles(EmuTcgState *tcg, const uint8_t *code, unsigned avail, uint64_t mode_key);
bool x86_refuse_branch(EmuTcgState *tcg, uint64_t to, uint64_t pc, const uint8_t *code, unsigned avail);
bool x86_flags_dead(uint64_t pc, const uint8_t *code, unsigned avail, uint64_t mode_key);

/* ---- x86-lift-control.c ---- */
bool x86_lift_push(X86Lift *l, const X86Insn *insn);
bool x86_lift_pop(X86Lift *l, const X86Insn *insn);
bool x86_lift_pushf(X86Lift *l, const X86Insn *insn);
bool x86_lift_leave(X86Lift *l, const X86Insn *insn);
bool x86_lift_jmp(X86Lift *l, const X86Insn *insn);
bool x86_lift_jcc(X86Lift *l, const X86Insn *insn);
bool x86_lift_jcxz(X86Lift *l, const X86Insn *insn);
bool x86_lift_loop(X86Lift *l, const X86Insn *insn);
bool x86_lift_call(X86Lift *l, const X86Insn *insn);
bool x86_lift_jmp_ind(X86Lift *l, const X86Insn *insn);
bool x86_lift_call_ind(X86Lift *l, const X86Insn *insn);
bool x86_lift_ret(X86Lift *l, const X86Insn *insn);

/* ---- x86-lift-sys.c ---- */
bool x86_lift_mov_seg_from(X86Lift *l, const X86Insn *insn);
bool x86_lift_swapgs(X86Lift *l, const X86Insn *insn);
bool x86_lift_mov_from_cr(X86Lift *l, const X86Insn *insn);
/* Before an indirect jump: the interrupt shadow ends with this instruction, if there is one. */
void x86_lift_end_shadow(X86Lift *l);
bool x86_lift_sti(X86Lift *l, const X86Insn *insn);
bool x86_lift_popf(X86Lift *l, const X86Insn *insn);

bool x86_lift_syscall(X86Lift *l, const X86Insn *insn);
bool x86_lift_sysret(X86Lift *l, const X86Insn *insn);
bool x86_lift_iret(X86Lift *l, const X86Insn *insn);
bool x86_lift_rdtsc(X86Lift *l, const X86Insn *insn);
bool x86_lift_string(X86Lift *l, const X86Insn *insn);
bool x86_lift_string_step(X86Lift *l, const X86Insn *insn);
bool x86_lift_gather(X86Lift *l, const X86Insn *insn);

/* ---- x86-lift-fast.c: for general registers only. @what: X86_FAST_* | size of an element ---- */
#define X86_FAST_REP 16u
#define X86_FAST_ADDR32 32u
#define X86_FAST_ADDR16 64u
#define X86_FAST_SEGMENTS 128u    /* with bases and limits: ES, and the source's */
#define X86_FAST_SOURCE_SHIFT 8
uint64_t x86_fast_movs(EmuTcgState *tcg, uint64_t what, uint64_t b, uint64_t c);
uint64_t x86_fast_movs_flat64(EmuTcgState *tcg, uint64_t what, uint64_t b, uint64_t c);
/* A gather whose vectors x86_lift_gather() put into the state. */
typedef union {
    struct {
        int32_t disp;
        unsigned base : 8, segment : 4, scale : 2;
        unsigned size : 4, index_size : 4;      /* of an element, in bytes */
        unsigned is_256 : 1, addr32 : 1, linear32 : 1;
    };
    uint64_t word;
} X86FastGather;
uint64_t x86_fast_gather(EmuTcgState *tcg, uint64_t what, uint64_t b, uint64_t c);
uint64_t x86_fast_stos(EmuTcgState *tcg, uint64_t what, uint64_t b, uint64_t c);

/* ---- x86-lift-level.c ---- */
uint64_t x86_fast_syscall(EmuTcgState *tcg, uint64_t next, uint64_t b, uint64_t c);
uint64_t x86_fast_sysret(EmuTcgState *tcg, uint64_t a, uint64_t b, uint64_t c);
uint64_t x86_fast_iret(EmuTcgState *tcg, uint64_t a, uint64_t b, uint64_t c);

/* ---- x86-lift-encode.c ---- */
enum { X86_GATHER_SPILL = 1, X86_GATHER_FILL }; /* X86Insn.imm of a gather's templates */
unsigned x86_encode_template(const void *insn, const EmuTcgHostMem *mem, const uint8_t gpr[16], uint8_t *out, unsigned max);
