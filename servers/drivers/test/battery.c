// SPDX-License-Identifier: MIT
// Every service in every way to die, and moved, so many times each and in random order, while all of
// them work: the disk is read and written, numbered lines go out on COM1 and numbered lines come
// in, the clock has been set, a device is claimed. Sometimes a second death follows at once, so
// that it comes in the middle of a rebirth.
#include "interfaces/console.client.h"
#include "interfaces/entropy.client.h"
#include "interfaces/rs.client.h"
#include "interfaces/time.client.h"
#include "lib/rt/rt.h"
#include "servers/drivers/test/driver_test.h"
#include <stdio.h>

enum { SERVICES = 5, MOVE = 0, WAYS = 7, LINE = 12, SETTLE_NS = 300'000'000 };
static const char *const names[SERVICES] = {"console", "pci", "time", "entropy", "blk"};
static const enum rs_how how[WAYS] = {MOVE,         RS_NULL_POINTER, RS_JUMP, RS_LOOP,
                                      RS_ASSERTION, RS_END,          RS_NOW};
static uint32_t left[SERVICES][WAYS], number[SERVICES], incarnation[SERVICES];
static uint64_t seconds, ahead_ns; // the clock: what it was set to, and minus the monotonic one
static uint32_t next_read, next_write, lines_in, lines_out;
static bool input_ended;

static void wrong(const char *what, uint64_t value)
{
    count.wrong++;
    log_error("battery: %s (%llu)", what, (unsigned long long)value);
}

// ---- The console ----

static void write_line(void)
{
    char text[64];
    int bytes = snprintf(text, sizeof text, "out %08u\n", lines_out++);
    enum status status =
        console_write(rt_handle("console"), ++next_write, true, text, (size_t)bytes);

    if (status != OK) {
        wrong("writing", status);
    }
}

// Lines are "in 00000017"; the last one is "end".
static void take_line(const char *line)
{
    char expected[16];

    snprintf(expected, sizeof expected, "in %08u", lines_in);
    if (__builtin_strcmp(line, "end") == 0) {
        input_ended = true;
    } else if (__builtin_strcmp(line, expected) == 0) {
        lines_in++;
    } else {
        log_error("came: %s", line);
        wrong("another line should have come", lines_in);
    }
}

static void read_lines(void)
{
    static char line[64];
    static uint32_t length;
    char bytes[100];
    uint32_t got = 0;
    enum status status =
        console_read(rt_handle("console"), ++next_read, false, bytes, sizeof bytes, &got);

    if (status != OK && status != ERR_AGAIN) {
        wrong("reading", status);
    }
    for (uint32_t i = 0; status == OK && i < got; i++) {
        if (bytes[i] == '\n') {
            line[length] = 0;
            length = 0;
            take_line(line);
        } else if (length + 1 < sizeof line) {
            line[length++] = bytes[i];
        }
    }
}

// ---- What the others must not forget ----

