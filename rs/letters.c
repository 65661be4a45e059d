// SPDX-License-Identifier: MIT
#include "rs/letters.h"
#include "rs/boots.h"
#include "rs/events.h"
#include <string.h>

static struct rs_letter *ring;
static uint64_t newest;
static uint64_t unkept; // places in the ring: changed since they were written; see boots.h
static_assert(RS_LETTERS_KEPT <= 64);

static void changed(const struct rs_letter *letter)
{
    unkept |= 1ull << (letter - ring);
    boots_keep_soon();
}

void letters_keep(struct kept *k)
{
    for (; unkept != 0; unkept &= unkept - 1) {
        const struct rs_letter *letter = &ring[__builtin_ctzll(unkept)];
        if (letter->sequence + kept_room(KEPT_LETTERS) > newest) { // or its place is a newer one's
            kept_put(k, KEPT_LETTERS, letter);
        }
    }
}

const char *letters_init(void)
{
    ring = new_array(struct rs_letter, RS_LETTERS_KEPT);
    newest = 0;
    unkept = 0;
    return ring ? nullptr : "no memory for dead letters";
}

// The first word is in the last message that the dead one had noted.
static uint64_t first_word(const struct rs_death *d)
{
    const struct rs_message *m = d->message_count ? &d->messages[d->message_count - 1] : nullptr;
    return m && m->label == d->request_label && m->badge == d->request_badge ? m->word0 : 0;
}

void letter_add(struct service *s, const struct rs_death *d)
{
    struct rs_letter *letter = &ring[++newest % RS_LETTERS_KEPT];
    *letter = (struct rs_letter){
        .sequence = newest, .time_ns = d->detected_ns, .service = s->number,
        .badge = d->request_badge, .label = d->request_label, .call = d->request_call,
        .words = {first_word(d)}, .record = d->sequence};
    copy_name(letter->name, sizeof(letter->name), s->name);
    changed(letter);
    s->letter = newest;
    s->poison_call = d->request_call;
}

const struct rs_letter *letter_find(uint64_t sequence)
{
    const struct rs_letter *letter = &ring[sequence % RS_LETTERS_KEPT];
    return sequence != 0 && letter->sequence == sequence ? letter : nullptr;
}

// All of it is what another domain says.
void letter_collect(struct service *s)
{
    const struct dead_letter *said = &s->status->letter;
    if (s->poison_call == 0 || said->call != s->poison_call) {
        return;
    }
    s->poison_call = 0;
    struct rs_letter *letter = &ring[s->letter % RS_LETTERS_KEPT];
    if (letter->sequence != s->letter) {
        return; // so many since that it is not kept any more
    }
    changed(letter);
    letter->answered = 1;
    letter->grant = said->grant;
    letter->bytes = said->bytes < sizeof(letter->data) ? said->bytes : sizeof(letter->data);
    static_assert(sizeof(letter->words) == sizeof(said->words));
    static_assert(sizeof(letter->data) == sizeof(said->data));
    memcpy(letter->words, said->words, sizeof(letter->words));
    memcpy(letter->data, said->data, letter->bytes);
    event_add(RS_POISONED, s)->value = letter->sequence;
}

uint32_t letters_kept(void)
{
    return newest < RS_LETTERS_KEPT ? (uint32_t)newest : RS_LETTERS_KEPT;
}

const struct rs_letter *letter_at(uint32_t i)
{
    return &ring[(newest - letters_kept() + 1 + i) % RS_LETTERS_KEPT];
}
