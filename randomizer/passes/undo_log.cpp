// SPDX-License-Identifier: MIT
//===- undo_log.cpp - Log what stores overwrite --------------------------===//
#include "randomizer/passes/undo_log.h"
#include "randomizer/passes/undo_function.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Passes/PassPlugin.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"

using namespace llvm;

namespace samsara {

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
cl::opt<bool> NoLoops("undo-log-no-loops", cl::Hidden,
                      cl::desc("Log each turn of a loop by itself"));
cl::opt<bool> NoChains("undo-log-no-chains", cl::Hidden,
                       cl::desc("Compare each group with the limit"));
cl::opt<bool> NoEarly("undo-log-no-early", cl::Hidden,
                      cl::desc("Do not work out addresses sooner"));
cl::opt<bool> NoWhole("undo-log-no-whole", cl::Hidden,
                      cl::desc("Look at each function by itself"));

namespace {

cl::opt<bool> FreshOption("undo-log-fresh",
                    cl::desc("Do not log stores to what was allocated in the "
                             "same transaction; the allocator must keep the "
                             "promise of undo_note_fresh"));
cl::list<std::string>
    AllocatorsOption("undo-log-allocators", cl::CommaSeparated,
                     cl::desc("Functions whose result is fresh memory"));
cl::opt<bool> Plain("undo-log-plain",
                    cl::desc("Compile what stands below the transactions: "
                             "none of its stores will ever be logged"));
cl::opt<std::string> StatsFile(
    "undo-log-stats", cl::value_desc("file"),
    cl::desc("Append the counters of each module to this file, as JSON"));


// Calls of memcpy and its kin are logged where they are; whoever calls through
// a pointer must find a function that logs by itself.
bool replaceTakenAddresses(Module &M) {
  bool Changed = false;
  for (Function &F : M) {
    StringRef With = loggedReplacement(F.getName());
    if (With.empty() ||
        !(F.isDeclaration() || F.hasFnAttribute(PlainAttribute)))
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
                 "\"calls\": {9}, \"loops\": {10}, \"checks\": {11}}}\n",
                 M.getSourceFileName(), N.Writes, N.Stack, N.Device,
                 N.FreshMemory, N.Covered, N.Joined, N.Records, N.Groups,
                 N.Calls, N.Loops, N.Checks);
}

// What stands below the transactions: nobody will log its stores.
void markPlain(Module &M) {
  for (Function &F : M)
    if (!F.isDeclaration())
      F.addFnAttr(PlainAttribute);
}

} // namespace

PreservedAnalyses UndoLogPass::run(Module &M, ModuleAnalysisManager &) {
  if (Plain) {
    markPlain(M);
    return PreservedAnalyses::all();
  }
  Counters N;
  bool Changed = replaceTakenAddresses(M);
  bool Sound = true;
  if (!Closed)
    checkCommitAddresses(M);
  SmallVector<Function *, 32> Logged;
  for (Function &F : M) {
    if (F.isDeclaration() || F.hasFnAttribute(PlainAttribute))
      continue; // what runs transactions knows where they end
    Sound &= Closed || checkCommits(F);
    Logged.push_back(&F);
  }
  if (Sound && !Logged.empty()) {
    for (const std::string &Name : AllocatorsOption)
      Allocators.push_back(Name);
    Program P(M, Closed, Fresh || FreshOption, Allocators);
    Hooks H(M);
    Changed |= logFunctions(Logged, P, H, N);
    H.dropUnused();
  }
  if (!StatsFile.empty())
    writeCounters(M, N);
  return Changed ? PreservedAnalyses::none() : PreservedAnalyses::all();
}

} // namespace samsara

// undo-log, or undo-log<closed;fresh;allocator=NAME> with any of these
static bool parse(StringRef Name, ModulePassManager &PM) {
  if (!Name.consume_front("undo-log"))
    return false;
  samsara::UndoLogPass Pass;
  if (Name.consume_front("<") && Name.consume_back(">")) {
    SmallVector<StringRef, 4> Words;
    Name.split(Words, ';');
    for (StringRef Word : Words) {
      if (Word == "closed")
        Pass.Closed = true;
      else if (Word == "fresh")
        Pass.Fresh = true;
      else if (Word.consume_front("allocator="))
        Pass.Allocators.push_back(Word.str());
      else
        return false;
    }
  } else if (!Name.empty()) {
    return false;
  }
  PM.addPass(std::move(Pass));
  return true;
}

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT PassPluginLibraryInfo
llvmGetPassPluginInfo() {
  return {LLVM_PLUGIN_API_VERSION, "samsara-undo-log", "1",
          [](PassBuilder &PB) {
            PB.registerPipelineParsingCallback(
                [](StringRef Name, ModulePassManager &PM,
                   ArrayRef<PassBuilder::PipelineElement>) {
                  return parse(Name, PM);
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
