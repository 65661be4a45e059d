; RUN: opt -passes=undo-log
; A store in each turn to one place: one record, before the loop. One that walks on: one range.

; CHECK-LABEL: @same(
; CHECK: entry:
; CHECK: load i64, ptr %sum
; CHECK: loop:
; CHECK-NOT: @undo_log
; CHECK: ret void
define void @same(ptr %sum, ptr %data, i64 %n) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %at = getelementptr i64, ptr %data, i64 %i
  %x = load i64, ptr %at
  store i64 %x, ptr %sum
  %next = add nuw i64 %i, 1
  %done = icmp eq i64 %next, %n
  br i1 %done, label %out, label %loop
out:
  ret void
}

; CHECK-LABEL: @stride(
; CHECK: call void @undo_range(ptr %to, i64 4000)
; CHECK: loop:
; CHECK-NOT: @undo_log
; CHECK: ret void
define void @stride(ptr %to) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %at = getelementptr inbounds i32, ptr %to, i64 %i
  %x = trunc i64 %i to i32
  store i32 %x, ptr %at
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, 1000
  br i1 %done, label %out, label %loop
out:
  ret void
}

; Downwards, every second of eight bytes: from the last place that is written to the end of the first.
; CHECK-LABEL: @down(
; CHECK: [[LAST:%.*]] = getelementptr i8, ptr %to, i64 -1584
; CHECK: call void @undo_range(ptr [[LAST]], i64 1592)
; CHECK: loop:
; CHECK-NOT: @undo_log
; CHECK: ret void
define void @down(ptr %to) {
entry:
  br label %loop
loop:
  %at = phi ptr [ %to, %entry ], [ %before, %loop ]
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  store i64 %i, ptr %at
  %before = getelementptr inbounds i8, ptr %at, i64 -16
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, 100
  br i1 %done, label %out, label %loop
out:
  ret void
}
