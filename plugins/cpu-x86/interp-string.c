/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * String instructions.  REP runs in slices: elements one by one, or page by page with the host's
 * block operations when both sides are plain RAM in ascending order.  Registers are written after
 * every element (or block), so a fault or a stop request leaves a state from which the instruction
 * simply starts again.
 */

#include "x86-interp.h"

/* Elements done before looking at exit_request; the step loop then runs the instruction again. */
#define SLICE 4096u

typedef struct {
    X86State *s;
    const X86Insn *insn;
    unsigned size, shift;
    int64_t step;
    uint64_t mask; /* of addresses and the counter */
    bool blocks;   /* several elements may be done at once */
} Str;

static Str
str_begin(X86State *s, const X86Insn *insn, unsigned size)
{
    Str t = {
        .s = s,
        .insn = insn,
        .size = size,
        .shift = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3,
        .step = (s->eflags & X86_DF) ? -(int64_t)size : (int64_t)size,
        .mask = x86_size_mask(insn->addrsize),
        .blocks = !(s->eflags & X86_DF) && !(s->tcg.mode_key & (X86_MODE_DR | X86_MODE_AC)),
    };

    return t;
}

static inline bool
repeated(const X86Insn *insn)
{
    return (insn->prefixes & (X86_PFX_F2 | X86_PFX_F3)) != 0;
}

static inline void
advance(Str *t, unsigned reg, uint64_t elements)
{
    uint64_t v = X86_LOW(t->s, reg) + (uint64_t)t->step * elements;

    x86_set_gpr(t->s, reg, v, t->insn->addrsize);
}

static inline uint64_t
address(Str *t, unsigned reg)
{
    return X86_LOW(t->s, reg) & t->mask;
}

static inline uint64_t
count(Str *t)
{
    return X86_LOW(t->s, X86_RCX) & t->mask;
}

static inline void
count_down(Str *t, uint64_t n)
{
    x86_set_gpr(t->s, X86_RCX, count(t) - n, t->insn->addrsize);
}

static bool
stop_requested(X86State *s)
{
    return __atomic_load_n(&s->tcg.exit_request, __ATOMIC_RELAXED) || (s->eflags & X86_TF) ||
           (s->tcg.mode_key & X86_MODE_DR) ||
           __atomic_load_n(&s->interrupt_request, __ATOMIC_RELAXED);
}

/*
 * How many elements from @reg on lie in one page of plain RAM, ascending, inside the segment and
 * without address wrap; *p is the host address.  0: go element by element.
 */
static uint64_t
block(Str *t, unsigned seg, unsigned reg, uint64_t want, EmuTcgAccess access, void **p)
{
    X86State *s = t->s;
    uint64_t offset = address(t, reg), linear, room, n;
    bool fault;

    linear = x86_linear(s, seg, offset, t->size, access);
    room = 0x1000 - (linear & 0xfff);
    n = MIN(want, room >> t->shift);
    if (t->mask != ~UINT64_C(0)) {
        n = MIN(n, (t->mask - offset) >> t->shift);
    }
    if (s->code_size != 64 && !(s->tcg.mode_key & X86_MODE_NOLIMIT(seg))) {
        const X86Segment *d = &s->seg[seg];

        if (d->limit < offset || ((d->attr & X86_DESC_E) && !(d->attr & X86_DESC_CODE))) {
            return 0;
        }
        n = MIN(n, ((uint64_t)d->limit - offset) >> t->shift);
    }
    if (n < 2) {
        return 0;
    }
    *p = emu_tcg_host_pointer(&s->tcg, linear, (unsigned)(n << t->shift), access, s->tcg.mmu_mode,
                              &fault);
    if (!*p) {
        if (fault) {
            x86_raise_recorded_now(s);
        }
        return 0;
    }
    return n;
}

static uint64_t
load_si(Str *t)
{
    return x86_load(t->s, t->insn->segment, address(t, X86_RSI), t->size);
}

static uint64_t
load_di(Str *t)
{
    return x86_load(t->s, X86_ES, address(t, X86_RDI), t->size);
}

static void
store_di(Str *t, uint64_t v)
{
    x86_store(t->s, X86_ES, address(t, X86_RDI), v, t->size);
}

