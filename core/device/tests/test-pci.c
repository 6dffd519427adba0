/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PCI: slots, configuration space, BARs, request lines, MSI, MSI-X, bus mastering, option ROM, saved state. */

#include "device/device-private.h"

#include <emu/pci.h>
#include <emu/test.h>

#include <glib/gstdio.h>
#include <string.h>

/* ---- a bridge and a function ------------------------------------------------------------------------------ */

typedef struct {
    EmuSysbusDevice parent;
    EmuMemoryRegion *memory, *io, *mailbox;
    EmuPciBus *bus;
    int levels[4];
    unsigned sets;
    uint64_t message_addr;
    uint32_t message_data;
    unsigned messages;
} Bridge;

static int
bridge_map(EmuPciDevice *dev, int pin)
{
    return (pin + (emu_pci_device_get_devfn(dev) >> 3)) & 3;
}

static void
bridge_set(gpointer opaque, int irq, int level)
{
    ((Bridge *)opaque)->levels[irq] = level;
    ((Bridge *)opaque)->sets++;
}

static void
mailbox_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Bridge *self = opaque;

    self->message_addr = offset;
    self->message_data = (uint32_t)value;
    self->messages++;
}

static const EmuMemoryRegionOps mailbox_ops = {.write = mailbox_write, .valid_min = 4, .valid_max = 4};

static bool
bridge_realize(EmuDevice *dev, GError **error)
{
    Bridge *self = (Bridge *)dev;
    EmuMachine *machine = emu_device_get_machine(dev);

    self->memory = emu_memory_region_new_container(self, "pci", UINT64_MAX);
    self->io = emu_machine_get_system_io(machine);
    self->mailbox = emu_memory_region_new_io(self, "mailbox", 0x100000, &mailbox_ops, self);
    emu_memory_region_add_subregion(emu_machine_get_system_memory(machine), 0, self->memory, -1);
    emu_memory_region_add_subregion(emu_machine_get_system_memory(machine), 0xfee00000, self->mailbox, 0);
    self->bus = emu_pci_root_bus_new(dev, "pci.0", self->memory, self->io, 0);
    emu_pci_bus_set_irqs(self->bus, bridge_map, bridge_set, self, 4);
    return true;
}

static void
bridge_unrealize(EmuDevice *dev)
{
    Bridge *self = (Bridge *)dev;

    emu_memory_region_del_subregion(emu_memory_region_get_container(self->memory), self->memory);
    emu_memory_region_del_subregion(emu_memory_region_get_container(self->mailbox), self->mailbox);
}

static void
bridge_class_init(gpointer klass, gconstpointer data)
{
    ((EmuDeviceClass *)klass)->realize = bridge_realize;
    ((EmuDeviceClass *)klass)->unrealize = bridge_unrealize;
}

typedef struct {
    EmuPciDevice parent;
    uint8_t reg;
} Function;

static uint64_t
function_read(gpointer opaque, uint64_t offset, unsigned size)
{
    return 0x5a5a5a5a;
}

static void
function_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    ((Function *)opaque)->reg = (uint8_t)value;
}

static const EmuMemoryRegionOps function_ops = {.read = function_read, .write = function_write};

static bool
function_realize(EmuPciDevice *dev, GError **error)
{
    emu_pci_device_get_config(dev)[0x3d] = 1;
    emu_pci_device_get_config(dev)[0x50] = 0xf0;
    emu_pci_device_get_w1cmask(dev)[0x50] = 0xff;
    emu_pci_device_register_bar(dev, 0, EMU_PCI_BAR_MEM | EMU_PCI_BAR_PREFETCH, emu_memory_region_new_io(dev, "mem", 4096, &function_ops, dev));
    emu_pci_device_register_bar(dev, 1, EMU_PCI_BAR_IO, emu_memory_region_new_io(dev, "io", 32, &function_ops, dev));
    emu_pci_device_register_bar(dev, 2, EMU_PCI_BAR_MEM64, emu_memory_region_new_io(dev, "mem64", 0x10000, &function_ops, dev));
    return emu_pci_msi_init(dev, 0x60, 4, error) && emu_pci_msix_init(dev, 3, 4, 0, error);
}

