/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/object.h>

extern const EmuTypeInfo i6300esb_type_info;
extern const EmuTypeInfo ib700_type_info;
