// SPDX-License-Identifier: MIT
#include "randomizer/mover/convert.h"
#include <stdio.h>
#include <string.h>

typedef const struct type_map_entry entry;

static const char *name_of(const struct type_map *map, uint32_t at)
{
    return map->strings + map->entries[at].name;
}

static const char *type_of(const struct type_map *map, uint32_t at)
{
    return map->strings + map->entries[at].type;
}

// ---- Matching ----

static bool is_number(entry *e)
{
    bool plain = e->kind == TYPE_PLAIN && !(e->flags & TYPE_REAL) &&
                 (e->bytes == 1 || e->bytes == 2 || e->bytes == 4 || e->bytes == 8);
    return plain || e->kind == TYPE_BITS;
}

static bool same_shape(entry *a, entry *b)
{
    return a->kind == b->kind && a->bytes == b->bytes && a->count == b->count &&
           a->below == b->below && (a->flags & ~TYPE_SIGNED) == (b->flags & ~TYPE_SIGNED);
}

// The tag of a union, by its name.
static bool same_tag(const struct conversion *c, uint32_t i, uint32_t k)
{
    entry *a = &c->from.entries[i], *b = &c->to.entries[k];
    if (!(a->flags & TYPE_TAGGED)) {
        return true;
    }
    return strcmp(name_of(&c->from, a->aux), name_of(&c->to, b->aux)) == 0;
}

// Everything below is alike, at the same offsets.
static bool same_below(const struct conversion *c, uint32_t i, uint32_t k)
{
    uint32_t count = c->from.entries[i].below;
    for (uint32_t n = 1; n <= count; n++) {
        entry *a = &c->from.entries[i + n], *b = &c->to.entries[k + n];
        bool tags = a->kind == TYPE_UNION && (a->flags & TYPE_TAGGED);
        if (!same_shape(a, b) || a->offset != b->offset ||
            strcmp(name_of(&c->from, i + n), name_of(&c->to, k + n)) != 0 ||
            (tags ? !same_tag(c, i + n, k + n) : a->aux != b->aux)) {
            return false;
        }
    }
    return true;
}

static bool fits(const struct conversion *c, uint32_t i, uint32_t k)
{
    entry *a = &c->from.entries[i], *b = &c->to.entries[k];
    if ((a->count == TYPE_MAP_FLEXIBLE) != (b->count == TYPE_MAP_FLEXIBLE)) {
        return false;
    }
    if (is_number(a) && is_number(b)) {
        return true;
    }
    switch (a->kind) {
    case TYPE_STRUCT:
        return b->kind == TYPE_STRUCT;
    case TYPE_UNION:
        return same_shape(a, b) && same_tag(c, i, k) && same_below(c, i, k);
    case TYPE_PLAIN:
        return b->kind == TYPE_PLAIN && a->bytes == b->bytes &&
               (a->flags & TYPE_REAL) == (b->flags & TYPE_REAL);
    default:
        return a->kind == b->kind && a->bytes == b->bytes;
    }
}

// The field of that name; of those without one, the so-manieth.
static uint32_t counterpart(const struct conversion *c, uint32_t child,
                            uint32_t unnamed, uint32_t into)
{
    entry *e = c->to.entries;
    const char *name = name_of(&c->from, child);

    for (uint32_t k = into + 1; k < into + 1 + e[into].below; k += 1 + e[k].below) {
        if (strcmp(name_of(&c->to, k), name) == 0 && (*name != '\0' || unnamed-- == 0)) {
            return k;
        }
    }
    return 0;
}

static void pair_below(struct conversion *c, uint32_t i, uint32_t k);

static void pair(struct conversion *c, uint32_t i, uint32_t k)
{
    if (!fits(c, i, k)) {
        c->misfit = c->misfit ? c->misfit : i + 1;
        return;
    }
    c->pair[i] = k + 1;
    if (c->from.entries[i].kind == TYPE_STRUCT) {
        pair_below(c, i, k);
    } else {
        for (uint32_t n = 1; n <= c->from.entries[i].below; n++) { // a union, which is the same
            c->pair[i + n] = k + n + 1;
        }
    }
}

