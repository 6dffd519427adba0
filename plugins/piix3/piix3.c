/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Function 0 of Intel's 82371SB (PIIX3, order number 290550-002): the ISA bus, the routing of PCI
 * interrupts to ISA requests, and the reset control register. The other functions are devices of
 * their own: "piix3-ide", "PIIX4_PM".
 */

#include "piix3.h"

#include <emu/log.h>
#include <emu/machine.h>

#include <string.h>

#define PIIX3_N_PIRQS 4
#define PIIX3_N_ISA_IRQS 16
#define PIIX3_COMMAND_FIXED 0x07 /* I/O, memory and bus master cannot be switched off */
#define PIIX3_PIRQRCA 0x60
#define PIIX3_PIRQRC_DISABLED 0x80
#define PIIX3_PIRQRC_IRQ 0x0f
#define PIIX3_RCR_PORT 0xcf9
#define PIIX3_RCR_SRST 0x02
#define PIIX3_RCR_RCPU 0x04

typedef struct {
    EmuPciDevice parent;

    EmuIsaBus *isa_bus;
    EmuMemoryRegion *rcr_region;
    EmuLine *irqs[PIIX3_N_ISA_IRQS];

    uint8_t rcr;
} Piix3;

/* Registers beyond the header with their values after reset (section 2.2). */
static const struct {
    uint8_t address, value;
} piix3_reset_values[] = {
    {0x4c, 0x4d}, {0x4e, 0x03}, {0x4f, 0x00}, {0x60, 0x80}, {0x61, 0x80}, {0x62, 0x80}, {0x63, 0x80},
    {0x69, 0x02}, {0x70, 0x80}, {0x76, 0x0c}, {0x77, 0x0c}, {0x78, 0x02}, {0x79, 0x00}, {0x80, 0x00},
    {0x82, 0x00}, {0xa0, 0x08}, {0xa2, 0x00}, {0xa3, 0x00}, {0xa4, 0x00}, {0xa5, 0x00}, {0xa6, 0x00},
    {0xa7, 0x00}, {0xa8, 0x0f}, {0xaa, 0x00}, {0xab, 0x00}, {0xac, 0x00}, {0xae, 0x00},
};

EMU_TRACE_DEFINE(piix3_pirq)

/* The ISA request that PIRQ @pirq goes to; PIIX3_N_ISA_IRQS when it is routed nowhere. */
static unsigned
piix3_get_route(Piix3 *self, unsigned pirq)
{
    uint8_t value = emu_pci_device_get_config(&self->parent)[PIIX3_PIRQRCA + pirq];

    return value & PIIX3_PIRQRC_DISABLED ? PIIX3_N_ISA_IRQS : value & PIIX3_PIRQRC_IRQ;
}

/* PIRQs that share a request are wired-OR. */
static void
piix3_update_irq(Piix3 *self, unsigned irq)
{
    EmuPciBus *bus = emu_pci_device_get_bus(&self->parent);
    int level = 0;

    if (irq >= PIIX3_N_ISA_IRQS) {
        return;
    }
    for (unsigned pirq = 0; pirq < PIIX3_N_PIRQS; pirq++) {
        if (piix3_get_route(self, pirq) == irq && emu_pci_bus_get_irq_level(bus, pirq)) {
            level = 1;
        }
    }
    emu_line_set(self->irqs[irq], level);
}

static void
piix3_set_pirq(gpointer opaque, int pirq, int level)
{
    Piix3 *self = opaque;

    EMU_TRACE(piix3_pirq, "%c level %d -> irq %u", 'A' + pirq, level, piix3_get_route(self, pirq));
    piix3_update_irq(self, piix3_get_route(self, pirq));
}

/* INTA..INTD of slot n go to PIRQ (pin + n - 1) mod 4, as on the boards that firmware knows. */
static int
piix3_map_irq(EmuPciDevice *dev, int pin)
{
    return (pin + (emu_pci_device_get_devfn(dev) >> 3) + 3) & 3;
}

static void
piix3_write_config(EmuPciDevice *pci, uint32_t addr, uint32_t value, unsigned size)
{
    Piix3 *self = (Piix3 *)pci;
    unsigned old[PIIX3_N_PIRQS];

    for (unsigned pirq = 0; pirq < PIIX3_N_PIRQS; pirq++) {
        old[pirq] = piix3_get_route(self, pirq);
    }
    emu_pci_device_default_write_config(pci, addr, value, size);
    if (addr + size <= PIIX3_PIRQRCA || addr >= PIIX3_PIRQRCA + PIIX3_N_PIRQS) {
        return;
    }
    for (unsigned pirq = 0; pirq < PIIX3_N_PIRQS; pirq++) {
        if (piix3_get_route(self, pirq) != old[pirq]) {
            piix3_update_irq(self, old[pirq]);
            piix3_update_irq(self, piix3_get_route(self, pirq));
        }
    }
}

static uint64_t
piix3_rcr_read(gpointer opaque, uint64_t offset G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    return ((Piix3 *)opaque)->rcr;
}

