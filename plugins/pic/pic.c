/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Intel 8259A interrupt controller (order number 231468-003), with the edge/level control register
 * (ELCR) that the PIIX chips add. A PC has two: the master's INT drives the CPU, the slave's INT
 * drives the master's input 2.
 *
 *        IR0..IR7 --> IRR --(not in IMR)--> priority resolver --> INT
 *                                             ^
 *                                             ISR (in service, until EOI)
 *
 * A master acknowledges for both: its link property "slave" names the other chip.
 * Left out: the 8080/8085 CALL sequence and buffered mode, which no PC uses.
 */

#include "pic.h"

#include <emu/info.h>
#include <emu/log.h>

#define PIC_CASCADE_INPUT 2
#define PIC_SPURIOUS_INPUT 7

#define PIC_ICW1_IC4 0x01
#define PIC_ICW1_SNGL 0x02
#define PIC_ICW1_LTIM 0x08
#define PIC_ICW1_INIT 0x10
#define PIC_ICW4_AEOI 0x02
#define PIC_ICW4_SFNM 0x10
#define PIC_OCW3_RIS 0x01
#define PIC_OCW3_RR 0x02
#define PIC_OCW3_POLL 0x04
#define PIC_OCW3_SELECT 0x08
#define PIC_OCW3_SMM 0x20
#define PIC_OCW3_ESMM 0x40

enum { PIC_INIT_DONE, PIC_INIT_ICW2, PIC_INIT_ICW3, PIC_INIT_ICW4 };

EMU_TRACE_DEFINE(pic_set_input)
EMU_TRACE_DEFINE(pic_write)
EMU_TRACE_DEFINE(pic_acknowledge)

/* For a chip whose registers are elsewhere: makes them current, and takes changes back. */
static void
pic_fetch(Pic *self)
{
    PicClass *klass = (PicClass *)G_OBJECT_GET_CLASS(self);

    if (klass->fetch) {
        klass->fetch(self);
    }
}

static void
pic_store(Pic *self)
{
    PicClass *klass = (PicClass *)G_OBJECT_GET_CLASS(self);

    if (klass->store) {
        klass->store(self);
    }
}

static uint8_t
pic_level_mask(Pic *self)
{
    return self->level_triggered ? 0xff : self->elcr;
}

/* Priority (0 highest) of the most urgent bit of @mask; PIC_N_INPUTS when there is none. */
static unsigned
pic_get_priority(Pic *self, uint8_t mask)
{
    unsigned priority = 0;

    while (priority < PIC_N_INPUTS && !(mask & (1u << ((priority + self->priority_add) & 7)))) {
        priority++;
    }
    return priority;
}

/* The input to be serviced now, or -1. */
static int
pic_get_input(Pic *self)
{
    unsigned wanted = pic_get_priority(self, self->irr & ~self->imr), input = (wanted + self->priority_add) & 7, serviced;
    uint8_t in_service = self->isr;

    if (wanted == PIC_N_INPUTS) {
        return -1;
    }
    if (self->special_mask) {
        in_service &= ~self->imr;
    }
    serviced = pic_get_priority(self, in_service);
    /* Special fully nested mode: a slave that is being serviced may ask again. */
    if (wanted == serviced && self->special_fully_nested && self->master && input == PIC_CASCADE_INPUT) {
        return (int)input;
    }
    return wanted < serviced ? (int)input : -1;
}

static void
pic_update(Pic *self)
{
    if (((PicClass *)G_OBJECT_GET_CLASS(self))->set_input) {
        return; /* its other half drives the CPU */
    }
    emu_line_set(self->int_out, pic_get_input(self) >= 0);
}

static void
pic_set_input(gpointer opaque, unsigned index, int level)
{
    Pic *self = opaque;
    uint8_t bit = 1u << index;

    EMU_TRACE(pic_set_input, "%s input %u level %d", self->master ? "master" : "slave", index, level);
    if (((PicClass *)G_OBJECT_GET_CLASS(self))->set_input) {
        self->counts[index] += level && !(self->levels & bit);
        self->levels = level ? self->levels | bit : self->levels & ~bit;
        ((PicClass *)G_OBJECT_GET_CLASS(self))->set_input(self, index, level);
        return;
    }
    if (pic_level_mask(self) & bit) {
        self->irr = level ? self->irr | bit : self->irr & ~bit;
    } else if (level && !(self->levels & bit)) {
        self->irr |= bit;
    }
    self->counts[index] += level && !(self->levels & bit);
    self->levels = level ? self->levels | bit : self->levels & ~bit;
    pic_update(self);
}

