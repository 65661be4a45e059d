// SPDX-License-Identifier: MIT
// The first page is the kernel's. Whatever lies there at boot may be left from anything.
#include "kernel/system/kept.h"

#define WORDS_MAGIC 0x53'44'52'4f'57'54'53'4cull // "LSTWORDS"

struct words {
    uint64_t magic, check; // magic is the last store
    char text[KEPT_WORDS];
};
static_assert(sizeof(struct words) <= PAGE_SIZE);

static struct words *words(void)
{
    return machine.kept_bytes > PAGE_SIZE ? phys_to_virt(machine.kept) : NULL;
}

static uint64_t check_of(const char text[KEPT_WORDS])
{
    uint64_t sum = WORDS_MAGIC;
    for (uint32_t i = 0; i < KEPT_WORDS; i++) {
        sum = (sum ^ (uint8_t)text[i]) * 0x100000001b3ull;
    }
    return sum;
}

void kept_say(const char *text)
{
    struct words *w = words();
    if (w == NULL) {
        return;
    }
    __atomic_store_n(&w->magic, 0, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0, end = 0; i < KEPT_WORDS; i++) {
        end = end || text[i] == 0 || i == KEPT_WORDS - 1;
        w->text[i] = end ? 0 : text[i];
    }
    w->check = check_of(w->text);
    __atomic_store_n(&w->magic, WORDS_MAGIC, __ATOMIC_SEQ_CST);
}

void kept_hear(char text[KEPT_WORDS])
{
    struct words *w = words();
    text[0] = 0;
    if (w == NULL || w->magic != WORDS_MAGIC) {
        return;
    }
    w->magic = 0;
    if (w->text[KEPT_WORDS - 1] != 0 || w->check != check_of(w->text)) {
        return;
    }
    for (uint32_t i = 0; i < KEPT_WORDS; i++) {
        char c = w->text[i];
        text[i] = c == 0 || (c >= ' ' && c <= '~') ? c : '?';
    }
}

enum status kept_memory(struct account *account, struct memory **out)
{
    if (words() == NULL) {
        return ERR_NOT_FOUND;
    }
    return memory_create_fixed(account, machine.kept + PAGE_SIZE, machine.kept_bytes - PAGE_SIZE, 0,
                               false, out);
}
