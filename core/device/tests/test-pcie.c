/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PCI Express: capabilities, extended configuration space, who makes a request, what an IOMMU region does, rerouted pins. */

#include "device/device-private.h"

#include <emu/pci.h>
#include <emu/test.h>

#include <string.h>

/* ---- a root complex, functions, bridges ------------------------------------------------------------------------ */

typedef struct {
    EmuSysbusDevice parent;
    EmuMemoryRegion *memory, *ram;
    EmuPciBus *bus;
    unsigned turn; /* of the pins */
    int levels[4];
} Complex;

static int
complex_map(EmuPciDevice *dev, int pin)
{
    Complex *self = (Complex *)emu_bus_get_owner(EMU_BUS(emu_pci_device_get_bus(dev)));

    return (int)(((unsigned)pin + self->turn) & 3);
}

static void
complex_set(gpointer opaque, int irq, int level)
{
    ((Complex *)opaque)->levels[irq] = level;
}

static bool
complex_realize(EmuDevice *dev, GError **error)
{
    Complex *self = (Complex *)dev;
    EmuMachine *machine = emu_device_get_machine(dev);

    self->memory = emu_memory_region_new_container(self, "pci", UINT64_MAX);
    self->ram = emu_memory_region_new_ram(self, "ram", 0x10000, error);
    emu_memory_region_add_subregion(emu_machine_get_system_memory(machine), 0, self->memory, -1);
    emu_memory_region_add_subregion(emu_machine_get_system_memory(machine), 0, self->ram, 0);
    self->bus = emu_pcie_root_bus_new(dev, "pcie.0", self->memory, emu_machine_get_system_io(machine), 0);
    emu_pci_bus_set_irqs(self->bus, complex_map, complex_set, self, 4);
    return true;
}

static void
complex_unrealize(EmuDevice *dev)
{
    Complex *self = (Complex *)dev;

    emu_memory_region_del_subregion(emu_memory_region_get_container(self->memory), self->memory);
    emu_memory_region_del_subregion(emu_memory_region_get_container(self->ram), self->ram);
}

static void
complex_class_init(gpointer klass, gconstpointer data)
{
    ((EmuDeviceClass *)klass)->realize = complex_realize;
    ((EmuDeviceClass *)klass)->unrealize = complex_unrealize;
}

static bool
function_realize(EmuPciDevice *dev, GError **error)
{
    uint8_t *config = emu_pci_device_get_config(dev);
    uint16_t first, second;

    config[0x3d] = 1;
    if (!EMU_PCI_DEVICE_GET_CLASS(dev)->is_express) {
        return true;
    }
    g_assert_cmphex(emu_pcie_init(dev, 0x40, EMU_PCIE_TYPE_ENDPOINT, 3), ==, 0x40);
    first = emu_pcie_add_capability(dev, 0x0003, 1, 12);
    second = emu_pcie_add_capability(dev, 0x0001, 2, 0x48);
    g_assert_cmphex(first, ==, 0x100);
    g_assert_cmphex(second, ==, 0x10c);
    memset(emu_pci_device_get_wmask(dev) + first + 4, 0xff, 4);
    return true;
}

static const EmuVMField function_fields[] = {{.name = "pci", .kind = EMU_VM_KIND_STRUCT, .offset = 0, .num = 1, .sub = &emu_vmstate_pci_device}, EMU_VM_END};
static const EmuVMState function_state = {.name = "test-pcie-function", .version = 1, .minimum_version = 1, .fields = function_fields};

static void
function_class_init(gpointer klass, gconstpointer express)
{
    EmuPciDeviceClass *pci_class = klass;

    ((EmuDeviceClass *)klass)->vmstate = &function_state;
    pci_class->realize = function_realize;
    pci_class->vendor_id = 0x1234;
    pci_class->device_id = 0x5678;
    pci_class->is_express = express != NULL;
}

static bool
bridge_realize(EmuPciDevice *dev, GError **error)
{
    emu_pci_bridge_bus_new(dev, emu_device_get_id(EMU_DEVICE(dev)), emu_memory_region_new_container(dev, "memory", UINT64_MAX),
                           emu_memory_region_new_container(dev, "io", 0x10000));
    return true;
}

