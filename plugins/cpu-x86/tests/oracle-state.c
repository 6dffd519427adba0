/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "oracle-state.h"

X86State *guest;

/* ---- random values ---- */

uint64_t
rnd_value(void)
{
    static const uint64_t special[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff,
                                       0x7fffffff, 0x80000000u, 0xffffffffu,
                                       UINT64_C(0x7fffffffffffffff), UINT64_C(0x8000000000000000),
                                       ~UINT64_C(0), 9, 0x99};

    switch (rnd_below(5)) {
    case 0:
        return special[rnd_below(G_N_ELEMENTS(special))];
    case 1:
        return rnd() >> rnd_below(64);
    case 2:
        return (uint64_t)-(int64_t)(rnd() >> (32 + rnd_below(32)));
    default:
        return rnd();
    }
}

void
rnd_bytes(void *p, unsigned n)
{
    for (unsigned i = 0; i < n; i += 8) {
        uint64_t v = rnd();

        memcpy((char *)p + i, &v, MIN(8, n - i));
    }
}

void
rnd_vector(uint8_t *p)
{
    static const uint32_t f32[] = {0, 0x80000000u, 0x3f800000, 0xbf800000u, 0x7f800000,
                                   0xff800000u, 0x7fc00000, 0x7fa00000, 0x00000001, 0x007fffff,
                                   0x00800000, 0x7f7fffff, 0x4f000000, 0x5f000000, 0x3effffff};
    static const uint64_t f64[] = {0, UINT64_C(0x8000000000000000), UINT64_C(0x3ff0000000000000),
                                   UINT64_C(0x7ff0000000000000), UINT64_C(0xfff0000000000000),
                                   UINT64_C(0x7ff8000000000000), UINT64_C(0x7ff4000000000000),
                                   1, UINT64_C(0x000fffffffffffff), UINT64_C(0x0010000000000000),
                                   UINT64_C(0x7fefffffffffffff), UINT64_C(0x41dfffffffc00000),
                                   UINT64_C(0x43e0000000000000), UINT64_C(0x36a0000000000000)};

    switch (rnd_below(4)) {
    case 0:
        for (unsigned i = 0; i < 4; i++) {
            uint32_t v = rnd_below(3) ? f32[rnd_below(G_N_ELEMENTS(f32))]
                                      : 0x3f800000 + (uint32_t)rnd_below(0x2000000) - 0x1000000;

            memcpy(p + 4 * i, &v, 4);
        }
        break;
    case 1:
        for (unsigned i = 0; i < 2; i++) {
            uint64_t v = rnd_below(3) ? f64[rnd_below(G_N_ELEMENTS(f64))]
                                      : UINT64_C(0x3ff0000000000000) + (rnd() >> 10) -
                                            (UINT64_C(1) << 53);

            memcpy(p + 8 * i, &v, 8);
        }
        break;
    case 2:
        for (unsigned i = 0; i < 16; i++) {
            p[i] = (uint8_t)rnd_below(4);
        }
        break;
    default:
        rnd_bytes(p, 16);
        break;
    }
}

void
rnd_x87(uint8_t *p)
{
    uint64_t man = rnd();
    uint16_t exp = (uint16_t)rnd();

    switch (rnd_below(6)) {
    case 0:
        man = 0;
        exp &= 0x8000;
        break;
    case 1:
        man = rnd_below(2) ? UINT64_C(0x8000000000000000) : rnd() | UINT64_C(0xc000000000000000);
        exp |= 0x7fff;
        break;
    case 2:
        man >>= 1;
        exp &= 0x8000;
        break;
    case 3:
        break; /* anything, unnormals included */
    default:
        man |= UINT64_C(0x8000000000000000);
        exp = (uint16_t)((exp & 0x8000) | (0x3fff - 40 + rnd_below(110)));
        break;
    }
    memcpy(p, &man, 8);
    memcpy(p + 8, &exp, 2);
}

/* ---- states ---- */

