// SPDX-License-Identifier: MIT
// Messages, redelivery, faults, scheduling.
#include "kernel/test/world.h"
#include <string.h>

// A server with a port and a Reply object, and a client with a badged handle to it.
struct pair {
    struct place server, client;
    uint64_t root_port;     // in the root task: everything
    uint64_t port, reply;   // in the server
    uint64_t to;            // in the client: CALL and NOTIFY, badge 42
    struct port *p;
};

static struct pair pair_start(uint32_t server_priority, uint32_t client_priority)
{
    struct pair x = {.server = world_task("server", 1 << 20, server_priority),
                     .client = world_task("client", 1 << 20, client_priority)};
    x.root_port = made(CALL(root_thread, port_create));
    x.p = port_of(object_behind(root_task, x.root_port));
    x.port = give(&x.server, x.root_port, RIGHTS_ALL, 0);
    x.to = give(&x.client, x.root_port, RIGHT_CALL | RIGHT_NOTIFY, 42);
    x.reply = made(CALL(x.server.thread, reply_create));
    return x;
}

static void pair_end(struct pair *x)
{
    world_end(&x->client);
    world_end(&x->server);
    made(CALL(root_thread, handle_close, x->root_port));
    settle();
    check_world();
}

static uint64_t receive(struct pair *x, uint64_t flags)
{
    return call_message(x->server.thread, SYS_recv,
                        (struct message){.rdi = x->port | x->reply << 32, .r14 = flags});
}

static uint64_t reply_recv(struct pair *x, uint64_t label)
{
    return call_message(x->server.thread, SYS_reply_recv,
                        (struct message){.tag = label | 0xabcdull << TAG_CALL_SHIFT,
                                         .w = {6, 5, 4, 3, 2, 1},
                                         .rdi = x->port | x->reply << 32});
}

static uint64_t send(struct thread *t, uint64_t to, uint64_t label)
{
    uint64_t forged = TAG_FAULT | TAG_NOTIFY | 0xabcdull << TAG_CALL_SHIFT;
    return call_message(t, SYS_call, (struct message){.tag = label | forged,
                                                      .w = {1, 2, 3, 4, 5, 6},
                                                      .rdi = to, .r14 = DATA,
                                                      .r15 = GRANT_WRITE | GRANT_READ | 100});
}

// The tag of what the thread received, without the call's number, which every call has.
static uint64_t tag_of_call(const struct thread *t)
{
    uint64_t tag = message_of(t).tag;
    assert_int_not_equal(tag >> TAG_CALL_SHIFT, 0);
    return tag & ((1ull << TAG_CALL_SHIFT) - 1);
}

static uint64_t number_of_call(const struct thread *t)
{
    return message_of(t).tag >> TAG_CALL_SHIFT;
}

static void assert_request(const struct pair *x, uint64_t tag)
{
    struct message m = message_of(x->server.thread);
    uint64_t w[] = {1, 2, 3, 4, 5, 6};
    assert_int_equal(x->server.thread->regs.rax, OK);
    assert_int_equal(tag_of_call(x->server.thread), tag);
    assert_int_equal(m.rdi, 42);
    assert_int_equal(m.r15, GRANT_WRITE | GRANT_READ | 100);
    assert_memory_equal(m.w, w, sizeof(w));
}

static void assert_answer(const struct thread *t, uint64_t label)
{
    struct message m = message_of(t);
    uint64_t w[] = {6, 5, 4, 3, 2, 1};
    assert_int_equal(t->regs.rax, OK);
    assert_int_equal(m.tag, label);
    assert_memory_equal(m.w, w, sizeof(w));
    assert_true(thread_runnable(t));
}

