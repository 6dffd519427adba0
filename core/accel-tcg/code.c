/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * RAM pages that hold translated code, and what happens when they are written.
 *
 * A page with blocks has its EMU_DIRTY_CODE bit clear, and no vCPU holds a plain write translation for it;
 * so every store to it, of a CPU or a device, ends up in tcg_code_written().
 */

#include "cache.h"

#include <string.h>

#define IDLE_STORES 16
/* A page's blocks are given up after so many stores beside them; twice as many each time. */
#define QUIET_STORES 1024
#define QUIET_TIMES 16

TcgCodePage *
tcg_code_page(TcgCache *c, const uint8_t *host_page)
{
    if (c->last_page == NULL || c->last_page->host_page != host_page) {
        c->last_page = g_hash_table_lookup(c->pages, host_page);
    }
    return c->last_page;
}

static uint64_t
granules_of(uint64_t offset, uint64_t size)
{
    unsigned first = offset >> 6;
    unsigned last = MIN(offset + size - 1, TCG_PAGE_SIZE - 1) >> 6;

    return (UINT64_MAX >> (63 - (last - first))) << first;
}

/* Bytes of the block in its second page. */
static inline unsigned
tail_size(const TcgBlock *b)
{
    return (unsigned)((b->pc & ~TCG_PAGE_MASK) + b->guest_size - TCG_PAGE_SIZE);
}

bool
tcg_code_page_add(TcgCache *c, TcgBlock *b)
{
    TcgCodePage *page = tcg_code_page(c, b->host_page);
    TcgCodePage *tail = b->tail_page != NULL ? tcg_code_page(c, b->tail_page) : NULL;

    if (page == NULL || (tail == NULL && b->tail_page != NULL)) {
        return false;
    }
    page->granules |= granules_of(b->pc & ~TCG_PAGE_MASK, MAX(b->guest_size, 1u));
    b->page_next = page->blocks;
    page->blocks = b;
    page->idle = 0;
    if (tail != NULL) {
        tail->granules |= granules_of(0, tail_size(b));
        b->tail_next = tail->tails;
        tail->tails = b;
        tail->idle = 0;
    }
    return true;
}

void
tcg_code_page_prepare(EmuTcgVcpu *v, const uint8_t *host_page, uint64_t ram)
{
    TcgMachine *m = v->machine;
    TcgCache *c = m->cache;
    bool known;
    bool alone = m->vcpus->len == 1;

    tcg_spin_lock(&c->lock);
    known = tcg_code_page(c, host_page) != NULL;
    tcg_spin_unlock(&c->lock);
    if (known) {
        return;
    }

    /* With the other vCPUs out of the way their write translations can be taken back here. */
    if (!alone) {
        tcg_exclusive_begin(v);
    }
    tcg_spin_lock(&c->lock);
    if (tcg_code_page(c, host_page) == NULL) {
        TcgCodePage *page = g_new0(TcgCodePage, 1);

        page->host_page = host_page;
        page->ram = ram;
        g_hash_table_insert(c->pages, (gpointer)host_page, page);
    }
    tcg_spin_unlock(&c->lock);
    if (ram != UINT64_MAX) {
        __atomic_fetch_and(emu_ram_dirty_byte(ram), (uint8_t)~(1u << EMU_DIRTY_CODE), __ATOMIC_SEQ_CST);
        for (unsigned i = 0; i < m->vcpus->len; i++) {
            tcg_tlb_protect(g_ptr_array_index(m->vcpus, i), host_page);
        }
    }
    if (!alone) {
        tcg_exclusive_end(v);
    }
}

/* ---- invalidation: c->lock held ---------------------------------------------------------------------------- */

static void
block_unhash(TcgCache *c, TcgBlock *b)
{
    TcgBlock **link = &c->hash[tcg_block_hash(b->pc, b->host_page, b->mode_key)];

    while (*link != NULL && *link != b) {
        link = &(*link)->hash_next;
    }
    if (*link == b) {
        /* b->hash_next stays: a reader may be on it. */
        __atomic_store_n(link, b->hash_next, __ATOMIC_RELEASE);
    }
}

