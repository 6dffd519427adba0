/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Accesses: sizes, alignment, endianness, borders, holes; dirty bytes; ROM; locks; DMA re-entrancy; IOMMU. */

#include "memory/memory-private.h"

#include <string.h>

/* A device that has 64 bytes of registers and remembers the accesses it gets. */
typedef struct {
    uint8_t bytes[64];
    bool big_endian;
    unsigned calls;
    struct {
        uint64_t offset, value;
        unsigned size;
        bool write;
    } log[64];
    EmuAddressSpace *dma;
    uint64_t dma_addr;
    EmuMemResult dma_result;
    unsigned depth, deepest;
} Probe;

static void
probe_note(Probe *p, uint64_t offset, uint64_t value, unsigned size, bool write)
{
    if (p->calls < G_N_ELEMENTS(p->log)) {
        p->log[p->calls].offset = offset;
        p->log[p->calls].value = value;
        p->log[p->calls].size = size;
        p->log[p->calls].write = write;
    }
    p->calls++;
}

static uint64_t
probe_read(gpointer opaque, uint64_t offset, unsigned size)
{
    Probe *p = opaque;
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        uint64_t byte = p->bytes[(offset + i) % 64];

        value |= byte << 8 * (p->big_endian ? size - 1 - i : i);
    }
    probe_note(p, offset, value, size, false);
    return value;
}

static void
probe_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Probe *p = opaque;

    for (unsigned i = 0; i < size; i++) {
        p->bytes[(offset + i) % 64] = (uint8_t)(value >> 8 * (p->big_endian ? size - 1 - i : i));
    }
    probe_note(p, offset, value, size, true);
}

typedef struct {
    Probe probe;
    EmuMemoryRegion *root, *io;
    EmuAddressSpace *as;
} Bench;

static void
bench_set_up(Bench *b, const EmuMemoryRegionOps *ops)
{
    memset(b, 0, sizeof(*b));
    b->probe.big_endian = ops->endian == EMU_ENDIAN_BIG;
    for (unsigned i = 0; i < 64; i++) {
        b->probe.bytes[i] = (uint8_t)(0x40 + i);
    }
    b->root = emu_memory_region_new_container(NULL, "root", UINT64_MAX);
    b->io = emu_memory_region_new_io(NULL, "probe", 64, ops, &b->probe);
    b->as = emu_address_space_new(b->root, "test");
    emu_memory_region_add_subregion(b->root, 0x1000, b->io, 0);
}

static void
bench_tear_down(Bench *b)
{
    emu_address_space_free(b->as);
    g_object_unref(b->io);
    g_object_unref(b->root);
}

static uint64_t
bench_load(Bench *b, uint64_t addr, unsigned size)
{
    EmuMemResult result;
    uint64_t value = emu_address_space_load(b->as, addr, size, EMU_MEM_ATTRS_NONE, &result);

    g_assert_cmpint(result, ==, EMU_MEM_OK);
    return value;
}

/* ---- sizes --------------------------------------------------------------------------------------- */

