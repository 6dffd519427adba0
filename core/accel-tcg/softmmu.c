/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Guest memory as a vCPU sees it: soft TLB, accesses from C, physical accesses, ports, flushes.
 *
 * Everything here runs on the vCPU's own thread, except tcg_machine_flush_async().
 */

#include "tcg-private.h"

#include <string.h>

#define TLB_EMPTY (TCG_PAGE_MASK | TCG_TLB_INVALID)
#define DIRTY_ALL                                                                                  \
    ((1u << EMU_DIRTY_VGA) | (1u << EMU_DIRTY_CODE) | (1u << EMU_DIRTY_MIGRATION))

static void
tlb_entry_clear(TcgTlbEntry *e)
{
    e->tag[0] = e->tag[1] = e->tag[2] = TLB_EMPTY;
    e->gen = 0;
}

void
tcg_tlb_init(EmuTcgVcpu *v)
{
    for (unsigned i = 0; i < TCG_SPACES; i++) {
        v->spaces[i].large = &v->large[i];
    }
    for (unsigned i = 0; i < TCG_CONTEXTS; i++) {
        v->contexts[i].large = &v->large[TCG_SPACES + i];
    }
    v->space = v->spaces;
    v->context = v->contexts;
    v->context->space = v->space;
    for (unsigned mode = 0; mode < EMU_TCG_MMU_MODES; mode++) {
        v->tlb_used |= 1u << mode;
    }
    emu_tcg_flush_all(v->state);
}

static void
predict_fill(TcgPredict *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        p[i] = (TcgPredict){TCG_PREDICT_EMPTY, TCG_PREDICT_EMPTY, 0, 0};
    }
}

void
tcg_predict_clear(EmuTcgVcpu *v)
{
    for (unsigned mode = 0; mode < EMU_TCG_MMU_MODES; mode++) {
        if (v->tlb_used & 1u << mode) {
            predict_fill(v->hot->predict[mode], TCG_PREDICT_SLOTS);
        }
        if (v->hashed_used[mode]) {
            predict_fill(v->hot->hashed[mode], TCG_HASHED_SIZE);
            v->hashed_used[mode] = 0;
        }
    }
}

/* Calls @fn for every page prediction that there may be in @mode. */
static void
predict_foreach(EmuTcgVcpu *v, unsigned mode, void (*fn)(TcgPredict *p, uint64_t what), uint64_t what)
{
    for (unsigned i = 0; i < TCG_PREDICT_SLOTS; i++) {
        fn(&v->hot->predict[mode][i], what);
    }
    for (unsigned i = 0; v->hashed_used[mode] && i < TCG_HASHED_SIZE; i++) {
        fn(&v->hot->hashed[mode][i], what);
    }
}

static void
predict_forget_page(TcgPredict *p, uint64_t page)
{
    if (p->read_base == page || p->write_base == page) {
        *p = (TcgPredict){TCG_PREDICT_EMPTY, TCG_PREDICT_EMPTY, 0, 0};
    }
}

static void
predict_protect(TcgPredict *p, uint64_t host)
{
    if (p->write_base + p->delta == host) {
        p->write_base = TCG_PREDICT_EMPTY;
        if (p->read_base == TCG_PREDICT_EMPTY) {
            p->delta = 0;
        }
    }
}

static void
phys_clear(EmuTcgVcpu *v)
{
    for (unsigned i = 0; i < TCG_PHYS_SIZE; i++) {
        v->phys[i].tag = 1;
    }
}

/*
 * Whether a large page was seen there, or something else that has the same bit. A kernel's map of all memory has the low bits of user
 * addresses: the halves of the address space share no bits.
 */
static inline bool
large_bit(uint64_t *bits, uint64_t number, bool set)
{
    const unsigned half = TCG_LARGE_BITS / 2;
    unsigned bit = (unsigned)(((number ^ number >> 11 ^ number >> 18) & (half - 1)) | (number >> 33 & 1) * half);
    bool was = bits[bit / 64] >> (bit % 64) & 1;

    bits[bit / 64] |= (uint64_t)set << (bit % 64);
    return was;
}

/* ---- whose translations they are ------------------------------------------------------------------ */

/* In bytes, as EmuTcgVcpu.salt; 0 for the first space, and for id 0 of each. */
static uint32_t
space_salt(const EmuTcgVcpu *v, const TcgSpace *space)
{
    return ((uint32_t)(space - v->spaces) * 0x2c5u & (TCG_TLB_SIZE - 1)) << TCG_TLB_ENTRY_BITS;
}

static uint32_t
context_salt(const EmuTcgVcpu *v, const TcgContext *context)
{
    return context->id ? (((uint32_t)(context - v->contexts) + 1) * 0x9e7u & (TCG_TLB_SIZE - 1)) << TCG_TLB_ENTRY_BITS : 0;
}

static void
large_clear(TcgLarge *large)
{
    large->n = 0;
    memset(large->bits_2m, 0, sizeof(large->bits_2m));
    memset(large->bits_1g, 0, sizeof(large->bits_1g));
}

/* What the context has is void, but for global pages. */
static void
context_renew(EmuTcgVcpu *v, TcgContext *context)
{
    context->gen = ++v->last_gen;
    if (context->id != 0) {
        large_clear(context->large);
    }
    if (context == v->context) {
        v->gen_local = context->gen;
    }
}

