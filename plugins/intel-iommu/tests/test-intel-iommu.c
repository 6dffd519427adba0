/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The remapping unit on its board, with the teaching device as the one that asks. */

#include <emu/pci.h>
#include <emu/test.h>

#include <string.h>

#define UNIT 0xfed90000u
#define BAR 0xe0000000u
#define SOURCE 0x28 /* 00:05.0 */
#define ROOT 0x100000u
#define CONTEXTS 0x101000u
#define PAGES 0x102000u /* three levels of one page each */
#define QUEUE 0x106000u
#define INTERRUPTS 0x107000u
#define BUFFER 0x110000u
#define FRCD (UNIT + 0x220)

typedef struct {
    EmuMachine *m;
    EmuDevice *edu;
} Fixture;

static void
put(Fixture *f, uint64_t at, uint64_t value)
{
    emu_test_write(f->m, at, value, 8);
}

static uint32_t
get32(Fixture *f, unsigned reg)
{
    return (uint32_t)emu_test_read(f->m, UNIT + reg, 4);
}

static void
set_up(Fixture *f, gconstpointer properties)
{
    g_autoptr(GError) error = NULL;

    f->m = emu_test_machine_new("q35", &error);
    g_assert_no_error(error);
    /* The device is there first: it has to change over. */
    f->edu = emu_test_add_device(f->m, "edu", "addr=05.0,dma_mask=0xffffffffffff", &error);
    g_assert_no_error(error);
    emu_test_add_device(f->m, "intel-iommu", properties, &error);
    g_assert_no_error(error);
    emu_test_out(f->m, 0xcf8, 0x80002810, 4);
    emu_test_out(f->m, 0xcfc, BAR, 4);
    emu_test_out(f->m, 0xcf8, 0x80002804, 4);
    emu_test_out(f->m, 0xcfc, 6, 4);
    put(f, ROOT, CONTEXTS | 1);
    put(f, CONTEXTS + SOURCE * 16, PAGES | 1);
    put(f, CONTEXTS + SOURCE * 16 + 8, 7 << 8 | 1); /* domain 7, 39 bits */
    put(f, PAGES, (PAGES + 0x1000) | 3);
    put(f, PAGES + 0x1000, (PAGES + 0x2000) | 3);
    put(f, UNIT + 0x20, ROOT);
    emu_test_write(f->m, UNIT + 0x18, 0x40000000, 4);
    g_assert_cmphex(get32(f, 0x1c), ==, 0x40000000);
    emu_test_write(f->m, UNIT + 0x18, 0x80000000, 4);
    g_assert_cmphex(get32(f, 0x1c), ==, 0xc0000000);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
}

/* Eight bytes: from @address into the device, or the other way. */
static void
dma(Fixture *f, uint64_t address, bool to_ram)
{
    emu_test_write(f->m, BAR + 0x80, to_ram ? 0x40000 : address, 8);
    emu_test_write(f->m, BAR + 0x88, to_ram ? address : 0x40000, 8);
    emu_test_write(f->m, BAR + 0x90, 8, 8);
    emu_test_write(f->m, BAR + 0x98, to_ram ? 3 : 1, 8);
    emu_test_advance(f->m, 1000000);
}

static void
map(Fixture *f, unsigned page, uint64_t entry)
{
    put(f, PAGES + 0x2000 + 8 * page, entry);
}

static void
test_translates(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    put(f, BUFFER, 0x1122334455667788);
    map(f, 0, BUFFER | 3);
    map(f, 2, (BUFFER + 0x1000) | 3);
    dma(f, 0x0, false);
    dma(f, 0x2ff8, true);
    g_assert_cmphex(emu_test_read(f->m, BUFFER + 0x1ff8, 8), ==, 0x1122334455667788);
    g_assert_cmphex(get32(f, 0x34), ==, 0);
    /* A page of 2 MiB, at 4 MiB. */
    put(f, PAGES + 0x1000 + 16, 0x200000 | 0x80 | 3);
    dma(f, 0x400000 + 0x12340, true);
    g_assert_cmphex(emu_test_read(f->m, 0x200000 + 0x12340, 8), ==, 0x1122334455667788);
}