/* Whatever the sizes, a device that keeps plain bytes is seen byte by byte. */
static void
test_every_size_pair(void)
{
    static const uint8_t sizes[] = {1, 2, 4, 8};

    for (unsigned combo = 0; combo < 4 * 4 * 4 * 8; combo++) {
        EmuMemoryRegionOps ops = {
            .read = probe_read,
            .write = probe_write,
            .valid_min = 1,
            .valid_max = sizes[combo % 4],
            .impl_min = sizes[combo / 4 % 4],
            .impl_max = sizes[combo / 16 % 4],
            .valid_unaligned = combo / 64 % 2,
            .impl_unaligned = combo / 128 % 2,
            .endian = combo / 256 % 2 ? EMU_ENDIAN_BIG : EMU_ENDIAN_LITTLE,
        };
        Bench b;

        if (ops.impl_min > ops.impl_max) {
            continue;
        }
        bench_set_up(&b, &ops);
        for (unsigned s = 0; s < 4; s++) {
            for (unsigned offset = 0; offset < 16; offset++) {
                uint64_t want = 0, value = UINT64_C(0x8796a5b4c3d2e1f0) + offset;
                uint8_t before[64];

                for (unsigned i = 0; i < sizes[s]; i++) {
                    want |= (uint64_t)b.probe.bytes[16 + offset + i] << 8 * i;
                }
                g_assert_cmphex(bench_load(&b, 0x1010 + offset, sizes[s]), ==, want);

                memcpy(before, b.probe.bytes, 64);
                b.probe.calls = 0;
                emu_address_space_store(b.as, 0x1010 + offset, value, sizes[s], EMU_MEM_ATTRS_NONE, NULL);
                for (unsigned i = 0; i < sizes[s]; i++) {
                    /* Pieces that share a widened word overwrite each other's lanes with zeroes. */
                    if (ops.impl_min == 1) {
                        g_assert_cmphex(b.probe.bytes[16 + offset + i], ==, value >> 8 * i & 0xff);
                        before[16 + offset + i] = b.probe.bytes[16 + offset + i];
                    }
                }
                if (ops.impl_min == 1) {
                    g_assert_cmpmem(before, 64, b.probe.bytes, 64);
                }
                for (unsigned i = 0; i < b.probe.calls; i++) {
                    g_assert_cmpuint(b.probe.log[i].size, >=, ops.impl_min);
                    g_assert_cmpuint(b.probe.log[i].size, <=, ops.impl_max);
                    g_assert_true(ops.impl_unaligned || b.probe.log[i].offset % b.probe.log[i].size == 0);
                }
            }
        }
        bench_tear_down(&b);
    }
}

static void
test_word_to_byte_device(void)
{
    Bench b;

    bench_set_up(&b, &(EmuMemoryRegionOps){.read = probe_read, .write = probe_write, .valid_max = 1});
    g_assert_cmphex(bench_load(&b, 0x1002, 2), ==, 0x4342);
    g_assert_cmpuint(b.probe.calls, ==, 2);
    g_assert_cmphex(b.probe.log[0].offset, ==, 2);
    g_assert_cmphex(b.probe.log[1].offset, ==, 3);
    bench_tear_down(&b);
}

static void
test_narrow_is_refused(void)
{
    Bench b;
    EmuMemResult result;

    bench_set_up(&b, &(EmuMemoryRegionOps){.read = probe_read, .write = probe_write, .valid_min = 4, .valid_max = 4});
    g_assert_cmphex(emu_address_space_load(b.as, 0x1000, 2, EMU_MEM_ATTRS_NONE, &result), ==, 0xffff);
    g_assert_cmpint(result, ==, EMU_MEM_DECODE_ERROR);
    emu_address_space_store(b.as, 0x1003, 0, 1, EMU_MEM_ATTRS_NONE, &result);
    g_assert_cmpint(result, ==, EMU_MEM_DECODE_ERROR);
    g_assert_cmpuint(b.probe.calls, ==, 0);
    g_assert_cmphex(bench_load(&b, 0x1000, 8), ==, UINT64_C(0x4746454443424140));
    g_assert_cmpuint(b.probe.calls, ==, 2);
    bench_tear_down(&b);
}

static void
test_narrow_is_widened(void)
{
    Bench b;

    bench_set_up(&b, &(EmuMemoryRegionOps){.read = probe_read, .write = probe_write, .impl_min = 4, .impl_max = 4});
    g_assert_cmphex(bench_load(&b, 0x1006, 1), ==, 0x46);
    g_assert_cmphex(b.probe.log[0].offset, ==, 4);
    g_assert_cmpuint(b.probe.log[0].size, ==, 4);
    emu_address_space_store(b.as, 0x1006, 0xab, 1, EMU_MEM_ATTRS_NONE, NULL);
    g_assert_cmphex(b.probe.log[1].offset, ==, 4);
    g_assert_cmphex(b.probe.log[1].value, ==, 0x00ab0000);
    bench_tear_down(&b);
}

static void
test_big_endian(void)
{
    Bench b;

    bench_set_up(&b, &(EmuMemoryRegionOps){.read = probe_read, .write = probe_write, .endian = EMU_ENDIAN_BIG});
    g_assert_cmphex(bench_load(&b, 0x1000, 4), ==, 0x43424140);
    g_assert_cmphex(b.probe.log[0].value, ==, 0x40414243);
    bench_tear_down(&b);
}

