/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 *   0x00 PM1 status, 0x02 enable   0x04 PM1 control   0x08 timer (24 bits, 3.579545 MHz)
 *
 * Sleep types are those that the tables of virtual PCs name: 0 is S5, 1 is S3, and a property says what S4 is.
 */

#include "acpi-pm.h"

#include <emu/log.h>

#include <string.h>

#define ACPI_PM_TIMER_HZ 3579545
#define ACPI_PM_TIMER_MASK 0xffffff
#define ACPI_PM_TIMER_HALF 0x800000

#define ACPI_PM1_TIMER 0x0001
#define ACPI_PM1_POWER_BUTTON 0x0100
#define ACPI_PM1_RTC 0x0400
#define ACPI_PM1_WAKE 0x8000
#define ACPI_PM1_STATUS_W1C 0x8d21
#define ACPI_PM1_ENABLE_MASK 0x0521
#define ACPI_PM1_CONTROL_MASK 0x1c03 /* sleep type, bus master reload, SCI_EN; GBL_RLS and SLP_EN read as 0 */
#define ACPI_PM1_CONTROL_SLP_EN 0x2000
#define ACPI_PM1_CONTROL_SLP_TYPE(v) (((v) >> 10) & 7)

enum { ACPI_PM_SLEEP_S5 = 0, ACPI_PM_SLEEP_S3 = 1 };

EMU_TRACE_DEFINE(acpi_pm_sci)
EMU_TRACE_DEFINE(acpi_pm_sleep)

static int64_t
acpi_pm_get_tick(AcpiPm *self)
{
    int64_t now = emu_clock_get_ns(emu_device_get_clock(self->device, EMU_CLOCK_VIRTUAL));

    return emu_muldiv64(MAX(now, 0), ACPI_PM_TIMER_HZ, EMU_NS_PER_SEC);
}

/* TMR_STS: the timer's highest bit has changed since the guest cleared it. */
static uint16_t
acpi_pm_get_status(AcpiPm *self)
{
    if (acpi_pm_get_tick(self) >= self->timer_flip_tick) {
        self->status |= ACPI_PM1_TIMER;
    }
    return self->status;
}

void
acpi_pm_settle(AcpiPm *self)
{
    acpi_pm_get_status(self);
}

static void
acpi_pm_update(AcpiPm *self)
{
    uint16_t status = acpi_pm_get_status(self);
    bool level = status & self->enable & ACPI_PM1_ENABLE_MASK;

    for (unsigned i = 0; i < self->n_gpe; i++) {
        level |= self->gpe_status[i] & self->gpe_enable[i];
    }
    EMU_TRACE(acpi_pm_sci, "status 0x%04x enable 0x%04x level %d", status, self->enable, level);
    emu_line_set(self->sci, level);
    emu_machine_allow_wakeup(emu_device_get_machine(self->device), EMU_WAKEUP_RTC, self->enable & ACPI_PM1_RTC);
    if ((self->enable & ACPI_PM1_TIMER) && !(status & ACPI_PM1_TIMER)) {
        emu_timer_set(self->timer, emu_muldiv64(self->timer_flip_tick, EMU_NS_PER_SEC, ACPI_PM_TIMER_HZ) + 1);
    } else {
        emu_timer_cancel(self->timer);
    }
}

static void
acpi_pm_timer_cb(gpointer opaque)
{
    acpi_pm_update(opaque);
}

static void
acpi_pm_set_next_flip(AcpiPm *self)
{
    self->timer_flip_tick = (acpi_pm_get_tick(self) & ~(int64_t)(ACPI_PM_TIMER_HALF - 1)) + ACPI_PM_TIMER_HALF;
}

void
acpi_pm_restart(AcpiPm *self)
{
    acpi_pm_set_next_flip(self);
    acpi_pm_update(self);
}

