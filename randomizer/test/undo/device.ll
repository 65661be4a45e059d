; Memory that devices see is neither logged nor read; volatile alone is ordinary state.
; RUN: opt -passes=undo-log
define void @registers(ptr addrspace(1) %r) {
; CHECK-LABEL: @registers(
; CHECK-NOT: undo
; CHECK: ret void
  store volatile i32 1, ptr addrspace(1) %r
  ret void
}
define void @state(ptr %p) {
; CHECK-LABEL: @state(
; CHECK: load i32, ptr %p, align 1
; CHECK: store volatile i32 1, ptr %p
  store volatile i32 1, ptr %p
  ret void
}
