/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Execution phase of the commands that touch sectors: READ, WRITE, VERIFY, FORMAT TRACK and the SCANs (82078 datasheet,
 * section 6). Ends with seven result bytes: ST0 ST1 ST2 C H R N.
 */

#include "fdc.h"

#include <string.h>

#define ST0_ABNORMAL 0x40
#define ST0_NOT_READY 0x08
#define ST1_EN 0x80
#define ST1_NW 0x02
#define ST1_ND 0x04
#define ST1_MA 0x01
#define ST1_DE 0x20
#define ST2_SH 0x08
#define ST2_SN 0x04
#define ST2_WC 0x10

static FloppyDrive *
fdc_current(const Fdc *s)
{
    return s->unit < FDC_DRIVES ? s->drives[s->unit] : NULL;
}

void
fdc_transfer_cancel(Fdc *s)
{
    EmuBlockRequest *request = g_steal_pointer(&s->request);

    s->move = FDC_MOVE_NONE;
    s->sector_pos = s->sector_len = 0;
    if (s->dma) {
        EMU_ISA_DMA_GET_IFACE(s->dma)->release_request(s->dma, s->dma_channel);
    }
    if (request) {
        emu_block_request_cancel(request);
    }
}

void
fdc_transfer_end(Fdc *s, uint8_t st0, uint8_t st1, uint8_t st2)
{
    s->st0 = st0 | s->head << 2 | s->unit;
    s->st1 = st1;
    s->st2 = st2;
    s->move = FDC_MOVE_NONE;
    s->sector_pos = s->sector_len = 0;
    if (s->dma) {
        EMU_ISA_DMA_GET_IFACE(s->dma)->release_request(s->dma, s->dma_channel);
    }
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

/* Steps to the next sector; false when the end of the track (and, multi-track, of the cylinder) was passed. */
static bool
fdc_next_sector(Fdc *s)
{
    if (s->record != s->end_of_track) {
        s->record++;
        return true;
    }
    s->record = 1;
    if (s->multi_track && s->head == 0) {
        s->head = 1;
        return true;
    }
    if (s->multi_track) {
        s->head = 0;
    }
    s->cylinder++;
    return false;
}

/* Byte offset of the current sector on the medium, or -1 with the result already given. */
static int64_t
fdc_sector_offset(Fdc *s)
{
    FloppyDrive *d = fdc_current(s);

    if (!d || !d->geometry.sectors) {
        fdc_transfer_end(s, ST0_ABNORMAL | (d ? 0 : ST0_NOT_READY), ST1_MA, 0);
        return -1;
    }
    if (s->size_code != 2 || s->head >= d->geometry.heads || s->record < 1 || s->record > d->geometry.per_track ||
        s->cylinder != d->track || s->cylinder >= d->geometry.tracks) {
        fdc_transfer_end(s, ST0_ABNORMAL, s->cylinder != d->track ? ST1_ND | ST1_MA : ST1_ND, 0);
        return -1;
    }
    return (((int64_t)s->cylinder * d->geometry.heads + s->head) * d->geometry.per_track + s->record - 1) * FDC_SECTOR;
}

static void fdc_sector_begin(Fdc *s);

/* The buffer is ready for the guest's side: call for DMA, or raise the request for a byte. */
static void
fdc_move_bytes(Fdc *s)
{
    if (s->move == FDC_MOVE_VERIFY) {
        s->sector_pos = s->sector_len;
    }
    if (fdc_uses_dma(s)) {
        EMU_ISA_DMA_GET_IFACE(s->dma)->hold_request(s->dma, s->dma_channel);
        EMU_ISA_DMA_GET_IFACE(s->dma)->schedule(s->dma);
    } else {
        fdc_raise_irq(s);
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
        fdc_transfer_end(s, ST0_ABNORMAL, ST1_DE, 0);
        return;
    }
    s->sector_pos = 0;
    s->sector_len = FDC_SECTOR;
    if (s->move == FDC_MOVE_VERIFY && !fdc_uses_dma(s)) {
        if (s->record == s->end_of_track && !(s->multi_track && s->head == 0)) {
            fdc_next_sector(s);
            fdc_transfer_end(s, 0, 0, 0);
        } else {
            fdc_next_sector(s);
            fdc_sector_begin(s);
        }
        return;
    }
    fdc_move_bytes(s);
}

/* Fetches the sector (read, verify, scan), or asks the guest for its bytes (write, format). */
static void
fdc_sector_begin(Fdc *s)
{
    FloppyDrive *d = fdc_current(s);
    int64_t offset;

    if (s->move == FDC_MOVE_FORMAT) {
        s->sector_pos = 0;
        s->sector_len = 4; /* C H R N of the next sector */
        fdc_move_bytes(s);
        return;
    }
    offset = fdc_sector_offset(s);
    if (offset < 0) {
        return;
    }
    if (s->move == FDC_MOVE_WRITE) {
        s->sector_pos = 0;
        s->sector_len = FDC_SECTOR;
        fdc_move_bytes(s);
        return;
    }
    s->sector_len = 0;
    if ((uint64_t)offset + FDC_SECTOR > emu_block_backend_get_length(d->blk)) {
        fdc_transfer_end(s, ST0_ABNORMAL, ST1_ND, 0);
        return;
    }
    s->request = emu_block_backend_read(d->blk, offset, s->sector, FDC_SECTOR, fdc_sector_read_cb, s);
}

/* After a sector was completely moved. */
static void
fdc_sector_step(Fdc *s)
{
    bool more;

    s->sector_pos = s->sector_len = 0;
    if (s->move == FDC_MOVE_FORMAT) {
        if (s->format_count == 0 || --s->format_count == 0 || s->terminal_count) {
            fdc_transfer_end(s, 0, 0, 0);
        } else {
            fdc_sector_begin(s);
        }
        return;
    }
    more = fdc_next_sector(s);
    if (s->terminal_count) {
        fdc_transfer_end(s, 0, 0, s->st2);
    } else if (!more) {
        /* The track ended before the DMA controller said stop: abnormal with DMA, the normal end without. */
        fdc_transfer_end(s, fdc_uses_dma(s) ? ST0_ABNORMAL : 0, fdc_uses_dma(s) ? ST1_EN : 0, s->st2);
    } else {
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
        fdc_transfer_end(s, ST0_ABNORMAL, ST1_DE, 0);
        return;
    }
    fdc_sector_step(s);
}

/* The guest's side has moved the last byte of the buffer. */
static void
fdc_sector_moved(Fdc *s)
{
    FloppyDrive *d = fdc_current(s);
    int64_t offset;

    if (s->dma) {
        EMU_ISA_DMA_GET_IFACE(s->dma)->release_request(s->dma, s->dma_channel);
    }
    if (s->move == FDC_MOVE_FORMAT) {
        s->cylinder = s->sector[0];
        s->head = s->sector[1] & 1;
        s->record = s->sector[2];
        s->size_code = s->sector[3];
        memset(s->sector, s->format_fill, FDC_SECTOR);
    } else if (s->move != FDC_MOVE_WRITE) {
        fdc_sector_step(s);
        return;
    }
    offset = fdc_sector_offset(s);
    if (offset < 0) {
        return;
    }
    if ((uint64_t)offset + FDC_SECTOR > emu_block_backend_get_length(d->blk)) {
        fdc_transfer_end(s, ST0_ABNORMAL, ST1_ND, 0);
        return;
    }
    s->request = emu_block_backend_write(d->blk, offset, s->sector, FDC_SECTOR, fdc_sector_write_cb, s);
}

void
fdc_transfer_start(Fdc *s, FdcMove move)
{
    FloppyDrive *d = fdc_current(s);

    s->move = move;
    s->phase = FDC_PHASE_EXECUTION;
    s->terminal_count = false;
    s->st2 = 0;
    s->sector_pos = s->sector_len = 0;
    if (!d || !d->geometry.sectors) {
        fdc_transfer_end(s, ST0_ABNORMAL | (d ? 0 : ST0_NOT_READY), ST1_MA, 0);
        return;
    }
    if ((move == FDC_MOVE_WRITE || move == FDC_MOVE_FORMAT) && emu_block_backend_is_read_only(d->blk)) {
        fdc_transfer_end(s, ST0_ABNORMAL, ST1_NW, 0);
        return;
    }
    fdc_sector_begin(s);
}

/* SCAN: compares memory with the disk; 0xff on either side matches anything. */
static void
fdc_scan_bytes(Fdc *s, const uint8_t *memory, const uint8_t *disk, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        if (memory[i] == 0xff || disk[i] == 0xff || memory[i] == disk[i]) {
            continue;
        }
        s->st2 &= ~ST2_SH;
        if (s->scan == 0x11 || (s->scan == 0x19 && disk[i] > memory[i]) || (s->scan == 0x1d && disk[i] < memory[i])) {
            s->st2 |= ST2_SN;
        }
        return;
    }
    s->st2 |= ST2_SH;
}

