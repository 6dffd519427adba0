/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The slot of a port: presence, link, power, button, events, by configuration accesses. */

#include <emu/pci.h>
#include <emu/test.h>

#define PORT 0x80001800u /* bus 0, slot 3 */
#define BEHIND 0x80010000u
#define CONTROL (f->cap + 0x18u)
#define STATUS (f->cap + 0x1au)
#define ALL_EVENTS 0x103f
#define OFF 0x0700 /* power off, its indicator too */
#define ON 0x0100

typedef struct {
    EmuMachine *m;
    unsigned cap;
} Fixture;

static uint32_t
config_in(Fixture *f, uint32_t dev, unsigned reg, unsigned size)
{
    emu_test_out(f->m, 0xcf8, dev | (reg & 0xfc), 4);
    return (uint32_t)emu_test_in(f->m, 0xcfc + (reg & 3), size);
}

static void
config_out(Fixture *f, uint32_t dev, unsigned reg, uint32_t value, unsigned size)
{
    emu_test_out(f->m, 0xcf8, dev | (reg & 0xfc), 4);
    emu_test_out(f->m, 0xcfc + (reg & 3), value, size);
}

static EmuDevice *
add(Fixture *f, const char *properties)
{
    g_autoptr(GError) error = NULL;
    EmuDevice *dev = emu_test_add_device(f->m, "pvpanic-pci", properties, &error);

    g_assert_no_error(error);
    return dev;
}

static bool
request_unplug(Fixture *f, EmuDevice *dev, GError **error)
{
    bool ok;

    emu_machine_lock(f->m);
    ok = emu_device_request_unplug(dev, error);
    emu_machine_unlock(f->m);
    return ok;
}

static bool
is_there(Fixture *f)
{
    config_out(f, PORT, 0x18, 0x00010100, 4);
    return config_in(f, BEHIND, 0, 4) != 0xffffffff;
}

static void
set_up(Fixture *f, gconstpointer properties)
{
    g_autoptr(GError) error = NULL;

    f->m = emu_test_machine_new("q35", &error);
    g_assert_no_error(error);
    g_assert_nonnull(emu_test_add_device(f->m, "pcie-root-port", properties ? properties : "id=rp,addr=3,slot=5", &error));
    g_assert_no_error(error);
    emu_test_reset(f->m);
    for (f->cap = config_in(f, PORT, 0x34, 1); config_in(f, PORT, f->cap, 1) != 0x10; f->cap = config_in(f, PORT, f->cap + 1, 1)) {
        g_assert_cmphex(f->cap, !=, 0);
    }
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
}

static void
test_capability(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmphex(config_in(f, PORT, f->cap + 2, 2), ==, 0x0142);
    g_assert_cmphex(config_in(f, PORT, f->cap + 0x14, 4), ==, 5 << 19 | 0x7b);
    g_assert_cmphex(config_in(f, PORT, f->cap + 0x0c, 4) & 0x100000, !=, 0);
    g_assert_cmphex(config_in(f, PORT, CONTROL, 2), ==, 0x07c0);
    g_assert_cmphex(config_in(f, PORT, STATUS, 2), ==, 0);
}

static void
test_no_slot(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmphex(config_in(f, PORT, f->cap + 2, 2), ==, 0x0042);
    g_assert_cmphex(config_in(f, PORT, f->cap + 0x14, 4), ==, 0);
    config_out(f, PORT, CONTROL, 0xffff, 2);
    g_assert_cmphex(config_in(f, PORT, CONTROL, 4), ==, 0);
}

static void
test_plug(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    config_out(f, PORT, CONTROL, OFF | ALL_EVENTS, 2);
    g_assert_cmphex(config_in(f, PORT, STATUS, 2), ==, 0x0010); /* command completed */
    config_out(f, PORT, STATUS, 0xffff, 2);
    g_assert_cmphex(config_in(f, PORT, STATUS, 2), ==, 0);
    add(f, "id=x,bus=rp");
    g_assert_cmphex(config_in(f, PORT, STATUS, 2), ==, 0x0049); /* there, has changed, button */
    g_assert_cmphex(config_in(f, PORT, f->cap + 0x12, 2) & 0x2000, ==, 0);
    config_out(f, PORT, STATUS, 0xffff, 2);
    config_out(f, PORT, CONTROL, ON | ALL_EVENTS, 2);
    g_assert_cmphex(config_in(f, PORT, STATUS, 2), ==, 0x0150); /* the link came up with the power */
    g_assert_cmphex(config_in(f, PORT, f->cap + 0x12, 2) & 0x2000, !=, 0);
    g_assert_true(is_there(f));
}

