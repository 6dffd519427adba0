/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/test.h>

static void
test_greets(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EmuMachine) m = emu_test_machine_new("none", &error);
    g_autoptr(GBytes) state = NULL;
    EmuIsaBus *isa = emu_test_isa_bus_new(m);

    emu_test_add_device(m, "hello", "iobase=0x300,irq=9", &error);
    g_assert_no_error(error);
    emu_test_reset(m);
    g_assert_cmphex(emu_test_in(m, 0x300, 1), ==, 'H');
    emu_test_out(m, 0x302, 0x05, 1);
    g_assert_cmpint(emu_test_isa_irq_level(isa, 9), ==, 0);
    emu_test_out(m, 0x301, 0x04, 1);
    g_assert_cmpint(emu_test_isa_irq_level(isa, 9), ==, 1);
    state = emu_test_save(m, &error);
    g_assert_no_error(error);
    emu_test_reset(m);
    g_assert_cmpint(emu_test_isa_irq_level(isa, 9), ==, 0);
    g_assert_true(emu_test_load(m, state, &error));
    g_assert_cmphex(emu_test_in(m, 0x300, 4), ==, 0x00050400 | 'H');
    emu_machine_destroy(m);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hello/greets", test_greets);
    return g_test_run();
}
