/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/isa.h>
#include <emu/pci.h>

extern const EmuTypeInfo piix3_type_info;
