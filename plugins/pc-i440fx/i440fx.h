/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Intel 82441FX: the host bridge's PCI function, and the host side with the bus. */

#include <emu/pci.h>

extern const EmuTypeInfo i440fx_type_info;
extern const EmuTypeInfo i440fx_pcihost_type_info;
