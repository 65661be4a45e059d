// SPDX-License-Identifier: MIT
// Byte rings of one serial line: see line.h.
#include "servers/console/line.h"
#include "lib/rt/device.h"

void line_init(struct line_bytes *l, struct line_shared *shared, bool returns)
{
    *l = (struct line_bytes){.shared = shared, .returns = returns};
}

// How long the stretch at `position` of a ring is, at most `bytes`.
static uint32_t stretch(uint64_t position, uint32_t ring, uint32_t bytes)
{
    uint32_t to_end = ring - (uint32_t)(position % ring);

    return bytes < to_end ? bytes : to_end;
}

bool line_out_fits(const struct line_bytes *l, uint32_t bytes)
{
    return (l->returns ? 2 * bytes : bytes) <= LINE_OUT - line_out_used(l);
}

// Not logged: what was undone lies beyond out_head, and is nothing.
static void put(struct line_bytes *l, uint64_t position, char byte)
{
    device_store8(&l->shared->out[position % LINE_OUT], (uint8_t)byte);
}

void line_out_add(struct line_bytes *l, const char *text, uint32_t bytes)
{
    uint64_t head = l->out_head;

    for (uint32_t i = 0; i < bytes; i++) {
        if (text[i] == '\n' && l->returns) {
            put(l, head++, '\r');
        }
        put(l, head++, text[i]);
    }
    l->out_head = head;
}

void line_write_note(struct line_bytes *l, uint64_t badge, uint32_t number)
{
    l->write_badge = badge;
    l->write_number = number;
}

bool line_write_done(const struct line_bytes *l, uint64_t badge, uint32_t number)
{
    return l->write_badge == badge && l->write_number == number;
}

const uint8_t *line_out_peek(const struct line_bytes *l, uint32_t *bytes)
{
    uint32_t used = line_out_used(l);

    *bytes = stretch(l->shared->sent, LINE_OUT, *bytes < used ? *bytes : used);
    return l->shared->out + l->shared->sent % LINE_OUT;
}

uint16_t *line_raw_place(struct line_bytes *l, uint32_t *places)
{
    uint32_t room = LINE_RAW - (uint32_t)(l->shared->received - l->raw_taken);

    *places = stretch(l->shared->received, LINE_RAW, *places < room ? *places : room);
    return l->shared->raw + l->shared->received % LINE_RAW;
}

uint32_t line_in_room(const struct line_bytes *l)
{
    return LINE_IN - (uint32_t)(l->in_head - l->in_tail);
}

bool line_raw_next(struct line_bytes *l, uint16_t *raw)
{
    if (l->raw_taken == l->shared->received || line_in_room(l) == 0) {
        return false;
    }
    *raw = l->shared->raw[l->raw_taken++ % LINE_RAW];
    return true;
}

void line_in_add(struct line_bytes *l, uint8_t byte)
{
    l->in[l->in_head++ % LINE_IN] = byte;
}

void line_in_drop(struct line_bytes *l)
{
    // Bytes that the last read was given stay: it may have to be answered again.
    l->in_head = l->in_tail + l->in_given;
}

void line_read_begin(struct line_bytes *l, uint64_t badge, uint32_t number)
{
    bool again = l->read_badge == badge && l->read_number == number;

    l->in_tail += again ? 0 : l->in_given; // else it is given again, from the same place
    l->in_given = 0;
    l->read_badge = badge;
    l->read_number = number;
}

const uint8_t *line_in_peek(const struct line_bytes *l, uint32_t *bytes)
{
    uint64_t start = l->in_tail + l->in_given;
    uint32_t unread = (uint32_t)(l->in_head - start);

    *bytes = stretch(start, LINE_IN, *bytes < unread ? *bytes : unread);
    return l->in + start % LINE_IN;
}

void line_in_give(struct line_bytes *l, uint32_t bytes)
{
    l->in_given += bytes;
}
