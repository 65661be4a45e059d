// SPDX-License-Identifier: MIT
// What a rebirth asks of the kernel: the predecessor's memory, its handles, its callers.
#include "kernel/test/world.h"
#include <string.h>

enum : uint64_t { AT = 0x40000000, BYTES = 20 * PAGE_SIZE, TEXT = 0x50000000, ROM = 0x60000000 };

static const uint32_t RW = PROT_READ | PROT_WRITE;

// A task with four mappings at known places, whose handles are closed: part of an object, text that
// was written before, memory it may only read, and device registers.
struct old {
    struct place p;
    uint64_t rw, ro; // root's handles to the task: READ and WRITE, READ
    uint64_t registers;
};

static struct old old_start(void)
{
    struct old o = {.p = world_task("old", 1 << 20, 5)};
    struct thread *t = o.p.thread;
    uint64_t m = made(CALL(t, mem_create, 2 * BYTES));
    made(CALL(t, mem_map, 0, m, AT, BYTES, BYTES, RW));
    made(CALL(t, handle_close, m));
    m = made(CALL(t, mem_create, PAGE_SIZE));
    made(CALL(t, mem_map, 0, m, TEXT, 0, PAGE_SIZE, RW));
    poke(o.p.task, TEXT, "program", 8);
    made(CALL(t, mem_protect, 0, TEXT, PAGE_SIZE, PROT_READ | PROT_EXEC));
    uint64_t weak = made(CALL(t, handle_copy, m, RIGHT_READ));
    made(CALL(t, mem_map, 0, weak, ROM, 0, PAGE_SIZE, PROT_READ));
    made(CALL(t, handle_close, m));
    made(CALL(t, handle_close, weak));
    m = made(CALL(root_thread, mem_create_device, MMIO, 0xfe000000, PAGE_SIZE));
    o.registers = made(CALL(root_thread, mem_map, o.p.task_handle, m, 0, 0, PAGE_SIZE, RW));
    made(CALL(root_thread, handle_close, m));
    poke(o.p.task, AT + 5 * PAGE_SIZE, "state", 6);
    uint32_t see = RIGHT_TRANSFER | RIGHT_READ;
    o.rw = made(CALL(root_thread, handle_copy, o.p.task_handle, see | RIGHT_WRITE));
    o.ro = made(CALL(root_thread, handle_copy, o.p.task_handle, see));
    settle();
    return o;
}

static void old_end(struct old *o)
{
    made(CALL(root_thread, handle_close, o->rw));
    made(CALL(root_thread, handle_close, o->ro));
    world_end(&o->p);
    check_world();
}

static struct region_info region_info(struct thread *t, uint64_t task, uint64_t at)
{
    struct region_info info;
    made(CALL(t, task_region, task, at, DATA));
    peek(t->task, DATA, &info, sizeof(info));
    return info;
}

