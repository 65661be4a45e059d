// SPDX-License-Identifier: MIT
// System calls: handles that are counted, memory that is real where the supervisor maps it, tasks that are only numbers.
#include "rs/test/fake_kernel.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANDLES = 8192 };

static struct {
    uint8_t type; // enum object_type, 0: closed
    uint32_t rights; // of memory
    uint64_t badge;
    handle_t predecessor; // of a task
    bool killed;          // of a task
    bool stopped;         // of a thread
    void *backing;        // of memory: where the supervisor sees it
} handles[HANDLES];
static uint64_t mapped_next = 0x10000000;
static uint64_t kept_bytes; // of machine.kept

int fake_handles, fake_tasks, fake_fail_at = -1, fake_queue, fake_dead_answers, fake_notified;
uint64_t fake_calls;
bool fake_beats = true, fake_suspended;
handle_t fake_subscriber = 8000, fake_inherited, fake_to_write;
enum status fake_inherit_status = OK;
bool fake_linked = true, fake_rebooted;
uint64_t fake_quota = 1ull << 40;
uint32_t fake_mapped;

static void *kept[256];
static int kept_count;

void *fake_kept(void *p)
{
    kept[kept_count++] = p;
    return p;
}

static uint64_t open_handle(enum object_type type, uint64_t badge)
{
    for (uint64_t i = 64; i < HANDLES - 200; i++) {
        if (handles[i].type == OBJ_NONE) {
            handles[i].type = (uint8_t)type;
            handles[i].badge = badge;
            handles[i].predecessor = HANDLE_NONE;
            handles[i].killed = handles[i].stopped = false;
            handles[i].backing = nullptr;
            fake_handles++;
            fake_tasks += type == OBJ_TASK;
            return i;
        }
    }
    abort();
}

enum status fake_close(uint64_t handle)
{
    if (handle >= HANDLES || handles[handle].type == OBJ_NONE) {
        fprintf(stderr, "closed twice: %llu\n", (unsigned long long)handle);
        abort();
    }
    fake_handles--;
    fake_tasks -= handles[handle].type == OBJ_TASK;
    handles[handle].type = OBJ_NONE;
    return OK;
}

// Every mapping in the supervisor itself is real memory; those in newborns are only numbers.
static enum status map(const uint64_t *a, uint64_t *second)
{
    bool known = a[1] < HANDLES && handles[a[1]].type != OBJ_NONE;
    if (a[0] != 0 && known && !(a[5] & PROT_WRITE) && (handles[a[1]].rights & RIGHT_WRITE)) {
        fprintf(stderr, "a newborn could make a page writable that it shall only read\n");
        abort();
    }
    if (a[0] != 0) {
        *second = a[2] != 0 ? a[2] : (mapped_next += 1 << 20);
        return OK;
    }
    if (handles[a[1]].backing == nullptr) {
        handles[a[1]].backing = fake_kept(aligned_alloc(PAGE_SIZE, a[4]));
        memset(handles[a[1]].backing, 0, a[4]);
    }
    *second = (uint64_t)handles[a[1]].backing;
    return OK;
}

// A ping is answered by its service: the one whose port was made just before the ping handle.
static void notified(uint64_t handle)
{
    if (handle >= HANDLES || handles[handle].badge != NOTIFY_PING) {
        fake_notified++;
        return;
    }
    for (uint32_t i = 0; i < service_count; i++) {
        if (services[i].ping == handle && fake_beats) {
            services[i].status->beats++;
        }
    }
}

static bool is_spare(handle_t task)
{
    for (uint32_t i = 0; i < service_count; i++) {
        if (services[i].spare != nullptr && services[i].spare->task == task) {
            return true;
        }
    }
    return false;
}

bool fake_is_killed(handle_t task)
{
    return task < HANDLES && handles[task].killed;
}

bool fake_is_stopped(handle_t thread)
{
    return thread < HANDLES && handles[thread].stopped;
}

static enum status describe(uint64_t number, const uint64_t *a)
{
    if (number == SYS_task_info) {
        *(struct task_info *)a[1] = (struct task_info){
            .state = fake_is_killed((handle_t)a[0]) ? TASK_DEAD : fake_suspended ? TASK_SUSPENDED : TASK_RUNNING,
            .threads = 1,
            .quota_limit = fake_quota,
            .wait_kind = fake_linked && is_spare((handle_t)a[0]) ? WAIT_STOPPED : WAIT_RECV};
    } else {
        *(struct port_info *)a[1] = (struct port_info){.waiting = (uint32_t)fake_queue};
    }
    return OK;
}

