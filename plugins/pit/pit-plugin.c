/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pit.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "pit", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "8254 programmable interval timer and the PC's speaker port",
           .provides = "isa-pit:isa-device isa-pcspk:isa-device kvm-pit:isa-pit kvm-pcspk:isa-pcspk",
           .needs = "isa-device pit-channel");

static void
pit_register_types(void)
{
    emu_type_register_static(&pit_type_info);
    emu_type_register_static(&pcspk_type_info);
    emu_type_register_static(&pit_kvm_type_info);
    emu_type_register_static(&pcspk_kvm_type_info);
}
type_init(pit_register_types)