static const EmuVMField function_fields[] = {EMU_VM_PCI_DEVICE(Function, parent), EMU_VM_U8(Function, reg), EMU_VM_END};
static const EmuVMState function_state = {.name = "test-function", .version = 1, .minimum_version = 1, .fields = function_fields};

static void
function_class_init(gpointer klass, gconstpointer data)
{
    EmuPciDeviceClass *pci_class = klass;

    ((EmuDeviceClass *)klass)->vmstate = &function_state;
    pci_class->realize = function_realize;
    pci_class->vendor_id = 0x1234;
    pci_class->device_id = 0x5678;
    pci_class->class_id = 0x0200;
    pci_class->revision = 3;
}

static const EmuTypeInfo types[] = {
    {.name = "test-bridge", .parent = "sysbus-device", .instance_size = sizeof(Bridge), .class_init = bridge_class_init},
    {.name = "test-function", .parent = "pci-device", .instance_size = sizeof(Function), .class_init = function_class_init},
};

static void
register_types(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        emu_type_register_static(&types[i]);
    }
}
type_init(register_types)

/* ---- the bench ------------------------------------------------------------------------------------------------ */

typedef struct {
    EmuMachine *machine;
    Bridge *bridge;
} Bench;

static void
set_up(Bench *b, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    EmuDevice *dev = emu_device_new("test-bridge", NULL);

    b->machine = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    emu_machine_lock(b->machine);
    g_assert_true(emu_device_realize(dev, b->machine, NULL, NULL));
    b->bridge = (Bridge *)dev;
}

static void
tear_down(Bench *b, gconstpointer data)
{
    emu_machine_unlock(b->machine);
    emu_machine_destroy(b->machine);
    g_object_unref(b->machine);
}

static EmuPciDevice *
plug(Bench *b, const char *addr, const char *property, GError **error)
{
    EmuDevice *dev = emu_device_new("test-function", NULL);

    if ((addr && !emu_object_set_from_string(dev, "addr", addr, error)) ||
        (property && !emu_object_set_from_string(dev, property, "on", error))) {
        g_object_unref(dev);
        return NULL;
    }
    return emu_device_realize(dev, b->machine, EMU_BUS(b->bridge->bus), error) ? EMU_PCI_DEVICE(dev) : NULL;
}

static uint32_t
config_read(Bench *b, EmuPciDevice *dev, unsigned reg, unsigned size)
{
    return emu_pci_config_load(b->bridge->bus, (uint32_t)emu_pci_device_get_devfn(dev) << 8 | reg, size);
}

static void
config_write(Bench *b, EmuPciDevice *dev, unsigned reg, uint32_t value, unsigned size)
{
    emu_pci_config_store(b->bridge->bus, (uint32_t)emu_pci_device_get_devfn(dev) << 8 | reg, value, size);
}

static uint64_t
load(Bench *b, uint64_t addr, unsigned size)
{
    return emu_address_space_load(emu_machine_get_memory_as(b->machine), addr, size, EMU_MEM_ATTRS_NONE, NULL);
}

/* ---- slots ------------------------------------------------------------------------------------------------------ */

