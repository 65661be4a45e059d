// SPDX-License-Identifier: MIT
// The planner: shuffle, gaps, clusters, random pages.
//
// No state outlives a call and nothing is read but the arguments, so host and newborn agree.
#include "randomizer/linker/plan.h"
#include "kernel/abi/syscall.h"

enum stream { STREAM_SECTIONS = 1, STREAM_STACK = 2 };
// A window is nearly empty, so a few draws find a place; so many failures mean that there is none.
enum { PLACE_TRIES = 4096 };
enum { ADDRESS_BYTES = 6 }; // of user addresses: 47 bits

struct planner {
    struct plan *p;
    const struct plan_objects *o;
    const struct module *m; // where shapes are found if they were not prepared; or null
    struct chacha random;
    struct cluster *open;          // being filled, or null
    uint32_t open_first;           // index in p->order of its first object
    uint64_t open_start, open_end; // first used and first free byte, from a block's beginning
    uint64_t open_align;           // strictest alignment in it, at least a block
};

// Where to look for a place: addresses that are `phase` beyond a multiple of `align`.
struct search {
    uint64_t low, high, bytes, align, phase;
    uint64_t distance; // to clusters that have their place
    unsigned no_zero;  // address bytes from this one on must not be zero
};

static uint64_t round_up(uint64_t x, uint64_t power)
{
    return (x + power - 1) & ~(power - 1);
}

static enum link_error fail(struct link_failure *why, enum link_error error, uint32_t section)
{
    *why = (struct link_failure){error, section, UINT32_MAX, UINT32_MAX, 0};
    return error;
}

static bool starts_with(const char *s, const char *prefix)
{
    while (*prefix != 0) {
        if (*s++ != *prefix++) {
            return false;
        }
    }
    return true;
}

static bool is_got(const struct module *m, uint32_t object)
{
    return object == m->section_count;
}

static uint64_t object_bytes(const struct module *m, uint32_t got_entries, uint32_t object)
{
    return is_got(m, object) ? got_entries * sizeof(uint64_t) : m->sections[object].size;
}

static uint64_t object_align(const struct module *m, uint32_t object)
{
    uint64_t align = is_got(m, object) ? 0 : m->sections[object].align;
    return align < PLAN_GRANULE ? PLAN_GRANULE : align;
}

// How many gaps there are to choose from behind an object. A strictly aligned one would otherwise
// tell where in their pages its followers are: its gap makes up for the alignment.
static uint64_t gap_choices(uint64_t align)
{
    uint64_t granules = (align < PLAN_PAGE ? align : PLAN_PAGE) / PLAN_GRANULE;
    return granules < PLAN_GAP_GRANULES ? PLAN_GAP_GRANULES : granules;
}

// Data that the compiler wants read-only once pointers in it are set.
static bool read_only_after_relocation(const struct module *m, uint32_t section)
{
    return starts_with(module_section_name(m, section), ".data.rel.ro");
}

static enum plan_class classify(const struct module *m, uint32_t section)
{
    const struct elf_section *s = &m->sections[section];
    unsigned wide = s->flags & SHF_LARGE ? CLASS_WIDE : 0;
    if (s->flags & SHF_EXEC) {
        return CLASS_TEXT + wide;
    }
    if (s->type == SHT_NOBITS && s->size >= PLAN_LAZY_MIN) {
        return CLASS_ZERO + wide;
    }
    if (!(s->flags & SHF_WRITE) || read_only_after_relocation(m, section)) {
        return CLASS_RODATA + wide;
    }
    return CLASS_DATA + wide;
}

// CLASS_COUNT: it is not placed.
static enum plan_class class_of(const struct plan_objects *o, const struct module *m,
                                uint32_t object)
{
    if (is_got(m, object)) {
        return o->got_entries == 0 ? CLASS_COUNT : CLASS_RODATA;
    }
    return module_is_loaded(&m->sections[object]) ? classify(m, object) : CLASS_COUNT;
}

