/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * High precision event timers (IA-PC HPET Specification 1.0a): a 100 MHz counter of 64 bits and three
 * comparators, each periodic or one-shot, of 64 or 32 bits. Interrupts go to I/O APIC pins, or, with
 * legacy replacement, timer 0 to ISA request 0 and timer 1 to request 8, or they are messages.
 *
 * A timer compares whether or not it may interrupt. The host's timer is set only for one whose match
 * somebody would see; the accumulator of another is brought up to date when it is looked at.
 */

#include "hpet.h"

#include <emu/log.h>
#include <emu/machine.h>
#include <emu/registers.h>
#include <emu/x86-pc.h>

#define HPET_N_TIMERS 3
#define HPET_N_ROUTES 32
#define HPET_TICK_NS 10
#define HPET_DEFAULT_INTCAP 0x4
#define HPET_REGION_SIZE 0x400
#define HPET_REG_TIMERS 0x100
#define HPET_TIMER_STRIDE 0x20
#define HPET_TIMER_CONFIG 0x00
#define HPET_TIMER_COMPARATOR 0x08
#define HPET_TIMER_FSB 0x10

/* Revision 1, 64 bits, legacy replacement, Intel, 10^7 fs. */
#define HPET_CAPABILITY                                                                            \
    (UINT64_C(0x00989680) << 32 | 0x8086u << 16 | 1u << 15 | 1u << 13 | (HPET_N_TIMERS - 1) << 8 | 1)
#define HPET_CONFIG_ENABLE 0x01
#define HPET_CONFIG_LEGACY 0x02
#define HPET_CONFIG_MASK 0x03

#define HPET_TIMER_LEVEL 0x0002
#define HPET_TIMER_ENABLE 0x0004
#define HPET_TIMER_PERIODIC 0x0008
#define HPET_TIMER_PERIODIC_CAP 0x0010
#define HPET_TIMER_64BIT_CAP 0x0020
#define HPET_TIMER_SET_VALUE 0x0040
#define HPET_TIMER_32BIT 0x0100
#define HPET_TIMER_ROUTE(config) (((config) >> 9) & 0x1f)
#define HPET_TIMER_ROUTE_MASK 0x3e00
#define HPET_TIMER_FSB_ENABLE 0x4000
#define HPET_TIMER_FSB_CAP 0x8000
#define HPET_TIMER_WRITABLE 0x7f4e

/* Periods shorter than this would only keep the host busy. */
#define HPET_MIN_INTERVAL_NS 20000
/* Of the periods that a busy host slept through, the last second's interrupts are made up for. */
#define HPET_OWED_NS 1000000000

typedef struct _Hpet Hpet;

typedef struct {
    Hpet *hpet;
    unsigned index;
    EmuTimer *timer;

    uint64_t config;
    uint64_t comparator;
    uint64_t period;
    uint64_t fsb;  /* the message: address in the upper half, value in the lower */
    uint64_t seen; /* the counter when the comparator was last looked at: matches up to there have had their effect */
    uint64_t owed; /* interrupts of periods that were over before the host got round to them */
    int64_t make_up_ns; /* when the next of these comes */
} HpetTimer;

struct _Hpet {
    EmuSysbusDevice parent;

    uint32_t intcap; /* I/O APIC pins that timers may use */
    bool msi;        /* timers may send messages */

    EmuLine *irqs[HPET_N_ROUTES];
    EmuLine *legacy;

    uint64_t config;
    uint64_t status;
    uint64_t counter;   /* while it stands; in saved state always */
    int64_t start_ns;   /* while it runs: when it would have been 0 */
    HpetTimer timers[HPET_N_TIMERS];

    uint32_t asserted;  /* lines that are high, of level-triggered timers */
    uint64_t reached;   /* bits that the access under way reaches in a register of 64 */
};

EMU_TRACE_DEFINE(hpet_fire)

