/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Execution phase of the commands that touch sectors: READ, READ TRACK, WRITE, VERIFY, FORMAT TRACK and the SCANs (82078
 * datasheet, section 5; the SCANs as in that of the 8272A). Ends with seven result bytes: ST0 ST1 ST2 C H R N.
 */

#include "fdc.h"

#include <string.h>

/*
 * Without DMA the disk's pace matters. A driver that has all it wants stops reading and expects an overrun, and one that has moved
 * the last byte of a sector expects to have left its interrupt handler when the next sector or the result asks for it. (Linux does.)
 * On the chip both take some microseconds; a guest that has to wait for its turn gets more: the gap behind a sector is counted from when it has
 * seen in MSR that there is nothing to move, which it may look at a few times, and lasts as long as an overrun when it does not look.
 */
#define FDC_OVERRUN_NS INT64_C(50000000)
#define FDC_GAP_NS INT64_C(2000000)
#define FDC_GAP_LOOKS 4

static FloppyDrive *
fdc_current(const Fdc *s)
{
    return fdc_drive(s, s->unit);
}

static void
fdc_release_dma(Fdc *s)
{
    if (s->dma) {
        EMU_ISA_DMA_GET_IFACE(s->dma)->release_request(s->dma, s->dma_channel);
    }
}

void
fdc_transfer_cancel(Fdc *s)
{
    EmuBlockRequest *request = g_steal_pointer(&s->request);

    s->move = FDC_MOVE_NONE;
    s->sector_pos = s->sector_len = 0;
    fdc_release_dma(s);
    emu_timer_cancel(s->pace_timer);
    s->in_gap = false;
    if (request) {
        emu_block_request_cancel(request);
    }
}

void
fdc_transfer_end(Fdc *s, uint8_t st0, uint8_t st1, uint8_t st2)
{
    s->st0 = st0 | s->side << 2 | s->unit;
    s->st1 = st1;
    s->st2 = st2;
    s->move = FDC_MOVE_NONE;
    s->sector_pos = s->sector_len = 0;
    fdc_release_dma(s);
    emu_timer_cancel(s->pace_timer);
    s->in_gap = false;
    s->fifo[0] = s->st0;
    s->fifo[1] = st1;
    s->fifo[2] = st2;
    s->fifo[3] = s->cylinder;
    s->fifo[4] = s->head;
    s->fifo[5] = s->record;
    s->fifo[6] = s->size_code;
    fdc_begin_result(s, 7);
    fdc_raise_irq(s);
}

/* ---- sectors ------------------------------------------------------------------------------------------- */

/* Are there address marks under the head: a formatted track, read with its density and rate? */
bool
fdc_track_is_readable(const Fdc *s)
{
    FloppyDrive *d = fdc_current(s);

    return d && d->geometry.sectors && s->mfm && (s->ccr & 3) == d->geometry.rate && d->track < d->geometry.tracks &&
           s->side < d->geometry.heads;
}

/* Index of sector @record of the track under the head. */
static uint32_t
fdc_sector_index(const Fdc *s, unsigned record)
{
    const FloppyDrive *d = fdc_current(s);

    return ((uint32_t)d->track * d->geometry.heads + s->side) * d->geometry.per_track + record - 1;
}

/* Is the sector in the image? One that is shorter than its medium has no more. */
static bool
fdc_sector_exists(const Fdc *s, uint32_t index)
{
    return (uint64_t)(index + 1) * FDC_SECTOR <= emu_block_backend_get_length(fdc_current(s)->blk);
}

/* The sector whose ID is looked for, or -1 with the result already given. */
static int64_t
fdc_find_sector(Fdc *s)
{
    FloppyDrive *d = fdc_current(s);
    uint32_t index;

    if (!fdc_track_is_readable(s)) {
        fdc_transfer_end(s, FDC_ST0_ABNORMAL, FDC_ST1_MA, 0);
        return -1;
    }
    if (s->cylinder != d->track) {
        fdc_transfer_end(s, FDC_ST0_ABNORMAL, FDC_ST1_ND, FDC_ST2_WC);
        return -1;
    }
    index = fdc_sector_index(s, s->record);
    if (s->head != s->side || s->size_code != FDC_SIZE_CODE || s->record < 1 || s->record > d->geometry.per_track ||
        !fdc_sector_exists(s, index)) {
        fdc_transfer_end(s, FDC_ST0_ABNORMAL, FDC_ST1_ND, s->st2);
        return -1;
    }
    return index;
}

