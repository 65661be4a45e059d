// SPDX-License-Identifier: MIT
// libext2fs at work on a volume in memory, each operation a transaction. With a seed, operations are
// undone from random points (an access to the disk, or any instruction at all) and repeated; what is
// left must be the same to the byte as without. Compiled without the pass.
//   volume_test IMAGE RESULT FILES [SEED [exact]]
// exact: after each rollback, compare heap and image with what they were before.
#include "lib/rt/undo_log.h"
#include "randomizer/test/undo/volume.h"
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

enum { LOG_BYTES = 8 << 20, STACK_BYTES = 16 << 20, IO_EVERY = 25, TICK_US = 400 };

uint8_t *volume_image;
size_t volume_image_bytes;

static uint8_t *image_before, *heap_before;
static uint32_t seed;
static bool exact;
static sigjmp_buf stopped;
static uint64_t by_io, by_instruction;

static uint32_t below(uint32_t limit)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * limit >> 32);
}

[[noreturn]] static void die(const char *what, long code)
{
    fprintf(stderr, "volume_test: %s (%ld)\n", what, code);
    exit(1);
}

const uint8_t *volume_content(uint32_t number)
{
    static uint8_t content[VOLUME_FILE_MAX + 1024];
    static bool made;
    for (uint32_t n = 0; !made && n < sizeof(content); n++) {
        content[n] = (uint8_t)(n * 31 + (n >> 8));
    }
    made = true;
    return content + number % 1024;
}

void volume_io(void)
{
    if (seed && below(IO_EVERY) == 0) {
        by_io++;
        siglongjmp(stopped, 1);
    }
}

static void on_tick(int signal)
{
    (void)signal;
    by_instruction++;
    siglongjmp(stopped, 1);
}

static void tick(uint32_t us)
{
    struct itimerval when = {.it_value.tv_usec = us};
    setitimer(ITIMER_REAL, &when, nullptr);
}

static void undo(void)
{
    if (undo_rollback() != UNDO_DONE) {
        die("the log overflowed", 0);
    }
    if (exact && memcmp(volume_image, image_before, volume_image_bytes)) {
        die("the image differs after a rollback", 0);
    }
    if (exact && memcmp(volume_heap, heap_before, VOLUME_HEAP_BYTES)) {
        die("the heap differs after a rollback", 0);
    }
}

static long step(int what, uint32_t number, uint32_t bytes)
{
    switch (what) {
    case 0: return volume_open();
    case 1: return volume_create(number, bytes);
    case 2: return volume_read(number, bytes);
    case 3: return volume_remove(number);
    default: return volume_flush();
    }
}

static void commit(void)
{
    volume_heap_commit();
    undo_commit();
}

static void transaction(int what, uint32_t number, uint32_t bytes)
{
    if (exact) {
        memcpy(image_before, volume_image, volume_image_bytes);
        memcpy(heap_before, volume_heap, VOLUME_HEAP_BYTES);
    }
    if (seed && sigsetjmp(stopped, 1)) {
        tick(0);
        undo();
    }
    if (seed && below(4) == 0) {
        tick(1 + below(TICK_US));
    }
    long error = step(what, number, bytes);
    tick(0);
    if (error) {
        die("an operation failed", error);
    }
    commit();
}

static uint32_t size_of(uint32_t number)
{
    return number * 977 % VOLUME_FILE_MAX;
}

// What callgrind counts.
__attribute__((noinline)) void volume_work(uint32_t files)
{
    for (uint32_t n = 1; n <= files; n++) {
        transaction(1, n, size_of(n));
    }
    for (uint32_t n = 1; n <= files; n += 2) {
        transaction(3, n, 0);
    }
    for (uint32_t n = 2; n <= files; n += 2) {
        transaction(2, n, size_of(n));
    }
    transaction(4, 0, 0);
}

static void read_image(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END)) {
        die("cannot read the image", 0);
    }
    volume_image_bytes = (size_t)ftell(f);
    volume_image = malloc(volume_image_bytes);
    image_before = malloc(volume_image_bytes);
    heap_before = malloc(VOLUME_HEAP_BYTES);
    rewind(f);
    if (fread(volume_image, 1, volume_image_bytes, f) != volume_image_bytes) {
        die("cannot read the image", 0);
    }
    fclose(f);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        die("usage: volume_test IMAGE RESULT FILES [SEED [exact]]", 2);
    }
    read_image(argv[1]);
    seed = argc > 4 ? (uint32_t)atoi(argv[4]) : 0;
    exact = argc > 5;
    uint8_t here;
    uintptr_t high = ((uintptr_t)&here | 0xfffff) + 1;
    void *log = mmap(nullptr, LOG_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    undo_init(log, LOG_BYTES, high - STACK_BYTES, high, nullptr);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_tick}, nullptr);
    transaction(0, 0, 0);
    volume_work((uint32_t)atoi(argv[3]));
    FILE *out = fopen(argv[2], "wb");
    if (!out || fwrite(volume_image, 1, volume_image_bytes, out) != volume_image_bytes ||
        fclose(out)) {
        die("cannot write the result", 0);
    }
    printf("%llu commits, undone: %llu at the disk, %llu anywhere; longest log %llu bytes\n",
           (unsigned long long)undo_log.commits, (unsigned long long)by_io,
           (unsigned long long)by_instruction, (unsigned long long)undo_log.largest);
    return 0;
}
