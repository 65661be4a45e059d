// SPDX-License-Identifier: MIT
// The reader of type maps: what it says of a good map, and that no damaged or hostile one makes it
// read or report anything outside. Every buffer is exactly as long as it has to be, so that the
// address sanitizer sees one byte too much.
#include "randomizer/mover/type_map.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// struct { int kind; short bits: tag at bit 3, 5 wide; union tagged by kind { u64 | ptr | fn };
//          struct { u32; handle; ptr } pair[2]; scan 16 bytes; struct { ptr; u64 } tail[]; }
enum {
    ROOT,
    KIND,
    TAG,
    UNION,
    NUMBER,
    DATA,
    CODE,
    PAIR,
    PAIR_NUMBER,
    PAIR_HANDLE,
    PAIR_POINTER,
    SCAN,
    TAIL,
    TAIL_POINTER,
    TAIL_NUMBER,
    ENTRIES
};
enum { ROOT_BYTES = 64, TAIL_BYTES = 16, LIVE = TYPE_LIVE };

static const struct type_map_entry sample[ENTRIES] = {
    [ROOT] = {.type = 1, .bytes = 64, .count = 1, .below = 14, .kind = TYPE_STRUCT, .flags = LIVE},
    [KIND] = {.name = 8, .bytes = 4, .count = 1, .kind = TYPE_PLAIN},
    [TAG] = {.offset = 4, .bytes = 1, .count = 1, .kind = TYPE_BITS, .aux = 3 | 5 << 16},
    [UNION] = {.offset = 8,
               .bytes = 8,
               .count = 1,
               .below = 3,
               .kind = TYPE_UNION,
               .flags = LIVE | TYPE_TAGGED,
               .aux = KIND},
    [NUMBER] = {.bytes = 8, .count = 1, .kind = TYPE_PLAIN, .flags = TYPE_WHEN, .aux = 1},
    [DATA] = {.bytes = 8, .count = 1, .kind = TYPE_POINTER, .flags = LIVE | TYPE_WHEN, .aux = 2},
    [CODE] = {.bytes = 8,
              .count = 1,
              .kind = TYPE_FUNCTION,
              .flags = LIVE | TYPE_WHEN,
              .aux = UINT32_MAX},
    [PAIR] =
        {.offset = 16, .bytes = 16, .count = 2, .below = 3, .kind = TYPE_STRUCT, .flags = LIVE},
    [PAIR_NUMBER] = {.bytes = 4, .count = 1, .kind = TYPE_PLAIN},
    [PAIR_HANDLE] = {.offset = 4, .bytes = 4, .count = 1, .kind = TYPE_HANDLE, .flags = LIVE},
    [PAIR_POINTER] = {.offset = 8, .bytes = 8, .count = 1, .kind = TYPE_POINTER, .flags = LIVE},
    [SCAN] = {.offset = 48, .bytes = 16, .count = 1, .kind = TYPE_SCAN, .flags = LIVE},
    [TAIL] = {.offset = 64,
              .bytes = 16,
              .count = TYPE_MAP_FLEXIBLE,
              .below = 2,
              .kind = TYPE_STRUCT,
              .flags = LIVE},
    [TAIL_POINTER] = {.bytes = 8, .count = 1, .kind = TYPE_POINTER, .flags = LIVE},
    [TAIL_NUMBER] = {.offset = 8, .bytes = 8, .count = 1, .kind = TYPE_PLAIN},
};
static const char strings[16] = "\0struct\0kind\0";
enum { MAP_BYTES = sizeof(struct type_map_header) + sizeof(sample) + sizeof(strings) };

static void seal(unsigned char *map, size_t bytes)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t word;
        memcpy(&word, map + i, 8);
        hash = i == 24 ? hash : (hash ^ word) * 0x100000001b3;
    }
    memcpy(map + 24, &hash, 8);
}

