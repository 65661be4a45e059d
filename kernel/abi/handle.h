// SPDX-License-Identifier: MIT
// Handles: how a task names the kernel objects it may use, and what it may do with them.
//
// A handle value is index | generation << 16. Index 0 is never used, so 0 is "no handle".
// Indices 1..HANDLE_DYNAMIC-1 are the start-up range: the creator of a task installs what the
// manifest grants there (generation 0, so value == index). task_inherit leaves that range alone
// and moves all others under their old values, because a reborn service still holds the numbers.
#pragma once
#include <stdint.h>

typedef uint32_t handle_t;

enum {
    HANDLE_NONE = 0,
    HANDLE_DYNAMIC = 64,     // first index that the kernel hands out by itself
    HANDLE_INDEX_MAX = 8191, // largest index: 64 table pages of 128 entries
};

enum object_type {
    OBJ_NONE = 0,
    OBJ_TASK = 1,
    OBJ_THREAD = 2,
    OBJ_PORT = 3,
    OBJ_REPLY = 4,
    OBJ_MEMORY = 5,
    OBJ_IRQ = 6,
    OBJ_IORANGE = 7,
};

// Rights are bits of a 32-bit word kept with each handle. A copy can only lose rights.
enum right {
    RIGHT_COPY = 1u << 0,     // may be duplicated inside the task, with the same or fewer rights
    RIGHT_TRANSFER = 1u << 1, // may be sent in a message or installed in another task
    RIGHT_BADGE = 1u << 2,    // port: a copy may be given another badge

    RIGHT_CALL = 1u << 4,   // port: call
    RIGHT_RECV = 1u << 5,   // port: receive, set its timer
    RIGHT_NOTIFY = 1u << 6, // port: notify; the handle's badge is the set of bits it may raise

    RIGHT_READ = 1u << 8,   // memory: map readable; task: read its memory, registers and state
    RIGHT_WRITE = 1u << 9,  // memory: map writable; task: write its memory and registers
    RIGHT_EXEC = 1u << 10,  // memory: map executable
    RIGHT_PIN = 1u << 11,   // memory: pin for DMA (needs an OBJ_IORANGE of kind IORANGE_DMA as well)

    RIGHT_MANAGE = 1u << 12, // task, thread: start, stop, kill, map, install handles, priorities
    RIGHT_CONTROL = 1u << 13, // iorange: split, create irqs or device memory; irq: bind, ack

    RIGHTS_ALL = 0x3f77,
};

// What an OBJ_IORANGE covers.
enum iorange_kind {
    IORANGE_PORT = 1, // x86 I/O ports [base, base+length)
    IORANGE_MMIO = 2, // physical addresses of devices (never RAM)
    IORANGE_IRQ = 3,  // global system interrupts (I/O APIC inputs), or IRQ_MSI for message-signalled ones
    IORANGE_DMA = 4,  // the right to learn physical addresses (one bus-master domain; an IOMMU domain later)
};
