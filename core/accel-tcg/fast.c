/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What translated code calls while the guest's vector, x87 and MXCSR state is in the host's registers.
 * Compiled for general registers only; calls nothing outside this file.
 */

#include "cache.h"

/*
 * A check that several accesses share crosses a page: the rest of the block goes on with a check for each, in a block that begins
 * at this instruction. Made when it is first wanted, by full_interp().
 */
static TcgMiss
miss_divert(EmuTcgVcpu *v, uint32_t desc, uintptr_t ret)
{
    TcgCache *c = v->machine->cache;
    unsigned offset = 0;
    const TcgBlock *b = tcg_block_from_host(c, ret - 1, &offset);
    uint64_t pc = b->pc;

    for (unsigned i = 0; i < TCG_DESC_INSN(desc); i++) {
        pc += tcg_block_lengths(b)[i] & 15u;
    }
    b = tcg_cache_find(v, pc, b->host_page, true);
    return b != NULL ? (TcgMiss){tcg_block_exec(c, b, b->entry), TCG_MISS_DIVERT} : (TcgMiss){0, TCG_MISS_INTERP};
}

static inline void
copy_bytes(void *to, const void *from, uint64_t n)
{
#if defined(__x86_64__)
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
#else
    for (volatile uint8_t *d = to; n-- > 0;) {
        *d++ = *(const uint8_t *)from++;
    }
#endif
}

/*
 * An access that crosses a page. Where the two pages are neighbours in the host's memory as well, as they are in large pages and in
 * maps of all memory, one delta does for both. Else a load finds its bytes put together in a buffer, aligned as they are in the
 * guest; a store is the interpreter's.
 */
static TcgMiss
miss_crossing(EmuTcgVcpu *v, uint64_t vaddr, uint32_t desc)
{
    EmuTcgAccess access = TCG_DESC_ACCESS(desc);
    uint64_t second = (vaddr & TCG_PAGE_MASK) + TCG_PAGE_SIZE;
    unsigned size = TCG_DESC_SIZE(desc), first = (unsigned)(second - vaddr);
    const TcgTlbEntry *a = tcg_tlb_entry(v, vaddr, TCG_DESC_MODE(desc)), *b = tcg_tlb_entry(v, second, TCG_DESC_MODE(desc));
    uint8_t *to = v->hot->bounce + (vaddr & (TCG_BOUNCE_SIZE - 1));

    if (!tcg_tlb_plain(v, a, vaddr, access) || !tcg_tlb_plain(v, b, second, access)) {
        return (TcgMiss){0, TCG_MISS_INTERP};
    }
    if (a->delta == b->delta) {
        return (TcgMiss){a->delta, TCG_MISS_FOUND};
    }
    if (access != EMU_TCG_READ || size > TCG_BOUNCE_SIZE || (desc & TCG_DESC_SHARED)) {
        return (TcgMiss){0, TCG_MISS_INTERP};
    }
    copy_bytes(to, (const void *)(uintptr_t)(vaddr + a->delta), first);
    copy_bytes(to + first, (const void *)(uintptr_t)(second + b->delta), size - first);
    return (TcgMiss){(uintptr_t)to - vaddr, TCG_MISS_FOUND};
}

