// SPDX-License-Identifier: MIT
// The heap: size classes in slabs, every slab at a random address and every object at a random free
// slot of a random slab. Objects larger than HEAP_LARGE have a mapping of their own.
//
// What later floors rely on:
//  - an address leads to its object's record through a table; nothing of that lies beside an object
//  - every object owns a byte past its end, so that one-past-the-end pointers are its own
//  - new(T) leaves the type with the object
// A pointer that is not a living object's start, given to free, is an assertion failure. One thread
// per service uses the heap; there are no locks.
#pragma once
#include <stddef.h>
#include <stdint.h>

// One for each new(T) in the program text.
struct rt_type {
    const char *name;
    size_t bytes; // of one element
    uint32_t id;  // given at the first use; what the object's record keeps
    // Where its pointers are (randomizer/mover/type_map.h); filled in by the compiler pass type_map.
    // nullptr: compiled without, scan.
    const void *map;
};

// Zeroed memory for a T, or for n of them in a row; nullptr when the heap limit or the quota is
// reached.
#define new(T)          ((T *)RT_NEW_TYPED(T, 1))
#define new_array(T, n) ((T *)RT_NEW_TYPED(T, n))
// For a T that ends in a flexible array: `bytes` in all, at least sizeof(T).
#define new_sized(T, bytes) ((T *)RT_NEW(T, rt_new_sized, bytes))
// A row of T of another length, which is perhaps elsewhere; p may be null. What is added has no defined
// content, so this is for types without pointers. nullptr: no memory, and the row is as it was.
#define renew_array(p, T, n) ((T *)RT_NEW(T, rt_renew, p, n))
#define delete(p)       rt_free(p)

// `of` takes no room: through it the debug information, and by that the pass, knows what T is.
#define RT_NEW_TYPED(T, n) RT_NEW(T, rt_new, n)
#define RT_NEW(T, how, ...)                                                                        \
    __extension__({                                                                                \
        static struct {                                                                            \
            struct rt_type type;                                                                   \
            T *of[0];                                                                              \
        } rt_type_of_new = {.type = {.name = #T, .bytes = sizeof(T)}};                             \
        how(&rt_type_of_new.type, __VA_ARGS__);                                                    \
    })

void *rt_new(struct rt_type *type, size_t count);
void *rt_new_sized(struct rt_type *type, size_t bytes);
void *rt_renew(struct rt_type *type, void *old, size_t count);

// Untyped memory for third-party code; malloc and its family are these. Aligned to 16 bytes.
void *rt_malloc(size_t bytes);
void *rt_calloc(size_t count, size_t bytes);
void *rt_realloc(void *old, size_t bytes);
void *rt_memalign(size_t alignment, size_t bytes); // a power of two, at most 16 KiB
void rt_free(void *p);

// What the heap knows of the object that `address` points into, one past its end included.
struct heap_object {
    void *start;
    size_t bytes;               // as asked for
    const struct rt_type *type; // nullptr for untyped memory
};
// false: no living object there. Large objects are found by any address inside them as well.
bool rt_heap_find(const void *address, struct heap_object *out);

struct heap_stats {
    uint64_t objects, object_bytes; // living, as asked for
    uint64_t mapped_bytes;          // taken from the kernel for objects
    uint64_t limit_bytes;           // 0: none
    uint64_t slabs, large;
};
void rt_heap_stats(struct heap_stats *out);

// A changed environment for a service that keeps dying of the same request: overruns land in
// padding, uninitialised reads see zero, uses after free see what was there. Applies to objects made from now on.
struct heap_policy {
    uint32_t pad_bytes; // added to each request
    bool zero;          // clear all memory that is handed out
    uint32_t delay;     // so many frees later, at most HEAP_DELAY_MAX, is an object given back
};
enum { HEAP_DELAY_MAX = 64 };
void rt_heap_policy(const struct heap_policy *policy);

// Called by the runtime once, before anything is allocated. limit 0: no limit but the quota.
void rt_heap_init(uint64_t limit_bytes);

enum { HEAP_LARGE = 10224 }; // requests from this size on have their own mapping