/* ---- borders ------------------------------------------------------------------------------------- */

static void
test_border_and_hole(void)
{
    Bench b;
    EmuMemResult result;
    EmuMemoryRegion *ram;
    uint8_t buf[32];

    bench_set_up(&b, &(EmuMemoryRegionOps){.read = probe_read, .write = probe_write});
    ram = emu_memory_region_new_ram(NULL, "ram", 4096, NULL);
    memset(emu_memory_region_get_ram_pointer(ram), 0x77, 4096);
    emu_memory_region_add_subregion(b.root, 0x0, ram, 0);

    g_assert_cmphex(bench_load(&b, 0xffe, 4), ==, 0x41407777);
    g_assert_cmphex(emu_address_space_load(b.as, 0x103e, 4, EMU_MEM_ATTRS_NONE, &result), ==, 0xffff7f7e);
    g_assert_cmpint(result, ==, EMU_MEM_DECODE_ERROR);
    g_assert_cmpint(emu_address_space_read(b.as, 0x5000, buf, sizeof(buf), EMU_MEM_ATTRS_NONE), ==, EMU_MEM_DECODE_ERROR);
    for (unsigned i = 0; i < sizeof(buf); i++) {
        g_assert_cmphex(buf[i], ==, 0xff);
    }
    /* An access that wraps at the end of the space. */
    g_assert_cmphex(emu_address_space_load(b.as, UINT64_MAX - 1, 4, EMU_MEM_ATTRS_NONE, &result), ==, 0x7777ffff);
    /* A transfer over a huge hole takes no time. */
    g_assert_cmpint(emu_address_space_write(b.as, UINT64_C(1) << 40, buf, sizeof(buf), EMU_MEM_ATTRS_NONE), ==, EMU_MEM_DECODE_ERROR);
    bench_tear_down(&b);
    g_object_unref(ram);
}

static void
test_rom(void)
{
    EmuMemoryRegion *root = emu_memory_region_new_container(NULL, "root", UINT64_MAX);
    EmuMemoryRegion *rom = emu_memory_region_new_rom(NULL, "rom", 4096, NULL);
    EmuAddressSpace *as = emu_address_space_new(root, "test");
    EmuMemResult result;

    emu_memory_region_add_subregion(root, 0, rom, 0);
    emu_address_space_store(as, 8, 0x1234, 2, EMU_MEM_ATTRS_NONE, &result);
    g_assert_cmpint(result, ==, EMU_MEM_OK);
    g_assert_cmphex(emu_address_space_load(as, 8, 2, EMU_MEM_ATTRS_NONE, NULL), ==, 0);
    emu_address_space_write_rom(as, 8, "ab", 2);
    g_assert_cmphex(emu_address_space_load(as, 8, 2, EMU_MEM_ATTRS_NONE, NULL), ==, 0x6261);
    emu_address_space_free(as);
    g_object_unref(rom);
    g_object_unref(root);
}

static void
test_rom_device(void)
{
    EmuMemoryRegion *root = emu_memory_region_new_container(NULL, "root", UINT64_MAX), *flash;
    Probe probe = {.bytes = {0x10, 0x11}};
    EmuAddressSpace *as = emu_address_space_new(root, "test");

    flash = emu_memory_region_new_rom_device(NULL, "flash", 4096, &(EmuMemoryRegionOps){.read = probe_read, .write = probe_write}, &probe, NULL);
    memset(emu_memory_region_get_ram_pointer(flash), 0x55, 4096);
    emu_memory_region_add_subregion(root, 0, flash, 0);
    g_assert_cmphex(emu_address_space_load(as, 0, 2, EMU_MEM_ATTRS_NONE, NULL), ==, 0x5555);
    g_assert_cmpuint(probe.calls, ==, 0);
    emu_address_space_store(as, 0, 0x90, 1, EMU_MEM_ATTRS_NONE, NULL);
    g_assert_cmpuint(probe.calls, ==, 1);
    emu_memory_region_set_rom_mode(flash, false);
    g_assert_cmphex(emu_address_space_load(as, 0, 2, EMU_MEM_ATTRS_NONE, NULL), ==, 0x1190);
    emu_address_space_free(as);
    g_object_unref(flash);
    g_object_unref(root);
}

