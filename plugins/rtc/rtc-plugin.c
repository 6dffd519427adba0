/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/plugin.h>

#include "mc146818rtc.h"

EMU_PLUGIN(.name = "rtc",
           .version = "1.0",
           .license = "LGPL-2.1-or-later",
           .description = "MC146818A real-time clock and CMOS memory",
           .provides = "mc146818rtc:isa-device",
           .needs = "isa-device cmos");

static void
rtc_register_types(void)
{
    type_register_static(&rtc_type_info);
}
type_init(rtc_register_types)
