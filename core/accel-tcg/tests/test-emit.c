/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The emitter against a plain evaluator of the IR: fixed blocks in IR text, then random ones.
 *
 * The guest of these tests has the registers of x86-64 and no instructions of its own: its code is IR,
 * and its reference interpreter evaluates it.
 */

#include "accel-tcg/cache.h"
#include "accel-tcg/translate.h"

#include <string.h>

#define RAM_SIZE 0x10000u
#define CODE_PC UINT64_C(0x8000)
#define END_PC UINT64_C(0x8ff0)
#define DATA UINT64_C(0x2000) /* addresses of random accesses lie around here */

typedef struct {
    EmuTcgState tcg;
    uint64_t gpr_hot[4]; /* r8-r11 */
    uint64_t pc;
    uint32_t flags;
    uint32_t extra; /* a 32-bit global */
    uint64_t guard;
    uint64_t gpr[16];
    uint32_t n_interp;
    bool faulted;
    uint8_t fx[512] __attribute__((aligned(64)));
} TestState;

static const char *test_text;   /* the program: text, or */
static guint32 test_seed;       /* random */
static EmuTcgIr *test_ir;       /* as the evaluator sees it */

static const EmuTcgGlobal test_globals[] = {
#define GPR(name, n)                                                                               \
    {name, EMU_TCG_I64, 0, n,                                                                      \
     n >= 8 && n < 12 ? offsetof(TestState, gpr_hot) + (n - 8) * 8 : offsetof(TestState, gpr) + n * 8}
    GPR("rax", 0),  GPR("rcx", 1),  GPR("rdx", 2),  GPR("rbx", 3),  GPR("rsp", 4),  GPR("rbp", 5),
    GPR("rsi", 6),  GPR("rdi", 7),  GPR("r8", 8),   GPR("r9", 9),   GPR("r10", 10), GPR("r11", 11),
    GPR("r12", 12), GPR("r13", 13), GPR("r14", 14), GPR("r15", 15),
    {"flags", EMU_TCG_FLAGS, 3, 0xff, offsetof(TestState, flags)},
    {"extra", EMU_TCG_I32, 4, 0xff, offsetof(TestState, extra)},
};

static uint64_t *
test_gpr(TestState *s, unsigned n)
{
    return (uint64_t *)(void *)((char *)s + test_globals[n].offset);
}

/* ---- evaluator ------------------------------------------------------------------------------------------- */

