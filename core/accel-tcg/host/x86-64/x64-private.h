/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The x86-64 host back end.
 *
 * Register map, the interface of every block:
 *    rsp            the vCPU state (EmuTcgState); helpers run on the stack below it
 *    rax rcx rdx rbx rbp rsi rdi r12-r15    guest registers of the same numbers
 *    r8             guest rsp (register 4)
 *    r9 r10 r11     scratch; guest r8-r11 live in the state
 *    xmm0-15, x87, MXCSR    the guest's
 * At every block entry FLAGS are in the state's image or dead; DF is 0.
 */

#include "accel-tcg/host/host.h"
#include "x64-asm.h"

#include <stddef.h>

/* The back end's words in EmuTcgState. */
#define X64_ST_IMAGE 32  /* FLAGS: byte 0: O as 0 or 1; byte 1: S Z - A - P - C as LAHF stores them */
#define X64_ST_BYTE 36   /* a byte on its way to or from ah, ch, dh, bh */
#define X64_ST_DESC 40   /* TCG_DESC of the access on its slow path */
#define X64_ST_LEFT 44   /* not 0: translated code left with pc in X64_ST_PC; see X64_LEFT_REASON */
#define X64_ST_PC 48
#define X64_ST_CSP 56    /* rsp of the C code that entered */

G_STATIC_ASSERT(offsetof(EmuTcgState, backend) == X64_ST_IMAGE);

#define X64_LEFT_MISSED 2 /* not left: an access missed, its address is in X64_ST_PC */
#define X64_LEFT_REASON 16 /* + EmuTcgExit */

#define X64_MAX_GLOBALS 64

struct _TcgHost {
    const EmuTcgFrontend *fe;
    struct X64Emit *emitter; /* the translator makes one block at a time */
    TcgHostCallbacks callbacks;
    int8_t pin[X64_MAX_GLOBALS]; /* host register of a global, or -1: in the state */
    int guest_offset[16];        /* state offset of general register n */
    int guest_global[16];        /* its index among the globals */
    int flags_offset;
    int hot_offset;

    const uint8_t *t_enter, *t_exit, *t_exit_reason, *t_lookup, *t_way_out;
    /* [1]: for instructions that have nothing to do with vector and x87 state */
    const uint8_t *t_miss[2], *t_interp[2], *t_interp_end[2], *t_call[2], *t_general[2];
};

extern const int8_t x64_pin_of_guest[16];

/* Where a value is. */
typedef enum { X64_LOC_REG, X64_LOC_MEM, X64_LOC_IMM } X64LocKind;
typedef struct {
    uint8_t kind; /* X64LocKind; small, so that two registers return the whole */
    uint8_t reg;
    int32_t disp; /* from rsp */
    int64_t imm;
} X64Loc;

G_STATIC_ASSERT(sizeof(X64Loc) == 16);

/*
 * A page check whose result, the delta in a scratch register, serves several accesses off one base
 * register.  Range and offset are relative to the base's value at the check.  Where addresses wrap at 32 bits, the result is
 * the host address of the range's first byte: it does not depend on what has become of the base.
 */
typedef struct {
    EmuTcgArg base;
    int64_t k;      /* what was added to the base since */
    int64_t lo, hi; /* verified bytes */
    bool write;     /* for stores too */
    bool wraps;     /* at 32 bits: the register has the host address of lo */
    uint8_t mode;
    uint8_t start;  /* instruction of the check */
} X64Group;

typedef struct {
    uint8_t *jump;       /* displacement of the check's jump; NULL: reached by signals only */
    const uint8_t *back; /* where the fast path goes on */
    uint8_t base;        /* register with (part of) the address */
    uint8_t delta;       /* register for the delta */
    int32_t disp;
    int recipe;          /* op whose FLAGS must be computed, or -1 */
    bool interp;         /* no address: straight to the interpreter */
    bool eflags;         /* FLAGS are in EFLAGS when the fault is taken */
    uint32_t desc;
    uint8_t insn;
} X64Stub;

/* A block operation in place; see emit-block.c. */
typedef struct {
    uint8_t *helper[3], *miss[2]; /* displacements of jumps: to the helper; to a page's look-up */
    const uint8_t *retry, *back;
    const TcgOp *op;
    uint8_t insn;
    bool copies;
} X64Block;

#define X64_MAX_BLOCK_OPS 4

#define X64_MAX_TEMP_SPILLS 24
#define X64_SPILL_RAX 31 /* TcgHot.spill[] used around restoring FLAGS */

