/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The controller on a pc with the EEPROM of the example beside it on its bus. */

#include <emu/test-kit.h>

#include <string.h>

enum { CONTROL = 0x00, STATUS = 0x04, SELECT = 0x08, DATA = 0x0c, TX = 0x10, RX = 0x14, LENGTH = 0x18, ID = 0x1c };

typedef struct {
    EmuMachine *m;
    EmuDevice *dev;
    uint64_t base;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    f->m = emu_test_machine_new_with_drive("pc", &error);
    g_assert_no_error(error);
    f->dev = emu_test_add_device(f->m, "pci-spi", NULL, &error);
    g_assert_no_error(error);
    emu_test_add_device(f->m, "spi-eeprom", "cs=1,size=1024", &error);
    g_assert_no_error(error);
    emu_test_reset(f->m);
    emu_test_place(f->dev);
    f->base = emu_test_address(f->dev, 0);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
}

static uint32_t
get(Fixture *f, unsigned reg)
{
    return (uint32_t)emu_test_read(f->m, f->base + reg, 4);
}

static void
put(Fixture *f, unsigned reg, uint32_t value)
{
    emu_test_write(f->m, f->base + reg, value, 4);
}

static uint32_t
word(Fixture *f, uint32_t value)
{
    put(f, DATA, value);
    return get(f, DATA);
}

static void
test_words(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(get(f, ID), ==, 0x31495053);
    g_assert_cmphex(emu_test_config_read(f->dev, 0, 4), ==, 0x5e511234);
    word(f, 0x06); /* off: nothing happens */
    g_assert_cmphex(get(f, STATUS), ==, 0);
    put(f, CONTROL, 0x701);
    put(f, SELECT, 2);
    word(f, 0x06);
    put(f, SELECT, 0);
    g_assert_cmphex(get(f, STATUS), ==, 1);
    put(f, SELECT, 2);
    word(f, 0x05);
    g_assert_cmphex(word(f, 0), ==, 0x02); /* write enabled */
    put(f, SELECT, 0);
    g_assert_cmphex(word(f, 0), ==, 0xff); /* nobody */
    /* Sixteen bits at a time. */
    put(f, CONTROL, 0xf01);
    put(f, SELECT, 2);
    g_assert_cmphex(word(f, 0x0500), ==, 0xff02);
}

/* Memory to the EEPROM and back, with an interrupt each. */
static void
test_transfers(Fixture *f, gconstpointer data)
{
    static const uint8_t enable[] = {0x06}, store[] = {0x02, 0x00, 0x40, 'd', 'a', 't', 'a'}, load[] = {0x03, 0x00, 0x40, 0, 0, 0, 0};
    uint8_t back[sizeof(load)];

    emu_test_write_memory(f->m, 0x10000, enable, sizeof(enable));
    emu_test_write_memory(f->m, 0x11000, store, sizeof(store));
    emu_test_write_memory(f->m, 0x12000, load, sizeof(load));
    put(f, CONTROL, 0x703);
    for (unsigned i = 0; i < 3; i++) {
        put(f, SELECT, 2);
        put(f, TX, 0x10000 + 0x1000 * i);
        put(f, RX, i == 2 ? 0x20000 : 0);
        put(f, LENGTH, i == 0 ? sizeof(enable) : sizeof(load));
        g_assert_cmphex(get(f, STATUS), ==, 4);
        emu_test_advance(f->m, 100000);
        g_assert_cmphex(get(f, STATUS), ==, 1);
        g_assert_cmphex(emu_test_config_read(f->dev, 6, 2) & 8, ==, 8); /* it interrupts */
        put(f, STATUS, 1);
        put(f, SELECT, 0);
        emu_test_advance(f->m, 5000000);
    }
    emu_test_read_memory(f->m, 0x20000, back, sizeof(back));
    g_assert_cmpmem(back + 3, 4, "data", 4);
    g_assert_cmphex(get(f, RX), ==, 0x20007);
}

static void
test_mistakes(Fixture *f, gconstpointer data)
{
    put(f, LENGTH, 8);
    g_assert_cmphex(get(f, STATUS), ==, 0);
    put(f, CONTROL, 0x701);
    put(f, LENGTH, 0x10001);
    g_assert_cmphex(get(f, LENGTH), ==, 0);
    /* Addresses that are its own registers, and none at all. */
    put(f, RX, (uint32_t)f->base);
    put(f, LENGTH, 4);
    emu_test_advance(f->m, 100000);
    g_assert_cmphex(get(f, STATUS) & 4, ==, 0);
    put(f, STATUS, 3);
    put(f, TX, 0x7ffffff0);
    put(f, LENGTH, 4);
    emu_test_advance(f->m, 100000);
    g_assert_cmphex(get(f, STATUS), ==, 2);
    /* A reset on the way. */
    put(f, TX, 0x10000);
    put(f, RX, 0);
    put(f, LENGTH, 0x10000);
    emu_test_reset(f->m);
    emu_test_place(f->dev);
    emu_test_advance(f->m, EMU_NS_PER_SEC);
    g_assert_cmphex(get(f, STATUS), ==, 0);
}

/* Saved in the middle of a transfer, it goes on. */
static void
test_state(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;

    put(f, CONTROL, 0x701);
    put(f, TX, 0x10000);
    put(f, LENGTH, 1000);
    emu_test_advance(f->m, 200000);
    state = emu_test_save(f->m, &error);
    g_assert_no_error(error);
    emu_test_reset(f->m);
    g_assert_true(emu_test_load(f->m, state, &error));
    g_assert_cmpuint(get(f, LENGTH), <, 1000);
    g_assert_cmphex(get(f, STATUS), ==, 4);
    emu_test_advance(f->m, 1000000);
    g_assert_cmphex(get(f, STATUS), ==, 1);
    g_assert_cmpuint(get(f, TX), ==, 0x10000 + 1000);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/pci-spi/words", Fixture, NULL, set_up, test_words, tear_down);
    g_test_add("/pci-spi/transfers", Fixture, NULL, set_up, test_transfers, tear_down);
    g_test_add("/pci-spi/mistakes", Fixture, NULL, set_up, test_mistakes, tear_down);
    g_test_add("/pci-spi/state", Fixture, NULL, set_up, test_state, tear_down);
    return g_test_run();
}
