// SPDX-License-Identifier: MIT
// A 16550 UART: moving bytes between a line's rings and the chip.
#pragma once
#include "servers/console/line.h"

struct uart {
    uint8_t (*read)(struct uart *, uint32_t reg);
    void (*write)(struct uart *, uint32_t reg, uint8_t value);
    uint32_t ports; // handle of the I/O ports, for read and write
    bool returns;   // a line feed is sent as carriage return, line feed
    uint8_t enabled; // the interrupt enable register, to write it only when it changes
    bool interrupt_seen; // Ctrl-C came, see uart_service
    bool input_seen;
};

// Sets 115200 8N1, FIFOs on. fresh: the chip's FIFOs are cleared, too; else (after a rebirth) what
// is in them is still to be sent or read. false: there is no such chip.
bool uart_init(struct uart *u, bool fresh);

// Sends while the chip takes bytes and reads what it has, until it asks for nothing more; then sets
// which interrupts are wanted. With drop_on_interrupt, Ctrl-C drops the input before it. Sets
// input_seen and interrupt_seen when that happened.
// true: it has done its share (UART_SHARE looks at the chip) and must be called again soon, without
// waiting for an interrupt, which may not come.
enum { UART_SHARE = 64 };
bool uart_service(struct uart *u, struct line_saved *l, bool drop_on_interrupt);

// true: nothing left in the ring nor in the chip.
bool uart_idle(struct uart *u, const struct line_saved *l);
