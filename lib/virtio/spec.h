// SPDX-License-Identifier: MIT
// Numbers and layouts of the Virtual I/O Device specification, version 1.x: what this library uses.
// All fields are little-endian, as this machine is.
#pragma once
#include <stdint.h>

enum {
    VIRTIO_VENDOR = 0x1af4,
    VIRTIO_DEVICE_MODERN = 0x1040, // PCI device id = this + device type
    VIRTIO_TYPE_BLOCK = 2,
    VIRTIO_TYPE_ENTROPY = 4,
};

// Vendor-specific PCI capabilities: where in which BAR a structure lies.
enum { VIRTIO_CAP_COMMON = 1, VIRTIO_CAP_NOTIFY = 2, VIRTIO_CAP_ISR = 3, VIRTIO_CAP_DEVICE = 4 };
enum { // offsets in the capability
    VIRTIO_CAP_LENGTH = 2,
    VIRTIO_CAP_TYPE = 3,
    VIRTIO_CAP_BAR = 4,
    VIRTIO_CAP_OFFSET = 8,
    VIRTIO_CAP_BYTES = 12,
    VIRTIO_CAP_MULTIPLIER = 16, // notify only
};

// The common configuration structure.
enum {
    VIRTIO_DEVICE_FEATURE_SELECT = 0,  // 32 bits
    VIRTIO_DEVICE_FEATURE = 4,         // 32
    VIRTIO_DRIVER_FEATURE_SELECT = 8,  // 32
    VIRTIO_DRIVER_FEATURE = 12,        // 32
    VIRTIO_CONFIG_VECTOR = 16,         // 16
    VIRTIO_NUM_QUEUES = 18,            // 16
    VIRTIO_STATUS = 20,                // 8
    VIRTIO_GENERATION = 21,            // 8
    VIRTIO_QUEUE_SELECT = 22,          // 16; what follows is of the selected queue
    VIRTIO_QUEUE_SIZE = 24,            // 16
    VIRTIO_QUEUE_VECTOR = 26,          // 16
    VIRTIO_QUEUE_ENABLE = 28,          // 16
    VIRTIO_QUEUE_NOTIFY_OFF = 30,      // 16
    VIRTIO_QUEUE_DESC = 32,            // 64, written as two halves
    VIRTIO_QUEUE_DRIVER = 40,          // 64
    VIRTIO_QUEUE_DEVICE = 48,          // 64
    VIRTIO_COMMON_BYTES = 56,
};
enum { VIRTIO_NO_VECTOR = 0xffff };

enum virtio_status {
    VIRTIO_ACKNOWLEDGE = 1,
    VIRTIO_DRIVER = 2,
    VIRTIO_DRIVER_OK = 4,
    VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 64,
    VIRTIO_FAILED = 128,
};

#define VIRTIO_F_INDIRECT  (1ull << 28)
#define VIRTIO_F_VERSION_1 (1ull << 32)

// The split virtqueue.
enum { VIRTQ_NEXT = 1, VIRTQ_WRITE = 2, VIRTQ_INDIRECT = 4 };
struct virtq_desc {
    uint64_t address; // physical
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};
struct virtq_avail {
    uint16_t flags;
    uint16_t idx;
    uint16_t ring[];
};
struct virtq_used_element {
    uint32_t id;
    uint32_t bytes; // that the device wrote
};
enum { VIRTQ_USED_NO_NOTIFY = 1 };
struct virtq_used {
    uint16_t flags;
    uint16_t idx;
    struct virtq_used_element ring[];
};
static_assert(sizeof(struct virtq_desc) == 16, "layout is the device's");

// virtio-blk
#define VIRTIO_BLK_F_SIZE_MAX (1ull << 1)
#define VIRTIO_BLK_F_SEG_MAX  (1ull << 2)
#define VIRTIO_BLK_F_RO       (1ull << 5)
#define VIRTIO_BLK_F_FLUSH    (1ull << 9)
enum { VIRTIO_BLK_CAPACITY = 0, VIRTIO_BLK_SIZE_MAX = 8, VIRTIO_BLK_SEG_MAX = 12 }; // in its config
enum { VIRTIO_BLK_IN = 0, VIRTIO_BLK_OUT = 1, VIRTIO_BLK_FLUSH = 4 };
enum { VIRTIO_BLK_S_OK = 0, VIRTIO_BLK_S_IOERR = 1, VIRTIO_BLK_S_UNSUPP = 2 };
struct virtio_blk_header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};
