// SPDX-License-Identifier: MIT
// System calls on memory objects and mappings.
#include "kernel/irq/iorange.h"
#include "kernel/mem/page.h"
#include "kernel/mem/region.h"
#include "kernel/mem/user.h"
#include "kernel/system/calls.h"

enum { POPULATE_AT_ONCE = 64, PIN_MAX = 512 };

static const uint32_t memory_rights =
    RIGHT_COPY | RIGHT_TRANSFER | RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC | RIGHT_PIN;

static enum status find_memory(struct thread *t, uint64_t handle, uint32_t rights,
                               struct memory **out)
{
    struct handle_entry *e;
    enum status status = handle_get(&t->task->handles, handle, OBJ_MEMORY, rights, &e);
    if (status == OK) {
        *out = memory_of(e->object);
    }
    return status;
}

// Supplies pages from the cursor on; CALL_AGAIN while some are missing.
static int populate(struct thread *t, struct memory *m)
{
    uint64_t pages = m->bytes / PAGE_SIZE;
    for (uint32_t i = 0; i < POPULATE_AT_ONCE && t->cursor < pages; i++) {
        if (memory_page(m, t->cursor) == 0) {
            return ERR_MEMORY;
        }
        t->cursor++;
    }
    return t->cursor < pages ? CALL_AGAIN : OK;
}

int sys_mem_create(struct thread *t, struct regs *r)
{
    struct memory *m;
    uint64_t bytes = r->rdi, flags = r->rsi;
    if (bytes == 0 || !page_aligned(bytes)) {
        return ERR_ALIGN;
    }
    if (flags & ~(uint64_t)MEM_POPULATE) {
        return ERR_ARG;
    }
    enum status status = handle_reserve(t->task);
    if (status != OK) {
        return status;
    }
    if (t->half_made == NULL) {
        status = memory_create(t->task->account, bytes, (uint32_t)flags, &m);
        if (status != OK) {
            return status;
        }
        t->half_made = &m->obj;
        t->cursor = 0;
    }
    m = memory_of(t->half_made);
    if (m->bytes != bytes) {
        return ERR_STATE; // the arguments were changed while it was interrupted
    }
    int result = flags & MEM_POPULATE ? populate(t, m) : OK;
    if (result == OK) {
        r->rdx = handle_give(t->task, &m->obj, memory_rights, 0);
        t->half_made = NULL;
    }
    return result;
}

int sys_mem_create_device(struct thread *t, struct regs *r)
{
    struct handle_entry *e;
    struct memory *m;
    uint64_t pa = r->rsi, bytes = r->rdx, flags = r->r10;
    enum status status = handle_get(&t->task->handles, r->rdi, OBJ_IORANGE, RIGHT_CONTROL, &e);
    if (status != OK) {
        return status;
    }
    if (iorange_of(e->object)->kind != IORANGE_MMIO) {
        return ERR_TYPE;
    }
    if (bytes == 0 || !page_aligned(pa) || !page_aligned(bytes)) {
        return ERR_ALIGN;
    }
    if ((flags & ~(uint64_t)(MEM_UNCACHED | MEM_WRITE_COMBINE)) ||
        flags == (MEM_UNCACHED | MEM_WRITE_COMBINE)) {
        return ERR_ARG;
    }
    if (!iorange_covers(iorange_of(e->object), pa, bytes) || page_is_ram(pa, bytes)) {
        return ERR_RANGE;
    }
    status = handle_reserve(t->task);
    if (status == OK) {
        status = memory_create_fixed(t->task->account, pa, bytes, (uint32_t)flags, true, &m);
    }
    if (status == OK) {
        uint32_t rights = RIGHT_COPY | RIGHT_TRANSFER | RIGHT_READ | RIGHT_WRITE;
        r->rdx = handle_give(t->task, &m->obj, rights, 0);
    }
    return status;
}

// What a handle's rights allow a mapping to be.
static uint32_t allowed_prot(uint32_t rights)
{
    return (rights & RIGHT_READ ? PROT_READ : 0u) | (rights & RIGHT_WRITE ? PROT_WRITE : 0u) |
           (rights & RIGHT_EXEC ? PROT_EXEC : 0u);
}

