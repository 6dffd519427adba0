/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/pci.h>
#include <emu/test.h>

#define DEV 0x80002000u /* slot 4 */
#define BAR 0xe0000000u
#define SECOND INT64_C(1000000000)

typedef struct {
    EmuMachine *m;
    unsigned fired;
} Fixture;

static void
fired_cb(EmuMachine *machine G_GNUC_UNUSED, int action, Fixture *f)
{
    g_assert_cmpint(action, ==, 0); /* reset */
    f->fired++;
}

static void
set_up(Fixture *f, gconstpointer type)
{
    g_autoptr(GError) error = NULL;

    f->m = emu_test_machine_new("pc", &error);
    g_assert_no_error(error);
    g_assert_nonnull(emu_test_add_device(f->m, type, g_str_equal(type, "i6300esb") ? "addr=4" : NULL, &error));
    g_assert_no_error(error);
    g_signal_connect(f->m, "watchdog", G_CALLBACK(fired_cb), f);
    emu_test_reset(f->m);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
}

static void
test_ib700(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmphex(emu_test_in(f->m, 0x443, 1), ==, 0xff);
    emu_test_out(f->m, 0x443, 10, 1); /* 10 s */
    emu_test_advance(f->m, 9 * SECOND);
    g_assert_cmpuint(f->fired, ==, 0);
    emu_test_out(f->m, 0x443, 0xfe, 1); /* again, 2 s */
    emu_test_advance(f->m, 3 * SECOND / 2);
    g_assert_cmpuint(f->fired, ==, 0);
    emu_test_advance(f->m, SECOND);
    emu_test_settle(f->m);
    g_assert_cmpuint(f->fired, ==, 1);
    emu_test_out(f->m, 0x443, 0, 1); /* 30 s */
    emu_test_out(f->m, 0x441, 0, 1);
    emu_test_advance(f->m, 40 * SECOND);
    g_assert_cmpuint(f->fired, ==, 1);
}

static uint64_t
config_in(Fixture *f, uint8_t reg, unsigned size)
{
    emu_test_out(f->m, 0xcf8, DEV | (reg & 0xfc), 4);
    return emu_test_in(f->m, 0xcfc + (reg & 3), size);
}

static void
config_out(Fixture *f, uint8_t reg, uint64_t value, unsigned size)
{
    emu_test_out(f->m, 0xcf8, DEV | (reg & 0xfc), 4);
    emu_test_out(f->m, 0xcfc + (reg & 3), value, size);
}

static void
unlocked(Fixture *f, unsigned reg, uint32_t value)
{
    emu_test_write(f->m, BAR + 0xc, 0x80, 2);
    emu_test_write(f->m, BAR + 0xc, 0x86, 2);
    emu_test_write(f->m, BAR + reg, value, reg == 0xc ? 2 : 4);
}

/* Two stages of a second each: 1 kHz is 2^15 PCI clocks. */
static void
esb_start(Fixture *f, uint8_t lock)
{
    config_out(f, 0x10, BAR, 4);
    config_out(f, 0x04, 2, 2);
    unlocked(f, 0, 1007);
    unlocked(f, 4, 1007);
    config_out(f, 0x68, lock, 1);
}

static void
test_esb_identity(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmphex(config_in(f, 0, 4), ==, 0x25ab8086);
    g_assert_cmphex(config_in(f, 0x0a, 2), ==, 0x0880);
    config_out(f, 0x60, 0xffff, 2);
    g_assert_cmphex(config_in(f, 0x60, 2), ==, 0x27);
}

