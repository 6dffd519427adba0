/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Machines, places and back ends for tests of devices. */

#include <emu/emu.h>
#include <emu/test-kit.h>

#include <string.h>

#define KIT_BAR_MEMORY 0xe0000000u
#define KIT_BAR_IO 0xc000u
#define KIT_SLICE_NS 1000

EmuMemoryRegion *
emu_test_add_ram(EmuMachine *machine, uint64_t addr, uint64_t size)
{
    g_autoptr(GError) error = NULL;
    EmuMemoryRegion *ram;

    emu_machine_lock(machine);
    ram = emu_memory_region_new_ram(machine, "test-ram[*]", size, &error);
    g_assert_no_error(error);
    emu_memory_region_add_subregion(emu_machine_get_system_memory(machine), addr, ram, 0);
    emu_machine_unlock(machine);
    return ram;
}

void
emu_test_read_memory(EmuMachine *machine, uint64_t addr, void *buf, gsize len)
{
    g_assert_cmpint(emu_address_space_read(emu_machine_get_memory_as(machine), addr, buf, len, EMU_MEM_ATTRS_NONE), ==, EMU_MEM_OK);
}

void
emu_test_write_memory(EmuMachine *machine, uint64_t addr, const void *buf, gsize len)
{
    g_assert_cmpint(emu_address_space_write(emu_machine_get_memory_as(machine), addr, buf, len, EMU_MEM_ATTRS_NONE), ==, EMU_MEM_OK);
}

bool
emu_test_wait_line(EmuMachine *machine, EmuTestWatch *watch, int level, int64_t timeout_ns)
{
    int64_t slice = KIT_SLICE_NS;

    emu_test_settle(machine);
    while ((watch->level != 0) != (level != 0) && timeout_ns > 0) {
        emu_test_advance(machine, MIN(slice, timeout_ns));
        timeout_ns -= slice;
        slice += slice / 4; /* exact for what is quick, few steps for what is slow */
    }
    return (watch->level != 0) == (level != 0);
}

/* ---- devices ----------------------------------------------------------------------------------------------- */

EmuMachine *
emu_test_machine_new_with_drive(const char *board, GError **error)
{
    EmuMachine *machine = emu_test_machine_new_unbuilt(board, error);

    if (!machine) {
        return NULL;
    }
    emu_machine_set_memory(machine, "16M", NULL);
    if (!emu_test_add_drive(machine, "if=none,id=test-drive,driver=null-co,size=1M", error) || !emu_test_machine_start(machine, error)) {
        emu_machine_destroy(machine);
        g_object_unref(machine);
        return NULL;
    }
    return machine;
}

static bool
has_setting(const char *properties, const char *name)
{
    g_auto(GStrv) parts = g_strsplit(properties ? properties : "", ",", -1);

    for (char **p = parts; *p; p++) {
        if (g_str_has_prefix(*p, name) && (*p)[strlen(name)] == '=') {
            return true;
        }
    }
    return false;
}

typedef struct {
    const char *type;
    EmuDevice *found;
} FindDevice;

static bool
find_device_cb(EmuObject *object, gpointer data)
{
    FindDevice *find = data;

    if (EMU_IS_DEVICE(object) && emu_device_is_realized(EMU_DEVICE(object)) && strcmp(emu_object_get_type_name(object), find->type) == 0) {
        find->found = EMU_DEVICE(object);
        return true;
    }
    return emu_object_foreach_child(object, find_device_cb, data);
}

EmuDevice *
emu_test_find_device(EmuMachine *machine, const char *type_name)
{
    FindDevice find = {.type = type_name};

    emu_machine_lock(machine);
    emu_object_foreach_child(emu_machine_get_root(machine), find_device_cb, &find);
    emu_machine_unlock(machine);
    return find.found;
}

