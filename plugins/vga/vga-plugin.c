/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vga-cards.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "vga", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "standard VGA with Bochs VBE, as PCI and as ISA card",
           .provides = "VGA:pci-device isa-vga:isa-device", .needs = "pci-device isa-device");

static void
vga_register_types(void)
{
    type_register_static(&vga_pci_info);
    type_register_static(&vga_isa_info);
}
type_init(vga_register_types)
