; A record is not made before a call that may never return, nor before its address is known, nor is a trap made earlier for it.
; RUN: opt -passes=undo-log
define void @call(ptr %p, ptr %q) {
; CHECK-LABEL: @call(
; CHECK: store i32 1, ptr %p
; CHECK: call void @other()
; CHECK: load i32, ptr %q, align 1
  store i32 1, ptr %p
  call void @other()
  store i32 2, ptr %q
  ret void
}
define void @chain(ptr %p) {
; CHECK-LABEL: @chain(
; CHECK: store i32 1, ptr %p
; CHECK: %q = load ptr, ptr %p
; CHECK: load i32, ptr %q, align 1
  store i32 1, ptr %p
  %q = load ptr, ptr %p
  store i32 2, ptr %q
  ret void
}
declare void @other()
define void @loaded(ptr %p) {
; CHECK-LABEL: @loaded(
; CHECK: store i64 1, ptr %p
; CHECK: %i = load i64, ptr %p
; CHECK: %q = getelementptr
; CHECK: load i32, ptr %q, align 1
  store i64 1, ptr %p
  %i = load i64, ptr %p
  %q = getelementptr i32, ptr %p, i64 %i
  store i32 2, ptr %q
  ret void
}
define void @divided(ptr %p, i64 %n) {
; CHECK-LABEL: @divided(
; CHECK: store i64 1, ptr %p
; CHECK: %i = udiv i64 8, %n
; CHECK: load i32, ptr %q, align 1
  store i64 1, ptr %p
  %i = udiv i64 8, %n
  %q = getelementptr i32, ptr %p, i64 %i
  store i32 2, ptr %q
  ret void
}
