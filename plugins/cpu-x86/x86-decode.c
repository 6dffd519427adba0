/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The decoder: walks prefixes, opcode, ModRM, SIB, displacement and immediate as the rows of the
 * decode table say.  It reads nothing of the CPU's state but the code size and the feature words
 * that a few rows select on (TZCNT against BSF).
 */

#include "x86-insn.h"

#include <string.h>

#include "x86-map-defs.h"

const X86Row x86_rows[] = {
#define MAP X86_MAP_PRIMARY
#include "x86-map-1.inc"
#undef MAP
#define MAP X86_MAP_0F
#include "x86-map-0f.inc"
#undef MAP
#define MAP X86_MAP_0F38
#include "x86-map-0f38.inc"
#undef MAP
#define MAP X86_MAP_0F3A
#include "x86-map-0f3a.inc"
#undef MAP
#define MAP X86_MAP_X87
#include "x86-map-x87.inc"
#undef MAP
#include "x86-map-vex.inc"
};
const unsigned x86_n_rows = G_N_ELEMENTS(x86_rows);

/* Rows of one opcode, chained in table order; entries are row number + 1. */
static uint16_t decode_first[X86_N_MAPS][256];
static uint16_t decode_next[G_N_ELEMENTS(x86_rows)];
static uint8_t decode_modrm[X86_N_MAPS][256];

static bool
decode_row_has_modrm(const X86Row *row)
{
    if (row->map == X86_MAP_X87 ||
        (row->select & (X86_SEL_REG | X86_SEL_MEM | X86_SEL_MOD3 | X86_SEL_RM))) {
        return true;
    }
    for (unsigned i = 0; i < 4; i++) {
        switch (row->operands[i].kind) {
        case X86_K_E:
        case X86_K_M:
        case X86_K_R:
        case X86_K_G:
        case X86_K_S:
        case X86_K_CR:
        case X86_K_DR:
        case X86_K_P:
        case X86_K_Q:
        case X86_K_N:
        case X86_K_V:
        case X86_K_W:
        case X86_K_U:
            return true;
        }
    }
    return false;
}

static void
decode_build_index(void)
{
    uint16_t last[X86_N_MAPS][256];

    memset(last, 0, sizeof(last));
    for (unsigned i = 0; i < x86_n_rows; i++) {
        const X86Row *row = &x86_rows[i];
        unsigned m = row->map, o = row->opcode;

        if (last[m][o]) {
            decode_next[last[m][o] - 1] = (uint16_t)(i + 1);
        } else {
            decode_first[m][o] = (uint16_t)(i + 1);
        }
        last[m][o] = (uint16_t)(i + 1);
        decode_modrm[m][o] |= decode_row_has_modrm(row);
    }
}

static bool
decode_row_matches(const X86Row *row, const X86Insn *insn, bool code64, const uint32_t *features)
{
    uint32_t sel = row->select;

    if (sel == 0) {
        return true;
    }
    switch (sel & X86_SEL_PREFIX) {
    case X86_SEL_NP:
        if (insn->prefixes & (X86_PFX_66 | X86_PFX_F2 | X86_PFX_F3)) {
            return false;
        }
        break;
    case X86_SEL_66:
        if ((insn->prefixes & (X86_PFX_66 | X86_PFX_F2 | X86_PFX_F3)) != X86_PFX_66) {
            return false;
        }
        break;
    case X86_SEL_F3:
        if (!(insn->prefixes & X86_PFX_F3)) {
            return false;
        }
        break;
    case X86_SEL_F2:
        if (!(insn->prefixes & X86_PFX_F2)) {
            return false;
        }
        break;
    }
    if ((sel & X86_SEL_REG) && ((insn->modrm >> 3) & 7) != ((sel >> 4) & 7)) {
        return false;
    }
    if ((sel & X86_SEL_MEM) && insn->modrm >= 0xc0) {
        return false;
    }
    if ((sel & X86_SEL_MOD3) && insn->modrm < 0xc0) {
        return false;
    }
    if ((sel & X86_SEL_RM) && (insn->modrm & 7) != ((sel >> 10) & 7)) {
        return false;
    }
    if ((sel & (X86_SEL_L0 | X86_SEL_L1)) && !(sel & (insn->vex & X86_VEX_L ? X86_SEL_L1 : X86_SEL_L0))) {
        return false;
    }
    if ((sel & (X86_SEL_W0 | X86_SEL_W1)) && !(sel & (insn->rex & 8 ? X86_SEL_W1 : X86_SEL_W0))) {
        return false;
    }
    if ((sel & X86_SEL_ONLY64) && !code64) {
        return false;
    }
    if ((sel & X86_SEL_NO64) && code64) {
        return false;
    }
    if ((sel & X86_SEL_NO_REXB) && (insn->rex & 1)) {
        return false;
    }
    if ((sel & X86_SEL_FEATURE) &&
        !(features[row->feature >> 5] >> (row->feature & 31) & 1)) {
        return false;
    }
    return true;
}

