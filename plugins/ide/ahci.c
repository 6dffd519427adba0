/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Serial ATA AHCI host bus adapter (AHCI specification, revision 1.3.1), as function 2 of Intel's ICH9 has it: six ports with one
 * drive each, 32 command slots, native command queueing.
 *
 *   PxCI -> command header -> command FIS -> task file of the drive (ide-drive.c) -> data through the PRD table -> FIS to memory
 *
 * A port runs one command at a time, queued ones too: which of them comes next is the drive's choice, and ours is the lowest slot.
 * ahci_port_run() looks where the drive stands and takes it a step further until it waits for the back end or has nothing to do.
 */

#include "ide.h"

#define AHCI_N_PORTS 6
#define AHCI_N_SLOTS 32
#define AHCI_BAR 5
#define AHCI_SIZE 0x1000
#define AHCI_PORTS 0x100
#define AHCI_PORT_SIZE 0x80

#define AHCI_CAP_NCS ((AHCI_N_SLOTS - 1u) << 8)
#define AHCI_CAP_SAM (1u << 18)
#define AHCI_CAP_ISS_GEN1 (1u << 20)
#define AHCI_CAP_SCLO (1u << 24)
#define AHCI_CAP_SNCQ (1u << 30)
#define AHCI_CAP_S64A (1u << 31)
#define AHCI_GHC_HR (1u << 0)
#define AHCI_GHC_IE (1u << 1)
#define AHCI_GHC_AE (1u << 31)
#define AHCI_VERSION_1_3_1 0x00010301

#define AHCI_CMD_ST (1u << 0)
#define AHCI_CMD_SUD (1u << 1)
#define AHCI_CMD_POD (1u << 2)
#define AHCI_CMD_CLO (1u << 3)
#define AHCI_CMD_FRE (1u << 4)
#define AHCI_CMD_CCS_SHIFT 8
#define AHCI_CMD_CCS (0x1fu << AHCI_CMD_CCS_SHIFT)
#define AHCI_CMD_FR (1u << 14)
#define AHCI_CMD_CR (1u << 15)
#define AHCI_CMD_WRITABLE (AHCI_CMD_ST | AHCI_CMD_SUD | AHCI_CMD_POD | AHCI_CMD_FRE | 1u << 24 | 0xf0000000u)
#define AHCI_IS_DHRS (1u << 0)
#define AHCI_IS_PSS (1u << 1)
#define AHCI_IS_SDBS (1u << 3)
#define AHCI_IS_PCS (1u << 6)
#define AHCI_IS_PRCS (1u << 22)
#define AHCI_IS_HBFS (1u << 29)
#define AHCI_IS_TFES (1u << 30)
#define AHCI_IS_W1C 0xfd80002fu
#define AHCI_IE_WRITABLE 0xfdc000ffu
#define AHCI_SSTS_PRESENT 0x113u /* device, phy up; generation 1; active */
#define AHCI_SCTL_DET 0xfu
#define AHCI_SERR_N (1u << 16)
#define AHCI_SERR_X (1u << 26)
#define AHCI_SIG_NONE 0xffffffffu
#define AHCI_TFD_NONE 0x7fu

/* Command header (4.2.2), command table (4.2.3). */
#define AHCI_HEADER_SIZE 32u
#define AHCI_HEADER_A (1u << 5)
#define AHCI_TABLE_ACMD 0x40u
#define AHCI_TABLE_PRDT 0x80u
#define AHCI_PRD_SIZE 16u
#define AHCI_PRD_BYTES(dw3) (((dw3) & 0x3fffff) + 1)

/* Frame information structures: Serial ATA 2.6, 10.3; where received ones go: 4.2.1. */
enum { FIS_REGISTER_H2D = 0x27, FIS_REGISTER_D2H = 0x34, FIS_PIO_SETUP = 0x5f, FIS_SET_DEVICE_BITS = 0xa1 };
enum { AHCI_RX_PIO_SETUP = 0x20, AHCI_RX_D2H = 0x40, AHCI_RX_SDB = 0x58 };
#define FIS_INTERRUPT 0x40
#define FIS_COMMAND 0x80

