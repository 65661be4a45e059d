// SPDX-License-Identifier: MIT
// Reading a checkpoint: a move out of its address space. Nothing in it is believed: each table is
// held against what there is, each length against what is left, each place against the table of
// them. So a wrong checkpoint ends in an error, whatever its checksum says.
#include "randomizer/mover/save.h"

struct reading {
    const uint8_t *at, *end;
    const struct checkpoint_body *body;
    const uint32_t *types;
    const struct checkpoint_mapping *mappings;
    const struct checkpoint_object *objects;
    const uint64_t **contents; // of each object
    uint64_t cursor;           // the next place
    struct checkpoint_names names;
};

// `count` things of `each` bytes; nullptr: there are not so many left.
static const void *take(struct mover *m, struct reading *r, uint64_t count, uint64_t each)
{
    uint64_t left = (uint64_t)(r->end - r->at);
    if (count > left / each || save_room(count * each) > left) {
        move_fail(m, MOVE_DAMAGED, "it ends in the middle");
        return nullptr;
    }
    const void *at = r->at;
    r->at += save_room(count * each);
    return at;
}

// ---- Tables ----

static void open_frame(struct mover *m, struct reading *r, const struct startup *startup)
{
    const struct checkpoint_header *h = (const struct checkpoint_header *)startup->checkpoint;
    if (!checkpoint_verify(h, startup->checkpoint_bytes)) {
        move_fail(m, MOVE_DAMAGED, "wrong checksum");
        return;
    }
    if (h->program != checkpoint_program((const void *)startup->module, startup->module_bytes)) {
        move_fail(m, MOVE_OTHER, "%#llx", (unsigned long long)h->program);
        return;
    }
    r->at = (const uint8_t *)(h + 1);
    r->end = (const uint8_t *)h + h->bytes;
    r->body = take(m, r, 1, sizeof(*r->body));
}

static void open_tables(struct mover *m, struct reading *r)
{
    const struct checkpoint_body *b = r->body;
    uint64_t key = b->key - SAVE_KEY;
    if (b->sections != m->section_count || b->types == 0 || b->types > HEAP_TYPES ||
        b->mappings > RT_MAPS || (key & SAVE_KEY_MASK) != key) {
        move_fail(m, MOVE_DAMAGED, "numbers that cannot be");
        return;
    }
    m->key = b->key;
    r->cursor = b->key;
    r->types = take(m, r, b->types, sizeof(uint32_t));
    r->mappings = take(m, r, b->mappings, sizeof(struct checkpoint_mapping));
    r->names.name = take(m, r, b->names, sizeof(struct named));
    r->names.names = b->names;
    r->objects = take(m, r, b->objects, sizeof(struct checkpoint_object));
    m->names = &r->names;
}

// Types stay this program's own: only their numbers come from the checkpoint.
static void take_types(struct mover *m, struct reading *r)
{
    for (uint32_t i = 1; m->error == MOVE_OK && i < r->body->types; i++) {
        uint32_t section = r->types[i];
        if (section >= m->section_count || !globals_is_type(m, section)) {
            move_fail(m, MOVE_TYPE, "number %u", i);
            return;
        }
        heap.types[i] = (struct rt_type *)m->sections[section].to;
        heap.types[i]->id = i;
        heap.type_count = i + 1;
    }
}

// ---- Places ----

// Places up to the end of the space that checkpoints have.
static uint64_t place(struct mover *m, struct reading *r, uint64_t bytes)
{
    if (bytes > SAVE_SPACE_MAX || r->cursor - m->key > SAVE_SPACE_MAX) {
        move_fail(m, MOVE_DAMAGED, "sizes that cannot be");
        return 0;
    }
    return save_place(&r->cursor, bytes);
}

static void add_extent(struct mover *m, uint64_t from, uint64_t to, uint64_t bytes)
{
    m->extents[m->extent_count++] = (struct extent){from, to, bytes};
}

static void place_sections(struct mover *m, struct reading *r)
{
    for (uint32_t i = 1; m->error == MOVE_OK && i < m->section_count; i++) {
        struct section *s = &m->sections[i];
        if (s->from != 0) {
            s->from = place(m, r, s->bytes);
            add_extent(m, s->from, s->to, s->bytes);
        }
    }
}

// New memory, that nobody else sees and that holds nothing yet.
static uint64_t map_empty(struct mover *m, const struct checkpoint_mapping *r)
{
    uint64_t at = 0;
    bool good = r->bytes != 0 && r->bytes % PAGE_SIZE == 0 && r->kind <= RT_SHARED &&
                (r->prot & ~(uint32_t)(PROT_READ | PROT_WRITE)) == 0;
    if (!good) {
        move_fail(m, MOVE_DAMAGED, "a mapping that cannot be");
        return 0;
    }
    enum status status = map_apart(r->bytes, r->prot, &at);
    if (status != OK || (r->kind == RT_SHARED && !undo_skip_add(at, at + r->bytes))) {
        move_fail(m, MOVE_MAPPING, "%llu bytes: %s", (unsigned long long)r->bytes,
                  rt_status_text(status));
        return 0;
    }
    return at;
}

static void place_mappings(struct mover *m, struct reading *r)
{
    for (uint32_t i = 0; m->error == MOVE_OK && i < r->body->mappings; i++) {
        uint64_t bytes = r->mappings[i].bytes, from = place(m, r, bytes);
        if (m->error == MOVE_OK) {
            add_extent(m, from, map_empty(m, &r->mappings[i]), bytes);
        }
    }
}

