/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * -kernel: Linux (Documentation/arch/x86/boot.rst), Multiboot 1 and PVH kernels. The pieces and their
 * addresses go into the firmware configuration; an option ROM of our own, which the firmware boots
 * first, loads and starts them (optionrom/).
 */

#include "pc-boot.h"

#include "linuxboot-rom.h"

#include <string.h>

#define PC_LINUX_SETUP_SECTS 0x1f1
#define PC_LINUX_VID_MODE 0x1fa
#define PC_LINUX_BOOT_FLAG 0x1fe
#define PC_LINUX_MAGIC 0x202
#define PC_LINUX_VERSION 0x206
#define PC_LINUX_TYPE_OF_LOADER 0x210
#define PC_LINUX_LOADFLAGS 0x211
#define PC_LINUX_RAMDISK_IMAGE 0x218
#define PC_LINUX_RAMDISK_SIZE 0x21c
#define PC_LINUX_HEAP_END_PTR 0x224
#define PC_LINUX_CMD_LINE_PTR 0x228
#define PC_LINUX_INITRD_ADDR_MAX 0x22c
#define PC_LINUX_XLOADFLAGS 0x236
#define PC_LINUX_HEADER_END 0x260
#define PC_LINUX_LOADED_HIGH 0x01
#define PC_LINUX_CAN_USE_HEAP 0x80
#define PC_LINUX_ABOVE_4G 0x02
#define PC_LINUX_LOADER_ID 0xb0 /* QEMU's: what an fw_cfg loader is known as */
#define PC_LINUX_OLD_CMD_LINE_MAGIC 0x20
#define PC_LINUX_OLD_CMD_LINE_OFFSET 0x22
#define PC_LINUX_OLD_INITRD_MAX 0x37ffffff
#define PC_LINUX_CMDLINE_ROOM 0x10000
#define PC_LINUX_LOW_CMDLINE_MAX 0x1000
#define PC_FIRMWARE_TABLES_ROOM 0x28000 /* what the firmware keeps at the top of RAM */

static uint32_t
pc_boot_get_u32(const uint8_t *p)
{
    uint32_t value;

    memcpy(&value, p, 4);
    return GUINT32_FROM_LE(value);
}

static uint16_t
pc_boot_get_u16(const uint8_t *p)
{
    return p[0] | p[1] << 8;
}

static void
pc_boot_put_u32(uint8_t *p, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(p, &value, 4);
}

/* ---- files ------------------------------------------------------------------------------------------- */

GBytes *
pc_boot_read_file(const char *option, const char *path, GError **error)
{
    g_autoptr(GError) local_error = NULL;
    char *contents;
    gsize len;

    if (!g_file_get_contents(path, &contents, &len, &local_error)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "%s: could not read '%s': %s", option, path,
                    local_error->message);
        return NULL;
    }
    return g_bytes_new_take(contents, len);
}

/* The ROM goes where the firmware looks for ROMs, and to the front of the boot order. */
void
pc_boot_add_rom(PcMachine *self, const char *name, const void *rom, gsize len)
{
    g_autofree char *file = g_strconcat("genroms/", name, NULL);
    g_autofree char *path = g_strconcat("/rom@genroms/", name, NULL);

    emu_fw_cfg_add_file(self->fw_cfg, file, rom, len);
    emu_machine_add_boot_device(EMU_MACHINE(self), 0, NULL, path);
}

/* ---- Linux --------------------------------------------------------------------------------------------- */

/* vga= is the loader's business: it goes into the header. */
static bool
pc_linux_get_vga_mode(const char *cmdline, uint16_t *mode)
{
    static const struct {
        const char *name;
        uint16_t mode;
    } names[] = {{"normal", 0xffff}, {"ext", 0xfffe}, {"ask", 0xfffd}};
    const char *p = strstr(cmdline, "vga=");

    if (!p || (p != cmdline && p[-1] != ' ')) {
        return false;
    }
    p += 4;
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_str_has_prefix(p, names[i].name)) {
            *mode = names[i].mode;
            return true;
        }
    }
    *mode = g_ascii_strtoull(p, NULL, 0);
    return true;
}

