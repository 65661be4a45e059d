// SPDX-License-Identifier: MIT
//===- undo_function.cpp - What one function logs, and where -------------===//
#include "randomizer/passes/undo_function.h"
#include "lib/rt/undo_log.h"
#include "randomizer/passes/undo_loops.h"
#include "randomizer/passes/undo_room.h"
#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/InstIterator.h"

using namespace llvm;

namespace samsara {
namespace {

// A chain of records that are compared for each store of the same base.
constexpr size_t CoverScan = 32;
// Instructions that one address may need to be worked out sooner.
constexpr size_t AddressSteps = 8;

// Bytes that a record holds from instruction Since on, until the transaction
// ends.
struct Cover {
  Instruction *Since;
  const Value *Transaction;
  int64_t Start;
  uint64_t Size;
};

// What the log's own functions leave is no less room than there was.
bool mayLog(const CallBase &Call) {
  const Function *F = Call.getCalledFunction();
  return !Call.isInlineAsm() && !isa<IntrinsicInst>(Call) &&
         !(F && F->getName().starts_with("undo_") &&
           (F->isDeclaration() || F->hasFnAttribute(PlainAttribute)));
}

class FunctionLog {
public:
  FunctionLog(Function &F, const Program &P, Hooks &H, Counters &N)
      : F(F), DT(F), P(P), N(N), DL(F.getDataLayout()), E(F, H, N) {
    Made.F = &F;
    Made.DT = &DT;
  }

  Plan &plan() {
    Loops = findLoopRecords(F, DT, P);
    // Dominators first, so that what they keep is known. Unreachable blocks
    // are not visited; they never run.
    for (BasicBlock *B : ReversePostOrderTraversal<Function *>(&F))
      planBlock(*B);
    return Made;
  }

  // Of one that is not to be logged.
  Plan &planCalls() {
    for (Instruction &I : instructions(F))
      if (auto *Call = dyn_cast<CallBase>(&I); Call && mayLog(*Call))
        Made.Steps[I.getParent()].push_back({Call, -1});
    return Made;
  }

  bool emit() {
    SmallVector<Instruction *, 4> Checks;
    SmallVector<bool, 16> Checked(Groups.size());
    for (BasicBlock &Block : F)
      for (const Step &S : Made.Steps.lookup(&Block))
        if (S.Group >= 0)
          Checked[S.Group] = S.Check;
        else if (S.Check)
          Checks.push_back(S.At);
    for (size_t I = 0; I < Groups.size(); ++I) {
      Group &G = Groups[I];
      E.emit(G, G.After < 0 ? nullptr : &Groups[G.After], Checked[I]);
    }
    for (Instruction *At : Checks)
      E.emitCheck(At);
    for (const Write &W : Ranges)
      E.emit(W);
    for (Instruction *I : Needless)
      I->eraseFromParent();
    return !Groups.empty() || !Ranges.empty() || !Needless.empty();
  }

private:
  Function &F;
  DominatorTree DT;
  const Program &P;
  Counters &N;
  const DataLayout &DL;
  Emitter E;
  Plan Made;
  std::vector<Group> &Groups = Made.Groups;
  SmallVector<Write, 16> Ranges;
  SmallVector<Instruction *, 4> Needless;
  DenseMap<Value *, SmallVector<Cover, 4>> Covers;
  Group *Open = nullptr;
  // The group whose cursor is still the log's: here, and at the end of a block.
  int Last = -1;
  DenseMap<BasicBlock *, int> LastOf;
  LoopRecords Loops;
  // Here.
  const Value *Transaction = nullptr;

  // The record was made on every way here, in the same transaction, and its base
  // is the same value: an SSA value that dominates the record cannot have changed
  // since.
  bool isCovered(const Write &W) {
    if (NoDedupe)
      return false;
    auto Found = Covers.find(W.Base);
    if (Found == Covers.end())
      return false;
    size_t Left = CoverScan;
    for (const Cover &C : reverse(Found->second)) {
      if (Left-- == 0)
        return false;
      if (C.Transaction == Transaction && C.Start <= W.Offset &&
          W.Offset + (int64_t)W.Size <= C.Start + (int64_t)C.Size &&
          (C.Since == W.At || DT.dominates(C.Since, W.At)))
        return true;
    }
    return false;
  }

  // ---- Planning ----

