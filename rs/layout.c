// SPDX-License-Identifier: MIT
// A cell of the space is 2 TiB, one of the window 32 MiB: of 47 address bits a strip tells 6, and of a
// section's 31 bits in the window 6 in common with all others of its kind.
#include "rs/layout.h"
#include <string.h>

static void mark(uint8_t strip[RS_STRIP_CELLS], uint64_t cell, uint8_t what)
{
    if (cell < RS_STRIP_CELLS) {
        strip[cell] |= what;
    }
}

static uint8_t kind_of(const struct elf_section *section)
{
    return section->flags & SHF_EXEC ? RS_CODE : section->flags & SHF_WRITE ? RS_DATA : RS_CONSTANTS;
}

// The record is written in the service's own task: it may say anything.
static void mark_sections(const struct service *s, uint8_t window[RS_STRIP_CELLS])
{
    const struct body *b = s->living;
    uint64_t low = b->layout->window, cell_bytes = b->layout->window_bytes / RS_STRIP_CELLS;
    for (uint32_t i = 1; cell_bytes > 0 && i < b->module->elf.section_count; i++) {
        const struct elf_section *section = &b->module->elf.sections[i];
        uint64_t at = section_address(&b->module->elf, b->layout, s->layout_bytes, i);
        for (uint64_t offset = 0; at >= low && at != 0 && offset < section->size; offset += PAGE_SIZE) {
            mark(window, (at + offset - low) / cell_bytes, kind_of(section));
        }
    }
}

static uint64_t past(const struct region_info *r, uint64_t end)
{
    return r->start + r->bytes > end ? r->start + r->bytes : end;
}

// Window and stack are where the record says. Of all else that is mapped one region is enough for a cell, or
// a service with many objects would keep the supervisor from others.
static void mark_space(const struct service *s, uint8_t all, uint8_t space[RS_STRIP_CELLS])
{
    enum : uint64_t { CELL = USER_MAX / RS_STRIP_CELLS + 1 };
    const struct layout_record l = *s->living->layout;
    struct region_info r;
    bool known = l.magic == LAYOUT_MAGIC;
    if (known) {
        mark(space, l.window / CELL, all);
        mark(space, l.stack_low / CELL, RS_STACK);
    }
    for (uint64_t at = 0; at < USER_MAX && sys_task_region(s->living->task, at, &r) == OK;) {
        if (known && r.start - l.window < l.window_bytes) {
            at = past(&r, l.window + l.window_bytes);
        } else if (known && r.start - l.stack_low < l.stack_high - l.stack_low) {
            at = past(&r, l.stack_high);
        } else {
            mark(space, r.start / CELL, RS_HEAP);
            at = past(&r, (r.start / CELL + 1) * CELL);
        }
    }
}

static uint8_t all_of(const uint8_t window[RS_STRIP_CELLS])
{
    uint8_t all = 0;
    for (uint32_t i = 0; i < RS_STRIP_CELLS; i++) {
        all |= window[i];
    }
    return all;
}

void layout_strips(const struct service *s, uint8_t window[RS_STRIP_CELLS], uint8_t space[RS_STRIP_CELLS])
{
    memset(window, 0, RS_STRIP_CELLS);
    memset(space, 0, RS_STRIP_CELLS);
    if (service_lives(s)) {
        mark_sections(s, window);
        mark_space(s, all_of(window), space);
    }
}
