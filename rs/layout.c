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

static uint8_t kind_of_region(const struct layout_record *layout, const struct region_info *r)
{
    bool known = layout->magic == LAYOUT_MAGIC;
    if (known && r->start - layout->window < layout->window_bytes) {
        return r->prot & PROT_EXEC ? RS_CODE : r->prot & PROT_WRITE ? RS_DATA : RS_CONSTANTS;
    }
    bool stack = known && r->start - layout->stack_low < layout->stack_high - layout->stack_low;
    return stack ? RS_STACK : RS_HEAP;
}

// One that has very many mappings is not looked at to the end: the supervisor has others to see to.
static void mark_space(const struct service *s, uint8_t space[RS_STRIP_CELLS])
{
    enum : uint64_t { CELL = USER_MAX / RS_STRIP_CELLS + 1, LOOKS = 1000 };
    const struct layout_record *layout = s->living->layout;
    struct region_info r;
    uint64_t at = 0;
    for (uint64_t look = 0; look < LOOKS && sys_task_region(s->living->task, at, &r) == OK; look++) {
        mark(space, r.start / CELL, kind_of_region(layout, &r));
        at = r.start + r.bytes;
    }
}

void layout_strips(const struct service *s, uint8_t window[RS_STRIP_CELLS], uint8_t space[RS_STRIP_CELLS])
{
    memset(window, 0, RS_STRIP_CELLS);
    memset(space, 0, RS_STRIP_CELLS);
    if (service_lives(s)) {
        mark_sections(s, window);
        mark_space(s, space);
    }
}
