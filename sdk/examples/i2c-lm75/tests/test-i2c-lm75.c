/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* On the SMBus of a pc, through the PIIX4's host controller, as a driver would. */

#include <emu/test-kit.h>
#include <emu/x86-pc.h>

#define SMBUS 0x700

typedef struct {
    EmuMachine *m;
    EmuDevice *dev;
    EmuTestWatch *os;
} Fixture;

static void
config(Fixture *f, unsigned reg, uint32_t value, unsigned size)
{
    emu_test_out(f->m, 0xcf8, 0x80000b00 | (reg & 0xfc), 4); /* 00:01.3 */
    emu_test_out(f->m, (uint16_t)(0xcfc + (reg & 3)), value, size);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    f->m = emu_test_machine_new_with_drive("pc", &error);
    g_assert_no_error(error);
    f->dev = emu_test_add_device(f->m, "lm75", "address=0x48", &error);
    g_assert_no_error(error);
    emu_test_reset(f->m);
    config(f, 0x90, SMBUS | 1, 4);
    config(f, 0xd2, 9, 1);
    config(f, 0x04, 1, 2);
    f->os = emu_test_watch_line(emu_device_get_line_out(f->dev, "os", 0));
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    emu_test_watch_free(f->os);
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
}

static void
transaction(Fixture *f, uint8_t address, uint8_t reg, uint8_t protocol)
{
    emu_test_out(f->m, SMBUS + 0, 0x1e, 1);
    emu_test_out(f->m, SMBUS + 4, address, 1);
    emu_test_out(f->m, SMBUS + 3, reg, 1);
    emu_test_out(f->m, SMBUS + 2, 0x40 | protocol << 2, 1);
    g_assert_cmphex(emu_test_in(f->m, SMBUS, 1), ==, 0x02);
}

/* SMBus words are little-endian, the LM75's are not. */
static uint16_t
get(Fixture *f, uint8_t reg)
{
    transaction(f, 0x48 << 1 | 1, reg, 3);
    return (uint16_t)(emu_test_in(f->m, SMBUS + 5, 1) << 8 | emu_test_in(f->m, SMBUS + 6, 1));
}

static void
put(Fixture *f, uint8_t reg, uint16_t value)
{
    emu_test_out(f->m, SMBUS + 5, value >> 8, 1);
    emu_test_out(f->m, SMBUS + 6, value & 0xff, 1);
    transaction(f, 0x48 << 1, reg, 3);
}

static void
set_temperature(Fixture *f, const char *thousandths)
{
    g_autoptr(GError) error = NULL;

    emu_machine_lock(f->m);
    emu_object_set_from_string(f->dev, "temperature", thousandths, &error);
    emu_machine_unlock(f->m);
    g_assert_no_error(error);
}

static void
test_registers(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(get(f, 0), ==, 0x1900); /* 25 degrees */
    g_assert_cmphex(get(f, 2), ==, 0x4b00);
    g_assert_cmphex(get(f, 3), ==, 0x5000);
    put(f, 3, 0x1e7f);
    g_assert_cmphex(get(f, 3), ==, 0x1e00);
    put(f, 0, 0x1234);
    set_temperature(f, "-10500");
    g_assert_cmphex(get(f, 0), ==, 0xf580);
    emu_test_out(f->m, SMBUS + 5, 1, 1);
    transaction(f, 0x48 << 1, 1, 2); /* shut down */
    set_temperature(f, "99000");
    g_assert_cmphex(get(f, 0), ==, 0xf580);
    transaction(f, 0x48 << 1 | 1, 1, 2);
    g_assert_cmphex(emu_test_in(f->m, SMBUS + 5, 1), ==, 1);
}

static void
test_output(Fixture *f, gconstpointer data)
{
    g_assert_cmpint(f->os->level, ==, 1); /* active low */
    set_temperature(f, "80000");
    g_assert_cmpint(f->os->level, ==, 0);
    set_temperature(f, "76000");
    g_assert_cmpint(f->os->level, ==, 0);
    set_temperature(f, "74500");
    g_assert_cmpint(f->os->level, ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/lm75/registers", Fixture, NULL, set_up, test_registers, tear_down);
    g_test_add("/lm75/output", Fixture, NULL, set_up, test_output, tear_down);
    return g_test_run();
}
