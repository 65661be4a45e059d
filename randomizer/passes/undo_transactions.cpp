// SPDX-License-Identifier: MIT
//===- undo_transactions.cpp - Which transaction a place belongs to -------===//
#include "randomizer/passes/undo_transactions.h"
#include "randomizer/passes/undo_program.h"
#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/IR/CFG.h"

using namespace llvm;

namespace samsara {

Transactions::Transactions(Function &F, const Program &P) {
  DenseMap<const BasicBlock *, const Value *> Ends;
  ReversePostOrderTraversal<Function *> Order(&F);
  for (bool Changed = true; Changed;) {
    Changed = false;
    for (BasicBlock *B : Order) {
      const Value *Begin = B->isEntryBlock() ? &F : nullptr;
      for (BasicBlock *From : predecessors(B)) {
        const Value *End = Ends.lookup(From); // null: not seen yet
        if (End && End != Begin)
          Begin = Begin ? B : End;
      }
      if (Begins[B] != B && Begins[B] != Begin) {
        Begins[B] = Begin;
        Changed = true;
      }
      const Value *Now = Begins[B];
      for (Instruction &I : *B) {
        auto *Call = dyn_cast<CallBase>(&I);
        if (!Call)
          continue;
        Befores[Call] = Now;
        if (P.mayCommit(*Call))
          Now = Call;
        Afters[Call] = Now;
      }
      Ends[B] = Now;
    }
  }
}

} // namespace samsara