static void pair_below(struct conversion *c, uint32_t i, uint32_t k)
{
    entry *e = c->from.entries;
    uint32_t unnamed = 0;
    for (uint32_t n = i + 1; n < i + 1 + e[i].below; n += 1 + e[n].below) {
        uint32_t other = counterpart(c, n, unnamed, k);
        unnamed += *name_of(&c->from, n) == '\0';
        if (other != 0) {
            pair(c, n, other);
        }
    }
}

// The flexible array that ends the type; 0: there is none.
static uint32_t tail_of(const struct type_map *map)
{
    for (uint32_t i = 1; i < map->entry_count; i++) {
        if (map->entries[i].count == TYPE_MAP_FLEXIBLE) {
            return i;
        }
    }
    return 0;
}

void convert_make(struct conversion *c, const struct type_map *from, const struct type_map *to,
                  uint32_t *pairs)
{
    *c = (struct conversion){.from = *from, .to = *to, .pair = pairs};
    c->same = from->checksum == to->checksum;
    c->from_tail = tail_of(from);
    c->to_tail = tail_of(to);
    if (!c->same) {
        memset(pairs, 0, from->entry_count * sizeof(*pairs));
        pair(c, 0, 0);
    }
}

void convert_name(const struct conversion *c, uint32_t at, char *text, size_t size)
{
    const char *name = name_of(&c->from, at);
    snprintf(text, size, "%.60s%s%.60s", type_of(&c->from, 0), *name ? "." : "", name);
}

// ---- Sizes ----

// From the start of the object: it lies in structs that are each the last field of the one above.
static uint64_t start_of(const struct type_map *map, uint32_t at)
{
    uint64_t start = map->entries[at].offset;
    for (uint32_t i = 1; i < at; i++) {
        entry *e = &map->entries[i];
        start += at <= i + e->below ? e->offset : 0;
    }
    return start;
}

static uint64_t tail_count(const struct type_map *map, uint32_t tail, uint64_t bytes)
{
    uint64_t start = start_of(map, tail);
    return bytes > start ? (bytes - start) / map->entries[tail].bytes : 0;
}

uint64_t convert_bytes(const struct conversion *c, uint64_t bytes)
{
    uint32_t tail = c->to_tail, old_tail = c->from_tail;
    uint64_t each = c->from.entries->bytes, now = c->to.entries->bytes;
    if (c->same) {
        return bytes;
    }
    if (tail == 0 && old_tail == 0) {
        return bytes / each * now;
    }
    uint64_t n = old_tail ? tail_count(&c->from, old_tail, bytes) : 0;
    uint64_t end = tail ? start_of(&c->to, tail) + n * c->to.entries[tail].bytes : 0;
    return end > now ? end : now;
}

// ---- Numbers ----

struct number {
    uint64_t value; // sign-extended
    bool negative;
};

static struct number read_number(entry *e, const uint8_t *at)
{
    uint64_t low = 0, high = 0;
    uint32_t first = 0, width = e->bytes * 8;
    memcpy(&low, at, e->bytes < 8 ? e->bytes : 8);
    if (e->kind == TYPE_BITS) {
        first = e->aux & 7, width = e->aux >> 16;
        if (e->bytes > 8) {
            memcpy(&high, at + 8, e->bytes - 8 < 8 ? e->bytes - 8 : 8);
        }
        low = first ? low >> first | high << (64 - first) : low;
    }
    if (width < 64) {
        low &= (1ull << width) - 1;
    }
    bool negative = (e->flags & TYPE_SIGNED) && width > 0 && (low >> (width - 1) & 1);
    if (negative && width < 64) {
        low |= ~0ull << width;
    }
    return (struct number){low, negative};
}

int64_t convert_number_at(const struct type_map *map, uint32_t field, const void *element)
{
    entry *e = &map->entries[field];
    return is_number(e) ? (int64_t)read_number(e, (const uint8_t *)element + e->offset).value : 0;
}

