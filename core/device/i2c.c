/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* I2C and SMBus: one master, devices with 7-bit addresses; several may share one and all hear the master then. */

#include "device/device-private.h"

#include <emu/i2c.h>

struct _EmuI2cBus {
    EmuBus parent_instance;
    GPtrArray *selected; /* devices of the running transfer, owned references */
};

typedef struct {
    uint8_t address;
} EmuI2cDevicePrivate;

G_DEFINE_FINAL_TYPE(EmuI2cBus, emu_i2c_bus, EMU_TYPE_BUS)
G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(EmuI2cDevice, emu_i2c_device, EMU_TYPE_DEVICE)

static inline EmuI2cDevicePrivate *
priv(EmuI2cDevice *self)
{
    return emu_i2c_device_get_instance_private(self);
}

static void
emu_i2c_bus_detach(EmuBus *bus, EmuDevice *dev)
{
    g_ptr_array_remove(EMU_I2C_BUS(bus)->selected, dev);
}

static void
emu_i2c_bus_reset(EmuBus *bus)
{
    g_ptr_array_set_size(EMU_I2C_BUS(bus)->selected, 0);
}

static char *
emu_i2c_bus_get_address(EmuBus *bus G_GNUC_UNUSED, EmuDevice *dev)
{
    return g_strdup_printf("0x%02x", emu_i2c_device_get_address(EMU_I2C_DEVICE(dev)));
}

static void
emu_i2c_bus_finalize(GObject *object)
{
    g_ptr_array_unref(EMU_I2C_BUS(object)->selected);
    G_OBJECT_CLASS(emu_i2c_bus_parent_class)->finalize(object);
}

static void
emu_i2c_bus_class_init(EmuI2cBusClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_i2c_bus_finalize;
    EMU_BUS_CLASS(klass)->detach = emu_i2c_bus_detach;
    EMU_BUS_CLASS(klass)->reset = emu_i2c_bus_reset;
    EMU_BUS_CLASS(klass)->get_address = emu_i2c_bus_get_address;
}

static void
emu_i2c_bus_init(EmuI2cBus *self)
{
    self->selected = g_ptr_array_new_with_free_func(g_object_unref);
}

EmuI2cBus *
emu_i2c_bus_new(EmuDevice *owner, const char *name)
{
    return EMU_I2C_BUS(emu_bus_new("i2c-bus", owner, name));
}

static int
i2c_event(EmuI2cDevice *dev, EmuI2cEvent event)
{
    EmuI2cDeviceClass *klass = EMU_I2C_DEVICE_GET_CLASS(dev);

    return klass->event ? klass->event(dev, event) : 0;
}

/**
 * emu_i2c_start:
 *
 * START or, inside a transfer, repeated START; address 0 calls all. Returns: not zero when nobody acknowledges.
 */
int
emu_i2c_start(EmuI2cBus *bus, uint8_t address, bool recv)
{
    GPtrArray *devices = emu_bus_get_devices(EMU_BUS(bus));

    g_ptr_array_set_size(bus->selected, 0);
    for (unsigned i = 0; i < devices->len; i++) {
        EmuI2cDevice *dev = g_ptr_array_index(devices, i);

        if ((address == 0 && !recv) || priv(dev)->address == address) {
            if (i2c_event(dev, recv ? EMU_I2C_START_RECV : EMU_I2C_START_SEND) == 0) {
                g_ptr_array_add(bus->selected, g_object_ref(dev));
            }
        }
    }
    return bus->selected->len == 0;
}

int
emu_i2c_send(EmuI2cBus *bus, uint8_t data)
{
    int nack = bus->selected->len == 0;

    for (unsigned i = 0; i < bus->selected->len; i++) {
        EmuI2cDevice *dev = g_ptr_array_index(bus->selected, i);
        EmuI2cDeviceClass *klass = EMU_I2C_DEVICE_GET_CLASS(dev);

        nack |= klass->send ? klass->send(dev, data) : 1;
    }
    return nack;
}

uint8_t
emu_i2c_recv(EmuI2cBus *bus)
{
    uint8_t data = 0xff; /* the pull-ups; several devices pull down together */

    for (unsigned i = 0; i < bus->selected->len; i++) {
        EmuI2cDevice *dev = g_ptr_array_index(bus->selected, i);
        EmuI2cDeviceClass *klass = EMU_I2C_DEVICE_GET_CLASS(dev);

        data &= klass->recv ? klass->recv(dev) : 0xff;
    }
    return data;
}

void
emu_i2c_nack(EmuI2cBus *bus)
{
    for (unsigned i = 0; i < bus->selected->len; i++) {
        i2c_event(g_ptr_array_index(bus->selected, i), EMU_I2C_NACK);
    }
}

void
emu_i2c_end(EmuI2cBus *bus)
{
    for (unsigned i = 0; i < bus->selected->len; i++) {
        i2c_event(g_ptr_array_index(bus->selected, i), EMU_I2C_FINISH);
    }
    g_ptr_array_set_size(bus->selected, 0);
}

/* ---- devices --------------------------------------------------------------------------------------- */

static EmuProperty i2c_device_properties[] = {
    {.name = "address", .kind = EMU_PROP_KIND_UINT8, .max = 0x7f, .blurb = "7-bit bus address"},
};

static void
emu_i2c_device_class_init(EmuI2cDeviceClass *klass)
{
    EMU_DEVICE_CLASS(klass)->bus_type = "i2c-bus";
    i2c_device_properties[0].offset = (gsize)(gssize)EmuI2cDevice_private_offset + offsetof(EmuI2cDevicePrivate, address);
    emu_object_class_add_properties(klass, i2c_device_properties, G_N_ELEMENTS(i2c_device_properties));
}

static void
emu_i2c_device_init(EmuI2cDevice *self G_GNUC_UNUSED)
{
}

uint8_t
emu_i2c_device_get_address(EmuI2cDevice *dev)
{
    return priv(dev)->address;
}

static void
i2c_register(void)
{
    emu_type_register_gtype("i2c-bus", EMU_TYPE_I2C_BUS);
    emu_type_register_gtype("i2c-device", EMU_TYPE_I2C_DEVICE);
}
type_init(i2c_register)
