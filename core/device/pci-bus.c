/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PCI buses: 32 slots of 8 functions, routing of configuration cycles, request lines. */

#include "device/pci-private.h"

#include <emu/log.h>

typedef struct {
    EmuMemoryRegion *memory, *io; /* owned */
    EmuPciDevice *devices[256];   /* borrowed: the bus holds them as devices */
    EmuPciDevice *bridge;         /* NULL: root bus */
    EmuMemoryRegion *iommu;       /* owned; root bus: what bus masters see instead of the machine's memory */
    uint8_t devfn_min;
    EmuPciMapIrqFunc map_irq;
    EmuPciSetIrqFunc set_irq;
    gpointer irq_opaque;
    unsigned n_irqs;
    int *irq_count; /* functions that drive each line */
} EmuPciBusPrivate;

G_DEFINE_TYPE_WITH_PRIVATE(EmuPciBus, emu_pci_bus, EMU_TYPE_BUS)

static inline EmuPciBusPrivate *
priv(EmuPciBus *self)
{
    return emu_pci_bus_get_instance_private(self);
}

/* ---- slots -------------------------------------------------------------------------------------- */

static bool
pci_bus_slot_is_free(EmuPciBusPrivate *p, unsigned slot)
{
    for (unsigned fn = 0; fn < 8; fn++) {
        if (p->devices[slot * 8 + fn]) {
            return false;
        }
    }
    return true;
}

static bool
pci_bus_choose_devfn(EmuPciBus *self, EmuPciDevice *dev, int *devfn, GError **error)
{
    EmuPciBusPrivate *p = priv(self);
    const char *label = emu_device_get_label(EMU_DEVICE(dev));

    /* A link has two ends: behind a port is device 0 only (PCI Express 3.0, 7.3.1). */
    if (p->bridge && EMU_PCI_DEVICE_GET_CLASS(p->bridge)->is_express && *devfn >= 8) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "slot %d of bus '%s' is not available for '%s': a PCI Express port has slot 0 only",
                    *devfn >> 3, emu_bus_get_name(EMU_BUS(self)), label);
        return false;
    }
    if (*devfn < 0 && p->bridge && EMU_PCI_DEVICE_GET_CLASS(p->bridge)->is_express) {
        *devfn = 0;
    }
    if (*devfn < 0) {
        for (unsigned slot = (p->devfn_min + 7) / 8; slot < 32; slot++) {
            if (pci_bus_slot_is_free(p, slot)) {
                *devfn = (int)(slot * 8);
                return true;
            }
        }
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "no slot of bus '%s' is free for device '%s'",
                    emu_bus_get_name(EMU_BUS(self)), label);
        return false;
    }
    if (p->devices[*devfn]) {
        EmuDevice *other = EMU_DEVICE(p->devices[*devfn]);

        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_DUPLICATE,
                    "slot %d function %d of bus '%s' is not available for '%s', in use by '%s' (type '%s')", *devfn >> 3, *devfn & 7,
                    emu_bus_get_name(EMU_BUS(self)), label, emu_device_get_label(other), emu_object_get_type_name(other));
        return false;
    }
    return true;
}

/* Guests look at function 0 first, and at the others only when it says so (6.2.1, header type). */
static bool
pci_bus_check_functions(EmuPciBus *self, EmuPciDevice *dev, unsigned devfn, GError **error)
{
    EmuPciBusPrivate *p = priv(self);
    unsigned slot = devfn >> 3;

    if (devfn & 7) {
        EmuPciDevice *first = p->devices[slot * 8];

        if (first && !emu_pci_device_priv(first)->multifunction) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                        "device '%s' cannot be function %u of slot %u: function 0 is a single-function device, it needs multifunction=on",
                        emu_device_get_label(EMU_DEVICE(dev)), devfn & 7, slot);
            return false;
        }
        return true;
    }
    for (unsigned fn = 1; fn < 8 && !emu_pci_device_priv(dev)->multifunction; fn++) {
        if (p->devices[slot * 8 + fn]) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                        "device '%s' needs multifunction=on to be function 0 of slot %u: function %u is there already",
                        emu_device_get_label(EMU_DEVICE(dev)), slot, fn);
            return false;
        }
    }
    return true;
}

static bool
emu_pci_bus_attach(EmuBus *bus, EmuDevice *device, GError **error)
{
    EmuPciBus *self = EMU_PCI_BUS(bus);
    EmuPciDevice *dev = EMU_PCI_DEVICE(device);
    EmuPciDevicePrivate *d = emu_pci_device_priv(dev);
    int devfn = d->devfn;

    d->multifunction |= EMU_PCI_DEVICE_GET_CLASS(dev)->multifunction;
    if (!pci_bus_choose_devfn(self, dev, &devfn, error) || !pci_bus_check_functions(self, dev, (unsigned)devfn, error)) {
        return false;
    }
    d->devfn = devfn;
    if (!emu_pci_device_attach(dev, error)) {
        return false;
    }
    priv(self)->devices[devfn] = dev;
    return true;
}

