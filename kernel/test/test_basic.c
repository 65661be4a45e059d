// SPDX-License-Identifier: MIT
// Handles, accounts, memory, regions, tasks, seen through system calls.
#include "kernel/test/world.h"
#include "kernel/abi/startup.h"
#include <string.h>

static void test_root_startup(void **)
{
    struct startup s;
    assert_string_equal(root_task->name, "rs");
    struct tree_node *n = tree_first(&root_task->regions);
    bool seen = false;
    for (; n != NULL; n = tree_next(n)) { // the start-up block is the read-only pair of pages
        struct region *r = CONTAINER(n, struct region, node);
        if (r->end - n->key == 2 * PAGE_SIZE && r->prot == PROT_READ) {
            peek(root_task, n->key, &s, sizeof(s));
            seen = s.magic == STARTUP_MAGIC;
        }
    }
    assert_true(seen);
    assert_int_equal(s.handle_count, 6);
    assert_string_equal(s.handles[0].name, "ports");
    assert_string_equal(s.handles[4].name, "kept");
    assert_string_equal(s.handles[5].name, "bootstrap");
    struct handle_entry *e;
    assert_int_equal(handle_get(&root_task->handles, s.handles[5].handle, OBJ_MEMORY, RIGHT_EXEC, &e), OK);
    assert_true(!(e->rights & RIGHT_WRITE));
    struct boot_info boot;
    peek(root_task, (uintptr_t)s.boot, &boot, sizeof(boot));
    assert_int_equal(boot.bootstrap, s.bootstrap);
    assert_int_equal(s.module_bytes, 1000);
    char magic[6];
    peek(root_task, s.boot_archive, magic, 6);
    assert_memory_equal(magic, "070701", 6);
    check_world();
}

static void test_handles(void **)
{
    struct thread *t = root_thread;
    uint64_t p = made(CALL(t, port_create));
    assert_true((p & 0xffff) >= HANDLE_DYNAMIC);
    uint64_t c = made(CALL(t, handle_copy, p, RIGHT_CALL | RIGHT_COPY, 77));
    poke(root_task, DATA, "", 1);
    made(CALL(t, handle_info, c, DATA));
    struct handle_info info;
    peek(root_task, DATA, &info, sizeof(info));
    assert_int_equal(info.type, OBJ_PORT);
    assert_int_equal(info.rights, RIGHT_CALL | RIGHT_COPY);
    assert_int_equal(info.badge, 77);
    // The copy lacks BADGE, and copies never gain rights.
    assert_int_equal(CALL(t, handle_copy, c, RIGHTS_ALL, 78).status, ERR_RIGHTS);
    uint64_t d = made(CALL(t, handle_copy, c, RIGHTS_ALL, 0));
    made(CALL(t, handle_info, d, DATA));
    peek(root_task, DATA, &info, sizeof(info));
    assert_int_equal(info.rights, RIGHT_CALL | RIGHT_COPY);
    assert_int_equal(info.badge, 77);
    made(CALL(t, handle_close, d));
    assert_int_equal(CALL(t, handle_close, d).status, ERR_HANDLE);
    uint64_t e = made(CALL(t, port_create)); // same index, another generation
    assert_int_equal(e & 0xffff, d & 0xffff);
    assert_int_not_equal(e, d);
    assert_int_equal(CALL(t, handle_info, d, DATA).status, ERR_HANDLE);
    assert_int_equal(CALL(t, mem_info, e, DATA).status, ERR_TYPE);
    uint64_t h = 0;
    int found = 0;
    while (CALL(t, handle_next, h).status == OK) {
        h = t->regs.rdx;
        found += h == p || h == c || h == e;
    }
    assert_int_equal(found, 3);
    made(CALL(t, handle_close, e));
    made(CALL(t, handle_close, c));
    made(CALL(t, handle_close, p));
    settle();
    check_world();
}

static void test_handle_table_grows_to_its_end(void **)
{
    struct place p = world_task("many", 8 << 20, 5);
    uint64_t port = made(CALL(p.thread, port_create)), n = 1;
    while (CALL(p.thread, handle_copy, port, RIGHT_CALL, 0).status == OK) {
        n++;
    }
    assert_int_equal(n, HANDLE_INDEX_MAX + 1 - HANDLE_DYNAMIC);
    assert_int_equal(CALL(p.thread, port_create).status, ERR_QUOTA);
    check_world();
    world_end(&p);
    check_world();
}