enum { ATA_READ_DMA_EXT = 0x25, ATA_WRITE_DMA_EXT = 0x35, ATA_READ_FPDMA = 0x60, ATA_WRITE_FPDMA = 0x61, ATA_FLUSH_EXT = 0xea };
#define ATA_FPDMA_FUA 0x80

typedef struct _Ahci Ahci;

typedef struct {
    Ahci *hba;
    unsigned index;
    IdeBus *ide;

    uint32_t clb, clbu, fb, fbu, is, ie, cmd, tfd, sig, ssts, sctl, serr, sact, ci;
    bool halted;   /* an error: nothing more until ST is taken away */
    bool resetting; /* a register FIS has set SRST */

    /* The command that runs; none between two, nor in saved states. */
    bool running; /* ahci_port_run() is at it */
    int slot;     /* -1: none */
    bool queued, fua, pio_in;
    uint8_t tag;
    uint64_t table;
    uint32_t n_prds, prd, prd_pos; /* entries; position */
    uint32_t moved;                /* bytes */
} AhciPort;

struct _Ahci {
    EmuPciDevice parent;

    AhciPort ports[AHCI_N_PORTS];
    uint32_t ghc, is;
    uint32_t signalled; /* bits of is that the guest was told of */
};

EMU_TRACE_DEFINE(ahci_command)
EMU_TRACE_DEFINE(ahci_complete)

static IdeDrive *
ahci_port_get_drive(AhciPort *port)
{
    return port->ide->drives[0];
}

static EmuAddressSpace *
ahci_get_memory(AhciPort *port)
{
    return emu_pci_device_get_dma_as(&port->hba->parent);
}

