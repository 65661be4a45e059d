; What a record holds that was made on every way here is not logged again, whoever was called meanwhile.
; RUN: opt -passes=undo-log
define void @twice(ptr %p, i1 %c) {
; CHECK-LABEL: @twice(
; CHECK: icmp ugt
; CHECK: store i64 1, ptr %p
; CHECK-NOT: icmp ugt
; CHECK: store i16 3
  store i64 1, ptr %p
  call void @other()
  store i32 2, ptr %p
  br i1 %c, label %yes, label %no
yes:
  %part = getelementptr i8, ptr %p, i64 6
  store i16 3, ptr %part
  br label %no
no:
  ret void
}
declare void @other()
