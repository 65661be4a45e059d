// SPDX-License-Identifier: MIT
// The event loop.
//
// One turn: a message comes; its first moments go into the status page, so that the supervisor can
// tell a service that works from one that hangs, and from what; the dispatcher runs as a transaction;
// it commits; the answer and the wait for the next message are one system call.
//
// Compiled without the undo log: what is stored here is never undone. What has to be known after a
// death (interfaces, the answer given last) is state that moves, the rest is RT_OWN.
#include "lib/rt/internal.h"
#include "lib/rt/shadow.h"
#include "lib/rt/undo_log.h"

handle_t serve_reply;
RT_OWN bool serve_untidy; // an heir has still to give back what its move needed

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
    page->request_call = ipc_call_number(m);
    page->request_since = now;
    struct message_trace *trace = &page->messages[page->message_next++ % STATUS_MESSAGES];
    trace->time_ns = now;
    trace->badge = m->badge;
    trace->label = ipc_label(m);
    trace->delivery = ipc_delivery(m);
    trace->word0 = m->w[0];
}

static void serve_ready(void);
static void serve_bits(uint64_t bits);

// ---- What is in work ----

RT_OWN static struct {
    struct request rq;       // as the handler sees it
    handle_t came_with;      // the handle it came with, also when the handler has taken it
    struct waiting *again;   // it ran before, and gave up; nullptr: it came just now
    bool request;            // a handler is at work that will be answered
    bool committed_on;
    handle_t parked;         // by this transaction: unparked if it is undone
    // rt_await
    uint64_t key;
    void (*start)(const void *arg);
    uint64_t arg[RT_AWAIT_BYTES / sizeof(uint64_t)];
} work;

void serve_committed_on(void)
{
    work.committed_on = true;
}

void serve_parked(handle_t reply)
{
    work.parked = reply;
}

bool rt_may_await(void)
{
    return work.request && !work.committed_on && tx_undone();
}

static void undo(void)
{
    tx_rollback();
    if (work.parked != HANDLE_NONE) {
        (void)sys_reply_park(work.parked, false);
        work.parked = HANDLE_NONE;
    }
}

// Death between a park and its commit leaves the caller parked with the Reply object that the loop,
// as it was before that transaction, receives with. It goes back to the port, and comes again.
void serve_takes_over(void)
{
    struct reply_info info;
    if (sys_reply_info(serve_reply, &info) == OK && info.bound) {
        (void)sys_reply_return(serve_reply);
    }
}

void rt_await(uint64_t key, void (*start)(const void *arg), const void *arg, size_t bytes)
{
    rt_assert(rt_may_await() && bytes <= RT_AWAIT_BYTES);
    work.key = key;
    work.start = start;
    if (bytes > 0) {
        __builtin_memcpy(work.arg, arg, bytes);
    }
    loop_restart(LOOP_AWAIT);
}

// ---- Answers that may have to be given again ----

// What the transaction number `transaction` answered. It counts once that one has committed, see
// heir.c; the call comes again if death came before the answer was sent.
struct answer_note answer_last;
struct answer_note answers_given[ANSWERS_GIVEN];

static struct answer_note *given_before(const struct ipc_message *m)
{
    for (int i = 0; i < ANSWERS_GIVEN; i++) {
        if (answers_given[i].call != 0 && answers_given[i].call == ipc_call_number(m)) {
            return &answers_given[i];
        }
    }
    return nullptr;
}

static inline void note_answer(uint32_t call, const struct request *rq)
{
    answer_last.transaction = UINT64_MAX; // in no order of stores is it half valid
    __asm__ volatile("" ::: "memory");
    answer_last.call = call;
    answer_last.handle = rq->answer_handle;
    answer_last.rights = rq->answer_rights;
    answer_last.tag = rq->m.tag;
    for (int i = 0; i < IPC_WORDS; i++) {
        answer_last.w[i] = rq->m.w[i];
    }
    __asm__ volatile("" ::: "memory");
    answer_last.transaction = undo_log.transaction;
}

static void answer_as_before(struct request *rq, struct answer_note *given)
{
    rq->m.tag = given->tag;
    for (int i = 0; i < IPC_WORDS; i++) {
        rq->m.w[i] = given->w[i];
    }
    rq->answer_handle = given->handle;
    rq->answer_rights = given->rights;
    rq->m.handle = given->handle;
    rq->m.handle_rights = given->rights;
    rq->close_after = HANDLE_NONE;
}

// ---- A request that killed each time it was tried ----

static inline bool is_poison(const struct request *rq)
{
    return rt_startup->poison_call != 0 && ipc_call_number(&rq->m) == rt_startup->poison_call;
}

