// SPDX-License-Identifier: MIT
#include "kernel/test/world.h"
#include <stdio.h>
#include <string.h>

enum : uint64_t { SYSCALL_AT = 0x5000, ARCHIVE_AT = 1 << 20, KEPT_AT = 3 << 19, LIMIT = 1'000'000 };

struct thread *root_thread;

// One file of a newc archive.
static size_t put_file(uint8_t *at, const char *name, const void *data, size_t bytes)
{
    size_t n = (size_t)sprintf((char *)at, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 0,
                               0100644, 0, 0, 1, 0, (unsigned)bytes, 0, 0, 0, 0,
                               (unsigned)strlen(name) + 1, 0);
    strcpy((char *)at + n, name);
    n = (n + strlen(name) + 1 + 3) & ~(size_t)3;
    memcpy(at + n, data, bytes);
    return (n + bytes + 3) & ~(size_t)3;
}

int world_start(void **)
{
    if (root_thread != NULL) {
        return 0;
    }
    host_ram_create();
    uint8_t *archive = phys_to_virt(ARCHIVE_AT), module[1000] = {0};
    size_t n = put_file(archive, "bootstrap", "\xeb\xfe", 2);
    n += put_file(archive + n, "rs.mod", module, sizeof(module));
    n += put_file(archive + n, "TRAILER!!!", "", 0);
    machine.archive = ARCHIVE_AT;
    machine.archive_bytes = n;
    machine.kept = KEPT_AT;
    machine.kept_bytes = HOST_RAM_FIRST - KEPT_AT;
    memset(phys_to_virt(KEPT_AT), 0xa5, machine.kept_bytes);
    machine.memory_bytes = HOST_RAM_BYTES;
    machine.phys_limit = 1ull << 46;
    machine.tsc_hz = 1'000'000'000;
    strcpy(machine.cmdline, "seed=0011223344556677");
    page_add_ram(0, HOST_RAM_BYTES);
    page_add_range(HOST_RAM_FIRST, HOST_RAM_BYTES - HOST_RAM_FIRST);
    for (uint32_t i = 0; i < 2; i++) {
        cpus[i].number = i;
        cpus[i].self = &cpus[i];
    }
    kernel_start(&cpus[0]);
    root_thread = cpus[0].current;
    struct memory *m;
    uint64_t at = DATA;
    assert_int_equal(memory_create(root_task->account, DATA_BYTES, 0, &m), OK);
    assert_int_equal(region_map(root_task, m, &at, 0, DATA_BYTES, 3, 3), OK);
    object_put(&m->obj);
    poke(root_task, DATA, "", 1); // the page tables for it are there from now on
    return 0;
}

void run_as(struct thread *t)
{
    struct cpu *cpu = host_cpu = &cpus[0];
    struct thread *now = cpu->current;
    if (now == t) {
        return;
    }
    assert_true(t->queued && thread_runnable(t));
    queue_remove(&run_queue, t);
    t->queued = false;
    sched_switch(cpu, t, arch_ticks());
    if (now != NULL) {
        sched_ready(now);
    }
}

// Enters the kernel until the call has an answer or its thread waits.
static uint64_t enter(struct thread *t, enum syscall number)
{
    for (uint64_t i = 0; i < LIMIT; i++) {
        run_as(t);
        t->regs.rax = number;
        t->regs.rip = SYSCALL_AT + 2;
        t->regs.full = 0;
        kernel_syscall(&cpus[0]);
        if (t->task == NULL || !thread_runnable(t)) {
            return BLOCKED;
        }
        if (t->regs.rip == SYSCALL_AT + 2) {
            return t->regs.rax;
        }
        assert_int_equal(t->regs.rip, SYSCALL_AT);
    }
    fail_msg("system call %d never ends", number);
    return 0;
}

struct result call6(struct thread *t, enum syscall number, uint64_t a, uint64_t b, uint64_t c,
                    uint64_t d, uint64_t e, uint64_t f)
{
    struct regs *r = &t->regs;
    r->rdi = a;
    r->rsi = b;
    r->rdx = c;
    r->r10 = d;
    r->r8 = e;
    r->r9 = f;
    uint64_t status = enter(t, number);
    return (struct result){status, status == BLOCKED ? 0 : t->regs.rdx};
}

