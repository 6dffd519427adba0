/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A guest ends the emulator with an exit status of its choice: writing V exits with (V << 1) | 1, so
 * that no value can be taken for a success of the emulator itself.
 */

#include "debug.h"

#include <emu/isa.h>
#include <emu/machine.h>

typedef struct {
    EmuIsaDevice parent_instance;

    uint32_t iobase;
    uint32_t iosize;
} DebugExitDevice;

static uint64_t
debug_exit_read(gpointer opaque, uint64_t offset, unsigned size)
{
    return 0;
}

static void
debug_exit_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    DebugExitDevice *self = opaque;

    emu_machine_request_exit(emu_device_get_machine((EmuDevice *)self), (int)((value << 1 | 1) & 0xffffffff));
}

static const EmuMemoryRegionOps debug_exit_ops = {
    .read = debug_exit_read,
    .write = debug_exit_write,
    .valid_min = 1,
    .valid_max = 4,
    .valid_unaligned = true,
    .impl_min = 1,
    .impl_max = 4,
    .impl_unaligned = true,
};

static bool
debug_exit_realize(EmuDevice *dev, GError **error)
{
    DebugExitDevice *self = (DebugExitDevice *)dev;
    EmuMemoryRegion *io =
        emu_memory_region_new_io(self, "isa-debug-exit", self->iosize, &debug_exit_ops, self);

    emu_isa_device_map_io((EmuIsaDevice *)self, io, (uint16_t)self->iobase);
    return true;
}

static const EmuProperty debug_exit_properties[] = {
    EMU_PROP_UINT32_RANGE("iobase", DebugExitDevice, iobase, 0x501, 0, 0xffff, "first I/O port"),
    EMU_PROP_UINT32_RANGE("iosize", DebugExitDevice, iosize, 2, 1, 8, "number of I/O ports"),
};

static const EmuVMField debug_exit_fields[] = {EMU_VM_END};
static const EmuVMState debug_exit_vmstate = {
    .name = "isa-debug-exit",
    .version = 1,
    .minimum_version = 1,
    .fields = debug_exit_fields,
};

static void
debug_exit_class_init(gpointer klass, gconstpointer class_data)
{
    EmuDeviceClass *dc = klass;

    dc->realize = debug_exit_realize;
    dc->vmstate = &debug_exit_vmstate;
    dc->category = "misc";
    dc->user_creatable = true;
    emu_object_class_add_properties(klass, debug_exit_properties, G_N_ELEMENTS(debug_exit_properties));
}

const EmuTypeInfo isa_debug_exit_type_info = {
    .name = "isa-debug-exit",
    .parent = "isa-device",
    .instance_size = sizeof(DebugExitDevice),
    .class_init = debug_exit_class_init,
    .description = "port by which a guest exits the emulator with a status",
};
