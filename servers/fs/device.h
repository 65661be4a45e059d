// SPDX-License-Identifier: MIT
// The disk as the cache sees it: requests that are submitted and complete later.
//
// Two implementations: block_device.c (a block driver, through lib/block) and test/file_device.c (a
// file on the host, with faults to order).
#pragma once
#include "servers/fs/transactions.h"

enum device_op { DEVICE_READ, DEVICE_WRITE, DEVICE_FLUSH };

enum { DEVICE_SEGMENTS = 14, DEVICE_QUEUE = 32 };

struct device_segment {
    uint8_t *memory; // inside the memory that the device was set up with
    uint32_t bytes;  // a multiple of the sector size
};

// One request, in the caller's memory until `done` was called.
struct device_request {
    enum device_op op;
    uint64_t offset; // bytes from the start of the disk
    uint32_t segments;
    struct device_segment segment[DEVICE_SEGMENTS];
    void (*done)(struct device_request *, int error); // error: 0 or an errno value
    void *arg;
    struct device_request *next; // the device's while it is under way
};

struct device {
    uint64_t bytes;
    uint32_t max_bytes; // most that one request may carry
    bool read_only;
    bool flush_needed; // written data is only safe after a DEVICE_FLUSH
    const struct transactions *tx;
    // Takes the request, which begins when the transaction commits. At least DEVICE_QUEUE may be
    // under way. Errors: not taken.
    int (*submit)(struct device *, struct device_request *);
    // Waits until at least one request has completed (calling its `done`). Returns at once if none
    // is under way. Commits; not inside of requests.
    void (*wait)(struct device *);
    // Another stretch of memory that requests may use, for as long as the device is used. ENOMEM:
    // there is no more. EAGAIN: perhaps later. May be null.
    int (*more_memory)(struct device *, uint8_t **memory, uint64_t *bytes);
    void *arg;
};
