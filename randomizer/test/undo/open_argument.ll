; RUN: opt -passes=undo-log
; Not a whole program: another module may call it. What only this one can call is known.

; CHECK-LABEL: @fill(
; CHECK: @undo_log
; CHECK: ret void
define void @fill(ptr %to) {
  store i64 1, ptr %to
  ret void
}

; CHECK-LABEL: @inside(
; CHECK-NOT: @undo_log
; CHECK: ret void
define internal void @inside(ptr %to) {
  store i64 2, ptr %to
  ret void
}

define i64 @start() {
  %own = alloca i64
  call void @fill(ptr %own)
  call void @inside(ptr %own)
  %x = load i64, ptr %own
  ret i64 %x
}