/* ---- RAM ------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t addr, len;
    unsigned calls;
} CodeWrites;

static void
note_code_write(gpointer opaque, uint64_t ram_addr, uint64_t len)
{
    CodeWrites *w = opaque;

    w->addr = ram_addr;
    w->len = len;
    w->calls++;
}

static void
test_dirty(void)
{
    EmuMemoryRegion *root = emu_memory_region_new_container(NULL, "root", UINT64_MAX);
    EmuMemoryRegion *ram = emu_memory_region_new_ram(NULL, "ram", 4 << 20, NULL);
    EmuMemoryRegion *high = emu_memory_region_new_alias(NULL, "high", ram, 2 << 20, 2 << 20);
    EmuAddressSpace *as = emu_address_space_new(root, "test");
    uint64_t ram_addr = emu_ram_addr_from_host(emu_memory_region_get_ram_pointer(ram));
    CodeWrites writes = {0};

    emu_memory_region_add_subregion(root, 0, ram, 0);
    emu_memory_region_add_subregion(root, UINT64_C(1) << 32, high, 0);
    g_assert_cmphex(ram_addr & 4095, ==, 0);
    g_assert_true(emu_ram_addr_to_host(ram_addr) == emu_memory_region_get_ram_pointer(ram));
    g_assert_cmphex(emu_ram_addr_from_host(&writes), ==, UINT64_MAX);

    /* New memory counts as written. */
    g_assert_true(emu_memory_region_test_and_clear_dirty(ram, 0, 4 << 20, EMU_DIRTY_VGA));
    g_assert_false(emu_memory_region_test_and_clear_dirty(ram, 0, 4 << 20, EMU_DIRTY_VGA));
    g_assert_true(emu_memory_region_test_and_clear_dirty(ram, 0, 4096, EMU_DIRTY_MIGRATION));

    /* Through the alias; two pages. */
    emu_address_space_store(as, (UINT64_C(1) << 32) + 0xffe, 1, 4, EMU_MEM_ATTRS_NONE, NULL);
    g_assert_true(emu_memory_region_test_and_clear_dirty(ram, 2 << 20, 4096, EMU_DIRTY_VGA));
    g_assert_true(emu_memory_region_test_and_clear_dirty(ram, (2 << 20) + 4096, 1, EMU_DIRTY_VGA));
    g_assert_false(emu_memory_region_test_and_clear_dirty(ram, 0, 4 << 20, EMU_DIRTY_VGA));

    emu_memory_set_code_write_hook(note_code_write, &writes);
    emu_address_space_store(as, 0x1ffe, 1, 4, EMU_MEM_ATTRS_NONE, NULL);
    g_assert_cmpuint(writes.calls, ==, 0);
    __atomic_fetch_and(emu_ram_dirty_byte(ram_addr + 0x2000), (uint8_t) ~(1 << EMU_DIRTY_CODE), __ATOMIC_RELAXED);
    emu_address_space_store(as, 0x1ffe, 1, 4, EMU_MEM_ATTRS_NONE, NULL);
    g_assert_cmpuint(writes.calls, ==, 1);
    g_assert_cmphex(writes.addr, ==, ram_addr + 0x2000);
    g_assert_cmphex(writes.len, ==, 2);
    emu_memory_region_set_dirty(ram, 0x2010, 16);
    g_assert_cmpuint(writes.calls, ==, 2);
    emu_memory_set_code_write_hook(NULL, NULL);

    /* Out of range: nothing happens. */
    g_assert_false(emu_memory_region_test_and_clear_dirty(ram, 4 << 20, 1, EMU_DIRTY_VGA));
    g_assert_false(emu_memory_region_test_and_clear_dirty(ram, 1, UINT64_MAX, EMU_DIRTY_VGA));
    emu_memory_region_set_dirty(ram, UINT64_MAX, 2);
    emu_address_space_free(as);
    g_object_unref(high);
    g_object_unref(ram);
    g_object_unref(root);
}

