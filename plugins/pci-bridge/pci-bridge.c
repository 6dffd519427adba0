/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * PCI-to-PCI bridge (PCI-to-PCI Bridge Architecture Specification, revision 1.2).
 *
 * The bus behind has address spaces of its own; three aliases, as wide as the windows in the bridge's header say, show them on
 * the bus in front. VGA Enable opens the legacy ranges. What devices behind the bridge master passes when the bridge may master too;
 * interrupts pass always, their pins turned by the slot.
 *
 * "base-pci-bridge" is that, "pci-bridge" a conventional one.
 */

#include "pci-bridge.h"

#include <string.h>

#define BRIDGE_COMMAND 0x04
#define BRIDGE_IO_BASE 0x1c
#define BRIDGE_IO_LIMIT 0x1d
#define BRIDGE_SECONDARY_STATUS 0x1e
#define BRIDGE_MEMORY_BASE 0x20
#define BRIDGE_MEMORY_LIMIT 0x22
#define BRIDGE_PREFETCH_BASE 0x24
#define BRIDGE_PREFETCH_LIMIT 0x26
#define BRIDGE_PREFETCH_BASE_HIGH 0x28
#define BRIDGE_PREFETCH_LIMIT_HIGH 0x2c
#define BRIDGE_IO_BASE_HIGH 0x30
#define BRIDGE_IO_LIMIT_HIGH 0x32
#define BRIDGE_CONTROL 0x3e
#define BRIDGE_CONTROL_ISA 0x0004
#define BRIDGE_CONTROL_VGA 0x0008
#define BRIDGE_CONTROL_RESET 0x0040
#define BRIDGE_CONTROL_WMASK 0x0bff /* all but the discard timers' status, which stays clear */
#define BRIDGE_CONTROL_EXPRESS_WMASK 0x005f /* no master aborts, fast back-to-back, discard timers (PCI Express 3.0, 7.5.3.6) */

/* With ISA Enable the first of every four blocks is forwarded. */
#define BRIDGE_ISA_BLOCK 0x100
#define BRIDGE_ISA_STRIDE 0x400
#define BRIDGE_IO_SIZE 0x10000

#define BRIDGE_COMMAND_IO 0x01
#define BRIDGE_COMMAND_MEMORY 0x02

#define SLOT_CAP_ID 0x04 /* slot numbering */

/*
 * QEMU's hint to firmware (docs/pcie_pci_bridge.txt there), vendor-specific: what windows to leave open for devices that are still to
 * come. Numbers of buses, bytes of I/O (64 bits), of memory, of prefetchable memory below 4 GiB and above (64 bits); ones: no hint.
 */
#define RESERVE_CAP_ID 0x09
#define RESERVE_CAP_SIZE 32
#define RESERVE_CAP_TYPE 1
#define RESERVE_IO 8
#define RESERVE_MEMORY 16

typedef struct {
    PciBridge parent;

    uint8_t chassis_nr;
    uint32_t io_reserve, mem_reserve; /* 0: no hint */
    bool shpc; /* accepted: there is no standard hot-plug controller */
} ConventionalBridge;

static uint16_t
bridge_get_u16(PciBridge *self, unsigned at)
{
    const uint8_t *config = emu_pci_device_get_config((EmuPciDevice *)self) + at;

    return (uint16_t)(config[0] | config[1] << 8);
}

static uint32_t
bridge_get_u32(PciBridge *self, unsigned at)
{
    return bridge_get_u16(self, at) | (uint32_t)bridge_get_u16(self, at + 2) << 16;
}

static void
bridge_set_window(PciBridge *self, unsigned n, bool on, uint64_t base, uint64_t last)
{
    EmuMemoryRegion *window = self->windows[n];

    if (!on || last < base) {
        emu_memory_region_set_enabled(window, false);
        return;
    }
    emu_memory_region_set_alias_offset(window, base);
    emu_memory_region_set_address(window, base);
    emu_memory_region_set_size(window, last - base + 1);
    emu_memory_region_set_enabled(window, true);
}

