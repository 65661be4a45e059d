// SPDX-License-Identifier: MIT
// Clearing and copying. `rep movsq` moves eight bytes a step; `rep movsb` is as slow as its byte count
// under emulation, so it only does tails.
#include "kernel/arch/arch.h"

void arch_page_clear(void *page)
{
    uint64_t count = PAGE_SIZE / 8;
    __asm__ volatile("rep stosq" : "+D"(page), "+c"(count) : "a"(0) : "memory");
}

void arch_copy(void *to, const void *from, size_t bytes)
{
    size_t words = bytes / 8, rest = bytes % 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
}

// What the compiler calls by itself.

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    arch_copy(to, from, bytes);
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    void *at = to;
    uint64_t pattern = (uint8_t)value * 0x0101010101010101ull;
    size_t words = bytes / 8, rest = bytes % 8;
    __asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(pattern) : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    if ((uint64_t)to - (uint64_t)from >= bytes) {
        return memcpy(to, from, bytes);
    }
    for (size_t i = bytes; i > 0; i--) {
        ((volatile uint8_t *)to)[i - 1] = ((const uint8_t *)from)[i - 1];
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        int difference = ((const uint8_t *)a)[i] - ((const uint8_t *)b)[i];
        if (difference != 0) {
            return difference;
        }
    }
    return 0;
}
