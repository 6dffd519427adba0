/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Multiboot 1 kernels (Multiboot Specification 0.6.96): ELF32, or any file whose header gives
 * addresses. Kernel and modules become one image in RAM:
 *
 *   [kernel, .bss cleared] [module 0, page-aligned] [module 1] ...
 *
 * The boot information lies below 1 MiB; the option ROM adds memory sizes and map.
 */

#include "pc-boot.h"

#include "multiboot-rom.h"
#include "pc-elf.h"

#include <string.h>

#define PC_MB_MAGIC 0x1badb002u
#define PC_MB_SEARCH 8192
#define PC_MB_FLAG_UNSUPPORTED 0x0000fff8u /* required bits that we do not know */
#define PC_MB_FLAG_ADDRESSES 0x00010000u
#define PC_MB_PAGE UINT64_C(4096)

#define PC_MBI_ADDRESS 0x10000
#define PC_MBI_FLAGS 0x247 /* memory, boot device, command line, map, loader name */
#define PC_MBI_FLAG_MODULES 0x08
#define PC_MBI_BOOT_DEVICE 0x8000ffffu /* first hard disk, as the firmware numbers it */
#define PC_MBI_OFF_BOOT_DEVICE 12
#define PC_MBI_OFF_CMDLINE 16
#define PC_MBI_OFF_MODS_COUNT 20
#define PC_MBI_OFF_MODS_ADDR 24
#define PC_MBI_OFF_LOADER_NAME 64
#define PC_MBI_DATA 0x700 /* behind the room for the memory map */
#define PC_MBI_MAX 0x80000
#define PC_MBI_MODULE_SIZE 16

typedef struct {
    const char *name;
    const uint8_t *data;
    gsize len;

    uint32_t load_addr; /* of image */
    uint32_t entry;
    GByteArray *image;
    GByteArray *mbi;
} PcMultiboot;

static uint32_t
pc_mb_get_u32(const uint8_t *p)
{
    uint32_t value;

    memcpy(&value, p, 4);
    return GUINT32_FROM_LE(value);
}

static void
pc_mb_set_u32(GByteArray *array, guint at, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(array->data + at, &value, 4);
}

/* Grows with zeroes. */
static void
pc_mb_resize(GByteArray *array, guint len)
{
    guint old = array->len;

    g_byte_array_set_size(array, len);
    if (len > old) {
        memset(array->data + old, 0, len - old);
    }
}

static bool
pc_mb_fail(PcMultiboot *self, GError **error, const char *what)
{
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-kernel %s: the Multiboot kernel is not valid: %s", self->name,
                what);
    return false;
}

/* Offset of the header, or len when there is none. */
static gsize
pc_mb_find_header(PcMultiboot *self)
{
    for (gsize i = 0; i + 12 <= self->len && i + 12 <= PC_MB_SEARCH; i += 4) {
        if (pc_mb_get_u32(self->data + i) == PC_MB_MAGIC &&
            PC_MB_MAGIC + pc_mb_get_u32(self->data + i + 4) + pc_mb_get_u32(self->data + i + 8) == 0) {
            return i;
        }
    }
    return self->len;
}

/* Addresses in the header: section 3.1.3. */
static bool
pc_mb_load_addresses(PcMultiboot *self, gsize header, GError **error)
{
    uint64_t header_addr, load_addr, load_end, bss_end, file_offset, size;

    if (header + 32 > self->len) {
        return pc_mb_fail(self, error, "the header is cut off");
    }
    header_addr = pc_mb_get_u32(self->data + header + 12);
    load_addr = pc_mb_get_u32(self->data + header + 16);
    load_end = pc_mb_get_u32(self->data + header + 20);
    bss_end = pc_mb_get_u32(self->data + header + 24);
    self->entry = pc_mb_get_u32(self->data + header + 28);
    if (load_addr > header_addr || header_addr - load_addr > header) {
        return pc_mb_fail(self, error, "its load address is above its header");
    }
    file_offset = header - (header_addr - load_addr);
    size = self->len - file_offset;
    if (load_end) {
        if (load_end < load_addr || load_end - load_addr > size) {
            return pc_mb_fail(self, error, "its data end beyond the file");
        }
        size = load_end - load_addr;
    }
    if (bss_end && (bss_end < load_addr || bss_end - load_addr > PC_ELF_MAX_IMAGE)) {
        return pc_mb_fail(self, error, "its bss ends at an impossible address");
    }
    self->load_addr = load_addr;
    g_byte_array_append(self->image, self->data + file_offset, size);
    if (bss_end > load_addr + size) {
        pc_mb_resize(self->image, bss_end - load_addr);
    }
    return true;
}

