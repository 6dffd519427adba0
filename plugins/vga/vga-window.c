/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The memory window at 0xa0000 (IBM VGA Technical Reference, "Graphics Controller"): four planes, latches, write modes
 * 0..3, read modes 0 and 1, odd/even and chain-4 addressing.
 */

#include "vga.h"

#include <string.h>

/* Expands plane bits 0..3 to a byte mask in each byte of a word. */
static uint32_t
plane_mask(unsigned planes)
{
    static const uint32_t masks[16] = {
        0x00000000, 0x000000ff, 0x0000ff00, 0x0000ffff, 0x00ff0000, 0x00ff00ff, 0x00ffff00, 0x00ffffff,
        0xff000000, 0xff0000ff, 0xff00ff00, 0xff00ffff, 0xffff0000, 0xffff00ff, 0xffffff00, 0xffffffff,
    };

    return masks[planes & 15];
}

/* Offset in the selected part of the window, or -1 when the graphics controller does not answer there. */
static int64_t
window_offset(const VgaCore *s, uint64_t addr)
{
    switch ((s->gr[6] >> 2) & 3) {
    case 0:
        return addr;
    case 1:
        if (addr >= 0x10000) {
            return -1;
        }
        return addr + ((uint64_t)s->vbe[VBE_REG_BANK] << 16);
    case 2:
        return addr >= 0x10000 && addr < 0x18000 ? (int64_t)addr - 0x10000 : -1;
    default:
        return addr >= 0x18000 ? (int64_t)addr - 0x18000 : -1;
    }
}

static bool
window_is_linear(const VgaCore *s)
{
    return (s->sr[4] & 8) || (vga_vbe_enabled(s) && s->vbe[VBE_REG_BPP] != 4);
}

static uint32_t
load_word(const VgaCore *s, uint32_t word)
{
    uint32_t v;

    if ((uint64_t)word * 4 + 4 > s->ram_size) {
        return 0;
    }
    memcpy(&v, s->ram + (gsize)word * 4, 4);
    return GUINT32_FROM_LE(v);
}

static void
store_word(VgaCore *s, uint32_t word, uint32_t value, uint32_t mask)
{
    uint32_t old;

    if (!mask || (uint64_t)word * 4 + 4 > s->ram_size) {
        return;
    }
    old = load_word(s, word);
    value = GUINT32_TO_LE((old & ~mask) | (value & mask));
    memcpy(s->ram + (gsize)word * 4, &value, 4);
    emu_memory_region_set_dirty(s->vram, (uint64_t)word * 4, 4);
    if (mask & 0x00ff0000) {
        s->fonts_changed = true;
    }
}

static uint64_t
vga_window_read_cb(gpointer opaque, uint64_t addr, unsigned size G_GNUC_UNUSED)
{
    VgaCore *s = opaque;
    int64_t offset = window_offset(s, addr);

    if (offset < 0) {
        return 0xff;
    }
    if (window_is_linear(s)) {
        return offset < s->ram_size ? s->ram[offset] : 0xff;
    }
    if (s->gr[5] & 0x10) {
        unsigned plane = (s->gr[4] & 2) | (offset & 1);

        s->latch = load_word(s, offset >> 1);
        return (s->latch >> (plane * 8)) & 0xff;
    }
    s->latch = load_word(s, offset);
    if (!(s->gr[5] & 0x08)) {
        return (s->latch >> ((s->gr[4] & 3) * 8)) & 0xff;
    } else {
        /* Read mode 1: a bit is set where all planes that matter have the compare color. */
        uint32_t differ = (s->latch ^ plane_mask(s->gr[2])) & plane_mask(s->gr[7]);

        differ |= differ >> 16;
        differ |= differ >> 8;
        return ~differ & 0xff;
    }
}

static uint32_t
vga_alu(const VgaCore *s, uint32_t value)
{
    switch ((s->gr[3] >> 3) & 3) {
    case 1:
        return value & s->latch;
    case 2:
        return value | s->latch;
    case 3:
        return value ^ s->latch;
    default:
        return value;
    }
}

static uint8_t
rotate_right(uint8_t value, unsigned n)
{
    return n ? (uint8_t)(value >> n | value << (8 - n)) : value;
}

static void
vga_window_write_cb(gpointer opaque, uint64_t addr, uint64_t data, unsigned size G_GNUC_UNUSED)
{
    VgaCore *s = opaque;
    int64_t offset = window_offset(s, addr);
    uint32_t value, mask = (data & 0xff) * 0x01010101u;
    uint32_t bits = s->gr[8] * 0x01010101u;

    if (offset < 0) {
        return;
    }
    if (window_is_linear(s)) {
        if (offset < s->ram_size && (vga_vbe_enabled(s) || (s->sr[2] & (1 << (offset & 3))))) {
            s->ram[offset] = data;
            emu_memory_region_set_dirty(s->vram, offset, 1);
        }
        return;
    }
    if (s->gr[5] & 0x10) {
        unsigned plane = (s->gr[4] & 2) | (offset & 1);

        if (s->sr[2] & (1 << plane)) {
            store_word(s, offset >> 1, (uint32_t)(data & 0xff) << (plane * 8), 0xffu << (plane * 8));
        }
        return;
    }
    switch (s->gr[5] & 3) {
    case 0:
        value = rotate_right(data, s->gr[3] & 7) * 0x01010101u;
        value = (value & ~plane_mask(s->gr[1])) | (plane_mask(s->gr[0]) & plane_mask(s->gr[1]));
        value = vga_alu(s, value);
        break;
    case 1:
        value = s->latch;
        bits = 0xffffffff;
        break;
    case 2:
        value = vga_alu(s, plane_mask(data));
        break;
    default:
        /* Write mode 3: the rotated byte masks, set/reset gives the color. */
        bits &= rotate_right(data, s->gr[3] & 7) * 0x01010101u;
        value = vga_alu(s, plane_mask(s->gr[0]));
        break;
    }
    value = (value & bits) | (s->latch & ~bits);
    mask = plane_mask(s->sr[2]);
    store_word(s, offset, value, mask);
}

const EmuMemoryRegionOps vga_window_ops = {
    .read = vga_window_read_cb,
    .write = vga_window_write_cb,
    .valid_min = 1,
    .valid_max = 8,
    .impl_min = 1,
    .impl_max = 1,
    .valid_unaligned = true,
};

void
vga_window_update(VgaCore *s)
{
    bool plain;

    if (!s->window_ram) {
        return;
    }
    plain = window_is_linear(s) && ((s->gr[6] >> 2) & 3) == 1 && (s->sr[2] & 15) == 15;
    emu_memory_transaction_begin();
    if (plain) {
        emu_memory_region_set_alias_offset(s->window_ram, (uint64_t)s->vbe[VBE_REG_BANK] << 16);
    }
    emu_memory_region_set_enabled(s->window_ram, plain);
    emu_memory_transaction_commit();
}
