// SPDX-License-Identifier: MIT
//===- pointer_check.cpp - Refuse code that hides pointers ----------------===//
#include "randomizer/passes/pointer_check.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/DebugInfo.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Operator.h"

using namespace llvm;
using namespace samsara;

namespace {

// Constants up to here keep of an address only its place in a page.
constexpr uint64_t PageMask = 4095;

class Checker {
public:
  Checker(Module &M, TypeTree::Refuse R) : M(M), R(R) {
    DebugInfoFinder Finder;
    Finder.processModule(M);
    for (const DIType *T : Finder.types())
      if (const auto *C = dyn_cast<DICompositeType>(T);
          C && !C->getName().empty() && !C->isForwardDecl())
        Composites.try_emplace(C->getName(), C);
  }

  void check(const Function &F);

private:
  Module &M;
  TypeTree::Refuse R;
  StringMap<const DICompositeType *> Composites;
  DenseSet<const Value *> Addresses; // integers that were pointers, and the
                                     // local variables that hold such

  bool isAddress(const Value *V) const;
  bool makesAddress(const Instruction &I) const;
  bool isAnnotatedPlace(const Value *Pointer) const;
  void judge(const Instruction &I) const;
  void judgeCall(const CallBase &Call) const;
  void refuse(const Instruction &I, std::string What) const;
};

} // namespace

static const AllocaInst *local(const Value *Pointer) {
  return dyn_cast<AllocaInst>(Pointer->stripPointerCasts());
}

bool Checker::isAddress(const Value *V) const {
  if (const auto *E = dyn_cast<ConstantExpr>(V))
    return E->getOpcode() == Instruction::PtrToInt ||
           any_of(E->operands(), [&](const Use &U) { return isAddress(U); });
  return Addresses.contains(V);
}

bool Checker::makesAddress(const Instruction &I) const {
  if (isa<PtrToIntInst>(I))
    return true;
  if (const auto *Load = dyn_cast<LoadInst>(&I))
    return I.getType()->isIntegerTy() &&
           (isAddress(Load->getPointerOperand()->stripPointerCasts()) ||
            isAnnotatedPlace(Load->getPointerOperand()));
  if (const auto *Op = dyn_cast<BinaryOperator>(&I)) {
    bool Left = isAddress(Op->getOperand(0));
    bool Right = isAddress(Op->getOperand(1));
    if (Op->getOpcode() == Instruction::Sub && Left && Right)
      return false; // a distance
    const auto *Mask = dyn_cast<ConstantInt>(Op->getOperand(1));
    if (Mask && Mask->getValue().ule(PageMask) &&
        (Op->getOpcode() == Instruction::And ||
         Op->getOpcode() == Instruction::URem))
      return false; // how it is aligned
    return Left || Right;
  }
  if (isa<CastInst, PHINode, FreezeInst>(I) && I.getType()->isIntegerTy())
    return any_of(I.operands(), [&](const Use &U) { return isAddress(U); });
  if (const auto *Select = dyn_cast<SelectInst>(&I))
    return Select->getType()->isIntegerTy() &&
           (isAddress(Select->getTrueValue()) ||
            isAddress(Select->getFalseValue()));
  return false;
}

// Follows the address computation back and asks, at each struct on the way,
// what its debug information says of the field. A variable index counts as 0:
// all elements of an array are alike.
bool Checker::isAnnotatedPlace(const Value *Pointer) const {
  const DataLayout &DL = M.getDataLayout();
  uint64_t Offset = 0;
  for (const Value *P = Pointer; P;) {
    if (const auto *G = dyn_cast<GlobalVariable>(P)) {
      SmallVector<DIGlobalVariableExpression *, 1> Infos;
      G->getDebugInfo(Infos);
      return !Infos.empty() &&
             mayHoldAddress(Infos[0]->getVariable(),
                            Infos[0]->getVariable()->getType(), Offset);
    }
    const auto *G = dyn_cast<GEPOperator>(P);
    if (!G)
      return false;
    MapVector<Value *, APInt> Variable;
    APInt Constant(64, 0);
    if (!G->collectOffset(DL, 64, Variable, Constant))
      return false;
    Offset += Constant.getSExtValue();
    if (const auto *S = dyn_cast<StructType>(G->getSourceElementType());
        S && S->hasName()) {
      StringRef Name = S->getName();
      Name.consume_front("struct.") || Name.consume_front("union.");
      auto Known =
          Composites.find(Name.take_until([](char C) { return C == '.'; }));
      if (Known != Composites.end() &&
          mayHoldAddress(nullptr, Known->second, Offset))
        return true;
    }
    P = G->getPointerOperand();
  }
  return false;
}

