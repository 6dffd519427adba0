/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * "VGA": the PCI card 1234:1111 of Bochs and QEMU. BAR 0 video memory, BAR 2 4 KiB of registers: EDID at 0, the VGA
 * ports at 0x400, the VBE words at 0x500, extended registers at 0x600.
 */

#include "vga.h"
#include "vga-cards.h"

#include <string.h>

#define VGA_MMIO_SIZE 0x1000
#define VGA_MMIO_PORTS 0x400
#define VGA_MMIO_VBE 0x500
#define VGA_MMIO_EXTENDED 0x600
#define VGA_EDID_SIZE 0x100

typedef struct {
    EmuPciDevice parent;
    VgaCore core;
    EmuMemoryRegion *mmio;
    uint32_t vgamem_mb;
    uint32_t xres, yres;
    bool edid_enabled;
    uint8_t edid[128];
} VgaPci;

/* A minimal EDID 1.4 block (VESA E-EDID Release A): name, range limits, one detailed timing of xres x yres at 75 Hz. */
static void
vga_fill_edid(VgaPci *s)
{
    static const uint8_t header[8] = {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00};
    uint8_t *e = s->edid, *d;
    uint32_t h_blank = s->xres * 35 / 100, v_blank = s->yres * 35 / 1000;
    uint32_t clock = (uint64_t)75 * (s->xres + h_blank) * (s->yres + v_blank) / 10000;
    uint8_t sum = 0;

    memset(e, 0, sizeof(s->edid));
    memcpy(e, header, sizeof(header));
    e[8] = 0x16; /* manufacturer "EMU", five bits a letter */
    e[9] = 0xb5;
    e[10] = 0x11;
    e[11] = 0x11;
    e[16] = 1;
    e[17] = 34; /* 2024 */
    e[18] = 1;
    e[19] = 4;
    e[20] = 0xa5; /* digital, 8 bits a color, DisplayPort */
    e[21] = 32;
    e[22] = 20;
    e[23] = 120;
    e[24] = 0x06; /* sRGB, preferred timing */
    e[35] = 0x21; /* established: 640x480, 800x600 at 60 */
    e[36] = 0x08; /* 1024x768 at 60 */
    for (unsigned i = 38; i < 54; i++) {
        e[i] = 1; /* unused standard timings */
    }
    d = e + 54;
    clock = MIN(clock, 0xffff);
    d[0] = clock;
    d[1] = clock >> 8;
    d[2] = s->xres;
    d[3] = h_blank;
    d[4] = (s->xres >> 8 & 15) << 4 | (h_blank >> 8 & 15);
    d[5] = s->yres;
    d[6] = v_blank;
    d[7] = (s->yres >> 8 & 15) << 4 | (v_blank >> 8 & 15);
    d[8] = s->xres * 25 / 100;
    d[9] = s->xres * 3 / 100;
    d[10] = (s->yres * 5 / 1000 & 15) << 4 | (s->yres * 5 / 1000 & 15);
    d[12] = 320 & 0xff;
    d[13] = 200;
    d[14] = (320 >> 8) << 4;
    d[17] = 0x18;
    d = e + 72;
    d[3] = 0xfd; /* range limits */
    d[5] = 50;
    d[6] = 125;
    d[7] = 30;
    d[8] = 160;
    d[9] = 255;
    d[10] = 1;
    memset(d + 11, ' ', 7);
    d[11] = '\n';
    d = e + 90;
    d[3] = 0xfc; /* name */
    memcpy(d + 5, "emu monitor\n ", 13);
    e[108 + 3] = 0x10; /* dummy descriptor */
    for (unsigned i = 0; i < 127; i++) {
        sum += e[i];
    }
    e[127] = -sum;
}

static uint64_t
vga_pci_mmio_read_cb(gpointer opaque, uint64_t addr, unsigned size)
{
    VgaPci *s = opaque;

    if (addr < VGA_EDID_SIZE) {
        return s->edid_enabled && addr < sizeof(s->edid) ? s->edid[addr] : 0;
    }
    if (addr >= VGA_MMIO_PORTS && addr < VGA_MMIO_PORTS + 0x20) {
        uint64_t v = vga_port_read(&s->core, 0x3c0 + addr - VGA_MMIO_PORTS);

        if (size == 2) {
            v |= (uint64_t)vga_port_read(&s->core, 0x3c1 + addr - VGA_MMIO_PORTS) << 8;
        }
        return v;
    }
    if (addr >= VGA_MMIO_VBE && addr < VGA_MMIO_VBE + VBE_N_REGS * 2) {
        uint16_t v = vga_vbe_read(&s->core, (addr - VGA_MMIO_VBE) / 2);

        return addr & 1 ? v >> 8 : v;
    }
    if (addr >= VGA_MMIO_EXTENDED && addr < VGA_MMIO_EXTENDED + 8) {
        static const uint32_t extended[2] = {8, 0x1e1e1e1e}; /* size of this block; little-endian frame buffer */
        uint32_t v = extended[(addr >> 2) & 1] >> (addr & 3) * 8;

        return v;
    }
    return 0;
}

