// SPDX-License-Identifier: MIT
// The line to the host. What is written waits until it has been committed to and then goes out; what
// comes in is read in transactions of their own. Each call of the console carries a number, which is
// state: one that was undone is repeated with the same number, and the console knows it.
#include "apps/conductor/conductor.h"
#include "interfaces/console.client.h"
#include "lib/rt/rt.h"
#include "lib/rt/tx.h"
#include <string.h>

// A host that does not listen must not stop us: what there is no room for waits here. Some of it is
// for answers only, and for reports of mistakes.
enum { BIT_INPUT = 1, OUTPUT = 96 << 10, RESERVE = 8 * LINE_MAX };
static const uint64_t try_again_ns = 20000000;

static handle_t line;
static uint32_t number; // of the last request, see interfaces/console.idl
static char output[OUTPUT];
static size_t used, sent;
static struct rt_timer try_again;
static void (*take_byte)(char byte);

static void on_input(uint64_t bits, void *arg)
{
    (void)bits, (void)arg;
    channel_poll();
}

bool channel_open(void (*on_byte)(char byte))
{
    handle_t bell;
    take_byte = on_byte;
    line = rt_handle("console");
    number = (uint32_t)rt_random64(); // not one that an earlier life used last
    if (rt_notify_handle(BIT_INPUT, &bell) != OK) {
        return false;
    }
    rt_on_notify(BIT_INPUT, on_input, nullptr);
    enum status status = console_watch(line, CONSOLE_INPUT, bell);
    (void)sys_handle_close(bell);
    return status == OK;
}

static void send(void *arg);

static void on_try_again(void *);

static void send_later(void)
{
    rt_timer(&try_again, rt_now_ns() + try_again_ns, on_try_again, nullptr);
}

static void on_try_again(void *)
{
    if (!rt_at_commit(send, nullptr)) {
        send_later();
    }
}

static void make_room(void)
{
    memmove(output, output + sent, used - sent);
    used -= sent;
    sent = 0;
}

// One call of the console in each transaction.
static void send(void *arg)
{
    size_t n = used - sent < CONSOLE_WRITE_MAX ? used - sent : CONSOLE_WRITE_MAX;
    if (n == 0) {
        return;
    }
    enum status status = console_write(line, ++number, false, output + sent, n);
    if (status == ERR_AGAIN) {
        send_later();
        return;
    }
    if (status != OK) {
        log_error("%zu bytes of events are lost: the console answered %u", n, status);
    }
    sent += n;
    if (sent == used || sent > sizeof(output) / 2) {
        make_room();
        rt_wake(CHANNEL_ROOM);
    }
    if (used > 0 && !rt_at_commit(send, arg)) {
        send_later();
    }
}

size_t channel_room(void)
{
    size_t room = sizeof(output) - used;
    return room > RESERVE ? room - RESERVE : 0;
}

bool channel_is_empty(void)
{
    return used == 0;
}

void channel_write(const char *lines, size_t n)
{
    if (n > sizeof(output) - used || !rt_at_commit(send, nullptr)) {
        log_error("%zu bytes of events are lost", n);
        return;
    }
    memcpy(output + used, lines, n);
    used += n;
}

void channel_drain(void)
{
    if (console_flush(line) != OK) {
        log_warn("the last events may be lost");
    }
}

// The bytes count as read when the next call comes, so when what was made of them is committed.
static void take_input(void *arg)
{
    char bytes[256];
    uint32_t count;
    if (console_read(line, ++number, false, bytes, sizeof(bytes), &count) == OK && count > 0) {
        for (uint32_t i = 0; i < count && i < sizeof(bytes); i++) {
            take_byte(bytes[i]);
        }
        (void)rt_at_commit(take_input, arg); // else at the next tick
    }
}

void channel_poll(void)
{
    (void)rt_at_commit(take_input, nullptr);
}

void event_start(struct json *j, char *buffer, const char *kind)
{
    json_start(j, buffer, LINE_MAX);
    json_number(j, "t", rt_now_ns());
    json_text(j, "ev", kind);
}

void event_end(struct json *j)
{
    size_t n = json_end(j);
    channel_write(j->to, n);
}
