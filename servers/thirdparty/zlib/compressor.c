// SPDX-License-Identifier: MIT
#include "servers/thirdparty/zlib/compressor.h"
#include <string.h>
#include <zlib.h>

static struct stream {
    uint64_t owner; // badge of the client; 0: free
    bool expands;
    z_stream z;
} streams[COMPRESSOR_STREAMS_MAX];

static struct stream *find(uint64_t owner, uint32_t number)
{
    bool there = number >= 1 && number <= COMPRESSOR_STREAMS_MAX && streams[number - 1].owner == owner;
    return there ? &streams[number - 1] : nullptr;
}

static struct stream *find_free(void)
{
    for (int i = 0; i < COMPRESSOR_STREAMS_MAX; i++) {
        if (streams[i].owner == 0) {
            return &streams[i];
        }
    }
    return nullptr;
}

static uint32_t number_of(const struct stream *s)
{
    return (uint32_t)(s - streams) + 1;
}

// In zlib the sign and 16 more tell the container.
static int window_bits(enum compressor_container container)
{
    return container == COMPRESSOR_RAW ? -15 : container == COMPRESSOR_GZIP ? 15 + 16 : 15;
}

enum status compressor_start(uint64_t owner, const struct compressor_settings *how, uint32_t *stream)
{
    enum { MEMORY_LEVEL = 8 }; // zlib's own default
    struct stream *s = find_free();
    if (!s) {
        return ERR_QUOTA;
    }
    memset(s, 0, sizeof(*s));
    s->expands = how->direction == COMPRESSOR_EXPAND;
    int result = s->expands ? inflateInit2(&s->z, window_bits(how->container))
                            : deflateInit2(&s->z, (int)how->level, Z_DEFLATED, window_bits(how->container),
                                           MEMORY_LEVEL, (int)how->strategy);
    if (result != Z_OK) {
        return ERR_MEMORY;
    }
    s->owner = owner;
    *stream = number_of(s);
    return OK;
}

enum status compressor_duplicate(uint64_t owner, uint32_t stream, uint32_t *copy)
{
    struct stream *s = find(owner, stream), *other = find_free();
    if (!s) {
        return ERR_NOT_FOUND;
    }
    if (!other) {
        return ERR_QUOTA;
    }
    memset(other, 0, sizeof(*other));
    int result = s->expands ? inflateCopy(&other->z, &s->z) : deflateCopy(&other->z, &s->z);
    if (result != Z_OK) {
        return ERR_MEMORY;
    }
    other->expands = s->expands;
    other->owner = owner;
    *copy = number_of(other);
    return OK;
}

enum status compressor_pass(uint64_t owner, uint32_t stream, struct compressor_piece *piece)
{
    struct stream *s = find(owner, stream);
    if (!s) {
        return ERR_NOT_FOUND;
    }
    s->z.next_in = (Bytef *)piece->in;
    s->z.avail_in = (uInt)piece->in_bytes;
    s->z.next_out = piece->out;
    s->z.avail_out = (uInt)piece->out_room;
    piece->result = s->expands ? inflate(&s->z, (int)piece->flush) : deflate(&s->z, (int)piece->flush);
    piece->taken = (uint32_t)(piece->in_bytes - s->z.avail_in);
    piece->given = (uint32_t)(piece->out_room - s->z.avail_out);
    // The buffers are this request's; what stays must not point to them.
    s->z.next_in = s->z.next_out = nullptr;
    s->z.avail_in = s->z.avail_out = 0;
    return OK;
}

enum status compressor_sums(uint64_t owner, uint32_t stream, struct compressor_sums *sums)
{
    struct stream *s = find(owner, stream);
    if (!s) {
        return ERR_NOT_FOUND;
    }
    *sums = (struct compressor_sums){s->z.total_in, s->z.total_out, (uint32_t)s->z.adler};
    return OK;
}

enum status compressor_end(uint64_t owner, uint32_t stream)
{
    struct stream *s = find(owner, stream);
    if (!s) {
        return ERR_NOT_FOUND;
    }
    (void)(s->expands ? inflateEnd(&s->z) : deflateEnd(&s->z));
    memset(s, 0, sizeof(*s));
    return OK;
}
