// SPDX-License-Identifier: MIT
// What the supervisor knows about each service, and the functions that move a service through its
// lives.
//
//   main.c       start-up: archive, manifest, resources of each service
//   birth.c      the next incarnation                   death.c   takes note of a death and decides
//   move.c       another layout for the living          update.c  another module
//   body.c       makes tasks and gives them up          spare.c   newborns that are linked ahead
//   watch.c      heartbeats, readiness, healing         inject.c  lets a service die on command
//   resources.c  what outlives its incarnations         corpse.c  what is read of the dead, later
//   record.c     the ring of death records              events.c  the event log and its watchers
//   commands.c   the rs interface                       policy.c  all judgement
//   checkpoint.c state that is kept outside
//   letters.c    requests that kill                     ladder.c  the group, the machine
//   boots.c      what the next boot finds               kept.c    the form in which it does
//   self.c       its own rebirth                        twin.c    the other role of this module
//   modules.c    program files                          text.c    records for people
//   manifest.c, archive.c, args.c  what the boot archive says
#pragma once
#include "interfaces/rs.types.h"
#include "kernel/abi/startup.h"
#include "lib/rt/rt.h"
#include "lib/rt/tx.h"
#include "randomizer/linker/symbolise.h"
#include "rs/policy.h"
#include <string.h>

// A program file, shared by the services that run it.
struct module_file {
    char name[RS_NAME_BYTES]; // empty: a free place
    handle_t memory;
    void *bytes; // mapped here, read-only
    uint64_t size;
    struct module elf;
    bool usable;
    bool moves; // its runtime can take a predecessor's state over
    bool stays; // it is in the boot archive
    uint64_t program; // see module_program; 0: not computed yet
    uint64_t zeroed;  // bytes of sections that the file does not hold
    handle_t recipe;  // for the bootstrap; HANDLE_NONE: it works without
    uint64_t recipe_bytes;
};

// A handle as the manifest names it; it is installed anew in each newborn.
struct given_handle {
    const char *name;
    handle_t handle; // rs's own
    uint32_t rights, type;
    uint64_t badge;  // 0: as it is
};

// A task made for a service, and the pages that it shares with the supervisor. The pages stay with
// the place when the task is gone, so that a rebirth allocates nothing here.
struct body {
    struct startup *startup;
    struct layout_record *layout;
    uint64_t startup_offset, layout_offset; // in the service's pages

    handle_t task, thread; // HANDLE_NONE: the place is free
    struct module_file *module;
    uint32_t serial;       // of all bodies of the service; its fault messages carry it
    uint32_t handles;      // that were installed
    // Of a spare: whose state it copies ahead (serial, 0: nobody's), and how far that one had got.
    uint32_t ahead_of;
    uint64_t ahead_work, ahead_ns;
    uint8_t seed[32];
    // Of a dead one:
    uint64_t record;       // sequence number of its death record, 0: none
    uint64_t event;        // and of its DEATH event
    bool described;        // stack read, addresses turned into names
    bool passed_on;        // its heir has its handles
    // A task that stands still and is killed at commit; HANDLE_NONE: none. The place may be another's by then.
    handle_t condemned;
};

// At the most: who holds the state, a newborn that died before it took it over, the next newborn, a
// spare.
enum { BODIES = 4 };

// What the next birth shall be like.
struct birth_plan {
    enum birth_cause cause;
    enum policy_rung rung;
    bool between_requests; // the predecessor was stopped where it waited for the next message
};

// A move or update by plan, not because of a death.
struct planned_move {
    bool wanted;      // as soon as a newborn is linked
    bool under_way;   // the old one is stopped, the heir not ready
    bool failed_once; // one heir died
    enum birth_cause cause;
    uint64_t since_ns, stopped_ns;
    // Of all so far: how many, and how long the last one was not there.
    uint32_t count;
    uint64_t pause_ns;
};

// A checkpoint that is kept for a service.
struct checkpoint {
    handle_t memory;   // made when it is first needed
    uint64_t sequence; // 0: nothing good is in it
    uint64_t bytes, taken_ns;
    bool tried;        // somebody was to be restored from it
};
enum { CHECKPOINTS = 3 }; // two good ones, and the one that is being written

