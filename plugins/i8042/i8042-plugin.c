/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/plugin.h>

#include "i8042.h"

EMU_PLUGIN(.name = "i8042",
           .version = "1.0",
           .license = "LGPL-2.1-or-later",
           .description = "8042 keyboard controller, PS/2 keyboard and mouse",
           .provides = "i8042:isa-device",
           .needs = "isa-device");

static void
i8042_register_types(void)
{
    type_register_static(&i8042_type_info);
}
type_init(i8042_register_types)
