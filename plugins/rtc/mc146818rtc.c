/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Motorola MC146818A real-time clock with 128 bytes of CMOS memory, as the PC/AT wires it: index at
 * port 0x70, data at 0x71, interrupt 8.
 *
 * Nothing ticks.  The chip's time is the machine's RTC time plus an offset that setting the clock
 * changes; registers 0-9 are computed when they are read.  While the clock is stopped (SET, or the
 * divider in reset) the registers in cmos[] are the time.
 *
 * The flags of register C are computed as lazily: a host timer runs only for interrupts that are
 * enabled; what else would have been set is found out when somebody looks.
 */

#include "mc146818rtc.h"

#include <emu/isa.h>
#include <emu/log.h>
#include <emu/machine.h>
#include <emu/x86-pc.h>
#include <time.h>

#define RTC_BASE_HZ 32768
/* UIP is high from 244 us before an update (data sheet: tBUC) until its end, 1984 us later (tUC with a 32768 Hz crystal). */
#define RTC_UIP_NS (INT64_C(244141) + INT64_C(1984000))

typedef struct {
    EmuIsaDevice parent_instance;

    uint32_t iobase;
    uint32_t irq_number;
    int32_t base_year;

    EmuLine *irq;
    EmuTimer *periodic_timer;
    EmuTimer *second_timer; /* update ended, alarm */

    uint8_t cmos[128];
    uint8_t index;
    bool divider_reset;      /* time stands because of DV = 11x */
    uint64_t offset_ns;      /* chip time - machine RTC time; signed, kept as bits */
    uint64_t checked_second; /* chip time in seconds up to which UF and AF are settled */
    uint64_t next_periodic;  /* virtual time of the next periodic event */
    uint8_t weekday_skew;    /* day of week as set by the guest against the calendar's */
    uint32_t era;            /* 400 years to add to what the nanoseconds say; signed */
} Rtc;

EMU_TRACE_DEFINE(rtc_read)
EMU_TRACE_DEFINE(rtc_write)

/* ---- time ------------------------------------------------------------------------------------ */

/* A guest can set any year to 25755 and nanoseconds reach 292 years to both sides of 1970. The calendar, days of the
 * week included, repeats every 400 years: time is kept as if it were within these years. */
#define RTC_ERA_YEARS 400
#define RTC_ERA_FIRST 1800
#define RTC_MAX_SECONDS INT64_C(8000000000)
#define RTC_MAX_OFFSET_NS (INT64_C(7300000000) * EMU_NS_PER_SEC) /* 1800 to 2200, seen from 2026 */

static bool
rtc_is_running(const Rtc *self)
{
    return !(self->cmos[RTC_REG_B] & RTC_B_SET) && !self->divider_reset;
}

static EmuMachine *
rtc_get_machine(Rtc *self)
{
    return emu_device_get_machine((EmuDevice *)self);
}

static int64_t
rtc_now_ns(Rtc *self)
{
    return emu_machine_get_rtc_ns(rtc_get_machine(self)) + (int64_t)self->offset_ns;
}

static int64_t
rtc_virtual_ns(Rtc *self)
{
    return emu_clock_get_ns(emu_device_get_clock((EmuDevice *)self, EMU_CLOCK_VIRTUAL));
}

static int64_t
rtc_floor_seconds(int64_t ns)
{
    int64_t seconds = ns / EMU_NS_PER_SEC;

    return ns % EMU_NS_PER_SEC < 0 ? seconds - 1 : seconds;
}

static uint8_t
rtc_encode(const Rtc *self, unsigned value)
{
    return self->cmos[RTC_REG_B] & RTC_B_DM ? value : (value / 10 % 10) << 4 | value % 10;
}

static unsigned
rtc_decode(const Rtc *self, uint8_t value)
{
    return self->cmos[RTC_REG_B] & RTC_B_DM ? value : (value >> 4) * 10 + (value & 15);
}

static uint8_t
rtc_encode_hour(const Rtc *self, unsigned hour)
{
    if (self->cmos[RTC_REG_B] & RTC_B_24H) {
        return rtc_encode(self, hour);
    }
    return rtc_encode(self, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0);
}

static unsigned
rtc_decode_hour(const Rtc *self, uint8_t value)
{
    if (self->cmos[RTC_REG_B] & RTC_B_24H) {
        return rtc_decode(self, value);
    }
    return rtc_decode(self, value & 0x7f) % 12 + (value & 0x80 ? 12 : 0);
}

