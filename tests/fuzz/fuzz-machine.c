/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The machine around the device, and where its registers are. */

#include "fuzz-private.h"

#include <glib/gstdio.h>
#include <string.h>

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

/* Parts of a board come with it; what needs PCI Express gets it. */
static const char *
choose_board(const char *type)
{
    static const char *const parts[] = {"q35-pcihost", "mch", "ICH9-LPC", "ICH9-SMB", "ich9-ahci", "intel-iommu", "pcie-root-port"};

    for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (strcmp(type, parts[i]) == 0) {
            return "q35";
        }
    }
    return "pc";
}

static EmuMachine *
make_machine(Fuzz *self, GError **error)
{
    EmuMachine *machine = emu_test_machine_new_unbuilt(choose_board(self->type), error);

    if (!machine) {
        return NULL;
    }
    /* A display adapter is there when it is the target; two would hide each other's ports. */
    if (strstr(self->type, "vga") || strcmp(self->type, "VGA") == 0) {
        emu_machine_add_option(machine, "vga", "none");
    }
    if (!emu_machine_set_memory(machine, "16M,slots=4,maxmem=80M", error) || !emu_machine_set_smp(machine, "1,maxcpus=4", error) ||
        !add_drive(machine, "file=%s,format=raw,if=ide,index=0", self->disk, error) ||
        !add_drive(machine, "file=%s,format=raw,if=ide,index=2,media=cdrom", self->cd, error) ||
        !emu_test_add_drive(machine, "if=ide,index=3,media=cdrom", error) || /* without a disc */
        !add_drive(machine, "file=%s,format=raw,if=floppy", self->floppy, error) ||
        !emu_test_add_drive(machine, "if=none,id=test-drive,driver=null-co,size=1M", error) || !emu_test_machine_start(machine, error)) {
        emu_machine_destroy(machine);
        g_object_unref(machine);
        return NULL;
    }
    return machine;
}

/* ---- the device -------------------------------------------------------------------------------------- */

/* One that the board has, or a new one with the back ends that can be had for nothing. */
static EmuDevice *
find_or_add(Fuzz *self, GError **error)
{
    /* Devices that do nothing without being told what. */
    const char *properties = strcmp(self->type, "loader") == 0 ? "addr=0x100000,data=0x1122334455667788,data-len=8" : NULL;
    EmuDevice *dev = emu_test_find_device(self->machine, self->type);
    EmuObject *chardev;

    if (dev) {
        return dev;
    }
    dev = emu_test_add_device_fully(self->machine, self->type, properties, error);
    chardev = emu_object_get_child(emu_object_get_container(emu_machine_get_root(self->machine), "/chardevs"), "test-chardev");
    self->chardev = chardev ? EMU_CHARDEV(chardev) : NULL;
    return dev;
}

uint32_t
fuzz_config_address(EmuPciDevice *dev, uint32_t reg)
{
    return (uint32_t)emu_pci_bus_get_number(emu_pci_device_get_bus(dev)) << 16 | (uint32_t)emu_pci_device_get_devfn(dev) << 8 | reg;
}

/* What firmware would do before anything can be reached. */
static void
prepare(Fuzz *self)
{
    emu_test_place(self->front);
    /* PIIX4: the power management and SMBus ports are placed by registers of their own. */
    if (strcmp(emu_object_get_type_name(self->front), "PIIX4_PM") == 0) {
        emu_test_config_write(self->front, 0x40, 0x601, 4);
        emu_test_config_write(self->front, 0x80, 1, 1);
        emu_test_config_write(self->front, 0x90, 0x701, 4);
        emu_test_config_write(self->front, 0xd2, 9, 1);
    }
    if (strcmp(emu_object_get_type_name(self->front), "ICH9-LPC") == 0) {
        emu_test_config_write(self->front, 0x40, 0x601, 4);
        emu_test_config_write(self->front, 0x44, 0x80, 1);
        emu_test_config_write(self->front, 0xf0, 0xfed1c001, 4);
    }
    g_clear_pointer(&self->ranges, g_array_unref);
    self->ranges = emu_test_list_ranges(self->front);
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
    g_clear_pointer(&self->ranges, g_array_unref);
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
