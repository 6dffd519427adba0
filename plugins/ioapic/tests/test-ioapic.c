/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The I/O APIC alone: its messages end in a region that remembers them. */

#include <emu/test.h>
#include <emu/x86-pc.h>

#define BASE 0xfec00000

typedef struct {
    EmuMachine *machine;
    EmuDevice *ioapic;
    unsigned messages;
    uint32_t address, data;
} Fixture;

static void
msi_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Fixture *f = opaque;

    g_assert_cmpuint(size, ==, 4);
    f->messages++;
    f->address = offset;
    f->data = value;
}

static const EmuMemoryRegionOps msi_ops = {.write = msi_write, .valid_min = 4, .valid_max = 4, .impl_min = 4, .impl_max = 4};

static void
setup(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    GError *error = NULL;

    f->machine = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    f->ioapic = emu_test_add_device(f->machine, "ioapic", NULL, &error);
    g_assert_no_error(error);
    emu_machine_lock(f->machine);
    emu_sysbus_map(EMU_SYSBUS_DEVICE(f->ioapic), 0, BASE, 0);
    emu_memory_region_add_subregion(emu_machine_get_system_memory(f->machine), 0xfee00000,
                                    emu_memory_region_new_io(f->machine, "msi", 0x100000, &msi_ops, f), 0);
    emu_machine_unlock(f->machine);
}

static void
teardown(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_machine_destroy(f->machine);
    g_object_unref(f->machine);
}

static void
set_reg(Fixture *f, uint8_t index, uint32_t value)
{
    emu_test_write(f->machine, BASE, index, 4);
    emu_test_write(f->machine, BASE + 0x10, value, 4);
}

static uint32_t
get_reg(Fixture *f, uint8_t index)
{
    emu_test_write(f->machine, BASE, index, 4);
    return emu_test_read(f->machine, BASE + 0x10, 4);
}

static void
set_entry(Fixture *f, unsigned pin, uint32_t high, uint32_t low)
{
    set_reg(f, 0x11 + 2 * pin, high);
    set_reg(f, 0x10 + 2 * pin, low);
}

static void
set_pin(Fixture *f, unsigned pin, int level)
{
    emu_machine_lock(f->machine);
    emu_line_set(emu_device_get_line_in(f->ioapic, NULL, pin), level);
    emu_machine_unlock(f->machine);
}

static void
eoi(Fixture *f, uint8_t vector)
{
    emu_machine_lock(f->machine);
    emu_apic_eoi(EMU_APIC_EOI(f->ioapic), vector);
    emu_machine_unlock(f->machine);
}

static void
test_registers(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmphex(get_reg(f, 1), ==, 0x00170020);
    set_reg(f, 0, 0xffffffff);
    g_assert_cmphex(get_reg(f, 0), ==, 0x0f000000);
    g_assert_cmphex(get_reg(f, 0x10), ==, 0x00010000);
    set_reg(f, 0x10, 0xffffffff);
    g_assert_cmphex(get_reg(f, 0x10), ==, 0x0001afff); /* status and remote IRR are read-only */
    set_reg(f, 0x11, 0xffffffff);
    g_assert_cmphex(get_reg(f, 0x11), ==, 0xffff0000);
    g_assert_cmphex(get_reg(f, 0x40), ==, 0);
}

static void
test_edge(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set_pin(f, 4, 1);
    set_entry(f, 4, 0x03000000, 0x00000831); /* logical destination 3 */
    g_assert_cmpuint(f->messages, ==, 0); /* an edge at a masked pin is lost */
    set_pin(f, 4, 1);
    g_assert_cmpuint(f->messages, ==, 0);
    set_pin(f, 4, 0);
    set_pin(f, 4, 1);
    g_assert_cmpuint(f->messages, ==, 1);
    g_assert_cmphex(f->address, ==, 0x3004);
    g_assert_cmphex(f->data, ==, 0x4031);
}

static void
test_level(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set_entry(f, 10, 0, 0x00008055);
    set_pin(f, 10, 1);
    g_assert_cmpuint(f->messages, ==, 1);
    g_assert_cmphex(f->data, ==, 0xc055);
    g_assert_cmphex(get_reg(f, 0x10 + 20), ==, 0x0000c055);
    set_pin(f, 10, 0);
    set_pin(f, 10, 1);
    g_assert_cmpuint(f->messages, ==, 1); /* until the end of the first */
    eoi(f, 0x54);
    g_assert_cmpuint(f->messages, ==, 1);
    eoi(f, 0x55);
    g_assert_cmpuint(f->messages, ==, 2); /* the pin is high */
    set_pin(f, 10, 0);
    emu_test_write(f->machine, BASE + 0x40, 0x55, 4); /* the EOI register */
    g_assert_cmpuint(f->messages, ==, 2);
    g_assert_cmphex(get_reg(f, 0x10 + 20), ==, 0x00008055);
}

