/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/plugin.h>

#include "isa-serial.h"

EMU_PLUGIN(.name = "serial",
           .version = "1.0",
           .license = "LGPL-2.1-or-later",
           .description = "16550A serial port",
           .provides = "isa-serial:isa-device",
           .needs = "isa-device");

static void
serial_register_types(void)
{
    type_register_static(&isa_serial_type_info);
}
type_init(serial_register_types)
