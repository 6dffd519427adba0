/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* COM1 to COM4: a 16550A behind eight ISA ports and one interrupt request. */

#include "isa-serial.h"
#include "uart-16550.h"

#include <emu/isa.h>
#include <emu/machine.h>

#define ISA_SERIAL_MAX 4
#define ISA_SERIAL_UNSET UINT32_MAX

typedef struct {
    EmuIsaDevice parent_instance;

    uint32_t index;
    uint32_t iobase;
    uint32_t irq_number;
    EmuObject *chardev;

    EmuLine *irq;
    Uart uart;
} IsaSerial;

/* The lowest port number that no sibling has. */
static unsigned
isa_serial_free_index(IsaSerial *self)
{
    EmuIsaBus *bus = emu_isa_device_get_bus((EmuIsaDevice *)self);
    GPtrArray *siblings = bus ? emu_bus_get_devices((EmuBus *)bus) : NULL;
    unsigned used = 0;

    for (guint i = 0; siblings && i < siblings->len; i++) {
        gpointer dev = siblings->pdata[i];
        if (dev != (gpointer)self && G_OBJECT_TYPE(dev) == G_OBJECT_TYPE(self)) {
            uint32_t index = ((IsaSerial *)dev)->index;
            used |= index < ISA_SERIAL_MAX ? 1u << index : 0;
        }
    }
    unsigned index = 0;
    while (used >> index & 1) {
        index++;
    }
    return index;
}

static bool
isa_serial_realize(EmuDevice *dev, GError **error)
{
    static const uint16_t iobase[ISA_SERIAL_MAX] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
    static const uint8_t irq[ISA_SERIAL_MAX] = {4, 3, 4, 3};
    IsaSerial *self = (IsaSerial *)dev;

    if (self->index == ISA_SERIAL_UNSET) {
        self->index = isa_serial_free_index(self);
    }
    if (self->index >= ISA_SERIAL_MAX) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "isa-serial: index is %u, expected 0 to %d: there are only %d ports", self->index,
                    ISA_SERIAL_MAX - 1, ISA_SERIAL_MAX);
        return false;
    }
    if (self->iobase == ISA_SERIAL_UNSET) {
        self->iobase = iobase[self->index];
    }
    if (self->irq_number == ISA_SERIAL_UNSET) {
        self->irq_number = irq[self->index];
    }
    if (self->iobase > 0xfff8) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "isa-serial: iobase is 0x%x, expected at most 0xfff8", self->iobase);
        return false;
    }
    emu_device_add_lines_out(dev, "irq", 1, &self->irq);
    if (!emu_isa_device_connect_irq((EmuIsaDevice *)dev, self->irq, self->irq_number, error) ||
        !uart_init(&self->uart, dev, (EmuChardev *)self->chardev, self->irq, error)) {
        return false;
    }
    emu_isa_device_map_io((EmuIsaDevice *)dev, emu_registers_new_region(self, uart_get_registers(), &self->uart), (uint16_t)self->iobase);
    return true;
}

static void
isa_serial_unrealize(EmuDevice *dev)
{
    uart_finish(&((IsaSerial *)dev)->uart);
}

static void
isa_serial_reset_enter(EmuDevice *dev)
{
    uart_reset(&((IsaSerial *)dev)->uart);
}

static void
isa_serial_reset_hold(EmuDevice *dev)
{
    emu_line_set(((IsaSerial *)dev)->irq, 0);
}

static const EmuProperty isa_serial_properties[] = {
    EMU_PROP_UINT32("index", IsaSerial, index, ISA_SERIAL_UNSET, "port number 0 to 3 (COM1 to COM4); default: the next free one"),
    EMU_PROP_UINT32("iobase", IsaSerial, iobase, ISA_SERIAL_UNSET, "first I/O port; default: of the index"),
    EMU_PROP_UINT32("irq", IsaSerial, irq_number, ISA_SERIAL_UNSET, "ISA interrupt request; default: of the index"),
    EMU_PROP_BOOL("irq-needs-out2", IsaSerial, uart.needs_out2, false, "the request leaves only while OUT2 is on, as on a PC's card"),
    EMU_PROP_LINK("chardev", IsaSerial, chardev, "chardev", "back end"),
};

static const EmuVMField isa_serial_fields[] = {
    EMU_VM_STRUCT(IsaSerial, uart, &uart_vmstate),
    EMU_VM_END,
};
static const EmuVMState isa_serial_vmstate = {
    .name = "isa-serial",
    .version = 1,
    .minimum_version = 1,
    .fields = isa_serial_fields,
};

static void
isa_serial_class_init(gpointer klass, gconstpointer class_data)
{
    EmuDeviceClass *dc = klass;

    dc->realize = isa_serial_realize;
    dc->unrealize = isa_serial_unrealize;
    dc->reset_enter = isa_serial_reset_enter;
    dc->reset_hold = isa_serial_reset_hold;
    dc->vmstate = &isa_serial_vmstate;
    emu_device_class_add_registers(klass, uart_get_registers(), offsetof(IsaSerial, uart));
    dc->category = "input";
    dc->model_name = "16550A";
    dc->user_creatable = true;
    emu_object_class_add_properties(klass, isa_serial_properties, G_N_ELEMENTS(isa_serial_properties));
}

const EmuTypeInfo isa_serial_type_info = {
    .name = "isa-serial",
    .parent = "isa-device",
    .instance_size = sizeof(IsaSerial),
    .class_init = isa_serial_class_init,
    .description = "16550A serial port",
};
