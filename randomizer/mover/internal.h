// SPDX-License-Identifier: MIT
// What the mover's files share. Compiled without the compiler passes: none of this is state.
#pragma once
#include "lib/rt/heap_internal.h"
#include "lib/rt/undo_log.h"
#include "randomizer/linker/elf.h"
#include "randomizer/mover/move.h"
#include "randomizer/mover/type_map.h"

enum { MOVE_REGIONS = 512, MOVE_UNSURE = 4096, MOVE_RECENT = 1024, MOVE_ARENAS = 64, SECTION_GRANULE_SHIFT = 10, MOVE_LARGE = 4 };

// A slab or large object of the predecessor.
struct source {
    const struct record *record;
    uint64_t start;
    uint32_t slot_bytes, slots; // large: 0 and one slot
    const struct slab_shape *shape;
    uint64_t large_bytes, large_room;
    const uint32_t *info;       // of each slot, the predecessor's
    uint32_t *seen;             // the same as it was when the object was placed
    uint64_t *to;               // new address of each slot's object; 0: not visited
    uint32_t placed;            // so many are not 0
    uint32_t *queued;           // the pass that brought it up to date last
    // Of a large one, as far as the pass parts_pass is concerned:
    uint32_t parts_pass;
    const struct type_plan *parts_plan; // nullptr: it is not looked at in parts
    uint64_t *parts;                    // a bit for each part that was stored to; nullptr: none yet
    bool gone;                  // not in the predecessor's heap any more
    bool dropped;               // and its copies were dropped
    bool resized;               // a large one, since the pass before
};

// Where the predecessor has it.
static inline uint64_t source_slot(const struct source *s, uint32_t slot)
{
    return s->slot_bytes != 0 ? s->start + slot_offset(s->shape, slot) : s->start;
}

struct section {
    uint64_t from, to;    // from 0: not placed
    uint64_t read, write; // where its contents are copied from and to, here; write 0: they are not
    uint32_t bytes;       // MODULE_LOADED_MAX at the most
    bool code;            // one function: nothing leads into its middle
    uint8_t kind;         // a set of enum section_kind
};

// What a writable section's name says; of others 0. Looked at once: names are long, and there are many.
enum section_kind {
    SECTION_DATA = 1,    // the program's, and not written by the linker alone
    SECTION_OWN = 2,     // belongs to one incarnation: RT_OWN in lib/rt/internal.h
    SECTION_RECORDS = 4, // of globals
};

struct bucket {
    uint32_t section, next; // in the chain; 0: end
};

struct region {
    uint64_t from, to, bytes;
    uint64_t object; // of a view: the Memory object's number
};

// How the pointers of one type are found.
enum plan_kind {
    PLAN_UNKNOWN, // not made yet
    PLAN_PLAIN,   // there are none
    PLAN_SLOTS,   // at fixed offsets of each element
    PLAN_WALK,    // the map must be walked: flexible arrays, unions in unions
    PLAN_SCAN,    // nobody knows: each word is tried
};
// A pointer at an offset, if the union's tag says so.
struct plan_slot {
    uint32_t offset;
    uint8_t kind;      // enum type_map_kind
    uint8_t tag_bytes; // 0: always; 1, 2, 4 or 8: while the tag is `when`
    uint16_t choices;  // PLAN_TAG: so many slots behind this one hold the values that are allowed; PLAN_RUN: belong to it
    uint32_t tag, when;
};
// Kinds of slots beside those of the type map. PLAN_RUN: the slots behind it, `when` times, each time `tag` bytes further;
// its tag_bytes are not 0, so that whoever asks for them finds it, too.
enum { PLAN_TAG = 100, PLAN_VALUE = 101, PLAN_RUN = 102 };
struct type_plan {
    enum plan_kind kind;
    uint32_t element, count; // bytes of one, slots of one
    bool single;             // there is but one: what follows it belongs to it, and holds no pointers
    bool bare;               // its slots are pointers, wherever they are: no tags, no handles, no runs
    struct plan_slot *slots;
    struct type_map map;
};

// A part of a section: a variable, or all of it if it has no record.
struct global {
    struct type_plan plan;
    const uint64_t *from;
    uint64_t *to;
    uint64_t bytes;
};

