// SPDX-License-Identifier: MIT
#include "rs/events.h"
#include "interfaces/rs.server.h"
#include "rs/boots.h"
#include <string.h>

static struct rs_event *ring;
static uint64_t newest; // sequence number of the last event, 0: none yet
static uint64_t unkept[RS_EVENTS_KEPT / 64]; // places in the ring: changed since they were written; see boots.h

// A caller that waits: the request, and what it has seen already.
struct watcher {
    struct watcher *next;
    struct parked *parked;
    uint64_t after;
};
static struct watcher *watchers;

const char *events_init(void)
{
    ring = new_array(struct rs_event, RS_EVENTS_KEPT);
    newest = 0;
    memset(unkept, 0, sizeof(unkept));
    return ring ? nullptr : "no memory for the event log";
}

uint64_t events_oldest(void)
{
    return newest > RS_EVENTS_KEPT ? newest - RS_EVENTS_KEPT + 1 : 1;
}

struct rs_event *event_find(uint64_t sequence)
{
    bool there = sequence >= events_oldest() && sequence <= newest;
    return there ? &ring[sequence % RS_EVENTS_KEPT] : nullptr;
}

void event_changed(const struct rs_event *e)
{
    size_t i = (size_t)(e - ring);
    unkept[i / 64] |= 1ull << i % 64;
    boots_keep_soon();
}

// The seeds of those who live are not put where everybody knows the address; a death tells its own.
static void keep(struct kept *k, const struct rs_event *e)
{
    if (e->kind != RS_BIRTH && e->kind != RS_MOVED) {
        kept_put(k, KEPT_EVENTS, e);
        return;
    }
    struct rs_event without = *e;
    memset(without.seed, 0, sizeof(without.seed));
    kept_put(k, KEPT_EVENTS, &without);
}

void events_keep(struct kept *k)
{
    for (size_t word = 0; word < sizeof(unkept) / sizeof(unkept[0]); word++) {
        for (uint64_t bits = unkept[word]; bits != 0; bits &= bits - 1) {
            const struct rs_event *e = &ring[word * 64 + (size_t)__builtin_ctzll(bits)];
            if (e->sequence + kept_room(KEPT_EVENTS) > newest) { // or its place is a newer one's
                keep(k, e);
            }
        }
        unkept[word] = 0;
    }
}

struct rs_event *event_add(enum rs_event_kind kind, const struct service *s)
{
    struct rs_event *e = &ring[++newest % RS_EVENTS_KEPT];
    *e = (struct rs_event){.sequence = newest, .time_ns = rt_now_ns(), .kind = kind};
    if (s != nullptr) {
        e->service = s->number;
        e->incarnation = s->incarnation;
        copy_name(e->name, sizeof(e->name), s->name);
        copy_name(e->module, sizeof(e->module), s->module->name);
    } else {
        e->incarnation = rt_startup->incarnation;
        copy_name(e->name, sizeof(e->name), rt_startup->name);
    }
    event_changed(e);
    return e;
}

void event_tell_move(struct rs_event *e, const struct status_page *p)
{
    e->move_ns = p->move_ns;
    e->move_bytes = p->move_bytes;
    e->move_objects = p->move_objects;
    e->move_pointers = p->move_pointers;
    e->move_leaks = p->move_leaks;
    e->move_tried = p->move_tried;
    e->move_found = p->move_found;
    e->move_doubtful = p->move_doubtful;
}

// Copies what fits, oldest first; the results of one watch call.
static enum status copy_out(struct request *rq, uint64_t after, uint32_t *count, uint64_t *next,
                            uint64_t *lost)
{
    uint64_t first = after + 1 > events_oldest() ? after + 1 : events_oldest();
    uint64_t room = rt_grant_bytes(rq) / sizeof(struct rs_event);
    uint64_t many = newest + 1 - first < room ? newest + 1 - first : room;
    *lost = after != 0 ? first - (after + 1) : 0;
    for (uint64_t i = 0; i < many; i++) {
        enum status status = rt_grant_write(rq, i * sizeof(struct rs_event), event_find(first + i),
                                            sizeof(struct rs_event));
        if (status != OK) {
            return status;
        }
    }
    *count = (uint32_t)many;
    *next = first + many - 1;
    return OK;
}

static enum status wait_for_more(struct request *rq, uint64_t after)
{
    struct watcher *w = new(struct watcher);
    struct parked *parked = w ? rt_park(rq) : nullptr;
    if (parked == nullptr) {
        delete(w);
        return ERR_QUOTA;
    }
    *w = (struct watcher){.next = watchers, .parked = parked, .after = after};
    watchers = w;
    return STATUS_PENDING;
}

// A sequence number from the future can only be from an earlier boot's log: start over.
enum status events_watch(struct request *rq, uint64_t after, bool wait, uint32_t *count,
                         uint64_t *next, uint64_t *lost)
{
    if (after > newest) {
        after = newest;
    }
    if (after == newest || corpses_pending()) {
        return wait ? wait_for_more(rq, after) : ERR_AGAIN;
    }
    return copy_out(rq, after, count, next, lost);
}

static void answer(struct watcher *w)
{
    uint32_t count = 0;
    uint64_t next = 0, lost = 0;
    enum status status = copy_out(&w->parked->rq, w->after, &count, &next, &lost);
    if (status != OK) {
        count = 0, next = 0, lost = 0;
    }
    rs_watch_reply(w->parked, status, count, next, lost);
    delete(w);
}

void events_wake(void)
{
    struct watcher **link = &watchers;
    while (*link != nullptr) {
        struct watcher *w = *link;
        if (w->after < newest) {
            *link = w->next;
            answer(w);
        } else {
            link = &w->next;
        }
    }
}
