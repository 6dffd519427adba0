/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Intel 8237A DMA controller with the page registers that a PC/AT puts beside it.  The first of a
 * PC's two moves bytes (channels 0-3), the second words (channels 4-7; its ports are spaced by two).
 *
 * Devices move a block at a time: while a channel's request is held and the channel is not masked,
 * its handler is told the position within the block and its size, both in bytes, moves what it can
 * and returns the new position.  The current address and count registers follow from that; a block
 * begins when one is written and at terminal count.
 *
 * Left out, as in the PIIX: memory-to-memory transfers and what they need (the temporary register),
 * compressed timing, and active low requests.
 */

#include "i8257.h"

#include <emu/isa.h>
#include <emu/log.h>
#include <emu/machine.h>

enum {
    DMA_REG_STATUS = 8, /* write: command */
    DMA_REG_REQUEST = 9,
    DMA_REG_MASK_BIT = 10,
    DMA_REG_MODE = 11,
    DMA_REG_CLEAR_FLIP_FLOP = 12,
    DMA_REG_MASTER_CLEAR = 13, /* read: temporary register */
    DMA_REG_CLEAR_MASK = 14,
    DMA_REG_MASK = 15,
};

#define DMA_COMMAND_MEMORY_TO_MEMORY 0x01
#define DMA_COMMAND_DISABLE 0x04
#define DMA_COMMAND_ROTATING 0x10

#define DMA_MODE_DIRECTION_SHIFT 2
#define DMA_MODE_AUTOINIT 0x10
#define DMA_MODE_DECREMENT 0x20
#define DMA_MODE_SELECT(mode) ((mode) >> 6)

#define DMA_CHANNELS 4
#define DMA_FLOATING_BUS 0xff /* what is read where no device answers */

enum { DMA_MODE_DEMAND, DMA_MODE_SINGLE, DMA_MODE_BLOCK, DMA_MODE_CASCADE };

typedef struct {
    uint16_t base_address;
    uint16_t base_count;
    uint16_t first_address; /* of the block: in units, as the registers */
    uint16_t first_count;   /* units of the block less 1 */
    uint32_t position;      /* bytes moved of the block, less than all */
    uint8_t mode;
    uint8_t page;
    uint8_t page_high;
} DmaChannel;

typedef struct {
    EmuIsaDevice parent_instance;

    uint32_t base;
    uint32_t page_base;
    uint32_t pageh_base;
    uint32_t shift; /* 0: bytes, 1: words */

    DmaChannel channels[DMA_CHANNELS];
    uint8_t command;
    uint8_t mask;
    uint8_t request;  /* DREQ, held by devices */
    uint8_t software; /* requests of the guest */
    uint8_t terminal; /* terminal count reached since the status was read */
    uint8_t first;    /* the channel of highest priority, when it rotates */
    bool flip_flop;   /* the next access is the high byte */

    EmuIsaDmaFunc functions[DMA_CHANNELS];
    gpointer opaques[DMA_CHANNELS];
    EmuBh *bh;
    bool running;
} Dma;

/* Size of a channel's block in bytes. */
static uint32_t
dma_block_size(const Dma *self, const DmaChannel *c)
{
    return ((uint32_t)c->first_count + 1) << self->shift;
}

/* The current registers. */
static uint16_t
dma_get_address(const Dma *self, const DmaChannel *c)
{
    uint32_t units = c->position >> self->shift;

    return (uint16_t)(c->mode & DMA_MODE_DECREMENT ? c->first_address - units : c->first_address + units);
}

static uint16_t
dma_get_count(const Dma *self, const DmaChannel *c)
{
    return (uint16_t)(c->first_count - (c->position >> self->shift));
}

static void
dma_begin_block(DmaChannel *c, uint16_t address, uint16_t count)
{
    c->first_address = address;
    c->first_count = count;
    c->position = 0;
}

/* Where the unit that is the @pos-th byte's lies: the address counts within 64 Ki units, the page registers take no carry. */
static uint64_t
dma_get_byte_address(const Dma *self, const DmaChannel *c, uint32_t pos)
{
    uint32_t units = pos >> self->shift;
    uint16_t address = (uint16_t)(c->mode & DMA_MODE_DECREMENT ? c->first_address - units : c->first_address + units);
    uint64_t page = (uint64_t)c->page_high << 24 | (uint64_t)(self->shift ? c->page & 0xfe : c->page) << 16;

    return page + ((uint64_t)address << self->shift) + (pos & ((1u << self->shift) - 1));
}

