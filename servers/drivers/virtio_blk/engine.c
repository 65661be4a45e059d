// SPDX-License-Identifier: MIT
// Requests under way: from the rings to the device and back.
//
// An entry of a ring is in at most one slot. A slot ends when the device answers, or when the
// device was restarted BLK_TRIES times over it; every other entry simply waits. Nothing here
// blocks.
#include "servers/drivers/virtio_blk/blk.h"

static const uint8_t no_answer = 0xff; // what the status byte holds until the device writes it

void blk_engine_init(struct blk *b)
{
    b->free_slots = UINT32_MAX >> (32 - BLK_SLOTS);
}

static bool is_used(const struct blk *b, uint32_t slot)
{
    return !(b->free_slots >> slot & 1);
}

bool blk_is_busy(const struct blk_session *s)
{
    uint64_t any = 0;
    for (uint32_t w = 0; w < BLOCK_WORDS; w++) {
        any |= s->word[w].under_way;
    }
    return any != 0;
}

uint32_t blk_under_way(const struct blk *b)
{
    return BLK_SLOTS - (uint32_t)__builtin_popcount(b->free_slots);
}

// The valid bits of word w of an entry bitmap.
static uint64_t entry_mask(uint32_t entries, uint32_t w)
{
    if (entries >= (w + 1) * 64) {
        return UINT64_MAX;
    }
    return entries <= w * 64 ? 0 : (1ull << (entries - w * 64)) - 1;
}

void blk_take_submitted(struct blk *b, uint32_t session)
{
    struct blk_session *s = &b->session[session];

    if (s->ring == nullptr) {
        return;
    }
    for (uint32_t w = 0; w < BLOCK_WORDS; w++) {
        if (atomic_load_explicit(&s->ring->submitted[w], memory_order_relaxed) != 0) {
            s->word[w].waiting |= atomic_exchange(&UNDO_DEVICE_AT(s->ring)->submitted[w], 0) &
                             entry_mask(s->entries, w);
        }
    }
}

static void take_all(struct blk_session *s)
{
    for (uint32_t w = 0; w < BLOCK_WORDS; w++) {
        s->word[w] = (struct blk_entries){.waiting = entry_mask(s->entries, w)};
    }
}

// The dead one may have died between ending a request and telling of it.
void blk_begin_again(struct blk *b, struct blk_turn *turn)
{
    blk_engine_init(b);
    for (uint32_t i = 0; i < BLOCK_SESSIONS; i++) {
        if (b->session[i].ring != nullptr) {
            take_all(&b->session[i]);
            turn->tell |= 1u << i;
        }
    }
}

// The next entry that waits and is not under way, -1 if there is none.
static int next_waiting(struct blk_session *s)
{
    for (uint32_t w = 0; w < BLOCK_WORDS; w++) {
        uint64_t bits = s->word[w].waiting & ~s->word[w].under_way;
        if (bits != 0) {
            return (int)w * 64 + __builtin_ctzll(bits);
        }
        if (s->word[w].waiting != 0) { // a client that submits an entry twice gets it run once
            s->word[w].waiting = 0;
        }
    }
    return -1;
}

static void finish_entry(struct blk *b, uint32_t session, uint32_t entry, enum status status, struct blk_turn *turn)
{
    blk_finish_entry(&b->session[session], entry, status);
    turn->tell |= 1u << session;
    turn->ended++;
    turn->failed += status != OK;
}

static void end_slot(struct blk *b, uint32_t i, enum status status, struct blk_turn *turn)
{
    struct blk_slot *slot = &b->slot[i];
    struct blk_session *s = &b->session[slot->session];

    finish_entry(b, slot->session, slot->entry, status, turn);
    s->word[slot->entry / 64].under_way &= ~(1ull << (slot->entry % 64));
    b->free_slots |= 1u << i;
}

// Puts the checked job into the queue under slot i. Anything but OK and ERR_AGAIN (the queue is full)
// is what the request ends with.
static enum status queue_job(struct blk *b, uint32_t i, struct blk_job *job)
{
    static const uint32_t type[] = {VIRTIO_BLK_IN, VIRTIO_BLK_OUT, VIRTIO_BLK_FLUSH};
    struct blk_control *c = b->control;
    uint64_t control_at = b->dma_pages[BLK_DMA_CONTROL];
    uint64_t table_offset = (uint64_t)i * BLK_TABLE * sizeof(struct virtq_desc);
    uint16_t in = (uint16_t)(job->op == BLOCK_READ ? job->data + 1 : 1);
    uint16_t out = (uint16_t)(job->data + 2 - in);

