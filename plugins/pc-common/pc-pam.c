/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pc-pam.h"

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

void
pc_pam_init(PcPam *self, gpointer owner, EmuMemoryRegion *ram, EmuMemoryRegion *system, EmuMemoryRegion *pci_memory)
{
    self->ram = ram;
    self->system = system;
    self->pci_as = emu_address_space_new(pci_memory, "pci-memory");
    for (unsigned i = 0; i < PC_PAM_N_SEGMENTS; i++) {
        pc_pam_make_segment(self, i, owner, pci_memory);
    }
}

void
pc_pam_update(PcPam *self, const uint8_t regs[PC_PAM_N_REGS])
{
    for (unsigned i = 0; i < PC_PAM_N_SEGMENTS; i++) {
        unsigned mode = pc_pam_get_mode(regs, i);

        for (unsigned m = 0; m < PC_PAM_N_MODES; m++) {
            emu_memory_region_set_enabled(self->segments[i].modes[m], m == mode);
        }
    }
}

void
pc_pam_finish(PcPam *self)
{
    for (unsigned i = 0; i < PC_PAM_N_SEGMENTS; i++) {
        for (unsigned m = 0; m < PC_PAM_N_MODES; m++) {
            emu_memory_region_del_subregion(self->system, self->segments[i].modes[m]);
        }
    }
    g_clear_pointer(&self->pci_as, emu_address_space_free);
}
