// SPDX-License-Identifier: MIT
// Has the victim die in every way, and checks what the supervisor found out about each death; then
// what those without the right are refused. One log line for each check, and a last one that says
// how many failed.
#include "interfaces/ping.client.h"
#include "interfaces/rs.client.h"
#include "lib/rt/rt.h"
#include "rs/test/guest/ways.h"
#include <string.h>

static handle_t victim;
static uint32_t victim_number, failed, done;

static void check(bool good, const char *what, const char *detail)
{
    done++;
    failed += !good;
    log_info("%s: %s (%s)", good ? "good" : "BAD", what, detail);
}

struct expectation {
    enum way way;
    enum rs_cause cause;
    const char *what;
    const char *place;  // a function that the stack must name
    uint32_t vector;
};

static const struct expectation expectations[] = {
    {WAY_NULL, RS_EXCEPTION, "null write", "die_null", 14},
    {WAY_JUMP_TO_DATA, RS_EXCEPTION, "jump to data", "die_jump_to_data", 14},
    {WAY_WRITE_CODE, RS_EXCEPTION, "write to code", "die_write_code", 14},
    {WAY_DEEP, RS_EXCEPTION, "endless recursion", "die_deep", 14},
    {WAY_DIVIDE, RS_EXCEPTION, "division by zero", "die_divide", 0},
    {WAY_PRIVILEGED, RS_EXCEPTION, "privileged instruction", "die_privileged", 13},
    {WAY_LOST_FRAME, RS_EXCEPTION, "lost frame pointer", "die_lost_frame", 14},
    {WAY_ASSERT, RS_ASSERT, "assertion", "die_assert", 6},
    {WAY_EXIT, RS_EXIT, "exit", "die_exit", 0},
    {WAY_LOOP, RS_HANG, "endless loop", "die_loop", 0},
    {WAY_WAIT, RS_HANG, "beats without progress", "die_wait", 0},
};

static bool in_frames(const struct rs_death *d, const char *function)
{
    for (uint32_t i = 0; i < d->frame_count; i++) {
        if (strcmp(d->frames[i].function, function) == 0) {
            return true;
        }
    }
    return false;
}

static void examine(const struct expectation *e, uint32_t incarnation_before)
{
    static struct rs_death d;
    enum status status = rs_record(H_RS, victim_number, 0, &d, sizeof(d));
    bool told = status == OK && d.cause == e->cause && d.incarnation == incarnation_before;
    check(told, e->what, d.text);
    if (status != OK) {
        return;
    }
    check(d.vector == e->vector, "vector", e->what);
    check(in_frames(&d, e->place), "stack names the function", e->place);
    check(in_frames(&d, "serve_forever") || e->way == WAY_LOST_FRAME || e->way == WAY_DEEP,
          "stack reaches the event loop", e->what);
    check(d.request_since != 0 && d.request_label == PING_LABEL_PING && d.asked == 0,
          "request in flight", e->what);
    check(d.message_count >= 1 && d.messages[d.message_count - 1].word0 == e->way,
          "last message", e->what);
    check(d.newborn_ns >= d.detected_ns && d.detected_ns >= d.death_ns, "times", e->what);
}

static void die_in_every_way(void)
{
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
        uint64_t back;
        uint32_t before = 0, after = 0;
        // A useful life first, or the supervisor would rightly slow down.
        enum status status = ping_ping(victim, WAY_NONE, &back, &before);
        status = status == OK ? ping_ping(victim, expectations[i].way, &back, &after) : status;
        check(status == OK && after == before + 1, "the call was answered by the next incarnation",
              expectations[i].what);
        examine(&expectations[i], before);
    }
}

// What a transaction did in the kernel is undone with it: callers that it had parked go back to the port.
static void die_with_a_parked_caller(enum way way, const char *what)
{
    uint64_t back;
    uint32_t before = 0, after = 0;
    enum status status = ping_ping(victim, WAY_NONE, &back, &before);
    status = status == OK ? ping_ping(victim, way, &back, &after) : status;
    check(status == OK && after == before + 1, what, rt_status_name(status));
}

