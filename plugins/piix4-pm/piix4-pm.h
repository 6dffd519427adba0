/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/i2c.h>
#include <emu/pci.h>

extern const EmuTypeInfo piix4_pm_type_info;
extern const EmuTypeInfo smbus_eeprom_type_info;
