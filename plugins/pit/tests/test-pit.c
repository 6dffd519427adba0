/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The 8254 through its ports, its OUT 0 line and the speaker port. Time moves in CLK pulses. */

#include <emu/test.h>
#include <emu/x86-pc.h>

#define CLK_HZ INT64_C(1193182)
#define MS INT64_C(1000000)

typedef struct {
    EmuMachine *machine;
    EmuDevice *pit;
    EmuTestWatch *irq;
} Fixture;

static void
setup(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    GError *error = NULL;
    EmuDevice *speaker;

    f->machine = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    emu_test_isa_bus_new(f->machine);
    f->pit = emu_test_add_device(f->machine, "isa-pit", NULL, &error);
    g_assert_no_error(error);
    speaker = emu_device_new("isa-pcspk", &error);
    g_assert_no_error(error);
    emu_object_set_link(speaker, "pit", f->pit, &error);
    emu_machine_lock(f->machine);
    emu_device_realize(speaker, f->machine, emu_device_get_bus(f->pit), &error);
    emu_machine_unlock(f->machine);
    g_assert_no_error(error);
    f->irq = emu_test_watch_line(emu_device_get_line_out(f->pit, NULL, 0));
}

static void
teardown(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_watch_free(f->irq);
    emu_machine_destroy(f->machine);
    g_object_unref(f->machine);
}

static void
out(Fixture *f, uint16_t port, uint8_t value)
{
    emu_test_out(f->machine, port, value, 1);
}

static uint8_t
in(Fixture *f, uint16_t port)
{
    return emu_test_in(f->machine, port, 1);
}

/* Control word, then the count, LSB and MSB. */
static void
load(Fixture *f, unsigned counter, unsigned mode, uint16_t count)
{
    out(f, 0x43, counter << 6 | 0x30 | mode << 1);
    out(f, 0x40 + counter, count & 0xff);
    out(f, 0x40 + counter, count >> 8);
}

static uint16_t
count(Fixture *f, unsigned counter)
{
    uint16_t value;

    out(f, 0x43, counter << 6);
    value = in(f, 0x40 + counter);
    return value | in(f, 0x40 + counter) << 8;
}

/* To the middle of a CLK, so that rounding does not matter. */
static void
clocks(Fixture *f, int64_t n)
{
    emu_test_advance(f->machine, n * EMU_NS_PER_SEC / CLK_HZ);
}

static void
half_clock(Fixture *f)
{
    emu_test_advance(f->machine, EMU_NS_PER_SEC / CLK_HZ / 2);
}

static bool
out2(Fixture *f)
{
    return in(f, 0x61) & 0x20;
}

static void
test_mode0(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    half_clock(f);
    load(f, 0, 0, 1000);
    g_assert_cmpint(f->irq->level, ==, 0);
    clocks(f, 501);
    g_assert_cmpint(ABS(count(f, 0) - 500), <=, 1);
    clocks(f, 490);
    g_assert_cmpint(f->irq->level, ==, 0);
    clocks(f, 30);
    g_assert_cmpint(f->irq->level, ==, 1);
    g_assert_cmpuint(f->irq->rises, ==, 1);
    clocks(f, 70000);
    g_assert_cmpuint(f->irq->rises, ==, 1);
    out(f, 0x40, 0); /* first byte: OUT falls */
    g_assert_cmpint(f->irq->level, ==, 0);
    out(f, 0x40, 1);
    clocks(f, 260);
    g_assert_cmpint(f->irq->level, ==, 1);
}

static void
test_mode2(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    unsigned before;

    half_clock(f);
    load(f, 0, 2, 1193); /* 1000.15 Hz */
    before = f->irq->rises;
    emu_test_advance(f->machine, EMU_NS_PER_SEC);
    g_assert_cmpuint(f->irq->rises - before, >=, 999);
    g_assert_cmpuint(f->irq->rises - before, <=, 1001);
}

