// SPDX-License-Identifier: MIT
// What is done at commit: a list that is state like any other. So a rollback takes back what was
// asked for, and an heir finds what its predecessor had committed to and not yet done.
#include "lib/rt/internal.h"

enum { NOTIFIES = 64, KEPT = 16 };

struct deferred {
    struct deferred *next;
    void (*fn)(void *arg); // nullptr: an answer, or without `reply` only a handle to be closed
    void *arg;
    handle_t reply, close_after;
    struct ipc_message m;
};

static struct deferred *first, **last = &first;
// Most requests defer one thing or two: these need no heap.
static struct deferred kept[KEPT];
static uint32_t kept_free = (1u << KEPT) - 1;
static handle_t notifies[NOTIFIES];
static uint32_t notify_count;

bool defer_pending(void)
{
    return first != nullptr || notify_count > 0;
}

// ---- Notifications ----

// Raised twice if death comes before the count is cleared.
void defer_notify(void)
{
    for (uint32_t i = 0; i < notify_count; i++) {
        (void)ipc_notify(notifies[i]);
    }
    if (notify_count > 0) {
        notify_count = 0;
    }
}

void rt_notify_at_commit(handle_t port)
{
    if (!tx_running()) {
        (void)ipc_notify(port);
        return;
    }
    for (uint32_t i = 0; i < notify_count; i++) {
        if (notifies[i] == port) {
            return;
        }
    }
    if (notify_count < NOTIFIES) {
        notifies[notify_count++] = port;
    } else {
        (void)ipc_notify(port); // early is better than never
    }
}

// ---- Actions and answers ----

static struct deferred *take(void)
{
    if (kept_free == 0) {
        return new(struct deferred);
    }
    struct deferred *d = &kept[__builtin_ctz(kept_free)];
    kept_free &= kept_free - 1;
    return d;
}

static void give_back(struct deferred *d)
{
    if (d >= kept && d < kept + KEPT) {
        kept_free |= 1u << (d - kept);
    } else {
        delete(d);
    }
}

static struct deferred *append(void (*fn)(void *arg), void *arg, handle_t reply, handle_t close_after)
{
    struct deferred *d = take();
    if (d) {
        d->next = nullptr;
        d->fn = fn;
        d->arg = arg;
        d->reply = reply;
        d->close_after = close_after;
        *last = d;
        last = &d->next;
    }
    return d;
}

bool rt_at_commit(void (*fn)(void *arg), void *arg)
{
    if (!tx_running()) {
        fn(arg);
        return true;
    }
    for (struct deferred *d = first; d; d = d->next) {
        if (d->fn == fn && d->arg == arg) {
            return true;
        }
    }
    return append(fn, arg, HANDLE_NONE, HANDLE_NONE) != nullptr;
}

void rt_close_at_commit(handle_t handle)
{
    if (!tx_running() || !append(nullptr, nullptr, HANDLE_NONE, handle)) {
        (void)sys_handle_close(handle);
    }
}

static void answer(handle_t reply, handle_t close_after, struct ipc_message m)
{
    (void)ipc_reply(reply, &m); // fails only if the caller is gone, or was answered before
    if (close_after != HANDLE_NONE) {
        (void)sys_handle_close(close_after);
    }
    reply_give_back(reply);
}

bool defer_answer(const struct request *rq, const struct ipc_message *m)
{
    if (!tx_running()) {
        answer(rq->reply, rq->close_after, *m);
        return true;
    }
    struct deferred *d = append(nullptr, nullptr, rq->reply, rq->close_after);
    if (d) {
        d->m = *m;
    }
    return d != nullptr;
}

bool defer_next(void)
{
    struct deferred *d = first;
    if (!d) {
        return false;
    }
    first = d->next;
    if (!first) {
        last = &first;
    }
    if (d->fn) {
        d->fn(d->arg);
    } else if (d->reply != HANDLE_NONE) {
        answer(d->reply, d->close_after, d->m);
    } else {
        (void)sys_handle_close(d->close_after);
    }
    give_back(d);
    return true;
}
