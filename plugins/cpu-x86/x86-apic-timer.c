/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The local APIC's timer (SDM 3A 10.5.4): it counts at 1 GHz before the divider, or waits for a value of the time-stamp counter. */

#include "x86-apic-private.h"

int64_t
apic_now(const X86Apic *apic)
{
    return emu_clock_get_ns(emu_device_get_clock((EmuDevice *)apic->cpu, EMU_CLOCK_VIRTUAL));
}

/* log2 of the divisor: 2, 4, ... 128, then 1. */
unsigned
apic_divide_shift(const X86Apic *apic)
{
    return (((apic->divide & 3) | (apic->divide >> 1 & 4)) + 1) & 7;
}

uint64_t
apic_period_ns(const X86Apic *apic)
{
    return (uint64_t)apic->initial_count << apic_divide_shift(apic);
}

bool
apic_timer_is_periodic(const X86Apic *apic)
{
    return apic->lvt[X86_LVT_TIMER] & APIC_LVT_PERIODIC;
}

bool
apic_timer_is_deadline(const X86Apic *apic)
{
    return apic->lvt[X86_LVT_TIMER] & APIC_LVT_DEADLINE;
}

uint32_t
apic_current_count(const X86Apic *apic)
{
    uint64_t elapsed = (uint64_t)apic_now(apic) - apic->timer_start;
    uint64_t period = apic_period_ns(apic);

    if (period == 0 || apic->timer_expired || apic_timer_is_deadline(apic)) {
        return 0;
    }
    if (elapsed >= period) {
        if (!apic_timer_is_periodic(apic)) {
            return 0;
        }
        elapsed %= period;
    }
    return apic->initial_count - (uint32_t)(elapsed >> apic_divide_shift(apic));
}

uint32_t
x86_apic_get_current_count(const X86Apic *apic)
{
    return apic_current_count(apic);
}

/* As if the initial count had been written when @current was still to come. */
void
x86_apic_set_count(X86Apic *apic, uint32_t initial, uint32_t current)
{
    uint64_t period, elapsed;

    apic->initial_count = initial;
    period = apic_period_ns(apic);
    elapsed = current ? (uint64_t)(initial - MIN(current, initial)) << apic_divide_shift(apic) : period;
    apic->timer_start = (uint64_t)apic_now(apic) - elapsed;
    apic->timer_next = current ? apic->timer_start + period : 0;
    apic->timer_expired = period && !current && !apic_timer_is_periodic(apic);
}

/* When the time-stamp counter reaches the deadline; a past one is due now. */
static uint64_t
apic_deadline_ns(const X86Apic *apic, uint64_t now)
{
    uint64_t frequency = apic->cpu->tsc_frequency;
    uint64_t counter = emu_muldiv64(now, frequency, EMU_NS_PER_SEC) + apic->cpu->state->tsc_offset;
    uint64_t left = apic->deadline > counter ? apic->deadline - counter : 0;
    uint64_t far = (uint64_t)INT64_MAX / 4;

    if (left == 0) {
        return now;
    }
    /* Rounded up: never before the counter shows it. */
    left = left / frequency > far / EMU_NS_PER_SEC ? far : emu_muldiv64(left, EMU_NS_PER_SEC, frequency) + 1;
    return now + left;
}

/*
 * Sets the host timer for the next expiry. A single one that is due and has not been delivered is due now: the host may take this
 * thread off its CPU between a guest's write and here for longer than the guest's period.
 */
void
apic_arm_timer(X86Apic *apic)
{
    uint64_t period = apic_period_ns(apic), now = (uint64_t)apic_now(apic);

    apic->timer_next = 0;
    if (apic_timer_is_deadline(apic)) {
        if (apic->deadline) {
            apic->timer_next = MAX(apic_deadline_ns(apic, now), 1);
        }
    } else if (period && !apic->timer_expired) {
        uint64_t next = apic->timer_start + period;
        if (next > now || !apic_timer_is_periodic(apic)) {
            apic->timer_next = next;
        } else {
            apic->timer_next = next + ((now - next) / period + 1) * period;
        }
    }
    if (apic->timer_next && !(apic->lvt[X86_LVT_TIMER] & APIC_LVT_MASKED) && !apic->send_elsewhere) {
        emu_timer_set(apic->timer, (int64_t)apic->timer_next);
    } else {
        emu_timer_cancel(apic->timer);
    }
}

void
apic_timer_cb(gpointer opaque)
{
    X86Apic *apic = opaque;

    if (apic_timer_is_deadline(apic)) {
        apic->deadline = 0; /* once */
    } else if (!apic_timer_is_periodic(apic)) {
        apic->timer_expired = true;
    }
    apic_local_interrupt(apic, X86_LVT_TIMER);
    apic_arm_timer(apic);
}

/* IA32_TSC_DEADLINE (10.5.4.1): nothing but 0 outside the mode. */
uint64_t
x86_apic_get_deadline(const X86Apic *apic)
{
    return apic_timer_is_deadline(apic) ? apic->deadline : 0;
}

/* A deadline that has passed interrupts before the next instruction: it does not wait for the main loop to look at its timers. */
void
x86_apic_set_deadline(X86Apic *apic, uint64_t value)
{
    uint64_t now = (uint64_t)apic_now(apic);

    if (!apic_timer_is_deadline(apic)) {
        return;
    }
    apic->deadline = value;
    if (value && apic_deadline_ns(apic, now) <= now && !(apic->lvt[X86_LVT_TIMER] & APIC_LVT_MASKED) && !apic->send_elsewhere) {
        apic_timer_cb(apic);
    } else {
        apic_arm_timer(apic);
    }
}

void
x86_apic_tsc_changed(X86Apic *apic)
{
    if (apic_timer_is_deadline(apic)) {
        apic_arm_timer(apic);
    }
}