static void
test_slots(Bench *b, gconstpointer data)
{
    static const char *const bad[] = {"20", "4.8", "x", "4.", ".1", "4.1.1", "4 ", "-2"};
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    EmuPciDevice *dev = plug(b, "3.0", NULL, NULL);

    text = emu_object_get_as_string(dev, "addr", NULL);
    g_assert_cmpstr(text, ==, "03.0");
    g_assert_cmpuint(emu_pci_device_get_devfn(plug(b, NULL, NULL, NULL)), ==, 0);
    g_assert_cmpuint(emu_pci_device_get_devfn(plug(b, NULL, NULL, NULL)), ==, 1 << 3);
    g_assert_cmpuint(emu_pci_device_get_devfn(plug(b, NULL, NULL, NULL)), ==, 2 << 3);
    g_assert_cmpuint(emu_pci_device_get_devfn(plug(b, NULL, NULL, NULL)), ==, 4 << 3);

    g_assert_null(plug(b, "3", NULL, &error));
    g_assert_cmpstr(error->message, ==,
                    "slot 3 function 0 of bus 'pci.0' is not available for 'test-function', in use by 'test-function' (type 'test-function')");
    g_clear_error(&error);
    g_assert_null(plug(b, "3.1", NULL, &error));
    g_assert_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED);
    g_clear_error(&error);
    g_assert_nonnull(plug(b, "1f.0", "multifunction", NULL));
    dev = plug(b, "1f.7", NULL, NULL);
    g_assert_cmpuint(emu_pci_device_get_devfn(dev), ==, 0xff);
    g_assert_cmphex(config_read(b, emu_pci_bus_find(b->bridge->bus, 0, 0xf8), 0x0e, 1), ==, 0x80);
    g_assert_true(emu_pci_bus_find(b->bridge->bus, 0, 0xff) == dev);
    g_assert_null(emu_pci_bus_find(b->bridge->bus, 1, 0xff));

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_null(plug(b, bad[i], NULL, &error));
        g_assert_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE);
        g_clear_error(&error);
    }
    while (plug(b, NULL, NULL, &error)) {
    }
    g_assert_cmpstr(error->message, ==, "no slot of bus 'pci.0' is free for device 'test-function'");

    emu_device_unrealize(EMU_DEVICE(dev));
    g_assert_null(emu_pci_bus_find(b->bridge->bus, 0, 0xff));
    g_assert_nonnull(plug(b, "1f.7", NULL, NULL));
}

static void
test_absent(Bench *b, gconstpointer data)
{
    EmuPciDevice *dev = plug(b, "1", NULL, NULL);

    g_assert_cmphex(emu_pci_config_load(b->bridge->bus, 0x1000, 4), ==, 0xffffffff);
    g_assert_cmphex(emu_pci_config_load(b->bridge->bus, 0x10800, 2), ==, 0xffff);
    emu_pci_config_store(b->bridge->bus, 0x1000, 0, 4);
    g_assert_cmphex(config_read(b, dev, 0, 4), ==, 0x56781234);
    g_assert_cmphex(config_read(b, dev, 8, 4), ==, 0x02000003);
    g_assert_cmphex(config_read(b, dev, 0x2c, 4), ==, 0x11001af4);
    g_assert_cmphex(config_read(b, dev, 0xff, 4), ==, 0xffffffff); /* over the end */
    config_write(b, dev, 0xff, 0, 4);
    config_write(b, dev, 0, 0, 4); /* read-only */
    g_assert_cmphex(config_read(b, dev, 0, 2), ==, 0x1234);
}

/* ---- BARs --------------------------------------------------------------------------------------------------------- */

