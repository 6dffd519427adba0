/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Making blocks, running them, and the C side of the thunks that need more than general registers. */

#include "translate.h"

#include "cache.h"
#include "dump.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_SIZE (256u * 1024)
#define BLOCK_ROOM (64u * 1024)
/*
 * One in so many misses of a page prediction is looked at. A block that has so many looks in so short a time pays more for misses than a
 * prediction by address costs it.
 */
#define MISS_BUDGET 1000
#define MISS_SAMPLES 8
#define MISS_WINDOW_NS 600000
#define TIMED_MAX_NS 100000
/* How often an instruction starts again whose pages were looked up: a loop over pages does with each. */
#define AGAIN 16
/* Instructions that a block in a mode that cannot be lifted (real mode ...) interprets at a time. */
#define INTERP_RUN 64

/* Longest instruction that may straddle two pages. */
#define MAX_LENGTH 15

/* Code to translate: its page, and the one behind when its first instruction straddles both. */
typedef struct {
    const uint8_t *host_page, *tail_page;
    uint64_t ram, tail_ram;
    const uint8_t *bytes; /* at pc, as many as there are */
    unsigned avail;
    uint8_t joined[2 * MAX_LENGTH];
} CodeAt;

typedef struct _TcgTokenKey {
    uint64_t vpage;
    uint64_t mode_key;
    const uint8_t *host_page;
    uint32_t id;
} TcgTokenKey;

static guint
token_hash(gconstpointer p)
{
    const TcgTokenKey *k = p;

    return tcg_block_hash(k->vpage, k->host_page, k->mode_key);
}

static gboolean
token_equal(gconstpointer a, gconstpointer b)
{
    const TcgTokenKey *x = a, *y = b;

    return x->vpage == y->vpage && x->mode_key == y->mode_key && x->host_page == y->host_page;
}

/* ---- code that C runs for translated code ------------------------------------------------------------------- */

static void
full_sync_in(EmuTcgVcpu *v, uint64_t pc)
{
    tcg_host_flags_to_guest(v->machine->cache->host, v->state);
    v->fe->set_pc(v->state, pc);
}

static inline unsigned
insn_length(const TcgBlock *b, unsigned i)
{
    return tcg_block_lengths(b)[i] & 15u;
}

static uint64_t
insn_pc(const TcgBlock *b, unsigned n)
{
    const uint8_t *lengths = tcg_block_lengths(b);
    uint32_t sum = 0;

    /* Eight at a time: each is below 16. */
    for (; n >= 8; n -= 8, lengths += 8) {
        uint64_t eight;

        memcpy(&eight, lengths, 8);
        sum += (uint32_t)((eight & UINT64_C(0x0f0f0f0f0f0f0f0f)) * UINT64_C(0x0101010101010101) >> 56);
    }
    while (n-- > 0) {
        sum += lengths[n] & 15u;
    }
    return b->pc + sum;
}

static inline bool
insn_is_inside(const TcgBlock *b, unsigned i)
{
    return (tcg_block_lengths(b)[i] & TCG_LENGTH_INSIDE) != 0;
}

static inline bool
insn_is_integer(const TcgBlock *b, unsigned i)
{
    return (tcg_block_lengths(b)[i] & TCG_LENGTH_INTEGER) != 0;
}

/*
 * Where to go on after C moved the guest from instruction @insn of block @b (NULL: anywhere); 0: leave.
 * Instructions that cannot be entered are interpreted as well; unless vector and x87 state was left in the host's
 * registers for @insn's sake, and the next one may need it.
 */
static uintptr_t
full_go_on(EmuTcgVcpu *v, EmuTcgExit reason, TcgBlock *b, unsigned insn, uint64_t flushes)
{
    TcgCache *c = v->machine->cache;
    EmuTcgState *s = v->state;
    uint64_t next = 0;
    bool integer = b != NULL && insn_is_integer(b, insn);

    if (b != NULL) {
        next = insn_pc(b, insn + 1);
    }
    for (;;) {
        unsigned executed;

        if (reason == EMU_TCG_EXIT_YIELD) {
            if (v->machine->vcpus->len > 1) {
                sched_yield();
            }
        } else if (reason != EMU_TCG_EXIT_NONE && reason != EMU_TCG_EXIT_MODE) {
            v->leave_reason = reason;
            return 0;
        }
        if (__atomic_load_n(&s->exit_request, __ATOMIC_RELAXED) || v->fe->interrupt_wanted(s)) {
            return 0;
        }
        if (b == NULL || insn + 1 >= b->n_insns || b->invalid || v->n_flushes != flushes ||
            s->mode_key != b->mode_key || v->fe->get_pc(s) != next) {
            break;
        }
        insn++;
        if (!insn_is_inside(b, insn)) {
            tcg_host_flags_from_guest(c->host, s);
            return tcg_block_exec(c, b, tcg_block_offsets(b)[insn]);
        }
        if (integer && !insn_is_integer(b, insn)) {
            return 0;
        }
        next += insn_length(b, insn);
        v->n_interp++;
        reason = v->fe->interp(s, 1, &executed);
    }
    tcg_host_flags_from_guest(c->host, s);
    return tcg_fast_lookup(s, v->fe->get_pc(s));
}

