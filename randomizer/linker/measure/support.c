// SPDX-License-Identifier: MIT
// What the libraries need under them: a heap without placement of its own, and no kernel.
#include "kernel/abi/startup.h"
#include "randomizer/linker/measure/work.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HEAP_BYTES = 32 << 20, CLASSES = 26, SMALLEST = 5 };

static _Alignas(16) uint8_t heap[HEAP_BYTES];
static size_t heap_used;
static void *free_list[CLASSES]; // by power of two

struct block_header {
    size_t class, reserved;
};

[[gnu::used, gnu::retain]] void work_heap_reset(void) // the host calls it
{
    heap_used = 0;
    memset(free_list, 0, sizeof(free_list));
}

void *malloc(size_t bytes)
{
    size_t class = SMALLEST;
    while (((size_t)1 << class) < bytes + sizeof(struct block_header)) {
        class++;
    }
    struct block_header *b = class < CLASSES ? free_list[class] : nullptr;
    if (b != nullptr) {
        free_list[class] = *(void **)(b + 1);
        return b + 1;
    }
    if (class >= CLASSES || heap_used + ((size_t)1 << class) > HEAP_BYTES) {
        return nullptr;
    }
    b = (struct block_header *)(heap + heap_used);
    heap_used += (size_t)1 << class;
    b->class = class;
    return b + 1;
}

void free(void *p)
{
    if (p != nullptr) {
        struct block_header *b = (struct block_header *)p - 1;
        *(void **)p = free_list[b->class];
        free_list[b->class] = b;
    }
}

void *calloc(size_t n, size_t bytes)
{
    void *p = malloc(n * bytes);
    return p == nullptr ? nullptr : memset(p, 0, n * bytes);
}

void *realloc(void *p, size_t bytes)
{
    void *new = malloc(bytes);
    if (p != nullptr && new != nullptr) {
        size_t old =
            ((size_t)1 << ((struct block_header *)p - 1)->class) - sizeof(struct block_header);
        memcpy(new, p, old < bytes ? old : bytes);
        free(p);
    }
    return new;
}

int posix_memalign(void **p, size_t align, size_t bytes)
{
    (void)align; // what runs here works on an image in memory, which asks for no alignment
    *p = malloc(bytes);
    return *p == nullptr ? ENOMEM : 0;
}

long libc_syscall(long number, long a, long b, long c)
{
    (void)number;
    (void)a;
    (void)b;
    (void)c;
    return -ENOSYS;
}

// One thread: no locks.
int __lockfile(void *file)
{
    (void)file;
    return 0;
}
void __unlockfile(void *file)
{
    (void)file;
}
void abort(void)
{
    __builtin_trap();
}

// Never run; keeps all work in the module.
uint64_t (*volatile const work_all[])(void) = {work_calls, work_interpreter, work_sort,
                                               work_text,  work_hash,        work_ext2};
void start_service(const struct startup *startup)
{
    (void)startup;
    work_heap_reset();
    for (size_t i = 0; i < sizeof(work_all) / sizeof(work_all[0]); i++) {
        work_all[i]();
    }
}
