/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Message signalled interrupts (PCI 3.0, 6.8): a message is a 4-byte memory write by the function. */

#include "device/pci-private.h"

#include <emu/log.h>
#include <string.h>

enum {
    MSI_CONTROL = 2, MSI_ADDRESS = 4, MSI_DATA = 12, MSI_SIZE = 14,
    MSI_CONTROL_ENABLE = 1 << 0, MSI_CONTROL_64BIT = 1 << 7,
    MSIX_CONTROL = 2, MSIX_TABLE = 4, MSIX_PBA = 8, MSIX_SIZE = 12,
    MSIX_CONTROL_MASK_ALL = 1 << 14, MSIX_CONTROL_ENABLE = 1 << 15,
    MSIX_ENTRY_SIZE = 16, MSIX_ENTRY_ADDRESS = 0, MSIX_ENTRY_DATA = 8, MSIX_ENTRY_CONTROL = 12, MSIX_ENTRY_MASKED = 1 << 0,
};

static void
pci_send_message(EmuPciDevice *self, uint64_t address, uint32_t data)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);

    if (p->dma_as) {
        emu_address_space_store(p->dma_as, address, data, 4, EMU_MEM_ATTRS_NONE, NULL);
    }
}

/* ---- MSI ------------------------------------------------------------------------------------------ */

/**
 * emu_pci_msi_init:
 * @offset: of the capability, 0: anywhere
 * @vectors: 1, 2, 4, 8, 16 or 32
 */
bool
emu_pci_msi_init(EmuPciDevice *self, uint8_t offset, unsigned vectors, GError **error)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);
    uint8_t cap;

    g_return_val_if_fail(vectors >= 1 && vectors <= 32 && !(vectors & (vectors - 1)), false);

    cap = emu_pci_device_add_capability(self, PCI_CAP_MSI, offset, MSI_SIZE);
    if (!cap) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "%s: no room for the MSI capability",
                    emu_device_get_label(EMU_DEVICE(self)));
        return false;
    }
    p->msi_cap = cap;
    p->msi_vectors = vectors;
    pci_set_u16(p->config + cap + MSI_CONTROL, (uint16_t)(MSI_CONTROL_64BIT | __builtin_ctz(vectors) << 1));
    pci_set_u16(p->wmask + cap + MSI_CONTROL, MSI_CONTROL_ENABLE | 7 << 4);
    pci_set_u32(p->wmask + cap + MSI_ADDRESS, 0xfffffffc);
    pci_set_u32(p->wmask + cap + MSI_ADDRESS + 4, 0xffffffff);
    pci_set_u16(p->wmask + cap + MSI_DATA, 0xffff);
    return true;
}

bool
emu_pci_msi_enabled(EmuPciDevice *self)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);

    return p->msi_cap && p->config[p->msi_cap + MSI_CONTROL] & MSI_CONTROL_ENABLE;
}

void
emu_pci_msi_notify(EmuPciDevice *self, unsigned vector)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);
    const uint8_t *cap = p->config + p->msi_cap;
    unsigned allocated;

    if (!emu_pci_msi_enabled(self) || vector >= p->msi_vectors) {
        return;
    }
    /* The guest may have granted fewer vectors than asked for: the high ones fall together. */
    allocated = 1u << MIN((unsigned)(cap[MSI_CONTROL] >> 4 & 7), 5u);
    allocated = MIN(allocated, p->msi_vectors);
    pci_send_message(self, pci_get_u32(cap + MSI_ADDRESS) | (uint64_t)pci_get_u32(cap + MSI_ADDRESS + 4) << 32,
                     (pci_get_u16(cap + MSI_DATA) & ~(allocated - 1)) | (vector & (allocated - 1)));
}

/* ---- MSI-X ---------------------------------------------------------------------------------------- */

static bool
msix_is_masked(EmuPciDevicePrivate *p, unsigned vector)
{
    uint16_t control = pci_get_u16(p->config + p->msix_cap + MSIX_CONTROL);

    return !(control & MSIX_CONTROL_ENABLE) || control & MSIX_CONTROL_MASK_ALL ||
           p->msix_table[vector * MSIX_ENTRY_SIZE + MSIX_ENTRY_CONTROL] & MSIX_ENTRY_MASKED;
}

static void
msix_send(EmuPciDevice *self, unsigned vector)
{
    const uint8_t *entry = emu_pci_device_priv(self)->msix_table + vector * MSIX_ENTRY_SIZE;

    pci_send_message(self, pci_get_u32(entry) | (uint64_t)pci_get_u32(entry + 4) << 32, pci_get_u32(entry + MSIX_ENTRY_DATA));
}

/* A message that came while its vector was masked goes out when the mask is taken off. */
static void
msix_send_pending(EmuPciDevice *self, unsigned vector)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);

    if (p->msix_pba[vector / 8] & 1 << vector % 8 && !msix_is_masked(p, vector)) {
        p->msix_pba[vector / 8] &= (uint8_t) ~(1 << vector % 8);
        msix_send(self, vector);
    }
}

void
emu_pci_msix_config_written(EmuPciDevice *self)
{
    for (unsigned i = 0; i < emu_pci_device_priv(self)->msix_vectors; i++) {
        msix_send_pending(self, i);
    }
}

