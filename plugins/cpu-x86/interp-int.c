/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Integer instructions: arithmetic, logic, moves, stack, BCD. */

#include "x86-interp.h"

void
x86_exec_add(X86State *s, const X86Insn *insn)
{
    uint64_t a, b = x86_read_operand(s, insn, 1);
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, x86_insn_locked(insn));
    do {
        a = x86_rmw_load(&m);
    } while (!x86_rmw_store(s, &m, a + b));
    s->cc = x86_cc_add(a, b, 0, m.size);
}

void
x86_exec_adc(X86State *s, const X86Insn *insn)
{
    uint64_t a, b = x86_read_operand(s, insn, 1), c = s->cc & X86_CF;
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, x86_insn_locked(insn));
    do {
        a = x86_rmw_load(&m);
    } while (!x86_rmw_store(s, &m, a + b + c));
    s->cc = x86_cc_add(a, b, c, m.size);
}

void
x86_exec_sub(X86State *s, const X86Insn *insn)
{
    uint64_t a, b = x86_read_operand(s, insn, 1);
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, x86_insn_locked(insn));
    do {
        a = x86_rmw_load(&m);
    } while (!x86_rmw_store(s, &m, a - b));
    s->cc = x86_cc_sub(a, b, 0, m.size);
}

void
x86_exec_sbb(X86State *s, const X86Insn *insn)
{
    uint64_t a, b = x86_read_operand(s, insn, 1), c = s->cc & X86_CF;
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, x86_insn_locked(insn));
    do {
        a = x86_rmw_load(&m);
    } while (!x86_rmw_store(s, &m, a - b - c));
    s->cc = x86_cc_sub(a, b, c, m.size);
}

#define LOGIC(name, op)                                                                            \
    void x86_exec_##name(X86State *s, const X86Insn *insn)                                         \
    {                                                                                              \
        uint64_t a, b = x86_read_operand(s, insn, 1);                                              \
        X86Rmw m;                                                                                  \
                                                                                                   \
        x86_rmw_begin(s, insn, &m, x86_insn_locked(insn));                                         \
        do {                                                                                       \
            a = x86_rmw_load(&m);                                                                  \
        } while (!x86_rmw_store(s, &m, a op b));                                                   \
        s->cc = x86_cc_szp(a op b, m.size);                                                        \
    }
LOGIC(and, &)
LOGIC(or, |)
LOGIC(xor, ^)
#undef LOGIC

void
x86_exec_cmp(X86State *s, const X86Insn *insn)
{
    uint64_t a = x86_read_operand(s, insn, 0), b = x86_read_operand(s, insn, 1);

    s->cc = x86_cc_sub(a, b, 0, insn->op[0].size);
}

void
x86_exec_test(X86State *s, const X86Insn *insn)
{
    uint64_t a = x86_read_operand(s, insn, 0), b = x86_read_operand(s, insn, 1);

    s->cc = x86_cc_szp(a & b, insn->op[0].size);
}

void
x86_exec_inc(X86State *s, const X86Insn *insn)
{
    uint64_t a;
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, x86_insn_locked(insn));
    do {
        a = x86_rmw_load(&m);
    } while (!x86_rmw_store(s, &m, a + 1));
    s->cc = (s->cc & X86_CF) | (x86_cc_add(a, 1, 0, m.size) & ~X86_CF);
}

void
x86_exec_dec(X86State *s, const X86Insn *insn)
{
    uint64_t a;
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, x86_insn_locked(insn));
    do {
        a = x86_rmw_load(&m);
    } while (!x86_rmw_store(s, &m, a - 1));
    s->cc = (s->cc & X86_CF) | (x86_cc_sub(a, 1, 0, m.size) & ~X86_CF);
}

void
x86_exec_neg(X86State *s, const X86Insn *insn)
{
    uint64_t a;
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, x86_insn_locked(insn));
    do {
        a = x86_rmw_load(&m);
    } while (!x86_rmw_store(s, &m, 0 - a));
    s->cc = x86_cc_sub(0, a, 0, m.size);
}

void
x86_exec_not(X86State *s, const X86Insn *insn)
{
    uint64_t a;
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, x86_insn_locked(insn));
    do {
        a = x86_rmw_load(&m);
    } while (!x86_rmw_store(s, &m, ~a));
}

