/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pc-pam.h"

#include <emu/machine.h>

#include <string.h>

#define PC_PAM_MODE 3

/* Segment 0 is the BIOS area at 0xf0000 (first register, high nibble); the others are 16 KiB each from 0xc0000 on. */
static unsigned
pc_pam_get_mode(const uint8_t *regs, unsigned segment)
{
    if (segment == 0) {
        return (regs[0] >> 4) & PC_PAM_MODE;
    }
    return (regs[1 + (segment - 1) / 2] >> ((segment - 1) % 2 * 4)) & PC_PAM_MODE;
}

/* Reads from PCI, writes to RAM: how a BIOS copies itself into its shadow. */
static uint64_t
pc_pam_shadow_read(gpointer opaque, uint64_t offset, unsigned size)
{
    PcPamSegment *segment = opaque;

    return emu_address_space_load(segment->pam->pci_as, segment->address + offset, size, EMU_MEM_ATTRS_NONE, NULL);
}

static void
pc_pam_shadow_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PcPamSegment *segment = opaque;
    uint8_t *ram = emu_memory_region_get_ram_pointer(segment->pam->ram);

    value = GUINT64_TO_LE(value);
    memcpy(ram + segment->address + offset, &value, size);
    emu_memory_region_set_dirty(segment->pam->ram, segment->address + offset, size);
}

static const EmuMemoryRegionOps pc_pam_shadow_ops = {
    .read = pc_pam_shadow_read,
    .write = pc_pam_shadow_write,
    .valid_min = 1,
    .valid_max = 8,
    .impl_min = 1,
    .impl_max = 8,
    .valid_unaligned = true,
    .impl_unaligned = true,
};

static void
pc_pam_make_segment(PcPam *self, unsigned index, gpointer owner, EmuMemoryRegion *pci)
{
    PcPamSegment *segment = &self->segments[index];

    segment->pam = self;
    segment->address = index == 0 ? 0xf0000 : 0xc0000 + (index - 1) * 0x4000;
    segment->size = index == 0 ? 0x10000 : 0x4000;
    segment->modes[PC_PAM_PCI] = emu_memory_region_new_alias(owner, "pam-pci", pci, segment->address, segment->size);
    segment->modes[PC_PAM_READ_ONLY] = emu_memory_region_new_alias(owner, "pam-rom", self->ram, segment->address, segment->size);
    emu_memory_region_set_readonly(segment->modes[PC_PAM_READ_ONLY], true);
    segment->modes[PC_PAM_WRITE_ONLY] = emu_memory_region_new_io(owner, "pam-shadow", segment->size, &pc_pam_shadow_ops, segment);
    segment->modes[PC_PAM_RAM] = emu_memory_region_new_alias(owner, "pam-ram", self->ram, segment->address, segment->size);
    for (unsigned m = 0; m < PC_PAM_N_MODES; m++) {
        emu_memory_region_set_enabled(segment->modes[m], false);
        emu_memory_region_add_subregion(self->system, segment->address, segment->modes[m], 1);
    }
}

static void
pc_pam_suspend_cb(EmuMachine *machine G_GNUC_UNUSED, gpointer opaque)
{
    ((PcPam *)opaque)->suspended = true;
}

bool
pc_pam_init(PcPam *self, EmuPciDevice *bridge, GError **error)
{
    EmuMachine *machine = emu_device_get_machine(EMU_DEVICE(bridge));
    EmuMemoryRegion *pci = emu_pci_bus_get_memory(emu_pci_device_get_bus(bridge));

    self->machine = machine;
    self->ram = emu_machine_get_ram(machine, error);
    if (!self->ram) {
        return false;
    }
    if (emu_memory_region_get_size(self->ram) < 0x100000) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: RAM is smaller than 1 MiB", emu_object_get_type_name(bridge));
        return false;
    }
    g_autoptr(EmuMemoryRegion) smram = emu_memory_region_new_container(NULL, "smram", UINT64_MAX);
    if (!emu_object_add_child(machine, "smram", smram, error)) {
        return false;
    }
    self->smram = smram;
    self->system = emu_machine_get_system_memory(machine);
    self->pci_as = emu_address_space_new(pci, "pci-memory");
    emu_memory_transaction_begin();
    self->vga_window = emu_memory_region_new_alias(bridge, "smram-region", pci, PC_SMRAM_BASE, PC_SMRAM_SIZE);
    emu_memory_region_add_subregion(self->system, PC_SMRAM_BASE, self->vga_window, 1);
    self->smram_low = emu_memory_region_new_alias(bridge, "smram-low", self->ram, PC_SMRAM_BASE, PC_SMRAM_SIZE);
    emu_memory_region_add_subregion(self->smram, PC_SMRAM_BASE, self->smram_low, 0);
    for (unsigned i = 0; i < PC_PAM_N_SEGMENTS; i++) {
        pc_pam_make_segment(self, i, bridge, pci);
    }
    emu_memory_transaction_commit();
    self->suspend_handler = g_signal_connect(machine, "suspend", G_CALLBACK(pc_pam_suspend_cb), self);
    return true;
}

void
pc_pam_update(PcPam *self, const uint8_t regs[PC_PAM_N_REGS], bool open)
{
    for (unsigned i = 0; i < PC_PAM_N_SEGMENTS; i++) {
        unsigned mode = pc_pam_get_mode(regs, i);

        for (unsigned m = 0; m < PC_PAM_N_MODES; m++) {
            emu_memory_region_set_enabled(self->segments[i].modes[m], m == mode);
        }
    }
    emu_memory_region_set_enabled(self->vga_window, !open);
}

void
pc_pam_finish(PcPam *self)
{
    g_signal_handler_disconnect(self->machine, self->suspend_handler);
    emu_memory_region_del_subregion(self->system, self->vga_window);
    emu_memory_region_del_subregion(self->smram, self->smram_low);
    emu_object_unparent(self->smram);
    for (unsigned i = 0; i < PC_PAM_N_SEGMENTS; i++) {
        for (unsigned m = 0; m < PC_PAM_N_MODES; m++) {
            emu_memory_region_del_subregion(self->system, self->segments[i].modes[m]);
        }
    }
    g_clear_pointer(&self->pci_as, emu_address_space_free);
}

void
pc_pam_reset(PcPam *self, uint8_t regs[PC_PAM_N_REGS])
{
    if (!self->suspended) {
        memset(regs, 0, PC_PAM_N_REGS);
    }
    self->suspended = false;
}
