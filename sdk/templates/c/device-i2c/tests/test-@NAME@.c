/* SPDX-License-Identifier: @LICENSE@ */

/* @TYPE@ on a PC's SMBus, without CPU: the test is the bus master. */

#include <emu/i2c.h>
#include <emu/test.h>

static EmuDevice *device;
static EmuI2cBus *bus;

static EmuMachine *
machine_with_device(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new("pc", &error);

    g_assert_no_error(error);
    device = emu_test_add_device(m, "@TYPE@", "address=0x48,value=30", &error);
    g_assert_no_error(error);
    bus = EMU_I2C_BUS(emu_device_get_bus(device));
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
read_register(uint8_t number)
{
    uint8_t value;

    g_assert_cmpint(emu_i2c_start(bus, 0x48, false), ==, 0);
    g_assert_cmpint(emu_i2c_send(bus, number), ==, 0);
    g_assert_cmpint(emu_i2c_start(bus, 0x48, true), ==, 0);
    value = emu_i2c_recv(bus);
    emu_i2c_nack(bus);
    emu_i2c_end(bus);
    return value;
}

static void
write_register(uint8_t number, uint8_t value)
{
    g_assert_cmpint(emu_i2c_start(bus, 0x48, false), ==, 0);
    emu_i2c_send(bus, number);
    emu_i2c_send(bus, value);
    emu_i2c_end(bus);
}

static void
test_registers(void)
{
    EmuMachine *m = machine_with_device();

    g_assert_cmphex(read_register(0), ==, 0x42);
    g_assert_cmpint(read_register(1), ==, 30);
    write_register(0, 0x99);
    g_assert_cmphex(read_register(0), ==, 0x42);
    write_register(1, 77);
    g_assert_cmpint(read_register(1), ==, 77);
    g_assert_cmpint(emu_i2c_start(bus, 0x49, false), !=, 0); /* nobody there */
    emu_i2c_end(bus);
    finish(m);
}

static void
test_alert(void)
{
    EmuMachine *m = machine_with_device();

    g_assert_cmpint(emu_line_get(emu_device_get_line_out(device, "alert", 0)), ==, 0);
    write_register(15, 1);
    g_assert_cmpint(emu_line_get(emu_device_get_line_out(device, "alert", 0)), ==, 1);
    finish(m);
}

static void
test_state(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = machine_with_device();
    g_autoptr(GBytes) state = NULL;

    write_register(1, 99);
    emu_machine_unlock(m);
    state = emu_test_save(m, &error);
    g_assert_no_error(error);
    emu_machine_lock(m);
    write_register(1, 11);
    emu_machine_unlock(m);
    g_assert_true(emu_test_load(m, state, &error));
    g_assert_no_error(error);
    emu_machine_lock(m);
    g_assert_cmpint(read_register(1), ==, 99);
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
