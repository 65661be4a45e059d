// SPDX-License-Identifier: MIT
// Obeys the host.
#include "apps/conductor/conductor.h"
#include "apps/conductor/host_command.h"
#include "apps/lib/files.h"
#include "interfaces/rs.client.h"
#include "lib/rt/rt.h"
#include <errno.h>
#include <string.h>

enum { KEY_ORDER = 1 }; // in rt_keep

enum conductor_order current_order = CONDUCTOR_WAIT;
static uint64_t last_report;

void orders_keep(uint64_t report_number)
{
    last_report = report_number;
    if (rt_keep(KEY_ORDER, HANDLE_NONE, current_order, report_number) != OK) {
        log_warn("the order cannot be kept");
    }
}

uint64_t orders_kept(void)
{
    uint64_t order;
    if (rt_kept(KEY_ORDER, nullptr, &order, &last_report) == OK && order >= CONDUCTOR_WAIT &&
        order <= CONDUCTOR_FINISH) {
        current_order = (enum conductor_order)order;
    }
    return last_report;
}

static void answer(const char *line, const char *status, const char *text)
{
    char buffer[LINE_MAX];
    struct json j;
    event_start(&j, buffer, "answer");
    json_text(&j, "to", line);
    json_text(&j, "status", status);
    json_text(&j, "text", text);
    event_end(&j);
    channel_flush();
}

static enum status to_service(const struct host_command *c)
{
    uint32_t number;
    enum status status = rs_find(H_RS, c->service, strlen(c->service), &number);
    if (status != OK) {
        return status;
    }
    if (number == 0) {
        return ERR_RIGHTS; // nobody commands the supervisor
    }
    switch (c->verb) {
    case VERB_KILL: return rs_kill(H_RS, number, (enum rs_how)c->how);
    case VERB_HOLD: return rs_hold(H_RS, number);
    case VERB_RELEASE: return rs_release(H_RS, number);
    default: return rs_restart(H_RS, number);
    }
}

static enum status to_workload(enum host_verb verb)
{
    bool waiting = current_order == CONDUCTOR_WAIT;
    if (verb == VERB_START ? !waiting : waiting) {
        return ERR_STATE;
    }
    if (current_order == CONDUCTOR_FINISH) {
        return verb == VERB_FINISH ? OK : ERR_STATE;
    }
    current_order = verb == VERB_PAUSE ? CONDUCTOR_PAUSE : verb == VERB_FINISH ? CONDUCTOR_FINISH : CONDUCTOR_RUN;
    orders_keep(last_report);
    return OK;
}

// The volume is closed first. If it cannot be, the host is told and the machine goes all the same.
static void power_off(const char *line)
{
    struct outcome o = files_shutdown();
    answer(line, outcome_name(o), failed(o) ? outcome_text(o) : "");
    channel_drain();
    enum status status = rs_power(H_RS, SYSTEM_POWEROFF);
    log_error("the machine cannot be switched off: status %u", status);
}

static void obey(const char *line)
{
    struct host_command c;
    struct outcome o = OUTCOME_OK;
    const char *wrong = host_command_parse(&c, line);
    if (wrong) {
        answer(line, "ERR_ARG", wrong);
        return;
    }
    switch (c.verb) {
    case VERB_POWEROFF:
        power_off(line);
        return;
    case VERB_SERVICES:
        supervisor_services();
        break;
    case VERB_START:
    case VERB_PAUSE:
    case VERB_RESUME:
    case VERB_FINISH:
        o.status = to_workload(c.verb);
        break;
    default:
        o.status = to_service(&c);
    }
    answer(line, outcome_name(o), failed(o) ? outcome_text(o) : "");
}

void orders_byte(char byte)
{
    static struct host_line line;
    switch (host_line_byte(&line, byte)) {
    case LINE_WHOLE:
        obey(line.text);
        break;
    case LINE_TOO_LONG:
        answer(line.text, "ERR_ARG", "the line is too long");
        break;
    case LINE_MORE:
        break;
    }
}
