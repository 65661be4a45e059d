// SPDX-License-Identifier: MIT
// Dies in the way it is asked for, at the first delivery of the request; the next incarnation, to
// which the same request is delivered again, answers it. So the examiner's call takes longer, and
// that is all.
#include "interfaces/ping.server.h"
#include "lib/rt/tx.h"
#include "rs/test/guest/ways.h"

enum { NEVER_RAISED = 1 };

static void die_null(void)
{
    volatile int *null = nullptr;
    __asm__("" : "+r"(null));
    *null = 1;
}

static void die_jump_to_data(void)
{
    static uint8_t data[16] = {0xc3}; // a return instruction, where nothing may run
    void (*function)(void) = (void (*)(void))(uintptr_t)data;
    __asm__("" : "+r"(function));
    function();
    __asm__ volatile("");
}

static void die_write_code(void)
{
    volatile uint8_t *code = (volatile uint8_t *)(uintptr_t)die_null;
    __asm__("" : "+r"(code));
    *code = 0x90;
}

static uint64_t die_deep(uint64_t depth)
{
    volatile uint64_t room[64];
    room[depth % 64] = depth;
    return die_deep(depth + 1) + room[depth % 64];
}

static void die_divide(void)
{
    uint64_t zero = 0, one = 1;
    __asm__ volatile("xor %%edx, %%edx\n\tdiv %1" : "+a"(one) : "r"(zero) : "rdx");
}

static void die_privileged(void)
{
    __asm__ volatile("hlt");
}

// The frame pointer leads nowhere: the backtrace must end there, and nothing else.
static void die_lost_frame(void)
{
    __asm__ volatile(UNDO_ASM "mov $0x1234567, %%rbp\n\tmovq $0, 0" : : : "memory");
}

static void die_assert(void)
{
    int n = 5;
    __asm__("" : "+r"(n));
    rt_assert(n < 4);
}

static void die_exit(void)
{
    sys_task_exit(42);
}

static void die_loop(void)
{
    for (;;) {
        __asm__ volatile("pause");
    }
}

// Answers pings all the time and gets nothing done.
static void die_wait(void)
{
    (void)rt_wait(NEVER_RAISED, "nobody");
    __asm__ volatile(""); // not a tail call: the stack shall name this function
}

static void die(uint64_t way)
{
    static void (*const ways[])(void) = {
        [WAY_NULL] = die_null,           [WAY_JUMP_TO_DATA] = die_jump_to_data,
        [WAY_WRITE_CODE] = die_write_code, [WAY_DIVIDE] = die_divide,
        [WAY_PRIVILEGED] = die_privileged, [WAY_LOST_FRAME] = die_lost_frame,
        [WAY_ASSERT] = die_assert,       [WAY_EXIT] = die_exit,
        [WAY_LOOP] = die_loop,           [WAY_WAIT] = die_wait,
    };
    if (way == WAY_DEEP) {
        (void)die_deep(1);
    } else if (way < sizeof(ways) / sizeof(ways[0]) && ways[way] != nullptr) {
        ways[way]();
    }
}

// The caller is parked already, and nothing of that is committed.
static void die_parked(struct request *rq)
{
    (void)rt_park(rq);
    die_null();
}

static void begin_to_fetch(const void *)
{
    die_null();
}

// ---- Mistakes that a changed environment forgives ----

enum { OBJECTS = 600, OBJECT_BYTES = 100, BEYOND_WORDS = 4 };
static uint64_t *objects[OBJECTS]; // all that find room, so that no slot is left out

static void fill_all(size_t words)
{
    for (int i = 0; i < OBJECTS; i++) {
        for (size_t w = 0; objects[i] && w < words; w++) {
            objects[i][w] = (uint64_t)i;
        }
    }
}

static void make_all(void)
{
    for (int i = 0; i < OBJECTS; i++) {
        objects[i] = rt_malloc(OBJECT_BYTES);
    }
}

static void free_all(void)
{
    for (int i = 0; i < OBJECTS; i++) {
        rt_free(objects[i]);
        objects[i] = nullptr;
    }
}

static bool all_are(uint64_t (*word)(int i))
{
    bool all = true;
    for (int i = 0; i < OBJECTS; i++) {
        all = all && (!objects[i] || objects[i][0] == word(i));
    }
    return all;
}

static uint64_t zero(int)
{
    return 0;
}

static uint64_t number_of(int i)
{
    return (uint64_t)i;
}

static bool reads_before_it_writes(void)
{
    make_all();
    fill_all(1);
    objects[0][0] = 1; // else it could not be told from memory that nobody has had yet
    free_all();
    make_all();
    return all_are(zero);
}

static bool writes_beyond(void)
{
    make_all();
    fill_all((OBJECT_BYTES + 7) / sizeof(uint64_t) + BEYOND_WORDS);
    return all_are(number_of);
}

static bool uses_after_free(void)
{
    volatile uint64_t *freed = rt_malloc(OBJECT_BYTES);
    *freed = 7777;
    rt_free((void *)(uintptr_t)freed);
    make_all();
    fill_all(1);
    return *freed == 7777;
}

static void be_mistaken(uint64_t way)
{
    bool well = way == WAY_READ_BEFORE_WRITE ? reads_before_it_writes()
                : way == WAY_WRITE_BEYOND    ? writes_beyond()
                                             : uses_after_free();
    free_all();
    if (!well) {
        die_null();
    }
}

static enum status do_ping(struct request *rq, uint64_t number, uint64_t *number_back,
                           uint32_t *incarnation)
{
    bool first = ipc_delivery(&rq->m) == 0;
    if (number == WAY_POISON) {
        die_null();
    } else if (number >= WAY_READ_BEFORE_WRITE && number <= WAY_USE_AFTER_FREE) {
        be_mistaken(number);
    } else if (first && number == WAY_PARKED) {
        die_parked(rq);
    } else if (first && number == WAY_STARTING) {
        rt_await(1, begin_to_fetch, nullptr, 0);
    } else if (first) {
        die(number);
    }
    *number_back = number;
    *incarnation = rt_startup->incarnation;
    return OK;
}

int service_main(void)
{
    static const struct ping_ops ops = {.ping = do_ping};
    static const struct rt_interface list[] = {{PING_PROTOCOL, ping_dispatch, &ops}};
    return rt_serve(list, 1);
}
