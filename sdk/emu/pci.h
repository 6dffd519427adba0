/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* PCI: configuration space, BARs, INTx, MSI and MSI-X (PCI Local Bus Specification 3.0). */

#include <emu/device.h>

G_BEGIN_DECLS

#define EMU_TYPE_PCI_BUS (emu_pci_bus_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE(EmuPciBus, emu_pci_bus, EMU, PCI_BUS, EmuBus)
struct _EmuPciBusClass {
    EmuBusClass parent_class;
    EMU_RESERVED_SLOTS(8);
};

#define EMU_TYPE_PCI_DEVICE (emu_pci_device_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE(EmuPciDevice, emu_pci_device, EMU, PCI_DEVICE, EmuDevice)

struct _EmuPciDeviceClass {
    EmuDeviceClass parent_class;
    /* Runs after the configuration header is set up from the fields below and the slot is assigned. */
    bool (*realize)(EmuPciDevice *self, GError **error);
    void (*unrealize)(EmuPciDevice *self);
    /* Optional: called instead of the default; chain to emu_pci_device_default_read/write_config. */
    uint32_t (*read_config)(EmuPciDevice *self, uint32_t addr, unsigned size);
    void (*write_config)(EmuPciDevice *self, uint32_t addr, uint32_t value, unsigned size);
    uint16_t vendor_id, device_id;
    uint16_t subsystem_vendor_id, subsystem_id; /* 0: 1af4:1100 */
    uint16_t class_id; /* 0x0101 = IDE */
    uint8_t prog_if;
    uint8_t revision;
    bool is_bridge;
    bool is_express;
    bool multifunction; /* function 0 announces others */
    const char *romfile; /* default option ROM by name */
    EMU_RESERVED_SLOTS(12);
};
/* Properties of every PCI device: addr ("04.0", "4"), multifunction, romfile, rombar. */

#define EMU_PCI_BAR_IO 1u
#define EMU_PCI_BAR_MEM 0u
#define EMU_PCI_BAR_MEM64 4u
#define EMU_PCI_BAR_PREFETCH 8u

/* The 256 (4096 for express) configuration bytes, the mask of bits that the guest may write, and
 * the mask of write-one-to-clear bits; little-endian, same length; set up in realize. */
EMU_AVAILABLE_IN_1_0 uint8_t *emu_pci_device_get_config(EmuPciDevice *self);
EMU_AVAILABLE_IN_1_0 uint8_t *emu_pci_device_get_wmask(EmuPciDevice *self);
EMU_AVAILABLE_IN_1_0 uint8_t *emu_pci_device_get_w1cmask(EmuPciDevice *self);
EMU_AVAILABLE_IN_1_0 uint32_t emu_pci_device_default_read_config(EmuPciDevice *self, uint32_t addr, unsigned size);
EMU_AVAILABLE_IN_1_0 void emu_pci_device_default_write_config(EmuPciDevice *self, uint32_t addr, uint32_t value, unsigned size);
/* Size must be a power of two; the region is mapped whenever the guest enables and places it. */
EMU_AVAILABLE_IN_1_0 void emu_pci_device_register_bar(EmuPciDevice *self, unsigned bar, uint32_t flags, EmuMemoryRegion *region);
EMU_AVAILABLE_IN_1_0 uint64_t emu_pci_device_get_bar_address(EmuPciDevice *self, unsigned bar); /* UINT64_MAX: unmapped */
/* Reserves a capability in config space; returns its offset, 0 when there is no room. */
EMU_AVAILABLE_IN_1_0 uint8_t emu_pci_device_add_capability(EmuPciDevice *self, uint8_t id, uint8_t offset, uint8_t size);
/* INTx of this function: set PCI_INTERRUPT_PIN (config[0x3d]) in realize, then drive. */
EMU_AVAILABLE_IN_1_0 void emu_pci_device_set_irq(EmuPciDevice *self, int level);
EMU_AVAILABLE_IN_1_0 uint8_t emu_pci_device_get_devfn(EmuPciDevice *self);
EMU_AVAILABLE_IN_1_0 EmuPciBus *emu_pci_device_get_bus(EmuPciDevice *self);
/* Who the function is in memory requests: bus number and devfn, or the conventional bridge's that it is behind. */
EMU_AVAILABLE_IN_1_0 uint16_t emu_pci_device_get_requester_id(EmuPciDevice *self);
/* PCI Express (classes with is_express), in realize. The capability as revision 3.0 has it: port types of its table 7-12; @port is the
 * link's number. Returns its offset, 0 when there is no room. */
