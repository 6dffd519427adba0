/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "random-insn.h"

#include <string.h>

uint64_t rng_state;

uint64_t
rnd(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state * UINT64_C(0x2545f4914f6cdd1d);
}

unsigned
rnd_below(unsigned n)
{
    return (unsigned)((rnd() >> 32) * n >> 32);
}

static unsigned
random_vex(const X86Row *row, bool code64, unsigned how, uint8_t *b)
{
    static const uint8_t pp[] = {0, 0, 1, 2, 3}; /* by X86_SEL_NP ... */
    unsigned l = row->select & X86_SEL_L0 ? 0 : row->select & X86_SEL_L1 ? 4 : rnd() & 4;
    unsigned w = row->select & X86_SEL_W0 ? 0 : row->select & X86_SEL_W1 ? 0x80 : rnd_below(4) == 0 ? 0x80 : 0;
    unsigned low = l | pp[row->select & X86_SEL_PREFIX], v, n = 0;
    bool used = false;

    for (unsigned i = 0; i < 4; i++) {
        used |= row->operands[i].kind == X86_K_H || row->operands[i].kind == X86_K_B;
    }
    v = used || ((how & RANDOM_VVVV) && rnd_below(16) == 0) ? rnd() & 0x78 : 0x78;
    if (!w && row->map == X86_MAP_VEX_0F && rnd_below(2)) {
        b[n++] = 0xc5;
        b[n++] = (uint8_t)((code64 ? (rnd() & 0x80) | v : 0xc0 | v) | low);
    } else {
        b[n++] = 0xc4;
        b[n++] = (uint8_t)((code64 ? rnd() & 0xe0 : 0xc0 | (rnd() & 0x20)) | (row->map - X86_MAP_VEX_0F + 1u));
        b[n++] = (uint8_t)(w | v | low);
    }
    return n;
}

void
random_insn_bytes(const X86Row *row, bool code64, unsigned how, uint8_t *b)
{
    bool vex = row->map >= X86_MAP_VEX_0F && row->map <= X86_MAP_VEX_0F3A;
    unsigned n = 0, pfx = vex ? X86_SEL_NP : row->select & X86_SEL_PREFIX;

    if (pfx == X86_SEL_66) {
        b[n++] = 0x66;
    } else if (pfx == X86_SEL_F3 || pfx == X86_SEL_F2) {
        b[n++] = pfx == X86_SEL_F3 ? 0xf3 : 0xf2;
        if (row->cls == X86_CLASS_PORTABLE && rnd_below(4) == 0) {
            b[n++] = 0x66;
        }
    } else if (pfx == 0 && rnd_below(4) == 0 && ((how & RANDOM_SEGMENTS) || !(row->attr & X86_A_F64))) {
        /* (near branches: AMD CPUs heed 66 in 64-bit code, Intel's and ours do not) */
        b[n++] = 0x66;
    }
    if (rnd_below(16) == 0) {
        b[n++] = 0x67;
    }
    if ((how & RANDOM_SEGMENTS) && rnd_below(12) == 0) {
        b[n++] = (uint8_t)(rnd_below(2) ? 0x64 + rnd_below(2) : 0x26 + 8 * rnd_below(4));
    }
    if (vex) {
        n += random_vex(row, code64, how, b + n);
    } else {
        if ((row->attr & (X86_A_REP | X86_A_REPCC)) && rnd_below(2)) {
            b[n++] = rnd_below(2) ? 0xf2 : 0xf3;
        }
        if ((row->attr & X86_A_LOCK) && rnd_below(4) == 0) {
            b[n++] = 0xf0;
        }
        if (code64 && rnd_below(2)) {
            b[n++] = (uint8_t)(0x40 | rnd_below(16));
        }
        if (row->map != X86_MAP_PRIMARY && row->map != X86_MAP_X87) {
            b[n++] = 0x0f;
            if (row->map != X86_MAP_0F) {
                b[n++] = row->map == X86_MAP_0F38 ? 0x38 : 0x3a;
            }
        }
    }
    b[n++] = row->opcode;
    for (unsigned i = 0; i < 16; i++) {
        b[n + i] = (uint8_t)rnd();
    }
    if (rnd_below(3) == 0) {
        b[n] |= 0xc0;
    }
    if (row->select & X86_SEL_REG) {
        b[n] = (uint8_t)((b[n] & ~0x38) | (row->select >> 1 & 0x38));
    }
    if (row->select & X86_SEL_MOD3) {
        b[n] |= 0xc0;
    } else if ((row->select & X86_SEL_MEM) && b[n] >= 0xc0) {
        b[n] &= 0x3f;
    }
    if (row->select & X86_SEL_RM) {
        b[n] = (uint8_t)((b[n] & ~7) | (row->select >> 10 & 7));
    }
}

const char *
fx_difference(const X86Fxsave *a, const X86Fxsave *b, unsigned n_xmm)
{
    if (memcmp(a->xmm, b->xmm, n_xmm * sizeof(a->xmm[0]))) {
        return "xmm";
    }
    if (a->mxcsr != b->mxcsr) {
        return "mxcsr";
    }
    if (a->fcw != b->fcw) {
        return "fcw";
    }
    if (a->fsw != b->fsw) {
        return "fsw";
    }
    if (a->ftw != b->ftw) {
        return "ftw";
    }
    for (unsigned i = 0; i < 8; i++) {
        unsigned phys = (i + (a->fsw >> 11)) & 7;

        if ((a->ftw >> phys & 1) && memcmp(a->st[i], b->st[i], 10)) {
            return "st";
        }
    }
    return NULL;
}