static void test_call_and_reply(void **)
{
    struct pair x = pair_start(5, 5);
    assert_int_equal(receive(&x, RECV_NONBLOCK), ERR_AGAIN);
    assert_int_equal(send(x.client.thread, x.to, 7), BLOCKED); // queued
    assert_int_equal(receive(&x, 0), OK);
    assert_request(&x, 7);
    assert_int_equal(receive(&x, 0), ERR_STATE); // the Reply object is in use
    for (int i = 0; i < 5; i++) {
        assert_int_equal(reply_recv(&x, 0x99), BLOCKED);
        assert_answer(x.client.thread, 0x99);
        assert_int_equal(x.server.thread->wait, WAIT_RECV);
        check_world();
        assert_int_equal(send(x.client.thread, x.to, 8), BLOCKED);
        assert_request(&x, 8);
        assert_ptr_equal(cpus[0].current, x.server.thread); // straight to the receiver
        check_world();
    }
    assert_int_equal(call_message(x.server.thread, SYS_reply,
                                  (struct message){.tag = 3 | 0xabcdull << TAG_CALL_SHIFT,
                                                   .w = {6, 5, 4, 3, 2, 1},
                                                   .rdi = x.reply << 32}), OK);
    assert_answer(x.client.thread, 3);
    assert_int_equal(call_message(x.server.thread, SYS_reply,
                                  (struct message){.rdi = x.reply << 32}), ERR_STATE);
    pair_end(&x);
}

// Each call has a number of its own on either path; when they run out, 0 is left out.
static void test_call_numbers(void **)
{
    struct pair x = pair_start(5, 8);
    thread_hold(root_thread, HOLD_STOPPED);
    kernel_resched(&cpus[0]);
    last_call_number = UINT32_MAX - 3;
    uint32_t expected[] = {UINT32_MAX - 2, UINT32_MAX - 1, UINT32_MAX, 1, 2};
    assert_int_equal(receive(&x, 0), BLOCKED);
    for (int i = 0; i < 5; i++) {
        if (i % 2) { // an ordinary one
            thread_release(root_thread, HOLD_STOPPED);
            made(CALL(root_thread, thread_stop, x.server.thread_handle));
            made(CALL(root_thread, thread_start, x.server.thread_handle));
            thread_hold(root_thread, HOLD_STOPPED);
            kernel_resched(&cpus[0]);
            assert_int_equal(send(x.client.thread, x.to, 8), BLOCKED);
            assert_int_equal(receive(&x, 0), OK);
        } else {
            assert_int_equal(send(x.client.thread, x.to, 8), BLOCKED);
        }
        assert_request(&x, 8);
        assert_int_equal(number_of_call(x.server.thread), expected[i]);
        assert_int_equal(reply_recv(&x, 0x99), BLOCKED);
        assert_answer(x.client.thread, 0x99);
    }
    made(CALL(x.client.thread, notify, x.to));
    assert_int_equal(message_of(x.server.thread).tag, TAG_NOTIFY);
    thread_release(root_thread, HOLD_STOPPED);
    pair_end(&x);
}

// With nobody more urgent around, messages take the fast path, both ways.
static void test_fast_path(void **)
{
    struct pair x = pair_start(5, 8);
    thread_hold(root_thread, HOLD_STOPPED);
    kernel_resched(&cpus[0]);
    assert_int_equal(receive(&x, 0), BLOCKED);
    for (int i = 0; i < 3; i++) {
        uint64_t slice_end = cpus[0].slice_end;
        assert_int_equal(send(x.client.thread, x.to, 8), BLOCKED);
        assert_request(&x, 8);
        assert_ptr_equal(cpus[0].current, x.server.thread);
        assert_int_equal(x.server.thread->effective, 8);
        sched_update_priority(x.server.thread); // it is not only set but follows from something
        assert_int_equal(x.server.thread->effective, 8);
        check_world();
        assert_int_equal(reply_recv(&x, 0x99), BLOCKED);
        assert_answer(x.client.thread, 0x99);
        assert_ptr_equal(cpus[0].current, x.client.thread);
        assert_int_equal(x.server.thread->effective, 5);
        assert_int_equal(cpus[0].slice_end, slice_end);
        assert_int_equal(x.p->delivered, i + 1);
        check_world();
    }
    // Each precondition that does not hold is respected.
    assert_int_equal(call_message(x.client.thread, SYS_call,
                                  (struct message){.tag = 8, .rdi = x.to | 1ull << 32}),
                     ERR_HANDLE); // all 64 bits name the handle, on this path as on the other
    made(CALL(x.client.thread, notify, x.to));
    assert_int_equal(message_of(x.server.thread).tag, TAG_NOTIFY);
    assert_int_equal(receive(&x, 0), BLOCKED);
    assert_int_equal(send(x.client.thread, x.to, 8), BLOCKED);
    task_hold(x.client.task, HOLD_SUSPENDED);
    assert_int_equal(reply_recv(&x, 1), BLOCKED);
    assert_null(cpus[0].current); // the answer is there, but its reader is held
    task_release(x.client.task, HOLD_SUSPENDED);
    kernel_resched(&cpus[0]);
    assert_answer(x.client.thread, 1);
    task_hold(x.server.task, HOLD_SUSPENDED);
    assert_int_equal(send(x.client.thread, x.to, 8), BLOCKED);
    assert_null(cpus[0].current); // nor does a held server run
    task_release(x.server.task, HOLD_SUSPENDED);
    kernel_resched(&cpus[0]);
    assert_ptr_equal(cpus[0].current, x.server.thread);
    assert_request(&x, 8);
    thread_release(root_thread, HOLD_STOPPED);
    pair_end(&x);
}