static void
test_mode2_reload(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    half_clock(f);
    load(f, 2, 2, 10000);
    out(f, 0x61, 1);
    clocks(f, 4000);
    out(f, 0x42, 0x88); /* 5000 */
    out(f, 0x42, 0x13);
    g_assert_cmpint(ABS(count(f, 2) - 6000), <=, 3); /* the old period goes on */
    clocks(f, 6010);
    g_assert_cmpint(ABS(count(f, 2) - 4990), <=, 5);
}

static void
test_mode3(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    half_clock(f);
    load(f, 0, 3, 1001);
    clocks(f, 1001 * 10 + 4);
    g_assert_cmpuint(f->irq->rises, ==, 11); /* the first when the mode was set */
    g_assert_cmpint(f->irq->level, ==, 1);
    clocks(f, 505); /* high for 501 */
    g_assert_cmpint(f->irq->level, ==, 0);
    g_assert_cmpuint(count(f, 0) & 1, ==, 0);
}

/* A new count waits for the end of the half period that is going on. */
static void
test_mode3_reload(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    half_clock(f);
    out(f, 0x61, 1);
    load(f, 2, 3, 10000);
    clocks(f, 2000);
    out(f, 0x42, 0xe8); /* 1000, in the high half */
    out(f, 0x42, 0x03);
    clocks(f, 2990);
    g_assert_true(out2(f)); /* 4990 of 5000 */
    clocks(f, 20);
    g_assert_false(out2(f));
    clocks(f, 480);
    g_assert_false(out2(f));
    clocks(f, 20); /* 500 low, of the new count */
    g_assert_true(out2(f));
    clocks(f, 500);
    g_assert_false(out2(f));
    out(f, 0x42, 0x10); /* 10000, in the low half: from the next period on */
    out(f, 0x42, 0x27);
    clocks(f, 500);
    g_assert_true(out2(f));
    clocks(f, 4970);
    g_assert_true(out2(f));
    clocks(f, 40);
    g_assert_false(out2(f));
}

static void
test_mode1(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    half_clock(f);
    load(f, 2, 1, 100);
    g_assert_true(out2(f));
    clocks(f, 200);
    g_assert_true(out2(f)); /* not triggered */
    out(f, 0x61, 1);
    clocks(f, 50);
    g_assert_false(out2(f));
    out(f, 0x61, 0);
    out(f, 0x61, 1); /* again: starts over */
    clocks(f, 80);
    g_assert_false(out2(f));
    clocks(f, 30);
    g_assert_true(out2(f));
}

static void
test_mode4(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    unsigned before;

    half_clock(f);
    load(f, 0, 4, 500);
    before = f->irq->rises;
    clocks(f, 495);
    g_assert_cmpuint(f->irq->rises, ==, before);
    clocks(f, 40);
    g_assert_cmpuint(f->irq->rises, ==, before + 1);
    clocks(f, 70000);
    g_assert_cmpuint(f->irq->rises, ==, before + 1);
}

static void
test_gate_holds(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    uint16_t held;

    half_clock(f);
    out(f, 0x61, 1);
    load(f, 2, 0, 1000);
    clocks(f, 400);
    out(f, 0x61, 0);
    held = count(f, 2);
    clocks(f, 5000);
    g_assert_cmpuint(count(f, 2), ==, held);
    out(f, 0x61, 1);
    clocks(f, 100);
    g_assert_cmpint(ABS(count(f, 2) - (held - 100)), <=, 1);
}

/* Mode 5: the gate's rising edge starts, and starts again; OUT is low for one CLK after the count. */
static void
test_mode5(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    half_clock(f);
    load(f, 2, 5, 100);
    out(f, 0x61, 0); /* gate low */
    clocks(f, 300);
    g_assert_true(out2(f));
    out(f, 0x61, 1);
    clocks(f, 60);
    out(f, 0x61, 0);
    out(f, 0x61, 1); /* again, before it is through */
    clocks(f, 60);
    g_assert_true(out2(f));
    clocks(f, 41);
    g_assert_false(out2(f));
    clocks(f, 1);
    g_assert_true(out2(f));
    clocks(f, 500);
    g_assert_true(out2(f)); /* once per trigger */
}

