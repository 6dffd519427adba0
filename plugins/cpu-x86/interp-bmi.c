/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * BMI1, BMI2 and ADX: general registers, no state of their own.
 *
 * Flags that the manuals leave undefined follow current AMD CPUs (measured on Zen): PF is that of the result, AF is cleared;
 * BEXTR sets AF and clears SF.
 */

#include "x86-interp.h"

/* @extra: CF and OF; the others follow from the result. */
static void
set_logic(X86State *s, uint64_t r, unsigned size, uint32_t extra)
{
    s->cc = x86_cc_szp(r, size) | extra;
}

void
x86_exec_andn(X86State *s, const X86Insn *insn)
{
    uint64_t r = ~x86_read_operand(s, insn, 1) & x86_read_operand(s, insn, 2);

    x86_write_operand(s, insn, 0, r);
    set_logic(s, r, insn->op[0].size, 0);
}

void
x86_exec_bextr(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[0].size;
    uint64_t v = x86_read_operand(s, insn, 1), control = x86_read_operand(s, insn, 2), r;
    unsigned start = control & 0xff, length = control >> 8 & 0xff;

    r = start < 8 * size ? v >> start : 0;
    if (length < 64) {
        r &= (UINT64_C(1) << length) - 1;
    }
    x86_write_operand(s, insn, 0, r);
    s->cc = (x86_cc_szp(r, size) & ~X86_SF) | X86_AF;
}

void
x86_exec_blsi(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[0].size;
    uint64_t v = x86_read_operand(s, insn, 1), r = v & -v;

    x86_write_operand(s, insn, 0, r);
    set_logic(s, r, size, v ? X86_CF : 0);
}

void
x86_exec_blsmsk(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[0].size;
    uint64_t v = x86_read_operand(s, insn, 1), r = v ^ (v - 1);

    x86_write_operand(s, insn, 0, r);
    set_logic(s, r, size, v ? 0 : X86_CF);
}

void
x86_exec_blsr(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[0].size;
    uint64_t v = x86_read_operand(s, insn, 1), r = v & (v - 1);

    x86_write_operand(s, insn, 0, r);
    set_logic(s, r, size, v ? 0 : X86_CF);
}

void
x86_exec_bzhi(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[0].size;
    uint64_t r = x86_read_operand(s, insn, 1);
    unsigned n = x86_read_operand(s, insn, 2) & 0xff;
    bool beyond = n >= 8 * size;

    if (!beyond) {
        r &= (UINT64_C(1) << n) - 1;
    }
    x86_write_operand(s, insn, 0, r);
    set_logic(s, r, size, beyond ? X86_CF : 0);
}

/* The high half is written last: it stays when both go to one register. */
void
x86_exec_mulx(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[0].size;
    uint64_t a = x86_get_gpr(s, X86_RDX, size), b = x86_read_operand(s, insn, 2);

    if (size == 8) {
        unsigned __int128 r = (unsigned __int128)a * b;

        x86_write_operand(s, insn, 1, (uint64_t)r);
        x86_write_operand(s, insn, 0, (uint64_t)(r >> 64));
    } else {
        x86_write_operand(s, insn, 1, (uint32_t)(a * b));
        x86_write_operand(s, insn, 0, (uint32_t)(a * b >> 32));
    }
}

void
x86_exec_pdep(X86State *s, const X86Insn *insn)
{
    uint64_t v = x86_read_operand(s, insn, 1), mask = x86_read_operand(s, insn, 2), r = 0;

    for (; mask; mask &= mask - 1, v >>= 1) {
        if (v & 1) {
            r |= mask & -mask;
        }
    }
    x86_write_operand(s, insn, 0, r);
}

void
x86_exec_pext(X86State *s, const X86Insn *insn)
{
    uint64_t v = x86_read_operand(s, insn, 1), mask = x86_read_operand(s, insn, 2), r = 0;

    for (uint64_t bit = 1; mask; mask &= mask - 1, bit <<= 1) {
        if (v & mask & -mask) {
            r |= bit;
        }
    }
    x86_write_operand(s, insn, 0, r);
}

void
x86_exec_rorx(X86State *s, const X86Insn *insn)
{
    unsigned bits = 8 * insn->op[0].size, n = insn->imm & (bits - 1);
    uint64_t v = x86_read_operand(s, insn, 1);

    x86_write_operand(s, insn, 0, n ? v >> n | v << (bits - n) : v);
}

void
x86_exec_shlx(X86State *s, const X86Insn *insn)
{
    unsigned bits = 8 * insn->op[0].size;
    uint64_t v = x86_read_operand(s, insn, 1);

    x86_write_operand(s, insn, 0, v << (x86_read_operand(s, insn, 2) & (bits - 1)));
}

void
x86_exec_shrx(X86State *s, const X86Insn *insn)
{
    unsigned bits = 8 * insn->op[0].size;
    uint64_t v = x86_read_operand(s, insn, 1);

    x86_write_operand(s, insn, 0, v >> (x86_read_operand(s, insn, 2) & (bits - 1)));
}

void
x86_exec_sarx(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[0].size;
    uint64_t v = x86_sign_extend(x86_read_operand(s, insn, 1), size);

    x86_write_operand(s, insn, 0, (uint64_t)((int64_t)v >> (x86_read_operand(s, insn, 2) & (8 * size - 1))));
}

static void
add_with(X86State *s, const X86Insn *insn, uint32_t flag)
{
    unsigned size = insn->op[0].size;
    uint64_t a = x86_read_operand(s, insn, 0), b = x86_read_operand(s, insn, 1);
    bool carry = x86_cc_add(a, b, (s->cc & flag) != 0, size) & X86_CF;

    x86_write_operand(s, insn, 0, a + b + ((s->cc & flag) != 0));
    s->cc = carry ? s->cc | flag : s->cc & ~flag;
}

void
x86_exec_adcx(X86State *s, const X86Insn *insn)
{
    add_with(s, insn, X86_CF);
}

void
x86_exec_adox(X86State *s, const X86Insn *insn)
{
    add_with(s, insn, X86_OF);
}
