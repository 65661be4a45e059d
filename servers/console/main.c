// SPDX-License-Identifier: MIT
// The console driver: clients' reads and writes on two serial lines.
//
// The chips are served at commit, each time in a transaction of its own, so that what goes out is
// what has been committed to; line.h says why that must be so.
#include "interfaces/console.server.h"
#include "lib/rt/tx.h"
#include "servers/console/uart.h"

enum { LINES = 2 };
static const uint64_t log_period_ns = 100'000'000, shift_ns = 200'000;

struct waiting_write {
    struct waiting_write *next;
    struct parked *parked;
    uint32_t number;
};

struct line {
    struct uart uart;
    struct line_bytes bytes;
    uint16_t base; // first I/O port
    bool present;
    handle_t irq;
    uint32_t watched; // enum console_event
    handle_t watcher;
    struct waiting_write *writers, **last_writer; // in the order of arrival
    struct parked *flushers;
    struct parked *reader;
    struct rt_timer again;
    uint64_t log_next; // the kernel log, copied to the line on request
    bool log_on;
};
static struct line lines[LINES];
static struct rt_timer log_timer;

static uint16_t port_of(const struct uart *u, uint32_t reg)
{
    return (uint16_t)(((const struct line *)u)->base + reg);
}
static_assert(offsetof(struct line, uart) == 0);

static uint8_t port_read(struct uart *u, uint32_t reg)
{
    uint32_t value;

    return sys_io_read(u->ports, port_of(u, reg), 1, &value) == OK ? (uint8_t)value : 0xff;
}

static void port_write(struct uart *u, uint32_t reg, uint8_t value)
{
    (void)sys_io_write(u->ports, port_of(u, reg), 1, value);
}

static void port_send(struct uart *u, const uint8_t *bytes, uint32_t count, uint64_t *sent)
{
    enum status status = sys_io_send(u->ports, port_of(u, UART_DATA), bytes, count, sent);
    rt_assert(status == OK);
}

static void port_receive(struct uart *u, uint16_t *to, uint32_t count, uint64_t *received)
{
    uint64_t ports = IO_RECEIVE_PORTS(port_of(u, UART_DATA), port_of(u, UART_LINE_STATUS),
                                      UART_HAS_DATA);
    enum status status = sys_io_receive(u->ports, ports, to, count, received);
    rt_assert(status == OK);
}

static struct line *line_of(const struct request *rq)
{
    uint32_t number = rq->m.badge & 0xff;

    return number >= 1 && number <= LINES && lines[number - 1].present ? &lines[number - 1]
                                                                       : nullptr;
}

// ---- Writing ----

// The text of a write, from the caller's memory into the ring. The room is there.
static enum status take_text(struct line *l, struct request *rq, uint32_t number)
{
    char text[CONSOLE_WRITE_MAX];
    uint32_t bytes = (uint32_t)rt_grant_bytes(rq);
    enum status status = rt_grant_read(rq, 0, text, bytes);

    if (status == OK) {
        line_out_add(&l->bytes, text, bytes);
        line_write_note(&l->bytes, rq->m.badge, number);
    }
    return status;
}

static void serve_writers(struct line *l)
{
    struct waiting_write *w;

    while ((w = l->writers) != nullptr &&
           line_out_fits(&l->bytes, (uint32_t)rt_grant_bytes(&w->parked->rq))) {
        l->writers = w->next;
        if (l->writers == nullptr) {
            l->last_writer = &l->writers;
        }
        console_write_reply(w->parked, take_text(l, &w->parked->rq, w->number));
        delete(w);
    }
}

static void serve_flushers(struct line *l)
{
    while (l->flushers != nullptr && l->writers == nullptr && uart_idle(&l->uart, &l->bytes)) {
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
        const uint8_t *from = line_in_peek(&l->bytes, &bytes);
        if (bytes == 0) {
            return *count > 0 ? OK : ERR_AGAIN;
        }
        enum status status = rt_grant_write(rq, *count, from, bytes);
        if (status != OK) {
            return status;
        }
        line_in_give(&l->bytes, bytes);
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
        rt_notify_at_commit(l->watcher); // a watcher that is gone does not mind
    }
}

static void pump(struct line *l);

static void on_again(void *arg)
{
    pump(arg);
    rt_progress();
}

// Moves what can be moved, in all directions; goes on in the event loop's next turn if there is
// more. The chip comes first, see line.h. Nothing tells when its last byte has left it.
static void serve(void *arg)
{
    struct line *l = arg;
    bool more = uart_service(&l->uart, &l->bytes);
    uint64_t before = l->bytes.out_head;

    serve_writers(l);
    serve_reader(l);
    serve_flushers(l);
    tell_watcher(l);
    if (more || l->bytes.out_head != before) {
        rt_timer(&l->again, rt_now_ns(), on_again, l);
    } else if (l->flushers != nullptr && line_out_used(&l->bytes) == 0) {
        rt_timer(&l->again, rt_now_ns() + shift_ns, on_again, l);
    }
}