static uint32_t
ahci_get_u32(const uint8_t *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

/* ---- interrupts --------------------------------------------------------------------------------------- */

static void
ahci_update_irq(gpointer opaque)
{
    Ahci *self = opaque;
    uint32_t fresh;

    self->signalled &= self->is;
    for (unsigned i = 0; i < AHCI_N_PORTS; i++) {
        if (self->ports[i].is & self->ports[i].ie) {
            self->is |= 1u << i;
        }
    }
    fresh = self->ghc & AHCI_GHC_IE ? self->is & ~self->signalled : 0;
    self->signalled = self->ghc & AHCI_GHC_IE ? self->is : 0;
    if (!emu_pci_msi_enabled(&self->parent)) {
        emu_pci_device_set_irq(&self->parent, self->signalled != 0);
    } else if (fresh) {
        emu_pci_msi_notify(&self->parent, 0);
    }
}

static void
ahci_port_raise(AhciPort *port, uint32_t bits)
{
    port->is |= bits;
    ahci_update_irq(port->hba);
}

/* ---- frames to memory ------------------------------------------------------------------------------------ */

static void
ahci_port_send_frame(AhciPort *port, unsigned at, const uint8_t *fis, unsigned size)
{
    uint64_t base = (port->fb & ~0xffu) | (uint64_t)port->fbu << 32;

    if (port->cmd & AHCI_CMD_FRE && emu_dma_write(ahci_get_memory(port), base + at, fis, size) != EMU_MEM_OK) {
        port->is |= AHCI_IS_HBFS;
    }
}

static void
ahci_fill_registers(const IdeDrive *s, uint8_t *fis)
{
    fis[2] = s->status;
    fis[3] = s->error;
    fis[4] = s->sector;
    fis[5] = s->lcyl;
    fis[6] = s->hcyl;
    fis[7] = s->select;
    fis[8] = s->hob_sector;
    fis[9] = s->hob_lcyl;
    fis[10] = s->hob_hcyl;
    fis[12] = s->nsector;
    fis[13] = s->hob_nsector;
}

static void
ahci_port_send_registers(AhciPort *port, uint8_t flags)
{
    IdeDrive *s = ahci_port_get_drive(port);
    uint8_t fis[20] = {FIS_REGISTER_D2H, flags};

    ahci_fill_registers(s, fis);
    port->tfd = s->error << 8 | s->status;
    ahci_port_send_frame(port, AHCI_RX_D2H, fis, sizeof fis);
}

/* Before the data of a PIO transfer: registers as they are now, and what the status will be after it. */
static void
ahci_port_send_pio_setup(AhciPort *port, bool to_memory, uint32_t len)
{
    IdeDrive *s = ahci_port_get_drive(port);
    uint8_t fis[20] = {FIS_PIO_SETUP, FIS_INTERRUPT | (to_memory ? 0x20 : 0)};

    ahci_fill_registers(s, fis);
    fis[15] = IDE_STATUS_DRDY | IDE_STATUS_DSC;
    fis[16] = (uint8_t)len;
    fis[17] = (uint8_t)(len >> 8);
    ahci_port_send_frame(port, AHCI_RX_PIO_SETUP, fis, sizeof fis);
}

static void
ahci_port_send_device_bits(AhciPort *port)
{
    IdeDrive *s = ahci_port_get_drive(port);
    uint32_t done = s->status & IDE_STATUS_ERR ? 0 : 1u << port->tag;
    uint8_t fis[8] = {FIS_SET_DEVICE_BITS, FIS_INTERRUPT, s->status & 0x77, s->error, (uint8_t)done, (uint8_t)(done >> 8), (uint8_t)(done >> 16),
                      (uint8_t)(done >> 24)};

    port->sact &= ~done;
    port->tfd = (port->tfd & 0x88) | (s->status & 0x77) | s->error << 8;
    ahci_port_send_frame(port, AHCI_RX_SDB, fis, sizeof fis);
}

/* ---- data ----------------------------------------------------------------------------------------------- */

/* Between @buf and what the physical region descriptors say, from where the last call ended. */
static uint32_t
ahci_port_move(AhciPort *port, uint8_t *buf, uint32_t len, bool to_memory)
{
    EmuAddressSpace *memory = ahci_get_memory(port);
    uint32_t done = 0;

    while (done < len && port->prd < port->n_prds) {
        uint64_t at = port->table + AHCI_TABLE_PRDT + (uint64_t)port->prd * AHCI_PRD_SIZE, address;
        uint8_t prd[AHCI_PRD_SIZE];
        uint32_t bytes, n;
        EmuMemResult result;

        if (emu_dma_read(memory, at, prd, sizeof prd) != EMU_MEM_OK) {
            emu_guest_error("ahci: region descriptor at 0x%" G_GINT64_MODIFIER "x cannot be read", at);
            port->is |= AHCI_IS_HBFS;
            break;
        }
        address = (ahci_get_u32(prd) & ~1u) | (uint64_t)ahci_get_u32(prd + 4) << 32;
        bytes = AHCI_PRD_BYTES(ahci_get_u32(prd + 12));
        n = MIN(bytes - MIN(port->prd_pos, bytes), len - done);
        result = to_memory ? emu_dma_write(memory, address + port->prd_pos, buf + done, n) : emu_dma_read(memory, address + port->prd_pos, buf + done, n);
        if (result != EMU_MEM_OK) {
            emu_guest_error("ahci: DMA of %u bytes at 0x%" G_GINT64_MODIFIER "x failed", n, address + port->prd_pos);
        }
        port->prd_pos += n;
        done += n;
        if (port->prd_pos >= bytes) {
            port->prd++;
            port->prd_pos = 0;
        }
    }
    port->moved += done;
    return done;
}

static uint32_t
ahci_dma_move_cb(gpointer opaque, void *buf, uint32_t len, bool to_memory)
{
    return ahci_port_move(opaque, buf, len, to_memory);
}

/* The data register's window, as a frame. */
static void
ahci_port_move_pio(AhciPort *port, IdeDrive *s)
{
    bool to_memory = s->phase != IDE_PHASE_WRITE_DONE && s->phase != IDE_PHASE_PACKET && s->phase != IDE_PHASE_ATAPI_SINK;
    uint32_t len = s->data_end - s->data_pos;

    if (s->phase == IDE_PHASE_PACKET) {
        if (emu_dma_read(ahci_get_memory(port), port->table + AHCI_TABLE_ACMD, s->buffer + s->data_pos, len) != EMU_MEM_OK) {
            port->is |= AHCI_IS_HBFS;
        }
    } else {
        ahci_port_send_pio_setup(port, to_memory, len);
        ahci_port_move(port, s->buffer + s->data_pos, len, to_memory);
        port->pio_in = to_memory && !s->is_cd;
    }
    s->data_pos = s->data_end;
    ide_drive_phase_done(s);
}

/* ---- commands --------------------------------------------------------------------------------------------- */

static void
ahci_port_take_registers(AhciPort *port, const uint8_t *fis)
{
    IdeDrive *s = ahci_port_get_drive(port);
    uint8_t command = fis[2];

    s->sector = fis[4];
    s->lcyl = fis[5];
    s->hcyl = fis[6];
    s->select = (fis[7] & ~IDE_DEVICE_UNIT) | 0xa0;
    s->hob_sector = fis[8];
    s->hob_lcyl = fis[9];
    s->hob_hcyl = fis[10];
    port->queued = (command == ATA_READ_FPDMA || command == ATA_WRITE_FPDMA) && !s->is_cd;
    if (port->queued) {
        /* The count is in the features, the tag in the count (Serial ATA 2.6, 13.6.4). */
        s->nsector = fis[3];
        s->hob_nsector = fis[11];
        port->tag = fis[12] >> 3;
        port->fua = command == ATA_WRITE_FPDMA && fis[7] & ATA_FPDMA_FUA;
        port->ci &= ~(1u << port->slot);
        port->tfd = IDE_STATUS_DRDY | IDE_STATUS_DSC;
        command = command == ATA_READ_FPDMA ? ATA_READ_DMA_EXT : ATA_WRITE_DMA_EXT;
    } else {
        s->feature = fis[3];
        s->hob_feature = fis[11];
        s->nsector = fis[12];
        s->hob_nsector = fis[13];
        port->fua = false;
        port->tfd = IDE_STATUS_BSY | IDE_STATUS_DRDY;
    }
    EMU_TRACE(ahci_command, "port %u slot %d command 0x%02x queued %d", port->index, port->slot, fis[2], port->queued);
    ide_drive_execute(s, command);
}

/* A frame that is no command: device control, of which SRST has an effect. */
static void
ahci_port_control(AhciPort *port, uint8_t control)
{
    bool reset = control & IDE_CONTROL_SRST;

    if (port->resetting && !reset) {
        ide_bus_write_control(port->ide, IDE_CONTROL_SRST);
        ide_bus_write_control(port->ide, 0);
        ahci_port_send_registers(port, 0);
    }
    port->resetting = reset;
    port->ci &= ~(1u << port->slot);
    port->slot = -1;
}

/* Takes the lowest slot that waits; false: there is none. */
static bool
ahci_port_start(AhciPort *port)
{
    uint64_t header_at;
    uint8_t header[16], fis[20];

    if (!(port->cmd & AHCI_CMD_ST) || port->halted || !port->ci) {
        return false;
    }
    port->slot = __builtin_ctz(port->ci);
    port->cmd = (port->cmd & ~AHCI_CMD_CCS) | (uint32_t)port->slot << AHCI_CMD_CCS_SHIFT;
    header_at = (port->clb & ~0x3ffu) + (uint64_t)port->slot * AHCI_HEADER_SIZE + ((uint64_t)port->clbu << 32);
    if (emu_dma_read(ahci_get_memory(port), header_at, header, sizeof header) == EMU_MEM_OK) {
        port->table = (ahci_get_u32(header + 8) & ~0x7fu) | (uint64_t)ahci_get_u32(header + 12) << 32;
        port->n_prds = ahci_get_u32(header) >> 16;
        port->prd = port->prd_pos = port->moved = 0;
        port->pio_in = port->queued = false;
        if (emu_dma_read(ahci_get_memory(port), port->table, fis, sizeof fis) == EMU_MEM_OK && fis[0] == FIS_REGISTER_H2D) {
            if (!(fis[1] & FIS_COMMAND)) {
                ahci_port_control(port, fis[15]);
            } else {
                ahci_port_take_registers(port, fis);
            }
            return true;
        }
    }
    emu_guest_error("ahci: port %u: slot %d holds no command", port->index, port->slot);
    port->halted = true;
    port->slot = -1;
    ahci_port_raise(port, AHCI_IS_HBFS);
    return false;
}

static void
ahci_port_complete(AhciPort *port, IdeDrive *s)
{
    uint64_t header_at = (port->clb & ~0x3ffu) + (uint64_t)port->slot * AHCI_HEADER_SIZE + ((uint64_t)port->clbu << 32);
    uint32_t moved = GUINT32_TO_LE(port->moved), bits = AHCI_IS_DHRS;

    EMU_TRACE(ahci_complete, "port %u slot %d status 0x%02x error 0x%02x bytes %u", port->index, port->slot, s->status, s->error, port->moved);
    emu_dma_write(ahci_get_memory(port), header_at + 4, &moved, sizeof moved);
    if (port->queued) {
        ahci_port_send_device_bits(port);
        bits = AHCI_IS_SDBS;
    } else if (port->pio_in && !(s->status & IDE_STATUS_ERR)) {
        port->tfd = s->error << 8 | s->status;
        bits = AHCI_IS_PSS;
    } else {
        ahci_port_send_registers(port, FIS_INTERRUPT);
    }
    if (s->status & IDE_STATUS_ERR) {
        bits |= AHCI_IS_TFES;
        port->halted = true;
    } else if (!port->queued) {
        port->ci &= ~(1u << port->slot);
    }
    port->slot = -1;
    ahci_port_raise(port, bits);
}

/* One step of the command that runs; false: it waits for the back end. */
static bool
ahci_port_step(AhciPort *port, IdeDrive *s)
{
    if (s->request) {
        return false;
    }
    if (s->status & IDE_STATUS_DRQ && s->data_pos < s->data_end) {
        ahci_port_move_pio(port, s);
    } else if (s->dma_kind != IDE_DMA_NONE && s->status & IDE_STATUS_DRQ) {
        ide_drive_dma_run(s);
    } else if (s->status & IDE_STATUS_BSY) {
        return false;
    } else if (port->fua && !(s->status & IDE_STATUS_ERR)) {
        port->fua = false;
        ide_drive_execute(s, ATA_FLUSH_EXT);
    } else {
        ahci_port_complete(port, s);
    }
    return true;
}

static void
ahci_port_run(AhciPort *port)
{
    IdeDrive *s = ahci_port_get_drive(port);

    if (port->running || !s) {
        return;
    }
    port->running = true;
    while (port->slot >= 0 ? ahci_port_step(port, s) : ahci_port_start(port)) {
    }
    port->running = false;
}

static void
ahci_dma_event_cb(gpointer opaque)
{
    ahci_port_run(opaque);
}

static void
ahci_dma_start_cb(gpointer opaque, IdeDrive *drive G_GNUC_UNUSED)
{
    ahci_port_run(opaque);
}

static void
ahci_dma_nothing_cb(gpointer opaque G_GNUC_UNUSED)
{
}

static const IdeDmaOps ahci_dma_ops = {
    .start = ahci_dma_start_cb,
    .move = ahci_dma_move_cb,
    .finish = ahci_dma_nothing_cb,
    .interrupt = ahci_dma_event_cb,
    .cancel = ahci_dma_nothing_cb,
};

/* ---- ports ------------------------------------------------------------------------------------------------- */

static void
ahci_port_stop(AhciPort *port)
{
    IdeDrive *s = ahci_port_get_drive(port);

    if (port->slot >= 0 && s) {
        ide_drive_cancel(s);
        s->status = IDE_STATUS_DRDY | IDE_STATUS_DSC;
    }
    port->slot = -1;
    port->halted = false;
    port->ci = port->sact = 0;
    port->cmd &= ~(AHCI_CMD_CR | AHCI_CMD_CCS);
}

/* What the drive tells after a reset of the link. */
static void
ahci_port_connect(AhciPort *port)
{
    IdeDrive *s = ahci_port_get_drive(port);

    port->resetting = false;
    if (!s) {
        port->tfd = AHCI_TFD_NONE;
        port->sig = AHCI_SIG_NONE;
        port->ssts = 0;
        return;
    }
    port->ssts = AHCI_SSTS_PRESENT;
    port->sig = s->is_cd ? 0xeb140101 : 0x00000101;
    port->tfd = 0x0100 | (s->is_cd ? 0 : IDE_STATUS_DRDY | IDE_STATUS_DSC);
}

static void
ahci_port_reset(AhciPort *port)
{
    ahci_port_stop(port);
    port->clb = port->clbu = port->fb = port->fbu = 0;
    port->is = port->ie = port->sctl = port->serr = 0;
    port->cmd = AHCI_CMD_SUD | AHCI_CMD_POD;
    ahci_port_connect(port);
}

static void
ahci_hba_reset(Ahci *self)
{
    self->ghc = AHCI_GHC_AE;
    self->is = self->signalled = 0;
    for (unsigned i = 0; i < AHCI_N_PORTS; i++) {
        ide_bus_reset(self->ports[i].ide);
        ahci_port_reset(&self->ports[i]);
    }
}

/* ---- registers ------------------------------------------------------------------------------------------------ */

static void
ahci_write_ghc(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    if (value & AHCI_GHC_HR) {
        ahci_hba_reset(opaque);
    }
}

static void
ahci_write_cmd(gpointer opaque, unsigned index, uint64_t value, uint64_t old)
{
    AhciPort *port = &((Ahci *)opaque)->ports[index];

    if (value & AHCI_CMD_CLO) {
        port->tfd &= ~(uint32_t)(IDE_STATUS_BSY | IDE_STATUS_DRQ);
    }
    port->cmd = port->cmd & AHCI_CMD_FRE ? port->cmd | AHCI_CMD_FR : port->cmd & ~AHCI_CMD_FR;
    if (port->cmd & AHCI_CMD_FRE && !(old & AHCI_CMD_FRE) && ahci_port_get_drive(port) && port->slot < 0) {
        ahci_port_send_registers(port, 0); /* the signature has waited for a place to go */
    }
    if (old & AHCI_CMD_ST && !(port->cmd & AHCI_CMD_ST)) {
        ahci_port_stop(port);
    } else if (port->cmd & AHCI_CMD_ST) {
        port->cmd |= AHCI_CMD_CR;
        ahci_port_run(port);
    }
}

/* 3.3.11: DET 1 resets the link, 0 lets it come up. */
static void
ahci_write_sctl(gpointer opaque, unsigned index, uint64_t value, uint64_t old)
{
    AhciPort *port = &((Ahci *)opaque)->ports[index];
    bool reset = (value & AHCI_SCTL_DET) == 1, was = (old & AHCI_SCTL_DET) == 1;

    if (reset && !was) {
        ahci_port_stop(port);
        ide_bus_reset(port->ide);
        port->ssts = 0;
        port->tfd = AHCI_TFD_NONE;
        port->sig = AHCI_SIG_NONE;
    } else if (!reset && was) {
        ahci_port_connect(port);
        if (ahci_port_get_drive(port)) {
            port->serr |= AHCI_SERR_X | AHCI_SERR_N;
            ahci_port_send_registers(port, 0);
        }
    }
}

static void
ahci_write_sact(gpointer opaque, unsigned index, uint64_t value, uint64_t old)
{
    AhciPort *port = &((Ahci *)opaque)->ports[index];

    port->sact = port->cmd & AHCI_CMD_ST ? (uint32_t)(old | value) : (uint32_t)old;
}

static void
ahci_write_ci(gpointer opaque, unsigned index, uint64_t value, uint64_t old)
{
    AhciPort *port = &((Ahci *)opaque)->ports[index];

    port->ci = port->cmd & AHCI_CMD_ST ? (uint32_t)(old | value) : (uint32_t)old;
    ahci_port_run(port);
}

/* PCS and PRCS follow SERR (3.3.5). */
static uint64_t
ahci_read_is(gpointer opaque, unsigned index)
{
    AhciPort *port = &((Ahci *)opaque)->ports[index];

    return port->is | (port->serr & AHCI_SERR_X ? AHCI_IS_PCS : 0) | (port->serr & AHCI_SERR_N ? AHCI_IS_PRCS : 0);
}

#define AHCI_PORT_REGISTER(m, n, o, a, ...)                                                        \
    {.name = n, .offset = AHCI_PORTS + (o), .width = 4, .access = a, .flags = EMU_REGISTER_KEEP, .member = offsetof(Ahci, ports[0].m), .member_size = 4, \
     .num = AHCI_N_PORTS, .stride = AHCI_PORT_SIZE, .member_stride = sizeof(AhciPort), ##__VA_ARGS__}

static const EmuRegister ahci_registers[] = {
    EMU_REG_CONST("CAP", 0x00, 4, (AHCI_N_PORTS - 1) | AHCI_CAP_NCS | AHCI_CAP_SAM | AHCI_CAP_ISS_GEN1 | AHCI_CAP_SCLO | AHCI_CAP_SNCQ | AHCI_CAP_S64A,
                  .blurb = "capabilities"),
    EMU_REG32(Ahci, ghc, "GHC", 0x04, EMU_RW, AHCI_GHC_AE, .writable = AHCI_GHC_IE, .write = ahci_write_ghc, .blurb = "global control",
              .fields = EMU_REG_FIELDS({"HR", 0, 1, EMU_WO, "resets the adapter"}, {"IE", 1, 1}, {"AE", 31, 1, EMU_RO})),
    EMU_REG32(Ahci, is, "IS", 0x08, EMU_W1C, 0, .blurb = "ports with an interrupt"),
    EMU_REG_CONST("PI", 0x0c, 4, (1 << AHCI_N_PORTS) - 1, .blurb = "ports that there are"),
    EMU_REG_CONST("VS", 0x10, 4, AHCI_VERSION_1_3_1),
    AHCI_PORT_REGISTER(clb, "CLB", 0x00, EMU_RW, .writable = 0xfffffc00, .blurb = "command list"),
    AHCI_PORT_REGISTER(clbu, "CLBU", 0x04, EMU_RW),
    AHCI_PORT_REGISTER(fb, "FB", 0x08, EMU_RW, .writable = 0xffffff00, .blurb = "where frames from the drive go"),
    AHCI_PORT_REGISTER(fbu, "FBU", 0x0c, EMU_RW),
    AHCI_PORT_REGISTER(is, "PxIS", 0x10, EMU_W1C, .writable = AHCI_IS_W1C, .read = ahci_read_is, .peek = ahci_read_is, .blurb = "interrupt status"),
    AHCI_PORT_REGISTER(ie, "PxIE", 0x14, EMU_RW, .writable = AHCI_IE_WRITABLE, .blurb = "interrupt enable"),
    AHCI_PORT_REGISTER(cmd, "CMD", 0x18, EMU_RW, .writable = AHCI_CMD_WRITABLE, .write = ahci_write_cmd,
                       .fields = EMU_REG_FIELDS({"ST", 0, 1}, {"SUD", 1, 1}, {"POD", 2, 1}, {"CLO", 3, 1, EMU_WO}, {"FRE", 4, 1}, {"CCS", 8, 5, EMU_RO},
                                                {"FR", 14, 1, EMU_RO}, {"CR", 15, 1, EMU_RO}, {"ATAPI", 24, 1}, {"ICC", 28, 4})),
    AHCI_PORT_REGISTER(tfd, "TFD", 0x20, EMU_RO, .blurb = "task file: status, error"),
    AHCI_PORT_REGISTER(sig, "SIG", 0x24, EMU_RO, .blurb = "what kind of drive"),
    AHCI_PORT_REGISTER(ssts, "SSTS", 0x28, EMU_RO, .blurb = "Serial ATA status"),
    AHCI_PORT_REGISTER(sctl, "SCTL", 0x2c, EMU_RW, .writable = 0xfff, .write = ahci_write_sctl, .blurb = "Serial ATA control"),
    AHCI_PORT_REGISTER(serr, "SERR", 0x30, EMU_W1C, .blurb = "Serial ATA error"),
    AHCI_PORT_REGISTER(sact, "SACT", 0x34, EMU_RW, .write = ahci_write_sact, .blurb = "queued commands that are not done; ones set"),
    AHCI_PORT_REGISTER(ci, "CI", 0x38, EMU_RW, .write = ahci_write_ci, .blurb = "commands issued; ones set"),
};
EMU_REGISTER_BANK(ahci_bank, "ahci", AHCI_SIZE, ahci_registers, .valid_min = 1, .valid_max = 4, .changed = ahci_update_irq)

/* ---- the PCI function --------------------------------------------------------------------------------------- */

static bool
ahci_realize(EmuPciDevice *dev, GError **error)
{
    Ahci *self = (Ahci *)dev;

    emu_pci_device_get_config(dev)[0x3d] = 1; /* INTA# */
    if (!emu_pci_msi_init(dev, 0x80, 1, error)) {
        return false;
    }
    for (unsigned i = 0; i < AHCI_N_PORTS; i++) {
        AhciPort *port = &self->ports[i];

        port->hba = self;
        port->index = i;
        port->slot = -1;
        port->ide = ide_bus_new(EMU_DEVICE(dev), i, NULL, &ahci_dma_ops, port);
        port->ide->sata = true;
    }
    emu_pci_device_register_bar(dev, AHCI_BAR, EMU_PCI_BAR_MEM, emu_registers_new_region(self, &ahci_bank, self));
    return true;
}

static void
ahci_reset_enter(EmuDevice *dev)
{
    ahci_hba_reset((Ahci *)dev);
}

/* After this no command is under way: a saved state has none. */
static void
ahci_pre_save(gpointer opaque)
{
    Ahci *self = opaque;

    for (unsigned i = 0; i < AHCI_N_PORTS; i++) {
        IdeDrive *s = ahci_port_get_drive(&self->ports[i]);

        if (s) {
            emu_block_backend_drain(s->blk);
        }
    }
}

static bool
ahci_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    Ahci *self = opaque;

    for (unsigned i = 0; i < AHCI_N_PORTS; i++) {
        AhciPort *port = &self->ports[i];
        IdeDrive *s = ahci_port_get_drive(port);

        if (s && port->slot >= 0) {
            ide_drive_cancel(s);
        }
        port->slot = -1;
    }
    return true;
}

static const EmuVMField ahci_port_fields[] = {
    EMU_VM_U32(AhciPort, clb),  EMU_VM_U32(AhciPort, clbu), EMU_VM_U32(AhciPort, fb),   EMU_VM_U32(AhciPort, fbu),
    EMU_VM_U32(AhciPort, is),   EMU_VM_U32(AhciPort, ie),   EMU_VM_U32(AhciPort, cmd),  EMU_VM_U32(AhciPort, tfd),
    EMU_VM_U32(AhciPort, sig),  EMU_VM_U32(AhciPort, ssts), EMU_VM_U32(AhciPort, sctl), EMU_VM_U32(AhciPort, serr),
    EMU_VM_U32(AhciPort, sact), EMU_VM_U32(AhciPort, ci),   EMU_VM_BOOL(AhciPort, halted), EMU_VM_BOOL(AhciPort, resetting),
    EMU_VM_END,
};

static const EmuVMState ahci_port_vmstate = {
    .name = "ahci-port",
    .version = 1,
    .minimum_version = 1,
    .fields = ahci_port_fields,
};

static const EmuVMField ahci_fields[] = {
    EMU_VM_PCI_DEVICE(Ahci, parent),
    EMU_VM_STRUCT_ARRAY(Ahci, ports, &ahci_port_vmstate),
    EMU_VM_U32(Ahci, ghc),
    EMU_VM_U32(Ahci, is),
    EMU_VM_U32(Ahci, signalled),
    EMU_VM_END,
};

static const EmuVMState ahci_vmstate = {
    .name = "ahci",
    .version = 1,
    .minimum_version = 1,
    .fields = ahci_fields,
    .pre_save = ahci_pre_save,
    .post_load = ahci_post_load,
};

static void
ahci_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;
    EmuPciDeviceClass *pci = klass;

    device->reset_enter = ahci_reset_enter;
    device->vmstate = &ahci_vmstate;
    device->category = "storage";
    device->model_name = "82801I ICH9 SATA AHCI";
    device->user_creatable = true;
    device->hotpluggable = false;
    emu_device_class_add_registers(klass, &ahci_bank, 0);
    pci->realize = ahci_realize;
    pci->vendor_id = 0x8086;
    pci->device_id = 0x2922;
    pci->class_id = 0x0106;
    pci->prog_if = 0x01;
    pci->revision = 2;
}

const EmuTypeInfo ich9_ahci_info = {
    .name = "ich9-ahci",
    .parent = "pci-device",
    .instance_size = sizeof(Ahci),
    .class_init = ahci_class_init,
    .description = "82801I (ICH9) SATA AHCI controller",
};

const EmuTypeInfo ahci_info = {
    .name = "ahci",
    .parent = "ich9-ahci",
    .description = "SATA AHCI controller",
};
