// SPDX-License-Identifier: MIT
// The types of a version of the hoard for which there is no conversion: a branch's key is a floating-point number.
#pragma once
#include "lib/rt/movable.h"
#include "lib/rt/tx.h"
#include <stdint.h>

#define SHAPE_MOTTO "things that are kept"

enum kind { NUMBER, TEXT, PAIR, CALL, KINDS };
struct item;
typedef uint32_t operation(const struct item *);

struct item {
    struct item *next, **link; // link: the pointer that leads here
    uint32_t value;
    uint32_t noted;
    enum kind kind;
    union {
        uint64_t number MOVE_WHEN(NUMBER);
        char *text MOVE_WHEN(TEXT);
        struct {
            uint16_t weight;
            struct item *to[2];
        } pair MOVE_WHEN(PAIR);
        operation *call MOVE_WHEN(CALL);
    } u MOVE_TAG(kind);
};
// Names follow the struct.
struct branch {
    struct branch *child[2], *parent;
    double key;
    uint8_t length;
    char name[11];
};
struct cell {
    uint16_t weight;
    struct cell *peer;
    uint32_t *inside;
    uint32_t numbers[3];
};
// What this version knows of itself when it has been reborn: whether it can go on.
static inline bool shape_is_well(const struct rt_rebirth *)
{
    return true;
}

// What no other version has.
static inline void shape_note_item(struct item *i)
{
    i->noted = ~i->value;
}

static inline bool shape_item_is_well(const struct item *i)
{
    return i->noted == 0 || i->noted == ~i->value; // 0: another version made it, or changed it
}

static inline uint32_t shape_weight(const struct cell *c)
{
    return c->weight;
}

static inline void shape_weigh(struct cell *c, uint16_t weight)
{
    c->weight = weight;
}
