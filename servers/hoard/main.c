// SPDX-License-Identifier: MIT
// Requests of the hoard; what it holds is in hoard.c.
#include "interfaces/hoard.server.h"
#include "lib/rt/rt.h"
#include "lib/rt/tx.h"
#include "servers/hoard/hoard.h"

static enum status do_fill(struct request *, uint32_t seed, uint32_t objects, uint64_t bytes, uint64_t *made)
{
    return hoard_fill(seed, objects, bytes, made) ? OK : ERR_QUOTA;
}

static enum status do_churn(struct request *, uint32_t seed, uint32_t count, uint64_t *done)
{
    return hoard_churn(seed, count, done) ? OK : ERR_QUOTA;
}

static enum status do_check(struct request *, uint64_t *sum, uint64_t *objects, uint64_t *ups)
{
    const char *wrong = hoard_check(sum, objects, ups);
    if (wrong) {
        log_error("%s", wrong);
    }
    return wrong ? ERR_CORRUPT : OK;
}

static enum status do_clear(struct request *)
{
    hoard_clear();
    return OK;
}

static enum status do_where(struct request *, uint64_t *item, uint64_t *branch, uint64_t *large, uint64_t *function,
                            uint64_t *global)
{
    uint64_t at[5];
    bool any = hoard_where(at);
    *item = ~at[0], *branch = ~at[1], *large = ~at[2], *function = ~at[3], *global = ~at[4];
    return any ? OK : ERR_STATE;
}

static bool doomed;

static enum status do_spoil(struct request *, uint32_t how)
{
    doomed = doomed || how == 2;
    return how == 2 || hoard_spoil() ? OK : ERR_STATE;
}

static void on_reborn(const struct rt_rebirth *rebirth)
{
    rt_assert(!doomed && hoard_is_well(rebirth));
}

int service_main(void)
{
    static const struct hoard_ops ops = {
        .fill = do_fill, .churn = do_churn, .check = do_check, .clear = do_clear, .where = do_where, .spoil = do_spoil};
    static const struct rt_interface interface = {HOARD_PROTOCOL, hoard_dispatch, &ops};
    rt_on_reborn(on_reborn);
    return rt_serve(&interface, 1);
}
