// SPDX-License-Identifier: MIT
//===- undo_log.h - Log what stores overwrite --------------------*- C++ -*-===//
//
// Before each store outside the stack, the bytes that it overwrites go to the
// undo log of lib/rt/undo_log.h, which describes the records and the hooks.
//
// The pass
//   1. finds everything in a function that writes memory: stores, atomics, the
//      memory intrinsics, memcpy/memmove/memset as plain calls, masked and
//      scattered vectors, va_start and va_copy, memory outputs of inline
//      assembly. What it does not know is an error, not a guess;
//   2. drops writes to the stack, to memory that devices see (address space 1)
//      and, if asked to, to what the same function allocated;
//   3. drops writes whose bytes another record holds that was certainly made
//      before, in the same transaction;
//   4. puts the records of one stretch of code into one group: one comparison
//      with the limit and one step of the cursor; neighbours become one record.
//
// It must run last: what later passes store is not logged (code generation adds
// only spills, which are on the stack). Plain stores that other modules make are
// logged there; a library compiled without the pass is not.
//
// Known costs of not knowing: a pointer argument may point to the stack of a
// caller; its stores are logged, and played back never (the runtime tells).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "llvm/IR/PassManager.h"

namespace samsara {

struct UndoLogPass : llvm::PassInfoMixin<UndoLogPass> {
  llvm::PreservedAnalyses run(llvm::Module &M, llvm::ModuleAnalysisManager &AM);
  // Unoptimised functions need it as much as others do.
  static bool isRequired() { return true; }
};

} // namespace samsara