// Each such relocation gets a slot of its own: hardly any are left in modules built as they should
// be, and looking for a slot that another one could share would cost more than it saves.
static uint32_t count_got_entries(const struct module *m)
{
    const uint64_t kinds = 1ull << R_X86_64_GOTPCREL | 1ull << R_X86_64_GOTPCRELX |
                           1ull << R_X86_64_REX_GOTPCRELX;
    uint32_t entries = 0;
    for (uint32_t i = 1; i < m->section_count; i++) {
        const struct elf_section *s = &m->sections[i];
        if (!module_is_relocation(m, s)) {
            continue;
        }
        const struct elf_rela *r = (const struct elf_rela *)(m->bytes + s->offset);
        for (uint64_t n = s->size / sizeof(*r); n > 0; n--, r++) {
            entries += kinds >> (r->type & 63) & 1; // kinds from 64 on are refused later anyway
        }
    }
    return entries;
}

// Sorts the objects by class into `order` and sums up sizes.
static enum link_error sort_by_class(struct plan_objects *o, const struct module *m,
                                     uint32_t *order, struct link_failure *why)
{
    uint32_t count[CLASS_COUNT] = {0};
    uint64_t total = 0;
    // A first round counts: what is its class is asked again in the second.
    for (uint32_t i = 0; i < plan_entries(m); i++) {
        enum plan_class class = class_of(o, m, i);
        if (class == CLASS_COUNT) {
            continue;
        }
        count[class]++;
        uint64_t bytes = object_bytes(m, o->got_entries, i), align = object_align(m, i);
        o->bytes[class] += bytes + align + gap_choices(align) * PLAN_GRANULE;
        total += bytes;
        if (total > MODULE_LOADED_MAX) {
            return fail(why, LINK_TOO_BIG, i);
        }
    }
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        o->first[c + 1] = o->first[c] + count[c];
    }
    uint32_t next[CLASS_COUNT];
    __builtin_memcpy(next, o->first, sizeof(next));
    for (uint32_t i = 0; i < plan_entries(m); i++) {
        enum plan_class class = class_of(o, m, i);
        if (class != CLASS_COUNT) {
            order[next[class]++] = i;
        }
    }
    return LINK_OK;
}

// Whether [address, address + bytes) comes closer than `distance` to a cluster that has its place.
static bool is_taken(const struct plan *p, uint64_t address, uint64_t bytes, uint64_t distance)
{
    for (uint32_t i = 0; i < p->cluster_count; i++) {
        const struct cluster *c = &p->clusters[i];
        if (address < c->address + c->bytes + distance && c->address < address + bytes + distance) {
            return true;
        }
    }
    return false;
}

// Whether some address in [address, address + bytes) has a zero in one of its bytes from `byte` on.
// What is too long to do without does not count.
static bool has_zero_byte(uint64_t address, uint64_t bytes, unsigned byte)
{
    for (; byte < ADDRESS_BYTES; byte++) {
        uint64_t run = 1ull << 8 * byte, period = run << 8, in = address & (period - 1);
        if (bytes <= period - run && (in < run || in + bytes > period)) {
            return true;
        }
    }
    return false;
}

// Draws a free place; uniform over all that will do. 0 if none is found.
static uint64_t draw_place(struct chacha *random, const struct plan *p, const struct search *s)
{
    uint64_t low = s->low + ((s->phase - s->low) & (s->align - 1));
    if (s->high < low || s->high - low < s->bytes) {
        return 0;
    }
    uint64_t places = (s->high - low - s->bytes) / s->align + 1;
    for (int i = 0; i < PLACE_TRIES; i++) {
        uint64_t address = low + s->align * chacha_below(random, places);
        if (!has_zero_byte(address, s->bytes, s->no_zero) &&
            !is_taken(p, address, s->bytes, s->distance)) {
            return address;
        }
    }
    return 0;
}

// Gives the open cluster its address, and with it all objects in it.
static enum link_error close_cluster(struct planner *l, bool wide, uint32_t end)
{
    struct plan *p = l->p;
    struct cluster *c = l->open;
    uint64_t begin = p->address[p->order[l->open_first]] & ~(uint64_t)(PLAN_PAGE - 1);
    c->bytes = round_up(l->open_end, PLAN_PAGE) - begin;
    // One page is left free on both sides: running off a cluster is a fault.
    struct search s = {.low = p->window + PLAN_WINDOW_MARGIN,
                       .high = p->window + PLAN_WINDOW - PLAN_WINDOW_MARGIN,
                       .bytes = c->bytes,
                       .align = l->open_align,
                       .phase = begin,
                       .distance = PLAN_PAGE,
                       .no_zero = 2};
    if (wide) {
        s.low = USER_MIN;
        s.high = USER_MAX;
    }
    c->address = draw_place(&l->random, p, &s);
    if (c->address == 0) {
        return LINK_TOO_BIG;
    }
    uint64_t *sum = c->class == CLASS_ZERO ? &p->zero_bytes : &p->image_bytes;
    c->offset = *sum;
    *sum += c->bytes;
    for (uint32_t k = l->open_first; k < end; k++) {
        uint32_t object = p->order[k];
        p->image[object] = c->offset + p->address[object] - begin;
        p->address[object] += c->address - begin;
    }
    p->cluster_count++;
    l->open = nullptr;
    return LINK_OK;
}

