/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "x86-interp.h"
#include "x86-lift.h"
#include "x86-virt.h"

/* Transfers that a shadow stack has a word in. */
static bool
x86_lift_is_enforced(const X86Lift *l, unsigned op)
{
    switch (op) {
    case X86_OP_call:
    case X86_OP_call_ind:
    case X86_OP_ret:
        return l->mode & X86_MODE_SHSTK;
    default:
        return false;
    }
}

/* What must be available in the mode for a table row's instruction; if it is not, the interpreter raises what is due. */
static bool
x86_lift_available(const X86Lift *l, const X86Row *row)
{
    if (!x86_has_feature(l->s, row->feature)) {
        return false;
    }
    if ((row->attr & X86_A_CPL0) && ((l->mode >> X86_MODE_CPL_SHIFT) & 3)) {
        return false;
    }
    if ((row->attr & (X86_A_X87 | X86_A_MMX)) && !(l->mode & X86_MODE_X87)) {
        return false;
    }
    if ((row->attr & X86_A_SSE) && !(l->mode & X86_MODE_SSE)) {
        return false;
    }
    if ((row->attr & X86_A_AVX) && !(l->mode & X86_MODE_AVX)) {
        return false;
    }
    if ((row->attr & X86_A_PROT) && (!(l->mode & X86_MODE_PE) || (l->mode & X86_MODE_VM86))) {
        return false;
    }
    return true;
}

/* Whether it leaves vector, x87 and control word state alone, wherever it is executed. */
static bool
x86_lift_is_integer(const X86Row *row)
{
    if (row->attr & (X86_A_X87 | X86_A_MMX | X86_A_SSE | X86_A_AVX)) {
        return false;
    }
    switch (row->op) {
    case X86_OP_fwait:
    case X86_OP_fxsave:
    case X86_OP_fxrstor:
    case X86_OP_xsave:
    case X86_OP_xgetbv: /* which components are in use */
    case X86_OP_xsaveopt:
    case X86_OP_xsavec:
    case X86_OP_xsaves:
    case X86_OP_xrstor:
    case X86_OP_xrstors:
    case X86_OP_maskmov:
    case X86_OP_rsm:
        return false;
    default:
        return true;
    }
}

static void
x86_lift_insn(X86Lift *l, const X86Insn *insn)
{
    const X86Row *row = insn->row;
    X86LiftRule rule = x86_lift_rules[row->op];

    if (x86_lift_available(l, row)) {
        bool asks = ((l->mode & X86_MODE_GUEST) && x86_virt_may_intercept(row->op)) || x86_lift_is_enforced(l, row->op);

        if (rule && !asks && rule(l, insn)) {
            return;
        }
    } else {
        emu_tcg_ir_exit_interp(l->ir);
        l->ended = true;
        return;
    }
    if (row->attr & X86_A_END) {
        emu_tcg_ir_exit_interp(l->ir);
        l->ended = true;
    } else {
        emu_tcg_ir_interp_one(l->ir);
    }
}

unsigned
x86_lift(EmuTcgState *tcg, EmuTcgIr *ir, uint64_t pc, const uint8_t *code, unsigned avail, uint64_t mode_key,
         unsigned max_insns)
{
    X86Lift l = {.s = (X86State *)tcg, .ir = ir, .mode = mode_key};
    unsigned code_size = mode_key >> X86_MODE_CODE_SHIFT & X86_MODE_CODE_MASK;
    unsigned done = 0;

    /* Branch targets are linear addresses: the base of CS must be known. */
    if (mode_key & X86_MODE_INTERP_ONLY) {
        return 0;
    }
    if (code_size != X86_MODE_CODE64) {
        if (mode_key & X86_MODE_FLAT(X86_CS)) {
            l.cs_limit = 0xffffffffu;
        } else if (mode_key & X86_MODE_CS_BASED) {
            l.cs_base = (uint32_t)(mode_key >> X86_MODE_CS_BASE_SHIFT & X86_MODE_CS_BASE_MASK) << 4;
            l.cs_limit = mode_key & X86_MODE_NOLIMIT(X86_CS) ? 0xffffffffu : 0xffff;
        } else {
            return 0;
        }
    }
    for (unsigned n = 0; n < max_insns; n++) {
        X86Insn insn;
        bool shadow;
        int length = done < avail ? x86_decode(code + done, avail - done, mode_key, l.s->features, &insn) : X86_DECODE_MORE;

        if (length <= 0) {
            /* Straddles the page, or is none: the interpreter's business, as a block of its own. */
            break;
        }
        l.pc = pc + done;
        l.next = l.pc + length;
        if (code_size != X86_MODE_CODE64) {
            l.next = (uint32_t)l.next;
            if (l.next < l.pc || l.next - 1 - l.cs_base > l.cs_limit) {
                break;
            }
        }
        if (!emu_tcg_ir_insn(ir, l.pc, length)) {
            break;
        }
        if (x86_lift_is_integer(insn.row)) {
            emu_tcg_ir_insn_integer(ir);
        }
        shadow = l.shadow;
        l.after = code + done + length;
        l.n_after = n + 1 < max_insns ? avail - done - (unsigned)length : 0;
        l.ends_shadow = shadow;
        x86_lift_insn(&l, &insn);
        done += length;
        if (l.ended) {
            return done + l.looked_at;
        }
        if (shadow) {
            x86_lift_end_shadow(&l);
            emu_tcg_ir_jump_ind(ir, emu_tcg_ir_pcrel(ir, l.next), EMU_TCG_JUMP_PLAIN);
            return done;
        }
    }
    if (done && l.shadow) {
        /* The block filled up behind STI: the state has another mode now. */
        emu_tcg_ir_exit(ir, pc + done, EMU_TCG_EXIT_MODE);
    } else if (done) {
        emu_tcg_ir_jump(ir, pc + done);
    }
    return done;
}