static void
decode_gpr(X86Insn *insn, X86Operand *op, unsigned reg)
{
    op->kind = X86_OPND_GPR;
    if (op->size == 1 && reg >= 4 && reg < 8 && !insn->rex) {
        op->reg = (uint8_t)(0x10 + reg - 4);
        op->offset = (uint16_t)(x86_gpr_offset(reg - 4) + 1);
    } else {
        op->reg = (uint8_t)reg;
        op->offset = (uint16_t)x86_gpr_offset(reg);
    }
}

static unsigned
decode_operand_size(const X86Insn *insn, unsigned rule, bool code64, bool memory)
{
    switch (rule) {
    case X86_SZ_B:
        return 1;
    case X86_SZ_W:
        return 2;
    case X86_SZ_D:
        return 4;
    case X86_SZ_Q:
        return 8;
    case X86_SZ_V:
        return insn->opsize;
    case X86_SZ_Z:
        return MIN(insn->opsize, 4);
    case X86_SZ_Y:
        return (insn->rex & 8) && code64 ? 8 : 4; /* VEX.W may be set outside 64-bit code */
    case X86_SZ_YS:
        return code64 ? 8 : 4;
    case X86_SZ_FAR:
        return insn->opsize + 2u;
    case X86_SZ_A:
        return insn->opsize * 2u;
    case X86_SZ_S:
        return code64 ? 10 : 6;
    case X86_SZ_T:
        return 10;
    case X86_SZ_DQ:
        return 16;
    case X86_SZ_X:
        return insn->vex & X86_VEX_L ? 32 : 16;
    case X86_SZ_XH:
        return insn->vex & X86_VEX_L ? 16 : 8;
    case X86_SZ_XQ:
        return insn->vex & X86_VEX_L ? 8 : 4;
    case X86_SZ_XO:
        return insn->vex & X86_VEX_L ? 4 : 2;
    case X86_SZ_V2:
        return memory ? 2 : insn->opsize;
    case X86_SZ_RB:
        return memory ? 1 : (insn->rex & 8) && code64 ? 8 : 4;
    case X86_SZ_RW:
        return memory ? 2 : (insn->rex & 8) && code64 ? 8 : 4;
    case X86_SZ_YY:
        return (insn->rex & 8) ? 16 : 8;
    case X86_SZ_ENV:
        return insn->opsize == 2 ? 14 : 28;
    case X86_SZ_FSV:
        return insn->opsize == 2 ? 94 : 108;
    }
    return 0; /* X86_SZ_NONE; X86_SZ_512: as its reference function says */
}

static uint64_t
decode_le(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;

    memcpy(&v, p, n);
    return v;
}

static uint64_t
decode_sext(uint64_t v, unsigned bytes)
{
    unsigned sh = 64 - 8 * bytes;

    return (uint64_t)((int64_t)(v << sh) >> sh);
}

