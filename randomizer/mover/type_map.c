// SPDX-License-Identifier: MIT
// Type maps: checked once, then walked. Neither allocates.
#include "randomizer/mover/type_map.h"

static_assert(sizeof(struct type_map_header) == 32 && sizeof(struct type_map_entry) == 32);
static_assert(sizeof(struct type_global) == 40);

const char *type_map_error_text(enum type_map_error error)
{
    static const char *const texts[] = {
#define X(name, text) [TYPE_MAP_##name] = text,
        TYPE_MAP_ERROR(X)
#undef X
    };
    return (size_t)error < sizeof(texts) / sizeof(texts[0]) ? texts[error] : "no such error";
}

// ---- Checking ----

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static bool is_leaf(const struct type_map_entry *e)
{
    return e->kind != TYPE_STRUCT && e->kind != TYPE_UNION;
}

static bool kind_fits(const struct type_map_entry *e)
{
    switch (e->kind) {
    case TYPE_POINTER:
    case TYPE_FUNCTION:
        return e->bytes == 8;
    case TYPE_HANDLE:
        return e->bytes == 4;
    case TYPE_BITS: {
        uint32_t first = e->aux & 0xffff, width = e->aux >> 16;
        return first < 8 && width <= 64 && (first + width + 7) / 8 <= e->bytes && e->count == 1;
    }
    default:
        return e->kind < TYPE_KINDS;
    }
}

// The part lies in an element of its whole. What is flexible only starts there: its end is the
// object's, and the walk knows that. Only the last field of a struct that is itself the end of
// everything can be flexible, which `tail` says.
static bool part_fits(const struct type_map_entry *part, uint32_t whole_bytes, bool tail)
{
    if (part->count == TYPE_MAP_FLEXIBLE) {
        return tail && part->bytes != 0;
    }
    uint64_t bytes = (uint64_t)part->bytes * part->count;
    return (part->bytes != 0 || part->count <= 1) && part->offset <= whole_bytes &&
           bytes <= whole_bytes - part->offset;
}

static enum type_map_error check_tag(const struct type_map *map, uint32_t parent, uint32_t at)
{
    const struct type_map_entry *e = map->entries;
    if (!(e[at].flags & TYPE_TAGGED)) {
        return TYPE_MAP_OK;
    }
    if (e[at].kind != TYPE_UNION || at == 0 || e[parent].kind != TYPE_STRUCT || e[at].count != 1) {
        return TYPE_MAP_TAG;
    }
    uint32_t end = parent + 1 + e[parent].below;
    for (uint32_t i = parent + 1; i < end; i += 1 + e[i].below) {
        if (i == e[at].aux) {
            bool number =
                e[i].kind == TYPE_PLAIN && e[i].count == 1 &&
                (e[i].bytes == 1 || e[i].bytes == 2 || e[i].bytes == 4 || e[i].bytes == 8);
            return number || e[i].kind == TYPE_BITS ? TYPE_MAP_OK : TYPE_MAP_TAG;
        }
    }
    return TYPE_MAP_TAG;
}

// Everything under `parent`. The tree's depth is bounded, and so is the recursion.
static enum type_map_error check_below(const struct type_map *map, uint32_t parent, int depth,
                                       bool tail)
{
    const struct type_map_entry *whole = &map->entries[parent];
    if (depth == TYPE_MAP_MAX_DEPTH || (is_leaf(whole) && whole->below != 0)) {
        return TYPE_MAP_TREE;
    }
    uint32_t end = parent + 1 + whole->below;
    for (uint32_t i = parent + 1; i < end; i += 1 + map->entries[i].below) {
        const struct type_map_entry *e = &map->entries[i];
        if (e->below >= end - i) {
            return TYPE_MAP_TREE;
        }
        bool last = tail && i + 1 + e->below == end && whole->kind == TYPE_STRUCT;
        if (!part_fits(e, whole->bytes, last) || (whole->kind == TYPE_UNION && e->offset != 0)) {
            return TYPE_MAP_BOUNDS;
        }
        enum type_map_error error = check_tag(map, parent, i);
        if (error == TYPE_MAP_OK && !is_leaf(e)) {
            error = check_below(map, i, depth + 1, last && e->count == 1);
        } else if (error == TYPE_MAP_OK && e->below != 0) {
            error = TYPE_MAP_TREE;
        }
        if (error != TYPE_MAP_OK) {
            return error;
        }
    }
    return TYPE_MAP_OK;
}

