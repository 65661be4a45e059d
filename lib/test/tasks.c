// SPDX-License-Identifier: MIT
// Tasks: made, given memory and handles, started, dying; what becomes of their callers and parked
// requests.
//
// The children run two small position-independent programs, copied into memory of their own.
#include "lib/test/rttest.h"
#include "lib/rt/movable.h"
#include <string.h>

// Receives from handle 3 with the Reply object 4, then dies of an invalid instruction.
// The second one parks the caller first.
__asm__(".pushsection .rodata.rttest_programs, \"a\"\n"
        ".globl rttest_die, rttest_park, rttest_end\n"
        "rttest_die:\n"
        "    movl $3, %eax\n" // SYS_recv
        "    movq $0x400000003, %rdi\n"
        "    xorl %r14d, %r14d\n"
        "    xorl %r15d, %r15d\n"
        "    syscall\n"
        "    ud2\n"
        "rttest_park:\n"
        "    movl $3, %eax\n"
        "    movq $0x400000003, %rdi\n"
        "    xorl %r14d, %r14d\n"
        "    xorl %r15d, %r15d\n"
        "    syscall\n"
        "    movl $7, %eax\n" // SYS_reply_park
        "    movl $4, %edi\n"
        "    movl $1, %esi\n"
        "    syscall\n"
        "    ud2\n"
        "rttest_end:\n"
        ".popsection\n");
static_assert(SYS_recv == 3 && SYS_reply_park == 7);
extern const char rttest_die[], rttest_park[], rttest_end[];

enum { CHILD_QUOTA = 256 << 10, LABEL = 0x7e01 };

struct call {
    handle_t port, done;
    enum status status;
    uint64_t word;
};

static void call_child(void *arg)
{
    struct call *c = arg;
    struct ipc_message m = {.tag = LABEL, .w = {17}};
    c->status = ipc_call_status(c->port, &m, nullptr, 0);
    c->word = m.w[0];
    (void)ipc_notify(c->done);
    sys_thread_exit();
}

// Maps the programs executable into the child; returns their address there, 0 if something failed.
MOVE_ADDRESSES static uint64_t load(handle_t task)
{
    handle_t memory;
    uint64_t here = 0, there = 0;
    if (!CHECK_STATUS(sys_mem_create(PAGE_SIZE, 0, &memory), OK)) {
        return 0;
    }
    CHECK_STATUS(sys_mem_map(0, memory, &here, 0, PAGE_SIZE, PROT_READ | PROT_WRITE), OK);
    memcpy((void *)here, rttest_die, (size_t)(rttest_end - rttest_die));
    CHECK_STATUS(sys_mem_unmap(0, here, PAGE_SIZE), OK);
    CHECK_STATUS(sys_mem_map(task, memory, &there, 0, PAGE_SIZE, PROT_READ | PROT_EXEC), OK);
    CHECK_STATUS(sys_handle_close(memory), OK);
    return there;
}

struct child {
    handle_t task, thread, fault_port, fault_reply;
};

static bool child_start(struct child *c, handle_t port, const char *program)
{
    char name[NAME_SIZE] = "rttest child";
    handle_t reply, there, faults;
    bool ok = CHECK_STATUS(sys_task_create(CHILD_QUOTA, 0, name, &c->task), OK);
    uint64_t code = ok ? load(c->task) : 0;
    if (code == 0) {
        return false;
    }
    ok = CHECK_STATUS(sys_reply_create(&reply), OK) &&
         CHECK_STATUS(sys_handle_install(c->task, 3, port, RIGHT_RECV, 0, &there), OK) &&
         CHECK_STATUS(sys_handle_install(c->task, 4, reply, RIGHTS_ALL, 0, &there), OK) &&
         CHECK_STATUS(sys_handle_close(reply), OK) &&
         CHECK_STATUS(sys_port_create(&c->fault_port), OK) &&
         CHECK_STATUS(sys_reply_create(&c->fault_reply), OK) &&
         CHECK_STATUS(sys_handle_copy(c->fault_port, RIGHT_CALL, 55, &faults), OK) &&
         CHECK_STATUS(sys_task_set_fault_port(c->task, faults), OK) &&
         CHECK_STATUS(sys_handle_close(faults), OK);
    struct thread_args args = {.entry = code + (uint64_t)(program - rttest_die), .priority = 1};
    return ok && CHECK_STATUS(sys_thread_create(c->task, &args, &c->thread), OK) &&
           CHECK_STATUS(sys_thread_start(c->thread), OK);
}

static void child_close(struct child *c)
{
    CHECK_STATUS(sys_handle_close(c->thread), OK);
    CHECK_STATUS(sys_handle_close(c->task), OK);
    CHECK_STATUS(sys_handle_close(c->fault_port), OK);
    CHECK_STATUS(sys_handle_close(c->fault_reply), OK);
}