static void
space_forget(EmuTcgVcpu *v, TcgSpace *space)
{
    space->gen = 0;
    for (unsigned i = 0; i < TCG_CONTEXTS; i++) {
        if (v->contexts[i].space == space) {
            v->contexts[i].gen = 0;
        }
    }
}

/* What the space has is void. */
static void
space_renew(EmuTcgVcpu *v, TcgSpace *space)
{
    space_forget(v, space);
    space->gen = ++v->last_gen | UINT64_C(1) << 63;
    space->lower_global = false;
    large_clear(space->large);
    if (space == v->space) {
        v->gen_global = space->gen;
        context_renew(v, v->context);
    }
}

static TcgSpace *
space_find(EmuTcgVcpu *v, uint32_t number)
{
    for (TcgSpace *space = v->spaces; space < v->spaces + TCG_SPACES; space++) {
        if (space->gen && space->number == number) {
            return space;
        }
    }
    return NULL;
}

static TcgContext *
context_find(EmuTcgVcpu *v, const TcgSpace *space, uint32_t id)
{
    for (TcgContext *context = v->contexts; context < v->contexts + TCG_CONTEXTS; context++) {
        if (context->gen && context->space == space && context->id == id) {
            return context;
        }
    }
    return NULL;
}

/* The one that is void or was left longest ago; the caller renews it. */
static TcgSpace *
space_take(EmuTcgVcpu *v, uint32_t number)
{
    TcgSpace *oldest = v->spaces;

    for (TcgSpace *space = v->spaces; space < v->spaces + TCG_SPACES; space++) {
        if ((space->gen ? space->used : 0) < (oldest->gen ? oldest->used : 0)) {
            oldest = space;
        }
    }
    oldest->number = number;
    return oldest;
}

static TcgContext *
context_take(EmuTcgVcpu *v, TcgSpace *space, uint32_t id)
{
    TcgContext *oldest = v->contexts;

    for (TcgContext *context = v->contexts; context < v->contexts + TCG_CONTEXTS; context++) {
        if ((context->gen ? context->used : 0) < (oldest->gen ? oldest->used : 0)) {
            oldest = context;
        }
    }
    oldest->space = space;
    oldest->id = id;
    return oldest;
}

/* What leads past the TLB is good for one context only. @upper: and not for another space, or no longer. */
static void
shortcuts_clear(EmuTcgVcpu *v, bool upper)
{
    v->n_flushes++;
    tcg_predict_clear(v);
    memset(v->hot->token, 0, sizeof(v->hot->token) / (upper || v->upper_local ? 1 : 2));
    v->upper_local = false;
}

/**
 * emu_tcg_set_context:
 * @s: a CPU's state, on its thread
 * @to: whose translations are used and made from now on
 *
 * Those that it had when it was left are found again, as far as there was room for them.
 */
void
emu_tcg_set_context(EmuTcgState *s, const EmuTcgContext *to)
{
    EmuTcgVcpu *v = tcg_vcpu(s);
    TcgSpace *space = space_find(v, to->space), *left = v->space;
    TcgContext *context;
    bool is_void = space == NULL || memcmp(space->depends, to->depends, sizeof(to->depends)) != 0;

    if (space == v->space && !is_void && v->context->id == to->id) {
        return;
    }
    v->context->used = v->space->used = ++v->n_switches;
    if (space == NULL) {
        space = space_take(v, to->space);
    }
    if (is_void) {
        memcpy(space->depends, to->depends, sizeof(to->depends));
        space_renew(v, space);
    }
    context = context_find(v, space, to->id);
    if (context == NULL) {
        context = context_take(v, space, to->id);
        context_renew(v, context);
    }
    v->space = space;
    v->context = context;
    v->gen_global = space->gen;
    v->gen_local = context->gen;
    v->salt = space_salt(v, space);
    v->salt_lower = context_salt(v, context);
    shortcuts_clear(v, is_void || space != left);
}

/* ---- flushes ------------------------------------------------------------------------------------ */

/**
 * emu_tcg_flush_all:
 * @s: a CPU's state, on its thread
 *
 * Forgets every translation, those of global pages and other contexts too.
 */
void
emu_tcg_flush_all(EmuTcgState *s)
{
    EmuTcgVcpu *v = tcg_vcpu(s);

    shortcuts_clear(v, true);
    for (unsigned i = 0; i < TCG_SPACES; i++) {
        space_forget(v, &v->spaces[i]);
    }
    space_renew(v, v->space);
    v->tlb_used = 0;
    memset(v->written, 0, sizeof(v->written));
    phys_clear(v);
}

/**
 * emu_tcg_flush_space:
 * @s: a CPU's state, on its thread
 * @space: EmuTcgContext.space
 *
 * Forgets every translation of it, those of global pages too.
 */
void
emu_tcg_flush_space(EmuTcgState *s, uint32_t space)
{
    EmuTcgVcpu *v = tcg_vcpu(s);
    TcgSpace *found = space_find(v, space);

    if (found == v->space) {
        shortcuts_clear(v, true);
        space_renew(v, found);
    } else if (found != NULL) {
        space_forget(v, found);
    }
}

