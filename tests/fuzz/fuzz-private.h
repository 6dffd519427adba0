/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fuzz.h"

#include <emu/pci.h>

/* fuzz-hotplug.c */
void fuzz_recipe_cpuhp(Fuzz *self);
void fuzz_recipe_memhp(Fuzz *self);
void fuzz_recipe_pcihp(Fuzz *self);

/* fuzz-ide.c */
typedef struct {
    uint8_t command, feature, count, low, middle, high; /* of the LBA, or the byte limit of a packet command */
} FuzzAtaCommand;

void fuzz_recipe_ide(Fuzz *self);
/* A command that a drive knows with parameters that it takes, as far as chance lets them. */
FuzzAtaCommand fuzz_ata_command(Fuzz *self);
void fuzz_ata_packet(Fuzz *self, uint8_t packet[12]);

/* fuzz-q35.c */
void fuzz_recipe_ahci(Fuzz *self);
void fuzz_recipe_iommu(Fuzz *self);
void fuzz_recipe_mch(Fuzz *self);
void fuzz_recipe_lpc(Fuzz *self);

/* The address word of a configuration register. */
uint32_t fuzz_config_address(EmuPciDevice *dev, uint32_t reg);
