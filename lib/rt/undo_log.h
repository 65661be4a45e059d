// SPDX-License-Identifier: MIT
// The undo log: what the compiler pass (randomizer/passes/undo_log.cpp) emits before each store
// outside the stack, and what gives memory back as it was at the last commit. Shared by the pass
// (C++), the runtime (undo_log.c, compiled without the pass) and whoever begins transactions.
//
// A record is written completely, then the cursor steps over it, then the store happens: compiler
// fences keep this order, so the log is right whatever instruction the service dies at. A service
// has one thread; the log knows no other.
//
// Records lie back to back from `base` up, and are read from `cursor` down, so the last word of a
// record is its tag: the address, with at most one of UNDO_TAG_… added.
//
//     8 bytes      [old 8]                                [address]
//     1, 2, 4      [old, zero-extended to 8]              [address | UNDO_TAG_1, _2, _4]
//     n words      [old 8 n]                              [address | n * UNDO_TAG_WORD], n from 2 to 15
//     n bytes      [old n, rounded up to 8] [n]           [address | UNDO_TAG_RANGE]
//     n bytes      [where the old ones are] [n]           [address | UNDO_TAG_APART]
//     no old ones  [n]                                    [address | UNDO_TAG_FRESH]
//
// What code compiled with the pass may rely on, and must keep to:
// - Memory that devices or other tasks see is not part of a transaction: pointers to it are
//   UNDO_DEVICE, the compiler keeps the two kinds apart, and stores through it are neither logged
//   nor read first. `volatile` alone is ordinary state.
// - Inline assembly that may write memory says UNDO_ASM; what it does write outside the stack and
//   beyond its own "=m" operands, its author hands to undo_range() first (a copy by the kernel).
// - A record is good until the next commit. Where the pass sees a whole program it finds out which calls
//   may come to one; where it sees a file only, whatever may commit is declared UNDO_COMMITS, and it
//   checks callers.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// User addresses end below 2^47, so each size has a bit of its own: one instruction sets it, and
// the most frequent size needs none.
#define UNDO_TAG_1     (UINT64_C(1) << 56)
#define UNDO_TAG_2     (UINT64_C(1) << 57)
#define UNDO_TAG_4     (UINT64_C(1) << 58)
#define UNDO_TAG_RANGE (UINT64_C(1) << 59)
#define UNDO_TAG_FRESH (UNDO_TAG_1 | UNDO_TAG_2) // nothing to be undone, but changed
#define UNDO_TAG_APART (UNDO_TAG_1 | UNDO_TAG_4)
// A range of no address: what was kept apart, when records go on behind it.
#define UNDO_TAG_PASSED (UNDO_TAG_RANGE | UNDO_TAG_1)
#define UNDO_TAG_WORD  (UINT64_C(1) << 60)
#define UNDO_WORDS_MAX 15
#define UNDO_TAG_SHIFT 56 // all of them lie in the word's highest byte
#define UNDO_ADDRESS   ((UINT64_C(1) << UNDO_TAG_SHIFT) - 1)

// Records that are made together, before the cursor steps over them, are no longer than this.
#define UNDO_GROUP_MAX 512
// Emitted code compares the cursor with `limit` when it may have logged so much since the last time.
#define UNDO_SLACK 2048
// What is kept for who copies ahead. More is pages that are touched for the first time: some 1200 instructions each.
#define UNDO_LAP_MAX (2 << 20)

#define UNDO_DEVICE_SPACE 1
#define UNDO_DEVICE       __attribute__((address_space(UNDO_DEVICE_SPACE)))
// The same place, as one that others see.
#define UNDO_DEVICE_AT(pointer) ((UNDO_DEVICE __typeof__(*(pointer)) *)(pointer))
#define UNDO_ASM          "# undo-log: accounted for\n\t"
// Hands to the log what is written without the compiler's seeing it (by the kernel). UNDO_LOGGED is
// defined where the pass runs; without it, nothing is logged.
#ifdef UNDO_LOGGED
#define UNDO_WRITTEN(memory, bytes) undo_range(memory, bytes)
#else
#define UNDO_WRITTEN(memory, bytes) ((void)(memory), (void)(bytes))
#endif
// The one attribute that C front ends carry to declarations and that means "may not be moved or
// doubled at will" to every other pass, which is true of a commit, too.
#define UNDO_COMMITS      __attribute__((convergent))
// Kept by the callee, so that the rare call does not cost the frequent path its registers.
#define UNDO_COLD         __attribute__((preserve_most, noinline))

// A range that need not be logged again while `transaction` is the current one.
struct undo_held {
    uintptr_t start;
    size_t bytes;
    uint64_t transaction;
};

// Memory that belongs to no transaction although code with the pass stores to it.
struct undo_skip {
    uintptr_t low, high;
};

#define UNDO_SKIPS        128
#define UNDO_FRESH_RANGES 8
#define UNDO_FRESH_FROM   256 // shorter ones are copied sooner than looked for
#define UNDO_LOGGED_FROM  64 // likewise
#define UNDO_LOGGED_BITS  8
#define UNDO_APART_FROM   1024 // bytes that are kept apart from the records: shorter ones are not worth touching another page
#define UNDO_APART_LOG    (64 << 10) // in logs from this size up

