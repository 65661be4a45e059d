// SPDX-License-Identifier: MIT
// zlib as a service: requests in, answers out.
#include "interfaces/compressor.server.h"
#include "lib/rt/rt.h"
#include "servers/thirdparty/zlib/compressor.h"

static enum status do_open(struct request *rq, enum compressor_direction direction,
                           enum compressor_container container, uint32_t level, enum compressor_strategy strategy,
                           uint32_t *stream)
{
    struct compressor_settings how = {direction, container, level, strategy};
    return compressor_start(rq->m.badge, &how, stream);
}

static enum status do_copy(struct request *rq, uint32_t stream, uint32_t *copy)
{
    return compressor_duplicate(rq->m.badge, stream, copy);
}

// The buffer is on the stack, which no heir has to be given.
static enum status do_feed(struct request *rq, uint32_t stream, uint32_t input, enum compressor_flush flush,
                           size_t data_len, int32_t *result, uint32_t *taken, uint32_t *bytes)
{
    uint8_t data[COMPRESSOR_DATA_MAX];
    if (input > data_len) {
        return ERR_ARG;
    }
    enum status status = rt_grant_read(rq, 0, data, input);
    struct compressor_piece piece = {.in = data, .out = data + input, .in_bytes = input,
                                     .out_room = data_len - input, .flush = flush};
    if (status == OK) {
        status = compressor_pass(rq->m.badge, stream, &piece);
    }
    if (status == OK) {
        status = rt_grant_write(rq, input, piece.out, piece.given);
    }
    *result = piece.result;
    *taken = piece.taken;
    *bytes = piece.given;
    return status;
}

static enum status do_totals(struct request *rq, uint32_t stream, uint64_t *taken, uint64_t *given, uint32_t *checksum)
{
    struct compressor_sums sums = {0};
    enum status status = compressor_sums(rq->m.badge, stream, &sums);
    *taken = sums.taken;
    *given = sums.given;
    *checksum = sums.checksum;
    return status;
}

static enum status do_close(struct request *rq, uint32_t stream)
{
    return compressor_end(rq->m.badge, stream);
}

int service_main(void)
{
    static const struct compressor_ops ops = {
        .open = do_open, .copy = do_copy, .feed = do_feed, .totals = do_totals, .close = do_close};
    static const struct rt_interface interface = {COMPRESSOR_PROTOCOL, compressor_dispatch, &ops};
    return rt_serve(&interface, 1);
}
