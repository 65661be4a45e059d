// SPDX-License-Identifier: MIT
// State of every shape, and a walk over all of it.
#include "servers/hoard/hoard.h"
#include "lib/rt/movable.h"
#include "lib/rt/rt.h"
#include <shape.h>
#include <stdlib.h>
#include <string.h>

static uint32_t dice;

static uint32_t draw(uint32_t limit)
{
    dice = dice * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(dice >> 4) * limit >> 28);
}

// ---- A list, doubly linked, with a pointer to the last link ----

static struct item *items, **last_item = &items;
static uint64_t item_count;

static uint32_t plus(const struct item *i)
{
    return i->value + 7;
}

static uint32_t times(const struct item *i)
{
    return i->value * 31;
}

static operation *const operations[] = {plus, times, plus};
static operation *chosen = times;
static const char *motto = SHAPE_MOTTO; // of the version in which this life began

// ---- A tree with parents ----

static struct branch *root;
static uint64_t branch_count;

// ---- Cells in an array, pointers into it and to its end; untyped blocks ----

enum { CELLS = 64, BLOCKS = 32, HISTORY = 16 };
static struct cell *cells, *cells_end, *middle;
static void *blocks[BLOCKS]; // untyped: word 0 the next block's address, then numbers
static uintptr_t secret MOVE_POINTER;
static struct {
    uint8_t odd;
    struct cell *far;
} __attribute__((packed)) crooked;
static uint8_t *large; // with a mapping of its own
static uint64_t changes, history[HISTORY];

enum { LARGE_BYTES = 40000 };

// ---- Texts that grow and shrink where they are; what leads to them never changes ----

enum { ELASTIC = 4, SHORT_MIN = 40, SHORT_MAX = 62, LONG_MIN = 12000, LONG_MAX = 20400 };
struct elastic {
    char *text;
};
static struct elastic *elastic[ELASTIC]; // the last one's text has a mapping of its own
static uint32_t elastic_bytes[ELASTIC];

static bool make_elastic(void)
{
    for (int i = 0; i < ELASTIC; i++) {
        elastic[i] = new(struct elastic);
        elastic_bytes[i] = i == ELASTIC - 1 ? LONG_MAX : SHORT_MAX;
        if (!elastic[i] || !(elastic[i]->text = malloc(elastic_bytes[i]))) {
            return false;
        }
        memset(elastic[i]->text, 'e', elastic_bytes[i]);
    }
    return true;
}

// In place, but in a life that was restored or updated: there a large text has a mapping that just fits.
static bool stretch(int i)
{
    uint32_t before = elastic_bytes[i];
    uint32_t now = i == ELASTIC - 1 ? LONG_MIN + draw(LONG_MAX - LONG_MIN) : SHORT_MIN + draw(SHORT_MAX - SHORT_MIN);
    char *text = realloc(elastic[i]->text, now);
    if (!text) {
        return false;
    }
    elastic[i]->text = text;
    elastic_bytes[i] = now;
    if (now > before) {
        memset(text + before, 'a' + (int)draw(26), now - before);
    }
    return true;
}

// ---- Making ----

static bool add_item(void)
{
    struct item *i = new(struct item);
    if (!i) {
        return false;
    }
    i->value = draw(1 << 20);
    shape_note_item(i);
    i->kind = draw(KINDS);
    switch (i->kind) {
    case NUMBER:
        i->u.number = (uint64_t)i->value << 20;
        break;
    case TEXT:
        i->u.text = malloc(8 + draw(40));
        if (!i->u.text) {
            delete(i);
            return false;
        }
        memset(i->u.text, 'a' + i->value % 26, 7);
        i->u.text[7] = '\0';
        break;
    case PAIR:
        i->u.pair.weight = (uint16_t)i->value;
        i->u.pair.to[0] = items;
        i->u.pair.to[1] = i;
        break;
    default:
        i->u.call = operations[draw(3)];
    }
    i->link = last_item;
    *last_item = i;
    last_item = &i->next;
    item_count++;
    return true;
}

static void drop_item(struct item *i)
{
    // Others may point to the first one only.
    *i->link = i->next;
    if (i->next) {
        i->next->link = i->link;
    } else {
        last_item = i->link;
    }
    if (i->kind == TEXT) {
        free(i->u.text);
    }
    delete(i);
    item_count--;
}

