/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Shifts, rotates, bit tests and scans.
 *
 * Flags that the manuals leave undefined follow current AMD CPUs (measured on Zen): shifts by more
 * than 0 set AF; BSF and BSR clear all but ZF and PF, which is that of the result; TZCNT and LZCNT
 * clear SF, AF, PF and keep OF.
 */

#include "x86-interp.h"

#define SHIFT_AF X86_AF

static unsigned
shift_count(X86State *s, const X86Insn *insn, unsigned operand, unsigned size)
{
    unsigned c;

    if (insn->op[operand].kind == X86_OPND_GPR) {
        c = (uint8_t)X86_LOW(s, X86_RCX);
    } else {
        c = (uint8_t)insn->imm;
    }
    return c & (size == 8 ? 63 : 31);
}

static void
set_flag(X86State *s, uint32_t flag, bool on)
{
    s->cc = on ? s->cc | flag : s->cc & ~flag;
}

static bool
top_bit(uint64_t v, unsigned size)
{
    return v >> (8 * size - 1) & 1;
}

void
x86_exec_rol(X86State *s, const X86Insn *insn)
{
    unsigned count, bits, n;
    uint64_t a, r, mask;
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, false);
    count = shift_count(s, insn, 1, m.size);
    bits = 8 * m.size;
    mask = x86_size_mask(m.size);
    a = x86_rmw_load(&m);
    n = count % bits;
    r = n ? ((a << n) | (a >> (bits - n))) & mask : a;
    x86_rmw_store(s, &m, r);
    if (count) {
        set_flag(s, X86_CF, r & 1);
        set_flag(s, X86_OF, (r & 1) != top_bit(r, m.size));
    }
}

void
x86_exec_ror(X86State *s, const X86Insn *insn)
{
    unsigned count, bits, n;
    uint64_t a, r, mask;
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, false);
    count = shift_count(s, insn, 1, m.size);
    bits = 8 * m.size;
    mask = x86_size_mask(m.size);
    a = x86_rmw_load(&m);
    n = count % bits;
    r = n ? ((a >> n) | (a << (bits - n))) & mask : a;
    x86_rmw_store(s, &m, r);
    if (count) {
        set_flag(s, X86_CF, top_bit(r, m.size));
        set_flag(s, X86_OF, top_bit(r, m.size) != top_bit(r << 1, m.size));
    }
}

void
x86_exec_rcl(X86State *s, const X86Insn *insn)
{
    unsigned count, bits, n;
    uint64_t a, r;
    bool c = s->cc & X86_CF;
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, false);
    count = shift_count(s, insn, 1, m.size);
    bits = 8 * m.size;
    a = r = x86_rmw_load(&m);
    n = count % (bits + 1);
    for (unsigned i = 0; i < n; i++) {
        bool out = top_bit(r, m.size);

        r = r << 1 | c;
        c = out;
    }
    (void)a;
    r &= x86_size_mask(m.size);
    x86_rmw_store(s, &m, r);
    if (count) {
        set_flag(s, X86_CF, c);
        set_flag(s, X86_OF, top_bit(r, m.size) != c);
    }
}

void
x86_exec_rcr(X86State *s, const X86Insn *insn)
{
    unsigned count, bits, n;
    uint64_t r;
    bool c = s->cc & X86_CF;
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, false);
    count = shift_count(s, insn, 1, m.size);
    bits = 8 * m.size;
    r = x86_rmw_load(&m);
    n = count % (bits + 1);
    for (unsigned i = 0; i < n; i++) {
        bool out = r & 1;

        r = r >> 1 | (uint64_t)c << (bits - 1);
        c = out;
    }
    x86_rmw_store(s, &m, r);
    if (count) {
        set_flag(s, X86_CF, c);
        set_flag(s, X86_OF, top_bit(r, m.size) != top_bit(r << 1, m.size));
    }
}