static void
bridge_class_init(gpointer klass, gconstpointer express)
{
    EmuPciDeviceClass *pci_class = klass;

    pci_class->realize = bridge_realize;
    pci_class->is_bridge = true;
    pci_class->is_express = express != NULL;
}

static const EmuTypeInfo types[] = {
    {.name = "test-complex", .parent = "sysbus-device", .instance_size = sizeof(Complex), .class_init = complex_class_init},
    {.name = "test-express-function", .parent = "pci-device", .class_init = function_class_init, .class_data = "express"},
    {.name = "test-old-function", .parent = "pci-device", .class_init = function_class_init},
    {.name = "test-port", .parent = "pci-device", .class_init = bridge_class_init, .class_data = "express"},
    {.name = "test-old-bridge", .parent = "pci-device", .class_init = bridge_class_init},
};

static void
register_types(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        emu_type_register_static(&types[i]);
    }
}
type_init(register_types)

/* ---- the bench ---------------------------------------------------------------------------------------------------- */

typedef struct {
    EmuMachine *machine;
    Complex *complex;
    EmuAddressSpace *target;
    EmuMemAttrs attrs; /* of the last request that the unit saw */
    uint64_t offset;   /* that it adds */
} Bench;

static void
set_up(Bench *b, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    EmuDevice *dev = emu_device_new("test-complex", NULL);

    b->machine = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    emu_machine_lock(b->machine);
    g_assert_true(emu_device_realize(dev, b->machine, NULL, NULL));
    b->complex = (Complex *)dev;
    b->target = emu_machine_get_memory_as(b->machine);
}

static void
tear_down(Bench *b, gconstpointer data)
{
    emu_machine_unlock(b->machine);
    emu_machine_destroy(b->machine);
    g_object_unref(b->machine);
}

static EmuPciDevice *
plug(Bench *b, EmuBus *bus, const char *type, const char *addr, GError **error)
{
    EmuDevice *dev = emu_device_new(type, error);

    g_assert_nonnull(dev);
    if (addr) {
        g_assert_true(emu_object_set_from_string(dev, "addr", addr, error));
    }
    return emu_device_realize(dev, b->machine, bus ? bus : EMU_BUS(b->complex->bus), error) ? EMU_PCI_DEVICE(dev) : NULL;
}

static EmuBus *
bus_behind(EmuPciDevice *bridge)
{
    return emu_device_get_buses(EMU_DEVICE(bridge))->pdata[0];
}

static void
write_config(Bench *b, EmuPciDevice *dev, unsigned reg, uint32_t value, unsigned size)
{
    emu_pcie_config_store(b->complex->bus, (uint32_t)emu_pci_bus_get_number(emu_pci_device_get_bus(dev)) << 20 |
                          (uint32_t)emu_pci_device_get_devfn(dev) << 12 | reg, value, size);
}

static uint32_t
read_config(Bench *b, EmuPciDevice *dev, unsigned reg, unsigned size)
{
    return emu_pcie_config_load(b->complex->bus, (uint32_t)emu_pci_bus_get_number(emu_pci_device_get_bus(dev)) << 20 |
                                (uint32_t)emu_pci_device_get_devfn(dev) << 12 | reg, size);
}

/* ---- configuration space -------------------------------------------------------------------------------------------- */

