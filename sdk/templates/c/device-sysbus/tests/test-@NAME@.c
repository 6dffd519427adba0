/* SPDX-License-Identifier: @LICENSE@ */

/* @TYPE@ on a machine that has nothing else: the test is the guest and moves the clock. */

#include <emu/test.h>

#define BASE 0xfe000000u

static EmuDevice *device;

static EmuMachine *
machine_with_device(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new("none", &error);

    g_assert_no_error(error);
    device = emu_test_add_device(m, "@TYPE@", "base=0xfe000000,delay-ns=500", &error);
    g_assert_no_error(error);
    return m;
}

static void
finish(EmuMachine *m)
{
    emu_machine_destroy(m);
    g_object_unref(m);
}

static void
test_id(void)
{
    EmuMachine *m = machine_with_device();

    g_assert_cmphex(emu_test_read(m, BASE, 4), ==, 0x0badcafe);
    finish(m);
}

static void
test_interrupt(void)
{
    EmuMachine *m = machine_with_device();

    emu_test_write(m, BASE + 4, 0x0000ffff, 4);
    emu_test_write(m, BASE + 8, 1, 4);
    emu_test_advance(m, 499);
    g_assert_cmphex(emu_test_read(m, BASE + 12, 4), ==, 0);
    emu_test_advance(m, 1);
    g_assert_cmphex(emu_test_read(m, BASE + 12, 4), ==, 1);
    g_assert_cmphex(emu_test_read(m, BASE + 4, 4), ==, 0xffff0000);
    g_assert_cmpint(emu_line_get(emu_device_get_line_out(device, "irq", 0)), ==, 1);
    emu_test_write(m, BASE + 12, 1, 4);
    g_assert_cmpint(emu_line_get(emu_device_get_line_out(device, "irq", 0)), ==, 0);
    finish(m);
}

static void
test_state(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *a = machine_with_device(), *b = machine_with_device();
    g_autoptr(GBytes) state = NULL;

    emu_test_write(a, BASE + 4, 0x12345678, 4);
    emu_test_write(a, BASE + 8, 1, 4);
    state = emu_test_save(a, &error);
    g_assert_no_error(error);
    g_assert_true(emu_test_load(b, state, &error));
    g_assert_no_error(error);
    emu_test_advance(b, 500); /* the job goes on in the other machine */
    g_assert_cmphex(emu_test_read(b, BASE + 4, 4), ==, ~0x12345678u);
    finish(a);
    finish(b);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/@NAME@/id", test_id);
    g_test_add_func("/@NAME@/interrupt", test_interrupt);
    g_test_add_func("/@NAME@/state", test_state);
    return g_test_run();
}
