// SPDX-License-Identifier: MIT
// What an ordinary task tried once, and got away with.
#include "kernel/test/world.h"
#include <string.h>

// A sealed task cannot change its own code, not even by the call that debuggers set breakpoints with.
static void test_own_code_stays(void **)
{
    struct place p = world_task("sealed", 1 << 20, 5);
    struct thread *t = p.thread;
    char now[8];
    uint64_t m = made(CALL(t, mem_create, PAGE_SIZE));
    uint64_t at = made(CALL(t, mem_map, 0, m, 0, 0, PAGE_SIZE, PROT_READ | PROT_WRITE));
    poke(p.task, at, "program", 8);
    made(CALL(t, mem_protect, 0, at, PAGE_SIZE, PROT_READ | PROT_EXEC));
    made(CALL(t, handle_close, m));
    made(CALL(t, task_seal));
    poke(p.task, DATA, "changed", 8);
    assert_int_equal(CALL(t, task_write, 0, at, DATA, 8).status, ERR_FAULT);
    peek(p.task, at, now, 8);
    assert_string_equal(now, "program");
    made(CALL(t, task_write, 0, DATA + 100, DATA, 8)); // what it could write anyway
    poke(root_task, DATA, "patched", 8);
    made(CALL(root_thread, task_write, p.task_handle, at, DATA, 8)); // its debugger may
    peek(p.task, at, now, 8);
    assert_string_equal(now, "patched");
    world_end(&p);
    check_world();
}

// A request received through a Reply object whose last, parked, caller vanished is not parked.
static void test_parking_ends_with_the_caller(void **)
{
    struct place server = world_task("server", 1 << 20, 5);
    struct place first = world_task("first", 1 << 20, 5), second = world_task("second", 1 << 20, 5);
    uint64_t root_port = made(CALL(root_thread, port_create));
    uint64_t port = give(&server, root_port, RIGHTS_ALL, 0);
    uint64_t to1 = give(&first, root_port, RIGHT_CALL, 1);
    uint64_t to2 = give(&second, root_port, RIGHT_CALL, 2);
    uint64_t reply = made(CALL(server.thread, reply_create));
    struct message receive = {.rdi = port | reply << 32};
    assert_int_equal(call_message(server.thread, SYS_recv, receive), BLOCKED);
    assert_int_equal(call_message(first.thread, SYS_call, (struct message){.rdi = to1}), BLOCKED);
    made(CALL(server.thread, reply_park, reply, 1));
    world_end(&first);
    assert_int_equal(call_message(server.thread, SYS_recv, receive), BLOCKED);
    assert_int_equal(call_message(second.thread, SYS_call, (struct message){.rdi = to2}), BLOCKED);
    assert_int_equal(second.thread->wait, WAIT_REPLY);
    made(CALL(root_thread, task_kill, server.task_handle));
    assert_int_equal(second.thread->wait, WAIT_CALL); // to be redelivered
    world_end(&server);
    world_end(&second);
    made(CALL(root_thread, handle_close, root_port));
    settle();
    check_world();
}

// A call that ran out of memory at its first attempt leaves nothing behind for the next one.
static void test_failed_populate_is_forgotten(void **)
{
    static uint64_t taken[HOST_RAM_BYTES / PAGE_SIZE];
    struct place p = world_task("greedy", 4 << 20, 5);
    uint64_t warm = made(CALL(p.thread, mem_create, PAGE_SIZE)), n = 0, living, used;
    made(CALL(p.thread, handle_close, warm));
    settle();
    living = object_living(OBJ_MEMORY);
    used = p.task->account->used;
    while ((taken[n] = page_alloc()) != 0) {
        n++;
    }
    page_free(taken[--n]); // one is not enough
    assert_int_equal(CALL(p.thread, mem_create, 8 * PAGE_SIZE, MEM_POPULATE).status, ERR_MEMORY);
    while (n > 0) {
        page_free(taken[--n]);
    }
    settle();
    assert_int_equal(object_living(OBJ_MEMORY), living);
    assert_int_equal(p.task->account->used, used);
    made(CALL(p.thread, mem_create, 16 * PAGE_SIZE, MEM_POPULATE));
    world_end(&p);
    check_world();
}

// The last handle to a task goes while a thread of it is on this CPU: its address space stays until
// the CPU has left it (the host's arch_space_destroy_step insists on that).
static void test_task_ends_under_its_own_thread(void **)
{
    struct place p = world_task("orphan", 1 << 20, 5);
    uint64_t tasks = object_living(OBJ_TASK);
    made(CALL(root_thread, handle_close, p.thread_handle));
    run_as(p.thread);
    handle_remove(root_task, p.task_handle & 0xffff); // as another CPU would do
    tick(&cpus[0]);
    assert_ptr_not_equal(cpus[0].current, p.thread);
    settle();
    assert_int_equal(object_living(OBJ_TASK), tasks - 1);
    check_world();
}