/* The bytes of ModRM's memory form after ModRM itself; fills base, index, scale, disp, segment. */
static int
decode_memory(const uint8_t *code, unsigned avail, unsigned *pos, X86Insn *insn, bool code64)
{
    unsigned mod = insn->modrm >> 6, rm = insn->modrm & 7, disp_size = 0;
    int seg = X86_DS;

    insn->base = insn->index = X86_NO_REG;
    insn->scale = 0;
    insn->disp = 0;
    if ((insn->row->attr & X86_A_VSIB) && (rm != 4 || insn->addrsize == 2)) {
        return X86_DECODE_UD;
    }
    if (insn->addrsize == 2) {
        static const uint8_t base16[8] = {X86_RBX, X86_RBX, X86_RBP, X86_RBP,
                                          X86_RSI, X86_RDI, X86_RBP, X86_RBX};
        static const uint8_t index16[8] = {X86_RSI,    X86_RDI,    X86_RSI,    X86_RDI,
                                           X86_NO_REG, X86_NO_REG, X86_NO_REG, X86_NO_REG};

        disp_size = mod;
        if (mod == 0 && rm == 6) {
            disp_size = 2;
        } else {
            insn->base = base16[rm];
            insn->index = index16[rm];
            if (insn->base == X86_RBP) {
                seg = X86_SS;
            }
        }
    } else {
        disp_size = mod == 1 ? 1 : mod == 2 ? 4 : 0;
        if (rm == 4) {
            unsigned idx, base;

            if (*pos >= avail) {
                return X86_DECODE_MORE;
            }
            insn->sib = code[(*pos)++];
            idx = ((insn->sib >> 3) & 7) | ((insn->rex & 2) << 2);
            base = insn->sib & 7;
            if (insn->row->attr & X86_A_VSIB) {
                insn->vindex = (uint8_t)idx;
                insn->scale = insn->sib >> 6;
            } else if (idx != 4) {
                insn->index = (uint8_t)idx;
                insn->scale = insn->sib >> 6;
            }
            if (base == 5 && mod == 0) {
                disp_size = 4;
            } else {
                insn->base = (uint8_t)(base | ((insn->rex & 1) << 3));
                if (base == 4 || base == 5) {
                    /* r12 and r13 share the low bits, but default to DS */
                    seg = (insn->rex & 1) ? X86_DS : X86_SS;
                }
            }
        } else if (rm == 5 && mod == 0) {
            disp_size = 4;
            if (code64) {
                insn->base = X86_BASE_RIP;
            }
        } else {
            insn->base = (uint8_t)(rm | ((insn->rex & 1) << 3));
            if (insn->base == X86_RBP) {
                seg = X86_SS;
            }
        }
    }
    if (disp_size) {
        if (*pos + disp_size > avail) {
            return X86_DECODE_MORE;
        }
        insn->disp = (int64_t)decode_sext(decode_le(code + *pos, disp_size), disp_size);
        *pos += disp_size;
    }
    if (!(insn->prefixes & X86_PFX_SEG)) {
        insn->segment = (uint8_t)seg;
    }
    return 1;
}

static int
decode_immediate(const uint8_t *code, unsigned avail, unsigned *pos, X86Insn *insn, X86Operand *op,
                 unsigned kind, bool second)
{
    unsigned n = op->size;
    uint64_t v;

    switch (kind) {
    case X86_K_I:
    case X86_K_J:
        n = MIN(n, 4);
        break;
    case X86_K_IS:
        n = 1;
        break;
    case X86_K_O:
        n = insn->addrsize;
        break;
    case X86_K_A:
        n = insn->opsize;
        break;
    }
    if (*pos + n + (kind == X86_K_A ? 2 : 0) > avail) {
        return X86_DECODE_MORE;
    }
    v = decode_le(code + *pos, n);
    *pos += n;
    insn->imm_size = (uint8_t)(insn->imm_size + n);
    if (kind == X86_K_I || kind == X86_K_J || kind == X86_K_IS) {
        v = decode_sext(v, n);
    }
    if (kind == X86_K_O) {
        insn->disp = (int64_t)v;
        insn->base = insn->index = X86_NO_REG;
        return 1;
    }
    if (second) {
        insn->imm2 = (uint16_t)v;
    } else {
        insn->imm = v;
    }
    if (kind == X86_K_A) {
        insn->imm2 = (uint16_t)decode_le(code + *pos, 2);
        *pos += 2;
        insn->imm_size = (uint8_t)(insn->imm_size + 2);
    }
    if (kind == X86_K_IS || (kind == X86_K_I && op->size > 1)) {
        op->size = insn->opsize; /* the immediate is as wide as the operation */
    }
    return 1;
}