static void
test_ram_kinds(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *maps = NULL;
    EmuMemoryRegion *shared = emu_memory_region_new_ram_flags(NULL, "pc.ram", 8 << 20, EMU_RAM_SHARED, NULL);
    EmuMemoryRegion *private = emu_memory_region_new_ram_flags(NULL, "own", 8 << 20, EMU_RAM_PRIVATE, NULL);

    g_assert_cmpint(emu_memory_region_get_fd(shared), >=, 0);
    g_assert_cmpint(emu_memory_region_get_fd(private), ==, -1);
    g_assert_cmphex((uintptr_t)emu_memory_region_get_ram_pointer(shared) & 0x1fffff, ==, 0);
    g_assert_true(g_file_get_contents("/proc/self/maps", &maps, NULL, NULL));
    g_assert_nonnull(strstr(maps, "memfd:emu-ram-pc.ram"));
    g_assert_null(emu_memory_region_new_ram(NULL, "huge", UINT64_MAX, &error));
    g_assert_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE);
    g_object_unref(shared);
    g_object_unref(private);
}

/* ---- locks ------------------------------------------------------------------------------------------ */

typedef struct {
    unsigned locks;
    bool held;
} FakeLock;

static void
fake_lock(gpointer opaque)
{
    FakeLock *l = opaque;

    g_assert_false(l->held);
    l->held = true;
    l->locks++;
}

static void
fake_unlock(gpointer opaque)
{
    ((FakeLock *)opaque)->held = false;
}

static bool
fake_held(gpointer opaque)
{
    return ((FakeLock *)opaque)->held;
}

static const EmuMemoryLock fake_ops = {fake_lock, fake_unlock, fake_held};

static void
test_big_lock(void)
{
    Bench b;
    FakeLock lock = {0};

    bench_set_up(&b, &(EmuMemoryRegionOps){.read = probe_read, .write = probe_write});
    emu_address_space_set_lock(b.as, &fake_ops, &lock);
    bench_load(&b, 0x1000, 4);
    g_assert_cmpuint(lock.locks, ==, 1);
    g_assert_false(lock.held);
    lock.held = true;
    bench_load(&b, 0x1000, 4);
    g_assert_cmpuint(lock.locks, ==, 1);
    lock.held = false;
    emu_memory_region_set_lockless(b.io, true);
    bench_load(&b, 0x1000, 4);
    g_assert_cmpuint(lock.locks, ==, 1);
    bench_tear_down(&b);
}

typedef struct {
    FakeLock lock;
    EmuMemoryRegion *root, *io;
} Vanishing;

static void
vanishing_lock(gpointer opaque)
{
    Vanishing *v = opaque;

    fake_lock(&v->lock);
    if (v->io->container) {
        emu_memory_region_del_subregion(v->root, v->io);
    }
}

/* A region that goes while its reader waits for the lock is not called. */
static void
test_region_goes_while_waiting(void)
{
    static const EmuMemoryLock ops = {vanishing_lock, fake_unlock, fake_held};
    Bench b;
    Vanishing v = {{0}};
    EmuMemResult result;

    bench_set_up(&b, &(EmuMemoryRegionOps){.read = probe_read, .write = probe_write});
    v.root = b.root;
    v.io = b.io;
    emu_address_space_set_lock(b.as, &ops, &v);
    emu_address_space_load(b.as, 0x1000, 4, EMU_MEM_ATTRS_NONE, &result);
    g_assert_cmpint(result, ==, EMU_MEM_DECODE_ERROR);
    g_assert_cmpuint(b.probe.calls, ==, 0);
    g_assert_false(v.lock.held);
    bench_tear_down(&b);
}

/* ---- DMA re-entrancy --------------------------------------------------------------------------------- */

/* A write makes the device write by DMA where it was told to. */
static void
master_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Probe *p = opaque;
    uint32_t data = 1;

    p->calls++;
    p->depth++;
    p->deepest = MAX(p->deepest, p->depth);
    p->dma_result = emu_dma_write(p->dma, p->dma_addr, &data, 4);
    p->depth--;
}

