// SPDX-License-Identifier: MIT
// The console driver: clients' reads and writes on two serial lines.
//
// A request that has to wait is held, not parked: when this process dies, the kernel delivers it
// again to the next one, which finds in the lines' saved memory how far it had come.
#include "interfaces/console.server.h"
#include "lib/rt/movable.h"
#include "servers/console/uart.h"

enum { LINES = 2, KEY_SAVED = 1, KEY_IRQ = 8, KEY_WATCH = 16 };
static const uint64_t log_period_ns = 100'000'000;

struct line {
    struct uart uart;
    struct line_saved *saved;
    bool present;
    uint32_t watched; // enum console_event
    handle_t watcher;
    struct parked *writers, **last_writer; // in the order of arrival
    struct parked *flushers;
    struct parked *reader;
    struct rt_timer again;
};
static struct line lines[LINES];
static struct rt_timer log_timer;

static uint8_t port_read(struct uart *u, uint32_t reg)
{
    uint32_t value;

    return sys_io_read(u->ports, (uint16_t)(u == &lines[0].uart ? 0x3f8 + reg : 0x2f8 + reg), 1,
                       &value) == OK ? (uint8_t)value : 0xff;
}

static void port_write(struct uart *u, uint32_t reg, uint8_t value)
{
    (void)sys_io_write(u->ports, (uint16_t)(u == &lines[0].uart ? 0x3f8 + reg : 0x2f8 + reg), 1,
                       value);
}

static struct line *line_of(const struct request *rq)
{
    uint32_t number = rq->m.badge & 0xff;

    return number >= 1 && number <= LINES && lines[number - 1].present ? &lines[number - 1]
                                                                       : nullptr;
}

static bool again(const struct request *rq)
{
    return ipc_delivery(&rq->m) > 0;
}

// Keeps the caller waiting without parking it in the kernel: it shall be delivered again to an
// heir.
static struct parked *hold(struct request *rq)
{
    struct parked *p = rt_park(rq);

    if (p != nullptr) {
        enum status status = sys_reply_park(p->rq.reply, false);
        rt_assert(status == OK);
    }
    return p;
}

// ---- Writing ----

// The text of a write, from the caller's memory into the ring. The room is there.
static enum status take_text(struct line *l, struct request *rq, uint32_t number)
{
    uint32_t bytes = (uint32_t)rt_grant_bytes(rq);
    struct line_room room = line_out_place(l->saved, bytes);
    enum status status = rt_grant_read(rq, 0, room.first, room.first_bytes);

    if (status == OK && room.second_bytes > 0) {
        status = rt_grant_read(rq, room.first_bytes, room.second, room.second_bytes);
    }
    if (status == OK) {
        line_out_commit(l->saved, bytes, rq->m.badge, number);
    }
    return status;
}

static void serve_writers(struct line *l)
{
    struct parked *p;

    while ((p = l->writers) != nullptr && rt_grant_bytes(&p->rq) <= line_out_room(l->saved)) {
        l->writers = p->next;
        if (l->writers == nullptr) {
            l->last_writer = &l->writers;
        }
        console_write_reply(p, take_text(l, &p->rq, (uint32_t)(uintptr_t)p->data));
    }
}

static void serve_flushers(struct line *l)
{
    while (l->flushers != nullptr && l->writers == nullptr && uart_idle(&l->uart, l->saved)) {
        struct parked *p = l->flushers;
        l->flushers = p->next;
        console_flush_reply(p, OK);
    }
}

// ---- Reading ----

// Gives the reader what there is. ERR_AGAIN: nothing.
static enum status give_input(struct line *l, struct request *rq, uint32_t *count)
{
    uint32_t most = (uint32_t)rt_grant_bytes(rq);

    *count = 0;
    for (;;) {
        uint32_t bytes = most - *count;
        const uint8_t *from = line_in_peek(l->saved, &bytes);
        if (bytes == 0) {
            return *count > 0 ? OK : ERR_AGAIN;
        }
        enum status status = rt_grant_write(rq, *count, from, bytes);
        if (status != OK) {
            return status;
        }
        line_in_give(l->saved, bytes);
        *count += bytes;
    }
}

static void serve_reader(struct line *l)
{
    uint32_t count;

    if (l->reader != nullptr) {
        struct parked *p = l->reader;
        enum status status = give_input(l, &p->rq, &count);
        if (status != ERR_AGAIN) {
            l->reader = nullptr;
            console_read_reply(p, status, count);
        }
    }
}

// ---- The chip ----

static void tell_watcher(struct line *l)
{
    bool due = (l->uart.input_seen && (l->watched & CONSOLE_INPUT)) ||
               (l->uart.interrupt_seen && (l->watched & CONSOLE_INTERRUPT));

    l->uart.input_seen = false;
    l->uart.interrupt_seen = false;
    if (due) {
        (void)ipc_notify(l->watcher); // a watcher that is gone does not mind
    }
}

