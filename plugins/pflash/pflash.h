/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/object.h>

extern const EmuTypeInfo pflash_cfi01_type_info;