static void test_quota_is_flat(void **)
{
    uint64_t used = 0, pages = 0;
    for (int i = 0; i < 2000; i++) {
        if (i == 1) { // the first one leaves a slab page or two behind
            used = root_account.used;
            pages = page_available();
        }
        struct place p = world_task("child", 1 << 20, 5);
        uint64_t m = made(CALL(p.thread, mem_create, 40 * PAGE_SIZE, MEM_POPULATE));
        made(CALL(p.thread, mem_map, 0, m, 0, 0, 40 * PAGE_SIZE, PROT_READ | PROT_WRITE));
        made(CALL(p.thread, port_create));
        made(CALL(p.thread, reply_create));
        world_end(&p);
    }
    assert_int_equal(root_account.used, used);
    assert_int_equal(page_available(), pages);
    check_world();
}

static void test_quota_exhausted(void **)
{
    struct place p = world_task("poor", 256 << 10, 5);
    uint64_t n = 0;
    while (CALL(p.thread, mem_create, PAGE_SIZE).status == OK) {
        n++;
    }
    assert_in_range(n, 5, 60);
    assert_int_equal(CALL(p.thread, mem_create, 1ull << 62).status, ERR_QUOTA);
    assert_int_equal(CALL(p.thread, mem_create, PAGE_SIZE).status, ERR_QUOTA);
    check_world();
    // A freed page can be had again at once, though it is taken apart later.
    made(CALL(p.thread, handle_close, HANDLE_DYNAMIC));
    made(CALL(p.thread, mem_create, PAGE_SIZE));
    // More quota, then back.
    made(CALL(root_thread, task_set_quota, p.task_handle, 512 << 10));
    made(CALL(p.thread, mem_create, PAGE_SIZE));
    assert_int_equal(CALL(root_thread, task_set_quota, p.task_handle, 4096).status, ERR_STATE);
    check_world();
    world_end(&p);
}

static void test_map_protect_unmap(void **)
{
    struct place p = world_task("maps", 4 << 20, 5);
    struct thread *t = p.thread;
    enum : uint64_t { AT = 0x40000000, PAGES = 300, BYTES = PAGES * PAGE_SIZE };
    uint64_t m = made(CALL(t, mem_create, BYTES));
    assert_int_equal(CALL(t, mem_map, 0, m, AT, 0, BYTES, 6).status, ERR_ARG); // W and X
    assert_int_equal(CALL(t, mem_map, 0, m, AT + 1, 0, BYTES, 3).status, ERR_ALIGN);
    assert_int_equal(CALL(t, mem_map, 0, m, AT, PAGE_SIZE, BYTES, 3).status, ERR_RANGE);
    assert_int_equal(CALL(t, mem_map, 0, m, USER_MAX, 0, BYTES, 3).status, ERR_RANGE);
    assert_int_equal(CALL(t, mem_map, 0, m, ~0xfffull, 0, BYTES, 3).status, ERR_RANGE);
    assert_int_equal(made(CALL(t, mem_map, 0, m, AT, 0, BYTES, 3)), AT);
    assert_int_equal(CALL(t, mem_map, 0, m, AT + BYTES - PAGE_SIZE, 0, BYTES, 3).status, ERR_EXISTS);
    uint64_t other = made(CALL(t, mem_map, 0, m, 0, 0, BYTES, PROT_READ));
    uint64_t x = 0x1234567890, y = 0;
    poke(p.task, AT + 100 * PAGE_SIZE - 4, &x, 8); // over a page border, pages come by themselves
    peek(p.task, other + 100 * PAGE_SIZE - 4, &y, 8);
    assert_int_equal(x, y);
    assert_int_equal(user_copy_out(p.task, other, &x, 8), ERR_FAULT); // read-only there
    // The middle becomes read-only, then executable, and never writable again.
    made(CALL(t, mem_protect, 0, AT + 10 * PAGE_SIZE, 200 * PAGE_SIZE, PROT_READ));
    assert_int_equal(user_copy_out(p.task, AT + 10 * PAGE_SIZE, &x, 8), ERR_FAULT);
    poke(p.task, AT + 9 * PAGE_SIZE, &x, 8);
    made(CALL(t, mem_protect, 0, AT + 10 * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_EXEC));
    assert_int_equal(CALL(t, mem_protect, 0, AT + 10 * PAGE_SIZE, PAGE_SIZE, 3).status, ERR_STATE);
    made(CALL(t, mem_protect, 0, AT + 11 * PAGE_SIZE, 199 * PAGE_SIZE, 3));
    poke(p.task, AT + 150 * PAGE_SIZE, &x, 8);
    y = 0; // parts still show the right pages: those not touched before the cut, too
    x = 777;
    poke(p.task, AT + 222 * PAGE_SIZE, &x, 8);
    peek(p.task, other + 222 * PAGE_SIZE, &y, 8);
    assert_int_equal(x, y);
    assert_int_equal(CALL(t, mem_protect, 0, AT, BYTES + PAGE_SIZE, 1).status, ERR_NOT_FOUND);
    check_world();
    made(CALL(t, mem_unmap, 0, AT + 50 * PAGE_SIZE, 100 * PAGE_SIZE));
    assert_int_equal(user_copy_out(p.task, AT + 99 * PAGE_SIZE, &x, 8), ERR_FAULT);
    poke(p.task, AT + 49 * PAGE_SIZE, &x, 8);
    poke(p.task, AT + 150 * PAGE_SIZE, &x, 8);
    check_world();
    made(CALL(t, mem_unmap, 0, AT, BYTES));
    assert_int_equal(CALL(t, mem_unmap, 0, AT, BYTES).status, ERR_NOT_FOUND);
    made(CALL(t, mem_unmap, 0, other, BYTES));
    made(CALL(t, handle_close, m));
    settle();
    check_world();
    world_end(&p);
}

