/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/test-kit.h>

#include <string.h>

#define LPT1 0x378
#define STATUS (LPT1 + 1)
#define CONTROL (LPT1 + 2)
#define EPP_ADDRESS (LPT1 + 3)
#define EPP_DATA (LPT1 + 4)
#define FIFO (LPT1 + 0x400)
#define CONFIG_B (LPT1 + 0x401)
#define ECR (LPT1 + 0x402)

typedef struct {
    EmuMachine *m;
    EmuIsaBus *isa;
    EmuChardev *paper;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    f->m = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    f->isa = emu_test_isa_bus_new(f->m);
    f->paper = emu_test_chardev_new(f->m, "paper");
    emu_test_add_device(f->m, "isa-parallel", "chardev=paper", &error);
    g_assert_no_error(error);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
}

static uint8_t
in(Fixture *f, uint16_t port)
{
    return (uint8_t)emu_test_in(f->m, port, 1);
}

static void
out(Fixture *f, uint16_t port, uint8_t value)
{
    emu_test_out(f->m, port, value, 1);
}

static void
assert_printed(Fixture *f, const char *text)
{
    g_autoptr(GBytes) bytes = emu_test_chardev_take(f->paper);

    g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), text, strlen(text));
}

static void
test_print(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmphex(in(f, STATUS), ==, 0xdf);
    g_assert_cmphex(in(f, CONTROL), ==, 0xcc);
    for (const char *p = "abc"; *p; p++) {
        out(f, LPT1, (uint8_t)*p);
        g_assert_cmphex(in(f, LPT1), ==, *p);
        out(f, CONTROL, 0x1d);
        g_assert_cmphex(in(f, STATUS) & 0xc0, ==, 0x40); /* busy */
        out(f, CONTROL, 0x1c);
        emu_test_advance(f->m, 1500);
        g_assert_cmphex(in(f, STATUS) & 0xc0, ==, 0x80); /* nACK low */
        emu_test_advance(f->m, 1000);
        g_assert_cmphex(in(f, STATUS) & 0xc0, ==, 0xc0);
    }
    g_assert_cmpuint(emu_test_isa_irq_rises(f->isa, 7), ==, 3);
    assert_printed(f, "abc");
}

/* The steps by which Linux' driver finds out what it has before it. */
static void
test_detection(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    unsigned n;

    /* A register of its own, not the control register seen twice. */
    out(f, CONTROL, 0x0c);
    g_assert_cmphex(in(f, ECR), ==, 0x15);
    out(f, ECR, 0x34);
    g_assert_cmphex(in(f, ECR), ==, 0x35);
    /* The data pins can be turned round. */
    out(f, CONTROL, 0x2c);
    out(f, LPT1, 0x55);
    g_assert_cmphex(in(f, LPT1), ==, 0xff);
    out(f, CONTROL, 0x0c);
    g_assert_cmphex(in(f, LPT1), ==, 0x55);
    /* 16 bytes of FIFO; eight places, or bytes, ask for service. */
    out(f, ECR, 0xd4);
    for (n = 0; n < 1024 && !(in(f, ECR) & 0x02); n++) {
        out(f, FIFO, (uint8_t)n);
    }
    g_assert_cmpuint(n, ==, 16);
    out(f, FIFO, 0xee); /* lost */
    out(f, ECR, 0xd0);
    for (n = 0; n < 16; n++) {
        g_assert_cmphex(in(f, ECR) & 0x04, ==, n < 8 ? 0 : 4);
        g_assert_cmpuint(in(f, FIFO), ==, n);
    }
    g_assert_cmpuint(emu_test_isa_irq_rises(f->isa, 7), ==, 1);
    g_assert_cmphex(in(f, ECR) & 0x03, ==, 0x01);
    out(f, ECR, 0x34);
    out(f, CONTROL, 0x2c);
    out(f, ECR, 0xd4);
    out(f, ECR, 0xd0);
    for (n = 0; n < 16; n++) {
        g_assert_cmphex(in(f, ECR) & 0x04, ==, n < 8 ? 0 : 4);
        out(f, FIFO, 0xaa);
    }
    out(f, ECR, 0x14);
    g_assert_cmphex(in(f, ECR), ==, 0x15); /* SPP empties it */
    out(f, CONTROL, 0x0c);
    out(f, ECR, 0xf4);
    g_assert_cmphex(in(f, FIFO), ==, 0x14);
    g_assert_cmphex(in(f, CONFIG_B), ==, 1 << 3); /* request 7; no DMA controller here */
    /* EPP: a time-out bit that can be cleared; in the other modes it cannot. */
    for (unsigned mode = 0; mode < 5; mode++) {
        out(f, ECR, mode << 5 | 0x14);
        out(f, STATUS, 0x01);
        out(f, STATUS, 0x00);
        g_assert_cmphex(in(f, STATUS) & 1, ==, mode != 4);
    }
    assert_printed(f, "");
}