/* The initial RAM disk as high as the kernel takes it and RAM is. */
static bool
pc_linux_place_initrd(PcMachine *self, const uint8_t *header, unsigned version, gsize size, uint32_t kernel_end, uint32_t *address,
                      GError **error)
{
    uint64_t max = PC_LINUX_OLD_INITRD_MAX;
    uint64_t top = self->below_4g > PC_FIRMWARE_TABLES_ROOM ? self->below_4g - PC_FIRMWARE_TABLES_ROOM - 1 : 0;

    if (version >= 0x20c && (pc_boot_get_u16(header + PC_LINUX_XLOADFLAGS) & PC_LINUX_ABOVE_4G)) {
        max = UINT32_MAX;
    } else if (version >= 0x203) {
        max = pc_boot_get_u32(header + PC_LINUX_INITRD_ADDR_MAX);
    }
    max = MIN(max, top);
    if (size > max || ((max - size) & ~UINT64_C(4095)) < kernel_end) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "-initrd %s: %" G_GSIZE_FORMAT " bytes do not fit between the kernel and 0x%" G_GINT64_MODIFIER
                    "x, expected more memory (-m)",
                    emu_machine_get_initrd(EMU_MACHINE(self)), size, max);
        return false;
    }
    *address = (max - size) & ~UINT64_C(4095);
    return true;
}

static bool
pc_linux_load(PcMachine *self, GBytes *file, GError **error)
{
    EmuMachine *machine = EMU_MACHINE(self);
    const char *kernel_name = emu_machine_get_kernel(machine), *initrd_name = emu_machine_get_initrd(machine);
    const char *cmdline = emu_machine_get_append(machine) ? emu_machine_get_append(machine) : "";
    gsize len, setup_size, cmdline_size = strlen(cmdline) + 1;
    const uint8_t *data = g_bytes_get_data(file, &len);
    unsigned version = pc_boot_get_u32(data + PC_LINUX_MAGIC) == 0x53726448 ? pc_boot_get_u16(data + PC_LINUX_VERSION) : 0;
    uint32_t setup_addr = 0x10000, cmdline_addr = 0x20000, kernel_addr = 0x100000;
    g_autofree uint8_t *setup = NULL;
    g_autoptr(GBytes) initrd = NULL;
    uint16_t vga_mode;

    setup_size = ((data[PC_LINUX_SETUP_SECTS] ? data[PC_LINUX_SETUP_SECTS] : 4) + 1) * 512;
    if (len <= setup_size) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "-kernel %s: the file is too short: %" G_GSIZE_FORMAT " bytes, expected more than the %" G_GSIZE_FORMAT
                    " of its set-up code",
                    kernel_name, len, setup_size);
        return false;
    }
    if (version < 0x200 || !(data[PC_LINUX_LOADFLAGS] & PC_LINUX_LOADED_HIGH)) {
        setup_addr = 0x90000;
        kernel_addr = 0x10000;
        cmdline_addr = 0x9a000 - ((cmdline_size + 15) & ~(gsize)15);
    } else if (version < 0x202) {
        setup_addr = 0x90000;
        cmdline_addr = 0x9a000 - ((cmdline_size + 15) & ~(gsize)15);
    }
    if (cmdline_size > (cmdline_addr == 0x20000 ? PC_LINUX_CMDLINE_ROOM : PC_LINUX_LOW_CMDLINE_MAX)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-append: %" G_GSIZE_FORMAT " bytes are too long for the kernel",
                    cmdline_size);
        return false;
    }

    setup = g_memdup2(data, setup_size);
    if (version >= 0x202) {
        pc_boot_put_u32(setup + PC_LINUX_CMD_LINE_PTR, cmdline_addr);
    } else {
        setup[PC_LINUX_OLD_CMD_LINE_MAGIC] = 0x3f;
        setup[PC_LINUX_OLD_CMD_LINE_MAGIC + 1] = 0xa3;
        setup[PC_LINUX_OLD_CMD_LINE_OFFSET] = cmdline_addr - setup_addr;
        setup[PC_LINUX_OLD_CMD_LINE_OFFSET + 1] = (cmdline_addr - setup_addr) >> 8;
    }
    if (pc_linux_get_vga_mode(cmdline, &vga_mode)) {
        setup[PC_LINUX_VID_MODE] = vga_mode;
        setup[PC_LINUX_VID_MODE + 1] = vga_mode >> 8;
    }
    if (version >= 0x200) {
        setup[PC_LINUX_TYPE_OF_LOADER] = PC_LINUX_LOADER_ID;
    }
    if (version >= 0x201) {
        setup[PC_LINUX_LOADFLAGS] |= PC_LINUX_CAN_USE_HEAP;
        setup[PC_LINUX_HEAP_END_PTR] = cmdline_addr - setup_addr - 0x200;
        setup[PC_LINUX_HEAP_END_PTR + 1] = (cmdline_addr - setup_addr - 0x200) >> 8;
    }
    if (initrd_name) {
        uint32_t initrd_addr;
        gsize initrd_size;

        if (version < 0x200) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-initrd: the kernel %s is too old to take one",
                        kernel_name);
            return false;
        }
        initrd = pc_boot_read_file("-initrd", initrd_name, error);
        if (!initrd) {
            return false;
        }
        initrd_size = g_bytes_get_size(initrd);
        if (!pc_linux_place_initrd(self, data, version, initrd_size, kernel_addr + (uint32_t)(len - setup_size), &initrd_addr, error)) {
            return false;
        }
        pc_boot_put_u32(setup + PC_LINUX_RAMDISK_IMAGE, initrd_addr);
        pc_boot_put_u32(setup + PC_LINUX_RAMDISK_SIZE, initrd_size);
        emu_fw_cfg_add_u32(self->fw_cfg, EMU_FW_CFG_INITRD_ADDR, initrd_addr);
        emu_fw_cfg_add_u32(self->fw_cfg, EMU_FW_CFG_INITRD_SIZE, initrd_size);
        emu_fw_cfg_add_bytes(self->fw_cfg, EMU_FW_CFG_INITRD_DATA, g_bytes_get_data(initrd, NULL), initrd_size);
    }
    emu_fw_cfg_add_u32(self->fw_cfg, EMU_FW_CFG_CMDLINE_ADDR, cmdline_addr);
    emu_fw_cfg_add_u32(self->fw_cfg, EMU_FW_CFG_CMDLINE_SIZE, cmdline_size);
    emu_fw_cfg_add_string(self->fw_cfg, EMU_FW_CFG_CMDLINE_DATA, cmdline);
    emu_fw_cfg_add_u32(self->fw_cfg, EMU_FW_CFG_KERNEL_ADDR, kernel_addr);
    emu_fw_cfg_add_u32(self->fw_cfg, EMU_FW_CFG_KERNEL_SIZE, len - setup_size);
    emu_fw_cfg_add_bytes(self->fw_cfg, EMU_FW_CFG_KERNEL_DATA, data + setup_size, len - setup_size);
    emu_fw_cfg_add_u32(self->fw_cfg, EMU_FW_CFG_SETUP_ADDR, setup_addr);
    emu_fw_cfg_add_u32(self->fw_cfg, EMU_FW_CFG_SETUP_SIZE, setup_size);
    emu_fw_cfg_add_bytes(self->fw_cfg, EMU_FW_CFG_SETUP_DATA, setup, setup_size);
    pc_boot_add_rom(self, "linuxboot_dma.bin", pc_linuxboot_rom, sizeof pc_linuxboot_rom);
    return true;
}