static bool add_branch(void)
{
    struct branch **at = &root, *parent = nullptr;
    uint32_t key = draw(1 << 28);
    while (*at) {
        parent = *at;
        at = &parent->child[key > parent->key];
    }
    struct branch *b = new(struct branch);
    if (!b) {
        return false;
    }
    b->parent = parent;
    b->key = key;
    b->length = (uint8_t)(1 + key % 10);
    memset(b->name, 'A' + (int)(key % 26), b->length);
    *at = b;
    branch_count++;
    return true;
}

static bool make_cells(void)
{
    cells = new_array(struct cell, CELLS);
    large = malloc(LARGE_BYTES);
    if (!cells || !large) {
        return false;
    }
    for (int i = 0; i < CELLS; i++) {
        shape_weigh(&cells[i], (uint16_t)draw(60000));
        cells[i].peer = &cells[draw(CELLS)];
        cells[i].numbers[1] = draw(1000);
        cells[i].inside = &cells[draw(CELLS)].numbers[1];
    }
    cells_end = cells + CELLS;
    middle = cells + CELLS / 2;
    secret = (uintptr_t)&cells[3];
    crooked.odd = 1;
    crooked.far = &cells[5];
    memset(large, (int)draw(256), LARGE_BYTES);
    return true;
}

static bool make_blocks(void)
{
    for (int i = 0; i < BLOCKS; i++) {
        uint64_t *block = malloc(24 + draw(200));
        if (!block) {
            return false;
        }
        memcpy(block, &blocks[i > 0 ? i - 1 : 0], sizeof(void *));
        block[1] = draw(1 << 28);
        block[2] = ~block[1];
        blocks[i] = block;
    }
    return true;
}

bool hoard_fill(uint32_t seed, uint32_t objects, uint64_t bytes, uint64_t *made)
{
    uint64_t used = 0;
    dice = seed;
    if (!cells && !(make_cells() && make_blocks() && make_elastic())) {
        return false;
    }
    for (*made = 0; *made < objects || used < bytes; ++*made) {
        if (!(draw(2) ? add_item() : add_branch())) {
            return false;
        }
        used += 60;
    }
    changes++;
    return true;
}

// ---- Changing ----

static struct item *some_item(void)
{
    struct item *i = items;
    for (uint32_t n = draw(50); i && i->next && n > 0; n--) {
        i = i->next;
    }
    return i;
}

static bool change_one(void)
{
    struct item *i = some_item();
    switch (draw(7)) {
    case 0:
        return add_item();
    case 1:
        return add_branch();
    case 2:
        if (i && i != items) {
            drop_item(i);
        }
        return true;
    case 3:
        if (i) {
            i->value ^= draw(1 << 20);
            shape_note_item(i);
        }
        return true;
    case 4:
        if (cells) {
            cells[draw(CELLS)].peer = &cells[draw(CELLS)];
            *cells[draw(CELLS)].inside += 1;
            large[draw(LARGE_BYTES)]++;
        }
        return true;
    case 5:
        return !cells || stretch((int)draw(ELASTIC));
    default:
        chosen = operations[draw(3)];
        return true;
    }
}

bool hoard_churn(uint32_t seed, uint32_t count, uint64_t *done)
{
    dice = seed;
    for (*done = 0; *done < count; ++*done) {
        if (!change_one()) {
            return false;
        }
    }
    history[changes++ % HISTORY] = seed;
    return true;
}

void hoard_clear(void)
{
    while (items) {
        if (items->next) {
            drop_item(items->next);
        } else {
            drop_item(items);
        }
    }
    while (root) {
        struct branch *b = root;
        while (b->child[0] || b->child[1]) {
            b = b->child[b->child[0] == nullptr];
        }
        if (b->parent) {
            b->parent->child[b->parent->child[1] == b] = nullptr;
        } else {
            root = nullptr;
        }
        delete(b);
    }
    branch_count = 0;
    changes++;
}

bool hoard_is_well(const struct rt_rebirth *rebirth)
{
    return shape_is_well(rebirth);
}

bool hoard_spoil(void)
{
    if (items) {
        items->kind = KINDS;
        items->u.number = items->value + 1ull; // not all zero
    }
    return items != nullptr;
}

