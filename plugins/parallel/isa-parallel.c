/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The parallel port of a PC's super-I/O chip (SMSC FDC37C93x, National PC97307) with a printer that is always there. A byte is taken at
 * the rising edge of STROBE (bit 0 of control; the pin is inverted); the printer is then busy for a moment and ends with a
 * pulse on nACK, whose rising edge is the interrupt:
 *
 *   STROBE  __|~~~~|__________________
 *   BUSY    __|~~~~~~~~~|_____________   status bit 7 is nBUSY
 *   nACK    ~~~~~~~~~~~~|___|~~~~~~~~~
 *              ^ data        ^ interrupt
 *
 * The extended control register (Microsoft's "Extended Capabilities Port Protocol and ISA Interface Standard", 1.14) selects who
 * makes those edges:
 *
 *   000 SPP, 001 PS/2   the guest
 *   010 compatible FIFO what is written to the FIFO, in the same way
 *   011 ECP             what is written to the FIFO; what the back end has to say comes back through it
 *   100 EPP             an access of the address or data ports is one cycle: the back end gets, or gives, the byte
 *   110, 111            the FIFO by itself; the configuration
 */

#include "isa-parallel.h"

#include <emu/chardev.h>
#include <emu/isa.h>
#include <emu/machine.h>
#include <emu/registers.h>
#include <string.h>

#define PARALLEL_STATUS_NOT_BUSY 0x80
#define PARALLEL_STATUS_NOT_ACK 0x40
#define PARALLEL_STATUS_SELECTED 0x10
#define PARALLEL_STATUS_NOT_ERROR 0x08
#define PARALLEL_STATUS_UNUSED 0x06
#define PARALLEL_STATUS_TIMEOUT 0x01 /* reads 1 in other modes than EPP */

#define PARALLEL_CONTROL_STROBE 0x01
#define PARALLEL_CONTROL_NOT_INIT 0x04
#define PARALLEL_CONTROL_IRQ_ENABLE 0x10
#define PARALLEL_CONTROL_INPUT 0x20
#define PARALLEL_CONTROL_WRITABLE 0x3f
#define PARALLEL_CONTROL_UNUSED 0xc0
#define PARALLEL_CONTROL_RESET 0x0c /* selected, initialized */

#define ECP_ECR_DMA 0x08
#define ECP_ECR_SERVICE 0x04
#define ECP_ECR_FULL 0x02
#define ECP_ECR_EMPTY 0x01
#define ECP_ECR_RESET 0x14 /* SPP, no interrupts */

#define ECP_CONFIG_A 0x14 /* interrupts are pulses; words are bytes; none is on its way outside the FIFO */

#define PARALLEL_FIFO 16
#define PARALLEL_THRESHOLD 8 /* bytes, or places, that ask for service */

#define PARALLEL_BUSY_NS INT64_C(1000)
#define PARALLEL_ACK_NS INT64_C(1000)
#define PARALLEL_LATE_NS INT64_C(10000000) /* what was missed longer ago than this is not made up for */
#define PARALLEL_MAX 3
#define PARALLEL_UNSET UINT32_MAX
#define PARALLEL_NO_DMA 4

typedef enum { ECP_MODE_SPP, ECP_MODE_PS2, ECP_MODE_FIFO, ECP_MODE_ECP, ECP_MODE_EPP, ECP_MODE_RESERVED, ECP_MODE_TEST, ECP_MODE_CONFIG } EcpMode;

/* A byte of the FIFO, and in ECP forward, whether it is a command: an address, or how often the next one is meant. */
typedef struct {
    uint8_t data[PARALLEL_FIFO];
    uint8_t command[PARALLEL_FIFO];
    uint8_t head;
    uint8_t count;
} ParallelFifo;

typedef struct {
    EmuIsaDevice parent_instance;

    uint32_t index;
    uint32_t iobase;
    uint32_t irq_number;
    uint32_t dma_channel;
    EmuObject *chardev;

    EmuLine *irq;
    EmuIsaDma *dma;
    EmuCharFrontend *frontend;
    EmuTimer *timer;
    EmuBh *resume_bh; /* asks the 8237 again after a load */

    uint8_t data;
    uint8_t control;
    bool busy;
    bool ack; /* nACK is low */
    int64_t phase_end; /* of busy or ack */

    uint8_t ecr;
    ParallelFifo fifo;  /* the port's */
    ParallelFifo input; /* the other side's: what the back end has sent */
    uint8_t repeat;     /* ECP: the next data byte is meant once more than this */
    uint8_t epp_address;
    bool epp_timeout;
} Parallel;

/* ---- FIFOs --------------------------------------------------------------------------------------------- */

static bool
parallel_fifo_push(ParallelFifo *fifo, uint8_t byte, bool command)
{
    unsigned at = (fifo->head + fifo->count) % PARALLEL_FIFO;

    if (fifo->count >= PARALLEL_FIFO) {
        return false;
    }
    fifo->data[at] = byte;
    fifo->command[at] = command;
    fifo->count++;
    return true;
}

/* Of an empty one: what was read last. */
static uint8_t
parallel_fifo_pop(ParallelFifo *fifo, bool *command)
{
    unsigned at = fifo->count ? fifo->head : (fifo->head + PARALLEL_FIFO - 1) % PARALLEL_FIFO;

    if (command) {
        *command = fifo->command[at];
    }
    if (fifo->count) {
        fifo->head = (fifo->head + 1) % PARALLEL_FIFO;
        fifo->count--;
    }
    return fifo->data[at];
}

static void
parallel_fifo_clear(ParallelFifo *fifo)
{
    *fifo = (ParallelFifo){0};
}

/* ---- modes --------------------------------------------------------------------------------------------- */

static EcpMode
parallel_mode(const Parallel *self)
{
    return self->ecr >> 5;
}

static bool
parallel_is_input(const Parallel *self)
{
    return self->control & PARALLEL_CONTROL_INPUT;
}

/* Modes in which the FIFO is there for the guest. */
static bool
parallel_has_fifo(const Parallel *self)
{
    EcpMode mode = parallel_mode(self);

    return mode == ECP_MODE_FIFO || mode == ECP_MODE_ECP || mode == ECP_MODE_TEST;
}

static bool
parallel_sends_fifo(const Parallel *self)
{
    EcpMode mode = parallel_mode(self);

    return (mode == ECP_MODE_FIFO || mode == ECP_MODE_ECP) && !parallel_is_input(self) && self->control & PARALLEL_CONTROL_NOT_INIT;
}

static bool
parallel_receives(const Parallel *self)
{
    EcpMode mode = parallel_mode(self);

    return mode == ECP_MODE_EPP || (mode == ECP_MODE_ECP && parallel_is_input(self));
}

/* ---- interrupt and DMA ---------------------------------------------------------------------------------- */

static bool
parallel_wants_service(const Parallel *self)
{
    return parallel_is_input(self) ? self->fifo.count >= PARALLEL_THRESHOLD : PARALLEL_FIFO - self->fifo.count >= PARALLEL_THRESHOLD;
}

static bool
parallel_wants_dma(const Parallel *self)
{
    return self->dma && parallel_has_fifo(self) && (self->ecr & (ECP_ECR_DMA | ECP_ECR_SERVICE)) == ECP_ECR_DMA &&
           (parallel_is_input(self) ? self->fifo.count > 0 : self->fifo.count < PARALLEL_FIFO);
}

static void
parallel_ask_service(Parallel *self)
{
    self->ecr |= ECP_ECR_SERVICE;
    emu_line_pulse(self->irq);
}

/* After any change of mode, direction, serviceIntr, dmaEn or the FIFO. */
static void
parallel_update(Parallel *self)
{
    EmuIsaDmaInterface *dma = self->dma ? EMU_ISA_DMA_GET_IFACE(self->dma) : NULL;

    if (parallel_has_fifo(self) && !(self->ecr & (ECP_ECR_DMA | ECP_ECR_SERVICE)) && parallel_wants_service(self)) {
        parallel_ask_service(self);
    }
    if (parallel_wants_dma(self)) {
        dma->hold_request(self->dma, (int)self->dma_channel);
        dma->schedule(self->dma);
    } else if (dma) {
        dma->release_request(self->dma, (int)self->dma_channel);
    }
}

/* ---- the other side --------------------------------------------------------------------------------------- */

static int64_t
parallel_now(Parallel *self)
{
    return emu_clock_get_ns(emu_device_get_clock((EmuDevice *)self, EMU_CLOCK_VIRTUAL));
}

/* Until when the other side is busy, or says so. */
static void
parallel_arm(Parallel *self, int64_t end)
{
    self->phase_end = end;
    emu_timer_set(self->timer, end);
}

/* Takes a byte, and is busy for a moment. */
static void
parallel_print(Parallel *self, uint8_t byte, unsigned times, int64_t now)
{
    uint8_t bytes[128];

    memset(bytes, byte, times);
    emu_char_frontend_write(self->frontend, bytes, times);
    self->busy = true;
    self->ack = false;
    parallel_arm(self, now + PARALLEL_BUSY_NS);
}

/* The next byte of the FIFO leaves when the other side is ready. ECP's commands: bit 7 an address, else a count for the byte behind. */
static void
parallel_send(Parallel *self, int64_t now)
{
    while (!self->busy && !self->ack && self->fifo.count && parallel_sends_fifo(self)) {
        bool command;
        uint8_t byte = parallel_fifo_pop(&self->fifo, &command);

        if (!command) {
            parallel_print(self, byte, self->repeat + 1u, now);
            self->repeat = 0;
        } else if (!(byte & 0x80)) {
            self->repeat = byte;
        }
    }
}

/* Reverse: what has come fills the FIFO. */
static void
parallel_fetch(Parallel *self)
{
    bool input = parallel_mode(self) == ECP_MODE_ECP && parallel_is_input(self);

    while (input && self->input.count && self->fifo.count < PARALLEL_FIFO) {
        parallel_fifo_push(&self->fifo, parallel_fifo_pop(&self->input, NULL), false);
    }
    if (parallel_receives(self)) {
        emu_char_frontend_accept_input(self->frontend);
    }
}

static void
parallel_move_at(Parallel *self, int64_t now)
{
    parallel_send(self, now);
    parallel_fetch(self);
    parallel_update(self);
}

/*
 * What has ended by now, each at its time: the host's timers come late, and a guest that polls, or a whole FIFO, need not
 * wait for one of them per byte.
 */
static void
parallel_catch_up(Parallel *self)
{
    int64_t now = parallel_now(self);

    self->phase_end = MAX(self->phase_end, now - PARALLEL_LATE_NS);
    while ((self->busy || self->ack) && self->phase_end <= now) {
        int64_t at = self->phase_end;

        if (self->busy) {
            self->busy = false;
            self->ack = true;
            parallel_arm(self, at + PARALLEL_ACK_NS);
            continue;
        }
        self->ack = false;
        emu_timer_cancel(self->timer);
        if (self->control & PARALLEL_CONTROL_IRQ_ENABLE) {
            emu_line_pulse(self->irq);
        }
        parallel_move_at(self, at);
    }
}

static void
parallel_move(Parallel *self)
{
    parallel_move_at(self, parallel_now(self));
}

static void
parallel_timer_cb(gpointer opaque)
{
    parallel_catch_up(opaque);
}

static gsize
parallel_can_receive_cb(gpointer opaque)
{
    const Parallel *self = opaque;

    return parallel_receives(self) ? PARALLEL_FIFO - self->input.count : 0;
}

static void
parallel_receive_cb(gpointer opaque, const uint8_t *buf, gsize len)
{
    Parallel *self = opaque;

    for (gsize i = 0; i < len; i++) {
        parallel_fifo_push(&self->input, buf[i], false);
    }
    parallel_move(self);
}

static int
parallel_dma_cb(gpointer opaque, int channel, int pos, int size)
{
    Parallel *self = opaque;
    EmuIsaDmaInterface *dma = EMU_ISA_DMA_GET_IFACE(self->dma);
    uint8_t bytes[PARALLEL_FIFO] = {0};
    int n = 0;

    if (!parallel_wants_dma(self)) {
        dma->release_request(self->dma, channel);
        return pos;
    }
    if (parallel_is_input(self)) {
        while (n < size - pos && self->fifo.count) {
            bytes[n++] = parallel_fifo_pop(&self->fifo, NULL);
        }
        if (dma->get_direction(self->dma, channel) == EMU_ISA_DMA_WRITE_MEM) {
            dma->write_memory(self->dma, channel, bytes, pos, n);
        }
    } else {
        n = MAX(MIN(size - pos, PARALLEL_FIFO - self->fifo.count), 0);
        if (dma->get_direction(self->dma, channel) == EMU_ISA_DMA_READ_MEM) {
            dma->read_memory(self->dma, channel, bytes, pos, n);
        }
        for (int i = 0; i < n; i++) {
            parallel_fifo_push(&self->fifo, bytes[i], false);
        }
    }
    pos += n;
    if (pos >= size) {
        parallel_ask_service(self); /* terminal count */
    }
    parallel_move(self);
    return pos;
}

/* ---- registers: SPP and PS/2 ------------------------------------------------------------------------------- */

static uint64_t
parallel_read_data(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    const Parallel *self = opaque;

    return parallel_is_input(self) ? 0xff : self->data;
}

/* In ECP mode the data port is the FIFO for commands. */
static void
parallel_write_data(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old)
{
    Parallel *self = opaque;

    if (parallel_mode(self) == ECP_MODE_ECP) {
        self->data = (uint8_t)old;
        if (!parallel_is_input(self)) {
            parallel_fifo_push(&self->fifo, (uint8_t)value, true);
            parallel_move(self);
        }
    }
}

static uint64_t
parallel_peek_status(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    const Parallel *self = opaque;
    bool timeout = parallel_mode(self) != ECP_MODE_EPP || self->epp_timeout;

    return PARALLEL_STATUS_SELECTED | PARALLEL_STATUS_NOT_ERROR | PARALLEL_STATUS_UNUSED | (timeout ? PARALLEL_STATUS_TIMEOUT : 0) |
           (self->busy ? 0 : PARALLEL_STATUS_NOT_BUSY) | (self->ack ? 0 : PARALLEL_STATUS_NOT_ACK);
}

static uint64_t
parallel_read_status(gpointer opaque, unsigned index)
{
    parallel_catch_up(opaque);
    return parallel_peek_status(opaque, index);
}

static void
parallel_write_status(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    Parallel *self = opaque;

    if (value & PARALLEL_STATUS_TIMEOUT) {
        self->epp_timeout = false;
    }
}

static uint64_t
parallel_read_control(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    return ((const Parallel *)opaque)->control | PARALLEL_CONTROL_UNUSED;
}

static void
parallel_write_control(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old)
{
    Parallel *self = opaque;
    EcpMode mode = parallel_mode(self);
    bool by_hand = mode == ECP_MODE_SPP || mode == ECP_MODE_PS2 || mode == ECP_MODE_EPP;

    parallel_catch_up(self);
    if (!(value & PARALLEL_CONTROL_NOT_INIT)) {
        /* The printer is held in reset. */
        self->busy = self->ack = false;
        emu_timer_cancel(self->timer);
    } else if (value & ~old & PARALLEL_CONTROL_STROBE && by_hand && !self->busy) {
        parallel_print(self, self->data, 1, parallel_now(self));
    }
    parallel_move(self);
}

/* ---- registers: EPP ---------------------------------------------------------------------------------------- */

static uint64_t
parallel_read_epp_address(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    const Parallel *self = opaque;

    return parallel_mode(self) == ECP_MODE_EPP ? self->epp_address : 0xff;
}

static void
parallel_write_epp_address(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    Parallel *self = opaque;

    if (parallel_mode(self) == ECP_MODE_EPP) {
        self->epp_address = (uint8_t)value;
    }
}

static uint64_t
parallel_peek_epp_data(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    const Parallel *self = opaque;

    return parallel_mode(self) == ECP_MODE_EPP && self->input.count ? self->input.data[self->input.head] : 0xff;
}

/* Where nothing has come, nobody answers the strobe: the cycle ends by itself. */
static uint64_t
parallel_read_epp_data(gpointer opaque, unsigned index)
{
    Parallel *self = opaque;
    uint64_t value = parallel_peek_epp_data(self, index);

    if (parallel_mode(self) != ECP_MODE_EPP) {
        return value;
    }
    if (self->input.count) {
        parallel_fifo_pop(&self->input, NULL);
        emu_char_frontend_accept_input(self->frontend);
    } else {
        self->epp_timeout = true;
    }
    return value;
}

static void
parallel_write_epp_data(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    Parallel *self = opaque;
    uint8_t byte = (uint8_t)value;

    if (parallel_mode(self) == ECP_MODE_EPP) {
        emu_char_frontend_write(self->frontend, &byte, 1);
    }
}

/* ---- registers: ECP ---------------------------------------------------------------------------------------- */

static uint64_t
parallel_peek_fifo(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    const Parallel *self = opaque;

    switch (parallel_mode(self)) {
    case ECP_MODE_CONFIG:
        return ECP_CONFIG_A;
    case ECP_MODE_ECP:
    case ECP_MODE_TEST:
        return self->fifo.data[self->fifo.head];
    default:
        return 0xff;
    }
}

static uint64_t
parallel_read_fifo(gpointer opaque, unsigned index)
{
    Parallel *self = opaque;
    EcpMode mode = parallel_mode(self);
    uint8_t value;

    if (mode != ECP_MODE_TEST && !(mode == ECP_MODE_ECP && parallel_is_input(self))) {
        return mode == ECP_MODE_CONFIG ? parallel_peek_fifo(self, index) : 0xff;
    }
    value = parallel_fifo_pop(&self->fifo, NULL);
    parallel_move(self);
    return value;
}

static void
parallel_write_fifo(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    Parallel *self = opaque;
    bool in_test = parallel_mode(self) == ECP_MODE_TEST;

    if (parallel_has_fifo(self) && (in_test || !parallel_is_input(self))) {
        if (!parallel_fifo_push(&self->fifo, (uint8_t)value, false) && !in_test) {
            emu_guest_error("isa-parallel: byte 0x%02x written to the full FIFO", (unsigned)value);
        }
        parallel_move(self);
    }
}

/* Which request and channel there are, where the standard has numbers for them; bit 6 is the request line, which only pulses. */
static uint64_t
parallel_read_config_b(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    static const uint8_t irq_codes[16] = {[7] = 1, [9] = 2, [10] = 3, [11] = 4, [14] = 5, [15] = 6, [5] = 7};
    const Parallel *self = opaque;

    if (parallel_mode(self) != ECP_MODE_CONFIG) {
        return 0xff;
    }
    return irq_codes[self->irq_number] << 3 | (self->dma ? self->dma_channel : 0);
}

static uint64_t
parallel_peek_ecr(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    const Parallel *self = opaque;

    return self->ecr | (self->fifo.count == PARALLEL_FIFO ? ECP_ECR_FULL : 0) | (self->fifo.count == 0 ? ECP_ECR_EMPTY : 0);
}

static uint64_t
parallel_read_ecr(gpointer opaque, unsigned index)
{
    parallel_catch_up(opaque);
    return parallel_peek_ecr(opaque, index);
}

static void
parallel_write_ecr(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, uint64_t old G_GNUC_UNUSED)
{
    Parallel *self = opaque;

    if (parallel_mode(self) == ECP_MODE_SPP || parallel_mode(self) == ECP_MODE_PS2) {
        parallel_fifo_clear(&self->fifo);
        self->repeat = 0;
    }
    parallel_move(self);
}

static const EmuRegister parallel_registers[] = {
    EMU_REG8(Parallel, data, "DATA", 0, EMU_RW, 0, .read = parallel_read_data, .write = parallel_write_data,
             .blurb = "the eight data pins; in ECP mode, addresses and counts into the FIFO"),
    EMU_REG_CALL("STATUS", 1, 1, EMU_RW, .read = parallel_read_status, .peek = parallel_peek_status, .write = parallel_write_status, .blurb = "what the printer says",
                 .fields = EMU_REG_FIELDS({"TIMEOUT", 0, 1, EMU_W1C, "an EPP cycle was not answered"}, {"nERROR", 3, 1, EMU_RO},
                                          {"SELECTED", 4, 1, EMU_RO}, {"PAPER_OUT", 5, 1, EMU_RO}, {"nACK", 6, 1, EMU_RO}, {"nBUSY", 7, 1, EMU_RO})),
    EMU_REG8(Parallel, control, "CONTROL", 2, EMU_RW, PARALLEL_CONTROL_RESET, .writable = PARALLEL_CONTROL_WRITABLE,
             .read = parallel_read_control, .write = parallel_write_control,
             .fields = EMU_REG_FIELDS({"STROBE", 0, 1, .blurb = "a rising edge takes the data"}, {"AUTO_FEED", 1, 1},
                                      {"nINIT", 2, 1, .blurb = "0 holds the printer in reset"}, {"SELECT", 3, 1},
                                      {"IRQ_ENABLE", 4, 1}, {"INPUT", 5, 1, .blurb = "the data pins are inputs"})),
    EMU_REG_CALL("EPP_ADDRESS", 3, 1, EMU_RW, .read = parallel_read_epp_address, .write = parallel_write_epp_address, .blurb = "EPP address cycle"),
    EMU_REG_CALL("EPP_DATA", 4, 1, EMU_RW, .num = 4, .stride = 1, .read = parallel_read_epp_data, .peek = parallel_peek_epp_data,
                 .write = parallel_write_epp_data, .blurb = "EPP data cycle"),
};
EMU_REGISTER_BANK(parallel_bank, "parallel", 8, parallel_registers, .valid_min = 1, .valid_max = 4, .valid_unaligned = true, .hole = 0xff)

static const EmuRegister parallel_ecp_registers[] = {
    EMU_REG_CALL("FIFO", 0, 1, EMU_RW, .read = parallel_read_fifo, .peek = parallel_peek_fifo, .write = parallel_write_fifo,
                 .blurb = "data FIFO; in configuration mode cnfgA"),
    EMU_REG_CALL("CNFGB", 1, 1, EMU_RO, .read = parallel_read_config_b, .blurb = "request and channel"),
    EMU_REG8(Parallel, ecr, "ECR", 2, EMU_RW, ECP_ECR_RESET, .writable = 0xfc, .read = parallel_read_ecr, .peek = parallel_peek_ecr, .write = parallel_write_ecr,
             .blurb = "extended control",
             .fields = EMU_REG_FIELDS({"EMPTY", 0, 1, EMU_RO}, {"FULL", 1, 1, EMU_RO}, {"SERVICE_INTR", 2, 1, .blurb = "0: ask for service"},
                                      {"DMA_EN", 3, 1}, {"nERR_INTR_EN", 4, 1}, {"MODE", 5, 3})),
};
EMU_REGISTER_BANK(parallel_ecp_bank, "parallel-ecp", 3, parallel_ecp_registers, .valid_min = 1, .valid_max = 4, .valid_unaligned = true, .hole = 0xff)

/* ---- life --------------------------------------------------------------------------------------------------- */

static unsigned
parallel_free_index(Parallel *self)
{
    EmuIsaBus *bus = emu_isa_device_get_bus((EmuIsaDevice *)self);
    GPtrArray *siblings = bus ? emu_bus_get_devices((EmuBus *)bus) : NULL;
    unsigned used = 0, index = 0;

    for (guint i = 0; siblings && i < siblings->len; i++) {
        gpointer dev = siblings->pdata[i];
        if (dev != (gpointer)self && G_OBJECT_TYPE(dev) == G_OBJECT_TYPE(self)) {
            uint32_t other = ((Parallel *)dev)->index;
            used |= other < PARALLEL_MAX ? 1u << other : 0;
        }
    }
    while (used >> index & 1) {
        index++;
    }
    return index;
}

static void
parallel_dma_changed(EmuIsaDevice *dev)
{
    Parallel *self = (Parallel *)dev;

    self->dma = self->dma_channel < PARALLEL_NO_DMA ? emu_isa_bus_get_dma(emu_isa_device_get_bus(dev), (int)self->dma_channel) : NULL;
    if (self->dma) {
        EMU_ISA_DMA_GET_IFACE(self->dma)->register_channel(self->dma, (int)self->dma_channel, parallel_dma_cb, self);
    }
}

static void
parallel_resume_cb(gpointer opaque)
{
    Parallel *self = opaque;

    if (parallel_wants_dma(self)) {
        parallel_update(self);
    }
}

/* The address ports of EPP want eight addresses of their own; at 0x3bc they would be the display adapter's. */
static void
parallel_map(Parallel *self)
{
    EmuIsaDevice *isa = (EmuIsaDevice *)self;
    EmuMemoryRegion *ports = emu_registers_new_region(self, &parallel_bank, self);

    emu_isa_device_map_io(isa, emu_memory_region_new_alias(self, "parallel-ports", ports, 0, self->iobase & 7 ? 3 : 8), (uint16_t)self->iobase);
    if (self->iobase + 0x402 <= 0xffff) {
        emu_isa_device_map_io(isa, emu_registers_new_region(self, &parallel_ecp_bank, self), (uint16_t)(self->iobase + 0x400));
    }
}

static bool
parallel_realize(EmuDevice *dev, GError **error)
{
    static const uint16_t iobase[PARALLEL_MAX] = {0x378, 0x278, 0x3bc};
    static const EmuChardevHandlers handlers = {.can_receive = parallel_can_receive_cb, .receive = parallel_receive_cb};
    Parallel *self = (Parallel *)dev;

    if (self->index == PARALLEL_UNSET) {
        self->index = parallel_free_index(self);
    }
    if (self->index >= PARALLEL_MAX) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "isa-parallel: index is %u, expected 0 to %d: there are only %d ports", self->index,
                    PARALLEL_MAX - 1, PARALLEL_MAX);
        return false;
    }
    if (self->iobase == PARALLEL_UNSET) {
        self->iobase = iobase[self->index];
    }
    if (self->iobase > 0xfffc) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "isa-parallel: iobase is 0x%x, expected at most 0xfffc", self->iobase);
        return false;
    }
    if (self->dma_channel == PARALLEL_UNSET) {
        self->dma_channel = self->index == 0 ? 3 : PARALLEL_NO_DMA;
    }
    if (self->dma_channel > PARALLEL_NO_DMA) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "isa-parallel: dma is %u, expected 0 to 3, or 4: none",
                    self->dma_channel);
        return false;
    }
    emu_device_add_lines_out(dev, "irq", 1, &self->irq);
    if (!emu_isa_device_connect_irq((EmuIsaDevice *)dev, self->irq, self->irq_number, error)) {
        return false;
    }
    self->frontend = emu_char_frontend_new((EmuChardev *)self->chardev, &handlers, self, error);
    if (!self->frontend) {
        return false;
    }
    self->timer = emu_timer_new(emu_device_get_clock(dev, EMU_CLOCK_VIRTUAL), parallel_timer_cb, self);
    self->resume_bh = emu_bh_new(emu_device_get_context(dev), parallel_resume_cb, self);
    parallel_dma_changed((EmuIsaDevice *)dev);
    parallel_map(self);
    return true;
}

