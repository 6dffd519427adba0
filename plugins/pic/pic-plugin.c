/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pic.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "pic", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "8259A programmable interrupt controller with edge/level control register",
           .provides = "isa-i8259:isa-device kvm-i8259:isa-i8259",
           .needs = "isa-device interrupt-ack");

static void
pic_register_types(void)
{
    emu_type_register_static(&pic_type_info);
    emu_type_register_static(&pic_kvm_type_info);
}
type_init(pic_register_types)
