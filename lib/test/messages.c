// SPDX-License-Identifier: MIT
// Calls, replies, grants, handles in messages, notifications, timers: a thread of our own is the
// server.
#include "lib/test/rttest.h"
#include "lib/rt/movable.h"
#include <string.h>

enum label { ECHO = 0x7f01, TAKE, GIVE, REVERSE, LATER };
enum { BIG = 100000, BADGE = 0xabcd };

struct server {
    handle_t port, reply, spare;
    handle_t taken;
    uint64_t badge;
    enum status copied;
    volatile bool holds_one; // a request that is to be answered later
};

static char own[BIG];

static enum status reverse(struct server *s, uint64_t bytes)
{
    enum status status = sys_grant_copy(s->reply, GRANT_READ, 0, own, bytes);
    for (uint64_t i = 0; i < bytes / 2; i++) {
        char c = own[i];
        own[i] = own[bytes - 1 - i];
        own[bytes - 1 - i] = c;
    }
    return status == OK ? sys_grant_copy(s->reply, GRANT_WRITE, 0, own, bytes) : status;
}

static void answer(struct server *s, struct ipc_message *m)
{
    enum label label = (enum label)ipc_label(m);
    bool handle = (m->tag & TAG_HANDLE) != 0;
    s->badge = m->badge;
    m->tag = OK;
    if (label == TAKE) {
        m->tag = handle ? OK : ERR_ARG;
        s->taken = m->handle;
    } else if (label == GIVE) {
        m->tag |= TAG_HANDLE;
        m->handle = s->taken;
        m->handle_rights = RIGHT_READ;
    } else if (label == REVERSE) {
        m->tag = reverse(s, m->grant & GRANT_LEN_MASK);
    }
}

static void serve(void *arg)
{
    struct server *s = arg;
    struct ipc_message m = {0};
    handle_t parked = HANDLE_NONE;
    enum status status = ipc_recv(s->port, s->reply, &m, 0);
    while (status == OK) {
        if (ipc_label(&m) == LATER) { // answered after the next request
            parked = s->reply;
            s->reply = s->spare;
            s->holds_one = true;
            status = ipc_recv(s->port, s->reply, &m, 0);
            continue;
        }
        answer(s, &m);
        if (parked != HANDLE_NONE) {
            struct ipc_message late = {.tag = ERR_BUSY, .w = {99}};
            (void)ipc_reply(parked, &late);
            s->spare = parked;
            parked = HANDLE_NONE;
        }
        status = ipc_reply_recv(s->port, s->reply, &m, 0);
    }
    sys_thread_exit();
}

static void test_words(handle_t port)
{
    bool same = true;
    for (uint64_t i = 0; i < 200; i++) {
        struct ipc_message m = {.tag = ECHO, .w = {i, ~i, i << 40, 3, 4, i * i}};
        same = same && ipc_call_status(port, &m, nullptr, 0) == OK;
        same = same && m.w[0] == i && m.w[1] == ~i && m.w[2] == i << 40 && m.w[3] == 3 &&
               m.w[4] == 4 && m.w[5] == i * i;
    }
    CHECK(same);
    CHECK_STATUS(ipc_call0(port, ECHO), OK);
}

static void test_handles(struct server *s, handle_t port)
{
    handle_t memory;
    struct handle_info info;
    CHECK_STATUS(sys_mem_create(PAGE_SIZE, 0, &memory), OK);
    struct ipc_message m = {
        .tag = TAKE | TAG_HANDLE, .handle = memory, .handle_rights = RIGHTS_ALL};
    CHECK_STATUS(ipc_call_status(port, &m, nullptr, 0), OK);
    CHECK(s->taken != memory);
    CHECK_STATUS(sys_handle_info(s->taken, &info), OK);
    uint64_t id = info.object_id;
    CHECK(info.type == OBJ_MEMORY && (info.rights & RIGHT_WRITE));
    m = (struct ipc_message){.tag = GIVE};
    CHECK_STATUS(ipc_call_status(port, &m, nullptr, 0), OK);
    CHECK((m.tag & TAG_HANDLE) != 0);
    CHECK_STATUS(sys_handle_info(m.handle, &info), OK);
    CHECK(info.object_id == id && info.rights == RIGHT_READ);
    CHECK_STATUS(sys_handle_close(m.handle), OK);
    CHECK_STATUS(sys_handle_close(s->taken), OK);
    CHECK_STATUS(sys_handle_close(memory), OK);
    m = (struct ipc_message){.tag = TAKE | TAG_HANDLE, .handle = memory};
    CHECK_STATUS(ipc_call(port, &m, nullptr, 0), ERR_HANDLE);
}

static void test_grants(handle_t port)
{
    static char data[BIG];
    bool right = true;
    for (int i = 0; i < BIG; i++) {
        data[i] = (char)(i * 11 + (i >> 9));
    }
    struct ipc_message m = {.tag = REVERSE};
    CHECK_STATUS(ipc_call_status(port, &m, data, BIG | GRANT_READ | GRANT_WRITE), OK);
    for (int i = 0; i < BIG; i++) {
        int j = BIG - 1 - i;
        right = right && data[i] == (char)(j * 11 + (j >> 9));
    }
    CHECK(right);
    m = (struct ipc_message){.tag = REVERSE};
    CHECK_STATUS(ipc_call_status(port, &m, data, BIG | GRANT_READ), ERR_RIGHTS);
    m = (struct ipc_message){.tag = REVERSE};
    CHECK_STATUS(ipc_call_status(port, &m, (void *)0x1000, 100 | GRANT_READ | GRANT_WRITE),
                 ERR_FAULT);
}

