/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * VGA registers (IBM VGA Technical Reference, 1992) and the Bochs VBE display interface.
 */

#include "vga.h"

#include <string.h>

/* Which bits of each register exist. */
static const uint8_t sr_mask[8] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0x00, 0x00, 0xff};
static const uint8_t gr_mask[16] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};

#define MISC_COLOR 0x01
#define CR_PROTECT 0x80

static uint64_t
vga_frame_ns(const VgaCore *s, uint64_t *line_ns)
{
    static const unsigned clocks[4] = {25175000, 28322000, 25175000, 25175000};
    unsigned clock = clocks[(s->misc_output >> 2) & 3] / ((s->sr[1] & 8) ? 2 : 1);
    unsigned chars = s->cr[0] + 5u;
    unsigned dots = (s->sr[1] & 1) ? 8 : 9;
    unsigned lines = (s->cr[6] | (s->cr[7] & 1) << 8 | (s->cr[7] & 0x20) << 4) + 2u;

    *line_ns = MAX(emu_muldiv64((uint64_t)chars * dots, EMU_NS_PER_SEC, clock), 1000);
    return *line_ns * MAX(lines, 100);
}

/* Input status 1: bit 0 display disabled, bit 3 vertical retrace; from the time within the frame. */
static uint8_t
vga_input_status1(const VgaCore *s)
{
    uint64_t line_ns;
    uint64_t frame_ns = vga_frame_ns(s, &line_ns);
    uint64_t now = (uint64_t)emu_clock_get_ns(emu_machine_get_clock(s->machine, EMU_CLOCK_VIRTUAL));
    uint64_t in_frame = now % frame_ns;
    unsigned line = in_frame / line_ns;
    unsigned total = frame_ns / line_ns;
    unsigned display_end = MIN((s->cr[0x12] | (s->cr[7] & 2) << 7 | (s->cr[7] & 0x40) << 3) + 1u, total - 4);
    unsigned retrace = s->cr[0x10] | (s->cr[7] & 4) << 6 | (s->cr[7] & 0x80) << 2;
    uint8_t status = 0;

    if (retrace <= display_end || retrace + 2 > total) {
        retrace = display_end + 1;
    }
    if (line >= retrace && line < retrace + 2) {
        status |= 0x08;
    }
    if (line >= display_end || in_frame % line_ns > line_ns * 4 / 5) {
        status |= 0x01;
    }
    return status;
}

static bool
vga_port_absent(const VgaCore *s, uint16_t port)
{
    if (s->misc_output & MISC_COLOR) {
        return port >= 0x3b0 && port <= 0x3bf;
    }
    return port >= 0x3d0 && port <= 0x3df;
}

uint8_t
vga_port_read(VgaCore *s, uint16_t port)
{
    uint8_t v;

    if (vga_port_absent(s, port)) {
        return 0xff;
    }
    switch (port) {
    case 0x3c0:
        return s->ar_data_next ? 0 : s->ar_index;
    case 0x3c1:
        return (s->ar_index & 0x1f) < 21 ? s->ar[s->ar_index & 0x1f] : 0;
    case 0x3c2:
        return 0x10; /* switch sense: a color monitor is there */
    case 0x3c4:
        return s->sr_index;
    case 0x3c5:
        return s->sr[s->sr_index];
    case 0x3c6:
        return s->dac_mask;
    case 0x3c7:
        return s->dac_state;
    case 0x3c8:
        return s->dac_write;
    case 0x3c9:
        v = s->palette[s->dac_read * 3 + s->dac_sub];
        if (++s->dac_sub == 3) {
            s->dac_sub = 0;
            s->dac_read++;
        }
        return v;
    case 0x3ca:
        return s->feature;
    case 0x3cc:
        return s->misc_output;
    case 0x3ce:
        return s->gr_index;
    case 0x3cf:
        return s->gr[s->gr_index];
    case 0x3b4:
    case 0x3d4:
        return s->cr_index;
    case 0x3b5:
    case 0x3d5:
        return s->cr[s->cr_index];
    case 0x3ba:
    case 0x3da:
        s->ar_data_next = false;
        return vga_input_status1(s);
    default:
        return 0xff;
    }
}

static void
vga_crtc_write(VgaCore *s, uint8_t value)
{
    if ((s->cr[0x11] & CR_PROTECT) && s->cr_index <= 7) {
        /* Registers 0..7 are protected, but for line compare bit 8. */
        if (s->cr_index == 7) {
            s->cr[7] = (s->cr[7] & ~0x10) | (value & 0x10);
        }
        return;
    }
    if (s->cr_index <= 0x18) {
        s->cr[s->cr_index] = value;
    }
}

