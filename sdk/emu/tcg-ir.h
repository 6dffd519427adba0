/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Accel tier: the translator's intermediate representation, and the functions by which a front
 * end's lifter builds a block of it.
 *
 * A block is linear code: one entry, ops in order, one ending op (END below).  Operands are
 * globals (guest registers, readable and writable in place), temps (defined once, local to one
 * guest instruction), constants, and pc-relative constants.  Addresses stay whole until emission.
 *
 * What a lifter must know:
 *  - emu_tcg_ir_insn() starts each guest instruction.  Temps do not live across it.
 *  - An instruction commits after its last memory access: no global may be written before an access
 *    of the same instruction that can still fault or reach a device.  The core may, at any access
 *    of an instruction, give up the translated code for that instruction and run it again from its
 *    start in the reference interpreter (page fault, I/O, page-crossing, code page).  A store that
 *    was made before a second access of the same instruction is then made twice; an instruction
 *    for which that would be wrong goes to emu_tcg_ir_interp_one().
 *  - FLAGS is one value with six parts.  Each op says which parts it defines (after an undefined
 *    result they hold what the reference CPU leaves) and which it uses; parts that nobody needs cost
 *    nothing.  The lifter does no liveness analysis.
 *  - An instruction that declines to be lifted is one call: emu_tcg_ir_interp_one().  One that always
 *    leaves the block (IRET, MOV CR) is emu_tcg_ir_exit_interp().
 */

#include <emu/macros.h>
#include <emu/tcg.h>

G_BEGIN_DECLS

typedef enum {
    EMU_TCG_TYPE_NONE,
    EMU_TCG_I8,
    EMU_TCG_I16,
    EMU_TCG_I32,
    EMU_TCG_I64,
    EMU_TCG_I128,
    EMU_TCG_F32,
    EMU_TCG_F64,
    EMU_TCG_F80,
    EMU_TCG_V128,
    EMU_TCG_V256,
    EMU_TCG_V512,
    EMU_TCG_FLAGS,
    EMU_TCG_N_TYPES,
} EmuTcgType;

/*
 * Parts of FLAGS.  In the state the FLAGS global is a uint32_t with these bits and no others.
 */
enum {
    EMU_TCG_FLAG_C = 0x001, /* carry, or borrow of a subtraction */
    EMU_TCG_FLAG_P = 0x004, /* even parity of the low byte */
    EMU_TCG_FLAG_A = 0x010, /* carry out of bit 3 */
    EMU_TCG_FLAG_Z = 0x040,
    EMU_TCG_FLAG_S = 0x080, /* sign, "N" */
    EMU_TCG_FLAG_O = 0x800, /* signed overflow, "V" */
    EMU_TCG_FLAGS_ALL = 0x8d5,
    EMU_TCG_FLAGS_NONE = 0,
};

/* Conditions on FLAGS.  An odd number is the negation of the even one below it. */
typedef enum {
    EMU_TCG_COND_O,
    EMU_TCG_COND_NO,
    EMU_TCG_COND_C, /* unsigned < after a subtraction */
    EMU_TCG_COND_NC,
    EMU_TCG_COND_Z,
    EMU_TCG_COND_NZ,
    EMU_TCG_COND_CZ, /* C or Z: unsigned <= */
    EMU_TCG_COND_NCZ,
    EMU_TCG_COND_S,
    EMU_TCG_COND_NS,
    EMU_TCG_COND_P,
    EMU_TCG_COND_NP,
    EMU_TCG_COND_LT, /* S != O */
    EMU_TCG_COND_GE,
    EMU_TCG_COND_LE, /* Z or S != O */
    EMU_TCG_COND_GT,
} EmuTcgCond;

/* Parts of FLAGS that a condition reads. */
EMU_AVAILABLE_IN_1_0 unsigned emu_tcg_cond_flags(EmuTcgCond cond);

/*
 * An operand: 3 bits of kind, 13 of payload.  Made by the functions below, never by hand.
 */
typedef uint16_t EmuTcgArg;
#define EMU_TCG_NO_ARG ((EmuTcgArg)0)