static void test_seal(void **)
{
    struct place p = world_task("sealed", 1 << 20, 5);
    struct thread *t = p.thread;
    uint64_t m = made(CALL(t, mem_create, 4 * PAGE_SIZE));
    uint64_t at = made(CALL(t, mem_map, 0, m, 0, 0, 4 * PAGE_SIZE, 3));
    made(CALL(t, task_seal));
    assert_int_equal(CALL(t, mem_protect, 0, at, PAGE_SIZE, 5).status, ERR_STATE);
    assert_int_equal(CALL(t, mem_map, 0, m, 0, 0, PAGE_SIZE, 5).status, ERR_STATE);
    assert_int_equal(CALL(root_thread, mem_map, p.task_handle, m, 0, 0, PAGE_SIZE, 5).status,
                     ERR_HANDLE); // root does not have that handle
    made(CALL(t, mem_map, 0, m, 0, 0, PAGE_SIZE, 3));
    world_end(&p);
    check_world();
}

static void test_move_and_pin(void **)
{
    struct place a = world_task("from", 2 << 20, 5), b = world_task("to", 1 << 20, 5);
    uint64_t m = made(CALL(a.thread, mem_create, 64 * PAGE_SIZE));
    uint64_t at = made(CALL(a.thread, mem_map, 0, m, 0, 0, 64 * PAGE_SIZE, 3));
    poke(a.task, at, "hello", 6);
    uint64_t to = give(&a, b.task_handle, RIGHTS_ALL, 0);
    uint64_t before = a.task->account->used;
    uint64_t there = made(CALL(a.thread, mem_move, m, to));
    assert_true(a.task->account->used + 64 * PAGE_SIZE <= before);
    assert_int_equal(CALL(a.thread, mem_info, m, DATA).status, ERR_HANDLE);
    assert_int_equal(user_copy_out(a.task, at, "x", 1), ERR_FAULT);
    uint64_t mapped = made(CALL(b.thread, mem_map, 0, there, 0, 0, 64 * PAGE_SIZE, 3));
    char text[6];
    peek(b.task, mapped, text, 6);
    assert_string_equal(text, "hello");
    uint64_t big = made(CALL(a.thread, mem_create, 300 * PAGE_SIZE));
    assert_int_equal(CALL(a.thread, mem_move, big, to).status, ERR_QUOTA);

    uint64_t dma = give(&b, DMA, RIGHTS_ALL, 0), pa[64];
    assert_int_equal(CALL(b.thread, mem_pin, dma, there, 60, 5, DATA).status, ERR_RANGE);
    assert_int_equal(CALL(b.thread, mem_pin, there, there, 0, 5, DATA).status, ERR_TYPE);
    made(CALL(b.thread, mem_pin, dma, there, 0, 64, DATA));
    peek(b.task, DATA, pa, sizeof(pa));
    assert_memory_equal(phys_to_virt(pa[0]), "hello", 6);
    made(CALL(b.thread, mem_unpin, there));
    assert_int_equal(CALL(b.thread, mem_unpin, there).status, ERR_STATE);
    world_end(&a);
    world_end(&b);
    check_world();
}