static void
test_bars(Bench *b, gconstpointer data)
{
    EmuPciDevice *dev = plug(b, NULL, NULL, NULL);

    config_write(b, dev, 0x10, 0xffffffff, 4);
    g_assert_cmphex(config_read(b, dev, 0x10, 4), ==, 0xfffff008);
    config_write(b, dev, 0x14, 0xffffffff, 4);
    g_assert_cmphex(config_read(b, dev, 0x14, 4), ==, 0xffffffe1);
    config_write(b, dev, 0x18, 0xffffffff, 4);
    config_write(b, dev, 0x1c, 0xffffffff, 4);
    g_assert_cmphex(config_read(b, dev, 0x18, 4), ==, 0xffff0004);
    g_assert_cmphex(config_read(b, dev, 0x1c, 4), ==, 0xffffffff);
    config_write(b, dev, 0x24, 0xffffffff, 4);
    g_assert_cmphex(config_read(b, dev, 0x24, 4), ==, 0); /* no such BAR */

    config_write(b, dev, 0x04, 0xffff, 2);
    g_assert_cmphex(config_read(b, dev, 0x04, 2), ==, 0x0507);
    g_assert_cmphex(emu_pci_device_get_bar_address(dev, 0), ==, UINT64_MAX); /* sizing is no place */

    config_write(b, dev, 0x10, 0xe0000000, 4);
    g_assert_cmphex(emu_pci_device_get_bar_address(dev, 0), ==, 0xe0000000);
    g_assert_cmphex(load(b, 0xe0000ffc, 4), ==, 0x5a5a5a5a);
    config_write(b, dev, 0x13, 0xd0, 1); /* one byte of it */
    g_assert_cmphex(load(b, 0xd0000000, 4), ==, 0x5a5a5a5a);
    g_assert_cmphex(load(b, 0xe0000000, 4), ==, 0xffffffff);
    config_write(b, dev, 0x14, 0xc000, 4);
    g_assert_cmphex(emu_test_in(b->machine, 0xc01f, 1), ==, 0x5a);
    config_write(b, dev, 0x14, 0x1c000, 4); /* beyond what an x86 reaches */
    g_assert_cmphex(emu_pci_device_get_bar_address(dev, 1), ==, UINT64_MAX);
    config_write(b, dev, 0x18, 0x80000000, 4);
    config_write(b, dev, 0x1c, 0x12, 4);
    g_assert_cmphex(load(b, UINT64_C(0x1280000000), 4), ==, 0x5a5a5a5a);

    config_write(b, dev, 0x04, 0x0001, 2);
    g_assert_cmphex(load(b, 0xd0000000, 4), ==, 0xffffffff);
    config_write(b, dev, 0x04, 0x0002, 2);
    g_assert_cmphex(load(b, 0xd0000000, 4), ==, 0x5a5a5a5a);
    emu_device_reset(EMU_DEVICE(dev));
    g_assert_cmphex(load(b, 0xd0000000, 4), ==, 0xffffffff);
    g_assert_cmphex(config_read(b, dev, 0x10, 4), ==, 8);
    g_assert_cmphex(config_read(b, dev, 0x04, 2), ==, 0);

    config_write(b, dev, 0x10, 0xd0000000, 4);
    config_write(b, dev, 0x04, 0x0002, 2);
    emu_device_unrealize(EMU_DEVICE(dev));
    g_assert_cmphex(load(b, 0xd0000000, 4), ==, 0xffffffff);
}

static void
test_write_one_to_clear(Bench *b, gconstpointer data)
{
    EmuPciDevice *dev = plug(b, NULL, NULL, NULL);

    config_write(b, dev, 0x50, 0x30, 1);
    g_assert_cmphex(config_read(b, dev, 0x50, 1), ==, 0xc0);
}

/* Whatever is written, identity and masks hold. */
static void
test_config_fuzz(Bench *b, gconstpointer data)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    EmuPciDevice *dev = plug(b, NULL, NULL, NULL);
    uint8_t before[256];

    memcpy(before, emu_pci_device_get_config(dev), 256);
    for (unsigned i = 0; i < 20000; i++) {
        unsigned size = 1u << g_rand_int_range(rand, 0, 3);
        unsigned reg = (unsigned)g_rand_int_range(rand, 0, 256);

        config_write(b, dev, reg, g_rand_int(rand), size);
        config_read(b, dev, reg, size);
    }
    for (unsigned i = 0; i < 256; i++) {
        uint8_t free_bits = emu_pci_device_get_wmask(dev)[i] | emu_pci_device_get_w1cmask(dev)[i];

        g_assert_cmphex(config_read(b, dev, i, 1) & (uint8_t)~free_bits, ==, before[i] & (uint8_t)~free_bits);
    }
    emu_device_reset(EMU_DEVICE(dev));
}

/* ---- interrupts ------------------------------------------------------------------------------------------------- */