// A new version that has not proven itself yet.
struct trial {
    struct module_file *old; // to go back to; nullptr: there is no trial
    uint64_t since_ns, work; // when it became ready, and its count of work then
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

    // Outlive every incarnation.
    handle_t port, ping, checkpoint_bell;
    handle_t pages, pages_to_read; // see resources.c
    handle_t stacks;               // for the bootstrap, one for each body
    struct status_page *status;
    uint64_t layout_bytes;         // room in each layout record
    struct body bodies[BODIES];
    bool prepared;       // all of the above is there; without, it can never be born
    bool supervisor;     // it is rs itself, and this is its twin; see twin.c

    // Who is who; nullptr: nobody. The holder can be the corpse, too; otherwise all are different.
    struct body *living, *spare;
    struct body *corpse; // the last one that died, while something of it is still needed
    struct body *holder; // dead, with the state that an heir shall take over or is just doing
    bool state_given_up; // the holder's: it only stays until the newborn is ready
    uint32_t serials, spare_failures, ahead_failures;
    uint64_t limit;      // of the account that pays for all bodies; 0: there is none

    // This life.
    enum rs_state state;
    uint32_t incarnation;
    bool from_spare;
    bool heir;           // it is to take the holder's state over, or has done so
    bool page_is_old;    // the status page still tells of the incarnation before: it is cleared at commit
    uint64_t born_ns, ready_ns, beat_ns;
    uint64_t born_work;  // status->work counts on; this is where this life began
    uint64_t born_cpu_ns; // what linking it ahead took
    uint64_t work_before; // in this life, by bodies that it was moved out of
    uint64_t looked_cpu_ns, looked_ns;
    struct policy_watch watch;
    enum rs_how asked;   // a command that shall bring death about, 0: none