struct visit { // an object whose contents are still to be moved
    const uint64_t *from;
    uint64_t *to;
    uint32_t bytes, type;
};

enum mover_mode {
    MOVE_OVER,    // from a predecessor
    MOVE_SAVE,    // from ourselves to a checkpoint
    MOVE_RESTORE, // from a checkpoint
};

// What a checkpoint's addresses have become, by rising address; see save.h.
struct extent {
    uint64_t from, to, bytes;
};

struct mover {
    enum mover_mode mode;
    const struct startup *startup;
    handle_t predecessor;
    struct move_report *report; // of pointers, leaks and wild what the last pass did, of the rest the sum
    enum move_error error;
    bool check;
    uint32_t scan_step; // of untyped memory, in bytes
    bool live;   // the predecessor is still at work: what is read may change under the hand
    bool copied; // a first copy is here; the next pass brings up to date what has changed
    struct undo_mark mark; // since when

    // Addresses in [USER_MIN, USER_MIN + user_span) are looked up as they are, those in
    // [key, key + key_span) are a checkpoint's.
    uint64_t user_span, key, key_span;

    // A bump allocator; everything of it is given back at the end.
    uint8_t *arena, *arena_end;
    uint32_t arenas;
    struct region arena_region[MOVE_ARENAS];

    // view.c
    struct region view[MOVE_REGIONS];
    uint32_t views, last_view; // looked at last

    // address.c
    const struct elf_header *elf;
    const struct elf_section *elf_sections;
    const char *elf_names;
    const struct layout_record *layout, *old_layout;
    struct section *sections; // by index in the module
    uint32_t section_count;
    uint32_t *writable;       // those of them that can be written and have a place
    uint32_t writable_count;
    uint32_t *heads; // hash over granules of old section addresses
    uint32_t head_mask;
    struct bucket *buckets;
    const struct section *large[MOVE_LARGE]; // these are not in the hash
    uint32_t large_count;
    uint32_t granules, large_noted; // that the hash has to have room for; large sections seen on the way
    struct region mappings[2 * RT_MAPS]; // with some that have gone since a pass ahead
    uint32_t mapping_count;

    // plan.c: the object under way. What leads from it into itself (rings, arrays of lists) needs no looking up.
    uint64_t self, self_bytes, self_to; // self_bytes 0: not used

    // objects.c
    const struct heap *heap; // the predecessor's
    const struct heap_numbers *numbers; // the predecessor's; nullptr: not known
    struct heap_entry *heap_table; // a copy of its table
    size_t heap_mask, heap_slots;  // heap_slots: room for that many
    struct source **sources; // by place in that table; nullptr: not known
    struct source *source_list;
    uint32_t source_count, source_max;
    uint64_t *recent; // words that records named in this pass, each at a place that follows from its address; or null
    uint64_t *recent_room;
    const struct source **by_info;
    uint32_t by_info_count;
    uint64_t info_low, info_span; // all of them lie in here
    struct type_plan *plans; // by type id
    uint32_t living[HEAP_CLASSES]; // objects of each size class
    uint64_t random;
    struct visit *stack;     // work list
    uint32_t depth, depth_max;
    uint32_t passes;
    bool whole; // everything is brought up to date: changes are not known one by one
    // What a pass ahead could not be sure of. Where a word leads depends on the heap's tables, and
    // those a transaction changes that may yet be undone; the object that holds the word has no record then.
    bool raw;        // the object under way has a word that leads to nothing now, and may do so again
    bool next_whole; // too much of that: the next pass is a whole one
    const uint64_t **unsure; // such objects
    uint32_t unsure_count;

    // globals.c
    struct global *globals; // all that moves; nullptr: not listed yet
    uint32_t global_count;

    // save.c, restore.c
    struct saving *saving;
    struct extent *extents;
    uint32_t extent_count;
    const struct checkpoint_names *names;

    // update.c
    struct updating *updating; // the predecessor is another program; nullptr: the same

    // handles.c
    uint64_t named[8192 / 64]; // handles that the state names, by index
};

