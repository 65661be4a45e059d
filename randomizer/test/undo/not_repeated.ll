; Logged again: what is longer than the record, what only one way here logged, what another loop turn points to.
; RUN: opt -passes=undo-log
define void @longer(ptr %p) {
; CHECK-LABEL: @longer(
; CHECK: load i32, ptr %p, align 1
; CHECK: call void @other()
; CHECK: load i64, ptr %p, align 1
  store i32 1, ptr %p
  call void @other()
  store i64 2, ptr %p
  ret void
}
define void @one_way(ptr %p, i1 %c) {
; CHECK-LABEL: @one_way(
; CHECK: store i64 1, ptr %p
; CHECK: load i64, ptr %p, align 1
; CHECK: store i64 2, ptr %p
  br i1 %c, label %yes, label %no
yes:
  store i64 1, ptr %p
  br label %no
no:
  store i64 2, ptr %p
  ret void
}
define void @turns(ptr %p) {
; CHECK-LABEL: @turns(
; CHECK: load i64, ptr %at, align 1
; CHECK-NEXT: store i64
; CHECK: store i64 1, ptr %at
entry:
  br label %loop
loop:
  %at = phi ptr [ %p, %entry ], [ %next, %loop ]
  store i64 1, ptr %at
  %next = load ptr, ptr %at
  %end = icmp eq ptr %next, null
  br i1 %end, label %out, label %loop
out:
  ret void
}
declare void @other()