static int64_t
hpet_now(Hpet *self)
{
    return emu_clock_get_ns(emu_device_get_clock(EMU_DEVICE(self), EMU_CLOCK_VIRTUAL));
}

static uint64_t
hpet_get_counter(Hpet *self)
{
    if (!(self->config & HPET_CONFIG_ENABLE)) {
        return self->counter;
    }
    return (uint64_t)(hpet_now(self) - self->start_ns) / HPET_TICK_NS + self->counter;
}

/* The counter goes on from @value. */
static void
hpet_set_counter(Hpet *self, uint64_t value)
{
    self->counter = value;
    self->start_ns = hpet_now(self);
}

static unsigned
hpet_timer_get_route(const HpetTimer *timer)
{
    if ((timer->hpet->config & HPET_CONFIG_LEGACY) && timer->index < 2) {
        return timer->index == 0 ? 0 : 8;
    }
    return HPET_TIMER_ROUTE(timer->config);
}

static bool
hpet_timer_may_interrupt(const HpetTimer *timer)
{
    return (timer->hpet->config & HPET_CONFIG_ENABLE) && (timer->config & HPET_TIMER_ENABLE);
}

/* Level-triggered timers drive their lines while their status bits are set; lines may be shared (2.3.8, Tn_INT_TYPE_CNF). */
static uint32_t
hpet_get_levels(const Hpet *self)
{
    uint32_t levels = 0;

    for (unsigned i = 0; i < HPET_N_TIMERS; i++) {
        const HpetTimer *timer = &self->timers[i];

        if (self->status >> i & 1 && hpet_timer_may_interrupt(timer) && timer->config & HPET_TIMER_LEVEL &&
            !(timer->config & HPET_TIMER_FSB_ENABLE)) {
            levels |= 1u << hpet_timer_get_route(timer);
        }
    }
    return levels;
}

static void
hpet_update_lines(Hpet *self)
{
    uint32_t levels = hpet_get_levels(self), changed = levels ^ self->asserted;

    self->asserted = levels;
    for (unsigned i = 0; i < HPET_N_ROUTES; i++) {
        if (changed >> i & 1) {
            emu_line_set(self->irqs[i], levels >> i & 1);
        }
    }
}

static uint64_t
hpet_timer_mask(const HpetTimer *timer)
{
    return timer->config & HPET_TIMER_32BIT ? UINT32_MAX : UINT64_MAX;
}

/* Ticks from the last look at the comparator until the counter equals it; a comparator that equals it then waits a whole round. */
static uint64_t
hpet_timer_get_distance(const HpetTimer *timer)
{
    uint64_t distance = (timer->comparator - timer->seen) & hpet_timer_mask(timer);

    return distance ? distance : timer->config & HPET_TIMER_32BIT ? UINT64_C(1) << 32 : UINT64_MAX;
}

static void
hpet_timer_arm(HpetTimer *timer)
{
    uint64_t distance = hpet_timer_get_distance(timer), passed = hpet_get_counter(timer->hpet) - timer->seen, left;
    int64_t expires;

    if (!(timer->hpet->config & HPET_CONFIG_ENABLE) || !(timer->config & (HPET_TIMER_ENABLE | HPET_TIMER_LEVEL))) {
        emu_timer_cancel(timer->timer);
        return;
    }
    left = distance > passed ? MIN(distance - passed, (uint64_t)INT64_MAX / 4 / HPET_TICK_NS) : 0;
    expires = hpet_now(timer->hpet) + MAX((int64_t)left * HPET_TICK_NS, HPET_MIN_INTERVAL_NS / 20);
    emu_timer_set(timer->timer, timer->owed ? MIN(expires, timer->make_up_ns) : expires);
}