static int
decode_operands(const uint8_t *code, unsigned avail, unsigned *pos, X86Insn *insn, bool code64)
{
    const X86Row *row = insn->row;
    bool memory = insn->has_modrm && insn->mod != 3;
    unsigned n_imm = 0;

    for (unsigned i = 0; i < 4; i++) {
        const X86RowOperand *ro = &row->operands[i];
        X86Operand *op = &insn->op[i];
        bool is_rm = false;
        int r;

        memset(op, 0, sizeof(*op));
        if (ro->kind == X86_K_NONE) {
            continue;
        }
        insn->n_operands = (uint8_t)(i + 1);
        op->rw = ro->rw;
        switch (ro->kind) {
        case X86_K_E:
        case X86_K_M:
        case X86_K_R:
        case X86_K_Q:
        case X86_K_N:
        case X86_K_W:
        case X86_K_U:
            is_rm = true;
            break;
        }
        op->size = (uint8_t)decode_operand_size(insn, ro->size, code64, is_rm && memory);
        if (is_rm && memory) {
            op->kind = X86_OPND_MEM;
            continue;
        }
        switch (ro->kind) {
        case X86_K_M:
            return X86_DECODE_UD;
        case X86_K_E:
        case X86_K_R:
            decode_gpr(insn, op, insn->rm);
            break;
        case X86_K_G:
            decode_gpr(insn, op, insn->reg);
            break;
        case X86_K_Z:
            decode_gpr(insn, op, (row->opcode & 7) | ((insn->rex & 1) << 3));
            break;
        case X86_K_REG:
            op->kind = X86_OPND_GPR;
            op->reg = ro->reg;
            op->offset = (uint16_t)x86_gpr_offset(ro->reg);
            break;
        case X86_K_Q:
        case X86_K_N:
            op->kind = X86_OPND_MMX;
            op->reg = insn->rm & 7;
            op->size = 8;
            break;
        case X86_K_P:
            op->kind = X86_OPND_MMX;
            op->reg = insn->reg & 7;
            break;
        case X86_K_W:
        case X86_K_U:
            op->kind = X86_OPND_XMM;
            op->reg = insn->rm;
            op->size = 16;
            op->offset = (uint16_t)(offsetof(X86State, fx.xmm) + 16 * insn->rm);
            break;
        case X86_K_V:
            op->kind = X86_OPND_XMM;
            op->reg = insn->reg;
            op->offset = (uint16_t)(offsetof(X86State, fx.xmm) + 16 * insn->reg);
            break;
        case X86_K_H:
            op->kind = X86_OPND_XMM;
            op->reg = insn->vvvv;
            op->offset = (uint16_t)(offsetof(X86State, fx.xmm) + 16 * op->reg);
            break;
        case X86_K_L:
            if (*pos >= avail) {
                return X86_DECODE_MORE;
            }
            op->kind = X86_OPND_XMM;
            op->reg = (code[(*pos)++] >> 4) & (code64 ? 15 : 7);
            op->offset = (uint16_t)(offsetof(X86State, fx.xmm) + 16 * op->reg);
            insn->imm_size++;
            break;
        case X86_K_B:
            decode_gpr(insn, op, insn->vvvv);
            break;
        case X86_K_ST0:
            op->kind = X86_OPND_ST;
            break;
        case X86_K_STI:
            op->kind = X86_OPND_ST;
            op->reg = insn->modrm & 7;
            break;
        case X86_K_S:
            op->kind = X86_OPND_SEG;
            op->reg = (insn->modrm >> 3) & 7;
            if (op->reg > X86_GS || ((op->rw & X86_RW_WRITE) && op->reg == X86_CS)) {
                return X86_DECODE_UD;
            }
            break;
        case X86_K_SEG:
            op->kind = X86_OPND_SEG;
            op->reg = ro->reg;
            break;
        case X86_K_CR:
            op->kind = X86_OPND_CR;
            op->reg = insn->reg;
            if (!((1u << op->reg) & 0x11du)) {
                return X86_DECODE_UD;
            }
            break;
        case X86_K_DR:
            op->kind = X86_OPND_DR;
            op->reg = insn->reg;
            if (op->reg > 7) {
                return X86_DECODE_UD;
            }
            break;
        case X86_K_X:
            op->kind = X86_OPND_STRING;
            op->reg = X86_RSI;
            break;
        case X86_K_Y:
            op->kind = X86_OPND_STRING;
            op->reg = X86_RDI;
            break;
        case X86_K_ONE:
            op->kind = X86_OPND_IMM;
            insn->imm = 1;
            break;
        case X86_K_I:
        case X86_K_IS:
        case X86_K_IU:
        case X86_K_I64:
        case X86_K_J:
        case X86_K_O:
        case X86_K_A:
            op->kind = ro->kind == X86_K_J   ? X86_OPND_REL
                       : ro->kind == X86_K_O ? X86_OPND_MEM
                       : ro->kind == X86_K_A ? X86_OPND_FAR
                                             : X86_OPND_IMM;
            r = decode_immediate(code, avail, pos, insn, op, ro->kind, n_imm++ > 0);
            if (r <= 0) {
                return r;
            }
            break;
        }
    }
    return 1;
}

