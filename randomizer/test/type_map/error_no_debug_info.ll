; CHECK: error: nowhere.c: 'lost' has no debug information: compile with -g
source_filename = "nowhere.c"
target triple = "x86_64-unknown-none-elf"
@lost = global ptr null
