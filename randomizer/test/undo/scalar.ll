; The old bytes go to the log at their exact size before the store; the cursor steps over them in between.
; RUN: opt -passes=undo-log
define void @one(ptr %p, i32 %v) {
; CHECK-LABEL: @one(
; CHECK: [[CURSOR:%.*]] = load ptr, ptr @undo_log
; CHECK: [[LIMIT:%.*]] = load ptr, ptr getelementptr (i8, ptr @undo_log, i64 8)
; CHECK: icmp ugt ptr [[CURSOR]], [[LIMIT]]
; CHECK: call preserve_mostcc ptr @undo_full()
; CHECK: [[OLD:%.*]] = load i32, ptr %p, align 1
; CHECK: zext i32 [[OLD]] to i64
; CHECK: store ptr %p, ptr {{.*}}, align 8
; CHECK: store i8 4, ptr {{.*}}, align 1
; CHECK: fence syncscope("singlethread") release
; CHECK-NEXT: getelementptr i8, ptr {{.*}}, i64 16
; CHECK-NEXT: store ptr {{.*}}, ptr @undo_log
; CHECK-NEXT: fence syncscope("singlethread") release
; CHECK-NEXT: store i32 %v, ptr %p
  store i32 %v, ptr %p
  ret void
}
define void @eight(ptr %p, i64 %v) {
; CHECK-LABEL: @eight(
; CHECK-NOT: store i8
; CHECK: load i64, ptr %p, align 1
; CHECK-NOT: store i8
; CHECK: store i64 %v, ptr %p
  store i64 %v, ptr %p
  ret void
}
