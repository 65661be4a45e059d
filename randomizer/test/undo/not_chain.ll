; The cursor is loaded and compared again: behind a call, where ways meet, in a loop, behind a range, and when a chain has become
; longer than what the limit leaves.
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
define void @range(ptr %p, ptr %q, i64 %n) {
; CHECK-LABEL: @range(
; CHECK: icmp ugt
; CHECK: call {{.*}}@undo_range
; CHECK: icmp ugt
; CHECK: store i64 2, ptr %r
  store i64 1, ptr %p
  %r = load ptr, ptr %p
  call void @llvm.memset.p0.i64(ptr %q, i8 0, i64 %n, i1 false)
  store i64 2, ptr %r
  ret void
}
; Four records of 144 bytes are more than 512.
define void @long(ptr %a) {
; CHECK-LABEL: @long(
; CHECK: icmp ugt
; CHECK: store ptr null, ptr %a
; CHECK-NOT: icmp ugt
; CHECK: call void @llvm.memset{{.*}}ptr align 1 %d
; CHECK: icmp ugt
; CHECK: ret void
  %b = load ptr, ptr %a
  store ptr null, ptr %a
  call void @llvm.memset.p0.i64(ptr align 1 %b, i8 0, i64 128, i1 false)
  %c = load ptr, ptr %b
  call void @llvm.memset.p0.i64(ptr align 1 %c, i8 0, i64 128, i1 false)
  %d = load ptr, ptr %c
  call void @llvm.memset.p0.i64(ptr align 1 %d, i8 0, i64 128, i1 false)
  %e = load ptr, ptr %d
  call void @llvm.memset.p0.i64(ptr align 1 %e, i8 0, i64 128, i1 false)
  ret void
}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
