/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Intel 8254 interval timer at 1.193182 MHz. Only counter 0 has an OUT line to drive (IRQ 0), so only
 * it needs a host timer; the others are computed when somebody looks.
 */

#include "pit.h"

#include <emu/log.h>

#define PIT_REG_CONTROL 3
/* A guest may program an edge every other CLK; the host is not woken more often than this. */
#define PIT_MIN_INTERVAL_NS 20000
/* Of the periods that a busy host slept through, the last second's edges are made up for. */
#define PIT_OWED_TICKS PIT_FREQUENCY_HZ

EMU_TRACE_DEFINE(pit_write)
EMU_TRACE_DEFINE(pit_edge)

static PitClass *
pit_class(Pit *self)
{
    return (PitClass *)G_OBJECT_GET_CLASS(self);
}

static void
pit_fetch(Pit *self)
{
    if (pit_class(self)->fetch) {
        pit_class(self)->fetch(self);
    }
}

static void
pit_store(Pit *self)
{
    if (pit_class(self)->store) {
        pit_class(self)->store(self);
    }
}

int64_t
pit_get_tick(Pit *self)
{
    int64_t now = emu_clock_get_ns(emu_device_get_clock(EMU_DEVICE(self), EMU_CLOCK_VIRTUAL));

    return emu_muldiv64(MAX(now, 0), PIT_FREQUENCY_HZ, EMU_NS_PER_SEC);
}

/* Sets the timer to OUT 0's next edge. */
static void
pit_arm(Pit *self)
{
    int64_t next = pit_counter_next_edge(&self->counters[0], pit_get_tick(self));
    int64_t now, expires;

    if (next < 0) {
        emu_timer_cancel(self->timer);
        return;
    }
    now = emu_clock_get_ns(emu_device_get_clock(EMU_DEVICE(self), EMU_CLOCK_VIRTUAL));
    /* Rounded up: at that time the CLK has happened. */
    expires = emu_muldiv64(next, EMU_NS_PER_SEC, PIT_FREQUENCY_HZ) + 1;
    self->next_edge = next;
    if (self->owed) {
        expires = MIN(expires, now + (int64_t)emu_muldiv64(self->counters[0].count, EMU_NS_PER_SEC / 4, PIT_FREQUENCY_HZ));
    }
    emu_timer_set(self->timer, MAX(expires, now + PIT_MIN_INTERVAL_NS));
}

/* Drives OUT 0, now and at its edges. */
static void
pit_update(Pit *self)
{
    if (pit_class(self)->store) {
        return; /* its other half counts */
    }
    if (!self->disabled) {
        emu_line_set(self->out, pit_counter_get_out(&self->counters[0], pit_get_tick(self)));
    }
    pit_arm(self);
}

/*
 * A guest that counts interrupts loses the time of those that never come. So they come late, four times as fast as OUT 0 would bring them until all have come.
 */
static void
pit_owe(Pit *self, int64_t tick)
{
    PitCounter *counter = &self->counters[0];
    int64_t period = counter->count, rises;

    if ((counter->mode == 2 || counter->mode == 3) && counter->state == PIT_COUNTER_RUNNING && period > 1 && !self->disabled) {
        /* OUT rises at the beginning of each period. One rise comes now, if it does. */
        rises = (tick - counter->start_tick) / period - (self->next_edge - 1 - counter->start_tick) / period;
        rises -= counter->mode == 2 || (!emu_line_get(self->out) && pit_counter_get_out(counter, tick));
        self->owed = (uint32_t)MIN(self->owed + MAX(rises, 0), PIT_OWED_TICKS / period);
    }
}

static void
pit_timer_cb(gpointer opaque)
{
    Pit *self = opaque;
    int64_t tick = pit_get_tick(self);
    bool made_up = tick < self->next_edge && self->owed;

    EMU_TRACE(pit_edge, "counter 0%s", made_up ? ", late" : "");
    if (made_up) {
        self->owed--;
    } else {
        pit_owe(self, tick);
    }
    if (!self->disabled && (made_up || pit_counter_is_strobe(&self->counters[0]))) {
        emu_line_set(self->out, 0);
        emu_line_set(self->out, 1);
    }
    pit_update(self);
}

