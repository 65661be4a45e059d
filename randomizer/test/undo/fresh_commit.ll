; RUN: opt -passes=undo-log<closed;fresh;allocator=my_alloc>
; In a function that may commit: what was allocated since the last commit is not logged, what is older is.
@llvm.used = appending global [5 x ptr] [ptr @after, ptr @between, ptr @older, ptr @turns, ptr @caller], section "llvm.metadata"
declare ptr @my_alloc(i64)
declare void @undo_commit() convergent

; CHECK-LABEL: define void @after(
; CHECK-NOT: @undo_log
; CHECK: ret void
define void @after() convergent {
  call void @undo_commit() convergent
  %p = call ptr @my_alloc(i64 8)
  store i64 1, ptr %p
  ret void
}

; On both ways there is one.
; CHECK-LABEL: define void @between(
; CHECK-NOT: @undo_log
; CHECK: end:
; CHECK: @undo_log
define void @between(i1 %c) convergent {
  %p = call ptr @my_alloc(i64 8)
  store i64 1, ptr %p
  br i1 %c, label %then, label %end
then:
  call void @undo_commit() convergent
  br label %end
end:
  store i64 2, ptr %p
  ret void
}

; CHECK-LABEL: define void @older(
; CHECK: @undo_log
; CHECK: ret void
define void @older() convergent {
  %p = call ptr @my_alloc(i64 8)
  call void @undo_commit() convergent
  store i64 1, ptr %p
  ret void
}

; The one of the turn before is older than the commit.
; CHECK-LABEL: define void @turns(
; CHECK: loop:
; CHECK-NOT: @undo_log
; CHECK: store i64 1, ptr %p
; CHECK: @undo_log
; CHECK: store i64 2, ptr %before
; CHECK: ret void
define void @turns(i1 %c) convergent {
  br label %loop
loop:
  %before = phi ptr [null, %0], [%p, %loop]
  %p = call ptr @my_alloc(i64 8)
  store i64 1, ptr %p
  store i64 2, ptr %before
  call void @undo_commit() convergent
  br i1 %c, label %loop, label %out
out:
  ret void
}

; A callee may rely on it until its own first commit.
; CHECK-LABEL: define void @fill(
; CHECK-NOT: @undo_log
; CHECK: store i64 1, ptr %to
; CHECK: call void @undo_commit()
; CHECK: @undo_log
; CHECK: store i64 2, ptr %to
define void @fill(ptr %to) convergent {
  store i64 1, ptr %to
  call void @undo_commit() convergent
  store i64 2, ptr %to
  ret void
}

; Not this one: its second caller has committed meanwhile.
; CHECK-LABEL: define void @late(
; CHECK: @undo_log
; CHECK: store i64 1, ptr %to
define void @late(ptr %to) {
  store i64 1, ptr %to
  ret void
}

define void @caller() convergent {
  call void @undo_commit() convergent
  %p = call ptr @my_alloc(i64 8)
  call void @late(ptr %p)
  call void @fill(ptr %p)
  call void @late(ptr %p)
  ret void
}
