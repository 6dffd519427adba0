/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * -device loader: a file or a value goes into guest memory at each reset, and a CPU starts there when one is named.
 *
 *     -device loader,file=image.bin,addr=0x100000      raw bytes
 *     -device loader,file=kernel.elf,cpu-num=0         segments where the ELF file says; the CPU starts at its entry
 *                                                      (U-Boot images and Intel HEX likewise)
 *     -device loader,addr=0x500,data=0x1234,data-len=2
 *     -device loader,addr=0x1000,cpu-num=0             only the start address
 */

#include "loader.h"

#include <emu/cpu.h>
#include <emu/log.h>
#include <emu/machine.h>

#include <inttypes.h>
#include <string.h>

#define LOADER_NO_CPU UINT32_MAX
#define LOADER_NO_ADDRESS UINT64_MAX

typedef struct {
    EmuDevice parent_instance;

    char *file;
    uint64_t address;
    uint64_t data;
    uint8_t data_len;
    bool data_be;
    bool force_raw;
    uint32_t cpu_num;

    GPtrArray *blobs; /* LoaderBlob */
    uint64_t entry;
    bool sets_pc;
} Loader;

static bool
loader_fail(GError **error, const char *what)
{
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "loader: %s", what);
    return false;
}

static bool
loader_check(Loader *self, GError **error)
{
    bool has_data = self->data_len != 0 || self->data != 0;

    if (self->file && has_data) {
        return loader_fail(error, "file and data exclude each other");
    }
    if (has_data && (self->data_len == 0 || self->data_len > 8)) {
        return loader_fail(error, "data needs data-len=, 1 to 8 bytes");
    }
    if (has_data && self->address == LOADER_NO_ADDRESS) {
        return loader_fail(error, "data needs addr=");
    }
    if (has_data && self->data_len < 8 && self->data >> (8 * self->data_len)) {
        return loader_fail(error, "data does not fit data-len");
    }
    if (!self->file && !has_data && (self->cpu_num == LOADER_NO_CPU || self->address == LOADER_NO_ADDRESS)) {
        return loader_fail(error, "expected file=, or data= and data-len=, or cpu-num= with addr=");
    }
    if (self->cpu_num != LOADER_NO_CPU && self->cpu_num >= emu_machine_get_n_cpus(emu_device_get_machine((EmuDevice *)self))) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "loader: cpu-num is %u, the machine has %u CPUs", self->cpu_num,
                    emu_machine_get_n_cpus(emu_device_get_machine((EmuDevice *)self)));
        return false;
    }
    return true;
}

static void
loader_add(Loader *self, uint64_t address, const void *data, gsize len)
{
    LoaderBlob *blob = g_new(LoaderBlob, 1);

    *blob = (LoaderBlob){address, g_memdup2(data, len), len};
    g_ptr_array_add(self->blobs, blob);
}

static bool
loader_read_file(Loader *self, GError **error)
{
    static const struct {
        bool (*is)(const uint8_t *file, gsize len);
        bool (*load)(const uint8_t *file, gsize len, GPtrArray *blobs, uint64_t *entry, GError **error);
    } formats[] = {
        {loader_elf_is, loader_elf_load},
        {loader_uimage_is, loader_uimage_load},
        {loader_hex_is, loader_hex_load},
    };
    g_autofree char *contents = NULL;
    gsize len;

    if (!g_file_get_contents(self->file, &contents, &len, error)) {
        g_prefix_error(error, "loader: ");
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(formats) && !self->force_raw; i++) {
        if (!formats[i].is((const uint8_t *)contents, len)) {
            continue;
        }
        if (!formats[i].load((const uint8_t *)contents, len, self->blobs, &self->entry, error)) {
            g_prefix_error(error, "loader: '%s': ", self->file);
            return false;
        }
        if (self->sets_pc && self->entry == LOADER_NO_ADDRESS) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "loader: '%s' does not say where a CPU starts", self->file);
            return false;
        }
        return true;
    }
    if (self->address == LOADER_NO_ADDRESS) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "loader: '%s' is no ELF, U-Boot or Intel HEX file, expected addr= for raw bytes",
                    self->file);
        return false;
    }
    self->entry = self->address;
    loader_add(self, self->address, contents, len);
    return true;
}

static bool
loader_realize(EmuDevice *dev, GError **error)
{
    Loader *self = (Loader *)dev;

    if (!loader_check(self, error)) {
        return false;
    }
    self->blobs = g_ptr_array_new_with_free_func(loader_blob_free);
    self->entry = self->address;
    self->sets_pc = self->cpu_num != LOADER_NO_CPU && self->data_len == 0; /* with a value it says whose memory: all CPUs have the same */
    if (self->file) {
        if (!loader_read_file(self, error)) {
            g_clear_pointer(&self->blobs, g_ptr_array_unref);
            return false;
        }
    } else if (self->data_len) {
        uint64_t value = self->data_be ? GUINT64_TO_BE(self->data << (64 - 8 * self->data_len)) : GUINT64_TO_LE(self->data);

        loader_add(self, self->address, &value, self->data_len);
    }
    return true;
}

static void
loader_unrealize(EmuDevice *dev)
{
    g_clear_pointer(&((Loader *)dev)->blobs, g_ptr_array_unref);
}

/* Behind the reset of CPUs and firmware. */
static void
loader_reset_exit(EmuDevice *dev)
{
    Loader *self = (Loader *)dev;
    EmuMachine *machine = emu_device_get_machine(dev);

    for (guint i = 0; i < self->blobs->len; i++) {
        const LoaderBlob *blob = self->blobs->pdata[i];

        if (emu_address_space_write_rom(emu_machine_get_memory_as(machine), blob->address, blob->data, blob->len) != EMU_MEM_OK) {
            emu_warn_report("loader: not all of the %" G_GSIZE_FORMAT " bytes at 0x%" PRIx64 " are memory", blob->len, blob->address);
        }
    }
    if (self->sets_pc) {
        emu_cpu_set_start(emu_machine_get_cpu(machine, self->cpu_num), self->entry);
    }
}

static const EmuProperty loader_properties[] = {
    EMU_PROP_STRING("file", Loader, file, NULL, "file to load: ELF, U-Boot image, Intel HEX, else raw bytes"),
    EMU_PROP_UINT64("addr", Loader, address, LOADER_NO_ADDRESS, "where raw bytes go; without them, where the CPU starts"),
    EMU_PROP_UINT64("data", Loader, data, 0, "value to store"),
    EMU_PROP_UINT8("data-len", Loader, data_len, 0, "its bytes, 1 to 8"),
    EMU_PROP_BOOL("data-be", Loader, data_be, false, "it is stored big-endian"),
    EMU_PROP_BOOL("force-raw", Loader, force_raw, false, "any file is raw bytes"),
    EMU_PROP_UINT32("cpu-num", Loader, cpu_num, LOADER_NO_CPU, "CPU that starts there"),
};

static void
loader_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;

    device->realize = loader_realize;
    device->unrealize = loader_unrealize;
    device->reset_exit = loader_reset_exit;
    device->category = "misc";
    device->user_creatable = true;
    device->hotpluggable = false;
    device->try_with = "addr=0x1000,data=0x12345678,data-len=4";
    emu_object_class_add_properties(klass, loader_properties, G_N_ELEMENTS(loader_properties));
}

const EmuTypeInfo loader_type_info = {
    .name = "loader",
    .parent = "device",
    .instance_size = sizeof(Loader),
    .class_init = loader_class_init,
    .description = "puts a file or a value into guest memory at reset",
};
