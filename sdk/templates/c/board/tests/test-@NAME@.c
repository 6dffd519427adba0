/* SPDX-License-Identifier: @LICENSE@ */

#include <emu/test.h>

#include <string.h>

static EmuMachine *
machine_new(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new("@TYPE@", &error);

    g_assert_no_error(error);
    return m;
}

static void
test_map(void)
{
    EmuMachine *m = machine_new();

    emu_test_write(m, 0x1000, 0x12345678, 4);
    g_assert_cmphex(emu_test_read(m, 0x1000, 4), ==, 0x12345678);
    g_assert_cmphex(emu_test_read(m, 0x10000000, 4), ==, 0);
    g_assert_cmphex(emu_test_read(m, 0x20000000, 4), ==, 0xffffffff); /* nothing there */
    emu_machine_destroy(m);
    g_object_unref(m);
}

static void
test_too_much_ram(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new_unbuilt("@TYPE@", &error);

    g_assert_no_error(error);
    g_assert_true(emu_machine_set_memory(m, "512M", &error));
    g_assert_false(emu_test_machine_start(m, &error));
    g_assert_nonnull(strstr(error->message, "256 MiB"));
    emu_machine_destroy(m);
    g_object_unref(m);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/@NAME@/map", test_map);
    g_test_add_func("/@NAME@/too-much-ram", test_too_much_ram);
    return g_test_run();
}
