/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where the processors start: the firmware in a ROM, or in flash memories that it can write its variables to. */

#include "pc-machine.h"

#include <emu/block.h>
#include <emu/log.h>

#include <inttypes.h>
#include <string.h>

#define PC_4G UINT64_C(0x100000000)
#define PC_FIRMWARE_NAME "bios-256k.bin"
#define PC_FIRMWARE_UNIT 0x10000
#define PC_FIRMWARE_MAX 0x1000000
#define PC_ISA_BIOS_MAX 0x20000
#define PC_FLASH_SECTOR 4096
#define PC_FLASH_MAX 0x800000 /* both together: above lies what the chipset decodes for itself */

/* The last 128 KiB are seen below 1 MiB too, where the PAM lets reads through after reset. */
static void
pc_map_isa_bios(PcMachine *self, EmuMemoryRegion *rom)
{
    uint64_t size = emu_memory_region_get_size(rom);
    uint64_t isa_size = MIN(size, PC_ISA_BIOS_MAX);
    EmuMemoryRegion *isa_bios = emu_memory_region_new_alias(self, "isa-bios", rom, size - isa_size, isa_size);

    emu_memory_region_set_readonly(isa_bios, true);
    emu_memory_region_add_subregion(emu_pci_bus_get_memory(self->pci_bus), 0x100000 - isa_size, isa_bios, 1);
}

/* ---- ROM --------------------------------------------------------------------------------------- */

/* The firmware's bytes, from -bios or the distribution's. */
static GBytes *
pc_read_firmware(PcMachine *self, GError **error)
{
    EmuMachine *machine = EMU_MACHINE(self);
    const char *name = emu_machine_get_firmware(machine);
    g_autofree char *path = NULL;
    g_autoptr(GError) local_error = NULL;
    char *contents;
    gsize len;

    if (name && g_file_test(name, G_FILE_TEST_EXISTS)) {
        path = g_strdup(name);
    } else {
        path = emu_machine_find_firmware(machine, name ? name : PC_FIRMWARE_NAME);
    }
    if (!path) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND,
                    "could not find firmware '%s', expected a file of that name or one on the firmware search path (-L)",
                    name ? name : PC_FIRMWARE_NAME);
        return NULL;
    }
    if (!g_file_get_contents(path, &contents, &len, &local_error)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "could not load firmware '%s': %s", path,
                    local_error->message);
        return NULL;
    }
    if (len == 0 || len % PC_FIRMWARE_UNIT || len > PC_FIRMWARE_MAX) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "could not load firmware '%s': it has %" G_GSIZE_FORMAT " bytes, expected a multiple of 64 KiB up to 16 MiB",
                    path, len);
        g_free(contents);
        return NULL;
    }
    return g_bytes_new_take(contents, len);
}

/* At the top of 4 GiB. */
static bool
pc_map_rom(PcMachine *self, GError **error)
{
    EmuMemoryRegion *pci_memory = emu_pci_bus_get_memory(self->pci_bus);
    g_autoptr(GBytes) firmware = pc_read_firmware(self, error);
    EmuMemoryRegion *rom;
    gsize size;

    if (!firmware) {
        return false;
    }
    size = g_bytes_get_size(firmware);
    rom = emu_memory_region_new_rom(self, "pc.bios", size, error);
    if (!rom) {
        return false;
    }
    memcpy(emu_memory_region_get_ram_pointer(rom), g_bytes_get_data(firmware, NULL), size);
    emu_memory_region_set_dirty(rom, 0, size);
    emu_memory_region_add_subregion(pci_memory, PC_4G - size, rom, 0);

    pc_map_isa_bios(self, rom);
    return true;
}

/* ---- flash ------------------------------------------------------------------------------------- */

/* The id of the back end of flash @unit, from -machine pflashN= or -drive if=pflash; NULL: none. */
static bool
pc_find_flash(PcMachine *self, unsigned unit, const char **id, GError **error)
{
    EmuBlockBackend *blk = emu_machine_get_drive(EMU_MACHINE(self), EMU_DRIVE_IF_PFLASH, 0, unit, NULL);

    *id = blk ? emu_block_backend_get_id(blk) : self->pflash[unit];
    if (blk && self->pflash[unit]) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "pc: pflash%u is '%s', but there is a -drive if=pflash,unit=%u too, expected one of them", unit, self->pflash[unit], unit);
        return false;
    }
    return true;
}

/* A flash with the contents of the back end, its last byte below @top. */
static EmuMemoryRegion *
pc_create_flash(PcMachine *self, unsigned unit, const char *id, uint64_t top, GError **error)
{
    g_autofree char *name = g_strdup_printf("system.flash%u", unit);
    EmuDevice *dev = emu_device_new("cfi.pflash01", error);
    EmuMemoryRegion *region;
    uint64_t size;

    if (!dev) {
        return NULL;
    }
    if (!emu_object_set_from_string(dev, "drive", id, error) || !emu_object_set_from_string(dev, "name", name, error) ||
        !emu_object_set_uint(dev, "sector-length", PC_FLASH_SECTOR, error) || !emu_object_add_child(self, name, dev, error)) {
        g_object_unref(dev);
        return NULL;
    }
    if (!emu_device_realize(dev, EMU_MACHINE(self), NULL, error)) {
        return NULL;
    }
    region = emu_sysbus_get_mmio(EMU_SYSBUS_DEVICE(dev), 0);
    size = emu_memory_region_get_size(region);
    if (size > PC_FLASH_MAX - (PC_4G - top)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "pc: flash '%s' has %" PRIu64 " bytes, expected at most %u for all flash together", id, size, PC_FLASH_MAX);
        return NULL;
    }
    emu_sysbus_map(EMU_SYSBUS_DEVICE(dev), 0, top - size, 0);
    return region;
}

bool
pc_map_firmware(PcMachine *self, GError **error)
{
    const char *ids[PC_N_FLASHES];
    uint64_t top = PC_4G;

    for (unsigned i = 0; i < PC_N_FLASHES; i++) {
        if (!pc_find_flash(self, i, &ids[i], error)) {
            return false;
        }
    }
    if (!ids[0]) {
        if (ids[1]) {
            g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                                "pc: there is a flash 1 without a flash 0, which the processors start from");
            return false;
        }
        return pc_map_rom(self, error);
    }
    for (unsigned i = 0; i < PC_N_FLASHES && ids[i]; i++) {
        EmuMemoryRegion *flash = pc_create_flash(self, i, ids[i], top, error);

        if (!flash) {
            return false;
        }
        top -= emu_memory_region_get_size(flash);
        if (i == 0) {
            pc_map_isa_bios(self, flash);
        }
    }
    return true;
}
