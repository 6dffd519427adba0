/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ELF kernels with a PVH entry point (an uncompressed Linux "vmlinux"): note 18 of "Xen" tells where to
 * enter in protected mode, with a start information structure in ebx (Xen's public/arch-x86/hvm/start_info.h).
 * The option ROM adds the memory map.
 */

#include "pc-boot.h"

#include "pc-elf.h"
#include "pvh-rom.h"

#include <string.h>

#define PC_PVH_NOTE_PHYS32_ENTRY 18
#define PC_PVH_MAGIC 0x336ec578
#define PC_PVH_ADDRESS 0x10000
#define PC_PVH_DATA 0x700 /* behind the room for the memory map */
#define PC_PVH_MAX 0x80000
#define PC_PVH_PAGE 4096u

typedef struct {
    uint32_t magic, version, flags, nr_modules;
    uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
    uint32_t memmap_entries, reserved;
} PcPvhStartInfo;

typedef struct {
    uint64_t paddr, size, cmdline_paddr, reserved;
} PcPvhModule;

static PcBootResult
pc_pvh_fail(const char *name, GError **error, const char *what)
{
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-kernel %s: %s", name, what);
    return PC_BOOT_FAILED;
}

/* The information block: structure, room for the map, module list, command line. */
static GByteArray *
pc_pvh_build_info(const char *cmdline, uint64_t initrd_addr, uint64_t initrd_size)
{
    GByteArray *block = g_byte_array_new();
    PcPvhModule module = {.paddr = GUINT64_TO_LE(initrd_addr), .size = GUINT64_TO_LE(initrd_size)};
    PcPvhStartInfo info = {
        .magic = GUINT32_TO_LE(PC_PVH_MAGIC),
        .version = GUINT32_TO_LE(1),
        .nr_modules = GUINT32_TO_LE(initrd_size ? 1 : 0),
        .modlist_paddr = GUINT64_TO_LE(initrd_size ? PC_PVH_ADDRESS + PC_PVH_DATA : 0),
        .cmdline_paddr = GUINT64_TO_LE(PC_PVH_ADDRESS + PC_PVH_DATA + sizeof module),
    };

    g_byte_array_set_size(block, PC_PVH_DATA);
    memset(block->data, 0, PC_PVH_DATA);
    memcpy(block->data, &info, sizeof info);
    g_byte_array_append(block, (const uint8_t *)&module, sizeof module);
    g_byte_array_append(block, (const uint8_t *)cmdline, strlen(cmdline) + 1);
    return block;
}

PcBootResult
pc_pvh_load(PcMachine *self, GBytes *file, GError **error)
{
    EmuMachine *machine = EMU_MACHINE(self);
    const char *name = emu_machine_get_kernel(machine), *initrd_name = emu_machine_get_initrd(machine);
    const char *cmdline = emu_machine_get_append(machine) ? emu_machine_get_append(machine) : "";
    g_autoptr(GByteArray) image = g_byte_array_new();
    g_autoptr(GByteArray) info = NULL;
    gsize len, note_len = 0, initrd_size = 0;
    const uint8_t *data = g_bytes_get_data(file, &len), *note;
    uint64_t entry = 0, initrd_addr = 0;
    const char *why;
    PcElf elf;

    if (len < 4 || memcmp(data, "\177ELF", 4) != 0) {
        return PC_BOOT_NOT_MINE;
    }
    if (!pc_elf_open(&elf, data, len, &why)) {
        return pc_pvh_fail(name, error, why);
    }
    note = pc_elf_find_note(&elf, "Xen", PC_PVH_NOTE_PHYS32_ENTRY, &note_len);
    if (!note || note_len < 4) {
        return pc_pvh_fail(name, error, "the ELF file has no PVH entry point, expected one, or a Multiboot header");
    }
    memcpy(&entry, note, MIN(note_len, sizeof entry));
    entry = GUINT64_FROM_LE(entry);
    if (entry > UINT32_MAX) {
        return pc_pvh_fail(name, error, "its PVH entry point is above 4 GiB");
    }
    if (strlen(cmdline) > PC_PVH_MAX - PC_PVH_DATA - 64) {
        return pc_pvh_fail(name, error, "the command line does not fit below 1 MiB");
    }
    pc_elf_load(&elf, image);
    if (initrd_name) {
        g_autoptr(GBytes) initrd = pc_boot_read_file("-initrd", initrd_name, error);
        guint start = image->len + (-(elf.load_addr + image->len) & (PC_PVH_PAGE - 1));

        if (!initrd) {
            return PC_BOOT_FAILED;
        }
        initrd_size = g_bytes_get_size(initrd);
        if (initrd_size > PC_ELF_MAX_IMAGE) {
            return pc_pvh_fail(name, error, "its initial RAM disk is larger than 1 GiB");
        }
        g_byte_array_set_size(image, start);
        g_byte_array_append(image, g_bytes_get_data(initrd, NULL), initrd_size);
        initrd_addr = elf.load_addr + start;
    }
    if ((uint64_t)elf.load_addr + image->len > self->below_4g) {
        return pc_pvh_fail(name, error, "it does not fit into memory, expected more (-m)");
    }
    info = pc_pvh_build_info(cmdline, initrd_addr, initrd_size);
    emu_fw_cfg_add_u32(self->fw_cfg, EMU_FW_CFG_KERNEL_ENTRY, entry);
    emu_fw_cfg_add_u32(self->fw_cfg, EMU_FW_CFG_KERNEL_ADDR, elf.load_addr);
    emu_fw_cfg_add_u32(self->fw_cfg, EMU_FW_CFG_KERNEL_SIZE, image->len);
    emu_fw_cfg_add_bytes(self->fw_cfg, EMU_FW_CFG_KERNEL_DATA, image->data, image->len);
    emu_fw_cfg_add_u32(self->fw_cfg, EMU_FW_CFG_INITRD_ADDR, PC_PVH_ADDRESS);
    emu_fw_cfg_add_u32(self->fw_cfg, EMU_FW_CFG_INITRD_SIZE, info->len);
    emu_fw_cfg_add_bytes(self->fw_cfg, EMU_FW_CFG_INITRD_DATA, info->data, info->len);
    pc_boot_add_rom(self, "pvh.bin", pc_pvh_rom, sizeof pc_pvh_rom);
    return PC_BOOT_LOADED;
}
