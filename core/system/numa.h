/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* -numa inside the core; what boards see of it is in <emu/machine.h>. */

#include <emu/machine.h>

G_BEGIN_DECLS

typedef struct _EmuNuma EmuNuma;

void emu_numa_free(EmuNuma *self); /* accepts NULL */
/* One -numa text; then, with all options and objects there, the whole is checked. */
bool emu_machine_add_numa(EmuMachine *self, const char *text, GError **error);
bool emu_machine_resolve_numa(EmuMachine *self, GError **error);
bool emu_machine_has_numa_memory(EmuMachine *self);
EmuMemoryRegion *emu_machine_join_numa_memory(EmuMachine *self, const char *name, GError **error);

G_END_DECLS
