/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * National Semiconductor PC16550D.
 *
 * The line has no speed of its own: a byte leaves as soon as it is written, and one arrives as soon
 * as the back end has it and the receiver has room.  Two things keep time with the programmed rate:
 * the character timeout of the receive FIFO, and the rate at which a guest that overruns a slow back
 * end is slowed down.  Bytes are never dropped: while much output is queued in the back end the
 * transmitter stays full, as it would on a slow line.
 */

#include "uart-16550.h"

#include <emu/log.h>
#include <string.h>

enum {
    UART_REG_DATA = 0, /* RBR, THR; DLAB: divisor low */
    UART_REG_IER = 1,  /* DLAB: divisor high */
    UART_REG_IIR = 2,  /* write: FCR */
    UART_REG_LCR = 3,
    UART_REG_MCR = 4,
    UART_REG_LSR = 5,
    UART_REG_MSR = 6,
    UART_REG_SCR = 7,
};

#define UART_IER_RDI 0x01
#define UART_IER_THRI 0x02
#define UART_IER_RLSI 0x04
#define UART_IER_MSI 0x08

#define UART_IIR_NONE 0x01
#define UART_IIR_MSI 0x00
#define UART_IIR_THRI 0x02
#define UART_IIR_RDI 0x04
#define UART_IIR_RLSI 0x06
#define UART_IIR_CTI 0x0c
#define UART_IIR_FIFOS 0xc0

#define UART_FCR_ENABLE 0x01
#define UART_FCR_CLEAR_RX 0x02
#define UART_FCR_CLEAR_TX 0x04

#define UART_LCR_DLAB 0x80

#define UART_MCR_DTR 0x01
#define UART_MCR_RTS 0x02
#define UART_MCR_OUT1 0x04
#define UART_MCR_OUT2 0x08
#define UART_MCR_LOOP 0x10

#define UART_LSR_DR 0x01
#define UART_LSR_OE 0x02
#define UART_LSR_BI 0x10
#define UART_LSR_ERRORS 0x1e
#define UART_LSR_THRE 0x20
#define UART_LSR_TEMT 0x40

#define UART_MSR_DELTA 0x0f
#define UART_MSR_TERI 0x04
#define UART_MSR_CTS 0x10
#define UART_MSR_DSR 0x20
#define UART_MSR_RI 0x40
#define UART_MSR_DCD 0x80

/* Above this many bytes waiting in the back end the transmitter waits, and looks again after this time. */
#define UART_BACKLOG 16384
#define UART_DRAIN_NS INT64_C(2000000)

/* ---- FIFOs --------------------------------------------------------------------------------------- */

static void
uart_fifo_clear(UartFifo *fifo)
{
    fifo->head = 0;
    fifo->count = 0;
}

static bool
uart_fifo_push(UartFifo *fifo, uint8_t byte)
{
    if (fifo->count >= UART_FIFO_SIZE) {
        return false;
    }
    fifo->data[(fifo->head + fifo->count) % UART_FIFO_SIZE] = byte;
    fifo->count++;
    return true;
}

static uint8_t
uart_fifo_pop(UartFifo *fifo)
{
    uint8_t byte = fifo->data[fifo->head];

    fifo->head = (fifo->head + 1) % UART_FIFO_SIZE;
    fifo->count--;
    return byte;
}

static bool
uart_has_fifos(const Uart *self)
{
    return self->fcr & UART_FCR_ENABLE;
}

static unsigned
uart_trigger_level(const Uart *self)
{
    static const uint8_t levels[4] = {1, 4, 8, 14};

    return levels[self->fcr >> 6];
}

/* Time of one character at the programmed rate: start, data, parity and stop bits. */
static int64_t
uart_character_ns(const Uart *self)
{
    unsigned bits = 1 + 5 + (self->lcr & 3) + (self->lcr >> 3 & 1) + (self->lcr & 4 ? 2 : 1);
    unsigned divisor = self->divisor ? self->divisor : 1;

    return (int64_t)emu_muldiv64((uint64_t)bits * 16 * divisor, EMU_NS_PER_SEC, self->clock_hz);
}

/* ---- interrupts ------------------------------------------------------------------------------------ */

/* Highest pending source (data sheet, table IV). */
static void
uart_update_irq(Uart *self)
{
    uint8_t id = UART_IIR_NONE;

    if (self->ier & UART_IER_RLSI && self->lsr & UART_LSR_ERRORS) {
        id = UART_IIR_RLSI;
    } else if (self->ier & UART_IER_RDI && self->lsr & UART_LSR_DR &&
               (!uart_has_fifos(self) || self->rx.count >= uart_trigger_level(self))) {
        id = UART_IIR_RDI;
    } else if (self->ier & UART_IER_RDI && self->timeout_pending) {
        id = UART_IIR_CTI;
    } else if (self->ier & UART_IER_THRI && self->thre_pending) {
        id = UART_IIR_THRI;
    } else if (self->ier & UART_IER_MSI && self->msr & UART_MSR_DELTA) {
        id = UART_IIR_MSI;
    }
    self->iir = id | (uart_has_fifos(self) ? UART_IIR_FIFOS : 0);
    emu_line_set(self->irq, id != UART_IIR_NONE);
}

