; Where only one way leads from one group to the next and nothing between them logs, the second goes on with the cursor of the
; first, and its room was looked for already.
; RUN: opt -passes=undo-log
define void @branch(ptr %p, ptr %q, i1 %c) {
; CHECK-LABEL: @branch(
; CHECK: icmp ugt
; CHECK: store i64 1, ptr %p
; CHECK: yes:
; CHECK-NOT: load ptr, ptr @undo_log
; CHECK-NOT: icmp ugt
; CHECK: load i64, ptr %q, align 1
; CHECK: store ptr {{.*}}, ptr @undo_log
; CHECK: store i64 2, ptr %q
; CHECK: ret void
  store i64 1, ptr %p
  br i1 %c, label %yes, label %no
yes:
  store i64 2, ptr %q
  br label %no
no:
  ret void
}
define void @pointer_from_memory(ptr %p) {
; CHECK-LABEL: @pointer_from_memory(
; CHECK: icmp ugt
; CHECK-NOT: icmp ugt
; CHECK: store i64 2, ptr %q
; CHECK: ret void
  store i64 1, ptr %p
  %q = load ptr, ptr %p
  store i64 2, ptr %q
  ret void
}
