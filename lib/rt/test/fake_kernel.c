// SPDX-License-Identifier: MIT
// A kernel for host tests, see fake_kernel.h.
#define _GNU_SOURCE
#include "lib/rt/test/fake_kernel.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HANDLES = 4096, EVENTS = 256 };
enum { TICKS_PER_NS = 3, TICKS_AT_BOOT = 12345 };

struct fake_object {
    enum object_type type; // OBJ_NONE: free
    uint64_t bytes, bits;
    bool bound, parked;
};
struct event {
    enum { EVENT_CALL, EVENT_NOTIFY, EVENT_CANCEL } kind;
    struct ipc_message m;
};

struct status_page fake_status;
uint64_t fake_now;
int fake_fail_memory;
uint64_t fake_mapped;
struct fake_answer fake_answers[FAKE_ANSWERS];
int fake_answer_count;
void (*fake_on_answer)(void);
char fake_grant[1 << 20];
char fake_log[256];

static struct fake_object objects[HANDLES];
static struct event events[EVENTS];
static int first_event, last_event;
static uint64_t timer_at;
static struct startup startup;

// ---- Handles ----

handle_t fake_handle(enum object_type type)
{
    for (handle_t i = HANDLE_DYNAMIC; i < HANDLES; i++) {
        if (objects[i].type == OBJ_NONE) {
            objects[i] = (struct fake_object){.type = type};
            return i;
        }
    }
    abort();
}

bool fake_handle_open(handle_t handle)
{
    return handle < HANDLES && objects[handle].type != OBJ_NONE;
}

int fake_handles_open(void)
{
    int count = 0;
    for (handle_t i = HANDLE_DYNAMIC; i < HANDLES; i++) {
        count += objects[i].type != OBJ_NONE;
    }
    return count;
}