static void
emu_pci_bus_detach(EmuBus *bus, EmuDevice *device)
{
    EmuPciDevice *dev = EMU_PCI_DEVICE(device);

    emu_pci_device_unmap(dev);
    priv(EMU_PCI_BUS(bus))->devices[emu_pci_device_priv(dev)->devfn] = NULL;
    emu_pci_device_detach(dev);
}

static void
emu_pci_bus_unplugged(EmuBus *bus G_GNUC_UNUSED, EmuDevice *device)
{
    emu_pci_device_unmap(EMU_PCI_DEVICE(device));
}

static void
emu_pci_bus_reset_device(EmuBus *bus G_GNUC_UNUSED, EmuDevice *device)
{
    emu_pci_device_reset(EMU_PCI_DEVICE(device));
}

static char *
emu_pci_bus_get_address(EmuBus *bus G_GNUC_UNUSED, EmuDevice *device)
{
    int devfn = emu_pci_device_priv(EMU_PCI_DEVICE(device))->devfn;

    return devfn < 0 ? NULL : g_strdup_printf("%02x.%x", devfn >> 3, devfn & 7);
}

static void
emu_pci_bus_finalize(GObject *object)
{
    EmuPciBusPrivate *p = priv(EMU_PCI_BUS(object));

    g_clear_object(&p->memory);
    g_clear_object(&p->io);
    g_clear_object(&p->iommu);
    g_free(p->irq_count);
    G_OBJECT_CLASS(emu_pci_bus_parent_class)->finalize(object);
}

static void
emu_pci_bus_class_init(EmuPciBusClass *klass)
{
    EmuBusClass *bus_class = EMU_BUS_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = emu_pci_bus_finalize;
    bus_class->attach = emu_pci_bus_attach;
    bus_class->detach = emu_pci_bus_detach;
    bus_class->unplugged = emu_pci_bus_unplugged;
    bus_class->reset_device = emu_pci_bus_reset_device;
    bus_class->get_address = emu_pci_bus_get_address;
}

static void
emu_pci_bus_init(EmuPciBus *self G_GNUC_UNUSED)
{
}

static EmuPciBus *
pci_bus_new(const char *type, EmuDevice *owner, const char *name, EmuMemoryRegion *memory, EmuMemoryRegion *io, uint8_t devfn_min)
{
    EmuPciBus *self = EMU_PCI_BUS(emu_bus_new(type, owner, name));

    priv(self)->memory = g_object_ref(memory);
    priv(self)->io = g_object_ref(io);
    priv(self)->devfn_min = devfn_min;
    return self;
}

/**
 * emu_pci_root_bus_new:
 * @memory: what memory cycles on the bus reach; @io: the same for I/O
 * @devfn_min: first slot given to devices without addr=
 *
 * Returns: (transfer none): a child of @host_bridge.
 */
EmuPciBus *
emu_pci_root_bus_new(EmuDevice *host_bridge, const char *name, EmuMemoryRegion *memory, EmuMemoryRegion *io, uint8_t devfn_min)
{
    return pci_bus_new("PCI", host_bridge, name, memory, io, devfn_min);
}

EmuPciBus *
emu_pcie_root_bus_new(EmuDevice *host_bridge, const char *name, EmuMemoryRegion *memory, EmuMemoryRegion *io, uint8_t devfn_min)
{
    return pci_bus_new("PCIE", host_bridge, name, memory, io, devfn_min);
}

EmuPciBus *
emu_pci_bridge_bus_new(EmuPciDevice *bridge, const char *name, EmuMemoryRegion *memory, EmuMemoryRegion *io)
{
    EmuPciBus *self = pci_bus_new(EMU_PCI_DEVICE_GET_CLASS(bridge)->is_express ? "PCIE" : "PCI", EMU_DEVICE(bridge), name, memory, io, 0);

    priv(self)->bridge = bridge;
    return self;
}

EmuPciDevice *
emu_pci_bus_get_bridge(EmuPciBus *self)
{
    return priv(self)->bridge;
}

bool
emu_pci_bus_is_express(EmuPciBus *self)
{
    return emu_object_is_a(self, "PCIE");
}

/**
 * emu_pci_bus_set_iommu:
 * @self: a root bus
 * @iommu: (nullable): what its bus masters reach, as large as the address space; NULL: the machine's memory
 *
 * Memory requests, interrupt messages among them, say who makes them in their attributes (requester_id). Devices that are there
 * already change over. Big lock held.
 */