static void test_regions_are_listed(void **)
{
    struct old o = old_start();
    struct thread *r = root_thread;
    for (int round = 0; round < 2; round++) { // living, then dead
        uint64_t expected[] = {DATA, AT, TEXT, ROM, o.registers}, at = 0;
        for (int i = 0; i < 5; i++) {
            struct region_info info = region_info(r, o.ro, at);
            assert_int_equal(info.start, expected[i]);
            assert_int_equal(info.flags, i == 4 ? REGION_DEVICE : 0);
            at = info.start + info.bytes;
            assert_int_equal(region_info(r, o.ro, at - 1).start, info.start); // from inside, too
        }
        assert_int_equal(CALL(r, task_region, o.ro, at, DATA).status, ERR_NOT_FOUND);
        made(CALL(r, task_kill, o.p.task_handle));
    }
    struct region_info info = region_info(r, o.ro, AT + 123);
    assert_int_equal(info.bytes, BYTES);
    assert_int_equal(info.offset, BYTES);
    assert_int_equal(info.prot, RW);
    assert_int_equal(region_info(r, o.ro, TEXT).prot, PROT_READ | PROT_EXEC);
    assert_int_equal(region_info(r, o.ro, TEXT).object_id, region_info(r, o.ro, ROM).object_id);
    assert_int_not_equal(info.object_id, region_info(r, o.ro, ROM).object_id);
    assert_int_equal(CALL(r, task_region, o.ro, ~0ull, DATA).status, ERR_NOT_FOUND);
    assert_int_equal(CALL(r, task_region, o.ro, 0, 0x1000).status, ERR_FAULT);
    assert_int_equal(CALL(r, task_region, o.ro, 0, USER_MAX - 4).status, ERR_FAULT);
    assert_int_equal(CALL(r, task_region, o.ro | 1ull << 32, 0, DATA).status, ERR_HANDLE);
    assert_int_equal(CALL(r, task_region, o.p.thread_handle, 0, DATA).status, ERR_TYPE);
    uint64_t blind = made(CALL(r, handle_copy, o.p.task_handle, RIGHT_WRITE | RIGHT_MANAGE));
    assert_int_equal(CALL(r, task_region, blind, 0, DATA).status, ERR_RIGHTS);
    made(CALL(r, handle_close, blind));
    old_end(&o);
}

// The heir of a dead task sees and changes its memory at the old place, or at one that is drawn.
static void test_map_from_the_dead(void **)
{
    struct old o = old_start();
    struct place heir = world_task("heir", 1 << 20, 5);
    struct thread *t = heir.thread;
    char text[8];
    made(CALL(root_thread, task_kill, o.p.task_handle));
    uint64_t rw = give(&heir, o.rw, RIGHTS_ALL, 0), ro = give(&heir, o.ro, RIGHTS_ALL, 0);
    made(CALL(t, task_seal)); // that forbids code only
    made(CALL(t, port_create));
    settle();
    struct account *payer = heir.task->account, *old_payer = o.p.task->account;
    uint64_t used = payer->used, tables = heir.task->space.tables, old_used = old_payer->used;
    assert_int_equal(made(CALL(t, mem_map_from, rw, AT + 7 * PAGE_SIZE + 5, AT, RW)), AT);
    assert_int_equal(payer->used - used, SLAB_ROUND(sizeof(struct region)) +
                                             (heir.task->space.tables - tables) * PAGE_SIZE);
    assert_int_equal(old_payer->used, old_used);
    peek(heir.task, AT + 5 * PAGE_SIZE, text, 6);
    assert_string_equal(text, "state");
    poke(heir.task, AT, "changed", 8); // a page that was promised only
    peek(o.p.task, AT, text, 8);
    assert_string_equal(text, "changed");
    assert_int_equal(region_info(t, 0, AT).offset, BYTES);
    assert_int_equal(CALL(t, mem_map_from, rw, AT, AT, RW).status, ERR_EXISTS);
    assert_int_equal(CALL(t, mem_map_from, rw, AT, AT + BYTES - PAGE_SIZE, RW).status, ERR_EXISTS);
    uint64_t drawn = made(CALL(t, mem_map_from, ro, AT, 0, PROT_READ));
    assert_int_not_equal(drawn, AT);
    peek(heir.task, drawn, text, 8);
    assert_string_equal(text, "changed");
    assert_int_equal(user_copy_out(heir.task, drawn, "x", 1), ERR_FAULT);
    assert_int_equal(CALL(t, mem_protect, 0, drawn, BYTES, RW).status, ERR_RIGHTS); // for ever
    made(CALL(t, mem_protect, 0, AT, BYTES, PROT_READ));
    made(CALL(t, mem_protect, 0, AT, BYTES, RW));
    made(CALL(t, mem_map_from, rw, o.registers, o.registers, RW));
    assert_int_equal(region_info(t, 0, o.registers).flags, REGION_DEVICE);
    assert_int_equal(user_copy_out(heir.task, o.registers, "x", 1), ERR_FAULT);
    check_world();
    made(CALL(t, handle_close, rw));
    made(CALL(t, handle_close, ro));
    old_end(&o); // what is mapped stays
    peek(heir.task, AT, text, 8);
    assert_string_equal(text, "changed");
    made(CALL(t, mem_unmap, 0, AT, BYTES));
    made(CALL(t, mem_unmap, 0, drawn, BYTES));
    settle();
    check_world();
    world_end(&heir);
    check_world();
}