static enum status check_prot(uint64_t prot)
{
    bool known = (prot & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC)) == 0;
    bool both = (prot & PROT_WRITE) && (prot & PROT_EXEC);
    return known && !both && (prot & PROT_READ) ? OK : ERR_ARG;
}

static enum status check_range(uint64_t at, uint64_t bytes)
{
    if (bytes == 0 || !page_aligned(at) || !page_aligned(bytes)) {
        return ERR_ALIGN;
    }
    return user_range_ok(at, bytes) ? OK : ERR_RANGE;
}

int sys_mem_map(struct thread *t, struct regs *r)
{
    struct task *task;
    struct handle_entry *e;
    uint64_t at = r->rdx, offset = r->r10, bytes = r->r8, prot = r->r9;
    enum status status = call_task(t, r->rdi, RIGHT_MANAGE, &task);
    if (status == OK) {
        status = handle_get(&t->task->handles, r->rsi, OBJ_MEMORY, 0, &e);
    }
    if (status == OK) {
        status = check_prot(prot);
    }
    if (status == OK) {
        status = check_range(at != 0 ? at : USER_MIN, bytes);
    }
    if (status != OK) {
        return status;
    }
    struct memory *m = memory_of(e->object);
    if (!page_aligned(offset)) {
        return ERR_ALIGN;
    }
    if (!range_inside(offset, bytes, 0, m->bytes)) {
        return ERR_RANGE;
    }
    if (prot & ~(uint64_t)allowed_prot(e->rights)) {
        return ERR_RIGHTS;
    }
    if (((prot & PROT_EXEC) && task->sealed) || (task->hold & HOLD_DEAD)) {
        return ERR_STATE;
    }
    status = region_map(task, m, &at, offset / PAGE_SIZE, bytes, (uint32_t)prot,
                        allowed_prot(e->rights));
    if (status == OK) {
        r->rdx = at;
    }
    return status;
}

// What the task's region may be seen as from elsewhere. Of code nobody gets a writable view.
static enum status check_view(const struct region *r, uint64_t prot)
{
    if (prot & ~(uint64_t)r->max_prot) {
        return ERR_RIGHTS;
    }
    return (prot & PROT_WRITE) && r->was_exec ? ERR_STATE : OK;
}

// Maps through another task's mapping, as an heir does who has its predecessor's memory but not the
// handles it was mapped with. The view never gets more rights than were asked for here.
int sys_mem_map_from(struct thread *t, struct regs *r)
{
    struct task *other;
    uint64_t at = r->rdx, prot = r->r10;
    uint32_t need = prot & PROT_WRITE ? RIGHT_READ | RIGHT_WRITE : RIGHT_READ;
    enum status status = call_task(t, r->rdi, need, &other);
    if (status == OK) {
        status = prot & PROT_EXEC ? ERR_ARG : check_prot(prot);
    }
    if (status != OK) {
        return status;
    }
    struct region *there = region_find(other, r->rsi);
    if (there == NULL) {
        return ERR_NOT_FOUND;
    }
    uint64_t bytes = there->end - there->node.key;
    status = check_range(at != 0 ? at : USER_MIN, bytes);
    if (status == OK) {
        status = check_view(there, prot);
    }
    if (status == OK) {
        status = region_map(t->task, there->memory, &at, there->first_page, bytes, (uint32_t)prot,
                            (uint32_t)prot);
    }
    if (status == OK) {
        r->rdx = at;
    }
    return status;
}

int sys_task_region(struct thread *t, struct regs *r)
{
    struct task *task;
    enum status status = call_task(t, r->rdi, RIGHT_READ, &task);
    if (status != OK) {
        return status;
    }
    const struct region *found = region_find_from(task, r->rsi);
    if (found == NULL) {
        return ERR_NOT_FOUND;
    }
    struct region_info info = {
        .start = found->node.key,
        .bytes = found->end - found->node.key,
        .offset = found->first_page * PAGE_SIZE,
        .object_id = found->memory->obj.id,
        .prot = found->prot,
        .flags = found->memory->device ? REGION_DEVICE : 0,
    };
    return user_copy_out(t->task, r->rdx, &info, sizeof(info));
}

int sys_mem_unmap(struct thread *t, struct regs *r)
{
    struct task *task;
    enum status status = call_task(t, r->rdi, RIGHT_MANAGE, &task);
    if (status == OK) {
        status = check_range(r->rsi, r->rdx);
    }
    return status == OK ? region_unmap(task, r->rsi, r->rdx) : (int)status;
}