static enum type_map_error check_entries(const struct type_map *map, uint32_t string_bytes)
{
    for (uint32_t i = 0; i < map->entry_count; i++) {
        const struct type_map_entry *e = &map->entries[i];
        if (e->name >= string_bytes || e->type >= string_bytes) {
            return TYPE_MAP_STRING;
        }
        if (!kind_fits(e) || e->zero != 0) {
            return TYPE_MAP_KIND;
        }
    }
    const struct type_map_entry *root = &map->entries[0];
    if (root->below != map->entry_count - 1) {
        return TYPE_MAP_TREE;
    }
    if (root->offset != 0 || root->bytes == 0 || root->count != 1) {
        return TYPE_MAP_BOUNDS;
    }
    if (root->flags & (TYPE_TAGGED | TYPE_WHEN)) {
        return TYPE_MAP_TAG;
    }
    return check_below(map, 0, 0, true);
}

enum type_map_error type_map_open(struct type_map *map, const void *data, size_t bytes)
{
    const struct type_map_header *h = data;
    if (bytes < sizeof(*h) || (uintptr_t)data % 8 != 0) {
        return TYPE_MAP_TRUNCATED;
    }
    if (h->magic != TYPE_MAP_MAGIC) {
        return TYPE_MAP_NOT_A_MAP;
    }
    if (h->version != TYPE_MAP_VERSION) {
        return TYPE_MAP_VERSION_ERROR;
    }
    if (h->bytes > bytes) {
        return TYPE_MAP_TRUNCATED;
    }
    uint64_t needed = sizeof(*h) + (uint64_t)h->entries * sizeof(struct type_map_entry);
    if (h->entries == 0 || h->entries > TYPE_MAP_MAX_ENTRIES || h->string_bytes == 0 ||
        h->zero != 0 || h->bytes % 8 != 0 || needed + h->string_bytes != h->bytes) {
        return TYPE_MAP_HEADER;
    }
    const uint8_t *first = data;
    uint64_t sum = type_map_sum(TYPE_MAP_SUM_START, first, offsetof(struct type_map_header, checksum));
    if (type_map_sum(sum, first + sizeof(*h), h->bytes - sizeof(*h)) != h->checksum) {
        return TYPE_MAP_CHECKSUM;
    }
    if (first[h->bytes - 1] != 0) {
        return TYPE_MAP_STRING;
    }
    *map = (struct type_map){(const struct type_map_entry *)(h + 1), h->entries,
                             (const char *)first + needed, h->checksum};
    return check_entries(map, h->string_bytes);
}

// ---- Walking ----

struct walk {
    const struct type_map *map;
    const uint8_t *object;
    uint64_t bytes;
    type_map_visit *visit;
    void *context;
};

static enum type_map_error walk_run(const struct walk *w, uint32_t at, uint64_t start);

static uint64_t read_tag(const struct walk *w, const struct type_map_entry *tag, uint64_t at)
{
    uint8_t raw[16] = {0};
    for (uint32_t i = 0; i < tag->bytes && i < sizeof(raw); i++) {
        raw[i] = w->object[at + i];
    }
    uint64_t low, high;
    __builtin_memcpy(&low, raw, 8);
    __builtin_memcpy(&high, raw + 8, 8);
    if (tag->kind != TYPE_BITS) {
        return low;
    }
    uint32_t first = tag->aux & 7, width = tag->aux >> 16;
    if (first != 0) {
        low = low >> first | high << (64 - first);
    }
    return width == 64 ? low : low & ((1ull << width) - 1);
}