static void
test_intx(Bench *b, gconstpointer data)
{
    EmuPciDevice *one = plug(b, "1", NULL, NULL), *five = plug(b, "5", NULL, NULL), *two = plug(b, "2", NULL, NULL);

    emu_pci_device_set_irq(one, 1);
    g_assert_cmpint(b->bridge->levels[1], ==, 1);
    g_assert_cmphex(config_read(b, one, 0x06, 1) & 8, ==, 8);
    emu_pci_device_set_irq(five, 1); /* shares the line */
    emu_pci_device_set_irq(one, 1);
    g_assert_cmpuint(b->bridge->sets, ==, 1);
    emu_pci_device_set_irq(one, 0);
    g_assert_cmpint(b->bridge->levels[1], ==, 1);
    g_assert_cmpint(emu_pci_bus_get_irq_level(b->bridge->bus, 1), ==, 1);
    config_write(b, five, 0x04, 0x400, 2); /* interrupt disable */
    g_assert_cmpint(b->bridge->levels[1], ==, 0);
    config_write(b, five, 0x04, 0, 2);
    g_assert_cmpint(b->bridge->levels[1], ==, 1);
    emu_device_unrealize(EMU_DEVICE(five)); /* lets go */
    g_assert_cmpint(b->bridge->levels[1], ==, 0);
    emu_pci_device_set_irq(two, 1);
    g_assert_cmpint(b->bridge->levels[2], ==, 1);
    emu_device_reset(EMU_DEVICE(two));
    g_assert_cmpint(b->bridge->levels[2], ==, 0);
}

/* A function that is told to send messages takes its hand off the pin, and puts it back. */
static void
test_intx_or_messages(Bench *b, gconstpointer data)
{
    EmuPciDevice *dev = plug(b, "1", NULL, NULL);
    unsigned msix = config_read(b, dev, 0x34, 1);

    emu_pci_device_set_irq(dev, 1);
    g_assert_cmpint(b->bridge->levels[1], ==, 1);
    config_write(b, dev, 0x62, 1, 2);
    g_assert_cmpint(b->bridge->levels[1], ==, 0);
    g_assert_cmphex(config_read(b, dev, 0x06, 1) & 8, ==, 8);
    config_write(b, dev, 0x62, 0, 2);
    g_assert_cmpint(b->bridge->levels[1], ==, 1);
    config_write(b, dev, msix + 2, 0x8000, 2);
    g_assert_cmpint(b->bridge->levels[1], ==, 0);
    emu_pci_device_set_irq(dev, 0);
    emu_pci_device_set_irq(dev, 1);
    g_assert_cmpint(b->bridge->levels[1], ==, 0);
    emu_device_reset(EMU_DEVICE(dev));
    g_assert_cmpint(b->bridge->levels[1], ==, 0);
}

static void
test_bus_master(Bench *b, gconstpointer data)
{
    EmuPciDevice *dev = plug(b, NULL, NULL, NULL);
    uint32_t value = 0x11223344;

    g_assert_cmpint(emu_dma_write(emu_pci_device_get_dma_as(dev), 0xfee00000, &value, 4), !=, EMU_MEM_OK);
    g_assert_cmpuint(b->bridge->messages, ==, 0);
    config_write(b, dev, 0x04, 0x0006, 2);
    g_assert_cmpint(emu_dma_write(emu_pci_device_get_dma_as(dev), 0xfee00000, &value, 4), ==, EMU_MEM_OK);
    g_assert_cmphex(b->bridge->message_data, ==, value);
    /* Its own registers are out of its reach. */
    config_write(b, dev, 0x10, 0xd0000000, 4);
    g_assert_cmpint(emu_dma_write(emu_pci_device_get_dma_as(dev), 0xd0000000, &value, 4), ==, EMU_MEM_ACCESS_ERROR);
    g_assert_cmpuint(((Function *)dev)->reg, ==, 0);
}

