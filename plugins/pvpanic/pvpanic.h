/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The register by which a guest says how it is: one byte, the same on ISA and PCI. */

#include <emu/device.h>

enum { PVPANIC_PANICKED = 1 << 0, PVPANIC_CRASH_LOADED = 1 << 1, PVPANIC_SHUTDOWN = 1 << 2 };
#define PVPANIC_ALL (PVPANIC_PANICKED | PVPANIC_CRASH_LOADED | PVPANIC_SHUTDOWN)

/* @events: those that the guest may report; it reads them. */
EmuMemoryRegion *pvpanic_new_region(gpointer owner, uint64_t size, const uint8_t *events);

extern const EmuTypeInfo pvpanic_isa_type_info;
extern const EmuTypeInfo pvpanic_pci_type_info;
