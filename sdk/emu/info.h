/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Objects that tell about their state in words, for the human monitor. QOM name "info-provider". */

#include <emu/object.h>

G_BEGIN_DECLS

#define EMU_TYPE_INFO_PROVIDER (emu_info_provider_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE(EmuInfoProvider, emu_info_provider, EMU, INFO_PROVIDER, EmuObject)

struct _EmuInfoProviderInterface {
    GTypeInterface parent_iface;
    /* Text with a newline at the end about "pic" (state of interrupt controllers), "irq" (how often each interrupt was
     * raised), "lapic", "vm-generation-id" (the GUID alone); NULL when the topic is not this object's. Big lock held. (transfer full) */
    char *(*describe)(EmuInfoProvider *self, const char *topic);
    EMU_RESERVED_SLOTS(4);
};

G_END_DECLS