static void
uart_restart_timeout(Uart *self)
{
    self->timeout_pending = false;
    if (uart_has_fifos(self) && self->rx.count > 0) {
        emu_timer_set(self->timeout_timer, emu_clock_get_ns(self->clock) + 4 * uart_character_ns(self));
    } else {
        emu_timer_cancel(self->timeout_timer);
    }
}

static void
uart_timeout_cb(gpointer opaque)
{
    Uart *self = opaque;

    if (self->rx.count > 0) {
        self->timeout_pending = true;
        uart_update_irq(self);
    }
}

/* ---- receiver ---------------------------------------------------------------------------------------- */

static void
uart_receive_byte(Uart *self, uint8_t byte)
{
    if (uart_has_fifos(self)) {
        if (!uart_fifo_push(&self->rx, byte)) {
            self->lsr |= UART_LSR_OE;
        }
        uart_restart_timeout(self);
    } else {
        if (self->lsr & UART_LSR_DR) {
            self->lsr |= UART_LSR_OE;
        }
        self->rbr = byte;
    }
    self->lsr |= UART_LSR_DR;
}

static gsize
uart_can_receive_cb(gpointer opaque)
{
    Uart *self = opaque;

    if (self->mcr & UART_MCR_LOOP) {
        return 0; /* the receiver is cut off the line */
    }
    if (uart_has_fifos(self)) {
        return UART_FIFO_SIZE - self->rx.count;
    }
    return self->lsr & UART_LSR_DR ? 0 : 1;
}

static void
uart_receive_cb(gpointer opaque, const uint8_t *buf, gsize len)
{
    Uart *self = opaque;

    for (gsize i = 0; i < len; i++) {
        uart_receive_byte(self, buf[i]);
    }
    uart_update_irq(self);
}

static void
uart_event_cb(gpointer opaque, EmuChardevEvent event)
{
    Uart *self = opaque;

    if (event == EMU_CHARDEV_BREAK && !(self->mcr & UART_MCR_LOOP)) {
        uart_receive_byte(self, 0);
        self->lsr |= UART_LSR_BI;
        uart_update_irq(self);
    }
}

static uint8_t
uart_read_data(Uart *self)
{
    uint8_t byte;

    if (uart_has_fifos(self)) {
        byte = self->rx.count ? uart_fifo_pop(&self->rx) : 0;
        if (self->rx.count == 0) {
            self->lsr &= (uint8_t) ~(UART_LSR_DR | UART_LSR_BI);
        }
        uart_restart_timeout(self);
    } else {
        byte = self->rbr;
        self->lsr &= (uint8_t) ~(UART_LSR_DR | UART_LSR_BI);
    }
    uart_update_irq(self);
    if (!(self->mcr & UART_MCR_LOOP)) {
        emu_char_frontend_accept_input(self->frontend);
    }
    return byte;
}

/* ---- transmitter --------------------------------------------------------------------------------------- */

/* Sends what waits; sets THRE and TEMT when all has left. */
static void
uart_transmit(Uart *self)
{
    bool loop = self->mcr & UART_MCR_LOOP;

    if (self->tx.count == 0 && !self->thr_full) {
        return;
    }
    if (!loop && emu_char_frontend_queued(self->frontend) >= UART_BACKLOG) {
        emu_timer_set(self->drain_timer, emu_clock_get_ns(self->clock) + UART_DRAIN_NS);
        return;
    }
    uint8_t bytes[UART_FIFO_SIZE + 1];
    gsize n = 0;
    if (self->thr_full) {
        bytes[n++] = self->thr;
        self->thr_full = false;
    }
    while (self->tx.count) {
        bytes[n++] = uart_fifo_pop(&self->tx);
    }
    if (loop) {
        for (gsize i = 0; i < n; i++) {
            uart_receive_byte(self, bytes[i]);
        }
    } else {
        emu_char_frontend_write(self->frontend, bytes, n);
    }
    self->lsr |= UART_LSR_THRE | UART_LSR_TEMT;
    self->thre_pending = true;
}

static void
uart_drain_cb(gpointer opaque)
{
    Uart *self = opaque;

    uart_transmit(self);
    uart_update_irq(self);
}

