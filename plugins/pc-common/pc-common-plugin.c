/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pc-gsi.h"
#include "port92.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "pc-common", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "what PC boards have beside chips: interrupt wiring, system control port A",
           .provides = "pc-gsi:sysbus-device port92:isa-device", .needs = "isa-device sysbus-device");

static void
pc_common_register_types(void)
{
    emu_type_register_static(&pc_gsi_type_info);
    emu_type_register_static(&port92_type_info);
}
type_init(pc_common_register_types)
