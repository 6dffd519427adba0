/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * CPUs that the user adds: by -device before the machine runs, by device_add later. Where one goes is said by its topology
 * (socket-id, die-id, core-id, thread-id) or its local APIC's ID; the board's handler, if there is one, tells the guest.
 */

#include "cpu/cpu-private.h"
#include "device/device-private.h"
#include "system/machine-private.h"
#include "system/startup.h"

#include <emu/x86-pc.h>

/**
 * emu_machine_set_cpu_hotplug_handler:
 * @self: a machine in its board's init()
 * @handler: (nullable): an EmuHotplugHandler that wires CPUs and tells the guest of them
 *
 * Without one the user cannot add CPUs. The handler outlives the machine's CPUs. Big lock held.
 */
void
emu_machine_set_cpu_hotplug_handler(EmuMachine *self, gpointer handler)
{
    emu_machine_priv(self)->cpu_hotplug_handler = handler;
}

/* One of the numbers that name a place; false with @error when it is missing or too high. */
static bool
get_place(const EmuOpts *opts, const char *name, unsigned count, bool optional, unsigned *value, GError **error)
{
    const char *text = emu_opts_get(opts, name);
    uint64_t number = 0;

    if (!text && !optional) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "CPU %s is not set", name);
        return false;
    }
    if (text && !emu_parse_uint(text, &number)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "CPU %s is '%s', expected a number", name, text);
        return false;
    }
    if (number >= count) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "Invalid CPU %s: %" G_GUINT64_FORMAT " must be in range 0:%u", name, number,
                    count - 1);
        return false;
    }
    *value = (unsigned)number;
    return true;
}

static bool
find_index_of_apic_id(EmuSmp smp, const char *text, unsigned *index, GError **error)
{
    uint64_t id = 0;

    if (emu_parse_uint(text, &id)) {
        for (unsigned i = 0; i < smp.max_cpus; i++) {
            if (emu_x86_topology_get_apic_id(smp, i) == id) {
                *index = i;
                return true;
            }
        }
    }
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "Invalid CPU with APIC ID %s, valid index range 0:%u", text, smp.max_cpus - 1);
    return false;
}

static bool
find_index(EmuMachine *machine, const EmuOpts *opts, unsigned *index, GError **error)
{
    EmuSmp smp = emu_machine_get_smp(machine);
    unsigned socket = 0, die = 0, core = 0, thread = 0;

    if (emu_opts_get(opts, "apic-id") && !emu_opts_get(opts, "socket-id")) {
        return find_index_of_apic_id(smp, emu_opts_get(opts, "apic-id"), index, error);
    }
    if (!get_place(opts, "socket-id", smp.sockets, false, &socket, error) || !get_place(opts, "die-id", smp.dies, smp.dies == 1, &die, error) ||
        !get_place(opts, "core-id", smp.cores, false, &core, error) || !get_place(opts, "thread-id", smp.threads, false, &thread, error)) {
        return false;
    }
    *index = ((socket * smp.dies + die) * smp.cores + core) * smp.threads + thread;
    if (*index >= smp.max_cpus) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "CPU index %u is beyond maxcpus %u", *index, smp.max_cpus);
        return false;
    }
    return true;
}

/* What a CPU of @opts needs before its properties are set: a place that is free, and the machine's features. */
bool
emu_machine_prepare_cpu(EmuMachine *machine, EmuCpu *cpu, const EmuOpts *opts, GError **error)
{
    EmuMachinePrivate *priv = emu_machine_priv(machine);
    const char *type = emu_object_get_type_name(cpu), *expected = emu_machine_get_cpu_type(machine);
    unsigned index = 0;

    if (!priv->cpu_hotplug_handler) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "Device '%s' can not be hotplugged on this machine", type);
        return false;
    }
    if (g_strcmp0(type, expected) != 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "Invalid CPU type, expected cpu type: '%s', got '%s'", expected, type);
        return false;
    }
    if (!find_index(machine, opts, &index, error)) {
        return false;
    }
    if (emu_machine_get_cpu(machine, index)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_DUPLICATE, "CPU[%u] with APIC ID %u exists", index,
                    emu_x86_topology_get_apic_id(emu_machine_get_smp(machine), index));
        return false;
    }
    emu_cpu_set_index(cpu, index);
    emu_device_set_hotplug_handler(EMU_DEVICE(cpu), priv->cpu_hotplug_handler);
    return emu_machine_apply_cpu_features(machine, cpu, error);
}

/* All stand while a CPU comes or goes, since they look through the list of CPUs without a lock; and while memory goes, since they
 * reach it without one. True: they ran. Main thread, big lock held, which is given up while they are waited for. */
bool
emu_machine_pause_vcpus(EmuMachine *machine)
{
    EmuVcpus *vcpus = emu_machine_get_vcpus(machine);
    bool running = vcpus->running;

    if (running) {
        emu_vcpus_pause(vcpus);
    }
    return running;
}

void
emu_machine_resume_vcpus(EmuMachine *machine, bool running)
{
    if (running) {
        emu_vcpus_resume(emu_machine_get_vcpus(machine));
    }
}

EmuDevice *
emu_machine_plug_cpu(EmuMachine *machine, EmuDevice *dev, GError **error)
{
    bool running = emu_machine_pause_vcpus(machine);
    bool ok = emu_device_realize(g_object_ref(dev), machine, NULL, error);

    if (ok) {
        if (EMU_MACHINE_GET_CLASS(machine)->cpu_plugged) {
            EMU_MACHINE_GET_CLASS(machine)->cpu_plugged(machine, EMU_CPU(dev));
        }
        if (emu_machine_priv(machine)->built) {
            emu_device_reset(dev);
        }
    }
    emu_machine_resume_vcpus(machine, running);
    return ok ? dev : NULL;
}

/**
 * emu_machine_remove_cpu:
 * @self: a machine
 * @cpu: one of its CPUs that the guest has let go of
 *
 * Takes the CPU out of the machine. Main thread, big lock held, which is given up while vCPUs are waited for.
 */
void
emu_machine_remove_cpu(EmuMachine *self, EmuCpu *cpu)
{
    g_autoptr(EmuCpu) ref G_GNUC_UNUSED = g_object_ref(cpu);
    bool running = emu_machine_pause_vcpus(self);

    emu_device_unrealize(EMU_DEVICE(cpu));
    emu_machine_resume_vcpus(self, running);
}
