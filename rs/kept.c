// SPDX-License-Identifier: MIT
#include "rs/kept.h"
#include "rs/record.h"
#include <stdatomic.h>
#include <string.h>

#define KEPT_MAGIC 0x3154504b41534d53ull // "SMSAKPT1"

enum { EVENTS = 128, DEATHS = 20, LETTERS = 16 };

struct head {
    uint64_t magic;
    uint64_t salt;
    uint32_t boot;
    uint32_t bank_bytes; // with the sizes below, instead of a version that somebody forgets to change
    uint32_t bytes[KEPT_KINDS], room[KEPT_KINDS];
    uint64_t check; // over all of the above
};

struct event_slot {
    uint64_t check;
    struct rs_event entry;
};
struct death_slot {
    uint64_t check;
    struct rs_death entry;
};
struct letter_slot {
    uint64_t check;
    struct rs_letter entry;
};

struct kept_bank {
    struct head head;
    uint64_t why_check;
    char why[KEPT_WHY_BYTES];
    struct event_slot events[EVENTS];
    struct death_slot deaths[DEATHS];
    struct letter_slot letters[LETTERS];
};
// What the kernel sets aside, without its own page; see kernel/arch/x86_64/kept_place.h.
static_assert(KEPT_BANKS * sizeof(struct kept_bank) <= 508 << 10);

static const struct kind {
    size_t start, bytes, room; // in the bank; of an entry; in slots
} kinds[KEPT_KINDS] = {
    [KEPT_EVENTS] = {offsetof(struct kept_bank, events), sizeof(struct rs_event), EVENTS},
    [KEPT_DEATHS] = {offsetof(struct kept_bank, deaths), sizeof(struct rs_death), DEATHS},
    [KEPT_LETTERS] = {offsetof(struct kept_bank, letters), sizeof(struct rs_letter), LETTERS},
};

// Every kind of entry begins with its number, and is as long as so many words.
static_assert(offsetof(struct rs_event, sequence) == 0 && sizeof(struct rs_event) % 8 == 0);
static_assert(offsetof(struct rs_death, sequence) == 0 && sizeof(struct rs_death) % 8 == 0);
static_assert(offsetof(struct rs_letter, sequence) == 0 && sizeof(struct rs_letter) % 8 == 0);
static_assert(offsetof(struct event_slot, entry) == 8 && offsetof(struct death_slot, entry) == 8);
static_assert(sizeof(struct event_slot) == 8 + sizeof(struct rs_event));
static_assert(offsetof(struct head, check) % 8 == 0 && KEPT_WHY_BYTES % 8 == 0);

// Against accidents, not against somebody who can write into this memory: that is the supervisor.
// Every step can be undone, so that no two contents that differ in one word have the same sum.
static uint64_t check_of(uint64_t salt, const void *content, size_t bytes)
{
    typedef uint64_t word __attribute__((may_alias, aligned(1))); // memcpy would be a call for each
    const word *at = content;
    uint64_t sum = salt ^ KEPT_MAGIC ^ bytes;
    for (size_t i = 0; i < bytes / sizeof(word); i++) {
        sum = (sum ^ at[i]) * 0x9e3779b97f4a7c15ull;
        sum ^= sum >> 29;
    }
    return sum;
}

// The check is wrong while the content is not whole. The machine may stop at any instruction.
static void write_checked(uint64_t *check, uint64_t salt, void *to, const void *from, size_t bytes)
{
    uint64_t sum = check_of(salt, from, bytes);
    *(volatile uint64_t *)check = ~sum;
    atomic_signal_fence(memory_order_seq_cst);
    memcpy(to, from, bytes);
    atomic_signal_fence(memory_order_seq_cst);
    *(volatile uint64_t *)check = sum;
}

// ---- Banks ----

static struct head head_of(uint32_t boot, uint64_t salt)
{
    struct head h = {.magic = KEPT_MAGIC, .salt = salt, .boot = boot,
                     .bank_bytes = sizeof(struct kept_bank)};
    for (int i = 0; i < KEPT_KINDS; i++) {
        h.bytes[i] = (uint32_t)kinds[i].bytes;
        h.room[i] = (uint32_t)kinds[i].room;
    }
    h.check = check_of(salt, &h, offsetof(struct head, check));
    return h;
}

