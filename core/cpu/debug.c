/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The lists of breakpoints and watchpoints of a machine. */

#include "cpu/debug.h"

#include "cpu/vcpus.h"

#include <string.h>

EmuDebug *
emu_machine_get_debug(EmuMachine *machine)
{
    return &emu_machine_get_vcpus(machine)->debug;
}

/* First index whose breakpoint is not below @pc. */
static unsigned
debug_find(const EmuDebug *self, uint64_t pc)
{
    unsigned low = 0, high = self->n_breakpoints;

    while (low < high) {
        unsigned mid = (low + high) / 2;

        if (self->breakpoints[mid] < pc) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

uint64_t
emu_debug_next_breakpoint(const EmuDebug *self, uint64_t pc)
{
    unsigned i = debug_find(self, pc);

    return i < self->n_breakpoints ? self->breakpoints[i] : UINT64_MAX;
}

bool
emu_debug_is_watched(const EmuDebug *self, uint64_t first, uint64_t last, unsigned access)
{
    for (unsigned i = 0; i < self->n_watchpoints; i++) {
        const EmuDebugRange *range = &self->watchpoints[i];

        if (range->access & access && range->first <= last && range->last >= first) {
            return true;
        }
    }
    return false;
}

/* The lists change with every vCPU parked; then the accelerator looks at them. */
typedef struct {
    EmuDebug *debug;
    EmuVcpus *vcpus;
    bool running;
} Change;

static bool
change_begin(EmuMachine *machine, Change *change, GError **error)
{
    EmuAccel *accel = emu_machine_get_accel(machine);

    if (!accel || !EMU_ACCEL_GET_CLASS(accel)->debug_changed) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "accelerator %s has no breakpoints",
                    accel ? EMU_ACCEL_GET_CLASS(accel)->name : "none");
        return false;
    }
    change->vcpus = emu_machine_get_vcpus(machine);
    change->debug = &change->vcpus->debug;
    change->running = change->vcpus->running;
    emu_vcpus_pause(change->vcpus);
    return true;
}

static void
change_end(EmuMachine *machine, Change *change)
{
    EmuAccel *accel = emu_machine_get_accel(machine);

    EMU_ACCEL_GET_CLASS(accel)->debug_changed(accel);
    if (change->running) {
        emu_vcpus_resume(change->vcpus);
    }
}

bool
emu_debug_add_breakpoint(EmuMachine *machine, uint64_t pc, GError **error)
{
    Change change;
    unsigned at;

    if (!change_begin(machine, &change, error)) {
        return false;
    }
    at = debug_find(change.debug, pc);
    change.debug->breakpoints = g_renew(uint64_t, change.debug->breakpoints, change.debug->n_breakpoints + 1);
    memmove(&change.debug->breakpoints[at + 1], &change.debug->breakpoints[at], (change.debug->n_breakpoints - at) * sizeof(uint64_t));
    change.debug->breakpoints[at] = pc;
    change.debug->n_breakpoints++;
    change_end(machine, &change);
    return true;
}

void
emu_debug_remove_breakpoint(EmuMachine *machine, uint64_t pc)
{
    Change change;
    unsigned at;

    if (!change_begin(machine, &change, NULL)) {
        return;
    }
    at = debug_find(change.debug, pc);
    if (at < change.debug->n_breakpoints && change.debug->breakpoints[at] == pc) {
        change.debug->n_breakpoints--;
        memmove(&change.debug->breakpoints[at], &change.debug->breakpoints[at + 1], (change.debug->n_breakpoints - at) * sizeof(uint64_t));
    }
    change_end(machine, &change);
}

bool
emu_debug_add_watchpoint(EmuMachine *machine, uint64_t addr, uint64_t size, unsigned access, GError **error)
{
    Change change;

    if (!change_begin(machine, &change, error)) {
        return false;
    }
    change.debug->watchpoints = g_renew(EmuDebugRange, change.debug->watchpoints, change.debug->n_watchpoints + 1);
    change.debug->watchpoints[change.debug->n_watchpoints++] = (EmuDebugRange){addr, addr + (size - 1), access};
    change_end(machine, &change);
    return true;
}

void
emu_debug_remove_watchpoint(EmuMachine *machine, uint64_t addr, uint64_t size, unsigned access)
{
    Change change;

    if (!change_begin(machine, &change, NULL)) {
        return;
    }
    for (unsigned i = 0; i < change.debug->n_watchpoints; i++) {
        EmuDebugRange *range = &change.debug->watchpoints[i];

        if (range->first == addr && range->last == addr + (size - 1) && range->access == access) {
            *range = change.debug->watchpoints[--change.debug->n_watchpoints];
            break;
        }
    }
    change_end(machine, &change);
}

void
emu_cpu_debug_hit(EmuCpu *cpu, const EmuDebugHit *hit)
{
    EmuMachine *machine = emu_device_get_machine(EMU_DEVICE(cpu));
    EmuDebug *self = machine ? emu_machine_get_debug(machine) : NULL;

    if (self && self->hit) {
        self->hit(self->opaque, cpu, hit);
    }
}