typedef enum {
    EMU_TCG_ARG_NONE,
    EMU_TCG_ARG_GLOBAL, /* part (3 bits), index in the front end's table (10 bits) */
    EMU_TCG_ARG_TEMP,   /* number */
    EMU_TCG_ARG_IMM,    /* signed 13 bits */
    EMU_TCG_ARG_CONST,  /* index in the block's pool */
    EMU_TCG_ARG_PCREL,  /* index in the pool: a constant derived from the guest pc */
    EMU_TCG_ARG_ADDR,   /* index in the block's addresses */
} EmuTcgArgKind;

/*
 * Which part of a global an operand names.  Writing LOW8, HIGH8 and LOW16 keeps the rest; writing
 * LOW32 clears the upper half (the rule of both 64-bit ISAs that we have).
 */
typedef enum {
    EMU_TCG_PART_FULL,
    EMU_TCG_PART_LOW8,
    EMU_TCG_PART_HIGH8, /* bits 15-8 */
    EMU_TCG_PART_LOW16,
    EMU_TCG_PART_LOW32,
} EmuTcgPart;

/*
 * Every op there is:  X(NAME, text, operand signature, default flags defined, flags used, attributes)
 *
 * Signature, one letter per operand in the order of the text form:
 *   d destination   a, b, c sources (value)   m address (with size and mode in the memory op)
 *   k condition     t target (constant)       x extra 16-bit number (meaning beside the op)
 * The op's type is the width of the operation; sources are read as that type unless stated.
 * Attributes: E ends a block; M accesses memory; F may fault or leave; P the op keeps the flag parts
 * that it does not define (all ops do; listed where it matters).
 */
#define EMU_TCG_FLAGS_CO (EMU_TCG_FLAG_C | EMU_TCG_FLAG_O)
#define EMU_TCG_FLAGS_NOT_C (EMU_TCG_FLAGS_ALL & ~EMU_TCG_FLAG_C)
#define EMU_TCG_ATTR_END 1u
#define EMU_TCG_ATTR_MEM 2u
#define EMU_TCG_ATTR_LEAVE 4u