// A head is good if it is what we would have written. It is copied first: it is looked at once.
static bool head_good(const struct kept_bank *bank, struct head *h)
{
    memcpy(h, &bank->head, sizeof(*h));
    struct head ours = head_of(h->boot, h->salt);
    return h->boot != 0 && memcmp(h, &ours, sizeof(*h)) == 0;
}

static uint32_t boot_of(const struct kept_bank *bank)
{
    struct head h;
    return head_good(bank, &h) ? h.boot : 0;
}

static struct kept_bank *newest(struct kept_bank *banks)
{
    struct kept_bank *best = &banks[0];
    for (uint32_t i = 1; i < KEPT_BANKS; i++) {
        best = boot_of(&banks[i]) > boot_of(best) ? &banks[i] : best;
    }
    return best;
}

// One that is not good is the oldest of all.
static struct kept_bank *oldest(struct kept_bank *banks)
{
    struct kept_bank *best = &banks[0];
    for (uint32_t i = 1; i < KEPT_BANKS; i++) {
        best = boot_of(&banks[i]) < boot_of(best) ? &banks[i] : best;
    }
    return best;
}

static bool fits(const void *memory, size_t bytes)
{
    return memory != nullptr && (uintptr_t)memory % 8 == 0 &&
           bytes >= KEPT_BANKS * sizeof(struct kept_bank);
}

bool kept_begin(struct kept *k, void *memory, size_t bytes, uint64_t salt)
{
    *k = (struct kept){.banks = nullptr};
    if (!fits(memory, bytes)) {
        return false;
    }
    struct kept_bank *banks = memory;
    uint32_t before = boot_of(newest(banks));
    before = before < UINT32_MAX ? before : 0;
    *k = (struct kept){.banks = banks, .bank = oldest(banks), .boot = before + 1};
    struct head h = head_of(k->boot, salt);
    k->bank->head.magic = 0; // it is nobody's until it is this boot's
    atomic_signal_fence(memory_order_seq_cst);
    memcpy((char *)&k->bank->head + sizeof(h.magic), (char *)&h + sizeof(h.magic),
           sizeof(h) - sizeof(h.magic));
    atomic_signal_fence(memory_order_seq_cst);
    *(volatile uint64_t *)&k->bank->head.magic = h.magic;
    return true;
}

bool kept_join(struct kept *k, void *memory, size_t bytes)
{
    *k = (struct kept){.banks = nullptr};
    uint32_t boot = fits(memory, bytes) ? boot_of(newest(memory)) : 0;
    if (boot != 0) {
        *k = (struct kept){.banks = memory, .bank = newest(memory), .boot = boot};
    }
    return boot != 0;
}

// ---- Writing ----

static uint64_t *slot_of(const struct kept_bank *bank, enum kept_kind kind, uint64_t index)
{
    const struct kind *of = &kinds[kind];
    return (uint64_t *)((uintptr_t)bank + of->start + index * (sizeof(uint64_t) + of->bytes));
}

size_t kept_room(enum kept_kind kind)
{
    return kinds[kind].room;
}

void kept_put(struct kept *k, enum kept_kind kind, const void *entry)
{
    uint64_t sequence;
    if (k->bank != nullptr) {
        memcpy(&sequence, entry, sizeof(sequence));
        uint64_t *slot = slot_of(k->bank, kind, sequence % kinds[kind].room);
        write_checked(slot, k->bank->head.salt, slot + 1, entry, kinds[kind].bytes);
    }
}

void kept_put_why(struct kept *k, const char *why)
{
    char text[KEPT_WHY_BYTES] = "";
    if (k->bank != nullptr) {
        copy_text(text, sizeof(text), why, sizeof(text));
        write_checked(&k->bank->why_check, k->bank->head.salt, k->bank->why, text, sizeof(text));
    }
}

// ---- Reading ----

