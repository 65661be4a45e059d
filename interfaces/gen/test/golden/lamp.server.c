// SPDX-License-Identifier: MIT
// Dispatcher of the lamp interface. Made from interfaces/lamp.idl by interfaces/gen; change that file, not this one.
#include "interfaces/lamp.server.h"
#include "interfaces/dispatch.h"

static bool lamp_colour_valid(uint64_t word)
{
    switch (word) {
    case LAMP_RED:
    case LAMP_GREEN:
    case LAMP_BLUE:
        return true;
    default:
        return false;
    }
}

static enum status do_nothing(const struct lamp_ops *ops, struct request *rq)
{
    const uint64_t *w = rq->m.w;
    if ((w[0] | w[1] | w[2] | w[3] | w[4] | w[5]) != 0 ||
        rq->m.grant != 0 ||
        rq->m.handle != HANDLE_NONE) {
        return refuse(rq, ERR_PROTOCOL);
    }
    if (!ops->nothing) {
        return refuse(rq, ERR_UNSUPPORTED);
    }
    enum status status = ops->nothing(rq);
    if (status == OK) {
        answer_words(rq, (uint64_t[IPC_WORDS]){0});
        return OK;
    }
    return answer_error(rq, status);
}

static enum status do_words(const struct lamp_ops *ops, struct request *rq)
{
    const uint64_t *w = rq->m.w;
    if (w[0] > 255 ||
        w[1] < 5 || w[1] > 10 ||
        (int64_t)w[2] < (-2147483647ll - 1) || (int64_t)w[2] > 2147483647 ||
        (int64_t)w[3] < (-3) || (int64_t)w[3] > 3 ||
        w[4] > 1 ||
        !lamp_colour_valid(w[5]) ||
        rq->m.grant != 0 ||
        rq->m.handle != HANDLE_NONE) {
        return refuse(rq, ERR_PROTOCOL);
    }
    if (!ops->words) {
        return refuse(rq, ERR_UNSUPPORTED);
    }
    uint8_t u = 0;
    uint16_t v = 0;
    int32_t x = 0;
    int64_t y = 0;
    bool z = 0;
    enum lamp_colour colour = (enum lamp_colour)0;
    enum status status = ops->words(rq, (uint8_t)w[0], (uint16_t)w[1], (int32_t)w[2], (int64_t)w[3],
        w[4] != 0, (enum lamp_colour)w[5], &u, &v, &x, &y, &z, &colour);
    if (status == OK) {
        answer_words(rq, (uint64_t[IPC_WORDS]){u, v, (uint64_t)(int64_t)x, (uint64_t)(int64_t)y, z, colour});
        return OK;
    }
    return answer_error(rq, status);
}

static enum status do_wide(const struct lamp_ops *ops, struct request *rq)
{
    const uint64_t *w = rq->m.w;
    if (w[1] < 1 || w[1] > 0x10000000000ull ||
        (w[2] | w[3] | w[4] | w[5]) != 0 ||
        rq->m.grant != 0 ||
        rq->m.handle != HANDLE_NONE) {
        return refuse(rq, ERR_PROTOCOL);
    }
    if ((rq->m.tag & TAG_DELIVERY_MASK) != 0 && !rt_undone()) {
        return refuse(rq, ERR_RESTARTED);
    }
    if (!ops->wide) {
        return refuse(rq, ERR_UNSUPPORTED);
    }
    enum status status = ops->wide(rq, w[0], w[1]);
    if (status == OK) {
        answer_words(rq, (uint64_t[IPC_WORDS]){0});
        return OK;
    }
    return answer_error(rq, status);
}

