/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* System control port A (0x92) of the PS/2: fast A20 gate (bit 1) and fast reset (bit 0). */

#include "port92.h"

#include <emu/machine.h>
#include <emu/registers.h>

#define PORT92_ADDRESS 0x92
#define PORT92_RESET 0x01
#define PORT92_A20 0x02

typedef struct {
    EmuIsaDevice parent;

    EmuLine *a20;
    uint8_t outport;
} Port92;

static void
port92_write(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old)
{
    Port92 *self = opaque;

    emu_line_set(self->a20, (value & PORT92_A20) != 0);
    if ((value & PORT92_RESET) && !(old & PORT92_RESET)) {
        emu_machine_request_reset(emu_device_get_machine(EMU_DEVICE(self)), EMU_SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static const EmuRegister port92_registers[] = {
    EMU_REG8(Port92, outport, "CONTROL_A", 0, EMU_RW, PORT92_A20, .write = port92_write, .writable = 0xff, .blurb = "system control port A",
             .fields = EMU_REG_FIELDS({"RESET", 0, 1, .blurb = "a rising edge resets the machine"}, {"A20", 1, 1, .blurb = "address line 20 passes"})),
};
EMU_REGISTER_BANK(port92_bank, "port92", 1, port92_registers)

static bool
port92_realize(EmuDevice *dev, GError **error G_GNUC_UNUSED)
{
    Port92 *self = (Port92 *)dev;

    emu_isa_device_map_io(&self->parent, emu_registers_new_region(self, &port92_bank, self), PORT92_ADDRESS);
    return true;
}

static const EmuVMField port92_vmstate_fields[] = {
    EMU_VM_U8(Port92, outport),
    EMU_VM_END,
};

static const EmuVMState port92_vmstate = {
    .name = "port92",
    .version = 1,
    .minimum_version = 1,
    .fields = port92_vmstate_fields,
};

static void
port92_instance_init(gpointer obj)
{
    Port92 *self = obj;

    emu_device_add_lines_out(EMU_DEVICE(self), "a20", 1, &self->a20);
}

static void
port92_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;

    device_class->realize = port92_realize;
    emu_device_class_add_registers(klass, &port92_bank, 0);
    device_class->vmstate = &port92_vmstate;
    device_class->category = "misc";
    device_class->model_name = "system control port A";
    device_class->user_creatable = false;
}

const EmuTypeInfo port92_type_info = {
    .name = "port92",
    .parent = "isa-device",
    .instance_size = sizeof(Port92),
    .instance_init = port92_instance_init,
    .class_init = port92_class_init,
    .description = "system control port A",
};
