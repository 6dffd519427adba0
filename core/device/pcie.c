/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PCI Express Base Specification 3.0, chapter 7: the capability, extended capabilities, the enhanced access mechanism. */

#include "device/pci-private.h"

enum {
    PCI_CAP_EXPRESS = 0x10,
    PCIE_CAPABILITIES = 0x02, PCIE_DEVICE_CAP = 0x04, PCIE_DEVICE_CONTROL = 0x08, PCIE_DEVICE_STATUS = 0x0a, PCIE_LINK_CAP = 0x0c,
    PCIE_LINK_CONTROL = 0x10, PCIE_LINK_STATUS = 0x12, PCIE_ROOT_CONTROL = 0x1c, PCIE_ROOT_STATUS = 0x20, PCIE_LINK_CAP2 = 0x2c,
    PCIE_LINK_CONTROL2 = 0x30,

    PCIE_VERSION = 2,
    PCIE_DEVICE_CAP_ROLE_BASED_ERRORS = 1 << 15,
    PCIE_DEVICE_CONTROL_WMASK = 0x70ff, /* reporting, payload and request sizes: kept, without effect */
    PCIE_DEVICE_STATUS_W1C = 0x000f,
    PCIE_LINK_X1_2G5 = 1 << 4 | 1,
    PCIE_LINK_CONTROL_WMASK = 0x00c3,
    PCIE_ROOT_CONTROL_WMASK = 0x000f,
    PCIE_ROOT_STATUS_PME = 1 << 0, /* of the third byte */
    PCIE_LINK_SPEEDS_2G5 = 1 << 1,

    PCIE_EXTENDED = 0x100, PCIE_CONFIG_SIZE = 0x1000,
};

uint8_t
emu_pcie_init(EmuPciDevice *self, uint8_t offset, unsigned type, uint8_t port)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);
    uint8_t at = emu_pci_device_add_capability(self, PCI_CAP_EXPRESS, offset, PCIE_CAP_SIZE);
    uint8_t *config = p->config + at, *wmask = p->wmask + at, *w1cmask = p->w1cmask + at;

    if (!at) {
        return 0;
    }
    p->pcie_cap = at;
    pci_set_u16(config + PCIE_CAPABILITIES, (uint16_t)(PCIE_VERSION | type << 4));
    pci_set_u32(config + PCIE_DEVICE_CAP, PCIE_DEVICE_CAP_ROLE_BASED_ERRORS);
    pci_set_u16(wmask + PCIE_DEVICE_CONTROL, PCIE_DEVICE_CONTROL_WMASK);
    pci_set_u16(w1cmask + PCIE_DEVICE_STATUS, PCIE_DEVICE_STATUS_W1C);
    if (type != EMU_PCIE_TYPE_ROOT_COMPLEX_ENDPOINT) { /* which has no link */
        pci_set_u32(config + PCIE_LINK_CAP, PCIE_LINK_X1_2G5 | (uint32_t)port << 24);
        pci_set_u16(wmask + PCIE_LINK_CONTROL, PCIE_LINK_CONTROL_WMASK);
        pci_set_u16(config + PCIE_LINK_STATUS, PCIE_LINK_X1_2G5);
        pci_set_u32(config + PCIE_LINK_CAP2, PCIE_LINK_SPEEDS_2G5);
        pci_set_u16(config + PCIE_LINK_CONTROL2, 1);
    }
    if (type == EMU_PCIE_TYPE_ROOT_PORT) {
        pci_set_u16(wmask + PCIE_ROOT_CONTROL, PCIE_ROOT_CONTROL_WMASK);
        w1cmask[PCIE_ROOT_STATUS + 2] = PCIE_ROOT_STATUS_PME;
    }
    return at;
}

/* 7.9: the first one is at 0x100, each names the next. */
uint16_t
emu_pcie_add_capability(EmuPciDevice *self, uint16_t id, unsigned version, uint16_t size)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(self);
    unsigned at = PCIE_EXTENDED, last = 0;

    g_return_val_if_fail(p->config_size == PCIE_CONFIG_SIZE && size >= 4 && version < 16, 0);
    while (at && pci_get_u32(p->config + at)) {
        last = at;
        at = pci_get_u16(p->config + at + 2) >> 4;
    }
    if (last) {
        for (at = last; at < PCIE_CONFIG_SIZE && p->used[at]; at += 4) {
        }
    }
    if (at + size > PCIE_CONFIG_SIZE) {
        return 0;
    }
    for (unsigned i = 0; i < size; i++) {
        p->used[at + i] = 1;
    }
    pci_set_u32(p->config + at, id | version << 16);
    if (last) {
        pci_set_u16(p->config + last + 2, (uint16_t)((pci_get_u16(p->config + last + 2) & 0xf) | at << 4));
    }
    return (uint16_t)at;
}

/* 7.2.2: bus, device and function, then twelve bits of register. */
static EmuPciDevice *
pcie_config_target(EmuPciBus *root, uint32_t addr)
{
    return emu_pci_bus_find(root, (uint8_t)(addr >> 20), (uint8_t)(addr >> 12));
}

uint32_t
emu_pcie_config_load(EmuPciBus *root, uint32_t addr, unsigned size)
{
    return emu_pci_device_config_load(pcie_config_target(root, addr), addr & 0xfff, size);
}

void
emu_pcie_config_store(EmuPciBus *root, uint32_t addr, uint32_t value, unsigned size)
{
    emu_pci_device_config_store(pcie_config_target(root, addr), addr & 0xfff, value, size);
}
