/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * An SPI controller as a PCI function: worked example of a PCI device with a bus below it, registers, bus mastering, an
 * interrupt and something that takes time.
 *
 * Single words are written to DATA. For more, TX_ADDRESS and RX_ADDRESS say where in memory the bytes come from and go to (0: zeroes go
 * out, what comes in is dropped) and a write to LENGTH starts; the bytes then take the time that they take on the wire, a
 * chunk at a time, and DONE says that it is over.
 */

#include <emu/emu.h>

EMU_PLUGIN(.name = "pci-spi", .version = "1.0", .license = "LGPL-2.1-or-later", .description = "SPI controller on PCI",
           .provides = "pci-spi:pci-device", .needs = "pci-device spi-bus");

#define PCI_SPI_SELECTS 4
#define PCI_SPI_CHUNK 64
#define PCI_SPI_MAX_LENGTH 0x10000

#define PCI_SPI_CONTROL_ENABLE 0x01
#define PCI_SPI_CONTROL_IRQ 0x02
#define PCI_SPI_STATUS_DONE 0x01
#define PCI_SPI_STATUS_ERROR 0x02
#define PCI_SPI_STATUS_BUSY 0x04

typedef struct {
    EmuPciDevice parent_instance;

    uint32_t bit_ns; /* property */

    EmuSpiBus *bus;
    EmuTimer *timer;
    uint32_t control, status, select, data, tx, rx, length;
} PciSpi;

static void
pci_spi_changed(gpointer opaque)
{
    PciSpi *self = opaque;

    emu_pci_device_set_irq(&self->parent_instance,
                           (self->control & PCI_SPI_CONTROL_IRQ) && (self->status & (PCI_SPI_STATUS_DONE | PCI_SPI_STATUS_ERROR)));
    for (unsigned i = 0; i < PCI_SPI_SELECTS; i++) {
        emu_spi_bus_set_select(self->bus, i, !(self->control & PCI_SPI_CONTROL_ENABLE && self->select & 1u << i));
    }
}

static void
pci_spi_write_data(gpointer opaque, unsigned index, uint64_t value, uint64_t old)
{
    PciSpi *self = opaque;
    unsigned bits = (self->control >> 8 & 31) + 1;

    if (!(self->control & PCI_SPI_CONTROL_ENABLE) || self->status & PCI_SPI_STATUS_BUSY) {
        emu_guest_error("pci-spi: a word is written to DATA while %s", self->control & PCI_SPI_CONTROL_ENABLE ? "a transfer runs" : "it is off");
        return;
    }
    self->data = emu_spi_transfer(self->bus, (uint32_t)value, bits);
    self->status |= PCI_SPI_STATUS_DONE;
}

/* ---- transfers by bus mastering ------------------------------------------------------------------------- */

static void
pci_spi_end(PciSpi *self, uint32_t status)
{
    self->status = (self->status & ~(uint32_t)PCI_SPI_STATUS_BUSY) | status;
    pci_spi_changed(self);
}

/* When the chunk would have gone over the wire. Lengths come from the guest: a bounded piece each time. */
static void
pci_spi_arm(PciSpi *self)
{
    int64_t now = emu_clock_get_ns(emu_device_get_clock(EMU_DEVICE(self), EMU_CLOCK_VIRTUAL));

    emu_timer_set(self->timer, now + (int64_t)MIN(self->length, PCI_SPI_CHUNK) * 8 * self->bit_ns);
}

static void
pci_spi_timer_cb(gpointer opaque)
{
    PciSpi *self = opaque;
    EmuAddressSpace *memory = emu_pci_device_get_dma_as(&self->parent_instance);
    uint8_t bytes[PCI_SPI_CHUNK] = {0};
    uint32_t n = MIN(self->length, PCI_SPI_CHUNK);

    if (self->tx && emu_dma_read(memory, self->tx, bytes, n) != EMU_MEM_OK) {
        pci_spi_end(self, PCI_SPI_STATUS_ERROR);
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        bytes[i] = (uint8_t)emu_spi_transfer(self->bus, bytes[i], 8);
    }
    if (self->rx && emu_dma_write(memory, self->rx, bytes, n) != EMU_MEM_OK) {
        pci_spi_end(self, PCI_SPI_STATUS_ERROR);
        return;
    }
    self->tx += self->tx ? n : 0;
    self->rx += self->rx ? n : 0;
    self->length -= n;
    if (self->length) {
        pci_spi_arm(self);
    } else {
        pci_spi_end(self, PCI_SPI_STATUS_DONE);
    }
}

static void
pci_spi_write_length(gpointer opaque, unsigned index, uint64_t value, uint64_t old)
{
    PciSpi *self = opaque;

    if (!(self->control & PCI_SPI_CONTROL_ENABLE) || self->status & PCI_SPI_STATUS_BUSY || value == 0 || value > PCI_SPI_MAX_LENGTH) {
        emu_guest_error("pci-spi: a transfer of %u bytes cannot start", (unsigned)value);
        self->length = (uint32_t)old;
        return;
    }
    self->status |= PCI_SPI_STATUS_BUSY;
    pci_spi_arm(self);
}