static enum status handle_next(handle_t after, uint64_t *second)
{
    for (handle_t i = after < HANDLE_DYNAMIC ? HANDLE_DYNAMIC : after + 1; i < HANDLES; i++) {
        if (objects[i].type != OBJ_NONE) {
            *second = i;
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}

static enum status handle_info(handle_t handle, struct handle_info *out)
{
    if (!fake_handle_open(handle)) {
        return ERR_HANDLE;
    }
    *out = (struct handle_info){.type = objects[handle].type};
    return OK;
}

// ---- Memory ----

static enum status mem_create(uint64_t bytes, uint64_t *second)
{
    if (fake_fail_memory >= 0 && fake_fail_memory-- <= 0) {
        fake_fail_memory = 0;
        return ERR_QUOTA;
    }
    handle_t handle = fake_handle(OBJ_MEMORY);
    objects[handle].bytes = bytes;
    *second = handle;
    return OK;
}

static enum status mem_map(const uint64_t *a, uint64_t *second)
{
    if (!fake_handle_open((handle_t)a[1]) || objects[a[1]].bytes < a[4]) {
        return ERR_HANDLE;
    }
    int fixed = a[2] != 0 ? MAP_FIXED_NOREPLACE : 0;
    void *at = mmap((void *)a[2], a[4], PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
    if (at == MAP_FAILED) {
        return ERR_EXISTS;
    }
    fake_mapped += a[4];
    *second = (uint64_t)at;
    return OK;
}

static enum status mem_unmap(uint64_t address, uint64_t bytes)
{
    if (munmap((void *)address, bytes) != 0) {
        return ERR_RANGE;
    }
    fake_mapped -= bytes;
    return OK;
}

static enum status grant_copy(const uint64_t *a)
{
    if (!fake_handle_open((handle_t)a[0]) || !objects[a[0]].bound) {
        return ERR_STATE;
    }
    if (a[4] > GRANT_COPY_MAX || a[2] + a[4] > sizeof(fake_grant)) {
        return ERR_RANGE;
    }
    if (a[1] == GRANT_READ) {
        memcpy((void *)a[3], fake_grant + a[2], a[4]);
    } else {
        memcpy(fake_grant + a[2], (const void *)a[3], a[4]);
    }
    return OK;
}

static enum status reply_info(handle_t handle, struct reply_info *out)
{
    if (!fake_handle_open(handle) || objects[handle].type != OBJ_REPLY) {
        return ERR_HANDLE;
    }
    *out = (struct reply_info){.bound = objects[handle].bound, .parked = objects[handle].parked};
    return OK;
}

static enum status create(enum object_type type, uint64_t *second)
{
    *second = fake_handle(type);
    return OK;
}

static enum status close_handle(handle_t handle)
{
    if (!fake_handle_open(handle)) {
        return ERR_HANDLE;
    }
    objects[handle].type = OBJ_NONE;
    return OK;
}

uint64_t fake_ticks(void)
{
    return TICKS_AT_BOOT + fake_now * TICKS_PER_NS;
}

enum status fake_trap(uint64_t number, const uint64_t a[6], uint64_t *second)
{
    switch (number) {
    case SYS_mem_create:
        return mem_create(a[0], second);
    case SYS_mem_map:
        return mem_map(a, second);
    case SYS_mem_unmap:
        return mem_unmap(a[1], a[2]);
    case SYS_handle_close:
        return close_handle((handle_t)a[0]);
    case SYS_handle_info:
        return handle_info((handle_t)a[0], (struct handle_info *)a[1]);
    case SYS_handle_next:
        return handle_next((handle_t)a[0], second);
    case SYS_handle_copy:
        return create(objects[a[0]].type, second);
    case SYS_port_create:
        return create(OBJ_PORT, second);
    case SYS_reply_create:
        return create(OBJ_REPLY, second);
    case SYS_reply_park:
        objects[a[0]].parked = a[1] == PARK_ON;
        objects[a[0]].bound = objects[a[0]].bound && a[1] != PARK_RETURN;
        return OK;
    case SYS_reply_info:
        return reply_info((handle_t)a[0], (struct reply_info *)a[1]);
    case SYS_grant_copy:
        return grant_copy(a);
    case SYS_timer_set:
        timer_at = a[1];
        return OK;
    case SYS_log_write:
        snprintf(fake_log, sizeof(fake_log), "%.*s", (int)a[1], (const char *)a[0]);
        return OK;
    default:
        return ERR_UNSUPPORTED;
    }
}

// ---- Messages ----

static struct event *new_event(void)
{
    return &events[last_event++ % EVENTS];
}

void fake_push(const struct ipc_message *m)
{
    *new_event() = (struct event){.kind = EVENT_CALL, .m = *m};
}

void fake_push_call(uint32_t label, const uint64_t w[IPC_WORDS])
{
    struct ipc_message m = {.tag = label, .badge = 77};
    if (w) {
        memcpy(m.w, w, sizeof(m.w));
    }
    fake_push(&m);
}

void fake_push_notify(uint64_t bits)
{
    *new_event() = (struct event){.kind = EVENT_NOTIFY, .m = {.tag = TAG_NOTIFY, .bits = bits}};
}

void fake_push_cancel(void)
{
    *new_event() = (struct event){.kind = EVENT_CANCEL};
}

static enum status answer(handle_t reply, const struct ipc_message *m)
{
    if (!fake_handle_open(reply) || !objects[reply].bound) {
        return ERR_STATE;
    }
    if ((m->tag & TAG_HANDLE) && !fake_handle_open(m->handle)) {
        return ERR_HANDLE;
    }
    if (fake_on_answer) {
        fake_on_answer();
    }
    objects[reply].bound = objects[reply].parked = false;
    fake_answers[fake_answer_count++ % FAKE_ANSWERS] = (struct fake_answer){reply, *m};
    return OK;
}

static bool take_timer(struct ipc_message *m)
{
    if (timer_at == 0 || timer_at > fake_now) {
        return false;
    }
    timer_at = 0;
    *m = (struct ipc_message){.tag = TAG_NOTIFY, .bits = NOTIFY_TIMER};
    return true;
}

static struct event *next_event(bool notify_only)
{
    for (int i = first_event; i < last_event; i++) {
        struct event *event = &events[i % EVENTS];
        if (event->kind != EVENT_CALL || !notify_only) {
            struct event found = *event; // out of the middle of the queue
            for (; i > first_event; i--) {
                events[i % EVENTS] = events[(i - 1) % EVENTS];
            }
            events[first_event % EVENTS] = found;
            return &events[first_event++ % EVENTS];
        }
    }
    return nullptr;
}

static enum status wait_event(handle_t reply, struct ipc_message *m, uint64_t flags)
{
    if (take_timer(m)) {
        return OK;
    }
    struct event *event = next_event(flags & RECV_NOTIFY_ONLY);
    if (!event) {
        if (timer_at == 0) {
            return ERR_DEAD;
        }
        fake_now = timer_at;
        return take_timer(m) ? OK : ERR_DEAD;
    }
    if (event->kind == EVENT_CANCEL) {
        return ERR_CANCELLED;
    }
    if (event->kind == EVENT_CALL) {
        if (!fake_handle_open(reply) || objects[reply].bound) {
            return ERR_STATE;
        }
        objects[reply].bound = true;
    }
    *m = event->m;
    return OK;
}

enum status fake_ipc(uint64_t number, uint64_t where, struct ipc_message *m, uint64_t r14,
                     uint64_t r15)
{
    handle_t reply = (handle_t)(where >> 32);
    enum status status = OK;
    (void)r15;
    if (number == SYS_reply || number == SYS_reply_recv) {
        status = answer(reply, m);
    }
    if (status == OK && (number == SYS_recv || number == SYS_reply_recv)) {
        status = wait_event(reply, m, r14);
    }
    return status;
}

// ---- Starting ----

static void begin(void)
{
    startup.incarnation++;
    startup.seed[0] = (uint8_t)startup.incarnation;
    uint64_t mapped = fake_mapped;
    rt_begin(&startup);
    fake_mapped = mapped; // without the undo log
}

void fake_start(const char *args)
{
    memset(objects, 0, sizeof(objects));
    memset(&fake_status, 0, sizeof(fake_status));
    first_event = last_event = fake_answer_count = 0;
    timer_at = 0;
    fake_now = 1000;
    fake_fail_memory = -1;
    objects[H_SERVICE_PORT].type = OBJ_PORT;
    startup = (struct startup){.magic = STARTUP_MAGIC, .version = STARTUP_VERSION};
    snprintf(startup.name, sizeof(startup.name), "tested");
    startup.tsc_hz = 1000000000ull * TICKS_PER_NS;
    startup.tsc_base = TICKS_AT_BOOT;
    startup.status = (uint64_t)&fake_status;
    startup.boot = (struct boot_info *)1; // as for the root task: the block itself stays mapped
    snprintf(startup.args, sizeof(startup.args), "%s", args);
    startup.handle_count = 1;
    startup.handles[0] = (struct named_handle){"disk", H_FIRST_NAMED, OBJ_PORT};
    begin();
}

void fake_restart(void)
{
    first_event = last_event = 0;
    begin();
}

bool fake_dies(void (*fn)(void *arg), void *arg, const char *text)
{
    struct status_page *page = mmap(nullptr, sizeof(*page), PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fflush(nullptr);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGILL, SIG_DFL); // the sanitizer would report it as its own
        rt_status = page;
        fn(arg);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    bool trapped = WIFSIGNALED(status) && WTERMSIG(status) == SIGILL;
    bool right = trapped && strstr(page->assert_text, text);
    if (!right) {
        fprintf(stderr, "child ended with %#x, last words: %s\n", status, page->assert_text);
    }
    munmap(page, sizeof(*page));
    return right;
}
