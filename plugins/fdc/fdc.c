/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The controller's registers (Intel 82078 datasheet, 290474, section 2) and its life. As on most boards: status registers A
 * and B as in PS/2 mode, the digital input register as in AT mode.
 */

#include "fdc.h"

#include <string.h>

EMU_TRACE_DEFINE(fdc_irq)

#define MSR_RQM 0x80
#define MSR_DIO 0x40
#define MSR_NON_DMA 0x20
#define MSR_BUSY 0x10
#define DSR_RESET 0x80

/* ---- the interrupt ----------------------------------------------------------------------------------- */

/* INT passes the gate that DRQ passes: what was held back is delivered when it opens. */
static void
fdc_update_irq(Fdc *s)
{
    emu_line_set(s->irq, s->interrupt && s->dor & FDC_DOR_DMA_GATE);
}

/* What polling after a reset had to say is of no interest any more. */
void
fdc_raise_irq(Fdc *s)
{
    EMU_TRACE(fdc_irq, "phase %d", (int)s->phase);
    s->interrupt = true;
    s->reset_senses = 0;
    fdc_update_irq(s);
}

void
fdc_lower_irq(Fdc *s)
{
    s->interrupt = false;
    fdc_update_irq(s);
}

/* By any of the three ways; what SPECIFY, PERPENDICULAR MODE (the drives' bits) and DSR set stays, and what LOCK protects. */
static void
fdc_reset_controller(Fdc *s)
{
    fdc_transfer_cancel(s);
    fdc_begin_command(s);
    memset(s->seek_st0, 0, sizeof(s->seek_st0));
    memset(s->pcn, 0, sizeof(s->pcn));
    s->st0 = s->st1 = s->st2 = 0;
    s->config = s->lock ? s->config & FDC_CONFIG_LOCKED : FDC_CONFIG_EFIFO;
    if (!s->lock) {
        s->pretrk = 0;
    }
    s->perpendicular &= 0x3c;
    s->reset_senses = 0;
    s->interrupt = false;
}

static void
fdc_software_reset(Fdc *s, bool begins, bool ends)
{
    if (begins) {
        fdc_reset_controller(s);
        fdc_lower_irq(s);
    }
    if (ends) {
        /* Polling finds that the ready lines of all four drives have changed. */
        fdc_raise_irq(s);
        s->reset_senses = FDC_UNITS;
    }
}

/* ---- registers ------------------------------------------------------------------------------------------ */

static FloppyDrive *
fdc_selected(const Fdc *s)
{
    return fdc_drive(s, s->dor & FDC_DOR_SELECT);
}

static uint64_t
fdc_read_sra(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    const Fdc *s = opaque;
    const FloppyDrive *d = fdc_selected(s);

    /* The drive's lines are active low; the index hole is elsewhere. */
    return (s->interrupt && s->dor & FDC_DOR_DMA_GATE ? 0x80 : 0) | (s->drives[1] ? 0 : 0x40) | (d && d->track == 0 ? 0 : 0x10) |
           (s->side ? 0x08 : 0) | 0x04 | (d && floppy_drive_is_protected(d) ? 0 : 0x02);
}

static uint64_t
fdc_read_srb(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    const Fdc *s = opaque;

    return 0xc0 | (s->dor & 1) << 5 | (s->dor >> 4 & 3);
}

static void
fdc_write_dor(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old)
{
    Fdc *s = opaque;

    fdc_software_reset(s, old & ~value & FDC_DOR_NRESET, value & ~old & FDC_DOR_NRESET);
    if ((old ^ value) & FDC_DOR_DMA_GATE) {
        fdc_update_irq(s);
        fdc_transfer_gate_changed(s);
    }
}