static void
test_msi(Bench *b, gconstpointer data)
{
    EmuPciDevice *dev = plug(b, NULL, NULL, NULL);

    g_assert_cmphex(config_read(b, dev, 0x60, 1), ==, 0x05);
    g_assert_cmphex(config_read(b, dev, 0x62, 2), ==, 0x84);
    config_write(b, dev, 0x04, 0x0004, 2);
    emu_pci_msi_notify(dev, 0);
    g_assert_cmpuint(b->bridge->messages, ==, 0);
    config_write(b, dev, 0x64, 0xfee01003, 4);
    config_write(b, dev, 0x6c, 0x4143, 2);
    config_write(b, dev, 0x62, 0x0011, 2); /* enabled, two vectors of four */
    g_assert_true(emu_pci_msi_enabled(dev));
    emu_pci_msi_notify(dev, 3);
    g_assert_cmphex(b->bridge->message_addr, ==, 0x1000);
    g_assert_cmphex(b->bridge->message_data, ==, 0x4143);
    emu_pci_msi_notify(dev, 2);
    g_assert_cmphex(b->bridge->message_data, ==, 0x4142);
    config_write(b, dev, 0x62, 0x0071, 2); /* 128 vectors: nonsense */
    emu_pci_msi_notify(dev, 1);
    g_assert_cmphex(b->bridge->message_data, ==, 0x4141);
    emu_pci_msi_notify(dev, 4); /* none of ours */
    g_assert_cmpuint(b->bridge->messages, ==, 3);
}

static void
test_msix(Bench *b, gconstpointer data)
{
    EmuPciDevice *dev = plug(b, NULL, NULL, NULL);
    EmuAddressSpace *as = emu_machine_get_memory_as(b->machine);
    unsigned cap = config_read(b, dev, 0x34, 1);
    const uint64_t bar = 0xd1000000;

    g_assert_cmphex(config_read(b, dev, cap, 1), ==, 0x11);
    g_assert_cmphex(config_read(b, dev, cap + 2, 2), ==, 2);
    g_assert_cmphex(config_read(b, dev, cap + 4, 4), ==, 4);
    g_assert_cmphex(config_read(b, dev, cap + 8, 4), ==, 0x804);
    config_write(b, dev, 0x20, (uint32_t)bar, 4);
    config_write(b, dev, 0x04, 0x0006, 2);
    g_assert_cmphex(load(b, bar + 12, 4), ==, 1); /* masked after reset */
    emu_address_space_store(as, bar + 16, 0xfee02000, 8, EMU_MEM_ATTRS_NONE, NULL);
    emu_address_space_store(as, bar + 24, 0x77, 4, EMU_MEM_ATTRS_NONE, NULL);
    emu_pci_msix_notify(dev, 1);
    g_assert_cmphex(load(b, bar + 0x800, 4), ==, 0); /* not enabled */
    config_write(b, dev, cap + 2, 0x8000, 2);
    emu_pci_msix_notify(dev, 1);
    emu_pci_msix_notify(dev, 3);
    g_assert_cmphex(load(b, bar + 0x800, 8), ==, 2);
    g_assert_cmpuint(b->bridge->messages, ==, 0);
    config_write(b, dev, cap + 2, 0xc000, 2); /* function mask */
    emu_address_space_store(as, bar + 28, 0, 4, EMU_MEM_ATTRS_NONE, NULL);
    g_assert_cmpuint(b->bridge->messages, ==, 0);
    config_write(b, dev, cap + 2, 0x8000, 2);
    g_assert_cmpuint(b->bridge->messages, ==, 1);
    g_assert_cmphex(b->bridge->message_addr, ==, 0x2000);
    g_assert_cmphex(b->bridge->message_data, ==, 0x77);
    g_assert_cmphex(load(b, bar + 0x800, 4), ==, 0);
    emu_pci_msix_notify(dev, 1);
    g_assert_cmpuint(b->bridge->messages, ==, 2);
    g_assert_cmphex(load(b, bar + 48, 4), ==, 0xffffffff); /* behind the table */
}

