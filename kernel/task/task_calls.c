// SPDX-License-Identifier: MIT
// System calls on tasks.
#include "kernel/ipc/message.h"
#include "kernel/mem/user.h"
#include "kernel/system/calls.h"

enum { KILL_AT_ONCE = 16 };

static const uint32_t task_rights =
    RIGHT_COPY | RIGHT_TRANSFER | RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE;

static enum status copy_name(struct thread *t, uint64_t from, char name[NAME_SIZE])
{
    enum status status = user_copy_in(t->task, name, from, NAME_SIZE);
    if (status != OK) {
        return status;
    }
    name[NAME_SIZE - 1] = 0;
    for (int i = 0; name[i] != 0; i++) {
        if (name[i] < ' ' || name[i] > '~') {
            return ERR_ARG;
        }
    }
    return OK;
}

int sys_task_create(struct thread *t, struct regs *r)
{
    struct task *payer, *made;
    char name[NAME_SIZE];
    enum status status = call_task(t, r->rsi, RIGHT_MANAGE, &payer);
    if (status == OK) {
        status = copy_name(t, r->rdx, name);
    }
    if (status == OK) {
        status = handle_reserve(t->task);
    }
    if (status != OK) {
        return status;
    }
    struct account *account = payer->account;
    if (r->rdi != 0) {
        status = account_create(account, r->rdi, &account);
    } else {
        account_get(account);
    }
    if (status != OK) {
        return status;
    }
    status = task_create(account, name, &made);
    account_put(account); // the task holds its own reference
    if (status == OK) {
        r->rdx = handle_give(t->task, &made->obj, task_rights, 0);
    }
    return status;
}

int sys_task_kill(struct thread *t, struct regs *r)
{
    struct task *victim;
    enum status status = call_task(t, r->rdi, RIGHT_MANAGE, &victim);
    if (status != OK) {
        return status;
    }
    if (victim == t->task) {
        return ERR_ARG; // task_exit is the way to end oneself: it tells the supervisor
    }
    if (!task_kill_step(victim, KILL_AT_ONCE)) {
        object_need_work(&victim->obj);
        return CALL_AGAIN;
    }
    return task_on_cpu(victim) ? CALL_AGAIN : OK;
}

static bool owes_answer(const struct task *task)
{
    for (const struct list *l = task->replies.next; l != &task->replies; l = l->next) {
        if (CONTAINER(l, struct reply, in_task)->state == REPLY_BOUND) {
            return true;
        }
    }
    return false;
}

static bool leaves_something(struct task *dead)
{
    return handle_after(&dead->handles, HANDLE_NONE) != HANDLE_NONE || !list_empty(&dead->replies);
}

int sys_task_inherit(struct thread *t, struct regs *r)
{
    struct task *heir, *dead;
    enum status status = call_task(t, r->rdi, RIGHT_MANAGE, &heir);
    if (status == OK) {
        status = call_task(t, r->rsi, RIGHT_MANAGE, &dead);
    }
    if (status != OK) {
        return status;
    }
    if (heir == dead) {
        return ERR_ARG;
    }
    if (!(dead->hold & HOLD_DEAD) || (heir->hold & HOLD_DEAD)) {
        return ERR_STATE;
    }
    // Who killed it may not have lived to see the end. The dead must be so in all its threads, or it could
    // still change its table, and its callers must be back, or the heir would have them without knowing.
    if (!task_kill_step(dead, KILL_AT_ONCE)) {
        return CALL_AGAIN;
    }
    if (!leaves_something(dead)) {
        return OK; // whoever died between this call and noting that it was made may make it again
    }
    if (owes_answer(heir)) {
        return ERR_STATE;
    }
    if (heir->reply_count + dead->reply_count > HANDLE_INDEX_MAX) {
        return ERR_QUOTA;
    }
    status = handle_table_inherit(heir, dead);
    if (status != OK) {
        return status;
    }
    while (!list_empty(&dead->replies)) {
        struct reply *reply = CONTAINER(dead->replies.next, struct reply, in_task);
        ASSERT(reply_set_owner(reply, heir) == OK);
    }
    return OK;
}

static int end_task(struct thread *t, struct regs *r, uint64_t code)
{
    uint64_t words[IPC_WORDS] = {0, 0, r->rip, code, r->rsp, t->obj.id};
    task_hold(t->task, HOLD_EXITED);
    message_fault(t, FAULT_EXIT, words);
    return CALL_BLOCKED;
}

int sys_task_exit(struct thread *t, struct regs *r)
{
    return end_task(t, r, r->rdi);
}

int sys_thread_exit(struct thread *t, struct regs *r)
{
    if (t->task->thread_count == 1) {
        return end_task(t, r, 0);
    }
    thread_kill(t);
    return CALL_BLOCKED;
}

int sys_task_set_fault_port(struct thread *t, struct regs *r)
{
    struct task *task;
    struct handle_entry *e;
    enum status status = call_task(t, r->rdi, RIGHT_MANAGE, &task);
    if (status == OK) {
        status = handle_get(&t->task->handles, r->rsi, OBJ_PORT, RIGHT_CALL, &e);
    }
    if (status != OK) {
        return status;
    }
    object_get(e->object);
    if (task->fault_port != NULL) {
        object_put(&task->fault_port->obj);
    }
    task->fault_port = port_of(e->object);
    task->fault_badge = e->badge;
    return OK;
}