/**
 * emu_tcg_flush_non_global:
 * @s: a CPU's state, on its thread
 *
 * Forgets every translation of the context that was not marked global.
 */
void
emu_tcg_flush_non_global(EmuTcgState *s)
{
    EmuTcgVcpu *v = tcg_vcpu(s);

    shortcuts_clear(v, false);
    context_renew(v, v->context);
}

/**
 * emu_tcg_flush_context:
 * @s: a CPU's state, on its thread
 * @id: EmuTcgContext.id, in the space that is set
 *
 * The same for any context of the space.
 */
void
emu_tcg_flush_context(EmuTcgState *s, uint32_t id)
{
    EmuTcgVcpu *v = tcg_vcpu(s);
    TcgContext *context = context_find(v, v->space, id);

    if (context == v->context) {
        emu_tcg_flush_non_global(s);
    } else if (context != NULL) {
        context->gen = 0;
    }
}

static void
flush_small_page(EmuTcgVcpu *v, uint64_t vaddr, uint32_t salt_lower)
{
    uint64_t page = vaddr & TCG_PAGE_MASK;

    v->n_flushes++;
    for (unsigned mode = 0; mode < EMU_TCG_MMU_MODES; mode++) {
        if (!(v->tlb_used & 1u << mode)) {
            continue;
        }
        TcgTlbEntry *e = tcg_tlb_entry_of(v, vaddr, mode, v->salt, salt_lower);
        for (unsigned i = 0; i < 3; i++) {
            if ((e->tag[i] & TCG_PAGE_MASK) == page) {
                tlb_entry_clear(e);
                break;
            }
        }
        for (unsigned i = 0; i < TCG_PREDICT_SLOTS; i++) {
            predict_forget_page(&v->hot->predict[mode][i], page);
        }
        predict_forget_page(tcg_hashed_entry(v, vaddr, mode), page);
    }
    v->hot->token[tcg_token_index(vaddr)] = 0;
}

/* False: too much of a large page was seen to say what. */
static bool
flush_page_of(EmuTcgVcpu *v, TcgLarge *large, uint64_t vaddr, uint32_t salt_lower)
{
    if (large_bit(large->bits_2m, vaddr >> 21, false) || large_bit(large->bits_1g, vaddr >> 30, false)) {
        return false;
    }
    for (unsigned i = large->n; i-- > 0;) {
        TcgLargePage page = large->page[i];

        if (vaddr - page.lo < page.size) {
            large->page[i] = large->page[--large->n];
            for (unsigned k = 0; k < page.n; k++) {
                flush_small_page(v, page.part[k], salt_lower);
            }
        }
    }
    flush_small_page(v, vaddr, salt_lower);
    return true;
}

/**
 * emu_tcg_flush_page:
 * @s: a CPU's state, on its thread
 * @vaddr: any address in the page
 *
 * Forgets the context's translation of one page, a global one's too, and of all of the large page that it may be part of.
 */
void
emu_tcg_flush_page(EmuTcgState *s, uint64_t vaddr)
{
    EmuTcgVcpu *v = tcg_vcpu(s);

    bool own = v->salt_lower != 0 && !(vaddr >> 63);

    /* A global page of the lower half is id 0's, where it counts for every id. */
    if ((own && !flush_page_of(v, v->context->large, vaddr, v->salt_lower)) ||
        ((!own || v->space->lower_global) && !flush_page_of(v, v->space->large, vaddr, 0))) {
        shortcuts_clear(v, true);
        space_renew(v, v->space);
    }
}

/**
 * emu_tcg_flush_context_page:
 * @s: a CPU's state, on its thread
 * @id: EmuTcgContext.id, in the space that is set
 * @vaddr: any address in the page
 *
 * The same for any context of the space; global pages may be forgotten or not.
 */
void
emu_tcg_flush_context_page(EmuTcgState *s, uint32_t id, uint64_t vaddr)
{
    EmuTcgVcpu *v = tcg_vcpu(s);
    TcgContext *context = context_find(v, v->space, id);

    if (context == v->context || vaddr >> 63) {
        emu_tcg_flush_page(s, vaddr);
    } else if (context != NULL && !flush_page_of(v, id ? context->large : v->space->large, vaddr, context_salt(v, context))) {
        context->gen = 0;
    }
}

void
tcg_machine_flush_async(TcgMachine *m)
{
    pthread_mutex_lock(&m->lock);
    for (unsigned i = 0; i < m->vcpus->len; i++) {
        EmuTcgVcpu *v = g_ptr_array_index(m->vcpus, i);

        __atomic_store_n(&v->flush_pending, 1, __ATOMIC_SEQ_CST);
        tcg_vcpu_kick(v);
    }
    pthread_mutex_unlock(&m->lock);
}

/* A page that could be written without a look at its dirty byte: it may have been. */
static void
mark_untracked(uintptr_t host)
{
    uint64_t ram = emu_ram_addr_from_host((const void *)host);

    if (ram != UINT64_MAX) {
        uint8_t *dirty = emu_ram_dirty_byte(ram);
        uint8_t marks = DIRTY_ALL & ~(1u << EMU_DIRTY_CODE);

        if ((__atomic_load_n(dirty, __ATOMIC_RELAXED) & marks) != marks) {
            __atomic_fetch_or(dirty, marks, __ATOMIC_SEQ_CST);
        }
    }
}

