/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "piix4-pm.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "piix4-pm", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "82371AB (PIIX4) power management and SMBus; SMBus EEPROM",
           .provides = "PIIX4_PM:pci-device smbus-eeprom:i2c-device",
           .needs = "pci-device i2c-bus i2c-device");

static void
piix4_pm_register_types(void)
{
    emu_type_register_static(&piix4_pm_type_info);
    emu_type_register_static(&smbus_eeprom_type_info);
}
type_init(piix4_pm_register_types)
