// SPDX-License-Identifier: MIT
//===- undo_function.h - What one function logs, and where ---------------===//
#pragma once
#include "randomizer/passes/undo_emit.h"
#include "randomizer/passes/undo_program.h"
#include "llvm/IR/Dominators.h"

namespace samsara {

// True if the code was changed.
bool logFunctions(llvm::ArrayRef<llvm::Function *> Fs, const Program &P, Hooks &H,
                  Counters &N);

// A function with a commit inside must say so, for its callers' sake.
bool checkCommits(llvm::Function &F);

} // namespace samsara
