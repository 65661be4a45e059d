// SPDX-License-Identifier: MIT
//===- pointer_check.h - Refuse code that hides pointers ---------*- C++
//-*-===//
//
// A mover finds pointers where the type map says they are. This check refuses,
// with file:line, what puts them elsewhere:
//   1. an integer that was a pointer is stored outside the stack, in a field
//      that is not annotated (plain, pointer or scan);
//   2. an integer becomes a pointer that was none before in the same function,
//      and does not come from such a field. Round trips (alignment) may be;
//   3. inline assembly with a memory operand, which may store what no map sees;
//   4. setjmp and its like, and addresses of labels: places in code, kept in
//      memory as if they were numbers.
//
// It looks at each function by itself, before any optimisation. What it misses:
// an address passed as an integer to another function that stores it there, or
// returned as one; bytes of a pointer copied one by one, or printed and parsed;
// addresses as hash keys. The checking mode of the mover finds those that are
// pointers still, by comparing maps with a scan.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "randomizer/passes/type_tree.h"
#include "llvm/IR/Module.h"

namespace samsara {

void checkPointers(llvm::Module &M, TypeTree::Refuse R);

} // namespace samsara
