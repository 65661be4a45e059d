// SPDX-License-Identifier: MIT
// The twin: this module in the role of the supervisor's supervisor.
//
// It has exactly one service, the supervisor, which is there already when the twin begins. All that
// is done for it is what the supervisor does for others; only the start is different.
#include "interfaces/rs.server.h"
#include "rs/boots.h"
#include "rs/events.h"
#include "rs/letters.h"
#include "rs/record.h"
#include <stdlib.h>

// It is reborn at once, with its state, or the machine is restarted. It has no quota: it lives on
// the account of the incarnation before, which is that of the whole machine.
struct manifest_service twin_entry = {
    .priority = 31,
    .undo = 1 << 20,
    .rules = {.heartbeat_ms = 50, .missed = 4, .request_ms = 1000, .birth_ms = 10000,
              .growth_percent = 100, .fruitless_limit = 8, .proven_ms = 1000, .heal_ms = 10000},
    .flags = MANIFEST_SPARE | MANIFEST_REBOOT,
    .care = {.probation_ms = 10000},
};

static void must(enum status status, const char *what)
{
    if (status != OK) {
        rt_die("%s: %s", what, rt_status_text(status));
    }
}

static void find_machine(void)
{
    machine.is_twin = true;
    machine.ports = rt_handle("ports");
    machine.bootstrap = rt_handle("rs-bootstrap");
    struct mem_info info;
    must(sys_mem_info(machine.bootstrap, &info), "bootstrap");
    machine.bootstrap_bytes = info.bytes;
    machine.kept = rt_handle("rs-kept");
    boots_join();
}

static void take_parts(struct service *s)
{
    s->port = rt_handle("rs-port");
    s->pages = rt_handle("rs-pages");
    s->stacks = rt_handle("rs-stacks");
    s->module = module_given("rs", rt_handle("rs-module"));
    must(s->module && s->module->usable ? OK : ERR_CORRUPT, "module of the supervisor");
    must(sys_handle_copy(s->port, RIGHT_NOTIFY, NOTIFY_PING, &s->ping), "port of the supervisor");
    must(service_map_pages(s), "pages of the supervisor");
}

// Under the names and in the places in which the kernel gave them to its first incarnation.
static void find_given(struct service *s)
{
    const struct startup *at = s->bodies[0].startup;
    twin_entry.handles = at->handle_count < STARTUP_HANDLES ? at->handle_count : STARTUP_HANDLES;
    for (uint32_t i = 0; i < twin_entry.handles; i++) {
        s->given[i] = (struct given_handle){
            .name = at->handles[i].name, .handle = rt_handle(at->handles[i].name),
            .rights = RIGHT_COPY | RIGHT_TRANSFER | RIGHT_CONTROL, .type = at->handles[i].type};
    }
}

// The living one has the status page where its start-up block says; the others never had it there.
static struct body *place_of(struct service *s, handle_t task)
{
    for (uint32_t i = 0; i < BODIES; i++) {
        struct region_info there;
        uint64_t address = s->bodies[i].startup->status;
        if (address != 0 && sys_task_region(task, address, &there) == OK &&
            there.start == address) {
            return &s->bodies[i];
        }
    }
    return nullptr;
}

// The handles that were given name each next incarnation of the supervisor as soon as that brings
// this one back. What is known of the present one needs handles that stay.
static void find_living(struct service *s)
{
    handle_t task = rt_handle("rs-task");
    struct body *b = place_of(s, task);
    must(b ? OK : ERR_NOT_FOUND, "the supervisor's place");
    b->module = s->module;
    b->serial = ++s->serials;
    must(sys_handle_copy(task, RIGHTS_ALL, 0, &b->task), "task of the supervisor");
    must(sys_handle_copy(rt_handle("rs-thread"), RIGHTS_ALL, 0, &b->thread), "its thread");
    must(body_hear(s, b), "fault port of the supervisor");
    s->living = b;
    s->state = RS_BORN;
    s->incarnation = b->startup->incarnation;
    s->born_ns = s->beat_ns = rt_now_ns();
    s->watch = (struct policy_watch){.beats = s->status->beats, .work = s->status->work};
    s->heir = s->incarnation > 1;
    s->prepared = true;
}

static uint32_t number_of(const char *arg)
{
    char text[16];
    return rt_arg(arg, text, sizeof(text)) ? (uint32_t)strtoul(text, nullptr, 10) : 0;
}

static void resume(const struct rt_rebirth *)
{
    supervision_resumes();
}

int twin_main(void)
{
    static const struct rt_interface list[] = {{RS_PROTOCOL, rs_dispatch, &rs_commands}};
    const char *wrong = events_init();
    wrong = wrong ? wrong : records_init();
    wrong = wrong ? wrong : letters_init();
    services = new_array(struct service, 1);
    if (wrong != nullptr || services == nullptr) {
        rt_die("no memory");
    }
    find_machine();
    service_count = 1;
    struct service *s = &services[0];
    s->name = "rs";
    s->number = 1;
    s->supervisor = true;
    s->entry = &twin_entry;
    take_parts(s);
    find_given(s);
    twin_entry.stack = s->bodies[0].startup->stack_bytes;
    twin_entry.care.move_ms = number_of("move_ms");
    twin_entry.care.move_jitter_ms = number_of("move_jitter_ms");
    s->rules = policy_rules(&twin_entry.rules, twin_entry.flags);
    find_living(s);
    rt_on_fault(on_fault, nullptr);
    rt_on_notify(1, watch_news, nullptr);
    rt_on_reborn(resume);
    watch_begin(s);
    say_supervised();
    return rt_serve(list, 1);
}