static void
test_esb_two_stages(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    esb_start(f, 2);
    emu_test_advance(f->m, SECOND / 2);
    g_assert_cmphex(emu_test_read(f->m, BAR + 8, 4), ==, 0);
    unlocked(f, 0xc, 0x100);
    emu_test_advance(f->m, 3 * SECOND / 4);
    g_assert_cmphex(emu_test_read(f->m, BAR + 8, 4), ==, 0); /* the ping counted */
    emu_test_advance(f->m, SECOND / 2);
    g_assert_cmphex(emu_test_read(f->m, BAR + 8, 4), ==, 1);
    emu_test_write(f->m, BAR + 8, 1, 4);
    g_assert_cmphex(emu_test_read(f->m, BAR + 8, 4), ==, 0);
    g_assert_cmpuint(f->fired, ==, 0);
    emu_test_advance(f->m, SECOND);
    emu_test_settle(f->m);
    g_assert_cmpuint(f->fired, ==, 1);
    /* It was a reset; the guest sees that the watchdog did it. */
    g_assert_cmphex(config_in(f, 0x68, 1), ==, 0);
    esb_start(f, 0);
    g_assert_cmphex(emu_test_read(f->m, BAR + 0xc, 2), ==, 0x1200);
    unlocked(f, 0xc, 0x200);
    g_assert_cmphex(emu_test_read(f->m, BAR + 0xc, 2), ==, 0);
}

static void
test_esb_protection(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    esb_start(f, 0);
    emu_test_write(f->m, BAR, 5, 4);
    g_assert_cmphex(emu_test_read(f->m, BAR, 4), ==, 1007);
    emu_test_write(f->m, BAR + 0xc, 0x86, 2);
    emu_test_write(f->m, BAR, 5, 4);
    g_assert_cmphex(emu_test_read(f->m, BAR, 4), ==, 1007);
    emu_test_write(f->m, BAR + 0xc, 0x80, 2); /* one sequence begun in another */
    emu_test_write(f->m, BAR + 0xc, 0x86, 2);
    unlocked(f, 0, 1000);
    g_assert_cmphex(emu_test_read(f->m, BAR, 4), ==, 1000);
    emu_test_write(f->m, BAR, 5, 4); /* it is good for one write */
    g_assert_cmphex(emu_test_read(f->m, BAR, 4), ==, 1000);
    unlocked(f, 0, 1007);
    config_out(f, 0x68, 3, 1); /* enabled and locked */
    config_out(f, 0x68, 0, 1);
    g_assert_cmphex(config_in(f, 0x68, 1), ==, 3);
    emu_test_advance(f->m, 3 * SECOND);
    emu_test_settle(f->m);
    g_assert_cmpuint(f->fired, ==, 1);
}

static void
test_esb_free_run_and_output(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    esb_start(f, 6);
    emu_test_advance(f->m, 5 * SECOND);
    g_assert_cmphex(emu_test_read(f->m, BAR + 8, 4), ==, 1);
    g_assert_cmpuint(f->fired, ==, 0);
    emu_test_reset(f->m);
    config_out(f, 0x60, 0x20, 1);
    esb_start(f, 2);
    emu_test_advance(f->m, 5 * SECOND);
    emu_test_settle(f->m);
    g_assert_cmpuint(f->fired, ==, 0);
}

static void
test_esb_state(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;

    esb_start(f, 3);
    emu_test_advance(f->m, 3 * SECOND / 2);
    state = emu_test_save(f->m, &error);
    g_assert_no_error(error);
    emu_test_reset(f->m);
    g_assert_true(emu_test_load(f->m, state, &error));
    config_out(f, 0x68, 0, 1); /* still locked */
    emu_test_advance(f->m, SECOND);
    emu_test_settle(f->m);
    g_assert_cmpuint(f->fired, ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, type, fn) g_test_add("/watchdog/" name, Fixture, type, set_up, fn, tear_down)
    ADD("ib700", "ib700", test_ib700);
    ADD("i6300esb/identity", "i6300esb", test_esb_identity);
    ADD("i6300esb/two-stages", "i6300esb", test_esb_two_stages);
    ADD("i6300esb/protection", "i6300esb", test_esb_protection);
    ADD("i6300esb/free-run-and-output", "i6300esb", test_esb_free_run_and_output);
    ADD("i6300esb/state", "i6300esb", test_esb_state);
    return g_test_run();
}
