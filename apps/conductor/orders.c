// SPDX-License-Identifier: MIT
// Obeys the host. An order is noted in the transaction that read it, and carried out in later ones:
// one finds out what there is to know, and commits; one acts. If we die of the order, or in the
// middle of it, the heir sees by the supervisor's count whether it was taken on already.
#include "apps/conductor/conductor.h"
#include "apps/conductor/host_command.h"
#include "apps/lib/files.h"
#include "interfaces/rs.client.h"
#include "lib/rt/rt.h"
#include "lib/rt/tx.h"
#include <errno.h>
#include <string.h>

static const uint64_t off_look_ns = 10000000, off_patience_ns = 2000000000;

enum conductor_order current_order = CONDUCTOR_WAIT;

static struct order {
    struct order *next;
    char line[HOST_LINE];
    struct host_command command;
    bool found;
    uint32_t number;   // of the service that it is about
    uint32_t commands; // about that service, before ours
    uint32_t noted_by; // our own incarnation then: while it is the same, ours was not given
} *first, **last = &first;

static void answer(const char *line, const char *status, const char *text)
{
    char buffer[LINE_MAX];
    struct json j;
    event_start(&j, buffer, "answer");
    json_text(&j, "to", line);
    json_text(&j, "status", status);
    json_text(&j, "text", text);
    event_end(&j);
}

static void obey(void *arg);

static void obey_soon(void)
{
    if (!rt_at_commit(obey, nullptr)) {
        log_error("no memory for orders");
    }
}

// The first order is done with.
static void end(struct outcome o)
{
    struct order *done = first;
    answer(done->line, outcome_name(o), failed(o) ? outcome_text(o) : "");
    first = done->next;
    if (!first) {
        last = &first;
    } else {
        obey_soon();
    }
    delete(done);
}

static void end_with(enum status status)
{
    struct outcome o = OUTCOME_OK;
    o.status = status;
    end(o);
}

// ---- Orders for services ----

static enum status commands_about(handle_t rs, uint32_t number, uint32_t *commands)
{
    struct rs_service s;
    enum status status = rs_info(rs, number, &s, sizeof(s));
    *commands = s.commands;
    return status;
}

static enum status find(struct order *o)
{
    const char *name = o->command.service;
    uint32_t number, commands;
    handle_t rs = supervisor_of(name);
    enum status status = rs_find(rs, name, strlen(name), &number);
    if (status == OK && number == 0) {
        status = ERR_RIGHTS; // nobody commands the supervisor
    }
    if (status == OK) {
        status = commands_about(rs, number, &commands);
    }
    if (status == OK) {
        o->number = number;
        o->commands = commands;
        o->noted_by = rt_startup->incarnation;
        o->found = true;
    }
    return status;
}

static enum status command(const struct order *o)
{
    handle_t rs = supervisor_of(o->command.service);
    switch (o->command.verb) {
    case VERB_KILL: return rs_kill(rs, o->number, (enum rs_how)o->command.how);
    case VERB_HOLD: return rs_hold(rs, o->number);
    case VERB_RELEASE: return rs_release(rs, o->number);
    case VERB_MOVE: return rs_move(rs, o->number);
    default: return rs_restart(rs, o->number);
    }
}

static void to_service(struct order *o)
{
    uint32_t now = o->commands;
    bool looked = o->found;
    handle_t rs = supervisor_of(o->command.service);
    enum status status = OK;
    if (!looked) {
        status = find(o);
    } else if (rt_startup->incarnation != o->noted_by) {
        status = commands_about(rs, o->number, &now);
    }
    if (status != OK) {
        end_with(status);
    } else if (!looked) {
        obey_soon();
    } else if (now != o->commands) {
        end_with(OK); // we have died since, and had given it
    } else {
        end_with(command(o));
    }
}

// ---- Orders for the workload and the machine ----

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
    return OK;
}

static struct rt_timer off_timer;
static uint64_t off_by_ns;
static bool drained;

// When the answer is out, or nobody wants to hear it. A drain that we hang in is not tried again.
static void switch_off(void *)
{
    uint64_t now = rt_now_ns();
    rt_timer(&off_timer, now + off_look_ns, switch_off, nullptr);
    if (!channel_is_empty() && now < off_by_ns) {
        return;
    }
    if (!drained) {
        drained = true;
        rt_commit();
        channel_drain();
    }
    enum status status = rs_power(H_RS, SYSTEM_POWEROFF);
    log_error("the machine cannot be switched off: status %u", status);
}

// The volume is closed first. If it cannot be, the host is told and the machine goes all the same.
static void power_off(void)
{
    end(files_shutdown());
    off_by_ns = rt_now_ns() + off_patience_ns;
    rt_timer(&off_timer, rt_now_ns(), switch_off, nullptr);
}

// ---- From bytes to orders ----

static void obey(void *)
{
    if (!first) {
        return;
    }
    switch (first->command.verb) {
    case VERB_POWEROFF:
        power_off();
        break;
    case VERB_SERVICES:
        supervisor_services();
        end_with(OK);
        break;
    case VERB_START:
    case VERB_PAUSE:
    case VERB_RESUME:
    case VERB_FINISH:
        end_with(to_workload(first->command.verb));
        break;
    default:
        to_service(first);
    }
}

static void note(const char *line)
{
    struct host_command c;
    const char *wrong = host_command_parse(&c, line);
    struct order *o = wrong ? nullptr : new(struct order);
    if (!o) {
        answer(line, wrong ? "ERR_ARG" : "ERR_MEMORY", wrong ? wrong : "");
        return;
    }
    strcpy(o->line, line);
    o->command = c;
    *last = o;
    last = &o->next;
    obey_soon();
}

void orders_byte(char byte)
{
    static struct host_line line;
    switch (host_line_byte(&line, byte)) {
    case LINE_WHOLE:
        note(line.text);
        break;
    case LINE_TOO_LONG:
        answer(line.text, "ERR_ARG", "the line is too long");
        break;
    case LINE_MORE:
        break;
    }
}