static void
hpet_timer_fire(HpetTimer *timer)
{
    Hpet *self = timer->hpet;

    EMU_TRACE(hpet_fire, "timer %u", timer->index);
    if (timer->config & HPET_TIMER_LEVEL) {
        self->status |= UINT64_C(1) << timer->index; /* also when it may not interrupt */
        hpet_update_lines(self);
    }
    if (!hpet_timer_may_interrupt(timer)) {
        return;
    }
    if (timer->config & HPET_TIMER_FSB_ENABLE) {
        uint32_t value = GUINT32_TO_LE((uint32_t)timer->fsb);

        emu_dma_write(emu_x86_get_interrupt_as(emu_device_get_machine(EMU_DEVICE(self))), timer->fsb >> 32, &value, sizeof value);
    } else if (!(timer->config & HPET_TIMER_LEVEL)) {
        emu_line_pulse(self->irqs[hpet_timer_get_route(timer)]);
    }
}

static uint64_t
hpet_timer_get_period_ns(const HpetTimer *timer)
{
    return MAX(timer->period, HPET_MIN_INTERVAL_NS / HPET_TICK_NS) * HPET_TICK_NS;
}

/*
 * A guest that counts interrupts loses the time of those that never come. So they come late, four times as fast as the timer's own until all have come. There is nothing to make up for a level that stays.
 */
static void
hpet_timer_owe(HpetTimer *timer, uint64_t periods)
{
    if (hpet_timer_may_interrupt(timer) && !(timer->config & HPET_TIMER_LEVEL)) {
        timer->owed = MIN(timer->owed + periods, HPET_OWED_NS / hpet_timer_get_period_ns(timer));
        timer->make_up_ns = hpet_now(timer->hpet) + (int64_t)MAX(hpet_timer_get_period_ns(timer) / 4, HPET_MIN_INTERVAL_NS);
    }
}

/* What the comparator matched since it was last looked at has its effect. */
static void
hpet_timer_look(HpetTimer *timer)
{
    uint64_t counter = hpet_get_counter(timer->hpet), distance = hpet_timer_get_distance(timer), passed = counter - timer->seen;
    bool matched = (timer->hpet->config & HPET_CONFIG_ENABLE) && distance <= passed;

    timer->seen = counter;
    if (!matched) {
        return;
    }
    if ((timer->config & HPET_TIMER_PERIODIC) && timer->period) {
        uint64_t period = hpet_timer_get_period_ns(timer) / HPET_TICK_NS, missed = (passed - distance) / period;

        timer->comparator = (timer->comparator + (missed + 1) * period) & hpet_timer_mask(timer);
        hpet_timer_owe(timer, missed);
    }
    hpet_timer_fire(timer);
}

static void
hpet_timer_cb(gpointer opaque)
{
    HpetTimer *timer = opaque;

    hpet_timer_look(timer);
    if (timer->owed && timer->make_up_ns <= hpet_now(timer->hpet)) {
        timer->owed--;
        hpet_timer_fire(timer);
        hpet_timer_owe(timer, 0);
    }
    hpet_timer_arm(timer);
}

static void
hpet_forget_owed(Hpet *self)
{
    for (unsigned i = 0; i < HPET_N_TIMERS; i++) {
        self->timers[i].owed = 0;
    }
}

/* ---- registers ------------------------------------------------------------------------------------- */

static uint64_t
hpet_read_counter(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    return hpet_get_counter(opaque);
}

static void
hpet_look_at_timers(Hpet *self)
{
    for (unsigned i = 0; i < HPET_N_TIMERS; i++) {
        hpet_timer_look(&self->timers[i]);
    }
}

static void
hpet_arm_timers(Hpet *self)
{
    for (unsigned i = 0; i < HPET_N_TIMERS; i++) {
        hpet_timer_arm(&self->timers[i]);
    }
}

