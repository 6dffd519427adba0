/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/plugin.h>

#include "isa-parallel.h"

EMU_PLUGIN(.name = "parallel",
           .version = "1.0",
           .license = "LGPL-2.1-or-later",
           .description = "parallel printer port",
           .provides = "isa-parallel:isa-device",
           .needs = "isa-device");

static void
parallel_register_types(void)
{
    type_register_static(&isa_parallel_type_info);
}
type_init(parallel_register_types)
