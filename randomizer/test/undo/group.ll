; Stores between two calls share one comparison with the limit; neighbours share a record.
; RUN: opt -passes=undo-log
define void @fields(ptr %p, ptr %q) {
; CHECK-LABEL: @fields(
; CHECK: icmp ugt
; CHECK-NOT: icmp ugt
; CHECK: load i64, ptr %p, align 1
; CHECK: load i8, ptr %q, align 1
; CHECK: store ptr {{.*}}, ptr @undo_log
; CHECK: store i32 1, ptr %p
; CHECK: store i8 3, ptr %q
; CHECK: store i32 2, ptr %next
; CHECK: call void @other
  store i32 1, ptr %p
  store i8 3, ptr %q
  %next = getelementptr i8, ptr %p, i64 4
  store i32 2, ptr %next
  call void @other()
; CHECK: icmp ugt
; CHECK: store i32 4, ptr %far
  %far = getelementptr i8, ptr %p, i64 8
  store i32 4, ptr %far
  ret void
}
declare void @other()