static void
piix3_rcr_write(gpointer opaque, uint64_t offset G_GNUC_UNUSED, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    Piix3 *self = opaque;

    if (value & PIIX3_RCR_RCPU) {
        emu_machine_request_reset(emu_device_get_machine(EMU_DEVICE(self)), EMU_SHUTDOWN_CAUSE_GUEST_RESET);
        return;
    }
    self->rcr = value & PIIX3_RCR_SRST;
}

static const EmuMemoryRegionOps piix3_rcr_ops = {
    .read = piix3_rcr_read,
    .write = piix3_rcr_write,
    .impl_min = 1,
    .impl_max = 1,
};

static bool
piix3_realize(EmuPciDevice *pci, GError **error G_GNUC_UNUSED)
{
    Piix3 *self = (Piix3 *)pci;
    EmuPciBus *bus = emu_pci_device_get_bus(pci);

    memset(emu_pci_device_get_wmask(pci) + 0x40, 0xff, 0x100 - 0x40);
    emu_pci_device_get_wmask(pci)[0x04] &= (uint8_t)~PIIX3_COMMAND_FIXED;
    self->isa_bus = emu_isa_bus_new(EMU_DEVICE(self), emu_pci_bus_get_memory(bus), emu_pci_bus_get_io(bus));
    self->rcr_region = emu_memory_region_new_io(self, "piix3-reset-control", 1, &piix3_rcr_ops, self);
    /* It lies inside the configuration address register, which decodes 32-bit accesses only. */
    emu_memory_region_add_subregion(emu_pci_bus_get_io(bus), PIIX3_RCR_PORT, self->rcr_region, 1);
    emu_pci_bus_set_irqs(bus, piix3_map_irq, piix3_set_pirq, self, PIIX3_N_PIRQS);
    return true;
}

static void
piix3_unrealize(EmuPciDevice *pci)
{
    Piix3 *self = (Piix3 *)pci;

    emu_memory_region_del_subregion(emu_pci_bus_get_io(emu_pci_device_get_bus(pci)), self->rcr_region);
    emu_pci_bus_set_irqs(emu_pci_device_get_bus(pci), NULL, NULL, NULL, 0);
}

static void
piix3_reset_enter(EmuDevice *dev)
{
    Piix3 *self = (Piix3 *)dev;
    EmuDeviceClass *parent_class = g_type_class_peek(EMU_TYPE_PCI_DEVICE);
    uint8_t *config = emu_pci_device_get_config(&self->parent);

    if (parent_class->reset_enter) {
        parent_class->reset_enter(dev);
    }
    config[0x04] = PIIX3_COMMAND_FIXED;
    config[0x05] = 0x00;
    config[0x06] = 0x00;
    config[0x07] = 0x02; /* medium DEVSEL# timing */
    for (unsigned i = 0; i < G_N_ELEMENTS(piix3_reset_values); i++) {
        config[piix3_reset_values[i].address] = piix3_reset_values[i].value;
    }
    self->rcr = 0;
}

static void
piix3_reset_hold(EmuDevice *dev)
{
    Piix3 *self = (Piix3 *)dev;

    for (unsigned irq = 0; irq < PIIX3_N_ISA_IRQS; irq++) {
        emu_line_set(self->irqs[irq], 0);
    }
}

static const EmuVMField piix3_vmstate_fields[] = {
    EMU_VM_PCI_DEVICE(Piix3, parent),
    EMU_VM_U8(Piix3, rcr),
    EMU_VM_END,
};

static const EmuVMState piix3_vmstate = {
    .name = "PIIX3",
    .version = 1,
    .minimum_version = 1,
    .fields = piix3_vmstate_fields,
};

static void
piix3_instance_init(gpointer obj)
{
    Piix3 *self = obj;

    emu_device_add_lines_out(EMU_DEVICE(self), "isa-irq", PIIX3_N_ISA_IRQS, self->irqs);
}

static void
piix3_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;
    EmuPciDeviceClass *pci_class = klass;

    device_class->reset_enter = piix3_reset_enter;
    device_class->reset_hold = piix3_reset_hold;
    device_class->vmstate = &piix3_vmstate;
    device_class->category = "bridge";
    device_class->model_name = "82371SB PIIX3 ISA bridge";
    device_class->user_creatable = false;
    pci_class->realize = piix3_realize;
    pci_class->unrealize = piix3_unrealize;
    pci_class->write_config = piix3_write_config;
    pci_class->vendor_id = 0x8086;
    pci_class->device_id = 0x7000;
    pci_class->class_id = 0x0601;
    pci_class->multifunction = true;
}

const EmuTypeInfo piix3_type_info = {
    .name = "PIIX3",
    .parent = "pci-device",
    .instance_size = sizeof(Piix3),
    .instance_init = piix3_instance_init,
    .class_init = piix3_class_init,
    .description = "82371SB (PIIX3) PCI to ISA bridge",
};
