/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "piix3.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "piix3", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "82371SB (PIIX3) PCI to ISA bridge",
           .provides = "PIIX3:pci-device",
           .needs = "pci-device ISA");

static void
piix3_register_types(void)
{
    emu_type_register_static(&piix3_type_info);
}
type_init(piix3_register_types)