static bool
pc_mb_load_elf(PcMultiboot *self, GError **error)
{
    const char *why;
    PcElf elf;

    if (!pc_elf_open(&elf, self->data, self->len, &why)) {
        return pc_mb_fail(self, error, why);
    }
    if (elf.is_64) {
        return pc_mb_fail(self, error, "it is an ELF file of 64 bits, expected 32");
    }
    self->entry = elf.entry;
    self->load_addr = elf.load_addr;
    pc_elf_load(&elf, self->image);
    return true;
}

/* ---- boot information ------------------------------------------------------------------------------------- */

static uint32_t
pc_mbi_add_string(PcMultiboot *self, const char *text)
{
    uint32_t address = PC_MBI_ADDRESS + self->mbi->len;

    g_byte_array_append(self->mbi, (const uint8_t *)text, strlen(text) + 1);
    return address;
}

/* -initrd "FILE ARGUMENTS,FILE ARGUMENTS": "FILE ARGUMENTS" is the module's string; a doubled comma is one. */
static GPtrArray *
pc_mb_split_modules(const char *text)
{
    GPtrArray *parts = g_ptr_array_new_with_free_func(g_free);
    GString *part = g_string_new(NULL);

    for (const char *p = text; *p; p++) {
        if (*p == ',' && p[1] != ',') {
            g_ptr_array_add(parts, g_string_free(part, FALSE));
            part = g_string_new(NULL);
        } else {
            p += *p == ',';
            g_string_append_c(part, *p);
        }
    }
    g_ptr_array_add(parts, g_string_free(part, FALSE));
    return parts;
}

static bool
pc_mb_add_modules(PcMultiboot *self, const char *text, GError **error)
{
    g_autoptr(GPtrArray) parts = pc_mb_split_modules(text);
    guint table = (self->mbi->len + 15) & ~15u;

    pc_mb_resize(self->mbi, table + parts->len * PC_MBI_MODULE_SIZE);
    for (guint i = 0; i < parts->len; i++) {
        char *part = g_strchug(parts->pdata[i]);
        g_autofree char *path = g_strndup(part, strcspn(part, " "));
        g_autoptr(GBytes) module = pc_boot_read_file("-initrd", path, error);
        guint start = (self->image->len + PC_MB_PAGE - 1) & ~(PC_MB_PAGE - 1);
        guint entry = table + i * PC_MBI_MODULE_SIZE;
        uint32_t string;

        if (!module) {
            return false;
        }
        /* Page-aligned in RAM, whatever the kernel's own start. */
        start += -(self->load_addr + start) & (PC_MB_PAGE - 1);
        if (g_bytes_get_size(module) > PC_ELF_MAX_IMAGE - MIN(start, PC_ELF_MAX_IMAGE)) {
            return pc_mb_fail(self, error, "with its modules it is larger than 1 GiB");
        }
        pc_mb_resize(self->image, start);
        g_byte_array_append(self->image, g_bytes_get_data(module, NULL), g_bytes_get_size(module));
        string = pc_mbi_add_string(self, part);
        pc_mb_set_u32(self->mbi, entry, self->load_addr + start);
        pc_mb_set_u32(self->mbi, entry + 4, self->load_addr + self->image->len);
        pc_mb_set_u32(self->mbi, entry + 8, string);
    }
    pc_mb_set_u32(self->mbi, 0, PC_MBI_FLAGS | PC_MBI_FLAG_MODULES);
    pc_mb_set_u32(self->mbi, PC_MBI_OFF_MODS_COUNT, parts->len);
    pc_mb_set_u32(self->mbi, PC_MBI_OFF_MODS_ADDR, PC_MBI_ADDRESS + table);
    return true;
}

