// SPDX-License-Identifier: MIT
//===- type_tree.cpp - C types from debug information ---------------------===//
#include "randomizer/passes/type_tree.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/BinaryFormat/Dwarf.h"

using namespace llvm;
using namespace samsara;

// ---- Reading debug information ----

std::vector<std::string> samsara::annotations(DINodeArray Tags,
                                              StringRef Word) {
  std::vector<std::string> Found;
  if (!Tags)
    return Found;
  for (const Metadata *M : Tags->operands()) {
    const auto *Pair = dyn_cast_or_null<MDNode>(M);
    const auto *Text = Pair && Pair->getNumOperands() == 2
                           ? dyn_cast<MDString>(Pair->getOperand(1))
                           : nullptr;
    StringRef S = Text ? Text->getString() : "";
    if (!S.consume_front("samsara:") || !S.consume_front(Word))
      continue;
    if (S.empty() || S.consume_front("="))
      Found.push_back(S.str());
  }
  return Found;
}

DINodeArray samsara::annotationsOf(const DINode *Declaration) {
  if (const auto *D = dyn_cast_or_null<DIDerivedType>(Declaration))
    return D->getAnnotations();
  if (const auto *C = dyn_cast_or_null<DICompositeType>(Declaration))
    return C->getAnnotations();
  if (const auto *V = dyn_cast_or_null<DIGlobalVariable>(Declaration))
    return V->getAnnotations();
  if (const auto *S = dyn_cast_or_null<DISubprogram>(Declaration))
    return S->getAnnotations();
  return nullptr;
}

bool samsara::isAnnotated(const DINode *Declaration, StringRef Word) {
  return !annotations(annotationsOf(Declaration), Word).empty();
}

static const DIDerivedType *wrapper(const DIType *Type) {
  const auto *D = dyn_cast_or_null<DIDerivedType>(Type);
  if (!D)
    return nullptr;
  switch (D->getTag()) {
  case dwarf::DW_TAG_typedef:
  case dwarf::DW_TAG_const_type:
  case dwarf::DW_TAG_volatile_type:
  case dwarf::DW_TAG_restrict_type:
  case dwarf::DW_TAG_atomic_type:
    return D;
  default:
    return nullptr;
  }
}

const DIType *samsara::strip(const DIType *Type) {
  while (const DIDerivedType *W = wrapper(Type))
    Type = W->getBaseType();
  return Type;
}

// Through typedefs: one of these names on the way, or this annotation.
static bool isNamed(const DIType *Type, StringRef Name) {
  for (; const DIDerivedType *W = wrapper(Type); Type = W->getBaseType())
    if (W->getTag() == dwarf::DW_TAG_typedef && W->getName() == Name)
      return true;
  return false;
}

static bool isTypeAnnotated(const DIType *Type, StringRef Word) {
  for (; const DIDerivedType *W = wrapper(Type); Type = W->getBaseType())
    if (isAnnotated(W, Word))
      return true;
  return isAnnotated(Type, Word);
}

static const DICompositeType *asArray(const DIType *Type) {
  const auto *C = dyn_cast_or_null<DICompositeType>(strip(Type));
  return C && C->getTag() == dwarf::DW_TAG_array_type && !C->isVector()
             ? C
             : nullptr;
}

// Elements in all dimensions; -1: as many as there is room for.
static int64_t countOf(const DICompositeType *Array) {
  int64_t Count = 1;
  for (const DINode *E : Array->getElements()) {
    const auto *Range = dyn_cast<DISubrange>(E);
    const auto *N =
        Range ? dyn_cast_if_present<ConstantInt *>(Range->getCount()) : nullptr;
    if (!N || N->isMinusOne())
      return -1;
    Count *= N->getSExtValue();
  }
  return Count;
}

uint64_t samsara::bytesOf(const DIType *Type) {
  const DIType *T = strip(Type);
  if (const DICompositeType *A = asArray(T)) {
    int64_t Count = countOf(A);
    return Count < 0 ? 0 : Count * bytesOf(A->getBaseType());
  }
  return T ? T->getSizeInBits() / 8 : 0;
}

std::string samsara::fileLine(const DIFile *File, unsigned Line) {
  return (File ? File->getFilename().str() : "?") + ":" + std::to_string(Line);
}

