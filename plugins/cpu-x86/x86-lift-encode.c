/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Native templates on an x86-64 host: the guest's instruction again, with other general registers and another address.
 * Prefixes are written anew, for 64-bit code: what the guest's mode implied (operand size) is said, what belongs to the
 * address (segment, address size) is gone.
 */

#include "x86-lift.h"

#include <string.h>

typedef struct {
    unsigned rex;      /* W R X B */
    bool rex_wanted;   /* spl, bpl, sil, dil, or the low byte of an extended register */
    bool rex_excluded; /* ah ... bh */
    bool possible;
    unsigned modrm;
    unsigned vvvv;
    uint8_t imm_mask;
} Encoding;

/* Number for ModRM of general register operand @o, or'ed into the field at @shift; its fourth bit is @rex_bit. */
static void
encode_gpr(Encoding *e, const X86Operand *o, const uint8_t gpr[16], unsigned shift, unsigned rex_bit)
{
    unsigned reg;

    if (o->reg & 0x10) {
        unsigned n = o->reg & 3;

        e->rex_excluded = true;
        e->possible = e->possible && gpr[n] < 4;
        reg = gpr[n] + 4u;
    } else {
        reg = gpr[o->reg & 15];
        if (reg > 15) {
            e->possible = false;
            reg = 0;
        }
        if (o->size == 1 && reg >= 4) {
            e->rex_wanted = true;
        }
        if (reg & 8) {
            e->rex |= rex_bit;
        }
    }
    e->modrm = (e->modrm & ~(7u << shift)) | (reg & 7) << shift;
}

static void
encode_numbered(Encoding *e, unsigned reg, unsigned shift, unsigned rex_bit)
{
    if (reg & 8) {
        e->rex |= rex_bit;
    }
    e->modrm = (e->modrm & ~(7u << shift)) | (reg & 7) << shift;
}

static void
encode_operand(Encoding *e, const X86RowOperand *ro, const X86Operand *o, const uint8_t gpr[16])
{
    switch (ro->kind) {
    case X86_K_G:
        encode_gpr(e, o, gpr, 3, 4);
        break;
    case X86_K_E:
    case X86_K_R:
        if (o->kind == X86_OPND_GPR) {
            encode_gpr(e, o, gpr, 0, 1);
        }
        break;
    case X86_K_V:
        encode_numbered(e, o->reg, 3, 4);
        break;
    case X86_K_H:
        e->vvvv = o->reg;
        break;
    case X86_K_B:
        e->vvvv = gpr[o->reg & 15];
        e->possible = e->possible && e->vvvv < 16;
        break;
    case X86_K_L:
        e->imm_mask = o->reg < 8 ? 0x7f : 0xff;
        break;
    case X86_K_P:
        encode_numbered(e, o->reg & 7, 3, 0);
        break;
    case X86_K_W:
    case X86_K_U:
        if (o->kind == X86_OPND_XMM) {
            encode_numbered(e, o->reg, 0, 1);
        }
        break;
    case X86_K_Q:
    case X86_K_N:
        if (o->kind == X86_OPND_MMX) {
            encode_numbered(e, o->reg & 7, 0, 0);
        }
        break;
    case X86_K_REG:
        /* Not encoded: the host's must be the same. */
        e->possible = e->possible && gpr[ro->reg] == ro->reg;
        break;
    case X86_K_M:
    case X86_K_I:
    case X86_K_IS:
    case X86_K_IU:
    case X86_K_ONE:
    case X86_K_ST0:
    case X86_K_STI:
    case X86_K_NONE:
        break;
    default:
        e->possible = false;
        break;
    }
}

/* vmovdqu between ymm @reg and a vector of X86State.gather; rsp is the state. */
static unsigned
put_gather(uint8_t *out, unsigned reg, unsigned which, bool store)
{
    uint32_t at = offsetof(X86State, gather) + 32 * which;

    out[0] = 0xc5;
    out[1] = reg & 8 ? 0x7e : 0xfe;
    out[2] = store ? 0x7f : 0x6f;
    out[3] = (uint8_t)(0x84 | (reg & 7) << 3);
    out[4] = 0x24;
    memcpy(out + 5, &at, 4);
    return 9;
}

