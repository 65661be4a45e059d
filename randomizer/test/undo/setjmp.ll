; The C library's setjmp is assembly: what it keeps in a jmp_buf outside the stack is logged where it is called.
; RUN: opt -passes=undo-log
define i32 @outside(ptr %p) {
; CHECK-LABEL: @outside(
; CHECK: memcpy.inline{{.*}} i64 64,
; CHECK: call i32 @setjmp(
  %r = call i32 @setjmp(ptr %p) returns_twice
  ret i32 %r
}
define i32 @own() {
; CHECK-LABEL: @own(
; CHECK-NOT: memcpy
; CHECK: call i32 @_setjmp(
  %b = alloca [200 x i8]
  %r = call i32 @_setjmp(ptr %b) returns_twice
  ret i32 %r
}
declare i32 @setjmp(ptr) returns_twice
declare i32 @_setjmp(ptr) returns_twice