// ---- Looking ----

static uint64_t sum_of;

static void add(uint64_t value)
{
    sum_of = (sum_of ^ value) * 0x100000001b3;
}

static const char *check_items(void)
{
    struct item **link = &items;
    uint64_t n = 0;
    for (struct item *i = items; i; i = i->next, n++) {
        if (!shape_item_is_well(i)) {
            return "an item has lost what only one version knows";
        }
        if (i->link != link) {
            return "an item's link does not lead to it";
        }
        link = &i->next;
        add(i->value);
        add(i->kind);
        if (i->kind == NUMBER) {
            add(i->u.number);
        } else if (i->kind == TEXT) {
            add(strlen(i->u.text) + (uint64_t)i->u.text[0]);
        } else if (i->kind == PAIR) {
            add(i->u.pair.weight);
            if (i->u.pair.to[1] != i) {
                return "an item has lost itself";
            }
        } else {
            add(i->u.call(i));
        }
    }
    add(items ? chosen(items) : 0);
    for (const char *c = motto; *c != '\0'; c++) {
        add((uint8_t)*c);
    }
    return n != item_count ? "items are missing" : last_item != link ? "the end is elsewhere" : nullptr;
}

static const char *check_tree(void)
{
    const struct branch *b = root, *from = nullptr;
    uint64_t n = 0;
    while (b) {
        const struct branch *next;
        if (from == b->parent) {
            n++;
            add((uint64_t)b->key);
            add((uint64_t)b->name[b->length - 1]);
            next = b->child[0] ? b->child[0] : b->child[1] ? b->child[1] : b->parent;
        } else if (from == b->child[0] && b->child[1]) {
            next = b->child[1];
        } else if (from == b->child[0] || from == b->child[1]) {
            next = b->parent;
        } else {
            return "a branch's parent is not its parent";
        }
        from = b;
        b = next;
    }
    return n != branch_count ? "branches are missing" : nullptr;
}

// Which cell's middle number that is: the bytes between are each version's own.
static uint64_t index_of(const uint32_t *number)
{
    for (uint64_t i = 0; i < CELLS; i++) {
        if (&cells[i].numbers[1] == number) {
            return i;
        }
    }
    return CELLS;
}

static const char *check_cells(void)
{
    if (!cells) {
        return nullptr;
    }
    if (cells_end - cells != CELLS || middle - cells != CELLS / 2 || secret != (uintptr_t)&cells[3] ||
        crooked.far != &cells[5] || crooked.odd != 1) {
        return "a pointer into the cells is off";
    }
    for (int i = 0; i < CELLS; i++) {
        add(shape_weight(&cells[i]));
        add((uint64_t)(cells[i].peer - cells));
        add(index_of(cells[i].inside));
        add(*cells[i].inside);
    }
    for (int i = 0; i < LARGE_BYTES; i++) {
        add(large[i]);
    }
    for (int i = 0; i < BLOCKS; i++) {
        const uint64_t *block = blocks[i];
        void *before;
        memcpy(&before, block, sizeof(before));
        if (block[1] != ~block[2] || (i > 0 && before != blocks[i - 1])) {
            return "an untyped block is damaged";
        }
        add(block[1]);
    }
    for (int i = 0; i < ELASTIC; i++) {
        for (uint32_t at = 0; at < elastic_bytes[i]; at++) {
            add((uint8_t)elastic[i]->text[at]);
        }
    }
    return nullptr;
}

const char *hoard_check(uint64_t *sum, uint64_t *objects, uint64_t *ups)
{
    sum_of = 0xcbf29ce484222325;
    const char *wrong = check_items();
    wrong = wrong ? wrong : check_tree();
    wrong = wrong ? wrong : check_cells();
    for (int i = 0; i < HISTORY; i++) {
        add(history[i]);
    }
    add(changes);
    *sum = sum_of;
    *objects = item_count + branch_count;
    *ups = changes;
    return wrong;
}

MOVE_ADDRESSES bool hoard_where(uint64_t at[5])
{
    at[0] = (uint64_t)items;
    at[1] = (uint64_t)root;
    at[2] = (uint64_t)large;
    at[3] = (uint64_t)hoard_check;
    at[4] = (uint64_t)&history[0];
    return items && root && large;
}