/* Does up to @want elements (at least one) and returns how many. */
typedef uint64_t (*Step)(Str *t, uint64_t want);

static uint64_t
step_movs(Str *t, uint64_t want)
{
    void *src, *dst;
    uint64_t n;

    if (want > 1 && t->blocks) {
        n = block(t, t->insn->segment, X86_RSI, want, EMU_TCG_READ, &src);
        /* (Asking for the destination does not move the source: only flushes would.) */
        if (n && (n = block(t, X86_ES, X86_RDI, n, EMU_TCG_WRITE, &dst))) {
            size_t bytes = n << t->shift;
            uintptr_t gap = (uintptr_t)dst - (uintptr_t)src;

            if (gap >= bytes) {
                memmove(dst, src, bytes);
            } else {
                /* An overlap ahead of the source replicates: that is what the loop does too. */
                for (size_t i = 0; i < n; i++) {
                    memmove((char *)dst + i * t->size, (char *)src + i * t->size, t->size);
                }
            }
            advance(t, X86_RSI, n);
            advance(t, X86_RDI, n);
            return n;
        }
    }
    store_di(t, load_si(t));
    advance(t, X86_RSI, 1);
    advance(t, X86_RDI, 1);
    return 1;
}

static uint64_t
step_stos(Str *t, uint64_t want)
{
    uint64_t v = x86_get_gpr(t->s, X86_RAX, t->size), n;
    void *p;

    if (want > 1 && t->blocks && (n = block(t, X86_ES, X86_RDI, want, EMU_TCG_WRITE, &p))) {
        if (v == (uint8_t)v * (x86_size_mask(t->size) / 0xff)) {
            memset(p, (int)(uint8_t)v, n << t->shift);
        } else if (t->size == 8) {
            for (uint64_t i = 0; i < n; i++) {
                memcpy((char *)p + 8 * i, &v, 8);
            }
        } else {
            for (uint64_t i = 0; i < n; i++) {
                memcpy((char *)p + (i << t->shift), &v, t->size);
            }
        }
        advance(t, X86_RDI, n);
        return n;
    }
    store_di(t, v);
    advance(t, X86_RDI, 1);
    return 1;
}

static uint64_t
step_lods(Str *t, uint64_t want)
{
    (void)want;
    x86_set_gpr(t->s, X86_RAX, load_si(t), t->size);
    advance(t, X86_RSI, 1);
    return 1;
}

static uint64_t
step_ins(Str *t, uint64_t want)
{
    uint32_t port = (uint16_t)X86_LOW(t->s, X86_RDX);
    uint64_t v, linear = x86_linear(t->s, X86_ES, address(t, X86_RDI), t->size, EMU_TCG_WRITE);
    bool fault;

    (void)want;
    x86_leave_to(t->s, X86_ELSEWHERE_CHIPS);
    /* The destination is checked before the port is read: reading it is a side effect. */
    emu_tcg_host_pointer(&t->s->tcg, linear, t->size, EMU_TCG_WRITE, t->s->tcg.mmu_mode, &fault);
    if (fault) {
        x86_raise_recorded_now(t->s);
    }
    v = emu_tcg_port_in(&t->s->tcg, port, t->size);
    store_di(t, v);
    advance(t, X86_RDI, 1);
    return 1;
}

static uint64_t
step_outs(Str *t, uint64_t want)
{
    (void)want;
    x86_leave_to(t->s, X86_ELSEWHERE_CHIPS);
    emu_tcg_port_out(&t->s->tcg, (uint16_t)X86_LOW(t->s, X86_RDX), load_si(t), t->size);
    advance(t, X86_RSI, 1);
    return 1;
}

static void
run(Str *t, Step step)
{
    uint64_t n, done = 0;

    if (!repeated(t->insn)) {
        step(t, 1);
        return;
    }
    n = count(t);
    if (n == 0) {
        if (t->insn->addrsize == 4) {
            x86_set_gpr(t->s, X86_RCX, 0, 4); /* the upper half is cleared nevertheless */
        }
        return;
    }
    for (;;) {
        uint64_t k = step(t, n);

        count_down(t, k);
        n -= k;
        done += k;
        if (n == 0) {
            return;
        }
        if (stop_requested(t->s) || done >= SLICE) {
            t->s->interp->rep_again = true;
            return;
        }
    }
}

