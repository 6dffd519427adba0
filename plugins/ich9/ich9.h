/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Intel I/O Controller Hub 9 (order number 316972): the functions of device 31. */

#include <emu/i2c.h>
#include <emu/isa.h>
#include <emu/pci.h>

extern const EmuTypeInfo ich9_lpc_type_info;
extern const EmuTypeInfo ich9_smbus_type_info;