/*
 * A VEX prefix at @pos: fills what it says in, moves @pos behind the opcode. Outside 64-bit code C4 and C5 are LES and LDS
 * unless ModRM would name a register (SDM 2A 2.3.5).
 */
static int
decode_vex(const uint8_t *code, unsigned avail, unsigned *pos, X86Insn *insn, bool code64, unsigned *map, unsigned *opcode)
{
    static const uint8_t pp[4] = {0, X86_PFX_66, X86_PFX_F3, X86_PFX_F2};
    bool three = code[*pos] == 0xc4;
    unsigned p, select = 1;

    if (*pos + (three ? 4 : 3) > avail) {
        return X86_DECODE_MORE;
    }
    if (insn->rex || (insn->prefixes & (X86_PFX_66 | X86_PFX_F2 | X86_PFX_F3 | X86_PFX_LOCK))) {
        return X86_DECODE_UD;
    }
    p = code[*pos + 1];
    insn->rex = (uint8_t)((p & 0x80 ? 0 : 4) | (three && !(p & 0x40) ? 2 : 0) | (three && !(p & 0x20) ? 1 : 0));
    if (three) {
        select = p & 0x1f;
        p = code[*pos + 2];
        insn->rex |= (uint8_t)(p >> 4 & 8);
    }
    insn->vex = (uint8_t)(X86_VEX_PRESENT | (p & 4 ? X86_VEX_L : 0));
    insn->vvvv = (uint8_t)(~p >> 3 & 15);
    insn->prefixes |= pp[p & 3];
    if (!code64) {
        insn->rex &= 8;
    }
    if (select < 1 || select > 3) {
        return X86_DECODE_UD;
    }
    *map = X86_MAP_VEX_0F + select - 1;
    *pos += three ? 4 : 3;
    *opcode = code[*pos - 1];
    return 1;
}

/* A VEX.vvvv that names no operand must be 1111b. */
static bool
decode_vvvv_used(const X86Row *row)
{
    for (unsigned i = 0; i < 4; i++) {
        if (row->operands[i].kind == X86_K_H || row->operands[i].kind == X86_K_B) {
            return true;
        }
    }
    return false;
}

