; Atomic operations are logged before they happen.
; RUN: opt -passes=undo-log
define void @atomics(ptr %p, ptr %q, ptr %r) {
; CHECK: load i32, ptr %p, align 1
; CHECK: load i64, ptr %q, align 1
; CHECK: load i16, ptr %r, align 1
; CHECK: store atomic i32
; CHECK: atomicrmw
; CHECK: cmpxchg
  store atomic i32 1, ptr %p seq_cst, align 4
  %a = atomicrmw add ptr %q, i64 1 seq_cst
  %b = cmpxchg ptr %r, i16 1, i16 2 seq_cst seq_cst
  ret void
}
