// SPDX-License-Identifier: MIT
// In the system: lines go to the conductor, orders come from it. Without one (an image that has none) lines go to
// the kernel log, and the plan's number of rounds is all there is.
#include "apps/workload/report.h"
#include "apps/lib/poll.h"
#include "apps/workload/conductor.h"
#include "interfaces/conductor.client.h"
#include "lib/rt/rt.h"
#include <string.h>

static const uint64_t progress_ns = 200000000, flush_ns = 50000000, pause_ns = 20000000;

struct progress progress = {.phase = "start"};

static handle_t conductor;
static enum conductor_order order = CONDUCTOR_RUN;
static char lines[CONDUCTOR_REPORT_MAX];
static size_t used;
static uint64_t number, last_flush, last_progress;

void report_open(handle_t port)
{
    conductor = port;
    number = rt_random64(); // not one that an earlier incarnation used last
    order = port == HANDLE_NONE ? CONDUCTOR_RUN : CONDUCTOR_WAIT;
}

void report_start(struct json *j, char *buffer, const char *kind)
{
    json_start(j, buffer, REPORT_LINE);
    json_number(j, "t", rt_now_ns());
    json_text(j, "ev", kind);
}

static void ask_order(void)
{
    enum conductor_order now;
    if (conductor != HANDLE_NONE && conductor_order(conductor, &now) == OK) {
        order = now;
    }
}

void report_flush(void)
{
    enum conductor_order now;
    last_flush = rt_now_ns();
    if (used == 0) {
        ask_order();
        return;
    }
    if (conductor == HANDLE_NONE) {
        (void)sys_log_write(lines, used);
    } else if (conductor_report(conductor, ++number, lines, used, &now) == OK) {
        order = now;
    } else {
        log_error("the conductor refused %zu bytes of events", used);
    }
    used = 0;
}

static void put(const char *text, size_t n)
{
    if (used + n > sizeof(lines) || conductor == HANDLE_NONE) {
        report_flush();
    }
    memcpy(lines + used, text, n);
    used += n;
}

void report_line(struct json *j)
{
    size_t n = json_end(j);
    put(j->to, n);
    if (j->cut) {
        report_wrong("an event does not fit into a line", "/");
    }
}

static void tell_error(const char *what, const char *path, const char *to, const char *why)
{
    char line[REPORT_LINE], text[400];
    struct json j;
    progress.errors++;
    size_t n = 0;
    const char *parts[] = {what, " ", path, to ? " to " : "", to ? to : "", ": ", why};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        size_t length = strlen(parts[i]);
        length = length < sizeof(text) - 1 - n ? length : sizeof(text) - 1 - n;
        memcpy(text + n, parts[i], length);
        n += length;
    }
    text[n] = 0;
    report_start(&j, line, "error");
    json_text(&j, "who", "workload");
    json_text(&j, "what", text);
    put(line, json_end(&j));
    log_error("%s", text);
}

void report_error(const char *doing, const char *path, const char *to, struct outcome o)
{
    tell_error(doing, path, to, outcome_text(o));
}

void report_wrong(const char *what, const char *path)
{
    tell_error("check", path, nullptr, what);
}

static void tell_progress(uint64_t now)
{
    char line[REPORT_LINE];
    struct json j;
    last_progress = now;
    report_start(&j, line, "progress");
    json_text(&j, "phase", progress.phase);
    json_number(&j, "bytes", progress.bytes);
    json_number(&j, "total", progress.total);
    json_number(&j, "files", progress.files);
    json_number(&j, "ops", progress.ops);
    json_number(&j, "errors", progress.errors);
    json_number(&j, "round", progress.round);
    put(line, json_end(&j));
}

enum conductor_order report_step(void)
{
    (void)app_poll(0);
    rt_progress();
    uint64_t now = rt_now_ns();
    if (now - last_progress >= progress_ns && conductor != HANDLE_NONE) {
        tell_progress(now);
    }
    if (now - last_flush >= flush_ns) {
        report_flush();
    }
    while (order == CONDUCTOR_PAUSE) {
        (void)app_wait(0, "pause", rt_now_ns() + pause_ns);
        report_flush();
    }
    return order == CONDUCTOR_FINISH ? CONDUCTOR_FINISH : CONDUCTOR_RUN;
}

void report_wait_for_start(void)
{
    ask_order();
    while (order == CONDUCTOR_WAIT) {
        (void)app_wait(0, "start", rt_now_ns() + pause_ns);
        ask_order();
    }
}