// The supervisor keeps what it was, for those who look for the reason. The status page is no part
// of any transaction.
static void note_letter(struct request *rq)
{
    struct dead_letter *letter = &rt_status->letter;
    uint64_t bytes = rt_grant_bytes(rq) < LETTER_BYTES ? rt_grant_bytes(rq) : LETTER_BYTES;
    bool readable = rq->m.grant & GRANT_READ && rt_grant_read(rq, 0, letter->data, bytes) == OK;
    letter->bytes = readable ? (uint32_t)bytes : 0;
    letter->grant = rq->m.grant;
    for (int i = 0; i < IPC_WORDS; i++) {
        letter->words[i] = rq->m.w[i];
    }
    __asm__ volatile("" ::: "memory");
    letter->call = ipc_call_number(&rq->m);
    rt_progress();
}

static void answer_poison(struct request *rq)
{
    note_letter(rq);
    rq->m = (struct ipc_message){.tag = ERR_POISON};
    rq->answer_handle = HANDLE_NONE;
    rq->close_after = HANDLE_NONE;
}

// ---- Running handlers ----

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

// After the commit: until then the request may have to run again.
static void after_handles(handle_t left)
{
    if (left != HANDLE_NONE) { // nobody took it over
        (void)sys_handle_close(left);
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

// Receives the next message into rq; false when the port is of no use any more. Those who waited
// and can go on come first.
static bool receive(struct request *rq)
{
    enum status status;
    serve_ready();
    do {
        // With nothing to do, an heir tidies up after its birth.
        status = ipc_recv(rt_port, serve_reply, &rq->m, serve_untidy ? RECV_NONBLOCK : 0);
        if (status == ERR_AGAIN) {
            serve_untidy = heir_cleans_up();
        }
    } while (status == ERR_CANCELLED || status == ERR_AGAIN); // or stopped by a debugger
    if (status != OK) {
        log_error("receive: %s", rt_status_text(status));
    }
    return status == OK;
}

static void send_answer(struct request *rq)
{
    enum status status = ipc_reply(rq->reply, &rq->m);
    if (status != OK && rq->answer_handle != HANDLE_NONE) {
        answer_without_handle(rq, status);
    }
    if (rq->close_after != HANDLE_NONE) {
        (void)sys_handle_close(rq->close_after);
    }
}

static bool receive_next(struct request *rq)
{
    if (notify_pending != 0) {
        serve_bits(0);
    }
    return receive(rq);
}

// The slow way of answering: with things to do between the answer and the next message.
static bool answer_then_receive(struct request *rq)
{
    send_answer(rq);
    return receive_next(rq);
}

// What was given is forgotten only when it has been given again: a death in between brings the call once more.
static bool answer_again(struct request *rq, struct answer_note *given)
{
    answer_as_before(rq, given);
    send_answer(rq);
    given->call = 0;
    return receive_next(rq);
}

static inline bool answer_and_receive(struct request *rq)
{
    if (__builtin_expect((rq->answer_handle | rq->close_after) != HANDLE_NONE ||
                         (notify_pending | await_ready_count) != 0, 0)) {
        return answer_then_receive(rq);
    }
    enum status status = ipc_reply_recv(rt_port, rq->reply, &rq->m, 0);
    // Else the caller is gone (nobody to tell), or the wait was interrupted.
    return __builtin_expect(status == OK, 1) || receive(rq);
}

// Begins the transaction of work.rq.
static inline void begin(struct request *rq)
{
    rq->answer_handle = HANDLE_NONE;
    rq->answer_rights = 0;
    rq->outcome = RT_OPEN;
    rq->close_after = HANDLE_NONE;
    work.parked = HANDLE_NONE;
    work.committed_on = false;
    work.request = true;
    note_begin(&rq->m);
    tx_begin();
    shadow_if_wanted();
}

// What follows is no handler any more. The supervisor goes on counting the request's time until its
// deferred actions are done: they may take theirs.
static inline void end(void)
{
    work.request = false;
}

static inline void commit(void)
{
    tx_commit();
    rt_status->request_since = 0;
}

// Serves the request in work.rq and receives the next message.
static inline bool serve_one(struct request *rq)
{
    rq->reply = serve_reply;
    before_handles(rq);
    work.came_with = rq->m.handle;
    work.again = nullptr;
    uint32_t call = ipc_call_number(&rq->m);
    if (__builtin_expect(ipc_delivery(&rq->m) != 0, 0)) {
        struct answer_note *given = given_before(&rq->m);
        if (given) {
            after_handles(rq->m.handle);
            return answer_again(rq, given);
        }
        if (is_poison(rq)) {
            after_handles(rq->m.handle);
            answer_poison(rq);
            return answer_then_receive(rq);
        }
    }
    begin(rq);
    uint32_t label = run(rq);
    handle_t left = rq->m.handle;
    end();
    if (rq->outcome == RT_PARKED) {
        rt_assert(label == (uint32_t)STATUS_PENDING);
        commit();
        after_handles(left);
        return receive(rq);
    }
    rt_assert(label != (uint32_t)STATUS_PENDING); // pending, but nobody took the request away
    rt_progress();
    set_answer(rq, label);
    note_answer(call, rq);
    commit();
    after_handles(left);
    return answer_and_receive(rq);
}

// ---- Requests that gave up for now ----

// What rt_await left: the request is undone already.
static void give_up_for_now(void)
{
    struct request *rq = &work.rq;
    rt_status->awaits++;
    rq->m.handle = work.came_with;
    work.request = false;
    tx_begin();
    bool parked = await_park(rq, work.again, work.key);
    if (parked && work.start) {
        work.start(work.arg);
    }
    commit();
    if (!parked) {
        struct ipc_message m = {.tag = ERR_MEMORY};
        (void)ipc_reply(rq->reply, &m);
    }
    work.start = nullptr;
}

// The request is answered with an error, and nothing of it stays.
static void fail(enum status status)
{
    struct ipc_message m = {.tag = status};
    struct request *rq = &work.rq;
    end();
    tx_begin();
    if (work.again) {
        await_take(work.again);
        if (!defer_answer(rq, &m)) {
            (void)ipc_reply(rq->reply, &m);
        }
        commit();
    } else {
        commit();
        (void)ipc_reply(rq->reply, &m);
    }
    after_handles(work.came_with);
}

// Runs one that waited, from its beginning. Its answer goes out as that of a parked one.
static void serve_again(struct waiting *w)
{
    struct request *rq = &work.rq;
    *rq = w->rq;
    work.came_with = rq->m.handle;
    work.again = w;
    if (is_poison(rq)) {
        note_letter(rq);
        fail(ERR_POISON);
        return;
    }
    begin(rq);
    await_take(w);
    uint32_t label = run(rq);
    handle_t left = rq->m.handle;
    if (rq->outcome != RT_PARKED) {
        rt_assert(label != (uint32_t)STATUS_PENDING);
        rt_progress();
        set_answer(rq, label);
        if (!defer_answer(rq, &rq->m)) {
            loop_restart(LOOP_OVERFLOW);
        }
    }
    end();
    commit();
    after_handles(left);
}

static void serve_ready(void)
{
    struct waiting *w;
    while ((w = await_ready()) != nullptr) {
        serve_again(w);
    }
}

// ---- The loop ----

// Work that nobody asked for in a message (timers, devices) counts as a request while it lasts: it
// may take as long, and answers no pings meanwhile.
static void serve_bits(uint64_t bits)
{
    bool work_to_do = bits & ~NOTIFY_PING;
    if (work_to_do) {
        rt_status->request_since = time_now();
    }
    tx_begin();
    if (work_to_do) {
        shadow_if_wanted();
    }
    notify_bits(bits);
    notify_deferred();
    tx_commit();
    checkpoint_if_wanted();
    rt_status->request_since = 0;
}

static void after_restart(int why)
{
    if (why == LOOP_FIRST) {
        return;
    }
    undo();
    if (why == LOOP_AWAIT) {
        give_up_for_now();
    } else {
        rt_status->overflows++;
        fail(ERR_QUOTA);
    }
}

int serve_forever(int why)
{
    after_restart(why);
    struct request *rq = &work.rq;
    bool going = receive(rq);
    while (going) {
        if (rq->m.tag & TAG_NOTIFY) {
            serve_bits(rq->m.bits);
            going = receive(rq);
        } else {
            going = serve_one(rq);
        }
    }
    return 1;
}

// Pointers to a stack lead nowhere in an heir. Better told at the first birth than found at the first rebirth.
static bool on_stack(const void *p)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return (uintptr_t)p >= here && (uintptr_t)p - here < 4096;
}

bool serve_begin_anew(void)
{
    answer_last = (struct answer_note){0};
    __builtin_memset(answers_given, 0, sizeof(answers_given));
    notify_pending = 0;
    reply_init();
    await_forget();
    serve_reply = reply_take();
    return serve_reply != HANDLE_NONE;
}

int rt_serve(const struct rt_interface *list, size_t count)
{
    rt_assert(!on_stack(list));
    for (size_t i = 0; i < count; i++) {
        rt_assert(!on_stack(list[i].ops));
        rt_assert(list[i].protocol < PROTOCOLS && !interfaces[list[i].protocol]);
        interfaces[list[i].protocol] = &list[i];
    }
    serve_reply = reply_take();
    if (serve_reply == HANDLE_NONE) {
        log_error("no Reply object: quota used up");
        return 1;
    }
    undo_commit(); // start-up is over: this is what the first transaction goes back to
    state_is_served_here();
    rt_status->movable = tx_undone();
    rt_ready();
    serve_bits(0); // what came while start-up code was waiting
    return loop_run();
}