/* ---- option ROM ---------------------------------------------------------------------------------------------------- */

static void
test_rom(Bench *b, gconstpointer data)
{
    g_autofree char *dir = g_dir_make_tmp("emu-rom-XXXXXX", NULL), *path = g_build_filename(dir, "test.rom", NULL);
    uint8_t rom[3000] = {0x55, 0xaa, 6};
    EmuDevice *dev = emu_device_new("test-function", NULL);
    g_autoptr(GError) error = NULL;
    uint8_t sum = 0, want = 0;

    rom[0x18] = 0x20;
    memcpy(rom + 0x20, "PCIR\x86\x80\x0e\x10", 8);
    for (unsigned i = 0; i < sizeof(rom); i++) {
        want = (uint8_t)(want + rom[i]);
    }
    g_assert_true(g_file_set_contents(path, (char *)rom, sizeof(rom), NULL));
    g_assert_true(emu_object_set_from_string(dev, "romfile", path, NULL));
    g_assert_true(emu_device_realize(dev, b->machine, EMU_BUS(b->bridge->bus), &error));
    g_assert_no_error(error);
    config_write(b, EMU_PCI_DEVICE(dev), 0x30, 0xffffffff, 4);
    g_assert_cmphex(config_read(b, EMU_PCI_DEVICE(dev), 0x30, 4), ==, 0xfffff001);
    config_write(b, EMU_PCI_DEVICE(dev), 0x04, 2, 2);
    config_write(b, EMU_PCI_DEVICE(dev), 0x30, 0xd2000000, 4);
    g_assert_cmphex(load(b, 0xd2000000, 2), ==, 0xffff); /* not enabled */
    config_write(b, EMU_PCI_DEVICE(dev), 0x30, 0xd2000001, 4);
    g_assert_cmphex(load(b, 0xd2000000, 2), ==, 0xaa55);
    g_assert_cmphex(load(b, 0xd2000024, 4), ==, 0x56781234); /* patched */
    for (unsigned i = 0; i < sizeof(rom); i++) {
        sum = (uint8_t)(sum + load(b, 0xd2000000 + i, 1));
    }
    g_assert_cmphex(sum, ==, want);

    dev = emu_device_new("test-function", NULL);
    g_assert_true(emu_object_set_from_string(dev, "romfile", path, NULL));
    g_assert_true(emu_object_set_from_string(dev, "romsize", "65536", NULL));
    g_assert_true(emu_device_realize(dev, b->machine, EMU_BUS(b->bridge->bus), &error));
    config_write(b, EMU_PCI_DEVICE(dev), 0x30, 0xffffffff, 4);
    g_assert_cmphex(config_read(b, EMU_PCI_DEVICE(dev), 0x30, 4), ==, 0xffff0001);
    dev = emu_device_new("test-function", NULL);
    g_assert_true(emu_object_set_from_string(dev, "romfile", path, NULL));
    g_assert_true(emu_object_set_from_string(dev, "romsize", "2048", NULL)); /* it has 3000 bytes */
    g_assert_false(emu_device_realize(dev, b->machine, EMU_BUS(b->bridge->bus), &error));
    g_assert_nonnull(strstr(error->message, "romsize is 2048"));
    g_clear_error(&error);

    dev = emu_device_new("test-function", NULL);
    g_assert_true(emu_object_set_from_string(dev, "romfile", "no-such.rom", NULL));
    g_assert_false(emu_device_realize(dev, b->machine, EMU_BUS(b->bridge->bus), &error));
    g_assert_cmpstr(error->message, ==, "test-function: option ROM 'no-such.rom' not found");
    g_unlink(path);
    g_rmdir(dir);
}

/* ---- saved state ----------------------------------------------------------------------------------------------------- */

