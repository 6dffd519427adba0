/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Disk commands and what disks and CDs share: IDENTIFY, PIO and DMA transfers, reset, saved state.
 * (ATA/ATAPI-6, INCITS 361-2002, chapters 8 and 9.)
 *
 * A transfer is a chain of blocks. Reading: fill the buffer from the back end, then let the guest (PIO) or the bus master
 * (DMA) drain it. Writing: the other way round. Only the completion callbacks below step the chain.
 */

#include "ide.h"

#include <string.h>

/* ---- helpers -------------------------------------------------------------------------------------- */

void
ide_drive_raise(IdeDrive *s)
{
    bool was_requesting = s->bus->drives[s->bus->unit] != s && ide_bus_is_requesting(s->bus);

    s->interrupt_pending = true;
    ide_bus_update_irq(s->bus, was_requesting);
}

static void
ide_drive_stop_transfer(IdeDrive *s)
{
    s->phase = IDE_PHASE_NONE;
    s->data_pos = s->data_end = 0;
    s->remaining = s->block_sectors = 0;
    s->reply_len = s->reply_pos = 0;
    if (s->dma_kind != IDE_DMA_NONE) {
        s->dma_kind = IDE_DMA_NONE;
        if (s->bus->dma) {
            s->bus->dma->finish(s->bus->dma_opaque);
        }
    }
}

void
ide_drive_end(IdeDrive *s)
{
    ide_drive_stop_transfer(s);
    s->status = IDE_STATUS_DRDY | IDE_STATUS_DSC;
    ide_drive_raise(s);
}

void
ide_drive_abort(IdeDrive *s, uint8_t error)
{
    ide_drive_stop_transfer(s);
    s->error = error;
    s->status = IDE_STATUS_DRDY | IDE_STATUS_DSC | IDE_STATUS_ERR;
    ide_drive_raise(s);
}

void
ide_drive_begin_pio(IdeDrive *s, uint32_t pos, uint32_t len, IdePhase phase)
{
    s->data_pos = pos;
    s->data_end = pos + len;
    s->phase = phase;
    s->status = IDE_STATUS_DRDY | IDE_STATUS_DSC | IDE_STATUS_DRQ;
}

void
ide_drive_cancel(IdeDrive *s)
{
    EmuBlockRequest *request = g_steal_pointer(&s->request);

    if (request) {
        emu_block_request_cancel(request);
    }
    if (s->dma_kind != IDE_DMA_NONE && s->bus->dma) {
        s->bus->dma->cancel(s->bus->dma_opaque);
    }
    s->dma_kind = IDE_DMA_NONE;
    s->phase = IDE_PHASE_NONE;
    s->data_pos = s->data_end = 0;
    s->remaining = s->block_sectors = 0;
    s->reply_len = s->reply_pos = 0;
}

void
ide_drive_set_signature(IdeDrive *s)
{
    s->select &= 0xf0;
    s->nsector = 1;
    s->sector = 1;
    s->lcyl = s->is_cd ? 0x14 : 0;
    s->hcyl = s->is_cd ? 0xeb : 0;
    s->error = 1;
}

static void
ide_drive_default_geometry(IdeDrive *s)
{
    uint64_t cylinders;

    s->default_heads = s->heads ? s->heads : 16;
    s->default_secs = s->secs ? s->secs : 63;
    if (!s->cyls) {
        cylinders = s->sectors / (s->default_heads * s->default_secs);
        s->cyls = CLAMP(cylinders, 2, 16383);
    }
    s->heads = s->default_heads;
    s->secs = s->default_secs;
}

void
ide_drive_reset(IdeDrive *s)
{
    ide_drive_cancel(s);
    s->heads = s->default_heads;
    s->secs = s->default_secs;
    s->feature = s->hob_feature = s->hob_nsector = s->hob_sector = s->hob_lcyl = s->hob_hcyl = 0;
    s->select = 0xa0;
    s->multiple = IDE_MAX_MULTIPLE;
    s->write_cache = true;
    s->udma_mode = 0x40 | 5;
    s->mwdma_mode = 0;
    s->standby = false;
    s->command = 0;
    s->interrupt_pending = false;
    s->sense_key = s->asc = s->ascq = 0;
    s->atapi_dma = false;
    ide_drive_set_signature(s);
    s->status = s->is_cd ? 0 : IDE_STATUS_DRDY | IDE_STATUS_DSC;
}

