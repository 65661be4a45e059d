// SPDX-License-Identifier: MIT
// The service's part of a checkpoint: when the supervisor has rung, and no transaction is under
// way, its state goes into the memory that lies ready. Compiled without the undo log.
#include "lib/rt/internal.h"
#include "randomizer/mover/checkpoint.h"
#include "randomizer/mover/move.h"
#include <stdio.h>

RT_OWN static bool wanted;
static const char *refusal; // why there are none of this service; nullptr: there are

void rt_no_checkpoints(const char *why)
{
    refusal = why;
}

void checkpoint_want(void)
{
    wanted = true;
}

struct lent {
    handle_t memory, module;
    uint64_t at, bytes; // of the memory, mapped
    uint64_t module_at, module_bytes;
};

static enum status map_lent(handle_t handle, uint32_t prot, uint64_t *at, uint64_t *bytes)
{
    struct mem_info info;
    enum status status = sys_mem_info(handle, &info);
    *at = 0;
    *bytes = status == OK ? (info.bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1) : 0;
    return status == OK ? sys_mem_map(HANDLE_NONE, handle, at, 0, *bytes, prot) : status;
}

static void give_back(const struct lent *l)
{
    if (l->at != 0) {
        (void)sys_mem_unmap(HANDLE_NONE, l->at, l->bytes);
    }
    if (l->module_at != 0) {
        (void)sys_mem_unmap(HANDLE_NONE, l->module_at, l->module_bytes);
    }
    (void)sys_handle_close(H_CHECKPOINT);
    (void)sys_handle_close(H_MODULE);
}

MOVE_ADDRESSES static enum move_error save(const struct lent *l, struct move_report *report)
{
    struct checkpoint_order order = *(const struct checkpoint_order *)l->at;
    if (order.magic != CHECKPOINT_ORDER || order.layout > l->bytes || order.layout % 8 != 0 ||
        order.layout_bytes > l->bytes - order.layout) {
        snprintf(report->where, sizeof(report->where), "no layout record came with it");
        return MOVE_NO_LAYOUT;
    }
    void *layout = (void *)(l->at + order.layout);
    struct move_save save = {.module = (const void *)l->module_at, .module_bytes = l->module_bytes,
                             .layout = layout, .to = (void *)l->at, .room = order.layout};
    enum move_error error = move_save(&save, report);
    __builtin_memset(layout, 0, order.layout_bytes);
    return error;
}

MOVE_ADDRESSES static void refuse(const struct lent *l, const char *why, const char *where)
{
    struct checkpoint_refusal *r = (struct checkpoint_refusal *)l->at;
    log_warn("no checkpoint: %s%s%s", why, *where ? ": " : "", where);
    if (r) {
        snprintf(r->reason, sizeof(r->reason), "%s%s%s", why, *where ? ": " : "", where);
        r->magic = CHECKPOINT_REFUSED;
    }
}

static void write_down(void)
{
    struct lent l = {.at = 0};
    struct move_report report = {.objects = 0};
    struct handle_info info;
    if (sys_handle_info(H_CHECKPOINT, &info) != OK) {
        return; // rung twice
    }
    enum status status = map_lent(H_CHECKPOINT, PROT_READ | PROT_WRITE, &l.at, &l.bytes);
    status = status == OK ? map_lent(H_MODULE, PROT_READ, &l.module_at, &l.module_bytes) : status;
    enum move_error error = status != OK ? MOVE_NO_MEMORY : refusal ? MOVE_BOUND : MOVE_OK;
    error = error == MOVE_OK ? save(&l, &report) : error;
    if (error != MOVE_OK) {
        refuse(&l, move_error_text(error), error == MOVE_BOUND ? refusal : report.where);
    }
    give_back(&l);
    rt_status->checkpoints++;
}

void checkpoint_if_wanted(void)
{
    if (__builtin_expect(wanted, 0)) {
        wanted = false;
        write_down();
    }
}