/* Day of week 0..6, Sunday 0; day 0 of the epoch was a Thursday. */
static unsigned
rtc_calendar_weekday(int64_t seconds)
{
    int64_t days = seconds / 86400 - (seconds % 86400 < 0);

    return (unsigned)((days % 7 + 7 + 4) % 7);
}

/* Fills registers 0-9 and the century with the given chip time. */
static void
rtc_store_time(Rtc *self, int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;

    if (!gmtime_r(&t, &tm)) {
        return;
    }
    int year = tm.tm_year + 1900 + (int32_t)self->era * RTC_ERA_YEARS - (self->base_year == 2000 ? 0 : self->base_year);
    unsigned y = year < 0 ? 0 : (unsigned)year;
    self->cmos[RTC_REG_SECONDS] = rtc_encode(self, (unsigned)tm.tm_sec);
    self->cmos[RTC_REG_MINUTES] = rtc_encode(self, (unsigned)tm.tm_min);
    self->cmos[RTC_REG_HOURS] = rtc_encode_hour(self, (unsigned)tm.tm_hour);
    self->cmos[RTC_REG_DAY_OF_WEEK] =
        rtc_encode(self, (rtc_calendar_weekday(seconds) + self->weekday_skew) % 7 + 1);
    self->cmos[RTC_REG_DAY_OF_MONTH] = rtc_encode(self, (unsigned)tm.tm_mday);
    self->cmos[RTC_REG_MONTH] = rtc_encode(self, (unsigned)tm.tm_mon + 1);
    self->cmos[RTC_REG_YEAR] = rtc_encode(self, y % 100);
    self->cmos[RTC_REG_CENTURY] = rtc_encode(self, y / 100 % 100);
}

/* The chip time that registers 0-9 and the century say.  Out-of-range values carry over. */
static int64_t
rtc_load_time(Rtc *self)
{
    int year = (int)rtc_decode(self, self->cmos[RTC_REG_YEAR]) + (int)rtc_decode(self, self->cmos[RTC_REG_CENTURY]) * 100 +
               (self->base_year == 2000 ? 0 : self->base_year) - RTC_ERA_FIRST;
    int era = year / RTC_ERA_YEARS - (year % RTC_ERA_YEARS < 0);
    struct tm tm = {
        .tm_sec = (int)rtc_decode(self, self->cmos[RTC_REG_SECONDS]),
        .tm_min = (int)rtc_decode(self, self->cmos[RTC_REG_MINUTES]),
        .tm_hour = (int)rtc_decode_hour(self, self->cmos[RTC_REG_HOURS]),
        .tm_mday = (int)rtc_decode(self, self->cmos[RTC_REG_DAY_OF_MONTH]),
        .tm_mon = (int)rtc_decode(self, self->cmos[RTC_REG_MONTH]) - 1,
        .tm_year = year - era * RTC_ERA_YEARS + RTC_ERA_FIRST - 1900,
    };
    int64_t seconds = (int64_t)timegm(&tm);
    unsigned weekday = rtc_decode(self, self->cmos[RTC_REG_DAY_OF_WEEK]);

    self->era = (uint32_t)era;
    self->weekday_skew = (weekday + 6 + 7 - rtc_calendar_weekday(seconds)) % 7;
    return seconds;
}

static void
rtc_refresh(Rtc *self)
{
    if (rtc_is_running(self)) {
        rtc_store_time(self, rtc_floor_seconds(rtc_now_ns(self)));
    }
}

/* ---- flags and interrupts -------------------------------------------------------------------- */

static void
rtc_update_irq(Rtc *self)
{
    uint8_t enabled = self->cmos[RTC_REG_B] & (RTC_B_PIE | RTC_B_AIE | RTC_B_UIE);

    /* The enables of B and the flags of C have the same positions. */
    if (self->cmos[RTC_REG_C] & enabled) {
        self->cmos[RTC_REG_C] |= RTC_C_IRQF;
        emu_line_set(self->irq, 1);
    } else {
        self->cmos[RTC_REG_C] &= (uint8_t)~RTC_C_IRQF;
        emu_line_set(self->irq, 0);
    }
}

/* Period of the periodic interrupt in 32768 Hz ticks; 0: off. */
static uint32_t
rtc_period_ticks(const Rtc *self)
{
    unsigned rs = self->cmos[RTC_REG_A] & RTC_A_RS;

    if (rs == 0 || self->divider_reset) {
        return 0;
    }
    /* With a 32768 Hz crystal rates 1 and 2 are those of 8 and 9 (data sheet, table 5). */
    if (rs <= 2) {
        rs += 7;
    }
    return 1u << (rs - 1);
}

