/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The 8042 of a PC/AT with PS/2 mouse port: ports 0x60 (data) and 0x64 (status, command), IRQ 1 and 12,
 * the A20 gate and the reset line on its output port.
 *
 * There is one output buffer.  It is filled, as soon as it is empty, from the controller's own answers,
 * then the keyboard, then the mouse, each while its clock is not held (command byte bits 4 and 5).
 */

#include "i8042.h"
#include "ps2.h"

#include <emu/isa.h>
#include <emu/log.h>
#include <emu/machine.h>
#include <emu/x86-pc.h>

#define STATUS_OBF 0x01
#define STATUS_SYSTEM 0x04
#define STATUS_COMMAND 0x08
#define STATUS_UNLOCKED 0x10
#define STATUS_AUX_OBF 0x20

/* Command byte. */
#define MODE_KBD_INT 0x01
#define MODE_AUX_INT 0x02
#define MODE_SYSTEM 0x04
#define MODE_DISABLE_KBD 0x10
#define MODE_DISABLE_AUX 0x20
#define MODE_TRANSLATE 0x40

/* Output port. */
#define OUT_NOT_RESET 0x01
#define OUT_A20 0x02
#define OUT_KBD_OBF 0x10
#define OUT_AUX_OBF 0x20
#define OUT_ONES 0xcc

enum {
    CMD_READ_RAM = 0x20,
    CMD_WRITE_RAM = 0x60,
    CMD_TEST_PASSWORD = 0xa4,
    CMD_AUX_DISABLE = 0xa7,
    CMD_AUX_ENABLE = 0xa8,
    CMD_AUX_TEST = 0xa9,
    CMD_SELF_TEST = 0xaa,
    CMD_KBD_TEST = 0xab,
    CMD_KBD_DISABLE = 0xad,
    CMD_KBD_ENABLE = 0xae,
    CMD_READ_INPUT = 0xc0,
    CMD_READ_OUTPUT = 0xd0,
    CMD_WRITE_OUTPUT = 0xd1,
    CMD_WRITE_KBD_BUFFER = 0xd2,
    CMD_WRITE_AUX_BUFFER = 0xd3,
    CMD_WRITE_AUX = 0xd4,
    CMD_A20_OFF = 0xdd,
    CMD_A20_ON = 0xdf,
    CMD_READ_TEST = 0xe0,
    CMD_PULSE = 0xf0,
};

#define I8042_ANSWERS 4
#define I8042_RAM 32

typedef struct {
    EmuIsaDevice parent_instance;

    uint32_t kbd_irq_number;
    uint32_t aux_irq_number;
    bool has_aux; /* a PS/2's controller; else a PC/AT's */

    EmuLine *kbd_irq;
    EmuLine *aux_irq;
    EmuLine *a20;

    Ps2Kbd kbd;
    Ps2Mouse mouse;

    uint8_t status;
    uint8_t data;             /* output buffer */
    uint8_t command;          /* waits for its parameter; 0: none */
    uint8_t outport;
    uint8_t ram[I8042_RAM];   /* byte 0 is the command byte */
    uint8_t answers[I8042_ANSWERS];
    uint8_t answer_from_aux;  /* bit per answer: pretends to come from the mouse */
    uint8_t answer_count;
    bool break_prefix;        /* translation: 0xf0 was seen */
} I8042;

EMU_TRACE_DEFINE(i8042_read)
EMU_TRACE_DEFINE(i8042_write)

static uint8_t
i8042_get_mode(const I8042 *self)
{
    return self->ram[0];
}

/* ---- output buffer --------------------------------------------------------------------------------------- */

static void
i8042_update_irqs(I8042 *self)
{
    bool full = self->status & STATUS_OBF, aux = self->status & STATUS_AUX_OBF;

    emu_line_set(self->kbd_irq, full && !aux && i8042_get_mode(self) & MODE_KBD_INT);
    emu_line_set(self->aux_irq, full && aux && i8042_get_mode(self) & MODE_AUX_INT);
}