/* ---- which ------------------------------------------------------------------------------------------------ */

bool
pc_load_kernel(PcMachine *self, GError **error)
{
    const char *name = emu_machine_get_kernel(EMU_MACHINE(self));
    g_autoptr(GBytes) file = NULL;
    const uint8_t *data;
    PcBootResult result;
    gsize len;

    if (!name) {
        return true;
    }
    file = pc_boot_read_file("-kernel", name, error);
    if (!file) {
        return false;
    }
    data = g_bytes_get_data(file, &len);
    if (len < PC_LINUX_HEADER_END) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "-kernel %s: the file is too short: %" G_GSIZE_FORMAT " bytes, expected a kernel", name, len);
        return false;
    }
    if (len > UINT32_MAX / 2) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-kernel %s: the file is larger than 2 GiB", name);
        return false;
    }
    if (pc_boot_get_u32(data + PC_LINUX_MAGIC) == 0x53726448) { /* "HdrS" */
        return pc_linux_load(self, file, error);
    }
    result = pc_multiboot_load(self, file, error);
    if (result == PC_BOOT_NOT_MINE) {
        result = pc_pvh_load(self, file, error);
    }
    if (result != PC_BOOT_NOT_MINE) {
        return result == PC_BOOT_LOADED;
    }
    /* Kernels before 2.0 of the protocol have a boot sector and nothing else to know them by. */
    if (data[PC_LINUX_BOOT_FLAG] == 0x55 && data[PC_LINUX_BOOT_FLAG + 1] == 0xaa && data[PC_LINUX_SETUP_SECTS]) {
        return pc_linux_load(self, file, error);
    }
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                "-kernel %s: the file is no kernel, expected a Linux, Multiboot or PVH image", name);
    return false;
}
