// SPDX-License-Identifier: MIT
//===- undo_room.h - Where the cursor is compared with the limit ----------===//
//
// After a comparison there is room for UNDO_SLACK bytes, however many records they
// are, on whatever way: behind a branch, where ways meet, and behind a call whose
// callee is known to log little. A small function compares nothing itself: whoever
// calls it has seen to its room, as if its records were the caller's. A range that
// is logged leaves no less room than there was, or all of it.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "randomizer/passes/undo_emit.h"
#include "randomizer/passes/undo_program.h"
#include "llvm/IR/Dominators.h"
#include <map>

namespace samsara {

// What may take room: records, or a call.
struct Step {
  llvm::Instruction *At;
  int Group; // index in the function's list; -1: a call
  bool Check = false;
};

struct Plan {
  llvm::Function *F;
  llvm::DominatorTree *DT;
  std::vector<Group> Groups;
  llvm::DenseMap<llvm::BasicBlock *, llvm::SmallVector<Step, 4>> Steps;
};

// Bytes logged since a comparison, at most. Entry: there may have been none since
// the function was called, and Bytes are counted from there.
struct Excess {
  bool Entry = false;
  uint64_t Bytes = 0;
  static Excess unknown() { return {false, UINT32_MAX}; }
  void join(Excess Other);
};

class Room {
public:
  explicit Room(const Program &P) : P(P) {}
  void add(Plan &Of) {
    Plans[Of.F] = &Of;
    Order.push_back(Of.F);
  }
  // Says which steps of all functions have to look for room.
  void find();

private:
  struct Summary {
    bool Known = false, Active = false;
    bool Small = false;
    uint64_t Bytes = 0; // of a small one
    Excess Out = Excess::unknown();
  };
  const Program &P;
  llvm::DenseMap<const llvm::Function *, Plan *> Plans;
  std::vector<const llvm::Function *> Order;
  std::map<const llvm::Function *, Summary> Summaries;

  const Summary &summarize(const llvm::Function &F);
  Summary calledBy(const Plan &Of, const Step &S);
  bool needsNothing(const Plan &Of, const Step &S);
  bool callersCheck(const llvm::Function &F);
  bool findSmall(Plan &Of, uint64_t &Bytes);
  Excess findChecks(Plan &Of);
};

} // namespace samsara
