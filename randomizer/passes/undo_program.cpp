// SPDX-License-Identifier: MIT
//===- undo_program.cpp - What need not be logged -------------------------===//
#include "randomizer/passes/undo_program.h"
#include "lib/rt/undo_log.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/InstIterator.h"

using namespace llvm;

namespace samsara {

template <typename Predicate>
static bool allObjects(const Value *Ptr, Predicate Is) {
  SmallVector<const Value *, 4> Objects;
  getUnderlyingObjects(Ptr, Objects, nullptr, 0);
  return all_of(Objects, Is);
}

// A pointer that is computed from the address of a local variable points into
// that variable or nowhere. A byval argument is the caller's copy for us.
static bool isStack(const Value *Object) {
  auto *A = dyn_cast<Argument>(Object);
  return isa<AllocaInst>(Object) || (A && A->hasByValAttr());
}

Program::Program(Module &M, bool Closed, bool Fresh,
                 ArrayRef<std::string> Allocators)
    : M(M), Closed(Closed), Fresh(Fresh), Allocators(Allocators) {
  findCommitting();
  for (Function &F : M)
    if (!F.isDeclaration())
      TransactionsOf.emplace(&F, Transactions(F, *this));
  if (Fresh)
    findFreshResults();
  if (!NoWhole)
    findArguments();
}

// Calls of what is not here (assembly) commit if they are declared so. A call
// through a pointer commits if anything does that such a pointer may lead to:
// what takes the same arguments. After a call that does not return there is
// nothing that a record could stand for.
bool Program::mayCommit(const CallBase &Call) const {
  if (Call.isInlineAsm() || isa<IntrinsicInst>(Call))
    return false;
  if (commits(Call))
    return true;
  if (Call.doesNotReturn())
    return false;
  auto *Callee = dyn_cast<Function>(
      Call.getCalledOperand()->stripPointerCastsAndAliases());
  return Callee ? mayCommit(*Callee) : mayLeadToCommit(*Call.getFunctionType());
}

bool Program::mayLeadToCommit(const FunctionType &Called) const {
  return any_of(CommittingTypes, [&](const FunctionType *T) {
    return T->isVarArg() || Called.isVarArg() || T->params() == Called.params();
  });
}

bool Program::mayCommit(const Function &F) const {
  return F.hasFnAttribute(Attribute::Convergent) || Committing.contains(&F);
}

void Program::findCommitting() {
  for (bool Changed = Closed; Changed;) {
    Changed = false;
    for (const Function &F : M) {
      // The log itself calls somebody when it is full, who may not commit.
      if (F.isDeclaration() || mayCommit(F) || F.getName().starts_with("undo_"))
        continue;
      if (!any_of(instructions(F), [&](const Instruction &I) {
            auto *Call = dyn_cast<CallBase>(&I);
            return Call && mayCommit(*Call);
          }))
        continue;
      Committing.insert(&F);
      if (F.hasAddressTaken())
        CommittingTypes.insert(F.getFunctionType());
      Changed = true;
    }
  }
}

bool Program::isAllocator(const Function &F) const {
  StringRef Name = F.getName();
  return StringSwitch<bool>(Name)
             .Cases("malloc", "calloc", "aligned_alloc", "rt_malloc",
                    "rt_calloc", "rt_memalign", "rt_new", "rt_new_sized", true)
             .Default(false) ||
         is_contained(Allocators, Name);
}

bool Program::allocates(const CallBase &Call) const {
  const Function *Callee = Call.getCalledFunction();
  return Fresh && Callee && (isAllocator(*Callee) || FreshResults.contains(Callee));
}

// What was allocated in this call was so in this transaction, if none ends in
// this function.
bool Program::isFresh(const Value *Object) const {
  auto *Call = dyn_cast<CallBase>(Object);
  return Call && allocates(*Call) && !mayCommit(*Call->getFunction());
}

// Nothing is stored through a null pointer, so it may stand beside others.
bool Program::isOwnObject(const Value *O) const {
  auto *A = dyn_cast<Argument>(O);
  return isStack(O) || isFresh(O) || isa<ConstantPointerNull, UndefValue>(O) ||
         (A && OwnArguments.contains(A));
}

bool Program::isOwn(const Value *Ptr) const {
  return allObjects(Ptr, [&](const Value *O) { return isOwnObject(O); });
}

// The same for what was allocated since `Transaction` began, or by a caller while
// that was under way. The object of an earlier turn of a loop, which a phi may
// hand on, is known to be that young only if nothing at all has been committed.
bool Program::isOwnIn(const Value *Transaction, const Value *Ptr,
                      const Function &F) const {
  return allObjects(Ptr, [&](const Value *O) {
    if (isOwnObject(O))
      return true;
    if (auto *A = dyn_cast<Argument>(O))
      return Transaction == &F && FreshArguments.contains(A);
    auto *Call = dyn_cast<CallBase>(O);
    return Call && Transaction && allocates(*Call) && !mayCommit(*Call) &&
           transactions(F).after(Call) == Transaction &&
           (Transaction == &F || getUnderlyingObject(Ptr) == Call);
  });
}

bool Program::isKnownInside(const Function &F) const {
  return !F.isDeclaration() && (Closed || F.hasLocalLinkage()) &&
         !F.use_empty() &&
         !StringRef(M.getModuleInlineAsm()).contains(F.getName()) &&
         all_of(F.uses(), [](const Use &U) {
           auto *Call = dyn_cast<CallBase>(U.getUser());
           return Call && Call->isCallee(&U);
         });
}

// Functions that give back what they allocated themselves, or null.
void Program::findFreshResults() {
  for (bool Changed = true; Changed;) {
    Changed = false;
    for (const Function &F : M) {
      if (F.isDeclaration() || !F.getReturnType()->isPointerTy() ||
          F.isInterposable() || FreshResults.contains(&F) || mayCommit(F))
        continue;
      bool Any = false, All = true;
      for (const Instruction &I : instructions(F)) {
        auto *R = dyn_cast<ReturnInst>(&I);
        if (!R)
          continue;
        All &= allObjects(R->getReturnValue(), [&](const Value *O) {
          Any |= isFresh(O);
          return isFresh(O) || isa<ConstantPointerNull>(O);
        });
      }
      if (Any && All)
        Changed = FreshResults.insert(&F).second;
    }
  }
}

// A function's address goes nowhere but where pointers are, and from there into
// calls that are in sight: no number is made of it, and nobody gets it who is not
// here.
bool Program::isOnlyPointedTo(const Constant &C) const {
  return all_of(C.uses(), [&](const Use &U) {
    if (auto *Call = dyn_cast<CallBase>(U.getUser())) {
      auto *Callee = dyn_cast<Function>(Call->getCalledOperand());
      return Call->isCallee(&U) ||
             (!Call->isInlineAsm() && !(Callee && Callee->isDeclaration()));
    }
    if (auto *G = dyn_cast<GlobalVariable>(U.getUser()))
      return !G->getName().starts_with("llvm.");
    return isa<StoreInst, PHINode, SelectInst, ICmpInst, ReturnInst>(U.getUser()) ||
           (isa<ConstantAggregate>(U.getUser()) &&
            isOnlyPointedTo(*cast<Constant>(U.getUser())));
  });
}

// All calls of F, if they are in sight; false: they are not.
bool Program::findCalls(const Function &F,
                        SmallVectorImpl<const CallBase *> &To) const {
  for (const Use &U : F.uses())
    if (auto *Call = dyn_cast<CallBase>(U.getUser()); Call && Call->isCallee(&U))
      To.push_back(Call);
  if (isKnownInside(F))
    return true;
  if (!Closed || F.isDeclaration() || F.isVarArg() || !isOnlyPointedTo(F) ||
      StringRef(M.getModuleInlineAsm()).contains(F.getName()))
    return false;
  size_t Direct = To.size();
  for (const CallBase *Call : PointerCalls) {
    const FunctionType *T = Call->getFunctionType();
    if (T->isVarArg() || T->params() == F.getFunctionType()->params())
      To.push_back(Call);
  }
  return To.size() > Direct; // else it is called in a way that nobody understands
}

// Arguments for which all callers pass variables of their own, or fresh memory:
// first all, then those that hold out.
void Program::findArguments() {
  for (const Function &F : M)
    for (const Instruction &I : instructions(F))
      if (auto *Call = dyn_cast<CallBase>(&I);
          Call && !Call->isInlineAsm() &&
          !isa<Function>(Call->getCalledOperand()->stripPointerCastsAndAliases()))
        PointerCalls.push_back(Call);
  MapVector<const Function *, SmallVector<const CallBase *, 8>> Calls;
  for (const Function &F : M) {
    SmallVector<const CallBase *, 8> Of;
    if (!findCalls(F, Of))
      continue;
    Calls[&F] = std::move(Of);
    for (const Argument &A : F.args())
      if (A.getType()->isPointerTy())
        OwnArguments.insert(&A);
  }
  auto Reduce = [&](DenseSet<const Argument *> &Set, auto IsOwn) {
    for (bool Changed = true; Changed;) {
      Changed = false;
      for (const auto &[F, Of] : Calls)
        for (const Argument &A : F->args())
          if (Set.contains(&A) && !all_of(Of, [&](const CallBase *Call) {
                return Call->arg_size() > A.getArgNo() &&
                       IsOwn(Call->getArgOperand(A.getArgNo()), *Call);
              }))
            Changed |= Set.erase(&A);
    }
  };
  if (Fresh)
    FreshArguments = OwnArguments;
  Reduce(OwnArguments, [&](const Value *Ptr, const CallBase &) { return isOwn(Ptr); });
  Reduce(FreshArguments, [&](const Value *Ptr, const CallBase &Call) {
    const Function &From = *Call.getFunction();
    return isOwnIn(transactions(From).before(&Call), Ptr, From);
  });
}

bool Program::isDropped(const Write &W, const Value *Transaction,
                        Counters &N) const {
  unsigned Space = W.Ptr->getType()->getPointerAddressSpace();
  if (Space == UNDO_DEVICE_SPACE)
    return ++N.Device, true;
  if (Space != 0)
    return undoError(*W.At, "the undo log knows no segment registers"), true;
  if (NoStackElision)
    return false;
  if (allObjects(W.Ptr, isStack))
    return ++N.Stack, true;
  if (isOwnIn(Transaction, W.Ptr, *W.At->getFunction()))
    return ++N.FreshMemory, true;
  return false;
}

} // namespace samsara
