/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/device.h>
#include <emu/x86-pc.h>

extern const EmuTypeInfo ioapic_type_info;
