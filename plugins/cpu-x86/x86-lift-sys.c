/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lifting rules of system instructions that operating systems execute often, and the helpers that they call. */

#include "x86-interp.h"
#include "x86-lift.h"

static EmuTcgArg
selector(X86Lift *l, unsigned segment)
{
    return x86_lift_global(l, X86_GLOBAL_SELECTOR + segment);
}

bool
x86_lift_mov_seg_from(X86Lift *l, const X86Insn *insn)
{
    unsigned size = insn->op[0].size;
    EmuTcgMem mem;

    if (insn->op[0].kind == X86_OPND_MEM) {
        if (!x86_lift_mem(l, insn, size, EMU_TCG_PROT_WRITE, &mem)) {
            return false;
        }
        emu_tcg_ir_store(l->ir, EMU_TCG_I16, selector(l, insn->op[1].reg), &mem);
    } else if (size == 2) {
        emu_tcg_ir_mov(l->ir, EMU_TCG_I16, x86_lift_gpr(l, insn->op[0].reg, 2), selector(l, insn->op[1].reg));
    } else {
        emu_tcg_ir_extend(l->ir, false, x86_lift_type(size), x86_lift_gpr(l, insn->op[0].reg, size),
                          selector(l, insn->op[1].reg), EMU_TCG_I16);
    }
    return true;
}

bool
x86_lift_swapgs(X86Lift *l, const X86Insn *insn G_GNUC_UNUSED)
{
    EmuTcgArg now = x86_lift_global(l, X86_GLOBAL_SEG_BASE + X86_GS), other = x86_lift_global(l, X86_GLOBAL_KERNEL_GS);
    EmuTcgArg t = emu_tcg_ir_temp(l->ir);

    emu_tcg_ir_mov(l->ir, EMU_TCG_I64, t, now);
    emu_tcg_ir_mov(l->ir, EMU_TCG_I64, now, other);
    emu_tcg_ir_mov(l->ir, EMU_TCG_I64, other, t);
    return true;
}

bool
x86_lift_mov_from_cr(X86Lift *l, const X86Insn *insn)
{
    static const uint8_t global[5] = {X86_GLOBAL_CR0, 0, X86_GLOBAL_CR2, X86_GLOBAL_CR3, X86_GLOBAL_CR4};
    unsigned n = insn->op[1].reg, size = insn->op[0].size;

    if (n > 4 || global[n] == 0) {
        return false;
    }
    emu_tcg_ir_mov(l->ir, x86_lift_type(size), x86_lift_gpr(l, insn->op[0].reg, size), x86_lift_global(l, global[n]));
    return true;
}

/* ---- interrupt flag ------------------------------------------------------------------------------------------ */

static uint64_t
helper_sti(EmuTcgState *tcg, uint64_t a G_GNUC_UNUSED, uint64_t b G_GNUC_UNUSED, uint64_t c G_GNUC_UNUSED)
{
    X86State *s = (X86State *)tcg;

    if (!(s->eflags & X86_IF)) {
        s->eflags |= X86_IF;
        s->shadow = X86_SHADOW_STI;
        s->tcg.mode_key |= X86_MODE_SHADOW;
        if (__atomic_load_n(&s->interrupt_request, __ATOMIC_SEQ_CST)) {
            __atomic_store_n(&tcg->exit_request, 1, __ATOMIC_SEQ_CST);
        }
    }
    return 0;
}

void
x86_lift_end_shadow(X86Lift *l)
{
    if (l->ends_shadow) {
        emu_tcg_ir_mov(l->ir, EMU_TCG_I8, x86_lift_global(l, X86_GLOBAL_SHADOW), emu_tcg_ir_const(l->ir, 0));
        emu_tcg_ir_mov(l->ir, EMU_TCG_I32, x86_lift_global(l, X86_GLOBAL_MODE_LOW), emu_tcg_ir_const(l->ir, (int32_t)l->mode));
    }
}

/*
 * The interrupt shadow is the next instruction. The state says so, in case that one goes to the interpreter; else it is
 * executed without a look at requests, and behind it the shadow ends and a jump looks (x86_lift()). A next instruction
 * that ends the block by itself, other than by a jump or return, or is not in it, is the interpreter's.
 */
