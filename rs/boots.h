// SPDX-License-Identifier: MIT
// Over the restarts of the machine: what this boot leaves for the next one, and what those before
// have left. Without memory for it all of this does nothing.
//
// The event log, death records and letters are state, and undone with it. What outlives the machine
// is a copy, written after commit: an entry gets there when the turn in which it was made is over for
// good, and is written again when the supervisor dies in the middle of that.
#pragma once
#include "kernel/abi/syscall.h"
#include "rs/kept.h"

void boots_begin(void); // the first thing after the event log is there: an event tells of the restart
void boots_join(void);  // in the twin: only for boots_say
void boots_keep(void);  // at once, and from now on at the commit of each turn with something new
void boots_keep_soon(void);

// Why the machine will end, for the next boot.
[[gnu::format(printf, 1, 2)]] void boots_say(const char *format, ...);
void boots_end_machine(enum system_action action); // at commit, when everything is written

// The handlers of rs.*_before.
struct request;
enum status boots_read(struct request *rq, uint32_t age, enum kept_kind kind, uint64_t after,
                       uint32_t *count, uint64_t *next);