/* ---- running ----------------------------------------------------------------------------------------- */

/* Requests that are served: a guest's own cannot be masked, and count in block mode only. */
static uint8_t
dma_get_requests(const Dma *self)
{
    uint8_t requests = self->request & ~self->mask;

    for (unsigned n = 0; n < DMA_CHANNELS; n++) {
        unsigned mode = DMA_MODE_SELECT(self->channels[n].mode);

        if (mode == DMA_MODE_CASCADE) {
            requests &= (uint8_t) ~(1u << n); /* the one behind it moves the data */
        } else if (mode == DMA_MODE_BLOCK) {
            requests |= self->software & 1u << n;
        }
    }
    return self->command & DMA_COMMAND_DISABLE ? 0 : requests;
}

/* A block that the guest asked for and no device takes part in. */
static uint32_t
dma_move_alone(Dma *self, DmaChannel *c)
{
    EmuAddressSpace *as = emu_machine_get_memory_as(emu_device_get_machine((EmuDevice *)self));
    uint32_t size = dma_block_size(self, c);
    uint8_t floating = DMA_FLOATING_BUS;

    for (uint32_t pos = c->position; (c->mode >> DMA_MODE_DIRECTION_SHIFT & 3) == EMU_ISA_DMA_WRITE_MEM && pos < size; pos++) {
        emu_dma_write(as, dma_get_byte_address(self, c, pos), &floating, 1);
    }
    return size;
}

static void
dma_run_channel(Dma *self, unsigned n)
{
    DmaChannel *c = &self->channels[n];
    uint32_t size = dma_block_size(self, c);

    if (self->functions[n]) {
        int position = self->functions[n](self->opaques[n], (int)(n + (self->shift ? 4 : 0)), (int)c->position, (int)size);

        c->position = (uint32_t)CLAMP(position, 0, (int)size);
    } else if (self->software & 1u << n) {
        c->position = dma_move_alone(self, c);
    }
    if (c->position < size) {
        return;
    }
    self->terminal |= 1u << n;
    self->software &= (uint8_t) ~(1u << n);
    if (c->mode & DMA_MODE_AUTOINIT) {
        dma_begin_block(c, c->base_address, c->base_count);
    } else {
        self->mask |= 1u << n;
        dma_begin_block(c, dma_get_address(self, c), UINT16_MAX);
    }
}

static void
dma_run(gpointer opaque)
{
    Dma *self = opaque;
    unsigned first = self->command & DMA_COMMAND_ROTATING ? self->first : 0;
    bool progress = false;

    if (self->running) {
        return;
    }
    self->running = true; /* a handler that asks for more is served in the next round */
    for (unsigned i = 0; i < DMA_CHANNELS; i++) {
        unsigned n = (first + i) % DMA_CHANNELS;

        if (dma_get_requests(self) & 1u << n) {
            uint32_t before = self->channels[n].position;
            uint8_t terminal = self->terminal;

            dma_run_channel(self, n);
            progress |= self->channels[n].position != before || self->terminal != terminal;
            self->first = (uint8_t)((n + 1) % DMA_CHANNELS);
        }
    }
    self->running = false;
    if (progress && dma_get_requests(self)) {
        emu_bh_schedule(self->bh);
    }
}

/* ---- registers ------------------------------------------------------------------------------------------ */

static uint8_t
dma_read_channel(Dma *self, unsigned reg)
{
    const DmaChannel *c = &self->channels[reg >> 1];
    uint16_t value = reg & 1 ? dma_get_count(self, c) : dma_get_address(self, c);
    bool high = self->flip_flop;
    self->flip_flop = !high;
    return high ? value >> 8 : value & 0xff;
}

static void
dma_write_channel(Dma *self, unsigned reg, uint8_t byte)
{
    DmaChannel *c = &self->channels[reg >> 1];
    uint16_t *base = reg & 1 ? &c->base_count : &c->base_address;

    *base = self->flip_flop ? (uint16_t)((*base & 0x00ff) | byte << 8) : (uint16_t)((*base & 0xff00) | byte);
    self->flip_flop = !self->flip_flop;
    /* Base and current register are written together; the other current register stays where it is. */
    dma_begin_block(c, reg & 1 ? dma_get_address(self, c) : c->base_address, reg & 1 ? c->base_count : dma_get_count(self, c));
}

