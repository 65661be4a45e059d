// SPDX-License-Identifier: MIT
#include "randomizer/linker/measure/work.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Calls and pointers: a tree of shapes with functions in a table, as a server has its
// operations.

struct shape {
    const struct shape_operations *operations;
    struct shape *left, *right;
    uint64_t side;
};
struct shape_operations {
    uint64_t (*area)(const struct shape *);
    uint64_t (*edge)(const struct shape *);
};

static uint64_t visits;
static uint64_t weights[3] = {1, 3, 7};

[[gnu::noinline]] static uint64_t count_visit(uint64_t x)
{
    visits++;
    return x + weights[x % 3];
}
[[gnu::noinline]] static uint64_t square_area(const struct shape *s)
{
    return count_visit(s->side * s->side);
}
[[gnu::noinline]] static uint64_t square_edge(const struct shape *s)
{
    return count_visit(4 * s->side);
}
[[gnu::noinline]] static uint64_t half_area(const struct shape *s) { return square_area(s) / 2; }
[[gnu::noinline]] static uint64_t half_edge(const struct shape *s)
{
    return square_edge(s) - s->side;
}

static const struct shape_operations kinds[2] = {{square_area, square_edge},
                                                 {half_area, half_edge}};
static struct shape shapes[1023];

[[gnu::noinline]] static uint64_t walk(const struct shape *s)
{
    if (s == nullptr) {
        return 0;
    }
    return s->operations->area(s) + s->operations->edge(s) + walk(s->left) + walk(s->right);
}

uint64_t work_calls(void)
{
    enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };
    uint64_t sum = 0;
    for (int i = 0; i < SHAPES; i++) {
        shapes[i] =
            (struct shape){&kinds[i % 5 == 0], 2 * i + 1 < SHAPES ? &shapes[2 * i + 1] : nullptr,
                           2 * i + 2 < SHAPES ? &shapes[2 * i + 2] : nullptr, (uint64_t)i};
    }
    for (int i = 0; i < 20; i++) {
        sum = sum * 31 + walk(shapes);
    }
    return sum;
}

// ---- A stack machine.

enum op { PUSH, ADD, SUB, MUL, DUP, SWAP, LOAD, STORE, JNZ, DEC, AND, OR, XOR, SHL, SHR, NOP, END };

static uint64_t cells[16];

[[gnu::noinline]] static uint64_t interpret(const uint8_t *code)
{
    uint64_t stack[64], *top = stack;
    for (const uint8_t *at = code;; at++) {
        switch ((enum op)*at) {
        case PUSH: *++top = *++at; break;
        case ADD: top[-1] += top[0]; top--; break;
        case SUB: top[-1] -= top[0]; top--; break;
        case MUL: top[-1] *= top[0]; top--; break;
        case DUP: top[1] = top[0]; top++; break;
        case SWAP: { uint64_t x = top[0]; top[0] = top[-1]; top[-1] = x; break; }
        case LOAD: *++top = cells[*++at]; break;
        case STORE: cells[*++at] = *top--; break;
        case JNZ: at++; if (*top != 0) at = code + *at - 1; break;
        case DEC: --*top; break;
        case AND: top[-1] &= top[0]; top--; break;
        case OR: top[-1] |= top[0]; top--; break;
        case XOR: top[-1] ^= top[0]; top--; break;
        case SHL: top[-1] <<= top[0] & 63; top--; break;
        case SHR: top[-1] >>= top[0] & 63; top--; break;
        case NOP: break;
        case END: return cells[1];
        }
    }
}

uint64_t work_interpreter(void)
{
    static const uint8_t program[] = {
        PUSH, 1, STORE, 1, PUSH, 200, DUP, MUL, PUSH, 3, SHR, // cell 1 = 1; loop 5000 times
        LOAD, 1, PUSH, 13, MUL, PUSH, 7, ADD, DUP, PUSH, 9, SHR, XOR, NOP, STORE, 1,
        DEC, JNZ, 11, END};
    return interpret(program);
}

// ---- Sorting and searching.

static uint32_t numbers[4096];

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

uint64_t work_sort(void)
{
    enum { COUNT = sizeof(numbers) / sizeof(numbers[0]) };
    uint32_t x = 1, found = 0;
    for (int i = 0; i < COUNT; i++) {
        numbers[i] = x = x * 1664525 + 1013904223;
    }
    qsort(numbers, COUNT, sizeof(numbers[0]), compare);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t key = i % 2 ? numbers[i] : i;
        found += bsearch(&key, numbers, COUNT, sizeof(numbers[0]), compare) != nullptr;
    }
    return found ^ (uint64_t)numbers[17] << 16;
}

// ---- Text.

uint64_t work_text(void)
{
    static const char *const words[] = {"driver", "server", "kernel", "linker", "file system"};
    uint64_t sum = 0;
    char line[160], copy[160];
    for (int i = 0; i < 300; i++) {
        int n =
            snprintf(line, sizeof(line), "%s[%d]: %08x bytes at %#lx, %5.2f%% of %s", words[i % 5],
                     i, i * 977, (unsigned long)i << 20, i / 3.0, words[(i + 2) % 5]);
        strcpy(copy, line);
        char *number = strchr(copy, '[') + 1;
        sum = sum * 33 + (uint64_t)strtol(number, nullptr, 10) + (uint64_t)n;
        char *percent = strrchr(copy, ',');
        sum += (uint64_t)(strtod(percent + 1, nullptr) * 100);
        sum += strstr(copy, "server") != nullptr;
        for (char *word = strtok(copy, " ,"); word != nullptr; word = strtok(nullptr, " ,")) {
            sum = sum * 7 + strlen(word);
        }
    }
    return sum;
}

// ---- Hashing.

static uint32_t turn(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

[[gnu::noinline]] static void hash_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 |
               block[4 * i + 3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t a = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t b = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    memcpy(s, state, sizeof(s));
    for (int i = 0; i < 64; i++) {
        uint32_t a = turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25);
        uint32_t t = s[7] + a + ((s[4] & s[5]) ^ (~s[4] & s[6])) + round_constants[i] + w[i];
        uint32_t b = turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22);
        uint32_t u = b + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof(s[0]));
        s[4] += t;
        s[0] = t + u;
    }
    for (int i = 0; i < 8; i++) {
        state[i] += s[i];
    }
}

uint64_t work_hash(void)
{
    uint32_t state[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t block[64];
    for (int i = 0; i < 200; i++) {
        memset(block, i, sizeof(block));
        hash_block(state, block);
    }
    return state[0] | (uint64_t)state[7] << 32;
}