static void
block_unlink_incoming(TcgCache *c, TcgBlock *b)
{
    TcgBlock *from = b->in_first;
    unsigned n = b->in_first_n;

    while (from != NULL) {
        TcgExit *x = &from->exits[n];

        tcg_host_patch_jump(from->code + x->patch,
                            (const uint8_t *)tcg_block_exec(c, from, x->patch),
                            (const uint8_t *)tcg_block_exec(c, from, x->stub));
        from = x->in_next;
        n = x->in_next_n;
        x->to = NULL;
        x->in_next = NULL;
    }
    b->in_first = NULL;
}

static void
block_unlink_outgoing(TcgBlock *b)
{
    for (unsigned i = 0; i < b->n_exits; i++) {
        TcgBlock *to = b->exits[i].to;

        if (to == NULL) {
            continue;
        }

        TcgBlock **link = &to->in_first;
        uint8_t *link_n = &to->in_first_n;

        while (*link != NULL && !(*link == b && *link_n == i)) {
            TcgExit *x = &(*link)->exits[*link_n];

            link = &x->in_next;
            link_n = &x->in_next_n;
        }
        if (*link != NULL) {
            *link = b->exits[i].in_next;
            *link_n = b->exits[i].in_next_n;
        }
        b->exits[i].to = NULL;
        b->exits[i].in_next = NULL;
    }
}

static void
block_leave_page(TcgCache *c, TcgBlock *b)
{
    TcgBlock **link = &tcg_code_page(c, b->host_page)->blocks;

    while (*link != b) {
        link = &(*link)->page_next;
    }
    *link = b->page_next;
}

static void
block_leave_tail(TcgCache *c, TcgBlock *b)
{
    if (b->tail_page != NULL) {
        TcgBlock **link = &tcg_code_page(c, b->tail_page)->tails;

        while (*link != b) {
            link = &(*link)->tail_next;
        }
        *link = b->tail_next;
    }
}

/* The block has left its pages' lists. */
static void
block_invalidate(TcgCache *c, TcgBlock *b)
{
    __atomic_store_n(&b->invalid, 1, __ATOMIC_SEQ_CST);
    block_unhash(c, b);
    tcg_host_kill_token(b->code + b->token_field);
    block_unlink_incoming(c, b);
    block_unlink_outgoing(b);
    c->n_invalidated++;
}

void
tcg_block_drop(TcgCache *c, TcgBlock *b)
{
    tcg_spin_lock(&c->lock);
    if (!b->invalid) {
        block_leave_page(c, b);
        block_leave_tail(c, b);
        block_invalidate(c, b);
    }
    tcg_spin_unlock(&c->lock);
}

static void
page_release(TcgCache *c, TcgCodePage *page)
{
    if (page->ram != UINT64_MAX) {
        __atomic_fetch_or(emu_ram_dirty_byte(page->ram), 1u << EMU_DIRTY_CODE, __ATOMIC_SEQ_CST);
    }
    c->last_page = NULL;
    g_hash_table_remove(c->pages, page->host_page);
}

/* Takes the blocks out of use that have bytes in [offset, offset + size) of the page. */
static void
page_invalidate(TcgCache *c, TcgCodePage *page, uint64_t offset, uint64_t size)
{
    uint64_t left = 0;
    TcgBlock *next;

    for (TcgBlock *b = page->tails; b != NULL; b = next) {
        next = b->tail_next;
        if (offset < tail_size(b)) {
            block_leave_page(c, b);
            block_leave_tail(c, b);
            block_invalidate(c, b);
        } else {
            left |= granules_of(0, tail_size(b));
        }
    }
    for (TcgBlock **link = &page->blocks; *link != NULL;) {
        TcgBlock *b = *link;
        uint64_t start = b->pc & ~TCG_PAGE_MASK;

        if (start < offset + size && offset < start + b->guest_size) {
            *link = b->page_next;
            block_leave_tail(c, b);
            block_invalidate(c, b);
        } else {
            left |= granules_of(start, MAX(b->guest_size, 1u));
            link = &b->page_next;
        }
    }
    page->granules = left;
}

