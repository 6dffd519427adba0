/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The PIIX3 on its board. */

#include <emu/pci.h>
#include <emu/test.h>

#define ISA_BRIDGE 0x80000800u /* 00:01.0 */

static EmuMachine *
new_pc(void)
{
    GError *error = NULL;
    EmuMachine *machine = emu_test_machine_new("pc", &error);

    g_assert_no_error(error);
    return machine;
}

static void
end(EmuMachine *machine)
{
    emu_machine_destroy(machine);
    g_object_unref(machine);
}

static uint32_t
config_read(EmuMachine *machine, uint32_t address, unsigned size)
{
    emu_test_out(machine, 0xcf8, address & ~3u, 4);
    return emu_test_in(machine, 0xcfc + (address & 3), size);
}

static void
config_write(EmuMachine *machine, uint32_t address, uint32_t value, unsigned size)
{
    emu_test_out(machine, 0xcf8, address & ~3u, 4);
    emu_test_out(machine, 0xcfc + (address & 3), value, size);
}

static EmuDevice *
find(EmuMachine *machine, const char *type)
{
    EmuDevice *host = EMU_DEVICE(emu_object_get_child(machine, "i440fx"));
    GPtrArray *devices = emu_bus_get_devices(emu_device_get_child_bus(host, "pci.0"));

    for (guint i = 0; i < devices->len; i++) {
        if (emu_object_is_a(devices->pdata[i], type)) {
            return devices->pdata[i];
        }
    }
    g_assert_not_reached();
}

static void
test_identity(void)
{
    EmuMachine *machine = new_pc();

    g_assert_cmphex(config_read(machine, ISA_BRIDGE, 4), ==, 0x70008086);
    g_assert_cmphex(config_read(machine, ISA_BRIDGE | 0x08, 4) >> 16, ==, 0x0601);
    g_assert_cmphex(config_read(machine, ISA_BRIDGE | 0x0e, 1), ==, 0x80); /* more functions */
    g_assert_cmphex(config_read(machine, ISA_BRIDGE | 0x60, 4), ==, 0x80808080);
    config_write(machine, ISA_BRIDGE | 0x04, 0, 2);
    g_assert_cmphex(config_read(machine, ISA_BRIDGE | 0x04, 2), ==, 0x0007); /* always on */
    end(machine);
}

/* 8259 requests that a PIRQ reaches: routed, routed elsewhere, and off. */
static void
test_routing(void)
{
    EmuMachine *machine = new_pc();
    EmuPciDevice *bridge = EMU_PCI_DEVICE(find(machine, "PIIX3"));
    EmuTestWatch *irq10 = emu_test_watch_line(emu_device_get_line_out(EMU_DEVICE(bridge), "isa-irq", 10));
    EmuTestWatch *irq11 = emu_test_watch_line(emu_device_get_line_out(EMU_DEVICE(bridge), "isa-irq", 11));
    EmuPciDevice *vga;
    GError *error = NULL;

    vga = EMU_PCI_DEVICE(find(machine, "PIIX4_PM")); /* slot 1, INTA: PIRQA */
    emu_machine_lock(machine);
    emu_pci_device_set_irq(vga, 1);
    emu_machine_unlock(machine);
    g_assert_cmpint(irq10->level, ==, 0);
    config_write(machine, ISA_BRIDGE | 0x60, 10, 1);
    g_assert_cmpint(irq10->level, ==, 1);
    config_write(machine, ISA_BRIDGE | 0x60, 11, 1);
    g_assert_cmpint(irq10->level, ==, 0);
    g_assert_cmpint(irq11->level, ==, 1);
    config_write(machine, ISA_BRIDGE | 0x60, 0x8b, 1);
    g_assert_cmpint(irq11->level, ==, 0);
    config_write(machine, ISA_BRIDGE | 0x60, 11, 1);
    emu_machine_lock(machine);
    emu_pci_device_set_irq(vga, 0);
    emu_machine_unlock(machine);
    g_assert_cmpint(irq11->level, ==, 0);
    g_assert_no_error(error);
    emu_test_watch_free(irq10);
    emu_test_watch_free(irq11);
    end(machine);
}

/* 0xcf9 lies within 0xcf8; a byte there is the reset control register, 32 bits at 0xcf8 are not. */
static void
test_reset_control(void)
{
    EmuMachine *machine = new_pc();

    config_write(machine, ISA_BRIDGE | 0x60, 10, 1);
    emu_test_out(machine, 0xcf9, 0x02, 1);
    g_assert_cmphex(emu_test_in(machine, 0xcf9, 1), ==, 0x02);
    emu_test_out(machine, 0xcf8, 0x8000ff60, 4);
    g_assert_cmphex(emu_test_in(machine, 0xcf9, 1), ==, 0x02);
    g_assert_cmphex(emu_test_in(machine, 0xcf8, 4), ==, 0x8000ff60);
    emu_test_out(machine, 0xcf9, 0x06, 1);
    emu_test_settle(machine);
    g_assert_cmphex(emu_test_in(machine, 0xcf9, 1), ==, 0x00);
    g_assert_cmphex(config_read(machine, ISA_BRIDGE | 0x60, 1), ==, 0x80);
    end(machine);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/piix3/config/identity", test_identity);
    g_test_add_func("/piix3/pirq/follows-its-route", test_routing);
    g_test_add_func("/piix3/reset-control/resets-the-machine", test_reset_control);
    return g_test_run();
}