static bool isFunction(const DIType *Pointer) {
  const auto *D = dyn_cast<DIDerivedType>(Pointer);
  return D && isa_and_nonnull<DISubroutineType>(strip(D->getBaseType()));
}

static std::string nameOf(const DIType *Type) {
  if (!Type)
    return "void";
  if (const DICompositeType *A = asArray(Type))
    return nameOf(A->getBaseType());
  if (const DIDerivedType *W = wrapper(Type)) {
    if (W->getTag() == dwarf::DW_TAG_typedef)
      return W->getName().str();
    return nameOf(W->getBaseType());
  }
  if (const auto *D = dyn_cast<DIDerivedType>(Type))
    return isFunction(D) ? "function *" : nameOf(D->getBaseType()) + " *";
  StringRef Prefix = Type->getTag() == dwarf::DW_TAG_structure_type ? "struct "
                     : Type->getTag() == dwarf::DW_TAG_union_type   ? "union "
                     : Type->getTag() == dwarf::DW_TAG_enumeration_type
                         ? "enum "
                         : "";
  return (Prefix + Type->getName()).str();
}

bool samsara::mayHoldAddress(const DINode *Declaration, const DIType *Type,
                             uint64_t Offset) {
  auto Says = [](const DINode *D) {
    return isAnnotated(D, "plain") || isAnnotated(D, "scan") ||
           isAnnotated(D, "pointer");
  };
  if (Says(Declaration))
    return true;
  for (; const DIDerivedType *W = wrapper(Type); Type = W->getBaseType())
    if (Says(W))
      return true;
  const auto *C = dyn_cast_or_null<DICompositeType>(Type);
  if (!C)
    return false;
  if (const DICompositeType *A = asArray(C)) {
    uint64_t Each = bytesOf(A->getBaseType());
    return Each && mayHoldAddress(nullptr, A->getBaseType(), Offset % Each);
  }
  if (Says(C))
    return true;
  for (const DINode *N : C->getElements()) {
    const auto *Member = dyn_cast<DIDerivedType>(N);
    if (!Member || Member->getTag() != dwarf::DW_TAG_member)
      continue;
    uint64_t At = Member->getOffsetInBits() / 8,
             Bytes = bytesOf(Member->getBaseType());
    if (At <= Offset && (Offset < At + Bytes || Bytes == 0) &&
        mayHoldAddress(Member, Member->getBaseType(), Offset - At))
      return true;
  }
  return false;
}

// ---- The tree ----

struct TypeTree::Field {
  std::string Name;
  const DIType *Type;
  uint64_t Offset = 0;
  const DINode *Declaration = nullptr; // whose annotations count
  std::string Where;
  bool Tail =
      false; // nothing comes behind it: an array without a length is possible
  std::optional<uint32_t> When;
  const DIDerivedType *Bits = nullptr;
};

TypeTree TypeTree::make(const DIType *Type, const DIVariable *Declaration,
                        const Enumerators &Names, Refuse R) {
  TypeTree T(Names, R);
  Field F;
  // A variable that is an array is several objects of its element's type.
  while (const DICompositeType *A = asArray(Type))
    Type = A->getBaseType();
  F.Type = Type;
  F.Declaration = Declaration;
  F.Where =
      Declaration   ? fileLine(Declaration->getFile(), Declaration->getLine())
      : strip(Type) ? fileLine(strip(Type)->getFile(), strip(Type)->getLine())
                    : "?";
  F.Name = Declaration ? Declaration->getName().str() : "";
  F.Tail = true;
  T.add(F, 0);
  T.Entries[0].Name.clear(); // equal types have equal maps, whoever uses them
  return T;
}

// Of numbers, and of enumerations by what they are stored as.
static uint8_t numberFlags(const DIType *Type) {
  const DIType *T = strip(Type);
  while (const DICompositeType *A = asArray(T))
    T = strip(A->getBaseType());
  if (const auto *C = dyn_cast_or_null<DICompositeType>(T);
      C && C->getTag() == dwarf::DW_TAG_enumeration_type)
    T = strip(C->getBaseType());
  const auto *B = dyn_cast_or_null<DIBasicType>(T);
  if (!B)
    return 0;
  switch (B->getEncoding()) {
  case dwarf::DW_ATE_signed:
  case dwarf::DW_ATE_signed_char:
    return TYPE_SIGNED;
  case dwarf::DW_ATE_float:
  case dwarf::DW_ATE_complex_float:
    return TYPE_REAL;
  default:
    return 0;
  }
}

