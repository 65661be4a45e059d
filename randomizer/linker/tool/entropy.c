// SPDX-License-Identifier: MIT
// samsara-entropy: draws many layouts of a module and says how random the places of its objects are.
//
//   samsara-entropy MODULE LAYOUTS [KEY]
//
// One line for each placed object: section, class (x w r), bytes, log2 of its alignment, then over all layouts
//   equal    pairs of layouts in which it has the same address
//   near     pairs in which it has the same place in the window (what is left to guess once the window is known)
//   block    pairs in which it has the same place in its block of 64 KiB
//   bias     of the address bit that is worst: standard deviations that its count of ones is off what it should be
//   bit      which one that is; those in the block are not looked at, as the rules do not let them be fair
//   before   correlation of its address with that in the layout before
//   next     correlation of its place in the window with that of the next object in the file
// KEY (hexadecimal, 1 to 16 digits) chooses the seeds, so that a run can be repeated.
#include "randomizer/linker/tool/placed.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOW_BIT = 16, HIGH_BIT = 45 }; // of addresses: what is drawn for a cluster; the top bit is not quite even

struct draws {
    struct placed p;
    uint32_t layouts, sections;
    uint64_t *address; // [section][layout]
    uint64_t *window;  // [layout]
};

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t equal_pairs(uint64_t *values, uint32_t n)
{
    uint64_t pairs = 0, run = 0;
    qsort(values, n, sizeof(*values), compare);
    for (uint32_t i = 1; i < n; i++) {
        run = values[i] == values[i - 1] ? run + 1 : 0;
        pairs += run;
    }
    return pairs;
}

// Of n pairs x[i], y[i].
static double correlation(const double *x, const double *y, uint32_t n)
{
    double mx = 0, my = 0, xy = 0, xx = 0, yy = 0;
    for (uint32_t i = 0; i < n; i++) {
        mx += x[i] / n;
        my += y[i] / n;
    }
    for (uint32_t i = 0; i < n; i++) {
        xy += (x[i] - mx) * (y[i] - my);
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

// How often a bit should be set: no byte of an address is zero. The topmost has seven bits.
static double share_of_ones(int bit)
{
    return bit < 40 ? 128.0 / 255 : 64.0 / 127;
}

// The first address bit that is fair: something long does not begin shortly before a byte that is zero.
static int lowest_bit(const struct elf_section *s, int align)
{
    int low = s->size < 1 << 17 ? LOW_BIT : s->size < 1 << 25 ? 24 : 32;
    return align > low ? align : low;
}

static double worst_bias(const uint64_t *address, uint32_t n, int low, int *bit)
{
    double worst = 0;
    for (int b = low; b <= HIGH_BIT; b++) {
        uint32_t ones = 0;
        for (uint32_t i = 0; i < n; i++) {
            ones += address[i] >> b & 1;
        }
        double off = (ones - n * share_of_ones(b)) / sqrt(n / 4.0);
        if (fabs(off) > fabs(worst)) {
            worst = off;
            *bit = b;
        }
    }
    return worst;
}

static const uint64_t *row(const struct draws *d, uint32_t section)
{
    return d->address + (size_t)section * d->layouts;
}

static void print_section(const struct draws *d, uint32_t i, uint32_t next, uint64_t *work, double *x, double *y)
{
    const struct elf_section *s = &d->p.module.sections[i];
    int align = 0, bit = 0;
    uint32_t n = d->layouts;
    while (1ull << align < s->align) {
        align++;
    }
    memcpy(work, row(d, i), n * sizeof(*work));
    uint64_t equal = equal_pairs(work, n);
    for (uint32_t k = 0; k < n; k++) {
        x[k] = (double)(work[k] = row(d, i)[k] - d->window[k]);
        y[k] = (double)(row(d, next)[k] - d->window[k]);
    }
    double neighbour = correlation(x, y, n);
    uint64_t near = equal_pairs(work, n);
    for (uint32_t k = 0; k < n; k++) {
        x[k] = (double)row(d, i)[k];
    }
    for (uint32_t k = 0; k < n; k++) {
        work[k] = row(d, i)[k] % PLAN_BLOCK;
    }
    uint64_t block = equal_pairs(work, n);
    double bias = worst_bias(row(d, i), n, lowest_bit(s, align), &bit);
    printf("%s %c %lu %d equal=%lu near=%lu block=%lu bias=%.3f bit=%d before=%.5f next=%.5f\n",
           module_section_name(&d->p.module, i), s->flags & SHF_EXEC ? 'x' : s->flags & SHF_WRITE ? 'w' : 'r', s->size,
           align, equal, near, block, bias, bit, correlation(x, x + 1, n - 1), neighbour);
}

// The next loaded section of the file; the same one behind the last.
static uint32_t next_placed(const struct draws *d, uint32_t i)
{
    for (uint32_t k = i + 1; k < d->sections; k++) {
        if (module_is_loaded(&d->p.module.sections[k])) {
            return k;
        }
    }
    return i;
}

static bool draw(struct draws *d, uint64_t key)
{
    struct link_failure why;
    for (uint32_t k = 0; k < d->layouts; k++) {
        uint8_t seed[CHACHA_KEY_BYTES] = {0};
        memcpy(seed, &key, sizeof(key));
        memcpy(seed + sizeof(key), &k, sizeof(k));
        if (plan_layout(d->p.plan, &d->p.module, seed, PLAN_STACK_MIN, &why) != LINK_OK) {
            return false;
        }
        d->window[k] = d->p.plan->window;
        for (uint32_t i = 1; i < d->sections; i++) {
            d->address[(size_t)i * d->layouts + k] = d->p.plan->address[i];
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    static const uint8_t any[CHACHA_KEY_BYTES];
    struct draws d = {0};
    long layouts = argc >= 3 ? strtol(argv[2], nullptr, 0) : 0;
    if (layouts < 2 || layouts > 1000000 || argc > 4) {
        fprintf(stderr, "usage: samsara-entropy MODULE LAYOUTS [KEY]\n");
        return 2;
    }
    const char *error = placed_open(&d.p, argv[1], any);
    if (error != nullptr) {
        fprintf(stderr, "samsara-entropy: %s: %s\n", argv[1], error);
        return 1;
    }
    d.layouts = (uint32_t)layouts;
    d.sections = d.p.module.section_count;
    d.address = calloc((size_t)d.layouts * d.sections, sizeof(uint64_t));
    d.window = calloc(d.layouts, sizeof(uint64_t));
    uint64_t *work = calloc(d.layouts, sizeof(uint64_t));
    double *x = calloc(d.layouts, sizeof(double)), *y = calloc(d.layouts, sizeof(double));
    if (!d.address || !d.window || !work || !x || !y || !draw(&d, argc == 4 ? strtoull(argv[3], nullptr, 16) : 0)) {
        fprintf(stderr, "samsara-entropy: no memory, or a layout cannot be drawn\n");
        return 1;
    }
    for (uint32_t i = 1; i < d.sections; i++) {
        if (module_is_loaded(&d.p.module.sections[i]) && d.p.module.sections[i].size != 0) {
            print_section(&d, i, next_placed(&d, i), work, x, y);
        }
    }
}
