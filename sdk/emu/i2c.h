/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* I2C / SMBus. */

#include <emu/device.h>

G_BEGIN_DECLS

#define EMU_TYPE_I2C_BUS (emu_i2c_bus_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuI2cBus, emu_i2c_bus, EMU, I2C_BUS, EmuBus)

typedef enum { EMU_I2C_START_RECV, EMU_I2C_START_SEND, EMU_I2C_FINISH, EMU_I2C_NACK } EmuI2cEvent;

#define EMU_TYPE_I2C_DEVICE (emu_i2c_device_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE(EmuI2cDevice, emu_i2c_device, EMU, I2C_DEVICE, EmuDevice)
/* Property "address": 7-bit bus address. */
struct _EmuI2cDeviceClass {
    EmuDeviceClass parent_class;
    int (*event)(EmuI2cDevice *self, EmuI2cEvent event); /* not zero: NACK */
    int (*send)(EmuI2cDevice *self, uint8_t data);       /* master -> device; not zero: NACK */
    uint8_t (*recv)(EmuI2cDevice *self);
    EMU_RESERVED_SLOTS(4);
};
EMU_AVAILABLE_IN_1_0 EmuI2cBus *emu_i2c_bus_new(EmuDevice *owner, const char *name); /* @owner: the controller, whose child it becomes. (transfer none) */
EMU_AVAILABLE_IN_1_0 int emu_i2c_start(EmuI2cBus *bus, uint8_t address, bool recv); /* not zero: nobody answers */
EMU_AVAILABLE_IN_1_0 int emu_i2c_send(EmuI2cBus *bus, uint8_t data); /* not zero: NACK */
EMU_AVAILABLE_IN_1_0 uint8_t emu_i2c_recv(EmuI2cBus *bus); /* 0xff when nobody drives the bus */
EMU_AVAILABLE_IN_1_0 void emu_i2c_nack(EmuI2cBus *bus); /* the master has read enough */
EMU_AVAILABLE_IN_1_0 void emu_i2c_end(EmuI2cBus *bus); /* STOP: nobody is addressed any more */
EMU_AVAILABLE_IN_1_0 uint8_t emu_i2c_device_get_address(EmuI2cDevice *dev); /* 7 bits */

G_END_DECLS
