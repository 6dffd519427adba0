/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pci-bridge.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "pci-bridge", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "PCI-to-PCI bridge, PCI Express root port",
           .provides = "base-pci-bridge:pci-device pci-bridge:base-pci-bridge pcie-root-port:base-pci-bridge",
           .needs = "pci-device hotplug-handler");

static void
pci_bridge_register_types(void)
{
    emu_type_register_static(&pci_bridge_base_type_info);
    emu_type_register_static(&pci_bridge_type_info);
    emu_type_register_static(&pcie_root_port_type_info);
}
type_init(pci_bridge_register_types)