    *UNDO_DEVICE_AT(&c->header[i]) = (struct virtio_blk_header){.type = type[job->op], .sector = job->sector};
    *UNDO_DEVICE_AT(&c->status[i]) = no_answer;
    job->part[0] = (struct virtq_part){control_at + offsetof(struct blk_control, header) +
                                           i * sizeof c->header[0],
                                       sizeof c->header[0]};
    job->part[job->data + 1] =
        (struct virtq_part){control_at + offsetof(struct blk_control, status) + i, 1};
    if (!b->indirect) {
        return virtq_add(&b->queue, job->part, out, in, &b->slot[i]);
    }
    return virtq_add_indirect(&b->queue, b->tables + i * (uint32_t)BLK_TABLE,
                              b->dma_pages[BLK_DMA_TABLES + table_offset / 4096] +
                                  table_offset % 4096,
                              job->part, out, in, &b->slot[i]);
}

// All of a slot at once: one record in the undo log.
static struct blk_slot slot_for(uint32_t session, uint32_t entry, uint32_t tries,
                                const struct blk_job *job, uint64_t now_ns)
{
    return (struct blk_slot){.session = (uint8_t)session,
                             .tries = (uint8_t)tries,
                             .entry = (uint16_t)entry,
                             // A read that delivered less than was asked for has left old bytes in the buffer.
                             .least = job->op == BLOCK_READ ? job->bytes + 1 : 0,
                             .since_ns = now_ns};
}

static void take_slot(struct blk *b, uint32_t i, struct blk_slot slot)
{
    struct blk_session *s = &b->session[slot.session];
    struct blk_entries *word = &s->word[slot.entry / 64];
    uint64_t bit = 1ull << (slot.entry % 64);

    b->slot[i] = slot;
    b->free_slots &= ~(1u << i);
    *word = (struct blk_entries){word->waiting & ~bit, word->under_way | bit};
}

static void drop_slot(struct blk *b, uint32_t i)
{
    struct blk_slot *slot = &b->slot[i];
    struct blk_entries *word = &b->session[slot->session].word[slot->entry / 64];
    uint64_t bit = 1ull << (slot->entry % 64);

    *word = (struct blk_entries){word->waiting | bit, word->under_way & ~bit};
    b->free_slots |= 1u << i;
}

// What needs no device: mistakes of the client, flushing what has no cache, a device that is gone.
static enum status without_device(const struct blk *b, enum status checked,
                                  const struct blk_job *job)
{
    if (checked != OK) {
        return checked;
    }
    if (!b->working) {
        return ERR_IO;
    }
    return job->op == BLOCK_FLUSH && !b->can_flush ? OK : STATUS_COUNT;
}

static void looked_at(struct blk_session *s, uint32_t entry)
{
    s->word[entry / 64].waiting &= ~(1ull << (entry % 64));
}

// Starts one entry of the session. false: nothing waits there, or the queue is full.
static bool start_one(struct blk *b, uint32_t session, struct blk_turn *turn)
{
    struct blk_session *s = &b->session[session];
    int entry = next_waiting(s);

    if (entry < 0) {
        return false;
    }
    struct blk_job job; // here, and not in *b: what lies on the stack is not logged
    enum status status = blk_read_entry(b, session, (uint32_t)entry, &job);
    if (status == ERR_AGAIN) {
        looked_at(s, (uint32_t)entry);
        return true; // nothing was there; perhaps the next
    }
    if (b->repeating) {
        b->count.repeated++;
    }
    status = without_device(b, status, &job);
    if (status != STATUS_COUNT) {
        looked_at(s, (uint32_t)entry);
        finish_entry(b, session, (uint32_t)entry, status, turn);
        return true;
    }
    uint32_t i = (uint32_t)__builtin_ctz(b->free_slots);
    take_slot(b, i, slot_for(session, (uint32_t)entry, 1, &job, turn->now_ns));
    if (queue_job(b, i, &job) != OK) {
        drop_slot(b, i);
        return false;
    }
    return true;
}