/* ---- IDENTIFY --------------------------------------------------------------------------------------- */

static void
put_string(uint16_t *w, unsigned words, const char *text)
{
    gsize len = strlen(text);

    for (unsigned i = 0; i < words; i++) {
        uint8_t a = i * 2 < len ? text[i * 2] : ' ';
        uint8_t b = i * 2 + 1 < len ? text[i * 2 + 1] : ' ';

        w[i] = GUINT16_TO_LE(a << 8 | b);
    }
}

static void
put_word(uint16_t *w, unsigned index, uint16_t value)
{
    w[index] = GUINT16_TO_LE(value);
}

static void
ide_drive_identify(IdeDrive *s)
{
    uint16_t *w = (uint16_t *)s->buffer;
    uint32_t chs = s->cyls * s->heads * s->secs;
    uint32_t lba28 = MIN(s->sectors, 0x0fffffff);

    memset(w, 0, 512);
    put_string(w + 10, 10, s->serial);
    put_string(w + 23, 4, s->version);
    put_string(w + 27, 20, s->model);
    if (s->is_cd) {
        put_word(w, 0, 0x8580); /* ATAPI, CD, removable, DRQ within 50 us, 12-byte packets */
        put_word(w, 49, 0x0b00); /* DMA, LBA, IORDY */
        put_word(w, 126, 0);
    } else {
        put_word(w, 0, 0x0040);
        put_word(w, 1, s->cyls);
        put_word(w, 3, s->heads);
        put_word(w, 4, 512 * s->secs);
        put_word(w, 5, 512);
        put_word(w, 6, s->secs);
        put_word(w, 20, 3);
        put_word(w, 21, 512);
        put_word(w, 22, 4);
        put_word(w, 47, 0x8000 | IDE_MAX_MULTIPLE);
        put_word(w, 48, 1);
        put_word(w, 49, 0x0f00);
        put_word(w, 50, 0x4000);
        put_word(w, 51, 0x0200);
        put_word(w, 52, 0x0200);
        put_word(w, 54, s->cyls);
        put_word(w, 55, s->heads);
        put_word(w, 56, s->secs);
        put_word(w, 57, chs);
        put_word(w, 58, chs >> 16);
        put_word(w, 59, s->multiple ? 0x100 | s->multiple : 0);
        put_word(w, 60, lba28);
        put_word(w, 61, lba28 >> 16);
        put_word(w, 85, 0x4000 | (s->smart_enabled ? 0x01 : 0) | (s->write_cache ? 0x20 : 0));
        put_word(w, 100, s->sectors);
        put_word(w, 101, s->sectors >> 16);
        put_word(w, 102, s->sectors >> 32);
        put_word(w, 103, s->sectors >> 48);
    }
    put_word(w, 53, 7);
    put_word(w, 62, 0);
    put_word(w, 63, 0x07 | (s->mwdma_mode ? 1 << (8 + (s->mwdma_mode & 7)) : 0));
    put_word(w, 64, 3);
    put_word(w, 65, 120);
    put_word(w, 66, 120);
    put_word(w, 67, 120);
    put_word(w, 68, 120);
    put_word(w, 80, 0x00f0); /* ATA/ATAPI-4 to 7 */
    put_word(w, 81, 0x0016);
    put_word(w, 82, s->is_cd ? 0x4214 : 0x4021);
    put_word(w, 83, s->is_cd ? 0x4000 : 0x7400);
    put_word(w, 84, s->is_cd ? 0x4000 : 0x4003); /* SMART error log and self-test */
    put_word(w, 86, s->is_cd ? 0 : 0x3400);
    put_word(w, 87, s->is_cd ? 0x4000 : 0x4003);
    put_word(w, 88, 0x3f | (s->udma_mode ? 1 << (8 + (s->udma_mode & 7)) : 0));
    if (s->bus->sata) {
        put_word(w, 75, s->is_cd ? 0 : IDE_QUEUE_DEPTH - 1);
        put_word(w, 76, 1 << 1 | (s->is_cd ? 0 : 1 << 8)); /* generation 1; native command queueing */
    } else {
        put_word(w, 93, 1 | 1 << 14 | 0x2000);
    }
}

