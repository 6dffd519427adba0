/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/info.h>

G_DEFINE_INTERFACE(EmuInfoProvider, emu_info_provider, EMU_TYPE_OBJECT)

static void
emu_info_provider_default_init(EmuInfoProviderInterface *iface G_GNUC_UNUSED)
{
}

static void
info_provider_type_init(void)
{
    emu_type_register_gtype("info-provider", EMU_TYPE_INFO_PROVIDER);
}

type_init(info_provider_type_init)