void Checker::refuse(const Instruction &I, std::string What) const {
  const DISubprogram *S = I.getFunction()->getSubprogram();
  std::string Where = "?";
  if (const DILocation *L = I.getDebugLoc())
    Where = fileLine(L->getFile(), L->getLine());
  else if (S)
    Where = fileLine(S->getFile(), S->getLine());
  R(Where, What);
}

void Checker::judgeCall(const CallBase &Call) const {
  if (const auto *Asm = dyn_cast<InlineAsm>(Call.getCalledOperand())) {
    for (const InlineAsm::ConstraintInfo &C : Asm->ParseConstraints())
      if (C.isIndirect && C.Type != InlineAsm::isClobber)
        return refuse(Call, "inline assembly with a memory operand: what it "
                            "stores is in no map");
  } else if (Call.hasFnAttr(Attribute::ReturnsTwice)) {
    refuse(Call, "the call keeps places in code and stack as numbers, which "
                 "cannot be moved");
  }
}

// What is stored, and where.
static std::pair<const Value *, const Value *> storedBy(const Instruction &I) {
  if (const auto *S = dyn_cast<StoreInst>(&I))
    return {S->getValueOperand(), S->getPointerOperand()};
  if (const auto *S = dyn_cast<AtomicRMWInst>(&I))
    return {S->getValOperand(), S->getPointerOperand()};
  if (const auto *S = dyn_cast<AtomicCmpXchgInst>(&I))
    return {S->getNewValOperand(), S->getPointerOperand()};
  return {};
}

void Checker::judge(const Instruction &I) const {
  for (const Use &U : I.operands())
    if (isa<BlockAddress>(U) && !isa<IndirectBrInst>(I))
      return refuse(I, "the address of a label cannot be moved");
  if (const auto *Call = dyn_cast<CallBase>(&I))
    return judgeCall(*Call);
  auto [Stored, To] = storedBy(I);
  if (Stored && isAddress(Stored) &&
      !isa<AllocaInst>(getUnderlyingObject(To)) && !isAnnotatedPlace(To))
    refuse(I, "an address is stored as an integer: store a pointer, or "
              "annotate the field as pointer, plain or scan");
  const auto *Cast = dyn_cast<IntToPtrInst>(&I);
  if (Cast && !isa<Constant>(Cast->getOperand(0)) &&
      !isAddress(Cast->getOperand(0)))
    refuse(I, "an integer becomes a pointer: keep a pointer, or annotate the "
              "field that it comes from or the function");
}

void Checker::check(const Function &F) {
  if (F.isDeclaration() || isAnnotated(F.getSubprogram(), "addresses"))
    return;
  Addresses.clear();
  for (bool More = true; More;) {
    More = false;
    for (const Instruction &I : instructions(F)) {
      const auto *Store = dyn_cast<StoreInst>(&I);
      const Value *Found = Store ? nullptr : makesAddress(I) ? &I : nullptr;
      if (Store && isAddress(Store->getValueOperand()))
        Found = local(Store->getPointerOperand());
      if (Found)
        More |= Addresses.insert(Found).second;
    }
  }
  for (const Instruction &I : instructions(F))
    judge(I);
}

void samsara::checkPointers(Module &M, TypeTree::Refuse R) {
  Checker C(M, R);
  for (const Function &F : M)
    C.check(F);
}
