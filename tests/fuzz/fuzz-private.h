/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fuzz.h"

#include <emu/pci.h>

/* fuzz-q35.c */
void fuzz_recipe_ahci(Fuzz *self);
void fuzz_recipe_iommu(Fuzz *self);
void fuzz_recipe_mch(Fuzz *self);
void fuzz_recipe_lpc(Fuzz *self);

/* The address word of a configuration register. */
uint32_t fuzz_config_address(EmuPciDevice *dev, uint32_t reg);