static int64_t
rtc_period_ns(const Rtc *self)
{
    return (int64_t)emu_muldiv64(rtc_period_ticks(self), EMU_NS_PER_SEC, RTC_BASE_HZ);
}

static void
rtc_settle_periodic(Rtc *self)
{
    int64_t period = rtc_period_ns(self);

    if (period == 0) {
        return;
    }
    int64_t now = rtc_virtual_ns(self);
    if (now >= (int64_t)self->next_periodic) {
        self->cmos[RTC_REG_C] |= RTC_C_PF;
        self->next_periodic += (uint64_t)((now - (int64_t)self->next_periodic) / period + 1) * (uint64_t)period;
    }
}

static bool
rtc_alarm_field_matches(const Rtc *self, unsigned reg, unsigned value, bool hours)
{
    uint8_t alarm = self->cmos[reg];

    if ((alarm & 0xc0) == 0xc0) {
        return true; /* "don't care" */
    }
    return (hours ? rtc_decode_hour(self, alarm) : rtc_decode(self, alarm)) == value;
}

static bool
rtc_alarm_matches(const Rtc *self, int64_t second)
{
    int64_t of_day = second % 86400;

    if (of_day < 0) {
        of_day += 86400;
    }
    return rtc_alarm_field_matches(self, RTC_REG_SECONDS_ALARM, (unsigned)(of_day % 60), false) &&
           rtc_alarm_field_matches(self, RTC_REG_MINUTES_ALARM, (unsigned)(of_day / 60 % 60), false) &&
           rtc_alarm_field_matches(self, RTC_REG_HOURS_ALARM, (unsigned)(of_day / 3600), true);
}

/* First second after @after at which the alarm goes off; -1 when there is none within a day. */
static int64_t
rtc_next_alarm(const Rtc *self, int64_t after)
{
    int64_t t = after + 1, end = after + 86400;

    while (t <= end) {
        if (!rtc_alarm_field_matches(self, RTC_REG_HOURS_ALARM, (unsigned)((t % 86400 + 86400) % 86400 / 3600), true)) {
            t += 3600 - (t % 3600 + 3600) % 3600;
        } else if (!rtc_alarm_field_matches(self, RTC_REG_MINUTES_ALARM, (unsigned)((t % 3600 + 3600) % 3600 / 60), false)) {
            t += 60 - (t % 60 + 60) % 60;
        } else if (!rtc_alarm_matches(self, t)) {
            t++;
        } else {
            return t;
        }
    }
    return -1;
}

/* Sets UF and AF for all updates that happened since the last look. */
static void
rtc_settle_seconds(Rtc *self)
{
    if (!rtc_is_running(self)) {
        return;
    }
    int64_t now = rtc_floor_seconds(rtc_now_ns(self));
    int64_t last = (int64_t)self->checked_second;
    if (now == last) {
        return;
    }
    self->cmos[RTC_REG_C] |= RTC_C_UF;
    if (now > last) {
        int64_t alarm = rtc_next_alarm(self, last);
        if (alarm >= 0 && alarm <= now) {
            self->cmos[RTC_REG_C] |= RTC_C_AF;
            if (self->cmos[RTC_REG_B] & RTC_B_AIE) {
                emu_machine_request_wakeup_by(rtc_get_machine(self), EMU_WAKEUP_RTC);
            }
        }
    }
    self->checked_second = (uint64_t)now;
}

/* Arms the host timers for what is enabled and not yet flagged. */
static void
rtc_update_timers(Rtc *self)
{
    uint8_t b = self->cmos[RTC_REG_B], c = self->cmos[RTC_REG_C];

    if (b & RTC_B_PIE && !(c & RTC_C_PF) && rtc_period_ticks(self)) {
        emu_timer_set(self->periodic_timer, (int64_t)self->next_periodic);
    } else {
        emu_timer_cancel(self->periodic_timer);
    }

    int64_t target = -1;
    if (rtc_is_running(self)) {
        int64_t last = (int64_t)self->checked_second;
        if (b & RTC_B_UIE && !(c & RTC_C_UF)) {
            target = last + 1;
        } else if (b & RTC_B_AIE && !(c & RTC_C_AF)) {
            target = rtc_next_alarm(self, last);
        }
    }
    if (target >= 0) {
        int64_t delta = target * EMU_NS_PER_SEC - rtc_now_ns(self);
        emu_timer_set(self->second_timer, rtc_virtual_ns(self) + MAX(delta, 0));
    } else {
        emu_timer_cancel(self->second_timer);
    }
}