/* ---- commands --------------------------------------------------------------------------------------------- */

static void
ide_drive_flush_cb(gpointer opaque, int ret)
{
    IdeDrive *s = opaque;

    if (!s->request) {
        return;
    }
    s->request = NULL;
    if (ret < 0) {
        ide_drive_abort(s, IDE_ERROR_ABRT);
    } else {
        ide_drive_end(s);
    }
}

static void
ide_drive_set_features(IdeDrive *s)
{
    uint8_t mode = s->nsector & 7;

    switch (s->feature) {
    case 0x02:
        s->write_cache = true;
        break;
    case 0x82:
        s->write_cache = false;
        break;
    case 0x03:
        /* No mode that IDENTIFY does not offer: PIO 4, multiword DMA 2, Ultra DMA 5. */
        if (mode > (s->nsector >> 3 == 8 ? 5 : s->nsector >> 3 == 4 ? 2 : s->nsector >> 3 == 1 ? 4 : 1)) {
            ide_drive_abort(s, IDE_ERROR_ABRT);
            return;
        }
        switch (s->nsector >> 3) {
        case 0: /* PIO default */
        case 1: /* PIO flow control */
            s->mwdma_mode = s->udma_mode = 0;
            break;
        case 4:
            s->mwdma_mode = 0x40 | mode;
            s->udma_mode = 0;
            break;
        case 8:
            s->udma_mode = 0x40 | mode;
            s->mwdma_mode = 0;
            break;
        default:
            ide_drive_abort(s, IDE_ERROR_ABRT);
            return;
        }
        break;
    case 0x05: /* advanced power management */
    case 0x85:
    case 0x42: /* acoustic management */
    case 0xc2:
    case 0x55: /* read look-ahead */
    case 0xaa:
    case 0x66: /* power-on defaults */
    case 0xcc:
    case 0x67:
    case 0x69:
        break;
    default:
        ide_drive_abort(s, IDE_ERROR_ABRT);
        return;
    }
    ide_drive_end(s);
}

/* SMART: a healthy disk without history (ATA/ATAPI-7 volume 1, 6.54). */

static void
ide_drive_send_sector(IdeDrive *s)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < IDE_SECTOR - 1; i++) {
        sum += s->buffer[i];
    }
    s->buffer[IDE_SECTOR - 1] = -sum; /* all 512 bytes add up to 0 */
    ide_drive_begin_pio(s, 0, IDE_SECTOR, IDE_PHASE_LAST);
    ide_drive_raise(s);
}

static void
ide_drive_smart_read_data(IdeDrive *s)
{
    memset(s->buffer, 0, IDE_SECTOR);
    s->buffer[0] = 1;
    s->buffer[362] = 0x02; /* off-line collection completed */
    s->buffer[367] = 0x11; /* off-line immediate, self-tests */
    s->buffer[368] = 0x03; /* attributes saved, autosave */
    s->buffer[370] = 0x01; /* error log */
    s->buffer[372] = 2;    /* minutes: short and extended self-test */
    s->buffer[373] = 2;
    ide_drive_send_sector(s);
}

/* Logs of one sector: 0 directory, 1 errors, 6 self-tests. */
static void
ide_drive_smart_read_log(IdeDrive *s)
{
    if (s->nsector != 1 || (s->sector != 0 && s->sector != 1 && s->sector != 6)) {
        ide_drive_abort(s, IDE_ERROR_ABRT);
        return;
    }
    memset(s->buffer, 0, IDE_SECTOR);
    s->buffer[0] = 1; /* version */
    if (s->sector == 0) {
        s->buffer[2 * 1] = s->buffer[2 * 6] = 1; /* sectors */
        ide_drive_begin_pio(s, 0, IDE_SECTOR, IDE_PHASE_LAST);
        ide_drive_raise(s);
        return;
    }
    ide_drive_send_sector(s);
}

