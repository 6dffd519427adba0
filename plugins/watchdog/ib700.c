/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Watchdog of iBASE's IB700 single board computers: a write to port 0x443 starts it, with 30 seconds less two for each
 * unit of the low four bits; a write to 0x441 stops it.
 */

#include "watchdog.h"

#include <emu/isa.h>
#include <emu/machine.h>

#define IB700_DISABLE_PORT 0x441
#define IB700_ENABLE_PORT 0x443

typedef struct {
    EmuIsaDevice parent_instance;

    EmuTimer *timer;
} Ib700;

static void
ib700_expired_cb(gpointer opaque)
{
    emu_machine_request_watchdog(emu_device_get_machine(opaque));
}

static uint64_t
ib700_read(gpointer opaque G_GNUC_UNUSED, uint64_t offset G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    return 0xff;
}

static void
ib700_enable(gpointer opaque, uint64_t offset G_GNUC_UNUSED, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    Ib700 *self = opaque;
    int64_t seconds = 30 - 2 * (int64_t)(value & 15);

    emu_timer_set(self->timer, emu_clock_get_ns(emu_device_get_clock((EmuDevice *)self, EMU_CLOCK_VIRTUAL)) + seconds * EMU_NS_PER_SEC);
}

static void
ib700_disable(gpointer opaque, uint64_t offset G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    Ib700 *self = opaque;

    emu_timer_cancel(self->timer);
}

static const EmuMemoryRegionOps ib700_enable_ops = {.read = ib700_read, .write = ib700_enable, .impl_min = 1, .impl_max = 1};
static const EmuMemoryRegionOps ib700_disable_ops = {.read = ib700_read, .write = ib700_disable, .impl_min = 1, .impl_max = 1};

static bool
ib700_realize(EmuDevice *dev, GError **error G_GNUC_UNUSED)
{
    Ib700 *self = (Ib700 *)dev;

    self->timer = emu_timer_new(emu_device_get_clock(dev, EMU_CLOCK_VIRTUAL), ib700_expired_cb, self);
    emu_isa_device_map_io((EmuIsaDevice *)self, emu_memory_region_new_io(self, "ib700-disable", 1, &ib700_disable_ops, self),
                          IB700_DISABLE_PORT);
    emu_isa_device_map_io((EmuIsaDevice *)self, emu_memory_region_new_io(self, "ib700-enable", 1, &ib700_enable_ops, self),
                          IB700_ENABLE_PORT);
    return true;
}

static void
ib700_unrealize(EmuDevice *dev)
{
    g_clear_pointer(&((Ib700 *)dev)->timer, emu_timer_free);
}

static void
ib700_reset_enter(EmuDevice *dev)
{
    emu_timer_cancel(((Ib700 *)dev)->timer);
}

static const EmuVMField ib700_fields[] = {EMU_VM_TIMER(Ib700, timer), EMU_VM_END};

static const EmuVMState ib700_vmstate = {
    .name = "ib700",
    .version = 1,
    .minimum_version = 1,
    .fields = ib700_fields,
};

static void
ib700_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;

    device->realize = ib700_realize;
    device->unrealize = ib700_unrealize;
    device->reset_enter = ib700_reset_enter;
    device->vmstate = &ib700_vmstate;
    device->category = "watchdog";
    device->user_creatable = true;
}

const EmuTypeInfo ib700_type_info = {
    .name = "ib700",
    .parent = "isa-device",
    .instance_size = sizeof(Ib700),
    .class_init = ib700_class_init,
    .description = "iBASE 700 watchdog",
};