  void planBlock(BasicBlock &Block) {
    Open = nullptr;
    // Where ways meet, or a loop begins, nothing is known.
    BasicBlock *Before = Block.getSinglePredecessor();
    Last = Before && LastOf.count(Before) ? LastOf[Before] : -1;
    Transaction = P.transactions(F).begin(&Block);
    SmallVector<Instruction *, 32> Work;
    for (Instruction &I : Block)
      Work.push_back(&I); // addLanes adds instructions
    for (Instruction *I : Work) {
      SmallVector<Write, 4> Writes;
      findWrites(*I, Writes);
      for (Write &W : Writes) {
        ++N.Writes;
        if (Loops.Held.contains(I)) {
          ++N.Loops;
          continue;
        }
        if (!P.isDropped(W, Transaction, N))
          plan(W);
        else if (W.ByHand)
          Needless.push_back(W.At);
      }
      // A record made ahead of a call would read memory that the call may
      // map, or that is never reached because it does not return.
      if (auto *Call = dyn_cast<CallBase>(I)) {
        if (!isa<IntrinsicInst>(I) || !isGuaranteedToTransferExecutionToSuccessor(I))
          Open = nullptr;
        if (!isa<IntrinsicInst>(I))
          Last = -1;
        if (P.mayCommit(*Call))
          Transaction = Call;
        if (mayLog(*Call))
          Made.Steps[&Block].push_back({Call, -1});
      }
      if (I->isTerminator())
        for (Write &W : Loops.Before[&Block])
          plan(W);
    }
    LastOf[&Block] = Last;
  }

  void plan(Write &W) {
    if (W.ByHand) {
      Open = nullptr;
      return;
    }
    if (W.Length || W.Size > InlineBytes) {
      // The records of an open group come before it, in the code as in the log.
      Ranges.push_back(W);
      Open = nullptr;
      Last = -1;
      return;
    }
    APInt Offset(64, 0);
    W.Base = W.Ptr->stripAndAccumulateConstantOffsets(DL, Offset, true);
    W.Offset = Offset.getSExtValue();
    if (isCovered(W)) {
      ++N.Covered;
      return;
    }
    if (!Open || NoGroups || Open->Bytes + recordBytes(W.Size) > UNDO_GROUP_MAX ||
        !makeKnownAt(W.Base, Open->Head)) {
      Open = &Groups.emplace_back();
      Open->Head = W.At;
      Open->After = NoChains ? -1 : Last;
      Last = (int)Groups.size() - 1;
      Made.Steps[W.At->getParent()].push_back({W.At, Last});
    }
    Open->Bytes += recordBytes(W.Size);
    Open->Spans[W.Base].push_back({W.Offset, W.Size});
    Covers[W.Base].push_back({Open->Head, Transaction, W.Offset, W.Size});
  }

  // An address that is worked out behind the head of the open group, from what was known before it, is worked
  // out sooner: one group is cheaper than two, and a word that both would hold is kept once.
  bool makeKnownAt(Value *V, Instruction *Where) {
    SmallVector<Instruction *, AddressSteps> Steps;
    if (!isKnownAt(V, Where, Steps))
      return false;
    for (Instruction *I : Steps)
      I->moveBefore(Where);
    return true;
  }

  // Steps: what has to be moved for that, in this order.
  bool isKnownAt(Value *V, Instruction *Where, SmallVectorImpl<Instruction *> &Steps) {
    auto *I = dyn_cast<Instruction>(V);
    if (!I || DT.dominates(I, Where) || is_contained(Steps, I))
      return true;
    if (NoEarly || Steps.size() == AddressSteps || I->getParent() != Where->getParent() || isa<PHINode>(I) ||
        I->mayReadOrWriteMemory() || !isSafeToSpeculativelyExecute(I))
      return false;
    for (Value *Of : I->operands())
      if (!isKnownAt(Of, Where, Steps))
        return false;
    Steps.push_back(I);
    return true;
  }
};

} // namespace

bool checkCommits(Function &F) {
  for (Instruction &I : instructions(F)) {
    auto *Call = dyn_cast<CallBase>(&I);
    if (Call && commits(*Call) && !F.hasFnAttribute(Attribute::Convergent)) {
      undoError(I, "commits a transaction, but the function is not declared "
                   "UNDO_COMMITS");
      return false;
    }
  }
  return true;
}

bool logFunctions(ArrayRef<Function *> Fs, const Program &P, Hooks &H, Counters &N) {
  std::vector<std::unique_ptr<FunctionLog>> Logs;
  Room R(P);
  for (Function *F : Fs) {
    Logs.push_back(std::make_unique<FunctionLog>(*F, P, H, N));
    R.add(Logs.back()->plan());
  }
  SmallVector<std::unique_ptr<FunctionLog>, 0> Plain;
  for (Function &F : *Fs[0]->getParent())
    if (!F.isDeclaration() && F.hasFnAttribute(PlainAttribute)) {
      Plain.push_back(std::make_unique<FunctionLog>(F, P, H, N));
      R.add(Plain.back()->planCalls());
    }
  R.find();
  bool Changed = false;
  for (auto &Log : Logs)
    Changed |= Log->emit();
  return Changed;
}

} // namespace samsara
