// SPDX-License-Identifier: MIT
// Every kind of store that C and its usual extensions have, chosen by the seed.
#include "randomizer/test/undo/play.h"
#include <complex.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#pragma clang section bss = "state"

typedef float four_floats __attribute__((vector_size(16)));
typedef long eight_longs __attribute__((vector_size(64)));
typedef uint8_t odd_bytes __attribute__((ext_vector_type(3)));

struct bits {
    unsigned a : 3, b : 11, c : 1;
    unsigned long d : 45;
    signed e : 7;
};
union either {
    double number;
    char text[13];
    struct bits bits;
    void *pointer;
};
struct __attribute__((packed)) tight {
    char c;
    long l;
    short s;
    double d;
};
struct big {
    long head;
    struct bits bits;
    union either either;
    struct tight tight;
    char text[70];
    struct big *next;
};

static char small_8;
static short small_16;
static int small_32;
static long small_64;
static __int128 wide;
static long double extended;
static double _Complex rotated;
static _Bool truth;
static four_floats floats;
static eight_longs longs;
static odd_bytes odd;
static struct bits bits;
static union either either;
static struct tight tight[5];
static struct big bigs[4];
static uint8_t bytes[1000];
static int table[200];
static _Atomic int counted;
static _Atomic long exchanged;
static _Atomic(struct big *) linked;
static volatile int touched;
static struct big *list;
static va_list kept;

static uint32_t seed;

static uint32_t below(uint32_t limit)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * limit >> 32);
}

static void scalars(void)
{
    small_8 += 3;
    small_16 = (short)below(60000);
    small_32 ^= 0x5a5a;
    small_64 = small_64 * 7 + 1;
    wide = wide * 3 + seed;
    extended = extended / 3 + 1;
    rotated = rotated * I + 1;
    truth = !truth;
    touched = touched + 1;
}

static void vectors(void)
{
    floats += (four_floats){1, 2, 3, 4};
    longs = longs * 3 + (long)seed;
    odd.y += 5;
    odd = odd.zxy;
    floats[below(4)] = 7;
}

static void fields(void)
{
    bits.a++;
    bits.b = below(2000);
    bits.d ^= 0x123456789a;
    bits.e = -3;
    switch (below(4)) {
    case 0: either.number = seed; break;
    case 1: either.text[below(13)] = 'x'; break;
    case 2: either.bits.d = seed; break;
    default: either.pointer = &either;
    }
    struct tight *t = &tight[below(5)];
    t->l = seed;
    t->d += 0.5;
    t->s--;
    t->c ^= 1;
}

__attribute__((noinline)) static struct big returned(long with)
{
    struct big b = {.head = with, .either.number = 3};
    memset(b.text, (int)with, sizeof(b.text));
    return b;
}

__attribute__((noinline)) static long by_value(struct big b)
{
    b.head += 5;
    b.text[3] = 9;
    return b.head + b.text[3];
}

static void structures(void)
{
    bigs[below(4)] = bigs[below(4)];
    bigs[below(4)] = returned(seed);
    bigs[below(4)].head = by_value(bigs[below(4)]);
    bigs[1].next = &bigs[below(4)];
    bigs[1].next->tight.l++;
    struct big local = bigs[2];
    local.bits.c ^= 1;
    bigs[3] = local;
}

// So that the compiler cannot know the functions.
static void *(*volatile copier)(void *, const void *, size_t) = NULL;

static void blocks(void)
{
    uint32_t from = below(500), to = below(500), n = below(500);
    memmove(bytes + to, bytes + from, n);
    memset(bytes + from, (int)seed, below(400));
    memcpy(bytes, bytes + 600, 17);
    memcpy(bytes + 100, bytes + 600, below(100));
    copier = below(2) ? memcpy : memmove;
    copier(bytes + 300, bytes + 700, below(200));
    char *text = (char *)bytes + below(100);
    for (const char *c = "a string"; (*text++ = *c++);) {
    }
    memcpy(bytes + 900, bytes, 0);
}

static void loops(void)
{
    uint32_t n = below(200), step = 1 + below(5);
    for (uint32_t i = 0; i < n; i++) {
        table[i] = (int)(i * seed);
    }
    for (uint32_t i = 0; i < 200; i += step) {
        table[i]++;
    }
    for (int i = 0; i < 200; i++) {
        if (table[i] & 1) {
            table[i] = 0;
        }
    }
    for (int i = 199; i > 0; i--) {
        table[i] = table[i - 1];
    }
    int local[64];
    for (int i = 0; i < 64; i++) {
        local[i] = table[i] + i;
    }
    table[below(200)] = local[below(64)];
}

static void atomics(void)
{
    counted++;
    atomic_fetch_or(&counted, 5);
    atomic_store(&exchanged, seed);
    long expected = below(2) ? (long)seed : 0;
    atomic_compare_exchange_strong(&exchanged, &expected, 17);
    atomic_exchange(&linked, &bigs[below(4)]);
}

__attribute__((noinline)) static void variable(int n, ...)
{
    va_list args;
    va_start(args, n);
    va_copy(kept, args);
    for (int i = 0; i < n; i++) {
        int *to = va_arg(args, int *);
        *to = va_arg(args, int);
        extended += va_arg(kept, int *) == to;
        (void)va_arg(kept, int);
    }
    va_end(args);
    va_end(kept);
    memset(&kept, 0, sizeof(kept)); // addresses of the stack are no state
}

__attribute__((noinline)) static void deeper(int depth, int *sum, struct big *b)
{
    int mine = depth;
    if (depth > 0) {
        deeper(depth - 1, &mine, b);
        b->head += mine;
    }
    *sum += mine;
    int *where = below(2) ? &mine : &small_32;
    *where = depth;
    b->text[depth] = (char)mine;
}

static void lists(void)
{
    struct big *b = play_alloc(sizeof(*b) + below(300));
    if (b) {
        memset(b, 0, sizeof(*b));
        b->head = seed;
        b->next = list;
        list = b;
    }
    if (below(2) && list) {
        struct big *gone = list;
        list = list->next;
        play_free(gone);
    }
    for (struct big *p = list; p; p = p->next) {
        p->tight.l++;
        p->either.text[below(13)]++;
    }
}

// Results of functions that are called through pointers: always into variables of the caller's, or now and then into state.
static void answer_sum(int n, long *to)
{
    *to = n + small_64;
}

static void answer_product(int n, long *to)
{
    *to = n * (small_64 & 0xffff);
}

static void put_less(short n, long *to)
{
    *to -= n;
}

static void put_more(short n, long *to)
{
    *to += n;
}

static void (*const answers[])(int, long *) = {answer_sum, answer_product};
static void (*const puts_in[])(short, long *) = {put_less, put_more};

static void results(void)
{
    long own = 0;
    answers[below(2)]((int)below(9), &own);
    small_64 = own;
    puts_in[below(2)]((short)below(9), below(2) ? &own : &small_64);
    small_64 += own;
}

void program_run(uint32_t with)
{
    seed = with;
    for (uint32_t n = 3 + below(6); n > 0; n--) {
        switch (below(11)) {
        case 0: scalars(); break;
        case 1: vectors(); break;
        case 2: fields(); break;
        case 3: structures(); break;
        case 4: blocks(); break;
        case 5: loops(); break;
        case 6: atomics(); break;
        case 7: variable(3, &table[below(200)], 5, &small_32, 6, &table[7], 7); break;
        case 8: deeper((int)below(20), &table[1], &bigs[0]); break;
        case 9: results(); break;
        default: lists();
        }
    }
}