typedef enum { FDC_NEXT_SECTOR, FDC_NEXT_SIDE, FDC_NEXT_NONE } FdcNext;

/* The ID after @step sectors; none: the end of the track, multi-track: of the cylinder, was passed (datasheet, "result phase table"). */
static FdcNext
fdc_next_id(Fdc *s, unsigned step)
{
    if (s->record > s->end_of_track || s->record + step <= s->end_of_track) {
        s->record += step;
        return FDC_NEXT_SECTOR;
    }
    s->record = 1;
    if (s->multi_track) {
        s->head ^= 1;
        if (s->side == 0) {
            return FDC_NEXT_SIDE;
        }
    }
    s->cylinder++;
    return FDC_NEXT_NONE;
}

/* ---- the chain --------------------------------------------------------------------------------------------- */

static void fdc_sector_begin(Fdc *s);
static void fdc_sector_step(Fdc *s);

static void
fdc_hold_dma(Fdc *s)
{
    EMU_ISA_DMA_GET_IFACE(s->dma)->hold_request(s->dma, s->dma_channel);
    EMU_ISA_DMA_GET_IFACE(s->dma)->schedule(s->dma);
}

static void
fdc_set_pace(Fdc *s, int64_t ns)
{
    emu_timer_set(s->pace_timer, emu_clock_get_ns(emu_device_get_clock(EMU_DEVICE(s), EMU_CLOCK_VIRTUAL)) + ns);
}

static void
fdc_watch_overrun(Fdc *s)
{
    s->serviced = false;
    fdc_set_pace(s, FDC_OVERRUN_NS);
}

/* The buffer is ready for the guest's side: call for DMA, or raise the request for the first bytes. */
static void
fdc_move_bytes(Fdc *s)
{
    if (fdc_uses_dma(s)) {
        fdc_hold_dma(s);
    } else {
        fdc_watch_overrun(s);
        fdc_raise_irq(s);
    }
}

/* Bytes, or the 8237, are waited for. */
static bool
fdc_transfer_is_waiting(const Fdc *s)
{
    return s->phase == FDC_PHASE_EXECUTION && s->move != FDC_MOVE_NONE && !s->request && s->sector_pos < s->sector_len;
}

/* The DMA gate, or the controller behind it, is another than before. */
void
fdc_transfer_gate_changed(Fdc *s)
{
    if (!fdc_transfer_is_waiting(s) || !fdc_uses_dma(s)) {
        fdc_release_dma(s);
    } else {
        fdc_hold_dma(s);
    }
    if (fdc_data_ready(s) && !emu_timer_is_set(s->pace_timer)) {
        fdc_watch_overrun(s);
    }
}

/* A sector was moved: what follows comes at once, or after the gap. */
static void
fdc_sector_finished(Fdc *s)
{
    if (fdc_uses_dma(s)) {
        fdc_sector_step(s);
        return;
    }
    s->sector_pos = s->sector_len = 0;
    s->in_gap = true;
    s->gap_looks = 0;
    fdc_set_pace(s, FDC_OVERRUN_NS);
}

void
fdc_transfer_looked_at(Fdc *s)
{
    if (s->in_gap && s->gap_looks < FDC_GAP_LOOKS) {
        s->gap_looks++;
        fdc_set_pace(s, FDC_GAP_NS);
    }
}

void
fdc_pace_cb(gpointer opaque)
{
    Fdc *s = opaque;

    if (s->in_gap) {
        s->in_gap = false;
        if (s->phase == FDC_PHASE_EXECUTION && s->move != FDC_MOVE_NONE) {
            fdc_sector_step(s);
        }
    } else if (!fdc_data_ready(s)) {
        return;
    } else if (s->serviced) {
        fdc_watch_overrun(s);
    } else {
        fdc_lower_irq(s); /* the result asks anew: to an edge-triggered controller too */
        fdc_transfer_end(s, FDC_ST0_ABNORMAL, s->st1 | FDC_ST1_OR, s->st2);
    }
}

