// SPDX-License-Identifier: MIT
// Memory that outlives restarts: where it may lie, what the kernel says and hears there, who gets it.
#include "kernel/arch/x86_64/kept_place.h"
#include "kernel/system/kept.h"
#include "kernel/test/world.h"
#include <string.h>

enum : uint64_t { MIB = 1 << 20, PLACE = 96 * MIB, NEXT = 64 * MIB };

static struct boot_source source;

static void memory_map(uint32_t count, const struct boot_range *ranges)
{
    memset(&source, 0, sizeof(source));
    source.ranges = count;
    memcpy(source.range, ranges, count * sizeof(*ranges));
}

static uint64_t place_beside(uint64_t base, uint64_t bytes)
{
    const struct boot_range used[] = {{2 * MIB, MIB, 0}, {base, bytes, 0}};
    return kept_place(&source, used, 2);
}

static void test_place(void **)
{
    memory_map(2, (struct boot_range[]){{0, 640 << 10, 1}, {MIB, 255 * MIB, 1}});
    assert_int_equal(place_beside(0, 0), PLACE);
    assert_int_equal(place_beside(PLACE - 4096, 4096), PLACE);
    assert_int_equal(place_beside(PLACE - 4096, 4097), NEXT);
    assert_int_equal(place_beside(PLACE + KEPT_BYTES - 1, 1), NEXT);
    assert_int_equal(place_beside(PLACE + KEPT_BYTES, 100 * MIB), PLACE);
    assert_int_equal(place_beside(4 * MIB, 140 * MIB), 160 * MIB);
    assert_int_equal(place_beside(0, UINT64_MAX), 0);
    assert_int_equal(place_beside(MIB, UINT64_MAX), 0);
}

static void test_place_in_other_machines(void **)
{
    memory_map(1, (struct boot_range[]){{MIB, PLACE + KEPT_BYTES - MIB, 1}});
    assert_int_equal(place_beside(0, 0), PLACE);
    source.range[0].bytes--;
    assert_int_equal(place_beside(0, 0), NEXT);
    memory_map(1, (struct boot_range[]){{MIB, 16 * MIB, 1}});
    assert_int_equal(place_beside(0, 0), 0);
    memory_map(0, source.range);
    assert_int_equal(place_beside(0, 0), 0);
    // What another line of the map calls reserved is left alone.
    memory_map(2, (struct boot_range[]){{MIB, 255 * MIB, 1}, {PLACE + 8192, 4096, 2}});
    assert_int_equal(place_beside(0, 0), NEXT);
    memory_map(2, (struct boot_range[]){{MIB, 255 * MIB, 1}, {0, UINT64_MAX, 2}});
    assert_int_equal(place_beside(0, 0), 0);
    memory_map(1, (struct boot_range[]){{UINT64_MAX - 4096, UINT64_MAX, 1}});
    assert_int_equal(place_beside(0, 0), 0);
}

static void test_last_words(void **)
{
    char text[KEPT_WORDS];
    kept_hear(text); // of the garbage that lies there
    assert_string_equal(text, "");
    kept_say("the first reason");
    kept_say("the second\n\xff");
    kept_hear(text);
    assert_string_equal(text, "the second??");
    kept_hear(text);
    assert_string_equal(text, "");
    char length[1000];
    memset(length, 'x', sizeof(length) - 1);
    length[sizeof(length) - 1] = 0;
    kept_say(length);
    kept_hear(text);
    assert_int_equal(strlen(text), KEPT_WORDS - 1);
}

static void test_damaged_last_words(void **)
{
    char text[KEPT_WORDS];
    uint8_t *at = phys_to_virt(machine.kept);
    for (uint32_t i = 0; i < 16 + KEPT_WORDS; i++) {
        kept_say("a reason");
        at[i] ^= (uint8_t)(1 << i % 8);
        kept_hear(text);
        assert_string_equal(text, "");
    }
}

// No page of it is ever anybody's else, and only the root task has a handle.
static void test_the_root_task_has_it(void **)
{
    struct thread *t = root_thread;
    assert_true(page_is_ram(machine.kept, 1));
    assert_int_equal(CALL(t, mem_create_device, MMIO, machine.kept, PAGE_SIZE).status, ERR_RANGE);
    uint64_t at = made(CALL(t, mem_map, 0, KEPT, 0, 0, machine.kept_bytes - PAGE_SIZE,
                                PROT_READ | PROT_WRITE));
    assert_int_equal(CALL(t, mem_map, 0, KEPT, 0, 0, machine.kept_bytes, PROT_READ).status, ERR_RANGE);
    poke(t->task, at, "kept", 4);
    assert_memory_equal(phys_to_virt(machine.kept + PAGE_SIZE), "kept", 4);
    assert_int_equal(CALL(t, mem_unmap, 0, at, machine.kept_bytes - PAGE_SIZE).status, OK);
}

static void test_a_machine_without(void **)
{
    struct memory *m;
    char text[KEPT_WORDS];
    uint64_t bytes = machine.kept_bytes;
    machine.kept_bytes = 0;
    kept_say("nobody hears it");
    kept_hear(text);
    assert_string_equal(text, "");
    assert_int_equal(kept_memory(&root_account, &m), ERR_NOT_FOUND);
    machine.kept_bytes = bytes;
}

int kept_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_place_in_other_machines),
        cmocka_unit_test(test_last_words),
        cmocka_unit_test(test_damaged_last_words),
        cmocka_unit_test(test_the_root_task_has_it),
        cmocka_unit_test(test_a_machine_without),
    };
    return cmocka_run_group_tests_name("kept memory", tests, world_start, NULL);
}
