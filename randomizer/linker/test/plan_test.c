// SPDX-License-Identifier: MIT
// What holds for every layout, and how random layouts are.
#include "kernel/abi/syscall.h"
#include "randomizer/linker/test/host.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SEEDS = 4096, ADDRESS_BITS = 47 };

struct subject {
    struct file file;
    struct module m;
    struct plan *p;
};

static void subject_open(struct subject *s, const char *path)
{
    struct link_failure why;
    s->file = file_read(path);
    assert_int_equal(module_open(&s->m, s->file.bytes, s->file.size, &why), LINK_OK);
    s->p = plan_new(&s->m);
}

static void subject_close(struct subject *s)
{
    plan_delete(s->p);
    free(s->file.bytes);
}

static void subject_plan(struct subject *s, uint64_t number)
{
    struct link_failure why;
    uint8_t seed[CHACHA_KEY_BYTES];
    seed_from(seed, number);
    assert_int_equal(plan_layout(s->p, &s->m, seed, 64 << 10, &why), LINK_OK);
}

static uint64_t size_of(const struct subject *s, uint32_t object)
{
    return object == s->m.section_count ? s->p->got_entries * 8 : s->m.sections[object].size;
}

static void same_from_recipe(const char *path)
{
    struct subject s;
    subject_open(&s, path);
    struct recipe *r = recipe_new(&s.m);
    assert_non_null(r);
    struct plan_objects objects = recipe_objects(r);
    struct plan *p = plan_new(&s.m);
    uint8_t *images[2];
    uint64_t *values = calloc(s.m.symbol_count, sizeof(*values));
    for (uint64_t number = 0; number < 40; number++) {
        struct link_failure why;
        uint8_t seed[CHACHA_KEY_BYTES];
        seed_from(seed, number);
        subject_plan(&s, number);
        assert_int_equal(plan_again(p, &objects, seed, 64 << 10, &why), LINK_OK);
        assert_memory_equal(p->address, s.p->address, plan_entries(&s.m) * sizeof(uint64_t));
        assert_int_equal(p->image_bytes, s.p->image_bytes);
        images[0] = calloc(1, p->image_bytes);
        images[1] = calloc(1, p->image_bytes);
        copy_sections(&s.m, s.p, images[0]);
        copy_again(r, &s.m, p, images[1]);
        assert_int_equal(relocate(&s.m, s.p, images[0], values, &why), LINK_OK);
        assert_int_equal(relocate_again(r, &s.m, p, images[1], &why), LINK_OK);
        assert_memory_equal(images[0], images[1], p->image_bytes);
        free(images[0]);
        free(images[1]);
    }
    print_message("%s: %u sections, %u rare relocations, a recipe of %lu bytes\n", path,
                  s.m.section_count, r->rares, r->bytes);
    assert_in_range(r->rares, 0, 20); // or births are dear again
    free(values);
    plan_delete(p);
    free(r);
    subject_close(&s);
}

static void test_recipes_change_nothing(void **state)
{
    (void)state;
    same_from_recipe(REAL_DIR "/fs.mod");
    same_from_recipe(REAL_DIR "/rs.mod");
}

struct piece {
    uint64_t start, end;
    uint32_t object;
};

static int by_start(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static uint32_t sorted_pieces(const struct subject *s, struct piece *pieces)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i <= s->m.section_count; i++) {
        bool loaded =
            i == s->m.section_count ? s->p->got_entries != 0 : module_is_loaded(&s->m.sections[i]);
        assert_int_equal(s->p->address[i] != PLAN_UNPLACED, loaded);
        if (loaded) {
            pieces[n++] = (struct piece){s->p->address[i], s->p->address[i] + size_of(s, i), i};
        }
    }
    qsort(pieces, n, sizeof(*pieces), by_start);
    return n;
}

static const struct cluster *cluster_of(const struct plan *p, uint64_t address)
{
    for (uint32_t i = 0; i < p->cluster_count; i++) {
        if (address >= p->clusters[i].address &&
            address < p->clusters[i].address + p->clusters[i].bytes) {
            return &p->clusters[i];
        }
    }
    return nullptr;
}

