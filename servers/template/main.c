// SPDX-License-Identifier: MIT
// The template of a server: a tally that clients add to and wait for. Copy this directory to start
// a new one.
//
// It shows what most servers need: arguments that arrive checked, bytes through a grant, an answer
// that comes later, a timer. That all of it outlives the server needs no line of code.
#include "interfaces/template.server.h"
#include "lib/rt/rt.h"
#include <string.h>

enum { LATER_MAX = 8 };

static uint64_t total;
static char label[TEMPLATE_TEXT_MAX];
static size_t label_length;

// Clients that wait for a total, in no order.
static struct waiter {
    struct waiter *next;
    struct parked *parked;
    uint64_t goal;
} *waiters;

// ---- Answers that come later ----

static void answer_reached(void)
{
    struct waiter **link = &waiters;
    while (*link) {
        struct waiter *waiter = *link;
        if (waiter->goal <= total) {
            *link = waiter->next;
            template_await_reply(waiter->parked, OK, total);
            delete(waiter);
        } else {
            link = &waiter->next;
        }
    }
}

static enum status do_await(struct request *rq, uint64_t goal, uint64_t *now)
{
    if (total >= goal) {
        *now = total;
        return OK;
    }
    struct waiter *waiter = new(struct waiter);
    struct parked *parked = waiter ? rt_park(rq) : nullptr;
    if (!parked) {
        delete(waiter);
        return ERR_QUOTA;
    }
    *waiter = (struct waiter){waiters, parked, goal};
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

// ---- Answers at a time ----

static struct later {
    struct rt_timer timer;
    struct parked *parked; // nullptr: free
} laters[LATER_MAX];

static void answer_later(void *arg)
{
    struct later *l = arg;
    template_later_reply(l->parked, OK, total);
    l->parked = nullptr;
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
    if (!l || !(l->parked = rt_park(rq))) {
        return ERR_QUOTA;
    }
    rt_timer(&l->timer, rt_now_ns() + ms * 1000000ull, answer_later, l);
    return STATUS_PENDING;
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
    return rt_serve(&interface, 1);
}
