// SPDX-License-Identifier: MIT
//===- type_map.cpp - Say where the pointers are --------------------------===//
#include "randomizer/passes/type_map.h"
#include "randomizer/passes/pointer_check.h"
#include "randomizer/passes/type_tree.h"
#include "llvm/ADT/Statistic.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DebugInfo.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Operator.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Passes/PassPlugin.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/xxhash.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

#define DEBUG_TYPE "samsara-type-map"

using namespace llvm;
using namespace samsara;

STATISTIC(NumGlobals, "Globals with a map");
STATISTIC(NumUntyped, "Globals to be scanned");
STATISTIC(NumTypes, "Maps of types");
STATISTIC(NumNew, "Places that allocate a type");
STATISTIC(NumTexts, "String literals of their own");

static cl::opt<bool>
    Untyped("samsara-untyped",
            cl::desc("Third-party source: scan its memory, refuse nothing"));

namespace {

class Mapper {
public:
  explicit Mapper(Module &M);
  bool run();

private:
  Module &M;
  LLVMContext &C;
  TypeTree::Enumerators Names;
  DenseSet<std::pair<unsigned, unsigned>> Told;

  void refuse(std::string Where, std::string What);
  GlobalVariable *mapOf(const TypeTree &Tree);
  void mapGlobal(GlobalVariable &G, const DIGlobalVariable &V);
  void mapAllocation(GlobalVariable &G, const DIGlobalVariable &V);
  void addRecord(GlobalVariable &G, Constant *Map);
  void compare(const TypeTree &Tree, const DIGlobalVariable &V, Type *T,
               uint64_t Offset);
  void findHidden(const TypeTree &Tree, const DIGlobalVariable &V,
                  const Constant *Value, uint64_t Offset);
  bool isMapped(const TypeTree &Tree, const DIGlobalVariable &V,
                uint64_t Offset);
};

} // namespace

static constexpr StringRef AllocationName = "rt_type_of_new"; // lib/rt/heap.h

Mapper::Mapper(Module &M) : M(M), C(M.getContext()) {
  for (const DICompileUnit *Unit : M.debug_compile_units())
    for (const DICompositeType *Enum : Unit->getEnumTypes())
      for (const DINode *N : Enum->getElements())
        if (const auto *E = dyn_cast<DIEnumerator>(N))
          Names[E->getName()] = E->getValue().getSExtValue();
}

// Once for each place: a header's type is found by many ways.
void Mapper::refuse(std::string Where, std::string What) {
  if (Told.insert({unsigned(hash_value(Where)), unsigned(hash_value(What))})
          .second)
    C.emitError(Where + ": " + What);
}

GlobalVariable *Mapper::mapOf(const TypeTree &Tree) {
  std::string Bytes = Tree.bytes();
  uint64_t Checksum;
  memcpy(&Checksum, Bytes.data() + offsetof(type_map_header, checksum),
         sizeof(Checksum));
  std::string Name = "samsara_type." + utohexstr(Checksum, true);
  if (GlobalVariable *Known = M.getNamedGlobal(Name))
    return Known;
  auto *Value = ConstantDataArray::getString(C, Bytes, false);
  auto *Map = new GlobalVariable(M, Value->getType(), true,
                                 GlobalValue::WeakODRLinkage, Value, Name);
  Map->setVisibility(GlobalValue::HiddenVisibility);
  Map->setAlignment(Align(8));
  Map->setDSOLocal(true);
  // A section name of its own lets the linker drop the copies that lost.
  Map->setSection("samsara_types." + utohexstr(Checksum, true));
  ++NumTypes;
  return Map;
}

void Mapper::addRecord(GlobalVariable &G, Constant *Map) {
  std::string Name = G.getName().str();
  if (G.hasLocalLinkage())
    Name = M.getSourceFileName() + ":" + Name;
  uint32_t NameBytes = Name.size() + 1;
  Name.resize(alignTo(NameBytes, 8));
  Type *Word = Type::getInt64Ty(C), *Half = Type::getInt32Ty(C);
  auto Number = [&](Type *T, uint64_t N) { return ConstantInt::get(T, N); };
  Constant *Zero = ConstantPointerNull::get(PointerType::getUnqual(C));
  auto *Value = ConstantStruct::getAnon(
      {Number(Half, TYPE_GLOBAL_MAGIC),
       Number(Half, sizeof(type_global) + Name.size()), &G, Map ? Map : Zero,
       Number(Word, M.getDataLayout().getTypeAllocSize(G.getValueType())),
       Number(Half, Map ? 0 : TYPE_GLOBAL_UNTYPED), Number(Half, NameBytes),
       ConstantDataArray::getString(C, Name, false)});
  auto *Record =
      new GlobalVariable(M, Value->getType(), true, GlobalValue::PrivateLinkage,
                         Value, "samsara_global");
  Record->setSection("samsara_globals");
  Record->setAlignment(Align(8));
  Record->setMetadata(LLVMContext::MD_associated,
                      MDNode::get(C, ValueAsMetadata::get(&G)));
  appendToCompilerUsed(M, {Record});
  ++(Map ? NumGlobals : NumUntyped);
}

