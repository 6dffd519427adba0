/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * System control port B (0x61): gate and output of PIT counter 2, speaker enable, and the refresh
 * toggle that old delay loops count. No sound yet.
 */

#include "pit.h"

#define PCSPK_WRITABLE 0x0f /* the two NMI enables (bits 2, 3) are kept, nothing raises those NMIs */
#define PCSPK_REFRESH 0x10
#define PCSPK_OUT2 0x20
#define PCSPK_REFRESH_NS 15085

static void
pcspk_fetch(Pcspk *self)
{
    PcspkClass *klass = (PcspkClass *)G_OBJECT_GET_CLASS(self);

    if (klass->fetch) {
        klass->fetch(self);
    }
}

static void
pcspk_store(Pcspk *self)
{
    PcspkClass *klass = (PcspkClass *)G_OBJECT_GET_CLASS(self);

    if (klass->store) {
        klass->store(self);
    }
}

static uint64_t
pcspk_io_read(gpointer opaque, uint64_t offset G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    Pcspk *self = opaque;
    int64_t now = emu_clock_get_ns(emu_device_get_clock(EMU_DEVICE(self), EMU_CLOCK_VIRTUAL));
    uint8_t value;

    pcspk_fetch(self);
    value = self->control;
    if (now / PCSPK_REFRESH_NS & 1) {
        value |= PCSPK_REFRESH;
    }
    if (emu_pit_channel_get_out(EMU_PIT_CHANNEL(self->pit), 2)) {
        value |= PCSPK_OUT2;
    }
    return value;
}

static void
pcspk_io_write(gpointer opaque, uint64_t offset G_GNUC_UNUSED, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    Pcspk *self = opaque;

    self->control = value & PCSPK_WRITABLE;
    emu_pit_channel_set_gate(EMU_PIT_CHANNEL(self->pit), 2, value & PCSPK_GATE2);
    pcspk_store(self);
}

static const EmuMemoryRegionOps pcspk_io_ops = {
    .read = pcspk_io_read,
    .write = pcspk_io_write,
    .impl_min = 1,
    .impl_max = 1,
};

static bool
pcspk_realize(EmuDevice *dev, GError **error)
{
    Pcspk *self = (Pcspk *)dev;

    if (!self->pit) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "isa-pcspk: property pit is not set, expected an isa-pit");
        return false;
    }
    if (self->iobase > 0xffff) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "isa-pcspk: iobase is 0x%x, expected 0 to 0xffff",
                    self->iobase);
        return false;
    }
    emu_isa_device_map_io(&self->parent, emu_memory_region_new_io(self, "pcspk", 1, &pcspk_io_ops, self), self->iobase);
    return true;
}

static void
pcspk_reset_enter(EmuDevice *dev)
{
    ((Pcspk *)dev)->control = 0;
}

static void
pcspk_reset_hold(EmuDevice *dev)
{
    pcspk_store((Pcspk *)dev);
}

static void
pcspk_pre_save(gpointer opaque)
{
    pcspk_fetch(opaque);
}

static bool
pcspk_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    pcspk_store(opaque);
    return true;
}

static const EmuVMField pcspk_vmstate_fields[] = {
    EMU_VM_U8(Pcspk, control),
    EMU_VM_END,
};

static const EmuVMState pcspk_vmstate = {
    .name = "isa-pcspk",
    .version = 1,
    .minimum_version = 1,
    .fields = pcspk_vmstate_fields,
    .pre_save = pcspk_pre_save,
    .post_load = pcspk_post_load,
};

static const EmuProperty pcspk_properties[] = {
    EMU_PROP_UINT32("iobase", Pcspk, iobase, 0x61, "I/O port"),
    EMU_PROP_LINK("pit", Pcspk, pit, "isa-pit", "the timer whose counter 2 makes the tone"),
};

static void
pcspk_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;

    device_class->realize = pcspk_realize;
    device_class->reset_enter = pcspk_reset_enter;
    device_class->reset_hold = pcspk_reset_hold;
    device_class->vmstate = &pcspk_vmstate;
    device_class->category = "sound";
    device_class->model_name = "PC speaker port";
    device_class->user_creatable = false;
    device_class->try_with = "pit=@isa-pit";
    emu_object_class_add_properties(klass, pcspk_properties, G_N_ELEMENTS(pcspk_properties));
}

const EmuTypeInfo pcspk_type_info = {
    .name = "isa-pcspk",
    .parent = "isa-device",
    .instance_size = sizeof(Pcspk),
    .class_size = sizeof(PcspkClass),
    .class_init = pcspk_class_init,
    .description = "PC speaker port",
};
