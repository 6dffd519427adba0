/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ATAPI: a CD/DVD-ROM drive behind PACKET (MMC-6 for the commands, ATA/ATAPI-6 chapter 9.8 for the protocol).
 *
 * A reply is either small (in the buffer, reply_len bytes) or data of the medium (read block by block). By PIO it goes out in
 * parts of at most byte_limit bytes, each announced by an interrupt.
 */

#include "ide.h"

#include <string.h>

/* Sense keys and additional codes (MMC-6, annex F). */
#define SENSE_NONE 0x00
#define SENSE_NOT_READY 0x02
#define SENSE_ILLEGAL_REQUEST 0x05
#define SENSE_UNIT_ATTENTION 0x06
#define SENSE_MEDIUM_ERROR 0x03
#define ASC_INVALID_COMMAND 0x20
#define ASC_LBA_OUT_OF_RANGE 0x21
#define ASC_INVALID_FIELD 0x24
#define ASC_MEDIUM_CHANGED 0x28
#define ASC_NO_MEDIUM 0x3a
#define ASC_REMOVAL_PREVENTED 0x53
#define ASC_READ_ERROR 0x11

static inline uint32_t
get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static inline uint16_t
get_be16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

static inline void
put_be32(uint8_t *p, uint32_t v)
{
    p[0] = v >> 24;
    p[1] = v >> 16;
    p[2] = v >> 8;
    p[3] = v;
}

static inline void
put_be16(uint8_t *p, uint16_t v)
{
    p[0] = v >> 8;
    p[1] = v;
}

static uint32_t
cd_sectors(const IdeDrive *s)
{
    return MIN(s->sectors / 4, UINT32_MAX);
}

static void
put_msf(uint8_t *p, uint32_t lba)
{
    lba += 150;
    p[0] = lba / 75 / 60;
    p[1] = lba / 75 % 60;
    p[2] = lba % 75;
}

static void
ide_atapi_ok(IdeDrive *s)
{
    s->sense_key = s->asc = s->ascq = 0;
    s->error = 0;
    s->nsector = IDE_REASON_CD | IDE_REASON_IO;
    ide_drive_end(s);
}

void
ide_atapi_error(IdeDrive *s, uint8_t key, uint8_t asc, uint8_t ascq)
{
    s->sense_key = key;
    s->asc = asc;
    s->ascq = ascq;
    s->nsector = IDE_REASON_CD | IDE_REASON_IO;
    ide_drive_abort(s, key << 4);
}

void
ide_atapi_media_changed(IdeDrive *s, bool loaded)
{
    s->media_changed = true;
    s->media_event = loaded && cd_sectors(s) ? 2 : 3;
    s->tray_open = !loaded;
}

/* ---- sending a reply ----------------------------------------------------------------------------------- */

static void ide_atapi_read_next(IdeDrive *s);

/* Announces the next part of what lies at reply_pos..reply_len by PIO. */
static void
ide_atapi_pio_part(IdeDrive *s)
{
    uint32_t part = MIN(s->reply_len - s->reply_pos, s->byte_limit);

    /* All parts but the last have an even length. */
    if (part < s->reply_len - s->reply_pos) {
        part &= ~1u;
    }
    s->lcyl = part;
    s->hcyl = part >> 8;
    s->nsector = IDE_REASON_IO;
    ide_drive_begin_pio(s, s->reply_pos, part, IDE_PHASE_ATAPI_REPLY);
    /* An odd end is read as a whole word. */
    if (part & 1) {
        s->data_end++;
    }
    s->reply_pos += part;
    ide_drive_raise(s);
}

void
ide_atapi_reply_next(IdeDrive *s)
{
    if (s->reply_pos < s->reply_len) {
        ide_atapi_pio_part(s);
    } else if (s->remaining) {
        ide_atapi_read_next(s);
    } else {
        ide_atapi_ok(s);
    }
}

static void
ide_atapi_reply(IdeDrive *s, uint32_t len, uint32_t allocation)
{
    s->reply_len = MIN(len, allocation);
    s->reply_pos = 0;
    s->remaining = 0;
    if (!s->reply_len) {
        ide_atapi_ok(s);
    } else if (s->atapi_dma && s->bus->dma) {
        ide_drive_dma_arm(s, IDE_DMA_ATAPI_BUFFER);
    } else {
        ide_atapi_pio_part(s);
    }
}

