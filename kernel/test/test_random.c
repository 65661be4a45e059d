// SPDX-License-Identifier: MIT
// Random system calls, interrupts and faults on two CPUs, with fixed seeds: hostile arguments mixed
// with plausible ones. All invariants are checked all the time, and in the end nothing may be left.
#include "kernel/test/world.h"
#include "kernel/abi/startup.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum : uint64_t { SYSCALL_AT = 0x5000, TASKS = 5, STEPS = 5000, SEEDS = 5 };

static uint64_t state;
static uint64_t done_by_call[SYS_COUNT], succeeded[SYS_COUNT], reborn;

static uint64_t draw(uint64_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state * 2685821657736338717ull >> 16) % limit;
}

// Some handle of the task, of this type if one is found quickly (OBJ_NONE: any).
static uint64_t some_handle(struct task *task, enum object_type type)
{
    struct handle_table *h = &task->handles;
    for (int i = 0; i < 40; i++) {
        uint32_t index = (uint32_t)draw(h->fresh);
        struct handle_entry *e = &h->chunk[index / HANDLE_CHUNK][index % HANDLE_CHUNK];
        if ((e->tag & 0xffff) != OBJ_NONE && (type == OBJ_NONE || (e->tag & 0xffff) == type)) {
            return index | (e->tag & 0xffff0000u);
        }
    }
    return draw(100);
}

static uint64_t some_value(struct task *task)
{
    switch (draw(12)) {
    case 0:
        return draw(16);
    case 1:
        return draw(40) * PAGE_SIZE;
    case 2:
        return DATA + draw(DATA_BYTES);
    case 3:
        return DATA + draw(64) * PAGE_SIZE;
    case 4:
        return draw(2) ? ~0ull - draw(5000) : USER_MAX - draw(5) * PAGE_SIZE;
    case 5:
        return draw(RIGHTS_ALL + 1);
    case 6:
        return 1ull << draw(64);
    case 7: {
        struct tree_node *n = tree_find(&task->regions, draw(USER_MAX));
        return n != NULL ? n->key + draw(3) * PAGE_SIZE : 0;
    }
    case 8:
        return draw(2) ? GRANT_READ : GRANT_WRITE;
    case 9:
        return host_ticks + draw(50'000'000);
    case 10:
        return some_handle(task, OBJ_NONE);
    default:
        return 0;
    }
}

// Fills in argument structures where calls expect them.
static void write_arguments(struct task *task, uint64_t at)
{
    struct thread_args args = {.entry = SYSCALL_AT + 2, .stack = draw(USER_MAX),
                               .priority = (uint32_t)draw(6)};
    if (draw(4) == 0) {
        args.budget_us = (uint32_t)draw(2000);
        args.period_us = 1000 + (uint32_t)draw(20000);
    }
    char name[NAME_SIZE] = "random";
    (void)!user_copy_out(task, at, draw(2) ? (void *)&args : (void *)name, 32);
}