/* Modes 2 and 3: a low gate stops the count with OUT high; its rising edge starts a whole period. */
static void
test_gate_restarts_periods(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    for (unsigned mode = 2; mode <= 3; mode++) {
        out(f, 0x61, 1);
        half_clock(f);
        load(f, 2, mode, 1000);
        clocks(f, 700);
        out(f, 0x61, 0);
        g_assert_true(out2(f));
        clocks(f, 5000);
        g_assert_true(out2(f));
        out(f, 0x61, 1);
        clocks(f, 301);
        g_assert_cmpint(ABS(count(f, 2) - (mode == 2 ? 700 : 400)), <=, 2);
    }
}

/* One read-back command for several counters: status first, then the count, of each. */
static void
test_read_back_many(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    uint16_t first, second;

    half_clock(f);
    load(f, 0, 2, 5000);
    load(f, 2, 3, 3000);
    out(f, 0x61, 1);
    clocks(f, 100);
    out(f, 0x43, 0xc0 | 1 << 1 | 1 << 3); /* count and status of 0 and 2 */
    clocks(f, 500);
    g_assert_cmphex(in(f, 0x40) & 0x3f, ==, 0x34);
    first = in(f, 0x40);
    first |= in(f, 0x40) << 8;
    g_assert_cmpint(ABS(first - 4900), <=, 2);
    g_assert_cmphex(in(f, 0x42) & 0x3f, ==, 0x36);
    second = in(f, 0x42);
    second |= in(f, 0x42) << 8;
    g_assert_cmpint(ABS(second - 2800), <=, 4);
    /* A count that was written and is not in the counter yet: null count. */
    out(f, 0x43, 0x34);
    out(f, 0x43, 0xe2);
    g_assert_cmphex(in(f, 0x40) & 0x40, ==, 0x40);
}

static void
test_latch(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    uint8_t low;

    half_clock(f);
    load(f, 0, 2, 0); /* 65536 */
    clocks(f, 1001);
    out(f, 0x43, 0x00);
    low = in(f, 0x40);
    clocks(f, 300);
    g_assert_cmpint(ABS((low | in(f, 0x40) << 8) - (65536 - 1000)), <=, 1);
}

static void
test_read_back(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    half_clock(f);
    out(f, 0x43, 0xb4); /* counter 2, mode 2 */
    out(f, 0x43, 0xe8); /* status of counter 2 */
    g_assert_cmphex(in(f, 0x42), ==, 0xf4); /* OUT high, null count */
    out(f, 0x61, 1);
    out(f, 0x42, 0x10);
    out(f, 0x42, 0x00);
    clocks(f, 3);
    out(f, 0x43, 0xc8); /* status and count */
    g_assert_cmphex(in(f, 0x42) & 0x7f, ==, 0x34);
    g_assert_cmpuint(in(f, 0x42), <=, 0x10);
    g_assert_cmpuint(in(f, 0x42), ==, 0);
}

static void
test_bcd(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    half_clock(f);
    out(f, 0x61, 1);
    out(f, 0x43, 0xb5); /* counter 2, mode 2, BCD */
    out(f, 0x42, 0x00);
    out(f, 0x42, 0x10); /* 1000 */
    clocks(f, 101);
    g_assert_cmphex(count(f, 2) & 0xff00, ==, 0x0900);
}

static void
test_refresh(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    unsigned changes = 0;
    uint8_t last = in(f, 0x61) & 0x10;

    for (unsigned i = 0; i < 1000; i++) {
        uint8_t now;

        emu_test_advance(f->machine, 1000);
        now = in(f, 0x61) & 0x10;
        changes += now != last;
        last = now;
    }
    g_assert_cmpuint(changes, >=, 65);
    g_assert_cmpuint(changes, <=, 67);
}