static uint64_t
fdc_peek_msr(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    const Fdc *s = opaque;

    if (!(s->dor & FDC_DOR_NRESET)) {
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

static uint64_t
fdc_read_msr(gpointer opaque, unsigned index)
{
    uint64_t value = fdc_peek_msr(opaque, index);

    fdc_transfer_looked_at(opaque);
    return value;
}

static void
fdc_write_dsr(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    Fdc *s = opaque;

    s->dsr = value & ~DSR_RESET; /* which clears itself */
    s->ccr = value & 3;
    if (value & DSR_RESET && s->dor & FDC_DOR_NRESET) {
        fdc_software_reset(s, true, true);
    }
}

static uint64_t
fdc_read_fifo(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    Fdc *s = opaque;
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
        return fdc_data_read(s);
    default:
        return 0;
    }
}

static void
fdc_write_fifo(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    Fdc *s = opaque;

    if (!(s->dor & FDC_DOR_NRESET)) {
        return;
    }
    switch (s->phase) {
    case FDC_PHASE_COMMAND:
        fdc_command_byte(s, (uint8_t)value);
        break;
    case FDC_PHASE_EXECUTION:
        fdc_data_write(s, (uint8_t)value);
        break;
    default:
        emu_guest_error("fdc: byte 0x%02x written in the result phase", (unsigned)value);
        break;
    }
}

/* The disk change line of the selected drive; the other bits of this port are not driven. */
static uint64_t
fdc_read_dir(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    const FloppyDrive *d = fdc_selected(opaque);

    return d && (d->changed || !d->geometry.sectors) ? 0x80 : 0;
}

static void
fdc_write_ccr(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    ((Fdc *)opaque)->ccr = value & 3;
}

static const EmuRegister fdc_registers[] = {
    EMU_REG_CALL("SRA", 0, 1, EMU_RO, .read = fdc_read_sra, .blurb = "status A",
                 .fields = EMU_REG_FIELDS({"nWP", 1, 1}, {"nINDX", 2, 1}, {"HDSEL", 3, 1}, {"nTRK0", 4, 1}, {"nDRV2", 6, 1},
                                          {"INT_PENDING", 7, 1})),
    EMU_REG_CALL("SRB", 1, 1, EMU_RO, .read = fdc_read_srb, .blurb = "status B",
                 .fields = EMU_REG_FIELDS({"MOT_EN0", 0, 1}, {"MOT_EN1", 1, 1}, {"DRIVE_SEL0", 5, 1})),
    EMU_REG8(Fdc, dor, "DOR", 2, EMU_RW, FDC_DOR_DMA_GATE | FDC_DOR_NRESET, .writable = 0xff, .write = fdc_write_dor, .blurb = "digital output",
             .fields = EMU_REG_FIELDS({"DRIVE_SEL", 0, 2}, {"nRESET", 2, 1}, {"DMA_GATE", 3, 1, .blurb = "lets INT and DRQ out"},
                                      {"MOT_EN", 4, 4})),
    EMU_REG8(Fdc, tdr, "TDR", 3, EMU_RW, 0, .writable = 0x03, .blurb = "tape drive"),
    EMU_REG_CALL("MSR", 4, 1, EMU_RW, .read = fdc_read_msr, .peek = fdc_peek_msr, .write = fdc_write_dsr,
                 .blurb = "main status; written, data rate select (DSR)",
                 .fields = EMU_REG_FIELDS({"BUSY", 4, 1}, {"NON_DMA", 5, 1}, {"DIO", 6, 1, .blurb = "to the host"}, {"RQM", 7, 1})),
    EMU_REG_CALL("FIFO", 5, 1, EMU_RW, .flags = EMU_REGISTER_OPAQUE, .read = fdc_read_fifo, .write = fdc_write_fifo, .blurb = "commands, data, results"),
    EMU_REG_CALL("DIR", 7, 1, EMU_RW, .read = fdc_read_dir, .write = fdc_write_ccr, .blurb = "digital input; written, configuration control (CCR)",
                 .fields = EMU_REG_FIELDS({"DSKCHG", 7, 1})),
};
EMU_REGISTER_BANK(fdc_bank, "fdc", 8, fdc_registers, .valid_min = 1, .valid_max = 4, .valid_unaligned = true, .hole = 0xff)

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

static void
fdc_resume_cb(gpointer opaque)
{
    fdc_transfer_gate_changed(opaque);
}

static bool
fdc_realize(EmuDevice *dev, GError **error)
{
    Fdc *s = (Fdc *)dev;
    EmuMemoryRegion *registers;

    if (s->dma_channel > 3) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "isa-fdc: dma is %u, expected 0 to 3", s->dma_channel);
        return false;
    }
    emu_device_add_lines_out(dev, NULL, 1, &s->irq);
    if (!emu_isa_device_connect_irq(EMU_ISA_DEVICE(dev), s->irq, s->irq_number, error)) {
        return false;
    }
    fdc_dma_changed(EMU_ISA_DEVICE(dev));
    s->resume_bh = emu_bh_new(emu_device_get_context(dev), fdc_resume_cb, s);
    s->pace_timer = emu_timer_new(emu_device_get_clock(dev, EMU_CLOCK_VIRTUAL), fdc_pace_cb, s);
    /* 0x3f6 between the two belongs to the IDE controller. */
    registers = emu_registers_new_region(s, &fdc_bank, s);
    emu_isa_device_map_io(EMU_ISA_DEVICE(dev), emu_memory_region_new_alias(dev, "fdc-low", registers, 0, 6), (uint16_t)s->iobase);
    emu_isa_device_map_io(EMU_ISA_DEVICE(dev), emu_memory_region_new_alias(dev, "fdc-high", registers, 7, 1), (uint16_t)(s->iobase + 7));
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
    g_clear_pointer(&s->resume_bh, emu_bh_free);
    g_clear_pointer(&s->pace_timer, emu_timer_free);
}

