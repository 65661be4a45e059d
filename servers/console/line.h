// SPDX-License-Identifier: MIT
// One serial line's bytes: what waits to be sent, what was received and not yet read.
//
// struct line_saved lies in memory that is kept over rebirths: bytes that were accepted are sent by
// whoever lives then. Each change becomes valid with one store, so that a death at any instruction
// leaves either the state before or the one after. Positions run freely and are cut to the ring
// size.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { LINE_OUT = 16384, LINE_IN = 4096 }; // powers of two

#define LINE_MAGIC 0x454e494cu
struct line_saved {
    uint32_t magic;
    // Output: head is where bytes are added, tail where they are sent.
    uint32_t out_head, out_tail;
    uint32_t return_sent; // the carriage return before the line feed at the tail is out
    // The last write: whoever asks again with this badge and number has been served if out_head has
    // reached write_head.
    uint64_t write_badge;
    uint32_t write_number, write_head;
    // Input: in_taken holds the tail, and above it how many bytes from there the last read was
    // given. They leave the ring when the next read comes.
    uint64_t in_taken;
    uint64_t read_badge;
    uint32_t read_number, in_head;
    // The kernel log, copied to the line on request.
    uint64_t log_next;
    uint32_t log_on;
    uint32_t overruns; // received bytes that the device had to drop
    uint8_t out[LINE_OUT];
    uint8_t in[LINE_IN];
};

void line_init(struct line_saved *l);
// false: this is no line's memory, or it has been damaged.
bool line_is_sound(const struct line_saved *l);

// ---- Output ----

static inline uint32_t line_out_used(const struct line_saved *l)
{
    return l->out_head - l->out_tail;
}
static inline uint32_t line_out_room(const struct line_saved *l)
{
    return LINE_OUT - line_out_used(l);
}
// Where `bytes` more can be put, in up to two stretches; bytes <= line_out_room.
struct line_room {
    uint8_t *first, *second;
    uint32_t first_bytes, second_bytes;
};
struct line_room line_out_place(struct line_saved *l, uint32_t bytes);
// The bytes in that room count from now on.
void line_out_add(struct line_saved *l, uint32_t bytes);
// The same for a client's write, which is remembered in case it comes again.
void line_out_commit(struct line_saved *l, uint32_t bytes, uint64_t badge, uint32_t number);
bool line_write_done(const struct line_saved *l, uint64_t badge, uint32_t number);
// The next byte to send, -1 if there is none; line_out_sent says that it goes out. With `returns`
// each line feed is preceded by a carriage return.
int line_out_next(const struct line_saved *l, bool returns);
void line_out_sent(struct line_saved *l, bool returns);

// ---- Input ----

uint32_t line_in_room(const struct line_saved *l);
void line_in_add(struct line_saved *l, uint8_t byte);
// Drops what has not been read: Ctrl-C.
void line_in_drop(struct line_saved *l);
// A read has arrived. Unless it is the last one again, what that one was given is gone now.
void line_read_begin(struct line_saved *l, uint64_t badge, uint32_t number, bool again);
// The unread bytes as one stretch (more may follow it), at most `bytes`.
const uint8_t *line_in_peek(const struct line_saved *l, uint32_t *bytes);
// So many of them were given to the reader.
void line_in_give(struct line_saved *l, uint32_t bytes);
