/* SPDX-License-Identifier: @LICENSE@ */

/* @TYPE@ on a PC without CPU: the test is the guest and moves the clock. */

#include <emu/pci.h>
#include <emu/test.h>

#define BAR 0xfe000000u
#define SLOT (0x10u << 11)

static void
config_write(EmuMachine *m, unsigned reg, uint32_t value, unsigned size)
{
    emu_test_out(m, 0xcf8, 0x80000000u | SLOT | (reg & ~3u), 4);
    emu_test_out(m, (uint16_t)(0xcfc + (reg & 3)), value, size);
}

static uint32_t
config_read(EmuMachine *m, unsigned reg)
{
    emu_test_out(m, 0xcf8, 0x80000000u | SLOT | reg, 4);
    return (uint32_t)emu_test_in(m, 0xcfc, 4);
}

static EmuMachine *
machine_with_device(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new("pc", &error);

    g_assert_no_error(error);
    emu_test_add_device(m, "@TYPE@", "addr=10,delay-ns=500", &error);
    g_assert_no_error(error);
    config_write(m, 0x10, BAR, 4);
    config_write(m, 0x04, 6, 2); /* memory, bus master */
    return m;
}

static void
finish(EmuMachine *m)
{
    emu_machine_destroy(m);
    g_object_unref(m);
}

static void
test_ids(void)
{
    EmuMachine *m = machine_with_device();

    g_assert_cmphex(config_read(m, 0), ==, 0x5eed1234);
    g_assert_cmphex(emu_test_read(m, BAR, 4), ==, 0x0badcafe);
    finish(m);
}

static void
test_interrupt(void)
{
    EmuMachine *m = machine_with_device();

    emu_test_write(m, BAR + 4, 0x0000ffff, 4);
    emu_test_write(m, BAR + 8, 1, 4);
    emu_test_advance(m, 499);
    g_assert_cmphex(emu_test_read(m, BAR + 12, 4), ==, 0);
    emu_test_advance(m, 1);
    g_assert_cmphex(emu_test_read(m, BAR + 12, 4), ==, 1);
    g_assert_cmphex(emu_test_read(m, BAR + 4, 4), ==, 0xffff0000);
    g_assert_cmphex(config_read(m, 4) >> 16 & 8, ==, 8); /* interrupt status */
    emu_test_write(m, BAR + 12, 1, 4);
    g_assert_cmphex(config_read(m, 4) >> 16 & 8, ==, 0);
    finish(m);
}

static void
test_state(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *a = machine_with_device(), *b = machine_with_device();
    g_autoptr(GBytes) state = NULL;

    emu_test_write(a, BAR + 4, 0x12345678, 4);
    emu_test_write(a, BAR + 8, 1, 4);
    state = emu_test_save(a, &error);
    g_assert_no_error(error);
    g_assert_true(emu_test_load(b, state, &error));
    g_assert_no_error(error);
    emu_test_advance(b, 500); /* the job goes on in the other machine */
    g_assert_cmphex(emu_test_read(b, BAR + 4, 4), ==, ~0x12345678u);
    finish(a);
    finish(b);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/@NAME@/ids", test_ids);
    g_test_add_func("/@NAME@/interrupt", test_interrupt);
    g_test_add_func("/@NAME@/state", test_state);
    return g_test_run();
}