/* What the type's class says it needs, as far as @text does not have it. */
static bool
add_needed(EmuMachine *machine, const char *type_name, const char *properties, GString *text, GError **error)
{
    GType type = emu_type_lookup(type_name, error);
    g_autoptr(GTypeClass) klass = type != G_TYPE_INVALID && g_type_is_a(type, EMU_TYPE_DEVICE) ? g_type_class_ref(type) : NULL;
    g_auto(GStrv) parts = NULL;

    if (!klass || !EMU_DEVICE_CLASS(klass)->try_with) {
        return type != G_TYPE_INVALID;
    }
    parts = g_strsplit(EMU_DEVICE_CLASS(klass)->try_with, ",", -1);
    for (char **p = parts; *p; p++) {
        char *value = strchr(*p, '=');
        g_autofree char *name = value ? g_strndup(*p, (gsize)(value - *p)) : NULL;
        g_autofree char *path = NULL;

        if (!value || has_setting(properties, name)) {
            continue;
        }
        value++;
        if (*value == '@') {
            EmuDevice *part = emu_test_find_device(machine, value + 1);

            part = part ? part : emu_test_add_device_fully(machine, value + 1, NULL, error);
            if (!part) {
                return false;
            }
            value = path = emu_object_get_canonical_path(part);
        }
        g_string_append_printf(text, "%s%s=%s", text->len ? "," : "", name, value);
    }
    return true;
}

EmuDevice *
emu_test_add_device_fully(EmuMachine *machine, const char *type_name, const char *properties, GError **error)
{
    g_autoptr(GPtrArray) known = emu_type_list_properties(type_name, error);
    g_autoptr(GString) text = g_string_new(properties);
    EmuObject *root = emu_machine_get_root(machine);

    if (!known || !add_needed(machine, type_name, properties, text, error)) {
        return NULL;
    }
    for (unsigned i = 0; i < known->len; i++) {
        const EmuPropertyInfo *info = g_ptr_array_index(known, i);

        if (strcmp(info->name, "chardev") == 0 && !has_setting(properties, "chardev")) {
            EmuObject *chardevs = emu_object_get_container(root, "/chardevs");

            if (!emu_object_get_child(chardevs, "test-chardev")) {
                emu_test_chardev_new(machine, "test-chardev");
            }
            g_string_append_printf(text, "%schardev=test-chardev", text->len ? "," : "");
        } else if (strcmp(info->name, "drive") == 0 && !has_setting(properties, "drive")) {
            g_string_append_printf(text, "%sdrive=test-drive", text->len ? "," : "");
        }
    }
    return emu_test_add_device(machine, type_name, text->len ? text->str : NULL, error);
}

/* ---- places -------------------------------------------------------------------------------------------------- */

static uint32_t
config_address(EmuPciDevice *dev, unsigned reg)
{
    return (uint32_t)emu_pci_bus_get_number(emu_pci_device_get_bus(dev)) << 16 | (uint32_t)emu_pci_device_get_devfn(dev) << 8 | reg;
}

uint32_t
emu_test_config_read(EmuDevice *dev, unsigned reg, unsigned size)
{
    EmuMachine *machine = emu_device_get_machine(dev);
    uint32_t value;

    emu_machine_lock(machine);
    value = emu_pci_config_load(emu_pci_device_get_bus(EMU_PCI_DEVICE(dev)), config_address(EMU_PCI_DEVICE(dev), reg), size);
    emu_machine_unlock(machine);
    return value;
}

void
emu_test_config_write(EmuDevice *dev, unsigned reg, uint32_t value, unsigned size)
{
    EmuMachine *machine = emu_device_get_machine(dev);

    emu_machine_lock(machine);
    emu_pci_config_store(emu_pci_device_get_bus(EMU_PCI_DEVICE(dev)), config_address(EMU_PCI_DEVICE(dev), reg), value, size);
    emu_machine_unlock(machine);
}

