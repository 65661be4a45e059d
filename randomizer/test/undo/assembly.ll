; Assembly that cannot write memory, writes only the stack, or is marked; marked, its memory outputs are logged.
; RUN: opt -passes=undo-log
define void @harmless() {
; CHECK-LABEL: @harmless(
; CHECK-NOT: undo_log,
; CHECK: ret void
  %l = alloca i32
  %t = call i64 asm sideeffect "rdtsc", "={ax},~{dx}"() memory(none)
  call void asm sideeffect "", "~{memory}"()
  call void asm "movl $$1, $0", "=*m"(ptr elementtype(i32) %l)
  ret void
}
define void @marked(ptr %p) {
; CHECK-LABEL: @marked(
; CHECK: load i32, ptr %p, align 1
; CHECK: call void asm
  call void asm sideeffect "# undo-log: accounted for\0A\09movl $$1, $0", "=*m,~{memory}"(ptr elementtype(i32) %p)
  ret void
}