typedef struct X64Emit {
    X64Asm a;
    const TcgHost *h;
    const EmuTcgIr *ir;
    const TcgHostJob *job;
    TcgHostCode *out;
    unsigned op; /* index of the op being emitted */
    unsigned insn;

    /* FLAGS */
    bool f_host, f_image;
    int f_recipe;

    /* r9 r10 r11: [reg - 9] */
    int16_t reg_temp[3]; /* temp that lives there, or -1 */
    uint8_t locked;      /* bit per register: in use by this op */
    uint8_t groups;      /* bit per register: it holds the delta of ... */
    X64Group group[3];   /* ... this group */
    int8_t temp_reg[TCG_IR_MAX_TEMPS]; /* 0: none, spilled; else register */

    X64Stub stubs[TCG_HOST_MAX_STUBS];
    unsigned n_stubs;
    X64Block blocks[X64_MAX_BLOCK_OPS];
    unsigned n_blocks;
    /* A way out of the block that saves FLAGS first: emitted behind the straight path. */
    uint8_t *late_jump;
    uint64_t late_target;
    bool failed;
} X64Emit;

/* regalloc.c */
void x64_temps_begin(X64Emit *e);
unsigned x64_scratch(X64Emit *e);              /* a locked scratch register */
bool x64_scratch_left(const X64Emit *e);       /* whether x64_scratch() will find one */
unsigned x64_scratch_free(const X64Emit *e);   /* one that holds nothing, not locked; or X64_NONE */
bool x64_scratch_is(X64Emit *e, unsigned reg); /* locks this one, moving its temp away */
void x64_unlock(X64Emit *e, unsigned reg);
X64Loc x64_loc(X64Emit *e, EmuTcgArg arg);     /* of a source */
X64Rm x64_loc_rm(X64Loc loc);
bool x64_clears_upper(const X64Emit *e, EmuTcgArg dst, unsigned size);
/* Value of @arg in a register: its own when it lives in one and is no high byte, else a scratch. */
unsigned x64_use(X64Emit *e, EmuTcgArg arg, unsigned size);
/* Register to compute a destination in; x64_def_done() then puts it where it belongs. */
unsigned x64_def(X64Emit *e, EmuTcgArg dst, unsigned size);
void x64_def_done(X64Emit *e, EmuTcgArg dst, unsigned size, unsigned reg);
void x64_load_arg(X64Emit *e, unsigned reg, EmuTcgArg arg, unsigned size);
void x64_release_dying(X64Emit *e, unsigned keep1, unsigned keep2, unsigned keep3);
/* For the delta of a check; a group keeps it behind the op. */
unsigned x64_delta_reg(X64Emit *e);
void x64_temps_die(X64Emit *e);

/* Behind an op: frees temps that died, unlocks all. */
static inline void
x64_op_done(X64Emit *e)
{
    if ((e->reg_temp[0] & e->reg_temp[1] & e->reg_temp[2]) != -1) {
        x64_temps_die(e);
    }
    e->locked = 0;
}

/* flags.c */
unsigned x64_live_in(const X64Emit *e);
void x64_flags_before_clobber(X64Emit *e, unsigned needed);
void x64_flags_to_host(X64Emit *e);
void x64_flags_to_image(X64Emit *e);
void x64_flags_defined(X64Emit *e, bool full, int recipe);
void x64_flags_write(X64Emit *e, EmuTcgArg dst, unsigned needed_after);
void x64_flags_save(X64Asm *a, unsigned scratch);
void x64_recipe(X64Emit *e, int op, unsigned scratch);
bool x64_recipe_possible(const X64Emit *e, const TcgOp *op);
bool x64_recipe_reads(const X64Emit *e, int op, EmuTcgArg global);

/* emit-int.c */
bool x64_emit_int(X64Emit *e, const TcgOp *op);
void x64_alu_loc(X64Emit *e, unsigned alu, unsigned size, X64Loc d, X64Loc s);

/* emit-mem.c */
/* Emits address, check and translation; the operand is then at the result. */
X64Rm x64_mem_prepare(X64Emit *e, const EmuTcgMem *mem);
/* Where the prediction slot of accesses through guest register @n lies, from rsp. */
int32_t x64_register_slot(const X64Emit *e, unsigned mmu_mode, unsigned n);
void x64_emit_load(X64Emit *e, const TcgOp *op);
void x64_emit_store(X64Emit *e, const TcgOp *op);
void x64_emit_lea(X64Emit *e, const TcgOp *op);
void x64_emit_stubs(X64Emit *e);
/* Behind each op: groups whose base it changed. */
void x64_groups_after(X64Emit *e, const TcgOp *op);
/* A stub that is not reached by a check, for instructions that fault. */
void x64_fault_stub(X64Emit *e);

/* emit-vec.c */
void x64_emit_template(X64Emit *e, const TcgOp *op);

/* emit-block.c */
bool x64_emit_block_op(X64Emit *e, const TcgOp *op);
void x64_emit_block_stubs(X64Emit *e);

/* emit.c */
void x64_emit_general(X64Emit *e, const TcgOp *op);
void x64_emit_interp(X64Emit *e);
