/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From video memory to the surface. Text cells are compared with what is shown; graphics lines are redrawn when
 * their bytes are dirty.
 */

#include "vga.h"

#include <string.h>

typedef enum { SHOW_BLANK, SHOW_TEXT, SHOW_PLANAR, SHOW_CGA4, SHOW_LINEAR } ShowKind;

/* One decoded mode: what to draw and from where. */
typedef struct {
    ShowKind kind;
    unsigned width, height; /* of the surface */
    unsigned bpp;           /* SHOW_LINEAR */
    unsigned x_scale, y_scale;
    uint32_t start;         /* byte offset of the first line in video memory */
    uint32_t pitch;         /* bytes from line to line */
    unsigned line_compare;  /* lines from here on start at byte 0 */
    unsigned columns, rows, cell_width, cell_height;
} Show;

static unsigned
vertical_display_end(const VgaCore *s)
{
    return (s->cr[0x12] | (s->cr[7] & 2) << 7 | (s->cr[7] & 0x40) << 3) + 1u;
}

static void
vga_decode_mode(const VgaCore *s, Show *m)
{
    unsigned lines = vertical_display_end(s);
    unsigned repeat = (s->cr[9] & 0x1f) + 1u;
    uint32_t start = s->cr[0x0c] << 8 | s->cr[0x0d];

    memset(m, 0, sizeof(*m));
    m->x_scale = m->y_scale = 1;
    m->line_compare = UINT32_MAX;
    if (vga_vbe_enabled(s)) {
        m->kind = s->vbe[VBE_REG_BPP] == 4 ? SHOW_PLANAR : SHOW_LINEAR;
        m->bpp = s->vbe[VBE_REG_BPP];
        m->width = s->vbe[VBE_REG_XRES];
        m->height = s->vbe[VBE_REG_YRES];
        m->pitch = vga_vbe_pitch(s);
        m->start = s->vbe[VBE_REG_Y_OFFSET] * m->pitch + s->vbe[VBE_REG_X_OFFSET] * ((m->bpp + 7) / 8);
        if (m->kind == SHOW_PLANAR) {
            m->pitch *= 4;
            m->start *= 4;
        }
        return;
    }
    if (!(s->ar_index & 0x20) || (s->sr[1] & 0x20)) {
        m->kind = SHOW_BLANK;
        m->width = 640;
        m->height = 480;
        return;
    }
    m->start = start * 4;
    m->pitch = s->cr[0x13] * 8u;
    if (!(s->gr[6] & 1)) {
        m->kind = SHOW_TEXT;
        m->columns = s->cr[1] + 1u;
        m->cell_height = repeat;
        m->cell_width = ((s->sr[1] & 1) ? 8 : 9) * ((s->sr[1] & 8) ? 2 : 1);
        m->rows = lines / m->cell_height;
        m->columns = MIN(m->columns, 256);
        m->rows = CLAMP(m->rows, 1, 256);
        m->width = m->columns * m->cell_width;
        m->height = m->rows * m->cell_height;
        return;
    }
    m->line_compare = s->cr[0x18] | (s->cr[7] & 0x10) << 4 | (s->cr[9] & 0x40) << 3;
    m->height = lines;
    m->y_scale = repeat;
    if (s->cr[9] & 0x80) {
        m->y_scale = MAX(m->y_scale, 2);
    }
    m->width = (s->cr[1] + 1u) * 8;
    switch ((s->gr[5] >> 5) & 3) {
    case 0:
        m->kind = SHOW_PLANAR;
        if (s->sr[1] & 8) {
            m->width *= 2;
            m->x_scale = 2;
        }
        break;
    case 1:
        m->kind = SHOW_CGA4;
        if (s->sr[1] & 8) {
            m->width *= 2;
            m->x_scale = 2;
        }
        break;
    default:
        m->kind = SHOW_LINEAR;
        m->bpp = 8;
        m->x_scale = 2;
        break;
    }
    if (!m->pitch) {
        m->pitch = m->width / m->x_scale;
    }
}

static void
vga_update_palette(VgaCore *s)
{
    bool wide = s->vbe[VBE_REG_ENABLE] & VBE_ENABLE_8BIT_DAC;

    for (unsigned i = 0; i < 256; i++) {
        const uint8_t *c = &s->palette[i * 3];

        if (wide) {
            s->colors[i] = (uint32_t)c[0] << 16 | c[1] << 8 | c[2];
        } else {
            unsigned r = c[0] & 63, g = c[1] & 63, b = c[2] & 63;

            s->colors[i] = (r << 2 | r >> 4) << 16 | (g << 2 | g >> 4) << 8 | (b << 2 | b >> 4);
        }
    }
    s->palette_changed = false;
    s->redraw_all = true;
}

