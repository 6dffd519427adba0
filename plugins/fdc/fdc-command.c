/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command set (Intel 82078 datasheet, 290474, section 5). */

#include "fdc.h"

#include <string.h>

void
fdc_begin_command(Fdc *s)
{
    s->phase = FDC_PHASE_COMMAND;
    s->fifo_pos = s->fifo_len = 0;
}

void
fdc_begin_result(Fdc *s, unsigned len)
{
    s->phase = FDC_PHASE_RESULT;
    s->fifo_pos = 0;
    s->fifo_len = len;
}

static void
cmd_invalid(Fdc *s)
{
    emu_guest_error("fdc: command 0x%02x is not one", s->fifo[0]);
    s->fifo[0] = FDC_ST0_INVALID;
    fdc_begin_result(s, 1);
}

/* ---- transfers --------------------------------------------------------------------------------------- */

static void
cmd_transfer(Fdc *s, FdcMove move)
{
    uint8_t opcode = s->fifo[0], dtl = s->fifo[8];

    s->multi_track = opcode & 0x80;
    s->mfm = opcode & 0x40;
    s->skip = opcode & 0x20;
    s->scan = opcode & 0x1f;
    s->deleted = s->scan == 0x0c || s->scan == 0x09;
    s->unit = s->fifo[1] & 3;
    s->side = s->fifo[1] >> 2 & 1;
    s->cylinder = s->fifo[2];
    s->head = s->fifo[3];
    s->record = s->fifo[4];
    s->size_code = s->fifo[5];
    s->end_of_track = s->fifo[6];
    s->scan_step = dtl == 2 ? 2 : 1;
    s->sectors_left = 0;
    if (move == FDC_MOVE_VERIFY && s->fifo[1] & 0x80) {
        s->sectors_left = dtl ? dtl : 256; /* EC: the last parameter is a count */
    }
    if (move == FDC_MOVE_READ_TRACK) {
        s->multi_track = s->skip = false;
        s->sectors_left = s->end_of_track ? s->end_of_track : 256;
        s->track_sector = 1;
    }
    fdc_transfer_start(s, move);
}

static void
cmd_read(Fdc *s)
{
    cmd_transfer(s, FDC_MOVE_READ);
}

static void
cmd_read_track(Fdc *s)
{
    cmd_transfer(s, FDC_MOVE_READ_TRACK);
}

static void
cmd_write(Fdc *s)
{
    cmd_transfer(s, FDC_MOVE_WRITE);
}

static void
cmd_verify(Fdc *s)
{
    cmd_transfer(s, FDC_MOVE_VERIFY);
}

static void
cmd_scan(Fdc *s)
{
    cmd_transfer(s, FDC_MOVE_SCAN);
}

static void
cmd_format(Fdc *s)
{
    s->mfm = s->fifo[0] & 0x40;
    s->multi_track = s->deleted = false;
    s->unit = s->fifo[1] & 3;
    s->side = s->fifo[1] >> 2 & 1;
    s->cylinder = s->pcn[s->unit];
    s->head = s->side;
    s->record = 1;
    s->size_code = s->fifo[2];
    s->format_count = s->end_of_track = s->fifo[3];
    s->format_fill = s->fifo[5];
    fdc_transfer_start(s, FDC_MOVE_FORMAT);
}

/* The first ID that comes by. */
static void
cmd_read_id(Fdc *s)
{
    FloppyDrive *d;

    s->mfm = s->fifo[0] & 0x40;
    s->unit = s->fifo[1] & 3;
    s->side = s->fifo[1] >> 2 & 1;
    s->phase = FDC_PHASE_EXECUTION;
    d = fdc_drive(s, s->unit);
    if (!fdc_track_is_readable(s)) {
        fdc_transfer_end(s, FDC_ST0_ABNORMAL, FDC_ST1_MA, 0);
        return;
    }
    s->rotation = s->rotation % d->geometry.per_track + 1;
    s->cylinder = d->track;
    s->head = s->side;
    s->record = s->rotation;
    s->size_code = FDC_SIZE_CODE;
    fdc_transfer_end(s, 0, 0, 0);
}

/* ---- seeks ------------------------------------------------------------------------------------------- */

/* The chip counts pulses: the head follows as far as the drive lets it. */
void
fdc_step_to(Fdc *s, unsigned unit, uint8_t track)
{
    FloppyDrive *d = fdc_drive(s, unit);

    if (d) {
        floppy_drive_step(d, track - s->pcn[unit]);
    }
    s->pcn[unit] = track;
}

