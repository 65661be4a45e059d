// SPDX-License-Identifier: MIT
// The event loop.
//
// One turn: a message comes; its first moments go into the status page, so that the supervisor can
// tell a service that works from one that hangs, and from what; the dispatcher runs; the answer and
// the wait for the next message are one system call.
#include "lib/rt/internal.h"

handle_t serve_reply;

// The interface of each protocol number; the list itself stays the caller's.
enum { PROTOCOLS = 256 };
static const struct rt_interface *interfaces[PROTOCOLS];

static uint32_t (*fault_handler)(struct request *rq, void *arg);
static void *fault_arg;

void rt_on_fault(uint32_t (*fn)(struct request *rq, void *arg), void *arg)
{
    fault_handler = fn;
    fault_arg = arg;
}

static inline void note_begin(const struct ipc_message *m)
{
    struct status_page *page = rt_status;
    uint64_t now = time_now();
    page->request_label = ipc_label(m);
    page->request_delivery = ipc_delivery(m);
    page->request_badge = m->badge;
    page->request_since = now;
    struct message_trace *trace = &page->messages[page->message_next++ % STATUS_MESSAGES];
    trace->time_ns = now;
    trace->badge = m->badge;
    trace->label = ipc_label(m);
    trace->delivery = ipc_delivery(m);
    trace->word0 = m->w[0];
}

static uint32_t run_fault(struct request *rq)
{
    return fault_handler ? fault_handler(rq, fault_arg) : FAULT_STOP;
}

static inline uint32_t run(struct request *rq)
{
    if (__builtin_expect((rq->m.tag & TAG_FAULT) != 0, 0)) {
        return run_fault(rq);
    }
    const struct rt_interface *interface = interfaces[ipc_label(&rq->m) >> 8 & (PROTOCOLS - 1)];
    return interface ? interface->dispatch(interface->ops, rq) : ERR_PROTOCOL;
}

// Everything about handles, which few messages carry.
static void before_handles(struct request *rq)
{
    if ((rq->m.tag & TAG_HANDLE) == 0) {
        rq->m.handle = HANDLE_NONE;
    }
}

static void after_handles(struct request *rq)
{
    if (rq->m.handle != HANDLE_NONE) { // nobody took it over
        (void)sys_handle_close(rq->m.handle);
        rq->m.handle = HANDLE_NONE;
    }
}

// Makes rq->m the answer.
static inline void set_answer(struct request *rq, uint32_t label)
{
    rq->m.tag = label;
    if (__builtin_expect(rq->answer_handle != HANDLE_NONE, 0)) {
        rq->m.tag |= TAG_HANDLE;
        rq->m.handle = rq->answer_handle;
        rq->m.handle_rights = rq->answer_rights;
    }
}

// An answer whose handle cannot be sent (it is closed, or may not be transferred) still has to
// come.
static void answer_without_handle(struct request *rq, enum status why)
{
    log_error("an answer's handle %#x cannot be sent: %s", rq->answer_handle, rt_status_text(why));
    struct ipc_message m = {.tag = why};
    (void)ipc_reply(rq->reply, &m);
}

// Receives the next message into rq; false when the port is of no use any more.
static bool receive(struct request *rq)
{
    enum status status;
    do {
        status = ipc_recv(rt_port, serve_reply, &rq->m, 0);
    } while (status == ERR_CANCELLED); // stopped and started again by a debugger
    if (status != OK) {
        log_error("receive: %s", rt_status_text(status));
    }
    return status == OK;
}

// The slow way of answering: with things to do between the answer and the next message.
static bool answer_then_receive(struct request *rq)
{
    enum status status = ipc_reply(rq->reply, &rq->m);
    if (status != OK && rq->answer_handle != HANDLE_NONE) {
        answer_without_handle(rq, status);
    }
    if (rq->close_after != HANDLE_NONE) {
        (void)sys_handle_close(rq->close_after);
    }
    if (notify_pending != 0) {
        notify_deferred();
    }
    return receive(rq);
}

static inline bool answer_and_receive(struct request *rq)
{
    if (__builtin_expect((rq->answer_handle | rq->close_after) != HANDLE_NONE ||
                         notify_pending != 0, 0)) {
        return answer_then_receive(rq);
    }
    enum status status = ipc_reply_recv(rt_port, rq->reply, &rq->m, 0);
    // Else the caller is gone (nobody to tell), or the wait was interrupted.
    return __builtin_expect(status == OK, 1) || receive(rq);
}

// Serves the request in rq and receives the next message.
static inline bool serve_one(struct request *rq)
{
    rq->reply = serve_reply;
    rq->answer_handle = HANDLE_NONE;
    rq->answer_rights = 0;
    rq->outcome = RT_OPEN;
    rq->close_after = HANDLE_NONE;
    before_handles(rq);
    note_begin(&rq->m);
    uint32_t label = run(rq);
    after_handles(rq);
    rt_status->request_since = 0;
    if (rq->outcome == RT_PARKED) {
        rt_assert(label == (uint32_t)STATUS_PENDING);
        notify_deferred();
        return receive(rq);
    }
    rt_assert(label != (uint32_t)STATUS_PENDING); // pending, but nobody took the request away
    rt_progress();
    set_answer(rq, label);
    return answer_and_receive(rq);
}

int rt_serve(const struct rt_interface *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rt_assert(list[i].protocol < PROTOCOLS && !interfaces[list[i].protocol]);
        interfaces[list[i].protocol] = &list[i];
    }
    serve_reply = reply_take();
    if (serve_reply == HANDLE_NONE) {
        log_error("no Reply object: quota used up");
        return 1;
    }
    rt_ready();
    notify_deferred(); // what came while start-up code was waiting
    struct request rq = {0};
    bool going = receive(&rq);
    while (going) {
        if (rq.m.tag & TAG_NOTIFY) {
            notify_bits(rq.m.bits);
            notify_deferred();
            going = receive(&rq);
        } else {
            going = serve_one(&rq);
        }
    }
    return 1;
}
