; Constants without debug information (string literals, tables of switches) are not asked for any.
; CHECK-NOT: {{.*}}global{{.*}}
source_filename = "nowhere.c"
target triple = "x86_64-unknown-none-elf"
@.str = private unnamed_addr constant [2 x i8] c"x\00"
@table = private constant [1 x ptr] [ptr @.str]
define ptr @use() {
  %p = load ptr, ptr @table
  ret ptr %p
}