/* H is 0 whatever the command said ("SEEK"). */
static void
fdc_seek_finished(Fdc *s, unsigned unit, uint8_t st0)
{
    s->st0 = s->seek_st0[unit] = FDC_ST0_SEEK_END | st0 | unit;
    s->unit = unit;
    s->reset_senses = 0;
    fdc_begin_command(s);
    fdc_raise_irq(s);
}

/* Pulses until track 0 is signalled, 79 at most. */
static void
cmd_recalibrate(Fdc *s)
{
    unsigned unit = s->fifo[1] & 3;
    FloppyDrive *d = fdc_drive(s, unit);

    s->pcn[unit] = 0;
    if (d) {
        floppy_drive_step(d, -MIN((int)d->track, 79));
    }
    fdc_seek_finished(s, unit, d && d->track == 0 ? 0 : FDC_ST0_ABNORMAL | FDC_ST0_EQUIPMENT);
}

static void
cmd_seek(Fdc *s)
{
    fdc_step_to(s, s->fifo[1] & 3, s->fifo[2]);
    fdc_seek_finished(s, s->fifo[1] & 3, 0);
}

static void
cmd_relative_seek(Fdc *s)
{
    unsigned unit = s->fifo[1] & 3;
    int by = s->fifo[0] & 0x40 ? s->fifo[2] : -(int)s->fifo[2];
    FloppyDrive *d = fdc_drive(s, unit);

    if (d) {
        floppy_drive_step(d, by);
    }
    s->pcn[unit] += by;
    fdc_seek_finished(s, unit, 0);
}

static void
cmd_sense_interrupt(Fdc *s)
{
    unsigned unit = 0;

    fdc_lower_irq(s);
    if (s->reset_senses) {
        unit = FDC_UNITS - s->reset_senses--;
        s->fifo[0] = FDC_ST0_READY_CHANGED | unit;
        s->fifo[1] = s->pcn[unit];
        fdc_begin_result(s, 2);
        return;
    }
    while (unit < FDC_UNITS && !s->seek_st0[unit]) {
        unit++;
    }
    if (unit == FDC_UNITS) {
        s->fifo[0] = FDC_ST0_INVALID;
        fdc_begin_result(s, 1);
        return;
    }
    s->fifo[0] = s->seek_st0[unit];
    s->fifo[1] = s->pcn[unit];
    s->seek_st0[unit] = 0;
    fdc_begin_result(s, 2);
}

/* ---- what the drive's pins say -------------------------------------------------------------------------- */

static void
cmd_sense_drive(Fdc *s)
{
    FloppyDrive *d = fdc_drive(s, s->fifo[1] & 3);
    uint8_t st3 = 0x28 | (s->fifo[1] & 7); /* bits 5 and 3 are ones always */

    if (d && d->track == 0) {
        st3 |= 0x10;
    }
    if (d && floppy_drive_is_protected(d)) {
        st3 |= 0x40;
    }
    s->fifo[0] = st3;
    fdc_begin_result(s, 1);
}

/* ---- set-up ------------------------------------------------------------------------------------------------ */

static void
cmd_specify(Fdc *s)
{
    s->spec1 = s->fifo[1];
    s->spec2 = s->fifo[2];
    fdc_begin_command(s);
}

static void
cmd_version(Fdc *s)
{
    s->fifo[0] = 0x90;
    fdc_begin_result(s, 1);
}

static void
cmd_part_id(Fdc *s)
{
    s->fifo[0] = 0x41;
    fdc_begin_result(s, 1);
}

/* What DUMPREG and SAVE have in common. */
static void
fdc_put_registers(const Fdc *s, uint8_t *p)
{
    memcpy(p, s->pcn, FDC_UNITS);
    p[4] = s->spec1;
    p[5] = s->spec2;
    p[6] = s->end_of_track;
    p[7] = s->lock << 7 | s->perpendicular;
    p[8] = s->config;
    p[9] = s->pretrk;
}

static void
cmd_dumpreg(Fdc *s)
{
    fdc_put_registers(s, s->fifo);
    fdc_begin_result(s, 10);
}

static void
cmd_configure(Fdc *s)
{
    s->config = s->fifo[2] & 0x7f;
    s->pretrk = s->fifo[3];
    fdc_begin_command(s);
}

/* The drives' bits change only with OW. */
static void
cmd_perpendicular(Fdc *s)
{
    uint8_t mask = s->fifo[1] & 0x80 ? 0x3f : 0x03;

    s->perpendicular = (s->perpendicular & ~mask) | (s->fifo[1] & mask);
    fdc_begin_command(s);
}

