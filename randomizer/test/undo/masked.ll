; Only lanes that are on are logged, and read: the others may lie where nothing is mapped.
; RUN: opt -passes=undo-log
define void @masked(ptr %p, <2 x i64> %v, <2 x i1> %m) {
; CHECK-LABEL: @masked(
; CHECK: [[ON:%.*]] = extractelement <2 x i1> %m, i64 0
; CHECK: [[BYTES:%.*]] = select i1 [[ON]], i64 8, i64 0
; CHECK: call void @undo_range(ptr {{.*}}, i64 [[BYTES]])
; CHECK: call void @undo_range(
; CHECK: call void @llvm.masked.store
  call void @llvm.masked.store.v2i64.p0(<2 x i64> %v, ptr %p, i32 8, <2 x i1> %m)
  ret void
}
define void @scattered(<2 x ptr> %p, <2 x i64> %v, <2 x i1> %m) {
; CHECK-LABEL: @scattered(
; CHECK: [[TO:%.*]] = extractelement <2 x ptr> %p, i64 0
; CHECK: call void @undo_range(ptr [[TO]],
; CHECK: call void @undo_range(
; CHECK: call void @llvm.masked.scatter
  call void @llvm.masked.scatter.v2i64.v2p0(<2 x i64> %v, <2 x ptr> %p, i32 8, <2 x i1> %m)
  ret void
}
define void @compressed(ptr %p, <4 x i32> %v, <4 x i1> %m) {
; CHECK-LABEL: @compressed(
; CHECK: ctpop
; CHECK: mul i64 {{.*}}, 4
; CHECK: call void @undo_range(ptr %p,
  call void @llvm.masked.compressstore.v4i32(<4 x i32> %v, ptr %p, <4 x i1> %m)
  ret void
}
declare void @llvm.masked.store.v2i64.p0(<2 x i64>, ptr, i32, <2 x i1>)
declare void @llvm.masked.scatter.v2i64.v2p0(<2 x i64>, <2 x ptr>, i32, <2 x i1>)
declare void @llvm.masked.compressstore.v4i32(<4 x i32>, ptr, <4 x i1>)