static void test_device_memory(void **)
{
    struct thread *t = root_thread;
    assert_int_equal(CALL(t, mem_create_device, MMIO, 0x100000, PAGE_SIZE).status, ERR_RANGE); // RAM
    assert_int_equal(CALL(t, mem_create_device, MMIO, 1ull << 46, PAGE_SIZE).status, ERR_RANGE);
    assert_int_equal(CALL(t, mem_create_device, PORTS, 0xfee00000, PAGE_SIZE).status, ERR_TYPE);
    uint64_t small = made(CALL(t, iorange_split, MMIO, 0xfe000000, 0x10000));
    assert_int_equal(CALL(t, mem_create_device, small, 0xfe00f000, 0x2000).status, ERR_RANGE);
    uint64_t m = made(CALL(t, mem_create_device, small, 0xfe00f000, 0x1000));
    uint64_t at = made(CALL(t, mem_map, 0, m, 0, 0, PAGE_SIZE, 3));
    assert_int_equal(user_copy_out(root_task, at, "x", 1), ERR_FAULT); // registers are no memory
    made(CALL(t, mem_unmap, 0, at, PAGE_SIZE));
    made(CALL(t, handle_close, m));
    made(CALL(t, handle_close, small));
    settle();
    check_world();
}

static void test_irq(void **)
{
    struct thread *t = root_thread;
    uint64_t port = made(CALL(t, port_create)), reply = made(CALL(t, reply_create));
    uint64_t bell = made(CALL(t, handle_copy, port, RIGHT_NOTIFY, 0x10));
    uint64_t irq = made(CALL(t, irq_create, IRQS, 9, IRQ_LEVEL));
    assert_int_equal(CALL(t, irq_create, IRQS, 9, IRQ_LEVEL).status, ERR_BUSY);
    made(CALL(t, irq_bind, irq, bell));
    assert_false(host_irq_masked[9]);
    kernel_irq(&cpus[0], 9);
    assert_true(host_irq_masked[9]);
    assert_int_equal(call_message(t, SYS_recv, (struct message){.rdi = port | reply << 32}), OK);
    assert_int_equal(message_of(t).tag, TAG_NOTIFY);
    assert_int_equal(message_of(t).r14, 0x10);
    made(CALL(t, irq_ack, irq));
    assert_false(host_irq_masked[9]);
    uint64_t msi = made(CALL(t, irq_create, IRQS, IRQ_MSI));
    struct irq_msi_info info;
    made(CALL(t, irq_msi, msi, DATA));
    peek(root_task, DATA, &info, sizeof(info));
    assert_int_equal(info.address, 0xfee00000);
    assert_int_equal(CALL(t, irq_msi, irq, DATA).status, ERR_STATE);
    uint64_t all[] = {irq, msi, bell, port, reply};
    for (int i = 0; i < 5; i++) {
        made(CALL(t, handle_close, all[i]));
    }
    settle();
    assert_false(host_irq_used[9]);
    check_world();
}

static void test_ports_and_log(void **)
{
    struct thread *t = root_thread;
    assert_int_equal(made(CALL(t, io_read, PORTS, 0x60, 1)), 0x60 * 10 + 1);
    assert_int_equal(CALL(t, io_read, PORTS, 0xffff, 2).status, ERR_RANGE);
    assert_int_equal(CALL(t, io_read, PORTS, 0x60, 3).status, ERR_ARG);
    assert_int_equal(CALL(t, io_read, MMIO, 0x60, 1).status, ERR_TYPE);
    poke(root_task, DATA, "a line\1of text", 14);
    made(CALL(t, log_write, DATA, 14));
    uint64_t seq = 0, next;
    char text[4096];
    bool seen = false;
    while ((next = made(CALL(t, log_read, PORTS, seq, DATA, sizeof(text)))) != seq) {
        peek(root_task, DATA, text, sizeof(text));
        seen |= strstr(text, "a line?of text\n") != NULL;
        seq = next;
    }
    assert_true(seen);
    made(CALL(t, random, DATA, 4096));
    peek(root_task, DATA, text, sizeof(text));
    made(CALL(t, random, DATA, 4096));
    char again[4096];
    peek(root_task, DATA, again, sizeof(again));
    assert_memory_not_equal(text, again, sizeof(text));
    assert_int_equal(CALL(t, random, DATA, 4097).status, ERR_RANGE);
    assert_int_equal(CALL(t, random, USER_MAX - 8, 16).status, ERR_FAULT);
}