static bool
pc_mb_build_info(PcMultiboot *self, EmuMachine *machine, GError **error)
{
    const char *append = emu_machine_get_append(machine), *initrd = emu_machine_get_initrd(machine);
    g_autofree char *cmdline = append && *append ? g_strdup_printf("%s %s", self->name, append) : g_strdup(self->name);

    pc_mb_resize(self->mbi, PC_MBI_DATA);
    pc_mb_set_u32(self->mbi, 0, PC_MBI_FLAGS);
    pc_mb_set_u32(self->mbi, PC_MBI_OFF_BOOT_DEVICE, PC_MBI_BOOT_DEVICE);
    pc_mb_set_u32(self->mbi, PC_MBI_OFF_CMDLINE, pc_mbi_add_string(self, cmdline));
    pc_mb_set_u32(self->mbi, PC_MBI_OFF_LOADER_NAME, pc_mbi_add_string(self, "emu"));
    if (initrd && !pc_mb_add_modules(self, initrd, error)) {
        return false;
    }
    if (self->mbi->len > PC_MBI_MAX) {
        return pc_mb_fail(self, error, "its command lines do not fit below 1 MiB");
    }
    return true;
}

static bool
pc_mb_load(PcMultiboot *self, PcMachine *pc, gsize header, GError **error)
{
    uint32_t flags = pc_mb_get_u32(self->data + header + 4);

    if (flags & PC_MB_FLAG_UNSUPPORTED) {
        return pc_mb_fail(self, error, "it requires features that are not there");
    }
    if (!(flags & PC_MB_FLAG_ADDRESSES ? pc_mb_load_addresses(self, header, error) : pc_mb_load_elf(self, error)) ||
        !pc_mb_build_info(self, EMU_MACHINE(pc), error)) {
        return false;
    }
    if ((uint64_t)self->load_addr + self->image->len > pc->below_4g) {
        return pc_mb_fail(self, error, "it does not fit into memory, expected more (-m)");
    }
    return true;
}

PcBootResult
pc_multiboot_load(PcMachine *pc, GBytes *file, GError **error)
{
    PcMultiboot self = {.name = emu_machine_get_kernel(EMU_MACHINE(pc))};
    gsize header;
    bool ok;

    self.data = g_bytes_get_data(file, &self.len);
    header = pc_mb_find_header(&self);
    if (header == self.len) {
        return PC_BOOT_NOT_MINE;
    }
    self.image = g_byte_array_new();
    self.mbi = g_byte_array_new();
    ok = pc_mb_load(&self, pc, header, error);
    if (ok) {
        emu_fw_cfg_add_u32(pc->fw_cfg, EMU_FW_CFG_KERNEL_ENTRY, self.entry);
        emu_fw_cfg_add_u32(pc->fw_cfg, EMU_FW_CFG_KERNEL_ADDR, self.load_addr);
        emu_fw_cfg_add_u32(pc->fw_cfg, EMU_FW_CFG_KERNEL_SIZE, self.image->len);
        emu_fw_cfg_add_bytes(pc->fw_cfg, EMU_FW_CFG_KERNEL_DATA, self.image->data, self.image->len);
        emu_fw_cfg_add_u32(pc->fw_cfg, EMU_FW_CFG_INITRD_ADDR, PC_MBI_ADDRESS);
        emu_fw_cfg_add_u32(pc->fw_cfg, EMU_FW_CFG_INITRD_SIZE, self.mbi->len);
        emu_fw_cfg_add_bytes(pc->fw_cfg, EMU_FW_CFG_INITRD_DATA, self.mbi->data, self.mbi->len);
        pc_boot_add_rom(pc, "multiboot_dma.bin", pc_multiboot_rom, sizeof pc_multiboot_rom);
    }
    g_byte_array_unref(self.image);
    g_byte_array_unref(self.mbi);
    return ok ? PC_BOOT_LOADED : PC_BOOT_FAILED;
}
