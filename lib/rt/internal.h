// SPDX-License-Identifier: MIT
// What the files of the runtime share with each other and with nobody else.
#pragma once
#include "lib/rt/movable.h"
#include "lib/rt/rt.h"
#include "lib/rt/tx.h"

// What belongs to one incarnation and does not move to the next. A section of its own for each file
// that has some.
#define RT_OWN [[gnu::section(".bss.own")]]

// start.c
void own_port(void); // rt_port, as this incarnation was given it
void rt_begin(const struct startup *given); // all but service_main; host tests call it, too
void drop_bootstrap(void); // and all that shows where everything is

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

// inherit.c: closes all dynamic handles that the manifest has not given.
void drop_inherited(void);

// timer.c
void timers_run(void); // runs what is due, arms the port's timer for the next
void timers_rearm(void);
void timers_restore(void); // the port's timer may be set to anything
void timers_shift(int64_t ns); // all are due so much later

// notify.c
void notify_bits(uint64_t bits);  // pings, timers, handlers
void notify_deferred(void);       // what came while a handler was waiting
void notify_all(void);            // as if everything had been raised: an heir cannot know what was
extern uint64_t notify_pending;   // bits that came while a handler was waiting

// park.c
void reply_init(void); // empties the pool: host tests start many incarnations in one process
handle_t reply_take(void);          // a free Reply object; HANDLE_NONE if there can be no more
void reply_give_back(handle_t reply);

// serve.c: the event loop. Compiled without the undo log: what it stores is never undone.
extern handle_t serve_reply; // the Reply object that it receives with next
extern bool serve_untidy;
int serve_forever(int why);  // of loop_restart; LOOP_FIRST at first
void serve_committed_on(void); // what is in work has committed something: no rt_await any more
void serve_parked(handle_t reply); // this transaction has parked the caller
void serve_takes_over(void);       // an heir, before its first transaction
bool serve_begin_anew(void); // after a restore: no answers and Reply objects of a past life

// The answer of the transaction that committed last, and such answers of predecessors that may not
// have been sent: their calls come again. call: ipc_call_number; 0: none.
struct answer_note {
    uint64_t transaction; // its undo_log.transaction
    uint32_t call, rights;
    handle_t handle;
    uint64_t tag;
    uint64_t w[IPC_WORDS];
};
enum { ANSWERS_GIVEN = 8 };
extern struct answer_note answer_last, answers_given[ANSWERS_GIVEN];

// loop.c: leaving a handler for good, from any depth.
enum { LOOP_FIRST, LOOP_AWAIT, LOOP_OVERFLOW, LOOP_POISON };
int loop_run(void); // serve_forever(LOOP_FIRST), and again after each loop_restart
[[noreturn]] void loop_restart(int why);

// commit.c: also without the undo log.
void tx_init(void);
bool tx_undone(void);   // undone.c: this build has the undo log and the type maps
bool tx_running(void);
void tx_begin(void);
void tx_commit(void);   // then what was deferred
void tx_rollback(void); // in the same incarnation: of memory, and of what the kernel did for it
// The heap's mappings: made in this transaction, and undone with it; to be unmapped when it has
// committed.
void tx_mapped(uint64_t address, uint64_t bytes);
void tx_unmap(uint64_t address, uint64_t bytes);
// New memory, mapped where *at says, or at a random place (0); unmapped by whoever wants that.
enum status map_apart(uint64_t bytes, uint32_t prot, uint64_t *at);
// For the mover: mappings that the transaction under way has given up, which a rollback would bring
// back; and how many were given up at all.
struct tx;
struct tx_closed {
    uint32_t now, ever;
};
const struct tx *tx_of_mine(void);
struct tx_closed tx_closed(const struct tx *their);

// defer.c: what is to be done at commit. State: an heir finishes it.
bool defer_pending(void);
bool defer_next(void); // does the first one and takes it off the list; false: there was none
void defer_notify(void); // raises what rt_notify_at_commit asked for
// Answers a parked caller; fails only for want of memory.
bool defer_answer(const struct request *rq, const struct ipc_message *m);

// await.c: requests that were given up for now, and will run again.
struct waiting {
    struct waiting *next;
    struct request rq; // as it arrived
    uint64_t key;
    bool ready;
};
// Parks the request of the loop, or one that ran again, under key; false: no memory.
bool await_park(const struct request *rq, struct waiting *again, uint64_t key);
extern uint32_t await_ready_count;
struct waiting *await_ready(void); // the first one that may run again; nullptr: none
void await_take(struct waiting *w); // off the list and freed, in the transaction of its rerun
void await_forget(void); // all: nobody waits any more

// heap.c, for the mover: a large object that is not filled; nullptr: no memory.
void *heap_place_large(size_t bytes, size_t room, uint32_t type); // room > bytes: what it may grow to in place
void heap_change(void *p, size_t bytes, uint32_t type); // another object in the same place; it fits
void heap_displace(void *p); // takes one away again
void heap_placed(uint64_t objects, uint64_t bytes); // all are there

// map.c: free entries have no address.
struct rt_mapping {
    void *address;
    uint64_t bytes;
    uint32_t prot, kind;
};
extern struct rt_mapping rt_mappings[RT_MAPS];

// checkpoint.c: notes that the supervisor wants one; writes it between two transactions.
void checkpoint_want(void);
void checkpoint_if_wanted(void);

// heir.c: taking over from a predecessor, or from a checkpoint, instead of service_main.
[[noreturn]] void heir_begin(void);
[[noreturn]] void restored_begin(void);
void spare_copies_ahead(const struct startup *startup); // ends the task if it cannot
bool heir_cleans_up(void); // a little of what the move left; false: nothing is left
