/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fw-cfg-io.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "fw-cfg", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "firmware configuration device on I/O ports",
           .provides = "fw_cfg_io:sysbus-device",
           .needs = "sysbus-device fw-cfg");

static void
fw_cfg_register_types(void)
{
    emu_type_register_static(&fw_cfg_io_type_info);
}
type_init(fw_cfg_register_types)
