/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The 16550A through its ports, its request line and its back end. */

#include <emu/registers.h>
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

/* A timeout that has been reported stays until a read, also when more arrives. */
static void
test_timeout_stays(Fixture *f, gconstpointer data)
{
    out(f, 3, 0x83);
    out(f, 0, 1);
    out(f, 1, 0);
    out(f, 3, 0x03);
    out(f, 2, 0x81);
    out(f, 1, 0x01);
    emu_test_chardev_send(f->chardev, "1", 1);
    emu_test_advance(f->machine, 360000);
    g_assert_cmphex(in(f, 2), ==, 0xcc);
    emu_test_chardev_send(f->chardev, "2", 1);
    g_assert_cmphex(in(f, 2), ==, 0xcc);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 1);
    g_assert_cmpint(in(f, 0), ==, '1');
    g_assert_cmphex(in(f, 2), ==, 0xc1);
    emu_test_advance(f->machine, 360000); /* and counts anew for the second */
    g_assert_cmphex(in(f, 2), ==, 0xcc);
}

static void
receive_break(Fixture *f)
{
    emu_machine_lock(f->machine);
    emu_chardev_event(f->chardev, EMU_CHARDEV_BREAK);
    emu_machine_unlock(f->machine);
}

/* A break is a character of its own: it shows when it is on top of the FIFO; bit 7 says that one is coming. */
static void
test_break_in_fifo(Fixture *f, gconstpointer data)
{
    out(f, 2, 0x01);
    out(f, 1, 0x05);
    emu_test_chardev_send(f->chardev, "a", 1);
    receive_break(f);
    receive_break(f);
    g_assert_cmphex(in(f, 2), ==, 0xc4);
    g_assert_cmphex(in(f, 5), ==, 0xe1);
    g_assert_cmpint(in(f, 0), ==, 'a');
    g_assert_cmphex(in(f, 2), ==, 0xc6); /* line status comes before data */
    g_assert_cmphex(in(f, 5), ==, 0xf1);
    g_assert_cmphex(in(f, 5), ==, 0xe1); /* the second is still below */
    g_assert_cmphex(in(f, 2), ==, 0xc4);
    g_assert_cmpint(in(f, 0), ==, 0);
    g_assert_cmphex(in(f, 5), ==, 0xf1);
    g_assert_cmphex(in(f, 5), ==, 0x61);
    g_assert_cmpint(in(f, 0), ==, 0);
    g_assert_cmphex(in(f, 5), ==, 0x60);
}

/* Only reading LSR takes back what it says: not reading the character. */
static void
test_break_without_fifo(Fixture *f, gconstpointer data)
{
    out(f, 1, 0x04);
    receive_break(f);
    g_assert_cmphex(in(f, 2), ==, 0x06);
    g_assert_cmpint(in(f, 0), ==, 0);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 1);
    g_assert_cmphex(in(f, 5), ==, 0x70);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 0);
    g_assert_cmphex(in(f, 5), ==, 0x60);
}

static void
test_break_in_saved_state(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;

    out(f, 2, 0x01);
    emu_test_chardev_send(f->chardev, "a", 1);
    receive_break(f);
    state = emu_test_save(f->machine, &error);
    g_assert_no_error(error);
    emu_test_reset(f->machine);
    g_assert_cmphex(in(f, 5), ==, 0x60);
    emu_test_load(f->machine, state, &error);
    g_assert_no_error(error);
    g_assert_cmphex(in(f, 5), ==, 0xe1);
    g_assert_cmpint(in(f, 0), ==, 'a');
    g_assert_cmphex(in(f, 5), ==, 0xf1);
}