/* The host's own instruction gives result and flags. */
#define ASM_OP(insn, T, sfx)                                                                       \
    do {                                                                                           \
        T x = (T)a;                                                                                \
        __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushq %[f]\n\tpopfq\n\t" insn sfx              \
                         "\n\tpushfq\n\tpopq %[f]\n\tlea 128(%%rsp), %%rsp"                        \
                         : [x] "+&r"(x), [f] "+&r"(f)                                              \
                         : [y] "r"((T)b)                                                           \
                         : "cc", "memory");                                                        \
        a = x;                                                                                     \
    } while (0)
#define ASM_SIZES(name)                                                                            \
    switch (size) {                                                                                \
    case 1:                                                                                        \
        ASM_OP(name, uint8_t, "b %[y], %[x]");                                                     \
        break;                                                                                     \
    case 2:                                                                                        \
        ASM_OP(name, uint16_t, "w %[y], %[x]");                                                    \
        break;                                                                                     \
    case 4:                                                                                        \
        ASM_OP(name, uint32_t, "l %[y], %[x]");                                                    \
        break;                                                                                     \
    default:                                                                                       \
        ASM_OP(name, uint64_t, "q %[y], %[x]");                                                    \
        break;                                                                                     \
    }                                                                                              \
    break
#define ASM_UNARY(name)                                                                            \
    switch (size) {                                                                                \
    case 1:                                                                                        \
        ASM_OP(name, uint8_t, "b %[x]");                                                           \
        break;                                                                                     \
    case 2:                                                                                        \
        ASM_OP(name, uint16_t, "w %[x]");                                                          \
        break;                                                                                     \
    case 4:                                                                                        \
        ASM_OP(name, uint32_t, "l %[x]");                                                          \
        break;                                                                                     \
    default:                                                                                       \
        ASM_OP(name, uint64_t, "q %[x]");                                                          \
        break;                                                                                     \
    }                                                                                              \
    break
#define ASM_SHIFT_OP(insn, T, sfx)                                                                 \
    do {                                                                                           \
        T x = (T)a;                                                                                \
        __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushq %[f]\n\tpopfq\n\t" insn sfx              \
                         " %%cl, %[x]\n\tpushfq\n\tpopq %[f]\n\tlea 128(%%rsp), %%rsp"             \
                         : [x] "+&r"(x), [f] "+&r"(f)                                              \
                         : "c"((uint8_t)b)                                                         \
                         : "cc", "memory");                                                        \
        a = x;                                                                                     \
    } while (0)
#define ASM_SHIFT(name)                                                                            \
    switch (size) {                                                                                \
    case 1:                                                                                        \
        ASM_SHIFT_OP(name, uint8_t, "b");                                                          \
        break;                                                                                     \
    case 2:                                                                                        \
        ASM_SHIFT_OP(name, uint16_t, "w");                                                         \
        break;                                                                                     \
    case 4:                                                                                        \
        ASM_SHIFT_OP(name, uint32_t, "l");                                                         \
        break;                                                                                     \
    default:                                                                                       \
        ASM_SHIFT_OP(name, uint64_t, "q");                                                         \
        break;                                                                                     \
    }                                                                                              \
    break

static uint64_t
eval_alu(unsigned op, unsigned size, uint64_t a, uint64_t b, uint64_t *flags)
{
    uint64_t f = (*flags & EMU_TCG_FLAGS_ALL) | 2;

    switch (op) {
    case EMU_TCG_OP_ADD:
        ASM_SIZES("add");
    case EMU_TCG_OP_ADC:
        ASM_SIZES("adc");
    case EMU_TCG_OP_SUB:
    case EMU_TCG_OP_CMP:
        ASM_SIZES("sub");
    case EMU_TCG_OP_SBB:
        ASM_SIZES("sbb");
    case EMU_TCG_OP_AND:
    case EMU_TCG_OP_TEST:
        ASM_SIZES("and");
    case EMU_TCG_OP_OR:
        ASM_SIZES("or");
    case EMU_TCG_OP_XOR:
        ASM_SIZES("xor");
    case EMU_TCG_OP_INC:
        ASM_UNARY("inc");
    case EMU_TCG_OP_DEC:
        ASM_UNARY("dec");
    case EMU_TCG_OP_NEG:
        ASM_UNARY("neg");
    case EMU_TCG_OP_MUL:
        switch (size) {
        case 2:
            ASM_OP("imul", uint16_t, "w %[y], %[x]");
            break;
        case 4:
            ASM_OP("imul", uint32_t, "l %[y], %[x]");
            break;
        default:
            ASM_OP("imul", uint64_t, "q %[y], %[x]");
            break;
        }
        break;
    case EMU_TCG_OP_SHL:
        ASM_SHIFT("shl");
    case EMU_TCG_OP_SHR:
        ASM_SHIFT("shr");
    case EMU_TCG_OP_SAR:
        ASM_SHIFT("sar");
    case EMU_TCG_OP_ROL:
        ASM_SHIFT("rol");
    case EMU_TCG_OP_ROR:
        ASM_SHIFT("ror");
    default:
        g_assert_not_reached();
    }
    *flags = f & EMU_TCG_FLAGS_ALL;
    return a;
}

static uint64_t
size_mask(unsigned size)
{
    return size == 8 ? UINT64_MAX : (UINT64_C(1) << size * 8) - 1;
}

static uint64_t
eval_read(TestState *s, const uint64_t *temps, EmuTcgArg arg, unsigned size)
{
    uint64_t v;

    switch (TCG_ARG_KIND(arg)) {
    case EMU_TCG_ARG_GLOBAL: {
        unsigned index = TCG_GLOBAL_INDEX(arg);

        v = index < 16 ? *test_gpr(s, index) : index == 17 ? s->extra : 0;
        if (TCG_GLOBAL_PART(arg) == EMU_TCG_PART_HIGH8) {
            v >>= 8;
        }
        break;
    }
    case EMU_TCG_ARG_TEMP:
        v = temps[TCG_ARG_INDEX(arg)];
        break;
    case EMU_TCG_ARG_NONE:
        v = 0;
        break;
    default:
        v = (uint64_t)tcg_arg_value(test_ir, arg);
        break;
    }
    return v & size_mask(size);
}

static void
eval_write(TestState *s, uint64_t *temps, EmuTcgArg arg, unsigned size, uint64_t v)
{
    v &= size_mask(size);
    if (TCG_ARG_KIND(arg) == EMU_TCG_ARG_TEMP) {
        temps[TCG_ARG_INDEX(arg)] = v;
    } else if (TCG_ARG_KIND(arg) == EMU_TCG_ARG_GLOBAL) {
        unsigned index = TCG_GLOBAL_INDEX(arg);

        if (index == 17) {
            s->extra = (uint32_t)v;
            return;
        }

        uint64_t *p = test_gpr(s, index);

        if (TCG_GLOBAL_PART(arg) == EMU_TCG_PART_HIGH8) {
            *p = (*p & ~UINT64_C(0xff00)) | v << 8;
        } else if (size >= 4) {
            *p = v;
        } else {
            *p = (*p & ~size_mask(size)) | v;
        }
    }
}

static uint64_t
eval_addr(TestState *s, const uint64_t *temps, const EmuTcgAddr *a)
{
    uint64_t v = eval_read(s, temps, a->base, 8) + (eval_read(s, temps, a->index, 8) << a->scale) +
                 (uint64_t)a->disp;

    v = a->wrap == 64 ? v : v & size_mask(a->wrap / 8);
    v += eval_read(s, temps, a->segment, 8);
    return a->linear32 ? (uint32_t)v : v;
}

static bool
eval_cond(unsigned cond, uint64_t f)
{
    bool c = f & EMU_TCG_FLAG_C, z = f & EMU_TCG_FLAG_Z, sg = f & EMU_TCG_FLAG_S;
    bool o = f & EMU_TCG_FLAG_O, p = f & EMU_TCG_FLAG_P, r;

    switch (cond >> 1) {
    case 0:
        r = o;
        break;
    case 1:
        r = c;
        break;
    case 2:
        r = z;
        break;
    case 3:
        r = c || z;
        break;
    case 4:
        r = sg;
        break;
    case 5:
        r = p;
        break;
    case 6:
        r = sg != o;
        break;
    default:
        r = z || sg != o;
        break;
    }
    return r != (cond & 1);
}

/* One instruction; false: fault, nothing changed. */
static bool
eval_insn(TestState *s, unsigned insn)
{
    const EmuTcgIr *ir = test_ir;
    uint64_t temps[TCG_IR_MAX_TEMPS];
    uint64_t flags = s->flags;
    unsigned end = insn + 1 < ir->n_insns ? ir->insns[insn + 1].first_op : ir->n_ops;

    for (unsigned i = ir->insns[insn].first_op; i < end; i++) {
        const TcgOp *op = &ir->ops[i];
        unsigned size = tcg_type_bytes[op->type];

        switch (op->op) {
        case EMU_TCG_OP_INSN:
            s->pc = ir->insns[insn].pc + ir->insns[insn].length;
            break;
        case EMU_TCG_OP_INTERP: /* these tests give it no meaning of its own */
            break;
        case EMU_TCG_OP_MOV:
            eval_write(s, temps, op->dst, size, eval_read(s, temps, op->a, size));
            break;
        case EMU_TCG_OP_ZEXT:
            eval_write(s, temps, op->dst, size, eval_read(s, temps, op->a, tcg_type_bytes[op->x]));
            break;
        case EMU_TCG_OP_SEXT: {
            unsigned from = tcg_type_bytes[op->x];
            uint64_t v = eval_read(s, temps, op->a, from);

            eval_write(s, temps, op->dst, size,
                       (uint64_t)((int64_t)(v << (64 - from * 8)) >> (64 - from * 8)));
            break;
        }
        case EMU_TCG_OP_LEA:
            eval_write(s, temps, op->dst, size, eval_addr(s, temps, &ir->mems[op->x].addr));
            break;
        case EMU_TCG_OP_SELECT:
            eval_write(s, temps, op->dst, size,
                       eval_read(s, temps, eval_cond(op->x, flags) ? op->a : op->b, size));
            break;
        case EMU_TCG_OP_SET:
            eval_write(s, temps, op->dst, size, eval_cond(op->x, flags));
            break;
        case EMU_TCG_OP_NOT:
            eval_write(s, temps, op->dst, size, ~eval_read(s, temps, op->a, size));
            break;
        case EMU_TCG_OP_BSWAP: {
            uint64_t v = eval_read(s, temps, op->a, size);

            eval_write(s, temps, op->dst, size,
                       size == 8 ? __builtin_bswap64(v) : __builtin_bswap32((uint32_t)v));
            break;
        }
        case EMU_TCG_OP_GETF:
            eval_write(s, temps, op->dst, 4, flags);
            break;
        case EMU_TCG_OP_SETF:
            flags = (flags & ~(uint64_t)op->x) | (eval_read(s, temps, op->a, 4) & op->x);
            break;
        case EMU_TCG_OP_LOAD: {
            uint64_t v = 0;

            if (!emu_tcg_read(&s->tcg, eval_addr(s, temps, &ir->mems[op->x].addr), &v, size, 0)) {
                return false;
            }
            eval_write(s, temps, op->dst, size, v);
            break;
        }
        case EMU_TCG_OP_STORE: {
            uint64_t v = eval_read(s, temps, op->a, size);

            if (!emu_tcg_write(&s->tcg, eval_addr(s, temps, &ir->mems[op->x].addr), &v, size, 0)) {
                return false;
            }
            break;
        }
        case EMU_TCG_OP_BRANCH:
            s->pc = (uint64_t)tcg_arg_value(ir, eval_cond(op->x, flags) ? op->a : op->b);
            break;
        case EMU_TCG_OP_EXIT:
        case EMU_TCG_OP_JUMP:
            s->pc = (uint64_t)tcg_arg_value(ir, op->a);
            break;
        case EMU_TCG_OP_BRNZ:
            s->pc = (uint64_t)tcg_arg_value(
                ir, eval_read(s, temps, op->dst, size) != 0 ? op->a : op->b);
            break;
        case EMU_TCG_OP_JUMP_IND:
            s->pc = eval_read(s, temps, op->a, 8);
            break;
        default: {
            uint64_t f = flags;
            uint64_t v = eval_alu(op->op, size, eval_read(s, temps, op->a, size),
                                  eval_read(s, temps, op->b, op->op >= EMU_TCG_OP_SHL ? 1 : size), &f);

            if (op->op != EMU_TCG_OP_CMP && op->op != EMU_TCG_OP_TEST) {
                eval_write(s, temps, op->dst, size, v);
            }
            flags = (flags & ~(uint64_t)op->fdef) | (f & op->fdef);
            break;
        }
        }
    }
    s->flags = (uint32_t)flags;
    return true;
}

/* ---- random programs ---------------------------------------------------------------------------------------- */

static EmuTcgArg
random_global(GRand *r, EmuTcgIr *ir, unsigned size)
{
    static const uint8_t often[] = {0, 1, 2, 3, 6, 7, 8, 10, 11, 12};
    unsigned n = g_rand_boolean(r) ? often[g_rand_int_range(r, 0, G_N_ELEMENTS(often))]
                                   : (unsigned)g_rand_int_range(r, 0, 16);
    EmuTcgPart part = size == 1   ? EMU_TCG_PART_LOW8
                      : size == 2 ? EMU_TCG_PART_LOW16
                      : size == 4 ? EMU_TCG_PART_LOW32
                                  : EMU_TCG_PART_FULL;

    if (size == 1 && g_rand_int_range(r, 0, 4) == 0) {
        return emu_tcg_ir_global(ir, n & 3, EMU_TCG_PART_HIGH8);
    }
    return emu_tcg_ir_global(ir, n, part);
}

static EmuTcgArg
random_source(GRand *r, EmuTcgIr *ir, unsigned size)
{
    switch (g_rand_int_range(r, 0, 6)) {
    case 0:
        return emu_tcg_ir_const(ir, g_rand_int_range(r, -130, 130));
    case 1:
        return emu_tcg_ir_const(ir, size == 8 ? (int64_t)((uint64_t)g_rand_int(r) << 32 | g_rand_int(r))
                                              : (int32_t)g_rand_int(r));
    default:
        return random_global(r, ir, size);
    }
}

static EmuTcgMem
random_mem(GRand *r, EmuTcgIr *ir)
{
    EmuTcgMem mem = {.mmu_mode = EMU_TCG_MMU_CURRENT, .addr = {.wrap = 64}};
    EmuTcgArg small;

    /* Frames and fields: what groups are for. The registers start near the end of a page. */
    if (g_rand_boolean(r)) {
        static const uint8_t bases[] = {4, 5, 9};

        mem.addr.base = emu_tcg_ir_global(ir, bases[g_rand_int_range(r, 0, 3)], EMU_TCG_PART_FULL);
        mem.addr.disp = g_rand_int_range(r, -8, 8) * 8;
        return mem;
    }
    small = emu_tcg_ir_temp(ir);

    /* An address that lies in RAM whatever the registers hold, or any register at all. */
    emu_tcg_ir_op_flags(ir, EMU_TCG_OP_AND, EMU_TCG_I64, small, random_global(r, ir, 8),
                        emu_tcg_ir_const(ir, 0xfff), EMU_TCG_FLAGS_NONE);
    mem.addr.base = small;
    mem.addr.disp = (int64_t)DATA + g_rand_int_range(r, -64, 64);
    switch (g_rand_int_range(r, 0, 5)) {
    case 0:
        mem.addr.base = EMU_TCG_NO_ARG;
        mem.addr.index = small;
        mem.addr.scale = (uint8_t)g_rand_int_range(r, 0, 3);
        break;
    case 1:
        mem.addr.wrap = g_rand_int_range(r, 0, 2) ? 32 : 16;
        mem.addr.index = random_global(r, ir, 8);
        mem.addr.scale = (uint8_t)g_rand_int_range(r, 0, 4);
        mem.addr.linear32 = mem.addr.wrap == 32;
        break;
    case 2:
        mem.addr.segment = mem.addr.base;
        mem.addr.base = EMU_TCG_NO_ARG;
        break;
    case 3:
        mem.addr.base = random_global(r, ir, 8);
        break;
    default:
        break;
    }
    return mem;
}

static void
random_insn(GRand *r, EmuTcgIr *ir)
{
    static const uint8_t binary[] = {EMU_TCG_OP_ADD, EMU_TCG_OP_ADC, EMU_TCG_OP_SUB, EMU_TCG_OP_SBB,
                                     EMU_TCG_OP_AND, EMU_TCG_OP_OR,  EMU_TCG_OP_XOR};
    static const EmuTcgType types[] = {EMU_TCG_I8, EMU_TCG_I16, EMU_TCG_I32, EMU_TCG_I64};
    EmuTcgType type = types[g_rand_int_range(r, 0, 4)];
    unsigned size = tcg_type_bytes[type];
    EmuTcgArg d = random_global(r, ir, size);
    EmuTcgArg a = g_rand_int_range(r, 0, 3) ? d : random_source(r, ir, size);
    bool no_flags = g_rand_int_range(r, 0, 4) == 0;

    /* Constants added to a base. */
    if (g_rand_int_range(r, 0, 6) == 0) {
        static const uint8_t bases[] = {4, 5, 9};
        EmuTcgArg base = emu_tcg_ir_global(ir, bases[g_rand_int_range(r, 0, 3)], EMU_TCG_PART_FULL);
        int n = g_rand_int_range(r, -3, 4) * 8;

        if (g_rand_boolean(r)) {
            EmuTcgAddr addr = {.base = base, .wrap = 64, .disp = n};

            emu_tcg_ir_lea(ir, EMU_TCG_I64, base, &addr);
        } else {
            emu_tcg_ir_op(ir, g_rand_boolean(r) ? EMU_TCG_OP_ADD : EMU_TCG_OP_SUB, EMU_TCG_I64, base,
                          base, emu_tcg_ir_const(ir, n));
        }
        return;
    }
    switch (g_rand_int_range(r, 0, 16)) {
    case 0:
    case 1:
    case 2: {
        EmuTcgOpcode op = (EmuTcgOpcode)binary[g_rand_int_range(r, 0, G_N_ELEMENTS(binary))];

        emu_tcg_ir_op_flags(ir, op, type, d, a, random_source(r, ir, size),
                            no_flags ? 0 : tcg_op_info[op].fdef);
        break;
    }
    case 3:
        emu_tcg_ir_op(ir, g_rand_boolean(r) ? EMU_TCG_OP_CMP : EMU_TCG_OP_TEST, type, EMU_TCG_NO_ARG,
                      random_source(r, ir, size), random_source(r, ir, size));
        break;
    case 4: {
        static const uint8_t unary[] = {EMU_TCG_OP_INC, EMU_TCG_OP_DEC, EMU_TCG_OP_NEG,
                                        EMU_TCG_OP_NOT};
        EmuTcgOpcode op = (EmuTcgOpcode)unary[g_rand_int_range(r, 0, 4)];

        emu_tcg_ir_op_flags(ir, op, type, d, a, EMU_TCG_NO_ARG, no_flags ? 0 : tcg_op_info[op].fdef);
        break;
    }
    case 5: {
        EmuTcgOpcode op = (EmuTcgOpcode)g_rand_int_range(r, EMU_TCG_OP_SHL, EMU_TCG_OP_ROR + 1);
        EmuTcgArg count = g_rand_boolean(r) ? emu_tcg_ir_const(ir, g_rand_int_range(r, 0, 70))
                                            : random_global(r, ir, 1);

        emu_tcg_ir_op_flags(ir, op, type, d, a, count, no_flags ? 0 : tcg_op_info[op].fdef);
        break;
    }
    case 6:
        if (size > 1) {
            /* All of its FLAGS but C and O are undefined, and CPUs differ. */
            emu_tcg_ir_op_flags(ir, EMU_TCG_OP_MUL, type, d, a, random_source(r, ir, size), 0);
        }
        break;
    case 7:
        emu_tcg_ir_mov(ir, type, d, random_source(r, ir, size));
        break;
    case 8: {
        EmuTcgType from = types[g_rand_int_range(r, 0, 3)];

        if (tcg_type_bytes[from] < size) {
            emu_tcg_ir_extend(ir, g_rand_boolean(r), type, d,
                              random_global(r, ir, tcg_type_bytes[from]), from);
        }
        break;
    }
    case 9:
        emu_tcg_ir_select(ir, type, d, (EmuTcgCond)g_rand_int_range(r, 0, 16),
                          random_source(r, ir, size),
                          g_rand_boolean(r) ? d : random_source(r, ir, size));
        break;
    case 10:
        emu_tcg_ir_set(ir, type, d, (EmuTcgCond)g_rand_int_range(r, 0, 16));
        break;
    case 11:
        if (g_rand_boolean(r)) {
            emu_tcg_ir_getf(ir, random_global(r, ir, 4));
        } else {
            static const uint16_t parts[] = {EMU_TCG_FLAG_C, EMU_TCG_FLAGS_ALL,
                                             EMU_TCG_FLAGS_ALL & ~EMU_TCG_FLAG_O,
                                             EMU_TCG_FLAG_O | EMU_TCG_FLAG_Z};

            emu_tcg_ir_setf(ir, random_source(r, ir, 4), parts[g_rand_int_range(r, 0, 4)]);
        }
        break;
    case 12:
    case 13: {
        EmuTcgMem mem = random_mem(r, ir);

        if (g_rand_boolean(r)) {
            emu_tcg_ir_store(ir, type, random_source(r, ir, size), &mem);
        } else if (g_rand_boolean(r)) {
            emu_tcg_ir_load(ir, type, d, &mem);
        } else {
            EmuTcgArg t = emu_tcg_ir_temp(ir);
            EmuTcgOpcode op = (EmuTcgOpcode)binary[g_rand_int_range(r, 0, G_N_ELEMENTS(binary))];

            emu_tcg_ir_load(ir, type, t, &mem);
            emu_tcg_ir_op(ir, op, type, d, d, t);
        }
        break;
    }
    case 14: {
        EmuTcgAddr addr = {.wrap = 64, .disp = (int32_t)g_rand_int(r) >> 8};
        EmuTcgType t = size < 2 ? EMU_TCG_I64 : type;

        addr.base = g_rand_int_range(r, 0, 4) ? random_global(r, ir, 8) : EMU_TCG_NO_ARG;
        addr.index = g_rand_boolean(r) ? random_global(r, ir, 8) : EMU_TCG_NO_ARG;
        addr.scale = (uint8_t)g_rand_int_range(r, 0, 4);
        addr.wrap = (uint8_t)(16 << g_rand_int_range(r, 0, 3));
        emu_tcg_ir_lea(ir, t, random_global(r, ir, tcg_type_bytes[t]), &addr);
        break;
    }
    default:
        if (g_rand_boolean(r)) {
            emu_tcg_ir_interp_one(ir);
        } else {
            EmuTcgArg extra = emu_tcg_ir_global(ir, 17, EMU_TCG_PART_FULL);

            emu_tcg_ir_op_flags(ir, EMU_TCG_OP_XOR, EMU_TCG_I32, extra, extra,
                                random_source(r, ir, 4), no_flags ? 0 : EMU_TCG_FLAGS_ALL);
        }
        break;
    }
}

static void
build(EmuTcgIr *ir)
{
    if (test_text != NULL) {
        g_autoptr(GError) error = NULL;

        tcg_ir_parse(ir, test_text, &error);
        g_assert_no_error(error);
        return;
    }

    GRand *r = g_rand_new_with_seed(test_seed);
    unsigned n = (unsigned)g_rand_int_range(r, 1, 40);
    uint64_t pc = CODE_PC;

    for (unsigned i = 0; i < n && emu_tcg_ir_insn(ir, pc, 3); i++) {
        random_insn(r, ir);
        pc += 3;
    }
    switch (g_rand_int_range(r, 0, 4)) {
    case 0:
        emu_tcg_ir_branch(ir, (EmuTcgCond)g_rand_int_range(r, 0, 16), END_PC, END_PC + 8);
        break;
    case 1:
        emu_tcg_ir_brnz(ir, EMU_TCG_I32, random_global(r, ir, 4), END_PC, END_PC + 8);
        break;
    case 2:
        emu_tcg_ir_jump_ind(ir, emu_tcg_ir_const(ir, (int64_t)END_PC), EMU_TCG_JUMP_PLAIN);
        break;
    default:
        emu_tcg_ir_jump(ir, END_PC);
        break;
    }
    g_rand_free(r);
}

/* ---- the front end ---------------------------------------------------------------------------------------------- */

static uint64_t
test_get_pc(EmuTcgState *s)
{
    return ((TestState *)s)->pc;
}

static void
test_set_pc(EmuTcgState *s, uint64_t pc)
{
    ((TestState *)s)->pc = pc;
}

static EmuTcgExit
test_interp(EmuTcgState *tcg, unsigned max_insns, unsigned *executed)
{
    TestState *s = (TestState *)tcg;

    *executed = 0;
    s->n_interp++;
    for (unsigned i = 0; i < test_ir->n_insns; i++) {
        if (test_ir->insns[i].pc == s->pc) {
            *executed = 1;
            if (!eval_insn(s, i)) {
                s->faulted = true;
                s->pc = test_ir->insns[i].pc;
                return EMU_TCG_EXIT_DEBUG;
            }
            return EMU_TCG_EXIT_NONE;
        }
    }
    return EMU_TCG_EXIT_DEBUG;
}

/* Pages of 2 MiB, each 4 KiB of which is the RAM page whose number is @walk_shift more, modulo the RAM. */
#define LARGE_PAGES UINT64_C(0x40000000)
static bool walk_large;
static uint64_t walk_shift;

static bool
test_walk(EmuTcgState *s, uint64_t vaddr, EmuTcgAccess access, unsigned mmu_mode, bool record,
          EmuTcgTranslation *out)
{
    if (walk_large) {
        *out = (EmuTcgTranslation){
            .phys = ((vaddr >> 12) + walk_shift) % (RAM_SIZE >> 12) << 12 | (vaddr & 0xfff),
            .page_size = 2 << 20,
            .prot = 7,
        };
        return true;
    }
    if (vaddr >= RAM_SIZE) {
        return false;
    }
    *out = (EmuTcgTranslation){.phys = vaddr, .page_size = 4096, .prot = 7};
    return true;
}

static EmuTcgExit
test_raise(EmuTcgState *s)
{
    ((TestState *)s)->faulted = true;
    return EMU_TCG_EXIT_DEBUG;
}

static bool
test_false(EmuTcgState *s)
{
    return false;
}

static EmuTcgExit
test_deliver(EmuTcgState *s)
{
    return EMU_TCG_EXIT_NONE;
}

static unsigned
test_lift(EmuTcgState *s, EmuTcgIr *ir, uint64_t pc, const uint8_t *code, unsigned avail,
          uint64_t mode_key, unsigned max_insns)
{
    if (pc != CODE_PC) {
        return 0;
    }
    if (max_insns < TCG_IR_MAX_INSNS) {
        g_test_message("seed %u: the emitter gave a block up", test_seed);
        g_test_fail();
    }
    build(ir);

    g_autofree char *wrong = tcg_ir_validate(ir);

    g_assert_cmpstr(wrong, ==, NULL);
    return ir->n_insns * 3;
}

static const EmuTcgFrontend test_frontend = {
    .struct_size = sizeof(EmuTcgFrontend),
    .name = "test",
    .isa = "x86-64",
    .state_size = sizeof(TestState),
    .globals = test_globals,
    .n_globals = G_N_ELEMENTS(test_globals),
    .fx_offset = offsetof(TestState, fx),
    .get_pc = test_get_pc,
    .set_pc = test_set_pc,
    .interp = test_interp,
    .walk = test_walk,
    .raise_recorded = test_raise,
    .interrupt_wanted = test_false,
    .deliver_interrupt = test_deliver,
    .has_work = test_false,
    .lift = test_lift,
};

typedef struct {
    TcgMachine m;
    EmuMemoryRegion *root, *ram;
    EmuAddressSpace *as;
    uint8_t *host;
    TestState *s;
    EmuTcgVcpu *v;
} Fixture;

static void
fixture_init(Fixture *f)
{
    g_autoptr(GError) error = NULL;

    memset(f, 0, sizeof(*f));
    emu_rcu_register_thread();
    f->root = emu_memory_region_new_container(NULL, "root", UINT64_MAX);
    f->ram = emu_memory_region_new_ram(NULL, "ram", RAM_SIZE, &error);
    g_assert_no_error(error);
    emu_memory_region_add_subregion(f->root, 0, f->ram, 0);
    f->as = emu_address_space_new(f->root, "test");
    f->host = emu_memory_region_get_ram_pointer(f->ram);

    f->m.mode = TCG_MODE_JIT;
    f->m.vcpus = g_ptr_array_new();
    f->m.io = f->as;
    pthread_mutex_init(&f->m.lock, NULL);
    pthread_cond_init(&f->m.cond, NULL);
    tcg_machine_register(&f->m);
    g_assert_true(tcg_translator_new(&f->m, 1 << 20, &error));
    f->s = (TestState *)emu_tcg_state_new(&test_frontend, NULL);
    f->v = f->s->tcg.vcpu;
    f->v->machine = &f->m;
    f->v->as = f->as;
    g_assert_true(tcg_translator_add_vcpu(f->v, &error));
    g_ptr_array_add(f->m.vcpus, f->v);

    static const uint16_t fcw = 0x37f;
    static const uint32_t mxcsr = 0x1f80;

    memcpy(f->s->fx, &fcw, sizeof(fcw));
    memcpy(f->s->fx + 24, &mxcsr, sizeof(mxcsr));
    if (test_ir == NULL) {
        test_ir = tcg_ir_new();
    }
}

static void
fixture_finish(Fixture *f)
{
    tcg_machine_unregister(&f->m);
    tcg_translator_free(&f->m);
    emu_tcg_state_free(&f->s->tcg);
    g_ptr_array_unref(f->m.vcpus);
    emu_address_space_free(f->as);
    g_object_unref(f->ram);
    g_object_unref(f->root);
}

/* Everything that one run may change. */
typedef struct {
    uint64_t gpr[16], pc, guard;
    uint32_t flags, extra;
    bool faulted;
    uint8_t ram[RAM_SIZE];
} Outcome;

static void
outcome_load(Fixture *f, const Outcome *o)
{
    for (unsigned i = 0; i < 16; i++) {
        *test_gpr(f->s, i) = o->gpr[i];
    }
    f->s->pc = o->pc;
    f->s->flags = o->flags;
    f->s->extra = o->extra;
    f->s->guard = o->guard;
    f->s->faulted = false;
    memcpy(f->host, o->ram, RAM_SIZE);
}

static void
outcome_store(Fixture *f, Outcome *o)
{
    for (unsigned i = 0; i < 16; i++) {
        o->gpr[i] = *test_gpr(f->s, i);
    }
    o->pc = f->s->pc;
    o->flags = f->s->flags;
    o->extra = f->s->extra;
    o->guard = f->s->guard;
    o->faulted = f->s->faulted;
    memcpy(o->ram, f->host, RAM_SIZE);
}

static void
run_both(Fixture *f, const Outcome *start, Outcome *expected, Outcome *got)
{
    tcg_ir_begin(test_ir, &test_frontend, CODE_PC, 0, 0, TCG_IR_MAX_INSNS);
    build(test_ir);

    emu_tcg_flush_all(&f->s->tcg);
    outcome_load(f, start);
    f->s->pc = CODE_PC;
    for (unsigned i = 0; i < test_ir->n_insns; i++) {
        if (!eval_insn(f->s, i)) {
            f->s->faulted = true;
            f->s->pc = test_ir->insns[i].pc;
            break;
        }
    }
    outcome_store(f, expected);

    emu_tcg_flush_all(&f->s->tcg);
    outcome_load(f, start);
    f->s->pc = CODE_PC;
    __atomic_store_n(&f->s->tcg.exit_request, 0, __ATOMIC_SEQ_CST);
    g_assert_cmpint(tcg_execute(f->v), ==, EMU_TCG_EXIT_DEBUG);
    outcome_store(f, got);
}

static bool
outcome_equal(const Outcome *a, const Outcome *b)
{
    return memcmp(a->gpr, b->gpr, sizeof(a->gpr)) == 0 && a->pc == b->pc && a->flags == b->flags &&
           a->extra == b->extra && a->guard == b->guard && a->faulted == b->faulted &&
           memcmp(a->ram, b->ram, RAM_SIZE) == 0;
}

static void
outcome_report(const Outcome *start, const Outcome *want, const Outcome *got)
{
    g_autoptr(GString) out = g_string_new(NULL);

    tcg_ir_backward(test_ir);
    tcg_ir_dump(test_ir, out);
    g_test_message("seed %u\n%s", test_seed, out->str);
    for (unsigned i = 0; i < 16; i++) {
        if (want->gpr[i] != got->gpr[i]) {
            g_test_message("%s: was %#lx want %#lx got %#lx", test_globals[i].name,
                           (unsigned long)start->gpr[i], (unsigned long)want->gpr[i],
                           (unsigned long)got->gpr[i]);
        }
    }
    g_test_message("flags: was %#x want %#x got %#x; pc want %#lx got %#lx; fault %d %d; extra %#x "
                   "%#x",
                   start->flags, want->flags, got->flags, (unsigned long)want->pc,
                   (unsigned long)got->pc, want->faulted, got->faulted, want->extra, got->extra);
    for (unsigned i = 0; i < RAM_SIZE; i++) {
        if (want->ram[i] != got->ram[i]) {
            g_test_message("ram %#x: was %#x want %#x got %#x", i, start->ram[i], want->ram[i],
                           got->ram[i]);
        }
    }
}

static void
random_start(Outcome *o, guint32 seed)
{
    GRand *r = g_rand_new_with_seed(seed ^ 0x5a5a5a5a);

    memset(o, 0, sizeof(*o));
    for (unsigned i = 0; i < 16; i++) {
        o->gpr[i] = g_rand_boolean(r) ? DATA + g_rand_int(r) % 0x2000
                                      : (uint64_t)g_rand_int(r) << 32 | g_rand_int(r);
    }
    o->gpr[4] = DATA + 0xe00 + g_rand_int(r) % 0x400;
    o->gpr[5] = DATA + 0xe00 + g_rand_int(r) % 0x400;
    o->gpr[9] = DATA + 0xe00 + g_rand_int(r) % 0x400;
    o->flags = g_rand_int(r) & EMU_TCG_FLAGS_ALL;
    o->extra = g_rand_int(r);
    o->guard = UINT64_C(0x1122334455667788);
    for (unsigned i = 0; i < RAM_SIZE; i += 4) {
        guint32 v = g_rand_int(r);

        memcpy(o->ram + i, &v, 4);
    }
    g_rand_free(r);
}

/* ---- tests ----------------------------------------------------------------------------------------------------- */

static void
test_random(gconstpointer data)
{
    static Outcome start, want, got;
    Fixture f;
    unsigned n = g_test_slow() ? 200000 : 2000;

    fixture_init(&f);
    f.m.stress_slot_miss = GPOINTER_TO_UINT(data) == 1;
    f.m.stress_hashed = GPOINTER_TO_UINT(data) == 2;
    f.m.one_insn_per_block = false;
    test_text = NULL;
    if (g_getenv("EMU_TEST_SEED") != NULL) {
        n = 1;
    }
    for (unsigned i = 0; i < n; i++) {
        if (g_getenv("EMU_TEST_SEED") != NULL) {
            emu_log_set_items("out_asm", NULL);
        }
        test_seed = g_getenv("EMU_TEST_SEED") != NULL ? (guint32)atoi(g_getenv("EMU_TEST_SEED")) : i;
        random_start(&start, test_seed);
        run_both(&f, &start, &want, &got);
        if (!outcome_equal(&want, &got)) {
            outcome_report(&start, &want, &got);
            g_test_fail();
            break;
        }
        /* The code page is written: the block goes. */
        tcg_code_written(&f.m, NULL, emu_ram_addr_from_host(f.host) + CODE_PC, 16);
        tcg_code_written(&f.m, NULL, emu_ram_addr_from_host(f.host) + END_PC, 16);
    }
    fixture_finish(&f);
}

static void
check_text(Fixture *f, const char *text)
{
    static Outcome start, want, got;

    for (unsigned i = 0; i < 20; i++) {
        test_text = text;
        random_start(&start, i);
        run_both(f, &start, &want, &got);
        if (!outcome_equal(&want, &got)) {
            outcome_report(&start, &want, &got);
            g_test_fail();
            return;
        }
        tcg_code_written(&f->m, NULL, emu_ram_addr_from_host(f->host) + CODE_PC, 16);
    }
}

static void
test_blocks(void)
{
    static const char *const blocks[] = {
        /* FLAGS that only an exception sees: by recipe, out of line. */
        "insn 0, 3\n add.i64 rax, rax, 5\n"
        "insn 3, 3\n load.i64 rbx, [rcx]\n"
        "insn 6, 3\n sub.i32 rdx.d, rdx.d, rax.d\n"
        "insn 9, 3\n store.i8 rdx.l, [rdi + 0x10]\n"
        "insn 12, 3\n jump @0x8ff0\n",
        /* The operand of a recipe is overwritten before the access. */
        "insn 0, 3\n cmp.i64 rax, r8\n"
        "insn 3, 3\n load.i64 rax, [r9]\n"
        "insn 6, 3\n load.i64 rbx, [rsi + 0x8]\n"
        "insn 9, 3\n xor.i32 rcx.d, rcx.d, rcx.d\n"
        "insn 12, 3\n branch z, @0x8ff0, @0x8ff8\n",
        /* FLAGS used behind an access. */
        "insn 0, 3\n cmp.i8 rax.h, 3\n"
        "insn 3, 3\n load.i16 rbx.w, [rsp]\n"
        "insn 6, 3\n select.i64 rcx, c, rdx, rcx\n"
        "insn 9, 3\n branch le, @0x8ff0, @0x8ff8\n",
        /* INC keeps C. */
        "insn 0, 3\n add.i64 rax, rax, rbx\n"
        "insn 3, 3\n inc.i32 r10.d, r10.d\n"
        "insn 6, 3\n adc.i64 rcx, rcx, 0\n"
        "insn 9, 3\n jump @0x8ff0\n",
        /* A shift by a variable count may keep everything. */
        "insn 0, 3\n cmp.i64 rax, rbx\n"
        "insn 3, 3\n shl.i64 rdx, rdx, rcx.l\n"
        "insn 6, 3\n set.i8 r9.l, c\n"
        "insn 9, 3\n branch s, @0x8ff0, @0x8ff8\n",
        /* The address that an empty prediction slot holds: the host fault becomes the guest's. */
        "insn 0, 3\n mov.i64 rcx, 0x8000dead00000010\n"
        "insn 3, 3\n add.i64 rax, rax, 5\n"
        "insn 6, 3\n load.i64 rbx, [rcx]\n"
        "insn 9, 3\n jump @0x8ff0\n",
        /* A temp used by two ops, an address with everything. */
        "insn 0, 3\n and.i64 t0, rax, 0x7f8  flags=-\n load.i64 t1, [r8 + t0*1 + 0x10 wrap16]\n"
        " add.i64 rax, rax, t1\n mov.i64 r11, t1\n"
        "insn 3, 3\n jump @0x8ff0\n",
    };
    Fixture f;

    fixture_init(&f);
    for (unsigned i = 0; i < G_N_ELEMENTS(blocks); i++) {
        check_text(&f, blocks[i]);
    }
    test_text = NULL;
    fixture_finish(&f);
}

/* What is dumped can be read back, and is the same. */
static void
test_text_form(void)
{
    EmuTcgIr *ir = tcg_ir_new(), *again = tcg_ir_new();

    test_text = NULL;
    for (test_seed = 0; test_seed < 200; test_seed++) {
        g_autoptr(GString) one = g_string_new(NULL);
        g_autoptr(GString) two = g_string_new(NULL);
        g_autoptr(GError) error = NULL;

        tcg_ir_begin(ir, &test_frontend, CODE_PC, 0, 0, TCG_IR_MAX_INSNS);
        build(ir);
        tcg_ir_backward(ir);
        tcg_ir_dump(ir, one);
        tcg_ir_begin(again, &test_frontend, CODE_PC, 0, 0, TCG_IR_MAX_INSNS);
        tcg_ir_parse(again, one->str, &error);
        g_assert_no_error(error);
        tcg_ir_backward(again);
        tcg_ir_dump(again, two);
        g_assert_cmpstr(one->str, ==, two->str);
    }
    g_free(ir);
    g_free(again);
}

static void
test_validator(void)
{
    static const struct {
        const char *text, *wrong;
    } cases[] = {
        {"insn 0, 1\n mov.i64 rax, rbx\n", "a block ends with an op that ends it"},
        {"mov.i64 rax, rbx\njump @0x0\n", "a block starts with an instruction marker"},
        {"insn 0, 1\n mov.i64 rax, t0\njump @0x0\n", "op 1 (mov): temp used before its definition"},
        {"insn 0, 1\n mov.i64 t0, 1\ninsn 1, 1\n mov.i64 rax, t0\njump @0x0\n",
         "op 3 (mov): temp of an earlier instruction"},
        {"insn 0, 1\n mov.i64 rax, 1\n load.i64 rbx, [rcx]\njump @0x0\n",
         "op 2 (load): may leave behind a write of a global in the same instruction"},
        {"insn 0, 1\n mul.i8 rax.l, rax.l, rbx.l\njump @0x0\n", "op 1 (mul): type"},
    };
    EmuTcgIr *ir = tcg_ir_new();

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        tcg_ir_begin(ir, &test_frontend, CODE_PC, 0, 0, TCG_IR_MAX_INSNS);
        tcg_ir_parse(ir, cases[i].text, &error);
        g_assert_no_error(error);

        g_autofree char *wrong = tcg_ir_validate(ir);

        g_assert_cmpstr(wrong, ==, cases[i].wrong);
    }
    g_free(ir);
}

/* A large page is forgotten whole by any address in it, however many there are and however much of them was seen. */
static void
test_large_pages(void)
{
    Fixture f;
    const unsigned ram_pages = RAM_SIZE >> 12;

    fixture_init(&f);
    walk_large = true;
    for (unsigned i = 0; i < ram_pages; i++) {
        f.host[i << 12] = (uint8_t)i;
    }
    for (unsigned pages = 1; pages <= 2 * TCG_LARGE_PAGES; pages += 3) {
        for (unsigned parts = 1; parts <= 2 * TCG_LARGE_PARTS; parts++) {
            for (unsigned forget = 0; forget < pages; forget++) {
                uint64_t flushes = f.v->n_flushes;

                for (unsigned pass = 0; pass < 2; pass++) {
                    for (unsigned i = 0; i < pages; i++) {
                        for (unsigned k = 0; k < parts; k++) {
                            uint64_t at = LARGE_PAGES + ((uint64_t)i << 21) + (uint64_t)k * 7 * 4096;
                            uint8_t byte;

                            g_assert_true(emu_tcg_read(&f.s->tcg, at, &byte, 1, k & 1));
                            if (pass == 0 || i == forget) {
                                g_assert_cmphex(byte, ==, (uint8_t)(((at >> 12) + walk_shift) % ram_pages));
                            }
                        }
                    }
                    if (pass == 0) {
                        walk_shift++;
                        emu_tcg_flush_page(&f.s->tcg, LARGE_PAGES + ((uint64_t)forget << 21) + 0x1ff000);
                    }
                }
                g_assert_cmpuint(f.v->n_flushes, >, flushes);
                emu_tcg_flush_all(&f.s->tcg);
            }
        }
    }
    walk_large = false;
    fixture_finish(&f);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tcg/ir/text", test_text_form);
    g_test_add_func("/tcg/ir/validator", test_validator);
    g_test_add_func("/tcg/tlb/large-pages", test_large_pages);
    g_test_add_func("/tcg/emit/blocks", test_blocks);
    g_test_add_data_func("/tcg/emit/random", GUINT_TO_POINTER(0), test_random);
    g_test_add_data_func("/tcg/emit/random-slow-path", GUINT_TO_POINTER(1), test_random);
    g_test_add_data_func("/tcg/emit/random-hashed", GUINT_TO_POINTER(2), test_random);
    return g_test_run();
}