static void
i8042_put(I8042 *self, uint8_t byte, bool aux)
{
    self->data = byte;
    self->status |= STATUS_OBF;
    if (aux) {
        self->status |= STATUS_AUX_OBF;
    }
}

/* A keyboard byte on its way through the translation; false when it was swallowed. */
static bool
i8042_translate(I8042 *self, uint8_t *byte)
{
    if (!(i8042_get_mode(self) & MODE_TRANSLATE)) {
        self->break_prefix = false;
        return true;
    }
    if (*byte == 0xf0) {
        self->break_prefix = true;
        return false;
    }
    uint8_t code = *byte;
    if (code < 0x80) {
        code = ps2_set2_to_set1[code];
    } else if (code == 0x83) {
        code = 0x41;
    } else if (code == 0x84) {
        code = 0x54;
    }
    if (self->break_prefix && code < 0x80) {
        code |= 0x80;
    }
    self->break_prefix = false;
    *byte = code;
    return true;
}

static void
i8042_fill(I8042 *self)
{
    uint8_t mode = i8042_get_mode(self);

    if (!(self->status & STATUS_OBF) && self->answer_count) {
        i8042_put(self, self->answers[0], self->answer_from_aux & 1);
        self->answer_count--;
        self->answer_from_aux >>= 1;
        for (unsigned i = 0; i < self->answer_count; i++) {
            self->answers[i] = self->answers[i + 1];
        }
    }
    while (!(self->status & STATUS_OBF) && !(mode & MODE_DISABLE_KBD) && !ps2_queue_is_empty(&self->kbd.queue)) {
        uint8_t byte = ps2_queue_pop(&self->kbd.queue);
        if (i8042_translate(self, &byte)) {
            i8042_put(self, byte, false);
        }
    }
    if (!(self->status & STATUS_OBF) && !(mode & MODE_DISABLE_AUX) && !ps2_queue_is_empty(&self->mouse.queue)) {
        i8042_put(self, ps2_queue_pop(&self->mouse.queue), true);
    }
    i8042_update_irqs(self);
}

static void
i8042_notify_cb(gpointer opaque)
{
    i8042_fill(opaque);
}

static void
i8042_answer(I8042 *self, uint8_t byte, bool aux)
{
    if (self->answer_count < I8042_ANSWERS) {
        self->answers[self->answer_count] = byte;
        self->answer_from_aux = (uint8_t)((self->answer_from_aux & ~(1u << self->answer_count)) |
                                          (unsigned)aux << self->answer_count);
        self->answer_count++;
    }
}

/* ---- output port -------------------------------------------------------------------------------------------- */

static void
i8042_set_a20(I8042 *self, bool on)
{
    self->outport = on ? self->outport | OUT_A20 : (uint8_t)(self->outport & ~OUT_A20);
    emu_line_set(self->a20, on);
    /* A board without a gate of its own leaves the line open. */
    g_autoptr(GPtrArray) peers = emu_line_list_peers(self->a20);
    if (!peers || peers->len == 0) {
        emu_x86_set_a20(emu_device_get_machine((EmuDevice *)self), on);
    }
}

