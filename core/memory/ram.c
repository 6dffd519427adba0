/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Host memory of RAM and ROM regions.
 *
 * One stretch of host addresses, the arena, is reserved at first use (no access, no memory behind it) and
 * every RAM block of the process is mapped somewhere into it:
 *
 *     ram address   = host address - arena
 *     dirty byte    = dirty_map[ram address / 4096]
 *
 * so the translator's conversions are an addition, and two regions that show the same RAM share its dirty
 * bytes by construction.  Between blocks at least one page stays without access: running over the
 * end of a block is a fault here and not a write into the neighbour.
 */

#include "memory/memory-private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/prctl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#define RAM_HUGE_PAGE (UINT64_C(2) << 20)

uint8_t *emu_ram_arena;
uint64_t emu_ram_arena_size;
uint8_t *emu_ram_dirty_map;

static GMutex ram_mutex;
static GPtrArray *ram_blocks; /* sorted by ram_addr; under ram_mutex */

static EmuCodeWriteFunc ram_code_write;
static gpointer ram_code_write_opaque;
static EmuDirtyClearedFunc ram_dirty_cleared;
static gpointer ram_dirty_cleared_opaque;

static bool
ram_arena_reserve(void)
{
    /* A limit on address space (ulimit -v) asks for less. */
    for (unsigned bits = 42; bits >= 32; bits--) {
        uint64_t size = UINT64_C(1) << bits;
        uint8_t *arena = mmap(NULL, size + RAM_HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        uint8_t *dirty;

        if (arena == MAP_FAILED) {
            continue;
        }
        dirty = mmap(NULL, size >> EMU_RAM_PAGE_BITS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (dirty == MAP_FAILED) {
            munmap(arena, size + RAM_HUGE_PAGE);
            continue;
        }
        madvise(arena, size + RAM_HUGE_PAGE, MADV_DONTDUMP);
        emu_ram_arena = (uint8_t *)(((uintptr_t)arena + RAM_HUGE_PAGE - 1) & ~(uintptr_t)(RAM_HUGE_PAGE - 1));
        emu_ram_arena_size = size;
        emu_ram_dirty_map = dirty;
        return true;
    }
    return false;
}

/* Lowest gap that takes @size bytes and a page without access on both sides; index is where it goes in the list. */
static bool
ram_arena_find(uint64_t size, unsigned *index, uint64_t *ram_addr)
{
    uint64_t align = size >= RAM_HUGE_PAGE ? RAM_HUGE_PAGE : EMU_RAM_PAGE_SIZE;
    uint64_t start = EMU_RAM_PAGE_SIZE;

    for (unsigned i = 0; i <= ram_blocks->len; i++) {
        const EmuRamBlock *next = i < ram_blocks->len ? g_ptr_array_index(ram_blocks, i) : NULL;
        uint64_t end = next ? next->ram_addr : emu_ram_arena_size;

        start = (start + align - 1) & ~(align - 1);
        if (start < end && end - start > size) {
            *index = i;
            *ram_addr = start;
            return true;
        }
        if (next) {
            start = next->ram_addr + next->size + EMU_RAM_PAGE_SIZE;
        }
    }
    return false;
}

static bool
ram_shared_memory_gets_huge_pages(void)
{
    static gsize once;
    static bool yes;

    if (g_once_init_enter(&once)) {
        g_autofree char *text = NULL;

        yes = g_file_get_contents("/sys/kernel/mm/transparent_hugepage/shmem_enabled", &text, NULL, NULL) &&
              (strstr(text, "[advise]") || strstr(text, "[always]") || strstr(text, "[within_size]"));
        g_once_init_leave(&once, 1);
    }
    return yes;
}

static bool
ram_block_fail(const EmuRamBlock *block, int code, GError **error)
{
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "cannot allocate %" PRIu64 " bytes of memory for %s: %s", block->size,
                block->name, g_strerror(code));
    return false;
}

/* Huge pages of a file system are reserved here, so that running out of them is an error now and no crash of the guest's later. */
static bool
ram_block_map_file(EmuRamBlock *block, unsigned flags, GError **error)
{
    bool shared = flags & EMU_RAM_SHARED;
    struct statfs fs;
    bool huge = fstatfs(block->fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC;

    if (huge && (uint64_t)fs.f_bsize > RAM_HUGE_PAGE) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: huge pages of %" PRIu64 " bytes are not supported, expected at most %" PRIu64,
                    block->name, (uint64_t)fs.f_bsize, RAM_HUGE_PAGE);
        return false;
    }
    if (huge && block->size % (uint64_t)fs.f_bsize) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: size %" PRIu64 " is no multiple of the page size %" PRIu64, block->name,
                    block->size, (uint64_t)fs.f_bsize);
        return false;
    }
    if (mmap(emu_ram_arena + block->ram_addr, block->size, PROT_READ | PROT_WRITE,
             (shared ? MAP_SHARED : MAP_PRIVATE) | (huge ? 0 : MAP_NORESERVE) | MAP_FIXED, block->fd, 0) == MAP_FAILED) {
        int saved = errno;

        if (huge && saved == ENOMEM) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                        "%s: the host has not enough free huge pages for %" PRIu64 " bytes (/proc/sys/vm/nr_hugepages)", block->name, block->size);
            return false;
        }
        return ram_block_fail(block, saved, error);
    }
    if (!shared) {
        close(block->fd);
        block->fd = -1;
    }
    madvise(emu_ram_arena + block->ram_addr, block->size, MADV_DODUMP);
    return true;
}