// What makes a call plausible: handles of the right types at the right places.
static void plausible(struct thread *t, enum syscall number)
{
    static const struct {
        enum syscall number;
        uint8_t first, second;
    } types[] = {
        {SYS_call, OBJ_PORT, 0}, {SYS_notify, OBJ_PORT, 0}, {SYS_grant_copy, OBJ_REPLY, 0},
        {SYS_reply_park, OBJ_REPLY, 0}, {SYS_timer_set, OBJ_PORT, 0},
        {SYS_handle_install, OBJ_TASK, 0}, {SYS_port_info, OBJ_PORT, 0},
        {SYS_reply_info, OBJ_REPLY, 0}, {SYS_mem_map, OBJ_TASK, OBJ_MEMORY},
        {SYS_mem_create_device, OBJ_IORANGE, 0}, {SYS_mem_pin, OBJ_IORANGE, OBJ_MEMORY},
        {SYS_mem_unpin, OBJ_MEMORY, 0}, {SYS_mem_move, OBJ_MEMORY, OBJ_TASK},
        {SYS_mem_info, OBJ_MEMORY, 0}, {SYS_task_kill, OBJ_TASK, 0},
        {SYS_task_inherit, OBJ_TASK, OBJ_TASK}, {SYS_task_set_fault_port, OBJ_TASK, OBJ_PORT},
        {SYS_task_read, OBJ_TASK, 0}, {SYS_task_write, OBJ_TASK, 0}, {SYS_task_info, OBJ_TASK, 0},
        {SYS_task_set_quota, OBJ_TASK, 0}, {SYS_task_suspend, OBJ_TASK, 0},
        {SYS_task_resume, OBJ_TASK, 0}, {SYS_thread_create, OBJ_TASK, 0},
        {SYS_thread_start, OBJ_THREAD, 0}, {SYS_thread_stop, OBJ_THREAD, 0},
        {SYS_thread_get_regs, OBJ_THREAD, 0}, {SYS_thread_set_regs, OBJ_THREAD, 0},
        {SYS_thread_set_sched, OBJ_THREAD, 0}, {SYS_task_thread, OBJ_TASK, 0},
        {SYS_iorange_split, OBJ_IORANGE, 0}, {SYS_irq_create, OBJ_IORANGE, 0},
        {SYS_irq_bind, OBJ_IRQ, OBJ_PORT}, {SYS_irq_ack, OBJ_IRQ, 0}, {SYS_irq_msi, OBJ_IRQ, 0},
        {SYS_io_read, OBJ_IORANGE, 0}, {SYS_io_write, OBJ_IORANGE, 0},
        {SYS_log_read, OBJ_IORANGE, 0}, {SYS_mem_map_from, OBJ_TASK, 0},
        {SYS_task_region, OBJ_TASK, 0}, {SYS_io_send, OBJ_IORANGE, 0},
        {SYS_io_receive, OBJ_IORANGE, 0},
    };
    struct regs *r = &t->regs;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i].number == number) {
            r->rdi = types[i].first == OBJ_TASK && draw(2) ? 0 : some_handle(t->task, types[i].first);
            r->rsi = types[i].second != 0 ? some_handle(t->task, types[i].second) : r->rsi;
        }
    }
    if (number == SYS_recv || number == SYS_reply_recv || number == SYS_reply) {
        r->rdi = some_handle(t->task, OBJ_PORT) | some_handle(t->task, OBJ_REPLY) << 32;
        r->r14 = draw(8) < 6 ? 0 : draw(4);
    }
    if (number == SYS_mem_create) {
        r->rdi = (1 + draw(draw(8) == 0 ? 1200 : 12)) * PAGE_SIZE;
        r->rsi = draw(2);
    }
    if (number == SYS_mem_map) {
        r->rdx = draw(3) ? 0 : r->rdx;
        r->r8 = (1 + draw(8)) * PAGE_SIZE;
        r->r10 = draw(4) ? 0 : r->r10;
        r->r9 = 1 + draw(5);
    }
    if (number == SYS_mem_unmap || number == SYS_mem_protect) {
        struct tree_node *n = tree_find(&t->task->regions, draw(2) ? USER_MAX : draw(USER_MAX));
        r->rdi = 0;
        r->rsi = n != NULL ? n->key + draw(4) * PAGE_SIZE : r->rsi;
        r->rdx = (1 + draw(8)) * PAGE_SIZE;
        r->r10 = 1 + draw(5);
    }
    if (number == SYS_mem_map_from) {
        struct handle_entry *e = handle_any(&t->task->handles, r->rdi);
        struct task *other = e != NULL && e->object->type == OBJ_TASK ? task_of(e->object) : t->task;
        struct tree_node *n = tree_find(&other->regions, draw(2) ? USER_MAX : draw(USER_MAX));
        r->rsi = n != NULL ? n->key + draw(2) * PAGE_SIZE : r->rsi;
        r->rdx = draw(3) ? 0 : r->rdx;
        r->r10 = 1 + 2 * draw(2);
    }
    if (number == SYS_io_receive) {
        r->rsi = IO_RECEIVE_PORTS(draw(2000), draw(2000), draw(3));
    }
    if (number == SYS_task_region || number == SYS_io_send || number == SYS_io_receive) {
        r->rdx = DATA + draw(5000);
        r->r10 = draw(70);
        r->r8 = DATA + draw(5000);
    }
    if (number == SYS_grant_copy) {
        r->rsi = draw(2) ? GRANT_READ : GRANT_WRITE;
        r->rdx = draw(100);
        r->r10 = DATA + draw(5000);
        r->r8 = draw(9000);
    }
    if (number == SYS_call) {
        r->r14 = DATA + draw(5000);
        r->r15 = draw(3) ? GRANT_READ | GRANT_WRITE | draw(20000) : r->r15;
    }
    if (number == SYS_handle_copy || number == SYS_handle_install) {
        r->rdx = number == SYS_handle_copy ? draw(3) : some_handle(t->task, OBJ_NONE);
        r->rsi = number == SYS_handle_copy ? RIGHTS_ALL : draw(3) ? 0 : draw(70);
        r->r10 = draw(2) ? RIGHTS_ALL : r->r10;
        r->r8 = draw(3);
    }
    if (number == SYS_thread_set_sched) {
        r->rsi = draw(5);
        r->rdx = draw(2) * draw(1000);
        r->r10 = r->rdx != 0 ? 1000 + draw(10000) : 0;
    }
    if (number == SYS_task_read || number == SYS_task_write) {
        r->rsi = DATA + draw(DATA_BYTES);
        r->rdx = DATA + draw(DATA_BYTES);
        r->r10 = draw(10000);
    }
    if (number == SYS_mem_pin || number == SYS_iorange_split) {
        r->rdx = number == SYS_mem_pin ? draw(3) : 1 + draw(100);
        r->r10 = 1 + draw(6);
        r->r8 = DATA;
    }
    if (number == SYS_irq_create) {
        r->rsi = draw(3) ? draw(30) : IRQ_MSI;
        r->rdx = draw(4);
    }
    if (number == SYS_task_create) {
        r->rdi = draw(2) ? 0 : draw(1 << 20);
        r->rsi = 0;
        r->rdx = DATA;
    }
}

