/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The step loop of the reference interpreter, its cache of decoded instructions, and the
 * out-of-line halves of memory access.
 *
 * The cache is indexed by linear address and verified against the code bytes at each execution, so
 * it needs no invalidation: self-modifying code and remapped pages just miss.
 */

#include "x86-cet.h"
#include "x86-interp.h"
#include "x86-virt.h"

#define CACHE_BITS 13
#define CACHE_SIZE (1u << CACHE_BITS)

struct _X86DecodeEntry {
    uint64_t key;              /* linear address + 1; 0 = empty, so that unused entries cost no memory */
    uint64_t lo, hi;           /* the bytes */
    uint64_t lo_mask, hi_mask; /* which of them count */
    X86Insn insn;
};

const uint8_t x86_parity_table[256] = {
#define P1(n) ((__builtin_popcount(n) & 1) ? 0 : X86_PF)
#define P4(n) P1(n), P1((n) + 1), P1((n) + 2), P1((n) + 3)
#define P16(n) P4(n), P4((n) + 4), P4((n) + 8), P4((n) + 12)
#define P64(n) P16(n), P16((n) + 16), P16((n) + 32), P16((n) + 48)
    P64(0), P64(64), P64(128), P64(192),
#undef P64
#undef P16
#undef P4
#undef P1
};

void
x86_interp_init(X86State *s)
{
    s->interp = g_new0(X86Interp, 1);
    s->interp->cache = g_new0(X86DecodeEntry, CACHE_SIZE);
    s->interp->paging_generation = 1;
    s->exception = -1;
}

void
x86_interp_finish(X86State *s)
{
    if (s->interp) {
        x86_stubs_free(s->interp->stubs);
        g_free(s->interp->cache);
        g_clear_pointer(&s->interp, g_free);
    }
}

/* Read-modify-write in memory. */

void
x86_rmw_begin_memory(X86State *s, X86Rmw *m, unsigned seg, uint64_t offset, unsigned size,
                     bool locked)
{
    bool fault;

    m->size = (uint8_t)size;
    m->is_register = false;
    m->locked = locked;
    m->linear = x86_linear(s, seg, offset, size, EMU_TCG_WRITE);
    m->ptr = emu_tcg_host_pointer(&s->tcg, m->linear, size, EMU_TCG_WRITE, s->tcg.mmu_mode, &fault);
    if (m->ptr) {
        return;
    }
    if (fault) {
        x86_raise_recorded_now(s);
    }
    if (locked && !s->interp->exclusive) {
        x86_unwind(s, X86_UNWIND_EXCLUSIVE);
    }
    if ((m->linear & 0xfff) + size > 0x1000) {
        /* The write permission of both pages comes before the read. */
        unsigned head = 0x1000 - (m->linear & 0xfff);

        emu_tcg_host_pointer(&s->tcg, m->linear, head, EMU_TCG_WRITE, s->tcg.mmu_mode, &fault);
        if (!fault) {
            emu_tcg_host_pointer(&s->tcg, m->linear + head, size - head, EMU_TCG_WRITE,
                                 s->tcg.mmu_mode, &fault);
        }
        if (fault) {
            x86_raise_recorded_now(s);
        }
    }
    m->old = x86_load_linear(s, m->linear, size, s->tcg.mmu_mode);
}

