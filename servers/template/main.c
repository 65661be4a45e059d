// SPDX-License-Identifier: MIT
// The template of a server: a tally that clients add to and wait for. Copy this directory to start
// a new one.
//
// It shows what most servers need: arguments that arrive checked, bytes through a grant, an answer
// that comes later, a timer, and state and requests that outlive the server.
#include "interfaces/template.server.h"
#include "lib/rt/movable.h"
#include "lib/rt/rt.h"
#include <string.h>

// What the next incarnation finds again (rt_keep). The total: no handle, the number in the first
// word. A request of later(): its Reply handle, and in the first word when it is due.
enum { KEEP_TOTAL = 1, KEEP_LATER = 2, LATER_MAX = 8 };

static uint64_t total;
static char label[TEMPLATE_TEXT_MAX];
static size_t label_length;

// Clients that wait for a total, in no order. Their Reply objects are not kept: when this server
// dies, their callers get ERR_RESTARTED, which is right for an answer that depends on when it is
// asked for.
static struct parked *waiters;

// ---- Answers that come later ----

static void answer_reached(void)
{
    struct parked **link = &waiters;
    while (*link) {
        struct parked *waiter = *link;
        if ((uint64_t)waiter->data <= total) {
            *link = waiter->next; // before answering: that frees it
            template_await_reply(waiter, OK, total);
        } else {
            link = &waiter->next;
        }
    }
}

MOVE_ADDRESSES static enum status do_await(struct request *rq, uint64_t goal, uint64_t *now)
{
    if (total >= goal) {
        *now = total;
        return OK;
    }
    struct parked *waiter = rt_park(rq);
    if (!waiter) {
        return ERR_QUOTA;
    }
    waiter->data = (void *)goal;
    waiter->next = waiters;
    waiters = waiter;
    return STATUS_PENDING;
}

// ---- Answers at once ----

static enum status do_add(struct request *rq, uint64_t amount, uint64_t *now)
{
    (void)rq;
    if (amount > UINT64_MAX - total) {
        return ERR_RANGE;
    }
    // Kept before it is told: what a client has seen never goes back.
    enum status status = rt_keep(KEEP_TOTAL, HANDLE_NONE, total + amount, 0);
    if (status != OK) {
        return status;
    }
    total += amount;
    *now = total;
    answer_reached();
    return OK;
}

static enum status do_total(struct request *rq, uint64_t *now)
{
    (void)rq;
    *now = total;
    return OK;
}

// ---- Bytes through a grant ----

static bool printable(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 127) {
            return false;
        }
    }
    return true;
}

static enum status do_set_label(struct request *rq, size_t text_len)
{
    char fresh[TEMPLATE_TEXT_MAX]; // text_len fits: the dispatcher checked it against the interface
    enum status status = rt_grant_read(rq, 0, fresh, text_len);
    if (status != OK) {
        return status;
    }
    if (!printable(fresh, text_len)) {
        return ERR_ARG;
    }
    memcpy(label, fresh, text_len);
    label_length = text_len;
    return OK;
}

static enum status do_get_label(struct request *rq, size_t text_len, uint32_t *length)
{
    if (label_length == 0) {
        return ERR_NOT_FOUND;
    }
    *length = (uint32_t)label_length;
    return rt_grant_write(rq, 0, label, text_len < label_length ? text_len : label_length);
}

// ---- Answers at a time, over deaths ----

static struct later {
    struct rt_timer timer;
    struct parked *parked; // nullptr: free
} laters[LATER_MAX];

static uint32_t key_of(const struct later *l)
{
    return KEEP_LATER + (uint32_t)(l - laters);
}

static void answer_later(void *arg)
{
    struct later *l = arg;
    struct parked *parked = l->parked;
    l->parked = nullptr;
    template_later_reply(parked, OK, total);
    rt_forget(key_of(l)); // after the answer: a death before it must find the request
}

static struct later *free_later(void)
{
    for (int i = 0; i < LATER_MAX; i++) {
        if (!laters[i].parked) {
            return &laters[i];
        }
    }
    return nullptr;
}

static enum status do_later(struct request *rq, uint32_t ms, uint64_t *now)
{
    (void)now;
    struct later *l = free_later();
    uint64_t due = rt_now_ns() + ms * 1000000ull;
    // Kept before it is parked: a death in between finds a Reply object that nobody waits for, and
    // the request comes again. The other way round it would be lost.
    if (!l || rt_keep(key_of(l), rq->reply, due, 0) != OK) {
        return ERR_QUOTA;
    }
    l->parked = rt_park(rq);
    if (!l->parked) {
        rt_forget(key_of(l));
        return ERR_QUOTA;
    }
    rt_timer(&l->timer, due, answer_later, l);
    return STATUS_PENDING;
}

static void find_laters(void)
{
    for (int i = 0; i < LATER_MAX; i++) {
        struct later *l = &laters[i];
        handle_t reply;
        uint64_t due;
        if (rt_kept(key_of(l), &reply, &due, nullptr) != OK) {
            continue;
        }
        l->parked = rt_adopt(reply);
        if (l->parked) {
            rt_timer(&l->timer, due, answer_later, l);
        } else {
            rt_forget(key_of(l));
        }
    }
}

int service_main(void)
{
    static const struct template_ops ops = {
        .add = do_add,
        .total = do_total,
        .await = do_await,
        .set_label = do_set_label,
        .get_label = do_get_label,
        .later = do_later,
    };
    static const struct rt_interface interface = {TEMPLATE_PROTOCOL, template_dispatch, &ops};
    if (rt_kept(KEEP_TOTAL, nullptr, &total, nullptr) == OK) {
        log_info("goes on at %llu", (unsigned long long)total);
    }
    find_laters();
    return rt_serve(&interface, 1);
}