static void
uart_write_data(Uart *self, uint8_t byte)
{
    if (uart_has_fifos(self)) {
        if (!uart_fifo_push(&self->tx, byte)) {
            /* A guest that does not wait for THRE overwrites the last byte. */
            self->tx.data[(self->tx.head + UART_FIFO_SIZE - 1) % UART_FIFO_SIZE] = byte;
        }
    } else {
        self->thr = byte;
        self->thr_full = true;
    }
    self->lsr &= (uint8_t) ~(UART_LSR_THRE | UART_LSR_TEMT);
    self->thre_pending = false;
    /* The request goes down between two characters: an edge-triggered controller must see each. */
    uart_update_irq(self);
    uart_transmit(self);
    uart_update_irq(self);
}

/* ---- modem lines --------------------------------------------------------------------------------------- */

static void
uart_update_modem(Uart *self)
{
    uint8_t lines = UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD; /* a terminal that is always there */

    if (self->mcr & UART_MCR_LOOP) {
        lines = (self->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) | (self->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
                (self->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) | (self->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0);
    }
    uint8_t old = self->msr & 0xf0;
    uint8_t delta = (uint8_t)((old ^ lines) >> 4);
    if (lines & UART_MSR_RI) {
        delta &= (uint8_t)~UART_MSR_TERI; /* only the trailing edge of RI counts */
    }
    self->msr = lines | (self->msr & UART_MSR_DELTA) | delta;
}

/* ---- registers ------------------------------------------------------------------------------------------- */

uint8_t
uart_read(Uart *self, unsigned reg)
{
    uint8_t value;

    switch (reg & 7) {
    case UART_REG_DATA:
        return self->lcr & UART_LCR_DLAB ? self->divisor & 0xff : uart_read_data(self);
    case UART_REG_IER:
        return self->lcr & UART_LCR_DLAB ? self->divisor >> 8 : self->ier;
    case UART_REG_IIR:
        value = self->iir;
        if ((value & 0x0f) == UART_IIR_THRI) {
            self->thre_pending = false;
            uart_update_irq(self);
        }
        return value;
    case UART_REG_LCR:
        return self->lcr;
    case UART_REG_MCR:
        return self->mcr;
    case UART_REG_LSR:
        value = self->lsr;
        if (value & UART_LSR_ERRORS) {
            self->lsr &= (uint8_t)~UART_LSR_ERRORS;
            uart_update_irq(self);
        }
        return value;
    case UART_REG_MSR:
        value = self->msr;
        if (value & UART_MSR_DELTA) {
            self->msr &= (uint8_t)~UART_MSR_DELTA;
            uart_update_irq(self);
        }
        return value;
    default:
        return self->scr;
    }
}

static void
uart_write_fcr(Uart *self, uint8_t value)
{
    bool toggled = (self->fcr ^ value) & UART_FCR_ENABLE;

    if (toggled) {
        value |= UART_FCR_CLEAR_RX | UART_FCR_CLEAR_TX; /* changing modes empties both */
    } else if (!(value & UART_FCR_ENABLE)) {
        value = 0; /* the other bits are programmed only together with bit 0 */
    }
    if (value & UART_FCR_CLEAR_RX) {
        uart_fifo_clear(&self->rx);
        self->lsr &= (uint8_t) ~(UART_LSR_DR | UART_LSR_BI);
        self->timeout_pending = false;
        emu_timer_cancel(self->timeout_timer);
    }
    if (value & UART_FCR_CLEAR_TX) {
        uart_fifo_clear(&self->tx);
        self->thr_full = false;
        self->lsr |= UART_LSR_THRE | UART_LSR_TEMT;
        self->thre_pending = true;
    }
    self->fcr = value & (0xc0 | 0x08 | UART_FCR_ENABLE);
    uart_update_irq(self);
    if (value & UART_FCR_CLEAR_RX) {
        emu_char_frontend_accept_input(self->frontend);
    }
}

void
uart_write(Uart *self, unsigned reg, uint8_t value)
{
    switch (reg & 7) {
    case UART_REG_DATA:
        if (self->lcr & UART_LCR_DLAB) {
            self->divisor = (self->divisor & 0xff00) | value;
        } else {
            uart_write_data(self, value);
        }
        break;
    case UART_REG_IER:
        if (self->lcr & UART_LCR_DLAB) {
            self->divisor = (uint16_t)((self->divisor & 0x00ff) | value << 8);
        } else {
            /* Enabling THRI while the transmitter is empty asks at once. */
            if (value & ~self->ier & UART_IER_THRI && self->lsr & UART_LSR_THRE) {
                self->thre_pending = true;
            }
            self->ier = value & 0x0f;
            uart_update_irq(self);
        }
        break;
    case UART_REG_IIR:
        uart_write_fcr(self, value);
        break;
    case UART_REG_LCR:
        self->lcr = value;
        break;
    case UART_REG_MCR: {
        bool left_loop = self->mcr & ~value & UART_MCR_LOOP;
        self->mcr = value & 0x1f;
        uart_update_modem(self);
        uart_update_irq(self);
        if (left_loop) {
            emu_char_frontend_accept_input(self->frontend);
        }
        break;
    }
    case UART_REG_LSR:
    case UART_REG_MSR:
        break; /* read-only; factory test */
    default:
        self->scr = value;
        break;
    }
}

/* ---- life cycle -------------------------------------------------------------------------------------------- */

/* Master reset (data sheet, table I). */
void
uart_reset(Uart *self)
{
    uart_fifo_clear(&self->rx);
    uart_fifo_clear(&self->tx);
    self->divisor = 12; /* undefined in the data sheet: 9600 bit/s */
    self->rbr = 0;
    self->ier = 0;
    self->iir = UART_IIR_NONE;
    self->fcr = 0;
    self->lcr = 0;
    self->mcr = 0;
    self->lsr = UART_LSR_THRE | UART_LSR_TEMT;
    self->msr = UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD;
    self->scr = 0;
    self->thr_full = false;
    self->thre_pending = false;
    self->timeout_pending = false;
    emu_timer_cancel(self->timeout_timer);
    emu_timer_cancel(self->drain_timer);
}

bool
uart_init(Uart *self, EmuDevice *owner, EmuChardev *chardev, EmuLine *irq, GError **error)
{
    static const EmuChardevHandlers handlers = {
        .can_receive = uart_can_receive_cb,
        .receive = uart_receive_cb,
        .event = uart_event_cb,
    };

    self->frontend = emu_char_frontend_new(chardev, &handlers, self, error);
    if (!self->frontend) {
        return false;
    }
    self->irq = irq;
    self->clock = emu_device_get_clock(owner, EMU_CLOCK_VIRTUAL);
    self->timeout_timer = emu_timer_new(self->clock, uart_timeout_cb, self);
    self->drain_timer = emu_timer_new(self->clock, uart_drain_cb, self);
    self->clock_hz = 1843200;
    uart_reset(self);
    return true;
}

void
uart_finish(Uart *self)
{
    g_clear_pointer(&self->frontend, emu_char_frontend_free);
    g_clear_pointer(&self->timeout_timer, emu_timer_free);
    g_clear_pointer(&self->drain_timer, emu_timer_free);
}

static bool
uart_fifo_post_load(gpointer opaque, unsigned version, GError **error)
{
    UartFifo *fifo = opaque;

    if (fifo->head >= UART_FIFO_SIZE || fifo->count > UART_FIFO_SIZE) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "serial: saved FIFO has head %u and %u bytes, expected below 16 and at most 16", fifo->head,
                    fifo->count);
        return false;
    }
    return true;
}