static void
test_extended(Bench *b, gconstpointer data)
{
    EmuPciDevice *dev = plug(b, NULL, "test-express-function", "4.0", NULL), *old = plug(b, NULL, "test-old-function", "5.0", NULL);
    g_autoptr(GByteArray) saved = g_byte_array_new();
    gsize pos = 0;

    g_assert_true(emu_pci_bus_is_express(b->complex->bus));
    g_assert_cmphex(read_config(b, dev, 0x40, 4), ==, 0x00020010);
    g_assert_cmphex(read_config(b, dev, 0x4c, 4), ==, 0x03000011);
    g_assert_cmphex(read_config(b, dev, 0x100, 4), ==, 0x10c10003);
    g_assert_cmphex(read_config(b, dev, 0x10c, 4), ==, 0x00020001);
    g_assert_cmphex(read_config(b, dev, 0xffd, 1), ==, 0);
    write_config(b, dev, 0x104, 0x12345678, 4);
    g_assert_cmphex(read_config(b, dev, 0x106, 2), ==, 0x1234);
    write_config(b, dev, 0x108, 0xffffffff, 4); /* read-only */
    g_assert_cmphex(read_config(b, dev, 0x108, 4), ==, 0);
    g_assert_cmphex(read_config(b, old, 0x00, 4), ==, 0x56781234);
    g_assert_cmphex(read_config(b, old, 0x100, 4), ==, 0xffffffff);
    write_config(b, old, 0x100, 0, 4);
    g_assert_cmphex(emu_pci_config_load(b->complex->bus, 4 << 11 | 0xfe, 4), ==, 0xffffffff); /* over the end of the first 256 */

    g_assert_true(emu_vmstate_save(&function_state, dev, saved, NULL));
    emu_device_reset(EMU_DEVICE(dev));
    g_assert_cmphex(read_config(b, dev, 0x104, 4), ==, 0);
    g_assert_cmphex(read_config(b, dev, 0x100, 4), ==, 0x10c10003);
    g_assert_true(emu_vmstate_load(&function_state, dev, saved->data, saved->len, &pos, NULL));
    g_assert_cmphex(read_config(b, dev, 0x104, 4), ==, 0x12345678);
}

static void
test_one_slot(Bench *b, gconstpointer data)
{
    EmuPciDevice *port = plug(b, NULL, "test-port", NULL, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_null(plug(b, bus_behind(port), "test-express-function", "1.0", &error));
    g_assert_nonnull(strstr(error->message, "slot 0 only"));
    g_clear_error(&error);
    g_assert_cmphex(emu_pci_device_get_devfn(plug(b, bus_behind(port), "test-express-function", NULL, NULL)), ==, 0);
    g_assert_null(plug(b, bus_behind(port), "test-express-function", NULL, &error));
    g_assert_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_DUPLICATE);
}

/* ---- requests ------------------------------------------------------------------------------------------------------------ */

static bool
translate(gpointer opaque, uint64_t addr, bool write, EmuMemAttrs attrs, EmuIommuEntry *out)
{
    Bench *b = opaque;

    b->attrs = attrs;
    *out = (EmuIommuEntry){.target = b->target, .addr = addr + b->offset, .page_mask = 0xfff, .readable = true, .writable = true};
    return true;
}

static const EmuIommuOps unit_ops = {.translate = translate};

static uint16_t
requester_seen(Bench *b, EmuPciDevice *dev)
{
    uint8_t byte;

    b->attrs = EMU_MEM_ATTRS_NONE;
    g_assert_cmpint(emu_dma_read(emu_pci_device_get_dma_as(dev), 0x100, &byte, 1), ==, EMU_MEM_OK);
    g_assert_true(b->attrs.has_requester);
    g_assert_cmphex(b->attrs.requester_id, ==, emu_pci_device_get_requester_id(dev));
    return b->attrs.requester_id;
}

static void
test_requesters(Bench *b, gconstpointer data)
{
    EmuPciDevice *dev = plug(b, NULL, "test-express-function", "4.0", NULL), *port = plug(b, NULL, "test-port", "5.0", NULL);
    EmuPciDevice *old_bridge = plug(b, NULL, "test-old-bridge", "6.0", NULL);
    EmuPciDevice *behind = plug(b, bus_behind(port), "test-express-function", NULL, NULL);
    EmuPciDevice *old = plug(b, bus_behind(old_bridge), "test-old-function", "3.0", NULL);
    EmuPciDevice *all[] = {dev, port, old_bridge, behind, old};
    EmuMemoryRegion *unit = emu_memory_region_new_iommu(NULL, "unit", UINT64_MAX, &unit_ops, b);
    uint8_t byte = 0, *ram = emu_memory_region_get_ram_pointer(b->complex->ram);

    write_config(b, port, 0x18, 0x00050500, 4);
    write_config(b, old_bridge, 0x18, 0x00060600, 4);
    for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
        write_config(b, all[i], 4, 4, 2);
    }
    ram[0x100] = 1;
    ram[0x1100] = 2;
    b->offset = 0x1000;
    g_assert_cmpint(emu_dma_read(emu_pci_device_get_dma_as(behind), 0x100, &byte, 1), ==, EMU_MEM_OK);
    g_assert_cmpuint(byte, ==, 1);
    emu_pci_bus_set_iommu(b->complex->bus, unit);
    g_assert_true(emu_pci_bus_get_iommu(b->complex->bus) == unit);
    g_assert_cmpint(emu_dma_read(emu_pci_device_get_dma_as(behind), 0x100, &byte, 1), ==, EMU_MEM_OK);
    g_assert_cmpuint(byte, ==, 2);

    g_assert_cmphex(requester_seen(b, dev), ==, 0x0020);
    g_assert_cmphex(requester_seen(b, behind), ==, 0x0500);
    g_assert_cmphex(requester_seen(b, old), ==, 0x0030); /* the conventional bridge asks in its name */
    write_config(b, port, 0x19, 0x09, 1);
    g_assert_cmphex(requester_seen(b, behind), ==, 0x0900);
    emu_pci_bus_set_iommu(b->complex->bus, NULL);
    g_object_unref(unit);
}