static void
i8042_write_outport(I8042 *self, uint8_t value)
{
    bool a20_changed = (self->outport ^ value) & OUT_A20;

    self->outport = (uint8_t)((value & (OUT_NOT_RESET | OUT_A20)) | OUT_ONES);
    if (a20_changed) {
        i8042_set_a20(self, value & OUT_A20);
    }
    if (!(value & OUT_NOT_RESET)) {
        emu_machine_request_reset(emu_device_get_machine((EmuDevice *)self), EMU_SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static uint8_t
i8042_read_outport(const I8042 *self)
{
    uint8_t value = self->outport;

    if (self->status & STATUS_OBF) {
        value |= self->status & STATUS_AUX_OBF ? OUT_AUX_OBF : OUT_KBD_OBF;
    }
    return value;
}

/* ---- port 0x64 ------------------------------------------------------------------------------------------------ */

/* Those for the mouse and for passwords: an AT's controller does not know them. */
static bool
i8042_is_ps2_command(uint8_t byte)
{
    return (byte >= CMD_TEST_PASSWORD && byte <= CMD_AUX_TEST) || byte == CMD_WRITE_AUX_BUFFER || byte == CMD_WRITE_AUX;
}

static void
i8042_write_command(I8042 *self, uint8_t byte)
{
    self->command = 0;
    self->status |= STATUS_COMMAND;
    if (!self->has_aux && i8042_is_ps2_command(byte)) {
        emu_guest_error("i8042: command 0x%02x is one of PS/2 controllers", byte);
        return;
    }
    switch (byte) {
    case CMD_READ_RAM ... CMD_READ_RAM + I8042_RAM - 1:
        i8042_answer(self, self->ram[byte - CMD_READ_RAM], false);
        break;
    case CMD_WRITE_RAM ... CMD_WRITE_RAM + I8042_RAM - 1:
    case CMD_WRITE_OUTPUT:
    case CMD_WRITE_KBD_BUFFER:
    case CMD_WRITE_AUX_BUFFER:
    case CMD_WRITE_AUX:
        self->command = byte;
        break;
    case CMD_TEST_PASSWORD:
        i8042_answer(self, 0xf1, false); /* none is installed */
        break;
    case CMD_AUX_DISABLE:
        self->ram[0] |= MODE_DISABLE_AUX;
        break;
    case CMD_AUX_ENABLE:
        self->ram[0] &= (uint8_t)~MODE_DISABLE_AUX;
        break;
    case CMD_AUX_TEST:
    case CMD_KBD_TEST:
        i8042_answer(self, 0x00, false);
        break;
    case CMD_SELF_TEST:
        self->status |= STATUS_SYSTEM;
        i8042_answer(self, 0x55, false);
        break;
    case CMD_KBD_DISABLE:
        self->ram[0] |= MODE_DISABLE_KBD;
        break;
    case CMD_KBD_ENABLE:
        self->ram[0] &= (uint8_t)~MODE_DISABLE_KBD;
        break;
    case CMD_READ_INPUT:
        i8042_answer(self, 0x80, false); /* keyboard not locked */
        break;
    case CMD_READ_OUTPUT:
        i8042_answer(self, i8042_read_outport(self), false);
        break;
    case CMD_A20_OFF:
    case CMD_A20_ON:
        i8042_set_a20(self, byte == CMD_A20_ON);
        break;
    case CMD_READ_TEST:
        i8042_answer(self, 0x00, false);
        break;
    case CMD_PULSE ... 0xff:
        if (!(byte & OUT_NOT_RESET)) {
            emu_machine_request_reset(emu_device_get_machine((EmuDevice *)self), EMU_SHUTDOWN_CAUSE_GUEST_RESET);
        }
        break;
    default:
        emu_guest_error("i8042: unknown command 0x%02x", byte);
        break;
    }
    i8042_fill(self);
}

/* ---- port 0x60 -------------------------------------------------------------------------------------------------- */

static void
i8042_write_data(I8042 *self, uint8_t byte)
{
    uint8_t command = self->command;

    self->command = 0;
    self->status &= (uint8_t)~STATUS_COMMAND;
    switch (command) {
    case 0:
        self->ram[0] &= (uint8_t)~MODE_DISABLE_KBD; /* sending starts the keyboard's clock */
        ps2_kbd_write(&self->kbd, byte);
        break;
    case CMD_WRITE_RAM:
        self->ram[0] = byte;
        self->status = (uint8_t)((self->status & ~STATUS_SYSTEM) | (byte & MODE_SYSTEM ? STATUS_SYSTEM : 0));
        break;
    case CMD_WRITE_OUTPUT:
        i8042_write_outport(self, byte);
        break;
    case CMD_WRITE_KBD_BUFFER:
        i8042_answer(self, byte, false);
        break;
    case CMD_WRITE_AUX_BUFFER:
        i8042_answer(self, byte, true);
        break;
    case CMD_WRITE_AUX:
        self->ram[0] &= (uint8_t)~MODE_DISABLE_AUX;
        ps2_mouse_write(&self->mouse, byte);
        break;
    default:
        if (command > CMD_WRITE_RAM && command < CMD_WRITE_RAM + I8042_RAM) {
            self->ram[command - CMD_WRITE_RAM] = byte;
        }
        break;
    }
    i8042_fill(self);
}

static uint8_t
i8042_read_data(I8042 *self)
{
    uint8_t byte = self->data;

    if (self->status & STATUS_OBF) {
        self->status &= (uint8_t) ~(STATUS_OBF | STATUS_AUX_OBF);
        i8042_update_irqs(self); /* down, so that the next byte is an edge */
        if (self->has_aux) {
            ps2_mouse_continue(&self->mouse);
        }
        i8042_fill(self);
    }
    return byte;
}

static uint64_t
i8042_data_read(gpointer opaque, uint64_t offset, unsigned size)
{
    uint8_t byte = i8042_read_data(opaque);

    EMU_TRACE(i8042_read, "data 0x%02x", byte);
    return byte;
}

static void
i8042_data_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    EMU_TRACE(i8042_write, "data 0x%02x", (uint8_t)value);
    i8042_write_data(opaque, (uint8_t)value);
}

static uint64_t
i8042_status_read(gpointer opaque, uint64_t offset, unsigned size)
{
    return ((I8042 *)opaque)->status;
}

static void
i8042_command_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    EMU_TRACE(i8042_write, "command 0x%02x", (uint8_t)value);
    i8042_write_command(opaque, (uint8_t)value);
}

static const EmuMemoryRegionOps i8042_data_ops = {
    .read = i8042_data_read,
    .write = i8042_data_write,
    .valid_min = 1,
    .valid_max = 1,
};

static const EmuMemoryRegionOps i8042_command_ops = {
    .read = i8042_status_read,
    .write = i8042_command_write,
    .valid_min = 1,
    .valid_max = 1,
};

/* ---- life cycle ---------------------------------------------------------------------------------------------------- */

static bool
i8042_realize(EmuDevice *dev, GError **error)
{
    I8042 *self = (I8042 *)dev;
    EmuIsaDevice *isa = (EmuIsaDevice *)dev;
    EmuMachine *machine = emu_device_get_machine(dev);

    emu_device_add_lines_out(dev, "kbd-irq", 1, &self->kbd_irq);
    emu_device_add_lines_out(dev, "mouse-irq", 1, &self->aux_irq);
    emu_device_add_lines_out(dev, "a20", 1, &self->a20);
    if (!emu_isa_device_connect_irq(isa, self->kbd_irq, self->kbd_irq_number, error) ||
        (self->has_aux && !emu_isa_device_connect_irq(isa, self->aux_irq, self->aux_irq_number, error))) {
        return false;
    }
    ps2_kbd_init(&self->kbd, machine, i8042_notify_cb, self);
    if (self->has_aux) {
        ps2_mouse_init(&self->mouse, machine, i8042_notify_cb, self);
    }
    emu_isa_device_map_io(isa, emu_memory_region_new_io(self, "i8042-data", 1, &i8042_data_ops, self), 0x60);
    emu_isa_device_map_io(isa, emu_memory_region_new_io(self, "i8042-command", 1, &i8042_command_ops, self), 0x64);
    return true;
}

static void
i8042_unrealize(EmuDevice *dev)
{
    I8042 *self = (I8042 *)dev;

    ps2_kbd_finish(&self->kbd);
    ps2_mouse_finish(&self->mouse);
}

static void
i8042_reset_enter(EmuDevice *dev)
{
    I8042 *self = (I8042 *)dev;

    ps2_kbd_reset(&self->kbd);
    ps2_mouse_reset(&self->mouse);
    self->status = STATUS_COMMAND | STATUS_UNLOCKED;
    self->data = 0;
    self->command = 0;
    self->outport = OUT_NOT_RESET | OUT_A20 | OUT_ONES;
    for (unsigned i = 0; i < I8042_RAM; i++) {
        self->ram[i] = 0;
    }
    self->ram[0] = MODE_KBD_INT | (self->has_aux ? MODE_AUX_INT : 0);
    self->answer_count = 0;
    self->answer_from_aux = 0;
    self->break_prefix = false;
}

static void
i8042_reset_hold(EmuDevice *dev)
{
    I8042 *self = (I8042 *)dev;

    i8042_update_irqs(self);
    emu_line_set(self->a20, 1); /* the CPUs come out of reset with the gate open */
}

static bool
i8042_post_load(gpointer opaque, unsigned version, GError **error)
{
    I8042 *self = opaque;

    if (self->answer_count > I8042_ANSWERS) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "i8042: %u saved answers, expected at most %d", self->answer_count, I8042_ANSWERS);
        return false;
    }
    return true;
}

