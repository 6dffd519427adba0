/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/test.h>

#define BASE 0xfed00000
#define MS INT64_C(1000000)

typedef struct {
    EmuMachine *machine;
    EmuDevice *hpet;
    EmuTestWatch *irq2, *irq0, *irq8, *legacy;
} Fixture;

static void
setup(Fixture *f, gconstpointer data)
{
    GError *error = NULL;

    f->machine = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    f->hpet = emu_test_add_device(f->machine, "hpet", data, &error);
    g_assert_no_error(error);
    emu_machine_lock(f->machine);
    emu_sysbus_map(EMU_SYSBUS_DEVICE(f->hpet), 0, BASE, 0);
    emu_machine_unlock(f->machine);
    f->irq0 = emu_test_watch_line(emu_device_get_line_out(f->hpet, "irq", 0));
    f->irq2 = emu_test_watch_line(emu_device_get_line_out(f->hpet, "irq", 2));
    f->irq8 = emu_test_watch_line(emu_device_get_line_out(f->hpet, "irq", 8));
    f->legacy = emu_test_watch_line(emu_device_get_line_out(f->hpet, "legacy", 0));
}

static void
teardown(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_watch_free(f->irq0);
    emu_test_watch_free(f->irq2);
    emu_test_watch_free(f->irq8);
    emu_test_watch_free(f->legacy);
    emu_machine_destroy(f->machine);
    g_object_unref(f->machine);
}

static uint64_t
get(Fixture *f, unsigned reg, unsigned size)
{
    return emu_test_read(f->machine, BASE + reg, size);
}

static void
set(Fixture *f, unsigned reg, uint64_t value, unsigned size)
{
    emu_test_write(f->machine, BASE + reg, value, size);
}

static void
test_counter(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmphex(get(f, 0, 8), ==, UINT64_C(0x009896808086a201));
    g_assert_cmphex(get(f, 4, 4), ==, 0x00989680);
    emu_test_advance(f->machine, MS);
    g_assert_cmpuint(get(f, 0xf0, 8), ==, 0); /* stands */
    set(f, 0xf0, UINT64_C(0xfffffff0), 8);
    set(f, 0x10, 1, 4);
    emu_test_advance(f->machine, MS);
    g_assert_cmphex(get(f, 0xf0, 8), ==, UINT64_C(0xfffffff0) + 100000);
    g_assert_cmphex(get(f, 0xf4, 4), ==, 1);
    set(f, 0x10, 0, 4);
    emu_test_advance(f->machine, MS);
    g_assert_cmphex(get(f, 0xf0, 8), ==, UINT64_C(0xfffffff0) + 100000);
}

static void
test_one_shot(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set(f, 0x10, 1, 4);
    set(f, 0x100, 0x0404 | 0x100, 4); /* route 2, enabled, 32 bits */
    set(f, 0x108, 100000, 4);
    emu_test_advance(f->machine, MS - 100);
    g_assert_cmpuint(f->irq2->rises, ==, 0);
    emu_test_advance(f->machine, 200);
    g_assert_cmpuint(f->irq2->rises, ==, 1);
    emu_test_advance(f->machine, 100 * MS);
    g_assert_cmpuint(f->irq2->rises, ==, 1);
}

static void
test_periodic(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set(f, 0x10, 1, 4);
    set(f, 0x100, 0x044c, 4); /* route 2, enabled, periodic, value set */
    set(f, 0x108, 50000, 8);
    set(f, 0x108, 100000, 8); /* the period only */
    emu_test_advance(f->machine, MS / 2 + 1000);
    g_assert_cmpuint(f->irq2->rises, ==, 1);
    for (unsigned i = 0; i < 10; i++) {
        emu_test_advance(f->machine, MS);
    }
    g_assert_cmpuint(f->irq2->rises, ==, 11);
}

static void
test_level(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set(f, 0x10, 1, 4);
    set(f, 0x120, 0x0406, 4);
    set(f, 0x128, 1000, 8);
    emu_test_advance(f->machine, MS);
    g_assert_cmpint(f->irq2->level, ==, 1);
    g_assert_cmphex(get(f, 0x20, 4), ==, 2);
    set(f, 0x20, 1, 4);
    g_assert_cmpint(f->irq2->level, ==, 1);
    set(f, 0x20, 2, 4);
    g_assert_cmpint(f->irq2->level, ==, 0);
}

