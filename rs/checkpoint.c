// SPDX-License-Identifier: MIT
// Checkpoints: the state of a service, written down by itself, kept outside of it.
//
// The supervisor puts a memory object into the service's start-up range and rings; the service
// writes, unmaps, closes the handle, and counts in its status page. Two good ones are kept while a
// third is written. What counts as good has a right checksum, and is mapped nowhere; it is checked
// again before it is used.
#include "lib/rt/movable.h"
#include "randomizer/mover/checkpoint.h"
#include "rs/events.h"
#include <stdio.h>
#include <string.h>

enum : uint64_t { PATIENCE_NS = 10000000000 };

// ---- The memory ----

static enum status make_slot(struct service *s, struct checkpoint *c)
{
    return c->memory != HANDLE_NONE ? OK : sys_mem_create(s->entry->checkpoint, 0, &c->memory);
}

// The one that is missed least: none, a bad one, the oldest.
static struct checkpoint *slot_for_next(struct service *s)
{
    struct checkpoint *best = &s->checkpoints[0];
    for (uint32_t i = 1; i < CHECKPOINTS; i++) {
        struct checkpoint *c = &s->checkpoints[i];
        if (best->sequence != 0 && c->sequence < best->sequence) {
            best = c;
        }
    }
    return best;
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

// Runs fn on the memory, mapped for the moment.
MOVE_ADDRESSES static enum status with_mapped(const struct service *s, const struct checkpoint *c,
                                              enum status (*fn)(void *at, uint64_t room, void *arg),
                                              void *arg)
{
    uint64_t at = 0, room = s->entry->checkpoint;
    enum status status = sys_mem_map(0, c->memory, &at, 0, room, PROT_READ | PROT_WRITE);
    if (status == OK) {
        status = fn((void *)at, room, arg);
        (void)sys_mem_unmap(0, at, room);
    }
    return status;
}

static enum status verify(void *at, uint64_t room, void *arg)
{
    uint64_t *bytes = arg;
    bool whole = checkpoint_verify(at, room);
    *bytes = whole ? ((const struct checkpoint_header *)at)->bytes : 0;
    return whole ? OK : ERR_CORRUPT;
}

// Nobody may be able to change it after this.
static enum status examine(const struct service *s, struct checkpoint *c)
{
    struct mem_info info;
    enum status status = sys_mem_info(c->memory, &info);
    status = status == OK && info.mappings != 0 ? ERR_BUSY : status;
    return status == OK ? with_mapped(s, c, verify, &c->bytes) : status;
}

bool checkpoint_there(struct service *s)
{
    struct checkpoint *c;
    while ((c = checkpoint_find(s, 0)) != nullptr) {
        if (examine(s, c) == OK) {
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
    snprintf(e->text, sizeof(e->text), "%s", text);
}

enum status checkpoint_begin(struct service *s)
{
    struct checkpoint *c = slot_for_next(s);
    handle_t there;
    if (s->entry->checkpoint == 0 || !s->module->moves) {
        return ERR_UNSUPPORTED;
    }
    if (s->state != RS_READY || s->writing != nullptr || !s->status->movable) {
        return ERR_STATE;
    }
    enum status status = make_slot(s, c);
    if (status != OK) {
        return status;
    }
    c->sequence = 0;
    status = sys_handle_install(s->living->task, H_CHECKPOINT, c->memory, RIGHT_READ | RIGHT_WRITE,
                                0, &there);
    if (status != OK) {
        return ERR_STATE; // it has not closed the last one
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
    enum status status = written ? examine(s, c) : ERR_AGAIN;
    bool wait = status == ERR_AGAIN || status == ERR_BUSY;
    if (status == OK) {
        c->sequence = ++s->checkpoint_count;
        c->taken_ns = now;
        c->tried = false;
        note(s, RS_CHECKPOINTED, c->bytes, "");
    } else if (!wait || now - s->checkpoint_ns > PATIENCE_NS) {
        note(s, RS_CHECKPOINT_FAILED, 0, wait ? "not written in time" : rt_status_text(status));
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
        status = sys_mem_map(heir->task, view, &at->checkpoint, 0, s->entry->checkpoint, PROT_READ);
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
    return rt_grant_read(c->rq, 0, at, c->bytes);
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
    status = status == OK ? with_mapped(s, c, copy_in, &copy) : status;
    status = status == OK ? examine(s, c) : status;
    if (status == OK) {
        c->sequence = ++s->checkpoint_count;
        c->taken_ns = rt_now_ns();
        c->tried = false;
    }
    return status;
}