static void
ide_drive_smart(IdeDrive *s)
{
    if (s->hcyl != 0xc2 || s->lcyl != 0x4f || (!s->smart_enabled && s->feature != 0xd8)) {
        ide_drive_abort(s, IDE_ERROR_ABRT);
        return;
    }
    switch (s->feature) {
    case 0xd8:
        s->smart_enabled = true;
        ide_drive_end(s);
        break;
    case 0xd9:
        s->smart_enabled = false;
        ide_drive_end(s);
        break;
    case 0xda: /* return status: the cylinder registers stay as they are: no threshold exceeded */
    case 0xd2:
    case 0xd3:
    case 0xd4: /* off-line tests and self-tests: done at once, nothing found */
    case 0xdb:
        ide_drive_end(s);
        break;
    case 0xd0:
        ide_drive_smart_read_data(s);
        break;
    case 0xd1: /* thresholds of no attributes */
        memset(s->buffer, 0, IDE_SECTOR);
        s->buffer[0] = 1;
        ide_drive_send_sector(s);
        break;
    case 0xd5:
        ide_drive_smart_read_log(s);
        break;
    default:
        ide_drive_abort(s, IDE_ERROR_ABRT);
        break;
    }
}

static void
ide_drive_start_read(IdeDrive *s)
{
    if (ide_drive_take_request(s)) {
        ide_drive_pio_read_next(s);
    }
}

static void
ide_drive_start_write(IdeDrive *s)
{
    if (emu_block_backend_is_read_only(s->blk)) {
        ide_drive_abort(s, IDE_ERROR_ABRT);
        return;
    }
    if (ide_drive_take_request(s)) {
        s->block_sectors = ide_drive_pio_block(s);
        ide_drive_begin_pio(s, 0, s->block_sectors * IDE_SECTOR, IDE_PHASE_WRITE_DONE);
    }
}

static void
ide_drive_start_dma(IdeDrive *s, IdeDmaKind kind)
{
    if (!s->bus->dma || (kind == IDE_DMA_WRITE && emu_block_backend_is_read_only(s->blk))) {
        ide_drive_abort(s, IDE_ERROR_ABRT);
        return;
    }
    if (ide_drive_take_request(s)) {
        ide_drive_dma_arm(s, kind);
    }
}

/* Commands that disks and CDs share; false: not one of these. */
static bool
ide_drive_execute_common(IdeDrive *s, uint8_t command)
{
    switch (command) {
    case IDE_CMD_DIAGNOSE: /* EXECUTE DEVICE DIAGNOSTIC */
        for (unsigned i = 0; i < 2; i++) {
            IdeDrive *d = s->bus->drives[i];

            if (d) {
                ide_drive_cancel(d);
                d->select &= 0xe0;
                ide_drive_set_signature(d);
                d->status = d->is_cd ? 0 : IDE_STATUS_DRDY | IDE_STATUS_DSC;
                d->interrupt_pending = false;
            }
        }
        s->bus->unit = 0;
        if (s->bus->drives[0]) {
            ide_drive_raise(s->bus->drives[0]); /* the slave says nothing */
        }
        return true;
    case 0xef:
        ide_drive_set_features(s);
        return true;
    case 0xe7: /* FLUSH CACHE */
    case 0xea:
        if (!emu_block_backend_has_medium(s->blk)) {
            ide_drive_end(s);
            return true;
        }
        s->status = IDE_STATUS_DRDY | IDE_STATUS_DSC | IDE_STATUS_BSY;
        s->request = emu_block_backend_flush(s->blk, ide_drive_flush_cb, s);
        return true;
    case 0xe0: /* STANDBY IMMEDIATE */
    case 0x94:
    case 0xe2: /* STANDBY: its timer aside, it is in Standby from now on */
    case 0x96:
    case 0xe6: /* SLEEP */
    case 0x99:
        s->standby = true;
        ide_drive_end(s);
        return true;
    case 0xe1: /* IDLE IMMEDIATE */
    case 0x95:
    case 0xe3: /* IDLE */
    case 0x97:
        s->standby = false;
        ide_drive_end(s);
        return true;
    case 0xe5: /* CHECK POWER MODE */
    case 0x98:
        s->nsector = s->standby ? 0x00 : 0xff;
        ide_drive_end(s);
        return true;
    default:
        return false;
    }
}

