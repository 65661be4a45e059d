// SPDX-License-Identifier: MIT
// Checkpoints, written and read: into another layout, with nothing of the first one in them; and
// damaged in every way, with and without a right checksum. The checkpoint, the module and the
// sections are exactly as long as they have to be, so that the sanitizer sees one byte too much.
#include "lib/rt/heap_internal.h"
#include "lib/rt/test/fake_kernel.h"
#include "randomizer/mover/move.h"
#include "randomizer/mover/save.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct node {
    struct node *next, **link;
    uint64_t value;
    void (*call)(void);
    handle_t handle;
    uint32_t weight;
};

// ---- A module of a few sections ----

enum { NONE, LIST, LOOSE, TYPE, CODE, RECORDS, OWN, NAMES, SECTIONS };
enum { LOOSE_WORDS = 9, ROOM = 1 << 20 };

static const struct {
    const char *name;
    uint64_t bytes, flags;
    uint32_t link;
} plan[SECTIONS] = {
    [NONE] = {"", 0, 0, 0},
    [LIST] = {".bss.list", 3 * sizeof(void *), SHF_WRITE | SHF_ALLOC, 0},
    [LOOSE] = {".data.loose", LOOSE_WORDS * 8, SHF_WRITE | SHF_ALLOC, 0},
    [TYPE] = {".data.make.rt_type_of_new", sizeof(struct rt_type), SHF_WRITE | SHF_ALLOC, 0},
    [CODE] = {".text.call", 64, SHF_ALLOC | SHF_EXEC, 0},
    [RECORDS] = {"samsara_globals", sizeof(struct type_global) + 8, SHF_WRITE | SHF_ALLOC, LIST},
    [OWN] = {".bss.own", 8, SHF_WRITE | SHF_ALLOC, 0},
    [NAMES] = {".shstrtab", 0, 0, 0},
};
static uint8_t *module;
static uint64_t module_bytes;

static void make_module(void)
{
    uint64_t names = 1, at = sizeof(struct elf_header);
    for (int i = 0; i < SECTIONS; i++) {
        names += strlen(plan[i].name) + 1;
    }
    module_bytes = (at + names + 7) / 8 * 8 + SECTIONS * sizeof(struct elf_section);
    module = calloc(1, module_bytes);
    *(struct elf_header *)module = (struct elf_header){
        .section_headers = module_bytes - SECTIONS * sizeof(struct elf_section),
        .section_count = SECTIONS,
        .section_names = NAMES,
    };
    uint32_t name = 0;
    for (int i = 0; i < SECTIONS; i++) {
        struct elf_section s = {.name = name, .flags = plan[i].flags, .size = plan[i].bytes,
                                .link = plan[i].link, .offset = i == NAMES ? at : 0};
        strcpy((char *)module + at + name, plan[i].name);
        name += (uint32_t)strlen(plan[i].name) + 1;
        memcpy(module + module_bytes - (SECTIONS - i) * sizeof(s), &s, sizeof(s));
    }
}

// ---- Type maps of both ----

static uint8_t *make_map(const struct type_map_entry *entries, uint32_t count)
{
    uint32_t bytes = (uint32_t)(sizeof(struct type_map_header) + count * sizeof(*entries)) + 8;
    uint8_t *map = calloc(1, bytes);
    struct type_map_header h = {TYPE_MAP_MAGIC, TYPE_MAP_VERSION, bytes, count, 8, 0, 0};
    memcpy(map, &h, sizeof(h));
    memcpy(map + sizeof(h), entries, count * sizeof(*entries));
    uint64_t hash = 0xcbf29ce484222325;
    for (uint32_t i = 0; i < bytes; i += 8) {
        uint64_t word;
        memcpy(&word, map + i, 8);
        hash = i == 24 ? hash : (hash ^ word) * 0x100000001b3;
    }
    memcpy(map + 24, &hash, 8);
    return map;
}

static uint8_t *node_map, *list_map;

