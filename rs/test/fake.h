// SPDX-License-Identifier: MIT
// A played kernel and runtime, enough to let services live and die under the real supervisor code.
//
// Time stands still unless fake_run_to() moves it, running what timers are due on the way. Every
// open handle of the supervisor is counted, so that a leak of one per rebirth shows.
#pragma once
#include "rs/service.h"

// So many services with numbers 1 and up, not yet prepared; can they take state over?
void fake_begin(uint32_t count, bool moves);
extern struct manifest_service fake_entries[8]; // the manifest; to be changed before preparing
void fake_prepare(void);         // prepares and starts them
void fake_end(void);             // forgets everything
void fake_keep(void *memory, uint64_t bytes); // before fake_begin: it outlives fake_end, as over a restart of the machine

void fake_run_to(uint64_t ns);
void fake_ready(uint32_t number, uint64_t work); // its newborn says so, and completes so much work
void fake_moved(uint32_t number); // its newborn has taken the state over
void fake_checkpoint(uint32_t number, uint64_t content); // it writes what it was asked for
extern uint64_t fake_program; // what every module is identified by
extern uint32_t fake_mapped; // so many mappings have all memory objects
bool fake_is_killed(handle_t task);
bool fake_is_stopped(handle_t thread);
handle_t fake_predecessor(uint32_t number); // the task that was given to the living one
void fake_fault(uint32_t number, uint32_t incarnation, uint32_t kind, uint64_t vector);

void fake_exit(uint32_t number, uint64_t code); // the living one ends
void fake_spare_fault(uint32_t number);

extern int fake_handles;   // open ones
extern int fake_tasks;     // open task handles
extern int fake_fail_at;   // the so-manieth system call from now fails with ERR_MEMORY; -1: none
extern uint64_t fake_calls; // system calls so far
extern bool fake_beats;    // services answer pings at once
extern int fake_queue;     // callers in every port
extern int fake_dead_answers; // callers that were told ERR_DEAD
extern int fake_notified;  // notifications that were no pings
extern bool fake_uncommitted; // what is to be done at commit is lost, as if the supervisor died before it
extern bool fake_suspended;
extern bool fake_rebooted;
extern uint64_t fake_badge;     // of the handle that came with the last answer
extern uint64_t fake_quota;      // of the supervisor: what it can give
extern bool fake_linked;        // spares are linked at once
extern handle_t fake_inherited; // the dead task of the last task_inherit
extern enum status fake_inherit_status; // what the next one comes to
extern handle_t fake_subscriber; // a handle to subscribe with

// One request to the rs interface from service `from`; the words of the answer replace w.
enum status fake_request(uint32_t from, uint32_t label, uint64_t w[6], void *grant, uint64_t bytes);
extern int fake_parked; // callers that wait now
