/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/object.h>

extern const EmuTypeInfo pci_bridge_base_type_info;
extern const EmuTypeInfo pci_bridge_type_info;
extern const EmuTypeInfo pcie_root_port_type_info;
