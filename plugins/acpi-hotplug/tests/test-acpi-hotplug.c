/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/pci.h>
#include <emu/test.h>

#include <string.h>

#define PORT 0xae00
#define GPE 0xafe0

static EmuMachine *
new_machine(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new("pc", &error);

    g_assert_no_error(error);
    emu_test_reset(m);
    return m;
}

static void
end(EmuMachine *m)
{
    emu_machine_destroy(m);
    g_object_unref(m);
}

static EmuDevice *
add(EmuMachine *m, const char *properties)
{
    g_autoptr(GError) error = NULL;
    EmuDevice *dev = emu_test_add_device(m, "pvpanic-pci", properties, &error);

    g_assert_no_error(error);
    return dev;
}

static bool
is_there(EmuMachine *m, unsigned slot)
{
    emu_test_out(m, 0xcf8, 0x80000000u | slot << 11, 4);
    return emu_test_in(m, 0xcfc, 4) != 0xffffffff;
}

static bool
request_unplug(EmuMachine *m, EmuDevice *dev, GError **error)
{
    bool ok;

    emu_machine_lock(m);
    ok = emu_device_request_unplug(dev, error);
    emu_machine_unlock(m);
    return ok;
}

static void
test_plug(void)
{
    EmuMachine *m = new_machine();

    g_assert_cmphex(emu_test_in(m, PORT, 4), ==, 0);
    add(m, "id=x,addr=5");
    g_assert_cmphex(emu_test_in(m, GPE, 1), ==, 0x02);
    emu_test_out(m, GPE, 0x02, 1);
    emu_test_out(m, PORT + 0x10, 1, 4); /* there is no other bus */
    g_assert_cmphex(emu_test_in(m, PORT, 4), ==, 0);
    emu_test_out(m, PORT + 0x10, 0, 4);
    g_assert_cmphex(emu_test_in(m, PORT, 4), ==, 1 << 5);
    g_assert_cmphex(emu_test_in(m, PORT, 4), ==, 0);
    end(m);
}

static void
test_unplug(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = new_machine();
    EmuDevice *dev = add(m, "id=x,addr=5");

    emu_test_out(m, GPE, 0x02, 1);
    g_assert_true(request_unplug(m, dev, &error));
    g_assert_cmphex(emu_test_in(m, GPE, 1), ==, 0x02);
    g_assert_cmphex(emu_test_in(m, PORT + 4, 4), ==, 1 << 5);
    emu_test_settle(m);
    g_assert_true(is_there(m, 5));
    emu_test_out(m, PORT + 8, 1 << 5, 4);
    emu_test_settle(m);
    g_assert_false(is_there(m, 5));
    g_assert_cmphex(emu_test_in(m, PORT + 4, 4), ==, 0);
    g_assert_null(emu_object_resolve_path(emu_machine_get_root(m), "x", NULL));
    end(m);
}

static void
test_parts_of_the_board_stay(void)
{
    EmuMachine *m = new_machine();
    uint32_t removable;

    add(m, "id=x,addr=5");
    removable = (uint32_t)emu_test_in(m, PORT + 0xc, 4);
    g_assert_cmphex(removable & 3, ==, 0); /* host bridge, ISA bridge */
    emu_test_out(m, PORT + 8, UINT32_MAX & ~(1u << 5), 4);
    emu_test_settle(m);
    g_assert_true(is_there(m, 0));
    g_assert_true(is_there(m, 1));
    end(m);
}

static void
test_reset_ends_the_wait(void)
{
    EmuMachine *m = new_machine();
    EmuDevice *dev = add(m, "id=x,addr=5");

    g_assert_true(request_unplug(m, dev, NULL));
    emu_test_reset(m);
    emu_test_settle(m);
    g_assert_false(is_there(m, 5));
    end(m);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/acpi-hotplug/plug", test_plug);
    g_test_add_func("/acpi-hotplug/unplug", test_unplug);
    g_test_add_func("/acpi-hotplug/parts-of-the-board-stay", test_parts_of_the_board_stay);
    g_test_add_func("/acpi-hotplug/reset-ends-the-wait", test_reset_ends_the_wait);
    return g_test_run();
}
