/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/test.h>

#define LPT1 0x378

static void
test_print(void)
{
    GError *error = NULL;
    EmuMachine *m = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    EmuIsaBus *isa = emu_test_isa_bus_new(m);
    EmuChardev *paper = emu_test_chardev_new(m, "paper");

    emu_test_add_device(m, "isa-parallel", "chardev=paper", &error);
    g_assert_no_error(error);
    g_assert_cmphex(emu_test_in(m, LPT1 + 1, 1), ==, 0xdf);
    g_assert_cmphex(emu_test_in(m, LPT1 + 2, 1), ==, 0xcc);
    for (const char *p = "abc"; *p; p++) {
        emu_test_out(m, LPT1, (uint8_t)*p, 1);
        g_assert_cmphex(emu_test_in(m, LPT1, 1), ==, *p);
        emu_test_out(m, LPT1 + 2, 0x1d, 1);
        g_assert_cmphex(emu_test_in(m, LPT1 + 1, 1) & 0xc0, ==, 0x40); /* busy */
        emu_test_out(m, LPT1 + 2, 0x1c, 1);
        emu_test_advance(m, 1500);
        g_assert_cmphex(emu_test_in(m, LPT1 + 1, 1) & 0xc0, ==, 0x80); /* nACK low */
        emu_test_advance(m, 1000);
        g_assert_cmphex(emu_test_in(m, LPT1 + 1, 1) & 0xc0, ==, 0xc0);
    }
    g_assert_cmpuint(emu_test_isa_irq_rises(isa, 7), ==, 3);
    g_autoptr(GBytes) bytes = emu_test_chardev_take(paper);
    g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "abc", 3);
    emu_machine_destroy(m);
    g_object_unref(m);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/parallel/print", test_print);
    return g_test_run();
}