static void
fdc_sector_read_cb(gpointer opaque, int ret)
{
    Fdc *s = opaque;

    if (!s->request) {
        return;
    }
    s->request = NULL;
    if (ret < 0) {
        fdc_transfer_end(s, FDC_ST0_ABNORMAL, s->st1 | FDC_ST1_DE, s->st2 | FDC_ST2_DD);
        return;
    }
    if (s->move == FDC_MOVE_VERIFY) {
        fdc_sector_step(s);
        return;
    }
    s->sector_pos = 0;
    s->sector_len = FDC_SECTOR;
    s->scan_order = 0;
    fdc_move_bytes(s);
}

static void
fdc_fetch(Fdc *s, uint32_t index)
{
    s->sector_pos = s->sector_len = 0;
    s->request = emu_block_backend_read(fdc_current(s)->blk, (uint64_t)index * FDC_SECTOR, s->sector, FDC_SECTOR, fdc_sector_read_cb, s);
}

/* READ TRACK takes sectors as they come by from the index hole on; that their IDs are others than asked for is said at the end. */
static void
fdc_track_sector_begin(Fdc *s)
{
    FloppyDrive *d = fdc_current(s);
    uint32_t index;

    if (!fdc_track_is_readable(s)) {
        fdc_transfer_end(s, FDC_ST0_ABNORMAL, FDC_ST1_MA, 0);
        return;
    }
    if (s->track_sector < 1 || s->track_sector > d->geometry.per_track) {
        s->track_sector = 1; /* another turn */
    }
    index = fdc_sector_index(s, s->track_sector);
    if (!fdc_sector_exists(s, index)) {
        fdc_transfer_end(s, FDC_ST0_ABNORMAL, FDC_ST1_ND, 0);
        return;
    }
    if (s->cylinder != d->track || s->head != s->side || s->size_code != FDC_SIZE_CODE || s->record != s->track_sector) {
        s->st1 |= FDC_ST1_ND;
    }
    fdc_fetch(s, index);
}

/*
 * A sector with the other kind of data mark (datasheet, "effects of SK bit"): skipped, or the last one; ST2 says that
 * there was one. True: it was skipped, and what follows has begun.
 */
static bool
fdc_skip_sector(Fdc *s, uint32_t index)
{
    if (floppy_drive_is_deleted(fdc_current(s), index) == s->deleted) {
        return false;
    }
    s->st2 |= FDC_ST2_CM;
    if (!s->skip) {
        return false;
    }
    fdc_sector_step(s);
    return true;
}

/* Fetches the sector (read, verify, scan), or asks the guest for its bytes (write, format). */
static void
fdc_sector_begin(Fdc *s)
{
    int64_t index;

    s->sector_pos = s->sector_len = 0;
    switch (s->move) {
    case FDC_MOVE_FORMAT:
        s->sector_len = 4; /* C H R N of the next sector */
        fdc_move_bytes(s);
        return;
    case FDC_MOVE_READ_TRACK:
        fdc_track_sector_begin(s);
        return;
    default:
        break;
    }
    index = fdc_find_sector(s);
    if (index < 0) {
        return;
    }
    if (s->move == FDC_MOVE_WRITE) {
        s->sector_len = FDC_SECTOR;
        fdc_move_bytes(s);
    } else if (!fdc_skip_sector(s, index)) {
        fdc_fetch(s, index);
    }
}

/*
 * The end of the track without a terminal count: abnormal, which is what a driver without DMA expects. The ID is that of
 * the last sector (Linux counts on it); the table's next one is for who said stop.
 */
static void
fdc_end_of_track(Fdc *s, uint8_t cylinder, uint8_t head, uint8_t record)
{
    s->cylinder = cylinder;
    s->head = head;
    s->record = record;
    fdc_transfer_end(s, FDC_ST0_ABNORMAL, s->st1 | FDC_ST1_EN, s->st2);
}

static void
fdc_scan_step(Fdc *s)
{
    bool equal = s->scan_order == 0;
    bool met = equal || (s->scan == 0x19 && s->scan_order < 0) || (s->scan == 0x1d && s->scan_order > 0);
    FdcNext next;

    if (met) {
        fdc_transfer_end(s, 0, s->st1, s->st2 | (equal ? FDC_ST2_SH : 0));
        return;
    }
    next = fdc_next_id(s, s->scan_step);
    if (s->terminal_count || next == FDC_NEXT_NONE || (s->st2 & FDC_ST2_CM && !s->skip)) {
        fdc_transfer_end(s, 0, s->st1, s->st2 | FDC_ST2_SN);
        return;
    }
    s->side ^= next == FDC_NEXT_SIDE;
    fdc_sector_begin(s);
}

