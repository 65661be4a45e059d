; An address that is worked out behind the first store of a group, from what was known before it, is worked out before it:
; one step of the cursor.
; RUN: opt -passes=undo-log
define void @element(ptr %p, i64 %i) {
; CHECK-LABEL: @element(
; CHECK: %twice = shl i64 %i, 1
; CHECK: %q = getelementptr i64, ptr %p, i64 %twice
; CHECK: load i64, ptr %q, align 1
; CHECK: store ptr {{.*}}, ptr @undo_log
; CHECK: store i32 1, ptr %p
; CHECK-NOT: @undo_log
; CHECK: store i64 2, ptr %q
; CHECK-NOT: @undo_log
; CHECK: ret void
  store i32 1, ptr %p
  %twice = shl i64 %i, 1
  %q = getelementptr i64, ptr %p, i64 %twice
  store i64 2, ptr %q
  ret void
}
