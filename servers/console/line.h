// SPDX-License-Identifier: MIT
// One serial line's bytes: what waits to be sent, what was received and not yet read.
//
// Two kinds of memory. What the chip was given and what it has handed out cannot be undone, so the
// kernel counts it in memory that is never undone either, in the same step (io_send, io_receive).
// Everything else is state of the driver, undone with its transaction. Hence two rules, which keep
// each byte from being lost or doubled, whatever instruction the driver dies at:
//
// - Only bytes that were there when the transaction began are sent: line_out_add is not followed by
//   sending in the same transaction.
// - Only places that were free when it began are received into: line_raw_next, which frees places,
//   is not followed by receiving in the same transaction.
//
// Positions count from the first birth, and are cut to the ring size.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { LINE_OUT = 16384, LINE_IN = 4096, LINE_RAW = 256 }; // powers of two

struct line_shared {
    uint64_t sent, received; // counted by the kernel
    uint16_t raw[LINE_RAW];  // bytes as they came, with the chip's status of that moment above them
    uint8_t out[LINE_OUT];   // beyond out_head it may hold what was undone
};

struct line_bytes {
    struct line_shared *shared;
    bool returns; // a line feed is sent as carriage return, line feed
    // Output: [shared->sent, out_head) is to be sent.
    uint64_t out_head;
    // The last write: whoever asks again with this badge and number has been served.
    uint64_t write_badge;
    uint32_t write_number;
    // Input: raw bytes before raw_taken are in the ring `in`, and before in_tail were read. The last
    // read was given in_given bytes from in_tail on; they leave the ring when another read comes.
    uint32_t in_given, read_number;
    uint64_t read_badge;
    uint64_t raw_taken, in_head, in_tail;
    uint32_t overruns; // received bytes that the device had to drop
    uint8_t in[LINE_IN];
};

// `shared` is zeroed memory.
void line_init(struct line_bytes *l, struct line_shared *shared, bool returns);

// ---- Output ----

static inline uint32_t line_out_used(const struct line_bytes *l)
{
    return (uint32_t)(l->out_head - l->shared->sent);
}
// Whether so many bytes of text have room, whatever they are.
bool line_out_fits(const struct line_bytes *l, uint32_t bytes);
void line_out_add(struct line_bytes *l, const char *text, uint32_t bytes);
// A client's write, which is remembered in case it comes again.
void line_write_note(struct line_bytes *l, uint64_t badge, uint32_t number);
bool line_write_done(const struct line_bytes *l, uint64_t badge, uint32_t number);
// The next bytes to send as one stretch (more may follow it), at most *bytes.
const uint8_t *line_out_peek(const struct line_bytes *l, uint32_t *bytes);

// ---- Input ----

// Where the next bytes are received to, one stretch of at most *places; 0: no room.
uint16_t *line_raw_place(struct line_bytes *l, uint32_t *places);
// The next of them, if there is one and room for it in the ring; then it is line_in_add's or nobody's.
bool line_raw_next(struct line_bytes *l, uint16_t *raw);
void line_in_add(struct line_bytes *l, uint8_t byte);
uint32_t line_in_room(const struct line_bytes *l);
// Drops what has not been read: Ctrl-C.
void line_in_drop(struct line_bytes *l);
// A read has arrived. Unless it is the last one again, what that one was given is gone now.
void line_read_begin(struct line_bytes *l, uint64_t badge, uint32_t number);
// The unread bytes as one stretch (more may follow it), at most *bytes.
const uint8_t *line_in_peek(const struct line_bytes *l, uint32_t *bytes);
// So many of them were given to the reader.
void line_in_give(struct line_bytes *l, uint32_t bytes);