/* What has happened, has happened with the old configuration. Status bits stay when the timers are stopped (2.3.5, ENABLE_CNF). */
static void
hpet_write_config(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old)
{
    Hpet *self = opaque;
    uint64_t counter;

    self->config = old;
    counter = hpet_get_counter(self);
    hpet_look_at_timers(self);
    hpet_forget_owed(self);
    self->config = value & HPET_CONFIG_MASK;
    if ((old ^ self->config) & HPET_CONFIG_ENABLE) {
        hpet_set_counter(self, counter);
    }
    hpet_update_lines(self);
    if ((old ^ self->config) & HPET_CONFIG_LEGACY) {
        emu_line_set(self->legacy, (self->config & HPET_CONFIG_LEGACY) != 0);
    }
    hpet_arm_timers(self);
}

/* A guest that polls does not wait for the host's timer. */
static uint64_t
hpet_read_status(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    Hpet *self = opaque;

    hpet_look_at_timers(self);
    hpet_arm_timers(self);
    return self->status;
}

static uint64_t
hpet_peek_status(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    return ((Hpet *)opaque)->status;
}

static void
hpet_write_status(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, uint64_t old G_GNUC_UNUSED)
{
    hpet_update_lines(opaque);
}

static void
hpet_write_counter(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    Hpet *self = opaque;

    if (self->config & HPET_CONFIG_ENABLE) {
        emu_guest_error("hpet: write of 0x%" G_GINT64_MODIFIER "x to the counter while it runs", value);
    }
    hpet_look_at_timers(self);
    hpet_set_counter(self, value);
    for (unsigned i = 0; i < HPET_N_TIMERS; i++) {
        self->timers[i].seen = value;
    }
    hpet_forget_owed(self);
    hpet_arm_timers(self);
}

static uint64_t
hpet_timer_read_config(gpointer opaque, unsigned index)
{
    Hpet *self = opaque;

    return self->timers[index].config | HPET_TIMER_PERIODIC_CAP | HPET_TIMER_64BIT_CAP | (self->msi ? HPET_TIMER_FSB_CAP : 0) |
           (uint64_t)self->intcap << 32;
}

static void
hpet_timer_write_config(gpointer opaque, unsigned index, uint64_t value, uint64_t old)
{
    Hpet *self = opaque;
    HpetTimer *timer = &self->timers[index];

    timer->config = old;
    hpet_timer_look(timer);
    value &= self->msi ? HPET_TIMER_WRITABLE : HPET_TIMER_WRITABLE & ~HPET_TIMER_FSB_ENABLE;
    if (!(self->intcap >> HPET_TIMER_ROUTE(value) & 1)) {
        /* A route that the timer does not have is not taken: a guest reads back whether it was. */
        value = (value & ~(uint64_t)HPET_TIMER_ROUTE_MASK) | (old & HPET_TIMER_ROUTE_MASK);
    }
    timer->config = value;
    timer->owed = 0;
    if (timer->config & HPET_TIMER_32BIT) {
        timer->comparator = (uint32_t)timer->comparator;
        timer->period = (uint32_t)timer->period;
    }
    if (!(timer->config & HPET_TIMER_LEVEL)) {
        self->status &= ~(UINT64_C(1) << timer->index);
    }
    hpet_update_lines(self);
    hpet_timer_arm(timer);
}

static uint64_t
hpet_timer_read_comparator(gpointer opaque, unsigned index)
{
    HpetTimer *timer = &((Hpet *)opaque)->timers[index];

    hpet_timer_look(timer);
    hpet_timer_arm(timer);
    return timer->comparator;
}

static uint64_t
hpet_timer_peek_comparator(gpointer opaque, unsigned index)
{
    return ((Hpet *)opaque)->timers[index].comparator;
}

/*
 * Section 2.3.9.2.2: in periodic mode a write is the period, and also the comparator after VAL_SET, which holds for one write. Each
 * half can be written alone.
 */