/* The instruction that a return address belongs to. */
static TcgBlock *
full_find_insn(EmuTcgVcpu *v, uintptr_t ret, unsigned *insn, uint64_t *pc)
{
    unsigned offset;
    /* The call may be the last thing of the block: look at its last byte. */
    TcgBlock *b = tcg_block_from_host(v->machine->cache, ret - 1, &offset);
    unsigned n = 0;

    if (b == NULL) {
        g_error("tcg: return address %#lx belongs to no block", (unsigned long)ret);
    }
    if (offset >= b->cold) {
        n = TCG_DESC_INSN(tcg_host_last_desc(v->state));
    } else {
        /* Most calls that are not in the cold part end the block. */
        n = b->n_insns - 1u;
        while (n > 0 && tcg_block_offsets(b)[n] > offset) {
            n--;
        }
    }
    *pc = insn_pc(b, n);
    *insn = n;
    return b;
}

static uint64_t
now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* A miss of block @b's instruction @insn, one of MISS_BUDGET. */
static void
sample_miss(EmuTcgVcpu *v, TcgBlock *b, unsigned insn, uint32_t desc)
{
    TcgCache *c = v->machine->cache;
    uint64_t now = now_ns();

    v->miss_budget = MISS_BUDGET;
    if (TCG_DESC_SLOT(desc) == TCG_SLOT_HASHED) {
        return;
    }
    if (now - b->miss_ns > MISS_WINDOW_NS) {
        b->miss_ns = now;
        b->miss_samples = 0;
        b->hashed = 0;
    }
    b->hashed |= UINT64_C(1) << insn;
    if (++b->miss_samples == MISS_SAMPLES) {
        gpointer key = GSIZE_TO_POINTER(b->pc);

        pthread_mutex_lock(&c->translate);
        g_hash_table_insert(c->hashed, key,
                            GSIZE_TO_POINTER(GPOINTER_TO_SIZE(g_hash_table_lookup(c->hashed, key)) | b->hashed));
        pthread_mutex_unlock(&c->translate);
        tcg_block_drop(c, b);
    }
}

/* Whether the page was missing from the TLB, is there now, and may be accessed straight. */
static bool
fill_missing(EmuTcgVcpu *v, uint64_t vaddr, EmuTcgAccess access, unsigned mode)
{
    const TcgTlbEntry *e = tcg_tlb_entry(v, vaddr, mode);

    if (tcg_tlb_hit(v, e, vaddr, access)) {
        return false;
    }
    e = tcg_tlb_lookup(v, vaddr, access, mode, true);
    return e != NULL && e->tag[access] == (vaddr & TCG_PAGE_MASK);
}

static uintptr_t make_ungrouped(EmuTcgVcpu *v, uint64_t pc);

/*
 * The current instruction goes to the interpreter: it is lifted that way, or an access of it missed its
 * prediction slot and the TLB.  In the second case the page is looked up first: when that is all that was
 * missing, the instruction starts again.
 */
static uintptr_t
full_interp(EmuTcgState *s, uintptr_t ret)
{
    EmuTcgVcpu *v = s->vcpu;
    TcgCache *c = v->machine->cache;
    uint64_t flushes = v->n_flushes;
    unsigned insn, executed = 0;
    uint64_t pc, vaddr;
    TcgBlock *b = full_find_insn(v, ret, &insn, &pc);
    bool missed = tcg_host_missed(s, &vaddr);
    EmuTcgExit reason;

    full_sync_in(v, pc);
    if (missed && !v->force_interp) {
        uint32_t desc = tcg_host_last_desc(s);
        EmuTcgAccess access = TCG_DESC_ACCESS(desc);
        TcgTlbEntry *e = tcg_tlb_entry(v, vaddr, TCG_DESC_MODE(desc));

        if (v->miss_budget < 0) {
            sample_miss(v, b, insn, desc);
        }
        if ((desc & TCG_DESC_SHARED) && (vaddr & ~TCG_PAGE_MASK) + TCG_DESC_SIZE(desc) > TCG_PAGE_SIZE) {
            uintptr_t code = make_ungrouped(v, pc);

            if (code != 0) {
                return code;
            }
            /* The cache may have been dropped, the block with it. */
            v->n_interp++;
            reason = v->fe->interp(s, 1, &executed);
            return full_go_on(v, reason, NULL, 0, 0);
        }
        uint64_t last = vaddr + MAX(TCG_DESC_SIZE(desc), 1u) - 1;
        bool filled = false;

        if (!(desc & TCG_DESC_SHARED) && !insn_is_inside(b, insn)) {
            filled = fill_missing(v, vaddr, access, TCG_DESC_MODE(desc));
            if ((filled || tcg_tlb_plain(v, e, vaddr, access)) && ((vaddr ^ last) & TCG_PAGE_MASK)) {
                filled |= fill_missing(v, last, access, TCG_DESC_MODE(desc));
            }
            /*
             * A fault: the interpreter knows whether another one comes first. Two accesses of the instruction may take
             * each other's place in the TLB: it starts again a few times.
             */
            if (filled && v->n_flushes == flushes && (v->again_pc != pc || v->again_n++ < AGAIN)) {
                if (v->again_pc != pc) {
                    v->again_pc = pc;
                    v->again_n = 0;
                }
                return tcg_block_exec(c, b, tcg_block_offsets(b)[insn]);
            }
        }
    }
    v->force_interp = 0;
    v->again_pc = UINT64_MAX;
    v->n_interp++;
    reason = v->fe->interp(s, 1, &executed);
    return full_go_on(v, reason, b, insn, flushes);
}

