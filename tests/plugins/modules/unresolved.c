/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls what nobody has. */

#include <emu/plugin.h>

EMU_PLUGIN(.name = "unresolved", .version = "1", .license = "MIT", .description = "cannot be loaded",
           .provides = "unresolved-widget:object");

void emu_function_that_nobody_has(void);

type_init(emu_function_that_nobody_has)