/* The same without DMA functions: what a careless device does. */
static void
careless_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Probe *p = opaque;
    EmuMemResult result;

    p->calls++;
    p->depth++;
    p->deepest = MAX(p->deepest, p->depth);
    emu_address_space_store(p->dma, p->dma_addr, 1, 4, EMU_MEM_ATTRS_NONE, &result);
    p->dma_result = MAX(p->dma_result, result);
    p->depth--;
}

static void
test_dma_reentrancy(void)
{
    static const EmuMemoryRegionOps ops = {.write = master_write}, careless = {.write = careless_write};
    g_autoptr(EmuObject) a = g_object_new(EMU_TYPE_OBJECT, NULL), b = g_object_new(EMU_TYPE_OBJECT, NULL);
    EmuMemoryRegion *root = emu_memory_region_new_container(NULL, "root", UINT64_MAX);
    EmuAddressSpace *as = emu_address_space_new(root, "test");
    Probe pa = {.dma = as}, pb = {.dma = as}, pc = {.dma = as, .dma_addr = 0x3000};
    EmuMemoryRegion *ma = emu_memory_region_new_io(a, "a", 64, &ops, &pa), *mb = emu_memory_region_new_io(b, "b", 64, &ops, &pb);
    EmuMemoryRegion *mc = emu_memory_region_new_io(NULL, "c", 64, &careless, &pc);
    EmuMemoryRegion *ram = emu_memory_region_new_ram(NULL, "ram", 4096, NULL);
    uint32_t one = 1;

    emu_memory_region_add_subregion(root, 0, ram, 0);
    emu_memory_region_add_subregion(root, 0x1000, ma, 0);
    emu_memory_region_add_subregion(root, 0x2000, mb, 0);
    emu_memory_region_add_subregion(root, 0x3000, mc, 0);

    pa.dma_addr = 0; /* memory: fine */
    emu_address_space_store(as, 0x1000, 1, 4, EMU_MEM_ATTRS_NONE, NULL);
    g_assert_cmpint(pa.dma_result, ==, EMU_MEM_OK);

    pa.dma_addr = 0x1000; /* itself */
    emu_address_space_store(as, 0x1000, 1, 4, EMU_MEM_ATTRS_NONE, NULL);
    g_assert_cmpint(pa.dma_result, ==, EMU_MEM_ACCESS_ERROR);
    g_assert_cmpuint(pa.deepest, ==, 1);

    pa.dma_addr = 0x2000; /* another one: peer to peer is fine ... */
    pb.dma_addr = 0;
    emu_address_space_store(as, 0x1000, 1, 4, EMU_MEM_ATTRS_NONE, NULL);
    g_assert_cmpint(pa.dma_result, ==, EMU_MEM_OK);
    g_assert_cmpuint(pb.calls, ==, 1);

    pb.dma_addr = 0x1000; /* ... unless it comes back */
    emu_address_space_store(as, 0x1000, 1, 4, EMU_MEM_ATTRS_NONE, NULL);
    g_assert_cmpint(pb.dma_result, ==, EMU_MEM_ACCESS_ERROR);
    g_assert_cmpuint(pa.deepest, ==, 1);

    /* From a timer, with no access running: the master's own registers are out of reach too. */
    emu_address_space_set_master(as, a);
    pa.calls = 0;
    g_assert_cmpint(emu_dma_write(as, 0x1000, &one, 4), ==, EMU_MEM_ACCESS_ERROR);
    g_assert_cmpuint(pa.calls, ==, 0);
    pb.dma_addr = 0x1000;
    g_assert_cmpint(emu_dma_write(as, 0x2000, &one, 4), ==, EMU_MEM_OK);
    g_assert_cmpint(pb.dma_result, ==, EMU_MEM_ACCESS_ERROR);

    emu_address_space_store(as, 0x3000, 1, 4, EMU_MEM_ATTRS_NONE, NULL);
    g_assert_cmpint(pc.dma_result, ==, EMU_MEM_ACCESS_ERROR);
    g_assert_cmpuint(pc.deepest, <=, 32);

    emu_memory_region_del_subregion(root, ma);
    emu_memory_region_del_subregion(root, mb);
    emu_address_space_free(as);
    g_object_unref(mc);
    g_object_unref(ram);
    g_object_unref(root);
}