static void
expect_fault(Fixture *f, unsigned record, uint64_t address, unsigned reason, bool read)
{
    g_assert_cmphex(emu_test_read(f->m, FRCD + 16 * record, 8), ==, address);
    g_assert_cmphex(emu_test_read(f->m, FRCD + 16 * record + 8, 8), ==,
                    UINT64_C(1) << 63 | (uint64_t)read << 62 | (uint64_t)reason << 32 | SOURCE);
    g_assert_cmphex(get32(f, 0x34) & 0xff02, ==, record << 8 | 2);
    emu_test_write(f->m, FRCD + 16 * record + 12, 0x80000000, 4);
    g_assert_cmphex(get32(f, 0x34) & 2, ==, 0);
}

static void
test_faults(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    put(f, BUFFER, 0x1122334455667788);
    map(f, 0, BUFFER | 1);
    dma(f, 0x1000, false); /* no page */
    expect_fault(f, 0, 0x1000, 0x6, true);
    dma(f, 0x10, true); /* a page to read only */
    expect_fault(f, 1, 0x0, 0x5, false);
    g_assert_cmphex(emu_test_read(f->m, BUFFER, 8), ==, 0x1122334455667788);
    dma(f, UINT64_C(1) << 40, false); /* wider than the domain */
    expect_fault(f, 2, UINT64_C(1) << 40, 0x4, true);
    map(f, 3, UINT64_C(1) << 45 | 3); /* wider than the unit */
    dma(f, 0x3000, false);
    expect_fault(f, 3, 0x3000, 0xc, true);
    put(f, CONTEXTS + SOURCE * 16, 0);
    emu_test_write(f->m, UNIT + 0x28, UINT64_C(0xa000000000000000), 8); /* contexts: all */
    g_assert_cmphex(emu_test_read(f->m, UNIT + 0x28, 8), ==, UINT64_C(0x2800000000000000));
    dma(f, 0x5000, false);
    expect_fault(f, 4, 0x5000, 0x2, true);
    put(f, ROOT, 0);
    dma(f, 0x5000, false);
    expect_fault(f, 5, 0x5000, 0x1, true);
    put(f, ROOT, CONTEXTS | 1);
    put(f, CONTEXTS + SOURCE * 16, PAGES | 3); /* fault processing disabled */
    dma(f, 0x6000, false);
    g_assert_cmphex(get32(f, 0x34) & 0xff, ==, 0);
    put(f, CONTEXTS + SOURCE * 16, PAGES | 0x11); /* reserved bits */
    emu_test_write(f->m, UNIT + 0x28, UINT64_C(0xa000000000000000), 8);
    dma(f, 0x6000, false);
    expect_fault(f, 6, 0x6000, 0xb, true);
}

/* What was translated once stays so until somebody invalidates it. */
static void
test_invalidation(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    map(f, 0, BUFFER | 3);
    put(f, BUFFER, 1);
    put(f, BUFFER + 0x1000, 2);
    dma(f, 0, false);
    map(f, 0, (BUFFER + 0x1000) | 3);
    dma(f, 0, false);
    dma(f, 0, true);
    g_assert_cmphex(emu_test_read(f->m, BUFFER + 0x1000, 8), ==, 2);

    put(f, UNIT + 0x90, QUEUE);
    emu_test_write(f->m, UNIT + 0x18, 0x84000000, 4);
    put(f, QUEUE, 2 | 3 << 4 | 8 << 16); /* another domain's page */
    put(f, QUEUE + 8, 0);
    put(f, UNIT + 0x88, 16);
    g_assert_cmphex(emu_test_read(f->m, UNIT + 0x80, 8), ==, 16);
    dma(f, 0, true);
    g_assert_cmphex(emu_test_read(f->m, BUFFER, 8), ==, 1);
    put(f, QUEUE + 16, 2 | 3 << 4 | 7 << 16);
    put(f, QUEUE + 24, 0);
    put(f, QUEUE + 32, 5 | 0x20 | UINT64_C(0xcafe) << 32); /* wait: tell it there */
    put(f, QUEUE + 40, BUFFER + 0x2000);
    put(f, UNIT + 0x88, 48);
    g_assert_cmphex(emu_test_read(f->m, UNIT + 0x80, 8), ==, 48);
    g_assert_cmphex(emu_test_read(f->m, BUFFER + 0x2000, 4), ==, 0xcafe);
    dma(f, 0, false);
    map(f, 1, (BUFFER + 0x3000) | 3);
    dma(f, 0x1000, true);
    g_assert_cmphex(emu_test_read(f->m, BUFFER + 0x3000, 8), ==, 2);

    put(f, QUEUE + 48, 0xf); /* no such command: the queue stops */
    put(f, UNIT + 0x88, 64);
    g_assert_cmphex(emu_test_read(f->m, UNIT + 0x80, 8), ==, 48);
    g_assert_cmphex(get32(f, 0x34) & 0x10, ==, 0x10);
    put(f, QUEUE + 48, 1 | 1 << 4);
    emu_test_write(f->m, UNIT + 0x34, 0x10, 4);
    g_assert_cmphex(emu_test_read(f->m, UNIT + 0x80, 8), ==, 64);
}

