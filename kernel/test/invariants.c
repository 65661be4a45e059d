// SPDX-License-Identifier: MIT
// Finds every living object from the root task and the work list, counts references and charges
// again, and compares with what the kernel believes.
#include "kernel/test/world.h"
#include <stdio.h>
#include <stdlib.h>

enum { MAX = 1 << 15 };

struct seen {
    void *what;
    uint64_t refs, bytes;
};
static struct seen objects[MAX], accounts[MAX], calls[MAX];
static struct object *queue[MAX];
static size_t queued;

static struct seen *slot(struct seen *table, void *what)
{
    size_t i = ((uintptr_t)what >> 4) * 2654435761u % MAX;
    while (table[i].what != NULL && table[i].what != what) {
        i = (i + 1) % MAX;
    }
    return &table[i];
}

static void charge(struct account *a, uint64_t bytes, uint64_t refs)
{
    while (a != NULL) {
        struct seen *s = slot(accounts, a);
        bool fresh = s->what == NULL;
        s->what = a;
        s->bytes += bytes;
        s->refs += refs;
        if (!fresh || a->parent == NULL) {
            return;
        }
        bytes = a->limit + SLAB_ROUND(sizeof(struct account)); // first seen: its parent pays
        refs = 1;
        a = a->parent;
    }
}

static void found(struct object *o, uint64_t refs)
{
    struct seen *s = slot(objects, o);
    if (s->what == NULL) {
        s->what = o;
        assert_true(queued < MAX / 2);
        queue[queued++] = o;
        charge(o->account, o->charged, 1);
    }
    s->refs += refs;
}

// A call that was made and not answered has a number that no other one has.
static void look_at_call(struct thread *t)
{
    bool calls_now = t->wait == WAIT_CALL || t->wait == WAIT_REPLY || t->wait == WAIT_FAULT;
    if (calls_now && (t->port != NULL || t->reply != NULL)) {
        assert_int_not_equal(t->call_number, 0);
        struct seen *s = slot(calls, (void *)((uintptr_t)t->call_number << 4));
        assert_null(s->what);
        s->what = (void *)((uintptr_t)t->call_number << 4);
    }
}

static void look_at_thread(struct thread *t)
{
    look_at_call(t);
    if (t->half_made != NULL) {
        found(t->half_made, 1);
    }
    if (t->task != NULL) {
        found(&t->task->obj, 0);
    }
    if (t->cpu != NULL) {
        assert_ptr_equal(t->cpu->current, t);
        assert_false(t->queued);
    }
    bool ready = thread_runnable(t) && t->cpu == NULL;
    if (ready != t->queued && !(t->queued && t->task != NULL && t->task->hold != 0)) {
        fail_msg("thread %lu: ready %d, queued %d, wait %d, hold %u", t->obj.id, ready, t->queued,
                 t->wait, t->hold);
    }
    switch (t->wait) {
    case WAIT_NONE:
        assert_null(t->port);
        assert_null(t->reply);
        break;
    case WAIT_CALL:
        assert_non_null(t->port);
        assert_null(t->reply);
        break;
    case WAIT_REPLY:
        assert_null(t->port);
        assert_int_equal(t->reply->state, REPLY_BOUND);
        assert_ptr_equal(t->reply->thread, t);
        break;
    case WAIT_RECV:
        assert_non_null(t->port);
        assert_true(t->notify_only || t->reply->thread == t);
        break;
    default:
        assert_false(t->port != NULL && t->reply != NULL);
    }
    assert_true(t->demoted ? t->effective == 0 : t->effective >= t->priority);
    assert_true(t->serves == NULL || t->serves->server == t);
}

// Heights, parents and balance of an AVL tree; returns its height.
static int32_t check_tree(const struct tree_node *n, const struct tree_node *parent)
{
    if (n == NULL) {
        return 0;
    }
    int32_t left = check_tree(n->left, n), right = check_tree(n->right, n);
    assert_ptr_equal(n->parent, parent);
    assert_in_range(left - right + 1, 0, 2);
    assert_int_equal(n->height, (left > right ? left : right) + 1);
    return n->height;
}