bool
x86_lift_sti(X86Lift *l, const X86Insn *insn G_GNUC_UNUSED)
{
    static const EmuTcgHelper sti = {.name = "sti", .fn = helper_sti, .flags = EMU_TCG_HELPER_NO_FP};

    X86Insn next;
    int length;

    if (!(l->mode & X86_MODE_IOPL) || (l->mode & X86_MODE_VM86) || l->n_after == 0 ||
        (length = x86_decode(l->after, l->n_after, l->mode, l->s->features, &next)) <= 0) {
        return false;
    }
    if ((next.row->attr & X86_A_END) && x86_lift_rules[next.row->op] && next.row->op != X86_OP_ret && next.row->op != X86_OP_jmp_ind &&
        next.row->op != X86_OP_jmp) {
        /* Should that become another one (Linux patches what follows), the block is to be made again. */
        l->looked_at = (unsigned)length;
        return false;
    }
    emu_tcg_ir_call(l->ir, &sti, EMU_TCG_NO_ARG, EMU_TCG_NO_ARG, EMU_TCG_NO_ARG, EMU_TCG_NO_ARG);
    l->shadow = true;
    return true;
}

/* @value was popped; @next is the instruction behind. */
static uint64_t
helper_popf(EmuTcgState *tcg, uint64_t value, uint64_t next, uint64_t size)
{
    X86State *s = (X86State *)tcg;
    uint32_t take = X86_CC | X86_TF | X86_DF | X86_NT | X86_AC | X86_ID | X86_RF | X86_IF | X86_IOPL;
    uint32_t v = (uint32_t)value & ~X86_RF;
    uint64_t key = s->tcg.mode_key;

    if (size == 2) {
        take &= 0xffff;
    }
    x86_set_sp(s, X86_LOW(s, X86_RSP) + size);
    x86_set_eflags(s, (x86_get_eflags(s) & ~take) | (v & take));
    x86_update_mode(s);
    if (s->tcg.mode_key != key ||
        ((s->eflags & X86_IF) && __atomic_load_n(&s->interrupt_request, __ATOMIC_SEQ_CST))) {
        x86_set_pc(tcg, next);
        return EMU_TCG_HELPER_NEXT_BLOCK;
    }
    return EMU_TCG_HELPER_GO_ON;
}

/* At CPL 0, where no flag is kept from it. */
bool
x86_lift_popf(X86Lift *l, const X86Insn *insn)
{
    static const EmuTcgHelper popf = {
        .name = "popf",
        .fn = helper_popf,
        .flags = EMU_TCG_HELPER_NO_FP | EMU_TCG_HELPER_MAY_LEAVE | EMU_TCG_HELPER_READS_FLAGS | EMU_TCG_HELPER_WRITES_FLAGS,
        .reads = 1 << X86_RSP,
        .writes = 1 << X86_RSP,
    };
    EmuTcgArg value;
    EmuTcgMem mem;

    if ((l->mode & X86_MODE_VM86) || (l->mode >> X86_MODE_CPL_SHIFT & 3) ||
        !x86_lift_stack(l, 0, insn->opsize, EMU_TCG_PROT_READ, &mem)) {
        return false;
    }
    value = emu_tcg_ir_temp(l->ir);
    emu_tcg_ir_load(l->ir, x86_lift_type(insn->opsize), value, &mem);
    emu_tcg_ir_call(l->ir, &popf, EMU_TCG_NO_ARG, value, emu_tcg_ir_pcrel(l->ir, l->next), emu_tcg_ir_const(l->ir, insn->opsize));
    return true;
}

/* ---- what is the interpreter's, but for the way there ------------------------------------------------------------- */

/* Something is to be checked that would raise an exception: the instruction as the interpreter does it. */
static uint64_t
interpret(EmuTcgState *tcg)
{
    unsigned executed;
    EmuTcgExit reason = x86_interp(tcg, 1, &executed);

    return reason == EMU_TCG_EXIT_NONE || reason == EMU_TCG_EXIT_MODE ? EMU_TCG_HELPER_NEXT_BLOCK
                                                                     : EMU_TCG_HELPER_EXIT + (uint64_t)reason;
}

static uint64_t
helper_rdtsc(EmuTcgState *tcg, uint64_t a G_GNUC_UNUSED, uint64_t b G_GNUC_UNUSED, uint64_t c G_GNUC_UNUSED)
{
    X86State *s = (X86State *)tcg;

    if (s->cpl != 0 && (s->cr4 & X86_CR4_TSD)) {
        return interpret(tcg);
    }
    x86_exec_rdtsc(s, NULL);
    return EMU_TCG_HELPER_GO_ON;
}

#define LEVEL (EMU_TCG_HELPER_GENERAL | EMU_TCG_HELPER_READS_FLAGS | EMU_TCG_HELPER_WRITES_FLAGS)

