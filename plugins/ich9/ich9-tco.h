/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The TCO registers of the LPC bridge (ICH9 data sheet, section 13.9), of which the watchdog timer is what matters. */

#include <emu/machine.h>
#include <emu/registers.h>

#define ICH9_TCO_SIZE 32

typedef struct {
    uint16_t status1, status2;
    uint16_t control1, control2;
    uint8_t data_in, data_out;
    uint8_t messages[2];
    uint8_t watchdog_status;
    uint8_t irq_gen;
    uint16_t initial; /* TCO_TMR */

    EmuTimer *timer;   /* when the counter gets to zero; set while it counts */
    uint16_t stopped_count; /* the counter while it does not count */
    bool started;      /* the guest has touched the timer since the reset */
    bool warned;       /* it ran out once since the last reload */

    EmuDevice *device;
    void (*raise_smi)(EmuDevice *device);
    void (*second_timeout)(EmuDevice *device);
} Ich9Tco;

extern const EmuRegisterBank *const ich9_tco_bank;
extern const EmuVMState ich9_tco_vmstate;

/* In realize and unrealize; the functions have been set. */
void ich9_tco_init(Ich9Tco *self, EmuDevice *device);
void ich9_tco_finish(Ich9Tco *self);
/* The registers are reset by the device. */
void ich9_tco_reset(Ich9Tco *self);
/* SMI_EN.TCO_EN stays as it is. */
bool ich9_tco_is_locked(const Ich9Tco *self);