/* Inputs that are level triggered follow their pins. */
static void
pic_follow_levels(Pic *self)
{
    uint8_t level_mask = pic_level_mask(self);

    self->irr = (self->irr & ~level_mask) | (self->levels & level_mask);
}

static void
pic_service(Pic *self, unsigned input)
{
    uint8_t bit = 1u << input;

    if (!self->auto_eoi) {
        self->isr |= bit;
    } else if (self->rotate_on_auto_eoi) {
        self->priority_add = (input + 1) & 7;
    }
    if (!(pic_level_mask(self) & bit)) {
        self->irr &= ~bit;
    }
    /* INT falls during the acknowledge cycle: the master's edge detector must see the next request. */
    emu_line_set(self->int_out, 0);
}

static uint8_t
pic_acknowledge(EmuInterruptAck *iface)
{
    Pic *self = (Pic *)iface;
    Pic *slave = (Pic *)self->slave;
    int input = pic_get_input(self);
    uint8_t vector;

    if (input < 0) {
        vector = self->vector_base + PIC_SPURIOUS_INPUT;
    } else {
        pic_service(self, input);
        if (input == PIC_CASCADE_INPUT && slave && !self->single) {
            int slave_input = pic_get_input(slave);

            if (slave_input >= 0) {
                pic_service(slave, slave_input);
                vector = slave->vector_base + slave_input;
            } else {
                vector = slave->vector_base + PIC_SPURIOUS_INPUT;
            }
            pic_update(slave);
        } else {
            vector = self->vector_base + input;
        }
    }
    pic_update(self);
    EMU_TRACE(pic_acknowledge, "input %d vector 0x%02x", input, vector);
    return vector;
}

/* What ICW1 clears (8259A, "Initialization Command Words"); ELCR and the pins stay. */
static void
pic_start_init(Pic *self)
{
    self->irr = 0;
    self->imr = 0;
    self->isr = 0;
    self->priority_add = 0;
    self->init_state = PIC_INIT_ICW2;
    self->init_wants_icw4 = false;
    self->single = false;
    self->level_triggered = false;
    self->read_isr = false;
    self->poll = false;
    self->special_mask = false;
    self->auto_eoi = false;
    self->rotate_on_auto_eoi = false;
    self->special_fully_nested = false;
}

static void
pic_write_ocw2(Pic *self, uint8_t value)
{
    unsigned input = value & 7;
    bool rotate = value & 0x80;
    bool specific = value & 0x40;
    bool eoi = value & 0x20;

    if (!eoi && !specific) {
        self->rotate_on_auto_eoi = rotate;
        return;
    }
    if (eoi && !specific) {
        unsigned priority = pic_get_priority(self, self->special_mask ? self->isr & ~self->imr : self->isr);

        if (priority == PIC_N_INPUTS) {
            return;
        }
        input = (priority + self->priority_add) & 7;
    }
    if (eoi) {
        self->isr &= ~(1u << input);
    }
    if (rotate) {
        self->priority_add = (input + 1) & 7;
    }
    pic_update(self);
}

static void
pic_write_command(Pic *self, uint8_t value)
{
    if (value & PIC_ICW1_INIT) {
        pic_start_init(self);
        self->init_wants_icw4 = value & PIC_ICW1_IC4;
        self->single = value & PIC_ICW1_SNGL;
        self->level_triggered = value & PIC_ICW1_LTIM;
        pic_follow_levels(self);
        pic_update(self);
    } else if (value & PIC_OCW3_SELECT) {
        if (value & PIC_OCW3_POLL) {
            self->poll = true;
        }
        if (value & PIC_OCW3_RR) {
            self->read_isr = value & PIC_OCW3_RIS;
        }
        if (value & PIC_OCW3_ESMM) {
            self->special_mask = value & PIC_OCW3_SMM;
            pic_update(self);
        }
    } else {
        pic_write_ocw2(self, value);
    }
}