static void
hpet_timer_write_comparator(gpointer opaque, unsigned index, uint64_t value, uint64_t old)
{
    Hpet *self = opaque;
    HpetTimer *timer = &self->timers[index];

    timer->comparator = old;
    hpet_timer_look(timer);
    if (!(timer->config & HPET_TIMER_PERIODIC) || (timer->config & HPET_TIMER_SET_VALUE)) {
        timer->comparator = ((timer->comparator & ~self->reached) | (value & self->reached)) & hpet_timer_mask(timer);
    }
    if (timer->config & HPET_TIMER_PERIODIC) {
        timer->period = ((timer->period & ~self->reached) | (value & self->reached)) & hpet_timer_mask(timer);
    }
    timer->config &= ~(uint64_t)HPET_TIMER_SET_VALUE;
    timer->owed = 0;
    hpet_timer_arm(timer);
}

static void
hpet_timer_write_fsb(gpointer opaque, unsigned index, uint64_t value G_GNUC_UNUSED, uint64_t old)
{
    Hpet *self = opaque;

    if (!self->msi) {
        self->timers[index].fsb = old; /* there is no such register */
    }
}

static const EmuRegister hpet_registers[] = {
    EMU_REG_CONST("GENERAL_CAPABILITY", 0x000, 8, HPET_CAPABILITY,
                  .fields = EMU_REG_FIELDS({"REV_ID", 0, 8}, {"NUM_TIM_CAP", 8, 5, .blurb = "number of the last timer"}, {"COUNT_SIZE_CAP", 13, 1},
                                           {"LEG_RT_CAP", 15, 1}, {"VENDOR_ID", 16, 16}, {"COUNTER_CLK_PERIOD", 32, 32, .blurb = "in femtoseconds"})),
    EMU_REG64(Hpet, config, "GENERAL_CONFIG", 0x010, EMU_RW, 0, .write = hpet_write_config,
              .fields = EMU_REG_FIELDS({"ENABLE_CNF", 0, 1, .blurb = "the counter runs and timers may interrupt"},
                                       {"LEG_RT_CNF", 1, 1, .blurb = "timer 0 to ISA request 0, timer 1 to request 8"})),
    EMU_REG64(Hpet, status, "GENERAL_INTERRUPT_STATUS", 0x020, EMU_W1C, 0, .read = hpet_read_status, .peek = hpet_peek_status, .write = hpet_write_status,
              .fields = EMU_REG_FIELDS({"T0_INT_STS", 0, 1}, {"T1_INT_STS", 1, 1}, {"T2_INT_STS", 2, 1})),
    EMU_REG_CALL("MAIN_COUNTER_VALUE", 0x0f0, 8, EMU_RW, .read = hpet_read_counter, .write = hpet_write_counter),
    {.name = "TIMER_CONFIG", .offset = HPET_REG_TIMERS + HPET_TIMER_CONFIG, .width = 8, .num = HPET_N_TIMERS, .stride = HPET_TIMER_STRIDE,
     .member = offsetof(Hpet, timers[0].config), .member_size = 8, .member_stride = sizeof(HpetTimer), .writable = HPET_TIMER_WRITABLE,
     .read = hpet_timer_read_config, .write = hpet_timer_write_config,
     .fields = EMU_REG_FIELDS({"INT_TYPE_CNF", 1, 1, .blurb = "level"}, {"INT_ENB_CNF", 2, 1}, {"TYPE_CNF", 3, 1, .blurb = "periodic"},
                              {"PER_INT_CAP", 4, 1, EMU_RO}, {"SIZE_CAP", 5, 1, EMU_RO}, {"VAL_SET_CNF", 6, 1}, {"32MODE_CNF", 8, 1},
                              {"INT_ROUTE_CNF", 9, 5, .blurb = "I/O APIC pin"}, {"FSB_EN_CNF", 14, 1, .blurb = "a message instead"},
                              {"FSB_INT_DEL_CAP", 15, 1, EMU_RO}, {"INT_ROUTE_CAP", 32, 32, EMU_RO})},
    {.name = "TIMER_COMPARATOR", .offset = HPET_REG_TIMERS + HPET_TIMER_COMPARATOR, .width = 8, .num = HPET_N_TIMERS, .stride = HPET_TIMER_STRIDE,
     .reset = UINT64_MAX, .member = offsetof(Hpet, timers[0].comparator), .member_size = 8, .member_stride = sizeof(HpetTimer),
     .read = hpet_timer_read_comparator, .peek = hpet_timer_peek_comparator, .write = hpet_timer_write_comparator},
    {.name = "TIMER_FSB_ROUTE", .offset = HPET_REG_TIMERS + HPET_TIMER_FSB, .width = 8, .num = HPET_N_TIMERS, .stride = HPET_TIMER_STRIDE,
     .member = offsetof(Hpet, timers[0].fsb), .member_size = 8, .member_stride = sizeof(HpetTimer), .write = hpet_timer_write_fsb,
     .fields = EMU_REG_FIELDS({"FSB_INT_VAL", 0, 32}, {"FSB_INT_ADDR", 32, 32})},
};
EMU_REGISTER_BANK(hpet_bank, "hpet", HPET_REGION_SIZE, hpet_registers)

