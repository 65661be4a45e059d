; The cursor is loaded again, and compared where nothing is known of what has been logged: behind a call of what is not here, where
; one of the ways has not looked, in a loop.
; RUN: opt -passes=undo-log
declare void @other()
define void @call(ptr %p) {
; CHECK-LABEL: @call(
; CHECK: icmp ugt
; CHECK: call void @other()
; CHECK: icmp ugt
; CHECK: store i64 2, ptr %q
  store i64 1, ptr %p
  %q = load ptr, ptr %p
  call void @other()
  store i64 2, ptr %q
  ret void
}
define void @meet(ptr %p, ptr %q, i1 %c) {
; CHECK-LABEL: @meet(
; CHECK: store i64 1, ptr %p
; CHECK: no:
; CHECK: icmp ugt
; CHECK: store i64 2, ptr %q
  br i1 %c, label %yes, label %no
yes:
  store i64 1, ptr %p
  br label %no
no:
  store i64 2, ptr %q
  ret void
}
define void @loop(ptr %p, i64 %n) {
; CHECK-LABEL: @loop(
; CHECK: turn:
; CHECK: icmp ugt
; CHECK: store i64 2, ptr %at
entry:
  store i64 1, ptr %p
  br label %turn
turn:
  %at = phi ptr [ %p, %entry ], [ %next, %turn ]
  store i64 2, ptr %at
  %next = load ptr, ptr %at
  %end = icmp eq ptr %next, null
  br i1 %end, label %out, label %turn
out:
  ret void
}
; There is room, but the cursor has moved.
define void @range(ptr %p, ptr %q, i64 %n) {
; CHECK-LABEL: @range(
; CHECK: icmp ugt
; CHECK: call {{.*}}@undo_range
; CHECK-NOT: icmp ugt
; CHECK: load ptr, ptr @undo_log
; CHECK-NOT: icmp ugt
; CHECK: store i64 2, ptr %r
  store i64 1, ptr %p
  %r = load ptr, ptr %p
  call void @llvm.memset.p0.i64(ptr %q, i8 0, i64 %n, i1 false)
  store i64 2, ptr %r
  ret void
}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
