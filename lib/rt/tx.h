// SPDX-License-Identifier: MIT
// Requests as transactions: what service code may say about them.
//
// The event loop runs each message (a call, notification bits, timers that are due) as a
// transaction on the service's memory. It commits when the handler returns: from that one store
// on, everything the handler stored stays, the answer counts as given, and what was deferred will
// be done, by an heir if need be. Until then a death, or rt_await, undoes everything stored outside
// the stack. See docs/rebirth.md for what a handler may and may not do.
//
// Memory that others see (mapped with RT_SHARED, the status page) is not undone. Stores to it
// that may not happen twice, or not without the rest of the transaction, go through rt_at_commit.
#pragma once
#include "kernel/abi/handle.h"
#include "kernel/abi/status.h"
#include <stddef.h>
#include <stdint.h>

// fn(arg) runs when this transaction has committed, in the order of the calls, each as a
// transaction of its own; an fn asked for twice with the same arg in one transaction runs once.
// Death in the middle lets the heir run fn again, so fn must find out what it has done already (in
// shared memory or from the kernel). Outside of transactions (start-up) it runs at once.
// false: no memory; nothing will run.
[[nodiscard]] bool rt_at_commit(void (*fn)(void *arg), void *arg);

// Raises the bits of `port` (a handle with NOTIFY) at commit. Raising twice is raising once.
// Outside of transactions: at once.
void rt_notify_at_commit(handle_t port);

// Closes a handle of the state at commit: until then a rollback may bring its name back.
// Outside of transactions: at once.
void rt_close_at_commit(handle_t handle);

// ---- Giving a request up for now ----

// Whether rt_await may be called: inside the handler of a request that has not committed anything.
bool rt_may_await(void);

// What the handler needs is not there. Undoes all that this request did, then runs start(copy of
// arg) as a transaction of its own, to begin fetching it; serves others meanwhile; and runs the
// request again from its beginning after rt_wake(key). Never returns. start may be nullptr.
// bytes: of arg, at most RT_AWAIT_BYTES. A wake that comes from within `start` counts.
enum { RT_AWAIT_BYTES = 64 };
[[noreturn]] void rt_await(uint64_t key, void (*start)(const void *arg), const void *arg,
                           size_t bytes);

// All requests that wait for key will run again, in the order in which they came, after this
// transaction. From notification handlers, timers, other requests.
void rt_wake(uint64_t key);

// ---- Committing before the end ----

// What was stored so far stays, deferred actions run. The request itself is not answered: after a
// death it is delivered again and runs from its beginning. So only for work that may begin again
// at any such point, like writing back what is dirty. rt_wait and rt_wait_until do this first.
// No rt_await afterwards.
void rt_commit(void);

// ---- Mappings that move along ----

enum rt_map_kind {
    RT_STATE,  // the service's own memory: undone like all its state. Pointers into it have types
    RT_SHARED, // devices or other tasks see it, too: never undone
};

// Maps `bytes` (page multiple) of a Memory object at a random place, and at another one in each
// later incarnation; pointers into it follow. The handle may be closed afterwards. *address: 0.
// Errors as of mem_map; ERR_QUOTA: RT_MAPS are there already.
enum { RT_MAPS = 128 };
[[nodiscard]] enum status rt_map(handle_t memory, uint64_t offset, uint64_t bytes, uint32_t prot,
                                 enum rt_map_kind kind, void **address);
// The same for a mapping that is there already: whole pages, and all of it.
[[nodiscard]] enum status rt_map_adopt(void *address, uint64_t bytes, uint32_t prot,
                                       enum rt_map_kind kind);
// Unmaps at commit; address as rt_map gave it.
void rt_unmap(void *address);

// ---- Being reborn ----

struct rt_rebirth {
    bool after_crash; // the predecessor was stopped at any instruction, not between two requests
    bool updated;     // another module
    // From a checkpoint, perhaps of a time before the machine was started. Handles are those of
    // the manifest, all others are HANDLE_NONE. Mappings are new memory, empty, that
    // nobody else sees. Nobody waits for what was parked; answering it does nothing. Timers run on.
    bool restored;
    int64_t clock_shift_ns; // restored: what to add to times (rt_now_ns) that were noted before
};
// There shall be no checkpoints of this service: what it knows is worth nothing in another life.
// why: a sentence for whoever asks for one; a literal.
void rt_no_checkpoints(const char *why);

// fn runs in the heir, in a transaction, when the state has been taken over and before the first
// message; in the order of registration. At most 8. Registrations are state: once is enough.
void rt_on_reborn(void (*fn)(const struct rt_rebirth *rebirth));

// For tests: fn tells whether the service's state agrees with itself; if not, what is wrong (`room` bytes). It changes
// nothing. With check_moves in the manifest it is called before each commit, where a contradiction ends the service with
// that text, and in each heir before it serves, which then refuses the state. Without, never.
void rt_on_check(bool (*fn)(char *why, size_t room));