static uint64_t
hpet_read(gpointer opaque, uint64_t offset, unsigned size)
{
    return emu_registers_read(opaque, &hpet_bank, offset, size);
}

static void
hpet_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Hpet *self = opaque;

    self->reached = (size == 8 ? UINT64_MAX : UINT32_MAX) << 8 * (offset & 7);
    emu_registers_write(opaque, &hpet_bank, offset, value, size);
}

static const EmuMemoryRegionOps hpet_ops = {.read = hpet_read, .write = hpet_write, .valid_min = 4, .valid_max = 8, .impl_min = 4, .impl_max = 8};

/* ---- life ------------------------------------------------------------------------------------------- */

static bool
hpet_realize(EmuDevice *dev, GError **error G_GNUC_UNUSED)
{
    Hpet *self = (Hpet *)dev;

    self->intcap = self->intcap ? self->intcap : HPET_DEFAULT_INTCAP;
    for (unsigned i = 0; i < HPET_N_TIMERS; i++) {
        self->timers[i].hpet = self;
        self->timers[i].index = i;
        self->timers[i].timer = emu_timer_new(emu_device_get_clock(dev, EMU_CLOCK_VIRTUAL), hpet_timer_cb, &self->timers[i]);
    }
    emu_sysbus_add_mmio(&self->parent, emu_memory_region_new_io(self, "hpet", HPET_REGION_SIZE, &hpet_ops, self));
    return true;
}

static void
hpet_unrealize(EmuDevice *dev)
{
    Hpet *self = (Hpet *)dev;

    for (unsigned i = 0; i < HPET_N_TIMERS; i++) {
        g_clear_pointer(&self->timers[i].timer, emu_timer_free);
    }
}

static void
hpet_reset_enter(EmuDevice *dev)
{
    Hpet *self = (Hpet *)dev;

    self->counter = 0;
    hpet_forget_owed(self);
    for (unsigned i = 0; i < HPET_N_TIMERS; i++) {
        emu_timer_cancel(self->timers[i].timer);
        self->timers[i].period = 0;
        self->timers[i].seen = 0;
    }
}

static void
hpet_reset_hold(EmuDevice *dev)
{
    Hpet *self = (Hpet *)dev;

    self->asserted = 0;
    for (unsigned i = 0; i < HPET_N_ROUTES; i++) {
        emu_line_set(self->irqs[i], 0);
    }
    emu_line_set(self->legacy, 0);
}

static void
hpet_pre_save(gpointer opaque)
{
    Hpet *self = opaque;

    if (self->config & HPET_CONFIG_ENABLE) {
        hpet_set_counter(self, hpet_get_counter(self));
    }
}