// The first of them from `from` on, and round.
static uint32_t whose_turn(uint32_t sessions, uint32_t from)
{
    uint32_t behind = sessions >> from << from;

    return (uint32_t)__builtin_ctz(behind != 0 ? behind : sessions);
}

// One entry of each session in turn.
static void start_waiting(struct blk *b, struct blk_turn *turn)
{
    uint32_t left = b->open; // sessions that may have something to start
    uint32_t next = b->next_session;

    while (b->free_slots != 0 && left != 0) {
        uint32_t session = whose_turn(left, next);
        if (b->session[session].closing || !start_one(b, session, turn)) {
            left &= ~(1u << session);
        }
        next = (session + 1) % BLOCK_SESSIONS;
    }
    if (next != b->next_session) {
        b->next_session = next;
    }
}

// Stored together: one record of the undo log.
static void count_ends(struct blk *b, const struct blk_turn *turn)
{
    if (turn->ended > 0) {
        b->last_answer_ns = turn->answered ? turn->now_ns : b->last_answer_ns;
        b->count.completed += turn->ended;
    }
    if (turn->failed > 0) {
        b->count.failed += turn->failed;
    }
}

void blk_run(struct blk *b, struct blk_turn *turn)
{
    start_waiting(b, turn);
    if (b->working && virtq_publish(&b->queue)) {
        b->kick(b);
    }
    count_ends(b, turn);
    for (uint32_t sessions = turn->tell; sessions != 0; sessions &= sessions - 1) {
        b->tell(b, &b->session[__builtin_ctz(sessions)]);
    }
}

static enum status verdict(const struct blk *b, const struct blk_slot *slot, uint32_t written)
{
    switch (b->control->status[slot - b->slot]) {
    case VIRTIO_BLK_S_OK:
        return written >= slot->least ? OK : ERR_IO;
    case VIRTIO_BLK_S_UNSUPP:
        return ERR_UNSUPPORTED;
    default:
        return ERR_IO;
    }
}

uint32_t blk_completions(struct blk *b, struct blk_turn *turn)
{
    uint32_t taken = 0, written;
    void *cookie;

    while (b->working && virtq_take(&b->queue, &cookie, &written) == OK) {
        struct blk_slot *slot = cookie;
        end_slot(b, (uint32_t)(slot - b->slot), verdict(b, slot, written), turn);
        taken++;
    }
    turn->answered |= taken > 0;
    return taken;
}

// Gives what was under way to the device again, from the rings: a slot holds no copy of a request.
static void repeat_slots(struct blk *b, struct blk_turn *turn)
{
    for (uint32_t i = 0; i < BLK_SLOTS; i++) {
        struct blk_slot *slot = &b->slot[i];
        if (!is_used(b, i)) {
            continue;
        }
        struct blk_job job;
        enum status status = blk_read_entry(b, slot->session, slot->entry, &job);
        if (slot->tries == BLK_TRIES || !b->working) {
            end_slot(b, i, ERR_IO, turn);
            continue;
        }
        status =
            status == ERR_AGAIN ? ERR_ARG : status; // taken back by a client that may not do so
        if (status == OK) {
            *slot = slot_for(slot->session, slot->entry, slot->tries + 1u, &job, turn->now_ns);
            status = queue_job(b, i, &job);
        }
        if (status != OK) {
            end_slot(b, i, status == ERR_AGAIN ? ERR_IO : status, turn);
        }
    }
}

static void restart_device(struct blk *b, uint64_t now_ns)
{
    struct blk_turn turn = {.now_ns = now_ns};

    b->count.resets++;
    b->working = b->restart(b) == OK;
    b->last_answer_ns = now_ns;
    repeat_slots(b, &turn);
    blk_run(b, &turn);
}

uint64_t blk_check_time(struct blk *b, uint64_t now_ns, bool failed)
{
    bool late = false;

    for (uint32_t i = 0; i < BLK_SLOTS; i++) {
        const struct blk_slot *slot = &b->slot[i];
        // A device that answers others is slow, not dead.
        uint64_t since = slot->since_ns > b->last_answer_ns ? slot->since_ns : b->last_answer_ns;
        late |= is_used(b, i) && now_ns >= since + b->timeout_ns;
    }
    if (late || failed || b->queue.broken) {
        restart_device(b, now_ns);
    }
    return blk_under_way(b) > 0 ? now_ns + b->timeout_ns / 4 : 0;
}