static void
parallel_unrealize(EmuDevice *dev)
{
    Parallel *self = (Parallel *)dev;

    if (self->dma) {
        EMU_ISA_DMA_GET_IFACE(self->dma)->release_request(self->dma, (int)self->dma_channel);
        EMU_ISA_DMA_GET_IFACE(self->dma)->register_channel(self->dma, (int)self->dma_channel, NULL, NULL);
    }
    g_clear_pointer(&self->frontend, emu_char_frontend_free);
    g_clear_pointer(&self->timer, emu_timer_free);
    g_clear_pointer(&self->resume_bh, emu_bh_free);
}

static void
parallel_reset_enter(EmuDevice *dev)
{
    Parallel *self = (Parallel *)dev;

    self->busy = self->ack = self->epp_timeout = false;
    self->repeat = self->epp_address = 0;
    parallel_fifo_clear(&self->fifo);
    parallel_fifo_clear(&self->input);
    emu_timer_cancel(self->timer);
    emu_bh_cancel(self->resume_bh);
}

static void
parallel_reset_hold(EmuDevice *dev)
{
    emu_line_set(((Parallel *)dev)->irq, 0);
}

static const EmuProperty parallel_properties[] = {
    EMU_PROP_UINT32("index", Parallel, index, PARALLEL_UNSET, "port number 0 to 2 (LPT1 to LPT3); default: the next free one"),
    EMU_PROP_UINT32("iobase", Parallel, iobase, PARALLEL_UNSET, "first I/O port; default: of the index"),
    EMU_PROP_UINT32_RANGE("irq", Parallel, irq_number, 7, 0, 15, "ISA interrupt request"),
    EMU_PROP_UINT32("dma", Parallel, dma_channel, PARALLEL_UNSET, "8237 channel for the FIFO, 4: none; default: 3 for LPT1, none for others"),
    EMU_PROP_LINK("chardev", Parallel, chardev, "chardev", "back end: the paper"),
};

