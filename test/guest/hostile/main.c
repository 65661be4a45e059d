// SPDX-License-Identifier: MIT
// Calls every system call with hostile arguments: first each argument position with each bad value while
// the others are plausible, then at random. It may die of it (it unmaps itself, it exits): then it is
// reborn and goes on with other numbers. The kernel and everybody else must not notice.
#include "lib/rt/rt.h"
#include <string.h>

enum { ARGUMENTS = 6, RANDOM_CALLS = 20000, REPORT_EVERY = 5000, CHILD_QUOTA = 256 << 10 };

static char page[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

// Plausible and hostile values: handles of all kinds, addresses of all kinds, edges of numbers.
static uint64_t pool[64];
static uint32_t pool_size;

static void add(uint64_t value)
{
    if (pool_size < sizeof pool / sizeof pool[0]) {
        pool[pool_size++] = value;
    }
}

static void fill_pool(void)
{
    static const uint64_t fixed[] = {
        0, 1, 2, 3, 4, 5, 7, 8, 63, 64, 4095, 4096, 8191, 8192, 0x80, 65535, 0x10000, 0x7fffffff, 0x80000000,
        0xffffffff,
        0x100000000, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000, 0xffff800000000000, 0xffffffff80000000,
        0xfffffffffffff000, 0xffffffffffffffff, 0x8000000000000000, 0x4000000000000000, 0x5252,
    };
    pool_size = 0;
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        add(fixed[i]);
    }
    add((uint64_t)page), add((uint64_t)page + 1), add((uint64_t)page + PAGE_SIZE - 4), add((uint64_t)fill_pool);
    handle_t handle;
    static const char name[NAME_SIZE] = "victim";
    if (sys_port_create(&handle) == OK) {
        add(handle), add(handle | (uint64_t)handle << 32);
    }
    if (sys_reply_create(&handle) == OK) {
        add(handle), add((uint64_t)handle << 32), add(rt_port | (uint64_t)handle << 32);
    }
    if (sys_mem_create(4 * PAGE_SIZE, 0, &handle) == OK) {
        add(handle);
    }
    handle_t memory;
    uint64_t there = 0;
    if (sys_task_create(CHILD_QUOTA, 0, name, &handle) == OK) {
        add(handle);
        if (sys_mem_create(4 * PAGE_SIZE, 0, &memory) == OK) { // something to be seen through the task
            (void)sys_mem_map(handle, memory, &there, 0, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE);
            (void)sys_handle_close(memory);
            add(there);
        }
    }
    add(rt_handle("fs")), add(rt_handle("console")), add(rt_handle("post"));
    add(H_RS), add(H_SELF_TASK), add(H_SELF_THREAD), add(rt_port);
}

static uint64_t draw(void)
{
    uint32_t kind = rt_random_below(8);
    return kind == 0 ? rt_random64() : kind == 1 ? rt_random64() >> rt_random_below(64) : pool[rt_random_below(pool_size)];
}

// Those that would only wait for ever, or end this program at once, have their turn rarely.
static bool ends_or_waits(uint64_t number)
{
    return number == SYS_recv || number == SYS_reply_recv || number == SYS_call || number == SYS_task_exit ||
           number == SYS_thread_exit;
}

static void invoke(uint64_t number, const uint64_t a[ARGUMENTS])
{
    if (number == SYS_call || number == SYS_recv || number == SYS_reply_recv || number == SYS_reply) {
        struct ipc_message m = {.tag = a[1], .w = {a[2], a[3], a[4], a[5]}, .handle = (handle_t)a[3], .handle_rights = (uint32_t)a[4]};
        uint64_t flags = number == SYS_call ? a[4] : a[4] | RECV_NONBLOCK;
        if (number == SYS_call && (handle_t)a[0] == rt_port) {
            return; // calling oneself waits for ever: no error, but no test either
        }
        (void)trap_ipc(number, a[0], &m, flags, a[5]);
        return;
    }
    uint64_t second;
    (void)trap(number, a[0], a[1], a[2], a[3], a[4], a[5], &second);
}

// The log of a call that is never returned from must exist before it.
static void each_position(uint64_t number)
{
    for (uint32_t position = 0; position < ARGUMENTS; position++) {
        for (uint32_t i = 0; i < pool_size; i++) {
            uint64_t a[ARGUMENTS];
            for (uint32_t k = 0; k < ARGUMENTS; k++) {
                a[k] = k == position ? pool[i] : draw();
            }
            if (!ends_or_waits(number)) {
                invoke(number, a);
            }
        }
    }
    rt_beat();
    rt_progress();
}

int service_main(void)
{
    rt_ready();
    log_info("hostile: begins");
    for (uint64_t number = 0; number < SYS_COUNT; number++) {
        fill_pool();
        each_position((number + rt_startup->incarnation * 17) % SYS_COUNT);
    }
    for (uint32_t i = 1; i <= RANDOM_CALLS; i++) {
        uint64_t a[ARGUMENTS], number = rt_random_below(SYS_COUNT + 4);
        for (uint32_t k = 0; k < ARGUMENTS; k++) {
            a[k] = draw();
        }
        if (!ends_or_waits(number) || rt_random_below(64) == 0) {
            invoke(number, a);
        }
        if (i % REPORT_EVERY == 0) {
            log_info("hostile: %u random calls survived", i);
            rt_beat();
            rt_progress();
        }
    }
    log_info("hostile: complete");
    return 0;
}