void TypeTree::add(const Field &F, unsigned Depth) {
  unsigned Index = Entries.size();
  Entries.emplace_back();
  auto Finish = [&](type_map_kind Kind, bool Live) {
    Entries[Index].Word.kind = Kind;
    Entries[Index].Word.flags |= Live ? TYPE_LIVE : 0;
    Entries[Index].Word.below = Entries.size() - Index - 1;
  };
  Entry &E = Entries[Index];
  E.Name = F.Name;
  E.Type = nameOf(F.Type);
  E.Word.offset = F.Offset;
  E.Word.count = 1;
  if (F.When) {
    E.Word.flags |= TYPE_WHEN;
    E.Word.aux = *F.When;
  }
  E.Word.flags |= numberFlags(F.Type);
  if (F.Bits) {
    uint64_t First = F.Bits->getOffsetInBits() % 8,
             Width = F.Bits->getSizeInBits();
    E.Word.aux = First | Width << 16;
    E.Word.bytes = (First + Width + 7) / 8;
    return Finish(TYPE_BITS, false);
  }

  const DIType *Element = F.Type;
  while (const DICompositeType *A = asArray(Element)) {
    int64_t Count = countOf(A);
    E.Word.count = Count < 0 || E.Word.count == TYPE_MAP_FLEXIBLE
                       ? TYPE_MAP_FLEXIBLE
                       : E.Word.count * Count;
    Element = A->getBaseType();
  }
  if (E.Word.count == 0 && F.Tail) // as one wrote it before C had a word for it
    E.Word.count = TYPE_MAP_FLEXIBLE;
  bool Misplaced = E.Word.count == TYPE_MAP_FLEXIBLE && !F.Tail;
  if (Misplaced)
    E.Word.count = 0;
  E.Word.bytes = bytesOf(Element);

  auto Says = [&](StringRef Word) {
    return isAnnotated(F.Declaration, Word) || isTypeAnnotated(F.Type, Word);
  };
  if (Says("plain"))
    return Finish(TYPE_PLAIN, false);
  if (Says("scan"))
    return Finish(TYPE_SCAN, true);
  if (Misplaced)
    R(F.Where, "'" + F.Name +
                   "' is an array without a length in the middle of an object: "
                   "where it ends, nobody knows");

  const DIType *T = strip(Element);
  if (Says("pointer")) {
    if (E.Word.bytes != 8)
      R(F.Where, "'" + F.Name +
                     "' is annotated as a pointer but has not the size of one");
    return Finish(TYPE_POINTER, true);
  }
  if (isNamed(Element, "handle_t"))
    return Finish(TYPE_HANDLE, true);
  if (isNamed(Element, "uintptr_t") || isNamed(Element, "intptr_t")) {
    R(F.Where, "'" + F.Name + "' (" + nameOf(F.Type) +
                   ") may hold an address: make it a pointer, or annotate it "
                   "as plain, pointer or scan");
    return Finish(TYPE_SCAN, true);
  }
  if (const auto *D = dyn_cast_or_null<DIDerivedType>(T);
      D && D->getTag() == dwarf::DW_TAG_pointer_type)
    return Finish(isFunction(D) ? TYPE_FUNCTION : TYPE_POINTER, true);
  const auto *C = dyn_cast_or_null<DICompositeType>(T);
  bool Struct = C && C->getTag() == dwarf::DW_TAG_structure_type,
       Union = C && C->getTag() == dwarf::DW_TAG_union_type;
  if (!Struct && !Union)
    return Finish(TYPE_PLAIN, false);
  if (C->isForwardDecl()) {
    R(F.Where, "'" + F.Name + "' has a type that this file does not know: " +
                   nameOf(F.Type));
    return Finish(TYPE_SCAN, true);
  }
  if (Depth + 2 >= TYPE_MAP_MAX_DEPTH) {
    R(F.Where, "'" + F.Name + "' is nested too deeply for a type map");
    return Finish(TYPE_SCAN, true);
  }
  Finish(Struct ? TYPE_STRUCT : TYPE_UNION, false);
  Field Inner = F;
  Inner.Tail = F.Tail && E.Word.count == 1;
  addMembers(C, Index, Inner, Depth);
  bool Live = false;
  for (unsigned I = Index + 1; I < Entries.size(); ++I)
    Live |= Entries[I].Word.flags & TYPE_LIVE;
  Finish(Struct ? TYPE_STRUCT : TYPE_UNION, Live);
  if (Union && Live)
    judgeUnion(Index, F);
}

