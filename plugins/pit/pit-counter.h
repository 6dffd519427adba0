/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One counter of an 8254. Time is a number of CLK pulses that the caller passes in, so the model
 * has no clock of its own.
 */

#include <emu/macros.h>

typedef enum {
    PIT_COUNTER_IDLE,    /* control word written, count not yet */
    PIT_COUNTER_WAITING, /* modes 1 and 5: no trigger yet */
    PIT_COUNTER_HELD,    /* GATE low in modes 0, 2, 3, 4: elapsed stands still */
    PIT_COUNTER_RUNNING,
} PitCounterState;

typedef struct {
    uint8_t mode;      /* 0..5 */
    uint8_t access;    /* 1 LSB, 2 MSB, 3 LSB then MSB */
    bool bcd;
    bool gate;
    bool write_msb;    /* second byte of a write is due */
    bool read_msb;
    uint8_t write_lsb;
    bool status_latched;
    uint8_t latched_status;
    uint8_t latched_bytes; /* how many bytes of the latched count are unread */
    uint16_t latched_count;

    uint32_t state;     /* PitCounterState */
    uint32_t reload;    /* count register: 1..65536 */
    uint32_t count;     /* what the counting element was loaded with */
    bool reload_pending; /* modes 2 and 3: takes over at the end of the period */
    bool reload_at_half; /* mode 3: of its first half */
    int64_t start_tick; /* RUNNING: the CLK that loaded the counting element; may be one ahead */
    int64_t elapsed;    /* HELD: CLKs counted; valid in saved state always */
} PitCounter;

void pit_counter_reset(PitCounter *self, bool gate);
void pit_counter_write_control(PitCounter *self, uint8_t control, int64_t tick);
void pit_counter_write(PitCounter *self, uint8_t value, int64_t tick);
uint8_t pit_counter_read(PitCounter *self, int64_t tick);
void pit_counter_latch_count(PitCounter *self, int64_t tick);
void pit_counter_latch_status(PitCounter *self, int64_t tick);
void pit_counter_set_gate(PitCounter *self, bool gate, int64_t tick);
bool pit_counter_get_out(PitCounter *self, int64_t tick);
/* The next CLK after @tick with a rising edge on OUT; for modes 0, 1 and 3 any edge. -1: none to come. */
int64_t pit_counter_next_edge(PitCounter *self, int64_t tick);
/* OUT is low for a single CLK before each rising edge (modes 2, 4, 5). */
bool pit_counter_is_strobe(const PitCounter *self);
/* Time base changes: before saving and after loading. */
void pit_counter_save(PitCounter *self, int64_t tick);
bool pit_counter_load(PitCounter *self, int64_t tick);