static void test_io_send(void **)
{
    struct place p = world_task("serial", 1 << 20, 5);
    struct thread *t = p.thread;
    uint64_t line = made(CALL(root_thread, iorange_split, PORTS, 0x3f8, 8));
    uint64_t own = give(&p, line, RIGHTS_ALL, 0), weak = give(&p, line, RIGHT_COPY, 0);
    uint64_t mmio = give(&p, MMIO, RIGHTS_ALL, 0), before = host_writes, sent = 1000;
    enum : uint64_t { WORD = DATA + 100, SPLIT = DATA + 3 * PAGE_SIZE - 3 };
    poke(p.task, SPLIT, "characters", 10);
    poke(p.task, WORD, &sent, 8);
    made(CALL(t, io_send, own, 0x3f8, SPLIT, 10, WORD));
    made(CALL(t, io_send, own, 0x3ff, SPLIT, 0, WORD));
    peek(p.task, WORD, &sent, 8);
    assert_int_equal(sent, 1010);
    assert_int_equal(host_writes, before + 10);
    for (uint64_t i = 0; i < 10; i++) {
        assert_int_equal(host_written[(before + i) % HOST_WRITTEN].port, 0x3f8);
        assert_int_equal(host_written[(before + i) % HOST_WRITTEN].value, "characters"[i]);
    }
    made(CALL(t, io_send, own, 0x3f8, SPLIT, IO_SEND_MAX, SPLIT)); // over the border of two pages
    before = host_writes;
    // Nothing goes out unless all of it can, and the word be changed.
    uint64_t m = made(CALL(t, mem_create, PAGE_SIZE));
    uint64_t fixed = made(CALL(t, mem_map, 0, m, 0, 0, PAGE_SIZE, PROT_READ));
    uint64_t end = DATA + DATA_BYTES;
    assert_int_equal(CALL(t, io_send, own, 0x3f8, SPLIT, IO_SEND_MAX + 1, WORD).status, ERR_RANGE);
    assert_int_equal(CALL(t, io_send, own, 0x3f8, SPLIT, ~0ull, WORD).status, ERR_RANGE);
    assert_int_equal(CALL(t, io_send, own, 0x400, SPLIT, 1, WORD).status, ERR_RANGE);
    assert_int_equal(CALL(t, io_send, own, 0x103f8, SPLIT, 1, WORD).status, ERR_RANGE);
    assert_int_equal(CALL(t, io_send, own, ~0ull, SPLIT, 1, WORD).status, ERR_RANGE);
    assert_int_equal(CALL(t, io_send, mmio, 0x3f8, SPLIT, 1, WORD).status, ERR_TYPE);
    assert_int_equal(CALL(t, io_send, m, 0x3f8, SPLIT, 1, WORD).status, ERR_TYPE);
    assert_int_equal(CALL(t, io_send, weak, 0x3f8, SPLIT, 1, WORD).status, ERR_RIGHTS);
    assert_int_equal(CALL(t, io_send, 0, 0x3f8, SPLIT, 1, WORD).status, ERR_HANDLE);
    assert_int_equal(CALL(t, io_send, own, 0x3f8, end - 1, 2, WORD).status, ERR_FAULT);
    assert_int_equal(CALL(t, io_send, own, 0x3f8, ~0ull, 2, WORD).status, ERR_FAULT);
    assert_int_equal(CALL(t, io_send, own, 0x3f8, SPLIT, 1, end - 7).status, ERR_FAULT);
    assert_int_equal(CALL(t, io_send, own, 0x3f8, SPLIT, 1, fixed).status, ERR_FAULT);
    assert_int_equal(CALL(t, io_send, own, 0x3f8, SPLIT, 1, ~0ull - 3).status, ERR_FAULT);
    assert_int_equal(host_writes, before);
    made(CALL(root_thread, handle_close, line));
    world_end(&p);
    check_world();
}

