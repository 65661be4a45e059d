// SPDX-License-Identifier: MIT
// See shadow.h. Compiled without the undo log.
#include "lib/rt/shadow.h"
#include "lib/rt/heap_internal.h"
#include "lib/rt/sections.h"
#include "lib/rt/undo_log.h"
#include "randomizer/linker/elf.h"

RT_OWN struct shadow shadow;

static uint64_t map(uint64_t bytes)
{
    uint64_t at = 0;
    enum status status = map_apart(bytes, PROT_READ | PROT_WRITE, &at);
    if (status != OK) {
        rt_die("no memory for a copy of the state: %s", rt_status_text(status));
    }
    return at;
}

// ---- Which sections ----

// Stored to by the event loop itself, which knows what to make of them after a death.
static bool is_loops(uint64_t address)
{
    return address == (uint64_t)&answer_last || address == (uint64_t)answers_given;
}

static bool is_state(const struct elf_section *s, const char *name, uint64_t address)
{
    return (s->flags & (SHF_WRITE | SHF_ALLOC)) == (SHF_WRITE | SHF_ALLOC) && address != 0 && s->size > 0 &&
           !section_is_linked(name) && !section_is_own(name) && !section_begins(name, "samsara_") && !is_loops(address);
}

void shadow_init(void)
{
    const struct layout_record *layout = (const struct layout_record *)rt_startup->layout;
    const uint8_t *file = (const uint8_t *)rt_startup->module;
    shadow = (struct shadow){0};
    if (!(rt_startup->flags & STARTUP_CHECK) || !layout || !file || !tx_undone()) {
        return;
    }
    const struct elf_header *elf = (const struct elf_header *)file;
    const struct elf_section *sections = (const struct elf_section *)(file + elf->section_headers);
    const char *names = (const char *)file + sections[elf->section_names].offset;
    uint64_t bytes = (elf->section_count * sizeof(struct shadow_piece) + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    struct shadow_piece *list = (struct shadow_piece *)map(bytes);
    for (uint32_t i = 0; i < elf->section_count; i++) {
        if (is_state(&sections[i], names + sections[i].name, layout->address[i])) {
            list[shadow.section_count++] = (struct shadow_piece){layout->address[i], sections[i].size};
        }
    }
    shadow.sections = (uint64_t)list;
}

// ---- Copying ----

static void make_room(uint64_t bytes)
{
    if (shadow.used + bytes <= shadow.room) {
        return;
    }
    uint64_t room = (2 * (shadow.used + bytes) + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1), at = map(room);
    if (shadow.at != 0) {
        __builtin_memcpy((void *)at, (const void *)shadow.at, shadow.used);
        (void)sys_mem_unmap(HANDLE_NONE, shadow.at, shadow.room);
    }
    shadow.at = at;
    shadow.room = room;
}

static void take(uint64_t start, uint64_t bytes)
{
    struct shadow_piece piece = {start, bytes};
    uint64_t padded = (bytes + 7) & ~7ull;
    make_room(sizeof(piece) + padded);
    uint8_t *at = (uint8_t *)shadow.at + shadow.used;
    __builtin_memcpy(at, &piece, sizeof(piece));
    __builtin_memcpy(at + sizeof(piece), (const void *)start, bytes);
    shadow.used += sizeof(piece) + padded;
}

// What is in a free slot is nobody's.
static void take_slots(const struct slab *slab)
{
    const struct slab_shape *shape = &slab_shapes[slab->size_class];
    for (uint32_t slot = 0; slot < slab->slot_count; slot++) {
        if (slab->info[slot] & INFO_LIVING) {
            take(slab->record.start + slot_offset(shape, slot), slab->info[slot] & INFO_BYTES);
        }
    }
}

static void take_record(const struct record *r)
{
    if (r->kind == RECORD_SLAB) {
        const struct slab *slab = (const struct slab *)r;
        take_slots(slab);
        take((uint64_t)slab, sizeof(*slab) + slab->slot_count * (sizeof(uint32_t) + sizeof(uint16_t)));
    } else {
        take(r->start, r->bytes);
        take((uint64_t)r, sizeof(struct large));
    }
}

void shadow_take(void)
{
    const struct shadow_piece *sections = (const struct shadow_piece *)shadow.sections;
    shadow.used = 0;
    shadow.transaction = UINT64_MAX;
    take((uint64_t)&heap, sizeof(heap));
    for (uint32_t i = 0; i < shadow.section_count; i++) {
        take(sections[i].start, sections[i].bytes);
    }
    for (size_t i = 0; i < heap.table_slots; i++) {
        const struct heap_entry *e = &heap.table[i];
        if (e->granule != 0 && e->granule == e->record->start >> GRANULE_SHIFT) { // once for all its granules
            take_record(e->record);
        }
    }
    __asm__ volatile("" ::: "memory");
    shadow.transaction = undo_log.transaction;
}

// ---- Comparing ----

static bool piece_differs(const struct shadow_piece *p, struct shadow_difference *out)
{
    const uint8_t *was = (const uint8_t *)(p + 1), *is = (const uint8_t *)p->start;
    for (uint64_t at = 0; at < p->bytes; at += 8) {
        uint64_t bytes = p->bytes - at < 8 ? p->bytes - at : 8;
        *out = (struct shadow_difference){.address = p->start + at};
        __builtin_memcpy(&out->was, was + at, bytes);
        __builtin_memcpy(&out->is, is + at, bytes);
        if (out->was != out->is) {
            return true;
        }
    }
    return false;
}

bool shadow_differs(const struct shadow *their, bool (*is_there)(const void *context, uintptr_t address, size_t bytes),
                    const void *context, struct shadow_difference *out)
{
    for (uint64_t at = 0; at < their->used;) {
        const struct shadow_piece *p = (const struct shadow_piece *)(their->at + at);
        if (is_there && !is_there(context, p->start, p->bytes)) {
            *out = (struct shadow_difference){.address = p->start};
            return true;
        }
        if (piece_differs(p, out)) {
            return true;
        }
        at += sizeof(*p) + ((p->bytes + 7) & ~7ull);
    }
    return false;
}
