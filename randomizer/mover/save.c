// SPDX-License-Identifier: MIT
// Writing a checkpoint: a move out of ourselves into its address space. Globals and heap go through
// the same hands as in a move; only the places are counted, not drawn.
#include "randomizer/mover/save.h"

enum { TRIES = 4 };

struct saving {
    uint8_t *start, *at, *end; // what is written so far ends at `at`; `end`: of the room
    uint64_t cursor;           // the next place
    struct checkpoint_object *object;
    uint32_t objects, objects_max;
    struct checkpoint_names names;
};

// Room for contents, zeroed where it counts: behind them, up to a multiple of 8.
static void *take(struct mover *m, uint64_t bytes)
{
    struct saving *s = m->saving;
    uint64_t room = save_room(bytes);
    if (room < bytes || (uint64_t)(s->end - s->at) < room) {
        move_fail(m, MOVE_ROOM, "%llu bytes are not enough",
                  (unsigned long long)(s->end - s->start));
        return nullptr;
    }
    void *at = s->at;
    s->at += room;
    if (room != 0) {
        ((uint64_t *)at)[room / 8 - 1] = 0;
    }
    return at;
}

// ---- Tables ----

static uint32_t section_of_type(const struct mover *m, const struct rt_type *type)
{
    for (uint32_t i = 1; i < m->section_count; i++) {
        if (m->layout->address[i] == (uint64_t)type && globals_is_type(m, i)) {
            return i;
        }
    }
    return 0;
}

static void write_types(struct mover *m, struct checkpoint_body *body)
{
    body->types = heap.type_count;
    uint32_t *type = take(m, body->types * sizeof(uint32_t));
    for (uint32_t i = 0; type && i < body->types; i++) {
        type[i] = i == 0 ? 0 : section_of_type(m, heap.types[i]);
        if (i > 0 && type[i] == 0) {
            move_fail(m, MOVE_TYPE, "%s has no section", heap.types[i]->name);
        }
    }
}

static void write_mappings(struct mover *m, struct checkpoint_body *body)
{
    for (int i = 0; m->error == MOVE_OK && i < RT_MAPS; i++) {
        const struct rt_mapping *r = &rt_mappings[i];
        struct checkpoint_mapping *to = r->address ? take(m, sizeof(*to)) : nullptr;
        if (to) {
            *to = (struct checkpoint_mapping){r->bytes, r->prot, r->kind};
            m->mappings[m->mapping_count++] = (struct region){
                (uint64_t)r->address, save_place(&m->saving->cursor, r->bytes), r->bytes, 0};
        }
    }
    body->mappings = m->mapping_count;
}

static void write_names(struct mover *m, struct checkpoint_body *body)
{
    struct saving *s = m->saving;
    uint32_t n = rt_startup->handle_count;
    n = n < STARTUP_HANDLES ? n : STARTUP_HANDLES;
    struct named *name = take(m, n * sizeof(struct named));
    for (uint32_t i = 0; name && i < n; i++) {
        __builtin_memcpy(name[i].name, rt_startup->handles[i].name, sizeof(name[i].name));
    }
    body->names = n;
    s->names = (struct checkpoint_names){name, n};
    m->names = &s->names;
}

// ---- Places and contents ----

static void place_sections(struct mover *m)
{
    for (uint32_t i = 1; i < m->section_count; i++) {
        struct section *s = &m->sections[i];
        if (s->from != 0) {
            s->to = save_place(&m->saving->cursor, s->bytes);
        }
    }
}

static void make_room_for_sections(struct mover *m)
{
    for (uint32_t i = 1; m->error == MOVE_OK && i < m->section_count; i++) {
        if (globals_has_state(m, i)) {
            m->sections[i].write = (uint64_t)take(m, m->sections[i].bytes);
        }
    }
}

uint64_t save_object(struct mover *m, const struct source *source, uint32_t bytes, uint32_t type,
                     void **contents)
{
    struct saving *s = m->saving;
    *contents = s->objects < s->objects_max ? take(m, bytes) : nullptr;
    if (!*contents || type >= heap.type_count) {
        move_fail(m, MOVE_HEAP, "more objects than are counted, or of no type");
        return 0;
    }
    s->object[s->objects++] = (struct checkpoint_object){
        bytes, (uint16_t)type,
        source->slot_bytes ? (uint8_t)slab_class(source->slot_bytes - 1) : (uint8_t)OBJECT_LARGE, 0};
    return save_place(&s->cursor, bytes);
}

static void write_objects(struct mover *m, struct checkpoint_body *body)
{
    struct saving *s = m->saving;
    s->objects_max = (uint32_t)heap.objects;
    s->object = take(m, s->objects_max * sizeof(struct checkpoint_object));
    if (m->error != MOVE_OK) {
        return;
    }
    make_room_for_sections(m);
    globals_move(m);
    objects_drain(m);
    objects_rest(m);
    if (m->error == MOVE_OK && s->objects != s->objects_max) {
        move_fail(m, MOVE_HEAP, "%u objects of %u", s->objects, s->objects_max);
    }
    body->objects = s->objects;
}

static void write_all(struct mover *m, const struct move_save *save)
{
    struct saving *s = m->saving;
    struct checkpoint_body *body;
    m->key = SAVE_KEY + (rt_random64() & SAVE_KEY_MASK);
    s->cursor = m->key;
    (void)take(m, sizeof(struct checkpoint_header));
    body = take(m, sizeof(*body));
    address_open(m, save->module, save->layout, save->layout);
    if (m->error != MOVE_OK) {
        return;
    }
    *body = (struct checkpoint_body){
        .key = m->key, .clock_ns = rt_now_ns(), .sections = m->section_count};
    place_sections(m);
    write_types(m, body);
    write_mappings(m, body);
    write_names(m, body);
    // As much as the objects can add: the shorter, the fewer numbers look like places.
    m->key_span = s->cursor - m->key + heap.object_bytes + 16 * heap.objects;
    objects_open(m);
    if (m->error == MOVE_OK) {
        write_objects(m, body);
    }
}

static enum move_error try(struct move_save *save, struct move_report *report)
{
    struct mover *m = mover_for(MOVE_SAVE, report);
    struct saving s = {.start = save->to, .at = save->to, .end = (uint8_t *)save->to + save->room};
    m->saving = &s;
    m->startup = rt_startup;
    write_all(m, save);
    save->bytes = (uint64_t)(s.at - s.start);
    return m->error;
}

enum move_error move_save(struct move_save *save, struct move_report *report)
{
    enum move_error error = MOVE_CLASH;
    for (int i = 0; i < TRIES && error == MOVE_CLASH; i++) {
        error = try(save, report);
    }
    while (move_clean_up()) {
    }
    if (error == MOVE_OK) {
        checkpoint_seal(save->to, save->bytes,
                        checkpoint_program(save->module, save->module_bytes));
    }
    return error;
}