void
emu_pci_bus_set_iommu(EmuPciBus *self, EmuMemoryRegion *iommu)
{
    EmuPciBusPrivate *p = priv(self);

    g_return_if_fail(!p->bridge);
    g_set_object(&p->iommu, iommu);
    emu_memory_transaction_begin();
    for (unsigned i = 0; i < 256; i++) {
        if (p->devices[i]) {
            emu_pci_device_update_master(p->devices[i]);
        }
    }
    emu_memory_transaction_commit();
}

/* (transfer none) (nullable) */
EmuMemoryRegion *
emu_pci_bus_get_iommu(EmuPciBus *self)
{
    return priv(self)->iommu;
}

static EmuPciBus *
pci_bridge_get_bus(EmuPciDevice *bridge)
{
    GPtrArray *below = emu_device_get_buses(EMU_DEVICE(bridge));

    return below->len && EMU_IS_PCI_BUS(g_ptr_array_index(below, 0)) ? g_ptr_array_index(below, 0) : NULL;
}

void
emu_pci_bridge_renumbered(EmuPciDevice *bridge)
{
    EmuPciBus *bus = pci_bridge_get_bus(bridge);

    for (unsigned i = 0; bus && i < 256; i++) {
        EmuPciDevice *dev = priv(bus)->devices[i];

        if (dev) {
            emu_pci_device_update_requester(dev);
            if (EMU_PCI_DEVICE_GET_CLASS(dev)->is_bridge) {
                emu_pci_bridge_renumbered(dev);
            }
        }
    }
}

static bool
pci_find_root_cb(EmuObject *object, gpointer data)
{
    if (EMU_IS_PCI_BUS(object) && !priv(EMU_PCI_BUS(object))->bridge) {
        *(EmuPciBus **)data = EMU_PCI_BUS(object);
        return true;
    }
    return emu_object_foreach_child(object, pci_find_root_cb, data);
}

/* (transfer none) (nullable): the first root bus of the machine. */
EmuPciBus *
emu_pci_find_root(EmuMachine *machine)
{
    EmuPciBus *found = NULL;

    emu_object_foreach_child(machine, pci_find_root_cb, &found);
    return found;
}

EmuMemoryRegion *
emu_pci_bus_get_memory(EmuPciBus *self)
{
    return priv(self)->memory;
}

EmuMemoryRegion *
emu_pci_bus_get_io(EmuPciBus *self)
{
    return priv(self)->io;
}

EmuPciDevice *
emu_pci_bus_get_device(EmuPciBus *self, unsigned devfn)
{
    return priv(self)->devices[devfn & 0xff];
}

/* ---- request lines --------------------------------------------------------------------------------- */

/**
 * emu_pci_bus_set_irqs:
 * @map: which of the bus's lines a function's pin is wired to
 * @set: called when a line changes: 1 while at least one function drives it
 */
void
emu_pci_bus_set_irqs(EmuPciBus *self, EmuPciMapIrqFunc map, EmuPciSetIrqFunc set, gpointer opaque, unsigned n_irqs)
{
    EmuPciBusPrivate *p = priv(self);

    p->map_irq = map;
    p->set_irq = set;
    p->irq_opaque = opaque;
    p->n_irqs = n_irqs;
    g_free(p->irq_count);
    p->irq_count = g_new0(int, n_irqs);
    emu_pci_bus_reroute_irqs(self);
}

/* Functions that were there before, and drive. */
static void
pci_bus_recount_irqs(EmuPciBus *self)
{
    EmuPciBusPrivate *p = priv(self);

    for (unsigned i = 0; i < 256; i++) {
        EmuPciDevice *dev = p->devices[i];
        EmuPciBus *below = dev && EMU_PCI_DEVICE_GET_CLASS(dev)->is_bridge ? pci_bridge_get_bus(dev) : NULL;

        if (dev && emu_pci_device_priv(dev)->irq_counted) {
            emu_pci_bus_count_irq(self, dev, 1, false);
        }
        if (below) {
            pci_bus_recount_irqs(below);
        }
    }
}

/**
 * emu_pci_bus_reroute_irqs:
 * @self: a root bus whose board has changed the wiring of pins
 */
void
emu_pci_bus_reroute_irqs(EmuPciBus *self)
{
    EmuPciBusPrivate *p = priv(self);
    g_autofree int *old = p->irq_count;

    p->irq_count = g_new0(int, p->n_irqs);
    pci_bus_recount_irqs(self);
    for (unsigned i = 0; i < p->n_irqs; i++) {
        if ((old[i] > 0) != (p->irq_count[i] > 0)) {
            p->set_irq(p->irq_opaque, (int)i, p->irq_count[i] > 0);
        }
    }
}