// The bank of the boot that was `age` boots ago. Those in between may be missing: what lies in memory
// may be damaged in parts.
static const struct kept_bank *bank_at(const struct kept *k, uint32_t age, struct head *h)
{
    for (uint32_t i = 0; k->banks != nullptr && age > 0 && i < KEPT_BANKS; i++) {
        if (head_good(&k->banks[i], h) && (uint64_t)h->boot + age == k->boot) {
            return &k->banks[i];
        }
    }
    return nullptr;
}

uint32_t kept_boot(const struct kept *k, uint32_t age)
{
    struct head h;
    return bank_at(k, age, &h) != nullptr ? h.boot : 0;
}

static uint64_t sequence_at(const struct kept_bank *bank, enum kept_kind kind, uint64_t index)
{
    uint64_t sequence = slot_of(bank, kind, index)[1];
    return sequence % kinds[kind].room == index ? sequence : 0;
}

// The lowest number above `after` that some slot claims; 0: none does.
static uint64_t claimed_after(const struct kept_bank *bank, enum kept_kind kind, uint64_t after)
{
    uint64_t best = 0;
    for (uint64_t i = 0; i < kinds[kind].room; i++) {
        uint64_t sequence = sequence_at(bank, kind, i);
        best = sequence > after && (best == 0 || sequence < best) ? sequence : best;
    }
    return best;
}

#define SHOWABLE(text) make_showable(text, sizeof(text))
static void make_showable(char *text, size_t bytes)
{
    char copy[256];
    static_assert(sizeof(copy) >= RS_TEXT_BYTES);
    memcpy(copy, text, bytes < sizeof(copy) ? bytes : sizeof(copy));
    copy_text(text, bytes, copy, bytes < sizeof(copy) ? bytes : sizeof(copy));
}

static void tame_event(struct rs_event *e)
{
    SHOWABLE(e->name);
    SHOWABLE(e->module);
    SHOWABLE(e->text);
    SHOWABLE(e->place);
    SHOWABLE(e->request);
}

static void tame_death(struct rs_death *d)
{
    d->frame_count = d->frame_count < RS_FRAMES ? d->frame_count : RS_FRAMES;
    d->message_count = d->message_count < RS_MESSAGES ? d->message_count : RS_MESSAGES;
    for (uint32_t i = 0; i < RS_FRAMES; i++) {
        SHOWABLE(d->frames[i].function);
    }
    SHOWABLE(d->name);
    SHOWABLE(d->module);
    SHOWABLE(d->text);
    SHOWABLE(d->file);
    SHOWABLE(d->assertion);
    SHOWABLE(d->waiting_on);
}

static void tame_letter(struct rs_letter *l)
{
    l->bytes = l->bytes < sizeof(l->data) ? l->bytes : sizeof(l->data);
    SHOWABLE(l->name);
}

static void tame(enum kept_kind kind, void *entry)
{
    if (kind == KEPT_EVENTS) {
        tame_event(entry);
    } else if (kind == KEPT_DEATHS) {
        tame_death(entry);
    } else {
        tame_letter(entry);
    }
}

bool kept_next(const struct kept *k, uint32_t age, enum kept_kind kind, uint64_t after, void *out)
{
    struct head h;
    const struct kept_bank *bank = bank_at(k, age, &h);
    const struct kind *of = &kinds[kind];
    while (bank != nullptr && (after = claimed_after(bank, kind, after)) != 0) {
        const uint64_t *slot = slot_of(bank, kind, after % of->room);
        uint64_t check = slot[0], sequence;
        memcpy(out, slot + 1, of->bytes);
        memcpy(&sequence, out, sizeof(sequence));
        if (sequence == after && check == check_of(h.salt, out, of->bytes)) {
            tame(kind, out);
            return true;
        }
    }
    return false;
}

bool kept_why(const struct kept *k, uint32_t age, char why[KEPT_WHY_BYTES])
{
    struct head h;
    const struct kept_bank *bank = bank_at(k, age, &h);
    if (bank == nullptr) {
        return false;
    }
    memcpy(why, bank->why, KEPT_WHY_BYTES);
    bool good = bank->why_check == check_of(h.salt, why, KEPT_WHY_BYTES);
    make_showable(why, KEPT_WHY_BYTES);
    return good;
}
