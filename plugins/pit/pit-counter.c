/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One counter of an Intel 8254 (order number 231164-005). N is the count, d the CLK pulses since
 * the counting element was loaded:
 *
 *   mode 0  OUT low until d = N, then high         GATE low: count stands still
 *   mode 1  OUT low from trigger until d = N       GATE rising: trigger
 *   mode 2  OUT low at d mod N = N-1               GATE low: OUT high; rising: reload
 *   mode 3  OUT high for (N+1)/2, low for N/2      GATE as mode 2
 *   mode 4  OUT low at d = N only                  GATE low: count stands still
 *   mode 5  as mode 4, from trigger                GATE rising: trigger
 *
 * A count that is written is loaded by the next CLK, so d starts at -1. In mode 2 a new count waits
 * for the end of the period, in mode 3 for the end of the half.
 */

#include "pit-counter.h"

static bool
pit_counter_is_triggered(const PitCounter *self)
{
    return self->mode == 1 || self->mode == 5;
}

static bool
pit_counter_is_periodic(const PitCounter *self)
{
    return self->mode == 2 || self->mode == 3;
}

bool
pit_counter_is_strobe(const PitCounter *self)
{
    return self->mode == 2 || self->mode == 4 || self->mode == 5;
}

/* How long OUT is high in a period of mode 3. */
static int64_t
pit_counter_high(uint32_t n)
{
    return (n + 1) / 2;
}

/* CLKs since the load, after taking over a pending count; -1 before the load. */
static int64_t
pit_counter_elapsed(PitCounter *self, int64_t tick)
{
    int64_t d;

    if (self->state != PIT_COUNTER_RUNNING) {
        return self->state == PIT_COUNTER_HELD ? self->elapsed : -1;
    }
    d = tick - self->start_tick;
    if (self->reload_pending && d >= (self->reload_at_half ? pit_counter_high(self->count) : self->count)) {
        /* At the half: as if the new period had begun so that its low half begins now. */
        self->start_tick += self->reload_at_half ? pit_counter_high(self->count) - pit_counter_high(self->reload) : self->count;
        self->count = self->reload;
        self->reload_pending = self->reload_at_half = false;
        d = tick - self->start_tick;
    }
    return d < 0 ? -1 : d;
}

/* Loads the counting element at the next CLK. */
static void
pit_counter_start(PitCounter *self, int64_t tick)
{
    self->count = self->reload;
    self->reload_pending = self->reload_at_half = false;
    self->state = PIT_COUNTER_RUNNING;
    self->start_tick = tick + 1;
    if (!self->gate && !pit_counter_is_triggered(self)) {
        self->state = PIT_COUNTER_HELD;
        self->elapsed = 0;
    }
}

void
pit_counter_reset(PitCounter *self, bool gate)
{
    *self = (PitCounter){.mode = 3, .access = 3, .gate = gate, .reload = 0x10000, .count = 0x10000};
}

void
pit_counter_write_control(PitCounter *self, uint8_t control, int64_t tick)
{
    unsigned access = (control >> 4) & 3;

    if (access == 0) {
        pit_counter_latch_count(self, tick);
        return;
    }
    self->access = access;
    self->mode = (control >> 1) & 7;
    if (self->mode > 5) {
        self->mode -= 4;
    }
    self->bcd = control & 1;
    self->state = PIT_COUNTER_IDLE;
    self->reload_pending = self->reload_at_half = false;
    self->write_msb = false;
    self->read_msb = false;
    self->latched_bytes = 0;
    self->status_latched = false;
}

static void
pit_counter_set_reload(PitCounter *self, uint16_t value, int64_t tick)
{
    uint32_t n = value;

    if (self->bcd) {
        n = (value >> 12) * 1000 + ((value >> 8) & 15) * 100 + ((value >> 4) & 15) * 10 + (value & 15);
        self->reload = n ? n : 10000;
    } else {
        self->reload = n ? n : 0x10000;
    }
    if (pit_counter_is_triggered(self)) {
        if (self->state == PIT_COUNTER_IDLE) {
            self->state = PIT_COUNTER_WAITING;
        }
    } else if (pit_counter_is_periodic(self) && self->state == PIT_COUNTER_RUNNING) {
        pit_counter_elapsed(self, tick);
        /* Periods that are over count from now on as one, so that the boundary lies ahead. */
        if (tick > self->start_tick) {
            self->start_tick = tick - (tick - self->start_tick) % self->count;
        }
        self->reload_pending = true;
        self->reload_at_half = self->mode == 3 && tick - self->start_tick < pit_counter_high(self->count);
    } else {
        pit_counter_start(self, tick);
    }
}

void
pit_counter_write(PitCounter *self, uint8_t value, int64_t tick)
{
    switch (self->access) {
    case 1:
        pit_counter_set_reload(self, value, tick);
        break;
    case 2:
        pit_counter_set_reload(self, value << 8, tick);
        break;
    default:
        if (!self->write_msb) {
            self->write_lsb = value;
            self->write_msb = true;
            /* Mode 0: the first byte stops the counting and OUT falls. */
            if (self->mode == 0) {
                self->state = PIT_COUNTER_IDLE;
            }
        } else {
            self->write_msb = false;
            pit_counter_set_reload(self, self->write_lsb | value << 8, tick);
        }
        break;
    }
}

