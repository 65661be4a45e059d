// SPDX-License-Identifier: MIT
//===- undo_writes.cpp - What an instruction writes ----------------------===//
#include "randomizer/passes/undo_writes.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/IntrinsicsX86.h"

using namespace llvm;

namespace samsara {

void undoError(const Instruction &I, const Twine &Text) {
  const Function &F = *I.getFunction();
  F.getContext().diagnose(
      DiagnosticInfoUnsupported(F, Text, I.getDebugLoc(), DS_Error));
}

StringRef loggedReplacement(StringRef Name) {
  return StringSwitch<StringRef>(Name)
      .Case("memcpy", "undo_memcpy")
      .Case("memmove", "undo_memmove")
      .Case("memset", "undo_memset")
      .Default("");
}

bool commits(const CallBase &Call) {
  return !Call.isInlineAsm() && !isa<IntrinsicInst>(Call) &&
         Call.hasFnAttr(Attribute::Convergent);
}

namespace {

bool isMemoryFunction(const CallBase &Call) {
  const Function *F = Call.getCalledFunction();
  return F && !loggedReplacement(F->getName()).empty() &&
         Call.arg_size() == 3 && Call.getArgOperand(0)->getType()->isPointerTy() &&
         Call.getArgOperand(2)->getType()->isIntegerTy();
}

// Intrinsics that claim to write memory so that nothing moves across them.
bool isHarmless(const IntrinsicInst &I) {
  if (I.onlyAccessesInaccessibleMemory())
    return true;
  switch (I.getIntrinsicID()) {
  case Intrinsic::lifetime_start:
  case Intrinsic::lifetime_end:
  case Intrinsic::invariant_start:
  case Intrinsic::invariant_end:
  case Intrinsic::assume:
  case Intrinsic::sideeffect:
  case Intrinsic::stacksave:
  case Intrinsic::stackrestore:
  case Intrinsic::prefetch:
  case Intrinsic::var_annotation:
  case Intrinsic::experimental_noalias_scope_decl:
  case Intrinsic::pseudoprobe:
  case Intrinsic::donothing:
  case Intrinsic::trap:
  case Intrinsic::debugtrap:
  case Intrinsic::ubsantrap:
  case Intrinsic::readcyclecounter:
  case Intrinsic::vaend:
  case Intrinsic::eh_sjlj_callsite:
  case Intrinsic::x86_sse2_pause:
  case Intrinsic::x86_sse2_lfence:
  case Intrinsic::x86_sse2_mfence:
  case Intrinsic::x86_sse_sfence:
  case Intrinsic::x86_sse_ldmxcsr:
  case Intrinsic::x86_rdtsc:
  case Intrinsic::x86_rdtscp:
    return true;
  default:
    return false;
  }
}

// Assembly of the C library, and the one function of it that stores where its
// caller says: the registers that a callee keeps, in musl's jmp_buf.
constexpr uint64_t JmpBufRegisters = 64;
bool isSetjmp(const Function &F) {
  return F.getName() == "setjmp" || F.getName() == "_setjmp";
}

// A local variable of the function itself.
bool isOwnVariable(const Value *Ptr) {
  SmallVector<const Value *, 4> Objects;
  getUnderlyingObjects(Ptr, Objects, nullptr, 0);
  return all_of(Objects, [](const Value *O) { return isa<AllocaInst>(O); });
}

class Finder {
public:
  Finder(Instruction &I, SmallVectorImpl<Write> &To)
      : I(I), To(To), DL(I.getDataLayout()) {}

  void find() {
    if (auto *S = dyn_cast<StoreInst>(&I))
      return add(S->getPointerOperand(),
                 storeSize(S->getValueOperand()->getType()));
    if (auto *X = dyn_cast<AtomicCmpXchgInst>(&I))
      return add(X->getPointerOperand(),
                 storeSize(X->getNewValOperand()->getType()));
    if (auto *R = dyn_cast<AtomicRMWInst>(&I))
      return add(R->getPointerOperand(),
                 storeSize(R->getValOperand()->getType()));
    if (isa<VAArgInst>(&I)) // its va_list moves on
      return add(I.getOperand(0), 24);
    if (auto *Intrinsic = dyn_cast<IntrinsicInst>(&I))
      return addIntrinsic(*Intrinsic);
    auto *Call = dyn_cast<CallBase>(&I);
    if (!Call)
      return;
    if (Call->isInlineAsm())
      return addAssembly(*Call);
    if (isMemoryFunction(*Call))
      return addLength(Call->getArgOperand(0), Call->getArgOperand(2));
    const Function *F = Call->getCalledFunction();
    if (F && isSetjmp(*F) && Call->arg_size() == 1)
      return add(Call->getArgOperand(0), JmpBufRegisters);
    if (F && F->getName() == "undo_range" && Call->arg_size() == 2) {
      size_t Before = To.size();
      addLength(Call->getArgOperand(0), Call->getArgOperand(1));
      for (Write &W : drop_begin(To, Before))
        W.ByHand = true;
    }
  }

private:
  Instruction &I;
  SmallVectorImpl<Write> &To;
  const DataLayout &DL;

