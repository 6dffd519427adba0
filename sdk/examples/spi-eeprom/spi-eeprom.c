/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Serial EEPROM with the command set of the AT25010 to AT25512 (Atmel document 0606, "SPI Serial EEPROMs"): worked example of an
 * SPI peripheral. A command begins when the chip is selected; writes take effect when it is deselected, and then it is busy.
 * Not modelled: block protection.
 */

#include <emu/emu.h>

#include <string.h>

EMU_PLUGIN(.name = "spi-eeprom", .version = "1.0", .license = "LGPL-2.1-or-later", .description = "SPI EEPROM",
           .provides = "spi-eeprom:spi-device", .needs = "spi-device");

enum { EEPROM_WRSR = 0x01, EEPROM_WRITE = 0x02, EEPROM_READ = 0x03, EEPROM_WRDI = 0x04, EEPROM_RDSR = 0x05, EEPROM_WREN = 0x06 };
#define EEPROM_STATUS_BUSY 0x01
#define EEPROM_STATUS_WEL 0x02 /* writes are allowed, once */
#define EEPROM_WRITE_NS (5 * EMU_NS_PER_SEC / 1000)
#define EEPROM_MAX_PAGE 128

typedef struct {
    EmuSpiDevice parent_instance;

    uint32_t size; /* properties */
    uint32_t page_size;

    EmuTimer *timer;
    uint8_t *memory;
    uint8_t status;
    uint8_t command;
    uint32_t position; /* bytes of this command so far */
    uint32_t address;
    uint8_t page[EEPROM_MAX_PAGE]; /* bytes that a write has gathered */
    uint8_t gathered[EEPROM_MAX_PAGE];
} Eeprom;

static unsigned
eeprom_address_bytes(const Eeprom *self)
{
    return self->size > 256 ? 2 : 1;
}

static void
eeprom_gather(Eeprom *self, uint8_t value)
{
    uint32_t at = self->address % self->page_size;

    self->page[at] = value;
    self->gathered[at] = 1;
    /* The address wraps within the page. */
    self->address = self->address - at + (at + 1) % self->page_size;
}

static uint32_t
eeprom_transfer(EmuSpiDevice *dev, uint32_t value)
{
    Eeprom *self = (Eeprom *)dev;
    uint32_t position = self->position;
    uint8_t out = 0xff;

    self->position = MIN(position + 1, 1 + eeprom_address_bytes(self));
    if (position == 0) {
        self->command = (uint8_t)value;
        self->address = 0;
        memset(self->gathered, 0, sizeof(self->gathered));
        return out;
    }
    if (self->command == EEPROM_RDSR) {
        return self->status;
    }
    if (self->status & EEPROM_STATUS_BUSY || (self->command != EEPROM_READ && self->command != EEPROM_WRITE)) {
        return out;
    }
    if (position <= eeprom_address_bytes(self)) {
        self->address = (self->address << 8 | (value & 0xff)) & (self->size - 1);
    } else if (self->command == EEPROM_WRITE) {
        eeprom_gather(self, (uint8_t)value);
    } else {
        out = self->memory[self->address];
        self->address = (self->address + 1) & (self->size - 1);
    }
    return out;
}

static void
eeprom_commit(Eeprom *self)
{
    uint32_t page = self->address & ~(self->page_size - 1);

    for (unsigned i = 0; i < self->page_size; i++) {
        if (self->gathered[i]) {
            self->memory[page + i] = self->page[i];
        }
    }
    self->status = (self->status & ~EEPROM_STATUS_WEL) | EEPROM_STATUS_BUSY;
    emu_timer_set(self->timer, emu_clock_get_ns(emu_device_get_clock(EMU_DEVICE(self), EMU_CLOCK_VIRTUAL)) + EEPROM_WRITE_NS);
}

