/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/pci.h>

enum {
    BRIDGE_WINDOW_IO,
    BRIDGE_WINDOW_IO_ISA,
    BRIDGE_WINDOW_MEMORY,
    BRIDGE_WINDOW_PREFETCH,
    BRIDGE_WINDOW_VGA_MEMORY,
    BRIDGE_WINDOW_VGA_IO_LOW,
    BRIDGE_WINDOW_VGA_IO_HIGH,
    BRIDGE_N_WINDOWS
};

/* What every bridge begins with; its type's class functions, for those of derived types to call. */
typedef struct {
    EmuPciDevice parent;

    EmuPciBus *bus;
    EmuMemoryRegion *memory, *io, *isa_io;
    EmuMemoryRegion *windows[BRIDGE_N_WINDOWS];
} PciBridge;

bool pci_bridge_realize(EmuPciDevice *dev, GError **error);
void pci_bridge_unrealize(EmuPciDevice *dev);
void pci_bridge_write_config(EmuPciDevice *dev, uint32_t addr, uint32_t value, unsigned size);
void pci_bridge_reset_enter(EmuDevice *device);
bool pci_bridge_post_load(gpointer opaque, unsigned version, GError **error);

extern const EmuTypeInfo pci_bridge_base_type_info;
extern const EmuTypeInfo pci_bridge_type_info;
extern const EmuTypeInfo pcie_root_port_type_info;
