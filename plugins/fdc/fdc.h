/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The floppy disk controller (Intel 82078) and its drives.
 *
 *   command bytes -> command table -> seek / sector transfer chain -> result bytes -> line
 *
 * A transfer goes sector by sector: the back end fills (or takes) `sector`, the 8237 or the data port drains it.
 */

#include <emu/emu.h>

#define FDC_DRIVES 2
#define FDC_UNITS 4 /* that the chip knows of */
#define FDC_SECTOR 512u
#define FDC_SIZE_CODE 2u /* N of such a sector */
#define FDC_FIFO 16

#define FLOPPY_LAST_TRACK 83      /* the head goes no further in */
#define FLOPPY_MAX_SECTORS 7680u  /* of a medium */

#define FDC_DOR_SELECT 0x03
#define FDC_DOR_NRESET 0x04
#define FDC_DOR_DMA_GATE 0x08

#define FDC_CONFIG_EIS 0x40   /* implied seek */
#define FDC_CONFIG_EFIFO 0x20 /* FIFO off */
#define FDC_CONFIG_LOCKED 0x2f /* EFIFO and FIFOTHR: kept by LOCK */

#define FDC_ST0_INVALID 0x80
#define FDC_ST0_READY_CHANGED 0xc0
#define FDC_ST0_ABNORMAL 0x40
#define FDC_ST0_SEEK_END 0x20
#define FDC_ST0_EQUIPMENT 0x10
#define FDC_ST1_EN 0x80
#define FDC_ST1_DE 0x20
#define FDC_ST1_OR 0x10
#define FDC_ST1_ND 0x04
#define FDC_ST1_NW 0x02
#define FDC_ST1_MA 0x01
#define FDC_ST2_CM 0x40
#define FDC_ST2_DD 0x20
#define FDC_ST2_WC 0x10
#define FDC_ST2_SH 0x08
#define FDC_ST2_SN 0x04

typedef struct _FdcBus FdcBus;
typedef struct _FloppyDrive FloppyDrive;
typedef struct _Fdc Fdc;

typedef struct {
    uint32_t sectors;
    uint8_t tracks, heads, per_track;
    uint8_t rate; /* data rate select of CCR/DSR: 0 500, 1 300, 2 250 kbit/s, 3 1 Mbit/s */
} FloppyGeometry;

struct _FloppyDrive {
    EmuDevice parent_instance;
    char *drive_id;
    uint32_t unit_property;
    int32_t bootindex;

    Fdc *fdc;
    uint8_t unit;
    EmuBlockBackend *blk;
    FloppyGeometry geometry; /* of the medium; sectors 0: none */
    uint8_t track;           /* where the head stands */
    bool changed;            /* disk change line */
    uint8_t deleted[FLOPPY_MAX_SECTORS / 8]; /* sectors with a deleted data mark, which an image has no place for */
};

struct _FdcBus {
    EmuBus parent_instance;
    Fdc *fdc;
};

typedef enum { FDC_PHASE_COMMAND, FDC_PHASE_EXECUTION, FDC_PHASE_RESULT } FdcPhase;
typedef enum {
    FDC_MOVE_NONE,
    FDC_MOVE_READ,
    FDC_MOVE_WRITE,
    FDC_MOVE_FORMAT,
    FDC_MOVE_SCAN,
    FDC_MOVE_VERIFY,
    FDC_MOVE_READ_TRACK,
} FdcMove;

struct _Fdc {
    EmuIsaDevice parent_instance;
    uint32_t iobase, irq_number, dma_channel;

    EmuLine *irq;
    EmuIsaDma *dma;
    FdcBus *bus;
    FloppyDrive *drives[FDC_DRIVES];
    EmuBh *resume_bh; /* asks the 8237 again after a load */
    EmuTimer *pace_timer; /* without DMA: the gap behind a sector, overruns */

