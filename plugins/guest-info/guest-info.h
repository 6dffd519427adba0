/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/object.h>

extern const EmuTypeInfo vmgenid_type_info;
extern const EmuTypeInfo vmcoreinfo_type_info;
