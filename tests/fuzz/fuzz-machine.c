/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The machine around the device, and where its registers are. */

#include "fuzz-private.h"

#include <glib/gstdio.h>
#include <string.h>

#define FUZZ_BAR_MEMORY 0xe0000000u
#define FUZZ_BAR_IO 0xc000u

static char *
make_image(const char *dir, const char *name, gsize size)
{
    char *path = g_build_filename(dir, name, NULL);
    g_autofree char *zeroes = g_malloc0(size);

    g_assert_true(g_file_set_contents(path, zeroes, (gssize)size, NULL));
    return path;
}

static bool
add_drive(EmuMachine *machine, const char *format, const char *path, GError **error)
{
    g_autofree char *text = g_strdup_printf(format, path);

    return emu_test_add_drive(machine, text, error);
}

static EmuMachine *
make_machine(Fuzz *self, GError **error)
{
    EmuMachine *machine = emu_test_machine_new_unbuilt("pc", error);

    if (!machine) {
        return NULL;
    }
    /* A display adapter is there when it is the target; two would hide each other's ports. */
    if (strstr(self->type, "vga") || strcmp(self->type, "VGA") == 0) {
        emu_machine_add_option(machine, "vga", "none");
    }
    if (!emu_machine_set_memory(machine, "16M", error) ||
        !add_drive(machine, "file=%s,format=raw,if=ide,index=0", self->disk, error) ||
        !add_drive(machine, "file=%s,format=raw,if=ide,index=2,media=cdrom", self->cd, error) ||
        !add_drive(machine, "file=%s,format=raw,if=floppy", self->floppy, error) || !emu_test_machine_start(machine, error)) {
        emu_machine_destroy(machine);
        g_object_unref(machine);
        return NULL;
    }
    return machine;
}

/* ---- the device -------------------------------------------------------------------------------------- */

typedef struct {
    const char *type;
    EmuDevice *found;
} FindDevice;

static bool
find_device_cb(EmuObject *object, gpointer data)
{
    FindDevice *find = data;

    if (EMU_IS_DEVICE(object) && strcmp(emu_object_get_type_name(object), find->type) == 0) {
        find->found = EMU_DEVICE(object);
        return true;
    }
    return emu_object_foreach_child(object, find_device_cb, data);
}

/* One that the board has, or a new one with the back ends that can be had for nothing. */
static EmuDevice *
find_or_add(Fuzz *self, GError **error)
{
    FindDevice find = {.type = self->type};
    g_autoptr(GPtrArray) properties = NULL;
    g_autofree char *text = NULL;

    emu_object_foreach_child(emu_machine_get_root(self->machine), find_device_cb, &find);
    if (find.found) {
        return find.found;
    }
    properties = emu_type_list_properties(self->type, error);
    if (!properties) {
        return NULL;
    }
    for (unsigned i = 0; i < properties->len; i++) {
        const EmuPropertyInfo *info = g_ptr_array_index(properties, i);

        if (strcmp(info->name, "chardev") == 0) {
            self->chardev = emu_test_chardev_new(self->machine, "fuzz");
            text = g_strdup("chardev=fuzz");
        }
    }
    return emu_test_add_device(self->machine, self->type, text, error);
}

static bool
device_owns(EmuDevice *dev, gpointer object)
{
    while (object && !EMU_IS_DEVICE(object)) {
        object = emu_object_get_parent(object);
    }
    return object == dev;
}

static void
add_range(Fuzz *self, bool memory, const EmuMemorySection *s)
{
    FuzzRange range = {memory, s->addr, s->size};

    g_array_append_val(self->ranges, range);
}

static void
find_ranges(Fuzz *self)
{
    EmuAddressSpace *io = emu_machine_get_io_as(self->machine), *memory = emu_machine_get_memory_as(self->machine);
    EmuMemorySection s;

    g_array_set_size(self->ranges, 0);
    emu_rcu_read_lock();
    for (uint64_t at = 0; at < 0x10000; at++) {
        if (emu_address_space_find(io, at, &s)) {
            if (device_owns(self->front, emu_memory_region_get_owner(s.region))) {
                add_range(self, false, &s);
            }
            at = s.addr + s.size - 1;
        }
    }
    for (uint64_t at = 0xa0000; at < UINT64_C(0x100000000); at += 0x1000) {
        if (at == 0x100000) {
            at = FUZZ_BAR_MEMORY;
        }
        if (emu_address_space_find(memory, at, &s)) {
            if (device_owns(self->front, emu_memory_region_get_owner(s.region))) {
                add_range(self, true, &s);
            }
            at = (s.addr + s.size - 1) & ~UINT64_C(0xfff);
        }
    }
    emu_rcu_read_unlock();
}

uint32_t
fuzz_config_address(EmuPciDevice *dev, uint32_t reg)
{
    return (uint32_t)emu_pci_bus_get_number(emu_pci_device_get_bus(dev)) << 16 | (uint32_t)emu_pci_device_get_devfn(dev) << 8 | reg;
}

