/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/isa.h>
#include <emu/x86-pc.h>

#define PIT_FREQUENCY_HZ 1193182

extern const EmuTypeInfo pit_type_info;
extern const EmuTypeInfo pcspk_type_info;
