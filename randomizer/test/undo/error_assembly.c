// RUN: clang -O1
// CHECK: error_assembly.c:7:5: error: inline assembly writes memory and is not marked UNDO_ASM
// CHECK: error_assembly.c:11:5: error: inline assembly writes memory and is not marked UNDO_ASM
// CHECK-NOT: error:
void stores(int *p)
{
    __asm__ volatile("movl $1, (%0)" ::"r"(p) : "memory");
}
void outputs(int *p)
{
    __asm__("movl $1, %0" : "=m"(*p));
}
void fence(void)
{
    __asm__ volatile("" ::: "memory");
}
