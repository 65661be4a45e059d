; A record is not made before a call that may never return, nor before its address is known.
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