/* @drive: false while state is loaded; the interrupt controller has its own. */
void
emu_pci_bus_count_irq(EmuPciBus *self, EmuPciDevice *dev, int change, bool drive)
{
    EmuPciBusPrivate *p = priv(self);
    int pin = emu_pci_device_get_config(dev)[PCI_INTERRUPT_PIN] - 1, irq;

    /* Behind bridges pins rotate by slot (PCI-to-PCI Bridge Architecture 1.2, 9.1). */
    while (p->bridge) {
        pin = (pin + (emu_pci_device_priv(dev)->devfn >> 3)) & 3;
        dev = p->bridge;
        p = priv(emu_pci_device_get_bus(dev));
    }
    if (!p->map_irq) {
        return;
    }
    irq = p->map_irq(dev, pin);
    if (irq < 0 || (unsigned)irq >= p->n_irqs) {
        return;
    }
    p->irq_count[irq] += change;
    if (drive && p->irq_count[irq] == (change > 0 ? 1 : 0)) {
        p->set_irq(p->irq_opaque, irq, change > 0);
    }
}

int
emu_pci_bus_get_irq_level(EmuPciBus *self, int irq)
{
    EmuPciBusPrivate *p = priv(self);

    return irq >= 0 && (unsigned)irq < p->n_irqs && p->irq_count[irq] > 0;
}

/* ---- configuration cycles ---------------------------------------------------------------------------- */

uint8_t
emu_pci_bus_get_number(EmuPciBus *self)
{
    EmuPciBusPrivate *p = priv(self);

    return p->bridge ? emu_pci_device_priv(p->bridge)->config[PCI_PRIMARY_BUS + 1] : 0;
}

/* (nullable) */
EmuPciDevice *
emu_pci_bus_find(EmuPciBus *root, uint8_t bus, uint8_t devfn)
{
    EmuPciBusPrivate *p = priv(root);

    if (emu_pci_bus_get_number(root) == bus) {
        return p->devices[devfn];
    }
    for (unsigned i = 0; i < 256; i++) {
        EmuPciDevicePrivate *d = p->devices[i] ? emu_pci_device_priv(p->devices[i]) : NULL;
        EmuPciBus *below;

        /* Type 1 cycles go down where the bus number lies between secondary and subordinate. */
        if (!d || !EMU_PCI_DEVICE_GET_CLASS(p->devices[i])->is_bridge || bus < d->config[PCI_PRIMARY_BUS + 1] ||
            bus > d->config[PCI_PRIMARY_BUS + 2] || d->config[PCI_PRIMARY_BUS + 1] == 0) {
            continue;
        }
        below = pci_bridge_get_bus(p->devices[i]);
        if (below) {
            return emu_pci_bus_find(below, bus, devfn);
        }
    }
    return NULL;
}

/* @reg and @size lie inside what the function has, or nothing answers. */
uint32_t
emu_pci_device_config_load(EmuPciDevice *dev, uint32_t reg, unsigned size)
{
    uint32_t ones = size >= 4 ? UINT32_MAX : (1u << 8 * size) - 1;
    EmuPciDeviceClass *klass;

    if (!dev || reg + size > emu_pci_device_priv(dev)->config_size) {
        return ones;
    }
    klass = EMU_PCI_DEVICE_GET_CLASS(dev);
    return (klass->read_config ? klass->read_config(dev, reg, size) : emu_pci_device_default_read_config(dev, reg, size)) & ones;
}

void
emu_pci_device_config_store(EmuPciDevice *dev, uint32_t reg, uint32_t value, unsigned size)
{
    EmuPciDeviceClass *klass;

    if (!dev || reg + size > emu_pci_device_priv(dev)->config_size) {
        return;
    }
    klass = EMU_PCI_DEVICE_GET_CLASS(dev);
    if (klass->write_config) {
        klass->write_config(dev, reg, value, size);
    } else {
        emu_pci_device_default_write_config(dev, reg, value, size);
    }
}

static EmuPciDevice *
pci_config_target(EmuPciBus *root, uint32_t addr, unsigned size)
{
    return (addr & 0xff) + size <= 256 ? emu_pci_bus_find(root, (uint8_t)(addr >> 16), (uint8_t)(addr >> 8)) : NULL;
}

uint32_t
emu_pci_config_load(EmuPciBus *root, uint32_t addr, unsigned size)
{
    return emu_pci_device_config_load(pci_config_target(root, addr, size), addr & 0xff, size);
}

void
emu_pci_config_store(EmuPciBus *root, uint32_t addr, uint32_t value, unsigned size)
{
    emu_pci_device_config_store(pci_config_target(root, addr, size), addr & 0xff, value, size);
}

static const EmuTypeInfo pcie_bus_info = {
    .name = "PCIE",
    .parent = "PCI",
    .description = "PCI Express bus",
};

static void
pci_register(void)
{
    emu_type_register_gtype("PCI", EMU_TYPE_PCI_BUS);
    emu_type_register_static(&pcie_bus_info);
    emu_type_register_gtype("pci-device", EMU_TYPE_PCI_DEVICE);
}
type_init(pci_register)
