/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Accesses through a flat view.
 *
 * The bus side splits an access at borders of ranges and into pieces that the region accepts; the device side
 * fits each piece to what its functions handle.  Between the two, bytes lie as in memory: a "lane value" has the
 * byte of the lowest address in its low bits, whatever the region's endianness.
 */

#include "memory/memory-private.h"

#include <emu/log.h>
#include <inttypes.h>
#include <string.h>

G_STATIC_ASSERT(G_BYTE_ORDER == G_LITTLE_ENDIAN); /* lane values are copied as they are */

enum {
    ACCESS_WRITE = 1 << 0,
    ACCESS_DMA = 1 << 1,
    ACCESS_ROM = 1 << 2, /* writes reach ROM */
};

/*
 * Owners whose access functions run on this thread, outermost first, with the bus masters in between.
 * Hardware has no recursion: a chain of accesses this deep is a guest that aimed devices at each other.
 */
#define ACCESS_MAX_NESTING 16

static __thread struct {
    gpointer owners[2 * ACCESS_MAX_NESTING];
    unsigned n;
    unsigned translations;
} access_nest;

static const char *
access_verb(unsigned flags)
{
    return flags & ACCESS_WRITE ? "write" : "read";
}

/* ---- device side -------------------------------------------------------------------------------- */

static uint64_t
lane_swap(uint64_t value, unsigned size)
{
    return __builtin_bswap64(value) >> (64 - 8 * size);
}

static uint64_t
lane_mask(unsigned size)
{
    return UINT64_MAX >> (64 - 8 * size);
}

static EmuMemResult
region_call_read(EmuMemoryRegion *mr, const EmuMemoryRegionOps *ops, uint64_t offset, uint64_t *lanes, unsigned size, EmuMemAttrs attrs)
{
    uint64_t value = UINT64_MAX;
    EmuMemResult result = EMU_MEM_OK;

    if (ops->read_attrs) {
        result = ops->read_attrs(mr->opaque, offset, &value, size, attrs);
    } else if (ops->read) {
        value = ops->read(mr->opaque, offset, size);
    } else {
        result = EMU_MEM_DECODE_ERROR;
    }
    value &= lane_mask(size);
    *lanes = ops->endian == EMU_ENDIAN_BIG ? lane_swap(value, size) : value;
    return result;
}

static EmuMemResult
region_call_write(EmuMemoryRegion *mr, const EmuMemoryRegionOps *ops, uint64_t offset, uint64_t lanes, unsigned size, EmuMemAttrs attrs)
{
    uint64_t value = lanes & lane_mask(size);

    if (ops->endian == EMU_ENDIAN_BIG) {
        value = lane_swap(value, size);
    }
    if (ops->write_attrs) {
        return ops->write_attrs(mr->opaque, offset, value, size, attrs);
    }
    if (ops->write) {
        ops->write(mr->opaque, offset, value, size);
        return EMU_MEM_OK;
    }
    return EMU_MEM_DECODE_ERROR;
}

static EmuMemResult
region_call(EmuMemoryRegion *mr, const EmuMemoryRegionOps *ops, uint64_t offset, uint64_t *lanes, unsigned size, bool write,
            EmuMemAttrs attrs)
{
    return write ? region_call_write(mr, ops, offset, *lanes, size, attrs) : region_call_read(mr, ops, offset, lanes, size, attrs);
}

/* @size: 1, 2, 4 or 8, at most valid_max, aligned unless valid_unaligned. */
static EmuMemResult
region_access(EmuMemoryRegion *mr, uint64_t offset, uint64_t *lanes, unsigned size, bool write, EmuMemAttrs attrs)
{
    const EmuMemoryRegionOps *ops = __atomic_load_n(&mr->ops, __ATOMIC_ACQUIRE);
    EmuMemResult result = EMU_MEM_OK;
    uint64_t all = 0;

    if (!ops || size < mr->valid_min) {
        return EMU_MEM_DECODE_ERROR;
    }
    if (G_LIKELY(size >= mr->impl_min && size <= mr->impl_max && (!(offset & (size - 1)) || ops->impl_unaligned))) {
        return region_call(mr, ops, offset, lanes, size, write, attrs);
    }
    for (unsigned done = 0; done < size;) {
        uint64_t at = offset + done;
        unsigned piece = MIN(size - done, mr->impl_max), skip = 0, take;
        uint64_t part;
        EmuMemResult r;

        piece = 1u << (31 - __builtin_clz(piece));
        while ((at & (piece - 1)) && !ops->impl_unaligned) {
            piece /= 2;
        }
        take = piece;
        if (piece < mr->impl_min) {
            piece = mr->impl_min;
            skip = at & (piece - 1);
            at -= skip;
            take = MIN(size - done, piece - skip);
        }
        part = write ? (*lanes >> (8 * done) & lane_mask(take)) << (8 * skip) : 0;
        r = region_call(mr, ops, at, &part, piece, write, attrs);
        result = result ? result : r;
        all |= (part >> (8 * skip) & lane_mask(take)) << (8 * done);
        done += take;
    }
    if (!write) {
        *lanes = all;
    }
    return result;
}

