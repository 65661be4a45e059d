// SPDX-License-Identifier: MIT
// What the supervisor knows about each service, and the functions that move a service through its
// lives.
//
//   main.c       start-up: archive, manifest, resources of each service
//   birth.c      makes a newborn                        death.c   takes note of a death and decides
//   watch.c      heartbeats, readiness, healing         inject.c  lets a service die on command
//   resources.c  what outlives its incarnations         corpse.c  what is read of the dead, later
//   record.c     the ring of death records              events.c  the event log and its watchers
//   commands.c   the rs interface                       policy.c  all judgement
//   manifest.c, archive.c, args.c  what the boot archive says       text.c  records for people
#pragma once
#include "interfaces/rs.types.h"
#include "kernel/abi/startup.h"
#include "lib/rt/rt.h"
#include "randomizer/linker/symbolise.h"
#include "rs/policy.h"

// A program file, shared by the services that run it.
struct module_file {
    const char *name;
    handle_t memory;
    const void *bytes; // mapped here, read-only
    uint64_t size;
    struct module elf;
    bool usable;
};

// A handle as the manifest names it; it is installed anew in each newborn.
struct given_handle {
    const char *name;
    handle_t handle; // rs's own
    uint32_t rights, type;
    uint64_t badge;  // 0: as it is
};

// A dead incarnation whose task is still there: until an heir took over from it, and its stack was
// read.
struct corpse {
    handle_t task, thread;
    uint32_t layout;  // which of the two layout records is its own
    uint64_t record;  // sequence number of its death record
    uint64_t event;   // and of its DEATH event
    bool described;   // stack read, addresses turned into names
};

struct service {
    // Fixed for ever.
    const struct manifest_service *entry;
    const char *name;
    uint32_t number; // 1 and up
    uint32_t index;  // number - 1: its bit in masks
    uint64_t calls;  // services that it has a handle of
    struct policy_rules rules;
    struct module_file *module;
    struct given_handle given[MANIFEST_HANDLES_MAX];

    // Outlive every incarnation. Two layout records, because the dead one's is still needed when
    // its heir writes its own.
    handle_t port, ping;
    handle_t status_memory, startup_memory, stack_memory, layout_memory[2];
    struct status_page *status;
    struct startup *startup;
    struct layout_record *layout[2];
    uint64_t layout_bytes;

    bool prepared;       // all of the above is there; without, it can never be born

    // This life.
    enum rs_state state;
    bool quota_raised;   // while the corpse is not gone yet
    uint32_t incarnation;
    handle_t task, thread;
    uint32_t layout_used;
    uint64_t born_ns, ready_ns, beat_ns;
    uint64_t born_work;  // status->work counts on; this is where this life began
    uint64_t looked_cpu_ns, looked_ns;
    struct policy_watch watch;
    enum rs_how asked;   // a command that shall bring death about, 0: none
    uint8_t seed[32];

    // Over lives.
    struct policy_history history;
    struct corpse corpse;
    bool recovering;     // reborn, but no work done yet
    uint64_t last_record; // sequence number; 0: none
    uint64_t detected_ns, recovery_ns;
    uint32_t deaths, last_cause, last_asked;
    char place[RS_PLACE_BYTES];
    struct rt_timer look_timer, birth_timer;
    handle_t subscribers[RS_SERVICES_MAX]; // by index of the caller: whom to notify of rebirths
};

extern struct service *services;
extern uint32_t service_count;
extern uint64_t ready_mask;

// nullptr for 0 and for numbers that are not there.
static inline struct service *service_by_number(uint64_t number)
{
    return number >= 1 && number <= service_count ? &services[number - 1] : nullptr;
}

static inline bool service_lives(const struct service *s)
{
    return s->state == RS_BORN || s->state == RS_READY || s->state == RS_HELD;
}

// main.c: what the kernel gave to the root task.
struct machine {
    handle_t ports, mmio, irqs, dma;
    handle_t bootstrap;
    uint64_t bootstrap_bytes;
};
extern struct machine machine;

// resources.c: everything of a service that outlives its incarnations. A sentence, or nullptr if
// all is well.
// Leaves these rights of a handle, if it has them. What newborns shall only read is mapped through such
// a handle: a mapping may later become whatever its handle allowed, and the pages outlive the newborn.
enum status weaken(handle_t *handle, uint32_t rights);
const char *service_prepare_port(struct service *s); // first for all services
const char *service_prepare(struct service *s, const struct manifest *m);

// birth.c: the next incarnation; heir of s->corpse if there is one. Failure counts as a death.
void service_birth(struct service *s, enum birth_cause cause);
// Starts every waiting service whose needs are ready.
void services_start(void);

// death.c
struct death_facts {
    enum rs_cause cause;
    uint64_t death_ns;     // 0: now
    uint32_t vector, error;
    uint64_t detail;       // exit code, fault address or status
    uint64_t ip, sp;       // as the fault message says them, 0 if there was none
    enum rs_how how;       // of a command, 0 if nobody asked
    const char *text;
};
// Ends this life, records it, and does what the policy says. Requires service_lives(s).
void service_died(struct service *s, const struct death_facts *facts);
// After a failed birth; there is no task.
void service_stillborn(struct service *s, enum status status, const char *step);
// A fault message, from the event loop.
uint32_t on_fault(struct request *rq, void *arg);

// corpse.c: what can wait until the newborn is at work. Describing: stack, names, the DEATH event's
// texts.
void corpse_describe(struct service *s);
// Gives up the dead task with all that is its own. Callers parked there end with ERR_RESTARTED.
void corpse_close(struct service *s);
void corpses_settle(void);       // describes all, closes those that have an heir
void corpses_settle_later(void); // the same, in some milliseconds
bool corpses_pending(void);      // some are not described yet

// watch.c
void watch_begin(struct service *s);
void watch_end(struct service *s);
// Has it completed its first work since the last death?
void watch_note_recovery(struct service *s);
void watch_tick(struct service *s); // one look, now
void watch_news(uint64_t bits, void *arg); // some service became ready
void service_hold(struct service *s);
void service_release(struct service *s);
void service_tell_subscribers(struct service *s);
void answer_for_the_dead(struct service *s); // callers of a given-up service get ERR_DEAD

// inject.c: ERR_STATE if it does not live.
enum status inject(struct service *s, enum rs_how how);

// commands.c
extern const struct rs_ops rs_commands;