static void
fdc_reset_enter(EmuDevice *dev)
{
    Fdc *s = (Fdc *)dev;

    emu_bh_cancel(s->resume_bh);
    s->dsr = s->ccr = 2;
    s->lock = s->perpendicular = 0;
    s->spec1 = s->spec2 = s->power = s->side = s->end_of_track = s->rotation = 0;
    memset(s->drive_specs, 0, sizeof(s->drive_specs));
    fdc_reset_controller(s);
}

static void
fdc_reset_hold(EmuDevice *dev)
{
    emu_line_set(((Fdc *)dev)->irq, 0);
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
fdc_post_load(gpointer self, unsigned version, GError **error)
{
    Fdc *s = self;

    if (s->phase > FDC_PHASE_RESULT || s->move > FDC_MOVE_READ_TRACK || s->sector_len > FDC_SECTOR || s->sector_pos > s->sector_len ||
        s->fifo_pos > FDC_FIFO + 1 || s->fifo_len > FDC_FIFO || s->unit >= FDC_UNITS || s->reset_senses > FDC_UNITS ||
        s->sectors_left > 256) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "isa-fdc: a position in the saved state is out of range");
        return false;
    }
    s->side &= 1;
    if (version < 2) {
        /* Which side it was is what the ID said; flags instead of ST0; all media were read as MFM. */
        s->side = s->head & 1;
        s->mfm = true;
        s->perpendicular &= 0x3f;
        for (unsigned i = 0; i < FDC_UNITS; i++) {
            s->seek_st0[i] = s->seek_st0[i] ? (s->st0 & ~3) | i : 0;
        }
        if (s->move == FDC_MOVE_VERIFY && s->phase == FDC_PHASE_EXECUTION) {
            s->sector_pos = s->sector_len = 0; /* it waited for the 8237, which it does no more: the guest's reset ends it */
        }
    }
    emu_bh_schedule(s->resume_bh);
    return true;
}

static const EmuProperty fdc_properties[] = {
    EMU_PROP_UINT32_RANGE("iobase", Fdc, iobase, 0x3f0, 0, 0xfff8, "first I/O port"),
    EMU_PROP_UINT32_RANGE("irq", Fdc, irq_number, 6, 0, 15, "ISA interrupt"),
    EMU_PROP_UINT32_RANGE("dma", Fdc, dma_channel, 2, 0, 3, "8237 channel"),
};