/* Commands take effect at the end; one that ends too early has none. */
static void
eeprom_select(EmuSpiDevice *dev, bool active)
{
    Eeprom *self = (Eeprom *)dev;

    if (!active && self->position > 0 && !(self->status & EEPROM_STATUS_BUSY)) {
        if (self->command == EEPROM_WREN) {
            self->status |= EEPROM_STATUS_WEL;
        } else if (self->command == EEPROM_WRDI) {
            self->status &= (uint8_t)~EEPROM_STATUS_WEL;
        } else if (self->command == EEPROM_WRITE && self->status & EEPROM_STATUS_WEL && memchr(self->gathered, 1, self->page_size)) {
            eeprom_commit(self);
        }
    }
    self->position = 0;
}

static void
eeprom_timer_cb(gpointer opaque)
{
    ((Eeprom *)opaque)->status &= (uint8_t)~EEPROM_STATUS_BUSY;
}

/* ---- life, state ------------------------------------------------------------------------------------------- */

static bool
eeprom_realize(EmuDevice *dev, GError **error)
{
    Eeprom *self = (Eeprom *)dev;

    if (self->size & (self->size - 1) || self->page_size & (self->page_size - 1) || self->page_size > self->size) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: size is %u and page-size %u, expected powers of two",
                    emu_device_get_label(dev), self->size, self->page_size);
        return false;
    }
    self->memory = g_malloc(self->size);
    memset(self->memory, 0xff, self->size);
    self->timer = emu_timer_new(emu_device_get_clock(dev, EMU_CLOCK_VIRTUAL), eeprom_timer_cb, self);
    return true;
}

static void
eeprom_unrealize(EmuDevice *dev)
{
    Eeprom *self = (Eeprom *)dev;

    g_clear_pointer(&self->timer, emu_timer_free);
    g_clear_pointer(&self->memory, g_free);
}

/* The chip has no reset pin: power-on clears the latch, memory stays. */
static void
eeprom_reset_enter(EmuDevice *dev)
{
    Eeprom *self = (Eeprom *)dev;

    self->status = 0;
    self->position = 0;
    emu_timer_cancel(self->timer);
}

static bool
eeprom_post_load(gpointer opaque, unsigned version, GError **error)
{
    Eeprom *self = opaque;

    if (self->address >= self->size || self->position > 1 + eeprom_address_bytes(self)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "saved address is 0x%x, expected less than 0x%x", self->address, self->size);
        return false;
    }
    return true;
}

static const EmuVMField eeprom_fields[] = {
    EMU_VM_SPI_DEVICE(Eeprom, parent_instance),
    EMU_VM_VBUFFER(Eeprom, memory, size),
    EMU_VM_U8(Eeprom, status),
    EMU_VM_U8(Eeprom, command),
    EMU_VM_U32(Eeprom, position),
    EMU_VM_U32(Eeprom, address),
    EMU_VM_BUFFER(Eeprom, page),
    EMU_VM_BUFFER(Eeprom, gathered),
    EMU_VM_TIMER(Eeprom, timer),
    EMU_VM_END,
};
static const EmuVMState eeprom_vmstate = {
    .name = "spi-eeprom", .version = 1, .minimum_version = 1, .fields = eeprom_fields, .post_load = eeprom_post_load};

static const EmuProperty eeprom_properties[] = {
    EMU_PROP_UINT32_RANGE("size", Eeprom, size, 4096, 128, 65536, "bytes, a power of two; more than 256 have two address bytes"),
    EMU_PROP_UINT32_RANGE("page-size", Eeprom, page_size, 32, 8, EEPROM_MAX_PAGE, "bytes that one write reaches"),
};

static void
eeprom_class_init(gpointer klass, gconstpointer data)
{
    EmuDeviceClass *device_class = klass;

    device_class->realize = eeprom_realize;
    device_class->unrealize = eeprom_unrealize;
    device_class->reset_enter = eeprom_reset_enter;
    device_class->vmstate = &eeprom_vmstate;
    device_class->category = "storage";
    device_class->hotpluggable = true;
    EMU_SPI_DEVICE_CLASS(klass)->transfer = eeprom_transfer;
    EMU_SPI_DEVICE_CLASS(klass)->select = eeprom_select;
    emu_object_class_add_properties(klass, eeprom_properties, G_N_ELEMENTS(eeprom_properties));
}
EMU_DEFINE_TYPE(Eeprom, eeprom, "spi-eeprom", "spi-device", "serial EEPROM (AT25010 to AT25512)")
