/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pc-dimm.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "pc-dimm", .version = "1.0", .license = "LGPL-2.1-or-later", .description = "memory modules that come and go",
           .provides = "pc-dimm:device", .needs = "device memory-device");

static void
pc_dimm_register_types(void)
{
    emu_type_register_static(&pc_dimm_type_info);
}
type_init(pc_dimm_register_types)
