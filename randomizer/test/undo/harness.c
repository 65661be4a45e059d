// SPDX-License-Identifier: MIT
// Runs a program's transactions and undoes them, at their end and after any number of machine
// instructions; compares all state byte for byte with what it was before. Compiled without the
// pass.
//   harness ROUNDS STOPS      transactions; random stops in each
#include "lib/rt/undo_log.h"
#include "randomizer/test/undo/play.h"
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

extern uint8_t __start_state[], __stop_state[];

enum { LOG_BYTES = 16 << 20 };

static sigjmp_buf stopped;
static volatile uint64_t steps, stop_after;
static uint8_t *before, *after;
static size_t state_bytes;
static uint32_t seed = 1;

static uint32_t random_below(uint32_t limit)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * limit >> 32);
}

// The processor traps after each instruction while its trap flag is set.
static void on_step(int signal)
{
    (void)signal;
    if (++steps == stop_after) {
        siglongjmp(stopped, 1);
    }
}

static void set_trap_flag(void)
{
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
}

static void clear_trap_flag(void)
{
    __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
}

[[noreturn]] static void fail(const char *what, uint32_t round, uint64_t stop)
{
    fprintf(stderr, "round %u, stopped after %llu: %s\n", round, (unsigned long long)stop, what);
    exit(1);
}

static void compare(const uint8_t *with, uint32_t round, uint64_t stop)
{
    for (size_t i = 0; i < state_bytes; i++) {
        const uint8_t *at = __start_state + i;
        bool in_arena = at >= play_arena && at < play_arena + sizeof(play_arena);
        if (*at != with[i] && (!in_arena || play_holds(at))) {
            fprintf(stderr, "byte %zu of the state (address %p): %02x, not %02x\n", i,
                    (const void *)at, *at, with[i]);
            fail("state differs", round, stop);
        }
    }
}

// Runs to the end, or to the instruction after which it is stopped; true if it ended.
static bool run(uint32_t with, uint64_t stop)
{
    steps = 0;
    stop_after = stop;
    if (sigsetjmp(stopped, 1)) {
        return false;
    }
    if (stop) {
        set_trap_flag();
    }
    program_run(with);
    clear_trap_flag();
    return true;
}

static void undo(uint32_t round, uint64_t stop)
{
    if (undo_rollback() != UNDO_DONE) {
        fail("the log overflowed", round, stop);
    }
    compare(before, round, stop);
}

// A log that is too small for any of it, up to an unmapped page: whoever does not look for room in time dies there.
static int overflow(uint32_t rounds, uintptr_t low, uintptr_t high)
{
    size_t page = 4096, bytes = (4 * UNDO_SLACK + page - 1) / page * page;
    uint8_t *log = mmap(nullptr, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(log + bytes, page, PROT_NONE);
    undo_init(log, bytes, low, high, nullptr);
    for (uint32_t round = 0; round < rounds; round++) {
        run(random_below(~0u), 0);
        if (round % 3 == 0) { // else records of several transactions pile up
            play_heap_commit();
            undo_commit();
        }
    }
    return undo_log.overflows > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    uint32_t rounds = argc > 1 ? (uint32_t)atoi(argv[1]) : 10;
    uint32_t stops = argc > 2 ? (uint32_t)atoi(argv[2]) : 10;
    uint8_t here;
    uintptr_t high = ((uintptr_t)&here | 0xfffff) + 1, low = high - (16 << 20);
    void *log = mmap(nullptr, LOG_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    state_bytes = (size_t)(__stop_state - __start_state);
    before = malloc(state_bytes);
    after = malloc(state_bytes);
    if (argc > 3) {
        return overflow(rounds, low, high);
    }
    static uint8_t signal_stack[1 << 16];
    sigaltstack(&(stack_t){.ss_sp = signal_stack, .ss_size = sizeof(signal_stack)}, nullptr);
    sigaction(SIGTRAP, &(struct sigaction){.sa_handler = on_step, .sa_flags = SA_ONSTACK}, nullptr);
    undo_init(log, LOG_BYTES, low, high, nullptr);

    uint64_t changed = 0, total_steps = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        uint32_t with = random_below(~0u);
        memcpy(before, __start_state, state_bytes);
        run(with, 0);
        memcpy(after, __start_state, state_bytes);
        changed += memcmp(before, after, state_bytes) != 0;
        undo(round, 0);
        uint64_t all = 0;
        if (stops > 0) {
            run(with, ~0ull); // counts
            all = steps;
            total_steps += all;
            compare(after, round, all);
            undo(round, all);
        }
        for (uint32_t n = 0; n < stops; n++) {
            uint64_t stop = 1 + random_below((uint32_t)all);
            run(with, stop);
            undo(round, stop);
        }
        run(with, 0);
        compare(after, round, 0);
        play_heap_commit();
        undo_commit();
    }
    printf("%llu of %u changed something, %llu instructions, %llu rollbacks, log up to %llu bytes\n",
           (unsigned long long)changed, rounds, (unsigned long long)total_steps,
           (unsigned long long)undo_log.rollbacks, (unsigned long long)undo_log.largest);
    return changed ? 0 : 1;
}
