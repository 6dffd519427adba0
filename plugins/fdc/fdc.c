/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The controller's registers and its command set (Intel 82078 datasheet, 290474). */

#include "fdc.h"

#include <string.h>

EMU_TRACE_DEFINE(fdc_read)
EMU_TRACE_DEFINE(fdc_write)
EMU_TRACE_DEFINE(fdc_irq)

#define DOR_NRESET 0x04
#define DOR_DMA_GATE 0x08
#define MSR_RQM 0x80
#define MSR_DIO 0x40
#define MSR_NON_DMA 0x20
#define MSR_BUSY 0x10
#define ST0_INVALID 0x80
#define ST0_SEEK_END 0x20
#define ST0_EQUIPMENT 0x10
#define ST0_ABNORMAL 0x40

void
fdc_raise_irq(Fdc *s)
{
    EMU_TRACE(fdc_irq, "phase %d", (int)s->phase);
    if (s->dor & DOR_DMA_GATE) {
        s->interrupt = true;
        emu_line_set(s->irq, 1);
    }
}

static void
fdc_lower_irq(Fdc *s)
{
    s->interrupt = false;
    emu_line_set(s->irq, 0);
}

static void
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

static FloppyDrive *
fdc_drive(const Fdc *s, unsigned unit)
{
    return unit < FDC_DRIVES ? s->drives[unit] : NULL;
}

static void
fdc_reset_controller(Fdc *s, bool irq)
{
    fdc_transfer_cancel(s);
    fdc_lower_irq(s);
    fdc_begin_command(s);
    memset(s->seek_done, 0, sizeof(s->seek_done));
    s->st0 = s->st1 = s->st2 = 0;
    if (!s->lock) {
        s->config = 0;
        s->pretrk = 0;
    }
    s->perpendicular = 0;
    s->reset_senses = 0;
    if (irq) {
        /* Drive polling reports a change of the ready line of all four drives. */
        s->reset_senses = 4;
        fdc_raise_irq(s);
    }
}

/* ---- commands ---------------------------------------------------------------------------------------- */

static void
cmd_invalid(Fdc *s)
{
    emu_guest_error("fdc: command 0x%02x is not one", s->fifo[0]);
    s->fifo[0] = ST0_INVALID;
    fdc_begin_result(s, 1);
}

static void
cmd_transfer(Fdc *s, FdcMove move)
{
    s->multi_track = s->fifo[0] & 0x80;
    s->skip = s->fifo[0] & 0x20;
    s->unit = s->fifo[1] & 3;
    s->cylinder = s->fifo[2];
    s->head = s->fifo[3] & 1;
    s->record = s->fifo[4];
    s->size_code = s->fifo[5];
    s->end_of_track = s->fifo[6];
    s->scan = s->fifo[0] & 0x1f;
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
    s->fifo[4] = 1;
    cmd_transfer(s, FDC_MOVE_READ);
    s->multi_track = false;
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
    FloppyDrive *d = fdc_drive(s, s->fifo[1] & 3);

    s->unit = s->fifo[1] & 3;
    s->head = s->fifo[1] >> 2 & 1;
    s->cylinder = d ? d->track : 0;
    s->record = 1;
    s->size_code = s->fifo[2];
    s->format_count = s->fifo[3];
    s->format_fill = s->fifo[5];
    s->multi_track = false;
    fdc_transfer_start(s, FDC_MOVE_FORMAT);
}

static void
fdc_seek_finished(Fdc *s, unsigned unit, uint8_t st0)
{
    s->st0 = st0 | unit;
    if (unit < G_N_ELEMENTS(s->seek_done)) {
        s->seek_done[unit] = 1;
    }
    s->unit = unit;
    fdc_begin_command(s);
    fdc_raise_irq(s);
}

static void
fdc_seek_to(Fdc *s, unsigned unit, unsigned track, uint8_t head)
{
    FloppyDrive *d = fdc_drive(s, unit);

    if (!d) {
        /* No track 0 signal within 79 steps, or no drive at all. */
        fdc_seek_finished(s, unit, ST0_SEEK_END | ST0_ABNORMAL | ST0_EQUIPMENT);
        return;
    }
    d->track = track;
    if (d->geometry.sectors) {
        d->changed = false;
    }
    fdc_seek_finished(s, unit, ST0_SEEK_END | head << 2);
}