static void test_wrong_calls(void **)
{
    struct pair x = pair_start(5, 5);
    assert_int_equal(send(x.client.thread, x.to + 1, 7), ERR_HANDLE);
    assert_int_equal(send(x.server.thread, x.reply, 7), ERR_TYPE);
    uint64_t bell = give(&x.client, x.root_port, RIGHT_NOTIFY, 1);
    assert_int_equal(send(x.client.thread, bell, 7), ERR_RIGHTS);
    assert_int_equal(call_message(x.client.thread, SYS_recv,
                                  (struct message){.rdi = x.to | x.reply << 32}), ERR_RIGHTS);
    assert_int_equal(call_message(x.server.thread, SYS_recv, (struct message){.rdi = x.port}),
                     ERR_HANDLE); // no Reply object
    assert_int_equal(receive(&x, 4), ERR_ARG);
    assert_int_equal(call_message(x.client.thread, SYS_call,
                                  (struct message){.tag = TAG_HANDLE, .rdi = x.to, .rbx = 999}),
                     ERR_HANDLE);
    assert_int_equal(call_message(x.client.thread, SYS_call,
                                  (struct message){.tag = TAG_HANDLE, .rdi = x.to, .rbx = x.to}),
                     ERR_RIGHTS); // no TRANSFER
    pair_end(&x);
}

static void test_handles_travel(void **)
{
    struct pair x = pair_start(5, 5);
    uint64_t m = made(CALL(x.client.thread, mem_create, PAGE_SIZE));
    assert_int_equal(receive(&x, 0), BLOCKED);
    assert_int_equal(call_message(x.client.thread, SYS_call,
                                  (struct message){.tag = 5 | TAG_HANDLE, .rdi = x.to,
                                                   .rbx = m | (uint64_t)RIGHT_READ << 32}), BLOCKED);
    struct message got = message_of(x.server.thread);
    assert_int_equal(tag_of_call(x.server.thread), 5 | TAG_HANDLE);
    struct handle_entry *e = handle_any(&x.server.task->handles, (uint32_t)got.rbx);
    assert_int_equal(e->rights, RIGHT_READ);
    assert_ptr_equal(e->object, object_behind(x.client.task, m));
    uint64_t back = made(CALL(x.server.thread, port_create));
    assert_int_equal(call_message(x.server.thread, SYS_reply_recv,
                                  (struct message){.tag = TAG_HANDLE, .rdi = x.port | x.reply << 32,
                                                   .rbx = back | (uint64_t)RIGHT_CALL << 32}), BLOCKED);
    got = message_of(x.client.thread);
    assert_true(got.tag & TAG_HANDLE);
    assert_ptr_equal(object_behind(x.client.task, (uint32_t)got.rbx),
                     object_behind(x.server.task, back));
    check_world();
    pair_end(&x);
}

