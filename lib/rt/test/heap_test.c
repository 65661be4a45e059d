// SPDX-License-Identifier: MIT
// The heap against a shadow model, its placement against statistics, its guards against misuse.
#include "lib/rt/heap_internal.h"
#include "lib/rt/test/fake_kernel.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { OBJECTS = 1500, STEPS = 60000, BIGGEST = 40000 };

static struct shadow {
    unsigned char *p;
    size_t bytes;
    unsigned char fill;
} shadow[OBJECTS];
static uint64_t shadow_objects, shadow_bytes;

struct point {
    int x, y;
};

static size_t some_size(void)
{
    switch (rt_random_below(8)) {
    case 0:
        return rt_random_below(BIGGEST);
    case 1:
        return rt_random_below(4200);
    default:
        return rt_random_below(300);
    }
}

static void check_fill(const struct shadow *s)
{
    for (size_t i = 0; i < s->bytes; i++) {
        assert_int_equal(s->p[i], s->fill);
    }
}

static void check_found(const struct shadow *s)
{
    struct heap_object found;
    size_t inside = rt_random_below((uint32_t)s->bytes + 1); // one past the end included
    assert_true(rt_heap_find(s->p + inside, &found));
    assert_ptr_equal(found.start, s->p);
    assert_int_equal(found.bytes, s->bytes);
    assert_true(rt_heap_find(s->p + s->bytes, &found));
    assert_ptr_equal(found.start, s->p);
}

static void fill(struct shadow *s, size_t from)
{
    if (from > 0) {
        s->fill = s->p[0];
    } else {
        s->fill = (unsigned char)rt_random64();
    }
    for (size_t i = from; i < s->bytes; i++) {
        s->p[i] = s->fill;
    }
}

static void make(struct shadow *s)
{
    size_t alignment = 16;
    s->bytes = some_size();
    switch (rt_random_below(4)) {
    case 0:
        s->p = rt_calloc(1, s->bytes);
        for (size_t i = 0; i < s->bytes; i++) {
            assert_int_equal(s->p[i], 0);
        }
        break;
    case 1:
        alignment = 16u << rt_random_below(9);
        s->p = rt_memalign(alignment, s->bytes);
        break;
    case 2:
        s->bytes -= s->bytes % sizeof(struct point);
        s->p = (unsigned char *)new_array(struct point, s->bytes / sizeof(struct point));
        break;
    default:
        s->p = rt_malloc(s->bytes);
    }
    assert_non_null(s->p);
    assert_int_equal((uintptr_t)s->p % alignment, 0);
    fill(s, 0);
    shadow_objects++;
    shadow_bytes += s->bytes;
}

static void change(struct shadow *s)
{
    size_t old = s->bytes;
    size_t bytes = some_size();
    unsigned char fill_was = s->fill;
    s->p = rt_realloc(s->p, bytes);
    assert_non_null(s->p);
    for (size_t i = 0; i < old && i < bytes; i++) {
        assert_int_equal(s->p[i], fill_was);
    }
    s->bytes = bytes;
    shadow_bytes += bytes - old;
    fill(s, old < bytes ? old : bytes);
}

static void drop(struct shadow *s)
{
    check_fill(s);
    check_found(s);
    rt_free(s->p);
    struct heap_object found;
    assert_false(rt_heap_find(s->p, &found));
    shadow_objects--;
    shadow_bytes -= s->bytes;
    s->p = nullptr;
}

static void check_totals(void)
{
    struct heap_stats stats;
    rt_heap_stats(&stats);
    assert_int_equal(stats.objects, shadow_objects);
    assert_int_equal(stats.object_bytes, shadow_bytes);
    assert_int_equal(stats.mapped_bytes, fake_mapped);
    assert_int_equal(fake_status.heap_objects, shadow_objects);
    assert_int_equal(fake_status.heap_bytes, shadow_bytes);
}

static void test_random_operations(void **state)
{
    (void)state;
    for (int step = 0; step < STEPS; step++) {
        struct shadow *s = &shadow[rt_random_below(OBJECTS)];
        if (!s->p) {
            make(s);
        } else if (rt_random_below(3) == 0) {
            change(s);
        } else {
            drop(s);
        }
    }
    check_totals();
    for (int i = 0; i < OBJECTS; i++) {
        if (shadow[i].p) {
            drop(&shadow[i]);
        }
    }
    check_totals();
}

static void test_emptied_heap_gives_memory_back(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    static void *p[MANY];
    uint64_t before = fake_mapped;
    for (int i = 0; i < MANY; i++) {
        p[i] = rt_malloc(100);
    }
    assert_true(fake_mapped > before + 2000000);
    for (int i = 0; i < MANY; i++) {
        rt_free(p[i]);
    }
    // What stays: a spare slab, and records, which are reused but not unmapped.
    assert_true(fake_mapped < before + 600000);
}