static int
decode_bytes(const uint8_t *code, unsigned avail, uint64_t mode_key, const uint32_t *features,
             X86Insn *insn)
{
    unsigned mode = mode_key & X86_MODE_CODE_MASK, stack = mode_key >> X86_MODE_STACK_SHIFT & 3;
    bool code64 = mode == X86_MODE_CODE64;
    unsigned pos = 0, map = X86_MAP_PRIMARY, opcode, r16;
    const X86Row *row = NULL;
    int r;

    memset(insn, 0, offsetof(X86Insn, op));
    insn->n_operands = 0;
    insn->segment = X86_DS;
    insn->mode = (uint8_t)mode;
    insn->stacksize = (uint8_t)(2u << stack);
    for (;; pos++) {
        if (pos >= avail) {
            return X86_DECODE_MORE;
        }
        opcode = code[pos];
        switch (opcode) {
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
            if (!code64) {
                insn->segment = (uint8_t)((opcode >> 3) & 3);
                insn->prefixes |= X86_PFX_SEG;
            }
            break;
        case 0x64:
        case 0x65:
            insn->segment = (uint8_t)(opcode - 0x64 + X86_FS);
            insn->prefixes |= X86_PFX_SEG;
            break;
        case 0x66:
            insn->prefixes |= X86_PFX_66;
            break;
        case 0x67:
            insn->prefixes |= X86_PFX_67;
            break;
        case 0xf0:
            insn->prefixes |= X86_PFX_LOCK;
            break;
        case 0xf2:
            insn->prefixes = (uint8_t)((insn->prefixes & ~X86_PFX_F3) | X86_PFX_F2);
            break;
        case 0xf3:
            insn->prefixes = (uint8_t)((insn->prefixes & ~X86_PFX_F2) | X86_PFX_F3);
            break;
        default:
            if (code64 && (opcode & 0xf0) == 0x40) {
                insn->rex = (uint8_t)opcode;
                continue;
            }
            goto prefixes_done;
        }
        insn->rex = 0; /* counts only right before the opcode */
    }
prefixes_done:
    insn->opcode_pos = (uint8_t)pos++;
    if ((opcode & 0xfe) == 0xc4 && pos >= avail) {
        return X86_DECODE_MORE;
    }
    if ((opcode & 0xfe) == 0xc4 && (code64 || code[pos] >= 0xc0)) {
        pos--;
        r = decode_vex(code, avail, &pos, insn, code64, &map, &opcode);
        if (r <= 0) {
            return r;
        }
    } else if (opcode == 0x0f) {
        if (pos >= avail) {
            return X86_DECODE_MORE;
        }
        opcode = code[pos++];
        map = X86_MAP_0F;
        if (opcode == 0x38 || opcode == 0x3a) {
            map = opcode == 0x38 ? X86_MAP_0F38 : X86_MAP_0F3A;
            if (pos >= avail) {
                return X86_DECODE_MORE;
            }
            opcode = code[pos++];
        }
    } else if ((opcode & 0xf8) == 0xd8) {
        map = X86_MAP_X87;
    }
    insn->opcode = (uint8_t)opcode;
    r16 = decode_first[map][opcode];
    if (r16 == 0) {
        return X86_DECODE_UD;
    }
    if (decode_modrm[map][opcode]) {
        if (pos >= avail) {
            return X86_DECODE_MORE;
        }
        insn->has_modrm = 1;
        insn->modrm_pos = (uint8_t)pos;
        insn->modrm = code[pos++];
        insn->mod = insn->modrm >> 6;
        insn->reg = (uint8_t)(((insn->modrm >> 3) & 7) | ((insn->rex & 4) << 1));
        insn->rm = (uint8_t)((insn->modrm & 7) | ((insn->rex & 1) << 3));
    }
    for (; r16; r16 = decode_next[r16 - 1]) {
        if (decode_row_matches(&x86_rows[r16 - 1], insn, code64, features)) {
            row = &x86_rows[r16 - 1];
            break;
        }
    }
    if (!row || (insn->vex && insn->vvvv && !decode_vvvv_used(row))) {
        return X86_DECODE_UD;
    }
    insn->row = row;
    if (!code64) {
        insn->vvvv &= 7;
    }

    if (code64) {
        insn->addrsize = (insn->prefixes & X86_PFX_67) ? 4 : 8;
        if (insn->vex) {
            insn->opsize = insn->rex & 8 ? 8 : 4;
        } else if (row->attr & X86_A_F64) {
            insn->opsize = 8;
        } else if (insn->rex & 8) {
            insn->opsize = 8;
        } else if (insn->prefixes & X86_PFX_66) {
            insn->opsize = 2;
        } else {
            insn->opsize = (row->attr & X86_A_D64) ? 8 : 4;
        }
    } else {
        bool code32 = mode == X86_MODE_CODE32;

        insn->addrsize = code32 != !!(insn->prefixes & X86_PFX_67) ? 4 : 2;
        insn->opsize = insn->vex || code32 != !!(insn->prefixes & X86_PFX_66) ? 4 : 2;
    }

    if (insn->has_modrm && insn->mod != 3) {
        if (map == X86_MAP_0F && (opcode & 0xfc) == 0x20) {
            insn->mod = 3; /* MOV CR, DR: the mod field is not looked at */
        } else {
            r = decode_memory(code, avail, &pos, insn, code64);
            if (r <= 0) {
                return r;
            }
        }
    }
    r = decode_operands(code, avail, &pos, insn, code64);
    if (r <= 0) {
        return r;
    }
    if ((insn->prefixes & X86_PFX_LOCK) &&
        (!(row->attr & X86_A_LOCK) || insn->op[0].kind != X86_OPND_MEM)) {
        return X86_DECODE_UD;
    }
    insn->length = (uint8_t)pos;
    insn->stub = NULL;
    memcpy(insn->bytes, code, MIN(pos, 15));
    return (int)pos;
}

int
x86_decode(const uint8_t *code, unsigned avail, uint64_t mode_key, const uint32_t *features,
           X86Insn *out)
{
    static gsize once;
    int r;

    if (g_once_init_enter(&once)) {
        decode_build_index();
        g_once_init_leave(&once, 1);
    }
    r = decode_bytes(code, MIN(avail, 15), mode_key, features, out);
    if (r == X86_DECODE_MORE && avail >= 15) {
        return X86_DECODE_LONG;
    }
    return r;
}
