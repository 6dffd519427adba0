/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/test-kit.h>

#define BASE UINT64_C(0x10000000)
enum { LOAD = 0, VALUE = 4, CONTROL = 8, STATUS = 12 };

typedef struct {
    EmuMachine *m;
    EmuTestWatch *irq;
} Fixture;

/* What a board does: makes it, maps it, wires it. */
static void
set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    EmuDevice *dev;

    f->m = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    dev = emu_test_add_device(f->m, "countdown", NULL, &error);
    g_assert_no_error(error);
    emu_machine_lock(f->m);
    emu_sysbus_map(EMU_SYSBUS_DEVICE(dev), 0, BASE, 0);
    emu_machine_unlock(f->m);
    f->irq = emu_test_watch_line(emu_device_get_line_out(dev, "irq", 0));
    emu_test_reset(f->m);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    emu_test_watch_free(f->irq);
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
}

static uint32_t
get(Fixture *f, unsigned reg)
{
    return (uint32_t)emu_test_read(f->m, BASE + reg, 4);
}

static void
put(Fixture *f, unsigned reg, uint32_t value)
{
    emu_test_write(f->m, BASE + reg, value, 4);
}

static void
test_once(Fixture *f, gconstpointer data)
{
    put(f, LOAD, 100);
    g_assert_cmpuint(get(f, VALUE), ==, 100);
    put(f, CONTROL, 5);
    emu_test_advance(f->m, 40000);
    g_assert_cmpuint(get(f, VALUE), ==, 60);
    put(f, CONTROL, 4);
    emu_test_advance(f->m, 1000000);
    g_assert_cmpuint(get(f, VALUE), ==, 60);
    put(f, CONTROL, 5);
    emu_test_expect_line(f->m, f->irq, 1, 60000);
    g_assert_cmpuint(get(f, CONTROL), ==, 4);
    put(f, STATUS, 1);
    g_assert_cmpint(f->irq->level, ==, 0);
    g_assert_false(emu_test_wait_line(f->m, f->irq, 1, EMU_NS_PER_SEC));
}

static void
test_repeats(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;

    put(f, LOAD, 1000);
    put(f, CONTROL, 7);
    for (unsigned i = 0; i < 5; i++) {
        emu_test_expect_line(f->m, f->irq, 1, 1000000);
        put(f, STATUS, 1);
    }
    emu_test_advance(f->m, 500000);
    state = emu_test_save(f->m, &error);
    g_assert_no_error(error);
    emu_test_reset(f->m);
    g_assert_cmpuint(get(f, VALUE), ==, 0);
    g_assert_true(emu_test_load(f->m, state, &error));
    g_assert_cmpuint(get(f, VALUE), <=, 500);
    emu_test_expect_line(f->m, f->irq, 1, 500000);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/countdown/once", Fixture, NULL, set_up, test_once, tear_down);
    g_test_add("/countdown/repeats", Fixture, NULL, set_up, test_repeats, tear_down);
    emu_lint_add_tests("countdown", &(EmuLintOptions){.struct_size = sizeof(EmuLintOptions), .rounds = 100, .accesses = 2000});
    return g_test_run();
}
