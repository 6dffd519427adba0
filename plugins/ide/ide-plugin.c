/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ide.h"

EMU_PLUGIN(.name = "ide", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "ATA channels, disks and ATAPI CD drives, PIIX3/PIIX4 bus master IDE, SATA AHCI",
           .provides = "IDE:bus ide-device:device ide-hd:ide-device ide-cd:ide-device piix3-ide:pci-device piix4-ide:pci-device ich9-ahci:pci-device ahci:ich9-ahci",
           .needs = "bus device pci-device");

static void
ide_register_types(void)
{
    type_register_static(&ide_bus_info);
    type_register_static(&ide_drive_info);
    type_register_static(&ide_hd_info);
    type_register_static(&ide_cd_info);
    type_register_static(&ich9_ahci_info);
    type_register_static(&ahci_info);
    type_register_static(&piix3_ide_info);
    type_register_static(&piix4_ide_info);
}
type_init(ide_register_types)
