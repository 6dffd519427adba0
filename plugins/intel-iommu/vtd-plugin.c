/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vtd.h"

#include <emu/plugin.h>

EMU_PLUGIN(.name = "intel-iommu", .version = "1.0", .license = "LGPL-2.1-or-later",
           .description = "Intel VT-d: DMA and interrupt remapping",
           .provides = "intel-iommu:sysbus-device", .needs = "sysbus-device");

static void
vtd_register_types(void)
{
    emu_type_register_static(&vtd_type_info);
}
type_init(vtd_register_types)
