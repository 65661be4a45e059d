// SPDX-License-Identifier: MIT
// Server side of the lamp interface. Made from interfaces/lamp.idl by interfaces/gen; change that file, not this one.
#pragma once
#include "lib/rt/rt.h"
#include "interfaces/lamp.types.h"
#include <stddef.h>

// A handler is called when the message fits the interface, and never otherwise: the operation
// exists, numbers are in range, unused words are 0, grant and handle are there, of the right
// direction, length, type and rights. It answers by returning a status, with its results set if
// that is OK (all are 0 before), or parks the request with rt_park() and returns STATUS_PENDING;
// then NAME_OP_reply() answers later. Length arguments are the length of the caller's grant, read
// and written with rt_grant_read() and rt_grant_write(). A handle that came with the request
// belongs to the handler if it returns OK or STATUS_PENDING; with any other status the dispatcher
// closes it. A handle given as a result is copied to the caller: the server keeps its own, see
// rt_close_after().
struct lamp_ops {
    // Does nothing.
    enum status (*nothing)(struct request *rq);
    // Six words of all types each way.
    enum status (*words)(struct request *rq, uint8_t a, uint16_t b, int32_t c, int64_t d, bool e,
        enum lamp_colour f, uint8_t *u, uint16_t *v, int32_t *x, int64_t *y, bool *z,
        enum lamp_colour *colour);
    enum status (*wide)(struct request *rq, uint64_t a, uint64_t b);
    enum status (*open)(struct request *rq, size_t name_len, uint32_t flags, uint32_t *lamp,
        uint64_t *size, int *err);
    enum status (*read)(struct request *rq, uint32_t lamp, size_t data_len, uint32_t *count,
        int *err);
    enum status (*swap)(struct request *rq, size_t both_len);
    enum status (*give)(struct request *rq, uint32_t lamp, handle_t memory);
    enum status (*take)(struct request *rq, uint32_t lamp, handle_t *port, uint32_t *number);
};

// Checks the request, runs its handler in the table `ops` (struct lamp_ops) and leaves the
// results in rq->m. An operation without handler is answered with ERR_UNSUPPORTED.
enum status lamp_dispatch(const void *ops, struct request *rq);

// Answers to requests that were parked. Results count if the status is OK, err if it is ERR_ERRNO.
void lamp_nothing_reply(struct parked *parked, enum status status);
void lamp_words_reply(struct parked *parked, enum status status, uint8_t u, uint16_t v, int32_t x,
    int64_t y, bool z, enum lamp_colour colour);
void lamp_wide_reply(struct parked *parked, enum status status);
void lamp_open_reply(struct parked *parked, enum status status, uint32_t lamp, uint64_t size,
    int err);
void lamp_read_reply(struct parked *parked, enum status status, uint32_t count, int err);
void lamp_swap_reply(struct parked *parked, enum status status);
void lamp_give_reply(struct parked *parked, enum status status);
void lamp_take_reply(struct parked *parked, enum status status, handle_t port, uint32_t number);
