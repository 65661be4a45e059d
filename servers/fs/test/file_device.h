// SPDX-License-Identifier: MIT
// A disk in a file of the host, with faults to order. Requests complete only in wait(), in any
// order.
#pragma once
#include "servers/fs/device.h"

struct file_device {
    struct device device;
    int fd;
    struct file_request {
        struct device_request *rq;
        bool moved; // its data; it has not completed yet
        int error;
    } queue[64];
    uint32_t queued;
    uint32_t seed; // of the order of completion; 0: first come, first served
    uint64_t requests, reads, writes, flushes, bytes_read, bytes_written;
    uint64_t fail_at;   // the request of this number (from 1) fails; 0: none
    uint64_t fail_from; // all from this number on fail; 0: none
    // From this number on nothing reaches the disk, as if power were cut; 0: never. Of what was
    // written and not flushed then, and of the request itself, some pieces are on the disk and
    // others are not, as `seed` has it.
    uint64_t stop_at;
    bool stopped;
    bool failed; // a fault was delivered
    void (*before_wait)(void); // need not return; may be null
    struct unflushed *unflushed;
};

// Nothing is ever undone; every wait is one in place.
extern const struct transactions transactions_none;

// Opens an image of the host. false: there is none.
bool file_device_open(struct file_device *d, const char *path, bool read_only);
// Moves the data of one request that waits, without completing it.
void file_device_move(struct file_device *d);
// The same, and takes it off the queue. Returns it for its `done` to be called with *error;
// nullptr: none waits.
struct device_request *file_device_run(struct file_device *d, int *error);
void file_device_close(struct file_device *d);