static void make(unsigned char *to)
{
    struct type_map_header h = {
        TYPE_MAP_MAGIC, TYPE_MAP_VERSION, MAP_BYTES, ENTRIES, sizeof(strings), 0, 0};
    memcpy(to, &h, sizeof(h));
    memcpy(to + sizeof(h), sample, sizeof(sample));
    memcpy(to + sizeof(h) + sizeof(sample), strings, sizeof(strings));
    seal(to, MAP_BYTES);
}

static struct type_map_entry *entry(unsigned char *map, int index)
{
    return (struct type_map_entry *)(map + sizeof(struct type_map_header)) + index;
}

struct heard {
    const unsigned char *object;
    size_t bytes;
    char text[512];
    uint64_t slots, sum;
};

static bool hear(void *context, const struct type_slot *slot)
{
    struct heard *h = context;
    size_t bytes = slot->kind == TYPE_HANDLE ? 4 : 8;
    assert_true(slot->offset <= h->bytes && bytes <= h->bytes - slot->offset);
    for (size_t i = 0; i < bytes; i++) {
        h->sum += h->object[slot->offset + i];
    }
    size_t used = strlen(h->text);
    if (used + 16 < sizeof(h->text)) {
        snprintf(h->text + used, 16, "%c%u ", "-PFH-S"[slot->kind], (unsigned)slot -> offset);
    }
    h->slots++;
    return true;
}

static enum type_map_error walk(unsigned char *map, const unsigned char *object, size_t bytes,
                                struct heard *h)
{
    struct type_map m;
    *h = (struct heard){.object = object, .bytes = bytes};
    enum type_map_error error = type_map_open(&m, map, MAP_BYTES);
    return error ? error : type_map_walk(&m, object, bytes, hear, h);
}

static void test_slots(void **state)
{
    (void)state;
    unsigned char *map = malloc(MAP_BYTES), *object = calloc(1, 64 + 2 * 16 + 5);
    struct heard h;
    make(map);
    object[0] = 1;
    assert_int_equal(walk(map, object, 64, &h), TYPE_MAP_OK);
    assert_string_equal(h.text, "H20 P24 H36 P40 S48 S56 ");
    object[0] = 2;
    assert_int_equal(walk(map, object, 64 + 2 * 16 + 5, &h), TYPE_MAP_OK);
    assert_string_equal(h.text, "P8 H20 P24 H36 P40 S48 S56 P64 P80 ");
    memset(object, 0xff, 4); // an enumerator of -1
    assert_int_equal(walk(map, object, 64, &h), TYPE_MAP_OK);
    assert_string_equal(h.text, "F8 H20 P24 H36 P40 S48 S56 ");
    assert_int_equal(walk(map, object, 63, &h), TYPE_MAP_OBJECT);
    free(map);
    free(object);
}

static void test_tag_without_alternative(void **state)
{
    (void)state;
    unsigned char *map = malloc(MAP_BYTES), object[64] = {7};
    struct heard h;
    make(map);
    assert_int_equal(walk(map, object, 64, &h), TYPE_MAP_OK); // fresh memory: the union is zero
    object[15] = 1;
    assert_int_equal(walk(map, object, 64, &h), TYPE_MAP_TAG_VALUE);
    entry(map, NUMBER)->flags = 0; // holds for all other values
    seal(map, MAP_BYTES);
    assert_int_equal(walk(map, object, 64, &h), TYPE_MAP_OK);
    free(map);
}

static void test_tag_in_a_bit_field(void **state)
{
    (void)state;
    unsigned char *map = malloc(MAP_BYTES), object[64] = {0};
    struct heard h;
    make(map);
    entry(map, UNION)->aux = TAG;
    seal(map, MAP_BYTES);
    object[4] = 2 << 3 | 7;
    assert_int_equal(walk(map, object, 64, &h), TYPE_MAP_OK);
    assert_memory_equal(h.text, "P8 ", 3);
    free(map);
}