static void
fdc_format_step(Fdc *s)
{
    if (s->format_count <= 1 || s->terminal_count) {
        fdc_transfer_end(s, 0, 0, 0);
        return;
    }
    s->format_count--;
    fdc_sector_begin(s);
}

static void
fdc_track_step(Fdc *s)
{
    if (!s->terminal_count && s->sectors_left <= 1) {
        fdc_end_of_track(s, s->cylinder, s->head, s->record);
        return;
    }
    s->track_sector++;
    s->record++;
    if (s->terminal_count) {
        fdc_transfer_end(s, 0, s->st1, s->st2);
    } else {
        s->sectors_left--;
        fdc_sector_begin(s);
    }
}

/* After a sector was completely moved, verified or skipped. */
static void
fdc_sector_step(Fdc *s)
{
    uint8_t cylinder = s->cylinder, head = s->head, record = s->record;
    FdcNext next;

    s->sector_pos = s->sector_len = 0;
    switch (s->move) {
    case FDC_MOVE_FORMAT:
        fdc_format_step(s);
        return;
    case FDC_MOVE_READ_TRACK:
        fdc_track_step(s);
        return;
    case FDC_MOVE_SCAN:
        fdc_scan_step(s);
        return;
    default:
        break;
    }
    if (s->st2 & FDC_ST2_CM && !s->skip) {
        fdc_transfer_end(s, 0, s->st1, s->st2); /* the address stays, the next one is not looked for */
        return;
    }
    next = fdc_next_id(s, 1);
    if (s->move == FDC_MOVE_VERIFY && s->sectors_left ? --s->sectors_left == 0 : s->terminal_count) {
        fdc_transfer_end(s, 0, s->st1, s->st2);
    } else if (next == FDC_NEXT_NONE) {
        if (s->move == FDC_MOVE_VERIFY && !s->sectors_left) {
            fdc_transfer_end(s, 0, s->st1, s->st2);
        } else {
            fdc_end_of_track(s, cylinder, head, record);
        }
    } else {
        s->side ^= next == FDC_NEXT_SIDE;
        fdc_sector_begin(s);
    }
}

static void
fdc_sector_write_cb(gpointer opaque, int ret)
{
    Fdc *s = opaque;

    if (!s->request) {
        return;
    }
    s->request = NULL;
    if (ret < 0) {
        fdc_transfer_end(s, FDC_ST0_ABNORMAL, FDC_ST1_DE, FDC_ST2_DD);
        return;
    }
    fdc_sector_finished(s);
}

/* The guest's side has moved the last byte of the buffer. */
static void
fdc_sector_moved(Fdc *s)
{
    FloppyDrive *d = fdc_current(s);
    int64_t index;

    fdc_release_dma(s);
    if (s->move == FDC_MOVE_FORMAT) {
        /* An image has the sectors that it has: another layout cannot be written to it. */
        s->cylinder = s->sector[0];
        s->head = s->sector[1];
        s->record = s->sector[2];
        s->size_code = s->sector[3];
        memset(s->sector, s->format_fill, FDC_SECTOR);
    } else if (s->move != FDC_MOVE_WRITE) {
        fdc_sector_finished(s);
        return;
    }
    index = fdc_find_sector(s);
    if (index < 0) {
        return;
    }
    floppy_drive_set_deleted(d, index, s->deleted);
    s->request = emu_block_backend_write(d->blk, (uint64_t)index * FDC_SECTOR, s->sector, FDC_SECTOR, fdc_sector_write_cb, s);
}

void
fdc_transfer_start(Fdc *s, FdcMove move)
{
    FloppyDrive *d = fdc_current(s);

    s->move = move;
    s->phase = FDC_PHASE_EXECUTION;
    s->terminal_count = false;
    s->st1 = s->st2 = 0;
    s->sector_pos = s->sector_len = 0;
    if (move != FDC_MOVE_FORMAT && s->config & FDC_CONFIG_EIS) {
        fdc_step_to(s, s->unit, s->cylinder);
    }
    if ((move == FDC_MOVE_WRITE || move == FDC_MOVE_FORMAT) && d && d->geometry.sectors && floppy_drive_is_protected(d)) {
        fdc_transfer_end(s, FDC_ST0_ABNORMAL, FDC_ST1_NW, 0);
        return;
    }
    if (!fdc_track_is_readable(s)) {
        fdc_transfer_end(s, FDC_ST0_ABNORMAL, FDC_ST1_MA, 0);
        return;
    }
    fdc_sector_begin(s);
}