/* 17 characters into 16 places, as a driver that measures the FIFO sends them: the last is lost, the others are not. */
static void
test_overrun_in_loopback(Fixture *f, gconstpointer data)
{
    out(f, 4, 0x10);
    out(f, 2, 0x07);
    out(f, 1, 0x04);
    for (unsigned i = 0; i < 17; i++) {
        out(f, 0, (uint8_t)i);
    }
    g_assert_cmphex(in(f, 2), ==, 0xc6);
    g_assert_cmphex(in(f, 5) & 0x9f, ==, 0x03);
    for (unsigned i = 0; i < 16; i++) {
        g_assert_cmphex(in(f, 5) & 0x9f, ==, 0x01);
        g_assert_cmpuint(in(f, 0), ==, i);
    }
    g_assert_cmphex(in(f, 5) & 0x9f, ==, 0);
    /* Without FIFOs the new one displaces the old. */
    out(f, 2, 0x00);
    out(f, 0, 'x');
    out(f, 0, 'y');
    g_assert_cmphex(in(f, 5) & 0x9f, ==, 0x03);
    g_assert_cmpint(in(f, 0), ==, 'y');
}

/* FCR (data sheet, "FIFO control register"): bits count only with bit 0; changing bit 0 empties both; bits 1 and 2 each its own. */
static void
test_fifo_control(Fixture *f, gconstpointer data)
{
    out(f, 2, 0xc6);
    g_assert_cmphex(in(f, 2), ==, 0x01);
    out(f, 2, 0xc1);
    g_assert_cmphex(in(f, 2), ==, 0xc1);
    emu_test_chardev_send(f->chardev, "abc", 3);
    out(f, 2, 0xc5); /* the transmitter's alone */
    g_assert_cmphex(in(f, 5), ==, 0x61);
    out(f, 2, 0xc3);
    g_assert_cmphex(in(f, 5), ==, 0x60);
    emu_test_chardev_send(f->chardev, "abc", 3);
    out(f, 2, 0xc0);
    g_assert_cmphex(in(f, 5), ==, 0x60);
    /* The trigger of 14 went with it: one character asks. */
    out(f, 1, 0x01);
    out(f, 2, 0x01);
    emu_test_chardev_send(f->chardev, "d", 1);
    g_assert_cmphex(in(f, 2), ==, 0xc4);
}

/* All five sources at once are told in the data sheet's order, each until what it asks for is done. */
static void
test_priorities(Fixture *f, gconstpointer data)
{
    out(f, 4, 0x10);
    (void)in(f, 6);
    out(f, 1, 0x0f);
    (void)in(f, 2); /* the empty transmitter */
    out(f, 4, 0x12); /* RTS: CTS changes */
    out(f, 0, 'a');
    out(f, 0, 'b');  /* an overrun, data, an empty transmitter */
    g_assert_cmphex(in(f, 2), ==, 0x06);
    (void)in(f, 5);
    g_assert_cmphex(in(f, 2), ==, 0x04);
    (void)in(f, 0);
    g_assert_cmphex(in(f, 2), ==, 0x02);
    g_assert_cmphex(in(f, 2), ==, 0x00);
    g_assert_cmphex(in(f, 2), ==, 0x00); /* reading IIR does not answer this one */
    g_assert_cmphex(in(f, 6), ==, 0x11);
    g_assert_cmphex(in(f, 2), ==, 0x01);
}

/* RI counts when it goes away, the others both ways. */
static void
test_modem_deltas(Fixture *f, gconstpointer data)
{
    out(f, 4, 0x10);
    (void)in(f, 6);
    out(f, 4, 0x1f);
    g_assert_cmphex(in(f, 6), ==, 0xfb);
    g_assert_cmphex(in(f, 6), ==, 0xf0);
    out(f, 4, 0x10);
    g_assert_cmphex(in(f, 6), ==, 0x0f);
    g_assert_cmphex(in(f, 6), ==, 0x00);
}

static void
test_out2(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    emu_test_add_device(f->machine, "isa-serial", "irq-needs-out2=on", &error);
    g_assert_no_error(error);
    emu_test_out(f->machine, 0x2f9, 0x02, 1);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 3), ==, 0);
    g_assert_cmphex(emu_test_in(f->machine, 0x2fe, 1), ==, 0xb0);
    emu_test_out(f->machine, 0x2fc, 0x08, 1);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 3), ==, 1);
    emu_test_out(f->machine, 0x2fc, 0x18, 1); /* loop-back turns the pin off */
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 3), ==, 0);
}

