; What the pass does not know is an error, not a guess.
; RUN: opt -passes=undo-log
; CHECK: error: {{.*}}in function f {{.*}}: the undo log does not know what llvm.x86.fxsave writes
define void @f(ptr %p) {
  call void @llvm.x86.fxsave(ptr %p)
  ret void
}
declare void @llvm.x86.fxsave(ptr)
