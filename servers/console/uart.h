// SPDX-License-Identifier: MIT
// A 16550 UART: moving bytes between a line's rings and the chip.
#pragma once
#include "kernel/abi/handle.h"
#include "servers/console/line.h"

enum { UART_DATA = 0, UART_LINE_STATUS = 5, UART_HAS_DATA = 1 };

struct uart {
    uint8_t (*read)(struct uart *, uint32_t reg);
    void (*write)(struct uart *, uint32_t reg, uint8_t value);
    // Bytes to and from the chip, each counted in the same step; at most UART_BURST.
    void (*send)(struct uart *, const uint8_t *bytes, uint32_t count, uint64_t *sent);
    void (*receive)(struct uart *, uint16_t *to, uint32_t count, uint64_t *received);
    handle_t ports;      // for them
    uint8_t enabled;     // the interrupt enable register, to write it only when it changes
    bool interrupt_seen; // Ctrl-C came, see uart_service
    bool input_seen;
    bool drop_on_interrupt;
};
enum { UART_BURST = 16 }; // what the chip's FIFOs hold

// Sets 115200 8N1, FIFOs on. fresh: the chip's FIFOs are cleared, too; else what is in them is still
// to be sent or read. false: there is no such chip.
bool uart_init(struct uart *u, bool fresh);

// The driver crashed: it is not known what was written to the chip last.
void uart_doubt(struct uart *u);

// Sends while the chip takes bytes and reads what it has, until it asks for nothing more; then sets
// which interrupts are wanted. With u->drop_on_interrupt, Ctrl-C drops the input before it. Sets
// input_seen and interrupt_seen when that happened. First thing in a transaction of its own, see
// line.h.
// true: it has done its share (UART_SHARE looks at the chip) and must be called again soon, without
// waiting for an interrupt, which may not come.
enum { UART_SHARE = 64 };
bool uart_service(struct uart *u, struct line_bytes *l);

// true: nothing left in the ring nor in the chip.
bool uart_idle(struct uart *u, const struct line_bytes *l);