#define FDC_VM_SINCE_2(k, f, n) {.name = #f, .kind = EMU_VM_KIND_##k, .offset = offsetof(Fdc, f), .size = sizeof(((Fdc *)0)->f) / (n), .num = n, .since = 2}

static const EmuVMField fdc_fields[] = {
    EMU_VM_U8(Fdc, dor),         EMU_VM_U8(Fdc, tdr),           EMU_VM_U8(Fdc, dsr),          EMU_VM_U8(Fdc, ccr),
    EMU_VM_U8(Fdc, phase),       EMU_VM_BUFFER(Fdc, fifo),      EMU_VM_U32(Fdc, fifo_pos),    EMU_VM_U32(Fdc, fifo_len),
    EMU_VM_U8(Fdc, st0),         EMU_VM_U8(Fdc, st1),           EMU_VM_U8(Fdc, st2),          EMU_VM_U8(Fdc, reset_senses),
    {.name = "seek_done", .kind = EMU_VM_KIND_BUFFER, .offset = offsetof(Fdc, seek_st0), .size = FDC_UNITS, .num = 1},
    EMU_VM_U8(Fdc, config),       EMU_VM_U8(Fdc, pretrk),       EMU_VM_U8(Fdc, lock),
    EMU_VM_U8(Fdc, perpendicular), EMU_VM_U8(Fdc, spec1),       EMU_VM_U8(Fdc, spec2),        EMU_VM_U8(Fdc, power),
    EMU_VM_BOOL(Fdc, interrupt), EMU_VM_U8(Fdc, move),          EMU_VM_U8(Fdc, scan),         EMU_VM_BOOL(Fdc, multi_track),
    EMU_VM_BOOL(Fdc, skip),      EMU_VM_U8(Fdc, unit),          EMU_VM_U8(Fdc, cylinder),     EMU_VM_U8(Fdc, head),
    EMU_VM_U8(Fdc, record),      EMU_VM_U8(Fdc, size_code),     EMU_VM_U8(Fdc, end_of_track), EMU_VM_U8(Fdc, format_count),
    EMU_VM_U8(Fdc, format_fill), EMU_VM_BUFFER(Fdc, sector),    EMU_VM_U32(Fdc, sector_pos),  EMU_VM_U32(Fdc, sector_len),
    EMU_VM_BOOL(Fdc, terminal_count),
    FDC_VM_SINCE_2(U8, pcn, FDC_UNITS), FDC_VM_SINCE_2(U8, drive_specs, FDC_UNITS), FDC_VM_SINCE_2(U8, scan_order, 1),
    FDC_VM_SINCE_2(U8, scan_step, 1),   FDC_VM_SINCE_2(BOOL, mfm, 1),               FDC_VM_SINCE_2(BOOL, deleted, 1),
    FDC_VM_SINCE_2(U8, side, 1),        FDC_VM_SINCE_2(U32, sectors_left, 1),       FDC_VM_SINCE_2(U8, track_sector, 1),
    FDC_VM_SINCE_2(U8, rotation, 1),
    {.name = "serviced", .kind = EMU_VM_KIND_BOOL, .offset = offsetof(Fdc, serviced), .size = sizeof(bool), .num = 1, .since = 3},
    {.name = "in_gap", .kind = EMU_VM_KIND_BOOL, .offset = offsetof(Fdc, in_gap), .size = sizeof(bool), .num = 1, .since = 3},
    {.name = "gap_looks", .kind = EMU_VM_KIND_U8, .offset = offsetof(Fdc, gap_looks), .size = 1, .num = 1, .since = 4},
    {.name = "pace_timer", .kind = EMU_VM_KIND_TIMER, .offset = offsetof(Fdc, pace_timer), .size = sizeof(gpointer), .num = 1, .since = 3},
    EMU_VM_END,
};

static const EmuVMState fdc_vmstate = {
    .name = "fdc",
    .version = 4,
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
    device->reset_hold = fdc_reset_hold;
    device->vmstate = &fdc_vmstate;
    emu_device_class_add_registers(klass, &fdc_bank, 0);
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
