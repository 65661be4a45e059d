; RUN: opt -passes=undo-log<closed>
; A call through a pointer passes something else, or is made where nobody sees it: logged.
@llvm.used = appending global [2 x ptr] [ptr @start, ptr @used], section "llvm.metadata"
@state = internal global i64 0
@table = internal constant [5 x ptr] [ptr @first, ptr @used, ptr @number, ptr @given, ptr @never]
declare void @outside(ptr)

; The second call of such a type.
; CHECK-LABEL: @first(
; CHECK: @undo_log
; CHECK: ret void
define void @first(i32 %n, ptr %to) {
  store i64 1, ptr %to
  ret void
}

; CHECK-LABEL: @used(
; CHECK: @undo_log
; CHECK: ret void
define void @used(i16 %n, ptr %to) {
  store i64 2, ptr %to
  ret void
}

; A number is made of its address.
; CHECK-LABEL: @number(
; CHECK: @undo_log
; CHECK: ret void
define void @number(i16 %n, ptr %to) {
  store i64 3, ptr %to
  ret void
}

; Its address is given to what is not here.
; CHECK-LABEL: @given(
; CHECK: @undo_log
; CHECK: ret void
define void @given(i16 %n, ptr %to) {
  store i64 4, ptr %to
  ret void
}

; No call has such arguments.
; CHECK-LABEL: @never(
; CHECK: @undo_log
; CHECK: ret void
define void @never(i8 %n, ptr %to) {
  store i64 5, ptr %to
  ret void
}

define i64 @start(i64 %n) {
  %own = alloca i64
  %at = getelementptr ptr, ptr @table, i64 %n
  %f = load ptr, ptr %at
  call void %f(i32 1, ptr %own)
  call void %f(i32 1, ptr @state)
  call void %f(i16 1, ptr %own)
  call void @outside(ptr @given)
  %bits = ptrtoint ptr @number to i64
  ret i64 %bits
}