static bool all_zero(const uint8_t *bytes, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

// Negative values of a tag are compared in 32 bits, as they are written in the map.
static bool tag_is(uint64_t value, const struct type_map_entry *tag, uint32_t when)
{
    if (tag->kind == TYPE_PLAIN && tag->bytes < 4) {
        uint64_t mask = (1ull << tag->bytes * 8) - 1;
        return value == (when & mask);
    }
    return (uint32_t)value == when;
}

static enum type_map_error walk_union(const struct walk *w, uint32_t at, uint64_t start,
                                      uint64_t whole)
{
    const struct type_map_entry *e = w->map->entries;
    uint32_t end = at + 1 + e[at].below;
    uint64_t tag = 0;
    if (e[at].flags & TYPE_TAGGED) {
        const struct type_map_entry *t = &e[e[at].aux];
        tag = read_tag(w, t, whole + t->offset);
        for (uint32_t i = at + 1; i < end; i += 1 + e[i].below) {
            if ((e[i].flags & TYPE_WHEN) && tag_is(tag, t, e[i].aux)) {
                return walk_run(w, i, start);
            }
        }
        for (uint32_t i = at + 1; i < end; i += 1 + e[i].below) {
            if (!(e[i].flags & TYPE_WHEN)) { // what holds for all other values; has no pointers
                return walk_run(w, i, start);
            }
        }
        return all_zero(w->object + start, e[at].bytes) ? TYPE_MAP_OK : TYPE_MAP_TAG_VALUE;
    }
    // Without a tag the alternatives agree about where pointers are: the compiler saw to that.
    return e[at].below ? walk_run(w, at + 1, start) : TYPE_MAP_OK;
}

static enum type_map_error walk_scan(const struct walk *w, uint32_t at, uint64_t start,
                                     uint64_t bytes)
{
    for (uint64_t o = (start + 7) & ~7ull; o + 8 <= start + bytes; o += 8) {
        struct type_slot slot = {o, TYPE_SCAN, at};
        if (!w->visit(w->context, &slot)) {
            return TYPE_MAP_STOPPED;
        }
    }
    return TYPE_MAP_OK;
}

// One element.
static enum type_map_error walk_one(const struct walk *w, uint32_t at, uint64_t start,
                                    uint64_t whole)
{
    const struct type_map_entry *e = &w->map->entries[at];
    switch (e->kind) {
    case TYPE_POINTER:
    case TYPE_FUNCTION:
    case TYPE_HANDLE: {
        struct type_slot slot = {start, (enum type_map_kind)e->kind, at};
        return w->visit(w->context, &slot) ? TYPE_MAP_OK : TYPE_MAP_STOPPED;
    }
    case TYPE_SCAN:
        return walk_scan(w, at, start, e->bytes);
    case TYPE_UNION:
        return walk_union(w, at, start, whole);
    case TYPE_STRUCT:
        for (uint32_t i = at + 1; i < at + 1 + e->below; i += 1 + w->map->entries[i].below) {
            enum type_map_error error = walk_run(w, i, start);
            if (error != TYPE_MAP_OK) {
                return error;
            }
        }
        return TYPE_MAP_OK;
    default:
        return TYPE_MAP_OK;
    }
}

// All elements of entry `at` in the whole that starts at `whole`.
static enum type_map_error walk_run(const struct walk *w, uint32_t at, uint64_t whole)
{
    const struct type_map_entry *e = &w->map->entries[at];
    if (!(e->flags & TYPE_LIVE)) {
        return TYPE_MAP_OK;
    }
    uint64_t start = whole + e->offset, count = e->count;
    if (count == TYPE_MAP_FLEXIBLE) {
        count = start < w->bytes ? (w->bytes - start) / e->bytes : 0;
    }
    for (uint64_t i = 0; i < count; i++) {
        enum type_map_error error = walk_one(w, at, start + i * e->bytes, whole);
        if (error != TYPE_MAP_OK) {
            return error;
        }
    }
    return TYPE_MAP_OK;
}

static bool ends_flexibly(const struct type_map *map)
{
    for (uint32_t i = 0; i < map->entry_count; i++) {
        if (map->entries[i].count == TYPE_MAP_FLEXIBLE) {
            return true;
        }
    }
    return false;
}

enum type_map_error type_map_walk(const struct type_map *map, const void *object, size_t bytes,
                                  type_map_visit *visit, void *context)
{
    uint32_t each = map->entries[0].bytes;
    if (bytes < each) {
        return TYPE_MAP_OBJECT;
    }
    struct walk w = {map, object, bytes, visit, context};
    uint64_t count = ends_flexibly(map) ? 1 : bytes / each;
    for (uint64_t i = 0; i < count; i++) {
        enum type_map_error error = walk_run(&w, 0, i * each);
        if (error != TYPE_MAP_OK) {
            return error;
        }
    }
    return TYPE_MAP_OK;
}

uint32_t type_map_field(const struct type_map *map, uint32_t parent, const char *name)
{
    if (parent >= map->entry_count) {
        return 0;
    }
    uint32_t end = parent + 1 + map->entries[parent].below;
    for (uint32_t i = parent + 1; i < end; i += 1 + map->entries[i].below) {
        if (same(map->strings + map->entries[i].name, name)) {
            return i;
        }
    }
    return 0;
}

static bool covers(const struct type_map_entry *entries, uint32_t i, uint64_t at)
{
    const struct type_map_entry *e = &entries[i];
    bool flexible = e->count == TYPE_MAP_FLEXIBLE;
    if (at < e->offset || e->bytes == 0 || (!flexible && at - e->offset >= (uint64_t)e->bytes * e->count)) {
        return false;
    }
    bool covered = e->below == 0; // of what stands alone, all bytes are its own
    for (uint32_t part = i + 1; part < i + 1 + e->below && !covered; part += 1 + entries[part].below) {
        covered = covers(entries, part, (at - e->offset) % e->bytes);
    }
    return covered;
}

bool type_map_covers(const struct type_map *map, uint64_t offset)
{
    for (uint32_t part = 1; part < map->entry_count; part += 1 + map->entries[part].below) {
        if (covers(map->entries, part, offset)) {
            return true;
        }
    }
    return map->entry_count == 1; // no struct
}

// ---- Globals ----

const struct type_global *type_global_next(const void *section, size_t bytes, size_t *at,
                                           enum type_map_error *error)
{
    *error = TYPE_MAP_OK;
    if (*at == bytes) {
        return nullptr;
    }
    const struct type_global *g = (const void *)((const char *)section + *at);
    if (*at > bytes || bytes - *at < sizeof(*g) || (uintptr_t)g % 8 != 0) {
        *error = TYPE_MAP_TRUNCATED;
    } else if (g->magic != TYPE_GLOBAL_MAGIC) {
        *error = TYPE_MAP_NOT_A_MAP;
    } else if (g->record_bytes > bytes - *at || g->record_bytes % 8 != 0 ||
               g->record_bytes < sizeof(*g) || g->name_bytes == 0 ||
               g->name_bytes > g->record_bytes - sizeof(*g)) {
        *error = TYPE_MAP_HEADER;
    } else if (type_global_name(g)[g->name_bytes - 1] != 0) {
        *error = TYPE_MAP_STRING;
    }
    if (*error != TYPE_MAP_OK) {
        return nullptr;
    }
    *at += g->record_bytes;
    return g;
}

const char *type_global_name(const struct type_global *global)
{
    return (const char *)(global + 1);
}
