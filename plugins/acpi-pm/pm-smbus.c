/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * SMBus host controller of the 82371AB (order number 290562-001, section 7.3). A transaction runs
 * within the write that starts it, so HOST_BUSY is never seen.
 */

#include "pm-smbus.h"

#include <emu/log.h>

#define PM_SMBUS_STATUS_INTR 0x02
#define PM_SMBUS_STATUS_DEV_ERR 0x04
#define PM_SMBUS_STATUS_W1C 0x1e
#define PM_SMBUS_STATUS_ENDED 0x1e
#define PM_SMBUS_CONTROL_INTEREN 0x01
#define PM_SMBUS_CONTROL_KILL 0x02
#define PM_SMBUS_CONTROL_START 0x40

enum { PM_SMBUS_QUICK, PM_SMBUS_BYTE, PM_SMBUS_BYTE_DATA, PM_SMBUS_WORD_DATA, PM_SMBUS_BLOCK = 5 };

static bool
pm_smbus_write_bytes(PmSmbus *self, const uint8_t *bytes, unsigned n)
{
    bool ok = emu_i2c_start(self->bus, self->address >> 1, false) == 0;

    for (unsigned i = 0; ok && i < n; i++) {
        ok = emu_i2c_send(self->bus, bytes[i]) == 0;
    }
    return ok;
}

/* Reads after sending the command, with a repeated start. */
static bool
pm_smbus_start_read(PmSmbus *self)
{
    return pm_smbus_write_bytes(self, &self->command, 1) && emu_i2c_start(self->bus, self->address >> 1, true) == 0;
}

static bool
pm_smbus_transfer(PmSmbus *self)
{
    bool read = self->address & 1;
    unsigned protocol = (self->control >> 2) & 7;
    uint8_t bytes[PM_SMBUS_BLOCK_MAX + 2] = {self->command, self->data0, self->data1};

    switch (protocol) {
    case PM_SMBUS_QUICK:
        return emu_i2c_start(self->bus, self->address >> 1, read) == 0;
    case PM_SMBUS_BYTE:
        if (!read) {
            return pm_smbus_write_bytes(self, bytes, 1);
        }
        if (emu_i2c_start(self->bus, self->address >> 1, true) != 0) {
            return false;
        }
        self->data0 = emu_i2c_recv(self->bus);
        emu_i2c_nack(self->bus);
        return true;
    case PM_SMBUS_BYTE_DATA:
    case PM_SMBUS_WORD_DATA:
        if (!read) {
            return pm_smbus_write_bytes(self, bytes, protocol == PM_SMBUS_WORD_DATA ? 3 : 2);
        }
        if (!pm_smbus_start_read(self)) {
            return false;
        }
        self->data0 = emu_i2c_recv(self->bus);
        if (protocol == PM_SMBUS_WORD_DATA) {
            self->data1 = emu_i2c_recv(self->bus);
        }
        emu_i2c_nack(self->bus);
        return true;
    case PM_SMBUS_BLOCK:
        if (!read) {
            unsigned n = MIN(self->data0, PM_SMBUS_BLOCK_MAX);

            for (unsigned i = 0; i < n; i++) {
                bytes[2 + i] = self->block[i];
            }
            return pm_smbus_write_bytes(self, bytes, n + 2);
        }
        if (!pm_smbus_start_read(self)) {
            return false;
        }
        self->data0 = emu_i2c_recv(self->bus);
        self->data0 = MIN(self->data0, PM_SMBUS_BLOCK_MAX);
        for (unsigned i = 0; i < self->data0; i++) {
            self->block[i] = emu_i2c_recv(self->bus);
        }
        emu_i2c_nack(self->bus);
        return true;
    default:
        emu_guest_error("smbus: protocol %u is reserved", protocol);
        return false;
    }
}

static void
pm_smbus_update_irq(PmSmbus *self)
{
    if (self->set_irq) {
        self->set_irq(self->irq_opaque, self->control & PM_SMBUS_CONTROL_INTEREN && self->status & PM_SMBUS_STATUS_ENDED);
    }
}

static void
pm_smbus_write_status(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, uint64_t old G_GNUC_UNUSED)
{
    ((PmSmbus *)opaque)->block_index = 0;
    pm_smbus_update_irq(opaque);
}

static void
pm_smbus_write_control(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    PmSmbus *self = opaque;

    if (value & PM_SMBUS_CONTROL_START) {
        bool ok = pm_smbus_transfer(self);

        emu_i2c_end(self->bus);
        self->block_index = 0;
        self->status |= ok ? PM_SMBUS_STATUS_INTR : PM_SMBUS_STATUS_DEV_ERR;
    }
    pm_smbus_update_irq(self);
}

