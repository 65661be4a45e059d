// SPDX-License-Identifier: MIT
#include "bench/guest/thread.h"
#include "bench/guest/measure.h"
#include "lib/rt/rt.h"

enum { STACK_BYTES = 16 << 10 };

uint64_t bench_stack(uint64_t bytes)
{
    handle_t memory;
    uint64_t address = 0;
    if (sys_mem_create(bytes, MEM_POPULATE, &memory) != OK) {
        return 0;
    }
    if (sys_mem_map(0, memory, &address, 0, bytes, PROT_READ | PROT_WRITE) != OK) {
        address = 0;
    }
    sys_handle_close(memory); // the mapping keeps it alive
    return address;
}

uint32_t bench_priority(void)
{
    struct task_info info;
    return sys_task_info(0, &info) == OK ? info.priority : 0;
}

bool bench_thread_start(struct bench_thread *t, void (*fn)(void *), void *arg, int above)
{
    *t = (struct bench_thread){.stack = bench_stack(STACK_BYTES), .stack_bytes = STACK_BYTES};
    uint32_t own = bench_priority();
    if (!t->stack) {
        report_failure("thread", "no memory for a stack", 0);
        return false;
    }
    struct thread_args args = {
        .entry = (uint64_t)fn,
        .stack = t->stack + t->stack_bytes - 8, // as after a call instruction
        .args = {(uint64_t)arg},
        .priority = own,
    };
    enum status status = sys_thread_create(0, &args, &t->thread);
    if (status == OK && above) { // nobody may create a thread above himself: so this one steps down
        status = sys_thread_set_sched(H_SELF_THREAD, own - (uint32_t)above, 0, 0);
        t->restore = own;
    }
    if (status == OK) {
        status = sys_thread_start(t->thread);
    }
    if (status != OK) {
        report_failure("thread", "cannot start it", status);
        return false;
    }
    sys_yield(); // let it reach its first wait
    return true;
}

void bench_thread_stop(struct bench_thread *t)
{
    (void)sys_thread_stop(t->thread);
    if (t->restore) {
        (void)sys_thread_set_sched(H_SELF_THREAD, t->restore, 0, 0);
    }
    sys_handle_close(t->thread);
    sys_mem_unmap(0, t->stack, t->stack_bytes);
}
