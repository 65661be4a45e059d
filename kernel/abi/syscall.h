// SPDX-License-Identifier: MIT
// System call numbers, limits, and the structures that system calls fill in or take.
// Sizes and offsets are ABI and pinned by static_assert where they are used from assembly.
#pragma once
#include "handle.h"
#include "ipc.h"
#include "status.h"
#include <stdint.h>

enum syscall {
#define SYSCALL(number, name, doc) SYS_##name = number,
#include "syscall.def"
#undef SYSCALL
    SYS_COUNT = 128
};

enum {
    PAGE_SIZE = 4096,
    GRANT_COPY_MAX = 256 << 10, // bytes a single grant_copy moves: bounds the time interrupts are off
    TASK_COPY_MAX = 64 << 10,
    IO_SEND_MAX = 64, // bytes a single io_send writes: each costs about a microsecond
    IO_RECEIVE_MAX = 32, // the same for io_receive, which reads two ports for each
    NAME_SIZE = 32, // task names, zero-terminated
};

// The ports of an io_receive: data are there as long as the status has a bit of mask.
#define IO_RECEIVE_PORTS(data, status, mask)                                                       \
    ((uint64_t)(data) | (uint64_t)(status) << 16 | (uint64_t)(mask) << 32)

// User addresses: [USER_MIN, USER_MAX). The lowest 64 KiB stay unmapped to catch null dereferences.
#define USER_MIN 0x10000ull
#define USER_MAX 0x7ffffffff000ull

enum prot { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4 }; // WRITE and EXEC together are refused

enum park { PARK_OFF = 0, PARK_ON = 1, PARK_RETURN = 2 }; // of reply_park

enum mem_flags {
    MEM_POPULATE = 1,  // allocate and clear all pages now; else each page at its first use (its quota is taken at once)
    MEM_UNCACHED = 2,  // device memory: strong uncacheable (the default is write-back for RAM)
    MEM_WRITE_COMBINE = 4,
};

struct handle_info {
    uint32_t type; // enum object_type
    uint32_t rights;
    uint64_t badge;
    uint64_t object_id; // unique for the life of the machine; equal for two handles to one object
};

struct port_info {
    uint32_t waiting;   // calls in the queue
    uint32_t receivers; // threads waiting to receive
    uint64_t bits;      // pending notification bits
    uint64_t delivered; // calls delivered since creation
};

struct reply_info {
    uint32_t bound; // a caller is waiting for this reply
    uint32_t parked;
    uint32_t delivery; // earlier deliveries of this message
    uint32_t reserved;
    uint64_t grant; // length | direction, as in ipc.h
    uint64_t badge;
};

struct mem_info {
    uint64_t bytes;
    uint64_t populated_bytes;
    uint32_t mappings;
    uint32_t pins;
    uint32_t flags; // enum mem_flags
    uint32_t device; // 1 for device memory
};

struct region_info { // one mapping of a task
    uint64_t start, bytes;
    uint64_t offset;    // of its first byte in the memory object
    uint64_t object_id; // of the memory object
    uint32_t prot;      // enum prot
    uint32_t flags;     // enum region_flags
};
enum region_flags { REGION_DEVICE = 1 }; // device registers

enum task_state { TASK_NEW = 0, TASK_RUNNING = 1, TASK_SUSPENDED = 2, TASK_FAULTED = 3, TASK_DEAD = 4 };

struct task_info {
    char name[NAME_SIZE];
    uint32_t state; // enum task_state
    uint32_t threads;
    uint32_t handles;
    uint32_t sealed;
    uint64_t quota_limit, quota_used; // bytes, of the account that pays for this task
    uint64_t mapped_pages;
    uint64_t cpu_ns; // processor time of all its threads, ended ones included
    uint64_t id;
    // Of the first living thread, for supervisors:
    uint32_t wait_kind; // enum wait_kind
    uint32_t priority;
    uint64_t ip, sp;
    uint64_t switches;
};
enum wait_kind { WAIT_NONE = 0, WAIT_CALL = 1, WAIT_REPLY = 2, WAIT_RECV = 3, WAIT_FAULT = 4, WAIT_STOPPED = 5 };

struct thread_args {
    uint64_t entry;
    uint64_t stack; // initial rsp
    uint64_t args[2]; // rdi, rsi
    uint32_t priority;  // 0 (lowest) .. 31; not above the creator's own
    uint32_t reserved;
    uint32_t budget_us, period_us; // 0, 0: no budget
};

// Order is that in which entry.S saves them; see kernel/arch/x86_64/regs.h.
struct thread_regs {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rflags, fs_base;
};

struct irq_msi_info {
    uint64_t address;
    uint32_t data;
    uint32_t vector;
};
#define IRQ_MSI 0xffffffffull // pseudo interrupt number: any free message-signalled vector
enum irq_flags { IRQ_LEVEL = 1, IRQ_ACTIVE_LOW = 2 };

struct system_info {
    uint64_t total_pages, free_pages;
    uint64_t kernel_object_bytes; // slab memory in use
    uint32_t cpus;
    uint32_t features; // enum cpu_feature_bits
    uint64_t tsc_hz;
    uint64_t boot_ns;  // kernel entry to first user instruction
    uint64_t tasks, threads, ports, replies, memories, irqs, ioranges; // living objects by type
    uint64_t idle_ns; // sum over all CPUs; waiting for devices, not work
    uint64_t reaping; // objects and pages whose destruction is under way; 0 when all is given back
};
enum cpu_feature_bits { FEAT_SMEP = 1, FEAT_SMAP = 2, FEAT_UMIP = 4, FEAT_NX = 8, FEAT_PCID = 16, FEAT_RDRAND = 32 };

enum system_action { SYSTEM_POWEROFF = 1, SYSTEM_REBOOT = 2, SYSTEM_HALT = 3,
    SYSTEM_SUPERVISED = 4, // somebody supervises: once this has been said, the machine restarts when it is not said again in time
};
#define SUPERVISED_NS 20000000000ull
enum { PRIORITIES = 32 };
