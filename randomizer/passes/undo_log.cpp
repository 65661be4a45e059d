// SPDX-License-Identifier: MIT
//===- undo_log.cpp - Log what stores overwrite ---------------------------===//
#include "randomizer/passes/undo_log.h"
#include "lib/rt/undo_log.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsX86.h"
#include "llvm/IR/MDBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Passes/PassPlugin.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Utils/BasicBlockUtils.h"

using namespace llvm;

namespace samsara {
namespace {

cl::opt<bool> NoStackElision("undo-log-all", cl::Hidden,
                             cl::desc("Log stores to the stack, too"));
cl::opt<bool> NoDedupe("undo-log-no-dedupe", cl::Hidden,
                       cl::desc("Log repeated stores each time"));
cl::opt<bool> NoGroups("undo-log-no-groups", cl::Hidden,
                       cl::desc("One record a group"));
cl::opt<bool> NoMerge("undo-log-no-merge", cl::Hidden,
                      cl::desc("Do not join neighbouring records"));
cl::opt<bool> NoBounds("undo-log-no-bounds", cl::Hidden,
                       cl::desc("Never compare with the limit: for measuring"));
cl::opt<bool> Fresh("undo-log-fresh",
                    cl::desc("Do not log stores to what the same function "
                             "allocated; the allocator must keep the promise "
                             "of undo_note_fresh"));
cl::list<std::string>
    Allocators("undo-log-allocators", cl::CommaSeparated,
               cl::desc("Functions whose result is fresh memory"));
cl::opt<bool> Plain("undo-log-plain",
                    cl::desc("Compile what stands below the transactions: "
                             "none of its stores will ever be logged"));
cl::opt<std::string> StatsFile(
    "undo-log-stats", cl::value_desc("file"),
    cl::desc("Append the counters of each module to this file, as JSON"));

// Up to here a constant-size copy is done in place, not by a call.
constexpr uint64_t InlineBytes = 64;
// Carried by functions of files compiled with -undo-log-plain.
constexpr char PlainAttribute[] = "samsara-undo-plain";
// A chain of records that are compared for each store of the same base.
constexpr size_t CoverScan = 32;

struct Counters {
  uint64_t Writes = 0;      // found
  uint64_t Stack = 0;       // dropped: the stack
  uint64_t Device = 0;      // dropped: another address space
  uint64_t FreshMemory = 0; // dropped: allocated here
  uint64_t Covered = 0;     // dropped: another record holds the bytes
  uint64_t Joined = 0;      // records saved by joining neighbours
  uint64_t Records = 0;     // emitted in place
  uint64_t Groups = 0;      // comparisons with the limit
  uint64_t Calls = 0;       // emitted calls of undo_range
};

// One place that is written: Size bytes at Ptr, which is Base + Offset; or
// Length bytes if the number is known only at run time.
struct Write {
  Instruction *At;
  Value *Ptr;
  Value *Base = nullptr;
  int64_t Offset = 0;
  uint64_t Size = 0;
  Value *Length = nullptr;
};

// Bytes of a base that one record of a group keeps.
struct Span {
  int64_t Start;
  uint64_t Size;
};

// Records made together before the instruction Head.
struct Group {
  Instruction *Head;
  MapVector<Value *, SmallVector<Span, 4>> Spans;
  uint64_t Bytes = 0;
};

// Bytes that a record holds from instruction Since on.
struct Cover {
  Instruction *Since;
  int64_t Start;
  uint64_t Size;
};

uint64_t recordBytes(uint64_t Size) {
  return alignTo(Size, 8) + (Size <= 8 && isPowerOf2_64(Size) ? 8 : 16);
}

struct Hooks {
  LLVMContext &C;
  PointerType *Ptr;
  IntegerType *I64;
  GlobalVariable *Log;
  FunctionCallee Range, Full;

  explicit Hooks(Module &M)
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