/* COM1 and COM3 have one request: what one of them has to say is not lost by what the other does. */
static void
test_shared_request(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    emu_test_add_device(f->machine, "isa-serial", "index=2", &error);
    g_assert_no_error(error);
    out(f, 1, 0x01);
    emu_test_chardev_send(f->chardev, "a", 1);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 1);
    emu_test_out(f->machine, 0x3e8, 'x', 1); /* polled output */
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 1);
    emu_test_out(f->machine, 0x3e9, 0x02, 1);
    (void)in(f, 0);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 1);
    (void)emu_test_in(f->machine, 0x3ea, 1);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 4), ==, 0);
}

/* What Linux' 8250 driver reads to tell a 16550A from its relatives. */
static void
test_is_a_16550a(Fixture *f, gconstpointer data)
{
    out(f, 1, 0x0f);
    g_assert_cmphex(in(f, 1), ==, 0x0f);
    out(f, 1, 0xff); /* no XScale's UUE, no sleep mode */
    g_assert_cmphex(in(f, 1), ==, 0x0f);
    out(f, 1, 0x00);
    out(f, 3, 0xbf); /* no enhanced registers: IIR shows */
    out(f, 2, 0x01);
    g_assert_cmphex(in(f, 2), ==, 0xc1);
    out(f, 3, 0x80);
    out(f, 2, 0x21); /* no FIFO of 64 */
    g_assert_cmphex(in(f, 2), ==, 0xc1);
    out(f, 3, 0xe0); /* no second bank */
    out(f, 4, 0x10);
    g_assert_cmphex(in(f, 2) & 0x10, ==, 0);
    out(f, 4, 0xff);
    g_assert_cmphex(in(f, 4), ==, 0x1f);
    for (unsigned i = 0; i < 256; i++) {
        out(f, 7, (uint8_t)i);
        g_assert_cmpuint(in(f, 7), ==, i);
    }
}

/* What inspectors see costs nothing. */
static void
test_looking_changes_nothing(Fixture *f, gconstpointer data)
{
    g_autoptr(GPtrArray) list = NULL;
    g_autoptr(GError) error = NULL;
    EmuDevice *dev = emu_test_add_device(f->machine, "isa-serial", NULL, &error);
    uint64_t value;

    g_assert_no_error(error);
    emu_test_out(f->machine, 0x2fc, 0x10, 1);
    emu_test_out(f->machine, 0x2f9, 0x0f, 1);
    emu_test_out(f->machine, 0x2f8, 'a', 1);
    emu_machine_lock(f->machine);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_true(emu_device_peek_register(dev, "RBR", &value, NULL));
        g_assert_cmpuint(value, ==, 'a');
        g_assert_true(emu_device_peek_register(dev, "LSR", &value, NULL));
        g_assert_cmphex(value, ==, 0x61);
        g_assert_true(emu_device_peek_register(dev, "IIR", &value, NULL));
        g_assert_cmphex(value, ==, 0x04);
        g_assert_true(emu_device_peek_register(dev, "MSR", &value, NULL));
        g_assert_cmphex(value, ==, 0x0b);
    }
    emu_machine_unlock(f->machine);
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
    ADD("receive/timeout-stays-until-a-read", test_timeout_stays);
    ADD("receive/break-in-its-place-in-the-fifo", test_break_in_fifo);
    ADD("receive/break-without-fifo", test_break_without_fifo);
    ADD("receive/break-in-saved-state", test_break_in_saved_state);
    ADD("receive/overrun-in-loopback", test_overrun_in_loopback);
    ADD("fifo-control", test_fifo_control);
    ADD("interrupt/priorities", test_priorities);
    ADD("interrupt/out2-lets-it-out", test_out2);
    ADD("interrupt/shared-by-com1-and-com3", test_shared_request);
    ADD("modem/deltas", test_modem_deltas);
    ADD("autodetection", test_is_a_16550a);
    ADD("registers/looking-changes-nothing", test_looking_changes_nothing);
    return g_test_run();
}
