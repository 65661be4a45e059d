// SPDX-License-Identifier: MIT
//===- undo_loops.h - Records that can be made before a loop --------------===//
//
// A store in each turn of a loop to the same place needs one record, made before
// the loop; one that steps over memory needs one range. Either reads memory
// ahead of the store, so it must be certain that the store happens: nothing in
// the loop may keep it from being reached, or give its place another mapping.
// So neither looks across a call, or a commit.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "randomizer/passes/undo_program.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/Dominators.h"

namespace samsara {

struct LoopRecords {
  // To be logged at the end of the block that leads to a loop.
  llvm::DenseMap<llvm::BasicBlock *, llvm::SmallVector<Write, 4>> Before;
  // The stores that ranges among these stand for.
  llvm::SmallPtrSet<llvm::Instruction *, 8> Held;
};

// Creates the lengths of ranges in the code before the loops.
LoopRecords findLoopRecords(llvm::Function &F, llvm::DominatorTree &DT,
                            const Program &P);

} // namespace samsara