static void on_again(void *arg);

// Moves what can be moved, in all directions; goes on in the event loop's next turn if there is
// more.
static void pump(struct line *l)
{
    bool more = uart_service(&l->uart, l->saved, (l->watched & CONSOLE_INTERRUPT) != 0);
    uint32_t before = line_out_used(l->saved);

    serve_writers(l);
    serve_reader(l);
    serve_flushers(l);
    tell_watcher(l);
    if (more || line_out_used(l->saved) > before) {
        rt_timer(&l->again, rt_now_ns(), on_again, l);
    }
}

static void on_again(void *arg)
{
    pump(arg);
    rt_progress();
}

static void on_interrupt(uint64_t bits, void *)
{
    for (uint32_t i = 0; i < LINES; i++) {
        if ((bits & 1ull << i) && lines[i].present) {
            pump(&lines[i]);
            rt_progress();
        }
    }
}

// ---- Operations ----

MOVE_ADDRESSES static enum status do_write(struct request *rq, uint32_t number, size_t text_len)
{
    struct line *l = line_of(rq);

    if (l == nullptr) {
        return ERR_NOT_FOUND;
    }
    if (again(rq) && line_write_done(l->saved, rq->m.badge, number)) {
        return OK; // the one before me took it and died before it could say so
    }
    if (l->writers == nullptr && text_len <= line_out_room(l->saved)) {
        enum status status = take_text(l, rq, number);
        pump(l);
        return status;
    }
    struct parked *p = hold(rq);
    if (p == nullptr) {
        return ERR_QUOTA;
    }
    p->data = (void *)(uintptr_t)number;
    p->next = nullptr;
    *l->last_writer = p;
    l->last_writer = &p->next;
    return STATUS_PENDING;
}

// A reader that does not exist any more makes room for another.
static bool drop_dead_reader(struct line *l, uint64_t badge)
{
    struct reply_info info;
    bool gone = l->reader->rq.m.badge == badge ||
                sys_reply_info(l->reader->rq.reply, &info) != OK || !info.bound;

    if (gone) {
        console_read_reply(l->reader, ERR_CANCELLED, 0);
        l->reader = nullptr;
    }
    return gone;
}

static enum status do_read(struct request *rq, uint32_t number, bool wait, size_t, uint32_t *count)
{
    struct line *l = line_of(rq);

    if (l == nullptr) {
        return ERR_NOT_FOUND;
    }
    if (l->reader != nullptr && !drop_dead_reader(l, rq->m.badge)) {
        return ERR_BUSY;
    }
    line_read_begin(l->saved, rq->m.badge, number, again(rq));
    pump(l); // room for input may have come
    enum status status = give_input(l, rq, count);
    if (status != ERR_AGAIN || !wait) {
        return status;
    }
    l->reader = hold(rq);
    return l->reader != nullptr ? STATUS_PENDING : ERR_QUOTA;
}

static enum status do_watch(struct request *rq, uint32_t events, handle_t port)
{
    struct line *l = line_of(rq);

    if (l == nullptr) {
        return ERR_NOT_FOUND;
    }
    uint32_t key = KEY_WATCH + (uint32_t)(l - lines);
    handle_t old = l->watcher;
    if (events == 0) {
        rt_forget(key);
        sys_handle_close(port);
        l->watcher = HANDLE_NONE;
    } else {
        enum status status = rt_keep(key, port, events, 0);
        if (status != OK) {
            return status;
        }
        l->watcher = port;
    }
    l->watched = events;
    if (old != HANDLE_NONE) {
        sys_handle_close(old);
    }
    return OK;
}

static enum status do_flush(struct request *rq)
{
    struct line *l = line_of(rq);

    if (l == nullptr) {
        return ERR_NOT_FOUND;
    }
    if (l->writers == nullptr && uart_idle(&l->uart, l->saved)) {
        return OK;
    }
    struct parked *p = hold(rq);
    if (p == nullptr) {
        return ERR_QUOTA;
    }
    p->next = l->flushers;
    l->flushers = p;
    return STATUS_PENDING;
}

// ---- The kernel log ----

// Appends what is new in the kernel log, as far as there is room. false: it cannot be read.
static bool copy_log(struct line *l)
{
    char text[512];
    uint64_t next = l->saved->log_next;

    while (line_out_room(l->saved) > LINE_OUT / 2) {
        if (sys_log_read(l->uart.ports, &next, text, sizeof text) != OK) {
            return false;
        }
        uint64_t passed =
            next - l->saved->log_next; // more than was copied if the log has overtaken us
        uint32_t bytes = passed < sizeof text ? (uint32_t)passed : (uint32_t)sizeof text;
        if (bytes == 0) {
            return true;
        }
        struct line_room room = line_out_place(l->saved, bytes);
        __builtin_memcpy(room.first, text, room.first_bytes);
        __builtin_memcpy(room.second, text + room.first_bytes, room.second_bytes);
        line_out_add(l->saved, bytes);
        l->saved->log_next = next;
    }
    return true;
}