void call_interrupted(struct thread *t, enum syscall number, uint64_t a, uint64_t b, uint64_t c,
                      uint64_t d)
{
    run_as(t);
    struct regs *r = &t->regs;
    r->rax = number;
    r->rdi = a;
    r->rsi = b;
    r->rdx = c;
    r->r10 = d;
    r->rip = SYSCALL_AT + 2;
    kernel_syscall(&cpus[0]);
    assert_int_equal(r->rip, SYSCALL_AT);
    assert_true(thread_runnable(t));
}

uint64_t call_message(struct thread *t, enum syscall number, struct message m)
{
    struct regs *r = &t->regs;
    r->rsi = m.tag;
    r->rdx = m.w[0];
    r->r10 = m.w[1];
    r->r8 = m.w[2];
    r->r9 = m.w[3];
    r->r12 = m.w[4];
    r->r13 = m.w[5];
    r->rdi = m.rdi;
    r->rbx = m.rbx;
    r->r14 = m.r14;
    r->r15 = m.r15;
    return enter(t, number);
}

struct message message_of(const struct thread *t)
{
    const struct regs *r = &t->regs;
    return (struct message){.tag = r->rsi, .w = {r->rdx, r->r10, r->r8, r->r9, r->r12, r->r13},
                            .rdi = r->rdi, .rbx = r->rbx, .r14 = r->r14, .r15 = r->r15};
}

uint64_t made(struct result r)
{
    assert_int_equal(r.status, OK);
    return r.value;
}

struct object *object_behind(struct task *task, uint64_t handle)
{
    struct handle_entry *e = handle_any(&task->handles, handle);
    assert_non_null(e);
    return e->object;
}

void poke(struct task *task, uint64_t at, const void *from, size_t bytes)
{
    assert_int_equal(user_copy_out(task, at, from, bytes), OK);
}

void peek(struct task *task, uint64_t at, void *to, size_t bytes)
{
    assert_int_equal(user_copy_in(task, to, at, bytes), OK);
}

struct place world_task(const char *name, uint64_t quota, uint32_t priority)
{
    char text[NAME_SIZE] = {0};
    strncpy(text, name, NAME_SIZE - 1);
    poke(root_task, DATA, text, sizeof(text));
    struct place p = {.task_handle = made(CALL(root_thread, task_create, quota, 0, DATA))};
    p.task = task_of(object_behind(root_task, p.task_handle));
    uint64_t m = made(CALL(root_thread, mem_create, DATA_BYTES));
    made(CALL(root_thread, mem_map, p.task_handle, m, DATA, 0, DATA_BYTES, 3));
    made(CALL(root_thread, handle_close, m));
    p.thread = world_thread(&p, priority);
    return p;
}

struct thread *world_thread(struct place *p, uint32_t priority)
{
    struct thread_args args = {.entry = SYSCALL_AT + 2, .stack = DATA, .priority = priority};
    poke(root_task, DATA, &args, sizeof(args));
    p->thread_handle = made(CALL(root_thread, thread_create, p->task_handle, DATA));
    struct thread *t = thread_of(object_behind(root_task, p->thread_handle));
    made(CALL(root_thread, thread_start, p->thread_handle));
    return t;
}

void settle(void)
{
    for (uint64_t i = 0; work_run(16); i++) {
        assert_true(i < LIMIT);
    }
}

void world_end(struct place *p)
{
    made(CALL(root_thread, task_kill, p->task_handle));
    made(CALL(root_thread, handle_close, p->thread_handle));
    made(CALL(root_thread, handle_close, p->task_handle));
    settle();
}

uint64_t give(struct place *p, uint64_t handle, uint32_t rights, uint64_t badge)
{
    return made(CALL(root_thread, handle_install, p->task_handle, 0, handle, rights, badge));
}

void tick(struct cpu *cpu)
{
    host_cpu = cpu;
    if (cpu->arch.ipi) {
        cpu->arch.ipi = false;
        kernel_resched(cpu);
    } else {
        kernel_timer(cpu);
    }
    host_cpu = &cpus[0];
}