/* Reading it sets the block pointer back. */
static uint64_t
pm_smbus_read_control(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    PmSmbus *self = opaque;

    self->block_index = 0;
    return self->control;
}

static uint64_t
pm_smbus_peek_control(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    return ((PmSmbus *)opaque)->control;
}

static void
pm_smbus_write_block(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    PmSmbus *self = opaque;

    self->block[self->block_index] = (uint8_t)value;
    self->block_index = (self->block_index + 1) % PM_SMBUS_BLOCK_MAX;
}

static uint64_t
pm_smbus_read_block(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    PmSmbus *self = opaque;
    uint8_t value = self->block[self->block_index];

    self->block_index = (self->block_index + 1) % PM_SMBUS_BLOCK_MAX;
    return value;
}

static uint64_t
pm_smbus_peek_block(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    PmSmbus *self = opaque;

    return self->block[self->block_index];
}

static const EmuRegister pm_smbus_registers[] = {
    EMU_REG8(PmSmbus, status, "SMBHSTSTS", 0, EMU_W1C, 0, .writable = PM_SMBUS_STATUS_W1C, .write = pm_smbus_write_status, .blurb = "host status",
             .fields = EMU_REG_FIELDS({"HOST_BUSY", 0, 1, EMU_RO}, {"INTER", 1, 1, .blurb = "the transaction has ended"},
                                      {"DEV_ERR", 2, 1, .blurb = "nobody answered, or a reserved protocol"}, {"BUS_ERR", 3, 1}, {"FAILED", 4, 1})),
    EMU_REG8(PmSmbus, control, "SMBHSTCNT", 2, EMU_RW, 0, .writable = 0xff, .read = pm_smbus_read_control, .peek = pm_smbus_peek_control,
             .write = pm_smbus_write_control, .blurb = "host control; a read sets the block pointer back",
             .fields = EMU_REG_FIELDS({"INTEREN", 0, 1}, {"KILL", 1, 1, EMU_WO}, {"SMB_CMD_PROT", 2, 3}, {"START", 6, 1, EMU_WO})),
    EMU_REG8(PmSmbus, command, "SMBHSTCMD", 3, EMU_RW, 0, .blurb = "command byte"),
    EMU_REG8(PmSmbus, address, "SMBHSTADD", 4, EMU_RW, 0, .writable = 0xff,
             .fields = EMU_REG_FIELDS({"READ", 0, 1}, {"ADDRESS", 1, 7})),
    EMU_REG8(PmSmbus, data0, "SMBHSTDAT0", 5, EMU_RW, 0, .blurb = "first data byte, or the length of a block"),
    EMU_REG8(PmSmbus, data1, "SMBHSTDAT1", 6, EMU_RW, 0, .blurb = "second data byte"),
    EMU_REG_CALL("SMBBLKDAT", 7, 1, EMU_RW, .read = pm_smbus_read_block, .peek = pm_smbus_peek_block, .write = pm_smbus_write_block,
                 .blurb = "the block buffer, byte after byte"),
};
EMU_REGISTER_BANK(pm_smbus_bank_, "pm-smbus", PM_SMBUS_IO_SIZE, pm_smbus_registers, .blurb = "SMBus host controller")
const EmuRegisterBank *const pm_smbus_bank = &pm_smbus_bank_;

EmuMemoryRegion *
pm_smbus_new_region(PmSmbus *self, gpointer owner)
{
    return emu_registers_new_region(owner, pm_smbus_bank, self);
}

void
pm_smbus_reset(PmSmbus *self)
{
    *self = (PmSmbus){.bus = self->bus, .set_irq = self->set_irq, .irq_opaque = self->irq_opaque};
}

static bool
pm_smbus_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error)
{
    PmSmbus *self = opaque;

    if (self->block_index >= PM_SMBUS_BLOCK_MAX) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "pm-smbus: saved block_index is %u, expected 0 to %u",
                    self->block_index, PM_SMBUS_BLOCK_MAX - 1);
        return false;
    }
    return true;
}

static const EmuVMField pm_smbus_vmstate_fields[] = {
    EMU_VM_U8(PmSmbus, status),
    EMU_VM_U8(PmSmbus, control),
    EMU_VM_U8(PmSmbus, command),
    EMU_VM_U8(PmSmbus, address),
    EMU_VM_U8(PmSmbus, data0),
    EMU_VM_U8(PmSmbus, data1),
    EMU_VM_BUFFER(PmSmbus, block),
    EMU_VM_U8(PmSmbus, block_index),
    EMU_VM_END,
};

const EmuVMState pm_smbus_vmstate = {
    .name = "pm-smbus",
    .version = 1,
    .minimum_version = 1,
    .fields = pm_smbus_vmstate_fields,
    .post_load = pm_smbus_post_load,
};
