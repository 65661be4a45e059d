// SPDX-License-Identifier: MIT
//===- undo_loops.cpp - Records that can be made before a loop ------------===//
#include "randomizer/passes/undo_loops.h"
#include "llvm/Analysis/AssumptionCache.h"
#include "llvm/Analysis/MustExecute.h"
#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/Analysis/ScalarEvolutionExpressions.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/Transforms/Utils/ScalarEvolutionExpander.h"

using namespace llvm;

namespace samsara {
namespace {

// Fewer turns than this are logged one by one sooner than by a call.
constexpr uint64_t TurnsMin = 4;
// A range may hold this many times what the loop writes of it.
constexpr uint64_t GapsMax = 4;

class Finder {
public:
  Finder(Function &F, DominatorTree &DT, const Program &P)
      : F(F), DT(DT), P(P), DL(F.getDataLayout()),
        TLII(Triple(F.getParent()->getTargetTriple())), TLI(TLII, &F), AC(F),
        LI(DT), SE(F, TLI, AC, DT, LI) {}

  LoopRecords run() {
    for (Loop *L : LI.getLoopsInPreorder()) // outer ones first
      look(*L);
    // Only now: new code is not to be looked at.
    for (Stride &S : Strides)
      expand(S);
    return std::move(Found);
  }

private:
  struct Stride {
    Loop *L;
    Write W;
    const SCEV *Start, *Bytes;
  };

  Function &F;
  DominatorTree &DT;
  const Program &P;
  const DataLayout &DL;
  TargetLibraryInfoImpl TLII;
  TargetLibraryInfo TLI;
  AssumptionCache AC;
  LoopInfo LI;
  ScalarEvolution SE;
  LoopRecords Found;
  SmallVector<Stride, 8> Strides;
  SmallPtrSet<Instruction *, 16> Done;

  void look(Loop &L) {
    if (!L.getLoopPreheader() || commitsInside(L))
      return;
    SimpleLoopSafetyInfo Safety;
    Safety.computeLoopSafetyInfo(&L);
    for (BasicBlock *B : L.blocks())
      for (Instruction &I : *B) {
        // Anything but a plain store is left where it is.
        auto *S = dyn_cast<StoreInst>(&I);
        if (!S || Done.contains(&I))
          continue;
        Write W{&I, S->getPointerOperand()};
        W.Size = DL.getTypeStoreSize(S->getValueOperand()->getType())
                     .getFixedValue();
        Counters Unused;
        if (S->getPointerAddressSpace() != 0 || W.Size > InlineBytes ||
            P.isDropped(W, P.transactions(F).begin(B), Unused))
          continue;
        if (sameEachTurn(L, W, Safety) || steps(L, W, Safety))
          Done.insert(&I);
      }
  }

  // The first turn's commit would end what a record before the loop is good for.
  bool commitsInside(const Loop &L) {
    for (const BasicBlock *B : L.blocks())
      for (const Instruction &I : *B)
        if (auto *Call = dyn_cast<CallBase>(&I); Call && P.mayCommit(*Call))
          return true;
    return false;
  }

  bool sameEachTurn(Loop &L, Write &W, SimpleLoopSafetyInfo &Safety) {
    APInt Offset(64, 0);
    W.Base = W.Ptr->stripAndAccumulateConstantOffsets(DL, Offset, true);
    W.Offset = Offset.getSExtValue();
    if (!L.isLoopInvariant(W.Base) ||
        !Safety.isGuaranteedToExecute(*W.At, &DT, &L))
      return false;
    W.At = L.getLoopPreheader()->getTerminator();
    Found.Before[L.getLoopPreheader()].push_back(W);
    return true;
  }

  // The one way out is at the end of a turn, and each turn gets there.
  bool steps(Loop &L, Write &W, SimpleLoopSafetyInfo &Safety) {
    BasicBlock *Latch = L.getLoopLatch();
    if (!Latch || L.getExitingBlock() != Latch || Safety.anyBlockMayThrow() ||
        LI.getLoopFor(W.At->getParent()) != &L ||
        !DT.dominates(W.At->getParent(), Latch))
      return false;
    auto *Rec = dyn_cast<SCEVAddRecExpr>(SE.getSCEV(W.Ptr));
    const SCEV *Turns = SE.getBackedgeTakenCount(&L);
    if (!Rec || Rec->getLoop() != &L || !Rec->isAffine() ||
        isa<SCEVCouldNotCompute>(Turns))
      return false;
    auto *Step = dyn_cast<SCEVConstant>(Rec->getStepRecurrence(SE));
    if (!Step || Step->getAPInt().getSignificantBits() > 32)
      return false;
    int64_t Distance = Step->getAPInt().getSExtValue();
    uint64_t Each = Distance < 0 ? -Distance : Distance;
    if (Each == 0 || Each > GapsMax * W.Size)
      return false;
    if (auto *C = dyn_cast<SCEVConstant>(Turns);
        C && C->getAPInt().ult(TurnsMin - 1))
      return false;
    Type *I64 = Type::getInt64Ty(F.getContext());
    const SCEV *Last = SE.getMulExpr(SE.getNoopOrZeroExtend(Turns, I64),
                                     SE.getConstant(I64, Each));
    const SCEV *Start = Rec->getStart();
    if (Distance < 0)
      Start = SE.getAddExpr(Start, SE.getNegativeSCEV(Last));
    const SCEV *Bytes = SE.getAddExpr(Last, SE.getConstant(I64, W.Size));
    SCEVExpander E(SE, DL, "undo");
    Instruction *Where = L.getLoopPreheader()->getTerminator();
    if (!E.isSafeToExpandAt(Start, Where) || !E.isSafeToExpandAt(Bytes, Where))
      return false;
    Strides.push_back({&L, W, Start, Bytes});
    return true;
  }

  void expand(Stride &S) {
    BasicBlock *Preheader = S.L->getLoopPreheader();
    Instruction *Where = Preheader->getTerminator();
    SCEVExpander E(SE, DL, "undo");
    Found.Held.insert(S.W.At);
    Write W = S.W;
    W.At = Where;
    W.Ptr = E.expandCodeFor(S.Start, W.Ptr->getType(), Where);
    W.Length =
        E.expandCodeFor(S.Bytes, Type::getInt64Ty(F.getContext()), Where);
    if (auto *C = dyn_cast<ConstantInt>(W.Length)) {
      W.Size = C->getZExtValue();
      W.Length = nullptr;
    }
    Found.Before[Preheader].push_back(W);
  }
};

} // namespace

LoopRecords findLoopRecords(Function &F, DominatorTree &DT, const Program &P) {
  if (NoLoops)
    return LoopRecords();
  return Finder(F, DT, P).run();
}

} // namespace samsara
