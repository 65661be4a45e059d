// SPDX-License-Identifier: MIT
// A split virtqueue, driver side.
//
// What the device writes is an allegation: an index that runs ahead of what was given to it, or an
// id that is not under way, breaks the queue, and only a reset of the device mends it. The links of
// free descriptors and the chains under way are kept in private memory, not in what the device
// sees.
#pragma once
#include "kernel/abi/status.h"
#include "lib/virtio/spec.h"
#include <stddef.h>

enum { VIRTQ_SIZE_MAX = 256 };

// A stretch of physical memory that the device reads or writes.
struct virtq_part {
    uint64_t address;
    uint32_t bytes;
};

struct virtq_chain {
    void *cookie;      // nullptr: not under way
    uint32_t in_bytes; // room for what the device writes
    uint32_t length;   // descriptors
};

struct virtq {
    // In this order what changes together lies together, in one record of the undo log.
    uint16_t avail_idx; // next to be filled; the device sees it at virtq_publish
    uint16_t free_head, free_count;
    uint16_t under_way; // chains
    uint16_t used_idx;  // next to be taken
    uint16_t size; // descriptors, a power of two
    bool broken;   // the device broke the rules
    struct virtq_desc *desc;
    struct virtq_avail *avail;
    volatile struct virtq_used *used;
    uint16_t next[VIRTQ_SIZE_MAX];             // of descriptors, free and in chains
    struct virtq_chain chain[VIRTQ_SIZE_MAX]; // by first descriptor
};

// Where the parts of a queue lie in one stretch of DMA memory whose pages need not be neighbours:
// no part crosses a page. Offsets from its start.
struct virtq_places {
    uint32_t desc, avail, used, bytes;
};
struct virtq_places virtq_place(uint16_t size);

// Starts over with an empty queue in zeroed memory at `base` laid out by virtq_place().
void virtq_init(struct virtq *q, uint16_t size, void *base);

// Queues a chain: the device reads the first `out` parts and writes the `in` parts after them. The
// device sees it at virtq_publish. cookie is not nullptr. ERR_AGAIN: too few free descriptors.
[[nodiscard]] enum status virtq_add(struct virtq *q, const struct virtq_part *parts, uint16_t out,
                                    uint16_t in, void *cookie);

// The same through one descriptor: `table` lies in DMA memory at physical address `table_address`
// and has room for out + in descriptors. It belongs to the device until the chain comes back.
[[nodiscard]] enum status virtq_add_indirect(struct virtq *q, struct virtq_desc *table,
                                             uint64_t table_address, const struct virtq_part *parts,
                                             uint16_t out, uint16_t in, void *cookie);

// Shows the device everything queued since the last time. true: the device wants to be notified.
[[nodiscard]] bool virtq_publish(struct virtq *q);

// Takes the next chain that the device is done with. *written: bytes it says to have written, never
// more than there was room. ERR_AGAIN: none. ERR_IO: the queue is broken, now or before.
[[nodiscard]] enum status virtq_take(struct virtq *q, void **cookie, uint32_t *written);
