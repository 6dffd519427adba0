/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The code cache of one machine: blocks, how they are found, linked and invalidated.
 *
 * Locks: `translate` (a mutex) is held while a block is made.  `lock` (a spin lock, because code compiled
 * for general registers only takes it) protects hash chains, links and code pages; readers of the hash
 * take none.  Blocks live until the whole cache is dropped, in an exclusive section, so a pointer to one
 * stays good while its vCPU is running.  docs/translator-threads.md has the protocol.
 */

#include "accel-tcg/host/host.h"

#define TCG_HASH_BITS 16
#define TCG_CODE_ALIGN 32u
#define TCG_TIMED_BLOCKS 16u

typedef struct {
    TcgBlock *to;      /* linked target */
    TcgBlock *in_next; /* next in the target's list of incoming links, and which exit of that block */
    uint8_t in_next_n;
    uint16_t patch, stub, stub_end;
    uint64_t target;
} TcgExit;

struct _TcgBlock {
    /* What a lookup reads: one cache line. */
    TcgBlock *hash_next;
    uint64_t pc, mode_key;
    const uint8_t *host_page; /* of the guest's code: identity of the physical page */
    const uint8_t *tail_page; /* where an instruction that straddles the page goes on, or NULL */
    uint8_t *code;            /* writable view */
    uint32_t token;
    uint16_t token_index;
    uint16_t entry, ind_entry, cold;
    uint8_t invalid; /* atomic */
    uint8_t n_insns, interp_budget;
    uint8_t ungrouped; /* each access has its own check: goes on where a group's crosses a page */

    uint32_t id;
    uint32_t tail_token;
    uint16_t tail_token_index;
    uint16_t code_size;
    uint16_t poll_entry, cross_entry, token_field;
    uint16_t guest_size;
    uint8_t n_exits;
    uint8_t miss_samples;      /* misses of predictions that were looked at, since miss_ns */
    uint64_t miss_ns, hashed;  /* hashed: instructions that missed */
    uint16_t n_stubs;
    TcgBlock *page_next, *tail_next;
    TcgBlock *in_first; /* incoming links */
    uint8_t in_first_n;
    TcgExit exits[2];
    /* Side table: TcgHostStub[n_stubs]; uint16_t host offset [n_insns + 1]; uint8_t length [n_insns]. */
    TcgHostStub stubs[];
};

#define TCG_BLOCK_ALIGN 64u
G_STATIC_ASSERT(offsetof(TcgBlock, id) == TCG_BLOCK_ALIGN);

static inline const uint16_t *
tcg_block_offsets(const TcgBlock *b)
{
    return (const uint16_t *)(const void *)(b->stubs + b->n_stubs);
}

#define TCG_LENGTH_INTEGER 0x40u /* in a length: TcgInsn.integer */
#define TCG_LENGTH_INSIDE 0x80u /* in a length: not to be entered there, see TcgHostCode.inside */

static inline const uint8_t *
tcg_block_lengths(const TcgBlock *b)
{
    return (const uint8_t *)(tcg_block_offsets(b) + b->n_insns + 1);
}

typedef struct {
    const uint8_t *host_page;
    uint64_t granules; /* bit per 64 bytes that a block covers */
    uint64_t ram;      /* UINT64_MAX: ROM */
    TcgBlock *blocks;
    TcgBlock *tails; /* blocks of the page before that end here */
    unsigned idle; /* stores since it has no blocks */
    uint32_t quiet; /* stores beside its blocks */
} TcgCodePage;