static int copy_memory(struct thread *t, struct regs *r, bool write)
{
    struct task *other;
    struct span ours, theirs;
    uint64_t there = r->rsi, own = r->rdx, bytes = r->r10;
    enum status status = call_task(t, r->rdi, write ? RIGHT_WRITE : RIGHT_READ, &other);
    if (status != OK) {
        return status;
    }
    if (bytes > TASK_COPY_MAX) {
        return ERR_RANGE;
    }
    status = span_resolve(&ours, t->task, own, bytes, write ? PROT_READ : PROT_WRITE);
    if (status == OK) {
        // Forcing is for a debugger with a handle; of itself a task needs none, and a sealed one must
        // not change its own code.
        status = write && other != t->task
                     ? span_resolve_forced(&theirs, other, there, bytes)
                     : span_resolve(&theirs, other, there, bytes, write ? PROT_WRITE : PROT_READ);
    }
    if (status == OK) {
        span_copy(write ? &theirs : &ours, write ? &ours : &theirs);
    }
    return status;
}

int sys_task_read(struct thread *t, struct regs *r)
{
    return copy_memory(t, r, false);
}

int sys_task_write(struct thread *t, struct regs *r)
{
    return copy_memory(t, r, true);
}

static enum task_state state_of(const struct task *task)
{
    if (task->hold & HOLD_DEAD) {
        return TASK_DEAD;
    }
    if (task->faulted) {
        return TASK_FAULTED;
    }
    if (task->hold & HOLD_SUSPENDED) {
        return TASK_SUSPENDED;
    }
    return task->started ? TASK_RUNNING : TASK_NEW;
}

static uint32_t wait_of(const struct thread *t)
{
    return t->wait == WAIT_NONE && t->hold != 0 ? WAIT_STOPPED : t->wait;
}

static void fill_from_threads(struct task *task, struct task_info *info)
{
    uint64_t ticks = task->ended_ticks, now = arch_ticks();
    for (struct list *l = task->threads.next; l != &task->threads; l = l->next) {
        struct thread *t = CONTAINER(l, struct thread, in_task);
        ticks += t->ticks;
        if (t->cpu != NULL && now > t->cpu->since) {
            ticks += now - t->cpu->since;
        }
        if (l == task->threads.next) {
            info->wait_kind = wait_of(t);
            info->priority = t->effective;
            info->ip = t->regs.rip;
            info->sp = t->regs.rsp;
            info->switches = t->switches;
        }
    }
    info->cpu_ns = arch_ticks_to_ns(ticks);
}

int sys_task_info(struct thread *t, struct regs *r)
{
    struct task *task;
    enum status status = call_task(t, r->rdi, RIGHT_READ, &task);
    if (status != OK) {
        return status;
    }
    struct task_info info = {
        .state = state_of(task),
        .threads = task->thread_count,
        .handles = task->handles.count,
        .sealed = task->sealed,
        .quota_limit = task->account->limit,
        .quota_used = task->account->used,
        .mapped_pages = task->mapped_pages,
        .id = task->obj.id,
    };
    for (int i = 0; i < NAME_SIZE; i++) {
        info.name[i] = task->name[i];
    }
    fill_from_threads(task, &info);
    return user_copy_out(t->task, r->rsi, &info, sizeof(info));
}

int sys_task_seal(struct thread *t, struct regs *r)
{
    struct task *task;
    enum status status = call_task(t, r->rdi, RIGHT_MANAGE, &task);
    if (status == OK) {
        task->sealed = true;
    }
    return status;
}

int sys_task_set_quota(struct thread *t, struct regs *r)
{
    struct task *task;
    enum status status = call_task(t, r->rdi, RIGHT_MANAGE, &task);
    if (status != OK) {
        return status;
    }
    if (task->account->parent != t->task->account) {
        return ERR_STATE; // its quota was carved out of somebody else's
    }
    return account_set_limit(task->account, r->rsi);
}

int sys_task_suspend(struct thread *t, struct regs *r)
{
    struct task *task;
    enum status status = call_task(t, r->rdi, RIGHT_MANAGE, &task);
    if (status != OK) {
        return status;
    }
    if (task == t->task) {
        return ERR_ARG; // nobody would be left to resume it
    }
    if (task->hold & HOLD_DEAD) {
        return ERR_STATE;
    }
    task_hold(task, HOLD_SUSPENDED);
    return task_on_cpu(task) ? CALL_AGAIN : OK;
}

int sys_task_resume(struct thread *t, struct regs *r)
{
    struct task *task;
    enum status status = call_task(t, r->rdi, RIGHT_MANAGE, &task);
    if (status != OK) {
        return status;
    }
    if (!(task->hold & HOLD_SUSPENDED)) {
        return ERR_STATE;
    }
    task_release(task, HOLD_SUSPENDED);
    return OK;
}
