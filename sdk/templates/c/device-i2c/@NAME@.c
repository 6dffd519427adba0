/* SPDX-License-Identifier: @LICENSE@ */

/*
 * @TYPE@: an I2C slave with 16 registers of one byte.
 *
 * A write sets the register number with its first byte and stores the rest from there on; a read goes on from there.
 *
 *   0x0 ID       read-only    0x42
 *   0x1 VALUE    read-write   starts as the property "value"
 *   0xf ALERT    read-write   bit 0 drives the output "alert"
 */

#include <emu/i2c.h>
#include <emu/plugin.h>

#include <string.h>

#define @UPPER@_ID 0x42

enum { @UPPER@_REG_ID = 0x0, @UPPER@_REG_VALUE = 0x1, @UPPER@_REG_ALERT = 0xf };

typedef struct {
    EmuI2cDevice parent_instance;

    uint8_t initial_value; /* property */

    EmuLine *alert;
    bool number_due;
    uint8_t number, regs[16];
} @CLASS@;

static int
@FUNC@_event(EmuI2cDevice *dev, EmuI2cEvent event)
{
    if (event == EMU_I2C_START_SEND) {
        ((@CLASS@ *)dev)->number_due = true;
    }
    return 0;
}

static int
@FUNC@_send(EmuI2cDevice *dev, uint8_t data)
{
    @CLASS@ *self = (@CLASS@ *)dev;

    if (self->number_due) {
        self->number = data & 15;
        self->number_due = false;
        return 0;
    }
    if (self->number != @UPPER@_REG_ID) {
        self->regs[self->number] = data;
    }
    if (self->number == @UPPER@_REG_ALERT) {
        emu_line_set(self->alert, data & 1);
    }
    self->number = (self->number + 1) & 15;
    return 0;
}

static uint8_t
@FUNC@_recv(EmuI2cDevice *dev)
{
    @CLASS@ *self = (@CLASS@ *)dev;
    uint8_t data = self->regs[self->number];

    self->number = (self->number + 1) & 15;
    return data;
}

static bool
@FUNC@_realize(EmuDevice *dev, GError **error)
{
    emu_device_add_lines_out(dev, "alert", 1, &((@CLASS@ *)dev)->alert);
    return true;
}

static void
@FUNC@_reset_enter(EmuDevice *dev)
{
    @CLASS@ *self = (@CLASS@ *)dev;

    self->number_due = false;
    self->number = 0;
    memset(self->regs, 0, sizeof(self->regs));
    self->regs[@UPPER@_REG_ID] = @UPPER@_ID;
    self->regs[@UPPER@_REG_VALUE] = self->initial_value;
}

static void
@FUNC@_reset_hold(EmuDevice *dev)
{
    emu_line_set(((@CLASS@ *)dev)->alert, 0);
}

static bool
@FUNC@_post_load(gpointer self, unsigned version, GError **error)
{
    if (((@CLASS@ *)self)->number > 15) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "register number %u, expected 0 to 15",
                    ((@CLASS@ *)self)->number);
        return false;
    }
    return true;
}

static const EmuProperty @FUNC@_properties[] = {
    EMU_PROP_UINT8("value", @CLASS@, initial_value, 25, "what VALUE holds after a reset"),
};

static const EmuVMField @FUNC@_fields[] = {
    EMU_VM_BOOL(@CLASS@, number_due),
    EMU_VM_U8(@CLASS@, number),
    EMU_VM_BUFFER(@CLASS@, regs),
    EMU_VM_END,
};
static const EmuVMState @FUNC@_vmstate = {
    .name = "@TYPE@", .version = 1, .minimum_version = 1, .fields = @FUNC@_fields, .post_load = @FUNC@_post_load,
};

static void
@FUNC@_class_init(gpointer klass, gconstpointer class_data)
{
    EmuDeviceClass *device = klass;
    EmuI2cDeviceClass *i2c = klass;

    i2c->event = @FUNC@_event;
    i2c->send = @FUNC@_send;
    i2c->recv = @FUNC@_recv;
    device->realize = @FUNC@_realize;
    device->reset_enter = @FUNC@_reset_enter;
    device->reset_hold = @FUNC@_reset_hold;
    device->vmstate = &@FUNC@_vmstate;
    device->category = "misc";
    device->user_creatable = true;
    emu_object_class_add_properties(klass, @FUNC@_properties, G_N_ELEMENTS(@FUNC@_properties));
}

static const EmuTypeInfo @FUNC@_info = {
    .name = "@TYPE@",
    .parent = "i2c-device",
    .instance_size = sizeof(@CLASS@),
    .class_init = @FUNC@_class_init,
    .description = "@NAME@: an I2C device",
};

EMU_PLUGIN(.name = "@NAME@", .version = "0.1.0", .license = "@LICENSE@", .description = "@NAME@: an I2C device",
           .provides = "@TYPE@:i2c-device");

static void
@FUNC@_register(void)
{
    emu_type_register_static(&@FUNC@_info);
}
type_init(@FUNC@_register)