static struct plan_shape shape_of(const struct module *m, uint32_t got_entries, uint32_t object)
{
    struct plan_shape s = {.align = (uint32_t)object_align(m, object),
                           .bytes = (uint32_t)object_bytes(m, got_entries, object)};
    s.code = !is_got(m, object) && m->sections[object].flags & SHF_EXEC;
    s.reach = s.code ? 0 : s.bytes;
    s.first = s.align < PLAN_LINE ? PLAN_LINE + s.align : s.align;
    if (s.first + s.reach >= PLAN_BLOCK) {
        s.reach = 0; // too long to stay in one block
    }
    return s;
}

// Whether an object may start there, seen from a block's beginning: see plan.h.
static bool may_start(const struct plan_shape *s, uint64_t at)
{
    uint64_t in_block = at % PLAN_BLOCK, in_line = at % PLAN_LINE;
    if (s->first >= PLAN_BLOCK) {
        return true;
    }
    if (in_block < PLAN_LINE || in_block + s->reach >= PLAN_BLOCK) {
        return false;
    }
    bool fits_a_line = s->align + s->reach < PLAN_LINE;
    return s->align >= PLAN_LINE ||
           (in_line != 0 && (in_line + s->reach < PLAN_LINE || !fits_a_line));
}

// The next place where it may start, as it may not at `at`.
static uint64_t next_start(const struct plan_shape *s, uint64_t at)
{
    if (s->align < PLAN_LINE) {
        at = round_up(at, PLAN_LINE) + s->align;
    }
    if (!may_start(s, at)) {
        at = ((at + PLAN_BLOCK - PLAN_LINE) & ~(uint64_t)(PLAN_BLOCK - 1)) + s->first;
    }
    return at;
}

// The first object starts at a random granule of a block, so that each object's place in its page
// is random whatever comes before it in the cluster. Which page of a block that is has to be known
// from now on; which block is drawn when the cluster is closed.
static enum link_error open_cluster(struct planner *l, enum plan_class class, uint32_t first,
                                    const struct plan_shape *s)
{
    if (l->p->cluster_count == PLAN_CLUSTERS_MAX) {
        return LINK_TOO_BIG;
    }
    uint64_t low = s->first < PLAN_BLOCK ? PLAN_LINE : 0;
    uint64_t granules = (PLAN_BLOCK - low - s->reach) / PLAN_GRANULE;
    l->open = &l->p->clusters[l->p->cluster_count];
    *l->open = (struct cluster){.class = class};
    l->open_first = first;
    l->open_start = low + chacha_word(&l->random) % granules * PLAN_GRANULE;
    l->open_end = l->open_start;
    l->open_align = PLAN_BLOCK;
    return LINK_OK;
}

// Appends an object. `gap` unused granules follow it, and at least one byte: a pointer
// one past its end must not be a pointer to the next object. Those that are moved to where they may
// start are spread by their gap, too.
static void append(struct planner *l, uint32_t object, const struct plan_shape *s, uint32_t gap)
{
    uint64_t start = round_up(l->open_end, s->align);
    if (!may_start(s, start)) {
        start = next_start(s, start);
        uint64_t spread = start + gap % PLAN_GAP_GRANULES * s->align;
        start = may_start(s, spread) ? spread : start;
    }
    l->p->address[object] = start; // from a block's beginning, until the cluster is closed
    uint64_t past = start + s->bytes + 1;
    l->open_end = past + gap * PLAN_GRANULE;
    // The beginning of the next one's line must not lie in this one.
    past = round_up(past, PLAN_LINE);
    if (!s->code && past - start >= PLAN_LINE && l->open_end < past) {
        l->open_end = past;
    }
    if (s->align > l->open_align) {
        l->open_align = s->align;
    }
}

