// SPDX-License-Identifier: MIT
//===- undo_program.h - What need not be logged ---------------------------===//
//
// Stores to the stack: rollback itself stands there. Stores to memory that was
// allocated in the same transaction, if the allocator keeps the promise of
// undo_note_fresh. Of an argument, a result, or what a callee stored into a
// local variable, both are known as far as all callers and callees are in sight.
// A call through a pointer is one of all functions with such arguments whose
// address is taken.
//
// A record stands for later stores only until the next commit. Of a whole program
// is known which calls may come to one; else a function that commits says so
// (UNDO_COMMITS) and so does whoever calls it.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "randomizer/passes/undo_options.h"
#include "randomizer/passes/undo_transactions.h"
#include "randomizer/passes/undo_writes.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/IR/Module.h"
#include <map>

namespace samsara {

class Program {
public:
  // Closed: nothing but what llvm.used names is called from outside.
  Program(llvm::Module &M, bool Closed, bool Fresh,
          llvm::ArrayRef<std::string> Allocators);

  // Counts, and says no further record is needed. Of what was allocated in
  // `Transaction`, the one at that place.
  bool isDropped(const Write &W, const llvm::Value *Transaction, Counters &N) const;
  const Transactions &transactions(const llvm::Function &F) const {
    return TransactionsOf.at(&F);
  }
  // A transaction may end during this call, or in this function.
  bool mayCommit(const llvm::CallBase &Call) const;
  bool mayCommit(const llvm::Function &F) const;
  // All calls are in sight.
  bool isKnownInside(const llvm::Function &F) const;

private:
  llvm::Module &M;
  bool Closed, Fresh;
  llvm::ArrayRef<std::string> Allocators;
  std::map<const llvm::Function *, Transactions> TransactionsOf;
  llvm::DenseSet<const llvm::Argument *> OwnArguments;
  // The same until the function's first commit.
  llvm::DenseSet<const llvm::Argument *> FreshArguments;
  llvm::DenseSet<const llvm::Function *> FreshResults;
  llvm::DenseSet<const llvm::Function *> Committing;
  // Of functions that may commit and whose address is taken.
  llvm::DenseSet<const llvm::FunctionType *> CommittingTypes;
  // Calls through pointers.
  llvm::SmallVector<const llvm::CallBase *, 0> PointerCalls;

  bool isAllocator(const llvm::Function &F) const;
  bool allocates(const llvm::CallBase &Call) const;
  bool isFresh(const llvm::Value *Object) const;
  bool isOwnObject(const llvm::Value *Object) const;
  bool isOwn(const llvm::Value *Ptr) const;
  bool isOwnIn(const llvm::Value *Transaction, const llvm::Value *Ptr,
               const llvm::Function &F) const;
  bool mayLeadToCommit(const llvm::FunctionType &Called) const;
  void findCommitting();
  void findFreshResults();
  void findArguments();
  bool isOnlyPointedTo(const llvm::Constant &C) const;
  bool findCalls(const llvm::Function &F,
                 llvm::SmallVectorImpl<const llvm::CallBase *> &To) const;
};

} // namespace samsara
