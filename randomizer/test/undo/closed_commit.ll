; Of a whole program it is known which calls may commit: what is stored behind one is logged again, what is stored behind
; another is not.
; RUN: opt -passes=undo-log<closed>
@pointer = global ptr @by_pointer

define void @direct(ptr %p) {
; CHECK-LABEL: @direct(
; CHECK: load i64, ptr %p, align 1
; CHECK: call void @waits()
; CHECK: load i64, ptr %p, align 1
; CHECK: store i64 2, ptr %p
; CHECK: call void @computes()
; CHECK-NOT: load i64, ptr %p, align 1
; CHECK: ret void
  store i64 1, ptr %p
  call void @waits()
  store i64 2, ptr %p
  call void @computes()
  store i64 3, ptr %p
  ret void
}
define void @indirect(ptr %p, ptr %f) {
; CHECK-LABEL: @indirect(
; CHECK: load i64, ptr %p, align 1
; CHECK: call void %f()
; CHECK: load i64, ptr %p, align 1
; CHECK: store i64 2, ptr %p
  store i64 1, ptr %p
  call void %f()
  store i64 2, ptr %p
  ret void
}
; On one way only, and in an earlier turn of a loop.
define void @one_way(ptr %p, i1 %c) {
; CHECK-LABEL: @one_way(
; CHECK: load i64, ptr %p, align 1
; CHECK: call void @waits()
; CHECK: load i64, ptr %p, align 1
; CHECK: store i64 2, ptr %p
  store i64 1, ptr %p
  br i1 %c, label %yes, label %no
yes:
  call void @waits()
  br label %no
no:
  store i64 2, ptr %p
  ret void
}
define void @turns(ptr %p, i1 %c) {
; CHECK-LABEL: @turns(
; CHECK: load i64, ptr %p, align 1
; CHECK: loop:
; CHECK: load i64, ptr %p, align 1
; CHECK: store i64 2, ptr %p
; CHECK: call void @waits()
entry:
  store i64 1, ptr %p
  br label %loop
loop:
  store i64 2, ptr %p
  call void @waits()
  br i1 %c, label %loop, label %out
out:
  ret void
}
; The record holds for the rest of the turn: nothing comes between.
define void @same_turn(ptr %p, i1 %c) {
; CHECK-LABEL: @same_turn(
; CHECK: loop:
; CHECK: load i64, ptr %p, align 1
; CHECK: store i64 2, ptr %p
; CHECK: rest:
; CHECK-NOT: load i64, ptr %p, align 1
; CHECK: ret void
entry:
  br label %loop
loop:
  store i64 2, ptr %p
  br i1 %c, label %rest, label %out
rest:
  store i64 3, ptr %p
  call void @waits()
  br label %loop
out:
  ret void
}
define void @waits() {
  call void @undo_commit()
  ret void
}
define void @by_pointer() {
  call void @waits()
  ret void
}
define void @computes() {
  ret void
}
declare void @undo_commit() convergent