/* ---- bus side ----------------------------------------------------------------------------------- */

static bool
access_is_running(gpointer owner)
{
    for (unsigned i = 0; i < access_nest.n; i++) {
        if (access_nest.owners[i] == owner) {
            return true;
        }
    }
    return false;
}

/* May this thread enter the region's functions now? */
static bool
access_guard(EmuAddressSpace *as, EmuMemoryRegion *mr, uint64_t offset, unsigned flags)
{
    const char *why;

    if (access_nest.n + 2 > G_N_ELEMENTS(access_nest.owners)) {
        why = "accesses nest too deeply";
    } else if (!(flags & ACCESS_DMA) || !mr->owner || (mr->owner != as->master && !access_is_running(mr->owner))) {
        return true;
    } else {
        why = "a device's DMA reaches its own registers";
    }
    emu_guest_error("%s: %s at offset 0x%" PRIx64 " refused: %s", mr->name, access_verb(flags), offset, why);
    return false;
}

static EmuMemResult
access_io(EmuAddressSpace *as, EmuMemoryRegion *mr, uint64_t offset, uint64_t *lanes, unsigned size, unsigned flags, EmuMemAttrs attrs)
{
    unsigned nest = access_nest.n;
    EmuMemResult result;

    if (!access_guard(as, mr, offset, flags)) {
        *lanes = UINT64_MAX;
        return EMU_MEM_ACCESS_ERROR;
    }
    if (flags & ACCESS_DMA && as->master) {
        access_nest.owners[access_nest.n++] = as->master;
    }
    access_nest.owners[access_nest.n++] = mr->owner;
    result = region_access(mr, offset, lanes, size, flags & ACCESS_WRITE, attrs);
    access_nest.n = nest;

    if (G_UNLIKELY(result != EMU_MEM_OK)) {
        if (!(flags & ACCESS_WRITE) && result == EMU_MEM_DECODE_ERROR) {
            *lanes = UINT64_MAX;
        }
        if (!attrs.debug) {
            emu_guest_error("%s: %s of %u bytes at offset 0x%" PRIx64 " is not possible", mr->name, access_verb(flags), size, offset);
        }
    }
    return result;
}

/* The widest access at @addr of at most @len bytes that the region takes. */
static unsigned
access_piece(const EmuMemoryRegion *mr, uint64_t offset, uint64_t len)
{
    unsigned size = (unsigned)MIN(len, mr->valid_max);
    const EmuMemoryRegionOps *ops = __atomic_load_n(&mr->ops, __ATOMIC_ACQUIRE);

    size = 1u << (31 - __builtin_clz(size));
    if (!ops || !ops->valid_unaligned) {
        while (offset & (size - 1)) {
            size /= 2;
        }
    }
    return size;
}

static bool
access_take_lock(EmuAddressSpace *as, const EmuMemoryRegion *mr)
{
    if (mr->lockless || !as->lock || as->lock->held(as->lock_opaque)) {
        return false;
    }
    as->lock->lock(as->lock_opaque);
    return true;
}

