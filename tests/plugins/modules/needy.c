/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Needs a type that does not exist. */

#include <emu/plugin.h>

EMU_PLUGIN(.name = "needy", .version = "1", .license = "MIT", .description = "lacks something",
           .provides = "needy-widget:object", .needs = "type-that-nobody-has");
