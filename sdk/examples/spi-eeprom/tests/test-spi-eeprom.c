/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/test.h>

typedef struct {
    EmuMachine *m;
    EmuSpiBus *bus;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    f->m = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    f->bus = emu_test_spi_bus_new(f->m, 1);
    emu_test_add_device(f->m, "spi-eeprom", data, &error);
    g_assert_no_error(error);
    emu_test_reset(f->m);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
}

/* Bytes out; what the last one brought in. */
static uint8_t
command(Fixture *f, unsigned n, const uint8_t *bytes)
{
    uint8_t in = 0;

    emu_test_spi_select(f->bus, 0, true);
    for (unsigned i = 0; i < n; i++) {
        in = (uint8_t)emu_spi_transfer(f->bus, bytes[i], 8);
    }
    emu_test_spi_select(f->bus, 0, false);
    return in;
}
#define COMMAND(f, ...) command(f, sizeof((uint8_t[]){__VA_ARGS__}), (const uint8_t[]){__VA_ARGS__})

static void
test_write(Fixture *f, gconstpointer data)
{
    COMMAND(f, 0x02, 0x01, 0x10, 'x'); /* not enabled */
    g_assert_cmphex(COMMAND(f, 0x03, 0x01, 0x10, 0), ==, 0xff);
    COMMAND(f, 0x06);
    g_assert_cmphex(COMMAND(f, 0x05, 0), ==, 0x02);
    COMMAND(f, 0x02, 0x01, 0x10, 'a', 'b');
    g_assert_cmphex(COMMAND(f, 0x05, 0), ==, 0x01); /* busy, and no longer enabled */
    g_assert_cmphex(COMMAND(f, 0x03, 0x01, 0x10, 0), ==, 0xff);
    emu_test_advance(f->m, 5000000);
    g_assert_cmphex(COMMAND(f, 0x05, 0), ==, 0x00);
    g_assert_cmphex(COMMAND(f, 0x03, 0x01, 0x10, 0, 0), ==, 'b');
    /* Power-on: memory stays. */
    COMMAND(f, 0x06);
    emu_test_reset(f->m);
    g_assert_cmphex(COMMAND(f, 0x05, 0), ==, 0x00);
    g_assert_cmphex(COMMAND(f, 0x03, 0x01, 0x10, 0), ==, 'a');
}

static void
test_page_wraps(Fixture *f, gconstpointer data)
{
    COMMAND(f, 0x06);
    COMMAND(f, 0x02, 0x00, 0x1f, '1', '2');
    emu_test_advance(f->m, 5000000);
    g_assert_cmphex(COMMAND(f, 0x03, 0x00, 0x1f, 0), ==, '1');
    g_assert_cmphex(COMMAND(f, 0x03, 0x00, 0x00, 0), ==, '2');
    g_assert_cmphex(COMMAND(f, 0x03, 0x00, 0x20, 0), ==, 0xff);
    g_assert_cmphex(COMMAND(f, 0x03, 0x0f, 0xff, 0, 0), ==, '2'); /* reads wrap at the end */
}

static void
test_one_address_byte(Fixture *f, gconstpointer data)
{
    COMMAND(f, 0x06);
    COMMAND(f, 0x02, 0x42, 'q');
    emu_test_advance(f->m, 5000000);
    g_assert_cmphex(COMMAND(f, 0x03, 0x42, 0), ==, 'q');
}

static void
test_state(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;

    COMMAND(f, 0x06);
    emu_test_spi_select(f->bus, 0, true);
    emu_spi_transfer(f->bus, 0x020008, 24);
    emu_spi_transfer(f->bus, 'z', 8);
    state = emu_test_save(f->m, &error);
    g_assert_no_error(error);
    emu_test_spi_select(f->bus, 0, false);
    emu_test_reset(f->m);
    g_assert_true(emu_test_load(f->m, state, &error));
    emu_spi_transfer(f->bus, 'y', 8);
    emu_test_spi_select(f->bus, 0, true); /* the line of the test's controller has no state of its own */
    emu_test_spi_select(f->bus, 0, false);
    emu_test_advance(f->m, 5000000);
    g_assert_cmphex(COMMAND(f, 0x03, 0x00, 0x08, 0), ==, 'z');
    g_assert_cmphex(COMMAND(f, 0x03, 0x00, 0x09, 0), ==, 'y');
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/spi-eeprom/write", Fixture, NULL, set_up, test_write, tear_down);
    g_test_add("/spi-eeprom/page-wraps", Fixture, NULL, set_up, test_page_wraps, tear_down);
    g_test_add("/spi-eeprom/one-address-byte", Fixture, "size=128", set_up, test_one_address_byte, tear_down);
    g_test_add("/spi-eeprom/state", Fixture, NULL, set_up, test_state, tear_down);
    return g_test_run();
}
