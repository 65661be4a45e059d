// SPDX-License-Identifier: MIT
// Regions: which part of which memory object is mapped where in a task. Page table entries are only
// a cache of this: they are made at the first touch and may be dropped at any time.
#pragma once
#include "kernel/mem/memory.h"
#include "kernel/task/task.h"

struct region {
    struct tree_node node; // key: first address
    uint64_t end;
    struct memory *memory; // holds a reference
    uint64_t first_page;   // of the memory object
    uint32_t prot;         // enum prot; never WRITE and EXEC together
    uint32_t max_prot;     // what the handle allowed
    bool was_exec;         // never writable again
};

// The region that contains the address, NULL if there is none.
struct region *region_find(struct task *, uint64_t at);
// The same, or else the next above; NULL if there is none.
struct region *region_find_from(struct task *, uint64_t at);
// Maps pages; at == 0 draws a random free place. All arguments were checked except for overlap.
// ERR_EXISTS, ERR_RANGE (no free place found), ERR_QUOTA, ERR_MEMORY.
MUST_USE enum status region_map(struct task *, struct memory *, uint64_t *at, uint64_t first_page,
                                uint64_t bytes, uint32_t prot, uint32_t max_prot);
// Unmaps whatever lies in the range, a bounded number of pages: CALL_AGAIN means call again with
// the same range. ERR_NOT_FOUND: nothing is there.
int region_unmap(struct task *, uint64_t at, uint64_t bytes);
// Changes access rights of a fully mapped range. *cursor is 0 at first; CALL_AGAIN: call again.
// ERR_NOT_FOUND (a hole), ERR_RIGHTS, ERR_STATE (sealed, or was executable), ERR_RANGE (too many
// mappings at once), ERR_QUOTA, ERR_MEMORY.
int region_protect(struct task *, uint64_t at, uint64_t bytes, uint32_t prot, uint64_t *cursor);
// Supplies the page at this address with the rights needed (enum prot). ERR_FAULT: none is mapped
// there, or not with these rights. ERR_QUOTA, ERR_MEMORY: it could not be supplied.
MUST_USE enum status region_fault(struct task *, uint64_t at, uint32_t need);
// The first region of the task that maps this memory object, NULL if there is none.
struct region *region_of_memory(struct task *, const struct memory *);
// Drops a bounded number of regions of a task whose page tables are gone; true when all are.
bool region_drop_step(struct task *);
