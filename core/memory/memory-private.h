/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * core/memory from the inside.
 *
 *   ram.c            host memory of RAM and ROM regions, ram addresses, dirty bytes
 *   region.c         the tree: regions, sub-regions, aliases; says which address spaces changed
 *   flatview.c       tree -> sorted array of ranges; look-up; difference of two arrays
 *   address-space.c  publishes flat views under RCU, transactions, listeners
 *   shortcut.c       doorbells and writes that may come late
 *   access.c         reads, writes, loads, stores, DMA through a flat view
 *   describe.c       info mtree
 *   rcu.c            thread registration
 *
 * Locks: a tree, its address spaces and their listeners belong to one machine and change under that
 * machine's big lock; the pointers between regions, which finalizers on the RCU thread change too, under
 * the tree lock besides.  Readers look flat views up under RCU and take no lock, except the big lock
 * around the access functions of regions that did not opt out.  Nothing here waits for an RCU grace
 * period with the big lock held: a reader may wait for that lock inside its read section.
 */

#include <emu/memory.h>

#ifndef _LGPL_SOURCE
#define _LGPL_SOURCE /* inline read sections */
#endif
#include <urcu.h>

/* ---- locking: the machine's big lock, without knowing machines ---------------------------------- */

typedef struct {
    void (*lock)(gpointer opaque);
    void (*unlock)(gpointer opaque);
    bool (*held)(gpointer opaque);
} EmuMemoryLock;

/* The lock that accesses through @as take around regions that are not lockless.  NULL: none (tests).
 * @lock must outlive the address space.  Before the address space is used from several threads. */
void emu_address_space_set_lock(EmuAddressSpace *as, const EmuMemoryLock *lock, gpointer opaque);
/* The same lock as another address space's. */
void emu_address_space_copy_lock(EmuAddressSpace *as, EmuAddressSpace *from);
/* The bus master whose transactions go through @as: they never reach its own I/O regions. */
void emu_address_space_set_master(EmuAddressSpace *as, gpointer master);
/* Every access through @as says that it comes from this requester. */
void emu_address_space_set_requester(EmuAddressSpace *as, uint16_t requester_id);

/* Sees each access to the address space (not those of CPUs that reach RAM directly), after it was made: @data is what was read or
 * written. Any thread. One for an address space; NULL: none. Big lock held to set it; it may be called once more afterwards. */
typedef void (*EmuMemoryTapFunc)(gpointer opaque, uint64_t addr, const uint8_t *data, uint64_t len, bool write);
void emu_address_space_set_tap(EmuAddressSpace *as, EmuMemoryTapFunc fn, gpointer opaque);
/* It sees the accesses to @to instead. Big lock held. */
void emu_address_space_move_tap(EmuAddressSpace *from, EmuAddressSpace *to);

/* ---- RAM blocks ------------------------------------------------------------------------------- */

#define EMU_RAM_PAGE_BITS 12
#define EMU_RAM_PAGE_SIZE (UINT64_C(1) << EMU_RAM_PAGE_BITS)
#define EMU_RAM_PAGE_MASK (EMU_RAM_PAGE_SIZE - 1)

typedef struct {
    char *name;
    uint8_t *host;
    uint64_t ram_addr;
    uint64_t size; /* page multiple */
    int fd;        /* -1: anonymous */
} EmuRamBlock;

/* @fd: memory of a file, the block's from then on, also in failure; -1: memory of the host's choice. */
EmuRamBlock *emu_ram_block_new(const char *name, uint64_t size, unsigned flags, int fd, GError **error);
void emu_ram_block_free(EmuRamBlock *block);

extern uint8_t *emu_ram_arena;     /* host address of ram address 0 */
extern uint64_t emu_ram_arena_size;
extern uint8_t *emu_ram_dirty_map; /* one byte per page of the arena */

/* After bytes at @host were changed by anything but translated code. */
void emu_ram_mark_written(const uint8_t *host, uint64_t len);

/* ---- regions ---------------------------------------------------------------------------------- */

typedef enum {
    EMU_REGION_CONTAINER,
    EMU_REGION_IO,
    EMU_REGION_RAM,
    EMU_REGION_ROM,
    EMU_REGION_ROM_DEVICE,
    EMU_REGION_ALIAS,
    EMU_REGION_IOMMU,
} EmuRegionKind;

typedef struct {
    unsigned n;
    EmuDoorbell items[];
} EmuDoorbells;

struct _EmuMemoryRegion {
    EmuObject parent_instance;
    EmuRegionKind kind;
    char *name;
    uint64_t last; /* offset of the last byte: 0..2^64-1 */
    bool empty;    /* size 0 */
    bool enabled, readonly, rom_mode, lockless, warned, coalesced;
    EmuDoorbells *doorbells; /* RCU; NULL: none */
    uint8_t log_mask; /* 1 << EmuDirtyClient */

    /* place in the container */
    EmuMemoryRegion *container; /* borrowed; it holds a reference on this region */
    uint64_t addr;
    int priority;
    GList *subregions; /* highest priority first; of equals the one added last first; owned */

