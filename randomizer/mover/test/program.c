// SPDX-License-Identifier: MIT
#include "randomizer/mover/test/program.h"
#include "lib/rt/heap.h"
#include "lib/rt/movable.h"

// As new(T), with room for the array that ends it.
void *program_new_bytes(struct rt_type *type, size_t bytes);
#define new_with_room(T, room)                                                                     \
    __extension__({                                                                                \
        static struct {                                                                            \
            struct rt_type type;                                                                   \
            T *of[0];                                                                              \
        } rt_type_of_new = {.type = {.name = #T, .bytes = sizeof(T)}};                             \
        (T *)program_new_bytes(&rt_type_of_new.type, sizeof(T) + (room));                          \
    })

static unsigned state;

static unsigned draw(unsigned limit)
{
    state = state * 1664525 + 1013904223;
    return (state >> 8) % limit;
}

// A list, doubly linked, with its head in a global and a pointer to the last link.
struct item {
    unsigned value;
    struct item *next, **link;
};
static struct item *items, **last_item = &items;

// A tree with parents.
struct branch {
    struct branch *child[2], *parent;
    char name[5];
    unsigned key;
};
static struct branch *root;

// A hash table: buckets in an array of their own, entries that end in the key's bytes.
struct entry {
    struct entry *next;
    unsigned hash;
    unsigned char length;
    char key[];
};
static struct {
    struct entry **buckets;
    size_t bucket_count, used;
} table;

// Unions: tagged by a field, by a bit-field behind them, without a tag but alike.
enum kind { NUMBER, TEXT, LINKS, CALL };
struct value {
    enum kind kind;
    union {
        unsigned long number MOVE_WHEN(NUMBER);
        char *text MOVE_WHEN(TEXT);
        struct {
            short weight;
            struct value *to[2];
        } links MOVE_WHEN(LINKS);
        unsigned (*call)(const struct value *) MOVE_WHEN(CALL);
    } u MOVE_TAG(kind);
};
struct packed_value {
    union {
        struct value *value MOVE_WHEN(1) MOVE_WHEN(3);
        unsigned long number;
    } u MOVE_TAG(tag);
    unsigned other : 7, tag : 2;
    union {
        struct item *item;
        struct branch *branch;
        void *any;
    };
};
static struct value values[12];
static struct packed_value *packed_values;

// Functions in a table, in structs, as an argument of another.
typedef unsigned operation(unsigned, unsigned);
static unsigned plus(unsigned a, unsigned b)
{
    return a + b;
}
static unsigned times(unsigned a, unsigned b)
{
    return a * b;
}
static operation *operations[4] = {plus, times, plus};
struct machine {
    operation **program, **at; // at: into the middle, and past the end
    struct {
        const char *name;
        operation *run;
    } words[2][3];
    unsigned char registers[3];
};
static struct machine *machines;
static struct machine one_machine;

// An array of structs, a pointer inside it, one to its end, and words that may be pointers.
struct cell {
    unsigned short weight;
    struct cell *peer;
    int *inside;
    int numbers[3];
};
static struct cell *cells, *cells_end, *middle;
static int *inner;
static uintptr_t secret MOVE_POINTER;
static unsigned long maybe[3] MOVE_SCAN;
static struct {
    unsigned char odd;
    char *far;
} __attribute__((packed)) crooked;

// A flexible array of structs with pointers.
struct group {
    size_t count;
    struct {
        struct group *of;
        unsigned number;
    } members[];
};
static struct group *groups[2];

static void add_item(unsigned value)
{
    struct item *item = new (struct item);
    *item = (struct item){value, nullptr, last_item};
    *last_item = item;
    last_item = &item->next;
}

static void add_branch(unsigned key)
{
    struct branch **at = &root, *parent = nullptr;
    while (*at) {
        parent = *at;
        at = &parent->child[key > parent->key];
    }
    *at = new (struct branch);
    (*at)->parent = parent;
    (*at)->key = key;
}

static void add_entry(unsigned hash)
{
    struct entry *entry = new_with_room(struct entry, 7);
    entry->hash = hash;
    entry->length = 7;
    entry->key[6] = (char)hash;
    entry->next = table.buckets[hash % table.bucket_count];
    table.buckets[hash % table.bucket_count] = entry;
    table.used++;
}

static unsigned twice(const struct value *v)
{
    return (unsigned)v->kind * 2;
}

static void fill_values(void)
{
    for (unsigned i = 0; i < 12; i++) {
        struct value *v = &values[i];
        switch (v->kind = (enum kind)draw(4)) {
        case NUMBER:
            v->u.number = draw(1000);
            break;
        case TEXT:
            v->u.text = new_array(char, 1 + draw(20));
            break;
        case LINKS:
            v->u.links.weight = 3;
            v->u.links.to[0] = &values[draw(12)];
            v->u.links.to[1] = new (struct value);
            break;
        case CALL:
            v->u.call = twice;
        }
    }
    packed_values = new_array(struct packed_value, 9);
    for (unsigned i = 0; i < 9; i++) {
        packed_values[i].tag = draw(4);
        if (packed_values[i].tag % 2) {
            packed_values[i].u.value = &values[i];
        } else {
            packed_values[i].u.number = draw(1000);
        }
        packed_values[i].other = draw(128);
        packed_values[i].item = items;
    }
}

static void fill_machines(void)
{
    machines = new_array(struct machine, 3);
    for (unsigned i = 0; i < 4; i++) {
        struct machine *m = i == 3 ? &one_machine : &machines[i];
        m->program = i % 2 ? operations : new_array(operation *, 2);
        m->at = m->program + 2;
        m->words[1][i % 3].name = "word";
        m->words[1][i % 3].run = i % 2 ? times : plus;
    }
}

// It knows that the address in `secret` is found: the variable says so.
static void fill_cells(void)
{
    unsigned count = 2 + draw(30);
    cells = new_array(struct cell, count);
    cells_end = cells + count;
    middle = &cells[count / 2];
    inner = &middle->numbers[1];
    for (unsigned i = 0; i < count; i++) {
        cells[i].peer = draw(2) ? &cells[draw(count)] : nullptr;
        cells[i].inside = &cells[draw(count)].numbers[3];
    }
    secret = (uintptr_t)cells;
    maybe[draw(3)] = (uintptr_t)inner;
    crooked.far = (char *)cells_end;
}

static void fill_groups(void)
{
    for (unsigned g = 0; g < 2; g++) {
        size_t count = 1 + draw(6);
        groups[g] = new_with_room(struct group, count * sizeof(groups[0]->members[0]));
        groups[g]->count = count;
        for (size_t i = 0; i < count; i++) {
            groups[g]->members[i].of = groups[draw(2)];
            groups[g]->members[i].number = draw(1000);
        }
    }
}

void program_build(unsigned seed)
{
    state = seed;
    items = nullptr;
    last_item = &items;
    root = nullptr;
    __builtin_memset(values, 0, sizeof(values));
    __builtin_memset(maybe, 0, sizeof(maybe));
    groups[0] = groups[1] = nullptr;
    for (unsigned i = draw(40); i > 0; i--) {
        add_item(draw(100));
        add_branch(draw(100));
    }
    table.bucket_count = 5;
    table.buckets = new_array(struct entry *, 5);
    for (unsigned i = draw(30); i > 0; i--) {
        add_entry(draw(100));
    }
    fill_values();
    fill_machines();
    fill_cells();
    fill_groups();
}

// Follows what was built, so that the compiler keeps all of it.
MOVE_ADDRESSES unsigned program_use(void)
{
    unsigned sum = (unsigned)table.used + (unsigned)(cells_end - cells) + (unsigned)*inner;
    for (const struct item *i = items; i; i = i->next) {
        sum += i->value + (*i->link == i);
    }
    for (const struct branch *b = root; b; b = b->child[1]) {
        sum += b->key + (unsigned)b->name[0] + (b->parent != nullptr);
    }
    for (size_t i = 0; i < table.bucket_count; i++) {
        sum += table.buckets[i] ? table.buckets[i]->hash + table.buckets[i]->length : 0;
    }
    for (unsigned i = 0; i < 12; i++) {
        sum += values[i].kind == CALL ? values[i].u.call(&values[i]) : values[i].kind;
    }
    for (unsigned i = 0; i < 9; i++) {
        const struct packed_value *p = &packed_values[i];
        sum += p->tag % 2 ? p->u.value->kind : (unsigned)p->u.number;
        sum += p->item ? p->item->value + p->other : 0;
    }
    for (unsigned i = 0; i < 3; i++) {
        operation *run = machines[i].words[1][i].run;
        sum += run(i, 3) + machines[i].registers[0] + (machines[i].at[-2] != nullptr);
    }
    sum += operations[1](2, 3) + (unsigned)one_machine.registers[1] + (one_machine.at != nullptr);
    sum += middle->weight + (middle->peer != nullptr) + (secret == (uintptr_t)cells);
    sum += (maybe[0] | maybe[1] | maybe[2]) != 0;
    sum += (crooked.far == (char *)cells_end) + crooked.odd;
    sum += groups[0]->members[0].of == groups[0];
    return sum;
}

void (*const program_functions[])(void) = {(void (*)(void))plus, (void (*)(void))times,
                                           (void (*)(void))twice};
const size_t program_function_count = 3;