static void
test_legacy(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set(f, 0x10, 3, 4);
    g_assert_cmpint(f->legacy->level, ==, 1);
    set(f, 0x100, 0x0104, 4);
    set(f, 0x108, 1000, 4);
    set(f, 0x120, 0x0104, 4);
    set(f, 0x128, 1000, 4);
    emu_test_advance(f->machine, MS);
    set(f, 0x10, 1, 4);
    g_assert_cmpuint(f->irq8->rises, ==, 1);
    g_assert_cmpuint(f->irq0->rises, ==, 1);
    g_assert_cmpint(f->legacy->level, ==, 0);
}

/* A match sets the status bit of a level-triggered timer that may not interrupt, and it interrupts once it may. */
static void
test_level_disabled(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set(f, 0x10, 1, 4);
    set(f, 0x120, 0x0402, 4);
    set(f, 0x128, 1000, 8);
    emu_test_advance(f->machine, MS);
    g_assert_cmphex(get(f, 0x20, 4), ==, 2);
    g_assert_cmpint(f->irq2->level, ==, 0);
    set(f, 0x120, 0x0406, 4);
    g_assert_cmpint(f->irq2->level, ==, 1);
    /* Stopping keeps the bit and takes the interrupt away. */
    set(f, 0x10, 0, 4);
    g_assert_cmpint(f->irq2->level, ==, 0);
    g_assert_cmphex(get(f, 0x20, 4), ==, 2);
    set(f, 0x10, 1, 4);
    g_assert_cmpint(f->irq2->level, ==, 1);
    set(f, 0x20, 2, 4);
    g_assert_cmpint(f->irq2->level, ==, 0);
}

static void
test_shared_line(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set(f, 0x10, 1, 4);
    set(f, 0x120, 0x0406, 4);
    set(f, 0x128, 1000, 8);
    set(f, 0x140, 0x0406, 4);
    set(f, 0x148, 2000, 8);
    emu_test_advance(f->machine, MS);
    g_assert_cmphex(get(f, 0x20, 4), ==, 6);
    set(f, 0x20, 2, 4);
    g_assert_cmpint(f->irq2->level, ==, 1);
    set(f, 0x20, 4, 4);
    g_assert_cmpint(f->irq2->level, ==, 0);
}

/* The accumulator of a periodic timer moves on while the timer may not interrupt. */
static void
test_periodic_disabled(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set(f, 0x10, 1, 4);
    set(f, 0x100, 0x044c, 4);
    set(f, 0x108, 100000, 8);
    emu_test_advance(f->machine, MS + 1000);
    g_assert_cmpuint(f->irq2->rises, ==, 1);
    set(f, 0x100, 0x0408, 4);
    emu_test_advance(f->machine, 10 * MS);
    g_assert_cmpuint(f->irq2->rises, ==, 1);
    g_assert_cmpuint(get(f, 0x108, 8), ==, 1200000);
    set(f, 0x100, 0x040c, 4);
    emu_test_advance(f->machine, MS);
    g_assert_cmpuint(f->irq2->rises, ==, 2);
}

/* 64-bit values by two writes of 32 bits: VAL_SET holds for one, and the period has halves of its own. */
static void
test_halves(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set(f, 0x100, 0x044c, 4);
    set(f, 0x108, 0x1000, 4);
    g_assert_cmphex(get(f, 0x100, 4) & 0x40, ==, 0);
    set(f, 0x100, 0x044c, 4);
    set(f, 0x10c, 0, 4);
    g_assert_cmphex(get(f, 0x108, 8), ==, 0x1000);
    set(f, 0x108, 100000, 4); /* the period's lower half */
    g_assert_cmphex(get(f, 0x108, 8), ==, 0x1000);
    set(f, 0x10, 1, 4);
    emu_test_advance(f->machine, 0x1000 * 10);
    g_assert_cmpuint(f->irq2->rises, ==, 1);
    g_assert_cmpuint(get(f, 0x108, 8), ==, 0x1000 + 100000);
    emu_test_advance(f->machine, MS);
    g_assert_cmpuint(f->irq2->rises, ==, 2);
    set(f, 0x10c, 1, 4); /* and the upper: the next period is longer */
    emu_test_advance(f->machine, MS);
    g_assert_cmpuint(f->irq2->rises, ==, 3);
    g_assert_cmphex(get(f, 0x108, 8), ==, UINT64_C(0x100000000) + 0x1000 + 3 * 100000);
}

