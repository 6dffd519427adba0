/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/pci.h>
#include <emu/test.h>

#define BRIDGE 0x80002000u   /* bus 0, slot 4 */
#define BEHIND 0x80051800u   /* bus 5, slot 3 */
#define WINDOW 0xe0000000u

typedef struct {
    EmuMachine *m;
} Fixture;

static uint64_t
config_in(Fixture *f, uint32_t dev, uint8_t reg, unsigned size)
{
    emu_test_out(f->m, 0xcf8, dev | (reg & 0xfc), 4);
    return emu_test_in(f->m, 0xcfc + (reg & 3), size);
}

static void
config_out(Fixture *f, uint32_t dev, uint8_t reg, uint64_t value, unsigned size)
{
    emu_test_out(f->m, 0xcf8, dev | (reg & 0xfc), 4);
    emu_test_out(f->m, 0xcfc + (reg & 3), value, size);
}

static void
set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    f->m = emu_test_machine_new("pc", &error);
    g_assert_no_error(error);
    g_assert_nonnull(emu_test_add_device(f->m, "pci-bridge", "id=br,addr=4,chassis_nr=9", &error));
    g_assert_no_error(error);
    g_assert_nonnull(emu_test_add_device(f->m, "pvpanic-pci", "bus=br,addr=3", &error));
    g_assert_no_error(error);
    emu_test_reset(f->m);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
}

static void
open_bridge(Fixture *f)
{
    config_out(f, BRIDGE, 0x18, 0x00050500, 4); /* primary 0, secondary 5, subordinate 5 */
    config_out(f, BRIDGE, 0x20, WINDOW >> 16, 2);
    config_out(f, BRIDGE, 0x22, WINDOW >> 16, 2); /* 1 MiB */
    config_out(f, BRIDGE, 0x04, 7, 2);
}

static void
test_header(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    uint8_t cap = config_in(f, BRIDGE, 0x34, 1);

    while (cap && config_in(f, BRIDGE, cap, 1) != 4) {
        cap = config_in(f, BRIDGE, cap + 1, 1);
    }
    g_assert_cmphex(config_in(f, BRIDGE, 0, 4), ==, 0x00011b36);
    g_assert_cmphex(config_in(f, BRIDGE, 0x0a, 2), ==, 0x0604);
    g_assert_cmphex(config_in(f, BRIDGE, 0x0e, 1), ==, 0x01);
    g_assert_cmphex(config_in(f, BRIDGE, cap, 1), ==, 0x04);
    g_assert_cmphex(config_in(f, BRIDGE, cap + 2, 2), ==, 0x0920);
    config_out(f, BRIDGE, 0x3e, 0xffff, 2);
    g_assert_cmphex(config_in(f, BRIDGE, 0x3e, 2), ==, 0x0bff);
}

/* The first 256 ports of each 1 KiB go to the bridge, the others are those of ISA cards, which know ten address lines. */
static void
test_isa_enable(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    g_assert_nonnull(emu_test_add_device(f->m, "pci-testdev", "bus=br,addr=6,membar=4G", &error));
    g_assert_no_error(error);
    open_bridge(f);
    config_out(f, BRIDGE, 0x1c, 0xc0c0, 2); /* c000 to cfff */
    for (unsigned bar = 0x18; bar <= 0x1c; bar += 4) {
        config_out(f, 0x80053000u, bar, 0xffffffff, 4);
        g_assert_cmphex(config_in(f, 0x80053000u, bar, 4), ==, bar == 0x18 ? 0x0000000c : 0xffffffff);
    }
    config_out(f, 0x80053000u, 0x14, 0xc500, 4);
    config_out(f, 0x80053000u, 0x04, 1, 2);
    emu_test_out(f->m, 0xc500, 0, 1);
    g_assert_cmphex(emu_test_in(f->m, 0xc501, 1), ==, 1);
    config_out(f, BRIDGE, 0x3e, 4, 2);
    g_assert_cmphex(emu_test_in(f->m, 0xc501, 1), ==, 0xff);
    config_out(f, 0x80053000u, 0x14, 0xc800, 4);
    g_assert_cmphex(emu_test_in(f->m, 0xc801, 1), ==, 1);
    config_out(f, BRIDGE, 0x3e, 0, 2);
    config_out(f, BRIDGE, 0x1c, 0xb0b0, 2);
    g_assert_cmphex(emu_test_in(f->m, 0xc801, 1), ==, 0xff);
}