// The pass knows the offsets of the first two fields.
//
// The memory is start..end. Committed records stay where they are, behind them begins the next
// transaction (base): they tell whoever copies the service's state ahead of a move what has changed
// since. Beyond lap_max, a commit begins again at the start: another lap.
//
// The old bytes of long ranges go to the upper half, and each transaction begins at its bottom again: they are of no use
// after the commit, and would fill a lap with what whoever copies ahead does not read. A transaction whose records reach the
// upper half goes on behind what is there.
struct undo_log {
    uint8_t *cursor; // where the next record begins
    uint8_t *limit;  // above it, UNDO_SLACK bytes do not fit any more
    uint8_t *base, *start, *end;
    uint8_t *lap_end; // where the lap before this one ended
    uint8_t *reach;   // to here a range's record has been written in this lap, or is just being
    uint8_t *apart;     // the upper half; null: there is none
    uint8_t *apart_end; // of what is there; null: records lie behind it
    uint64_t lap_max;   // bytes
    uint64_t lap;       // grows by 2; odd while another one begins
    uintptr_t stack_low, stack_high;   // records of it are not played back
    int overflowed;                    // since the last commit; the log is of no use
    // May leave by longjmp; true: there is room now, see undo_extend. May be null.
    bool (*on_overflow)(size_t bytes);
    // The log holds records of transaction number `opened`. Committing is the one store that makes
    // `transaction` larger: from there on what the log holds is void, whoever finds it.
    uint64_t transaction, opened;
    uint32_t skips;
    struct undo_skip skip[UNDO_SKIPS];
    // Big allocations, whose old content is nobody's; newest over oldest.
    struct undo_held fresh[UNDO_FRESH_RANGES];
    uint32_t fresh_next;
    // Ranges that the log holds, each at a place that follows from its start.
    struct undo_held logged[1 << UNDO_LOGGED_BITS];
    uint64_t commits, rollbacks, overflows; // since undo_init
    uint64_t largest;                       // bytes of the longest log committed or played back, all in all
};

extern struct undo_log undo_log;

// ---- For whoever runs transactions ----

enum undo_result {
    UNDO_DONE,
    UNDO_OVERFLOWED, // memory is as the transaction left it; only the next rung can help
};

// The log is memory[0..bytes), of at least 4 * UNDO_SLACK bytes; the stack [stack_low,
// stack_high) belongs to no transaction: rollback itself stands there.
void undo_init(void *memory, size_t bytes, uintptr_t stack_low, uintptr_t stack_high,
               bool (*on_overflow)(size_t bytes));
// Memory that lies right behind the log belongs to it from now on.
void undo_extend(size_t bytes);
// What was stored since the last commit stays.
UNDO_COMMITS void undo_commit(void);
// What was stored since the last commit is undone, newest first; the log is empty afterwards.
enum undo_result undo_rollback(void);
// The same for the log of a dead one whose memory is mapped here at its own addresses. May be
// repeated from the start if it was interrupted.
// A store that itself was the end has a record, too: `is_there` says of an address whether it can be
// stored to.
enum undo_result undo_rollback_of(struct undo_log *log,
                                  bool (*is_there)(const void *context, uintptr_t address,
                                                   size_t bytes),
                                  const void *context);
// ---- What has changed, for a mover that copied ahead ----

// The log may be another task's that is at work: models/ahead.pml.
struct undo_mark {
    uint64_t lap, at;
};
// Everything stored from now on has records behind this place.
struct undo_mark undo_mark_of(const struct undo_log *log);
// The same for what is stored from now on in the transaction under way, too.
struct undo_mark undo_mark_here(const struct undo_log *log);
// Bytes of all records since then; UINT64_MAX: not all are there any more. Of one that is at work it is an estimate.
uint64_t undo_bytes_since(const struct undo_log *log, struct undo_mark mark);
// Calls visit for every record since the mark, of undone transactions, too, and while that is not known to
// be overwritten perhaps for addresses that are in no record. false: not all records are there any more.
bool undo_since(const struct undo_log *log, struct undo_mark mark,
                void (*visit)(void *context, uintptr_t address, size_t bytes), void *context);

// Stores to [low, high) are no part of a transaction. 0: there is no room for more.
int undo_skip_add(uintptr_t low, uintptr_t high);
void undo_skip_remove(uintptr_t low);

// ---- For allocators ----

// [memory, memory + bytes) was given out in this transaction and was free before it began;
// memory that held state at its beginning will not be given out before its end. An allocator that
// keeps what is freed apart until the commit keeps this promise; -undo-log-fresh needs it, too.
void undo_note_fresh(const void *memory, size_t bytes);
// The same for whoever copies ahead: stores to it have no records. Of a small object the store to its slot's own record
// says so.
void undo_note_change(const void *memory, size_t bytes);

// ---- Hooks that the pass emits calls to ----

// Logs [memory, memory + bytes); 0 bytes are allowed. Also called by hand, see UNDO_ASM.
void undo_range(const void *memory, size_t bytes);
// No room for the next group: notes the overflow and gives the cursor to go on with.
UNDO_COLD uint8_t *undo_full(void);
// Stand where the address of the plain function was taken: a call through it is seen by nobody.
void *undo_memcpy(void *to, const void *from, size_t bytes);
void *undo_memmove(void *to, const void *from, size_t bytes);
void *undo_memset(void *to, int byte, size_t bytes);

#ifdef __cplusplus
}
#endif
