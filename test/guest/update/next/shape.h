// SPDX-License-Identifier: MIT
// The types of the next version of the hoard: fields in another order, wider, narrower, more of them, and fewer.
#pragma once
#include "lib/rt/movable.h"
#include "lib/rt/tx.h"
#include <stdint.h>

#define SHAPE_MOTTO "things that will be kept"

enum kind { NUMBER, TEXT, PAIR, CALL, KINDS };
struct item;
typedef uint32_t operation(const struct item *);

struct item {
    uint64_t touched; // new
    uint64_t value;   // wider
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
    struct item **link, *next; // behind all, and in another order
};
struct branch {
    uint32_t key;
    struct branch *parent, *child[2];
    uint16_t length; // wider
    char name[14];   // longer
};

struct cell {
    uint32_t numbers[3];
    uint32_t weight; // wider
    uint32_t *inside;
    struct cell *peer;
};

static inline bool shape_is_well(const struct rt_rebirth *)
{
    return true;
}

static inline void shape_note_item(struct item *i)
{
    i->touched = i->value + 1;
}

static inline bool shape_item_is_well(const struct item *i)
{
    return i->touched == 0 || i->touched == i->value + 1; // 0: the other version made it
}

static inline uint32_t shape_weight(const struct cell *c)
{
    return c->weight;
}

static inline void shape_weigh(struct cell *c, uint16_t weight)
{
    c->weight = weight;
}