// ---- One past the end ----

static void test_byte_past_the_end_is_own(void **state)
{
    (void)state;
    struct heap_object found;
    for (size_t bytes = 0; bytes < 3 * HEAP_LARGE; bytes += bytes < 1100 ? 1 : 37) {
        char *p = rt_malloc(bytes);
        assert_non_null(p);
        assert_true(rt_heap_find(p + bytes, &found));
        assert_ptr_equal(found.start, p);
        p[bytes] = 1; // it is mapped
        rt_free(p);
    }
    for (size_t bytes = PAGE_SIZE; bytes <= 16 * PAGE_SIZE; bytes *= 2) { // exact pages and slots
        char *p = rt_memalign(PAGE_SIZE, bytes);
        assert_true(rt_heap_find(p + bytes, &found));
        assert_ptr_equal(found.start, p);
        p[bytes] = 1;
        rt_free(p);
    }
}

static void test_types_are_known(void **state)
{
    (void)state;
    struct heap_object found;
    struct point *a = new(struct point), *b = new_array(struct point, 7);
    char *c = rt_malloc(8);
    a->x = 1;
    assert_true(rt_heap_find(&b[6].y, &found));
    assert_string_equal(found.type->name, "struct point");
    assert_int_equal(found.type->bytes, sizeof(struct point));
    assert_int_equal(found.bytes, 7 * sizeof(struct point));
    assert_true(rt_heap_find(a, &found));
    assert_string_equal(found.type->name, "struct point");
    assert_true(rt_heap_find(c, &found));
    assert_null(found.type);
    delete(a);
    delete(b);
    rt_free(c);
}

// ---- Placement ----

// One object made and freed again and again lands on every slot about equally often.
static void test_slots_are_uniform(void **state)
{
    (void)state;
    enum { SIZE = 200, SLOTS = 16384 / 256, TRIALS = SLOTS * 400 };
    static int hits[SLOTS];
    char *first = rt_malloc(SIZE);
    uintptr_t slab = (uintptr_t)first & ~(uintptr_t)16383;
    rt_free(first);
    int outside = 0;
    for (int i = 0; i < TRIALS; i++) {
        char *p = rt_malloc(SIZE);
        if (((uintptr_t)p & ~(uintptr_t)16383) == slab) {
            hits[((uintptr_t)p - slab) / 256]++;
        } else {
            outside++;
        }
        rt_free(p);
    }
    double expected = (double)(TRIALS - outside) / SLOTS, chi2 = 0;
    for (int i = 0; i < SLOTS; i++) {
        chi2 += (hits[i] - expected) * (hits[i] - expected) / expected;
    }
    // 63 degrees of freedom: mean 63, standard deviation 11. Beyond 6 deviations something is
    // wrong.
    assert_true(chi2 < 130);
}

// docs/decisions/0015: a pointer whose lowest bytes a text has overwritten, with the zero at its end, leads to no object.
static void assert_no_remains_lead_there(uintptr_t address, size_t bytes)
{
    for (int overwritten = 1; overwritten <= 5; overwritten++) {
        uintptr_t zero = (uintptr_t)255 << 8 * overwritten;
        for (uintptr_t at = address; at <= address + bytes; at++) {
            assert_true((at & zero) != 0);
        }
    }
    for (uintptr_t at = address; at <= address + bytes && bytes < 240; at++) {
        assert_true((at & 255) != 0);
    }
    assert_true((address & 255) != 0);
}

static void test_remains_of_pointers_lead_nowhere(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    static void *p[MANY];
    for (int i = 0; i < MANY; i++) {
        size_t bytes = (size_t)(i % 300 == 0 ? HEAP_LARGE - 1 : i % 10 == 0 ? i * 3 : i % 250);
        p[i] = rt_malloc(bytes);
        assert_no_remains_lead_there((uintptr_t)p[i], bytes);
    }
    for (int i = 0; i < MANY; i++) {
        rt_free(p[i]);
    }
}

static void test_neighbours_are_rare(void **state)
{
    (void)state;
    enum { MANY = 4000 };
    static char *p[MANY];
    int next_to = 0;
    for (int i = 0; i < MANY; i++) {
        p[i] = rt_malloc(100);
        next_to += i > 0 && (p[i] - p[i - 1] == 112 || p[i - 1] - p[i] == 112);
    }
    for (int i = 0; i < MANY; i++) {
        rt_free(p[i]);
    }
    assert_true(next_to < MANY / 20);
}

static void test_spans_use_the_whole_space(void **state)
{
    (void)state;
    enum { MANY = 600 };
    static void *p[MANY];
    uintptr_t ones = 0, zeros = 0;
    for (int i = 0; i < MANY; i++) {
        p[i] = rt_malloc(14000000); // windows fill up: many of them
        ones |= (uintptr_t)p[i];
        zeros |= ~(uintptr_t)p[i];
    }
    for (int i = 0; i < MANY; i++) {
        rt_free(p[i]);
    }
    for (int bit = GRANULE_SHIFT; bit < 42; bit++) { // above, the sanitizer leaves few free places
        assert_true(ones >> bit & 1);
        assert_true(zeros >> bit & 1);
    }
}

