// SPDX-License-Identifier: MIT
//===- undo_room.cpp - Where the cursor is compared with the limit --------===//
#include "randomizer/passes/undo_room.h"
#include "lib/rt/undo_log.h"
#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/MustExecute.h"

using namespace llvm;

namespace samsara {
namespace {

// A function that logs no more than this leaves the comparison to its callers.
constexpr uint64_t SmallBytes = UNDO_SLACK / 4;

using Blocks = ReversePostOrderTraversal<Function *>;

} // namespace

void Excess::join(Excess Other) {
  Entry |= Other.Entry;
  Bytes = std::max(Bytes, Other.Bytes);
}

void Room::find() {
  for (const Function *F : Order)
    summarize(*F);
}

// What is not here, or in the middle of calling itself, may do anything.
const Room::Summary &Room::summarize(const Function &F) {
  Summary &S = Summaries[&F]; // stays where it is
  Plan *Of = Plans.lookup(&F);
  if (S.Known || S.Active || !Of)
    return S;
  S.Active = true;
  for (BasicBlock &Block : *Of->F)
    for (const Step &Each : Of->Steps.lookup(&Block))
      if (auto *Call = dyn_cast<CallBase>(Each.At); Call && Each.Group < 0)
        if (const Function *Callee = Call->getCalledFunction())
          summarize(*Callee);
  uint64_t Bytes;
  if (!NoChains && findSmall(*Of, Bytes) && (Bytes == 0 || callersCheck(F))) {
    S.Small = true;
    S.Bytes = Bytes;
  } else if (!F.hasFnAttribute(PlainAttribute)) {
    S.Out = findChecks(*Of);
  }
  S.Active = false;
  S.Known = true;
  return S;
}

bool Room::callersCheck(const Function &F) {
  return P.isKnownInside(F) && all_of(F.users(), [](const User *U) {
    return !cast<Instruction>(U)->getFunction()->hasFnAttribute(PlainAttribute);
  });
}

Room::Summary Room::calledBy(const Plan &Of, const Step &S) {
  if (S.Group >= 0) {
    Summary Records;
    Records.Small = true;
    Records.Bytes = Of.Groups[S.Group].Bytes;
    return Records;
  }
  const Function *Callee = cast<CallBase>(S.At)->getCalledFunction();
  if (!Callee)
    return Summary();
  const Summary &Known = Summaries[Callee];
  return Known.Known ? Known : Summary();
}

bool Room::needsNothing(const Plan &Of, const Step &S) {
  Summary Called = calledBy(Of, S);
  return Called.Small && Called.Bytes == 0;
}

// Whether all that F logs on any way is known and little.
bool Room::findSmall(Plan &Of, uint64_t &Bytes) {
  LoopInfo LI(*Of.DT);
  DenseMap<BasicBlock *, uint64_t> Ends;
  Bytes = 0;
  for (BasicBlock *B : Blocks(Of.F)) {
    uint64_t Sum = 0;
    for (BasicBlock *From : predecessors(B))
      Sum = std::max(Sum, Ends.lookup(From));
    for (const Step &S : Of.Steps.lookup(B)) {
      Summary Called = calledBy(Of, S);
      if (!Called.Small || (Called.Bytes && LI.getLoopFor(B)))
        return false;
      Sum += Called.Bytes;
    }
    Ends[B] = Sum;
    Bytes = std::max(Bytes, Sum);
  }
  // Loops that LoopInfo does not know have several entries.
  return Bytes <= SmallBytes && (Bytes == 0 || !mayContainIrreducibleControl(*Of.F, &LI));
}

Excess Room::findChecks(Plan &Of) {
  LoopInfo LI(*Of.DT);
  DenseMap<BasicBlock *, Excess> Ends;
  Excess Out;
  for (BasicBlock *B : Blocks(Of.F)) {
    Excess Now;
    Now.Entry = B->isEntryBlock();
    for (BasicBlock *From : predecessors(B)) {
      auto End = Ends.find(From);
      if (End != Ends.end()) {
        Now.join(End->second);
        continue;
      }
      // From a turn before, in which nothing may have been logged.
      Loop *L = LI.isLoopHeader(B) ? LI.getLoopFor(B) : nullptr;
      if (Of.DT->isReachableFromEntry(From) &&
          (!L || !L->contains(From) || any_of(L->blocks(), [&](BasicBlock *In) {
             return any_of(Of.Steps.lookup(In), [&](const Step &S) {
               return !needsNothing(Of, S);
             });
           })))
        Now.join(Excess::unknown());
    }
    for (Step &S : Of.Steps[B]) {
      Summary Called = calledBy(Of, S);
      if (!Called.Small) {
        Excess Before = Now;
        Now = Called.Out;
        Now.Entry = false;
        if (Called.Out.Entry)
          Now.join(Before);
      } else if (Called.Bytes) {
        S.Check = (NoChains && S.Group >= 0) || Now.Entry ||
                  Now.Bytes + Called.Bytes > UNDO_SLACK;
        Now = {false, Called.Bytes + (S.Check ? 0 : Now.Bytes)};
      }
    }
    Ends[B] = Now;
    if (isa<ReturnInst>(B->getTerminator()))
      Out.join(Now);
  }
  return Out;
}

} // namespace samsara