static void test_map_from_keeps_the_rules(void **)
{
    struct old o = old_start();
    struct place heir = world_task("heir", 1 << 20, 5);
    struct thread *t = heir.thread;
    uint64_t rw = give(&heir, o.rw, RIGHTS_ALL, 0), ro = give(&heir, o.ro, RIGHTS_ALL, 0);
    assert_int_equal(CALL(t, mem_map_from, ro, AT, 0, RW).status, ERR_RIGHTS); // the task's right
    assert_int_equal(CALL(t, mem_map_from, rw, ROM, 0, RW).status, ERR_RIGHTS); // the mapping's
    assert_int_equal(CALL(t, mem_map_from, rw, TEXT, 0, RW).status, ERR_STATE); // code, live or not
    for (uint32_t prot = 0; prot < 16; prot++) {
        bool sound = prot == PROT_READ || prot == RW;
        assert_int_equal(sound, CALL(t, mem_map_from, rw, AT, 0, prot).status != ERR_ARG);
    }
    assert_int_equal(CALL(t, mem_map_from, rw, AT, 0, 1ull << 32 | PROT_READ).status, ERR_ARG);
    made(CALL(root_thread, mem_protect, o.p.task_handle, AT, BYTES, PROT_READ));
    uint64_t view = made(CALL(t, mem_map_from, rw, AT, 0, RW)); // what counts is its handle
    poke(heir.task, view, "x", 1);
    // Code can be read, and neither run nor changed. Nor can it after it stopped being code.
    view = made(CALL(t, mem_map_from, rw, TEXT, 0, PROT_READ));
    char text[8];
    peek(heir.task, view, text, 8);
    assert_string_equal(text, "program");
    assert_int_equal(CALL(t, mem_protect, 0, view, PAGE_SIZE, 5).status, ERR_RIGHTS);
    assert_int_equal(CALL(t, mem_protect, 0, view, PAGE_SIZE, RW).status, ERR_RIGHTS);
    made(CALL(root_thread, mem_protect, o.p.task_handle, TEXT, PAGE_SIZE, PROT_READ));
    assert_int_equal(CALL(t, mem_map_from, rw, TEXT, 0, RW).status, ERR_STATE);
    // Places.
    assert_int_equal(CALL(t, mem_map_from, rw, AT - 1, 0, RW).status, ERR_NOT_FOUND);
    assert_int_equal(CALL(t, mem_map_from, rw, AT + BYTES, 0, RW).status, ERR_NOT_FOUND);
    assert_int_equal(CALL(t, mem_map_from, rw, 0, 0, RW).status, ERR_NOT_FOUND);
    assert_int_equal(CALL(t, mem_map_from, rw, ~0ull, 0, RW).status, ERR_NOT_FOUND);
    assert_int_equal(CALL(t, mem_map_from, rw, AT, AT + 1, RW).status, ERR_ALIGN);
    assert_int_equal(CALL(t, mem_map_from, rw, AT, PAGE_SIZE, RW).status, ERR_RANGE);
    assert_int_equal(CALL(t, mem_map_from, rw, AT, USER_MAX - PAGE_SIZE, RW).status, ERR_RANGE);
    assert_int_equal(CALL(t, mem_map_from, rw, AT, ~0xfffull, RW).status, ERR_RANGE);
    assert_int_equal(CALL(t, mem_map_from, rw, AT, DATA + PAGE_SIZE, RW).status, ERR_EXISTS);
    assert_int_equal(CALL(t, mem_map_from, rw + 0x10000, AT, 0, RW).status, ERR_HANDLE);
    uint64_t port = made(CALL(t, port_create));
    assert_int_equal(CALL(t, mem_map_from, port, AT, 0, RW).status, ERR_TYPE);
    // Of one's own memory, through no handle.
    view = made(CALL(t, mem_map_from, 0, DATA, 0, RW));
    poke(heir.task, DATA + 10, "own", 4);
    peek(heir.task, view + 10, text, 4);
    assert_string_equal(text, "own");
    check_world();
    world_end(&heir);
    old_end(&o);
}

