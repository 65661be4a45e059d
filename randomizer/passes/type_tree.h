// SPDX-License-Identifier: MIT
//===- type_tree.h - C types from debug information --------------*- C++
//-*-===//
//
// A C type, as debug information tells it, as the tree that a type map is
// written from.
//
// Debug information and not IR types: a union in IR has lost all members but
// one, and typedefs (uintptr_t, handle_t) and annotations do not exist there at
// all.
#pragma once
#include "randomizer/mover/type_map_format.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/DebugInfoMetadata.h"
#include <optional>
#include <string>
#include <vector>

namespace samsara {

// The text behind "samsara:" of the annotations (btf_decl_tag) on a declaration
// that begin with `Word`: "" for samsara:Word itself, "x" for samsara:Word=x.
std::vector<std::string> annotations(llvm::DINodeArray Tags,
                                     llvm::StringRef Word);
llvm::DINodeArray annotationsOf(const llvm::DINode *Declaration);
bool isAnnotated(const llvm::DINode *Declaration, llvm::StringRef Word);

// Without typedefs and qualifiers.
const llvm::DIType *strip(const llvm::DIType *Type);
uint64_t bytesOf(const llvm::DIType *Type);
std::string fileLine(const llvm::DIFile *File, unsigned Line);

// Whether what lies at byte `Offset` of a declaration may hold an address as an
// integer: something on the way there is annotated plain, scan or pointer.
bool mayHoldAddress(const llvm::DINode *Declaration, const llvm::DIType *Type,
                    uint64_t Offset);

class TypeTree {
public:
  struct Entry {
    std::string Name, Type;
    type_map_entry Word = {};
  };
  // Told of everything that cannot be moved: place (file:line) and sentence.
  using Refuse = llvm::function_ref<void(std::string, std::string)>;

  // What `when` annotations may call by name.
  using Enumerators = llvm::StringMap<int64_t>;

  // `Declaration` is the variable or nullptr; its annotations count for the
  // whole.
  static TypeTree make(const llvm::DIType *Type,
                       const llvm::DIVariable *Declaration,
                       const Enumerators &Names, Refuse R);

  std::vector<Entry> Entries;
  std::string bytes() const; // as type_map.c reads it
  // What lies at this byte: TYPE_POINTER, TYPE_FUNCTION and TYPE_HANDLE at
  // their first, TYPE_SCAN. Behind the first element come others like it,
  // unless the type ends flexibly.
  std::optional<type_map_kind> kindAt(uint64_t Offset) const;

private:
  struct Field;
  TypeTree(const Enumerators &Names, Refuse R) : Names(Names), R(R) {}
  void add(const Field &F, unsigned Depth);
  void addMembers(const llvm::DICompositeType *C, unsigned Index,
                  const Field &F, unsigned Depth);
  void resolveTags(unsigned Index);
  void judgeUnion(unsigned Index, const Field &F);
  std::optional<type_map_kind> kindIn(unsigned Index, uint64_t Offset) const;
  bool isFlexible(unsigned Index) const;

  const Enumerators &Names; // both only while the tree grows
  Refuse R;
  struct Tag {
    unsigned Union;
    std::string Field, Where;
  };
  std::vector<Tag> Tags; // of unions whose struct is not complete yet
};

} // namespace samsara
