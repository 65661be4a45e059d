// SPDX-License-Identifier: MIT
// The ways into the kernel core, and the one way out: whatever came in, a bounded bit of left-over
// work is done, and another thread is chosen if something asked for that.
#include "kernel/ipc/fast.h"
#include "kernel/ipc/message.h"
#include "kernel/irq/irq.h"
#include "kernel/mem/region.h"
#include "kernel/system/calls.h"

enum {
    SYSCALL_BYTES = 2,     // length of the syscall instruction
    WORK_AT_EXIT = 4,      // steps of left-over work per kernel entry
    WORK_AT_SHORTAGE = 16, // when memory is short, before trying again
    WORK_IN_IDLE = 16,
    RETRIES_MAX = 10000, // a call short of memory does not wait for ever for left-over work

    VECTOR_PAGE_FAULT = 14,
    PAGE_FAULT_WRITE = 2,
    PAGE_FAULT_USER = 4,
    PAGE_FAULT_FETCH = 16,
};

static int no_such_call(struct thread *, struct regs *)
{
    return ERR_UNSUPPORTED;
}

typedef int (*handler)(struct thread *, struct regs *);
static const handler handlers[SYS_COUNT] = {
    [0 ... SYS_COUNT - 1] = no_such_call,
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winitializer-overrides"
#define SYSCALL(number, name, doc) [number] = sys_##name,
#include "kernel/abi/syscall.def"
#undef SYSCALL
#pragma clang diagnostic pop
};

[[gnu::noinline]] static void leave_slowly(struct cpu *cpu)
{
    bool more = work_pending() && work_run(WORK_AT_EXIT);
    sched_run(cpu);
    cpu->resched |= more; // the next way out goes on with it
}

static inline void leave(struct cpu *cpu)
{
    if (UNLIKELY(cpu->resched)) {
        leave_slowly(cpu);
    }
}

// Short of memory while freed memory is on its way: do some of that work and repeat the call.
static bool worth_retry(struct thread *t, int result)
{
    if ((result != ERR_QUOTA && result != ERR_MEMORY) || !work_pending() ||
        t->retries >= RETRIES_MAX) {
        return false;
    }
    t->retries++;
    work_run(WORK_AT_SHORTAGE);
    return true;
}

// Any result but OK, and calls that go on where they were interrupted.
[[gnu::noinline]] static void finish_call(struct cpu *cpu, struct thread *t, uint64_t number,
                                          int result)
{
    if (result == CALL_AGAIN || worth_retry(t, result)) {
        t->regs.rip -= SYSCALL_BYTES;
        t->cursor_call = (uint32_t)number;
    } else if (result != CALL_BLOCKED) {
        t->regs.rax = (uint64_t)result;
        if (t->cursor_call != 0 || t->half_made != NULL) {
            thread_drop_cursor(t);
        }
    }
    leave(cpu);
}

[[gnu::noinline]] static void unusual_call(struct cpu *cpu, struct thread *t, uint64_t number)
{
    if (t->cursor_call != number) {
        thread_drop_cursor(t);
    }
    int result = number < SYS_COUNT ? handlers[number](t, &t->regs) : ERR_UNSUPPORTED;
    finish_call(cpu, t, number, result);
}

void ordinary_call(struct cpu *cpu, struct thread *t)
{
    uint64_t number = t->regs.rax;
    if (UNLIKELY(number >= SYS_COUNT || t->cursor_call != 0)) {
        unusual_call(cpu, t, number);
        return;
    }
    int result = handlers[number](t, &t->regs);
    if (UNLIKELY(result != OK)) {
        finish_call(cpu, t, number, result);
        return;
    }
    t->regs.rax = OK;
    leave(cpu);
}

void kernel_syscall(struct cpu *cpu)
{
    struct thread *t = cpu->current;
    if (UNLIKELY(cpu->evict)) {
        t->regs.rip -= SYSCALL_BYTES; // if it ever runs again, it calls again
        leave(cpu);
    } else if (t->regs.rax == SYS_call) {
        fast_call(cpu, t);
    } else if (t->regs.rax == SYS_reply_recv) {
        fast_reply_recv(cpu, t);
    } else {
        ordinary_call(cpu, t);
    }
}

void kernel_exception(struct cpu *cpu, uint32_t vector, uint64_t error, uint64_t address)
{
    struct thread *t = cpu->current;
    if (cpu->evict) {
        leave(cpu); // if it ever runs again, the exception comes again
        return;
    }
    uint64_t words[IPC_WORDS] = {vector, error, t->regs.rip, address, t->regs.rsp, t->obj.id};
    enum status status = ERR_FAULT;
    // A fault of user code on behalf of the processor itself is none that a region could mend. (QEMU 7.2
    // takes far returns for such: without this they would fault for ever.)
    if (vector == VECTOR_PAGE_FAULT && (error & PAGE_FAULT_USER) != 0) {
        uint32_t need = error & PAGE_FAULT_WRITE   ? PROT_WRITE
                        : error & PAGE_FAULT_FETCH ? PROT_EXEC
                                                   : PROT_READ;
        status = region_fault(t->task, address, need);
    }
    if (status == OK) {
        t->retries = 0;
    } else if (!worth_retry(t, (int)status)) {
        message_fault(t, status == ERR_FAULT ? FAULT_EXCEPTION : FAULT_QUOTA, words);
    }
    leave(cpu);
}

void kernel_irq(struct cpu *cpu, uint32_t vector)
{
    irq_fired(vector);
    leave(cpu);
}

void kernel_timer(struct cpu *cpu)
{
    sched_tick(cpu);
    leave(cpu);
}

void kernel_resched(struct cpu *cpu)
{
    cpu->resched = true;
    leave(cpu);
}

bool kernel_idle(struct cpu *cpu)
{
    bool more = work_run(WORK_IN_IDLE);
    if (cpu->resched) {
        sched_run(cpu);
    }
    cpu->resched |= more;
    return more || cpu->current != NULL;
}

void kernel_cpu_start(struct cpu *cpu)
{
    cpu->timer_at = UINT64_MAX;
    cpu->online = true;
    cpu->resched = true;
    leave(cpu);
}