static unsigned
encode_gather(const X86Insn *insn, uint8_t *out)
{
    unsigned dst = insn->op[0].reg, mask = insn->op[2].reg, n;

    if (insn->imm == X86_GATHER_SPILL) {
        n = put_gather(out, insn->vindex, 0, true);
        n += put_gather(out + n, mask, 1, true);
        return n + put_gather(out + n, dst, 2, true);
    }
    n = put_gather(out, dst, 2, false);
    out[n++] = 0xc4; /* vpxor mask, mask, mask */
    out[n++] = (uint8_t)(0x41 | (mask & 8 ? 0 : 0xa0));
    out[n++] = (uint8_t)((~mask & 15) << 3 | 1);
    out[n++] = 0xef;
    out[n++] = (uint8_t)(0xc0 | (mask & 7) << 3 | (mask & 7));
    return n;
}

unsigned
x86_encode_template(const void *opaque, const EmuTcgHostMem *mem, const uint8_t gpr[16], uint8_t *out, unsigned max)
{
    const X86Insn *insn = opaque;
    const X86Row *row = insn->row;
    unsigned select = row->select & X86_SEL_PREFIX, n = 0, disp_size = 0, sib = 0;
    bool word = select == X86_SEL_66, has_mem = x86_insn_mem_operand(insn) >= 0, has_sib = false;
    Encoding e = {.rex = insn->rex & 8u, .possible = true, .modrm = insn->modrm, .imm_mask = 0xff};

    if (!x86_host_has(row->feature)) {
        return 0;
    }
    if (row->op == X86_OP_vgather) {
        return encode_gather(insn, out);
    }
    if (max < 24 || has_mem != (mem != NULL) || (has_mem && !insn->has_modrm)) {
        return 0;
    }
    for (unsigned i = 0; i < insn->n_operands; i++) {
        const X86RowOperand *ro = &row->operands[i];

        if (ro->size == X86_SZ_V || ro->size == X86_SZ_Z) {
            word = insn->opsize == 2; /* 66 says the size, even where a row asks for it */
        }
        encode_operand(&e, ro, &insn->op[i], gpr);
    }
    if (has_mem) {
        unsigned mod = 0;

        if (mem->base > 15 || (mem->index != 0xff && (mem->index > 15 || mem->index == 4))) {
            return 0;
        }
        e.rex |= (mem->base & 8u) >> 3;
        if (mem->disp != 0 || (mem->base & 7) == 5) {
            mod = mem->disp == (int8_t)mem->disp ? 1 : 2;
            disp_size = mod == 1 ? 1 : 4;
        }
        if (mem->index != 0xff) {
            has_sib = true;
            sib = (unsigned)mem->scale << 6 | (mem->index & 7u) << 3 | (mem->base & 7u);
            e.rex |= (mem->index & 8u) >> 2;
        } else if ((mem->base & 7) == 4) {
            has_sib = true;
            sib = 0x24;
        }
        e.modrm = (e.modrm & 0x38) | mod << 6 | (has_sib ? 4u : mem->base & 7u);
    }
    if (!e.possible || (e.rex_excluded && (e.rex || e.rex_wanted))) {
        return 0;
    }

    if (insn->vex) {
        n = x86_template_vex(insn, e.rex & 7, e.vvvv, out);
        goto encoded;
    }
    if (insn->prefixes & X86_PFX_LOCK) {
        out[n++] = 0xf0;
    }
    if (word) {
        out[n++] = 0x66;
    }
    if (select == X86_SEL_F2 || select == X86_SEL_F3) {
        out[n++] = select == X86_SEL_F2 ? 0xf2 : 0xf3;
    }
    if (e.rex || e.rex_wanted) {
        out[n++] = (uint8_t)(0x40 | e.rex);
    }
    if (row->map == X86_MAP_0F || row->map == X86_MAP_0F38 || row->map == X86_MAP_0F3A) {
        out[n++] = 0x0f;
        if (row->map != X86_MAP_0F) {
            out[n++] = row->map == X86_MAP_0F38 ? 0x38 : 0x3a;
        }
    }
    /* 82 is 80 outside 64-bit code. */
    out[n++] = row->map == X86_MAP_PRIMARY && insn->opcode == 0x82 ? 0x80 : insn->opcode;
encoded:
    if (insn->has_modrm) {
        out[n++] = (uint8_t)e.modrm;
        if (has_sib) {
            out[n++] = (uint8_t)sib;
        }
        for (unsigned i = 0; i < disp_size; i++) {
            out[n++] = (uint8_t)((uint32_t)mem->disp >> 8 * i);
        }
    }
    for (unsigned i = 0; i < insn->imm_size; i++) {
        out[n++] = insn->bytes[insn->length - insn->imm_size + i] & e.imm_mask;
    }
    return n;
}