void
x86_exec_mov(X86State *s, const X86Insn *insn)
{
    x86_write_operand(s, insn, 0, x86_read_operand(s, insn, 1));
}

void
x86_exec_movzx(X86State *s, const X86Insn *insn)
{
    x86_write_operand(s, insn, 0, x86_read_operand(s, insn, 1));
}

void
x86_exec_movsx(X86State *s, const X86Insn *insn)
{
    x86_write_operand(s, insn, 0,
                      x86_sign_extend(x86_read_operand(s, insn, 1), insn->op[1].size));
}

void
x86_exec_movsxd(X86State *s, const X86Insn *insn)
{
    x86_write_operand(s, insn, 0, x86_sign_extend(x86_read_operand(s, insn, 1), 4));
}

static uint64_t
bswap_size(uint64_t v, unsigned size)
{
    return __builtin_bswap64(v) >> (64 - 8 * size);
}

void
x86_exec_movbe(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[0].size;

    x86_write_operand(s, insn, 0, bswap_size(x86_read_operand(s, insn, 1), size));
}

void
x86_exec_bswap(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[0].size;

    /* With a 16-bit operand the result is undefined; hardware gives 0. */
    x86_write_operand(s, insn, 0,
                      size == 2 ? 0 : bswap_size(x86_read_operand(s, insn, 0), size));
}

void
x86_exec_lea(X86State *s, const X86Insn *insn)
{
    x86_write_operand(s, insn, 0, x86_ea(s, insn));
}

void
x86_exec_xchg(X86State *s, const X86Insn *insn)
{
    uint64_t a, b = x86_read_operand(s, insn, 1);
    X86Rmw m;

    /* With a memory operand LOCK is implied. */
    x86_rmw_begin(s, insn, &m, true);
    do {
        a = x86_rmw_load(&m);
    } while (!x86_rmw_store(s, &m, b));
    x86_write_operand(s, insn, 1, a);
}

void
x86_exec_xadd(X86State *s, const X86Insn *insn)
{
    uint64_t a, b = x86_read_operand(s, insn, 1);
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, x86_insn_locked(insn));
    if (m.is_register) {
        /* XADD r, r with the same register leaves the sum */
        a = x86_rmw_load(&m);
        x86_write_operand(s, insn, 1, a);
        x86_rmw_store(s, &m, a + b);
    } else {
        do {
            a = x86_rmw_load(&m);
        } while (!x86_rmw_store(s, &m, a + b));
        x86_write_operand(s, insn, 1, a);
    }
    s->cc = x86_cc_add(a, b, 0, m.size);
}

void
x86_exec_cmpxchg(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[0].size;
    uint64_t a, acc = x86_get_gpr(s, X86_RAX, size), b = x86_read_operand(s, insn, 1);
    X86Rmw m;

    x86_rmw_begin(s, insn, &m, x86_insn_locked(insn));
    do {
        a = x86_rmw_load(&m);
        /* memory is written in either case; a register only when equal */
        if (m.is_register && a != acc) {
            break;
        }
    } while (!x86_rmw_store(s, &m, a == acc ? b : a));
    if (a != acc) {
        x86_set_gpr(s, X86_RAX, a, size);
    }
    s->cc = x86_cc_sub(acc, a, 0, size);
}

static bool
cas16(void *p, unsigned __int128 *expected, unsigned __int128 desired)
{
#if defined(__x86_64__)
    uint64_t lo = (uint64_t)*expected, hi = (uint64_t)(*expected >> 64);
    bool ok;

    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(ok), "+m"(*(unsigned __int128 *)p), "+a"(lo), "+d"(hi)
                     : "b"((uint64_t)desired), "c"((uint64_t)(desired >> 64))
                     : "memory");
    *expected = (unsigned __int128)hi << 64 | lo;
    return ok;
#else
    return __atomic_compare_exchange((unsigned __int128 *)p, expected, &desired, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
#endif
}

