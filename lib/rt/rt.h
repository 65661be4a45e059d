// SPDX-License-Identifier: MIT
// The runtime of a service. A server is a table of operations and
//
//     int service_main(void)
//     {
//         static const struct NAME_ops ops = {.open = do_open, …};
//         static const struct rt_interface interface = {NAME_PROTOCOL, NAME_dispatch, &ops};
//         return rt_serve(&interface, 1);
//     }
//
// Everything else (start-up, the event loop, answers, pings, timers, the heap) is in here.
// A service has one thread; none of this may be called from a second one.
#pragma once
#include "kernel/abi/startup.h"
#include "lib/rt/assert.h"
#include "lib/rt/heap.h"
#include "lib/rt/log.h"
#include "lib/rt/sys.h"
#include "lib/rt/undo_log.h"

// The service's own program. Returning ends the task with that code (the supervisor sees an exit).
int service_main(void);

// ---- What this incarnation was given ----

extern const struct startup *rt_startup; // own copy, never null once service_main runs
extern struct status_page *rt_status;    // shared with the supervisor
// The same for counters: no part of a transaction, so no store through it is logged.
#define RT_STATUS ((UNDO_DEVICE struct status_page *)rt_status)
extern handle_t rt_port;                 // where requests arrive: H_SERVICE_PORT, else a new port

// The handle that the manifest gave under this name; HANDLE_NONE if there is none.
handle_t rt_handle(const char *name);
// The value of `name=value` in the manifest's args (ends at a blank), copied to out,
// zero-terminated. false: not there, or longer than out.
bool rt_arg(const char *name, char *out, size_t out_bytes);

// A status code's name (ERR_RANGE) and its sentence.
const char *rt_status_name(enum status status);
const char *rt_status_text(enum status status);

// ---- Requests ----

// What a handler returns after rt_park() took its request away: no answer now.
#define STATUS_PENDING ((enum status)0xffff)

enum rt_outcome { RT_OPEN = 0, RT_PARKED = 1 };

// One request in work. The dispatcher (generated) reads m as it arrived and leaves the words of the
// answer in m.w; handlers of the event loop see it only through the functions below.
//
// Handles: m.handle is the caller's, HANDLE_NONE if none came. Whoever takes it over sets m.handle
// to HANDLE_NONE; what is left there when the dispatcher returns is closed by the event loop.
struct request {
    struct ipc_message m;
    handle_t reply;          // the caller is bound to this Reply object
    handle_t answer_handle;  // travels with the answer, see rt_reply_handle; HANDLE_NONE: none
    uint32_t answer_rights;
    enum rt_outcome outcome;
    handle_t close_after;    // closed once the answer is sent; HANDLE_NONE: none
};

// The interface a message belongs to is its label >> 8 (the protocol number of the .idl file).
struct rt_interface {
    uint32_t protocol;
    // Checks the message, runs the handler, leaves the answer's words in rq->m.w.
    // Returns the status to answer with, or STATUS_PENDING.
    enum status (*dispatch)(const void *ops, struct request *rq);
    const void *ops;
};

// The event loop: receives, dispatches, answers; runs timers and notification handlers; answers
// pings. Sets `ready` in the status page. The list stays the caller's: a global, for an heir uses it, too.
// Returns only when the port cannot be received from (never, normally).
int rt_serve(const struct rt_interface *list, size_t count);

// Bytes of the caller's grant, 0 if there is none.
static inline uint64_t rt_grant_bytes(const struct request *rq)
{
    return rq->m.grant & GRANT_LEN_MASK;
}

// Copies out of or into the caller's grant, any length inside it. ERR_RANGE: outside the grant.
// ERR_RIGHTS: not granted in this direction. ERR_FAULT: the caller's own range is not mapped.
// ERR_CANCELLED: the caller is gone.
MUST_USE enum status rt_grant_read(struct request *rq, uint64_t offset, void *to, size_t bytes);
// The same into memory whose content nobody looks at when this transaction is undone, or that the
// caller has given to the undo log itself.
MUST_USE enum status rt_grant_read_unlogged(struct request *rq, uint64_t offset, void *to,
                                            size_t bytes);
MUST_USE enum status rt_grant_write(struct request *rq, uint64_t offset, const void *from,
                                    size_t bytes);

// The answer of this request carries a copy of `handle` with these rights. The service keeps its
// own unless it asks for rt_close_after, too. Called by generated code for `handle` results.
static inline void rt_reply_handle(struct request *rq, handle_t handle, uint32_t rights)
{
    rq->answer_handle = handle;
    rq->answer_rights = rights;
}

