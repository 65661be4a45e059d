; Copies and fills: intrinsics and plain calls, at their length; nothing for none.
; RUN: opt -passes=undo-log
define void @copies(ptr %p, ptr %q, i64 %n, i32 %m) {
; CHECK-LABEL: @copies(
; CHECK: call void @undo_range(ptr %p, i64 %n)
; CHECK-NEXT: call void @llvm.memcpy
  call void @llvm.memcpy.p0.p0.i64(ptr %p, ptr %q, i64 %n, i1 false)
; CHECK: [[LONG:%.*]] = zext i32 %m to i64
; CHECK-NEXT: call void @undo_range(ptr %q, i64 [[LONG]])
; CHECK-NEXT: call void @llvm.memset
  call void @llvm.memset.p0.i32(ptr %q, i8 0, i32 %m, i1 false)
; CHECK: memcpy.inline{{.*}} i64 24,
; CHECK: call void @llvm.memmove
  call void @llvm.memmove.p0.p0.i64(ptr %p, ptr %q, i64 24, i1 false)
; CHECK-NOT: undo
; CHECK: call void @llvm.memset
  call void @llvm.memset.p0.i64(ptr %q, i8 0, i64 0, i1 false)
; CHECK: call void @undo_range(ptr %p, i64 %n)
; CHECK-NEXT: call ptr @memcpy(
  %r = call ptr @memcpy(ptr %p, ptr %q, i64 %n)
  ret void
}
declare ptr @memcpy(ptr, ptr, i64)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.memset.p0.i32(ptr, i8, i32, i1)