static void
pic_write_data(Pic *self, uint8_t value)
{
    switch (self->init_state) {
    case PIC_INIT_ICW2:
        self->vector_base = value & 0xf8;
        self->init_state = !self->single ? PIC_INIT_ICW3 : self->init_wants_icw4 ? PIC_INIT_ICW4 : PIC_INIT_DONE;
        break;
    case PIC_INIT_ICW3: /* the wiring of a PC is fixed */
        self->init_state = self->init_wants_icw4 ? PIC_INIT_ICW4 : PIC_INIT_DONE;
        break;
    case PIC_INIT_ICW4:
        self->special_fully_nested = value & PIC_ICW4_SFNM;
        self->auto_eoi = value & PIC_ICW4_AEOI;
        self->init_state = PIC_INIT_DONE;
        break;
    default:
        self->imr = value;
        pic_update(self);
        break;
    }
}

static void
pic_io_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    Pic *self = opaque;

    EMU_TRACE(pic_write, "port 0x%x value 0x%02x", self->iobase + (unsigned)offset, (unsigned)value);
    pic_fetch(self);
    if (offset == 0) {
        pic_write_command(self, value);
    } else {
        pic_write_data(self, value);
    }
    pic_store(self);
}

static uint64_t
pic_io_read(gpointer opaque, uint64_t offset, unsigned size G_GNUC_UNUSED)
{
    Pic *self = opaque;

    pic_fetch(self);
    /* The read after a poll command acknowledges, like INTA. */
    if (self->poll) {
        int input = pic_get_input(self);

        self->poll = false;
        if (input >= 0) {
            pic_service(self, input);
            pic_update(self);
        }
        pic_store(self);
        return input < 0 ? 0 : 0x80 | input;
    }
    if (offset == 0) {
        return self->read_isr ? self->isr : self->irr;
    }
    return self->imr;
}

static uint64_t
pic_elcr_read(gpointer opaque, uint64_t offset G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    Pic *self = opaque;

    pic_fetch(self);
    return self->elcr;
}

static void
pic_elcr_write(gpointer opaque, uint64_t offset G_GNUC_UNUSED, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    Pic *self = opaque;

    pic_fetch(self);
    self->elcr = value & self->elcr_mask;
    pic_follow_levels(self);
    pic_update(self);
    pic_store(self);
}

static const EmuMemoryRegionOps pic_io_ops = {
    .read = pic_io_read,
    .write = pic_io_write,
    .impl_min = 1,
    .impl_max = 1,
};

static const EmuMemoryRegionOps pic_elcr_ops = {
    .read = pic_elcr_read,
    .write = pic_elcr_write,
    .impl_min = 1,
    .impl_max = 1,
};

static bool
pic_realize(EmuDevice *dev, GError **error)
{
    Pic *self = (Pic *)dev;

    if (self->iobase > 0xfffe) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "isa-i8259: iobase is 0x%x, expected 0 to 0xfffe",
                    self->iobase);
        return false;
    }
    emu_isa_device_map_io(&self->parent, emu_memory_region_new_io(self, "pic", 2, &pic_io_ops, self), self->iobase);
    if (self->elcr_addr != UINT32_MAX) {
        emu_isa_device_map_io(&self->parent, emu_memory_region_new_io(self, "elcr", 1, &pic_elcr_ops, self),
                              self->elcr_addr);
    }
    return true;
}

static void
pic_reset_enter(EmuDevice *dev)
{
    Pic *self = (Pic *)dev;

    pic_start_init(self);
    self->init_state = PIC_INIT_DONE;
    self->elcr = 0;
    self->vector_base = 0;
}

static void
pic_reset_hold(EmuDevice *dev)
{
    Pic *self = (Pic *)dev;

    emu_line_set(self->int_out, 0);
    pic_store(self);
}

static void
pic_pre_save(gpointer opaque)
{
    pic_fetch(opaque);
}

static bool
pic_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error)
{
    Pic *self = opaque;

    if (self->priority_add > 7 || self->init_state > PIC_INIT_ICW4) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "isa-i8259: saved priority_add %u or init_state %u out of range", self->priority_add,
                    self->init_state);
        return false;
    }
    pic_store(self);
    /* INT may have been inside the host's kernel where this was saved. */
    pic_update(self);
    return true;
}

