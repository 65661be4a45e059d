// SPDX-License-Identifier: MIT
//===- undo_writes.h - What an instruction writes ------------------------===//
#pragma once
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"

namespace samsara {

// One place that is written: Size bytes at Ptr, which is Base + Offset; or
// Length bytes if the number is known only at run time.
struct Write {
  llvm::Instruction *At;
  llvm::Value *Ptr;
  llvm::Value *Base = nullptr;
  int64_t Offset = 0;
  uint64_t Size = 0;
  llvm::Value *Length = nullptr;
  // A call of undo_range in the source: it is there already.
  bool ByHand = false;
};

void findWrites(llvm::Instruction &I, llvm::SmallVectorImpl<Write> &To);

// The memory functions that libraries are compiled to call by name, and what
// stands for them where their address is taken; empty for others.
llvm::StringRef loggedReplacement(llvm::StringRef Name);

// Declared UNDO_COMMITS.
bool commits(const llvm::CallBase &Call);

void undoError(const llvm::Instruction &I, const llvm::Twine &Text);

} // namespace samsara
