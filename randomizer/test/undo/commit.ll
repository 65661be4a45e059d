; After a commit everything is logged again, once.
; RUN: opt -passes=undo-log
define void @loop(ptr %p) convergent {
; CHECK: load i64, ptr %p, align 1
; CHECK: call void @undo_commit()
; CHECK: load i64, ptr %p, align 1
; CHECK: store i64 2, ptr %p
; CHECK-NOT: load i64, ptr %p, align 1
; CHECK: store i64 3, ptr %p
  store i64 1, ptr %p
  call void @undo_commit() convergent
  store i64 2, ptr %p
  br label %next
next:
  store i64 3, ptr %p
  ret void
}
declare void @undo_commit() convergent