// A caller whose answer comes after somebody else's.
static void call_later(void *arg)
{
    struct server *s = arg;
    s->copied = ipc_call0(s->port, LATER);
    (void)ipc_notify(s->taken);
    sys_thread_exit();
}

static void test_late_answer(struct server *s)
{
    struct rttest_thread client;
    CHECK_STATUS(rt_notify_handle(1, &s->taken), OK);
    if (!rttest_thread_start(&client, call_later, s)) {
        return;
    }
    for (int i = 0; i < 1000 && !s->holds_one; i++) { // let it ask first
        rt_sleep_until(rt_now_ns() + 1000000);
    }
    CHECK(s->holds_one);
    CHECK_STATUS(ipc_call0(s->port, ECHO), OK);
    CHECK(rt_wait_until(1, "the late answer", rt_now_ns() + 1000000000) == 1);
    CHECK_STATUS(s->copied, ERR_BUSY);
    rttest_thread_end(&client);
    CHECK_STATUS(sys_handle_close(s->taken), OK);
}

static void test_badges(struct server *s)
{
    handle_t badged;
    CHECK_STATUS(sys_handle_copy(s->port, RIGHT_CALL, BADGE, &badged), OK);
    CHECK_STATUS(ipc_call0(badged, ECHO), OK);
    CHECK(s->badge == BADGE);
    struct ipc_message m = {0};
    CHECK_STATUS(ipc_recv(badged, s->spare, &m, RECV_NONBLOCK), ERR_RIGHTS);
    CHECK_STATUS(ipc_notify(badged), ERR_RIGHTS);
    CHECK_STATUS(sys_handle_close(badged), OK);
}

static void test_notifications(void)
{
    handle_t port, bit1, bit2;
    struct ipc_message m = {0};
    CHECK_STATUS(sys_port_create(&port), OK);
    CHECK_STATUS(sys_handle_copy(port, RIGHT_NOTIFY, 1, &bit1), OK);
    CHECK_STATUS(sys_handle_copy(port, RIGHT_NOTIFY, 4, &bit2), OK);
    CHECK_STATUS(ipc_recv(port, HANDLE_NONE, &m, RECV_NONBLOCK | RECV_NOTIFY_ONLY), ERR_AGAIN);
    CHECK_STATUS(ipc_notify(bit1), OK);
    CHECK_STATUS(ipc_notify(bit2), OK);
    CHECK_STATUS(ipc_notify(bit2), OK);
    CHECK_STATUS(ipc_recv(port, HANDLE_NONE, &m, RECV_NONBLOCK | RECV_NOTIFY_ONLY), OK);
    CHECK((m.tag & TAG_NOTIFY) && m.bits == 5);
    CHECK_STATUS(ipc_recv(port, HANDLE_NONE, &m, RECV_NONBLOCK | RECV_NOTIFY_ONLY), ERR_AGAIN);
    CHECK_STATUS(sys_handle_close(bit1), OK);
    CHECK_STATUS(sys_handle_close(bit2), OK);
    CHECK_STATUS(sys_handle_close(port), OK);
}

void test_messages(void)
{
    struct server s = {0};
    struct rttest_thread thread;
    CHECK_STATUS(sys_port_create(&s.port), OK);
    CHECK_STATUS(sys_reply_create(&s.reply), OK);
    CHECK_STATUS(sys_reply_create(&s.spare), OK);
    if (!rttest_thread_start(&thread, serve, &s)) {
        return;
    }
    test_words(s.port);
    test_handles(&s, s.port);
    test_grants(s.port);
    test_late_answer(&s);
    test_badges(&s);
    test_notifications();
    rttest_thread_end(&thread);
    CHECK_STATUS(sys_handle_close(s.port), OK);
    CHECK_STATUS(sys_handle_close(s.reply), OK);
    CHECK_STATUS(sys_handle_close(s.spare), OK);
}

// ---- Time ----

static int fired;

MOVE_ADDRESSES static void count(void *arg)
{
    fired += (int)(uintptr_t)arg;
}

void test_time(void)
{
    uint64_t own = rt_now_ns(), kernel = sys_clock(), again = rt_now_ns();
    CHECK(own <= kernel + 1000 && kernel <= again + 1000); // one clock, read in two ways
    uint64_t at = rt_now_ns() + 20000000;
    rt_sleep_until(at);
    uint64_t woken = rt_now_ns();
    CHECK(woken + 1000 >= at && woken < at + 500000000);
    CHECK(rt_wait_until(2, "nothing", rt_now_ns() + 1000000) == 0);
    static struct rt_timer timer;
    rt_timer(&timer, rt_now_ns() + 1000000, count, (void *)1);
    rt_timer_cancel(&timer);
    rt_sleep_until(rt_now_ns() + 3000000);
    CHECK(fired == 0);
    uint64_t a = 0, b = 0;
    CHECK_STATUS(sys_random(&a, sizeof(a)), OK);
    CHECK_STATUS(sys_random(&b, sizeof(b)), OK);
    CHECK(a != b && rt_random64() != rt_random64());
}
