/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/test.h>

static void
test_debugcon(void)
{
    GError *error = NULL;
    EmuMachine *m = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    emu_test_isa_bus_new(m);
    EmuChardev *chardev = emu_test_chardev_new(m, "c0");

    emu_test_add_device(m, "isa-debugcon", "iobase=0x402,chardev=c0", &error);
    g_assert_no_error(error);
    g_assert_cmphex(emu_test_in(m, 0x402, 1), ==, 0xe9);
    emu_test_out(m, 0x402, 'o', 1);
    emu_test_out(m, 0x402, 'k', 1);
    g_autoptr(GBytes) bytes = emu_test_chardev_take(chardev);
    g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "ok", 2);
    emu_machine_destroy(m);
    g_object_unref(m);
}

static void
test_bad_property(void)
{
    GError *error = NULL;
    EmuMachine *m = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    emu_test_isa_bus_new(m);
    g_assert_null(emu_test_add_device(m, "isa-debug-exit", "iosize=9", &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_nonnull(emu_test_add_device(m, "isa-debug-exit", "iobase=0xf4,iosize=4", &error));
    g_assert_no_error(error);
    g_assert_cmphex(emu_test_in(m, 0xf4, 4), ==, 0);
    emu_machine_destroy(m);
    g_object_unref(m);
}

static void
test_pc_testdev(void)
{
    GError *error = NULL;
    EmuMachine *m = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    EmuIsaBus *bus = emu_test_isa_bus_new(m);
    g_assert_nonnull(emu_test_add_device(m, "pc-testdev", "", &error));
    g_assert_no_error(error);

    emu_test_out(m, 0xe0, 0x12345678, 4);
    g_assert_cmphex(emu_test_in(m, 0xe0, 4), ==, 0x12345678);
    g_assert_cmphex(emu_test_in(m, 0xe0, 2), ==, 0x5678);
    emu_test_out(m, 0xe0, 0xab, 1);
    g_assert_cmphex(emu_test_in(m, 0xe0, 4), ==, 0x123456ab);
    g_assert_cmphex(emu_test_in(m, 0xe2, 2), ==, 0x1234);
    emu_test_out(m, 0xe3, 0xcd, 1);
    g_assert_cmphex(emu_test_in(m, 0xe0, 4), ==, 0xcd3456ab);
    emu_test_out(m, 0xe8, 0x11223344, 4); /* the same, a byte at a time */
    g_assert_cmphex(emu_test_in(m, 0xe9, 2), ==, 0x2233);
    g_assert_cmphex(emu_test_in(m, 0xe0, 4), ==, 0x11223344);
    emu_test_out(m, 0xe4, 0x1000, 4);
    g_assert_cmphex(emu_test_in(m, 0xe4, 4), ==, 0);
    emu_test_out(m, 0x2000 + 5, 1, 1);
    g_assert_cmpint(emu_test_isa_irq_level(bus, 5), ==, 1);
    emu_test_out(m, 0x2000 + 5, 0, 1);
    g_assert_cmpint(emu_test_isa_irq_level(bus, 5), ==, 0);
    emu_test_out(m, 0x2000 + 23, 1, 1); /* no such request */
    emu_machine_destroy(m);
    g_object_unref(m);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/debug/debugcon", test_debugcon);
    g_test_add_func("/debug/exit-properties", test_bad_property);
    g_test_add_func("/debug/pc-testdev", test_pc_testdev);
    return g_test_run();
}
