/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Configuration space of a PCI function: masks, BARs, capabilities, INTx. */

#include "device/pci-private.h"

#include <emu/log.h>

uint32_t
emu_pci_device_default_read_config(EmuPciDevice *self, uint32_t addr, unsigned size)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);
    uint32_t value = 0;

    for (unsigned i = 0; i < size && i < 4; i++) {
        value |= (uint32_t)(addr + i < p->config_size ? p->config[addr + i] : 0xff) << 8 * i;
    }
    return value;
}

static bool
written(uint32_t addr, unsigned size, unsigned first, unsigned n)
{
    return addr < first + n && first < addr + size;
}

void
emu_pci_device_default_write_config(EmuPciDevice *self, uint32_t addr, uint32_t value, unsigned size)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);
    unsigned rom = EMU_PCI_DEVICE_GET_CLASS(self)->is_bridge ? PCI_BRIDGE_ROM_ADDRESS : PCI_ROM_ADDRESS;

    size = MIN(size, 4u);
    for (unsigned i = 0; i < size && addr + i < p->config_size; i++) {
        uint8_t byte = (uint8_t)(value >> 8 * i), mask = p->wmask[addr + i];

        p->config[addr + i] = (uint8_t)((p->config[addr + i] & ~mask) | (byte & mask));
        p->config[addr + i] &= (uint8_t) ~(byte & p->w1cmask[addr + i]);
    }
    if (written(addr, size, PCI_COMMAND, 2) || written(addr, size, PCI_BAR0, 24) || written(addr, size, rom, 4)) {
        emu_pci_device_update_mappings(self);
    }
    if (written(addr, size, PCI_COMMAND, 2) || (p->msi_cap && written(addr, size, p->msi_cap + 2u, 2)) ||
        (p->msix_cap && written(addr, size, p->msix_cap + 2u, 2))) {
        emu_pci_device_update_irq(self, true);
    }
    if (EMU_PCI_DEVICE_GET_CLASS(self)->is_bridge && written(addr, size, PCI_PRIMARY_BUS, 4)) {
        emu_pci_bridge_renumbered(self);
    }
    if (p->msix_cap && written(addr, size, p->msix_cap + 2u, 2)) {
        emu_pci_msix_config_written(self);
    }
}

/* ---- BARs -------------------------------------------------------------------------------------------- */

unsigned
emu_pci_bar_offset(EmuPciDevice *self, unsigned bar)
{
    if (bar != PCI_ROM_BAR) {
        return PCI_BAR0 + 4 * bar;
    }
    return EMU_PCI_DEVICE_GET_CLASS(self)->is_bridge ? PCI_BRIDGE_ROM_ADDRESS : PCI_ROM_ADDRESS;
}

/**
 * emu_pci_device_register_bar:
 * @bar: 0..5, or 6 for the option ROM
 * @flags: EMU_PCI_BAR_...
 * @region: its size must be a power of two, at least 4 (I/O) or 16 (memory)
 *
 * In realize. The region stays the caller's too; it is unmapped when the device goes.
 */
void
emu_pci_device_register_bar(EmuPciDevice *self, unsigned bar, uint32_t flags, EmuMemoryRegion *region)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);
    uint64_t size = emu_memory_region_get_size(region), mask = ~(size - 1);
    unsigned at = emu_pci_bar_offset(self, bar);

    g_return_if_fail(bar <= PCI_ROM_BAR && !p->bars[bar].region);
    g_return_if_fail(size >= 4 && (size & (size - 1)) == 0);

    p->bars[bar] = (PciBar){g_object_ref(region), flags, size, PCI_UNMAPPED};
    pci_set_u32(p->config + at, bar == PCI_ROM_BAR ? 0 : flags);
    if (bar == PCI_ROM_BAR) {
        mask |= 1; /* the enable bit */
    }
    pci_set_u32(p->wmask + at, (uint32_t)mask);
    if (flags & EMU_PCI_BAR_MEM64 && !(flags & EMU_PCI_BAR_IO)) {
        g_return_if_fail(bar < 5);
        pci_set_u32(p->wmask + at + 4, (uint32_t)(mask >> 32));
    }
}

static uint64_t
pci_bar_place(EmuPciDevice *self, unsigned bar)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);
    const PciBar *b = &p->bars[bar];
    const uint8_t *reg = p->config + emu_pci_bar_offset(self, bar);
    uint16_t command = pci_get_u16(p->config + PCI_COMMAND);
    uint64_t addr = pci_get_u32(reg), last, limit = UINT32_MAX;

    if (b->flags & EMU_PCI_BAR_IO) {
        if (!(command & PCI_COMMAND_IO)) {
            return PCI_UNMAPPED;
        }
        limit = UINT16_MAX + 1;
    } else {
        if (!(command & PCI_COMMAND_MEMORY) || (bar == PCI_ROM_BAR && !(addr & 1))) {
            return PCI_UNMAPPED;
        }
        if (b->flags & EMU_PCI_BAR_MEM64) {
            addr |= (uint64_t)pci_get_u32(reg + 4) << 32;
            limit = addr >> 32 ? UINT64_MAX : limit;
        }
    }
    addr &= ~(b->size - 1);
    last = addr + b->size - 1;
    /* Not placed yet, or in the middle of sizing: all ones. */
    return addr == 0 || last < addr || last >= limit ? PCI_UNMAPPED : addr;
}

