// SPDX-License-Identifier: MIT
// Requests that are answered later, and the Reply objects that carry them.
//
// A caller stays bound to the Reply object it was received with. To park it, the event loop goes on
// with another one, from a small pool.
#include "lib/rt/internal.h"

enum { POOL = 16 }; // more are closed: a burst of parked requests must not hold memory for ever

static handle_t pool[POOL];
static int pooled;

void reply_init(void)
{
    pooled = 0;
}

handle_t reply_take(void)
{
    if (pooled > 0) {
        return pool[--pooled];
    }
    handle_t reply = HANDLE_NONE;
    if (sys_reply_create(&reply) != OK) {
        return HANDLE_NONE;
    }
    return reply;
}

void reply_give_back(handle_t reply)
{
    if (reply == HANDLE_NONE) {
        return; // of a past life
    }
    if (pooled < POOL) {
        pool[pooled++] = reply;
    } else {
        (void)sys_handle_close(reply);
    }
}

struct parked *rt_park(struct request *rq)
{
    rt_assert(rq->outcome == RT_OPEN);
    // One that runs again after rt_await has a Reply object of its own already.
    bool from_loop = rq->reply == serve_reply;
    handle_t spare = from_loop ? reply_take() : HANDLE_NONE;
    if (from_loop && spare == HANDLE_NONE) {
        return nullptr;
    }
    struct parked *parked = new(struct parked);
    if (!parked || sys_reply_park(rq->reply, true) != OK) {
        delete(parked);
        if (from_loop) {
            reply_give_back(spare);
        }
        return nullptr;
    }
    rq->outcome = RT_PARKED;
    parked->rq = *rq;
    if (from_loop) {
        serve_parked(rq->reply);
        serve_reply = spare;
    }
    return parked;
}

static void send(struct parked *parked, const struct ipc_message *m)
{
    if (!defer_answer(&parked->rq, m)) {
        struct ipc_message now = *m; // without memory, early is better than never
        (void)ipc_reply(parked->rq.reply, &now);
        reply_give_back(parked->rq.reply);
    }
    delete(parked);
    rt_progress();
}

static void fill(struct ipc_message *m, enum status status, const uint64_t *words)
{
    *m = (struct ipc_message){.tag = status};
    if (words) {
        __builtin_memcpy(m->w, words, sizeof(m->w));
    }
}

void rt_answer(struct parked *parked, enum status status, const uint64_t *words)
{
    struct ipc_message m;
    fill(&m, status, words);
    send(parked, &m);
}

void rt_answer_handle(struct parked *parked, enum status status, const uint64_t *words,
                      handle_t handle, uint32_t rights)
{
    struct ipc_message m;
    fill(&m, status, words);
    m.tag |= TAG_HANDLE;
    m.handle = handle;
    m.handle_rights = rights;
    send(parked, &m);
}

// ---- Grants ----

// What a read overwrites is for the caller to log.
static enum status copy(struct request *rq, uint64_t direction, uint64_t offset, const void *own,
                        size_t bytes)
{
    if (offset > rt_grant_bytes(rq) || bytes > rt_grant_bytes(rq) - offset) {
        return ERR_RANGE;
    }
    size_t done = 0;
    while (done < bytes) {
        size_t part = bytes - done < GRANT_COPY_MAX ? bytes - done : GRANT_COPY_MAX;
        enum status status = sys_grant_copy_unlogged(rq->reply, direction, offset + done,
                                                     (const char *)own + done, part);
        if (status != OK) {
            return status;
        }
        done += part;
    }
    return OK;
}

enum status rt_grant_read(struct request *rq, uint64_t offset, void *to, size_t bytes)
{
    UNDO_WRITTEN(to, bytes);
    return copy(rq, GRANT_READ, offset, to, bytes);
}

enum status rt_grant_read_unlogged(struct request *rq, uint64_t offset, void *to, size_t bytes)
{
    return copy(rq, GRANT_READ, offset, to, bytes);
}

enum status rt_grant_write(struct request *rq, uint64_t offset, const void *from, size_t bytes)
{
    return copy(rq, GRANT_WRITE, offset, from, bytes);
}
