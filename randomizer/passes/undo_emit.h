// SPDX-License-Identifier: MIT
//===- undo_emit.h - Write records and calls into the code ---------------===//
#pragma once
#include "randomizer/passes/undo_options.h"
#include "randomizer/passes/undo_writes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/IR/IRBuilder.h"

namespace samsara {

// Bytes of a base that one record of a group keeps.
struct Span {
  int64_t Start;
  uint64_t Size;
};

// Records made together before the instruction Head.
struct Group {
  llvm::Instruction *Head = nullptr;
  llvm::MapVector<llvm::Value *, llvm::SmallVector<Span, 4>> Spans;
  uint64_t Bytes = 0;
  // The group that was made last on the one way here, with nothing between that
  // logs (index in the function's list, or -1). Its cursor is still the log's.
  int After = -1;
  llvm::Value *End = nullptr; // the cursor behind it, once it is emitted
};

uint64_t recordBytes(uint64_t Size);

struct Hooks {
  llvm::LLVMContext &C;
  llvm::PointerType *Ptr;
  llvm::IntegerType *I64;
  llvm::GlobalVariable *Log;
  llvm::FunctionCallee Range, Full;

  explicit Hooks(llvm::Module &M);
  // What nothing called is not declared.
  void dropUnused();
};

class Emitter {
public:
  Emitter(llvm::Function &F, Hooks &H, Counters &N) : F(F), H(H), N(N) {}

  // After: where G goes on, or null. Check: there may be no room for it.
  void emit(Group &G, const Group *After, bool Check);
  // Looks for room only.
  void emitCheck(llvm::Instruction *At);
  void emit(const Write &W); // a range

private:
  llvm::Function &F;
  Hooks &H;
  Counters &N;

  void join(llvm::SmallVectorImpl<Span> &Spans);
  llvm::Value *at(llvm::IRBuilder<> &B, llvm::Value *Ptr, int64_t Offset);
  void fence(llvm::IRBuilder<> &B);
  uint64_t emitRecord(llvm::IRBuilder<> &B, llvm::Value *Cursor, uint64_t Used,
                      llvm::Value *Ptr, uint64_t Size);
  llvm::Value *checked(llvm::IRBuilder<> &B, llvm::Value *Cursor, llvm::Instruction *At);
  void location(llvm::CallInst *Call, const llvm::Instruction *Like);
};

} // namespace samsara
