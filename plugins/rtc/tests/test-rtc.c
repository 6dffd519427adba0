/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The MC146818A through ports 0x70 and 0x71. The test machine's clock says 2026-01-01 00:00:00, a Thursday. */

#include <emu/test.h>
#include <emu/x86-pc.h>

typedef struct {
    EmuMachine *machine;
    EmuIsaBus *isa;
    EmuDevice *rtc;
} Fixture;

#define SECOND EMU_NS_PER_SEC

static void
setup(Fixture *f, gconstpointer data)
{
    GError *error = NULL;

    f->machine = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    f->isa = emu_test_isa_bus_new(f->machine);
    f->rtc = emu_test_add_device(f->machine, "mc146818rtc", NULL, &error);
    g_assert_no_error(error);
}

static void
teardown(Fixture *f, gconstpointer data)
{
    emu_machine_destroy(f->machine);
    g_object_unref(f->machine);
}

static uint8_t
get(Fixture *f, uint8_t reg)
{
    emu_test_out(f->machine, 0x70, reg, 1);
    return (uint8_t)emu_test_in(f->machine, 0x71, 1);
}

static void
set(Fixture *f, uint8_t reg, uint8_t value)
{
    emu_test_out(f->machine, 0x70, reg, 1);
    emu_test_out(f->machine, 0x71, value, 1);
}

static int
irq(Fixture *f)
{
    return emu_test_isa_irq_level(f->isa, 8);
}

static void
set_time(Fixture *f, uint8_t hours, uint8_t minutes, uint8_t seconds)
{
    uint8_t b = get(f, 0x0b);

    set(f, 0x0b, b | 0x80);
    set(f, 0x04, hours);
    set(f, 0x02, minutes);
    set(f, 0x00, seconds);
    set(f, 0x0b, b);
}

static void
test_date(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(get(f, 0x32), ==, 0x20);
    g_assert_cmphex(get(f, 0x37), ==, 0x20);
    g_assert_cmphex(get(f, 0x09), ==, 0x26);
    g_assert_cmphex(get(f, 0x08), ==, 0x01);
    g_assert_cmphex(get(f, 0x07), ==, 0x01);
    g_assert_cmphex(get(f, 0x06), ==, 0x05);
    g_assert_cmphex(get(f, 0x04), ==, 0x00);
    emu_test_advance(f->machine, 3725 * SECOND);
    g_assert_cmphex(get(f, 0x04), ==, 0x01);
    g_assert_cmphex(get(f, 0x02), ==, 0x02);
    g_assert_cmphex(get(f, 0x00), ==, 0x05);
}

static void
test_formats(Fixture *f, gconstpointer data)
{
    set_time(f, 0x23, 0x59, 0x58);
    set(f, 0x0b, 0x06); /* binary, 24 hours */
    g_assert_cmpuint(get(f, 0x04), ==, 23);
    g_assert_cmpuint(get(f, 0x02), ==, 59);
    set(f, 0x0b, 0x00); /* BCD, 12 hours */
    g_assert_cmphex(get(f, 0x04), ==, 0x91);
    emu_test_advance(f->machine, 2 * SECOND);
    g_assert_cmphex(get(f, 0x04), ==, 0x12); /* midnight is 12 AM */
    g_assert_cmphex(get(f, 0x07), ==, 0x02);
    set_time(f, 0x92, 0x00, 0x00); /* noon is 12 PM */
    set(f, 0x0b, 0x02);
    g_assert_cmphex(get(f, 0x04), ==, 0x12);
}

static void
test_set_stops_time(Fixture *f, gconstpointer data)
{
    set(f, 0x0b, 0x82);
    emu_test_advance(f->machine, 10 * SECOND);
    g_assert_cmphex(get(f, 0x00), ==, 0x00);
    set(f, 0x00, 0x30);
    set(f, 0x0b, 0x02);
    g_assert_cmphex(get(f, 0x00), ==, 0x30);
    emu_test_advance(f->machine, SECOND);
    g_assert_cmphex(get(f, 0x00), ==, 0x31);
}