  static FunctionCallee declare(Module &M, StringRef Name, FunctionType *T) {
    FunctionCallee Callee = M.getOrInsertFunction(Name, T);
    if (auto *F = dyn_cast<Function>(Callee.getCallee())) {
      F->setVisibility(GlobalValue::HiddenVisibility);
      F->setDSOLocal(true);
      F->setDoesNotThrow();
    }
    return Callee;
  }
};

// The memory functions that libraries are compiled to call by name.
StringRef loggedReplacement(StringRef Name) {
  return StringSwitch<StringRef>(Name)
      .Case("memcpy", "undo_memcpy")
      .Case("memmove", "undo_memmove")
      .Case("memset", "undo_memset")
      .Default("");
}

bool isMemoryFunction(const CallBase &Call) {
  const Function *F = Call.getCalledFunction();
  return F && !loggedReplacement(F->getName()).empty() &&
         Call.arg_size() == 3 && Call.getArgOperand(0)->getType()->isPointerTy() &&
         Call.getArgOperand(2)->getType()->isIntegerTy();
}

bool commits(const CallBase &Call) {
  return !Call.isInlineAsm() && !isa<IntrinsicInst>(Call) &&
         Call.hasFnAttr(Attribute::Convergent);
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

class FunctionLog {
public:
  FunctionLog(Function &F, DominatorTree &DT, Hooks &H, Counters &N)
      : F(F), DT(DT), H(H), N(N), DL(F.getDataLayout()) {}

  bool run() {
    if (!checkCommits())
      return false;
    // Dominators first, so that what they keep is known. Unreachable blocks
    // are not visited; they never run.
    for (BasicBlock *B : ReversePostOrderTraversal<Function *>(&F))
      planBlock(*B);
    for (Group &G : Groups)
      emitGroup(G);
    for (const Write &W : Ranges)
      emitRange(W);
    return !Groups.empty() || !Ranges.empty();
  }

private:
  Function &F;
  DominatorTree &DT;
  Hooks &H;
  Counters &N;
  const DataLayout &DL;
  bool MayCommit = false;
  std::vector<Group> Groups;
  SmallVector<Write, 16> Ranges;
  DenseMap<Value *, SmallVector<Cover, 4>> Covers;
  Group *Open = nullptr;

  void error(const Instruction &I, const Twine &Text) {
    F.getContext().diagnose(
        DiagnosticInfoUnsupported(F, Text, I.getDebugLoc(), DS_Error));
  }

  // A function with a commit inside must say so, for its callers' sake.
  bool checkCommits() {
    for (Instruction &I : instructions(F)) {
      auto *Call = dyn_cast<CallBase>(&I);
      if (!Call || !commits(*Call))
        continue;
      MayCommit = true;
      if (!F.hasFnAttribute(Attribute::Convergent)) {
        error(I, "commits a transaction, but the function is not declared "
                 "UNDO_COMMITS");
        return false;
      }
    }
    return true;
  }

  // ---- What is written ----

  void add(SmallVectorImpl<Write> &To, Instruction &I, Value *Ptr,
           uint64_t Size) {
    Write W{&I, Ptr};
    W.Size = Size;
    To.push_back(W);
  }

  void addLength(SmallVectorImpl<Write> &To, Instruction &I, Value *Ptr,
                 Value *Length) {
    if (auto *C = dyn_cast<ConstantInt>(Length)) {
      if (!C->isZero())
        add(To, I, Ptr, C->getZExtValue());
      return;
    }
    Write W{&I, Ptr};
    W.Length = Length;
    To.push_back(W);
  }

  uint64_t storeSize(Type *T) { return DL.getTypeStoreSize(T).getFixedValue(); }

  // Lanes under a mask: a lane that is off may lie where nothing is mapped, so
  // each is a range of its own, of no bytes when it is off. Such code is rare.
  void addLanes(SmallVectorImpl<Write> &To, Instruction &I, Value *Vector,
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
      addLength(To, I, Ptr,
                B.CreateSelect(On, B.getInt64(Bytes), B.getInt64(0)));
    }
  }

  void addCompressed(SmallVectorImpl<Write> &To, Instruction &I, Value *Vector,
                     Value *Ptr, Value *Mask) {
    auto *T = cast<FixedVectorType>(Vector->getType());
    IRBuilder<> B(&I);
    Value *Bits =
        B.CreateBitCast(Mask, B.getIntNTy(T->getNumElements()));
    Value *Lanes = B.CreateZExt(B.CreateUnaryIntrinsic(Intrinsic::ctpop, Bits),
                                B.getInt64Ty());
    addLength(To, I, Ptr,
              B.CreateMul(Lanes, B.getInt64(storeSize(T->getElementType()))));
  }

  void addIntrinsic(SmallVectorImpl<Write> &To, IntrinsicInst &I) {
    if (auto *Memory = dyn_cast<AnyMemIntrinsic>(&I))
      return addLength(To, I, Memory->getRawDest(), Memory->getLength());
    switch (I.getIntrinsicID()) {
    case Intrinsic::masked_store:
      return addLanes(To, I, I.getArgOperand(0), I.getArgOperand(1),
                      I.getArgOperand(3));
    case Intrinsic::masked_scatter:
      return addLanes(To, I, I.getArgOperand(0), I.getArgOperand(1),
                      I.getArgOperand(3));
    case Intrinsic::masked_compressstore:
      return addCompressed(To, I, I.getArgOperand(0), I.getArgOperand(1),
                           I.getArgOperand(2));
    case Intrinsic::vastart:
    case Intrinsic::vacopy: // a va_list of x86-64: 2 * 4 + 2 * 8 bytes
      return add(To, I, I.getArgOperand(0), 24);
    default:
      if (I.mayWriteToMemory() && !isHarmless(I))
        error(I, "the undo log does not know what " +
                     I.getCalledFunction()->getName() + " writes");
    }
  }

  void addAssembly(SmallVectorImpl<Write> &To, CallBase &Call) {
    auto *Asm = cast<InlineAsm>(Call.getCalledOperand());
    if (!Call.mayWriteToMemory() || Asm->getAsmString().empty())
      return; // nothing of it runs: a fence for the compiler
    bool Annotated =
        StringRef(Asm->getAsmString()).contains("undo-log: accounted for");
    bool Clobbers = false;
    unsigned Argument = 0;
    SmallVector<Write, 4> Outputs;
    for (const InlineAsm::ConstraintInfo &Info : Asm->ParseConstraints()) {
      if (Info.Type == InlineAsm::isClobber)
        Clobbers |= is_contained(Info.Codes, "{memory}");
      if (Info.Type == InlineAsm::isOutput && Info.isIndirect)
        add(Outputs, Call, Call.getArgOperand(Argument),
            storeSize(Call.getParamElementType(Argument)));
      if (Info.hasArg())
        ++Argument;
    }
    bool OnlyStack = !Clobbers && all_of(Outputs, [&](const Write &W) {
      return isStack(W.Ptr);
    });
    if (!Annotated && !OnlyStack)
      error(Call, "inline assembly writes memory and is not marked UNDO_ASM");
    To.append(Outputs.begin(), Outputs.end());
  }

  void findWrites(Instruction &I, SmallVectorImpl<Write> &To) {
    if (auto *S = dyn_cast<StoreInst>(&I))
      return add(To, I, S->getPointerOperand(),
                 storeSize(S->getValueOperand()->getType()));
    if (auto *X = dyn_cast<AtomicCmpXchgInst>(&I))
      return add(To, I, X->getPointerOperand(),
                 storeSize(X->getNewValOperand()->getType()));
    if (auto *R = dyn_cast<AtomicRMWInst>(&I))
      return add(To, I, R->getPointerOperand(),
                 storeSize(R->getValOperand()->getType()));
    if (isa<VAArgInst>(&I)) // its va_list moves on
      return add(To, I, I.getOperand(0), 24);
    if (auto *Intrinsic = dyn_cast<IntrinsicInst>(&I))
      return addIntrinsic(To, *Intrinsic);
    if (auto *Call = dyn_cast<CallBase>(&I)) {
      if (Call->isInlineAsm())
        return addAssembly(To, *Call);
      if (isMemoryFunction(*Call))
        addLength(To, I, Call->getArgOperand(0), Call->getArgOperand(2));
    }
  }

  // ---- What need not be logged ----

  template <typename Predicate>
  bool allObjects(Value *Ptr, Predicate Is) {
    SmallVector<const Value *, 4> Objects;
    getUnderlyingObjects(Ptr, Objects, nullptr, 0);
    return all_of(Objects, Is);
  }

  // A pointer that is computed from the address of a local variable points into
  // that variable or nowhere. A byval argument is the caller's copy for us.
  bool isStack(Value *Ptr) {
    return allObjects(Ptr, [](const Value *O) {
      auto *A = dyn_cast<Argument>(O);
      return isa<AllocaInst>(O) || (A && A->hasByValAttr());
    });
  }

  // What was allocated in this call was so in this transaction, if none ends
  // in this function.
  bool isFresh(Value *Ptr) {
    return Fresh && !MayCommit && allObjects(Ptr, [](const Value *O) {
      auto *Call = dyn_cast<CallBase>(O);
      const Function *Callee = Call ? Call->getCalledFunction() : nullptr;
      if (!Callee)
        return false;
      StringRef Name = Callee->getName();
      return Name == "malloc" || Name == "calloc" || Name == "aligned_alloc" ||
             is_contained(Allocators, Name);
    });
  }

  bool isDropped(const Write &W) {
    unsigned Space = W.Ptr->getType()->getPointerAddressSpace();
    if (Space == UNDO_DEVICE_SPACE)
      return ++N.Device, true;
    if (Space != 0)
      return error(*W.At, "the undo log knows no segment registers"), true;
    if (!NoStackElision && isStack(W.Ptr))
      return ++N.Stack, true;
    if (isFresh(W.Ptr))
      return ++N.FreshMemory, true;
    return false;
  }

  // The record was made on every way here, and its base is the same value: an
  // SSA value that dominates the record cannot have changed since. No commit
  // lies between, because there is none in the function, or (Covers is emptied
  // at each) none in the block.
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
      if (C.Start <= W.Offset &&
          W.Offset + (int64_t)W.Size <= C.Start + (int64_t)C.Size &&
          (C.Since == W.At || DT.dominates(C.Since, W.At)))
        return true;
    }
    return false;
  }

