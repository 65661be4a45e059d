// SPDX-License-Identifier: MIT
// The conductor: owner of the event stream, carrier of the host's commands. apps/README.md describes both.
#include "apps/conductor/conductor.h"
#include "apps/lib/files.h"
#include "interfaces/conductor.server.h"
#include "lib/rt/movable.h"
#include "lib/rt/rt.h"
#include "lib/rt/tx.h"

static const uint64_t poll_ns = 50000000, services_ns = 200000000;

static struct rt_timer timer;
static uint64_t last_services, last_report;

// ---- Operations ----

// Only what a line of JSON may hold: the stream must stay readable whatever a client sends.
static bool are_lines(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 || text[i - 1] == '\n';
        if ((text[i] < 0x20 && text[i] != '\n') || text[i] == 0x7f || (text[i] & 0x80) ||
            (first && text[i] != '{')) {
            return false;
        }
    }
    return n > 0 && text[n - 1] == '\n';
}

MOVE_NEVER(lines) static char lines[CONDUCTOR_REPORT_MAX];

static enum status do_report(struct request *rq, uint64_t number, size_t lines_len, enum conductor_order *order)
{
    *order = current_order;
    if (number == last_report) {
        return OK; // sent again, and written already
    }
    enum status status = rt_grant_read_unlogged(rq, 0, lines, lines_len);
    if (status != OK) {
        return status;
    }
    if (!are_lines(lines, lines_len)) {
        return ERR_ARG;
    }
    if (channel_room() < lines_len) {
        rt_await(CHANNEL_ROOM, nullptr, nullptr, 0);
    }
    channel_write(lines, lines_len);
    last_report = number;
    return OK;
}

static enum status do_order(struct request *rq, enum conductor_order *order)
{
    (void)rq;
    *order = current_order;
    return OK;
}

// ---- What is done regularly ----

static void tick(void *arg)
{
    (void)arg;
    uint64_t now = rt_now_ns();
    channel_poll(); // should the driver's word have got lost with it
    supervisor_poll();
    if (now - last_services >= services_ns && channel_is_empty()) { // old news are no news
        last_services = now;
        supervisor_services();
    }
    rt_timer(&timer, now + poll_ns, tick, nullptr);
}

static void say_hello(void)
{
    char line[LINE_MAX];
    struct json j;
    struct system_info info = {0};
    (void)sys_system_info(&info);
    event_start(&j, line, "hello");
    json_number(&j, "version", 1);
    json_number(&j, "cpus", info.cpus);
    event_end(&j);
}

int service_main(void)
{
    static const struct conductor_ops ops = {.report = do_report, .order = do_order};
    static const struct rt_interface list[] = {{CONDUCTOR_PROTOCOL, conductor_dispatch, &ops}};
    files_use(rt_handle("fs"));
    if (!channel_open(orders_byte)) {
        log_error("no event line: the manifest must give one under the name console");
        return 1;
    }
    if (rt_startup->incarnation == 1) {
        say_hello();
    }
    tick(nullptr);
    return rt_serve(list, 1);
}
