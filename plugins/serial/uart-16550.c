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
#define UART_LCR_BREAK 0x40

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
#define UART_LSR_FIFO_ERROR 0x80

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
uart_fifo_push(UartFifo *fifo, uint8_t byte, uint8_t errors)
{
    unsigned at = (fifo->head + fifo->count) % UART_FIFO_SIZE;

    if (fifo->count >= UART_FIFO_SIZE) {
        return false;
    }
    fifo->data[at] = byte;
    fifo->errors[at] = errors;
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
uart_fifo_has_errors(const UartFifo *fifo)
{
    for (unsigned i = 0; i < fifo->count; i++) {
        if (fifo->errors[(fifo->head + i) % UART_FIFO_SIZE]) {
            return true;
        }
    }
    return false;
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
    /* In loop-back the pins, OUT2 with them, are off. */
    bool gate = !self->needs_out2 || (self->mcr & (UART_MCR_OUT2 | UART_MCR_LOOP)) == UART_MCR_OUT2;
    emu_line_set(self->irq, gate && id != UART_IIR_NONE);
}

/* From each arrival and each read of the FIFO on; a request that is there already stays until a read. */
static void
uart_restart_timeout(Uart *self)
{
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

/* The errors of a character show when it has come to the top of the FIFO; OE shows at once. */
static void
uart_reveal_errors(Uart *self)
{
    if (self->rx.count) {
        self->lsr |= self->rx.errors[self->rx.head];
    }
}

static void
uart_receive_byte(Uart *self, uint8_t byte, uint8_t errors)
{
    if (uart_has_fifos(self)) {
        if (!uart_fifo_push(&self->rx, byte, errors)) {
            self->lsr |= UART_LSR_OE;
        }
        uart_reveal_errors(self);
        uart_restart_timeout(self);
    } else {
        if (self->lsr & UART_LSR_DR) {
            self->lsr |= UART_LSR_OE;
        }
        self->rbr = byte;
        self->lsr |= errors;
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
        uart_receive_byte(self, buf[i], 0);
    }
    uart_update_irq(self);
}

static void
uart_event_cb(gpointer opaque, EmuChardevEvent event)
{
    Uart *self = opaque;

    if (event == EMU_CHARDEV_BREAK && !(self->mcr & UART_MCR_LOOP)) {
        uart_receive_byte(self, 0, UART_LSR_BI);
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
            self->lsr &= (uint8_t)~UART_LSR_DR;
        }
        uart_reveal_errors(self);
        self->timeout_pending = false;
        uart_restart_timeout(self);
    } else {
        byte = self->rbr;
        self->lsr &= (uint8_t)~UART_LSR_DR;
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
            uart_receive_byte(self, bytes[i], 0);
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
        if (!uart_fifo_push(&self->tx, byte, 0)) {
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

static bool
uart_has_divisor(const Uart *self)
{
    return self->lcr & UART_LCR_DLAB;
}

static uint64_t
uart_reg_read_rbr(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    Uart *self = opaque;

    return uart_has_divisor(self) ? self->divisor & 0xff : uart_read_data(self);
}

static uint64_t
uart_reg_peek_rbr(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    const Uart *self = opaque;

    if (uart_has_divisor(self)) {
        return self->divisor & 0xff;
    }
    return !uart_has_fifos(self) ? self->rbr : self->rx.count ? self->rx.data[self->rx.head] : 0;
}

static void
uart_reg_write_thr(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    Uart *self = opaque;

    if (uart_has_divisor(self)) {
        self->divisor = (uint16_t)((self->divisor & 0xff00) | value);
    } else {
        uart_write_data(self, (uint8_t)value);
    }
}

static uint64_t
uart_reg_read_ier(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    const Uart *self = opaque;

    return uart_has_divisor(self) ? self->divisor >> 8 : self->ier;
}

static void
uart_reg_write_ier(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    Uart *self = opaque;

    if (uart_has_divisor(self)) {
        self->divisor = (uint16_t)((self->divisor & 0x00ff) | value << 8);
        return;
    }
    /* Enabling THRI while the transmitter is empty asks at once. */
    if (value & ~self->ier & UART_IER_THRI && self->lsr & UART_LSR_THRE) {
        self->thre_pending = true;
    }
    self->ier = value & 0x0f;
    uart_update_irq(self);
}

static uint64_t
uart_reg_peek_iir(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    return ((const Uart *)opaque)->iir;
}

static uint64_t
uart_reg_read_iir(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    Uart *self = opaque;
    uint8_t value = self->iir;

    if ((value & 0x0f) == UART_IIR_THRI) {
        self->thre_pending = false;
        uart_update_irq(self);
    }
    return value;
}

static void
uart_reg_write_fcr(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    Uart *self = opaque;

    if (!(value & UART_FCR_ENABLE)) {
        value = 0; /* the other bits are programmed only together with bit 0 */
    }
    if ((self->fcr ^ value) & UART_FCR_ENABLE) {
        value |= UART_FCR_CLEAR_RX | UART_FCR_CLEAR_TX; /* changing modes empties both */
    }
    if (value & UART_FCR_CLEAR_RX) {
        uart_fifo_clear(&self->rx);
        self->lsr &= (uint8_t)~UART_LSR_DR;
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

static void
uart_reg_write_mcr(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old)
{
    Uart *self = opaque;

    uart_update_modem(self);
    uart_update_irq(self);
    if (old & ~value & UART_MCR_LOOP) {
        emu_char_frontend_accept_input(self->frontend);
    }
}

static uint64_t
uart_reg_peek_lsr(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    const Uart *self = opaque;

    return self->lsr | (uart_fifo_has_errors(&self->rx) ? UART_LSR_FIFO_ERROR : 0);
}

static uint64_t
uart_reg_read_lsr(gpointer opaque, unsigned index)
{
    Uart *self = opaque;
    uint8_t value = (uint8_t)uart_reg_peek_lsr(self, index);

    if (value & UART_LSR_ERRORS) {
        self->lsr &= (uint8_t)~UART_LSR_ERRORS;
        self->rx.errors[self->rx.head] = 0; /* the next character's keep bit 7 */
        uart_update_irq(self);
    }
    return value;
}

static uint64_t
uart_reg_peek_msr(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    return ((const Uart *)opaque)->msr;
}

static uint64_t
uart_reg_read_msr(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    Uart *self = opaque;
    uint8_t value = self->msr;

    if (value & UART_MSR_DELTA) {
        self->msr &= (uint8_t)~UART_MSR_DELTA;
        uart_update_irq(self);
    }
    return value;
}

static const EmuRegister uart_registers[] = {
    EMU_REG_CALL("RBR", 0, 1, EMU_RW, .read = uart_reg_read_rbr, .peek = uart_reg_peek_rbr, .write = uart_reg_write_thr,
                 .blurb = "receiver buffer; written, transmitter holding register; with DLAB, divisor latch, low byte"),
    EMU_REG_CALL("IER", 1, 1, EMU_RW, .read = uart_reg_read_ier, .write = uart_reg_write_ier,
                 .blurb = "interrupt enable; with DLAB, divisor latch, high byte",
                 .fields = EMU_REG_FIELDS({"ERBFI", 0, 1, .blurb = "received data, timeout"}, {"ETBEI", 1, 1, .blurb = "transmitter empty"},
                                          {"ELSI", 2, 1, .blurb = "line status"}, {"EDSSI", 3, 1, .blurb = "modem status"})),
    EMU_REG_CALL("IIR", 2, 1, EMU_RW, .read = uart_reg_read_iir, .peek = uart_reg_peek_iir, .write = uart_reg_write_fcr,
                 .blurb = "interrupt identification; written, FIFO control",
                 .fields = EMU_REG_FIELDS({"NONE", 0, 1}, {"ID", 1, 3}, {"FIFOS", 6, 2})),
    EMU_REG8(Uart, lcr, "LCR", 3, EMU_RW, 0, .blurb = "line control",
             .fields = EMU_REG_FIELDS({"WLS", 0, 2, .blurb = "bits - 5"}, {"STB", 2, 1}, {"PEN", 3, 1}, {"EPS", 4, 1}, {"STICK", 5, 1},
                                      {"BREAK", 6, 1}, {"DLAB", 7, 1})),
    EMU_REG8(Uart, mcr, "MCR", 4, EMU_RW, 0, .write = uart_reg_write_mcr, .blurb = "modem control",
             .fields = EMU_REG_FIELDS({"DTR", 0, 1}, {"RTS", 1, 1}, {"OUT1", 2, 1}, {"OUT2", 3, 1}, {"LOOP", 4, 1})),
    EMU_REG_CALL("LSR", 5, 1, EMU_RO, .read = uart_reg_read_lsr, .peek = uart_reg_peek_lsr, .blurb = "line status",
                 .fields = EMU_REG_FIELDS({"DR", 0, 1}, {"OE", 1, 1}, {"PE", 2, 1}, {"FE", 3, 1}, {"BI", 4, 1}, {"THRE", 5, 1},
                                          {"TEMT", 6, 1}, {"FIFO_ERROR", 7, 1})),
    EMU_REG_CALL("MSR", 6, 1, EMU_RO, .read = uart_reg_read_msr, .peek = uart_reg_peek_msr, .blurb = "modem status",
                 .fields = EMU_REG_FIELDS({"DCTS", 0, 1}, {"DDSR", 1, 1}, {"TERI", 2, 1}, {"DDCD", 3, 1}, {"CTS", 4, 1}, {"DSR", 5, 1},
                                          {"RI", 6, 1}, {"DCD", 7, 1})),
    EMU_REG8(Uart, scr, "SCR", 7, EMU_RW, 0, .blurb = "scratch"),
};
EMU_REGISTER_BANK(uart_bank, "serial", 8, uart_registers, .valid_min = 1, .valid_max = 4, .valid_unaligned = true)

const EmuRegisterBank *
uart_get_registers(void)
{
    return &uart_bank;
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
    {.name = "errors", .kind = EMU_VM_KIND_U8, .offset = offsetof(UartFifo, errors), .size = 1, .num = UART_FIFO_SIZE, .since = 2},
    EMU_VM_END,
};
static const EmuVMState uart_fifo_vmstate = {
    .name = "uart-fifo",
    .version = 2,
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