// A page of code that an unfinished mem_protect did not reach may still be remembered as writable.
static void test_code_fault_flushes(void **)
{
    struct place p = world_task("racer", 1 << 20, 5);
    struct thread *t = p.thread;
    uint64_t m = made(CALL(t, mem_create, PAGE_SIZE)), pa;
    uint64_t at = made(CALL(t, mem_map, 0, m, 0, 0, PAGE_SIZE, PROT_READ | PROT_WRITE));
    uint32_t prot;
    poke(p.task, at, "program", 8);
    region_find(p.task, at)->prot = PROT_READ | PROT_EXEC; // the call has come this far
    uint64_t before = host_flushes;
    run_as(t);
    enum { FETCH_BY_USER = 0x15 };
    kernel_exception(&cpus[0], 14, FETCH_BY_USER, at);
    assert_true(thread_runnable(t));
    assert_true(host_flushes > before);
    assert_true(arch_page_lookup(&p.task->space, at, &pa, &prot));
    assert_int_equal(prot, PROT_READ | PROT_EXEC);
    region_find(p.task, at)->was_exec = true;
    world_end(&p);
    check_world();
}

// A line that the firmware knows to be level-triggered is masked until it is acknowledged, even if its
// driver asked for edges: it would interrupt for ever.
static void test_level_line_taken_for_edges(void **)
{
    struct thread *t = root_thread;
    uint64_t port = made(CALL(t, port_create));
    uint64_t bell = made(CALL(t, handle_copy, port, RIGHT_NOTIFY, 1));
    uint64_t irq = made(CALL(t, irq_create, IRQS, HOST_LEVEL_GSI, 0));
    made(CALL(t, irq_bind, irq, bell));
    kernel_irq(&cpus[0], HOST_LEVEL_GSI);
    assert_true(host_irq_masked[HOST_LEVEL_GSI]);
    made(CALL(t, irq_ack, irq));
    assert_false(host_irq_masked[HOST_LEVEL_GSI]);
    made(CALL(t, handle_close, irq));
    made(CALL(t, handle_close, bell));
    made(CALL(t, handle_close, port));
    settle();
    check_world();
}

// A thread with a budget neither throws it off nor refills it, and makes none with more.
static void test_budget_stays(void **)
{
    struct place p = world_task("limited", 1 << 20, 5);
    struct thread *t = p.thread;
    uint64_t own = give(&p, p.thread_handle, RIGHTS_ALL, 0);
    made(CALL(root_thread, thread_set_sched, p.thread_handle, 5, 10'000, 100'000));
    uint64_t mark = t->used_mark, start = t->period_start;
    assert_int_equal(CALL(t, thread_set_sched, own, 5, 0, 0).status, ERR_RANGE);
    assert_int_equal(CALL(t, thread_set_sched, own, 5, 20'000, 100'000).status, ERR_RANGE);
    made(CALL(t, thread_set_sched, own, 4, 10'000, 100'000));
    assert_int_equal(t->effective, 4);
    assert_int_equal(t->used_mark, mark);
    assert_int_equal(t->period_start, start);
    struct thread_args args = {.entry = DATA, .stack = DATA, .priority = 4};
    poke(p.task, DATA, &args, sizeof(args));
    assert_int_equal(CALL(t, thread_create, 0, DATA).status, ERR_RANGE);
    args.budget_us = 20'001;
    args.period_us = 200'000;
    poke(p.task, DATA, &args, sizeof(args));
    assert_int_equal(CALL(t, thread_create, 0, DATA).status, ERR_RANGE);
    args.budget_us = 20'000;
    poke(p.task, DATA, &args, sizeof(args));
    made(CALL(t, thread_create, 0, DATA));
    world_end(&p);
    check_world();
}

int attack_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_code_stays),
        cmocka_unit_test(test_parking_ends_with_the_caller),
        cmocka_unit_test(test_failed_populate_is_forgotten),
        cmocka_unit_test(test_task_ends_under_its_own_thread),
        cmocka_unit_test(test_code_fault_flushes),
        cmocka_unit_test(test_level_line_taken_for_edges),
        cmocka_unit_test(test_budget_stays),
    };
    return cmocka_run_group_tests(tests, world_start, NULL);
}