static void
acpi_pm_write_control(AcpiPm *self, uint16_t value)
{
    EmuMachine *machine = emu_device_get_machine(self->device);
    unsigned type = ACPI_PM1_CONTROL_SLP_TYPE(value);

    self->control = value & ACPI_PM1_CONTROL_MASK;
    acpi_pm_update(self);
    if (!(value & ACPI_PM1_CONTROL_SLP_EN)) {
        return;
    }
    EMU_TRACE(acpi_pm_sleep, "type %u", type);
    if (type == ACPI_PM_SLEEP_S5) {
        emu_machine_request_shutdown(machine, EMU_SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    } else if (type == self->s4_val && !self->disable_s4) {
        emu_machine_request_suspend_disk(machine);
    } else if (type == ACPI_PM_SLEEP_S3 && !self->disable_s3) {
        emu_machine_request_suspend(machine);
    } else {
        emu_guest_error("%s: sleep type %u: not supported", emu_object_get_type_name(self->device), type);
    }
}

uint32_t
acpi_pm_read(AcpiPm *self, uint64_t offset, unsigned size)
{
    uint32_t value = 0;

    switch (offset & ~1u) {
    case 0x00:
        value = acpi_pm_get_status(self);
        if (size == 4) {
            value |= (uint32_t)self->enable << 16;
        }
        break;
    case 0x02:
        value = self->enable;
        break;
    case 0x04:
        value = self->control;
        break;
    case 0x08:
        value = acpi_pm_get_tick(self) & ACPI_PM_TIMER_MASK;
        break;
    case 0x0a:
        value = (acpi_pm_get_tick(self) & ACPI_PM_TIMER_MASK) >> 16;
        break;
    default:
        break;
    }
    return offset & 1 ? value >> 8 : value;
}

uint16_t
acpi_pm_merge(uint16_t old, uint64_t offset, uint64_t value, unsigned size)
{
    if (size >= 2) {
        return value;
    }
    return offset & 1 ? (old & 0x00ff) | value << 8 : (old & 0xff00) | (value & 0xff);
}

bool
acpi_pm_write(AcpiPm *self, uint64_t offset, uint64_t value, unsigned size)
{
    uint16_t clear;

    switch (offset & ~1u) {
    case 0x00:
        clear = acpi_pm_merge(0, offset, value, size) & ACPI_PM1_STATUS_W1C;
        if (acpi_pm_get_status(self) & clear & ACPI_PM1_TIMER) {
            acpi_pm_set_next_flip(self);
        }
        self->status &= ~clear;
        if (size == 4) {
            self->enable = (value >> 16) & ACPI_PM1_ENABLE_MASK;
        }
        acpi_pm_update(self);
        return true;
    case 0x02:
        self->enable = acpi_pm_merge(self->enable, offset, value, size) & ACPI_PM1_ENABLE_MASK;
        acpi_pm_update(self);
        return true;
    case 0x04:
        acpi_pm_write_control(self, acpi_pm_merge(self->control, offset, value, size));
        return true;
    default:
        return false;
    }
}

uint8_t
acpi_pm_read_gpe(AcpiPm *self, unsigned offset)
{
    return offset < self->n_gpe ? self->gpe_status[offset] : self->gpe_enable[offset - self->n_gpe];
}

void
acpi_pm_write_gpe(AcpiPm *self, unsigned offset, uint8_t value)
{
    if (offset < self->n_gpe) {
        self->gpe_status[offset] &= ~value;
    } else {
        self->gpe_enable[offset - self->n_gpe] = value;
    }
    acpi_pm_update(self);
}

void
acpi_pm_raise_gpe(AcpiPm *self, unsigned event)
{
    self->gpe_status[event / 8] |= (uint8_t)(1u << event % 8);
    acpi_pm_update(self);
}

void
acpi_pm_set_enabled(AcpiPm *self, bool enabled)
{
    self->control = enabled ? self->control | ACPI_PM_CONTROL_SCI_EN : self->control & ~ACPI_PM_CONTROL_SCI_EN;
}

static void
acpi_pm_powerdown_cb(EmuMachine *machine G_GNUC_UNUSED, gpointer opaque)
{
    AcpiPm *self = opaque;

    if (self->enable & ACPI_PM1_POWER_BUTTON) {
        self->status |= ACPI_PM1_POWER_BUTTON;
        acpi_pm_update(self);
    }
}

/* After the reset that leaves S3: the guest reads here why it woke. */
static void
acpi_pm_wakeup_cb(EmuMachine *machine, gpointer opaque)
{
    AcpiPm *self = opaque;
    bool by_rtc = emu_machine_get_wakeup_reason(machine) == EMU_WAKEUP_RTC;

    /* The monitor's command is a press of the power button. */
    self->status |= ACPI_PM1_WAKE | (by_rtc ? ACPI_PM1_RTC : ACPI_PM1_POWER_BUTTON);
    acpi_pm_update(self);
}

void
acpi_pm_init(AcpiPm *self, EmuDevice *device, unsigned n_gpe)
{
    EmuMachine *machine = emu_device_get_machine(device);

    g_return_if_fail(n_gpe <= ACPI_PM_GPE_MAX);
    self->device = device;
    self->n_gpe = (uint8_t)n_gpe;
    self->timer = emu_timer_new(emu_device_get_clock(device, EMU_CLOCK_VIRTUAL), acpi_pm_timer_cb, self);
    self->powerdown_handler = g_signal_connect(machine, "powerdown", G_CALLBACK(acpi_pm_powerdown_cb), self);
    self->wakeup_handler = g_signal_connect(machine, "wakeup", G_CALLBACK(acpi_pm_wakeup_cb), self);
}

void
acpi_pm_finish(AcpiPm *self)
{
    EmuMachine *machine = emu_device_get_machine(self->device);

    g_signal_handler_disconnect(machine, self->wakeup_handler);
    g_signal_handler_disconnect(machine, self->powerdown_handler);
    g_clear_pointer(&self->timer, emu_timer_free);
}

void
acpi_pm_reset(AcpiPm *self)
{
    self->status = 0;
    self->enable = 0;
    self->control = 0;
    emu_machine_allow_wakeup(emu_device_get_machine(self->device), EMU_WAKEUP_RTC, false);
    memset(self->gpe_status, 0, sizeof self->gpe_status);
    memset(self->gpe_enable, 0, sizeof self->gpe_enable);
    acpi_pm_set_next_flip(self);
    emu_timer_cancel(self->timer);
}
