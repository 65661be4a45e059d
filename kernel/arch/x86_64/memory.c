// SPDX-License-Identifier: MIT
// Clearing and copying. `rep movsq` moves eight bytes a step; `rep movsb` is as slow as its byte
// count under emulation, so it only does tails. Pages are cleared with 16-byte stores: half as many
// instructions. The SSE register used for that is a user's and is put back.
#include "kernel/arch/arch.h"

void arch_page_clear(void *page)
{
    alignas(16) uint8_t kept[16];
    char *end = (char *)page + PAGE_SIZE;
    __asm__ volatile("movaps %%xmm0, (%2)\n\t"
                     "xorps %%xmm0, %%xmm0\n"
                     "1:\n\t"
                     ".set at, 0\n\t"
                     ".rept 16\n\t"
                     "movaps %%xmm0, at(%0)\n\t"
                     ".set at, at + 16\n\t"
                     ".endr\n\t"
                     "addq $256, %0\n\t"
                     "cmpq %1, %0\n\t"
                     "jne 1b\n\t"
                     "movaps (%2), %%xmm0"
                     : "+r"(page)
                     : "r"(end), "r"(kept)
                     : "memory", "cc");
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