/* VGA Enable: the frame buffer and the ports of a VGA behind the bridge. */
static void
test_vga_enable(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    g_assert_nonnull(emu_test_add_device(f->m, "VGA", "bus=br,addr=7,rombar=0", &error));
    g_assert_no_error(error);
    open_bridge(f);
    config_out(f, 0x80053800u, 0x04, 3, 2);
    config_out(f, BRIDGE, 0x3e, 8, 2);
    emu_test_out(f->m, 0x3c2, 0x63, 1);
    g_assert_cmphex(emu_test_in(f->m, 0x3cc, 1), ==, 0x63);
    config_out(f, BRIDGE, 0x04, 6, 2); /* no I/O cycles: the board's own VGA answers */
    g_assert_cmphex(emu_test_in(f->m, 0x3cc, 1), !=, 0x63);
    config_out(f, BRIDGE, 0x04, 7, 2);
    g_assert_cmphex(emu_test_in(f->m, 0x3cc, 1), ==, 0x63);
    config_out(f, BRIDGE, 0x3e, 0x10, 2); /* 16-bit decoding alone is nothing */
    g_assert_cmphex(emu_test_in(f->m, 0x3cc, 1), !=, 0x63);
}

/* What a device behind masters passes when both master bits are set. */
static void
test_mastering(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    EmuDevice *dev = emu_test_add_device(f->m, "edu", "bus=br,addr=8", &error);
    uint32_t value = 0x12345678, got;
    EmuAddressSpace *as;

    g_assert_no_error(error);
    as = emu_pci_device_get_dma_as(EMU_PCI_DEVICE(dev));
    open_bridge(f);
    emu_test_write(f->m, 0x5000, value, 4);
    for (unsigned both = 0; both < 4; both++) {
        config_out(f, BRIDGE, 0x04, both & 1 ? 7 : 3, 2);
        config_out(f, 0x80054000u, 0x04, both & 2 ? 6 : 2, 2);
        got = 0;
        g_assert_cmpint(emu_dma_read(as, 0x5000, &got, 4) == EMU_MEM_OK, ==, both == 3);
        g_assert_cmpint(got == value, ==, both == 3);
    }
}

/* What firmware is asked to leave open: vendor-specific, type 1. */
static void
test_hints(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    uint8_t cap = config_in(f, BRIDGE, 0x34, 1);

    while (config_in(f, BRIDGE, cap, 1) != 9) {
        cap = config_in(f, BRIDGE, cap + 1, 1);
        g_assert_cmphex(cap, !=, 0);
    }
    g_assert_cmphex(config_in(f, BRIDGE, cap + 2, 2), ==, 0x0120);
    g_assert_cmphex(config_in(f, BRIDGE, cap + 4, 4), ==, 0xffffffff);
    g_assert_cmphex(config_in(f, BRIDGE, cap + 8, 4), ==, 0x1000);
    g_assert_cmphex(config_in(f, BRIDGE, cap + 12, 4), ==, 0);
    g_assert_cmphex(config_in(f, BRIDGE, cap + 16, 4), ==, 0x200000);
    g_assert_cmphex(config_in(f, BRIDGE, cap + 20, 4), ==, 0xffffffff);
    g_assert_cmphex(config_in(f, BRIDGE, cap + 28, 4), ==, 0xffffffff);
}

