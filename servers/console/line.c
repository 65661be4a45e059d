// SPDX-License-Identifier: MIT
// Byte rings of one serial line: see line.h.
#include "servers/console/line.h"
#include <stdatomic.h>

// What was stored before is in memory when what comes after is: death may come between any two
// stores.
static void settled(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

void line_init(struct line_saved *l)
{
    __builtin_memset(l, 0, offsetof(struct line_saved, out));
    settled();
    l->magic = LINE_MAGIC;
}

static uint32_t in_tail(const struct line_saved *l)
{
    return (uint32_t)l->in_taken;
}

static uint32_t in_given(const struct line_saved *l)
{
    return (uint32_t)(l->in_taken >> 32);
}

bool line_is_sound(const struct line_saved *l)
{
    return l->magic == LINE_MAGIC && line_out_used(l) <= LINE_OUT &&
           l->in_head - in_tail(l) <= LINE_IN && in_given(l) <= l->in_head - in_tail(l);
}

struct line_room line_out_place(struct line_saved *l, uint32_t bytes)
{
    uint32_t at = l->out_head % LINE_OUT;
    uint32_t first = LINE_OUT - at < bytes ? LINE_OUT - at : bytes;

    return (struct line_room){l->out + at, l->out, first, bytes - first};
}

void line_out_add(struct line_saved *l, uint32_t bytes)
{
    settled();
    *(volatile uint32_t *)&l->out_head += bytes;
}

void line_out_commit(struct line_saved *l, uint32_t bytes, uint64_t badge, uint32_t number)
{
    // A record that is being replaced must match nobody: its head is one that was never reached.
    *(volatile uint32_t *)&l->write_head = l->out_head + LINE_OUT + 1;
    settled();
    l->write_badge = badge;
    l->write_number = number;
    settled();
    *(volatile uint32_t *)&l->write_head = l->out_head + bytes;
    line_out_add(l, bytes);
}

bool line_write_done(const struct line_saved *l, uint64_t badge, uint32_t number)
{
    return l->write_badge == badge && l->write_number == number &&
           (int32_t)(l->out_head - l->write_head) >= 0;
}

int line_out_next(const struct line_saved *l, bool returns)
{
    if (line_out_used(l) == 0) {
        return -1;
    }
    uint8_t byte = l->out[l->out_tail % LINE_OUT];
    return byte == '\n' && returns && !l->return_sent ? '\r' : byte;
}

void line_out_sent(struct line_saved *l, bool returns)
{
    uint8_t byte = l->out[l->out_tail % LINE_OUT];

    if (byte == '\n' && returns && !l->return_sent) {
        l->return_sent = 1;
        return;
    }
    l->return_sent = 0;
    settled();
    *(volatile uint32_t *)&l->out_tail += 1;
}

uint32_t line_in_room(const struct line_saved *l)
{
    return LINE_IN - (l->in_head - in_tail(l));
}

void line_in_add(struct line_saved *l, uint8_t byte)
{
    if (line_in_room(l) > 0) {
        l->in[l->in_head % LINE_IN] = byte;
        settled();
        *(volatile uint32_t *)&l->in_head += 1;
    }
}

void line_in_drop(struct line_saved *l)
{
    // Bytes that the last read was given stay: it may have to be answered again.
    *(volatile uint32_t *)&l->in_head = in_tail(l) + in_given(l);
}

void line_read_begin(struct line_saved *l, uint64_t badge, uint32_t number, bool again)
{
    if (again && l->read_badge == badge && l->read_number == number) {
        *(volatile uint64_t *)&l->in_taken = in_tail(l); // given again, from the same place
        return;
    }
    *(volatile uint64_t *)&l->in_taken = (uint32_t)(in_tail(l) + in_given(l));
    settled();
    l->read_badge = badge;
    l->read_number = number;
    settled();
}

const uint8_t *line_in_peek(const struct line_saved *l, uint32_t *bytes)
{
    uint32_t start = in_tail(l) + in_given(l);
    uint32_t unread = l->in_head - start, at = start % LINE_IN;

    *bytes = *bytes < unread ? *bytes : unread;
    *bytes = *bytes < LINE_IN - at ? *bytes : LINE_IN - at;
    return l->in + at;
}

void line_in_give(struct line_saved *l, uint32_t bytes)
{
    *(volatile uint64_t *)&l->in_taken = in_tail(l) | (uint64_t)(in_given(l) + bytes) << 32;
}
