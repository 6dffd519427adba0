/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The life of a PC: memory, processors, then what pc-devices.c and the board make. */

#include "pc-machine.h"

#include "pc-versions.h"

#include <emu/log.h>

#define PC_BELOW_4G_MIN UINT64_C(0x100000)
#define PC_4G UINT64_C(0x100000000)
#define PC_MAX_CPUS 255
#define PC_MAX_APIC_ID 254

/* ---- memory ------------------------------------------------------------------------------------ */

static bool
pc_map_ram(PcMachine *self, GError **error)
{
    EmuMachine *machine = EMU_MACHINE(self);
    EmuMemoryRegion *system = emu_machine_get_system_memory(machine);
    uint64_t size = emu_machine_get_ram_size(machine);
    uint64_t max = PC_MACHINE_GET_CLASS(self)->below_4g_max, low = max;
    EmuMemoryRegion *ram;

    if (self->max_ram_below_4g) {
        if (self->max_ram_below_4g < PC_BELOW_4G_MIN || self->max_ram_below_4g > max) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                        "pc: max-ram-below-4g is %" G_GUINT64_FORMAT ", expected %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                        self->max_ram_below_4g, PC_BELOW_4G_MIN, max);
            return false;
        }
        low = self->max_ram_below_4g;
    } else if (size >= max) {
        low = PC_MACHINE_GET_CLASS(self)->below_4g_large;
    }
    self->below_4g = MIN(size, low);
    self->above_4g = size - self->below_4g;

    ram = emu_machine_get_ram(machine, error);
    if (!ram) {
        return false;
    }
    emu_memory_region_add_subregion(system, 0, emu_memory_region_new_alias(self, "ram-below-4g", ram, 0, self->below_4g), 0);
    if (self->above_4g) {
        emu_memory_region_add_subregion(
            system, PC_4G, emu_memory_region_new_alias(self, "ram-above-4g", ram, self->below_4g, self->above_4g), 0);
    }
    return true;
}

/* ---- processors -------------------------------------------------------------------------------- */

static bool
pc_create_cpus(PcMachine *self, GError **error)
{
    EmuMachine *machine = EMU_MACHINE(self);
    EmuSmp smp = emu_machine_get_smp(machine);

    /* The last one's is the highest; 255 addresses all. */
    if (emu_x86_topology_get_apic_id(smp, smp.max_cpus - 1) > PC_MAX_APIC_ID) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "Invalid CPU topology: sockets=%u,dies=%u,cores=%u,threads=%u would need local APIC ID %u, expected at most %u",
                    smp.sockets, smp.dies, smp.cores, smp.threads, emu_x86_topology_get_apic_id(smp, smp.max_cpus - 1), PC_MAX_APIC_ID);
        return false;
    }
    for (unsigned i = 0; i < smp.cpus; i++) {
        if (!emu_machine_create_cpu(machine, i, error)) {
            return false;
        }
    }
    return true;
}

static bool
pc_decide_smm(PcMachine *self, GError **error)
{
    EmuAccel *accel = emu_machine_get_accel(EMU_MACHINE(self));
    bool possible = !accel || !EMU_ACCEL_GET_CLASS(accel)->no_smm;

    if (self->smm == EMU_ON_OFF_AUTO_ON && !possible) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "pc: smm is on, but accelerator %s has no system management mode, expected off or auto", EMU_ACCEL_GET_CLASS(accel)->name);
        return false;
    }
    self->smm_enabled = self->smm != EMU_ON_OFF_AUTO_OFF && possible;
    return true;
}

/* ---- life ---------------------------------------------------------------------------------------- */

static bool
pc_machine_init(EmuMachine *machine, GError **error)
{
    PcMachine *self = (PcMachine *)machine;

    return pc_decide_smm(self, error) && pc_map_ram(self, error) && pc_create_cpus(self, error) && pc_create_device_memory(self, error) && pc_create_devices(self, error) &&
           pc_map_firmware(self, error);
}