static void
test_divider_reset(Fixture *f, gconstpointer data)
{
    set(f, 0x0a, 0x66);
    emu_test_advance(f->machine, 10 * SECOND);
    g_assert_cmphex(get(f, 0x00), ==, 0x00);
    set(f, 0x0a, 0x26);
    emu_test_advance(f->machine, SECOND / 2 - 1000000);
    g_assert_cmphex(get(f, 0x00), ==, 0x00);
    emu_test_advance(f->machine, 2000000);
    g_assert_cmphex(get(f, 0x00), ==, 0x01); /* first update half a second after the start */
}

static void
test_update_in_progress(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(get(f, 0x0a), ==, 0x26);
    emu_test_advance(f->machine, SECOND - 2229000); /* tBUC and tUC: 2228 us */
    g_assert_cmphex(get(f, 0x0a), ==, 0x26);
    emu_test_advance(f->machine, 2000);
    g_assert_cmphex(get(f, 0x0a), ==, 0xa6);
    emu_test_advance(f->machine, 2226000);
    g_assert_cmphex(get(f, 0x0a), ==, 0xa6);
    g_assert_cmphex(get(f, 0x0c) & 0x10, ==, 0x00); /* the update has not ended */
    emu_test_advance(f->machine, 1000);
    g_assert_cmphex(get(f, 0x0a), ==, 0x26);
    g_assert_cmphex(get(f, 0x0c) & 0x10, ==, 0x10);
}

/* SET holds the registers; the divider goes on, and with it the moment of the next update. */
static void
test_set_keeps_phase(Fixture *f, gconstpointer data)
{
    emu_test_advance(f->machine, SECOND / 4);
    set(f, 0x0b, 0x82);
    emu_test_advance(f->machine, 3 * SECOND + SECOND / 2);
    set(f, 0x00, 0x30);
    set(f, 0x0b, 0x02);
    emu_test_advance(f->machine, SECOND / 4 - 1000000);
    g_assert_cmphex(get(f, 0x00), ==, 0x30);
    emu_test_advance(f->machine, 2000000);
    g_assert_cmphex(get(f, 0x00), ==, 0x31);
    /* The divider restarted under SET: half a second from then. */
    set(f, 0x0b, 0x82);
    set(f, 0x0a, 0x66);
    emu_test_advance(f->machine, SECOND);
    set(f, 0x0a, 0x26);
    emu_test_advance(f->machine, SECOND / 4);
    set(f, 0x0b, 0x02);
    emu_test_advance(f->machine, SECOND / 4 - 1000000);
    g_assert_cmphex(get(f, 0x00), ==, 0x31);
    emu_test_advance(f->machine, 2000000);
    g_assert_cmphex(get(f, 0x00), ==, 0x32);
}

static void
test_update_interrupt(Fixture *f, gconstpointer data)
{
    (void)get(f, 0x0c);
    set(f, 0x0b, 0x12);
    emu_test_advance(f->machine, SECOND - 1000000);
    g_assert_cmpint(irq(f), ==, 0);
    emu_test_advance(f->machine, 2000000);
    g_assert_cmpint(irq(f), ==, 1);
    g_assert_cmphex(get(f, 0x0c) & 0xb0, ==, 0x90);
    g_assert_cmpint(irq(f), ==, 0);
    emu_test_advance(f->machine, SECOND);
    g_assert_cmpint(irq(f), ==, 1);
}

static void
test_polled_flags(Fixture *f, gconstpointer data)
{
    (void)get(f, 0x0c);
    emu_test_advance(f->machine, SECOND + 1000000);
    g_assert_cmphex(get(f, 0x0c), ==, 0x50); /* PF and UF without any enable, no IRQF */
    g_assert_cmphex(get(f, 0x0c), ==, 0x00);
    g_assert_cmpuint(emu_test_isa_irq_rises(f->isa, 8), ==, 0);
}

static void
test_periodic(Fixture *f, gconstpointer data)
{
    unsigned n = 0;

    (void)get(f, 0x0c);
    set(f, 0x0b, 0x42);
    for (unsigned i = 0; i < 20000; i++) { /* 2 seconds at 1024 Hz, polled every 100 us */
        emu_test_advance(f->machine, 100000);
        if (irq(f)) {
            g_assert_cmphex(get(f, 0x0c) & 0xc0, ==, 0xc0);
            n++;
        }
    }
    g_assert_cmpuint(n, >=, 2047);
    g_assert_cmpuint(n, <=, 2049);
}