static void
predict_mark_untracked(TcgPredict *p, uint64_t what G_GNUC_UNUSED)
{
    if (p->write_base != TCG_PREDICT_EMPTY) {
        mark_untracked(p->write_base + p->delta);
    }
}

/* Whether the entry is good in some context. */
static bool
tlb_live(const EmuTcgVcpu *v, const TcgTlbEntry *e)
{
    for (unsigned i = 0; e->gen && i < TCG_CONTEXTS; i++) {
        if (e->gen == v->contexts[i].gen) {
            return true;
        }
    }
    for (unsigned i = 0; e->gen && i < TCG_SPACES; i++) {
        if (e->gen == v->spaces[i].gen) {
            return true;
        }
    }
    return false;
}

/*
 * Between a client's clearing of dirty bits and now, stores went unseen to pages with a plain write
 * translation: those count as written.
 */
void
tcg_flush_requested(EmuTcgVcpu *v)
{
    for (unsigned mode = 0; mode < EMU_TCG_MMU_MODES; mode++) {
        if (!(v->tlb_used & 1u << mode)) {
            continue;
        }
        for (unsigned i = 0; i < TCG_TLB_SIZE; i++) {
            const TcgTlbEntry *e = &v->tlb[mode][i];

            if ((e->tag[EMU_TCG_WRITE] & ~TCG_PAGE_MASK) == 0 && tlb_live(v, e)) {
                mark_untracked(e->tag[EMU_TCG_WRITE] + e->delta);
            }
        }
        predict_foreach(v, mode, predict_mark_untracked, 0);
    }
    emu_tcg_flush_all(v->state);
}

void
tcg_tlb_protect(EmuTcgVcpu *v, const uint8_t *host_page)
{
    unsigned bit = ((uintptr_t)host_page >> TCG_PAGE_BITS) & (TCG_WRITTEN_BITS - 1);

    for (unsigned i = 0; i < TCG_PHYS_SIZE; i++) {
        if (v->phys[i].tag != 1 && v->phys[i].host == host_page) {
            v->phys[i].tag = 1;
        }
    }
    if (!(v->written[bit / 64] >> (bit % 64) & 1)) {
        return;
    }
    for (unsigned mode = 0; mode < EMU_TCG_MMU_MODES; mode++) {
        if (!(v->tlb_used & 1u << mode)) {
            continue;
        }
        for (unsigned i = 0; i < TCG_TLB_SIZE; i++) {
            TcgTlbEntry *e = &v->tlb[mode][i];

            if (!(e->tag[EMU_TCG_WRITE] & (TCG_TLB_INVALID | TCG_TLB_IO)) &&
                (e->tag[EMU_TCG_WRITE] & TCG_PAGE_MASK) + e->delta == (uintptr_t)host_page) {
                e->tag[EMU_TCG_WRITE] |= TCG_TLB_TRACKED;
            }
        }
        predict_foreach(v, mode, predict_protect, (uintptr_t)host_page);
    }
}

/**
 * emu_tcg_set_memory_as:
 * @s: a CPU's state, on its thread or while it does not run
 * @as: what it sees of physical memory from now on; good as long as the CPU
 *
 * Changes to another view of memory, which is also what debuggers see through the CPU, and forgets every translation. Two views
 * at most take part. Big lock held.
 */
void
emu_tcg_set_memory_as(EmuTcgState *s, EmuAddressSpace *as)
{
    EmuTcgVcpu *v = tcg_vcpu(s);

    emu_cpu_set_memory_as(v->cpu, as);
    v->as = as;
    if (v->views[0].as) {
        tcg_vcpu_watch(v, as);
    }
    emu_tcg_flush_all(s);
}

/* ---- filling -------------------------------------------------------------------------------------- */

static inline void
note_written(EmuTcgVcpu *v, uint64_t host)
{
    unsigned bit = (host >> TCG_PAGE_BITS) & (TCG_WRITTEN_BITS - 1);

    v->written[bit / 64] |= UINT64_C(1) << (bit % 64);
}

/* What is seen of a large page is kept in a list of its own; there is room for a few of such pages and a few such parts. */
static void
large_page_note(TcgLarge *noted, uint64_t page, uint64_t lo, uint64_t size)
{
    TcgLargePage *large = noted->page;

    while (large < noted->page + noted->n && (large->lo != lo || large->size != size)) {
        large++;
    }
    if (large == noted->page + noted->n && noted->n < TCG_LARGE_PAGES) {
        noted->n++;
        *large = (TcgLargePage){.lo = lo, .size = size};
    }
    if (large < noted->page + noted->n) {
        for (unsigned i = 0; i < large->n; i++) {
            if (large->part[i] == page) {
                return;
            }
        }
        if (large->n < TCG_LARGE_PARTS) {
            large->part[large->n++] = page;
            return;
        }
    }
    if (size > UINT64_C(4) << 20) {
        large_bit(noted->bits_1g, lo >> 30, true);
    } else {
        large_bit(noted->bits_2m, lo >> 21, true);
        large_bit(noted->bits_2m, (lo >> 21) + (size > UINT64_C(2) << 20), true);
    }
}

