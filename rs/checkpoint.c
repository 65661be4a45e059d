// SPDX-License-Identifier: MIT
// Checkpoints: the state of a service, written down by itself, kept outside of it.
//
// The supervisor puts a memory object and the service's module into its start-up range and rings;
// the service writes, unmaps, closes the handles, and counts in its status page. A service does not
// know its own layout: its record lies behind the room for the checkpoint, and is gone from there
// when that is written. Two good ones are kept while a third is written. What counts as good has a
// right checksum, is of this program, and is mapped nowhere; it is checked again before it is used.
#include "lib/rt/movable.h"
#include "lib/rt/undo_log.h"
#include "randomizer/mover/checkpoint.h"
#include "rs/events.h"
#include "rs/record.h"
#include <string.h>

enum : uint64_t { PATIENCE_NS = 10000000000 };

// ---- The memory ----

static uint64_t page_round(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

static uint64_t slot_bytes(const struct service *s)
{
    return s->entry->checkpoint + page_round(s->layout_bytes);
}

static enum status make_slot(struct service *s, struct checkpoint *c)
{
    return c->memory != HANDLE_NONE ? OK : sys_mem_create(slot_bytes(s), 0, &c->memory);
}

// How much it would be missed: none, a bad one; one that was of no use to somebody; the older ones.
static uint64_t worth(const struct checkpoint *c)
{
    return c->sequence == 0 ? 0 : c->tried ? 1 : 1 + c->sequence;
}

static struct checkpoint *slot_for_next(struct service *s)
{
    struct checkpoint *best = &s->checkpoints[0];
    for (uint32_t i = 1; i < CHECKPOINTS; i++) {
        if (worth(&s->checkpoints[i]) < worth(best)) {
            best = &s->checkpoints[i];
        }
    }
    return best;
}

struct checkpoint *checkpoint_newest(struct service *s)
{
    struct checkpoint *newest = nullptr;
    for (uint32_t i = 0; i < CHECKPOINTS; i++) {
        struct checkpoint *c = &s->checkpoints[i];
        newest = c->sequence > (newest ? newest->sequence : 0) ? c : newest;
    }
    return newest;
}

struct checkpoint *checkpoint_find(struct service *s, uint64_t sequence)
{
    struct checkpoint *found = nullptr;
    for (uint32_t i = 0; i < CHECKPOINTS; i++) {
        struct checkpoint *c = &s->checkpoints[i];
        bool wanted = sequence != 0 ? c->sequence == sequence
                                    : !c->tried && (!found || c->sequence > found->sequence);
        found = c->sequence != 0 && wanted ? c : found;
    }
    return found;
}

// Runs fn on the memory, mapped for the moment. What is stored there is not undone: until it counts
// as a checkpoint nobody looks at it.
MOVE_ADDRESSES static enum status with_mapped(const struct service *s, const struct checkpoint *c,
                                              enum status (*fn)(void *at, uint64_t room, void *arg),
                                              void *arg)
{
    uint64_t at = 0, room = slot_bytes(s);
    enum status status = sys_mem_map(0, c->memory, &at, 0, room, PROT_READ | PROT_WRITE);
    if (status != OK) {
        return status;
    }
    status = undo_skip_add(at, at + room) ? fn((void *)at, s->entry->checkpoint, arg) : ERR_QUOTA;
    undo_skip_remove(at);
    (void)sys_mem_unmap(0, at, room);
    return status;
}

struct verdict {
    uint64_t program, limit, bytes; // limit: of what belongs to it
    char reason[RS_TEXT_BYTES]; // of a service that refuses
};

static enum status verify(void *at, uint64_t room, void *arg)
{
    struct verdict *v = arg;
    const struct checkpoint_header *h = at;
    const struct checkpoint_refusal *r = at;
    if (h->magic == CHECKPOINT_REFUSED) {
        copy_text(v->reason, sizeof(v->reason), r->reason, sizeof(r->reason));
        return ERR_UNSUPPORTED;
    }
    if (!checkpoint_verify(at, room < v->limit ? room : v->limit)) {
        return ERR_CORRUPT;
    }
    v->bytes = h->bytes;
    return h->program == v->program ? OK : ERR_ARG;
}

// Its first `limit` bytes. Nobody may be able to change it after this. ERR_CORRUPT: it is damaged; ERR_ARG: it is of
// another program; ERR_UNSUPPORTED: the service says in v->reason why there is none.
static enum status examine(struct service *s, struct checkpoint *c, uint64_t limit,
                           struct verdict *v)
{
    struct mem_info info;
    enum status status = sys_mem_info(c->memory, &info);
    *v = (struct verdict){.program = module_program(s->module), .limit = limit};
    status = status == OK && info.mappings != 0 ? ERR_BUSY : status;
    status = status == OK ? with_mapped(s, c, verify, v) : status;
    c->bytes = v->bytes;
    return status;
}

bool checkpoint_there(struct service *s)
{
    struct checkpoint *c;
    struct verdict v;
    while ((c = checkpoint_find(s, 0)) != nullptr) {
        if (examine(s, c, c->bytes, &v) == OK) {
            return true;
        }
        c->sequence = 0;
    }
    return false;
}

// ---- Taking one ----

static void note(struct service *s, enum rs_event_kind kind, uint64_t value, const char *text)
{
    struct rs_event *e = event_add(kind, s);
    e->value = value;
    copy_name(e->text, sizeof(e->text), text);
}

static enum status lay_out_order(void *at, uint64_t room, void *arg)
{
    const struct service *s = arg;
    *(struct checkpoint_order *)at =
        (struct checkpoint_order){CHECKPOINT_ORDER, room, s->layout_bytes};
    memcpy((uint8_t *)at + room, s->living->layout, s->layout_bytes);
    return OK;
}

// Both handles; ERR_STATE: it has not closed those of the last one.
static enum status lend(struct service *s, const struct checkpoint *c)
{
    handle_t there, task = s->living->task;
    enum status status = sys_handle_install(task, H_MODULE, s->living->module->memory, RIGHT_READ,
                                            0, &there);
    // The other one may be left from a time when this was done halfway.
    status = status == OK || status == ERR_EXISTS
                 ? sys_handle_install(task, H_CHECKPOINT, c->memory, RIGHT_READ | RIGHT_WRITE, 0,
                                      &there)
                 : status;
    return status == OK ? OK : ERR_STATE;
}

enum status checkpoint_begin(struct service *s)
{
    struct checkpoint *c = slot_for_next(s);
    if (s->entry->checkpoint == 0 || !s->module->moves) {
        return ERR_UNSUPPORTED;
    }
    if (s->state != RS_READY || s->writing != nullptr || !service_says(s, s->status->movable)) {
        return ERR_STATE;
    }
    enum status status = make_slot(s, c);
    if (status != OK) {
        return status;
    }
    c->sequence = 0;
    status = with_mapped(s, c, lay_out_order, s);
    status = status == OK ? lend(s, c) : status;
    if (status == ERR_STATE) { // left from an order that a death of ours undid: it gives that back
        (void)ipc_notify(s->checkpoint_bell);
    }
    if (status != OK) {
        return status;
    }
    s->writing = c;
    s->checkpoint_ns = rt_now_ns();
    s->checkpoints_before = s->status->checkpoints;
    (void)ipc_notify(s->checkpoint_bell);
    return OK;
}

static void finish(struct service *s, uint64_t now)
{
    struct checkpoint *c = s->writing;
    bool written = s->status->checkpoints != s->checkpoints_before;
    struct verdict v = {.reason = ""};
    enum status status = written ? examine(s, c, s->entry->checkpoint, &v) : ERR_AGAIN;
    bool wait = status == ERR_AGAIN || status == ERR_BUSY;
    if (status == OK) {
        c->sequence = ++s->checkpoint_count;
        c->taken_ns = now;
        c->tried = false;
        note(s, RS_CHECKPOINTED, c->bytes, "");
    } else if (!wait || now - s->checkpoint_ns > PATIENCE_NS) {
        note(s, RS_CHECKPOINT_FAILED, 0,
             wait          ? "not written in time"
             : v.reason[0] ? v.reason
                           : rt_status_text(status));
        wait = false;
    }
    s->writing = wait ? c : nullptr;
}

void checkpoint_tend(struct service *s, uint64_t now)
{
    uint64_t period = s->entry->care.checkpoint_ms * 1000000ull;
    if (s->writing != nullptr) {
        finish(s, now);
    } else if (period != 0 && now - s->checkpoint_ns >= period) {
        (void)checkpoint_begin(s);
        s->checkpoint_ns = now;
    }
}

void checkpoint_cancel(struct service *s)
{
    s->writing = nullptr;
}

// ---- Using one ----

enum status checkpoint_give(struct service *s, struct body *heir, struct failure *why)
{
    struct checkpoint *c = checkpoint_find(s, 0);
    struct startup *at = heir->startup;
    handle_t view;
    why->step = "show the checkpoint";
    if (c == nullptr) {
        return ERR_NOT_FOUND;
    }
    c->tried = true; // if it comes to nothing, it is the older one's turn
    enum status status = sys_handle_copy(c->memory, RIGHT_READ, 0, &view);
    if (status == OK) {
        at->checkpoint = 0;
        at->checkpoint_bytes = c->bytes;
        status = sys_mem_map(heir->task, view, &at->checkpoint, 0, page_round(c->bytes), PROT_READ);
        (void)sys_handle_close(view);
    }
    return status;
}

// ---- In and out ----

struct copy {
    struct request *rq;
    uint64_t offset, bytes;
};

static enum status copy_out(void *at, uint64_t, void *arg)
{
    const struct copy *c = arg;
    return rt_grant_write(c->rq, 0, (const uint8_t *)at + c->offset, c->bytes);
}

static enum status copy_in(void *at, uint64_t, void *arg)
{
    const struct copy *c = arg;
    return rt_grant_read_unlogged(c->rq, 0, at, c->bytes);
}

enum status checkpoint_read(struct request *rq, struct service *s, const struct checkpoint *c,
                            uint64_t offset, uint32_t *got)
{
    uint64_t left = offset < c->bytes ? c->bytes - offset : 0;
    struct copy copy = {rq, offset, rt_grant_bytes(rq)};
    copy.bytes = copy.bytes < left ? copy.bytes : left;
    *got = (uint32_t)copy.bytes;
    return copy.bytes != 0 ? with_mapped(s, c, copy_out, &copy) : OK;
}

enum status checkpoint_store(struct request *rq, struct service *s)
{
    struct checkpoint *c = slot_for_next(s);
    struct copy copy = {rq, 0, rt_grant_bytes(rq)};
    if (s->entry->checkpoint == 0 || !s->module->moves) {
        return ERR_UNSUPPORTED;
    }
    if (copy.bytes > s->entry->checkpoint || s->writing != nullptr) {
        return s->writing ? ERR_STATE : ERR_RANGE;
    }
    enum status status = make_slot(s, c);
    c->sequence = 0;
    struct verdict v;
    status = status == OK ? with_mapped(s, c, copy_in, &copy) : status;
    status = status == OK ? examine(s, c, copy.bytes, &v) : status;
    if (status == ERR_UNSUPPORTED || (status == OK && c->bytes != copy.bytes)) {
        status = ERR_CORRUPT; // a refusal, as a file; or a file with more behind it
    }
    if (status == OK) {
        c->sequence = ++s->checkpoint_count;
        c->taken_ns = rt_now_ns();
        c->tried = false;
    }
    return status;
}
