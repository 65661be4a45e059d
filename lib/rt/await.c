// SPDX-License-Identifier: MIT
// Requests that were given up for now. Their callers stay parked with Reply objects of their own.
#include "lib/rt/internal.h"

static struct waiting *first, **last = &first;
uint32_t await_ready_count;

static void add(struct waiting *w)
{
    w->next = nullptr;
    *last = w;
    last = &w->next;
}

static void take(struct waiting *w)
{
    struct waiting **link = &first;
    while (*link != w) {
        rt_assert(*link != nullptr);
        link = &(*link)->next;
    }
    *link = w->next;
    if (last == &w->next) {
        last = link;
    }
}

// One that ran again and waits again keeps its place: it is still the oldest.
static bool wait_again(struct waiting *again, uint64_t key)
{
    again->key = key;
    if (again->ready) {
        again->ready = false;
        await_ready_count--;
    }
    return true;
}

bool await_park(const struct request *rq, struct waiting *again, uint64_t key)
{
    if (again) {
        return wait_again(again, key);
    }
    handle_t spare = reply_take();
    struct waiting *w = spare != HANDLE_NONE ? new(struct waiting) : nullptr;
    if (!w || sys_reply_park(rq->reply, true) != OK) {
        delete(w);
        if (spare != HANDLE_NONE) {
            reply_give_back(spare);
        }
        return false;
    }
    serve_parked(rq->reply);
    w->rq = *rq;
    w->key = key;
    serve_reply = spare;
    add(w);
    return true;
}

void rt_wake(uint64_t key)
{
    for (struct waiting *w = first; w; w = w->next) {
        if (w->key == key && !w->ready) {
            w->ready = true;
            await_ready_count++;
        }
    }
}

struct waiting *await_ready(void)
{
    struct waiting *w = await_ready_count > 0 ? first : nullptr;
    while (w && !w->ready) {
        w = w->next;
    }
    return w;
}

void await_forget(void)
{
    while (first) {
        struct waiting *w = first;
        first = w->next;
        delete(w);
    }
    last = &first;
    await_ready_count = 0;
}

void await_take(struct waiting *w)
{
    await_ready_count--;
    take(w);
    delete(w);
}
