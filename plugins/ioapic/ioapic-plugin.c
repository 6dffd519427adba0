/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ioapic.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "ioapic", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "82093AA I/O APIC",
           .provides = "ioapic:sysbus-device kvm-ioapic:ioapic kvm-ioapic-split:ioapic",
           .needs = "sysbus-device apic-eoi");

static void
ioapic_register_types(void)
{
    emu_type_register_static(&ioapic_type_info);
    emu_type_register_static(&ioapic_kvm_type_info);
    emu_type_register_static(&ioapic_kvm_split_type_info);
}
type_init(ioapic_register_types)
