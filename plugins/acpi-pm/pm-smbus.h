/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The SMBus host controller of Intel's south bridges from the PIIX4 on; transactions complete at once. */

#include <emu/i2c.h>
#include <emu/registers.h>

#define PM_SMBUS_IO_SIZE 16
#define PM_SMBUS_BLOCK_MAX 32

typedef struct {
    EmuI2cBus *bus;
    /* Optional: whether the controller asks for an interrupt. */
    void (*set_irq)(gpointer opaque, bool level);
    gpointer irq_opaque;

    uint8_t status;
    uint8_t control;
    uint8_t command;
    uint8_t address;
    uint8_t data0;
    uint8_t data1;
    uint8_t block[PM_SMBUS_BLOCK_MAX];
    uint8_t block_index;
} PmSmbus;

void pm_smbus_reset(PmSmbus *self);
EmuMemoryRegion *pm_smbus_new_region(PmSmbus *self, gpointer owner);
extern const EmuRegisterBank *const pm_smbus_bank;
extern const EmuVMState pm_smbus_vmstate;