static void
pit_write(Pit *self, uint64_t offset, uint64_t value)
{
    int64_t tick = pit_get_tick(self);

    EMU_TRACE(pit_write, "register %u value 0x%02x", (unsigned)offset, (unsigned)value);
    if (offset == 0 || (offset == PIT_REG_CONTROL && value >> 6 == 0 && (value & 0x30))) {
        self->owed = 0;
    }
    if (offset != PIT_REG_CONTROL) {
        pit_counter_write(&self->counters[offset], value, tick);
        if (offset == 0) {
            pit_update(self);
        }
        return;
    }
    if (value >> 6 < PIT_N_COUNTERS) {
        unsigned n = value >> 6;

        pit_counter_write_control(&self->counters[n], value, tick);
        if (n == 0 && (value & 0x30)) {
            pit_update(self);
        }
        return;
    }
    /* Read-back command: 1 1 /COUNT /STATUS CNT2 CNT1 CNT0 0. */
    for (unsigned i = 0; i < PIT_N_COUNTERS; i++) {
        if (value & (2u << i)) {
            if (!(value & 0x20)) {
                pit_counter_latch_count(&self->counters[i], tick);
            }
            if (!(value & 0x10)) {
                pit_counter_latch_status(&self->counters[i], tick);
            }
        }
    }
}

static void
pit_io_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    Pit *self = opaque;

    pit_fetch(self);
    pit_write(self, offset, value);
    pit_store(self);
}

static uint64_t
pit_io_read(gpointer opaque, uint64_t offset, unsigned size G_GNUC_UNUSED)
{
    Pit *self = opaque;
    uint8_t value;

    /* The control register cannot be read: the bus floats. */
    if (offset == PIT_REG_CONTROL) {
        return 0xff;
    }
    pit_fetch(self);
    value = pit_counter_read(&self->counters[offset], pit_get_tick(self));
    pit_store(self);
    return value;
}

static const EmuMemoryRegionOps pit_io_ops = {
    .read = pit_io_read,
    .write = pit_io_write,
    .impl_min = 1,
    .impl_max = 1,
};

static void
pit_set_gate(EmuPitChannel *iface, unsigned channel, bool gate)
{
    Pit *self = (Pit *)iface;

    g_return_if_fail(channel < PIT_N_COUNTERS);
    pit_fetch(self);
    if (self->counters[channel].gate == gate) {
        return;
    }
    pit_counter_set_gate(&self->counters[channel], gate, pit_get_tick(self));
    if (channel == 0) {
        self->owed = 0;
        pit_update(self);
    }
    pit_store(self);
}

static bool
pit_get_out(EmuPitChannel *iface, unsigned channel)
{
    Pit *self = (Pit *)iface;

    g_return_val_if_fail(channel < PIT_N_COUNTERS, false);
    pit_fetch(self);
    return pit_counter_get_out(&self->counters[channel], pit_get_tick(self));
}

static bool
pit_get_gate(EmuPitChannel *iface, unsigned channel)
{
    Pit *self = (Pit *)iface;

    g_return_val_if_fail(channel < PIT_N_COUNTERS, false);
    pit_fetch(self);
    return self->counters[channel].gate;
}

static void
pit_gate_line(gpointer opaque, unsigned index, int level)
{
    pit_set_gate(opaque, index, level);
}

static void
pit_disable_line(gpointer opaque, unsigned index G_GNUC_UNUSED, int level)
{
    Pit *self = opaque;

    if (self->disabled == (level != 0)) {
        return;
    }
    pit_fetch(self);
    self->disabled = level != 0;
    self->owed = 0;
    pit_store(self);
    if (level) {
        emu_line_set(self->out, 0);
    } else if (emu_device_is_realized(EMU_DEVICE(self))) {
        pit_update(self);
    }
}

static bool
pit_realize(EmuDevice *dev, GError **error)
{
    Pit *self = (Pit *)dev;

    if (self->iobase > 0xfffc) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "isa-pit: iobase is 0x%x, expected 0 to 0xfffc",
                    self->iobase);
        return false;
    }
    self->timer = emu_timer_new(emu_device_get_clock(dev, EMU_CLOCK_VIRTUAL), pit_timer_cb, self);
    emu_isa_device_map_io(&self->parent, emu_memory_region_new_io(self, "pit", 4, &pit_io_ops, self), self->iobase);
    return true;
}

static void
pit_unrealize(EmuDevice *dev)
{
    Pit *self = (Pit *)dev;

    g_clear_pointer(&self->timer, emu_timer_free);
}

static void
pit_reset_enter(EmuDevice *dev)
{
    Pit *self = (Pit *)dev;

    emu_timer_cancel(self->timer);
    /* Gates 0 and 1 are tied high on the board; the speaker port opens gate 2. */
    for (unsigned i = 0; i < PIT_N_COUNTERS; i++) {
        pit_counter_reset(&self->counters[i], i != 2);
    }
    self->disabled = false;
    self->owed = 0;
}

static void
pit_reset_hold(EmuDevice *dev)
{
    Pit *self = (Pit *)dev;

    emu_line_set(self->out, 0);
    pit_store(self);
}

static void
pit_pre_save(gpointer opaque)
{
    Pit *self = opaque;

    pit_fetch(self);
    for (unsigned i = 0; i < PIT_N_COUNTERS; i++) {
        pit_counter_save(&self->counters[i], pit_get_tick(self));
    }
}