int
fdc_dma_cb(gpointer opaque, int channel, int pos, int size)
{
    Fdc *s = opaque;
    EmuIsaDmaInterface *dma = EMU_ISA_DMA_GET_IFACE(s->dma);
    int n;

    if (s->phase != FDC_PHASE_EXECUTION || s->move == FDC_MOVE_NONE || s->request || !s->sector_len) {
        dma->release_request(s->dma, channel);
        return pos;
    }
    n = MIN((int)(s->sector_len - s->sector_pos), size - pos);
    if (s->move == FDC_MOVE_VERIFY) {
        n = MIN((int)FDC_SECTOR, size - pos);
    }
    if (n < 0) {
        n = 0;
    }
    switch (s->move) {
    case FDC_MOVE_READ:
        if (dma->get_direction(s->dma, channel) == EMU_ISA_DMA_WRITE_MEM) {
            dma->write_memory(s->dma, channel, s->sector + s->sector_pos, pos, n);
        }
        break;
    case FDC_MOVE_WRITE:
    case FDC_MOVE_FORMAT:
        if (dma->get_direction(s->dma, channel) == EMU_ISA_DMA_READ_MEM) {
            dma->read_memory(s->dma, channel, s->sector + s->sector_pos, pos, n);
        }
        break;
    case FDC_MOVE_SCAN: {
        uint8_t memory[FDC_SECTOR];

        dma->read_memory(s->dma, channel, memory, pos, n);
        fdc_scan_bytes(s, memory, s->sector + s->sector_pos, n);
        break;
    }
    default:
        break;
    }
    pos += n;
    if (s->move != FDC_MOVE_VERIFY) {
        s->sector_pos += n;
    }
    if (pos >= size) {
        s->terminal_count = true;
        /* A partial sector is written filled with zeroes. */
        if (s->move == FDC_MOVE_WRITE && s->sector_pos < s->sector_len) {
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
    return s->phase == FDC_PHASE_EXECUTION && s->move != FDC_MOVE_NONE && !s->request && !fdc_uses_dma(s) &&
           s->sector_pos < s->sector_len;
}

bool
fdc_data_to_guest(const Fdc *s)
{
    return s->move == FDC_MOVE_READ || s->move == FDC_MOVE_VERIFY;
}

uint8_t
fdc_data_read(Fdc *s)
{
    uint8_t value;

    if (!fdc_data_ready(s) || !fdc_data_to_guest(s)) {
        return 0;
    }
    value = s->sector[s->sector_pos++];
    if (s->sector_pos >= s->sector_len) {
        fdc_sector_moved(s);
    }
    return value;
}

void
fdc_data_write(Fdc *s, uint8_t value)
{
    if (!fdc_data_ready(s) || fdc_data_to_guest(s)) {
        return;
    }
    if (s->move == FDC_MOVE_SCAN) {
        fdc_scan_bytes(s, &value, s->sector + s->sector_pos++, 1);
    } else {
        s->sector[s->sector_pos++] = value;
    }
    if (s->sector_pos >= s->sector_len) {
        fdc_sector_moved(s);
    }
}
