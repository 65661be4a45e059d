// SPDX-License-Identifier: MIT
// Birth: a task, its few first mappings, exactly the handles of the manifest, one thread.
//
// Everything that can fail happens before task_inherit, which is the one step that cannot be
// repeated: until then the corpse keeps what its heir shall have, and the half-made newborn is
// simply closed.
#include "randomizer/linker/bootstrap.h"
#include "rs/events.h"
#include "rs/record.h"
#include <string.h>

// A newborn in the making. `step` says what failed.
struct making {
    struct service *s;
    handle_t task, thread;
    uint64_t bootstrap, module, startup, status, layout, stack;
    const char *step;
};

static enum status map_all(struct making *n)
{
    const struct service *s = n->s;
    const uint32_t rw = PROT_READ | PROT_WRITE;
    const struct part {
        handle_t memory;
        uint32_t prot;
        uint64_t bytes, *address;
    } parts[] = {
        {machine.bootstrap, PROT_READ | PROT_EXEC, machine.bootstrap_bytes, &n->bootstrap},
        {s->module->memory, PROT_READ, s->module->size, &n->module},
        {s->startup_memory, PROT_READ, PAGE_SIZE, &n->startup},
        {s->status_memory, rw, PAGE_SIZE, &n->status},
        {s->layout_memory[s->layout_used], rw, s->layout_bytes, &n->layout},
        {s->stack_memory, rw, BOOTSTRAP_STACK, &n->stack},
    };
    n->step = "map memory";
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        uint64_t bytes = (parts[i].bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
        enum status status = sys_mem_map(n->task, parts[i].memory, parts[i].address, 0, bytes,
                                         parts[i].prot);
        if (status != OK) {
            return status;
        }
    }
    return OK;
}

static enum status install(struct making *n, uint32_t index, const struct given_handle *g)
{
    handle_t there;
    n->step = "install a handle";
    return sys_handle_install(n->task, index, g->handle, g->rights, g->badge, &there);
}

// The module and the layout record are not among the handles: a service that wants to know where
// its parts are would only be asked that by an intruder.
static enum status install_all(struct making *n)
{
    const struct service *s = n->s;
    const struct given_handle own[] = {
        [H_SELF_TASK] = {.handle = n->task, .rights = RIGHT_READ | RIGHT_MANAGE},
        [H_SELF_THREAD] = {.handle = n->thread, .rights = RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE},
        [H_SERVICE_PORT] = {.handle = s->port, .rights = RIGHT_RECV | RIGHT_CALL | RIGHT_NOTIFY |
                                                         RIGHT_BADGE | RIGHT_COPY | RIGHT_TRANSFER},
        [H_RS] = {.handle = rt_port, .rights = RIGHT_CALL | RIGHT_NOTIFY, .badge = s->number},
    };
    enum status status = OK;
    for (uint32_t i = H_SELF_TASK; i <= H_RS && status == OK; i++) {
        status = install(n, i, &own[i]);
    }
    for (uint32_t i = 0; i < s->entry->handles && status == OK; i++) {
        if (s->given[i].handle != HANDLE_NONE) {
            status = install(n, H_FIRST_NAMED + i, &s->given[i]);
        }
    }
    return status;
}

// Faults of one incarnation must not be taken for those of the next: both are in the badge.
static enum status set_fault_port(struct making *n)
{
    handle_t port;
    uint64_t badge = n->s->number | (uint64_t)n->s->incarnation << 8;
    n->step = "set the fault port";
    enum status status = sys_handle_copy(rt_port, RIGHT_CALL | RIGHT_TRANSFER, badge, &port);
    if (status == OK) {
        status = sys_task_set_fault_port(n->task, port);
        (void)sys_handle_close(port);
    }
    return status;
}

static enum status create_thread(struct making *n)
{
    const struct manifest_service *e = n->s->entry;
    struct thread_args args = {
        .entry = n->bootstrap,
        .stack = n->stack + BOOTSTRAP_STACK,
        .args = {n->startup},
        .priority = e->priority,
        .budget_us = e->budget_us,
        .period_us = e->period_us,
    };
    n->step = "create a thread";
    return sys_thread_create(n->task, &args, &n->thread);
}

