// SPDX-License-Identifier: MIT
// System calls about the machine as a whole.
#include "kernel/irq/iorange.h"
#include "kernel/mem/page.h"
#include "kernel/mem/user.h"
#include "kernel/system/calls.h"
#include "kernel/system/kept.h"
#include "kernel/system/log.h"
#include "kernel/system/random.h"
#include "kernel/time/timer.h"

enum { RANDOM_MAX = 4096, RANDOM_PIECE = 256, LOG_LINE_MAX = 256, LOG_READ_MAX = 4096 };

int sys_null(struct thread *, struct regs *)
{
    return OK;
}

int sys_random(struct thread *t, struct regs *r)
{
    uint8_t bytes[RANDOM_PIECE];
    struct span range;
    if (r->rsi > RANDOM_MAX) {
        return ERR_RANGE;
    }
    enum status status = span_resolve(&range, t->task, r->rdi, r->rsi, PROT_WRITE);
    for (uint64_t done = 0; status == OK && done < r->rsi; done += RANDOM_PIECE) {
        uint64_t n = min_u64(RANDOM_PIECE, r->rsi - done);
        random_bytes(bytes, n);
        status = user_copy_out(t->task, r->rdi + done, bytes, n);
    }
    return status;
}

int sys_random_add(struct thread *t, struct regs *r)
{
    uint8_t bytes[RANDOM_MAX];
    if (r->rsi > RANDOM_MAX) {
        return ERR_RANGE;
    }
    enum status status = user_copy_in(t->task, bytes, r->rdi, r->rsi);
    if (status == OK) {
        random_add(bytes, r->rsi);
    }
    return status;
}

int sys_log_write(struct thread *t, struct regs *r)
{
    char text[LOG_LINE_MAX];
    if (r->rsi > LOG_LINE_MAX) {
        return ERR_RANGE;
    }
    enum status status = user_copy_in(t->task, text, r->rdi, r->rsi);
    if (status == OK) {
        log_task_line(text, r->rsi);
    }
    return status;
}

// The text ends with a zero byte where it is shorter than the buffer, because a start that lies too
// far back is moved to the oldest text and the caller could not tell the length otherwise.
int sys_log_read(struct thread *t, struct regs *r)
{
    char text[LOG_READ_MAX];
    struct handle_entry *e;
    uint64_t next, bytes = min_u64(r->r10, LOG_READ_MAX);
    enum status status = handle_get(&t->task->handles, r->rdi, OBJ_IORANGE, RIGHT_CONTROL, &e);
    if (status != OK) {
        return status;
    }
    size_t n = log_copy(r->rsi, text, bytes, &next);
    if (n < bytes) {
        text[n++] = 0;
    }
    status = user_copy_out(t->task, r->rdx, text, n);
    if (status == OK) {
        r->rdx = next;
    }
    return status;
}

static uint64_t idle_ns(void)
{
    uint64_t ticks = 0, now = arch_ticks();
    for (uint32_t i = 0; i < cpu_count; i++) {
        ticks += cpus[i].idle_ticks;
        if (cpus[i].current == NULL && now > cpus[i].since) {
            ticks += now - cpus[i].since;
        }
    }
    return arch_ticks_to_ns(ticks);
}

int sys_system_info(struct thread *t, struct regs *r)
{
    struct system_info info = {
        .total_pages = page_total(),
        .free_pages = page_available(),
        .kernel_object_bytes = slab_bytes(),
        .cpus = cpu_count,
        .features = machine.features,
        .tsc_hz = machine.tsc_hz,
        .boot_ns = boot_ns,
        .tasks = object_living(OBJ_TASK),
        .threads = object_living(OBJ_THREAD),
        .ports = object_living(OBJ_PORT),
        .replies = object_living(OBJ_REPLY),
        .memories = object_living(OBJ_MEMORY),
        .irqs = object_living(OBJ_IRQ),
        .ioranges = object_living(OBJ_IORANGE),
        .idle_ns = idle_ns(),
        .reaping = work_waiting(),
    };
    return user_copy_out(t->task, r->rdi, &info, sizeof(info));
}

// Supervisors that look after each other can die at the same moment. Then nobody is left who could
// say so, and only time tells.
static struct timer supervised;

static void nobody_left(struct timer *)
{
    log_kernel("nobody has supervised for %lu s: the machine restarts\n",
               (unsigned long)(SUPERVISED_NS / 1000000000));
    kept_say("the kernel: nobody has supervised for too long");
    arch_system(SYSTEM_REBOOT);
}

int sys_system_control(struct thread *t, struct regs *r)
{
    struct handle_entry *e;
    enum status status = handle_get(&t->task->handles, r->rdi, OBJ_IORANGE, RIGHT_CONTROL, &e);
    if (status != OK) {
        return status;
    }
    struct iorange *range = iorange_of(e->object);
    if (range->kind != IORANGE_PORT) {
        return ERR_TYPE;
    }
    if (!iorange_covers(range, 0, 0x10000)) {
        return ERR_RANGE;
    }
    if (r->rsi == SYSTEM_SUPERVISED) {
        timer_arm(&supervised, arch_now_ns() + SUPERVISED_NS, nobody_left);
        return OK;
    }
    if (r->rsi < SYSTEM_POWEROFF || r->rsi > SYSTEM_HALT) {
        return ERR_ARG;
    }
    arch_system((enum system_action)r->rsi);
}