// ---- Limits and policy ----

static void test_limit_is_kept(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    static void *p[MANY];
    struct heap_stats stats;
    rt_heap_stats(&stats);
    uint64_t limit = stats.mapped_bytes + 1000000;
    rt_heap_init(limit);
    int made = 0;
    while (made < MANY && (p[made] = rt_malloc(1000))) {
        made++;
    }
    assert_in_range(made, 500, 1050);
    assert_true(fake_mapped <= limit);
    assert_null(rt_malloc(2000000));
    assert_null(new_array(struct point, SIZE_MAX / 2));
    for (int i = 0; i < made; i++) {
        rt_free(p[i]);
    }
    p[0] = rt_malloc(1000);
    assert_non_null(p[0]);
    rt_free(p[0]);
    rt_heap_init(0);
}

// The kernel refuses memory at every possible point: the heap says no and stays whole.
static void test_refused_memory(void **state)
{
    (void)state;
    enum { MANY = 300 };
    static char *p[MANY];
    for (int allowed = 0; allowed < 12; allowed++) {
        fake_fail_memory = allowed;
        for (int i = 0; i < MANY; i++) {
            p[i] = rt_malloc((size_t)i * 67);
            if (p[i]) {
                memset(p[i], i, (size_t)i * 67);
            }
        }
        fake_fail_memory = -1;
        for (int i = 0; i < MANY; i++) {
            rt_free(p[i]);
        }
        check_totals();
    }
}

static void test_policy(void **state)
{
    (void)state;
    rt_heap_policy(&(struct heap_policy){.pad_bytes = 64, .zero = true});
    for (int i = 0; i < 200; i++) {
        char *p = rt_malloc(50);
        struct heap_object found;
        for (int k = 0; k < 50 + 64; k++) {
            assert_int_equal(p[k], 0);
        }
        memset(p, 0xff, 50 + 64);
        assert_true(rt_heap_find(p + 50 + 64, &found));
        assert_ptr_equal(found.start, p);
        rt_free(p);
    }
    rt_heap_policy(&(struct heap_policy){0});
}

static void test_delayed_free(void **state)
{
    (void)state;
    enum { DELAY = 20 };
    char *p[3 * DELAY];
    struct heap_object found;
    struct heap_stats before, after;
    rt_heap_stats(&before);
    rt_heap_policy(&(struct heap_policy){.delay = DELAY});
    for (int i = 0; i < 3 * DELAY; i++) {
        p[i] = rt_malloc(64);
    }
    for (int i = 0; i < 3 * DELAY; i++) {
        rt_free(p[i]);
        assert_true(rt_heap_find(p[i], &found));
        assert_true(i < DELAY || !rt_heap_find(p[i - DELAY], &found));
    }
    rt_heap_policy(&(struct heap_policy){0}); // as an heir has it
    rt_free(nullptr);
    rt_heap_stats(&after);
    assert_int_equal(before.objects, after.objects);
}

// ---- Misuse ----

static void free_it(void *p)
{
    rt_free(p);
}

static void test_misuse_is_caught(void **state)
{
    (void)state;
    static char global[32];
    char *small = rt_malloc(40), *large = rt_malloc(100000), *freed = rt_malloc(40);
    rt_free(freed);
    assert_true(fake_dies(free_it, freed, "not a living object"));
    assert_true(fake_dies(free_it, small + 16, "inside an object"));
    assert_true(fake_dies(free_it, large + 4096, "inside a large object"));
    assert_true(fake_dies(free_it, global, "not the heap's"));
    assert_true(fake_dies(free_it, (void *)8, "not the heap's"));
    rt_free(small);
    rt_free(large);
    assert_true(fake_dies(free_it, large, "not the heap's"));
}

static int start(void **state)
{
    (void)state;
    fake_start("");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations),
        cmocka_unit_test(test_emptied_heap_gives_memory_back),
        cmocka_unit_test(test_byte_past_the_end_is_own),
        cmocka_unit_test(test_types_are_known),
        cmocka_unit_test(test_slots_are_uniform),
        cmocka_unit_test(test_remains_of_pointers_lead_nowhere),
        cmocka_unit_test(test_neighbours_are_rare),
        cmocka_unit_test(test_spans_use_the_whole_space),
        cmocka_unit_test(test_limit_is_kept),
        cmocka_unit_test(test_refused_memory),
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_delayed_free),
        cmocka_unit_test(test_misuse_is_caught),
    };
    return cmocka_run_group_tests(tests, start, nullptr);
}
