/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The 16550A itself, without a bus: eight byte-wide registers, one interrupt line, one back end. */

#include <emu/chardev.h>
#include <emu/device.h>
#include <emu/registers.h>

#define UART_FIFO_SIZE 16

typedef struct {
    uint8_t data[UART_FIFO_SIZE];
    uint8_t errors[UART_FIFO_SIZE]; /* LSR bits of each character */
    uint8_t head;
    uint8_t count;
} UartFifo;

typedef struct {
    EmuLine *irq;
    EmuCharFrontend *frontend;
    EmuClock *clock;
    EmuTimer *timeout_timer; /* character timeout of the receive FIFO */
    EmuTimer *drain_timer;   /* the back end is behind: the transmitter waits */
    uint32_t clock_hz;       /* divisor input times 16 is one bit; 115200 * 16 on a PC */

    UartFifo rx, tx;
    uint16_t divisor;
    uint8_t rbr; /* receive buffer when the FIFOs are off */
    uint8_t ier;
    uint8_t iir;
    uint8_t fcr;
    uint8_t lcr;
    uint8_t mcr;
    uint8_t lsr;
    uint8_t msr;
    uint8_t scr;
    uint8_t thr;
    bool thr_full;       /* FIFOs off: THR holds a byte that has not left */
    bool thre_pending;   /* the transmitter-empty interrupt has not been seen */
    bool timeout_pending;
    bool needs_out2; /* a PC's card lets the request out only while OUT2 is on */
} Uart;

extern const EmuVMState uart_vmstate;

bool uart_init(Uart *self, EmuDevice *owner, EmuChardev *chardev, EmuLine *irq, GError **error);
void uart_finish(Uart *self);
void uart_reset(Uart *self);
const EmuRegisterBank *uart_get_registers(void); /* members in Uart */
