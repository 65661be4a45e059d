; One comparison is good for UNDO_SLACK bytes, wherever they are logged: where all ways have looked, behind calls of what logs little,
; and in small functions, whose callers look for them.
; RUN: opt -passes=undo-log<closed>
define internal void @small(ptr %p) {
; CHECK-LABEL: @small(
; CHECK-NOT: icmp ugt
; CHECK: load ptr, ptr @undo_log
; CHECK-NOT: icmp ugt
; CHECK: ret void
  store i64 1, ptr %p
  ret void
}
define internal i64 @quiet(ptr %p) {
  %v = load i64, ptr %p
  ret i64 %v
}
define void @calls(ptr %p, ptr %q) {
; CHECK-LABEL: @calls(
; CHECK: [[CURSOR:%.*]] = load ptr, ptr @undo_log
; CHECK: icmp ugt ptr [[CURSOR]]
; CHECK: call void @small(
; CHECK-NOT: icmp ugt
; CHECK: store i64 2, ptr %p
; CHECK-NOT: icmp ugt
; CHECK: ret void
  call void @small(ptr %q)
  store i64 2, ptr %p
  %v = call i64 @quiet(ptr %q)
  call void @small(ptr %q)
  store i64 %v, ptr %q
  ret void
}
define void @both_ways(ptr %p, ptr %q, i1 %c) {
; CHECK-LABEL: @both_ways(
; CHECK: yes:
; CHECK: icmp ugt
; CHECK: no:
; CHECK: icmp ugt
; CHECK: meet:
; CHECK-NOT: icmp ugt
; CHECK: store i64 3, ptr %q
  br i1 %c, label %yes, label %no
yes:
  store i64 1, ptr %p
  br label %meet
no:
  store i64 2, ptr %p
  br label %meet
meet:
  store i64 3, ptr %q
  ret void
}
; A loop looks in each turn, also before a call of a small one.
define void @turns(ptr %p, i64 %n) {
; CHECK-LABEL: @turns(
; CHECK: turn:
; CHECK: icmp ugt
; CHECK: call void @small(
; CHECK: ret void
entry:
  store i64 1, ptr %p
  br label %turn
turn:
  %i = phi i64 [ 0, %entry ], [ %next, %turn ]
  call void @small(ptr %p)
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %turn, label %out
out:
  ret void
}
; A turn that logs nothing takes no room.
define i64 @quiet_turns(ptr %p, i64 %n) {
; CHECK-LABEL: @quiet_turns(
; CHECK: icmp ugt
; CHECK: turn:
; CHECK-NOT: icmp ugt
; CHECK: store i64 2, ptr %p
entry:
  %q = load ptr, ptr %p
  store ptr null, ptr %p
  br label %turn
turn:
  %i = phi i64 [ 0, %entry ], [ %next, %turn ]
  %v = call i64 @quiet(ptr %q)
  %next = add i64 %i, %v
  %more = icmp ult i64 %next, %n
  br i1 %more, label %turn, label %out
out:
  store i64 2, ptr %p
  ret i64 %i
}
; Who is in the middle of calling itself may have logged anything.
define void @itself(ptr %p, i1 %c) {
; CHECK-LABEL: @itself(
; CHECK: icmp ugt
; CHECK: store i64 1, ptr %p
; CHECK: call void @itself(
; CHECK: icmp ugt
; CHECK: store i64 2, ptr %q
  store i64 1, ptr %p
  %q = load ptr, ptr %p
  br i1 %c, label %again, label %out
again:
  call void @itself(ptr %q, i1 %c)
  store i64 2, ptr %q
  br label %out
out:
  ret void
}
; Called through a pointer: it looks itself, and nobody knows what it leaves.
@pointer = global ptr @taken
define void @taken(ptr %p) {
; CHECK-LABEL: @taken(
; CHECK: icmp ugt
; CHECK: store i64 1, ptr %p
  store i64 1, ptr %p
  ret void
}
define void @indirect(ptr %p, ptr %f) {
; CHECK-LABEL: @indirect(
; CHECK: call void %f(
; CHECK: icmp ugt
; CHECK: store i64 2, ptr %q
  store i64 1, ptr %p
  %q = load ptr, ptr %p
  call void %f(ptr %q)
  store i64 2, ptr %q
  ret void
}
; Code without the log (as marked by -undo-log-plain) looks for nobody.
define internal void @called_by_plain(ptr %p) {
; CHECK-LABEL: @called_by_plain(
; CHECK: icmp ugt
  store i64 1, ptr %p
  ret void
}
define void @plain(ptr %p) "samsara-undo-plain" {
  call void @called_by_plain(ptr %p)
  ret void
}
; Longer than the slack.
define void @long(ptr %a) {
; CHECK-LABEL: @long(
; CHECK: icmp ugt
; CHECK: icmp ugt
; CHECK: ret void
  %p1 = load ptr, ptr %a
  call void @llvm.memset.p0.i64(ptr align 1 %p1, i8 0, i64 120, i1 false)
  %p2 = load ptr, ptr %p1
  call void @llvm.memset.p0.i64(ptr align 1 %p2, i8 0, i64 120, i1 false)
  %p3 = load ptr, ptr %p2
  call void @llvm.memset.p0.i64(ptr align 1 %p3, i8 0, i64 120, i1 false)
  %p4 = load ptr, ptr %p3
  call void @llvm.memset.p0.i64(ptr align 1 %p4, i8 0, i64 120, i1 false)
  %p5 = load ptr, ptr %p4
  call void @llvm.memset.p0.i64(ptr align 1 %p5, i8 0, i64 120, i1 false)
  %p6 = load ptr, ptr %p5
  call void @llvm.memset.p0.i64(ptr align 1 %p6, i8 0, i64 120, i1 false)
  %p7 = load ptr, ptr %p6
  call void @llvm.memset.p0.i64(ptr align 1 %p7, i8 0, i64 120, i1 false)
  %p8 = load ptr, ptr %p7
  call void @llvm.memset.p0.i64(ptr align 1 %p8, i8 0, i64 120, i1 false)
  %p9 = load ptr, ptr %p8
  call void @llvm.memset.p0.i64(ptr align 1 %p9, i8 0, i64 120, i1 false)
  %p10 = load ptr, ptr %p9
  call void @llvm.memset.p0.i64(ptr align 1 %p10, i8 0, i64 120, i1 false)
  %p11 = load ptr, ptr %p10
  call void @llvm.memset.p0.i64(ptr align 1 %p11, i8 0, i64 120, i1 false)
  %p12 = load ptr, ptr %p11
  call void @llvm.memset.p0.i64(ptr align 1 %p12, i8 0, i64 120, i1 false)
  %p13 = load ptr, ptr %p12
  call void @llvm.memset.p0.i64(ptr align 1 %p13, i8 0, i64 120, i1 false)
  %p14 = load ptr, ptr %p13
  call void @llvm.memset.p0.i64(ptr align 1 %p14, i8 0, i64 120, i1 false)
  %p15 = load ptr, ptr %p14
  call void @llvm.memset.p0.i64(ptr align 1 %p15, i8 0, i64 120, i1 false)
  %p16 = load ptr, ptr %p15
  call void @llvm.memset.p0.i64(ptr align 1 %p16, i8 0, i64 120, i1 false)
  %p17 = load ptr, ptr %p16
  call void @llvm.memset.p0.i64(ptr align 1 %p17, i8 0, i64 120, i1 false)
  ret void
}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