static const EmuVMField i8042_fields[] = {
    EMU_VM_STRUCT(I8042, kbd, &ps2_kbd_vmstate),
    EMU_VM_STRUCT(I8042, mouse, &ps2_mouse_vmstate),
    EMU_VM_U8(I8042, status),
    EMU_VM_U8(I8042, data),
    EMU_VM_U8(I8042, command),
    EMU_VM_U8(I8042, outport),
    EMU_VM_U8_ARRAY(I8042, ram),
    EMU_VM_U8_ARRAY(I8042, answers),
    EMU_VM_U8(I8042, answer_from_aux),
    EMU_VM_U8(I8042, answer_count),
    EMU_VM_BOOL(I8042, break_prefix),
    EMU_VM_END,
};
static const EmuVMState i8042_vmstate = {
    .name = "i8042",
    .version = 1,
    .minimum_version = 1,
    .fields = i8042_fields,
    .post_load = i8042_post_load,
};

static const EmuProperty i8042_properties[] = {
    EMU_PROP_UINT32_RANGE("kbd-irq", I8042, kbd_irq_number, 1, 0, 15, "ISA interrupt request of the keyboard"),
    EMU_PROP_UINT32_RANGE("mouse-irq", I8042, aux_irq_number, 12, 0, 15, "ISA interrupt request of the mouse"),
    EMU_PROP_BOOL("aux", I8042, has_aux, true, "the mouse port of a PS/2; off: the controller of a PC/AT"),
    EMU_PROP_BOOL("typematic", I8042, kbd.typematic, false, "the keyboard repeats keys that are held; off: the viewer does"),
};

static void
i8042_class_init(gpointer klass, gconstpointer class_data)
{
    EmuDeviceClass *dc = klass;

    dc->realize = i8042_realize;
    dc->unrealize = i8042_unrealize;
    dc->reset_enter = i8042_reset_enter;
    dc->reset_hold = i8042_reset_hold;
    dc->vmstate = &i8042_vmstate;
    dc->category = "input";
    dc->model_name = "8042";
    dc->user_creatable = true;
    emu_object_class_add_properties(klass, i8042_properties, G_N_ELEMENTS(i8042_properties));
}

const EmuTypeInfo i8042_type_info = {
    .name = "i8042",
    .parent = "isa-device",
    .instance_size = sizeof(I8042),
    .class_init = i8042_class_init,
    .description = "8042 keyboard controller with PS/2 keyboard and mouse",
};