// ---- A request that kills whenever it is tried ----

static void be_poisonous(void)
{
    static struct rs_letter letter;
    static struct rs_death d;
    uint64_t back;
    uint32_t before = 0, after = 0, count = 0;
    enum status status = ping_ping(victim, WAY_NONE, &back, &before);
    check(status == OK, "poison", "a useful life first");
    status = ping_ping(victim, WAY_POISON, &back, &after);
    check(status == ERR_POISON, "poison is answered, not tried for ever", rt_status_name(status));
    status = ping_ping(victim, WAY_NONE, &back, &after);
    check(status == OK && after == before + 3, "three lives were enough", rt_status_name(status));
    status = rs_record(H_RS, victim_number, 0, &d, sizeof(d));
    check(status == OK && d.rung == 3, "the third rung", d.text);
    rt_sleep_until(rt_now_ns() + 200000000); // the supervisor looks now and then
    status = rs_letters(H_RS, &letter, sizeof(letter), &count);
    check(status == OK && count == 1 && letter.answered == 1 && letter.words[0] == WAY_POISON,
          "the dead letter", letter.name);
    check(letter.record == d.sequence && letter.label == PING_LABEL_PING, "its death record", "");
    handle_t port;
    check(rs_replay(H_RS, letter.sequence, &port) == ERR_RIGHTS, "refused", "replay");
}

// ---- Mistakes with memory: the second death changes the environment, and the third life survives them ----

static void be_mistaken(enum way way, const char *what)
{
    static struct rs_death d;
    uint64_t back;
    uint32_t before = 0, after = 0;
    enum status status = ping_ping(victim, WAY_NONE, &back, &before);
    status = status == OK ? ping_ping(victim, way, &back, &after) : status;
    check(status == OK && after == before + 2, what, rt_status_name(status));
    status = rs_record(H_RS, victim_number, 0, &d, sizeof(d));
    check(status == OK && d.rung == 2, "the second rung", what);
    check(ping_ping(victim, WAY_EXIT, &back, &after) == OK, "the usual environment again", what);
}

// ---- Rights: this service may watch, but not command ----

static void be_refused(void)
{
    check(rs_kill(H_RS, victim_number, RS_NOW) == ERR_RIGHTS, "refused", "kill");
    check(rs_hold(H_RS, victim_number) == ERR_RIGHTS, "refused", "hold");
    check(rs_release(H_RS, victim_number) == ERR_RIGHTS, "refused", "release");
    check(rs_restart(H_RS, victim_number) == ERR_RIGHTS, "refused", "restart");
    char text[64];
    uint64_t next;
    uint32_t bytes;
    check(rs_log(H_RS, 0, text, sizeof(text), &next, &bytes) == ERR_RIGHTS, "refused", "log");
    check(rs_power(H_RS, 0) == ERR_PROTOCOL || rs_power(H_RS, 9) != OK, "refused", "nonsense");
    check(rs_find(H_RS, "nobody", 6, &bytes) == ERR_NOT_FOUND, "refused", "unknown name");
}

int service_main(void)
{
    rt_ready();
    victim = rt_handle("victim");
    enum status status = rs_find(H_RS, "victim", 6, &victim_number);
    check(status == OK, "the victim is known", "find");
    be_refused();
    die_in_every_way();
    die_with_a_parked_caller(WAY_PARKED, "death after parking");
    die_with_a_parked_caller(WAY_STARTING, "death after giving a request up for now");
    be_mistaken(WAY_READ_BEFORE_WRITE, "a read of memory that nobody wrote");
    be_mistaken(WAY_WRITE_BEYOND, "a write beyond an object's end");
    be_mistaken(WAY_USE_AFTER_FREE, "a use after free");
    be_poisonous();
    log_info("examined: %u checks, %u failed", done, failed);
    return (int)rs_power(H_RS, 1);
}