static void
ide_hd_execute(IdeDrive *s, uint8_t command)
{
    switch (command) {
    case 0xec: /* IDENTIFY DEVICE */
        ide_drive_identify(s);
        ide_drive_begin_pio(s, 0, IDE_SECTOR, IDE_PHASE_LAST);
        ide_drive_raise(s);
        break;
    case 0x91: /* INITIALIZE DEVICE PARAMETERS */
        if (!s->nsector) {
            ide_drive_abort(s, IDE_ERROR_ABRT);
            break;
        }
        s->heads = (s->select & 15) + 1;
        s->secs = s->nsector;
        ide_drive_end(s);
        break;
    case 0x24: /* READ SECTORS EXT */
    case 0x29: /* READ MULTIPLE EXT */
        s->lba48 = true;
        /* fall through */
    case 0x20:
    case 0x21:
    case 0xc4:
        if ((command == 0xc4 || command == 0x29) && !s->multiple) {
            ide_drive_abort(s, IDE_ERROR_ABRT);
            break;
        }
        ide_drive_start_read(s);
        break;
    case 0x34: /* WRITE SECTORS EXT */
    case 0x39: /* WRITE MULTIPLE EXT */
        s->lba48 = true;
        /* fall through */
    case 0x30:
    case 0x31:
    case 0x3c:
    case 0xc5:
        if ((command == 0xc5 || command == 0x39) && !s->multiple) {
            ide_drive_abort(s, IDE_ERROR_ABRT);
            break;
        }
        ide_drive_start_write(s);
        break;
    case 0x25: /* READ DMA EXT */
        s->lba48 = true;
        /* fall through */
    case 0xc8:
    case 0xc9:
        ide_drive_start_dma(s, IDE_DMA_READ);
        break;
    case 0x35: /* WRITE DMA EXT */
        s->lba48 = true;
        /* fall through */
    case 0xca:
    case 0xcb:
        ide_drive_start_dma(s, IDE_DMA_WRITE);
        break;
    case 0x42: /* READ VERIFY EXT */
        s->lba48 = true;
        /* fall through */
    case 0x40:
    case 0x41:
        if (ide_drive_take_request(s)) {
            s->lba += s->remaining - 1;
            ide_drive_put_lba(s, s->lba);
            ide_drive_end(s);
        }
        break;
    case 0xc6: /* SET MULTIPLE MODE */
        if (s->nsector > IDE_MAX_MULTIPLE || (s->nsector & (s->nsector - 1))) {
            ide_drive_abort(s, IDE_ERROR_ABRT);
        } else {
            s->multiple = s->nsector;
            ide_drive_end(s);
        }
        break;
    case 0x27: /* READ NATIVE MAX ADDRESS EXT */
        s->lba48 = true;
        /* fall through */
    case 0xf8:
        ide_drive_put_lba(s, (s->lba48 ? s->sectors : MIN(s->sectors, 0x10000000)) - 1);
        ide_drive_end(s);
        break;
    case 0x70: /* SEEK */
        if (ide_drive_get_lba(s) >= s->sectors) {
            ide_drive_abort(s, IDE_ERROR_IDNF | IDE_ERROR_ABRT);
        } else {
            ide_drive_end(s);
        }
        break;
    case 0x10 ... 0x1f: /* RECALIBRATE */
        s->error = 0;
        ide_drive_end(s);
        break;
    case 0xb0:
        ide_drive_smart(s);
        break;
    default:
        ide_drive_abort(s, IDE_ERROR_ABRT);
        break;
    }
}