/*
 * Stores to data that shares a page with code, none of which changes: start-up code beside a kernel's variables, mostly. Each takes a
 * hundred times as long as it need to; so the blocks are given up, which cost less to make again if they are wanted at all.
 */
static void
page_quiet(TcgCache *c, TcgCodePage *page)
{
    unsigned times;

    if (++page->quiet < QUIET_STORES) {
        return;
    }
    times = GPOINTER_TO_UINT(g_hash_table_lookup(c->quiet, page->host_page));
    if (page->quiet >> times < QUIET_STORES) {
        return;
    }
    g_hash_table_insert(c->quiet, (gpointer)page->host_page, GUINT_TO_POINTER(MIN(times + 1, QUIET_TIMES)));
    page_invalidate(c, page, 0, TCG_PAGE_SIZE);
    page_release(c, page);
}

static void
page_written(TcgCache *c, TcgCodePage *page, uint64_t offset, uint64_t size)
{
    uint64_t invalidated = c->n_invalidated;

    if (page->granules & granules_of(offset, size)) {
        page_invalidate(c, page, offset, size);
    }
    /* Code that is rewritten is likely to be executed again, and taking back all write translations is dear: not at once. */
    if (page->blocks == NULL && page->tails == NULL) {
        if (++page->idle >= IDLE_STORES) {
            page_release(c, page);
        }
    } else if (c->n_invalidated == invalidated) {
        page_quiet(c, page);
    }
}

void
tcg_code_written(TcgMachine *m, EmuTcgVcpu *self, uint64_t ram, uint64_t size)
{
    TcgCache *c = m->cache;

    if (c == NULL) {
        return;
    }
    tcg_spin_lock(&c->lock);
    while (size > 0) {
        uint64_t offset = ram & ~TCG_PAGE_MASK;
        uint64_t n = MIN(size, TCG_PAGE_SIZE - offset);
        TcgCodePage *page = tcg_code_page(c, emu_ram_addr_to_host(ram & TCG_PAGE_MASK));

        if (page != NULL) {
            page_written(c, page, offset, n);
        }
        ram += n;
        size -= n;
    }
    tcg_spin_unlock(&c->lock);
}

/* ---- writes that come from elsewhere than a CPU --------------------------------------------------------------- */

static GMutex hook_lock;
static GPtrArray *hook_machines;

/* A client of the dirty bytes wants to see the next store. */
static void
dirty_cleared_cb(gpointer opaque, uint64_t ram, uint64_t len, EmuDirtyClient client)
{
    g_mutex_lock(&hook_lock);
    for (unsigned i = 0; hook_machines != NULL && i < hook_machines->len; i++) {
        tcg_machine_flush_async(g_ptr_array_index(hook_machines, i));
    }
    g_mutex_unlock(&hook_lock);
}

static void
code_write_cb(gpointer opaque, uint64_t ram, uint64_t len)
{
    g_mutex_lock(&hook_lock);
    for (unsigned i = 0; hook_machines != NULL && i < hook_machines->len; i++) {
        tcg_code_written(g_ptr_array_index(hook_machines, i), NULL, ram, len);
    }
    g_mutex_unlock(&hook_lock);
}

void
tcg_machine_register(TcgMachine *m)
{
    g_mutex_lock(&hook_lock);
    if (hook_machines == NULL) {
        hook_machines = g_ptr_array_new();
        emu_memory_set_code_write_hook(code_write_cb, NULL);
        emu_memory_set_dirty_cleared_hook(dirty_cleared_cb, NULL);
    }
    g_ptr_array_add(hook_machines, m);
    g_mutex_unlock(&hook_lock);
}

void
tcg_machine_unregister(TcgMachine *m)
{
    g_mutex_lock(&hook_lock);
    if (hook_machines != NULL) {
        g_ptr_array_remove(hook_machines, m);
    }
    g_mutex_unlock(&hook_lock);
}