static void test_map_from_is_paid(void **)
{
    struct old o = old_start();
    struct place poor = world_task("poor", 256 << 10, 5);
    uint64_t ro = give(&poor, o.ro, RIGHTS_ALL, 0), n = 0, status;
    while (CALL(poor.thread, mem_create, PAGE_SIZE).status == OK) {
    }
    while ((status = CALL(poor.thread, mem_map_from, ro, AT, 0, PROT_READ).status) == OK) {
        n++;
    }
    assert_int_equal(status, ERR_QUOTA);
    assert_true(n < PAGE_SIZE / SLAB_ROUND(sizeof(struct region)));
    check_world();
    world_end(&poor);
    old_end(&o);
}

// ---- Handles

// Lets the task's table grow by so many chunks, and closes all that was in them.
static void grow_and_close(struct place *p, uint64_t chunks)
{
    uint64_t port = made(CALL(p->thread, port_create)), h = 0;
    while (p->task->handles.capacity < (1 + chunks) * HANDLE_CHUNK) {
        made(CALL(p->thread, handle_copy, port, RIGHT_CALL));
    }
    while (CALL(p->thread, handle_next, h).status == OK) {
        h = p->thread->regs.rdx;
        made(CALL(p->thread, handle_close, h));
    }
    settle();
}

// The heir had handles before, more than the dead one or fewer, paid from the same account or another.
static void test_inherit_into_a_used_table(void **)
{
    for (int round = 0; round < 8; round++) {
        uint64_t heir_chunks = round & 1 ? 4 : 1, dead_chunks = round & 2 ? 3 : 0;
        bool shared = round & 4;
        struct place dead = world_task("dead", shared ? 0 : 1 << 20, 5);
        struct place heir = world_task("heir", shared ? 0 : 1 << 20, 5);
        uint64_t first = made(CALL(dead.thread, port_create)), last = first;
        for (uint64_t i = 0; i < dead_chunks * HANDLE_CHUNK; i++) {
            last = made(CALL(dead.thread, handle_copy, first, RIGHT_CALL, i + 1));
        }
        struct object *port = object_behind(dead.task, first);
        grow_and_close(&heir, heir_chunks);
        assert_int_equal(heir.task->handles.capacity, (1 + heir_chunks) * HANDLE_CHUNK);
        uint64_t before = heir.task->account->used, cost = port->charged;
        made(CALL(root_thread, task_kill, dead.task_handle));
        made(CALL(root_thread, task_inherit, heir.task_handle, dead.task_handle));
        check_world();
        assert_int_equal(heir.task->handles.capacity, (1 + dead_chunks) * HANDLE_CHUNK);
        cost += dead_chunks * PAGE_SIZE;
        assert_int_equal(heir.task->account->used,
                         before - heir_chunks * PAGE_SIZE + (shared ? 0 : cost));
        assert_ptr_equal(object_behind(heir.task, first), port);
        assert_ptr_equal(object_behind(heir.task, last), port);
        made(CALL(heir.thread, handle_close, last));
        uint64_t fresh = made(CALL(heir.thread, reply_create)); // the free list came along
        assert_int_equal(fresh & 0xffff, last & 0xffff);
        assert_int_not_equal(fresh, last);
        world_end(&dead);
        check_world();
        world_end(&heir);
        check_world();
    }
}

