; What may be something else than the stack is logged: a pointer from a stack slot, a choice between both.
; RUN: opt -passes=undo-log
define void @slot(ptr %p) {
; CHECK-LABEL: @slot(
; CHECK: load i32, ptr %q, align 1
; CHECK: store i32 1, ptr %q
  %s = alloca ptr
  store ptr %p, ptr %s
  %q = load ptr, ptr %s
  store i32 1, ptr %q
  ret void
}
define void @either(i1 %c, ptr %p) {
; CHECK-LABEL: @either(
; CHECK: load i32, ptr %q, align 1
; CHECK: store i32 1, ptr %q
  %s = alloca i32
  %q = select i1 %c, ptr %s, ptr %p
  store i32 1, ptr %q
  ret void
}
define void @result(ptr sret(i32) %p) {
; CHECK-LABEL: @result(
; CHECK: load i32, ptr %p, align 1
  store i32 1, ptr %p
  ret void
}