#define EMU_PCIE_TYPE_ENDPOINT 0x0
#define EMU_PCIE_TYPE_ROOT_PORT 0x4
#define EMU_PCIE_TYPE_ROOT_COMPLEX_ENDPOINT 0x9
/* the PCI Express capability at @offset (0: where there is room); where it is, 0: no room. In realize. */
EMU_AVAILABLE_IN_1_0 uint8_t emu_pcie_init(EmuPciDevice *self, uint8_t offset, unsigned type, uint8_t port);
/* Reserves an extended capability, from 0x100 on; its offset, 0 when there is no room. */
EMU_AVAILABLE_IN_1_0 uint16_t emu_pcie_add_capability(EmuPciDevice *self, uint16_t id, unsigned version, uint16_t size);
/* Bus mastering address space: honours the command register's bus master bit. */
EMU_AVAILABLE_IN_1_0 EmuAddressSpace *emu_pci_device_get_dma_as(EmuPciDevice *self);
/* MSI / MSI-X (init adds the capability; notify sends when enabled). */
EMU_AVAILABLE_IN_1_0 bool emu_pci_msi_init(EmuPciDevice *self, uint8_t offset, unsigned vectors, GError **error);
EMU_AVAILABLE_IN_1_0 bool emu_pci_msi_enabled(EmuPciDevice *self);
EMU_AVAILABLE_IN_1_0 void emu_pci_msi_notify(EmuPciDevice *self, unsigned vector);
EMU_AVAILABLE_IN_1_0 bool emu_pci_msix_init(EmuPciDevice *self, unsigned vectors, unsigned bar, uint8_t offset, GError **error);
EMU_AVAILABLE_IN_1_0 bool emu_pci_msix_enabled(EmuPciDevice *self);
EMU_AVAILABLE_IN_1_0 void emu_pci_msix_notify(EmuPciDevice *self, unsigned vector);
/* Saved state of the PCI part: put EMU_VM_PCI_DEVICE first in the device's table. */
EMU_AVAILABLE_IN_1_0 const EmuVMState emu_vmstate_pci_device;
#define EMU_VM_PCI_DEVICE(S, parent) {.name = "pci", .kind = EMU_VM_KIND_STRUCT, .offset = offsetof(S, parent), .size = 0, .num = 1, .sub = &emu_vmstate_pci_device}

/* ---- bus side -------------------------------------------------------------------------------- */

typedef int (*EmuPciMapIrqFunc)(EmuPciDevice *dev, int pin);                 /* pin 0..3 -> bus irq number */
typedef void (*EmuPciSetIrqFunc)(gpointer opaque, int irq, int level);        /* level: wired OR already done */
EMU_AVAILABLE_IN_1_0 EmuPciBus *emu_pci_root_bus_new(EmuDevice *host_bridge, const char *name, EmuMemoryRegion *memory, EmuMemoryRegion *io, uint8_t devfn_min);
/* The root complex's: a bus of type "PCIE", which is a "PCI". */
EMU_AVAILABLE_IN_1_0 EmuPciBus *emu_pcie_root_bus_new(EmuDevice *host_bridge, const char *name, EmuMemoryRegion *memory, EmuMemoryRegion *io, uint8_t devfn_min);
EMU_AVAILABLE_IN_1_0 bool emu_pci_bus_is_express(EmuPciBus *self);
/* The bus behind @bridge (a class with is_bridge), in its realize; cycles reach it by the bus numbers in the bridge's header, requests
 * go up with their pins turned. (transfer none): the bridge's */
EMU_AVAILABLE_IN_1_0 EmuPciBus *emu_pci_bridge_bus_new(EmuPciDevice *bridge, const char *name, EmuMemoryRegion *memory, EmuMemoryRegion *io);
EMU_AVAILABLE_IN_1_0 void emu_pci_bus_set_irqs(EmuPciBus *self, EmuPciMapIrqFunc map, EmuPciSetIrqFunc set, gpointer opaque, unsigned n_irqs);
/* @map answers differently from now on: what drives the old lines drives the new ones. */
EMU_AVAILABLE_IN_1_0 void emu_pci_bus_reroute_irqs(EmuPciBus *self);
EMU_AVAILABLE_IN_1_0 uint8_t emu_pci_bus_get_number(EmuPciBus *self);
EMU_AVAILABLE_IN_1_0 EmuPciDevice *emu_pci_bus_find(EmuPciBus *root, uint8_t bus, uint8_t devfn);
EMU_AVAILABLE_IN_1_0 int emu_pci_bus_get_irq_level(EmuPciBus *self, int irq);
/* Configuration access by bus/device/function/register (mechanism 1's address word without the enable bit). */
EMU_AVAILABLE_IN_1_0 uint32_t emu_pci_config_load(EmuPciBus *root, uint32_t addr, unsigned size);
EMU_AVAILABLE_IN_1_0 void emu_pci_config_store(EmuPciBus *root, uint32_t addr, uint32_t value, unsigned size);
/* The same in PCI Express' layout of 4 KiB per function: bus number from bit 20 on (enhanced configuration access mechanism). */
EMU_AVAILABLE_IN_1_0 uint32_t emu_pcie_config_load(EmuPciBus *root, uint32_t addr, unsigned size);
EMU_AVAILABLE_IN_1_0 void emu_pcie_config_store(EmuPciBus *root, uint32_t addr, uint32_t value, unsigned size);
/* What the bus masters of a root bus reach instead of the machine's memory; NULL: no such thing. */
EMU_AVAILABLE_IN_1_0 void emu_pci_bus_set_iommu(EmuPciBus *self, EmuMemoryRegion *iommu);
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_pci_bus_get_iommu(EmuPciBus *self);
EMU_AVAILABLE_IN_1_0 EmuPciBus *emu_pci_find_root(EmuMachine *machine);
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_pci_bus_get_memory(EmuPciBus *self);
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_pci_bus_get_io(EmuPciBus *self);

G_END_DECLS