// What the heir's own table gives back is enough to pay for the dead one's.
static void test_inherit_counts_what_comes_back(void **)
{
    struct place dead = world_task("dead", 1 << 20, 5), heir = world_task("heir", 1 << 20, 5);
    uint64_t port = made(CALL(root_thread, port_create));
    uint64_t held = give(&dead, port, RIGHTS_ALL, 0);
    for (int i = 0; i < 2 * HANDLE_CHUNK; i++) {
        made(CALL(dead.thread, handle_copy, held, RIGHT_CALL));
    }
    grow_and_close(&heir, 2);
    made(CALL(root_thread, task_kill, dead.task_handle));
    struct account *a = heir.task->account;
    made(CALL(root_thread, task_set_quota, heir.task_handle, a->used)); // not a byte is left
    assert_int_equal(dead.task->handles.capacity, 3 * HANDLE_CHUNK);
    made(CALL(root_thread, task_inherit, heir.task_handle, dead.task_handle));
    assert_int_equal(a->used, a->limit);
    check_world();
    // Somebody with a smaller table cannot pay, and then nothing has changed.
    struct place poor = world_task("poor", 1 << 20, 5);
    grow_and_close(&poor, 1);
    made(CALL(root_thread, task_kill, heir.task_handle));
    made(CALL(root_thread, task_set_quota, poor.task_handle, poor.task->account->used));
    assert_int_equal(CALL(root_thread, task_inherit, poor.task_handle, heir.task_handle).status,
                     ERR_QUOTA);
    assert_int_equal(poor.task->handles.capacity, 2 * HANDLE_CHUNK);
    assert_ptr_equal(object_behind(heir.task, held), object_behind(root_task, port));
    check_world();
    world_end(&dead);
    world_end(&heir);
    world_end(&poor);
    made(CALL(root_thread, handle_close, port));
    settle();
    check_world();
}

// ---- Callers

enum { CALLERS = 20 };

// A server with a port, and tasks that have called it; the server has received the first few of them.
struct busy {
    struct place server, caller[CALLERS];
    uint64_t root_port, port, reply[CALLERS];
    uint64_t number[CALLERS]; // of the calls received
};

static void call_with_label(struct thread *t, uint64_t port, uint64_t label)
{
    struct message m = {.tag = label, .rdi = port};
    assert_int_equal(call_message(t, SYS_call, m), BLOCKED);
}

static struct message received(struct thread *t, uint64_t port, uint64_t reply)
{
    assert_int_equal(call_message(t, SYS_recv, (struct message){.rdi = port | reply << 32}), OK);
    return message_of(t);
}

static struct busy busy_start(int receive)
{
    struct busy b = {.server = world_task("busy", 1 << 20, 5)};
    b.root_port = made(CALL(root_thread, port_create));
    b.port = give(&b.server, b.root_port, RIGHTS_ALL, 0);
    for (int i = 0; i < CALLERS; i++) {
        b.caller[i] = world_task("caller", 256 << 10, 5);
        call_with_label(b.caller[i].thread, give(&b.caller[i], b.root_port, RIGHT_CALL, 1), 100 + i);
        b.reply[i] = made(CALL(b.server.thread, reply_create));
        if (i < receive) {
            struct message m = received(b.server.thread, b.port, b.reply[i]);
            assert_int_equal(m.tag & TAG_LABEL_MASK, 100 + i);
            b.number[i] = m.tag >> TAG_CALL_SHIFT;
        }
    }
    return b;
}

static void busy_end(struct busy *b)
{
    for (int i = 0; i < CALLERS; i++) {
        world_end(&b->caller[i]);
    }
    world_end(&b->server);
    made(CALL(root_thread, handle_close, b->root_port));
    settle();
    check_world();
}