/* Gives each BAR an address, as firmware does, and turns everything on. */
static void
place_bars(EmuPciDevice *dev)
{
    EmuPciBus *bus = emu_pci_device_get_bus(dev);
    uint32_t memory = FUZZ_BAR_MEMORY, io = FUZZ_BAR_IO;

    if (emu_pci_config_load(bus, fuzz_config_address(dev, 0x0e), 1) & 0x7f) {
        return; /* a bridge */
    }
    emu_pci_config_store(bus, fuzz_config_address(dev, 4), 0, 2);
    for (unsigned bar = 0; bar < 6; bar++) {
        uint32_t at = fuzz_config_address(dev, 0x10 + 4 * bar), mask, size;

        emu_pci_config_store(bus, at, UINT32_MAX, 4);
        mask = emu_pci_config_load(bus, at, 4);
        if (mask == 0) {
            continue;
        }
        size = ~(mask & (mask & EMU_PCI_BAR_IO ? ~3u : ~15u)) + 1;
        if (mask & EMU_PCI_BAR_IO) {
            size &= 0xffff;
            io = (io + size - 1) & ~(size - 1);
            emu_pci_config_store(bus, at, io, 4);
            io += MAX(size, 0x100);
            continue;
        }
        memory = (memory + size - 1) & ~(size - 1);
        emu_pci_config_store(bus, at, memory, 4);
        memory += MAX(size, 0x1000);
        if (mask & EMU_PCI_BAR_MEM64) {
            emu_pci_config_store(bus, fuzz_config_address(dev, 0x10 + 4 * ++bar), 0, 4);
        }
    }
    emu_pci_config_store(bus, fuzz_config_address(dev, 4), 7, 2);
}

/* What firmware would do before anything can be reached. */
static void
prepare(Fuzz *self)
{
    emu_machine_lock(self->machine);
    if (EMU_IS_PCI_DEVICE(self->front)) {
        place_bars(EMU_PCI_DEVICE(self->front));
    } else if (EMU_IS_SYSBUS_DEVICE(self->front)) {
        EmuSysbusDevice *sysbus = EMU_SYSBUS_DEVICE(self->front);
        EmuMemoryRegion *region;

        for (unsigned i = 0; (region = emu_sysbus_get_mmio(sysbus, i)); i++) {
            if (!emu_memory_region_get_container(region)) {
                emu_sysbus_map(sysbus, i, FUZZ_BAR_MEMORY + i * 0x100000, 0);
            }
        }
    }
    emu_machine_unlock(self->machine);
    /* PIIX4: the power management and SMBus ports are placed by registers of their own. */
    if (strcmp(emu_object_get_type_name(self->front), "PIIX4_PM") == 0) {
        EmuPciDevice *dev = EMU_PCI_DEVICE(self->front);
        EmuPciBus *bus = emu_pci_device_get_bus(dev);

        emu_machine_lock(self->machine);
        emu_pci_config_store(bus, fuzz_config_address(dev, 0x40), 0x601, 4);
        emu_pci_config_store(bus, fuzz_config_address(dev, 0x80), 1, 1);
        emu_pci_config_store(bus, fuzz_config_address(dev, 0x90), 0x701, 4);
        emu_pci_config_store(bus, fuzz_config_address(dev, 0xd2), 9, 1);
        emu_machine_unlock(self->machine);
    }
    find_ranges(self);
}

static void
drop_machine(Fuzz *self)
{
    if (self->machine) {
        g_clear_pointer(&self->lines, g_ptr_array_unref);
        emu_machine_destroy(self->machine);
        g_clear_object(&self->machine);
        self->dev = self->front = NULL;
        self->chardev = NULL;
    }
}

static bool
build(Fuzz *self, GError **error)
{
    g_autoptr(GPtrArray) lines = NULL;

    self->machine = make_machine(self, error);
    if (!self->machine || !(self->dev = find_or_add(self, error))) {
        drop_machine(self);
        return false;
    }
    self->machines++;
    self->front = self->dev;
    prepare(self);
    while (self->ranges->len == 0 && emu_device_get_bus(self->front) && emu_bus_get_owner(emu_device_get_bus(self->front))) {
        self->front = emu_bus_get_owner(emu_device_get_bus(self->front));
        prepare(self);
    }
    self->lines = g_ptr_array_new();
    lines = emu_device_list_lines(self->dev);
    for (unsigned i = 0; i < lines->len; i++) {
        if (!emu_line_is_output(g_ptr_array_index(lines, i))) {
            g_ptr_array_add(self->lines, g_ptr_array_index(lines, i));
        }
    }
    return true;
}

void
fuzz_settle(Fuzz *self)
{
    g_autoptr(GError) error = NULL;

    emu_test_settle(self->machine);
    emu_test_reset(self->machine);
    if (emu_machine_get_run_state(self->machine) == EMU_RUN_STATE_RUNNING) {
        prepare(self);
    } else {
        drop_machine(self);
        build(self, &error);
        g_assert_no_error(error);
    }
}

Fuzz *
fuzz_new(const char *type, const FuzzInput *in, GError **error)
{
    Fuzz *self = g_new0(Fuzz, 1);

    self->type = g_strdup(type);
    self->in = *in;
    self->trace = g_getenv("EMU_FUZZ_TRACE") != NULL;
    self->ranges = g_array_new(FALSE, FALSE, sizeof(FuzzRange));
    self->dir = g_dir_make_tmp("emu-fuzz-XXXXXX", NULL);
    self->disk = make_image(self->dir, "disk.img", 1 << 20);
    self->cd = make_image(self->dir, "cd.iso", 1 << 20);
    self->floppy = make_image(self->dir, "floppy.img", 1440 << 10);
    if (!build(self, error)) {
        fuzz_free(self);
        return NULL;
    }
    return self;
}

void
fuzz_free(Fuzz *self)
{
    drop_machine(self);
    g_array_unref(self->ranges);
    g_unlink(self->disk);
    g_unlink(self->cd);
    g_unlink(self->floppy);
    g_rmdir(self->dir);
    g_free(self->disk);
    g_free(self->cd);
    g_free(self->floppy);
    g_free(self->dir);
    g_free(self->type);
    g_free(self);
}