static void
vga_pci_mmio_write_cb(gpointer opaque, uint64_t addr, uint64_t value, unsigned size)
{
    VgaPci *s = opaque;

    if (addr >= VGA_MMIO_PORTS && addr < VGA_MMIO_PORTS + 0x20) {
        vga_port_write(&s->core, 0x3c0 + addr - VGA_MMIO_PORTS, value);
        if (size == 2) {
            vga_port_write(&s->core, 0x3c1 + addr - VGA_MMIO_PORTS, value >> 8);
        }
    } else if (addr >= VGA_MMIO_VBE && addr < VGA_MMIO_VBE + VBE_N_REGS * 2) {
        vga_vbe_write(&s->core, (addr - VGA_MMIO_VBE) / 2, value);
    }
}

static const EmuMemoryRegionOps vga_pci_mmio_ops = {
    .read = vga_pci_mmio_read_cb,
    .write = vga_pci_mmio_write_cb,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 2,
};

static bool
vga_pci_realize(EmuPciDevice *dev, GError **error)
{
    VgaPci *s = (VgaPci *)dev;
    EmuPciBus *bus = emu_pci_device_get_bus(dev);

    if (s->vgamem_mb < 1 || s->vgamem_mb > 256 || (s->vgamem_mb & (s->vgamem_mb - 1))) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "VGA: vgamem_mb is %u, expected a power of two from 1 to 256", s->vgamem_mb);
        return false;
    }
    if (!vga_core_realize(&s->core, EMU_DEVICE(dev), s->vgamem_mb << 20, error)) {
        return false;
    }
    s->xres = CLAMP(s->xres ? s->xres : 1280, 640, 4080);
    s->yres = CLAMP(s->yres ? s->yres : 800, 480, 4080);
    vga_fill_edid(s);
    emu_memory_region_add_subregion(emu_pci_bus_get_memory(bus), VGA_WINDOW_BASE, s->core.window, 1);
    emu_memory_region_add_subregion(emu_pci_bus_get_io(bus), 0x3b0, s->core.ports, 0);
    emu_memory_region_add_subregion(emu_pci_bus_get_io(bus), 0x1ce, s->core.vbe_ports, 0);
    s->mmio = emu_memory_region_new_io(dev, "vga.mmio", VGA_MMIO_SIZE, &vga_pci_mmio_ops, s);
    emu_pci_device_register_bar(dev, 0, EMU_PCI_BAR_MEM | EMU_PCI_BAR_PREFETCH, s->core.vram);
    emu_pci_device_register_bar(dev, 2, EMU_PCI_BAR_MEM, s->mmio);
    return true;
}

static void
vga_pci_unrealize(EmuPciDevice *dev)
{
    VgaPci *s = (VgaPci *)dev;
    EmuPciBus *bus = emu_pci_device_get_bus(dev);

    emu_memory_region_del_subregion(emu_pci_bus_get_memory(bus), s->core.window);
    emu_memory_region_del_subregion(emu_pci_bus_get_io(bus), s->core.ports);
    emu_memory_region_del_subregion(emu_pci_bus_get_io(bus), s->core.vbe_ports);
    vga_core_unrealize(&s->core);
}

static void
vga_pci_reset_enter(EmuDevice *dev)
{
    vga_core_reset(&((VgaPci *)dev)->core);
}

static const EmuProperty vga_pci_properties[] = {
    EMU_PROP_UINT32("vgamem_mb", VgaPci, vgamem_mb, 16, "video memory in MiB, a power of two"),
    EMU_PROP_BOOL("edid", VgaPci, edid_enabled, true, "show a monitor's EDID at the start of BAR 2"),
    EMU_PROP_UINT32("xres", VgaPci, xres, 0, "preferred width in the EDID, pixels (0: 1280)"),
    EMU_PROP_UINT32("yres", VgaPci, yres, 0, "preferred height in the EDID, pixels (0: 800)"),
};

static const EmuVMField vga_pci_fields[] = {
    EMU_VM_PCI_DEVICE(VgaPci, parent),
    EMU_VM_STRUCT(VgaPci, core, &vga_core_vmstate),
    EMU_VM_END,
};

static const EmuVMState vga_pci_vmstate = {
    .name = "vga-pci",
    .version = 1,
    .minimum_version = 1,
    .fields = vga_pci_fields,
};

static void
vga_pci_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;
    EmuPciDeviceClass *pci = klass;

    device->reset_enter = vga_pci_reset_enter;
    device->vmstate = &vga_pci_vmstate;
    device->category = "display";
    pci->realize = vga_pci_realize;
    pci->unrealize = vga_pci_unrealize;
    pci->vendor_id = 0x1234;
    pci->device_id = 0x1111;
    pci->class_id = 0x0300;
    pci->revision = 2;
    pci->romfile = "vgabios-stdvga.bin";
    emu_object_class_add_properties(klass, vga_pci_properties, G_N_ELEMENTS(vga_pci_properties));
}

const EmuTypeInfo vga_pci_info = {
    .name = "VGA",
    .parent = "pci-device",
    .instance_size = sizeof(VgaPci),
    .class_init = vga_pci_class_init,
    .description = "standard VGA with Bochs VBE (PCI)",
};