void
vga_port_write(VgaCore *s, uint16_t port, uint8_t value)
{
    if (vga_port_absent(s, port)) {
        return;
    }
    switch (port) {
    case 0x3c0:
        if (!s->ar_data_next) {
            s->ar_index = value & 0x3f;
        } else {
            unsigned i = s->ar_index & 0x1f;

            if (i <= 0x0f) {
                s->ar[i] = value & 0x3f;
            } else if (i == 0x10) {
                s->ar[i] = value & ~0x10;
            } else if (i == 0x12) {
                s->ar[i] = value & ~0xc0;
            } else if (i == 0x13 || i == 0x14) {
                s->ar[i] = value & 0x0f;
            } else if (i == 0x11) {
                s->ar[i] = value;
            }
            s->palette_changed = true;
        }
        s->ar_data_next = !s->ar_data_next;
        break;
    case 0x3c2:
        s->misc_output = value & ~0x10;
        break;
    case 0x3c4:
        s->sr_index = value & 7;
        break;
    case 0x3c5:
        s->sr[s->sr_index] = value & sr_mask[s->sr_index];
        s->fonts_changed |= s->sr_index == 3;
        vga_window_update(s);
        break;
    case 0x3c6:
        s->dac_mask = value;
        s->palette_changed = true;
        break;
    case 0x3c7:
        s->dac_read = value;
        s->dac_sub = 0;
        s->dac_state = 3;
        break;
    case 0x3c8:
        s->dac_write = value;
        s->dac_sub = 0;
        s->dac_state = 0;
        break;
    case 0x3c9:
        s->dac_cache[s->dac_sub] = value;
        if (++s->dac_sub == 3) {
            memcpy(&s->palette[s->dac_write * 3], s->dac_cache, 3);
            s->dac_sub = 0;
            s->dac_write++;
            s->palette_changed = true;
        }
        break;
    case 0x3ce:
        s->gr_index = value & 0x0f;
        break;
    case 0x3cf:
        s->gr[s->gr_index] = value & gr_mask[s->gr_index];
        vga_window_update(s);
        break;
    case 0x3b4:
    case 0x3d4:
        s->cr_index = value;
        break;
    case 0x3b5:
    case 0x3d5:
        vga_crtc_write(s, value);
        break;
    case 0x3ba:
    case 0x3da:
        s->feature = value & 0x10;
        break;
    default:
        break;
    }
}

static uint64_t
vga_ports_read_cb(gpointer opaque, uint64_t offset, unsigned size G_GNUC_UNUSED)
{
    return vga_port_read(opaque, 0x3b0 + offset);
}

static void
vga_ports_write_cb(gpointer opaque, uint64_t offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    vga_port_write(opaque, 0x3b0 + offset, value);
}

static const EmuMemoryRegionOps vga_ports_ops = {
    .read = vga_ports_read_cb,
    .write = vga_ports_write_cb,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 1,
    .valid_unaligned = true,
};

/* ---- Bochs VBE ---------------------------------------------------------------------------- */

/* Makes what the guest asked for fit video memory, as the interface promises. */
static void
vga_vbe_fixup(VgaCore *s)
{
    uint16_t *r = s->vbe;
    uint32_t pitch, lines;

    if (r[VBE_REG_BPP] != 4 && r[VBE_REG_BPP] != 8 && r[VBE_REG_BPP] != 15 && r[VBE_REG_BPP] != 16 &&
        r[VBE_REG_BPP] != 24 && r[VBE_REG_BPP] != 32) {
        r[VBE_REG_BPP] = 8;
    }
    r[VBE_REG_XRES] = CLAMP(r[VBE_REG_XRES] & ~7, 8, VBE_MAX_XRES);
    r[VBE_REG_YRES] = CLAMP(r[VBE_REG_YRES], 1, VBE_MAX_YRES);
    if (r[VBE_REG_VIRT_WIDTH] < r[VBE_REG_XRES]) {
        r[VBE_REG_VIRT_WIDTH] = r[VBE_REG_XRES];
    }
    r[VBE_REG_VIRT_WIDTH] = MIN(r[VBE_REG_VIRT_WIDTH] & ~7, VBE_MAX_XRES);
    pitch = vga_vbe_pitch(s);
    lines = s->ram_size / pitch;
    if (lines < r[VBE_REG_YRES]) {
        emu_guest_error("vga: VBE mode %ux%u at %u bits needs more than %u bytes of video memory",
                        r[VBE_REG_XRES], r[VBE_REG_YRES], r[VBE_REG_BPP], s->ram_size);
        r[VBE_REG_VIRT_WIDTH] = r[VBE_REG_XRES];
        pitch = vga_vbe_pitch(s);
        lines = s->ram_size / pitch;
        r[VBE_REG_YRES] = MIN(r[VBE_REG_YRES], MAX(lines, 1));
    }
    r[VBE_REG_VIRT_HEIGHT] = MIN(lines, 0xffff);
    if (r[VBE_REG_X_OFFSET] > r[VBE_REG_VIRT_WIDTH] - r[VBE_REG_XRES]) {
        r[VBE_REG_X_OFFSET] = r[VBE_REG_VIRT_WIDTH] - r[VBE_REG_XRES];
    }
    if (r[VBE_REG_Y_OFFSET] > r[VBE_REG_VIRT_HEIGHT] - r[VBE_REG_YRES]) {
        r[VBE_REG_Y_OFFSET] = r[VBE_REG_VIRT_HEIGHT] - r[VBE_REG_YRES];
    }
}

