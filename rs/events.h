// SPDX-License-Identifier: MIT
// The event log: a ring, and whoever waits for what comes next.
#pragma once
#include "rs/service.h"

struct kept;

// A sentence, or nullptr: memory for the ring.
const char *events_init(void);

// Adds an event about `s` (nullptr: about the supervisor), with time, name and incarnation filled
// in. The pointer is good until the next event. Watchers see nothing before events_wake().
struct rs_event *event_add(enum rs_event_kind kind, const struct service *s);
// What the newborn says of the state that it took over.
void event_tell_move(struct rs_event *e, const struct status_page *p);
// What an event says has changed in a later turn than that in which it was added.
void event_changed(const struct rs_event *e);
// Writes what has changed, where it outlives a restart of the machine.
void events_keep(struct kept *k);
// nullptr: not in the ring any more.
struct rs_event *event_find(uint64_t sequence);

uint64_t events_oldest(void); // sequence number of the oldest that is kept

// Answers all watchers that wait for something that is there now. Called at the end of each turn,
// except while a death is not described yet.
void events_wake(void);

// The handler of rs.watch.
enum status events_watch(struct request *rq, uint64_t after, bool wait, uint32_t *count,
                         uint64_t *next, uint64_t *lost);