static void
ide_cd_execute(IdeDrive *s, uint8_t command)
{
    switch (command) {
    case 0xa1: /* IDENTIFY PACKET DEVICE */
        ide_drive_identify(s);
        ide_drive_begin_pio(s, 0, IDE_SECTOR, IDE_PHASE_LAST);
        ide_drive_raise(s);
        break;
    case 0xa0: /* PACKET */
        s->atapi_dma = s->feature & 1;
        s->nsector = IDE_REASON_CD;
        ide_drive_begin_pio(s, 0, sizeof(s->packet), IDE_PHASE_PACKET);
        break;
    case 0x08: /* DEVICE RESET */
        ide_drive_cancel(s);
        ide_drive_set_signature(s);
        s->status = 0;
        break;
    default:
        if (command == 0xec || command == 0x20 || command == 0x21) {
            ide_drive_set_signature(s); /* so that an ATA driver sees what it has before it */
        }
        ide_drive_abort(s, IDE_ERROR_ABRT);
        break;
    }
}

void
ide_drive_execute(IdeDrive *s, uint8_t command)
{
    if (command == 0x08 && !s->is_cd) {
        ide_drive_abort(s, IDE_ERROR_ABRT);
        return;
    }
    s->command = command;
    s->error = 0;
    s->lba48 = false;
    if (command != 0x08) {
        ide_drive_cancel(s);
    }
    if (ide_drive_execute_common(s, command)) {
        return;
    }
    if (s->is_cd) {
        ide_cd_execute(s, command);
    } else {
        ide_hd_execute(s, command);
    }
}

/* ---- the drive as an object --------------------------------------------------------------------------------- */

static void
ide_drive_change_media_cb(gpointer opaque, bool loaded)
{
    IdeDrive *s = opaque;

    s->sectors = emu_block_backend_get_length(s->blk) / IDE_SECTOR;
    if (s->is_cd) {
        ide_atapi_media_changed(s, loaded);
    }
}

static void
ide_drive_eject_request_cb(gpointer opaque, bool force)
{
    IdeDrive *s = opaque;

    s->media_event = 1;
    if (force) {
        s->tray_locked = false;
        s->tray_open = true;
    }
}

static bool
ide_drive_is_tray_open_cb(gpointer opaque)
{
    return ((IdeDrive *)opaque)->tray_open;
}

static bool
ide_drive_is_medium_locked_cb(gpointer opaque)
{
    return ((IdeDrive *)opaque)->tray_locked;
}

static const EmuBlockDeviceOps ide_cd_block_ops = {
    .change_media = ide_drive_change_media_cb,
    .eject_request = ide_drive_eject_request_cb,
    .is_tray_open = ide_drive_is_tray_open_cb,
    .is_medium_locked = ide_drive_is_medium_locked_cb,
};

/* A hard disk's medium does not change. */
static const EmuBlockDeviceOps ide_hd_block_ops = {NULL};

static bool
ide_drive_realize(EmuDevice *dev, GError **error)
{
    IdeDrive *s = (IdeDrive *)dev;
    EmuMachine *machine = emu_device_get_machine(dev);
    const char *type = emu_object_get_type_name(dev);

    s->bus = (IdeBus *)emu_device_get_bus(dev);
    s->is_cd = emu_object_is_a(dev, "ide-cd");
    s->unit = s->unit_property != UINT32_MAX ? s->unit_property : s->bus->drives[0] ? 1 : 0;
    if (!s->drive_id) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: drive is not set, expected the id of a -drive", type);
        return false;
    }
    s->blk = emu_machine_find_block_backend(machine, s->drive_id);
    if (!s->blk) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "%s: there is no drive '%s'", type, s->drive_id);
        return false;
    }
    s->sectors = emu_block_backend_get_length(s->blk) / IDE_SECTOR;
    if (!s->is_cd && !emu_block_backend_has_medium(s->blk)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "%s: drive '%s' has no medium", type, s->drive_id);
        return false;
    }
    if (!s->is_cd && s->sectors == 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "%s: drive '%s' is shorter than one sector", type, s->drive_id);
        return false;
    }
    if (s->heads > 16 || s->secs > 255 || s->cyls > 65535) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "%s: geometry %u/%u/%u, expected at most 65535 cylinders, 16 heads, 255 sectors", type, s->cyls, s->heads, s->secs);
        return false;
    }
    if (!emu_block_backend_attach(s->blk, dev, s->is_cd ? &ide_cd_block_ops : &ide_hd_block_ops, s, error)) {
        s->blk = NULL;
        return false;
    }
    /* What guests' rules for disks by name and serial number expect of this board. */
    if (!s->serial) {
        s->serial = g_strdup_printf("QM%05u", s->bus->channel * 2 + s->unit + 1);
    }
    if (!s->model) {
        s->model = g_strdup(s->is_cd ? "QEMU DVD-ROM" : "QEMU HARDDISK");
    }
    if (!s->version) {
        s->version = g_strdup("1.0");
    }
    s->buffer_len = IDE_BUFFER_SIZE;
    s->buffer = g_malloc0(s->buffer_len);
    s->smart_enabled = true; /* until the host disables it; a reset does not change that */
    ide_drive_default_geometry(s);
    ide_drive_reset(s);
    s->bus->drives[s->unit] = s;
    if (s->bootindex >= 0) {
        g_autofree char *suffix = g_strdup_printf("drive@%u/disk@%u", s->bus->channel, s->unit);

        emu_machine_add_boot_device(machine, s->bootindex, dev, suffix);
    }
    return true;
}