void TypeTree::addMembers(const DICompositeType *C, unsigned Index,
                          const Field &F, unsigned Depth) {
  std::vector<Tag> Outer;
  std::swap(Outer, Tags);
  bool Union = C->getTag() == dwarf::DW_TAG_union_type;
  DINodeArray Members = C->getElements();
  for (unsigned I = 0, N = Members.size(); I < N; ++I) {
    const auto *Member = dyn_cast<DIDerivedType>(Members[I]);
    if (!Member || Member->getTag() != dwarf::DW_TAG_member)
      continue;
    Field Part;
    Part.Name = Member->getName().str();
    Part.Type = Member->getBaseType();
    Part.Offset = Member->getOffsetInBits() / 8;
    Part.Declaration = Member;
    Part.Where = fileLine(Member->getFile(), Member->getLine());
    Part.Tail = F.Tail && !Union && I + 1 == N;
    Part.Bits = Member->isBitField() ? Member : nullptr;
    std::vector<std::string> When =
        Union ? annotations(Member->getAnnotations(), "when")
              : std::vector<std::string>();
    if (When.empty())
      add(Part, Depth + 1);
    for (const std::string &Value :
         When) { // valid for several values: several times in the map
      long long Number;
      auto Named = Names.find(Value);
      if (Named != Names.end())
        Number = Named->second;
      else if (StringRef(Value).getAsInteger(0, Number))
        Number = INT64_MAX;
      if (Number < INT32_MIN || Number > UINT32_MAX) {
        R(Part.Where, "'" + Part.Name + "': '" + Value +
                          "' in the annotation is neither a 32-bit number nor "
                          "an enumerator");
        continue;
      }
      Part.When = uint32_t(Number);
      add(Part, Depth + 1);
    }
  }
  if (!Union)
    resolveTags(Index);
  else if (!Tags.empty())
    R(Tags[0].Where,
      "a union's tag must be a field of the struct that the union is part of");
  Tags = std::move(Outer);
}

// The unions directly in this struct find the fields that tell their
// alternatives apart.
void TypeTree::resolveTags(unsigned Index) {
  for (const Tag &T : Tags) {
    bool Found = false;
    for (unsigned I = Index + 1; I < Entries.size();
         I += 1 + Entries[I].Word.below) {
      const type_map_entry &W = Entries[I].Word;
      bool Number =
          W.kind == TYPE_BITS ||
          (W.kind == TYPE_PLAIN && W.count == 1 &&
           (W.bytes == 1 || W.bytes == 2 || W.bytes == 4 || W.bytes == 8));
      if (Entries[I].Name != T.Field || !Number)
        continue;
      Entries[T.Union].Word.flags |= TYPE_TAGGED;
      Entries[T.Union].Word.aux = I;
      Found = true;
    }
    if (!Found)
      R(T.Where,
        "the union's tag '" + T.Field + "' is no number in the same struct");
  }
}

