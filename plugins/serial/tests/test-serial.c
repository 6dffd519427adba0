/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The 16550A through its ports, its request line and its back end. */

#include <emu/test.h>
#include <string.h>

#define COM1 0x3f8

typedef struct {
    EmuMachine *machine;
    EmuIsaBus *isa;
    EmuChardev *chardev;
} Fixture;

static void
setup(Fixture *f, gconstpointer data)
{
    GError *error = NULL;

    f->machine = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    f->isa = emu_test_isa_bus_new(f->machine);
    f->chardev = emu_test_chardev_new(f->machine, "c0");
    emu_test_add_device(f->machine, "isa-serial", "chardev=c0", &error);
    g_assert_no_error(error);
}

static void
teardown(Fixture *f, gconstpointer data)
{
    emu_machine_destroy(f->machine);
    g_object_unref(f->machine);
}

static uint8_t
in(Fixture *f, unsigned reg)
{
    return (uint8_t)emu_test_in(f->machine, (uint16_t)(COM1 + reg), 1);
}

static void
out(Fixture *f, unsigned reg, uint8_t value)
{
    emu_test_out(f->machine, (uint16_t)(COM1 + reg), value, 1);
}

static void
assert_written(Fixture *f, const char *expected)
{
    g_autoptr(GBytes) bytes = emu_test_chardev_take(f->chardev);
    gsize size;
    const void *data = g_bytes_get_data(bytes, &size);

    g_assert_cmpmem(data, size, expected, strlen(expected));
}

static void
test_reset_values(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(in(f, 1), ==, 0x00);
    g_assert_cmphex(in(f, 2), ==, 0x01);
    g_assert_cmphex(in(f, 3), ==, 0x00);
    g_assert_cmphex(in(f, 4), ==, 0x00);
    g_assert_cmphex(in(f, 5), ==, 0x60);
    g_assert_cmphex(in(f, 6), ==, 0xb0);
    out(f, 7, 0x5a);
    g_assert_cmphex(in(f, 7), ==, 0x5a);
}

static void
test_divisor(Fixture *f, gconstpointer data)
{
    out(f, 3, 0x83);
    out(f, 0, 0x34);
    out(f, 1, 0x12);
    g_assert_cmphex(in(f, 0), ==, 0x34);
    g_assert_cmphex(in(f, 1), ==, 0x12);
    out(f, 3, 0x03);
    g_assert_cmphex(in(f, 1), ==, 0x00);
}

static void
test_transmit(Fixture *f, gconstpointer data)
{
    out(f, 0, 'a');
    g_assert_cmphex(in(f, 5), ==, 0x60);
    out(f, 2, 0x07);
    for (const char *p = "bcdefghijklmnopqrstuvwxyz"; *p; p++) {
        out(f, 0, (uint8_t)*p);
    }
    assert_written(f, "abcdefghijklmnopqrstuvwxyz");
}

static void
test_transmit_interrupt(Fixture *f, gconstpointer data)
{
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 0);
    out(f, 1, 0x02); /* the transmitter is empty: asks at once */
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 1);
    g_assert_cmphex(in(f, 2), ==, 0x02); /* reading IIR takes it back */
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 0);
    g_assert_cmphex(in(f, 2), ==, 0x01);
    out(f, 0, 'x');
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 1);
    unsigned before = emu_test_isa_irq_rises(f->isa, 4);
    out(f, 0, 'y'); /* an edge for each character */
    g_assert_cmpuint(emu_test_isa_irq_rises(f->isa, 4), ==, before + 1);
    out(f, 1, 0x00);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 0);
}

static void
test_receive_without_fifo(Fixture *f, gconstpointer data)
{
    out(f, 1, 0x01);
    emu_test_chardev_send(f->chardev, "hi", 2);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 1);
    g_assert_cmphex(in(f, 2), ==, 0x04);
    g_assert_cmphex(in(f, 5), ==, 0x61);
    g_assert_cmpint(in(f, 0), ==, 'h');
    g_assert_cmpint(in(f, 0), ==, 'i'); /* the second waited outside: nothing is overrun */
    g_assert_cmphex(in(f, 5), ==, 0x60);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 0);
}

