// SPDX-License-Identifier: MIT
// What the supervisor does so that it can be reborn itself.
//
// To its twin it is a service like any other. So it prepares for itself what it prepares for
// others (pages, start-up blocks, stacks for the bootstrap), and gives the twin handles of these
// and of its own task. The first incarnation, which the kernel made, moves into the first place.
#include "lib/rt/movable.h"
#include "rs/service.h"
#include <string.h>

static struct service self; // no role in it is ever taken
static bool prepared;

// A task without threads that holds a handle of this one: when no other task has one, a task is
// taken apart, and the twin, who has, may be given up, or begin afresh.
static handle_t anchor;

// The kernel wrote only what is needed for a first life; the handles are the same in each.
static void describe_lives(void)
{
    for (uint32_t i = 0; i < BODIES; i++) {
        struct startup *at = self.bodies[i].startup;
        service_describe(&self, at);
        at->stack_bytes = rt_startup->stack_bytes;
        at->heap_limit_bytes = rt_startup->heap_limit_bytes;
        at->handle_count = rt_startup->handle_count;
        memcpy(at->handles, rt_startup->handles, sizeof(at->handles));
    }
}

// The layout record that the bootstrap has filled is not mapped any more.
MOVE_ADDRESSES static enum status keep_layout(void)
{
    uint64_t at = 0, bytes = rt_startup->layout_bytes;
    enum status status = sys_mem_map(0, H_LAYOUT, &at, 0, bytes, PROT_READ);
    if (status == OK) {
        const struct layout_record *from = (const void *)at;
        uint64_t used = sizeof(*from) + from->sections * sizeof(uint64_t);
        rt_assert(used <= self.layout_bytes);
        memcpy(self.bodies[0].layout, from, used);
        (void)sys_mem_unmap(0, at, bytes);
    }
    return status;
}

// From here on the status page is one that heirs share.
MOVE_ADDRESSES static void move_in(void)
{
    struct startup *at = self.bodies[0].startup;
    at->incarnation = rt_startup->incarnation;
    at->status = (uint64_t)self.status;
    *self.status = *rt_status;
    rt_status = self.status;
}

static enum status prepare(void)
{
    self.name = "rs";
    self.entry = &twin_entry;
    self.module = module_named("rs");
    if (self.module == nullptr || !self.module->usable) {
        return ERR_CORRUPT;
    }
    enum status status = service_make_pages(&self);
    status = status == OK ? keep_layout() : status;
    if (status == OK) {
        describe_lives();
        move_in();
        prepared = true;
    }
    return status;
}

enum status self_part(enum manifest_part part, struct given_handle *out)
{
    const uint32_t pass = RIGHT_COPY | RIGHT_TRANSFER;
    const uint32_t of_task = pass | RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE;
    const uint32_t of_port = pass | RIGHT_RECV | RIGHT_CALL | RIGHT_NOTIFY | RIGHT_BADGE;
    enum status status = prepared ? OK : prepare();
    if (status != OK) {
        return status;
    }
    const struct part {
        handle_t handle;
        uint32_t rights, type;
    } parts[PARTS] = {
        [PART_TASK] = {H_SELF_TASK, of_task, OBJ_TASK},
        [PART_THREAD] = {H_SELF_THREAD, of_task, OBJ_THREAD},
        [PART_PORT] = {H_SERVICE_PORT, of_port, OBJ_PORT},
        [PART_PAGES] = {self.pages, pass | RIGHT_READ | RIGHT_WRITE, OBJ_MEMORY},
        [PART_STACKS] = {self.stacks, pass | RIGHT_READ | RIGHT_WRITE, OBJ_MEMORY},
        [PART_BOOTSTRAP] = {machine.bootstrap, pass | RIGHT_READ | RIGHT_EXEC, OBJ_MEMORY},
        [PART_KEPT] = {machine.kept, pass | RIGHT_READ | RIGHT_WRITE, OBJ_MEMORY},
        [PART_MODULE] = {self.module->memory, pass | RIGHT_READ, OBJ_MEMORY},
    };
    out->handle = parts[part].handle;
    out->rights = parts[part].rights;
    out->type = parts[part].type;
    return OK;
}

// A new one each time: what the old one holds is the incarnation before.
static void drop_anchor(void)
{
    static const char name[NAME_SIZE] = "anchor";
    handle_t before = anchor, there;
    enum status status = sys_task_create(0, HANDLE_NONE, name, &anchor);
    if (status == OK) {
        status = sys_handle_install(anchor, H_FIRST_NAMED, H_SELF_TASK, RIGHT_READ, 0, &there);
    }
    if (status != OK) {
        log_warn("nothing but the twin holds this task: %s", rt_status_text(status));
    }
    if (before != HANDLE_NONE) {
        rt_close_at_commit(before);
    }
}

// Each of the two says so. When both are dead at the same moment, the kernel misses it.
static void supervised(void *)
{
    enum : uint64_t { PERIOD_NS = 1000000000 };
    static struct rt_timer timer;
    (void)sys_system_control(machine.ports, SYSTEM_SUPERVISED);
    rt_timer(&timer, rt_now_ns() + PERIOD_NS, supervised, nullptr);
}

void say_supervised(void)
{
    supervised(nullptr);
}

static void begin_again(const struct rt_rebirth *)
{
    drop_anchor();
    supervision_resumes();
}

void self_begin(void)
{
    if (prepared) {
        drop_anchor();
        say_supervised();
        rt_on_reborn(begin_again);
    }
}

// What the predecessor was in the middle of was undone in its memory, and will be done again if a
// message asks for it. What it had already done in the kernel shows only to whoever looks.
void supervision_resumes(void)
{
    for (uint32_t i = 0; i < service_count; i++) {
        struct service *s = &services[i];
        struct task_info info;
        account_again(s);
        if (s->spare != nullptr && sys_task_info(s->spare->task, &info) == OK &&
            info.state == TASK_DEAD) {
            spare_drop(s);
        }
        watch_again(s);
    }
}