static void
cmd_lock(Fdc *s)
{
    s->lock = s->fifo[0] >> 7;
    s->fifo[0] = s->lock << 4;
    fdc_begin_result(s, 1);
}

static void
cmd_powerdown(Fdc *s)
{
    s->power = s->fifo[1];
    s->fifo[0] = s->fifo[1];
    fdc_begin_result(s, 1);
}

static void
cmd_save(Fdc *s)
{
    memset(s->fifo, 0, FDC_FIFO);
    fdc_put_registers(s, s->fifo + 2);
    fdc_begin_result(s, 16);
}

static void
cmd_restore(Fdc *s)
{
    memcpy(s->pcn, s->fifo + 3, FDC_UNITS);
    s->spec1 = s->fifo[7];
    s->spec2 = s->fifo[8];
    s->end_of_track = s->fifo[9];
    s->lock = s->fifo[10] >> 7;
    s->perpendicular = s->fifo[10] & 0x3f;
    s->config = s->fifo[11] & 0x7f;
    s->pretrk = s->fifo[12];
    fdc_begin_command(s);
}

static void
cmd_accept(Fdc *s)
{
    fdc_begin_command(s);
}

/* One byte for each drive that changes (bits 6-5 its number), then one with bit 7, of which bit 6 says: no result. */
static void
cmd_drive_specification(Fdc *s)
{
    uint8_t last = s->fifo[s->fifo_pos - 1];

    if (last & 0x80) {
        if (last & 0x40) {
            fdc_begin_command(s);
        } else {
            memcpy(s->fifo, s->drive_specs, FDC_UNITS);
            fdc_begin_result(s, FDC_UNITS);
        }
    } else if (s->fifo_pos > FDC_UNITS + 1) {
        cmd_invalid(s);
    } else {
        s->drive_specs[last >> 5 & 3] = last & 0x1f;
    }
}

/* First match wins. */
static const struct {
    uint8_t value, mask;
    uint8_t parameters; /* of DRIVE SPECIFICATION: at least; it is run for each */
    void (*run)(Fdc *s);
} fdc_commands[] = {
    {0x06, 0x1f, 8, cmd_read},          {0x0c, 0x1f, 8, cmd_read}, /* READ DELETED DATA */
    {0x05, 0x3f, 8, cmd_write},         {0x09, 0x3f, 8, cmd_write}, /* WRITE DELETED DATA */
    {0x02, 0x9f, 8, cmd_read_track},    {0x16, 0x1f, 8, cmd_verify},
    {0x11, 0x1f, 8, cmd_scan},          {0x19, 0x1f, 8, cmd_scan},
    {0x1d, 0x1f, 8, cmd_scan},          {0x0d, 0xbf, 5, cmd_format},
    {0x07, 0xff, 1, cmd_recalibrate},   {0x08, 0xff, 0, cmd_sense_interrupt},
    {0x03, 0xff, 2, cmd_specify},       {0x04, 0xff, 1, cmd_sense_drive},
    {0x0f, 0xff, 2, cmd_seek},          {0x8f, 0xbf, 2, cmd_relative_seek},
    {0x0a, 0xbf, 1, cmd_read_id},       {0x10, 0xff, 0, cmd_version},
    {0x18, 0xff, 0, cmd_part_id},       {0x0e, 0xff, 0, cmd_dumpreg},
    {0x13, 0xff, 3, cmd_configure},     {0x12, 0xff, 1, cmd_perpendicular},
    {0x14, 0x7f, 0, cmd_lock},          {0x17, 0xff, 1, cmd_powerdown},
    {0x2e, 0xff, 0, cmd_save},          {0x4e, 0xff, 16, cmd_restore},
    {0x33, 0xff, 1, cmd_accept}, /* OPTION */
    {0x8e, 0xff, 1, cmd_drive_specification},
};

static int
fdc_find_command(uint8_t opcode)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(fdc_commands); i++) {
        if ((opcode & fdc_commands[i].mask) == fdc_commands[i].value) {
            return i;
        }
    }
    return -1;
}

void
fdc_command_byte(Fdc *s, uint8_t value)
{
    int index;

    /* RESTORE has one byte more than the buffer; the last one is reserved. */
    if (s->fifo_pos < FDC_FIFO) {
        s->fifo[s->fifo_pos] = value;
    }
    s->fifo_pos++;
    index = fdc_find_command(s->fifo[0]);
    if (index < 0) {
        cmd_invalid(s);
    } else if (s->fifo_pos > fdc_commands[index].parameters) {
        fdc_commands[index].run(s);
    }
}