static void look_at_task(struct task *task)
{
    uint64_t count = 0, pages = 0;
    charge(task->account, 0, 1);
    for (uint32_t i = 0; i < task->handles.capacity; i++) {
        struct handle_entry *e = &task->handles.chunk[i / HANDLE_CHUNK][i % HANDLE_CHUNK];
        if ((e->tag & 0xffff) != OBJ_NONE) {
            count++;
            assert_int_equal(e->tag & 0xffff, e->object->type);
            found(e->object, e->object != &task->obj);
        }
    }
    assert_int_equal(count, task->handles.count);
    charge(task->account, task->handles.capacity / HANDLE_CHUNK * PAGE_SIZE, 0);
    charge(task->account, task->space.tables * PAGE_SIZE, 0);
    check_tree(task->regions.root, NULL);
    uint64_t end = 0;
    for (struct tree_node *n = tree_first(&task->regions); n != NULL; n = tree_next(n)) {
        struct region *r = CONTAINER(n, struct region, node);
        assert_true(r->node.key >= end && r->end > r->node.key && r->end <= USER_MAX);
        assert_false((r->prot & PROT_WRITE) && (r->prot & PROT_EXEC));
        assert_false((r->prot & PROT_WRITE) && r->was_exec);
        assert_int_equal(r->prot & ~r->max_prot, 0);
        assert_true(r->first_page * PAGE_SIZE + (r->end - r->node.key) <= r->memory->bytes);
        end = r->end;
        pages += (r->end - r->node.key) / PAGE_SIZE;
        found(&r->memory->obj, 1);
        charge(task->account, SLAB_ROUND(sizeof(struct region)), 0);
    }
    assert_true(pages == task->mapped_pages || (task->hold & HOLD_DEAD));
    count = 0;
    for (struct list *l = task->threads.next; l != &task->threads; l = l->next) {
        struct thread *t = CONTAINER(l, struct thread, in_task);
        assert_ptr_equal(t->task, task);
        found(&t->obj, 1);
        count++;
    }
    assert_int_equal(count, task->thread_count);
    count = 0;
    for (struct list *l = task->replies.next; l != &task->replies; l = l->next) {
        struct reply *r = CONTAINER(l, struct reply, in_task);
        assert_ptr_equal(r->owner, task);
        found(&r->obj, 0);
        count++;
    }
    assert_int_equal(count, task->reply_count);
    if (task->fault_port != NULL) {
        found(&task->fault_port->obj, 1);
    }
}

static void look_at_port(struct port *p)
{
    for (uint32_t i = 0; i < PRIORITIES; i++) {
        struct thread *first = p->callers.bitmap & (1u << i) ? p->callers.head[i] : NULL;
        for (struct thread *t = first; t != NULL; t = t->next == first ? NULL : t->next) {
            assert_ptr_equal(t->port, p);
            assert_int_equal(t->queue_priority, i);
            assert_int_equal(t->effective, i);
            assert_true(t->wait == WAIT_CALL || t->wait == WAIT_FAULT);
            found(&t->obj, 0);
        }
    }
    struct thread *chains[] = {p->receivers, p->notify_receivers};
    for (int i = 0; i < 2; i++) {
        for (struct thread *t = chains[i]; t != NULL; t = t->next) {
            assert_int_equal(t->wait, WAIT_RECV);
            assert_ptr_equal(t->port, p);
            assert_int_equal(t->notify_only, i);
        }
    }
    assert_false(p->receivers != NULL && p->callers.bitmap != 0);
    assert_false((p->receivers != NULL || p->notify_receivers != NULL) && p->bits != 0);
    assert_true(p->server == NULL || p->server->serves == p);
    assert_int_equal(p->obj.refs > 0 && p->recv_handles == 0 && !p->dead, 0);
}