/* The color of a 4-bit attribute, through the attribute controller's palette (10h mode control, 14h color select). */
static uint32_t
vga_color16(const VgaCore *s, unsigned index)
{
    unsigned v = s->ar[index & s->ar[0x12] & 15];

    if (s->ar[0x10] & 0x80) {
        v = (v & 0x0f) | (s->ar[0x14] & 0x0f) << 4;
    } else {
        v = (v & 0x3f) | (s->ar[0x14] & 0x0c) << 4;
    }
    return s->colors[v & s->dac_mask];
}

/* ---- text ------------------------------------------------------------------------------------ */

static unsigned
vga_cell_at(const VgaCore *s, const Show *m, unsigned row, unsigned column)
{
    uint32_t offset = m->start + row * m->pitch + column * 4;

    offset &= s->ram_size - 1;
    return s->ram[offset] | s->ram[offset + 1] << 8;
}

static uint32_t
font_offset(const VgaCore *s, bool second)
{
    unsigned v = s->sr[3];
    unsigned map = second ? ((v >> 5) & 1) | ((v >> 1) & 6) : ((v >> 4) & 1) | ((v << 1) & 6);

    /* Maps 0..3 lie 16 KiB apart, 4..7 between them. */
    return ((map & 1) * 8192u + (map >> 1) * 16384u) * 4 + 2;
}

static void
vga_draw_cell(VgaCore *s, const Show *m, uint32_t *pixels, unsigned stride, unsigned row, unsigned column, unsigned cell, bool cursor)
{
    unsigned ch = cell & 0xff, attr = cell >> 8;
    bool blink_enabled = s->ar[0x10] & 8;
    uint32_t fg = vga_color16(s, attr & 15);
    uint32_t bg = vga_color16(s, blink_enabled ? (attr >> 4) & 7 : attr >> 4);
    uint32_t font = font_offset(s, (attr & 8) != 0) + ch * 32 * 4;
    unsigned dots = (s->sr[1] & 1) ? 8 : 9;
    unsigned scale = m->cell_width / dots;
    unsigned cursor_start = s->cr[0x0a] & 0x1f, cursor_end = s->cr[0x0b] & 0x1f;

    for (unsigned y = 0; y < m->cell_height; y++) {
        uint32_t *line = pixels + (row * m->cell_height + y) * stride + column * m->cell_width;
        unsigned bits = s->ram[(font + (y & 31) * 4) & (s->ram_size - 1)] << 1;

        /* Line graphics characters repeat the eighth column in the ninth. */
        if (ch >= 0xc0 && ch <= 0xdf && (s->ar[0x10] & 4)) {
            bits |= (bits >> 1) & 1;
        }
        if (cursor && y >= cursor_start && y <= cursor_end) {
            bits = 0x1ff;
        }
        for (unsigned x = 0; x < m->cell_width; x++) {
            line[x] = (bits >> (8 - x / scale)) & 1 ? fg : bg;
        }
    }
}

static void
vga_draw_text(VgaCore *s, const Show *m, uint32_t *pixels, unsigned stride)
{
    unsigned n = m->columns * m->rows;
    uint32_t cursor_at = (uint32_t)(s->cr[0x0e] << 8 | s->cr[0x0f]) - m->start / 4;
    int64_t half_second = emu_clock_get_ns(emu_machine_get_clock(s->machine, EMU_CLOCK_VIRTUAL)) / 266000000;
    bool cursor_on = !(s->cr[0x0a] & 0x20) && (half_second & 1) == 0;
    unsigned cursor_key = cursor_at | (s->cr[0x0a] & 0x1f) << 17 | (s->cr[0x0b] & 0x1f) << 22;
    unsigned min_x = m->columns, max_x = 0, min_y = m->rows, max_y = 0;
    bool cursor_moved = cursor_on != s->cursor_on || cursor_key != s->shown_cursor;
    unsigned old_cursor = s->shown_cursor & 0x1ffff;

    if (n != s->n_cells) {
        g_free(s->cells);
        s->cells = g_new0(uint32_t, n);
        s->n_cells = n;
        s->redraw_all = true;
    }
    if (s->fonts_changed) {
        s->fonts_changed = false;
        s->redraw_all = true;
    }
    for (unsigned row = 0; row < m->rows; row++) {
        for (unsigned column = 0; column < m->columns; column++) {
            unsigned i = row * m->columns + column;
            unsigned cell = vga_cell_at(s, m, row, column);
            unsigned address = row * (m->pitch / 4) + column;
            bool at_cursor = address == cursor_at;

            if (!s->redraw_all && s->cells[i] == cell && !(cursor_moved && (at_cursor || address == old_cursor))) {
                continue;
            }
            s->cells[i] = cell;
            vga_draw_cell(s, m, pixels, stride, row, column, cell, at_cursor && cursor_on);
            min_x = MIN(min_x, column);
            max_x = MAX(max_x, column);
            min_y = MIN(min_y, row);
            max_y = MAX(max_y, row);
        }
    }
    s->cursor_on = cursor_on;
    s->shown_cursor = cursor_key;
    if (min_x <= max_x && min_y <= max_y) {
        emu_console_damage(s->console, min_x * m->cell_width, min_y * m->cell_height,
                           (max_x - min_x + 1) * m->cell_width, (max_y - min_y + 1) * m->cell_height);
    }
}