static TcgPhysEntry *
phys_entry(EmuTcgVcpu *v, uint64_t phys)
{
    uint64_t page = phys & TCG_PAGE_MASK;
    TcgPhysEntry *e = &v->phys[(phys >> TCG_PAGE_BITS) & (TCG_PHYS_SIZE - 1)];
    EmuMemorySection sec;

    if (G_LIKELY(e->tag == page)) {
        return e;
    }
    e->tag = 1;
    emu_rcu_read_lock();
    if (emu_address_space_find(v->as, page, &sec) && sec.host != NULL && sec.addr <= page &&
        sec.addr + (sec.size - 1) >= page + (TCG_PAGE_SIZE - 1)) {
        e->host = (uint8_t *)sec.host + (page - sec.addr);
        e->ram = emu_ram_addr_from_host(e->host);
        e->is_ram = sec.ram && !sec.readonly;
        /* A page that someone tracks is written through the address space. */
        e->writable = e->is_ram && (e->ram == UINT64_MAX ||
                                    (__atomic_load_n(emu_ram_dirty_byte(e->ram), __ATOMIC_ACQUIRE) & 1u << EMU_DIRTY_CODE) != 0);
        e->tag = page;
    }
    emu_rcu_read_unlock();
    return e->tag == page ? e : NULL;
}

static void
tlb_fill(EmuTcgVcpu *v, TcgTlbEntry *e, uint64_t vaddr, unsigned mmu_mode,
         const EmuTcgTranslation *tr)
{
    uint64_t page = vaddr & TCG_PAGE_MASK;
    uint64_t phys = tr->phys & TCG_PAGE_MASK;
    const TcgPhysEntry *found = phys_entry(v, phys);
    uint64_t read_flags = TCG_TLB_IO, write_flags = TCG_TLB_IO;
    bool own = v->salt_lower != 0 && !(vaddr >> 63); /* no other context would find it */

    v->n_tlb_fill++;
    if (!(v->tlb_used & 1u << mmu_mode)) {
        v->tlb_used |= 1u << mmu_mode;
        predict_fill(v->hot->predict[mmu_mode], TCG_PREDICT_SLOTS);
        predict_fill(v->hot->hashed[mmu_mode], TCG_HASHED_SIZE);
        v->hashed_used[mmu_mode] = 0;
    }
    if (tr->page_size > TCG_PAGE_SIZE) {
        large_page_note(own ? v->context->large : v->space->large, page, vaddr & ~(tr->page_size - 1), tr->page_size);
    }

    e->delta = 0;
    e->ram = UINT64_MAX;
    if (found != NULL) {
        e->delta = (uintptr_t)found->host - page;
        e->ram = found->ram;
        read_flags = 0;
        if (found->is_ram) {
            write_flags = 0;
            if (e->ram != UINT64_MAX &&
                (__atomic_load_n(emu_ram_dirty_byte(e->ram), __ATOMIC_ACQUIRE) & DIRTY_ALL) !=
                    DIRTY_ALL) {
                write_flags = TCG_TLB_TRACKED;
            }
        }
    }
    if (G_UNLIKELY(tcg_debug(v)->n_watchpoints) && emu_debug_is_watched(tcg_debug(v), page, page | ~TCG_PAGE_MASK, UINT_MAX)) {
        e->delta = 0;
        e->ram = UINT64_MAX;
        read_flags = write_flags = TCG_TLB_IO;
    }

    e->phys = phys;
    e->gen = tr->global && !own ? v->gen_global : v->gen_local;
    v->space->lower_global |= tr->global && !own && !(vaddr >> 63);
    e->tag[EMU_TCG_READ] = tr->prot & EMU_TCG_PROT_READ ? page | read_flags : TLB_EMPTY;
    e->tag[EMU_TCG_WRITE] = tr->prot & EMU_TCG_PROT_WRITE ? page | write_flags : TLB_EMPTY;
    e->tag[EMU_TCG_FETCH] = tr->prot & EMU_TCG_PROT_FETCH ? page | read_flags : TLB_EMPTY;
    if (e->tag[EMU_TCG_WRITE] == page) {
        note_written(v, page + e->delta);
    }
}

TcgTlbEntry *
tcg_tlb_lookup(EmuTcgVcpu *v, uint64_t vaddr, EmuTcgAccess access, unsigned mmu_mode, bool record)
{
    TcgTlbEntry *e = tcg_tlb_entry(v, vaddr, mmu_mode);
    EmuTcgTranslation tr;

    if (G_LIKELY(tcg_tlb_hit(v, e, vaddr, access))) {
        return e;
    }
    if (!v->fe->walk(v->state, vaddr, access, mmu_mode, record, &tr)) {
        return NULL;
    }
    tlb_fill(v, e, vaddr, mmu_mode, &tr);
    /* A walk that grants what it was not asked for is the front end's business, but one that does
     * not grant what it was asked for would loop. */
    e->tag[access] = (e->tag[access] & TCG_TLB_INVALID)
                         ? (vaddr & TCG_PAGE_MASK) | TCG_TLB_IO
                         : e->tag[access];
    return e;
}

/* ---- accesses to what a TLB entry names ------------------------------------------------------------ */

/* Guest data lies where the guest put it: any alignment. One access of the host each, as the host's CPU can. */
typedef uint16_t __attribute__((aligned(1), may_alias)) GuestU16;
typedef uint32_t __attribute__((aligned(1), may_alias)) GuestU32;
typedef uint64_t __attribute__((aligned(1), may_alias)) GuestU64;

