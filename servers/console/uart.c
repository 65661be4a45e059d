// SPDX-License-Identifier: MIT
// The 16550. Its interrupt is edge-triggered here: it must be served until it asks for nothing, or
// it never asks again.
#include "servers/console/uart.h"

enum { DATA = 0, INTERRUPT_ENABLE = 1, FIFO_CONTROL = 2, IDENTIFY = 2, LINE_CONTROL = 3,
       MODEM_CONTROL = 4, LINE_STATUS = 5, SCRATCH = 7,
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
enum { HAS_DATA = 0x01, OVERRUN = 0x02, BREAK = 0x10, CAN_SEND = 0x20, ALL_SENT = 0x40 };
enum { FIFO_BYTES = 16, CTRL_C = 3, DIVISOR_115200 = 1 };

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

// With the send FIFO empty, it takes 16 bytes without being asked in between.
//
// A byte leaves the ring just before it goes to the chip. Death between the two costs that byte,
// death after the second in the other order would repeat it. A thread that is stopped from outside
// is stopped after the system call that it is in, so this order is wrong for a few instructions
// only, the other one for as long as the call takes.
static void fill(struct uart *u, struct line_saved *l)
{
    int byte;

    for (int i = 0; i < FIFO_BYTES && (byte = line_out_next(l, u->returns)) >= 0; i++) {
        line_out_sent(l, u->returns);
        u->write(u, DATA, (uint8_t)byte);
    }
}

static void receive(struct uart *u, struct line_saved *l, uint8_t status, bool drop_on_interrupt)
{
    uint8_t byte = u->read(u, DATA);

    if (status & OVERRUN) {
        l->overruns++;
    }
    if (status & BREAK) { // comes with a zero byte that nobody typed
        return;
    }
    if (byte == CTRL_C && drop_on_interrupt) {
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

// One look at the chip. false: it has nothing and takes nothing.
static bool step(struct uart *u, struct line_saved *l, bool drop_on_interrupt)
{
    uint8_t status = u->read(u, LINE_STATUS);
    bool can_read = (status & HAS_DATA) && line_in_room(l) > 0;
    bool can_send = (status & CAN_SEND) && line_out_used(l) > 0;

    if (status == GONE) {
        return false;
    }
    if (can_read) {
        receive(u, l, status, drop_on_interrupt);
    }
    if (can_send) {
        fill(u, l);
    }
    return can_read || can_send;
}

bool uart_service(struct uart *u, struct line_saved *l, bool drop_on_interrupt)
{
    uint8_t pending;
    int share = UART_SHARE; // others wait, and a broken chip may have more for ever

    do {
        while (step(u, l, drop_on_interrupt)) {
            if (--share == 0) {
                return true;
            }
        }
        // Without room for input its interrupt stays off, the chip's FIFO fills, and the other side
        // has to wait.
        enable(u, (uint8_t)((line_in_room(l) > 0 ? ENABLE_RECEIVE : 0) |
                            (line_out_used(l) > 0 ? ENABLE_TRANSMIT : 0)));
        // Reading this settles a pending transmit interrupt. Only when nothing is pending has the
        // interrupt line fallen, so that it can rise again.
        pending = u->read(u, IDENTIFY);
    } while ((pending & NOTHING_PENDING) == 0 && --share > 0);
    return share <= 0;
}

bool uart_idle(struct uart *u, const struct line_saved *l)
{
    return line_out_used(l) == 0 && (u->read(u, LINE_STATUS) & ALL_SENT) != 0;
}
