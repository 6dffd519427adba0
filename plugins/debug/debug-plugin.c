/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/plugin.h>

#include "debug.h"

EMU_PLUGIN(.name = "debug",
           .version = "1.0",
           .license = "LGPL-2.1-or-later",
           .description = "debug console port and debug exit port",
           .provides = "isa-debugcon:isa-device isa-debug-exit:isa-device",
           .needs = "isa-device");

static void
debug_register_types(void)
{
    type_register_static(&isa_debugcon_type_info);
    type_register_static(&isa_debug_exit_type_info);
}
type_init(debug_register_types)