static void
place_bars(EmuDevice *dev)
{
    uint32_t memory = KIT_BAR_MEMORY, io = KIT_BAR_IO;

    if (emu_test_config_read(dev, 0x0e, 1) & 0x7f) {
        return; /* a bridge */
    }
    emu_test_config_write(dev, 4, 0, 2);
    for (unsigned bar = 0; bar < 6; bar++) {
        unsigned reg = 0x10 + 4 * bar;
        uint32_t mask, size;

        emu_test_config_write(dev, reg, UINT32_MAX, 4);
        mask = emu_test_config_read(dev, reg, 4);
        if (mask == 0) {
            continue;
        }
        size = ~(mask & (mask & EMU_PCI_BAR_IO ? ~3u : ~15u)) + 1;
        if (mask & EMU_PCI_BAR_IO) {
            size &= 0xffff;
            io = (io + size - 1) & ~(size - 1);
            emu_test_config_write(dev, reg, io, 4);
            io += MAX(size, 0x100);
            continue;
        }
        memory = (memory + size - 1) & ~(size - 1);
        emu_test_config_write(dev, reg, memory, 4);
        memory += MAX(size, 0x1000);
        if (mask & EMU_PCI_BAR_MEM64) {
            emu_test_config_write(dev, 0x10 + 4 * ++bar, 0, 4);
        }
    }
    emu_test_config_write(dev, 4, 7, 2);
}

void
emu_test_place(EmuDevice *dev)
{
    EmuMachine *machine = emu_device_get_machine(dev);
    EmuMemoryRegion *region;

    if (EMU_IS_PCI_DEVICE(dev)) {
        place_bars(dev);
    } else if (EMU_IS_SYSBUS_DEVICE(dev)) {
        emu_machine_lock(machine);
        for (unsigned i = 0; (region = emu_sysbus_get_mmio(EMU_SYSBUS_DEVICE(dev), i)); i++) {
            if (!emu_memory_region_get_container(region)) {
                emu_sysbus_map(EMU_SYSBUS_DEVICE(dev), i, KIT_BAR_MEMORY + i * 0x100000, 0);
            }
        }
        emu_machine_unlock(machine);
    }
}

uint64_t
emu_test_address(EmuDevice *dev, unsigned index)
{
    EmuMemoryRegion *region;

    if (EMU_IS_PCI_DEVICE(dev)) {
        return emu_pci_device_get_bar_address(EMU_PCI_DEVICE(dev), index);
    }
    region = EMU_IS_SYSBUS_DEVICE(dev) ? emu_sysbus_get_mmio(EMU_SYSBUS_DEVICE(dev), index) : NULL;
    return region && emu_memory_region_get_container(region) ? emu_memory_region_get_address(region) : UINT64_MAX;
}

static bool
device_owns(EmuDevice *dev, gpointer object)
{
    while (object && !EMU_IS_DEVICE(object)) {
        object = emu_object_get_parent(object);
    }
    return object == dev;
}

typedef struct {
    GArray *ranges;
    EmuDevice *dev;
    bool memory;
} ListRanges;

static void
list_ranges_add(gpointer opaque, const EmuMemorySection *s)
{
    ListRanges *list = opaque;

    if (device_owns(list->dev, emu_memory_region_get_owner(s->region))) {
        EmuTestRange range = {.addr = s->addr, .size = s->size, .memory = list->memory, .ram = s->ram};

        g_array_append_val(list->ranges, range);
    }
}

GArray *
emu_test_list_ranges(EmuDevice *dev)
{
    static const EmuMemoryListener listener = {.add = list_ranges_add};
    EmuMachine *machine = emu_device_get_machine(dev);
    ListRanges list = {.ranges = g_array_new(FALSE, FALSE, sizeof(EmuTestRange)), .dev = dev};
    EmuAddressSpace *spaces[] = {emu_machine_get_io_as(machine), emu_machine_get_memory_as(machine)};

    /* A new listener hears of all that is there. */
    emu_machine_lock(machine);
    for (unsigned i = 0; i < G_N_ELEMENTS(spaces); i++) {
        list.memory = i == 1;
        emu_address_space_remove_listener(spaces[i], emu_address_space_add_listener(spaces[i], &listener, &list));
    }
    emu_machine_unlock(machine);
    return list.ranges;
}