static void on_log_timer(void *)
{
    bool on = false;

    for (int i = 0; i < LINES; i++) {
        if (lines[i].present && lines[i].saved->log_on) {
            lines[i].saved->log_on = copy_log(&lines[i]);
            pump(&lines[i]);
            on |= lines[i].saved->log_on;
        }
    }
    if (on) {
        rt_timer(&log_timer, rt_now_ns() + log_period_ns, on_log_timer, nullptr);
    }
}

static enum status do_show_log(struct request *rq, bool on)
{
    struct line *l = line_of(rq);

    if (l == nullptr) {
        return ERR_NOT_FOUND;
    }
    l->saved->log_on = on;
    on_log_timer(nullptr);
    return l->saved->log_on == on ? OK : ERR_UNSUPPORTED;
}

// ---- Birth ----

// The lines' memory of earlier incarnations, or a new one.
MOVE_ADDRESSES static enum status open_saved(struct line_saved **saved, bool *found)
{
    uint64_t bytes = (LINES * sizeof **saved + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1), at = 0;
    handle_t memory;

    *found = rt_kept(KEY_SAVED, &memory, nullptr, nullptr) == OK;
    enum status status = *found ? OK : sys_mem_create(bytes, MEM_POPULATE, &memory);
    if (status == OK) {
        status = sys_mem_map(HANDLE_NONE, memory, &at, 0, bytes, PROT_READ | PROT_WRITE);
    }
    if (status == OK && !*found) {
        status = rt_keep(KEY_SAVED, memory, 0, 0);
    }
    *saved = (struct line_saved *)at;
    return status;
}

static enum status open_irq(uint32_t i, const char *name, uint32_t input)
{
    handle_t irq, port;

    if (rt_kept(KEY_IRQ + i, nullptr, nullptr, nullptr) == OK) {
        return OK; // still bound to the port
    }
    enum status status = rt_notify_handle(1ull << i, &port);
    if (status != OK) {
        return status;
    }
    status = sys_irq_create(rt_handle(name), input, 0, &irq);
    if (status == OK) {
        status = sys_irq_bind(irq, port);
    }
    if (status == OK) {
        status = rt_keep(KEY_IRQ + i, irq, 0, 0);
    }
    sys_handle_close(port);
    return status;
}

static void open_line(uint32_t i, struct line_saved *saved, bool found)
{
    static const struct { const char *ports, *irq; uint32_t input; } names[LINES] = {
        {"com1", "irq4", 4},
        {"com2", "irq3", 3},
    };
    struct line *l = &lines[i];
    uint64_t events = 0;

    l->saved = saved;
    l->last_writer = &l->writers;
    l->uart.read = port_read;
    l->uart.write = port_write;
    l->uart.ports = rt_handle(names[i].ports);
    l->uart.returns = i == 0;
    if (!line_is_sound(saved)) {
        if (found) {
            log_warn("the buffers of %s are damaged: their bytes are lost", names[i].ports);
        }
        line_init(saved);
    }
    if (!uart_init(&l->uart, !found)) {
        log_warn("there is no %s", names[i].ports);
        return;
    }
    enum status status = open_irq(i, names[i].irq, names[i].input);
    if (status != OK) {
        log_error("%s has no interrupt (status %d)", names[i].ports, status);
        return;
    }
    if (rt_kept(KEY_WATCH + i, &l->watcher, &events, nullptr) == OK) {
        l->watched = (uint32_t)events;
    }
    l->present = true;
}

int service_main(void)
{
    static const struct console_ops ops = {
        .write = do_write,
        .read = do_read,
        .watch = do_watch,
        .flush = do_flush,
        .show_log = do_show_log,
    };
    static const struct rt_interface list[] = {{CONSOLE_PROTOCOL, console_dispatch, &ops}};
    struct line_saved *saved;
    bool found;

    enum status status = open_saved(&saved, &found);
    if (status != OK) {
        log_error("no memory for the lines (status %d)", status);
        return 1;
    }
    for (uint32_t i = 0; i < LINES; i++) {
        open_line(i, &saved[i], found);
    }
    rt_on_notify((1ull << LINES) - 1, on_interrupt, nullptr);
    on_interrupt((1ull << LINES) - 1, nullptr); // what came while nobody was there
    on_log_timer(nullptr);
    return rt_serve(list, 1);
}
