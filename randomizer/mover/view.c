// SPDX-License-Identifier: MIT
// The predecessor's writable memory, mapped here where it was there.
#include "randomizer/mover/internal.h"

static void map(struct mover *m, const struct region_info *r)
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
    } else if (status != OK) {
        move_fail(m, MOVE_VIEW, "%#llx: %s", (unsigned long long)r->start, rt_status_text(status));
    } else {
        m->view[m->views++] = (struct region){r->start, r->start, r->bytes};
    }
}

// The status page is here already: all incarnations share it.
void view_open(struct mover *m)
{
    struct region_info r;
    uint64_t at = USER_MIN;
    while (m->error == MOVE_OK && sys_task_region(m->predecessor, at, &r) == OK) {
        at = r.start + r.bytes;
        if ((r.prot & PROT_WRITE) && !(r.flags & REGION_DEVICE)) {
            map(m, &r);
        }
    }
}

void view_close(struct mover *m)
{
    for (uint32_t i = 0; i < m->views; i++) {
        (void)sys_mem_unmap(HANDLE_NONE, m->view[i].from, m->view[i].bytes);
    }
    m->views = 0;
}