    // Over lives.
    struct policy_history history;
    struct birth_plan plan;
    struct planned_move move;
    struct checkpoint checkpoints[CHECKPOINTS];
    struct checkpoint *writing;        // by the living one, since checkpoint_ns; nullptr: none
    uint64_t checkpoint_ns, checkpoints_before, checkpoint_count;
    bool restore_wanted;               // a command, not the ladder
    struct module_file *next_module; // of the update that is wanted
    struct trial trial;
    uint32_t poison_call; // to be answered without being run, until it has been; 0: none
    uint64_t letter;      // what is known of it
    bool recovering;     // reborn, but no work done yet
    uint64_t last_record; // sequence number; 0: none
    uint64_t detected_ns, recovery_ns;
    uint32_t deaths, last_cause, last_asked, commands;
    char place[RS_PLACE_BYTES];
    struct rt_timer look_timer, birth_timer, move_timer, link_timer;
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

// Whether that word of its status page is set, and by this incarnation.
static inline bool service_says(const struct service *s, uint64_t word)
{
    return !s->page_is_old && word != 0;
}

static inline bool service_lives(const struct service *s)
{
    return s->state == RS_BORN || s->state == RS_READY || s->state == RS_HELD;
}

// Is state there that an heir can take over?
static inline bool service_has_state(const struct service *s)
{
    return s->holder != nullptr && !s->state_given_up && s->module->moves;
}

// main.c: what the kernel gave to the root task, and no later incarnation is given again.
struct machine {
    handle_t ports, mmio, irqs, dma;
    handle_t kept; // memory that outlives the machine's restarts; HANDLE_NONE: there is none
    handle_t bootstrap;
    uint64_t bootstrap_bytes;
    uint64_t bootstrap_at; // in every newborn; 0: not drawn yet
    struct boot_info boot;
    const void *archive;
    uint64_t archive_bytes;
    bool is_twin;
};
extern struct machine machine;

// resources.c: everything of a service that outlives its incarnations. A sentence, or nullptr if
// all is well.
// Leaves these rights of a handle, if it has them. What newborns shall only read is mapped through such
// a handle: a mapping may later become whatever its handle allowed, and the pages outlive the newborn.
enum status weaken(handle_t *handle, uint32_t rights);
const char *service_prepare_port(struct service *s); // first for all services
const char *service_prepare(struct service *s, const struct manifest *m);
enum status service_make_pages(struct service *s);
enum status service_map_pages(struct service *s); // that somebody else has made
// The part of a start-up block that is the same for all incarnations, but for handles and args.
void service_describe(const struct service *s, struct startup *at);

// self.c: parts of the supervisor for its twin.
enum status self_part(enum manifest_part part, struct given_handle *out);
void self_begin(void);        // when all services are prepared
void say_supervised(void);    // now, and from now on: there is somebody, or the machine restarts
void supervision_resumes(void); // the first thing in an heir of the supervisor, or of its twin

// twin.c: what this module does when it is not the root task.
extern struct manifest_service twin_entry; // what a manifest would say about the supervisor
int twin_main(void);

// modules.c: the file NAME.mod of the boot archive, read once; usable or not.
struct module_file *module_named(const char *name); // nullptr: no place for it
struct module_file *module_in_archive(const char *name); // nullptr also: it is not there
struct module_file *module_given(const char *name, handle_t memory); // nullptr: it cannot be read
// The caller's grant as a module for that service; it may turn out not to be usable.
enum status module_from_grant(struct request *rq, const char *service, struct module_file **out);
uint64_t module_program(struct module_file *f); // identifies it for checkpoints
void modules_sweep(void); // forgets those that nobody runs any more
// main.c
struct archive_file;
bool archive_has(const char *name, struct archive_file *file);
// A file of the archive as a memory object that newborns can map, and where it is mapped here.
handle_t archive_memory(const struct archive_file *file, void **mapped);

// What cannot be taken back is done when all that belongs to it has been noted. fn must be able to
// find out what it has done already.
static inline void at_commit(void (*fn)(void *arg), void *arg)
{
    if (!rt_at_commit(fn, arg)) {
        fn(arg); // no memory to remember it: early is better than never
    }
}

// As much of it as there is room for. printf does the same with %s in twenty times as many instructions.
static inline void copy_name(char *to, size_t size, const char *from)
{
    size_t n = strnlen(from, size - 1);
    memcpy(to, from, n);
    to[n] = '\0';
}

// body.c
struct failure { // what the kernel refused, and when
    enum status status;
    const char *step;
};
// A newborn with all its mappings and handles, which has not started. nullptr: *why tells.
struct body *body_make(struct service *s, struct module_file *module, uint32_t priority,
                       struct failure *why);
// Stops all of its threads at once, and kills it at commit: killing cannot be undone, and whoever takes note of a death
// may die of it. An heir of the supervisor finds the task as it was, resumes it and deals with it again.
void body_condemn(struct body *b);
// Kills it and gives the place free. A dead one's callers that are parked end with ERR_RESTARTED.
void body_end(struct body *b);
// Takes a role (&s->corpse, &s->holder, &s->spare) away from whoever has it, and ends it if it has
// no other.
void body_leave(struct service *s, struct body **role);
// Sets the limit of the service's account to what its bodies need now, as far as possible.
bool account_fit(struct service *s); // false: there is less to give than all its bodies may need
void account_again(struct service *s); // when it is not known any more what the limit is
// Its fault messages come here.
enum status body_hear(const struct service *s, const struct body *b);

// birth.c: the next incarnation, as s->plan says. Failure counts as a death.
void service_birth(struct service *s);
// Lets a body find the state of another, which is or will be its predecessor.
enum status estate_open(const struct service *s, const struct body *holder, struct body *heir,
                        struct failure *why);
// Starts every waiting service whose needs are ready, but for those that the manifest calls late.
void services_start(void);
// Those, when all others have started.
void services_start_late(void);

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
// What an exit or exception was, in words.
void describe_end(char *to, size_t size, const struct death_facts *facts);
// Ends this life, records it, and does what the policy says. Requires service_lives(s).
void service_died(struct service *s, const struct death_facts *facts);
// After a failed birth; there is no task.
void service_stillborn(struct service *s, const struct failure *why);
// The living one has been killed: it becomes the corpse, and the holder of the state if it had one.
void service_lay_out(struct service *s, uint64_t record);
// A fault message, from the event loop.
uint32_t on_fault(struct request *rq, void *arg);

// ladder.c: its upper rungs
bool ladder_has_group(const struct service *s);
void ladder_group(struct service *s); // all around it begin afresh
void ladder_restart_machine(struct service *s);

// corpse.c: what can wait until the newborn is at work. Describing: stack, names, the DEATH event's
// texts.
void corpse_describe(struct service *s);
// Ends the dead ones of whom nothing is needed any more.
void corpses_let_go(struct service *s);
void corpses_settle(void);       // describes all, and lets go
void corpses_settle_later(void); // the same, in some milliseconds
bool corpses_pending(void);      // some are not described yet

// watch.c
void watch_begin(struct service *s);
void watch_end(struct service *s);
// Has it completed its first work since the last death?
void watch_note_recovery(struct service *s);
void watch_tick(struct service *s); // one look, now
void watch_news(uint64_t bits, void *arg); // some service became ready
void watch_again(struct service *s); // after a time in which nobody watched
void service_hold(struct service *s);
void service_release(struct service *s);
void service_tell_subscribers(struct service *s);
void answer_for_the_dead(struct service *s); // callers of a given-up service get ERR_DEAD

// spare.c
enum { SPARE_FAILURES = 3 }; // so many, and no more are made for this life
bool spare_make(struct service *s);
// Gives it the service's own priority: somebody waits for it.
void spare_hurry(struct service *s);
// Makes one if it is time for it.
void spare_tend(struct service *s, bool idle);
// Is it linked and waiting?
bool spare_is_linked(const struct service *s);
bool spare_has_copied(const struct service *s); // what the living one has; it is brought up to date at the move
void spare_drop(struct service *s);
// Its fault message came.
void spare_died(struct service *s, const struct death_facts *facts);
// The spare copies the living one's state ahead, or what has changed since it did so last; it is
// linked again when that is done. false: it cannot.
bool spare_go_ahead(struct service *s);
bool spare_is_ahead(const struct service *s, uint64_t since_ns); // did it begin to after that?
uint64_t spare_copy_bytes(const struct service *s); // of memory for that
uint64_t spare_bytes(const struct service *s); // of memory that its spare can need

// move.c: planned moves
// Moves the service as soon as a newborn is linked. ERR_UNSUPPORTED: its module cannot; ERR_STATE:
// it is not ready, or is just being moved.
enum status move_begin(struct service *s, enum birth_cause cause);
void move_note_done(struct service *s, uint64_t now); // the heir is ready
bool move_failed_first(struct service *s); // an heir died; was it that of a move, and the first?
void move_schedule(struct service *s);     // the next one, as the manifest says
void move_after_work(struct service *s);   // likewise
void move_cancel(struct service *s);       // it died
void move_news(void);                      // some newborn may have said that it is linked, or ahead

void move_spare_died(struct service *s, const char *why);

// update.c: another module. ERR_CORRUPT: it is damaged; ERR_UNSUPPORTED: one of the two cannot
// move; ERR_RANGE: it has too many sections; ERR_EXISTS: it runs already; ERR_STATE as above.
enum status update_begin(struct service *s, struct module_file *module);
void update_switch(struct service *s);  // the old one has been stopped
bool update_has_served(const struct service *s);
// Would the old version's state be taken over again?
bool update_needs_holder(const struct service *s);
void update_note_ready(struct service *s, uint64_t now);
void update_tend(struct service *s, uint64_t now); // is it proven?
// After its death: is it the old module again that shall be reborn?
struct rs_death;
bool update_roll_back(struct service *s, const struct rs_death *d);

// checkpoint.c
// Asks for one. ERR_UNSUPPORTED: the manifest or the module has none; ERR_STATE: not now.
enum status checkpoint_begin(struct service *s);
void checkpoint_tend(struct service *s, uint64_t now);
void checkpoint_cancel(struct service *s);     // it died
bool checkpoint_there(struct service *s);      // a good one that was not tried yet
// nullptr: not there. 0: the newest that was not tried yet.
struct checkpoint *checkpoint_find(struct service *s, uint64_t sequence);
struct checkpoint *checkpoint_newest(struct service *s); // nullptr: there is none
enum status checkpoint_give(struct service *s, struct body *heir, struct failure *why);
enum status checkpoint_read(struct request *rq, struct service *s, const struct checkpoint *c,
                            uint64_t offset, uint32_t *got);
enum status checkpoint_store(struct request *rq, struct service *s);

// inject.c: ERR_STATE if it does not live.
enum status inject(struct service *s, enum rs_how how);

// commands.c
extern const struct rs_ops rs_commands;