/* ---- the guest's side -------------------------------------------------------------------------------------- */

/* SCAN: the first byte that differs orders the sector; 0xff on either side is like anything. */
static void
fdc_scan_bytes(Fdc *s, const uint8_t *memory, unsigned len)
{
    const uint8_t *disk = s->sector + s->sector_pos;

    for (unsigned i = 0; i < len && !s->scan_order; i++) {
        if (memory[i] != 0xff && disk[i] != 0xff && memory[i] != disk[i]) {
            s->scan_order = disk[i] < memory[i] ? -1 : 1;
        }
    }
}

int
fdc_dma_cb(gpointer opaque, int channel, int pos, int size)
{
    Fdc *s = opaque;
    EmuIsaDmaInterface *dma = EMU_ISA_DMA_GET_IFACE(s->dma);
    EmuIsaDmaDirection direction = dma->get_direction(s->dma, channel);
    uint8_t memory[FDC_SECTOR];
    int n;

    if (!fdc_transfer_is_waiting(s)) {
        dma->release_request(s->dma, channel);
        return pos;
    }
    n = MIN((int)(s->sector_len - s->sector_pos), size - pos);
    n = MAX(n, 0);
    if (fdc_data_to_guest(s)) {
        if (direction == EMU_ISA_DMA_WRITE_MEM) {
            dma->write_memory(s->dma, channel, s->sector + s->sector_pos, pos, n);
        }
    } else {
        memset(memory, 0xff, n); /* nobody drives the bus when the 8237 only verifies */
        if (direction == EMU_ISA_DMA_READ_MEM) {
            dma->read_memory(s->dma, channel, memory, pos, n);
        }
        if (s->move == FDC_MOVE_SCAN) {
            fdc_scan_bytes(s, memory, n);
        } else {
            memcpy(s->sector + s->sector_pos, memory, n);
        }
    }
    pos += n;
    s->sector_pos += n;
    if (pos >= size) {
        s->terminal_count = true;
        if (s->sector_pos < s->sector_len && s->move == FDC_MOVE_FORMAT) {
            s->sector_pos = s->sector_len;
            fdc_sector_step(s); /* half an ID */
            return pos;
        }
        /* A partial sector is written filled with zeroes. */
        if (s->move == FDC_MOVE_WRITE) {
            memset(s->sector + s->sector_pos, 0, s->sector_len - s->sector_pos);
        }
        s->sector_pos = s->sector_len;
    }
    if (s->sector_pos >= s->sector_len) {
        fdc_sector_moved(s);
    }
    return pos;
}

bool
fdc_data_ready(const Fdc *s)
{
    return fdc_transfer_is_waiting(s) && !fdc_uses_dma(s);
}

bool
fdc_data_to_guest(const Fdc *s)
{
    return s->move == FDC_MOVE_READ || s->move == FDC_MOVE_READ_TRACK;
}

/*
 * Without DMA, INT asks for service: with the FIFO off for each byte, else whenever it has filled (emptied) down to the
 * threshold, or the sector ends; it goes down when the guest has taken (filled) that.
 */
static void
fdc_byte_moved(Fdc *s)
{
    unsigned burst = s->config & FDC_CONFIG_EFIFO ? 1 : MAX(1, FDC_FIFO - 1 - (s->config & 0x0f));

    s->sector_pos++;
    s->serviced = true;
    if (s->sector_pos >= s->sector_len) {
        fdc_lower_irq(s);
        fdc_sector_moved(s);
    } else if (s->sector_pos % burst == 0) {
        fdc_lower_irq(s);
        fdc_raise_irq(s);
    }
}

uint8_t
fdc_data_read(Fdc *s)
{
    uint8_t value;

    if (!fdc_data_ready(s) || !fdc_data_to_guest(s)) {
        return 0;
    }
    value = s->sector[s->sector_pos];
    fdc_byte_moved(s);
    return value;
}

void
fdc_data_write(Fdc *s, uint8_t value)
{
    if (!fdc_data_ready(s) || fdc_data_to_guest(s)) {
        return;
    }
    if (s->move == FDC_MOVE_SCAN) {
        fdc_scan_bytes(s, &value, 1);
    } else {
        s->sector[s->sector_pos] = value;
    }
    fdc_byte_moved(s);
}
