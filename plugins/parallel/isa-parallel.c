/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The PC's printer port with a printer that is always there.  A byte is taken at the rising edge of
 * STROBE (bit 0 of control; the pin is inverted); the printer is then busy for a moment and ends with a
 * pulse on nACK, whose rising edge is the interrupt:
 *
 *   STROBE  __|~~~~|__________________
 *   BUSY    __|~~~~~~~~~|_____________   status bit 7 is nBUSY
 *   nACK    ~~~~~~~~~~~~|___|~~~~~~~~~
 *              ^ data        ^ interrupt
 */

#include "isa-parallel.h"

#include <emu/chardev.h>
#include <emu/isa.h>
#include <emu/machine.h>
#include <emu/registers.h>

#define PARALLEL_STATUS_NOT_BUSY 0x80
#define PARALLEL_STATUS_NOT_ACK 0x40
#define PARALLEL_STATUS_SELECTED 0x10
#define PARALLEL_STATUS_NOT_ERROR 0x08
#define PARALLEL_STATUS_UNUSED 0x07

#define PARALLEL_CONTROL_STROBE 0x01
#define PARALLEL_CONTROL_NOT_INIT 0x04
#define PARALLEL_CONTROL_IRQ_ENABLE 0x10
#define PARALLEL_CONTROL_INPUT 0x20
#define PARALLEL_CONTROL_WRITABLE 0x3f
#define PARALLEL_CONTROL_UNUSED 0xc0
#define PARALLEL_CONTROL_RESET 0x0c /* selected, initialized */

#define PARALLEL_BUSY_NS INT64_C(1000)
#define PARALLEL_ACK_NS INT64_C(1000)
#define PARALLEL_MAX 3
#define PARALLEL_UNSET UINT32_MAX

typedef struct {
    EmuIsaDevice parent_instance;

    uint32_t index;
    uint32_t iobase;
    uint32_t irq_number;
    EmuObject *chardev;

    EmuLine *irq;
    EmuCharFrontend *frontend;
    EmuTimer *timer;

    uint8_t data;
    uint8_t control;
    bool busy;
    bool ack; /* nACK is low */
} Parallel;

static int64_t
parallel_now(Parallel *self)
{
    return emu_clock_get_ns(emu_device_get_clock((EmuDevice *)self, EMU_CLOCK_VIRTUAL));
}

static void
parallel_timer_cb(gpointer opaque)
{
    Parallel *self = opaque;

    if (self->busy) {
        self->busy = false;
        self->ack = true;
        emu_timer_set(self->timer, parallel_now(self) + PARALLEL_ACK_NS);
    } else {
        self->ack = false;
        if (self->control & PARALLEL_CONTROL_IRQ_ENABLE) {
            emu_line_pulse(self->irq);
        }
    }
}

static uint64_t
parallel_read_data(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    Parallel *self = opaque;

    return self->control & PARALLEL_CONTROL_INPUT ? 0xff : self->data;
}

static uint64_t
parallel_read_status(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    Parallel *self = opaque;

    return PARALLEL_STATUS_SELECTED | PARALLEL_STATUS_NOT_ERROR | PARALLEL_STATUS_UNUSED | (self->busy ? 0 : PARALLEL_STATUS_NOT_BUSY) |
           (self->ack ? 0 : PARALLEL_STATUS_NOT_ACK);
}

static uint64_t
parallel_read_control(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    return ((Parallel *)opaque)->control | PARALLEL_CONTROL_UNUSED;
}

static void
parallel_write_control(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old)
{
    Parallel *self = opaque;

    if (!(value & PARALLEL_CONTROL_NOT_INIT)) {
        /* The printer is held in reset. */
        self->busy = self->ack = false;
        emu_timer_cancel(self->timer);
    } else if (value & ~old & PARALLEL_CONTROL_STROBE && !self->busy) {
        emu_char_frontend_write(self->frontend, &self->data, 1);
        self->busy = true;
        self->ack = false;
        emu_timer_set(self->timer, parallel_now(self) + PARALLEL_BUSY_NS);
    }
}

static const EmuRegister parallel_registers[] = {
    EMU_REG8(Parallel, data, "DATA", 0, EMU_RW, 0, .read = parallel_read_data, .blurb = "the eight data pins"),
    EMU_REG_CALL("STATUS", 1, 1, EMU_RO, .read = parallel_read_status, .blurb = "what the printer says",
                 .fields = EMU_REG_FIELDS({"nERROR", 3, 1}, {"SELECTED", 4, 1}, {"PAPER_OUT", 5, 1}, {"nACK", 6, 1}, {"nBUSY", 7, 1})),
    EMU_REG8(Parallel, control, "CONTROL", 2, EMU_RW, PARALLEL_CONTROL_RESET, .writable = PARALLEL_CONTROL_WRITABLE,
             .read = parallel_read_control, .write = parallel_write_control,
             .fields = EMU_REG_FIELDS({"STROBE", 0, 1, .blurb = "a rising edge takes the data"}, {"AUTO_FEED", 1, 1},
                                      {"nINIT", 2, 1, .blurb = "0 holds the printer in reset"}, {"SELECT", 3, 1},
                                      {"IRQ_ENABLE", 4, 1}, {"INPUT", 5, 1, .blurb = "the data pins are inputs"})),
};
EMU_REGISTER_BANK(parallel_bank, "parallel", 3, parallel_registers, .valid_min = 1, .valid_max = 4, .valid_unaligned = true, .hole = 0xff)