static bool
hpet_post_load(gpointer opaque, unsigned version, GError **error G_GNUC_UNUSED)
{
    Hpet *self = opaque;
    uint64_t writable = self->msi ? HPET_TIMER_WRITABLE : HPET_TIMER_WRITABLE & ~HPET_TIMER_FSB_ENABLE;

    self->config &= HPET_CONFIG_MASK;
    hpet_set_counter(self, self->counter);
    /* Whether the 8254 is disconnected is in its own state. */
    for (unsigned i = 0; i < HPET_N_TIMERS; i++) {
        self->timers[i].config &= writable;
        if (version < 2) {
            self->timers[i].seen = self->counter;
        }
        self->timers[i].owed = MIN(self->timers[i].owed, HPET_OWED_NS / hpet_timer_get_period_ns(&self->timers[i]));
        self->timers[i].make_up_ns = hpet_now(self);
        hpet_timer_arm(&self->timers[i]);
    }
    self->asserted = hpet_get_levels(self);
    return true;
}

static const EmuVMField hpet_timer_vmstate_fields[] = {
    EMU_VM_U64(HpetTimer, config),
    EMU_VM_U64(HpetTimer, comparator),
    EMU_VM_U64(HpetTimer, period),
    {.name = "fsb", .kind = EMU_VM_KIND_U64, .offset = offsetof(HpetTimer, fsb), .size = 8, .num = 1, .since = 2},
    {.name = "seen", .kind = EMU_VM_KIND_U64, .offset = offsetof(HpetTimer, seen), .size = 8, .num = 1, .since = 2},
    {.name = "owed", .kind = EMU_VM_KIND_U64, .offset = offsetof(HpetTimer, owed), .size = 8, .num = 1, .since = 3},
    EMU_VM_END,
};

static const EmuVMState hpet_timer_vmstate = {
    .name = "hpet-timer",
    .version = 3,
    .minimum_version = 1,
    .fields = hpet_timer_vmstate_fields,
};

static const EmuVMField hpet_vmstate_fields[] = {
    EMU_VM_U64(Hpet, config),
    EMU_VM_U64(Hpet, status),
    EMU_VM_U64(Hpet, counter),
    EMU_VM_STRUCT_ARRAY(Hpet, timers, &hpet_timer_vmstate),
    EMU_VM_END,
};

static const EmuVMState hpet_vmstate = {
    .name = "hpet",
    .version = 3,
    .minimum_version = 1,
    .fields = hpet_vmstate_fields,
    .pre_save = hpet_pre_save,
    .post_load = hpet_post_load,
};

static const EmuProperty hpet_properties[] = {
    EMU_PROP_UINT32("hpet-intcap", Hpet, intcap, 0, "I/O APIC pins that timers may use, as a mask; 0: the board's choice"),
    EMU_PROP_BOOL("msi", Hpet, msi, false, "timers may send messages instead of driving pins"),
};

static void
hpet_instance_init(gpointer obj)
{
    Hpet *self = obj;

    emu_device_add_lines_out(EMU_DEVICE(self), "irq", HPET_N_ROUTES, self->irqs);
    emu_device_add_lines_out(EMU_DEVICE(self), "legacy", 1, &self->legacy);
}

static void
hpet_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;

    device_class->realize = hpet_realize;
    device_class->unrealize = hpet_unrealize;
    device_class->reset_enter = hpet_reset_enter;
    device_class->reset_hold = hpet_reset_hold;
    device_class->vmstate = &hpet_vmstate;
    emu_device_class_add_registers(klass, &hpet_bank, 0);
    device_class->category = "misc";
    device_class->model_name = "high precision event timers";
    device_class->user_creatable = false;
    device_class->try_with = "msi=on";
    emu_object_class_add_properties(klass, hpet_properties, G_N_ELEMENTS(hpet_properties));
}

const EmuTypeInfo hpet_type_info = {
    .name = "hpet",
    .parent = "sysbus-device",
    .instance_size = sizeof(Hpet),
    .instance_init = hpet_instance_init,
    .class_init = hpet_class_init,
    .description = "high precision event timers",
};