static void
test_routes(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmphex(get(f, 0x100, 8), ==, UINT64_C(0x0000000400000030));
    set(f, 0x100, 0x0400, 4);
    g_assert_cmphex(get(f, 0x100, 4), ==, 0x0430);
    set(f, 0x100, 0x0606, 4); /* there is no route 3 */
    g_assert_cmphex(get(f, 0x100, 4), ==, 0x0436);
    set(f, 0x100, 0x4400, 4); /* and no messages */
    g_assert_cmphex(get(f, 0x100, 4), ==, 0x0430);
    set(f, 0x110, UINT64_MAX, 8);
    g_assert_cmphex(get(f, 0x110, 8), ==, 0);
    g_assert_cmphex(get(f, 0x160, 8), ==, 0); /* three timers */
}

static unsigned n_messages;
static uint64_t message_offset, message_value;

static void
message_write(gpointer opaque G_GNUC_UNUSED, uint64_t offset, uint64_t value, unsigned size)
{
    g_assert_cmpuint(size, ==, 4);
    n_messages++;
    message_offset = offset;
    message_value = value;
}

static void
test_messages(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const EmuMemoryRegionOps ops = {.write = message_write, .valid_min = 4, .valid_max = 4};

    emu_machine_lock(f->machine);
    emu_memory_region_add_subregion(emu_machine_get_system_memory(f->machine), 0xfee00000,
                                    emu_memory_region_new_io(f->machine, "msi", 0x100000, &ops, f), 0);
    emu_machine_unlock(f->machine);
    n_messages = 0;
    g_assert_cmphex(get(f, 0x100, 4), ==, 0x8030);
    set(f, 0x110, 0x4051, 4);
    set(f, 0x114, 0xfee01004, 4);
    set(f, 0x10, 3, 4);
    set(f, 0x100, 0x4404, 4);
    set(f, 0x108, 1000, 8);
    emu_test_advance(f->machine, MS);
    g_assert_cmpuint(n_messages, ==, 1);
    g_assert_cmphex(message_offset, ==, 0x1004);
    g_assert_cmphex(message_value, ==, 0x4051);
    g_assert_cmpuint(f->irq0->rises + f->irq2->rises, ==, 0);
    set(f, 0x110, UINT64_C(0xfed0000000000003), 8); /* to itself */
    set(f, 0x108, 200000, 8);
    emu_test_advance(f->machine, 2 * MS);
    g_assert_cmpuint(n_messages, ==, 1);
}

/* A guest that stops the timer, or asks, after the match and before the host's timer has run, has its interrupt. */
static void
test_late_host(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set(f, 0x10, 1, 4);
    set(f, 0x100, 0x0404, 4);
    set(f, 0x108, 10, 8);
    g_assert_cmpuint(f->irq2->rises, ==, 0);
    emu_test_advance(f->machine, 500); /* the shortest host timer is longer */
    g_assert_cmpuint(f->irq2->rises, ==, 0);
    set(f, 0x100, 0x0400, 4);
    g_assert_cmpuint(f->irq2->rises, ==, 1);
    emu_test_advance(f->machine, MS);
    g_assert_cmpuint(f->irq2->rises, ==, 1);
    set(f, 0x120, 0x0402, 4);
    set(f, 0x128, get(f, 0xf0, 8) + 10, 8);
    g_assert_cmphex(get(f, 0x20, 4), ==, 0);
    emu_test_advance(f->machine, 500);
    g_assert_cmphex(get(f, 0x20, 4), ==, 2);
}

