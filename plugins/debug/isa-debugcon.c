/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The debug console: one write-only port whose bytes go to a character back end.  Reading it returns
 * a fixed value by which firmware recognizes the device.  There is no interrupt and no state.
 */

#include "debug.h"

#include <emu/chardev.h>
#include <emu/isa.h>
#include <emu/machine.h>
#include <emu/registers.h>

typedef struct {
    EmuIsaDevice parent_instance;

    uint32_t iobase;
    uint32_t readback;
    EmuObject *chardev;

    EmuCharFrontend *frontend;
} DebugconDevice;

static uint64_t
debugcon_read(gpointer opaque, unsigned index)
{
    return ((DebugconDevice *)opaque)->readback;
}

static void
debugcon_write(gpointer opaque, unsigned index, uint64_t value, uint64_t old)
{
    DebugconDevice *self = opaque;
    uint8_t byte = (uint8_t)value;

    emu_char_frontend_write(self->frontend, &byte, 1);
}

static const EmuRegister debugcon_registers[] = {
    EMU_REG_CALL("DATA", 0, 1, EMU_RW, .read = debugcon_read, .write = debugcon_write, .reset = 0xe9,
                 .blurb = "written: a byte for the back end; read: the property readback"),
};
EMU_REGISTER_BANK(debugcon_bank, "isa-debugcon", 1, debugcon_registers, .valid_min = 1, .valid_max = 1)

static bool
debugcon_realize(EmuDevice *dev, GError **error)
{
    DebugconDevice *self = (DebugconDevice *)dev;
    static const EmuChardevHandlers handlers = {0};

    self->frontend = emu_char_frontend_new((EmuChardev *)self->chardev, &handlers, self, error);
    if (!self->frontend) {
        return false;
    }
    emu_isa_device_map_io((EmuIsaDevice *)self, emu_registers_new_region(self, &debugcon_bank, self), (uint16_t)self->iobase);
    return true;
}

static void
debugcon_unrealize(EmuDevice *dev)
{
    DebugconDevice *self = (DebugconDevice *)dev;

    g_clear_pointer(&self->frontend, emu_char_frontend_free);
}

static const EmuProperty debugcon_properties[] = {
    EMU_PROP_UINT32_RANGE("iobase", DebugconDevice, iobase, 0xe9, 0, 0xffff, "I/O port"),
    EMU_PROP_UINT32_RANGE("readback", DebugconDevice, readback, 0xe9, 0, 0xff, "value that reads return"),
    EMU_PROP_LINK("chardev", DebugconDevice, chardev, "chardev", "where the bytes go"),
};

static const EmuVMField debugcon_fields[] = {EMU_VM_END};
static const EmuVMState debugcon_vmstate = {
    .name = "isa-debugcon",
    .version = 1,
    .minimum_version = 1,
    .fields = debugcon_fields,
};

static void
debugcon_class_init(gpointer klass, gconstpointer class_data)
{
    EmuDeviceClass *dc = klass;

    dc->realize = debugcon_realize;
    dc->unrealize = debugcon_unrealize;
    dc->vmstate = &debugcon_vmstate;
    emu_device_class_add_registers(klass, &debugcon_bank, 0);
    dc->category = "misc";
    dc->user_creatable = true;
    emu_object_class_add_properties(klass, debugcon_properties, G_N_ELEMENTS(debugcon_properties));
}

const EmuTypeInfo isa_debugcon_type_info = {
    .name = "isa-debugcon",
    .parent = "isa-device",
    .instance_size = sizeof(DebugconDevice),
    .class_init = debugcon_class_init,
    .description = "debug console port (0xe9, firmware: 0x402)",
};