uint16_t
vga_vbe_read(VgaCore *s, unsigned index)
{
    if (index >= VBE_N_REGS) {
        return 0;
    }
    if (index == VBE_REG_VIDEO_MEMORY_64K) {
        return s->ram_size >> 16;
    }
    if (s->vbe[VBE_REG_ENABLE] & VBE_ENABLE_GETCAPS) {
        switch (index) {
        case VBE_REG_XRES:
            return VBE_MAX_XRES;
        case VBE_REG_YRES:
            return VBE_MAX_YRES;
        case VBE_REG_BPP:
            return 32;
        default:
            break;
        }
    }
    return s->vbe[index];
}

void
vga_vbe_write(VgaCore *s, unsigned index, uint16_t value)
{
    bool enabled = vga_vbe_enabled(s);

    switch (index) {
    case VBE_REG_ID:
        if (value >= VBE_ID0 && value <= VBE_ID5) {
            s->vbe[VBE_REG_ID] = value;
        }
        return;
    case VBE_REG_XRES:
    case VBE_REG_YRES:
    case VBE_REG_BPP:
        if (!enabled) {
            s->vbe[index] = value;
        }
        return;
    case VBE_REG_VIRT_WIDTH:
    case VBE_REG_X_OFFSET:
    case VBE_REG_Y_OFFSET:
        s->vbe[index] = value;
        if (enabled) {
            vga_vbe_fixup(s);
            s->redraw_all = true;
        }
        return;
    case VBE_REG_BANK:
        s->vbe[index] = value % MAX(s->ram_size >> 16, 1);
        vga_window_update(s);
        return;
    case VBE_REG_ENABLE:
        if ((value & VBE_ENABLE_ENABLED) && !enabled) {
            s->vbe[VBE_REG_VIRT_WIDTH] = 0;
            s->vbe[VBE_REG_X_OFFSET] = 0;
            s->vbe[VBE_REG_Y_OFFSET] = 0;
            vga_vbe_fixup(s);
            if (!(value & VBE_ENABLE_NOCLEARMEM)) {
                gsize len = (gsize)s->vbe[VBE_REG_YRES] * vga_vbe_pitch(s);

                len = MIN(len, s->ram_size);
                memset(s->ram, 0, len);
                emu_memory_region_set_dirty(s->vram, 0, len);
            }
        } else if (!(value & VBE_ENABLE_ENABLED)) {
            s->vbe[VBE_REG_BANK] = 0;
        }
        s->vbe[VBE_REG_ENABLE] = value;
        s->palette_changed = true;
        s->redraw_all = true;
        vga_window_update(s);
        return;
    default:
        return;
    }
}

static uint64_t
vga_vbe_ports_read_cb(gpointer opaque, uint64_t offset, unsigned size G_GNUC_UNUSED)
{
    VgaCore *s = opaque;

    return offset == 0 ? s->vbe_index : vga_vbe_read(s, s->vbe_index);
}

static void
vga_vbe_ports_write_cb(gpointer opaque, uint64_t offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    VgaCore *s = opaque;

    if (offset == 0) {
        s->vbe_index = value;
    } else {
        vga_vbe_write(s, s->vbe_index, value);
    }
}

/* Byte-addressed words: 0x1ce index, 0x1cf (and, as x86 firmware prefers, 0x1d0) data. */
static const EmuMemoryRegionOps vga_vbe_ports_ops = {
    .read = vga_vbe_ports_read_cb,
    .write = vga_vbe_ports_write_cb,
    .valid_min = 1,
    .valid_max = 2,
    .impl_min = 1,
    .impl_max = 2,
    .valid_unaligned = true,
    .impl_unaligned = true,
};

/* ---- life ----------------------------------------------------------------------------------- */

