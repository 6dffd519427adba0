/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * PCI inside core/device.
 *
 *   pci-bus.c      slots, configuration routing, wired-OR request lines
 *   pci-device.c   the device class: properties, header, option ROM, reset, saved state
 *   pci-config.c   configuration space: reads, writes, BAR mapping, capabilities
 *   pci-msi.c      MSI and MSI-X
 *   pcie.c         PCI Express: capabilities, extended configuration space
 *   pci-info.c     info pci
 */

#include "device/device-private.h"

#include <emu/pci.h>

/* PCI Local Bus Specification 3.0, chapter 6 */
enum {
    PCI_VENDOR_ID = 0x00, PCI_DEVICE_ID = 0x02, PCI_COMMAND = 0x04, PCI_STATUS = 0x06, PCI_REVISION = 0x08,
    PCI_PROG_IF = 0x09, PCI_CLASS = 0x0a, PCI_CACHE_LINE_SIZE = 0x0c, PCI_LATENCY_TIMER = 0x0d, PCI_HEADER_TYPE = 0x0e,
    PCI_BAR0 = 0x10, PCI_SUBSYSTEM_VENDOR_ID = 0x2c, PCI_SUBSYSTEM_ID = 0x2e, PCI_ROM_ADDRESS = 0x30,
    PCI_CAPABILITY_LIST = 0x34, PCI_INTERRUPT_LINE = 0x3c, PCI_INTERRUPT_PIN = 0x3d, PCI_HEADER_SIZE = 0x40,
    PCI_PRIMARY_BUS = 0x18, PCI_BRIDGE_ROM_ADDRESS = 0x38,

    PCI_COMMAND_IO = 1 << 0, PCI_COMMAND_MEMORY = 1 << 1, PCI_COMMAND_MASTER = 1 << 2, PCI_COMMAND_SERR = 1 << 8,
    PCI_COMMAND_INTX_DISABLE = 1 << 10,
    PCI_STATUS_INTERRUPT = 1 << 3, PCI_STATUS_CAP_LIST = 1 << 4,
    PCI_HEADER_MULTIFUNCTION = 0x80,
    PCI_CAP_MSI = 0x05, PCI_CAP_MSIX = 0x11,
};

#define PCI_ROM_BAR 6
#define PCI_ROM_MIN_SIZE 2048
#define PCI_CLASS_VGA 0x0300
#define PCI_UNMAPPED UINT64_MAX
#define PCIE_CAP_SIZE 0x3cu

typedef struct {
    EmuMemoryRegion *region; /* owned */
    uint32_t flags;
    uint64_t size;
    uint64_t addr; /* where it is mapped, or PCI_UNMAPPED */
} PciBar;

typedef struct {
    /* properties */
    int devfn; /* -1: the bus chooses */
    bool multifunction;
    char *romfile;
    uint32_t rombar;
    uint32_t romsize; /* UINT32_MAX: as large as the file needs */

    uint32_t config_size;
    uint8_t *config, *wmask, *w1cmask;
    uint8_t *used;   /* capabilities */
    uint8_t *saved;  /* config as saved or being loaded: checked before it counts */
    PciBar bars[7];
    uint8_t irq_level; /* what the device drives */
    bool irq_counted;  /* and what the bus has counted */
    EmuMemoryRegion *master_gate, *master_alias;
    EmuAddressSpace *dma_as;

    uint8_t pcie_cap;
    uint8_t msi_cap;
    unsigned msi_vectors;
    uint8_t msix_cap;
    uint32_t msix_vectors, msix_table_size, msix_pba_size;
    uint8_t *msix_table, *msix_pba;
} EmuPciDevicePrivate;

EmuPciDevicePrivate *emu_pci_device_priv(EmuPciDevice *self);

static inline uint16_t
pci_get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t
pci_get_u32(const uint8_t *p)
{
    return pci_get_u16(p) | (uint32_t)pci_get_u16(p + 2) << 16;
}

static inline void
pci_set_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void
pci_set_u32(uint8_t *p, uint32_t v)
{
    pci_set_u16(p, (uint16_t)v);
    pci_set_u16(p + 2, (uint16_t)(v >> 16));
}

/* pci-bus.c */
EmuPciDevice *emu_pci_bus_get_bridge(EmuPciBus *self); /* NULL: a root bus */
EmuPciDevice *emu_pci_bus_get_device(EmuPciBus *self, unsigned devfn);
/* The bridge's bus numbers have changed: so have the names of the requesters behind. */
void emu_pci_bridge_renumbered(EmuPciDevice *bridge);
uint32_t emu_pci_device_config_load(EmuPciDevice *dev, uint32_t reg, unsigned size);
void emu_pci_device_config_store(EmuPciDevice *dev, uint32_t reg, uint32_t value, unsigned size);
void emu_pci_bus_count_irq(EmuPciBus *self, EmuPciDevice *dev, int change, bool drive);

/* pci-device.c */
void emu_pci_device_reset(EmuPciDevice *self);
/* Takes the device out of the machine's memory; frees nothing. */
void emu_pci_device_unmap(EmuPciDevice *self);
bool emu_pci_device_attach(EmuPciDevice *self, GError **error);
void emu_pci_device_detach(EmuPciDevice *self);

void emu_pci_device_update_master(EmuPciDevice *self);
void emu_pci_device_update_requester(EmuPciDevice *self);

/* pci-config.c */
unsigned emu_pci_bar_offset(EmuPciDevice *self, unsigned bar);
void emu_pci_device_update_mappings(EmuPciDevice *self);
void emu_pci_device_update_irq(EmuPciDevice *self, bool drive);

/* pci-msi.c */
void emu_pci_msi_reset(EmuPciDevice *self);
void emu_pci_msix_config_written(EmuPciDevice *self);
