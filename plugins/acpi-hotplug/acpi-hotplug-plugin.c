/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "acpi-hotplug.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "acpi-hotplug", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "registers by which ACPI tables plug and unplug devices",
           .provides = "acpi-cpuhp:sysbus-device acpi-memhp:sysbus-device acpi-pcihp:sysbus-device",
           .needs = "sysbus-device pci-device hotplug-handler memory-device");

static void
acpi_hotplug_register_types(void)
{
    emu_type_register_static(&acpi_cpuhp_type_info);
    emu_type_register_static(&acpi_memhp_type_info);
    emu_type_register_static(&acpi_pcihp_type_info);
}
type_init(acpi_hotplug_register_types)