static void set_clock(void)
{
    uint64_t now_ns, monotonic_ns;
    enum status status = time_now(rt_handle("time"), &now_ns, &monotonic_ns);

    seconds = now_ns / 1'000'000'000 + 12'345'678; // a time that no real-time clock shows by itself
    if (status == OK) {
        status = time_set(rt_handle("time"), seconds * 1'000'000'000);
    }
    if (status == OK) {
        status = time_now(rt_handle("time"), &now_ns, &monotonic_ns);
    }
    if (status != OK) {
        wrong("setting the clock", status);
    }
    ahead_ns = now_ns - monotonic_ns;
}

static void check_others(void)
{
    static uint64_t last_reseeds;
    uint64_t unix_ns, now_ns, monotonic_ns, reseeds = 0, bytes;
    bool present;

    (void)others_work(&unix_ns);
    enum status status = time_now(rt_handle("time"), &now_ns, &monotonic_ns);
    if (status != OK || now_ns - monotonic_ns != ahead_ns) {
        wrong("the clock has jumped", now_ns - monotonic_ns - ahead_ns);
    }
    status = entropy_info(rt_handle("entropy"), &present, &reseeds, &bytes);
    if (status != OK || !present || reseeds < last_reseeds) {
        wrong("the entropy service has forgotten", reseeds);
    }
    last_reseeds = reseeds;
}

static void work(void)
{
    write_line();
    read_lines();
    load_step();
}

// ---- Deaths ----

// The incarnation of a service that is there; 0: it is on its way.
static uint32_t ready(uint32_t s)
{
    struct rs_service state;

    if (rs_info(H_RS, number[s], &state, sizeof state) != OK || state.state == RS_GIVEN_UP) {
        wrong("a service is given up", s);
        return 0;
    }
    return state.state == RS_READY && state.incarnation > incarnation[s] ? state.incarnation : 0;
}

static enum status let(uint32_t s, uint32_t way)
{
    return way == MOVE ? rs_move(H_RS, number[s]) : rs_kill(H_RS, number[s], how[way]);
}

// One of those that are left to do, by chance; false: there is none.
static bool choose(uint32_t *s, uint32_t *way)
{
    uint32_t all = 0;

    for (uint32_t i = 0; i < SERVICES * WAYS; i++) {
        all += left[i / WAYS][i % WAYS];
    }
    if (all == 0) {
        return false;
    }
    uint32_t pick = rt_random_below(all), i = 0;
    while (pick >= left[i / WAYS][i % WAYS]) {
        pick -= left[i / WAYS][i % WAYS];
        i++;
    }
    *s = i / WAYS;
    *way = i % WAYS;
    return true;
}

static void strike_again(uint32_t s)
{
    uint64_t until = rt_now_ns() + rt_random_below(3'000'000);

    while (rt_now_ns() < until) {
    }
    count.kills += rs_kill(H_RS, number[s], how[1 + rt_random_below(WAYS - 1)]) == OK;
}

static void strike(void)
{
    uint32_t s, way, now;

    if (!choose(&s, &way) || (now = ready(s)) == 0 || let(s, way) != OK) {
        return; // another time
    }
    left[s][way]--;
    incarnation[s] = now;
    count.kills++;
    if (rt_random_below(6) == 0) {
        strike_again(s);
    }
}

static bool all_ready(void)
{
    for (uint32_t s = 0; s < SERVICES; s++) {
        if (ready(s) == 0) {
            return false;
        }
    }
    return true;
}

// Until all are there; then for a moment, in which the dead are buried.
static void settle(void)
{
    while (!all_ready()) {
        work();
    }
    uint64_t until = rt_now_ns() + SETTLE_NS;
    while (rt_now_ns() < until) {
        work();
    }
}

static void fill(uint32_t times)
{
    for (uint32_t i = 0; i < SERVICES * WAYS; i++) {
        left[i / WAYS][i % WAYS] = times;
    }
}

static void run(void)
{
    uint32_t s, way;

    while (choose(&s, &way)) {
        work();
        if (rt_random_below(3) == 0) {
            strike();
        }
        if (rt_random_below(8) == 0) {
            check_others();
        }
    }
    settle();
    check_others();
}

static void report_all(const char *when)
{
    for (uint32_t s = 0; s < SERVICES; s++) {
        report_held(when, names[s]);
    }
}

void battery(uint32_t times)
{
    char text[80];

    for (uint32_t s = 0; s < SERVICES; s++) {
        if (rs_find(H_RS, names[s], __builtin_strlen(names[s]), &number[s]) != OK) {
            wrong("a service is not there", s);
        }
    }
    next_read = (uint32_t)rt_random64();
    next_write = (uint32_t)rt_random64();
    set_clock();
    fill(1); // tables reach their size
    run();
    report_all("before");
    fill(times);
    run();
    report_all("after");
    say("battery: the last lines, please\n");
    while (!input_ended && count.wrong == 0) {
        work();
    }
    snprintf(text, sizeof text, "battery: in=%u out=%u seconds=%llu\n", lines_in, lines_out,
             (unsigned long long)seconds);
    say(text);
}