void
make_state(Cpu *c, const X86Insn *insn, const Mode *mode)
{
    uint32_t attr = insn->row->attr;

    for (unsigned i = 0; i < 16; i++) {
        c->gpr[i] = rnd_value();
        if (mode->bits != 64) {
            c->gpr[i] = i < 8 ? (uint32_t)c->gpr[i] : 0;
        }
    }
    c->gpr[X86_RSP] = ARENA + 0x1000 + rnd_below(64) * 8;
    if (rnd_below(16) == 0) {
        c->gpr[X86_RSP] = ARENA + rnd_below(32);
    }
    c->eflags = 0x202 | ((uint32_t)rnd() & X86_CC) | (rnd_below(8) == 0 ? X86_DF : 0);
    for (unsigned i = 0; i < 16; i++) {
        rnd_vector(c->high[i]);
    }
    if (attr & (X86_A_SSE | X86_A_MMX | X86_A_X87 | X86_A_AVX) || insn->row->op == X86_OP_fxsave ||
        insn->row->op == X86_OP_fwait) {
        memset(&c->fx, 0, sizeof(c->fx));
        for (unsigned i = 0; i < 16; i++) {
            rnd_vector(c->fx.xmm[i]);
        }
        c->fx.fcw = 0x37f;
        if (rnd_below(2)) {
            c->fx.fcw = (uint16_t)(0x7f | (rnd_below(4) << 10) | ((rnd() & 1) ? 0x300 : 0x200));
        }
        if (rnd_below(8) == 0) {
            c->fx.fcw = (uint16_t)((rnd() & 0xf3f) | 0x40);
        }
        c->fx.fsw = (uint16_t)(rnd() & 0x4700) | (uint16_t)(rnd_below(8) << 11);
        if (rnd_below(4) == 0) {
            c->fx.fsw |= (uint16_t)rnd_below(0x40);
        }
        if (c->fx.fsw & ~c->fx.fcw & 0x3f) {
            c->fx.fsw |= 0x8080;
        }
        c->fx.ftw = (uint8_t)(rnd_below(2) ? 0xff : rnd_below(2) ? rnd() : 0);
        for (unsigned i = 0; i < 8; i++) {
            if (attr & X86_A_MMX) {
                rnd_vector(c->fx.st[i]);
                memset(c->fx.st[i] + 8, 0xff, 2);
                memset(c->fx.st[i] + 10, 0, 6);
            } else {
                rnd_x87(c->fx.st[i]);
            }
        }
        c->fx.mxcsr = 0x1f80 | (rnd_below(4) << 13);
        if (rnd_below(4) == 0) {
            c->fx.mxcsr |= (uint32_t)rnd() & 0x8040;
        }
        if (rnd_below(4) == 0) {
            c->fx.mxcsr |= (uint32_t)rnd() & 0x3f;
        }
        if (rnd_below(8) == 0) {
            c->fx.mxcsr &= ~((uint32_t)rnd() & 0x1f80);
        }
    } else {
        memset(&c->fx, 0, sizeof(c->fx));
        c->fx.fcw = 0x37f;
        c->fx.mxcsr = 0x1f80;
    }
}

void
guest_segments(const Mode *mode)
{
    X86State *s = guest;
    uint32_t user = X86_DESC_P | X86_DESC_S | X86_DESC_DPL | X86_DESC_A;

    for (unsigned i = X86_ES; i <= X86_GS; i++) {
        x86_set_seg(s, i, mode->ds, i >= X86_FS ? 0 : mode->ds_base, mode->ds_limit,
                    user | X86_DESC_W | X86_DESC_B);
    }
    x86_set_seg(s, X86_SS, 0x2b, 0, 0xffffffffu, user | X86_DESC_W | X86_DESC_B);
    x86_set_seg(s, X86_CS, mode->cs, mode->cs_base, 0xffffffffu,
                user | X86_DESC_CODE | X86_DESC_R |
                    (mode->bits == 64   ? X86_DESC_L
                     : mode->bits == 32 ? X86_DESC_B
                                        : 0));
    s->cpl = 3;
    s->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_NE | X86_CR0_ET | X86_CR0_MP | X86_CR0_WP;
    s->cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE;
    s->xcr0 = x86_host_has(X86_FEAT_AVX) ? 7 : 3;
    s->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_SCE;
    s->phys_mask = (UINT64_C(1) << 40) - 1;
    x86_set_eflags(s, 0x202);
    x86_update_mode(s);
}

void
load_guest(const Cpu *c, const Mode *mode)
{
    X86State *s = guest;

    for (unsigned i = 0; i < 16; i++) {
        *x86_gpr(s, i) = c->gpr[i];
    }
    s->rip = c->rip - mode->cs_base;
    x86_set_eflags(s, c->eflags);
    s->fx = c->fx;
    memcpy(x86_ymm_high(s, 0), c->high, 256);
    s->exception = -1;
    s->shadow = 0;
    x86_update_mode(s);
}

void
run_guest(const X86Insn *insn, const Mode *mode, Cpu *out)
{
    X86State *s = guest;
    X86Interp *ip = s->interp;
    jmp_buf here;

    ip->unwind = &here;
    ip->exclusive = true;
    out->vector = -1;
    if (_setjmp(here) == 0) {
        do {
            ip->rep_again = false;
            ip->next_rip = s->rip + insn->length;
            if (insn->row->attr & X86_A_CPL0) {
                x86_raise(s, X86_EXC_GP, 0);
            }
            insn->row->exec(s, insn);
        } while (ip->rep_again);
        s->rip = ip->next_rip;
    } else {
        out->vector = s->exception;
        out->error = s->has_error_code ? s->error_code : 0;
        out->cr2 = s->exception_cr2;
    }
    ip->shadow_set = false;
    ip->stop = EMU_TCG_EXIT_NONE;
    for (unsigned i = 0; i < 16; i++) {
        out->gpr[i] = *x86_gpr(s, i);
    }
    out->rip = s->rip + mode->cs_base;
    out->eflags = x86_get_eflags(s);
    out->fx = s->fx;
    memcpy(out->high, x86_ymm_high(s, 0), 256);
}