// Which may be larger than the object needs: memory that was aligned.
static bool slot_fits(const struct checkpoint_object *o)
{
    return o->size_class == OBJECT_LARGE ||
           (o->size_class < HEAP_CLASSES && o->bytes < slab_shapes[o->size_class].slot_bytes &&
            o->bytes <= INFO_BYTES);
}

static void *make_object(const struct checkpoint_object *o)
{
    int c = o->size_class;
    if (c == OBJECT_LARGE) {
        return heap_place_large(o->bytes, o->bytes + 1ull, o->type);
    }
    if (heap.classes[c].free_slots == 0 && !slab_reserve(c, 1)) {
        return nullptr;
    }
    return slab_take(&heap.classes[c], &slab_shapes[c], o->bytes, o->type, heap_random());
}

static void place_objects(struct mover *m, struct reading *r)
{
    r->contents = move_alloc(m, (r->body->objects + 1ull) * sizeof(uint64_t *));
    for (uint32_t i = 0; m->error == MOVE_OK && i < r->body->objects; i++) {
        const struct checkpoint_object *o = &r->objects[i];
        r->contents[i] = take(m, r, o->bytes, 1);
        uint64_t from = place(m, r, o->bytes);
        if (m->error == MOVE_OK && (o->type >= heap.type_count || !slot_fits(o))) {
            move_fail(m, MOVE_DAMAGED, "an object that cannot be");
        }
        void *to = m->error == MOVE_OK ? make_object(o) : nullptr;
        if (!to) {
            move_fail(m, MOVE_NO_MEMORY, "an object of %u bytes", o->bytes);
            return;
        }
        add_extent(m, from, (uint64_t)to, o->bytes);
        m->report->objects++;
        m->report->bytes += o->bytes;
    }
}

// Numbers outside are no addresses of ours; those inside must lead somewhere.
uint64_t address_of_checkpoint(struct mover *m, uint64_t old)
{
    if (m->mode == MOVE_SAVE) { // it is written as it is, and would be taken for a place
        move_fail(m, MOVE_CLASH, "%#llx", (unsigned long long)old);
        return 0;
    }
    uint32_t low = 0, high = m->extent_count;
    while (low < high) { // the last one that begins at or below it
        uint32_t middle = (low + high) / 2;
        if (m->extents[middle].from <= old) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const struct extent *e = low > 0 ? &m->extents[low - 1] : nullptr;
    if (!e || old - e->from > e->bytes) {
        move_fail(m, MOVE_DAMAGED, "a pointer leads nowhere: %#llx", (unsigned long long)old);
        return 0;
    }
    return e->to + (old - e->from);
}

// ---- Contents ----

static void read_sections(struct mover *m, struct reading *r)
{
    for (uint32_t i = 1; m->error == MOVE_OK && i < m->section_count; i++) {
        if (globals_has_state(m, i)) {
            m->sections[i].read = (uint64_t)take(m, r, m->sections[i].bytes, 1);
        }
    }
}

static void fill_objects(struct mover *m, const struct reading *r)
{
    const struct extent *e = &m->extents[m->extent_count - r->body->objects];
    m->plans = move_alloc(m, HEAP_TYPES * sizeof(struct type_plan));
    for (uint32_t i = 0; m->error == MOVE_OK && i < r->body->objects; i++) {
        plan_copy(m, plan_of_type(m, r->objects[i].type), r->contents[i], (uint64_t *)e[i].to,
                  r->objects[i].bytes);
    }
}

static void read_all(struct mover *m, struct reading *r, const struct startup *startup)
{
    const struct layout_record *layout = (const struct layout_record *)startup->layout;
    open_frame(m, r, startup);
    if (m->error == MOVE_OK) {
        address_open(m, (const void *)startup->module, layout, layout);
        m->user_span = 0; // what is an address here was none there
    }
    if (m->error == MOVE_OK) {
        open_tables(m, r);
    }
    if (m->error == MOVE_OK) {
        m->extents = move_alloc(m, ((uint64_t)m->section_count + r->body->mappings +
                                    r->body->objects) * sizeof(struct extent));
    }
    if (m->error == MOVE_OK) {
        take_types(m, r);
        place_sections(m, r);
        place_mappings(m, r);
        read_sections(m, r);
    }
    if (m->error == MOVE_OK) {
        place_objects(m, r);
        m->key_span = r->cursor - m->key;
    }
    if (m->error == MOVE_OK && r->at != r->end) {
        move_fail(m, MOVE_DAMAGED, "more than it says");
    }
}

enum move_error move_restore(const struct startup *startup, struct move_report *report,
                             uint64_t *clock_ns)
{
    struct mover *m = mover_for(MOVE_RESTORE, report);
    struct reading r = {.at = nullptr};
    m->startup = startup;
    read_all(m, &r, startup);
    if (m->error == MOVE_OK) {
        fill_objects(m, &r);
    }
    if (m->error == MOVE_OK) {
        globals_move(m);
    }
    if (m->error == MOVE_OK) {
        heap_placed(report->objects, report->bytes);
        *clock_ns = r.body->clock_ns;
    }
    return m->error; // if not OK the task ends, and all of this with it
}
