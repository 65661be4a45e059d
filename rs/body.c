// SPDX-License-Identifier: MIT
// Bodies: tasks with their few first mappings, exactly the handles of the manifest, one thread; and
// the account that pays for all of a service's.
//
// A body that could not be made leaves nothing behind. What cannot be taken back is left to
// birth.c, so that whoever makes bodies may die in the middle and begin again.
#include "randomizer/linker/bootstrap.h"
#include "rs/service.h"
#include <string.h>

// A body in the making. `step` says what failed.
struct making {
    struct service *s;
    struct body *b;
    uint32_t priority;
    uint64_t startup, stack; // where they are mapped there
    const char *step;
};

static uint64_t page_round(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

// ---- The account ----

static struct body *payer(struct service *s)
{
    for (uint32_t i = 0; i < BODIES; i++) {
        if (s->bodies[i].task != HANDLE_NONE) {
            return &s->bodies[i];
        }
    }
    return nullptr;
}

// The dead ones' memory is still there, and they may have died of having used up all of it: each
// counts as much as the living one.
enum : uint64_t { REBIRTH_BYTES = 3 << 20 };

static uint64_t needed(const struct service *s)
{
    uint64_t dead = (s->corpse != nullptr) + (s->holder != nullptr && s->holder != s->corpse);
    uint64_t ahead = s->spare ? spare_bytes(s) : 0;
    ahead += s->spare && s->spare->ahead_of != 0 ? spare_copy_bytes(s) : 0;
    // What is a newborn's alone, and not yet the service's: an undo log, the tables of the move.
    uint64_t own = dead * (s->entry->undo + REBIRTH_BYTES);
    return s->entry->quota * (1 + dead) + ahead + own;
}

// The supervisor lives on what is not handed out, and must find room there to be reborn itself.
static uint64_t left_to_give(void)
{
    enum : uint64_t { RESERVE = 12 << 20 };
    struct task_info info = {0};
    (void)sys_task_info(HANDLE_NONE, &info);
    uint64_t left = info.quota_limit - info.quota_used;
    return left > RESERVE ? left - RESERVE : 0;
}

// As much as can be given of what is wanted.
static uint64_t affordable(const struct service *s, uint64_t wanted)
{
    uint64_t left = wanted > s->limit ? left_to_give() & ~(uint64_t)(PAGE_SIZE - 1) : 0;
    return wanted > s->limit && wanted - s->limit > left ? s->limit + left : wanted;
}

// Raising is tried with less when the machine has not so much left; lowering waits until no more is
// in use than the lower limit.
bool account_fit(struct service *s)
{
    const struct body *b = payer(s);
    uint64_t all = needed(s), wanted = affordable(s, all);
    if (b == nullptr || s->supervisor) { // it pays for itself, with all there is
        s->limit = 0;
        return true;
    }
    for (int i = 0; i < 3 && wanted != s->limit; i++) {
        if (sys_task_set_quota(b->task, wanted) == OK) {
            s->limit = wanted;
        } else if (wanted < s->limit) {
            return true;
        }
        wanted = s->limit + ((wanted - s->limit) / 2 & ~(uint64_t)(PAGE_SIZE - 1));
    }
    return s->limit >= all;
}

void account_again(struct service *s)
{
    const struct body *b = payer(s);
    uint64_t wanted = affordable(s, needed(s));
    if (b != nullptr && !s->supervisor && sys_task_set_quota(b->task, wanted) == OK) {
        s->limit = wanted;
    }
}

// ---- Making ----

static enum status create_task(struct making *n)
{
    struct service *s = n->s;
    const struct body *before = payer(s);
    char name[NAME_SIZE] = {0};
    memcpy(name, s->name, strnlen(s->name, NAME_SIZE - 1));
    n->step = "create a task";
    if (before != nullptr) {
        return sys_task_create(0, before->task, name, &n->b->task);
    }
    s->limit = s->entry->quota;
    return sys_task_create(s->limit, HANDLE_NONE, name, &n->b->task);
}

// The bootstrap comes first, to the place that was drawn for the first newborn: an emulator keeps what
// it has translated by address, and would translate it again for each. No service runs with it.
static enum status map_all(struct making *n)
{
    const struct service *s = n->s;
    const struct body *b = n->b;
    struct startup *at = b->startup;
    const uint32_t rw = PROT_READ | PROT_WRITE;
    const struct part {
        handle_t memory;
        uint32_t prot;
        uint64_t offset, bytes, *address;
    } parts[] = {
        {machine.bootstrap, PROT_READ | PROT_EXEC, 0, machine.bootstrap_bytes, &at->bootstrap},
        {b->module->memory, PROT_READ, 0, b->module->size, &at->module},
        {b->module->recipe, PROT_READ, 0, b->module->recipe_bytes, &at->recipe},
        {s->pages_to_read, PROT_READ, b->startup_offset, PAGE_SIZE, &n->startup},
        {s->pages, rw, 0, PAGE_SIZE, &at->status},
        {s->pages, rw, b->layout_offset, s->layout_bytes, &at->layout},
        {s->stacks, rw, (uint64_t)(b - s->bodies) * BOOTSTRAP_STACK, BOOTSTRAP_STACK, &n->stack},
    };
    n->step = "map memory";
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        *parts[i].address = i == 0 ? machine.bootstrap_at : 0;
        if (parts[i].memory == HANDLE_NONE) {
            continue; // no recipe
        }
        enum status status = sys_mem_map(b->task, parts[i].memory, parts[i].address,
                                         parts[i].offset, page_round(parts[i].bytes),
                                         parts[i].prot);
        if (status != OK) {
            return status;
        }
    }
    machine.bootstrap_at = at->bootstrap;
    return OK;
}