static const EmuVMField uart_fifo_fields[] = {
    EMU_VM_U8_ARRAY(UartFifo, data),
    EMU_VM_U8(UartFifo, head),
    EMU_VM_U8(UartFifo, count),
    EMU_VM_END,
};
static const EmuVMState uart_fifo_vmstate = {
    .name = "uart-fifo",
    .version = 1,
    .minimum_version = 1,
    .fields = uart_fifo_fields,
    .post_load = uart_fifo_post_load,
};

static const EmuVMField uart_fields[] = {
    EMU_VM_STRUCT(Uart, rx, &uart_fifo_vmstate),
    EMU_VM_STRUCT(Uart, tx, &uart_fifo_vmstate),
    EMU_VM_U16(Uart, divisor),
    EMU_VM_U8(Uart, rbr),
    EMU_VM_U8(Uart, ier),
    EMU_VM_U8(Uart, iir),
    EMU_VM_U8(Uart, fcr),
    EMU_VM_U8(Uart, lcr),
    EMU_VM_U8(Uart, mcr),
    EMU_VM_U8(Uart, lsr),
    EMU_VM_U8(Uart, msr),
    EMU_VM_U8(Uart, scr),
    EMU_VM_U8(Uart, thr),
    EMU_VM_BOOL(Uart, thr_full),
    EMU_VM_BOOL(Uart, thre_pending),
    EMU_VM_BOOL(Uart, timeout_pending),
    EMU_VM_TIMER(Uart, timeout_timer),
    EMU_VM_TIMER(Uart, drain_timer),
    EMU_VM_END,
};
const EmuVMState uart_vmstate = {
    .name = "uart-16550",
    .version = 1,
    .minimum_version = 1,
    .fields = uart_fields,
};