static bool
pit_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error)
{
    Pit *self = opaque;

    for (unsigned i = 0; i < PIT_N_COUNTERS; i++) {
        if (!pit_counter_load(&self->counters[i], pit_get_tick(self))) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "isa-pit: saved counter %u is not valid", i);
            return false;
        }
    }
    self->next_edge = MAX(pit_counter_next_edge(&self->counters[0], pit_get_tick(self)), 0);
    /* The output's level is the interrupt controller's to load; the next edge comes with the timer, which may lag. A state that
     * was saved where the counters lived elsewhere has no timer set. */
    if (pit_class(self)->store) {
        emu_timer_cancel(self->timer);
        pit_store(self);
    } else if (!emu_timer_is_set(self->timer)) {
        pit_arm(self);
    }
    return true;
}

static const EmuVMField pit_counter_vmstate_fields[] = {
    EMU_VM_U8(PitCounter, mode),
    EMU_VM_U8(PitCounter, access),
    EMU_VM_BOOL(PitCounter, bcd),
    EMU_VM_BOOL(PitCounter, gate),
    EMU_VM_BOOL(PitCounter, write_msb),
    EMU_VM_BOOL(PitCounter, read_msb),
    EMU_VM_U8(PitCounter, write_lsb),
    EMU_VM_BOOL(PitCounter, status_latched),
    EMU_VM_U8(PitCounter, latched_status),
    EMU_VM_U8(PitCounter, latched_bytes),
    EMU_VM_U16(PitCounter, latched_count),
    EMU_VM_U32(PitCounter, state),
    EMU_VM_U32(PitCounter, reload),
    EMU_VM_U32(PitCounter, count),
    EMU_VM_BOOL(PitCounter, reload_pending),
    EMU_VM_BOOL(PitCounter, reload_at_half),
    EMU_VM_U64(PitCounter, elapsed),
    EMU_VM_END,
};

static const EmuVMState pit_counter_vmstate = {
    .name = "pit-counter",
    .version = 2,
    .minimum_version = 2,
    .fields = pit_counter_vmstate_fields,
};

static const EmuVMField pit_vmstate_fields[] = {
    EMU_VM_STRUCT_ARRAY(Pit, counters, &pit_counter_vmstate),
    EMU_VM_BOOL(Pit, disabled),
    EMU_VM_TIMER(Pit, timer),
    {.name = "owed", .kind = EMU_VM_KIND_U32, .offset = offsetof(Pit, owed), .size = 4, .num = 1, .since = 2},
    EMU_VM_END,
};

static const EmuVMState pit_vmstate = {
    .name = "isa-pit",
    .version = 2,
    .minimum_version = 1,
    .fields = pit_vmstate_fields,
    .pre_save = pit_pre_save,
    .post_load = pit_post_load,
};

static const EmuProperty pit_properties[] = {
    EMU_PROP_UINT32("iobase", Pit, iobase, 0x40, "first of the four I/O ports"),
};

static void
pit_instance_init(gpointer obj)
{
    Pit *self = obj;

    emu_device_add_lines_out(EMU_DEVICE(self), NULL, 1, &self->out);
    emu_device_add_lines_in(EMU_DEVICE(self), "gate", PIT_N_COUNTERS, pit_gate_line);
    emu_device_add_lines_in(EMU_DEVICE(self), "disable", 1, pit_disable_line);
    for (unsigned i = 0; i < PIT_N_COUNTERS; i++) {
        pit_counter_reset(&self->counters[i], i != 2);
    }
}

static void
pit_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;

    device_class->realize = pit_realize;
    device_class->unrealize = pit_unrealize;
    device_class->reset_enter = pit_reset_enter;
    device_class->reset_hold = pit_reset_hold;
    device_class->vmstate = &pit_vmstate;
    device_class->category = "misc";
    device_class->model_name = "8254 interval timer";
    device_class->user_creatable = false;
    emu_object_class_add_properties(klass, pit_properties, G_N_ELEMENTS(pit_properties));
}

static void
pit_channel_init(gpointer iface, gpointer data G_GNUC_UNUSED)
{
    EmuPitChannelInterface *channel = iface;

    channel->set_gate = pit_set_gate;
    channel->get_out = pit_get_out;
    channel->get_gate = pit_get_gate;
}

static const EmuInterfaceImpl pit_interfaces[] = {
    {"pit-channel", pit_channel_init},
    {NULL, NULL},
};

const EmuTypeInfo pit_type_info = {
    .name = "isa-pit",
    .parent = "isa-device",
    .instance_size = sizeof(Pit),
    .class_size = sizeof(PitClass),
    .instance_init = pit_instance_init,
    .class_init = pit_class_init,
    .interfaces = pit_interfaces,
    .description = "8254 interval timer",
};