static enum status do_open(const struct lamp_ops *ops, struct request *rq)
{
    const uint64_t *w = rq->m.w;
    size_t name_len = rq->m.grant & GRANT_LEN_MASK;
    if (w[0] > 3 ||
        (w[1] | w[2] | w[3] | w[4] | w[5]) != 0 ||
        (rq->m.grant & ~GRANT_LEN_MASK) != (GRANT_READ) ||
        name_len < 1 ||
        name_len > 64 ||
        rq->m.handle != HANDLE_NONE) {
        return refuse(rq, ERR_PROTOCOL);
    }
    if ((rq->m.tag & TAG_DELIVERY_MASK) != 0 && !rt_undone()) {
        return refuse(rq, ERR_RESTARTED);
    }
    if (!ops->open) {
        return refuse(rq, ERR_UNSUPPORTED);
    }
    uint32_t lamp = 0;
    uint64_t size = 0;
    int err = 0;
    enum status status = ops->open(rq, name_len, (uint32_t)w[0], &lamp, &size, &err);
    if (status == OK) {
        answer_words(rq, (uint64_t[IPC_WORDS]){lamp, size});
        return OK;
    }
    return answer_errno(rq, status, err);
}

static enum status do_read(const struct lamp_ops *ops, struct request *rq)
{
    const uint64_t *w = rq->m.w;
    size_t data_len = rq->m.grant & GRANT_LEN_MASK;
    if (w[0] > 0xffffffffull ||
        (w[1] | w[2] | w[3] | w[4] | w[5]) != 0 ||
        (rq->m.grant != 0 && (rq->m.grant & ~GRANT_LEN_MASK) != (GRANT_WRITE)) ||
        data_len > 65536 ||
        rq->m.handle != HANDLE_NONE) {
        return refuse(rq, ERR_PROTOCOL);
    }
    if (!ops->read) {
        return refuse(rq, ERR_UNSUPPORTED);
    }
    uint32_t count = 0;
    int err = 0;
    enum status status = ops->read(rq, (uint32_t)w[0], data_len, &count, &err);
    if (status == OK) {
        answer_words(rq, (uint64_t[IPC_WORDS]){count});
        return OK;
    }
    return answer_errno(rq, status, err);
}

static enum status do_swap(const struct lamp_ops *ops, struct request *rq)
{
    const uint64_t *w = rq->m.w;
    size_t both_len = rq->m.grant & GRANT_LEN_MASK;
    if ((w[0] | w[1] | w[2] | w[3] | w[4] | w[5]) != 0 ||
        (rq->m.grant & ~GRANT_LEN_MASK) != (GRANT_READ | GRANT_WRITE) ||
        both_len < 16 ||
        both_len > 16 ||
        rq->m.handle != HANDLE_NONE) {
        return refuse(rq, ERR_PROTOCOL);
    }
    if ((rq->m.tag & TAG_DELIVERY_MASK) != 0) {
        return refuse(rq, ERR_RESTARTED);
    }
    if (!ops->swap) {
        return refuse(rq, ERR_UNSUPPORTED);
    }
    enum status status = ops->swap(rq, both_len);
    if (status == OK) {
        answer_words(rq, (uint64_t[IPC_WORDS]){0});
        return OK;
    }
    return answer_error(rq, status);
}

static enum status do_give(const struct lamp_ops *ops, struct request *rq)
{
    const uint64_t *w = rq->m.w;
    if (w[0] > 0xffffffffull ||
        (w[1] | w[2] | w[3] | w[4] | w[5]) != 0 ||
        rq->m.grant != 0 ||
        rq->m.handle == HANDLE_NONE) {
        return refuse(rq, ERR_PROTOCOL);
    }
    enum status fits = check_handle(rq, OBJ_MEMORY, RIGHT_READ | RIGHT_WRITE);
    if (fits != OK) {
        return refuse(rq, fits);
    }
    if (!ops->give) {
        return refuse(rq, ERR_UNSUPPORTED);
    }
    handle_t handle = take_over(rq);
    enum status status = ops->give(rq, (uint32_t)w[0], handle);
    if (status == OK) {
        answer_words(rq, (uint64_t[IPC_WORDS]){0});
        return OK;
    }
    give_back(rq, status, handle);
    return answer_error(rq, status);
}

