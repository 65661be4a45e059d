// SPDX-License-Identifier: MIT
#include "lib/rt/heap.h"
#include "lib/rt/movable.h"
#include "randomizer/mover/test/versions.h"
#include <stdbool.h>
#include <string.h>

typedef uint32_t handle_t;

struct part {
    int64_t sign;
    struct part *next;
    uint32_t id;
    void *added;
};
enum what { IS_NUMBER = 1, IS_POINTER = 2 };
struct thing {
    uint64_t added[2];
    handle_t handle;
    struct part part[4];
    int64_t many[6];
    uint64_t count;
    int64_t small;
    struct part *first;
    double real;
    char text[16];
    int c : 9;
    unsigned b : 11, a;
    enum what what;
    union {
        uint64_t number MOVE_WHEN(IS_NUMBER);
        void *pointer MOVE_WHEN(IS_POINTER);
    } u MOVE_TAG(what);
};
struct line {
    uint64_t more;
    uint64_t length;
    struct {
        uint32_t y;
        uint32_t x;
    } points[];
};
struct number_to_pointer {
    void *field;
};
struct real_to_number {
    uint64_t field;
};
struct union_changed {
    union {
        uint32_t a;
        uint16_t b[2];
    } field;
};
struct negative {
    uint64_t field;
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
    memset(t, 0, sizeof(*t));
    t->small = -300;
    t->count = 70000;
    t->a = 2;
    t->b = 3;
    t->c = 7;
    strcpy(t->text, "short");
    t->many[1] = 11;
    t->part[2].id = 12;
    t->part[1].sign = 1;
    t->what = IS_NUMBER;
    t->u.number = 99;
    t->real = 2.5;
}

static const char *check(const void *at)
{
    const struct thing *t = at;
    bool parts = true, many = t->many[4] == 0 && t->many[5] == 0;
    for (int i = 0; i < 4; i++) {
        many = many && t->many[i] == -100000 * i;
        parts = parts && t->part[i].id == (i < 3 ? 60000u + (unsigned)i : 0) &&
                t->part[i].sign == (i < 3 ? -i : 0) && t->part[i].added == NULL;
    }
    bool bits = t->a == 5 && t->b == 17 && t->c == -6;
    bool rest = t->small == -3 && t->count == 4000000000u && strcmp(t->text, "seven!!") == 0 &&
                t->what == IS_NUMBER && t->u.number == 0x1234567890 && t->real == 1.5;
    return !parts ? "parts" : !many ? "an array" : !bits ? "bits" : !rest ? "a field"
           : t->added[0] | t->added[1] ? "what is new is not zero" : NULL;
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
        l->points[i].x = i;
        l->points[i].y = 7 * i;
    }
    return sizeof(*l) + count * sizeof(l->points[0]);
}

static const char *check_line(const void *at, size_t bytes, uint32_t count)
{
    const struct line *l = at;
    bool fine = l->length == count && l->more == 0 && bytes == sizeof(*l) + count * sizeof(l->points[0]);
    for (uint32_t i = 0; fine && i < count; i++) {
        fine = l->points[i].x == i && l->points[i].y == 7 * i;
    }
    return fine ? NULL : "a point";
}

const struct version_file version_new = {type, fill, check, place, line, check_line};
