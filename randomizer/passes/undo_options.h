// SPDX-License-Identifier: MIT
//===- undo_options.h - Options and counters of the undo log -------------===//
#pragma once
#include "llvm/Support/CommandLine.h"

namespace samsara {

// Each optimisation can be switched off, to measure what it brings.
extern llvm::cl::opt<bool> NoStackElision, NoDedupe, NoGroups, NoMerge, NoBounds,
    NoLoops, NoWhole, NoChains, NoEarly;

struct Counters {
  uint64_t Writes = 0;      // found
  uint64_t Stack = 0;       // dropped: the stack
  uint64_t Device = 0;      // dropped: another address space
  uint64_t FreshMemory = 0; // dropped: allocated in the same transaction
  uint64_t Loops = 0;       // dropped: a range before the loop holds them
  uint64_t Covered = 0;     // dropped: another record holds the bytes
  uint64_t Joined = 0;      // records saved by joining neighbours
  uint64_t Records = 0;     // emitted in place
  uint64_t Groups = 0;      // of them, each with one step of the cursor
  uint64_t Checks = 0;      // comparisons with the limit
  uint64_t Calls = 0;       // emitted calls of undo_range
};

// Up to here a constant-size copy is done in place, not by a call.
constexpr uint64_t InlineBytes = 128;
// Carried by functions of files compiled with -undo-log-plain.
constexpr char PlainAttribute[] = "samsara-undo-plain";

} // namespace samsara