static void
test_fifo(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    out(f, ECR, 0x54);
    for (const char *p = "0123456789abcdefg"; *p; p++) {
        g_assert_cmphex(in(f, ECR) & 0x02, ==, 0);
        out(f, FIFO, (uint8_t)*p); /* the first one leaves at once */
    }
    g_assert_cmphex(in(f, ECR) & 0x03, ==, 0x02);
    g_assert_cmphex(in(f, STATUS) & 0x80, ==, 0); /* busy */
    assert_printed(f, "0");
    out(f, ECR, 0x50); /* asks when eight places are free */
    g_assert_cmpuint(emu_test_isa_irq_rises(f->isa, 7), ==, 0);
    emu_test_advance(f->m, 7 * 2000 + 100);
    g_assert_cmpuint(emu_test_isa_irq_rises(f->isa, 7), ==, 0);
    emu_test_advance(f->m, 2000);
    g_assert_cmpuint(emu_test_isa_irq_rises(f->isa, 7), ==, 1);
    g_assert_cmphex(in(f, ECR) & 0x07, ==, 0x04);
    emu_test_advance(f->m, 20000);
    g_assert_cmphex(in(f, ECR) & 0x03, ==, 0x01);
    g_assert_cmphex(in(f, STATUS) & 0xc0, ==, 0xc0);
    g_assert_cmpuint(emu_test_isa_irq_rises(f->isa, 7), ==, 1);
    assert_printed(f, "123456789abcdefg");
    /* STROBE is the chip's in this mode. */
    out(f, CONTROL, 0x0d);
    out(f, CONTROL, 0x0c);
    assert_printed(f, "");
    /* A printer in reset takes nothing. */
    out(f, CONTROL, 0x08);
    out(f, FIFO, 'x');
    emu_test_advance(f->m, 10000);
    assert_printed(f, "");
    out(f, CONTROL, 0x0c);
    assert_printed(f, "x");
}

/* The moments of a byte are told apart though nobody looked: a poll later finds the printer ready, its interrupt given. */
static void
test_late_timer(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    out(f, LPT1, 'a');
    out(f, CONTROL, 0x1d);
    emu_test_advance(f->m, 1000000);
    g_assert_cmphex(in(f, STATUS) & 0xc0, ==, 0xc0);
    g_assert_cmpuint(emu_test_isa_irq_rises(f->isa, 7), ==, 1);
    out(f, ECR, 0x34);
    out(f, ECR, 0x54);
    for (const char *p = "0123456789abcdef"; *p; p++) {
        out(f, FIFO, (uint8_t)*p);
    }
    emu_test_advance(f->m, 1000000);
    g_assert_cmphex(in(f, ECR) & 3, ==, 1);
    g_assert_cmpuint(emu_test_isa_irq_rises(f->isa, 7), ==, 17);
    assert_printed(f, "a0123456789abcdef");
}

/* ECP forward: data through the FIFO, addresses and counts through the data port. */
static void
test_ecp_forward(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    out(f, ECR, 0x74);
    out(f, FIFO, 'a');
    out(f, LPT1, 4); /* the next one five times */
    out(f, FIFO, 'b');
    out(f, LPT1, 0x85); /* channel 5 */
    out(f, FIFO, 'c');
    emu_test_advance(f->m, 20000);
    assert_printed(f, "abbbbbc");
    out(f, ECR, 0x34);
    g_assert_cmphex(in(f, LPT1), ==, 0); /* the pins kept what they had */
}