static bool starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static enum plan_class class_wanted(const struct subject *s, uint32_t object)
{
    if (object == s->m.section_count) {
        return CLASS_RODATA;
    }
    const struct elf_section *h = &s->m.sections[object];
    const char *name = module_section_name(&s->m, object);
    return h->flags & SHF_EXEC                                               ? CLASS_TEXT
           : !(h->flags & SHF_WRITE) || starts_with(name, ".data.rel.ro")    ? CLASS_RODATA
           : h->type == SHT_NOBITS && h->size >= PLAN_LAZY_MIN               ? CLASS_ZERO
                                                                             : CLASS_DATA;
}

static void check_pieces(const struct subject *s)
{
    struct piece pieces[s->m.section_count + 1];
    uint32_t n = sorted_pieces(s, pieces);
    for (uint32_t i = 0; i < n; i++) {
        const struct piece *x = &pieces[i];
        const struct cluster *c = cluster_of(s->p, x->start);
        assert_non_null(c);
        // The byte past the end is in the same cluster and belongs to nobody else.
        assert_true(x->end < c->address + c->bytes);
        assert_true(i + 1 == n || x->end < pieces[i + 1].start);
        assert_int_equal(c->class, class_wanted(s, x->object));
        uint64_t align = x->object == s->m.section_count ? 8 : s->m.sections[x->object].align;
        assert_int_equal(x->start % (align < PLAN_GRANULE ? PLAN_GRANULE : align), 0);
        if (c->class != CLASS_ZERO) {
            assert_int_equal(s->p->image[x->object], c->offset + x->start - c->address);
        }
    }
}

static void check_clusters(const struct subject *s, bool in_window)
{
    const struct plan *p = s->p;
    uint64_t image = 0, zero = 0;
    for (uint32_t i = 0; i < p->cluster_count; i++) {
        const struct cluster *c = &p->clusters[i];
        uint64_t *sum = c->class == CLASS_ZERO ? &zero : &image;
        assert_int_equal(c->offset, *sum);
        *sum += c->bytes;
        assert_true(c->address % PLAN_PAGE == 0 && c->bytes % PLAN_PAGE == 0 && c->bytes > 0);
        assert_true(c->address >= USER_MIN && c->address + c->bytes <= USER_MAX);
        if (in_window) {
            assert_true(c->address >= p->window + PLAN_WINDOW_MARGIN);
            assert_true(c->address + c->bytes <= p->window + PLAN_WINDOW - PLAN_WINDOW_MARGIN);
        }
        for (uint32_t k = 0; k < i; k++) { // a free page between any two
            const struct cluster *d = &p->clusters[k];
            assert_true(c->address >= d->address + d->bytes + PLAN_PAGE ||
                        d->address >= c->address + c->bytes + PLAN_PAGE);
        }
        assert_true(p->stack_low >= c->address + c->bytes + PLAN_GUARD ||
                    c->address >= p->stack_high + PLAN_GUARD);
    }
    assert_int_equal(image, p->image_bytes);
    assert_int_equal(zero, p->zero_bytes);
}

static uint64_t align_of(const struct subject *s, uint32_t object)
{
    uint64_t align = object == s->m.section_count ? 8 : s->m.sections[object].align;
    return align < PLAN_GRANULE ? PLAN_GRANULE : align;
}

static uint64_t line_of(uint64_t address)
{
    return address & ~(uint64_t)(PLAN_LINE - 1);
}

static bool some_has_zero(uint64_t from, uint64_t to, int byte)
{
    uint64_t step = 1ull << 8 * byte; // within so many bytes none of the higher ones changes
    for (uint64_t a = from; a <= to; a = (a | (step - 1)) + 1) {
        if ((a >> 8 * byte & 255) == 0) {
            return true;
        }
    }
    return false;
}