/* A data address that missed its prediction slot. */
TcgMiss
tcg_fast_miss(EmuTcgState *s, uint64_t vaddr, uint32_t desc, uintptr_t ret)
{
    EmuTcgVcpu *v = s->vcpu;
    unsigned mode = TCG_DESC_MODE(desc);
    EmuTcgAccess access = TCG_DESC_ACCESS(desc);
    TcgTlbEntry *e = tcg_tlb_entry(v, vaddr, mode);
    uint64_t page = vaddr & TCG_PAGE_MASK;

    if (v->force_interp || v->miss_budget < 0) {
        return (TcgMiss){0, TCG_MISS_INTERP};
    }
    if ((vaddr & ~TCG_PAGE_MASK) + TCG_DESC_SIZE(desc) > TCG_PAGE_SIZE) {
        TcgMiss crossing = miss_crossing(v, vaddr, desc);

        return crossing.what == TCG_MISS_INTERP && (desc & TCG_DESC_SHARED) ? miss_divert(v, desc, ret) : crossing;
    }
    if (!tcg_tlb_plain(v, e, vaddr, access)) {
        return (TcgMiss){0, TCG_MISS_INTERP};
    }

    TcgPredict *p = &v->hot->predict[mode][TCG_DESC_SLOT(desc)];

    if (TCG_DESC_SLOT(desc) == TCG_SLOT_HASHED) {
        p = tcg_hashed_entry(v, vaddr, mode);
        v->hashed_used[mode] = 1;
    }

    p->read_base = e->tag[EMU_TCG_READ] == page ? page : TCG_PREDICT_EMPTY;
    p->write_base = e->tag[EMU_TCG_WRITE] == page ? page : TCG_PREDICT_EMPTY;
    p->delta = e->delta;
    return (TcgMiss){e->delta, TCG_MISS_FOUND};
}

/**
 * emu_tcg_fast_pointer:
 * @s: the vCPU that runs
 * @vaddr: guest address
 * @access: what is to be done there
 *
 * Returns: (nullable) (transfer none): where it is in this process
 */
void *
emu_tcg_fast_pointer(EmuTcgState *s, uint64_t vaddr, EmuTcgAccess access)
{
    EmuTcgVcpu *v = s->vcpu;
    TcgTlbEntry *e = tcg_tlb_entry(v, vaddr, s->mmu_mode);

    return tcg_tlb_plain(v, e, vaddr, access) ? (void *)(uintptr_t)(vaddr + e->delta) : NULL;
}

static inline uint64_t
tail_vaddr(const TcgBlock *b)
{
    return (b->pc & TCG_PAGE_MASK) + TCG_PAGE_SIZE;
}

static bool
tail_matches(EmuTcgVcpu *v, const TcgBlock *b)
{
    if (b->tail_page == NULL) {
        return true;
    }

    uint64_t vaddr = tail_vaddr(b);
    const TcgTlbEntry *e = tcg_tlb_entry(v, vaddr, v->state->mmu_mode);

    return tcg_tlb_plain(v, e, vaddr, EMU_TCG_FETCH) && (const uint8_t *)(uintptr_t)(vaddr + e->delta) == b->tail_page;
}

TcgBlock *
tcg_cache_find(EmuTcgVcpu *v, uint64_t pc, const uint8_t *host_page, bool ungrouped)
{
    TcgCache *c = v->machine->cache;
    uint64_t mode_key = v->state->mode_key;
    TcgBlock *b =
        __atomic_load_n(&c->hash[tcg_block_hash(pc, host_page, mode_key)], __ATOMIC_ACQUIRE);

    while (b != NULL && (b->pc != pc || b->host_page != host_page || b->mode_key != mode_key ||
                         b->ungrouped != ungrouped || __atomic_load_n(&b->invalid, __ATOMIC_RELAXED) ||
                         !tail_matches(v, b))) {
        b = __atomic_load_n(&b->hash_next, __ATOMIC_ACQUIRE);
    }
    return b;
}

void
tcg_cache_admit(EmuTcgVcpu *v, TcgBlock *b)
{
    TcgCache *c = v->machine->cache;

    v->hot->token[b->token_index] = b->token;
    if (b->pc >> 63 && tcg_tlb_entry(v, b->pc, v->state->mmu_mode)->gen != v->gen_global) {
        v->upper_local = true;
    }
    if (b->tail_page != NULL) {
        v->hot->token[b->tail_token_index] = b->tail_token;
        if (b->pc >> 63 && tcg_tlb_entry(v, tail_vaddr(b), v->state->mmu_mode)->gen != v->gen_global) {
            v->upper_local = true;
        }
    }
    for (int i = 0; i < c->n_mode_keys; i++) {
        if (c->mode_keys[i] == b->mode_key) {
            uint32_t hash = (uint32_t)b->pc * TCG_JUMP_FACTOR >> (32 - TCG_JUMP_BITS);

            v->hot->jump[i][hash] = tcg_block_exec(c, b, b->ind_entry);
            break;
        }
    }
}