static uint16_t
pit_counter_get_count(PitCounter *self, int64_t tick)
{
    int64_t d = pit_counter_elapsed(self, tick);
    uint32_t modulus = self->bcd ? 10000 : 0x10000;
    uint32_t n = self->count;
    uint32_t value;

    if (d < 0) {
        value = n;
    } else if (self->mode == 2) {
        value = n - d % n;
    } else if (self->mode == 3) {
        uint32_t high = (uint32_t)pit_counter_high(n);
        uint32_t phase = d % n;

        value = (n & ~1u) - 2 * (phase < high ? phase : phase - high);
    } else {
        value = (modulus + n - d % modulus) % modulus;
    }
    value %= modulus;
    if (self->bcd) {
        value = value / 1000 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10;
    }
    return value;
}

bool
pit_counter_get_out(PitCounter *self, int64_t tick)
{
    int64_t d = pit_counter_elapsed(self, tick);
    int64_t n = self->count;

    if (d < 0 || (self->state == PIT_COUNTER_HELD && pit_counter_is_periodic(self))) {
        return self->mode != 0;
    }
    switch (self->mode) {
    case 0:
    case 1:
        return d >= n;
    case 2:
        return n == 1 || d % n != n - 1;
    case 3:
        return d % n < pit_counter_high(self->count);
    default:
        return d != n;
    }
}

int64_t
pit_counter_next_edge(PitCounter *self, int64_t tick)
{
    int64_t d = pit_counter_elapsed(self, tick);
    int64_t n = self->count;
    int64_t next;

    if (self->state != PIT_COUNTER_RUNNING) {
        return -1;
    }
    if (d < 0 && self->mode == 1) {
        return self->start_tick;
    }
    d = MAX(d, 0);
    switch (self->mode) {
    case 0:
    case 1:
        next = d < n ? n : -1;
        break;
    case 2:
        next = n == 1 ? -1 : d - d % n + n;
        break;
    case 3:
        /* A count of 1 is not allowed and gives no square wave. */
        next = n == 1 ? -1 : d - d % n + (d % n < pit_counter_high(self->count) ? pit_counter_high(self->count) : n);
        break;
    default:
        next = d <= n ? n + 1 : -1;
        break;
    }
    return next < 0 ? -1 : self->start_tick + next;
}

void
pit_counter_latch_count(PitCounter *self, int64_t tick)
{
    if (self->latched_bytes) {
        return;
    }
    self->latched_count = pit_counter_get_count(self, tick);
    self->latched_bytes = self->access == 3 ? 2 : 1;
}

void
pit_counter_latch_status(PitCounter *self, int64_t tick)
{
    bool null_count;

    if (self->status_latched) {
        return;
    }
    null_count = self->state == PIT_COUNTER_IDLE || self->state == PIT_COUNTER_WAITING || self->reload_pending ||
                 (self->state == PIT_COUNTER_RUNNING && tick < self->start_tick);
    self->latched_status = pit_counter_get_out(self, tick) << 7 | null_count << 6 | self->access << 4 | self->mode << 1 |
                           self->bcd;
    self->status_latched = true;
}

uint8_t
pit_counter_read(PitCounter *self, int64_t tick)
{
    uint16_t count;

    if (self->status_latched) {
        self->status_latched = false;
        return self->latched_status;
    }
    if (self->latched_bytes) {
        bool msb = self->access == 2 || (self->access == 3 && self->latched_bytes == 1);

        self->latched_bytes--;
        return msb ? self->latched_count >> 8 : self->latched_count;
    }
    count = pit_counter_get_count(self, tick);
    switch (self->access) {
    case 1:
        return count;
    case 2:
        return count >> 8;
    default:
        self->read_msb = !self->read_msb;
        return self->read_msb ? count : count >> 8;
    }
}

void
pit_counter_set_gate(PitCounter *self, bool gate, int64_t tick)
{
    if (gate == self->gate) {
        return;
    }
    self->gate = gate;
    if (self->state == PIT_COUNTER_IDLE) {
        return;
    }
    if (pit_counter_is_triggered(self)) {
        if (gate) {
            pit_counter_start(self, tick);
        }
        return;
    }
    if (!gate) {
        int64_t d = pit_counter_elapsed(self, tick);

        self->state = PIT_COUNTER_HELD;
        self->elapsed = MAX(d, 0);
    } else if (pit_counter_is_periodic(self)) {
        pit_counter_start(self, tick);
    } else {
        self->state = PIT_COUNTER_RUNNING;
        self->start_tick = tick - self->elapsed;
    }
}

void
pit_counter_save(PitCounter *self, int64_t tick)
{
    if (self->state == PIT_COUNTER_RUNNING) {
        self->elapsed = tick - self->start_tick;
    }
}

bool
pit_counter_load(PitCounter *self, int64_t tick)
{
    if (self->mode > 5 || self->access < 1 || self->access > 3 || self->state > PIT_COUNTER_RUNNING ||
        self->reload < 1 || self->reload > 0x10000 || self->count < 1 || self->count > 0x10000 ||
        self->latched_bytes > 2 || self->elapsed < -1 || self->elapsed > INT64_MAX / 4) {
        return false;
    }
    self->start_tick = tick - self->elapsed;
    return true;
}