/*
 * A memfd is the natural backing (other processes can map it, listings name it), but most hosts give huge pages
 * to anonymous memory only.  So big blocks that nobody shares are anonymous, with a name where the
 * kernel can give one.
 */
static bool
ram_block_map(EmuRamBlock *block, unsigned flags, GError **error)
{
    g_autofree char *label = g_strdup_printf("emu-ram-%s", block->name);
    bool anonymous = (flags & EMU_RAM_PRIVATE) ||
                     (!(flags & EMU_RAM_SHARED) && block->size >= RAM_HUGE_PAGE && !ram_shared_memory_gets_huge_pages());
    void *at = emu_ram_arena + block->ram_addr;
    int saved;

    if (block->fd >= 0) {
        return ram_block_map_file(block, flags, error);
    }
    if (anonymous) {
        if (mmap(at, block->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED) {
            if (prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, block->size, label) == 0 || (flags & EMU_RAM_PRIVATE) ||
                block->size >= RAM_HUGE_PAGE) {
                goto mapped;
            }
        }
    }
    label[MIN(strlen(label), (gsize)240)] = '\0'; /* the kernel's limit is 249 */
    block->fd = memfd_create(label, MFD_CLOEXEC);
    if (block->fd < 0 || ftruncate(block->fd, (off_t)block->size) < 0 ||
        mmap(at, block->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, block->fd, 0) == MAP_FAILED) {
        saved = errno;
        if (block->fd >= 0) {
            close(block->fd);
            block->fd = -1;
        }
        return ram_block_fail(block, saved, error);
    }
mapped:
    if (block->size >= RAM_HUGE_PAGE) {
        madvise(at, block->size, MADV_HUGEPAGE);
    }
    madvise(at, block->size, MADV_DODUMP);
    return true;
}

EmuRamBlock *
emu_ram_block_new(const char *name, uint64_t size, unsigned flags, int fd, GError **error)
{
    EmuRamBlock *block = g_new0(EmuRamBlock, 1);
    unsigned index;

    block->name = g_strdup(name);
    block->size = (size + EMU_RAM_PAGE_MASK) & ~EMU_RAM_PAGE_MASK;
    block->fd = fd;

    g_mutex_lock(&ram_mutex);
    if (!emu_ram_arena && !ram_arena_reserve()) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "cannot reserve address space for guest memory: %s", g_strerror(errno));
        goto fail;
    }
    if (!ram_blocks) {
        ram_blocks = g_ptr_array_new();
    }
    if (block->size < size || block->size == 0 || !ram_arena_find(block->size, &index, &block->ram_addr)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "memory size %" PRIu64 " of %s is out of range, expected 1 to %" PRIu64 " bytes in all", size, name, emu_ram_arena_size);
        goto fail;
    }
    if (!ram_block_map(block, flags, error)) {
        goto fail;
    }
    block->host = emu_ram_arena + block->ram_addr;
    memset(emu_ram_dirty_map + (block->ram_addr >> EMU_RAM_PAGE_BITS), 0xff, block->size >> EMU_RAM_PAGE_BITS);
    g_ptr_array_insert(ram_blocks, (gint)index, block);
    g_mutex_unlock(&ram_mutex);
    return block;

fail:
    g_mutex_unlock(&ram_mutex);
    if (block->fd >= 0) {
        close(block->fd);
    }
    g_free(block->name);
    g_free(block);
    return NULL;
}