static void test_io_receive(void **)
{
    struct place p = world_task("serial", 1 << 20, 5);
    struct thread *t = p.thread;
    uint64_t line = made(CALL(root_thread, iorange_split, PORTS, HOST_SERIAL, 6));
    uint64_t own = give(&p, line, RIGHTS_ALL, 0), weak = give(&p, line, RIGHT_COPY, 0);
    uint64_t mmio = give(&p, MMIO, RIGHTS_ALL, 0), received = 1000;
    uint64_t ports = IO_RECEIVE_PORTS(HOST_SERIAL, HOST_SERIAL + HOST_SERIAL_STATUS, 1);
    uint16_t got[IO_RECEIVE_MAX + 1] = {0};
    enum : uint64_t { WORD = DATA + 100, SPLIT = DATA + 3 * PAGE_SIZE - 6 };
    poke(p.task, WORD, &received, 8);
    host_unread = 10;
    assert_int_equal(made(CALL(t, io_receive, own, ports, SPLIT, 4, WORD)), 4);
    assert_int_equal(made(CALL(t, io_receive, own, ports, SPLIT + 8, 20, WORD)), 6);
    assert_int_equal(made(CALL(t, io_receive, own, ports, SPLIT, 20, WORD)), 0);
    peek(p.task, SPLIT, got, 22);
    peek(p.task, WORD, &received, 8);
    assert_int_equal(received, 1010);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(got[i], 0x6100 | (0xf0 - 9 + i));
    }
    assert_int_equal(got[10], 0);
    // Nothing is read unless all of it can be kept, and the word be changed.
    host_unread = 100;
    uint64_t m = made(CALL(t, mem_create, PAGE_SIZE));
    uint64_t fixed = made(CALL(t, mem_map, 0, m, 0, 0, PAGE_SIZE, PROT_READ));
    uint64_t end = DATA + DATA_BYTES;
    uint64_t outside = IO_RECEIVE_PORTS(HOST_SERIAL, HOST_SERIAL + 6, 1);
    uint64_t below = IO_RECEIVE_PORTS(HOST_SERIAL - 1, HOST_SERIAL + 5, 1);
    assert_int_equal(CALL(t, io_receive, own, ports, SPLIT, IO_RECEIVE_MAX + 1, WORD).status,
                     ERR_RANGE);
    assert_int_equal(CALL(t, io_receive, own, ports, SPLIT, ~0ull, WORD).status, ERR_RANGE);
    assert_int_equal(CALL(t, io_receive, own, outside, SPLIT, 1, WORD).status, ERR_RANGE);
    assert_int_equal(CALL(t, io_receive, own, below, SPLIT, 1, WORD).status, ERR_RANGE);
    assert_int_equal(CALL(t, io_receive, own, ports & 0xffffffff, SPLIT, 1, WORD).status, ERR_ARG);
    assert_int_equal(CALL(t, io_receive, own, ports | 1ull << 60, SPLIT, 1, WORD).status, ERR_ARG);
    assert_int_equal(CALL(t, io_receive, mmio, ports, SPLIT, 1, WORD).status, ERR_TYPE);
    assert_int_equal(CALL(t, io_receive, m, ports, SPLIT, 1, WORD).status, ERR_TYPE);
    assert_int_equal(CALL(t, io_receive, weak, ports, SPLIT, 1, WORD).status, ERR_RIGHTS);
    assert_int_equal(CALL(t, io_receive, 0, ports, SPLIT, 1, WORD).status, ERR_HANDLE);
    assert_int_equal(CALL(t, io_receive, own, ports, end - 2, 2, WORD).status, ERR_FAULT);
    assert_int_equal(CALL(t, io_receive, own, ports, fixed, 2, WORD).status, ERR_FAULT);
    assert_int_equal(CALL(t, io_receive, own, ports, ~0ull, 2, WORD).status, ERR_FAULT);
    assert_int_equal(CALL(t, io_receive, own, ports, SPLIT, 1, end - 7).status, ERR_FAULT);
    assert_int_equal(CALL(t, io_receive, own, ports, SPLIT, 1, fixed).status, ERR_FAULT);
    assert_int_equal(host_unread, 100);
    host_unread = 0;
    made(CALL(root_thread, handle_close, line));
    world_end(&p);
    check_world();
}

