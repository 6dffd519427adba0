/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * ATA/ATAPI: a channel is a QOM bus "IDE" with two places; a drive ("ide-hd", "ide-cd") is a device on it; a
 * controller ("piix3-ide") has two channels and, per channel, a bus master; or ("ich9-ahci") ports with one drive each.
 *
 *   ports -> ide_bus_read/write -> IdeDrive registers -> command table -> block back end -> completion -> line
 */

#include <emu/emu.h>

/* Status register (ATA/ATAPI-6, 7.15). */
#define IDE_STATUS_ERR 0x01
#define IDE_STATUS_DRQ 0x08
#define IDE_STATUS_DSC 0x10
#define IDE_STATUS_DF 0x20
#define IDE_STATUS_DRDY 0x40
#define IDE_STATUS_BSY 0x80
/* Error register (7.9). */
#define IDE_ERROR_ABRT 0x04
#define IDE_ERROR_IDNF 0x10
#define IDE_ERROR_UNC 0x40
/* Device control register (7.8). */
#define IDE_CONTROL_NIEN 0x02
#define IDE_CONTROL_SRST 0x04
#define IDE_CONTROL_HOB 0x80
/* Device register (7.7). */
#define IDE_DEVICE_UNIT 0x10
#define IDE_DEVICE_LBA 0x40
/* ATAPI interrupt reason (sector count register). */
#define IDE_REASON_CD 0x01
#define IDE_REASON_IO 0x02

#define IDE_CMD_DIAGNOSE 0x90

#define IDE_SECTOR 512u
#define IDE_CD_SECTOR 2048u
#define IDE_BUFFER_SECTORS 256u
#define IDE_BUFFER_SIZE (IDE_BUFFER_SECTORS * IDE_SECTOR)
#define IDE_MAX_MULTIPLE 16u
#define IDE_QUEUE_DEPTH 32u

typedef struct _IdeBus IdeBus;
typedef struct _IdeDrive IdeDrive;

/* What a controller with a bus master offers its channel. */
typedef struct {
    void (*start)(gpointer opaque, IdeDrive *drive); /* a DMA command waits for the bus master */
    /* Moves @len bytes between guest memory (at the descriptors' position, which advances) and @buf; returns how many
     * fitted the descriptors. */
    uint32_t (*move)(gpointer opaque, void *buf, uint32_t len, bool to_memory);
    void (*finish)(gpointer opaque); /* the drive has ended the command */
    void (*interrupt)(gpointer opaque); /* the channel's request goes up */
    void (*cancel)(gpointer opaque);
} IdeDmaOps;

struct _IdeBus {
    EmuBus parent_instance;
    unsigned channel; /* of the controller */
    bool sata;        /* a cable for one drive, which knows of queues */
    IdeDrive *drives[2];
    uint8_t unit;    /* selected place */
    uint8_t control; /* device control register */
    EmuLine *irq;
    const IdeDmaOps *dma;
    gpointer dma_opaque;
};

typedef enum { IDE_DMA_NONE, IDE_DMA_READ, IDE_DMA_WRITE, IDE_DMA_ATAPI_READ, IDE_DMA_ATAPI_BUFFER } IdeDmaKind;

/* What happens when the PIO data register has moved all of a block. */
typedef enum {
    IDE_PHASE_NONE,
    IDE_PHASE_READ_DONE,     /* a block to the guest: next block, or end */
    IDE_PHASE_WRITE_DONE,    /* a block from the guest: write it */
    IDE_PHASE_LAST,          /* nothing follows */
    IDE_PHASE_PACKET,        /* a command packet has arrived */
    IDE_PHASE_ATAPI_REPLY,   /* part of an ATAPI reply */
    IDE_PHASE_ATAPI_SINK,    /* parameter data of MODE SELECT: accepted */
} IdePhase;

struct _IdeDrive {
    EmuDevice parent_instance;
    /* properties */
    char *drive_id;
    char *serial, *model, *version;
    int32_t bootindex;
    uint32_t unit_property;
    uint32_t cyls, heads, secs; /* 0: computed */

    bool is_cd;
    IdeBus *bus;
    uint8_t unit;
    EmuBlockBackend *blk;
    uint64_t sectors; /* of 512 bytes */
    uint32_t default_heads, default_secs;
    uint8_t *buffer;
    uint32_t buffer_len; /* for the saved state */

