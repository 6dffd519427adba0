/* SPDX-License-Identifier: @LICENSE@ */

/* @TYPE@ on an SPI bus whose controller is the test. */

#include <emu/spi.h>
#include <emu/test.h>

static EmuDevice *device;
static EmuSpiBus *bus;

static EmuMachine *
machine_with_device(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new("none", &error);

    g_assert_no_error(error);
    bus = emu_test_spi_bus_new(m, 2);
    device = emu_test_add_device(m, "@TYPE@", "cs=1,value=30", &error);
    g_assert_no_error(error);
    emu_machine_lock(m);
    return m;
}

static void
finish(EmuMachine *m)
{
    emu_machine_unlock(m);
    emu_machine_destroy(m);
    g_object_unref(m);
}

static uint8_t
exchange(uint8_t command, uint8_t value)
{
    uint8_t got;

    emu_test_spi_select(bus, 1, true);
    emu_spi_transfer(bus, command, 8);
    got = (uint8_t)emu_spi_transfer(bus, value, 8);
    emu_test_spi_select(bus, 1, false);
    return got;
}

static void
test_registers(void)
{
    EmuMachine *m = machine_with_device();

    g_assert_cmphex(exchange(0x80, 0), ==, 0x5a);
    g_assert_cmpint(exchange(0x81, 0), ==, 30);
    exchange(0x00, 0x99);
    g_assert_cmphex(exchange(0x80, 0), ==, 0x5a);
    exchange(0x01, 77);
    g_assert_cmpint(exchange(0x81, 0), ==, 77);
    finish(m);
}

static void
test_alert(void)
{
    EmuMachine *m = machine_with_device();

    g_assert_cmpint(emu_line_get(emu_device_get_line_out(device, "alert", 0)), ==, 0);
    exchange(0x0f, 1);
    g_assert_cmpint(emu_line_get(emu_device_get_line_out(device, "alert", 0)), ==, 1);
    finish(m);
}

static void
test_state(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = machine_with_device();
    g_autoptr(GBytes) state = NULL;

    exchange(0x01, 99);
    emu_machine_unlock(m);
    state = emu_test_save(m, &error);
    g_assert_no_error(error);
    emu_machine_lock(m);
    exchange(0x01, 11);
    emu_machine_unlock(m);
    g_assert_true(emu_test_load(m, state, &error));
    g_assert_no_error(error);
    emu_machine_lock(m);
    g_assert_cmpint(exchange(0x81, 0), ==, 99);
    finish(m);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/@NAME@/registers", test_registers);
    g_test_add_func("/@NAME@/alert", test_alert);
    g_test_add_func("/@NAME@/state", test_state);
    return g_test_run();
}
