// SPDX-License-Identifier: MIT
#include "randomizer/linker/test/host.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
// cmocka wants the above first
#include <cmocka.h>

struct file file_read(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == nullptr || fseek(f, 0, SEEK_END) != 0) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    long size = ftell(f);
    struct file file = {malloc((size_t)size), (size_t)size};
    rewind(f);
    if (fread(file.bytes, 1, file.size, f) != file.size) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    fclose(f);
    return file;
}

struct plan *plan_new(const struct module *m)
{
    struct plan *p = malloc(sizeof(*p));
    memset(p, 0xee, sizeof(*p)); // the planner must not need it cleared
    p->address = calloc(plan_entries(m), sizeof(uint64_t));
    p->image = calloc(plan_entries(m), sizeof(uint64_t));
    p->order = calloc(plan_entries(m), sizeof(uint32_t));
    return p;
}

void plan_delete(struct plan *p)
{
    free(p->address);
    free(p->image);
    free(p->order);
    free(p);
}

struct recipe *recipe_new(const struct module *m)
{
    struct link_failure why;
    struct recipe *draft = malloc(recipe_room(m)); // with exactly that size, for the sanitizer
    if (recipe_make(draft, m, &why) != LINK_OK) {
        free(draft);
        return nullptr;
    }
    struct recipe *r = malloc(draft->bytes);
    recipe_write_out(r, draft);
    free(draft);
    return r;
}

void seed_from(uint8_t seed[CHACHA_KEY_BYTES], uint64_t number)
{
    memset(seed, 0, CHACHA_KEY_BYTES);
    memcpy(seed, &number, sizeof(number));
}

static int host_prot(enum plan_class class)
{
    return class == CLASS_TEXT     ? PROT_READ | PROT_EXEC
           : class == CLASS_RODATA ? PROT_READ
                                   : PROT_READ | PROT_WRITE;
}

static bool map_cluster(const struct cluster *c, const uint8_t *image)
{
    void *want = (void *)c->address;
    void *got = mmap(want, c->bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != want) {
        return false;
    }
    if (c->class != CLASS_ZERO) {
        memcpy(want, image + c->offset, c->bytes);
    }
    assert_int_equal(mprotect(want, c->bytes, host_prot(c->class)), 0);
    return true;
}

static void unmap_clusters(const struct plan *p, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        munmap((void *)p->clusters[i].address, p->clusters[i].bytes);
    }
}

// Whoever follows the recipe gets the same plan and the same image.
static void check_recipe(const struct body *b, const uint8_t *seed, const uint8_t *image)
{
    struct link_failure why;
    struct module m;
    struct recipe *r = recipe_new(&b->module);
    assert_non_null(r);
    assert_true(recipe_fits(r, r->bytes, b->file.size));
    recipe_open(r, b->file.bytes, &m);
    assert_memory_equal(&m, &b->module, sizeof(m));
    struct plan *p = plan_new(&m);
    struct plan_objects objects = recipe_objects(r);
    assert_int_equal(plan_again(p, &objects, seed, 64 << 10, &why), LINK_OK);
    assert_memory_equal(p->address, b->plan->address, plan_entries(&m) * sizeof(uint64_t));
    assert_int_equal(p->entry, b->plan->entry);
    assert_int_equal(p->stack_start, b->plan->stack_start);
    assert_int_equal(p->image_bytes, b->plan->image_bytes);
    uint8_t *other = calloc(1, p->image_bytes);
    copy_again(r, &m, p, other);
    assert_int_equal(relocate_again(r, &m, p, other, &why), LINK_OK);
    assert_memory_equal(other, image, p->image_bytes);
    free(other);
    plan_delete(p);
    free(r);
}

bool body_make(struct body *b, const char *path, uint64_t seed_number)
{
    struct link_failure why;
    uint8_t seed[CHACHA_KEY_BYTES];
    seed_from(seed, seed_number);
    b->file = file_read(path);
    assert_int_equal(module_open(&b->module, b->file.bytes, b->file.size, &why), LINK_OK);
    b->plan = plan_new(&b->module);
    assert_int_equal(plan_layout(b->plan, &b->module, seed, 64 << 10, &why), LINK_OK);
    uint8_t *image = calloc(1, b->plan->image_bytes);
    copy_sections(&b->module, b->plan, image);
    uint64_t *values = calloc(b->module.symbol_count, sizeof(*values));
    assert_int_equal(relocate(&b->module, b->plan, image, values, &why), LINK_OK);
    free(values);
    check_recipe(b, seed, image);
    uint32_t i = 0;
    while (i < b->plan->cluster_count && map_cluster(&b->plan->clusters[i], image)) {
        i++;
    }
    free(image);
    if (i < b->plan->cluster_count) {
        unmap_clusters(b->plan, i);
        plan_delete(b->plan);
        free(b->file.bytes);
        return false;
    }
    return true;
}

void body_drop(struct body *b)
{
    unmap_clusters(b->plan, b->plan->cluster_count);
    plan_delete(b->plan);
    free(b->file.bytes);
}