void
x86_exec_shl(X86State *s, const X86Insn *insn)
{
    unsigned count, bits;
    uint64_t a, r;
    bool c;
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, false);
    count = shift_count(s, insn, 1, m.size);
    bits = 8 * m.size;
    a = x86_rmw_load(&m);
    r = (a << count) & x86_size_mask(m.size);
    x86_rmw_store(s, &m, r);
    if (count) {
        c = count <= bits && (a >> (bits - count) & 1);
        s->cc = x86_cc_szp(r, m.size) | SHIFT_AF | (c ? X86_CF : 0);
        set_flag(s, X86_OF, top_bit(r, m.size) != c);
    }
}

void
x86_exec_shr(X86State *s, const X86Insn *insn)
{
    unsigned count;
    uint64_t a, r;
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, false);
    count = shift_count(s, insn, 1, m.size);
    a = x86_rmw_load(&m);
    r = a >> count;
    x86_rmw_store(s, &m, r);
    if (count) {
        s->cc = x86_cc_szp(r, m.size) | SHIFT_AF | ((a >> (count - 1) & 1) ? X86_CF : 0);
        set_flag(s, X86_OF, top_bit(r, m.size) != top_bit(r << 1, m.size));
    }
}

void
x86_exec_sar(X86State *s, const X86Insn *insn)
{
    unsigned count;
    int64_t a, r;
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, false);
    count = shift_count(s, insn, 1, m.size);
    a = (int64_t)x86_sign_extend(x86_rmw_load(&m), m.size);
    r = a >> count;
    x86_rmw_store(s, &m, (uint64_t)r);
    if (count) {
        s->cc = x86_cc_szp((uint64_t)r, m.size) | SHIFT_AF |
                ((a >> (count - 1) & 1) ? X86_CF : 0);
    }
}

static void
double_shift(X86State *s, const X86Insn *insn, bool left)
{
    unsigned count, bits;
    uint64_t a, b = x86_read_operand(s, insn, 1), r;
    bool c;
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, false);
    count = shift_count(s, insn, 2, m.size);
    bits = 8 * m.size;
    a = x86_rmw_load(&m);
    if (count == 0) {
        x86_rmw_store(s, &m, a); /* clears the upper half of a 32-bit register */
        return;
    }
    if (m.size == 2) {
        /* A count above 16 is undefined; AMD CPUs go on shifting the source in, but shift no carry out. */
        uint64_t wide;

        if (left) {
            wide = a << 32 | b << 16 | b;
            r = wide << count >> 32;
            c = count <= 16 && wide >> (48 - count) & 1;
        } else {
            wide = b << 32 | b << 16 | a;
            r = wide >> count;
            c = count <= 16 && wide >> (count - 1) & 1;
        }
    } else if (left) {
        r = a << count | b >> (bits - count);
        c = a >> (bits - count) & 1;
    } else {
        r = a >> count | b << (bits - count);
        c = a >> (count - 1) & 1;
    }
    r &= x86_size_mask(m.size);
    x86_rmw_store(s, &m, r);
    s->cc = x86_cc_szp(r, m.size) | SHIFT_AF | (c ? X86_CF : 0);
    if (left) {
        set_flag(s, X86_OF, (m.size > 2 || count < 16 ? top_bit(r, m.size) : 0) != c);
    } else {
        set_flag(s, X86_OF, top_bit(r, m.size) != top_bit(r << 1, m.size));
    }
}

void
x86_exec_shld(X86State *s, const X86Insn *insn)
{
    double_shift(s, insn, true);
}

void
x86_exec_shrd(X86State *s, const X86Insn *insn)
{
    double_shift(s, insn, false);
}