// Who killed it died in the middle, and another supervisor lets an heir inherit: all callers are back.
static void test_inherit_finishes_a_killing(void **)
{
    struct busy b = busy_start(CALLERS);
    struct place heir = world_task("heir", 1 << 20, 5);
    made(CALL(b.server.thread, reply_park, b.reply[3], 1));
    assert_false(task_kill_step(b.server.task, 1));
    made(CALL(root_thread, task_inherit, heir.task_handle, b.server.task_handle));
    check_world();
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(b.caller[i].thread->wait, i == 3 ? WAIT_REPLY : WAIT_CALL);
    }
    bool seen[CALLERS] = {false};
    for (int i = 0; i < CALLERS - 1; i++) { // each comes once, with its number
        struct message m = received(heir.thread, b.port, b.reply[i < 3 ? i : i + 1]);
        uint64_t n = (m.tag & TAG_LABEL_MASK) - 100;
        assert_int_equal((m.tag & TAG_DELIVERY_MASK) >> TAG_DELIVERY_SHIFT, 1);
        assert_int_equal(m.tag >> TAG_CALL_SHIFT, b.number[n]);
        assert_false(seen[n]);
        seen[n] = true;
    }
    assert_false(seen[3]);
    world_end(&b.server);
    b.server = heir;
    busy_end(&b);
}

// An heir that owes an answer does not inherit: its Reply objects would be mixed with the dead one's.
static void test_heir_that_owes_an_answer(void **)
{
    struct busy b = busy_start(2);
    struct place heir = world_task("heir", 1 << 20, 5);
    enum { INDEX_PORT = 20, INDEX_REPLY = 21 }; // in its start-up range
    made(CALL(root_thread, handle_install, heir.task_handle, INDEX_PORT, b.root_port, RIGHTS_ALL));
    uint64_t own = made(CALL(heir.thread, reply_create)), own_value = INDEX_REPLY;
    made(CALL(heir.thread, handle_install, 0, INDEX_REPLY, own, RIGHTS_ALL));
    made(CALL(heir.thread, handle_close, own));
    received(heir.thread, INDEX_PORT, own_value);
    made(CALL(root_thread, task_kill, b.server.task_handle));
    for (int parked = 0; parked < 2; parked++) {
        made(CALL(heir.thread, reply_park, own_value, parked));
        assert_int_equal(
            CALL(root_thread, task_inherit, heir.task_handle, b.server.task_handle).status, ERR_STATE);
    }
    check_world();
    assert_int_equal(call_message(heir.thread, SYS_reply, (struct message){.rdi = own_value << 32}),
                     OK);
    made(CALL(root_thread, task_inherit, heir.task_handle, b.server.task_handle));
    check_world();
    world_end(&b.server);
    b.server = heir;
    busy_end(&b);
}

// ---- Deaths in the middle of calls

enum { BIG_PAGES = 150, VICTIM_THREADS = 40 };

// A task whose threads stand in the middle of all kinds of calls, when it is killed.
struct torn {
    struct place p, victim;
    uint64_t unmapped, protected, moved; // where the interrupted calls were at work
};

static uint64_t map_big(struct thread *t, uint64_t *memory)
{
    *memory = made(CALL(t, mem_create, BIG_PAGES * PAGE_SIZE, MEM_POPULATE));
    uint64_t at = made(CALL(t, mem_map, 0, *memory, 0, 0, BIG_PAGES * PAGE_SIZE, RW));
    for (uint64_t i = 0; i < BIG_PAGES; i++) {
        poke(t->task, at + i * PAGE_SIZE, &i, sizeof(i));
    }
    return at;
}

// A further thread, of which the task itself has a handle.
static struct thread *further_thread(struct place *p)
{
    uint64_t first = p->thread_handle;
    struct thread *t = world_thread(p, 5);
    give(p, p->thread_handle, RIGHTS_ALL, 0);
    made(CALL(root_thread, handle_close, p->thread_handle));
    p->thread_handle = first;
    return t;
}