typedef struct _TcgCache {
    TcgMachine *machine;
    const EmuTcgFrontend *fe;
    TcgHost *host;

    uint8_t *write;
    const uint8_t *exec;
    uint64_t size, used, thunks;

    uint32_t lock;
    pthread_mutex_t translate;

    TcgBlock **hash;
    uint32_t *granule; /* block id by code granule of TCG_CODE_ALIGN bytes */
    TcgBlock **by_id;
    uint32_t n_blocks, max_blocks;
    GHashTable *pages;  /* host page -> TcgCodePage */
    TcgCodePage *last_page; /* of them, looked up last */
    GHashTable *tokens; /* TcgTokenKey -> itself */
    const struct _TcgTokenKey *last_token;
    uint32_t next_token;
    uint64_t mode_keys[TCG_MODE_SLOTS];
    int n_mode_keys;
    GHashTable *quiet;  /* host page -> how often its blocks were given up for the stores beside them */
    GHashTable *hashed;    /* pc of a block -> TcgHostJob.hashed */
    GPtrArray *chunks; /* memory of blocks */
    gsize chunk_used;

    EmuTcgIr *ir;
    TcgHostCode *out;

    uint64_t n_translated, n_insns, n_guest_bytes, n_host_bytes, n_invalidated, n_drops;
    uint64_t n_timed_insns, n_ns; /* of one block in TCG_TIMED_BLOCKS */
} TcgCache;

static inline void
tcg_spin_lock(uint32_t *lock)
{
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE)) {
        while (__atomic_load_n(lock, __ATOMIC_RELAXED)) {
            __builtin_ia32_pause();
        }
    }
}

static inline void
tcg_spin_unlock(uint32_t *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

static inline unsigned
tcg_block_hash(uint64_t pc, const uint8_t *host_page, uint64_t mode_key)
{
    uint64_t h = (pc ^ (uintptr_t)host_page << 7 ^ mode_key * UINT64_C(0xff51afd7ed558ccd)) *
                 UINT64_C(0x9e3779b97f4a7c15);

    return (unsigned)(h >> (64 - TCG_HASH_BITS));
}

static inline uintptr_t
tcg_block_exec(const TcgCache *c, const TcgBlock *b, unsigned offset)
{
    return (uintptr_t)(c->exec + (b->code - c->write) + offset);
}

/* fast.c: compiled for general registers only. */
TcgMiss tcg_fast_miss(EmuTcgState *s, uint64_t vaddr, uint32_t desc, uintptr_t ret);
uintptr_t tcg_fast_lookup(EmuTcgState *s, uint64_t pc);
uintptr_t tcg_fast_jump(EmuTcgState *s, uint64_t pc, uint32_t from);
TcgWayOut tcg_fast_way_out(EmuTcgState *s, uintptr_t ret);
/* The valid block for this key, or NULL.  One that goes on in the next page is found only while that is in the TLB. */
TcgBlock *tcg_cache_find(EmuTcgVcpu *v, uint64_t pc, const uint8_t *host_page, bool ungrouped);
/* Makes the vCPU's tables lead to @b, which was just found: its pages are in the TLB. */
void tcg_cache_admit(EmuTcgVcpu *v, TcgBlock *b);
void tcg_cache_link(TcgCache *c, uint32_t site, TcgBlock *to);

/* code.c */
TcgCodePage *tcg_code_page(TcgCache *c, const uint8_t *host_page);
/* Makes the page one whose stores are seen, on every vCPU.  On v's thread, no lock held. */
void tcg_code_page_prepare(EmuTcgVcpu *v, const uint8_t *host_page, uint64_t ram);
/* Adds a block; false when the page is no longer prepared.  c->lock held. */
bool tcg_code_page_add(TcgCache *c, TcgBlock *b);
/* Takes one block out of use. */
void tcg_block_drop(TcgCache *c, TcgBlock *b);

/* The block that host address @pc belongs to, and the offset there; NULL: none. */
static inline TcgBlock *
tcg_block_from_host(const TcgCache *c, uintptr_t pc, unsigned *offset)
{
    uint64_t at = pc - (uintptr_t)c->exec;
    TcgBlock *b;

    if (pc < (uintptr_t)c->exec || at < c->thunks || at >= c->used) {
        return NULL;
    }
    b = c->by_id[c->granule[at / TCG_CODE_ALIGN]];
    if (b == NULL) {
        return NULL;
    }
    *offset = (unsigned)(at - (uint64_t)(b->code - c->write));
    return *offset < b->code_size ? b : NULL;
}
