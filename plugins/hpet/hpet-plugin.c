/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "hpet.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "hpet", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "high precision event timers",
           .provides = "hpet:sysbus-device",
           .needs = "sysbus-device");

static void
hpet_register_types(void)
{
    emu_type_register_static(&hpet_type_info);
}
type_init(hpet_register_types)