/* ---- interrupts ---------------------------------------------------------------------------------------------- */

typedef struct {
    unsigned n;
    uint32_t offset, data;
} Window;

static void
window_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    *(Window *)opaque = (Window){((Window *)opaque)->n + 1, (uint32_t)offset, (uint32_t)value};
}

static const EmuMemoryRegionOps window_ops = {.write = window_write, .valid_min = 4, .valid_max = 4};

/* Something in front of the local APICs' window that remembers. */
static EmuMemoryRegion *
watch_messages(Fixture *f, Window *window)
{
    EmuMemoryRegion *region = emu_memory_region_new_io(NULL, "window", 0x100000, &window_ops, window);

    emu_machine_lock(f->m);
    emu_memory_region_add_subregion(emu_machine_get_system_memory(f->m), 0xfee00000, region, 10000);
    emu_machine_unlock(f->m);
    return region;
}

static void
unwatch(Fixture *f, EmuMemoryRegion *region)
{
    emu_machine_lock(f->m);
    emu_memory_region_del_subregion(emu_machine_get_system_memory(f->m), region);
    emu_machine_unlock(f->m);
    g_object_unref(region);
}

static void
test_interrupts(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    Window window = {0};
    EmuMemoryRegion *region = watch_messages(f, &window);
    unsigned cap = emu_pci_device_get_config(EMU_PCI_DEVICE(f->edu))[0x34];

    put(f, INTERRUPTS + 5 * 16, UINT64_C(0x300) << 32 | 0x41 << 16 | 0x4 | 1); /* local APIC 3, logical, vector 0x41 */
    put(f, INTERRUPTS + 5 * 16 + 8, 1 << 18 | SOURCE);
    put(f, UNIT + 0xb8, INTERRUPTS | 3);
    emu_test_write(f->m, UNIT + 0x18, 0x81000000, 4);
    emu_test_write(f->m, UNIT + 0x18, 0x82000000, 4);
    g_assert_cmphex(get32(f, 0x1c), ==, 0xc3000000);

    emu_test_out(f->m, 0xcf8, 0x80002800 | (cap + 4), 4);
    emu_test_out(f->m, 0xcfc, 0xfee00010 | 5 << 5, 4);
    emu_test_out(f->m, 0xcf8, 0x80002800 | cap, 4);
    emu_test_out(f->m, 0xcfc + 2, 1, 2);
    emu_test_write(f->m, BAR + 0x60, 1, 4);
    g_assert_cmpuint(window.n, ==, 1);
    g_assert_cmphex(window.offset, ==, 0x3004);
    g_assert_cmphex(window.data, ==, 0x4041);

    put(f, INTERRUPTS + 5 * 16 + 8, 1 << 18 | (SOURCE + 1)); /* somebody else's entry */
    emu_test_write(f->m, BAR + 0x60, 1, 4);
    g_assert_cmpuint(window.n, ==, 1);
    expect_fault(f, 0, UINT64_C(5) << 48, 0x26, false);

    emu_test_out(f->m, 0xcf8, 0x80002800 | (cap + 4), 4);
    emu_test_out(f->m, 0xcfc, 0xfee00000, 4); /* a message as ever: not any more */
    emu_test_write(f->m, BAR + 0x60, 1, 4);
    g_assert_cmpuint(window.n, ==, 1);
    expect_fault(f, 1, 0, 0x25, false);
    emu_test_write(f->m, UNIT + 0x18, 0x82800000, 4); /* unless the guest lets them pass */
    emu_test_write(f->m, BAR + 0x60, 1, 4);
    g_assert_cmpuint(window.n, ==, 2);

    /* The I/O APIC, whose entries nobody checks for their source: INTA# of slot 5 is PIRQ E + 1, pin 21; entry 6 of the table. */
    put(f, INTERRUPTS + 6 * 16, 0x52 << 16 | 1);
    put(f, INTERRUPTS + 6 * 16 + 8, 1 << 18 | 0xff00);
    emu_test_write(f->m, 0xfec00000, 0x10 + 2 * 21 + 1, 4);
    emu_test_write(f->m, 0xfec00010, 6 << 17 | 1 << 16, 4);
    emu_test_write(f->m, 0xfec00000, 0x10 + 2 * 21, 4);
    emu_test_write(f->m, 0xfec00010, 21, 4);
    emu_test_out(f->m, 0xcf8, 0x80002800 | cap, 4);
    emu_test_out(f->m, 0xcfc + 2, 0, 2); /* pins, not messages */
    emu_test_write(f->m, BAR + 0x64, UINT32_MAX, 4);
    emu_test_write(f->m, BAR + 0x60, 1, 4);
    g_assert_cmpuint(window.n, ==, 3);
    g_assert_cmphex(window.offset, ==, 0);
    g_assert_cmphex(window.data, ==, 0x4052);
    unwatch(f, region);
}

