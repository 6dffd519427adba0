/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The fixed hardware of ACPI (specification 1.0b, section 4.7) as Intel's chipsets of a PC have it: the PM1 event and control
 * blocks, the timer, general purpose events, and the SCI that all of them share. A device holds one of these and gives it its
 * accesses: offsets 0 to 0xb from the base of its block.
 */

#include <emu/machine.h>

#define ACPI_PM_GPE_MAX 8 /* bytes of status, and as many of enable */
#define ACPI_PM_CONTROL_SCI_EN 0x0001

typedef struct {
    EmuDevice *device;
    EmuLine *sci; /* the device's */
    EmuTimer *timer;
    gulong powerdown_handler, wakeup_handler;

    /* properties of the device */
    uint8_t disable_s3; /* numbers on command lines: 0 or 1 */
    uint8_t disable_s4;
    uint8_t s4_val;

    uint16_t status, enable, control;
    uint8_t n_gpe; /* bytes */
    uint8_t gpe_status[ACPI_PM_GPE_MAX], gpe_enable[ACPI_PM_GPE_MAX];
    int64_t timer_flip_tick; /* TMR_STS is set when the timer gets there */
} AcpiPm;

/* In realize and unrealize; @sci is there already. */
void acpi_pm_init(AcpiPm *self, EmuDevice *device, unsigned n_gpe);
void acpi_pm_finish(AcpiPm *self);
void acpi_pm_reset(AcpiPm *self);
/* The timer's status is current from here on: before a save. */
void acpi_pm_settle(AcpiPm *self);
void acpi_pm_restart(AcpiPm *self); /* after a load */

uint32_t acpi_pm_read(AcpiPm *self, uint64_t offset, unsigned size);
/* False: @offset is no register of these. */
bool acpi_pm_write(AcpiPm *self, uint64_t offset, uint64_t value, unsigned size);
/* Status bytes, then enable bytes; one at a time. */
uint8_t acpi_pm_read_gpe(AcpiPm *self, unsigned offset);
void acpi_pm_write_gpe(AcpiPm *self, unsigned offset, uint8_t value);
void acpi_pm_raise_gpe(AcpiPm *self, unsigned event);
/* What firmware's SMI handler does on real boards. */
void acpi_pm_set_enabled(AcpiPm *self, bool enabled);

/* @value with one byte of @old kept, for byte writes to 16-bit registers. */
uint16_t acpi_pm_merge(uint16_t old, uint64_t offset, uint64_t value, unsigned size);

/* Properties and lines of the saved state of a structure with the member @f. */
#define ACPI_PM_PROPERTIES(S, f)                                                                   \
    EMU_PROP_UINT8("disable_s3", S, f.disable_s3, 0, "no suspend to RAM"),                        \
    EMU_PROP_UINT8("disable_s4", S, f.disable_s4, 0, "no suspend to disk"),                       \
    EMU_PROP_UINT8("s4_val", S, f.s4_val, 2, "sleep type of S4")
#define ACPI_PM_VM_(k, S, f, n, bytes) {.name = n, .kind = EMU_VM_KIND_##k, .offset = offsetof(S, f), .size = bytes, .num = 1}
#define ACPI_PM_VM(S, f, gpe_bytes)                                                                \
    ACPI_PM_VM_(U16, S, f.status, "pm1_status", 2), ACPI_PM_VM_(U16, S, f.enable, "pm1_enable", 2), \
    ACPI_PM_VM_(U16, S, f.control, "pm1_control", 2),                                              \
    ACPI_PM_VM_(BUFFER, S, f.gpe_status, "gpe_status", gpe_bytes),                                 \
    ACPI_PM_VM_(BUFFER, S, f.gpe_enable, "gpe_enable", gpe_bytes)
