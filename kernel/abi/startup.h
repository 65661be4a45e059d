// SPDX-License-Identifier: MIT
// What a newborn task finds: the start-up block, the status page, the layout record.
//
// The kernel makes these for the root task (rs), rs makes them for everybody else. A newborn starts in
// the bootstrap (randomizer/linker), which links the module at fresh places and jumps to its entry
// with the same argument: rdi = address of struct startup.
#pragma once
#include "handle.h"
#include "syscall.h"
#include <stdint.h>

#define STARTUP_MAGIC 0x5a4d5352u // "RSMZ"
enum { STARTUP_HANDLES = 48, STARTUP_ARGS = 1024, STARTUP_VERSION = 3 };

// Handles that every task has at a fixed index.
enum startup_handle {
    H_SELF_TASK = 1,   // own task [READ, MANAGE]; the root task's has all rights
    H_SELF_THREAD = 2, // first thread
    H_SERVICE_PORT = 3, // where its requests arrive [RECV, CALL, NOTIFY, BADGE, COPY, TRANSFER]
    H_RS = 4,          // the supervisor [CALL, NOTIFY], badge = service number
    H_LAYOUT = 5,      // memory of the layout record
    H_MODULE = 6,      // memory of the module, read-only
    H_PREDECESSOR = 7, // the dead task that holds the state to be taken over [READ, WRITE]; closed when that is done
    H_FIRST_NAMED = 8, // from here on: what the manifest names
    // Memory for a checkpoint [READ, WRITE], there from NOTIFY_CHECKPOINT on until the service closes it: it writes,
    // unmaps, closes, and counts in its status page.
    H_CHECKPOINT = 63,
};

struct named_handle {
    char name[24];
    handle_t handle;
    uint32_t type; // enum object_type
};

// Read-only for the newborn, one page or more.
struct startup {
    uint32_t magic, version;
    char name[NAME_SIZE];
    uint32_t incarnation; // 1 for the first
    uint32_t cause;       // enum birth_cause
    uint8_t seed[32];     // everything random in the layout comes from this (ChaCha20 key)
    uint64_t tsc_hz, tsc_base; // ns since boot = (rdtsc - tsc_base) * 1e9 / tsc_hz
    uint64_t module, module_bytes;       // address of the relocatable ELF file, read-only
    uint64_t recipe, recipe_bytes;       // what it has to do for that module, worked out ahead; 0: it finds out itself
    uint64_t bootstrap, bootstrap_bytes; // where the bootstrap itself is mapped, to be unmapped by the runtime
    uint64_t layout, layout_bytes;       // address of struct layout_record, writable
    uint64_t status;                     // address of struct status_page, writable; shared with rs
    uint64_t stack_bytes, heap_limit_bytes; // from the manifest
    uint64_t boot_archive, boot_archive_bytes; // root task only: the whole cpio archive, read-only
    struct boot_info *boot;                    // root task only
    uint32_t handle_count;
    uint32_t flags; // enum startup_flags
    // With STARTUP_HEIR: where the holder of the state had its parts.
    uint64_t old_layout, old_layout_bytes; // its layout record, mapped here, read-only
    uint64_t old_module, old_module_bytes; // its module if that is another one (live update); else 0
    uint64_t checkpoint, checkpoint_bytes; // with STARTUP_RESTORE: take the state from here, mapped read-only
    uint64_t undo_bytes;                   // of the undo log, from the manifest
    // A changed environment, for a request that has killed before; see rt_heap_policy.
    uint32_t heap_pad, heap_zero, heap_delay;
    uint32_t poison_call; // this call (tag >> TAG_CALL_SHIFT) is answered with ERR_POISON, not run; 0: none
    struct named_handle handles[STARTUP_HANDLES];
    char args[STARTUP_ARGS]; // the manifest's args, or the kernel command line for the root task
};
enum startup_flags {
    STARTUP_HEIR = 1,        // H_PREDECESSOR holds state to be taken over; the service is not started afresh
    STARTUP_SPARE = 2,       // link, then stop the own thread; the rest of this block is filled in later
    STARTUP_AFTER_CRASH = 4, // the predecessor did not stop where it wanted to: devices must be reset
    STARTUP_RESTORE = 8,     // state comes from a checkpoint, not from a predecessor
    STARTUP_DROP_LEAKS = 16, // what nothing points to does not move along
    STARTUP_AHEAD = 64,      // with SPARE: copy what H_PREDECESSOR, which still lives, has; again if that was done before
    STARTUP_CHECK = 32,      // what is taken over is compared with what a scan and a second look find
};
// Exit codes of a newborn that cannot take its predecessor's state over: MOVE_EXIT_BASE + enum move_error.
enum { MOVE_EXIT_BASE = 0x4d00 }; // "M"

