// SPDX-License-Identifier: MIT
// What the files of the runtime share with each other and with nobody else.
#pragma once
#include "lib/rt/rt.h"

// start.c
void rt_begin(const struct startup *given); // all but service_main; host tests call it, too

// time.c: fixed point. 56 bits leave no drift to speak of against the kernel's clock (1 us in 300
// years), and the factor still fits 64 bits down to a counter of 4 MHz.
enum { TIME_FRACTION = 56 };
extern uint64_t time_ticks_at_boot, time_ns_per_tick;
void time_init(uint64_t tsc_hz, uint64_t tsc_base);

static inline uint64_t time_now(void)
{
    uint64_t ticks = trap_ticks() - time_ticks_at_boot;
    return (uint64_t)(((unsigned __int128)ticks * time_ns_per_tick) >> TIME_FRACTION);
}

// random.c
void random_init(const uint8_t seed[32]);
void random_key(const uint8_t key[32], uint32_t nonce); // what rt_random draws from

// keep.c: drops kept entries whose handle is gone, closes inherited handles that were not kept.
void keep_init(void);

// timer.c
void timers_run(void); // runs what is due, arms the port's timer for the next
void timers_rearm(void);

// notify.c
void notify_bits(uint64_t bits);  // pings, timers, handlers
void notify_deferred(void);       // what came while a handler was waiting
extern uint64_t notify_pending;   // bits that came while a handler was waiting

// park.c
void reply_init(void); // empties the pool: host tests start many incarnations in one process
handle_t reply_take(void);          // a free Reply object; HANDLE_NONE if there can be no more
void reply_give_back(handle_t reply);

// serve.c: the Reply object that the event loop receives with next.
extern handle_t serve_reply;
