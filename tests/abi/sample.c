/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a plugin of SDK 1.0 uses: types, properties, regions, lines, timers, saved state, a table of registers. Built against headers
 * out of the history by history.py; do not modernise it.
 */

#include <emu/isa.h>
#include <emu/plugin.h>
#include <emu/registers.h>

typedef struct {
    EmuIsaDevice parent_instance;
    uint32_t answer, irq;
    uint8_t control, count;
    EmuLine *line;
    EmuTimer *timer;
} Sample;

static uint64_t
sample_read_answer(gpointer opaque, unsigned index)
{
    return ((Sample *)opaque)->answer + 1;
}

static void
sample_write_control(gpointer opaque, unsigned index, uint64_t value, uint64_t old)
{
    Sample *self = opaque;

    emu_line_set(self->line, value & 1);
    emu_timer_set(self->timer, emu_clock_get_ns(emu_device_get_clock((EmuDevice *)self, EMU_CLOCK_VIRTUAL)) + 1000);
}

static const EmuRegister sample_registers[] = {
    EMU_REG_CALL("ANSWER", 0, 1, EMU_RO, .read = sample_read_answer),
    EMU_REG8(Sample, control, "CONTROL", 1, EMU_RW, 0, .write = sample_write_control, .fields = EMU_REG_FIELDS({"IRQ", 0, 1})),
    EMU_REG8(Sample, count, "COUNT", 2, EMU_RO, 0),
};
EMU_REGISTER_BANK(sample_bank, "sample", 4, sample_registers)

static void
sample_tick(gpointer opaque)
{
    ((Sample *)opaque)->count++;
}

static bool
sample_realize(EmuDevice *dev, GError **error)
{
    Sample *self = (Sample *)dev;

    self->timer = emu_timer_new(emu_device_get_clock(dev, EMU_CLOCK_VIRTUAL), sample_tick, self);
    emu_device_add_lines_out(dev, "irq", 1, &self->line);
    emu_isa_device_map_io((EmuIsaDevice *)dev, emu_registers_new_region(dev, &sample_bank, dev), 0x2e0);
    return emu_isa_device_connect_irq((EmuIsaDevice *)dev, self->line, self->irq, error);
}

static void
sample_unrealize(EmuDevice *dev)
{
    g_clear_pointer(&((Sample *)dev)->timer, emu_timer_free);
}

static const EmuProperty sample_properties[] = {
    EMU_PROP_UINT32("answer", Sample, answer, 7, "what the first port reads, less one"),
    EMU_PROP_UINT32_RANGE("irq", Sample, irq, 5, 0, 15, "interrupt request"),
};

static const EmuVMField sample_fields[] = {
    EMU_VM_U8(Sample, control),
    EMU_VM_U8(Sample, count),
    EMU_VM_TIMER(Sample, timer),
    EMU_VM_END,
};
static const EmuVMState sample_vmstate = {.name = "sample", .version = 1, .minimum_version = 1, .fields = sample_fields};

static void
sample_class_init(gpointer klass, gconstpointer data)
{
    EmuDeviceClass *device = klass;

    device->realize = sample_realize;
    device->unrealize = sample_unrealize;
    device->vmstate = &sample_vmstate;
    device->category = "misc";
    device->user_creatable = true;
    emu_object_class_add_properties(klass, sample_properties, G_N_ELEMENTS(sample_properties));
    emu_device_class_add_registers(klass, &sample_bank, 0);
}

static const EmuTypeInfo sample_info = {
    .name = "sample", .parent = "isa-device", .instance_size = sizeof(Sample), .class_init = sample_class_init, .description = "a sample",
};

static void
sample_register(void)
{
    emu_type_register_static(&sample_info);
}
type_init(sample_register)

EMU_PLUGIN(.name = "sample", .version = "1.0", .license = "LGPL-2.1-or-later", .description = "a sample", .provides = "sample:isa-device");