static void
test_changes_over(Bench *b, gconstpointer data)
{
    EmuPciDevice *dev = plug(b, NULL, "test-express-function", "4.0", NULL), *later;
    EmuMemoryRegion *unit = emu_memory_region_new_iommu(NULL, "unit", UINT64_MAX, &unit_ops, b);
    uint8_t byte = 0, *ram = emu_memory_region_get_ram_pointer(b->complex->ram);

    ram[0x100] = 1;
    ram[0x1100] = 2;
    b->offset = 0x1000;
    emu_pci_bus_set_iommu(b->complex->bus, unit);
    g_assert_cmpint(emu_dma_read(emu_pci_device_get_dma_as(dev), 0x100, &byte, 1), !=, EMU_MEM_OK); /* it may not master */
    write_config(b, dev, 4, 4, 2);
    emu_dma_read(emu_pci_device_get_dma_as(dev), 0x100, &byte, 1);
    g_assert_cmpuint(byte, ==, 2);
    later = plug(b, NULL, "test-express-function", "5.0", NULL);
    write_config(b, later, 4, 4, 2);
    g_assert_cmphex(requester_seen(b, later), ==, 0x0028);
    emu_pci_bus_set_iommu(b->complex->bus, NULL);
    emu_dma_read(emu_pci_device_get_dma_as(later), 0x100, &byte, 1);
    g_assert_cmpuint(byte, ==, 1);
    g_object_unref(unit);
}

/* ---- pins -------------------------------------------------------------------------------------------------------------------- */

static void
test_reroute(Bench *b, gconstpointer data)
{
    EmuPciDevice *dev = plug(b, NULL, "test-express-function", "4.0", NULL), *bridge = plug(b, NULL, "test-old-bridge", "6.0", NULL);
    EmuPciDevice *behind = plug(b, bus_behind(bridge), "test-old-function", "1.0", NULL);

    emu_pci_device_set_irq(dev, 1);
    emu_pci_device_set_irq(behind, 1); /* slot 1: its pin A is the bridge's B */
    g_assert_true(b->complex->levels[0] && b->complex->levels[1]);
    b->complex->turn = 2;
    emu_pci_bus_reroute_irqs(b->complex->bus);
    g_assert_true(!b->complex->levels[0] && !b->complex->levels[1] && b->complex->levels[2] && b->complex->levels[3]);
    emu_pci_device_set_irq(behind, 0);
    g_assert_true(b->complex->levels[2] && !b->complex->levels[3]);
    emu_pci_device_set_irq(dev, 0);
    g_assert_false(b->complex->levels[2]);
}

static void
test_find_root(Bench *b, gconstpointer data)
{
    plug(b, NULL, "test-old-bridge", NULL, NULL);
    g_assert_true(emu_pci_find_root(b->machine) == b->complex->bus);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*fn)(Bench *b, gconstpointer data);
    } tests[] = {
        {"/pcie/configuration/extended", test_extended},   {"/pcie/slots/one-behind-a-port", test_one_slot},
        {"/pcie/requests/requesters", test_requesters},    {"/pcie/requests/changes-over", test_changes_over},
        {"/pcie/pins/reroute", test_reroute},              {"/pcie/root/found", test_find_root},
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].path, Bench, NULL, set_up, tests[i].fn, tear_down);
    }
    return g_test_run();
}