static void
dma_write_mode(Dma *self, DmaChannel *c, uint8_t value)
{
    uint16_t address = dma_get_address(self, c), count = dma_get_count(self, c);

    if ((c->mode ^ value) & DMA_MODE_DECREMENT) {
        dma_begin_block(c, address, count);
    }
    c->mode = value & 0xfc;
}

static void
dma_master_clear(Dma *self)
{
    self->command = 0;
    self->software = 0;
    self->terminal = 0;
    self->first = 0;
    self->flip_flop = false;
    self->mask = 0x0f;
}

static uint64_t
dma_read(gpointer opaque, uint64_t offset, unsigned size)
{
    Dma *self = opaque;
    unsigned reg = (unsigned)(offset >> self->shift);
    uint8_t value;

    if (reg < DMA_REG_STATUS) {
        return dma_read_channel(self, reg);
    }
    switch (reg) {
    case DMA_REG_STATUS:
        value = (uint8_t)(self->terminal | (self->request | self->software) << 4);
        self->terminal = 0;
        return value;
    case DMA_REG_MASK:
        return self->mask | 0xf0;
    default:
        return 0;
    }
}

static void
dma_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Dma *self = opaque;
    unsigned reg = (unsigned)(offset >> self->shift), n = value & 3;

    if (reg < DMA_REG_STATUS) {
        dma_write_channel(self, reg, (uint8_t)value);
        return;
    }
    switch (reg) {
    case DMA_REG_STATUS:
        if (value & DMA_COMMAND_MEMORY_TO_MEMORY) {
            emu_unimp("i8257: memory-to-memory transfers");
        }
        self->command = (uint8_t)value;
        dma_run(self);
        break;
    case DMA_REG_REQUEST:
        self->software = (uint8_t)(value & 4 ? self->software | 1u << n : self->software & ~(1u << n));
        dma_run(self);
        break;
    case DMA_REG_MASK_BIT:
        self->mask = (uint8_t)(value & 4 ? self->mask | 1u << n : self->mask & ~(1u << n));
        dma_run(self);
        break;
    case DMA_REG_MODE:
        dma_write_mode(self, &self->channels[n], (uint8_t)value);
        break;
    case DMA_REG_CLEAR_FLIP_FLOP:
        self->flip_flop = false;
        break;
    case DMA_REG_MASTER_CLEAR:
        dma_master_clear(self);
        break;
    case DMA_REG_CLEAR_MASK:
        self->mask = 0;
        dma_run(self);
        break;
    default:
        self->mask = value & 0x0f;
        dma_run(self);
        break;
    }
}

static const EmuMemoryRegionOps dma_ops = {
    .read = dma_read,
    .write = dma_write,
    .valid_min = 1,
    .valid_max = 4,
    .valid_unaligned = true,
    .impl_min = 1,
    .impl_max = 1,
};

/* Page registers 1, 2, 3 and 7 are those of channels 2, 3, 1 and 0; the others are plain bytes on an AT. */
static DmaChannel *
dma_page_channel(Dma *self, uint64_t offset)
{
    static const int8_t channel[8] = {-1, 2, 3, 1, -1, -1, -1, 0};

    return channel[offset & 7] < 0 ? NULL : &self->channels[channel[offset & 7]];
}

static uint64_t
dma_page_read(gpointer opaque, uint64_t offset, unsigned size)
{
    DmaChannel *c = dma_page_channel(opaque, offset);

    return c ? c->page : 0;
}

static void
dma_page_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    DmaChannel *c = dma_page_channel(opaque, offset);

    if (c) {
        c->page = (uint8_t)value;
    }
}

static uint64_t
dma_page_high_read(gpointer opaque, uint64_t offset, unsigned size)
{
    DmaChannel *c = dma_page_channel(opaque, offset);

    return c ? c->page_high : 0;
}

static void
dma_page_high_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    DmaChannel *c = dma_page_channel(opaque, offset);

    if (c) {
        c->page_high = value & 0x7f;
    }
}

static const EmuMemoryRegionOps dma_page_ops = {
    .read = dma_page_read,
    .write = dma_page_write,
    .valid_min = 1,
    .valid_max = 4,
    .valid_unaligned = true,
    .impl_min = 1,
    .impl_max = 1,
};

static const EmuMemoryRegionOps dma_page_high_ops = {
    .read = dma_page_high_read,
    .write = dma_page_high_write,
    .valid_min = 1,
    .valid_max = 4,
    .valid_unaligned = true,
    .impl_min = 1,
    .impl_max = 1,
};

/* ---- EmuIsaDma --------------------------------------------------------------------------------------------- */

