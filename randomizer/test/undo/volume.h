// SPDX-License-Identifier: MIT
// Between the volume test, compiled without the pass, and what is compiled with it: libext2fs, its
// heap, and the operations on a volume in memory.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifndef VOLUME_HEAP_MIB
#define VOLUME_HEAP_MIB 16
#endif
enum { VOLUME_HEAP_BYTES = VOLUME_HEAP_MIB << 20, VOLUME_FILE_MAX = 40000 };

extern uint8_t *volume_image;
extern size_t volume_image_bytes;
extern uint8_t volume_heap[VOLUME_HEAP_BYTES];
// Called before each read and write of the image; may leave by longjmp.
void volume_io(void);
// What a file holds, in the memory of whoever asked for the operation.
const uint8_t *volume_content(uint32_t number);

// One operation each, 0 or an error of libext2fs.
long volume_open(void);
long volume_create(uint32_t number, uint32_t bytes);
long volume_read(uint32_t number, uint32_t bytes);
long volume_remove(uint32_t number);
long volume_flush(void);

void volume_heap_commit(void);