static void
rtc_restart_periodic(Rtc *self)
{
    int64_t period = rtc_period_ns(self);

    if (period) {
        int64_t now = rtc_virtual_ns(self);
        self->next_periodic = (uint64_t)(now - now % period + period);
    }
}

static void
rtc_periodic_cb(gpointer opaque)
{
    Rtc *self = opaque;

    rtc_settle_periodic(self);
    rtc_update_irq(self);
    rtc_update_timers(self);
}

static void
rtc_second_cb(gpointer opaque)
{
    Rtc *self = opaque;

    rtc_settle_seconds(self);
    rtc_update_irq(self);
    rtc_update_timers(self);
}

/* ---- setting ----------------------------------------------------------------------------------- */

/* How far the divider chain is in its second. It counts on while SET holds the registers. */
static int64_t
rtc_get_fraction(Rtc *self)
{
    int64_t now = rtc_now_ns(self);

    return now - rtc_floor_seconds(now) * EMU_NS_PER_SEC;
}

static void
rtc_stop(Rtc *self)
{
    rtc_store_time(self, rtc_floor_seconds(rtc_now_ns(self)));
}

static void
rtc_start(Rtc *self)
{
    int64_t fraction = rtc_get_fraction(self);
    int64_t seconds = rtc_load_time(self);
    int64_t now = emu_machine_get_rtc_ns(rtc_get_machine(self));

    self->offset_ns = (uint64_t)(seconds * EMU_NS_PER_SEC + fraction - now);
    self->checked_second = (uint64_t)seconds;
}

static void
rtc_write_register(Rtc *self, unsigned reg, uint8_t value)
{
    bool was_running = rtc_is_running(self);

    switch (reg) {
    case RTC_REG_SECONDS_ALARM:
    case RTC_REG_MINUTES_ALARM:
    case RTC_REG_HOURS_ALARM:
        rtc_settle_seconds(self);
        self->cmos[reg] = value;
        break;
    case RTC_REG_SECONDS:
    case RTC_REG_MINUTES:
    case RTC_REG_HOURS:
    case RTC_REG_DAY_OF_WEEK:
    case RTC_REG_DAY_OF_MONTH:
    case RTC_REG_MONTH:
    case RTC_REG_YEAR:
    case RTC_REG_CENTURY:
        if (was_running) {
            rtc_settle_seconds(self);
            rtc_stop(self);
            self->cmos[reg] = value;
            rtc_start(self);
        } else {
            self->cmos[reg] = value;
        }
        break;
    case RTC_REG_A: {
        bool reset = (value & RTC_A_DV_RESET) == RTC_A_DV_RESET;
        if (reset && was_running) {
            rtc_settle_seconds(self);
            rtc_stop(self);
        }
        if (self->divider_reset && !reset) {
            /* The first update follows half a second after the divider starts. */
            self->offset_ns += (uint64_t)(EMU_NS_PER_SEC / 2 - rtc_get_fraction(self));
        }
        bool rate_changed = (self->cmos[RTC_REG_A] ^ value) & RTC_A_RS || reset != self->divider_reset;
        rtc_settle_periodic(self);
        self->cmos[RTC_REG_A] = value & (uint8_t)~RTC_A_UIP;
        self->divider_reset = reset;
        if (!was_running && rtc_is_running(self)) {
            rtc_start(self);
        }
        if (rate_changed) {
            rtc_restart_periodic(self);
        }
        break;
    }
    case RTC_REG_B:
        rtc_settle_seconds(self);
        rtc_settle_periodic(self);
        if (was_running && value & RTC_B_SET) {
            rtc_stop(self);
        }
        if (value & RTC_B_SET) {
            value &= (uint8_t)~RTC_B_UIE; /* data sheet: SET clears UIE */
        }
        /* Registers keep their bytes when DM or 24/12 change; they mean something else then. */
        if (was_running && !(value & RTC_B_SET) && (self->cmos[RTC_REG_B] ^ value) & (RTC_B_DM | RTC_B_24H)) {
            rtc_refresh(self);
        }
        self->cmos[RTC_REG_B] = value;
        if (!was_running && rtc_is_running(self)) {
            rtc_start(self);
        }
        break;
    case RTC_REG_C:
    case RTC_REG_D:
        emu_guest_error("rtc: write 0x%02x to read-only register 0x%02x", value, reg);
        break;
    default:
        self->cmos[reg] = value;
        break;
    }
    rtc_update_irq(self);
    rtc_update_timers(self);
}

