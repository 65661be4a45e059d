; Who calls memcpy through a pointer finds a function that logs by itself.
; RUN: opt -passes=undo-log
; CHECK: @copier = global ptr @undo_memcpy
@copier = global ptr @memcpy
define ptr @choose() {
; CHECK: ret ptr @undo_memset
  ret ptr @memset
}
declare ptr @memcpy(ptr, ptr, i64)
declare ptr @memset(ptr, i32, i64)