static uintptr_t
full_interp_end(EmuTcgState *s, uintptr_t ret)
{
    EmuTcgVcpu *v = s->vcpu;
    unsigned insn, executed = 0;
    uint64_t pc;
    EmuTcgExit reason = EMU_TCG_EXIT_NONE;
    TcgBlock *b = full_find_insn(v, ret, &insn, &pc);

    full_sync_in(v, pc);
    for (unsigned n = 0; n < b->interp_budget; n++) {
        reason = v->fe->interp(s, 1, &executed);
        v->n_interp++;
        if (reason != EMU_TCG_EXIT_NONE || executed == 0 || s->mode_key != b->mode_key) {
            break;
        }
    }
    return full_go_on(v, reason, NULL, 0, 0);
}

static uintptr_t
full_call(EmuTcgState *s, uintptr_t ret)
{
    EmuTcgVcpu *v = s->vcpu;
    const EmuTcgHelper *helper;
    uint64_t *args, result, pc, flushes = v->n_flushes;
    unsigned insn;
    TcgBlock *b = full_find_insn(v, ret, &insn, &pc);
    EmuTcgExit reason = EMU_TCG_EXIT_NONE;

    tcg_host_call_operands(v->machine->cache->host, s, &helper, &args);
    full_sync_in(v, pc);
    result = helper->fn(s, args[0], args[1], args[2]);
    if (!(helper->flags & EMU_TCG_HELPER_MAY_LEAVE) || result == EMU_TCG_HELPER_GO_ON) {
        args[0] = result;
        tcg_host_flags_from_guest(v->machine->cache->host, s);
        return ret;
    }
    if (result == EMU_TCG_HELPER_EXCEPTION) {
        reason = v->fe->raise_recorded(s);
    } else if (result >= EMU_TCG_HELPER_EXIT) {
        reason = (EmuTcgExit)(result - EMU_TCG_HELPER_EXIT);
        if (reason == EMU_TCG_EXIT_NONE) {
            return 0;
        }
    }
    return full_go_on(v, reason, result == EMU_TCG_HELPER_NEXT_BLOCK ? NULL : b, insn, flushes);
}

/* A host fault in translated code: the last stub of the instruction takes over. */
static uintptr_t
signal_resolve(EmuTcgState *s, uintptr_t pc, bool *eflags)
{
    EmuTcgVcpu *v = s->vcpu;
    TcgCache *c = v->machine->cache;
    unsigned offset, insn = 0;
    TcgBlock *b = tcg_block_from_host(c, pc, &offset);
    const TcgHostStub *stub = NULL;

    if (b == NULL) {
        return 0;
    }
    if (offset >= b->cold) {
        return 0;
    }
    while (insn + 1 < b->n_insns && tcg_block_offsets(b)[insn + 1] <= offset) {
        insn++;
    }
    for (unsigned i = 0; i < b->n_stubs; i++) {
        if ((b->stubs[i].insn & ~TCG_HOST_STUB_EFLAGS) == insn) {
            stub = &b->stubs[i];
        }
    }
    if (stub == NULL) {
        return 0;
    }
    *eflags = (stub->insn & TCG_HOST_STUB_EFLAGS) != 0;
    v->force_interp = 1;
    return tcg_block_exec(c, b, stub->offset);
}

/* ---- the cache ------------------------------------------------------------------------------------------------ */

static void *
reserve(gsize size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p != MAP_FAILED ? p : NULL;
}

bool
tcg_translator_new(TcgMachine *m, uint64_t cache_size, GError **error)
{
    TcgCache *c = g_new0(TcgCache, 1);
    int fd;

    c->machine = m;
    c->size = CLAMP(cache_size, UINT64_C(1) << 20, UINT64_C(1) << 30) & TCG_PAGE_MASK;
    c->max_blocks = c->size / (2 * TCG_CODE_ALIGN);
    pthread_mutex_init(&c->translate, NULL);
    m->cache = c;

    fd = memfd_create("emu-translated-code", MFD_CLOEXEC);
    if (fd >= 0 && ftruncate(fd, (off_t)c->size) == 0) {
        void *w = mmap(NULL, c->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        void *x = mmap(NULL, c->size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);

        c->write = w != MAP_FAILED ? w : NULL;
        c->exec = x != MAP_FAILED ? x : NULL;
    }
    c->hash = reserve((gsize)sizeof(TcgBlock *) << TCG_HASH_BITS);
    c->granule = reserve(c->size / TCG_CODE_ALIGN * sizeof(uint32_t));
    c->by_id = reserve(((gsize)c->max_blocks + 1) * sizeof(TcgBlock *));
    if (c->write == NULL || c->exec == NULL || c->hash == NULL || c->granule == NULL ||
        c->by_id == NULL) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                    "tcg: cannot map %" G_GUINT64_FORMAT " bytes for translated code: %s", c->size,
                    g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        tcg_translator_free(m);
        return false;
    }
    close(fd);
    c->pages = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    c->tokens = g_hash_table_new_full(token_hash, token_equal, g_free, NULL);
    c->quiet = g_hash_table_new(NULL, NULL);
    c->hashed = g_hash_table_new(NULL, NULL);
    c->chunks = g_ptr_array_new_with_free_func(g_aligned_free);
    c->next_token = TCG_TOKEN_FIRST;
    c->ir = tcg_ir_new();
    c->out = g_new(TcgHostCode, 1);
    return true;
}

