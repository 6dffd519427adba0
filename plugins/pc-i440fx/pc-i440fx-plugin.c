/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "i440fx.h"
#include "pc-types.h"

#include <emu/plugin.h>

#define PC_PROVIDES(v, a) " pc-i440fx-" v "-machine:pc-i440fx-machine"

EMU_PLUGIN(.name = "pc-i440fx", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "the PC with i440FX and PIIX: boards and host bridge",
           .provides = "i440FX:pci-device i440FX-pcihost:sysbus-device pc-i440fx-machine:machine" PC_VERSIONS(
               PC_PROVIDES, NULL),
           .needs = "machine pci-device isa-device sysbus-device pc-gsi port92 PIIX3 PIIX4_PM isa-i8259 isa-pit isa-pcspk hpet ioapic fw_cfg_io "
                    "mc146818rtc i8257 i8042 isa-serial isa-parallel piix3-ide ide-hd ide-cd isa-fdc floppy VGA cfi.pflash01 acpi-pcihp");

static void
pc_i440fx_register_types(void)
{
    emu_type_register_static(&i440fx_type_info);
    emu_type_register_static(&i440fx_pcihost_type_info);
    emu_type_register_static(&pc_machine_type_info);
    for (const EmuTypeInfo *info = pc_version_type_infos; info->name; info++) {
        emu_type_register_static(info);
    }
}
type_init(pc_i440fx_register_types)
