; The stack is not logged: local variables, what a phi or select makes of them, copies passed by value.
; RUN: opt -passes=undo-log
; CHECK-NOT: undo
define i32 @locals(i1 %c, i64 %n, ptr byval([8 x i32]) %copy) {
  %a = alloca [8 x i32]
  %b = alloca [8 x i32]
  %which = select i1 %c, ptr %a, ptr %b
  %at = getelementptr i32, ptr %which, i64 %n
  store i32 1, ptr %at
  store i32 2, ptr %copy
  call void @llvm.memset.p0.i64(ptr %b, i8 0, i64 %n, i1 false)
  %r = load i32, ptr %a
  ret i32 %r
}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
