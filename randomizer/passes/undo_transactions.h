// SPDX-License-Identifier: MIT
//===- undo_transactions.h - Which transaction a place belongs to ---------===//
#pragma once
#include "llvm/ADT/DenseMap.h"
#include "llvm/IR/InstrTypes.h"

namespace samsara {

class Program;

// A transaction is named by where it begins: the function (the one under way when
// it is called), a call that may commit, or, where several may arrive, a block (a
// phi of them). So two places with the same name, one dominating the other, have
// no commit between them: as with any SSA value.
class Transactions {
public:
  // Null for what is never reached.
  const llvm::Value *begin(const llvm::BasicBlock *Block) const {
    return Begins.lookup(Block);
  }
  // Right after the call.
  const llvm::Value *after(const llvm::CallBase *Call) const {
    return Afters.lookup(Call);
  }
  // Right before it.
  const llvm::Value *before(const llvm::CallBase *Call) const {
    return Befores.lookup(Call);
  }

  Transactions() = default;
  Transactions(llvm::Function &F, const Program &P);

private:
  llvm::DenseMap<const llvm::BasicBlock *, const llvm::Value *> Begins;
  llvm::DenseMap<const llvm::CallBase *, const llvm::Value *> Befores, Afters;
};

} // namespace samsara