static bool write_number(entry *e, uint8_t *at, struct number n)
{
    uint32_t first = e->kind == TYPE_BITS ? e->aux & 7 : 0;
    uint32_t width = e->kind == TYPE_BITS ? e->aux >> 16 : e->bytes * 8;
    bool sign = e->flags & TYPE_SIGNED;
    // What all bits above must be copies of.
    uint32_t kept = sign ? width - (width > 0) : width;
    uint64_t above = kept < 64 ? n.value >> kept : 0, ones = kept < 64 ? ~0ull >> kept : 0;
    if (n.negative ? !sign || above != ones : above != 0) {
        return false;
    }
    if (e->kind == TYPE_PLAIN) {
        memcpy(at, &n.value, e->bytes);
        return true;
    }
    for (uint32_t bit = 0; bit < width; bit++) {
        uint32_t to = first + bit;
        uint8_t mask = (uint8_t)(1u << to % 8);
        at[to / 8] = (uint8_t)((at[to / 8] & ~mask) | (n.value >> bit & 1 ? mask : 0));
    }
    return true;
}

static bool convert_number(entry *a, entry *b, const uint8_t *old, uint8_t *now)
{
    if (a->kind == TYPE_PLAIN && b->kind == TYPE_PLAIN && a->bytes == b->bytes) {
        memcpy(now, old, a->bytes);
        return true;
    }
    return write_number(b, now, read_number(a, old));
}

// ---- Data ----

struct copying {
    const struct conversion *c;
    const uint8_t *old;
    uint8_t *now;
    uint64_t bytes, new_bytes;
    uint32_t misfit;
};

static bool is_zero(const uint8_t *at, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++) {
        if (at[i] != 0) {
            return false;
        }
    }
    return true;
}

static void copy_run(struct copying *w, uint32_t i, uint64_t old, uint64_t now);

static void copy_one(struct copying *w, uint32_t i, uint64_t old, uint64_t now)
{
    const struct conversion *c = w->c;
    entry *a = &c->from.entries[i], *b = &c->to.entries[c->pair[i] - 1];
    bool ok = true;
    if (a->kind == TYPE_STRUCT) {
        for (uint32_t n = i + 1; n < i + 1 + a->below; n += 1 + c->from.entries[n].below) {
            copy_run(w, n, old, now);
        }
    } else if (is_number(a) && is_number(b)) {
        ok = convert_number(a, b, w->old + old, w->now + now);
    } else if (a->kind == TYPE_PLAIN || a->kind == TYPE_UNION || a->kind == TYPE_SCAN) {
        memcpy(w->now + now, w->old + old, a->bytes);
    }
    w->misfit = ok || w->misfit ? w->misfit : i + 1;
}

// All elements of a field; `old` and `now` are the wholes that it is part of.
static void copy_run(struct copying *w, uint32_t i, uint64_t old, uint64_t now)
{
    const struct conversion *c = w->c;
    if (c->pair[i] == 0) {
        return;
    }
    entry *a = &c->from.entries[i], *b = &c->to.entries[c->pair[i] - 1];
    uint64_t count = a->count, room = b->count;
    old += a->offset;
    now += b->offset;
    if (a->count == TYPE_MAP_FLEXIBLE) {
        count = old < w->bytes ? (w->bytes - old) / a->bytes : 0;
        room = now < w->new_bytes ? (w->new_bytes - now) / b->bytes : 0;
    }
    for (uint64_t n = 0; n < count && n < room; n++) {
        copy_one(w, i, old + n * a->bytes, now + n * b->bytes);
    }
    if (count > room && !is_zero(w->old + old + room * a->bytes, (count - room) * a->bytes)) {
        w->misfit = w->misfit ? w->misfit : i + 1;
    }
}

static uint64_t elements(const struct conversion *c, uint64_t bytes)
{
    return c->from_tail || c->to_tail ? 1 : bytes / c->from.entries->bytes;
}

uint32_t convert_data(const struct conversion *c, const void *old, uint64_t bytes, void *now)
{
    struct copying w = {c, old, now, bytes, convert_bytes(c, bytes), 0};
    uint64_t each = c->from.entries->bytes, n = elements(c, bytes);
    if (bytes < each || c->pair[0] == 0) {
        return bytes < each ? 1 : 0;
    }
    for (uint64_t i = 0; i < n; i++) {
        copy_one(&w, 0, i * each, i * c->to.entries->bytes);
    }
    return w.misfit;
}

