/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/object.h>

extern const EmuTypeInfo vga_pci_info;
extern const EmuTypeInfo vga_isa_info;
