; Memory behind a segment register has no address that the log could keep.
; RUN: opt -passes=undo-log
; CHECK: error: {{.*}}in function f {{.*}}: the undo log knows no segment registers
define void @f(ptr addrspace(257) %p) {
  store i32 1, ptr addrspace(257) %p
  ret void
}
