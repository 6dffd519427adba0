/* SPDX-License-Identifier: @LICENSE@ */

/*
 * A board: `emu -M @TYPE@`.
 *
 *   0x00000000  RAM, as much as -m says
 *   0x10000000  POWER: writing V ends emu with exit status V
 *
 * It has no CPU unless one is asked for with -cpu.
 */

#include <emu/cpu.h>
#include <emu/machine.h>
#include <emu/plugin.h>

#define @UPPER@_POWER 0x10000000u

typedef struct {
    EmuMachine parent_instance;
} @CLASS@;

static uint64_t
@FUNC@_power_read(gpointer opaque, uint64_t offset, unsigned size)
{
    return 0;
}

static void
@FUNC@_power_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    emu_machine_request_exit(opaque, (int)(value & 0xff));
}

static const EmuMemoryRegionOps @FUNC@_power_ops = {.read = @FUNC@_power_read, .write = @FUNC@_power_write};

static bool
@FUNC@_build(EmuMachine *machine, GError **error)
{
    EmuMemoryRegion *memory = emu_machine_get_system_memory(machine);
    EmuMemoryRegion *ram = emu_machine_get_ram(machine, error);

    if (!ram) {
        return false;
    }
    if (emu_memory_region_get_size(ram) > @UPPER@_POWER) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "@TYPE@ takes at most 256 MiB of RAM");
        return false;
    }
    emu_memory_region_add_subregion(memory, 0, ram, 0);
    emu_memory_region_add_subregion(memory, @UPPER@_POWER,
                                    emu_memory_region_new_io(machine, "power", 8, &@FUNC@_power_ops, machine), 0);
    for (unsigned i = 0; emu_machine_get_cpu_type(machine) && i < emu_machine_get_smp(machine).cpus; i++) {
        if (!emu_machine_create_cpu(machine, i, error)) {
            return false;
        }
    }
    return true;
}

static void
@FUNC@_class_init(gpointer klass, gconstpointer class_data)
{
    EmuMachineClass *machine = klass;

    machine->description = "@NAME@: a board";
    machine->init = @FUNC@_build;
    machine->default_ram_size = 16 << 20;
    machine->default_ram_id = "@NAME@.ram";
    machine->default_cpus = 1;
    machine->max_cpus = 1;
}

static const EmuTypeInfo @FUNC@_info = {
    .name = "@TYPE@-machine",
    .parent = "machine",
    .instance_size = sizeof(@CLASS@),
    .class_init = @FUNC@_class_init,
    .description = "@NAME@: a board",
};

EMU_PLUGIN(.name = "@NAME@", .version = "0.1.0", .license = "@LICENSE@", .description = "@NAME@: a board",
           .provides = "@TYPE@-machine:machine");

static void
@FUNC@_register(void)
{
    emu_type_register_static(&@FUNC@_info);
}
type_init(@FUNC@_register)