/* Instructions that go from one privilege level to another, in 64-bit code: where the helper goes on is in RIP. */
static bool
lift_level(X86Lift *l, const EmuTcgHelper *helper, EmuTcgArg arg)
{
    emu_tcg_ir_call(l->ir, helper, EMU_TCG_NO_ARG, arg, EMU_TCG_NO_ARG, EMU_TCG_NO_ARG);
    emu_tcg_ir_jump_ind(l->ir, x86_lift_global(l, X86_GLOBAL_RIP), EMU_TCG_JUMP_MODE);
    l->ended = true;
    return true;
}

static bool
level_is_plain(const X86Lift *l, const X86Insn *insn, unsigned length)
{
    return (l->mode & X86_MODE_CODE_MASK) == X86_MODE_CODE64 && insn->length == length && !l->ends_shadow;
}

bool
x86_lift_syscall(X86Lift *l, const X86Insn *insn)
{
    static const EmuTcgHelper syscall = {.name = "syscall", .fn = x86_fast_syscall, .flags = LEVEL,
                                         .reads = 1u << X86_RCX | 1u << X86_R11, .writes = 1u << X86_RCX | 1u << X86_R11};

    return level_is_plain(l, insn, 2) && lift_level(l, &syscall, emu_tcg_ir_pcrel(l->ir, l->next));
}

/* To 64-bit code only: the prefix says so. */
bool
x86_lift_sysret(X86Lift *l, const X86Insn *insn)
{
    static const EmuTcgHelper sysret = {.name = "sysret", .fn = x86_fast_sysret, .flags = LEVEL,
                                        .reads = 1u << X86_RCX | 1u << X86_R11};

    return insn->opsize == 8 && !(l->mode >> X86_MODE_CPL_SHIFT & 3) && level_is_plain(l, insn, 3) &&
           lift_level(l, &sysret, emu_tcg_ir_const(l->ir, 0));
}

bool
x86_lift_iret(X86Lift *l, const X86Insn *insn)
{
    static const EmuTcgHelper iret = {.name = "iret", .fn = x86_fast_iret, .flags = LEVEL, .reads = 1u << X86_RSP,
                                      .writes = 1u << X86_RSP};

    return insn->opsize == 8 && !(l->mode >> X86_MODE_CPL_SHIFT & 3) && level_is_plain(l, insn, 2) &&
           lift_level(l, &iret, emu_tcg_ir_const(l->ir, 0));
}

bool
x86_lift_rdtsc(X86Lift *l, const X86Insn *insn G_GNUC_UNUSED)
{
    static const EmuTcgHelper rdtsc = {
        .name = "rdtsc",
        .fn = helper_rdtsc,
        .flags = EMU_TCG_HELPER_NO_FP | EMU_TCG_HELPER_MAY_LEAVE,
        .reads = 1u << X86_RAX | 1u << X86_RDX,
        .writes = 1u << X86_RAX | 1u << X86_RDX,
    };

    emu_tcg_ir_call(l->ir, &rdtsc, EMU_TCG_NO_ARG, EMU_TCG_NO_ARG, EMU_TCG_NO_ARG, EMU_TCG_NO_ARG);
    return true;
}

/* ---- strings ---------------------------------------------------------------------------------------------------- */

#define STRING_READS (1 << X86_RSI | 1 << X86_RDI | 1 << X86_RCX | 1 << X86_RAX)
#define STRING_WRITES (1 << X86_RSI | 1 << X86_RDI | 1 << X86_RCX)

/* What REP MOVS and REP STOS with plain addresses are, for a host that does them in place. */
#define BLOCK_OP(SIZE, FROM, WRAP) \
    {.size = SIZE, .to = X86_RDI, .from = FROM, .value = X86_RAX, .count = X86_RCX, .wrap = WRAP, .guard_global = X86_GLOBAL_EFLAGS, .guard_mask = X86_DF}
#define BLOCK_OPS(FROM, WRAP) {BLOCK_OP(1, FROM, WRAP), BLOCK_OP(2, FROM, WRAP), BLOCK_OP(4, FROM, WRAP), BLOCK_OP(8, FROM, WRAP)}
#define BLOCK_HELPER(NAME, FN, BLOCK) \
    {.name = NAME, .fn = FN, .flags = EMU_TCG_HELPER_GENERAL, .reads = STRING_READS, .writes = STRING_WRITES, .block = BLOCK}
