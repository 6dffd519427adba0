/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ich9.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "ich9", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "82801I (ICH9): LPC bridge with power management and interrupt routing; SMBus",
           .provides = "ICH9-LPC:pci-device ICH9-SMB:pci-device", .needs = "pci-device i2c-bus");

static void
ich9_register_types(void)
{
    emu_type_register_static(&ich9_lpc_type_info);
    emu_type_register_static(&ich9_smbus_type_info);
}
type_init(ich9_register_types)
