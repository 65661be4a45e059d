; RUN: opt -passes=undo-log<closed>
; Called through pointers only, by calls that all pass variables of their own: nothing is logged.
@llvm.used = appending global [1 x ptr] [ptr @start], section "llvm.metadata"
@table = internal constant [2 x ptr] [ptr @first, ptr @second]
@hook = internal global ptr null

; CHECK-LABEL: define void @first(
; CHECK-NOT: @undo_log
; CHECK: ret void
define void @first(i32 %n, ptr %to) {
  store i64 1, ptr %to
  ret void
}

; Handed on.
; CHECK-LABEL: define void @second(
; CHECK-NOT: @undo_log
; CHECK: ret void
define void @second(i32 %n, ptr %to) {
  call void @fill(ptr %to)
  ret void
}

; CHECK-LABEL: define void @fill(
; CHECK-NOT: @undo_log
; CHECK: ret void
define void @fill(ptr %to) {
  store i64 2, ptr %to
  ret void
}

; CHECK-LABEL: define void @hooked(
; CHECK-NOT: @undo_log
; CHECK: ret void
define void @hooked(ptr %to, ptr %other) {
  store i64 3, ptr %to
  ret void
}

define void @start(i64 %n) {
  %own = alloca i64
  %at = getelementptr ptr, ptr @table, i64 %n
  %f = load ptr, ptr %at
  call void %f(i32 1, ptr %own)
  call void @take(ptr @hooked)
  %h = load ptr, ptr @hook
  call void %h(ptr %own, ptr @hook)
  ret void
}

define void @take(ptr %f) {
  store ptr %f, ptr @hook
  ret void
}