static const EmuVMField pic_vmstate_fields[] = {
    EMU_VM_U8(Pic, levels),
    EMU_VM_U8(Pic, irr),
    EMU_VM_U8(Pic, imr),
    EMU_VM_U8(Pic, isr),
    EMU_VM_U8(Pic, elcr),
    EMU_VM_U8(Pic, priority_add),
    EMU_VM_U8(Pic, vector_base),
    EMU_VM_U8(Pic, init_state),
    EMU_VM_BOOL(Pic, init_wants_icw4),
    EMU_VM_BOOL(Pic, single),
    EMU_VM_BOOL(Pic, level_triggered),
    EMU_VM_BOOL(Pic, read_isr),
    EMU_VM_BOOL(Pic, poll),
    EMU_VM_BOOL(Pic, special_mask),
    EMU_VM_BOOL(Pic, auto_eoi),
    EMU_VM_BOOL(Pic, rotate_on_auto_eoi),
    EMU_VM_BOOL(Pic, special_fully_nested),
    EMU_VM_END,
};

static const EmuVMState pic_vmstate = {
    .name = "isa-i8259",
    .version = 1,
    .minimum_version = 1,
    .fields = pic_vmstate_fields,
    .pre_save = pic_pre_save,
    .post_load = pic_post_load,
};

static const EmuProperty pic_properties[] = {
    EMU_PROP_UINT32("iobase", Pic, iobase, 0x20, "first of the two I/O ports"),
    EMU_PROP_UINT32("elcr_addr", Pic, elcr_addr, UINT32_MAX, "port of the edge/level control register; 0xffffffff: none"),
    EMU_PROP_UINT8("elcr_mask", Pic, elcr_mask, 0, "inputs whose trigger mode can be chosen"),
    EMU_PROP_BOOL("master", Pic, master, false, "whether INT goes to the CPU"),
    EMU_PROP_LINK("slave", Pic, slave, "isa-i8259", "the chip behind input 2"),
};

static void
pic_instance_init(gpointer obj)
{
    Pic *self = obj;

    emu_device_add_lines_in(EMU_DEVICE(self), NULL, PIC_N_INPUTS, pic_set_input);
    emu_device_add_lines_out(EMU_DEVICE(self), NULL, 1, &self->int_out);
}

static void
pic_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;

    device_class->realize = pic_realize;
    device_class->reset_enter = pic_reset_enter;
    device_class->reset_hold = pic_reset_hold;
    device_class->vmstate = &pic_vmstate;
    device_class->category = "misc";
    device_class->model_name = "8259A interrupt controller";
    device_class->user_creatable = false;
    emu_object_class_add_properties(klass, pic_properties, G_N_ELEMENTS(pic_properties));
}

static void
pic_interrupt_ack_init(gpointer iface, gpointer data G_GNUC_UNUSED)
{
    ((EmuInterruptAckInterface *)iface)->acknowledge = pic_acknowledge;
}

static char *
pic_describe(EmuInfoProvider *provider, const char *topic)
{
    Pic *self = (Pic *)provider;
    GString *out;

    if (g_str_equal(topic, "pic")) {
        pic_fetch(self);
        return g_strdup_printf("pic%d: irr=%02x imr=%02x isr=%02x hprio=%d irq_base=%02x rr_sel=%d elcr=%02x fnm=%d\n", !self->master, self->irr,
                               self->imr, self->isr, self->priority_add, self->vector_base, self->read_isr, self->elcr,
                               self->special_fully_nested);
    }
    if (!g_str_equal(topic, "irq")) {
        return NULL;
    }
    out = g_string_new(NULL);
    g_string_append_printf(out, "IRQ statistics for isa-i8259 (%s):\n", self->master ? "master" : "slave");
    for (unsigned i = 0; i < PIC_N_INPUTS; i++) {
        if (self->counts[i]) {
            g_string_append_printf(out, "%2u: %" G_GUINT64_FORMAT "\n", i + (self->master ? 0 : PIC_N_INPUTS), self->counts[i]);
        }
    }
    return g_string_free(out, FALSE);
}

static void
pic_info_provider_init(gpointer iface, gpointer data G_GNUC_UNUSED)
{
    ((EmuInfoProviderInterface *)iface)->describe = pic_describe;
}

static const EmuInterfaceImpl pic_interfaces[] = {
    {"interrupt-ack", pic_interrupt_ack_init},
    {"info-provider", pic_info_provider_init},
    {NULL, NULL},
};

const EmuTypeInfo pic_type_info = {
    .name = "isa-i8259",
    .parent = "isa-device",
    .instance_size = sizeof(Pic),
    .class_size = sizeof(PicClass),
    .instance_init = pic_instance_init,
    .class_init = pic_class_init,
    .interfaces = pic_interfaces,
    .description = "8259A interrupt controller",
};