/* ---- registers --------------------------------------------------------------------------------------------- */

static const EmuRegister pci_spi_registers[] = {
    EMU_REG32(PciSpi, control, "CONTROL", 0x00, EMU_RW, 7 << 8,
              .fields = EMU_REG_FIELDS({"ENABLE", 0, 1, .blurb = "0: all selects are inactive"}, {"IRQ_ENABLE", 1, 1},
                                       {"BITS", 8, 5, .blurb = "length of DATA's words, less one"})),
    EMU_REG32(PciSpi, status, "STATUS", 0x04, EMU_W1C, 0,
              .fields = EMU_REG_FIELDS({"DONE", 0, 1}, {"ERROR", 1, 1, .blurb = "an address was not memory"},
                                       {"BUSY", 2, 1, EMU_RO, .blurb = "a transfer runs"})),
    EMU_REG32(PciSpi, select, "SELECT", 0x08, EMU_RW, 0, .writable = (1u << PCI_SPI_SELECTS) - 1, .blurb = "peripherals that are selected, one a bit"),
    EMU_REG32(PciSpi, data, "DATA", 0x0c, EMU_RW, 0, .write = pci_spi_write_data, .blurb = "written: a word goes out; read: what came in"),
    EMU_REG32(PciSpi, tx, "TX_ADDRESS", 0x10, EMU_RW, 0, .blurb = "where bytes come from; moves"),
    EMU_REG32(PciSpi, rx, "RX_ADDRESS", 0x14, EMU_RW, 0, .blurb = "where bytes go; moves"),
    EMU_REG32(PciSpi, length, "LENGTH", 0x18, EMU_RW, 0, .write = pci_spi_write_length, .blurb = "bytes that are left; a write starts"),
    EMU_REG_CONST("ID", 0x1c, 4, 0x31495053, .blurb = "\"SPI1\""),
};

static const EmuVMField pci_spi_state[] = {EMU_VM_TIMER(PciSpi, timer), EMU_VM_END};

static bool
pci_spi_post_load(gpointer opaque, unsigned version, GError **error)
{
    PciSpi *self = opaque;

    if (self->length > PCI_SPI_MAX_LENGTH || (self->status & PCI_SPI_STATUS_BUSY && self->length == 0)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "saved length is %u, expected 1 to %u", self->length, PCI_SPI_MAX_LENGTH);
        return false;
    }
    return true;
}

EMU_REGISTER_BANK(pci_spi_bank, "pci-spi", 0x20, pci_spi_registers, .valid_min = 4, .valid_max = 4, .changed = pci_spi_changed,
                  .state = pci_spi_state, .post_load = pci_spi_post_load, .blurb = "BAR 0: 32-bit registers of the controller")

/* ---- life ----------------------------------------------------------------------------------------------------- */

static bool
pci_spi_realize(EmuPciDevice *dev, GError **error)
{
    PciSpi *self = (PciSpi *)dev;

    emu_pci_device_get_config(dev)[0x3d] = 1; /* INTA */
    emu_pci_device_register_bar(dev, 0, EMU_PCI_BAR_MEM, emu_registers_new_region(dev, &pci_spi_bank, dev));
    self->bus = emu_spi_bus_new(EMU_DEVICE(dev), NULL, PCI_SPI_SELECTS);
    self->timer = emu_timer_new(emu_device_get_clock(EMU_DEVICE(dev), EMU_CLOCK_VIRTUAL), pci_spi_timer_cb, self);
    return true;
}

static void
pci_spi_unrealize(EmuPciDevice *dev)
{
    g_clear_pointer(&((PciSpi *)dev)->timer, emu_timer_free);
}

static void
pci_spi_reset_enter(EmuDevice *dev)
{
    emu_timer_cancel(((PciSpi *)dev)->timer);
}

static const EmuProperty pci_spi_properties[] = {
    EMU_PROP_UINT32_RANGE("bit-ns", PciSpi, bit_ns, 100, 10, 1000000, "nanoseconds that a bit takes"),
};

static void
pci_spi_class_init(gpointer klass, gconstpointer data)
{
    EmuPciDeviceClass *pci_class = klass;
    EmuDeviceClass *device_class = klass;

    pci_class->realize = pci_spi_realize;
    pci_class->unrealize = pci_spi_unrealize;
    pci_class->vendor_id = 0x1234;
    pci_class->device_id = 0x5e51;
    pci_class->class_id = 0x0c80; /* serial bus, other */
    device_class->reset_enter = pci_spi_reset_enter;
    device_class->category = "bridge";
    device_class->hotpluggable = true;
    emu_object_class_add_properties(klass, pci_spi_properties, G_N_ELEMENTS(pci_spi_properties));
    emu_device_class_add_registers(klass, &pci_spi_bank, 0);
}
EMU_DEFINE_TYPE(PciSpi, pci_spi, "pci-spi", "pci-device", "SPI controller with four chip selects")