void
tcg_translator_free(TcgMachine *m)
{
    TcgCache *c = m->cache;

    if (c == NULL) {
        return;
    }
    m->cache = NULL;
    if (c->chunks != NULL) {
        g_hash_table_unref(c->pages);
        g_hash_table_unref(c->tokens);
        g_hash_table_unref(c->quiet);
        g_hash_table_unref(c->hashed);
        g_ptr_array_unref(c->chunks);
        g_free(c->ir);
        g_free(c->out);
        tcg_host_free(c->host);
    }
    if (c->write != NULL) {
        munmap(c->write, c->size);
    }
    if (c->exec != NULL) {
        munmap((void *)(uintptr_t)c->exec, c->size);
    }
    if (c->hash != NULL) {
        munmap(c->hash, (gsize)sizeof(TcgBlock *) << TCG_HASH_BITS);
    }
    if (c->granule != NULL) {
        munmap(c->granule, c->size / TCG_CODE_ALIGN * sizeof(uint32_t));
    }
    if (c->by_id != NULL) {
        munmap(c->by_id, ((gsize)c->max_blocks + 1) * sizeof(TcgBlock *));
    }
    pthread_mutex_destroy(&c->translate);
    g_free(c);
}

static void
vcpu_clear_tables(EmuTcgVcpu *v)
{
    uintptr_t lookup = tcg_host_lookup_thunk(v->machine->cache->host);

    for (unsigned i = 0; i < TCG_MODE_SLOTS; i++) {
        for (unsigned j = 0; j < TCG_JUMP_SIZE; j++) {
            v->hot->jump[i][j] = lookup;
        }
    }
    memset(v->hot->token, 0, sizeof(v->hot->token));
}

bool
tcg_translator_add_vcpu(EmuTcgVcpu *v, GError **error)
{
    TcgCache *c = v->machine->cache;

    if (c->host == NULL) {
        static const TcgHostCallbacks callbacks = {
            .miss_fast = tcg_fast_miss,
            .lookup_fast = tcg_fast_jump,
            .way_out_fast = tcg_fast_way_out,
            .interp = full_interp,
            .interp_end = full_interp_end,
            .call = full_call,
        };

        c->host = tcg_host_new(v->fe, &callbacks, error);
        if (c->host == NULL) {
            return false;
        }
        c->fe = v->fe;
        c->thunks = tcg_host_emit_thunks(c->host, c->write, c->exec, BLOCK_ROOM);
        c->thunks = (c->thunks + TCG_CODE_ALIGN - 1) & ~(uint64_t)(TCG_CODE_ALIGN - 1);
        c->used = c->thunks;
        tcg_host_install_signals(signal_resolve);
    } else if (c->fe != v->fe) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                    "tcg: CPUs of two kinds in one machine (%s and %s)", c->fe->name, v->fe->name);
        return false;
    }
    v->pending_site = UINT32_MAX;
    vcpu_clear_tables(v);
    return true;
}

void
tcg_translator_describe(TcgMachine *m, GString *out)
{
    const TcgCache *c = m->cache;

    if (c == NULL || c->n_translated == 0) {
        return;
    }
    g_string_append_printf(
        out,
        "translated: %" G_GUINT64_FORMAT " blocks, %" G_GUINT64_FORMAT " instructions (%.1f bytes "
        "each), %.1f host bytes and %.0f ns per instruction\n"
        "cache: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes used, %" G_GUINT64_FORMAT
        " blocks invalidated, dropped %" G_GUINT64_FORMAT " times\n",
        c->n_translated, c->n_insns, (double)c->n_guest_bytes / (double)c->n_insns,
        (double)c->n_host_bytes / (double)c->n_insns, (double)c->n_ns / (double)MAX(c->n_timed_insns, 1u), c->used,
        c->size, c->n_invalidated, c->n_drops);
}

