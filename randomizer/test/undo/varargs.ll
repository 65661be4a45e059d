; A va_list outside the stack is state as other things are.
; RUN: opt -passes=undo-log
@kept = global [24 x i8] zeroinitializer
define void @f(i32 %n, ...) {
; CHECK: memcpy.inline{{.*}} @kept, i64 24,
; CHECK: call void @llvm.va_start
; CHECK-NOT: undo
; CHECK: ret void
  call void @llvm.va_start.p0(ptr @kept)
  %l = alloca [24 x i8]
  call void @llvm.va_copy.p0(ptr %l, ptr @kept)
  call void @llvm.va_end.p0(ptr %l)
  ret void
}
declare void @llvm.va_start.p0(ptr)
declare void @llvm.va_copy.p0(ptr, ptr)
declare void @llvm.va_end.p0(ptr)