/* clang-format off */
#define EMU_TCG_OPS(X)                                                                             \
    /* structure */                                                                                \
    X(INSN,      insn,      "xx",   0, 0, 0)           /* pc delta from the block's start, length */ \
    /* data movement; flags untouched */                                                           \
    X(MOV,       mov,       "da",   0, 0, 0)                                                       \
    X(ZEXT,      zext,      "dax",  0, 0, 0)           /* x: type of the source */                 \
    X(SEXT,      sext,      "dax",  0, 0, 0)           /* x: type of the source */                 \
    X(LEA,       lea,       "dm",   0, 0, 0)           /* the address as a value */                \
    X(SELECT,    select,    "dkab", 0, 0, 0)           /* k ? a : b */                             \
    X(SET,       set,       "dk",   0, 0, 0)           /* k ? 1 : 0 */                             \
    X(BSWAP,     bswap,     "da",   0, 0, 0)                                                       \
    X(NOT,       not,       "da",   0, 0, 0)                                                       \
    /* arithmetic; FLAGS as the x86 instruction of that name defines them */                       \
    X(ADD,       add,       "dab",  EMU_TCG_FLAGS_ALL, 0, 0)                                       \
    X(ADC,       adc,       "dab",  EMU_TCG_FLAGS_ALL, EMU_TCG_FLAG_C, 0)                          \
    X(SUB,       sub,       "dab",  EMU_TCG_FLAGS_ALL, 0, 0)                                       \
    X(SBB,       sbb,       "dab",  EMU_TCG_FLAGS_ALL, EMU_TCG_FLAG_C, 0)                          \
    X(AND,       and,       "dab",  EMU_TCG_FLAGS_ALL, 0, 0)                                       \
    X(OR,        or,        "dab",  EMU_TCG_FLAGS_ALL, 0, 0)                                       \
    X(XOR,       xor,       "dab",  EMU_TCG_FLAGS_ALL, 0, 0)                                       \
    X(CMP,       cmp,       "ab",   EMU_TCG_FLAGS_ALL, 0, 0)                                       \
    X(TEST,      test,      "ab",   EMU_TCG_FLAGS_ALL, 0, 0)                                       \
    X(INC,       inc,       "da",   EMU_TCG_FLAGS_NOT_C, 0, 0)                                     \
    X(DEC,       dec,       "da",   EMU_TCG_FLAGS_NOT_C, 0, 0)                                     \
    X(NEG,       neg,       "da",   EMU_TCG_FLAGS_ALL, 0, 0)                                       \
    X(MUL,       mul,       "dab",  EMU_TCG_FLAGS_ALL, 0, 0) /* low half; CO: signed overflow */   \
    /* shifts: the count is taken modulo 64 for i64, else 32; count 0 keeps FLAGS */               \
    X(SHL,       shl,       "dab",  EMU_TCG_FLAGS_ALL, EMU_TCG_FLAGS_ALL, 0)                       \
    X(SHR,       shr,       "dab",  EMU_TCG_FLAGS_ALL, EMU_TCG_FLAGS_ALL, 0)                       \
    X(SAR,       sar,       "dab",  EMU_TCG_FLAGS_ALL, EMU_TCG_FLAGS_ALL, 0)                       \
    X(ROL,       rol,       "dab",  EMU_TCG_FLAGS_CO, EMU_TCG_FLAGS_ALL, 0)                        \
    X(ROR,       ror,       "dab",  EMU_TCG_FLAGS_CO, EMU_TCG_FLAGS_ALL, 0)                        \
    /* FLAGS as a value: the bits EMU_TCG_FLAG_* in an i32 */                                      \
    X(GETF,      getf,      "d",    0, EMU_TCG_FLAGS_ALL, 0)                                       \
    X(SETF,      setf,      "ax",   0, 0, 0)           /* x: the parts set from a */               \
    /* memory */                                                                                   \
    X(LOAD,      load,      "dm",   0, 0, EMU_TCG_ATTR_MEM | EMU_TCG_ATTR_LEAVE)                   \
    X(STORE,     store,     "am",   0, 0, EMU_TCG_ATTR_MEM | EMU_TCG_ATTR_LEAVE)                   \
    /* the guest's own instruction; see EmuTcgTemplate */                                          \
    X(TEMPLATE,  template,  "x",    0, 0, 0)                                                       \
    /* C function; see EmuTcgHelper */                                                             \
    X(CALL,      call,      "xdabc", 0, 0, 0)                                                      \
    /* the current instruction in the reference interpreter, then go on behind it */               \
    X(INTERP,    interp_one, "",    0, 0, EMU_TCG_ATTR_LEAVE)                                      \
    /* ends */                                                                                     \
    X(JUMP,      jump,      "t",    0, 0, EMU_TCG_ATTR_END)  /* chainable */                       \
    X(BRANCH,    branch,    "ktt",  0, 0, EMU_TCG_ATTR_END)  /* k ? first : second */              \
    X(BRNZ,      brnz,      "att",  0, 0, EMU_TCG_ATTR_END)  /* a != 0 ? first : second */         \
    X(JUMP_IND,  jump_ind,  "ax",   0, 0, EMU_TCG_ATTR_END)  /* x: EmuTcgJumpHint */               \
    X(EXIT,      exit,      "tx",   0, 0, EMU_TCG_ATTR_END)  /* to pc t, x: EmuTcgExit */          \
    X(EXIT_INTERP, exit_interp, "", 0, 0, EMU_TCG_ATTR_END)  /* interpret this insn, find block */
/* clang-format on */

typedef enum {
#define EMU_TCG_OP_ENUM(NAME, text, sig, fdef, fuse, attr) EMU_TCG_OP_##NAME,
    EMU_TCG_OPS(EMU_TCG_OP_ENUM)
#undef EMU_TCG_OP_ENUM
        EMU_TCG_N_OPS
} EmuTcgOpcode;

