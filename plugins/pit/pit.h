/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pit-counter.h"

#include <emu/isa.h>
#include <emu/x86-pc.h>

#define PIT_FREQUENCY_HZ 1193182
#define PIT_N_COUNTERS 3

typedef struct {
    EmuIsaDevice parent;

    uint32_t iobase;

    EmuLine *out;
    EmuTimer *timer;
    PitCounter counters[PIT_N_COUNTERS];
    bool disabled; /* HPET legacy routing took over IRQ 0 */

    int64_t next_edge; /* of OUT 0, in CLKs: what the timer is set to */
    uint32_t owed;     /* edges that were over before the host got round to them */
} Pit;

typedef struct {
    EmuIsaDeviceClass parent_class;
    /* For a timer whose counters live elsewhere; NULL: they are the ones above. */
    void (*fetch)(Pit *self); /* makes the ones above current */
    void (*store)(Pit *self); /* takes them there */
} PitClass;

int64_t pit_get_tick(Pit *self);

/* The speaker port. */
typedef struct {
    EmuIsaDevice parent;

    uint32_t iobase;
    EmuObject *pit;

    uint8_t control;
} Pcspk;

typedef struct {
    EmuIsaDeviceClass parent_class;
    void (*fetch)(Pcspk *self); /* as above */
    void (*store)(Pcspk *self);
} PcspkClass;

#define PCSPK_GATE2 0x01
#define PCSPK_SPEAKER 0x02

extern const EmuTypeInfo pit_type_info;
extern const EmuTypeInfo pcspk_type_info;
extern const EmuTypeInfo pit_kvm_type_info;
extern const EmuTypeInfo pcspk_kvm_type_info;