static void test_grants(void **)
{
    struct pair x = pair_start(5, 5);
    struct thread *s = x.server.thread;
    poke(x.client.task, DATA, "some bytes of the client", 25);
    assert_int_equal(receive(&x, 0), BLOCKED);
    assert_int_equal(send(x.client.thread, x.to, 1), BLOCKED);
    made(CALL(s, grant_copy, x.reply, GRANT_READ, 5, DATA + PAGE_SIZE - 3, 10));
    char text[32] = {0};
    peek(x.server.task, DATA + PAGE_SIZE - 3, text, 10);
    assert_string_equal(text, "bytes of t");
    poke(x.server.task, DATA, "SOME", 4);
    made(CALL(s, grant_copy, x.reply, GRANT_WRITE, 0, DATA, 4));
    peek(x.client.task, DATA, text, 10);
    assert_string_equal(text, "SOME bytes");
    assert_int_equal(CALL(s, grant_copy, x.reply, GRANT_READ, 95, DATA, 6).status, ERR_RANGE);
    assert_int_equal(CALL(s, grant_copy, x.reply, GRANT_READ, ~0ull, DATA, 6).status, ERR_RANGE);
    assert_int_equal(CALL(s, grant_copy, x.reply, GRANT_READ | GRANT_WRITE, 0, DATA, 6).status,
                     ERR_ARG);
    assert_int_equal(CALL(s, grant_copy, x.reply, GRANT_READ, 0, USER_MAX - 4, 6).status, ERR_FAULT);
    assert_int_equal(CALL(s, grant_copy, x.reply, GRANT_READ, 0, 0x1000, 6).status, ERR_FAULT);
    assert_int_equal(reply_recv(&x, 0), BLOCKED);
    assert_int_equal(CALL(root_thread, grant_copy, 0, GRANT_READ, 0, DATA, 6).status, ERR_HANDLE);
    pair_end(&x);
}

static void test_big_grant(void **)
{
    struct pair x = pair_start(5, 5);
    enum : uint64_t { BIG = GRANT_COPY_MAX, AT = 0x50000000 };
    static uint8_t pattern[PAGE_SIZE], seen[PAGE_SIZE];
    for (int i = 0; i < PAGE_SIZE; i++) {
        pattern[i] = (uint8_t)(i * 7);
    }
    struct thread *c = x.client.thread, *s = x.server.thread;
    uint64_t m = made(CALL(c, mem_create, BIG + PAGE_SIZE)), n;
    made(CALL(c, mem_map, 0, m, AT, 0, BIG + PAGE_SIZE, 3));
    n = made(CALL(s, mem_create, BIG + PAGE_SIZE));
    made(CALL(s, mem_map, 0, n, AT, 0, BIG + PAGE_SIZE, 3));
    poke(x.client.task, AT + BIG - PAGE_SIZE + 123, pattern, PAGE_SIZE);
    assert_int_equal(receive(&x, 0), BLOCKED);
    assert_int_equal(call_message(c, SYS_call, (struct message){.rdi = x.to, .r14 = AT + 123,
                                                                .r15 = GRANT_READ | BIG}), BLOCKED);
    made(CALL(s, grant_copy, x.reply, GRANT_READ, 0, AT + 77, BIG));
    peek(x.server.task, AT + 77 + BIG - PAGE_SIZE, seen, PAGE_SIZE);
    assert_memory_equal(pattern, seen, PAGE_SIZE);
    assert_int_equal(CALL(s, grant_copy, x.reply, GRANT_READ, 0, AT, BIG + 1).status, ERR_RANGE);
    assert_int_equal(CALL(s, grant_copy, x.reply, GRANT_WRITE, 0, AT, 8).status, ERR_RIGHTS);
    check_world();
    pair_end(&x);
}

