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
#define FDC_SECTOR 512u
#define FDC_FIFO 16

typedef struct _FdcBus FdcBus;
typedef struct _FloppyDrive FloppyDrive;
typedef struct _Fdc Fdc;

typedef struct {
    uint32_t sectors;
    uint8_t tracks, heads, per_track;
    uint8_t rate;  /* data rate select of CCR/DSR: 0 500, 1 300, 2 250 kbit/s, 3 1 Mbit/s */
    uint8_t drive; /* CMOS drive type: 1 360K, 2 1.2M, 3 720K, 4 1.44M, 5 2.88M */
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
};

struct _FdcBus {
    EmuBus parent_instance;
    Fdc *fdc;
};

typedef enum { FDC_PHASE_COMMAND, FDC_PHASE_EXECUTION, FDC_PHASE_RESULT } FdcPhase;
typedef enum { FDC_MOVE_NONE, FDC_MOVE_READ, FDC_MOVE_WRITE, FDC_MOVE_FORMAT, FDC_MOVE_SCAN, FDC_MOVE_VERIFY } FdcMove;

struct _Fdc {
    EmuIsaDevice parent_instance;
    uint32_t iobase, irq_number, dma_channel;

    EmuLine *irq;
    EmuIsaDma *dma;
    FdcBus *bus;
    FloppyDrive *drives[FDC_DRIVES];

    uint8_t dor, tdr, dsr, ccr, sra_irq;
    uint8_t phase; /* FdcPhase */
    uint8_t fifo[FDC_FIFO];
    uint32_t fifo_pos, fifo_len; /* parameters taken / result bytes given */
    uint8_t st0, st1, st2;
    uint8_t reset_senses; /* SENSE INTERRUPT results left after a reset */
    uint8_t seek_done[4];
    uint8_t config, pretrk, precomp, lock, perpendicular, spec1, spec2, power;
    bool interrupt;

    /* transfer */
    uint8_t move; /* FdcMove */
    uint8_t scan; /* opcode of a SCAN */
    bool multi_track, skip;
    uint8_t unit, cylinder, head, record, size_code, end_of_track;
    uint8_t format_count, format_fill;
    uint8_t sector[FDC_SECTOR];
    uint32_t sector_pos, sector_len;
    bool terminal_count;
    EmuBlockRequest *request;
};

extern const EmuTypeInfo fdc_info;
extern const EmuTypeInfo floppy_bus_info;
extern const EmuTypeInfo floppy_info;

/* fdc.c <-> fdc-transfer.c */
void fdc_transfer_start(Fdc *s, FdcMove move);
void fdc_transfer_cancel(Fdc *s);
void fdc_transfer_end(Fdc *s, uint8_t st0, uint8_t st1, uint8_t st2);
int fdc_dma_cb(gpointer opaque, int channel, int pos, int size);
uint8_t fdc_data_read(Fdc *s);
void fdc_data_write(Fdc *s, uint8_t value);
bool fdc_data_ready(const Fdc *s);
bool fdc_data_to_guest(const Fdc *s);
void fdc_begin_result(Fdc *s, unsigned len);
void fdc_raise_irq(Fdc *s);
static inline bool
fdc_uses_dma(const Fdc *s)
{
    return !(s->spec2 & 1) && (s->dor & 8) && s->dma;
}
/* fdc-drive.c */
void floppy_drive_medium(FloppyDrive *d);
