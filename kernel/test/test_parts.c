// SPDX-License-Identifier: MIT
// Parts that need no kernel around them: the tree, the archive reader, slices on two CPUs.
#include "kernel/cpio.h"
#include "kernel/test/world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 300 };

static int32_t check_height(const struct tree_node *n)
{
    if (n == NULL) {
        return 0;
    }
    int32_t l = check_height(n->left), r = check_height(n->right);
    assert_in_range(l - r + 1, 0, 2);
    assert_int_equal(n->height, (l > r ? l : r) + 1);
    assert_true(n->left == NULL || (n->left->parent == n && n->left->key <= n->key));
    assert_true(n->right == NULL || (n->right->parent == n && n->right->key >= n->key));
    return n->height;
}

static void test_tree(void **)
{
    static struct tree_node nodes[NODES];
    struct tree tree = {NULL};
    bool in[NODES] = {false};
    srand(1);
    for (int step = 0; step < 20000; step++) {
        int i = rand() % NODES;
        if (in[i]) {
            tree_remove(&tree, &nodes[i]);
        } else {
            nodes[i].key = (uint64_t)(rand() % 200);
            tree_insert(&tree, &nodes[i]);
        }
        in[i] = !in[i];
        check_height(tree.root);
        uint64_t key = (uint64_t)(rand() % 200), best = 0, count = 0;
        bool any = false;
        for (int k = 0; k < NODES; k++) {
            count += in[k];
            if (in[k] && nodes[k].key <= key && (!any || nodes[k].key > best)) {
                best = nodes[k].key;
                any = true;
            }
        }
        struct tree_node *found = tree_find(&tree, key);
        assert_int_equal(found != NULL, any);
        assert_true(!any || found->key == best);
        for (struct tree_node *n = tree_first(&tree); n != NULL; n = tree_next(n)) {
            count--;
        }
        assert_int_equal(count, 0);
    }
}

static size_t put(uint8_t *at, const char *name, const char *text)
{
    size_t n = (size_t)sprintf((char *)at, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
                               0, 0, 0, 0, 0, 0, (unsigned)strlen(text), 0, 0, 0, 0,
                               (unsigned)strlen(name) + 1, 0);
    strcpy((char *)at + n, name);
    n = (n + strlen(name) + 4) & ~3ul;
    memcpy(at + n, text, strlen(text));
    return (n + strlen(text) + 3) & ~3ul;
}

static void test_archive(void **)
{
    static uint8_t image[1024], *exact;
    const uint8_t *data;
    size_t bytes, n = put(image, "first", "12345");
    n += put(image + n, "second", "abc");
    n += put(image + n, "TRAILER!!!", "");
    assert_true(cpio_find(image, n, "second", &data, &bytes));
    assert_int_equal(bytes, 3);
    assert_memory_equal(data, "abc", 3);
    assert_false(cpio_find(image, n, "secon", &data, &bytes));
    assert_false(cpio_find(image, n, "third", &data, &bytes));
    // Cut anywhere, or with any digit changed: never a byte is read outside.
    for (size_t cut = 0; cut <= n; cut++) {
        exact = malloc(cut + 1);
        memcpy(exact, image, cut);
        if (cpio_find(exact, cut, "second", &data, &bytes)) {
            assert_true(data + bytes <= exact + cut);
        }
        free(exact);
    }
    for (size_t i = 0; i < n; i++) {
        exact = malloc(n);
        memcpy(exact, image, n);
        exact[i] = 'f';
        if (cpio_find(exact, n, "second", &data, &bytes)) {
            assert_true(data + bytes <= exact + n);
        }
        free(exact);
    }
}

// Three equal threads on two CPUs that never wait: each gets its share.
static void test_slices_on_two_cpus(void **)
{
    struct place p[3];
    uint64_t before[3];
    cpu_count = 2;
    cpus[1].timer_at = cpus[1].arch.timer = UINT64_MAX;
    host_cpu = &cpus[1];
    kernel_cpu_start(&cpus[1]);
    host_cpu = &cpus[0];
    for (int i = 0; i < 3; i++) {
        p[i] = world_task("spinner", 1 << 20, 5);
        before[i] = p[i].thread->ticks;
        if (i == 0) { // it starts there while nobody else waits
            tick(&cpus[1]);
            assert_ptr_equal(cpus[1].current, p[0].thread);
        }
    }
    thread_hold(root_thread, HOLD_STOPPED);
    kernel_resched(&cpus[0]);
    for (int i = 0; i < 3000; i++) {
        host_ticks += 1'000'000;
        for (int c = 0; c < 2; c++) {
            if (cpus[c].arch.ipi) {
                tick(&cpus[c]);
            }
            if (host_ticks >= cpus[c].arch.timer) {
                cpus[c].arch.timer = UINT64_MAX; // one shot
                tick(&cpus[c]);
            }
        }
        if (i % 100 == 0) {
            check_world();
        }
    }
    for (int i = 0; i < 3; i++) { // 2 CPUs for 3: about 2,000 ms each
        assert_in_range(p[i].thread->ticks - before[i], 1'700'000'000, 2'300'000'000);
    }
    thread_release(root_thread, HOLD_STOPPED);
    run_as(root_thread);
    for (int i = 0; i < 3; i++) {
        made(CALL(root_thread, thread_set_sched, p[i].thread_handle, 5));
        struct cpu *c = p[i].thread->cpu;
        thread_hold(p[i].thread, HOLD_STOPPED);
        if (c != NULL) {
            tick(c);
        }
        world_end(&p[i]);
    }
    check_world();
    cpu_count = 1;
    cpus[1].online = false;
}

// A thread is killed while it runs on another CPU, and enters the kernel before it is told.
static void test_killed_on_the_other_cpu(void **)
{
    cpu_count = 2;
    host_cpu = &cpus[1];
    cpus[1].timer_at = cpus[1].arch.timer = UINT64_MAX;
    kernel_cpu_start(&cpus[1]);
    host_cpu = &cpus[0];
    for (int entry = 0; entry < 4; entry++) {
        struct place p = world_task("victim", 1 << 20, 5);
        tick(&cpus[1]);
        assert_ptr_equal(cpus[1].current, p.thread);
        run_as(root_thread);
        struct regs *r = &root_thread->regs;
        *r = (struct regs){.rax = SYS_task_kill, .rdi = p.task_handle, .rip = 0x5002};
        kernel_syscall(&cpus[0]);
        assert_int_equal(r->rip, 0x5000); // not yet: it still has a CPU
        check_world();
        static const uint64_t number[] = {SYS_call, SYS_reply_recv, SYS_mem_create};
        host_cpu = &cpus[1];
        if (entry < 3) {
            p.thread->regs.rax = number[entry];
            kernel_syscall(&cpus[1]);
        } else {
            kernel_exception(&cpus[1], 14, 4, DATA);
        }
        host_cpu = &cpus[0];
        assert_null(cpus[1].current);
        cpus[1].arch.ipi = false;
        r->rip = 0x5002;
        kernel_syscall(&cpus[0]);
        assert_int_equal(r->rax, OK);
        made(CALL(root_thread, handle_close, p.thread_handle));
        made(CALL(root_thread, handle_close, p.task_handle));
        settle();
        check_world();
    }
    cpu_count = 1;
    cpus[1].online = false;
}

int parts_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_archive),
        cmocka_unit_test(test_slices_on_two_cpus),
        cmocka_unit_test(test_killed_on_the_other_cpu),
    };
    return cmocka_run_group_tests_name("kernel: parts", tests, world_start, NULL);
}