// Closes the service's own `handle` once this request is answered: for one made only to be given
// away.
static inline void rt_close_after(struct request *rq, handle_t handle)
{
    rq->close_after = handle;
}

// Whether what earlier deliveries of a request did to this service has been undone: an heir took the
// state over as it was before. Generated dispatchers ask.
static inline bool rt_undone(void)
{
    return (rt_startup->flags & STARTUP_HEIR) != 0;
}

// ---- Answering later ----

// A request whose caller waits for an answer that is not there yet. It survives the service: the
// caller stays with the Reply object, which passes to the heir.
struct parked {
    struct request rq;
    struct parked *next; // free for the service's own lists
    void *data;          // the service's; if it is not a pointer, it may be taken for one
};

// Inside a handler: takes the request away; the handler then returns STATUS_PENDING.
// nullptr: out of memory or quota; the request is still the handler's.
struct parked *rt_park(struct request *rq);

// Answers and frees a parked request. words: six, or nullptr for none (all zero).
void rt_answer(struct parked *parked, enum status status, const uint64_t *words);
// The same with a handle in the answer (a copy; the service keeps its own).
void rt_answer_handle(struct parked *parked, enum status status, const uint64_t *words,
                      handle_t handle, uint32_t rights);

// ---- Notifications, faults, waiting ----

// Calls fn(bits that came, arg) from the event loop when any of `bits` (within NOTIFY_OWN) is
// raised on rt_port. At most 16 handlers; several may share a bit. Asking twice for the same is
// asking once.
void rt_on_notify(uint64_t bits, void (*fn)(uint64_t bits, void *arg), void *arg);

// Fault messages (supervisors only): fn gets them as requests and returns the label to reply with
// (FAULT_RESUME, FAULT_STOP) or STATUS_PENDING after rt_park.
void rt_on_fault(uint32_t (*fn)(struct request *rq, void *arg), void *arg);

// A copy of rt_port that can only raise `bits` there: to be bound to an interrupt or given to a
// peer.
MUST_USE enum status rt_notify_handle(uint64_t bits, handle_t *out);

// Inside a handler: waits until any of `bits` (within NOTIFY_OWN) is raised, and takes them. Pings
// are answered meanwhile; requests, timers and other notifications stay for the event loop.
// waiting_on: who is waited for; shows in the status page.
uint64_t rt_wait(uint64_t bits, const char *waiting_on);
// The same, at most until at_ns: 0 if nothing came by then.
uint64_t rt_wait_until(uint64_t bits, const char *waiting_on, uint64_t at_ns);

uint64_t rt_now_ns(void); // since boot; no system call

// Counts a unit of work for the supervisor (each answered request counts by itself). The time of an
// incarnation's first one shows how long its rebirth took; rs clears it.
static inline void rt_progress(void)
{
    RT_STATUS->work++;
    if (__builtin_expect(rt_status->first_work_ns == 0, 0)) {
        RT_STATUS->first_work_ns = rt_now_ns();
    }
}

// Start-up is over; rt_serve says so by itself. For a service with a loop of its own.
void rt_ready(void);
// Answers a ping (NOTIFY_PING) in a loop of one's own.
void rt_beat(void);

// ---- Time (rt_now_ns is above) ----

// A timer, owned by the caller, one shot. Zero-initialise it before the first use.
struct rt_timer {
    uint64_t at_ns;
    void (*fn)(void *arg);
    void *arg;
    struct rt_timer *next;
    bool armed;
};
// (Re)arms: fn(arg) runs from the event loop at at_ns or soon after. Any number of timers.
void rt_timer(struct rt_timer *timer, uint64_t at_ns, void (*fn)(void *arg), void *arg);
void rt_timer_cancel(struct rt_timer *timer);
// Waits without serving; answers pings. For start-up code and programs without clients.
void rt_sleep_until(uint64_t at_ns);

// ---- Random numbers ----

// From this incarnation's seed (ChaCha20): the same seed gives the same numbers. For placement and
// sampling; keys for others come from sys_random.
void rt_random(void *to, size_t bytes);
uint64_t rt_random64(void);
uint32_t rt_random_below(uint32_t limit); // 0..limit-1, even; limit > 0

// ---- Dying on purpose ----
// Entered by the supervisor, which sets the stopped thread's instruction pointer here to show how
// the system heals. Each dies in the way its name says.
void rt_die_null(void);
void rt_die_jump(void);
void rt_die_loop(void);
void rt_die_assert(void);
void rt_die_exit(void);
