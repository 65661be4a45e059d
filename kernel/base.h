// SPDX-License-Identifier: MIT
// What every file of the kernel core may use: assertions, list links, range checks.
#pragma once
#include "kernel/abi/syscall.h"
#include "kernel/arch/arch.h"

// For what we can argue always holds; stays on in every build. Never for data from user mode.
#define ASSERT(x)                                                                                  \
    do {                                                                                           \
        if (__builtin_expect(!(x), 0)) {                                                           \
            arch_panic(__FILE__, __LINE__, #x);                                                    \
        }                                                                                          \
    } while (0)

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define CONTAINER(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

// What a system call handler may return besides a status.
enum {
    CALL_BLOCKED = -1, // rax is set later (or registers were replaced)
    CALL_AGAIN = -2,   // leave with the instruction pointer back on the syscall instruction
};

// A ring of links with a head; an unlinked node points to itself.
struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_add_tail(struct list *head, struct list *node)
{
    node->next = head;
    node->prev = head->prev;
    head->prev->next = node;
    head->prev = node;
}

static inline void list_remove(struct list *node)
{
    node->next->prev = node->prev;
    node->prev->next = node->next;
    list_init(node);
}

static inline bool page_aligned(uint64_t x)
{
    return (x & (PAGE_SIZE - 1)) == 0;
}

// Whether [at, at + bytes) lies inside [low, high), without ever overflowing.
static inline bool range_inside(uint64_t at, uint64_t bytes, uint64_t low, uint64_t high)
{
    return at >= low && at <= high && bytes <= high - at;
}

static inline bool user_range_ok(uint64_t at, uint64_t bytes)
{
    return range_inside(at, bytes, USER_MIN, USER_MAX);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}