// What leads to an object must lead nowhere any more once a NUL is one of its first six bytes: as
// far as length and alignment allow it. Of code only the first byte counts.
static void check_half_overwritten(const struct subject *s)
{
    struct piece pieces[s->m.section_count + 1];
    uint32_t n = sorted_pieces(s, pieces);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t start = pieces[i].start, end = pieces[i].end;
        uint64_t align = align_of(s, pieces[i].object), size = end - start;
        const struct cluster *c = cluster_of(s->p, start);
        uint64_t reach = c->class == CLASS_TEXT ? start : end;
        if (align < PLAN_LINE) {
            bool short_enough = PLAN_LINE + align + size < PLAN_BLOCK;
            assert_false(some_has_zero(start, short_enough ? reach : start, 1));
            bool fits_a_line = align + size < PLAN_LINE;
            assert_false(some_has_zero(start, fits_a_line ? reach : start, 0));
            // Nor does the beginning of its line belong to what comes before.
            assert_true(i == 0 || c->class == CLASS_TEXT || pieces[i - 1].end < line_of(start) ||
                        line_of(pieces[i - 1].start) == line_of(start));
        } else if (align + size < PLAN_BLOCK) {
            assert_false(some_has_zero(start, reach, 1));
        }
        for (int byte = 2; byte < 6; byte++) {
            bool short_enough = c->bytes < (255ull << 8 * byte);
            assert_false(some_has_zero(start, short_enough ? reach : start, byte));
        }
    }
}

static void check_stack(const struct plan *p)
{
    assert_int_equal(p->stack_high - p->stack_low, 64 << 10);
    assert_true(p->stack_low >= USER_MIN + PLAN_GUARD && p->stack_high <= USER_MAX - PLAN_GUARD);
    assert_true(p->stack_start <= p->stack_high && p->stack_start > p->stack_high - PLAN_PAGE);
    assert_int_equal(p->stack_start % 16, 0);
}

static void check_all(const char *path, bool in_window)
{
    struct subject s;
    subject_open(&s, path);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        subject_plan(&s, seed);
        check_pieces(&s);
        check_clusters(&s, in_window);
        check_half_overwritten(&s);
        check_stack(s.p);
        assert_int_equal(s.p->window != 0, in_window);
    }
    subject_close(&s);
}

static void test_every_layout_is_sound(void **state)
{
    (void)state;
    check_all(MODULE_DIR "/sample-small.mod", true);
    check_all(MODULE_DIR "/sample-large.mod", false);
    check_all(MODULE_DIR "/kinds.mod", true);
}

// With more data than the samples have, some of it long.
static void test_layouts_of_services_are_sound(void **state)
{
    (void)state;
    static const char *const paths[] = {REAL_DIR "/fs.mod", REAL_DIR "/rs.mod"};
    for (int i = 0; i < 2; i++) {
        struct subject s;
        subject_open(&s, paths[i]);
        for (uint64_t seed = 0; seed < SEEDS / 16; seed++) {
            subject_plan(&s, seed);
            check_pieces(&s);
            check_half_overwritten(&s);
        }
        subject_close(&s);
    }
}

static void test_a_layout_repeats_exactly(void **state)
{
    (void)state;
    struct subject a, b;
    subject_open(&a, MODULE_DIR "/sample-small.mod");
    subject_open(&b, MODULE_DIR "/sample-small.mod");
    size_t bytes = plan_entries(&a.m) * sizeof(uint64_t);
    for (uint64_t seed = 0; seed < 100; seed++) {
        subject_plan(&a, seed);
        subject_plan(&b, seed);
        assert_memory_equal(a.p->address, b.p->address, bytes);
        assert_int_equal(a.p->stack_start, b.p->stack_start);
        subject_plan(&b, seed + 1);
        uint32_t equal = 0;
        for (uint32_t i = 0; i < plan_entries(&a.m); i++) {
            equal += a.p->address[i] != PLAN_UNPLACED && a.p->address[i] == b.p->address[i];
        }
        assert_int_equal(equal, 0);
    }
    subject_close(&a);
    subject_close(&b);
}

// How often each address bit of each object is set, and how often two births agree on an address.
struct statistics {
    uint32_t (*set)[ADDRESS_BITS];
    uint64_t *address;  // [object][seed]
    uint64_t *in_block; // [object][seed]
    uint32_t objects;
};

