/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fdc.h"

EMU_PLUGIN(.name = "fdc", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "82078 floppy disk controller and drives",
           .provides = "isa-fdc:isa-device floppy-bus:bus floppy:device", .needs = "isa-device bus device");

static void
fdc_register_types(void)
{
    type_register_static(&fdc_info);
    type_register_static(&floppy_bus_info);
    type_register_static(&floppy_info);
}
type_init(fdc_register_types)