static void
test_state(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GBytes) state = NULL;
    GError *error = NULL;
    unsigned before;

    half_clock(f);
    load(f, 0, 0, 1000);
    clocks(f, 500);
    state = emu_test_save(f->machine, &error);
    g_assert_no_error(error);
    load(f, 0, 2, 20);
    emu_test_advance(f->machine, 1000000);
    g_assert_true(emu_test_load(f->machine, state, &error));
    g_assert_no_error(error);
    before = f->irq->rises;
    g_assert_cmpint(ABS(count(f, 0) - 501), <=, 2);
    clocks(f, 520);
    g_assert_cmpuint(f->irq->rises, ==, before + 1);
}

/* Periods that the host slept through are made up for, faster than they would come, and in saved state too; a new count forgets them. */
static void
test_stalls(Fixture *f, gconstpointer data)
{
    unsigned mode = GPOINTER_TO_UINT(data), at_once;
    GError *error = NULL;
    g_autoptr(GBytes) state = NULL;

    load(f, 0, mode, 11932); /* 100 Hz */
    f->irq->rises = 0;
    emu_test_advance(f->machine, 105 * MS);
    g_assert_cmpuint(f->irq->rises, ==, 10);
    emu_test_stall(f->machine, 100 * MS);
    g_assert_cmpuint(f->irq->rises, <=, 11);
    at_once = f->irq->rises;
    state = emu_test_save(f->machine, &error);
    g_assert_no_error(error);
    emu_test_advance(f->machine, 5 * MS);
    g_assert_cmpuint(f->irq->rises, >, at_once);
    g_assert_cmpuint(f->irq->rises, <, at_once + 3);
    emu_test_advance(f->machine, 92 * MS);
    g_assert_cmpuint(f->irq->rises, ==, 30);
    g_assert_true(emu_test_load(f->machine, state, &error));
    emu_test_advance(f->machine, 97 * MS);
    g_assert_cmpuint(f->irq->rises, >=, 30 + 18);
    emu_test_stall(f->machine, 3600 * 1000 * MS); /* not an hour's */
    emu_test_advance(f->machine, 1000 * MS);
    g_assert_cmpuint(f->irq->rises, <, 49 + 210);
    emu_test_stall(f->machine, 500 * MS);
    load(f, 0, mode, 11932);
    emu_test_advance(f->machine, 1 * MS);
    g_assert_cmpuint(f->irq->rises, <, 49 + 213);
    emu_test_advance(f->machine, 24 * MS);
    g_assert_cmpuint(f->irq->rises, <, 49 + 216);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add(path, Fixture, NULL, setup, fn, teardown)
    ADD("/pit/mode0/rises-once-at-terminal-count", test_mode0);
    ADD("/pit/mode1/trigger-starts-and-restarts", test_mode1);
    ADD("/pit/mode2/thousand-hertz", test_mode2);
    ADD("/pit/mode2/new-count-waits-for-the-period", test_mode2_reload);
    ADD("/pit/mode3/new-count-at-the-half", test_mode3_reload);
    ADD("/pit/mode3/odd-count-high-one-longer", test_mode3);
    g_test_add("/pit/mode2/stalls-are-made-up-for", Fixture, GUINT_TO_POINTER(2), setup, test_stalls, teardown);
    g_test_add("/pit/mode3/stalls-are-made-up-for", Fixture, GUINT_TO_POINTER(3), setup, test_stalls, teardown);
    ADD("/pit/mode4/one-strobe", test_mode4);
    ADD("/pit/mode5/gate-triggers-the-strobe", test_mode5);
    ADD("/pit/gate/holds-mode-0", test_gate_holds);
    ADD("/pit/gate/restarts-periods", test_gate_restarts_periods);
    ADD("/pit/read-back/many-counters", test_read_back_many);
    ADD("/pit/latch/count-stands", test_latch);
    ADD("/pit/read-back/status-and-count", test_read_back);
    ADD("/pit/bcd/counts-in-decimal", test_bcd);
    ADD("/pit/speaker-port/refresh-toggles", test_refresh);
    ADD("/pit/state/goes-on-where-it-was", test_state);
    return g_test_run();
}
