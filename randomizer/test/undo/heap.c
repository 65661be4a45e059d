// SPDX-License-Identifier: MIT
// A first-fit heap in one arena. Compiled with the pass: an abort undoes allocations by itself.
#include "randomizer/test/undo/play.h"
#include "lib/rt/undo_log.h"
#include <string.h>

#pragma clang section bss = "state"

enum { BLOCKS = 512, ALIGN = 64 };

static struct {
    uint32_t at, bytes;
    enum { UNUSED, LIVE, FREED, FREE } kind;
} blocks[BLOCKS];
static uint32_t used;

uint8_t play_arena[1 << 18] __attribute__((aligned(ALIGN)));

static void *give(uint32_t n)
{
    blocks[n].kind = LIVE;
    undo_note_fresh(play_arena + blocks[n].at, blocks[n].bytes);
    return play_arena + blocks[n].at;
}

void *play_alloc(size_t bytes)
{
    uint32_t room = (uint32_t)(bytes + ALIGN) / ALIGN * ALIGN, unused = BLOCKS;
    for (uint32_t n = 0; n < BLOCKS; n++) {
        if (blocks[n].kind == FREE && blocks[n].bytes >= room) {
            return give(n);
        }
        if (blocks[n].kind == UNUSED && unused == BLOCKS) {
            unused = n;
        }
    }
    if (unused == BLOCKS || room > sizeof(play_arena) - used) {
        return NULL;
    }
    blocks[unused].at = used;
    blocks[unused].bytes = room;
    used += room;
    return give(unused);
}

void play_free(void *memory)
{
    for (uint32_t n = 0; memory && n < BLOCKS; n++) {
        if (blocks[n].kind == LIVE && play_arena + blocks[n].at == memory) {
            blocks[n].kind = FREED;
        }
    }
}

void play_heap_commit(void)
{
    for (uint32_t n = 0; n < BLOCKS; n++) {
        if (blocks[n].kind == FREED) {
            blocks[n].kind = FREE;
        }
    }
}

bool play_holds(const uint8_t *address)
{
    for (uint32_t n = 0; n < BLOCKS; n++) {
        const uint8_t *start = play_arena + blocks[n].at;
        if ((blocks[n].kind == LIVE || blocks[n].kind == FREED) && address >= start &&
            address < start + blocks[n].bytes) {
            return true;
        }
    }
    return false;
}