// All incarnations live on one account, whose limit is doubled before the heir is made: the dead
// one's memory is still there, and it may have died of having used up all of it. See lower_quota in
// watch.c.
static enum status create_task(struct making *n)
{
    struct service *s = n->s;
    char name[NAME_SIZE] = {0};
    memcpy(name, s->name, strnlen(s->name, NAME_SIZE - 1));
    n->step = "create a task";
    handle_t before = s->corpse.task;
    if (before == HANDLE_NONE) {
        return sys_task_create(s->entry->quota, HANDLE_NONE, name, &n->task);
    }
    s->quota_raised |= sys_task_set_quota(before, 2 * s->entry->quota) == OK;
    return sys_task_create(0, before, name, &n->task);
}

static enum status make(struct making *n)
{
    enum status status = create_task(n);
    status = status == OK ? map_all(n) : status;
    status = status == OK ? create_thread(n) : status;
    status = status == OK ? install_all(n) : status;
    status = status == OK ? set_fault_port(n) : status;
    if (status == OK) {
        n->step = "draw a seed";
        status = sys_random(n->s->seed, sizeof(n->s->seed));
    }
    if (status == OK && n->s->corpse.task) {
        n->step = "inherit";
        status = sys_task_inherit(n->task, n->s->corpse.task);
    }
    return status;
}

static void discard(struct making *n)
{
    if (n->task) {
        (void)sys_task_kill(n->task);
        (void)sys_handle_close(n->task);
    }
    if (n->thread) {
        (void)sys_handle_close(n->thread);
    }
}

static void fill_startup(struct making *n, enum birth_cause cause)
{
    struct service *s = n->s;
    struct startup *b = s->startup;
    b->incarnation = s->incarnation;
    b->cause = cause;
    memcpy(b->seed, s->seed, sizeof(b->seed));
    b->module = n->module;
    b->module_bytes = s->module->size;
    b->bootstrap = n->bootstrap;
    b->bootstrap_bytes = machine.bootstrap_bytes;
    b->layout = n->layout;
    b->layout_bytes = s->layout_bytes;
    b->status = n->status;
    s->layout[s->layout_used]->magic = 0; // nothing is known until the bootstrap has filled it
}

static void clear_status(struct service *s)
{
    struct status_page *p = s->status;
    p->ready = 0;
    p->first_work_ns = 0;
    p->request_since = 0;
    p->waiting_since = 0;
    p->assert_line = 0;
    s->born_work = p->work;
}

static void begin_life(struct making *n)
{
    struct service *s = n->s;
    s->task = n->task;
    s->thread = n->thread;
    s->state = RS_BORN;
    s->asked = 0;
    s->ready_ns = 0;
    s->watch = (struct policy_watch){.beats = s->status->beats, .work = s->status->work};
    s->looked_cpu_ns = 0;
}

void service_birth(struct service *s, enum birth_cause cause)
{
    struct making n = {.s = s};
    s->incarnation++;
    if (s->corpse.task) {
        s->layout_used = 1 - s->corpse.layout;
    }
    s->born_ns = s->beat_ns = rt_now_ns();
    clear_status(s);
    enum status status = make(&n);
    if (status == OK) {
        fill_startup(&n, cause);
        begin_life(&n);
        n.step = "start";
        status = sys_thread_start(n.thread);
    }
    if (status != OK) {
        discard(&n);
        s->task = s->thread = HANDLE_NONE;
        service_stillborn(s, status, n.step);
        return;
    }
    s->born_ns = rt_now_ns();
    struct rs_death *before = record_find(s->last_record);
    if (before != nullptr) {
        before->newborn_ns = s->born_ns;
    }
    struct rs_event *e = event_add(RS_BIRTH, s);
    e->birth = cause;
    memcpy(e->seed, s->seed, sizeof(e->seed));
    watch_begin(s);
}

void services_start(void)
{
    for (uint32_t i = 0; i < service_count; i++) {
        struct service *s = &services[i];
        if (s->state == RS_WAITING && policy_may_start(s->entry->needs, ready_mask)) {
            service_birth(s, BIRTH_FIRST);
        }
    }
}