static void make_maps(void)
{
    const struct type_map_entry node[] = {
        {.bytes = sizeof(struct node), .count = 1, .below = 6, .kind = TYPE_STRUCT, .flags = TYPE_LIVE},
        {.bytes = 8, .count = 1, .kind = TYPE_POINTER, .flags = TYPE_LIVE},
        {.offset = 8, .bytes = 8, .count = 1, .kind = TYPE_POINTER, .flags = TYPE_LIVE},
        {.offset = 16, .bytes = 8, .count = 1, .kind = TYPE_PLAIN},
        {.offset = 24, .bytes = 8, .count = 1, .kind = TYPE_FUNCTION, .flags = TYPE_LIVE},
        {.offset = 32, .bytes = 4, .count = 1, .kind = TYPE_HANDLE, .flags = TYPE_LIVE},
        {.offset = 36, .bytes = 4, .count = 1, .kind = TYPE_PLAIN},
    };
    const struct type_map_entry list[] = {
        {.bytes = 8, .count = 1, .kind = TYPE_POINTER, .flags = TYPE_LIVE},
    };
    node_map = make_map(node, sizeof(node) / sizeof(node[0]));
    list_map = make_map(list, 1);
}

// ---- Layouts ----

struct life {
    struct layout_record *layout;
    uint8_t *at[SECTIONS];
};

static void be_born(struct life *l)
{
    l->layout = calloc(1, sizeof(struct layout_record) + SECTIONS * sizeof(uint64_t));
    l->layout->magic = LAYOUT_MAGIC;
    l->layout->sections = SECTIONS;
    for (int i = 1; i < NAMES; i++) {
        l->at[i] = calloc(1, plan[i].bytes);
        l->layout->address[i] = (uint64_t)l->at[i];
    }
    *(struct rt_type *)l->at[TYPE] =
        (struct rt_type){.name = "struct node", .bytes = sizeof(struct node), .map = node_map};
    *(struct type_global *)l->at[RECORDS] = (struct type_global){
        TYPE_GLOBAL_MAGIC, sizeof(struct type_global) + 8, (uint64_t)l->at[LIST], (uint64_t)list_map,
        3 * sizeof(void *), 0, 5};
    memcpy(l->at[RECORDS] + sizeof(struct type_global), "list", 5);
}

static void die(struct life *l)
{
    for (int i = 1; i < NAMES; i++) {
        free(l->at[i]);
    }
    free(l->layout);
}

static struct node **list_of(const struct life *l)
{
    return (struct node **)l->at[LIST];
}

static uint64_t *loose_of(const struct life *l)
{
    return (uint64_t *)l->at[LOOSE];
}

enum { LARGE_BYTES = 20000 };
static handle_t unmanaged, unknown;
static void *shared;

// A list whose end points to its last link, odd numbers, and words that nothing says anything about.
static void fill(struct life *l, int nodes)
{
    struct rt_type *type = (struct rt_type *)l->at[TYPE];
    struct node **link = &list_of(l)[0];
    const handle_t handles[] = {H_SERVICE_PORT, H_FIRST_NAMED, unmanaged, unknown};
    for (int i = 0; i < nodes; i++) {
        struct node *n = rt_new(type, 1);
        *n = (struct node){nullptr, link, (uint64_t)i * 3, (void (*)(void))(l->at[CODE] + i % 64),
                           handles[i % 4], (uint32_t)i};
        *link = n;
        link = &n->next;
    }
    list_of(l)[1] = (struct node *)link;
    uint64_t *block = rt_malloc(100), *large = rt_malloc(LARGE_BYTES);
    memset(block, 0, 100);
    memset(large, 5, LARGE_BYTES);
    block[0] = (uint64_t)&large[7];
    large[9] = (uint64_t)(list_of(l)[0] + 1); // one past its end
    uint64_t *loose = loose_of(l);
    loose[0] = (uint64_t)block;
    loose[1] = (uint64_t)l->at[CODE];
    loose[2] = 12345;
    loose[3] = (uint64_t)&l->at[LIST][8];
    list_of(l)[2] = (struct node *)((uint8_t *)shared + 40);
    loose[5] = ~0ull;
    loose[6] = (uint64_t)rt_memalign(256, 40);
    memset((void *)loose[6], 3, 40);
    *(uint64_t *)l->at[OWN] = 99;
}

