; Unless it is asked for, memory from malloc is logged as any other: the allocator promised nothing.
; RUN: opt -passes=undo-log
define ptr @make() {
; CHECK: load i64, ptr %p, align 1
  %p = call ptr @malloc(i64 8)
  store i64 1, ptr %p
  ret ptr %p
}
declare ptr @malloc(i64)