static TcgBlock *
fast_find(EmuTcgState *s, uint64_t pc)
{
    EmuTcgVcpu *v = s->vcpu;
    TcgTlbEntry *e = tcg_tlb_entry(v, pc, s->mmu_mode);
    TcgBlock *b;

    v->n_lookup++;
    if (__atomic_load_n(&s->exit_request, __ATOMIC_RELAXED) ||
        !tcg_tlb_plain(v, e, pc, EMU_TCG_FETCH)) {
        return NULL;
    }
    b = tcg_cache_find(v, pc, (const uint8_t *)(uintptr_t)((pc & TCG_PAGE_MASK) + e->delta), false);
    if (b != NULL) {
        tcg_cache_admit(v, b);
    }
    return b;
}

uintptr_t
tcg_fast_lookup(EmuTcgState *s, uint64_t pc)
{
    EmuTcgVcpu *v = s->vcpu;
    TcgBlock *b = fast_find(s, pc);

    return b != NULL ? tcg_block_exec(v->machine->cache, b, b->entry) : 0;
}

uintptr_t
tcg_fast_jump(EmuTcgState *s, uint64_t pc, uint32_t from)
{
    uintptr_t code = tcg_fast_lookup(s, pc);

    if (code == 0) {
        ((EmuTcgVcpu *)s->vcpu)->branch_from = from;
    }
    return code;
}

/*
 * Same page: the page is valid while code of it runs.  Backwards: a loop must look at requests.  Into
 * another page: the token must be verified.
 */
void
tcg_cache_link(TcgCache *c, uint32_t site, TcgBlock *to)
{
    TcgBlock *from = c->by_id[site >> 1];
    TcgExit *x = &from->exits[site & 1];
    unsigned entry;

    if (from->mode_key != to->mode_key || x->target != to->pc || c->machine->stress_unlink) {
        return;
    }
    if (((from->pc ^ to->pc) & TCG_PAGE_MASK) != 0 || from->host_page != to->host_page) {
        entry = to->cross_entry;
    } else {
        entry = to->pc <= from->pc ? to->poll_entry : to->entry;
    }

    tcg_spin_lock(&c->lock);
    if (x->to == NULL && !from->invalid && !to->invalid) {
        x->to = to;
        x->in_next = to->in_first;
        x->in_next_n = to->in_first_n;
        to->in_first = from;
        to->in_first_n = site & 1;
        tcg_host_patch_jump(from->code + x->patch,
                            (const uint8_t *)tcg_block_exec(c, from, x->patch),
                            (const uint8_t *)tcg_block_exec(c, to, entry));
    }
    tcg_spin_unlock(&c->lock);
}

TcgWayOut
tcg_fast_way_out(EmuTcgState *s, uintptr_t ret)
{
    EmuTcgVcpu *v = s->vcpu;
    TcgCache *c = v->machine->cache;
    unsigned offset = 0;
    /* The call may be the block's last instruction. */
    TcgBlock *from = tcg_block_from_host(c, ret - 1, &offset), *to;
    uint32_t site = UINT32_MAX;
    uint64_t pc = from->pc;

    for (unsigned i = 0; i < from->n_exits; i++) {
        if (from->exits[i].stub_end == offset + 1) {
            site = from->id * 2 + i;
            pc = from->exits[i].target;
        }
    }
    to = fast_find(s, pc);
    if (to == NULL) {
        v->pending_site = site;
        return (TcgWayOut){0, pc};
    }
    if (site != UINT32_MAX) {
        tcg_cache_link(c, site, to);
    }
    return (TcgWayOut){tcg_block_exec(c, to, to->entry), pc};
}
