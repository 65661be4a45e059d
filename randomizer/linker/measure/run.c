// SPDX-License-Identifier: MIT
// Links modules of a code-model comparison into this process at random places and runs their work.
//   run time SMALL-MODULE LARGE-MODULE EXT4-IMAGE   times of all works and sizes, side by side
//   run once MODULE WORK EXT4-IMAGE                 one work, once: its instructions are those of
//                                                   counted_run(), for callgrind to count
#include "randomizer/linker/measure/work.h"
#include "randomizer/linker/symbolise.h"
#include "randomizer/linker/tool/placed.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { LAYOUTS = 9, REPEATS = 7, MODELS = 2 };

static const char *const work_names[] = {"work_calls", "work_interpreter", "work_sort",
                                         "work_text",  "work_hash",        "work_ext2"};
enum { WORKS = sizeof(work_names) / sizeof(work_names[0]) };

struct outcome {
    uint64_t checksum;
    double ns[LAYOUTS]; // best of the repeats, for each layout
};

static uint8_t *image, *image_copy;
static size_t image_bytes;

[[noreturn]] static void die(const char *what)
{
    fprintf(stderr, "run: %s\n", what);
    exit(1);
}

static void read_image(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == nullptr || fseek(f, 0, SEEK_END) != 0) {
        die("cannot read the image");
    }
    image_bytes = (size_t)ftell(f);
    image = malloc(image_bytes);
    image_copy = malloc(image_bytes);
    rewind(f);
    if (fread(image, 1, image_bytes, f) != image_bytes) {
        die("cannot read the image");
    }
    fclose(f);
}

static bool map_all(const struct placed *p)
{
    for (uint32_t i = 0; i < p->plan->cluster_count; i++) {
        const struct cluster *c = &p->plan->clusters[i];
        void *at = mmap((void *)c->address, c->bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (at != (void *)c->address) {
            return false;
        }
        if (c->class != CLASS_ZERO) {
            memcpy(at, p->image + c->offset, c->bytes);
        }
        if (c->class == CLASS_TEXT) {
            mprotect(at, c->bytes, PROT_READ | PROT_EXEC);
        }
    }
    return true;
}

static void *find(const struct placed *p, const char *name)
{
    uint64_t address = symbol_address(&p->module, p->record, p->record_bytes, name);
    if (address == 0) {
        die(name);
    }
    return (void *)address;
}

typedef uint64_t work_function(void);

static void prepare(const struct placed *p)
{
    memcpy(image_copy, image, image_bytes);
    *(uint8_t **)find(p, "work_image") = image_copy;
    *(size_t *)find(p, "work_image_bytes") = image_bytes;
    ((void (*)(void))find(p, "work_heap_reset"))();
}

// Has a name that can be given to callgrind.
[[gnu::noinline]] uint64_t counted_run(work_function *work)
{
    return work();
}

static double best_time(const struct placed *p, work_function *work, uint64_t *checksum)
{
    double best = 1e18;
    for (int i = 0; i < REPEATS; i++) {
        struct timespec from, to;
        prepare(p);
        clock_gettime(CLOCK_MONOTONIC, &from);
        *checksum = work();
        clock_gettime(CLOCK_MONOTONIC, &to);
        double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
        best = ns < best ? ns : best;
    }
    return best;
}

static struct placed place(const char *path, uint64_t number)
{
    uint8_t seed[CHACHA_KEY_BYTES] = {0};
    struct placed p;
    memcpy(seed, &number, sizeof(number));
    const char *error = placed_open(&p, path, seed);
    if (error != nullptr) {
        die(error);
    }
    if (!map_all(&p)) {
        die("a planned place is taken; try again");
    }
    return p;
}

static void time_layout(const char *path, int layout, struct outcome *outcomes)
{
    struct placed p = place(path, 1000 + (uint64_t)layout);
    for (int w = 0; w < WORKS; w++) {
        uint64_t checksum;
        outcomes[w].ns[layout] = best_time(&p, find(&p, work_names[w]), &checksum);
        if (layout == 0) {
            outcomes[w].checksum = checksum;
        } else if (checksum != outcomes[w].checksum) {
            die("another layout, another result");
        }
    }
    for (uint32_t i = 0; i < p.plan->cluster_count; i++) {
        munmap((void *)p.plan->clusters[i].address, p.plan->clusters[i].bytes);
    }
}

static int by_size(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static double median(double *x)
{
    qsort(x, LAYOUTS, sizeof(*x), by_size);
    return x[LAYOUTS / 2];
}

struct sizes {
    uint64_t text, rodata, data, relocations, sections, file;
};

static struct sizes sizes_of(const char *path)
{
    struct sizes s = {0};
    struct placed p;
    uint8_t seed[CHACHA_KEY_BYTES] = {0};
    if (placed_open(&p, path, seed) != nullptr) {
        die(path);
    }
    s.file = p.size;
    for (uint32_t i = 1; i < p.module.section_count; i++) {
        const struct elf_section *h = &p.module.sections[i];
        if (module_is_loaded(h)) {
            *(h->flags & SHF_EXEC ? &s.text : h->flags & SHF_WRITE ? &s.data : &s.rodata) +=
                h->type == SHT_NOBITS ? 0 : h->size;
            s.sections++;
        } else if (module_is_relocation(&p.module, h)) {
            s.relocations += h->size / sizeof(struct elf_rela);
        }
    }
    return s;
}

static void print_size(const char *what, uint64_t small, uint64_t large)
{
    printf("| %-18s | %11lu | %11lu | %+6.1f %% |\n", what, small, large,
           100.0 * ((double)large - (double)small) / (double)small);
}

static int run_once(const char *module, const char *work)
{
    struct placed p = place(module, 1000);
    prepare(&p);
    printf("%016lx\n", counted_run(find(&p, work)));
    return 0;
}

static int compare_times(char **modules)
{
    static struct outcome outcomes[MODELS][WORKS];
    for (int layout = 0; layout < LAYOUTS;
         layout++) { // in turn, so that a busy host troubles both alike
        for (int model = 0; model < MODELS; model++) {
            time_layout(modules[model], layout, outcomes[model]);
        }
    }
    printf("| nanoseconds        |       small |       large |          |\n|---|---:|---:|---:|\n");
    for (int w = 0; w < WORKS; w++) {
        if (outcomes[0][w].checksum != outcomes[1][w].checksum) {
            die("the code models disagree on a result");
        }
        print_size(work_names[w] + 5, (uint64_t)median(outcomes[0][w].ns),
                   (uint64_t)median(outcomes[1][w].ns));
    }
    struct sizes a = sizes_of(modules[0]), b = sizes_of(modules[1]);
    printf(
        "\n| size               |       small |       large |          |\n|---|---:|---:|---:|\n");
    print_size("code bytes", a.text, b.text);
    print_size("read-only bytes", a.rodata, b.rodata);
    print_size("data bytes", a.data, b.data);
    print_size("sections", a.sections, b.sections);
    print_size("relocations", a.relocations, b.relocations);
    print_size("module file", a.file, b.file);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        die("four arguments, see the head of run.c");
    }
    read_image(argv[4]);
    return strcmp(argv[1], "once") == 0 ? run_once(argv[2], argv[3]) : compare_times(argv + 2);
}
