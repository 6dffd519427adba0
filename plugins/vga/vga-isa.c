/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "isa-vga": the same core on the ISA bus, frame buffer at 0xe0000000. */

#include "vga.h"
#include "vga-cards.h"

#define VBE_LFB_ADDRESS 0xe0000000

typedef struct {
    EmuIsaDevice parent;
    VgaCore core;
    uint32_t vgamem_mb;
} VgaIsa;

static bool
vga_isa_realize(EmuDevice *dev, GError **error)
{
    VgaIsa *s = (VgaIsa *)dev;
    EmuIsaBus *bus = emu_isa_device_get_bus(EMU_ISA_DEVICE(dev));

    if (s->vgamem_mb < 1 || s->vgamem_mb > 256 || (s->vgamem_mb & (s->vgamem_mb - 1))) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "isa-vga: vgamem_mb is %u, expected a power of two from 1 to 256", s->vgamem_mb);
        return false;
    }
    if (!vga_core_realize(&s->core, dev, s->vgamem_mb << 20, error)) {
        return false;
    }
    emu_memory_region_add_subregion(emu_isa_bus_get_memory(bus), VGA_WINDOW_BASE, s->core.window, 1);
    emu_memory_region_add_subregion(emu_isa_bus_get_memory(bus), VBE_LFB_ADDRESS, s->core.vram, 1);
    emu_isa_device_map_io(EMU_ISA_DEVICE(dev), s->core.ports, 0x3b0);
    emu_isa_device_map_io(EMU_ISA_DEVICE(dev), s->core.vbe_ports, 0x1ce);
    return true;
}

static void
vga_isa_unrealize(EmuDevice *dev)
{
    VgaIsa *s = (VgaIsa *)dev;
    EmuIsaBus *bus = emu_isa_device_get_bus(EMU_ISA_DEVICE(dev));

    emu_memory_region_del_subregion(emu_isa_bus_get_memory(bus), s->core.window);
    emu_memory_region_del_subregion(emu_isa_bus_get_memory(bus), s->core.vram);
    vga_core_unrealize(&s->core);
}

static void
vga_isa_reset_enter(EmuDevice *dev)
{
    vga_core_reset(&((VgaIsa *)dev)->core);
}

static const EmuProperty vga_isa_properties[] = {
    EMU_PROP_UINT32("vgamem_mb", VgaIsa, vgamem_mb, 8, "video memory in MiB, a power of two"),
};

static const EmuVMField vga_isa_fields[] = {
    EMU_VM_STRUCT(VgaIsa, core, &vga_core_vmstate),
    EMU_VM_END,
};

static const EmuVMState vga_isa_vmstate = {
    .name = "vga-isa",
    .version = 1,
    .minimum_version = 1,
    .fields = vga_isa_fields,
};

static void
vga_isa_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;

    device->realize = vga_isa_realize;
    device->unrealize = vga_isa_unrealize;
    device->reset_enter = vga_isa_reset_enter;
    device->vmstate = &vga_isa_vmstate;
    device->category = "display";
    emu_object_class_add_properties(klass, vga_isa_properties, G_N_ELEMENTS(vga_isa_properties));
}

const EmuTypeInfo vga_isa_info = {
    .name = "isa-vga",
    .parent = "isa-device",
    .instance_size = sizeof(VgaIsa),
    .class_init = vga_isa_class_init,
    .description = "standard VGA with Bochs VBE (ISA)",
};
