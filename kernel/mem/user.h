// SPDX-License-Identifier: MIT
// Reaching user memory: of the calling task or another one, through page tables and the direct map.
// Pages that a mapping promises but nobody touched yet are supplied on the way.
#pragma once
#include "kernel/task/task.h"

enum { SPAN_PAGES = GRANT_COPY_MAX / PAGE_SIZE + 1 };

// A resolved user range: where its pages are now. Valid until the lock is released.
struct span {
    uint64_t offset; // of the first byte in the first page
    uint64_t bytes;
    uint8_t *page[SPAN_PAGES];
};

// need: PROT_READ or PROT_WRITE. ERR_FAULT, or ERR_QUOTA / ERR_MEMORY if a page could not be
// supplied. bytes <= GRANT_COPY_MAX.
MUST_USE enum status span_resolve(struct span *, struct task *, uint64_t at, uint64_t bytes,
                                  uint32_t need);
// For a debugger: also writes to what is mapped read-only, if its handle allowed writing.
MUST_USE enum status span_resolve_forced(struct span *, struct task *, uint64_t at, uint64_t bytes);
void span_copy(const struct span *to, const struct span *from);

// At most one page of bytes. ERR_FAULT …: nothing was copied.
MUST_USE enum status user_copy_in(struct task *, void *to, uint64_t from, uint64_t bytes);
MUST_USE enum status user_copy_out(struct task *, uint64_t to, const void *from, uint64_t bytes);
