/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A plugin in order: two types, one the parent of the other, the child registered first. */

#include <emu/plugin.h>

EMU_PLUGIN(.name = "good", .version = "1.2", .license = "LGPL-2.1-or-later", .description = "types for a test",
           .provides = "good-widget:object good-gadget:good-widget:user-creatable");

typedef struct {
    EmuObject parent;
    uint32_t number;
} GoodWidget;

static const EmuProperty good_properties[] = {
    EMU_PROP_UINT32("number", GoodWidget, number, 42, "the number"),
};

static void
good_widget_class_init(gpointer klass, gconstpointer data)
{
    emu_object_class_add_properties(klass, good_properties, G_N_ELEMENTS(good_properties));
}

static bool
good_gadget_complete(EmuUserCreatable *self, GError **error)
{
    ((GoodWidget *)self)->number++;
    return true;
}

static void
good_gadget_user_creatable_init(gpointer iface, gpointer data)
{
    ((EmuUserCreatableInterface *)iface)->complete = good_gadget_complete;
}

static const EmuInterfaceImpl good_gadget_interfaces[] = {{"user-creatable", good_gadget_user_creatable_init}, {NULL}};
static const EmuTypeInfo good_gadget = {.name = "good-gadget", .parent = "good-widget", .interfaces = good_gadget_interfaces};
static const EmuTypeInfo good_widget = {.name = "good-widget",
                                        .parent = "object",
                                        .instance_size = sizeof(GoodWidget),
                                        .class_init = good_widget_class_init};

static void
good_register_types(void)
{
    type_register_static(&good_gadget);
    type_register_static(&good_widget);
}

type_init(good_register_types)