static bool
pc_machine_done(EmuMachine *machine, GError **error)
{
    PcMachine *self = (PcMachine *)machine;

    pc_write_cmos(self);
    pc_connect_vmgenid(self);
    pc_track_parts(self);
    return pc_fill_fw_cfg(self, error);
}

static void
pc_machine_reset(EmuMachine *machine)
{
    PcMachine *self = (PcMachine *)machine;

    if (self->fw_cfg) {
        pc_write_cpu_count(self);
    }
    if (self->rtc) {
        emu_cmos_set(EMU_CMOS(self->rtc), 0x5f, (uint8_t)(pc_count_cpus(self) - 1));
    }
    /* The reset before the start comes first, the one that ends "once" second. */
    if (self->boot_once_pending) {
        self->boot_once_pending = false;
    } else {
        pc_write_boot_order(self, emu_machine_get_boot_order(machine));
    }
}

static void
pc_machine_nmi(EmuMachine *machine)
{
    for (unsigned i = 0; i < emu_machine_get_n_cpus(machine); i++) {
        EmuCpu *cpu = emu_machine_get_cpu(machine, i);

        if (cpu) {
            emu_line_pulse(emu_device_get_line_in(EMU_DEVICE(cpu), "nmi", 0));
        }
    }
}

static void
pc_machine_cpu_plugged(EmuMachine *machine, EmuCpu *cpu)
{
    g_autoptr(GError) error = NULL;

    if (!pc_wire_cpu((PcMachine *)machine, EMU_DEVICE(cpu), &error)) {
        g_warning("%s", error->message);
    }
}

static const EmuProperty pc_machine_properties[] = {
    EMU_PROP_SIZE("max-ram-below-4g", PcMachine, max_ram_below_4g, 0, "where RAM below 4 GiB ends at the latest"),
    EMU_PROP_ONOFFAUTO("smm", PcMachine, smm, EMU_ON_OFF_AUTO_AUTO, "system management mode for the firmware"),
    EMU_PROP_BOOL("acpi", PcMachine, acpi, true, "ACPI tables for the guest"),
    EMU_PROP_BOOL("fd-bootchk", PcMachine, fd_bootchk, true, "the firmware checks a floppy's boot signature"),
    EMU_PROP_BOOL("i8042", PcMachine, i8042, true, "keyboard controller"),
    EMU_PROP_BOOL("hpet", PcMachine, hpet, true, "high precision event timers"),
    EMU_PROP_BOOL("pit", PcMachine, pit, true, "interval timer, and the speaker that it drives"),
    EMU_PROP_STRING("pflash0", PcMachine, pflash[0], NULL, "block node with the firmware's flash memory"),
    EMU_PROP_STRING("pflash1", PcMachine, pflash[1], NULL, "block node with the flash memory of its variables"),
};

void
pc_machine_class_init(PcMachineClass *klass)
{
    EmuMachineClass *machine_class = &klass->parent_class;

    machine_class->default_cpu_type = "qemu64-x86_64-cpu";
    machine_class->default_ram_size = UINT64_C(128) << 20;
    machine_class->default_ram_id = "pc.ram";
    machine_class->default_cpus = 1;
    machine_class->max_cpus = PC_MAX_CPUS;
    machine_class->default_boot_order = "cad";
    machine_class->init = pc_machine_init;
    machine_class->done = pc_machine_done;
    machine_class->reset = pc_machine_reset;
    machine_class->nmi = pc_machine_nmi;
    machine_class->cpu_plugged = pc_machine_cpu_plugged;
    machine_class->slots_need_node = true;
    klass->hpet_intcap = "0x4";
    machine_class->can_replace = pc_can_replace;
    machine_class->part_replaced = pc_part_replaced;
    emu_object_class_add_properties(klass, pc_machine_properties, G_N_ELEMENTS(pc_machine_properties));
}

/* One board under many names ("pc-i440fx-7.2-machine"), so that command lines that ask for a version find it. */
void
pc_version_class_init(gpointer klass, gconstpointer class_data)
{
    EmuMachineClass *machine_class = klass;
    const PcVersion *version = class_data;

    machine_class->description = version->description;
    machine_class->alias = version->alias;
    machine_class->is_default = version->is_default;
}