static void gather(struct subject *s, struct statistics *t, bool in_window)
{
    t->objects = plan_entries(&s->m);
    t->set = calloc(t->objects, sizeof(*t->set));
    t->address = calloc((size_t)t->objects * SEEDS, sizeof(uint64_t));
    t->in_block = calloc((size_t)t->objects * SEEDS, sizeof(uint64_t));
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        subject_plan(s, 1000000 + seed);
        for (uint32_t i = 0; i < t->objects; i++) {
            uint64_t a = s->p->address[i] - (in_window ? s->p->window : 0);
            if (s->p->address[i] == PLAN_UNPLACED) {
                continue;
            }
            t->address[(size_t)i * SEEDS + seed] = a;
            t->in_block[(size_t)i * SEEDS + seed] = s->p->address[i] % PLAN_BLOCK;
            for (int bit = 0; bit < ADDRESS_BITS; bit++) {
                t->set[i][bit] += a >> bit & 1;
            }
        }
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t equal_pairs(uint64_t *values)
{
    uint64_t pairs = 0, run = 0;
    qsort(values, SEEDS, sizeof(*values), by_value);
    for (int i = 1; i < SEEDS; i++) {
        run = values[i] == values[i - 1] ? run + 1 : 0;
        pairs += run;
    }
    return pairs;
}

// At most so often two births put an object at the same place of a block: of what is moved to where
// it may start, each gap takes a fourth. It is little more than one in 255 lines of 15 granules for
// code and small data; long data starts mostly at a block's beginning.
static double chance_of_place(const struct subject *s, uint32_t object)
{
    bool code = object != s->m.section_count && s->m.sections[object].flags & SHF_EXEC;
    double align = (double)align_of(s, object), reach = code ? 0 : (double)size_of(s, object);
    double line = align < PLAN_LINE ? PLAN_LINE : align, starts = PLAN_LINE / align;
    reach = reach + 2 * line > PLAN_BLOCK ? 0 : reach;
    if (align >= PLAN_BLOCK) {
        return 1;
    }
    double first = fmin(1, (reach + 2 * line) / PLAN_BLOCK), others = 1 - first;
    double lines = first * first + others * others * line / fmax(line, PLAN_BLOCK - line - reach);
    if (align >= PLAN_LINE) {
        return lines;
    }
    if (code && starts >= 8) {
        return lines * (4 * 25 / 16. + (starts - 5)) / (starts * starts);
    }
    bool fits_a_line = align + reach < PLAN_LINE;
    double choices = fits_a_line ? floor((PLAN_LINE - 1 - reach) / align) : starts - 1;
    return lines * (choices >= 4 ? 0.25 : 1);
}

// From this bit on the address is as good as fair: no byte is zero, and something long does not
// begin shortly before such a place.
static int first_fair_bit(uint64_t size)
{
    return size < 1 << 17 ? 16 : size < 1 << 25 ? 24 : 32;
}

// Each bit of an object's block up to `top` must be a fair coin: within six standard deviations in
// each of some eight thousand counts. In the block, an object must be spread as the rules have it.
// And the pairs of births in which an object is at the same place must be as rare as `bits` bits of
// entropy for the block make them.
static void check_entropy(const char *path, bool in_window, int top, double bits)
{
    struct subject s;
    struct statistics t;
    subject_open(&s, path);
    gather(&s, &t, in_window);
    double worst = 0, deviation = sqrt(SEEDS) / 2;
    double close_expected = 0, all = SEEDS / 2.0 * (SEEDS - 1);
    uint64_t counted = 0, pairs = 0, close = 0;
    for (uint32_t i = 0; i < t.objects; i++) {
        if (s.p->address[i] == PLAN_UNPLACED) {
            continue;
        }
        for (int bit = first_fair_bit(size_of(&s, i)); bit < top; bit++, counted++) {
            double off = fabs(t.set[i][bit] - SEEDS / 2.0) / deviation;
            worst = off > worst ? off : worst;
        }
        pairs += equal_pairs(&t.address[(size_t)i * SEEDS]);
        uint64_t in_block = equal_pairs(&t.in_block[(size_t)i * SEEDS]);
        assert_true((double)in_block < 1.5 * all * chance_of_place(&s, i) + 50);
        close += in_block;
        close_expected += all * chance_of_place(&s, i);
    }
    double expected = (double)close / exp2(bits);
    print_message("%s%s: %lu bits counted, worst %.1f deviations; equal in the block %lu, "
                  "at most %.0f expected; equal places %lu, expected %.3f\n",
                  path, in_window ? " within the window" : "", counted, worst, close,
                  close_expected, pairs, expected);
    assert_true(worst < 6);
    assert_true((double)close < 1.05 * close_expected);
    assert_true((double)pairs < 2 * expected + 8);
    free(t.set);
    free(t.address);
    free(t.in_block);
    subject_close(&s);
}

// An attacker who knows nothing: the window's base and the place in it, 2^47 / 2^16 blocks.
static void test_entropy_of_addresses(void **state)
{
    (void)state;
    check_entropy(MODULE_DIR "/sample-small.mod", false, ADDRESS_BITS - 1, 31);
    check_entropy(MODULE_DIR "/sample-large.mod", false, ADDRESS_BITS - 1, 31);
}

// An attacker who has learnt the window: 2^31 / 2^16 blocks.
static void test_entropy_within_the_window(void **state)
{
    (void)state;
    check_entropy(MODULE_DIR "/sample-small.mod", true, 31, 15);
}

// An attacker who has learnt where one function is: how many places are left for another one?
// Those of another cluster as before; those of the same cluster only its order and gaps.
static void test_entropy_between_neighbours(void **state)
{
    (void)state;
    struct subject s;
    uint32_t a = 0, b = 0, same = 0;
    uint64_t *distance = calloc(SEEDS, sizeof(*distance));
    subject_open(&s, MODULE_DIR "/sample-small.mod");
    for (uint32_t i = 1; i < s.m.section_count; i++) {
        a = strcmp(module_section_name(&s.m, i), ".text.many_000") == 0 ? i : a;
        b = strcmp(module_section_name(&s.m, i), ".text.many_001") == 0 ? i : b;
    }
    assert_true(a != 0 && b != 0);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        subject_plan(&s, seed);
        same += cluster_of(s.p, s.p->address[a]) == cluster_of(s.p, s.p->address[b]);
        distance[seed] = s.p->address[a] - s.p->address[b];
    }
    uint64_t pairs = equal_pairs(distance);
    double bits = log2(SEEDS / 2.0 * (SEEDS - 1) / (double)pairs);
    print_message("two functions: same cluster in %u of %d births, %.1f bits between them\n", same,
                  SEEDS, bits);
    assert_true(bits > 10);
    free(distance);
    subject_close(&s);
}