/* Chapter 3.2.5: I/O in units of 4 KiB, memory in units of 1 MiB; a limit below its base closes the window. */
static void
bridge_update_windows(PciBridge *self)
{
    const uint8_t *config = emu_pci_device_get_config((EmuPciDevice *)self);
    uint16_t command = bridge_get_u16(self, BRIDGE_COMMAND);
    bool io = command & BRIDGE_COMMAND_IO, memory = command & BRIDGE_COMMAND_MEMORY;
    uint16_t control = bridge_get_u16(self, BRIDGE_CONTROL);
    bool vga = control & BRIDGE_CONTROL_VGA, isa = control & BRIDGE_CONTROL_ISA;
    uint64_t io_base = (uint64_t)(config[BRIDGE_IO_BASE] & 0xf0) << 8, io_last = (uint64_t)(config[BRIDGE_IO_LIMIT] & 0xf0) << 8 | 0xfff;
    uint64_t base = (uint64_t)(bridge_get_u16(self, BRIDGE_MEMORY_BASE) & 0xfff0) << 16;
    uint64_t last = (uint64_t)(bridge_get_u16(self, BRIDGE_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff;
    uint64_t prefetch_base = (uint64_t)bridge_get_u32(self, BRIDGE_PREFETCH_BASE_HIGH) << 32 |
                             (uint64_t)(bridge_get_u16(self, BRIDGE_PREFETCH_BASE) & 0xfff0) << 16;
    uint64_t prefetch_last = (uint64_t)bridge_get_u32(self, BRIDGE_PREFETCH_LIMIT_HIGH) << 32 |
                             (uint64_t)(bridge_get_u16(self, BRIDGE_PREFETCH_LIMIT) & 0xfff0) << 16 | 0xfffff;

    emu_memory_transaction_begin();
    bridge_set_window(self, BRIDGE_WINDOW_IO, io && !isa, io_base, io_last);
    bridge_set_window(self, BRIDGE_WINDOW_IO_ISA, io && isa, io_base, io_last);
    bridge_set_window(self, BRIDGE_WINDOW_MEMORY, memory, base, last);
    bridge_set_window(self, BRIDGE_WINDOW_PREFETCH, memory, prefetch_base, MIN(prefetch_last, UINT64_MAX - 1));
    bridge_set_window(self, BRIDGE_WINDOW_VGA_MEMORY, memory && vga, 0xa0000, 0xbffff);
    bridge_set_window(self, BRIDGE_WINDOW_VGA_IO_LOW, io && vga, 0x3b0, 0x3bb);
    bridge_set_window(self, BRIDGE_WINDOW_VGA_IO_HIGH, io && vga, 0x3c0, 0x3df);
    emu_memory_transaction_commit();
}

void
pci_bridge_write_config(EmuPciDevice *dev, uint32_t addr, uint32_t value, unsigned size)
{
    PciBridge *self = (PciBridge *)dev;
    uint16_t before = bridge_get_u16(self, BRIDGE_CONTROL);

    emu_pci_device_default_write_config(dev, addr, value, size);
    if (bridge_get_u16(self, BRIDGE_CONTROL) & ~before & BRIDGE_CONTROL_RESET) {
        GPtrArray *devices = emu_bus_get_devices(EMU_BUS(self->bus));

        for (guint i = 0; i < devices->len; i++) {
            emu_device_reset(devices->pdata[i]);
        }
    }
    bridge_update_windows(self);
}

/* ---- life ------------------------------------------------------------------------------------------ */

static void
bridge_make_windows(PciBridge *self)
{
    EmuPciBus *front = emu_pci_device_get_bus((EmuPciDevice *)self);
    static const char *const names[] = {"io-window", "isa-io-window", "memory-window", "prefetch-window", "vga-memory", "vga-io-low", "vga-io-high"};

    for (unsigned i = 0; i < BRIDGE_N_WINDOWS; i++) {
        bool io = i == BRIDGE_WINDOW_IO || i == BRIDGE_WINDOW_IO_ISA || i >= BRIDGE_WINDOW_VGA_IO_LOW;
        EmuMemoryRegion *space = io ? emu_pci_bus_get_io(front) : emu_pci_bus_get_memory(front);

        self->windows[i] = emu_memory_region_new_alias(self, names[i], i == BRIDGE_WINDOW_IO_ISA ? self->isa_io : io ? self->io : self->memory, 0, 1);
        emu_memory_region_set_enabled(self->windows[i], false);
        emu_memory_region_add_subregion(space, 0, self->windows[i], 1);
    }
}

bool
pci_bridge_realize(EmuPciDevice *dev, GError **error G_GNUC_UNUSED)
{
    PciBridge *self = (PciBridge *)dev;
    uint8_t *config = emu_pci_device_get_config(dev), *wmask = emu_pci_device_get_wmask(dev);
    const char *id = emu_device_get_id((EmuDevice *)dev);
    uint16_t control = EMU_PCI_DEVICE_GET_CLASS(dev)->is_express ? BRIDGE_CONTROL_EXPRESS_WMASK : BRIDGE_CONTROL_WMASK;

    self->memory = emu_memory_region_new_container(self, "pci-bridge-memory", UINT64_MAX);
    self->io = emu_memory_region_new_container(self, "pci-bridge-io", BRIDGE_IO_SIZE);
    self->isa_io = emu_memory_region_new_container(self, "pci-bridge-isa-io", BRIDGE_IO_SIZE);
    for (unsigned port = 0; port < BRIDGE_IO_SIZE; port += BRIDGE_ISA_STRIDE) {
        EmuMemoryRegion *block = emu_memory_region_new_alias(self, "isa-io-block", self->io, port, BRIDGE_ISA_BLOCK);

        emu_memory_region_add_subregion(self->isa_io, port, block, 0);
    }
    self->bus = emu_pci_bridge_bus_new(dev, id, self->memory, self->io);
    bridge_make_windows(self);

    config[BRIDGE_PREFETCH_BASE] = config[BRIDGE_PREFETCH_LIMIT] = 1; /* 64 bits */
    wmask[BRIDGE_IO_BASE] = wmask[BRIDGE_IO_LIMIT] = 0xf0;
    for (unsigned i = 0; i < 4; i++) {
        wmask[BRIDGE_MEMORY_BASE + 2 * i] = 0xf0;
        wmask[BRIDGE_MEMORY_BASE + 2 * i + 1] = 0xff;
    }
    for (unsigned i = 0; i < 8; i++) {
        wmask[BRIDGE_PREFETCH_BASE_HIGH + i] = 0xff;
    }
    emu_pci_device_get_w1cmask(dev)[BRIDGE_SECONDARY_STATUS + 1] = 0xf9;
    wmask[BRIDGE_CONTROL] = (uint8_t)control;
    wmask[BRIDGE_CONTROL + 1] = (uint8_t)(control >> 8);
    return true;
}

void
pci_bridge_unrealize(EmuPciDevice *dev)
{
    PciBridge *self = (PciBridge *)dev;

    for (unsigned i = 0; i < BRIDGE_N_WINDOWS; i++) {
        EmuMemoryRegion *container = self->windows[i] ? emu_memory_region_get_container(self->windows[i]) : NULL;

        if (container) {
            emu_memory_region_del_subregion(container, self->windows[i]);
        }
    }
}

void
pci_bridge_reset_enter(EmuDevice *device)
{
    PciBridge *self = (PciBridge *)device;
    EmuPciDevice *dev = (EmuPciDevice *)device;
    uint8_t *config = emu_pci_device_get_config(dev);
    const uint8_t *wmask = emu_pci_device_get_wmask(dev), *w1cmask = emu_pci_device_get_w1cmask(dev);

    for (unsigned i = 0x18; i < 0x40; i++) {
        config[i] &= (uint8_t) ~(wmask[i] | w1cmask[i]);
    }
    /* Closed windows, until somebody opens them. */
    config[BRIDGE_IO_BASE] = config[BRIDGE_MEMORY_BASE] = 0xf0;
    config[BRIDGE_MEMORY_BASE + 1] = config[BRIDGE_PREFETCH_BASE + 1] = 0xff;
    config[BRIDGE_PREFETCH_BASE] |= 0xf0;
    bridge_update_windows(self);
}

bool
pci_bridge_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    bridge_update_windows(opaque);
    return true;
}

static const EmuVMField bridge_fields[] = {EMU_VM_PCI_DEVICE(PciBridge, parent), EMU_VM_END};

static const EmuVMState bridge_vmstate = {
    .name = "pci-bridge",
    .version = 1,
    .minimum_version = 1,
    .fields = bridge_fields,
    .post_load = pci_bridge_post_load,
};

static void
bridge_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;
    EmuPciDeviceClass *pci = klass;

    device->reset_enter = pci_bridge_reset_enter;
    device->vmstate = &bridge_vmstate;
    device->category = "bridge";
    device->hotpluggable = false;
    pci->realize = pci_bridge_realize;
    pci->unrealize = pci_bridge_unrealize;
    pci->write_config = pci_bridge_write_config;
    pci->vendor_id = 0x1b36;
    pci->class_id = 0x0604;
    pci->is_bridge = true;
}

