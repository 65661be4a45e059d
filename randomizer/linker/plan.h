// SPDX-License-Identifier: MIT
// Where everything of a newborn goes: a pure function of module, seed and stack size.
//
// Every loaded section (with -ffunction-sections -fdata-sections: every function and every datum)
// is an object. Objects of one class are shuffled and packed, with random gaps, into clusters of a
// few pages; each cluster goes to a random page. Nothing but the loaded sections, their order and
// the relocations that need an address table counts, so a module and its stripped copy get equal
// plans from equal seeds, and a host tool can recompute the layout of a dead service.
//
// Where objects do not go: a stale pointer whose first bytes a short string has overwritten has a
// zero byte, its NUL, and is else an address near the old one. In memory without types it would be
// taken for a pointer and changed (docs/decisions/0015-half-overwritten-pointers.md). So no address
// that such a word could lead to (of data each byte and the one past its end; of code the first
// byte) has a zero in its bytes 1 to 5, and none that is the beginning of a line in which an object
// starts belongs to anything. What is too long, or aligned too strictly, does what it can.
//
// Entropy is documented in randomizer/README.md; the tests measure it.
#pragma once
#include "randomizer/linker/chacha.h"
#include "randomizer/linker/module.h"

enum {
    PLAN_PAGE = 4096,
    PLAN_GRANULE = 16,     // objects start at multiples of this
    PLAN_LINE = 256,       // addresses that differ in their lowest byte only
    PLAN_BLOCK = 64 << 10, // in its first line, byte 1 of addresses is zero
    PLAN_GAP_GRANULES = 4, // 0..3 granules stay unused behind an object (more if strictly aligned)
    // Bytes of a cluster. Smaller ones would spend more on page tables and part-filled pages than
    // on contents. A class of much code gets bigger clusters instead of many more than this number.
    PLAN_CLUSTER_MIN = 32 << 10,
    PLAN_CLUSTERS_A_CLASS = 16,
    PLAN_CLUSTERS_MAX = 320,  // a bound for tables; only a hundred big zero-filled objects reach it
    PLAN_LAZY_MIN = 32 << 10, // zero-filled objects from this size on get pages at first use
    PLAN_GUARD = 64 << 10,    // unmapped bytes below and above the stack
    PLAN_STACK_MIN = 16 << 10,
    PLAN_STACK_MAX = 64 << 20,
};

enum : uint64_t {
    PLAN_WINDOW = 2ull << 30,        // the reach of a 32-bit relocation
    PLAN_WINDOW_MARGIN = 1ull << 20, // unused at both ends: for addends that point past an object
    PLAN_UNPLACED = 0,
};

enum plan_class {
    CLASS_TEXT,
    CLASS_RODATA, // also what is read-only after relocation (.data.rel.ro), and the GOT
    CLASS_DATA,
    CLASS_ZERO, // big zero-filled objects, one cluster each
    CLASS_WIDE, // added to these for sections that need no window (large code model)
    CLASS_COUNT = 2 * CLASS_WIDE,
};

// What counts for where an object may start. An object is a section, or (its number is that of sections) the
// address table.
struct plan_shape {
    uint32_t align, bytes;
    uint32_t reach; // bytes, and one more, that words may lead to; 0: its first one only
    uint32_t first; // the first start in a block that will do; a block or more: any start must do
    bool code;
};

// What the planner works from, the same for each birth of a module: see recipe.h.
struct plan_objects {
    uint32_t section_count, got_entries;
    uint32_t first[CLASS_COUNT + 1]; // where each class starts in `order`
    uint64_t bytes[CLASS_COUNT];     // with gaps and alignment, without what is skipped
    uint32_t entry_section;          // start_service is there
    uint64_t entry_value;            // and so far in it
    const uint32_t *order;           // objects by class, within each by number
    const struct plan_shape *shapes; // by object
};

struct cluster {
    uint64_t address; // page-aligned
    uint64_t bytes;   // page multiple
    uint64_t offset;  // of its first page in the image (or, CLASS_ZERO, in the zero-filled object)
    enum plan_class class; // without CLASS_WIDE
};

struct plan {
    uint64_t window, window_bytes; // 0, 0 if no object is bound to one
    uint64_t entry;                // of start_service
    uint64_t stack_low, stack_high, stack_start; // mapping, and the first value of rsp in it
    uint64_t image_bytes, zero_bytes;            // sums over the clusters
    uint64_t got, got_image;                     // address table: where, and where in the image
    uint32_t got_entries;
    uint32_t cluster_count;
    struct cluster clusters[PLAN_CLUSTERS_MAX];

    // By section index, plus one entry for the address table. Memory comes from the caller.
    uint64_t *address; // final address, PLAN_UNPLACED for sections that are not loaded
    uint64_t *image;   // offset in the image; meaningless for CLASS_ZERO
    uint32_t *order;   // work space: objects in the order in which they were placed
};

// Elements that each of the three arrays needs.
static inline uint32_t plan_entries(const struct module *m)
{
    return m->section_count + 1;
}

// Fills *p, whose three array pointers the caller has set. stack_bytes is rounded up to pages.
enum link_error plan_layout(struct plan *p, const struct module *m,
                            const uint8_t seed[CHACHA_KEY_BYTES], uint64_t stack_bytes,
                            struct link_failure *why);

// The same in two halves: what can be done once for all births, and what each does. `order` and `shapes`
// have plan_entries() elements. plan_again() gives what plan_layout() would.
enum link_error plan_prepare(struct plan_objects *o, const struct module *m, uint32_t *order,
                             struct plan_shape *shapes, struct link_failure *why);
enum link_error plan_again(struct plan *p, const struct plan_objects *o,
                           const uint8_t seed[CHACHA_KEY_BYTES], uint64_t stack_bytes,
                           struct link_failure *why);
