/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The counter has ticks of 0.6 s. When it gets to zero it says so (TIMEOUT, an SMI if one is wanted) and starts over; when it gets
 * there again before a reload, that is the second timeout, which resets the machine unless NO_REBOOT is set.
 *
 * Hardware counts from the moment that power is there, and the board's firmware stops it. Firmware for virtual PCs does not know
 * of it, so the counter here rests until the first access that has to do with it: a reload or a write to TCO1_CNT.
 */

#include "ich9-tco.h"

#define TCO_TICK_NS INT64_C(600000000)
#define TCO_COUNT_MASK 0x3ff
#define TCO_COUNT_MIN 2 /* "0000h or 0001h will be ignored" */
#define TCO_COUNT_RESET 4

#define TCO1_STS_SW_TCO_SMI 0x0002
#define TCO1_STS_TCO_INT 0x0004
#define TCO1_STS_TIMEOUT 0x0008
#define TCO2_STS_SECOND_TO 0x0002
#define TCO1_CNT_TMR_HLT 0x0800
#define TCO1_CNT_LOCK 0x1000

EMU_TRACE_DEFINE(ich9_tco_timeout)

static int64_t
tco_get_now(Ich9Tco *self)
{
    return emu_clock_get_ns(emu_device_get_clock(self->device, EMU_CLOCK_VIRTUAL));
}

static uint16_t
tco_get_count(Ich9Tco *self)
{
    int64_t left;

    if (!emu_timer_is_set(self->timer)) {
        return self->stopped_count;
    }
    left = MAX(emu_timer_expires_ns(self->timer) - tco_get_now(self), 0);
    return (uint16_t)((left + TCO_TICK_NS - 1) / TCO_TICK_NS) & TCO_COUNT_MASK;
}

/* Counts from @count, or keeps it for later. */
static void
tco_run(Ich9Tco *self, uint16_t count)
{
    self->stopped_count = count;
    if (self->started && !(self->control1 & TCO1_CNT_TMR_HLT)) {
        emu_timer_set(self->timer, tco_get_now(self) + count * TCO_TICK_NS);
    } else {
        emu_timer_cancel(self->timer);
    }
}

static void
tco_expired_cb(gpointer opaque)
{
    Ich9Tco *self = opaque;
    bool second = self->warned;

    EMU_TRACE(ich9_tco_timeout, "%s", second ? "second" : "first");
    self->warned = !second;
    self->status1 |= TCO1_STS_TIMEOUT;
    self->raise_smi(self->device);
    if (second) {
        self->status2 |= TCO2_STS_SECOND_TO;
        self->second_timeout(self->device);
    }
    tco_run(self, self->initial);
}

/* ---- registers --------------------------------------------------------------------------------------- */

static uint64_t
tco_read_reload(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    return tco_get_count(opaque);
}

static void
tco_write_reload(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, uint64_t old G_GNUC_UNUSED)
{
    Ich9Tco *self = opaque;

    self->started = true;
    self->warned = false;
    tco_run(self, self->initial);
}

static void
tco_write_data_in(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, uint64_t old G_GNUC_UNUSED)
{
    Ich9Tco *self = opaque;

    self->status1 |= TCO1_STS_SW_TCO_SMI;
    self->raise_smi(self->device);
}

static void
tco_write_data_out(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, uint64_t old G_GNUC_UNUSED)
{
    ((Ich9Tco *)opaque)->status1 |= TCO1_STS_TCO_INT;
}

static void
tco_write_control1(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, uint64_t old)
{
    Ich9Tco *self = opaque;
    uint16_t count = tco_get_count(self);

    self->control1 |= old & TCO1_CNT_LOCK; /* until reset */
    if (!self->started || (old ^ self->control1) & TCO1_CNT_TMR_HLT) {
        self->started = true;
        tco_run(self, count);
    }
}

static void
tco_write_initial(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, uint64_t old)
{
    Ich9Tco *self = opaque;

    if (self->initial < TCO_COUNT_MIN) {
        self->initial = (uint16_t)old;
    }
}

