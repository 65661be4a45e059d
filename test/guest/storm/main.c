// SPDX-License-Identifier: MIT
// Several threads do to the same few objects whatever they can, at the same time: map, unmap, protect,
// grant, call, kill, inherit, suspend, with children that run, wait and fault meanwhile. Nobody takes
// turns, so every handle may be gone or another one when it is used. Each incarnation first tells what
// the system holds: nothing of the one before may be left.
#include "lib/rt/movable.h"
#include "lib/rt/rt.h"

enum {
    WORKERS = 6,
    STACK = 16 << 10,
    PLACES = 24,       // handles that all threads share
    ARENA_PAGES = 64,  // addresses that all threads map and unmap
    CHILD_QUOTA = 256 << 10,
    ROUND_MS = 250,
    COUNT_MS = 20,
    SETTLE_MS = 2000,
    PRIORITY = 8,
};

static uint8_t stacks[WORKERS][STACK] __attribute__((aligned(16)));
static volatile handle_t place[PLACES];
static uint64_t arena;
static handle_t port, own_reply;
static volatile uint64_t actions;

// yield for ever; call a port that is not there; fault.
static const uint8_t program[] = {
    0xb8, 0x09, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
    0xb8, 0x01, 0, 0, 0, 0xbf, 0x40, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf2, 0xcc, 0xcc,
    0x0f, 0x0b, 0xeb, 0xfe,
};
enum : uint64_t { CHILD_CODE = 0x400000, CHILD_STACK = 0x500000 };

// Each thread has numbers of its own: rt_random is not made for several.
static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (*seed >> 11) % below;
}

static handle_t any(uint64_t *seed)
{
    return place[draw(seed, PLACES)];
}

static void put(uint64_t *seed, handle_t handle)
{
    uint64_t i = draw(seed, PLACES);
    (void)sys_handle_close(place[i]);
    place[i] = handle;
}

static void start_in(uint64_t *seed, handle_t task)
{
    handle_t thread;
    struct thread_args args = {.entry = CHILD_CODE + 16 * draw(seed, 3), .stack = CHILD_STACK,
                               .priority = (uint32_t)draw(seed, PRIORITY)};
    if (draw(seed, 3) == 0) {
        args.budget_us = 100, args.period_us = 1000;
    }
    if (sys_thread_create(task, &args, &thread) == OK) {
        (void)sys_thread_start(thread);
        put(seed, thread);
    }
}

MOVE_ADDRESSES static void make_child(uint64_t *seed)
{
    static const char name[NAME_SIZE] = "child";
    handle_t task, code, there;
    uint64_t at = CHILD_CODE;
    if (sys_task_create(draw(seed, 2) * CHILD_QUOTA, HANDLE_NONE, name, &task) != OK) {
        return;
    }
    // Written from afar: a page that this task would touch itself may no longer be had, and it would die of that.
    if (sys_mem_create(PAGE_SIZE, 0, &code) == OK) {
        (void)sys_mem_map(task, code, &at, 0, PAGE_SIZE, PROT_READ | PROT_EXEC);
        (void)sys_task_write(task, CHILD_CODE, program, sizeof program);
        put(seed, code);
    }
    (void)sys_handle_install(task, 0, port, RIGHT_CALL | RIGHT_RECV, 5, &there);
    (void)sys_task_set_fault_port(task, port);
    start_in(seed, task);
    put(seed, task);
}

static void on_memory(uint64_t *seed)
{
    handle_t made;
    uint64_t pages = 1 + draw(seed, 16), at = arena + draw(seed, ARENA_PAGES) * PAGE_SIZE;
    switch (draw(seed, 6)) {
    case 0:
        if (sys_mem_create(pages * PAGE_SIZE, draw(seed, 2) * MEM_POPULATE, &made) == OK) {
            put(seed, made);
        }
        break;
    case 1:
    case 2:
        (void)sys_mem_map(0, any(seed), &at, 0, pages * PAGE_SIZE, PROT_READ | PROT_WRITE);
        break;
    case 3:
        (void)sys_mem_unmap(0, at, pages * PAGE_SIZE);
        break;
    case 4:
        (void)sys_mem_protect(0, at, pages * PAGE_SIZE, draw(seed, 2) ? PROT_READ : PROT_READ | PROT_WRITE);
        break;
    default:
        (void)sys_mem_move(any(seed), any(seed), &made);
    }
}

static void on_task(uint64_t *seed)
{
    uint64_t at = CHILD_CODE + draw(seed, 2) * PAGE_SIZE;
    handle_t task = any(seed), thread;
    struct thread_regs regs;
    if (task == HANDLE_NONE) {
        return; // that would be this task itself
    }
    switch (draw(seed, 10)) {
    case 0:
        make_child(seed);
        break;
    case 1:
        (void)sys_task_kill(task);
        break;
    case 2:
        (void)sys_task_inherit(any(seed), task);
        break;
    case 3:
        (void)sys_task_suspend(task);
        (void)sys_task_resume(draw(seed, 2) ? task : any(seed));
        break;
    case 4:
        start_in(seed, task);
        break;
    case 5:
        (void)sys_mem_map(task, any(seed), &at, 0, PAGE_SIZE, PROT_READ | PROT_WRITE);
        break;
    case 6:
        (void)sys_mem_unmap(task, CHILD_CODE, 2 * PAGE_SIZE);
        make_child(seed);
        break;
    case 7:
        (void)sys_task_write(task, CHILD_CODE, program, sizeof program);
        break;
    case 8:
        (void)sys_thread_stop(task);
        (void)sys_thread_get_regs(task, &regs);
        (void)sys_thread_set_sched(task, (uint32_t)draw(seed, PRIORITY), 50, 1000);
        (void)sys_thread_start(task);
        break;
    default:
        if (sys_task_thread(task, (uint32_t)draw(seed, 3), &thread) == OK) {
            put(seed, thread);
        }
    }
}