static void
test_configuration_cycles(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmphex(config_in(f, BEHIND, 0, 4), ==, 0xffffffff);
    open_bridge(f);
    g_assert_cmphex(config_in(f, BEHIND, 0, 4), ==, 0x00111b36);
    g_assert_cmphex(config_in(f, BEHIND ^ 0x800, 0, 4), ==, 0xffffffff);
    emu_test_reset(f->m);
    g_assert_cmphex(config_in(f, BEHIND, 0, 4), ==, 0xffffffff);
}

static void
test_memory_window(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    open_bridge(f);
    config_out(f, BEHIND, 0x10, WINDOW + 0x1000, 4);
    config_out(f, BEHIND, 0x04, 2, 2);
    g_assert_cmphex(emu_test_read(f->m, WINDOW + 0x1000, 1), ==, 7);
    config_out(f, BRIDGE, 0x04, 1, 2); /* no memory cycles */
    g_assert_cmphex(emu_test_read(f->m, WINDOW + 0x1000, 1), ==, 0xff);
    config_out(f, BRIDGE, 0x04, 2, 2);
    config_out(f, BEHIND, 0x10, WINDOW + 0x100000, 4); /* outside */
    g_assert_cmphex(emu_test_read(f->m, WINDOW + 0x100000, 1), ==, 0xff);
    config_out(f, BRIDGE, 0x22, (WINDOW >> 16) + 0x10, 2);
    g_assert_cmphex(emu_test_read(f->m, WINDOW + 0x100000, 1), ==, 7);
    /* The prefetchable window, above 4 GiB. */
    config_out(f, BRIDGE, 0x20, 0xfff0, 2);
    config_out(f, BRIDGE, 0x22, 0, 2);
    g_assert_cmphex(emu_test_read(f->m, WINDOW + 0x100000, 1), ==, 0xff);
    config_out(f, BRIDGE, 0x24, WINDOW >> 16, 2);
    config_out(f, BRIDGE, 0x26, (WINDOW >> 16) + 0x10, 2);
    g_assert_cmphex(config_in(f, BRIDGE, 0x24, 4), ==, 0xe011e001);
    g_assert_cmphex(emu_test_read(f->m, WINDOW + 0x100000, 1), ==, 7);
    config_out(f, BRIDGE, 0x28, 1, 4);
    config_out(f, BRIDGE, 0x2c, 1, 4);
    g_assert_cmphex(emu_test_read(f->m, WINDOW + 0x100000, 1), ==, 0xff);
}

static void
test_secondary_reset(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    open_bridge(f);
    config_out(f, BEHIND, 0x04, 2, 2);
    config_out(f, BRIDGE, 0x3e, 0x40, 2);
    g_assert_cmphex(config_in(f, BEHIND, 0x04, 2), ==, 0);
    g_assert_cmphex(config_in(f, BRIDGE, 0x18, 4), ==, 0x00050500);
}

static void
test_state(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;

    open_bridge(f);
    config_out(f, BEHIND, 0x10, WINDOW + 0x1000, 4);
    config_out(f, BEHIND, 0x04, 2, 2);
    state = emu_test_save(f->m, &error);
    g_assert_no_error(error);
    emu_test_reset(f->m);
    g_assert_cmphex(emu_test_read(f->m, WINDOW + 0x1000, 1), ==, 0xff);
    g_assert_true(emu_test_load(f->m, state, &error));
    g_assert_no_error(error);
    g_assert_cmphex(emu_test_read(f->m, WINDOW + 0x1000, 1), ==, 7);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, fn) g_test_add("/pci-bridge/" name, Fixture, NULL, set_up, fn, tear_down)
    ADD("header", test_header);
    ADD("hints", test_hints);
    ADD("configuration-cycles", test_configuration_cycles);
    ADD("memory-window", test_memory_window);
    ADD("secondary-reset", test_secondary_reset);
    ADD("isa-enable", test_isa_enable);
    ADD("vga-enable", test_vga_enable);
    ADD("bus-mastering", test_mastering);
    ADD("state", test_state);
    return g_test_run();
}
