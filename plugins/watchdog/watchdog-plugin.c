/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "watchdog.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "watchdog", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "watchdog timers: Intel 6300ESB (PCI) and iBASE 700 (ISA)",
           .provides = "i6300esb:pci-device ib700:isa-device",
           .needs = "pci-device isa-device");

static void
watchdog_register_types(void)
{
    emu_type_register_static(&i6300esb_type_info);
    emu_type_register_static(&ib700_type_info);
}
type_init(watchdog_register_types)