static enum status do_take(const struct lamp_ops *ops, struct request *rq)
{
    const uint64_t *w = rq->m.w;
    if (w[0] > 0xffffffffull ||
        (w[1] | w[2] | w[3] | w[4] | w[5]) != 0 ||
        rq->m.grant != 0 ||
        rq->m.handle != HANDLE_NONE) {
        return refuse(rq, ERR_PROTOCOL);
    }
    if (!ops->take) {
        return refuse(rq, ERR_UNSUPPORTED);
    }
    handle_t port = 0;
    uint32_t number = 0;
    enum status status = ops->take(rq, (uint32_t)w[0], &port, &number);
    if (status == OK) {
        answer_words(rq, (uint64_t[IPC_WORDS]){number});
        rt_reply_handle(rq, port, RIGHTS_ALL);
        return OK;
    }
    return answer_error(rq, status);
}

enum status lamp_dispatch(const void *ops, struct request *rq)
{
    switch (rq->m.tag & TAG_LABEL_MASK) {
    case LAMP_LABEL_NOTHING:
        return do_nothing(ops, rq);
    case LAMP_LABEL_WORDS:
        return do_words(ops, rq);
    case LAMP_LABEL_WIDE:
        return do_wide(ops, rq);
    case LAMP_LABEL_OPEN:
        return do_open(ops, rq);
    case LAMP_LABEL_READ:
        return do_read(ops, rq);
    case LAMP_LABEL_SWAP:
        return do_swap(ops, rq);
    case LAMP_LABEL_GIVE:
        return do_give(ops, rq);
    case LAMP_LABEL_TAKE:
        return do_take(ops, rq);
    default:
        return refuse(rq, ERR_PROTOCOL);
    }
}

void lamp_nothing_reply(struct parked *parked, enum status status)
{
    uint64_t words[IPC_WORDS] = {0};
    rt_answer(parked, status, words);
}

void lamp_words_reply(struct parked *parked, enum status status, uint8_t u, uint16_t v, int32_t x,
    int64_t y, bool z, enum lamp_colour colour)
{
    uint64_t words[IPC_WORDS] = {0};
    if (status == OK) {
        words[0] = u;
        words[1] = v;
        words[2] = (uint64_t)(int64_t)x;
        words[3] = (uint64_t)(int64_t)y;
        words[4] = z;
        words[5] = colour;
    }
    rt_answer(parked, status, words);
}

void lamp_wide_reply(struct parked *parked, enum status status)
{
    uint64_t words[IPC_WORDS] = {0};
    rt_answer(parked, status, words);
}

void lamp_open_reply(struct parked *parked, enum status status, uint32_t lamp, uint64_t size,
    int err)
{
    uint64_t words[IPC_WORDS] = {0};
    if (status == OK) {
        words[0] = lamp;
        words[1] = size;
    }
    if (status == ERR_ERRNO) {
        words[0] = errno_word(err);
    }
    rt_answer(parked, status, words);
}

void lamp_read_reply(struct parked *parked, enum status status, uint32_t count, int err)
{
    uint64_t words[IPC_WORDS] = {0};
    if (status == OK) {
        words[0] = count;
    }
    if (status == ERR_ERRNO) {
        words[0] = errno_word(err);
    }
    rt_answer(parked, status, words);
}

void lamp_swap_reply(struct parked *parked, enum status status)
{
    uint64_t words[IPC_WORDS] = {0};
    rt_answer(parked, status, words);
}

void lamp_give_reply(struct parked *parked, enum status status)
{
    uint64_t words[IPC_WORDS] = {0};
    rt_answer(parked, status, words);
}

void lamp_take_reply(struct parked *parked, enum status status, handle_t port, uint32_t number)
{
    uint64_t words[IPC_WORDS] = {0};
    if (status == OK) {
        words[0] = number;
        rt_answer_handle(parked, status, words, port, RIGHTS_ALL);
        return;
    }
    rt_answer(parked, status, words);
}
