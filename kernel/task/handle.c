// SPDX-License-Identifier: MIT
#include "kernel/task/handle.h"
#include "kernel/ipc/port.h"
#include "kernel/mem/page.h"
#include "kernel/task/task.h"

static struct handle_entry *entry_at(struct handle_table *t, uint32_t index)
{
    return &t->chunk[index / HANDLE_CHUNK][index % HANDLE_CHUNK];
}

struct handle_entry *handle_any(struct handle_table *t, uint64_t handle)
{
    uint32_t index = handle & 0xffff;
    if (index >= t->capacity || handle >> 32 != 0) {
        return NULL;
    }
    struct handle_entry *e = entry_at(t, index);
    return e->tag >> 16 == handle >> 16 && (e->tag & 0xffff) != OBJ_NONE ? e : NULL;
}

handle_t handle_after(struct handle_table *t, uint64_t handle)
{
    uint32_t index = (handle & 0xffff) + 1;
    for (uint32_t i = index > HANDLE_DYNAMIC ? index : HANDLE_DYNAMIC; i < t->fresh; i++) {
        uint32_t tag = entry_at(t, i)->tag;
        if ((tag & 0xffff) != OBJ_NONE) {
            return i | (tag & 0xffff0000u);
        }
    }
    return HANDLE_NONE;
}

enum status handle_refusal(struct handle_table *t, uint64_t handle, enum object_type type)
{
    struct handle_entry *e = handle_any(t, handle);
    if (e == NULL) {
        return ERR_HANDLE;
    }
    return (e->tag & 0xffff) != type ? ERR_TYPE : ERR_RIGHTS;
}

static enum status add_chunk(struct task *task)
{
    struct handle_table *t = &task->handles;
    if (t->capacity > HANDLE_INDEX_MAX) {
        return ERR_QUOTA;
    }
    enum status why;
    uint64_t pa = table_page_alloc(task->account, &why);
    if (pa == 0) {
        return why;
    }
    t->chunk[t->capacity / HANDLE_CHUNK] = phys_to_virt(pa);
    t->capacity += HANDLE_CHUNK;
    return OK;
}

enum status handle_table_init(struct task *task)
{
    task->handles.fresh = HANDLE_DYNAMIC;
    return add_chunk(task);
}

enum status handle_reserve(struct task *task)
{
    struct handle_table *t = &task->handles;
    return t->free != 0 || t->fresh < t->capacity ? OK : add_chunk(task);
}

static void set_entry(struct task *task, struct handle_entry *e, struct object *o, uint32_t rights,
                      uint64_t badge)
{
    e->object = o;
    e->badge = badge;
    e->rights = rights;
    e->tag = (e->tag & 0xffff0000u) | o->type;
    task->handles.count++;
    if (o != &task->obj) {
        object_get(o);
    }
    if (o->type == OBJ_PORT && (rights & RIGHT_RECV)) {
        ((struct port *)o)->recv_handles++;
    }
}

handle_t handle_add(struct task *task, struct object *o, uint32_t rights, uint64_t badge)
{
    struct handle_table *t = &task->handles;
    uint32_t index = t->free;
    if (index != 0) {
        t->free = (uint32_t)entry_at(t, index)->badge;
    } else {
        ASSERT(t->fresh < t->capacity);
        index = t->fresh++;
    }
    struct handle_entry *e = entry_at(t, index);
    set_entry(task, e, o, rights, badge);
    return index | (e->tag & 0xffff0000u);
}

enum status handle_put_at(struct task *task, uint32_t index, struct object *o, uint32_t rights,
                          uint64_t badge)
{
    ASSERT(index != 0 && index < HANDLE_DYNAMIC);
    struct handle_entry *e = entry_at(&task->handles, index);
    if ((e->tag & 0xffff) != OBJ_NONE) {
        return ERR_EXISTS;
    }
    set_entry(task, e, o, rights, badge);
    return OK;
}

void handle_remove(struct task *task, uint32_t index)
{
    struct handle_table *t = &task->handles;
    struct handle_entry *e = entry_at(t, index);
    struct object *o = e->object;
    uint32_t rights = e->rights;
    e->object = NULL;
    e->rights = 0;
    if (index >= HANDLE_DYNAMIC) {
        // The next handle at this index has another value, so that stale numbers are noticed.
        e->tag = (e->tag & 0xffff0000u) + 0x10000u;
        e->badge = t->free;
        t->free = index;
    } else {
        e->tag = 0;
        e->badge = 0;
    }
    t->count--;
    if (o->type == OBJ_PORT && (rights & RIGHT_RECV)) {
        port_drop_receiver((struct port *)o);
    }
    if (o != &task->obj) {
        object_put(o);
    }
}

