// SPDX-License-Identifier: MIT
// The look at a volume's state finds what it is there to find: each kind of damage that a move or a rollback could do.
#include "servers/fs/consistency.h"
#include "interfaces/fs.types.h"
#include "servers/fs/cache_io.h"
#include "servers/fs/dir_index.h"
#include "servers/fs/map.h"
#include "servers/fs/test/bed.h"
#include "servers/fs/test/engine.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct bed b;
static struct dir_index *root;

static int begin(void **)
{
    char path[32];
    uint64_t id;
    bed_make(&b, "", "16M");
    bed_mount(&b, 8 << 20, false);
    assert_int_equal(bed_mkdir(&b, "/d"), 0);
    for (int n = 0; n < 100; n++) {
        snprintf(path, sizeof(path), "/a-file-%d", n);
        assert_int_equal(bed_open(&b, path, FS_WRITE | FS_CREATE, &id), 0);
        assert_int_equal(bed_close(&b, id), 0);
    }
    root = inode_known(&b.v, EXT2_ROOT_INO)->dir;
    assert_non_null(root);
    return 0;
}

static int end(void **)
{
    bed_abandon(&b);
    bed_remove(&b);
    return 0;
}

static void assert_good(void)
{
    char why[128] = "";
    bool good = volume_is_consistent(&b.v, why, sizeof(why));
    assert_string_equal(why, "");
    assert_true(good);
}

static void assert_finds(const char *text)
{
    char why[128] = "";
    assert_false(volume_is_consistent(&b.v, why, sizeof(why)));
    if (!strstr(why, text)) {
        print_error("found '%s', not '%s'\n", why, text);
    }
    assert_non_null(strstr(why, text));
}

// For as long as the block runs that follows, *where holds something else.
#define WITH(where, value, text)                                                                                       \
    do {                                                                                                               \
        __auto_type kept_ = *(where);                                                                                  \
        *(where) = (value);                                                                                            \
        assert_finds(text);                                                                                            \
        *(where) = kept_;                                                                                              \
        assert_good();                                                                                                 \
    } while (0)

static struct dir_entry **full_bucket(void)
{
    struct dir_entry **at = root->buckets;
    while (!*at) {
        at++;
    }
    return at;
}

static void names(void **)
{
    struct dir_entry **bucket = full_bucket(), *e = *bucket;
    assert_good();
    WITH(bucket, e->next, "number of names");
    WITH(&e->hash, e->hash + 1, "not found in the index");
    WITH(&e->name[0], 'z', "not found in the index");
    WITH(&e->inode, e->inode + 1, "differs");
    WITH(&e->block, 1000, "beyond the end");
    WITH(&root->count, root->count - 1, "number of names");
    WITH(&b.v.dirs_last, nullptr, "list of directories");
}

static void a_name_that_only_the_block_has(void **)
{
    struct dir_entry **bucket = full_bucket(), *e = *bucket;
    *bucket = e->next;
    root->count--;
    b.v.dir_entries--;
    assert_finds("other names than the blocks");
    *bucket = e;
    root->count++;
    b.v.dir_entries++;
    assert_good();
}

static void inodes(void **)
{
    struct inode *dirty = b.v.dirty_inodes, *any = inode_known(&b.v, EXT2_ROOT_INO);
    assert_non_null(dirty);
    WITH(&any->number, any->number + 4096, "not found: inode");
    WITH(&any->map.room, any->map.count - 1, "map of inode");
    WITH(&b.v.inode_count, b.v.inode_count + 1, "number of inodes");
    WITH(&dirty->dirty, false, "changed inodes");
    WITH(&b.v.dirty_inodes, dirty->dirty_next, "changed inodes");
    WITH(&b.v.unused_first, nullptr, "unused inodes");
    WITH(&root->dir, dirty == any ? dirty->dirty_next : dirty, "another's index");
}

static void lines(void **)
{
    struct cache *c = &b.v.cache;
    struct line *l = cache_line(c, c->dirty_first);
    assert_non_null(l);
    WITH(&l->number, l->number + 1, "line");
    WITH(&l->valid, 0, "hold nothing");
    WITH(&l->in_dirty, false, "line");
    WITH(&l->place, 1u << 31, "memory of line");
    WITH(&c->dirty_blocks[CLASS_MAP], c->dirty_blocks[CLASS_MAP] + 1, "changed blocks of class");
    WITH(&c->dirty_first, 0, "list of changed lines");
    WITH(&c->unused_count, c->unused_count + 1, "list of free lines");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(a_name_that_only_the_block_has),
        cmocka_unit_test(inodes),
        cmocka_unit_test(lines),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
