/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The smallest device that has it all: properties, registers, an interrupt, saved state. Bits of HELLO that ENABLE has too
 * hold the interrupt request up.
 */

#include <emu/emu.h>

EMU_PLUGIN(.name = "hello", .version = "1.0", .license = "LGPL-2.1-or-later", .description = "greets", .provides = "hello:isa-device");

typedef struct {
    EmuIsaDevice parent_instance;
    uint32_t iobase, irq;  /* properties */
    uint8_t enable, hello; /* registers */
    EmuLine *line;
} Hello;

static void
hello_changed(gpointer opaque)
{
    Hello *self = opaque;

    emu_line_set(self->line, (self->hello & self->enable) != 0);
}

static const EmuRegister hello_registers[] = {
    EMU_REG_CONST("ID", 0, 1, 'H'),
    EMU_REG8(Hello, enable, "ENABLE", 1, EMU_RW, 0, .blurb = "which greetings interrupt"),
    EMU_REG8(Hello, hello, "HELLO", 2, EMU_RW, 0, .blurb = "greetings, one a bit"),
};
EMU_REGISTER_BANK(hello_bank, "hello", 4, hello_registers, .changed = hello_changed)

static bool
hello_realize(EmuDevice *dev, GError **error)
{
    Hello *self = (Hello *)dev;

    emu_device_add_lines_out(dev, NULL, 1, &self->line);
    emu_isa_device_map_io(EMU_ISA_DEVICE(dev), emu_registers_new_region(dev, &hello_bank, dev), (uint16_t)self->iobase);
    return emu_isa_device_connect_irq(EMU_ISA_DEVICE(dev), self->line, self->irq, error);
}

static const EmuProperty hello_properties[] = {
    EMU_PROP_UINT32_RANGE("iobase", Hello, iobase, 0x2f0, 0, 0xfffc, "first of four I/O ports"),
    EMU_PROP_UINT32_RANGE("irq", Hello, irq, 5, 0, 15, "ISA interrupt request"),
};

static void
hello_class_init(gpointer klass, gconstpointer data)
{
    EMU_DEVICE_CLASS(klass)->realize = hello_realize;
    emu_object_class_add_properties(klass, hello_properties, G_N_ELEMENTS(hello_properties));
    emu_device_class_add_registers(klass, &hello_bank, 0);
}
EMU_DEFINE_TYPE(Hello, hello, "hello", "isa-device", "greets")
