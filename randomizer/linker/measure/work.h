// SPDX-License-Identifier: MIT
// Work of the kinds that services do, for comparing code models: built twice from the same
// sources, linked by Samsara's own linker into a host process, and counted there.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Each returns a checksum, which must be the same whatever the code model and the layout.
uint64_t work_calls(void);       // small functions calling each other, through pointers too
uint64_t work_interpreter(void); // a byte-code loop: one switch, many cases
uint64_t work_sort(void);        // musl's qsort and bsearch with a comparison function
uint64_t work_text(void);        // musl's snprintf, strtol, strtod, string functions
uint64_t work_hash(void);        // SHA-256: arithmetic, hardly a reference
uint64_t work_ext2(void);        // libext2fs on an image in memory

// Set by the host before work_ext2: an ext4 image.
extern uint8_t *work_image;
extern size_t work_image_bytes;

void work_heap_reset(void); // forgets all allocations