static inline void
copy_in(void *dst, const void *src, unsigned size)
{
    switch (size) {
    case 1:
        *(uint8_t *)dst = *(const volatile uint8_t *)src;
        break;
    case 2:
        *(GuestU16 *)dst = *(const volatile GuestU16 *)src;
        break;
    case 4:
        *(GuestU32 *)dst = *(const volatile GuestU32 *)src;
        break;
    case 8:
        *(GuestU64 *)dst = *(const volatile GuestU64 *)src;
        break;
    default:
        memcpy(dst, src, size);
        break;
    }
}

static inline void
copy_out(void *dst, const void *src, unsigned size)
{
    switch (size) {
    case 1:
        *(volatile uint8_t *)dst = *(const uint8_t *)src;
        break;
    case 2:
        *(volatile GuestU16 *)dst = *(const GuestU16 *)src;
        break;
    case 4:
        *(volatile GuestU32 *)dst = *(const GuestU32 *)src;
        break;
    case 8:
        *(volatile GuestU64 *)dst = *(const GuestU64 *)src;
        break;
    default:
        memcpy(dst, src, size);
        break;
    }
}

/* The largest power of two, up to 8, that an I/O access of @size bytes at @addr may take in one go. */
static unsigned
io_chunk(uint64_t addr, unsigned size)
{
    if (size == 1 || size == 2 || size == 4 || size == 8) {
        return size;
    }

    unsigned n = 8;

    while (n > size || (addr & (n - 1)) != 0) {
        n /= 2;
    }
    return n;
}

static void
io_read(EmuTcgVcpu *v, uint64_t phys, uint8_t *dst, unsigned size)
{
    while (size > 0) {
        unsigned n = io_chunk(phys, size);
        uint64_t value = emu_address_space_load(v->as, phys, n, EMU_MEM_ATTRS_NONE, NULL);

        memcpy(dst, &value, n);
        dst += n;
        phys += n;
        size -= n;
    }
}

static void
io_write(EmuTcgVcpu *v, uint64_t phys, const uint8_t *src, unsigned size)
{
    while (size > 0) {
        unsigned n = io_chunk(phys, size);
        uint64_t value = 0;

        memcpy(&value, src, n);
        emu_address_space_store(v->as, phys, value, n, EMU_MEM_ATTRS_NONE, NULL);
        src += n;
        phys += n;
        size -= n;
    }
}

/*
 * Before a store to tracked RAM: marks it dirty, and makes the entry plain when nobody needs to see
 * the next store.  Returns true when the page holds translated code: the caller then invalidates
 * what the store covered, after the store.
 */
static bool
ram_tracked(EmuTcgVcpu *v, TcgTlbEntry *e)
{
    uint8_t *dirty = emu_ram_dirty_byte(e->ram);
    uint8_t marks = DIRTY_ALL & ~(1u << EMU_DIRTY_CODE);
    uint8_t old = __atomic_fetch_or(dirty, marks, __ATOMIC_SEQ_CST);

    if (old & 1u << EMU_DIRTY_CODE) {
        e->tag[EMU_TCG_WRITE] &= ~(uint64_t)TCG_TLB_TRACKED;
        note_written(v, e->tag[EMU_TCG_WRITE] + e->delta);
        return false;
    }
    return true;
}

static inline void
entry_read(EmuTcgVcpu *v, TcgTlbEntry *e, EmuTcgAccess access, uint64_t vaddr, void *dst,
           unsigned size)
{
    if (G_UNLIKELY(e->tag[access] & TCG_TLB_IO)) {
        io_read(v, e->phys | (vaddr & ~TCG_PAGE_MASK), dst, size);
        if (G_UNLIKELY(tcg_debug(v)->n_watchpoints) && access == EMU_TCG_READ) {
            tcg_debug_access(v, vaddr, size, false, dst);
        }
    } else {
        copy_in(dst, (const void *)(uintptr_t)(vaddr + e->delta), size);
    }
}

static inline void
entry_write(EmuTcgVcpu *v, TcgTlbEntry *e, uint64_t vaddr, const void *src, unsigned size)
{
    if (G_UNLIKELY(e->tag[EMU_TCG_WRITE] & TCG_TLB_IO)) {
        io_write(v, e->phys | (vaddr & ~TCG_PAGE_MASK), src, size);
        if (G_UNLIKELY(tcg_debug(v)->n_watchpoints)) {
            tcg_debug_access(v, vaddr, size, true, src);
        }
    } else if (G_UNLIKELY(e->tag[EMU_TCG_WRITE] & TCG_TLB_TRACKED) && ram_tracked(v, e)) {
        uint64_t ram = e->ram + (vaddr & ~TCG_PAGE_MASK);

        copy_out((void *)(uintptr_t)(vaddr + e->delta), src, size);
        tcg_code_written(v->machine, v, ram, size);
    } else {
        copy_out((void *)(uintptr_t)(vaddr + e->delta), src, size);
    }
}

/**
 * emu_tcg_read:
 * @s: a CPU's state, on its thread
 * @vaddr: linear address
 * @dst: receives the bytes
 * @size: 1 to 64
 * @mmu_mode: view of the address space
 *
 * Returns: false when the access faults; the exception is recorded
 */
