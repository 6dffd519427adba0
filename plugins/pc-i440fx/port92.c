/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* System control port A (0x92) of the PS/2: fast A20 gate (bit 1) and fast reset (bit 0). */

#include "port92.h"

#include <emu/machine.h>

#define PORT92_ADDRESS 0x92
#define PORT92_RESET 0x01
#define PORT92_A20 0x02
#define PORT92_RESET_VALUE PORT92_A20

typedef struct {
    EmuIsaDevice parent;

    EmuLine *a20;
    uint8_t outport;
} Port92;

static uint64_t
port92_read(gpointer opaque, uint64_t offset G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    return ((Port92 *)opaque)->outport;
}

static void
port92_write(gpointer opaque, uint64_t offset G_GNUC_UNUSED, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    Port92 *self = opaque;
    uint8_t old = self->outport;

    self->outport = value;
    emu_line_set(self->a20, (value & PORT92_A20) != 0);
    if ((value & PORT92_RESET) && !(old & PORT92_RESET)) {
        emu_machine_request_reset(emu_device_get_machine(EMU_DEVICE(self)), EMU_SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static const EmuMemoryRegionOps port92_ops = {
    .read = port92_read,
    .write = port92_write,
    .impl_min = 1,
    .impl_max = 1,
};

static bool
port92_realize(EmuDevice *dev, GError **error G_GNUC_UNUSED)
{
    Port92 *self = (Port92 *)dev;

    emu_isa_device_map_io(&self->parent, emu_memory_region_new_io(self, "port92", 1, &port92_ops, self), PORT92_ADDRESS);
    return true;
}

static void
port92_reset_enter(EmuDevice *dev)
{
    ((Port92 *)dev)->outport = PORT92_RESET_VALUE;
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
    device_class->reset_enter = port92_reset_enter;
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