#define BLOCK_HELPERS(NAME, FN, BLOCKS) \
    {BLOCK_HELPER(NAME "b", FN, &BLOCKS[0]), BLOCK_HELPER(NAME "w", FN, &BLOCKS[1]), BLOCK_HELPER(NAME "d", FN, &BLOCKS[2]), \
     BLOCK_HELPER(NAME "q", FN, &BLOCKS[3])}

/* MOVS and STOS. */
bool
x86_lift_string(X86Lift *l, const X86Insn *insn)
{
    static const EmuTcgHelper movs = BLOCK_HELPER("movs", x86_fast_movs, NULL), stos = BLOCK_HELPER("stos", x86_fast_stos, NULL);
    static const EmuTcgHelper movs_flat64 = BLOCK_HELPER("movs_flat64", x86_fast_movs_flat64, NULL);
    static const EmuTcgBlockOp copy[2][4] = {BLOCK_OPS(X86_RSI, 32), BLOCK_OPS(X86_RSI, 64)};
    static const EmuTcgBlockOp fill[2][4] = {BLOCK_OPS(EMU_TCG_BLOCK_FILL, 32), BLOCK_OPS(EMU_TCG_BLOCK_FILL, 64)};
    static const EmuTcgHelper rep_movs[2][4] = {BLOCK_HELPERS("rep_movs", x86_fast_movs, copy[0]),
                                                BLOCK_HELPERS("rep_movs", x86_fast_movs_flat64, copy[1])};
    static const EmuTcgHelper rep_stos[2][4] = {BLOCK_HELPERS("rep_stos", x86_fast_stos, fill[0]),
                                                BLOCK_HELPERS("rep_stos", x86_fast_stos, fill[1])};
    const EmuTcgHelper *helper;
    bool is_movs = insn->row->op == X86_OP_movs, wide = (l->mode & X86_MODE_CODE_MASK) == X86_MODE_CODE64;
    unsigned what = insn->op[0].size, source = is_movs ? insn->segment : X86_ES;
    uint64_t usable = l->mode >> X86_MODE_FLAT_SHIFT | l->mode >> X86_MODE_NOLIMIT_SHIFT | l->mode >> X86_MODE_LIMITED_SHIFT;

    if (wide ? insn->addrsize != 8 || source >= X86_FS : !(usable >> X86_ES & 1) || !(usable >> source & 1)) {
        return false;
    }
    if (!wide && !((l->mode & X86_MODE_FLAT(X86_ES)) && (l->mode & X86_MODE_FLAT(source)))) {
        what |= X86_FAST_SEGMENTS | source << X86_FAST_SOURCE_SHIFT;
    }
    if (insn->prefixes & (X86_PFX_F2 | X86_PFX_F3)) {
        what |= X86_FAST_REP;
    }
    if (!wide) {
        what |= insn->addrsize == 2 ? X86_FAST_ADDR16 : X86_FAST_ADDR32;
    }
    helper = !is_movs ? &stos : wide ? &movs_flat64 : &movs;
    if ((what & X86_FAST_REP) && !(what & (X86_FAST_SEGMENTS | X86_FAST_ADDR16))) {
        unsigned log2 = (unsigned)__builtin_ctz(insn->op[0].size);

        helper = is_movs ? &rep_movs[wide][log2] : &rep_stos[wide][log2];
    }
    emu_tcg_ir_call(l->ir, helper, EMU_TCG_NO_ARG, emu_tcg_ir_const(l->ir, what), EMU_TCG_NO_ARG, EMU_TCG_NO_ARG);
    return true;
}

/*
 * A gather: its vectors go to the state, a helper loads the elements, the result comes back. Two templates that
 * x86_encode_template() knows by their imm do the first and the last; the interpreter has what the helper declines.
 */
bool
x86_lift_gather(X86Lift *l, const X86Insn *insn)
{
    static const EmuTcgHelper helper = {
        .name = "gather",
        .fn = x86_fast_gather,
        .flags = EMU_TCG_HELPER_GENERAL,
        .reads = 0xffff,
    };
    bool wide = (l->mode & X86_MODE_CODE_MASK) == X86_MODE_CODE64;
    unsigned dst = insn->op[0].reg, mask = insn->op[2].reg;
    X86Insn step = *insn;
    EmuTcgTemplate t = {.insn = &step, .insn_size = sizeof(step), .faults = EMU_TCG_TEMPLATE_VECTOR};
    X86FastGather what = {
        .disp = (int32_t)insn->disp,
        .base = insn->base,
        .segment = insn->segment,
        .scale = insn->scale,
        .size = insn->op[1].size,
        .index_size = insn->opcode & 1 ? 8 : 4,
        .is_256 = (insn->vex & X86_VEX_L) != 0,
        .addr32 = insn->addrsize == 4,
        .linear32 = !wide,
    };

    if (dst == mask || dst == insn->vindex || mask == insn->vindex || (!wide && !(l->mode & X86_MODE_NOLIMIT(insn->segment)))) {
        return false;
    }
    step.imm = X86_GATHER_SPILL;
    emu_tcg_ir_template(l->ir, &t);
    emu_tcg_ir_call(l->ir, &helper, EMU_TCG_NO_ARG, emu_tcg_ir_const(l->ir, (int64_t)what.word), EMU_TCG_NO_ARG, EMU_TCG_NO_ARG);
    step.imm = X86_GATHER_FILL;
    emu_tcg_ir_template(l->ir, &t);
    return true;
}