static uint8_t
rtc_read_register(Rtc *self, unsigned reg)
{
    switch (reg) {
    case RTC_REG_SECONDS:
    case RTC_REG_MINUTES:
    case RTC_REG_HOURS:
    case RTC_REG_DAY_OF_WEEK:
    case RTC_REG_DAY_OF_MONTH:
    case RTC_REG_MONTH:
    case RTC_REG_YEAR:
    case RTC_REG_CENTURY:
        rtc_refresh(self);
        return self->cmos[reg];
    case RTC_REG_A: {
        uint8_t value = self->cmos[RTC_REG_A];
        if (rtc_is_running(self)) {
            value |= rtc_get_fraction(self) >= EMU_NS_PER_SEC - RTC_UIP_NS ? RTC_A_UIP : 0;
        }
        return value;
    }
    case RTC_REG_C: {
        rtc_settle_seconds(self);
        rtc_settle_periodic(self);
        rtc_update_irq(self);
        uint8_t value = self->cmos[RTC_REG_C];
        self->cmos[RTC_REG_C] = 0;
        emu_line_set(self->irq, 0);
        rtc_update_timers(self);
        return value;
    }
    default:
        return self->cmos[reg];
    }
}

/* ---- ports ------------------------------------------------------------------------------------- */

static unsigned
rtc_register_of_index(const Rtc *self)
{
    return self->index == RTC_REG_PS2_CENTURY ? RTC_REG_CENTURY : self->index;
}

static uint64_t
rtc_io_read(gpointer opaque, uint64_t offset, unsigned size)
{
    Rtc *self = opaque;

    if (offset == 0) {
        return 0xff; /* the index cannot be read back */
    }
    uint8_t value = rtc_read_register(self, rtc_register_of_index(self));
    EMU_TRACE(rtc_read, "reg 0x%02x value 0x%02x", self->index, value);
    return value;
}

static void
rtc_io_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Rtc *self = opaque;

    if (offset == 0) {
        self->index = value & 0x7f; /* bit 7 masks NMI on an AT; no source of ours is behind that gate */
    } else {
        EMU_TRACE(rtc_write, "reg 0x%02x value 0x%02x", self->index, (uint8_t)value);
        rtc_write_register(self, rtc_register_of_index(self), (uint8_t)value);
    }
}

static const EmuMemoryRegionOps rtc_io_ops = {
    .read = rtc_io_read,
    .write = rtc_io_write,
    .valid_min = 1,
    .valid_max = 4,
    .valid_unaligned = true,
    .impl_min = 1,
    .impl_max = 1,
};

/* ---- the board's view of the CMOS bytes ---------------------------------------------------------- */

static uint8_t
rtc_cmos_get(EmuCmos *cmos, unsigned index)
{
    Rtc *self = (Rtc *)cmos;

    g_return_val_if_fail(index < sizeof(self->cmos), 0xff);
    rtc_refresh(self);
    return self->cmos[index];
}

static void
rtc_cmos_set(EmuCmos *cmos, unsigned index, uint8_t value)
{
    Rtc *self = (Rtc *)cmos;

    g_return_if_fail(index < sizeof(self->cmos));
    self->cmos[index] = value;
}

static void
rtc_cmos_interface_init(gpointer iface, gpointer data)
{
    EmuCmosInterface *cmos = iface;

    cmos->get = rtc_cmos_get;
    cmos->set = rtc_cmos_set;
}

/* ---- life cycle ------------------------------------------------------------------------------------ */

static bool
rtc_realize(EmuDevice *dev, GError **error)
{
    Rtc *self = (Rtc *)dev;
    EmuClock *clock = emu_device_get_clock(dev, EMU_CLOCK_VIRTUAL);

    emu_device_add_lines_out(dev, "irq", 1, &self->irq);
    if (!emu_isa_device_connect_irq((EmuIsaDevice *)dev, self->irq, self->irq_number, error)) {
        return false;
    }
    self->periodic_timer = emu_timer_new(clock, rtc_periodic_cb, self);
    self->second_timer = emu_timer_new(clock, rtc_second_cb, self);

    self->cmos[RTC_REG_A] = 0x26; /* 32768 Hz crystal, 1024 Hz: what every AT firmware programs */
    self->cmos[RTC_REG_B] = RTC_B_24H;
    self->cmos[RTC_REG_D] = RTC_D_VRT;
    self->checked_second = (uint64_t)rtc_floor_seconds(rtc_now_ns(self));
    rtc_refresh(self);
    rtc_restart_periodic(self);

    EmuMemoryRegion *io = emu_memory_region_new_io(self, "rtc", 2, &rtc_io_ops, self);
    emu_isa_device_map_io((EmuIsaDevice *)dev, io, (uint16_t)self->iobase);
    return true;
}