// Waits for the child's death: an invalid instruction. Returns the tag that the child's last system
// call left, of the message it received.
static uint64_t await_fault(struct child *c)
{
    struct ipc_message m = {0};
    struct task_info info;
    CHECK_STATUS(ipc_recv(c->fault_port, c->fault_reply, &m, 0), OK);
    CHECK((m.tag & TAG_FAULT) && ipc_label(&m) == FAULT_EXCEPTION && m.badge == 55);
    CHECK(m.w[0] == 6 && ipc_call_number(&m) != 0);
    struct thread_regs regs = {0};
    CHECK_STATUS(sys_thread_get_regs(c->thread, &regs), OK);
    CHECK(regs.rip == m.w[2] && regs.rip != 0);
    CHECK_STATUS(sys_task_info(c->task, &info), OK);
    CHECK(info.state == TASK_FAULTED && strcmp(info.name, "rttest child") == 0);
    return regs.rsi;
}

static handle_t start_call(struct call *c, struct rttest_thread *thread)
{
    handle_t port = HANDLE_NONE;
    CHECK_STATUS(sys_port_create(&port), OK);
    *c = (struct call){.port = port, .status = ERR_STATE};
    CHECK_STATUS(rt_notify_handle(1, &c->done), OK);
    CHECK(rttest_thread_start(thread, call_child, c));
    return port;
}

static void end_call(struct call *c, struct rttest_thread *thread)
{
    CHECK(rt_wait_until(1, "the caller", rt_now_ns() + 2000000000) == 1);
    rttest_thread_end(thread);
    CHECK_STATUS(sys_handle_close(c->done), OK);
    CHECK_STATUS(sys_handle_close(c->port), OK);
}

// The receiver dies with a request: the next receiver gets it again, and is told so.
static void test_redelivery(void)
{
    struct call call;
    struct rttest_thread caller;
    struct child child;
    handle_t reply;
    handle_t port = start_call(&call, &caller);
    if (!child_start(&child, port, rttest_die)) {
        return;
    }
    struct ipc_message seen = {.tag = await_fault(&child)};
    CHECK_STATUS(sys_task_kill(child.task), OK);
    CHECK_STATUS(sys_reply_create(&reply), OK);
    struct ipc_message m = {0};
    CHECK_STATUS(ipc_recv(port, reply, &m, RECV_NONBLOCK), OK);
    CHECK(ipc_label(&m) == LABEL && ipc_delivery(&m) == 1 && m.w[0] == 17);
    CHECK(ipc_call_number(&m) != 0 && ipc_call_number(&m) == ipc_call_number(&seen));
    m = (struct ipc_message){.tag = OK, .w = {18}};
    CHECK_STATUS(ipc_reply(reply, &m), OK);
    end_call(&call, &caller);
    CHECK(call.status == OK && call.word == 18);
    CHECK_STATUS(sys_handle_close(reply), OK);
    child_close(&child);
}

// A parked request of a task that is gone for good, without an heir, ends with ERR_RESTARTED.
static void test_parked_without_heir(void)
{
    struct call call;
    struct rttest_thread caller;
    struct child child;
    handle_t port = start_call(&call, &caller);
    if (!child_start(&child, port, rttest_park)) {
        return;
    }
    await_fault(&child);
    CHECK_STATUS(sys_task_kill(child.task), OK);
    child_close(&child);
    end_call(&call, &caller);
    CHECK_STATUS(call.status, ERR_RESTARTED);
}

