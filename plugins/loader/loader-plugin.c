/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loader.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "loader", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "puts files and values into guest memory at reset",
           .provides = "loader:device",
           .needs = "device");

static void
loader_register_types(void)
{
    emu_type_register_static(&loader_type_info);
}
type_init(loader_register_types)
