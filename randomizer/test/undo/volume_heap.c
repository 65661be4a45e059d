// SPDX-License-Identifier: MIT
// The C library under libext2fs, as far as it stores: compiled with the pass, under names of its own
// so that the test's own memory stays out of it. What is freed stays apart until the commit.
#include "lib/rt/undo_log.h"
#include "randomizer/test/undo/volume.h"
#include <errno.h>
#include <string.h>

enum { CLASSES = 26, SMALLEST = 5 };

struct block {
    size_t class;
    struct block *next; // in its list, while it is free
};

uint8_t volume_heap[VOLUME_HEAP_BYTES] __attribute__((aligned(4096)));
static size_t used;
static struct block *free_list[CLASSES], *freed;

void *volume_malloc(size_t bytes)
{
    size_t class = SMALLEST;
    while (((size_t)1 << class) < bytes + sizeof(struct block)) {
        class++;
    }
    struct block *b = free_list[class];
    if (b) {
        free_list[class] = b->next;
    } else {
        if (((size_t)1 << class) > sizeof(volume_heap) - used) {
            return NULL;
        }
        b = (struct block *)(volume_heap + used);
        used += (size_t)1 << class;
        b->class = class;
    }
    b->next = NULL;
    if (UNDO_FRESH) {
        undo_note_fresh(b + 1, bytes);
    }
    return b + 1;
}

void volume_free(void *memory)
{
    if (memory) {
        struct block *b = (struct block *)memory - 1;
        b->next = freed;
        freed = b;
    }
}

void volume_heap_commit(void)
{
    while (freed) {
        struct block *b = freed;
        freed = b->next;
        b->next = free_list[b->class];
        free_list[b->class] = b;
    }
}

void *volume_calloc(size_t count, size_t bytes)
{
    void *memory = volume_malloc(count * bytes);
    return memory ? memset(memory, 0, count * bytes) : NULL;
}

void *volume_realloc(void *memory, size_t bytes)
{
    void *to = volume_malloc(bytes);
    if (to && memory) {
        size_t room = ((size_t)1 << ((struct block *)memory - 1)->class) - sizeof(struct block);
        memcpy(to, memory, bytes < room ? bytes : room);
        volume_free(memory);
    }
    return to;
}

int volume_posix_memalign(void **to, size_t alignment, size_t bytes)
{
    if (alignment > sizeof(struct block)) {
        return EINVAL; // nobody asks for more here
    }
    *to = volume_malloc(bytes);
    return *to ? 0 : ENOMEM;
}

char *volume_strcpy(char *to, const char *from)
{
    return memcpy(to, from, strlen(from) + 1);
}

char *volume_strcat(char *to, const char *from)
{
    volume_strcpy(to + strlen(to), from);
    return to;
}

char *volume_strncpy(char *to, const char *from, size_t bytes)
{
    size_t length = strnlen(from, bytes);
    memcpy(to, from, length);
    memset(to + length, 0, bytes - length);
    return to;
}

char *volume_strdup(const char *from)
{
    char *to = volume_malloc(strlen(from) + 1);
    return to ? volume_strcpy(to, from) : NULL;
}
