/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* 256 bytes of EEPROM on the SMBus, as memory modules carry them (24C02): a write sets the address
 * with its first byte and stores the rest, a read goes on from there. */

#include "piix4-pm.h"

typedef struct {
    EmuI2cDevice parent;

    bool address_due;
    uint8_t offset;
    uint8_t data[256];
} SmbusEeprom;

static int
smbus_eeprom_event(EmuI2cDevice *dev, EmuI2cEvent event)
{
    SmbusEeprom *self = (SmbusEeprom *)dev;

    if (event == EMU_I2C_START_SEND) {
        self->address_due = true;
    }
    return 0;
}

static int
smbus_eeprom_send(EmuI2cDevice *dev, uint8_t data)
{
    SmbusEeprom *self = (SmbusEeprom *)dev;

    if (self->address_due) {
        self->offset = data;
        self->address_due = false;
    } else {
        self->data[self->offset++] = data;
    }
    return 0;
}

static uint8_t
smbus_eeprom_recv(EmuI2cDevice *dev)
{
    SmbusEeprom *self = (SmbusEeprom *)dev;

    return self->data[self->offset++];
}

static void
smbus_eeprom_reset_enter(EmuDevice *dev)
{
    SmbusEeprom *self = (SmbusEeprom *)dev;

    self->offset = 0;
    self->address_due = false;
}

static const EmuVMField smbus_eeprom_vmstate_fields[] = {
    EMU_VM_BOOL(SmbusEeprom, address_due),
    EMU_VM_U8(SmbusEeprom, offset),
    EMU_VM_BUFFER(SmbusEeprom, data),
    EMU_VM_END,
};

static const EmuVMState smbus_eeprom_vmstate = {
    .name = "smbus-eeprom",
    .version = 1,
    .minimum_version = 1,
    .fields = smbus_eeprom_vmstate_fields,
};

static void
smbus_eeprom_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;
    EmuI2cDeviceClass *i2c_class = klass;

    device_class->reset_enter = smbus_eeprom_reset_enter;
    device_class->vmstate = &smbus_eeprom_vmstate;
    device_class->category = "misc";
    device_class->model_name = "24C02 EEPROM";
    device_class->user_creatable = false;
    i2c_class->event = smbus_eeprom_event;
    i2c_class->send = smbus_eeprom_send;
    i2c_class->recv = smbus_eeprom_recv;
}

const EmuTypeInfo smbus_eeprom_type_info = {
    .name = "smbus-eeprom",
    .parent = "i2c-device",
    .instance_size = sizeof(SmbusEeprom),
    .class_init = smbus_eeprom_class_init,
    .description = "256-byte EEPROM on the SMBus",
};
