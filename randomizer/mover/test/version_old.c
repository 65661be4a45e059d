// SPDX-License-Identifier: MIT
#include "lib/rt/heap.h"
#include "lib/rt/movable.h"
#include "randomizer/mover/test/versions.h"
#include <stdbool.h>
#include <string.h>

typedef uint32_t handle_t;

struct part {
    uint16_t id;
    struct part *next;
    int8_t sign;
};
enum what { IS_NUMBER = 1, IS_POINTER = 2 };
struct thing {
    struct part *first; // the first field: a pointer to it looks like one to the whole
    int16_t small;
    uint32_t count;
    unsigned a : 3, b : 5;
    int c : 4;
    char text[8];
    int32_t many[4];
    struct part part[3];
    uint64_t gone;
    handle_t handle;
    enum what what;
    union {
        uint64_t number MOVE_WHEN(IS_NUMBER);
        void *pointer MOVE_WHEN(IS_POINTER);
    } u MOVE_TAG(what);
    double real;
};
struct line {
    uint32_t length;
    struct {
        uint8_t x;
        uint16_t y;
    } points[];
};
struct number_to_pointer {
    uint64_t field;
};
struct real_to_number {
    double field;
};
struct union_changed {
    union {
        uint32_t a;
        uint8_t b[4];
    } field;
};
struct negative {
    int32_t field;
};

static struct type_of_version type(enum version_type which)
{
    switch (which) {
    case THING:
        return VERSION_TYPE(struct thing);
    case LINE:
        return VERSION_TYPE(struct line);
    case NUMBER_TO_POINTER:
        return VERSION_TYPE(struct number_to_pointer);
    case REAL_TO_NUMBER:
        return VERSION_TYPE(struct real_to_number);
    case UNION_CHANGED:
        return VERSION_TYPE(struct union_changed);
    default:
        return VERSION_TYPE(struct negative);
    }
}

static void fill(void *at)
{
    struct thing *t = at;
    memset(t, 0xee, sizeof(*t)); // padding, too
    t->small = -3;
    t->count = 4000000000u;
    t->a = 5;
    t->b = 17;
    t->c = -6;
    memcpy(t->text, "seven!!", 8);
    for (int i = 0; i < 4; i++) {
        t->many[i] = -100000 * i;
    }
    for (int i = 0; i < 3; i++) {
        t->part[i].id = (uint16_t)(60000 + i);
        t->part[i].sign = (int8_t)-i;
    }
    t->what = IS_NUMBER;
    t->u.number = 0x1234567890;
    t->real = 1.5;
}

static const char *check(const void *at)
{
    const struct thing *t = at;
    bool fine = t->small == -300 && t->count == 70000 && t->a == 2 && t->b == 3 && t->c == 7 &&
                strcmp(t->text, "short") == 0 && t->many[1] == 11 && t->part[2].id == 12 &&
                t->part[1].sign == 1 && t->what == IS_NUMBER && t->u.number == 99 && t->real == 2.5;
    return !fine ? "a field" : t->gone != 0 ? "what is new is not zero" : NULL;
}

static size_t place(int which)
{
    switch (which) {
    case 1:
        return offsetof(struct thing, count);
    case 2:
        return offsetof(struct thing, part[1]);
    case 3:
        return offsetof(struct thing, part[2].next);
    case 4:
        return offsetof(struct thing, text[3]);
    case 5:
        return offsetof(struct thing, gone);
    case 6:
        return offsetof(struct thing, u.pointer);
    case 7:
        return sizeof(struct thing);
    case 8:
        return offsetof(struct thing, first);
    default:
        return 0;
    }
}

static size_t line(void *at, uint32_t count)
{
    struct line *l = at;
    l->length = count;
    for (uint32_t i = 0; i < count; i++) {
        l->points[i].x = (uint8_t)i;
        l->points[i].y = (uint16_t)(7 * i);
    }
    return sizeof(*l) + count * sizeof(l->points[0]);
}

static const char *check_line(const void *at, size_t bytes, uint32_t count)
{
    const struct line *l = at;
    bool fine = l->length == count && bytes >= sizeof(*l) + count * sizeof(l->points[0]);
    for (uint32_t i = 0; fine && i < count; i++) {
        fine = l->points[i].x == i && l->points[i].y == 7 * i;
    }
    return fine ? NULL : "a point";
}

const struct version_file version_old = {type, fill, check, place, line, check_line};
