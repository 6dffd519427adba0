/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a disk's commands do with sectors: where they are, by the data register, by DMA. */

#include "ide.h"
#include <string.h>

/* ---- addresses --------------------------------------------------------------------------------------- */

uint64_t
ide_drive_get_lba(const IdeDrive *s)
{
    if (s->lba48) {
        return (uint64_t)s->hob_hcyl << 40 | (uint64_t)s->hob_lcyl << 32 | (uint64_t)s->hob_sector << 24 |
               (uint64_t)s->hcyl << 16 | (uint64_t)s->lcyl << 8 | s->sector;
    }
    if (s->select & IDE_DEVICE_LBA) {
        return (uint64_t)(s->select & 15) << 24 | (uint64_t)s->hcyl << 16 | (uint64_t)s->lcyl << 8 | s->sector;
    }
    return ((uint64_t)(s->hcyl << 8 | s->lcyl) * s->heads + (s->select & 15)) * s->secs + s->sector - 1u;
}

void
ide_drive_put_lba(IdeDrive *s, uint64_t lba)
{
    if (s->lba48) {
        s->sector = lba;
        s->lcyl = lba >> 8;
        s->hcyl = lba >> 16;
        s->hob_sector = lba >> 24;
        s->hob_lcyl = lba >> 32;
        s->hob_hcyl = lba >> 40;
    } else if (s->select & IDE_DEVICE_LBA) {
        s->sector = lba;
        s->lcyl = lba >> 8;
        s->hcyl = lba >> 16;
        s->select = (s->select & 0xf0) | (lba >> 24 & 15);
    } else {
        uint64_t cylinder = lba / (s->heads * s->secs);
        uint32_t rest = lba % (s->heads * s->secs);

        s->lcyl = cylinder;
        s->hcyl = cylinder >> 8;
        s->select = (s->select & 0xf0) | (rest / s->secs & 15);
        s->sector = rest % s->secs + 1;
    }
}

static uint32_t
ide_drive_get_count(const IdeDrive *s)
{
    uint32_t n;

    if (s->lba48) {
        n = s->hob_nsector << 8 | s->nsector;
        return n ? n : 65536;
    }
    return s->nsector ? s->nsector : 256;
}

/* Checks the request against the medium; aborts with IDNF when it leaves it. */
bool
ide_drive_take_request(IdeDrive *s)
{
    uint32_t n = ide_drive_get_count(s);
    uint64_t lba = ide_drive_get_lba(s);

    if (lba >= s->sectors || n > s->sectors - lba) {
        emu_guest_error("%s: command 0x%02x: sectors %" G_GUINT64_FORMAT "+%u are beyond the end of the disk (%" G_GUINT64_FORMAT ")",
                        emu_object_get_type_name(s), s->command, lba, n, s->sectors);
        ide_drive_abort(s, IDE_ERROR_IDNF | IDE_ERROR_ABRT);
        return false;
    }
    s->lba = lba;
    s->remaining = n;
    s->standby = false; /* the medium is needed */
    return true;
}

static void
ide_drive_io_error(IdeDrive *s, bool read)
{
    ide_drive_put_lba(s, s->lba);
    ide_drive_abort(s, read ? IDE_ERROR_UNC : IDE_ERROR_ABRT);
}

static void
ide_drive_block_done(IdeDrive *s)
{
    s->lba += s->block_sectors;
    s->remaining -= s->block_sectors;
    s->nsector = s->remaining;
    s->hob_nsector = s->remaining >> 8;
    ide_drive_put_lba(s, s->remaining ? s->lba : s->lba - 1);
}

/* ---- PIO ------------------------------------------------------------------------------------------------ */

uint32_t
ide_drive_pio_block(const IdeDrive *s)
{
    bool multiple = s->command == 0xc4 || s->command == 0x29 || s->command == 0xc5 || s->command == 0x39;

    return MIN(s->remaining, multiple ? MAX(s->multiple, 1u) : 1u);
}

static void
ide_drive_pio_read_cb(gpointer opaque, int ret)
{
    IdeDrive *s = opaque;

    if (!s->request) {
        return; /* cancelled */
    }
    s->request = NULL;
    if (ret < 0) {
        ide_drive_io_error(s, true);
        return;
    }
    ide_drive_begin_pio(s, 0, s->block_sectors * IDE_SECTOR, IDE_PHASE_READ_DONE);
    ide_drive_raise(s);
}

void
ide_drive_pio_read_next(IdeDrive *s)
{
    s->block_sectors = ide_drive_pio_block(s);
    s->status = IDE_STATUS_DRDY | IDE_STATUS_DSC | IDE_STATUS_BSY;
    s->request = emu_block_backend_read(s->blk, s->lba * IDE_SECTOR, s->buffer, s->block_sectors * IDE_SECTOR,
                                        ide_drive_pio_read_cb, s);
}