static uint64_t
msix_table_read(gpointer opaque, uint64_t offset, unsigned size)
{
    const uint8_t *at = emu_pci_device_priv(opaque)->msix_table + offset;

    return size == 8 ? pci_get_u32(at) | (uint64_t)pci_get_u32(at + 4) << 32 : pci_get_u32(at);
}

static void
msix_table_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(opaque);

    pci_set_u32(p->msix_table + offset, (uint32_t)value);
    if (size == 8) {
        pci_set_u32(p->msix_table + offset + 4, (uint32_t)(value >> 32));
    }
    msix_send_pending(opaque, (unsigned)(offset / MSIX_ENTRY_SIZE));
}

static uint64_t
msix_pba_read(gpointer opaque, uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, emu_pci_device_priv(opaque)->msix_pba + offset, size);
    return GUINT64_FROM_LE(value);
}

/* Software may access both with aligned 4 and 8 byte accesses only (6.8.2). */
static const EmuMemoryRegionOps msix_table_ops = {.read = msix_table_read, .write = msix_table_write, .valid_min = 4, .valid_max = 8};
static const EmuMemoryRegionOps msix_pba_ops = {.read = msix_pba_read, .valid_min = 4, .valid_max = 8};

/**
 * emu_pci_msix_init:
 * @vectors: 1 to 2048
 * @bar: a memory BAR that is free: it holds the table in its lower half and the pending bits in the upper one
 * @offset: of the capability, 0: anywhere
 */
bool
emu_pci_msix_init(EmuPciDevice *self, unsigned vectors, unsigned bar, uint8_t offset, GError **error)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);
    uint64_t half = 2048;
    EmuMemoryRegion *container;
    uint8_t cap;

    g_return_val_if_fail(vectors >= 1 && vectors <= 2048 && bar < 6 && !p->msix_cap, false);

    cap = emu_pci_device_add_capability(self, PCI_CAP_MSIX, offset, MSIX_SIZE);
    if (!cap) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "%s: no room for the MSI-X capability",
                    emu_device_get_label(EMU_DEVICE(self)));
        return false;
    }
    while (half < vectors * MSIX_ENTRY_SIZE) {
        half *= 2;
    }
    p->msix_cap = cap;
    p->msix_vectors = vectors;
    p->msix_table_size = vectors * MSIX_ENTRY_SIZE;
    p->msix_pba_size = (vectors + 63) / 64 * 8;
    p->msix_table = g_malloc0(p->msix_table_size);
    p->msix_pba = g_malloc0(p->msix_pba_size);
    pci_set_u16(p->config + cap + MSIX_CONTROL, (uint16_t)(vectors - 1));
    pci_set_u16(p->wmask + cap + MSIX_CONTROL, MSIX_CONTROL_ENABLE | MSIX_CONTROL_MASK_ALL);
    pci_set_u32(p->config + cap + MSIX_TABLE, bar);
    pci_set_u32(p->config + cap + MSIX_PBA, (uint32_t)half | bar);
    emu_pci_msi_reset(self);

    container = emu_memory_region_new_container(self, "msix", 2 * half);
    emu_memory_region_add_subregion(container, 0,
                                    emu_memory_region_new_io(self, "msix-table", p->msix_table_size, &msix_table_ops, self), 0);
    emu_memory_region_add_subregion(container, half, emu_memory_region_new_io(self, "msix-pba", p->msix_pba_size, &msix_pba_ops, self), 0);
    emu_pci_device_register_bar(self, bar, EMU_PCI_BAR_MEM, container);
    return true;
}

bool
emu_pci_msix_enabled(EmuPciDevice *self)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);

    return p->msix_cap && pci_get_u16(p->config + p->msix_cap + MSIX_CONTROL) & MSIX_CONTROL_ENABLE;
}

void
emu_pci_msix_notify(EmuPciDevice *self, unsigned vector)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);

    if (!emu_pci_msix_enabled(self) || vector >= p->msix_vectors) {
        return;
    }
    if (msix_is_masked(p, vector)) {
        p->msix_pba[vector / 8] |= (uint8_t)(1 << vector % 8);
    } else {
        msix_send(self, vector);
    }
}

/* ---- reset ------------------------------------------------------------------------------------------ */

void
emu_pci_msi_reset(EmuPciDevice *self)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);

    for (unsigned i = MSI_CONTROL; p->msi_cap && i < MSI_SIZE; i++) {
        p->config[p->msi_cap + i] &= (uint8_t)~p->wmask[p->msi_cap + i];
    }
    if (p->msix_cap) {
        uint8_t *control = p->config + p->msix_cap + MSIX_CONTROL;

        pci_set_u16(control, pci_get_u16(control) & (uint16_t) ~(MSIX_CONTROL_ENABLE | MSIX_CONTROL_MASK_ALL));
        memset(p->msix_table, 0, p->msix_table_size);
        memset(p->msix_pba, 0, p->msix_pba_size);
        for (unsigned i = 0; i < p->msix_vectors; i++) {
            p->msix_table[i * MSIX_ENTRY_SIZE + MSIX_ENTRY_CONTROL] = MSIX_ENTRY_MASKED;
        }
    }
}
