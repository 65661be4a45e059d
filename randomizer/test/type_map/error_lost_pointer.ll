; Debug information and compiler contradict each other: neither is believed.
; CHECK: error: a.c:7: debug information knows no pointer at byte 8, the compiler does
source_filename = "a.c"
target triple = "x86_64-unknown-none-elf"
@pair = global { i64, ptr } zeroinitializer, !dbg !0
!llvm.dbg.cu = !{!2}
!llvm.module.flags = !{!6}
!0 = !DIGlobalVariableExpression(var: !1, expr: !DIExpression())
!1 = distinct !DIGlobalVariable(name: "pair", scope: !2, file: !3, line: 7, type: !4, isLocal: false, isDefinition: true)
!2 = distinct !DICompileUnit(language: DW_LANG_C11, file: !3, emissionKind: FullDebug, globals: !5)
!3 = !DIFile(filename: "a.c", directory: "/")
!4 = !DIBasicType(name: "__int128", size: 128, encoding: DW_ATE_signed)
!5 = !{!0}
!6 = !{i32 2, !"Debug Info Version", i32 3}