static void pump(struct line *l)
{
    if (!rt_at_commit(serve, l)) { // no memory: perhaps later
        rt_timer(&l->again, rt_now_ns() + shift_ns, on_again, l);
    }
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

// The interrupt handlers are called anyway.
static void on_reborn(const struct rt_rebirth *rebirth)
{
    for (uint32_t i = 0; i < LINES && rebirth->after_crash; i++) {
        uart_doubt(&lines[i].uart);
    }
}

// ---- Operations ----

static enum status do_write(struct request *rq, uint32_t number, bool wait, size_t text_len)
{
    struct line *l = line_of(rq);

    if (l == nullptr) {
        return ERR_NOT_FOUND;
    }
    if (line_write_done(&l->bytes, rq->m.badge, number)) {
        return OK; // the client's heir asks again
    }
    pump(l);
    if (l->writers == nullptr && line_out_fits(&l->bytes, (uint32_t)text_len)) {
        return take_text(l, rq, number);
    }
    if (!wait) {
        return ERR_AGAIN;
    }
    struct waiting_write *w = new(struct waiting_write);
    if (w == nullptr || (w->parked = rt_park(rq)) == nullptr) {
        delete(w);
        return ERR_QUOTA;
    }
    w->number = number;
    *l->last_writer = w;
    l->last_writer = &w->next;
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
    line_read_begin(&l->bytes, rq->m.badge, number);
    pump(l); // room for input may have come
    enum status status = give_input(l, rq, count);
    if (status != ERR_AGAIN || !wait) {
        return status;
    }
    l->reader = rt_park(rq);
    return l->reader != nullptr ? STATUS_PENDING : ERR_QUOTA;
}

static enum status do_watch(struct request *rq, uint32_t events, handle_t port)
{
    struct line *l = line_of(rq);

    if (l == nullptr) {
        return ERR_NOT_FOUND;
    }
    if (l->watcher != HANDLE_NONE) {
        rt_close_at_commit(l->watcher);
    }
    l->watched = events;
    l->uart.drop_on_interrupt = (events & CONSOLE_INTERRUPT) != 0;
    l->watcher = port;
    if (events == 0) {
        rt_close_at_commit(port);
        l->watcher = HANDLE_NONE;
    }
    return OK;
}

static enum status do_flush(struct request *rq)
{
    struct line *l = line_of(rq);

    if (l == nullptr) {
        return ERR_NOT_FOUND;
    }
    if (l->writers == nullptr && uart_idle(&l->uart, &l->bytes)) {
        return OK;
    }
    struct parked *p = rt_park(rq);
    if (p == nullptr) {
        return ERR_QUOTA;
    }
    p->next = l->flushers;
    l->flushers = p;
    pump(l);
    return STATUS_PENDING;
}

// ---- The kernel log ----

// Appends what is new in the kernel log, as far as there is room. false: it cannot be read.
static bool copy_log(struct line *l)
{
    char text[512];
    uint64_t next = l->log_next;

    while (line_out_fits(&l->bytes, LINE_OUT / 4)) {
        if (sys_log_read(l->uart.ports, &next, text, sizeof text) != OK) {
            return false;
        }
        uint64_t passed = next - l->log_next; // more than was copied if the log has overtaken us
        uint32_t bytes = passed < sizeof text ? (uint32_t)passed : (uint32_t)sizeof text;
        if (bytes == 0) {
            return true;
        }
        line_out_add(&l->bytes, text, bytes);
        l->log_next = next;
    }
    return true;
}

static void on_log_timer(void *)
{
    bool on = false;

    for (int i = 0; i < LINES; i++) {
        if (lines[i].present && lines[i].log_on) {
            lines[i].log_on = copy_log(&lines[i]);
            pump(&lines[i]);
            on |= lines[i].log_on;
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
    l->log_on = on;
    on_log_timer(nullptr);
    return l->log_on == on ? OK : ERR_UNSUPPORTED;
}

// ---- Birth ----

static enum status open_shared(struct line_shared **shared)
{
    uint64_t bytes = (LINES * sizeof **shared + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    handle_t memory;
    void *at;
    enum status status = sys_mem_create(bytes, MEM_POPULATE, &memory);

    if (status != OK) {
        return status;
    }
    status = rt_map(memory, 0, bytes, PROT_READ | PROT_WRITE, RT_SHARED, &at);
    sys_handle_close(memory); // the mapping holds it
    *shared = at;
    return status;
}

static enum status open_irq(struct line *l, uint32_t bit, const char *name, uint32_t input)
{
    handle_t port;
    enum status status = rt_notify_handle(1ull << bit, &port);

    if (status != OK) {
        return status;
    }
    status = sys_irq_create(rt_handle(name), input, 0, &l->irq);
    if (status == OK) {
        status = sys_irq_bind(l->irq, port);
    }
    sys_handle_close(port);
    return status;
}

static void open_line(uint32_t i, struct line_shared *shared)
{
    static const struct { const char *ports, *irq; uint32_t input, base; } names[LINES] = {
        {"com1", "irq4", 4, 0x3f8},
        {"com2", "irq3", 3, 0x2f8},
    };
    struct line *l = &lines[i];

    line_init(&l->bytes, shared, i == 0);
    l->last_writer = &l->writers;
    l->base = (uint16_t)names[i].base;
    l->uart = (struct uart){.read = port_read, .write = port_write, .send = port_send,
                            .receive = port_receive, .ports = rt_handle(names[i].ports)};
    // One that starts over after its predecessors' failure has the chip as they left it.
    if (!uart_init(&l->uart, rt_startup->incarnation == 1)) {
        log_warn("there is no %s", names[i].ports);
        return;
    }
    enum status status = open_irq(l, i, names[i].irq, names[i].input);
    if (status != OK) {
        log_error("%s has no interrupt (status %d)", names[i].ports, status);
        return;
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
    struct line_shared *shared;

    enum status status = open_shared(&shared);
    if (status != OK) {
        log_error("no memory for the lines (status %d)", status);
        return 1;
    }
    for (uint32_t i = 0; i < LINES; i++) {
        open_line(i, &shared[i]);
    }
    rt_on_notify((1ull << LINES) - 1, on_interrupt, nullptr);
    rt_on_reborn(on_reborn);
    rt_no_checkpoints("it knows devices, and text that has long been shown");
    on_interrupt((1ull << LINES) - 1, nullptr); // what came while nobody was there
    on_log_timer(nullptr);
    return rt_serve(list, 1);
}