// The cost side: a cluster holds several pages, so page tables stay few.
static void test_memory_is_bounded(void **state)
{
    (void)state;
    struct subject s;
    subject_open(&s, MODULE_DIR "/sample-small.mod");
    uint64_t sizes = 0, worst = 0;
    uint32_t clusters = 0;
    for (uint32_t i = 1; i < s.m.section_count; i++) {
        const struct elf_section *h = &s.m.sections[i];
        sizes += module_is_loaded(h) && !(h->type == SHT_NOBITS && h->size >= PLAN_LAZY_MIN)
                     ? h->size
                     : 0;
    }
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        subject_plan(&s, seed);
        worst = s.p->image_bytes > worst ? s.p->image_bytes : worst;
        clusters = s.p->cluster_count > clusters ? s.p->cluster_count : clusters;
    }
    print_message("%lu bytes of sections took at most %lu bytes in %u clusters\n", sizes, worst,
                  clusters);
    assert_true(worst < 2 * sizes + 3 * 2 * PLAN_PAGE);
    assert_in_range(clusters, 4, 8);
    subject_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recipes_change_nothing),
        cmocka_unit_test(test_every_layout_is_sound),
        cmocka_unit_test(test_layouts_of_services_are_sound),
        cmocka_unit_test(test_a_layout_repeats_exactly),
        cmocka_unit_test(test_entropy_of_addresses),
        cmocka_unit_test(test_entropy_within_the_window),
        cmocka_unit_test(test_entropy_between_neighbours),
        cmocka_unit_test(test_memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
