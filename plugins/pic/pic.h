/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* 8259A, one chip; a PC has two. */

#include <emu/isa.h>
#include <emu/x86-pc.h>

extern const EmuTypeInfo pic_type_info;
