/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/plugin.h>

#include "i8257.h"

EMU_PLUGIN(.name = "dma",
           .version = "1.0",
           .license = "LGPL-2.1-or-later",
           .description = "8237A DMA controller with page registers",
           .provides = "i8257:isa-device",
           .needs = "isa-device isa-dma");

static void
dma_register_types(void)
{
    type_register_static(&i8257_type_info);
}
type_init(dma_register_types)