static void
ide_drive_unrealize(EmuDevice *dev)
{
    IdeDrive *s = (IdeDrive *)dev;

    ide_drive_cancel(s);
    s->bus->drives[s->unit] = NULL;
    emu_block_backend_detach(s->blk);
    s->blk = NULL;
    g_clear_pointer(&s->buffer, g_free);
}

static void
ide_drive_init(gpointer self)
{
    IdeDrive *s = self;

    s->bootindex = -1;
    s->unit_property = UINT32_MAX;
}

static void
ide_drive_reset_enter(EmuDevice *dev)
{
    ide_drive_reset((IdeDrive *)dev);
}

static void
ide_drive_pre_save(gpointer self)
{
    IdeDrive *s = self;

    emu_block_backend_drain(s->blk);
}

static bool
ide_drive_post_load(gpointer self, unsigned version G_GNUC_UNUSED, GError **error)
{
    IdeDrive *s = self;

    if (s->data_pos > s->data_end || s->data_end > IDE_BUFFER_SIZE || s->phase > IDE_PHASE_ATAPI_SINK ||
        s->dma_kind > IDE_DMA_ATAPI_BUFFER || s->multiple > IDE_MAX_MULTIPLE || s->reply_pos > s->reply_len ||
        s->reply_len > IDE_BUFFER_SIZE || s->block_sectors > IDE_BUFFER_SECTORS || s->heads < 1 || s->heads > 16 ||
        s->secs < 1 || s->secs > 255) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: a transfer in the saved state does not fit the buffer",
                    emu_object_get_type_name(s));
        return false;
    }
    return true;
}

static const EmuProperty ide_drive_properties[] = {
    EMU_PROP_STRING("drive", IdeDrive, drive_id, NULL, "id of the block back end"),
    EMU_PROP_UINT32("unit", IdeDrive, unit_property, UINT32_MAX, "0 master, 1 slave; default: the first free one"),
    EMU_PROP_INT32("bootindex", IdeDrive, bootindex, -1, "place in the boot order, -1: none"),
    EMU_PROP_STRING("serial", IdeDrive, serial, NULL, "serial number, up to 20 characters"),
    EMU_PROP_STRING("model", IdeDrive, model, NULL, "model name, up to 40 characters"),
    EMU_PROP_STRING("ver", IdeDrive, version, NULL, "firmware version, up to 8 characters"),
    EMU_PROP_UINT32("cyls", IdeDrive, cyls, 0, "cylinders, 0: from the size"),
    EMU_PROP_UINT32("heads", IdeDrive, heads, 0, "heads, 0: 16"),
    EMU_PROP_UINT32("secs", IdeDrive, secs, 0, "sectors of a track, 0: 63"),
};