static void
test_state(Bench *b, gconstpointer data)
{
    EmuPciDevice *dev = plug(b, NULL, NULL, NULL);
    g_autoptr(GByteArray) bytes = g_byte_array_new(), again = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GRand) rand = g_rand_new_with_seed(12);
    gsize pos = 0;

    config_write(b, dev, 0x04, 0x0006, 2);
    config_write(b, dev, 0x10, 0xd0000000, 4);
    emu_pci_device_set_irq(dev, 1);
    g_assert_true(emu_vmstate_save(&function_state, dev, bytes, &error));
    g_assert_no_error(error);
    emu_device_reset(EMU_DEVICE(dev));
    g_assert_cmphex(load(b, 0xd0000000, 4), ==, 0xffffffff);
    b->bridge->sets = 0;
    g_assert_true(emu_vmstate_load(&function_state, dev, bytes->data, bytes->len, &pos, &error));
    g_assert_no_error(error);
    g_assert_cmphex(load(b, 0xd0000000, 4), ==, 0x5a5a5a5a);
    g_assert_cmpuint(b->bridge->sets, ==, 0); /* the controller has its own state */
    g_assert_cmpint(emu_pci_bus_get_irq_level(b->bridge->bus, 0), ==, 1);
    emu_vmstate_save(&function_state, dev, again, NULL);
    g_assert_cmpmem(again->data, again->len, bytes->data, bytes->len);

    for (unsigned i = 0; i < 5000; i++) {
        g_autofree uint8_t *copy = g_memdup2(bytes->data, bytes->len);

        copy[g_rand_int_range(rand, 0, (gint32)bytes->len)] = (uint8_t)g_rand_int(rand);
        copy[g_rand_int_range(rand, 0, (gint32)bytes->len)] = (uint8_t)g_rand_int(rand);
        pos = 0;
        emu_vmstate_load(&function_state, dev, copy, bytes->len, &pos, NULL);
        g_assert_cmphex(config_read(b, dev, 0, 4), ==, 0x56781234);
        g_assert_cmphex(config_read(b, dev, 0x10, 4) & 0xfff, ==, 8);
        emu_pci_msix_notify(dev, 1);
    }
    emu_device_reset(EMU_DEVICE(dev));
    g_assert_cmpint(emu_pci_bus_get_irq_level(b->bridge->bus, 0), ==, 0);
}

static void
test_info(Bench *b, gconstpointer data)
{
    EmuPciDevice *dev = plug(b, "2", NULL, NULL);
    g_autofree char *text = NULL;

    config_write(b, dev, 0x04, 3, 2);
    config_write(b, dev, 0x10, 0xd0000000, 4);
    config_write(b, dev, 0x14, 0xc000, 4);
    text = emu_describe_pci(b->machine);
    g_assert_true(g_str_has_prefix(text, "  Bus  0, device   2, function 0:\n    Ethernet controller: PCI device 1234:5678\n"
                                         "      PCI subsystem 1af4:1100\n      IRQ 0, pin A\n"
                                         "      BAR0: 32 bit prefetchable memory at 0xd0000000 [0xd0000fff].\n"
                                         "      BAR1: I/O at 0xc000 [0xc01f].\n"));
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*fn)(Bench *b, gconstpointer data);
    } tests[] = {
        {"/pci/slots", test_slots},
        {"/pci/config/absent-and-read-only", test_absent},
        {"/pci/config/bars", test_bars},
        {"/pci/config/write-one-to-clear", test_write_one_to_clear},
        {"/pci/config/fuzz", test_config_fuzz},
        {"/pci/irq/intx-is-shared", test_intx},
        {"/pci/irq/intx-or-messages", test_intx_or_messages},
        {"/pci/irq/msi", test_msi},
        {"/pci/irq/msix", test_msix},
        {"/pci/bus-master", test_bus_master},
        {"/pci/option-rom", test_rom},
        {"/pci/state", test_state},
        {"/pci/info", test_info},
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].path, Bench, NULL, set_up, tests[i].fn, tear_down);
    }
    return g_test_run();
}
