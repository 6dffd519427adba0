/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/plugin.h>

#include "debug.h"

EMU_PLUGIN(.name = "debug",
           .version = "1.0",
           .license = "LGPL-2.1-or-later",
           .description = "ports for firmware and test programs: console, exit, test devices",
           .provides = "isa-debugcon:isa-device isa-debug-exit:isa-device pc-testdev:isa-device "
                       "pci-testdev:pci-device",
           .needs = "isa-device pci-device");

static void
debug_register_types(void)
{
    type_register_static(&isa_debugcon_type_info);
    type_register_static(&isa_debug_exit_type_info);
    type_register_static(&pc_testdev_type_info);
    type_register_static(&pci_testdev_type_info);
}
type_init(debug_register_types)