static void
cmd_recalibrate(Fdc *s)
{
    fdc_seek_to(s, s->fifo[1] & 3, 0, 0);
}

static void
cmd_seek(Fdc *s)
{
    fdc_seek_to(s, s->fifo[1] & 3, s->fifo[2], s->fifo[1] >> 2 & 1);
}

static void
cmd_relative_seek(Fdc *s)
{
    FloppyDrive *d = fdc_drive(s, s->fifo[1] & 3);
    int track = d ? d->track : 0;

    track += s->fifo[0] & 0x40 ? s->fifo[2] : -(int)s->fifo[2];
    fdc_seek_to(s, s->fifo[1] & 3, CLAMP(track, 0, 255), s->fifo[1] >> 2 & 1);
}

static void
cmd_sense_interrupt(Fdc *s)
{
    fdc_lower_irq(s);
    if (s->reset_senses) {
        unsigned unit = 4 - s->reset_senses--;

        s->fifo[0] = 0xc0 | unit;
        s->fifo[1] = fdc_drive(s, unit) ? fdc_drive(s, unit)->track : 0;
        fdc_begin_result(s, 2);
        return;
    }
    for (unsigned unit = 0; unit < G_N_ELEMENTS(s->seek_done); unit++) {
        if (s->seek_done[unit]) {
            s->seek_done[unit] = 0;
            s->fifo[0] = (s->st0 & ~3) | unit;
            s->fifo[1] = fdc_drive(s, unit) ? fdc_drive(s, unit)->track : 0;
            fdc_begin_result(s, 2);
            return;
        }
    }
    s->fifo[0] = ST0_INVALID;
    fdc_begin_result(s, 1);
}

static void
cmd_sense_drive(Fdc *s)
{
    unsigned unit = s->fifo[1] & 3;
    FloppyDrive *d = fdc_drive(s, unit);
    uint8_t st3 = 0x28 | (s->fifo[1] & 7); /* two-sided, ready */

    if (d && d->track == 0) {
        st3 |= 0x10;
    }
    if (d && d->blk && emu_block_backend_is_read_only(d->blk)) {
        st3 |= 0x40;
    }
    s->fifo[0] = st3;
    fdc_begin_result(s, 1);
}

static void
cmd_specify(Fdc *s)
{
    s->spec1 = s->fifo[1];
    s->spec2 = s->fifo[2];
    fdc_begin_command(s);
}

static void
cmd_read_id(Fdc *s)
{
    unsigned unit = s->fifo[1] & 3;
    FloppyDrive *d = fdc_drive(s, unit);

    s->unit = unit;
    s->head = s->fifo[1] >> 2 & 1;
    s->phase = FDC_PHASE_EXECUTION;
    if (!d || !d->geometry.sectors || s->head >= d->geometry.heads || d->track >= d->geometry.tracks ||
        (s->ccr & 3) != d->geometry.rate) {
        fdc_transfer_end(s, ST0_ABNORMAL, 0x01, 0);
        return;
    }
    s->cylinder = d->track;
    s->record = s->record % d->geometry.per_track + 1;
    s->size_code = 2;
    fdc_transfer_end(s, 0, 0, 0);
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

static void
cmd_dumpreg(Fdc *s)
{
    for (unsigned i = 0; i < 4; i++) {
        s->fifo[i] = fdc_drive(s, i) ? fdc_drive(s, i)->track : 0;
    }
    s->fifo[4] = s->spec1;
    s->fifo[5] = s->spec2;
    s->fifo[6] = s->end_of_track;
    s->fifo[7] = s->lock << 7 | s->perpendicular << 2;
    s->fifo[8] = s->config;
    s->fifo[9] = s->pretrk;
    fdc_begin_result(s, 10);
}

static void
cmd_configure(Fdc *s)
{
    s->config = s->fifo[2];
    s->pretrk = s->fifo[3];
    fdc_begin_command(s);
}

static void
cmd_perpendicular(Fdc *s)
{
    s->perpendicular = s->fifo[1] & 0x3f;
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
    for (unsigned i = 0; i < 4; i++) {
        s->fifo[2 + i] = fdc_drive(s, i) ? fdc_drive(s, i)->track : 0;
    }
    s->fifo[6] = s->spec1;
    s->fifo[7] = s->spec2;
    s->fifo[8] = s->end_of_track;
    s->fifo[9] = s->lock << 7 | s->perpendicular << 2;
    s->fifo[10] = s->config;
    s->fifo[11] = s->pretrk;
    fdc_begin_result(s, 15);
}

static void
cmd_restore(Fdc *s)
{
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        if (s->drives[i]) {
            s->drives[i]->track = s->fifo[3 + i];
        }
    }
    s->spec1 = s->fifo[7];
    s->spec2 = s->fifo[8];
    s->end_of_track = s->fifo[9];
    s->lock = s->fifo[10] >> 7;
    s->perpendicular = s->fifo[10] >> 2 & 0x1f;
    s->config = s->fifo[11];
    s->pretrk = s->fifo[12];
    fdc_begin_command(s);
}