static enum status create_thread(struct making *n)
{
    const struct manifest_service *e = n->s->entry;
    struct thread_args args = {
        .entry = n->b->startup->bootstrap,
        .stack = n->stack + BOOTSTRAP_STACK,
        .args = {n->startup},
        .priority = n->priority,
        .budget_us = e->budget_us,
        .period_us = e->period_us,
    };
    n->step = "create a thread";
    return sys_thread_create(n->b->task, &args, &n->b->thread);
}

static enum status install(struct making *n, uint32_t index, const struct given_handle *g)
{
    handle_t there;
    n->step = "install a handle";
    n->b->handles++;
    return sys_handle_install(n->b->task, index, g->handle, g->rights, g->badge, &there);
}

// The module and the layout record are not among the handles: a service that wants to know where
// its parts are would only be asked that by an intruder.
static enum status install_all(struct making *n)
{
    const struct service *s = n->s;
    const struct body *b = n->b;
    // The supervisor can give itself into the hands of a twin.
    const uint32_t more = s->supervisor ? RIGHT_WRITE | RIGHT_COPY | RIGHT_TRANSFER : 0;
    const struct given_handle own[] = {
        [H_SELF_TASK] = {.handle = b->task, .rights = RIGHT_READ | RIGHT_MANAGE | more},
        [H_SELF_THREAD] = {.handle = b->thread,
                           .rights = RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE | more},
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

// Faults of one body must not be taken for those of the next: both numbers are in the badge.
enum status body_hear(const struct service *s, const struct body *b)
{
    handle_t port;
    uint64_t badge = s->number | (uint64_t)b->serial << 8;
    enum status status = sys_handle_copy(rt_port, RIGHT_CALL | RIGHT_TRANSFER, badge, &port);
    if (status == OK) {
        status = sys_task_set_fault_port(b->task, port);
        (void)sys_handle_close(port);
    }
    return status;
}

static enum status set_fault_port(struct making *n)
{
    n->step = "set the fault port";
    return body_hear(n->s, n->b);
}

static enum status draw_seed(struct making *n)
{
    struct body *b = n->b;
    n->step = "draw a seed";
    enum status status = sys_random(b->seed, sizeof(b->seed));
    memcpy(b->startup->seed, b->seed, sizeof(b->seed));
    return status;
}

static enum status make(struct making *n)
{
    enum status status = create_task(n);
    status = status == OK ? map_all(n) : status;
    status = status == OK ? create_thread(n) : status;
    status = status == OK ? install_all(n) : status;
    status = status == OK ? set_fault_port(n) : status;
    return status == OK ? draw_seed(n) : status;
}

static struct body *free_place(struct service *s)
{
    for (uint32_t i = 0; i < BODIES; i++) {
        if (s->bodies[i].task == HANDLE_NONE) {
            return &s->bodies[i];
        }
    }
    return nullptr;
}

static void describe_to_itself(const struct service *s, struct body *b)
{
    struct startup *at = b->startup;
    at->module_bytes = b->module->size;
    at->recipe_bytes = b->module->recipe_bytes;
    at->bootstrap_bytes = machine.bootstrap_bytes;
    at->layout_bytes = s->layout_bytes;
    at->flags = 0;
    at->old_layout = at->old_layout_bytes = 0;
    at->old_module = at->old_module_bytes = 0;
    at->checkpoint = at->checkpoint_bytes = 0;
    b->layout->magic = 0; // nothing is known until the bootstrap has filled it
}

struct body *body_make(struct service *s, struct module_file *module, uint32_t priority,
                       struct failure *why)
{
    struct making n = {.s = s, .b = free_place(s), .priority = priority, .step = "find a place"};
    enum status status = n.b != nullptr ? OK : ERR_QUOTA;
    if (status == OK) {
        n.b->module = module;
        n.b->serial = ++s->serials;
        n.b->handles = 0;
        n.b->ahead_of = 0;
        status = make(&n);
    }
    if (status != OK) {
        if (n.b != nullptr) {
            body_end(n.b);
        }
        *why = (struct failure){status, n.step};
        return nullptr;
    }
    describe_to_itself(s, n.b);
    return n.b;
}

// ---- Ending ----

static void kill_condemned(void *arg)
{
    struct body *b = arg;
    enum status status = sys_task_kill(b->condemned);
    rt_assert(status == OK);
    b->condemned = HANDLE_NONE;
}

void body_condemn(struct body *b)
{
    (void)sys_task_suspend(b->task); // it may have ended already
    b->condemned = b->task;
    at_commit(kill_condemned, b);
}

// Closed at commit: until then a rollback may bring the names back.
void body_end(struct body *b)
{
    if (b->task != HANDLE_NONE) {
        if (b->condemned != b->task) { // at once: its place may be another's before the commit
            (void)sys_task_kill(b->task);
        }
        rt_close_at_commit(b->task);
    }
    if (b->thread != HANDLE_NONE) {
        rt_close_at_commit(b->thread);
    }
    b->task = b->thread = HANDLE_NONE;
    b->record = b->event = 0;
    b->described = b->passed_on = false;
}

void body_leave(struct service *s, struct body **role)
{
    struct body *b = *role;
    *role = nullptr;
    if (b != nullptr && b != s->corpse && b != s->holder && b != s->living && b != s->spare) {
        body_end(b);
    }
}
