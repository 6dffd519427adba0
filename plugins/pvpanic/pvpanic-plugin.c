/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pvpanic.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "pvpanic", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "register by which a guest tells that it panicked",
           .provides = "pvpanic:isa-device pvpanic-pci:pci-device",
           .needs = "isa-device pci-device");

static void
pvpanic_register_types(void)
{
    emu_type_register_static(&pvpanic_isa_type_info);
    emu_type_register_static(&pvpanic_pci_type_info);
}
type_init(pvpanic_register_types)
