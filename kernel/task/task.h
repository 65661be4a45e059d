// SPDX-License-Identifier: MIT
// Tasks: an address space, a handle table, an account that pays, and threads.
//
// Life: new -> running -> dead (task_kill: nothing runs any more, everything stays to be read)
// -> taken apart when no other task has a handle to it.
#pragma once
#include "kernel/mem/tree.h"
#include "kernel/task/handle.h"
#include "kernel/task/thread.h"

struct port;

struct task {
    struct object obj;
    uint32_t hold; // enum hold
    struct arch_space space;
    struct handle_table handles;
    struct account *account; // pays for everything the task makes; holds a reference
    struct tree regions;     // struct region by address
    uint32_t region_count;
    struct list threads;     // all threads that are not dead
    struct list replies;     // Reply objects through which this task received
    uint32_t thread_count, reply_count;
    struct port *fault_port; // holds a reference
    uint64_t fault_badge;
    uint64_t mapped_pages;   // sum of the regions' sizes
    uint64_t ended_ticks;    // processor time of threads that are gone
    bool sealed, started, faulted, space_gone;
    char name[NAME_SIZE];
};

// kernel/main.c. The kernel holds a reference until somebody kills it: then it has a supervisor, and is a
// task like any other; NULL from then on.
extern struct task *root_task;

static inline struct task *task_of(struct object *o)
{
    return (struct task *)o;
}

// A new task that pays with `account` (a reference is taken), with one reference for the caller.
MUST_USE enum status task_create(struct account *, const char *name, struct task **);
// Ends up to `budget` threads and returns callers to their ports; true when all is done.
bool task_kill_step(struct task *, uint32_t budget);
bool task_step(struct object *);
// Holds or releases all threads of the task.
void task_hold(struct task *, enum hold);
void task_release(struct task *, enum hold);
// Whether a thread of it is on some CPU, dead ones included: its address space is loaded there.
bool task_on_cpu(const struct task *);