/* reg += size, or -= size with DF: @twice is -2 * size then, else 0. */
static void
string_advance(X86Lift *l, const X86Insn *insn, unsigned reg, unsigned size, EmuTcgArg twice)
{
    EmuTcgAddr a = {.base = emu_tcg_ir_global(l->ir, reg, EMU_TCG_PART_FULL),
                    .index = twice,
                    .disp = size,
                    .wrap = insn->addrsize == 8 ? 64 : 32};

    emu_tcg_ir_lea(l->ir, x86_lift_type(insn->addrsize), x86_lift_gpr(l, reg, insn->addrsize), &a);
}

/* LODS, SCAS and CMPS without a repeat prefix. */
bool
x86_lift_string_step(X86Lift *l, const X86Insn *insn)
{
    static const uint8_t log2[9] = {[2] = 1, [4] = 2, [8] = 3};
    unsigned op = insn->row->op, size = insn->op[op == X86_OP_lods ? 1 : 0].size;
    EmuTcgArg eflags, df, shifted, twice, first = EMU_TCG_NO_ARG, second = EMU_TCG_NO_ARG;
    EmuTcgType type = x86_lift_type(size);
    EmuTcgMem source, other;

    if ((insn->prefixes & (X86_PFX_F2 | X86_PFX_F3)) ||
        (op != X86_OP_scas && !x86_lift_string_mem(l, X86_RSI, insn->segment, insn->addrsize, size, &source)) ||
        (op != X86_OP_lods && !x86_lift_string_mem(l, X86_RDI, X86_ES, insn->addrsize, size, &other))) {
        return false;
    }
    if (op != X86_OP_scas) {
        first = emu_tcg_ir_temp(l->ir);
        emu_tcg_ir_load(l->ir, type, first, &source);
    }
    if (op != X86_OP_lods) {
        second = emu_tcg_ir_temp(l->ir);
        emu_tcg_ir_load(l->ir, type, second, &other);
    }
    eflags = emu_tcg_ir_temp(l->ir);
    df = emu_tcg_ir_temp(l->ir);
    shifted = emu_tcg_ir_temp(l->ir);
    twice = emu_tcg_ir_temp(l->ir);
    emu_tcg_ir_extend(l->ir, false, EMU_TCG_I64, eflags, x86_lift_global(l, X86_GLOBAL_EFLAGS), EMU_TCG_I32);
    emu_tcg_ir_op_flags(l->ir, EMU_TCG_OP_AND, EMU_TCG_I64, df, eflags, emu_tcg_ir_const(l->ir, X86_DF), EMU_TCG_FLAGS_NONE);
    emu_tcg_ir_op_flags(l->ir, EMU_TCG_OP_SHR, EMU_TCG_I64, shifted, df, emu_tcg_ir_const(l->ir, 9 - log2[size]), EMU_TCG_FLAGS_NONE);
    emu_tcg_ir_op_flags(l->ir, EMU_TCG_OP_NEG, EMU_TCG_I64, twice, shifted, EMU_TCG_NO_ARG, EMU_TCG_FLAGS_NONE);
    if (op == X86_OP_lods) {
        emu_tcg_ir_mov(l->ir, type, x86_lift_gpr(l, X86_RAX, size), first);
    } else {
        emu_tcg_ir_op(l->ir, EMU_TCG_OP_CMP, type, EMU_TCG_NO_ARG, op == X86_OP_cmps ? first : x86_lift_gpr(l, X86_RAX, size), second);
    }
    if (op != X86_OP_scas) {
        string_advance(l, insn, X86_RSI, size, twice);
    }
    if (op != X86_OP_lods) {
        string_advance(l, insn, X86_RDI, size, twice);
    }
    return true;
}