static struct torn torn_start(void)
{
    struct torn x = {.p = world_task("torn", 8 << 20, 5), .victim = world_task("victim", 1 << 20, 5)};
    struct thread *t = x.p.thread, *other[4];
    uint64_t m, to_victim = give(&x.p, x.victim.task_handle, RIGHTS_ALL, 0);
    for (int i = 0; i < VICTIM_THREADS; i++) {
        further_thread(&x.victim);
    }
    for (int i = 0; i < 4; i++) {
        other[i] = further_thread(&x.p);
    }
    give(&x.p, x.p.task_handle, RIGHTS_ALL, 0);
    x.unmapped = map_big(t, &m);
    x.protected = map_big(t, &m);
    x.moved = map_big(t, &m);
    call_interrupted(t, SYS_mem_move, m, to_victim, 0, 0);
    call_interrupted(other[0], SYS_mem_unmap, 0, x.unmapped, BIG_PAGES * PAGE_SIZE, 0);
    call_interrupted(other[1], SYS_mem_protect, 0, x.protected, BIG_PAGES * PAGE_SIZE, PROT_READ);
    call_interrupted(other[2], SYS_mem_create, BIG_PAGES * PAGE_SIZE, MEM_POPULATE, 0, 0);
    call_interrupted(other[3], SYS_task_kill, to_victim, 0, 0, 0);
    check_world();
    return x;
}

// The heir finds all that was there, and what the dead one had begun to kill is dead.
static void test_killed_in_long_calls(void **)
{
    struct torn x = torn_start();
    struct place heir = world_task("heir", 8 << 20, 5);
    struct thread *t = heir.thread;
    uint64_t memories = object_living(OBJ_MEMORY), n;
    made(CALL(root_thread, task_kill, x.p.task_handle));
    check_world();
    settle();
    assert_int_equal(object_living(OBJ_MEMORY), memories - 1); // the half-made one is gone
    assert_int_equal(x.victim.task->thread_count, 0);
    made(CALL(root_thread, handle_install, heir.task_handle, 7, x.p.task_handle, RIGHTS_ALL));
    made(CALL(root_thread, task_inherit, heir.task_handle, x.p.task_handle));
    check_world();
    uint64_t last = (BIG_PAGES - 1) * PAGE_SIZE; // what no piece of the calls has come to
    uint64_t at[] = {x.unmapped, x.protected, x.moved};
    for (int i = 0; i < 3; i++) {
        uint64_t start = region_info(t, 7, at[i] + last).start;
        made(CALL(t, mem_map_from, 7, start, start, RW));
        peek(heir.task, at[i] + last, &n, sizeof(n));
        assert_int_equal(n, BIG_PAGES - 1);
    }
    check_world();
    world_end(&x.p);
    world_end(&heir);
    world_end(&x.victim);
    check_world();
}

// A task dies that waits in a call, queued or received, and in a receive.
static void test_killed_in_waits(void **)
{
    struct busy b = busy_start(1);
    struct place dead = world_task("dead", 1 << 20, 5);
    struct thread *queued = further_thread(&dead), *receiver = further_thread(&dead);
    uint64_t own = made(CALL(dead.thread, port_create)), reply = made(CALL(dead.thread, reply_create));
    uint64_t to = give(&dead, b.root_port, RIGHT_CALL, 9), port = made(CALL(root_thread, port_create));
    uint64_t served = give(&dead, port, RIGHTS_ALL, 0);
    struct message m = {.rdi = own | reply << 32};
    assert_int_equal(call_message(receiver, SYS_recv, m), BLOCKED);
    // The server's second port is that of the dead task's other call, which it has received.
    uint64_t second = give(&b.server, port, RIGHTS_ALL, 0);
    call_with_label(dead.thread, served, 7);
    call_with_label(queued, to, 8);
    received(b.server.thread, second, b.reply[1]);
    assert_int_equal(dead.thread->wait, WAIT_REPLY);
    assert_int_equal(queued->wait, WAIT_CALL);
    made(CALL(root_thread, task_kill, dead.task_handle));
    check_world();
    struct place heir = world_task("heir", 1 << 20, 5);
    made(CALL(root_thread, task_inherit, heir.task_handle, dead.task_handle));
    m = (struct message){.rdi = b.reply[1] << 32};
    assert_int_equal(call_message(b.server.thread, SYS_reply, m), OK); // nobody is there to hear it
    m = (struct message){.rdi = own | reply << 32, .r14 = RECV_NONBLOCK};
    assert_int_equal(call_message(heir.thread, SYS_recv, m), ERR_AGAIN); // both are free
    call_with_label(heir.thread, served, 7);
    received(b.server.thread, second, b.reply[1]);
    check_world();
    world_end(&dead);
    world_end(&heir);
    made(CALL(root_thread, handle_close, port));
    busy_end(&b);
}

