// SPDX-License-Identifier: MIT
// The predecessor's writable memory, mapped here where it was there. Sorted by address.
#include "randomizer/mover/internal.h"

static void insert(struct mover *m, uint32_t at, const struct region_info *r)
{
    for (uint32_t i = m->views++; i > at; i--) {
        m->view[i] = m->view[i - 1];
    }
    m->view[at] = (struct region){r->start, r->start, r->bytes, r->object_id};
}

// Where a region that starts there belongs in the list.
static uint32_t place_of(const struct mover *m, uint64_t start)
{
    uint32_t at = 0;
    while (at < m->views && m->view[at].from < start) {
        at++;
    }
    return at;
}

static void remove_view(struct mover *m, uint32_t at)
{
    (void)sys_mem_unmap(HANDLE_NONE, m->view[at].from, m->view[at].bytes);
    m->views--;
    for (uint32_t i = at; i < m->views; i++) {
        m->view[i] = m->view[i + 1];
    }
}

static void map(struct mover *m, uint32_t at, const struct region_info *r)
{
    uint64_t address = r->start;
    if (m->views == MOVE_REGIONS) {
        move_fail(m, MOVE_VIEW, "more than %d mappings", MOVE_REGIONS);
        return;
    }
    enum status status =
        sys_mem_map_from(m->predecessor, r->start, &address, PROT_READ | PROT_WRITE);
    if (status == ERR_EXISTS) {
        move_fail(m, MOVE_CONFLICT, "%#llx", (unsigned long long)r->start);
    } else if (status == OK) {
        insert(m, at, r);
    } else if (!(m->live && status == ERR_NOT_FOUND)) { // else it has just gone
        move_fail(m, MOVE_VIEW, "%#llx: %s", (unsigned long long)r->start, rt_status_text(status));
    }
}

// Its view of its own predecessor, and what its own move needed, are nobody's state. If they were looked at, the memory of the
// dead would be handed down from heir to heir, as long as each dies before it has tidied up.
static bool is_scaffold(const struct mover *theirs, const struct region_info *r)
{
    if (!theirs) {
        return false;
    }
    for (uint32_t i = 0; i < theirs->arenas && i < MOVE_ARENAS; i++) {
        if (theirs->arena_region[i].from == r->start) {
            return true;
        }
    }
    uint32_t low = 0, high = theirs->views < MOVE_REGIONS ? theirs->views : 0;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (theirs->view[middle].from < r->start) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < theirs->views && low < MOVE_REGIONS && theirs->view[low].from == r->start;
}

// The predecessor's own mover, to be read here: the region that it lies in is mapped first. nullptr: it is not there.
static const struct mover *look_at_theirs(struct mover *m)
{
    const struct mover *theirs = move_of(m);
    struct region_info r;
    if (!theirs || view_has(m, (uint64_t)theirs, sizeof(*theirs))) {
        return theirs;
    }
    bool there = sys_task_region(m->predecessor, (uint64_t)theirs, &r) == OK && r.start <= (uint64_t)theirs;
    if (there) {
        map(m, place_of(m, r.start), &r);
    }
    return there && view_has(m, (uint64_t)theirs, sizeof(*theirs)) ? theirs : nullptr;
}

// Place and size do not make it the same: a request that is undone and runs again draws the same places for the memory that
// it maps, since the generator was undone, too; and what was mapped the first time is nobody's then.
static bool is_same(const struct region *view, const struct region_info *r)
{
    return view->from == r->start && view->bytes == r->bytes && view->object == r->object_id;
}

// What is here from the time before stays if it is still the same there. Where something else is now, all is copied again. The
// status page is here already: all incarnations share it.
void view_open(struct mover *m)
{
    struct region_info r;
    uint64_t address = USER_MIN;
    uint32_t at = 0;
    const struct mover *theirs = look_at_theirs(m);
    while (m->error == MOVE_OK && sys_task_region(m->predecessor, address, &r) == OK) {
        address = r.start + r.bytes;
        if (!(r.prot & PROT_WRITE) || (r.flags & REGION_DEVICE) || is_scaffold(theirs, &r)) {
            continue;
        }
        while (at < m->views && m->view[at].from < r.start + r.bytes && !is_same(&m->view[at], &r)) {
            m->next_whole = m->next_whole || m->view[at].from + m->view[at].bytes > r.start;
            remove_view(m, at);
        }
        if (at == m->views || m->view[at].from != r.start) {
            map(m, at, &r);
        }
        at += at < m->views && m->view[at].from == r.start;
    }
}

static bool is_in(const struct region *r, uint64_t address, uint64_t bytes)
{
    return address >= r->from && address + bytes <= r->from + r->bytes && address + bytes >= address;
}

bool view_has(struct mover *m, uint64_t address, uint64_t bytes)
{
    uint32_t low = 0, high = m->views;
    if (m->mode == MOVE_SAVE) {
        return true; // our own
    }
    if (m->last_view < m->views && is_in(&m->view[m->last_view], address, bytes)) {
        return true;
    }
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (m->view[middle].from + m->view[middle].bytes <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    m->last_view = low;
    return low < m->views && is_in(&m->view[low], address, bytes);
}

bool view_close_one(struct mover *m)
{
    if (m->views == 0) {
        return false;
    }
    m->views--;
    (void)sys_mem_unmap(HANDLE_NONE, m->view[m->views].from, m->view[m->views].bytes);
    return true;
}