const EmuTypeInfo pci_bridge_base_type_info = {
    .name = "base-pci-bridge",
    .parent = "pci-device",
    .instance_size = sizeof(PciBridge),
    .class_init = bridge_class_init,
    .abstract = true,
    .description = "bridge to another PCI bus",
};

/* ---- conventional ------------------------------------------------------------------------------------ */

static bool
conventional_bridge_add_hints(ConventionalBridge *self)
{
    EmuPciDevice *dev = (EmuPciDevice *)self;
    uint8_t cap = emu_pci_device_add_capability(dev, RESERVE_CAP_ID, 0, RESERVE_CAP_SIZE), *p = emu_pci_device_get_config(dev) + cap;
    uint64_t io = GUINT64_TO_LE((uint64_t)self->io_reserve);
    uint32_t memory = GUINT32_TO_LE(self->mem_reserve);

    if (!cap) {
        return false;
    }
    p[2] = RESERVE_CAP_SIZE;
    p[3] = RESERVE_CAP_TYPE;
    memset(p + 4, 0xff, RESERVE_CAP_SIZE - 4);
    if (io) {
        memcpy(p + RESERVE_IO, &io, sizeof io);
    }
    if (memory) {
        memcpy(p + RESERVE_MEMORY, &memory, sizeof memory);
    }
    return true;
}

