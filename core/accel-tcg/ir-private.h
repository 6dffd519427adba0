/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside of a block under construction.  See <emu/tcg-ir.h> for what the ops mean. */

#include <emu/tcg-ir.h>

#define TCG_IR_MAX_INSNS 64
#define TCG_IR_MAX_OPS 1024
#define TCG_IR_MAX_CONSTS 512
#define TCG_IR_MAX_MEMS 256
#define TCG_IR_MAX_TEMPLATES 128
#define TCG_IR_MAX_HELPERS 64
#define TCG_IR_MAX_TEMPS 256
#define TCG_IR_BLOB_SIZE 16384
/* What one instruction may need at most: emu_tcg_ir_insn() says "full" below it. */
#define TCG_IR_INSN_OPS 48

/* In TcgOp.live: FLAGS may be seen by an exception, or by an instruction given up for the interpreter,
 * before all of its parts are redefined. */
#define TCG_LIVE_VISIBLE 0x8000u

typedef struct {
    uint8_t op;   /* EmuTcgOpcode */
    uint8_t type; /* EmuTcgType */
    uint16_t fdef; /* FLAGS parts that it defines */
    uint16_t fuse; /* FLAGS parts that it reads */
    uint16_t live; /* backward pass: parts needed behind the op, and TCG_LIVE_VISIBLE */
    EmuTcgArg dst, a, b;
    uint16_t x; /* type, condition, memory operand, template, helper, hint, reason: by op */
} TcgOp;

G_STATIC_ASSERT(sizeof(TcgOp) == 16);

typedef struct {
    const EmuTcgHelper *helper;
    EmuTcgArg c;
} TcgCall;

typedef struct {
    uint64_t pc;
    uint16_t first_op;
    uint8_t length;
    bool integer; /* no vector, x87 or control word state */
} TcgInsn;

struct _EmuTcgIr {
    const EmuTcgFrontend *fe;
    uint64_t pc;
    uint64_t mode_key;
    uint32_t mmu_mode;
    unsigned max_insns;

    unsigned n_ops, n_consts, n_mems, n_templates, n_calls, n_temps, n_insns, blob_used;
    bool overflow; /* the lifter ignored "full": the block is refused */
    bool ended;
    /* FLAGS dead on the first and second way out (filled by the translator before the pass). */
    bool dead_out[2];

    TcgOp ops[TCG_IR_MAX_OPS];
    int64_t consts[TCG_IR_MAX_CONSTS];
    EmuTcgMem mems[TCG_IR_MAX_MEMS];
    EmuTcgTemplate templates[TCG_IR_MAX_TEMPLATES];
    TcgCall calls[TCG_IR_MAX_HELPERS];
    TcgInsn insns[TCG_IR_MAX_INSNS];
    uint16_t temp_last[TCG_IR_MAX_TEMPS]; /* backward pass: last op that reads it */
    uint8_t blob[TCG_IR_BLOB_SIZE] __attribute__((aligned(16)));
};

typedef struct {
    const char *name;
    const char *signature;
    uint16_t fdef, fuse;
    uint8_t attr;
} TcgOpInfo;

extern const TcgOpInfo tcg_op_info[EMU_TCG_N_OPS];
extern const uint8_t tcg_type_bytes[EMU_TCG_N_TYPES];

#define TCG_ARG_KIND(arg) ((EmuTcgArgKind)((arg) >> 13))
#define TCG_ARG_INDEX(arg) ((arg)&0x1fffu)
#define TCG_ARG_MAKE(kind, index) ((EmuTcgArg)((unsigned)(kind) << 13 | (index)))
#define TCG_GLOBAL_INDEX(arg) ((arg)&0x3ffu)
#define TCG_GLOBAL_PART(arg) ((EmuTcgPart)((arg) >> 10 & 7))

static inline bool
tcg_arg_is_const(EmuTcgArg arg)
{
    EmuTcgArgKind kind = TCG_ARG_KIND(arg);

    return kind == EMU_TCG_ARG_IMM || kind == EMU_TCG_ARG_CONST || kind == EMU_TCG_ARG_PCREL;
}

static inline int64_t
tcg_arg_value(const EmuTcgIr *ir, EmuTcgArg arg)
{
    if (TCG_ARG_KIND(arg) == EMU_TCG_ARG_IMM) {
        return (int64_t)((uint64_t)arg << 51) >> 51;
    }
    return ir->consts[TCG_ARG_INDEX(arg)];
}

/* ir.c */
EmuTcgIr *tcg_ir_new(void);
void tcg_ir_begin(EmuTcgIr *ir, const EmuTcgFrontend *fe, uint64_t pc, uint64_t mode_key,
                  uint32_t mmu_mode, unsigned max_insns);

/* ir-pass.c: fills live and temp_last. */
void tcg_ir_backward(EmuTcgIr *ir);
/* Whether the op may give the instruction up or raise an exception. */
bool tcg_op_may_leave(const EmuTcgIr *ir, const TcgOp *op);

/* ir-text.c */
void tcg_ir_dump(const EmuTcgIr *ir, GString *out);
bool tcg_ir_parse(EmuTcgIr *ir, const char *text, GError **error);

/* ir-validate.c: NULL, or what is wrong. (transfer full) */
char *tcg_ir_validate(const EmuTcgIr *ir);
