// SPDX-License-Identifier: MIT
// The manifest: what there is to start, with which handles, limits and rules.
//
// People write image.toml; tools/manifest checks it and writes `manifest.bin` into the boot
// archive: a header, the services, their handles, the strings. All numbers are little-endian, all
// structures free of holes. Both sides pin the sizes; tools/manifest/binary.py is the other side.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_MAGIC 0x324d4d5352u // "RSMM2"
enum {
    MANIFEST_SERVICES_MAX = 48,
    MANIFEST_HANDLES_MAX = 48, // of one service: STARTUP_HANDLES
    MANIFEST_BYTES_MAX = 256 << 10,
    MANIFEST_NAME_MAX = 31,    // without the zero
    MANIFEST_HANDLE_NAME_MAX = 23,
    MANIFEST_ARGS_MAX = 511,   // before substitution
};

struct manifest_header {
    uint64_t magic;
    uint32_t bytes; // of everything
    uint32_t services, handles, string_bytes;
    uint32_t image_name; // offset into the strings, as all names
    uint32_t reserved;
};

// Restart rules; see policy.h for their meaning.
struct manifest_rules {
    uint32_t heartbeat_ms, missed, request_ms, birth_ms;
    uint32_t delay_ms, delay_max_ms, growth_percent, fruitless_limit;
    uint32_t proven_ms, heal_ms;
};

enum manifest_flags {
    MANIFEST_SPARE = 1,  // the next incarnation is linked ahead
    MANIFEST_REBOOT = 2, // the machine is restarted rather than this service given up
    MANIFEST_CHECK = 4,  // each heir looks twice at what it takes over: for tests
    MANIFEST_LATE = 8,   // it is started when all others have
};

// What is done to a service that is well.
struct manifest_care {
    uint32_t move_ms, move_jitter_ms; // its layout changes each so often; 0: never
    uint32_t move_every_requests;     // or after so much work; 0: no matter how much
    uint32_t checkpoint_ms;           // its state is written down each so often; 0: only when asked
    // After so long, or so much work, a new version is on trial no more.
    uint32_t probation_ms, probation_requests;
};

struct manifest_service {
    uint32_t name, module, args;
    uint32_t first_handle, handles;
    uint32_t priority, budget_us, period_us;
    uint64_t needs; // bit n: the service with index n must be ready before this one starts
    uint64_t quota, stack, heap;
    struct manifest_rules rules;
    uint32_t may;   // enum rs_right
    uint32_t flags; // enum manifest_flags
    struct manifest_care care;
    uint64_t undo;       // bytes of the undo log; 0: as the runtime likes
    uint64_t checkpoint; // bytes that one checkpoint may have
};

enum manifest_kind {
    HANDLE_PORT = 1, // a = index of the service whose port it is, badge, rights
    HANDLE_IO = 2,   // I/O ports: a = first, b = how many
    HANDLE_MMIO = 3, // device memory: a = physical address, b = bytes; b = 0: all of it
    HANDLE_IRQS = 4, // interrupt inputs: a = first, b = how many; b = 0: all of them
    HANDLE_IRQ = 5,  // one Irq object: a = input, b = enum irq_flags
    HANDLE_DMA = 6,  // the right to pin memory for bus masters
    HANDLE_ECAM = 7, // device memory that is the PCI configuration space, wherever it is here
    HANDLE_SUPERVISOR = 8, // a part of the supervisor itself: a = enum manifest_part
    HANDLE_KINDS
};

// What a twin needs in order to bring the supervisor back.
enum manifest_part {
    PART_TASK, PART_THREAD, PART_PORT, PART_PAGES, PART_STACKS, PART_BOOTSTRAP, PART_MODULE, PART_KEPT,
    PARTS
};

struct manifest_handle {
    uint32_t name;
    uint32_t kind; // enum manifest_kind
    uint64_t a, b, badge;
    uint32_t rights;
    uint32_t reserved;
};

static_assert(sizeof(struct manifest_header) == 32);
static_assert(sizeof(struct manifest_service) == 152);
static_assert(sizeof(struct manifest_handle) == 40);

// A manifest whose every offset, index, count and number has been checked.
struct manifest {
    const struct manifest_header *header;
    const struct manifest_service *services;
    const struct manifest_handle *handles;
    const char *strings;
};

// Checks `bytes` bytes at `data` (8-byte aligned), which must stay there. Returns nullptr and fills
// *out, or a sentence about what is wrong with it.
const char *manifest_open(struct manifest *out, const void *data, size_t bytes);

// Never null. `offset` is one of a checked manifest.
static inline const char *manifest_string(const struct manifest *m, uint32_t offset)
{
    return m->strings + offset;
}

// Index of the service of that name, or -1.
int manifest_find(const struct manifest *m, const char *name);