bool
emu_tcg_read(EmuTcgState *s, uint64_t vaddr, void *dst, unsigned size, unsigned mmu_mode)
{
    EmuTcgVcpu *v = tcg_vcpu(s);
    unsigned in_page = TCG_PAGE_SIZE - (vaddr & ~TCG_PAGE_MASK);
    TcgTlbEntry *e = tcg_tlb_entry(v, vaddr, mmu_mode);

    if (G_LIKELY(size <= in_page)) {
        if (G_LIKELY(tcg_tlb_plain(v, e, vaddr, EMU_TCG_READ))) {
            copy_in(dst, (const void *)(uintptr_t)(vaddr + e->delta), size);
            return true;
        }
        e = tcg_tlb_lookup(v, vaddr, EMU_TCG_READ, mmu_mode, true);
        if (e == NULL) {
            return false;
        }
        entry_read(v, e, EMU_TCG_READ, vaddr, dst, size);
        return true;
    }

    TcgTlbEntry *e1 = tcg_tlb_lookup(v, vaddr, EMU_TCG_READ, mmu_mode, true);
    TcgTlbEntry *e2 =
        e1 != NULL ? tcg_tlb_lookup(v, vaddr + in_page, EMU_TCG_READ, mmu_mode, true) : NULL;

    if (e2 == NULL) {
        return false;
    }
    entry_read(v, e1, EMU_TCG_READ, vaddr, dst, in_page);
    entry_read(v, e2, EMU_TCG_READ, vaddr + in_page, (uint8_t *)dst + in_page, size - in_page);
    return true;
}

/**
 * emu_tcg_write:
 * @s: a CPU's state, on its thread
 * @vaddr: linear address
 * @src: the bytes
 * @size: 1 to 64
 * @mmu_mode: view of the address space
 *
 * Returns: false when the access faults; the exception is recorded and nothing was written
 */
bool
emu_tcg_write(EmuTcgState *s, uint64_t vaddr, const void *src, unsigned size, unsigned mmu_mode)
{
    EmuTcgVcpu *v = tcg_vcpu(s);
    unsigned in_page = TCG_PAGE_SIZE - (vaddr & ~TCG_PAGE_MASK);
    TcgTlbEntry *e = tcg_tlb_entry(v, vaddr, mmu_mode);

    if (G_LIKELY(size <= in_page)) {
        if (G_LIKELY(tcg_tlb_plain(v, e, vaddr, EMU_TCG_WRITE))) {
            copy_out((void *)(uintptr_t)(vaddr + e->delta), src, size);
            return true;
        }
        e = tcg_tlb_lookup(v, vaddr, EMU_TCG_WRITE, mmu_mode, true);
        if (e == NULL) {
            return false;
        }
        entry_write(v, e, vaddr, src, size);
        return true;
    }

    TcgTlbEntry *e1 = tcg_tlb_lookup(v, vaddr, EMU_TCG_WRITE, mmu_mode, true);
    TcgTlbEntry *e2 =
        e1 != NULL ? tcg_tlb_lookup(v, vaddr + in_page, EMU_TCG_WRITE, mmu_mode, true) : NULL;

    if (e2 == NULL) {
        return false;
    }
    entry_write(v, e1, vaddr, src, in_page);
    entry_write(v, e2, vaddr + in_page, (const uint8_t *)src + in_page, size - in_page);
    return true;
}

/**
 * emu_tcg_fetch:
 * @s: a CPU's state, on its thread
 * @vaddr: linear address of the instruction
 * @dst: receives the bytes
 * @size: how many at most
 *
 * Returns: how many bytes could be read; 0 with a recorded exception when the first cannot
 */
unsigned
emu_tcg_fetch(EmuTcgState *s, uint64_t vaddr, void *dst, unsigned size)
{
    EmuTcgVcpu *v = tcg_vcpu(s);
    unsigned done = 0;

    while (done < size) {
        unsigned n = MIN(size - done, TCG_PAGE_SIZE - ((vaddr + done) & ~TCG_PAGE_MASK));
        TcgTlbEntry *e =
            tcg_tlb_lookup(v, vaddr + done, EMU_TCG_FETCH, s->mmu_mode, done == 0);

        if (e == NULL) {
            break;
        }
        entry_read(v, e, EMU_TCG_FETCH, vaddr + done, (uint8_t *)dst + done, n);
        done += n;
    }
    return done;
}

/**
 * emu_tcg_host_pointer:
 * @s: a CPU's state, on its thread
 * @vaddr: linear address
 * @size: bytes
 * @access: kind of access
 * @mmu_mode: view of the address space
 * @fault: set when the result is NULL: an exception was recorded
 *
 * Returns: (nullable): host address, good until the next call into the core
 */
