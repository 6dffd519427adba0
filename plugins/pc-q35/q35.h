/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Intel 82Q35/82G33 memory controller hub: the host bridge's function, and the host side with the bus. */

#include <emu/pci.h>

extern const EmuTypeInfo mch_type_info;
extern const EmuTypeInfo q35_pcihost_type_info;

/* Where the enhanced configuration access window lies; false: it is closed. */
bool mch_get_mmconfig(EmuPciDevice *mch, uint64_t *base, uint64_t *size);