enum status fake_trap(uint64_t number, const uint64_t a[6], uint64_t *second)
{
    fake_calls++;
    bool may_fail =
        number != SYS_handle_close && number != SYS_task_kill && number != SYS_thread_stop;
    if (may_fail && fake_fail_at >= 0 && fake_fail_at-- == 0) {
        return ERR_MEMORY;
    }
    switch (number) {
    case SYS_mem_create:
        *second = open_handle(OBJ_MEMORY, 0);
        handles[*second].rights = RIGHTS_ALL;
        return OK;
    case SYS_mem_map:
        return map(a, second);
    case SYS_port_create:
        *second = open_handle(OBJ_PORT, 0);
        return OK;
    case SYS_reply_create:
        *second = open_handle(OBJ_REPLY, 0);
        return OK;
    case SYS_task_create:
        *second = open_handle(OBJ_TASK, 0);
        return OK;
    case SYS_thread_create:
        *second = open_handle(OBJ_THREAD, 0);
        return OK;
    case SYS_handle_copy:
        *second = open_handle(OBJ_PORT, a[2]);
        handles[*second].rights = (uint32_t)a[1];
        return OK;
    case SYS_handle_install:
        *second = a[1];
        if (a[1] == H_CHECKPOINT) {
            fake_to_write = (handle_t)a[2];
        }
        if (a[1] == H_PREDECESSOR) {
            handles[a[0]].predecessor = (handle_t)a[2];
        }
        return OK;
    case SYS_mem_info:
        *(struct mem_info *)a[1] = (struct mem_info){.mappings = fake_mapped, .bytes = kept_bytes};
        return OK;
    case SYS_system_control:
        fake_rebooted = true;
        return OK;
    case SYS_thread_stop:
    case SYS_thread_start:
        handles[a[0]].stopped = number == SYS_thread_stop;
        return OK;
    case SYS_task_kill:
        handles[a[0]].killed = true;
        return OK;
    case SYS_task_inherit:
        if (!handles[a[1]].killed) {
            fprintf(stderr, "inherited from one that is not dead\n");
            abort();
        }
        if (fake_inherit_status == OK) {
            fake_inherited = (handle_t)a[1];
        }
        return fake_inherit_status;
    case SYS_handle_close:
        return a[0] == fake_subscriber ? OK : fake_close(a[0]);
    case SYS_handle_info:
        *(struct handle_info *)a[1] =
            (struct handle_info){.type = OBJ_PORT, .rights = RIGHT_NOTIFY};
        return OK;
    case SYS_random:
        for (uint64_t i = 0; i < a[1]; i++) {
            ((uint8_t *)a[0])[i] = (uint8_t)rand();
        }
        return OK;
    case SYS_notify:
        notified(a[0]);
        return OK;
    case SYS_task_info:
    case SYS_port_info:
        return describe(number, a);
    case SYS_thread_get_regs:
        *(struct thread_regs *)a[1] = (struct thread_regs){.rip = 0x40001000, .rsp = 0x50000000};
        return OK;
    case SYS_task_read:
        return ERR_FAULT;
    default:
        return OK;
    }
}

enum status fake_ipc(uint64_t number, uint64_t, struct ipc_message *m, uint64_t, uint64_t)
{
    if (number == SYS_recv) {
        *m = (struct ipc_message){.tag = 0x0601};
        return fake_queue > 0 ? OK : ERR_AGAIN;
    }
    fake_dead_answers += m->tag == ERR_DEAD;
    fake_queue--;
    return OK;
}

uint64_t fake_badge_of(handle_t port)
{
    return handles[port].badge;
}

handle_t fake_predecessor(uint32_t number)
{
    return handles[service_by_number(number)->living->task].predecessor;
}

void fake_keep(void *memory, uint64_t bytes)
{
    machine.kept = (handle_t)open_handle(OBJ_MEMORY, 0);
    handles[machine.kept].backing = memory;
    kept_bytes = bytes;
}

void fake_kernel_end(void)
{
    while (kept_count > 0) {
        free(kept[--kept_count]);
    }
    memset(handles, 0, sizeof(handles));
    fake_handles = fake_tasks = 0;
    machine.kept = HANDLE_NONE;
}