/* ---- saved state ---------------------------------------------------------------------------------------------- */

static bool
parallel_fifo_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error)
{
    const ParallelFifo *fifo = opaque;

    if (fifo->head >= PARALLEL_FIFO || fifo->count > PARALLEL_FIFO) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "isa-parallel: saved FIFO has head %u and %u bytes, expected below 16 and at most 16", fifo->head, fifo->count);
        return false;
    }
    return true;
}

static const EmuVMField parallel_fifo_fields[] = {
    EMU_VM_U8_ARRAY(ParallelFifo, data),
    EMU_VM_U8_ARRAY(ParallelFifo, command),
    EMU_VM_U8(ParallelFifo, head),
    EMU_VM_U8(ParallelFifo, count),
    EMU_VM_END,
};
static const EmuVMState parallel_fifo_vmstate = {
    .name = "isa-parallel-fifo",
    .version = 1,
    .minimum_version = 1,
    .fields = parallel_fifo_fields,
    .post_load = parallel_fifo_post_load,
};

/* What differs from after a reset only in machines whose guest uses the extended modes. */
static bool
parallel_extended_needed(gpointer opaque)
{
    const Parallel *self = opaque;

    return self->ecr != ECP_ECR_RESET || self->epp_timeout || self->epp_address || self->input.count;
}