    /* task file; hob_*: previous contents (48-bit commands) */
    uint8_t feature, error, nsector, sector, lcyl, hcyl, select, status, command;
    uint8_t hob_feature, hob_nsector, hob_sector, hob_lcyl, hob_hcyl;
    bool lba48;
    uint8_t multiple; /* 0: not set */
    bool write_cache;
    uint8_t udma_mode, mwdma_mode;
    bool smart_enabled;
    bool standby; /* power mode: Standby or Sleep; else Active or Idle */
    bool interrupt_pending;

    /* transfer */
    uint32_t data_pos, data_end; /* PIO window in buffer */
    uint32_t phase;              /* IdePhase */
    uint64_t lba;                /* next sector (cd: 2048-byte sector) */
    uint32_t remaining;          /* sectors still to move after the current block */
    uint32_t block_sectors;      /* sectors in the current block */
    uint32_t dma_kind;           /* IdeDmaKind */
    uint32_t dma_block;          /* bytes in flight */
    EmuBlockRequest *request;

    /* ATAPI */
    uint8_t packet[12];
    uint32_t reply_len, reply_pos; /* bytes of buffer (small replies) */
    uint32_t cd_sector_size;       /* of the read in progress */
    uint32_t byte_limit;
    uint8_t sense_key, asc, ascq;
    bool atapi_dma;
    bool tray_open, tray_locked;
    bool media_changed; /* unit attention pending */
    uint8_t media_event;
};

/* ---- channel ------------------------------------------------------------------------------------ */
extern const EmuTypeInfo ide_bus_info;
IdeBus *ide_bus_new(EmuDevice *controller, unsigned channel, EmuLine *irq, const IdeDmaOps *dma, gpointer dma_opaque);
uint8_t ide_bus_read(IdeBus *bus, unsigned reg);           /* command block, 1..7 */
void ide_bus_write(IdeBus *bus, unsigned reg, uint8_t value);
uint8_t ide_bus_read_alternate(IdeBus *bus);
void ide_bus_write_control(IdeBus *bus, uint8_t value);
uint32_t ide_bus_read_data(IdeBus *bus, unsigned size);
void ide_bus_write_data(IdeBus *bus, uint32_t value, unsigned size);
void ide_bus_reset(IdeBus *bus);
bool ide_bus_is_requesting(const IdeBus *bus);
void ide_bus_update_irq(IdeBus *bus, bool was_requesting);
bool ide_bus_map(IdeBus *bus, EmuDevice *controller, EmuMemoryRegion *io, uint16_t command_port, uint16_t control_port);

/* ---- drive -------------------------------------------------------------------------------------- */
extern const EmuTypeInfo ide_drive_info;
extern const EmuTypeInfo ide_hd_info;
extern const EmuTypeInfo ide_cd_info;
void ide_drive_reset(IdeDrive *s);
void ide_drive_set_signature(IdeDrive *s);
void ide_drive_execute(IdeDrive *s, uint8_t command);
void ide_drive_phase_done(IdeDrive *s);
void ide_drive_cancel(IdeDrive *s);
/* Bus master says: go on with the DMA command that waits. */
void ide_drive_dma_run(IdeDrive *s);
void ide_drive_raise(IdeDrive *s);
void ide_drive_end(IdeDrive *s);
void ide_drive_abort(IdeDrive *s, uint8_t error);
void ide_drive_begin_pio(IdeDrive *s, uint32_t pos, uint32_t len, IdePhase phase);
void ide_drive_dma_arm(IdeDrive *s, IdeDmaKind kind);
/* ide-transfer.c, for the commands */
uint64_t ide_drive_get_lba(const IdeDrive *s);
void ide_drive_put_lba(IdeDrive *s, uint64_t lba);
bool ide_drive_take_request(IdeDrive *s);
uint32_t ide_drive_pio_block(const IdeDrive *s);
void ide_drive_pio_read_next(IdeDrive *s);

/* ---- ATAPI -------------------------------------------------------------------------------------- */
void ide_atapi_packet(IdeDrive *s);
void ide_atapi_reply_next(IdeDrive *s);
void ide_atapi_dma_run(IdeDrive *s);
void ide_atapi_error(IdeDrive *s, uint8_t key, uint8_t asc, uint8_t ascq);
void ide_atapi_media_changed(IdeDrive *s, bool loaded);

extern const EmuTypeInfo ich9_ahci_info;
extern const EmuTypeInfo ahci_info;
extern const EmuTypeInfo piix3_ide_info;
extern const EmuTypeInfo piix4_ide_info;