int sys_mem_protect(struct thread *t, struct regs *r)
{
    struct task *task;
    enum status status = call_task(t, r->rdi, RIGHT_MANAGE, &task);
    if (status == OK) {
        status = check_range(r->rsi, r->rdx);
    }
    if (status == OK) {
        status = check_prot(r->r10);
    }
    if (status != OK) {
        return status;
    }
    return region_protect(task, r->rsi, r->rdx, (uint32_t)r->r10, &t->cursor);
}

static enum status check_pin(struct thread *t, struct regs *r, struct memory **m)
{
    struct handle_entry *e;
    enum status status = handle_get(&t->task->handles, r->rdi, OBJ_IORANGE, RIGHT_CONTROL, &e);
    if (status == OK && iorange_of(e->object)->kind != IORANGE_DMA) {
        status = ERR_TYPE;
    }
    if (status == OK) {
        status = find_memory(t, r->rsi, RIGHT_PIN, m);
    }
    if (status != OK) {
        return status;
    }
    if ((*m)->fixed) {
        return ERR_TYPE;
    }
    bool inside = r->r10 != 0 && r->r10 <= PIN_MAX &&
                  range_inside(r->rdx, r->r10, 0, (*m)->bytes / PAGE_SIZE);
    return inside ? OK : ERR_RANGE;
}

int sys_mem_pin(struct thread *t, struct regs *r)
{
    struct memory *m;
    uint64_t first = r->rdx, pages = r->r10, to = r->r8;
    uint64_t addresses[PIN_MAX];
    enum status status = check_pin(t, r, &m);
    if (status != OK) {
        return status;
    }
    for (uint64_t i = 0; i < pages; i++) {
        addresses[i] = memory_page(m, first + i);
        if (addresses[i] == 0) {
            return ERR_MEMORY;
        }
    }
    status = user_copy_out(t->task, to, addresses, pages * sizeof(addresses[0]));
    if (status == OK) {
        m->pins++;
    }
    return status;
}

int sys_mem_unpin(struct thread *t, struct regs *r)
{
    struct memory *m;
    enum status status = find_memory(t, r->rdi, RIGHT_PIN, &m);
    if (status != OK) {
        return status;
    }
    if (m->pins == 0) {
        return ERR_STATE;
    }
    m->pins--;
    return OK;
}

int sys_mem_move(struct thread *t, struct regs *r)
{
    struct task *to;
    struct handle_entry *e;
    enum status status = handle_get(&t->task->handles, r->rdi, OBJ_MEMORY, RIGHT_TRANSFER, &e);
    if (status == OK) {
        status = call_task(t, r->rsi, RIGHT_MANAGE, &to);
    }
    if (status != OK) {
        return status;
    }
    struct memory *m = memory_of(e->object);
    uint64_t left = to->account->limit - to->account->used;
    if (to == t->task) {
        return ERR_ARG;
    }
    if (to->hold & HOLD_DEAD) {
        return ERR_STATE;
    }
    if (to->account != m->obj.account && left < m->obj.charged) {
        return ERR_QUOTA;
    }
    status = handle_reserve(to);
    if (status != OK) {
        return status;
    }
    struct region *region = m->mappings == 0 ? NULL : region_of_memory(t->task, m);
    if (region != NULL) {
        int result = region_unmap(t->task, region->node.key, region->end - region->node.key);
        return result == OK || result == CALL_AGAIN ? CALL_AGAIN : result;
    }
    status = object_recharge(&m->obj, to->account);
    if (status != OK) {
        return status;
    }
    r->rdx = handle_add(to, &m->obj, e->rights, 0);
    handle_remove(t->task, (uint32_t)r->rdi & 0xffff);
    return OK;
}

int sys_mem_info(struct thread *t, struct regs *r)
{
    struct memory *m;
    enum status status = find_memory(t, r->rdi, 0, &m);
    if (status != OK) {
        return status;
    }
    struct mem_info info = {
        .bytes = m->bytes,
        .populated_bytes = m->populated * PAGE_SIZE,
        .mappings = m->mappings,
        .pins = m->pins,
        .flags = m->flags,
        .device = m->device,
    };
    return user_copy_out(t->task, r->rsi, &info, sizeof(info));
}
