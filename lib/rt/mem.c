// SPDX-License-Identifier: MIT
// memcpy, memmove, memset, memcmp.
//
// Measured on this ground (QEMU TCG, guest instructions): each step of a rep instruction counts as
// one, so rep movsb costs one instruction a byte and rep movsq one for eight; on hardware both run
// at full width. Hence words for the bulk, and for what is left over a last word that overlaps.
// This file is compiled with -fno-builtin: the compiler must not turn it into calls of itself.
#include <stddef.h>
#include <stdint.h>

// Unaligned accesses through these are single instructions.
typedef uint64_t word __attribute__((may_alias, aligned(1)));
typedef uint32_t half __attribute__((may_alias, aligned(1)));
typedef uint16_t quarter __attribute__((may_alias, aligned(1)));
typedef long long vector __attribute__((vector_size(16), may_alias, aligned(1)));

enum { SHORT = 64 }; // up to here straight-line code

// All loads before any store, so that overlap does not matter.
static inline void copy_short(char *to, const char *from, size_t n)
{
    if (n > 32) {
        vector a = *(const vector *)from, b = *(const vector *)(from + 16);
        vector c = *(const vector *)(from + n - 32), d = *(const vector *)(from + n - 16);
        *(vector *)to = a;
        *(vector *)(to + 16) = b;
        *(vector *)(to + n - 32) = c;
        *(vector *)(to + n - 16) = d;
    } else if (n > 16) {
        vector a = *(const vector *)from, b = *(const vector *)(from + n - 16);
        *(vector *)to = a;
        *(vector *)(to + n - 16) = b;
    } else if (n >= 8) {
        word a = *(const word *)from, b = *(const word *)(from + n - 8);
        *(word *)to = a;
        *(word *)(to + n - 8) = b;
    } else if (n >= 4) {
        half a = *(const half *)from, b = *(const half *)(from + n - 4);
        *(half *)to = a;
        *(half *)(to + n - 4) = b;
    } else if (n >= 2) {
        quarter a = *(const quarter *)from, b = *(const quarter *)(from + n - 2);
        *(quarter *)to = a;
        *(quarter *)(to + n - 2) = b;
    } else if (n == 1) {
        *to = *from;
    }
}

// Correct for overlapping ranges with to < from as well: each step reads before it writes, and the
// last word is read before anything is written.
static inline void copy_up(char *to, const char *from, size_t n)
{
    word last = *(const word *)(from + n - 8);
    char *end = to + n - 8;
    size_t words = n / 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    *(word *)end = last;
}

static inline void copy_down(char *to, const char *from, size_t n)
{
    vector first_a = *(const vector *)from, first_b = *(const vector *)(from + 16);
    char *start = to;
    while (n >= 32) {
        n -= 32;
        vector a = *(const vector *)(from + n), b = *(const vector *)(from + n + 16);
        *(vector *)(to + n) = a;
        *(vector *)(to + n + 16) = b;
    }
    *(vector *)start = first_a;
    *(vector *)(start + 16) = first_b;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    if (n <= SHORT) {
        copy_short(to, from, n);
    } else {
        copy_up(to, from, n);
    }
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    if (n <= SHORT) {
        copy_short(to, from, n);
    } else if ((uintptr_t)to - (uintptr_t)from >= n) { // to < from, or no overlap
        copy_up(to, from, n);
    } else {
        copy_down(to, from, n);
    }
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    char *at = to;
    uint64_t pattern = 0x0101010101010101 * (uint64_t)(uint8_t)byte;
    if (n >= 8) {
        *(word *)(at + n - 8) = pattern;
        size_t words = n / 8;
        __asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
    } else if (n >= 4) {
        *(half *)at = (uint32_t)pattern;
        *(half *)(at + n - 4) = (uint32_t)pattern;
    } else {
        for (size_t i = 0; i < n; i++) {
            at[i] = (char)byte;
        }
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t n)
{
    const char *a = left, *b = right;
    for (; n >= 8; n -= 8, a += 8, b += 8) {
        uint64_t x = *(const word *)a, y = *(const word *)b;
        if (x != y) { // the first different byte decides: compare with it in front
            return __builtin_bswap64(x) < __builtin_bswap64(y) ? -1 : 1;
        }
    }
    for (; n > 0; n--, a++, b++) {
        if (*a != *b) {
            return (unsigned char)*a - (unsigned char)*b;
        }
    }
    return 0;
}