// Whoever is told that a thread has stopped itself finds it so; without a bell, or with a wrong one, nobody is.
static void test_stop_with_a_bell(void **)
{
    struct place p = world_task("stopper", 1 << 20, 5);
    handle_t port = (handle_t)made(CALL(p.thread, port_create));
    handle_t self = (handle_t)made(CALL(root_thread, handle_install, p.task_handle, 9, p.thread_handle,
                                        RIGHT_MANAGE, 0));
    handle_t deaf = (handle_t)made(CALL(p.thread, handle_copy, port, RIGHT_RECV, 0));
    handle_t bell = (handle_t)made(CALL(p.thread, handle_copy, port, RIGHT_NOTIFY, 4));
    assert_int_equal(CALL(p.thread, thread_stop, self, deaf).status, ERR_RIGHTS);
    assert_int_equal(CALL(p.thread, thread_stop, self, self).status, ERR_TYPE);
    assert_true(thread_runnable(p.thread));
    (void)CALL(p.thread, thread_stop, self, bell);
    assert_false(thread_runnable(p.thread));
    struct handle_entry *e = handle_any(&p.task->handles, port);
    assert_int_equal(port_of(e->object)->bits, 4);
    made(CALL(root_thread, thread_start, p.thread_handle));
    assert_true(thread_runnable(p.thread));
    world_end(&p);
    check_world();
}

static void test_registers_and_debug(void **)
{
    struct place p = world_task("debugged", 1 << 20, 5);
    struct thread_regs regs;
    assert_int_equal(CALL(root_thread, thread_set_regs, p.thread_handle, DATA).status, ERR_STATE);
    made(CALL(root_thread, thread_stop, p.thread_handle));
    made(CALL(root_thread, thread_get_regs, p.thread_handle, DATA));
    peek(root_task, DATA, &regs, sizeof(regs));
    regs.rbx = 4711;
    regs.rip = 0x123456;
    poke(root_task, DATA, &regs, sizeof(regs));
    made(CALL(root_thread, thread_set_regs, p.thread_handle, DATA));
    assert_int_equal(p.thread->regs.rbx, 4711);
    regs.rip = 0xffff800000000000;
    poke(root_task, DATA, &regs, sizeof(regs));
    assert_int_equal(CALL(root_thread, thread_set_regs, p.thread_handle, DATA).status, ERR_RANGE);
    made(CALL(root_thread, thread_start, p.thread_handle));
    poke(p.task, DATA + 100, "remote", 7);
    made(CALL(root_thread, task_read, p.task_handle, DATA + 100, DATA, 7));
    char text[8];
    peek(root_task, DATA, text, 7);
    assert_string_equal(text, "remote");
    poke(root_task, DATA, "patched", 8);
    made(CALL(root_thread, task_write, p.task_handle, DATA + 4090, DATA, 8));
    peek(p.task, DATA + 4090, text, 8);
    assert_string_equal(text, "patched");
    made(CALL(root_thread, task_suspend, p.task_handle));
    struct task_info info;
    made(CALL(root_thread, task_info, p.task_handle, DATA));
    peek(root_task, DATA, &info, sizeof(info));
    assert_int_equal(info.state, TASK_SUSPENDED);
    assert_string_equal(info.name, "debugged");
    assert_false(thread_runnable(p.thread));
    made(CALL(root_thread, task_resume, p.task_handle));
    assert_true(thread_runnable(p.thread));
    check_world();
    world_end(&p);
    check_world();
}

int basic_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root_startup),
        cmocka_unit_test(test_handles),
        cmocka_unit_test(test_handle_table_grows_to_its_end),
        cmocka_unit_test(test_quota_is_flat),
        cmocka_unit_test(test_quota_exhausted),
        cmocka_unit_test(test_map_protect_unmap),
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_move_and_pin),
        cmocka_unit_test(test_device_memory),
        cmocka_unit_test(test_irq),
        cmocka_unit_test(test_ports_and_log),
        cmocka_unit_test(test_io_send),
        cmocka_unit_test(test_io_receive),
        cmocka_unit_test(test_stop_with_a_bell),
        cmocka_unit_test(test_registers_and_debug),
    };
    return cmocka_run_group_tests_name("kernel: objects and memory", tests, world_start, NULL);
}
