// SPDX-License-Identifier: MIT
// Requests as transactions, as the core of the file service needs them: lib/rt/tx.h in the service
// (main.c), an engine of their own in the host tests.
//
// Inside a request nothing waits and nothing is submitted to the disk: what is missing is awaited,
// which undoes the request and runs it again later. Whoever is not in a request (mounting, a sync, a
// timer) waits, and commits by that.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct transactions {
    // In a request that has committed nothing.
    bool (*may_await)(void);
    // Gives the request up until `key` is woken; never returns. `start` runs first, in a
    // transaction of its own, with a copy of arg. It may wake the key itself.
    void (*await)(uint64_t key, void (*start)(const void *arg), const void *arg, size_t bytes);
    void (*wake)(uint64_t key);
    // fn(arg) runs when this transaction has committed, in one of its own; once, however often it
    // is asked for; at once outside of transactions. false: no memory, it will not run.
    bool (*at_commit)(void (*fn)(void *arg), void *arg);
    // Another number in each transaction.
    uint64_t (*number)(void);
    // Before something other than compiled code overwrites state: it can be undone then.
    void (*preserve)(const void *memory, size_t bytes);
};

// What keys name: below these, a line of the cache, by its number.
#define KEY_ROOM    UINT64_MAX       // lines that can be written to
#define KEY_SETTLED (UINT64_MAX - 1) // no metadata on its way to the disk
#define KEY_CHORES  (UINT64_MAX - 2) // see chores.c
#define KEY_INDEX   (UINT64_MAX - 3) // see dir_index.c
