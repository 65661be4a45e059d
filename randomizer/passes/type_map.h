// SPDX-License-Identifier: MIT
//===- type_map.h - Say where the pointers are -------------------*- C++
//-*-===//
//
// Gives the runtime, for everything that lives longer than a call, the map of
// its pointers (randomizer/mover/type_map_format.h):
//   1. each global that can be written gets a record in section
//      samsara_globals: address, size, name, map of its type. The record is
//      dropped by the linker when the global is (SHF_LINK_ORDER);
//   2. each new(T) and new_array(T, n) of lib/rt/heap.h gets the map of T into
//      its struct rt_type;
//   3. each type gets one map, in a section of its own, which the linker merges
//      with the equal ones of other files (weak, named by its content);
//   4. types that no map can describe, and code that hides pointers
//      (pointer_check.h), are errors with file:line.
//
// Third-party sources are compiled with -mllvm -samsara-untyped: their globals
// get records without a map, which say "scan", and nothing is an error but
// thread-local variables. Each string literal of theirs becomes a datum of its
// own (docs/decisions/0015-half-overwritten-pointers.md): TextsApartPass runs
// last, as optimisations would undo it.
//
// It runs first, on what the front end made, and needs -g. Constants get no
// record: a new incarnation has its own. A record is a use of its global, so
// that later passes neither split a global nor change what it holds.
//
// Known sources of inaccuracy: see pointer_check.h for what code can hide. A
// void * that holds a function's address is a data pointer in the map; whoever
// moves it must look for functions, too.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "llvm/IR/PassManager.h"

namespace samsara {

struct TypeMapPass : llvm::PassInfoMixin<TypeMapPass> {
  llvm::PreservedAnalyses run(llvm::Module &M, llvm::ModuleAnalysisManager &);
  static bool isRequired() { return true; } // at -O0, too
};

struct TextsApartPass : llvm::PassInfoMixin<TextsApartPass> {
  llvm::PreservedAnalyses run(llvm::Module &M, llvm::ModuleAnalysisManager &);
  static bool isRequired() { return true; }
};

} // namespace samsara
