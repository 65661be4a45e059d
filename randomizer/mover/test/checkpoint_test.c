// SPDX-License-Identifier: MIT
// The frame of a checkpoint: whole ones are taken, all others refused, whatever is in them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "randomizer/mover/checkpoint.h"

enum { WORDS = 512, BYTES = WORDS * 8 };

static void fill(uint64_t *words)
{
    for (int i = 0; i < WORDS; i++) {
        words[i] = (uint64_t)rand() << 20 ^ (uint64_t)rand();
    }
    checkpoint_seal(words, BYTES, 7);
}

static void test_whole(void **)
{
    uint64_t *words = malloc(2 * BYTES);
    fill(words);
    assert_true(checkpoint_verify(words, BYTES));
    assert_true(checkpoint_verify(words, 2 * BYTES)); // more room than it fills
    assert_false(checkpoint_verify(words, BYTES - 8));
    free(words);
}

static void test_each_bit_counts(void **)
{
    uint64_t words[WORDS];
    fill(words);
    for (int bit = 0; bit < BYTES * 8; bit += 7) {
        words[bit / 64] ^= 1ull << bit % 64;
        assert_false(checkpoint_verify(words, BYTES));
        words[bit / 64] ^= 1ull << bit % 64;
    }
    assert_true(checkpoint_verify(words, BYTES));
    for (int i = 5; i + 1 < WORDS; i++) {
        uint64_t kept = words[i];
        words[i] = words[i + 1];
        words[i + 1] = kept;
        assert_false(checkpoint_verify(words, BYTES));
        words[i + 1] = words[i];
        words[i] = kept;
    }
}

// The sanitizers watch that nothing behind the end is read.
static void test_nonsense(void **)
{
    for (uint64_t bytes = 0; bytes < 200; bytes++) {
        for (int i = 0; i < 200; i++) {
            uint64_t *exact = malloc(bytes + 1);
            memset(exact, rand(), bytes);
            if (bytes >= sizeof(struct checkpoint_header)) {
                *(struct checkpoint_header *)exact = (struct checkpoint_header){
                    .magic = CHECKPOINT_MAGIC, .version = CHECKPOINT_VERSION,
                    .bytes = (uint64_t)rand() % 300 << rand() % 60};
            }
            assert_false(checkpoint_verify(exact, bytes));
            free(exact);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_each_bit_counts),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
