/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What Intel's host bridges have had since the 82441FX. The programmable attribute map: what 13 segments of 0xc0000..0xfffff
 * show, each one of: PCI, RAM read-only, PCI reads with RAM writes, RAM. The window at 0xa0000..0xbffff: PCI (the VGA), unless SMRAM is
 * open. What CPUs in SMM see in front of everything else: child "smram" of the machine.
 */

#include <emu/pci.h>

#define PC_SMRAM_BASE 0xa0000
#define PC_SMRAM_SIZE 0x20000

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
    EmuMachine *machine;
    EmuMemoryRegion *ram, *system;
    EmuMemoryRegion *vga_window;
    EmuMemoryRegion *smram;     /* what only CPUs in SMM see */
    EmuMemoryRegion *smram_low; /* in it: RAM behind the VGA window */
    EmuAddressSpace *pci_as;
    gulong suspend_handler;

    bool suspended; /* the next reset wakes the machine up */
};

/* In the bridge's realize. */
bool pc_pam_init(PcPam *self, EmuPciDevice *bridge, GError **error);
/* Inside a memory transaction, both. @open: SMRAM is open to all. */
void pc_pam_update(PcPam *self, const uint8_t regs[PC_PAM_N_REGS], bool open);
void pc_pam_finish(PcPam *self);
/* The registers' part of a reset: RAM keeps its refresh in S3, and the firmware its shadow, from where it resumes. */
void pc_pam_reset(PcPam *self, uint8_t regs[PC_PAM_N_REGS]);
/* The line in the saved state of the bridge. */
#define PC_PAM_VM(S, f) {.name = "suspended", .kind = EMU_VM_KIND_BOOL, .offset = offsetof(S, f.suspended), .size = 1, .num = 1}
