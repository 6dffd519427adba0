/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * LM75 thermometer (National Semiconductor DS012658): worked example of an I2C device, of registers that are reached through a
 * pointer instead of a region, and of a property that changes while the machine runs.
 *
 * The first byte that the master writes is the pointer; more bytes, or a read, go to the register there, high byte first.
 */

#include <emu/emu.h>

EMU_PLUGIN(.name = "i2c-lm75", .version = "1.0", .license = "LGPL-2.1-or-later", .description = "LM75 thermometer",
           .provides = "lm75:i2c-device", .needs = "i2c-device");

#define LM75_REG_CONFIG 1
#define LM75_CONFIG_SHUTDOWN 0x01
#define LM75_CONFIG_INTERRUPT 0x02
#define LM75_CONFIG_HIGH 0x04
#define LM75_RESOLUTION 0x80 /* half a degree is bit 7 */

typedef struct {
    EmuI2cDevice parent_instance;

    int32_t temperature; /* property, in thousandths of a degree */

    EmuLine *os;
    uint8_t config;
    uint16_t measured, hysteresis, limit;
    uint8_t pointer, position;
    bool wants_pointer; /* the next byte of the master's is */
    bool over;
} Lm75;

/* Signed 16 bits with 8 behind the point; the last 7 are always 0. */
static uint16_t
lm75_encode(int32_t thousandths)
{
    return (uint16_t)((thousandths * 256 / 1000) & -LM75_RESOLUTION);
}

/* OS goes to its active level above the limit and comes back below the hysteresis; in interrupt mode a read ends it. */
static void
lm75_update(gpointer opaque)
{
    Lm75 *self = opaque;

    if (!(self->config & LM75_CONFIG_SHUTDOWN)) {
        self->measured = lm75_encode(self->temperature);
    }
    if ((int16_t)self->measured >= (int16_t)self->limit) {
        self->over = true;
    } else if ((int16_t)self->measured < (int16_t)self->hysteresis) {
        self->over = false;
    }
    emu_line_set(self->os, self->over == !!(self->config & LM75_CONFIG_HIGH));
}

static const EmuRegister lm75_registers[] = {
    EMU_REG16(Lm75, measured, "TEMPERATURE", 0, EMU_RO, 0, .blurb = "8.8 degrees, two's complement"),
    EMU_REG8(Lm75, config, "CONFIGURATION", 2, EMU_RW, 0,
             .fields = EMU_REG_FIELDS({"SHUTDOWN", 0, 1, .blurb = "the temperature stands"}, {"INTERRUPT", 1, 1}, {"OS_HIGH", 2, 1}, {"FAULTS", 3, 2})),
    EMU_REG16(Lm75, hysteresis, "THYST", 4, EMU_RW, 75 << 8, .writable = 0xff80),
    EMU_REG16(Lm75, limit, "TOS", 6, EMU_RW, 80 << 8, .writable = 0xff80),
};

static const EmuVMField lm75_state[] = {EMU_VM_U8(Lm75, pointer), EMU_VM_U8(Lm75, position), EMU_VM_BOOL(Lm75, wants_pointer),
                                         EMU_VM_BOOL(Lm75, over), EMU_VM_END};

static bool
lm75_post_load(gpointer opaque, unsigned version, GError **error)
{
    Lm75 *self = opaque;

    self->pointer &= 3;
    self->position &= 1;
    return true;
}

/* Byte registers at pointer * 2, big-endian as they go over the wire. */
EMU_REGISTER_BANK(lm75_bank, "lm75", 8, lm75_registers, .endian = EMU_ENDIAN_BIG, .changed = lm75_update, .state = lm75_state,
                  .post_load = lm75_post_load)

static uint64_t
lm75_offset(Lm75 *self)
{
    return self->pointer * 2u + (self->pointer == LM75_REG_CONFIG ? 0 : self->position);
}

static int
lm75_event(EmuI2cDevice *dev, EmuI2cEvent event)
{
    Lm75 *self = (Lm75 *)dev;

    self->wants_pointer = event == EMU_I2C_START_SEND;
    self->position = 0;
    return 0;
}

static int
lm75_send(EmuI2cDevice *dev, uint8_t data)
{
    Lm75 *self = (Lm75 *)dev;

    if (self->wants_pointer) {
        self->pointer = data & 3;
        self->wants_pointer = false;
    } else {
        emu_registers_write(EMU_DEVICE(dev), &lm75_bank, lm75_offset(self), data, 1);
        self->position ^= 1;
    }
    return 0;
}

static uint8_t
lm75_recv(EmuI2cDevice *dev)
{
    Lm75 *self = (Lm75 *)dev;
    uint8_t value;

    value = (uint8_t)emu_registers_read(EMU_DEVICE(dev), &lm75_bank, lm75_offset(self), 1);
    self->position ^= 1;
    if (self->config & LM75_CONFIG_INTERRUPT) {
        self->over = false;
        emu_line_set(self->os, !(self->config & LM75_CONFIG_HIGH));
    }
    return value;
}

/* ---- the property: text, so that a new value has an effect at once ------------------------------------------ */

static char *
lm75_get_temperature(gpointer self, GError **error)
{
    return g_strdup_printf("%d", ((Lm75 *)self)->temperature);
}

static bool
lm75_set_temperature(gpointer object, const char *value, GError **error)
{
    Lm75 *self = object;
    int64_t thousandths;

    if (!emu_parse_int(value, &thousandths) || thousandths < -55000 || thousandths > 125000) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: temperature is '%s', expected -55000 to 125000",
                    emu_device_get_label(EMU_DEVICE(self)), value);
        return false;
    }
    self->temperature = (int32_t)thousandths;
    if (emu_device_is_realized(EMU_DEVICE(self))) {
        lm75_update(self);
    }
    return true;
}

static bool
lm75_realize(EmuDevice *dev, GError **error)
{
    emu_device_add_lines_out(dev, "os", 1, &((Lm75 *)dev)->os);
    return true;
}

static void
lm75_instance_init(gpointer self)
{
    ((Lm75 *)self)->temperature = 25000;
}

static void
lm75_reset_enter(EmuDevice *dev)
{
    Lm75 *self = (Lm75 *)dev;

    self->pointer = self->position = 0;
    self->wants_pointer = self->over = false;
}

static void
lm75_class_init(gpointer klass, gconstpointer data)
{
    EmuDeviceClass *device_class = klass;
    EmuI2cDeviceClass *i2c_class = klass;

    device_class->realize = lm75_realize;
    device_class->reset_enter = lm75_reset_enter;
    device_class->category = "misc";
    device_class->hotpluggable = true;
    i2c_class->event = lm75_event;
    i2c_class->send = lm75_send;
    i2c_class->recv = lm75_recv;
    emu_object_class_add_string_property(klass, "temperature", lm75_get_temperature, lm75_set_temperature, "thousandths of a degree Celsius");
    emu_object_class_add_property_flags(klass, "temperature", EMU_PROP_FLAG_RUNTIME);
    emu_device_class_add_registers(klass, &lm75_bank, 0);
}

static const EmuTypeInfo lm75_type_info = {
    .name = "lm75",
    .parent = "i2c-device",
    .instance_size = sizeof(Lm75),
    .instance_init = lm75_instance_init,
    .class_init = lm75_class_init,
    .description = "LM75 thermometer",
};
EMU_REGISTER_TYPE(lm75_type_info)