static void test_notify_and_timer(void **)
{
    struct pair x = pair_start(6, 5);
    made(CALL(x.client.thread, notify, x.to));
    assert_int_equal(receive(&x, 0), OK);
    assert_int_equal(message_of(x.server.thread).tag, TAG_NOTIFY);
    assert_int_equal(message_of(x.server.thread).r14, 42);
    assert_int_equal(receive(&x, 0), BLOCKED);
    made(CALL(x.client.thread, notify, x.to));
    assert_true(thread_runnable(x.server.thread));
    // Calls are left alone where only bits are wanted.
    assert_int_equal(send(x.client.thread, x.to, 1), BLOCKED);
    assert_int_equal(receive(&x, RECV_NOTIFY_ONLY), BLOCKED);
    made(CALL(root_thread, timer_set, x.root_port, host_ticks + 5000, 8));
    host_ticks += 6000;
    tick(&cpus[0]);
    assert_int_equal(message_of(x.server.thread).r14, 8);
    assert_int_equal(receive(&x, 0), OK);
    assert_request(&x, 1);
    made(CALL(root_thread, timer_set, x.root_port, host_ticks + 5000, 8));
    made(CALL(root_thread, timer_set, x.root_port, 0, 0));
    host_ticks += 6000;
    tick(&cpus[0]);
    assert_int_equal(x.p->bits, 0);
    pair_end(&x);
}

// The server dies with the request in its hands; the heir gets it again.
static void test_redelivery(void **)
{
    struct pair x = pair_start(5, 5);
    struct place second = world_task("second", 1 << 20, 5);
    uint64_t to2 = give(&second, x.root_port, RIGHT_CALL, 43);
    assert_int_equal(receive(&x, 0), BLOCKED);
    assert_int_equal(send(x.client.thread, x.to, 7), BLOCKED);
    assert_int_equal(send(second.thread, to2, 9), BLOCKED); // queued behind
    uint64_t number = number_of_call(x.server.thread);
    for (uint64_t round = 1; round <= 3; round++) {
        struct place heir = world_task("heir", 1 << 20, 5);
        give(&heir, x.root_port, RIGHTS_ALL, 0);
        made(CALL(root_thread, task_kill, x.server.task_handle));
        check_world();
        assert_int_equal(x.client.thread->wait, WAIT_CALL);
        assert_int_equal(CALL(root_thread, task_inherit, heir.task_handle, x.server.task_handle).status,
                         ERR_STATE); // the heir has a dynamic handle of its own
        uint64_t dynamic = made(CALL(heir.thread, handle_next, 0));
        made(CALL(heir.thread, handle_close, dynamic));
        made(CALL(root_thread, task_inherit, heir.task_handle, x.server.task_handle));
        check_world();
        uint64_t inherited = made(CALL(heir.thread, handle_next, 0));
        made(CALL(root_thread, task_inherit, heir.task_handle, x.server.task_handle)); // nothing is left
        assert_int_equal(made(CALL(heir.thread, handle_next, 0)), inherited);
        made(CALL(root_thread, handle_close, x.server.thread_handle));
        made(CALL(root_thread, handle_close, x.server.task_handle));
        settle();
        check_world();
        x.server = heir; // handles have their old values
        assert_int_equal(receive(&x, 0), OK);
        assert_request(&x, 7 | round << TAG_DELIVERY_SHIFT);
        assert_int_equal(number_of_call(x.server.thread), number);
    }
    assert_int_equal(reply_recv(&x, 0), OK); // the other one is next
    assert_answer(x.client.thread, 0);
    assert_int_equal(tag_of_call(x.server.thread), 9);
    assert_int_not_equal(number_of_call(x.server.thread), number);
    assert_int_equal(message_of(x.server.thread).rdi, 43);
    world_end(&second);
    pair_end(&x);
}