/* Drops every block.  On v's thread, no lock held. */
static void
cache_drop(EmuTcgVcpu *v)
{
    TcgMachine *m = v->machine;
    TcgCache *c = m->cache;
    bool alone = m->vcpus->len == 1;
    GHashTableIter iter;
    gpointer value;

    if (!alone) {
        tcg_exclusive_begin(v);
    }
    tcg_spin_lock(&c->lock);
    g_hash_table_iter_init(&iter, c->pages);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        TcgCodePage *page = value;

        if (page->ram != UINT64_MAX) {
            __atomic_fetch_or(emu_ram_dirty_byte(page->ram), 1u << EMU_DIRTY_CODE,
                              __ATOMIC_SEQ_CST);
        }
    }
    c->last_page = NULL;
    c->last_token = NULL;
    g_hash_table_remove_all(c->pages);
    g_hash_table_remove_all(c->tokens);
    g_hash_table_remove_all(c->hashed);
    g_ptr_array_set_size(c->chunks, 0);
    c->chunk_used = 0;
    memset(c->hash, 0, (gsize)sizeof(TcgBlock *) << TCG_HASH_BITS);
    memset(c->granule, 0, (c->used / TCG_CODE_ALIGN + 1) * sizeof(uint32_t));
    memset(c->by_id, 0, ((gsize)c->n_blocks + 1) * sizeof(TcgBlock *));
    c->n_blocks = 0;
    c->n_mode_keys = 0;
    c->used = c->thunks;
    c->n_drops++;
    for (unsigned i = 0; i < m->vcpus->len; i++) {
        EmuTcgVcpu *other = g_ptr_array_index(m->vcpus, i);

        other->pending_site = UINT32_MAX;
        vcpu_clear_tables(other);
    }
    tcg_spin_unlock(&c->lock);
    if (!alone) {
        tcg_exclusive_end(v);
    }
}

void
tcg_translator_drop(TcgMachine *m)
{
    EmuTcgVcpu *v = m->vcpus->len > 0 ? g_ptr_array_index(m->vcpus, 0) : NULL;

    if (m->cache != NULL && v != NULL) {
        tcg_vcpu_enter(v);
        cache_drop(v);
        tcg_vcpu_leave(v);
    }
}

static TcgBlock *
block_alloc(TcgCache *c, unsigned n_stubs, unsigned n_insns)
{
    gsize size = sizeof(TcgBlock) + n_stubs * sizeof(TcgHostStub) +
                 (n_insns + 1) * sizeof(uint16_t) + n_insns;

    size = (size + TCG_BLOCK_ALIGN - 1) & ~(gsize)(TCG_BLOCK_ALIGN - 1);
    if (c->chunks->len == 0 || c->chunk_used + size > CHUNK_SIZE) {
        g_ptr_array_add(c->chunks, g_aligned_alloc(1, CHUNK_SIZE, TCG_BLOCK_ALIGN));
        c->chunk_used = 0;
    }

    char *chunk = g_ptr_array_index(c->chunks, c->chunks->len - 1);
    TcgBlock *b = (TcgBlock *)(void *)(chunk + c->chunk_used);

    c->chunk_used += size;
    memset(b, 0, sizeof(*b));
    return b;
}

static uint32_t
token_of(TcgCache *c, uint64_t pc, const uint8_t *host_page, uint64_t mode_key)
{
    TcgTokenKey key = {pc & TCG_PAGE_MASK, mode_key, host_page, 0};
    TcgTokenKey *found;

    if (c->last_token != NULL && token_equal(c->last_token, &key)) {
        return c->last_token->id;
    }
    found = g_hash_table_lookup(c->tokens, &key);
    if (found == NULL) {
        found = g_memdup2(&key, sizeof(key));
        found->id = c->next_token++;
        if (c->next_token == TCG_TOKEN_NEVER) {
            c->next_token = TCG_TOKEN_FIRST;
        }
        g_hash_table_add(c->tokens, found);
    }
    c->last_token = found;
    return found->id;
}

static int
mode_slot_of(TcgCache *c, uint64_t mode_key)
{
    for (int i = 0; i < c->n_mode_keys; i++) {
        if (c->mode_keys[i] == mode_key) {
            return i;
        }
    }
    if (c->n_mode_keys >= (mode_key & c->fe->rare_modes ? TCG_MODE_SLOTS / 2 : TCG_MODE_SLOTS)) {
        return -1;
    }
    c->mode_keys[c->n_mode_keys] = mode_key;
    return __atomic_fetch_add(&c->n_mode_keys, 1, __ATOMIC_RELEASE);
}

/* The bytes, once stores to them are seen. */
static void
code_bytes(CodeAt *at, uint64_t pc)
{
    unsigned offset = pc & ~TCG_PAGE_MASK;

    at->bytes = at->host_page + offset;
    at->avail = (unsigned)(TCG_PAGE_SIZE - offset);
    if (at->tail_page != NULL) {
        memcpy(at->joined, at->bytes, at->avail);
        memcpy(at->joined + at->avail, at->tail_page, MAX_LENGTH);
        at->bytes = at->joined;
        at->avail += MAX_LENGTH;
    }
}

/* FLAGS dead where the block's direct ways lead, as far as that is in its pages. */
static void
find_dead_flags(TcgCache *c, EmuTcgIr *ir, const CodeAt *at)
{
    const TcgOp *end = &ir->ops[ir->n_ops - 1];
    EmuTcgArg targets[2] = {end->a, end->b};

    ir->dead_out[0] = ir->dead_out[1] = false;
    if (c->fe->flags_dead == NULL ||
        (end->op != EMU_TCG_OP_JUMP && end->op != EMU_TCG_OP_BRANCH && end->op != EMU_TCG_OP_BRNZ)) {
        return;
    }
    for (unsigned i = 0; i < (end->op == EMU_TCG_OP_JUMP ? 1u : 2u); i++) {
        uint64_t pc = (uint64_t)tcg_arg_value(ir, targets[i]);
        unsigned offset = pc & ~TCG_PAGE_MASK;
        uint64_t distance = (pc & TCG_PAGE_MASK) - (ir->pc & TCG_PAGE_MASK);
        const uint8_t *page = distance == 0 ? at->host_page : distance == TCG_PAGE_SIZE ? at->tail_page : NULL;

        ir->dead_out[i] =
            page != NULL && c->fe->flags_dead(pc, page + offset, TCG_PAGE_SIZE - offset, ir->mode_key);
    }
}