bool
vga_core_realize(VgaCore *s, EmuDevice *owner, uint32_t vram_size, GError **error)
{
    s->machine = emu_device_get_machine(owner);
    s->ram_size = vram_size;
    s->vram = emu_memory_region_new_ram(owner, "vga.vram", vram_size, error);
    if (!s->vram) {
        return false;
    }
    s->ram = emu_memory_region_get_ram_pointer(s->vram);
    s->dirty_pages = g_new0(uint8_t, vram_size >> VGA_PAGE_BITS);
    emu_memory_region_set_log(s->vram, true, EMU_DIRTY_VGA);
    s->window = emu_memory_region_new_io(owner, "vga-lowmem", VGA_WINDOW_SIZE, &vga_window_ops, s);
    /* Guests draw by many small writes. */
    emu_memory_region_set_coalesced(s->window, true);
    s->window_ram = emu_memory_region_new_alias(owner, "vga.chain4", s->vram, 0, 0x10000);
    emu_memory_region_set_enabled(s->window_ram, false);
    emu_memory_region_add_subregion(s->window, 0, s->window_ram, 1);
    s->ports = emu_memory_region_new_io(owner, "vga", 0x30, &vga_ports_ops, s);
    s->vbe_ports = emu_memory_region_new_io(owner, "vbe", 4, &vga_vbe_ports_ops, s);
    s->console = emu_console_new(s->machine, owner, 0, &vga_console_ops, s);
    vga_core_reset(s);
    return true;
}

void
vga_core_unrealize(VgaCore *s)
{
    g_clear_pointer(&s->console, emu_console_remove);
    g_clear_pointer(&s->cells, g_free);
    g_clear_pointer(&s->dirty_pages, g_free);
    s->n_cells = 0;
}

void
vga_core_reset(VgaCore *s)
{
    memset(s->sr, 0, sizeof(s->sr));
    memset(s->gr, 0, sizeof(s->gr));
    memset(s->ar, 0, sizeof(s->ar));
    memset(s->cr, 0, sizeof(s->cr));
    memset(s->palette, 0, sizeof(s->palette));
    memset(s->vbe, 0, sizeof(s->vbe));
    s->misc_output = s->feature = 0;
    s->sr_index = s->gr_index = s->ar_index = s->cr_index = 0;
    s->ar_data_next = false;
    s->dac_mask = 0xff;
    s->dac_state = s->dac_sub = s->dac_read = s->dac_write = 0;
    s->latch = 0;
    s->vbe_index = 0;
    s->vbe[VBE_REG_ID] = VBE_ID5;
    s->redraw_all = s->palette_changed = s->fonts_changed = true;
    vga_window_update(s);
}

static bool
vga_core_post_load(gpointer self, unsigned version G_GNUC_UNUSED, GError **error)
{
    VgaCore *s = self;

    if (s->sr_index > 7 || s->gr_index > 15 || s->dac_sub > 2 || s->ar_index > 0x3f) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "vga: register index in the saved state is out of range");
        return false;
    }
    if (vga_vbe_enabled(s)) {
        vga_vbe_fixup(s);
    }
    s->vbe[VBE_REG_BANK] %= MAX(s->ram_size >> 16, 1);
    s->redraw_all = s->palette_changed = s->fonts_changed = true;
    vga_window_update(s);
    return true;
}

static const EmuVMField vga_core_fields[] = {
    EMU_VM_U8(VgaCore, misc_output),
    EMU_VM_U8(VgaCore, feature),
    EMU_VM_U8(VgaCore, sr_index),
    EMU_VM_BUFFER(VgaCore, sr),
    EMU_VM_U8(VgaCore, gr_index),
    EMU_VM_BUFFER(VgaCore, gr),
    EMU_VM_U8(VgaCore, ar_index),
    EMU_VM_BUFFER(VgaCore, ar),
    EMU_VM_BOOL(VgaCore, ar_data_next),
    EMU_VM_U8(VgaCore, cr_index),
    EMU_VM_BUFFER(VgaCore, cr),
    EMU_VM_U8(VgaCore, dac_mask),
    EMU_VM_U8(VgaCore, dac_state),
    EMU_VM_U8(VgaCore, dac_sub),
    EMU_VM_U8(VgaCore, dac_read),
    EMU_VM_U8(VgaCore, dac_write),
    EMU_VM_BUFFER(VgaCore, dac_cache),
    EMU_VM_BUFFER(VgaCore, palette),
    EMU_VM_U32(VgaCore, latch),
    EMU_VM_U16(VgaCore, vbe_index),
    EMU_VM_U16_ARRAY(VgaCore, vbe),
    EMU_VM_END,
};

const EmuVMState vga_core_vmstate = {
    .name = "vga",
    .version = 1,
    .minimum_version = 1,
    .fields = vga_core_fields,
    .post_load = vga_core_post_load,
};
