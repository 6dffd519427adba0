/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pflash.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "pflash", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "parallel flash memory with the Intel command set",
           .provides = "cfi.pflash01:sysbus-device",
           .needs = "sysbus-device");

static void
pflash_register_types(void)
{
    emu_type_register_static(&pflash_cfi01_type_info);
}
type_init(pflash_register_types)