void
x86_exec_movs(X86State *s, const X86Insn *insn)
{
    Str t = str_begin(s, insn, insn->op[0].size);

    run(&t, step_movs);
}

void
x86_exec_stos(X86State *s, const X86Insn *insn)
{
    Str t = str_begin(s, insn, insn->op[0].size);

    run(&t, step_stos);
}

void
x86_exec_lods(X86State *s, const X86Insn *insn)
{
    Str t = str_begin(s, insn, insn->op[1].size);

    run(&t, step_lods);
}

void
x86_exec_ins(X86State *s, const X86Insn *insn)
{
    Str t = str_begin(s, insn, insn->op[0].size);

    x86_check_io(s, (uint16_t)X86_LOW(s, X86_RDX), t.size);
    run(&t, step_ins);
}

void
x86_exec_outs(X86State *s, const X86Insn *insn)
{
    Str t = str_begin(s, insn, insn->op[1].size);

    x86_check_io(s, (uint16_t)X86_LOW(s, X86_RDX), t.size);
    run(&t, step_outs);
}

/*
 * Elements of plain RAM, at most @want, that do not end the instruction; they are stepped over.  The
 * caller keeps one back.
 */
static uint64_t
skip_run(Str *t, bool cmps, bool while_equal, uint64_t want)
{
    uint64_t n = want, i = 0, acc = X86_LOW(t->s, X86_RAX) & x86_size_mask(t->size), last_a = 0, last_b = 0;
    void *src = NULL, *dst;

    if (cmps && (n = block(t, t->insn->segment, X86_RSI, n, EMU_TCG_READ, &src)) == 0) {
        return 0;
    }
    n = block(t, X86_ES, X86_RDI, n, EMU_TCG_READ, &dst);
    if (n == 0) {
        return 0;
    }
    for (; i < n; i++) {
        uint64_t b = x86_get_bytes((char *)dst + (i << t->shift), t->size);
        uint64_t a = cmps ? x86_get_bytes((char *)src + (i << t->shift), t->size) : acc;

        if ((a == b) != while_equal) {
            break;
        }
        last_a = a;
        last_b = b;
    }
    if (i) {
        /* Should the next one fault, the flags are those of the last that was compared. */
        t->s->cc = x86_cc_sub(last_a, last_b, 0, t->size);
    }
    advance(t, X86_RDI, i);
    if (cmps) {
        advance(t, X86_RSI, i);
    }
    return i;
}

/* CMPS and SCAS: flags of the last comparison, REPE and REPNE stop on ZF. */
static void
compare(Str *t, bool cmps)
{
    uint64_t n, done = 0, mask = x86_size_mask(t->size);
    bool rep = repeated(t->insn), while_equal = !(t->insn->prefixes & X86_PFX_F2);

    n = rep ? count(t) : 1;
    if (n == 0) {
        if (t->insn->addrsize == 4) {
            x86_set_gpr(t->s, X86_RCX, 0, 4);
        }
        return;
    }
    for (;;) {
        uint64_t a, b;

        if (rep && n > 2 && t->blocks) {
            uint64_t same = skip_run(t, cmps, while_equal, n - 1);

            count_down(t, same);
            n -= same;
            done += same;
        }
        a = cmps ? load_si(t) : X86_LOW(t->s, X86_RAX) & mask;
        b = load_di(t);

        t->s->cc = x86_cc_sub(a, b, 0, t->size);
        advance(t, X86_RDI, 1);
        if (cmps) {
            advance(t, X86_RSI, 1);
        }
        if (!rep) {
            return;
        }
        count_down(t, 1);
        n--;
        done++;
        if (n == 0 || (a == b) != while_equal) {
            return;
        }
        if (stop_requested(t->s) || done >= SLICE) {
            t->s->interp->rep_again = true;
            return;
        }
    }
}

void
x86_exec_cmps(X86State *s, const X86Insn *insn)
{
    Str t = str_begin(s, insn, insn->op[0].size);

    compare(&t, true);
}

void
x86_exec_scas(X86State *s, const X86Insn *insn)
{
    Str t = str_begin(s, insn, insn->op[1].size);

    compare(&t, false);
}
