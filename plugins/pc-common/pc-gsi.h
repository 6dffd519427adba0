/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/device.h>

#define PC_N_ISA_IRQS 16
#define PC_N_GSIS 24

extern const EmuTypeInfo pc_gsi_type_info;