static void test_parking(void **)
{
    struct pair x = pair_start(5, 5);
    assert_int_equal(receive(&x, 0), BLOCKED);
    assert_int_equal(send(x.client.thread, x.to, 7), BLOCKED);
    made(CALL(x.server.thread, reply_park, x.reply, 1));
    struct place heir = world_task("heir", 1 << 20, 5);
    made(CALL(root_thread, task_kill, x.server.task_handle));
    assert_int_equal(x.client.thread->wait, WAIT_REPLY);
    made(CALL(root_thread, task_inherit, heir.task_handle, x.server.task_handle));
    made(CALL(heir.thread, reply_info, x.reply, DATA));
    struct reply_info info;
    peek(heir.task, DATA, &info, sizeof(info));
    assert_true(info.bound && info.parked && info.badge == 42 && info.delivery == 0);
    made(CALL(heir.thread, grant_copy, x.reply, GRANT_READ, 0, DATA, 4));
    assert_int_equal(call_message(heir.thread, SYS_reply,
                                  (struct message){.tag = 1, .w = {6, 5, 4, 3, 2, 1},
                                                   .rdi = x.reply << 32}), OK);
    assert_answer(x.client.thread, 1);
    world_end(&heir);
    check_world();
    pair_end(&x);
}

static void test_parked_without_heir(void **)
{
    struct pair x = pair_start(5, 5);
    assert_int_equal(receive(&x, 0), BLOCKED);
    assert_int_equal(send(x.client.thread, x.to, 7), BLOCKED);
    made(CALL(x.server.thread, reply_park, x.reply, 1));
    world_end(&x.server);
    assert_true(thread_runnable(x.client.thread));
    assert_int_equal(x.client.thread->regs.rax, ERR_RESTARTED);
    world_end(&x.client);
    made(CALL(root_thread, handle_close, x.root_port));
    settle();
    check_world();
}

static void test_port_dies(void **)
{
    struct pair x = pair_start(5, 5);
    assert_int_equal(send(x.client.thread, x.to, 7), BLOCKED);
    made(CALL(root_thread, handle_close, x.root_port));
    world_end(&x.server); // the last handle that could receive
    assert_int_equal(x.client.thread->regs.rax, ERR_DEAD);
    assert_int_equal(send(x.client.thread, x.to, 7), ERR_DEAD);
    world_end(&x.client);
    check_world();
}

static void test_client_dies(void **)
{
    struct pair x = pair_start(5, 5);
    assert_int_equal(receive(&x, 0), BLOCKED);
    assert_int_equal(send(x.client.thread, x.to, 7), BLOCKED);
    world_end(&x.client);
    assert_int_equal(CALL(x.server.thread, grant_copy, x.reply, GRANT_READ, 0, DATA, 4).status,
                     ERR_CANCELLED);
    assert_int_equal(reply_recv(&x, 0), BLOCKED); // nothing to be said against it
    x.client = world_task("client", 1 << 20, 5);
    x.to = give(&x.client, x.root_port, RIGHT_CALL | RIGHT_NOTIFY, 42);
    assert_int_equal(send(x.client.thread, x.to, 7), BLOCKED);
    assert_request(&x, 7);
    pair_end(&x);
}

static void test_stop_ends_waits(void **)
{
    struct pair x = pair_start(5, 5);
    assert_int_equal(receive(&x, 0), BLOCKED);
    made(CALL(root_thread, thread_stop, x.server.thread_handle));
    assert_int_equal(x.server.thread->regs.rax, ERR_CANCELLED);
    assert_int_equal(send(x.client.thread, x.to, 7), BLOCKED);
    made(CALL(root_thread, thread_start, x.server.thread_handle));
    assert_int_equal(receive(&x, 0), OK);
    made(CALL(root_thread, thread_stop, x.client.thread_handle));
    assert_int_equal(x.client.thread->regs.rax, ERR_CANCELLED);
    made(CALL(root_thread, thread_start, x.client.thread_handle));
    assert_true(thread_runnable(x.client.thread));
    check_world();
    pair_end(&x);
}