void
emu_ram_block_free(EmuRamBlock *block)
{
    if (!block) {
        return;
    }
    g_mutex_lock(&ram_mutex);
    g_ptr_array_remove(ram_blocks, block);
    /* Back to "no access", in one step: the reservation never has a hole that others could take. */
    mmap(block->host, block->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    g_mutex_unlock(&ram_mutex);
    if (block->fd >= 0) {
        close(block->fd);
    }
    g_free(block->name);
    g_free(block);
}

/* ---- ram addresses and dirty bytes ---------------------------------------------------------------- */

uint64_t
emu_ram_addr_from_host(const void *host)
{
    uint64_t offset = (uint64_t)((const uint8_t *)host - emu_ram_arena);

    return G_LIKELY(emu_ram_arena && offset < emu_ram_arena_size) ? offset : UINT64_MAX;
}

void *
emu_ram_addr_to_host(uint64_t ram_addr)
{
    return emu_ram_arena + ram_addr;
}

uint8_t *
emu_ram_dirty_byte(uint64_t ram_addr)
{
    return emu_ram_dirty_map + (ram_addr >> EMU_RAM_PAGE_BITS);
}

void
emu_memory_set_code_write_hook(EmuCodeWriteFunc fn, gpointer opaque)
{
    ram_code_write_opaque = opaque;
    __atomic_store_n(&ram_code_write, fn, __ATOMIC_RELEASE);
}

void
emu_memory_set_dirty_cleared_hook(EmuDirtyClearedFunc fn, gpointer opaque)
{
    ram_dirty_cleared_opaque = opaque;
    __atomic_store_n(&ram_dirty_cleared, fn, __ATOMIC_RELEASE);
}

void
emu_ram_mark_written(const uint8_t *host, uint64_t len)
{
    const uint8_t data_bits = 1 << EMU_DIRTY_VGA | 1 << EMU_DIRTY_MIGRATION;
    uint64_t addr = (uint64_t)(host - emu_ram_arena);
    uint64_t end = addr + len;

    for (uint64_t page = addr >> EMU_RAM_PAGE_BITS; page <= (end - 1) >> EMU_RAM_PAGE_BITS; page++) {
        uint8_t *dirty = &emu_ram_dirty_map[page];
        uint8_t now = __atomic_load_n(dirty, __ATOMIC_RELAXED);

        if (G_LIKELY(now == 0xff)) {
            continue;
        }
        if ((now & data_bits) != data_bits) {
            __atomic_fetch_or(dirty, data_bits, __ATOMIC_RELEASE);
        }
        if (!(now & 1 << EMU_DIRTY_CODE)) {
            EmuCodeWriteFunc hook = __atomic_load_n(&ram_code_write, __ATOMIC_ACQUIRE);

            if (hook) {
                uint64_t from = MAX(addr, page << EMU_RAM_PAGE_BITS);

                hook(ram_code_write_opaque, from, MIN(end, (page + 1) << EMU_RAM_PAGE_BITS) - from);
            }
        }
    }
}

/* The pages of a range of a RAM region, or false when it has none. */
static bool
ram_region_pages(EmuMemoryRegion *self, uint64_t offset, uint64_t size, uint64_t *first, uint64_t *last)
{
    if (!self->block || size == 0 || offset > self->last || size - 1 > self->last - offset) {
        return false;
    }
    *first = (self->block->ram_addr + offset) >> EMU_RAM_PAGE_BITS;
    *last = (self->block->ram_addr + offset + size - 1) >> EMU_RAM_PAGE_BITS;
    return true;
}

void
emu_memory_region_set_dirty(EmuMemoryRegion *self, uint64_t offset, uint64_t size)
{
    uint64_t first, last;

    if (ram_region_pages(self, offset, size, &first, &last)) {
        emu_ram_mark_written(self->block->host + offset, size);
    }
}

/**
 * emu_memory_region_test_and_clear_dirty:
 *
 * Returns: true when a page of the range was written since the bit was cleared last. The contents
 *   read after this call are at least as new as the writes it reports.
 */
bool
emu_memory_region_test_and_clear_dirty(EmuMemoryRegion *self, uint64_t offset, uint64_t size, EmuDirtyClient client)
{
    const uint8_t bit = (uint8_t)(1 << client);
    uint64_t first, last, run = UINT64_MAX;
    bool dirty = false;
    EmuDirtyClearedFunc hook = __atomic_load_n(&ram_dirty_cleared, __ATOMIC_ACQUIRE);

    if (!ram_region_pages(self, offset, size, &first, &last)) {
        return false;
    }
    for (uint64_t page = first; page <= last; page++) {
        uint8_t *byte = &emu_ram_dirty_map[page];
        bool hit = __atomic_load_n(byte, __ATOMIC_RELAXED) & bit;

        if (hit) {
            __atomic_fetch_and(byte, (uint8_t)~bit, __ATOMIC_ACQ_REL);
            dirty = true;
            if (run == UINT64_MAX) {
                run = page;
            }
        }
        if (hook && run != UINT64_MAX && (!hit || page == last)) {
            hook(ram_dirty_cleared_opaque, run << EMU_RAM_PAGE_BITS, (page - run + hit) << EMU_RAM_PAGE_BITS, client);
            run = UINT64_MAX;
        }
    }
    return dirty;
}