static void
rtc_unrealize(EmuDevice *dev)
{
    Rtc *self = (Rtc *)dev;

    g_clear_pointer(&self->periodic_timer, emu_timer_free);
    g_clear_pointer(&self->second_timer, emu_timer_free);
}

/* RESET# (data sheet, "RESET"): clears PIE, AIE, UIE, SQWE and the flags; time and memory stay. */
static void
rtc_reset_enter(EmuDevice *dev)
{
    Rtc *self = (Rtc *)dev;

    self->cmos[RTC_REG_B] &= (uint8_t)~(RTC_B_PIE | RTC_B_AIE | RTC_B_UIE | RTC_B_SQWE);
    self->cmos[RTC_REG_C] = 0;
    rtc_update_timers(self);
}

static void
rtc_reset_hold(EmuDevice *dev)
{
    Rtc *self = (Rtc *)dev;

    emu_line_set(self->irq, 0);
}

static bool
rtc_post_load(gpointer opaque, unsigned version, GError **error)
{
    Rtc *self = opaque;

    if (self->index >= sizeof(self->cmos) || self->weekday_skew > 6) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "rtc: saved index is 0x%x and weekday skew %u, expected at most 0x7f and 6", self->index,
                    self->weekday_skew);
        return false;
    }
    if ((int64_t)self->offset_ns < -RTC_MAX_OFFSET_NS || (int64_t)self->offset_ns > RTC_MAX_OFFSET_NS ||
        ABS((int64_t)self->checked_second / 2) > RTC_MAX_SECONDS / 2 ||
        ABS((int32_t)self->era / 2) > 100) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "rtc: saved time is out of range");
        return false;
    }
    rtc_update_timers(self);
    return true;
}

static const EmuVMField rtc_fields[] = {
    EMU_VM_U8_ARRAY(Rtc, cmos),
    EMU_VM_U8(Rtc, index),
    EMU_VM_BOOL(Rtc, divider_reset),
    EMU_VM_U64(Rtc, offset_ns),
    EMU_VM_U64(Rtc, checked_second),
    EMU_VM_U64(Rtc, next_periodic),
    EMU_VM_U8(Rtc, weekday_skew),
    EMU_VM_U32(Rtc, era),
    EMU_VM_END,
};
static const EmuVMState rtc_vmstate = {
    .name = "mc146818rtc",
    .version = 3,
    .minimum_version = 3,
    .fields = rtc_fields,
    .post_load = rtc_post_load,
};

static const EmuProperty rtc_properties[] = {
    EMU_PROP_UINT32_RANGE("iobase", Rtc, iobase, 0x70, 0, 0xfffe, "index port; data is the next"),
    EMU_PROP_UINT32_RANGE("irq", Rtc, irq_number, 8, 0, 15, "ISA interrupt request"),
    EMU_PROP_INT32("base_year", Rtc, base_year, 2000, "year that register 9 counts from; 2000: with century"),
};

static void
rtc_class_init(gpointer klass, gconstpointer class_data)
{
    EmuDeviceClass *dc = klass;

    dc->realize = rtc_realize;
    dc->unrealize = rtc_unrealize;
    dc->reset_enter = rtc_reset_enter;
    dc->reset_hold = rtc_reset_hold;
    dc->vmstate = &rtc_vmstate;
    dc->category = "misc";
    dc->model_name = "MC146818A";
    dc->user_creatable = false;
    emu_object_class_add_properties(klass, rtc_properties, G_N_ELEMENTS(rtc_properties));
}

static const EmuInterfaceImpl rtc_interfaces[] = {
    {"cmos", rtc_cmos_interface_init},
    {NULL, NULL},
};

const EmuTypeInfo rtc_type_info = {
    .name = "mc146818rtc",
    .parent = "isa-device",
    .instance_size = sizeof(Rtc),
    .class_init = rtc_class_init,
    .interfaces = rtc_interfaces,
    .description = "MC146818A real-time clock with 128 bytes of CMOS memory",
};