static unsigned
parallel_free_index(Parallel *self)
{
    EmuIsaBus *bus = emu_isa_device_get_bus((EmuIsaDevice *)self);
    GPtrArray *siblings = bus ? emu_bus_get_devices((EmuBus *)bus) : NULL;
    unsigned used = 0, index = 0;

    for (guint i = 0; siblings && i < siblings->len; i++) {
        gpointer dev = siblings->pdata[i];
        if (dev != (gpointer)self && G_OBJECT_TYPE(dev) == G_OBJECT_TYPE(self)) {
            uint32_t other = ((Parallel *)dev)->index;
            used |= other < PARALLEL_MAX ? 1u << other : 0;
        }
    }
    while (used >> index & 1) {
        index++;
    }
    return index;
}

static bool
parallel_realize(EmuDevice *dev, GError **error)
{
    static const uint16_t iobase[PARALLEL_MAX] = {0x378, 0x278, 0x3bc};
    static const EmuChardevHandlers handlers = {0};
    Parallel *self = (Parallel *)dev;

    if (self->index == PARALLEL_UNSET) {
        self->index = parallel_free_index(self);
    }
    if (self->index >= PARALLEL_MAX) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "isa-parallel: index is %u, expected 0 to %d: there are only %d ports", self->index,
                    PARALLEL_MAX - 1, PARALLEL_MAX);
        return false;
    }
    if (self->iobase == PARALLEL_UNSET) {
        self->iobase = iobase[self->index];
    }
    if (self->iobase > 0xfffc) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "isa-parallel: iobase is 0x%x, expected at most 0xfffc", self->iobase);
        return false;
    }
    emu_device_add_lines_out(dev, "irq", 1, &self->irq);
    if (!emu_isa_device_connect_irq((EmuIsaDevice *)dev, self->irq, self->irq_number, error)) {
        return false;
    }
    self->frontend = emu_char_frontend_new((EmuChardev *)self->chardev, &handlers, self, error);
    if (!self->frontend) {
        return false;
    }
    self->timer = emu_timer_new(emu_device_get_clock(dev, EMU_CLOCK_VIRTUAL), parallel_timer_cb, self);
    emu_isa_device_map_io((EmuIsaDevice *)dev, emu_registers_new_region(self, &parallel_bank, self), (uint16_t)self->iobase);
    return true;
}

static void
parallel_unrealize(EmuDevice *dev)
{
    Parallel *self = (Parallel *)dev;

    g_clear_pointer(&self->frontend, emu_char_frontend_free);
    g_clear_pointer(&self->timer, emu_timer_free);
}

static void
parallel_reset_enter(EmuDevice *dev)
{
    Parallel *self = (Parallel *)dev;

    self->busy = self->ack = false;
    emu_timer_cancel(self->timer);
}

static void
parallel_reset_hold(EmuDevice *dev)
{
    emu_line_set(((Parallel *)dev)->irq, 0);
}

static const EmuProperty parallel_properties[] = {
    EMU_PROP_UINT32("index", Parallel, index, PARALLEL_UNSET, "port number 0 to 2 (LPT1 to LPT3); default: the next free one"),
    EMU_PROP_UINT32("iobase", Parallel, iobase, PARALLEL_UNSET, "first I/O port; default: of the index"),
    EMU_PROP_UINT32_RANGE("irq", Parallel, irq_number, 7, 0, 15, "ISA interrupt request"),
    EMU_PROP_LINK("chardev", Parallel, chardev, "chardev", "back end: the paper"),
};

static const EmuVMField parallel_fields[] = {
    EMU_VM_U8(Parallel, data),
    EMU_VM_U8(Parallel, control),
    EMU_VM_BOOL(Parallel, busy),
    EMU_VM_BOOL(Parallel, ack),
    EMU_VM_TIMER(Parallel, timer),
    EMU_VM_END,
};
static const EmuVMState parallel_vmstate = {
    .name = "isa-parallel",
    .version = 1,
    .minimum_version = 1,
    .fields = parallel_fields,
};

static void
parallel_class_init(gpointer klass, gconstpointer class_data)
{
    EmuDeviceClass *dc = klass;

    dc->realize = parallel_realize;
    dc->unrealize = parallel_unrealize;
    dc->reset_enter = parallel_reset_enter;
    dc->reset_hold = parallel_reset_hold;
    dc->vmstate = &parallel_vmstate;
    emu_device_class_add_registers(klass, &parallel_bank, 0);
    dc->category = "input";
    dc->user_creatable = true;
    emu_object_class_add_properties(klass, parallel_properties, G_N_ELEMENTS(parallel_properties));
}

const EmuTypeInfo isa_parallel_type_info = {
    .name = "isa-parallel",
    .parent = "isa-device",
    .instance_size = sizeof(Parallel),
    .class_init = parallel_class_init,
    .description = "parallel printer port",
};