static enum syscall some_call(void)
{
    static const enum syscall often[] = {SYS_call, SYS_call, SYS_recv, SYS_reply_recv, SYS_reply_recv,
                                         SYS_notify, SYS_mem_create, SYS_mem_map, SYS_mem_unmap,
                                         SYS_mem_protect, SYS_mem_map_from, SYS_handle_copy, SYS_handle_install,
                                         SYS_reply_create, SYS_port_create, SYS_thread_create,
                                         SYS_thread_start, SYS_task_create, SYS_grant_copy};
    if (draw(2)) {
        return often[draw(sizeof(often) / sizeof(often[0]))];
    }
    for (;;) {
        enum syscall n = (enum syscall)draw(draw(10) ? SYS_system_info + 1 : SYS_COUNT);
        bool deadly = n == SYS_task_kill || n == SYS_task_exit || n == SYS_thread_exit ||
                      n == SYS_thread_stop || n == SYS_task_suspend;
        if (n != SYS_system_control && (!deadly || draw(6) == 0)) {
            return n;
        }
    }
}

// One system call of the thread that is current on the CPU, or the repetition of an interrupted one.
static void step_call(struct cpu *cpu, struct thread *t)
{
    struct regs *r = &t->regs;
    if (r->rip != SYSCALL_AT) {
        uint64_t *all[] = {&r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9,
                           &r->r12, &r->r13, &r->r14, &r->r15, &r->rbx};
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
            *all[i] = some_value(t->task);
        }
        enum syscall number = some_call();
        if (draw(3) != 0) { // where most calls want an address for their answer
            r->rsi = DATA + draw(3000);
            r->rdi = number >= SYS_random && number != SYS_task_exit ? DATA + draw(3000) : r->rdi;
        }
        if (draw(10) != 0) {
            plausible(t, number);
        }
        if (number == SYS_thread_create || number == SYS_task_create) {
            r->rsi = number == SYS_thread_create ? DATA : r->rsi;
            write_arguments(t->task, DATA);
        }
        r->rax = number;
    }
    uint64_t number = r->rax;
    r->rip = SYSCALL_AT + 2;
    r->full = 0;
    kernel_syscall(cpu);
    if (number < SYS_COUNT) {
        done_by_call[number]++;
        succeeded[number] += r->rip == SYSCALL_AT + 2 && r->rax == OK;
    }
}