static void test_several_elements(void **state)
{
    (void)state;
    struct heard h;
    unsigned char *map = malloc(MAP_BYTES), *object = calloc(3, 64);
    make(map);
    entry(map, TAIL)->count = 0;
    seal(map, MAP_BYTES);
    assert_int_equal(walk(map, object, 3 * 64, &h), TYPE_MAP_OK);
    assert_int_equal(h.slots, 3 * 6);
    free(map);
    free(object);
}

// Each damage is found, and called by its name.
static void test_damage_by_name(void **state)
{
    (void)state;
    static const struct {
        int entry;
        size_t field, bytes;
        uint32_t value;
        enum type_map_error expected;
    } damages[] = {
#define D(e, field, value, expected)                                                               \
    {e, offsetof(struct type_map_entry, field), sizeof(sample[0].field), value, TYPE_MAP_##expected}
        D(KIND, name, 16, STRING),
        D(KIND, type, UINT32_MAX, STRING),
        D(KIND, kind, TYPE_KINDS, KIND),
        D(KIND, zero, 1, KIND),
        D(DATA, bytes, 4, KIND),
        D(PAIR_HANDLE, bytes, 8, KIND),
        D(TAG, aux, 3 | 40 << 16, KIND),
        D(ROOT, below, 13, TREE),
        D(PAIR, below, 9, TREE),
        D(KIND, below, 1, TREE),
        D(ROOT, count, 2, BOUNDS),
        D(ROOT, bytes, 40, BOUNDS),
        D(PAIR, count, 4, BOUNDS),
        D(PAIR, count, UINT32_MAX, BOUNDS),
        D(PAIR_POINTER, offset, 9, BOUNDS),
        D(PAIR_POINTER, offset, UINT32_MAX, BOUNDS),
        D(DATA, offset, 1, BOUNDS),
        D(TAIL, bytes, 0, BOUNDS),
        D(TAIL_POINTER, count, UINT32_MAX, BOUNDS),
        D(UNION, aux, NUMBER, TAG),
        D(UNION, aux, PAIR, TAG),
        D(UNION, aux, UINT32_MAX, TAG),
        D(PAIR, flags, TYPE_TAGGED, TAG),
        D(ROOT, flags, TYPE_TAGGED, TAG),
#undef D
    };
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        unsigned char *map = malloc(MAP_BYTES);
        struct type_map m;
        make(map);
        memcpy((char *)entry(map, damages[i].entry) + damages[i].field, &damages[i].value,
               damages[i].bytes);
        assert_int_equal(type_map_open(&m, map, MAP_BYTES), TYPE_MAP_CHECKSUM);
        seal(map, MAP_BYTES);
        enum type_map_error got = type_map_open(&m, map, MAP_BYTES);
        if (got != damages[i].expected) {
            fail_msg("damage %zu: %s instead of %s", i, type_map_error_text(got),
                     type_map_error_text(damages[i].expected));
        }
        free(map);
    }
}

static void test_every_length(void **state)
{
    (void)state;
    struct type_map m;
    for (size_t bytes = 0; bytes < MAP_BYTES; bytes++) {
        unsigned char *whole = malloc(MAP_BYTES), *map = malloc(bytes ? bytes : 1);
        make(whole);
        memcpy(map, whole, bytes);
        assert_int_equal(type_map_open(&m, map, bytes), TYPE_MAP_TRUNCATED);
        free(whole);
        free(map);
    }
}

static uint64_t draws = 1;
static uint32_t draw(uint32_t limit)
{
    draws ^= draws << 13;
    draws ^= draws >> 7;
    draws ^= draws << 17;
    return (uint32_t)(draws >> 32) % limit;
}