static void
test_alarm(Fixture *f, gconstpointer data)
{
    set(f, 0x01, 0x05);
    set(f, 0x03, 0xc0); /* every minute */
    set(f, 0x05, 0xff); /* every hour */
    (void)get(f, 0x0c);
    set(f, 0x0b, 0x22);
    emu_test_advance(f->machine, 4 * SECOND + SECOND / 2);
    g_assert_cmpint(irq(f), ==, 0);
    emu_test_advance(f->machine, SECOND);
    g_assert_cmpint(irq(f), ==, 1);
    g_assert_cmphex(get(f, 0x0c) & 0xa0, ==, 0xa0);
    emu_test_advance(f->machine, 59 * SECOND);
    g_assert_cmpint(irq(f), ==, 0);
    emu_test_advance(f->machine, SECOND);
    g_assert_cmpint(irq(f), ==, 1);
}

static void
test_memory(Fixture *f, gconstpointer data)
{
    EmuCmos *cmos = EMU_CMOS(f->rtc);

    emu_machine_lock(f->machine);
    emu_cmos_set(cmos, 0x34, 0x12);
    emu_machine_unlock(f->machine);
    g_assert_cmphex(get(f, 0x34), ==, 0x12);
    set(f, 0x7f, 0x99);
    g_assert_cmphex(get(f, 0xff), ==, 0x99); /* bit 7 is the NMI mask */
    g_assert_cmphex(get(f, 0x0d), ==, 0x80);
    set(f, 0x0d, 0x00);
    g_assert_cmphex(get(f, 0x0d), ==, 0x80);
    emu_test_reset(f->machine);
    g_assert_cmphex(get(f, 0x34), ==, 0x12);
}

static void
test_reset_clears_enables(Fixture *f, gconstpointer data)
{
    set(f, 0x0b, 0x7a);
    emu_test_advance(f->machine, 2 * SECOND);
    g_assert_cmpint(irq(f), ==, 1);
    emu_test_reset(f->machine);
    g_assert_cmpint(irq(f), ==, 0);
    g_assert_cmphex(get(f, 0x0b), ==, 0x02);
}

/* Nanoseconds since 1970 end in 2262; the chip's calendar does not. */
static void
test_far_years(Fixture *f, gconstpointer data)
{
    static const uint8_t centuries[] = {0x16, 0x22, 0x23, 0x99};

    for (unsigned i = 0; i < G_N_ELEMENTS(centuries); i++) {
        set_time(f, 0x23, 0x59, 0x59);
        set(f, 0x32, centuries[i]);
        set(f, 0x09, 0x98);
        set(f, 0x08, 0x12);
        set(f, 0x07, 0x31);
        emu_test_advance(f->machine, 1 * SECOND);
        g_assert_cmphex(get(f, 0x32), ==, centuries[i]);
        g_assert_cmphex(get(f, 0x09), ==, 0x99);
        g_assert_cmphex(get(f, 0x08), ==, 0x01);
        g_assert_cmphex(get(f, 0x07), ==, 0x01);
        g_assert_cmphex(get(f, 0x04), ==, 0x00);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add("/rtc/" path, Fixture, NULL, setup, fn, teardown)
    ADD("date", test_date);
    ADD("far-years", test_far_years);
    ADD("formats", test_formats);
    ADD("set-stops-time", test_set_stops_time);
    ADD("divider-reset", test_divider_reset);
    ADD("set-keeps-the-phase", test_set_keeps_phase);
    ADD("update/in-progress", test_update_in_progress);
    ADD("update/interrupt", test_update_interrupt);
    ADD("flags-without-enables", test_polled_flags);
    ADD("periodic", test_periodic);
    ADD("alarm/dont-care", test_alarm);
    ADD("memory", test_memory);
    ADD("reset-clears-enables", test_reset_clears_enables);
    return g_test_run();
}