void
emu_pci_device_update_mappings(EmuPciDevice *self)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);
    EmuPciBus *bus = emu_pci_device_get_bus(self);

    emu_memory_transaction_begin();
    for (unsigned i = 0; bus && i < G_N_ELEMENTS(p->bars); i++) {
        PciBar *b = &p->bars[i];
        uint64_t addr = b->region ? pci_bar_place(self, i) : PCI_UNMAPPED;
        EmuMemoryRegion *space = b->flags & EMU_PCI_BAR_IO ? emu_pci_bus_get_io(bus) : emu_pci_bus_get_memory(bus);

        if (!b->region || addr == b->addr) {
            continue;
        }
        if (b->addr != PCI_UNMAPPED) {
            emu_memory_region_del_subregion(space, b->region);
        }
        b->addr = addr;
        if (addr != PCI_UNMAPPED) {
            emu_memory_region_add_subregion(space, addr, b->region, 1);
        }
    }
    if (p->master_alias) {
        emu_memory_region_set_enabled(p->master_alias, p->config[PCI_COMMAND] & PCI_COMMAND_MASTER);
    }
    emu_memory_transaction_commit();
}

void
emu_pci_device_unmap(EmuPciDevice *self)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);

    if (!p->config) {
        return;
    }
    pci_set_u16(p->config + PCI_COMMAND, 0);
    emu_pci_device_update_mappings(self);
    p->irq_level = 0;
    emu_pci_device_update_irq(self, true);
}

uint64_t
emu_pci_device_get_bar_address(EmuPciDevice *self, unsigned bar)
{
    g_return_val_if_fail(bar <= PCI_ROM_BAR, PCI_UNMAPPED);
    return emu_pci_device_priv(self)->bars[bar].region ? emu_pci_device_priv(self)->bars[bar].addr : PCI_UNMAPPED;
}

/* ---- INTx -------------------------------------------------------------------------------------------- */

void
emu_pci_device_update_irq(EmuPciDevice *self, bool drive)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);
    EmuPciBus *bus = emu_pci_device_get_bus(self);
    /* A function that sends messages leaves its pin alone (PCI 3.0, 6.8.2.1, 6.8.2.3). */
    bool level = p->irq_level && !(pci_get_u16(p->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE) && p->config[PCI_INTERRUPT_PIN] &&
                 !emu_pci_msi_enabled(self) && !emu_pci_msix_enabled(self);

    if (p->irq_level) {
        p->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
    } else {
        p->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTERRUPT;
    }
    if (bus && level != p->irq_counted) {
        p->irq_counted = level;
        emu_pci_bus_count_irq(bus, self, level ? 1 : -1, drive);
    }
}

/* Big lock held. The pin is config[0x3d]; without one nothing happens. */
void
emu_pci_device_set_irq(EmuPciDevice *self, int level)
{
    emu_pci_device_priv(self)->irq_level = level != 0;
    emu_pci_device_update_irq(self, true);
}

/* ---- capabilities -------------------------------------------------------------------------------------- */

/**
 * emu_pci_device_add_capability:
 * @offset: where, 0: anywhere
 * @size: with the two bytes of the header
 *
 * Returns: the offset, 0 when there is no room. The new one is the first of the list; its bytes behind the
 *   header are zero and read-only until the caller says otherwise.
 */
uint8_t
emu_pci_device_add_capability(EmuPciDevice *self, uint8_t id, uint8_t offset, uint8_t size)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);
    unsigned at = offset ? offset : PCI_HEADER_SIZE, i;

    for (;; at += 4) {
        if (at < PCI_HEADER_SIZE || at + size > 256) {
            return 0;
        }
        for (i = 0; i < size && !p->used[at + i]; i++) {
        }
        if (i == size) {
            break;
        }
        if (offset) {
            return 0;
        }
    }
    for (i = 0; i < size; i++) {
        p->used[at + i] = 1;
        p->config[at + i] = p->wmask[at + i] = p->w1cmask[at + i] = 0;
    }
    p->config[at] = id;
    p->config[at + 1] = p->config[PCI_CAPABILITY_LIST];
    p->config[PCI_CAPABILITY_LIST] = (uint8_t)at;
    p->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    return (uint8_t)at;
}