static void check(const struct life *a, const struct life *b, int nodes)
{
    const handle_t handles[] = {H_SERVICE_PORT, H_FIRST_NAMED, HANDLE_NONE, HANDLE_NONE};
    struct node **link = &list_of(b)[0];
    for (int i = 0; i < nodes; i++) {
        struct node *n = *link;
        assert_non_null(n);
        assert_ptr_equal(n->link, link);
        assert_int_equal(n->value, i * 3);
        assert_ptr_equal(n->call, b->at[CODE] + i % 64);
        assert_int_equal(n->handle, handles[i % 4]);
        link = &n->next;
    }
    assert_null(*link);
    assert_ptr_equal(list_of(b)[1], link);
    assert_ptr_not_equal(list_of(a)[0], list_of(b)[0]);
    const uint64_t *loose = loose_of(b), *block = (const uint64_t *)loose[0];
    const uint64_t *large = (const uint64_t *)block[0] - 7;
    struct heap_object object;
    assert_true(rt_heap_find(large, &object));
    assert_int_equal(object.bytes, LARGE_BYTES);
    assert_int_equal(large[9], (uint64_t)(list_of(b)[0] + 1));
    assert_int_equal(large[2000], 0x0505050505050505);
    assert_int_equal(loose[1], (uint64_t)b->at[CODE]);
    assert_int_equal(loose[2], 12345);
    assert_int_equal(loose[3], (uint64_t)&b->at[LIST][8]);
    const void *mapped = list_of(b)[2];
    assert_true(mapped == nullptr || *(const uint64_t *)mapped == 0); // new memory; null: it was another's mapping
    assert_ptr_not_equal(mapped, (uint8_t *)shared + 40);
    assert_int_equal(loose[5], ~0ull);
    assert_int_equal(loose[6] % 256, 0);
    assert_int_equal(*(uint64_t *)b->at[OWN], 0);
}

// ---- Checkpoints ----

static uint8_t *take(const struct life *l, uint64_t *bytes)
{
    struct move_report report;
    struct move_save save = {module, module_bytes, l->layout, malloc(ROOM), ROOM, 0};
    assert_int_equal(move_save(&save, &report), MOVE_OK);
    *bytes = save.bytes;
    uint8_t *exact = malloc(save.bytes);
    memcpy(exact, save.to, save.bytes);
    free(save.to);
    return exact;
}

static uint64_t clock_then;

static enum move_error restore(const struct life *l, const uint8_t *checkpoint, uint64_t bytes)
{
    struct startup startup = {.module = (uint64_t)module, .module_bytes = module_bytes,
                              .layout = (uint64_t)l->layout, .checkpoint = (uint64_t)checkpoint,
                              .checkpoint_bytes = bytes, .flags = STARTUP_RESTORE};
    struct move_report report;
    return move_restore(&startup, &report, &clock_then);
}

static void begin(struct life *a, int nodes)
{
    handle_t memory;
    memset(&heap, 0, sizeof(heap)); // what earlier tests have left is nobody's
    fake_start("");
    unmanaged = fake_handle(OBJ_MEMORY);
    unknown = fake_handle(OBJ_REPLY);
    memset(rt_mappings, 0, sizeof(rt_mappings));
    assert_int_equal(sys_mem_create(4096, 0, &memory), OK);
    assert_int_equal(rt_map(memory, 0, 4096, PROT_READ | PROT_WRITE, RT_STATE, &shared), OK);
    memset(shared, 7, 4096);
    be_born(a);
    fill(a, nodes);
}

static void test_another_layout(void **)
{
    struct life a, b, c;
    uint64_t bytes, again;
    begin(&a, 300);
    uint8_t *first = take(&a, &bytes);
    be_born(&b);
    assert_int_equal(restore(&b, first, bytes), MOVE_OK);
    check(&a, &b, 300);
    assert_non_null(list_of(&b)[2]);
    assert_in_range(clock_then, 990, 1000); // what the played clock shows
    uint8_t *second = take(&b, &again); // with what a has on the heap as leaks
    be_born(&c);
    assert_int_equal(restore(&c, second, again), MOVE_OK);
    check(&b, &c, 300);
    free(first);
    free(second);
    die(&a);
    die(&b);
    die(&c);
}

// Nowhere in it is an address of anything that there is.
static void test_nothing_of_the_layout(void **)
{
    struct life a;
    struct heap_object object;
    uint64_t bytes, word;
    begin(&a, 100);
    uint8_t *all = take(&a, &bytes);
    for (uint64_t i = 0; i + 8 <= bytes; i++) {
        memcpy(&word, all + i, 8);
        assert_false(rt_heap_find((void *)word, &object));
        assert_false(word - (uint64_t)shared < 4096);
        for (int s = 1; s < NAMES; s++) {
            assert_false(word - (uint64_t)a.at[s] < plan[s].bytes);
        }
    }
    free(all);
    die(&a);
}

