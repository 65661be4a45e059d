// SPDX-License-Identifier: MIT
#include "randomizer/linker/test/sample.h"
#include "kernel/abi/startup.h"

struct pair {
    int first, second;
};

static int counter;                 // .bss, of the same name as one in sample_b.c
static int table[40] = {[7] = 77};  // .data
static struct pair pairs[8];
static const int constants[8] = {3, 1, 4, 1, 5, 9, 2, 6};
static int (*const operations[])(int) = {sample_other, sample_many}; // read-only after relocation
static int *interior = &table[7];    // a pointer into the middle
static int *past_end = table + 40;   // and one past the end
_Alignas(64) static uint8_t cache_line[64];
_Alignas(4096) static uint8_t whole_page[4096] = {[4095] = 42};

[[gnu::noinline]] static int jump_table(int x)
{
    switch (x) {
    case 0: return sample_other(1);
    case 1: return table[3] + counter;
    case 2: return sample_other(3) - 1;
    case 3: return constants[x];
    case 4: return (int)(uintptr_t)interior & 3;
    case 5: return sample_other(x) + sample_other(9);
    }
    return -1;
}

[[gnu::noinline]] static const char *string_table(unsigned x)
{
    switch (x) {
    case 0: return "zero";
    case 1: return "one";
    case 2: return "two";
    case 3: return "three";
    case 4: return "four";
    }
    return "?";
}

[[gnu::noinline]] static bool equal(const char *a, const char *b)
{
    while (*a != 0 && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

[[gnu::noinline]] static double area(double r)
{
    return r * r * 3.25 + 0.5;
}

// -O2 turns the index shift into an address before the object: table - 16.
[[gnu::noinline]] static int shifted(const long *index)
{
    return table[*index - 4];
}

// Calls before it: the statics must be there once and keep their values.
static int check_data(void)
{
    static const long eleven = 11;
    if (table[7] != 77 || interior != &table[7] || *interior != 77) return 1;
    if (past_end - table != 40) return 2;
    if (shifted(&eleven) != 77) return 3;
    if ((uintptr_t)cache_line % 64 != 0 || (uintptr_t)whole_page % 4096 != 0) return 4;
    if (whole_page[4095] != 42 || cache_line[5] != 0) return 5;
    if (sample_big[0] != 0 || sample_big[sizeof(sample_big) - 1] != 0) return 6;
    sample_big[sizeof(sample_big) / 2] = 1;
    pairs[5].second = 9;
    if (pairs[5].second != 9 || pairs[4].second != 0) return 7;
    counter = 1000;
    return 0;
}

int sample_check(void)
{
    int failed = check_data();
    if (failed != 0) return failed;
    if (sample_other(5) != 15 || sample_other(5) != 30 || counter != 1000) return 20;
    if (jump_table(1) != 1000 || jump_table(3) != 1 || jump_table(9) != -1) return 21;
    for (unsigned i = 0; i < 4; i++) {
        if (!equal(string_table(i), sample_words[i])) return 22;
    }
    if (area(2.0) != 13.5) return 23;
    if (sample_absent != nullptr || &sample_absent_datum != nullptr) return 24;
    if (sample_absent != nullptr && sample_absent() != 0) return 25;
    if (operations[1](1) != sample_many(1)) return 26;
    int sum = 0;
    for (int i = 0; i < SAMPLE_MANY; i++) {
        sum += i + 1;
    }
    if (sample_many(1) != sum) return 27;
    return 0;
}

[[noreturn]] static void leave(uint64_t code)
{
    __asm__ volatile("syscall"
                     :
                     : "a"((uint64_t)SYS_task_exit), "D"(code)
                     : "rcx", "r11", "memory");
    __builtin_trap();
}

// Entered by the bootstrap.
void start_service(const struct startup *startup)
{
    leave(startup->magic == STARTUP_MAGIC ? sample_check() : 99);
}