bool
x86_rmw_store_memory(X86State *s, X86Rmw *m, uint64_t v)
{
    if (!m->ptr) {
        x86_store_linear(s, m->linear, v, m->size, s->tcg.mmu_mode);
        return true;
    }
    if (m->locked) {
        switch (m->size) {
        case 1: {
            uint8_t old = (uint8_t)m->old;

            return __atomic_compare_exchange_n((uint8_t *)m->ptr, &old, (uint8_t)v, false,
                                               __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        }
        case 2: {
            uint16_t old = (uint16_t)m->old;

            return __atomic_compare_exchange_n((uint16_t *)m->ptr, &old, (uint16_t)v, false,
                                               __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        }
        case 4: {
            uint32_t old = (uint32_t)m->old;

            return __atomic_compare_exchange_n((uint32_t *)m->ptr, &old, (uint32_t)v, false,
                                               __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        }
        default: {
            uint64_t old = m->old;

            return __atomic_compare_exchange_n((uint64_t *)m->ptr, &old, v, false,
                                               __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        }
        }
    }
    x86_put_bytes(m->ptr, v, m->size);
    return true;
}

/* Alignment checks and data breakpoints. */
void
x86_access_check(X86State *s, uint64_t linear, unsigned size, EmuTcgAccess access)
{
    if ((s->tcg.mode_key & X86_MODE_AC) && size <= 8 && (linear & (size - 1))) {
        x86_raise(s, X86_EXC_AC, 0);
    }
    if (s->tcg.mode_key & X86_MODE_DR) {
        for (unsigned i = 0; i < 4; i++) {
            unsigned ctl = s->dr[7] >> (16 + 4 * i) & 15, rw = ctl & 3, len = ctl >> 2;
            unsigned n = len == 0 ? 1 : len == 1 ? 2 : len == 2 ? 8 : 4;
            uint64_t at = s->dr[i] & ~(uint64_t)(n - 1);

            if (!(s->dr[7] >> (2 * i) & 3) || rw == 0 || rw == 2 ||
                (rw == 1 && access != EMU_TCG_WRITE)) {
                continue;
            }
            if (linear < at + n && at < linear + size) {
                s->interp->dr6_hit |= 1u << i;
            }
        }
    }
}

static void
check_instruction_breakpoints(X86State *s, uint64_t pc)
{
    uint32_t hit = 0;

    for (unsigned i = 0; i < 4; i++) {
        if ((s->dr[7] >> (2 * i) & 3) && (s->dr[7] >> (16 + 4 * i) & 3) == 0 && s->dr[i] == pc) {
            hit |= 1u << i;
        }
    }
    if (hit) {
        x86_set_dr6(s, hit);
        x86_raise_plain(s, X86_EXC_DB);
    }
}

/* Fetches and decodes past the cache. */
static const X86Insn *
fetch_slow(X86State *s, uint64_t pc, X86DecodeEntry *e)
{
    uint8_t buf[16] = {0};
    unsigned n = emu_tcg_fetch(&s->tcg, pc, buf, 15);
    int r;

    if (n == 0) {
        x86_raise_recorded_now(s);
    }
    e->key = 0;
    r = x86_decode(buf, n, s->tcg.mode_key, s->features, &e->insn);
    if (r == X86_DECODE_MORE) {
        /* the missing bytes are on a page that faults */
        if (emu_tcg_fetch(&s->tcg, pc + n, buf, 1) == 0) {
            x86_raise_recorded_now(s);
        }
        x86_raise(s, X86_EXC_GP, 0);
    }
    if (r == X86_DECODE_LONG) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    if (r == X86_DECODE_UD || !x86_has_feature(s, e->insn.row->feature)) {
        if (s->hooks && s->hooks->log_undefined) {
            s->hooks->log_undefined(s, buf, n);
        }
        x86_raise_plain(s, X86_EXC_UD);
    }
    memset(buf + r, 0, sizeof(buf) - (unsigned)r);
    memcpy(&e->lo, buf, 8);
    memcpy(&e->hi, buf + 8, 8);
    e->lo_mask = r >= 8 ? ~UINT64_C(0) : (UINT64_C(1) << (8 * r)) - 1;
    e->hi_mask = r <= 8 ? 0 : (UINT64_C(1) << (8 * (r - 8))) - 1;
    e->key = pc + 1;
    return &e->insn;
}

static inline const X86Insn *
fetch(X86State *s, uint64_t pc)
{
    X86DecodeEntry *e = &s->interp->cache[(pc ^ pc >> CACHE_BITS) & (CACHE_SIZE - 1)];

    if (G_LIKELY(e->key == pc + 1 && e->insn.mode == (s->tcg.mode_key & X86_MODE_CODE_MASK) &&
                 (pc & 0xfff) <= 0xff0)) {
        X86Interp *ip = s->interp;
        bool fault;

        if (G_UNLIKELY(ip->code_page != (pc & ~UINT64_C(0xfff)))) {
            const uint8_t *p = emu_tcg_host_pointer(&s->tcg, pc, 1, EMU_TCG_FETCH, s->tcg.mmu_mode,
                                                    &fault);

            if (!p) {
                if (fault) {
                    x86_raise_recorded_now(s);
                }
                return fetch_slow(s, pc, e);
            }
            ip->code_page = pc & ~UINT64_C(0xfff);
            ip->code_ptr = p - (pc & 0xfff);
        }
        {
            const uint8_t *p = ip->code_ptr + (pc & 0xfff);
            uint64_t lo, hi;

            memcpy(&lo, p, 8);
            memcpy(&hi, p + 8, 8);
            if (G_LIKELY((((lo ^ e->lo) & e->lo_mask) | ((hi ^ e->hi) & e->hi_mask)) == 0)) {
                return &e->insn;
            }
        }
    }
    return fetch_slow(s, pc, e);
}

/* Privilege and mode checks that a row asks for. */
static void
check_attributes(X86State *s, const X86Insn *insn)
{
    uint32_t attr = insn->row->attr;

    if ((attr & X86_A_PROT) && !x86_protected(s)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if ((attr & X86_A_CPL0) && s->cpl != 0) {
        x86_raise(s, X86_EXC_GP, 0);
    }
}

typedef struct {
    const X86Insn *insn;
    int unwound;
} Exclusive;

static void
run_exclusive(EmuTcgState *tcg, void *opaque)
{
    X86State *s = (X86State *)tcg;
    X86Interp *ip = s->interp;
    Exclusive *x = opaque;
    jmp_buf here, *outer = ip->unwind;

    ip->unwind = &here;
    ip->exclusive = true;
    x->unwound = _setjmp(here);
    if (x->unwound == 0) {
        x->insn->row->exec(s, x->insn);
    }
    ip->exclusive = false;
    ip->unwind = outer;
}

/* What an instruction leaves behind that is not its result.  @flags are EFLAGS as they were before it. */
static bool
after_instruction(X86State *s, uint32_t flags, bool branched)
{
    X86Interp *ip = s->interp;
    bool single_step = flags & X86_TF;
    uint32_t causes;
    uint8_t shadow = s->shadow;

    if (G_UNLIKELY(ip->step != X86_STEP_BEFORE)) {
        single_step = ip->step == X86_STEP_AFTER && (s->eflags & X86_TF);
        ip->step = X86_STEP_BEFORE;
    }
    if ((s->debugctl & X86_DEBUGCTL_BTF) && !branched) {
        single_step = false;
    }
    s->shadow = 0;
    if (ip->shadow_set) {
        s->shadow = shadow;
        ip->shadow_set = false;
    }
    if (s->shadow) {
        s->tcg.mode_key |= X86_MODE_SHADOW;
    } else {
        s->tcg.mode_key &= ~X86_MODE_SHADOW;
    }
    if (G_UNLIKELY(s->shadow == X86_SHADOW_SS)) {
        /* Traps wait until the stack pointer is loaded too (SDM 3B 18.3.1). */
        s->dr6_pending |= (uint8_t)ip->dr6_hit;
        ip->dr6_hit = 0;
        return false;
    }
    causes = ip->dr6_hit | s->dr6_pending | (single_step ? X86_DR6_BS : 0);
    ip->dr6_hit = 0;
    s->dr6_pending = 0;
    if (causes) {
        x86_set_dr6(s, causes);
    }
    return causes;
}

static bool
finish_traps(X86State *s, uint32_t flags, bool branched, EmuTcgExit *result)
{
    X86Interp *ip = s->interp;

    if (after_instruction(s, flags, branched) && !(s->virt && s->virt->hold_debug && s->virt->hold_debug(s))) {
        s->exception = X86_EXC_DB;
        s->has_error_code = 0;
        s->exception_is_soft = 0;
        ip->code_page = ~UINT64_C(0);
        if (x86_deliver(s) == EMU_TCG_EXIT_SHUTDOWN) {
            *result = EMU_TCG_EXIT_SHUTDOWN;
            return true;
        }
    }
    *result = ip->stop;
    return ip->stop != EMU_TCG_EXIT_NONE;
}

/*
 * Behind an executed instruction that began with @flags: moves on, and delivers the traps that are due. True when the
 * step loop ends, with the reason in *@result.
 */
static bool
finish_instruction(X86State *s, const X86Insn *insn, uint32_t flags, EmuTcgExit *result)
{
    X86Interp *ip = s->interp;
    bool branched = ip->next_rip != s->rip + insn->length;

    if (G_UNLIKELY(s->tcg.mode_key & X86_MODE_LBR) && branched) {
        s->br_from = s->rip;
        s->br_to = ip->next_rip;
    }
    s->rip = ip->next_rip;
    if (G_UNLIKELY(flags & X86_RF) && insn->row->op != X86_OP_iret && insn->row->op != X86_OP_popf) {
        s->eflags &= ~X86_RF;
        x86_update_mode(s);
    }
    return G_UNLIKELY((flags & X86_TF) | s->shadow | ip->dr6_hit | ip->step | (unsigned)ip->stop) &&
           finish_traps(s, flags, branched, result);
}

EmuTcgExit
x86_interp(EmuTcgState *tcg, unsigned max_insns, unsigned *executed)
{
    X86State *s = (X86State *)tcg;
    X86Interp *ip = s->interp;
    jmp_buf here, *outer = ip->unwind;
    /* Kept in memory: they live across longjmp. */
    volatile unsigned count = 0;
    EmuTcgExit result;
    const X86Insn *volatile current = NULL;
    volatile uint32_t current_flags = 0;
    int why;

    ip->unwind = &here;
    ip->stop = EMU_TCG_EXIT_NONE;
    ip->dr6_hit = 0;
    why = _setjmp(here);
    result = EMU_TCG_EXIT_NONE;
    ip->code_page = ~UINT64_C(0);
    if (why == X86_UNWIND_EXCLUSIVE) {
        Exclusive x = {current, 0};

        ip->next_rip = s->rip + current->length;
        if (s->code_size != 64) {
            ip->next_rip = (uint32_t)ip->next_rip;
        }
        emu_tcg_exclusive(tcg, run_exclusive, &x);
        if (x.unwound == 0) {
            count++;
            if (finish_instruction(s, current, current_flags, &result)) {
                goto out;
            }
        } else {
            why = X86_UNWIND_EXCEPTION;
        }
    }
    if (why == X86_UNWIND_EXCEPTION) {
        ip->shadow_set = false;
        ip->dr6_hit = 0;
        ip->rep_again = false;
        ip->step = X86_STEP_BEFORE;
        if (s->exception == X86_EXC_LEAVE) {
            s->exception = -1;
            goto out;
        }
        s->dr6_pending = 0;
        count++;
        result = x86_deliver(s);
        if (result == EMU_TCG_EXIT_SHUTDOWN) {
            goto out;
        }
        result = EMU_TCG_EXIT_NONE;
    }
    while (count < max_insns && !__atomic_load_n(&tcg->exit_request, __ATOMIC_RELAXED)) {
        const X86Insn *insn;
        uint64_t pc;
        uint32_t flags = s->eflags;

        if (G_UNLIKELY(__atomic_load_n(&s->interrupt_request, __ATOMIC_RELAXED)) &&
            x86_interrupt_wanted(tcg)) {
            break;
        }
        pc = s->rip;
        if (s->code_size != 64) {
            pc = (uint32_t)(pc + *x86_seg_base(s, X86_CS));
            if (G_UNLIKELY(s->rip > s->seg[X86_CS].limit)) {
                x86_raise(s, X86_EXC_GP, 0);
            }
        } else if (G_UNLIKELY(!x86_canonical(s, pc))) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        if (G_UNLIKELY(s->tcg.mode_key & X86_MODE_DR) && !(flags & X86_RF) &&
            !(s->intel && s->shadow == X86_SHADOW_SS)) {
            check_instruction_breakpoints(s, pc);
        }
        insn = fetch(s, pc);
        current = insn;
        current_flags = flags;
        ip->next_rip = s->rip + insn->length;
        if (s->code_size != 64) {
            if (G_UNLIKELY(ip->next_rip - 1 > s->seg[X86_CS].limit)) {
                x86_raise(s, X86_EXC_GP, 0);
            }
            ip->next_rip = (uint32_t)ip->next_rip;
        }
        if (G_UNLIKELY(s->tcg.mode_key & X86_MODE_TRACKER)) {
            x86_cet_look(s, insn);
        }
        if (G_UNLIKELY(insn->row->attr & (X86_A_CPL0 | X86_A_PROT))) {
            check_attributes(s, insn);
        }
        if (G_UNLIKELY(s->virt != NULL)) {
            s->virt->instruction(s, insn);
        }
        insn->row->exec(s, insn);
        count++;
        if (insn->row->cls == X86_CLASS_SYSTEM) {
            ip->code_page = ~UINT64_C(0);
        }
        if (G_UNLIKELY(ip->rep_again)) {
            /* not finished: rip stays, the caller may look at requests */
            ip->rep_again = false;
            if (G_UNLIKELY(s->tcg.mode_key & X86_MODE_DR)) {
                /* An instruction breakpoint is met before the first element only (SDM 3B 18.3.1.1). */
                s->eflags |= X86_RF;
                x86_update_mode(s);
            }
            if (!(flags & X86_TF) && !ip->dr6_hit) {
                continue;
            }
            if (finish_traps(s, flags, false, &result)) {
                break;
            }
        } else if (finish_instruction(s, insn, flags, &result)) {
            break;
        }
    }
out:
    ip->unwind = outer;
    if (executed) {
        *executed = count;
    }
    return result;
}