/* A device that goes without unmapping its region leaves a hole, not a trap. */
static void
test_owner_goes(void)
{
    static const EmuMemoryRegionOps ops = {.read = probe_read};
    EmuObject *owner = g_object_new(EMU_TYPE_OBJECT, NULL);
    EmuMemoryRegion *root = emu_memory_region_new_container(NULL, "root", UINT64_MAX);
    EmuAddressSpace *as = emu_address_space_new(root, "test");
    Probe probe = {{0}};
    EmuMemResult result;

    emu_memory_region_add_subregion(root, 0, emu_memory_region_new_io(owner, "io", 64, &ops, &probe), 0);
    g_object_unref(owner);
    emu_address_space_load(as, 0, 4, EMU_MEM_ATTRS_NONE, &result);
    g_assert_cmpint(result, ==, EMU_MEM_DECODE_ERROR);
    g_assert_cmpuint(probe.calls, ==, 0);
    emu_address_space_free(as);
    g_object_unref(root);
}

/* ---- IOMMU -------------------------------------------------------------------------------------------- */

static bool
translate(gpointer opaque, uint64_t addr, bool write, EmuMemAttrs attrs, EmuIommuEntry *out)
{
    if (addr >= 0x3000) {
        return false;
    }
    *out = (EmuIommuEntry){.target = opaque, .addr = addr ^ 0x1000, .page_mask = 0xfff, .readable = true, .writable = addr < 0x1000};
    return true;
}

static void
test_iommu(void)
{
    static const EmuIommuOps ops = {translate};
    EmuMemoryRegion *ram = emu_memory_region_new_ram(NULL, "ram", 0x3000, NULL);
    EmuAddressSpace *memory = emu_address_space_new(ram, "memory"), *as;
    EmuMemoryRegion *iommu = emu_memory_region_new_iommu(NULL, "iommu", UINT64_MAX, &ops, memory);
    uint8_t buf[0x2000];

    for (unsigned i = 0; i < 0x3000; i++) {
        ((uint8_t *)emu_memory_region_get_ram_pointer(ram))[i] = (uint8_t)(i >> 12);
    }
    as = emu_address_space_new(iommu, "dma");
    g_assert_cmpint(emu_dma_read(as, 0, buf, 0x2000), ==, EMU_MEM_OK);
    g_assert_cmphex(buf[0], ==, 1);
    g_assert_cmphex(buf[0x1fff], ==, 0);
    g_assert_cmpint(emu_dma_write(as, 0xff0, buf, 0x10), ==, EMU_MEM_OK);
    g_assert_cmpint(emu_dma_write(as, 0xff0, buf, 0x20), ==, EMU_MEM_ACCESS_ERROR);
    g_assert_cmpint(emu_dma_read(as, 0x3000, buf, 4), ==, EMU_MEM_ACCESS_ERROR);
    emu_address_space_free(as);
    emu_address_space_free(memory);
    g_object_unref(iommu);
    g_object_unref(ram);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memory/access/every-size-pair", test_every_size_pair);
    g_test_add_func("/memory/access/word-to-byte-device", test_word_to_byte_device);
    g_test_add_func("/memory/access/narrow-is-refused", test_narrow_is_refused);
    g_test_add_func("/memory/access/narrow-is-widened", test_narrow_is_widened);
    g_test_add_func("/memory/access/big-endian", test_big_endian);
    g_test_add_func("/memory/access/border-and-hole", test_border_and_hole);
    g_test_add_func("/memory/access/rom", test_rom);
    g_test_add_func("/memory/access/rom-device", test_rom_device);
    g_test_add_func("/memory/ram/dirty", test_dirty);
    g_test_add_func("/memory/ram/kinds", test_ram_kinds);
    g_test_add_func("/memory/lock/taken-unless-held-or-lockless", test_big_lock);
    g_test_add_func("/memory/lock/region-goes-while-waiting", test_region_goes_while_waiting);
    g_test_add_func("/memory/dma/re-entrancy", test_dma_reentrancy);
    g_test_add_func("/memory/access/owner-goes", test_owner_goes);
    g_test_add_func("/memory/dma/iommu", test_iommu);
    return g_test_run();
}