// Faults of a task arrive at its fault port.
static void test_faults(void **)
{
    struct pair x = pair_start(5, 5);
    uint64_t fault_port = made(CALL(root_thread, handle_copy, x.root_port, RIGHT_CALL, 900));
    made(CALL(root_thread, task_set_fault_port, x.client.task_handle, fault_port));
    assert_int_equal(receive(&x, 0), BLOCKED);
    for (int i = 0; i < 3; i++) {
        run_as(x.client.thread);
        x.client.thread->regs.rip = 0x7777;
        kernel_exception(&cpus[0], 14, 4, 0x10);
        assert_int_equal(x.client.thread->wait, WAIT_FAULT);
        assert_true(thread_runnable(x.server.thread));
        struct message m = message_of(x.server.thread);
        assert_int_equal(tag_of_call(x.server.thread), TAG_FAULT | FAULT_EXCEPTION);
        assert_int_equal(m.rdi, 900);
        assert_int_equal(m.w[0], 14);
        assert_int_equal(m.w[2], 0x7777);
        assert_int_equal(m.w[3], 0x10);
        check_world();
        assert_int_equal(reply_recv(&x, i < 2 ? FAULT_RESUME : FAULT_STOP), BLOCKED);
        assert_int_equal(thread_runnable(x.client.thread), i < 2);
        check_world();
    }
    // A supervisor that dies gets the fault message again, too.
    struct place other = world_task("other", 1 << 20, 5);
    made(CALL(root_thread, task_set_fault_port, other.task_handle, fault_port));
    assert_int_equal(CALL(other.thread, task_exit, 55).status, BLOCKED);
    assert_int_equal(tag_of_call(x.server.thread), TAG_FAULT | FAULT_EXIT);
    assert_int_equal(message_of(x.server.thread).w[3], 55);
    made(CALL(root_thread, task_kill, x.server.task_handle));
    assert_int_equal(other.thread->wait, WAIT_FAULT);
    assert_ptr_equal(other.thread->port, x.p);
    check_world();
    world_end(&other);
    made(CALL(root_thread, handle_close, fault_port));
    pair_end(&x);
}

static void test_lazy_pages_fault_in(void **)
{
    struct place p = world_task("lazy", 1 << 20, 5);
    uint64_t m = made(CALL(p.thread, mem_create, 64 * PAGE_SIZE)), pa;
    uint64_t at = made(CALL(p.thread, mem_map, 0, m, 0, 0, 64 * PAGE_SIZE, 3));
    uint32_t prot;
    assert_false(arch_page_lookup(&p.task->space, at, &pa, &prot));
    run_as(p.thread);
    kernel_exception(&cpus[0], 14, 6, at + 5); // a write
    assert_true(arch_page_lookup(&p.task->space, at, &pa, &prot));
    assert_true(thread_runnable(p.thread));
    kernel_exception(&cpus[0], 14, 0x15, at + 5); // execution is not allowed there
    assert_false(thread_runnable(p.thread));
    world_end(&p);
    check_world();
}

static void test_priorities(void **)
{
    struct place low = world_task("low", 1 << 20, 3), high = world_task("high", 1 << 20, 9);
    made(CALL(root_thread, thread_set_sched, low.thread_handle, 3));
    uint64_t bell = made(CALL(root_thread, port_create));
    uint64_t mine = give(&high, bell, RIGHTS_ALL, 0), theirs = give(&low, bell, RIGHTS_ALL, 1);
    assert_int_equal(call_message(high.thread, SYS_recv,
                                  (struct message){.rdi = mine, .r14 = RECV_NOTIFY_ONLY}), BLOCKED);
    // Root (31) keeps the CPU over both; out of its way, the woken one preempts.
    run_as(low.thread);
    sched_stop(root_thread);
    root_thread->hold |= HOLD_STOPPED;
    CALL(low.thread, notify, theirs);
    assert_ptr_equal(cpus[0].current, high.thread);
    assert_true(low.thread->queued);
    thread_release(root_thread, HOLD_STOPPED);
    // Equals take turns when a slice is over.
    made(CALL(root_thread, thread_set_sched, low.thread_handle, 9));
    root_thread->hold |= HOLD_STOPPED;
    sched_stop(root_thread);
    kernel_resched(&cpus[0]);
    struct thread *first = cpus[0].current;
    int turns = 0;
    for (int i = 0; i < 10; i++) {
        host_ticks += 11'000'000;
        tick(&cpus[0]);
        turns += cpus[0].current != first;
        first = cpus[0].current;
    }
    assert_int_equal(turns, 10);
    // A budget of 10 % demotes whoever uses it up; the other one then has the CPU.
    thread_release(root_thread, HOLD_STOPPED);
    run_as(root_thread);
    made(CALL(root_thread, thread_set_sched, low.thread_handle, 20, 10'000, 100'000));
    root_thread->hold |= HOLD_STOPPED;
    sched_stop(root_thread);
    kernel_resched(&cpus[0]);
    uint64_t low_before = low.thread->ticks, start = host_ticks;
    for (int i = 0; i < 1000; i++) {
        host_ticks += 1'000'000;
        tick(&cpus[0]);
        check_world();
    }
    uint64_t share = (low.thread->ticks - low_before) * 100 / (host_ticks - start);
    assert_in_range(share, 8, 13);
    thread_release(root_thread, HOLD_STOPPED);
    world_end(&low);
    world_end(&high);
    made(CALL(root_thread, handle_close, bell));
    settle();
    check_world();
}