    uint8_t dor, tdr, dsr, ccr;
    uint8_t phase; /* FdcPhase */
    uint8_t fifo[FDC_FIFO];
    uint32_t fifo_pos, fifo_len; /* parameters taken / result bytes given */
    uint8_t st0, st1, st2;
    uint8_t reset_senses;            /* SENSE INTERRUPT results left after a reset */
    uint8_t seek_st0[FDC_UNITS];     /* of a seek that ended and was not sensed; 0: none */
    uint8_t pcn[FDC_UNITS];          /* where the chip thinks that the heads are */
    uint8_t drive_specs[FDC_UNITS];
    uint8_t config, pretrk, lock, perpendicular, spec1, spec2, power;
    bool interrupt;                  /* INT, before the DMA gate */

    /* transfer */
    uint8_t move; /* FdcMove */
    uint8_t scan; /* opcode of a SCAN */
    int8_t scan_order;      /* of the sector so far: disk below (-1), above (1), like memory */
    uint8_t scan_step;
    bool mfm, multi_track, skip, deleted;
    uint8_t unit, side;     /* drive and side that are selected */
    uint8_t cylinder, head, record, size_code, end_of_track; /* of the ID looked for */
    uint32_t sectors_left;  /* VERIFY: 0: to the end of the track; READ TRACK */
    uint8_t track_sector;   /* READ TRACK: the one that comes by */
    uint8_t rotation;       /* READ ID: the one that came by last */
    uint8_t format_count, format_fill;
    uint8_t sector[FDC_SECTOR];
    uint32_t sector_pos, sector_len;
    bool terminal_count;
    bool serviced; /* without DMA: a byte was moved since the timer was set */
    bool in_gap;   /* without DMA: between the last byte of a sector and what follows */
    uint8_t gap_looks; /* so often MSR has said so, up to the limit */
    EmuBlockRequest *request;
};

extern const EmuTypeInfo fdc_info;
extern const EmuTypeInfo floppy_bus_info;
extern const EmuTypeInfo floppy_info;

/* fdc.c */
void fdc_raise_irq(Fdc *s);
void fdc_lower_irq(Fdc *s);
static inline bool
fdc_uses_dma(const Fdc *s)
{
    return !(s->spec2 & 1) && (s->dor & FDC_DOR_DMA_GATE) && s->dma;
}
static inline FloppyDrive *
fdc_drive(const Fdc *s, unsigned unit)
{
    return unit < FDC_DRIVES ? s->drives[unit] : NULL;
}

/* fdc-command.c */
void fdc_command_byte(Fdc *s, uint8_t value);
void fdc_begin_command(Fdc *s);
void fdc_begin_result(Fdc *s, unsigned len);
void fdc_step_to(Fdc *s, unsigned unit, uint8_t track);

/* fdc-transfer.c */
void fdc_transfer_start(Fdc *s, FdcMove move);
void fdc_transfer_cancel(Fdc *s);
void fdc_transfer_end(Fdc *s, uint8_t st0, uint8_t st1, uint8_t st2);
void fdc_transfer_gate_changed(Fdc *s);
void fdc_transfer_looked_at(Fdc *s); /* the guest has read MSR */
void fdc_pace_cb(gpointer opaque);
bool fdc_track_is_readable(const Fdc *s);
int fdc_dma_cb(gpointer opaque, int channel, int pos, int size);
uint8_t fdc_data_read(Fdc *s);
void fdc_data_write(Fdc *s, uint8_t value);
bool fdc_data_ready(const Fdc *s);
bool fdc_data_to_guest(const Fdc *s);

/* fdc-drive.c */
void floppy_drive_medium(FloppyDrive *d);
void floppy_drive_step(FloppyDrive *d, int tracks);
bool floppy_drive_is_protected(const FloppyDrive *d);
bool floppy_drive_is_deleted(const FloppyDrive *d, uint32_t sector);
void floppy_drive_set_deleted(FloppyDrive *d, uint32_t sector, bool deleted);