// It is in the map, or an annotation says why not.
bool Mapper::isMapped(const TypeTree &Tree, const DIGlobalVariable &V,
                      uint64_t Offset) {
  return Tree.kindAt(Offset) || mayHoldAddress(&V, V.getType(), Offset);
}

// What IR knows of pointers must be in the map, too. Of an array two elements
// tell as much as all.
void Mapper::compare(const TypeTree &Tree, const DIGlobalVariable &V, Type *T,
                     uint64_t Offset) {
  const DataLayout &DL = M.getDataLayout();
  if (T->isPointerTy() && !isMapped(Tree, V, Offset))
    refuse(fileLine(V.getFile(), V.getLine()),
           "debug information knows no pointer at byte " +
               std::to_string(Offset) + ", the compiler does");
  if (auto *S = dyn_cast<StructType>(T))
    for (unsigned I = 0; I < S->getNumElements(); ++I)
      compare(Tree, V, S->getElementType(I),
              Offset + DL.getStructLayout(S)->getElementOffset(I));
  if (auto *A = dyn_cast<ArrayType>(T); A && A->getNumElements()) {
    uint64_t Each = DL.getTypeAllocSize(A->getElementType());
    compare(Tree, V, A->getElementType(), Offset);
    compare(Tree, V, A->getElementType(),
            Offset + (A->getNumElements() - 1) * Each);
  }
}

void Mapper::findHidden(const TypeTree &Tree, const DIGlobalVariable &V,
                        const Constant *Value, uint64_t Offset) {
  const DataLayout &DL = M.getDataLayout();
  if (const auto *E = dyn_cast<ConstantExpr>(Value)) {
    if (E->getType()->isIntegerTy() && !isMapped(Tree, V, Offset))
      refuse(fileLine(V.getFile(), V.getLine()),
             "an address is stored as an integer at byte " +
                 std::to_string(Offset) + " of the initial value");
  } else if (const auto *S = dyn_cast<ConstantStruct>(Value)) {
    for (unsigned I = 0; I < S->getNumOperands(); ++I)
      findHidden(Tree, V, S->getOperand(I),
                 Offset +
                     DL.getStructLayout(S->getType())->getElementOffset(I));
  } else if (const auto *A = dyn_cast<ConstantArray>(Value)) {
    for (unsigned I = 0; I < A->getNumOperands(); ++I)
      findHidden(Tree, V, A->getOperand(I),
                 Offset +
                     I * DL.getTypeAllocSize(A->getType()->getElementType()));
  }
}

void Mapper::mapGlobal(GlobalVariable &G, const DIGlobalVariable &V) {
  auto Refuse = [&](std::string At, std::string What) { refuse(At, What); };
  TypeTree Tree = TypeTree::make(V.getType(), &V, Names, Refuse);
  uint64_t Each = Tree.Entries[0].Word.bytes;
  if (Each == 0)
    return; // nothing in it
  compare(Tree, V, G.getValueType(), 0);
  findHidden(Tree, V, G.getInitializer(), 0);
  addRecord(G, mapOf(Tree));
}

// `static struct { struct rt_type type; T *of[0]; }`: `of` takes no room and
// says what T is; the map's address goes into type.map.
void Mapper::mapAllocation(GlobalVariable &G, const DIGlobalVariable &V) {
  const auto *Outer = dyn_cast_or_null<DICompositeType>(strip(V.getType()));
  std::string Where = fileLine(V.getFile(), V.getLine());
  const DIType *Of = nullptr, *Inner = nullptr;
  uint64_t MapAt = 0;
  for (const DINode *N : Outer ? Outer->getElements() : DINodeArray()) {
    const auto *Member = cast<DIDerivedType>(N);
    if (Member->getName() == "of")
      if (const auto *A = dyn_cast<DICompositeType>(Member->getBaseType()))
        Of = cast<DIDerivedType>(strip(A->getBaseType()))->getBaseType();
    if (Member->getName() == "type")
      Inner = Member->getBaseType();
  }
  const auto *Descriptor = dyn_cast_or_null<DICompositeType>(strip(Inner));
  for (const DINode *N : Descriptor ? Descriptor->getElements() : DINodeArray())
    if (const auto *Member = dyn_cast<DIDerivedType>(N);
        Member->getName() == "map")
      MapAt = Member->getOffsetInBits() / 8;
  auto *Init = dyn_cast<ConstantStruct>(G.getInitializer());
  auto *First = Init ? dyn_cast<ConstantStruct>(Init->getOperand(0)) : nullptr;
  if (!Of || !MapAt || !First) {
    refuse(Where, "new(T) is not written as lib/rt/heap.h has it");
    return;
  }
  auto Refuse = [&](std::string At, std::string What) { refuse(At, What); };
  GlobalVariable *Map = nullptr;
  if (!Untyped)
    Map = mapOf(TypeTree::make(Of, nullptr, Names, Refuse));
  if (Map) {
    const StructLayout *Layout =
        M.getDataLayout().getStructLayout(First->getType());
    unsigned Index = Layout->getElementContainingOffset(MapAt);
    SmallVector<Constant *, 8> Words;
    for (Use &U : First->operands())
      Words.push_back(cast<Constant>(U));
    Words[Index] = Map;
    SmallVector<Constant *, 2> Whole;
    for (Use &U : Init->operands())
      Whole.push_back(cast<Constant>(U));
    Whole[0] = ConstantStruct::get(First->getType(), Words);
    G.setInitializer(ConstantStruct::get(Init->getType(), Whole));
    ++NumNew;
  }
  // The heap's number of the type is state like any other.
  TypeTree Tree = TypeTree::make(Inner, nullptr, Names, Refuse);
  addRecord(G, Untyped ? nullptr : mapOf(Tree));
}