// ---- Supervisors that die

// The dead supervisor had received one fault message, parked one, and not yet received a third.
static void test_fault_messages_are_redelivered(void **)
{
    struct place keeper = world_task("keeper", 1 << 20, 5), heir = world_task("heir", 1 << 20, 5);
    struct place child[3];
    uint64_t root_port = made(CALL(root_thread, port_create)), reply[3], number[3];
    uint64_t port = give(&keeper, root_port, RIGHTS_ALL, 0);
    for (int i = 0; i < 3; i++) {
        child[i] = world_task("child", 256 << 10, 5);
        uint64_t badged = made(CALL(root_thread, handle_copy, root_port, RIGHT_CALL, 50 + i));
        made(CALL(root_thread, task_set_fault_port, child[i].task_handle, badged));
        made(CALL(root_thread, handle_close, badged));
        reply[i] = made(CALL(keeper.thread, reply_create));
        run_as(child[i].thread);
        kernel_exception(&cpus[0], 6, 0, 0);
        if (i < 2) {
            struct message m = received(keeper.thread, port, reply[i]);
            assert_int_equal(m.rdi, 50 + i);
            number[i] = m.tag >> TAG_CALL_SHIFT;
        }
    }
    made(CALL(keeper.thread, reply_park, reply[1], 1));
    made(CALL(root_thread, task_kill, keeper.task_handle));
    check_world();
    made(CALL(root_thread, task_inherit, heir.task_handle, keeper.task_handle));
    struct message m = received(heir.thread, port, reply[0]);
    uint64_t fault = TAG_FAULT | FAULT_EXCEPTION;
    assert_int_equal(m.tag, fault | 1 << TAG_DELIVERY_SHIFT | number[0] << TAG_CALL_SHIFT);
    assert_int_equal(m.rdi, 50);
    assert_int_equal(m.w[5], child[0].thread->obj.id);
    m = received(heir.thread, port, reply[2]);
    assert_int_equal(m.tag & ~(~0ull << TAG_CALL_SHIFT), fault);
    assert_int_equal(m.rdi, 52);
    assert_int_not_equal(number[0], number[1]);
    check_world();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(child[i].thread->wait, WAIT_FAULT);
        m = (struct message){.tag = FAULT_RESUME, .rdi = reply[i] << 32};
        assert_int_equal(call_message(heir.thread, SYS_reply, m), OK);
        assert_true(thread_runnable(child[i].thread));
        world_end(&child[i]);
    }
    world_end(&keeper);
    world_end(&heir);
    made(CALL(root_thread, handle_close, root_port));
    settle();
    check_world();
}

int rebirth_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regions_are_listed),
        cmocka_unit_test(test_map_from_the_dead),
        cmocka_unit_test(test_map_from_keeps_the_rules),
        cmocka_unit_test(test_map_from_is_paid),
        cmocka_unit_test(test_inherit_into_a_used_table),
        cmocka_unit_test(test_inherit_counts_what_comes_back),
        cmocka_unit_test(test_inherit_finishes_a_killing),
        cmocka_unit_test(test_heir_that_owes_an_answer),
        cmocka_unit_test(test_killed_in_long_calls),
        cmocka_unit_test(test_killed_in_waits),
        cmocka_unit_test(test_fault_messages_are_redelivered),
    };
    return cmocka_run_group_tests_name("kernel: rebirth", tests, world_start, NULL);
}