static void test_priority_passes_along(void **)
{
    struct pair x = pair_start(2, 8);
    assert_int_equal(receive(&x, 0), BLOCKED);
    assert_int_equal(send(x.client.thread, x.to, 1), BLOCKED);
    assert_int_equal(x.server.thread->effective, 8);
    struct place urgent = world_task("urgent", 1 << 20, 20);
    uint64_t to = give(&urgent, x.root_port, RIGHT_CALL, 1);
    assert_int_equal(send(urgent.thread, to, 1), BLOCKED); // waits in the queue, and pushes
    assert_int_equal(x.server.thread->effective, 20);
    check_world();
    assert_int_equal(reply_recv(&x, 0), OK); // takes the urgent one
    assert_int_equal(x.server.thread->effective, 20);
    assert_int_equal(reply_recv(&x, 0), BLOCKED);
    assert_int_equal(x.server.thread->effective, 2);
    world_end(&urgent);
    pair_end(&x);
}

// A chain of servers: the one at its end inherits from the one at its start.
static void test_priority_passes_through_chain(void **)
{
    struct pair a = pair_start(2, 4), b = pair_start(1, 4);
    uint64_t a_to_b = give(&a.server, b.root_port, RIGHT_CALL, 5);
    assert_int_equal(receive(&a, 0), BLOCKED);
    assert_int_equal(receive(&b, 0), BLOCKED);
    assert_int_equal(send(a.client.thread, a.to, 1), BLOCKED);
    assert_int_equal(send(a.server.thread, a_to_b, 1), BLOCKED);
    assert_int_equal(b.server.thread->effective, 4);
    struct place urgent = world_task("urgent", 1 << 20, 20);
    uint64_t to = give(&urgent, a.root_port, RIGHT_CALL, 1);
    assert_int_equal(send(urgent.thread, to, 1), BLOCKED);
    assert_int_equal(a.server.thread->effective, 20);
    assert_int_equal(b.server.thread->effective, 20);
    check_world();
    world_end(&urgent);
    pair_end(&a);
    pair_end(&b);
}

int ipc_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_and_reply),
        cmocka_unit_test(test_fast_path),
        cmocka_unit_test(test_call_numbers),
        cmocka_unit_test(test_wrong_calls),
        cmocka_unit_test(test_handles_travel),
        cmocka_unit_test(test_grants),
        cmocka_unit_test(test_big_grant),
        cmocka_unit_test(test_notify_and_timer),
        cmocka_unit_test(test_redelivery),
        cmocka_unit_test(test_parking),
        cmocka_unit_test(test_parked_without_heir),
        cmocka_unit_test(test_port_dies),
        cmocka_unit_test(test_client_dies),
        cmocka_unit_test(test_stop_ends_waits),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_lazy_pages_fault_in),
        cmocka_unit_test(test_priorities),
        cmocka_unit_test(test_priority_passes_along),
        cmocka_unit_test(test_priority_passes_through_chain),
    };
    return cmocka_run_group_tests_name("kernel: messages and scheduling", tests, world_start, NULL);
}
