// SPDX-License-Identifier: MIT
// A program compiled with the pass, and its maps held against a conservative scan: every word that
// looks like a pointer to something the program owns is in a map, and every slot of a map that is
// not zero leads to something that exists.
#include "lib/rt/heap.h"
#include "randomizer/mover/test/program.h"
#include "randomizer/mover/type_map.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_OBJECTS = 4096 };
struct object objects[MAX_OBJECTS];
size_t object_count;

extern const char __start_samsara_globals[], __stop_samsara_globals[];
extern const char __executable_start[], end[];

// ---- The program's heap ----

void *program_new_bytes(struct rt_type *type, size_t bytes)
{
    assert_true(object_count < MAX_OBJECTS);
    objects[object_count] = (struct object){calloc(1, bytes + 1), bytes, type->map};
    return objects[object_count++].start;
}

void *rt_new(struct rt_type *type, size_t count)
{
    return program_new_bytes(type, type->bytes * count);
}

// ---- What exists ----

struct place {
    const char *start;
    size_t bytes;
    const void *map;
    const char *name;
};
static struct place places[MAX_OBJECTS + 256];
static size_t place_count;

static void collect(void)
{
    const char *section = __start_samsara_globals;
    size_t at = 0, bytes = (size_t)(__stop_samsara_globals - section);
    enum type_map_error error;
    place_count = 0;
    for (const struct type_global *g; (g = type_global_next(section, bytes, &at, &error));) {
        assert_int_equal(g->flags, 0);
        places[place_count++] = (struct place){(const char *)g->address, g->bytes,
                                               (const void *)g->map, type_global_name(g)};
    }
    assert_int_equal(error, TYPE_MAP_OK);
    for (size_t i = 0; i < object_count; i++) {
        places[place_count++] =
            (struct place){objects[i].start, objects[i].bytes, objects[i].map, "heap"};
    }
}

// One past the end is its own.
static bool in_something(uint64_t word)
{
    for (size_t i = 0; i < place_count; i++) {
        uint64_t start = (uint64_t)places[i].start;
        if (word >= start && word <= start + places[i].bytes) {
            return true;
        }
    }
    return false;
}

static bool is_function(uint64_t word)
{
    for (size_t i = 0; i < program_function_count; i++) {
        if (word == (uint64_t)program_functions[i]) {
            return true;
        }
    }
    return false;
}

// ---- Both views of one object ----

struct view {
    const struct place *place;
    unsigned char slots[1 << 16]; // by offset: kind + 1
    unsigned count, live;
};

static bool note(void *context, const struct type_slot *slot)
{
    struct view *v = context;
    assert_true(slot->offset + (slot->kind == TYPE_HANDLE ? 4 : 8) <= v->place->bytes);
    assert_int_equal(v->slots[slot->offset], 0); // none twice
    v->slots[slot->offset] = (unsigned char)(slot->kind + 1);
    v->count++;
    uint64_t word;
    memcpy(&word, v->place->start + slot->offset, sizeof(word));
    if (word == 0) {
        return true;
    }
    v->live++;
    if (slot->kind == TYPE_FUNCTION) {
        assert_true(is_function(word));
    } else if (slot->kind == TYPE_POINTER && !in_something(word)) {
        assert_in_range(word, (uint64_t)__executable_start, (uint64_t)end); // a constant
    }
    return true;
}

static void compare(const struct place *place, struct view *v)
{
    struct type_map map;
    *v = (struct view){.place = place};
    assert_true(place->bytes < sizeof(v->slots));
    assert_int_equal(type_map_open(&map, place->map, 1 << 20), TYPE_MAP_OK);
    assert_int_equal(type_map_walk(&map, place->start, place->bytes, note, v), TYPE_MAP_OK);
    for (size_t o = 0; o + 8 <= place->bytes; o++) { // any alignment: packed structs
        uint64_t word;
        memcpy(&word, place->start + o, sizeof(word));
        if ((in_something(word) || is_function(word)) && !v->slots[o]) {
            bool inside_scanned = v->slots[o & ~7ull] == TYPE_SCAN + 1;
            if (!inside_scanned) {
                fail_msg("%s+%zu holds a pointer that its map does not know", place->name, o);
            }
        }
    }
}

static void test_every_pointer_is_in_a_map(void **state)
{
    (void)state;
    static struct view view;
    unsigned slots = 0, live = 0;
    for (unsigned seed = 1; seed <= 50; seed++) {
        object_count = 0; // those of the round before are garbage, and never found again
        program_build(seed);
        unsigned before = program_use();
        collect();
        for (size_t i = 0; i < place_count; i++) {
            compare(&places[i], &view);
            slots += view.count;
            live += view.live;
        }
        assert_int_equal(program_use(), before);
    }
    assert_true(live > 1000 && slots > live);
}

static const struct place *find(const char *name)
{
    for (size_t i = 0; i < place_count; i++) {
        const char *colon = strrchr(places[i].name, ':');
        if (strcmp(colon ? colon + 1 : places[i].name, name) == 0) {
            return &places[i];
        }
    }
    fail_msg("no record of %s", name);
    return nullptr;
}

static void test_names_of_fields(void **state)
{
    (void)state;
    struct type_map map;
    object_count = 0;
    program_build(1);
    collect();
    assert_int_equal(type_map_open(&map, find("one_machine")->map, 1 << 20), TYPE_MAP_OK);
    assert_string_equal(map.strings + map.entries[0].type, "struct machine");
    uint32_t words = type_map_field(&map, 0, "words");
    assert_int_equal(map.entries[words].count, 6);
    uint32_t run = type_map_field(&map, words, "run");
    assert_int_equal(map.entries[run].kind, TYPE_FUNCTION);
    assert_int_equal(map.entries[run].offset, 8);
    assert_string_equal(map.strings + map.entries[type_map_field(&map, words, "name")].type,
                        "char *");
    assert_int_equal(type_map_field(&map, 0, "nothing"), 0);
}

static void test_constants_have_no_record(void **state)
{
    (void)state;
    collect();
    for (size_t i = 0; i < place_count; i++) {
        assert_null(strstr(places[i].name, "program_function"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pointer_is_in_a_map),
        cmocka_unit_test(test_names_of_fields),
        cmocka_unit_test(test_constants_have_no_record),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
