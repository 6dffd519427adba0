/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* New code under a running guest. */

#include <emu/machine.h>

G_BEGIN_DECLS

typedef struct {
    unsigned devices;            /* made again from the new code */
    uint64_t pause_us, total_us; /* for how long the guest stood still; for the whole */
    EMU_RESERVED_SLOTS(4);
} EmuReloadResult;

/*
 * The file of plugin @name was replaced: its devices go over to the new code with their state, properties, slots and wires,
 * and the guest goes on. Refused, with the reason and the old code at work as before, when the file is no good, when the new code does
 * not take the saved state or a property, and when objects are alive that cannot be made again (CPUs, the machine itself, parts of a board
 * that wants to keep them: EmuMachineClass.can_replace). Main thread, big lock held.
 */
EMU_AVAILABLE_IN_1_0 bool emu_machine_reload_plugin(EmuMachine *self, const char *name, EmuReloadResult *out, GError **error);

G_END_DECLS