typedef enum {
    EMU_TCG_JUMP_PLAIN,
    EMU_TCG_JUMP_CALL,
    EMU_TCG_JUMP_RETURN,
    EMU_TCG_JUMP_MODE, /* the mode key may have changed */
} EmuTcgJumpHint;

/*
 * An address: ((base + index << scale + disp) wrapped to @wrap bits) + segment, the sum wrapped to 32
 * bits when @linear32 (x86 outside 64-bit code).
 * With @limit, the instruction is interpreted when the last byte's offset, before the segment is added, is above it.
 * Without base and index, disp is the whole address; with @pcrel it is one derived from the pc.
 */
typedef struct {
    EmuTcgArg base;    /* global or temp, or EMU_TCG_NO_ARG */
    EmuTcgArg index;   /* global or temp, or EMU_TCG_NO_ARG */
    EmuTcgArg segment; /* i64 value added behind the wrap, or EMU_TCG_NO_ARG */
    EmuTcgArg limit;   /* i32 global, for wrap 16 and 32; or EMU_TCG_NO_ARG */
    uint8_t scale;     /* log2 */
    uint8_t wrap;      /* 16, 32 or 64 */
    bool pcrel;
    bool linear32;
    int64_t disp;
} EmuTcgAddr;

#define EMU_TCG_MMU_CURRENT 0xff /* the mode that state->mmu_mode names while the block is lifted */

/* A memory operand: what is accessed, and how. */
typedef struct {
    EmuTcgAddr addr;
    uint16_t size;    /* bytes, 1 ... 512 */
    uint8_t access;   /* EMU_TCG_PROT_READ, EMU_TCG_PROT_WRITE, or both */
    uint8_t mmu_mode; /* EMU_TCG_MMU_CURRENT, or a mode (system accesses) */
    uint8_t align;    /* log2 of the alignment that the instruction demands; 0 = none */
    bool locked;      /* atomic read-modify-write */
} EmuTcgMem;

#define EMU_TCG_TEMPLATE_REGS 6

enum {
    EMU_TCG_ROLE_READ = 1,
    EMU_TCG_ROLE_WRITE = 2, /* whole register; a partial write is READ | WRITE */
};

enum {
    EMU_TCG_TEMPLATE_DIVIDE = 1,  /* may raise the divide error: the host's SIGFPE */
    EMU_TCG_TEMPLATE_SIMD_FP = 2, /* may raise an unmasked SIMD exception: the host's SIGFPE */
    EMU_TCG_TEMPLATE_X87 = 4,     /* may raise a pending x87 exception; uses the x87/MMX state */
    EMU_TCG_TEMPLATE_VECTOR = 8,  /* uses vector registers or MXCSR */
    EMU_TCG_TEMPLATE_FAULTS =
        EMU_TCG_TEMPLATE_DIVIDE | EMU_TCG_TEMPLATE_SIMD_FP | EMU_TCG_TEMPLATE_X87,
};

/*
 * A guest instruction that a host of the same ISA executes itself, re-encoded with renamed general
 * registers and a translated address.  Roles cover general registers only, implicit ones too: the
 * vector, x87 and MMX registers are the host's own.  Any other host, and any instruction that the
 * host cannot re-encode, is left to the reference interpreter, so the roles of a template must be
 * complete but its meaning need not be.
 */
typedef struct {
    const void *insn;   /* the front end's decoded instruction, copied into the block */
    uint16_t insn_size; /* of that copy, up to 256 bytes */
    uint8_t n_regs;
    uint8_t faults;                            /* EMU_TCG_TEMPLATE_* */
    EmuTcgArg regs[EMU_TCG_TEMPLATE_REGS];     /* globals of bank 0 (part ignored) */
    uint8_t roles[EMU_TCG_TEMPLATE_REGS];      /* EMU_TCG_ROLE_* */
    uint16_t flags_used, flags_defined;        /* EMU_TCG_FLAG_* */
    bool has_mem;
    EmuTcgMem mem;
} EmuTcgTemplate;