// ---- Places ----

static bool is_type(const struct conversion *c, uint32_t i, const char *type)
{
    return type && strcmp(type_of(&c->from, i), type) == 0;
}

struct place {
    const struct conversion *c;
    const char *type;
    uint64_t bytes;
    int64_t found; // by type; -1: not yet
};

// The child of the struct `i` that byte `at` of it belongs to; 0: padding.
static uint32_t child_at(const struct place *p, uint32_t i, uint64_t at, uint64_t start)
{
    entry *e = p->c->from.entries;
    for (uint32_t n = i + 1; n < i + 1 + e[i].below; n += 1 + e[n].below) {
        uint64_t bytes = e[n].count == TYPE_MAP_FLEXIBLE ? p->bytes - start - e[n].offset
                                                         : (uint64_t)e[n].bytes * e[n].count;
        if (at >= e[n].offset && at - e[n].offset < bytes) {
            return n;
        }
    }
    return 0;
}

// Byte `at` of the element of entry i that begins at `start` there and at `now` here. -1: gone.
static int64_t find(struct place *p, uint32_t i, uint64_t start, uint64_t now, uint64_t at)
{
    const struct conversion *c = p->c;
    entry *a = &c->from.entries[i], *b = &c->to.entries[c->pair[i] - 1];
    if (at == 0 && p->found < 0 && is_type(c, i, p->type)) {
        p->found = (int64_t)now;
    }
    if (a->kind != TYPE_STRUCT) {
        bool inside = a->bytes == b->bytes || at == 0;
        return inside ? (int64_t)(now + at) : -1;
    }
    uint32_t n = child_at(p, i, at, start);
    if (n == 0 || c->pair[n] == 0) {
        return -1;
    }
    entry *x = &c->from.entries[n], *y = &c->to.entries[c->pair[n] - 1];
    uint64_t index = x->bytes ? (at - x->offset) / x->bytes : 0;
    if (index >= y->count && y->count != TYPE_MAP_FLEXIBLE) {
        return -1;
    }
    return find(p, n, start + x->offset + index * x->bytes, now + y->offset + index * y->bytes,
                (at - x->offset) - index * x->bytes);
}

// Behind the last whole element, or the last whole one of a tail.
static uint64_t end_of(const struct conversion *c, uint64_t bytes)
{
    uint32_t tail = c->from_tail;
    uint64_t each = c->from.entries->bytes;
    if (tail != 0) {
        uint64_t end = start_of(&c->from, tail) +
                       tail_count(&c->from, tail, bytes) * c->from.entries[tail].bytes;
        return end > each ? end : each;
    }
    return c->to_tail ? each : bytes / each * each;
}

// Of byte `offset`, which is not behind the last element. *element: where its element is now.
static int64_t place(struct place *p, uint64_t offset, uint64_t *element)
{
    const struct conversion *c = p->c;
    bool flexible = c->from_tail || c->to_tail;
    uint64_t each = c->from.entries->bytes, n = flexible ? 0 : offset / each;
    *element = n * c->to.entries->bytes;
    return c->pair[0] ? find(p, 0, n * each, *element, offset - n * each) : -1;
}

int64_t convert_slot(const struct conversion *c, uint64_t bytes, uint64_t offset)
{
    struct place p = {c, nullptr, bytes, -1};
    uint64_t element;
    if (c->same) {
        return (int64_t)offset;
    }
    return offset < end_of(c, bytes) ? place(&p, offset, &element) : -1;
}

int64_t convert_offset(const struct conversion *c, uint64_t bytes, uint64_t offset,
                       const char *type)
{
    struct place p = {c, type, bytes, -1};
    uint64_t element;
    if (c->same) {
        return (int64_t)offset;
    }
    if (offset >= end_of(c, bytes)) {
        return offset <= bytes ? (int64_t)convert_bytes(c, bytes) : -1;
    }
    int64_t there = place(&p, offset, &element);
    bool is_start = offset % c->from.entries->bytes == 0; // of an element
    if (p.found >= 0) {
        return p.found;
    }
    return is_start ? (int64_t)element : there;
}