static void
dma_register_channel(EmuIsaDma *dma, int channel, EmuIsaDmaFunc fn, gpointer opaque)
{
    Dma *self = (Dma *)dma;

    self->functions[channel & 3] = fn;
    self->opaques[channel & 3] = opaque;
}

/* Moves len bytes at position pos of the block, in pieces that lie together in memory. */
static int
dma_move(Dma *self, int channel, uint8_t *buf, int pos, int len, bool to_memory)
{
    DmaChannel *c = &self->channels[channel & 3];
    EmuAddressSpace *as = emu_machine_get_memory_as(emu_device_get_machine((EmuDevice *)self));
    uint64_t window = UINT64_C(0x10000) << self->shift;
    uint32_t n;

    if (pos < 0 || len < 0) {
        return 0;
    }
    for (uint32_t done = 0; done < (uint32_t)len; done += n) {
        uint64_t address = dma_get_byte_address(self, c, (uint32_t)pos + done);

        n = c->mode & DMA_MODE_DECREMENT ? 1 : (uint32_t)MIN((uint64_t)len - done, window - (address & (window - 1)));
        if (to_memory) {
            emu_dma_write(as, address, buf + done, n);
        } else {
            emu_dma_read(as, address, buf + done, n);
        }
    }
    return len;
}

static int
dma_read_memory(EmuIsaDma *dma, int channel, void *buf, int pos, int len)
{
    return dma_move((Dma *)dma, channel, buf, pos, len, false);
}

static int
dma_write_memory(EmuIsaDma *dma, int channel, const void *buf, int pos, int len)
{
    Dma *self = (Dma *)dma;

    return dma_move(self, channel, (uint8_t *)buf, pos, len, true);
}

static void
dma_hold_request(EmuIsaDma *dma, int channel)
{
    Dma *self = (Dma *)dma;

    self->request |= 1u << (channel & 3);
    dma_run(self);
}

static void
dma_release_request(EmuIsaDma *dma, int channel)
{
    Dma *self = (Dma *)dma;

    self->request &= (uint8_t) ~(1u << (channel & 3));
}

static EmuIsaDmaDirection
dma_get_direction(EmuIsaDma *dma, int channel)
{
    Dma *self = (Dma *)dma;
    unsigned direction = self->channels[channel & 3].mode >> DMA_MODE_DIRECTION_SHIFT & 3;

    return direction == 3 ? EMU_ISA_DMA_VERIFY : (EmuIsaDmaDirection)direction;
}

static bool
dma_has_autoinit(EmuIsaDma *dma, int channel)
{
    Dma *self = (Dma *)dma;

    return self->channels[channel & 3].mode & DMA_MODE_AUTOINIT;
}

static void
dma_schedule(EmuIsaDma *dma)
{
    emu_bh_schedule(((Dma *)dma)->bh);
}

static void
dma_interface_init(gpointer iface, gpointer data)
{
    EmuIsaDmaInterface *dma = iface;

    dma->register_channel = dma_register_channel;
    dma->read_memory = dma_read_memory;
    dma->write_memory = dma_write_memory;
    dma->hold_request = dma_hold_request;
    dma->release_request = dma_release_request;
    dma->get_direction = dma_get_direction;
    dma->has_autoinit = dma_has_autoinit;
    dma->schedule = dma_schedule;
}

/* ---- life cycle ------------------------------------------------------------------------------------------------ */

static bool
dma_realize(EmuDevice *dev, GError **error)
{
    Dma *self = (Dma *)dev;
    EmuIsaDevice *isa = (EmuIsaDevice *)dev;

    self->bh = emu_bh_new(emu_device_get_context(dev), dma_run, self);
    self->mask = 0x0f;
    emu_isa_device_map_io(
        isa, emu_memory_region_new_io(self, "dma", UINT64_C(16) << self->shift, &dma_ops, self), (uint16_t)self->base);

    /* Registers 1-3 and 7 of the page block; what lies between belongs to others (port 0x80, port 0x92 ...). */
    static const struct {
        uint8_t first, count;
    } parts[] = {{1, 3}, {7, 1}};
    EmuMemoryRegion *low = emu_memory_region_new_io(self, "dma-page", 8, &dma_page_ops, self);
    EmuMemoryRegion *high = emu_memory_region_new_io(self, "dma-page-high", 8, &dma_page_high_ops, self);
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        emu_isa_device_map_io(
            isa, emu_memory_region_new_alias(self, i ? "dma-page-0" : "dma-page-1", low, parts[i].first, parts[i].count),
            (uint16_t)(self->page_base + parts[i].first));
        if (self->pageh_base) {
            emu_isa_device_map_io(isa,
                                  emu_memory_region_new_alias(self, i ? "dma-page-high-0" : "dma-page-high-1", high,
                                                              parts[i].first, parts[i].count),
                                  (uint16_t)(self->pageh_base + parts[i].first));
        }
    }
    return true;
}

