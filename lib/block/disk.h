// SPDX-License-Identifier: MIT
// Disk access for services: requests submitted to a block driver, several at a time.
//
//     static struct disk disk;
//     struct disk_memory cache = {.bytes = 16 << 20};
//     status = disk_memory_create(&cache);                     // mapped at cache.base
//     status = disk_attach(&disk, rt_handle("disk"), 64, DISK_BIT, &cache, 1);
//     disk_request_init(&r, BLOCK_READ, sector); disk_request_add(&r, 0, offset, bytes);
//     status = disk_submit(&disk, &r);   … r.done is called from the event loop
//
// A driver that dies and is reborn, with its state or afresh, is no event for the caller: what was
// submitted is run again, a request only takes longer. Data of a write must stay as it is until the request has completed.
//
// In a transaction, submitting takes effect at its commit, and a completion that was taken in is
// undone with everything else: it will be taken in again. So each request is run, and each `done`
// called in a transaction that commits, exactly once. Struct disk and its requests are state: they
// lie in globals or on the heap, never on the stack.
// All functions are for the one thread of the service.
#pragma once
#include "kernel/abi/status.h"
#include "kernel/abi/handle.h"
#include "lib/block/ring.h"
#include "lib/rt/rt.h"
#include <stddef.h>

struct disk;
struct disk_request;

// Called when the request has completed, from disk_poll, disk_wait_any or the event loop (or at
// commit, if there is no driver any more). It may submit further requests and reuse the request.
typedef void disk_done(struct disk *, struct disk_request *);

// One request, in the caller's memory until it has completed. Fill it with disk_request_init and
// disk_request_add.
struct disk_request {
    enum block_op op;
    uint64_t sector;
    uint32_t segments;
    struct block_segment segment[BLOCK_SEGMENTS];
    disk_done *done; // or nullptr
    void *arg;        // for `done`
    // Results. Both in one word: one record of the undo log.
    enum status status; // when not under_way
    uint32_t under_way; // 1 or 0
};

// A data buffer that the driver may move data to and from.
struct disk_memory {
    uint64_t bytes; // multiple of the page size, at most BLOCK_BUFFER_BYTES_MAX
    void *base;     // where it is mapped in this service; state like all its memory
    handle_t memory;
};

// A session with a driver. The fields are to be read only.
struct disk {
    uint64_t sectors;   // size of the disk in units of BLOCK_SECTOR bytes
    bool read_only;     // writes end with ERR_READ_ONLY
    bool flush_needed;  // only what was written before a successful BLOCK_FLUSH is durable
    uint32_t max_bytes; // most that one request may carry
    uint32_t entries;
    uint64_t bit;       // notification bit of the own port that tells of completions
    // Private.
    handle_t port, doorbell, ring_memory;
    uint32_t session, buffers;
    uint64_t buffer_bytes[BLOCK_BUFFERS];
    handle_t buffer_memory[BLOCK_BUFFERS]; // the caller's, see disk_attach
    uint64_t free[BLOCK_WORDS];   // a bit for each entry that can be used
    uint64_t queued[BLOCK_WORDS]; // taken; the driver hears of them at commit
    struct block_ring *ring; // shared with the driver: never undone
    struct disk_entry {
        struct disk_request *owner; // nullptr: none is under way here
        uint64_t number;            // of the owner's request
    } entry[BLOCK_ENTRIES_MAX];
    uint64_t last_number, completions; // of all requests since the start: submitted, and ended
    struct rt_timer watch;             // while anything is under way
    uint64_t watched;                  // completions when it looked last
};

// Requests that have been submitted and have not ended.
static inline uint32_t disk_under_way(const struct disk *d)
{
    return (uint32_t)(d->last_number - d->completions);
}

// In a life that was restored from a checkpoint: the session of another life, its ring and all that
// was under way are forgotten; no `done` is called. It may be attached again.
void disk_forget(struct disk *d);

// Creates a Memory object of m->bytes and maps it; sets base and memory. Pages are supplied at
// once.
[[nodiscard]] enum status disk_memory_create(struct disk_memory *m);

// Opens the session: `entries` requests can be under way at once (1..BLOCK_ENTRIES_MAX), `bit` is
// one notification bit (of NOTIFY_OWN) of the service's own port that is used for nothing else. The
// memories' handles must stay open: a driver that was born afresh gets them again.
// Errors: ERR_DEAD no driver; ERR_BUSY too many sessions; ERR_IO no usable device; ERR_QUOTA.
[[nodiscard]] enum status disk_attach(struct disk *d, handle_t port, uint32_t entries, uint64_t bit,
                                       const struct disk_memory *memory, uint32_t memories);

// One more data buffer for the session; its number is one more than that of the last.
// ERR_RANGE: it has BLOCK_BUFFERS of them already; else what the driver says.
[[nodiscard]] enum status disk_add_memory(struct disk *d, const struct disk_memory *memory);

// Ends the session after everything under way has completed, and frees the ring.
void disk_detach(struct disk *d);

// Prepares a request without data; then add up to BLOCK_SEGMENTS stretches, in the order in which
// they lie on the disk. Adding joins stretches that follow each other. ERR_RANGE: no room for
// another.
void disk_request_init(struct disk_request *r, enum block_op op, uint64_t sector);
[[nodiscard]] enum status disk_request_add(struct disk_request *r, uint32_t buffer, uint32_t offset,
                                            uint32_t bytes);

// Hands the request to the driver (at commit) and returns at once.
// Errors, nothing submitted then: ERR_AGAIN all entries are under way; ERR_RANGE outside of the
// disk or of a buffer, or more than max_bytes; ERR_ALIGN; ERR_READ_ONLY; ERR_STATE this request is
// under way already. The request's status, when it has completed: OK, ERR_IO the device failed it
// for good, ERR_READ_ONLY, ERR_UNSUPPORTED the device does not know the operation, ERR_DEAD the
// driver is gone for good.
[[nodiscard]] enum status disk_submit(struct disk *d, struct disk_request *r);

// Takes in what has completed and calls the `done` functions. Never waits. Returns how many.
uint32_t disk_poll(struct disk *d);

// Waits until at least one request has completed; returns at once if none is under way. Commits, as
// rt_wait does.
void disk_wait_any(struct disk *d);

// Ends everything under way with `status`: for when the driver is known to be gone for good.
void disk_fail_all(struct disk *d, enum status status);

// client.c, for request.c: something is going to be under way.
void disk_watch(struct disk *d);