static void
test_ecp_reverse(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_chardev_send(f->paper, "0123456789abcdefghijklmnopqrstuvwxyz!", 37);
    out(f, ECR, 0x34);
    g_assert_cmphex(in(f, ECR) & 3, ==, 1); /* it waits outside */
    out(f, CONTROL, 0x2c);
    out(f, ECR, 0x70);
    g_assert_cmphex(in(f, ECR) & 3, ==, 2);
    g_assert_cmpuint(emu_test_isa_irq_rises(f->isa, 7), ==, 1);
    for (const char *p = "0123456789abcdefghijklmnopqrstuvwxyz!"; *p; p++) {
        g_assert_cmphex(in(f, ECR) & 1, ==, 0);
        g_assert_cmphex(in(f, FIFO), ==, *p);
        emu_test_settle(f->m);
    }
    g_assert_cmphex(in(f, ECR) & 1, ==, 1);
}

static void
test_epp(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    out(f, EPP_DATA, 'x'); /* not in SPP mode */
    assert_printed(f, "");
    g_assert_cmphex(in(f, EPP_DATA), ==, 0xff);
    out(f, ECR, 0x94);
    out(f, EPP_ADDRESS, 0x42);
    g_assert_cmphex(in(f, EPP_ADDRESS), ==, 0x42);
    out(f, EPP_DATA, 'a');
    emu_test_out(f->m, EPP_DATA, 'b' | 'c' << 8, 2);
    emu_test_out(f->m, EPP_DATA, 'd' | 'e' << 8 | 'f' << 16 | (uint32_t)'g' << 24, 4);
    assert_printed(f, "abcdefg");
    emu_test_chardev_send(f->paper, "12345", 5);
    g_assert_cmphex(in(f, EPP_DATA), ==, '1');
    g_assert_cmphex(emu_test_in(f->m, EPP_DATA, 4), ==, 0x35343332);
    g_assert_cmphex(in(f, STATUS) & 1, ==, 0);
    in(f, EPP_DATA); /* nobody answers */
    g_assert_cmphex(in(f, STATUS) & 1, ==, 1);
    g_assert_cmphex(in(f, STATUS) & 1, ==, 1);
    out(f, STATUS, 0xfe);
    g_assert_cmphex(in(f, STATUS) & 1, ==, 1);
    out(f, STATUS, 0x01);
    g_assert_cmphex(in(f, STATUS) & 1, ==, 0);
    /* Strobing by hand goes on to work in this mode. */
    out(f, LPT1, 'h');
    out(f, CONTROL, 0x0d);
    assert_printed(f, "h");
}

/* On LPT3 the ports behind the first three are the display adapter's. */
static void
test_other_addresses(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    emu_test_add_device(f->m, "isa-parallel", "index=2", &error);
    g_assert_no_error(error);
    out(f, 0x7be, 0x94);
    g_assert_cmphex(in(f, 0x7be), ==, 0x95);
    out(f, 0x3bf, 0x42);
    g_assert_cmphex(in(f, 0x3bf), ==, 0xff);
    emu_test_add_device(f->m, "isa-parallel", "index=1,dma=1", &error);
    g_assert_no_error(error);
    out(f, 0x67a, 0x94);
    out(f, 0x27b, 0x42);
    g_assert_cmphex(in(f, 0x27b), ==, 0x42);
    g_assert_null(emu_test_add_device(f->m, "isa-parallel", "iobase=0x100,dma=5", &error));
    g_assert_cmpstr(error->message, ==, "isa-parallel: index is 3, expected 0 to 2: there are only 3 ports");
}

