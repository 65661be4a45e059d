// SPDX-License-Identifier: MIT
// What to do: pure functions from observed facts to decisions. No system call, no clock, no memory
// but what is passed in; the tests are tables of situations.
//
// Two questions are answered here. Is a service alive? It is when it answers pings and, having
// work, completes some. And after a death: rebirth at once, later, or never again? A life that was
// of use is no crash loop, however short. Lives of no use double the wait, and the count of them
// goes down only with sustained health, never with a mere successful start. With what a service is
// reborn is said by the rung of a ladder: its state, and less and less of it.
#pragma once
#include "rs/manifest.h"

struct policy_rules {
    uint64_t heartbeat_ns; // between pings; 0: it is never pinged (a program that is no server)
    uint32_t missed;       // so many pings in a row without an answer are a hang
    uint64_t request_ns;   // longest time with work to do and none completed
    uint64_t birth_ns;     // longest time until a newborn is ready; an heir may compute for an eighth of it
    uint64_t delay_ns, delay_max_ns; // back-off: first and longest wait
    uint32_t growth_percent;         // from one wait to the next
    uint32_t fruitless_limit; // so many useless lives, and it is given up; 0: it has one life
    uint64_t proven_ns;    // whoever lived so long was of use
    uint64_t heal_ns;      // health for so long takes one from the count
    bool reboot;           // the machine is restarted rather than the service given up
};

struct policy_rules policy_rules(const struct manifest_rules *from, uint32_t flags);

// ---- Alive? ----

// What the supervisor sees when it looks at a service. Numbers from its status page are
// allegations: any value gives some verdict, never undefined behaviour.
struct policy_sight {
    uint64_t now_ns;
    uint64_t born_ns;
    bool heir;         // it takes over a predecessor's state
    uint64_t cpu_ns;   // processor time since its birth
    bool ready;
    bool gone;         // no thread is left, and no fault message told of it
    bool suspended;    // held by command, as a debugger does: neither dead nor late
    bool stopped;      // its thread is stopped, and nobody holds it
    bool starved;      // could have run, but got no processor time since the last look
    bool calling;      // waits for the answer of somebody else, and so cannot answer pings
    bool computing;    // waits for nobody, and has got processor time since the last look
    bool dependency_down; // a service that it may call was not ready, now or since the last look
    uint64_t beats, work;
    uint32_t queue;         // requests waiting in its port
    uint64_t request_since; // 0: not working at one
};

// What has to be remembered from one look to the next; all zero at birth.
struct policy_watch {
    uint64_t beats;      // at the last look
    uint32_t unanswered; // pings in a row
    bool pinged;         // since the last look
    uint64_t work;
    uint64_t work_ns;    // when `work` was last seen to change
    uint64_t busy_ns;    // since when there was work to do, 0: there was none
    uint64_t excused_ns; // no clock runs from before this
    uint64_t starved_ns; // since when it has been starved, 0: it is not
    uint64_t request_since, request_work; // of the request that it was at, at the last look
    uint64_t request_cpu_ns;              // its processor time when it was first seen at it
};

enum policy_verdict {
    POLICY_ALIVE,
    POLICY_STARVED,  // alive, but it should be given its share of the processor
    POLICY_SILENT,   // answers no pings
    POLICY_STUCK,    // answers, perhaps, but gets nothing done
    POLICY_ENDLESS,  // computes too long at one request
    POLICY_UNBORN,   // not ready in time
    POLICY_GONE,     // ended behind the supervisor's back
};

// Processor time that a request may take without any progress reported: of its budget, an eighth at most, for
// that is meant for waiting, but in any case a second. 0: no limit.
uint64_t policy_request_cpu_ns(const struct policy_rules *rules);

// Looks once. The caller pings after each look that says ALIVE or STARVED, and tells so by setting
// watch->pinged.
enum policy_verdict policy_look(const struct policy_rules *rules, struct policy_watch *watch,
                                const struct policy_sight *sight);

// ---- And now? ----

// The ladder. A rung is taken when the one below did not hold; see docs/ladder.md.
enum policy_rung {
    POLICY_STATE = 1,      // reborn with its state, its request is delivered again
    POLICY_CHANGED = 2,    // the same in a changed environment
    POLICY_POISON = 3,     // the same, and the request that kills it is answered with ERR_POISON
    POLICY_CHECKPOINT = 4, // its last checkpoint instead of its state
    POLICY_AFRESH = 5,     // no state; those who depend on it are told
    POLICY_GROUP = 6,      // and those around it are reborn, too
    POLICY_REBOOT = 7,
};

// A request in work. Each call has its own number, the same at every delivery.
struct policy_request {
    uint64_t badge;
    uint32_t label, call; // call 0: not known
    uint32_t delivery;    // earlier ones
};

// A request at which the service died.
struct policy_suspect {
    struct policy_request request;
    uint32_t deaths; // 0: free
};
enum { POLICY_SUSPECTS = 4 };

// What is remembered about a service over its lives.
struct policy_history {
    uint32_t fruitless; // useless lives that are not healed yet
    uint64_t well_ns;   // since when it has been well, or the last healing
    uint32_t unheld;    // useless lives with the present state
    struct policy_suspect suspects[POLICY_SUSPECTS];
    uint32_t next_suspect;
};

struct policy_death {
    uint64_t now_ns, born_ns;
    bool ready;      // it had become ready
    uint64_t work;   // completed in this life
    bool asked;      // somebody with the right to do so had it killed: no evidence against it
    bool no_room;    // it died of its quota, or could not be made
    bool state;      // there is state that an heir can take over
    bool second_try; // a planned move or update came to nothing, for the first time: no evidence either
    bool checkpoint; // there is one that was not tried yet
    bool restored;   // this life began with one
    bool group;      // there are others around it
    bool working;    // it died at a request:
    struct policy_request request;
};

enum policy_action {
    POLICY_REBIRTH = 1, POLICY_REBIRTH_LATER = 2, POLICY_GIVE_UP = 3, POLICY_RESTART_MACHINE = 4,
};

struct policy_decision {
    enum policy_action action;
    enum policy_rung rung;
    uint64_t delay_ns;
    bool make_room; // the dead one's memory goes first: it would leave its heir no room to be born
};

struct policy_decision policy_decide(const struct policy_rules *rules,
                                     struct policy_history *history,
                                     const struct policy_death *death);

// To be called when it becomes ready, and when it goes on after having been held.
void policy_well_from(struct policy_history *history, uint64_t now_ns);

// To be called now and then while it is ready. true: one was just taken from the count.
bool policy_heal(const struct policy_rules *rules, struct policy_history *history, uint64_t now_ns);

// ---- Start order ----

// Can a service start whose manifest needs these (bit n: index n), when those in `ready` are?
static inline bool policy_may_start(uint64_t needs, uint64_t ready)
{
    return (needs & ~ready) == 0;
}