    EmuMemoryRegion *target; /* alias; owned */
    uint64_t target_offset;
    GSList *aliases; /* aliases of this region; borrowed */
    GSList *spaces;  /* address spaces whose root this is; borrowed */
    unsigned visit;  /* stamp of mark_changed */

    gpointer owner; /* weak */
    gpointer owner_link;
    const EmuMemoryRegionOps *ops;
    const EmuIommuOps *iommu_ops;
    gpointer opaque;
    uint8_t valid_min, valid_max, impl_min, impl_max; /* of ops, defaults filled in */

    EmuRamBlock *block;
};

static inline bool
emu_region_has_ram(const EmuMemoryRegion *mr)
{
    return mr->block != NULL;
}

/* ---- flat views --------------------------------------------------------------------------------- */

typedef struct {
    uint64_t start, last;
    EmuMemoryRegion *region;
    uint64_t offset;  /* of start in region */
    uint8_t *ram;     /* of start: reads go here when not NULL */
    bool readonly;    /* writes do not go to ram */
    bool rom_device;
    uint8_t log_mask;
} EmuFlatRange;

typedef struct {
    struct rcu_head rcu;
    gint ref; /* address spaces that show it */
    EmuMemoryRegion *root;
    unsigned n, allocated;
    EmuFlatRange *ranges;
} EmuFlatView;

EmuFlatView *emu_flat_view_new(EmuMemoryRegion *root);
/* The region that decides what @root shows: containers that only wrap one alias are looked through, so that
 * the many address spaces of bus masters share one view.  NULL: nothing visible. */
EmuMemoryRegion *emu_flat_view_effective_root(EmuMemoryRegion *root);
EmuFlatView *emu_flat_view_ref(EmuFlatView *view);
void emu_flat_view_unref(EmuFlatView *view); /* frees after a grace period */

const EmuFlatRange *emu_flat_view_search(const EmuFlatView *view, uint64_t addr);
/* Index + 1 of the last hit per view, per thread. */
extern __thread struct {
    const EmuFlatView *view;
    unsigned index;
} emu_flat_view_hits[8] __attribute__((tls_model("initial-exec")));

static inline const EmuFlatRange *
emu_flat_view_find(const EmuFlatView *view, uint64_t addr)
{
    unsigned slot = ((uintptr_t)view >> 5) % G_N_ELEMENTS(emu_flat_view_hits);

    if (G_LIKELY(emu_flat_view_hits[slot].view == view)) {
        unsigned index = emu_flat_view_hits[slot].index;

        /* The view may be a new one at an old one's address: trust nothing but the array itself. */
        if (G_LIKELY(index < view->n)) {
            const EmuFlatRange *range = &view->ranges[index];

            if (G_LIKELY(addr >= range->start && addr <= range->last)) {
                return range;
            }
        }
    }
    return emu_flat_view_search(view, addr);
}

void emu_flat_range_to_section(const EmuFlatRange *range, EmuMemorySection *out);

/* ---- short ways ------------------------------------------------------------------------------------ */

void emu_memory_region_free_doorbells(EmuMemoryRegion *self); /* finalize */
/* True when the write of @size bytes was one, and is done. */
bool emu_doorbells_ring(const EmuDoorbells *list, uint64_t offset, uint64_t value, uint64_t size);

typedef struct {
    uint64_t addr, size;
    bool coalesced; /* else a doorbell */
    EmuDoorbell doorbell;
} EmuShortcut;

GArray *emu_shortcuts_of_view(const EmuFlatView *view); /* EmuShortcut; (transfer full) */
/* Tells of those in @list that are not in @other. */
void emu_shortcuts_tell(const EmuMemoryListener *ops, gpointer opaque, const GArray *list, const GArray *other, bool added);

/* ---- address spaces ------------------------------------------------------------------------------- */

struct _EmuAddressSpace {
    char *name;
    EmuMemoryRegion *root; /* owned */
    EmuFlatView *view;     /* RCU */
    GPtrArray *listeners;
    const EmuMemoryLock *lock;
    gpointer lock_opaque;
    gpointer master;
    bool has_requester, smm;
    uint16_t requester_id;
    GArray *shortcuts; /* of the view, when a listener wants them */
    EmuMemoryTapFunc tap; /* NULL: none; atomic */
    gpointer tap_opaque;
    bool changed; /* in the pending list */
};

/* Recursive; held during each transaction.  Big locks come before it. */
void emu_memory_tree_lock(void);
void emu_memory_tree_unlock(void);

/* Says that what @mr shows may have changed; the address spaces that show it are rebuilt at commit. */
void emu_memory_region_mark_changed(EmuMemoryRegion *mr);
void emu_address_space_mark_changed(EmuAddressSpace *as);

/* ---- RCU ------------------------------------------------------------------------------------------ */

extern __thread bool emu_rcu_registered __attribute__((tls_model("initial-exec")));

static inline void
emu_rcu_enter(void)
{
    if (G_UNLIKELY(!emu_rcu_registered)) {
        emu_rcu_register_thread();
    }
    rcu_read_lock();
}

static inline void
emu_rcu_leave(void)
{
    rcu_read_unlock();
}

/* Waits until what was handed to call_rcu() before has run.  Not with a big lock held.  For tests. */
void emu_rcu_barrier(void);