static void
test_unplug(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    EmuDevice *dev = add(f, "id=x,bus=rp");

    config_out(f, PORT, CONTROL, ON, 2);
    config_out(f, PORT, STATUS, 0xffff, 2);
    g_assert_true(request_unplug(f, dev, &error));
    emu_test_settle(f->m);
    g_assert_cmphex(config_in(f, PORT, STATUS, 2), ==, 0x0041);
    g_assert_true(is_there(f)); /* until the guest has let go of it */
    config_out(f, PORT, CONTROL, 0x0200, 2);
    g_assert_false(request_unplug(f, dev, &error)); /* it is at it */
    g_assert_nonnull(error);
    config_out(f, PORT, CONTROL, 0x0600, 2); /* power off, the indicator still blinks */
    emu_test_settle(f->m);
    g_assert_true(is_there(f));
    config_out(f, PORT, STATUS, 0xffff, 2);
    config_out(f, PORT, CONTROL, OFF, 2);
    emu_test_settle(f->m);
    g_assert_false(is_there(f));
    g_assert_cmphex(config_in(f, PORT, STATUS, 2), ==, 0x0018);
    g_assert_null(emu_object_resolve_path(emu_machine_get_root(f->m), "x", NULL));
}

static void
test_unpowered_goes_at_once(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    EmuDevice *dev = add(f, "id=x,bus=rp");

    g_assert_true(request_unplug(f, dev, NULL));
    emu_test_settle(f->m);
    g_assert_false(is_there(f));
}

static void
test_reset_ends_the_wait(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    EmuDevice *dev = add(f, "id=x,bus=rp");

    emu_test_reset(f->m);
    g_assert_cmphex(config_in(f, PORT, CONTROL, 2), ==, 0x01c0); /* what is there has power */
    g_assert_cmphex(config_in(f, PORT, STATUS, 2), ==, 0x0040);
    g_assert_cmphex(config_in(f, PORT, f->cap + 0x12, 2) & 0x2000, !=, 0);
    g_assert_true(request_unplug(f, dev, NULL));
    emu_test_reset(f->m);
    emu_test_settle(f->m);
    g_assert_false(is_there(f));
}

/* An entry of the I/O APIC, unmasked and level-triggered, shows in its remote IRR that the pin is up. */
static bool
pin_is_up(Fixture *f, unsigned pin)
{
    uint64_t entry;

    emu_test_write(f->m, 0xfec00000, 0x10 + 2 * pin, 4);
    emu_test_write(f->m, 0xfec00010, 0x8000 | (0x30 + pin), 4);
    entry = emu_test_read(f->m, 0xfec00010, 4);
    emu_test_write(f->m, 0xfec00010, 0x10000, 4);
    return entry & 0x4000;
}

static void
test_interrupts(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const unsigned pin = 16 + 4 + 3; /* INTA# of slot 3 */

    config_out(f, PORT, CONTROL, OFF | 0x0009, 2); /* button and presence, but not the interrupt */
    config_out(f, PORT, STATUS, 0xffff, 2);
    add(f, "id=x,bus=rp");
    g_assert_false(pin_is_up(f, pin));
    config_out(f, PORT, CONTROL, OFF | 0x0029, 2);
    g_assert_true(pin_is_up(f, pin));
    config_out(f, PORT, STATUS, 0x0001, 2);
    g_assert_true(pin_is_up(f, pin));
    config_out(f, PORT, STATUS, 0x0008, 2);
    g_assert_false(pin_is_up(f, pin));
    config_out(f, PORT, STATUS, 0xffff, 2);
    config_out(f, PORT, CONTROL, ON | 0x1020, 2); /* the link's state alone */
    g_assert_true(pin_is_up(f, pin));
    config_out(f, PORT, STATUS, 0x0100, 2);
    g_assert_false(pin_is_up(f, pin));
}

static void
test_state(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;
    EmuDevice *dev = add(f, "id=x,bus=rp");

    config_out(f, PORT, CONTROL, ON | 0x1020, 2);
    g_assert_true(request_unplug(f, dev, &error));
    state = emu_test_save(f->m, &error);
    g_assert_no_error(error);
    config_out(f, PORT, STATUS, 0xffff, 2);
    config_out(f, PORT, CONTROL, ON, 2);
    g_assert_true(emu_test_load(f->m, state, &error));
    g_assert_no_error(error);
    g_assert_cmphex(config_in(f, PORT, CONTROL, 2), ==, ON | 0x1020);
    g_assert_cmphex(config_in(f, PORT, STATUS, 2), ==, 0x0159);
    config_out(f, PORT, CONTROL, OFF, 2);
    emu_test_settle(f->m);
    g_assert_false(is_there(f));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, properties, fn) g_test_add("/pcie-root-port/" name, Fixture, properties, set_up, fn, tear_down)
    ADD("capability", NULL, test_capability);
    ADD("no-slot", "id=rp,addr=3,hotplug=off", test_no_slot);
    ADD("plug", NULL, test_plug);
    ADD("unplug", NULL, test_unplug);
    ADD("unpowered-goes-at-once", NULL, test_unpowered_goes_at_once);
    ADD("reset-ends-the-wait", NULL, test_reset_ends_the_wait);
    ADD("interrupts", NULL, test_interrupts);
    ADD("state", NULL, test_state);
    return g_test_run();
}