static uint64_t cluster_capacity(const struct planner *l, unsigned class)
{
    if (class % CLASS_WIDE == CLASS_ZERO) {
        return 0; // a cluster for each
    }
    uint64_t share = l->o->bytes[class] / PLAN_CLUSTERS_A_CLASS;
    return share < PLAN_CLUSTER_MIN ? PLAN_CLUSTER_MIN : share;
}

// Shuffles the objects of a class (Fisher-Yates from the front) and packs them as they are drawn.
// One random word serves for both choices: the high half of word * n picks the object, the low half
// is still uniform (to n / 2^32) and picks the gap.
static enum link_error place_class(struct planner *l, unsigned class)
{
    uint32_t *order = l->p->order;
    uint64_t capacity = cluster_capacity(l, class);
    bool wide = class >= CLASS_WIDE;
    enum link_error error = LINK_OK;

    uint32_t end = l->o->first[class + 1];
    for (uint32_t k = l->o->first[class]; k < end; k++) {
        uint64_t draw = (uint64_t)chacha_word(&l->random) * (end - k);
        uint32_t pick = k + (uint32_t)(draw >> 32);
        uint32_t object = order[pick];
        order[pick] = order[k];
        order[k] = object;

        // Whether it still fits must not depend on where in its page the cluster starts: places
        // that are likelier for those who fit would no longer be uniform.
        struct plan_shape s =
            l->m ? shape_of(l->m, l->o->got_entries, object) : l->o->shapes[object];
        uint64_t used = l->open_end - l->open_start;
        if (l->open != nullptr && used + s.bytes > capacity) {
            error = close_cluster(l, wide, k);
        }
        if (error == LINK_OK && l->open == nullptr) {
            error = open_cluster(l, class % CLASS_WIDE, k, &s);
        }
        if (error != LINK_OK) {
            return error;
        }
        append(l, object, &s, (uint32_t)((draw & UINT32_MAX) * gap_choices(s.align) >> 32));
    }
    return l->open == nullptr ? LINK_OK : close_cluster(l, wide, end);
}

// The cluster table is left as it is: clearing it would cost more than planning a small module.
static void start_empty(struct plan *p)
{
    p->window = p->window_bytes = p->entry = 0;
    p->stack_low = p->stack_high = p->stack_start = 0;
    p->image_bytes = p->zero_bytes = p->got = p->got_image = 0;
    p->got_entries = p->cluster_count = 0;
}

static void draw_window(struct planner *l)
{
    for (unsigned c = 0; c < CLASS_WIDE; c++) {
        if (l->o->bytes[c] != 0) {
            l->p->window_bytes = PLAN_WINDOW;
        }
    }
    if (l->p->window_bytes != 0) {
        struct search s = {.low = USER_MIN,
                           .high = USER_MAX,
                           .bytes = PLAN_WINDOW,
                           .align = PLAN_PAGE,
                           .no_zero = 4};
        l->p->window = draw_place(&l->random, l->p, &s);
    }
}

static enum link_error place_stack(struct plan *p, const uint8_t *seed, uint64_t bytes)
{
    struct chacha random;
    if (bytes < PLAN_STACK_MIN || bytes > PLAN_STACK_MAX) {
        return LINK_STACK;
    }
    bytes = round_up(bytes, PLAN_PAGE);
    chacha_start(&random, seed, STREAM_STACK);
    struct search s = {.low = USER_MIN + PLAN_GUARD,
                       .high = USER_MAX - PLAN_GUARD,
                       .bytes = bytes,
                       .align = PLAN_PAGE,
                       .distance = PLAN_GUARD,
                       .no_zero = ADDRESS_BYTES}; // no word without a type leads there
    p->stack_low = draw_place(&random, p, &s);
    p->stack_high = p->stack_low + bytes;
    p->stack_start =
        p->stack_high - chacha_word(&random) % (PLAN_PAGE / PLAN_GRANULE) * PLAN_GRANULE;
    return p->stack_low == 0 ? LINK_TOO_BIG : LINK_OK;
}