static void
ide_drive_pio_write_cb(gpointer opaque, int ret)
{
    IdeDrive *s = opaque;

    if (!s->request) {
        return;
    }
    s->request = NULL;
    if (ret < 0) {
        ide_drive_io_error(s, false);
        return;
    }
    ide_drive_block_done(s);
    if (!s->remaining) {
        ide_drive_end(s);
        return;
    }
    s->block_sectors = ide_drive_pio_block(s);
    ide_drive_begin_pio(s, 0, s->block_sectors * IDE_SECTOR, IDE_PHASE_WRITE_DONE);
    ide_drive_raise(s);
}

void
ide_drive_phase_done(IdeDrive *s)
{
    switch (s->phase) {
    case IDE_PHASE_READ_DONE:
        ide_drive_block_done(s);
        if (s->remaining) {
            ide_drive_pio_read_next(s);
        } else {
            s->phase = IDE_PHASE_NONE;
            s->data_pos = s->data_end = 0;
            s->status = IDE_STATUS_DRDY | IDE_STATUS_DSC;
        }
        break;
    case IDE_PHASE_WRITE_DONE:
        s->status = IDE_STATUS_DRDY | IDE_STATUS_DSC | IDE_STATUS_BSY;
        s->phase = IDE_PHASE_NONE;
        s->request = emu_block_backend_write(s->blk, s->lba * IDE_SECTOR, s->buffer, s->block_sectors * IDE_SECTOR,
                                             ide_drive_pio_write_cb, s);
        break;
    case IDE_PHASE_PACKET:
        memcpy(s->packet, s->buffer, sizeof(s->packet));
        s->phase = IDE_PHASE_NONE;
        ide_atapi_packet(s);
        break;
    case IDE_PHASE_ATAPI_REPLY:
        ide_atapi_reply_next(s);
        break;
    case IDE_PHASE_ATAPI_SINK:
        s->nsector = IDE_REASON_CD | IDE_REASON_IO;
        ide_drive_end(s);
        break;
    default:
        s->phase = IDE_PHASE_NONE;
        s->data_pos = s->data_end = 0;
        s->status = IDE_STATUS_DRDY | IDE_STATUS_DSC;
        break;
    }
}

/* ---- DMA ------------------------------------------------------------------------------------------------- */

void
ide_drive_dma_arm(IdeDrive *s, IdeDmaKind kind)
{
    s->dma_kind = kind;
    s->status = IDE_STATUS_DRDY | IDE_STATUS_DSC | IDE_STATUS_DRQ;
    s->bus->dma->start(s->bus->dma_opaque, s);
}

static void ide_drive_dma_next(IdeDrive *s);

static void
ide_drive_dma_read_cb(gpointer opaque, int ret)
{
    IdeDrive *s = opaque;
    uint32_t moved;

    if (!s->request) {
        return;
    }
    s->request = NULL;
    if (ret < 0) {
        ide_drive_io_error(s, true);
        return;
    }
    moved = s->bus->dma->move(s->bus->dma_opaque, s->buffer, s->block_sectors * IDE_SECTOR, true);
    if (moved < s->block_sectors * IDE_SECTOR) {
        /* The descriptors are shorter than the request: the drive would wait for ever; end the command. */
        emu_guest_error("%s: DMA descriptors end %u bytes before the data", emu_object_get_type_name(s),
                        s->remaining * IDE_SECTOR - moved);
        ide_drive_end(s);
        return;
    }
    ide_drive_block_done(s);
    ide_drive_dma_next(s);
}

static void
ide_drive_dma_write_cb(gpointer opaque, int ret)
{
    IdeDrive *s = opaque;

    if (!s->request) {
        return;
    }
    s->request = NULL;
    if (ret < 0) {
        ide_drive_io_error(s, false);
        return;
    }
    ide_drive_block_done(s);
    ide_drive_dma_next(s);
}

static void
ide_drive_dma_next(IdeDrive *s)
{
    uint32_t bytes;

    if (!s->remaining) {
        ide_drive_end(s);
        return;
    }
    s->block_sectors = MIN(s->remaining, IDE_BUFFER_SECTORS);
    bytes = s->block_sectors * IDE_SECTOR;
    s->status = IDE_STATUS_DRDY | IDE_STATUS_DSC | IDE_STATUS_BSY;
    if (s->dma_kind == IDE_DMA_READ) {
        s->request = emu_block_backend_read(s->blk, s->lba * IDE_SECTOR, s->buffer, bytes, ide_drive_dma_read_cb, s);
        return;
    }
    if (s->bus->dma->move(s->bus->dma_opaque, s->buffer, bytes, false) < bytes) {
        emu_guest_error("%s: DMA descriptors end before the data to write", emu_object_get_type_name(s));
        ide_drive_abort(s, IDE_ERROR_ABRT);
        return;
    }
    s->request = emu_block_backend_write(s->blk, s->lba * IDE_SECTOR, s->buffer, bytes, ide_drive_dma_write_cb, s);
}

void
ide_drive_dma_run(IdeDrive *s)
{
    if (s->request) {
        return;
    }
    switch (s->dma_kind) {
    case IDE_DMA_READ:
    case IDE_DMA_WRITE:
        ide_drive_dma_next(s);
        break;
    case IDE_DMA_ATAPI_READ:
    case IDE_DMA_ATAPI_BUFFER:
        ide_atapi_dma_run(s);
        break;
    default:
        break;
    }
}
