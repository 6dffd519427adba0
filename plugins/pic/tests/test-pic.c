/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two 8259As as a PC wires them, without the PC. */

#include <emu/test.h>
#include <emu/x86-pc.h>

typedef struct {
    EmuMachine *machine;
    EmuDevice *master, *slave;
    EmuTestWatch *intr;
} Fixture;

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

/* Vectors 0x20 and 0x28, all inputs open. */
static void
init_chips(Fixture *f, uint8_t master_icw4)
{
    out(f, 0x20, 0x11);
    out(f, 0x21, 0x20);
    out(f, 0x21, 0x04);
    out(f, 0x21, master_icw4);
    out(f, 0xa0, 0x11);
    out(f, 0xa1, 0x28);
    out(f, 0xa1, 0x02);
    out(f, 0xa1, 0x01);
    out(f, 0x21, 0x00);
    out(f, 0xa1, 0x00);
}

static void
setup(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    GError *error = NULL;

    f->machine = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    emu_test_isa_bus_new(f->machine);
    f->slave = emu_test_add_device(f->machine, "isa-i8259", "iobase=0xa0,elcr_addr=0x4d1,elcr_mask=0xde", &error);
    g_assert_no_error(error);
    /* A slave can be linked before realize only, so the master comes by hand. */
    f->master = emu_device_new("isa-i8259", &error);
    g_assert_no_error(error);
    emu_object_set_from_string(f->master, "elcr_addr", "0x4d0", &error);
    emu_object_set_from_string(f->master, "elcr_mask", "0xf8", &error);
    emu_object_set_from_string(f->master, "master", "on", &error);
    emu_object_set_link(f->master, "slave", f->slave, &error);
    g_assert_no_error(error);
    emu_machine_lock(f->machine);
    emu_device_realize(f->master, f->machine, emu_device_get_bus(f->slave), &error);
    emu_device_connect_out(f->slave, NULL, 0, emu_device_get_line_in(f->master, NULL, 2));
    emu_machine_unlock(f->machine);
    g_assert_no_error(error);
    f->intr = emu_test_watch_line(emu_device_get_line_out(f->master, NULL, 0));
    init_chips(f, 0x01);
}

static void
teardown(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_watch_free(f->intr);
    emu_machine_destroy(f->machine);
    g_object_unref(f->machine);
}

static void
set(Fixture *f, unsigned irq, int level)
{
    emu_machine_lock(f->machine);
    emu_line_set(emu_device_get_line_in(irq < 8 ? f->master : f->slave, NULL, irq & 7), level);
    emu_machine_unlock(f->machine);
}

static uint8_t
ack(Fixture *f)
{
    uint8_t vector;

    emu_machine_lock(f->machine);
    vector = emu_interrupt_ack(EMU_INTERRUPT_ACK(f->master));
    emu_machine_unlock(f->machine);
    return vector;
}

static void
test_edge(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set(f, 4, 1);
    g_assert_cmpint(f->intr->level, ==, 1);
    g_assert_cmphex(in(f, 0x20), ==, 0x10); /* IRR */
    g_assert_cmphex(ack(f), ==, 0x24);
    g_assert_cmpint(f->intr->level, ==, 0);
    out(f, 0x20, 0x0b);
    g_assert_cmphex(in(f, 0x20), ==, 0x10); /* ISR */
    out(f, 0x20, 0x20);
    g_assert_cmphex(in(f, 0x20), ==, 0x00);
    g_assert_cmpint(f->intr->level, ==, 0); /* the pin is still high: no new edge */
    set(f, 4, 0);
    set(f, 4, 1);
    g_assert_cmphex(ack(f), ==, 0x24);
}

static void
test_priority(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set(f, 5, 1);
    g_assert_cmphex(ack(f), ==, 0x25);
    set(f, 6, 1);
    g_assert_cmpint(f->intr->level, ==, 0); /* lower than what is in service */
    set(f, 3, 1);
    g_assert_cmpint(f->intr->level, ==, 1);
    g_assert_cmphex(ack(f), ==, 0x23);
    out(f, 0x20, 0x20); /* ends 3 */
    g_assert_cmpint(f->intr->level, ==, 0);
    out(f, 0x20, 0x20); /* ends 5 */
    g_assert_cmphex(ack(f), ==, 0x26);
}

static void
test_mask(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    out(f, 0x21, 0x02);
    g_assert_cmphex(in(f, 0x21), ==, 0x02);
    set(f, 1, 1);
    g_assert_cmpint(f->intr->level, ==, 0);
    out(f, 0x21, 0x00);
    g_assert_cmphex(ack(f), ==, 0x21);
}

static void
test_cascade(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set(f, 12, 1);
    set(f, 8, 1);
    g_assert_cmphex(ack(f), ==, 0x28);
    g_assert_cmpint(f->intr->level, ==, 0);
    out(f, 0xa0, 0x20);
    out(f, 0x20, 0x20);
    g_assert_cmpint(f->intr->level, ==, 1);
    g_assert_cmphex(ack(f), ==, 0x2c);
    out(f, 0xa0, 0x64); /* specific EOI of 12 */
    out(f, 0x20, 0x62);
    out(f, 0xa0, 0x0b);
    g_assert_cmphex(in(f, 0xa0), ==, 0);
}

static void
test_spurious(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmphex(ack(f), ==, 0x27);
    out(f, 0x20, 0x0b);
    g_assert_cmphex(in(f, 0x20), ==, 0x00); /* nothing is in service */
}