static bool is_entry(const struct module *m, uint32_t symbol)
{
    static const char name[] = "start_service";
    const struct elf_symbol *s = &m->symbols[symbol];
    const char *its = module_symbol_name(m, symbol);
    return elf_symbol_type(s) == STT_FUNC && elf_symbol_binding(s) == STB_GLOBAL &&
           s->section != SHN_UNDEF && s->section < m->section_count && starts_with(its, name) &&
           its[sizeof(name) - 1] == 0;
}

static enum link_error find_entry(struct plan_objects *o, const struct module *m)
{
    for (uint32_t i = m->symbol_count; i-- > 0;) { // global symbols are at the end
        if (!is_entry(m, i)) {
            continue;
        }
        const struct elf_symbol *s = &m->symbols[i];
        const struct elf_section *code = &m->sections[s->section];
        if (!module_is_loaded(code) || !(code->flags & SHF_EXEC) || s->value >= code->size) {
            return LINK_BAD_TARGET;
        }
        o->entry_section = s->section;
        o->entry_value = s->value;
        return LINK_OK;
    }
    return LINK_NO_ENTRY;
}

static enum link_error place_all(struct planner *l, const uint8_t *seed)
{
    // Big things first, while the window is empty.
    static const uint8_t sequence[] = {CLASS_ZERO, CLASS_DATA, CLASS_RODATA, CLASS_TEXT};
    chacha_start(&l->random, seed, STREAM_SECTIONS);
    draw_window(l);
    for (unsigned i = 0; i < 2 * sizeof(sequence); i++) {
        enum link_error error =
            place_class(l, sequence[i % sizeof(sequence)] + (i / sizeof(sequence)) * CLASS_WIDE);
        if (error != LINK_OK) {
            return error;
        }
    }
    return LINK_OK;
}

// p->order holds the objects by class; m: see struct planner.
static enum link_error lay_out(struct plan *p, const struct plan_objects *o,
                               const struct module *m, const uint8_t *seed, uint64_t stack_bytes,
                               struct link_failure *why)
{
    struct planner l = {.p = p, .o = o, .m = m};
    start_empty(p);
    for (uint32_t i = 0; i <= o->section_count; i++) {
        p->address[i] = PLAN_UNPLACED;
    }
    p->got_entries = o->got_entries;
    enum link_error error = place_all(&l, seed);
    if (error == LINK_OK) {
        p->got = p->address[o->section_count];
        p->got_image = p->image[o->section_count];
        p->entry = p->address[o->entry_section] + o->entry_value;
        error = place_stack(p, seed, stack_bytes);
    }
    return error == LINK_OK ? LINK_OK : fail(why, error, UINT32_MAX);
}

// All that plan_objects says but the shapes.
static enum link_error sort_objects(struct plan_objects *o, const struct module *m,
                                    uint32_t *order, struct link_failure *why)
{
    *o = (struct plan_objects){.section_count = m->section_count,
                               .got_entries = count_got_entries(m), .order = order};
    enum link_error error = sort_by_class(o, m, order, why);
    if (error == LINK_OK) {
        error = find_entry(o, m);
        return error == LINK_OK ? LINK_OK : fail(why, error, UINT32_MAX);
    }
    return error;
}

enum link_error plan_layout(struct plan *p, const struct module *m,
                            const uint8_t seed[CHACHA_KEY_BYTES], uint64_t stack_bytes,
                            struct link_failure *why)
{
    struct plan_objects o;
    enum link_error error = sort_objects(&o, m, p->order, why);
    return error == LINK_OK ? lay_out(p, &o, m, seed, stack_bytes, why) : error;
}

enum link_error plan_prepare(struct plan_objects *o, const struct module *m, uint32_t *order,
                             struct plan_shape *shapes, struct link_failure *why)
{
    enum link_error error = sort_objects(o, m, order, why);
    o->shapes = shapes;
    for (uint32_t i = 0; error == LINK_OK && i < plan_entries(m); i++) {
        shapes[i] = shape_of(m, o->got_entries, i);
    }
    return error;
}

enum link_error plan_again(struct plan *p, const struct plan_objects *o,
                           const uint8_t seed[CHACHA_KEY_BYTES], uint64_t stack_bytes,
                           struct link_failure *why)
{
    __builtin_memcpy(p->order, o->order, o->first[CLASS_COUNT] * sizeof(uint32_t));
    return lay_out(p, o, nullptr, seed, stack_bytes, why);
}
