/* SPDX-License-Identifier: @LICENSE@ */

/* @TYPE@ on an ISA bus without a machine around it: the test is the guest and moves the clock. */

#include <emu/test.h>

#define BASE 0x300
#define IRQ 10

static EmuIsaBus *bus;

static EmuMachine *
machine_with_device(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new("none", &error);

    g_assert_no_error(error);
    bus = emu_test_isa_bus_new(m);
    emu_test_add_device(m, "@TYPE@", "iobase=0x300,irq=10,delay-ns=500", &error);
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

    g_assert_cmphex(emu_test_in(m, BASE, 4), ==, 0x0badcafe);
    finish(m);
}

static void
test_interrupt(void)
{
    EmuMachine *m = machine_with_device();

    emu_test_out(m, BASE + 4, 0x0000ffff, 4);
    emu_test_out(m, BASE + 8, 1, 4);
    emu_test_advance(m, 499);
    g_assert_cmphex(emu_test_in(m, BASE + 12, 4), ==, 0);
    emu_test_advance(m, 1);
    g_assert_cmphex(emu_test_in(m, BASE + 12, 4), ==, 1);
    g_assert_cmphex(emu_test_in(m, BASE + 4, 4), ==, 0xffff0000);
    g_assert_cmpint(emu_test_isa_irq_level(bus, IRQ), ==, 1);
    emu_test_out(m, BASE + 12, 1, 4);
    g_assert_cmpint(emu_test_isa_irq_level(bus, IRQ), ==, 0);
    finish(m);
}

static void
test_state(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *a = machine_with_device(), *b = machine_with_device();
    g_autoptr(GBytes) state = NULL;

    emu_test_out(a, BASE + 4, 0x12345678, 4);
    emu_test_out(a, BASE + 8, 1, 4);
    state = emu_test_save(a, &error);
    g_assert_no_error(error);
    g_assert_true(emu_test_load(b, state, &error));
    g_assert_no_error(error);
    emu_test_advance(b, 500); /* the job goes on in the other machine */
    g_assert_cmphex(emu_test_in(b, BASE + 4, 4), ==, ~0x12345678u);
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
