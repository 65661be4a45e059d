// SPDX-License-Identifier: MIT
//===- undo_emit.cpp - Write records and calls into the code -------------===//
#include "randomizer/passes/undo_emit.h"
#include "lib/rt/undo_log.h"
#include "llvm/IR/MDBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Transforms/Utils/BasicBlockUtils.h"

using namespace llvm;

namespace samsara {

static bool isScalar(uint64_t Size) { return Size <= 8 && isPowerOf2_64(Size); }

// Whole words, whose number the tag tells.
static bool isWords(uint64_t Size) {
  return Size % 8 == 0 && Size / 8 <= UNDO_WORDS_MAX;
}

uint64_t recordBytes(uint64_t Size) {
  return alignTo(Size, 8) + (isScalar(Size) || isWords(Size) ? 8 : 16);
}

// Instructions of one record: the old bytes (16 at a time, the last ones may
// overlap), its address, and what tells its size.
static uint64_t recordCost(uint64_t Size) {
  uint64_t Rest = Size % 16;
  uint64_t Pieces = Size / 16 + (Rest ? (isScalar(Rest) || Size > 16 ? 1 : 2) : 0);
  return 2 * Pieces + 2 + (Size == 8 ? 0 : isScalar(Size) || isWords(Size) ? 1 : 2);
}

static FunctionCallee declare(Module &M, StringRef Name, FunctionType *T) {
  FunctionCallee Callee = M.getOrInsertFunction(Name, T);
  if (auto *F = dyn_cast<Function>(Callee.getCallee())) {
    F->setVisibility(GlobalValue::HiddenVisibility);
    F->setDSOLocal(true);
    F->setDoesNotThrow();
  }
  return Callee;
}

Hooks::Hooks(Module &M)
    : C(M.getContext()), Ptr(PointerType::getUnqual(C)),
      I64(Type::getInt64Ty(C)) {
  // Two words of it are known here. Hidden: a service is one piece, and an
  // address table would cost a load at each group.
  Log = cast<GlobalVariable>(
      M.getOrInsertGlobal("undo_log", ArrayType::get(Ptr, 2)));
  Log->setVisibility(GlobalValue::HiddenVisibility);
  Log->setDSOLocal(true);
  Range = declare(M, "undo_range", FunctionType::get(Type::getVoidTy(C),
                                                     {Ptr, I64}, false));
  Full = declare(M, "undo_full", FunctionType::get(Ptr, false));
  if (auto *F = dyn_cast<Function>(Full.getCallee()))
    F->setCallingConv(CallingConv::PreserveMost);
}

void Hooks::dropUnused() {
  for (GlobalValue *Unused : {cast<GlobalValue>(Log),
                              cast<GlobalValue>(Range.getCallee()),
                              cast<GlobalValue>(Full.getCallee())})
    if (Unused->use_empty() && Unused->isDeclaration())
      Unused->eraseFromParent();
}

constexpr int64_t GapMax = 32;

// Spans of one base become one record where that is cheaper, with what lies
// between them. It is mapped like its ends, being shorter than a page, and state
// of the same object like them.
void Emitter::join(SmallVectorImpl<Span> &Spans) {
  if (NoMerge)
    return;
  llvm::sort(Spans, [](const Span &A, const Span &B) {
    return std::tie(A.Start, A.Size) < std::tie(B.Start, B.Size);
  });
  SmallVector<Span, 4> Joined;
  for (const Span &S : Spans) {
    if (!Joined.empty()) {
      Span &Last = Joined.back();
      int64_t End = Last.Start + (int64_t)Last.Size;
      int64_t NewEnd = std::max(End, S.Start + (int64_t)S.Size);
      uint64_t NewSize = (uint64_t)(NewEnd - Last.Start);
      if (S.Start <= End + GapMax && NewSize <= InlineBytes &&
          recordCost(NewSize) <= recordCost(Last.Size) + recordCost(S.Size) &&
          recordBytes(NewSize) <=
              recordBytes(Last.Size) + recordBytes(S.Size)) {
        Last.Size = NewSize;
        ++N.Joined;
        continue;
      }
    }
    Joined.push_back(S);
  }
  Spans.assign(Joined.begin(), Joined.end());
}

Value *Emitter::at(IRBuilder<> &B, Value *Ptr, int64_t Offset) {
  return Offset ? B.CreateConstGEP1_64(B.getInt8Ty(), Ptr, Offset) : Ptr;
}

// Nothing in the machine: holds back the compiler only.
void Emitter::fence(IRBuilder<> &B) {
  B.CreateFence(AtomicOrdering::Release, SyncScope::SingleThread);
}

// Writes one record at Cursor + Used and returns what is used then.
uint64_t Emitter::emitRecord(IRBuilder<> &B, Value *Cursor, uint64_t Used, Value *Ptr,
                    uint64_t Size) {
  ++N.Records;
  uint64_t Tag = isWords(Size) ? Size / 8 * UNDO_TAG_WORD : UNDO_TAG_RANGE;
  if (isScalar(Size)) {
    Tag = Size == 8 ? 0 : UNDO_TAG_1 * Size;
    Value *Old = B.CreateAlignedLoad(B.getIntNTy(Size * 8), Ptr, Align(1));
    B.CreateAlignedStore(B.CreateZExt(Old, H.I64), at(B, Cursor, Used),
                         Align(8));
    Used += 8;
  } else {
    B.CreateMemCpyInline(at(B, Cursor, Used), Align(8), Ptr, Align(1),
                         B.getInt64(Size));
    Used += alignTo(Size, 8);
    if (!isWords(Size)) {
      B.CreateAlignedStore(B.getInt64(Size), at(B, Cursor, Used), Align(8));
      Used += 8;
    }
  }
  B.CreateAlignedStore(Ptr, at(B, Cursor, Used), Align(8));
  // The tag is the highest byte: storing it there takes one instruction, to make
  // a word of both in a register two or three.
  if (Tag)
    B.CreateAlignedStore(B.getInt8(Tag >> UNDO_TAG_SHIFT),
                         at(B, Cursor, Used + UNDO_TAG_SHIFT / 8), Align(1));
  return Used + 8;
}

// The cursor, or where there is room. B goes on before At.
Value *Emitter::checked(IRBuilder<> &B, Value *Cursor, Instruction *At) {
  ++N.Checks;
  Value *Limit = B.CreateLoad(
      H.Ptr, B.CreateConstGEP1_64(B.getInt8Ty(), H.Log, 8), "undo.limit");
  Value *IsFull = B.CreateICmpUGT(Cursor, Limit, "undo.is.full");
  BasicBlock *Before = At->getParent();
  Instruction *Cold = SplitBlockAndInsertIfThen(
      IsFull, At, false, MDBuilder(H.C).createUnlikelyBranchWeights());
  B.SetInsertPoint(Cold);
  B.SetCurrentDebugLocation(At->getDebugLoc());
  CallInst *Again = B.CreateCall(H.Full, {}, "undo.again");
  Again->setCallingConv(CallingConv::PreserveMost);
  location(Again, At);
  B.SetInsertPoint(At->getParent(), At->getParent()->begin());
  PHINode *Phi = B.CreatePHI(H.Ptr, 2, "undo.at");
  Phi->addIncoming(Cursor, Before);
  Phi->addIncoming(Again, Cold->getParent());
  B.SetInsertPoint(At);
  return Phi;
}

void Emitter::emitCheck(Instruction *At) {
  IRBuilder<> B(At);
  if (!NoBounds)
    checked(B, B.CreateLoad(H.Ptr, H.Log, "undo.cursor"), At);
}

void Emitter::emit(Group &G, const Group *After, bool Check) {
  ++N.Groups;
  IRBuilder<> B(G.Head);
  Value *Cursor = After ? After->End
                        : B.CreateLoad(H.Ptr, H.Log, "undo.cursor");
  if (!NoBounds && Check)
    Cursor = checked(B, Cursor, G.Head);
  uint64_t Used = 0;
  for (auto &[Base, Spans] : G.Spans) {
    join(Spans);
    for (const Span &S : Spans)
      Used = emitRecord(B, Cursor, Used, at(B, Base, S.Start), S.Size);
  }
  fence(B);
  G.End = at(B, Cursor, Used);
  B.CreateStore(G.End, H.Log);
  fence(B);
}

void Emitter::emit(const Write &W) {
  ++N.Calls;
  IRBuilder<> B(W.At);
  Value *Length = W.Length ? B.CreateZExtOrTrunc(W.Length, H.I64)
                           : B.getInt64(W.Size);
  location(B.CreateCall(H.Range, {W.Ptr, Length}), W.At);
}

// A call in a function with debug information must have a place.
void Emitter::location(CallInst *Call, const Instruction *Like) {
  if (Like->getDebugLoc())
    Call->setDebugLoc(Like->getDebugLoc());
  else if (DISubprogram *S = F.getSubprogram())
    Call->setDebugLoc(DILocation::get(H.C, 0, 0, S));
}

} // namespace samsara
