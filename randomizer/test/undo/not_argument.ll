; RUN: opt -passes=undo-log<closed>
; One caller passes something else, or may do so unseen: logged.
@llvm.used = appending global [2 x ptr] [ptr @start, ptr @kept], section "llvm.metadata"
@state = internal global i64 0
@table = internal global ptr @taken
declare void @look(ptr)

; CHECK-LABEL: @fill(
; CHECK: @undo_log
; CHECK: ret void
define void @fill(ptr %to) {
  store i64 1, ptr %to
  ret void
}

; Called through a pointer, too.
; CHECK-LABEL: @taken(
; CHECK: @undo_log
; CHECK: ret void
define void @taken(ptr %to) {
  store i64 2, ptr %to
  ret void
}

; Called from outside.
; CHECK-LABEL: @kept(
; CHECK: @undo_log
; CHECK: ret void
define void @kept(ptr %to) {
  store i64 3, ptr %to
  ret void
}

; A pointer that was loaded may point anywhere.
; CHECK-LABEL: @loaded(
; CHECK: @undo_log
; CHECK: ret void
define void @loaded(ptr %to) {
  store i64 4, ptr %to
  ret void
}

define void @start() {
  %own = alloca i64
  %slot = alloca ptr
  call void @fill(ptr %own)
  call void @fill(ptr @state)
  call void @taken(ptr %own)
  call void @kept(ptr %own)
  call void @look(ptr %slot)
  %there = load ptr, ptr %slot
  call void @loaded(ptr %there)
  ret void
}
