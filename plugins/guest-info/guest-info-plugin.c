/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "guest-info.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "guest-info", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "what host and guest tell each other in memory: generation ID, crash dump notes",
           .provides = "vmgenid:device vmcoreinfo:device",
           .needs = "device fw-cfg");

static void
guest_info_register_types(void)
{
    emu_type_register_static(&vmgenid_type_info);
    emu_type_register_static(&vmcoreinfo_type_info);
}
type_init(guest_info_register_types)
