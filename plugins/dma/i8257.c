/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Intel 8237A DMA controller with the page registers that a PC/AT puts beside it.  The first of a
 * PC's two moves bytes (channels 0-3), the second words (channels 4-7; its ports are spaced by two).
 *
 * Devices move a block at a time: while a channel's request is held and the channel is not masked,
 * its handler is told the position within the block and its size, both in bytes, moves what it can
 * and returns the new position.  The address and count that a guest reads are computed from that.
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

#define DMA_MODE_DIRECTION_SHIFT 2
#define DMA_MODE_AUTOINIT 0x10
#define DMA_MODE_DECREMENT 0x20

#define DMA_CHANNELS 4

typedef struct {
    uint16_t base_address;
    uint16_t base_count;
    uint32_t position; /* bytes moved of the block */
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
    uint8_t request;  /* held by devices or set by software */
    uint8_t terminal; /* terminal count reached since the status was read */
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
    return ((uint32_t)c->base_count + 1) << self->shift;
}

/* ---- running ----------------------------------------------------------------------------------------- */

static void
dma_run_channel(Dma *self, unsigned n)
{
    DmaChannel *c = &self->channels[n];
    uint32_t size = dma_block_size(self, c);

    if (!self->functions[n]) {
        return;
    }
    int position = self->functions[n](self->opaques[n], (int)(n + (self->shift ? 4 : 0)), (int)c->position, (int)size);
    c->position = (uint32_t)CLAMP(position, 0, (int)size);
    if (c->position == size) {
        self->terminal |= 1u << n;
        if (c->mode & DMA_MODE_AUTOINIT) {
            c->position = 0;
        } else {
            self->mask |= 1u << n;
        }
    }
}

static void
dma_run(gpointer opaque)
{
    Dma *self = opaque;
    bool progress = false;

    if (self->running || self->command & DMA_COMMAND_DISABLE) {
        return;
    }
    self->running = true; /* a handler that asks for more is served in the next round */
    for (unsigned n = 0; n < DMA_CHANNELS; n++) {
        if (self->request & ~self->mask & 1u << n) {
            uint32_t before = self->channels[n].position;
            dma_run_channel(self, n);
            progress |= self->channels[n].position != before;
        }
    }
    self->running = false;
    if (progress && self->request & ~self->mask) {
        emu_bh_schedule(self->bh);
    }
}

/* ---- registers ------------------------------------------------------------------------------------------ */

static uint8_t
dma_read_channel(Dma *self, unsigned reg)
{
    DmaChannel *c = &self->channels[reg >> 1];
    uint32_t units = c->position >> self->shift;
    uint16_t value;

    if (reg & 1) {
        value = (uint16_t)(c->base_count - units);
    } else {
        value = (uint16_t)(c->mode & DMA_MODE_DECREMENT ? c->base_address - units : c->base_address + units);
    }
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
    c->position = 0; /* base and current registers are written together */
}

static void
dma_master_clear(Dma *self)
{
    self->command = 0;
    self->request = 0;
    self->terminal = 0;
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
        value = (uint8_t)(self->terminal | self->request << 4);
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
        self->request = (uint8_t)(value & 4 ? self->request | 1u << n : self->request & ~(1u << n));
        dma_run(self);
        break;
    case DMA_REG_MASK_BIT:
        self->mask = (uint8_t)(value & 4 ? self->mask | 1u << n : self->mask & ~(1u << n));
        dma_run(self);
        break;
    case DMA_REG_MODE:
        self->channels[n].mode = (uint8_t)(value & 0xfc);
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

/*
 * Moves len bytes at position pos of the block.  The address counts within a 64 KiB page (128 KiB
 * for words): the page register takes no carry.
 */
static int
dma_move(Dma *self, int channel, uint8_t *buf, int pos, int len, bool to_memory)
{
    DmaChannel *c = &self->channels[channel & 3];
    EmuAddressSpace *as = emu_machine_get_memory_as(emu_device_get_machine((EmuDevice *)self));
    uint32_t window = 0x10000u << self->shift;
    uint64_t page = (uint64_t)c->page_high << 24 | (uint64_t)(self->shift ? c->page & 0xfe : c->page) << 16;
    uint32_t start = (uint32_t)c->base_address << self->shift;

    if (pos < 0 || len < 0) {
        return 0;
    }
    if (c->mode & DMA_MODE_DECREMENT) {
        for (int i = 0; i < len; i++) {
            uint64_t addr = page + ((start - (uint32_t)pos - (uint32_t)i) & (window - 1));
            if (to_memory) {
                emu_dma_write(as, addr, buf + i, 1);
            } else {
                emu_dma_read(as, addr, buf + i, 1);
            }
        }
        return len;
    }
    for (int done = 0; done < len;) {
        uint32_t offset = (start + (uint32_t)pos + (uint32_t)done) & (window - 1);
        uint32_t n = MIN((uint32_t)(len - done), window - offset);
        if (to_memory) {
            emu_dma_write(as, page + offset, buf + done, n);
        } else {
            emu_dma_read(as, page + offset, buf + done, n);
        }
        done += (int)n;
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
}

static bool
dma_post_load(gpointer opaque, unsigned version, GError **error)
{
    Dma *self = opaque;

    for (unsigned n = 0; n < DMA_CHANNELS; n++) {
        if (self->channels[n].position > dma_block_size(self, &self->channels[n])) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                        "i8257: saved position of channel %u is 0x%x, expected at most 0x%x", n,
                        self->channels[n].position, dma_block_size(self, &self->channels[n]));
            return false;
        }
    }
    if (self->request & ~self->mask) {
        emu_bh_schedule(self->bh);
    }
    return true;
}

static const EmuVMField dma_channel_fields[] = {
    EMU_VM_U16(DmaChannel, base_address),
    EMU_VM_U16(DmaChannel, base_count),
    EMU_VM_U32(DmaChannel, position),
    EMU_VM_U8(DmaChannel, mode),
    EMU_VM_U8(DmaChannel, page),
    EMU_VM_U8(DmaChannel, page_high),
    EMU_VM_END,
};
static const EmuVMState dma_channel_vmstate = {
    .name = "i8257-channel",
    .version = 1,
    .minimum_version = 1,
    .fields = dma_channel_fields,
};
static const EmuVMField dma_fields[] = {
    EMU_VM_STRUCT_ARRAY(Dma, channels, &dma_channel_vmstate),
    EMU_VM_U8(Dma, command),
    EMU_VM_U8(Dma, mask),
    EMU_VM_U8(Dma, request),
    EMU_VM_U8(Dma, terminal),
    EMU_VM_BOOL(Dma, flip_flop),
    EMU_VM_END,
};
static const EmuVMState dma_vmstate = {
    .name = "i8257",
    .version = 1,
    .minimum_version = 1,
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
