/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/device.h>

extern const EmuTypeInfo hpet_type_info;
