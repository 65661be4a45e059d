// SPDX-License-Identifier: MIT
// System calls on handles.
#include "kernel/mem/user.h"
#include "kernel/system/calls.h"

enum status call_task(struct thread *t, uint64_t handle, uint32_t rights, struct task **out)
{
    struct handle_entry *e;
    if (handle == 0) {
        *out = t->task;
        return OK;
    }
    enum status status = handle_get(&t->task->handles, handle, OBJ_TASK, rights, &e);
    if (status == OK) {
        *out = task_of(e->object);
    }
    return status;
}

enum status call_thread(struct thread *t, uint64_t handle, uint32_t rights, struct thread **out)
{
    struct handle_entry *e;
    enum status status = handle_get(&t->task->handles, handle, OBJ_THREAD, rights, &e);
    if (status == OK) {
        *out = thread_of(e->object);
        status = (*out)->task != NULL ? OK : ERR_STATE; // dead ones answer nothing
    }
    return status;
}

int sys_handle_close(struct thread *t, struct regs *r)
{
    if (handle_any(&t->task->handles, r->rdi) == NULL) {
        return ERR_HANDLE;
    }
    handle_remove(t->task, (uint32_t)r->rdi & 0xffff);
    return OK;
}

// A copy's badge: 0 keeps the old one.
static enum status new_badge(const struct handle_entry *e, uint64_t wanted, uint64_t *badge)
{
    if (wanted == 0) {
        *badge = e->badge;
        return OK;
    }
    if ((e->tag & 0xffff) != OBJ_PORT) {
        return ERR_TYPE;
    }
    *badge = wanted;
    return e->rights & RIGHT_BADGE ? OK : ERR_RIGHTS;
}

int sys_handle_copy(struct thread *t, struct regs *r)
{
    uint64_t badge;
    struct handle_entry *e = handle_any(&t->task->handles, r->rdi);
    if (e == NULL) {
        return ERR_HANDLE;
    }
    if (!(e->rights & RIGHT_COPY)) {
        return ERR_RIGHTS;
    }
    enum status status = new_badge(e, r->rdx, &badge);
    if (status == OK) {
        status = handle_reserve(t->task);
    }
    if (status == OK) {
        r->rdx = handle_add(t->task, e->object, e->rights & (uint32_t)r->rsi, badge);
    }
    return status;
}

int sys_handle_install(struct thread *t, struct regs *r)
{
    struct task *to;
    uint64_t badge, index = r->rsi;
    enum status status = call_task(t, r->rdi, RIGHT_MANAGE, &to);
    if (status != OK) {
        return status;
    }
    struct handle_entry *e = handle_any(&t->task->handles, r->rdx);
    if (e == NULL) {
        return ERR_HANDLE;
    }
    if (!(e->rights & RIGHT_TRANSFER)) {
        return ERR_RIGHTS;
    }
    if (index >= HANDLE_DYNAMIC) {
        return ERR_RANGE;
    }
    if (to->hold & HOLD_DEAD) {
        return ERR_STATE;
    }
    uint32_t rights = e->rights & (uint32_t)r->r10;
    status = new_badge(e, r->r8, &badge);
    if (status != OK) {
        return status;
    }
    if (index != 0) {
        status = handle_put_at(to, (uint32_t)index, e->object, rights, badge);
        r->rdx = status == OK ? index : r->rdx;
        return status;
    }
    status = handle_reserve(to);
    if (status == OK) {
        r->rdx = handle_add(to, e->object, rights, badge);
    }
    return status;
}

int sys_handle_info(struct thread *t, struct regs *r)
{
    struct handle_entry *e = handle_any(&t->task->handles, r->rdi);
    if (e == NULL) {
        return ERR_HANDLE;
    }
    struct handle_info info = {
        .type = e->tag & 0xffff,
        .rights = e->rights,
        .badge = e->badge,
        .object_id = e->object->id,
    };
    return user_copy_out(t->task, r->rsi, &info, sizeof(info));
}

int sys_handle_next(struct thread *t, struct regs *r)
{
    handle_t next = handle_after(&t->task->handles, r->rdi);
    if (next == HANDLE_NONE) {
        return ERR_NOT_FOUND;
    }
    r->rdx = next;
    return OK;
}
