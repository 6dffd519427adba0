/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The VGA core that every card of this plugin contains: registers, the memory window at 0xa0000, the
 * Bochs VBE extension, and drawing.
 *
 * Video memory is kept interleaved: byte p of the 32-bit word o is offset o of plane p, so that the four latches load
 * as one word.  Chain-4 and VBE modes address the same bytes linearly.
 */

#include <emu/emu.h>

#define VGA_WINDOW_BASE 0xa0000
#define VGA_WINDOW_SIZE 0x20000
#define VGA_PAGE_BITS 12

/* Bochs VBE display interface, index port 0x1ce, data port 0x1cf (0x1d0). */
enum {
    VBE_REG_ID,
    VBE_REG_XRES,
    VBE_REG_YRES,
    VBE_REG_BPP,
    VBE_REG_ENABLE,
    VBE_REG_BANK,
    VBE_REG_VIRT_WIDTH,
    VBE_REG_VIRT_HEIGHT,
    VBE_REG_X_OFFSET,
    VBE_REG_Y_OFFSET,
    VBE_REG_VIDEO_MEMORY_64K,
    VBE_N_REGS,
};
#define VBE_ID0 0xb0c0
#define VBE_ID5 0xb0c5
#define VBE_ENABLE_ENABLED 0x01
#define VBE_ENABLE_GETCAPS 0x02
#define VBE_ENABLE_8BIT_DAC 0x20
#define VBE_ENABLE_LFB 0x40
#define VBE_ENABLE_NOCLEARMEM 0x80
#define VBE_MAX_XRES 16000
#define VBE_MAX_YRES 12000

typedef struct {
    EmuMachine *machine;
    EmuMemoryRegion *vram;
    EmuMemoryRegion *window;      /* 0xa0000..0xbffff, I/O */
    EmuMemoryRegion *window_ram;  /* overlays it with video memory while accesses are plain */
    EmuMemoryRegion *ports;       /* 0x3b0..0x3df */
    EmuMemoryRegion *vbe_ports;   /* 0x1ce..0x1d1 */
    EmuConsole *console;
    uint8_t *ram;
    uint32_t ram_size;

    uint8_t misc_output; /* 0x3c2/0x3cc */
    uint8_t feature;     /* 0x3xa/0x3ca */
    uint8_t sr_index, sr[8];
    uint8_t gr_index, gr[16];
    uint8_t ar_index, ar[32];
    bool ar_data_next; /* attribute flip-flop: next write of 0x3c0 is data */
    uint8_t cr_index, cr[256];
    uint8_t dac_mask, dac_state, dac_sub, dac_read, dac_write;
    uint8_t dac_cache[3];
    uint8_t palette[768];
    uint32_t latch;
    uint16_t vbe_index;
    uint16_t vbe[VBE_N_REGS];

    /* What the surface shows, so that unchanged parts stay. */
    bool redraw_all;
    unsigned shown_width, shown_height;
    uint64_t shown_mode;
    uint32_t colors[256]; /* palette as x8r8g8b8 */
    bool palette_changed;
    uint8_t *dirty_pages; /* of video memory, as collected for this update */
    uint32_t *cells; /* text: char | attribute << 8 | font hash bits */
    unsigned n_cells;
    bool fonts_changed;
    unsigned shown_cursor;
    bool cursor_on;
} VgaCore;

/* Life. @owner owns the regions; vga_core_map places the legacy ones. */
bool vga_core_realize(VgaCore *s, EmuDevice *owner, uint32_t vram_size, GError **error);
void vga_core_unrealize(VgaCore *s);
void vga_core_reset(VgaCore *s);
extern const EmuVMState vga_core_vmstate;

uint8_t vga_port_read(VgaCore *s, uint16_t port);
void vga_port_write(VgaCore *s, uint16_t port, uint8_t value);

uint16_t vga_vbe_read(VgaCore *s, unsigned index);
void vga_vbe_write(VgaCore *s, unsigned index, uint16_t value);

extern const EmuMemoryRegionOps vga_window_ops;
/* Decides whether the window can be video memory itself; after changes of sr, gr or VBE. */
void vga_window_update(VgaCore *s);

extern const EmuConsoleOps vga_console_ops;

static inline bool
vga_vbe_enabled(const VgaCore *s)
{
    return s->vbe[VBE_REG_ENABLE] & VBE_ENABLE_ENABLED;
}

/* Bytes from one line to the next in the VBE mode. */
static inline uint32_t
vga_vbe_pitch(const VgaCore *s)
{
    uint32_t bpp = s->vbe[VBE_REG_BPP];

    return bpp == 4 ? s->vbe[VBE_REG_VIRT_WIDTH] / 2u
                    : (uint32_t)s->vbe[VBE_REG_VIRT_WIDTH] * ((bpp + 7) / 8);
}