/* ---- graphics ---------------------------------------------------------------------------------- */

static uint32_t
vga_linear_pixel(const VgaCore *s, const uint8_t *p, unsigned bpp)
{
    unsigned v;

    switch (bpp) {
    case 8:
        return s->colors[*p & s->dac_mask];
    case 15:
        v = p[0] | p[1] << 8;
        return ((v >> 10 & 31) * 255 / 31) << 16 | ((v >> 5 & 31) * 255 / 31) << 8 | ((v & 31) * 255 / 31);
    case 16:
        v = p[0] | p[1] << 8;
        return ((v >> 11 & 31) * 255 / 31) << 16 | ((v >> 5 & 63) * 255 / 63) << 8 | ((v & 31) * 255 / 31);
    default:
        return p[0] | p[1] << 8 | (uint32_t)p[2] << 16;
    }
}

static void
vga_draw_line(VgaCore *s, const Show *m, uint32_t *out, uint32_t offset)
{
    unsigned n = m->width / m->x_scale;
    unsigned skip = m->kind == SHOW_PLANAR && !vga_vbe_enabled(s) ? s->ar[0x13] & 7 : 0;

    for (unsigned x = 0; x < n; x++) {
        uint32_t color;

        if (m->kind == SHOW_LINEAR) {
            unsigned bytes = (m->bpp + 7) / 8;
            uint64_t at = (uint64_t)offset + (uint64_t)x * bytes;

            color = at + bytes <= s->ram_size ? vga_linear_pixel(s, s->ram + at, m->bpp) : 0;
        } else {
            unsigned px = x + skip;
            uint32_t word = (offset + px / 8 * 4) & (s->ram_size - 1) & ~3u;
            const uint8_t *p = s->ram + word;
            unsigned bit = 7 - px % 8;

            if (m->kind == SHOW_PLANAR) {
                color = vga_color16(s, (p[0] >> bit & 1) | (p[1] >> bit & 1) << 1 | (p[2] >> bit & 1) << 2 | (p[3] >> bit & 1) << 3);
            } else {
                /* Shift-register interleave: two bits a pixel, even bytes in planes 0/2, odd in 1/3. */
                const uint8_t low = p[(px / 4) & 1], high = p[((px / 4) & 1) + 2];
                unsigned shift = 6 - (px & 3) * 2;

                color = vga_color16(s, ((low >> shift) & 3) | ((high >> shift) & 3) << 2);
            }
        }
        for (unsigned i = 0; i < m->x_scale; i++) {
            *out++ = color;
        }
    }
}

/* Dirty bits are per page and cleared by looking; several lines share one. So collect first, then draw. */
static void
vga_collect_dirty(VgaCore *s, const Show *m)
{
    uint64_t first = MIN(m->start, s->ram_size - 1) >> VGA_PAGE_BITS;
    uint64_t end = MIN(m->start + (uint64_t)m->height * m->pitch + m->pitch, s->ram_size) >> VGA_PAGE_BITS;

    if (m->line_compare < m->height) {
        first = 0;
    }
    emu_address_space_sync_dirty(emu_machine_get_memory_as(s->machine));
    for (uint64_t page = first; page <= end && page < s->ram_size >> VGA_PAGE_BITS; page++) {
        s->dirty_pages[page] = emu_memory_region_test_and_clear_dirty(s->vram, page << VGA_PAGE_BITS,
                                                                      1u << VGA_PAGE_BITS, EMU_DIRTY_VGA);
    }
}