/*
 * A C function called from translated code.  Nothing but what is declared here is synchronised
 * around the call: other globals may be stale in the state and must not be written.
 */
enum {
    EMU_TCG_HELPER_READS_FLAGS = 1,
    EMU_TCG_HELPER_WRITES_FLAGS = 2,
    /* Returns an EmuTcgHelperResult instead of a value; pc is set to the instruction's own before. */
    EMU_TCG_HELPER_MAY_LEAVE = 4,
    /* Has nothing to do with vector, x87 and control word state: during the call the state's is stale. */
    EMU_TCG_HELPER_NO_FP = 8,
    /* Compiled for general registers only, calling nothing but emu_tcg_fast_pointer(): the cheapest call. It
     * gets @a only, which is a constant; general registers are in the state, and may be written there. pc is
     * not set; FLAGS are in the state when READS_FLAGS or WRITES_FLAGS say so. Returns EMU_TCG_HELPER_GO_ON or _INTERP.
     * Implies MAY_LEAVE, NO_FP. */
    EMU_TCG_HELPER_GENERAL = 16,
};

typedef enum {
    EMU_TCG_HELPER_GO_ON = 0,
    EMU_TCG_HELPER_EXCEPTION = 1,     /* recorded: deliver it at the current instruction */
    EMU_TCG_HELPER_NEXT_BLOCK = 2,    /* done, pc moved or mode changed: look the block up anew */
    EMU_TCG_HELPER_INTERP = 3,        /* GENERAL: the instruction, as the state is now, is the interpreter's */
    EMU_TCG_HELPER_EXIT = 16,         /* + EmuTcgExit: back to the run loop, pc is right */
} EmuTcgHelperResult;

/*
 * What a GENERAL helper does as long as nothing is in its way: elements copied or filled, ascending, by registers that hold
 * addresses and a count, which end as if it had been done one by one. A host may do it in place for what lies in one page, and
 * call the helper for the rest. Registers by their same_isa number.
 */
typedef struct {
    uint8_t size;          /* of an element */
    uint8_t to, from;      /* advance; filled with @value when @from is EMU_TCG_BLOCK_FILL */
    uint8_t value, count;  /* count goes to 0 */
    uint8_t wrap;          /* width of addresses and count: 32 or 64 */
    uint16_t guard_global; /* i32: the helper decides when it has one of these bits */
    uint32_t guard_mask;
} EmuTcgBlockOp;

#define EMU_TCG_BLOCK_FILL 0xff

typedef struct {
    const char *name;
    uint64_t (*fn)(EmuTcgState *s, uint64_t a, uint64_t b, uint64_t c);
    uint32_t flags;
    uint64_t reads;  /* bit n: global n of bank 0, by its same_isa number */
    uint64_t writes;
    const EmuTcgBlockOp *block; /* or NULL */
} EmuTcgHelper;

/* ---- building a block ------------------------------------------------------------------------ */

EMU_AVAILABLE_IN_1_0 uint64_t emu_tcg_ir_block_pc(const EmuTcgIr *ir); /* where the block begins */
EMU_AVAILABLE_IN_1_0 uint64_t emu_tcg_ir_mode_key(const EmuTcgIr *ir); /* the mode it is translated for */

/* Operands. */
EMU_AVAILABLE_IN_1_0 EmuTcgArg emu_tcg_ir_global(EmuTcgIr *ir, unsigned index, EmuTcgPart part);
EMU_AVAILABLE_IN_1_0 EmuTcgArg emu_tcg_ir_temp(EmuTcgIr *ir);
EMU_AVAILABLE_IN_1_0 EmuTcgArg emu_tcg_ir_const(EmuTcgIr *ir, int64_t value);
/* A constant that moves with the code: next pc, rip-relative address, jump target. */
EMU_AVAILABLE_IN_1_0 EmuTcgArg emu_tcg_ir_pcrel(EmuTcgIr *ir, uint64_t value);

/* Starts the instruction at linear address @pc, @length bytes long.  False when the block is full: the
 * lifter then ends the block with emu_tcg_ir_jump() to @pc. */