// move.c
// The only mover there is, emptied, for a checkpoint.
struct mover *mover_for(enum mover_mode mode, struct move_report *report);
void *move_alloc(struct mover *m, size_t bytes); // zeroed; nullptr sets m->error
const struct mover *move_of(const struct mover *m); // the predecessor's own, for its predecessor
void move_fail(struct mover *m, enum move_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// update.c: in the place of what is said of address.c, globals.c, plan.c.
void update_open(struct mover *m);
void *update_old(const struct mover *m, const void *own);
void update_types(struct mover *m, const struct heap *old);
// How long an object becomes; false: m->error.
bool update_bytes(struct mover *m, uint32_t type, uint32_t bytes, uint32_t *now);
void update_visit(struct mover *m, const struct visit *v);
void update_globals(struct mover *m);

// view.c
void view_open(struct mover *m); // again: what has changed since
bool view_has(struct mover *m, uint64_t address, uint64_t bytes);
bool view_close_one(struct mover *m); // false: none is left

// address.c: where everything is, from the module and the layout records of both.
void address_note(struct mover *m, uint64_t bytes); // a section of so many bytes is in m->sections
void address_index(struct mover *m);                // of m->sections, when that is filled and all are noted
void address_open(struct mover *m, const void *module, const struct layout_record *layout,
                  const struct layout_record *old_layout);
// Where the predecessor has the object that is here at `own` (of the same module).
void *address_old(const struct mover *m, const void *own);
const char *address_section_name(const struct mover *m, uint32_t section);
// For error texts: in which section of the predecessor that is, and where in it; "heap" if it is in none.
const char *address_describe(const struct mover *m, uint64_t old, uint64_t *offset);

// table.c
bool table_copy(struct mover *m); // m->heap_table; false: m->error, or of a living one: not now

// objects.c
bool objects_open(struct mover *m); // false: m->error, or of a living one: not now
uint64_t object_place(struct mover *m, struct source *s, uint32_t slot); // 0: m->error
uint32_t object_type(const struct source *s, uint32_t slot);
uint32_t object_bytes(const struct source *s, uint32_t slot); // as the predecessor had it
void objects_drain(struct mover *m); // moves all that was visited, and what that leads to
void objects_rest(struct mover *m);  // visits what nothing points to

// changes.c
void objects_update(struct mover *m); // a second pass: what has been freed, reused or stored to
void note_unsure(struct mover *m, const uint64_t *object); // it is looked at again in the next pass
// The next slot from that on whose record is not what it was when its object was placed; of one that was not placed, not
// zero. s->slots: none.
uint32_t source_next_changed(const struct source *s, uint32_t slot);

// verify.c: each object that was copied ahead is what it would be if it were copied now.
void verify_copies(struct mover *m);

// plan.c
const struct type_plan *plan_of_type(struct mover *m, uint32_t type);
bool plan_of_map(struct mover *m, struct type_plan *plan, const void *map);
// Copies an object and rewrites its pointers. Both are 8-aligned and have room up to a multiple of
// 8.
void plan_copy(struct mover *m, const struct type_plan *plan, const uint64_t *from, uint64_t *to,
               uint64_t bytes);
// The same for one that is from there, and will live here.
void plan_move(struct mover *m, const struct type_plan *plan, const uint64_t *from, uint64_t *to,
               uint64_t bytes);

// globals.c
void globals_move(struct mover *m);
bool globals_has_state(const struct mover *m, uint32_t section); // its contents move along
bool globals_is_type(const struct mover *m, uint32_t section); // it is a `new(T)`'s struct rt_type

// save.c
uint64_t save_object(struct mover *m, const struct source *s, uint32_t bytes, uint32_t type,
                     void **contents); // its place in the checkpoint; 0: m->error

// save.c and restore.c: an address in [key, key + key_span).
uint64_t address_of_checkpoint(struct mover *m, uint64_t old);

// handles.c
static inline void handle_named(struct mover *m, uint32_t handle)
{
    uint32_t index = handle & 8191;
    m->named[index / 64] |= 1ull << (index % 64);
}
void handles_sweep(struct mover *m);
// By what name it will be found again, and under which number it is found; HANDLE_NONE: not at all.
handle_t handle_saved(handle_t handle);
handle_t handle_restored(const struct mover *m, handle_t name);