bool handle_table_destroy_step(struct task *task, uint32_t budget)
{
    struct handle_table *t = &task->handles;
    while (t->capacity > 0) {
        uint32_t last = t->capacity - 1;
        // `free` is not needed any more and counts how far the last chunk has been looked at.
        struct handle_entry *chunk = t->chunk[last / HANDLE_CHUNK];
        for (uint32_t i = 0; i < HANDLE_CHUNK && t->count > 0; i++) {
            if ((chunk[i].tag & 0xffff) != OBJ_NONE) {
                if (budget-- == 0) {
                    return false;
                }
                handle_remove(task, last - (HANDLE_CHUNK - 1) + i);
            }
        }
        t->capacity -= HANDLE_CHUNK;
        t->chunk[last / HANDLE_CHUNK] = NULL;
        table_page_free(task->account, virt_to_page(chunk));
    }
    return true;
}

// Handles change hands: references that a task's handle to itself does not hold appear or vanish,
// and what the dead task's account paid is paid by the heir's.
static void adopt_entry(struct task *heir, struct task *dead, struct handle_entry *e)
{
    struct object *o = e->object;
    if (o == &dead->obj) {
        object_get(o);
    } else if (o == &heir->obj) {
        object_put(o);
    }
}

// Bytes of the table beyond the first chunk, which every task has and keeps.
static uint64_t grown_bytes(const struct handle_table *t)
{
    return (t->capacity / HANDLE_CHUNK - 1) * PAGE_SIZE;
}

// Bytes that the heir's account would have to take over. An object with two handles counts twice,
// which can only refuse early, never overdraw.
static uint64_t inherit_cost(struct task *heir, struct task *dead)
{
    struct handle_table *t = &dead->handles;
    if (heir->account == dead->account) {
        return 0;
    }
    uint64_t cost = grown_bytes(t);
    for (uint32_t i = HANDLE_DYNAMIC; i < t->fresh; i++) {
        struct handle_entry *e = entry_at(t, i);
        if ((e->tag & 0xffff) != OBJ_NONE && e->object->account == dead->account) {
            cost += e->object->charged;
        }
    }
    return cost;
}

static void move_first_chunk(struct handle_table *to, struct handle_table *from)
{
    for (uint32_t i = HANDLE_DYNAMIC; i < HANDLE_CHUNK; i++) {
        to->chunk[0][i] = from->chunk[0][i];
        from->chunk[0][i] = (struct handle_entry){.object = NULL};
    }
}

// Gives back what the heir's table grew by, now that nothing is in it.
static void drop_grown_chunks(struct task *heir)
{
    struct handle_table *t = &heir->handles;
    for (uint32_t c = 1; c < t->capacity / HANDLE_CHUNK; c++) {
        table_page_free(heir->account, virt_to_page(t->chunk[c]));
        t->chunk[c] = NULL;
    }
    t->capacity = HANDLE_CHUNK;
}

static void move_other_chunks(struct task *heir, struct task *dead)
{
    struct handle_table *to = &heir->handles, *from = &dead->handles;
    for (uint32_t c = 1; c < from->capacity / HANDLE_CHUNK; c++) {
        to->chunk[c] = from->chunk[c];
        from->chunk[c] = NULL;
        if (heir->account != dead->account) {
            account_uncharge(dead->account, PAGE_SIZE);
            if (account_charge(heir->account, PAGE_SIZE) != OK) {
                ASSERT(!"the cost was checked before");
            }
        }
    }
}

enum status handle_table_inherit(struct task *heir, struct task *dead)
{
    struct handle_table *to = &heir->handles, *from = &dead->handles;
    if (handle_after(to, HANDLE_NONE) != HANDLE_NONE) {
        return ERR_STATE;
    }
    uint64_t left = heir->account->limit - heir->account->used;
    if (inherit_cost(heir, dead) > left + grown_bytes(to)) {
        return ERR_QUOTA;
    }
    drop_grown_chunks(heir);
    uint32_t moved = 0;
    for (uint32_t i = HANDLE_DYNAMIC; i < from->fresh; i++) {
        struct handle_entry *e = entry_at(from, i);
        if ((e->tag & 0xffff) != OBJ_NONE) {
            moved++;
            adopt_entry(heir, dead, e);
            if (heir->account != dead->account && e->object->account == dead->account &&
                object_recharge(e->object, heir->account) != OK) {
                ASSERT(!"the cost was checked before");
            }
        }
    }
    move_first_chunk(to, from);
    move_other_chunks(heir, dead);
    to->capacity = from->capacity;
    to->fresh = from->fresh;
    to->free = from->free;
    to->count += moved;
    from->count -= moved;
    from->capacity = HANDLE_CHUNK;
    from->fresh = HANDLE_DYNAMIC;
    from->free = 0;
    return OK;
}
