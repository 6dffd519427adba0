/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The programmable attribute map that Intel's host bridges have had since the 82441FX: what 13 segments of 0xc0000..0xfffff
 * show, each one of: PCI, RAM read-only, PCI reads with RAM writes, RAM.
 */

#include <emu/memory.h>

#define PC_PAM_N_REGS 7
#define PC_PAM_N_SEGMENTS 13

enum { PC_PAM_PCI, PC_PAM_READ_ONLY, PC_PAM_WRITE_ONLY, PC_PAM_RAM, PC_PAM_N_MODES };

typedef struct _PcPam PcPam;

typedef struct {
    PcPam *pam;
    uint32_t address, size;
    EmuMemoryRegion *modes[PC_PAM_N_MODES];
} PcPamSegment;

struct _PcPam {
    PcPamSegment segments[PC_PAM_N_SEGMENTS];
    EmuMemoryRegion *ram, *system;
    EmuAddressSpace *pci_as;
};

/* Inside a memory transaction, all three. @owner is the bridge. */
void pc_pam_init(PcPam *self, gpointer owner, EmuMemoryRegion *ram, EmuMemoryRegion *system, EmuMemoryRegion *pci_memory);
void pc_pam_update(PcPam *self, const uint8_t regs[PC_PAM_N_REGS]);
void pc_pam_finish(PcPam *self);
