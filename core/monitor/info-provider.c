/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "monitor/qmp-private.h"

#include <emu/info.h>

G_DEFINE_INTERFACE(EmuInfoProvider, emu_info_provider, EMU_TYPE_OBJECT)

static void
emu_info_provider_default_init(EmuInfoProviderInterface *iface G_GNUC_UNUSED)
{
}

typedef struct {
    const char *topic;
    GString *out;
} Topic;

static bool
describe_cb(EmuObject *object, gpointer data)
{
    Topic *topic = data;

    emu_info_describe(object, topic->topic, topic->out);
    return false;
}

void
emu_info_describe(EmuObject *object, const char *topic, GString *out)
{
    Topic t = {topic, out};

    if (EMU_IS_INFO_PROVIDER(object)) {
        EmuInfoProviderInterface *iface = EMU_INFO_PROVIDER_GET_IFACE(object);
        g_autofree char *text = iface->describe ? iface->describe(EMU_INFO_PROVIDER(object), topic) : NULL;

        g_string_append(out, text ? text : "");
    }
    emu_object_foreach_child(object, describe_cb, &t);
}

static void
info_provider_type_init(void)
{
    emu_type_register_gtype("info-provider", EMU_TYPE_INFO_PROVIDER);
}

type_init(info_provider_type_init)
