// SPDX-License-Identifier: MIT
// The course for zlib: several pieces of data at once are compressed and expanded again, each in many requests, and
// what comes out must be what went in.
#include "apps/thirdparty/content.h"
#include "apps/thirdparty/course.h"
#include "apps/thirdparty/libraries.h"
#include <stdlib.h>
#include <string.h>

enum { JOBS = 4, JOB_BYTES_MAX = 120000, PACKED_MAX = JOB_BYTES_MAX + JOB_BYTES_MAX / 4 + 4096, FEED_MAX = 8192 };
enum { OPEN = 1, COPY, FEED, TOTALS, CLOSE };

struct job {
    enum { IDLE, COMPRESSES, EXPANDS } phase;
    struct compressor_settings how;
    uint32_t stream;
    size_t bytes, packed_bytes; // of both sides
    size_t in, out;             // done so far in this phase
    uint8_t *plain, *packed, *expanded;
};
static struct job jobs[JOBS];

static uint8_t *buffer(size_t bytes)
{
    uint8_t *p = malloc(bytes);
    if (!p) {
        abort();
    }
    return p;
}

static void open_stream(struct course *c, struct job *j)
{
    struct result r = {.operation = OPEN};
    j->stream = 0;
    r.status = ask_compressor_open(&j->how, &j->stream);
    r.words[0] = j->stream;
    course_note(c, &r);
}

static void close_stream(struct course *c, uint32_t stream)
{
    struct result r = {.operation = CLOSE, .status = ask_compressor_close(stream)};
    course_note(c, &r);
}

static void start(struct course *c, struct job *j)
{
    if (!j->plain) {
        j->plain = buffer(JOB_BYTES_MAX);
        j->packed = buffer(PACKED_MAX);
        j->expanded = buffer(JOB_BYTES_MAX + 1);
    }
    struct dice *d = &c->dice;
    j->phase = COMPRESSES;
    j->in = j->out = 0;
    j->bytes = dice_between(d, 1, dice_below(d, 3) ? 20000 : JOB_BYTES_MAX);
    j->how = (struct compressor_settings){COMPRESSOR_COMPRESS, (enum compressor_container)dice_between(d, 1, 3),
                                          dice_below(d, 10), COMPRESSOR_ORDINARY};
    if (dice_below(d, 3) == 0) {
        j->how.strategy = (enum compressor_strategy)dice_below(d, 5);
    }
    content_fill(d, dice_below(d, CONTENT_KINDS), j->plain, j->bytes);
    open_stream(c, j);
}

// One piece of in -> out. Bytes that came out are what the digest is about.
static int32_t feed(struct course *c, struct job *j, const uint8_t *in, uint8_t *out, struct compressor_piece piece)
{
    piece.in = in + j->in;
    piece.out = out + j->out;
    struct result r = {.operation = FEED};
    r.status = ask_compressor_feed(j->stream, &piece);
    if (r.status == OK && (piece.taken > piece.in_bytes || piece.given > piece.out_room)) {
        course_wrong(c, "more was taken or given than there was");
        piece.taken = piece.given = 0;
    }
    if (r.status != OK) {
        piece.taken = piece.given = 0;
        piece.result = -2; // what zlib calls an error of the stream; it ends the job
    }
    r.words[0] = (uint64_t)(int64_t)piece.result;
    r.words[1] = piece.taken;
    r.in_bytes = piece.in_bytes;
    r.bytes = piece.out;
    r.count = piece.given;
    course_note(c, &r);
    j->in += piece.taken;
    j->out += piece.given;
    return piece.result;
}

static size_t at_most(struct dice *d, size_t left, uint32_t most)
{
    size_t n = dice_between(d, 1, dice_below(d, 2) ? most : 300);
    return n < left ? n : left;
}

static void drop(struct course *c, struct job *j)
{
    close_stream(c, j->stream);
    j->phase = IDLE;
}

static void compress_step(struct course *c, struct job *j)
{
    static const enum compressor_flush odd[] = {COMPRESSOR_SYNC, COMPRESSOR_FULL};
    struct dice *d = &c->dice;
    struct compressor_piece piece = {.in_bytes = at_most(d, j->bytes - j->in, FEED_MAX),
                                     .out_room = at_most(d, PACKED_MAX - j->out, FEED_MAX)};
    piece.flush = j->in + piece.in_bytes == j->bytes ? COMPRESSOR_FINISH
                  : dice_below(d, 12) == 0           ? odd[dice_below(d, 2)]
                                                     : COMPRESSOR_NONE;
    int32_t result = feed(c, j, j->plain, j->packed, piece);
    if (result == 1) { // the end of the stream
        close_stream(c, j->stream);
        j->packed_bytes = j->out;
        j->in = j->out = 0;
        j->how.direction = COMPRESSOR_EXPAND;
        j->phase = EXPANDS;
        open_stream(c, j);
    } else if (result != 0 && result != -5) {
        drop(c, j);
    } else if (j->out == PACKED_MAX) {
        course_wrong(c, "data grew when it was compressed");
        drop(c, j);
    }
}

static void expand_step(struct course *c, struct job *j)
{
    struct dice *d = &c->dice;
    // Room for one byte more than there should be.
    struct compressor_piece piece = {.in_bytes = at_most(d, j->packed_bytes - j->in, FEED_MAX),
                                     .out_room = at_most(d, j->bytes + 1 - j->out, FEED_MAX), .flush = COMPRESSOR_NONE};
    int32_t result = feed(c, j, j->packed, j->expanded, piece);
    if (j->out > j->bytes || (result == 1 && j->out != j->bytes) ||
        (result == 1 && memcmp(j->plain, j->expanded, j->bytes) != 0)) {
        course_wrong(c, "what was expanded is not what was compressed");
    }
    if ((result != 0 && result != -5) || j->out > j->bytes) {
        drop(c, j);
    }
}

// The stream goes on in a copy.
static void move_to_copy(struct course *c, struct job *j)
{
    uint32_t copy = 0;
    struct result r = {.operation = COPY, .status = ask_compressor_copy(j->stream, &copy)};
    r.words[0] = copy;
    course_note(c, &r);
    close_stream(c, j->stream);
    j->stream = copy;
}

static void look_at_totals(struct course *c, struct job *j)
{
    struct compressor_sums sums = {0};
    struct result r = {.operation = TOTALS, .status = ask_compressor_totals(j->stream, &sums)};
    r.words[0] = sums.taken << 32 | sums.checksum;
    r.words[1] = sums.given;
    course_note(c, &r);
    if (r.status == OK && (sums.taken != j->in || sums.given != j->out)) {
        course_wrong(c, "the totals are not what went in and came out");
    }
}

void zlib_step(struct course *c)
{
    struct job *j = &jobs[dice_below(&c->dice, JOBS)];
    uint32_t what = dice_below(&c->dice, 20);
    if (j->phase == IDLE) {
        start(c, j);
    } else if (what == 0) {
        move_to_copy(c, j);
    } else if (what == 1) {
        look_at_totals(c, j);
    } else if (j->phase == COMPRESSES) {
        compress_step(c, j);
    } else {
        expand_step(c, j);
    }
}