/*
 * Fills c->ir and emits it to @write; the number of guest bytes covered.  c->translate held.  Never
 * fails while there is room for one instruction: what cannot be translated is interpreted.
 */
static bool
make_code(EmuTcgVcpu *v, uint64_t pc, const CodeAt *at, TcgHostJob *job, unsigned *covered)
{
    TcgCache *c = v->machine->cache;
    EmuTcgState *s = v->state;
    EmuTcgIr *ir = c->ir;
    /* A block ends before the next breakpoint: none is inside of one. */
    unsigned avail = (unsigned)MIN(at->avail, emu_debug_next_breakpoint(tcg_debug(v), pc + 1) - pc);
    unsigned max = v->machine->one_insn_per_block || at->tail_page != NULL ? 1 : TCG_IR_MAX_INSNS;

    for (;;) {
        tcg_ir_begin(ir, c->fe, pc, s->mode_key, s->mmu_mode, max);
        *covered = max > 0 ? c->fe->lift(s, ir, pc, at->bytes, avail, s->mode_key, max) : 0;
        if (*covered == 0 || ir->overflow || ir->n_insns == 0 || !ir->ended) {
            /* One instruction for the interpreter; its length matters to nobody. */
            tcg_ir_begin(ir, c->fe, pc, s->mode_key, s->mmu_mode, 1);
            emu_tcg_ir_insn(ir, pc, 0);
            emu_tcg_ir_exit_interp(ir);
            *covered = MIN(16, avail);
            max = 0;
        }
        find_dead_flags(c, ir, at);
        tcg_ir_backward(ir);
#ifdef TCG_VALIDATE
        g_autofree char *wrong = tcg_ir_validate(ir);

        if (wrong != NULL) {
            g_error("tcg: invalid IR at %#" G_GINT64_MODIFIER "x: %s", pc, wrong);
        }
#endif
        job->ir = ir;
        job->mode_slot = ir->ops[ir->n_ops - 1].op == EMU_TCG_OP_JUMP_IND && ir->ops[ir->n_ops - 1].x != EMU_TCG_JUMP_MODE
                             ? mode_slot_of(c, s->mode_key)
                             : -1;
        if (tcg_host_emit(c->host, job, c->out)) {
            return true;
        }
        if (max == 0) {
            return false;
        }
        max = max > 8 ? max / 4 : max / 2;
    }
}

/* What was learned of the block at @pc; mostly nothing is of any. */
static inline uint64_t
hint(GHashTable *table, uint64_t pc)
{
    return g_hash_table_size(table) == 0 ? 0 : GPOINTER_TO_SIZE(g_hash_table_lookup(table, GSIZE_TO_POINTER(pc)));
}

static bool
cache_is_full(const TcgCache *c)
{
    return c->used + BLOCK_ROOM > c->size || c->n_blocks + 1 >= c->max_blocks;
}