static void
cmpxchg16b(X86State *s, const X86Insn *insn)
{
    unsigned __int128 expected =
        (unsigned __int128)X86_LOW(s, X86_RDX) << 64 | X86_LOW(s, X86_RAX);
    unsigned __int128 desired =
        (unsigned __int128)X86_LOW(s, X86_RCX) << 64 | X86_LOW(s, X86_RBX);
    unsigned __int128 seen = expected;
    uint64_t linear;
    bool fault, equal;
    void *p;

    if (!x86_has_feature(s, X86_FEAT_CX16)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    linear = x86_operand_linear(s, insn, 16, EMU_TCG_WRITE);
    if (linear & 15) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    p = emu_tcg_host_pointer(&s->tcg, linear, 16, EMU_TCG_WRITE, s->tcg.mmu_mode, &fault);
    if (p) {
        equal = cas16(p, &seen, desired);
    } else {
        if (fault) {
            x86_raise_recorded_now(s);
        }
        if (!s->interp->exclusive) {
            x86_unwind(s, X86_UNWIND_EXCLUSIVE);
        }
        if (!emu_tcg_read(&s->tcg, linear, &seen, 16, s->tcg.mmu_mode)) {
            x86_raise_recorded_now(s);
        }
        equal = seen == expected;
        if (!emu_tcg_write(&s->tcg, linear, equal ? &desired : &seen, 16, s->tcg.mmu_mode)) {
            x86_raise_recorded_now(s);
        }
    }
    if (equal) {
        s->cc |= X86_ZF;
    } else {
        s->cc &= ~X86_ZF;
        X86_LOW(s, X86_RAX) = (uint64_t)seen;
        X86_LOW(s, X86_RDX) = (uint64_t)(seen >> 64);
    }
}

void
x86_exec_cmpxchg8b(X86State *s, const X86Insn *insn)
{
    uint64_t expected, desired, a;
    X86Rmw m;

    if (insn->op[0].size == 16) {
        cmpxchg16b(s, insn);
        return;
    }
    expected = (uint32_t)X86_LOW(s, X86_RAX) | X86_LOW(s, X86_RDX) << 32;
    desired = (uint32_t)X86_LOW(s, X86_RBX) | X86_LOW(s, X86_RCX) << 32;
    x86_rmw_begin(s, insn, &m, x86_insn_locked(insn));
    do {
        a = x86_rmw_load(&m);
    } while (!x86_rmw_store(s, &m, a == expected ? desired : a));
    if (a == expected) {
        s->cc |= X86_ZF;
    } else {
        s->cc &= ~X86_ZF;
        X86_LOW(s, X86_RAX) = (uint32_t)a;
        X86_LOW(s, X86_RDX) = a >> 32;
    }
}

/* Multiplication and division.  The double-width halves are AX, or rDX:rAX. */

static void
set_mul_flags(X86State *s, bool overflow)
{
    /* SF, ZF, AF, PF are undefined; AMD CPUs keep them. */
    s->cc &= ~(X86_CF | X86_OF);
    if (overflow) {
        s->cc |= X86_CF | X86_OF;
    }
}

/* All flags are undefined after a division; AMD CPUs keep CF and OF, set AF, clear the others. */
static void
set_div_flags(X86State *s)
{
    s->cc = (s->cc & (X86_CF | X86_OF)) | X86_AF;
}

void
x86_exec_mul(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[0].size;
    uint64_t b = x86_read_operand(s, insn, 0), a = x86_get_gpr(s, X86_RAX, size);
    unsigned __int128 r = (unsigned __int128)a * b;
    uint64_t high = (uint64_t)(r >> (8 * size)) & x86_size_mask(size);

    if (size == 1) {
        x86_set_gpr(s, X86_RAX, (uint64_t)r, 2);
    } else {
        x86_set_gpr(s, X86_RAX, (uint64_t)r, size);
        x86_set_gpr(s, X86_RDX, high, size);
    }
    set_mul_flags(s, high != 0);
}

void
x86_exec_imul1(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[0].size;
    int64_t b = (int64_t)x86_sign_extend(x86_read_operand(s, insn, 0), size);
    int64_t a = (int64_t)x86_sign_extend(x86_get_gpr(s, X86_RAX, size), size);
    __int128 r = (__int128)a * b;

    if (size == 1) {
        x86_set_gpr(s, X86_RAX, (uint64_t)r, 2);
    } else {
        x86_set_gpr(s, X86_RAX, (uint64_t)r, size);
        x86_set_gpr(s, X86_RDX, (uint64_t)(r >> (8 * size)), size);
    }
    set_mul_flags(s, r != (int64_t)x86_sign_extend((uint64_t)r, size));
}

static void
imul(X86State *s, const X86Insn *insn, uint64_t x, uint64_t y)
{
    unsigned size = insn->op[0].size;
    __int128 r = (__int128)(int64_t)x86_sign_extend(x, size) * (int64_t)x86_sign_extend(y, size);

    x86_write_operand(s, insn, 0, (uint64_t)r);
    set_mul_flags(s, r != (int64_t)x86_sign_extend((uint64_t)r, size));
}

void
x86_exec_imul2(X86State *s, const X86Insn *insn)
{
    imul(s, insn, x86_read_operand(s, insn, 0), x86_read_operand(s, insn, 1));
}

void
x86_exec_imul3(X86State *s, const X86Insn *insn)
{
    imul(s, insn, x86_read_operand(s, insn, 1), insn->imm);
}

void
x86_exec_div(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[0].size;
    uint64_t b = x86_read_operand(s, insn, 0);
    unsigned __int128 n, q;

    if (b == 0) {
        x86_raise_plain(s, X86_EXC_DE);
    }
    if (size == 1) {
        n = x86_get_gpr(s, X86_RAX, 2);
    } else {
        n = (unsigned __int128)x86_get_gpr(s, X86_RDX, size) << (8 * size) |
            x86_get_gpr(s, X86_RAX, size);
    }
    q = n / b;
    if (q > x86_size_mask(size)) {
        x86_raise_plain(s, X86_EXC_DE);
    }
    if (size == 1) {
        x86_set_gpr(s, X86_RAX, (uint64_t)q | (uint64_t)(n % b) << 8, 2);
    } else {
        x86_set_gpr(s, X86_RAX, (uint64_t)q, size);
        x86_set_gpr(s, X86_RDX, (uint64_t)(n % b), size);
    }
    set_div_flags(s);
}

void
x86_exec_idiv(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->op[0].size;
    uint64_t raw = x86_read_operand(s, insn, 0);
    int64_t b = (int64_t)x86_sign_extend(raw, size);
    unsigned __int128 u, uq, ub, limit;
    __int128 n;
    bool negative, negative_n;
    uint64_t q, r;

    if (b == 0) {
        x86_raise_plain(s, X86_EXC_DE);
    }
    if (size == 1) {
        n = (int16_t)x86_get_gpr(s, X86_RAX, 2);
    } else {
        __int128 high = (int64_t)x86_sign_extend(x86_get_gpr(s, X86_RDX, size), size);

        n = (__int128)((unsigned __int128)high << (8 * size) | x86_get_gpr(s, X86_RAX, size));
    }
    negative_n = n < 0;
    negative = negative_n != (b < 0);
    u = negative_n ? -(unsigned __int128)n : (unsigned __int128)n;
    ub = b < 0 ? -(unsigned __int128)(__int128)b : (unsigned __int128)b;
    uq = u / ub;
    limit = (unsigned __int128)1 << (8 * size - 1);
    if (uq > limit - !negative) {
        x86_raise_plain(s, X86_EXC_DE);
    }
    q = negative ? 0 - (uint64_t)uq : (uint64_t)uq;
    r = negative_n ? 0 - (uint64_t)(u % ub) : (uint64_t)(u % ub);
    if (size == 1) {
        x86_set_gpr(s, X86_RAX, (q & 0xff) | (r & 0xff) << 8, 2);
    } else {
        x86_set_gpr(s, X86_RAX, q, size);
        x86_set_gpr(s, X86_RDX, r, size);
    }
    set_div_flags(s);
}

void
x86_exec_cbw(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->opsize;

    x86_set_gpr(s, X86_RAX, x86_sign_extend(x86_get_gpr(s, X86_RAX, size / 2), size / 2), size);
}

void
x86_exec_cwd(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->opsize;
    bool negative = x86_get_gpr(s, X86_RAX, size) >> (8 * size - 1);

    x86_set_gpr(s, X86_RDX, negative ? ~UINT64_C(0) : 0, size);
}

void
x86_exec_nop(X86State *s, const X86Insn *insn)
{
    (void)s;
    (void)insn;
}

void
x86_exec_xlat(X86State *s, const X86Insn *insn)
{
    uint64_t ea = X86_LOW(s, X86_RBX) + (uint8_t)X86_LOW(s, X86_RAX);

    ea &= x86_size_mask(insn->addrsize);
    x86_set_gpr(s, X86_RAX, x86_load(s, insn->segment, ea, 1), 1);
}

void
x86_exec_cmov(X86State *s, const X86Insn *insn)
{
    uint64_t v = x86_read_operand(s, insn, 1);

    /* A false condition still clears the upper half of a 32-bit destination. */
    if (!x86_condition(s->cc, insn->opcode & 15)) {
        v = x86_read_operand(s, insn, 0);
    }
    x86_write_operand(s, insn, 0, v);
}

void
x86_exec_setcc(X86State *s, const X86Insn *insn)
{
    x86_write_operand(s, insn, 0, x86_condition(s->cc, insn->opcode & 15));
}

void
x86_exec_lahf(X86State *s, const X86Insn *insn)
{
    (void)insn;
    if (s->code_size == 64 && !x86_has_feature(s, X86_FEAT_LAHF_LM)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    ((uint8_t *)&X86_LOW(s, X86_RAX))[1] = (uint8_t)((s->cc & 0xff) | 2);
}

void
x86_exec_sahf(X86State *s, const X86Insn *insn)
{
    (void)insn;
    if (s->code_size == 64 && !x86_has_feature(s, X86_FEAT_LAHF_LM)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    s->cc = (s->cc & X86_OF) | (((uint8_t *)&X86_LOW(s, X86_RAX))[1] & X86_CC);
}

void
x86_exec_salc(X86State *s, const X86Insn *insn)
{
    x86_write_operand(s, insn, 0, (s->cc & X86_CF) ? 0xff : 0);
}

void
x86_exec_clc(X86State *s, const X86Insn *insn)
{
    (void)insn;
    s->cc &= ~X86_CF;
}

void
x86_exec_stc(X86State *s, const X86Insn *insn)
{
    (void)insn;
    s->cc |= X86_CF;
}

void
x86_exec_cmc(X86State *s, const X86Insn *insn)
{
    (void)insn;
    s->cc ^= X86_CF;
}

void
x86_exec_cld(X86State *s, const X86Insn *insn)
{
    (void)insn;
    s->eflags &= ~X86_DF;
}

void
x86_exec_std(X86State *s, const X86Insn *insn)
{
    (void)insn;
    s->eflags |= X86_DF;
}

/* Stack. */

void
x86_exec_push(X86State *s, const X86Insn *insn)
{
    /* PUSH rSP stores the value from before */
    uint64_t v = insn->op[0].kind == X86_OPND_IMM ? insn->imm : x86_read_operand(s, insn, 0);

    x86_push(s, v, insn->opsize);
}

void
x86_exec_pop(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->opsize;
    uint64_t v = x86_stack_peek(s, 0, size);

    if (insn->op[0].kind == X86_OPND_GPR) {
        x86_drop(s, size);
        x86_write_operand(s, insn, 0, v); /* POP rSP: the value wins */
    } else {
        /* The address is computed with rSP already incremented. */
        uint64_t old = X86_LOW(s, X86_RSP), ea, linear;

        x86_drop(s, size);
        ea = x86_ea(s, insn);
        X86_LOW(s, X86_RSP) = old;
        linear = x86_linear(s, insn->segment, ea, size, EMU_TCG_WRITE);
        x86_store_linear(s, linear, v, size, s->tcg.mmu_mode);
        x86_drop(s, size);
    }
}

void
x86_exec_pusha(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->opsize;
    uint64_t sp = X86_LOW(s, X86_RSP), mask = x86_stack_mask(s);

    for (unsigned i = 0; i < 8; i++) {
        x86_store(s, X86_SS, (sp - (i + 1) * size) & mask, *x86_gpr(s, i), size);
    }
    x86_set_sp(s, sp - 8 * size);
}

void
x86_exec_popa(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->opsize;
    uint64_t v[8];

    for (unsigned i = 0; i < 8; i++) {
        v[7 - i] = x86_stack_peek(s, i * size, size);
    }
    x86_drop(s, 8 * size);
    for (unsigned i = 0; i < 8; i++) {
        if (i != X86_RSP) {
            x86_set_gpr(s, i, v[i], size);
        }
    }
}

void
x86_exec_pushf(X86State *s, const X86Insn *insn)
{
    if ((s->eflags & X86_VM) && x86_iopl(s) != 3) {
        if (!(s->cr4 & X86_CR4_VME) || insn->opsize != 2) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        x86_push(s, x86_virtual_flags(s), 2);
        return;
    }
    x86_push(s, x86_get_eflags(s) & ~(X86_VM | X86_RF), insn->opsize);
}

void
x86_exec_popf(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->opsize;
    uint32_t take = X86_CC | X86_TF | X86_DF | X86_NT | X86_AC | X86_ID | X86_RF, v;

    if ((s->eflags & X86_VM) && x86_iopl(s) != 3) {
        if (!(s->cr4 & X86_CR4_VME) || size != 2) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        x86_set_virtual_flags(s, (uint16_t)x86_stack_peek(s, 0, 2));
        x86_drop(s, 2);
        return;
    }
    v = (uint32_t)x86_stack_peek(s, 0, size) & ~X86_RF;
    if (s->cpl <= x86_iopl(s) || !(s->cr0 & X86_CR0_PE)) {
        take |= X86_IF;
    }
    if (s->cpl == 0) {
        take |= X86_IOPL;
    }
    if (size == 2) {
        take &= 0xffff;
    }
    x86_drop(s, size);
    x86_set_eflags(s, (x86_get_eflags(s) & ~take) | (v & take));
    x86_update_mode(s);
}

void
x86_exec_push_seg(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->opsize;
    uint64_t v = s->seg[insn->op[0].reg].selector;

    if (size == 4) {
        /* Current CPUs write only the selector's two bytes of the slot. */
        uint64_t sp = (X86_LOW(s, X86_RSP) - 4) & x86_stack_mask(s);

        x86_store(s, X86_SS, sp, v, 2);
        x86_set_sp(s, sp);
    } else {
        x86_push(s, v, size);
    }
}

static void
set_shadow(X86State *s, unsigned kind)
{
    s->shadow = (uint8_t)kind;
    s->interp->shadow_set = true;
}

void
x86_exec_pop_seg(X86State *s, const X86Insn *insn)
{
    unsigned seg = insn->op[0].reg;
    uint64_t old = X86_LOW(s, X86_RSP), sp;

    uint16_t sel = (uint16_t)x86_stack_peek(s, 0, 2);

    x86_drop(s, insn->opsize);
    sp = X86_LOW(s, X86_RSP);
    X86_LOW(s, X86_RSP) = old;
    x86_load_seg(s, seg, sel);
    X86_LOW(s, X86_RSP) = sp;
    if (seg == X86_SS) {
        set_shadow(s, X86_SHADOW_SS);
    }
    x86_update_mode(s);
}

void
x86_exec_enter(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->opsize, level = insn->imm2 & 31;
    uint64_t mask = x86_stack_mask(s), sp = X86_LOW(s, X86_RSP), frame, bp;

    sp -= size;
    x86_store(s, X86_SS, sp & mask, X86_LOW(s, X86_RBP), size);
    frame = (X86_LOW(s, X86_RSP) & ~mask) | (sp & mask); /* with a 16-bit stack ESP's upper half too */
    if (level > 0) {
        bp = X86_LOW(s, X86_RBP);
        for (unsigned i = 1; i < level; i++) {
            bp -= size;
            sp -= size;
            x86_store(s, X86_SS, sp & mask, x86_load(s, X86_SS, bp & mask, size), size);
        }
        sp -= size;
        x86_store(s, X86_SS, sp & mask, frame, size);
    }
    sp -= (uint16_t)insn->imm;
    /* The new top of stack must be writable. */
    x86_rmw_begin_memory(s, &(X86Rmw){0}, X86_SS, sp & mask, size, false);
    x86_set_gpr(s, X86_RBP, frame, size);
    x86_set_sp(s, sp);
}

void
x86_exec_leave(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->opsize;
    uint64_t bp = X86_LOW(s, X86_RBP);
    uint64_t v = x86_load(s, X86_SS, bp & x86_stack_mask(s), size);

    x86_set_sp(s, bp + size);
    x86_set_gpr(s, X86_RBP, v, size);
}

/* BCD (SDM 2: DAA, DAS, AAA, AAS, AAM, AAD). */

void
x86_exec_daa(X86State *s, const X86Insn *insn)
{
    uint8_t al = (uint8_t)X86_LOW(s, X86_RAX), old = al;
    bool cf = s->cc & X86_CF, af = (al & 15) > 9 || (s->cc & X86_AF), carry;

    (void)insn;
    carry = old > 0x99 || cf;
    if (af) {
        al = (uint8_t)(al + 6);
    }
    if (carry) {
        al = (uint8_t)(al + 0x60);
    }
    x86_set_gpr(s, X86_RAX, al, 1);
    s->cc = x86_cc_szp(al, 1) | (x86_cc_add(old, (uint8_t)(al - old), 0, 1) & X86_OF) | (carry ? X86_CF : 0) | (af ? X86_AF : 0);
}

void
x86_exec_das(X86State *s, const X86Insn *insn)
{
    uint8_t al = (uint8_t)X86_LOW(s, X86_RAX), old = al;
    bool cf = s->cc & X86_CF, af = (al & 15) > 9 || (s->cc & X86_AF), carry = cf;

    (void)insn;
    if (af) {
        carry = cf || al < 6;
        al = (uint8_t)(al - 6);
    }
    if (old > 0x99 || cf) {
        al = (uint8_t)(al - 0x60);
        carry = true;
    }
    x86_set_gpr(s, X86_RAX, al, 1);
    s->cc = x86_cc_szp(al, 1) | (x86_cc_sub(old, (uint8_t)(old - al), 0, 1) & X86_OF) | (carry ? X86_CF : 0) | (af ? X86_AF : 0);
}

void
x86_exec_aaa(X86State *s, const X86Insn *insn)
{
    uint16_t ax = (uint16_t)X86_LOW(s, X86_RAX);
    bool adjust = (ax & 15) > 9 || (s->cc & X86_AF);

    (void)insn;
    s->cc = (x86_cc_add(ax, adjust ? 0x106 : 0, 0, 2) & ~(X86_AF | X86_CF)) | (adjust ? X86_AF | X86_CF : 0);
    if (adjust) {
        ax = (uint16_t)(ax + 0x106);
    }
    x86_set_gpr(s, X86_RAX, ax & 0xff0f, 2);
}

void
x86_exec_aas(X86State *s, const X86Insn *insn)
{
    uint16_t ax = (uint16_t)X86_LOW(s, X86_RAX);
    bool adjust = (ax & 15) > 9 || (s->cc & X86_AF);

    (void)insn;
    s->cc = (x86_cc_sub(ax, adjust ? 0x106 : 0, 0, 2) & ~(X86_AF | X86_CF)) | (adjust ? X86_AF | X86_CF : 0);
    if (adjust) {
        ax = (uint16_t)(ax - 0x106);
    }
    x86_set_gpr(s, X86_RAX, ax & 0xff0f, 2);
}

void
x86_exec_aam(X86State *s, const X86Insn *insn)
{
    uint8_t base = (uint8_t)insn->imm, al = (uint8_t)X86_LOW(s, X86_RAX);

    if (base == 0) {
        x86_raise_plain(s, X86_EXC_DE);
    }
    x86_set_gpr(s, X86_RAX, (uint64_t)(al / base) << 8 | (al % base), 2);
    s->cc = x86_cc_szp(al % base, 1);
}

void
x86_exec_aad(X86State *s, const X86Insn *insn)
{
    uint16_t ax = (uint16_t)X86_LOW(s, X86_RAX);
    uint8_t product = (uint8_t)((ax >> 8) * (uint8_t)insn->imm);

    x86_set_gpr(s, X86_RAX, (uint8_t)(ax + product), 2);
    s->cc = x86_cc_add(ax & 0xff, product, 0, 1);
}

void
x86_exec_bound(X86State *s, const X86Insn *insn)
{
    unsigned size = insn->opsize;
    uint64_t ea = x86_ea(s, insn);
    int64_t index = (int64_t)x86_sign_extend(x86_read_operand(s, insn, 0), size);
    int64_t low = (int64_t)x86_sign_extend(x86_load(s, insn->segment, ea, size), size);
    int64_t high = (int64_t)x86_sign_extend(
        x86_load(s, insn->segment, (ea + size) & x86_size_mask(insn->addrsize), size), size);

    if (index < low || index > high) {
        x86_raise_plain(s, X86_EXC_BR);
    }
}

void
x86_exec_arpl(X86State *s, const X86Insn *insn)
{
    uint64_t b = x86_read_operand(s, insn, 1), a;

    /* A destination that needs no change need not be writable. */
    a = x86_read_operand(s, insn, 0);
    if ((a & 3) < (b & 3)) {
        x86_write_operand(s, insn, 0, (a & ~UINT64_C(3)) | (b & 3));
        s->cc |= X86_ZF;
    } else {
        s->cc &= ~X86_ZF;
    }
}