static void step(void)
{
    struct cpu *cpu = host_cpu = &cpus[draw(cpu_count)];
    if (cpu->arch.ipi && draw(2)) { // interrupts between CPUs take their time
        cpu->arch.ipi = false;
        kernel_resched(cpu);
    }
    uint64_t what = draw(20);
    host_ticks += draw(10'000);
    if (what == 0) {
        host_ticks += draw(20'000'000);
        kernel_timer(cpu);
    } else if (what == 1) {
        kernel_irq(cpu, (uint32_t)draw(30));
    } else if (cpu->current == NULL) {
        kernel_idle(cpu);
    } else if (cpu->current->task == NULL) { // killed by the other CPU, and does not know it yet
        cpu->current->regs.rax = draw(SYS_COUNT);
        kernel_syscall(cpu);
    } else if (what == 2 && draw(4) == 0) {
        kernel_exception(cpu, draw(4) ? 14 : 6, draw(32), some_value(cpu->current->task));
    } else {
        step_call(cpu, cpu->current);
    }
    host_cpu = &cpus[0];
}

// Root acts for a moment: it makes tasks that know each other, and steps aside again.
static void spawn(struct place *places)
{
    thread_release(root_thread, HOLD_STOPPED);
    for (uint64_t i = 0; i < TASKS; i++) {
        places[i] = world_task("random", 4 << 20, 1 + (uint32_t)i);
        give(&places[i], places[i].task_handle, RIGHTS_ALL, 0);
    }
    uint64_t port = made(CALL(root_thread, port_create));
    for (uint64_t i = 0; i < TASKS; i++) {
        struct place *p = &places[i];
        give(p, port, RIGHTS_ALL, i + 1);
        give(p, places[(i + 1) % TASKS].task_handle, RIGHTS_ALL, 0);
        give(p, places[(i + 1) % TASKS].thread_handle, RIGHTS_ALL, 0);
        give(p, i % 2 ? IRQS : PORTS, RIGHTS_ALL, 0);
        give(p, i % 2 ? DMA : MMIO, RIGHTS_ALL, 0);
        made(CALL(root_thread, task_set_fault_port, p->task_handle, port));
        made(CALL(p->thread, reply_create));
    }
    for (uint64_t i = 0; i < TASKS; i++) {
        made(CALL(root_thread, handle_close, places[i].thread_handle));
        world_thread(&places[i], 3);
        made(CALL(root_thread, handle_close, places[i].thread_handle));
    }
    made(CALL(root_thread, handle_close, port));
    thread_hold(root_thread, HOLD_STOPPED);
    kernel_resched(&cpus[0]);
}

// Root kills a task in the middle of whatever it does, and makes an heir that knows its predecessor.
static void rebirth(struct place *p)
{
    while (!task_kill_step(p->task, 1 + (uint32_t)draw(3))) {
        check_world();
    }
    tick(&cpus[1]); // if it stood there, it is gone now
    thread_release(root_thread, HOLD_STOPPED);
    made(CALL(root_thread, task_kill, p->task_handle));
    struct place heir = world_task("random", 4 << 20, 1 + (uint32_t)draw(TASKS));
    made(CALL(root_thread, handle_install, heir.task_handle, H_PREDECESSOR, p->task_handle, RIGHTS_ALL));
    uint64_t status = CALL(root_thread, task_inherit, heir.task_handle, p->task_handle).status;
    assert_true(status == OK || status == ERR_QUOTA);
    reborn += status == OK;
    check_world();
    made(CALL(root_thread, handle_close, heir.thread_handle));
    made(CALL(root_thread, handle_close, p->task_handle));
    *p = heir;
    thread_hold(root_thread, HOLD_STOPPED);
    kernel_resched(&cpus[0]);
}

static void end_all(struct place *places)
{
    thread_release(root_thread, HOLD_STOPPED);
    run_as(root_thread);
    empty_all_tasks();
    for (uint64_t i = 0; i < TASKS; i++) {
        made(CALL(root_thread, handle_close, places[i].task_handle));
    }
    for (uint64_t i = 0; i < 1000; i++) { // the other CPU has to let go, too
        tick(&cpus[1]);
        work_run(100);
    }
    assert_false(work_pending());
}

// All threads wait or are held: somebody from outside lets one of them go on. false: none could.
static bool revive(void)
{
    static struct thread *waiting[1 << 12];
    size_t n = all_threads(waiting, sizeof(waiting) / sizeof(waiting[0])), count = 0;
    for (size_t i = 0; i < n; i++) {
        struct thread *t = waiting[i];
        bool usable = t != root_thread && t->task != NULL && t->wait != WAIT_FAULT &&
                      !(t->task->hold & (HOLD_DEAD | HOLD_EXITED));
        if (usable) {
            waiting[count++] = t;
        }
    }
    if (count == 0) {
        return false;
    }
    struct thread *t = waiting[draw(count)];
    thread_end_wait(t, ERR_CANCELLED);
    thread_release(t, HOLD_NEW | HOLD_STOPPED);
    task_release(t->task, HOLD_SUSPENDED);
    return true;
}

static bool all_idle(void)
{
    return cpus[0].current == NULL && cpus[1].current == NULL && run_queue.bitmap == 0;
}

static void run_seed(uint64_t seed)
{
    struct place places[TASKS];
    state = seed * 0x9e3779b97f4a7c15ull + 1;
    uint64_t used = root_account.used;
    spawn(places);
    for (uint64_t i = 0; i < STEPS; i++) {
        if (all_idle() && !revive()) {
            end_all(places);
            spawn(places);
        }
        step();
        check_world();
        if (draw(300) == 0) {
            rebirth(&places[draw(TASKS)]);
            check_world();
        }
    }
    end_all(places);
    check_world();
    assert_int_equal(root_account.used, used);
}

static void test_random_calls(void **)
{
    cpu_count = 2;
    cpus[1].timer_at = UINT64_MAX;
    kernel_cpu_start(&cpus[1]);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run_seed(seed);
    }
    unsigned went_well = 0;
    for (int i = 0; i < SYS_COUNT; i++) {
        went_well += succeeded[i] > 0;
        if (done_by_call[i] > 0 && getenv("VERBOSE") != NULL) {
            print_message("call %d: %lu of %lu\n", i, succeeded[i], done_by_call[i]);
        }
    }
    assert_true(went_well > 40); // the calls are not all refused
    assert_true(reborn > 40);
}

int random_tests(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_calls)};
    return cmocka_run_group_tests_name("kernel: random system calls", tests, world_start, NULL);
}