static void
test_state(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;

    out(f, ECR, 0x74);
    out(f, FIFO, 'a');
    out(f, LPT1, 2);
    out(f, FIFO, 'b');
    out(f, FIFO, 'c');
    state = emu_test_save(f->m, &error);
    g_assert_no_error(error);
    emu_test_advance(f->m, 20000);
    assert_printed(f, "abbbc");
    emu_test_reset(f->m);
    g_assert_cmphex(in(f, ECR), ==, 0x15);
    emu_test_load(f->m, state, &error);
    g_assert_no_error(error);
    emu_test_advance(f->m, 20000);
    assert_printed(f, "bbbc");
    g_assert_cmphex(in(f, ECR), ==, 0x75);
}

/* ---- by the 8237 ---- */

static void
dma(Fixture *f, uint8_t mode, unsigned size)
{
    out(f, 0x0a, 0x07);
    out(f, 0x0c, 0);
    out(f, 0x0b, mode);
    out(f, 0x06, 0x00);
    out(f, 0x06, 0x40);
    out(f, 0x07, (size - 1) & 0xff);
    out(f, 0x07, (size - 1) >> 8);
    out(f, 0x82, 0);
    out(f, 0x0a, 0x03);
}

static void
test_dma(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EmuTestWatch) irq = NULL;
    Fixture f = {.m = emu_test_machine_new("pc", &error)};
    char text[1001] = {0};
    EmuDevice *dev;

    g_assert_no_error(error);
    f.paper = emu_test_chardev_new(f.m, "paper");
    dev = emu_test_add_device(f.m, "isa-parallel", "chardev=paper", &error);
    g_assert_no_error(error);
    irq = emu_test_watch_line(emu_device_get_line_out(dev, "irq", 0));
    out(&f, ECR, 0xf4);
    g_assert_cmphex(in(&f, CONFIG_B), ==, 1 << 3 | 3);
    for (unsigned i = 0; i < 1000; i++) {
        text[i] = (char)('!' + i % 90);
    }
    emu_test_write_memory(f.m, 0x4000, text, 1000);
    out(&f, ECR, 0x34);
    out(&f, ECR, 0x5c); /* compatible FIFO, DMA enabled, but no service wanted yet */
    dma(&f, 0x4b, 1000);
    emu_test_advance(f.m, 100000);
    assert_printed(&f, "");
    out(&f, ECR, 0x58);
    for (unsigned i = 0; i < 300 && !irq->rises; i++) {
        emu_test_advance(f.m, 10000);
    }
    g_assert_cmpuint(irq->rises, ==, 1);
    g_assert_cmphex(in(&f, ECR) & 0x04, ==, 4);
    g_assert_cmphex(in(&f, 0x08) & 0x88, ==, 0x08); /* terminal count, no request */
    emu_test_advance(f.m, 100000);
    g_assert_cmphex(in(&f, ECR) & 0x03, ==, 1);
    assert_printed(&f, text);
    /* Back: what the other side sends, to memory. */
    out(&f, ECR, 0x34);
    out(&f, CONTROL, 0x2c);
    dma(&f, 0x47, 100);
    out(&f, ECR, 0x78);
    emu_test_chardev_send(f.paper, text + 50, 120);
    for (unsigned i = 0; i < 20; i++) {
        emu_test_settle(f.m);
    }
    g_assert_cmpuint(irq->rises, ==, 2);
    for (unsigned i = 0; i < 100; i++) {
        g_assert_cmphex(emu_test_read(f.m, 0x4000 + i, 1), ==, text[50 + i]);
    }
    g_assert_cmphex(in(&f, FIFO), ==, text[150]);
    tear_down(&f, NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add("/parallel/" path, Fixture, NULL, set_up, fn, tear_down)
    ADD("print", test_print);
    ADD("detection", test_detection);
    ADD("fifo/prints-by-itself", test_fifo);
    ADD("fifo/late-timer", test_late_timer);
    ADD("ecp/forward", test_ecp_forward);
    ADD("ecp/reverse", test_ecp_reverse);
    ADD("epp/cycles", test_epp);
    ADD("other-addresses", test_other_addresses);
    ADD("state/in-the-middle-of-the-fifo", test_state);
    g_test_add_func("/parallel/dma/both-ways", test_dma);
    return g_test_run();
}