static void
cmd_accept(Fdc *s)
{
    fdc_begin_command(s);
}

/* First match wins. */
static const struct {
    uint8_t value, mask;
    uint8_t parameters;
    void (*run)(Fdc *s);
} fdc_commands[] = {
    {0x06, 0x1f, 8, cmd_read},          {0x0c, 0x1f, 8, cmd_read}, /* READ DELETED DATA */
    {0x05, 0x3f, 8, cmd_write},         {0x09, 0x3f, 8, cmd_write},
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

static void
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

/* ---- registers ------------------------------------------------------------------------------------------ */

static uint8_t
fdc_read_msr(const Fdc *s)
{
    if (!(s->dor & DOR_NRESET)) {
        return 0;
    }
    switch (s->phase) {
    case FDC_PHASE_COMMAND:
        return MSR_RQM | (s->fifo_pos ? MSR_BUSY : 0);
    case FDC_PHASE_RESULT:
        return MSR_RQM | MSR_DIO | MSR_BUSY;
    default:
        if (fdc_data_ready(s)) {
            return MSR_RQM | MSR_NON_DMA | MSR_BUSY | (fdc_data_to_guest(s) ? MSR_DIO : 0);
        }
        return MSR_BUSY | (fdc_uses_dma(s) ? 0 : MSR_NON_DMA);
    }
}

static uint8_t
fdc_read_fifo(Fdc *s)
{
    uint8_t value;

    switch (s->phase) {
    case FDC_PHASE_RESULT:
        fdc_lower_irq(s);
        value = s->fifo[s->fifo_pos < FDC_FIFO ? s->fifo_pos : FDC_FIFO - 1];
        if (++s->fifo_pos >= s->fifo_len) {
            fdc_begin_command(s);
        }
        return value;
    case FDC_PHASE_EXECUTION:
        fdc_lower_irq(s);
        return fdc_data_read(s);
    default:
        return 0;
    }
}

static uint8_t
fdc_read_dir(const Fdc *s)
{
    FloppyDrive *d = fdc_drive(s, s->dor & 3);
    bool motor = s->dor & (0x10 << (s->dor & 3));

    return d && motor && (d->changed || !d->geometry.sectors) ? 0x80 : 0;
}

static uint64_t
fdc_read(Fdc *s, uint64_t offset)
{
    switch (offset) {
    case 0: /* status register A */
        return (s->interrupt ? 0x80 : 0) | 0x40;
    case 1: /* status register B */
        return 0xc0 | (s->dor & 1) << 5 | (s->dor >> 4 & 3);
    case 2:
        return s->dor;
    case 3:
        return s->tdr;
    case 4:
        return fdc_read_msr(s);
    case 5:
        return fdc_read_fifo(s);
    case 7:
        return fdc_read_dir(s);
    default:
        return 0xff;
    }
}

static uint64_t
fdc_read_cb(gpointer opaque, uint64_t offset, unsigned size G_GNUC_UNUSED)
{
    uint64_t value = fdc_read(opaque, offset);

    EMU_TRACE(fdc_read, "register %u value 0x%02x", (unsigned)offset, (unsigned)value);
    return value;
}

static void
fdc_write_cb(gpointer opaque, uint64_t offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    Fdc *s = opaque;
    uint8_t old;

    EMU_TRACE(fdc_write, "register %u value 0x%02x", (unsigned)offset, (unsigned)(value & 0xff));
    switch (offset) {
    case 2:
        old = s->dor;
        s->dor = value;
        if (!(value & DOR_NRESET) && (old & DOR_NRESET)) {
            fdc_reset_controller(s, false);
        } else if ((value & DOR_NRESET) && !(old & DOR_NRESET)) {
            fdc_reset_controller(s, true);
        }
        break;
    case 3:
        s->tdr = value & 3;
        break;
    case 4:
        s->dsr = value & 0x7f;
        s->ccr = value & 3;
        if (value & 0x80) {
            fdc_reset_controller(s, true);
        }
        break;
    case 5:
        if (!(s->dor & DOR_NRESET)) {
            break;
        }
        if (s->phase == FDC_PHASE_COMMAND) {
            fdc_command_byte(s, value);
        } else if (s->phase == FDC_PHASE_EXECUTION) {
            fdc_lower_irq(s);
            fdc_data_write(s, value);
        } else {
            emu_guest_error("fdc: byte 0x%02x written in the result phase", (unsigned)(value & 0xff));
        }
        break;
    case 7:
        s->ccr = value & 3;
        break;
    default:
        break;
    }
}

static const EmuMemoryRegionOps fdc_ops = {
    .read = fdc_read_cb,
    .write = fdc_write_cb,
    .valid_min = 1,
    .valid_max = 1,
};

static uint64_t
fdc_high_read_cb(gpointer opaque, uint64_t offset G_GNUC_UNUSED, unsigned size)
{
    return fdc_read_cb(opaque, 7, size);
}

static void
fdc_high_write_cb(gpointer opaque, uint64_t offset G_GNUC_UNUSED, uint64_t value, unsigned size)
{
    fdc_write_cb(opaque, 7, value, size);
}

static const EmuMemoryRegionOps fdc_high_ops = {
    .read = fdc_high_read_cb,
    .write = fdc_high_write_cb,
    .valid_min = 1,
    .valid_max = 1,
};

/* ---- life ------------------------------------------------------------------------------------------------- */

static void
fdc_dma_changed(EmuIsaDevice *dev)
{
    Fdc *s = (Fdc *)dev;

    s->dma = emu_isa_bus_get_dma(emu_isa_device_get_bus(dev), s->dma_channel);
    if (s->dma) {
        EMU_ISA_DMA_GET_IFACE(s->dma)->register_channel(s->dma, s->dma_channel, fdc_dma_cb, s);
    }
}

static bool
fdc_realize(EmuDevice *dev, GError **error)
{
    Fdc *s = (Fdc *)dev;

    if (s->dma_channel > 3) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "isa-fdc: dma is %u, expected 0 to 3", s->dma_channel);
        return false;
    }
    emu_device_add_lines_out(dev, NULL, 1, &s->irq);
    if (!emu_isa_device_connect_irq(EMU_ISA_DEVICE(dev), s->irq, s->irq_number, error)) {
        return false;
    }
    fdc_dma_changed(EMU_ISA_DEVICE(dev));
    /* 0x3f6 between the two belongs to the IDE controller. */
    emu_isa_device_map_io(EMU_ISA_DEVICE(dev), emu_memory_region_new_io(dev, "fdc", 6, &fdc_ops, s), s->iobase);
    emu_isa_device_map_io(EMU_ISA_DEVICE(dev), emu_memory_region_new_io(dev, "fdc-dir", 1, &fdc_high_ops, s), s->iobase + 7);
    s->bus = (FdcBus *)emu_bus_new("floppy-bus", dev, NULL);
    s->bus->fdc = s;
    return true;
}