MOVE_ADDRESSES static void on_port(uint64_t *seed, handle_t reply)
{
    struct ipc_message m = {.tag = draw(seed, 2) ? TAG_HANDLE | 7 : 7, .handle = any(seed), .handle_rights = RIGHTS_ALL};
    uint64_t grant = draw(seed, 3 * PAGE_SIZE) | GRANT_READ | GRANT_WRITE;
    uint64_t at = arena + draw(seed, ARENA_PAGES) * PAGE_SIZE;
    switch (draw(seed, 6)) {
    case 0:
        (void)trap_ipc(SYS_call, port, &m, at, grant);
        break;
    case 1:
    case 2:
        if (trap_ipc(SYS_recv, port | (uint64_t)reply << 32, &m, RECV_NONBLOCK, 0) == OK && (m.tag & TAG_HANDLE)) {
            put(seed, m.handle);
        }
        break;
    case 3:
        (void)sys_grant_copy(reply, draw(seed, 2) ? GRANT_READ : GRANT_WRITE, 0, (void *)at, PAGE_SIZE);
        (void)sys_reply_park(reply, draw(seed, 2));
        break;
    case 4:
        m.tag = draw(seed, 2) ? FAULT_RESUME : m.tag;
        (void)trap_ipc(SYS_reply, (uint64_t)reply << 32, &m, 0, 0);
        break;
    default:
        (void)trap2(SYS_timer_set, port, rt_now_ns() + draw(seed, 100000));
        (void)sys_notify(port);
    }
}

static void work(uint64_t number)
{
    uint64_t seed = rt_now_ns() * 2654435761u + number + 1;
    handle_t reply = HANDLE_NONE;
    (void)sys_reply_create(&reply);
    for (;;) {
        uint64_t kind = draw(&seed, 8);
        if (draw(&seed, 20) == 0) {
            make_child(&seed);
        } else if (kind < 3) {
            on_memory(&seed);
        } else if (kind < 6) {
            on_task(&seed);
        } else if (kind < 7) {
            on_port(&seed, reply);
        } else {
            put(&seed, HANDLE_NONE);
        }
        actions++;
    }
}

static void start_workers(void)
{
    for (uint64_t i = 0; i < WORKERS; i++) {
        handle_t thread;
        struct thread_args args = {.entry = (uint64_t)work, .stack = (uint64_t)&stacks[i][STACK] - 8,
                                   .args = {i}, .priority = PRIORITY - 1 - i % 2};
        if (sys_thread_create(0, &args, &thread) == OK) {
            (void)sys_thread_start(thread);
        }
    }
}

// What is left once everything of the incarnation before has been taken apart, and every service has its spare again.
static void report(void)
{
    struct system_info info;
    uint64_t limit = rt_now_ns() + SETTLE_MS * 1000000ull;
    do {
        rt_sleep_until(rt_now_ns() + 10000000);
    } while (sys_system_info(&info) == OK && rt_now_ns() < limit);
    log_info("storm: begins with tasks %llu threads %llu ports %llu replies %llu memories %llu reaping %llu free %llu",
             (unsigned long long)info.tasks, (unsigned long long)info.threads, (unsigned long long)info.ports,
             (unsigned long long)info.replies, (unsigned long long)info.memories, (unsigned long long)info.reaping,
             (unsigned long long)info.free_pages);
}

// Now and then somebody has to receive, or all wait for each other.
static void serve(void)
{
    for (int i = 0; i < 100; i++) {
        struct ipc_message m = {0};
        if (trap_ipc(SYS_recv, port | (uint64_t)own_reply << 32, &m, RECV_NONBLOCK, 0) != OK) {
            return;
        }
        bool call = !(m.tag & TAG_NOTIFY);
        if (m.tag & TAG_HANDLE) {
            (void)sys_handle_close(m.handle);
        }
        m = (struct ipc_message){.tag = FAULT_RESUME};
        if (call) {
            (void)trap_ipc(SYS_reply, (uint64_t)own_reply << 32, &m, 0, 0);
        }
    }
}

// Told again and again: this task may die of what its threads do long before its round is over.
static void count(uint64_t *told)
{
    uint64_t now = actions;
    log_info("storm: %llu actions", (unsigned long long)(now - *told));
    *told = now;
}

static void weather_the_storm(void)
{
    uint64_t end = rt_now_ns() + ROUND_MS * 1000000ull, next = 0, told = 0;
    while (rt_now_ns() < end) {
        rt_sleep_until(rt_now_ns() + 2000000);
        serve();
        rt_beat();
        rt_progress();
        if (rt_now_ns() >= next) {
            count(&told);
            next = rt_now_ns() + COUNT_MS * 1000000ull;
        }
    }
    count(&told);
}

int service_main(void)
{
    handle_t hole;
    rt_ready();
    report();
    // The arena's addresses are taken once, so that they are this program's own.
    if (sys_port_create(&port) != OK || sys_reply_create(&own_reply) != OK ||
        sys_mem_create(ARENA_PAGES * PAGE_SIZE, 0, &hole) != OK ||
        sys_mem_map(0, hole, &arena, 0, ARENA_PAGES * PAGE_SIZE, PROT_READ) != OK) {
        return 1;
    }
    (void)sys_mem_unmap(0, arena, ARENA_PAGES * PAGE_SIZE);
    start_workers();
    weather_the_storm();
    return 0;
}
