/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Configuration mechanism 1 (PCI Local Bus Specification 3.0, 3.2.2.3.2): an address register at 0xcf8, data at 0xcfc. */

#include <emu/pci.h>

typedef struct {
    EmuPciBus *bus;
    EmuMemoryRegion *address_region;
    EmuMemoryRegion *data_region;

    uint32_t address;
} PcConf1;

void pc_conf1_init(PcConf1 *self, gpointer owner, EmuPciBus *bus);
void pc_conf1_finish(PcConf1 *self);
/* The register's line in the saved state of the device that holds it. */
#define PC_CONF1_VM(S, f) {.name = "config_address", .kind = EMU_VM_KIND_U32, .offset = offsetof(S, f.address), .size = 4, .num = 1}
