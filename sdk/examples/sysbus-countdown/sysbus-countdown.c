/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A timer as boards have them: worked example of a sysbus device, which a board makes, maps and wires, and of a register whose
 * value is computed when somebody looks.
 *
 * VALUE counts from LOAD to 0 once a microsecond while ENABLE is set, sets EXPIRED, and starts again with REPEAT.
 */

#include <emu/emu.h>

EMU_PLUGIN(.name = "sysbus-countdown", .version = "1.0", .license = "LGPL-2.1-or-later", .description = "countdown timer",
           .provides = "countdown:sysbus-device", .needs = "sysbus-device");

#define COUNTDOWN_ENABLE 0x1
#define COUNTDOWN_REPEAT 0x2
#define COUNTDOWN_IRQ 0x4
#define COUNTDOWN_EXPIRED 0x1
#define COUNTDOWN_MIN_TICKS 20 /* the host is not woken more often than every 20 us */

typedef struct {
    EmuSysbusDevice parent_instance;

    uint32_t tick_ns; /* property */

    EmuLine *irq;
    EmuTimer *timer;
    uint32_t load, control, status;
    uint32_t left;   /* while it stands */
    uint64_t end_ns; /* while it counts */
} Countdown;

static int64_t
countdown_now(Countdown *self)
{
    return emu_clock_get_ns(emu_device_get_clock(EMU_DEVICE(self), EMU_CLOCK_VIRTUAL));
}

static void
countdown_changed(gpointer opaque)
{
    Countdown *self = opaque;

    emu_line_set(self->irq, (self->control & COUNTDOWN_IRQ) && (self->status & COUNTDOWN_EXPIRED));
}

static uint64_t
countdown_read_value(gpointer opaque, unsigned index)
{
    Countdown *self = opaque;
    int64_t left_ns = (int64_t)self->end_ns - countdown_now(self);

    if (!(self->control & COUNTDOWN_ENABLE)) {
        return self->left;
    }
    return left_ns > 0 ? MIN(((uint64_t)left_ns + self->tick_ns - 1) / self->tick_ns, UINT32_MAX) : 0;
}

static void
countdown_begin(Countdown *self, uint32_t ticks)
{
    self->end_ns = (uint64_t)countdown_now(self) + (uint64_t)MAX(ticks, COUNTDOWN_MIN_TICKS) * self->tick_ns;
    emu_timer_set(self->timer, (int64_t)self->end_ns);
}

static void
countdown_timer_cb(gpointer opaque)
{
    Countdown *self = opaque;

    self->status |= COUNTDOWN_EXPIRED;
    if (self->control & COUNTDOWN_REPEAT) {
        countdown_begin(self, self->load);
    } else {
        self->control &= ~(uint32_t)COUNTDOWN_ENABLE;
        self->left = 0;
    }
    countdown_changed(self);
}

static void
countdown_write_control(gpointer opaque, unsigned index, uint64_t value, uint64_t old)
{
    Countdown *self = opaque;

    if (value & ~old & COUNTDOWN_ENABLE) {
        countdown_begin(self, self->left ? self->left : self->load);
    } else if (~value & old & COUNTDOWN_ENABLE) {
        self->control |= COUNTDOWN_ENABLE;
        self->left = (uint32_t)countdown_read_value(self, 0);
        self->control &= ~(uint32_t)COUNTDOWN_ENABLE;
        emu_timer_cancel(self->timer);
    }
}

static void
countdown_write_load(gpointer opaque, unsigned index, uint64_t value, uint64_t old)
{
    Countdown *self = opaque;

    self->left = (uint32_t)value;
    if (self->control & COUNTDOWN_ENABLE) {
        countdown_begin(self, (uint32_t)value);
    }
}

static const EmuRegister countdown_registers[] = {
    EMU_REG32(Countdown, load, "LOAD", 0x0, EMU_RW, 0, .write = countdown_write_load, .blurb = "where it starts; a write starts it again"),
    EMU_REG_CALL("VALUE", 0x4, 4, EMU_RO, .read = countdown_read_value, .blurb = "what is left"),
    EMU_REG32(Countdown, control, "CONTROL", 0x8, EMU_RW, 0, .write = countdown_write_control,
              .fields = EMU_REG_FIELDS({"ENABLE", 0, 1, .blurb = "counts"}, {"REPEAT", 1, 1}, {"IRQ_ENABLE", 2, 1})),
    EMU_REG32(Countdown, status, "STATUS", 0xc, EMU_W1C, 0, .fields = EMU_REG_FIELDS({"EXPIRED", 0, 1})),
};

static const EmuVMField countdown_state[] = {
    EMU_VM_U32(Countdown, left), EMU_VM_U64(Countdown, end_ns), EMU_VM_TIMER(Countdown, timer), EMU_VM_END};
EMU_REGISTER_BANK(countdown_bank, "countdown", 0x10, countdown_registers, .valid_min = 4, .valid_max = 4, .changed = countdown_changed,
                  .state = countdown_state)

static bool
countdown_realize(EmuDevice *dev, GError **error)
{
    Countdown *self = (Countdown *)dev;

    emu_device_add_lines_out(dev, "irq", 1, &self->irq);
    self->timer = emu_timer_new(emu_device_get_clock(dev, EMU_CLOCK_VIRTUAL), countdown_timer_cb, self);
    emu_sysbus_add_mmio(EMU_SYSBUS_DEVICE(dev), emu_registers_new_region(dev, &countdown_bank, dev));
    return true;
}

static void
countdown_unrealize(EmuDevice *dev)
{
    g_clear_pointer(&((Countdown *)dev)->timer, emu_timer_free);
}

static void
countdown_reset_enter(EmuDevice *dev)
{
    Countdown *self = (Countdown *)dev;

    self->left = 0;
    self->end_ns = 0;
    emu_timer_cancel(self->timer);
}

static const EmuProperty countdown_properties[] = {
    EMU_PROP_UINT32_RANGE("tick-ns", Countdown, tick_ns, 1000, 1000, 1000000000, "nanoseconds of a tick"),
};

static void
countdown_class_init(gpointer klass, gconstpointer data)
{
    EmuDeviceClass *device_class = klass;

    device_class->realize = countdown_realize;
    device_class->unrealize = countdown_unrealize;
    device_class->reset_enter = countdown_reset_enter;
    device_class->category = "misc";
    emu_object_class_add_properties(klass, countdown_properties, G_N_ELEMENTS(countdown_properties));
    emu_device_class_add_registers(klass, &countdown_bank, 0);
}
EMU_DEFINE_TYPE(Countdown, countdown, "countdown", "sysbus-device", "countdown timer")