// What a union with pointers inside must say for itself.
void TypeTree::judgeUnion(unsigned Index, const Field &F) {
  std::vector<std::string> Tag =
      annotations(annotationsOf(F.Declaration), "tag");
  if (Tag.empty())
    Tag = annotations(annotationsOf(strip(F.Type)), "tag");
  if (!Tag.empty()) {
    for (unsigned I = Index + 1; I < Entries.size();
         I += 1 + Entries[I].Word.below)
      if ((Entries[I].Word.flags & (TYPE_LIVE | TYPE_WHEN)) == TYPE_LIVE)
        R(F.Where, "alternative '" + Entries[I].Name +
                       "' of a tagged union holds a pointer but does not say "
                       "when it is valid");
    if (F.When || Entries[Index].Word.count != 1 || Index == 0)
      R(F.Where, "a tagged union must be a single field of a struct");
    else
      Tags.push_back({Index, Tag[0], F.Where});
    return;
  }
  for (uint64_t Offset = 0; Offset < Entries[Index].Word.bytes; ++Offset) {
    std::optional<type_map_kind> First = kindIn(Index + 1, Offset);
    for (unsigned I = Index + 1; I < Entries.size();
         I += 1 + Entries[I].Word.below) {
      if (kindIn(I, Offset) == First)
        continue;
      R(F.Where, "union '" + F.Name +
                     "' may hold a pointer and nobody can tell when: annotate "
                     "its tag, or that it is plain or to be scanned");
      Entries.resize(Index + 1);
      Entries[Index].Word.kind = TYPE_SCAN;
      Entries[Index].Word.below = 0;
      return;
    }
  }
}

bool TypeTree::isFlexible(unsigned Index) const {
  for (unsigned I = Index; I <= Index + Entries[Index].Word.below; ++I)
    if (Entries[I].Word.count == TYPE_MAP_FLEXIBLE)
      return true;
  return false;
}

std::optional<type_map_kind> TypeTree::kindAt(uint64_t Offset) const {
  return kindIn(0, isFlexible(0) ? Offset : Offset % Entries[0].Word.bytes);
}

std::optional<type_map_kind> TypeTree::kindIn(unsigned Index,
                                              uint64_t Offset) const {
  const type_map_entry &W = Entries[Index].Word;
  if (W.bytes == 0 ||
      (Offset >= uint64_t(W.bytes) * W.count && !isFlexible(Index)))
    return std::nullopt;
  if (W.count != 1)
    Offset %= W.bytes;
  switch (W.kind) {
  case TYPE_POINTER:
  case TYPE_FUNCTION:
  case TYPE_HANDLE:
    return Offset == 0 ? std::optional(type_map_kind(W.kind)) : std::nullopt;
  case TYPE_SCAN:
    return TYPE_SCAN;
  case TYPE_STRUCT:
  case TYPE_UNION:
    for (unsigned I = Index + 1; I <= Index + W.below;
         I += 1 + Entries[I].Word.below)
      if (Entries[I].Word.offset <= Offset)
        if (auto Kind = kindIn(I, Offset - Entries[I].Word.offset))
          return Kind;
    return std::nullopt;
  default:
    return std::nullopt;
  }
}

// ---- Writing ----

// By words of 8 bytes.
static uint64_t fnv(uint64_t Hash, StringRef Bytes) {
  for (; !Bytes.empty(); Bytes = Bytes.drop_front(8)) {
    uint64_t Word;
    memcpy(&Word, Bytes.data(), sizeof(Word));
    Hash = (Hash ^ Word) * 0x100000001b3;
  }
  return Hash;
}

std::string TypeTree::bytes() const {
  std::string Strings(1, '\0'), Words;
  StringMap<uint32_t> Known;
  auto String = [&](const std::string &S) -> uint32_t {
    if (S.empty())
      return 0;
    auto [Place, Fresh] = Known.try_emplace(S, Strings.size());
    if (Fresh)
      Strings += S + '\0';
    return Place->second;
  };
  for (const Entry &E : Entries) {
    type_map_entry Word = E.Word;
    Word.name = String(E.Name);
    Word.type = String(E.Type);
    Words.append(reinterpret_cast<const char *>(&Word), sizeof(Word));
  }
  while (Strings.size() % 8)
    Strings += '\0';
  type_map_header H = {TYPE_MAP_MAGIC,
                       TYPE_MAP_VERSION,
                       0,
                       uint32_t(Entries.size()),
                       uint32_t(Strings.size()),
                       0,
                       0};
  H.bytes = sizeof(H) + Words.size() + Strings.size();
  StringRef Head(reinterpret_cast<const char *>(&H),
                 offsetof(type_map_header, checksum));
  std::string Body = Words + Strings;
  H.checksum = fnv(fnv(0xcbf29ce484222325, Head), Body);
  return std::string(reinterpret_cast<const char *>(&H), sizeof(H)) + Words +
         Strings;
}