static TcgBlock *
translate(EmuTcgVcpu *v, uint64_t pc, CodeAt *at, bool ungrouped)
{
    const uint8_t *host_page = at->host_page;
    TcgCache *c = v->machine->cache;
    EmuTcgState *s = v->state;
    TcgBlock *b;
    unsigned covered;

    if (cache_is_full(c) ||
        (v->machine->stress_flush_blocks != 0 &&
         c->n_blocks >= v->machine->stress_flush_blocks)) {
        cache_drop(v);
    }
    tcg_code_page_prepare(v, host_page, at->ram);
    if (at->tail_page != NULL) {
        tcg_code_page_prepare(v, at->tail_page, at->tail_ram);
    }

    while (pthread_mutex_trylock(&c->translate) != 0) {
        /* Whoever holds it may be waiting for us in an exclusive section. */
        tcg_vcpu_leave(v);
        pthread_mutex_lock(&c->translate);
        pthread_mutex_unlock(&c->translate);
        tcg_vcpu_enter(v);
    }
    b = tcg_cache_find(v, pc, host_page, ungrouped);
    /* The room that there was may have gone to another vCPU meanwhile: the caller comes again, and the cache is dropped then. */
    if (b != NULL || cache_is_full(c)) {
        pthread_mutex_unlock(&c->translate);
        return b;
    }

    bool timed = c->n_translated % TCG_TIMED_BLOCKS == 0;
    uint64_t start_ns = timed ? now_ns() : 0;
    uint32_t id = c->n_blocks + 1;
    TcgHostJob job = {
        .write = c->write + c->used,
        .exec = c->exec + c->used,
        .room = BLOCK_ROOM,
        .block_id = id,
        .token = token_of(c, pc, host_page, s->mode_key),
        .token_index = tcg_token_index(pc),
        .force_slow = v->machine->stress_slot_miss,
        .hashed = v->machine->stress_hashed ? UINT64_MAX : hint(c->hashed, pc),
        .ungrouped = ungrouped,
    };

    code_bytes(at, pc);
    if (at->tail_page != NULL) {
        job.tail_token = token_of(c, pc + TCG_PAGE_SIZE, at->tail_page, s->mode_key);
        job.tail_token_index = tcg_token_index(pc + TCG_PAGE_SIZE);
    }
    if (!make_code(v, pc, at, &job, &covered)) {
        pthread_mutex_unlock(&c->translate);
        g_error("tcg: cannot emit a block at %#" G_GINT64_MODIFIER "x", pc);
    }

    const EmuTcgIr *ir = c->ir;
    const TcgHostCode *out = c->out;

    b = block_alloc(c, out->n_stubs, ir->n_insns);
    b->pc = pc;
    b->mode_key = s->mode_key;
    b->host_page = host_page;
    b->code = c->write + c->used;
    b->id = id;
    b->token = job.token;
    b->token_index = job.token_index;
    b->ungrouped = ungrouped;
    b->tail_page = at->tail_page;
    b->tail_token = job.tail_token;
    b->tail_token_index = job.tail_token_index;
    b->code_size = out->size;
    b->cold = out->cold;
    b->entry = out->entry;
    b->poll_entry = out->poll_entry;
    b->cross_entry = out->cross_entry;
    b->ind_entry = out->ind_entry;
    b->token_field = out->token_field;
    b->guest_size = covered;
    b->n_insns = ir->n_insns;
    /* Declined at the end of a page: an instruction that straddles it; elsewhere: the mode. */
    b->interp_budget = ir->insns[0].length == 0 && (pc & ~TCG_PAGE_MASK) + 16 <= TCG_PAGE_SIZE &&
                               !v->machine->one_insn_per_block && tcg_debug(v)->n_breakpoints == 0
                           ? INTERP_RUN
                           : 1;
    b->n_exits = out->n_exits;
    b->n_stubs = out->n_stubs;
    for (unsigned i = 0; i < out->n_exits; i++) {
        b->exits[i].patch = out->exits[i].patch;
        b->exits[i].stub = out->exits[i].stub;
        b->exits[i].stub_end = out->exits[i].stub_end;
        b->exits[i].target = out->exits[i].target;
    }
    memcpy(b->stubs, out->stubs, out->n_stubs * sizeof(TcgHostStub));
    memcpy((void *)(uintptr_t)tcg_block_offsets(b), out->insn_offset,
           (ir->n_insns + 1) * sizeof(uint16_t));
    for (unsigned i = 0; i < ir->n_insns; i++) {
        ((uint8_t *)(uintptr_t)tcg_block_lengths(b))[i] =
            (uint8_t)(ir->insns[i].length | (out->inside[i] ? TCG_LENGTH_INSIDE : 0) |
                      (ir->insns[i].integer ? TCG_LENGTH_INTEGER : 0));
    }

    if (G_UNLIKELY(emu_log_mask & (EMU_LOG_IN_ASM | EMU_LOG_OP | EMU_LOG_OUT_ASM))) {
        tcg_dump_block(c, b, ir, at->bytes, at->avail);
    }

    tcg_spin_lock(&c->lock);
    if (!tcg_code_page_add(c, b)) {
        /* Written while it was being translated: not what is in memory now. */
        b = NULL;
    } else {
        TcgBlock **bucket = &c->hash[tcg_block_hash(pc, host_page, s->mode_key)];

        c->n_blocks = id;
        c->by_id[id] = b;
        for (uint64_t end = c->used + out->size; c->used < end; c->used += TCG_CODE_ALIGN) {
            c->granule[c->used / TCG_CODE_ALIGN] = id;
        }
        b->hash_next = *bucket;
        __atomic_store_n(bucket, b, __ATOMIC_RELEASE);
        c->n_translated++;
        c->n_insns += ir->n_insns;
        c->n_guest_bytes += covered;
        c->n_host_bytes += out->size;
        if (timed) {
            uint64_t ns = now_ns() - start_ns;

            /* A thread that was not running meanwhile says nothing. */
            if (ns < TIMED_MAX_NS) {
                c->n_timed_insns += ir->n_insns;
                c->n_ns += ns;
            }
        }
    }
    tcg_spin_unlock(&c->lock);
    pthread_mutex_unlock(&c->translate);
    return b;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

/* Looks the code at @pc up. False: it cannot be fetched, or not from memory, and is one instruction for the interpreter. */
static bool
code_find(EmuTcgVcpu *v, uint64_t pc, CodeAt *at)
{
    EmuTcgState *s = v->state;
    const TcgTlbEntry *e = tcg_tlb_lookup(v, pc, EMU_TCG_FETCH, s->mmu_mode, true);
    unsigned offset = pc & ~TCG_PAGE_MASK;

    if (e == NULL || (e->tag[EMU_TCG_FETCH] & TCG_TLB_IO)) {
        return false;
    }
    at->host_page = (const uint8_t *)(uintptr_t)((pc & TCG_PAGE_MASK) + e->delta);
    at->ram = e->ram;
    at->tail_page = NULL;
    if (offset + MAX_LENGTH <= TCG_PAGE_SIZE || v->fe->straddles == NULL ||
        !v->fe->straddles(s, at->host_page + offset, TCG_PAGE_SIZE - offset, s->mode_key)) {
        return true;
    }

    uint64_t tail = (pc & TCG_PAGE_MASK) + TCG_PAGE_SIZE, flushes = v->n_flushes;

    e = tcg_tlb_lookup(v, tail, EMU_TCG_FETCH, s->mmu_mode, true);
    if (e == NULL || (e->tag[EMU_TCG_FETCH] & TCG_TLB_IO) || v->n_flushes != flushes) {
        return false;
    }
    at->tail_page = (const uint8_t *)(uintptr_t)(tail + e->delta);
    at->tail_ram = e->ram;
    return true;
}

/* The block at @pc with a check per access, for a group that crosses a page: where to go on, or 0. */
static uintptr_t
make_ungrouped(EmuTcgVcpu *v, uint64_t pc)
{
    CodeAt at;
    TcgBlock *b;

    if (!code_find(v, pc, &at)) {
        return 0;
    }
    b = translate(v, pc, &at, true);
    return b != NULL ? tcg_block_exec(v->machine->cache, b, b->entry) : 0;
}

/* Whether the indirect branch that led to @pc faults itself. */
static bool
branch_refused(EmuTcgVcpu *v, uint64_t pc)
{
    const TcgBlock *b = v->machine->cache->by_id[v->branch_from];
    uint64_t at = insn_pc(b, b->n_insns - 1u);
    CodeAt code = {.host_page = b->host_page, .tail_page = b->tail_page};

    if (v->fe->refuse_branch == NULL) {
        return false;
    }
    code_bytes(&code, at);
    return v->fe->refuse_branch(v->state, pc, at, code.bytes, code.avail);
}

EmuTcgExit
tcg_execute(EmuTcgVcpu *v)
{
    EmuTcgState *s = v->state;
    TcgCache *c = v->machine->cache;
    uint32_t site = UINT32_MAX;
    unsigned executed;

    tcg_host_thread_init(s);
    v->pending_site = UINT32_MAX;
    while (!__atomic_load_n(&s->exit_request, __ATOMIC_RELAXED)) {
        uint64_t pc = v->fe->get_pc(s);
        EmuTcgExit reason;
        CodeAt at;

        if (G_UNLIKELY(tcg_debug(v)->n_breakpoints)) {
            if (tcg_debug_stops(v, pc)) {
                return EMU_TCG_EXIT_DEBUG;
            }
            if (v->debug->skip && v->debug->skip_pc == pc) {
                v->debug->skip = false;
                site = UINT32_MAX;
                reason = v->fe->interp(s, 1, &executed);
                v->n_interp++;
                if (reason != EMU_TCG_EXIT_NONE && reason != EMU_TCG_EXIT_MODE) {
                    return reason;
                }
                if (v->fe->interrupt_wanted(s)) {
                    return EMU_TCG_EXIT_NONE;
                }
                continue;
            }
        }

        bool found = code_find(v, pc, &at);

        if (!found) {
            /* Also where the fetch faults: the interpreter knows what comes before that fault, a breakpoint for one. */
            site = UINT32_MAX;
            reason = v->fe->interp(s, 1, &executed);
            v->n_interp++;
            if (reason != EMU_TCG_EXIT_NONE && reason != EMU_TCG_EXIT_MODE) {
                return reason;
            }
            if (v->fe->interrupt_wanted(s)) {
                return EMU_TCG_EXIT_NONE;
            }
            continue;
        }

        TcgBlock *b = tcg_cache_find(v, pc, at.host_page, false);

        if (b == NULL) {
            uint64_t drops = c->n_drops;

            b = translate(v, pc, &at, false);
            if (c->n_drops != drops) {
                site = UINT32_MAX;
            }
            if (b == NULL) {
                continue;
            }
        }
        tcg_cache_admit(v, b);
        if (site != UINT32_MAX) {
            tcg_cache_link(c, site, b);
            site = UINT32_MAX;
        }
        emu_log(EMU_LOG_EXEC, "Trace %u: %p [%016" G_GINT64_MODIFIER "x/%016" G_GINT64_MODIFIER
                "x]\n", v->index, (void *)b->code, pc, s->mode_key);

        v->leave_reason = EMU_TCG_EXIT_NONE;
        v->pending_site = UINT32_MAX;
        v->branch_from = 0;
        v->n_exit++;
        tcg_host_flags_from_guest(c->host, s);
        tcg_host_enter(c->host, s, tcg_block_exec(c, b, b->entry));

        if (tcg_host_left_with_pc(s, &pc, &reason)) {
            tcg_host_flags_to_guest(c->host, s);
            v->fe->set_pc(s, pc);
            if (v->branch_from != 0 && branch_refused(v, pc)) {
                reason = v->fe->raise_recorded(s);
            }
        } else {
            reason = v->leave_reason;
        }
        site = v->pending_site;
        if (reason != EMU_TCG_EXIT_NONE && reason != EMU_TCG_EXIT_MODE) {
            return reason;
        }
        if (v->fe->interrupt_wanted(s)) {
            return EMU_TCG_EXIT_NONE;
        }
    }
    return EMU_TCG_EXIT_NONE;
}
