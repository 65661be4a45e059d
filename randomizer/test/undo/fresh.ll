; What was allocated in the same call holds nothing that anybody needs back.
; RUN: opt -passes=undo-log -undo-log-fresh -undo-log-allocators=my_alloc
define ptr @make(i64 %n) {
; CHECK-LABEL: @make(
; CHECK-NOT: undo
; CHECK: ret ptr
  %p = call ptr @my_alloc(i64 %n)
  store i64 1, ptr %p
  %at = getelementptr i8, ptr %p, i64 %n
  store i8 1, ptr %at
  ret ptr %p
}
define ptr @other(i64 %n) {
; CHECK-LABEL: @other(
; CHECK: load i64, ptr %p, align 1
  %p = call ptr @find(i64 %n)
  store i64 1, ptr %p
  ret ptr %p
}
define ptr @committed() convergent {
; CHECK-LABEL: @committed(
; CHECK: load i64, ptr %p, align 1
  %p = call ptr @my_alloc(i64 8)
  call void @undo_commit() convergent
  store i64 1, ptr %p
  ret ptr %p
}
declare ptr @my_alloc(i64)
declare ptr @find(i64)
declare void @undo_commit() convergent