static void test_room(void **)
{
    struct life a;
    struct move_report report;
    uint64_t bytes;
    begin(&a, 20);
    free(take(&a, &bytes));
    for (uint64_t room = 0; room < bytes; room += 8) {
        uint8_t *exact = malloc(room + 1);
        struct move_save save = {module, module_bytes, a.layout, exact, room, 0};
        assert_int_equal(move_save(&save, &report), MOVE_ROOM);
        free(exact);
    }
    die(&a);
}

static void test_other_program(void **)
{
    struct life a, b;
    uint64_t bytes;
    begin(&a, 5);
    uint8_t *all = take(&a, &bytes);
    be_born(&b);
    module[sizeof(struct elf_header)] ^= 1;
    assert_int_equal(restore(&b, all, bytes), MOVE_OTHER);
    module[sizeof(struct elf_header)] ^= 1;
    free(all);
    die(&a);
    die(&b);
}

static void mutate(uint8_t *bytes, uint64_t n)
{
    for (int count = 1 + rand() % 4; count > 0; count--) {
        uint64_t at = (uint64_t)rand() % n;
        uint64_t *word = (uint64_t *)(bytes + at / 8 * 8);
        switch (rand() % 6) {
        case 0:
            bytes[at] ^= (uint8_t)(1 << rand() % 8);
            break;
        case 1:
            bytes[at] = (uint8_t)rand();
            break;
        case 2:
            *word = (uint64_t)rand() << rand() % 60;
            break;
        case 3:
            *word += (uint64_t)(rand() % 33) - 16;
            break;
        case 4:
            *word = ((uint64_t *)bytes)[(uint64_t)rand() % (n / 8)];
            break;
        default:
            ((uint32_t *)word)[rand() % 2] = (uint32_t)rand() % 3 ? (uint32_t)(rand() % 40) : ~0u;
        }
    }
}

static void test_damage(void **)
{
    struct life a, b;
    uint64_t bytes;
    begin(&a, 6);
    uint8_t *all = take(&a, &bytes), *copy = malloc(bytes);
    be_born(&b);
    for (int i = 0; i < 3000; i++) {
        memcpy(copy, all, bytes);
        mutate(copy, bytes);
        if (memcmp(copy, all, bytes) != 0) {
            assert_int_not_equal(restore(&b, copy, bytes), MOVE_OK);
        }
    }
    for (uint64_t n = 0; n < bytes; n += 8) { // cut off
        uint8_t *exact = malloc(n + 1);
        memcpy(exact, all, n);
        assert_int_equal(restore(&b, exact, n), MOVE_DAMAGED);
        free(exact);
    }
    free(copy);
    free(all);
    die(&a);
    die(&b);
}

// Whoever can write a checksum: each of these is refused or taken, but nothing is read or written
// outside.
static void test_damage_with_right_checksum(void **)
{
    struct life a, b;
    uint64_t bytes, program = checkpoint_program(module, module_bytes);
    int taken = 0;
    begin(&a, 6);
    uint8_t *all = take(&a, &bytes);
    // The tables, in which every bit means something, are a small part of it.
    uint64_t tables = 2000 < bytes ? 2000 : bytes;
    be_born(&b);
    for (int i = 0; i < 8000; i++) {
        uint64_t n = i % 4 != 3 ? bytes : (uint64_t)rand() % (bytes / 8) * 8;
        n = n < sizeof(struct checkpoint_header) ? sizeof(struct checkpoint_header) : n;
        uint8_t *copy = malloc(n);
        memcpy(copy, all, n);
        mutate(copy, i % 2 && n > tables ? tables : n);
        checkpoint_seal(copy, n, program);
        taken += restore(&b, copy, n) == MOVE_OK;
        free(copy);
    }
    print_message("taken: %d of 8000\n", taken);
    free(all);
    die(&a);
    die(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_layout),
        cmocka_unit_test(test_nothing_of_the_layout),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_other_program),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_damage_with_right_checksum),
    };
    make_module();
    make_maps();
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