  void add(Value *Ptr,
           uint64_t Size) {
    Write W{&I, Ptr};
    W.Size = Size;
    To.push_back(W);
  }

  void addLength(Value *Ptr,
                 Value *Length) {
    if (auto *C = dyn_cast<ConstantInt>(Length)) {
      if (!C->isZero())
        add(Ptr, C->getZExtValue());
      return;
    }
    Write W{&I, Ptr};
    W.Length = Length;
    To.push_back(W);
  }

  uint64_t storeSize(Type *T) { return DL.getTypeStoreSize(T).getFixedValue(); }

  // Lanes under a mask: a lane that is off may lie where nothing is mapped, so
  // each is a range of its own, of no bytes when it is off. Such code is rare.
  void addLanes(Value *Vector,
                Value *Where, Value *Mask) {
    auto *T = cast<FixedVectorType>(Vector->getType());
    uint64_t Bytes = storeSize(T->getElementType());
    IRBuilder<> B(&I);
    for (unsigned Lane = 0; Lane < T->getNumElements(); ++Lane) {
      Value *Ptr =
          Where->getType()->isVectorTy()
              ? B.CreateExtractElement(Where, Lane)
              : B.CreateConstGEP1_64(B.getInt8Ty(), Where, Lane * Bytes);
      Value *On = B.CreateExtractElement(Mask, Lane);
      addLength(Ptr,
                B.CreateSelect(On, B.getInt64(Bytes), B.getInt64(0)));
    }
  }

  void addCompressed(Value *Vector,
                     Value *Ptr, Value *Mask) {
    auto *T = cast<FixedVectorType>(Vector->getType());
    IRBuilder<> B(&I);
    Value *Bits =
        B.CreateBitCast(Mask, B.getIntNTy(T->getNumElements()));
    Value *Lanes = B.CreateZExt(B.CreateUnaryIntrinsic(Intrinsic::ctpop, Bits),
                                B.getInt64Ty());
    addLength(Ptr,
              B.CreateMul(Lanes, B.getInt64(storeSize(T->getElementType()))));
  }

  void addIntrinsic(IntrinsicInst &I) {
    if (auto *Memory = dyn_cast<AnyMemIntrinsic>(&I))
      return addLength(Memory->getRawDest(), Memory->getLength());
    switch (I.getIntrinsicID()) {
    case Intrinsic::masked_store:
      return addLanes(I.getArgOperand(0), I.getArgOperand(1),
                      I.getArgOperand(3));
    case Intrinsic::masked_scatter:
      return addLanes(I.getArgOperand(0), I.getArgOperand(1),
                      I.getArgOperand(3));
    case Intrinsic::masked_compressstore:
      return addCompressed(I.getArgOperand(0), I.getArgOperand(1),
                           I.getArgOperand(2));
    case Intrinsic::vastart:
    case Intrinsic::vacopy: // a va_list of x86-64: 2 * 4 + 2 * 8 bytes
      return add(I.getArgOperand(0), 24);
    default:
      if (I.mayWriteToMemory() && !isHarmless(I))
        undoError(I, "the undo log does not know what " +
                     I.getCalledFunction()->getName() + " writes");
    }
  }

  void addAssembly(CallBase &Call) {
    auto *Asm = cast<InlineAsm>(Call.getCalledOperand());
    if (!Call.mayWriteToMemory() || Asm->getAsmString().empty())
      return; // nothing of it runs: a fence for the compiler
    bool Annotated =
        StringRef(Asm->getAsmString()).contains("undo-log: accounted for");
    bool Clobbers = false;
    unsigned Argument = 0;
    size_t Before = To.size();
    for (const InlineAsm::ConstraintInfo &Info : Asm->ParseConstraints()) {
      if (Info.Type == InlineAsm::isClobber)
        Clobbers |= is_contained(Info.Codes, "{memory}");
      if (Info.Type == InlineAsm::isOutput && Info.isIndirect)
        add(Call.getArgOperand(Argument),
            storeSize(Call.getParamElementType(Argument)));
      if (Info.hasArg())
        ++Argument;
    }
    bool OnlyStack =
        !Clobbers && all_of(drop_begin(To, Before), [](const Write &W) {
          return isOwnVariable(W.Ptr);
        });
    if (!Annotated && !OnlyStack)
      undoError(Call, "inline assembly writes memory and is not marked UNDO_ASM");
  }
};

} // namespace

void findWrites(Instruction &I, SmallVectorImpl<Write> &To) {
  Finder(I, To).find();
}

} // namespace samsara