static bool
vga_line_is_dirty(const VgaCore *s, uint32_t offset, uint32_t len)
{
    uint64_t end = MIN((uint64_t)offset + len, s->ram_size);

    for (uint64_t page = offset >> VGA_PAGE_BITS; page << VGA_PAGE_BITS < end; page++) {
        if (s->dirty_pages[page]) {
            return true;
        }
    }
    return false;
}

static void
vga_draw_graphics(VgaCore *s, const Show *m, uint32_t *pixels, unsigned stride)
{
    unsigned first = m->height, last = 0;
    uint32_t base = m->start;
    unsigned source_line = 0;
    bool vbe = vga_vbe_enabled(s);

    vga_collect_dirty(s, m);
    for (unsigned y = 0; y < m->height; y++) {
        uint32_t offset;
        unsigned line = source_line;

        if (y > 0 && y - 1 == m->line_compare) {
            base = 0;
            line = source_line = 0;
        }
        offset = base + line * m->pitch;
        if (!vbe) {
            /* CGA and Hercules compatible addressing: row scan bits replace address bits 13 and 14. */
            unsigned scan = y % m->y_scale;

            if (!(s->cr[0x17] & 1) && m->y_scale > 1) {
                offset = base + (y / m->y_scale) * m->pitch;
                offset = (offset & ~(1u << 15)) | (scan & 1) << 15;
            }
            if (!(s->cr[0x17] & 2) && m->y_scale > 2) {
                offset = (offset & ~(1u << 16)) | (scan & 2) << 15;
            }
            offset &= s->ram_size - 1;
        }
        if (s->redraw_all || vga_line_is_dirty(s, offset, m->pitch)) {
            vga_draw_line(s, m, pixels + y * stride, offset);
            first = MIN(first, y);
            last = MAX(last, y);
        }
        if ((y + 1) % m->y_scale == 0) {
            source_line++;
        }
    }
    if (first <= last) {
        emu_console_damage(s->console, 0, first, m->width, last - first + 1);
    }
}

static void
vga_update_cb(gpointer opaque)
{
    VgaCore *s = opaque;
    pixman_image_t *surface;
    uint64_t key;
    Show m;
    uint32_t *pixels;
    unsigned stride;

    vga_decode_mode(s, &m);
    key = m.kind | (uint64_t)m.bpp << 4 | (uint64_t)m.pitch << 12 | (uint64_t)(m.start & 0xffffff) << 36;
    if (m.width != s->shown_width || m.height != s->shown_height) {
        emu_console_resize(s->console, m.width, m.height);
        s->shown_width = m.width;
        s->shown_height = m.height;
        s->redraw_all = true;
    }
    if (key != s->shown_mode) {
        s->shown_mode = key;
        s->redraw_all = true;
    }
    if (s->palette_changed) {
        vga_update_palette(s);
    }
    surface = emu_console_get_surface(s->console);
    if (!surface) {
        return;
    }
    pixels = pixman_image_get_data(surface);
    stride = pixman_image_get_stride(surface) / 4;
    switch (m.kind) {
    case SHOW_BLANK:
        if (s->redraw_all) {
            for (unsigned y = 0; y < m.height; y++) {
                memset(pixels + y * stride, 0, m.width * 4);
            }
            emu_console_damage(s->console, 0, 0, m.width, m.height);
        }
        break;
    case SHOW_TEXT:
        vga_draw_text(s, &m, pixels, stride);
        break;
    default:
        vga_draw_graphics(s, &m, pixels, stride);
        break;
    }
    s->redraw_all = false;
}

static void
vga_invalidate_cb(gpointer opaque)
{
    VgaCore *s = opaque;

    s->redraw_all = true;
}

static bool
vga_get_text_cb(gpointer opaque, unsigned *columns, unsigned *rows, GArray *cells)
{
    VgaCore *s = opaque;
    Show m;

    vga_decode_mode(s, &m);
    if (m.kind != SHOW_TEXT) {
        return false;
    }
    *columns = m.columns;
    *rows = m.rows;
    for (unsigned row = 0; row < m.rows; row++) {
        for (unsigned column = 0; column < m.columns; column++) {
            uint16_t cell = vga_cell_at(s, &m, row, column);

            g_array_append_val(cells, cell);
        }
    }
    return true;
}

const EmuConsoleOps vga_console_ops = {
    .update = vga_update_cb,
    .invalidate = vga_invalidate_cb,
    .get_text = vga_get_text_cb,
};