EMU_AVAILABLE_IN_1_0 bool emu_tcg_ir_insn(EmuTcgIr *ir, uint64_t pc, unsigned length);
/* The current instruction, also where the reference interpreter executes it, has nothing to do with vector,
 * x87 and control word state: less is saved and loaded around it. */
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_insn_integer(EmuTcgIr *ir);

/* Ops with a destination and up to two sources: MOV NOT BSWAP INC DEC NEG (one), ADD ... MUL, SHL ...
 * ROR (two), CMP and TEST (@dst EMU_TCG_NO_ARG). */
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_op(EmuTcgIr *ir, EmuTcgOpcode op, EmuTcgType type,
                                        EmuTcgArg dst, EmuTcgArg a, EmuTcgArg b);
/* As above with @flags instead of the op's own set of defined flag parts (0: leaves FLAGS alone). */
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_op_flags(EmuTcgIr *ir, EmuTcgOpcode op, EmuTcgType type,
                                              EmuTcgArg dst, EmuTcgArg a, EmuTcgArg b,
                                              unsigned flags);
static inline void
emu_tcg_ir_mov(EmuTcgIr *ir, EmuTcgType type, EmuTcgArg dst, EmuTcgArg a)
{
    emu_tcg_ir_op(ir, EMU_TCG_OP_MOV, type, dst, a, EMU_TCG_NO_ARG);
}
/* @dst gets: @a of @source_type widened to @type; the address itself; @a or @b by @cond of FLAGS; 1 or 0 by it. */
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_extend(EmuTcgIr *ir, bool is_signed, EmuTcgType type,
                                            EmuTcgArg dst, EmuTcgArg a, EmuTcgType source_type);
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_lea(EmuTcgIr *ir, EmuTcgType type, EmuTcgArg dst,
                                         const EmuTcgAddr *addr);
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_select(EmuTcgIr *ir, EmuTcgType type, EmuTcgArg dst,
                                            EmuTcgCond cond, EmuTcgArg a, EmuTcgArg b);
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_set(EmuTcgIr *ir, EmuTcgType type, EmuTcgArg dst,
                                         EmuTcgCond cond);
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_getf(EmuTcgIr *ir, EmuTcgArg dst); /* the flags as one word */
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_setf(EmuTcgIr *ir, EmuTcgArg a, unsigned parts); /* @parts of the flags from the word */
/* Integer loads and stores of type's width. */
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_load(EmuTcgIr *ir, EmuTcgType type, EmuTcgArg dst,
                                          const EmuTcgMem *mem);
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_store(EmuTcgIr *ir, EmuTcgType type, EmuTcgArg value,
                                           const EmuTcgMem *mem);
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_template(EmuTcgIr *ir, const EmuTcgTemplate *t);
/* @helper is static storage.  @dst may be EMU_TCG_NO_ARG. */
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_call(EmuTcgIr *ir, const EmuTcgHelper *helper, EmuTcgArg dst,
                                          EmuTcgArg a, EmuTcgArg b, EmuTcgArg c);
/* The current instruction in the reference interpreter; goes on behind it unless the interpreter
 * left pc elsewhere, changed the mode, or asks to exit. */
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_interp_one(EmuTcgIr *ir);

/* Ends.  Targets are linear addresses. */
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_jump(EmuTcgIr *ir, uint64_t target);
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_branch(EmuTcgIr *ir, EmuTcgCond cond, uint64_t taken,
                                            uint64_t not_taken);
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_brnz(EmuTcgIr *ir, EmuTcgType type, EmuTcgArg a,
                                          uint64_t taken, uint64_t not_taken);
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_jump_ind(EmuTcgIr *ir, EmuTcgArg target, EmuTcgJumpHint hint);
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_exit(EmuTcgIr *ir, uint64_t pc, EmuTcgExit reason);
/* Interprets the current instruction and looks the next block up: for those that change pc or mode. */
EMU_AVAILABLE_IN_1_0 void emu_tcg_ir_exit_interp(EmuTcgIr *ir);

G_END_DECLS
