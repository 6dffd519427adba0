/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/isa.h>

extern const EmuTypeInfo port92_type_info;