static void
fdc_unrealize(EmuDevice *dev)
{
    Fdc *s = (Fdc *)dev;

    fdc_transfer_cancel(s);
    if (s->dma) {
        EMU_ISA_DMA_GET_IFACE(s->dma)->register_channel(s->dma, s->dma_channel, NULL, NULL);
    }
}

static void
fdc_reset_enter(EmuDevice *dev)
{
    Fdc *s = (Fdc *)dev;

    s->dor = 0x0c;
    s->tdr = s->dsr = 0;
    s->ccr = 2;
    s->lock = 0;
    s->config = s->pretrk = s->spec1 = s->spec2 = s->power = 0;
    fdc_reset_controller(s, false);
}

static void
fdc_pre_save(gpointer self)
{
    Fdc *s = self;

    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        if (s->drives[i] && s->drives[i]->blk) {
            emu_block_backend_drain(s->drives[i]->blk);
        }
    }
}

static bool
fdc_post_load(gpointer self, unsigned version G_GNUC_UNUSED, GError **error)
{
    Fdc *s = self;

    if (s->phase > FDC_PHASE_RESULT || s->move > FDC_MOVE_VERIFY || s->sector_len > FDC_SECTOR || s->sector_pos > s->sector_len ||
        s->fifo_pos > FDC_FIFO + 1 || s->fifo_len > FDC_FIFO || s->unit > 3 || s->reset_senses > 4) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "isa-fdc: a position in the saved state is out of range");
        return false;
    }
    return true;
}

