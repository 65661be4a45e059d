// SPDX-License-Identifier: MIT
// Directory records that a broken or hostile fs might send, and good ones.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the four first ones before it
#include <cmocka.h>

#include "apps/lib/files.h"

// What the fake service answers: one buffer after the other, then the end.
static struct {
    char answer[3][600];
    uint32_t bytes[3];
    int count, at;
    struct outcome open, close;
    int opened;
} t;

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    return 0;
}

struct outcome files_open(struct file *f, const char *path, uint32_t flags, uint32_t mode)
{
    (void)path, (void)mode;
    assert_int_equal(flags, FS_READ | FS_DIRECTORY);
    *f = (struct file){0};
    t.opened += !failed(t.open);
    return t.open;
}

struct outcome files_close(struct file *f)
{
    (void)f;
    t.opened--;
    return t.close;
}

struct outcome files_read_entries(struct file *f, uint64_t *cursor, void *to, size_t size, uint32_t *bytes)
{
    (void)f, (void)cursor;
    *bytes = 0;
    if (t.at < t.count) {
        assert_true(size >= sizeof(t.answer[0]));
        *bytes = t.bytes[t.at];
        memcpy(to, t.answer[t.at], sizeof(t.answer[0]));
        t.at++;
    }
    return OUTCOME_OK;
}

// Adds a record to the last answer.
static void record(const char *name, uint8_t name_bytes, uint16_t record_bytes)
{
    struct fs_entry e = {.inode = 5, .record_bytes = record_bytes, .kind = FS_FILE, .name_bytes = name_bytes};
    char *to = t.answer[t.count - 1] + t.bytes[t.count - 1];
    memcpy(to, &e, sizeof(e));
    memcpy(to + sizeof(e), name, strlen(name));
    t.bytes[t.count - 1] += record_bytes;
}

static void good_records(void **state)
{
    (void)state;
    struct listing list;
    t.count = 1;
    record(".", 1, 24);
    record("zebra", 5, 24);
    record("..", 2, 24);
    record("apple", 5, 24);
    t.count = 2;
    record("..a", 3, 24);
    record("middle-of-it", 12, 32);
    assert_int_equal(files_list("/", &list).status, OK);
    assert_int_equal(list.count, 4);
    static const char *const names[] = {"..a", "apple", "middle-of-it", "zebra"};
    for (int i = 0; i < 4; i++) {
        assert_string_equal(list.names[i].name, names[i]);
    }
    assert_int_equal(t.opened, 0);
    files_free_listing(&list);
}

static void refused(void)
{
    struct listing list;
    t.at = 0;
    assert_int_equal(files_list("/", &list).status, ERR_PROTOCOL);
    assert_int_equal(list.count, 0);
    assert_int_equal(t.opened, 0);
}

static void bad_records(void **state)
{
    (void)state;
    t.count = 1;
    record("good", 4, 24);
    uint32_t good = t.bytes[0];
    record("", 0, 0); // would never end
    t.bytes[0] = good + 24;
    refused();
    t.bytes[0] = good;
    record("ab", 2, 17); // shorter than its name
    refused();
    t.bytes[0] = good;
    record("abcdef", 6, 200); // longer than the answer
    t.bytes[0] = good + 24;
    refused();
    t.bytes[0] = good + 10; // not even a header
    refused();
    t.bytes[0] = 1u << 20; // more than was asked for
    refused();
}

static void errors_pass_through(void **state)
{
    (void)state;
    struct listing list;
    t.open = (struct outcome){ERR_ERRNO, 2};
    assert_int_equal(files_list("/", &list).err, 2);
    t.open = OUTCOME_OK;
    t.close = (struct outcome){ERR_RESTARTED, 0};
    t.count = 1;
    record("a", 1, 24);
    assert_int_equal(files_list("/", &list).status, ERR_RESTARTED);
    assert_int_equal(list.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(good_records, setup),
        cmocka_unit_test_setup(bad_records, setup),
        cmocka_unit_test_setup(errors_pass_through, setup),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
