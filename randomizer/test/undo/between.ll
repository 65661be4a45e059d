; Two fields of one object share a record with what lies between them, where that is cheaper.
; RUN: opt -passes=undo-log
define void @near(ptr %p) {
; CHECK-LABEL: @near(
; CHECK: memcpy.inline{{.*}} ptr align 1 %p, i64 16,
; CHECK-NOT: load i32
; CHECK: store i32 1, ptr %p
  store i32 1, ptr %p
  %far = getelementptr i8, ptr %p, i64 12
  store i32 2, ptr %far
  ret void
}
define void @far(ptr %p) {
; CHECK-LABEL: @far(
; CHECK: load i32, ptr %p, align 1
; CHECK: load i32, ptr {{.*}}, align 1
; CHECK: store i32 1, ptr %p
  store i32 1, ptr %p
  %far = getelementptr i8, ptr %p, i64 100
  store i32 2, ptr %far
  ret void
}