/* BT family: with a register bit offset and a memory operand the offset reaches beyond the operand. */
static void
bit_test(X86State *s, const X86Insn *insn, unsigned op)
{
    unsigned size = insn->op[0].size, bit;
    uint64_t a, r, one;
    X86Rmw m;

    if (insn->op[1].kind == X86_OPND_IMM) {
        bit = (unsigned)insn->imm & (8 * size - 1);
    } else {
        bit = (unsigned)x86_read_operand(s, insn, 1) & (8 * size - 1);
    }
    one = UINT64_C(1) << bit;
    if (insn->op[0].kind == X86_OPND_MEM && insn->op[1].kind == X86_OPND_GPR) {
        int64_t offset = (int64_t)x86_sign_extend(x86_read_operand(s, insn, 1), size);
        unsigned shift = size == 2 ? 4 : size == 4 ? 5 : 6;
        uint64_t ea = x86_ea(s, insn) + (uint64_t)((offset >> shift) * (int64_t)size);

        ea &= x86_size_mask(insn->addrsize);
        if (op == 0) {
            set_flag(s, X86_CF, x86_load(s, insn->segment, ea, size) & one);
            return;
        }
        x86_rmw_begin_memory(s, &m, insn->segment, ea, size, x86_insn_locked(insn));
    } else if (op == 0) {
        set_flag(s, X86_CF, x86_read_operand(s, insn, 0) & one);
        return;
    } else {
        x86_rmw_begin(s, insn, &m, x86_insn_locked(insn));
    }
    do {
        a = x86_rmw_load(&m);
        r = op == 1 ? a | one : op == 2 ? a & ~one : a ^ one;
    } while (!x86_rmw_store(s, &m, r));
    set_flag(s, X86_CF, a & one);
}

void
x86_exec_bt(X86State *s, const X86Insn *insn)
{
    bit_test(s, insn, 0);
}

void
x86_exec_bts(X86State *s, const X86Insn *insn)
{
    bit_test(s, insn, 1);
}

void
x86_exec_btr(X86State *s, const X86Insn *insn)
{
    bit_test(s, insn, 2);
}

void
x86_exec_btc(X86State *s, const X86Insn *insn)
{
    bit_test(s, insn, 3);
}

static void
scan(X86State *s, const X86Insn *insn, uint64_t v, uint64_t r)
{
    s->cc = (v == 0 ? X86_ZF : 0) | x86_parity_table[(uint8_t)r];
    /* A zero source leaves the destination as it was (AMD APM; Intel CPUs do the same). */
    if (v) {
        x86_write_operand(s, insn, 0, r);
    }
}

void
x86_exec_bsf(X86State *s, const X86Insn *insn)
{
    uint64_t v = x86_read_operand(s, insn, 1);

    scan(s, insn, v, v ? (uint64_t)__builtin_ctzll(v) : 0);
}

void
x86_exec_bsr(X86State *s, const X86Insn *insn)
{
    uint64_t v = x86_read_operand(s, insn, 1);

    scan(s, insn, v, v ? 63 - (uint64_t)__builtin_clzll(v) : 0);
}

void
x86_exec_tzcnt(X86State *s, const X86Insn *insn)
{
    unsigned bits = 8 * insn->op[0].size;
    uint64_t v = x86_read_operand(s, insn, 1), r = v ? (uint64_t)__builtin_ctzll(v) : bits;

    x86_write_operand(s, insn, 0, r);
    s->cc = (s->cc & X86_OF) | (v == 0 ? X86_CF : 0) | (r == 0 ? X86_ZF : 0);
}

void
x86_exec_lzcnt(X86State *s, const X86Insn *insn)
{
    unsigned bits = 8 * insn->op[0].size;
    uint64_t v = x86_read_operand(s, insn, 1);
    uint64_t r = v ? (uint64_t)__builtin_clzll(v) - (64 - bits) : bits;

    x86_write_operand(s, insn, 0, r);
    s->cc = (s->cc & X86_OF) | (v == 0 ? X86_CF : 0) | (r == 0 ? X86_ZF : 0);
}

void
x86_exec_popcnt(X86State *s, const X86Insn *insn)
{
    uint64_t v = x86_read_operand(s, insn, 1);

    x86_write_operand(s, insn, 0, (uint64_t)__builtin_popcountll(v));
    s->cc = v ? 0 : X86_ZF;
}
