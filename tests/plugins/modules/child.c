/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Its type's parent is in another plugin. */

#include <emu/plugin.h>

EMU_PLUGIN(.name = "child", .version = "1", .license = "MIT", .description = "a type below another plugin's",
           .provides = "child-widget:good-widget", .needs = "good-gadget");

static const EmuTypeInfo child_widget = {.name = "child-widget", .parent = "good-widget"};

static void
child_register_types(void)
{
    type_register_static(&child_widget);
}

type_init(child_register_types)
