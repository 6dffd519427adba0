/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "q35.h"
#include "q35-machine.h"

#include <emu/plugin.h>

#define Q35_PROVIDES(v, a) " pc-q35-" v "-machine:pc-q35-machine"

EMU_PLUGIN(.name = "pc-q35", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "the PC with Q35 and ICH9: boards and PCI Express host bridge",
           .provides = "mch:pci-device q35-pcihost:sysbus-device pc-q35-machine:machine" PC_VERSIONS(Q35_PROVIDES, NULL),
           .needs = "machine pci-device sysbus-device pc-gsi port92 ICH9-LPC ICH9-SMB isa-i8259 isa-pit isa-pcspk hpet ioapic fw_cfg_io "
                    "mc146818rtc i8257 i8042 isa-serial isa-parallel ich9-ahci ide-hd ide-cd isa-fdc floppy VGA cfi.pflash01 smbus-eeprom");

static void
q35_register_types(void)
{
    emu_type_register_static(&mch_type_info);
    emu_type_register_static(&q35_pcihost_type_info);
    emu_type_register_static(&q35_machine_type_info);
    for (const EmuTypeInfo *info = q35_version_type_infos; info->name; info++) {
        emu_type_register_static(info);
    }
}
type_init(q35_register_types)