/* Expands 2048-byte blocks at the end of the buffer into 2352-byte raw sectors at its start (READ CD). */
static void
ide_atapi_make_raw(IdeDrive *s)
{
    for (uint32_t i = 0; i < s->block_sectors; i++) {
        uint8_t *raw = s->buffer + i * 2352;
        const uint8_t *data = s->buffer + IDE_BUFFER_SIZE - (s->block_sectors - i) * IDE_CD_SECTOR;

        memmove(raw + 16, data, IDE_CD_SECTOR);
        raw[0] = 0;
        memset(raw + 1, 0xff, 10);
        raw[11] = 0;
        put_msf(raw + 12, s->lba + i);
        raw[15] = 1;
        memset(raw + 2064, 0, 288);
    }
}

static uint32_t
ide_atapi_block_max(const IdeDrive *s)
{
    return s->cd_sector_size == 2352 ? 16 : IDE_BUFFER_SIZE / IDE_CD_SECTOR;
}

static void
ide_atapi_read_cb(gpointer opaque, int ret)
{
    IdeDrive *s = opaque;
    uint32_t bytes;

    if (!s->request) {
        return;
    }
    s->request = NULL;
    if (ret < 0) {
        ide_atapi_error(s, SENSE_MEDIUM_ERROR, ASC_READ_ERROR, 0);
        return;
    }
    if (s->cd_sector_size == 2352) {
        ide_atapi_make_raw(s);
    }
    bytes = s->block_sectors * s->cd_sector_size;
    s->lba += s->block_sectors;
    s->remaining -= s->block_sectors;
    if (s->dma_kind == IDE_DMA_ATAPI_READ) {
        if (s->bus->dma->move(s->bus->dma_opaque, s->buffer, bytes, true) < bytes) {
            emu_guest_error("ide-cd: DMA descriptors end before the data");
            s->remaining = 0;
        }
        if (s->remaining) {
            ide_atapi_read_next(s);
        } else {
            ide_atapi_ok(s);
        }
        return;
    }
    s->reply_pos = 0;
    s->reply_len = bytes;
    ide_atapi_pio_part(s);
}

static void
ide_atapi_read_next(IdeDrive *s)
{
    uint8_t *to;
    uint32_t bytes;

    s->block_sectors = MIN(s->remaining, ide_atapi_block_max(s));
    bytes = s->block_sectors * IDE_CD_SECTOR;
    to = s->cd_sector_size == 2352 ? s->buffer + IDE_BUFFER_SIZE - bytes : s->buffer;
    s->status = IDE_STATUS_BSY | IDE_STATUS_DSC | IDE_STATUS_DRDY;
    s->request = emu_block_backend_read(s->blk, s->lba * IDE_CD_SECTOR, to, bytes, ide_atapi_read_cb, s);
}

void
ide_atapi_dma_run(IdeDrive *s)
{
    if (s->dma_kind == IDE_DMA_ATAPI_BUFFER) {
        s->bus->dma->move(s->bus->dma_opaque, s->buffer, s->reply_len, true);
        ide_atapi_ok(s);
    } else {
        ide_atapi_read_next(s);
    }
}

static void
ide_atapi_read(IdeDrive *s, uint32_t lba, uint32_t count, uint32_t sector_size)
{
    if (count == 0) {
        ide_atapi_ok(s);
        return;
    }
    if (lba >= cd_sectors(s) || count > cd_sectors(s) - lba) {
        ide_atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, 0);
        return;
    }
    s->lba = lba;
    s->remaining = count;
    s->cd_sector_size = sector_size;
    s->reply_len = s->reply_pos = 0;
    if (s->atapi_dma && s->bus->dma) {
        ide_drive_dma_arm(s, IDE_DMA_ATAPI_READ);
    } else {
        ide_atapi_read_next(s);
    }
}

/* ---- commands ---------------------------------------------------------------------------------------------- */

static void
atapi_inquiry(IdeDrive *s)
{
    uint8_t *b = s->buffer;

    memset(b, 0, 36);
    b[0] = 0x05; /* CD/DVD */
    b[1] = 0x80; /* removable */
    b[3] = 0x21; /* ATAPI */
    b[4] = 31;
    memcpy(b + 8, "QEMU    ", 8);
    memcpy(b + 16, "QEMU DVD-ROM    ", 16);
    memset(b + 32, ' ', 4);
    memcpy(b + 32, s->version, MIN(strlen(s->version), 4));
    ide_atapi_reply(s, 36, s->packet[4]);
}

static void
atapi_request_sense(IdeDrive *s)
{
    uint8_t *b = s->buffer;

    memset(b, 0, 18);
    b[0] = 0x70 | 0x80;
    b[2] = s->sense_key;
    b[7] = 10;
    b[12] = s->asc;
    b[13] = s->ascq;
    if (s->sense_key == SENSE_UNIT_ATTENTION) {
        s->media_changed = false;
    }
    ide_atapi_reply(s, 18, s->packet[4]);
}