/* Aligned words of memory are read and written whole. */
static inline void
ram_copy(uint8_t *dst, const uint8_t *src, const uint8_t *ram, uint64_t len)
{
    switch (len) {
    case 1:
        __atomic_store_n(dst, __atomic_load_n(src, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
        return;
    case 2:
    case 4:
    case 8:
        if (!((uintptr_t)ram & (len - 1))) {
            uint64_t word = 0;

            /* The other side may be unaligned: it is private, memcpy will do. */
            if (ram == src) {
                word = len == 2   ? __atomic_load_n((const uint16_t *)src, __ATOMIC_RELAXED)
                       : len == 4 ? __atomic_load_n((const uint32_t *)src, __ATOMIC_RELAXED)
                                  : __atomic_load_n((const uint64_t *)src, __ATOMIC_RELAXED);
                memcpy(dst, &word, len);
            } else {
                memcpy(&word, src, len);
                if (len == 2) {
                    __atomic_store_n((uint16_t *)dst, (uint16_t)word, __ATOMIC_RELAXED);
                } else if (len == 4) {
                    __atomic_store_n((uint32_t *)dst, (uint32_t)word, __ATOMIC_RELAXED);
                } else {
                    __atomic_store_n((uint64_t *)dst, word, __ATOMIC_RELAXED);
                }
            }
            return;
        }
        break;
    default:
        break;
    }
    memmove(dst, src, len); /* a DMA from RAM to RAM may overlap */
}

/* Bytes from @addr on where there is nothing, at most @len. */
static uint64_t
access_hole(const EmuFlatView *view, uint64_t addr, uint64_t len)
{
    unsigned low = 0, high = view->n;

    while (low < high) {
        unsigned mid = (low + high) / 2;

        if (view->ranges[mid].start > addr) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    if (low < view->n) {
        return MIN(len, view->ranges[low].start - addr);
    }
    return len - 1 > UINT64_MAX - addr ? UINT64_MAX - addr + 1 : len;
}

static EmuMemResult access_bytes(EmuAddressSpace *as, uint64_t addr, uint8_t *buf, uint64_t len, unsigned flags, EmuMemAttrs attrs);

static EmuMemResult
access_translated(EmuAddressSpace *as, EmuMemoryRegion *mr, uint64_t offset, uint8_t *buf, uint64_t *len, unsigned flags, EmuMemAttrs attrs)
{
    const EmuIommuOps *ops = __atomic_load_n(&mr->iommu_ops, __ATOMIC_ACQUIRE);
    bool write = flags & ACCESS_WRITE;
    EmuIommuEntry entry = {0};
    unsigned nest = access_nest.n;
    EmuMemResult result;

    if (!ops || access_nest.translations >= 4 || !ops->translate(mr->opaque, offset, write, attrs, &entry) || !entry.target ||
        !(write ? entry.writable : entry.readable)) {
        *len = MIN(*len, EMU_RAM_PAGE_SIZE - (offset & EMU_RAM_PAGE_MASK));
        if (!write) {
            memset(buf, 0xff, *len);
        }
        return EMU_MEM_ACCESS_ERROR;
    }
    if (entry.page_mask != UINT64_MAX) {
        *len = MIN(*len, entry.page_mask + 1 - (entry.addr & entry.page_mask));
    }
    /* The address space behind knows nothing of the master; its own registers stay out of its reach. */
    if (flags & ACCESS_DMA && as->master && nest < G_N_ELEMENTS(access_nest.owners)) {
        access_nest.owners[access_nest.n++] = as->master;
    }
    access_nest.translations++;
    result = access_bytes(entry.target, entry.addr, buf, *len, flags, attrs);
    access_nest.translations--;
    access_nest.n = nest;
    return result;
}

/* One step: what lies at @addr takes up to @len bytes; *len becomes what was done. */
static EmuMemResult
access_step(EmuAddressSpace *as, uint64_t addr, uint8_t *buf, uint64_t *len, unsigned flags, EmuMemAttrs attrs)
{
    EmuMemResult result = EMU_MEM_OK;
    bool write = flags & ACCESS_WRITE;
    const EmuFlatRange *range;
    const EmuFlatView *view;
    EmuMemoryRegion *mr;
    uint64_t offset, lanes = 0;
    unsigned size;
    bool locked;

again:
    view = rcu_dereference(as->view);
    range = emu_flat_view_find(view, addr);
    if (!range) {
        *len = access_hole(view, addr, *len);
        if (!write) {
            memset(buf, 0xff, *len);
        }
        if (!attrs.debug) {
            emu_guest_error("%s: %s at 0x%" PRIx64 ": nothing there", as->name, access_verb(flags), addr);
        }
        return EMU_MEM_DECODE_ERROR;
    }
    mr = range->region;
    offset = range->offset + (addr - range->start);
    if (range->ram || mr->kind == EMU_REGION_IOMMU) {
        *len = MIN(*len - 1, range->last - addr) + 1;
    } else {
        /* A register decodes its first address only: a wide access reaches it whole, whatever another region
         * laid over its further bytes (a PC's 0xcf8 and 0xcf9). */
        *len = MIN(*len - 1, MIN(MAX(range->last - addr, 7), mr->last - offset)) + 1;
    }
    if (range->ram) {
        uint8_t *ram = range->ram + (addr - range->start);

        if (!write) {
            ram_copy(buf, ram, ram, *len);
            return EMU_MEM_OK;
        }
        if (flags & ACCESS_ROM || !(range->readonly || range->rom_device)) {
            ram_copy(ram, buf, ram, *len);
            emu_ram_mark_written(ram, *len);
            return EMU_MEM_OK;
        }
    }
    if (mr->kind == EMU_REGION_IOMMU) {
        return access_translated(as, mr, offset, buf, len, flags, attrs);
    }
    if (write && range->readonly) {
        return EMU_MEM_OK; /* the bus has no way to say that a ROM did not take it */
    }

    if (write && G_UNLIKELY(mr->doorbells)) {
        const EmuDoorbells *doorbells = rcu_dereference(mr->doorbells);

        memcpy(&lanes, buf, MIN(*len, sizeof(lanes)));
        if (doorbells && *len <= sizeof(lanes) && emu_doorbells_ring(doorbells, offset, lanes, *len)) {
            return EMU_MEM_OK;
        }
        lanes = 0;
    }
    locked = access_take_lock(as, mr);
    if (locked && rcu_dereference(as->view) != view) {
        /* While we waited the region may have gone, and its device with it. */
        as->lock->unlock(as->lock_opaque);
        goto again;
    }
    size = access_piece(mr, offset, *len);
    if (write) {
        memcpy(&lanes, buf, size);
    }
    result = access_io(as, mr, offset, &lanes, size, flags, attrs);
    if (locked) {
        as->lock->unlock(as->lock_opaque);
    }
    if (!write) {
        memcpy(buf, &lanes, size);
    }
    *len = size;
    return result;
}

static EmuMemResult
access_bytes(EmuAddressSpace *as, uint64_t addr, uint8_t *buf, uint64_t len, unsigned flags, EmuMemAttrs attrs)
{
    EmuMemResult result = EMU_MEM_OK;

    if (as->has_requester) {
        attrs.requester_id = as->requester_id;
        attrs.has_requester = 1;
    }
    attrs.smm |= as->smm;
    emu_rcu_enter();
    while (len) {
        uint64_t step = len;
        EmuMemResult r = access_step(as, addr, buf, &step, flags, attrs);
        EmuMemoryTapFunc tap = __atomic_load_n(&as->tap, __ATOMIC_ACQUIRE);

        if (G_UNLIKELY(tap)) {
            tap(as->tap_opaque, addr, buf, step, flags & ACCESS_WRITE);
        }
        result = result ? result : r;
        addr += step;
        buf += step;
        len -= step;
    }
    emu_rcu_leave();
    return result;
}

void
emu_address_space_set_tap(EmuAddressSpace *as, EmuMemoryTapFunc fn, gpointer opaque)
{
    if (fn) {
        as->tap_opaque = opaque;
    }
    __atomic_store_n(&as->tap, fn, __ATOMIC_RELEASE);
}

void
emu_address_space_move_tap(EmuAddressSpace *from, EmuAddressSpace *to)
{
    if (from->tap) {
        emu_address_space_set_tap(to, from->tap, from->tap_opaque);
        emu_address_space_set_tap(from, NULL, NULL);
    }
}

/* ---- public ------------------------------------------------------------------------------------- */

EmuMemResult
emu_address_space_read(EmuAddressSpace *as, uint64_t addr, void *buf, uint64_t len, EmuMemAttrs attrs)
{
    return access_bytes(as, addr, buf, len, 0, attrs);
}

EmuMemResult
emu_address_space_write(EmuAddressSpace *as, uint64_t addr, const void *buf, uint64_t len, EmuMemAttrs attrs)
{
    return access_bytes(as, addr, (uint8_t *)buf, len, ACCESS_WRITE, attrs);
}

EmuMemResult
emu_address_space_write_rom(EmuAddressSpace *as, uint64_t addr, const void *buf, uint64_t len)
{
    return access_bytes(as, addr, (uint8_t *)buf, len, ACCESS_WRITE | ACCESS_ROM, EMU_MEM_ATTRS_NONE);
}

EmuMemResult
emu_dma_read(EmuAddressSpace *as, uint64_t addr, void *buf, uint64_t len)
{
    return access_bytes(as, addr, buf, len, ACCESS_DMA, EMU_MEM_ATTRS_NONE);
}

EmuMemResult
emu_dma_write(EmuAddressSpace *as, uint64_t addr, const void *buf, uint64_t len)
{
    return access_bytes(as, addr, (uint8_t *)buf, len, ACCESS_DMA | ACCESS_WRITE, EMU_MEM_ATTRS_NONE);
}

/**
 * emu_address_space_load:
 * @size: 1, 2, 4 or 8
 * @result: (out) (nullable):
 *
 * Returns: the value of the bytes, the lowest address least significant; ones where nothing answers.
 */
uint64_t
emu_address_space_load(EmuAddressSpace *as, uint64_t addr, unsigned size, EmuMemAttrs attrs, EmuMemResult *result)
{
    uint64_t value = 0;
    EmuMemResult r;

    g_return_val_if_fail(size <= 8, UINT64_MAX);
    r = access_bytes(as, addr, (uint8_t *)&value, size, 0, attrs);
    if (result) {
        *result = r;
    }
    return value;
}

void
emu_address_space_store(EmuAddressSpace *as, uint64_t addr, uint64_t value, unsigned size, EmuMemAttrs attrs, EmuMemResult *result)
{
    EmuMemResult r;

    g_return_if_fail(size <= 8);
    r = access_bytes(as, addr, (uint8_t *)&value, size, ACCESS_WRITE, attrs);
    if (result) {
        *result = r;
    }
}