/* A fault event is a message, sent when it is not masked, and once. */
static void
test_fault_event(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    Window window = {0};
    EmuMemoryRegion *region = watch_messages(f, &window);

    emu_test_write(f->m, UNIT + 0x3c, 0x4021, 4);
    emu_test_write(f->m, UNIT + 0x40, 0xfee01000, 4);
    dma(f, 0x1000, false);
    g_assert_cmpuint(window.n, ==, 0);
    g_assert_cmphex(get32(f, 0x38), ==, 0xc0000000);
    emu_test_write(f->m, UNIT + 0x38, 0, 4);
    g_assert_cmpuint(window.n, ==, 1);
    g_assert_cmphex(window.offset, ==, 0x1000);
    g_assert_cmphex(window.data, ==, 0x4021);
    dma(f, 0x2000, false); /* the first is still there */
    g_assert_cmpuint(window.n, ==, 1);
    emu_test_write(f->m, FRCD + 12, 0x80000000, 4);
    dma(f, 0x2000, false);
    g_assert_cmpuint(window.n, ==, 2);
    unwatch(f, region);
}

static void
test_state(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GBytes) state = NULL;
    g_autoptr(GError) error = NULL;

    map(f, 0, BUFFER | 3);
    put(f, BUFFER, 42);
    dma(f, 0, false);
    state = emu_test_save(f->m, &error);
    g_assert_no_error(error);
    emu_test_reset(f->m);
    g_assert_cmphex(get32(f, 0x1c), ==, 0);
    g_assert_true(emu_test_load(f->m, state, &error));
    g_assert_cmphex(get32(f, 0x1c), ==, 0xc0000000);
    map(f, 0, (BUFFER + 0x1000) | 3); /* caches are not part of the state */
    dma(f, 0, true);
    g_assert_cmphex(emu_test_read(f->m, BUFFER + 0x1000, 8), ==, 42);
}

static void
test_refusals(void)
{
    static const struct {
        const char *board, *properties, *expected;
    } cases[] = {
        {"pc", NULL, "no PCI Express root bus"},
        {"q35", "aw-bits=40", "aw-bits is 40, expected 39 or 48"},
        {"q35", "intremap=off,eim=on", "eim=on needs intremap=on"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        EmuMachine *m = emu_test_machine_new(cases[i].board, NULL);

        g_assert_null(emu_test_add_device(m, "intel-iommu", cases[i].properties, &error));
        g_assert_nonnull(strstr(error->message, cases[i].expected));
        emu_machine_destroy(m);
        g_object_unref(m);
    }
}

static void
test_second(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new("q35", NULL);

    g_assert_nonnull(emu_test_add_device(m, "intel-iommu", NULL, NULL));
    g_assert_null(emu_test_add_device(m, "intel-iommu", NULL, &error));
    g_assert_nonnull(strstr(error->message, "already"));
    emu_machine_destroy(m);
    g_object_unref(m);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*run)(Fixture *f, gconstpointer data);
    } tests[] = {
        {"/intel-iommu/dma/translates", test_translates},       {"/intel-iommu/dma/faults", test_faults},
        {"/intel-iommu/dma/invalidation", test_invalidation},   {"/intel-iommu/interrupts/remapped", test_interrupts},
        {"/intel-iommu/interrupts/fault-event", test_fault_event}, {"/intel-iommu/state", test_state},
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].path, Fixture, "intremap=on", set_up, tests[i].run, tear_down);
    }
    g_test_add_func("/intel-iommu/refusals", test_refusals);
    g_test_add_func("/intel-iommu/one-per-bus", test_second);
    return g_test_run();
}