/* READ TOC/PMA/ATIP, formats 0 (TOC), 1 (session), 2 (raw): one data track and the lead-out. */
static void
atapi_read_toc(IdeDrive *s)
{
    uint8_t *b = s->buffer;
    bool msf = s->packet[1] & 2;
    unsigned format = s->packet[2] & 15;
    unsigned first = s->packet[6];
    uint32_t total = cd_sectors(s);
    uint32_t len;
    uint8_t *p = b + 4;

    if (!format) {
        format = s->packet[9] >> 6;
    }
    memset(b, 0, 64);
    b[2] = b[3] = 1;
    switch (format) {
    case 0:
        if (first > 1 && first != 0xaa) {
            ide_atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
            return;
        }
        if (first <= 1) {
            p[1] = 0x14;
            p[2] = 1;
            if (msf) {
                put_msf(p + 5, 0);
            }
            p += 8;
        }
        p[1] = 0x14;
        p[2] = 0xaa;
        if (msf) {
            put_msf(p + 5, total);
        } else {
            put_be32(p + 4, total);
        }
        p += 8;
        break;
    case 1:
        p[1] = 0x14;
        p[2] = 1;
        if (msf) {
            put_msf(p + 5, 0);
        }
        p += 8;
        break;
    case 2:
        for (unsigned i = 0; i < 4; i++) {
            static const uint8_t points[4] = {0xa0, 0xa1, 0xa2, 0x01};

            p[0] = 1;
            p[1] = 0x14;
            p[3] = points[i];
            if (i < 2) {
                p[8] = 1;
            } else {
                put_msf(p + 8, i == 2 ? total : 0);
            }
            p += 11;
        }
        break;
    default:
        ide_atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    len = p - b;
    put_be16(b, len - 2);
    ide_atapi_reply(s, len, get_be16(s->packet + 7));
}

static void
atapi_mode_sense(IdeDrive *s)
{
    uint8_t *b = s->buffer;
    unsigned page = s->packet[2] & 0x3f, control = s->packet[2] >> 6;
    uint32_t len = 8;

    if (control == 3) {
        ide_atapi_error(s, SENSE_ILLEGAL_REQUEST, 0x39, 0);
        return;
    }
    memset(b, 0, 64);
    b[2] = s->tray_open ? 0x71 : cd_sectors(s) ? 0x01 : 0x70;
    if (page == 0x01 || page == 0x3f) {
        b[len] = 0x01;
        b[len + 1] = 6;
        b[len + 3] = 5;
        len += 8;
    }
    if (page == 0x0e || page == 0x3f) {
        b[len] = 0x0e;
        b[len + 1] = 14;
        b[len + 2] = 4;
        len += 16;
    }
    if (page == 0x2a || page == 0x3f) {
        b[len] = 0x2a;
        b[len + 1] = 18;
        b[len + 2] = 0x3b; /* reads CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM */
        b[len + 4] = 0x70;
        b[len + 6] = 0x29 | (s->tray_locked ? 2 : 0); /* tray, lock, eject */
        put_be16(b + len + 8, 706);
        put_be16(b + len + 12, 512);
        put_be16(b + len + 14, 706);
        len += 20;
    }
    if (len == 8) {
        ide_atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    put_be16(b, len - 2);
    ide_atapi_reply(s, len, get_be16(s->packet + 7));
}

static void
atapi_get_configuration(IdeDrive *s)
{
    uint8_t *b = s->buffer;
    uint32_t len = 8;
    bool present = cd_sectors(s) && !s->tray_open;
    bool dvd = cd_sectors(s) > 1024 * 1024 * 700 / 2048;

    if (s->packet[2] || s->packet[3]) {
        ide_atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    memset(b, 0, 64);
    put_be16(b + 6, present ? (dvd ? 0x10 : 0x08) : 0);
    /* Feature 0: profile list, DVD-ROM and CD-ROM. */
    b[len + 2] = 3;
    b[len + 3] = 8;
    put_be16(b + len + 4, 0x10);
    b[len + 6] = present && dvd;
    put_be16(b + len + 8, 0x08);
    b[len + 10] = present && !dvd;
    len += 12;
    /* Feature 1: core, ATAPI. */
    put_be16(b + len, 1);
    b[len + 2] = 0x0b;
    b[len + 3] = 8;
    put_be32(b + len + 4, 2);
    b[len + 8] = 1;
    len += 12;
    /* Feature 3: removable medium, tray. */
    put_be16(b + len, 3);
    b[len + 2] = 3;
    b[len + 3] = 4;
    b[len + 4] = 0x39;
    len += 8;
    put_be32(b, len - 4);
    ide_atapi_reply(s, len, get_be16(s->packet + 7));
}

static void
atapi_get_event_status(IdeDrive *s)
{
    uint8_t *b = s->buffer;
    uint32_t allocation = get_be16(s->packet + 7);

    if (!(s->packet[1] & 1)) { /* asynchronous operation is not supported */
        ide_atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    memset(b, 0, 8);
    b[3] = 0x10; /* media class supported */
    if (s->packet[4] & 0x10) {
        put_be16(b, 6);
        b[2] = 4;
        b[4] = s->media_event;
        b[5] = (s->tray_open ? 1 : 0) | (cd_sectors(s) && !s->tray_open ? 2 : 0);
        s->media_event = 0;
        ide_atapi_reply(s, 8, allocation);
    } else {
        put_be16(b, 2);
        b[2] = 0x80;
        ide_atapi_reply(s, 4, allocation);
    }
}

static void
atapi_start_stop(IdeDrive *s)
{
    bool start = s->packet[4] & 1, load_eject = s->packet[4] & 2;

    if (load_eject) {
        if (!start && s->tray_locked) {
            ide_atapi_error(s, cd_sectors(s) ? SENSE_ILLEGAL_REQUEST : SENSE_NOT_READY, ASC_REMOVAL_PREVENTED, 2);
            return;
        }
        if (s->tray_open == start) {
            s->tray_open = !start;
            emu_block_backend_eject(s->blk, s->tray_open);
            s->sectors = emu_block_backend_get_length(s->blk) / IDE_SECTOR;
        }
    }
    ide_atapi_ok(s);
}

/* READ CD: which parts of a sector are wanted (MMC-6, 6.19). */
static void
atapi_read_cd(IdeDrive *s)
{
    uint32_t count = s->packet[6] << 16 | s->packet[7] << 8 | s->packet[8];
    uint32_t lba = get_be32(s->packet + 2);

    switch (s->packet[9] & 0xf8) {
    case 0x00:
        ide_atapi_ok(s);
        break;
    case 0x10:
        ide_atapi_read(s, lba, count, IDE_CD_SECTOR);
        break;
    case 0xf8:
        ide_atapi_read(s, lba, count, 2352);
        break;
    default:
        ide_atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        break;
    }
}

static void
atapi_mechanism_status(IdeDrive *s)
{
    memset(s->buffer, 0, 8);
    s->buffer[5] = 1;
    ide_atapi_reply(s, 8, get_be16(s->packet + 8));
}

static void
atapi_read_disc_information(IdeDrive *s)
{
    uint8_t *b = s->buffer;

    if (s->packet[1] & 7) {
        ide_atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        return;
    }
    memset(b, 0, 34);
    b[1] = 32;
    b[2] = 0x0e; /* complete, last session complete */
    b[3] = b[4] = b[5] = b[6] = 1;
    b[7] = 0x20;
    ide_atapi_reply(s, 34, get_be16(s->packet + 7));
}

static void
atapi_read_dvd_structure(IdeDrive *s)
{
    uint8_t *b = s->buffer;
    uint32_t total = cd_sectors(s);

    memset(b, 0, 2052);
    switch (s->packet[7]) {
    case 0: /* physical format: one layer, read-only */
        b[4] = 0x01;
        b[5] = 0x0f;
        b[6] = 0x01;
        put_be32(b + 8, 0x30000);
        put_be32(b + 12, 0x30000 + (total ? total - 1 : 0));
        put_be16(b, 2048 + 2);
        ide_atapi_reply(s, 2052, get_be16(s->packet + 8));
        break;
    case 1: /* copyright: none */
        put_be16(b, 4 + 2);
        ide_atapi_reply(s, 8, get_be16(s->packet + 8));
        break;
    default:
        ide_atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
        break;
    }
}

static void
atapi_read_subchannel(IdeDrive *s)
{
    memset(s->buffer, 0, 8);
    s->buffer[1] = 0x15; /* no audio status */
    ide_atapi_reply(s, 4, get_be16(s->packet + 7));
}

static void
atapi_read_capacity(IdeDrive *s)
{
    put_be32(s->buffer, cd_sectors(s) - 1);
    put_be32(s->buffer + 4, IDE_CD_SECTOR);
    ide_atapi_reply(s, 8, 8);
}

static void
atapi_read_10(IdeDrive *s)
{
    ide_atapi_read(s, get_be32(s->packet + 2), get_be16(s->packet + 7), IDE_CD_SECTOR);
}

static void
atapi_read_12(IdeDrive *s)
{
    ide_atapi_read(s, get_be32(s->packet + 2), get_be32(s->packet + 6), IDE_CD_SECTOR);
}

static void
atapi_seek(IdeDrive *s)
{
    if (get_be32(s->packet + 2) >= cd_sectors(s)) {
        ide_atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, 0);
    } else {
        ide_atapi_ok(s);
    }
}

static void
atapi_prevent_removal(IdeDrive *s)
{
    s->tray_locked = s->packet[4] & 1;
    emu_block_backend_lock_medium(s->blk, s->tray_locked);
    ide_atapi_ok(s);
}

/* MODE SELECT: the parameter list is taken and, nothing in it being changeable, has no effect. */
static void
atapi_mode_select(IdeDrive *s)
{
    uint32_t len = get_be16(s->packet + 7);

    if (!len) {
        ide_atapi_ok(s);
        return;
    }
    s->nsector = 0;
    s->lcyl = len;
    s->hcyl = len >> 8;
    ide_drive_begin_pio(s, 0, (len + 1) & ~1u, IDE_PHASE_ATAPI_SINK);
    ide_drive_raise(s);
}

enum {
    NEEDS_MEDIUM = 1,   /* NOT READY without one */
    ALLOWS_CHANGED = 2, /* does not report a pending unit attention */
};

static const struct {
    uint8_t opcode;
    uint8_t flags;
    void (*run)(IdeDrive *s);
} atapi_commands[] = {
    {0x00, NEEDS_MEDIUM, ide_atapi_ok}, /* TEST UNIT READY */
    {0x03, ALLOWS_CHANGED, atapi_request_sense},
    {0x12, ALLOWS_CHANGED, atapi_inquiry},
    {0x1b, 0, atapi_start_stop},
    {0x1e, 0, atapi_prevent_removal},
    {0x25, NEEDS_MEDIUM, atapi_read_capacity},
    {0x28, NEEDS_MEDIUM, atapi_read_10},
    {0x2b, NEEDS_MEDIUM, atapi_seek},
    {0x42, NEEDS_MEDIUM, atapi_read_subchannel},
    {0x43, NEEDS_MEDIUM, atapi_read_toc},
    {0x46, ALLOWS_CHANGED, atapi_get_configuration},
    {0x4a, ALLOWS_CHANGED, atapi_get_event_status},
    {0x51, NEEDS_MEDIUM, atapi_read_disc_information},
    {0x55, 0, atapi_mode_select},
    {0x5a, 0, atapi_mode_sense},
    {0xa8, NEEDS_MEDIUM, atapi_read_12},
    {0xad, NEEDS_MEDIUM, atapi_read_dvd_structure},
    {0xbb, 0, ide_atapi_ok}, /* SET CD SPEED */
    {0xbd, 0, atapi_mechanism_status},
    {0xbe, NEEDS_MEDIUM, atapi_read_cd},
};

void
ide_atapi_packet(IdeDrive *s)
{
    s->byte_limit = s->lcyl | s->hcyl << 8;
    if (s->byte_limit == 0 || s->byte_limit == 0xffff) {
        s->byte_limit = 0xfffe;
    }
    if (s->byte_limit == 1) {
        s->byte_limit = 2;
    }
    s->status = IDE_STATUS_BSY | IDE_STATUS_DSC | IDE_STATUS_DRDY;
    for (unsigned i = 0; i < G_N_ELEMENTS(atapi_commands); i++) {
        if (atapi_commands[i].opcode != s->packet[0]) {
            continue;
        }
        if (s->media_changed && !(atapi_commands[i].flags & ALLOWS_CHANGED)) {
            /* Reported once, then the new medium is there. */
            s->media_changed = false;
            ide_atapi_error(s, SENSE_UNIT_ATTENTION, ASC_MEDIUM_CHANGED, 0);
        } else if ((atapi_commands[i].flags & NEEDS_MEDIUM) && (s->tray_open || !cd_sectors(s))) {
            ide_atapi_error(s, SENSE_NOT_READY, ASC_NO_MEDIUM, 0);
        } else {
            atapi_commands[i].run(s);
        }
        return;
    }
    emu_guest_error("ide-cd: packet command 0x%02x is not supported", s->packet[0]);
    ide_atapi_error(s, SENSE_ILLEGAL_REQUEST, ASC_INVALID_COMMAND, 0);
}