static void
dma_unrealize(EmuDevice *dev)
{
    g_clear_pointer(&((Dma *)dev)->bh, emu_bh_free);
}

static void
dma_reset_enter(EmuDevice *dev)
{
    Dma *self = (Dma *)dev;

    emu_bh_cancel(self->bh);
    dma_master_clear(self);
    self->request = 0;
}

static bool
dma_post_load(gpointer opaque, unsigned version, GError **error)
{
    Dma *self = opaque;

    for (unsigned n = 0; n < DMA_CHANNELS; n++) {
        if (self->channels[n].position >= dma_block_size(self, &self->channels[n])) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                        "i8257: saved position of channel %u is 0x%x, expected less than 0x%x", n,
                        self->channels[n].position, dma_block_size(self, &self->channels[n]));
            return false;
        }
    }
    if (self->first >= DMA_CHANNELS) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "i8257: saved channel of highest priority is %u, expected 0 to 3", self->first);
        return false;
    }
    if (dma_get_requests(self)) {
        emu_bh_schedule(self->bh);
    }
    return true;
}

static const EmuVMField dma_channel_fields[] = {
    EMU_VM_U16(DmaChannel, base_address),
    EMU_VM_U16(DmaChannel, base_count),
    EMU_VM_U16(DmaChannel, first_address),
    EMU_VM_U16(DmaChannel, first_count),
    EMU_VM_U32(DmaChannel, position),
    EMU_VM_U8(DmaChannel, mode),
    EMU_VM_U8(DmaChannel, page),
    EMU_VM_U8(DmaChannel, page_high),
    EMU_VM_END,
};
static const EmuVMState dma_channel_vmstate = {
    .name = "i8257-channel",
    .version = 2,
    .minimum_version = 2,
    .fields = dma_channel_fields,
};
static const EmuVMField dma_fields[] = {
    EMU_VM_STRUCT_ARRAY(Dma, channels, &dma_channel_vmstate),
    EMU_VM_U8(Dma, command),
    EMU_VM_U8(Dma, mask),
    EMU_VM_U8(Dma, request),
    EMU_VM_U8(Dma, software),
    EMU_VM_U8(Dma, terminal),
    EMU_VM_U8(Dma, first),
    EMU_VM_BOOL(Dma, flip_flop),
    EMU_VM_END,
};
static const EmuVMState dma_vmstate = {
    .name = "i8257",
    .version = 2,
    .minimum_version = 2,
    .fields = dma_fields,
    .post_load = dma_post_load,
};

static const EmuProperty dma_properties[] = {
    EMU_PROP_UINT32_RANGE("base", Dma, base, 0x00, 0, 0xffe0, "first port of the controller"),
    EMU_PROP_UINT32_RANGE("page-base", Dma, page_base, 0x80, 0, 0xfff8, "first port of the page registers"),
    EMU_PROP_UINT32_RANGE("pageh-base", Dma, pageh_base, 0x480, 0, 0xfff8,
                          "first port of the page registers for address bits 24-30; 0: none"),
    EMU_PROP_UINT32_RANGE("dshift", Dma, shift, 0, 0, 1, "0: bytes, channels 0-3; 1: words, channels 4-7"),
};

static void
dma_class_init(gpointer klass, gconstpointer class_data)
{
    EmuDeviceClass *dc = klass;

    dc->realize = dma_realize;
    dc->unrealize = dma_unrealize;
    dc->reset_enter = dma_reset_enter;
    dc->vmstate = &dma_vmstate;
    dc->category = "misc";
    dc->model_name = "8237A";
    dc->user_creatable = false;
    emu_object_class_add_properties(klass, dma_properties, G_N_ELEMENTS(dma_properties));
}

static const EmuInterfaceImpl dma_interfaces[] = {
    {"isa-dma", dma_interface_init},
    {NULL, NULL},
};

const EmuTypeInfo i8257_type_info = {
    .name = "i8257",
    .parent = "isa-device",
    .instance_size = sizeof(Dma),
    .class_init = dma_class_init,
    .interfaces = dma_interfaces,
    .description = "8237A DMA controller with page registers",
};
