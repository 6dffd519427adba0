/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * AVX instructions that are no plain templates: moves under a mask, which do not fault where the mask is clear, gathers,
 * and VZEROUPPER and VZEROALL.
 */

#include "x86-interp.h"

static void
read_ymm(X86State *s, unsigned n, uint8_t out[32])
{
    memcpy(out, s->fx.xmm[n], 16);
    memcpy(out + 16, x86_ymm_high(s, n), 16);
}

static void
write_ymm(X86State *s, unsigned n, const uint8_t in[32])
{
    memcpy(s->fx.xmm[n], in, 16);
    memcpy(x86_ymm_high(s, n), in + 16, 16);
}

/* Outside 64-bit code registers 8 to 15 stay as they are. */
void
x86_exec_vzero(X86State *s, const X86Insn *insn)
{
    unsigned n = s->code_size == 64 ? 16 : 8;

    x86_fpu_check(s, insn->row->attr);
    memset(x86_ymm_high(s, 0), 0, 16 * n);
    if (insn->vex & X86_VEX_L) {
        memset(s->fx.xmm, 0, 16 * n);
    }
}

/* VMASKMOVPS, VMASKMOVPD, VPMASKMOVD, VPMASKMOVQ. The mask is operand 1, the sign bits of its elements. */
void
x86_exec_vmaskmov(X86State *s, const X86Insn *insn)
{
    bool load = insn->op[0].kind == X86_OPND_XMM;
    unsigned total = insn->vex & X86_VEX_L ? 32 : 16;
    unsigned size = insn->opcode == 0x2d || insn->opcode == 0x2f || (insn->opcode >= 0x80 && (insn->rex & 8)) ? 8 : 4;
    uint8_t mask[32], data[32] = {0};
    uint64_t ea;

    x86_fpu_check(s, insn->row->attr);
    read_ymm(s, insn->op[1].reg, mask);
    ea = x86_ea(s, insn);
    if (load) {
        for (unsigned i = 0; i < total; i += size) {
            if (mask[i + size - 1] & 0x80) {
                uint64_t v = x86_load(s, insn->segment, ea + i, size);

                memcpy(data + i, &v, size);
            }
        }
        write_ymm(s, insn->op[0].reg, data);
        return;
    }
    /* All that is written must be writable before the first byte is. */
    for (unsigned i = 0; i < total; i += size) {
        if (mask[i + size - 1] & 0x80) {
            uint64_t linear = x86_linear(s, insn->segment, ea + i, size, EMU_TCG_WRITE);
            bool fault;

            for (uint64_t at = linear; at - linear < size; at = (at | 0xfff) + 1) {
                emu_tcg_host_pointer(&s->tcg, at, 1, EMU_TCG_WRITE, s->tcg.mmu_mode, &fault);
                if (fault) {
                    x86_raise_recorded_now(s);
                }
            }
        }
    }
    read_ymm(s, insn->op[2].reg, data);
    for (unsigned i = 0; i < total; i += size) {
        if (mask[i + size - 1] & 0x80) {
            uint64_t v = 0;

            memcpy(&v, data + i, size);
            x86_store(s, insn->segment, ea + i, v, size);
        }
    }
}

/*
 * Gathers. Elements are loaded from the lowest up. When one faults, those below it are there and their part of the mask is
 * clear, so that the instruction can be continued; all else is as it was.
 */
void
x86_exec_vgather(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[1].size, index_size = insn->opcode & 1 ? 8 : 4;
    unsigned n = (insn->vex & X86_VEX_L ? 32 : 16) / MAX(size, index_size);
    unsigned dst = insn->op[0].reg, msk = insn->op[2].reg, idx = insn->vindex;
    uint64_t base;
    uint8_t data[32], mask[32], index[32];

    x86_fpu_check(s, insn->row->attr);
    if (dst == msk || dst == idx || msk == idx) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    read_ymm(s, dst, data);
    read_ymm(s, msk, mask);
    read_ymm(s, idx, index);
    base = x86_ea(s, insn);
    for (unsigned i = 0; i < n; i++) {
        if (mask[i * size + size - 1] & 0x80) {
            int64_t off = 0;
            uint64_t v;

            memcpy(&off, index + index_size * i, index_size);
            off = (int64_t)x86_sign_extend((uint64_t)off, index_size);
            v = base + ((uint64_t)off << insn->scale);
            v = x86_load(s, insn->segment, insn->addrsize == 8 ? v : (uint32_t)v, size);
            memcpy(data + i * size, &v, size);
            write_ymm(s, dst, data);
        }
        memset(mask + i * size, 0, size);
        write_ymm(s, msk, mask);
    }
    memset(data + n * size, 0, 32 - n * size);
    memset(mask, 0, 32);
    write_ymm(s, dst, data);
    write_ymm(s, msk, mask);
}