// Whoever can change the map can also seal it again.
static void test_mutations(void **state)
{
    (void)state;
    unsigned char *map = malloc(MAP_BYTES);
    unsigned accepted = 0, refused = 0;
    for (int round = 0; round < 200000; round++) {
        make(map);
        for (uint32_t n = 1 + draw(3); n > 0; n--) {
            uint32_t at = draw(MAP_BYTES - 3), value = draw(2) ? draw(20) : draw(UINT32_MAX);
            if (draw(4)) {
                map[at] ^= (unsigned char)(1 << draw(8));
            } else {
                memcpy(map + at, &value, 4);
            }
        }
        if (draw(8)) {
            seal(map, MAP_BYTES);
        }
        size_t bytes = draw(200);
        unsigned char *object = malloc(bytes ? bytes : 1);
        for (size_t i = 0; i < bytes; i++) {
            object[i] = (unsigned char)(i == 0 || i > 3 ? draw(4) : 0);
        }
        struct heard h;
        enum type_map_error error = walk(map, object, bytes, &h);
        accepted += h.slots > 0;
        refused += error != TYPE_MAP_OK;
        assert_true(h.slots <= (uint64_t)ENTRIES * (bytes + 1));
        free(object);
    }
    assert_in_range(accepted, 5000, 200000);
    assert_in_range(refused, 10000, 200000); // it is not only the front door that was tested
    free(map);
}

static void test_depth(void **state)
{
    (void)state;
    for (int depth = TYPE_MAP_MAX_DEPTH - 2; depth < TYPE_MAP_MAX_DEPTH + 3; depth++) {
        size_t bytes = sizeof(struct type_map_header) + (size_t)(depth + 1) * 32 + 8;
        unsigned char *map = calloc(1, bytes);
        struct type_map_header h = {
            TYPE_MAP_MAGIC, TYPE_MAP_VERSION, (uint32_t)bytes, (uint32_t)depth + 1, 8, 0, 0};
        memcpy(map, &h, sizeof(h));
        for (int i = 0; i <= depth; i++) {
            *entry(map, i) = (struct type_map_entry){
                .bytes = 8, .count = 1, .kind = TYPE_STRUCT, .below = (uint32_t)(depth - i)};
        }
        seal(map, bytes);
        struct type_map m;
        assert_int_equal(type_map_open(&m, map, bytes),
                         depth < TYPE_MAP_MAX_DEPTH ? TYPE_MAP_OK : TYPE_MAP_TREE);
        free(map);
    }
}

static void test_globals(void **state)
{
    (void)state;
    struct {
        struct type_global record;
        char name[8];
    } good[2] = {{{TYPE_GLOBAL_MAGIC, 48, 0x1000, 0x2000, 8, 0, 4}, "one"},
                 {{TYPE_GLOBAL_MAGIC, 48, 0x3000, 0, 8, TYPE_GLOBAL_UNTYPED, 4}, "two"}};
    size_t at = 0;
    enum type_map_error error;
    assert_string_equal(type_global_name(type_global_next(good, sizeof(good), &at, &error)), "one");
    assert_int_equal(type_global_next(good, sizeof(good), &at, &error)->address, 0x3000);
    assert_null(type_global_next(good, sizeof(good), &at, &error));
    assert_int_equal(error, TYPE_MAP_OK);
    for (int round = 0; round < 100000; round++) {
        size_t bytes = draw(sizeof(good) + 1);
        unsigned char *section = malloc(bytes ? bytes : 1);
        memcpy(section, good, bytes);
        for (uint32_t n = bytes ? draw(3) : 0; n > 0; n--) {
            section[draw((uint32_t)bytes)] = (unsigned char)draw(256);
        }
        at = 0;
        for (const struct type_global *g; (g = type_global_next(section, bytes, &at, &error));) {
            assert_true(strlen(type_global_name(g)) < bytes);
        }
        free(section);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_tag_without_alternative),
        cmocka_unit_test(test_tag_in_a_bit_field),
        cmocka_unit_test(test_several_elements),
        cmocka_unit_test(test_damage_by_name),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_globals),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