static void
test_level(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    out(f, 0x4d1, 0xff);
    g_assert_cmphex(in(f, 0x4d1), ==, 0xde);
    set(f, 10, 1);
    g_assert_cmphex(ack(f), ==, 0x2a);
    out(f, 0xa0, 0x20);
    out(f, 0x20, 0x20);
    g_assert_cmpint(f->intr->level, ==, 1); /* the pin is still high */
    set(f, 10, 0);
    g_assert_cmphex(in(f, 0xa0), ==, 0);
}

static void
test_rotation(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    out(f, 0x20, 0xc3); /* 3 becomes the lowest */
    set(f, 2 + 1, 1);
    set(f, 4, 1);
    g_assert_cmphex(ack(f), ==, 0x24);
    out(f, 0x20, 0xa0); /* EOI with rotation: 4 becomes the lowest */
    set(f, 5, 1);
    g_assert_cmphex(ack(f), ==, 0x25);
}

static void
test_auto_eoi(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    init_chips(f, 0x03);
    set(f, 1, 1);
    set(f, 6, 1);
    g_assert_cmphex(ack(f), ==, 0x21);
    g_assert_cmphex(ack(f), ==, 0x26);
}

static void
test_special_mask(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set(f, 3, 1);
    g_assert_cmphex(ack(f), ==, 0x23);
    out(f, 0x21, 0x08);
    out(f, 0x20, 0x68); /* special mask mode */
    set(f, 6, 1);
    g_assert_cmpint(f->intr->level, ==, 1);
    g_assert_cmphex(ack(f), ==, 0x26);
}

/* In the special fully nested mode the slave may ask again while it is serviced, and nobody below it. */
static void
test_special_fully_nested(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    init_chips(f, 0x11);
    set(f, 13, 1);
    g_assert_cmphex(ack(f), ==, 0x2d);
    set(f, 3, 1);
    g_assert_cmpint(f->intr->level, ==, 0);
    set(f, 9, 1);
    g_assert_cmpint(f->intr->level, ==, 1);
    g_assert_cmphex(ack(f), ==, 0x29);
    set(f, 1, 1);
    g_assert_cmphex(ack(f), ==, 0x21);
    out(f, 0x20, 0x20);
    out(f, 0xa0, 0x20); /* 9, and as the slave services 13 still, no EOI to the master */
    out(f, 0xa0, 0x20);
    g_assert_cmpint(f->intr->level, ==, 0);
    out(f, 0x20, 0x20);
    g_assert_cmphex(ack(f), ==, 0x23);
}

static void
test_rotation_on_auto_eoi(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    init_chips(f, 0x03);
    out(f, 0x20, 0x80);
    set(f, 4, 1);
    g_assert_cmphex(ack(f), ==, 0x24);
    set(f, 3, 1);
    set(f, 5, 1); /* has become the highest */
    g_assert_cmphex(ack(f), ==, 0x25);
    out(f, 0x20, 0x00);
    g_assert_cmphex(ack(f), ==, 0x23);
    set(f, 6, 1);
    set(f, 2 + 5, 1); /* the order stays what it was */
    g_assert_cmphex(ack(f), ==, 0x26);
}

static void
test_spurious_slave(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    out(f, 0x4d1, 0x04);
    set(f, 10, 1);
    set(f, 10, 0); /* the slave's INT was an edge for the master */
    g_assert_cmphex(ack(f), ==, 0x2f);
    out(f, 0x20, 0x0b);
    out(f, 0xa0, 0x0b);
    g_assert_cmphex(in(f, 0x20), ==, 0x04);
    g_assert_cmphex(in(f, 0xa0), ==, 0x00);
}

static void
test_poll(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set(f, 7, 1);
    out(f, 0x20, 0x0c);
    g_assert_cmphex(in(f, 0x20), ==, 0x87);
    out(f, 0x20, 0x0c);
    g_assert_cmphex(in(f, 0x20), ==, 0x00);
}

static void
test_state(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GBytes) state = NULL;
    GError *error = NULL;

    set(f, 12, 1);
    state = emu_test_save(f->machine, &error);
    g_assert_no_error(error);
    out(f, 0x20, 0x11);
    g_assert_true(emu_test_load(f->machine, state, &error));
    g_assert_no_error(error);
    g_assert_cmphex(ack(f), ==, 0x2c);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add(path, Fixture, NULL, setup, fn, teardown)
    ADD("/pic/edge/one-interrupt-per-edge", test_edge);
    ADD("/pic/priority/lower-waits-higher-nests", test_priority);
    ADD("/pic/mask/holds-back", test_mask);
    ADD("/pic/cascade/slave-vectors", test_cascade);
    ADD("/pic/spurious/input-7-without-service", test_spurious);
    ADD("/pic/level/asks-until-pin-falls", test_level);
    ADD("/pic/rotation/lowest-moves", test_rotation);
    ADD("/pic/auto-eoi/nothing-stays-in-service", test_auto_eoi);
    ADD("/pic/special-mask/lower-may-interrupt", test_special_mask);
    ADD("/pic/special-fully-nested/slave-may-ask-again", test_special_fully_nested);
    ADD("/pic/rotation/on-automatic-eoi", test_rotation_on_auto_eoi);
    ADD("/pic/spurious/slave-has-input-7-too", test_spurious_slave);
    ADD("/pic/poll/acknowledges", test_poll);
    ADD("/pic/state/request-survives", test_state);
    return g_test_run();
}