static const EmuRegister tco_registers[] = {
    EMU_REG_CALL("TCO_RLD", 0x00, 2, EMU_RW, .writable = TCO_COUNT_MASK, .reset = TCO_COUNT_RESET, .read = tco_read_reload,
                 .write = tco_write_reload, .blurb = "the counter; any write starts it over",
                 .fields = EMU_REG_FIELDS({"COUNT", 0, 10})),
    EMU_REG8(Ich9Tco, data_in, "TCO_DAT_IN", 0x02, EMU_RW, 0, .write = tco_write_data_in, .blurb = "a word to the SMI handler: causes an SMI"),
    EMU_REG8(Ich9Tco, data_out, "TCO_DAT_OUT", 0x03, EMU_RW, 0, .write = tco_write_data_out, .blurb = "the SMI handler's word"),
    EMU_REG16(Ich9Tco, status1, "TCO1_STS", 0x04, EMU_W1C, 0, .blurb = "status",
              .fields = EMU_REG_FIELDS({"NMI2SMI_STS", 0, 1, EMU_RO}, {"SW_TCO_SMI", 1, 1, .blurb = "TCO_DAT_IN was written"},
                                       {"TCO_INT_STS", 2, 1, .blurb = "TCO_DAT_OUT was written"},
                                       {"TIMEOUT", 3, 1, .blurb = "the counter got to zero"}, {"NEWCENTURY_STS", 7, 1}, {"BIOSWR_STS", 8, 1},
                                       {"DMISCI_STS", 9, 1}, {"DMISMI_STS", 10, 1}, {"DMISERR_STS", 12, 1})),
    EMU_REG16(Ich9Tco, status2, "TCO2_STS", 0x06, EMU_W1C, 0, .flags = EMU_REGISTER_KEEP, .blurb = "status that a reset leaves alone",
              .fields = EMU_REG_FIELDS({"INTRD_DET", 0, 1}, {"SECOND_TO_STS", 1, 1, .blurb = "it got there again without a reload"},
                                       {"BOOT_STS", 2, 1}, {"SMLINK_SLAVE_SMI_STS", 4, 1})),
    EMU_REG16(Ich9Tco, control1, "TCO1_CNT", 0x08, EMU_RW, 0, .write = tco_write_control1, .blurb = "control",
              .fields = EMU_REG_FIELDS({"NMI_NOW", 8, 1, EMU_RO}, {"NMI2SMI_EN", 9, 1}, {"TCO_TMR_HLT", 11, 1, .blurb = "the counter rests"},
                                       {"TCO_LOCK", 12, 1, .blurb = "SMI_EN.TCO_EN cannot be changed until reset"})),
    EMU_REG16(Ich9Tco, control2, "TCO2_CNT", 0x0a, EMU_RW, 0x0008, .blurb = "control",
              .fields = EMU_REG_FIELDS({"INTRD_SEL", 1, 2}, {"GPI11_ALERT_DISABLE", 3, 1}, {"OS_POLICY", 4, 2})),
    EMU_REG_ARRAY(Ich9Tco, messages, "TCO_MESSAGE", 0x0c, 1, 1, EMU_RW, 0, .blurb = "boot progress, for whoever reads it"),
    EMU_REG8(Ich9Tco, watchdog_status, "TCO_WDSTATUS", 0x0e, EMU_RW, 0, .blurb = "the same, in more detail"),
    EMU_REG8(Ich9Tco, irq_gen, "SW_IRQ_GEN", 0x10, EMU_RW, 0x03, .fields = EMU_REG_FIELDS({"IRQ1_CAUSE", 0, 1}, {"IRQ12_CAUSE", 1, 1})),
    EMU_REG16(Ich9Tco, initial, "TCO_TMR", 0x12, EMU_RW, TCO_COUNT_RESET, .write = tco_write_initial,
              .blurb = "where the counter starts, in 0.6 s; 0 and 1 are ignored", .fields = EMU_REG_FIELDS({"COUNT", 0, 10})),
};
EMU_REGISTER_BANK(ich9_tco_bank_, "ich9-tco", ICH9_TCO_SIZE, tco_registers, .blurb = "TCO: watchdog timer")
const EmuRegisterBank *const ich9_tco_bank = &ich9_tco_bank_;

bool
ich9_tco_is_locked(const Ich9Tco *self)
{
    return self->control1 & TCO1_CNT_LOCK;
}

/* ---- life ---------------------------------------------------------------------------------------------- */

void
ich9_tco_init(Ich9Tco *self, EmuDevice *device)
{
    self->device = device;
    self->timer = emu_timer_new(emu_device_get_clock(device, EMU_CLOCK_VIRTUAL), tco_expired_cb, self);
}

void
ich9_tco_finish(Ich9Tco *self)
{
    g_clear_pointer(&self->timer, emu_timer_free);
}

void
ich9_tco_reset(Ich9Tco *self)
{
    self->started = false;
    self->warned = false;
    tco_run(self, TCO_COUNT_RESET);
}

static bool
ich9_tco_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error)
{
    Ich9Tco *self = opaque;

    if (self->initial < TCO_COUNT_MIN || self->initial > TCO_COUNT_MASK || self->stopped_count > TCO_COUNT_MASK) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "ich9-tco: saved counter is %u from %u, expected 0 to %u from %u to %u",
                    self->stopped_count, self->initial, TCO_COUNT_MASK, TCO_COUNT_MIN, TCO_COUNT_MASK);
        return false;
    }
    return true;
}

static const EmuVMField ich9_tco_vmstate_fields[] = {
    EMU_VM_U16(Ich9Tco, status1),
    EMU_VM_U16(Ich9Tco, status2),
    EMU_VM_U16(Ich9Tco, control1),
    EMU_VM_U16(Ich9Tco, control2),
    EMU_VM_U8(Ich9Tco, data_in),
    EMU_VM_U8(Ich9Tco, data_out),
    EMU_VM_BUFFER(Ich9Tco, messages),
    EMU_VM_U8(Ich9Tco, watchdog_status),
    EMU_VM_U8(Ich9Tco, irq_gen),
    EMU_VM_U16(Ich9Tco, initial),
    EMU_VM_TIMER(Ich9Tco, timer),
    EMU_VM_U16(Ich9Tco, stopped_count),
    EMU_VM_BOOL(Ich9Tco, started),
    EMU_VM_BOOL(Ich9Tco, warned),
    EMU_VM_END,
};

const EmuVMState ich9_tco_vmstate = {
    .name = "ich9-tco",
    .version = 1,
    .minimum_version = 1,
    .fields = ich9_tco_vmstate_fields,
    .post_load = ich9_tco_post_load,
};
