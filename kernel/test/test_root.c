// SPDX-License-Identifier: MIT
// The end of the root task: of the machine too, unless somebody supervises it. These tests come last,
// because nothing is left of the root task afterwards.
#include "kernel/test/world.h"
#include "kernel/abi/startup.h"
#include "kernel/system/kept.h"
#include <string.h>

static jmp_buf halted;

// Whether the machine halts at it. Then everything is as before, as if the root task had not ended.
static bool halts(void (*event)(void *), void *arg)
{
    host_halt_to = &halted;
    if (setjmp(halted) == 0) {
        event(arg);
        host_halt_to = NULL;
        return false;
    }
    host_halt_to = NULL;
    root_task->hold &= ~(uint32_t)HOLD_EXITED;
    root_task->faulted = false;
    root_thread->fault = 0;
    root_thread->wait = WAIT_NONE;
    sched_wake(root_thread);
    return true;
}

static void exits(void *)
{
    assert_int_equal(CALL(root_thread, task_exit, 3).status, BLOCKED);
}

static void faults(void *)
{
    run_as(root_thread);
    kernel_exception(&cpus[0], 6, 0, 0);
    assert_false(thread_runnable(root_thread));
}

static void test_nobody_supervises(void **)
{
    assert_true(halts(exits, NULL));
    assert_true(halts(faults, NULL));
    uint64_t port = made(CALL(root_thread, port_create));
    made(CALL(root_thread, task_set_fault_port, 0, port));
    made(CALL(root_thread, handle_close, port)); // dead, but still its fault port
    settle();
    assert_true(halts(exits, NULL));
    assert_true(halts(faults, NULL));
    check_world();
}

static void time_passes(void *ns)
{
    host_ticks += *(uint64_t *)ns;
    tick(&cpus[0]);
}

// Supervisors say that they are there. When they do not any more, the machine restarts.
static void test_nobody_says_anything(void **)
{
    uint64_t nearly = SUPERVISED_NS - 1000, a_bit = 2000;
    made(CALL(root_thread, system_control, PORTS, SYSTEM_SUPERVISED));
    assert_false(halts(time_passes, &nearly));
    made(CALL(root_thread, system_control, PORTS, SYSTEM_SUPERVISED));
    assert_false(halts(time_passes, &nearly));
    assert_true(halts(time_passes, &a_bit));
    assert_false(halts(time_passes, &nearly)); // and nothing more
    char why[KEPT_WORDS];
    kept_hear(why);
    assert_non_null(strstr(why, "nobody has supervised"));
    assert_int_equal(CALL(root_thread, system_control, PORTS, 9).status, ERR_ARG);
    check_world();
}

// A task that receives the root task's faults and has all rights on it.
struct keeper {
    struct place p;
    uint64_t port, reply, root, self;
};

static struct keeper keeper_start(void)
{
    struct keeper k = {.p = world_task("keeper", 0, 20)};
    struct thread *t = k.p.thread;
    k.port = made(CALL(t, port_create));
    k.reply = made(CALL(t, reply_create));
    k.root = give(&k.p, H_SELF_TASK, RIGHTS_ALL, 0);
    k.self = give(&k.p, k.p.task_handle, RIGHTS_ALL, 0);
    made(CALL(t, task_set_fault_port, k.root, k.port));
    return k;
}

static struct message await_fault(struct keeper *k)
{
    struct message m = {.rdi = k->port | k->reply << 32};
    assert_int_equal(call_message(k->p.thread, SYS_recv, m), OK);
    return message_of(k->p.thread);
}

static void answer(struct keeper *k, uint64_t label)
{
    struct message m = {.tag = label, .rdi = k->reply << 32};
    assert_int_equal(call_message(k->p.thread, SYS_reply, m), OK);
}

static void kill_keeper(void *arg)
{
    struct keeper *k = arg;
    while (!task_kill_step(k->p.task, 16)) {
    }
}

static void close_port(void *arg)
{
    struct keeper *k = arg;
    made(CALL(k->p.thread, handle_close, k->port));
    settle();
}

// The supervisor goes for good while it has the root task's last message, or before it received it.
static void test_supervisor_ends_first(void **)
{
    for (int received = 0; received < 2; received++) {
        struct keeper k = keeper_start();
        struct object *port = object_behind(k.p.task, k.port);
        assert_false(halts(faults, NULL));
        if (received) {
            await_fault(&k);
            close_port(&k);
        }
        assert_true(halts(received ? kill_keeper : close_port, &k));
        if (received) {
            object_put(port); // the kernel held it when it halted
        }
        settle();
        world_end(&k.p);
        check_world();
    }
}

static void test_root_task_is_replaced(void **)
{
    struct keeper k = keeper_start();
    struct thread *t = k.p.thread;
    assert_false(halts(faults, NULL));
    struct message m = await_fault(&k);
    assert_int_equal(m.tag & ~(~0ull << TAG_CALL_SHIFT), TAG_FAULT | FAULT_EXCEPTION);
    answer(&k, FAULT_RESUME);
    assert_true(thread_runnable(root_thread));
    // What the first one leaves to the next.
    uint64_t port = made(CALL(root_thread, port_create));
    struct object *o = object_behind(root_task, port);
    uint64_t tasks = object_living(OBJ_TASK), pages = page_available();
    uint64_t child = made(CALL(root_thread, mem_create, 8 * PAGE_SIZE, MEM_POPULATE));
    made(CALL(root_thread, mem_map, 0, child, 0, 0, 8 * PAGE_SIZE, PROT_READ));
    assert_false(halts(exits, NULL));
    assert_int_equal(await_fault(&k).w[3], 3);
    made(CALL(t, task_kill, k.root));
    assert_null(root_task);
    check_world();
    char name[NAME_SIZE] = "rs";
    poke(k.p.task, DATA, name, sizeof(name));
    uint64_t heir = made(CALL(t, task_create, 0, k.root, DATA)); // pays with the same account
    made(CALL(t, task_inherit, heir, k.root));
    assert_ptr_equal(object_behind(task_of(object_behind(k.p.task, heir)), port), o);
    made(CALL(t, handle_close, k.root));
    settle();
    check_world();
    assert_int_equal(object_living(OBJ_TASK), tasks); // the first one is gone, with all its memory
    assert_ptr_equal(task_of(object_behind(k.p.task, heir))->account, &root_account);
    assert_true(page_available() > pages);
    // The machine goes on, and the new one's end is that of any task. It had the handle that kept the
    // keeper alive.
    poke(k.p.task, DATA, name, sizeof(name));
    uint64_t friend = made(CALL(t, task_create, 0, 0, DATA));
    made(CALL(t, handle_install, friend, 0, k.self, RIGHTS_ALL));
    made(CALL(t, task_set_fault_port, heir, k.port));
    made(CALL(t, task_kill, heir));
    made(CALL(t, handle_close, heir));
    settle();
    check_world();
    assert_int_equal(object_living(OBJ_TASK), 2);
    kernel_exception(&cpus[0], 6, 0, 0); // of the keeper: nobody hears it, and nothing halts
    assert_false(host_halted);
    assert_false(thread_runnable(t));
}

int root_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_supervises),
        cmocka_unit_test(test_nobody_says_anything),
        cmocka_unit_test(test_supervisor_ends_first),
        cmocka_unit_test(test_root_task_is_replaced),
    };
    return cmocka_run_group_tests_name("kernel: the root task's end", tests, world_start, NULL);
}
