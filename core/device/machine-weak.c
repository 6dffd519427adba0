/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stands in for core/system until it is there: goes with the commit that brings EmuMachine. */

#include <emu/machine.h>

#define WEAK __attribute__((weak))
#define WEAK_GETTER(type, name) WEAK type name(EmuMachine *self) { return NULL; }

WEAK_GETTER(EmuObject *, emu_machine_get_root)
WEAK_GETTER(EmuAddressSpace *, emu_machine_get_memory_as)
WEAK_GETTER(EmuBus *, emu_machine_get_sysbus)
WEAK_GETTER(EmuContext *, emu_machine_get_context)
WEAK_GETTER(EmuMemoryRegion *, emu_machine_get_system_memory)
WEAK EmuClock *emu_machine_get_clock(EmuMachine *self, EmuClockType type) { return NULL; }
WEAK char *emu_machine_find_firmware(EmuMachine *self, const char *name) { return NULL; }
