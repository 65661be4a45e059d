// SPDX-License-Identifier: MIT
// A kernel for host tests: handles, memory, one port whose messages the test writes down
// beforehand.
//
// Time stands still unless the test moves it or somebody waits: a wait with nothing in the queue
// jumps to the timer, and with no timer either it fails with ERR_DEAD, which ends rt_serve.
#pragma once
#include "lib/rt/internal.h"

void fake_start(const char *args); // a fresh kernel and a fresh incarnation of the runtime on it
void fake_restart(void);           // the same kernel, the next incarnation
extern struct status_page fake_status;
extern uint64_t fake_now;     // ns since boot
extern int fake_fail_memory;  // -1: never; n: after n more mem_create they all fail
extern uint64_t fake_mapped;  // bytes

handle_t fake_handle(enum object_type type); // a dynamic handle
bool fake_handle_open(handle_t handle);
int fake_handles_open(void);

// What the next waits will deliver, in order.
void fake_push_call(uint32_t label, const uint64_t w[IPC_WORDS]);
void fake_push(const struct ipc_message *m);
void fake_push_notify(uint64_t bits);
void fake_push_cancel(void); // the wait ends with ERR_CANCELLED

// What was answered, in order.
struct fake_answer {
    handle_t reply;
    struct ipc_message m;
};
enum { FAKE_ANSWERS = 64 };
extern struct fake_answer fake_answers[FAKE_ANSWERS];
extern int fake_answer_count;
extern void (*fake_on_answer)(void); // called before each answer; may be nullptr

// The caller's memory behind a grant, for grant_copy.
extern char fake_grant[1 << 20];

// The last log line.
extern char fake_log[256];

// Runs fn in a child process; true if it died of a failed assertion whose text contains `text`.
bool fake_dies(void (*fn)(void *arg), void *arg, const char *text);