/* Periods that the host slept through are made up for, faster than they would come, and in saved state too; a write forgets them. */
static void
test_stalls(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GBytes) state = NULL;
    GError *error = NULL;

    set(f, 0x10, 1, 4);
    set(f, 0x100, 0x044c, 4);
    set(f, 0x108, 1000000, 8); /* 100 Hz */
    emu_test_advance(f->machine, 105 * MS);
    g_assert_cmpuint(f->irq2->rises, ==, 10);
    emu_test_stall(f->machine, 100 * MS);
    g_assert_cmpuint(f->irq2->rises, ==, 11);
    state = emu_test_save(f->machine, &error);
    g_assert_no_error(error);
    emu_test_advance(f->machine, 4 * MS);
    g_assert_cmpuint(f->irq2->rises, ==, 12);
    emu_test_advance(f->machine, 91 * MS);
    g_assert_cmpuint(f->irq2->rises, ==, 30);
    g_assert_true(emu_test_load(f->machine, state, &error));
    emu_test_advance(f->machine, 94 * MS);
    g_assert_cmpuint(f->irq2->rises, ==, 30 + 18);
    emu_test_stall(f->machine, 3600 * 1000 * MS); /* not an hour's */
    emu_test_advance(f->machine, 1000 * MS);
    g_assert_cmpuint(f->irq2->rises, <, 48 + 210);
    emu_test_stall(f->machine, 500 * MS);
    set(f, 0x100, 0x040c, 4);
    g_assert_cmpuint(f->irq2->rises, <, 48 + 212);
    emu_test_advance(f->machine, 15 * MS);
    g_assert_cmpuint(f->irq2->rises, <, 48 + 214);
    /* A level says no more than that there was one. */
    set(f, 0x100, 0x044e, 4);
    set(f, 0x20, 1, 4);
    emu_test_watch_free(f->irq2);
    f->irq2 = emu_test_watch_line(emu_device_get_line_out(f->hpet, "irq", 2));
    emu_test_stall(f->machine, 100 * MS);
    set(f, 0x20, 1, 4);
    emu_test_advance(f->machine, 8 * MS);
    g_assert_cmpuint(f->irq2->rises, <=, 2);
}

static void
test_state(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GBytes) state = NULL;
    GError *error = NULL;
    uint64_t counter;

    set(f, 0x10, 1, 4);
    set(f, 0x100, 0x0404, 4);
    set(f, 0x108, 200000, 8);
    emu_test_advance(f->machine, MS);
    counter = get(f, 0xf0, 8);
    state = emu_test_save(f->machine, &error);
    g_assert_no_error(error);
    emu_test_reset(f->machine);
    emu_test_advance(f->machine, 5 * MS);
    g_assert_true(emu_test_load(f->machine, state, &error));
    g_assert_cmpuint(get(f, 0xf0, 8), ==, counter);
    emu_test_advance(f->machine, MS + 1000);
    g_assert_cmpuint(f->irq2->rises, ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD_WITH(path, data, fn) g_test_add(path, Fixture, data, setup, fn, teardown)
#define ADD(path, fn) ADD_WITH(path, NULL, fn)
    ADD("/hpet/counter/runs-when-enabled", test_counter);
    ADD("/hpet/one-shot/fires-once", test_one_shot);
    ADD("/hpet/periodic/comparator-then-period", test_periodic);
    ADD("/hpet/level/until-status-is-cleared", test_level);
    ADD("/hpet/legacy/requests-0-and-8", test_legacy);
    ADD("/hpet/level/status-without-interrupt", test_level_disabled);
    ADD("/hpet/level/timers-share-a-line", test_shared_line);
    ADD("/hpet/periodic/goes-on-while-disabled", test_periodic_disabled);
    ADD("/hpet/periodic/halves", test_halves);
    ADD("/hpet/routes/others-are-not-taken", test_routes);
    ADD_WITH("/hpet/messages/instead-of-lines", "msi=on", test_messages);
    ADD("/hpet/one-shot/host-is-late", test_late_host);
    ADD("/hpet/periodic/stalls-are-made-up-for", test_stalls);
    ADD("/hpet/state/goes-on-where-it-was", test_state);
    return g_test_run();
}