static const EmuVMField ide_drive_fields[] = {
    EMU_VM_U8(IdeDrive, feature),       EMU_VM_U8(IdeDrive, error),        EMU_VM_U8(IdeDrive, nsector),
    EMU_VM_U8(IdeDrive, sector),        EMU_VM_U8(IdeDrive, lcyl),         EMU_VM_U8(IdeDrive, hcyl),
    EMU_VM_U8(IdeDrive, select),        EMU_VM_U8(IdeDrive, status),       EMU_VM_U8(IdeDrive, command),
    EMU_VM_U8(IdeDrive, hob_feature),   EMU_VM_U8(IdeDrive, hob_nsector),  EMU_VM_U8(IdeDrive, hob_sector),
    EMU_VM_U8(IdeDrive, hob_lcyl),      EMU_VM_U8(IdeDrive, hob_hcyl),     EMU_VM_BOOL(IdeDrive, lba48),
    EMU_VM_U32(IdeDrive, heads),        EMU_VM_U32(IdeDrive, secs),        EMU_VM_U8(IdeDrive, multiple),
    EMU_VM_BOOL(IdeDrive, write_cache), EMU_VM_U8(IdeDrive, udma_mode),    EMU_VM_U8(IdeDrive, mwdma_mode),
    EMU_VM_BOOL(IdeDrive, smart_enabled), EMU_VM_VBUFFER(IdeDrive, buffer, buffer_len), EMU_VM_U32(IdeDrive, data_pos),
    EMU_VM_U32(IdeDrive, data_end),     EMU_VM_U32(IdeDrive, phase),       EMU_VM_U64(IdeDrive, lba),
    EMU_VM_U32(IdeDrive, remaining),    EMU_VM_U32(IdeDrive, block_sectors), EMU_VM_U32(IdeDrive, dma_kind),
    EMU_VM_BUFFER(IdeDrive, packet),    EMU_VM_U32(IdeDrive, reply_len),   EMU_VM_U32(IdeDrive, reply_pos),
    EMU_VM_U32(IdeDrive, cd_sector_size), EMU_VM_U32(IdeDrive, byte_limit), EMU_VM_U8(IdeDrive, sense_key),
    EMU_VM_U8(IdeDrive, asc),           EMU_VM_U8(IdeDrive, ascq),         EMU_VM_BOOL(IdeDrive, atapi_dma),
    EMU_VM_BOOL(IdeDrive, tray_open),   EMU_VM_BOOL(IdeDrive, tray_locked), EMU_VM_BOOL(IdeDrive, media_changed),
    EMU_VM_U8(IdeDrive, media_event),   EMU_VM_BOOL(IdeDrive, standby),
    {.name = "interrupt_pending", .kind = EMU_VM_KIND_BOOL, .offset = offsetof(IdeDrive, interrupt_pending), .size = sizeof(bool), .num = 1, .since = 3},
    EMU_VM_END,
};

static const EmuVMState ide_drive_vmstate = {
    .name = "ide-drive",
    .version = 3,
    .minimum_version = 2,
    .fields = ide_drive_fields,
    .pre_save = ide_drive_pre_save,
    .post_load = ide_drive_post_load,
};

static void
ide_drive_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;

    device->realize = ide_drive_realize;
    device->unrealize = ide_drive_unrealize;
    device->reset_enter = ide_drive_reset_enter;
    device->vmstate = &ide_drive_vmstate;
    device->bus_type = "IDE";
    device->category = "storage";
    emu_object_class_add_properties(klass, ide_drive_properties, G_N_ELEMENTS(ide_drive_properties));
}

const EmuTypeInfo ide_drive_info = {
    .name = "ide-device",
    .parent = "device",
    .instance_size = sizeof(IdeDrive),
    .instance_init = ide_drive_init,
    .class_init = ide_drive_class_init,
    .abstract = true,
    .description = "ATA drive",
};

const EmuTypeInfo ide_hd_info = {
    .name = "ide-hd",
    .parent = "ide-device",
    .description = "ATA hard disk",
};

const EmuTypeInfo ide_cd_info = {
    .name = "ide-cd",
    .parent = "ide-device",
    .description = "ATAPI CD/DVD-ROM",
};
