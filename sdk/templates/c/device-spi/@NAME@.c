/* SPDX-License-Identifier: @LICENSE@ */

/*
 * @TYPE@: an SPI peripheral with 16 registers of one byte.
 *
 * The first byte after the select is the register's number, with 0x80 for a read. Each byte behind it reads or writes, and
 * moves on to the next register.
 *
 *   0x0 ID       read-only    0x5a
 *   0x1 VALUE    read-write   starts as the property "value"
 *   0xf ALERT    read-write   bit 0 drives the output "alert"
 */

#include <emu/plugin.h>
#include <emu/spi.h>

#include <string.h>

#define @UPPER@_ID 0x5a

enum { @UPPER@_REG_ID = 0x0, @UPPER@_REG_VALUE = 0x1, @UPPER@_REG_ALERT = 0xf };

typedef struct {
    EmuSpiDevice parent_instance;

    uint8_t initial_value; /* property */

    EmuLine *alert;
    bool number_due, reading;
    uint8_t number, regs[16];
} @CLASS@;

static void
@FUNC@_select(EmuSpiDevice *dev, bool active)
{
    ((@CLASS@ *)dev)->number_due = active;
}

static uint32_t
@FUNC@_transfer(EmuSpiDevice *dev, uint32_t value)
{
    @CLASS@ *self = (@CLASS@ *)dev;
    uint8_t data = 0;

    if (self->number_due) {
        self->number = value & 15;
        self->reading = value & 0x80;
        self->number_due = false;
        return 0;
    }
    if (self->reading) {
        data = self->regs[self->number];
    } else if (self->number != @UPPER@_REG_ID) {
        self->regs[self->number] = (uint8_t)value;
        if (self->number == @UPPER@_REG_ALERT) {
            emu_line_set(self->alert, value & 1);
        }
    }
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

    self->number_due = self->reading = false;
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
    EMU_VM_SPI_DEVICE(@CLASS@, parent_instance),
    EMU_VM_BOOL(@CLASS@, number_due),
    EMU_VM_BOOL(@CLASS@, reading),
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
    EmuSpiDeviceClass *spi = klass;

    spi->select = @FUNC@_select;
    spi->transfer = @FUNC@_transfer;
    device->realize = @FUNC@_realize;
    device->reset_enter = @FUNC@_reset_enter;
    device->reset_hold = @FUNC@_reset_hold;
    device->vmstate = &@FUNC@_vmstate;
    device->category = "misc";
    device->user_creatable = true;
    emu_object_class_add_properties(klass, @FUNC@_properties, G_N_ELEMENTS(@FUNC@_properties));
}

EMU_DEFINE_TYPE(@CLASS@, @FUNC@, "@TYPE@", "spi-device", "@NAME@: an SPI device")

EMU_PLUGIN(.name = "@NAME@", .version = "0.1.0", .license = "@LICENSE@", .description = "@NAME@: an SPI device",
           .provides = "@TYPE@:spi-device");