static void
test_receive_trigger_and_timeout(Fixture *f, gconstpointer data)
{
    out(f, 3, 0x83);
    out(f, 0, 1); /* 115200 bit/s, 8N1: 86.8 us per character */
    out(f, 1, 0);
    out(f, 3, 0x03);
    out(f, 2, 0x81); /* trigger at 8 */
    out(f, 1, 0x01);
    emu_test_chardev_send(f->chardev, "1234567", 7);
    g_assert_cmphex(in(f, 2), ==, 0xc1);
    emu_test_chardev_send(f->chardev, "8", 1);
    g_assert_cmphex(in(f, 2), ==, 0xc4);
    g_assert_cmpint(in(f, 0), ==, '1'); /* below the trigger again */
    g_assert_cmphex(in(f, 2), ==, 0xc1);
    emu_test_advance(f->machine, 300000);
    g_assert_cmphex(in(f, 2), ==, 0xc1);
    emu_test_advance(f->machine, 60000); /* four character times are 347 us */
    g_assert_cmphex(in(f, 2), ==, 0xcc);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 1);
    for (char c = '2'; c <= '8'; c++) {
        g_assert_cmpint(in(f, 0), ==, c);
    }
    g_assert_cmphex(in(f, 2), ==, 0xc1);
    g_assert_cmphex(in(f, 5), ==, 0x60);
}

static void
test_receive_flow(Fixture *f, gconstpointer data)
{
    char sent[200], got[201] = {0};

    for (unsigned i = 0; i < sizeof(sent); i++) {
        sent[i] = (char)('A' + i % 26);
    }
    out(f, 2, 0x01);
    emu_test_chardev_send(f->chardev, sent, sizeof(sent));
    for (unsigned i = 0; i < sizeof(sent); i++) {
        g_assert_cmphex(in(f, 5) & 0x03, ==, 0x01); /* data, no overrun */
        got[i] = (char)in(f, 0);
    }
    g_assert_cmpmem(got, sizeof(sent), sent, sizeof(sent));
    g_assert_cmphex(in(f, 5) & 0x01, ==, 0);
}

static void
test_loopback(Fixture *f, gconstpointer data)
{
    out(f, 4, 0x10);
    (void)in(f, 6);
    out(f, 4, 0x1a); /* RTS and OUT2 */
    g_assert_cmphex(in(f, 6) & 0xf0, ==, 0x90);
    out(f, 0, 0xa5);
    g_assert_cmphex(in(f, 5) & 1, ==, 1);
    g_assert_cmphex(in(f, 0), ==, 0xa5);
    assert_written(f, "");
    out(f, 4, 0x0b);
    g_assert_cmphex(in(f, 6) & 0xf0, ==, 0xb0);
}

static void
test_modem_interrupt(Fixture *f, gconstpointer data)
{
    out(f, 1, 0x08);
    out(f, 4, 0x10);
    g_assert_cmphex(in(f, 2), ==, 0x00);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 1);
    (void)in(f, 6);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 0);
}

static void
test_second_port(Fixture *f, gconstpointer data)
{
    GError *error = NULL;

    emu_test_add_device(f->machine, "isa-serial", NULL, &error);
    g_assert_no_error(error);
    emu_test_out(f->machine, 0x2ff, 0x77, 1);
    g_assert_cmphex(emu_test_in(f->machine, 0x2ff, 1), ==, 0x77);
    emu_test_out(f->machine, 0x2f9, 0x02, 1);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 3), ==, 1);
    g_assert_null(emu_test_add_device(f->machine, "isa-serial", "index=4", &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
}

static void
test_third_and_fourth_port(Fixture *f, gconstpointer data)
{
    static const struct {
        uint16_t port;
        unsigned irq;
    } ports[] = {{0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};

    for (unsigned i = 0; i < G_N_ELEMENTS(ports); i++) {
        g_autofree char *properties = g_strdup_printf("index=%u", i + 1);
        g_autoptr(GError) error = NULL;

        emu_test_add_device(f->machine, "isa-serial", properties, &error);
        g_assert_no_error(error);
        emu_test_out(f->machine, ports[i].port + 7, 0x11 * (i + 1), 1);
        g_assert_cmphex(emu_test_in(f->machine, ports[i].port + 7, 1), ==, 0x11 * (i + 1));
        emu_test_out(f->machine, ports[i].port + 1, 0x02, 1);
        g_assert_cmpint(emu_test_isa_irq_level(f->isa, ports[i].irq), ==, 1);
        emu_test_out(f->machine, ports[i].port + 1, 0x00, 1);
        g_assert_cmpint(emu_test_isa_irq_level(f->isa, ports[i].irq), ==, 0);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add("/serial/" path, Fixture, NULL, setup, fn, teardown)
    ADD("reset-values", test_reset_values);
    ADD("divisor-latch", test_divisor);
    ADD("transmit/nothing-lost", test_transmit);
    ADD("transmit/interrupt", test_transmit_interrupt);
    ADD("receive/without-fifo", test_receive_without_fifo);
    ADD("receive/trigger-and-timeout", test_receive_trigger_and_timeout);
    ADD("receive/more-than-a-fifo-without-overrun", test_receive_flow);
    ADD("loopback", test_loopback);
    ADD("modem/interrupt", test_modem_interrupt);
    ADD("second-port-has-com2-resources", test_second_port);
    ADD("four-ports", test_third_and_fourth_port);
    return g_test_run();
}