// What a dead task had mapped can be seen, and changed where it could be, without a handle to it.
MOVE_ADDRESSES static void test_memory_of_the_dead(void)
{
    enum { PAGES = 20, BYTES = PAGES * PAGE_SIZE, MARK = 17 * PAGE_SIZE + 8 };
    static const char name[NAME_SIZE] = "predecessor";
    handle_t task, memory, weak;
    uint64_t here = 0, there = 0, again = 0, code, regions = 0, at = 0;
    struct region_info info = {0};
    if (!CHECK_STATUS(sys_task_create(CHILD_QUOTA, 0, name, &task), OK) ||
        !CHECK_STATUS(sys_mem_create(BYTES, 0, &memory), OK)) {
        return;
    }
    CHECK_STATUS(sys_mem_map(task, memory, &there, 0, BYTES, PROT_READ | PROT_WRITE), OK);
    CHECK_STATUS(sys_handle_close(memory), OK);
    code = load(task);
    uint64_t value = 4711, mark = there + MARK;
    CHECK_STATUS(sys_task_write(task, mark, &value, sizeof(value)), OK);
    CHECK_STATUS(sys_task_kill(task), OK);
    while (sys_task_region(task, at, &info) == OK) {
        CHECK(info.start == there ? info.bytes == BYTES && info.prot == (PROT_READ | PROT_WRITE)
                                  : info.start == code);
        at = info.start + info.bytes;
        regions++;
    }
    CHECK(regions == 2);
    CHECK_STATUS(sys_mem_map_from(task, mark, &here, PROT_READ | PROT_WRITE), OK);
    CHECK(*(volatile uint64_t *)(here + MARK) == 4711);
    *(volatile uint64_t *)(here + MARK) = 1147;
    *(volatile uint64_t *)here = 5;
    CHECK_STATUS(sys_task_read(task, mark, &value, sizeof(value)), OK);
    CHECK(value == 1147);
    // Of code a view, whose bytes can be read and never change or run.
    CHECK_STATUS(sys_mem_map_from(task, code, &again, PROT_READ | PROT_WRITE), ERR_STATE);
    CHECK_STATUS(sys_mem_map_from(task, code, &again, PROT_READ | PROT_EXEC), ERR_ARG);
    CHECK_STATUS(sys_mem_map_from(task, code, &again, PROT_READ), OK);
    CHECK(memcmp((const void *)again, rttest_die, (size_t)(rttest_end - rttest_die)) == 0);
    CHECK_STATUS(sys_mem_protect(0, again, PAGE_SIZE, PROT_READ | PROT_WRITE), ERR_RIGHTS);
    CHECK_STATUS(sys_mem_map_from(task, code, &again, PROT_READ), ERR_EXISTS);
    CHECK_STATUS(sys_handle_copy(task, RIGHT_READ, 0, &weak), OK);
    uint64_t none = 0;
    CHECK_STATUS(sys_mem_map_from(weak, there, &none, PROT_READ | PROT_WRITE), ERR_RIGHTS);
    CHECK_STATUS(sys_handle_close(weak), OK);
    CHECK_STATUS(sys_handle_close(task), OK);
    CHECK(*(volatile uint64_t *)(here + MARK) == 1147 && *(volatile uint64_t *)here == 5); // it stays
    CHECK_STATUS(sys_mem_unmap(0, here, BYTES), OK);
    CHECK_STATUS(sys_mem_unmap(0, again, PAGE_SIZE), OK);
}

// Port 0x80 takes whatever is written there, and nothing comes of it.
static void test_send_bytes(void)
{
    enum { POST = 0x80 };
    static const char text[IO_SEND_MAX + 1] = "to a port";
    handle_t post = rt_handle("post");
    uint64_t sent = 7;
    CHECK_STATUS(sys_io_send(post, POST, text, IO_SEND_MAX, &sent), OK);
    CHECK_STATUS(sys_io_send(post, POST, text, 9, &sent), OK);
    CHECK(sent == 7 + IO_SEND_MAX + 9);
    CHECK_STATUS(sys_io_send(post, POST, text, IO_SEND_MAX + 1, &sent), ERR_RANGE);
    CHECK_STATUS(sys_io_send(post, POST + 1, text, 1, &sent), ERR_RANGE);
    CHECK_STATUS(sys_io_send(post, POST, nullptr, 1, &sent), ERR_FAULT);
    CHECK_STATUS(sys_io_send(post, POST, text, 1, (uint64_t *)(uintptr_t)text), ERR_FAULT); // const
    CHECK_STATUS(sys_io_send(H_SERVICE_PORT, POST, text, 1, &sent), ERR_TYPE);
    CHECK(sent == 7 + IO_SEND_MAX + 9);
}

static void test_quota_comes_back(void)
{
    struct task_info before, after;
    CHECK_STATUS(sys_task_info(0, &before), OK);
    for (int i = 0; i < 5; i++) {
        test_redelivery();
        test_parked_without_heir();
        test_memory_of_the_dead();
    }
    rt_sleep_until(rt_now_ns() + 20000000); // what was destroyed is reaped in steps
    CHECK_STATUS(sys_task_info(0, &after), OK);
    CHECK(after.handles == before.handles);
    CHECK(after.quota_used <= before.quota_used + 2 * PAGE_SIZE);
}

void test_tasks(void)
{
    test_redelivery(); // once before measuring: tables grow
    test_parked_without_heir();
    test_memory_of_the_dead();
    test_quota_comes_back();
    if (rt_handle("post") != HANDLE_NONE) {
        test_send_bytes();
    }
    struct task_info info;
    CHECK_STATUS(sys_task_info(0, &info), OK);
    CHECK(info.sealed == 1);
    CHECK(info.threads == 1);
    CHECK(info.state == TASK_RUNNING);
}
