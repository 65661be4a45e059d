// SPDX-License-Identifier: MIT
#include "randomizer/mover/checkpoint.h"
#include "randomizer/linker/elf.h"

static uint64_t mixed(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * 0x9e3779b97f4a7c15ull;
    return sum ^ sum >> 29;
}

// Word by word, and so that swapped words show.
static uint64_t checksum(const struct checkpoint_header *h, uint64_t bytes)
{
    const uint64_t *words = (const uint64_t *)h;
    uint64_t skipped = __builtin_offsetof(struct checkpoint_header, checksum) / sizeof(uint64_t);
    uint64_t sum = 1;
    for (uint64_t i = 0; i < bytes / sizeof(uint64_t); i++) {
        sum = mixed(sum, i == skipped ? 0 : words[i]);
    }
    return sum;
}

uint64_t checkpoint_program(const void *module, uint64_t bytes)
{
    const struct elf_header *elf = module;
    const uint64_t *words = module;
    uint64_t sum = 1;
    if (bytes >= sizeof(*elf)) { // whole pages of it have zeros behind the file's end
        uint64_t end = elf->section_headers + elf->section_count * sizeof(struct elf_section);
        bytes = end < bytes ? end : bytes;
    }
    for (uint64_t i = 0; i < bytes / sizeof(uint64_t); i++) {
        sum = mixed(sum, words[i]);
    }
    return sum;
}

void checkpoint_seal(void *checkpoint, uint64_t bytes, uint64_t program)
{
    struct checkpoint_header *h = checkpoint;
    h->version = CHECKPOINT_VERSION;
    h->reserved = 0;
    h->bytes = bytes;
    h->program = program;
    h->magic = CHECKPOINT_MAGIC;
    h->checksum = checksum(h, bytes);
}

bool checkpoint_verify(const void *checkpoint, uint64_t bytes)
{
    const struct checkpoint_header *h = checkpoint;
    if (bytes < sizeof(*h) || h->magic != CHECKPOINT_MAGIC || h->version != CHECKPOINT_VERSION) {
        return false;
    }
    uint64_t all = h->bytes; // once: others may write while we read
    return all >= sizeof(*h) && all <= bytes && all % sizeof(uint64_t) == 0 &&
           h->checksum == checksum(h, all);
}
