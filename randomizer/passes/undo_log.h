// SPDX-License-Identifier: MIT
//===- undo_log.h - Log what stores overwrite --------------------*- C++ -*-===//
//
// Before each store outside the stack, the bytes that it overwrites go to the
// undo log of lib/rt/undo_log.h, which describes the records and the hooks.
//
// The pass
//   1. finds everything in a function that writes memory (undo_writes.h): what
//      it does not know is an error, not a guess;
//   2. drops writes to the stack, to memory that devices see (address space 1)
//      and, if asked to, to what the same transaction allocated
//      (undo_program.h);
//   3. drops writes whose bytes another record holds that was certainly made
//      before, in the same transaction;
//   4. puts the records of one stretch of code into one group: one comparison
//      with the limit and one step of the cursor; neighbours become one record
//      (undo_function.h, undo_emit.h).
//
// It must run last: what later passes store is not logged (code generation adds
// only spills, which are on the stack). Plain stores that other modules make are
// logged there; a library compiled without the pass is not.
//
// It may run on each file, or on a whole program at link time, where more of
// what need not be logged is known.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "llvm/IR/PassManager.h"

namespace samsara {

struct UndoLogPass : llvm::PassInfoMixin<UndoLogPass> {
  // The module is a whole program: nothing but what llvm.used names is called,
  // or known, from outside.
  bool Closed = false;
  // The allocator keeps the promise of undo_note_fresh.
  bool Fresh = false;
  // Further functions whose result is fresh memory.
  std::vector<std::string> Allocators;

  llvm::PreservedAnalyses run(llvm::Module &M, llvm::ModuleAnalysisManager &AM);
  // Unoptimised functions need it as much as others do.
  static bool isRequired() { return true; }
};

} // namespace samsara