  // ---- Planning ----

  void planBlock(BasicBlock &Block) {
    Open = nullptr;
    if (MayCommit)
      Covers.clear();
    SmallVector<Instruction *, 32> Work;
    for (Instruction &I : Block)
      Work.push_back(&I); // addLanes adds instructions
    for (Instruction *I : Work) {
      SmallVector<Write, 4> Writes;
      findWrites(*I, Writes);
      for (Write &W : Writes) {
        ++N.Writes;
        if (!isDropped(W))
          plan(W);
      }
      // A record made ahead of a call would read memory that the call may
      // map, or that is never reached because it does not return.
      if (auto *Call = dyn_cast<CallBase>(I)) {
        if (!isa<IntrinsicInst>(I) || !isGuaranteedToTransferExecutionToSuccessor(I))
          Open = nullptr;
        if (commits(*Call))
          Covers.clear();
      }
    }
  }

  void plan(Write &W) {
    if (W.Length || W.Size > InlineBytes) {
      // The records of an open group come before it, in the code as in the log.
      Ranges.push_back(W);
      Open = nullptr;
      return;
    }
    APInt Offset(64, 0);
    W.Base = W.Ptr->stripAndAccumulateConstantOffsets(DL, Offset, true);
    W.Offset = Offset.getSExtValue();
    if (isCovered(W)) {
      ++N.Covered;
      return;
    }
    if (!Open || NoGroups || !isKnownAt(W.Base, Open->Head) ||
        Open->Bytes + recordBytes(W.Size) > UNDO_GROUP_MAX) {
      Groups.push_back(Group{W.At, {}, 0});
      Open = &Groups.back();
    }
    Open->Bytes += recordBytes(W.Size);
    Open->Spans[W.Base].push_back({W.Offset, W.Size});
    Covers[W.Base].push_back({Open->Head, W.Offset, W.Size});
  }

