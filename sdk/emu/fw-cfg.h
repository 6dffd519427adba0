/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The firmware configuration device, as other plugins see it. QOM name of the interface: "fw-cfg". */

#include <emu/machine.h>

G_BEGIN_DECLS

#define EMU_TYPE_FW_CFG (emu_fw_cfg_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE(EmuFwCfg, emu_fw_cfg, EMU, FW_CFG, EmuObject)

enum {
    EMU_FW_CFG_SIGNATURE = 0x00, EMU_FW_CFG_ID = 0x01, EMU_FW_CFG_UUID = 0x02, EMU_FW_CFG_RAM_SIZE = 0x03, EMU_FW_CFG_NOGRAPHIC = 0x04,
    EMU_FW_CFG_NB_CPUS = 0x05, EMU_FW_CFG_MACHINE_ID = 0x06, EMU_FW_CFG_KERNEL_ADDR = 0x07, EMU_FW_CFG_KERNEL_SIZE = 0x08,
    EMU_FW_CFG_KERNEL_CMDLINE = 0x09, EMU_FW_CFG_INITRD_ADDR = 0x0a, EMU_FW_CFG_INITRD_SIZE = 0x0b, EMU_FW_CFG_BOOT_DEVICE = 0x0c,
    EMU_FW_CFG_NUMA = 0x0d, EMU_FW_CFG_BOOT_MENU = 0x0e, EMU_FW_CFG_MAX_CPUS = 0x0f, EMU_FW_CFG_KERNEL_ENTRY = 0x10,
    EMU_FW_CFG_KERNEL_DATA = 0x11, EMU_FW_CFG_INITRD_DATA = 0x12, EMU_FW_CFG_CMDLINE_ADDR = 0x13, EMU_FW_CFG_CMDLINE_SIZE = 0x14,
    EMU_FW_CFG_CMDLINE_DATA = 0x15, EMU_FW_CFG_SETUP_ADDR = 0x16, EMU_FW_CFG_SETUP_SIZE = 0x17, EMU_FW_CFG_SETUP_DATA = 0x18,
    EMU_FW_CFG_FILE_DIR = 0x19, EMU_FW_CFG_FILE_FIRST = 0x20, EMU_FW_CFG_ARCH_LOCAL = 0x8000
};

struct _EmuFwCfgInterface {
    GTypeInterface parent_iface;
    void (*add_bytes)(EmuFwCfg *self, uint16_t key, const void *data, gsize len); /* copies */
    /* select() runs when the guest selects the file (tables built late); optional. */
    void (*add_file)(EmuFwCfg *self, const char *name, const void *data, gsize len, void (*select)(gpointer opaque), gpointer opaque, bool writable);
    void (*modify_file)(EmuFwCfg *self, const char *name, const void *data, gsize len); /* replaces contents */
    /* Contents now (a writable file shows what the guest wrote); NULL when absent. */
    const uint8_t *(*get_file)(EmuFwCfg *self, const char *name, gsize *len);
    EMU_RESERVED_SLOTS(4);
};
EMU_AVAILABLE_IN_1_0 EmuFwCfg *emu_machine_find_fw_cfg(EmuMachine *machine); /* NULL: none yet */
EMU_AVAILABLE_IN_1_0 void emu_fw_cfg_add_bytes(EmuFwCfg *self, uint16_t key, const void *data, gsize len); /* copies; @key EMU_FW_CFG_... */
EMU_AVAILABLE_IN_1_0 void emu_fw_cfg_add_u16(EmuFwCfg *self, uint16_t key, uint16_t v); /* little endian, as the next two */
EMU_AVAILABLE_IN_1_0 void emu_fw_cfg_add_u32(EmuFwCfg *self, uint16_t key, uint32_t v); /* 4 bytes */
EMU_AVAILABLE_IN_1_0 void emu_fw_cfg_add_u64(EmuFwCfg *self, uint16_t key, uint64_t v); /* 8 bytes */
EMU_AVAILABLE_IN_1_0 void emu_fw_cfg_add_string(EmuFwCfg *self, uint16_t key, const char *s); /* with its final 0 */
EMU_AVAILABLE_IN_1_0 void emu_fw_cfg_add_file(EmuFwCfg *self, const char *name, const void *data, gsize len); /* copies; guests cannot write to it */
EMU_AVAILABLE_IN_1_0 void emu_fw_cfg_add_file_full(EmuFwCfg *self, const char *name, const void *data, gsize len, void (*select)(gpointer opaque), gpointer opaque, bool writable);
EMU_AVAILABLE_IN_1_0 void emu_fw_cfg_modify_file(EmuFwCfg *self, const char *name, const void *data, gsize len);
EMU_AVAILABLE_IN_1_0 const uint8_t *emu_fw_cfg_get_file(EmuFwCfg *self, const char *name, gsize *len);

G_END_DECLS