void *
emu_tcg_host_pointer(EmuTcgState *s, uint64_t vaddr, unsigned size, EmuTcgAccess access,
                     unsigned mmu_mode, bool *fault)
{
    EmuTcgVcpu *v = tcg_vcpu(s);
    TcgTlbEntry *e = tcg_tlb_entry(v, vaddr, mmu_mode);

    *fault = false;
    if (size > TCG_PAGE_SIZE - (vaddr & ~TCG_PAGE_MASK)) {
        return NULL;
    }
    if (G_UNLIKELY(!tcg_tlb_plain(v, e, vaddr, access))) {
        e = tcg_tlb_lookup(v, vaddr, access, mmu_mode, true);
        if (e == NULL) {
            *fault = true;
            return NULL;
        }
        if (e->tag[access] & TCG_TLB_IO) {
            return NULL;
        }
        if ((e->tag[access] & TCG_TLB_TRACKED) && ram_tracked(v, e)) {
            return NULL;
        }
    }
    return (void *)(uintptr_t)(vaddr + e->delta);
}

/* ---- physical memory and ports --------------------------------------------------------------------- */

static void
phys_dirty(const TcgPhysEntry *e)
{
    if (e->ram != UINT64_MAX) {
        uint8_t *dirty = emu_ram_dirty_byte(e->ram);
        uint8_t marks = DIRTY_ALL & ~(1u << EMU_DIRTY_CODE);

        if ((__atomic_load_n(dirty, __ATOMIC_RELAXED) & marks) != marks) {
            __atomic_fetch_or(dirty, marks, __ATOMIC_SEQ_CST);
        }
    }
}

/**
 * emu_tcg_phys_load:
 * @s: a CPU's state, on its thread
 * @phys: physical address, aligned to @size
 * @size: 1, 2, 4 or 8
 *
 * Returns: the little-endian value
 */
uint64_t
emu_tcg_phys_load(EmuTcgState *s, uint64_t phys, unsigned size)
{
    EmuTcgVcpu *v = tcg_vcpu(s);
    TcgPhysEntry *e = phys_entry(v, phys);
    uint64_t value = 0;

    if (e == NULL || size > TCG_PAGE_SIZE - (phys & ~TCG_PAGE_MASK)) {
        return emu_address_space_load(v->as, phys, size, EMU_MEM_ATTRS_NONE, NULL);
    }
    copy_in(&value, e->host + (phys & ~TCG_PAGE_MASK), size);
    return value;
}

/**
 * emu_tcg_phys_store:
 * @s: a CPU's state, on its thread
 * @phys: physical address, aligned to @size
 * @value: little-endian value
 * @size: 1, 2, 4 or 8
 */
void
emu_tcg_phys_store(EmuTcgState *s, uint64_t phys, uint64_t value, unsigned size)
{
    EmuTcgVcpu *v = tcg_vcpu(s);
    TcgPhysEntry *e = phys_entry(v, phys);

    if (e == NULL || !e->writable || size > TCG_PAGE_SIZE - (phys & ~TCG_PAGE_MASK)) {
        emu_address_space_store(v->as, phys, value, size, EMU_MEM_ATTRS_NONE, NULL);
        return;
    }
    copy_out(e->host + (phys & ~TCG_PAGE_MASK), &value, size);
    phys_dirty(e);
}

/**
 * emu_tcg_phys_cas:
 * @s: a CPU's state, on its thread
 * @phys: physical address, aligned to @size
 * @expected: old value
 * @desired: new value
 * @size: 4 or 8
 *
 * Returns: false when memory did not hold @expected
 */
bool
emu_tcg_phys_cas(EmuTcgState *s, uint64_t phys, uint64_t expected, uint64_t desired, unsigned size)
{
    EmuTcgVcpu *v = tcg_vcpu(s);
    TcgPhysEntry *e = phys_entry(v, phys);

    if (e == NULL || !e->is_ram || e->ram == UINT64_MAX) {
        /* Page tables in ROM or nowhere: nothing to be atomic with. */
        if (emu_address_space_load(v->as, phys, size, EMU_MEM_ATTRS_NONE, NULL) != expected) {
            return false;
        }
        emu_address_space_store(v->as, phys, desired, size, EMU_MEM_ATTRS_NONE, NULL);
        return true;
    }

    void *host = e->host + (phys & ~TCG_PAGE_MASK);
    bool done;

    if (size == 8) {
        done = __atomic_compare_exchange_n((uint64_t *)host, &expected, desired, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    } else {
        uint32_t old = expected;

        done = __atomic_compare_exchange_n((uint32_t *)host, &old, (uint32_t)desired, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    if (done) {
        phys_dirty(e);
        if (!e->writable) {
            tcg_code_written(v->machine, v, e->ram + (phys & ~TCG_PAGE_MASK), size);
        }
    }
    return done;
}

/**
 * emu_tcg_port_in:
 * @s: a CPU's state, on its thread
 * @port: address in the I/O space
 * @size: 1, 2 or 4
 *
 * Returns: what the device drives; all ones where there is none
 */
uint64_t
emu_tcg_port_in(EmuTcgState *s, uint32_t port, unsigned size)
{
    return emu_address_space_load(tcg_vcpu(s)->machine->io, port, size, EMU_MEM_ATTRS_NONE, NULL);
}

/**
 * emu_tcg_port_out:
 * @s: a CPU's state, on its thread
 * @port: address in the I/O space
 * @value: what the CPU drives
 * @size: 1, 2 or 4
 */
void
emu_tcg_port_out(EmuTcgState *s, uint32_t port, uint64_t value, unsigned size)
{
    emu_address_space_store(tcg_vcpu(s)->machine->io, port, value, size, EMU_MEM_ATTRS_NONE, NULL);
}
