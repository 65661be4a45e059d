// SPDX-License-Identifier: MIT
// Threads, tasks, and faults that become messages.
#include "bench/guest/bench.h"
#include "bench/guest/measure.h"
#include "bench/guest/thread.h"
#include "lib/rt/ipc.h"
#include "lib/rt/movable.h"
#include "lib/rt/rt.h"

enum { ROUNDS = 200, CHILD_QUOTA = 1 << 20 };

static void nothing(void *)
{
    sys_thread_exit();
}

static void thread_create(void)
{
    struct samples create = {}, destroy = {};
    uint64_t stack = bench_stack(PAGE_SIZE);
    struct thread_args args = {.entry = (uint64_t)nothing, .stack = stack + PAGE_SIZE - 8, .priority = 0};
    for (int i = 0; i < ROUNDS && stack; i++) {
        handle_t thread;
        uint64_t t0 = ticks();
        enum status status = sys_thread_create(0, &args, &thread);
        if (status == OK) {
            status = sys_thread_start(thread);
        }
        uint64_t t1 = ticks();
        if (status != OK) {
            return report_failure("thread_create+start", "thread_create", status);
        }
        samples_add(&create, t1 - t0);
        uint64_t t2 = ticks();
        (void)sys_thread_stop(thread);
        sys_handle_close(thread);
        samples_add(&destroy, ticks() - t2);
    }
    samples_report("thread_create+start", &create);
    samples_report("thread_stop+close", &destroy);
    sys_mem_unmap(0, stack, PAGE_SIZE);
}

// A task as small as the peers' minimal process: one thread, started, and seven pages mapped.
static enum status make_task(handle_t code, handle_t *task)
{
    static const char name[NAME_SIZE] = "child";
    enum status status = sys_task_create(CHILD_QUOTA, 0, name, task);
    for (uint64_t i = 0; status == OK && i < 7; i++) {
        uint64_t at = 0x10000000 + i * PAGE_SIZE;
        status = sys_mem_map(*task, code, &at, i * PAGE_SIZE, PAGE_SIZE, PROT_READ);
    }
    struct thread_args args = {.entry = 0x10000000, .stack = 0x10001000, .priority = 0};
    handle_t thread;
    if (status == OK) {
        status = sys_thread_create(*task, &args, &thread);
    }
    if (status == OK) {
        status = sys_thread_start(thread);
        sys_handle_close(thread);
    }
    return status;
}

static void task_create(void)
{
    struct samples create = {}, destroy = {}, both = {};
    handle_t code;
    if (sys_mem_create(7 * PAGE_SIZE, MEM_POPULATE, &code) != OK) {
        return report_failure("task_create", "no memory", 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        handle_t task;
        uint64_t t0 = ticks();
        enum status status = make_task(code, &task);
        uint64_t t1 = ticks();
        if (status != OK) {
            return report_failure("task_create", "task_create", status);
        }
        (void)sys_task_kill(task);
        sys_handle_close(task);
        struct system_info info; // destruction goes on in steps: counted until all is free again
        while (sys_system_info(&info) == OK && info.reaping) {
        }
        uint64_t t2 = ticks();
        samples_add(&create, t1 - t0), samples_add(&destroy, t2 - t1), samples_add(&both, t2 - t0);
    }
    samples_report("task_create+start_7_pages", &create);
    samples_report("task_destroy", &destroy);
    samples_report("task_create+destroy", &both);
    sys_handle_close(code);
}

// ---- Faults: a child task that traps again and again; this task is its pager.

// mov $1,%eax-free loop: int3; jmp back. And the same with ud2, whose handler has to step over it.
static const uint8_t trap_loop[] = {0xcc, 0xeb, 0xfd};
static const uint8_t ud2_loop[] = {0x0f, 0x0b, 0xeb, 0xfc};

MOVE_ADDRESSES static enum status start_trapper(const uint8_t *code, size_t bytes, handle_t fault_port, handle_t *task, handle_t *thread)
{
    handle_t memory;
    uint64_t here = 0, there = 0x10000000;
    enum status status = sys_mem_create(PAGE_SIZE, MEM_POPULATE, &memory);
    if (status != OK) {
        return status;
    }
    status = sys_mem_map(0, memory, &here, 0, PAGE_SIZE, PROT_READ | PROT_WRITE);
    if (status == OK) {
        for (size_t i = 0; i < bytes; i++) {
            ((uint8_t *)here)[i] = code[i];
        }
        sys_mem_unmap(0, here, PAGE_SIZE);
        status = sys_task_create(CHILD_QUOTA, 0, "trapper\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", task);
    }
    if (status == OK) {
        status = sys_mem_map(*task, memory, &there, 0, PAGE_SIZE, PROT_READ | PROT_EXEC);
    }
    if (status == OK) {
        status = sys_task_set_fault_port(*task, fault_port);
    }
    struct thread_args args = {.entry = there, .stack = there, .priority = bench_priority()};
    if (status == OK) {
        status = sys_thread_create(*task, &args, thread);
    }
    sys_handle_close(memory);
    return status == OK ? sys_thread_start(*thread) : status;
}

static void fault_loop(const char *name, const uint8_t *code, size_t bytes, uint64_t step)
{
    handle_t port, reply, task, thread;
    if (sys_port_create(&port) != OK || sys_reply_create(&reply) != OK) {
        return report_failure(name, "no port", 0);
    }
    enum status status = start_trapper(code, bytes, port, &task, &thread);
    if (status != OK) {
        return report_failure(name, "cannot start the child", status);
    }
    struct samples trips = {};
    struct ipc_message m = {};
    status = ipc_recv(port, reply, &m, 0);
    for (int i = 0; i < 1000 && status == OK; i++) {
        uint64_t start = ticks();
        if (step) {
            struct thread_regs regs;
            status = sys_thread_get_regs(thread, &regs);
            regs.rip += step;
            status = status == OK ? sys_thread_set_regs(thread, &regs) : status;
        }
        m = (struct ipc_message){.tag = FAULT_RESUME};
        status = status == OK ? ipc_reply_recv(port, reply, &m, 0) : status;
        samples_add(&trips, ticks() - start);
    }
    if (status != OK) {
        report_failure(name, "the exchange broke off", status);
    }
    samples_report(name, &trips);
    (void)sys_task_kill(task);
    sys_handle_close(task), sys_handle_close(thread), sys_handle_close(reply), sys_handle_close(port);
}

void bench_tasks(void)
{
    thread_create();
    task_create();
    fault_loop("fault_roundtrip", trap_loop, sizeof trap_loop, 0);
    fault_loop("fault_roundtrip_registers_changed", ud2_loop, sizeof ud2_loop, 2);
}