static void look_at(struct object *o)
{
    switch (o->type) {
    case OBJ_TASK:
        look_at_task(task_of(o));
        break;
    case OBJ_THREAD:
        look_at_thread(thread_of(o));
        break;
    case OBJ_PORT:
        look_at_port(port_of(o));
        break;
    case OBJ_REPLY: {
        struct reply *r = reply_of(o);
        if (r->owner != NULL) {
            found(&r->owner->obj, 0);
        }
        if (r->state == REPLY_BOUND) {
            assert_ptr_equal(r->thread->reply, r);
            found(&r->port->obj, 1);
            found(&r->thread->obj, 0);
        } else {
            assert_null(r->port);
            assert_true((r->state == REPLY_WAITING) == (r->thread != NULL));
        }
        break;
    }
    case OBJ_IRQ:
        if (irq_of(o)->port != NULL) {
            found(&irq_of(o)->port->obj, 1);
        }
        break;
    }
}

static void check_run_queue(void)
{
    for (uint32_t i = 0; i < PRIORITIES; i++) {
        struct thread *first = run_queue.bitmap & (1u << i) ? run_queue.head[i] : NULL;
        for (struct thread *t = first; t != NULL; t = t->next == first ? NULL : t->next) {
            assert_true(t->queued && t->effective == i && t->queue_priority == i);
            assert_true(t->wait == WAIT_NONE);
            found(&t->obj, 0);
        }
    }
    for (uint32_t i = 0; i < cpu_count; i++) {
        assert_true(cpus[i].current == NULL || cpus[i].current->cpu == &cpus[i]);
        if (cpus[i].current != NULL) {
            found(&cpus[i].current->obj, 0);
        }
    }
}

void check_world(void)
{
    for (size_t i = 0; i < MAX; i++) {
        objects[i] = accounts[i] = calls[i] = (struct seen){NULL, 0, 0};
    }
    queued = 0;
    if (root_task != NULL) {
        found(&root_task->obj, 1);
    }
    charge(&root_account, 0, 1);
    for (struct object *o = work_head; o != NULL; o = o->next_work) {
        found(o, 0);
    }
    check_run_queue();
    for (size_t i = 0; i < queued; i++) {
        look_at(queue[i]);
    }
    uint64_t living = 0;
    for (int type = OBJ_TASK; type < OBJECT_TYPES; type++) {
        living += object_living(type);
    }
    if (living != queued) {
        fail_msg("%lu objects live, %zu can be reached", living, queued);
    }
    for (size_t i = 0; i < MAX; i++) {
        if (objects[i].what != NULL) {
            struct object *o = objects[i].what;
            if (o->refs != objects[i].refs) {
                fail_msg("object %lu, type %d: %lu references counted, %lu found", o->id, o->type,
                         o->refs, objects[i].refs);
            }
        }
        struct account *a = accounts[i].what;
        if (a != NULL && (a->used != accounts[i].bytes || a->refs != accounts[i].refs ||
                          a->used > a->limit)) {
            fail_msg("account: used %lu of %lu, found %lu; %lu references, found %lu", a->used,
                     a->limit, accounts[i].bytes, a->refs, accounts[i].refs);
        }
    }
}

void empty_all_tasks(void)
{
    check_world();
    for (size_t i = 0; i < queued; i++) {
        struct task *task = queue[i]->type == OBJ_TASK ? task_of(queue[i]) : root_task;
        while (task != root_task && !task_kill_step(task, 16)) {
        }
        for (uint32_t h = 1; task != root_task && h < task->handles.capacity; h++) {
            if (task->handles.chunk[h / HANDLE_CHUNK][h % HANDLE_CHUNK].object != NULL) {
                handle_remove(task, h);
            }
        }
    }
}

size_t all_threads(struct thread **to, size_t limit)
{
    size_t n = 0;
    for (size_t i = 0; i < queued && n < limit; i++) {
        if (queue[i]->type == OBJ_THREAD) {
            to[n++] = thread_of(queue[i]);
        }
    }
    return n;
}
