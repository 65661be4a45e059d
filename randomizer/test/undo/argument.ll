; RUN: opt -passes=undo-log<closed>
; All callers are in sight, and pass variables of their own: nothing is logged.
@llvm.used = appending global [1 x ptr] [ptr @start], section "llvm.metadata"
declare void @look(ptr)

; CHECK-LABEL: @fill(
; CHECK-NOT: @undo_log
; CHECK: ret void
define void @fill(ptr %to, i64 %x) {
  store i64 %x, ptr %to
  ret void
}

; Handed on.
; CHECK-LABEL: @twice(
; CHECK-NOT: @undo_log
; CHECK: ret void
define void @twice(ptr %to) {
  call void @fill(ptr %to, i64 1)
  %second = getelementptr i64, ptr %to, i64 1
  call void @fill(ptr %second, i64 2)
  ret void
}

define void @start() {
  %pair = alloca [2 x i64]
  call void @twice(ptr %pair)
  call void @look(ptr %pair)
  ret void
}