static const EmuProperty fdc_properties[] = {
    EMU_PROP_UINT32_RANGE("iobase", Fdc, iobase, 0x3f0, 0, 0xfff8, "first I/O port"),
    EMU_PROP_UINT32_RANGE("irq", Fdc, irq_number, 6, 0, 15, "ISA interrupt"),
    EMU_PROP_UINT32_RANGE("dma", Fdc, dma_channel, 2, 0, 3, "8237 channel"),
};

static const EmuVMField fdc_fields[] = {
    EMU_VM_U8(Fdc, dor),         EMU_VM_U8(Fdc, tdr),           EMU_VM_U8(Fdc, dsr),          EMU_VM_U8(Fdc, ccr),
    EMU_VM_U8(Fdc, phase),       EMU_VM_BUFFER(Fdc, fifo),      EMU_VM_U32(Fdc, fifo_pos),    EMU_VM_U32(Fdc, fifo_len),
    EMU_VM_U8(Fdc, st0),         EMU_VM_U8(Fdc, st1),           EMU_VM_U8(Fdc, st2),          EMU_VM_U8(Fdc, reset_senses),
    EMU_VM_BUFFER(Fdc, seek_done), EMU_VM_U8(Fdc, config),      EMU_VM_U8(Fdc, pretrk),       EMU_VM_U8(Fdc, lock),
    EMU_VM_U8(Fdc, perpendicular), EMU_VM_U8(Fdc, spec1),       EMU_VM_U8(Fdc, spec2),        EMU_VM_U8(Fdc, power),
    EMU_VM_BOOL(Fdc, interrupt), EMU_VM_U8(Fdc, move),          EMU_VM_U8(Fdc, scan),         EMU_VM_BOOL(Fdc, multi_track),
    EMU_VM_BOOL(Fdc, skip),      EMU_VM_U8(Fdc, unit),          EMU_VM_U8(Fdc, cylinder),     EMU_VM_U8(Fdc, head),
    EMU_VM_U8(Fdc, record),      EMU_VM_U8(Fdc, size_code),     EMU_VM_U8(Fdc, end_of_track), EMU_VM_U8(Fdc, format_count),
    EMU_VM_U8(Fdc, format_fill), EMU_VM_BUFFER(Fdc, sector),    EMU_VM_U32(Fdc, sector_pos),  EMU_VM_U32(Fdc, sector_len),
    EMU_VM_BOOL(Fdc, terminal_count), EMU_VM_END,
};

static const EmuVMState fdc_vmstate = {
    .name = "fdc",
    .version = 1,
    .minimum_version = 1,
    .fields = fdc_fields,
    .pre_save = fdc_pre_save,
    .post_load = fdc_post_load,
};

static void
fdc_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;

    device->realize = fdc_realize;
    device->unrealize = fdc_unrealize;
    ((EmuIsaDeviceClass *)klass)->dma_changed = fdc_dma_changed;
    device->reset_enter = fdc_reset_enter;
    device->vmstate = &fdc_vmstate;
    device->category = "storage";
    emu_object_class_add_properties(klass, fdc_properties, G_N_ELEMENTS(fdc_properties));
}

const EmuTypeInfo fdc_info = {
    .name = "isa-fdc",
    .parent = "isa-device",
    .instance_size = sizeof(Fdc),
    .class_init = fdc_class_init,
    .description = "82078 floppy disk controller",
};