bool
x86_straddles(EmuTcgState *tcg, const uint8_t *code, unsigned avail, uint64_t mode_key)
{
    const X86State *s = (const X86State *)tcg;
    X86Insn insn;

    return !(mode_key & X86_MODE_INTERP_ONLY) && x86_decode(code, avail, mode_key, s->features, &insn) == X86_DECODE_MORE;
}

/* A near branch that leaves the canonical addresses faults itself, its operand read and its stack as it was. */
bool
x86_refuse_branch(EmuTcgState *tcg, uint64_t to, uint64_t pc, const uint8_t *code, unsigned avail)
{
    X86State *s = (X86State *)tcg;
    X86Insn insn;

    if (s->code_size != 64 || x86_canonical(s, to) || x86_decode(code, avail, tcg->mode_key, s->features, &insn) <= 0) {
        return false;
    }
    switch (insn.row->op) {
    case X86_OP_jmp_ind:
        break;
    case X86_OP_call_ind:
        emu_tcg_write(tcg, *x86_gpr(s, X86_RSP), &s->under_call, 8, tcg->mmu_mode);
        *x86_gpr(s, X86_RSP) += 8;
        break;
    case X86_OP_ret:
        *x86_gpr(s, X86_RSP) -= 8 + (insn.n_operands ? insn.imm & 0xffff : 0);
        break;
    default: /* overwrote itself */
        return false;
    }
    x86_set_pc(tcg, pc);
    s->exception = X86_EXC_GP;
    s->error_code = 0;
    s->has_error_code = 1;
    s->exception_is_soft = 0;
    return true;
}

/*
 * False when the first bytes say that x86_flags_dead() will not get past this instruction: most blocks begin with a load, a push or
 * a branch, and decoding them to find that out would cost a fifth of translation.
 */
static bool
worth_decoding(const uint8_t *code, unsigned avail, bool code64)
{
    enum { NO, REG, ANY }; /* never; without memory operand; look closer */
    static const uint8_t primary[256] = {
        /* ADD OR AND SUB XOR CMP */
        [0x00 ... 0x03] = REG, [0x04 ... 0x05] = ANY, [0x08 ... 0x0b] = REG, [0x0c ... 0x0d] = ANY,
        [0x20 ... 0x23] = REG, [0x24 ... 0x26] = ANY, [0x28 ... 0x2b] = REG, [0x2c ... 0x2e] = ANY,
        [0x30 ... 0x33] = REG, [0x34 ... 0x36] = ANY, [0x38 ... 0x3b] = REG, [0x3c ... 0x3e] = ANY,
        [0x64 ... 0x67] = ANY,                                          /* prefixes */
        [0x63] = REG, [0x80 ... 0x8b] = REG, [0x8d] = ANY,              /* MOVSXD, immediates, TEST, XCHG, MOV; LEA */
        [0x90 ... 0x99] = ANY, [0xa8 ... 0xa9] = ANY,                   /* NOP, XCHG, CBW, CWD; TEST */
        [0xb0 ... 0xbf] = ANY, [0xc6 ... 0xc7] = REG,                   /* MOV */
        [0xf3] = ANY, [0xf6 ... 0xf7] = REG,                            /* ENDBR; TEST, NOT, NEG */
    };
    static const uint8_t second[256] = {
        [0x1e ... 0x1f] = ANY, [0xb6 ... 0xb7] = REG, [0xbe ... 0xbf] = REG, [0xc8 ... 0xcf] = ANY, /* NOP, MOVZX, MOVSX, BSWAP */
    };
    unsigned at = code64 && avail != 0 && (code[0] & 0xf0) == 0x40, kind;

    if (avail < at + 3) {
        return true;
    }
    if (code[at] == 0x0f) {
        kind = second[code[++at]];
    } else {
        kind = primary[code[at]];
    }
    return kind == ANY || (kind == REG && code[at + 1] >= 0xc0);
}

/* No CPU's features are known here, and none matter: every form looked for is of the first 386. */
bool
x86_flags_dead(uint64_t pc G_GNUC_UNUSED, const uint8_t *code, unsigned avail, uint64_t mode_key)
{
    static const uint32_t features[X86_N_FEATURE_WORDS];
    bool code64 = (mode_key & X86_MODE_CODE_MASK) == X86_MODE_CODE64;
    unsigned done = 0;

    for (unsigned n = 0; n < 8 && worth_decoding(code + done, avail - done, code64); n++) {
        X86Insn insn;
        int length = done < avail ? x86_decode(code + done, avail - done, mode_key, features, &insn) : X86_DECODE_MORE;

        if (length <= 0 || insn.row->feature != X86_FEAT_NONE || insn.row->flags_read) {
            return false;
        }
        switch (insn.row->op) {
        case X86_OP_add:
        case X86_OP_sub:
        case X86_OP_and:
        case X86_OP_or:
        case X86_OP_xor:
        case X86_OP_cmp:
        case X86_OP_test:
        case X86_OP_neg:
            return x86_insn_mem_operand(&insn) < 0;
        case X86_OP_lea:
        case X86_OP_nop:
            break;
        case X86_OP_mov:
        case X86_OP_movzx:
        case X86_OP_movsx:
        case X86_OP_movsxd:
        case X86_OP_xchg:
        case X86_OP_not:
        case X86_OP_bswap:
        case X86_OP_cbw:
        case X86_OP_cwd:
            if (x86_insn_mem_operand(&insn) >= 0) {
                return false;
            }
            break;
        default:
            return false;
        }
        done += (unsigned)length;
    }
    return false;
}