bool Mapper::run() {
  SmallVector<GlobalVariable *> Found;
  for (GlobalVariable &G : M.globals())
    if (!G.isDeclaration() && !G.getName().starts_with("llvm.") &&
        !G.isConstant())
      Found.push_back(&G);
  for (GlobalVariable *G : Found) {
    SmallVector<DIGlobalVariableExpression *, 1> Infos;
    G->getDebugInfo(Infos);
    const DIGlobalVariable *V =
        Infos.empty() ? nullptr : Infos[0]->getVariable();
    std::string Where =
        V ? fileLine(V->getFile(), V->getLine()) : M.getSourceFileName();
    if (G->isThreadLocal())
      refuse(Where,
             "'" + G->getName().str() +
                 "' is thread-local: no map can say where its copies are");
    else if (V && V->getName() == AllocationName)
      mapAllocation(*G, *V);
    else if (Untyped)
      addRecord(*G, nullptr);
    else if (V)
      mapGlobal(*G, *V);
    else
      refuse(Where, "'" + G->getName().str() +
                        "' has no debug information: compile with -g");
  }
  if (!Untyped)
    checkPointers(
        M, [&](std::string Where, std::string What) { refuse(Where, What); });
  return !Found.empty();
}

PreservedAnalyses TypeMapPass::run(Module &M, ModuleAnalysisManager &) {
  return Mapper(M).run() ? PreservedAnalyses::none() : PreservedAnalyses::all();
}

static bool isText(const Constant &Value) {
  if (const auto *Data = dyn_cast<ConstantDataSequential>(&Value))
    return Data->isCString();
  const auto *Empty = dyn_cast<ConstantAggregateZero>(&Value); // ""
  const auto *Array = Empty ? dyn_cast<ArrayType>(Empty->getType()) : nullptr;
  return Array && Array->getNumElements() == 1 &&
         Array->getElementType()->isIntegerTy(8);
}

// The code generator puts all literals into one section, for the linker to
// merge. A section of a name of its own still says that it is a text: a move
// into another version finds it by what it reads.
PreservedAnalyses TextsApartPass::run(Module &M, ModuleAnalysisManager &) {
  std::string Of =
      ".rodata.text." +
      utohexstr(xxh3_64bits(M.getSourceFileName()) & 0xffffff, true);
  unsigned Count = 0;
  for (GlobalVariable &G : M.globals())
    if (G.hasPrivateLinkage() && G.isConstant() && !G.hasSection() &&
        G.hasGlobalUnnamedAddr() && isText(*G.getInitializer()))
      G.setSection(Of + "." + utostr(Count++));
  NumTexts += Count;
  return Count ? PreservedAnalyses::none() : PreservedAnalyses::all();
}

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT PassPluginLibraryInfo
llvmGetPassPluginInfo() {
  return {LLVM_PLUGIN_API_VERSION, "samsara-type-map", "1", [](PassBuilder &B) {
            B.registerPipelineStartEPCallback(
                [](ModulePassManager &P, OptimizationLevel) {
                  P.addPass(TypeMapPass());
                });
            B.registerOptimizerLastEPCallback(
                [](ModulePassManager &P, OptimizationLevel) {
                  if (Untyped)
                    P.addPass(TextsApartPass());
                });
            B.registerPipelineParsingCallback(
                [](StringRef Name, ModulePassManager &P,
                   ArrayRef<PassBuilder::PipelineElement>) {
                  if (Name != "samsara-type-map")
                    return false;
                  P.addPass(TypeMapPass());
                  return true;
                });
          }};
}