static void
test_mask_level(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set_entry(f, 11, 0, 0x00018060);
    set_pin(f, 11, 1);
    g_assert_cmpuint(f->messages, ==, 0);
    set_entry(f, 11, 0, 0x00008060);
    g_assert_cmpuint(f->messages, ==, 1);
}

/* NMI and its like are edges also when the entry says level: nobody would end them. */
static void
test_level_of_nmi(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const uint32_t modes[] = {0x200, 0x400, 0x500, 0x700};

    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        f->messages = 0;
        set_entry(f, 12, 0, 0x8000 | modes[i]);
        set_pin(f, 12, 1);
        g_assert_cmpuint(f->messages, ==, 1);
        g_assert_cmphex(f->data, ==, 0x4000 | modes[i]);
        g_assert_cmphex(get_reg(f, 0x10 + 24), ==, 0x8000 | modes[i]);
        set_pin(f, 12, 0);
        set_pin(f, 12, 1);
        g_assert_cmpuint(f->messages, ==, 2);
        set_pin(f, 12, 0);
    }
}

static void
test_bytes(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set_entry(f, 3, 0x05000000, 0x000189a1);
    emu_test_write(f->machine, BASE, 0x16, 1);
    emu_test_write(f->machine, BASE + 1, 0x33, 1); /* no register */
    g_assert_cmphex(emu_test_read(f->machine, BASE + 0x11, 1), ==, 0x89);
    emu_test_write(f->machine, BASE + 0x10, 0xb2, 1);
    g_assert_cmphex(get_reg(f, 0x16), ==, 0x000189b2);
    emu_test_write(f->machine, BASE + 0x12, 0, 2);
    g_assert_cmphex(get_reg(f, 0x16), ==, 0x000089b2);
    g_assert_cmphex(get_reg(f, 0x17), ==, 0x05000000);
}

static void
test_version_11(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    GError *error = NULL;

    f->ioapic = emu_test_add_device(f->machine, "ioapic", "version=0x11", &error);
    g_assert_no_error(error);
    emu_machine_lock(f->machine);
    emu_sysbus_map(EMU_SYSBUS_DEVICE(f->ioapic), 0, BASE, 1);
    emu_machine_unlock(f->machine);
    g_assert_cmphex(get_reg(f, 1), ==, 0x00170011);
    set_entry(f, 10, 0, 0x00008055);
    set_pin(f, 10, 1);
    emu_test_write(f->machine, BASE + 0x40, 0x55, 4); /* there is no such register */
    g_assert_cmphex(get_reg(f, 0x10 + 20), ==, 0x0000c055);
}

/* The way out for a guest without EOI register: by way of masked and edge. */
static void
test_clears_remote_irr(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set_entry(f, 10, 0, 0x00008055);
    set_pin(f, 10, 1);
    set_reg(f, 0x10 + 20, 0x00018055); /* masking alone keeps it */
    g_assert_cmphex(get_reg(f, 0x10 + 20), ==, 0x0001c055);
    set_reg(f, 0x10 + 20, 0x00010055);
    set_reg(f, 0x10 + 20, 0x00018055);
    g_assert_cmphex(get_reg(f, 0x10 + 20), ==, 0x00018055);
    set_reg(f, 0x10 + 20, 0x00008055);
    g_assert_cmpuint(f->messages, ==, 2);
}

static void
test_state(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GBytes) state = NULL;
    GError *error = NULL;

    set_entry(f, 10, 0, 0x00008055);
    set_pin(f, 10, 1);
    state = emu_test_save(f->machine, &error);
    g_assert_no_error(error);
    emu_test_reset(f->machine);
    g_assert_cmphex(get_reg(f, 0x10 + 20), ==, 0x00010000);
    g_assert_true(emu_test_load(f->machine, state, &error));
    g_assert_cmphex(get_reg(f, 0x10 + 20), ==, 0x0000c055);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add(path, Fixture, NULL, setup, fn, teardown)
    ADD("/ioapic/registers/writable-bits", test_registers);
    ADD("/ioapic/edge/one-message-per-edge", test_edge);
    ADD("/ioapic/level/again-after-eoi", test_level);
    ADD("/ioapic/level/unmasking-sends", test_mask_level);
    ADD("/ioapic/level/not-for-nmi-and-its-like", test_level_of_nmi);
    ADD("/ioapic/level/remote-irr-cleared-by-way-of-edge", test_clears_remote_irr);
    ADD("/ioapic/registers/narrow-accesses", test_bytes);
    ADD("/ioapic/registers/version-without-eoi", test_version_11);
    ADD("/ioapic/state/remote-irr-survives", test_state);
    return g_test_run();
}
