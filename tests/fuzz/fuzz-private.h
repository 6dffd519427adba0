/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fuzz.h"

#include <emu/pci.h>

/* The address word of a configuration register. */
uint32_t fuzz_config_address(EmuPciDevice *dev, uint32_t reg);