static bool
parallel_extended_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error)
{
    Parallel *self = opaque;

    if (self->repeat > 0x7f) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "isa-parallel: saved repeat count is %u, expected at most 127",
                    self->repeat);
        return false;
    }
    self->ecr &= 0xfc;
    emu_bh_schedule(self->resume_bh);
    return true;
}

static const EmuVMField parallel_extended_fields[] = {
    EMU_VM_U8(Parallel, ecr),
    EMU_VM_STRUCT(Parallel, fifo, &parallel_fifo_vmstate),
    EMU_VM_STRUCT(Parallel, input, &parallel_fifo_vmstate),
    EMU_VM_U8(Parallel, repeat),
    EMU_VM_U8(Parallel, epp_address),
    EMU_VM_BOOL(Parallel, epp_timeout),
    EMU_VM_END,
};
static const EmuVMState parallel_extended_vmstate = {
    .name = "isa-parallel/extended",
    .version = 1,
    .minimum_version = 1,
    .fields = parallel_extended_fields,
    .needed = parallel_extended_needed,
    .post_load = parallel_extended_post_load,
};

static bool
parallel_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    Parallel *self = opaque;

    self->phase_end = MAX(emu_timer_expires_ns(self->timer), 0);
    return true;
}

static const EmuVMField parallel_fields[] = {
    EMU_VM_U8(Parallel, data),
    EMU_VM_U8(Parallel, control),
    EMU_VM_BOOL(Parallel, busy),
    EMU_VM_BOOL(Parallel, ack),
    EMU_VM_TIMER(Parallel, timer),
    EMU_VM_END,
};
static const EmuVMState *const parallel_subsections[] = {&parallel_extended_vmstate, NULL};
static const EmuVMState parallel_vmstate = {
    .name = "isa-parallel",
    .version = 1,
    .minimum_version = 1,
    .fields = parallel_fields,
    .subsections = parallel_subsections,
    .post_load = parallel_post_load,
};

static void
parallel_class_init(gpointer klass, gconstpointer data)
{
    EmuDeviceClass *dc = klass;

    dc->realize = parallel_realize;
    dc->unrealize = parallel_unrealize;
    ((EmuIsaDeviceClass *)klass)->dma_changed = parallel_dma_changed;
    dc->reset_enter = parallel_reset_enter;
    dc->reset_hold = parallel_reset_hold;
    dc->vmstate = &parallel_vmstate;
    emu_device_class_add_registers(klass, &parallel_bank, 0);
    emu_device_class_add_registers(klass, &parallel_ecp_bank, 0);
    dc->category = "input";
    dc->user_creatable = true;
    emu_object_class_add_properties(klass, parallel_properties, G_N_ELEMENTS(parallel_properties));
}

const EmuTypeInfo isa_parallel_type_info = {
    .name = "isa-parallel",
    .parent = "isa-device",
    .instance_size = sizeof(Parallel),
    .class_init = parallel_class_init,
    .description = "parallel printer port",
};
