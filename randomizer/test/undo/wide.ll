; Whole words have their number in the tag; other sizes are ranges. Both are copied in place at their exact length.
; RUN: opt -passes=undo-log
define void @vector(ptr %p, <4 x float> %v) {
; CHECK-LABEL: @vector(
; CHECK: call void @llvm.memcpy.inline.p0.p0.i64(ptr {{.*}}, ptr align 1 %p, i64 16, i1 false)
; CHECK: store ptr %p, ptr [[AT:%.*]], align 8
; CHECK: store i8 32, ptr {{.*}}, align 1
; CHECK: store <4 x float> %v
  store <4 x float> %v, ptr %p
  ret void
}
define void @extended(ptr %p, x86_fp80 %v) {
; CHECK-LABEL: @extended(
; CHECK: memcpy.inline{{.*}} i64 10,
; CHECK: store i64 10,
; CHECK: store ptr %p,
; CHECK: store i8 8,
  store x86_fp80 %v, ptr %p
  ret void
}
define void @aggregate(ptr %p, { i64, i8 } %v) {
; CHECK-LABEL: @aggregate(
; CHECK: memcpy.inline{{.*}} i64 16,
  store { i64, i8 } %v, ptr %p
  ret void
}
define void @huge(ptr %p, <64 x i32> %v) {
; CHECK-LABEL: @huge(
; CHECK: call void @undo_range(ptr %p, i64 256)
  store <64 x i32> %v, ptr %p
  ret void
}