static bool
conventional_bridge_realize(EmuPciDevice *dev, GError **error)
{
    ConventionalBridge *self = (ConventionalBridge *)dev;

    if (self->chassis_nr) {
        uint8_t cap = emu_pci_device_add_capability(dev, SLOT_CAP_ID, 0, 4), *config = emu_pci_device_get_config(dev);

        if (!cap) {
            g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "pci-bridge: no room for the slot numbering capability");
            return false;
        }
        config[cap + 2] = 0x20; /* first in chassis */
        config[cap + 3] = self->chassis_nr;
    }
    if ((self->io_reserve || self->mem_reserve) && !conventional_bridge_add_hints(self)) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "pci-bridge: no room for the resource reservation capability");
        return false;
    }
    return pci_bridge_realize(dev, error);
}

static const EmuProperty conventional_bridge_properties[] = {
    EMU_PROP_UINT8("chassis_nr", ConventionalBridge, chassis_nr, 0, "number of the chassis behind it, 0: none"),
    EMU_PROP_UINT32("io-reserve", ConventionalBridge, io_reserve, 0x1000, "bytes of I/O that firmware leaves open for devices to come, 0: as it likes"),
    EMU_PROP_UINT32("mem-reserve", ConventionalBridge, mem_reserve, 0x200000, "the same of memory"),
    EMU_PROP_BOOL("shpc", ConventionalBridge, shpc, false, "standard hot-plug controller; there is none"),
};

static void
conventional_bridge_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuPciDeviceClass *pci = klass;

    ((EmuDeviceClass *)klass)->user_creatable = true;
    pci->realize = conventional_bridge_realize;
    pci->device_id = 0x0001;
    emu_object_class_add_properties(klass, conventional_bridge_properties, G_N_ELEMENTS(conventional_bridge_properties));
}

const EmuTypeInfo pci_bridge_type_info = {
    .name = "pci-bridge",
    .parent = "base-pci-bridge",
    .instance_size = sizeof(ConventionalBridge),
    .class_init = conventional_bridge_class_init,
    .description = "PCI-to-PCI bridge",
};
