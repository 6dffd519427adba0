/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pvpanic.h"

#include <emu/log.h>
#include <emu/machine.h>

/* What the functions need: the events lie in the device, which lives longer than its region. */
typedef struct {
    EmuDevice *dev;
    const uint8_t *events;
} PvpanicRegister;

static uint64_t
pvpanic_read(gpointer opaque, uint64_t offset, unsigned size G_GNUC_UNUSED)
{
    PvpanicRegister *reg = opaque;

    return offset == 0 ? *reg->events : 0;
}

static void
pvpanic_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    PvpanicRegister *reg = opaque;
    EmuMachine *machine = emu_device_get_machine(reg->dev);
    uint8_t told = (uint8_t)value & *reg->events;

    if (offset != 0) {
        return;
    }
    if ((uint8_t)value & ~*reg->events) {
        emu_guest_error("pvpanic: events 0x%02x are unknown", (uint8_t)value & ~*reg->events);
    }
    if (told & PVPANIC_PANICKED) {
        emu_machine_request_guest_event(machine, EMU_GUEST_EVENT_PANICKED);
    } else if (told & PVPANIC_CRASH_LOADED) {
        emu_machine_request_guest_event(machine, EMU_GUEST_EVENT_CRASH_LOADED);
    } else if (told & PVPANIC_SHUTDOWN) {
        emu_machine_request_guest_event(machine, EMU_GUEST_EVENT_SHUTDOWN);
    }
}

static const EmuMemoryRegionOps pvpanic_ops = {
    .read = pvpanic_read,
    .write = pvpanic_write,
    .impl_min = 1,
    .impl_max = 1,
};

EmuMemoryRegion *
pvpanic_new_region(gpointer owner, uint64_t size, const uint8_t *events)
{
    PvpanicRegister *reg = g_new(PvpanicRegister, 1);

    *reg = (PvpanicRegister){owner, events};
    g_object_set_data_full(owner, "pvpanic-register", reg, g_free);
    return emu_memory_region_new_io(owner, "pvpanic", size, &pvpanic_ops, reg);
}