enum birth_cause { BIRTH_FIRST = 0, BIRTH_CRASH = 1, BIRTH_HANG = 2, BIRTH_EXIT = 3, BIRTH_ASKED = 4,
    BIRTH_MOVED = 5,   // planned: only the layout changes
    BIRTH_UPDATED = 6, // planned: into another module
};

// Root task only: the machine as the kernel found it.
struct boot_info {
    uint64_t rsdp;                        // physical address, 0 if none
    uint64_t ecam_base;                   // PCI configuration space (ACPI MCFG), 0 if none
    uint32_t ecam_bus_first, ecam_bus_last;
    uint64_t memory_bytes;
    uint32_t cpus, reserved;
    uint64_t bootstrap; // where it was mapped for the root task, whose other newborns may have it there, too
    char cmdline[512];
    char last_words[128]; // why the kernel ended the boot before this one; empty: it did not, or it is not known
};
// Named handles of the root task: "ports" (IORANGE_PORT 0..65535), "mmio", "irq", "dma", "bootstrap" (memory [READ, EXEC]),
// "kept" (memory [READ, WRITE]: outlives restarts of the machine, begins with any content; not there on every machine).

// Written by the bootstrap, read by rs: where each ELF section of the module went.
#define LAYOUT_MAGIC 0x54554f594c4d5353ull
struct layout_record {
    uint64_t magic;
    uint32_t sections; // entries in address[]; index = ELF section index
    uint32_t reserved;
    uint64_t window, window_bytes; // all sections lie inside, with the small code model
    uint64_t stack_low, stack_high;
    uint64_t entry;
    uint64_t address[]; // 0: not placed
};

// Shared with rs; the same page for all incarnations. Everything in it that the
// other side wrote is data from another domain: bounds are checked by whoever reads.
enum { STATUS_MESSAGES = 16, STATUS_TEXT = 200 };
#define STATUS_MAGIC 0x53555441u
struct message_trace {
    uint64_t time_ns, badge;
    uint32_t label, delivery;
    uint64_t word0;
};
// What the request was that the supervisor had taken out. The runtime fills it in when it answers
// that request with ERR_POISON; call is the last store.
enum { LETTER_BYTES = 256 };
struct dead_letter {
    uint32_t call;  // its number, 0: none yet
    uint32_t bytes; // of its grant, as far as they are in data
    uint64_t words[6];
    uint64_t grant; // length and direction, as in ipc.h
    uint8_t data[LETTER_BYTES];
};
struct status_page {
    uint32_t magic, incarnation;
    // Progress, written by the service.
    uint64_t ready;         // 1 once its start-up is over
    uint64_t beats;         // answers to pings
    uint64_t work;          // requests completed (and device completions handled)
    uint64_t first_work_ns; // when this incarnation completed its first piece of work; rs clears it
    uint64_t request_since; // ns when the current request was taken up, 0 when idle
    uint32_t request_label, request_delivery;
    uint64_t request_badge;
    uint32_t request_call, request_reserved; // tag >> TAG_CALL_SHIFT
    uint64_t waiting_since; // ns since when it waits for somebody else inside a request, 0 if it does not
    char waiting_on[24];
    uint64_t heap_bytes, heap_objects;
    // What the newborn did with its predecessor's state.
    uint64_t moved; // ns when it was taken over, and the predecessor not needed any more; rs clears it before each birth
    uint64_t move_ns, move_bytes, move_objects, move_pointers, move_leaks;
    // Of memory without a type: places that were tried, that were taken for pointers, and that were none although what stood
    // there could have been an address.
    uint64_t move_tried, move_found, move_doubtful;
    uint32_t move_error, move_reserved; // enum move_error, with its exit code; the text is in assert_text
    uint64_t server;  // which incarnation serves, by a number that it has drawn: there is one at a time
    uint64_t movable; // 1: it is in its event loop, a successor can take its state over
    // Transactions.
    uint64_t aborts, awaits, overflows;
    uint64_t checkpoints;      // written so far
    struct dead_letter letter; // rs clears its call
    // Last words.
    uint32_t assert_line, assert_incarnation;
    char assert_file[64], assert_text[STATUS_TEXT];
    // Last messages, a ring.
    uint32_t message_next, reserved;
    struct message_trace messages[STATUS_MESSAGES];
};
static_assert(sizeof(struct status_page) <= PAGE_SIZE, "the status page is one page");
static_assert(sizeof(struct startup) <= PAGE_SIZE, "the start-up block is one page");

// Notification bits of a service port that are not the service's own.
#define NOTIFY_PING  (1ull << 63) // rs asks: are you there?
#define NOTIFY_TIMER (1ull << 62) // the runtime's timer
#define NOTIFY_CHECKPOINT (1ull << 61) // rs asks: write your state into the memory agreed upon
#define NOTIFY_OWN   ((1ull << 56) - 1) // bits a service may use
