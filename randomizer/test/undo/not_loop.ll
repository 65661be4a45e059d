; RUN: opt -passes=undo-log
; What is not certain to be written is not read ahead: each of these is logged in its turn.
declare void @other()
declare void @commit() convergent

; Only in some turns.
; CHECK-LABEL: @sometimes(
; CHECK: write:
; CHECK: load i64, ptr %sum
; CHECK: ret void
define void @sometimes(ptr %sum, ptr %data, i64 %n) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %turn ]
  %at = getelementptr i64, ptr %data, i64 %i
  %x = load i64, ptr %at
  %is = icmp eq i64 %x, 0
  br i1 %is, label %write, label %turn
write:
  store i64 %i, ptr %sum
  br label %turn
turn:
  %next = add nuw i64 %i, 1
  %done = icmp eq i64 %next, %n
  br i1 %done, label %out, label %loop
out:
  ret void
}

; The call may map the place, or never come back.
; CHECK-LABEL: @behind_call(
; CHECK: call void @other()
; CHECK: load i64, ptr %sum
; CHECK: ret void
define void @behind_call(ptr %sum, i64 %n) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  call void @other()
  store i64 %i, ptr %sum
  %next = add nuw i64 %i, 1
  %done = icmp eq i64 %next, %n
  br i1 %done, label %out, label %loop
out:
  ret void
}

; The record would be gone after the first turn.
; CHECK-LABEL: @commits(
; CHECK: loop:
; CHECK: load i64, ptr %sum
; CHECK: call void @commit()
; CHECK: ret void
define void @commits(ptr %sum, i64 %n) convergent {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  store i64 %i, ptr %sum
  call void @commit() convergent
  %next = add nuw i64 %i, 1
  %done = icmp eq i64 %next, %n
  br i1 %done, label %out, label %loop
out:
  ret void
}

; Ends at a byte of zero: nobody knows where.
; CHECK-LABEL: @unknown_end(
; CHECK-NOT: @undo_range
; CHECK: loop:
; CHECK: load i8, ptr %at
; CHECK: ret void
define void @unknown_end(ptr %to, ptr %from) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %source = getelementptr inbounds i8, ptr %from, i64 %i
  %at = getelementptr inbounds i8, ptr %to, i64 %i
  %x = load i8, ptr %source
  store i8 %x, ptr %at
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i8 %x, 0
  br i1 %done, label %out, label %loop
out:
  ret void
}

; One way out is in the middle of a turn.
; CHECK-LABEL: @early(
; CHECK-NOT: @undo_range
; CHECK: turn:
; CHECK: load i64, ptr %at
; CHECK: ret void
define void @early(ptr %to) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %turn ]
  %at = getelementptr inbounds i64, ptr %to, i64 %i
  %x = load i64, ptr %at
  %is = icmp eq i64 %x, 0
  br i1 %is, label %out, label %turn
turn:
  store i64 %i, ptr %at
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, 100
  br i1 %done, label %out, label %loop
out:
  ret void
}

; Four words in a page each: what lies between may be anything.
; CHECK-LABEL: @gaps(
; CHECK-NOT: @undo_range
; CHECK: loop:
; CHECK: load i64, ptr %at
; CHECK: ret void
define void @gaps(ptr %to) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %at = getelementptr inbounds [512 x i64], ptr %to, i64 %i
  store i64 %i, ptr %at
  %next = add nuw nsw i64 %i, 1
  %done = icmp eq i64 %next, 4
  br i1 %done, label %out, label %loop
out:
  ret void
}