  bool isKnownAt(Value *V, Instruction *Where) {
    auto *I = dyn_cast<Instruction>(V);
    return !I || DT.dominates(I, Where);
  }

  // ---- Emitting ----

  // Overlapping and touching spans of one base become one record, if it is not
  // longer than what is copied in place, nor takes more room.
  void join(SmallVectorImpl<Span> &Spans) {
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
        if (S.Start <= End && NewSize <= InlineBytes &&
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

  Value *at(IRBuilder<> &B, Value *Ptr, int64_t Offset) {
    return Offset ? B.CreateConstGEP1_64(B.getInt8Ty(), Ptr, Offset) : Ptr;
  }

  // Nothing in the machine: holds back the compiler only.
  void fence(IRBuilder<> &B) {
    B.CreateFence(AtomicOrdering::Release, SyncScope::SingleThread);
  }

  // Writes one record at Cursor + Used and returns what is used then.
  uint64_t emitRecord(IRBuilder<> &B, Value *Cursor, uint64_t Used, Value *Ptr,
                      uint64_t Size) {
    ++N.Records;
    bool Scalar = Size <= 8 && isPowerOf2_64(Size);
    uint64_t Tag = UNDO_TAG_RANGE;
    if (Scalar) {
      Tag = Size == 8 ? 0 : UNDO_TAG_1 * Size;
      Value *Old = B.CreateAlignedLoad(B.getIntNTy(Size * 8), Ptr, Align(1));
      B.CreateAlignedStore(B.CreateZExt(Old, H.I64), at(B, Cursor, Used),
                           Align(8));
      Used += 8;
    } else {
      B.CreateMemCpyInline(at(B, Cursor, Used), Align(8), Ptr, Align(1),
                           B.getInt64(Size));
      Used += alignTo(Size, 8);
      B.CreateAlignedStore(B.getInt64(Size), at(B, Cursor, Used), Align(8));
      Used += 8;
    }
    Value *Word = B.CreatePtrToInt(Ptr, H.I64);
    if (Tag)
      Word = B.CreateOr(Word, B.getInt64(Tag));
    B.CreateAlignedStore(Word, at(B, Cursor, Used), Align(8));
    return Used + 8;
  }

  void emitGroup(Group &G) {
    ++N.Groups;
    IRBuilder<> B(G.Head);
    Value *Cursor = B.CreateLoad(H.Ptr, H.Log, "undo.cursor");
    if (!NoBounds) {
      Value *Limit = B.CreateLoad(
          H.Ptr, B.CreateConstGEP1_64(B.getInt8Ty(), H.Log, 8), "undo.limit");
      Value *IsFull = B.CreateICmpUGT(Cursor, Limit, "undo.is.full");
      BasicBlock *Before = G.Head->getParent();
      Instruction *Cold = SplitBlockAndInsertIfThen(
          IsFull, G.Head, false,
          MDBuilder(H.C).createUnlikelyBranchWeights());
      B.SetInsertPoint(Cold);
      B.SetCurrentDebugLocation(G.Head->getDebugLoc());
      CallInst *Again = B.CreateCall(H.Full, {}, "undo.again");
      Again->setCallingConv(CallingConv::PreserveMost);
      location(Again, G.Head);
      B.SetInsertPoint(G.Head->getParent(), G.Head->getParent()->begin());
      PHINode *Phi = B.CreatePHI(H.Ptr, 2, "undo.at");
      Phi->addIncoming(Cursor, Before);
      Phi->addIncoming(Again, Cold->getParent());
      Cursor = Phi;
      B.SetInsertPoint(G.Head);
    }
    uint64_t Used = 0;
    for (auto &[Base, Spans] : G.Spans) {
      join(Spans);
      for (const Span &S : Spans)
        Used = emitRecord(B, Cursor, Used, at(B, Base, S.Start), S.Size);
    }
    fence(B);
    B.CreateStore(at(B, Cursor, Used), H.Log);
    fence(B);
  }

  void emitRange(const Write &W) {
    ++N.Calls;
    IRBuilder<> B(W.At);
    Value *Length = W.Length ? B.CreateZExtOrTrunc(W.Length, H.I64)
                             : B.getInt64(W.Size);
    location(B.CreateCall(H.Range, {W.Ptr, Length}), W.At);
  }

  // A call in a function with debug information must have a place.
  void location(CallInst *Call, const Instruction *Like) {
    if (Like->getDebugLoc())
      Call->setDebugLoc(Like->getDebugLoc());
    else if (DISubprogram *S = F.getSubprogram())
      Call->setDebugLoc(DILocation::get(H.C, 0, 0, S));
  }
};

// Calls of memcpy and its kin are logged where they are; whoever calls through
// a pointer must find a function that logs by itself.
bool replaceTakenAddresses(Module &M) {
  bool Changed = false;
  for (Function &F : M) {
    StringRef With = loggedReplacement(F.getName());
    if (With.empty() || !F.isDeclaration())
      continue;
    auto IsAddress = [](const Use &U) {
      auto *Call = dyn_cast<CallBase>(U.getUser());
      return !Call || !Call->isCallee(&U);
    };
    if (none_of(F.uses(), IsAddress))
      continue;
    F.replaceUsesWithIf(
        M.getOrInsertFunction(With, F.getFunctionType()).getCallee(),
        IsAddress);
    Changed = true;
  }
  return Changed;
}

// A commit that is called through a pointer would be seen by nobody.
void checkCommitAddresses(Module &M) {
  for (Function &F : M) {
    if (!F.hasFnAttribute(Attribute::Convergent) || F.isIntrinsic())
      continue;
    for (const Use &U : F.uses()) {
      auto *Call = dyn_cast<CallBase>(U.getUser());
      if (!Call || !Call->isCallee(&U))
        M.getContext().emitError("the address of " + F.getName() +
                                 " is taken, which is declared UNDO_COMMITS");
    }
  }
}

void writeCounters(const Module &M, const Counters &N) {
  std::error_code Error;
  raw_fd_ostream Out(StatsFile, Error, sys::fs::OF_Append);
  if (Error) {
    M.getContext().emitError("cannot write " + StatsFile + ": " +
                             Error.message());
    return;
  }
  Out << formatv("{{\"module\": \"{0}\", \"writes\": {1}, \"stack\": {2}, "
                 "\"device\": {3}, \"fresh\": {4}, \"covered\": {5}, "
                 "\"joined\": {6}, \"records\": {7}, \"groups\": {8}, "
                 "\"calls\": {9}}\n",
                 M.getSourceFileName(), N.Writes, N.Stack, N.Device,
                 N.FreshMemory, N.Covered, N.Joined, N.Records, N.Groups,
                 N.Calls);
}

} // namespace

PreservedAnalyses UndoLogPass::run(Module &M, ModuleAnalysisManager &AM) {
  if (Plain) {
    for (Function &F : M)
      if (!F.isDeclaration())
        F.addFnAttr(PlainAttribute);
    return PreservedAnalyses::all();
  }
  Counters N;
  bool Changed = replaceTakenAddresses(M);
  checkCommitAddresses(M);
  SmallVector<Function *, 32> Defined;
  for (Function &F : M)
    if (!F.isDeclaration() && !F.hasFnAttribute(PlainAttribute))
      Defined.push_back(&F);
  if (!Defined.empty()) {
    Hooks H(M);
    for (Function *F : Defined) {
      DominatorTree DT(*F);
      Changed |= FunctionLog(*F, DT, H, N).run();
    }
    for (GlobalValue *Unused :
         {cast<GlobalValue>(H.Log), cast<GlobalValue>(H.Range.getCallee()),
          cast<GlobalValue>(H.Full.getCallee())})
      if (Unused->use_empty() && Unused->isDeclaration())
        Unused->eraseFromParent();
  }
  if (!StatsFile.empty())
    writeCounters(M, N);
  return Changed ? PreservedAnalyses::none() : PreservedAnalyses::all();
}

} // namespace samsara

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo llvmGetPassPluginInfo() {
  return {LLVM_PLUGIN_API_VERSION, "samsara-undo-log", "1",
          [](PassBuilder &PB) {
            PB.registerPipelineParsingCallback(
                [](StringRef Name, ModulePassManager &PM,
                   ArrayRef<PassBuilder::PipelineElement>) {
                  if (Name != "undo-log")
                    return false;
                  PM.addPass(samsara::UndoLogPass());
                  return true;
                });
            PB.registerOptimizerLastEPCallback([](ModulePassManager &PM,
                                                  OptimizationLevel Level) {
              PM.addPass(samsara::UndoLogPass());
              // The old value is often loaded anyway (x++): once is enough.
              if (Level != OptimizationLevel::O0)
                PM.addPass(
                    createModuleToFunctionPassAdaptor(EarlyCSEPass(true)));
            });
          }};
}
