// SPDX-License-Identifier: MIT
// The 16550. Its interrupt is edge-triggered here: it must be served until it asks for nothing, or
// it never asks again.
#include "servers/console/uart.h"

enum { INTERRUPT_ENABLE = 1, FIFO_CONTROL = 2, IDENTIFY = 2, LINE_CONTROL = 3,
       MODEM_CONTROL = 4, SCRATCH = 7,
       DIVISOR_LOW = 0, DIVISOR_HIGH = 1 };
enum { ENABLE_RECEIVE = 1, ENABLE_TRANSMIT = 2 };
enum {
    FIFO_ON = 0x01,
    FIFO_CLEAR = 0x06,
    FIFO_AT_4 = 0x40
}; // interrupt when 4 bytes have come, or a pause
enum { EIGHT_BITS = 0x03, DIVISOR_ACCESS = 0x80 };
enum { DTR = 1, RTS = 2, OUT2 = 8 }; // OUT2 connects the chip's interrupt to the line
enum { NOTHING_PENDING = 0x01, GONE = 0xff };
enum { OVERRUN = 0x02, BREAK = 0x10, CAN_SEND = 0x20, ALL_SENT = 0x40 };
enum { CTRL_C = 3, DIVISOR_115200 = 1 };
enum { UNKNOWN = 0xff }; // of `enabled`: no value that is ever written

bool uart_init(struct uart *u, bool fresh)
{
    u->write(u, INTERRUPT_ENABLE, 0);
    u->enabled = 0;
    u->write(u, SCRATCH, 0xa5);
    if (u->read(u, SCRATCH) != 0xa5) {
        return false;
    }
    u->write(u, LINE_CONTROL, DIVISOR_ACCESS);
    u->write(u, DIVISOR_LOW, DIVISOR_115200);
    u->write(u, DIVISOR_HIGH, 0);
    u->write(u, LINE_CONTROL, EIGHT_BITS);
    u->write(u, FIFO_CONTROL, FIFO_ON | FIFO_AT_4 | (fresh ? FIFO_CLEAR : 0));
    u->write(u, MODEM_CONTROL, DTR | RTS | OUT2);
    return true;
}

void uart_doubt(struct uart *u)
{
    u->enabled = UNKNOWN;
}

// With the send FIFO empty, it takes UART_BURST bytes without being asked in between.
static void fill(struct uart *u, struct line_bytes *l)
{
    uint32_t left = UART_BURST, bytes;

    do {
        bytes = left;
        const uint8_t *from = line_out_peek(l, &bytes);
        if (bytes > 0) {
            u->send(u, from, bytes, &l->shared->sent);
        }
        left -= bytes;
    } while (bytes > 0 && left > 0);
}

static void take(struct uart *u, struct line_bytes *l, uint16_t raw)
{
    uint8_t byte = (uint8_t)raw, status = (uint8_t)(raw >> 8);

    l->overruns += (status & OVERRUN) != 0;
    if (status & BREAK) { // comes with a zero byte that nobody typed
        return;
    }
    if (byte == CTRL_C && u->drop_on_interrupt) {
        line_in_drop(l);
        u->interrupt_seen = true;
    }
    line_in_add(l, byte);
    u->input_seen = true;
}

static void enable(struct uart *u, uint8_t wanted)
{
    if (wanted != u->enabled) {
        u->enabled = wanted;
        u->write(u, INTERRUPT_ENABLE, wanted);
    }
}

static bool raw_room(struct line_bytes *l)
{
    uint32_t places = 1;

    line_raw_place(l, &places);
    return places > 0;
}

static void receive(struct uart *u, struct line_bytes *l)
{
    uint32_t places = UART_BURST;
    uint16_t *to = line_raw_place(l, &places);

    u->receive(u, to, places, &l->shared->received);
}

// One look at the chip. false: it has nothing and takes nothing.
static bool step(struct uart *u, struct line_bytes *l)
{
    uint8_t status = u->read(u, UART_LINE_STATUS);
    bool can_read = (status & UART_HAS_DATA) && raw_room(l);
    bool can_send = (status & CAN_SEND) && line_out_used(l) > 0;

    if (status == GONE) {
        return false;
    }
    if (can_read) {
        receive(u, l);
    }
    if (can_send) {
        fill(u, l);
    }
    return can_read || can_send;
}

// Until the interrupt line has fallen, so that it can rise again. false: its share was not enough.
static bool serve_chip(struct uart *u, struct line_bytes *l)
{
    uint8_t pending;
    int share = UART_SHARE; // others wait, and a broken chip may have more for ever

    do {
        while (step(u, l)) {
            if (--share == 0) {
                return false;
            }
        }
        // Without room for input its interrupt stays off, the chip's FIFO fills, and the other side
        // has to wait.
        enable(u, (uint8_t)((raw_room(l) ? ENABLE_RECEIVE : 0) |
                            (line_out_used(l) > 0 ? ENABLE_TRANSMIT : 0)));
        // Reading this settles a pending transmit interrupt.
        pending = u->read(u, IDENTIFY);
    } while ((pending & NOTHING_PENDING) == 0 && --share > 0);
    return share > 0;
}

bool uart_service(struct uart *u, struct line_bytes *l)
{
    bool done = serve_chip(u, l), full = !raw_room(l);
    uint16_t raw;

    while (line_raw_next(l, &raw)) {
        take(u, l, raw);
    }
    // Places that have become free may be received into when this has been committed.
    return !done || (full && raw_room(l));
}

bool uart_idle(struct uart *u, const struct line_bytes *l)
{
    return line_out_used(l) == 0 && (u->read(u, UART_LINE_STATUS) & ALL_SENT) != 0;
}
